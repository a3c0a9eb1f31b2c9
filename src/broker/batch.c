/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What waits for the store, and what of it makes the next transaction.
 *
 * Emergencies go first: under load the operations of a whole batch and more wait here, and an
 * emergency behind them would take many times as long as alone. It overtakes only operations of
 * other cases, and a few of those that were overtaken ride along, so that emergencies without end
 * do not stop the rest. The batch that is being written when one comes cannot be stopped: so while
 * emergencies come, batches are small.
 */

#include <errno.h>
#include <stdlib.h>

#include "broker/batch.h"
#include "broker/internal.h"
#include "broker/settle.h"
#include "broker/turns.h"

#define BATCH_MESSAGES 256U
#define BATCH_BYTES    (4U * 1024U * 1024U)
#define BATCH_OPS      2048U
#define BATCH_ALONG    32U /* operations that ride along with emergencies */
#define BATCH_SMALL    64U /* operations, for so many batches after an emergency: */
#define CAREFUL        256U

StoreOp *op_for(OpKind kind, uint64_t owner_id, void *owner) {
    StoreOp *op = store_op_new(kind);
    if (!op)
        return NULL;
    op->owner_id = owner_id;
    op->owner = owner;
    return op;
}

void ops_append(OpList *l, StoreOp *op) {
    op->next = NULL;
    if (l->last)
        l->last->next = op;
    else
        l->first = op;
    l->last = op;
    l->n++;
}

StoreOp *ops_take(OpList *l) {
    StoreOp *op = l->first;
    if (!op)
        return NULL;
    l->first = op->next;
    if (!l->first)
        l->last = NULL;
    l->n--;
    op->next = NULL;
    return op;
}

bool ops_follow(const OpList *l, const Envelope *e) {
    const Uuid *id = message_order_id(e);
    for (const StoreOp *op = l->first; op; op = op->next)
        if (op->kind == OP_ACCEPT && uuid_equal(message_order_id(&op->accept.message->env), id))
            return true;
    return false;
}

/* Who may connect is never known too soon. */
static bool is_of_directory(const StoreOp *op) {
    return op->kind == OP_DIRECTORY_TAKE || op->kind == OP_DIRECTORY_READ || op->kind == OP_REVOKE;
}

void broker_push(Broker *b, StoreOp *op) {
    if (is_of_directory(op)) {
        ops_append(&b->urgent, op);
        return;
    }
    const bool urgent = op->kind == OP_ACCEPT && op->accept.message->lane <= LANE_EMERGENCY &&
                        !ops_follow(&b->ops, &op->accept.message->env);
    ops_append(urgent ? &b->urgent : &b->ops, op);
    if (urgent)
        b->careful = CAREFUL;
}

uint32_t broker_waiting(const Broker *b) {
    return b->ops.n + b->urgent.n + b->n_held;
}

bool broker_has_room(const Broker *b) {
    return broker_waiting(b) + broker_checking(b) < b->config.pending_max;
}

/* Moves operations from the head of one list to the end of another while they fit into a batch. */
static void list_move(OpList *from, OpList *to, BatchFill *fill, uint32_t max) {
    for (StoreOp *op; (op = from->first) && fill->ops < max; fill->ops++) {
        if (op->kind == OP_ACCEPT) {
            const size_t size = body_size(op->accept.message->body);
            if (fill->messages == BATCH_MESSAGES ||
                (fill->bytes > 0 && fill->bytes + size > BATCH_BYTES))
                break;
            fill->messages++;
            fill->bytes += size;
        }
        ops_append(to, ops_take(from));
    }
}

StoreOp *broker_take_batch(Broker *b) {
    OpList batch = { 0 };
    BatchFill fill = { 0 }, along = { 0 };
    turns_pump(b, b->now);
    const uint32_t usual = b->careful > 0 ? BATCH_SMALL : BATCH_OPS;
    list_move(&b->urgent, &batch, &fill, usual);
    if (batch.n > 0)
        list_move(&b->ops, &batch, &along, BATCH_ALONG);
    else
        list_move(&b->ops, &batch, &fill, usual);
    b->careful -= b->careful > 0 && batch.n > 0;
    return batch.first;
}

StoreOp *broker_take_more(Broker *b, BatchFill *fill) {
    OpList batch = { 0 };
    turns_pump(b, b->now);
    if (b->careful == 0 && b->urgent.n == 0)
        list_move(&b->ops, &batch, fill, BATCH_OPS);
    return batch.first;
}

void broker_batch_free(StoreOp *op) {
    while (op) {
        StoreOp *next = op->next;
        if (op->kind == OP_DELIVERY && op->owner) {
            Ticket *t = op->owner;
            if (--t->pending == 0) {
                free(t->done);
                free(t->unknown);
                free(t);
            }
        }
        (void)store_op_free(op);
        op = next;
    }
}

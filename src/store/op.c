/* SPDX-License-Identifier: Apache-2.0 */
/* Operations as values: making, freeing, and forgetting their results. */
#include <errno.h>

#include "store/internal.h"
#include "store/op.h"

StoreOp *store_op_new(OpKind kind) {
    StoreOp *op = calloc(1, sizeof(*op));
    if (op)
        op->kind = kind;
    return op;
}

static void bodies_reset(StoreOp *op) {
    for (uint32_t i = 0; i < op->bodies.n && op->bodies.wanted; i++) {
        struct BodyWanted *w = &op->bodies.wanted[i];
        w->body = body_unref(w->body);
        free(w->forward);
        w->forward = NULL;
    }
}

static void rows_reset(StoreOp *op) {
    for (uint32_t i = 0; i < op->n_deposits; i++) {
        body_unref(op->deposits[i].body);
        free(op->deposits[i].forward);
    }
    free(op->deposits);
    free(op->recalled);
    op->deposits = NULL;
    op->recalled = NULL;
    op->n_deposits = op->n_recalled = op->n_wraps_asked = 0;
}

void op_results_reset(StoreOp *op) {
    rows_reset(op);
    switch (op->kind) {
    case OP_ACCEPT:
        publish_result_deinit(&op->accept.result);
        op->accept.result = (PublishResult) { 0 };
        op->accept.overrun = 0;
        op->accept.counted = false;
        op->accept.directory = directory_unref(op->accept.directory);
        op->accept.wish.told = false;
        break;
    case OP_LOAD:
        free(op->load.rows);
        op->load.rows = NULL;
        op->load.n = 0;
        break;
    case OP_BODIES:
        bodies_reset(op);
        break;
    case OP_SWEEP: /* the cursor may have moved: start over, hits are found again */
        free(op->sweep.hits);
        op->sweep.hits = NULL;
        op->sweep.n = 0;
        op->sweep.queue = op->sweep.seq = 0;
        op->sweep.lane = LANE_EVENT;
        break;
    case OP_DUE:
        free(op->due.fired);
        op->due.fired = NULL;
        op->due.n = 0;
        break;
    case OP_IMPORT:
    case OP_REVOKE:
    case OP_DIRECTORY_SIGN:
        op->import.directory = directory_unref(op->import.directory);
        break;
    case OP_DIRECTORY_TAKE:
        op->take.directory = directory_unref(op->take.directory);
        op->take.verdict = CHANGE_OK;
        op->take.n_applied = 0;
        op->take.copy_of = 0;
        op->take.behind[0] = '\0';
        break;
    case OP_DIRECTORY_READ:
        free(op->read.changes);
        free(op->read.bytes);
        op->read.changes = NULL;
        op->read.bytes = NULL;
        op->read.n = 0;
        break;
    case OP_QUERY:
        op->query.table = table_free(op->query.table);
        op->query.unfinished = false;
        key_proofs_deinit(&op->query.proofs);
        break;
    case OP_KEY:
        op->key.directory = directory_unref(op->key.directory);
        op->key.enrolments = enrolments_unref(op->key.enrolments);
        op->key.done = op->key.denied = op->key.news = false;
        break;
    case OP_DELIVERY:
    case OP_NEXT:
    case OP_QUEUE:
    case OP_SUBSCRIPTION:
    case OP_LINK:
    case OP_BACKUP:
    case OP_DEAD:
    case OP_NOTE:
        break; /* plain values, written anew */
    }
}

StoreOp *store_op_free(StoreOp *op) {
    if (!op)
        return NULL;
    op_results_reset(op);
    free(op->entry);
    switch (op->kind) {
    case OP_ACCEPT:
        message_free(op->accept.message);
        break;
    case OP_BODIES:
        free(op->bodies.wanted);
        break;
    case OP_SUBSCRIPTION:
        free(op->subscription.filter);
        break;
    case OP_DIRECTORY_TAKE:
        for (uint32_t i = 0; i < op->take.n; i++)
            dir_change_deinit(&op->take.changes[i]);
        free(op->take.changes);
        break;
    case OP_IMPORT:
    case OP_REVOKE:
    case OP_DIRECTORY_SIGN:
        free(op->import.nodes);
        free(op->import.keys);
        free(op->import.regions);
        free(op->import.holidays);
        break;
    case OP_QUERY:
        for (uint32_t i = 0; i < ARRAY_SIZE(op->query.args); i++)
            free(op->query.args[i]);
        (void)message_free(op->query.message);
        (void)table_free(op->query.found);
        break;
    case OP_KEY:
        free(op->key.request);
        free(op->key.encoded);
        break;
    case OP_NOTE:
        free(op->note.list);
        publish_result_deinit(&op->note.answer);
        break;
    case OP_DELIVERY:
    case OP_LOAD:
    case OP_NEXT:
    case OP_QUEUE:
    case OP_SWEEP:
    case OP_LINK:
    case OP_BACKUP:
    case OP_DEAD:
    case OP_DIRECTORY_READ:
    case OP_DUE:
        break;
    }
    free(op);
    return NULL;
}

/* Room doubles whenever the count is a power of two: 1, 2, 4 ... */
static bool needs_room(uint32_t n) {
    return (n & (n - 1)) == 0;
}

Deposit *op_add_deposit(Store *s, StoreOp *op, const DeliveryRow *row, Body *body, bool lifted) {
    if (needs_room(op->n_deposits)) {
        const size_t room = op->n_deposits > 0 ? 2 * (size_t)op->n_deposits : 1;
        Deposit *list = reallocarray(op->deposits, room, sizeof(*list));
        if (!list) {
            db_fault(s, -ENOMEM, "out of memory");
            return NULL;
        }
        op->deposits = list;
    }
    Deposit *d = &op->deposits[op->n_deposits++];
    *d = (Deposit) { .row = *row, .body = body ? body_ref(body) : NULL, .lifted = lifted };
    return d;
}

void op_add_recalled(Store *s, StoreOp *op, const DeliveryRow *row) {
    if (needs_room(op->n_recalled)) {
        const size_t room = op->n_recalled > 0 ? 2 * (size_t)op->n_recalled : 1;
        DeliveryRow *list = reallocarray(op->recalled, room, sizeof(*list));
        if (!list) {
            db_fault(s, -ENOMEM, "out of memory");
            return;
        }
        op->recalled = list;
    }
    op->recalled[op->n_recalled++] = *row;
}

bool store_query_goes_on(StoreOp *op) {
    if (op->query.found) {
        table_join(op->query.found, op->query.table);
        (void)table_free(op->query.table);
        op->query.table = TAKE_PTR(op->query.found);
    }
    if (!op->query.unfinished)
        return false;
    op->query.unfinished = false;
    op->query.from = op->query.to;
    op->query.found = TAKE_PTR(op->query.table);
    return true;
}

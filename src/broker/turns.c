/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turns: what sessions ask of the store waits in a list of their node and goes on in fair turns
 * (deficit round robin, Shreedhar and Varghese 1995), in its order. The way to the disk behind that
 * point is first come, first served, so little is let on it at one time: enough for a whole batch
 * while one node has it for itself, and less while several share it, or who comes with a single
 * message would wait for all that another one sent before. Nobody waits while there is nothing else
 * to do.
 */

#include <utlist.h>

#include "broker/account.h"
#include "broker/batch.h"
#include "broker/check-queue.h"
#include "broker/internal.h"
#include "broker/offender.h"
#include "broker/session.h"
#include "broker/settle.h"
#include "broker/turns.h"
#include "broker/weight.h"

/* On the way is what was let go on and is not done: two batches, for one is carried out while the
 * other is collected. */
#define WAY_OPS      1024U /* of all */
#define WAY_COST     (16 * 1024 * 1024)
#define COMPANY_COST (512 * 1024) /* of each of several */
/* Of who asks for much, beside somebody who asks for little: batches that take a millisecond. */
#define HEAVY_COST (128 * 1024)
/* Of who only begins, or was put off just now: nobody knows yet what it is up to. Twice as much
 * with each step in which it was not. */
#define FIRST_COST  (16 * 1024)
#define QUANTUM     (64 * 1024) /* of a turn, in bytes */
#define QUERY_COST  (64 * 1024) /* a query: what it costs is seen afterwards only */
#define OP_COST     1024
#define CHANGE_COST (16 * 1024) /* a subscription: it may write */

static bool is_query(const StoreOp *op) {
    return op->kind == OP_QUERY || op->kind == OP_KEY;
}

/* What only a session asks for: the rest is the broker's own work and never waits for a turn. */
static bool is_intake(const StoreOp *op) {
    const bool asked = op->kind == OP_ACCEPT || is_query(op) || op->kind == OP_QUEUE ||
                       op->kind == OP_SUBSCRIPTION;
    return asked && op->owner_id >= SESSION_ID_FIRST;
}

static int64_t cost_of(const StoreOp *op) {
    if (is_query(op))
        return QUERY_COST;
    if (op->kind == OP_SUBSCRIPTION)
        return CHANGE_COST;
    return OP_COST +
           (op->kind == OP_ACCEPT ? (int64_t)body_size(op->accept.message->body) : (int64_t)0);
}

/* Emergencies have turns of their own, before the rest; not ahead of what their node sent about the
 * same case. */
static void hold(Broker *b, Session *s, StoreOp *op) {
    Account *a = s->account;
    const bool urgent = op->kind == OP_ACCEPT && op->accept.message->lane <= LANE_EMERGENCY &&
                        !ops_follow(&a->held[0].ops, &op->accept.message->env);
    Held *h = &a->held[urgent];
    ops_append(&h->ops, op);
    a->n_queries += is_query(op);
    s->n_held++;
    b->n_held++;
    if (h->ops.n > 1)
        return;
    DL_APPEND(b->turns[urgent], h);
    b->n_turns[urgent]++;
}

void turns_push(Broker *b, Now now, Session *s, StoreOp *op) {
    if (b->came_last && b->came_last != s->account)
        b->company_until_ms = now.mono_ms + WEIGHT_LASTS_MS;
    b->came_last = s->account;
    weight_note(b, now, s->account, op, MIN(cost_of(op), (int64_t)QUANTUM));
    hold(b, s, op);
}

bool turns_hold_behind(Broker *b, uint64_t session_id, StoreOp *op) {
    Session *s = session_by_id(b, session_id);
    if (!s || s->n_held == 0)
        return false;
    hold(b, s, op);
    return true;
}

/* Of one of several. */
static int64_t way_share(const Broker *b, Now now, const Account *a) {
    if (!weight_is_beside_light(b, now, a))
        return COMPANY_COST;
    return MIN((int64_t)FIRST_COST << weight_calm_steps(now, a),
               weight_is_heavy(now, a) ? HEAVY_COST : COMPANY_COST);
}

/* All of one node's is let on the way as long as nobody else comes. */
static bool way_has_room(const Broker *b, Now now, const Account *a, bool urgent) {
    if (b->way_ops >= WAY_OPS || b->way_cost >= WAY_COST)
        return false;
    const int64_t share = way_share(b, now, a);
    return now.mono_ms >= b->company_until_ms || a->way_cost < share * (urgent ? 2 : 1);
}

static void enter_the_way(Broker *b, Account *a, StoreOp *op) {
    op->charged = a;
    b->way_ops++;
    b->way_cost += cost_of(op);
    a->way_cost += cost_of(op);
}

void turns_left_the_way(Broker *b, StoreOp *op) {
    Account *a = op->charged;
    if (!a)
        return;
    op->charged = NULL;
    b->way_ops--;
    b->way_cost -= cost_of(op);
    a->way_cost -= cost_of(op);
}

static void go_on(Broker *b, Now now, Account *a, StoreOp *op) {
    Session *s = session_by_id(b, op->kind == OP_DELIVERY ? ((Ticket *)op->owner)->session_id
                                                          : op->owner_id);
    b->n_held--;
    a->n_queries -= is_query(op);
    if (s)
        s->n_held--;
    if (!s && op->kind == OP_QUERY) {
        (void)store_op_free(op); /* nobody waits for it any more */
        return;
    }
    if (!s && op->kind == OP_ACCEPT && offender_is_slowed(b, now, op->accept.key)) {
        account_release(b, a, op->accept.message); /* it was not accepted: it may be sent again */
        (void)store_op_free(op);
        return;
    }
    if (is_intake(op))
        enter_the_way(b, a, op);
    if (op->kind == OP_ACCEPT)
        check_push(b, now, op);
    else if (op->kind == OP_DELIVERY)
        check_push_behind(b, ((Ticket *)op->owner)->session_id, op);
    else
        broker_push(b, op);
}

/* What a turn costs too much is taken off the next ones. False: nothing of this one can go on until
 * something left the way. */
static bool take_turn(Broker *b, Now now, bool urgent) {
    Held *h = b->turns[urgent];
    if (h->credit <= 0)
        h->credit += QUANTUM;
    const bool blocked = !way_has_room(b, now, h->account, urgent);
    while (h->ops.first && h->credit > 0 && way_has_room(b, now, h->account, urgent)) {
        StoreOp *op = ops_take(&h->ops);
        h->credit -= cost_of(op);
        go_on(b, now, h->account, op);
    }
    DL_DELETE(b->turns[urgent], h);
    if (h->ops.first) {
        DL_APPEND(b->turns[urgent], h);
        h->credit = MIN(h->credit, (int64_t)QUANTUM);
        weight_note_pressed(b, now, h->account);
        return !blocked;
    }
    h->credit = MIN(h->credit, (int64_t)0);
    b->n_turns[urgent]--;
    return true;
}

static void pump(Broker *b, Now now, bool urgent) {
    for (uint32_t blocked = 0; b->turns[urgent] && blocked < b->n_turns[urgent];)
        blocked = take_turn(b, now, urgent) ? 0 : blocked + 1;
}

void turns_pump(Broker *b, Now now) {
    pump(b, now, true);
    pump(b, now, false);
}

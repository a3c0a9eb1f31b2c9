/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OP_ACCEPT of a RECALL_ORDER. The order goes to everyone the message went to and who has no
 * outcome yet: rows waiting here are flagged and given to the caller, and every link behind which
 * such a recipient is gets the order too. On a link it has the order key of the message, so it can
 * never overtake it; a neighbour that never saw the message ignores it.
 * Orders count against no quota, so one that has nothing left to order is not stored.
 */
#include <errno.h>

#include "store/internal.h"
#include "store/message.h"
#include "store/op.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/recall.h"
#include "store/receipts.h"
#include "store/store-accept.h"
#include "store/subscription.h"
#include "store/trace.h"

#define STEP_ORDERED "recall ordered"

static void flag_row(Store *s, StoreOp *op, const StoredMessage *m, QueueId queue, uint32_t flags) {
    DeliveryRow row;
    if (!queue_find_row(s, queue, m->seq, &row))
        return;
    const Queue *q = queue_by_id(s, queue);
    /* It may have arrived already: only the order that follows it can tell. */
    if (q && q->kind == QUEUE_LINK && (row.flags & DELIVERY_UNCERTAIN))
        return;
    if (row.flags & DELIVERY_RECALLED)
        return;
    row.flags |= flags;
    RUN(s, "UPDATE delivery SET flags = ?4 WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
        INT(row.queue), INT(row.lane), INT(row.seq), INT(row.flags));
    op_add_recalled(s, op, &row);
}

static bool is_named(const StoreOp *op, const char *node) {
    const Message *m = op->accept.message;
    if (!op->accept.from_link || m->fwd.scope)
        return true;
    for (uint32_t i = 0; i < m->fwd.n_recipients; i++)
        if (strcmp(m->fwd.recipients[i].node, node) == 0)
            return true;
    return false;
}

/* node "": anybody at all. */
static bool was_ordered(Store *s, int64_t seq, const char *node) {
    return db_number(s,
                     QUERY(s,
                           "SELECT 1 FROM trail WHERE seq = ?1 AND step = ?2"
                           " AND (?3 = '' OR who = ?3) LIMIT 1",
                           INT(seq), TEXT(STEP_ORDERED), TEXT(node)),
                     0) != 0;
}

/* What neighbours bring is not refused when it says nothing new. */
static void note_ordered(Store *s, const StoreOp *op, int64_t seq, const char *node,
                         const char *note) {
    (op->accept.from_link ? trail_add_heard : trail_add)(s, seq, STEP_ORDERED, node, note);
}

/* Is there somebody of whom the message was not recalled yet, such as one it was redirected to? */
static bool has_news(Store *s, const StoredMessage *target) {
    if (!was_ordered(s, target->seq, ""))
        return true;
    for (uint32_t i = 0; i < target->route.n; i++) {
        const RouteEntry *e = &target->route.list[i];
        if (e->queue != 0 && outcome_level(s, target->seq, e->node) == LEVEL_NONE &&
            !was_ordered(s, target->seq, e->node))
            return true;
    }
    return false;
}

/* Where the order goes on to. A local recipient's copy is withdrawn by its row; the order itself is
 * not for people. Of a copy that moved back to the neighbour the neighbour has heard before us. */
static QueueId way_of_order(Store *s, const StoreOp *op, const RouteEntry *e) {
    const Queue *queue = queue_by_id(s, e->queue);
    if (!queue || queue->kind != QUEUE_LINK ||
        (op->accept.from_link && strcmp(queue_name(queue), op->accept.authority) == 0))
        return 0;
    return e->queue;
}

/* Route of the order: the pending part of the message's route. */
static void collect(Store *s, StoreOp *op, const StoredMessage *target, StoredMessage *order) {
    for (uint32_t i = 0; i < target->route.n && s->fault == 0; i++) {
        const RouteEntry *e = &target->route.list[i];
        if (e->queue == 0 || (!(e->flags & ROUTE_SCOPE_HOP) && !is_named(op, e->node)))
            continue;
        if (outcome_level(s, target->seq, e->node) != LEVEL_NONE) {
            Reasons *list = accept_reasons(s, &op->accept.result);
            if (list)
                reasons_warn(list, "RECALL_TOO_LATE", e->node);
            continue;
        }
        flag_row(s, op, target, e->queue, DELIVERY_RECALLED);
        if (!route_add(&order->route, e->node, e->role, e->flags, way_of_order(s, op, e)))
            db_fault(s, -ENOMEM, "out of memory");
        note_ordered(s, op, target->seq, e->node, "");
    }
    if (order->route.n == 0)
        note_ordered(s, op, target->seq, target->sender, "too late");
    order->route.scope = target->route.scope;
}

/* Who has an outcome already, as the first order was told. */
static void warn_of_ended(Store *s, const StoredMessage *target) {
    for (uint32_t i = 0; i < target->route.n; i++)
        if (target->route.list[i].queue != 0 &&
            outcome_level(s, target->seq, target->route.list[i].node) != LEVEL_NONE)
            reasons_warn(&s->decision.reasons, "RECALL_TOO_LATE", target->route.list[i].node);
}

static bool refuse_order(Store *s, StoreOp *op, int64_t seq, const StoredMessage *target) {
    if (op->accept.from_link)
        return false;
    const char *code = NULL;
    if (seq == 0)
        code = "NO_SUCH_MESSAGE";
    else if (strcmp(target->sender, op->accept.message->env.sender) != 0)
        code = "NOT_YOURS";
    else if (!has_news(s, target))
        code = "RECALLED_BEFORE";
    if (!code)
        return false;
    reasons_add(&s->decision.reasons, code, "recall_of", NULL, NULL);
    if (strcmp(code, "RECALLED_BEFORE") == 0)
        warn_of_ended(s, target);
    accept_refuse(s, op, VERDICT_REFUSED);
    return true;
}

/* Copies of named subscriptions are withdrawn without a word. */
static void withdraw_copies(Store *s, const StoredMessage *target) {
    const Subscription *sub;
    DeliveryRow row;
    DL_FOREACH (s->subscriptions, sub)
        if (queue_find_row(s, sub->queue->id, target->seq, &row))
            RUN(s, "UPDATE delivery SET flags = ?4 WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
                INT(row.queue), INT(row.lane), INT(row.seq), INT(row.flags | DELIVERY_RECALLED));
}

void accept_recall(Store *s, StoreOp *op) {
    const Message *message = op->accept.message;
    _cleanup_(stored_message_deinit) StoredMessage target = { 0 }, order;
    _cleanup_(copies_deinit) Copies copies = { 0 };
    int64_t seq = dedup_find(s, &message->facts.recall.message_id, NULL);
    if (seq > 0 && (!message_load(s, seq, &target) || !receipt_applies(target.kind)))
        seq = 0;
    /* A neighbour vouches for its side, but the sender of the message stays the only one who may
     * recall it. */
    if (op->accept.from_link && seq > 0 && strcmp(target.sender, message->env.sender) != 0)
        seq = 0;
    accept_begin(s, op, &order);
    if (refuse_order(s, op, seq, &target))
        return;
    if (op->accept.from_link && quota_is_reached(s, op))
        return;
    if (seq > 0) {
        order.order_key = target.order_key;
        order.expires_ms = MAX(order.expires_ms, target.expires_ms); /* it is given once */
        collect(s, op, &target, &order);
        withdraw_copies(s, &target);
    }
    accept_store(s, op, &order);
    copies_init(s, &copies, message->body, true);
    for (uint32_t i = 0; i < order.route.n && s->fault == 0; i++)
        place_delivery(s, op, &order, i, &copies);
    accept_list_recipients(s, &op->accept.result, &order);
}

/* A row on a link stands for several: nobody among them may be left out. */
static bool is_reached(const StoredMessage *target, QueueId queue, const Route *by) {
    for (uint32_t i = 0; by && i < target->route.n; i++) {
        const RouteEntry *e = &target->route.list[i];
        if (e->queue == queue && ((e->flags & ROUTE_SCOPE_HOP) || !route_find(by, e->node)))
            return false;
    }
    return true;
}

void recall_superseded(Store *s, StoreOp *op, const StoredMessage *target, const Route *by) {
    for (uint32_t i = 0; i < target->route.n && s->fault == 0; i++) {
        const RouteEntry *e = &target->route.list[i];
        if (e->queue > 0 && is_reached(target, e->queue, by) &&
            outcome_level(s, target->seq, e->node) == LEVEL_NONE)
            flag_row(s, op, target, e->queue, DELIVERY_RECALLED | DELIVERY_SUPERSEDED);
    }
    if (!by)
        withdraw_copies(s, target);
}

void recall_all(Store *s, StoreOp *op, const StoredMessage *target) {
    for (uint32_t i = 0; i < target->route.n && s->fault == 0; i++) {
        const RouteEntry *e = &target->route.list[i];
        if (e->queue > 0 && outcome_level(s, target->seq, e->node) == LEVEL_NONE)
            flag_row(s, op, target, e->queue, DELIVERY_RECALLED);
    }
    withdraw_copies(s, target);
}

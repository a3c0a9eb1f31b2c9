/* SPDX-License-Identifier: Apache-2.0 */
/* From a resolved recipient to its queue and its delivery row. */
#include <errno.h>

#include "store/ledger.h"
#include "store/link.h"
#include "store/message.h"
#include "store/move.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"

/* What tells a publisher of its own messages. */
static bool is_for_receipts(int kind) {
    return kind == KIND_RECEIPT || kind == KIND_WRAP_REQUEST;
}

static Queue *queue_for(Store *s, int kind, const Placement *p) {
    const QueueKind own = is_for_receipts(kind) ? QUEUE_RECEIPTS : QUEUE_MAILBOX;
    if (strcmp(p->hop, s->self) == 0)
        return queue_get(s, own, p->node);
    if (p->hop[0] == '\0')
        return p->returns ? queue_get(s, own, p->node) : NULL;
    Queue *behind = move_behind(s, own, p->node);
    if (behind)
        return behind;
    Link *link = link_get(s, p->hop);
    return link ? link->queue : NULL;
}

static void mark(const Route *r, QueueId queue, uint8_t with, uint8_t without) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->list[i].queue == queue)
            r->list[i].flags = (uint8_t)((r->list[i].flags | with) & ~without);
}

uint8_t place_after(Store *s, StoredMessage *m, const Queue *queue) {
    DeliveryRow row;
    if (queue->kind != QUEUE_LINK || m->seq == 0)
        return 0;
    if (!queue_find_row(s, queue->id, m->seq, &row)) {
        mark(&m->route, queue->id, ROUTE_HANDED, 0);
        return 0;
    }
    if (!(row.flags & DELIVERY_JOINED)) /* what is on its way now has everybody until here */
        mark(&m->route, queue->id, 0, ROUTE_JOINED);
    return ROUTE_JOINED;
}

static bool any_joined(const Route *r, QueueId queue) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->list[i].queue == queue && (r->list[i].flags & ROUTE_JOINED))
            return true;
    return false;
}

void place_handed(Store *s, const DeliveryRow *row) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    if (!message_load_body(s, row->seq, &m, &body, &damaged) || damaged ||
        !any_joined(&m.route, row->queue))
        return;
    for (uint32_t i = 0; i < m.route.n; i++) {
        RouteEntry *e = &m.route.list[i];
        if (e->queue != row->queue || (e->flags & ROUTE_JOINED))
            continue;
        quota_goes_beyond(s, &m, e);
        e->flags |= ROUTE_HANDED;
    }
    mark(&m.route, row->queue, 0, ROUTE_JOINED);
    message_update(s, &m, body);
}

RouteEntry *place_recipient(Store *s, StoredMessage *m, const Placement *p) {
    const Queue *queue = queue_for(s, m->kind, p);
    const uint8_t joins = queue ? place_after(s, m, queue) : 0;
    RouteEntry *e =
        route_add(&m->route, p->node, p->role, (uint8_t)(p->flags | joins), queue ? queue->id : 0);
    if (!e)
        db_fault(s, -ENOMEM, "out of memory");
    return e;
}

/* Only supervisors behind this queue? Then the copy goes without the sealed part, and late. */
static bool is_supervision(const Route *r, QueueId queue) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->list[i].queue == queue && r->list[i].role != ROLE_SUPERVISOR)
            return false;
    return true;
}

/* The queue has its row already (other recipients on the same link): it must suffice for all. */
static bool join_row(Store *s, const StoredMessage *m, QueueId queue, bool supervision) {
    DeliveryRow row;
    if (!queue_find_row(s, queue, m->seq, &row))
        return false;
    if (!supervision)
        row.flags &= ~(uint32_t)DELIVERY_FACTS_ONLY;
    queue_join(s, &row);
    return true;
}

void place_delivery(Store *s, StoreOp *op, const StoredMessage *m, uint32_t i, const Copies *c) {
    const RouteEntry *e = &m->route.list[i];
    Queue *queue = queue_by_id(s, e->queue);
    if (!queue)
        return;
    const bool link = queue->kind == QUEUE_LINK, supervision = is_supervision(&m->route, e->queue);
    if (m->kind != KIND_RECEIPT)
        ledger_note_message(s, link ? LEDGER_ROUTED : LEDGER_DEPOSITED, &m->id, e->node,
                            link ? queue_name(queue) : "", e->role);
    for (uint32_t k = 0; c->fresh && k < i; k++)
        if (m->route.list[k].queue == e->queue)
            return; /* one row however many recipients */
    if (!c->fresh && join_row(s, m, e->queue, supervision))
        return;

    NewDelivery d = {
        .queue = queue,
        .seq = m->seq,
        .order_key = m->order_key,
        .since_ms = s->now_ms,
        .expires_ms = MAX(m->expires_ms, c->expires_ms),
        .lane = m->lane,
        .flags = c->flags,
        .size = c->size_full,
        .body = c->full,
        .message = c->fresh ? m : NULL,
    };
    /* Rows that nobody is warned about are born warned: the sweep then needs no look at the
     * message. */
    if (supervision || !receipt_applies(m->kind))
        d.flags |= DELIVERY_WARNED_EXPIRY | DELIVERY_WARNED_DELAY;
    if (queue->kind == QUEUE_RECEIPTS && m->origin[0] != '\0')
        d.flags |= DELIVERY_BROUGHT;
    if (supervision) {
        d.flags |= DELIVERY_FACTS_ONLY;
        if (d.lane < LANE_ROUTINE)
            d.lane = LANE_ROUTINE;
        d.size = c->size_facts;
        d.body = c->facts_only;
    }
    queue_deliver(s, op, &d);
    quota_waits(s, m, queue, d.size);
}

/* Sizes and, when the body is at hand, the two forms in which it goes out. */
void copies_init(Store *s, Copies *c, Body *body, bool fresh) {
    *c = (Copies) {
        .fresh = fresh,
        .full = body,
        .size_full = (uint32_t)body_size(body),
        .size_facts = body->n_envelope + body->n_facts,
    };
    if (body->n_sealed == 0)
        c->facts_only = body_ref(body);
    else if (fresh)
        c->facts_only = body_without_sealed(body);
    if (fresh && !c->facts_only)
        db_fault(s, -ENOMEM, "out of memory");
}

void copies_deinit(Copies *c) {
    c->facts_only = body_unref(c->facts_only);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/move.h"
#include "store/link.h"
#include "store/message.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/trace.h"

_Static_assert((uint8_t)(RECIPIENT_MOVES_MAX *ROUTE_MOVED) == RECIPIENT_MOVES_MAX * ROUTE_MOVED,
               "flags of a route are a byte");

const char *move_hop(const Store *s, const Queue *queue) {
    if (queue->kind != QUEUE_MAILBOX && queue->kind != QUEUE_RECEIPTS)
        return NULL;
    const char *hop = directory_next_hop(s->directory, s->self, queue_name(queue));
    return hop && strcmp(hop, s->self) != 0 ? hop : NULL;
}

Queue *move_behind(Store *s, QueueKind kind, const char *node) {
    Queue *q = queue_find(s, kind, node);
    return q && q->waiting > 0 && move_hop(s, q) ? q : NULL;
}

unsigned moves_of(const RouteEntry *e) {
    return e->flags / ROUTE_MOVED;
}

bool move_delivery(Store *s, StoreOp *op, const DeliveryRow *row, const Queue *from) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    _cleanup_(copies_deinit) Copies copies = { 0 };
    bool damaged = false;
    const char *node = queue_name(from), *hop = move_hop(s, from);
    if (!hop || !message_load_body(s, row->seq, &m, &body, &damaged) || damaged)
        return false;
    RouteEntry *e = route_find(&m.route, node);
    if (!e || e->queue != from->id || moves_of(e) >= RECIPIENT_MOVES_MAX)
        return false;
    const Link *link = link_get(s, hop);
    if (!link)
        return false;
    (void)queue_remove_row(s, row);
    quota_left(s, &m, from, row->size);
    const uint8_t joins = place_after(s, &m, link->queue);
    e->queue = link->queue->id;
    e->flags = (uint8_t)((e->flags & ~(ROUTE_HANDED | ROUTE_JOINED)) | joins) + ROUTE_MOVED;
    copies_init(s, &copies, body, false);
    copies.expires_ms = row->expires_ms; /* a redirected one lives on */
    copies.flags = row->flags & (DELIVERY_WARNED_EXPIRY | DELIVERY_WARNED_DELAY);
    message_update(s, &m, body);
    place_delivery(s, op, &m, (uint32_t)(e - m.route.list), &copies);
    trail_add(s, row->seq, "moved", node, hop);
    return true;
}

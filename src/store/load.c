/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows and bodies for the broker. */
#include <errno.h>

#include "base/text.h"
#include "store/access.h"
#include "store/internal.h"
#include "store/load.h"
#include "store/message.h"
#include "store/move.h"
#include "store/queue.h"
#include "store/receipts.h"
#include "store/run.h"
#include "store/subscription.h"

#define LOAD_MAX 4096U /* rows of one operation: no long read in the store thread */

void run_load(Store *s, StoreOp *op) {
    const uint32_t limit = MIN(op->load.limit, LOAD_MAX);
    free(op->load.rows);
    op->load.n = 0;
    op->load.end = false;
    op->load.rows = calloc(MAX(limit, 1U), sizeof(DeliveryRow));
    if (!op->load.rows) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    _query_ q = QUERY(s,
                      "SELECT " ROW_COLUMNS " FROM delivery "
                      "WHERE queue = ?1 AND lane = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4",
                      INT(op->load.queue), INT(op->load.lane), INT(op->load.after_seq),
                      INT((int64_t)limit + 1)); /* one more tells whether this is the end */
    while (op->load.n < limit && db_row(s, q))
        queue_read_row(q, &op->load.rows[op->load.n++]);
    op->load.end = op->load.n < limit || !db_row(s, q);
}

void run_next(Store *s, StoreOp *op) {
    op->next_.found = case_next(s, op->next_.queue, op->next_.order_key, 0, &op->next_.row);
}

static bool is_dead(Store *s, int64_t seq, QueueId queue, const char *recipient) {
    return s->any_dead && db_number(s,
                                    QUERY(s,
                                          "SELECT 1 FROM dead_letter WHERE seq = ?1 AND queue = ?2 "
                                          "AND recipient = ?3",
                                          INT(seq), INT(queue), TEXT(recipient)),
                                    0) != 0;
}

/* When the neighbour may have taken a row, it is said again as it was: who joined it since comes
 * with the next, or the two sides would count differently. */
static bool joined_since(Store *s, const DeliveryRow *row) {
    DeliveryRow now;
    return s->any_joined && (row->flags & DELIVERY_UNCERTAIN) &&
           queue_find_row(s, row->queue, row->seq, &now) && (now.flags & DELIVERY_JOINED);
}

/* A later row of the link is for others: who has a dead letter, or from whom it was withdrawn. */
static bool is_left_out(Store *s, const StoredMessage *m, const RouteEntry *e) {
    return is_dead(s, m->seq, e->queue, e->node) ||
           outcome_level(s, m->seq, e->node) == LEVEL_RECALLED;
}

Forward *forward_for(Store *s, const StoredMessage *m, const DeliveryRow *row, bool fresh) {
    Forward *f = calloc(1, sizeof(*f));
    if (!f) {
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    const bool as_it_was = !fresh && joined_since(s, row);
    f->present = true;
    f->accepted_ms = m->n_stamps > 0 ? m->stamps[0].at_ms : m->accepted_ms;
    f->expires_ms = MAX(m->expires_ms, row->expires_ms); /* a requeued one lives on */
    f->n_stamps = m->n_stamps;
    memcpy(f->stamps, m->stamps, sizeof(f->stamps));
    for (uint32_t i = 0; i < m->route.n; i++) {
        const RouteEntry *e = &m->route.list[i];
        if (e->queue != row->queue || (e->flags & ROUTE_CLOSED))
            continue;
        if (e->flags & ROUTE_SCOPE_HOP) {
            f->scope = f->scope || !(e->flags & ROUTE_HANDED); /* else it is for others */
            continue;
        }
        if (f->n_recipients == RECIPIENTS_MAX || (!fresh && is_left_out(s, m, e)) ||
            (as_it_was && (e->flags & ROUTE_JOINED)))
            continue;
        Recipient *r = &f->recipients[f->n_recipients++];
        r->role = e->role;
        r->moves = (uint8_t)moves_of(e);
        text_copy(r->node, sizeof(r->node), e->node);
    }
    return f;
}

/* False: the message is for others, so the row is not what it was. */
static bool name_recipient(Store *s, const StoredMessage *m, struct BodyWanted *w) {
    const Queue *queue = queue_by_id(s, w->row.queue);
    if (!queue)
        return true;
    if (queue->subscription) {
        w->recipient.role = ROLE_SUBSCRIBER;
        text_copy(w->recipient.node, NODE_NAME_SIZE, queue->subscription->owner);
        return true;
    }
    const RouteEntry *e = route_find_queue(&m->route, queue->id);
    w->recipient.role = e ? e->role : ROLE_ADDRESSEE;
    text_copy(w->recipient.node, NODE_NAME_SIZE, queue_name(queue));
    return e != NULL;
}

static void load_body(Store *s, struct BodyWanted *w) {
    _cleanup_(stored_message_deinit) StoredMessage m;
    _cleanup_(body_unrefp) Body *body = NULL;
    w->body = body_unref(w->body);
    free(w->forward);
    w->forward = NULL;
    w->recipient = (Recipient) { 0 };
    if (!message_load_body(s, w->row.seq, &m, &body, &w->damaged))
        w->damaged = true; /* a row without its message: as bad as a wrong checksum */
    w->message_id = m.id;
    if (w->damaged)
        (void)dedup_find_id(s, w->row.seq, &w->message_id); /* else the one in the row */
    if (w->damaged || s->fault < 0)
        return;
    if (!copy_is_still_allowed(s, &m, body, &w->row)) {
        (void)queue_remove_row(s, &w->row); /* without a body it is taken off there, too */
        return;
    }

    w->n_stamps = m.n_stamps;
    memcpy(w->stamps, m.stamps, sizeof(w->stamps));
    w->accepted_ms = m.n_stamps > 0 ? m.stamps[0].at_ms : m.accepted_ms;
    if (w->queue_kind == QUEUE_LINK) {
        w->forward = forward_for(s, &m, &w->row, false);
        if (s->any_joined && !joined_since(s, &w->row))
            RUN(s,
                "UPDATE delivery SET flags = flags & ~?3 "
                "WHERE queue = ?1 AND lane IN (0, 1, 2, 3, 4) AND seq = ?2 AND flags & ?3",
                INT(w->row.queue), INT(w->row.seq), INT(DELIVERY_JOINED));
    } else if (!name_recipient(s, &m, w)) {
        w->damaged = true;
        return;
    }
    if ((w->row.flags & DELIVERY_FACTS_ONLY) && body->n_sealed > 0) {
        w->body = body_without_sealed(body);
        if (!w->body)
            db_fault(s, -ENOMEM, "out of memory");
    } else {
        w->body = TAKE_PTR(body);
    }
    if (w->queue_kind == QUEUE_LINK) /* it is handed over soon */
        recent_keep(s, &m);
}

void run_bodies(Store *s, StoreOp *op) {
    for (uint32_t i = 0; i < op->bodies.n && s->fault == 0; i++)
        load_body(s, &op->bodies.wanted[i]);
}

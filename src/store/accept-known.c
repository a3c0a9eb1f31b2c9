/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "store/accept-known.h"
#include "store/link.h"
#include "store/message.h"
#include "store/move.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"
#include "store/store-accept.h"
#include "store/subject.h"

/* Is the sealed part the one that the sender's envelope names? */
static bool sealed_is_right(const Message *m) {
    uint8_t digest[DIGEST_SIZE];
    hash_digest(body_sealed(m->body), digest);
    return m->env.has_sealed_digest && memcmp(digest, m->env.sealed_digest, DIGEST_SIZE) == 0;
}

bool known_is_other_form(Store *s, const Message *m, StoredMessage *stored) {
    _cleanup_(stored_message_deinit) StoredMessage again;
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged;
    if (!message_load_body(s, stored->seq, &again, &body, &damaged) || damaged)
        return false;
    if (!bytes_equal(body_envelope(body), body_envelope(m->body)) ||
        !bytes_equal(body_facts(body), body_facts(m->body)))
        return false;
    if (m->body->n_sealed == 0 || subject_is_erased(s, stored->seq))
        return true;
    if (body->n_sealed > 0 || !sealed_is_right(m))
        return false;
    /* The signature that came first stays. */
    _cleanup_(body_unrefp) Body *whole =
        body_new_signed(body_envelope(m->body), body_facts(m->body), body_sealed(m->body),
                        body_signature(body->n_signature > 0 ? body : m->body));
    if (!whole) {
        db_fault(s, -ENOMEM, "out of memory");
        return false;
    }
    message_update(s, stored, whole);
    dedup_set_digest(s, &stored->id, m->digest);
    return true;
}

/* Does the recipient need a new way? Who had an end before the message was purged here and stored
 * once more is not on its route, and is not served again. Whose copy went to this neighbour and
 * comes back is one that moved; without a further move it is what the neighbour sent us before. */
static bool needs_way(Store *s, const StoreOp *op, const StoredMessage *stored,
                      const Recipient *r) {
    const char *neighbour = op->accept.authority;
    const Queue *from = queue_find(s, QUEUE_LINK, neighbour);
    const RouteEntry *e = route_find(&stored->route, r->node);
    if (!e)
        return !outcome_is_noted(s, stored->seq, r, neighbour);
    return from && e->queue == from->id && r->moves > moves_of(e) &&
           outcome_level(s, stored->seq, r->node) == LEVEL_NONE;
}

static void add_way(Store *s, StoreOp *op, StoredMessage *stored, const RoutedRecipient *routed,
                    const Copies *c) {
    const Placement p = accept_placement(s, op, routed);
    const RouteEntry *away = route_find(&stored->route, p.node);
    if (away)
        quota_comes_back(s, stored, away);
    RouteEntry *e = place_recipient(s, stored, &p);
    if (!e)
        return;
    RouteEntry *old = route_find(&stored->route, p.node);
    if (old != e) { /* it came back: its entry gets the new queue */
        old->queue = e->queue;
        old->flags = (uint8_t)((old->flags & ROUTE_CLOSED) | e->flags);
        stored->route.n--;
        e = old;
    }
    if (e->queue > 0) {
        Copies copies = *c;
        if (away) /* what was warned of here is not said once more */
            copies.flags = DELIVERY_WARNED_EXPIRY | DELIVERY_WARNED_DELAY;
        place_delivery(s, op, stored, (uint32_t)(e - stored->route.list), &copies);
        return;
    }
    receipt_say(s, op, stored,
                &(Saying) { .recipient = p.node,
                            .role = p.role,
                            .level = LEVEL_UNDELIVERABLE,
                            .cause = CAUSE_RECIPIENT_UNKNOWN });
}

bool known_only_comes_back(Store *s, const StoredMessage *stored, int64_t seq) {
    const AcceptDecision *d = &s->decision;
    bool back = d->n_routes > 0;
    for (uint32_t i = 0; i < d->n_routes && back; i++) {
        const char *node = d->routes[i].who.node;
        back = stored ? route_find(&stored->route, node) != NULL
                      : db_number(s,
                                  QUERY(s,
                                        "SELECT count(*) FROM outcome "
                                        "WHERE seq = ?1 AND recipient = ?2",
                                        INT(seq), TEXT(node)),
                                  0) > 0;
    }
    return back;
}

void known_add_recipients(Store *s, StoreOp *op, StoredMessage *stored) {
    const Message *m = op->accept.message;
    bool any = false;
    for (uint32_t i = 0; i < m->fwd.n_recipients; i++)
        any = any || needs_way(s, op, stored, &m->fwd.recipients[i]);
    if (!any)
        return;

    _cleanup_(stored_message_deinit) StoredMessage again;
    _cleanup_(body_unrefp) Body *body = NULL;
    _cleanup_(copies_deinit) Copies copies = { 0 };
    bool damaged;
    if (!message_load_body(s, stored->seq, &again, &body, &damaged))
        return;
    if (damaged) /* the same bytes are at hand: heal the row, but not of what was erased */
        body = subject_is_erased(s, stored->seq) ? body_without_sealed(m->body) : body_ref(m->body);
    if (!body) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    copies_init(s, &copies, body, false);
    copies.expires_ms = accept_link_expiry(&s->config.accept, m->fwd.expires_ms, s->now_ms);
    /* It may have to go back to a broker it passed before it was redirected; in a tree it can only
     * circle by turning back where it came from, and then it waits (move.h). */
    const uint32_t n_stamps = op->accept.message->fwd.n_stamps;
    op->accept.message->fwd.n_stamps = 0;
    accept_judge(s, op);
    op->accept.message->fwd.n_stamps = n_stamps;
    AcceptDecision *d = &s->decision;
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n_routes; i++)
        if (needs_way(s, op, stored, &d->routes[i].who))
            d->routes[n++] = d->routes[i];
    d->n_routes = n;
    if (!known_only_comes_back(s, stored, 0) && quota_is_reached(s, op))
        return; /* else one message would do to fill everything */
    for (uint32_t i = 0; i < d->n_routes; i++)
        add_way(s, op, stored, &d->routes[i], &copies);
    message_update(s, stored, body);
    link_count_received(s, op->accept.authority, &stored->id);
    op->accept.counted = true;
}

bool known_is_for_others(Store *s, const StoreOp *op, int64_t seq) {
    const Forward *f = &op->accept.message->fwd;
    uint32_t n = 0;
    if (f->scope || !receipt_applies(op->accept.message->env.kind))
        return false;
    for (uint32_t i = 0; i < f->n_recipients; i++)
        n += !outcome_is_noted(s, seq, &f->recipients[i], op->accept.authority);
    return n > 0;
}

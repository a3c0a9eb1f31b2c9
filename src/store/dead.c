/* SPDX-License-Identifier: Apache-2.0 */
/* OP_DEAD: what an operator does with a dead letter. The outcome that was told stays told. */
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "store/case.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"
#include "store/run.h"
#include "store/trace.h"
#include "store/wrap.h"

typedef struct DeadLetter {
    DeliveryRow row;
    char recipient[NODE_NAME_SIZE];
} DeadLetter;

_printf_(2, 3) static void refuse(StoreOp *op, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(op->dead.text, sizeof(op->dead.text), format, args);
    va_end(args);
}

/* The next one behind (queue, recipient), so that the table may change in between. */
static bool next_letter(Store *s, const StoreOp *op, int64_t seq, DeadLetter *d) {
    _query_ q = QUERY(s,
                      "SELECT queue, lane, seq, order_key, attempts, flags, 0, expires, size,"
                      " recipient FROM dead_letter "
                      "WHERE seq = ?1 AND (queue, recipient) > (?2, ?3)"
                      " AND (?4 = '' OR recipient = ?4) ORDER BY queue, recipient LIMIT 1",
                      INT(seq), INT(d->row.queue), TEXT(d->recipient), TEXT(op->dead.recipient));
    DeadLetter found = { 0 };
    if (!db_row(s, q))
        return false;
    queue_read_row(q, &found.row);
    text_copy(found.recipient, sizeof(found.recipient), col_text(q, 9));
    *d = found;
    return true;
}

/* Codes only: what an operator writes in words may name somebody, and stays on the trail. */
static void note_verb(Store *s, const StoreOp *op, const DeadLetter *d) {
    static const LedgerKind kinds[] = { [DEAD_REQUEUE] = LEDGER_REQUEUED,
                                        [DEAD_REDIRECT] = LEDGER_REDIRECTED,
                                        [DEAD_DISCARD] = LEDGER_DISCARDED };
    LedgerEntry e = { .kind = kinds[op->dead.verb], .message_id = op->dead.message_id };
    text_copy(e.node, sizeof(e.node), d->recipient);
    text_copy(e.peer, sizeof(e.peer), op->dead.by);
    if (op->dead.verb == DEAD_REDIRECT)
        text_copy(e.note, sizeof(e.note), op->dead.target);
    else if (op->dead.reason[strspn(op->dead.reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")] == '\0')
        text_copy(e.note, sizeof(e.note), op->dead.reason);
    ledger_note(s, &e);
}

static void remove_letter(Store *s, const StoreOp *op, const DeadLetter *d, const char *step) {
    char note[2 * NODE_NAME_SIZE + REASON_TEXT_MAX + 16];
    RUN(s, "DELETE FROM dead_letter WHERE seq = ?1 AND queue = ?2 AND recipient = ?3",
        INT(d->row.seq), INT(d->row.queue), TEXT(d->recipient));
    snprintf(note, sizeof(note), "by %s%s%s%s%s", op->dead.by,
             op->dead.verb == DEAD_REDIRECT ? " to " : "",
             op->dead.verb == DEAD_REDIRECT ? op->dead.target : "",
             op->dead.reason[0] != '\0' ? ": " : "", op->dead.reason);
    trail_add(s, d->row.seq, step, d->recipient, note);
    note_verb(s, op, d);
}

static int64_t new_expiry(const Store *s, int64_t old) {
    return old > s->now_ms ? old : s->now_ms + s->config.accept.default_expiry_ms;
}

/* Its keys may have changed since it was sealed. */
static void ask_for_wrap(Store *s, StoreOp *op, const StoredMessage *m, const Body *body,
                         const DeadLetter *d) {
    const Queue *queue = queue_by_id(s, d->row.queue);
    const WrapAsk ask = { .node = d->recipient, .reason = WRAP_REQUEUED, .by = op->dead.by };
    if (body && queue && queue->kind != QUEUE_SUBSCRIPTION && !(d->row.flags & DELIVERY_FACTS_ONLY))
        wrap_check(s, op, m, body, &ask);
}

/* Whoever is behind a link goes with the copy to come, and only those who had none before. (The
 * neighbour itself may stand for everybody in the scope beyond it.) */
static void go_again(Store *s, StoredMessage *m, const Body *body, const DeadLetter *d,
                     const Queue *queue) {
    if (!body || queue->kind != QUEUE_LINK)
        return;
    const uint8_t joins = place_after(s, m, queue);
    for (uint32_t i = 0; i < m->route.n; i++) {
        RouteEntry *e = &m->route.list[i];
        if (e->queue == queue->id && strcmp(e->node, d->recipient) == 0)
            e->flags = (uint8_t)((e->flags | joins) & ~ROUTE_HANDED);
    }
    message_update(s, m, body);
}

static bool requeue(Store *s, StoreOp *op, StoredMessage *m, const Body *body,
                    const DeadLetter *d) {
    Queue *queue = queue_by_id(s, d->row.queue);
    DeliveryRow row;
    remove_letter(s, op, d, "requeued");
    ask_for_wrap(s, op, m, body, d);
    go_again(s, m, body, d, queue);
    if (queue_find_row(s, d->row.queue, d->row.seq, &row)) {
        queue_join(s, &row); /* for another recipient on the same link: it goes with that copy */
        return true;
    }
    queue_deliver(s, op,
                  &(NewDelivery) {
                      .queue = queue,
                      .seq = d->row.seq,
                      .order_key = d->row.order_key,
                      .since_ms = s->now_ms,
                      .expires_ms = new_expiry(s, d->row.expires_ms),
                      .lane = m->lane,
                      .flags = d->row.flags & (DELIVERY_FACTS_ONLY | DELIVERY_WARNED_EXPIRY |
                                               DELIVERY_WARNED_DELAY | DELIVERY_BROUGHT),
                      .size = d->row.size,
                  });
    quota_waits(s, m, queue, d->row.size);
    return true;
}

/* A receipt of this case waits for the same link. The letter has the lower number and would
 * overtake it: that another node has the message is not believed of who did not hear of its end
 * first. */
static bool would_overtake(Store *s, const StoredMessage *m, const char *hop) {
    const Queue *link = queue_find(s, QUEUE_LINK, hop);
    DeliveryRow row = { .seq = m->seq };
    while (link && case_next(s, link->id, m->order_key, row.seq, &row))
        if (db_number(s, QUERY(s, "SELECT kind FROM message WHERE seq = ?1", INT(row.seq)), 0) ==
            KIND_RECEIPT)
            return true;
    return false;
}

static bool redirect(Store *s, StoreOp *op, StoredMessage *m, Body *body, const DeadLetter *d) {
    const char *hop = directory_next_hop(s->directory, s->self, op->dead.target);
    const Queue *from = queue_by_id(s, d->row.queue);
    RouteEntry *e = route_find(&m->route, d->recipient);
    _cleanup_(copies_deinit) Copies copies = { 0 };
    if (!receipt_applies(m->kind) || !from || from->kind == QUEUE_SUBSCRIPTION) {
        refuse(op, "only messages to a mailbox can be redirected");
        return false;
    }
    if (route_find(&m->route, op->dead.target)) {
        refuse(op, "%s is a recipient of this message already", op->dead.target);
        return false;
    }
    if (!hop) {
        refuse(op, "the directory knows no way to %s", op->dead.target);
        return false;
    }
    if (!body) {
        refuse(op, "the stored message is damaged");
        return false;
    }
    if (would_overtake(s, m, hop)) {
        refuse(op,
               "the sender's broker must hear of its end first, by way of %s; try again when "
               "that link has taken it",
               hop);
        return false;
    }
    const Placement p = { .node = op->dead.target,
                          .role = e ? e->role : ROLE_ADDRESSEE,
                          .hop = hop };
    if (e && from->kind == QUEUE_LINK)
        e->flags |= ROUTE_CLOSED; /* the target may be behind the same link */
    copies_init(s, &copies, body, false);
    copies.expires_ms = new_expiry(s, m->expires_ms);
    if (!place_recipient(s, m, &p))
        return false;
    message_update(s, m, body);
    place_delivery(s, op, m, m->route.n - 1, &copies);
    remove_letter(s, op, d, "redirected");
    if (p.role == ROLE_ADDRESSEE)
        wrap_check(s, op, m, body,
                   &(WrapAsk) { .node = op->dead.target,
                                .reason = WRAP_REDIRECTED,
                                .instead_of = d->recipient,
                                .by = op->dead.by });
    return true;
}

/* A discarded recipient behind a link must not be served by a later copy on that link. */
static bool discard(Store *s, const StoreOp *op, StoredMessage *m, const Body *body,
                    const DeadLetter *d) {
    RouteEntry *e = route_find(&m->route, d->recipient);
    if (e && body) {
        e->flags |= ROUTE_CLOSED;
        message_update(s, m, body);
    }
    remove_letter(s, op, d, "discarded");
    return true;
}

void run_dead(Store *s, StoreOp *op) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    DeadLetter d = { 0 };
    op->dead.n_done = 0;
    op->dead.text[0] = '\0';
    const int64_t seq = dedup_find(s, &op->dead.message_id, NULL);
    if (seq == 0 || !message_load_body(s, seq, &m, &body, &damaged)) {
        refuse(op, "no such message");
        return;
    }
    while (s->fault == 0 && next_letter(s, op, seq, &d)) {
        bool done = false;
        switch (op->dead.verb) {
        case DEAD_REQUEUE:
            done = requeue(s, op, &m, body, &d);
            break;
        case DEAD_REDIRECT:
            done = redirect(s, op, &m, body, &d);
            break;
        case DEAD_DISCARD:
            done = discard(s, op, &m, body, &d);
            break;
        }
        op->dead.n_done += done;
    }
    if (op->dead.n_done > 0)
        quota_count_dead(s);
    if (op->dead.n_done == 0 && op->dead.text[0] == '\0')
        refuse(op, "no dead letter of this message%s%s",
               op->dead.recipient[0] != '\0' ? " for " : "", op->dead.recipient);
}

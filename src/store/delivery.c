/* SPDX-License-Identifier: Apache-2.0 */
/* OP_DELIVERY: one change of one delivery, with its outcome and receipt. */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/message.h"
#include "store/move.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"
#include "store/run.h"
#include "store/subscription.h"
#include "store/trace.h"

/* A link that retries for a month, or a program that asks again and again to be asked later, must
 * not fill the store with notes. */
#define PARKS_ON_TRAIL 16U
#define STEP_PARKED    "parked"
/* Until what cannot become a dead letter, because its reader has too many, is handed out again. */
#define ASK_AGAIN_MS 600000

/* A row that is simply done with needs no look at it, only to have been there. On a link the row
 * tells whether a recipient joined it meanwhile; mostly none ever did. */
static bool take_away(Store *s, const StoreOp *op, const Queue *queue) {
    return op->delivery.action == ACTION_DONE && queue &&
           (queue->kind != QUEUE_LINK || !s->any_joined) && queue_remove_row(s, &op->delivery.row);
}

/* By its key, or by its number when it was lifted into another lane meanwhile. */
static bool find_row(Store *s, const DeliveryRow *want, DeliveryRow *ret) {
    return queue_row_at(s, want->queue, want->lane, want->seq, ret) ||
           queue_find_row(s, want->queue, want->seq, ret);
}

static void bury(Store *s, const StoreOp *op, const DeliveryRow *row, const Uuid *id,
                 const char *recipient) {
    s->any_dead = true;
    RUN(s,
        "INSERT OR REPLACE INTO dead_letter(seq, queue, recipient, lane, order_key, cause, detail,"
        " attempts, at, flags, expires, size) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
        INT(row->seq), INT(row->queue), TEXT(recipient), INT(row->lane), INT(row->order_key),
        INT(op->delivery.cause), TEXT(op->delivery.detail), INT(op->delivery.row.attempts),
        INT(s->now_ms), INT(row->flags), INT(row->expires_ms), INT(row->size));
    trail_add(s, row->seq, "dead", recipient, op->delivery.detail);
    ledger_note_message(s, LEDGER_DEAD, id, recipient, "", op->delivery.cause);
}

static ReceiptLevel level_of(DeliveryAction action) {
    switch (action) {
    case ACTION_DONE:
        return LEVEL_COLLECTED;
    case ACTION_DEAD:
    case ACTION_EXPIRE:
    case ACTION_UNROUTABLE:
        return LEVEL_UNDELIVERABLE;
    case ACTION_RECALL:
        return LEVEL_RECALLED;
    case ACTION_WARN_EXPIRY:
        return LEVEL_EXPIRES_SOON;
    case ACTION_WARN_DELAY:
        return LEVEL_DELAYED;
    case ACTION_PARK:
    case ACTION_MOVE:
        break;
    }
    return LEVEL_NONE;
}

static ReceiptCause cause_of(const StoreOp *op) {
    return op->delivery.action == ACTION_DONE ? CAUSE_NONE : op->delivery.cause;
}

/* A requeued dead letter was reported as lost before: the good news comes late, the outcome
 * stays. */
static void say_late(Store *s, StoreOp *op, const StoredMessage *m, Saying *say) {
    if (say->level != LEVEL_COLLECTED ||
        outcome_level(s, m->seq, say->recipient) != LEVEL_UNDELIVERABLE)
        return;
    say->level = LEVEL_COLLECTED_LATE;
    trail_add(s, m->seq, "collected late", say->recipient, "");
    receipt_say(s, op, m, say);
}

static void say_about(Store *s, StoreOp *op, const StoredMessage *m, const char *recipient,
                      RecipientRole role) {
    Saying say = {
        .recipient = recipient,
        .role = role,
        .level = level_of(op->delivery.action),
        .cause = cause_of(op),
        .attempts = op->delivery.row.attempts,
        .detail = op->delivery.detail,
    };
    if (!receipt_say(s, op, m, &say))
        say_late(s, op, m, &say);
}

/* Does this row still stand for the recipient? A dead letter left it. */
static bool is_behind(Store *s, const RouteEntry *e, const DeliveryRow *row) {
    if (e->queue != row->queue || (e->flags & (ROUTE_CLOSED | ROUTE_HANDED)))
        return false;
    return !s->any_dead || db_number(s,
                                     QUERY(s,
                                           "SELECT count(*) FROM dead_letter "
                                           "WHERE seq = ?1 AND queue = ?2 AND recipient = ?3",
                                           INT(row->seq), INT(row->queue), TEXT(e->node)),
                                     0) == 0;
}

/* Says it about everyone who is reached through the row. */
static void say_all(Store *s, StoreOp *op, const StoredMessage *m, const DeliveryRow *row,
                    const Queue *queue) {
    if (queue->kind == QUEUE_MAILBOX) {
        const RouteEntry *e = route_find_queue(&m->route, queue->id);
        say_about(s, op, m, queue_name(queue), e ? e->role : ROLE_ADDRESSEE);
        if (op->delivery.action == ACTION_WARN_DELAY)
            notice_late(s, op, m, queue_name(queue));
    } else if (queue->kind == QUEUE_LINK) {
        for (uint32_t i = 0; i < m->route.n; i++)
            if (is_behind(s, &m->route.list[i], row))
                say_about(s, op, m, m->route.list[i].node, m->route.list[i].role);
    }
}

static const char *reader_of(const Queue *queue) {
    return queue->kind == QUEUE_SUBSCRIPTION && queue->subscription ? queue->subscription->owner
                                                                    : queue_name(queue);
}

static void dead(Store *s, StoreOp *op, const StoredMessage *m, const DeliveryRow *row,
                 const Queue *queue) {
    say_all(s, op, m, row, queue);
    if (queue->kind != QUEUE_LINK) {
        bury(s, op, row, &m->id, reader_of(queue));
    } else {
        for (uint32_t i = 0; i < m->route.n; i++)
            if (is_behind(s, &m->route.list[i], row))
                bury(s, op, row, &m->id, m->route.list[i].node);
    }
}

/* Whoever joined the row while it was on its way is not in the copy that went. */
static void serve_joined(Store *s, StoreOp *op, const StoredMessage *m, const DeliveryRow *row,
                         Queue *queue) {
    queue_deliver(
        s, op,
        &(NewDelivery) { .queue = queue,
                         .seq = row->seq,
                         .order_key = row->order_key,
                         .since_ms = s->now_ms,
                         .expires_ms = row->expires_ms,
                         .lane = row->lane,
                         .flags = row->flags & (DELIVERY_FACTS_ONLY | DELIVERY_WARNED_EXPIRY |
                                                DELIVERY_WARNED_DELAY),
                         .size = row->size });
    quota_waits(s, m, queue, row->size);
}

static void handed_over(Store *s, StoreOp *op, const StoredMessage *m, const DeliveryRow *row,
                        Queue *queue) {
    link_count_sent(s, queue, &m->id);
    if (row->flags & DELIVERY_JOINED) /* the others are marked already */
        serve_joined(s, op, m, row, queue);
    for (uint32_t i = 0; !(row->flags & DELIVERY_JOINED) && i < m->route.n; i++)
        if (m->route.list[i].queue == queue->id)
            quota_goes_beyond(s, m, &m->route.list[i]);
    if (m->kind == KIND_RECEIPT)
        return;
    trail_add(s, m->seq, "handed", queue_name(queue), "");
    ledger_note_message(s, LEDGER_HANDED, &m->id, "", queue_name(queue), 0);
}

/* Counted here, for a wish to be asked later is no attempt. */
static void note_parked(Store *s, const DeliveryRow *row, const Queue *queue, const char *why) {
    const char *who = queue_name(queue);
    if (db_number(s,
                  QUERY(s, "SELECT count(*) FROM trail WHERE seq = ?1 AND step = ?2 AND who = ?3",
                        INT(row->seq), TEXT(STEP_PARKED), TEXT(who)),
                  0) < PARKS_ON_TRAIL)
        trail_add(s, row->seq, STEP_PARKED, who, why);
}

static void park(Store *s, const StoreOp *op, const DeliveryRow *row, const Queue *queue) {
    const DeliveryRow *want = &op->delivery.row;
    /* UNCERTAIN is the caller's to set and to clear, JOINED ours; the other bits only ever come. */
    const uint32_t flags =
        (row->flags & ~(uint32_t)DELIVERY_UNCERTAIN) | (want->flags & ~(uint32_t)DELIVERY_JOINED);
    RUN(s,
        "UPDATE delivery SET attempts = ?4, flags = ?5, due = ?6 "
        "WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
        INT(row->queue), INT(row->lane), INT(row->seq), INT(want->attempts), INT(flags),
        INT(want->due_ms));
    if (op->delivery.detail[0] != '\0')
        note_parked(s, row, queue, op->delivery.detail);
}

static void warn(Store *s, StoreOp *op, const StoredMessage *m, const DeliveryRow *row,
                 const Queue *queue) {
    const uint32_t bit =
        op->delivery.action == ACTION_WARN_EXPIRY ? DELIVERY_WARNED_EXPIRY : DELIVERY_WARNED_DELAY;
    if (row->flags & bit)
        return;
    RUN(s, "UPDATE delivery SET flags = ?4 WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
        INT(row->queue), INT(row->lane), INT(row->seq), INT(row->flags | bit));
    trail_add(s, row->seq, receipt_level_name((int)level_of(op->delivery.action)),
              queue_name(queue), "");
    say_all(s, op, m, row, queue);
}

/* The row is gone; what follows from that. */
static void finish(Store *s, StoreOp *op, const StoredMessage *m, const DeliveryRow *row,
                   Queue *queue) {
    switch (op->delivery.action) {
    case ACTION_DONE:
        if (queue->kind == QUEUE_LINK)
            handed_over(s, op, m, row, queue);
        else
            say_all(s, op, m, row, queue);
        break;
    case ACTION_DEAD:
        dead(s, op, m, row, queue);
        break;
    case ACTION_UNROUTABLE:
        trail_add(s, m->seq, "unroutable", queue_name(queue), op->delivery.detail);
        say_all(s, op, m, row, queue);
        break;
    case ACTION_EXPIRE:
    case ACTION_RECALL:
        say_all(s, op, m, row, queue);
        break;
    case ACTION_PARK:
    case ACTION_WARN_EXPIRY:
    case ACTION_WARN_DELAY:
        break; /* the row stays */
    case ACTION_MOVE:
        break; /* told when it is taken there */
    }
}

/* What is damaged is nobody's wish. */
static bool is_one_too_many(Store *s, const StoreOp *op, const Queue *queue) {
    return op->delivery.action == ACTION_DEAD && op->delivery.cause != CAUSE_DEAD_CHECKSUM &&
           queue->kind != QUEUE_LINK && !quota_may_reject(s, reader_of(queue));
}

static void leave_account(Store *s, const DeliveryRow *row, const Queue *queue) {
    _cleanup_(stored_message_deinit) StoredMessage stored = { 0 };
    const StoredMessage *m = recent_load(s, row->seq, &stored);
    if (m)
        quota_left(s, m, queue, row->size);
}

/* A dead letter that was put back had its end told, and no other broker would take it: it becomes
 * one again, for the operator to redirect. What cannot be moved stays as it is. */
static bool follows(Store *s, StoreOp *op, const DeliveryRow *row, const Queue *queue) {
    if (outcome_level(s, row->seq, queue_name(queue)) != LEVEL_NONE) {
        op->delivery.action = ACTION_DEAD;
        op->delivery.cause = CAUSE_RECIPIENT_UNKNOWN;
        return false;
    }
    if (!move_delivery(s, op, row, queue))
        op->delivery.action = ACTION_PARK;
    return true;
}

void run_delivery(Store *s, StoreOp *op) {
    DeliveryRow row = op->delivery.row;
    Queue *queue = queue_by_id(s, row.queue);
    const bool away = take_away(s, op, queue);
    op->delivery.found = away || find_row(s, &op->delivery.row, &row);
    if (!op->delivery.found || !queue)
        return;
    if (op->delivery.action == ACTION_MOVE && follows(s, op, &row, queue))
        return;
    if (is_one_too_many(s, op, queue)) {
        op->delivery.action = ACTION_PARK;
        op->delivery.row.due_ms = s->now_ms + ASK_AGAIN_MS;
        op->delivery.held_back = true;
    }
    if (op->delivery.action == ACTION_PARK) {
        park(s, op, &row, queue);
        return;
    }
    if (op->delivery.action == ACTION_RECALL) /* by its sender, or the next report */
        op->delivery.cause =
            row.flags & DELIVERY_SUPERSEDED ? CAUSE_SUPERSEDED : CAUSE_RECALLED_BY_SENDER;
    const bool warning =
        op->delivery.action == ACTION_WARN_EXPIRY || op->delivery.action == ACTION_WARN_DELAY;
    if (!warning && !away)
        (void)queue_remove_row(s, &row);
    /* Nobody is told about copies of subscriptions and about receipts: spare the look-up. */
    if (op->delivery.action != ACTION_DEAD &&
        (queue->kind == QUEUE_SUBSCRIPTION || queue->kind == QUEUE_RECEIPTS)) {
        if (row.flags & DELIVERY_BROUGHT && !warning)
            leave_account(s, &row, queue);
        return;
    }
    if (op->delivery.action == ACTION_DONE && (row.flags & DELIVERY_JOINED))
        place_handed(s, &row);
    _cleanup_(stored_message_deinit) StoredMessage stored = { 0 };
    const bool doubted =
        op->delivery.action == ACTION_DEAD && op->delivery.cause == CAUSE_DEAD_CHECKSUM;
    const StoredMessage *m = recent_find(s, row.seq);
    if (!m && doubted && message_load_doubted(s, row.seq, &stored))
        m = &stored;
    else if (!doubted)
        m = recent_load(s, row.seq, &stored);
    if (!m) {
        Uuid id = { 0 };
        if (op->delivery.action != ACTION_DEAD)
            return;
        (void)dedup_find_id(s, row.seq, &id);
        bury(s, op, &row, &id, reader_of(queue)); /* no message any more: nobody to tell */
        quota_died(s, NULL, queue, reader_of(queue), row.size);
        return;
    }
    if (warning) {
        warn(s, op, m, &row, queue);
        return;
    }
    finish(s, op, m, &row, queue);
    quota_left(s, m, queue, row.size);
    if (op->delivery.action == ACTION_DEAD)
        quota_died(s, m, queue, queue->kind != QUEUE_LINK ? reader_of(queue) : NULL, row.size);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes (the first final level wins) and the receipts that tell the sender. */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/hearsay.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/message.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"
#include "store/trace.h"

bool receipt_applies(int kind) {
    return kind < KIND_RECEIPT || kind > KIND_KEY_REQUEST;
}

bool outcome_insert(Store *s, int64_t seq, const OutcomeRow *o, uint32_t attempts,
                    const char *detail) {
    return RUN(s,
               "INSERT INTO outcome(seq, recipient, level, cause, said_at, leg, attempts, detail) "
               "VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(seq, recipient) DO UPDATE SET "
               "level = excluded.level, cause = excluded.cause, said_at = excluded.said_at, "
               "leg = excluded.leg, attempts = excluded.attempts, detail = excluded.detail "
               "WHERE outcome.level = 0",
               INT(seq), TEXT(o->recipient), INT(o->level), INT(o->cause), INT(o->said_ms),
               TEXT(o->leg), INT(attempts), TEXT(detail ? detail : "")) > 0;
}

ReceiptLevel outcome_level(Store *s, int64_t seq, const char *recipient) {
    return (ReceiptLevel)db_number(
        s,
        QUERY(s, "SELECT level FROM outcome WHERE seq = ?1 AND recipient = ?2", INT(seq),
              TEXT(recipient)),
        LEVEL_NONE);
}

bool outcome_is_noted(Store *s, int64_t seq, const Recipient *r, const char *neighbour) {
    _query_ q =
        QUERY(s, "SELECT level, leg, attempts FROM outcome WHERE seq = ?1 AND recipient = ?2",
              INT(seq), TEXT(r->node));
    return db_row(s, q) && (col_int(q, 0) != LEVEL_NONE || strcmp(col_text(q, 1), neighbour) != 0 ||
                            r->moves <= col_int(q, 2));
}

/* The queue that leads to the sender: its own, or the link towards its home; when the directory
 * does not know the sender (any more), back the way the message came. */
static Queue *way_to_sender(Store *s, const StoredMessage *m) {
    const char *hop = directory_next_hop(s->directory, s->self, m->sender);
    if (!hop)
        hop = m->origin[0] != '\0' ? m->origin : s->self;
    if (strcmp(hop, s->self) == 0)
        return queue_get(s, QUEUE_RECEIPTS, m->sender);
    Link *link = link_get(s, hop);
    return link ? link->queue : NULL;
}

static void fill_receipt(Store *s, const StoredMessage *m, const Saying *say, Receipt *r) {
    *r = (Receipt) {
        .message_id = m->id,
        .level = say->level,
        .cause = say->cause,
        .said_ms = s->now_ms,
        .attempts = say->attempts,
        .correlation_id = m->thread,
        .n_stamps = m->n_stamps,
    };
    text_copy(r->sender, sizeof(r->sender), m->sender);
    text_copy(r->recipient, sizeof(r->recipient), say->recipient);
    text_copy(r->leg, sizeof(r->leg), s->self);
    text_copy(r->detail, sizeof(r->detail), say->detail ? say->detail : "");
    text_copy(r->region, sizeof(r->region), m->region);
    memcpy(r->stamps, m->stamps, sizeof(r->stamps));
    r->id = receipt_message_id(r);
}

/* A receipt is a message of this broker's own. It needs no dedup row here: what it tells is said
 * once, because it is said together with the change of state. */
static void send_along(Store *s, StoreOp *op, const StoredMessage *m, const Saying *say,
                       Queue *queue) {
    Receipt r;
    if (!queue || s->fault < 0)
        return;
    fill_receipt(s, m, say, &r);
    _cleanup_(body_unrefp) Body *body = s->config.codec->encode_receipt(&r, s->self, s->now_ms);
    _cleanup_(stored_message_deinit) StoredMessage receipt = {
        .id = r.id,
        .kind = KIND_RECEIPT,
        .lane = LANE_PRIORITY,
        .order_key = m->order_key,
        .thread = m->thread,
        .accepted_ms = s->now_ms,
        .expires_ms = s->now_ms + s->config.accept.default_expiry_ms,
        .n_stamps = 1,
        .stamps = { { .at_ms = s->now_ms } },
    };
    text_copy(receipt.sender, NODE_NAME_SIZE, s->self);
    text_copy(receipt.region, REGION_SIZE, m->region);
    text_copy(receipt.stamps[0].broker, NODE_NAME_SIZE, s->self);
    if (!body || !route_add(&receipt.route, m->sender, ROLE_ADDRESSEE, 0, queue->id)) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    message_insert(s, &receipt, body);
    queue_deliver(s, op,
                  &(NewDelivery) { .queue = queue,
                                   .seq = receipt.seq,
                                   .order_key = receipt.order_key,
                                   .since_ms = s->now_ms,
                                   .expires_ms = receipt.expires_ms,
                                   .lane = LANE_PRIORITY,
                                   .flags = DELIVERY_WARNED_EXPIRY | DELIVERY_WARNED_DELAY,
                                   .size = (uint32_t)body_size(body),
                                   .body = body,
                                   .message = &receipt });
    if (queue->kind == QUEUE_LINK)
        recent_keep(s, &receipt);
}

void receipt_send(Store *s, StoreOp *op, const StoredMessage *m, const Saying *say) {
    send_along(s, op, m, say, way_to_sender(s, m));
}

static LedgerKind ledger_kind_at(ReceiptLevel level) {
    switch (level) {
    case LEVEL_COLLECTED:
        return LEDGER_COLLECTED;
    case LEVEL_UNDELIVERABLE:
        return LEDGER_UNDELIVERABLE;
    case LEVEL_RECALLED:
        return LEDGER_RECALLED;
    case LEVEL_COLLECTED_LATE:
        return LEDGER_COLLECTED_LATE;
    default:
        return LEDGER_NONE; /* warnings, and what the deposit itself has noted */
    }
}

static void note_said(Store *s, const StoredMessage *m, const Saying *say) {
    const LedgerKind kind = ledger_kind_at(say->level);
    const bool collected = kind == LEDGER_COLLECTED || kind == LEDGER_COLLECTED_LATE;
    if (kind != LEDGER_NONE)
        ledger_note_message(s, kind, &m->id, say->recipient, "",
                            collected ? (int64_t)say->attempts : (int64_t)say->cause);
}

bool receipt_say(Store *s, StoreOp *op, const StoredMessage *m, const Saying *say) {
    if (s->fault < 0 || say->role == ROLE_SUBSCRIBER)
        return false;
    if (m->kind == KIND_NOTICE || m->kind == KIND_WRAP_REQUEST || m->kind == KIND_SEAL_WRAP ||
        m->kind == KIND_KEY_REQUEST) /* nobody is told of its end, but it is on record */
        note_said(s, m, say);
    if (!receipt_applies(m->kind))
        return false;
    if (receipt_is_final(say->level)) {
        OutcomeRow o = { .level = say->level, .cause = say->cause, .said_ms = s->now_ms };
        text_copy(o.recipient, sizeof(o.recipient), say->recipient);
        text_copy(o.leg, sizeof(o.leg), s->self);
        if (!outcome_insert(s, m->seq, &o, say->attempts, say->detail))
            return false;
        law_ended(s, m, say->recipient, say->level);
    }
    note_said(s, m, say);
    Queue *way = way_to_sender(s, m);
    if (receipt_is_wanted(m->receipts, (int)say->level) ||
        (receipt_is_final(say->level) && way && way->kind == QUEUE_LINK))
        /* Its broker records every end, wanted by the sender or not. */
        send_along(s, op, m, say, way);
    return s->fault == 0;
}

/* The end of a message published here that its sender does not want to hear of. */
static bool is_for_record(const StoredMessage *m, int level) {
    return m->origin[0] == '\0' && receipt_is_final(level) &&
           !receipt_is_wanted(m->receipts, level);
}

static void note_told(Store *s, const Uuid *id, const OutcomeRow *o, LedgerKind kind,
                      bool believed) {
    LedgerEntry e = { .kind = kind, .message_id = *id, .code = (int64_t)o->level };
    text_copy(e.node, sizeof(e.node), o->recipient);
    text_copy(e.peer, sizeof(e.peer), o->leg);
    text_copy(e.note, sizeof(e.note), believed ? "" : "NOT_BELIEVED");
    ledger_note(s, &e);
}

/* Of a message that was passed on and is purged here, whose outcomes are kept: its sender's home
 * judges once more. */
static bool note_purged(Store *s, const Uuid *id, int64_t seq, const OutcomeRow *o,
                        const char *neighbour) {
    const bool believed = hearsay_of_purged_is_believed(s, seq, o->recipient, neighbour);
    const bool decides =
        believed && receipt_is_final((int)o->level) && outcome_insert(s, seq, o, 0, NULL);
    note_told(s, id, o, decides ? LEDGER_NOTED : LEDGER_TOLD, believed);
    return !believed;
}

bool receipt_note(Store *s, const Message *receipt, const char *neighbour) {
    const Facts *f = &receipt->facts;
    _cleanup_(stored_message_deinit) StoredMessage read = { 0 };
    if (!f->readable)
        return false;
    const StoredMessage *m = recent_find_id(s, &f->receipt.message_id);
    const int64_t seq = m ? m->seq : dedup_find(s, &f->receipt.message_id, NULL);
    if (!m && seq > 0)
        m = recent_load(s, seq, &read);
    if (seq == 0 || (m && !receipt_applies(m->kind)))
        return false;
    OutcomeRow o = { .level = (ReceiptLevel)f->receipt.level,
                     .cause = (ReceiptCause)f->receipt.cause,
                     .said_ms = f->receipt.said_ms };
    text_copy(o.recipient, sizeof(o.recipient), f->receipt.recipient);
    text_copy(o.leg, sizeof(o.leg), receipt->env.sender); /* whose signature it has */
    if (!m)
        return note_purged(s, &f->receipt.message_id, seq, &o, neighbour);
    const bool allowed = hearsay_is_believed(s, m, o.recipient, neighbour);
    const bool decides =
        allowed && receipt_is_final(f->receipt.level) && outcome_insert(s, seq, &o, 0, NULL);
    note_told(s, &m->id, &o, decides ? LEDGER_NOTED : LEDGER_TOLD, allowed);
    if (decides) {
        quota_ended_beyond(s, m, o.recipient);
        law_ended(s, m, o.recipient, o.level);
        return is_for_record(m, f->receipt.level);
    }
    char note[160];
    snprintf(note, sizeof(note), "%s said by %.64s%s", receipt_level_name(f->receipt.level), o.leg,
             allowed ? "" : ", not believed: the message did not go that way for it");
    trail_add_heard(s, seq, "told", o.recipient, note);
    return !allowed || is_for_record(m, f->receipt.level); /* nobody is told what is not believed */
}

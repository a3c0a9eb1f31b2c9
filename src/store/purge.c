/* SPDX-License-Identifier: Apache-2.0 */
/* What is finished and old goes, in bounded steps; what is not finished stays, however old. */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/move.h"
#include "store/pending.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"
#include "store/schema.h"
#include "store/signed.h"
#include "store/space.h"
#include "store/upkeep.h"

#define PURGE_ROWS      200U
#define PURGE_PERIOD_MS (10 * MINUTE_MS)
#define DEDUP_PERIOD_MS (6 * HOUR_MS)
#define VACUUM_PAGES    1024 /* unused pages that are worth giving back */
/* When intake is closed for want of room, what is finished goes after so short a time: a trace less
 * is better than a referral refused. */
#define PRESSED_RETENTION_MS (10 * SECOND_MS)
#define PRESSED_PERIOD_MS    SECOND_MS
#define PRESSED_VACUUM_PAGES 16

static bool is_event(const StoredMessage *m) {
    const KindInfo *info = kind_info(m->kind);
    return m->lane == LANE_EVENT || (info && info->event);
}

static int64_t retention_at_least(const Store *s) {
    return s->above_mark ? MIN(s->config.retention_ms, PRESSED_RETENTION_MS)
                         : s->config.retention_ms;
}

static int64_t retention_of(const Store *s, const StoredMessage *m) {
    if (s->above_mark || !is_event(m))
        return retention_at_least(s);
    return MAX(s->config.retention_event_ms, s->config.retention_ms);
}

/* Does every recipient have its end, as far as this broker is the one to know? A broker on the way
 * is done when it handed the message over. */
static bool all_ended(Store *s, const StoredMessage *m) {
    if (!receipt_applies(m->kind))
        return true;
    for (uint32_t i = 0; i < m->route.n; i++) {
        const RouteEntry *e = &m->route.list[i];
        const Queue *queue = queue_by_id(s, e->queue);
        const bool on_the_way = queue && queue->kind == QUEUE_LINK &&
                                (m->origin[0] != '\0' || (e->flags & ROUTE_SCOPE_HOP));
        if (!on_the_way && outcome_level(s, m->seq, e->node) == LEVEL_NONE)
            return false;
    }
    return true;
}

static bool is_finished(Store *s, const StoredMessage *m) {
    DeliveryRow row;
    const int64_t retention = retention_of(s, m);
    if (m->accepted_ms + retention > s->now_ms || message_has_row(s, m, &row))
        return false;
    if (db_number(s, QUERY(s, "SELECT 1 FROM dead_letter WHERE seq = ?1 LIMIT 1", INT(m->seq)), 0))
        return false;
    return all_ended(s, m) || m->expires_ms + s->config.retention_ms <= s->now_ms;
}

/* What is damaged is kept: it is all there is of it. */
static bool is_sound(Store *s, int64_t seq) {
    _cleanup_(stored_message_deinit) StoredMessage m;
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged;
    return message_load_body(s, seq, &m, &body, &damaged) && !damaged;
}

/* What was handed over and has no end known here: to whom is noted, so that the message is known
 * when its link brings it once more, and not taken for one that was redirected to others. */
static void note_recipients(Store *s, const StoredMessage *m) {
    for (uint32_t i = 0; receipt_applies(m->kind) && i < m->route.n; i++) {
        const RouteEntry *e = &m->route.list[i];
        const Queue *queue = queue_by_id(s, e->queue);
        OutcomeRow o = { .level = LEVEL_NONE };
        if (e->flags & ROUTE_SCOPE_HOP)
            continue;
        text_copy(o.recipient, sizeof(o.recipient), e->node);
        text_copy(o.leg, sizeof(o.leg), queue ? queue_name(queue) : "");
        if (outcome_insert(s, m->seq, &o, moves_of(e), NULL)) /* it may have its end */
            quota_given_up(s, m, e);
    }
}

static void delete_message(Store *s, const StoredMessage *m) {
    const int64_t seq = m->seq;
    note_recipients(s, m);
    recent_forget(s, seq);
    RUN(s, "DELETE FROM message WHERE seq = ?1", INT(seq));
    if (strcmp(m->sender, s->self) == 0)
        signed_purge(s, seq);
    RUN(s, "DELETE FROM trail WHERE seq = ?1", INT(seq));
    s->purged++;
}

/* Messages are in order of acceptance, so the walk ends at the first one that is too young. */
static bool purge_messages(Store *s) {
    const uint64_t before = s->purged;
    bool more = true;
    for (uint32_t i = 0; i < PURGE_ROWS && more && s->fault == 0; i++) {
        _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
        const int64_t seq = db_number(
            s,
            QUERY(s, "SELECT seq FROM message WHERE seq > ?1 AND +seq > ?1 ORDER BY seq LIMIT 1",
                  INT(s->purge_seq)),
            0);
        const bool readable = seq > 0 && message_load(s, seq, &m);
        more = seq > 0 && (!readable || m.accepted_ms + retention_at_least(s) <= s->now_ms);
        if (!more)
            break;
        s->purge_seq = seq;
        if (readable && is_finished(s, &m) && is_sound(s, seq))
            delete_message(s, &m);
    }
    if (s->purged != before) {
        meta_set(s, "purged", (int64_t)s->purged);
        meta_set(s, "next_seq", s->next_seq); /* numbers are never used again */
        ledger_remember(s);
        case_keys_purge(s, db_number(s, QUERY(s, "SELECT min(seq) FROM message"), 0));
    }
    if (!more) {
        s->purge_seq = 0;
        s->purge_due_ms = s->now_ms + (s->above_mark ? PRESSED_PERIOD_MS : PURGE_PERIOD_MS);
    }
    return more;
}

/* Ids and outcomes are remembered longer than messages, and at least as long as them. */
static bool purge_dedup(Store *s) {
    int64_t seqs[DEDUP_STEP];
    bool more = false;
    const uint32_t n = dedup_forget_old(s, s->now_ms - s->config.dedup_ms, seqs, &more);
    for (uint32_t i = 0; i < n; i++)
        RUN(s, "DELETE FROM outcome WHERE seq = ?1", INT(seqs[i]));
    if (!more)
        s->dedup_due_ms = s->now_ms + DEDUP_PERIOD_MS;
    return more;
}

/* Unused pages are kept for the next peak unless they are a quarter of the file, or room is short.
 */
static bool wants_vacuum(Store *s) {
    const int64_t pages = db_number(s, QUERY(s, "PRAGMA page_count"), 0);
    const int64_t unused = db_number(s, QUERY(s, "PRAGMA freelist_count"), 0);
    return s->above_mark ? unused > PRESSED_VACUUM_PAGES
                         : unused > VACUUM_PAGES && unused > pages / 4;
}

/* After a leap of the clock, which is likely to be set right: nothing is forgotten by it. */
static bool is_held(Store *s) {
    const int64_t seen_ms = s->purge_seen_ms;
    if (seen_ms > 0 && s->now_ms - seen_ms > CLOCK_LEAP_MS)
        s->purge_held_ms = s->now_ms + CLOCK_DOUBT_MS;
    else if (s->now_ms < seen_ms)
        s->purge_held_ms = 0;
    s->purge_seen_ms = s->now_ms;
    return s->now_ms < s->purge_held_ms;
}

int purge_step(Store *s, bool *ret_more) {
    if (is_held(s))
        return 0;
    const bool messages = s->now_ms >= s->purge_due_ms, dedup = s->now_ms >= s->dedup_due_ms;
    const bool ledger = s->now_ms >= s->ledger_due_ms;
    const bool items = s->config.item_retention_ms > 0 && s->now_ms >= s->items_due_ms;
    bool more = false;
    if (messages || dedup || items || ledger) {
        (void)db_exec(s, "BEGIN IMMEDIATE");
        if (messages) {
            dedup_sweep(s); /* no message goes before its id is in the table */
            more = purge_messages(s);
        }
        if (dedup)
            more = purge_dedup(s) || more;
        if (items)
            more = purge_items(s) || more;
        if (ledger)
            more = ledger_purge(s) || more;
        quota_flush(s);
        pending_write(s);
        tally_flush(s);
        ledger_flush(s);
        if (db_exec(s, "COMMIT") == 0) {
            ledger_committed(s);
            quota_committed(s);
        }
    }
    if (s->fault == 0 && wants_vacuum(s)) {
        (void)db_exec(s, "PRAGMA incremental_vacuum(64)");
        more = true;
    }
    if (s->fault == 0) {
        *ret_more = *ret_more || more;
        return 0;
    }
    const int r = s->fault;
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* the fault is what counts */
    quota_rolled_back(s);
    tally_drop(s);
    pending_drop(s);
    ledger_rolled_back(s);
    if (r != -ENOSPC)
        return r;
    /* Deleting needs room as well: give the ballast for it and come back. */
    s->fault = 0;
    space_release_ballast(s);
    s->purge_seq = 0;
    s->purge_due_ms = s->dedup_due_ms = s->items_due_ms = s->ledger_due_ms =
        s->now_ms + 5 * SECOND_MS;
    store_cache_load(s);
    return s->fault;
}

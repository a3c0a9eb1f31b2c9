/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Counted in memory. Only senders that have a quarter of their quota are in the table, so that it
 * costs the others nothing; after a crash a count can be too low by that quarter. A rollback leaves
 * the counts of its transaction as they are: they are bounds, not accounts.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "store/pace.h"
#include "store/quota.h"

#define KEPT_FROM       4U  /* the share of the quota */
#define RECEIPTS_MORE   10U /* so many times the quota of a sender may wait unread */
#define FULL_RETRY_MS   60000U
#define LETTER_RETRY_MS 600000U

static SenderLoad *find(const Store *s, const char *sender) {
    SenderLoad *l = NULL;
    HASH_FIND_STR(s->loads, sender, l);
    return l;
}

static SenderLoad *get(Store *s, const char *sender) {
    SenderLoad *l = find(s, sender);
    if (l)
        return l;
    l = calloc(1, sizeof(*l));
    if (l) {
        text_copy(l->sender, sizeof(l->sender), sender);
        HASH_ADD_STR(s->loads, sender, l);
    }
    if (l && l->hh.tbl)
        return l;
    free(l);
    db_fault(s, -ENOMEM, "out of memory");
    return NULL;
}

/* Wraps are letters of a node to another, though they get no receipts. */
static bool is_letter(int kind) {
    return receipt_applies(kind) || kind == KIND_SEAL_WRAP;
}

bool quota_counts(const StoredMessage *m) {
    return m->origin[0] == '\0' && is_letter(m->kind);
}

static bool is_exempt(const Message *m) {
    if (m->env.kind == KIND_SEAL_WRAP)
        return false; /* whatever lane it claims */
    return m->lane <= LANE_EMERGENCY || m->env.kind == KIND_RECALL_ORDER || !is_letter(m->env.kind);
}

static SenderLoad *charged(Store *s, const StoredMessage *m) {
    return s->config.sender_quota + s->config.dead_quota > 0 && quota_counts(m) ? get(s, m->sender)
                                                                                : NULL;
}

static void mark(Store *s, SenderLoad *l) {
    if (l->dirty)
        return;
    l->dirty = true;
    LL_PREPEND2(s->dirty_loads, l, next_dirty);
}

void quota_waits(Store *s, const StoredMessage *m) {
    SenderLoad *l = charged(s, m);
    if (!l)
        return;
    l->waiting++;
    mark(s, l);
}

void quota_left(Store *s, const StoredMessage *m) {
    SenderLoad *l = charged(s, m);
    if (!l || l->waiting == 0)
        return;
    l->waiting--;
    mark(s, l);
}

void quota_died(Store *s, const StoredMessage *m) {
    SenderLoad *l = charged(s, m);
    if (l)
        l->dead++;
}

void quota_count_dead(Store *s) {
    for (SenderLoad *l = s->loads; l; l = l->hh.next)
        l->dead = 0;
    _query_ q = QUERY(s, "SELECT m.sender, count(*) FROM dead_letter d "
                         "JOIN message m ON m.seq = d.seq WHERE m.origin = '' GROUP BY m.sender");
    while (db_row(s, q)) {
        SenderLoad *l = get(s, col_text(q, 0));
        if (l)
            l->dead = (uint64_t)col_int(q, 1);
    }
}

/* --- the answer ----------------------------------------------------------------------------- */

static bool answer(Store *s, StoreOp *op, const char *code, const char *field, uint32_t retry_ms) {
    PublishResult *r = &op->accept.result;
    Reasons *list = accept_reasons(s, r);
    r->verdict = VERDICT_LATER;
    r->retry_after_ms = retry_ms;
    if (list)
        reasons_add(list, code, field, NULL, NULL);
    return true;
}

static bool answer_pace(Store *s, StoreOp *op, uint32_t retry_ms) {
    PublishResult *r = &op->accept.result;
    Reasons *list = accept_reasons(s, r);
    r->verdict = VERDICT_LATER;
    r->retry_after_ms = retry_ms;
    if (list)
        reasons_add(list, "SLOW_DOWN", "",
                    "Too many of these from this node: each goes to the whole region or country.",
                    "Terlalu banyak dari simpul ini: masing-masing sampai ke seluruh wilayah atau "
                    "negara.");
    return true;
}

static const char *full_mailbox(Store *s) {
    const AcceptDecision *d = &s->decision;
    for (uint32_t i = 0; s->config.mailbox_quota > 0 && i < d->n_routes; i++) {
        const Queue *q = strcmp(d->routes[i].hop, s->self) == 0
                             ? queue_find(s, QUEUE_MAILBOX, d->routes[i].who.node)
                             : NULL;
        if (q && q->waiting >= s->config.mailbox_quota)
            return d->routes[i].who.node;
    }
    return NULL;
}

/* They are small, but each of its messages makes one, and who never reads them never stops. */
static bool are_receipts_unread(Store *s, const char *sender) {
    const Queue *q = queue_find(s, QUEUE_RECEIPTS, sender);
    return s->config.sender_quota > 0 && q &&
           q->waiting >= RECEIPTS_MORE * (uint64_t)s->config.sender_quota;
}

bool quota_is_reached(Store *s, StoreOp *op) {
    const Message *m = op->accept.message;
    if (op->accept.from_link)
        return false;
    const uint32_t wait_ms = pace_exceeded(s, m);
    if (wait_ms > 0)
        return answer_pace(s, op, wait_ms);
    if (is_exempt(m))
        return false;
    const StoreConfig *c = &s->config;
    const SenderLoad *l = find(s, m->env.sender);
    if (l && c->sender_quota > 0 && l->waiting + s->decision.n_routes > c->sender_quota)
        return answer(s, op, "SENDER_FULL", "", FULL_RETRY_MS);
    if (are_receipts_unread(s, m->env.sender))
        return answer(s, op, "SENDER_FULL", "receipts", FULL_RETRY_MS);
    if (l && c->dead_quota > 0 && l->dead >= c->dead_quota)
        return answer(s, op, "DEAD_LETTERS", "", LETTER_RETRY_MS);
    const char *full = full_mailbox(s);
    return full && answer(s, op, "MAILBOX_FULL", full, FULL_RETRY_MS);
}

/* --- the table ------------------------------------------------------------------------------ */

void quota_load(Store *s) {
    if (s->config.sender_quota + s->config.dead_quota == 0)
        return;
    {
        _query_ q = QUERY(s, "SELECT sender, waiting FROM sender_load");
        while (db_row(s, q)) {
            SenderLoad *l = get(s, col_text(q, 0));
            if (!l)
                return;
            l->waiting = (uint64_t)col_int(q, 1);
            l->kept = true;
        }
    }
    quota_count_dead(s);
}

void quota_drop(Store *s) {
    SenderLoad *l, *next;
    s->dirty_loads = NULL;
    HASH_ITER (hh, s->loads, l, next) {
        HASH_DEL(s->loads, l);
        free(l);
    }
}

static void flush_one(Store *s, SenderLoad *l) {
    const bool keep = l->waiting >= s->config.sender_quota / KEPT_FROM && l->waiting > 0;
    if (keep)
        RUN(s, "INSERT OR REPLACE INTO sender_load(sender, waiting) VALUES(?1, ?2)",
            TEXT(l->sender), INT((int64_t)l->waiting));
    else if (l->kept)
        RUN(s, "DELETE FROM sender_load WHERE sender = ?1", TEXT(l->sender));
    l->kept = keep;
    l->dirty = false;
}

void quota_flush(Store *s) {
    for (SenderLoad *l; (l = s->dirty_loads);) {
        s->dirty_loads = l->next_dirty;
        flush_one(s, l);
        if (l->waiting > 0 || l->dead > 0)
            continue;
        HASH_DEL(s->loads, l);
        free(l);
    }
}

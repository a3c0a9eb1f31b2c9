/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Counted in memory, with each delivery row that comes and goes, also when nothing is bounded. Only
 * senders that have a quarter of a quota are in the table while the store runs, so that it costs
 * the others nothing. A clean stop writes all; after a crash a small store is counted by its rows,
 * and in a large one a count can be too low by that quarter.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "store/message.h"
#include "store/pace.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"
#include "store/store-accept.h"

#define KEPT_FROM       4U  /* the share of the quota */
#define RECEIPTS_MORE   10U /* so many times its quota: receipts unread, what a neighbour says */
#define URGENT_MORE     2U  /* so many times the quota of a sender may its emergencies fill */
#define READER_SHARE    2U  /* the part of a sender's bound that a reader has */
#define FULL_RETRY_MS   60000U
#define LETTER_RETRY_MS 600000U
#define LINK_RETRY_MS   5000U

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

static bool is_own(const StoredMessage *m) {
    return m->origin[0] == '\0' && is_letter(m->kind);
}

/* What brokers say to each other has an account of its own for each neighbour, for it has to go on
 * when letters may not. No node has such a name. */
static void account_of_words(const char *neighbour, char ret[static NODE_NAME_SIZE]) {
    (void)snprintf(ret, NODE_NAME_SIZE, "+%.*s", (int)NODE_NAME_SIZE - 2, neighbour);
}

/* Whose account it is in: no neighbour is a sender here, brokers are at home at themselves. */
static void payer(const StoredMessage *m, char ret[static NODE_NAME_SIZE]) {
    if (is_letter(m->kind))
        text_copy(ret, NODE_NAME_SIZE, m->origin[0] != '\0' ? m->origin : m->sender);
    else
        account_of_words(m->origin, ret);
}

static bool is_urgent(const Message *m) {
    return m->env.kind != KIND_SEAL_WRAP && m->lane <= LANE_EMERGENCY; /* a wrap may claim it */
}

static bool is_over(Load is, uint64_t more, uint64_t more_bytes, uint64_t max, uint64_t max_bytes) {
    return (max > 0 && is.n + more > max) || (max_bytes > 0 && is.bytes + more_bytes > max_bytes);
}

static void mark(Store *s, SenderLoad *l) {
    if (l->dirty)
        return;
    l->dirty = true;
    l->before = l->waiting;
    l->kept_before = l->kept;
    LL_PREPEND2(s->dirty_loads, l, next_dirty);
}

static void charge_to(Store *s, const char *account, uint32_t size) {
    SenderLoad *l = get(s, account);
    if (!l)
        return;
    mark(s, l);
    l->waiting.n++;
    l->waiting.bytes += size;
}

static void release_from(Store *s, const char *account, uint32_t size) {
    SenderLoad *l = get(s, account);
    if (!l)
        return;
    mark(s, l);
    l->waiting.n -= l->waiting.n > 0;
    l->waiting.bytes -= MIN((uint64_t)size, l->waiting.bytes);
}

/* Copies for subscribers have a quota of their own. What this broker says itself costs nobody: it
 * would be a bound on one way of a link that only the other way lifts, and both could stand still.
 */
static bool is_charged(const StoredMessage *m, const Queue *queue) {
    if (!queue || queue->kind == QUEUE_SUBSCRIPTION)
        return false;
    return is_letter(m->kind) || m->origin[0] != '\0';
}

void quota_waits(Store *s, const StoredMessage *m, const Queue *queue, uint32_t size) {
    char account[NODE_NAME_SIZE];
    if (!is_charged(m, queue))
        return;
    payer(m, account);
    charge_to(s, account, size);
}

void quota_left(Store *s, const StoredMessage *m, const Queue *queue, uint32_t size) {
    char account[NODE_NAME_SIZE];
    if (!is_charged(m, queue))
        return;
    payer(m, account);
    release_from(s, account, size);
}

/* --- beyond a link -------------------------------------------------------------------------- */

/* Of what was published here. */
static void charge(Store *s, const StoredMessage *m, uint32_t size) {
    charge_to(s, m->sender, size);
}

static void release(Store *s, const StoredMessage *m, uint32_t size) {
    release_from(s, m->sender, size);
}

/* Whoever is in a scope beyond a neighbour is not known here; a scope has a pace instead. */
static bool is_named_beyond(Store *s, const StoredMessage *m, const RouteEntry *e) {
    const Queue *queue = queue_by_id(s, e->queue);
    return m->origin[0] == '\0' && receipt_applies(m->kind) && queue && queue->kind == QUEUE_LINK &&
           !(e->flags & ROUTE_SCOPE_HOP);
}

/* Is the delivery of this recipient still a row here? */
static bool has_row(Store *s, const StoredMessage *m, const RouteEntry *e) {
    DeliveryRow row;
    return !(e->flags & (ROUTE_CLOSED | ROUTE_HANDED)) && queue_find_row(s, e->queue, m->seq, &row);
}

static bool is_open(Store *s, const StoredMessage *m, const RouteEntry *e) {
    return outcome_level(s, m->seq, e->node) == LEVEL_NONE;
}

static bool waits_beyond(Store *s, const StoredMessage *m, const RouteEntry *e) {
    return is_named_beyond(s, m, e) && is_open(s, m, e) && !has_row(s, m, e);
}

void quota_goes_beyond(Store *s, const StoredMessage *m, const RouteEntry *e) {
    if (is_named_beyond(s, m, e) && !(e->flags & (ROUTE_CLOSED | ROUTE_HANDED)) && is_open(s, m, e))
        charge(s, m, m->size);
}

void quota_comes_back(Store *s, const StoredMessage *m, const RouteEntry *e) {
    if (waits_beyond(s, m, e))
        release(s, m, m->size);
}

void quota_ended_beyond(Store *s, const StoredMessage *m, const char *recipient) {
    const RouteEntry *e = route_find(&m->route, recipient);
    if (e && is_named_beyond(s, m, e) && !has_row(s, m, e))
        release(s, m, m->size);
}

void quota_given_up(Store *s, const StoredMessage *m, const RouteEntry *e) {
    if (is_named_beyond(s, m, e))
        release(s, m, m->size);
}

void quota_resized(Store *s, const StoredMessage *m, uint32_t size) {
    if (size == m->size)
        return;
    for (uint32_t i = 0; i < m->route.n; i++) {
        if (!waits_beyond(s, m, &m->route.list[i]))
            continue;
        release(s, m, m->size);
        charge(s, m, size);
    }
}

/* --- dead letters --------------------------------------------------------------------------- */

static void add(Load *l, uint32_t size) {
    l->n++;
    l->bytes += size;
}

/* Who sent it had no part in a copy that somebody subscribed to, or in its own receipt. */
static bool is_senders(const Queue *queue) {
    return queue->kind == QUEUE_MAILBOX || queue->kind == QUEUE_LINK;
}

void quota_died(Store *s, const StoredMessage *m, const Queue *queue, const char *reader,
                uint32_t size) {
    SenderLoad *l = m && is_own(m) && is_senders(queue) ? get(s, m->sender) : NULL;
    if (l)
        add(&l->dead, size);
    l = reader ? get(s, reader) : NULL;
    if (l)
        add(&l->rejected, size);
}

bool quota_may_reject(Store *s, const char *reader) {
    const StoreConfig *c = &s->config;
    const SenderLoad *l = find(s, reader);
    return !l || l->rejected.n == 0 ||
           !is_over(l->rejected, 1, 1, (c->dead_quota + 1) / READER_SHARE,
                    c->sender_bytes / READER_SHARE);
}

/* Messages on damaged pages are counted if they can be: the counts are bounds, and no reason for a
 * store not to start. */
static PagesMode begin_counting(Store *s) {
    const PagesMode mode = pages_set_mode(s->pages, PAGES_LEAVES);
    if (mode > PAGES_LEAVES)
        (void)pages_set_mode(s->pages, mode);
    return mode;
}

/* Returns whether everything could be read. */
static bool end_counting(Store *s, PagesMode mode) {
    const bool damaged = s->fault == -EUCLEAN;
    uint32_t page;
    (void)pages_set_mode(s->pages, mode);
    if (damaged)
        s->fault = 0;
    if (pages_damaged(s->pages, &page) > 0) { /* not for other eyes */
        (void)sqlite3_db_release_memory(s->db);
        pages_forget(s->pages);
    }
    return !damaged && s->fault == 0;
}

static void sum_dead(Store *s) {
    for (SenderLoad *l = s->loads; l; l = l->hh.next)
        l->dead = l->rejected = (Load) { 0 };
    _query_ q = QUERY(s, "SELECT d.queue, d.recipient, d.size, m.kind, m.origin, m.sender "
                         "FROM dead_letter d LEFT JOIN message m ON m.seq = d.seq");
    while (db_row(s, q)) {
        const Queue *queue = queue_by_id(s, col_int(q, 0));
        StoredMessage m = { .kind = (int)col_int(q, 3) };
        if (!queue)
            continue;
        text_copy(m.origin, sizeof(m.origin), col_text(q, 4));
        text_copy(m.sender, sizeof(m.sender), col_text(q, 5));
        quota_died(s, m.sender[0] != '\0' ? &m : NULL, queue,
                   queue->kind != QUEUE_LINK ? col_text(q, 1) : NULL, (uint32_t)col_int(q, 2));
    }
}

void quota_count_dead(Store *s) {
    if (s->fault < 0)
        return;
    const PagesMode mode = begin_counting(s);
    sum_dead(s);
    (void)end_counting(s, mode);
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
                    "Too many of these from this node: other brokers have to bear each of them.",
                    "Terlalu banyak dari simpul ini: masing-masing membebani simpul lain.");
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
static bool are_receipts_unread(Store *s, const Message *m) {
    const Queue *q = queue_find(s, QUEUE_RECEIPTS, m->env.sender);
    const uint64_t times = RECEIPTS_MORE * (is_urgent(m) ? URGENT_MORE : 1);
    return s->config.sender_quota > 0 && q && q->waiting >= times * s->config.sender_quota;
}

/* Who has nothing here may always say one thing, however many it is for. */
static bool is_waiting_over(const Store *s, const Message *m, const SenderLoad *l, uint64_t max,
                            uint64_t max_bytes) {
    const uint64_t times = is_urgent(m) ? URGENT_MORE : 1;
    return l && l->waiting.n > 0 &&
           is_over(l->waiting, s->decision.n_routes, body_size(m->body), times * max,
                   times * max_bytes);
}

static const char *full_sender(const Store *s, const Message *m, const SenderLoad *l) {
    const StoreConfig *c = &s->config;
    const uint64_t times = is_urgent(m) ? URGENT_MORE : 1;
    const uint64_t max_bytes = times * c->sender_bytes;
    if (is_waiting_over(s, m, l, c->sender_quota, c->sender_bytes))
        return "SENDER_FULL";
    if (l && l->dead.n > 0 && is_over(l->dead, 1, 1, times * c->dead_quota, max_bytes))
        return "DEAD_LETTERS";
    return NULL;
}

static bool is_full(Store *s, StoreOp *op) {
    const Message *m = op->accept.message;
    if (m->env.kind == KIND_RECALL_ORDER || !is_letter(m->env.kind))
        return false;
    const char *full = full_sender(s, m, find(s, m->env.sender));
    if (full)
        return answer(s, op, full, "",
                      strcmp(full, "SENDER_FULL") == 0 ? FULL_RETRY_MS : LETTER_RETRY_MS);
    if (are_receipts_unread(s, m))
        return answer(s, op, "SENDER_FULL", "receipts", FULL_RETRY_MS);
    const char *mailbox = is_urgent(m) ? NULL : full_mailbox(s);
    return mailbox && answer(s, op, "MAILBOX_FULL", mailbox, FULL_RETRY_MS);
}

/* Receipts and orders pass where letters do not: what they end is what makes room. But nobody has
 * ten times as many of them to say. */
static bool is_neighbour_full(Store *s, StoreOp *op) {
    const StoreConfig *c = &s->config;
    const Message *m = op->accept.message;
    const char *neighbour = op->accept.authority;
    const bool letter = is_letter(m->env.kind);
    char words[NODE_NAME_SIZE];
    account_of_words(neighbour, words);
    return is_waiting_over(s, m, find(s, letter ? neighbour : words),
                           (letter ? 1U : RECEIPTS_MORE) * c->neighbour_quota,
                           c->neighbour_bytes) &&
           answer(s, op, "NEIGHBOUR_FULL", "", LINK_RETRY_MS);
}

bool quota_is_reached(Store *s, StoreOp *op) {
    if (op->accept.from_link)
        return is_neighbour_full(s, op);
    if (is_full(s, op))
        return true;
    const uint32_t wait_ms = pace_exceeded(s, op->accept.message); /* the last: it counts */
    return wait_ms > 0 && answer_pace(s, op, wait_ms);
}

/* --- the table ------------------------------------------------------------------------------ */

static void write_row(Store *s, SenderLoad *l, bool keep) {
    if (keep)
        RUN(s, "INSERT OR REPLACE INTO sender_load(sender, waiting, bytes) VALUES(?1, ?2, ?3)",
            TEXT(l->sender), INT((int64_t)l->waiting.n), INT((int64_t)l->waiting.bytes));
    else if (l->kept)
        RUN(s, "DELETE FROM sender_load WHERE sender = ?1", TEXT(l->sender));
    l->kept = keep;
}

static void sum_waiting(Store *s) {
    _query_ q =
        QUERY(s,
              "SELECT iif(m.origin = '', m.sender, m.origin) AS payer, m.kind, count(*), "
              "sum(d.size), m.origin "
              "FROM queue q CROSS JOIN delivery d ON d.queue = q.id "
              "CROSS JOIN message m ON m.seq = d.seq "
              "WHERE q.kind IN (?1, ?2) OR (q.kind = ?3 AND d.flags & ?4) "
              "GROUP BY payer, m.kind, m.origin",
              INT(QUEUE_MAILBOX), INT(QUEUE_LINK), INT(QUEUE_RECEIPTS), INT(DELIVERY_BROUGHT));
    while (db_row(s, q)) {
        const char *origin = col_text(q, 4);
        char account[NODE_NAME_SIZE];
        if (is_letter((int)col_int(q, 1)))
            text_copy(account, sizeof(account), col_text(q, 0));
        else if (origin[0] != '\0')
            account_of_words(origin, account);
        else
            continue;
        SenderLoad *l = get(s, account);
        if (!l)
            continue;
        mark(s, l);
        l->waiting.n += (uint64_t)col_int(q, 2);
        l->waiting.bytes += (uint64_t)col_int(q, 3);
    }
}

static void sum_message(Store *s, const StoredMessage *m) {
    for (uint32_t i = 0; i < m->route.n; i++)
        if (waits_beyond(s, m, &m->route.list[i]))
            charge(s, m, m->size);
}

static void sum_beyond(Store *s) {
    _query_ q = QUERY(s, "SELECT seq, sender, kind, route, "
                         "length(envelope) + length(facts) + length(sealed) "
                         "FROM message WHERE origin = ''");
    while (db_row(s, q)) {
        _cleanup_(stored_message_deinit) StoredMessage m = { .seq = col_int(q, 0),
                                                             .kind = (int)col_int(q, 2),
                                                             .size = (uint32_t)col_int(q, 4) };
        text_copy(m.sender, sizeof(m.sender), col_text(q, 1));
        if (route_decode(col_bytes(q, 3), &m.route) == 0)
            sum_message(s, &m);
    }
}

void quota_recount(Store *s,
                   void (*differs)(void *data, const char *sender, Load counted, Load rows),
                   void *data) {
    SenderLoad *l;
    if (s->fault < 0)
        return;
    for (l = s->loads; l; l = l->hh.next) {
        mark(s, l);
        l->was = l->waiting;
        l->waiting = (Load) { 0 };
    }
    const PagesMode mode = begin_counting(s);
    sum_waiting(s);
    sum_beyond(s);
    if (!end_counting(s, mode))
        for (l = s->loads; l; l = l->hh.next)
            l->waiting = l->was;
    for (l = s->loads; l && differs; l = l->hh.next)
        if (l->was.n != l->waiting.n || l->was.bytes != l->waiting.bytes)
            differs(data, l->sender, l->was, l->waiting);
}

void quota_load(Store *s, bool recount) {
    {
        _query_ q = QUERY(s, "SELECT sender, waiting, bytes FROM sender_load");
        while (db_row(s, q)) {
            SenderLoad *l = get(s, col_text(q, 0));
            if (!l)
                return;
            l->waiting = (Load) { (uint64_t)col_int(q, 1), (uint64_t)col_int(q, 2) };
            l->kept = true;
        }
    }
    if (recount) {
        quota_recount(s, NULL, NULL);
        quota_flush(s);
        quota_committed(s);
    }
}

void quota_drop(Store *s) {
    SenderLoad *l, *next;
    s->dirty_loads = NULL;
    HASH_ITER (hh, s->loads, l, next) {
        HASH_DEL(s->loads, l);
        free(l);
    }
}

static bool is_share(uint64_t n, uint64_t quota) {
    return quota > 0 && n > 0 && n >= quota / KEPT_FROM;
}

void quota_flush(Store *s) {
    for (SenderLoad *l = s->dirty_loads; l; l = l->next_dirty) {
        const StoreConfig *c = &s->config;
        const bool keep = is_share(l->waiting.n, c->sender_quota) ||
                          is_share(l->waiting.bytes, c->sender_bytes) ||
                          is_share(l->waiting.n, c->neighbour_quota) ||
                          is_share(l->waiting.bytes, c->neighbour_bytes);
        if (!l->kept || l->waiting.n != l->before.n || l->waiting.bytes != l->before.bytes)
            write_row(s, l, keep);
    }
}

void quota_committed(Store *s) {
    for (SenderLoad *l; (l = s->dirty_loads);) {
        s->dirty_loads = l->next_dirty;
        l->dirty = false;
        if (l->waiting.n > 0 || l->dead.n > 0 || l->rejected.n > 0 || l->kept)
            continue;
        HASH_DEL(s->loads, l);
        free(l);
    }
}

void quota_rolled_back(Store *s) {
    for (SenderLoad *l; (l = s->dirty_loads); l->dirty = false) {
        s->dirty_loads = l->next_dirty;
        l->waiting = l->before;
        l->kept = l->kept_before;
    }
}

void quota_save(Store *s) {
    for (SenderLoad *l = s->loads; l; l = l->hh.next)
        if (!l->kept && l->waiting.n > 0)
            write_row(s, l, true);
}

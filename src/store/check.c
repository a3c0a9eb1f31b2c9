/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verb "check": the file's own structure, the checksum of every message, and what must always be
 * true of deliveries and outcomes. Bounded: at most `limit` messages from the sequence number in
 * the first argument on; the last row tells where to go on.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "store/directory-layer.h"
#include "store/message.h"
#include "store/query.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/receipts.h"

#define CHECK_MESSAGES   2000U /* at a time: the store does nothing else meanwhile */
#define CHECK_FILE_PAGES 32768 /* a larger file is read through for its structure by a backup */
#define CHECK_READ_PAGES 1024

_printf_(5, 6) static void found(Table *t, const char *what, int64_t seq, const Uuid *id,
                                 const char *format, ...) {
    char text[UUID_TEXT_SIZE] = "", detail[200];
    va_list args;
    if (id)
        uuid_format(id, text);
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    table_text(t, what);
    table_number(t, seq);
    table_text(t, text);
    table_text(t, detail);
}

static void check_file(Store *s, Table *t) {
    _query_ q = QUERY(s, "PRAGMA quick_check(100)");
    while (db_row(s, q))
        if (strcmp(col_text(q, 0), "ok") != 0)
            found(t, "structure", 0, NULL, "%s", col_text(q, 0));
}

/* Pages against their checksums: what is in the log is not in the file yet. */
static void check_pages(Store *s, Table *t) {
    uint32_t at = 1, bad = 0, n = 0;
    while (at > 0 && n < 100 && db_fail(s, pages_scrub(s->db, &at, CHECK_READ_PAGES, &bad)) == 0)
        if (bad > 0 && ++n > 0)
            found(t, "page", 0, NULL, "page %u does not match its checksum", (unsigned)bad);
}

static void check_orphans(Store *s, Table *t) {
    _query_ q = QUERY(s, "SELECT seq, queue FROM (SELECT seq, queue FROM delivery LIMIT 100000) d "
                         "WHERE NOT EXISTS(SELECT 1 FROM message m WHERE m.seq = d.seq) LIMIT 100");
    while (db_row(s, q))
        found(t, "orphan", col_int(q, 0), NULL, "delivery in queue %lld without its message",
              (long long)col_int(q, 1));
}

static bool on_trail(Store *s, int64_t seq, const char *step, const char *who) {
    return db_number(s,
                     QUERY(s, "SELECT 1 FROM trail WHERE seq = ?1 AND step = ?2 AND who = ?3",
                           INT(seq), TEXT(step), TEXT(who)),
                     0) != 0;
}

/* Waiting, ended, or (over a link) handed on: exactly one. A requeued dead letter waits although
 * its end was told. */
static void check_recipient(Store *s, Table *t, const StoredMessage *m, const RouteEntry *e) {
    DeliveryRow row;
    const Queue *queue = queue_by_id(s, e->queue);
    const ReceiptLevel level = outcome_level(s, m->seq, e->node);
    const bool waits = e->queue > 0 && queue_find_row(s, e->queue, m->seq, &row);
    const bool link = queue && queue->kind == QUEUE_LINK;
    if (!waits && level == LEVEL_NONE &&
        !(link && on_trail(s, m->seq, "handed", queue_name(queue))))
        found(t, "lost", m->seq, &m->id, "neither a delivery nor an outcome for %s", e->node);
    if (waits && !link && level != LEVEL_NONE && !on_trail(s, m->seq, "requeued", e->node))
        found(t, "both", m->seq, &m->id, "%s has the outcome %s and still a delivery", e->node,
              receipt_level_name((int)level));
}

static void check_message(Store *s, Table *t, int64_t seq) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    if (!message_load_body(s, seq, &m, &body, &damaged))
        return;
    if (damaged)
        found(t, "damaged", seq, &m.id, "the checksum does not match");
    else if (m.claimed && dedup_find(s, &m.id, NULL) < seq) /* later, if another took it over */
        found(t, "forgotten", seq, &m.id, "its id is not remembered: it would be accepted again");
    for (uint32_t i = 0; !damaged && receipt_applies(m.kind) && i < m.route.n; i++)
        check_recipient(s, t, &m, &m.route.list[i]);
}

static void check_counts(Store *s, Table *t) {
    const Queue *q, *next;
    HASH_ITER (hh_id, s->queues_by_id, q, next) {
        const int64_t n =
            db_number(s, QUERY(s, "SELECT count(*) FROM delivery WHERE queue = ?1", INT(q->id)), 0);
        if (n != (int64_t)q->waiting)
            found(t, "count", 0, NULL, "queue %s: %lld rows, %lld counted", queue_name(q),
                  (long long)n, (long long)q->waiting);
    }
}

static void load_differs(void *data, const char *sender, Load counted, Load rows) {
    found(data, "count", 0, NULL,
          "sender %s: %llu bytes in %llu deliveries, %llu in %llu counted; set right", sender,
          (unsigned long long)rows.bytes, (unsigned long long)rows.n,
          (unsigned long long)counted.bytes, (unsigned long long)counted.n);
}

/* Read anew from the tables: what is in memory was checked when it came. */
static void check_directory(Store *s, Table *t) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    _cleanup_(dir_tree_freep) DirTree *tree = NULL;
    char why[160] = "the stored directory does not stand";
    DirHead head;
    int r = directory_read_tables(s, &d);
    if (r == 0 && s->directory_layered && s->config.directory_codec)
        r = layer_verify(s, d, &tree, &head, why);
    if (r == -EUCLEAN || r == -EINVAL)
        found(t, "directory", 0, NULL, "%s", why);
    else if (r < 0)
        db_fault(s, r, why);
}

static void check(Store *s, StoreOp *op, Table *t) {
    const uint32_t limit =
        op->query.limit > 0 ? MIN(op->query.limit, CHECK_MESSAGES) : CHECK_MESSAGES;
    const int64_t from = op->query.n_args > 0 ? strtoll(op->query.args[0], NULL, 10) : 1;
    int64_t seq = MAX(from, (int64_t)1) - 1;
    const bool large = db_number(s, QUERY(s, "PRAGMA page_count"), 0) > CHECK_FILE_PAGES;
    uint32_t n = 0;
    table_column(t, "finding", COLUMN_TEXT);
    table_column(t, "seq", COLUMN_NUMBER);
    table_column(t, "message_id", COLUMN_TEXT);
    table_column(t, "detail", COLUMN_TEXT);
    if (seq <= 0) { /* these look at everything: once is enough */
        if (!large) {
            check_pages(s, t);
            check_file(s, t);
            quota_recount(s, load_differs, t);
        }
        check_orphans(s, t);
        check_counts(s, t);
        check_directory(s, t);
    }
    for (; n < limit && s->fault == 0; n++) {
        const int64_t at = db_number(
            s,
            QUERY(s, "SELECT seq FROM message WHERE seq > ?1 AND +seq > ?1 ORDER BY seq LIMIT 1",
                  INT(seq)),
            0);
        if (at == 0)
            break;
        seq = at;
        check_message(s, t, seq);
    }
    t->more = n == limit;
    const uint32_t findings = table_rows(t);
    found(t, t->more ? "go on" : "checked", t->more ? seq + 1 : seq, NULL, "%u messages%s", n,
          large ? "; the structure of so large a file is checked by a backup" : "");
    if (findings > 0)
        table_say(t, 1, "%u findings", (unsigned)findings);
}

void query_check(Store *s, StoreOp *op, Table *t) {
    const PagesMode mode = pages_set_mode(s->pages, PAGES_ALL);
    check(s, op, t);
    (void)pages_set_mode(s->pages, mode);
    uint32_t page;
    if (pages_damaged(s->pages, &page) > 0) /* not for other eyes */
        (void)sqlite3_db_release_memory(s->db);
    pages_forget(s->pages);
}

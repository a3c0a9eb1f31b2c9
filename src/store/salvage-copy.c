/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying tables out of a damaged file, row by row and whatever their columns are. A tree is read
 * from its start until a page cannot be read, then from its end; messages, and what belongs to one,
 * by their number as well, which finds what is between two damaged pages.
 */
#include <stdio.h>

#include "store/message.h"
#include "store/salvage-internal.h"
#include "store/schema.h"

#define COLUMNS_MAX 32
#define GAP_MAX     100000 /* numbers tried one by one behind an unreadable page */
#define NUMBER_MAX  (INT64_C(1) << 48)

/* Statements here are made of names: prepared for one loop. */
static sqlite3_stmt *prepare(Store *s, const char *sql) {
    sqlite3_stmt *q = NULL;
    return sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK ? q : NULL;
}

static void finalizep(sqlite3_stmt **q) {
    (void)sqlite3_finalize(*q);
}
#define _statement_ _cleanup_(finalizep) sqlite3_stmt *

static sqlite3_stmt *prepare_insert(Salvage *v, const char *table, int n) {
    char sql[256];
    size_t at = (size_t)snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO %s VALUES(?", table);
    for (int i = 1; i < n && at < sizeof(sql) - 4; i++)
        at += (size_t)snprintf(sql + at, sizeof(sql) - at, ",?");
    (void)snprintf(sql + at, sizeof(sql) - at, ")");
    return prepare(v->to, sql);
}

/* False when the new table does not take it: a value of the wrong type. */
static bool put_row(Salvage *v, sqlite3_stmt *insert, sqlite3_stmt *row) {
    const int n = sqlite3_column_count(row);
    for (int i = 0; i < n; i++)
        (void)sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i));
    const int rc = sqlite3_step(insert);
    (void)sqlite3_reset(insert);
    (void)sqlite3_clear_bindings(insert);
    if (rc == SQLITE_DONE)
        return true;
    if ((rc & 0xff) != SQLITE_CONSTRAINT && (rc & 0xff) != SQLITE_MISMATCH)
        (void)db_fail(v->to, rc); /* no room, or worse */
    return false;
}

/* Returns false when the statement ended with an error, not at its end. */
static bool copy_selected(Salvage *v, const char *table, sqlite3_stmt *q) {
    if (!q)
        return false;
    _statement_ insert = prepare_insert(v, table, sqlite3_column_count(q));
    bool whole = insert != NULL;
    int rc;
    while (insert && v->to->fault == 0 && (rc = sqlite3_step(q)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW)
            return false;
        whole = put_row(v, insert, q) && whole;
    }
    return whole;
}

static bool copy_ordered(Salvage *v, const char *table, const char *order) {
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY %s", table, order);
    _statement_ q = prepare(v->from, sql);
    return copy_selected(v, table, q);
}

/* From both ends. */
static bool copy_table(Salvage *v, const char *table, const char *forward, const char *backward) {
    if (copy_ordered(v, table, forward))
        return true;
    (void)copy_ordered(v, table, backward);
    salvage_tell(v, "table %s: a part cannot be read", table);
    v->report->complete = false;
    return false;
}

static void copy_of_message(Salvage *v, const char *table, int64_t seq) {
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT * FROM %s WHERE seq = ?1", table);
    _statement_ q = prepare(v->from, sql);
    if (q && sqlite3_bind_int64(q, 1, seq) == SQLITE_OK)
        (void)copy_selected(v, table, q);
}

/* --- messages ------------------------------------------------------------------------------- */

/* The highest number anything knows of, but none that no broker comes to: from that of a damaged
 * row there would be no next one. */
static int64_t last_number(Store *from) {
    static const char *const sources[] = {
        "SELECT max(seq) FROM message WHERE seq <= ?1",
        "SELECT max(seq) FROM outcome WHERE seq <= ?1",
        "SELECT max(seq) FROM trail WHERE seq <= ?1",
        "SELECT max(seq) FROM dead_letter WHERE seq <= ?1",
        "SELECT value FROM meta WHERE key = 'next_seq' AND value <= ?1",
        "SELECT max(seq) FROM delivery WHERE seq <= ?1",
    };
    int64_t last = 0;
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        _statement_ q = prepare(from, sources[i]);
        if (q && sqlite3_bind_int64(q, 1, NUMBER_MAX) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
            last = MAX(last, (int64_t)sqlite3_column_int64(q, 0));
    }
    return last;
}

/* The next message from seq on; -1: cannot be read, 0: none. */
static int64_t next_number(sqlite3_stmt *q, int64_t seq) {
    (void)sqlite3_bind_int64(q, 1, seq);
    const int rc = sqlite3_step(q);
    const int64_t found = rc == SQLITE_ROW    ? (int64_t)sqlite3_column_int64(q, 0)
                          : rc == SQLITE_DONE ? 0
                                              : -1;
    (void)sqlite3_reset(q);
    return found;
}

static void copy_message(Salvage *v, int64_t seq) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    char id[UUID_TEXT_SIZE];
    bool damaged = false;
    const bool there = message_load_body(v->from, seq, &m, &body, &damaged);
    v->from->fault = 0; /* an unreadable page is what this is about */
    if (there) {
        copy_of_message(v, "message", seq);
        v->report->messages += !damaged;
        v->report->damaged += damaged;
    }
    if (there && damaged) {
        uuid_format(&m.id, id);
        salvage_tell(v, "message %s is not as it was accepted", id);
        v->report->complete = false;
    }
}

static void copy_messages(Salvage *v) {
    const PagesMode mode = pages_set_mode(v->from->pages, PAGES_ROWS);
    _statement_ next = prepare(
        v->from, "SELECT seq FROM message WHERE seq >= ?1 AND +seq >= ?1 ORDER BY seq LIMIT 1");
    const int64_t last = last_number(v->from);
    if (!next) {
        salvage_tell(v, "table message cannot be read");
        v->report->complete = false;
    }
    uint32_t gap = 0;
    for (int64_t seq = 1; next && seq <= last && gap < GAP_MAX && v->to->fault == 0; seq++) {
        const int64_t found = next_number(next, seq);
        if (found == 0 || found > last)
            break;
        gap = found < 0 ? gap + 1 : 0;
        if (found < 0 && gap == 1) {
            salvage_tell(v, "table message: numbers from %lld on cannot be read", (long long)seq);
            v->report->complete = false;
        }
        seq = found > 0 ? found : seq;
        if (found > 0)
            copy_message(v, seq);
    }
    meta_set(v->to, "next_seq", last + 1);
    v->swept = meta_number(v->from, "dedup_swept", 0);
    v->from->fault = 0;
    dedup_mark(v->to, last); /* in the end, see salvage_reconcile() */
    (void)pages_set_mode(v->from->pages, mode);
}

/* By the numbers of what was copied, where reading from both ends left something out. */
static void copy_by_message(Salvage *v, const char *table) {
    _statement_ q = prepare(v->to, "SELECT seq FROM message");
    while (q && v->to->fault == 0 && sqlite3_step(q) == SQLITE_ROW)
        copy_of_message(v, table, (int64_t)sqlite3_column_int64(q, 0));
}

void salvage_copy(Salvage *v) {
    static const struct {
        const char *table, *forward, *backward;
        bool of_message;
    } tables[] = {
        { "queue", "id", "id DESC", false },
        { "subscription", "queue", "queue DESC", false },
        { "link", "queue", "queue DESC", false },
        { "dir_node", "id", "id DESC", false },
        { "dir_key", "curve", "curve DESC", false },
        { "dir_region", "code", "code DESC", false },
        { "dir_holiday", "day", "day DESC", false },
        { "dedup", "id", "id DESC", false },
        { "outcome", "seq, recipient", "seq DESC, recipient DESC", true },
        { "dead_letter", "seq, queue, recipient", "seq DESC, queue DESC, recipient DESC", true },
        { "trail", "seq, n", "seq DESC, n DESC", true },
        { "statement", "first_seq", "first_seq DESC", false },
        { "delivery", "queue, lane, seq", "queue DESC, lane DESC, seq DESC", false },
        { "item", "kind, id", "kind DESC, id DESC", false },
        { "pending", "n", "n DESC", false },
        { "act", "n", "n DESC", false },
        { "held", "kind, id, n", "kind DESC, id DESC, n DESC", false },
        { "timer", "due, kind, id, timer", "due DESC, kind DESC, id DESC, timer DESC", false },
        { "tally", "kind, state, cluster, region",
          "kind DESC, state DESC, cluster DESC, region DESC", false },
        { "acknowledgement", "event, node", "event DESC, node DESC", false },
        { "ledger", "block", "block DESC", false },
        { "ledger_base", "block", "block DESC", false },
        { "ledger_witness", "block, node", "block DESC, node DESC", false },
        { "ledger_child", "node", "node DESC", false },
    };
    RUN(v->to, "DELETE FROM queue"); /* ids must be the old ones */
    copy_messages(v);
    for (size_t i = 0; i < ARRAY_SIZE(tables) && v->to->fault == 0; i++)
        if (!copy_table(v, tables[i].table, tables[i].forward, tables[i].backward) &&
            tables[i].of_message)
            copy_by_message(v, tables[i].table);
    _statement_ meta = prepare(v->from, "SELECT * FROM meta WHERE key NOT IN ('self', 'clean', "
                                        "'next_seq', 'dedup_swept')");
    if (!copy_selected(v, "meta", meta))
        salvage_tell(v, "table meta: a part cannot be read");
}

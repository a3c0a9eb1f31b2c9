/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Statements: prepared once, kept, and bound with typed arguments. The first error sticks to the
 * store (Store.fault, a negative errno) until the transaction is rolled back; every later call
 * then does nothing, so callers check once at the end.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/uuid.h"

typedef struct Store Store;

typedef struct Arg {
    enum { ARG_INT = 1, ARG_TEXT, ARG_BLOB } type;
    int64_t i;
    const void *p; /* borrowed until the statement is reset */
    size_t n;
} Arg;

#define INT(v)  ((Arg) { .type = ARG_INT, .i = (int64_t)(v) })
#define TEXT(v) ((Arg) { .type = ARG_TEXT, .p = (v) })
#define BLOB(v)                                                                                    \
    ({                                                                                             \
        const Bytes _b = (v);                                                                      \
        (Arg) { .type = ARG_BLOB, .p = _b.p, .n = _b.n };                                          \
    })
#define UUID(v) ((Arg) { .type = ARG_BLOB, .p = (v)->b, .n = UUID_SIZE })

/* Prepared (or taken from the cache; sql must be a literal: its address is the key) and bound;
 * NULL when the store has a fault. A statement must not be used again inside its own loop.
 * Where damaged pages are let through, a search by number may find one that lies behind: a walk in
 * which each finds the next says it twice, `n > ?1 AND +n > ?1`, or it would not end. */
sqlite3_stmt *db_query(Store *s, const char *sql, const Arg *args, size_t n);
#define QUERY(s, sql, ...)                                                                         \
    db_query((s), (sql), (const Arg[]) { __VA_ARGS__ },                                            \
             sizeof((const Arg[]) { __VA_ARGS__ }) / sizeof(Arg))
/* True when there is a row; false at the end and after an error. */
bool db_row(Store *s, sqlite3_stmt *q);
/* Runs to the end and returns the number of rows changed. */
int db_run(Store *s, const char *sql, const Arg *args, size_t n);
#define RUN(s, sql, ...)                                                                           \
    db_run((s), (sql), (const Arg[]) { __VA_ARGS__ },                                              \
           sizeof((const Arg[]) { __VA_ARGS__ }) / sizeof(Arg))
/* Plain SQL without arguments, not cached: PRAGMA, BEGIN, DDL. Returns 0 or the fault. */
int db_exec(Store *s, const char *sql);
/* One number, or `none` when there is no row. */
int64_t db_number(Store *s, sqlite3_stmt *q, int64_t none);

sqlite3_stmt *db_reset(sqlite3_stmt *q);
DEFINE_CLEANUP(sqlite3_stmt *, db_reset);
#define _query_ _cleanup_(db_resetp) sqlite3_stmt *

static inline int64_t col_int(sqlite3_stmt *q, int i) {
    return sqlite3_column_int64(q, i);
}
/* Never NULL; borrowed until the next step. */
const char *col_text(sqlite3_stmt *q, int i);
Bytes col_bytes(sqlite3_stmt *q, int i);
Uuid col_uuid(sqlite3_stmt *q, int i); /* nil when it is not 16 bytes */

/* Nothing that somebody wrote into the file is run: triggers do nothing, views cannot be read. */
void db_read_tables_only(sqlite3 *db);
/* SQLite's extended result code as a negative errno; remembers the first one in the store. */
int db_fail(Store *s, int rc);
/* The negative errno for an SQLite code that is an error. */
int db_error(sqlite3 *db, int rc);
/* The same for our own faults: -ENOMEM. */
int db_fault(Store *s, int error, const char *text);
void db_statements_free(Store *s);

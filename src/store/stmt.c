/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stmt.h"

#include <errno.h>
#include <stdio.h>

#include "store/internal.h"

int db_error(sqlite3 *db, int rc) {
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT: /* rows contradict each other: the same as damage */
        return -EUCLEAN;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CANTOPEN:
        return sqlite3_system_errno(db) > 0 ? -sqlite3_system_errno(db) : -EACCES;
    case SQLITE_TOOBIG:
        return -E2BIG;
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM)
            return -ENOMEM;
        if (rc == SQLITE_IOERR_DATA)
            return -EUCLEAN;
        /* Only making the -shm file may say "disk full" without data being in doubt; after a
         * failed sync nothing is known about what reached the disk. */
        if ((rc == SQLITE_IOERR_SHMOPEN || rc == SQLITE_IOERR_SHMSIZE ||
             rc == SQLITE_IOERR_SHMMAP) &&
            sqlite3_system_errno(db) == ENOSPC)
            return -ENOSPC;
        return -EIO;
    default:
        return -EIO;
    }
}

void db_read_tables_only(sqlite3 *db) {
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

int db_fault(Store *s, int error, const char *text) {
    if (s->fault == 0) {
        s->fault = error;
        snprintf(s->health.fault, sizeof(s->health.fault), "%s", text);
    }
    return s->fault;
}

int db_fail(Store *s, int rc) {
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
        return 0;
    if (s->fault == 0 && rc == SQLITE_IOERR_DATA) {
        uint32_t page = 0;
        (void)pages_damaged(s->pages, &page);
        s->fault = -EUCLEAN;
        snprintf(s->health.fault, sizeof(s->health.fault), "page %u does not match its checksum",
                 (unsigned)page);
    } else if (s->fault == 0) {
        s->fault = db_error(s->db, rc);
        snprintf(s->health.fault, sizeof(s->health.fault), "%s (%d)", sqlite3_errmsg(s->db), rc);
    }
    return s->fault;
}

static sqlite3_stmt *prepare(Store *s, const char *sql) {
    Statement *e = NULL;
    HASH_FIND_PTR(s->statements, &sql, e);
    if (e)
        return e->stmt;

    e = calloc(1, sizeof(*e));
    if (!e) {
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    e->sql = sql;
    if (db_fail(s, sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &e->stmt, NULL)) <
        0) {
        free(e);
        return NULL;
    }
    HASH_ADD_PTR(s->statements, sql, e);
    if (!e->hh.tbl) {
        sqlite3_finalize(e->stmt);
        free(e);
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    return e->stmt;
}

sqlite3_stmt *db_query(Store *s, const char *sql, const Arg *args, size_t n) {
    if (s->fault < 0)
        return NULL;
    sqlite3_stmt *q = prepare(s, sql);
    if (!q)
        return NULL;
    for (size_t k = 0; k < n; k++) {
        const Arg *a = &args[k];
        const int at = (int)k + 1;
        int rc = SQLITE_OK;
        if (a->type == ARG_INT)
            rc = sqlite3_bind_int64(q, at, a->i);
        else if (a->type == ARG_TEXT)
            rc = sqlite3_bind_text(q, at, a->p, -1, SQLITE_STATIC);
        else if (a->n == 0)
            rc = sqlite3_bind_zeroblob(q, at, 0); /* a NULL pointer would bind NULL */
        else
            rc = sqlite3_bind_blob64(q, at, a->p, a->n, SQLITE_STATIC);
        if (db_fail(s, rc) < 0)
            return NULL;
    }
    return q;
}

bool db_row(Store *s, sqlite3_stmt *q) {
    if (!q || s->fault < 0)
        return false;
    const int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        return true;
    db_fail(s, rc);
    sqlite3_reset(q);
    return false;
}

int db_run(Store *s, const char *sql, const Arg *args, size_t n) {
    sqlite3_stmt *q = db_query(s, sql, args, n);
    if (!q)
        return 0;
    while (db_row(s, q))
        continue;
    return s->fault < 0 ? 0 : sqlite3_changes(s->db);
}

int db_exec(Store *s, const char *sql) {
    if (s->fault < 0)
        return s->fault;
    return db_fail(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

int64_t db_number(Store *s, sqlite3_stmt *q, int64_t none) {
    const int64_t v = db_row(s, q) ? col_int(q, 0) : none;
    db_reset(q);
    return v;
}

sqlite3_stmt *db_reset(sqlite3_stmt *q) {
    if (q)
        sqlite3_reset(q);
    return NULL;
}

const char *col_text(sqlite3_stmt *q, int i) {
    const char *t = (const char *)sqlite3_column_text(q, i);
    return t ? t : "";
}

Bytes col_bytes(sqlite3_stmt *q, int i) {
    const void *p = sqlite3_column_blob(q, i);
    return bytes_make(p, p ? (size_t)sqlite3_column_bytes(q, i) : 0);
}

Uuid col_uuid(sqlite3_stmt *q, int i) {
    Uuid u = { { 0 } };
    const Bytes b = col_bytes(q, i);
    if (b.n == UUID_SIZE)
        memcpy(u.b, b.p, UUID_SIZE);
    return u;
}

void db_statements_free(Store *s) {
    Statement *e, *next;
    HASH_ITER (hh, s->statements, e, next) {
        HASH_DEL(s->statements, e);
        sqlite3_finalize(e->stmt);
        free(e);
    }
}

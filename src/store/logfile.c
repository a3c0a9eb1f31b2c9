/* SPDX-License-Identifier: Apache-2.0 */
#include "store/logfile.h"

#include <stdlib.h>
#include <string.h>

/* SQLite's unix layer writes n % 128 KiB bytes at a time, and takes 0 for a full disk. */
#define PIECE_SIZE (120 * 1024)

typedef struct LogFile {
    sqlite3_file base;
    sqlite3_file *inner;
    sqlite3_int64 at; /* where the piece belongs */
    int n;            /* bytes in it */
    char *piece;
} LogFile;

static int flush(LogFile *f) {
    const int n = f->n;
    f->n = 0; /* after an error too: SQLite gives the transaction up */
    return n > 0 ? f->inner->pMethods->xWrite(f->inner, f->piece, n, f->at) : SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *buf, int n, sqlite3_int64 at) {
    LogFile *f = (LogFile *)file;
    if (f->n > 0 && (at != f->at + f->n || n > PIECE_SIZE - f->n)) {
        const int rc = flush(f);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (n > PIECE_SIZE)
        return f->inner->pMethods->xWrite(f->inner, buf, n, at);
    if (f->n == 0)
        f->at = at;
    memcpy(f->piece + f->n, buf, (size_t)n);
    f->n += n;
    return SQLITE_OK;
}

static int log_read(sqlite3_file *file, void *buf, int n, sqlite3_int64 at) {
    LogFile *f = (LogFile *)file;
    const int flushed = flush(f);
    if (flushed != SQLITE_OK)
        return flushed;
    const int rc = f->inner->pMethods->xRead(f->inner, buf, n, at);
    return rc == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : rc; /* as in pages.c */
}

static int log_sync(sqlite3_file *file, int flags) {
    LogFile *f = (LogFile *)file;
    const int rc = flush(f);
    return rc == SQLITE_OK ? f->inner->pMethods->xSync(f->inner, flags) : rc;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
    LogFile *f = (LogFile *)file;
    const int rc = flush(f);
    return rc == SQLITE_OK ? f->inner->pMethods->xTruncate(f->inner, size) : rc;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret) {
    LogFile *f = (LogFile *)file;
    const int rc = flush(f);
    return rc == SQLITE_OK ? f->inner->pMethods->xFileSize(f->inner, ret) : rc;
}

static int log_close(sqlite3_file *file) {
    LogFile *f = (LogFile *)file;
    const int rc = flush(f), closed = f->inner->pMethods->xClose(f->inner);
    free(f->piece);
    f->piece = NULL;
    return rc == SQLITE_OK ? closed : rc;
}

/* The rest goes through as it is. */
#define PASS(file, name, ...) ((LogFile *)(file))->inner->pMethods->name(__VA_ARGS__)
#define INNER(file)           ((LogFile *)(file))->inner
static int log_lock(sqlite3_file *file, int level) {
    return PASS(file, xLock, INNER(file), level);
}
static int log_unlock(sqlite3_file *file, int level) {
    return PASS(file, xUnlock, INNER(file), level);
}
static int log_check_lock(sqlite3_file *file, int *ret) {
    return PASS(file, xCheckReservedLock, INNER(file), ret);
}
static int log_control(sqlite3_file *file, int op, void *arg) {
    return PASS(file, xFileControl, INNER(file), op, arg);
}
static int log_sector_size(sqlite3_file *file) {
    return PASS(file, xSectorSize, INNER(file));
}
static int log_device(sqlite3_file *file) {
    return PASS(file, xDeviceCharacteristics, INNER(file));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_device,
};

int logfile_size(const sqlite3_vfs *inner) {
    return (int)sizeof(LogFile) + inner->szOsFile;
}

int logfile_open(sqlite3_vfs *inner, const char *name, sqlite3_file *file, int flags,
                 int *ret_flags) {
    LogFile *f = (LogFile *)file;
    *f = (LogFile) { .inner = (sqlite3_file *)(f + 1) };
    f->piece = malloc(PIECE_SIZE);
    if (!f->piece)
        return SQLITE_NOMEM;
    f->inner->pMethods = NULL;
    const int rc = inner->xOpen(inner, name, f->inner, flags, ret_flags);
    if (f->inner->pMethods) {
        f->base.pMethods = &log_methods; /* SQLite closes what has methods, also after an error */
        return rc;
    }
    free(f->piece);
    f->piece = NULL;
    return rc;
}

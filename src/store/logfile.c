/* SPDX-License-Identifier: Apache-2.0 */
#include "store/logfile.h"

#include <pthread.h>
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

    bool defer, hold;     /* for the connection's thread alone */
    int sync_flags;       /* of the sync that is owed */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t settled;
    bool owed, syncing;
    int failed; /* SQLITE_OK, or what a sync that was owed came to */
} LogFile;

static int settle(LogFile *f) {
    (void)pthread_mutex_lock(&f->lock);
    while (f->syncing)
        (void)pthread_cond_wait(&f->settled, &f->lock);
    if (f->owed) {
        f->owed = false;
        f->syncing = true;
        (void)pthread_mutex_unlock(&f->lock);
        const int rc = f->inner->pMethods->xSync(f->inner, f->sync_flags);
        (void)pthread_mutex_lock(&f->lock);
        f->syncing = false;
        if (rc != SQLITE_OK)
            f->failed = rc;
        (void)pthread_cond_broadcast(&f->settled);
    }
    const int rc = f->failed;
    (void)pthread_mutex_unlock(&f->lock);
    return rc;
}

static void owe_sync(LogFile *f, int flags) {
    (void)pthread_mutex_lock(&f->lock);
    f->sync_flags = flags;
    f->owed = true;
    (void)pthread_mutex_unlock(&f->lock);
}

static int flush(LogFile *f) {
    const int n = f->n;
    if (n == 0)
        return SQLITE_OK;
    f->n = 0; /* after an error too: SQLite gives the transaction up */
    const int rc = settle(f);
    return rc == SQLITE_OK ? f->inner->pMethods->xWrite(f->inner, f->piece, n, f->at) : rc;
}

static int log_write(sqlite3_file *file, const void *buf, int n, sqlite3_int64 at) {
    LogFile *f = (LogFile *)file;
    if (f->hold && at == 0)
        return SQLITE_IOERR_WRITE;
    if (f->n > 0 && (at != f->at + f->n || n > PIECE_SIZE - f->n)) {
        const int rc = flush(f);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (n > PIECE_SIZE) {
        const int rc = settle(f);
        return rc == SQLITE_OK ? f->inner->pMethods->xWrite(f->inner, buf, n, at) : rc;
    }
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
    int rc = flush(f);
    if (rc == SQLITE_OK && f->defer) {
        owe_sync(f, flags);
        return SQLITE_OK;
    }
    if (rc == SQLITE_OK)
        rc = settle(f);
    return rc == SQLITE_OK ? f->inner->pMethods->xSync(f->inner, flags) : rc;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
    LogFile *f = (LogFile *)file;
    int rc = flush(f);
    if (rc == SQLITE_OK)
        rc = settle(f);
    return rc == SQLITE_OK ? f->inner->pMethods->xTruncate(f->inner, size) : rc;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret) {
    LogFile *f = (LogFile *)file;
    const int rc = flush(f);
    return rc == SQLITE_OK ? f->inner->pMethods->xFileSize(f->inner, ret) : rc;
}

static void log_deinit(LogFile *f) {
    free(f->piece);
    f->piece = NULL;
    (void)pthread_cond_destroy(&f->settled);
    (void)pthread_mutex_destroy(&f->lock);
}

static int log_close(sqlite3_file *file) {
    LogFile *f = (LogFile *)file;
    const int flushed = flush(f), rc = flushed == SQLITE_OK ? settle(f) : flushed;
    const int closed = f->inner->pMethods->xClose(f->inner);
    log_deinit(f);
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
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->settled, NULL);
    f->inner->pMethods = NULL;
    const int rc = inner->xOpen(inner, name, f->inner, flags, ret_flags);
    if (f->inner->pMethods) {
        f->base.pMethods = &log_methods; /* SQLite closes what has methods, also after an error */
        return rc;
    }
    log_deinit(f);
    return rc;
}

sqlite3_file *logfile_of(sqlite3 *db) {
    sqlite3_file *file = NULL;
    const int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    return rc == SQLITE_OK && file && file->pMethods == &log_methods ? file : NULL;
}

void logfile_defer(sqlite3_file *log, bool defer) {
    if (log)
        ((LogFile *)log)->defer = defer;
}

void logfile_hold(sqlite3_file *log, bool hold) {
    if (log)
        ((LogFile *)log)->hold = hold;
}

int logfile_settle(sqlite3_file *log) {
    return log ? settle((LogFile *)log) : SQLITE_OK;
}

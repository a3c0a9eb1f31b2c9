/* SPDX-License-Identifier: Apache-2.0 */
#include "store/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "store/files.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/quota.h"
#include "store/salvage-internal.h"
#include "store/seal.h"
#include "store/walscan.h"

void salvage_tell(const Salvage *v, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (v->tell)
        v->tell(v->data, line);
}

/* --- the copy that is worked on --------------------------------------------------------------- */

typedef struct Work {
    char db[STORE_FILE_SIZE], wal[STORE_FILE_SIZE + 8], shm[STORE_FILE_SIZE + 8];
} Work;

static void work_remove(Work *w) {
    (void)unlink(w->db);
    (void)unlink(w->wal);
    (void)unlink(w->shm);
}

static int make_work(Salvage *v, const char *path, Work *w, char why[static 256]) {
    char log[STORE_FILE_SIZE + 8];
    snprintf(log, sizeof(log), "%s-wal", path);
    work_remove(w);
    int r = store_copy_file(path, w->db);
    if (r == 0)
        r = walscan_mend(log, w->wal, &v->report->frames);
    if (r < 0)
        snprintf(why, 256, "%.180s cannot be copied: %s", path, strerror(-r));
    if (v->report->frames > 0)
        salvage_tell(v, "the log: %u frames do not match their checksums and were left out",
                     (unsigned)v->report->frames);
    const uint32_t missing = r == 0 ? seal_missing(path) : 0;
    if (missing > 0)
        salvage_tell(v,
                     "the log: %u frames are not there any more; what was accepted with them, and "
                     "is in no other message here, is lost and cannot be named",
                     (unsigned)missing);
    v->report->frames += missing;
    v->report->complete = v->report->complete && v->report->frames == 0;
    return r;
}

/* As much of a Store as reading takes. */
static int open_source(Store *from, const Work *w, const StoreConfig *config,
                       char why[static 256]) {
    from->config = *config;
    from->lock_fd = -1;
    from->stopped = -ECANCELED;
    from->path = strdup(w->db);
    text_copy(from->self, sizeof(from->self), config->self);
    int r = from->path ? pages_new(&from->pages, NULL) : -ENOMEM;
    if (r == 0)
        r = db_fail(from, sqlite3_open_v2(w->db, &from->db,
                                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                              SQLITE_OPEN_EXRESCODE,
                                          pages_vfs(from->pages)));
    if (r == 0) {
        db_read_tables_only(from->db);
        (void)db_exec(from, "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF");
        const int64_t version = db_number(from, QUERY(from, "PRAGMA user_version"), 0);
        r = from->fault;
        if (r == 0 && version != STORE_SCHEMA) {
            snprintf(why, 256, "%.120s has schema version %d, this program salvages version %d",
                     config->path, (int)version, STORE_SCHEMA);
            return -EPROTO;
        }
    }
    if (r < 0)
        snprintf(why, 256, "%.120s: its first page cannot be read (%.80s); only a backup helps",
                 config->path, from->health.fault);
    return r;
}

static int open_target(Store **ret, const StoreConfig *config, const char *to,
                       char why[static 256]) {
    StoreConfig c = *config;
    c.path = to;
    c.disk = NULL;
    c.ballast_bytes = 0;
    c.items_doubted = true;
    if (access(to, F_OK) == 0 || errno != ENOENT) {
        snprintf(why, 256, "%.200s exists, or cannot be looked at", to);
        return -EEXIST;
    }
    return store_open(ret, &c, NULL, NULL, why);
}

/* --- all of it ------------------------------------------------------------------------------ */

/* The ledger goes on from what was found of it; it is for an audit to say what is missing. */
static void note_salvage(Store *to) {
    const LedgerEntry e = { .kind = LEDGER_OPERATOR, .note = "salvage" };
    ledger_load(to);
    to->now_ms = db_number(to, QUERY(to, "SELECT max(at) FROM ledger"), 0); /* not before that */
    ledger_note(to, &e);
    ledger_flush(to);
}

static int copy_all(Salvage *v, char why[static 256]) {
    Store *to = v->to;
    (void)db_exec(to, "BEGIN IMMEDIATE");
    salvage_copy(v);
    store_cache_load(to);
    cases_load(to);
    salvage_reconcile(v);
    quota_load(to, true);
    links_flush(to);
    note_salvage(to);
    if (db_exec(to, "COMMIT") == 0)
        return 0;
    snprintf(why, 256, "%.120s: %.100s", to->path, to->health.fault);
    to->stopped = to->fault;
    return to->fault;
}

static void remove_target(const char *to) {
    static const char *const ends[] = { "", "-wal", "-shm", "-seal", ".lock", ".ballast" };
    char path[STORE_FILE_SIZE + 16];
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        snprintf(path, sizeof(path), "%s%s", to, ends[i]);
        (void)unlink(path);
    }
}

int store_salvage(const StoreConfig *config, const char *to, SalvageReport *ret,
                  void (*tell)(void *data, const char *line), void *data, char why[static 256]) {
    _cleanup_(store_closep) Store *source = calloc(1, sizeof(*source));
    _cleanup_(store_closep) Store *target = NULL;
    Salvage v = { .from = source, .report = ret, .tell = tell, .data = data };
    Work w;
    int lock = -1;
    *ret = (SalvageReport) { .complete = true };
    if (!source)
        return -ENOMEM;
    source->lock_fd = -1;
    snprintf(w.db, sizeof(w.db), "%s.work", to);
    snprintf(w.wal, sizeof(w.wal), "%s-wal", w.db);
    snprintf(w.shm, sizeof(w.shm), "%s-shm", w.db);
    int r = store_lock(config->path, &lock, why);
    if (r == 0)
        r = open_target(&target, config, to, why);
    if (r == 0) {
        v.to = target;
        r = make_work(&v, config->path, &w, why);
        if (r == 0)
            r = open_source(source, &w, config, why);
        if (r == 0)
            r = copy_all(&v, why);
        source = store_close(source);
        work_remove(&w);
        target = store_close(target);
        if (r < 0)
            remove_target(to);
    }
    if (lock >= 0)
        close(lock);
    return r;
}

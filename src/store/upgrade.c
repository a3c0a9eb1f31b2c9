/* SPDX-License-Identifier: Apache-2.0 */
#include "store/upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"
#include "base/times.h"
#include "store/files.h"
#include "store/internal.h"
#include "store/rawfile.h"
#include "store/schema.h"
#include "store/seal.h"

typedef struct Copy {
    char db[STORE_FILE_SIZE];
} Copy;

static void copy_remove(Copy *c) {
    static const char *const ends[] = { "", "-wal", "-shm", "-seal", ".lock", ".ballast" };
    char path[STORE_FILE_SIZE + 16];
    for (size_t i = 0; c->db[0] != '\0' && i < ARRAY_SIZE(ends); i++) {
        snprintf(path, sizeof(path), "%s%s", c->db, ends[i]);
        (void)unlink(path);
    }
}

static uint64_t size_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* --- reading -------------------------------------------------------------------------------- */

/* path: what is complained about; file: it, or the copy with its log. */
static int open_reader(Store *s, const char *path, const char *file, bool is_copy,
                       char why[static 256]) {
    char uri[3 * 4096 + 64];
    const int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    raw_uri(file, is_copy ? "mode=rw" : "mode=ro&immutable=1", uri, sizeof(uri));
    s->lock_fd = -1;
    s->stopped = -ECANCELED;
    s->path = strdup(path);
    const int r = s->path ? pages_new(&s->pages, NULL) : -ENOMEM;
    if (r == 0)
        (void)db_fail(
            s, sqlite3_open_v2(uri, &s->db,
                               flags | (is_copy ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY),
                               pages_vfs(s->pages)));
    if (r < 0 || s->fault < 0)
        snprintf(why, 256, "%.150s cannot be opened: %.80s", path, s->health.fault);
    return r < 0 ? r : s->fault;
}

static int look(Store *s, const char *path, UpgradeReport *ret, char why[static 256]) {
    const int r = schema_identify(s, &ret->version, why);
    if (r < 0)
        return r;
    if (ret->version == 0) {
        snprintf(why, 256, "%.180s is empty, no store yet", path);
        return -EUCLEAN;
    }
    {
        _query_ q = QUERY(s, "SELECT value FROM meta WHERE key = 'self'");
        if (db_row(s, q))
            text_copy(ret->self, sizeof(ret->self), col_text(q, 0));
    }
    ret->unclean = meta_number(s, "clean", 0) == 0;
    const int64_t start = now_read().mono_ms;
    const int sound = schema_quick_check(s, NULL, NULL, why);
    ret->check_ms = now_read().mono_ms - start;
    return sound;
}

/* --- trying --------------------------------------------------------------------------------- */

static int make_copy(const char *path, const UpgradeReport *report, Copy *c, char why[static 256]) {
    char from[STORE_FILE_SIZE], to[STORE_FILE_SIZE + 8];
    if (report->free_bytes < 2 * report->size_bytes) {
        snprintf(why, 256, "trying it on a copy takes %llu MiB beside %.120s, there are %llu",
                 (unsigned long long)(2 * report->size_bytes >> 20), path,
                 (unsigned long long)(report->free_bytes >> 20));
        return -ENOSPC;
    }
    snprintf(c->db, sizeof(c->db), "%.4000s.upgrade-check", path);
    copy_remove(c);
    int r = store_copy_file(path, c->db);
    snprintf(from, sizeof(from), "%.4000s-wal", path);
    snprintf(to, sizeof(to), "%s-wal", c->db);
    if (r == 0 && access(from, F_OK) == 0)
        r = store_copy_file(from, to);
    if (r < 0)
        snprintf(why, 256, "%.150s cannot be copied: %s", path, strerror(-r));
    return r;
}

/* All that a start would do. */
static int try_steps(const StoreConfig *config, const Copy *c, UpgradeReport *ret,
                     char why[static 256]) {
    StoreConfig trial = *config;
    Store *s = NULL;
    const int64_t start = now_read().mono_ms;
    trial.path = c->db;
    trial.self = ret->self;
    trial.ballast_bytes = 0;
    const int r = store_open(&s, &trial, NULL, NULL, why);
    ret->steps_ms = now_read().mono_ms - start;
    (void)store_close(s);
    return r;
}

static int read_it(const char *path, Copy *copy, UpgradeReport *ret, char why[static 256]) {
    const bool is_copy = copy->db[0] != '\0';
    _cleanup_(store_closep) Store *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    const int r = open_reader(s, path, is_copy ? copy->db : path, is_copy, why);
    return r < 0 ? r : look(s, path, ret, why);
}

static void measure(const char *path, UpgradeReport *ret, uint64_t *ret_log) {
    char log[STORE_FILE_SIZE];
    struct statvfs v;
    snprintf(log, sizeof(log), "%.4000s-wal", path);
    *ret_log = size_of(log);
    ret->size_bytes = size_of(path) + *ret_log;
    if (statvfs(path, &v) == 0)
        ret->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
}

static int check(const StoreConfig *config, const char *path, Copy *copy, UpgradeReport *ret,
                 char why[static 256]) {
    char name[STORE_FILE_SIZE];
    uint64_t log_size = 0;
    snprintf(name, sizeof(name), "%.4000s", path);
    measure(path, ret, &log_size);
    int r = seal_check(&(Store) { .path = name }, why);
    if (r == 0 && log_size > 0)
        r = make_copy(path, ret, copy, why);
    if (r == 0)
        r = read_it(path, copy, ret, why);
    /* A step may write every row into the log once, and then into the file. */
    ret->needed_bytes = ret->version < ret->wanted ? 2 * ret->size_bytes : log_size;
    if (r < 0 || ret->version == ret->wanted)
        return r;
    if (copy->db[0] == '\0')
        r = make_copy(path, ret, copy, why);
    return r < 0 ? r : try_steps(config, copy, ret, why);
}

int store_check_upgrade(const StoreConfig *config, const char *path, UpgradeReport *ret,
                        char why[static 256]) {
    _cleanup_(copy_remove) Copy copy = { 0 };
    int lock = -1;
    *ret = (UpgradeReport) { .wanted = STORE_SCHEMA };
    why[0] = '\0';
    int r = store_look_at(path, why);
    if (r < 0)
        return r;
    r = store_lock(path, &lock, why);
    if (r == -EROFS || r == -EACCES) /* on a medium that nobody writes to */
        r = 0;
    if (r == 0)
        r = check(config, path, &copy, ret, why);
    if (lock >= 0)
        close(lock);
    return r;
}

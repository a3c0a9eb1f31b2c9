/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "store/backup.h"
#include "store/directory-layer.h"
#include "store/files.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/logfile.h"
#include "store/message.h"
#include "store/pace.h"
#include "store/pending.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/schema.h"
#include "store/seal.h"
#include "store/signed.h"
#include "store/space.h"
#include "store/subscription.h"

static int on_wal(void *data, sqlite3 *db, const char *name, int frames) {
    Store *s = data;
    (void)db;
    (void)name;
    const uint64_t before = s->health.wal_frames, now = (uint64_t)frames;
    if (now < before)
        s->wal_done = 0; /* the log began anew */
    /* It may also have begun anew, and be longer already, when all of it had been copied. */
    s->wal_written += now < before || s->wal_done >= before ? now : now - before;
    s->health.wal_frames = now;
    return SQLITE_OK;
}

static int take_lock(Store *s, char why[static 256]) {
    return s->config.disk ? 0 : store_lock(s->path, &s->lock_fd, why);
}

/* A new file is made here for its mode; one that exists is never opened by hand: closing it would
 * drop SQLite's locks. */
static int check_file(Store *s, char why[static 256]) {
    struct stat st;
    if (s->config.disk)
        return 0; /* connecting makes it */
    if (stat(s->path, &st) == 0) {
        if (S_ISREG(st.st_mode))
            return 0;
        snprintf(why, 256, "%.200s is not a regular file", s->path);
        return -EUCLEAN;
    }
    int r = -errno;
    if (r == -ENOENT) {
        const int fd = store_make_file(s->path, O_RDWR);
        if (fd >= 0) {
            close(fd);
            return 0;
        }
        r = -errno;
    }
    snprintf(why, 256, "cannot make %.180s: %s", s->path, strerror(-r));
    return r;
}

/* SQLite's own count of its memory takes a lock at every allocation. Too late (and refused, which
 * is fine) when another store was opened before. */
static void spare_statistics(void) {
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int connect_file(Store *s, char why[static 256]) {
    const StoreDisk *disk = s->config.disk;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    spare_statistics();
    const int r = pages_new(&s->pages, disk ? disk->vfs : NULL);
    const int rc = r == 0
                       ? sqlite3_open_v2(s->path, &s->db, flags | (disk ? SQLITE_OPEN_CREATE : 0),
                                         pages_vfs(s->pages))
                       : SQLITE_NOMEM;
    if (!s->db) {
        snprintf(why, 256, "out of memory");
        return -ENOMEM;
    }
    if (db_fail(s, rc) < 0) {
        snprintf(why, 256, "cannot open %.150s: %.80s", s->path, s->health.fault);
        return s->fault;
    }
    sqlite3_busy_timeout(s->db, 5000);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Until the file is known to be ours, closing must not change it. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return 0;
}

static int copy_config(Store *s, const StoreConfig *config) {
    s->config = *config;
    s->path = strdup(config->path);
    if (!s->path)
        return -ENOMEM;
    text_copy(s->self, sizeof(s->self), config->self);
    s->config.path = s->path;
    s->config.self = s->self;
    if (s->config.page_size == 0)
        s->config.page_size = 8192;
    return 0;
}

static int sync_names(const Store *s) {
    const StoreDisk *disk = s->config.disk;
    return disk ? disk->sync_folder(disk->data) : file_sync_folder_of(s->path);
}

/* What a crash left in the log is on disk (seal_settle()), and begins its new life in the database.
 */
static int settle_log(Store *s, char why[static 256]) {
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_IOERR_TRUNCATE) /* the log may stay long, if only it is copied and synced */
        rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    if ((rc & 0xff) == SQLITE_FULL) /* the database cannot grow: the log has to do */
        return 0;
    if (db_fail(s, rc) == 0)
        return 0;
    snprintf(why, 256, "%.150s: the log cannot be copied: %.60s", s->path, s->health.fault);
    return s->fault;
}

/* Works without a transaction of its own until here; from now on everything is batches. */
static int recover(Store *s, char why[static 256]) {
    (void)db_exec(s, "BEGIN IMMEDIATE");
    store_cache_load(s);
    cases_load(s);
    quota_load(s, s->health.unclean && s->scrub_at == 0); /* what was just read through */
    ledger_load(s);
    s->any_dead = db_number(s, QUERY(s, "SELECT 1 FROM dead_letter LIMIT 1"), 0) != 0;
    links_mark_uncertain(s);
    if (db_exec(s, "COMMIT") < 0) {
        snprintf(why, 256, "%.150s: %.90s", s->path, s->health.fault);
        return s->fault;
    }
    return 0;
}

/* The ballast is for this, too. */
static int lift_seal(Store *s) {
    const int r = seal_lift(s);
    if (r != -ENOSPC)
        return r;
    space_release_ballast(s);
    return seal_lift(s);
}

/* Without room for it, or with something that cannot be read, it waits until later. */
static int may_wait(int r) {
    return r == -ENOSPC || r == -EUCLEAN ? 0 : r;
}

static int settle_pending(Store *s) {
    s->fault = 0;
    return may_wait(store_settle(s));
}

int store_open(Store **ret, const StoreConfig *config, void (*progress)(void *),
               void *progress_data, char why[static 256]) {
    _cleanup_(store_closep) Store *s = calloc(1, sizeof(*s));
    snprintf(why, 256, "out of memory");
    if (!s)
        return -ENOMEM;
    s->lock_fd = -1;
    s->stopped = -ECANCELED; /* until open: closing leaves no mark */
    s->law = calloc(1, sizeof(*s->law));
    s->ledger = calloc(1, sizeof(*s->ledger));
    if (!s->law || !s->ledger)
        return -ENOMEM;
    int r = copy_config(s, config);
    if (r == 0)
        r = take_lock(s, why);
    if (r == 0)
        r = seal_check(s, why);
    if (r == 0)
        r = seal_settle(s, why);
    if (r == 0)
        r = check_file(s, why);
    if (r == 0)
        r = connect_file(s, why);
    if (r == 0)
        r = schema_open(s, progress, progress_data, why);
    if (r == -ENOSPC && s->db) { /* to start makes room again: that is what the ballast is for */
        s->fault = 0;
        space_release_ballast(s);
        r = schema_open(s, progress, progress_data, why);
    }
    if (r == 0) /* after the pragmas: wal_autocheckpoint takes the hook away */
        sqlite3_wal_hook(s->db, on_wal, s);
    if (r == 0 && (r = lift_seal(s)) < 0)
        snprintf(why, 256, "cannot write %.150s-seal: %s", s->path, strerror(-r));
    if (r == 0) /* a stop that was called clean may have been cut while the log was copied */
        r = settle_log(s, why);
    if (r == 0)
        r = recover(s, why);
    if (r == 0 && (r = sync_names(s)) < 0)
        snprintf(why, 256, "cannot sync the folder of %.150s: %s", s->path, strerror(-r));
    if (r == 0 && pending_is_long(s) && (r = settle_pending(s)) < 0)
        snprintf(why, 256, "%.150s: %.90s", s->path, s->health.fault);
    if (r < 0)
        return r;

    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    s->log = logfile_of(s->db);
    s->stopped = 0;
    s->purge_seen_ms = s->health.noted_ms;
    (void)pages_set_mode(s->pages, PAGES_LEAVES); /* before: the mode is strict */
    space_make_ballast(s);
    space_check(s);
    why[0] = '\0';
    *ret = TAKE_PTR(s);
    return 0;
}

Store *store_close(Store *s) {
    if (!s)
        return NULL;
    backup_stop(s);
    if (s->db) {
        if (s->stopped == 0) {
            s->fault = settle_pending(s);
            if (s->fault == 0)
                s->fault = may_wait(dedup_close(s));
            (void)db_exec(s, "BEGIN IMMEDIATE");
            quota_save(s);
            meta_set(s, "clean", 1);
            (void)db_exec(s, "COMMIT");
        }
        if (s->stopped < 0 || s->fault < 0 || seal_lift(s) < 0) {
            /* After a fault nothing more is written: the log is recovered at the next start. */
            sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        }
    }
    store_cache_drop(s);
    quota_drop(s);
    paces_drop(s);
    s->cases = case_sketch_free(s->cases);
    s->case_keys = case_keys_free(s->case_keys);
    s->recent = recent_free(s->recent);
    tally_drop(s);
    layer_copy_drop(s);
    signed_drop(s);
    s->signing = signing_free(s->signing);
    free(s->acceptances);
    pending_drop(s);
    free(s->law);
    free(s->ledger);
    db_statements_free(s);
    sqlite3_close(s->db);
    pages_free(s->pages);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->path);
    free(s);
    return NULL;
}

/* No higher than numbers were given before, or the next one? */
static bool follows(Store *s, int64_t seq) {
    return seq > 0 &&
           (seq <= meta_number(s, "next_seq", 1) ||
            db_number(s, QUERY(s, "SELECT 1 FROM message WHERE seq = ?1", INT(seq - 1)), 0) != 0);
}

/* Everything is counted from the highest number: a damaged one would send searches through numbers
 * that never were. The sum of its row proves it, else that it follows others, else the id that is
 * remembered for it. */
static int64_t highest_number(Store *s) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    Uuid id;
    const int64_t last = db_number(s, QUERY(s, "SELECT max(seq) FROM message"), 0);
    if (last != 0 && s->fault == 0 &&
        (last < 0 || !message_load_body(s, last, &m, &body, &damaged) || damaged) &&
        !follows(s, last) && !dedup_find_id(s, last, &id))
        db_fault(s, -EUCLEAN, "the number of the newest message is damaged");
    return last;
}

void store_cache_load(Store *s) {
    const PagesMode mode = pages_set_mode(s->pages, PAGES_STRICT);
    store_cache_drop(s);
    queues_load(s);
    subscriptions_load(s);
    links_load(s);
    quota_count_dead(s);
    directory_load(s);
    const int64_t last = highest_number(s);
    const int64_t act = db_number(s, QUERY(s, "SELECT max(n) FROM act"), 0);
    if (act == INT64_MAX)
        db_fault(s, -EUCLEAN, "the number of the newest act is damaged");
    const int64_t next = meta_number(s, "next_seq", 1);
    if (next == INT64_MAX)
        db_fault(s, -EUCLEAN, "the number of the next message is damaged");
    s->next_seq = MAX(MIN(last, INT64_MAX - 1) + 1, next);
    s->next_act = MIN(act, INT64_MAX - 1) + 1;
    s->purged = (uint64_t)meta_number(s, "purged", 0);
    s->health.messages = (uint64_t)(s->next_seq - 1) - s->purged;
    case_keys_forget(s);
    pending_load(s);
    dedup_load(s);
    (void)pages_set_mode(s->pages, mode);
}

void store_cache_drop(Store *s) {
    dedup_drop(s);
    subscriptions_drop(s);
    links_drop(s);
    queues_drop(s);
    s->directory = directory_unref(s->directory);
    s->directory_tree = dir_tree_free(s->directory_tree);
}

Directory *store_directory(Store *s) {
    return directory_ref(s->directory);
}

const StoreHealth *store_health(Store *s) {
    s->health.messages = (uint64_t)(s->next_seq - 1) - s->purged;
    return &s->health;
}

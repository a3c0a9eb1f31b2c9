/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup: pages are copied over the store's own connection, some at each idle turn, so that writes
 * in between are copied along. The copy gets its name only when it is complete, synced and sound;
 * a large one takes minutes to read through, so a thread does that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "store/backup.h"
#include "store/internal.h"
#include "store/rawfile.h"
#include "store/run.h"
#include "store/upkeep.h"

#define BACKUP_PAGES 256
#define UNFINISHED                                                                                 \
    ".unfinished" /* not ".tmp": what lies there is thrown away, and must be ours                  \
                   */

void backup_stop(Store *s) {
    Backup *b = &s->backup;
    if (b->finishing) {
        atomic_store(&b->stop, true);
        (void)pthread_join(b->thread, NULL);
        b->finishing = false;
        if (b->result == 0)
            b->state = 2;
    }
    if (b->copy)
        (void)sqlite3_backup_finish(b->copy); /* its error was seen at the step */
    (void)sqlite3_close(b->db);
    if (b->state == 1)
        (void)unlink(b->temp);
    b->copy = NULL;
    b->db = NULL;
}

static int backup_failed(Store *s, int error, const char *what) {
    Backup *b = &s->backup;
    snprintf(b->text, sizeof(b->text), "%.100s: %.120s", what, strerror(-error));
    backup_stop(s);
    b->state = error;
    return 0; /* a failed backup is no fault of the store */
}

void run_backup(Store *s, StoreOp *op) {
    Backup *b = &s->backup;
    op->backup.started = false;
    op->backup.text[0] = '\0';
    if (b->state == 1) {
        snprintf(op->backup.text, sizeof(op->backup.text), "a backup to %.180s is running",
                 b->path);
        return;
    }
    if (access(op->backup.path, F_OK) == 0 || errno != ENOENT) {
        snprintf(op->backup.text, sizeof(op->backup.text), "%.200s exists, or cannot be looked at",
                 op->backup.path);
        return;
    }
    memset(b, 0, sizeof(*b));
    b->state = 1;
    s->health.backups++;
    text_copy(b->path, sizeof(b->path), op->backup.path);
    snprintf(b->temp, sizeof(b->temp), "%s" UNFINISHED, b->path);
    text_copy(b->text, sizeof(b->text), "running");
    op->backup.started = true;
}

/* One that a crash left goes; what somebody else laid there, to read along or to have us write
 * elsewhere, is not written to. */
static int make_temp(const char *path) {
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int backup_open(Store *s) {
    Backup *b = &s->backup;
    const int r = make_temp(b->temp);
    if (r < 0)
        return r;
    int rc = sqlite3_open_v2(b->temp, &b->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             pages_vfs(s->pages));
    if (rc == SQLITE_OK && pages_are_protected(s->db))
        rc = pages_protect(b->db);
    if (rc == SQLITE_OK) /* no journal: an unfinished copy is thrown away */
        rc = sqlite3_exec(b->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
                          NULL);
    if (rc != SQLITE_OK)
        return db_error(b->db, rc);
    b->copy = sqlite3_backup_init(b->db, "main", s->db, "main");
    return b->copy ? 0 : db_error(b->db, sqlite3_errcode(b->db));
}

static int sync_file(const char *path) {
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int r = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

/* Read as an unchanging file: no log, no lock, nothing is written beside it. */
static int on_progress(void *data) {
    const Backup *b = data;
    return atomic_load(&b->stop);
}

static int check_copy(Backup *b) {
    char uri[3 * sizeof(b->temp) + 32];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    Pages *pages = NULL; /* another thread than the store's, so another one */
    int r = -EUCLEAN;
    raw_uri(b->temp, "mode=ro&immutable=1", uri, sizeof(uri));
    int rc =
        pages_new(&pages, NULL) == 0
            ? sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, pages_vfs(pages))
            : SQLITE_NOMEM;
    if (rc == SQLITE_OK)
        sqlite3_progress_handler(db, 100000, on_progress, b);
    if (rc == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW && strcmp(col_text(q, 0), "ok") == 0)
        r = 0;
    sqlite3_finalize(q);
    sqlite3_close(db);
    pages_free(pages);
    return r;
}

/* Copying takes a while: what came to lie there meanwhile stays. */
static int give_name(const char *temp, const char *path) {
    if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS) /* the file system does not know how */
        return -errno;
    return rename(temp, path) == 0 ? 0 : -errno;
}

static void *finish_main(void *data) {
    Backup *b = data;
    b->what = "the copy is not sound";
    int r = check_copy(b);
    if (r == 0) {
        b->what = "the copy cannot be put in place";
        r = sync_file(b->temp);
    }
    if (r == 0)
        r = give_name(b->temp, b->path);
    if (r == 0)
        r = file_sync_folder_of(b->path);
    b->result = r;
    atomic_store(&b->ended, true);
    return NULL;
}

static int backup_finish(Store *s) {
    Backup *b = &s->backup;
    sqlite3_backup_finish(b->copy);
    sqlite3_close(b->db);
    b->copy = NULL;
    b->db = NULL;
    const int r = -pthread_create(&b->thread, NULL, finish_main, b);
    if (r < 0)
        return backup_failed(s, r, "the copy cannot be checked");
    b->finishing = true;
    text_copy(b->text, sizeof(b->text), "checking the copy");
    return 0;
}

static int backup_end(Store *s) {
    Backup *b = &s->backup;
    if (!atomic_load(&b->ended))
        return 0; /* asked again at a later idle turn */
    (void)pthread_join(b->thread, NULL);
    b->finishing = false;
    if (b->result < 0)
        return backup_failed(s, b->result, b->what);
    b->state = 2;
    text_copy(b->text, sizeof(b->text), b->path);
    return 0;
}

int backup_step(Store *s, bool *ret_more) {
    Backup *b = &s->backup;
    if (b->state != 1)
        return 0;
    if (b->finishing)
        return backup_end(s);
    *ret_more = true;
    if (!b->copy) {
        const int r = backup_open(s);
        return r < 0 ? backup_failed(s, r, "the copy cannot be made") : 0;
    }
    const int rc = sqlite3_backup_step(b->copy, BACKUP_PAGES);
    if (rc == SQLITE_DONE)
        return backup_finish(s);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        const int all = sqlite3_backup_pagecount(b->copy);
        snprintf(b->text, sizeof(b->text), "%d of %d pages",
                 all - sqlite3_backup_remaining(b->copy), all);
        return 0;
    }
    return backup_failed(s, db_error(b->db, rc), "copying stopped");
}

int store_backup_state(Store *s, char ret_text[static 256]) {
    snprintf(ret_text, 256, "%s", s->backup.text);
    return s->backup.state;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/copier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/pages.h"
#include "store/stmt.h"

#define SYNC_PAGES 64 /* 512 KiB: what the syncs of the log may have to wait for */

struct Copier {
    sqlite3 *db;
    Pages *pages;
};

/* As those of the store's connection that say how it writes. */
static int set_pragmas(Copier *c) {
    return sqlite3_exec(c->db,
                        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                        "PRAGMA mmap_size = 0; PRAGMA cache_size = 8; PRAGMA schema_version",
                        NULL, NULL, NULL);
}

int copier_open(Copier **ret, const char *path) {
    _cleanup_(copier_closep) Copier *c = calloc(1, sizeof(*c));
    if (!c || pages_new(&c->pages, NULL) < 0)
        return -ENOMEM;
    int rc = sqlite3_open_v2(path, &c->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             pages_vfs(c->pages));
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = set_pragmas(c);
    if (rc != SQLITE_OK)
        return db_error(c->db, rc);
    pages_sync_every(c->pages, SYNC_PAGES);
    if (!pages_are_protected(c->db))
        return -EUCLEAN;
    *ret = TAKE_PTR(c);
    return 0;
}

Copier *copier_close(Copier *c) {
    if (!c)
        return NULL;
    (void)sqlite3_close(c->db);
    (void)pages_free(c->pages);
    free(c);
    return NULL;
}

/* SQLite syncs the database only when nothing is left in the log. Done here, there is little to
 * sync when the store copies the rest. */
static int sync_database(Copier *c) {
    sqlite3_file *file = NULL;
    const int rc = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return rc == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : rc;
}

Copied copier_run(Copier *c) {
    Copied copied = { 0 };
    int frames = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &done);
    if (rc == SQLITE_OK)
        rc = sync_database(c);
    copied.done = done > 0 ? (uint32_t)done : 0;
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY)
        return copied;
    copied.result = db_error(c->db, rc);
    snprintf(copied.fault, sizeof(copied.fault), "the log cannot be copied: %.50s (%d)",
             sqlite3_errstr(rc), rc);
    return copied;
}

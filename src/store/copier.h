/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Copier: copies the log into the database (a checkpoint) beside the work of the store, with a
 * connection of its own that does nothing else. What is committed meanwhile waits for the next
 * time.
 *
 * SQLite up to 3.51.2 may lose committed pages when a transaction begins the log anew while another
 * connection begins a checkpoint (sqlite.org/wal.html, "the WAL-reset bug"). So the log is not
 * begun anew from before copier_run() until it has returned, and only one connection copies at a
 * time: store_copy_begin() and store_copy_end(). The store's connection is refused the lock for it,
 * which SQLite takes as "somebody reads"; and should that ever not be enough, the log's new header
 * is not written, and the process ends with the old log whole.
 */

#include <stdint.h>

#include "base/cleanup.h"

typedef struct Copier Copier;

/* What came of it. */
typedef struct Copied {
    int result;     /* 0, -ENOSPC: the database cannot grow, the log has everything; or -errno */
    uint32_t done;  /* frames of the log that are in the database */
    char fault[96]; /* what SQLite said */
} Copied;

/* path: of a store that is open in this process, on the file system. Returns 0, -EUCLEAN: its pages
 * have no checksums, or -errno: then it can only be copied by the store itself. */
_must_check_ int copier_open(Copier **ret, const char *path);
/* Before the store is closed, and only when nothing runs. */
Copier *copier_close(Copier *c);
DEFINE_CLEANUP(Copier *, copier_close);
/* Takes milliseconds; any one thread. */
Copied copier_run(Copier *c);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file read and written beside SQLite but through the same file system layer (vfs: its name, NULL
 * = the default one), so that SQLite's locks on the database file survive.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct RawFile RawFile;

/* To read a file beside the database: as other kinds, SQLite's layer opens it only if the database
 * is there. */
#define RAW_READ (SQLITE_OPEN_READONLY | SQLITE_OPEN_SUPER_JOURNAL)

/* flags: SQLITE_OPEN_... of sqlite3_vfs.xOpen. Returns 0, -ENOENT, -ENOMEM or another -errno. */
_must_check_ int raw_open(RawFile **ret, const char *vfs, const char *path, int flags);
RawFile *raw_close(RawFile *f);
DEFINE_CLEANUP(RawFile *, raw_close);
/* Returns 0; -ENODATA when the file ends before n bytes; -EIO. */
_must_check_ int raw_read(RawFile *f, void *ret, size_t n, int64_t at);
/* Returns 0, -ENOSPC or -EIO. */
_must_check_ int raw_write(RawFile *f, const void *p, size_t n, int64_t at);
_must_check_ int raw_sync(RawFile *f);
_must_check_ int raw_size(RawFile *f, int64_t *ret);
/* Of a file that need not be open; 0 when it is not there. flags as above. Returns 0 or -errno. */
_must_check_ int raw_size_of(const char *vfs, const char *path, int flags, int64_t *ret);
/* path as a file: URI with these parameters. */
void raw_uri(const char *path, const char *parameters, char *ret, size_t size);

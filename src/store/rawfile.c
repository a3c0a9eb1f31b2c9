/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rawfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct RawFile {
    sqlite3_file *file;
    char *path; /* the layer below keeps the pointer */
};

static int error_of(int rc) {
    switch (rc & 0xff) {
    case SQLITE_OK:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return -EACCES;
    case SQLITE_READONLY:
        return -EROFS;
    default:
        return rc == SQLITE_IOERR_SHORT_READ ? -ENODATA : -EIO;
    }
}

static bool raw_exists(const char *vfs_name, const char *path) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
    int there = 0;
    return vfs && vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && there;
}

int raw_open(RawFile **ret, const char *vfs_name, const char *path, int flags) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
    if (!vfs)
        return -ENOMEM;
    if (!(flags & SQLITE_OPEN_CREATE) && !raw_exists(vfs_name, path))
        return -ENOENT;
    _cleanup_(raw_closep) RawFile *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->path = calloc(1, strlen(path) + 4); /* behind a name the layer may look for parameters */
    f->file = calloc(1, (size_t)vfs->szOsFile);
    if (!f->path || !f->file)
        return -ENOMEM;
    memcpy(f->path, path, strlen(path));
    int got = 0;
    const int rc = vfs->xOpen(vfs, f->path, f->file, flags, &got);
    /* SQLite says "cannot open" of everything; whether to start again depends on why. */
    const int why = rc == SQLITE_OK || !vfs->xGetLastError ? 0 : vfs->xGetLastError(vfs, 0, NULL);
    if ((rc & 0xff) == SQLITE_CANTOPEN && why > 0)
        return -why;
    if (rc != SQLITE_OK)
        return error_of(rc);
    *ret = TAKE_PTR(f);
    return 0;
}

RawFile *raw_close(RawFile *f) {
    if (!f)
        return NULL;
    if (f->file && f->file->pMethods)
        (void)f->file->pMethods->xClose(f->file); /* what matters was synced before */
    free(f->file);
    free(f->path);
    free(f);
    return NULL;
}

int raw_read(RawFile *f, void *ret, size_t n, int64_t at) {
    return error_of(f->file->pMethods->xRead(f->file, ret, (int)n, at));
}

int raw_write(RawFile *f, const void *p, size_t n, int64_t at) {
    return error_of(f->file->pMethods->xWrite(f->file, p, (int)n, at));
}

int raw_sync(RawFile *f) {
    return error_of(f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY));
}

int raw_size(RawFile *f, int64_t *ret) {
    sqlite3_int64 size = 0;
    const int r = error_of(f->file->pMethods->xFileSize(f->file, &size));
    if (r == 0)
        *ret = size;
    return r;
}

int raw_size_of(const char *vfs, const char *path, int flags, int64_t *ret) {
    _cleanup_(raw_closep) RawFile *f = NULL;
    const int r = raw_open(&f, vfs, path, flags);
    if (r == -ENOENT) {
        *ret = 0;
        return 0;
    }
    return r < 0 ? r : raw_size(f, ret);
}

void raw_uri(const char *path, const char *parameters, char *ret, size_t size) {
    size_t n = (size_t)snprintf(ret, size, "file:");
    for (const char *p = path; *p && n + 4 < size; p++) /* what means something in a URI */
        n += (size_t)snprintf(ret + n, size - n, strchr("%?#", *p) ? "%%%02x" : "%c",
                              (unsigned char)*p);
    (void)snprintf(ret + n, size - n, "?%s", parameters);
}

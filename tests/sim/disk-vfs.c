/* SPDX-License-Identifier: Apache-2.0 */

/*
 * SQLite's view of the disk: what os_unix.c does with a file, done with memory, with the same
 * promises to SQLite (sector size, power-safe overwrite) and the same answers to trouble.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/disk-internal.h"

typedef struct Handle {
    sqlite3_file base;
    Disk *disk;
    File *file;
    bool sync_names; /* a log that was made here: its first sync is also one of the folder */
    bool delete_on_close;
    int lock;
    unsigned n_regions;
    void **regions; /* of the shared memory, which one process alone uses */
} Handle;

static int io_close(sqlite3_file *base) {
    Handle *h = (Handle *)base;
    if (h->delete_on_close)
        disk_unname(h->disk, h->file);
    disk_release(h->disk, h->file);
    return SQLITE_OK;
}

static int io_read(sqlite3_file *base, void *to, int n, sqlite3_int64 at) {
    Handle *h = (Handle *)base;
    bool first;
    if (disk_meet(h->disk, DISK_READ, &first) != DISK_FINE)
        return SQLITE_IOERR_READ;
    const Image *seen = &h->file->seen;
    const size_t there = (size_t)at < seen->n ? MIN(seen->n - (size_t)at, (size_t)n) : 0;
    if (there > 0)
        memcpy(to, seen->p + at, there);
    if (there == (size_t)n)
        return SQLITE_OK;
    memset((char *)to + there, 0, (size_t)n - there);
    return SQLITE_IOERR_SHORT_READ;
}

/* What of a write is done by a process that dies in it: some pages of it. */
static void part_of_write(Handle *h, const void *p, size_t n, size_t at) {
    n = dice_below(&h->disk->dice, (unsigned)(n / DISK_SECTOR) + 1) * DISK_SECTOR;
    if (n > 0)
        disk_write(h->disk, h->file, at, p, n);
}

static int io_write(sqlite3_file *base, const void *p, int n, sqlite3_int64 at) {
    Handle *h = (Handle *)base;
    Disk *d = h->disk;
    bool first;
    const DiskTrouble t = disk_meet(d, DISK_WRITE, &first);
    const size_t start = (size_t)at, end = start + (size_t)n, was = h->file->seen.n;
    size_t room = end > was && end - was > disk_room(d) ? disk_room(d) : (size_t)n;
    if (t == DISK_FULL)
        room = 0;
    if (t != DISK_FINE && t != DISK_FULL) {
        if (first)
            part_of_write(h, p, (size_t)n, start);
        return SQLITE_IOERR_WRITE;
    }
    if (room < (size_t)n) { /* what fits is written, then it is full */
        const size_t old = was > start ? was - start : 0;
        if (old + room > 0)
            disk_write(d, h->file, start, p, MIN(old + room, (size_t)n));
        return SQLITE_FULL;
    }
    d->hash = trace_word(d->hash, start);
    d->hash = trace_bytes(d->hash, p, (size_t)n);
    disk_write(d, h->file, start, p, (size_t)n);
    return SQLITE_OK;
}

static int io_truncate(sqlite3_file *base, sqlite3_int64 size) {
    Handle *h = (Handle *)base;
    bool first;
    const DiskTrouble t = disk_meet(h->disk, DISK_TRUNCATE, &first);
    if (t != DISK_FINE) {
        if (first && h->disk->death != DISK_FINE)
            disk_truncate(h->disk, h->file, (size_t)size);
        return SQLITE_IOERR_TRUNCATE;
    }
    disk_truncate(h->disk, h->file, (size_t)size);
    return SQLITE_OK;
}

static int io_sync(sqlite3_file *base, int flags) {
    Handle *h = (Handle *)base;
    Disk *d = h->disk;
    bool first;
    (void)flags;
    const bool tell = d->on_sync && h->file->is_log;
    if (d->death == DISK_FINE && tell)
        d->on_sync(d->on_sync_data, false);
    const DiskTrouble t = disk_meet(d, DISK_SYNC, &first);
    if (first && (t == DISK_EIO || t == DISK_FULL))
        disk_drop_changes(d, h->file);
    if (t != DISK_FINE)
        return SQLITE_IOERR_FSYNC;
    disk_sync_file(d, h->file);
    if (h->sync_names)
        disk_sync_names(d);
    h->sync_names = false;
    d->spent_ms += dice_below(&d->dice, d->quality.sync_ms + 1) + d->slow_ms;
    if (tell)
        d->on_sync(d->on_sync_data, true);
    return SQLITE_OK;
}

static int io_size(sqlite3_file *base, sqlite3_int64 *ret) {
    Handle *h = (Handle *)base;
    if (h->disk->death != DISK_FINE)
        return SQLITE_IOERR_FSTAT;
    *ret = (sqlite3_int64)h->file->seen.n;
    return SQLITE_OK;
}

static int io_lock(sqlite3_file *base, int lock) {
    ((Handle *)base)->lock = lock;
    return SQLITE_OK;
}

static int io_check_reserved(sqlite3_file *base, int *ret) {
    *ret = ((Handle *)base)->lock >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

enum { CONTROL_NORMAL = 0x4449534b }; /* asks for that, through the store's layer over this one */

/* synchronous=NORMAL is set when the connection is made (see disk_connected()), and the store's
 * own setting is then taken for done. */
static int io_control(sqlite3_file *base, int op, void *arg) {
    const Handle *h = (Handle *)base;
    char **pragma = arg;
    if (op == CONTROL_NORMAL) {
        *(bool *)arg = h->disk->quality.normal;
        return SQLITE_OK;
    }
    if (op == SQLITE_FCNTL_MMAP_SIZE) { /* none, whatever was asked for */
        *(sqlite3_int64 *)arg = 0;
        return SQLITE_OK;
    }
    if (op != SQLITE_FCNTL_PRAGMA || !h->disk->quality.normal ||
        sqlite3_stricmp(pragma[1], "synchronous") != 0 ||
        (pragma[2] && sqlite3_stricmp(pragma[2], "FULL") != 0))
        return SQLITE_NOTFOUND;
    pragma[0] = pragma[2] ? NULL : sqlite3_mprintf("2");
    return SQLITE_OK;
}

static int io_sector_size(sqlite3_file *base) {
    (void)base;
    return 4096;
}

static int io_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int io_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret) {
    Handle *h = (Handle *)base;
    *ret = NULL;
    if ((unsigned)region >= h->n_regions && !extend)
        return SQLITE_OK;
    while ((unsigned)region >= h->n_regions) {
        h->regions = realloc(h->regions, (h->n_regions + 1) * sizeof(*h->regions));
        assert(h->regions);
        h->regions[h->n_regions] = calloc(1, (size_t)size);
        assert(h->regions[h->n_regions]);
        h->n_regions++;
    }
    *ret = h->regions[region];
    return SQLITE_OK;
}

static int io_shm_lock(sqlite3_file *base, int offset, int n, int flags) {
    (void)base, (void)offset, (void)n, (void)flags; /* one connection: nobody to keep out */
    return SQLITE_OK;
}

static void io_shm_barrier(sqlite3_file *base) {
    (void)base;
}

static int io_shm_unmap(sqlite3_file *base, int delete_it) {
    Handle *h = (Handle *)base;
    (void)delete_it;
    for (unsigned i = 0; i < h->n_regions; i++)
        free(h->regions[i]);
    free(h->regions);
    h->regions = NULL;
    h->n_regions = 0;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_lock,
    .xCheckReservedLock = io_check_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector_size,
    .xDeviceCharacteristics = io_characteristics,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
};

/* --- the folder --- */

static int fs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                   int *ret_flags) {
    Disk *d = vfs->pAppData;
    Handle *h = (Handle *)base;
    bool first;
    *h = (Handle) { .disk = d };
    if (!name)
        return SQLITE_CANTOPEN; /* a temporary file: the store keeps those in memory */
    File *f = disk_find(d, name);
    if (!f && !(flags & SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    if (disk_meet(d, f ? 0 : DISK_NAMES, &first) != DISK_FINE)
        return SQLITE_CANTOPEN;
    h->sync_names = !f && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
    h->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    h->file = f ? f : disk_create(d, name);
    h->file->handles++;
    h->base.pMethods = &methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int fs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    Disk *d = vfs->pAppData;
    bool first;
    if (disk_meet(d, DISK_NAMES, &first) != DISK_FINE)
        return SQLITE_IOERR_DELETE;
    File *f = disk_find(d, name);
    if (!f)
        return SQLITE_IOERR_DELETE_NOENT;
    disk_unname(d, f);
    if (sync_folder)
        disk_sync_names(d);
    return SQLITE_OK;
}

/* As os_unix.c has it: an empty file does not exist. */
static int fs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret) {
    Disk *d = vfs->pAppData;
    const File *f = disk_find(d, name);
    *ret = f && (flags != SQLITE_ACCESS_EXISTS || f->seen.n > 0);
    return d->death == DISK_FINE ? SQLITE_OK : SQLITE_IOERR_ACCESS;
}

static int fs_full_name(sqlite3_vfs *vfs, const char *name, int n, char *ret) {
    (void)vfs;
    (void)text_copy(ret, (size_t)n, name);
    return SQLITE_OK;
}

static int fs_random(sqlite3_vfs *vfs, int n, char *ret) {
    Disk *d = vfs->pAppData;
    for (int i = 0; i < n; i++)
        ret[i] = (char)dice_roll(&d->dice);
    return n;
}

static int fs_sleep(sqlite3_vfs *vfs, int us) {
    (void)vfs;
    return us; /* nobody to wait for */
}

static int fs_time(sqlite3_vfs *vfs, double *ret) {
    (void)vfs;
    *ret = 2461041.5; /* the store passes the time in */
    return SQLITE_OK;
}

static int fs_last_error(sqlite3_vfs *vfs, int n, char *text) {
    (void)vfs, (void)n, (void)text;
    return 0;
}

/* Each new connection to a disk with DiskQuality.normal, before the store says anything. */
static int connected(sqlite3 *db, const char **error, const struct sqlite3_api_routines *api) {
    bool normal = false;
    (void)error, (void)api;
    if (sqlite3_file_control(db, "main", CONTROL_NORMAL, &normal) != SQLITE_OK || !normal)
        return SQLITE_OK;
    return sqlite3_exec(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
}

bool disk_register(Disk *d) {
    d->vfs = (sqlite3_vfs) {
        .iVersion = 1,
        .szOsFile = sizeof(Handle),
        .mxPathname = sizeof(((File *)NULL)->name) - 1,
        .zName = d->name,
        .pAppData = d,
        .xOpen = fs_open,
        .xDelete = fs_delete,
        .xAccess = fs_access,
        .xFullPathname = fs_full_name,
        .xRandomness = fs_random,
        .xSleep = fs_sleep,
        .xCurrentTime = fs_time,
        .xGetLastError = fs_last_error,
    };
    assert(!sqlite3_vfs_find(d->name));
    return sqlite3_auto_extension((void (*)(void))connected) == SQLITE_OK &&
           sqlite3_vfs_register(&d->vfs, 1) == SQLITE_OK; /* the default: its chance is SQLite's */
}

void disk_unregister(Disk *d) {
    (void)sqlite3_vfs_unregister(&d->vfs);
    sqlite3_randomness(0, NULL); /* the next one's chance is its own */
}

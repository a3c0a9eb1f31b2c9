/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "store/checksum.h"
#include "store/logfile.h"

#define PAGE_SIZE_MAX 65536
#define HEADER_SIZE   100 /* of the file: page size at 16, reserved bytes at 20 */

/* For sqlite3_file_control(), far from SQLite's own. */
enum { CONTROL_PROTECT = 0x53525301, CONTROL_ASK, CONTROL_SCRUB };

struct Pages {
    sqlite3_vfs vfs; /* pAppData is this */
    sqlite3_vfs *inner;
    char name[32];
    PagesMode mode;
    bool hold_log;
    uint32_t sync_every, unsynced; /* pages */
    uint64_t n_damaged;
    uint32_t last_damaged;
    uint8_t scratch[PAGE_SIZE_MAX];
};

/* Of the database file; every other file is opened by the layer below alone. */
typedef struct PageFile {
    sqlite3_file base;
    Pages *pages;
    bool protected;
    int page_size; /* 0: not known yet */
    sqlite3_file *inner;
} PageFile;

typedef struct Scrub {
    uint32_t at, n, bad;
} Scrub;

static bool matches(const uint8_t *page, size_t n) {
    const Checksum is = checksum_more((Checksum) { 0 }, page, n - PAGES_RESERVED, false);
    return memcmp(&is, page + n - PAGES_RESERVED, PAGES_RESERVED) == 0;
}

static void learn(PageFile *f, const uint8_t *header) {
    if (memcmp(header, "SQLite format 3", 16) != 0)
        return;
    const int size = header[16] << 8 | header[17];
    f->page_size = size == 1 ? PAGE_SIZE_MAX : size;
    f->protected = header[20] == PAGES_RESERVED;
}

static bool is_page(const PageFile *f, int n, sqlite3_int64 at) {
    return f->protected && n >= 512 && (n & (n - 1)) == 0 && at % n == 0 &&
           (f->page_size == 0 || n == f->page_size);
}

/* Lists what each page of an auto-vacuum file is for: never to be guessed. */
static bool is_pointer_map(uint32_t page, int size) {
    const uint32_t entries = (uint32_t)(size - PAGES_RESERVED) / 5;
    return page >= 2 && (page - 2) % (entries + 1) == 0;
}

static bool may_pass(PagesMode mode, const uint8_t *page, uint32_t number, int size) {
    enum { INNER_INDEX = 2, INNER_TABLE = 5, LEAF_INDEX = 10, LEAF_TABLE = 13 };
    if (mode == PAGES_ALL)
        return true;
    if (mode == PAGES_STRICT || number == 1 || is_pointer_map(number, size))
        return false;
    switch (page[0]) {
    case LEAF_TABLE:
        return true;
    case INNER_INDEX:
    case INNER_TABLE:
    case LEAF_INDEX:
        return false;
    default: /* overflow; a list of free pages is not read in that mode */
        return mode == PAGES_ROWS;
    }
}

/* --- of the file ---------------------------------------------------------------------------- */

static int page_read(sqlite3_file *file, void *buf, int n, sqlite3_int64 at) {
    PageFile *f = (PageFile *)file;
    const int rc = f->inner->pMethods->xRead(f->inner, buf, n, at);
    if (rc == SQLITE_IOERR_CORRUPTFS) /* EIO: SQLite would make a damaged database of it */
        return SQLITE_IOERR_READ;
    if (rc != SQLITE_OK)
        return rc;
    if (at == 0 && n >= HEADER_SIZE)
        learn(f, buf);
    if (!is_page(f, n, at) || matches(buf, (size_t)n))
        return SQLITE_OK;
    f->pages->n_damaged++;
    f->pages->last_damaged = (uint32_t)(at / n) + 1;
    return may_pass(f->pages->mode, buf, f->pages->last_damaged, n) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int page_write(sqlite3_file *file, const void *buf, int n, sqlite3_int64 at) {
    PageFile *f = (PageFile *)file;
    if (at == 0 && n >= HEADER_SIZE)
        learn(f, buf);
    if (!is_page(f, n, at))
        return f->inner->pMethods->xWrite(f->inner, buf, n, at);
    uint8_t *copy = f->pages->scratch; /* SQLite's buffer is not ours to change */
    const size_t used = (size_t)n - PAGES_RESERVED;
    memcpy(copy, buf, used);
    const Checksum sum = checksum_more((Checksum) { 0 }, copy, used, false);
    memcpy(copy + used, &sum, sizeof(sum));
    const int rc = f->inner->pMethods->xWrite(f->inner, copy, n, at);
    if (rc != SQLITE_OK || f->pages->sync_every == 0 || ++f->pages->unsynced < f->pages->sync_every)
        return rc;
    f->pages->unsynced = 0;
    return f->inner->pMethods->xSync(f->inner, SQLITE_SYNC_NORMAL);
}

/* Does the pointer map call it free? SQLite does not write such a page at a checkpoint, so it may
 * keep what a power cut left of it; nobody reads it before it is written again. */
static bool is_free(PageFile *f, uint32_t page) {
    enum { ENTRY_SIZE = 5, FREE_PAGE = 2 };
    const uint32_t entries = (uint32_t)(f->page_size - PAGES_RESERVED) / ENTRY_SIZE;
    if (page <= 2 || is_pointer_map(page, f->page_size))
        return false;
    const uint32_t map = (page - 2) / (entries + 1) * (entries + 1) + 2;
    uint8_t *bytes = f->pages->scratch;
    return f->inner->pMethods->xRead(f->inner, bytes, f->page_size,
                                     (sqlite3_int64)(map - 1) * f->page_size) == SQLITE_OK &&
           matches(bytes, (size_t)f->page_size) &&
           bytes[(page - map - 1) * ENTRY_SIZE] == FREE_PAGE;
}

static int scrub(PageFile *f, Scrub *s) {
    sqlite3_int64 size = 0;
    int rc = f->inner->pMethods->xFileSize(f->inner, &size);
    const uint32_t last = f->page_size > 0 ? (uint32_t)(size / f->page_size) : 0;
    s->bad = 0;
    for (uint32_t i = 0; rc == SQLITE_OK && s->bad == 0 && i < s->n; i++) {
        if (!f->protected || s->at > last) {
            s->at = 0;
            break;
        }
        const uint32_t page = s->at++;
        rc = f->inner->pMethods->xRead(f->inner, f->pages->scratch, f->page_size,
                                       (sqlite3_int64)(page - 1) * f->page_size);
        if (rc == SQLITE_OK && !matches(f->pages->scratch, (size_t)f->page_size) &&
            !is_free(f, page))
            s->bad = page;
    }
    return rc;
}

static int page_control(sqlite3_file *file, int op, void *arg) {
    PageFile *f = (PageFile *)file;
    switch (op) {
    case CONTROL_PROTECT:
        f->protected = true;
        return SQLITE_OK;
    case CONTROL_ASK:
        *(bool *)arg = f->protected;
        return SQLITE_OK;
    case CONTROL_SCRUB:
        return scrub(f, arg);
    default:
        return f->inner->pMethods->xFileControl(f->inner, op, arg);
    }
}

static int page_close(sqlite3_file *file) {
    PageFile *f = (PageFile *)file;
    return f->inner->pMethods->xClose(f->inner);
}

/* Never used: mmap_size is 0. */
static int page_fetch(sqlite3_file *file, sqlite3_int64 at, int n, void **ret) {
    (void)file;
    (void)at;
    (void)n;
    *ret = NULL;
    return SQLITE_OK;
}

static int page_unfetch(sqlite3_file *file, sqlite3_int64 at, void *p) {
    (void)file;
    (void)at;
    (void)p;
    return SQLITE_OK;
}

/* The rest goes through as it is. */
#define INNER(file)     (((PageFile *)(file))->inner)
#define PASS(name, ...) INNER(file)->pMethods->name(INNER(file), ##__VA_ARGS__)
static int page_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return PASS(xTruncate, size);
}
static int page_sync(sqlite3_file *file, int flags) {
    return PASS(xSync, flags);
}
static int page_size(sqlite3_file *file, sqlite3_int64 *ret) {
    return PASS(xFileSize, ret);
}
static int page_lock(sqlite3_file *file, int level) {
    return PASS(xLock, level);
}
static int page_unlock(sqlite3_file *file, int level) {
    return PASS(xUnlock, level);
}
static int page_check_lock(sqlite3_file *file, int *ret) {
    return PASS(xCheckReservedLock, ret);
}
static int page_sector_size(sqlite3_file *file) {
    return PASS(xSectorSize);
}
static int page_device(sqlite3_file *file) {
    return PASS(xDeviceCharacteristics);
}
static int page_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret) {
    return PASS(xShmMap, region, size, extend, ret);
}
/* The locks of all readers are only wanted to begin the log anew; SQLite goes on without. */
static int page_shm_lock(sqlite3_file *file, int at, int n, int flags) {
    enum { READERS = 4, N_READERS = 4 }; /* but the one without the log */
    static const int wanted = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;
    if (at == READERS && n == N_READERS && flags == wanted && ((PageFile *)file)->pages->hold_log)
        return SQLITE_BUSY;
    return PASS(xShmLock, at, n, flags);
}
static void page_shm_barrier(sqlite3_file *file) {
    PASS(xShmBarrier);
}
static int page_shm_unmap(sqlite3_file *file, int remove) {
    return PASS(xShmUnmap, remove);
}

static const sqlite3_io_methods page_methods = {
    .iVersion = 3,
    .xClose = page_close,
    .xRead = page_read,
    .xWrite = page_write,
    .xTruncate = page_truncate,
    .xSync = page_sync,
    .xFileSize = page_size,
    .xLock = page_lock,
    .xUnlock = page_unlock,
    .xCheckReservedLock = page_check_lock,
    .xFileControl = page_control,
    .xSectorSize = page_sector_size,
    .xDeviceCharacteristics = page_device,
    .xShmMap = page_shm_map,
    .xShmLock = page_shm_lock,
    .xShmBarrier = page_shm_barrier,
    .xShmUnmap = page_shm_unmap,
    .xFetch = page_fetch,
    .xUnfetch = page_unfetch,
};

/* --- of the file system --------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *ret_flags) {
    Pages *p = vfs->pAppData;
    if (flags & SQLITE_OPEN_WAL)
        return logfile_open(p->inner, name, file, flags, ret_flags);
    if (!(flags & SQLITE_OPEN_MAIN_DB))
        return p->inner->xOpen(p->inner, name, file, flags, ret_flags);
    PageFile *f = (PageFile *)file;
    *f = (PageFile) { .pages = p, .inner = (sqlite3_file *)(f + 1) };
    f->inner->pMethods = NULL;
    const int rc = p->inner->xOpen(p->inner, name, f->inner, flags, ret_flags);
    /* SQLite closes what has methods, also after an error. */
    f->base.pMethods = f->inner->pMethods ? &page_methods : NULL;
    return rc;
}

#define BELOW(vfs) (((Pages *)(vfs)->pAppData)->inner)
static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    return BELOW(vfs)->xDelete(BELOW(vfs), name, sync_folder);
}
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret) {
    return BELOW(vfs)->xAccess(BELOW(vfs), name, flags, ret);
}
static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *ret) {
    return BELOW(vfs)->xFullPathname(BELOW(vfs), name, n, ret);
}
static int vfs_randomness(sqlite3_vfs *vfs, int n, char *ret) {
    return BELOW(vfs)->xRandomness(BELOW(vfs), n, ret);
}
static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    return BELOW(vfs)->xSleep(BELOW(vfs), microseconds);
}
static int vfs_time(sqlite3_vfs *vfs, double *ret) {
    return BELOW(vfs)->xCurrentTime(BELOW(vfs), ret);
}
static int vfs_last_error(sqlite3_vfs *vfs, int n, char *ret) {
    return BELOW(vfs)->xGetLastError(BELOW(vfs), n, ret);
}

int pages_new(Pages **ret, const char *below) {
    _cleanup_(freep) Pages *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->inner = sqlite3_vfs_find(below);
    if (!p->inner)
        return -ENOMEM;
    snprintf(p->name, sizeof(p->name), "serasi-%p", (void *)p);
    p->vfs = (sqlite3_vfs) {
        .iVersion = 1,
        .szOsFile = MAX((int)sizeof(PageFile) + p->inner->szOsFile, logfile_size(p->inner)),
        .mxPathname = p->inner->mxPathname,
        .zName = p->name,
        .pAppData = p,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    if (sqlite3_vfs_register(&p->vfs, 0) != SQLITE_OK)
        return -ENOMEM;
    *ret = TAKE_PTR(p);
    return 0;
}

Pages *pages_free(Pages *p) {
    if (p)
        (void)sqlite3_vfs_unregister(&p->vfs);
    free(p);
    return NULL;
}

const char *pages_vfs(const Pages *p) {
    return p->name;
}

/* --- of the connection ---------------------------------------------------------------------- */

int pages_protect(sqlite3 *db) {
    int reserved = PAGES_RESERVED;
    const int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
    return rc == SQLITE_OK ? sqlite3_file_control(db, "main", CONTROL_PROTECT, NULL) : rc;
}

bool pages_are_protected(sqlite3 *db) {
    bool is = false;
    return sqlite3_file_control(db, "main", CONTROL_ASK, &is) == SQLITE_OK && is;
}

PagesMode pages_set_mode(Pages *p, PagesMode mode) {
    const PagesMode before = p->mode;
    p->mode = mode;
    return before;
}

void pages_sync_every(Pages *p, uint32_t n) {
    p->sync_every = n;
}

void pages_hold_log(Pages *p, bool hold) {
    p->hold_log = hold;
}

uint64_t pages_damaged(const Pages *p, uint32_t *ret_page) {
    *ret_page = p->last_damaged;
    return p->n_damaged;
}

void pages_forget(Pages *p) {
    p->n_damaged = 0;
}

int pages_scrub(sqlite3 *db, uint32_t *at, uint32_t n, uint32_t *ret_bad) {
    Scrub s = { .at = *at, .n = n };
    const int rc = sqlite3_file_control(db, "main", CONTROL_SCRUB, &s);
    *at = s.at;
    *ret_bad = s.bad;
    return rc;
}

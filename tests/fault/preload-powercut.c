/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a disk would hold if the power went now. For each file the model keeps its synced bytes and,
 * in order, what was done to it since. At the cut each 512-byte sector of each write since, each
 * change of size and each name made or removed since is there or is not, by chance: a later write
 * may have reached the platter and an earlier one not. A sector is never half written.
 *
 * Modelled are the database, its log and its seal; the shared-memory index is not for keeping, so
 * it is filled with garbage, and lock and ballast mean nothing.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault/preload.h"

#define SECTOR      512U
#define FILES_MAX   8U
#define SHM_SUFFIX  "-shm"
#define LOG_SUFFIX  "-wal"
#define SEAL_SUFFIX "-seal"

typedef struct Change {
    struct Change *next;
    bool is_truncation;
    off_t offset; /* of a truncation: the new size */
    size_t n;
    unsigned char data[];
} Change;

typedef struct File {
    char path[4096];
    unsigned char *synced;
    size_t n_synced;
    bool name_synced; /* the folder on disk has it */
    bool exists;      /* for the program it is there */
    bool sync_owed;   /* LIE_COMMIT: a sync that is to count later */
    Change *first, **last;
} File;

typedef struct Disk {
    File files[FILES_MAX];
    size_t n_files;
    uint64_t random;
} Disk;

static Disk *disk(void) {
    static Disk d;
    return &d;
}

static _Noreturn void give_up(const char *why) {
    (void)!write(STDERR_FILENO, why, strlen(why));
    _exit(PRELOAD_CUT_STATUS + 1);
}

static void *must_have(void *p) {
    if (!p)
        give_up("preload: out of memory\n");
    return p;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static File *find(const char *path) {
    Disk *d = disk();
    for (size_t i = 0; i < d->n_files; i++)
        if (strcmp(d->files[i].path, path) == 0)
            return &d->files[i];
    return NULL;
}

static bool is_modelled(const char *path) {
    return ends_with(path, ".db") || ends_with(path, LOG_SUFFIX) || ends_with(path, SEAL_SUFFIX);
}

/* --- what is synced --- */

static void resize(File *f, size_t n) {
    if (n > f->n_synced) {
        f->synced = must_have(realloc(f->synced, n));
        memset(f->synced + f->n_synced, 0, n - f->n_synced);
    }
    f->n_synced = n;
}

static void put(File *f, off_t offset, const unsigned char *data, size_t n) {
    if ((size_t)offset + n > f->n_synced)
        resize(f, (size_t)offset + n);
    memcpy(f->synced + offset, data, n);
}

static void load(File *f) {
    struct stat st;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) != 0)
        give_up("preload: fstat\n");
    resize(f, (size_t)st.st_size);
    for (size_t at = 0; at < f->n_synced;) {
        long n = syscall(SYS_pread64, fd, f->synced + at, f->n_synced - at, at);
        if (n <= 0)
            give_up("preload: cannot read a file for the model\n");
        at += (size_t)n;
    }
    (void)syscall(SYS_close, fd);
}

static void forget_changes(File *f) {
    while (f->first) {
        Change *c = f->first;
        f->first = c->next;
        free(c);
    }
    f->last = &f->first;
    f->sync_owed = false;
}

static void sync_file(File *f) {
    for (Change *c = f->first; c; c = c->next)
        if (c->is_truncation)
            resize(f, (size_t)c->offset);
        else
            put(f, c->offset, c->data, c->n);
    forget_changes(f);
}

/* --- what the program does --- */

void powercut_open(const char *path, bool is_new) {
    Disk *d = disk();
    File *f = find(path);
    if (!is_modelled(path))
        return;
    if (!f) {
        if (d->n_files == FILES_MAX || strlen(path) >= sizeof(f->path))
            give_up("preload: too many files\n");
        f = &d->files[d->n_files++];
        strcpy(f->path, path);
        f->last = &f->first;
        f->name_synced = !is_new;
        load(f);
    }
    f->exists = true;
}

static void change(const char *path, bool is_truncation, const void *data, size_t n, off_t offset) {
    File *f = find(path);
    if (!f)
        return;
    Change *c = must_have(malloc(sizeof(*c) + n));
    *c = (Change) { .is_truncation = is_truncation, .offset = offset, .n = n };
    if (n > 0)
        memcpy(c->data, data, n);
    *f->last = c;
    f->last = &c->next;
}

/* The database is written only when the log was synced for it. */
static void pay_log(const char *path) {
    Disk *d = disk();
    for (size_t i = 0; ends_with(path, ".db") && i < d->n_files; i++)
        if (d->files[i].sync_owed)
            sync_file(&d->files[i]);
}

void powercut_write(const char *path, const void *data, size_t n, off_t offset) {
    pay_log(path);
    change(path, false, data, n, offset);
}

void powercut_truncate(const char *path, off_t size) {
    change(path, true, NULL, 0, size);
}

void powercut_unlink(const char *path) {
    File *f = find(path);
    if (f)
        f->exists = false;
}

static void sync_names(const char *folder) {
    Disk *d = disk();
    size_t n = strlen(folder);
    for (size_t i = 0; i < d->n_files; i++)
        if (strncmp(d->files[i].path, folder, n) == 0)
            d->files[i].name_synced = d->files[i].exists;
}

void powercut_sync(const char *path, Lie lie) {
    File *f = find(path);
    if (lie == LIE_ALL)
        return;
    if (!f)
        sync_names(path);
    else if (lie == LIE_COMMIT && ends_with(path, LOG_SUFFIX))
        f->sync_owed = true;
    else
        sync_file(f);
}

/* --- the cut --- */

/* splitmix64 */
static uint64_t chance(uint64_t below) {
    Disk *d = disk();
    uint64_t z = d->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* Each sector by itself; percent of them are kept. */
static void tear(Orders *o, File *f, const Change *c, unsigned percent) {
    for (size_t at = 0; at < c->n;) {
        size_t n = SECTOR - ((size_t)c->offset + at) % SECTOR;
        n = n < c->n - at ? n : c->n - at;
        o->cut_unsynced++;
        if (chance(100) < percent) {
            o->cut_kept++;
            put(f, c->offset + (off_t)at, c->data + at, n);
        }
        at += n;
    }
}

static void write_back(const File *f) {
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up("preload: cannot write what is left of a file\n");
    for (size_t at = 0; at < f->n_synced;) {
        long n = syscall(SYS_pwrite64, fd, f->synced + at, f->n_synced - at, at);
        if (n <= 0)
            give_up("preload: cannot write what is left of a file\n");
        at += (size_t)n;
    }
}

static void cut_file(Orders *o, File *f) {
    static const unsigned often[] = { 0, 10, 50, 90, 100 };
    unsigned percent = o->cut_keep > 0 ? (unsigned)o->cut_keep - 1
                                       : often[chance(sizeof(often) / sizeof(often[0]))];
    for (const Change *c = f->first; c; c = c->next)
        if (!c->is_truncation)
            tear(o, f, c, percent);
        else if (chance(100) < percent)
            resize(f, (size_t)c->offset);
    bool there = f->exists == f->name_synced ? f->exists : chance(2) == 0;
    if (there)
        write_back(f);
    else
        (void)syscall(SYS_unlink, f->path);
}

/* Another start must not believe a word of it. */
static void spoil_index(const char *database) {
    char path[4096 + sizeof(SHM_SUFFIX)];
    unsigned char garbage[32768];
    strcpy(path, database);
    strcat(path, SHM_SUFFIX);
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (unsigned char)chance(256);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!syscall(SYS_pwrite64, fd, garbage, sizeof(garbage), 0);
}

_Noreturn void powercut_now(Orders *o) {
    Disk *d = disk();
    d->random = o->cut_seed;
    for (size_t i = 0; i < d->n_files; i++) {
        cut_file(o, &d->files[i]);
        if (ends_with(d->files[i].path, ".db"))
            spoil_index(d->files[i].path);
    }
    _exit(PRELOAD_CUT_STATUS);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the two halves of the disk share: disk.c keeps files and what is durable of them,
 * disk-vfs.c is SQLite's view of it. */

#include <sqlite3.h>

#include "sim/disk.h"

typedef struct Image {
    uint8_t *p;
    size_t n, room;
} Image;

typedef struct Change { /* since the last sync */
    bool cut;           /* the file was cut to `at` bytes; else n bytes were written there */
    size_t at, n;
    size_t bytes; /* where they are in File.bytes */
} Change;

typedef struct File {
    char name[64];
    unsigned handles;
    bool named, named_on_disk; /* has its name; and would have it after a power cut */
    Image seen, durable;
    Change *changes;
    size_t n_changes, room_changes;
    Image bytes; /* of the changes */
    bool is_log; /* -wal or -journal */
    struct File *prev, *next;
} File;

struct Disk {
    char name[32];
    DiskQuality quality;
    Dice dice;
    StoreDisk hooks;
    sqlite3_vfs vfs;
    File *files;
    uint64_t others, reserved;
    unsigned slow_ms;
    int64_t spent_ms;
    DiskTrouble armed, death;
    unsigned armed_kinds, armed_n;
    void (*on_sync)(void *data, bool done);
    void *on_sync_data;
    uint64_t hash;
};

/* Each call of the store comes by here first. What it meets: DISK_FINE, or the trouble that was
 * armed for it or has happened before (then *ret_first is false). */
DiskTrouble disk_meet(Disk *d, unsigned kind, bool *ret_first);

File *disk_find(Disk *d, const char *name);
File *disk_create(Disk *d, const char *name);
void disk_unname(Disk *d, File *f); /* deleted; gone for good when nobody has it open */
void disk_release(Disk *d, File *f);
void disk_write(Disk *d, File *f, size_t at, const void *p, size_t n);
void disk_truncate(Disk *d, File *f, size_t size);
void disk_sync_file(Disk *d, File *f);
/* A sync failed: some of it may have been written, the rest is forgotten. */
void disk_drop_changes(Disk *d, File *f);
void disk_sync_names(Disk *d);
uint64_t disk_room(const Disk *d);

/* --- disk-vfs.c --- */
bool disk_register(Disk *d);
void disk_unregister(Disk *d);

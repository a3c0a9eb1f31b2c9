/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A disk in memory with one folder on it, for one broker: what was written and what of it is
 * durable. The store uses it through an SQLite VFS of its own (disk-vfs.c) and the StoreDisk hooks.
 *
 * Written bytes are seen at once and wait as a list of changes until a sync of their file. A
 * process that dies leaves all of them to the kernel; a power cut keeps, loses or tears (in its
 * middle, as nothing finer is known of any disk) each 512-byte sector of the waiting changes by
 * itself, and so with the length of files and the names in the folder. A sync that fails drops what
 * it was to write: readers still see it, the next sync does not know it.
 *
 * Trouble can be armed for the n-th of some calls: an error, a death of the process, a power cut.
 * From a death on every call fails: the world tears the process down, and starts another one. All
 * chance comes from the seed of the disk.
 */

#include <stdbool.h>
#include <stdint.h>

#include "sim/dice.h"
#include "store/store.h"

#define DISK_SECTOR 512U

enum { /* kinds of calls, as bits */
       DISK_READ = 1,
       DISK_WRITE = 2,
       DISK_SYNC = 4,
       DISK_TRUNCATE = 8,
       DISK_NAMES = 16, /* creating and deleting files */
       DISK_CHANGES = DISK_WRITE | DISK_SYNC | DISK_TRUNCATE | DISK_NAMES,
};

typedef enum DiskTrouble {
    DISK_FINE = 0,
    DISK_CRASH, /* the process dies: what is written survives */
    DISK_POWER, /* so does the machine: what is not synced may be lost */
    DISK_EIO,   /* one call fails; a sync drops what it was to write */
    DISK_FULL,  /* one call finds no room */
} DiskTrouble;

typedef struct DiskQuality {
    unsigned keep; /* of 100 unsynced sectors survive a power cut */
    unsigned torn; /* of 100 of these only what is in one half of it */
    bool garbage;  /* new sectors that were lost hold old bytes of others, not zeros */
    unsigned
        lie_depth;    /* 0 = syncs are honest; else so many changes may still be lost behind them */
    bool normal;      /* the store's connection runs with synchronous=NORMAL, whatever it says */
    unsigned sync_ms; /* a sync takes up to so long */
    uint64_t capacity; /* bytes */
} DiskQuality;

typedef struct Disk Disk;

/* The VFS is registered under this name, which must be unique in the process. NULL: no memory. */
Disk *disk_new(const char *name, uint64_t seed, const DiskQuality *quality);
/* No store may have it open. */
Disk *disk_free(Disk *d);
/* For StoreConfig.disk. */
const StoreDisk *disk_hooks(Disk *d);

/* --- trouble --- */

/* The n-th call (from 1) of these kinds meets it. Replaces what was armed. */
void disk_arm(Disk *d, DiskTrouble what, unsigned kinds, unsigned n);
/* What the process died of in a call; DISK_FINE while it lives. */
DiskTrouble disk_death(const Disk *d);
/* It dies now. Nothing of it reaches the disk any more; then its store may be closed. */
void disk_kill(Disk *d, DiskTrouble of);
/* After the store was closed: what a power cut leaves, when it was one; then the next process may
 * open. */
void disk_restart(Disk *d);
/* Others on the disk use so many bytes. */
void disk_set_others(Disk *d, uint64_t bytes);
/* Each sync takes so much longer. */
void disk_set_slow(Disk *d, unsigned ms);

/* --- what is told --- */

/* Called when a sync of a log begins and when it has succeeded. */
void disk_on_sync(Disk *d, void (*call)(void *data, bool done), void *data);
/* Virtual milliseconds spent in syncs since it was last asked. */
int64_t disk_take_time(Disk *d);
/* Of all calls so far and their bytes. */
uint64_t disk_hash(const Disk *d);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A library that sits under the real daemon (LD_PRELOAD) and makes its disk and its clock behave
 * as a test orders. The orders stand in a small file that both map, so they can be changed while
 * the daemon runs; tests/system/preload.py writes them. Only files whose path begins with
 * $SERASI_PRELOAD_PREFIX are touched: the database, its log and what lies beside them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Which calls are counted and may fail. */
enum {
    CALL_WRITE = 1,
    CALL_SYNC = 2,
    CALL_TRUNCATE = 4,
    CALL_UNLINK = 8,
    CALL_OPEN = 16,
    CALL_READ = 32,
};

/* How the disk lies about syncs in the model of a power cut. */
typedef enum Lie {
    LIE_NONE = 0,
    LIE_ALL,    /* a sync does nothing */
    LIE_COMMIT, /* those of the log count only when the database file is written next: what
                   synchronous=NORMAL leaves of them */
} Lie;

#define PRELOAD_CUT_STATUS 99 /* the exit status of a process whose power was cut */

/* All fields 64 bits wide, in the order preload.py knows. */
typedef struct Orders {
    int64_t clock_offset_ms; /* added to CLOCK_REALTIME */
    int64_t sync_delay_us;   /* every sync takes that much longer */
    uint64_t fault_calls;    /* CALL_*: what is counted */
    uint64_t fault_at;       /* the call with this number fails; 0 = none */
    uint64_t fault_count;    /* and so many in all */
    uint64_t fault_errno;    /* 0 = a write is cut short, and all else succeeds */
    uint64_t cut_at; /* power goes at this step: write, sync, truncate or unlink; 0 = never */
    uint64_t cut_seed;
    uint64_t
        cut_keep; /* 0 = by chance, else that share of the unsynced sectors, 1 = none, 101 = all */
    uint64_t lie;
    /* Told by the library. */
    uint64_t calls;        /* of fault_calls */
    uint64_t hits;         /* of them failed */
    uint64_t hit_call;     /* CALL_* of the first one */
    uint64_t steps;        /* that cut_at counts */
    uint64_t cut_unsynced; /* sectors that were not synced when the power went */
    uint64_t cut_kept;     /* those of them that are there all the same */
} Orders;

/* --- preload-powercut.c: called with the lock of preload-calls.c held --- */

/* A file was opened: what is on disk now counts as synced, unless the model knows better. */
void powercut_open(const char *path, bool is_new);
void powercut_write(const char *path, const void *data, size_t n, off_t offset);
void powercut_truncate(const char *path, off_t size);
void powercut_unlink(const char *path);
/* path is a folder for a sync of names. */
void powercut_sync(const char *path, Lie lie);
/* Makes the files what the disk would hold, and ends the process. */
_Noreturn void powercut_now(Orders *o);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A copy of the store, made while it is at work. */

#include <pthread.h>
#include <stdatomic.h>

#include <sqlite3.h>

#include "store/store.h"

typedef struct Backup {
    int state; /* as store_backup_state() */
    sqlite3 *db;
    sqlite3_backup *copy;
    char path[STORE_PATH_SIZE], temp[STORE_PATH_SIZE + 16], text[256];
    /* The finished copy is read through, synced and named by a thread of its own: it is another
     * file, and the store must not wait for it. */
    pthread_t thread;
    bool finishing;          /* the thread is there */
    atomic_bool ended, stop; /* by the thread; for the thread */
    int result;              /* when ended */
    const char *what;        /* failed */
} Backup;

void backup_stop(Store *s);

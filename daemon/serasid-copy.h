/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * CopyThread: copies the log into the database while the store is at work (store/copier.h).
 * All functions but start and stop are for whoever is at work with the store, and do not wait.
 */

#include <stdbool.h>

#include "base/cleanup.h"
#include "store/copier.h"

typedef struct CopyThread CopyThread;

/* path: of the store, open. Returns 0 or a negative errno: the store has to copy itself. */
_must_check_ int copy_thread_start(CopyThread **ret, const char *path);
/* Waits for what is under way, before the store is closed. Returns true when that is still to be
 * told to store_copy_end(): it may have failed. */
bool copy_thread_stop(CopyThread *t, Copied *ret);
/* After store_copy_begin() said yes. */
void copy_thread_go(CopyThread *t);
/* Once for each go, when it has ended: for store_copy_end(). */
bool copy_thread_take(CopyThread *t, Copied *ret);

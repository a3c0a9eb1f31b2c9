/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * StoreThread: the thread that opens the store, carries out batches and keeps house in between, a
 * second one that syncs a batch while the next is carried out, and a third that copies the log
 * (serasid-copy.h). All functions here are for the router thread; none waits but stop, and give for
 * a quick disk.
 */

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/times.h"
#include "broker/broker.h"
#include "daemon/serasid-notify.h"
#include "store/store.h"

#define STORE_LOCKED_WAIT_MS (30 * SECOND_MS) /* while another process has it open */

/* How the store is, copied after each step of the thread. */
typedef struct StoreReport {
    StoreHealth health;
    int backup; /* as of store_backup_state() */
    char backup_text[256];
} StoreReport;

typedef struct StoreThread StoreThread;

/* Starts to open the store. config and beats must outlive the thread. */
_must_check_ int store_thread_start(StoreThread **ret, const StoreConfig *config, Beats *beats);
/* Waits for the batch under way, closes the store (a clean stop) and ends the thread. After a fault
 * the store is left as it is. */
StoreThread *store_thread_stop(StoreThread *t);
/* Readable when there is news: opened, a batch done, a fault. */
int store_thread_fd(const StoreThread *t);
void store_thread_clear_fd(StoreThread *t);
/* Has opening ended? Then *ret_r is what store_open() returned, why its text. Before, why is empty,
 * or says which lock is waited for. */
bool store_thread_is_open(StoreThread *t, int *ret_r, char why[static 256]);
/* The directory found at opening: the caller's reference, once. */
Directory *store_thread_steal_directory(StoreThread *t);
Enrolments *store_thread_steal_enrolments(StoreThread *t); /* likewise */
/* Nothing is in here. */
bool store_thread_is_idle(StoreThread *t);
/* Nothing waits and nothing is carried out; something may be synced, or done and not taken. */
bool store_thread_is_free(StoreThread *t);
/* Hands over a batch; only while free. A small one is carried out at once and in the caller's
 * thread when the disk was quick lately and nobody keeps house: true, and it is there to be taken.
 * That spares a lonely publisher the way to another thread and back. */
bool store_thread_give(StoreThread *t, StoreOp *batch, bool small);
/* What waits while the batch before it is carried out, and more of it. */
BatchFill store_thread_fill(StoreThread *t);
void store_thread_add(StoreThread *t, StoreOp *more, const BatchFill *fill);
/* 0: *ret are finished batches, one behind the other, or NULL. Negative: the fault that ended the
 * thread. */
_must_check_ int store_thread_take(StoreThread *t, StoreOp **ret);
/* How long the last sync took. */
int64_t store_thread_sync_us(StoreThread *t);
void store_thread_report(StoreThread *t, StoreReport *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The verify thread: carries out batches of signature checks. It looks at what a batch refers to
 * and at nothing else of the broker. One batch at most is in here, so what waits is what the broker
 * counts and bounds.
 */

#include <stdbool.h>

#include "base/cleanup.h"
#include "broker/check.h"
#include "daemon/serasid-notify.h"

typedef struct VerifyThread VerifyThread;

/* Returns 0 or a negative errno. beats must outlive it. */
_must_check_ int verify_thread_start(VerifyThread **ret, Beats *beats);
/* Ends after the batch at hand. NULL is fine. */
VerifyThread *verify_thread_stop(VerifyThread *t);

/* Readable when a batch is done. */
int verify_thread_fd(const VerifyThread *t);
void verify_thread_clear_fd(VerifyThread *t);
bool verify_thread_is_idle(VerifyThread *t);
/* Only while idle. */
void verify_thread_give(VerifyThread *t, Checks *batch);
/* The batch given last is done: true, once. */
bool verify_thread_take(VerifyThread *t);

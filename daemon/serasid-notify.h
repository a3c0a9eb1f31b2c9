/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Notify: what systemd is told (sd_notify), by a thread of its own, because each message is a
 * blocking send. Without NOTIFY_SOCKET it does nothing at all.
 *
 * WATCHDOG=1 is sent only when router, store and verify thread have all moved since the last one.
 * While starting, progress of the store asks for more time instead. A disk that hangs takes the
 * store's thread along, or the router's, so that it is this one that says so in the journal.
 */

#include <stdatomic.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Signs of life; any thread may add. */
typedef struct Beats {
    atomic_ulong router, store, verify;
} Beats;

typedef struct Notify Notify;

/* Both must outlive it. Returns 0 or -errno. */
_must_check_ int notify_start(Notify **ret, const Beats *beats, Log *log);
/* Sends what still waits and ends the thread; if a deaf service manager holds it, it is left. */
Notify *notify_stop(Notify *n);
DEFINE_CLEANUP(Notify *, notify_stop);
/* Queues a message in order ("STOPPING=1"); the oldest makes way when eight wait. */
void notify_send(Notify *n, const char *state);
/* READY=1: the watchdog starts to count. */
void notify_ready(Notify *n);
/* RELOADING=1 with the time stamp it wants. */
void notify_reloading(Notify *n);
/* The line of `systemctl status`; sent every few seconds when it changed. */
void notify_status(Notify *n, const char *text);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Zap: who may connect. A thread that answers libzmq's questions at each CURVE handshake from an
 * immutable directory snapshot in memory: 200 with User-Id = the key's Z85 text, 400 for unknown or
 * revoked keys, 300 while no directory is loaded. NULL mechanism (ipc) is let in with User-Id
 * "uid:<n>" when the peer's uid is ours or root.
 */

#include "core/directory.h"
#include "core/enrolment.h"

typedef struct Zap Zap;

/* Binds inproc://zeromq.zap.01 in the context and starts the thread; before any CURVE bind.
 * on_refused (from the Zap thread; may be NULL) reports address and key text of each refusal. */
_must_check_ int zap_start(Zap **ret, void *zmq_ctx,
                           void (*on_refused)(void *data, const char *address, const char *key),
                           void *data);
Zap *zap_stop(Zap *z);
DEFINE_CLEANUP(Zap *, zap_stop);
/* Any thread. Takes its own reference. */
void zap_set_directory(Zap *z, Directory *d);
/* One-time keys of new institutions, let in besides it; the broker lets them do nothing but hand in
 * their keys. Any thread. Takes its own reference; NULL = none. */
void zap_set_enrolments(Zap *z, Enrolments *e);
/* Nobody gets in with this key for so long (Z85): those that try are told to come again. Any
 * thread. */
void zap_put_off(Zap *z, const char *curve_public, int64_t ms);
/* A key let in besides the directory: the broker's own, for the self-test. "" = none. Any thread.
 */
void zap_set_own_key(Zap *z, const char *curve_public);

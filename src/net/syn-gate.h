/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Syn gate: who may not even knock. To accept a connection and to end it again costs libzmq's
 * thread, which serves all peers, more than it costs the caller; and a listener of libzmq cannot be
 * told to wait. So the kernel is told to drop the first packet of some callers (a socket filter,
 * packet(7), on the listening socket): for them it is as if the line were busy, and their kernel
 * calls again after a second. Connections that are there already are not touched.
 *
 * Barred are single addresses, or all that are not known. Where the kernel takes no filter nobody
 * is. For one thread.
 */

#include "base/cleanup.h"
#include "base/times.h"

#define SYN_GATE_ADDRESS 16U /* bytes: v4 in the last four, of v6 the first eight count */

typedef struct SynGate SynGate;

_must_check_ int syn_gate_new(SynGate **ret); /* 0 or -ENOMEM */
SynGate *syn_gate_free(SynGate *g);
DEFINE_CLEANUP(SynGate *, syn_gate_free);

/* A listening socket that is not ours; it stays one for as long as this does. */
void syn_gate_add(SynGate *g, int fd);
/* A connection it accepted has a copy of the filter that it does not need. */
void syn_gate_release(int fd);

/* Until that moment. More addresses than can be told apart are all those that are not known. */
void syn_gate_bar(SynGate *g, const uint8_t ip[static SYN_GATE_ADDRESS], int64_t until_ms);
void syn_gate_bar_strangers(SynGate *g, int64_t until_ms);
/* Known from now on; whoever was not heard of for longest makes room. */
void syn_gate_know(SynGate *g, const uint8_t ip[static SYN_GATE_ADDRESS], int64_t now_ms);
bool syn_gate_knows(const SynGate *g, const uint8_t ip[static SYN_GATE_ADDRESS]);
/* Tells the kernel what has changed since; to be called after each of the above and from time to
 * time. */
void syn_gate_turn(SynGate *g, int64_t now_ms);

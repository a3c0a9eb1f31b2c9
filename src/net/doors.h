/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Doors: the connections of a bound socket as the kernel has them. libzmq tells nothing of a peer
 * before its first whole message, and bounds neither the number of connections nor what a message
 * that never ends takes. So each connection is noted when it is accepted, and cut (shut down, as if
 * the line had gone) when
 *
 *   - it has been without a session for longer than waiting_ms,
 *   - more than waiting_max are without one: those that wait longest, from WAITING_LEAST_MS on,
 *   - its address opens them faster than rate allows, or addresses that nobody had a session from
 *     do so together: then the kernel also drops their calls for a moment (syn-gate.h),
 *   - it sends more than a message can have without ending one.
 *
 * While somebody is served whom handshakes would hold up, they begin one after the other (line.h):
 * libzmq is not told of the bytes of a connection that waits (SO_RCVLOWAT), and the kernel keeps
 * them.
 *
 * For the thread that owns the socket. Peers are known by their routing id (zap.c).
 */

#include "base/times.h"
#include "core/bucket.h"
#include "net/sock.h"

typedef struct Doors Doors;

typedef struct DoorLimits {
    uint32_t waiting_max;
    int64_t waiting_ms;
    BucketRate rate;      /* connections of one address */
    BucketRate strangers; /* of all addresses together from which nobody had a session */
    uint32_t pace;        /* handshakes a second of each, while others are served; 0: no bound */
} DoorLimits;

/* Why connections were cut (or waited) since the last doors_take_counts(). */
typedef struct DoorCounts {
    uint32_t silent;  /* no session in time */
    uint32_t crowded; /* too many without a session */
    uint32_t hasty;   /* too fast, from one address or from all strangers */
    uint32_t endless; /* a message that does not end, or bytes before a session */
    uint32_t waited;  /* not cut: had to wait for its handshake */
} DoorCounts;

_must_check_ int doors_new(Doors **ret, Sock *s, const DoorLimits *limits);
/* Before its socket is freed. */
Doors *doors_free(Doors *d);
DEFINE_CLEANUP(Doors *, doors_free);
void doors_limit(Doors *d, const DoorLimits *limits);

int doors_fd(Doors *d); /* edge-triggered: something was opened or closed */
/* Takes notice of what was opened and closed; the connections that are too many go. serving:
 * somebody whom handshakes would hold up. 0 or -ENOMEM. */
_must_check_ int doors_turn(Doors *d, int64_t now_ms, bool serving);
/* When the next turn is due, INT64_MAX when nobody waits. */
int64_t doors_due_ms(const Doors *d);
/* Looks at some of the connections, all of them in a few calls. drained: every whole message that
 * came was read. */
void doors_look(Doors *d, int64_t now_ms, bool drained);

/* A message came from this connection. */
void doors_heard(Doors *d, const SockMessage *m);
/* It has a session from now on, or none any more. */
void doors_session(Doors *d, Bytes route, bool open, int64_t now_ms);
/* Where it comes from, "192.0.2.7:40210"; false when that is not known. */
bool doors_address(Doors *d, Bytes route, char *ret, size_t size);
/* The connection ends; who comes from the same address next has no allowance but the rate. */
void doors_cut(Doors *d, Bytes route, int64_t now_ms);

uint32_t doors_open(const Doors *d);
DoorCounts doors_take_counts(Doors *d);

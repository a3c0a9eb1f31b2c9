/* SPDX-License-Identifier: Apache-2.0 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "net/doors-internal.h"
#include "net/sock-internal.h"

#define WAITING_LEAST_MS SECOND_MS /* nobody is too slow before that */
#define LOOK_AT_ONCE     1024U
#define CUT_AT_ONCE      64U
/* Bytes that the kernel took from a connection which has ended no message meanwhile: a whole
 * message, and what a receive buffer holds behind it. */
#define UNENDED_MAX (8U * 1024 * 1024)
#define UNENDED_ALL (256U * 1024 * 1024) /* of all of them */
/* A part that came alone holds the whole buffer that libzmq read it into, until its message ends.
 */
#define PIECE_HOLDS    8192U
#define PIECE_ORDINARY 512U         /* bytes; who has much to say fills a segment with more */
#define PIECES_MAX     2560U        /* of them: one message, of the largest size */
#define BEFORE_SESSION (64U * 1024) /* of one that never ended a message: handshake, HELLO */
/* libzmq keeps what a peer tells of itself in the handshake as long as the connection lives, and
 * small pieces of it eighteen times as large; who means well tells some 50 bytes. */
#define HANDSHAKE_MAX (4U * 1024)
#define UNREAD_MAX    (64U * 1024 * 1024) /* more than the kernel has of one */
#define BOX_OVERHEAD  33U                 /* of a part, in its frame */

/* --- life --- */

int doors_new(Doors **ret, Sock *s, const DoorLimits *limits) {
    _cleanup_(doors_freep) Doors *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->sock = s;
    d->limits = *limits;
    int r = callers_init(&d->callers);
    if (r == 0)
        r = sock_monitor(
            s, ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED,
            &d->monitor);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(d);
    return 0;
}

static void door_free(Doors *d, Door *door) {
    callers_forget(&d->callers, &door->call);
    if (door->n_route > 0)
        HASH_DEL(d->by_route, door);
    if (door->session) /* which may be the next one's that has the number */
        whose_lodge(d, bytes_make(door->route, door->n_route), true, door->since_ms);
    d->n_open--;
    d->n_waiting -= !door->session && !door->cut;
    d->unended -= MIN(door->unended, d->unended);
    whose_gone(d, door);
    free(door);
}

static void door_close(Doors *d, uint32_t fd, int64_t now_ms) {
    Door *door = fd < d->size ? d->numbers[fd].door : NULL;
    if (!door)
        return;
    callers_gone(&d->callers, &d->limits, &door->call, now_ms);
    door_free(d, door);
}

Doors *doors_free(Doors *d) {
    if (!d)
        return NULL;
    if (d->monitor)
        sock_unmonitor(d->sock, d->monitor);
    for (uint32_t fd = 0; fd < d->size; fd++)
        if (d->numbers[fd].door)
            door_free(d, d->numbers[fd].door);
    free(d->numbers);
    whose_forget(d);
    callers_deinit(&d->callers);
    free(d);
    return NULL;
}

void doors_limit(Doors *d, const DoorLimits *limits) {
    d->limits = *limits;
}

int doors_fd(Doors *d) {
    return sock_get_fd(d->monitor);
}

uint32_t doors_open(const Doors *d) {
    return d->n_open;
}

DoorCounts doors_take_counts(Doors *d) {
    const DoorCounts c = d->counts;
    d->counts = (DoorCounts) { 0 };
    return c;
}

/* --- cutting --- */

/* libzmq sees the line go and clears up. What the kernel still has of the connection is thrown
 * away: some thousand messages, which libzmq would read before it saw the end, and others wait for
 * that. Is it in the middle of one, then the rest does not fit and ends the connection as well.
 *
 * The number may belong to another file by now, when the connection closed a moment ago: then
 * nothing happens, or one peer has to come again. */
static void door_cut(Doors *d, Door *door, uint32_t *count) {
    if (door->cut)
        return;
    door->cut = true;
    d->n_waiting -= !door->session;
    const int own = fcntl(door->fd, F_DUPFD_CLOEXEC, 0); /* libzmq closes the other one at once */
    (void)shutdown(own < 0 ? door->fd : own, SHUT_RDWR);
    if (own >= 0) {
        (void)recv(own, NULL, UNREAD_MAX, MSG_TRUNC | MSG_DONTWAIT); /* keeps nothing of it */
        (void)close(own);
    }
    (*count)++;
}

/* --- what the monitor tells --- */

static int grow(Doors *d, uint32_t size) {
    Number *more = reallocarray(d->numbers, size, sizeof(*more));
    if (!more)
        return -ENOMEM;
    memset(more + d->size, 0, (size - d->size) * sizeof(*more));
    d->numbers = more;
    d->size = size;
    return 0;
}

static int door_add(Doors *d, uint32_t fd, int64_t now_ms) {
    if (fd >= d->size && grow(d, MAX(fd + 1, 2 * d->size)) < 0)
        return -ENOMEM;
    door_close(d, fd, now_ms);
    Door *door = d->numbers[fd].door = calloc(1, sizeof(*door));
    if (!door)
        return -ENOMEM;
    *door = (Door) { .fd = (int)fd, .since_ms = now_ms };
    d->n_open++;
    d->n_waiting++;
    if (!callers_let_in(&d->callers, &d->limits, &door->call, (int)fd, now_ms))
        door_cut(d, door, &d->counts.hasty);
    else if (callers_begin_or_wait(&d->callers, &d->limits, &door->call, now_ms))
        d->counts.waited++;
    return 0;
}

/* The one that waits longest, of those that nobody can call slow. */
static Door *longest_waiting(const Doors *d, int64_t now_ms) {
    Door *found = NULL;
    for (uint32_t fd = 0; fd < d->size; fd++) {
        Door *door = d->numbers[fd].door;
        if (door && !door->session && !door->cut && !door->perhaps &&
            now_ms - door->since_ms >= WAITING_LEAST_MS &&
            (!found || door->since_ms < found->since_ms))
            found = door;
    }
    return found;
}

static void thin_out(Doors *d, int64_t now_ms) {
    Door *door;
    for (uint32_t n = 0; n < CUT_AT_ONCE && d->n_waiting > d->limits.waiting_max &&
                         (door = longest_waiting(d, now_ms));
         n++)
        door_cut(d, door, &d->counts.crowded);
}

int doors_turn(Doors *d, int64_t now_ms, bool serving) {
    uint16_t event;
    uint32_t value;
    int r = 0;
    d->callers.serving = serving;
    while (r == 0 && sock_read_event(d->monitor, &event, &value)) {
        if (event == ZMQ_EVENT_LISTENING)
            syn_gate_add(d->callers.gate, (int)value);
        else if (event == ZMQ_EVENT_ACCEPTED)
            r = door_add(d, value, now_ms);
        else
            door_close(d, value, now_ms);
    }
    whose_look_for_rest(d);
    callers_turn(&d->callers, &d->limits, now_ms);
    return r;
}

int64_t doors_due_ms(const Doors *d) {
    return d->callers.lines ? d->callers.line_ms : INT64_MAX;
}

/* --- looking --- */

/* What small pieces hold beside their bytes; the counter of segments has 32 bits. */
static uint64_t held_by_pieces(const Door *door, uint64_t pieces) {
    const uint64_t came = (uint32_t)(pieces - door->base_pieces);
    const uint64_t ordinary = MIN(door->unended / PIECE_ORDINARY, PIECES_MAX);
    return came > ordinary ? (came - ordinary) * PIECE_HOLDS : 0;
}

/* How much came since the last whole message; only known when all whole ones were read. */
static void look_at_bytes(Doors *d, Door *door) {
    const uint64_t taken = door_bytes_taken(door->fd);
    d->unended -= MIN(door->unended, d->unended);
    const uint64_t pieces = door->ever ? door_pieces_taken(door->fd) : 0; /* a handshake ends */
    if (door->heard) {
        door->base = taken;
        door->base_pieces = pieces;
    }
    door->heard = false;
    door->unended = taken > door->base ? taken - door->base : 0;
    door->unended += held_by_pieces(door, pieces);
    d->unended += door->unended;
    const uint64_t max = !door->ever                ? BEFORE_SESSION
                         : d->unended > UNENDED_ALL ? UNENDED_MAX / 8
                                                    : UNENDED_MAX;
    if (door->unended > max)
        door_cut(d, door, &d->counts.endless);
}

/* Was it heard? Who is not sure has time, and what it says from now on tells. */
static bool may_be_judged(const Doors *d, Door *door, int64_t now_ms, bool drained) {
    if (!door->perhaps)
        return true;
    if (!drained || !whose_is_sure(d, door))
        return false;
    door->perhaps = false;
    door->heard = true;
    door->since_ms = now_ms;
    return true;
}

void doors_look(Doors *d, int64_t now_ms, bool drained) {
    thin_out(d, now_ms);
    const uint32_t n = MIN(d->size, LOOK_AT_ONCE);
    for (uint32_t i = 0; i < n; i++) {
        Door *door = d->numbers[d->cursor++ % d->size].door;
        if (!door || door->cut || !may_be_judged(d, door, now_ms, drained))
            continue;
        if (!door->session && now_ms - door->since_ms > d->limits.waiting_ms)
            door_cut(d, door, &d->counts.silent);
        else if (drained)
            look_at_bytes(d, door);
    }
}

/* --- what the owner tells --- */

static uint64_t wire_size(const SockMessage *m) {
    uint64_t n = 0;
    for (unsigned i = 0; i < m->n_parts; i++) {
        const size_t size = m->parts[i].n + BOX_OVERHEAD;
        n += size + (size > UINT8_MAX ? 9 : 2);
    }
    return n;
}

void doors_heard(Doors *d, const SockMessage *m) {
    if (m->n_route == 0 || m->n_route > SOCK_ROUTE_SIZE)
        return;
    Door *door = whose_message(d, m);
    if (!door)
        return;
    door->heard = door->ever = true;
    if (!door->weighed)
        door->read += wire_size(m);
}

/* At its first session: nothing comes behind HELLO before the answer, so what came and was no
 * message is the handshake. */
static void weigh(Doors *d, Door *door) {
    const uint64_t taken = door_bytes_taken(door->fd);
    if (!door->weighed && taken > door->read && taken - door->read > HANDSHAKE_MAX)
        door_cut(d, door, &d->counts.endless);
    door->weighed = true;
}

void doors_session(Doors *d, Bytes route, bool open, int64_t now_ms) {
    Door *door = whose_route(d, route);
    if (!door) {
        whose_lodge(d, route, open, now_ms);
        return;
    }
    if (door->cut || door->session == open)
        return;
    if (open)
        weigh(d, door);
    if (door->cut)
        return;
    if (open) {
        whose_session(d, door, now_ms);
        return;
    }
    door->session = false;
    door->since_ms = now_ms;
    d->n_waiting++;
}

bool doors_address(Doors *d, Bytes route, char *ret, size_t size) {
    const Door *door = whose_route(d, route);
    PeerAddress a;
    char host[INET6_ADDRSTRLEN] = "";
    if (!door || door->cut || !door_peer(door->fd, &a))
        return false;
    const bool v4 = a.any.sa_family == AF_INET;
    (void)inet_ntop(a.any.sa_family, v4 ? (void *)&a.v4.sin_addr : (void *)&a.v6.sin6_addr, host,
                    sizeof(host));
    return snprintf(ret, size, v4 ? "%s:%u" : "[%s]:%u", host,
                    ntohs(v4 ? a.v4.sin_port : a.v6.sin6_port)) < (int)size;
}

void doors_cut(Doors *d, Bytes route, int64_t now_ms) {
    Door *door = whose_route(d, route);
    uint32_t told_by_the_owner = 0;
    if (!door || door->cut)
        return;
    callers_did_harm(&d->callers, &d->limits, door->fd, now_ms);
    door_cut(d, door, &told_by_the_owner);
}

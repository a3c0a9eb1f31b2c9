/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Monitors: of a dealer, and of the connections of a bound socket (doors.c). Only the events that
 * are looked at are switched on: libzmq's I/O thread waits when nobody reads them.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "base/hash.h"
#include "net/sock-internal.h"

#define WATCHED                                                                                    \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |    \
     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

int sock_monitor(Sock *s, int events, void **ret) {
    char name[64];
    int zero = 0;
    /* Never the same name twice: libzmq forgets the one of a closed socket only later, and its last
     * events would be heard here. */
    uint64_t number;
    random_fill(&number, sizeof(number));
    snprintf(name, sizeof(name), "inproc://serasi-watch-%016llx", (unsigned long long)number);
    if (zmq_socket_monitor(s->zmq, name, events) != 0)
        return -errno;
    *ret = zmq_socket(s->ctx, ZMQ_PAIR);
    /* Without a high-water mark: a crowd at the door must not stop the I/O thread. */
    if (!*ret || zmq_setsockopt(*ret, ZMQ_LINGER, &zero, sizeof(zero)) != 0 ||
        zmq_setsockopt(*ret, ZMQ_RCVHWM, &zero, sizeof(zero)) != 0 ||
        zmq_connect(*ret, name) != 0) {
        int r = -errno;
        sock_unmonitor(s, *ret);
        *ret = NULL;
        return r;
    }
    return 0;
}

void sock_unmonitor(Sock *s, void *monitor) {
    /* The monitor first, its reader after it: without a reader libzmq's I/O thread would wait in a
     * send, holding the lock that this call needs. */
    (void)zmq_socket_monitor(s->zmq, NULL, 0);
    if (monitor)
        zmq_close(monitor);
}

int sock_watch(Sock *s) {
    assert(s->role == SOCK_DEALER);
    return s->monitor ? 0 : sock_monitor(s, WATCHED, &s->monitor);
}

void sock_unwatch(Sock *s) {
    if (!s->zmq || s->role != SOCK_DEALER)
        return;
    sock_unmonitor(s, s->monitor);
    s->monitor = NULL;
}

void *sock_watch_zmq(Sock *s) {
    return s->monitor;
}

int sock_watch_fd(Sock *s) {
    return sock_get_fd(s->monitor);
}

/* An event is two frames: number (16 bits) and value (32 bits, packed), then the endpoint. */
bool sock_read_event(void *monitor, uint16_t *event, uint32_t *value) {
    uint8_t head[6], endpoint[8];
    int n;
    do
        n = zmq_recv(monitor, head, sizeof(head), ZMQ_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return false;
    do
        n = zmq_recv(monitor, endpoint, sizeof(endpoint), ZMQ_DONTWAIT);
    while (n < 0 && errno == EINTR);
    memcpy(event, head, sizeof(*event));
    memcpy(value, head + sizeof(*event), sizeof(*value));
    return true;
}

SockEvent sock_next_event(Sock *s) {
    uint16_t event;
    uint32_t value;
    while (s->monitor && sock_read_event(s->monitor, &event, &value)) {
        switch (event) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            return SOCK_EVENT_CONNECTED;
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            if (value != 300)
                return SOCK_EVENT_REFUSED;
            return SOCK_EVENT_DISCONNECTED;
        case ZMQ_EVENT_DISCONNECTED:
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return SOCK_EVENT_DISCONNECTED;
        default:
            continue;
        }
    }
    return SOCK_EVENT_NONE;
}

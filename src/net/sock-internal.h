/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What sock*.c, zap.c and doors.c share. */

#include "net/sock.h"

#define ENDPOINT_SIZE 512U

/* Routing ids of CURVE peers are given by Zap: so many hexadecimal digits. */
#define SOCK_ROUTE_SIZE     24U
#define SOCK_ROUTE_PROPERTY "Serasi-Route"

/* Served by every 4.3 library, but kept out of zmq.h there unless drafts are on. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

typedef enum SockRole {
    SOCK_ROUTER, /* CURVE server */
    SOCK_ADMIN,  /* ipc only */
    SOCK_DEALER,
} SockRole;

struct Sock {
    SockRole role;
    void *ctx; /* borrowed */
    void *zmq;
    bool drained;  /* see sock_is_drained() */
    void *monitor; /* PAIR, NULL when not watched */
    char endpoint[ENDPOINT_SIZE];
};

int sock_get_fd(void *zmq);
void sock_unwatch(Sock *s);

/* sock-watch.c: a PAIR that hears events of the socket; one monitor for one socket. -errno. */
_must_check_ int sock_monitor(Sock *s, int events, void **ret);
void sock_unmonitor(Sock *s, void *monitor);
/* Never waits; false when there is none. */
bool sock_read_event(void *monitor, uint16_t *event, uint32_t *value);

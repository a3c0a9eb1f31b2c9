/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What sock.c and sock-watch.c share. */

#include "net/sock.h"

#define ENDPOINT_SIZE 512U

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

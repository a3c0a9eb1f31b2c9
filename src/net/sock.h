/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sockets: ROUTER at the broker, DEALER at whoever dials; all options in one place (PROTOCOL.md,
 * "Transport"). A socket belongs to the thread that made it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "core/limits.h"
#include "net/keys.h"

/* Bound of libzmq on one frame, before anything is known of a peer: the largest part and some room
 * for encryption. */
#define SOCK_FRAME_MAX  (SEALED_MAX + 4096U)
#define SOCK_ZAP_DOMAIN "serasi"
#define ROUTE_MAX       32U /* bytes of a routing id */
#define USER_ID_SIZE    64U

typedef struct SockOptions {
    int handshake_ms;                                         /* 10 s */
    int heartbeat_ms, heartbeat_timeout_ms, heartbeat_ttl_ms; /* 15 s, 45 s, 60 s */
    int hwm;                            /* 512 at the broker, 256 at a dealer; messages */
    int reconnect_ms, reconnect_max_ms; /* 500 ms, 60 s */
    int connect_ms, tcp_maxrt_ms, backlog;
} SockOptions;
extern const SockOptions sock_options_default;

typedef struct Sock Sock;

/* A ZeroMQ context with one I/O thread; its sockets must be freed first. -errno. */
_must_check_ int sock_context_new(void **ret);
void sock_context_free(void *ctx);

/* ROUTER that will bind CURVE endpoints; keys stay the caller's. -errno of libzmq. */
_must_check_ int sock_new_router(Sock **ret, void *ctx, const NodeKeys *keys, const SockOptions *o);
/* ROUTER without CURVE for ipc:// (admin). */
_must_check_ int sock_new_admin(Sock **ret, void *ctx, const SockOptions *o);
/* fd >= 0: use this already listening descriptor (socket activation). */
_must_check_ int sock_bind(Sock *s, const char *endpoint, int fd);
/* What is bound from now on proves itself with these keys; what was bound before goes on with the
 * earlier ones. keys stay the caller's. */
_must_check_ int sock_set_keys(Sock *s, const NodeKeys *keys);
/* The endpoint with the port that was really bound (for tcp://...:*). */
const char *sock_endpoint(const Sock *s);
/* DEALER to a CURVE server; server_key Z85. NULL keys: a plain ipc admin connection. A throwaway
 * key pair can be used for the self-test. Connects in the background. */
_must_check_ int sock_new_dealer(Sock **ret, void *ctx, const char *endpoint,
                                 const char *server_key, const NodeKeys *keys,
                                 const SockOptions *o);
Sock *sock_free(Sock *s);
DEFINE_CLEANUP(Sock *, sock_free);

/* Before freeing: freeing the context then waits so long for what was sent. Otherwise not at all.
 */
void sock_linger(Sock *s, int ms);

void *sock_zmq(Sock *s); /* for zmq_poll */
int sock_fd(Sock *s);    /* edge-triggered ZMQ_FD */
bool sock_readable(Sock *s);
/* sock_recv() found nothing and nothing was done with the socket since: only its descriptor can
 * tell news. Saves asking libzmq, which costs a system call. */
bool sock_is_drained(const Sock *s);
void sock_woken(Sock *s); /* the descriptor was readable */

/* One received ZeroMQ message; parts are copied out of libzmq and owned. */
typedef struct SockMessage {
    uint8_t route[ROUTE_MAX]; /* ROUTER only */
    size_t n_route;
    char user_id[USER_ID_SIZE]; /* ROUTER only: authenticated; from the payload frame */
    int fd;                     /* of the connection it came from; it may be closed by now */
    unsigned n_parts;
    uint8_t *data; /* all parts in one allocation */
    Bytes parts[PARTS_MAX];
    bool oversized; /* more than PARTS_MAX parts, or a part over its limit: parts are not given */
} SockMessage;
void sock_message_deinit(SockMessage *m);

/* Receives without waiting: 0, -EAGAIN when there is nothing, -ENOMEM (the message is lost), or
 * another -errno. On a ROUTER a message without User-Id, or from a peer that could choose its
 * routing id, is dropped inside, with the connection. */
_must_check_ int sock_recv(Sock *s, SockMessage *ret);
/* Sends without waiting; route/n_route only for a ROUTER. 0, -EAGAIN (over the high-water mark, or
 * a dealer that is not connected), -EHOSTUNREACH (peer gone), or another -errno. */
_must_check_ int sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts,
                           unsigned n_parts);

/* Watches a dealer's connection. */
typedef enum SockEvent {
    SOCK_EVENT_NONE = 0,
    SOCK_EVENT_CONNECTED, /* handshake done */
    SOCK_EVENT_DISCONNECTED,
    SOCK_EVENT_REFUSED, /* the server answered 400: this Sock will not try again, make a new one */
} SockEvent;
_must_check_ int sock_watch(Sock *s); /* dealers only; before or after connecting */
SockEvent sock_next_event(Sock *s);   /* never waits; reads all that is there, oldest first */
/* The monitor socket for zmq_poll, NULL when not watched. */
void *sock_watch_zmq(Sock *s);
int sock_watch_fd(Sock *s); /* its edge-triggered ZMQ_FD, -1 when not watched */

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Making sockets and moving messages. libzmq aborts or waits on some misuse, so nothing here ever
 * sends or receives without ZMQ_DONTWAIT, and a message is complete in memory before its first
 * frame is handed over: no failure can leave half a message in a socket.
 */

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <zmq.h>

#include "base/hash.h"
#include "base/text.h"
#include "net/mechanism.h"
#include "net/sock-internal.h"

/* Messages of one peer that libzmq keeps for a broker; each may be of a megabyte. */
#define RECEIVE_HWM 128

const SockOptions sock_options_default = {
    .handshake_ms = 10000,
    .heartbeat_ms = 15000,
    .heartbeat_timeout_ms = 45000,
    .heartbeat_ttl_ms = 60000,
    .hwm = 512,
    .reconnect_ms = 500,
    .reconnect_max_ms = 60000,
    .connect_ms = 10000,
    .tcp_maxrt_ms = 60000,
    .backlog = 1024,
};

/* libzmq counts its own routing ids from rand(), which begins with the same number in every process
 * unless told otherwise. No peer should know where it stands. */
static void scatter_routing_ids(void) {
    unsigned seed;
    random_fill(&seed, sizeof(seed));
    srand(seed);
}

int sock_context_new(void **ret) {
    void *ctx = zmq_ctx_new();
    if (!ctx)
        return -errno;
    if (zmq_ctx_set(ctx, ZMQ_IO_THREADS, 1) != 0 || zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 64) != 0) {
        int r = -errno;
        zmq_ctx_term(ctx);
        return r;
    }
    scatter_routing_ids();
    *ret = ctx;
    return 0;
}

void sock_context_free(void *ctx) {
    if (!ctx)
        return;
    while (zmq_ctx_term(ctx) != 0 && errno == EINTR)
        continue;
}

/* --- options --- */

typedef struct IntOption {
    int name, value;
} IntOption;

static int set_ints(void *zmq, const IntOption *options, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (zmq_setsockopt(zmq, options[i].name, &options[i].value, sizeof(int)) != 0)
            return -errno;
    return 0;
}

static int set_common(void *zmq, const SockOptions *o) {
    int64_t frame_max = SOCK_FRAME_MAX;
    const IntOption options[] = {
        { ZMQ_LINGER, 0 }, /* what matters is on disk: never wait for a peer at exit */
        { ZMQ_SNDHWM, o->hwm },
        { ZMQ_RCVHWM, o->hwm },
        { ZMQ_HANDSHAKE_IVL, o->handshake_ms },
        { ZMQ_HEARTBEAT_IVL, o->heartbeat_ms },
        { ZMQ_HEARTBEAT_TIMEOUT, o->heartbeat_timeout_ms },
        { ZMQ_HEARTBEAT_TTL, o->heartbeat_ttl_ms },
        { ZMQ_TCP_MAXRT, o->tcp_maxrt_ms },
        { ZMQ_TCP_KEEPALIVE, 1 },
        { ZMQ_TCP_KEEPALIVE_IDLE, 60 },
        { ZMQ_TCP_KEEPALIVE_INTVL, 15 },
        { ZMQ_TCP_KEEPALIVE_CNT, 4 },
    };
    if (zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &frame_max, sizeof(frame_max)) != 0)
        return -errno;
    return set_ints(zmq, options, ARRAY_SIZE(options));
}

/* Everything a socket needs before it is bound. Without ENFORCE_DOMAIN a missing Zap would let
 * every key in. */
static int set_bound(void *zmq, const NodeKeys *keys, const SockOptions *o) {
    const IntOption options[] = {
        { ZMQ_BACKLOG, o->backlog },   { ZMQ_RCVHWM, MIN(o->hwm, RECEIVE_HWM) },
        { ZMQ_ROUTER_MANDATORY, 1 },   { ZMQ_ROUTER_HANDOVER, 0 },
        { ZMQ_ZAP_ENFORCE_DOMAIN, 1 },
    };
    int r = set_common(zmq, o);
    if (r == 0)
        r = set_ints(zmq, options, ARRAY_SIZE(options));
    if (r < 0)
        return r;
    if (zmq_setsockopt(zmq, ZMQ_ZAP_DOMAIN, SOCK_ZAP_DOMAIN, strlen(SOCK_ZAP_DOMAIN)) != 0)
        return -errno;
    return keys ? mechanism_bind(zmq, keys) : 0;
}

/* IMMEDIATE: what was meant for a lost session must not be the first thing the next one hears. */
static int set_dealer(void *zmq, const char *server_key, const NodeKeys *keys,
                      const SockOptions *o) {
    const IntOption options[] = {
        { ZMQ_IMMEDIATE, 1 },
        { ZMQ_RECONNECT_IVL, o->reconnect_ms },
        { ZMQ_RECONNECT_IVL_MAX, o->reconnect_max_ms },
        { ZMQ_CONNECT_TIMEOUT, o->connect_ms },
    };
    int r = set_common(zmq, o);
    if (r == 0)
        r = set_ints(zmq, options, ARRAY_SIZE(options));
    return r == 0 && keys ? mechanism_connect(zmq, server_key, keys) : r;
}

/* --- life --- */

static int sock_new(Sock **ret, void *ctx, SockRole role) {
    _cleanup_(sock_freep) Sock *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->role = role;
    s->ctx = ctx;
    s->zmq = zmq_socket(ctx, role == SOCK_DEALER ? ZMQ_DEALER : ZMQ_ROUTER);
    if (!s->zmq)
        return -errno;
    *ret = TAKE_PTR(s);
    return 0;
}

int sock_new_router(Sock **ret, void *ctx, const NodeKeys *keys, const SockOptions *o) {
    _cleanup_(sock_freep) Sock *s = NULL;
    assert(keys);
    int r = sock_new(&s, ctx, SOCK_ROUTER);
    if (r == 0)
        r = set_bound(s->zmq, keys, o);
    if (r == 0)
        *ret = TAKE_PTR(s);
    return r;
}

int sock_new_admin(Sock **ret, void *ctx, const SockOptions *o) {
    _cleanup_(sock_freep) Sock *s = NULL;
    int r = sock_new(&s, ctx, SOCK_ADMIN);
    if (r == 0)
        r = set_bound(s->zmq, NULL, o);
    if (r == 0)
        *ret = TAKE_PTR(s);
    return r;
}

Sock *sock_free(Sock *s) {
    if (!s)
        return NULL;
    sock_unwatch(s);
    if (s->zmq)
        zmq_close(s->zmq);
    free(s);
    return NULL;
}

/* libzmq speaks IPv6 only when told, and must not be told on hosts without it. */
static int check_endpoint(Sock *s, const char *endpoint) {
    const bool ipc = text_starts_with(endpoint, "ipc://");
    if (!ipc && !text_starts_with(endpoint, "tcp://"))
        return -EINVAL;
    if (s->role == SOCK_ADMIN && !ipc)
        return -EINVAL; /* no CURVE here: never reachable from a network */
    if (ipc && strlen(endpoint) - strlen("ipc://") >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return -ENAMETOOLONG;
    const IntOption ipv6 = { ZMQ_IPV6, strchr(endpoint, '[') != NULL };
    return ipc ? 0 : set_ints(s->zmq, &ipv6, 1);
}

int sock_bind(Sock *s, const char *endpoint, int fd) {
    const IntOption use = { ZMQ_USE_FD, fd }, reset = { ZMQ_USE_FD, -1 };
    size_t size = sizeof(s->endpoint);
    int r = check_endpoint(s, endpoint);
    if (r == 0 && fd >= 0)
        r = set_ints(s->zmq, &use, 1);
    if (r < 0)
        return r;

    /* The rights of an ipc socket come from the umask: its owner alone. */
    mode_t before = umask(0077);
    r = zmq_bind(s->zmq, endpoint) == 0 ? 0 : -errno;
    umask(before);
    if (fd >= 0) {
        int again = set_ints(s->zmq, &reset, 1);
        r = r < 0 ? r : again;
    }
    if (r == 0 && zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, s->endpoint, &size) != 0)
        r = -errno;
    return r;
}

int sock_set_keys(Sock *s, const NodeKeys *keys) {
    return mechanism_bind(s->zmq, keys);
}

const char *sock_endpoint(const Sock *s) {
    return s->endpoint;
}

int sock_new_dealer(Sock **ret, void *ctx, const char *endpoint, const char *server_key,
                    const NodeKeys *keys, const SockOptions *o) {
    _cleanup_(sock_freep) Sock *s = NULL;
    if (keys && !curve_text_is_valid(server_key))
        return -EINVAL;
    int r = sock_new(&s, ctx, SOCK_DEALER);
    if (r == 0)
        r = check_endpoint(s, endpoint);
    if (r == 0)
        r = set_dealer(s->zmq, server_key, keys, o);
    if (r < 0)
        return r;
    if (!text_copy(s->endpoint, sizeof(s->endpoint), endpoint))
        return -ENAMETOOLONG;
    /* Watched from the start: the first refusal must not be missed. */
    r = sock_watch(s);
    if (r == 0 && zmq_connect(s->zmq, endpoint) != 0)
        r = -errno;
    if (r == 0)
        *ret = TAKE_PTR(s);
    return r;
}

void sock_linger(Sock *s, int ms) {
    (void)zmq_setsockopt(s->zmq, ZMQ_LINGER, &ms, sizeof(ms)); /* ms >= 0 is always taken */
}

void *sock_zmq(Sock *s) {
    return s->zmq;
}

int sock_get_fd(void *zmq) {
    int fd = -1;
    size_t size = sizeof(fd);
    return zmq && zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

int sock_fd(Sock *s) {
    return sock_get_fd(s->zmq);
}

bool sock_is_drained(const Sock *s) {
    return s->drained;
}

void sock_woken(Sock *s) {
    s->drained = false;
}

bool sock_readable(Sock *s) {
    int events = 0;
    size_t size = sizeof(events);
    return zmq_getsockopt(s->zmq, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One message in, one message out. Frames are copied out of libzmq at once: a small one pins the
 * whole buffer it came in.
 */

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <zmq.h>

#include "base/text.h"
#include "net/sock-internal.h"

#define AUTO_ROUTE_SIZE 5U /* libzmq's own ids: a zero byte and a counter */

static const size_t part_max[PARTS_MAX] = { FRAME_ANSWER_MAX, ENVELOPE_MAX, FACTS_MAX, SEALED_MAX };

void sock_message_deinit(SockMessage *m) {
    free(m->data);
    *m = (SockMessage) { 0 };
}

/* A message while it is read: at most PARTS_MAX frames of it. */
typedef struct Incoming {
    zmq_msg_t route, parts[PARTS_MAX];
    bool has_route;
    unsigned n_parts;
    bool oversized, has_given_route;
    int fd; /* the connection's */
    char user_id[USER_ID_SIZE];
} Incoming;

static void incoming_deinit(Incoming *in) {
    if (in->has_route)
        zmq_msg_close(&in->route);
    for (unsigned i = 0; i < in->n_parts; i++)
        zmq_msg_close(&in->parts[i]);
    in->n_parts = 0;
    in->has_route = false;
}

/* The sender's id is read from the payload: libzmq 4.3.4 loses it on the routing frame after a
 * poll. */
static void incoming_identify(Incoming *in, zmq_msg_t *frame) {
    const char *user_id = zmq_msg_gets(frame, "User-Id");
    const char *route = zmq_msg_gets(frame, SOCK_ROUTE_PROPERTY);
    if (!user_id || !text_copy(in->user_id, sizeof(in->user_id), user_id))
        in->user_id[0] = '\0';
    in->has_given_route = in->has_route && route && strlen(route) == SOCK_ROUTE_SIZE &&
                          zmq_msg_size(&in->route) == SOCK_ROUTE_SIZE &&
                          memcmp(zmq_msg_data(&in->route), route, SOCK_ROUTE_SIZE) == 0;
    in->fd = zmq_msg_get(frame, ZMQ_SRCFD);
}

/* Keeps one payload frame, or lets it go when there are enough. */
static void incoming_take(Incoming *in, zmq_msg_t *frame) {
    if (in->n_parts == 0 && !in->oversized)
        incoming_identify(in, frame);
    if (in->n_parts == PARTS_MAX || zmq_msg_size(frame) > part_max[in->n_parts])
        in->oversized = true;
    if (in->oversized) {
        zmq_msg_close(frame);
        return;
    }
    zmq_msg_init(&in->parts[in->n_parts]);
    zmq_msg_move(&in->parts[in->n_parts++], frame);
    zmq_msg_close(frame);
}

/* Reads all frames of one message, so that the next call starts at a message. */
static int incoming_read(Sock *s, Incoming *in) {
    bool more = true;
    for (bool first = true; more; first = false) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, s->zmq, ZMQ_DONTWAIT) < 0) {
            int r = first || errno != EAGAIN ? -errno : -EPROTO;
            zmq_msg_close(&frame);
            return r;
        }
        more = zmq_msg_more(&frame);
        if (first && s->role != SOCK_DEALER) {
            zmq_msg_init(&in->route);
            zmq_msg_move(&in->route, &frame);
            zmq_msg_close(&frame);
            in->has_route = true;
        } else {
            incoming_take(in, &frame);
        }
    }
    return 0;
}

/* Ids that Zap gave or libzmq counted are served, but none that a peer thought of (zap.c). */
static bool incoming_is_welcome(const Sock *s, Incoming *in) {
    if (s->role == SOCK_DEALER)
        return true;
    const uint8_t *route = zmq_msg_data(&in->route);
    return in->user_id[0] &&
           (in->has_given_route || (zmq_msg_size(&in->route) == AUTO_ROUTE_SIZE && route[0] == 0));
}

static int incoming_copy(Incoming *in, SockMessage *m) {
    size_t total = 0, at = 0;
    memcpy(m->user_id, in->user_id, sizeof(m->user_id));
    m->fd = in->fd;
    if (in->has_route) {
        m->n_route = zmq_msg_size(&in->route);
        memcpy(m->route, zmq_msg_data(&in->route), m->n_route);
    }
    m->oversized = in->oversized;
    if (in->oversized)
        return 0;

    for (unsigned i = 0; i < in->n_parts; i++)
        total += zmq_msg_size(&in->parts[i]);
    m->data = malloc(total ? total : 1);
    if (!m->data)
        return -ENOMEM;
    for (unsigned i = 0; i < in->n_parts; i++) {
        size_t n = zmq_msg_size(&in->parts[i]);
        if (n > 0)
            memcpy(m->data + at, zmq_msg_data(&in->parts[i]), n);
        m->parts[i] = bytes_make(n > 0 ? m->data + at : NULL, n);
        at += n;
    }
    m->n_parts = in->n_parts;
    return 0;
}

int sock_recv(Sock *s, SockMessage *ret) {
    for (;;) {
        Incoming in = { 0 };
        SockMessage m = { 0 };
        int r = incoming_read(s, &in);
        s->drained = r == -EAGAIN;
        const bool welcome = r == 0 && incoming_is_welcome(s, &in);
        if (welcome)
            r = incoming_copy(&in, &m);
        else if (r == 0 && s->role == SOCK_ROUTER && in.fd >= 0)
            (void)shutdown(in.fd, SHUT_RDWR); /* it may come again, and get an id */
        incoming_deinit(&in);
        if (r == -EINTR || (r == 0 && !welcome))
            continue;
        if (r == 0)
            *ret = m;
        return r;
    }
}

/* Frames [from, n) were not taken over by libzmq. */
static void outgoing_close(zmq_msg_t *frames, unsigned from, unsigned n) {
    for (unsigned i = from; i < n; i++)
        zmq_msg_close(&frames[i]);
}

static int outgoing_add(zmq_msg_t *frames, unsigned *n, const void *p, size_t size) {
    if (zmq_msg_init_size(&frames[*n], size) != 0)
        return -errno;
    if (size > 0)
        memcpy(zmq_msg_data(&frames[*n]), p, size);
    (*n)++;
    return 0;
}

int sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts, unsigned n_parts) {
    zmq_msg_t frames[1 + PARTS_MAX];
    unsigned n = 0;
    int r = 0;

    assert(n_parts > 0 && n_parts <= PARTS_MAX);
    s->drained = false; /* sending takes notice of what came in as well */
    if (s->role != SOCK_DEALER)
        r = outgoing_add(frames, &n, route, n_route);
    for (unsigned i = 0; r == 0 && i < n_parts; i++)
        r = outgoing_add(frames, &n, parts[i].p, parts[i].n);
    if (r < 0) {
        outgoing_close(frames, 0, n);
        return r;
    }
    for (unsigned i = 0; i < n; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < n ? ZMQ_SNDMORE : 0);
        int sent;
        do
            sent = zmq_msg_send(&frames[i], s->zmq, flags);
        while (sent < 0 && errno == EINTR);
        if (sent < 0) {
            r = -errno;
            outgoing_close(frames, i, n);
            return r;
        }
    }
    return 0;
}

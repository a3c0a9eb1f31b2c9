/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/bench.h"

#define EVENTS_MAX      64
#define OPEN_TIMEOUT_S  60
#define PING_AFTER_MS   8000
#define FRAMES_A_CLIENT 512 /* in one turn */

void crowd_init(Crowd *c, uint32_t size, OnFrame *on_frame, void *user) {
    *c = (Crowd) { .epoll = epoll_create1(EPOLL_CLOEXEC),
                   .list = calloc(size, sizeof(Client)),
                   .size = size,
                   .on_frame = on_frame,
                   .user = user };
    if (c->epoll < 0 || !c->list)
        die("%u connections: %s", size, strerror(errno));
}

Client *crowd_add(Crowd *c, unsigned port, const ZmtpKeys *keys) {
    if (c->n == c->size)
        die("more than %u clients", c->size);
    Client *one = &c->list[c->n];
    *one = (Client) { .keys = *keys, .port = port, .index = c->n++, .pinged_ms = wall_ms() };
    must(zmtp_open(&one->z, port, keys), "connecting");
    struct epoll_event e = { .events = EPOLLIN, .data.u32 = one->index };
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, one->z.fd, &e) < 0)
        die("epoll: %s", strerror(errno));
    return one;
}

void client_send(Client *c) {
    if (c->z.n_out > 0)
        must(zmtp_flush(&c->z), "sending");
}

static void on_bundle(Crowd *c, Client *one, const HopField *bundle) {
    HopWalk w;
    HopField body;
    ZmtpMessage m;
    hop_walk(&w, bundle);
    while (hop_walk_next(&w, &body, &m))
        c->on_frame(c->user, one, HOP_DELIVER, &body, &m);
}

static void on_frame(Crowd *c, Client *one, const ZmtpMessage *m) {
    HopField body;
    const unsigned kind = hop_frame(m, &body);
    if (kind == HOP_PING) {
        hop_pong(&one->z);
        client_send(one);
    } else if (kind == HOP_WELCOME) {
        one->open = true;
        c->n_open++;
    } else if (kind == HOP_ERROR) {
        die("client %u: ERROR %u", one->index, (unsigned)hop_value(&body, 1));
    } else if (kind == HOP_BYE) {
        die("client %u: BYE", one->index);
    } else if (kind == HOP_BUNDLE) {
        on_bundle(c, one, &body);
    } else if (kind != HOP_PONG) {
        c->on_frame(c->user, one, kind, &body, m);
    }
}

static uint32_t read_client(Crowd *c, Client *one) {
    ZmtpMessage m;
    uint32_t n = 0;
    const int filled = zmtp_fill(&one->z, 0);
    if (filled < 0)
        die("client %u of %u (%u open, this one %s): %s", one->index, c->n, c->n_open,
            one->open ? "too" : "not", strerror(-filled));
    while (n < FRAMES_A_CLIENT) {
        const int r = zmtp_next(&one->z, &m);
        must(r, "what was received");
        if (r == 0)
            break;
        on_frame(c, one, &m);
        n++;
    }
    if (one->z.state == ZMTP_OPEN && !one->greeted) {
        hop_hello(&one->z, "bench");
        client_send(one);
        one->greeted = true;
    }
    return n;
}

uint32_t crowd_turn(Crowd *c, int timeout_ms) {
    struct epoll_event events[EVENTS_MAX];
    uint32_t frames = 0;
    const int n = epoll_wait(c->epoll, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < n; i++)
        frames += read_client(c, &c->list[events[i].data.u32]);
    return frames;
}

void crowd_await_open(Crowd *c) {
    for (const double end = seconds() + OPEN_TIMEOUT_S; c->n_open < c->n;) {
        (void)crowd_turn(c, 100);
        if (seconds() > end)
            die("%u of %u sessions did not open", c->n - c->n_open, c->n);
    }
}

void crowd_ping(Crowd *c) {
    const uint64_t now = wall_ms();
    for (uint32_t i = 0; i < c->n; i++) {
        Client *one = &c->list[i];
        if (!one->open || now - one->pinged_ms < PING_AFTER_MS)
            continue;
        hop_ping(&one->z);
        client_send(one);
        one->pinged_ms = now;
    }
}

void client_took(Client *c, const HopField *deliver) {
    c->last = hop_value(deliver, 2);
    if (c->taken++ == 0)
        c->first = c->last;
}

void client_settle(Client *c) {
    if (c->taken == 0)
        return;
    hop_settle(&c->z, c->first, c->last);
    hop_credit(&c->z, c->taken);
    client_send(c);
    c->taken = 0;
}

void crowd_deinit(Crowd *c) {
    for (uint32_t i = 0; i < c->n; i++)
        zmtp_close(&c->list[i].z);
    free(c->list);
    close(c->epoll);
    *c = (Crowd) { .epoll = -1 };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "sim/sim-world.h"

static int packet_cmp(const Packet *a, const Packet *b) {
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

void packet_free(Packet *p) {
    for (unsigned i = 0; i < p->n_parts; i++)
        free(p->part[i]);
    free(p);
}

int net_send(World *w, unsigned conn, bool up, const Bytes *parts, unsigned n) {
    Conn *c = &w->conns[conn];
    if (c->epoch == 0)
        return up ? -EAGAIN : -EHOSTUNREACH;
    Packet *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    int64_t *last = up ? &c->last_up_ms : &c->last_down_ms;
    int64_t at = w->now_ms + 1 + below(w, below(w, 50) == 0 ? 400 : 15);
    if (at < *last)
        at = *last;
    *last = at;
    p->at_ms = at;
    p->order = w->order++;
    p->conn = conn;
    p->epoch = c->epoch;
    p->up = up;
    p->n_parts = n;
    for (unsigned i = 0; i < n; i++) {
        p->part[i] = malloc(parts[i].n + 1);
        assert(p->part[i]);
        if (parts[i].n)
            memcpy(p->part[i], parts[i].p, parts[i].n);
        p->size[i] = parts[i].n;
    }
    Packet *at_end = w->packets ? w->packets->prev : NULL;
    if (!at_end || packet_cmp(at_end, p) < 0)
        DL_APPEND(w->packets, p);
    else
        DL_INSERT_INORDER(w->packets, p, packet_cmp);
    return 0;
}

void net_cut(World *w, unsigned conn) {
    Conn *c = &w->conns[conn];
    if (c->epoch == 0)
        return;
    c->epoch = 0;
    c->bye_ms = 0;
    c->back_ms = w->now_ms + 100 + below(w, below(w, 4) == 0 ? 120000 : 3000);
    if (c->is_client) {
        client_lost(w, &w->clients[c->dialler]);
    } else if (w->brokers[c->dialler].broker) {
        int r = broker_uplink_lost(w->brokers[c->dialler].broker, now_of(w));
        assert(r == 0);
    }
}

void net_dial(World *w, unsigned conn) {
    Conn *c = &w->conns[conn];
    if (!w->brokers[c->listener].broker || (!c->is_client && !w->brokers[c->dialler].broker)) {
        c->back_ms = w->now_ms + 500;
        return;
    }
    c->epoch = ++c->next_epoch;
    if (!c->is_client) {
        int r = broker_uplink_connected(w->brokers[c->dialler].broker, now_of(w));
        assert(r == 0);
        return;
    }
    Frame f = { .kind = FRAME_HELLO,
                .hello = { .protocol_min = 1,
                           .protocol_max = 1,
                           .instance_id = w->clients[c->dialler].instance } };
    (void)text_copy(f.hello.client, sizeof(f.hello.client), "sim");
    client_say(w, &w->clients[c->dialler], &f, NULL, 0);
}

void net_arrive(World *w, Packet *p) {
    Conn *c = &w->conns[p->conn];
    if (c->epoch != p->epoch)
        return;
    if (!p->up && c->is_client && c->bye_ms > 0)
        return; /* it has gone */
    if (!p->up && c->is_client) {
        client_receive(w, &w->clients[c->dialler], p);
        return;
    }
    SimBroker *sb = &w->brokers[p->up ? c->listener : c->dialler];
    if (!sb->broker)
        return;
    Bytes parts[PARTS_MAX];
    for (unsigned i = 0; i < p->n_parts; i++)
        parts[i] = bytes_make(p->part[i], p->size[i]);
    Route route = { .conn = (uint8_t)p->conn };
    uint32_t epoch = (uint32_t)p->epoch;
    memcpy(route.epoch, &epoch, 4);
    char key[CURVE_TEXT_SIZE] = "";
    if (c->is_client)
        client_key(c->dialler, key);
    else
        broker_key(c->dialler, key);
    PeerMessage m = { .port = p->up ? PORT_CLIENTS : PORT_UPLINK,
                      .route = p->up ? bytes_make(&route, sizeof(route)) : (Bytes) { 0 },
                      .user_id = key,
                      .parts = parts,
                      .n_parts = p->n_parts };
    int r = broker_receive(sb->broker, now_of(w), &m);
    assert(r == 0);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connections. One has a life (a Pipe) after the other; within a life each way keeps its order, and
 * lives and connections overtake each other. Either end may believe in a life that is over: what it
 * sends then vanishes. Late frames of an old life may arrive after the first of a new one.
 */

#include <errno.h>

#include "sim/sim-world.h"

#define SPIKE_MS      400 /* now and then a packet waits so long */
#define FADE_MS       45000
#define NO_ROOM_MS    3
#define PACKET_BYTES  64 /* what a packet costs besides its parts, on a narrow line */
#define DIAL_LATER_MS 900

static uint64_t flow_token(const Pipe *p, Way way) {
    return (uint64_t)p->epoch << 1 | way;
}

static Pipe *pipe_find(Conn *c, uint32_t epoch) {
    for (Pipe *p = c->pipes; p; p = p->next)
        if (p->epoch == epoch)
            return p;
    return NULL;
}

static void flow_empty(Flow *f) {
    while (f->head) {
        Packet *next = f->head->next;
        free(f->head);
        f->head = next;
    }
    f->tail = NULL;
    f->n = 0;
}

static void pipe_free(Conn *c, Pipe *p) {
    LL_DELETE(c->pipes, p);
    flow_empty(&p->flow[WAY_UP]);
    flow_empty(&p->flow[WAY_DOWN]);
    free(p);
}

void net_deinit(Conn *c) {
    while (c->pipes)
        pipe_free(c, c->pipes);
}

unsigned net_conn_of_broker(const World *w, unsigned broker) {
    for (unsigned i = 0; i < w->n_conns; i++)
        if (!w->conns[i].is_client && w->conns[i].dialler == broker)
            return i;
    return UINT_MAX;
}

/* --- sending --- */

static Packet *packet_new(const Bytes *parts, unsigned n, size_t *ret_size) {
    size_t size = 0;
    for (unsigned i = 0; i < n; i++)
        size += parts[i].n;
    Packet *p = malloc(sizeof(*p) + size);
    assert(p && n <= PARTS_MAX);
    p->next = NULL;
    p->n_parts = n;
    uint8_t *to = p->bytes;
    for (unsigned i = 0; i < n; i++) {
        p->part[i] = to;
        p->size[i] = parts[i].n;
        if (parts[i].n > 0)
            memcpy(to, parts[i].p, parts[i].n);
        to += parts[i].n;
    }
    *ret_size = size;
    return p;
}

static void flow_expect(World *w, Conn *c, Pipe *p, Way way, int64_t not_before_ms) {
    Flow *f = &p->flow[way];
    if (f->due || !f->head)
        return;
    f->due = true;
    not_before_ms = MAX(not_before_ms, c->stalled_ms[way]);
    agenda_add(&w->agenda, MAX(f->head->at_ms, not_before_ms), EVENT_FLOW, (unsigned)(c - w->conns),
               flow_token(p, way));
}

static int send(World *w, Conn *c, Pipe *pipe, Way way, const Bytes *parts, unsigned n) {
    Flow *f = &pipe->flow[way];
    size_t size;
    if (f->n >= c->limit && (way == WAY_DOWN || !c->is_client)) /* clients keep what they say */
        return -EAGAIN;
    if (f->lost)
        return 0;
    Packet *p = packet_new(parts, n, &size);
    const unsigned rate = w->now_ms < c->slow_ms ? 4 : c->rate;
    int64_t ready = w->now_ms;
    if (rate > 0)
        ready = f->free_ms = MAX(f->free_ms, ready) + (int64_t)(size + PACKET_BYTES) / rate;
    const unsigned spread = dice_once_in(&c->dice, 50) ? SPIKE_MS : c->jitter_ms;
    p->at_ms = MAX(ready + c->latency_ms + dice_below(&c->dice, spread + 1), f->last_ms);
    f->last_ms = p->at_ms;
    p->sent_ms = w->now_ms;
    if (f->tail)
        f->tail->next = p;
    else
        f->head = p;
    f->tail = p;
    f->n++;
    flow_expect(w, c, pipe, way, 0);
    return 0;
}

int net_send_up(World *w, unsigned conn, const Bytes *parts, unsigned n) {
    Conn *c = &w->conns[conn];
    return c->now ? send(w, c, c->now, WAY_UP, parts, n) : -EAGAIN;
}

int net_send_down(World *w, unsigned conn, uint32_t epoch, const Bytes *parts, unsigned n) {
    Conn *c = &w->conns[conn];
    Pipe *p = pipe_find(c, epoch);
    return p && p->listener_up ? send(w, c, p, WAY_DOWN, parts, n) : -EHOSTUNREACH;
}

/* --- arriving --- */

static bool arrive_up(World *w, Conn *c, const Pipe *pipe, const Packet *p) {
    Bytes parts[PARTS_MAX];
    Route route = { .conn = (uint8_t)(c - w->conns) };
    char key[CURVE_TEXT_SIZE] = "";
    memcpy(route.epoch, &pipe->epoch, 4);
    for (unsigned i = 0; i < p->n_parts; i++)
        parts[i] = bytes_make(p->part[i], p->size[i]);
    if (c->is_client)
        client_key(c->dialler, key);
    else
        broker_key(c->dialler, key);
    return sim_broker_take(w, &w->brokers[pipe->listener],
                           &(PeerMessage) { .port = PORT_CLIENTS,
                                            .route = bytes_make(&route, sizeof(route)),
                                            .user_id = key,
                                            .parts = parts,
                                            .n_parts = p->n_parts });
}

static bool arrive_down(World *w, Conn *c, const Packet *p) {
    Bytes parts[PARTS_MAX];
    if (c->is_client) {
        client_receive(w, &w->clients[c->dialler], p);
        return true;
    }
    for (unsigned i = 0; i < p->n_parts; i++)
        parts[i] = bytes_make(p->part[i], p->size[i]);
    return sim_broker_take(
        w, &w->brokers[c->dialler],
        &(PeerMessage) {
            .port = PORT_UPLINK, .user_id = "", .parts = parts, .n_parts = p->n_parts });
}

static void on_flow(World *w, const Happening *e) {
    Conn *c = &w->conns[e->index];
    const Way way = e->token & 1 ? WAY_DOWN : WAY_UP;
    Pipe *pipe = pipe_find(c, (uint32_t)(e->token >> 1));
    if (!pipe)
        return;
    Flow *f = &pipe->flow[way];
    f->due = false;
    if (!f->head)
        return;
    if (w->now_ms < f->head->at_ms || w->now_ms < c->stalled_ms[way]) {
        flow_expect(w, c, pipe, way, 0);
        return;
    }
    Packet *p = f->head; /* out of the flow: the one it is for may cut the connection */
    f->head = p->next;
    f->tail = f->head ? f->tail : NULL;
    f->n--;
    bool heard = way == WAY_UP ? pipe->listener_up : c->now == pipe;
    bool taken = true;
    w->flight_ms = MAX(w->flight_ms, w->now_ms - p->sent_ms);
    if (heard && !f->lost) {
        taken = way == WAY_UP ? arrive_up(w, c, pipe, p) : arrive_down(w, c, p);
        if (taken) {
            w->hash = trace_word(w->hash, e->token << 8 | e->index);
            for (unsigned i = 0; i < p->n_parts; i++)
                w->hash = trace_bytes(w->hash, p->part[i], p->size[i]);
        }
    }
    pipe = pipe_find(c, (uint32_t)(e->token >> 1));
    if (!taken && pipe) { /* no room: nothing behind it comes first */
        f = &pipe->flow[way];
        p->next = f->head;
        f->head = p;
        f->tail = f->tail ? f->tail : p;
        f->n++;
        flow_expect(w, c, pipe, way, w->now_ms + NO_ROOM_MS);
        return;
    }
    free(p);
    if (pipe)
        flow_expect(w, c, pipe, way, 0);
}

/* --- falling and dialling --- */

void net_dial_at(World *w, unsigned conn, int64_t at_ms) {
    agenda_add(&w->agenda, at_ms, EVENT_DIAL, conn, ++w->conns[conn].dial_token);
}

/* The dialler has no connection any more and knows it. */
static void dialler_lost(World *w, Conn *c) {
    c->now = NULL;
    net_dial_at(w, (unsigned)(c - w->conns),
                w->now_ms + 100 +
                    dice_below(&c->dice, dice_once_in(&c->dice, 6) ? 30000 : DIAL_LATER_MS));
    if (c->is_client) {
        client_lost(w, &w->clients[c->dialler]);
    } else if (w->brokers[c->dialler].broker) {
        int r =
            broker_uplink_lost(w->brokers[c->dialler].broker, now_of(w, &w->brokers[c->dialler]));
        assert(r == 0);
        sim_broker_feed(w, &w->brokers[c->dialler]);
    }
}

static void pipe_end(World *w, Conn *c, Pipe *p) {
    bool used = c->now == p;
    pipe_free(c, p);
    if (used)
        dialler_lost(w, c);
}

static void fade(World *w, Conn *c, Pipe *p, int64_t ms) {
    p->fades_ms = w->now_ms + ms;
    agenda_add(&w->agenda, p->fades_ms, EVENT_CUT, (unsigned)(c - w->conns), p->epoch);
}

void net_cut(World *w, unsigned conn, NetCut how) {
    Conn *c = &w->conns[conn];
    Pipe *p = c->now;
    if (!p)
        return;
    w->report->cuts++;
    world_note(w, "net", "cut %u, %s", conn,
               how == NET_CUT_SEEN      ? "both know"
               : how == NET_CUT_DIALLER ? "the dialler knows"
                                        : "in silence");
    if (how == NET_CUT_SEEN) {
        pipe_end(w, c, p);
        return;
    }
    p->flow[WAY_DOWN].lost = true;
    p->flow[WAY_UP].lost = how == NET_CUT_SILENT || dice_once_in(&c->dice, 2);
    if (how == NET_CUT_DIALLER) {
        dialler_lost(w, c);
        fade(w, c, p, 1 + dice_below(&c->dice, dice_once_in(&c->dice, 2) ? FADE_MS : 500));
    } else {
        fade(w, c, p, 1000 + dice_below(&c->dice, 4 * FADE_MS));
    }
}

/* Its end of every connection is gone; those it dialled are gone for it at once. */
void net_broker_gone(World *w, unsigned broker, NetCut how) {
    for (unsigned i = 0; i < w->n_conns; i++) {
        Conn *c = &w->conns[i];
        bool dials = !c->is_client && c->dialler == broker;
        if (dials && c->now) {
            Pipe *p = c->now;
            c->now = NULL;
            c->dial_token++;
            if (how == NET_CUT_SEEN) {
                pipe_free(c, p);
                continue;
            }
            p->flow[WAY_DOWN].lost = true;
            fade(w, c, p, 1 + dice_below(&c->dice, FADE_MS));
            continue;
        }
        Pipe *p, *next;
        LL_FOREACH_SAFE(c->pipes, p, next) {
            if (p->listener != broker)
                continue;
            p->listener_up = false;
            p->flow[WAY_UP].lost = true;
            if (how == NET_CUT_SEEN)
                pipe_end(w, c, p);
            else
                fade(w, c, p, 1 + dice_below(&c->dice, FADE_MS));
        }
    }
}

static void dial(World *w, Conn *c) {
    SimBroker *from = c->is_client ? NULL : &w->brokers[c->dialler];
    if (c->now || (from && !from->broker))
        return;
    if (!w->brokers[c->listener].broker || w->now_ms < c->blocked_ms) {
        net_dial_at(w, (unsigned)(c - w->conns),
                    w->now_ms + 50 + dice_below(&c->dice, DIAL_LATER_MS));
        return;
    }
    Pipe *p = calloc(1, sizeof(*p));
    assert(p);
    p->epoch = ++c->next_epoch;
    p->listener = c->listener;
    p->listener_up = true;
    LL_PREPEND(c->pipes, p);
    c->now = p;
    if (c->is_client) {
        client_connected(w, &w->clients[c->dialler]);
        return;
    }
    int r = broker_uplink_connected(from->broker, now_of(w, from));
    assert(r == 0);
    sim_broker_feed(w, from);
}

static void on_reset(World *w, Conn *c) {
    Pipe *p = c->now;
    if (!p)
        return;
    /* The daemon makes its socket anew; the parent may hear of it late. */
    p->flow[WAY_DOWN].lost = true;
    fade(w, c, p, 1 + dice_below(&c->dice, 2000));
    dialler_lost(w, c);
}

void net_event(World *w, const Happening *e) {
    Conn *c = &w->conns[e->index];
    Pipe *p;
    switch (e->kind) {
    case EVENT_FLOW:
        on_flow(w, e);
        break;
    case EVENT_DIAL:
        if (e->token == c->dial_token)
            dial(w, c);
        break;
    case EVENT_CUT:
        p = pipe_find(c, (uint32_t)e->token);
        if (p && w->now_ms >= p->fades_ms)
            pipe_end(w, c, p);
        break;
    default:
        if (c->now && c->now->epoch == e->token)
            on_reset(w, c);
        break;
    }
}

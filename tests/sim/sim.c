/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>
#include <utlist.h>

#include "base/text.h"
#include "broker/broker.h"
#include "sim/sim.h"
#include "store/store.h"
#include "wire/codec.h"

#define BROKERS_MAX  16
#define CLIENTS_MAX  64 /* sessions; a node may have two */
#define WINDOW       16U
#define CREDIT       8U
#define START_MS     (INT64_C(1767225600000)) /* 2026-01-01 */

typedef struct World World;

typedef struct Packet {
    int64_t at_ms;
    uint64_t order;
    unsigned conn;
    uint64_t epoch;
    bool up; /* dialler to listener */
    unsigned n_parts;
    uint8_t *part[PARTS_MAX];
    size_t size[PARTS_MAX];
    struct Packet *prev, *next;
} Packet;

/* Who dials whom; index = connection number. Clients first, then child brokers. */
typedef struct Conn {
    bool is_client;
    unsigned dialler, listener;
    uint64_t epoch; /* 0 = down; rises with every connection */
    uint64_t next_epoch;
    int64_t back_ms; /* when it is dialled again */
    int64_t bye_ms;  /* when it is cut after a BYE; 0 = none was said */
    int64_t last_up_ms, last_down_ms; /* pipes keep their order */
} Conn;

typedef struct SimBroker {
    char name[NODE_NAME_SIZE], path[512];
    unsigned generation;
    Broker *broker; /* NULL while crashed */
    Store *store;
    StoreOp *batch;
    int64_t batch_ms, back_ms;
    World *world;
} SimBroker;

typedef struct Item { /* one message of a publisher */
    Uuid id;
    unsigned client, cas;
    unsigned number;   /* position within its case */
    unsigned recipients[2], n_recipients;
    bool sent, accepted, refused, withdrawn;
    int64_t expires_ms; /* 0 = no sooner than the default */
    Uuid recalled;      /* nil, or this is the order to withdraw that one */
    uint8_t *envelope, *facts;
    size_t n_envelope, n_facts;
    unsigned seen[2];   /* deliveries per recipient */
    bool settled[2];    /* DONE was said */
    bool confirmed[2];  /* and SETTLED came: it may never come again */
    int told[2];        /* final receipt the publisher has read */
    UT_hash_handle hh;
} Item;

typedef struct Held { /* a delivery a consumer works on */
    uint64_t tag;
    Item *item;
    unsigned recipient; /* which of the item's */
    int64_t until_ms;
    SettleAction said; /* 0 while it is worked on; then until SETTLED */
    struct Held *prev, *next;
} Held;

typedef struct SimClient {
    char name[NODE_NAME_SIZE];
    unsigned broker;
    unsigned node; /* itself, or of whom it is a second consumer */
    Uuid instance;
    bool open;
    Item **items;
    unsigned n_items, next_item, unanswered;
    int64_t next_publish_ms;
    Held *held;
    unsigned *last_number; /* per (publisher, case): highest first delivery */
} SimClient;

struct World {
    const SimConfig *config;
    SimReport *report;
    uint64_t rng;
    int64_t now_ms;
    int64_t wall_off_ms; /* how far the wall clock was set */
    uint64_t order;
    SimBroker brokers[BROKERS_MAX];
    unsigned n_brokers;
    SimClient clients[CLIENTS_MAX];
    unsigned n_nodes, n_clients; /* the first clients are one for each node */
    Conn conns[CLIENTS_MAX + BROKERS_MAX];
    unsigned n_conns;
    Packet *packets;
    Item *items;
    int64_t next_fault_ms;
    unsigned faults_left;
    Uuid cases[CLIENTS_MAX][16];
};

static uint64_t rnd(World *w) { /* splitmix64 */
    uint64_t z = w->rng += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(World *w, unsigned n) {
    return (unsigned)(rnd(w) % n);
}

static Now now_of(const World *w) {
    return (Now){ .wall_ms = START_MS + w->wall_off_ms + w->now_ms, .mono_ms = w->now_ms };
}

static void wrong(World *w, unsigned *counter, const char *format, ...) {
    va_list ap;
    (*counter)++;
    if (w->report->first[0])
        return;
    va_start(ap, format);
    (void)vsnprintf(w->report->first, sizeof(w->report->first), format, ap);
    va_end(ap);
}

static void client_key(unsigned client, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "client%034u", client);
}

static void broker_key(unsigned broker, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "broker%034u", broker);
}

/* --- network ---------------------------------------------------------------------------------- */

static int packet_cmp(const Packet *a, const Packet *b) {
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void packet_free(Packet *p) {
    for (unsigned i = 0; i < p->n_parts; i++)
        free(p->part[i]);
    free(p);
}

static int net_send(World *w, unsigned conn, bool up, const Bytes *parts, unsigned n) {
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

static void client_lost(World *w, SimClient *c) {
    (void)w;
    c->open = false;
    c->unanswered = 0;
    for (unsigned i = 0; i < c->n_items; i++)
        if (c->items[i]->sent && !c->items[i]->accepted)
            c->items[i]->sent = false;
    c->next_item = 0;
    Held *h, *tmp;
    DL_FOREACH_SAFE(c->held, h, tmp) {
        DL_DELETE(c->held, h);
        free(h);
    }
}

static void cut(World *w, unsigned conn) {
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

static void client_say(World *w, SimClient *c, const Frame *f, const Bytes *parts, unsigned n_parts) {
    uint8_t *p;
    size_t n;
    int r = codec_encode_frame(f, &p, &n);
    assert(r == 0);
    Bytes all[PARTS_MAX] = { bytes_make(p, n) };
    for (unsigned i = 0; i < n_parts; i++)
        all[i + 1] = parts[i];
    (void)net_send(w, (unsigned)(c - w->clients), true, all, n_parts + 1);
    free(p);
}

static void dial(World *w, unsigned conn) {
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

/* --- brokers ---------------------------------------------------------------------------------- */

typedef struct Route {
    uint8_t zero;
    uint8_t conn;
    uint8_t epoch[4];
} Route;

static int io_send(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n) {
    SimBroker *sb = data;
    World *w = sb->world;
    if (port == PORT_UPLINK) {
        for (unsigned i = 0; i < w->n_conns; i++)
            if (!w->conns[i].is_client && &w->brokers[w->conns[i].dialler] == sb)
                return net_send(w, i, true, parts, n);
        return -EAGAIN;
    }
    Route r;
    uint32_t epoch;
    assert(route.n == sizeof(r));
    memcpy(&r, route.p, sizeof(r));
    memcpy(&epoch, r.epoch, 4);
    if (w->conns[r.conn].epoch != epoch)
        return -EHOSTUNREACH;
    return net_send(w, r.conn, false, parts, n);
}

static void io_log(void *data, const LogRecord *r) {
    SimBroker *sb = data;
    if (sb->world->config->verbose)
        fprintf(stderr, "%8lld %-10s %s %s %s\n", (long long)sb->world->now_ms, sb->name,
                log_event_name(r->event), r->peer, r->text);
    if (r->event == LOG_EVENT_LINK_GAP)
        wrong(sb->world, &sb->world->report->lost, "link gap reported by %s: %s", sb->name, r->text);
}

static uint32_t io_random(void *data) {
    return (uint32_t)rnd(((SimBroker *)data)->world);
}

static void io_reset(void *data) {
    SimBroker *sb = data;
    for (unsigned i = 0; i < sb->world->n_conns; i++)
        if (!sb->world->conns[i].is_client && &sb->world->brokers[sb->world->conns[i].dialler] == sb)
            sb->world->conns[i].epoch = 0; /* dialled again; the broker knows already */
}

static bool io_verb(void *data, const char *verb, char *const *args, uint32_t n, Table *t) {
    (void)data, (void)verb, (void)args, (void)n, (void)t;
    return false;
}

static void io_directory(void *data, Directory *d) {
    (void)data, (void)d;
}

static void start_broker(World *w, SimBroker *sb) {
    char why[256];
    StoreConfig sc = { .path = sb->path,
                       .self = sb->name,
                       .accept = { .default_expiry_ms = 30 * DAY_MS,
                                   .event_expiry_ms = 72 * HOUR_MS,
                                   .max_expiry_ms = 180 * DAY_MS,
                                   .clock_skew_ms = 5 * MINUTE_MS },
                       .page_size = 4096,
                       .subscription_quota = 1000,
                       .subscriptions_max = 8,
                       .retention_ms = 30 * DAY_MS,
                       .retention_event_ms = 90 * DAY_MS,
                       .dedup_ms = 180 * DAY_MS,
                       .encode_receipt = codec_encode_receipt,
                       .decode_envelope = codec_decode_stored_envelope,
                       .encode_filter = codec_encode_filter,
                       .decode_filter = codec_decode_filter };
    int r = store_open(&sb->store, &sc, NULL, NULL, why);
    if (r < 0) {
        fprintf(stderr, "sim: %s: %s\n", sb->path, why);
        abort();
    }
    BrokerConfig bc = broker_config_default;
    (void)text_copy(bc.self, sizeof(bc.self), sb->name);
    if (sb != w->brokers)
        (void)text_copy(bc.parent, sizeof(bc.parent), w->brokers[0].name);
    bc.retry = (RetryPolicy){ .first_ms = 200, .cap_ms = 5000, .max_attempts = 10000 };
    BrokerIo io = { .data = sb,
                    .send = io_send,
                    .log = io_log,
                    .random = io_random,
                    .uplink_reset = io_reset,
                    .verb = io_verb,
                    .directory = io_directory };
    Directory *d = store_directory(sb->store);
    r = broker_new(&sb->broker, &bc, &io, d, now_of(w));
    assert(r == 0);
    (void)directory_unref(d);
}

static void copy_file(const char *from, const char *to) {
    char buf[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    if (in < 0)
        return;
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(out >= 0);
    for (ssize_t n; (n = read(in, buf, sizeof(buf))) > 0;) {
        ssize_t done = write(out, buf, (size_t)n);
        assert(done == n);
    }
    (void)close(in);
    (void)close(out);
}

/* A crash: what is committed survives, in a copy of the files as they stand; nothing is closed in
 * order before that. */
static void crash_broker(World *w, SimBroker *sb) {
    char path[512], from[600], to[600];
    w->report->crashes++;
    (void)snprintf(path, sizeof(path), "%s/%u-%u.db", w->config->folder,
                   (unsigned)(sb - w->brokers), ++sb->generation);
    copy_file(sb->path, path);
    (void)snprintf(from, sizeof(from), "%s-wal", sb->path);
    (void)snprintf(to, sizeof(to), "%s-wal", path);
    copy_file(from, to);
    sb->broker = broker_free(sb->broker);
    while (sb->batch) {
        StoreOp *next = sb->batch->next;
        if (sb->batch->kind == OP_DELIVERY)
            sb->batch->owner = NULL; /* a ticket of the broker that is gone: its memory is the price */
        (void)store_op_free(sb->batch);
        sb->batch = next;
    }
    sb->store = store_close(sb->store);
    (void)unlink(sb->path);
    (void)text_copy(sb->path, sizeof(sb->path), path);
    for (unsigned i = 0; i < w->n_conns; i++) {
        Conn *c = &w->conns[i];
        if (&w->brokers[c->listener] == sb || (!c->is_client && &w->brokers[c->dialler] == sb))
            cut(w, i);
    }
    sb->back_ms = w->now_ms + 100 + below(w, 5000);
}

static void run_broker(World *w, SimBroker *sb) {
    int r;
    if (!sb->broker) {
        if (w->now_ms >= sb->back_ms)
            start_broker(w, sb);
        return;
    }
    r = broker_tick(sb->broker, now_of(w));
    assert(r == 0);
    if (sb->batch && w->now_ms >= sb->batch_ms) {
        r = store_run(sb->store, sb->batch, now_of(w).wall_ms);
        if (r < 0) {
            fprintf(stderr, "sim: store_run: %d\n", r);
            abort();
        }
        if (w->faults_left > 0 && below(w, 400) == 0) { /* committed, and nobody is told */
            w->faults_left--;
            crash_broker(w, sb);
            return;
        }
        StoreOp *list = sb->batch;
        sb->batch = NULL;
        r = broker_stored(sb->broker, now_of(w), list);
        assert(r == 0);
        bool more;
        if (below(w, 20) == 0) {
            r = store_idle(sb->store, now_of(w).wall_ms, &more);
            assert(r == 0);
        }
    }
    if (!sb->batch) {
        sb->batch = broker_take_batch(sb->broker);
        if (sb->batch)
            sb->batch_ms = w->now_ms + 1 + below(w, 6);
    }
}

/* --- clients ---------------------------------------------------------------------------------- */

static Item *item_find(World *w, const Uuid *id) {
    Item *i = NULL;
    HASH_FIND(hh, w->items, id, sizeof(*id), i);
    return i;
}

static void client_publish(World *w, SimClient *c) {
    while (c->open && c->unanswered < WINDOW && c->next_item < c->n_items &&
           w->now_ms >= c->next_publish_ms) {
        Item *i = c->items[c->next_item++];
        if (i->accepted || i->refused || i->sent)
            continue;
        Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = i->id } };
        Bytes parts[2] = { bytes_make(i->envelope, i->n_envelope),
                           bytes_make(i->facts, i->n_facts) };
        client_say(w, c, &f, parts, 2);
        i->sent = true;
        c->unanswered++;
        if (below(w, 3) == 0)
            c->next_publish_ms = w->now_ms + below(w, 300);
    }
}

static void client_work(World *w, SimClient *c) {
    Held *h, *tmp;
    DL_FOREACH_SAFE(c->held, h, tmp) {
        if (!c->open || h->said != 0 || h->until_ms > w->now_ms)
            continue;
        unsigned dice = w->faults_left > 0 ? below(w, 100) : 99;
        if (dice >= 10 && dice < 14) { /* it takes longer */
            Settlement more = { .tags = { h->tag, 0 }, .action = SETTLE_EXTEND };
            Frame f = { .kind = FRAME_SETTLE,
                        .settle = { .channel = 1, .n = 1, .settlements = &more } };
            client_say(w, c, &f, NULL, 0);
            h->until_ms = w->now_ms + below(w, 500);
            continue;
        }
        SettleAction action = dice < 6 ? SETTLE_RETRY : dice < 10 ? SETTLE_REJECT : SETTLE_DONE;
        Settlement st = { .tags = { h->tag, 0 }, .action = action, .after_ms = dice < 3 ? 0 : 50 };
        Frame f = { .kind = FRAME_SETTLE,
                    .settle = { .channel = 1, .n = 1, .settlements = &st } };
        client_say(w, c, &f, NULL, 0);
        Frame credit = { .kind = FRAME_CREDIT, .credit = { .channel = 1, .messages = 1 } };
        client_say(w, c, &credit, NULL, 0);
        if (action == SETTLE_DONE)
            h->item->settled[h->recipient] = true;
        h->said = action;
    }
}

/* SETTLED: what is named is on the broker's disk. */
static void client_settled(World *w, SimClient *c, const Frame *f) {
    Held *h, *tmp;
    if (f->settled.n_unknown > 0)
        wrong(w, &w->report->unexpected, "%s settled a tag that is not out", c->name);
    DL_FOREACH_SAFE(c->held, h, tmp) {
        bool named = false;
        for (uint32_t i = 0; i < f->settled.n_done; i++)
            named |= h->tag >= f->settled.done[i].first && h->tag <= f->settled.done[i].last;
        if (!named || h->said == 0)
            continue;
        if (h->said == SETTLE_DONE)
            h->item->confirmed[h->recipient] = true;
        DL_DELETE(c->held, h);
        free(h);
    }
}

/* A receipt is read, remembered and settled at once. */
static void client_receipt(World *w, SimClient *c, const Frame *f, const Packet *p) {
    const char *why;
    Settlement st = { .tags = { f->deliver.tag, 0 }, .action = SETTLE_DONE };
    Frame settle = { .kind = FRAME_SETTLE,
                     .settle = { .channel = 2, .n = 1, .settlements = &st } };
    Frame credit = { .kind = FRAME_CREDIT, .credit = { .channel = 2, .messages = 1 } };
    Message *m = calloc(1, sizeof(*m));
    assert(m);
    int r = p->n_parts < 3 ? WIRE_MALFORMED
                           : codec_decode_message(bytes_make(p->part[1], p->size[1]),
                                                  bytes_make(p->part[2], p->size[2]), (Bytes){ 0 },
                                                  m, &why);
    Item *i = r == 0 ? item_find(w, &m->facts.receipt_for) : NULL;
    unsigned k = 0;
    while (i && k < i->n_recipients &&
           strcmp(w->clients[i->recipients[k]].name, m->facts.receipt_recipient) != 0)
        k++;
    if (!i || k == i->n_recipients || i->client != c->node)
        wrong(w, &w->report->unexpected, "%s got a receipt that is not for it", c->name);
    else if (receipt_is_final(m->facts.receipt_level)) {
        int level = m->facts.receipt_level;
        if (i->told[k] != 0 && i->told[k] != level)
            wrong(w, &w->report->wrong_outcomes, "message %u of case %u of %s: told %s, then %s",
                  i->number, i->cas, c->name, receipt_level_name(i->told[k]),
                  receipt_level_name(level));
        i->told[k] = level;
    }
    (void)message_free(m);
    client_say(w, c, &settle, NULL, 0);
    client_say(w, c, &credit, NULL, 0);
}

static void client_delivery(World *w, SimClient *c, const Frame *f, const Packet *p) {
    Envelope env;
    const char *why;
    w->report->deliveries++;
    int r = p->n_parts < 2 ? WIRE_MALFORMED
                           : codec_decode_envelope(bytes_make(p->part[1], p->size[1]), &env, &why);
    Item *i = r == 0 ? item_find(w, &env.message_id) : NULL;
    unsigned me = c->node, k = 0;
    while (i && k < i->n_recipients && i->recipients[k] != me)
        k++;
    if (!i || k == i->n_recipients || p->size[1] != i->n_envelope ||
        memcmp(p->part[1], i->envelope, i->n_envelope) != 0) {
        wrong(w, &w->report->unexpected, "%s got a message that was not for it", c->name);
        return;
    }
    if (i->confirmed[k])
        wrong(w, &w->report->unexpected, "%s got a message again that it was told is settled",
              c->name);
    for (unsigned n = 0; n < w->n_clients; n++) {
        Held *other;
        DL_FOREACH(w->clients[n].held, other)
            if (w->clients[n].node == me && other->said == 0 && other->item->client == i->client &&
                other->item->cas == i->cas)
                wrong(w, &w->report->inversions, "%s: two of case %u of %s at once", c->name, i->cas,
                      w->clients[i->client].name);
    }
    if (i->seen[k]++ > 0) {
        w->report->redeliveries++;
    } else {
        unsigned *last = &w->clients[me].last_number[i->client * 16 + i->cas];
        if (i->number < *last)
            wrong(w, &w->report->inversions, "%s: case %u of %s: number %u after %u", c->name, i->cas,
                  w->clients[i->client].name, i->number, *last);
        *last = MAX(*last, i->number);
    }
    Held *h = calloc(1, sizeof(*h));
    assert(h);
    h->tag = f->deliver.tag;
    h->item = i;
    h->recipient = k;
    h->until_ms = w->now_ms + below(w, 60);
    DL_APPEND(c->held, h);
    unsigned n = 0;
    Held *x;
    DL_FOREACH(c->held, x)
        n += x->said == 0;
    if (n > CREDIT)
        wrong(w, &w->report->unexpected, "%s holds more than its credit", c->name);
}

static void client_receive(World *w, SimClient *c, const Packet *p) {
    Frame f = { 0 };
    const char *why = "";
    int r = codec_decode_frame(bytes_make(p->part[0], p->size[0]), FRAME_ANSWER_MAX, &f, &why);
    if (r != 0) {
        wrong(w, &w->report->unexpected, "client got an unreadable frame: %s", why);
        return;
    }
    switch (f.kind) {
    case FRAME_WELCOME: {
        c->open = true;
        Frame sub = { .kind = FRAME_SUBSCRIBE,
                      .subscribe = { .channel = 1,
                                     .source = SOURCE_MAILBOX,
                                     .credit_messages = CREDIT } };
        client_say(w, c, &sub, NULL, 0);
        sub.subscribe.channel = 2;
        sub.subscribe.source = SOURCE_RECEIPTS;
        client_say(w, c, &sub, NULL, 0);
        break;
    }
    case FRAME_PUBLISHED:
        for (uint32_t i = 0; i < f.published.n; i++) {
            PublishResult *res = &f.published.results[i];
            Item *item = item_find(w, &res->message_id);
            bool too_late = item && res->verdict == VERDICT_REFUSED &&
                            (item->expires_ms > 0 || !uuid_is_nil(&item->recalled));
            if (too_late && !item->accepted)
                item->refused = true;
            else if (!item ||
                     (res->verdict != VERDICT_ACCEPTED && res->verdict != VERDICT_DUPLICATE))
                wrong(w, &w->report->unexpected, "%s: verdict %s, reason %s", c->name,
                      verdict_name(res->verdict),
                      res->reasons && res->reasons->n ? res->reasons->list[0].code : "none");
            else if (!item->accepted) {
                item->accepted = true;
                w->report->accepted++;
            }
            c->unanswered -= c->unanswered > 0;
        }
        break;
    case FRAME_DELIVER:
        if (f.deliver.channel == 2)
            client_receipt(w, c, &f, p);
        else
            client_delivery(w, c, &f, p);
        break;
    case FRAME_SETTLED:
        if (f.settled.channel == 1)
            client_settled(w, c, &f);
        break;
    case FRAME_PING: {
        Frame pong = { .kind = FRAME_PONG, .pong = { .sent_ms = f.ping.sent_ms } };
        client_say(w, c, &pong, NULL, 0);
        break;
    }
    case FRAME_ERROR:
        if (w->config->verbose)
            fprintf(stderr, "%8lld %-10s ERROR %s\n", (long long)w->now_ms, c->name, f.error.text);
        if (f.error.fatal)
            cut(w, (unsigned)(c - w->clients));
        break;
    default:
        break;
    }
    frame_deinit(&f);
}

static void arrive(World *w, Packet *p) {
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
                      .route = p->up ? bytes_make(&route, sizeof(route)) : (Bytes){ 0 },
                      .user_id = key,
                      .parts = parts,
                      .n_parts = p->n_parts };
    int r = broker_receive(sb->broker, now_of(w), &m);
    assert(r == 0);
}

/* --- set-up and end --------------------------------------------------------------------------- */

static StoreOp *import_op(World *w) {
    StoreOp *op = store_op_new(OP_IMPORT);
    assert(op);
    op->import.nodes = calloc(w->n_brokers + w->n_nodes, sizeof(DirNode));
    op->import.keys = calloc(w->n_brokers + w->n_clients, sizeof(DirKey));
    assert(op->import.nodes && op->import.keys);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        DirNode *n = &op->import.nodes[op->import.n_nodes++];
        (void)text_copy(n->id, sizeof(n->id), w->brokers[i].name);
        (void)text_copy(n->home, sizeof(n->home), w->brokers[i].name);
        n->kind = i == 0 ? NODE_NATIONAL_HUB : NODE_UPT_BALAI;
        n->broker = true;
        if (i > 0)
            (void)text_copy(n->broker_parent, sizeof(n->broker_parent), w->brokers[0].name);
        DirKey *k = &op->import.keys[op->import.n_keys++];
        broker_key(i, k->curve);
        (void)text_copy(k->node, sizeof(k->node), n->id);
        k->broker = true;
    }
    for (unsigned i = 0; i < w->n_nodes; i++) {
        DirNode *n = &op->import.nodes[op->import.n_nodes++];
        (void)text_copy(n->id, sizeof(n->id), w->clients[i].name);
        (void)text_copy(n->home, sizeof(n->home), w->brokers[w->clients[i].broker].name);
        n->kind = NODE_SOCIAL_AGENCY_REGENCY;
    }
    for (unsigned i = 0; i < w->n_clients; i++) {
        DirKey *k = &op->import.keys[op->import.n_keys++];
        client_key(i, k->curve);
        (void)text_copy(k->node, sizeof(k->node), w->clients[i].name);
    }
    return op;
}

static void make_recall(World *w, SimClient *c, Item *order, const Item *of) {
    uint64_t bits[2] = { rnd(w), rnd(w) };
    order->id = uuid_derive(bytes_make(bits, sizeof(bits)));
    order->client = c->node;
    order->recalled = of->id;
    Envelope e = { .message_id = order->id,
                   .kind = KIND_RECALL_ORDER,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .sensitivity = 1,
                   .created_ms = START_MS - 2 * DAY_MS,
                   .has_facts_sha256 = true };
    int r = codec_encode_recall_order(&of->id, "sent by mistake", &order->facts, &order->n_facts);
    assert(r == 0);
    hash_sha256(bytes_make(order->facts, order->n_facts), e.facts_sha256);
    (void)text_copy(e.sender, sizeof(e.sender), c->name);
    (void)text_copy(e.region, sizeof(e.region), "3203");
    r = codec_encode_envelope(&e, &order->envelope, &order->n_envelope);
    assert(r == 0);
    HASH_ADD(hh, w->items, id, sizeof(order->id), order);
}

static void make_items(World *w, SimClient *c) {
    unsigned me = (unsigned)(c - w->clients);
    unsigned numbers[16] = { 0 };
    unsigned targets[16][2], n_targets[16];
    for (unsigned k = 0; k < w->config->cases; k++) {
        w->cases[me][k] = uuid_derive(bytes_make(&(uint64_t){ rnd(w) }, 8));
        n_targets[k] = 1 + (below(w, 4) == 0);
        targets[k][0] = below(w, w->n_nodes);
        do
            targets[k][1] = below(w, w->n_nodes);
        while (targets[k][1] == targets[k][0]);
    }
    c->items = calloc(w->config->messages, sizeof(*c->items));
    assert(c->items);
    c->n_items = w->config->messages;
    for (unsigned n = 0; n < c->n_items; n++) {
        Item *i = c->items[n] = calloc(1, sizeof(*i));
        assert(i);
        if (n > 0 && below(w, 25) == 0) { /* an order to withdraw one of the last */
            make_recall(w, c, i, c->items[n - 1 - below(w, MIN(n, 5U))]);
            continue;
        }
        uint64_t bits[2] = { rnd(w), rnd(w) };
        i->id = uuid_derive(bytes_make(bits, sizeof(bits)));
        i->client = me;
        i->cas = below(w, w->config->cases);
        i->number = ++numbers[i->cas];
        i->n_recipients = n_targets[i->cas];
        memcpy(i->recipients, targets[i->cas], sizeof(i->recipients));
        Envelope e = { .message_id = i->id,
                       .kind = KIND_CASE_CONFERENCE + 1000, /* newer than the broker: opaque */
                       .schema = 1,
                       .cluster = CLUSTER_CHILD,
                       .case_id = w->cases[me][i->cas],
                       .urgency = 1 + (int)below(w, 3),
                       .sensitivity = 1,
                       .created_ms = START_MS - 2 * DAY_MS,
                       .has_facts_sha256 = true };
        if (below(w, 25) == 0) /* may end by time */
            i->expires_ms = e.expires_ms = START_MS + w->now_ms + 1000 + below(w, 30000);
        hash_sha256((Bytes){ 0 }, e.facts_sha256);
        (void)text_copy(e.sender, sizeof(e.sender), c->name);
        (void)text_copy(e.region, sizeof(e.region), "3203");
        e.audience.form = AUDIENCE_NODES;
        e.audience.n = i->n_recipients;
        for (unsigned k = 0; k < i->n_recipients; k++)
            (void)text_copy(e.audience.nodes[k], NODE_NAME_SIZE, w->clients[i->recipients[k]].name);
        int r = codec_encode_envelope(&e, &i->envelope, &i->n_envelope);
        assert(r == 0);
        HASH_ADD(hh, w->items, id, sizeof(i->id), i);
    }
}

static void set_up(World *w) {
    const SimConfig *cf = w->config;
    w->n_brokers = 1 + cf->regionals;
    w->n_nodes = w->n_brokers * cf->clients_per_broker;
    w->n_clients = w->n_nodes + w->n_nodes / 2; /* every other node has two consumers */
    assert(w->n_brokers <= BROKERS_MAX && w->n_clients <= CLIENTS_MAX && cf->cases <= 16);
    for (unsigned i = 0; i < w->n_clients; i++) {
        SimClient *c = &w->clients[i];
        c->node = i < w->n_nodes ? i : 2 * (i - w->n_nodes);
        c->broker = c->node % w->n_brokers;
        (void)snprintf(c->name, sizeof(c->name), "dsk/%04u", 3201 + c->node);
        c->instance = uuid_derive(bytes_make(&i, sizeof(i)));
        c->last_number = calloc(w->n_clients * 16, sizeof(unsigned));
        assert(c->last_number);
        w->conns[w->n_conns++] = (Conn){ .is_client = true, .dialler = i, .listener = c->broker };
    }
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        sb->world = w;
        (void)snprintf(sb->name, sizeof(sb->name), i == 0 ? "hub" : "upt/r%u", i);
        (void)snprintf(sb->path, sizeof(sb->path), "%s/%u-0.db", cf->folder, i);
        if (i > 0)
            w->conns[w->n_conns++] = (Conn){ .dialler = i, .listener = 0 };
    }
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        start_broker(w, sb);
        sb->broker = broker_free(sb->broker);
        StoreOp *op = import_op(w);
        int r = store_run(sb->store, op, now_of(w).wall_ms);
        assert(r == 0);
        if (!op->import.directory) {
            fprintf(stderr, "sim: import: %s\n", op->import.text);
            abort();
        }
        (void)store_op_free(op);
        sb->store = store_close(sb->store);
        start_broker(w, sb);
    }
    for (unsigned i = 0; i < w->n_nodes; i++)
        make_items(w, &w->clients[i]);
}

/* Every message was refused, or accepted and its publisher told how it ended for each. */
static bool all_done(World *w) {
    for (Item *i = w->items; i; i = i->hh.next) {
        if (i->refused)
            continue;
        if (!i->accepted)
            return false;
        for (unsigned k = 0; k < i->n_recipients; k++)
            if (i->told[k] == 0)
                return false;
    }
    return true;
}

static bool all_up(const World *w) {
    for (unsigned i = 0; i < w->n_conns; i++)
        if (w->conns[i].epoch == 0)
            return false;
    return true;
}

static void fault(World *w) {
    if (w->faults_left == 0 || w->now_ms < w->next_fault_ms)
        return;
    w->faults_left--;
    w->next_fault_ms = w->now_ms + 200 + below(w, 3000);
    if (below(w, 8) == 0) { /* the clock is set, a day at most */
        w->wall_off_ms = (int64_t)below(w, 2 * (unsigned)(DAY_MS / 1000)) * 1000 - DAY_MS;
    } else if (below(w, 8) == 0) { /* a consumer leaves in order */
        unsigned conn = below(w, w->n_clients);
        Frame bye = { .kind = FRAME_BYE };
        client_say(w, &w->clients[conn], &bye, NULL, 0);
        client_lost(w, &w->clients[conn]);
        w->conns[conn].bye_ms = w->now_ms + 500;
    } else if (below(w, 3) == 0) {
        SimBroker *sb = &w->brokers[below(w, w->n_brokers)];
        if (sb->broker)
            crash_broker(w, sb);
    } else {
        w->report->cuts++;
        cut(w, below(w, w->n_conns));
    }
}

static void step(World *w) {
    w->now_ms++;
    fault(w);
    for (unsigned i = 0; i < w->n_conns; i++) {
        if (w->conns[i].bye_ms > 0 && w->now_ms >= w->conns[i].bye_ms)
            cut(w, i);
        if (w->conns[i].epoch == 0 && w->now_ms >= w->conns[i].back_ms)
            dial(w, i);
    }
    while (w->packets && w->packets->at_ms <= w->now_ms) {
        Packet *p = w->packets;
        DL_DELETE(w->packets, p);
        arrive(w, p);
        packet_free(p);
    }
    for (unsigned i = 0; i < w->n_brokers; i++)
        run_broker(w, &w->brokers[i]);
    for (unsigned i = 0; i < w->n_clients; i++) {
        client_work(w, &w->clients[i]);
        client_publish(w, &w->clients[i]);
    }
}

static Table *ask(World *w, SimBroker *sb, const char *verb, const char *arg) {
    StoreOp *op = store_op_new(OP_QUERY);
    assert(op);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), verb);
    if (arg) {
        op->query.args[0] = strdup(arg);
        op->query.n_args = 1;
    }
    int r = store_run(sb->store, op, now_of(w).wall_ms);
    assert(r == 0);
    Table *t = op->query.table;
    op->query.table = NULL;
    (void)store_op_free(op);
    return t;
}

static int column(const Table *t, const char *name) {
    for (uint32_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The outcome of one message for one recipient as a broker has it; "" when it has none. */
static void outcome_at(World *w, unsigned broker, const Item *i, unsigned k, char ret[static 32]) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&i->id, id);
    Table *t = ask(w, &w->brokers[broker], "outcome", id);
    int level = column(t, "level"), to = column(t, "recipient");
    unsigned n = 0;
    ret[0] = '\0';
    for (uint32_t r = 0; t->code == 0 && level >= 0 && to >= 0 && r < table_rows(t); r++) {
        if (strcmp(table_cell(t, r, (uint32_t)to), w->clients[i->recipients[k]].name) != 0)
            continue;
        (void)text_copy(ret, 32, table_cell(t, r, (uint32_t)level));
        n++;
    }
    if (n > 1 || (t->code == 0 && table_rows(t) > i->n_recipients))
        wrong(w, &w->report->wrong_outcomes, "%s has %u outcomes of %s", w->brokers[broker].name, n,
              id);
    (void)table_free(t);
}

/* An accepted message has one outcome for each recipient. The broker of its sender, the sender
 * itself, the broker of the recipient (if it came so far) and the recipient agree on it. */
static void check_item(World *w, const Item *i, unsigned k) {
    char here[32], there[32];
    const SimClient *to = &w->clients[i->recipients[k]];
    outcome_at(w, w->clients[i->client].broker, i, k, here);
    outcome_at(w, to->broker, i, k, there);
    bool collected = strcmp(here, "COLLECTED") == 0;
    bool may_end = i->expires_ms > 0 || i->withdrawn;
    if (strcmp(here, receipt_level_name(i->told[k])) != 0 || (there[0] && strcmp(here, there) != 0))
        wrong(w, &w->report->wrong_outcomes,
              "message %u of case %u of %s to %s: the sender's broker says '%s', the recipient's "
              "'%s', the receipt '%s'",
              i->number, i->cas, w->clients[i->client].name, to->name, here, there,
              receipt_level_name(i->told[k]));
    if (collected ? !i->settled[k] || strcmp(there, here) != 0 : !may_end || i->confirmed[k])
        wrong(w, &w->report->lost, "message %u of case %u of %s to %s: %s, seen %u%s", i->number,
              i->cas, w->clients[i->client].name, to->name, here, i->seen[k],
              i->confirmed[k] ? ", settled" : "");
    w->report->receipts++;
    w->report->ended += !collected;
}

/* Both ends of a link have counted the same, and nothing waits in any queue. */
static void check_links(World *w) {
    Table *up[BROKERS_MAX] = { NULL };
    for (unsigned i = 0; i < w->n_brokers; i++) {
        up[i] = ask(w, &w->brokers[i], "links", NULL);
        Table *q = ask(w, &w->brokers[i], "queues", NULL);
        int waiting = column(q, "waiting");
        for (uint32_t r = 0; waiting >= 0 && r < table_rows(q); r++)
            if (strcmp(table_cell(q, r, (uint32_t)waiting), "0") != 0)
                wrong(w, &w->report->undrained, "%s: %s wait in %s", w->brokers[i].name,
                      table_cell(q, r, (uint32_t)waiting), table_cell(q, r, 1));
        if (waiting < 0)
            wrong(w, &w->report->undrained, "no queues of %s", w->brokers[i].name);
        (void)table_free(q);
    }
    static const char *const pairs[][2] = { { "sent_count", "received_count" },
                                            { "sent_digest", "received_digest" },
                                            { "received_count", "sent_count" },
                                            { "received_digest", "sent_digest" } };
    for (unsigned i = 1; i < w->n_brokers; i++)
        for (uint32_t r = 0; r < table_rows(up[0]); r++)
            for (size_t p = 0; p < ARRAY_SIZE(pairs); p++) {
                int a = column(up[0], pairs[p][0]), b = column(up[i], pairs[p][1]);
                if (strcmp(table_cell(up[0], r, 0), w->brokers[i].name) != 0 || a < 0 || b < 0)
                    continue;
                if (table_rows(up[i]) != 1 || strcmp(table_cell(up[0], r, (uint32_t)a),
                                                     table_cell(up[i], 0, (uint32_t)b)) != 0)
                    wrong(w, &w->report->lost, "link of %s: %s of the parent differs",
                          w->brokers[i].name, pairs[p][0]);
            }
    for (unsigned i = 0; i < w->n_brokers; i++)
        (void)table_free(up[i]);
}

static void check(World *w) {
    for (Item *i = w->items; i; i = i->hh.next) {
        Item *of = uuid_is_nil(&i->recalled) ? NULL : item_find(w, &i->recalled);
        if (of && i->accepted)
            of->withdrawn = true;
    }
    for (Item *i = w->items; i; i = i->hh.next)
        for (unsigned k = 0; i->accepted && k < i->n_recipients; k++)
            check_item(w, i, k);
    check_links(w);
    for (unsigned i = 0; i < w->n_brokers; i++) {
        Table *t = ask(w, &w->brokers[i], "check", NULL);
        for (uint32_t r = 0; r < table_rows(t); r++) {
            const char *cell = table_cell(t, r, t->n_columns - 1);
            if (w->config->verbose)
                fprintf(stderr, "check %s: %s %s\n", w->brokers[i].name, table_cell(t, r, 0), cell);
        }
        if (t->code != 0)
            wrong(w, &w->report->wrong_outcomes, "check of %s: %s", w->brokers[i].name, t->text);
        (void)table_free(t);
    }
}

static void tear_down(World *w) {
    for (unsigned i = 0; i < w->n_brokers; i++) {
        SimBroker *sb = &w->brokers[i];
        sb->broker = broker_free(sb->broker);
        while (sb->batch) {
            StoreOp *next = sb->batch->next;
            (void)store_op_free(sb->batch);
            sb->batch = next;
        }
        sb->store = store_close(sb->store);
    }
    Packet *p, *p_tmp;
    DL_FOREACH_SAFE(w->packets, p, p_tmp) {
        DL_DELETE(w->packets, p);
        packet_free(p);
    }
    for (unsigned i = 0; i < w->n_clients; i++) {
        client_lost(w, &w->clients[i]);
        free(w->clients[i].items);
        free(w->clients[i].last_number);
    }
    Item *it, *tmp;
    HASH_ITER(hh, w->items, it, tmp) {
        HASH_DEL(w->items, it);
        free(it->envelope);
        free(it->facts);
        free(it);
    }
}

int sim_run(const SimConfig *config, SimReport *ret) {
    World *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    *ret = (SimReport){ 0 };
    w->config = config;
    w->report = ret;
    w->rng = config->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    w->faults_left = config->faults;
    w->next_fault_ms = 500;
    set_up(w);
    int64_t limit = 4 * HOUR_MS, quiet = 0;
    while (w->now_ms < limit && quiet < 40000) {
        step(w);
        if (w->faults_left > 0 && all_done(w))
            w->faults_left = 0;
        quiet = w->faults_left == 0 && all_up(w) && all_done(w) ? quiet + 1 : 0;
    }
    ret->virtual_ms = w->now_ms;
    if (!all_done(w)) {
        for (Item *i = w->items; i; i = i->hh.next)
            for (unsigned k = 0; k < i->n_recipients; k++)
                if (!i->refused && (!i->accepted || i->told[k] == 0))
                    wrong(w, &ret->undrained, "message %u of case %u of %s to %s: %s, seen %u",
                          i->number, i->cas, w->clients[i->client].name,
                          w->clients[i->recipients[k]].name,
                          i->accepted ? "accepted" : "not accepted", i->seen[k]);
    }
    check(w);
    tear_down(w);
    free(w);
    return ret->lost || ret->unexpected || ret->inversions || ret->wrong_outcomes || ret->undrained;
}

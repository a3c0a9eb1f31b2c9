/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A broker over a real store, one hand-made frame at a time: the races that the simulated worlds
 * meet too rarely. Nothing reaches the disk of the broker before run() or batch() says so.
 */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "broker/broker.h"
#include "store-config.h"
#include "test.h"
#include "wire/codec.h"

#define START_MS  INT64_C(1767225600000) /* 2026-01-01 */
#define HEARD_MAX 4096U
#define RETRY_CAP (15 * MINUTE_MS)

typedef struct Heard { /* one frame the broker sent */
    BrokerPort port;
    uint8_t peer;
    Frame f;
    Uuid id; /* of the message behind it */
    unsigned n_parts;
} Heard;

typedef struct World {
    char folder[64], path[96];
    const char *self;
    StoreConfig store_config;
    BrokerConfig config;
    Store *store;
    Broker *broker;
    Now now;
    Heard *heard;
    unsigned n_heard, n_gaps, n_denied, n_resets, n_ids;
    /* journal: the clock leapt ahead; the directory is old; a quota is reached; a key did harm */
    unsigned n_leaps, n_stale, n_ahead, n_quotas, n_slowed;
    Servers servers;       /* where else the parent is found, as the broker told last */
    bool full[256];        /* the pipe of that peer (0: the uplink) takes nothing */
    bool lost[256];        /* its connection is gone, and the broker has not heard of it */
    bool early;            /* take the checks as soon as there are some */
    struct Checks *checks; /* taken so */
} World;

/* --- surroundings --------------------------------------------------------------------------- */

static inline int io_send(void *data, BrokerPort port, Bytes route, const Bytes *parts,
                          unsigned n) {
    World *w = data;
    const char *why;
    const uint8_t peer = port == PORT_UPLINK ? 0 : route.p[0];
    if (w->lost[peer])
        return -EHOSTUNREACH;
    if (w->full[peer])
        return -EAGAIN;
    ASSERT_TRUE(w->n_heard < HEARD_MAX);
    Heard *h = &w->heard[w->n_heard++];
    *h = (Heard) { .port = port, .peer = peer, .n_parts = n };
    ASSERT_OK(codec_decode_frame(parts[0], FRAME_ANSWER_MAX, &h->f, &why));
    Envelope e;
    if (n > 1 && codec_decode_envelope(parts[1], &e, &why) == 0)
        h->id = e.message_id;
    return 0;
}

static inline void io_log(void *data, const LogRecord *r) {
    ((World *)data)->n_gaps += r->event == LOG_EVENT_LINK_GAP;
    ((World *)data)->n_denied += r->event == LOG_EVENT_ACCESS_DENIED;
    ((World *)data)->n_leaps += r->event == LOG_EVENT_CLOCK_LEAPT;
    ((World *)data)->n_stale += r->event == LOG_EVENT_DIRECTORY_STALE;
    ((World *)data)->n_ahead += r->event == LOG_EVENT_DIRECTORY_AHEAD;
    ((World *)data)->n_quotas += r->event == LOG_EVENT_QUOTA_REACHED;
    ((World *)data)->n_slowed += r->event == LOG_EVENT_PEER_SLOWED;
}

static inline uint32_t io_random(void *data) {
    (void)data;
    return 0;
}

static inline void io_reset(void *data) {
    ((World *)data)->n_resets++;
}

static inline void io_checks(void *data) {
    World *w = data;
    if (w->early)
        w->checks = broker_take_checks(w->broker, w->now);
}

static inline bool io_verb(void *data, const char *verb, char *const *args, uint32_t n, Table *t) {
    (void)data, (void)verb, (void)args, (void)n, (void)t;
    return false;
}

static inline void io_directory(void *data, Directory *d) {
    (void)data, (void)d;
}

static inline void io_servers(void *data, const Servers *l) {
    ((World *)data)->servers = *l;
}

static inline void forget(World *w) {
    for (unsigned i = 0; i < w->n_heard; i++)
        frame_deinit(&w->heard[i].f);
    w->n_heard = 0;
}

/* The frame of that kind that was sent to the peer, the n-th from 0; NULL when there is none. */
static inline const Heard *heard(const World *w, uint8_t peer, FrameKind kind, unsigned n) {
    for (unsigned i = 0; i < w->n_heard; i++)
        if (w->heard[i].peer == peer && w->heard[i].f.kind == kind && n-- == 0)
            return &w->heard[i];
    return NULL;
}

static inline unsigned count(const World *w, uint8_t peer, FrameKind kind) {
    unsigned n = 0;
    while (heard(w, peer, kind, n))
        n++;
    return n;
}

/* --- a world -------------------------------------------------------------------------------- */

/*
 * hub ── upt/r1, upt/r2. dsk/3201 to dsk/3203 live on upt/r1, dsk/3301 on the hub, dsk/3401 on
 * upt/r2. Keys are the node ids, padded; that of dsk/3203 is valid for an hour.
 */
static inline void key_of(const char *node, char ret[static CURVE_TEXT_SIZE]) {
    memset(ret, 'k', CURVE_TEXT_SIZE - 1);
    memcpy(ret, node, strlen(node));
    ret[CURVE_TEXT_SIZE - 1] = '\0';
}

static inline void add_node(StoreOp *op, const char *id, int kind, const char *home,
                            const char *above) {
    DirNode *n = &op->import.nodes[op->import.n_nodes++];
    (void)text_copy(n->id, sizeof(n->id), id);
    (void)text_copy(n->home, sizeof(n->home), home);
    (void)text_copy(n->broker_parent, sizeof(n->broker_parent), above);
    n->kind = kind;
    n->broker = strcmp(id, home) == 0;
    DirKey *k = &op->import.keys[op->import.n_keys++];
    key_of(id, k->curve);
    (void)text_copy(k->node, sizeof(k->node), id);
    k->broker = n->broker;
}

static inline void import(World *w) {
    StoreOp *op = store_op_new(OP_IMPORT);
    assert_non_null(op);
    op->import.nodes = calloc(16, sizeof(DirNode));
    op->import.keys = calloc(16, sizeof(DirKey));
    add_node(op, "hub", NODE_NATIONAL_HUB, "hub", "");
    add_node(op, "upt/r1", NODE_UPT_BALAI, "upt/r1", "hub");
    add_node(op, "upt/r2", NODE_UPT_BALAI, "upt/r2", "hub");
    add_node(op, "dsk/3201", NODE_SOCIAL_AGENCY_REGENCY, "upt/r1", "");
    add_node(op, "dsk/3202", NODE_SOCIAL_AGENCY_REGENCY, "upt/r1", "");
    add_node(op, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "upt/r1", "");
    op->import.keys[op->import.n_keys - 1].valid_until_ms = w->now.wall_ms + HOUR_MS;
    add_node(op, "dsk/3301", NODE_SOCIAL_AGENCY_REGENCY, "hub", "");
    add_node(op, "dsk/3401", NODE_SOCIAL_AGENCY_REGENCY, "upt/r2", "");
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

static inline void open_store(World *w) {
    char why[256];
    if (store_open(&w->store, &w->store_config, NULL, NULL, why) < 0)
        fail_msg("%s", why);
}

static inline void open_broker(World *w) {
    BrokerIo io = { .data = w,
                    .send = io_send,
                    .log = io_log,
                    .random = io_random,
                    .uplink_reset = io_reset,
                    .verb = io_verb,
                    .directory = io_directory,
                    .servers = io_servers,
                    .checks = io_checks };
    Directory *d = store_directory(w->store);
    ASSERT_OK(broker_new(&w->broker, &w->config, &io, d, w->now));
    (void)directory_unref(d);
}

static inline void world_init(World *w, const char *self) {
    ASSERT_OK(hash_init());
    *w = (World) { .self = self, .now = { .wall_ms = START_MS, .mono_ms = 1000 } };
    w->heard = calloc(HEARD_MAX, sizeof(Heard));
    strcpy(w->folder, "/dev/shm/test-broker-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof(w->path), "%s/store.db", w->folder);
    w->store_config = test_store_config(w->path, self, &codec_message);
    w->config = broker_config_default;
    w->config.retry.cap_ms = RETRY_CAP;
    (void)text_copy(w->config.self, sizeof(w->config.self), self);
    if (strcmp(self, "hub") != 0)
        (void)text_copy(w->config.parent, sizeof(w->config.parent), "hub");
    open_store(w);
    import(w);
    open_broker(w);
}

static inline void world_deinit(World *w) {
    char command[128];
    w->broker = broker_free(w->broker);
    w->store = store_close(w->store);
    forget(w);
    free(w->heard);
    snprintf(command, sizeof(command), "rm -rf %s", w->folder);
    ASSERT_OK(system(command));
}
#define WORLD(w, self)                                                                             \
    _cleanup_(world_deinit) World w;                                                               \
    world_init(&w, (self))

/* --- turns ---------------------------------------------------------------------------------- */

/* What the broker has asked of the store so far, and no more. Returns whether there was anything.
 */
static inline bool batch(World *w) {
    broker_check_here(w->broker, w->now);
    StoreOp *list = broker_take_batch(w->broker);
    if (!list)
        return false;
    ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
    ASSERT_OK(broker_stored(w->broker, w->now, list));
    return true;
}

static inline void run(World *w) {
    while (batch(w))
        ;
}

static inline void pass(World *w, int64_t ms) {
    w->now.wall_ms += ms;
    w->now.mono_ms += ms;
    ASSERT_OK(broker_tick(w->broker, w->now));
}

static inline void say_parts(World *w, uint8_t peer, const char *node, const Frame *f,
                             const Bytes *parts, unsigned n) {
    char key[CURVE_TEXT_SIZE];
    uint8_t *p, route[5] = { peer, 1, 2, 3, 4 };
    size_t size;
    key_of(node, key);
    ASSERT_OK(codec_encode_frame(f, &p, &size));
    Bytes all[PARTS_MAX] = { bytes_make(p, size) };
    for (unsigned i = 0; i < n; i++)
        all[i + 1] = parts[i];
    PeerMessage m = { .port = peer == 0 ? PORT_UPLINK : PORT_CLIENTS,
                      .route = peer == 0 ? (Bytes) { 0 } : bytes_make(route, sizeof(route)),
                      .user_id = key,
                      .parts = all,
                      .n_parts = n + 1 };
    ASSERT_OK(broker_receive(w->broker, w->now, &m));
    free(p);
}

static inline void say(World *w, uint8_t peer, const char *node, Frame f) {
    say_parts(w, peer, node, &f, NULL, 0);
}

/* --- peers ---------------------------------------------------------------------------------- */

static inline void hello(World *w, uint8_t peer, const char *node, uint8_t instance) {
    say(w, peer, node,
        (Frame) { .kind = FRAME_HELLO,
                  .hello = { .protocol_min = 1,
                             .protocol_max = 1,
                             .instance_id = { { [0] = instance } } } });
}

static inline void subscribe(World *w, uint8_t peer, const char *node, uint32_t channel,
                             FrameSource source, uint32_t credit) {
    say(w, peer, node,
        (Frame) {
            .kind = FRAME_SUBSCRIBE,
            .subscribe = { .channel = channel, .source = source, .credit_messages = credit } });
}

static inline void credit(World *w, uint8_t peer, const char *node, uint32_t channel,
                          uint32_t messages) {
    say(w, peer, node,
        (Frame) { .kind = FRAME_CREDIT, .credit = { .channel = channel, .messages = messages } });
}

static inline void settle(World *w, uint8_t peer, const char *node, uint64_t tag,
                          SettleAction action) {
    Settlement st = { .tags = { tag, tag }, .action = action };
    say(w, peer, node,
        (Frame) { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &st } });
}

typedef struct Letter {
    Uuid id;
    uint8_t *envelope;
    size_t n;
} Letter;

static inline Letter letter(World *w, const char *from, const char *to, uint8_t cas, int urgency) {
    Letter l = { .id = { { 1, 2, [14] = (uint8_t)(++w->n_ids >> 8), (uint8_t)w->n_ids } } };
    Envelope e = { .message_id = l.id,
                   .kind = 1000, /* newer than the broker: opaque */
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .case_id = { { [0] = cas, [15] = 9 } },
                   .urgency = urgency,
                   .sensitivity = 1,
                   .created_ms = START_MS,
                   .has_facts_digest = true };
    hash_digest((Bytes) { 0 }, e.facts_digest);
    (void)text_copy(e.sender, sizeof(e.sender), from);
    (void)text_copy(e.region, sizeof(e.region), "3203");
    e.audience.form = AUDIENCE_NODES;
    e.audience.n = 1;
    (void)text_copy(e.audience.nodes[0], NODE_NAME_SIZE, to);
    ASSERT_OK(codec_encode_envelope(&e, &l.envelope, &l.n));
    return l;
}

static inline Uuid publish_as(World *w, uint8_t peer, const char *from, const char *to, uint8_t cas,
                              int urgency) {
    Letter l = letter(w, from, to, cas, urgency);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id } };
    Bytes parts[2] = { bytes_make(l.envelope, l.n), { 0 } };
    say_parts(w, peer, from, &f, parts, 2);
    free(l.envelope);
    return l.id;
}

static inline Uuid publish(World *w, uint8_t peer, const char *from, const char *to, uint8_t cas) {
    return publish_as(w, peer, from, to, cas, URGENCY_ROUTINE);
}

/* With a sealed part of that size, each of a case of its own. */
static inline void publish_large(World *w, uint8_t peer, const char *from, const char *to,
                                 size_t size) {
    _cleanup_(freep) uint8_t *sealed = calloc(1, size), *envelope = NULL;
    Letter l = letter(w, from, to, (uint8_t)(77 + w->n_ids), URGENCY_ROUTINE);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id } };
    Envelope e;
    const char *why;
    size_t n;
    ASSERT_OK(codec_decode_envelope(bytes_make(l.envelope, l.n), &e, &why));
    e.has_sealed_digest = true;
    hash_digest(bytes_make(sealed, size), e.sealed_digest);
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n));
    Bytes parts[3] = { bytes_make(envelope, n), { 0 }, bytes_make(sealed, size) };
    say_parts(w, peer, from, &f, parts, 3);
    free(l.envelope);
}

static inline void welcome(World *w, uint32_t credit_messages_max) {
    Frame f = { .kind = FRAME_WELCOME,
                .welcome = { .protocol = 1,
                             .envelope_max = ENVELOPE_MAX,
                             .facts_max = FACTS_MAX,
                             .sealed_max = SEALED_MAX,
                             .publish_window = 1024,
                             .credit_messages_max = credit_messages_max,
                             .credit_bytes_max = 16U * 1024 * 1024,
                             .ping_interval_ms = 10000,
                             .broker_ms = w->now.wall_ms } };
    (void)text_copy(f.welcome.broker, sizeof(f.welcome.broker), "hub");
    (void)text_copy(f.welcome.node, sizeof(f.welcome.node), w->self);
    say(w, 0, "hub", f);
}

static inline void uplink_open(World *w, uint32_t credit_messages_max) {
    ASSERT_OK(broker_uplink_connected(w->broker, w->now));
    welcome(w, credit_messages_max);
}

/* The parent delivers a message for dsk/3201, with a sealed part of that size. */
static inline void parent_answers(World *w, const Uuid *id, Verdict verdict) {
    PublishResult r = { .message_id = *id, .verdict = verdict, .retry_after_ms = 1000 };
    say(w, 0, "hub", (Frame) { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } });
}

static inline void deliver_down(World *w, uint64_t tag, size_t sealed) {
    Letter l = letter(w, "dsk/3301", "dsk/3201", (uint8_t)tag, URGENCY_ROUTINE);
    Forward fwd = { .present = true,
                    .accepted_ms = w->now.wall_ms,
                    .expires_ms = w->now.wall_ms + DAY_MS,
                    .n_recipients = 1,
                    .n_stamps = 1 };
    fwd.recipients[0].role = ROLE_ADDRESSEE;
    (void)text_copy(fwd.recipients[0].node, NODE_NAME_SIZE, "dsk/3201");
    fwd.stamps[0].at_ms = w->now.wall_ms;
    (void)text_copy(fwd.stamps[0].broker, NODE_NAME_SIZE, "hub");
    Frame f = { .kind = FRAME_DELIVER,
                .deliver = { .channel = 1, .tag = tag, .attempt = 1, .forward = &fwd } };
    _cleanup_(freep) uint8_t *bytes = calloc(1, sealed + 1);
    Bytes parts[3] = { bytes_make(l.envelope, l.n), { 0 }, bytes_make(bytes, sealed) };
    say_parts(w, 0, "hub", &f, parts, sealed ? 3 : 2);
    free(l.envelope);
}

static inline unsigned outcomes(World *w, const Uuid *id) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    StoreOp *op = store_op_new(OP_QUERY);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), "outcome");
    op->query.args[0] = strdup(text);
    op->query.n_args = 1;
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    const Table *t = op->query.table;
    unsigned n = 0;
    for (uint32_t c = 0; c < t->n_columns; c++)
        for (uint32_t r = 0; strcmp(t->columns[c].name, "level") == 0 && r < table_rows(t); r++)
            n += strcmp(table_cell(t, r, c), "PENDING") != 0;
    store_op_free(op);
    return n;
}

/* The cause its recipient's outcome has; "" when there is none. */
static inline void cause_of(World *w, const Uuid *id, char ret[static 64]) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    StoreOp *op = store_op_new(OP_QUERY);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), "outcome");
    op->query.args[0] = strdup(text);
    op->query.n_args = 1;
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    const Table *t = op->query.table;
    ret[0] = '\0';
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (strcmp(t->columns[c].name, "cause") == 0 && table_rows(t) > 0)
            (void)text_copy(ret, 64, table_cell(t, 0, c));
    store_op_free(op);
}

static inline void recall(World *w, uint8_t peer, const char *from, const Uuid *of) {
    Uuid id = { { 1, 3, [15] = (uint8_t)++w->n_ids } };
    _cleanup_(freep) uint8_t *facts = NULL, *envelope = NULL;
    size_t n_facts, n;
    Envelope e = { .message_id = id,
                   .kind = KIND_RECALL_ORDER,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .sensitivity = 1,
                   .created_ms = START_MS,
                   .has_facts_digest = true };
    ASSERT_OK(codec_encode_recall_order(of, "sent by mistake", &facts, &n_facts));
    hash_digest(bytes_make(facts, n_facts), e.facts_digest);
    (void)text_copy(e.sender, sizeof(e.sender), from);
    (void)text_copy(e.region, sizeof(e.region), "3203");
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n));
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = id } };
    Bytes parts[2] = { bytes_make(envelope, n), bytes_make(facts, n_facts) };
    say_parts(w, peer, from, &f, parts, 2);
}

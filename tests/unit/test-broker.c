/* SPDX-License-Identifier: Apache-2.0 */

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
    unsigned n_heard, n_gaps, n_resets, n_ids;
    bool full[256]; /* the pipe of that peer (0: the uplink) takes nothing */
} World;

/* --- surroundings --------------------------------------------------------------------------- */

static int io_send(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n) {
    World *w = data;
    const char *why;
    const uint8_t peer = port == PORT_UPLINK ? 0 : route.p[0];
    if (w->full[peer])
        return -EAGAIN;
    ASSERT_TRUE(w->n_heard < HEARD_MAX);
    Heard *h = &w->heard[w->n_heard++];
    *h = (Heard) { .port = port, .peer = peer };
    ASSERT_OK(codec_decode_frame(parts[0], FRAME_ANSWER_MAX, &h->f, &why));
    Envelope e;
    if (n > 1 && codec_decode_envelope(parts[1], &e, &why) == 0)
        h->id = e.message_id;
    return 0;
}

static void io_log(void *data, const LogRecord *r) {
    ((World *)data)->n_gaps += r->event == LOG_EVENT_LINK_GAP;
}

static uint32_t io_random(void *data) {
    (void)data;
    return 0;
}

static void io_reset(void *data) {
    ((World *)data)->n_resets++;
}

static bool io_verb(void *data, const char *verb, char *const *args, uint32_t n, Table *t) {
    (void)data, (void)verb, (void)args, (void)n, (void)t;
    return false;
}

static void io_directory(void *data, Directory *d) {
    (void)data, (void)d;
}

static void forget(World *w) {
    for (unsigned i = 0; i < w->n_heard; i++)
        frame_deinit(&w->heard[i].f);
    w->n_heard = 0;
}

/* The frame of that kind that was sent to the peer, the n-th from 0; NULL when there is none. */
static const Heard *heard(const World *w, uint8_t peer, FrameKind kind, unsigned n) {
    for (unsigned i = 0; i < w->n_heard; i++)
        if (w->heard[i].peer == peer && w->heard[i].f.kind == kind && n-- == 0)
            return &w->heard[i];
    return NULL;
}

static unsigned count(const World *w, uint8_t peer, FrameKind kind) {
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
static void key_of(const char *node, char ret[static CURVE_TEXT_SIZE]) {
    memset(ret, 'k', CURVE_TEXT_SIZE - 1);
    memcpy(ret, node, strlen(node));
    ret[CURVE_TEXT_SIZE - 1] = '\0';
}

static void add_node(StoreOp *op, const char *id, int kind, const char *home, const char *above) {
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

static void import(World *w) {
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

static void open_store(World *w) {
    char why[256];
    if (store_open(&w->store, &w->store_config, NULL, NULL, why) < 0)
        fail_msg("%s", why);
}

static void open_broker(World *w) {
    BrokerIo io = { .data = w,
                    .send = io_send,
                    .log = io_log,
                    .random = io_random,
                    .uplink_reset = io_reset,
                    .verb = io_verb,
                    .directory = io_directory };
    Directory *d = store_directory(w->store);
    ASSERT_OK(broker_new(&w->broker, &w->config, &io, d, w->now));
    (void)directory_unref(d);
}

static void world_init(World *w, const char *self) {
    ASSERT_OK(hash_init());
    *w = (World) { .self = self, .now = { .wall_ms = START_MS, .mono_ms = 1000 } };
    w->heard = calloc(HEARD_MAX, sizeof(Heard));
    strcpy(w->folder, "/dev/shm/test-broker-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof(w->path), "%s/store.db", w->folder);
    w->store_config = (StoreConfig) { .path = w->path,
                                      .self = self,
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
    w->config = broker_config_default;
    w->config.retry.cap_ms = RETRY_CAP;
    (void)text_copy(w->config.self, sizeof(w->config.self), self);
    if (strcmp(self, "hub") != 0)
        (void)text_copy(w->config.parent, sizeof(w->config.parent), "hub");
    open_store(w);
    import(w);
    open_broker(w);
}

static void world_deinit(World *w) {
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
static bool batch(World *w) {
    StoreOp *list = broker_take_batch(w->broker);
    if (!list)
        return false;
    ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
    ASSERT_OK(broker_stored(w->broker, w->now, list));
    return true;
}

static void run(World *w) {
    while (batch(w))
        ;
}

static void pass(World *w, int64_t ms) {
    w->now.wall_ms += ms;
    w->now.mono_ms += ms;
    ASSERT_OK(broker_tick(w->broker, w->now));
}

static void say_parts(World *w, uint8_t peer, const char *node, const Frame *f, const Bytes *parts,
                      unsigned n) {
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

static void say(World *w, uint8_t peer, const char *node, Frame f) {
    say_parts(w, peer, node, &f, NULL, 0);
}

/* --- peers ---------------------------------------------------------------------------------- */

static void hello(World *w, uint8_t peer, const char *node, uint8_t instance) {
    say(w, peer, node,
        (Frame) { .kind = FRAME_HELLO,
                  .hello = { .protocol_min = 1,
                             .protocol_max = 1,
                             .instance_id = { { [0] = instance } } } });
}

static void subscribe(World *w, uint8_t peer, const char *node, uint32_t channel,
                      FrameSource source, uint32_t credit) {
    say(w, peer, node,
        (Frame) {
            .kind = FRAME_SUBSCRIBE,
            .subscribe = { .channel = channel, .source = source, .credit_messages = credit } });
}

static void credit(World *w, uint8_t peer, const char *node, uint32_t channel, uint32_t messages) {
    say(w, peer, node,
        (Frame) { .kind = FRAME_CREDIT, .credit = { .channel = channel, .messages = messages } });
}

static void settle(World *w, uint8_t peer, const char *node, uint64_t tag, SettleAction action) {
    Settlement st = { .tags = { tag, tag }, .action = action };
    say(w, peer, node,
        (Frame) { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &st } });
}

typedef struct Letter {
    Uuid id;
    uint8_t *envelope;
    size_t n;
} Letter;

static Letter letter(World *w, const char *from, const char *to, uint8_t cas, int urgency) {
    Letter l = { .id = { { 1, 2, [14] = (uint8_t)(++w->n_ids >> 8), (uint8_t)w->n_ids } } };
    Envelope e = { .message_id = l.id,
                   .kind = 1000, /* newer than the broker: opaque */
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .case_id = { { [0] = cas, [15] = 9 } },
                   .urgency = urgency,
                   .sensitivity = 1,
                   .created_ms = START_MS,
                   .has_facts_sha256 = true };
    hash_sha256((Bytes) { 0 }, e.facts_sha256);
    (void)text_copy(e.sender, sizeof(e.sender), from);
    (void)text_copy(e.region, sizeof(e.region), "3203");
    e.audience.form = AUDIENCE_NODES;
    e.audience.n = 1;
    (void)text_copy(e.audience.nodes[0], NODE_NAME_SIZE, to);
    ASSERT_OK(codec_encode_envelope(&e, &l.envelope, &l.n));
    return l;
}

static Uuid publish(World *w, uint8_t peer, const char *from, const char *to, uint8_t cas) {
    Letter l = letter(w, from, to, cas, URGENCY_ROUTINE);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id } };
    Bytes parts[2] = { bytes_make(l.envelope, l.n), { 0 } };
    say_parts(w, peer, from, &f, parts, 2);
    free(l.envelope);
    return l.id;
}

static void welcome(World *w, uint32_t credit_messages_max) {
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

static void uplink_open(World *w, uint32_t credit_messages_max) {
    ASSERT_OK(broker_uplink_connected(w->broker, w->now));
    welcome(w, credit_messages_max);
}

/* The parent delivers a message for dsk/3201, with a sealed part of that size. */
static void deliver_down(World *w, uint64_t tag, size_t sealed) {
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

/* --- links ---------------------------------------------------------------------------------- */

typedef struct Parent { /* the parent's books of our link channel, as PROTOCOL.md 9.2 has them */
    uint32_t messages_max, messages, out;
    int64_t bytes_max, bytes, bytes_out;
    uint64_t next_tag, n_settled;
    size_t size;
} Parent;

static void parent_reads(World *w, Parent *p) {
    for (unsigned i = 0; i < w->n_heard; i++) {
        const Frame *f = &w->heard[i].f;
        if (w->heard[i].peer != 0)
            continue;
        if (f->kind == FRAME_SUBSCRIBE) {
            p->messages = MIN(f->subscribe.credit_messages, p->messages_max);
            p->bytes = p->bytes_max;
        } else if (f->kind == FRAME_SETTLE) {
            for (uint32_t k = 0; k < f->settle.n; k++) {
                TagRange t = f->settle.settlements[k].tags;
                uint32_t n = (uint32_t)(MAX(t.last, t.first) - t.first + 1);
                p->out -= n;
                p->bytes_out -= (int64_t)(n * p->size);
                p->n_settled += n;
            }
        } else if (f->kind == FRAME_CREDIT) {
            p->messages += MIN(f->credit.messages, p->messages_max - p->messages - p->out);
            p->bytes = f->credit.bytes == 0
                           ? p->bytes_max - p->bytes_out
                           : MIN(p->bytes + f->credit.bytes, p->bytes_max - p->bytes_out);
        }
    }
    forget(w);
}

/* The parent has `n` messages for us and sends as many as it may; ours come to the disk late. */
static void flood(World *w, Parent *p, unsigned n) {
    p->next_tag = 1;
    uplink_open(w, p->messages_max);
    for (unsigned rounds = 0; p->n_settled < n && rounds < 4 * n; rounds++) {
        parent_reads(w, p);
        while (p->next_tag <= n && p->messages > 0 && p->bytes >= (int64_t)p->size) {
            p->messages--;
            p->bytes -= (int64_t)p->size;
            p->out++;
            p->bytes_out += (int64_t)p->size;
            deliver_down(w, p->next_tag++, p->size);
            parent_reads(w, p);
        }
        run(w);
    }
    ASSERT_EQ(p->n_settled, n);
}

TEST(a_link_never_runs_out_of_credit) {
    WORLD(w, "upt/r1");
    Parent p = { .messages_max = 256, .bytes_max = 16 * 1024 * 1024, .size = 100 };
    flood(&w, &p, 800);
}

TEST(a_link_never_runs_out_of_credit_for_bytes) {
    WORLD(w, "upt/r1");
    Parent p = { .messages_max = 256, .bytes_max = 16 * 1024 * 1024, .size = 1024 * 1024 };
    flood(&w, &p, 40);
}

TEST(a_link_never_runs_out_of_a_small_credit) {
    WORLD(w, "upt/r1");
    Parent p = { .messages_max = 3, .bytes_max = 2 * 1024 * 1024, .size = 100 };
    flood(&w, &p, 20);
}

TEST(a_parent_that_does_not_let_us_read_its_link_is_asked_again) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    ASSERT_EQ(count(&w, 0, FRAME_SUBSCRIBE), 1);
    say(&w, 0, "hub",
        (Frame) {
            .kind = FRAME_ERROR,
            .error = { .code = ERROR_NOT_ALLOWED, .channel = 1, .text = "not in the directory" } });
    run(&w);
    forget(&w);
    for (int i = 0; i < 100; i++)
        pass(&w, 200);
    ASSERT_TRUE(count(&w, 0, FRAME_HELLO) >= 1);
}

TEST(settlements_that_cannot_be_said_are_not_forgotten) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 1024);
    run(&w);
    w.full[0] = true;
    for (uint64_t tag = 1; tag <= 600; tag += 2) /* gaps: a range each */
        deliver_down(&w, tag, 0);
    run(&w);
    w.full[0] = false;
    forget(&w);
    pass(&w, 1000);
    unsigned told = 0;
    for (unsigned i = 0; i < w.n_heard; i++)
        if (w.heard[i].f.kind == FRAME_SETTLE)
            told += w.heard[i].f.settle.n;
    ASSERT_TRUE(told == 300 || w.n_resets > 0); /* all of them, or the parent starts over */
}

TEST(nothing_goes_up_before_the_store_knows_that_the_link_is_open) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    forget(&w);
    uplink_open(&w, 256);
    pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 0); /* a crash now must find the row uncertain */
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
}

static unsigned outcomes(World *w, const Uuid *id) {
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

/* Sweeps, long after everything has expired. */
static void expire(World *w) {
    w->now.wall_ms += 31 * DAY_MS;
    for (int i = 0; i < 3; i++) {
        pass(w, 6000);
        run(w);
    }
}

TEST(what_the_parent_may_have_is_not_ended_here) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    Uuid sent = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    Uuid waits = publish(&w, 1, "dsk/3201", "dsk/3301", 1); /* behind it */
    run(&w);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    expire(&w);
    ASSERT_EQ(outcomes(&w, &waits), 1);
    ASSERT_EQ(outcomes(&w, &sent), 0);
    forget(&w);
    uplink_open(&w, 256);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_TRUE(uuid_equal(&heard(&w, 0, FRAME_PUBLISH, 0)->id, &sent));
}

TEST(what_a_child_may_have_is_not_ended_here) {
    WORLD(w, "hub");
    hello(&w, 1, "upt/r1", 1);
    hello(&w, 2, "dsk/3301", 2);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    Uuid sent = publish(&w, 2, "dsk/3301", "dsk/3201", 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
    say(&w, 1, "upt/r1", (Frame) { .kind = FRAME_BYE });
    run(&w);
    expire(&w);
    ASSERT_EQ(outcomes(&w, &sent), 0);
    hello(&w, 3, "upt/r1", 3);
    subscribe(&w, 3, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 1);
}

static void recall(World *w, uint8_t peer, const char *from, const Uuid *of) {
    Uuid id = { { 1, 3, [15] = (uint8_t)++w->n_ids } };
    _cleanup_(freep) uint8_t *facts = NULL, *envelope = NULL;
    size_t n_facts, n;
    Envelope e = { .message_id = id,
                   .kind = KIND_RECALL_ORDER,
                   .schema = 1,
                   .cluster = CLUSTER_CHILD,
                   .sensitivity = 1,
                   .created_ms = START_MS,
                   .has_facts_sha256 = true };
    ASSERT_OK(codec_encode_recall_order(of, "sent by mistake", &facts, &n_facts));
    hash_sha256(bytes_make(facts, n_facts), e.facts_sha256);
    (void)text_copy(e.sender, sizeof(e.sender), from);
    (void)text_copy(e.region, sizeof(e.region), "3203");
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n));
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = id } };
    Bytes parts[2] = { bytes_make(envelope, n), bytes_make(facts, n_facts) };
    say_parts(w, peer, from, &f, parts, 2);
}

TEST(what_the_parent_may_have_is_not_recalled_here) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    Uuid sent = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    recall(&w, 1, "dsk/3201", &sent); /* while it is out */
    run(&w);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    pass(&w, 6000);
    run(&w);
    forget(&w);
    uplink_open(&w, 256);
    run(&w);
    ASSERT_EQ(outcomes(&w, &sent), 0);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1); /* the order follows it */
    ASSERT_TRUE(uuid_equal(&heard(&w, 0, FRAME_PUBLISH, 0)->id, &sent));
}

TEST(what_was_recalled_while_it_was_out_is_not_handed_out_again) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    Uuid sent = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    recall(&w, 1, "dsk/3202", &sent);
    run(&w);
    ASSERT_EQ(outcomes(&w, &sent), 0); /* it may still be collected */
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    run(&w);
    say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_BYE });
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 0);
    ASSERT_EQ(outcomes(&w, &sent), 1);
}

TEST(a_settlement_is_not_said_in_a_later_session) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    run(&w);
    deliver_down(&w, 1, 0);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    uplink_open(&w, 256);
    run(&w); /* on disk now; tag 1 is another message's in this session */
    pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_SETTLE), 0);
}

static bool link_is_open(World *w, const char *neighbour) {
    StoreOp *op = store_op_new(OP_QUERY);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), "links");
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    bool open = false;
    const Table *t = op->query.table;
    for (uint32_t r = 0; r < table_rows(t); r++)
        for (uint32_t c = 0; strcmp(table_cell(t, r, 0), neighbour) == 0 && c < t->n_columns; c++)
            open |=
                strcmp(t->columns[c].name, "open") == 0 && strcmp(table_cell(t, r, c), "1") == 0;
    store_op_free(op);
    return open;
}

TEST(a_child_that_comes_back_takes_its_link_from_its_old_session) {
    WORLD(w, "hub");
    hello(&w, 1, "upt/r1", 1);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    ASSERT_TRUE(link_is_open(&w, "upt/r1"));
    hello(&w, 2, "upt/r1", 2); /* restarted: another instance */
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    const Heard *h = heard(&w, 1, FRAME_ERROR, 0);
    assert_non_null(h);
    ASSERT_EQ(h->f.error.code, ERROR_REPLACED);
    ASSERT_TRUE(link_is_open(&w, "upt/r1"));
    for (int i = 0; i < 200; i++) { /* the old connection dies of silence, the new one answers */
        pass(&w, 200);
        say(&w, 2, "upt/r1", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    ASSERT_TRUE(link_is_open(&w, "upt/r1"));
    ASSERT_EQ(broker_status(w.broker).child_links, 1);
    hello(&w, 3, "dsk/3301", 3);
    forget(&w);
    publish(&w, 3, "dsk/3301", "dsk/3201", 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 0);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
}

TEST(a_session_reads_a_link_once) {
    WORLD(w, "hub");
    hello(&w, 1, "upt/r1", 1);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 256);
    subscribe(&w, 1, "upt/r1", 2, SOURCE_LINK, 256);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
    assert_non_null(heard(&w, 1, FRAME_ERROR, 0));
}

/* --- sessions ------------------------------------------------------------------------------- */

TEST(one_node_cannot_take_the_place_of_all_others) {
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    config.sessions_max = 100;
    broker_reconfigure(w.broker, &config);
    for (uint8_t peer = 1; peer <= 64; peer++)
        hello(&w, peer, "dsk/3201", peer);
    assert_non_null(heard(&w, 64, FRAME_WELCOME, 0));
    hello(&w, 65, "dsk/3201", 65);
    assert_null(heard(&w, 65, FRAME_WELCOME, 0));
    ASSERT_EQ(heard(&w, 65, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
    hello(&w, 66, "dsk/3202", 66);
    assert_non_null(heard(&w, 66, FRAME_WELCOME, 0));
}

TEST(a_key_that_runs_out_ends_its_session) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3203", 1);
    hello(&w, 2, "dsk/3201", 2);
    assert_non_null(heard(&w, 1, FRAME_WELCOME, 0));
    for (int s = 0; s < 3605; s += 5) {
        pass(&w, 5 * SECOND_MS);
        say(&w, 1, "dsk/3203", (Frame) { .kind = FRAME_PONG });
        say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_PONG });
        forget(&w);
    }
    pass(&w, 11 * SECOND_MS);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
}

/* --- consumers ------------------------------------------------------------------------------ */

TEST(what_a_dead_consumer_held_comes_again_though_there_is_always_newer_work) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    Uuid held = publish(&w, 1, "dsk/3202", "dsk/3201", 2);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 2);
    for (int i = 0; i < 200; i++) {
        pass(&w, 200);
        say(&w, 1, "dsk/3202", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    forget(&w);
    for (uint8_t i = 10; i < 60; i++)
        publish(&w, 1, "dsk/3202", "dsk/3201", i);
    run(&w);
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    run(&w);
    uint64_t done = 0;
    for (uint8_t i = 0; i < 40; i++) { /* one settled, one granted: it is never without work */
        if (!heard(&w, 3, FRAME_DELIVER, (unsigned)done))
            break;
        if (heard(&w, 3, FRAME_DELIVER, (unsigned)done)->f.deliver.suspect)
            assert_null(heard(&w, 3, FRAME_DELIVER, (unsigned)done + 1)); /* it is out alone */
        settle(&w, 3, "dsk/3201", ++done, SETTLE_DONE);
        credit(&w, 3, "dsk/3201", 1, 1);
        run(&w);
    }
    unsigned at = 0;
    const Heard *h;
    while ((h = heard(&w, 3, FRAME_DELIVER, at)) && !uuid_equal(&h->id, &held))
        at++;
    assert_non_null(h);
    ASSERT_TRUE(at < 10);
    ASSERT_TRUE(h->f.deliver.suspect);
}

TEST(two_consumers_do_not_starve_what_a_third_one_held) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 3);
    for (uint8_t i = 1; i <= 3; i++)
        publish(&w, 1, "dsk/3202", "dsk/3201", i);
    run(&w);
    hello(&w, 3, "dsk/3201", 3);
    hello(&w, 4, "dsk/3201", 4);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 4);
    subscribe(&w, 4, "dsk/3201", 1, SOURCE_MAILBOX, 4);
    for (uint8_t i = 10; i < 250; i++)
        publish(&w, 1, "dsk/3202", "dsk/3201", i);
    run(&w);
    for (int i = 0; i < 200; i++) { /* 2 falls silent, the others work slowly */
        pass(&w, 200);
        for (uint8_t k = 1; k <= 4; k++)
            if (k != 2)
                say(&w, k, k == 1 ? "dsk/3202" : "dsk/3201", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    uint64_t done[5] = { 0 };
    unsigned suspects = 0;
    for (int i = 0; i < 60; i++) {
        for (uint8_t k = 3; k <= 4; k++) {
            if (!heard(&w, k, FRAME_DELIVER, (unsigned)done[k]))
                continue;
            settle(&w, k, "dsk/3201", ++done[k], SETTLE_DONE);
            credit(&w, k, "dsk/3201", 1, 1);
            run(&w);
        }
    }
    for (uint8_t k = 3; k <= 4; k++)
        for (unsigned i = 0; i < done[k]; i++)
            suspects += heard(&w, k, FRAME_DELIVER, i)->f.deliver.suspect;
    ASSERT_EQ(suspects, 2);
    ASSERT_TRUE(done[3] + done[4] > 80); /* and the work goes on */
}

TEST(a_channel_reads_what_its_own_subscribe_named) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    run(&w);
    forget(&w);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    say(&w, 1, "dsk/3201", (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .channel = 1 } });
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_RECEIPTS, 5); /* before the store answered the first */
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 0);
}

TEST(nothing_is_promised_before_it_is_on_disk) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    run(&w);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    pass(&w, 1000);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 0);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 1);
    settle(&w, 1, "dsk/3201", 1, SETTLE_DONE);
    pass(&w, 1000);
    ASSERT_EQ(count(&w, 1, FRAME_SETTLED), 0);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SETTLED), 1);
}

TEST(a_retry_comes_when_it_is_due_and_its_case_waits_for_it) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    run(&w);
    settle(&w, 1, "dsk/3201", 1, SETTLE_RETRY); /* half a second, by our dice */
    run(&w);
    pass(&w, 400);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
    pass(&w, 400);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 2);
    ASSERT_TRUE(
        uuid_equal(&heard(&w, 1, FRAME_DELIVER, 0)->id, &heard(&w, 1, FRAME_DELIVER, 1)->id));
}

static void parent_answers(World *w, const Uuid *id, Verdict verdict) {
    PublishResult r = { .message_id = *id, .verdict = verdict, .retry_after_ms = 1000 };
    say(w, 0, "hub", (Frame) { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } });
}

TEST(a_parent_without_room_is_asked_again_in_order) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    Uuid first = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    parent_answers(&w, &first, VERDICT_LATER);
    run(&w);
    pass(&w, 800);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    pass(&w, 400);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 2);
    ASSERT_TRUE(uuid_equal(&heard(&w, 0, FRAME_PUBLISH, 1)->id, &first));
    parent_answers(&w, &first, VERDICT_ACCEPTED);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 3);
}

TEST(a_retry_is_not_put_off_for_a_day_when_the_clock_is_set_back) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    run(&w);
    settle(&w, 1, "dsk/3201", 1, SETTLE_RETRY);
    run(&w);
    credit(&w, 1, "dsk/3201", 1, 1);
    w.now.wall_ms -= DAY_MS;
    forget(&w);
    for (int64_t ms = 0; ms < RETRY_CAP + 5000; ms += 5000) {
        pass(&w, 5000);
        say(&w, 1, "dsk/3201", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
}

TEST(answers_held_back_leave_as_soon_as_the_peer_reads_again) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    run(&w);
    forget(&w);
    w.full[1] = true;
    publish(&w, 1, "dsk/3201", "dsk/3202", 1);
    run(&w);
    w.full[1] = false;
    for (uint8_t i = 0; i < 250; i++)
        for (int k = 0; k < 5; k++) {
            publish(&w, 1, "dsk/3201", "dsk/3202", i);
            run(&w);
        }
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 1251); /* not one second later, and none too many */
}

TEST(a_dropped_subscription_leaves_nothing_behind) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    publish(&w, 1, "dsk/3201", "dsk/3201", 9); /* so that the newest queue is the subscription's */
    run(&w);
    Filter *all = calloc(1, sizeof(*all));
    Frame sub = { .kind = FRAME_SUBSCRIBE,
                  .subscribe = { .channel = 1,
                                 .source = SOURCE_NAMED,
                                 .name = "all",
                                 .filter = all,
                                 .credit_messages = 5 } };
    say_parts(&w, 1, "dsk/3201", &sub, NULL, 0);
    run(&w);
    for (uint8_t i = 1; i <= 3; i++)
        publish(&w, 1, "dsk/3201", "dsk/3201", i);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 3);
    for (int i = 0; i < 200; i++) { /* silent: two of them are suspects now */
        pass(&w, 200);
        run(&w);
    }
    hello(&w, 2, "dsk/3201", 2);
    say(&w, 2, "dsk/3201",
        (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .drop_name = "all" } });
    run(&w);
    forget(&w);
    say_parts(&w, 2, "dsk/3201", &sub, NULL, 0); /* a new one of the name: nothing waits in it */
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_SUBSCRIBED), 1);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 0);
    free(all);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds: stories for the broker (steps as in fuzz-broker.c). */

#include "core/bundle.h"
#include "fuzz/make-corpus.h"

#define HAPPENS(what) (3U | (what) << 2)
#define STORE_RUNS    HAPPENS(0U)
#define TIME_PASSES   HAPPENS(1U)
#define PARENT_UP     HAPPENS(2U)
#define PARENT_LOST   HAPPENS(3U)
#define SEND_WORKS    HAPPENS(4U)
#define SEND_FULL     HAPPENS(5U)
#define SEND_GONE     HAPPENS(6U)
#define BATCH_HELD    HAPPENS(7U)

static void says(Buf *b, BrokerPort port, unsigned peer, Frame *f, const Bytes *parts, unsigned n) {
    uint8_t *p;
    size_t size;
    encode(f, &p, &size);
    add_byte(b, (unsigned)port | peer << 2 | (n + 1) << 5);
    add_part(b, bytes_make(p, size));
    for (unsigned i = 0; i < n; i++)
        add_part(b, parts[i]);
    free(p);
}

static void says_kind(Buf *b, BrokerPort port, unsigned peer, int kind) {
    Frame f;
    fill(&f, kind);
    says(b, port, peer, &f, NULL, 0);
}

static void hello(Buf *b, BrokerPort port, unsigned peer) {
    Frame f;
    fill(&f, FRAME_HELLO);
    f.hello.instance_id.b[0] = (uint8_t)(16 * port + peer);
    f.hello.progress = (LinkProgress) { .present = true };
    says(b, port, peer, &f, NULL, 0);
}

static void subscribe(Buf *b, unsigned peer, FrameSource source, const char *name) {
    Frame f = { .kind = FRAME_SUBSCRIBE,
                .subscribe = { .channel = 1, .source = source, .credit_messages = 4 } };
    (void)text_copy(f.subscribe.name, sizeof(f.subscribe.name), name);
    if (source == SOURCE_NAMED) {
        f.subscribe.filter = calloc(1, sizeof(Filter));
        f.subscribe.filter->n_regions = 1;
        (void)text_copy(f.subscribe.filter->regions[0], REGION_SIZE, "3306");
    }
    says(b, PORT_CLIENTS, peer, &f, NULL, 0);
}

/* Three messages in one frame: up from a child, or down from the parent. */
static void bundle(Buf *b, BrokerPort port, unsigned peer, const Forward *forward) {
    const bool down = port == PORT_UPLINK;
    const Bytes none = { 0 };
    Frame f = { .kind = FRAME_BUNDLE };
    f.bundle = bundle_new(down ? FRAME_DELIVER : FRAME_PUBLISH, 3, BUNDLE_BYTES);
    FUZZ_CHECK(f.bundle);
    for (uint8_t i = 0; i < 3; i++) {
        Envelope e = sample_envelope(KIND_CASE_CONFERENCE + 1000, AUDIENCE_NODES, none, none);
        e.message_id.b[15] = (uint8_t)(100 + i);
        e.case_id.b[15] = i;
        uint8_t *p;
        size_t n;
        FUZZ_CHECK(codec_encode_envelope(&e, &p, &n) == 0);
        Forward *lent = (Forward *)forward; /* only written, not freed with the bundle */
        if (down)
            f.bundle->deliveries[i] =
                (FrameDeliver) { .channel = 1, .tag = 10U + i, .forward = lent };
        else
            f.bundle->publishes[i] = (FramePublish) { .message_id = e.message_id, .forward = lent };
        const Bytes part = bytes_make(p, n);
        bundle_add(f.bundle, 0, &part, 1);
        free(p);
    }
    says(b, port, peer, &f, NULL, 0);
}

static void publish(Buf *b, BrokerPort port, unsigned peer, uint8_t number, Forward *forward) {
    const Bytes none = { 0 };
    Envelope e = sample_envelope(KIND_CASE_CONFERENCE + 1000, AUDIENCE_NODES, none, none);
    e.message_id.b[15] = number;
    uint8_t *p;
    size_t n;
    FUZZ_CHECK(codec_encode_envelope(&e, &p, &n) == 0);
    const Bytes parts[2] = { bytes_make(p, n), none };
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = e.message_id } };
    if (port == PORT_UPLINK)
        f = (Frame) { .kind = FRAME_DELIVER,
                      .deliver = { .channel = 1, .tag = number, .accepted_ms = NOW_MS } };
    if (forward) {
        Forward *copy = malloc(sizeof(*copy));
        FUZZ_CHECK(copy);
        *copy = *forward;
        *(port == PORT_UPLINK ? &f.deliver.forward : &f.publish.forward) = copy;
    }
    (void)text_copy(f.deliver.recipient, port == PORT_UPLINK ? NODE_NAME_SIZE : 0, "upt/satria");
    says(b, port, peer, &f, parts, 2);
    free(p);
}

static void settle(Buf *b, unsigned peer, uint64_t first, uint64_t last, SettleAction action) {
    Frame f = { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1 } };
    f.settle.settlements = calloc(1, sizeof(Settlement));
    f.settle.settlements[0] = (Settlement) { .tags = { first, last }, .action = action };
    says(b, PORT_CLIENTS, peer, &f, NULL, 0);
}

static void query(Buf *b, const char *verb, const char *arg, const char *input) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 1, .limit = 10 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    if (arg) {
        f.query.args[f.query.n_args++] = strdup(arg);
    }
    if (input) {
        f.query.input = (uint8_t *)strdup(input);
        f.query.n_input = strlen(input);
    }
    says(b, PORT_ADMIN, 0, &f, NULL, 0);
    add_byte(b, STORE_RUNS);
}

static void queries(Buf *b) {
    static const char *const verbs[] = { "status",    "queues",    "links", "sessions",  "check",
                                         "dead-list", "node-list", "top",   "messages",  "drain",
                                         "backup",    "reload",    "trace", "node-show", "recall" };
    hello(b, PORT_ADMIN, 0);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        query(b, verbs[i], i < 10 ? NULL : "01020304-0506-7708-890a-0b0c0d0e0f10", NULL);
    query(b, "node-show", "dsk/3306", NULL);
    query(b, "import", NULL,
          "{\"key\":{\"node\":\"dsk/3306\",\"curve\":\"peer000000000000000000000000000000000000\","
          "\"revoked\":true}}\n");
    query(b, "node-import", NULL,
          "{\"key\":{\"node\":\"dsk/3306\",\"curve\":\"peer000000000000000000000000000000000000\","
          "\"revoked\":true}}\n");
}

void broker_stories(void) {
    Buf b = { 0 };
    Forward forward = sample_forward();

    hello(&b, PORT_CLIENTS, 0);
    hello(&b, PORT_CLIENTS, 1);
    subscribe(&b, 1, SOURCE_MAILBOX, "");
    subscribe(&b, 0, SOURCE_RECEIPTS, "");
    for (uint8_t i = 1; i <= 4; i++)
        publish(&b, PORT_CLIENTS, 0, i, NULL);
    add_byte(&b, STORE_RUNS);
    settle(&b, 1, 1, 1, SETTLE_DONE);
    add_byte(&b, STORE_RUNS);
    settle(&b, 1, 2, 2, SETTLE_REJECT);
    settle(&b, 1, 2, 9, SETTLE_EXTEND);
    add_byte(&b, TIME_PASSES);
    add_byte(&b, 60);
    publish(&b, PORT_CLIENTS, 0, 1, NULL);
    says_kind(&b, PORT_CLIENTS, 1, FRAME_BYE);
    add_byte(&b, STORE_RUNS);
    put_buf("broker", "publish-and-settle", &b);

    hello(&b, PORT_CLIENTS, 0);
    subscribe(&b, 0, SOURCE_NAMED, "cases");
    for (uint8_t i = 1; i <= 12; i++)
        publish(&b, PORT_CLIENTS, 0, i, NULL);
    add_byte(&b, BATCH_HELD);
    says_kind(&b, PORT_CLIENTS, 0, FRAME_UNSUBSCRIBE);
    add_byte(&b, SEND_FULL);
    add_byte(&b, STORE_RUNS);
    says_kind(&b, PORT_CLIENTS, 0, FRAME_PING);
    add_byte(&b, SEND_GONE);
    says_kind(&b, PORT_CLIENTS, 0, FRAME_PING);
    add_byte(&b, SEND_WORKS);
    hello(&b, PORT_CLIENTS, 0);
    hello(&b, PORT_CLIENTS, 6);
    put_buf("broker", "named-subscription", &b);

    hello(&b, PORT_CLIENTS, 2);
    subscribe(&b, 2, SOURCE_LINK, "");
    publish(&b, PORT_CLIENTS, 2, 1, &forward);
    bundle(&b, PORT_CLIENTS, 2, &forward);
    add_byte(&b, STORE_RUNS);
    settle(&b, 2, 1, 3, SETTLE_DONE);
    says_kind(&b, PORT_CLIENTS, 2, FRAME_PING);
    add_byte(&b, TIME_PASSES);
    add_byte(&b, 255);
    put_buf("broker", "child-link", &b);

    add_byte(&b, PARENT_UP);
    says_kind(&b, PORT_UPLINK, 0, FRAME_WELCOME);
    add_byte(&b, STORE_RUNS);
    says_kind(&b, PORT_UPLINK, 0, FRAME_SUBSCRIBED);
    publish(&b, PORT_UPLINK, 0, 1, &forward);
    publish(&b, PORT_UPLINK, 0, 1, &forward);
    bundle(&b, PORT_UPLINK, 0, &forward);
    add_byte(&b, STORE_RUNS);
    says_kind(&b, PORT_UPLINK, 0, FRAME_SETTLED);
    says_kind(&b, PORT_UPLINK, 0, FRAME_PUBLISHED);
    says_kind(&b, PORT_UPLINK, 0, FRAME_PING);
    says_kind(&b, PORT_UPLINK, 0, FRAME_ERROR);
    add_byte(&b, PARENT_LOST);
    put_buf("broker", "uplink", &b);

    queries(&b);
    put_buf("broker", "operator", &b);

    for (unsigned peer = 0; peer < 8; peer++)
        hello(&b, PORT_CLIENTS, peer);
    for (int kind = FRAME_HELLO; kind <= FRAME_BUNDLE; kind++)
        says_kind(&b, PORT_CLIENTS, (unsigned)kind % 8, kind);
    add_byte(&b, 7U << 5);
    put_buf("broker", "every-frame", &b);
}

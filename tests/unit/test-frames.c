/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "core/bundle.h"
#include "test.h"
#include "wire/codec-internal.h"

static const Uuid ID = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16 } };
#define TIME_MS INT64_C(1741575900123)

#define SET_TEXT(dst, src) ASSERT_TRUE(text_copy((dst), sizeof(dst), (src)))

/* --- samples: every kind of frame with every field filled --- */

static LinkProgress sample_progress(void) {
    return (LinkProgress) { .present = true,
                            .sent_count = 5,
                            .received_count = UINT64_MAX,
                            .sent_digest = ID,
                            .backlog = 7,
                            .in_flight = 3 };
}

static Forward *sample_forward(void) {
    Forward *f = calloc(1, sizeof(*f));
    *f = (Forward) { .present = true,
                     .scope = true,
                     .accepted_ms = TIME_MS,
                     .expires_ms = TIME_MS + 1,
                     .n_recipients = 2,
                     .recipients = { { "dsk/3203", ROLE_ADDRESSEE, 0 },
                                     { "dsp/32", ROLE_SUPERVISOR, 3 } },
                     .n_stamps = 1,
                     .stamps = { { "hub", TIME_MS } } };
    return f;
}

static Filter sample_filter(void) {
    return (Filter) { .n_kinds = 2,
                      .kinds = { KIND_COMPLAINT, 4711 },
                      .n_regions = 2,
                      .regions = { "32", "3203052001" },
                      .n_clusters = 1,
                      .clusters = { CLUSTER_CHILD },
                      .n_cases = 1,
                      .cases = { ID },
                      .n_urgencies = 1,
                      .urgencies = { URGENCY_EVENT },
                      .n_sender_kinds = 1,
                      .sender_kinds = { NODE_PUSKESOS } };
}

static void fill_published(Frame *f) {
    f->published.n = 2;
    PublishResult *r = f->published.results = calloc(2, sizeof(*r));
    r[0] = (PublishResult) { .message_id = ID, .verdict = VERDICT_REFUSED, .retry_after_ms = 9 };
    r[0].reasons = calloc(1, sizeof(*r[0].reasons));
    r[0].reasons->n = 2;
    r[0].reasons->n_refusals = 1;
    r[0].reasons->list[0] =
        (Reason) { "R-001", "Unknown region", "Tidak dikenal", "P7 Pasal 3", "region", false };
    r[0].reasons->list[1] = (Reason) { "R-024", "Late", "Terlambat", "", "", true };
    r[1] = (PublishResult) { .message_id = ID,
                             .verdict = VERDICT_DUPLICATE,
                             .n_recipients = 1,
                             .n_outcomes = 1,
                             .accepted_ms = TIME_MS };
    r[1].proof = calloc(1, sizeof(*r[1].proof));
    signature_bytes_set(r[1].proof, bytes_make("proof", 5));
    r[1].recipients = calloc(1, sizeof(Recipient));
    r[1].recipients[0] = (Recipient) { "dsk/3203", ROLE_ADDRESSEE, 0 };
    r[1].outcomes = calloc(1, sizeof(OutcomeRow));
    r[1].outcomes[0] =
        (OutcomeRow) { "dsk/3203", LEVEL_UNDELIVERABLE, CAUSE_EXPIRED_ON_LINK, TIME_MS, "hub" };
}

static void fill_settle(Frame *f) {
    f->settle.channel = 16;
    f->settle.n = 2;
    f->settle.settlements = calloc(2, sizeof(Settlement));
    f->settle.settlements[0] = (Settlement) { .tags = { 1, 5 }, .action = SETTLE_DONE };
    f->settle.settlements[1] = (Settlement) {
        { 6, 6 }, SETTLE_REJECT, .after_ms = 10, .reason = "BAD_FACTS", .permanent = true
    };
}

static void fill_settled(Frame *f) {
    f->settled.channel = 1;
    f->settled.n_done = f->settled.n_unknown = 1;
    f->settled.done = calloc(1, sizeof(TagRange));
    f->settled.unknown = calloc(1, sizeof(TagRange));
    f->settled.done[0] = (TagRange) { 1, 5 };
    f->settled.unknown[0] = (TagRange) { 9, UINT64_MAX };
}

static void fill_query(Frame *f) {
    f->query.query = 3;
    f->query.limit = 50;
    f->query.n_args = 2;
    SET_TEXT(f->query.verb, "queues");
    f->query.args[0] = strdup("dsk/3203");
    f->query.args[1] = strdup("");
    f->query.n_input = 4;
    f->query.input = malloc(4);
    memcpy(f->query.input, "\0\xff\x80z", 4);
}

static Table *sample_table(uint32_t rows) {
    Table *t = table_new();
    table_column(t, "queue", COLUMN_TEXT);
    table_column(t, "depth", COLUMN_NUMBER);
    for (uint32_t i = 0; i < rows; i++) {
        table_textf(t, "q%u", i);
        table_number(t, -3);
    }
    t->more = true;
    SET_TEXT(t->text, "cut");
    return t;
}

static void fill_deliver(Frame *f) {
    f->deliver.channel = 2;
    f->deliver.tag = UINT64_MAX;
    f->deliver.attempt = 3;
    SET_TEXT(f->deliver.recipient, "dsk/3203");
    f->deliver.role = ROLE_SUPERVISOR;
    f->deliver.n_stamps = 1;
    f->deliver.stamps[0] = (HopStamp) { "upt/satria", TIME_MS };
    f->deliver.accepted_ms = TIME_MS;
    f->deliver.forward = sample_forward();
    f->deliver.suspect = true;
}

static void fill_welcome(Frame *f) {
    f->welcome.protocol = 1;
    f->welcome.envelope_max = ENVELOPE_MAX;
    f->welcome.facts_max = FACTS_MAX;
    f->welcome.sealed_max = SEALED_MAX;
    f->welcome.publish_window = 64;
    f->welcome.credit_messages_max = 1000;
    f->welcome.credit_bytes_max = UINT32_MAX;
    f->welcome.ping_interval_ms = 10000;
    SET_TEXT(f->welcome.broker, "hub");
    SET_TEXT(f->welcome.node, "upt/satria");
    f->welcome.broker_ms = TIME_MS;
    f->welcome.directory_version = 8;
    f->welcome.progress = sample_progress();
    f->welcome.bundles = true;
}

/* Two messages: one with all parts, one with an envelope alone. */
static Bundle *sample_bundle(FrameKind kind) {
    const Bytes parts[] = { bytes_make("envelope", 8), { 0 }, bytes_make("sealed", 6) };
    Bundle *b = bundle_new(kind, 2, 15);
    bundle_add(b, 0, parts, 3);
    bundle_add(b, 0, &(Bytes) { .p = (const uint8_t *)"e", .n = 1 }, 1);
    b->made = false; /* its forwards are its own */
    for (uint32_t i = 0; i < b->n; i++) {
        if (kind == FRAME_PUBLISH)
            b->publishes[i] =
                (FramePublish) { .message_id = { { 1, (uint8_t)i } }, .forward = sample_forward() };
        else
            b->deliveries[i] =
                (FrameDeliver) { .channel = 1, .tag = i + 1, .forward = sample_forward() };
    }
    return b;
}

static void fill_subscribe(Frame *f) {
    f->subscribe.channel = 4;
    f->subscribe.source = SOURCE_NAMED;
    SET_TEXT(f->subscribe.name, "events.32_a-b");
    f->subscribe.filter = malloc(sizeof(Filter));
    *f->subscribe.filter = sample_filter();
    f->subscribe.credit_messages = 100;
    f->subscribe.credit_bytes = 1 << 20;
}

static void sample(int kind, Frame *f) {
    *f = (Frame) { .kind = (FrameKind)kind };
    switch (kind) {
    case FRAME_HELLO:
        f->hello.protocol_min = 1;
        f->hello.protocol_max = 2;
        SET_TEXT(f->hello.client, "sistem balai 1.0");
        f->hello.instance_id = ID;
        f->hello.progress = sample_progress();
        f->hello.proofs = true;
        f->hello.bundles = true;
        break;
    case FRAME_WELCOME:
        fill_welcome(f);
        break;
    case FRAME_PUBLISH:
        f->publish.message_id = ID;
        f->publish.forward = sample_forward();
        break;
    case FRAME_PUBLISHED:
        fill_published(f);
        break;
    case FRAME_SUBSCRIBE:
        fill_subscribe(f);
        break;
    case FRAME_SUBSCRIBED:
        f->subscribed.channel = 4;
        f->subscribed.queued = 12;
        f->subscribed.overrun = true;
        f->subscribed.overrun_ms = TIME_MS;
        break;
    case FRAME_UNSUBSCRIBE:
        SET_TEXT(f->unsubscribe.drop_name, "events");
        break;
    case FRAME_CREDIT:
        f->credit.channel = 1;
        f->credit.messages = 5;
        f->credit.bytes = 6;
        break;
    case FRAME_DELIVER:
        fill_deliver(f);
        break;
    case FRAME_SETTLE:
        fill_settle(f);
        break;
    case FRAME_SETTLED:
        fill_settled(f);
        break;
    case FRAME_PING:
        f->ping.sent_ms = TIME_MS;
        f->ping.progress = sample_progress();
        break;
    case FRAME_PONG:
        f->pong.sent_ms = TIME_MS;
        f->pong.progress = sample_progress();
        break;
    case FRAME_QUERY:
        fill_query(f);
        break;
    case FRAME_RESULT:
        f->result.query = 3;
        f->result.table = sample_table(3);
        break;
    case FRAME_ERROR:
        f->error.code = ERROR_REPLACED;
        SET_TEXT(f->error.text, "a newer session");
        f->error.channel = 16;
        f->error.fatal = true;
        break;
    case FRAME_BYE:
        SET_TEXT(f->bye.reason, "selesai");
        break;
    case FRAME_DIRECTORY_WANT:
        f->directory_want.after = 17;
        f->directory_want.copy_of = 19;
        f->directory_want.head = tree_leaf(bytes_make("root", 4));
        SET_TEXT(f->directory_want.behind, "node:dsk/3203");
        break;
    case FRAME_DIRECTORY_CHANGES:
        f->directory_changes.n = 2;
        f->directory_changes.changes[0] = bytes_make("\0change", 7);
        f->directory_changes.changes[1] = bytes_make("another", 7);
        f->directory_changes.head = bytes_make("head", 4);
        break;
    case FRAME_BUNDLE:
        f->bundle = sample_bundle(FRAME_PUBLISH);
        break;
    }
}

/* Decodes from memory that ends where the bytes end, so that the sanitizer sees the first byte too
 * far. */
static int decode(const uint8_t *p, size_t n, Frame *ret, const char **why) {
    _cleanup_(freep) uint8_t *exact = malloc(n + !n);
    if (n > 0)
        memcpy(exact, p, n);
    return codec_decode_frame(bytes_make(exact, n), FRAME_MAX, ret, why);
}

TEST(every_frame_survives_the_trip) {
    for (int kind = FRAME_HELLO; kind <= FRAME_BUNDLE; kind++) {
        _cleanup_(frame_deinit) Frame first, second = { 0 };
        _cleanup_(freep) uint8_t *a = NULL, *b = NULL;
        size_t n_a, n_b;
        const char *why = "";
        sample(kind, &first);
        ASSERT_OK(codec_encode_frame(&first, &a, &n_a));
        ASSERT_OK(decode(a, n_a, &second, &why));
        ASSERT_EQ(second.kind, kind);
        ASSERT_OK(codec_encode_frame(&second, &b, &n_b));
        ASSERT_EQ(n_a, n_b);
        assert_memory_equal(a, b, n_a);
    }
}

TEST(every_frame_is_the_bytes_that_protobuf_c_would_write) {
    for (int kind = FRAME_HELLO; kind <= FRAME_DIRECTORY_CHANGES; kind++) {
        _cleanup_(frame_deinit) Frame f;
        _cleanup_(freep) uint8_t *p = NULL, *again = NULL;
        size_t n;
        sample(kind, &f);
        ASSERT_OK(codec_encode_frame(&f, &p, &n));
        Serasi__V1__Frame *m = serasi__v1__frame__unpack(NULL, n, p);
        assert_non_null(m);
        again = malloc(n);
        ASSERT_EQ(serasi__v1__frame__get_packed_size(m), n);
        ASSERT_EQ(serasi__v1__frame__pack(m, again), n);
        assert_memory_equal(again, p, n);
        serasi__v1__frame__free_unpacked(m, NULL);
    }
}

TEST(what_arrives_is_what_was_meant) {
    _cleanup_(frame_deinit) Frame in, out = { 0 };
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    const char *why;
    sample(FRAME_DELIVER, &in);
    ASSERT_OK(codec_encode_frame(&in, &p, &n));
    ASSERT_OK(decode(p, n, &out, &why));
    ASSERT_TRUE(out.deliver.tag == UINT64_MAX && out.deliver.suspect);
    ASSERT_STR(out.deliver.stamps[0].broker, "upt/satria");
    ASSERT_STR(out.deliver.forward->recipients[1].node, "dsp/32");
    ASSERT_EQ(out.deliver.forward->recipients[1].role, ROLE_SUPERVISOR);
    ASSERT_EQ(out.deliver.forward->recipients[0].moves, 0);
    ASSERT_EQ(out.deliver.forward->recipients[1].moves, 3);
    ASSERT_TRUE(out.deliver.forward->present && out.deliver.forward->expires_ms == TIME_MS + 1);
}

TEST(results_keep_reasons_and_tables_own_their_names) {
    _cleanup_(frame_deinit) Frame in, out = { 0 }, in_table, out_table = { 0 };
    _cleanup_(freep) uint8_t *p = NULL, *q = NULL;
    size_t n;
    const char *why;
    sample(FRAME_PUBLISHED, &in);
    ASSERT_OK(codec_encode_frame(&in, &p, &n));
    ASSERT_OK(decode(p, n, &out, &why));
    ASSERT_EQ(out.published.results[0].reasons->n_refusals, 1);
    ASSERT_STR(out.published.results[0].reasons->list[0].text_id, "Tidak dikenal");
    assert_null(out.published.results[1].reasons);
    assert_null(out.published.results[0].proof);
    ASSERT_TRUE(
        bytes_equal(signature_bytes(out.published.results[1].proof), bytes_make("proof", 5)));
    ASSERT_EQ(out.published.results[1].outcomes[0].cause, CAUSE_EXPIRED_ON_LINK);
    sample(FRAME_RESULT, &in_table);
    ASSERT_OK(codec_encode_frame(&in_table, &q, &n));
    ASSERT_OK(decode(q, n, &out_table, &why));
    ASSERT_TRUE(out_table.result.table->owns_names);
    ASSERT_EQ(table_rows(out_table.result.table), 3);
    ASSERT_STR(table_cell(out_table.result.table, 2, 0), "q2");
    ASSERT_STR(out_table.result.table->columns[1].name, "depth");
}

/* Cut at every length, then broken at random: anything may be said of it but no harm done. */
TEST(cut_and_broken_frames_do_no_harm) {
    uint32_t seed = 7;
    for (int kind = FRAME_HELLO; kind <= FRAME_BUNDLE; kind++) {
        _cleanup_(frame_deinit) Frame f;
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        const char *why = NULL;
        sample(kind, &f);
        ASSERT_OK(codec_encode_frame(&f, &p, &n));
        for (size_t cut = 0; cut < n; cut++) {
            Frame out = { 0 };
            ASSERT_EQ(decode(p, cut, &out, &why), WIRE_MALFORMED); /* the body's length lies */
            ASSERT_TRUE(why && out.kind == FRAME_NONE);
        }
        for (int i = 0; i < 2000; i++) {
            Frame out = { 0 };
            seed = seed * 1664525 + 1013904223;
            size_t at = (seed >> 8) % n;
            uint8_t old = p[at];
            p[at] = (uint8_t)(seed >> 3);
            ASSERT_TRUE(decode(p, n, &out, &why) >= 0);
            frame_deinit(&out);
            p[at] = old;
        }
    }
}

/* --- frames that cannot stand --- */

static void assert_refused(Frame *f, const char *expected) {
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    const char *why = "";
    Frame out = { 0 };
    ASSERT_OK(codec_encode_frame(f, &p, &n));
    ASSERT_EQ(decode(p, n, &out, &why), WIRE_MALFORMED);
    ASSERT_STR(why, expected);
    frame_deinit(f);
}

TEST(values_out_of_range_are_named) {
    Frame f;
    sample(FRAME_CREDIT, &f);
    f.credit.channel = CHANNELS_MAX + 1;
    assert_refused(&f, "channel out of range");
    sample(FRAME_SETTLE, &f);
    f.settle.settlements[0].action = (SettleAction)5;
    assert_refused(&f, "settle: action out of range");
    sample(FRAME_SETTLE, &f);
    f.settle.settlements[0].tags = (TagRange) { 9, 8 };
    assert_refused(&f, "tags out of range");
    sample(FRAME_SUBSCRIBE, &f);
    f.subscribe.source = (FrameSource)5;
    assert_refused(&f, "subscribe: source out of range");
    sample(FRAME_SUBSCRIBE, &f);
    SET_TEXT(f.subscribe.name, "Events");
    assert_refused(&f, "subscribe: name is 1-64 of a-z 0-9 . _ -");
    sample(FRAME_SUBSCRIBE, &f);
    f.subscribe.name[0] = '\0';
    assert_refused(&f, "subscribe: a name is for SOURCE_NAMED, which needs one");
    sample(FRAME_SUBSCRIBE, &f);
    f.subscribe.filter->kinds[0] = -1;
    assert_refused(&f, "filter: kinds out of range");
    sample(FRAME_PUBLISH, &f);
    SET_TEXT(f.publish.forward->recipients[0].node, "DSK/3203");
    assert_refused(&f, "recipient is not a node id");
    sample(FRAME_PUBLISH, &f);
    f.publish.forward->accepted_ms = -1;
    assert_refused(&f, "forward: time out of range");
    sample(FRAME_PUBLISHED, &f);
    f.published.results[1].verdict = (Verdict)6;
    assert_refused(&f, "published: verdict out of range");
    sample(FRAME_WELCOME, &f);
    f.welcome.node[0] = '\0';
    assert_refused(&f, "welcome: node is not a node id");
    sample(FRAME_HELLO, &f);
    f.hello.protocol_min = 3;
    assert_refused(&f, "hello: protocol versions out of range");
    sample(FRAME_ERROR, &f);
    f.error.code = (ErrorCode)12;
    assert_refused(&f, "error: code out of range");
}

TEST(a_bundle_has_the_parts_of_each_message) {
    _cleanup_(frame_deinit) Frame in = { .kind = FRAME_BUNDLE }, out = { 0 };
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n, at = 0;
    const char *why;
    Bytes parts[BUNDLE_PARTS];
    in.bundle = sample_bundle(FRAME_DELIVER);
    ASSERT_OK(codec_encode_frame(&in, &p, &n));
    ASSERT_OK(decode(p, n, &out, &why));
    ASSERT_EQ(out.bundle->n, 2);
    assert_null(out.bundle->publishes);
    ASSERT_EQ(bundle_next(out.bundle, 0, &at, parts), 3);
    ASSERT_TRUE(bytes_equal(parts[0], bytes_make("envelope", 8)) && parts[1].n == 0);
    ASSERT_TRUE(bytes_equal(parts[2], bytes_make("sealed", 6)));
    ASSERT_EQ(bundle_next(out.bundle, 1, &at, parts), 1);
    ASSERT_TRUE(bytes_equal(parts[0], bytes_make("e", 1)));
    ASSERT_EQ(out.bundle->deliveries[1].tag, 2);
    ASSERT_STR(out.bundle->deliveries[1].forward->stamps[0].broker, "hub");
}

static void encode_bundle(Bundle *b, uint8_t **ret, size_t *ret_n) {
    const Frame f = { .kind = FRAME_BUNDLE, .bundle = b };
    ASSERT_OK(codec_encode_frame(&f, ret, ret_n));
}

static Bundle *bundle_of_publisher(void) {
    Bundle *b = sample_bundle(FRAME_PUBLISH);
    for (uint32_t i = 0; i < b->n; i++) {
        free(b->publishes[i].forward);
        b->publishes[i].forward = NULL;
    }
    signature_bytes_set(&b->publishes[1].signature, bytes_make("signature", 9));
    return b;
}

/* Reads bytes that have their end where a sanitizer sees it. */
static bool is_read_as_bundle(const uint8_t *p, size_t n) {
    _cleanup_(freep) uint8_t *exact = malloc(n + 1), *a = NULL, *b = NULL;
    _cleanup_(bundle_freep) Bundle *quick = NULL;
    _cleanup_(frame_deinit) Frame slow = { 0 };
    const char *why = "";
    size_t n_a, n_b;
    memcpy(exact, p, n);
    if (bundle_read(bytes_make(exact, n), &quick) == 0)
        return false;
    ASSERT_OK(frame_unpack(bytes_make(exact, n), FRAME_ANSWER_MAX, &slow, &why));
    encode_bundle(quick, &a, &n_a);
    encode_bundle(slow.bundle, &b, &n_b);
    ASSERT_TRUE(bytes_equal(bytes_make(a, n_a), bytes_make(b, n_b)));
    return true;
}

TEST(bundles_are_read_in_two_ways_that_agree) {
    _cleanup_(bundle_freep) Bundle *in = bundle_of_publisher();
    _cleanup_(freep) uint8_t *p = NULL, *room = NULL;
    size_t n;
    unsigned read = 0;
    encode_bundle(in, &p, &n);
    ASSERT_TRUE(is_read_as_bundle(p, n));
    room = malloc(n);
    for (size_t i = 0; i < n; i++) {
        ASSERT_TRUE(!is_read_as_bundle(p, i));
        for (unsigned x = 1; x < 256; x++) {
            memcpy(room, p, n);
            room[i] ^= (uint8_t)x;
            read += is_read_as_bundle(room, n);
        }
    }
    ASSERT_TRUE(read > 40 * 255); /* ids, the signature, parts: any bytes will do */
}

TEST(what_is_unusual_in_a_bundle_is_left_to_protobuf_c) {
    _cleanup_(bundle_freep) Bundle *forwarded = sample_bundle(FRAME_PUBLISH),
                                   *down = sample_bundle(FRAME_DELIVER),
                                   *wrong = bundle_of_publisher();
    Bundle *const list[] = { forwarded, down, wrong };
    wrong->sizes[1][0] = 2;
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        encode_bundle(list[i], &p, &n);
        ASSERT_TRUE(!is_read_as_bundle(p, n));
    }
}

static void assert_bundle_refused(Bundle *b, const char *expected) {
    Frame f = { .kind = FRAME_BUNDLE, .bundle = b };
    assert_refused(&f, expected);
}

TEST(bundles_that_do_not_add_up_are_refused) {
    Bundle *b = sample_bundle(FRAME_PUBLISH);
    b->sizes[1][0] = 2;
    assert_bundle_refused(b, "bundle: parts are missing");
    b = sample_bundle(FRAME_PUBLISH);
    b->sizes[1][0] = 0;
    assert_bundle_refused(b, "bundle: parts of no message");
    b = sample_bundle(FRAME_PUBLISH);
    b->sizes[0][0] = UINT32_MAX;
    assert_bundle_refused(b, "bundle: a part over its limit");
    b = sample_bundle(FRAME_DELIVER);
    b->deliveries[1].tag = 0;
    assert_bundle_refused(b, "deliver: tag out of range");
    assert_bundle_refused(bundle_new(FRAME_PUBLISH, BUNDLE_MAX, 0),
                          "bundle: 1 to 64 messages of one kind");
}

/* Whatever the messages are, the frame stays below what a broker reads. */
TEST(a_bundle_is_never_larger_than_reckoned) {
    FrameDeliver d = { .channel = 1, .tag = UINT64_MAX, .attempt = UINT32_MAX };
    Forward fwd = { .accepted_ms = TIME_MS,
                    .n_recipients = RECIPIENTS_MAX,
                    .n_stamps = STAMPS_MAX };
    char longest[NODE_NAME_SIZE];
    (void)snprintf(longest, sizeof(longest), "dsk/%060d", 1);
    for (unsigned i = 0; i < RECIPIENTS_MAX; i++)
        SET_TEXT(fwd.recipients[i].node, longest);
    for (unsigned i = 0; i < STAMPS_MAX; i++) {
        fwd.stamps[i].at_ms = TIME_MS;
        SET_TEXT(fwd.stamps[i].broker, longest);
    }
    memcpy(d.stamps, fwd.stamps, sizeof(d.stamps));
    d.n_stamps = STAMPS_MAX;
    d.forward = &fwd;
    d.signature.n = SIGNATURE_MAX;
    SET_TEXT(d.recipient, longest);
    uint8_t envelope[100] = { 0 };
    const Bytes part = bytes_make(envelope, sizeof(envelope));
    const size_t cost = bundle_cost(&fwd, &d.signature, &part, 1);
    ASSERT_TRUE(bundle_takes(cost));
    Frame f = { .kind = FRAME_BUNDLE };
    _cleanup_(bundle_freep) Bundle *b = f.bundle =
        bundle_new(FRAME_DELIVER, BUNDLE_MAX, BUNDLE_BYTES);
    while (bundle_has_room(b, cost)) {
        b->deliveries[b->n] = d;
        bundle_add(b, cost, &part, 1);
    }
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    ASSERT_OK(codec_encode_frame(&f, &p, &n));
    ASSERT_TRUE(b->n > 1 && n <= BUNDLE_BYTES);
}

TEST(ids_have_sixteen_bytes) {
    static const uint8_t publish15[] = { 0x1a, 17, 0x0a, 15, 1,  2,  3,  4,  5, 6,
                                         7,    8,  9,    10, 11, 12, 13, 14, 15 };
    static const uint8_t publish0[] = { 0x1a, 0 }, unknown[] = { 0xaa, 0x01, 0 };
    const char *why = "";
    Frame f = { 0 };
    ASSERT_EQ(decode(publish15, sizeof(publish15), &f, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "publish: message_id is not 16 bytes");
    ASSERT_EQ(decode(publish0, sizeof(publish0), &f, &why), WIRE_MALFORMED);
    ASSERT_EQ(decode(unknown, sizeof(unknown), &f, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "a frame without a known body");
}

TEST(long_lists_arrive_and_longer_ones_do_not) {
    for (uint32_t n = SETTLEMENTS_MAX; n <= SETTLEMENTS_MAX + 1; n++) {
        _cleanup_(frame_deinit) Frame f = { .kind = FRAME_SETTLE }, out = { 0 };
        _cleanup_(freep) uint8_t *p = NULL;
        size_t size;
        const char *why;
        f.settle.channel = 1;
        f.settle.n = n;
        f.settle.settlements = calloc(n, sizeof(Settlement));
        for (uint32_t i = 0; i < n; i++)
            f.settle.settlements[i] = (Settlement) { .tags = { i + 1, i + 1 }, SETTLE_DONE };
        ASSERT_OK(codec_encode_frame(&f, &p, &size));
        ASSERT_EQ(decode(p, size, &out, &why), n == SETTLEMENTS_MAX ? 0 : WIRE_MALFORMED);
    }
}

/* As another program would write it: ours does not make such frames. */
static void expect_packed(Serasi__V1__Frame *f, Frame *out, const char *refused) {
    _cleanup_(freep) uint8_t *p = malloc(serasi__v1__frame__get_packed_size(f));
    const char *why = "";
    const size_t n = serasi__v1__frame__pack(f, p);
    const int r = decode(p, n, out, &why);
    ASSERT_STR(why, refused);
    ASSERT_EQ(r, refused[0] == '\0' ? 0 : WIRE_MALFORMED);
}

#define SAME_MAX 64

static void expect_same(Serasi__V1__Frame *f, size_t *n, void **list, void *entry, size_t most,
                        const char *refused) {
    assert_true(most < SAME_MAX);
    for (size_t i = 0; i <= most; i++)
        list[i] = entry;
    for (*n = most; *n <= most + 1; (*n)++) {
        _cleanup_(frame_deinit) Frame out = { 0 };
        expect_packed(f, &out, *n == most ? "" : refused);
    }
    *n = 0;
}

TEST(lists_with_a_fixed_room_are_not_overrun) {
    void *list[SAME_MAX];
    Serasi__V1__Frame f = SERASI__V1__FRAME__INIT;
    Serasi__V1__Query query = SERASI__V1__QUERY__INIT;
    query.verb = (char *)"status";
    query.args = (char **)list;
    f.body_case = SERASI__V1__FRAME__BODY_QUERY;
    f.query = &query;
    expect_same(&f, &query.n_args, list, (void *)"a", ARRAY_SIZE(((Frame *)NULL)->query.args),
                "query: too many args");

    Serasi__V1__Published published = SERASI__V1__PUBLISHED__INIT;
    Serasi__V1__PublishResult result = SERASI__V1__PUBLISH_RESULT__INIT, *results = &result;
    Serasi__V1__Recipient recipient = SERASI__V1__RECIPIENT__INIT;
    Serasi__V1__Reason reason = SERASI__V1__REASON__INIT;
    result.message_id = (ProtobufCBinaryData) { sizeof(ID), (uint8_t *)&ID };
    result.verdict = (Serasi__V1__Verdict)VERDICT_ACCEPTED;
    recipient.node = (char *)"dsp/32";
    recipient.role = (Serasi__V1__RecipientRole)ROLE_ADDRESSEE;
    published.n_results = 1;
    published.results = &results;
    f.body_case = SERASI__V1__FRAME__BODY_PUBLISHED;
    f.published = &published;
    result.recipients = (Serasi__V1__Recipient **)list;
    result.reasons = (Serasi__V1__Reason **)list;
    expect_same(&f, &result.n_recipients, list, &recipient, RECIPIENTS_MAX,
                "published: too many recipients");
    expect_same(&f, &result.n_reasons, list, &reason, REASONS_MAX, "published: too many reasons");

    Serasi__V1__Result answer = SERASI__V1__RESULT__INIT;
    Serasi__V1__Column column = SERASI__V1__COLUMN__INIT;
    column.name = (char *)"c";
    column.type = (Serasi__V1__ColumnType)COLUMN_TEXT;
    answer.columns = (Serasi__V1__Column **)list;
    f.body_case = SERASI__V1__FRAME__BODY_RESULT;
    f.result = &answer;
    expect_same(&f, &answer.n_columns, list, &column, ARRAY_SIZE(((Table *)NULL)->columns),
                "result: too many columns");
}

TEST(a_bundle_with_a_part_that_is_too_large_is_refused) {
    const uint32_t most[BUNDLE_PARTS] = { ENVELOPE_MAX, FACTS_MAX, SEALED_MAX };
    for (unsigned part = 0; part < BUNDLE_PARTS; part++)
        for (uint32_t over = 0; over <= 1; over++) {
            Bundle *b = sample_bundle(FRAME_PUBLISH);
            b->sizes[0][part] = most[part] + over;
            assert_bundle_refused(b, over == 1 ? "bundle: a part over its limit"
                                               : "bundle: parts are missing");
        }
}

TEST(a_thousand_rows_fit_an_answer_but_not_a_client_frame) {
    _cleanup_(frame_deinit) Frame f = { .kind = FRAME_RESULT }, out = { 0 };
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    const char *why;
    Table *t = f.result.table = table_new();
    for (int i = 0; i < 16; i++)
        table_column(t, "c", COLUMN_NUMBER);
    for (int i = 0; i < 16 * 1000; i++)
        table_number(t, i % 10);
    ASSERT_OK(codec_encode_frame(&f, &p, &n));
    ASSERT_EQ(codec_decode_frame(bytes_make(p, n), FRAME_MAX, &out, &why), WIRE_TOO_LARGE);
    ASSERT_OK(codec_decode_frame(bytes_make(p, n), FRAME_ANSWER_MAX, &out, &why));
    ASSERT_EQ(table_rows(out.result.table), 1000);
}

TEST_MAIN

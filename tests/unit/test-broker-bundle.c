/* SPDX-License-Identifier: Apache-2.0 */

/* Bundles: small messages together in one frame, on links and of clients. */

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/session.h"

/* --- on links --- */

static void parent_reads_bundles(World *w) {
    ASSERT_OK(broker_uplink_connected(w->broker, w->now));
    Frame f = { .kind = FRAME_WELCOME,
                .welcome = { .protocol = 1,
                             .publish_window = 1024,
                             .credit_messages_max = 256,
                             .credit_bytes_max = 16U * 1024 * 1024,
                             .ping_interval_ms = 10000,
                             .bundles = true } };
    (void)text_copy(f.welcome.broker, sizeof(f.welcome.broker), "hub");
    (void)text_copy(f.welcome.node, sizeof(f.welcome.node), w->self);
    say(w, 0, "hub", f);
    run(w);
}

static void child_reads_bundles(World *w, uint8_t peer) {
    say(w, peer, "upt/r1",
        (Frame) { .kind = FRAME_HELLO,
                  .hello = { .protocol_min = 1,
                             .protocol_max = 1,
                             .instance_id = { { [0] = peer } },
                             .bundles = true } });
    subscribe(w, peer, "upt/r1", 1, SOURCE_LINK, 256);
    run(w);
}

/* Messages in the bundles that the peer heard, of which a list of ids. */
static unsigned bundled(const World *w, uint8_t peer, Uuid *ret, unsigned max) {
    unsigned n = 0;
    for (unsigned i = 0; i < w->n_heard; i++) {
        const Frame *f = &w->heard[i].f;
        size_t at = 0;
        for (uint32_t k = 0;
             f->kind == FRAME_BUNDLE && w->heard[i].peer == peer && k < f->bundle->n; k++) {
            Bytes parts[BUNDLE_PARTS];
            Envelope e;
            const char *why;
            ASSERT_TRUE(bundle_next(f->bundle, k, &at, parts) >= 1 && n < max);
            ASSERT_OK(codec_decode_envelope(parts[0], &e, &why));
            ret[n++] = e.message_id;
        }
    }
    return n;
}

TEST(what_goes_up_at_once_goes_in_one_bundle) {
    WORLD(w, "upt/r1");
    Uuid sent[5], seen[8];
    hello(&w, 1, "dsk/3201", 1);
    parent_reads_bundles(&w);
    ASSERT_TRUE(heard(&w, 0, FRAME_HELLO, 0)->f.hello.bundles);
    for (uint8_t i = 0; i < 5; i++)
        sent[i] = publish(&w, 1, "dsk/3201", "dsk/3301", i + 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 0);
    ASSERT_EQ(count(&w, 0, FRAME_BUNDLE), 1);
    ASSERT_EQ(bundled(&w, 0, seen, 8), 5);
    assert_memory_equal(sent, seen, sizeof(sent));
    const Bundle *b = heard(&w, 0, FRAME_BUNDLE, 0)->f.bundle;
    ASSERT_TRUE(uuid_equal(&b->publishes[4].message_id, &sent[4]));
    ASSERT_STR(b->publishes[4].forward->recipients[0].node, "dsk/3301");
    for (uint8_t i = 0; i < 5; i++)
        parent_answers(&w, &sent[i], VERDICT_ACCEPTED);
    run(&w);
    forget(&w);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    parent_reads_bundles(&w);
    ASSERT_EQ(bundled(&w, 0, seen, 8), 0); /* all were handed over */
}

TEST(a_bundle_the_pipe_has_no_room_for_goes_later) {
    WORLD(w, "upt/r1");
    Uuid sent[3], seen[8];
    hello(&w, 1, "dsk/3201", 1);
    parent_reads_bundles(&w);
    w.full[0] = true;
    for (uint8_t i = 0; i < 3; i++)
        sent[i] = publish(&w, 1, "dsk/3201", "dsk/3301", i + 1);
    run(&w);
    ASSERT_EQ(neighbour_progress(w.broker, "hub").in_flight, 0);
    w.full[0] = false;
    publish(&w, 1, "dsk/3201", "dsk/3301", 9);
    run(&w);
    pass(&w, 1000);
    run(&w);
    ASSERT_EQ(bundled(&w, 0, seen, 8), 4);
    assert_memory_equal(sent, seen, sizeof(sent));
    ASSERT_EQ(neighbour_progress(w.broker, "hub").in_flight, 4);
}

TEST(a_large_message_goes_by_itself) {
    WORLD(w, "upt/r1");
    Uuid seen[8];
    hello(&w, 1, "dsk/3201", 1);
    parent_reads_bundles(&w);
    publish_large(&w, 1, "dsk/3201", "dsk/3301", BUNDLE_BYTES / 2);
    publish(&w, 1, "dsk/3201", "dsk/3301", 2);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_EQ(bundled(&w, 0, seen, 8), 1);
}

TEST(a_child_that_reads_bundles_gets_them_and_settles_as_ever) {
    WORLD(w, "hub");
    Uuid sent[4], seen[8];
    hello(&w, 2, "dsk/3301", 2);
    child_reads_bundles(&w, 1);
    ASSERT_TRUE(heard(&w, 1, FRAME_WELCOME, 0)->f.welcome.bundles);
    for (uint8_t i = 0; i < 4; i++)
        sent[i] = publish(&w, 2, "dsk/3301", "dsk/3201", i + 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 0);
    ASSERT_EQ(bundled(&w, 1, seen, 8), 4);
    assert_memory_equal(sent, seen, sizeof(sent));
    const Bundle *b = heard(&w, 1, FRAME_BUNDLE, 0)->f.bundle;
    ASSERT_EQ(b->deliveries[0].tag, 1);
    ASSERT_EQ(b->deliveries[0].n_stamps, 0);
    ASSERT_STR(b->deliveries[0].forward->stamps[0].broker, "hub");
    ASSERT_STR(b->deliveries[0].forward->recipients[0].node, "dsk/3201");
    for (uint64_t tag = 1; tag <= 4; tag++)
        settle(&w, 1, "upt/r1", tag, SETTLE_DONE);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SETTLED), 4);
    say(&w, 1, "upt/r1", (Frame) { .kind = FRAME_BYE });
    run(&w);
    forget(&w);
    child_reads_bundles(&w, 3);
    ASSERT_EQ(bundled(&w, 3, seen, 8), 0);
}

TEST(a_child_that_does_not_read_gets_its_bundle_later_and_nothing_before) {
    WORLD(w, "hub");
    Uuid sent[4], seen[8];
    hello(&w, 2, "dsk/3301", 2);
    child_reads_bundles(&w, 1);
    w.full[1] = true;
    for (uint8_t i = 0; i < 4; i++) {
        sent[i] = publish(&w, 2, "dsk/3301", "dsk/3201", i + 1);
        run(&w);
    }
    ASSERT_EQ(bundled(&w, 1, seen, 8), 0);
    ASSERT_EQ(neighbour_progress(w.broker, "upt/r1").in_flight, 1); /* the first is held for it */
    w.full[1] = false;
    for (int i = 0; i < 10; i++) {
        pass(&w, 200);
        run(&w);
    }
    ASSERT_EQ(bundled(&w, 1, seen, 8), 4);
    assert_memory_equal(sent, seen, sizeof(sent));
    ASSERT_TRUE(!heard(&w, 1, FRAME_ERROR, 0));
}

/* A bundle as the other side of a link says it. */
static void say_bundle(World *w, uint8_t peer, const char *node, FrameKind kind, unsigned n) {
    const bool up = kind == FRAME_PUBLISH;
    const char *from = up ? "dsk/3201" : "dsk/3301", *to = up ? "dsk/3301" : "dsk/3201";
    _cleanup_(bundle_freep) Bundle *b = bundle_new(kind, BUNDLE_MAX, BUNDLE_BYTES);
    Forward fwd = { .present = true,
                    .accepted_ms = w->now.wall_ms,
                    .expires_ms = w->now.wall_ms + DAY_MS,
                    .n_recipients = 1,
                    .n_stamps = 1 };
    fwd.recipients[0].role = ROLE_ADDRESSEE;
    (void)text_copy(fwd.recipients[0].node, NODE_NAME_SIZE, to);
    fwd.stamps[0].at_ms = w->now.wall_ms;
    (void)text_copy(fwd.stamps[0].broker, NODE_NAME_SIZE, up ? "upt/r1" : "hub");
    for (unsigned i = 0; i < n; i++) {
        Letter l = letter(w, from, to, (uint8_t)(i + 1), URGENCY_ROUTINE);
        const Bytes part = bytes_make(l.envelope, l.n);
        if (up)
            b->publishes[i] = (FramePublish) { .message_id = l.id, .forward = &fwd };
        else
            b->deliveries[i] = (FrameDeliver) { .channel = 1, .tag = i + 1, .forward = &fwd };
        bundle_add(b, 0, &part, 1);
        free(l.envelope);
    }
    say(w, peer, node, (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
}

static unsigned answers(const World *w, uint8_t peer, Verdict verdict) {
    unsigned n = 0;
    const Heard *h;
    for (unsigned i = 0; (h = heard(w, peer, FRAME_PUBLISHED, i)); i++)
        for (uint32_t k = 0; k < h->f.published.n; k++)
            n += h->f.published.results[k].verdict == verdict;
    return n;
}

TEST(each_message_of_a_bundle_is_answered) {
    WORLD(w, "hub");
    child_reads_bundles(&w, 1);
    hello(&w, 2, "dsk/3301", 2);
    subscribe(&w, 2, "dsk/3301", 1, SOURCE_MAILBOX, 100);
    run(&w);
    say_bundle(&w, 1, "upt/r1", FRAME_PUBLISH, 40);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED), 40);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 40);
    ASSERT_EQ(neighbour_progress(w.broker, "upt/r1").received_count, 40);
}

/* It waits as told with the next ones; what was on its way is of many nodes. */
TEST(a_child_whose_bundle_is_put_off_keeps_its_session) {
    WORLD(w, "hub");
    BrokerConfig config = w.config;
    config.publish_window = 8;
    config.node_window = 4;
    broker_reconfigure(w.broker, &config);
    child_reads_bundles(&w, 1);
    say_bundle(&w, 1, "upt/r1", FRAME_PUBLISH, 40);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED), 4);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER), 36);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0);
}

/* The first is put off, and the answer has not left when the second ends the session. */
TEST(a_session_that_ends_within_a_bundle_is_not_answered_any_more) {
    WORLD(w, "upt/r1");
    Forward fwd = {
        .present = true, .accepted_ms = w.now.wall_ms, .n_recipients = 1, .n_stamps = 1
    };
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    BrokerConfig config = w.config;
    config.node_window = 1;
    broker_reconfigure(w.broker, &config);
    fwd.recipients[0].role = ROLE_ADDRESSEE;
    (void)text_copy(fwd.recipients[0].node, NODE_NAME_SIZE, "dsk/3201");
    fwd.stamps[0].at_ms = w.now.wall_ms;
    (void)text_copy(fwd.stamps[0].broker, NODE_NAME_SIZE, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    for (unsigned i = 0; i < 2; i++) {
        Letter l = letter(&w, "dsk/3202", "dsk/3201", 2, URGENCY_ROUTINE);
        const Bytes part = bytes_make(l.envelope, l.n);
        b->publishes[i] = (FramePublish) { .message_id = l.id, .forward = i > 0 ? &fwd : NULL };
        bundle_add(b, 0, &part, 1);
        free(l.envelope);
    }
    say(&w, 1, "dsk/3202", (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_NOT_ALLOWED);
    assert_null(w.broker->answered);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 0);
}

TEST(a_child_settles_each_message_of_a_bundle) {
    WORLD(w, "upt/r1");
    unsigned told = 0;
    parent_reads_bundles(&w);
    say_bundle(&w, 0, "hub", FRAME_DELIVER, 40);
    run(&w);
    pass(&w, 200);
    for (unsigned i = 0; i < w.n_heard; i++)
        for (uint32_t k = 0; w.heard[i].f.kind == FRAME_SETTLE && k < w.heard[i].f.settle.n; k++) {
            const TagRange t = w.heard[i].f.settle.settlements[k].tags;
            told += (unsigned)(t.last - t.first + 1);
        }
    ASSERT_EQ(told, 40);
    ASSERT_EQ(neighbour_progress(w.broker, "hub").received_count, 40);
}

TEST(bundles_of_deliveries_are_not_for_brokers_above) {
    WORLD(w, "hub");
    child_reads_bundles(&w, 2);
    say_bundle(&w, 2, "upt/r1", FRAME_DELIVER, 2);
    run(&w);
    ASSERT_EQ(heard(&w, 2, FRAME_ERROR, 0)->f.error.code, ERROR_MALFORMED);
    ASSERT_EQ(answers(&w, 2, VERDICT_ACCEPTED), 0);
}

/* --- of clients --- */

static void client_reads_bundles(World *w, uint8_t peer, const char *node) {
    say(w, peer, node,
        (Frame) { .kind = FRAME_HELLO,
                  .hello = { .protocol_min = 1,
                             .protocol_max = 1,
                             .instance_id = { { [0] = peer } },
                             .bundles = true } });
}

/* n messages to dsk/3202 of cases of their own. */
static void say_letters(World *w, uint8_t peer, const char *from, unsigned n, Uuid *ret) {
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    for (unsigned i = 0; i < n; i++) {
        Letter l = letter(w, from, "dsk/3202", (uint8_t)(i + 1), URGENCY_ROUTINE);
        const Bytes part = bytes_make(l.envelope, l.n);
        b->publishes[i] = (FramePublish) { .message_id = l.id };
        bundle_add(b, 0, &part, 1);
        ret[i] = l.id;
        free(l.envelope);
    }
    say(w, peer, from, (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
}

TEST(each_message_in_a_bundle_of_a_client_is_answered_and_delivered) {
    WORLD(w, "upt/r1");
    Uuid sent[BUNDLE_MAX], seen[BUNDLE_MAX];
    hello(&w, 1, "dsk/3201", 1);
    client_reads_bundles(&w, 2, "dsk/3202");
    ASSERT_TRUE(heard(&w, 1, FRAME_WELCOME, 0)->f.welcome.bundles);
    subscribe(&w, 2, "dsk/3202", 1, SOURCE_MAILBOX, 100);
    run(&w);
    say_letters(&w, 1, "dsk/3201", BUNDLE_MAX, sent);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED), BUNDLE_MAX);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 0);
    ASSERT_EQ(bundled(&w, 2, seen, BUNDLE_MAX), BUNDLE_MAX);
    assert_memory_equal(sent, seen, sizeof(sent));
    const FrameDeliver *d = &heard(&w, 2, FRAME_BUNDLE, 0)->f.bundle->deliveries[0];
    ASSERT_STR(d->recipient, "dsk/3202");
    ASSERT_TRUE(d->accepted_ms > 0 && d->tag == 1 && d->attempt == 1 && !d->forward);
    for (uint64_t tag = 1; tag <= BUNDLE_MAX; tag++)
        settle(&w, 2, "dsk/3202", tag, SETTLE_DONE);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_SETTLED), BUNDLE_MAX);
}

TEST(who_does_not_read_bundles_gets_none) {
    WORLD(w, "upt/r1");
    Uuid sent[3];
    hello(&w, 1, "dsk/3201", 1);
    hello(&w, 2, "dsk/3202", 2);
    subscribe(&w, 2, "dsk/3202", 1, SOURCE_MAILBOX, 100);
    say_letters(&w, 1, "dsk/3201", 3, sent);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 3);
    ASSERT_EQ(count(&w, 2, FRAME_BUNDLE), 0);
}

/* Of dsk/3202, who read bundles: peers 2 and 3; and a sender, peer 1. */
static void two_consumers(World *w) {
    hello(w, 1, "dsk/3201", 1);
    for (uint8_t peer = 2; peer <= 3; peer++) {
        client_reads_bundles(w, peer, "dsk/3202");
        subscribe(w, peer, "dsk/3202", 1, SOURCE_MAILBOX, 100);
    }
    run(w);
}

TEST(two_consumers_share_what_comes_in_bundles) {
    WORLD(w, "upt/r1");
    Uuid sent[8], seen[8];
    two_consumers(&w);
    say_letters(&w, 1, "dsk/3201", 8, sent);
    run(&w);
    ASSERT_EQ(bundled(&w, 2, seen, 8), 4);
    ASSERT_EQ(bundled(&w, 3, seen, 8), 4);
}

/* It was never sent: no attempt, no pause, and another consumer has it at once. */
TEST(a_bundle_for_a_connection_that_is_gone_goes_to_another) {
    WORLD(w, "upt/r1");
    Uuid sent[8], seen[8];
    two_consumers(&w);
    w.lost[2] = true;
    say_letters(&w, 1, "dsk/3201", 8, sent);
    run(&w);
    ASSERT_EQ(bundled(&w, 3, seen, 8), 8);
    for (unsigned i = 0; i < w.n_heard; i++)
        for (uint32_t k = 0; w.heard[i].f.kind == FRAME_BUNDLE && k < w.heard[i].f.bundle->n; k++) {
            const FrameDeliver *d = &w.heard[i].f.bundle->deliveries[k];
            ASSERT_TRUE(d->attempt == 1 && !d->suspect);
        }
    ASSERT_EQ(broker_status(w.broker).delivered, 8);
    ASSERT_EQ(broker_status(w.broker).sessions, 2);
}

TEST(only_a_broker_below_forwards_in_a_bundle) {
    WORLD(w, "hub");
    hello(&w, 1, "dsk/3301", 1);
    say_bundle(&w, 1, "dsk/3301", FRAME_PUBLISH, 2);
    run(&w);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_NOT_ALLOWED);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED), 0);
    client_reads_bundles(&w, 2, "dsk/3301");
    say_bundle(&w, 2, "dsk/3301", FRAME_DELIVER, 2);
    run(&w);
    ASSERT_EQ(heard(&w, 2, FRAME_ERROR, 0)->f.error.code, ERROR_MALFORMED);
}

static void say_one_of(World *w, uint8_t peer, size_t sealed) {
    _cleanup_(freep) uint8_t *zeros = calloc(1, sealed);
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, 1, ENVELOPE_MAX + sealed);
    Letter l = letter(w, "dsk/3201", "dsk/3202", 1, URGENCY_ROUTINE);
    const Bytes parts[3] = { bytes_make(l.envelope, l.n), { 0 }, bytes_make(zeros, sealed) };
    b->publishes[0] = (FramePublish) { .message_id = l.id };
    bundle_add(b, 0, parts, 3);
    say(w, peer, "dsk/3201", (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
    run(w);
    free(l.envelope);
}

TEST(a_bundle_of_a_client_has_a_limit_of_its_own) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    say_one_of(&w, 1, BUNDLE_MAX_BYTES - 1024);
    ASSERT_EQ(answers(&w, 1, VERDICT_REFUSED), 1); /* for its digest: it was read */
    say_one_of(&w, 1, BUNDLE_MAX_BYTES);
    ASSERT_EQ(answers(&w, 1, VERDICT_REFUSED), 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_TOO_LARGE);
}

/* The session ends with the message that overran the window; the rest of the bundle is nobody's. */
TEST(a_bundle_that_overruns_the_window_ends_the_session) {
    WORLD(w, "hub");
    child_reads_bundles(&w, 1);
    for (unsigned i = 0; i < 30; i++) /* nothing is stored meanwhile */
        say_bundle(&w, 1, "upt/r1", FRAME_PUBLISH, BUNDLE_MAX);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_WINDOW);
    run(&w);
}

TEST_MAIN

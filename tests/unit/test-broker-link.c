/* SPDX-License-Identifier: Apache-2.0 */

/* Links: our uplink and its credit, what a neighbour may have, children that come back. */

#include "broker-fixture.h"
#include "broker/internal.h"

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

/* The parent answers each of ten messages; of the first `lost` it has none, the last `late` are
 * still on their way when it counts. */
static unsigned gaps_told(unsigned lost, unsigned late) {
    WORLD(w, "upt/r1");
    LinkProgress theirs = { .present = true };
    uplink_open(&w, 256);
    run(&w);
    for (unsigned i = 0; i < 10; i++) {
        const Uuid id = { { (uint8_t)(i + 1) } };
        neighbour_sent(w.broker, "hub", &id);
        if (i < lost + late)
            continue;
        theirs.received_count++;
        theirs.received_digest.b[0] ^= (uint8_t)(i + 1 - late);
        say(&w, 0, "hub", (Frame) { .kind = FRAME_PONG, .pong = { .progress = theirs } });
    }
    return w.n_gaps;
}

TEST(a_gap_is_told_while_the_link_is_busy_and_only_a_gap) {
    ASSERT_EQ(gaps_told(0, 0), 0);
    ASSERT_EQ(gaps_told(0, 1), 0);
    ASSERT_EQ(gaps_told(1, 0), 1);
    ASSERT_EQ(gaps_told(3, 0), 1);
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

/* On a narrow line the answers of the parent come behind all that it sends down; to begin anew
 * would be to send everything again. */
TEST(a_link_on_which_messages_come_down_is_not_reset_for_want_of_answers) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    for (uint64_t tag = 1; tag <= 10; tag++) {
        pass(&w, 20 * SECOND_MS);
        ASSERT_TRUE(broker_status(w.broker).uplink_up);
        deliver_down(&w, tag, 0);
        run(&w);
    }
    for (int i = 0; i < 7; i++) { /* and then nothing: not even silence is an answer */
        pass(&w, 10 * SECOND_MS);
        say(&w, 0, "hub", (Frame) { .kind = FRAME_PING });
    }
    pass(&w, SECOND_MS);
    ASSERT_TRUE(!broker_status(w.broker).uplink_up);
}

/* --- bundles: small messages of a link together in one frame --- */

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

static void publish_large(World *w, uint8_t peer, const char *from, const char *to, size_t size) {
    _cleanup_(freep) uint8_t *sealed = calloc(1, size), *envelope = NULL;
    Letter l = letter(w, from, to, 77, URGENCY_ROUTINE);
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
    ASSERT_TRUE(!heard(&w, 2, FRAME_WELCOME, 0)->f.welcome.bundles);
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

TEST(bundles_are_for_links_and_go_one_way) {
    WORLD(w, "hub");
    hello(&w, 1, "dsk/3301", 1);
    say_bundle(&w, 1, "dsk/3301", FRAME_PUBLISH, 2);
    run(&w);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_MALFORMED);
    child_reads_bundles(&w, 2);
    say_bundle(&w, 2, "upt/r1", FRAME_DELIVER, 2);
    run(&w);
    ASSERT_EQ(heard(&w, 2, FRAME_ERROR, 0)->f.error.code, ERROR_MALFORMED);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED) + answers(&w, 2, VERDICT_ACCEPTED), 0);
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

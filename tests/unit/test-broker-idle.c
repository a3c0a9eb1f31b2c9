/* SPDX-License-Identifier: Apache-2.0 */

/* Who asks for nothing without end, or sends what means nothing, waits; what is written down. */

#include "account-fixture.h"

/* How many of them until the session ends; 0: not within 10,000. */
static unsigned frames_until_the_end(World *w, uint8_t peer, Frame f) {
    for (unsigned n = 1; n <= 10000; n++) {
        say(w, peer, BAD, f);
        run(w);
        if (heard(w, peer, FRAME_ERROR, 0) &&
            heard(w, peer, FRAME_ERROR, 0)->f.error.code == ERROR_BUSY)
            return n;
        forget(w);
    }
    return 0;
}

TEST(who_asks_for_nothing_without_end_waits) {
    static TagRange none = { 7, 9 };
    static Settlement nothing;
    nothing.tags = none;
    nothing.action = SETTLE_DONE;
    const Frame frames[] = {
        { .kind = FRAME_PING },
        { .kind = FRAME_PONG },
        { .kind = FRAME_CREDIT, .credit = { .channel = 1, .messages = 1 } },
        { .kind = FRAME_CREDIT, .credit = { .channel = 9, .messages = 1 } },
        { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &nothing } },
        { .kind = FRAME_SETTLE, .settle = { .channel = 9, .n = 1, .settlements = &nothing } },
        { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .channel = 9 } },
        { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "no-such-verb" } },
    };
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
        begin_again(&w);
        hello(&w, 1, BAD, 1);
        hello(&w, 2, GOOD, 2);
        subscribe(&w, 1, BAD, 1, SOURCE_MAILBOX, w.config.credit_messages_max);
        run(&w);
        forget(&w);
        const unsigned n = frames_until_the_end(&w, 1, frames[i]);
        ASSERT_TRUE(n > 4000 && n < 4300);
        ASSERT_EQ(broker_status(w.broker).sessions, 1);
        say(&w, 2, GOOD, (Frame) { .kind = FRAME_PING });
        ASSERT_EQ(count(&w, 2, FRAME_PONG), 1);
        pass(&w, MINUTE_MS + 1000);
        forget(&w);
        hello(&w, 1, BAD, 1);
        ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
    }
}

TEST(queries_that_the_store_answers_are_work) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 1;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 1; i <= 60; i++) {
        say(&w, 1, BAD,
            (Frame) { .kind = FRAME_QUERY, .query = { .query = i, .verb = "worklist" } });
        run(&w);
        ASSERT_EQ(count(&w, 1, FRAME_RESULT), i);
    }
}

TEST(without_a_bound_anybody_may_ask_for_nothing) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 0;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(frames_until_the_end(&w, 1, (Frame) { .kind = FRAME_PING }), 0);
}

TEST(credit_for_what_was_delivered_is_work) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 1; /* 16 frames, and one for each session */
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 2, TO, 2);
    subscribe(&w, 2, TO, 1, SOURCE_MAILBOX, 1);
    for (unsigned i = 1; i <= 60; i++) {
        Settlement done = { .tags = { i, i }, .action = SETTLE_DONE };
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
        ASSERT_EQ(count(&w, 2, FRAME_DELIVER), i);
        say(&w, 2, TO,
            (Frame) { .kind = FRAME_SETTLE,
                      .settle = { .channel = 1, .n = 1, .settlements = &done } });
        say(&w, 2, TO, (Frame) { .kind = FRAME_CREDIT, .credit = { .channel = 1, .messages = 1 } });
        run(&w);
    }
}

TEST(who_overruns_its_window_again_and_again_waits) {
    WORLD(w, "upt/r1");
    w.config.publish_window = 1;
    begin_again(&w);
    for (unsigned i = 0; i < 20; i++) {
        hello(&w, 1, BAD, 1);
        publish(&w, 1, BAD, TO, 1);
        publish(&w, 1, BAD, TO, 2);
    }
    ASSERT_TRUE(count(&w, 1, FRAME_WELCOME) >= 16 && count(&w, 1, FRAME_WELCOME) <= 18);
}

TEST(refusals_without_end_are_put_off) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 1200; i++) {
        publish(&w, 1, BAD, "dsk/9999", 1); /* nobody knows it */
        run(&w);
    }
    ASSERT_EQ(answers(&w, 1, VERDICT_REFUSED, "UNKNOWN_RECIPIENT"), 1024);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "SLOW_DOWN"), 1200 - 1024);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "WINDOW"), 1200 - 1024); /* for all of its messages */
    publish_as(&w, 1, BAD, TO, 2, URGENCY_EMERGENCY);                /* but no emergency */
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 1);
    pass(&w, 2000);
    publish(&w, 1, BAD, TO, 1);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 2);
}

TEST(nor_do_conflicts_come_without_end) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 1200; i++) {
        w.n_ids = 0; /* one id for all */
        publish(&w, 1, BAD, TO, (uint8_t)(i > 0));
        run(&w);
    }
    ASSERT_EQ(answers(&w, 1, VERDICT_CONFLICT, NULL), 1024);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "SLOW_DOWN"), 1200 - 1 - 1024);
}

TEST(a_node_opens_sessions_no_faster_than_it_may) {
    WORLD(w, "upt/r1");
    w.config.sessions_node = 10;
    w.config.hello_rate = 2;
    begin_again(&w);
    for (unsigned i = 0; i < 50; i++)
        hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 10);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
    hello(&w, 2, GOOD, 2);
    ASSERT_EQ(count(&w, 2, FRAME_WELCOME), 1);
    pass(&w, 1000);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 11);
}

TEST(a_key_that_sends_garbage_waits_and_no_other) {
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < 40; i++) {
        hello(&w, 1, BAD, 1);
        say(&w, 1, BAD, (Frame) { .kind = FRAME_WELCOME }); /* not for a broker */
    }
    ASSERT_TRUE(count(&w, 1, FRAME_WELCOME) >= 16 && count(&w, 1, FRAME_WELCOME) <= 18);
    hello(&w, 2, GOOD, 2);
    ASSERT_EQ(count(&w, 2, FRAME_WELCOME), 1);
    forget(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
    pass(&w, MINUTE_MS + 1000);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
}

TEST(a_window_of_frames_after_a_restart_is_no_garbage) {
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < 2000; i++)
        publish(&w, 1, BAD, TO, 1);
    forget(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
}

TEST(who_does_not_read_its_answers_is_ended) {
    WORLD(w, "upt/r1");
    w.config.outbox_bytes = 1000;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    w.full[1] = true;
    for (unsigned i = 0; i < 900; i++)
        say(&w, 1, BAD, (Frame) { .kind = FRAME_PING });
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
}

TEST(requests_for_keys_have_a_rate) {
    WORLD(w, "upt/r1");
    KeyRequest r = { .act = KEY_ACT_ADD, .asked_ms = w.now.wall_ms };
    uint8_t *input;
    size_t n;
    hello(&w, 1, BAD, 1);
    (void)text_copy(r.key.node, sizeof(r.key.node), BAD);
    (void)text_copy(r.by_node, sizeof(r.by_node), BAD);
    (void)text_copy(r.key.label, sizeof(r.key.label), "main");
    key_of("another", r.key.curve);
    memset(r.key.sign.b, 1, sizeof(r.key.sign.b));
    ASSERT_OK(codec_encode_key_demand(&r));
    ASSERT_OK(codec_encode_key_request(&r, &input, &n));
    for (unsigned i = 1; i <= 1200; i++) {
        Frame f = { .kind = FRAME_QUERY,
                    .query = { .query = i, .verb = "key-request", .input = input, .n_input = n } };
        say(&w, 1, BAD, f);
        run(&w);
    }
    free(input);
    unsigned unproven = 0, busy = 0;
    const Heard *h;
    for (unsigned i = 0; (h = heard(&w, 1, FRAME_RESULT, i)); i++) {
        unproven += text_starts_with(h->f.result.table->text, "UNPROVEN");
        busy += text_starts_with(h->f.result.table->text, "BUSY");
    }
    ASSERT_EQ(unproven, 1024);
    ASSERT_EQ(busy, 1200 - 1024);
}

TEST_MAIN

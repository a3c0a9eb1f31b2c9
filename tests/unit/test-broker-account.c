/* SPDX-License-Identifier: Apache-2.0 */

/* What one node can make the broker hold. Whose turn it is: test-broker-turns.c; frames: -idle.c.
 */

#include "account-fixture.h"

/* --- accounts --- */

TEST(an_account_stays_while_something_of_it_is_on_its_way) {
    WORLD(w, "upt/r1");
    hello(&w, 2, BAD, 2);
    run(&w);
    say(&w, 2, BAD, (Frame) { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "worklist" } });
    say(&w, 2, BAD, (Frame) { .kind = FRAME_BYE }); /* no batch took the question yet */
    for (unsigned i = 0; i < 90; i++) {             /* until nothing else speaks for keeping it */
        w.now.mono_ms += SECOND_MS;
        w.now.wall_ms += SECOND_MS;
        ASSERT_OK(broker_tick(w.broker, w.now));
    }
    assert_non_null(w.broker->accounts);
    run(&w);
    for (unsigned i = 0; i < 5; i++)
        pass(&w, SECOND_MS);
    assert_null(w.broker->accounts);
}

/* --- bounds --- */

TEST(too_many_messages_are_put_off_and_emergencies_are_not) {
    WORLD(w, "upt/r1");
    w.config.node_window = 100;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 120; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    publish_as(&w, 1, BAD, TO, 200, URGENCY_EMERGENCY);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "WINDOW"), 20);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 101);
    publish(&w, 1, BAD, TO, 1);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 102);
}

TEST(too_many_bytes_are_put_off_whatever_the_session) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 3U << 20;
    begin_again(&w);
    for (uint8_t i = 1; i <= 4; i++) {
        hello(&w, i, BAD, i);
        publish_bytes(&w, i, BAD, SEALED_MAX);
    }
    ASSERT_EQ(answers(&w, 3, VERDICT_LATER, "WINDOW") + answers(&w, 4, VERDICT_LATER, "WINDOW"), 2);
    run(&w);
    publish_bytes(&w, 4, BAD, SEALED_MAX); /* there is room again */
    run(&w);
    ASSERT_EQ(answers(&w, 4, VERDICT_LATER, NULL), 1);
}

/* Less only beside somebody who asks for little. */
TEST(who_asks_for_much_and_is_alone_may_have_all_its_bytes) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 2U * SEALED_MAX + (64U << 10);
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 20; i++) {
        publish_bytes(&w, 1, BAD, SEALED_MAX);
        publish_bytes(&w, 1, BAD, SEALED_MAX);
        run(&w);
        ASSERT_EQ(answers(&w, 1, VERDICT_LATER, NULL), 0);
    }
}

TEST(nor_may_all_nodes_together_have_too_many_bytes) {
    WORLD(w, "upt/r1");
    w.config.pending_bytes = SEALED_MAX + SEALED_MAX / 2;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish_bytes(&w, 1, BAD, SEALED_MAX);
    publish_bytes(&w, 2, GOOD, SEALED_MAX);
    ASSERT_EQ(answers(&w, 2, VERDICT_LATER, "WINDOW"), 1);
    run(&w);
    publish_bytes(&w, 2, GOOD, SEALED_MAX); /* there is room again */
    run(&w);
    ASSERT_EQ(answers(&w, 2, VERDICT_LATER, NULL), 1);
}

TEST(who_goes_on_with_what_is_put_off_is_ended) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    w.config.outbox_bytes = 1U << 30;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    unsigned n = 0;
    for (; n < 400 && !heard(&w, 1, FRAME_ERROR, 0); n++) {
        w.now.mono_ms += n % 7 == 6 ? 100 : 0; /* a window at a time, and too soon */
        publish_bytes(&w, 1, BAD, SEALED_MAX);
    }
    ASSERT_TRUE(n > 25 && n < 45); /* 32 megabytes are forgiven */
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_WINDOW);
    forget(&w);
    hello(&w, 1, BAD, 1); /* and its key is not served for a while */
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
}

/* How many are put off before the session ends. */
static unsigned put_off_until_the_end(World *w, int urgency) {
    unsigned n = 0;
    while (n < 500 && !heard(w, 1, FRAME_ERROR, 0))
        publish_as(w, 1, BAD, TO, (uint8_t)n++, urgency);
    return n;
}

TEST(who_was_told_to_wait_may_send_what_its_window_had_room_for) {
    WORLD(w, "upt/r1");
    w.config.node_window = 100;
    w.config.publish_window = 300;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 100; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    publish(&w, 1, BAD, TO, 1); /* this one tells it; 100 have no answer */
    ASSERT_EQ(put_off_until_the_end(&w, URGENCY_ROUTINE), 200 + 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_WINDOW);
    forget(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
}

TEST(nor_more_bytes_than_a_window_may_have) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    unsigned n = 0;
    for (; n < 100 && !heard(&w, 1, FRAME_ERROR, 0); n++)
        publish_bytes(&w, 1, BAD, SEALED_MAX);
    ASSERT_EQ(n, 1 + 7 + 1); /* eight megabytes, the envelopes among them */
}

/* How many large ones are put off, and in all, until the session ends. */
static unsigned large_until_the_end(World *w, unsigned *ret_all) {
    *ret_all = 0;
    while (*ret_all < 100 && !heard(w, 1, FRAME_ERROR, 0)) {
        publish_bytes(w, 1, BAD, 1000000);
        ++*ret_all;
    }
    return answers(w, 1, VERDICT_LATER, "WINDOW");
}

TEST(a_flood_of_large_ones_beside_who_asks_for_little_is_found_out_early) {
    WORLD(w, "upt/r1");
    unsigned all;
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    run(&w);
    pass(&w, 2000);
    publish(&w, 2, GOOD, TO, 1);
    ASSERT_EQ(large_until_the_end(&w, &all), 1 + 2); /* the first of them tells it */
    ASSERT_EQ(all, 2 + 1 + 2 + 1);                   /* two megabytes, and as many on their way */
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_WINDOW);
}

TEST(a_window_of_bytes_grows_with_what_was_answered) {
    WORLD(w, "upt/r1");
    unsigned all;
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < 3; i++) {
        publish_bytes(&w, 1, BAD, 1000000);
        run(&w);
    }
    pass(&w, 2000);
    publish(&w, 2, GOOD, TO, 1);
    ASSERT_EQ(large_until_the_end(&w, &all), 1 + 5);
}

TEST(one_large_message_at_a_time_is_never_put_off) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < 20; i++) {
        publish(&w, 2, GOOD, TO, (uint8_t)i);
        publish_bytes(&w, 1, BAD, SEALED_MAX);
        run(&w);
        ASSERT_EQ(answers(&w, 1, VERDICT_LATER, NULL), 0);
    }
}

TEST(who_waits_as_told_may_be_put_off_for_ever) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    w.config.publish_window = 50;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 40; i++) {
        for (unsigned k = 0; k < 50; k++)
            publish(&w, 1, BAD, TO, (uint8_t)k);
        pass(&w, 200);
    }
    assert_null(heard(&w, 1, FRAME_ERROR, 0));
}

TEST(emergencies_may_go_on_while_the_rest_waits) {
    WORLD(w, "upt/r1");
    w.config.node_window = 8;
    w.config.publish_window = 20;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 8 + 1; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    ASSERT_EQ(put_off_until_the_end(&w, URGENCY_EMERGENCY), 500);
}

/* A thousand are on the way to the disk, the rest of them waits. */
TEST(no_more_subscriptions_wait_than_a_node_may_have) {
    enum { WAY = 1024, MAY = 8 };
    const Frame drop = { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .drop_name = "none" } };
    WORLD(w, "upt/r1");
    w.config.node_window = MAY;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < WAY + MAY; i++)
        say(&w, 1, BAD, drop);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0);
    say(&w, 1, BAD, drop);
    subscribe(&w, 1, BAD, 1, SOURCE_RECEIPTS, 1);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 2);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 1)->f.error.code, ERROR_BUSY);
    run(&w);
    subscribe(&w, 1, BAD, 1, SOURCE_RECEIPTS, 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
}

/* What is on its way when the first is put off could not know. */
TEST(many_programs_with_their_windows_full_are_put_off_and_not_ended) {
    enum { PROGRAMS = 8, WINDOW = 8 };
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    begin_again(&w);
    for (uint8_t i = 1; i <= PROGRAMS; i++)
        hello(&w, i, BAD, i);
    for (uint8_t i = 1; i <= PROGRAMS; i++)
        for (unsigned k = 0; k < WINDOW; k++)
            publish_bytes(&w, i, BAD, SEALED_MAX - 4096);
    for (uint8_t i = 1; i <= PROGRAMS; i++) {
        assert_null(heard(&w, i, FRAME_ERROR, 0));
        ASSERT_EQ(answers(&w, i, VERDICT_LATER, "WINDOW"), WINDOW);
    }
}

TEST(the_more_is_put_off_the_later_it_is_to_come_again) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    begin_again(&w);
    for (uint8_t i = 1; i <= 4; i++)
        hello(&w, i, BAD, i);
    uint32_t last = 0;
    for (uint8_t i = 0; i < 28; i++) {
        const uint8_t peer = i % 4 + 1;
        publish_bytes(&w, peer, BAD, SEALED_MAX);
        const uint32_t ms =
            heard(&w, peer, FRAME_PUBLISHED, i / 4)->f.published.results[0].retry_after_ms;
        ASSERT_TRUE(ms >= last && (i < 7 ? ms == 200 : ms < 5000));
        last = ms;
    }
    ASSERT_TRUE(last > 2000); /* 20 megabytes too many at 8 a second */
    assert_null(heard(&w, 1, FRAME_ERROR, 0));
}

TEST(what_a_slowed_key_has_waiting_is_not_accepted) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 900; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    for (unsigned i = 0; i < 16 * 300 && broker_status(w.broker).sessions > 1; i++) {
        if (i % 1000 == 999)
            forget(&w);
        else
            say(&w, 1, BAD, (Frame) { .kind = FRAME_PING });
    }
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    run(&w);
    const uint64_t accepted = broker_status(w.broker).accepted;
    ASSERT_TRUE(accepted < 600); /* only those that were on their way */
    ASSERT_EQ(w.broker->unanswered_bytes, 0);
    ASSERT_EQ(account_get(w.broker, BAD)->n_unanswered, 0);
}

/* --- quotas of the store --- */

TEST(a_sender_has_no_more_waiting_than_its_quota) {
    WORLD(w, "upt/r1");
    w.store_config.sender_quota = 20;
    w.store_config.dead_quota = 100;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 25; i++) {
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
    }
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 20);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "SENDER_FULL"), 5);
    publish_as(&w, 1, BAD, TO, 200, URGENCY_EMERGENCY);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 201);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 21);
    ASSERT_EQ(answers(&w, 2, VERDICT_ACCEPTED, NULL), 1);
    begin_again(&w); /* it is known after a start, too */
    forget(&w);
    hello(&w, 1, BAD, 1);
    publish(&w, 1, BAD, TO, 202);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "SENDER_FULL"), 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
    run(&w);
    for (uint64_t tag = 1; tag <= 10; tag++)
        settle(&w, 3, TO, tag, SETTLE_DONE);
    run(&w);
    publish(&w, 1, BAD, TO, 203);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 1);
}

TEST(a_mailbox_has_no_more_waiting_than_its_quota) {
    WORLD(w, "upt/r1");
    w.store_config.mailbox_quota = 5;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 7; i++) {
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
    }
    publish(&w, 1, BAD, GOOD, 1);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "MAILBOX_FULL"), 2);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 6);
}

static void reject(World *w, uint8_t peer, const char *node, uint64_t tag) {
    Settlement st = { .tags = { tag, tag }, .action = SETTLE_REJECT, .permanent = true };
    say(w, peer, node,
        (Frame) { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &st } });
    run(w);
}

TEST(a_sender_with_too_many_dead_letters_waits_for_an_operator) {
    WORLD(w, "upt/r1");
    w.store_config.dead_quota = 3;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    hello(&w, 3, TO, 3);
    subscribe(&w, 2, GOOD, 1, SOURCE_MAILBOX, 100);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
    run(&w);
    publish(&w, 1, BAD, GOOD, 9);
    run(&w);
    reject(&w, 2, GOOD, 1);
    for (uint64_t i = 1; i <= 2; i++) { /* as many as one reader may leave */
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
        reject(&w, 3, TO, i);
    }
    publish(&w, 1, BAD, TO, 10);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "DEAD_LETTERS"), 1);
}

static void seconds_pass(World *w, unsigned n) {
    for (unsigned i = 0; i < n; i += 10) {
        pass(w, 10000);
        say(w, 3, TO, (Frame) { .kind = FRAME_PING });
        run(w);
    }
}

/* It is settled for its consumer, the operator is told, and it comes again in ten minutes. */
TEST(what_a_reader_rejects_beyond_its_bound_is_handed_out_again_later) {
    WORLD(w, "upt/r1");
    w.store_config.dead_quota = 2;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
    run(&w);
    for (uint64_t i = 1; i <= 2; i++) {
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
        reject(&w, 3, TO, i);
    }
    ASSERT_EQ(count(&w, 3, FRAME_SETTLED), 2);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 2);
    ASSERT_EQ(w.n_quotas, 1);
    seconds_pass(&w, 590);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 2);
    seconds_pass(&w, 20);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 3);
}

TEST_MAIN

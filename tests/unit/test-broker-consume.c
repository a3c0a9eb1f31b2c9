/* SPDX-License-Identifier: Apache-2.0 */

/* What a consumer is charged and what it is given: attempts, credit, time. */

#include "broker-fixture.h"

/* The one who holds it says nothing any more; the others go on. */
static void fall_silent(World *w) {
    for (int i = 0; i < 200; i++) {
        pass(w, 200);
        say(w, 1, "dsk/3202", (Frame) { .kind = FRAME_PONG });
        run(w);
    }
}

static const Heard *consume(World *w, uint8_t peer, uint32_t credit_messages) {
    hello(w, peer, "dsk/3201", peer);
    subscribe(w, peer, "dsk/3201", 1, SOURCE_MAILBOX, credit_messages);
    run(w);
    pass(w, 200); /* what is due is let go by the tick */
    run(w);
    return heard(w, peer, FRAME_DELIVER, 0);
}

TEST(a_consumer_that_dies_on_a_delivery_uses_up_one_attempt) {
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    config.retry.max_attempts = 3;
    broker_reconfigure(w.broker, &config);
    hello(&w, 1, "dsk/3202", 1);
    Uuid id = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    for (uint8_t attempt = 1; attempt <= 3; attempt++) {
        const Heard *h = consume(&w, (uint8_t)(1 + attempt), 1);
        assert_non_null(h);
        ASSERT_EQ(h->f.deliver.attempt, attempt);
        fall_silent(&w);
    }
    assert_null(consume(&w, 9, 1)); /* a dead letter by now */
    ASSERT_EQ(outcomes(&w, &id), 1);
}

TEST(only_the_oldest_of_those_held_uses_up_an_attempt) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    for (uint8_t cas = 1; cas <= 3; cas++)
        publish(&w, 1, "dsk/3202", "dsk/3201", cas);
    run(&w);
    assert_non_null(consume(&w, 2, 3));
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 3);
    fall_silent(&w);
    unsigned attempts[3] = { 0 };
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 3);
    for (unsigned i = 0; i < 3; i++) {
        run(&w);
        const Heard *h = heard(&w, 3, FRAME_DELIVER, i);
        assert_non_null(h);
        attempts[i] = h->f.deliver.attempt;
        settle(&w, 3, "dsk/3201", i + 1, SETTLE_DONE);
    }
    ASSERT_EQ(attempts[0] + attempts[1] + attempts[2], 2 + 1 + 1);
}

/* Or an attempt would be counted for a message that had nothing to do with it. */
TEST(a_suspect_goes_to_nobody_who_holds_another) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    for (uint8_t cas = 1; cas <= 3; cas++)
        publish(&w, 1, "dsk/3202", "dsk/3201", cas);
    run(&w);
    assert_non_null(consume(&w, 2, 3));
    fall_silent(&w);
    const Uuid fresh = publish_as(&w, 1, "dsk/3202", "dsk/3201", 4, URGENCY_EMERGENCY);
    run(&w);
    const Heard *h = consume(&w, 3, 4);
    assert_non_null(h);
    ASSERT_TRUE(uuid_equal(&h->id, &fresh));
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 2); /* and the one that used up an attempt */
    ASSERT_TRUE(!heard(&w, 3, FRAME_DELIVER, 1)->f.deliver.suspect);
    settle(&w, 3, "dsk/3201", 1, SETTLE_DONE);
    settle(&w, 3, "dsk/3201", 2, SETTLE_DONE);
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 3);
    ASSERT_TRUE(heard(&w, 3, FRAME_DELIVER, 2)->f.deliver.suspect);
}

/* One consumer died with three, so two of them are suspects; two others came, and each holds
 * something else. The first of them has credit for more and comes to rest. */
static void two_beside_suspects(World *w, uint32_t first_bytes) {
    const Frame first = { .kind = FRAME_SUBSCRIBE,
                          .subscribe = { .channel = 1,
                                         .source = SOURCE_MAILBOX,
                                         .credit_messages = 2,
                                         .credit_bytes = first_bytes } };
    hello(w, 1, "dsk/3202", 1);
    for (uint8_t cas = 1; cas <= 3; cas++)
        publish(w, 1, "dsk/3202", "dsk/3201", cas);
    run(w);
    assert_non_null(consume(w, 2, 3));
    fall_silent(w);
    hello(w, 3, "dsk/3201", 3);
    say(w, 3, "dsk/3201", first);
    for (uint8_t cas = 4; cas <= 5; cas++)
        (void)publish_as(w, 1, "dsk/3202", "dsk/3201", cas, URGENCY_EMERGENCY);
    hello(w, 4, "dsk/3201", 4);
    subscribe(w, 4, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    run(w);
    ASSERT_TRUE(!heard(w, 4, FRAME_SUBSCRIBED, 0)->f.subscribed.overrun); /* no mailbox is */
    ASSERT_EQ(count(w, 3, FRAME_DELIVER), 1);
    ASSERT_EQ(count(w, 4, FRAME_DELIVER), 2);
}

/* The one that was at rest can take no suspect any more: the other one comes to rest. */
static void assert_other_rests(World *w) {
    const Heard *h = NULL;
    credit(w, 4, "dsk/3201", 1, 5);
    for (uint8_t cas = 6; cas <= 8; cas++)
        (void)publish(w, 1, "dsk/3202", "dsk/3201", cas);
    run(w);
    ASSERT_EQ(count(w, 4, FRAME_DELIVER), 2);
    settle(w, 4, "dsk/3201", 1, SETTLE_DONE);
    for (unsigned i = 2; i < 4 && !(h && h->f.deliver.suspect); i++) { /* first what is urgent */
        settle(w, 4, "dsk/3201", i, SETTLE_DONE);
        run(w);
        ASSERT_EQ(count(w, 4, FRAME_DELIVER), i + 1);
        h = heard(w, 4, FRAME_DELIVER, i);
    }
    ASSERT_TRUE(h && h->f.deliver.suspect);
}

TEST(a_suspect_waits_for_nobody_who_went) {
    WORLD(w, "upt/r1");
    two_beside_suspects(&w, 0);
    say(&w, 3, "dsk/3201", (Frame) { .kind = FRAME_BYE });
    run(&w);
    assert_other_rests(&w);
}

TEST(a_suspect_waits_for_nobody_who_has_no_room_for_it) {
    WORLD(w, "upt/r1");
    two_beside_suspects(&w, 150); /* room for one */
    settle(&w, 3, "dsk/3201", 1, SETTLE_DONE);
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 1);
    assert_other_rests(&w);
}

TEST(what_one_leaves_is_given_to_another_at_once) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    (void)publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    for (uint8_t peer = 2; peer <= 5; peer++) {
        hello(&w, peer, "dsk/3201", peer);
        subscribe(&w, peer, "dsk/3201", 1, SOURCE_MAILBOX, 1);
        run(&w);
        if (peer == 2)
            continue;
        say(&w, peer - 1, "dsk/3201", (Frame) { .kind = FRAME_BYE });
        run(&w);
        ASSERT_EQ(count(&w, peer, FRAME_DELIVER), 1);
    }
}

TEST(a_delivery_that_does_not_fit_into_the_pipe_costs_no_credit) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    run(&w);
    w.full[2] = true;
    publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    publish(&w, 1, "dsk/3202", "dsk/3201", 2);
    run(&w);
    for (int i = 0; i < 5; i++) {
        pass(&w, 200);
        run(&w);
    }
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 0);
    w.full[2] = false;
    pass(&w, 200);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 2);
}

TEST(nothing_expires_a_second_before_its_time) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    Uuid first = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    Uuid second = publish(&w, 1, "dsk/3202", "dsk/3201", 2);
    run(&w);
    w.now.wall_ms += 30 * DAY_MS - SECOND_MS;
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 1);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    ASSERT_EQ(outcomes(&w, &first) + outcomes(&w, &second), 0);
    w.now.wall_ms += SECOND_MS;
    credit(&w, 2, "dsk/3201", 1, 1);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    ASSERT_EQ(outcomes(&w, &second), 1);
}

/* --- a clock that leaps ----------------------------------------------------------------------- */

/* Ten seconds at a time, with everything that comes of them. */
static void let_pass(World *w, int64_t ms) {
    for (; ms > 0; ms -= 10 * SECOND_MS) {
        pass(w, 10 * SECOND_MS);
        run(w);
    }
}

TEST(nothing_expires_for_ten_minutes_after_the_clock_leapt_ahead) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    Uuid read = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    Uuid waits = publish(&w, 1, "dsk/3202", "dsk/3201", 2);
    let_pass(&w, MINUTE_MS);
    w.now.wall_ms += CLOCK_LEAP_MS + SECOND_MS;
    let_pass(&w, 5 * MINUTE_MS);
    const Heard *h = consume(&w, 2, 1);
    assert_non_null(h); /* handed out, though it would have ended long ago */
    ASSERT_TRUE(uuid_equal(&h->id, &read));
    let_pass(&w, 4 * MINUTE_MS);
    ASSERT_EQ(outcomes(&w, &read) + outcomes(&w, &waits), 0);
    ASSERT_EQ(w.n_leaps, 1);
    let_pass(&w, 2 * MINUTE_MS); /* it is true, then */
    ASSERT_EQ(outcomes(&w, &waits), 1);
    ASSERT_EQ(w.n_leaps, 1);
}

TEST(nothing_expires_for_ten_minutes_when_the_clock_leapt_while_it_was_stopped) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    Uuid waits = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    w.config.noted_ms = w.now.wall_ms;
    w.broker = broker_free(w.broker);
    w.now.wall_ms += CLOCK_LEAP_MS + SECOND_MS;
    open_broker(&w);
    let_pass(&w, 9 * MINUTE_MS);
    ASSERT_EQ(outcomes(&w, &waits), 0);
    ASSERT_EQ(w.n_leaps, 1);
    let_pass(&w, 2 * MINUTE_MS);
    ASSERT_EQ(outcomes(&w, &waits), 1);
}

TEST(a_clock_that_is_set_right_again_has_ended_nothing) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    Uuid id = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    let_pass(&w, MINUTE_MS);
    for (unsigned leap = 1; leap <= 2; leap++) {
        w.now.wall_ms += CLOCK_LEAP_MS + SECOND_MS;
        let_pass(&w, 9 * MINUTE_MS);
        w.now.wall_ms -= CLOCK_LEAP_MS + SECOND_MS;
        let_pass(&w, MINUTE_MS);
        ASSERT_EQ(w.n_leaps, leap);
        ASSERT_EQ(outcomes(&w, &id), 0);
    }
    assert_non_null(consume(&w, 2, 1));
}

/* --- what waits in memory --------------------------------------------------------------------- */

TEST(what_waits_for_a_consumer_without_credit_expires_too) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    assert_null(consume(&w, 2, 0));
    Uuid id = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    Uuid same_case = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    w.now.wall_ms += 30 * DAY_MS;
    for (unsigned i = 0; i < 4; i++) {
        pass(&w, 6 * SECOND_MS);
        run(&w);
    }
    ASSERT_EQ(outcomes(&w, &id) + outcomes(&w, &same_case), 2);
    char cause[64];
    cause_of(&w, &id, cause);
    ASSERT_STR(cause, "EXPIRED_IN_MAILBOX");
    credit(&w, 2, "dsk/3201", 1, 5);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 0);
}

TEST(what_a_consumer_died_with_expires_as_unsettled) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    Uuid id = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    assert_non_null(consume(&w, 2, 1));
    fall_silent(&w);
    w.now.wall_ms += 30 * DAY_MS;
    let_pass(&w, 30 * SECOND_MS);
    char cause[64];
    cause_of(&w, &id, cause);
    ASSERT_STR(cause, "EXPIRED_UNSETTLED");
}

TEST(what_is_out_does_not_expire) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    Uuid id = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    assert_non_null(consume(&w, 2, 1));
    w.now.wall_ms += 30 * DAY_MS;
    for (unsigned i = 0; i < 3; i++) {
        pass(&w, 6 * SECOND_MS);
        say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    ASSERT_EQ(outcomes(&w, &id), 0);
    settle(&w, 2, "dsk/3201", 1, SETTLE_DONE);
    run(&w);
    char cause[64];
    cause_of(&w, &id, cause);
    ASSERT_STR(cause, "");
    ASSERT_EQ(outcomes(&w, &id), 1);
}

TEST(what_waits_for_its_retry_is_withdrawn_when_it_is_recalled) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    Uuid id = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    assert_non_null(consume(&w, 2, 5));
    settle(&w, 2, "dsk/3201", 1, SETTLE_RETRY);
    run(&w);
    recall(&w, 1, "dsk/3202", &id);
    run(&w);
    ASSERT_EQ(outcomes(&w, &id), 1);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 2); /* the next of its case */
    ASSERT_TRUE(!uuid_equal(&heard(&w, 2, FRAME_DELIVER, 1)->id, &id));
    for (unsigned i = 0; i < 5; i++)
        pass(&w, SECOND_MS);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 2);
}

TEST(a_warning_leaves_the_delivery_where_it_was) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    subscribe(&w, 1, "dsk/3202", 1, SOURCE_RECEIPTS, 10);
    assert_null(consume(&w, 2, 0));
    Uuid first = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    w.now.wall_ms += 25 * DAY_MS;
    for (unsigned i = 0; i < 6; i++) {
        pass(&w, 6 * SECOND_MS);
        say(&w, 1, "dsk/3202", (Frame) { .kind = FRAME_PONG });
        say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    for (unsigned tag = 1; heard(&w, 1, FRAME_DELIVER, tag - 1); tag++) {
        settle(&w, 1, "dsk/3202", tag, SETTLE_DONE);
        run(&w);
    }
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 2); /* soon over: once each */
    ASSERT_EQ(outcomes(&w, &first), 0);
    credit(&w, 2, "dsk/3201", 1, 5);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    ASSERT_TRUE(uuid_equal(&heard(&w, 2, FRAME_DELIVER, 0)->id, &first));
}

TEST_MAIN

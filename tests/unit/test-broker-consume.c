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

TEST_MAIN

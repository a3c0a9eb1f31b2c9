/* SPDX-License-Identifier: Apache-2.0 */

/* Keys that do nothing but harm: which wait, for how long, and who is told. */

#include "account-fixture.h"

#define NONSENSE ((Frame) { .kind = FRAME_WELCOME }) /* not for a broker */
#define IDLE     ((Frame) { .kind = FRAME_PING })
#define SECOND   "3202-second" /* another key of BAD */

/* Greets again and again, and says it, until the key is slowed; at most so often. */
static void misbehave(World *w, const char *key, unsigned n, Frame f) {
    for (unsigned i = 0; i < n && w->n_slowed == 0; i++) {
        hello(w, 1, key, 1);
        say(w, 1, key, f);
    }
}

static bool is_served(World *w, uint8_t peer, const char *key) {
    forget(w);
    hello(w, peer, key, peer);
    return count(w, peer, FRAME_WELCOME) == 1;
}

typedef struct Told {
    unsigned n;
    char key[CURVE_TEXT_SIZE];
    int64_t ms;
} Told;

static Told told;

static void put_off(void *data, const char *user_id, int64_t ms) {
    (void)data;
    told.n++;
    told.ms = ms;
    text_copy(told.key, sizeof(told.key), user_id);
}

TEST(another_key_of_the_node_is_served_and_keeps_its_session) {
    WORLD(w, "upt/r1");
    add_key(&w, SECOND, BAD);
    hello(&w, 2, SECOND, 2);
    run(&w);
    misbehave(&w, BAD, 40, NONSENSE);
    ASSERT_EQ(w.n_slowed, 1);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    forget(&w);
    say(&w, 2, SECOND, IDLE);
    ASSERT_EQ(count(&w, 2, FRAME_PONG), 1);
    ASSERT_TRUE(is_served(&w, 3, SECOND));
    ASSERT_TRUE(!is_served(&w, 1, BAD));
}

/* Or its handshakes would go on, each dearer than a frame. */
TEST(who_lets_keys_in_is_told_which_and_for_how_long) {
    WORLD(w, "upt/r1");
    w.config.slow_ms = 7000;
    begin_again(&w);
    char key[CURVE_TEXT_SIZE];
    key_of(BAD, key);
    told = (Told) { 0 };
    w.broker->io.put_off = put_off;
    misbehave(&w, BAD, 40, NONSENSE);
    ASSERT_EQ(told.n, 1);
    ASSERT_STR(told.key, key);
    ASSERT_EQ(told.ms, 7000);
    pass(&w, 6999);
    ASSERT_TRUE(!is_served(&w, 1, BAD));
    pass(&w, 1);
    ASSERT_TRUE(is_served(&w, 1, BAD));
}

TEST(nobody_waits_when_that_is_turned_off) {
    WORLD(w, "upt/r1");
    w.config.slow_ms = 0;
    w.config.idle_rate = 1;
    begin_again(&w);
    misbehave(&w, BAD, 60, NONSENSE);
    ASSERT_EQ(w.n_slowed, 0);
    ASSERT_TRUE(is_served(&w, 1, BAD));
    for (unsigned i = 0; i < 100; i++)
        say(&w, 1, BAD, IDLE);
    ASSERT_EQ(w.n_slowed, 0);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
}

/* What was on its way when it was slowed makes it wait no longer. */
TEST(a_key_that_waits_is_not_slowed_again) {
    WORLD(w, "upt/r1");
    misbehave(&w, BAD, 40, NONSENSE);
    pass(&w, w.config.slow_ms - 2000);
    for (unsigned i = 0; i < 40; i++)
        say(&w, 1, BAD, NONSENSE);
    ASSERT_EQ(w.n_slowed, 1);
    pass(&w, 2000);
    ASSERT_TRUE(is_served(&w, 1, BAD));
}

TEST(it_waits_as_long_as_it_was_told_however_long_that_is) {
    WORLD(w, "upt/r1");
    w.config.slow_ms = HOUR_MS;
    begin_again(&w);
    misbehave(&w, BAD, 40, NONSENSE);
    for (unsigned i = 0; i < 3; i++)
        pass(&w, 10 * MINUTE_MS);
    ASSERT_TRUE(!is_served(&w, 1, BAD));
    pass(&w, 30 * MINUTE_MS);
    ASSERT_TRUE(is_served(&w, 1, BAD));
}

TEST(each_program_of_a_key_may_say_that_it_is_there) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 1; /* and one for each session: 16 and 16 at once */
    begin_again(&w);
    for (uint8_t i = 1; i <= 3; i++)
        hello(&w, i, BAD, i);
    for (unsigned i = 0; i < 4 * 16; i++)
        say(&w, 1, BAD, IDLE);
    ASSERT_EQ(w.n_slowed, 0);
    say(&w, 1, BAD, IDLE);
    ASSERT_EQ(w.n_slowed, 1);
}

/* A child broker says often that it is there, and its link stands for many. */
TEST(brokers_are_not_judged_for_saying_that_they_are_there) {
    WORLD(w, "hub");
    w.config.idle_rate = 1;
    begin_again(&w);
    hello(&w, 1, "upt/r1", 1);
    for (unsigned i = 0; i < 200; i++)
        say(&w, 1, "upt/r1", IDLE);
    ASSERT_EQ(w.n_slowed, 0);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
}

/* It would be this broker that waits. */
TEST(the_parent_is_not_judged) {
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < 60; i++)
        say(&w, 0, "hub", NONSENSE);
    ASSERT_EQ(w.n_slowed, 0);
}

TEST(what_was_done_is_forgotten_with_time) {
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < 40; i++) {
        hello(&w, 1, BAD, 1);
        say(&w, 1, BAD, NONSENSE);
        pass(&w, 4000); /* so long for one of them */
    }
    ASSERT_EQ(w.n_slowed, 0);
    for (unsigned i = 0; i < 15; i++) { /* not sooner, although nothing else is held of it */
        hello(&w, 1, BAD, 1);
        say(&w, 1, BAD, NONSENSE);
    }
    pass(&w, 1500);
    misbehave(&w, BAD, 2, NONSENSE);
    ASSERT_EQ(w.n_slowed, 1);
}

TEST(frames_for_nothing_a_second_ago_count) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 1;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 20; i++)
        say(&w, 1, BAD, IDLE);
    pass(&w, 1100);
    for (unsigned i = 0; i < 20; i++)
        say(&w, 1, BAD, IDLE);
    ASSERT_EQ(w.n_slowed, 1);
}

TEST(who_did_harm_long_ago_is_forgotten) {
    WORLD(w, "upt/r1");
    misbehave(&w, BAD, 40, NONSENSE);
    assert_non_null(w.broker->offenders);
    for (unsigned i = 0; i < 70; i++)
        pass(&w, 1000);
    assert_null(w.broker->offenders);
}

TEST_MAIN

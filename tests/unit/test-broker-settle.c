/* SPDX-License-Identifier: Apache-2.0 */

/* What a consumer says of what it holds, and what that is worth: ranges, leases, retries, rejects;
 * and that everything charged to it is given back. */

#include "broker-fixture.h"
#include "store/internal.h"

#define LEASE (10 * SECOND_MS)

static void reconfigure(World *w, void (*change)(BrokerConfig *c)) {
    BrokerConfig config = w->config;
    change(&config);
    broker_reconfigure(w->broker, &config);
}

/* dsk/3202 is peer 1 and publishes, dsk/3201 is peer 2 and reads with so much credit. */
static void open_both(World *w, uint32_t credit_messages) {
    hello(w, 1, "dsk/3202", 1);
    hello(w, 2, "dsk/3201", 2);
    subscribe(w, 2, "dsk/3201", 1, SOURCE_MAILBOX, credit_messages);
    run(w);
}

static void publish_cases(World *w, unsigned n) {
    for (unsigned i = 1; i <= n; i++)
        publish(w, 1, "dsk/3202", "dsk/3201", (uint8_t)i);
    run(w);
}

static void settle_as(World *w, Settlement st) {
    say(w, 2, "dsk/3201",
        (Frame) { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &st } });
    run(w);
}

/* Time passes and everybody is alive. */
static void wait_for(World *w, int64_t ms) {
    for (int64_t end = w->now.mono_ms + ms; w->now.mono_ms < end;) {
        pass(w, MIN(end - w->now.mono_ms, SECOND_MS));
        say(w, 1, "dsk/3202", (Frame) { .kind = FRAME_PONG });
        say(w, 2, "dsk/3201", (Frame) { .kind = FRAME_PONG });
        run(w);
    }
}

static unsigned delivered(const World *w) {
    return count(w, 2, FRAME_DELIVER);
}

/* It had expired in the store when the broker did not know of it yet, and was handed out. */
TEST(what_ended_otherwise_meanwhile_is_not_settled) {
    WORLD(w, "upt/r1");
    open_both(&w, 8);
    publish_cases(&w, 2);
    ASSERT_EQ(delivered(&w), 2);
    ASSERT_EQ(sqlite3_exec(w.store->db, "DELETE FROM delivery WHERE seq = 1", NULL, NULL, NULL),
              SQLITE_OK);
    recent_drop(w.store);
    forget(&w);
    settle_as(&w, (Settlement) { .tags = { 1, 2 }, .action = SETTLE_DONE });
    const Heard *h = heard(&w, 2, FRAME_SETTLED, 0);
    ASSERT_EQ(h->f.settled.n_done, 1);
    ASSERT_EQ(h->f.settled.done[0].first, 2);
    ASSERT_EQ(h->f.settled.n_unknown, 1);
    ASSERT_EQ(h->f.settled.unknown[0].first, 1);
}

/* Or it would come again and again, without an end. */
TEST(what_ended_otherwise_meanwhile_is_not_put_off) {
    WORLD(w, "upt/r1");
    open_both(&w, 8);
    publish_cases(&w, 1);
    ASSERT_EQ(sqlite3_exec(w.store->db, "DELETE FROM delivery WHERE seq = 1", NULL, NULL, NULL),
              SQLITE_OK);
    recent_drop(w.store);
    settle_as(&w, (Settlement) { .tags = { 1, 1 }, .action = SETTLE_RETRY, .after_ms = 1000 });
    wait_for(&w, 10 * SECOND_MS);
    ASSERT_EQ(delivered(&w), 1);
}

TEST(what_is_settled_is_counted) {
    WORLD(w, "upt/r1");
    open_both(&w, 8);
    publish_cases(&w, 3);
    const uint64_t before = broker_status(w.broker).settled;
    settle_as(&w, (Settlement) { .tags = { 1, 2 }, .action = SETTLE_DONE });
    ASSERT_EQ(broker_status(w.broker).settled, before + 2);
}

/* --- ranges --------------------------------------------------------------------------------- */

TEST(a_range_tells_apart_what_was_settled_before) {
    WORLD(w, "upt/r1");
    open_both(&w, 8);
    publish_cases(&w, 5);
    ASSERT_EQ(delivered(&w), 5);
    settle(&w, 2, "dsk/3201", 3, SETTLE_DONE);
    run(&w);
    forget(&w);
    settle_as(&w, (Settlement) { .tags = { 1, 9 }, .action = SETTLE_DONE });
    const Heard *h = heard(&w, 2, FRAME_SETTLED, 0);
    assert_non_null(h);
    ASSERT_EQ(h->f.settled.n_done, 2);
    ASSERT_EQ(h->f.settled.done[0].first, 1);
    ASSERT_EQ(h->f.settled.done[0].last, 2);
    ASSERT_EQ(h->f.settled.done[1].first, 4);
    ASSERT_EQ(h->f.settled.done[1].last, 5);
    ASSERT_EQ(h->f.settled.n_unknown, 1);
    ASSERT_EQ(h->f.settled.unknown[0].first, 3);
    ASSERT_EQ(h->f.settled.unknown[0].last, 3);
    forget(&w);
    settle_as(&w, (Settlement) { .tags = { 20, 25 }, .action = SETTLE_DONE }); /* never out */
    h = heard(&w, 2, FRAME_SETTLED, 0);
    assert_non_null(h);
    ASSERT_EQ(h->f.settled.n_unknown, 1);
    ASSERT_EQ(h->f.settled.unknown[0].first, 20);
    ASSERT_EQ(h->f.settled.unknown[0].last, 25);
}

/* Else an answer was as long as what is out times the ranges of a frame, and not to be read. */
TEST(what_is_extended_again_and_again_in_one_frame_is_told_once) {
    static Settlement list[SETTLEMENTS_MAX];
    const Frame extend = { .kind = FRAME_SETTLE,
                           .settle = { .channel = 1, .n = SETTLEMENTS_MAX, .settlements = list } };
    WORLD(w, "upt/r1");
    open_both(&w, 200);
    publish_cases(&w, 200);
    for (uint64_t i = 1; i < 200; i += 2)
        settle(&w, 2, "dsk/3201", i, SETTLE_DONE);
    run(&w);
    for (unsigned i = 0; i < SETTLEMENTS_MAX; i++)
        list[i] = (Settlement) { .tags = { 1, 200 }, .action = SETTLE_EXTEND };
    for (unsigned frame = 0; frame < 2; frame++) {
        forget(&w);
        say(&w, 2, "dsk/3201", extend);
        const Heard *h = heard(&w, 2, FRAME_SETTLED, 0);
        assert_non_null(h);
        ASSERT_EQ(h->f.settled.n_done, 100);
        ASSERT_TRUE(h->f.settled.n_unknown <= SETTLEMENTS_MAX);
    }
}

/* The last of them counts, and so does what comes behind. */
TEST(what_is_extended_may_be_settled_in_the_same_frame) {
    static Settlement list[] = {
        { .tags = { 1, 2 }, .action = SETTLE_EXTEND, .after_ms = LEASE / 10 },
        { .tags = { 1, 2 }, .action = SETTLE_EXTEND, .after_ms = LEASE },
        { .tags = { 1, 1 }, .action = SETTLE_DONE },
    };
    WORLD(w, "upt/r1");
    open_both(&w, 8);
    publish_cases(&w, 2);
    const uint64_t before = broker_status(w.broker).settled;
    say(&w, 2, "dsk/3201",
        (Frame) { .kind = FRAME_SETTLE,
                  .settle = { .channel = 1, .n = ARRAY_SIZE(list), .settlements = list } });
    run(&w);
    ASSERT_EQ(broker_status(w.broker).settled, before + 1);
    wait_for(&w, LEASE / 2);
    ASSERT_EQ(delivered(&w), 2); /* still out */
}

/* --- rejects and retries -------------------------------------------------------------------- */

static void three_attempts(BrokerConfig *c) {
    c->retry.max_attempts = 3;
}

TEST(the_last_reject_makes_a_dead_letter) {
    WORLD(w, "upt/r1");
    reconfigure(&w, three_attempts);
    open_both(&w, 8);
    Uuid id = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    for (unsigned attempt = 1; attempt <= 3; attempt++) {
        ASSERT_EQ(delivered(&w), attempt);
        ASSERT_EQ(heard(&w, 2, FRAME_DELIVER, attempt - 1)->f.deliver.attempt, attempt);
        ASSERT_EQ(outcomes(&w, &id), 0);
        settle_as(&w, (Settlement) { .tags = { attempt, attempt }, .action = SETTLE_REJECT });
        wait_for(&w, 20 * SECOND_MS);
    }
    ASSERT_EQ(delivered(&w), 3);
    char cause[64];
    cause_of(&w, &id, cause);
    ASSERT_STR(cause, "DEAD_REJECTED");
}

TEST(a_retry_is_put_off_no_longer_than_the_broker_itself_would) {
    WORLD(w, "upt/r1");
    open_both(&w, 8);
    publish_cases(&w, 1);
    settle_as(&w, (Settlement) { .tags = { 1, 1 }, .action = SETTLE_RETRY, .after_ms = 40000000 });
    wait_for(&w, RETRY_CAP - 10 * SECOND_MS);
    ASSERT_EQ(delivered(&w), 1);
    wait_for(&w, 20 * SECOND_MS);
    ASSERT_EQ(delivered(&w), 2);
    ASSERT_EQ(heard(&w, 2, FRAME_DELIVER, 1)->f.deliver.attempt, 1); /* a wish, not a failure */
}

/* --- leases --------------------------------------------------------------------------------- */

/* Each counts its frames by itself. */
TEST(the_next_to_have_it_is_answered_when_it_asks_for_more_time_too) {
    const Settlement more = { .tags = { 1, 1 }, .action = SETTLE_EXTEND };
    WORLD(w, "upt/r1");
    open_both(&w, 8);
    publish_cases(&w, 1);
    settle_as(&w, more);
    ASSERT_EQ(count(&w, 2, FRAME_SETTLED), 1);
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 8);
    run(&w);
    say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_BYE });
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 1);
    settle(&w, 3, "dsk/3201", 1, SETTLE_EXTEND);
    ASSERT_EQ(count(&w, 3, FRAME_SETTLED), 1);
}

static void short_lease(BrokerConfig *c) {
    c->lease_ms = LEASE;
}

TEST(the_last_channel_is_one_as_the_others) {
    WORLD(w, "upt/r1");
    reconfigure(&w, short_lease);
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", CHANNELS_MAX, SOURCE_MAILBOX, 1);
    publish_cases(&w, 1);
    ASSERT_EQ(delivered(&w), 1);
    wait_for(&w, LEASE + 2 * SECOND_MS); /* its lease runs out */
    credit(&w, 2, "dsk/3201", CHANNELS_MAX, 1);
    wait_for(&w, 2 * SECOND_MS);
    ASSERT_EQ(delivered(&w), 2);
    say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_BYE }); /* and it ends with its session */
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 1);
    run(&w);
    wait_for(&w, SECOND_MS);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 1);
}

TEST(a_delivery_that_nobody_settles_is_taken_back_when_its_lease_ends) {
    WORLD(w, "upt/r1");
    reconfigure(&w, short_lease);
    open_both(&w, 8);
    publish_cases(&w, 1);
    wait_for(&w, LEASE - SECOND_MS);
    ASSERT_EQ(delivered(&w), 1);
    wait_for(&w, 4 * SECOND_MS);
    ASSERT_EQ(delivered(&w), 2);
    ASSERT_EQ(heard(&w, 2, FRAME_DELIVER, 1)->f.deliver.attempt, 2); /* it was let lie */
    forget(&w);
    settle(&w, 2, "dsk/3201", 1, SETTLE_DONE); /* too late: another may have it by now */
    run(&w);
    ASSERT_EQ(heard(&w, 2, FRAME_SETTLED, 0)->f.settled.n_unknown, 1);
}

TEST(a_lease_is_extended_from_now_on_and_not_without_end) {
    WORLD(w, "upt/r1");
    reconfigure(&w, short_lease);
    open_both(&w, 8);
    publish_cases(&w, 1);
    wait_for(&w, SECOND_MS);
    settle_as(
        &w, (Settlement) { .tags = { 1, 1 }, .action = SETTLE_EXTEND, .after_ms = 5 * SECOND_MS });
    wait_for(&w, 8 * SECOND_MS); /* less than the first lease, more than what was asked for */
    ASSERT_EQ(delivered(&w), 2);
    settle_as(&w,
              (Settlement) { .tags = { 2, 2 }, .action = SETTLE_EXTEND, .after_ms = UINT32_MAX });
    wait_for(&w, 4 * LEASE - SECOND_MS);
    ASSERT_EQ(delivered(&w), 2);
    wait_for(&w, 6 * SECOND_MS);
    ASSERT_EQ(delivered(&w), 3);
}

TEST(the_longer_lease_of_one_holds_up_no_other) {
    WORLD(w, "upt/r1");
    reconfigure(&w, short_lease);
    open_both(&w, 8);
    publish_cases(&w, 2);
    ASSERT_EQ(delivered(&w), 2);
    wait_for(&w, SECOND_MS);
    settle_as(&w,
              (Settlement) { .tags = { 1, 1 }, .action = SETTLE_EXTEND, .after_ms = UINT32_MAX });
    wait_for(&w, LEASE + 4 * SECOND_MS);
    ASSERT_EQ(delivered(&w), 3);
}

TEST(a_child_broker_may_hold_what_it_has_as_long_as_it_lives) {
    WORLD(w, "hub");
    reconfigure(&w, short_lease);
    hello(&w, 1, "dsk/3301", 1);
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 8);
    run(&w);
    publish(&w, 1, "dsk/3301", "dsk/3201", 1);
    run(&w);
    ASSERT_EQ(delivered(&w), 1);
    for (unsigned i = 0; i < 20; i++) {
        pass(&w, 5 * SECOND_MS);
        say(&w, 2, "upt/r1", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    ASSERT_EQ(delivered(&w), 1);
}

TEST(a_child_gets_again_what_it_puts_off_and_what_it_refuses_is_told) {
    WORLD(w, "hub");
    hello(&w, 1, "dsk/3301", 1);
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 8);
    run(&w);
    Uuid id = publish(&w, 1, "dsk/3301", "dsk/3201", 1);
    run(&w);
    settle(&w, 2, "upt/r1", 1, SETTLE_RETRY); /* at once, it says: a second */
    run(&w);
    pass(&w, 800);
    run(&w);
    ASSERT_EQ(delivered(&w), 1);
    pass(&w, 400);
    run(&w);
    ASSERT_EQ(delivered(&w), 2);
    settle(&w, 2, "upt/r1", 2, SETTLE_REJECT);
    run(&w);
    char cause[64];
    cause_of(&w, &id, cause);
    ASSERT_STR(cause, "RECIPIENT_UNKNOWN");
    pass(&w, MINUTE_MS);
    run(&w);
    ASSERT_EQ(delivered(&w), 2);
}

/* --- credit and charges --------------------------------------------------------------------- */

static void small_credit(BrokerConfig *c) {
    c->credit_messages_max = 4;
    c->credit_bytes_max = 4096;
}

TEST(credit_counts_with_what_is_out) {
    WORLD(w, "upt/r1");
    reconfigure(&w, small_credit);
    open_both(&w, 4);
    publish_cases(&w, 12);
    ASSERT_EQ(delivered(&w), 4);
    credit(&w, 2, "dsk/3201", 1, 4);
    run(&w);
    ASSERT_EQ(delivered(&w), 4); /* never more unsettled than the broker allows */
    settle_as(&w, (Settlement) { .tags = { 1, 2 }, .action = SETTLE_DONE });
    credit(&w, 2, "dsk/3201", 1, 4);
    run(&w);
    ASSERT_EQ(delivered(&w), 6);
}

static void small_credit_of_bytes(BrokerConfig *c) {
    c->credit_messages_max = 64;
    c->credit_bytes_max = 300; /* of envelopes: two or three */
}

TEST(credit_for_bytes_counts_with_what_is_out) {
    WORLD(w, "upt/r1");
    reconfigure(&w, small_credit_of_bytes);
    open_both(&w, 64);
    publish_cases(&w, 12);
    const unsigned fit = delivered(&w);
    ASSERT_TRUE(fit > 0 && fit < 4);
    for (unsigned i = 0; i < 4; i++)
        credit(&w, 2, "dsk/3201", 1, 1);
    run(&w);
    ASSERT_EQ(delivered(&w), fit);
}

TEST(who_lacks_bytes_alone_goes_on_when_it_grants_some) {
    WORLD(w, "upt/r1");
    reconfigure(&w, small_credit_of_bytes);
    open_both(&w, 64);
    publish_cases(&w, 12);
    const unsigned fit = delivered(&w);
    settle_as(&w, (Settlement) { .tags = { 1, fit }, .action = SETTLE_DONE });
    ASSERT_EQ(delivered(&w), fit);
    say(&w, 2, "dsk/3201",
        (Frame) { .kind = FRAME_CREDIT, .credit = { .channel = 1, .bytes = 300 } });
    run(&w);
    ASSERT_TRUE(delivered(&w) > fit);
}

static void small_share(BrokerConfig *c) {
    c->node_out_bytes = 300;
}

TEST(bytes_that_come_back_may_be_had_again) {
    WORLD(w, "upt/r1");
    reconfigure(&w, small_share);
    open_both(&w, 64);
    publish_cases(&w, 20);
    const unsigned fit = delivered(&w);
    ASSERT_TRUE(fit >= 2 && fit <= 4);         /* more is not out at one time */
    for (unsigned tag = 1; tag <= 20; tag++) { /* each settled: the next comes */
        ASSERT_TRUE(delivered(&w) >= tag && delivered(&w) < fit + tag);
        settle_as(&w, (Settlement) { .tags = { tag, tag }, .action = SETTLE_DONE });
    }
    ASSERT_EQ(delivered(&w), 20);
}

TEST(a_session_that_ends_gives_back_what_its_node_was_charged) {
    WORLD(w, "upt/r1");
    reconfigure(&w, small_share);
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 3, "dsk/3201", 3); /* so that its account stays */
    publish_cases(&w, 3);
    for (unsigned i = 0; i < 10; i++) {
        hello(&w, 2, "dsk/3201", 2);
        subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 64);
        run(&w);
        ASSERT_TRUE(delivered(&w) > 0);
        const unsigned had = delivered(&w);
        if (i > 0)
            ASSERT_TRUE(had >= 2); /* two fit, now as in the beginning */
        say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_BYE });
        run(&w);
        forget(&w);
        pass(&w, SECOND_MS);
    }
}

/* One reads one of two and leaves in order, or gives it back; both expire. */
static void hand_out_once(bool others_read, bool give_back) {
    WORLD(w, "upt/r1");
    open_both(&w, 1);
    if (others_read) { /* a second program, with enough to do */
        hello(&w, 3, "dsk/3201", 3);
        subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 0);
    }
    run(&w);
    Uuid handed = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    Uuid waits = publish(&w, 1, "dsk/3202", "dsk/3201", 2);
    run(&w);
    ASSERT_EQ(delivered(&w), 1);
    if (give_back)
        settle_as(&w,
                  (Settlement) { .tags = { 1, 1 }, .action = SETTLE_RETRY, .after_ms = HOUR_MS });
    say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_BYE });
    run(&w);
    w.now.wall_ms += 31 * DAY_MS;
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 8);
    run(&w);
    if (give_back) /* the tick lets go what is due */
        wait_for(&w, 11 * MINUTE_MS);
    char cause[64];
    cause_of(&w, &handed, cause);
    ASSERT_STR(cause, "EXPIRED_UNSETTLED");
    cause_of(&w, &waits, cause);
    ASSERT_STR(cause, "EXPIRED_IN_MAILBOX");
}

TEST(what_was_handed_out_once_expires_as_unsettled) {
    hand_out_once(true, false);
}

TEST(what_was_given_back_expires_as_unsettled) {
    hand_out_once(true, true);
    hand_out_once(false, true);
}

TEST(what_was_handed_out_once_expires_as_unsettled_though_nobody_reads_any_more) {
    hand_out_once(false, false);
}

TEST(a_key_ends_in_the_millisecond_it_is_valid_until) {
    WORLD(w, "upt/r1");
    hello(&w, 3, "dsk/3203", 3);
    assert_non_null(heard(&w, 3, FRAME_WELCOME, 0));
    w.now.wall_ms += HOUR_MS - SECOND_MS - 1;
    pass(&w, SECOND_MS);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    w.now.mono_ms += SECOND_MS;
    pass(&w, 1);
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
}

TEST_MAIN

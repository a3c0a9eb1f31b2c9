/* SPDX-License-Identifier: Apache-2.0 */

/* What is read from the disk again: as much as there is credit for, and as often as it takes. */

#include "account-fixture.h"
#include "broker/feed.h"

#define MANY 20

/* Nothing of them is in memory any more. */
static void leave_waiting(World *w, unsigned n) {
    hello(w, 1, BAD, 1);
    for (unsigned i = 0; i < n; i++)
        publish(w, 1, BAD, TO, (uint8_t)i);
    run(w);
    begin_again(w);
    forget(w);
    hello(w, 3, TO, 3);
}

TEST(one_after_the_other_is_read_for_who_takes_one_at_a_time) {
    WORLD(w, "upt/r1");
    leave_waiting(&w, MANY);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 1);
    for (uint64_t i = 1; i <= MANY; i++) {
        run(&w);
        ASSERT_EQ(count(&w, 3, FRAME_DELIVER), i);
        settle(&w, 3, TO, i, SETTLE_DONE);
        credit(&w, 3, TO, 1, 1);
    }
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), MANY);
}

/* As run(). Returns how many were read at one time at most. */
static unsigned run_and_count(World *w) {
    unsigned most = 0;
    bool any = true;
    while (any) {
        broker_check_here(w->broker, w->now);
        StoreOp *list = broker_take_batch(w->broker);
        any = list != NULL;
        for (const StoreOp *op = list; op; op = op->next)
            if (op->kind == OP_BODIES)
                most = MAX(most, op->bodies.n);
        if (list) {
            ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
            ASSERT_OK(broker_stored(w->broker, w->now, list));
        }
    }
    return most;
}

TEST(no_more_is_read_than_there_is_credit_for) {
    WORLD(w, "upt/r1");
    leave_waiting(&w, MANY);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 3);
    ASSERT_EQ(run_and_count(&w), 3);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 3);
}

TEST(large_ones_are_read_a_few_at_a_time) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 6; i++) {
        publish_large(&w, 1, BAD, TO, SEALED_MAX);
        run(&w);
    }
    begin_again(&w);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 6);
    ASSERT_EQ(run_and_count(&w), 2); /* two megabytes */
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 6);
}

/* As it came it is in memory whole. */
TEST(a_copy_of_the_facts_is_delivered_without_what_is_sealed) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 1);
    run(&w);
    for (unsigned i = 0; i < 3; i++)
        publish_large(&w, 1, BAD, TO, 1000);
    run(&w);
    ASSERT_EQ(heard(&w, 3, FRAME_DELIVER, 0)->n_parts, 4); /* the frame, envelope, facts, sealed */
    Feed *q = w.broker->feeds;
    while (q->kind != QUEUE_MAILBOX || strcmp(q->name, TO) != 0)
        q = q->hh.next;
    for (Entry *e = q->window.by_key; e; e = e->hh.next) {
        ASSERT_TRUE(e->state != ENTRY_READY || e->body);
        e->row.flags |= DELIVERY_FACTS_ONLY;
    }
    credit(&w, 3, TO, 1, 2);
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 3);
    for (unsigned i = 1; i < 3; i++)
        ASSERT_EQ(heard(&w, 3, FRAME_DELIVER, i)->n_parts, 3);
}

static void hello_with_bundles(World *w, uint8_t peer) {
    Frame f = { .kind = FRAME_HELLO,
                .hello = { .protocol_min = 1,
                           .protocol_max = 1,
                           .bundles = true,
                           .instance_id = { { peer } } } };
    say(w, peer, TO, f);
}

/* Nobody had it in hand. */
TEST(what_was_collected_for_a_lost_connection_costs_no_attempt) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello_with_bundles(&w, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 10);
    run(&w);
    w.lost[3] = true;
    publish(&w, 1, BAD, TO, 1);
    run(&w);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    hello(&w, 4, TO, 4);
    subscribe(&w, 4, TO, 1, SOURCE_MAILBOX, 10);
    run(&w);
    for (unsigned i = 0; i < 20 && count(&w, 4, FRAME_DELIVER) == 0; i++) {
        pass(&w, 200);
        run(&w);
    }
    ASSERT_EQ(heard(&w, 4, FRAME_DELIVER, 0)->f.deliver.attempt, 1);
}

/* Also when each message finds both of them free. */
TEST(two_consumers_share_what_there_is) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    for (uint8_t peer = 3; peer <= 4; peer++) {
        hello(&w, peer, TO, peer);
        subscribe(&w, peer, TO, 1, SOURCE_MAILBOX, 10);
    }
    run(&w);
    for (uint8_t i = 1; i <= 4; i++) {
        publish(&w, 1, BAD, TO, i);
        run(&w);
    }
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 2);
    ASSERT_EQ(count(&w, 4, FRAME_DELIVER), 2);
}

/* Its reader would wait for ever. */
TEST(a_message_as_large_as_the_credit_is_delivered) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 3, TO, 3);
    Letter l = letter(&w, BAD, TO, 1, URGENCY_ROUTINE);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id } };
    const Bytes parts[2] = { bytes_make(l.envelope, l.n), { 0 } };
    say_parts(&w, 1, BAD, &f, parts, 2);
    run(&w);
    for (uint32_t channel = 1; channel <= 2; channel++) {
        const uint32_t bytes = (uint32_t)l.n - (channel == 1);
        say(&w, 3, TO,
            (Frame) { .kind = FRAME_SUBSCRIBE,
                      .subscribe = { .channel = channel,
                                     .source = SOURCE_MAILBOX,
                                     .credit_messages = 1,
                                     .credit_bytes = bytes } });
        run(&w);
        ASSERT_EQ(count(&w, 3, FRAME_DELIVER), channel - 1);
    }
    free(l.envelope);
}

TEST_MAIN

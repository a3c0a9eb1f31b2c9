/* SPDX-License-Identifier: Apache-2.0 */

/* How long others wait because of what one node sends. */

#include "account-fixture.h"

TEST(one_message_does_not_wait_for_a_thousand_of_another_node) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 1); /* it was here lately */
    for (unsigned i = 0; i < 1000; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    const Uuid id = publish(&w, 2, GOOD, TO, 2);
    ASSERT_TRUE(batch_of(&w, &id) <= 2);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 1000);
}

TEST(nor_for_many_sessions_of_it) {
    WORLD(w, "upt/r1");
    for (uint8_t i = 1; i <= 60; i++)
        hello(&w, i, BAD, i);
    hello(&w, 100, GOOD, 100);
    publish(&w, 100, GOOD, TO, 1);
    for (unsigned i = 0; i < 1200; i++)
        publish(&w, (uint8_t)(i % 60 + 1), BAD, TO, (uint8_t)i);
    const Uuid id = publish(&w, 100, GOOD, TO, 2);
    ASSERT_TRUE(batch_of(&w, &id) <= 2);
    run(&w);
}

TEST(a_node_that_is_alone_fills_whole_batches) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    run(&w);
    for (unsigned i = 0; i < 1000; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    for (unsigned left = 1000; left > 0;) {
        unsigned n = 0;
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        for (const StoreOp *op = list; op; op = op->next)
            n += op->kind == OP_ACCEPT;
        ASSERT_EQ(n, MIN(left, 256U));
        left -= n;
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
}

TEST(what_a_node_sends_stays_in_order) {
    WORLD(w, "upt/r1");
    Uuid sent[300];
    unsigned seen = 0;
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < ARRAY_SIZE(sent); i++) {
        sent[i] = publish(&w, 1, BAD, TO, (uint8_t)i);
        publish(&w, 2, GOOD, TO, (uint8_t)i);
    }
    while (seen < ARRAY_SIZE(sent)) {
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        assert_non_null(list);
        for (const StoreOp *op = list; op; op = op->next)
            if (op->kind == OP_ACCEPT && strcmp(op->accept.authority, BAD) == 0)
                ASSERT_TRUE(uuid_equal(&op->accept.message->env.message_id, &sent[seen++]));
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
}

/* As much as fits on the way to the disk, and as much again that waits for its turn; of a hundred
 * cases. */
static void fill_the_way(World *w) {
    for (uint8_t peer = 1; peer <= 2; peer++) {
        hello(w, peer, BAD, peer);
        for (unsigned i = 0; i < 1000; i++)
            publish(w, peer, BAD, TO, (uint8_t)(i % 100));
    }
}

TEST(an_emergency_is_the_next_that_finds_room_on_the_way) {
    WORLD(w, "upt/r1");
    fill_the_way(&w);
    ASSERT_EQ(broker_waiting(w.broker), 2000); /* by which the intake closes */
    const Uuid id = publish_as(&w, 1, BAD, TO, 200, URGENCY_EMERGENCY);
    ASSERT_TRUE(batch_of(&w, &id) <= 2);
}

TEST(but_does_not_go_before_what_waits_of_its_own_case) {
    WORLD(w, "upt/r1");
    fill_the_way(&w);
    const Uuid first = publish(&w, 1, BAD, TO, 200);
    const Uuid then = publish_as(&w, 1, BAD, TO, 200, URGENCY_EMERGENCY);
    bool seen = false, done = false;
    while (!done) {
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        assert_non_null(list);
        for (const StoreOp *op = list; op; op = op->next) {
            const Uuid *id =
                op->kind == OP_ACCEPT ? &op->accept.message->env.message_id : &(Uuid) { 0 };
            seen = seen || uuid_equal(id, &first);
            done = done || uuid_equal(id, &then);
            ASSERT_TRUE(seen || !done);
        }
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
}

/* What came of a message is published before the message is settled. */
TEST(what_a_session_settles_does_not_overtake_what_it_published) {
    WORLD(w, "upt/r1");
    unsigned published = 0, settled_after = 0;
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    subscribe(&w, 1, BAD, 1, SOURCE_MAILBOX, 1);
    publish(&w, 2, GOOD, BAD, 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
    for (unsigned i = 0; i < 600; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    settle(&w, 1, BAD, 1, SETTLE_DONE);
    while (settled_after == 0) {
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        assert_non_null(list);
        for (const StoreOp *op = list; op; op = op->next) {
            published += op->kind == OP_ACCEPT;
            settled_after = op->kind == OP_DELIVERY ? published : settled_after;
        }
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
    ASSERT_EQ(settled_after, 600);
}

TEST(queries_of_one_node_do_not_hold_up_the_messages_of_another) {
    WORLD(w, "upt/r1");
    char verb[] = "worklist";
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 1);
    for (uint32_t i = 1; i <= 300; i++) {
        Frame f = { .kind = FRAME_QUERY, .query = { .query = i } };
        (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
        say(&w, 1, BAD, f);
    }
    const Uuid id = publish(&w, 2, GOOD, TO, 2);
    ASSERT_TRUE(batch_of(&w, &id) <= 2);
    run(&w);
    unsigned busy = 0;
    for (unsigned i = 0; i < 300; i++)
        busy += strncmp(heard(&w, 1, FRAME_RESULT, i)->f.result.table->text, "BUSY", 4) == 0;
    ASSERT_TRUE(busy > 0 && busy < 60); /* all are answered, those above the bound at once */
}

TEST(beside_who_asks_for_little_batches_of_another_are_small) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < 900; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    run(&w);
    forget(&w);
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 200; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    for (unsigned left = 200, n = 0; left > 0; left -= n) {
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        n = 0;
        for (const StoreOp *op = list; op; op = op->next)
            n += op->kind == OP_ACCEPT && strcmp(op->accept.authority, BAD) == 0;
        ASSERT_TRUE(n > 0 && n <= 128);
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
}

/* Of how many messages of the bad one the next batch is. */
static unsigned next_batch(World *w) {
    unsigned n = 0;
    broker_check_here(w->broker, w->now);
    StoreOp *list = broker_take_batch(w->broker);
    for (const StoreOp *op = list; op; op = op->next)
        n += op->kind == OP_ACCEPT && strcmp(op->accept.authority, BAD) == 0;
    ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
    ASSERT_OK(broker_stored(w->broker, w->now, list));
    return n;
}

TEST(who_only_begins_gets_little_at_a_time_beside_who_asks_for_little) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    run(&w);
    pass(&w, 2000);
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 300; i++) /* less than makes it one that asks for much */
        publish(&w, 1, BAD, TO, (uint8_t)i);
    ASSERT_TRUE(broker_is_pressed(w.broker, w.now));
    const unsigned first = next_batch(&w);
    ASSERT_TRUE(first > 0 && first <= 16);
    w.now.mono_ms += 100;
    (void)next_batch(&w); /* was let go on before */
    const unsigned second = next_batch(&w);
    ASSERT_TRUE(second > first && second <= 32);
    w.now.mono_ms += 700; /* not put off meanwhile */
    (void)next_batch(&w);
    ASSERT_TRUE(next_batch(&w) > 64);
    ASSERT_TRUE(!broker_is_pressed(w.broker, w.now));
}

TEST(nobody_waits_for_who_only_asks_or_subscribes) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    say(&w, 2, GOOD, (Frame) { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "worklist" } });
    for (unsigned i = 0; i < 300; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    ASSERT_TRUE(!broker_is_pressed(w.broker, w.now));
    ASSERT_EQ(next_batch(&w), 256);
}

TEST(who_is_put_off_begins_again) {
    WORLD(w, "upt/r1");
    w.config.node_window = 100;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 1, BAD, TO, 1);
    run(&w);
    w.now.mono_ms += 700;
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 100; i++)
        publish_bytes(&w, 1, BAD, 8192);
    ASSERT_TRUE(!broker_is_pressed(w.broker, w.now));
    publish_bytes(&w, 1, BAD, 8192);
    ASSERT_TRUE(next_batch(&w) > 16); /* was let go on before */
    ASSERT_TRUE(next_batch(&w) <= 2);
    ASSERT_TRUE(broker_is_pressed(w.broker, w.now));
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* What goes to the store together, and what goes first. */

#include "broker-fixture.h"
#include "broker/batch.h"

#define FROM "dsk/3202"
#define TO   "dsk/3201"

/* The ids of the messages in the next batch, which is carried out. */
static unsigned batch_ids(World *w, Uuid *ret, unsigned max) {
    unsigned n = 0;
    broker_check_here(w->broker, w->now);
    StoreOp *list = broker_take_batch(w->broker);
    if (!list)
        return 0;
    for (const StoreOp *op = list; op; op = op->next)
        if (op->kind == OP_ACCEPT && n < max)
            ret[n++] = op->accept.message->env.message_id;
    ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
    ASSERT_OK(broker_stored(w->broker, w->now, list));
    return n;
}

static bool same(const Uuid *a, const Uuid *b) {
    return memcmp(a, b, sizeof(*a)) == 0;
}

static unsigned answered(const World *w) {
    unsigned n = 0;
    const Heard *h;
    for (unsigned i = 0; (h = heard(w, 1, FRAME_PUBLISHED, i)); i++)
        n += h->f.published.n;
    return n;
}

TEST(an_emergency_goes_ahead_of_a_crowd_of_other_cases) {
    WORLD(w, "upt/r1");
    Uuid got[300];
    hello(&w, 1, FROM, 1);
    run(&w);
    for (unsigned i = 0; i < 200; i++)
        publish(&w, 1, FROM, TO, (uint8_t)(i % 100));
    const Uuid urgent = publish_as(&w, 1, FROM, TO, 200, URGENCY_EMERGENCY);
    const unsigned n = batch_ids(&w, got, ARRAY_SIZE(got));
    assert_true(same(&got[0], &urgent));
    assert_true(n > 1);  /* some others ride along */
    assert_true(n < 64); /* and not the crowd */
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED) > 0, 1);
}

TEST(an_emergency_never_overtakes_its_own_case) {
    WORLD(w, "upt/r1");
    Uuid got[300];
    hello(&w, 1, FROM, 1);
    run(&w);
    const Uuid first = publish(&w, 1, FROM, TO, 7);
    publish(&w, 1, FROM, TO, 8);
    const Uuid urgent = publish_as(&w, 1, FROM, TO, 7, URGENCY_EMERGENCY);
    const unsigned n = batch_ids(&w, got, ARRAY_SIZE(got));
    ASSERT_EQ(n, 3);
    assert_true(same(&got[0], &first));
    assert_true(same(&got[2], &urgent));
}

TEST(while_emergencies_come_batches_are_small) {
    WORLD(w, "upt/r1");
    Uuid got[300];
    hello(&w, 1, FROM, 1);
    run(&w);
    for (unsigned i = 0; i < 200; i++)
        publish(&w, 1, FROM, TO, (uint8_t)i);
    ASSERT_EQ(batch_ids(&w, got, ARRAY_SIZE(got)), 200);
    publish_as(&w, 1, FROM, TO, 201, URGENCY_EMERGENCY);
    run(&w);
    for (unsigned i = 0; i < 200; i++)
        publish(&w, 1, FROM, TO, (uint8_t)i);
    assert_true(batch_ids(&w, got, ARRAY_SIZE(got)) <= 64);
    run(&w);
}

TEST(emergencies_without_end_do_not_stop_the_rest) {
    WORLD(w, "upt/r1");
    Uuid got[300];
    hello(&w, 1, FROM, 1);
    run(&w);
    const Uuid routine = publish(&w, 1, FROM, TO, 1);
    bool seen = false;
    for (unsigned turn = 0; turn < 3; turn++) {
        for (uint8_t i = 0; i < 10; i++)
            publish_as(&w, 1, FROM, TO, (uint8_t)(100 + i), URGENCY_EMERGENCY);
        const unsigned n = batch_ids(&w, got, ARRAY_SIZE(got));
        for (unsigned i = 0; i < n; i++)
            seen = seen || same(&got[i], &routine);
    }
    assert_true(seen);
}

/* --- what comes while the batch waits for the store --------------------------------------------
 */

/* Takes what may still go into the batch; the store has it when all was asked. */
static unsigned take_more(World *w, BatchFill *fill) {
    unsigned n = 0;
    broker_check_here(w->broker, w->now);
    StoreOp *list = broker_take_more(w->broker, fill);
    for (const StoreOp *op = list; op; op = op->next)
        n += op->kind == OP_ACCEPT;
    if (list) {
        ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
        ASSERT_OK(broker_stored(w->broker, w->now, list));
    }
    return n;
}

static void publish_many(World *w, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        publish(w, 1, FROM, TO, (uint8_t)i);
}

TEST(what_comes_later_fills_the_batch_up_and_no_more) {
    WORLD(w, "upt/r1");
    BatchFill fill = { 0 };
    hello(&w, 1, FROM, 1);
    run(&w);
    publish_many(&w, 200);
    ASSERT_EQ(take_more(&w, &fill), 200);
    ASSERT_EQ(fill.messages, 200);
    publish_many(&w, 100);
    ASSERT_EQ(take_more(&w, &fill), 56);
    ASSERT_EQ(take_more(&w, &fill), 0);
    fill = (BatchFill) { 0 }; /* the store began it */
    ASSERT_EQ(take_more(&w, &fill), 44);
    ASSERT_EQ(answered(&w), 300);
}

TEST(the_bytes_of_a_batch_are_bounded) {
    WORLD(w, "upt/r1");
    BatchFill fill = { 0 };
    hello(&w, 1, FROM, 1);
    run(&w);
    for (unsigned i = 0; i < 6; i++)
        publish_large(&w, 1, FROM, TO, 1024 * 1024);
    ASSERT_EQ(take_more(&w, &fill), 3); /* and their envelopes: four do not fit */
    ASSERT_EQ(take_more(&w, &fill), 0);
    Uuid got[8];
    ASSERT_EQ(batch_ids(&w, got, 8), 3);
}

TEST(nothing_is_put_behind_others_while_something_urgent_waits) {
    WORLD(w, "upt/r1");
    BatchFill fill = { 0 };
    hello(&w, 1, FROM, 1);
    run(&w);
    publish_many(&w, 2);
    const Uuid urgent = publish_as(&w, 1, FROM, TO, 200, URGENCY_EMERGENCY);
    ASSERT_EQ(take_more(&w, &fill), 0);
    Uuid got[8];
    ASSERT_EQ(batch_ids(&w, got, 8), 3);
    assert_true(same(&got[0], &urgent));
    publish_many(&w, 2);
    ASSERT_EQ(take_more(&w, &fill), 0); /* another may come, and would wait for them */
    ASSERT_EQ(batch_ids(&w, got, 8), 2);
}

TEST(who_may_connect_is_known_before_all_that_waits) {
    WORLD(w, "upt/r1");
    hello(&w, 1, FROM, 1);
    for (uint8_t i = 0; i < 100; i++)
        publish(&w, 1, FROM, TO, i);
    StoreOp *op = op_for(OP_REVOKE, 0, NULL);
    assert_non_null(op);
    broker_push(w.broker, op);
    broker_check_here(w.broker, w.now);
    StoreOp *list = broker_take_batch(w.broker);
    ASSERT_TRUE(list == op);
    broker_batch_free(list);
}

TEST_MAIN

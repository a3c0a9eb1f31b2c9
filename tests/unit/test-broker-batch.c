/* SPDX-License-Identifier: Apache-2.0 */

/* What goes to the store together, and what goes first. */

#include "broker-fixture.h"

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

TEST_MAIN

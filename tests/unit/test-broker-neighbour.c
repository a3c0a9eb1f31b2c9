/* SPDX-License-Identifier: Apache-2.0 */

/* What two neighbours have given each other, as each of them counts it. */

#include "account-fixture.h"
#include "broker/neighbour.h"

#define ABOVE "dsk/3301"

static LinkProgress with_hub(World *w) {
    return neighbour_progress(w->broker, "hub");
}

static void open_link(World *w) {
    hello(w, 1, TO, 1);
    uplink_open(w, 256);
    run(w);
    ASSERT_TRUE(with_hub(w).present);
}

TEST(what_the_parent_took_is_counted_with_its_id_and_once_it_took_it) {
    WORLD(w, "upt/r1");
    open_link(&w);
    const Uuid id = publish(&w, 1, TO, ABOVE, 1);
    run(&w);
    LinkProgress p = with_hub(&w);
    ASSERT_EQ(p.in_flight, 1);
    ASSERT_EQ(p.sent_count, 0);
    parent_answers(&w, &id, VERDICT_ACCEPTED);
    run(&w);
    p = with_hub(&w);
    ASSERT_EQ(p.in_flight, 0);
    ASSERT_EQ(p.backlog, 0);
    ASSERT_EQ(p.sent_count, 1);
    ASSERT_TRUE(uuid_equal(&p.sent_digest, &id));
    ASSERT_EQ(p.received_count, 0);
}

TEST(what_the_parent_gave_is_counted_with_its_id) {
    WORLD(w, "upt/r1");
    open_link(&w);
    const Uuid id = { { 1, 2, [15] = (uint8_t)(w.n_ids + 1) } };
    deliver_down(&w, 1, 0);
    run(&w);
    LinkProgress p = with_hub(&w);
    ASSERT_EQ(p.received_count, 1);
    ASSERT_TRUE(uuid_equal(&p.received_digest, &id));
    ASSERT_EQ(p.sent_count, 0);
}

/* Or a session that began meanwhile would send before it is on record that its link is open. */
TEST(a_link_is_open_when_this_session_of_it_is_on_record) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    StoreOp *list = broker_take_batch(w.broker);
    assert_non_null(list);
    ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    uplink_open(&w, 256);
    ASSERT_OK(broker_stored(w.broker, w.now, list));
    ASSERT_TRUE(!w.broker->uplink.recorded);
    run(&w);
    ASSERT_TRUE(w.broker->uplink.recorded);
}

static void told_of_link(World *w, const char *neighbour, bool up) {
    StoreOp *op = store_op_new(OP_LINK);
    assert_non_null(op);
    (void)text_copy(op->link.neighbour, sizeof(op->link.neighbour), neighbour);
    op->link.up = up;
    op->owner_id = w->broker->uplink.epoch;
    ASSERT_OK(neighbour_counted(w->broker, op));
    store_op_free(op);
}

TEST(the_uplink_is_open_when_its_own_opening_is_on_record) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    told_of_link(&w, "upt/r2", true);
    ASSERT_TRUE(!w.broker->uplink.recorded);
    told_of_link(&w, "hub", false);
    ASSERT_TRUE(!w.broker->uplink.recorded);
    told_of_link(&w, "hub", true);
    ASSERT_TRUE(w.broker->uplink.recorded);
}

/* --- what is missing ------------------------------------------------------------------------ */

static void they_lack_one(World *w) {
    LinkProgress theirs = { .present = true };
    theirs.received_count = with_hub(w).sent_count - 1;
    neighbour_compare(w->broker, "hub", &theirs);
}

static void they_lack_none(World *w) {
    const LinkProgress p = with_hub(w);
    LinkProgress theirs = { .present = true,
                            .received_count = p.sent_count,
                            .received_digest = p.sent_digest };
    neighbour_compare(w->broker, "hub", &theirs);
}

TEST(a_gap_is_one_that_is_there_twice_with_nothing_between) {
    WORLD(w, "upt/r1");
    open_link(&w);
    const Uuid id = publish(&w, 1, TO, ABOVE, 1);
    run(&w);
    parent_answers(&w, &id, VERDICT_ACCEPTED);
    run(&w);
    for (int i = 0; i < 3; i++) {
        they_lack_one(&w);
        they_lack_none(&w);
    }
    ASSERT_EQ(w.n_gaps, 0);
    for (int i = 0; i < 3; i++)
        they_lack_one(&w);
    ASSERT_EQ(w.n_gaps, 1); /* told once */
}

TEST(nothing_is_missing_while_something_is_on_its_way) {
    WORLD(w, "upt/r1");
    open_link(&w);
    const Uuid id = publish(&w, 1, TO, ABOVE, 1);
    run(&w);
    parent_answers(&w, &id, VERDICT_ACCEPTED);
    run(&w);
    const Uuid second = publish(&w, 1, TO, ABOVE, 2);
    run(&w);
    ASSERT_EQ(with_hub(&w).in_flight, 1);
    for (int i = 0; i < 3; i++)
        they_lack_one(&w);
    ASSERT_EQ(w.n_gaps, 0);
    parent_answers(&w, &second, VERDICT_ACCEPTED);
    run(&w);
    w.full[0] = true;
    publish(&w, 1, TO, ABOVE, 3);
    run(&w);
    ASSERT_EQ(with_hub(&w).in_flight, 0);
    for (int i = 0; i < 3; i++)
        they_lack_one(&w);
    ASSERT_EQ(w.n_gaps, 0);
}

TEST(another_message_in_the_place_of_ours_is_a_gap) {
    WORLD(w, "upt/r1");
    open_link(&w);
    const Uuid id = publish(&w, 1, TO, ABOVE, 1);
    run(&w);
    parent_answers(&w, &id, VERDICT_ACCEPTED);
    run(&w);
    LinkProgress theirs = { .present = true, .received_count = with_hub(&w).sent_count };
    for (int i = 0; i < 3; i++)
        neighbour_compare(w.broker, "hub", &theirs);
    ASSERT_EQ(w.n_gaps, 1);
}

/* Nobody has looked what waits for it. */
TEST(a_link_that_was_not_read_yet_is_not_idle) {
    WORLD(w, "hub");
    told_of_link(&w, "upt/r2", true);
    ASSERT_TRUE(neighbour_progress(w.broker, "upt/r2").backlog > 0);
}

TEST(what_a_child_took_is_counted_when_there_is_no_room_for_bodies) {
    WORLD(w, "hub");
    BrokerConfig config = w.config;
    config.cache_bytes = 1;
    broker_reconfigure(w.broker, &config);
    hello(&w, 2, "dsk/3301", 2);
    hello(&w, 1, "upt/r1", 1);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 8);
    publish(&w, 2, "dsk/3301", "dsk/3201", 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
    settle(&w, 1, "upt/r1", 1, SETTLE_DONE);
    run(&w);
    ASSERT_EQ(neighbour_progress(w.broker, "upt/r1").sent_count, 1);
}

TEST_MAIN

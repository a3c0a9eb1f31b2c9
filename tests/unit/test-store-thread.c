/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads of the store tell, and when; how they end. */
#include <errno.h>
#include <pthread.h>

#include "thread-fixture.h"

/* --- in order, and not before the sync --- */

TEST(a_batch_is_told_when_it_is_synced_and_not_before) {
    WORLD(w);
    SET(hold_syncs, true);
    assert_false(store_thread_give(w.t, batch(&w, 2), false));
    wait_until(&way.syncs, 1);
    expect_nothing(&w);
    assert_false(store_thread_is_free(w.t));
    assert_false(store_thread_is_idle(w.t));
    let(NULL, &way.syncs_let);
    expect(&w, 1, 2);
    ASSERT_TRUE(store_thread_is_free(w.t));
    ASSERT_TRUE(store_thread_is_idle(w.t));
    expect_left(&w, 2);
}

TEST(batches_are_carried_out_while_others_are_synced_and_told_in_their_order) {
    WORLD(w);
    SET(hold_syncs, true);
    (void)!store_thread_give(w.t, batch(&w, 1), false);
    wait_until(&way.syncs, 1);
    add(&w, 2); /* waits: so the next sync is for the other thread */
    let(NULL, &way.syncs_let);
    expect(&w, 1, 1);
    wait_until(&way.syncs, 2);
    expect_nothing(&w);
    assert_false(store_thread_is_idle(w.t));
    const unsigned waits = get(&way.waits);
    add(&w, 1); /* carried out behind it, and then it waits for its turn */
    wait_until(&way.writes, 3);
    wait_until(&way.waits, waits + 1);
    expect_nothing(&w);
    ASSERT_EQ(get(&way.syncs), 2);
    let(NULL, &way.syncs_let);
    expect(&w, 2, 2);
    wait_until(&way.syncs, 3);
    expect_nothing(&w);
    let(NULL, &way.syncs_let);
    expect(&w, 4, 1);
    expect_left(&w, 4);
}

/* Small: to be carried out by the caller, once the thread does not keep house. */
static void give_here(World *w) {
    while (!store_thread_give(w->t, batch(w, 1), true))
        expect(w, w->given, 1);
}

TEST(a_small_batch_is_carried_out_by_the_caller_and_synced_before_it_is_told) {
    WORLD(w);
    give_here(&w);
    assert_false(store_thread_is_idle(w.t)); /* not before it is taken */
    ASSERT_EQ(get(&way.syncs), get(&way.writes));
    expect(&w, w.given, 1);
    ASSERT_TRUE(store_thread_is_idle(w.t));
    SET(sync_us, 100000); /* a slow disk is not for the caller to wait for */
    (void)!store_thread_give(w.t, batch(&w, 1), true);
    expect(&w, w.given, 1);
    ASSERT_EQ(store_thread_sync_us(w.t), 100000);
    for (unsigned i = 0; i < 20; i++) {
        assert_false(store_thread_give(w.t, batch(&w, 1), true));
        expect(&w, w.given, 1);
    }
    expect_left(&w, w.given);
}

static World *in_call; /* of a function called in the middle of another */
static pthread_t router;

static void add_while_synced(void) {
    if (!pthread_equal(pthread_self(), router)) /* it kept house: not here */
        return;
    const unsigned waits = get(&way.waits);
    add(in_call, 1);
    wait_until(&way.waits, waits + 1); /* the thread finds the store in our hands */
    SET(in_sync, NULL);
}

TEST(what_is_added_while_the_caller_is_at_work_waits_for_it_and_is_carried_out) {
    WORLD(w);
    in_call = &w;
    router = pthread_self();
    SET(in_sync, add_while_synced);
    give_here(&w);
    expect(&w, w.given - 1, 2);
    expect_left(&w, w.given);
}

TEST(that_there_is_room_again_for_many_is_told_before_they_are_carried_out) {
    WORLD(w);
    SET(hold_writes, true);
    SET(hold_syncs, true); /* nothing else is news */
    (void)!store_thread_give(w.t, batch(&w, 1), false);
    wait_until(&way.writes, 1);
    add(&w, 130);
    ASSERT_EQ(store_thread_fill(w.t).messages, 130);
    store_thread_clear_fd(w.t);
    let(NULL, &way.writes_let);
    wait_until(&way.writes, 2);
    wait_fd(w.t);
    ASSERT_EQ(store_thread_fill(w.t).messages, 0);
    expect_nothing(&w);
    let(&way.hold_writes, NULL);
    let(&way.hold_syncs, NULL);
    expect(&w, 1, 131);
}

/* --- faults --- */

TEST(a_sync_that_fails_is_a_fault_and_its_batch_is_never_told) {
    WORLD(w);
    SET(fail_sync, -EIO);
    (void)!store_thread_give(w.t, batch(&w, 1), false);
    expect_fault(&w, -EIO, "");
    expect_no_clean_stop(&w);
}

TEST(a_sync_that_fails_in_the_callers_hands_is_a_fault_as_well) {
    WORLD(w);
    give_here(&w);
    expect(&w, w.given, 1);
    SET(fail_sync, -EIO);
    (void)!store_thread_give(w.t, batch(&w, 1), true);
    expect_fault(&w, -EIO, "");
    expect_no_clean_stop(&w);
}

static void wait_news(World *w, uint64_t n) {
    for (uint64_t sum = 0, one; sum < n; sum += one) {
        struct pollfd news = { .fd = store_thread_fd(w->t), .events = POLLIN };
        if (__real_poll(&news, 1, PATIENCE_MS) != 1)
            fail_msg("no news");
        ASSERT_EQ(read(news.fd, &one, sizeof(one)), sizeof(one));
    }
}

/* Both when nothing is carried out meanwhile, and when the thread at work finds it out later: what
 * it then says of the store is not what was the matter. */
static void fail_beside(World *w, bool behind) {
    SET(hold_syncs, true);
    (void)!store_thread_give(w->t, batch(w, 1), false);
    wait_until(&way.syncs, 1);
    add(w, 1);
    let(NULL, &way.syncs_let);
    expect(w, 1, 1);
    wait_until(&way.syncs, 2);
    SET(hold_writes, behind);
    SET(writes_let, 2);
    if (behind) {
        add(w, 1);
        wait_until(&way.writes, 3);
    }
    store_thread_clear_fd(w->t);
    SET(fail_sync, -EIO);
    let(NULL, &way.syncs_let);
    wait_news(w, 1);
    SET(fail_sync, 0); /* a later one that succeeds does not mend it */
    if (behind) {
        let(&way.hold_writes, NULL);
        wait_news(w, 1);
    }
    expect_fault(w, -EIO, "the log cannot be synced");
    expect_no_clean_stop(w);
}

TEST(a_sync_beside_work_that_fails_ends_the_threads) {
    WORLD(w);
    fail_beside(&w, false);
}

TEST(a_batch_behind_one_that_was_not_synced_is_not_told_either) {
    WORLD(w);
    fail_beside(&w, true);
}

TEST(housekeeping_that_fails_is_a_fault) {
    WORLD(w);
    SET(fail_idle, -EIO);
    expect_fault(&w, -EIO, "");
    expect_no_clean_stop(&w);
}

TEST(a_store_that_cannot_be_opened_is_told_with_the_reason) {
    WORLD(w);
    world_stop(&w);
    int r = 0;
    char why[256] = "";
    w.f.config.self = "another";
    ASSERT_OK(store_thread_start(&w.t, &w.f.config, &w.beats));
    while (!store_thread_is_open(w.t, &r, why))
        wait_fd(w.t);
    ASSERT_EQ(r, -EPROTO);
    ASSERT_TRUE(strlen(why) > 0);
    assert_null(store_thread_steal_directory(w.t));
}

/* --- no room --- */

/* Nothing is told, intake is said to be closed, and it is no hang. */
static void in_nap(void) {
    static unsigned long beats;
    StoreReport report;
    StoreOp *list = NULL;
    World *w = in_call;
    if (get(&way.naps) > 0)
        ASSERT_TRUE(atomic_load(&w->beats.store) > beats);
    beats = atomic_load(&w->beats.store);
    store_thread_report(w->t, &report);
    ASSERT_TRUE(report.health.intake_closed);
    ASSERT_OK(store_thread_take(w->t, &list));
    assert_null(list);
    assert_false(store_thread_is_free(w->t));
}

TEST(a_batch_without_room_is_told_when_there_is_some) {
    WORLD(w);
    in_call = &w;
    SET(in_nap, in_nap);
    SET(full, 3);
    const unsigned idles = get(&way.idles);
    (void)!store_thread_give(w.t, batch(&w, 2), false);
    expect(&w, 1, 2);
    ASSERT_EQ(get(&way.naps), 3);
    ASSERT_EQ(get(&way.writes), 4);
    ASSERT_TRUE(get(&way.idles) >= idles + 3); /* what is finished makes room */
    expect_left(&w, 2);
}

TEST(a_batch_without_room_in_the_callers_hands_is_for_the_thread_to_wait_with) {
    WORLD(w);
    give_here(&w);
    expect(&w, w.given, 1);
    do {
        SET(naps, 0);
        SET(full, 2);
        if (store_thread_give(w.t, batch(&w, 2), true))
            fail_msg("told to be there");
        expect(&w, w.given - 1, 2);
    } while (get(&way.naps) != 1); /* else it kept house, and the thread did it all */
    expect_left(&w, w.given);
}

static void *stop_main(void *data) {
    World *w = data;
    wait_until(&way.naps, 1);
    w->t = store_thread_stop(w->t);
    return NULL;
}

TEST(a_stop_does_not_wait_for_room_and_is_not_clean) {
    WORLD(w);
    pthread_t stopper;
    SET(full, 1000000);
    (void)!store_thread_give(w.t, batch(&w, 1), false);
    ASSERT_EQ(pthread_create(&stopper, NULL, stop_main, &w), 0);
    ASSERT_EQ(pthread_join(stopper, NULL), 0);
    expect_no_clean_stop(&w);
}

/* --- stop --- */

TEST(what_waits_at_a_stop_is_carried_out) {
    WORLD(w);
    SET(hold_writes, true);
    (void)!store_thread_give(w.t, batch(&w, 1), false);
    wait_until(&way.writes, 1);
    add(&w, 2);
    add(&w, 1);
    expect_left(&w, 4);
}

/* A message of several pages of the log. */
static StoreOp *big_batch(World *w, unsigned n) {
    static char facts[60000];
    memset(facts, 'f', sizeof(facts) - 1);
    StoreOp *list = batch(w, n);
    for (StoreOp *op = list; op; op = op->next)
        give_body(op->accept.message, "envelope", facts, "sealed");
    return list;
}

TEST(a_long_log_is_copied_beside_work) {
    WORLD(w);
    (void)!store_thread_give(w.t, big_batch(&w, 150), false);
    expect(&w, 1, 150);
    wait_until(&way.copies, 1);
    expect_left(&w, 150);
}

TEST(after_a_copy_that_failed_a_stop_is_not_clean) {
    WORLD(w);
    SET(fail_copy, true);
    (void)!store_thread_give(w.t, big_batch(&w, 150), false);
    expect(&w, 1, 150);
    wait_until(&way.copies, 1);
    expect_no_clean_stop(&w);
}

TEST_MAIN

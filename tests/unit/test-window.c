/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "broker/window.h"
#include "test.h"

static size_t cached;

static DeliveryRow row_of(int64_t seq, int64_t key, Lane lane) {
    return (DeliveryRow) { .queue = 1, .seq = seq, .order_key = key, .lane = lane, .size = 10 };
}

static int deposit(Window *w, int64_t seq, int64_t key, Lane lane, bool lifted) {
    Deposit d = { .row = row_of(seq, key, lane), .lifted = lifted };
    return window_deposit(w, &d, NULL, false);
}

/* An empty queue, read to its end in every lane. */
static void open_window(Window *w) {
    Lane lane;
    int64_t after;
    cached = 0;
    window_init(w, &cached);
    while (window_wants_load(w, &lane, &after))
        ASSERT_OK(window_loaded(w, lane, NULL, 0, true));
}

static int64_t take(Window *w) {
    Entry *e = window_peek(w, false);
    if (!e)
        return 0;
    int64_t seq = e->row.seq;
    window_take(w, e, ENTRY_OUT);
    return seq;
}

static Entry *entry(Window *w, int64_t key, int64_t seq) {
    Entry *e = window_find(w, key, seq);
    assert_non_null(e);
    return e;
}

TEST(one_delivery_per_case_is_out_and_the_next_follows_when_it_is_gone) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 2, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 3, 200, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    ASSERT_EQ(take(&w), 3); /* 2 waits for 1 */
    ASSERT_EQ(take(&w), 0);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 1)));
    ASSERT_EQ(take(&w), 0); /* being looked up */
    DeliveryRow next = row_of(2, 100, LANE_ROUTINE);
    ASSERT_OK(window_found(&w, 100, &next));
    ASSERT_EQ(take(&w), 2);
    ASSERT_TRUE(!window_gone(&w, entry(&w, 100, 2)));
    ASSERT_TRUE(!window_gone(&w, entry(&w, 200, 3)));
    assert_null(w.by_key);
    window_deinit(&w);
}

TEST(a_body_in_memory_is_charged_with_its_route) {
    Window w;
    Deposit d = { .row = row_of(1, 100, LANE_ROUTINE) };
    const Bytes none = { 0 };
    open_window(&w);
    d.body = body_new(bytes_make("envelope", 8), none, none);
    DeliveryInfo *info = calloc(1, sizeof(*info));
    info->forward = calloc(1, sizeof(*info->forward));
    ASSERT_OK(window_deposit(&w, &d, &info, true));
    assert_null(info);
    ASSERT_EQ(cached, 8 + sizeof(DeliveryInfo) + sizeof(Forward));
    ASSERT_EQ(take(&w), 1);
    ASSERT_TRUE(!window_gone(&w, entry(&w, 100, 1)));
    ASSERT_EQ(cached, 0);
    window_deinit(&w);
}

TEST(a_higher_lane_lifts_its_whole_case) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 2, 200, LANE_PRIORITY, false));
    ASSERT_OK(deposit(&w, 3, 100, LANE_EMERGENCY, true));
    ASSERT_EQ(take(&w), 1); /* lifted over 2, and before 3 */
    ASSERT_EQ(take(&w), 2);
    window_deinit(&w);
}

TEST(a_lifted_case_is_looked_up_until_nothing_of_it_is_left) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 3, 100, LANE_EMERGENCY, true)); /* and 2, which no read has come to */
    for (int64_t seq = 1; seq <= 3; seq++) {
        ASSERT_EQ(take(&w), seq);
        ASSERT_TRUE(window_gone(&w, entry(&w, 100, seq)));
        DeliveryRow next = row_of(seq + 1, 100, LANE_EMERGENCY);
        ASSERT_OK(window_found(&w, 100, seq < 3 ? &next : NULL));
    }
    assert_null(w.by_key);
    window_deinit(&w);
}

TEST(a_lifted_case_that_is_only_on_disk_is_looked_up_first) {
    Window w;
    Lane lane;
    int64_t after;
    cached = 0;
    window_init(&w, &cached);
    for (int i = 0; i < LANE_COUNT; i++) {
        ASSERT_TRUE(window_wants_load(&w, &lane, &after));
        ASSERT_OK(
            window_loaded(&w, lane, NULL, 0, lane != LANE_ROUTINE)); /* ROUTINE: more on disk */
    }
    ASSERT_EQ(deposit(&w, 9, 100, LANE_EMERGENCY, true), 1);
    ASSERT_EQ(take(&w), 0);
    DeliveryRow oldest = row_of(4, 100, LANE_EMERGENCY);
    ASSERT_OK(window_found(&w, 100, &oldest));
    ASSERT_EQ(take(&w), 4);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 4))); /* others may follow: always looked up */
    DeliveryRow next = row_of(9, 100, LANE_EMERGENCY);
    ASSERT_OK(window_found(&w, 100, &next));
    ASSERT_EQ(take(&w), 9);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 9)));
    ASSERT_OK(window_found(&w, 100, NULL));
    assert_null(w.by_key);
    window_deinit(&w);
}

/* Lanes are bounded by what they hold: a wrong count would close one for ever. */
TEST(a_case_found_in_another_lane_is_counted_there) {
    Window w;
    open_window(&w);
    ASSERT_EQ(deposit(&w, 9, 100, LANE_EMERGENCY, true), 1);
    DeliveryRow row = row_of(4, 100, LANE_ROUTINE);
    ASSERT_OK(window_found(&w, 100, &row));
    ASSERT_EQ(w.n_lane[LANE_EMERGENCY], 0);
    ASSERT_EQ(w.n_lane[LANE_ROUTINE], 1);
    ASSERT_EQ(take(&w), 4);
    (void)window_gone(&w, entry(&w, 100, 4));
    ASSERT_OK(window_found(&w, 100, NULL));
    for (Lane lane = LANE_EVENT; lane < LANE_COUNT; lane++)
        ASSERT_EQ(w.n_lane[lane], 0);
    window_deinit(&w);
}

TEST(a_returned_delivery_keeps_its_place) {
    Window w;
    open_window(&w);
    for (int64_t seq = 1; seq <= 5; seq++)
        ASSERT_OK(deposit(&w, seq, 100 + seq, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    ASSERT_EQ(take(&w), 2);
    ASSERT_EQ(take(&w), 3);
    window_return(&w, entry(&w, 102, 2));
    window_return(&w, entry(&w, 101, 1));
    ASSERT_EQ(take(&w), 1);
    ASSERT_EQ(take(&w), 2);
    ASSERT_EQ(take(&w), 4);
    window_deinit(&w);
}

/* A queue nobody reads is forgotten when nothing of it is at work in the store. */
TEST(what_comes_back_from_the_store_is_at_work_there_no_longer) {
    Window w;
    open_window(&w);
    for (int64_t seq = 1; seq <= 4; seq++) {
        ASSERT_OK(deposit(&w, seq, 100 + seq, LANE_ROUTINE, false));
        ASSERT_EQ(take(&w), seq);
        window_busy(&w, entry(&w, 100 + seq, seq));
    }
    ASSERT_EQ(w.n_busy, 4);
    window_return(&w, entry(&w, 101, 1));
    ASSERT_EQ(w.n_busy, 3);
    entry(&w, 102, 2)->row.due_ms = 1000;
    window_park(&w, entry(&w, 102, 2));
    ASSERT_EQ(w.n_busy, 2);
    window_withdraw(&w, entry(&w, 102, 2));
    window_withdraw(&w, entry(&w, 101, 1));
    ASSERT_EQ(w.n_busy, 4);
    for (int64_t seq = 1; seq <= 4; seq++)
        ASSERT_TRUE(!window_gone(&w, entry(&w, 100 + seq, seq)));
    ASSERT_EQ(w.n_busy, 0);
    assert_null(w.by_key);
    window_wake(&w, 5000, 5000);
    ASSERT_EQ(take(&w), 0);
    window_deinit(&w);
}

TEST(a_parked_case_waits_alone) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 2, 200, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 3, 100, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    Entry *e = entry(&w, 100, 1);
    e->row.due_ms = 5000;
    window_park(&w, e);
    ASSERT_EQ(take(&w), 2);
    ASSERT_EQ(take(&w), 0);
    window_wake(&w, 4999, 60000);
    ASSERT_EQ(take(&w), 0);
    window_wake(&w, 5000, 60000);
    ASSERT_EQ(take(&w), 1);
    window_deinit(&w);
}

static void park(Window *w, int64_t key, int64_t seq, int64_t due_ms) {
    Entry *e = entry(w, key, seq);
    e->row.due_ms = due_ms;
    window_park(w, e);
}

TEST(who_is_parked_later_for_less_long_is_woken_first) {
    Window w;
    open_window(&w);
    for (int64_t seq = 1; seq <= 3; seq++) {
        ASSERT_OK(deposit(&w, seq, 100 * seq, LANE_ROUTINE, false));
        ASSERT_EQ(take(&w), seq);
    }
    park(&w, 100, 1, 5000);
    park(&w, 200, 2, 9000);
    window_wake(&w, 1000, 60000);
    park(&w, 300, 3, 3000);
    window_wake(&w, 3000, 60000);
    ASSERT_EQ(take(&w), 3);
    window_wake(&w, 5000, 60000);
    ASSERT_EQ(take(&w), 1);
    window_wake(&w, 9000, 60000);
    ASSERT_EQ(take(&w), 2);
    window_deinit(&w);
}

TEST(what_was_looked_up_and_is_put_off_waits_for_its_time) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 2, 100, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 1)));
    DeliveryRow next = row_of(2, 100, LANE_ROUTINE);
    next.due_ms = 5000;
    ASSERT_OK(window_found(&w, 100, &next));
    ASSERT_EQ(take(&w), 0);
    window_wake(&w, 5000, 60000);
    ASSERT_EQ(take(&w), 2);
    window_deinit(&w);
}

TEST(a_case_of_which_nothing_is_found_is_at_work_no_longer) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 2, 100, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 1)));
    ASSERT_EQ(w.n_busy, 1);
    ASSERT_OK(window_found(&w, 100, NULL)); /* it was recalled meanwhile */
    ASSERT_EQ(w.n_busy, 0);
    assert_null(w.by_key);
    window_deinit(&w);
}

TEST(suspects_can_be_skipped) {
    Window w;
    open_window(&w);
    for (int64_t seq = 1; seq <= 3; seq++) {
        ASSERT_OK(deposit(&w, seq, 100 * seq, LANE_ROUTINE, false));
        entry(&w, 100 * seq, seq)->suspect = seq < 3;
    }
    w.n_suspects = 2;
    ASSERT_EQ(window_peek(&w, true)->row.seq, 3);
    ASSERT_EQ(window_peek(&w, false)->row.seq, 1);
    window_deinit(&w);
}

TEST(memory_is_bounded_and_the_rest_is_loaded_later) {
    Window w;
    Lane lane;
    int64_t after;
    open_window(&w);
    int64_t n = WINDOW_LANE_MAX + 10;
    for (int64_t seq = 1; seq <= n; seq++)
        ASSERT_OK(deposit(&w, seq, 1000 + seq, LANE_ROUTINE, false));
    ASSERT_EQ(w.n_lane[LANE_ROUTINE], WINDOW_LANE_MAX);
    ASSERT_TRUE(!window_wants_load(&w, &lane, &after)); /* enough is ready */
    for (int64_t seq = 1; seq <= WINDOW_LANE_MAX; seq++) {
        ASSERT_EQ(take(&w), seq);
        ASSERT_TRUE(!window_gone(&w, entry(&w, 1000 + seq, seq)));
    }
    ASSERT_TRUE(window_wants_load(&w, &lane, &after));
    ASSERT_EQ(lane, LANE_ROUTINE);
    ASSERT_EQ(after, WINDOW_LANE_MAX);
    ASSERT_TRUE(!window_wants_load(&w, &lane, &after)); /* asked once */
    DeliveryRow rows[10];
    for (int i = 0; i < 10; i++)
        rows[i] = row_of(WINDOW_LANE_MAX + 1 + i, 1000 + WINDOW_LANE_MAX + 1 + i, LANE_ROUTINE);
    ASSERT_OK(window_loaded(&w, LANE_ROUTINE, rows, 10, true));
    ASSERT_EQ(take(&w), WINDOW_LANE_MAX + 1);
    ASSERT_OK(deposit(&w, n + 1, 77, LANE_ROUTINE, false)); /* read to the end: added at once */
    ASSERT_TRUE(window_find(&w, 77, n + 1) != NULL);
    window_deinit(&w);
}

TEST(what_is_out_or_parked_takes_room_too) {
    Window w;
    Lane lane;
    int64_t after;
    open_window(&w);
    for (int64_t seq = 1; seq <= WINDOW_LANE_MAX + 1; seq++)
        ASSERT_OK(deposit(&w, seq, 1000 + seq, LANE_ROUTINE, false));
    for (int64_t seq = 1; seq <= WINDOW_LANE_MAX; seq++) {
        ASSERT_EQ(take(&w), seq);
        if (seq % 2 == 0)
            park(&w, 1000 + seq, seq, 5000);
    }
    ASSERT_TRUE(!window_wants_load(&w, &lane, &after));
    ASSERT_TRUE(!window_gone(&w, entry(&w, 1001, 1)));
    ASSERT_TRUE(window_wants_load(&w, &lane, &after));
    window_deinit(&w);
}

TEST(a_loaded_row_of_a_case_that_is_known_only_counts) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    w.complete[LANE_ROUTINE] = false;
    DeliveryRow rows[2] = { row_of(1, 100, LANE_ROUTINE), row_of(2, 100, LANE_ROUTINE) };
    ASSERT_OK(window_loaded(&w, LANE_ROUTINE, rows, 2, true));
    ASSERT_EQ(take(&w), 1);
    ASSERT_EQ(entry(&w, 100, 1)->more, 1);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 1)));
    window_deinit(&w);
}

TEST(an_old_row_that_comes_back_behind_the_cursor_is_looked_up) {
    Window w;
    Lane lane;
    int64_t after;
    open_window(&w);
    for (int64_t seq = 101; seq <= 101 + WINDOW_LANE_MAX; seq++) /* one more than there is room */
        ASSERT_OK(deposit(&w, seq, 1000 + seq, LANE_ROUTINE, false));
    ASSERT_TRUE(!w.complete[LANE_ROUTINE]);
    ASSERT_EQ(deposit(&w, 5, 77, LANE_ROUTINE, false), 1); /* a requeued dead letter */
    DeliveryRow oldest = row_of(5, 77, LANE_ROUTINE);
    ASSERT_OK(window_found(&w, 77, &oldest));
    ASSERT_EQ(take(&w), 5);
    ASSERT_TRUE(!window_wants_load(&w, &lane, &after));
    window_deinit(&w);
}

TEST(an_old_row_does_not_take_the_cursor_back) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 101, 1, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 5, 2, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 5);
    ASSERT_EQ(take(&w), 101);
    ASSERT_EQ(w.cursor[LANE_ROUTINE], 101);
    window_deinit(&w);
}

TEST(a_clock_set_back_does_not_keep_a_case_parked) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    Entry *e = entry(&w, 100, 1);
    e->row.due_ms = DAY_MS + 1000;
    window_park(&w, e);
    window_wake(&w, 0, 60000);
    window_wake(&w, 59999, 60000);
    ASSERT_EQ(take(&w), 0);
    window_wake(&w, 60000, 60000);
    ASSERT_EQ(take(&w), 1);
    window_deinit(&w);
}

TEST(a_row_loaded_while_its_case_is_looked_up_is_not_forgotten) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    ASSERT_OK(deposit(&w, 2, 100, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 1)));
    w.complete[LANE_ROUTINE] = false;
    DeliveryRow rows[2] = { row_of(2, 100, LANE_ROUTINE), row_of(3, 100, LANE_ROUTINE) };
    ASSERT_OK(window_loaded(&w, LANE_ROUTINE, rows, 2, true));
    ASSERT_OK(window_found(&w, 100, &rows[0]));
    ASSERT_EQ(take(&w), 2);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 2)));
    window_deinit(&w);
}

TEST(a_row_that_only_the_load_saw_follows_the_one_that_was_looked_up) {
    Window w;
    open_window(&w);
    w.complete[LANE_EMERGENCY] = false;
    ASSERT_EQ(deposit(&w, 9, 100, LANE_EMERGENCY, true), 1);
    Entry *e = w.by_key;
    e->more_unknown = false; /* the count alone must do */
    DeliveryRow rows[2] = { row_of(4, 100, LANE_EMERGENCY), row_of(9, 100, LANE_EMERGENCY) };
    ASSERT_OK(window_loaded(&w, LANE_EMERGENCY, rows, 2, true));
    ASSERT_OK(window_found(&w, 100, &rows[0]));
    ASSERT_EQ(take(&w), 4);
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 4)));
    window_deinit(&w);
}

TEST(the_row_at_the_cursor_is_behind_it) {
    Window w;
    Lane lane;
    int64_t after;
    cached = 0;
    window_init(&w, &cached);
    ASSERT_TRUE(window_wants_load(&w, &lane, &after));
    const DeliveryRow row = row_of(5, 100, lane);
    ASSERT_OK(window_loaded(&w, lane, &row, 1, false));
    (void)take(&w);
    ASSERT_TRUE(!window_gone(&w, entry(&w, 100, 5)));
    ASSERT_EQ(deposit(&w, 5, 100, lane, false), 1); /* out of the dead letters again */
    assert_null(window_find(&w, 100, 5));           /* which is the oldest is not known */
    ASSERT_OK(window_found(&w, 100, &row));
    ASSERT_EQ(take(&w), 5);
    Lane again;
    ASSERT_TRUE(window_wants_load(&w, &again, &after)); /* that was not all there is */
    ASSERT_EQ(again, lane);
    ASSERT_EQ(after, 5);
    window_deinit(&w);
}

TEST(a_suspect_that_is_gone_does_not_count_any_more) {
    Window w;
    open_window(&w);
    for (int64_t seq = 1; seq <= 3; seq++)
        ASSERT_OK(deposit(&w, seq, seq < 3 ? 100 : 200, LANE_ROUTINE, false));
    ASSERT_EQ(take(&w), 1);
    ASSERT_EQ(take(&w), 3);
    entry(&w, 100, 1)->suspect = entry(&w, 200, 3)->suspect = true;
    w.n_suspects = 2;
    ASSERT_TRUE(window_gone(&w, entry(&w, 100, 1))); /* its case goes on, not suspected */
    ASSERT_EQ(w.n_suspects, 1);
    ASSERT_TRUE(!window_gone(&w, entry(&w, 200, 3)));
    ASSERT_EQ(w.n_suspects, 0);
    const DeliveryRow next = row_of(2, 100, LANE_ROUTINE);
    ASSERT_OK(window_found(&w, 100, &next));
    ASSERT_TRUE(!window_suspect_waits(&w));
    ASSERT_TRUE(!entry(&w, 100, 2)->suspect);
    window_deinit(&w);
}

TEST(what_woke_up_is_due_no_more) {
    Window w;
    open_window(&w);
    ASSERT_OK(deposit(&w, 1, 100, LANE_ROUTINE, false));
    (void)take(&w);
    Entry *e = entry(&w, 100, 1);
    e->row.due_ms = 5000;
    window_park(&w, e);
    window_wake(&w, 4999, 60000);
    ASSERT_EQ(take(&w), 0);
    window_wake(&w, 5000, 60000);
    ASSERT_EQ(take(&w), 1);
    ASSERT_EQ(entry(&w, 100, 1)->row.due_ms, 0);
    window_deinit(&w);
}

TEST_MAIN

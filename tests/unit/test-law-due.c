/* SPDX-License-Identifier: Apache-2.0 */

/* Timers: rows where the keeper lives and nowhere else, each fired once, and who is told. */

#include "test.h"

#include "law-fixture.h"

#define TIMERS "SELECT count(*) FROM timer WHERE kind <> 6" /* without those of the offices */

/* --- rows ----------------------------------------------------------------------------------- */

TEST(timer_rows_are_written_moved_and_deleted_at_the_home_of_the_keeper) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_REFERRAL, &id, &i));
    ASSERT_EQ(number(&f, TIMERS), i.n_timers);
    const int64_t due = number(&f, "SELECT due FROM timer WHERE timer = 1");
    ASSERT_EQ(due, item_timer(&i, TIMER_ANSWER)->due_ms);
    f.now_ms += DAY_MS;
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_WAITLISTED)), "ACCEPTED");
    ASSERT_TRUE(number(&f, "SELECT due FROM timer WHERE timer = 1") > due);
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_DECLINED)), "ACCEPTED");
    ASSERT_EQ(number(&f, TIMERS), 0);

    /* Kept by a node behind the link: it runs there. */
    ASSERT_STR(says(&f, request(&f, REMOTE, DSP)), "ACCEPTED");
    ASSERT_EQ(number(&f, TIMERS), 0);
    f.now_ms += 60 * DAY_MS;
    ASSERT_STR(fires(&f), "");
    assert_lawful(&f);
}

static void move_home(Fixture *f, const char *node, const char *home) {
    _cleanup_(directory_unrefp) Directory *d = store_directory(f->store);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = 1;
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.nodes[0] = *directory_node(d, node);
    text_copy(op->import.nodes[0].home, NODE_NAME_SIZE, home);
    run(f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
}

TEST(timers_follow_their_keeper_to_another_broker) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_TRUE(number(&f, TIMERS) > 0);
    move_home(&f, SENDER, "hub");
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_RECEIVED)), "ACCEPTED");
    ASSERT_EQ(number(&f, TIMERS), 0);
    move_home(&f, SENDER, SELF);
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_WAITLISTED)), "ACCEPTED");
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_REFERRAL, &id, &i));
    ASSERT_EQ(number(&f, TIMERS), i.n_timers);
    assert_lawful(&f);
}

/* OP_DUE in a batch that finds no room, not even for what is no intake: it is taken back. */
static void due_without_room(Fixture *f) {
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d",
                   (int)number(f, "PRAGMA page_count"));
    ASSERT_EQ(sqlite3_exec(f->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
    StoreOp *due = store_op_new(OP_DUE), *last = due;
    due->due.limit = 64;
    for (int i = 0; i < 1000; i++) {
        last->next = store_op_new(OP_QUEUE);
        last = last->next;
        last->queue.kind = QUEUE_MAILBOX;
        (void)snprintf(last->queue.name, sizeof(last->queue.name), "dsk/%040d", i);
    }
    ASSERT_EQ(store_run(f->store, due, f->now_ms), -ENOSPC);
    for (StoreOp *op = due, *next; op; op = next) {
        next = op->next;
        store_op_free(op);
    }
    ASSERT_EQ(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
}

/* --- firing --------------------------------------------------------------------------------- */

TEST(a_timer_fires_once_and_tells_who_owes_and_who_waits) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_STR(fires(&f), "");
    f.now_ms = number(&f, "SELECT due FROM timer WHERE timer = 1");
    ASSERT_STR(fires(&f), "answer:0");
    ASSERT_STR(fires(&f), "");
    ASSERT_STR(notices(&f), "answer to dsk/3203; answer to min/rehsos");
    fixture_crash(&f);
    ASSERT_STR(fires(&f), "");
    fixture_reopen(&f);
    ASSERT_STR(fires(&f), "");
    f.now_ms -= DAY_MS; /* the clock is set back, and right again */
    ASSERT_STR(fires(&f), "");
    f.now_ms += DAY_MS;
    ASSERT_STR(fires(&f), "");
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_REFERRAL, &id, &i));
    ASSERT_EQ(item_timer(&i, TIMER_ANSWER)->level, 1);
    assert_lawful(&f);
}

TEST(what_was_missed_while_the_clock_jumped_is_told_once) {
    LAW_FIXTURE(f);
    (void)says_id(&f, request(&f, SENDER, DSP));
    f.now_ms += 25 * DAY_MS;
    ASSERT_STR(fires(&f), "answer:0");
    f.now_ms += 60 * SECOND_MS;
    ASSERT_STR(fires(&f), "");
    f.now_ms = number(&f, "SELECT due FROM timer WHERE timer = 1");
    ASSERT_STR(fires(&f), "answer:1");
    assert_lawful(&f);
}

TEST(a_referral_expires_by_its_timer_and_by_nothing_else) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, DSP);
    m->env.expires_ms = f.now_ms + 3 * DAY_MS;
    const Uuid id = says_id(&f, m);
    f.now_ms += 3 * DAY_MS;
    ASSERT_STR(fires(&f), "expiry:0");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "EXPIRED of dsk/3203");
    ASSERT_EQ(number(&f, TIMERS), 0);
    assert_lawful(&f);
}

TEST(a_timer_and_its_notices_are_one_with_the_act) {
    LAW_FIXTURE(f);
    (void)says_id(&f, request(&f, SENDER, DSP));
    f.now_ms += 25 * DAY_MS;
    const int64_t acts = acts_now(&f, 0), timers = number(&f, TIMERS);
    due_without_room(&f);
    ASSERT_EQ(acts_now(&f, 0), acts);
    ASSERT_EQ(number(&f, TIMERS), timers);
    ASSERT_STR(notices(&f), "");
    ASSERT_STR(fires(&f), "answer:0");
    assert_lawful(&f);
}

TEST(many_timers_due_at_once_are_fired_in_portions) {
    LAW_FIXTURE(f);
    for (int i = 0; i < 70; i++) {
        Message *m = request(&f, SENDER, DSP);
        m->env.case_id.b[1] = (uint8_t)i;
        m->env.expires_ms = f.now_ms + DAY_MS;
        ASSERT_STR(says(&f, m), "ACCEPTED");
    }
    f.now_ms += DAY_MS;
    StoreOp *op = store_op_new(OP_DUE);
    op->due.limit = 1000;
    run(&f, op);
    ASSERT_EQ(op->due.n, 64);
    ASSERT_TRUE(op->due.more);
    store_op_free(op);
    (void)fires(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM item WHERE kind = 1 AND final = 1"), 70);
    assert_lawful(&f);
}

TEST(a_leftover_row_stands_in_nobodys_way) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_EQ(sqlite3_exec(f.store->db,
                           "INSERT INTO timer VALUES(5, 1, x'00', 1), (6, 99, x'01', 200);"
                           "UPDATE timer SET due = 7 WHERE timer = 1",
                           NULL, NULL, NULL),
              SQLITE_OK);
    ASSERT_STR(fires(&f), "");
    ASSERT_EQ(number(&f, "SELECT count(*) FROM timer WHERE due < 10"), 0);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3203");
}

TEST(r_120_fires_on_day_seven_and_not_after_the_proposal) {
    LAW_FIXTURE(f);
    for (int proposed = 0; proposed < 2; proposed++) {
        Message *m = opening(&f, SENDER, DSP);
        m->env.case_id.b[1] = (uint8_t)proposed;
        m->facts.opened.dtks_status = DTKS_STATUS_NOT_LISTED;
        ASSERT_STR(says(&f, m), "ACCEPTED");
        if (proposed) {
            f.now_ms += DAY_MS;
            m = letter(&f, KIND_DTKS_PROPOSAL, SENDER, DSP);
            m->env.case_id.b[1] = (uint8_t)proposed;
            ASSERT_STR(says(&f, m), "ACCEPTED");
        }
    }
    f.now_ms += 5 * DAY_MS;
    ASSERT_STR(fires(&f), "");
    f.now_ms += DAY_MS;
    ASSERT_STR(fires(&f), "dtks:0");
    ASSERT_STR(notices(&f), "R-120 to dsk/3203; R-120 to min/rehsos; R-120 to dsp/32");
    assert_lawful(&f);
}

/* --- acknowledging -------------------------------------------------------------------------- */

TEST(who_has_not_acknowledged_is_asked_until_everybody_has) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, event(&f, DSP));
    f.now_ms += 10 * MINUTE_MS;
    ASSERT_STR(fires(&f), "acknowledge:0");
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    StoreOp *op = ask_as(&f, "", "unacknowledged", "event", text);
    char missing[1024];
    text_copy(missing, sizeof(missing), column(op, "node"));
    store_op_free(op);
    ASSERT_STR(missing, "cc/171 dsk/3203 hub min/rehsos pks/3203052001 upt/phala-martha");
    for (char *save, *node = strtok_r(missing, " ", &save); node; node = strtok_r(NULL, " ", &save))
        ASSERT_STR(says(&f, acknowledgement(&f, &id, node, DSP)), "ACCEPTED");
    f.now_ms += DAY_MS;
    ASSERT_STR(fires(&f), "");
    ASSERT_EQ(number(&f, TIMERS), 0);
    ASSERT_STR(notices(&f), "acknowledge to dsp/32; acknowledge to cc/171; acknowledge to "
                            "upt/phala-martha");
    op = ask_item(&f, "", "item-history", ITEM_EVENT, &id);
    ASSERT_STR(cell(op, table_rows(op->query.table) - 1, "what"), "acknowledged by all");
    store_op_free(op);
    assert_lawful(&f);
}

/* Those who only supervise were not asked. */
TEST(copies_of_an_event_need_not_be_acknowledged) {
    LAW_FIXTURE(f);
    Message *m = event(&f, DSP);
    m->env.audience = (Audience) { .form = AUDIENCE_NODES, .n = 1 };
    text_copy(m->env.audience.nodes[0], NODE_NAME_SIZE, SENDER);
    const Uuid id = says_id(&f, m);
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    StoreOp *op = ask_as(&f, "", "unacknowledged", "event", text);
    ASSERT_STR(column(op, "node"), SENDER);
    store_op_free(op);
    ASSERT_STR(says(&f, acknowledgement(&f, &id, SENDER, DSP)), "ACCEPTED");
    f.now_ms += DAY_MS;
    ASSERT_STR(fires(&f), "");
}

/* --- offices -------------------------------------------------------------------------------- */

TEST(an_agency_that_never_says_anything_owes_its_report_after_a_year) {
    LAW_FIXTURE(f);
    ASSERT_STR(fires(&f), ""); /* from now on they are watched */
    ASSERT_EQ(number(&f, "SELECT count(*) FROM timer WHERE kind = 6"), 3);
    f.now_ms += 380 * DAY_MS;
    ASSERT_STR(fires(&f), "monitoring:0 monitoring:0 monitoring:0");
    ASSERT_TRUE(strstr(notices(&f), "R-152 to dsk/3203; R-152 to dsp/32") != NULL);
    assert_lawful(&f);
}

/* When the batch that began to watch them is taken back, they are watched all the same. */
TEST(watching_survives_a_batch_without_room) {
    LAW_FIXTURE(f);
    due_without_room(&f);
    ASSERT_STR(fires(&f), "");
    ASSERT_EQ(number(&f, "SELECT count(*) FROM timer WHERE kind = 6"), 3);
}

TEST_MAIN

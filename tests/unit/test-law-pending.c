/* SPDX-License-Identifier: Apache-2.0 */
/* Items that changed and are not in their table yet: never lost, never older than they are, never
 * more than so many. */
#include "test.h"

#include "law-fixture.h"
#include "store/salvage.h"

#define FEW 4U /* pending items, where a test is about sweeps */

static void pending_fixture_init(Fixture *f, uint32_t most) {
    law_fixture_init(f);
    f->config.pending_items = most;
    fixture_reopen(f);
}
#define PENDING_FIXTURE(f, most)                                                                   \
    _cleanup_(fixture_deinit) Fixture f;                                                           \
    pending_fixture_init(&f, (most))

static int64_t rows(Fixture *f) {
    return number_now(f, "SELECT count(*) FROM pending");
}

static void run_list(Fixture *f, StoreOp *list, int want) {
    ASSERT_EQ(store_run(f->store, list, f->now_ms), want);
    for (StoreOp *op = list, *next; op; op = next) {
        next = op->next;
        if (want == 0 && op->kind == OP_ACCEPT)
            ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(op);
    }
}

/* So many complaints in one transaction. */
static void complain(Fixture *f, uint32_t n) {
    StoreOp *list = NULL;
    for (uint32_t i = 0; i < n; i++) {
        StoreOp *op = saying(f, complaint(f, HOME, SENDER));
        op->next = list;
        list = op;
    }
    run_list(f, list, 0);
}

static Uuid complain_once(Fixture *f) {
    return says_id(f, complaint(f, HOME, SENDER));
}

static void step(Fixture *f, const Uuid *id, int action) {
    ASSERT_STR(says(f, complaint_step(f, id, SENDER, HOME, action, "")), "ACCEPTED");
}

static const char *worklist(Fixture *f, const char *node) {
    static char text[256];
    StoreOp *op = ask_as(f, "", "worklist", node, NULL);
    snprintf(text, sizeof(text), "%s", column(op, "state"));
    store_op_free(op);
    return text;
}

/* The files as a crash would leave them, under another name; the store is closed. */
static void crash_to(Fixture *f, const char *name) {
    char command[1024], to[128];
    snprintf(to, sizeof(to), "%s/%s.db", f->folder, name);
    snprintf(command, sizeof(command), "cp %s %s && cp %s-wal %s-wal", f->path, to, f->path, to);
    ASSERT_OK(system(command));
    f->store = store_close(f->store);
    text_copy(f->path, sizeof(f->path), to);
    f->config.path = f->path;
}

/* --- the same as in the table ----------------------------------------------------------------- */

TEST(what_is_pending_is_known_after_a_crash_and_after_a_stop) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM item WHERE kind = 2"), 0);
    ASSERT_EQ(rows(&f), 1);
    fixture_crash(&f);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203");
    fixture_reopen(&f);
    ASSERT_EQ(rows(&f), 0);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM item WHERE kind = 2"), 1);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM timer WHERE kind = 2"), 1);
    ASSERT_EQ(number_now(&f, "SELECT total(n) FROM tally"), 1);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203");
    assert_lawful(&f);
}

TEST(a_question_about_many_finds_what_is_pending) {
    LAW_FIXTURE(f);
    (void)complain_once(&f);
    StoreOp *op = ask_as(&f, "", "report", NULL, NULL);
    ASSERT_EQ(table_rows(op->query.table), 1);
    store_op_free(op);
    (void)complain_once(&f);
    op = ask_as(&f, "", "due", NULL, NULL);
    ASSERT_STR(column(op, "timer"), "classify classify");
    store_op_free(op);
    (void)complain_once(&f);
    ASSERT_STR(worklist(&f, SENDER), "RECEIVED RECEIVED RECEIVED");
    ASSERT_EQ(rows(&f), 1); /* of nobody else anything had to be settled */
    assert_lawful(&f);
}

TEST(a_worklist_shows_nothing_that_somebody_else_owes_by_now) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    (void)complain_once(&f);
    ASSERT_OK(store_settle(f.store));
    ASSERT_STR(worklist(&f, SENDER), "RECEIVED RECEIVED");
    step(&f, &id, COMPLAINT_ACTION_CLASSIFY);
    ASSERT_STR(says(&f, complaint_step(&f, &id, SENDER, HOME, COMPLAINT_ACTION_ASSIGN, HOME)),
               "ACCEPTED");
    ASSERT_STR(worklist(&f, SENDER), "RECEIVED");
    ASSERT_STR(worklist(&f, HOME), "ASSIGNED");
    assert_lawful(&f);
}

TEST(a_timer_of_what_is_pending_fires_and_one_that_was_stopped_does_not) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    (void)complain_once(&f);
    ASSERT_STR(fires(&f), "");
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM timer WHERE kind = 2"), 0);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM timer WHERE kind = 2"), 2);
    step(&f, &id, COMPLAINT_ACTION_REJECT_INVALID);
    (void)complain_once(&f);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM timer WHERE kind = 2"), 2);
    f.now_ms += 4 * DAY_MS;
    ASSERT_STR(fires(&f), "classify:0 classify:0");
    assert_lawful(&f);
}

/* The one that is due takes the other into no table. */
TEST(each_timer_of_what_is_pending_fires_when_it_is_due) {
    LAW_FIXTURE(f);
    unsigned at[3] = { 0 }, n = 0;
    (void)complain_once(&f);
    f.now_ms += HOUR_MS;
    (void)complain_once(&f);
    for (unsigned hour = 0; hour < 5 * 24 && n < ARRAY_SIZE(at); hour++, f.now_ms += HOUR_MS)
        if (strcmp(fires(&f), "classify:0") == 0)
            at[n++] = hour;
    ASSERT_EQ(n, 2);
    ASSERT_EQ(at[1] - at[0], 1);
    assert_lawful(&f);
}

/* In its table already, when the next of the same transaction changes it once more. */
TEST(what_is_settled_within_a_transaction_may_change_again_in_it) {
    LAW_FIXTURE(f);
    StoreOp *ops[4];
    Message *m = request(&f, SENDER, DSP);
    const Uuid first = m->env.message_id;
    ops[0] = saying(&f, m);
    ops[1] = saying(&f, request(&f, SENDER, DSP)); /* looks for whom else was asked */
    ops[2] = saying(&f, response(&f, &first, DSP, SENDER, REFERRAL_DECISION_DECLINED));
    ops[3] = saying(&f, request(&f, SENDER, DSP));
    for (unsigned i = 0; i + 1 < ARRAY_SIZE(ops); i++)
        ops[i]->next = ops[i + 1];
    run(&f, ops[0]);
    ASSERT_STR(answer_text(ops[1]), "REFUSED R-014");
    ASSERT_STR(answer_text(ops[2]), "ACCEPTED");
    ASSERT_STR(answer_text(ops[3]), "ACCEPTED");
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
        store_op_free(ops[i]);
    assert_lawful(&f);
}

TEST(who_else_was_asked_is_found_while_it_is_pending) {
    LAW_FIXTURE(f);
    const Uuid first = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM item WHERE kind = 1"), 0);
    ASSERT_STR(says(&f, request(&f, SENDER, DSP)), "REFUSED R-014");
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM item WHERE kind = 1"), 1);
    ASSERT_STR(says(&f, response(&f, &first, DSP, SENDER, REFERRAL_DECISION_DECLINED)), "ACCEPTED");
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM item WHERE kind = 1 AND final = 1"), 0);
    ASSERT_STR(says(&f, request(&f, SENDER, DSP)), "ACCEPTED"); /* nobody who has not answered */
    assert_lawful(&f);
}

/* --- sweeps ----------------------------------------------------------------------------------- */

TEST(a_crash_after_any_transaction_leaves_every_item_as_it_stood) {
    static const int actions[] = { COMPLAINT_ACTION_CLASSIFY, COMPLAINT_ACTION_RESOLVE,
                                   COMPLAINT_ACTION_CLOSE };
    static const char *const states[] = { "RECEIVED by dsk/3203 of dsk/3203",
                                          "CLASSIFIED by dsk/3203 of dsk/3203",
                                          "RESOLVED by dsk/3203 of dsk/3203",
                                          "CLOSED of dsk/3203" };
    PENDING_FIXTURE(f, FEW);
    Uuid ids[12];
    unsigned done[ARRAY_SIZE(ids)] = { 0 };
    bool swept = false, left = false;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        ids[i] = complain_once(&f);
    for (unsigned turn = 0; turn < 3 * ARRAY_SIZE(ids); turn++) {
        const size_t which = (turn * 5) % ARRAY_SIZE(ids);
        step(&f, &ids[which], actions[done[which]++]);
        swept = swept || number_now(&f, "SELECT count(*) FROM item WHERE kind = 2") > 0;
        left = left || rows(&f) > 0;
        fixture_crash(&f);
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
            ASSERT_STANDS(&f, ITEM_COMPLAINT, &ids[i], states[done[i]]);
        ASSERT_TRUE(rows(&f) <= 3 * (int64_t)FEW + 8);
    }
    ASSERT_TRUE(swept && left);
    assert_lawful(&f);
}

TEST(what_is_pending_stays_bounded_while_more_and_more_comes) {
    PENDING_FIXTURE(f, 64);
    int64_t most = 0;
    for (int i = 0; i < 400; i++) {
        complain(&f, 1 + i % 7);
        most = MAX(most, rows(&f));
    }
    ASSERT_TRUE(most < 130);
    ASSERT_TRUE(number_now(&f, "SELECT count(*) FROM item WHERE kind = 2") > 1400);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM item WHERE kind = 2"), 1597);
    ASSERT_EQ(number(&f, "SELECT total(n) FROM tally"), 1597);
    assert_lawful(&f);
}

TEST(the_rows_of_what_changes_again_and_again_go_too) {
    PENDING_FIXTURE(f, FEW);
    const Uuid id = complain_once(&f);
    step(&f, &id, COMPLAINT_ACTION_CLASSIFY);
    int64_t most = 0;
    for (int i = 0; i < 150; i++) {
        ASSERT_STR(says(&f, complaint_step(&f, &id, SENDER, HOME, COMPLAINT_ACTION_ASSIGN,
                                           i % 2 ? HOME : SENDER)),
                   "ACCEPTED");
        most = MAX(most, number_now(&f, "SELECT total(length(items)) FROM pending"));
    }
    ASSERT_TRUE(most > 0 && most < 3 * 2048 * (int64_t)FEW);
    assert_lawful(&f);
}

static int64_t in_table(Fixture *f, const Uuid *id) {
    char sql[96], hex[2 * UUID_SIZE + 1];
    for (size_t i = 0; i < UUID_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id->b[i]);
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM item WHERE id = x'%s'", hex);
    return number_now(f, sql);
}

TEST(what_changes_often_stays_until_it_has_ended) {
    PENDING_FIXTURE(f, 16);
    const Uuid busy = complain_once(&f);
    step(&f, &busy, COMPLAINT_ACTION_CLASSIFY);
    for (int i = 0; i < 60; i++) {
        complain(&f, 2);
        for (int k = 0; k < 2; k++)
            ASSERT_STR(says(&f, complaint_step(&f, &busy, SENDER, HOME, COMPLAINT_ACTION_ASSIGN,
                                               k ? HOME : SENDER)),
                       "ACCEPTED");
        ASSERT_EQ(in_table(&f, &busy), 0);
        ASSERT_TRUE(rows(&f) < 80);
    }
    ASSERT_TRUE(number_now(&f, "SELECT count(*) FROM item WHERE kind = 2") > 90);
    fixture_crash(&f);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &busy, "ASSIGNED by uptd/32/pa-02 of dsk/3203");
    step(&f, &busy, COMPLAINT_ACTION_RESOLVE);
    step(&f, &busy, COMPLAINT_ACTION_CLOSE);
    for (int i = 0; i < 40; i++)
        complain(&f, 2);
    ASSERT_EQ(in_table(&f, &busy), 1);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM item WHERE kind = 2 AND final = 1"), 1);
    assert_lawful(&f);
}

TEST(what_stays_is_not_lost_with_the_rows_before_the_sweep) {
    for (int quiet = 1; quiet <= 16; quiet++) {
        PENDING_FIXTURE(f, 8);
        const Uuid busy = complain_once(&f);
        step(&f, &busy, COMPLAINT_ACTION_CLASSIFY);
        ASSERT_STR(says(&f, complaint_step(&f, &busy, SENDER, HOME, COMPLAINT_ACTION_ASSIGN, HOME)),
                   "ACCEPTED");
        for (int i = 0; i < quiet; i++)
            complain(&f, 2);
        fixture_crash(&f);
        ASSERT_STANDS(&f, ITEM_COMPLAINT, &busy, "ASSIGNED by uptd/32/pa-02 of dsk/3203");
        assert_lawful(&f);
    }
}

TEST(what_is_in_its_table_is_changed_there_and_not_made_again) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    (void)worklist(&f, SENDER);
    ASSERT_EQ(in_table(&f, &id), 1);
    ASSERT_EQ(rows(&f), 1); /* which a crash brings back */
    fixture_crash(&f);
    step(&f, &id, COMPLAINT_ACTION_CLASSIFY);
    ASSERT_STR(worklist(&f, SENDER), "CLASSIFIED");
    step(&f, &id, COMPLAINT_ACTION_REJECT_INVALID);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM item WHERE kind = 2 AND final = 1"), 1);
    assert_lawful(&f);
}

TEST(what_was_held_is_found_by_the_same_transaction) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, DSP);
    const Uuid id = m->env.message_id;
    StoreOp *early = saying(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_DECLINED));
    early->next = saying(&f, m);
    run_list(&f, early, 0);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "DECLINED of dsk/3203");
    ASSERT_EQ(acts_now(&f, ACT_AGAIN), 1);
    assert_lawful(&f);
}

TEST(the_acts_of_a_transaction_share_rows) {
    LAW_FIXTURE(f);
    complain(&f, 40);
    (void)complain_once(&f);
    ASSERT_EQ(acts_now(&f, 0), 41);
    ASSERT_TRUE(number_now(&f, "SELECT count(*) FROM act") < 8);
    ASSERT_EQ(number_now(&f, "SELECT max(n) FROM act"), 41);
    ASSERT_TRUE(number_now(&f, "SELECT max(length(acts)) FROM act") < 4096);
    fixture_crash(&f);
    ASSERT_EQ(acts_now(&f, 0), 41);
    assert_lawful(&f);
}

/* --- without room, forgotten ------------------------------------------------------------------ */

TEST(what_was_rolled_back_is_not_pending) {
    PENDING_FIXTURE(f, FEW);
    const Uuid before = complain_once(&f);
    for (int i = 0; i < 7; i++)
        (void)complain_once(&f); /* in the middle of a sweep */
    char sql[64];
    const int64_t acts = acts_now(&f, 0), n = rows(&f);
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d",
             (int)number_now(&f, "PRAGMA page_count"));
    ASSERT_EQ(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
    Message *m = complaint_step(&f, &before, SENDER, HOME, COMPLAINT_ACTION_CLASSIFY, "");
    StoreOp *list = saying(&f, m), *last = list;
    for (int i = 0; i < 1000; i++) {
        last->next = store_op_new(OP_QUEUE);
        last = last->next;
        last->queue.kind = QUEUE_MAILBOX;
        snprintf(last->queue.name, sizeof(last->queue.name), "dsk/%040d", i);
    }
    run_list(&f, list, -ENOSPC);
    ASSERT_EQ(rows(&f), n);
    ASSERT_EQ(acts_now(&f, 0), acts);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &before, "RECEIVED by dsk/3203 of dsk/3203");
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
    f.now_ms += MINUTE_MS;
    step(&f, &before, COMPLAINT_ACTION_CLASSIFY);
    assert_lawful(&f);
}

TEST(what_is_forgotten_does_not_come_back_after_a_crash) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    step(&f, &id, COMPLAINT_ACTION_REJECT_INVALID);
    StoredItem i;
    ASSERT_EQ(sqlite3_exec(f.store->db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    ASSERT_TRUE(item_load(f.store, ITEM_COMPLAINT, &id, &i));
    item_forget(f.store, &i);
    pending_write(f.store);
    tally_flush(f.store);
    ASSERT_EQ(sqlite3_exec(f.store->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    ASSERT_TRUE(!item_load(f.store, ITEM_COMPLAINT, &id, &i));
    fixture_crash(&f);
    ASSERT_TRUE(!item_load(f.store, ITEM_COMPLAINT, &id, &i));
    ASSERT_EQ(number(&f, "SELECT total(past) FROM tally"), 1);
    assert_lawful(&f);
}

/* --- copies of the file, damage --------------------------------------------------------------- */

TEST(a_backup_has_what_is_pending) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    char path[128], text[256];
    snprintf(path, sizeof(path), "%s/backup.db", f.folder);
    StoreOp *op = store_op_new(OP_BACKUP);
    text_copy(op->backup.path, sizeof(op->backup.path), path);
    run(&f, op);
    store_op_free(op);
    for (int i = 0; i < 1000 && store_backup_state(f.store, text) == 1; i++) {
        idle(&f);
        usleep(1000);
    }
    ASSERT_EQ(store_backup_state(f.store, text), 2);
    f.store = store_close(f.store);
    f.config.path = path;
    fixture_open(&f);
    ASSERT_EQ(rows(&f), 1);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203");
    assert_lawful(&f);
}

TEST(salvage_keeps_what_is_pending) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    crash_to(&f, "crashed");
    char to[128];
    SalvageReport report;
    Told t = { .lines = "" };
    snprintf(to, sizeof(to), "%s/saved.db", f.folder);
    if (store_salvage(&f.config, to, &report, take_line, &t, f.why) < 0)
        fail_msg("%s", f.why);
    ASSERT_TRUE(report.complete);
    f.config.path = to;
    fixture_open(&f);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203");
    assert_lawful(&f);
}

TEST(rows_that_cannot_be_read_keep_the_store_closed_until_the_items_are_made_again) {
    static const char *const changes[] = {
        "UPDATE pending SET items = x'' WHERE n = 2",
        "UPDATE pending SET items = substr(items, 1, length(items) - 1) WHERE n = 2",
        "UPDATE pending SET items = CAST(x'ff' || substr(items, 2) AS BLOB) WHERE n = 2",
        "UPDATE pending SET items = CAST(items || x'02' AS BLOB) WHERE n = 1",
        "UPDATE pending SET items = CAST(replace(items, 'dsk/3203', 'dsk') AS BLOB) WHERE n = 2",
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        LAW_FIXTURE(f);
        const Uuid id = complain_once(&f);
        step(&f, &id, COMPLAINT_ACTION_CLASSIFY);
        crash_to(&f, "crashed");
        tamper(&f, changes[i]);
        ASSERT_EQ(fixture_try_open(&f), -EUCLEAN);
        ASSERT_TRUE(strstr(f.why, "refold --write") != NULL);
        for (int write = 0; write < 2; write++) {
            Told t = { .lines = "" };
            char scratch[128];
            snprintf(scratch, sizeof(scratch), "%s/scratch", f.folder);
            ASSERT_OK(store_refold(&f.config, scratch, write, &t.report, take_line, &t, f.why));
            ASSERT_TRUE(strstr(t.lines, "cannot be read") && t.report.different > 0);
            ASSERT_EQ(t.report.written, write != 0);
            ASSERT_EQ(fixture_try_open(&f), write ? 0 : -EUCLEAN);
        }
        ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "CLASSIFIED by dsk/3203 of dsk/3203");
        assert_lawful(&f);
    }
}

TEST(a_row_of_the_table_that_cannot_be_read_does_not_hide_behind_what_is_pending) {
    LAW_FIXTURE(f);
    const Uuid id = complain_once(&f);
    fixture_reopen(&f);
    step(&f, &id, COMPLAINT_ACTION_CLASSIFY);
    crash_to(&f, "crashed");
    tamper(&f, "UPDATE item SET body = x'ff' WHERE kind = 2");
    fixture_open(&f);
    Told t = refold(&f, false);
    ASSERT_TRUE(strstr(t.lines, "cannot be read") && t.report.different > 0);
    t = refold(&f, true);
    ASSERT_TRUE(t.report.written);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "CLASSIFIED by dsk/3203 of dsk/3203");
    assert_lawful(&f);
}

TEST_MAIN

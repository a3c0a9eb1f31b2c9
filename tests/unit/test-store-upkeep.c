/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/file.h"
#include "store-fixture.h"
#include "store/internal.h"

static int64_t number(Fixture *f, const char *sql) {
    sqlite3_stmt *q = NULL;
    ASSERT_EQ(sqlite3_prepare_v2(f->store->db, sql, -1, &q, NULL), SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    const int64_t v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static Message *big_message(Fixture *f, const char *to, uint8_t case_number) {
    static char facts[60000];
    char envelope[32];
    Message *m = message_to(f, to, case_number);
    memset(facts, 'f', sizeof(facts) - 1);
    snprintf(envelope, sizeof(envelope), "envelope %u", (unsigned)f->n_ids);
    give_body(m, envelope, facts, "sealed");
    return m;
}

/* --- full disk ------------------------------------------------------------------------------ */

static void limit_pages(Fixture *f, int64_t spare) {
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
             (long long)(number(f, "PRAGMA page_count") + spare));
    ASSERT_EQ(sqlite3_exec(f->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

TEST(a_full_store_puts_intake_off_and_goes_on_settling) {
    FIXTURE(f);
    char ballast[128];
    snprintf(ballast, sizeof(ballast), "%s.ballast", f.path);
    f.store->config.ballast_bytes = 65536;
    idle(&f);
    ASSERT_OK(access(ballast, F_OK));
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    limit_pages(&f, 4);
    StoreOp *routine = accept_op(big_message(&f, HOME, 2));
    Message *m = message_to(&f, HOME, 3);
    m->lane = LANE_EMERGENCY;
    StoreOp *urgent = accept_op(m);
    StoreOp *done = delivery_op(&row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE, "");
    routine->next = urgent;
    urgent->next = done;
    run(&f, routine);
    ASSERT_EQ(routine->accept.result.verdict, VERDICT_LATER);
    ASSERT_STR(routine->accept.result.reasons->list[0].code, "STORE_FULL");
    ASSERT_TRUE(routine->accept.result.retry_after_ms > 0);
    ASSERT_EQ(routine->n_deposits, 0);
    ASSERT_EQ(urgent->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(urgent->n_deposits, 1);
    ASSERT_TRUE(done->delivery.found);
    ASSERT_EQ(done->n_deposits, 1);
    ASSERT_TRUE(store_health(f.store)->intake_closed);
    ASSERT_TRUE(access(ballast, F_OK) < 0);
    store_op_free(routine);
    store_op_free(urgent);
    store_op_free(done);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
    assert_sound(&f);

    /* Who did not hear the answer need not wait for room: it is known what became of it. */
    const uint32_t n_ids = f.n_ids;
    f.n_ids = 0;
    StoreOp *again = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(again->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(again->accept.result.n_outcomes, 1);
    store_op_free(again);
    f.n_ids = n_ids;

    /* With even the urgent one too large everything is put off. */
    m = big_message(&f, HOME, 4);
    m->lane = LANE_EMERGENCY;
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_LATER);
    store_op_free(op);

    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
    f.now_ms += 10 * SECOND_MS;
    idle(&f);
    ASSERT_TRUE(!store_health(f.store)->intake_closed);
    ASSERT_OK(access(ballast, F_OK));
    (void)deposit(&f, big_message(&f, HOME, 5));
    assert_sound(&f);
}

TEST(a_queue_that_was_rolled_back_leaves_no_trace) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    limit_pages(&f, 2);
    StoreOp *small = accept_op(message_to(&f, "dsk/3204", 2)); /* its mailbox is new */
    small->next = accept_op(big_message(&f, HOME, 3));
    run(&f, small);
    ASSERT_EQ(small->accept.result.verdict, VERDICT_LATER);
    store_op_free(small->next);
    store_op_free(small);
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
    f.now_ms += 10 * SECOND_MS;
    const DeliveryRow one = deposit(&f, message_to(&f, "dsp/32", 4)),
                      two = deposit(&f, message_to(&f, "dsk/3204", 5));
    ASSERT_TRUE(one.queue != two.queue);
    ASSERT_EQ(one.seq, 2);
    fixture_reopen(&f);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsp/32"), 1);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsk/3204"), 1);
    assert_sound(&f);
}

TEST(above_the_water_mark_only_the_urgent_comes_in) {
    FIXTURE(f);
    f.store->config.size_high_bytes = 1;
    f.now_ms += SECOND_MS;
    StoreOp *op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_LATER);
    store_op_free(op);
    Message *m = message_to(&f, HOME, 2);
    m->lane = LANE_EVENT;
    (void)deposit(&f, m);
    f.store->config.size_high_bytes = 1 << 30; /* in between the marks it stays closed */
    f.store->config.size_low_bytes = 1;
    f.now_ms += SECOND_MS;
    op = publish(&f, message_to(&f, HOME, 3));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_LATER);
    store_op_free(op);
    f.store->config.size_low_bytes = 1 << 29;
    f.now_ms += SECOND_MS;
    (void)deposit(&f, message_to(&f, HOME, 4));
}

/* --- faults --------------------------------------------------------------------------------- */

static int fail_sync(sqlite3_file *file, int flags) {
    (void)file;
    (void)flags;
    return SQLITE_IOERR_FSYNC;
}

TEST(a_failed_sync_stops_the_store_for_good) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    sqlite3_file *wal = NULL;
    sqlite3_io_methods broken;
    ASSERT_EQ(sqlite3_file_control(f.store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal),
              SQLITE_OK);
    const sqlite3_io_methods *whole = wal->pMethods;
    broken = *whole;
    broken.xSync = fail_sync;
    wal->pMethods = &broken;
    StoreOp *op = accept_op(message_to(&f, HOME, 1));
    ASSERT_EQ(store_run(f.store, op, f.now_ms), -EIO);
    ASSERT_TRUE(store_health(f.store)->fault[0] != '\0');
    store_op_free(op);
    wal->pMethods = whole;
    op = accept_op(message_to(&f, HOME, 1));
    ASSERT_EQ(store_run(f.store, op, f.now_ms), -EIO); /* although the disk would work again */
    store_op_free(op);
    bool more;
    ASSERT_EQ(store_idle(f.store, f.now_ms, &more), -EIO);
    fixture_reopen(&f);
    ASSERT_TRUE(store_health(f.store)->unclean);
    f.n_ids = 0;
    op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    assert_sound(&f);
}

/* --- purge ---------------------------------------------------------------------------------- */

TEST(a_purge_removes_only_what_is_finished_and_old) {
    FIXTURE(f);
    const DeliveryRow collected = deposit(&f, message_to(&f, HOME, 1));
    (void)deposit(&f, message_to(&f, HOME, 2)); /* waits */
    DeliveryRow dead = deposit(&f, message_to(&f, HOME, 3));
    const DeliveryRow handed = deposit(&f, message_to(&f, REMOTE, 4));
    settle(&f, &collected, QUEUE_MAILBOX);
    settle(&f, &handed, QUEUE_LINK);
    store_op_free(change(&f, &dead, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE kind <> 90"), 4);
    f.now_ms += 29 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE kind <> 90"), 4);
    f.now_ms += 2 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 0);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM outcome WHERE seq = 1"), 1); /* with the id */
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE kind <> 90"), 3);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dedup"), 4);
    /* Handed over and never heard of again: kept for its expiry and the retention after it. */
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 4"), 0);
    f.now_ms += 200 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE kind <> 90"), 2);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dedup"), 2);   /* as long as the message is there */
    ASSERT_EQ(number(&f, "SELECT count(*) FROM outcome"), 1); /* of the dead letter */
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dead_letter"), 1);
    ASSERT_EQ(store_health(f.store)->messages, number(&f, "SELECT count(*) FROM message"));
    assert_sound(&f);
}

/* The year is wrong for a minute; then, for as long as it takes to be believed. */
TEST(a_clock_that_leaps_makes_nothing_forgotten) {
    FIXTURE(f);
    const DeliveryRow collected = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &collected, QUEUE_MAILBOX);
    idle(&f);
    const int64_t right_ms = f.now_ms;
    f.now_ms += 400 * DAY_MS;
    idle(&f);
    f.now_ms = right_ms + MINUTE_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dedup WHERE seq = 1"), 1);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 1);
    f.now_ms += 31 * DAY_MS; /* not held up by what was */
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 0);
    f.now_ms += 400 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dedup WHERE seq = 1"), 1);
    f.now_ms += 10 * MINUTE_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dedup WHERE seq = 1"), 0);
}

/* A machine that comes up with a year that nobody has set right yet. */
TEST(a_clock_that_leapt_while_nobody_looked_makes_nothing_forgotten) {
    FIXTURE(f);
    const DeliveryRow collected = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &collected, QUEUE_MAILBOX);
    fixture_reopen(&f);
    f.now_ms += 400 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 1);
    f.now_ms += 10 * MINUTE_MS; /* it is true, then */
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 0);
}

TEST(a_purged_message_is_still_known_and_its_number_is_not_used_again) {
    FIXTURE(f);
    purge_one(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message"), 0);
    fixture_reopen(&f);
    ASSERT_EQ(store_health(f.store)->messages, 0);
    f.n_ids = 0;
    StoreOp *op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    ASSERT_EQ(deposit(&f, message_to(&f, HOME, 1)).seq, 2);
}

TEST(what_tells_of_events_is_kept_longer) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    m->lane = LANE_EVENT;
    const DeliveryRow event = deposit(&f, m), other = deposit(&f, message_to(&f, HOME, 2));
    settle(&f, &event, QUEUE_MAILBOX);
    settle(&f, &other, QUEUE_MAILBOX);
    f.now_ms += f.config.retention_ms + DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 1);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 2"), 0);
    f.now_ms += f.config.retention_event_ms;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 0);
}

/* Whatever lane it came in. */
TEST(what_is_about_events_is_kept_longer_by_its_kind) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    m->env.kind = KIND_EVENT_SITUATION;
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(op);
    f.now_ms += f.config.retention_ms + DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 1);
}

/* A trace less is better than a referral refused. */
TEST(what_is_finished_goes_soon_when_room_is_short) {
    FIXTURE(f);
    const DeliveryRow a = deposit(&f, message_to(&f, HOME, 1));
    (void)deposit(&f, message_to(&f, HOME, 2));
    settle(&f, &a, QUEUE_MAILBOX);
    f.store->config.size_high_bytes = 1;
    f.now_ms += MINUTE_MS;
    idle(&f);
    f.now_ms += 10 * MINUTE_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 0);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 2"), 1); /* it waits */
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, HOME " COLLECTED");
    assert_sound(&f);
}

TEST(a_purge_takes_the_trail_along_and_leaves_what_is_damaged) {
    FIXTURE(f);
    const DeliveryRow a = deposit(&f, message_to(&f, REMOTE, 1));
    const DeliveryRow b = deposit(&f, message_to(&f, HOME, 2));
    store_op_free(change(&f, &a, QUEUE_LINK, ACTION_EXPIRE, CAUSE_EXPIRED_ON_LINK));
    StoreOp *op = delivery_op(&b, QUEUE_MAILBOX, ACTION_PARK, CAUSE_NONE, "not now");
    run(&f, op);
    store_op_free(op);
    settle(&f, &b, QUEUE_MAILBOX);
    ASSERT_TRUE(number(&f, "SELECT count(*) FROM trail WHERE seq = 2") > 0);
    f.store = store_close(f.store);
    tamper(&f, "UPDATE message SET facts = CAST('fabts' AS BLOB) WHERE seq = 1");
    fixture_open(&f);
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 1);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 2"), 0);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM trail WHERE seq = 2"), 0);
}

TEST(freed_pages_are_given_back) {
    FIXTURE(f);
    StoreOp *list = NULL;
    for (uint8_t i = 1; i <= 200; i++) {
        Message *m = big_message(&f, HOME, i);
        m->env.receipts = RECEIPTS_FAILURES_ONLY;
        StoreOp *op = accept_op(m);
        op->next = list;
        list = op;
    }
    run(&f, list);
    for (StoreOp *op = list, *next; op; op = next) {
        next = op->next;
        settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
        store_op_free(op);
    }
    const int64_t before = number(&f, "PRAGMA page_count");
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message"), 0);
    ASSERT_TRUE(number(&f, "PRAGMA page_count") < before - 256);
    assert_sound(&f);
}

TEST(the_log_is_copied_into_the_database_and_used_again) {
    FIXTURE(f);
    char wal[128];
    struct stat st;
    snprintf(wal, sizeof(wal), "%s-wal", f.path);
    off_t largest = 0;
    for (int round = 0; round < 60; round++) {
        StoreOp *list = NULL;
        for (uint8_t i = 1; i <= 100; i++) {
            StoreOp *op = accept_op(big_message(&f, HOME, i));
            op->next = list;
            list = op;
        }
        run(&f, list);
        for (StoreOp *op = list, *next; op; op = next) {
            next = op->next;
            store_op_free(op);
        }
        ASSERT_TRUE(store_health(f.store)->wal_frames > 0);
        assert_int_equal(stat(wal, &st), 0);
        largest = MAX(largest, st.st_size);
    }
    assert_int_equal(stat(f.path, &st), 0);
    ASSERT_TRUE(st.st_size > 2 * largest); /* the bytes are in the database, the log stayed small */
}

/* One message more, and all of the log in the database: the next one begins it anew. */
static void write_and_copy(Fixture *f) {
    int frames, done;
    (void)deposit(f, message_to(f, HOME, 0));
    ASSERT_EQ(
        sqlite3_wal_checkpoint_v2(f->store->db, NULL, SQLITE_CHECKPOINT_RESTART, &frames, &done),
        SQLITE_OK);
    ASSERT_EQ(done, frames);
    f->store->wal_done = (uint32_t)done;
}

TEST(free_space_is_looked_at_however_short_the_log_is_kept) {
    FIXTURE(f);
    for (int i = 0; i < 10; i++)
        write_and_copy(&f);
    f.store->log_pages_max = 400;
    f.store->health.free_bytes = 1; /* the clock stands still: no other reason to look */
    ASSERT_TRUE(f.now_ms < f.store->space_due_ms);
    for (int i = 0; i < 100; i++) {
        write_and_copy(&f);
        ASSERT_TRUE(store_health(f.store)->wal_frames < 100);
    }
    ASSERT_TRUE(store_health(f.store)->free_bytes > 1);
}

/* --- backup --------------------------------------------------------------------------------- */

static StoreOp *backup(Fixture *f, const char *path) {
    StoreOp *op = store_op_new(OP_BACKUP);
    text_copy(op->backup.path, sizeof(op->backup.path), path);
    run(f, op);
    return op;
}

static int64_t fingerprint(Fixture *f) {
    return number(f, "SELECT total(sum % 1000003) FROM message") +
           number(f, "SELECT 31 * count(*) + total(queue * seq) FROM delivery") +
           number(f, "SELECT 37 * count(*) + total(level * seq) FROM outcome") +
           number(f, "SELECT 41 * count(*) + total(seq) FROM dedup");
}

TEST(a_backup_opens_as_a_store_with_the_same_contents) {
    FIXTURE(f);
    char path[128], text[256];
    snprintf(path, sizeof(path), "%s/copy.db", f.folder);
    for (uint8_t i = 1; i <= 80; i++)
        (void)deposit(&f, big_message(&f, i % 2 ? HOME : REMOTE, i));
    StoreOp *op = backup(&f, path);
    ASSERT_TRUE(op->backup.started);
    store_op_free(op);
    bool more = false;
    ASSERT_OK(store_idle(f.store, f.now_ms, &more));
    ASSERT_OK(store_idle(f.store, f.now_ms, &more));
    ASSERT_TRUE(more);
    ASSERT_EQ(store_backup_state(f.store, text), 1);
    op = backup(&f, path); /* one at a time */
    ASSERT_TRUE(!op->backup.started);
    ASSERT_TRUE(strstr(op->backup.text, path) != NULL);
    store_op_free(op);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 99)); /* written while it runs */
    settle(&f, &row, QUEUE_MAILBOX);
    for (int i = 0; i < 1000 && store_backup_state(f.store, text) == 1; i++) {
        idle(&f);
        usleep(10000); /* a thread reads the copy through */
    }
    if (store_backup_state(f.store, text) != 2)
        fail_msg("%s", text);
    const int64_t want = fingerprint(&f);
    assert_sound(&f);

    Fixture copy = f;
    copy.config.path = path;
    strcpy(copy.path, path);
    copy.store = NULL;
    fixture_open(&copy);
    ASSERT_EQ(fingerprint(&copy), want);
    assert_sound(&copy);
    ASSERT_EQ(queued(&copy, QUEUE_MAILBOX, HOME), 40);
    copy.store = store_close(copy.store);

    op = backup(&f, path); /* never over a file that is there */
    ASSERT_TRUE(!op->backup.started);
    store_op_free(op);
    op = backup(&f, "/nonexistent/copy.db");
    store_op_free(op);
    idle(&f);
    ASSERT_EQ(store_backup_state(f.store, text), -ENOENT);
    (void)deposit(&f, message_to(&f, HOME, 100)); /* no fault of the store */
}

/* Backups go where others may write, too: a link laid under the name of the unfinished copy leads
 * nowhere, and who made a file of that name does not read along. */
TEST(a_backup_is_written_into_a_file_of_its_own) {
    FIXTURE(f);
    char path[128], temp[144], victim[128], text[256];
    struct stat st;
    snprintf(path, sizeof(path), "%s/copy.db", f.folder);
    snprintf(temp, sizeof(temp), "%s.unfinished", path);
    snprintf(victim, sizeof(victim), "%s/victim", f.folder);
    (void)deposit(&f, message_to(&f, HOME, 1));
    for (int with_link = 0; with_link < 2; with_link++) {
        FILE *of = fopen(victim, "w");
        assert_non_null(of);
        ASSERT_EQ(fputs("keep", of) >= 0, true);
        ASSERT_EQ(fclose(of), 0);
        ASSERT_EQ(with_link ? symlink(victim, temp) : link(victim, temp), 0);
        store_op_free(backup(&f, path));
        for (int i = 0; i < 1000 && store_backup_state(f.store, text) == 1; i++) {
            idle(&f);
            usleep(10000);
        }
        if (store_backup_state(f.store, text) != 2)
            fail_msg("%s", text);
        ASSERT_EQ(stat(victim, &st), 0);
        ASSERT_EQ(st.st_size, 4);
        ASSERT_EQ(lstat(path, &st), 0);
        ASSERT_TRUE(S_ISREG(st.st_mode) && st.st_nlink == 1);
        ASSERT_EQ(unlink(path), 0);
    }
}

/* ("copy.db.tmp" went.) */
TEST(a_backup_takes_away_no_file_of_somebody_else) {
    FIXTURE(f);
    char path[128], other[136], text[256];
    snprintf(path, sizeof(path), "%s/copy.db", f.folder);
    snprintf(other, sizeof(other), "%s.tmp", path);
    ASSERT_OK(file_put_new(other, bytes_make("keep", 4), 0600));
    store_op_free(backup(&f, path));
    for (int i = 0; i < 1000 && store_backup_state(f.store, text) == 1; i++) {
        idle(&f);
        usleep(10000);
    }
    ASSERT_EQ(store_backup_state(f.store, text), 2);
    ASSERT_OK(access(other, F_OK));
}

/* --- everything at once --------------------------------------------------------------------- */

TEST(a_batch_does_everything_in_order_in_one_commit) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const uint64_t commits = store_health(f.store)->commits;
    StoreOp *ops[6] = {
        delivery_op(&row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE, ""),
        accept_op(message_to(&f, HOME, 1)),
        store_op_new(OP_LOAD),
        store_op_new(OP_SWEEP),
        store_op_new(OP_LINK),
        store_op_new(OP_QUERY),
    };
    ops[2]->load.queue = row.queue;
    ops[2]->load.lane = LANE_ROUTINE;
    ops[2]->load.limit = 10;
    ops[3]->sweep.limit = 10;
    strcpy(ops[4]->link.neighbour, "hub");
    ops[4]->link.up = true;
    strcpy(ops[5]->query.verb, "status");
    for (size_t i = 0; i + 1 < ARRAY_SIZE(ops); i++)
        ops[i]->next = ops[i + 1];
    run(&f, ops[0]);
    ASSERT_TRUE(ops[0]->delivery.found);
    ASSERT_EQ(ops[1]->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(ops[2]->load.n, 1); /* sees what the batch did before */
    ASSERT_EQ(ops[2]->load.rows[0].seq, ops[1]->deposits[0].row.seq);
    ASSERT_TRUE(ops[3]->sweep.end);
    ASSERT_TRUE(ops[4]->link.queue > 0);
    ASSERT_STR(table_cell(ops[5]->query.table, 0, 0), SELF);
    ASSERT_STR(table_cell(ops[5]->query.table, 0, 6), "3"); /* two messages and a receipt */
    ASSERT_EQ(store_health(f.store)->commits, commits + 1);
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        store_op_free(ops[i]);
    assert_sound(&f);
}

TEST(every_verb_answers) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    (void)deposit(&f, message_to(&f, REMOTE, 1));
    static const char *const verbs[] = { "status",    "queues", "messages", "dead-list",
                                         "node-list", "links",  "check",    "subscriptions" };
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        StoreOp *op = ask(&f, verbs[i], NULL);
        ASSERT_EQ(op->query.table->code, 0);
        ASSERT_TRUE(op->query.table->n_columns > 0);
        store_op_free(op);
    }
    StoreOp *op = ask(&f, "queues", NULL);
    ASSERT_EQ(table_rows(op->query.table), 2);
    store_op_free(op);
    op = ask(&f, "messages", NULL);
    ASSERT_STR(table_cell(op->query.table, 0, 5), "WAITING");
    store_op_free(op);
    op = ask(&f, "nonsense", NULL);
    ASSERT_EQ(op->query.table->code, 2);
    store_op_free(op);
    op = ask(&f, "trace", "not an id");
    ASSERT_EQ(op->query.table->code, 2);
    store_op_free(op);
}

TEST_MAIN

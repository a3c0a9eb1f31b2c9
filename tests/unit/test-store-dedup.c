/* SPDX-License-Identifier: Apache-2.0 */

/* Ids that are in memory and not in their table yet: none is ever forgotten, and none is invented.
 */

#include "test.h"

#include "no-room.h"
#include "sim/disk.h"
#include "store/message.h"
#include "store/salvage.h"
#include "store/schema.h"

#define MANY  512U /* as many as may wait */
#define COUNT "SELECT count(*) FROM message"

static int64_t number_now(Fixture *f, const char *sql) {
    return db_number(f->store, QUERY(f->store, sql), -1);
}

static uint32_t waiting(Fixture *f) {
    uint32_t n = 0;
    for (uint32_t i = 1; i <= f->n_ids; i++) {
        const Uuid id = id_of(i);
        n += dedup_find(f->store, &id, NULL) > 0;
    }
    return n - (uint32_t)number_now(f, "SELECT count(*) FROM dedup");
}

static int64_t mark(Fixture *f) {
    return meta_number(f->store, "dedup_swept", -1);
}

static int publish_list(Fixture *f, uint32_t n) {
    StoreOp *list = NULL, **at = &list;
    for (uint32_t i = 0; i < n; i++, at = &(*at)->next)
        *at = accept_op(message_to(f, HOME, (uint8_t)(1 + i % 200)));
    const int r = store_run(f->store, list, f->now_ms);
    while (list) {
        StoreOp *op = list;
        list = op->next;
        if (r == 0)
            ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(op);
    }
    return r;
}

static void publish_many(Fixture *f, uint32_t n) {
    for (; n > 64; n -= 64)
        ASSERT_OK(publish_list(f, 64));
    ASSERT_OK(publish_list(f, n));
}

/* The n-th message once more, with other facts or not. */
static int again(Fixture *f, uint32_t n, bool other) {
    const uint32_t ids = f->n_ids;
    f->n_ids = n - 1;
    Message *m = message_to(f, HOME, 1);
    char envelope[32];
    snprintf(envelope, sizeof(envelope), "envelope %u", (unsigned)n);
    if (other)
        give_body(m, envelope, "other facts", "sealed");
    StoreOp *op = accept_op(m);
    run(f, op);
    const int verdict = (int)op->accept.result.verdict;
    store_op_free(op);
    f->n_ids = ids;
    return verdict;
}

static void assert_known(Fixture *f, uint32_t first, uint32_t last) {
    for (uint32_t i = first; i <= last; i++) {
        ASSERT_EQ(again(f, i, false), VERDICT_DUPLICATE);
        ASSERT_EQ(again(f, i, true), VERDICT_CONFLICT);
    }
    assert_sound(f);
}

TEST(an_id_that_was_never_swept_is_known_after_a_crash) {
    FIXTURE(f);
    publish_many(&f, 20);
    ASSERT_EQ(waiting(&f), 20);
    ASSERT_EQ(mark(&f), 0);
    fixture_crash(&f);
    ASSERT_EQ(waiting(&f), 20);
    assert_known(&f, 1, 20);
    fixture_crash(&f); /* and again */
    assert_known(&f, 1, 20);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM message"), 20);
}

TEST(the_oldest_are_swept_when_many_wait_and_none_is_forgotten) {
    FIXTURE(f);
    publish_many(&f, MANY);
    ASSERT_EQ(waiting(&f), MANY);
    publish_many(&f, 1);
    ASSERT_EQ(waiting(&f), MANY / 2);
    ASSERT_EQ(mark(&f), MANY / 2 + 1); /* no receipts among them */
    publish_many(&f, MANY);
    ASSERT_TRUE(waiting(&f) <= MANY);
    fixture_crash(&f);
    ASSERT_TRUE(waiting(&f) <= MANY);
    assert_known(&f, 1, f.n_ids);
}

/* Nobody sends it here: its id would be kept for nothing. */
TEST(a_receipt_that_was_made_here_takes_no_id_after_a_crash) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &row, QUEUE_MAILBOX);
    fixture_crash(&f);
    Uuid id = { { 0 } };
    {
        _query_ q = QUERY(f.store, "SELECT id FROM message WHERE seq = 2");
        ASSERT_TRUE(db_row(f.store, q));
        id = col_uuid(q, 0);
    }
    ASSERT_EQ(dedup_find(f.store, &id, NULL), 0);
    assert_known(&f, 1, 1);
}

TEST(after_a_clean_stop_all_are_in_the_table) {
    FIXTURE(f);
    publish_many(&f, 20);
    f.store = store_close(f.store);
    fixture_open(&f);
    ASSERT_EQ(waiting(&f), 0);
    ASSERT_EQ(mark(&f), 20);
    assert_known(&f, 1, 20);
}

/* Whatever keeps the marks apart: many receipts between few messages, or a few that are large. */
TEST(a_start_has_not_much_to_read) {
    FIXTURE(f);
    publish_many(&f, 3);
    f.store->next_seq += 10000;
    publish_many(&f, 1);
    ASSERT_EQ(waiting(&f), 0);
    ASSERT_EQ(mark(&f), 10004);
    static char large[1 << 20];
    memset(large, 'x', sizeof(large) - 1);
    for (int i = 0; i < 17; i++) {
        Message *m = message_to(&f, HOME, 1);
        give_body(m, "envelope", "facts", large);
        (void)deposit(&f, m);
        ASSERT_TRUE(waiting(&f) <= 16);
    }
    ASSERT_TRUE(mark(&f) > 10004);
    assert_sound(&f);
}

TEST(what_is_rolled_back_leaves_no_id_and_loses_none) {
    FIXTURE(f);
    publish_many(&f, 3);
    fail_for_want_of_room(&f);
    ASSERT_EQ(waiting(&f), 3);
    assert_known(&f, 1, 3);
    f.now_ms += 10 * SECOND_MS; /* intake is open again */
    for (uint32_t i = 4; i <= 5; i++)
        ASSERT_EQ(again(&f, i, false), VERDICT_ACCEPTED);
    fixture_crash(&f);
    assert_known(&f, 1, 5);
}

/* The message has room, the pages of the table have not. */
TEST(a_sweep_that_is_rolled_back_is_made_again) {
    FIXTURE(f);
    publish_many(&f, MANY);
    StoreOp *op = accept_op(message_to(&f, HOME, 1));
    run_without_room(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_LATER);
    store_op_free(op);
    f.n_ids--;
    ASSERT_EQ(waiting(&f), MANY);
    ASSERT_EQ(mark(&f), 0);
    assert_known(&f, 1, MANY);
    f.now_ms += 10 * SECOND_MS;
    publish_many(&f, 1);
    ASSERT_EQ(waiting(&f), MANY / 2);
    fixture_crash(&f);
    assert_known(&f, 1, MANY + 1);
}

TEST(no_message_is_purged_before_its_id_is_in_the_table) {
    FIXTURE(f);
    purge_one(&f);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM message"), 0);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM dedup"), 1);
    fixture_crash(&f);
    ASSERT_EQ(again(&f, 1, false), VERDICT_DUPLICATE);
}

/* The ids that have to be in the table first need room, before anything gives some back. */
TEST(a_purge_without_room_takes_nothing_and_is_made_again) {
    FIXTURE(f);
    publish_many(&f, MANY);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1)); /* swept half of them */
    settle(&f, &row, QUEUE_MAILBOX);
    const uint32_t wait = waiting(&f);
    const int64_t messages = number_now(&f, COUNT);
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    f.now_ms += DAY_MS;
    f.store->purge_due_ms = 0;
    bool more = true;
    for (int i = 0; i < 20 && more; i++)
        ASSERT_OK(store_idle(f.store, f.now_ms, &more));
    ASSERT_EQ(f.store->purge_due_ms, f.now_ms + 5 * SECOND_MS);
    ASSERT_EQ(waiting(&f), wait);
    ASSERT_EQ(number_now(&f, COUNT), messages);
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
    f.now_ms += 5 * SECOND_MS;
    idle(&f);
    ASSERT_EQ(waiting(&f), 0);
    assert_known(&f, 1, MANY + 1);
}

/* --- damage --------------------------------------------------------------------------------- */

static int64_t loaded(Fixture *f, int64_t seq) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    return message_load_doubted(f->store, seq, &m) ? m.seq : 0;
}

TEST(a_damaged_message_keeps_its_id_and_nothing_else_is_believed_of_it) {
    FIXTURE(f);
    publish_many(&f, 3);
    fixture_kill(&f);
    tamper(&f, "UPDATE message SET sender = 'dsk/3204' WHERE seq >= 2");
    fixture_open(&f); /* the newest is one of them */
    ASSERT_EQ(f.store->next_seq, 4);
    ASSERT_EQ(again(&f, 1, false), VERDICT_DUPLICATE);
    for (uint32_t i = 2; i <= 3; i++) { /* by the ledger */
        ASSERT_EQ(again(&f, i, false), VERDICT_DUPLICATE);
        ASSERT_EQ(again(&f, i, true), VERDICT_CONFLICT);
    }
    ASSERT_EQ(loaded(&f, 1), 1);
    ASSERT_EQ(loaded(&f, 2), 0);
}

TEST(a_damaged_message_without_digest_is_not_believed) {
    FIXTURE(f);
    publish_many(&f, 3);
    fixture_kill(&f);
    tamper(&f, "UPDATE message SET sender = 'dsk/3204' WHERE seq = 2; DELETE FROM ledger");
    fixture_open(&f);
    ASSERT_EQ(again(&f, 1, false), VERDICT_DUPLICATE);
    ASSERT_EQ(again(&f, 2, false), VERDICT_CONFLICT);
    ASSERT_EQ(loaded(&f, 1), 1);
    ASSERT_EQ(loaded(&f, 2), 0); /* that its parts differ from no digest proves nothing */
    publish_many(&f, MANY);
    fixture_reopen(&f); /* swept as it was known */
    ASSERT_EQ(again(&f, 2, false), VERDICT_CONFLICT);
    ASSERT_EQ(number_now(&f, "SELECT length(digest) FROM dedup WHERE seq = 2"), 0);
}

TEST(a_number_that_follows_no_other_is_not_believed) {
    FIXTURE(f);
    publish_many(&f, 3);
    fixture_kill(&f);
    tamper(&f, "UPDATE message SET seq = 70000000 WHERE seq = 3");
    ASSERT_EQ(fixture_try_open(&f), -EUCLEAN);
}

TEST(check_misses_ids_that_are_gone) {
    FIXTURE(f);
    publish_many(&f, 3);
    f.store = store_close(f.store);
    tamper(&f, "DELETE FROM dedup WHERE seq = 2");
    fixture_open(&f);
    publish_many(&f, 1); /* this one need not be there */
    StoreOp *op = ask(&f, "check", NULL);
    ASSERT_EQ(op->query.table->code, 1);
    ASSERT_EQ(table_rows(op->query.table), 2);
    ASSERT_STR(table_cell(op->query.table, 0, 0), "forgotten");
    ASSERT_STR(table_cell(op->query.table, 0, 1), "2");
    store_op_free(op);
}

TEST(without_the_mark_all_messages_are_looked_through) {
    FIXTURE(f);
    publish_many(&f, 3);
    f.store = store_close(f.store);
    tamper(&f, "DELETE FROM meta WHERE key = 'dedup_swept'; DELETE FROM dedup WHERE seq = 2");
    fixture_open(&f);
    ASSERT_EQ(waiting(&f), 1);
    assert_known(&f, 1, 3);
}

/* It says that ids are in the table that nobody has put there. */
TEST(a_mark_ahead_of_all_messages_is_not_believed) {
    FIXTURE(f);
    publish_many(&f, 3);
    fixture_kill(&f);
    tamper(&f, "INSERT OR REPLACE INTO meta(key, value) VALUES('dedup_swept', 4)");
    fixture_open(&f);
    assert_known(&f, 1, 3);
}

/* --- copies --------------------------------------------------------------------------------- */

static void other_file(Fixture *f, const char *name) {
    f->store = store_close(f->store);
    snprintf(f->path, sizeof(f->path), "%.64s/%s", f->folder, name);
    fixture_open(f);
}

TEST(a_backup_has_what_is_in_memory_only) {
    FIXTURE(f);
    publish_many(&f, 20);
    StoreOp *op = store_op_new(OP_BACKUP);
    snprintf(op->backup.path, sizeof(op->backup.path), "%s/copy.db", f.folder);
    run(&f, op);
    ASSERT_TRUE(op->backup.started);
    store_op_free(op);
    char text[256];
    f.store->purge_due_ms = f.store->dedup_due_ms = INT64_MAX; /* would sweep */
    for (int i = 0; i < 1000 && store_backup_state(f.store, text) == 1; i++) {
        idle(&f);
        usleep(10000); /* a thread reads the copy through */
    }
    ASSERT_EQ(store_backup_state(f.store, text), 2);
    other_file(&f, "copy.db");
    ASSERT_EQ(waiting(&f), 20);
    assert_known(&f, 1, 20);
}

static void collect_line(void *data, const char *line) {
    buf_addf(data, "%s\n", line);
}

TEST(salvage_of_a_crashed_store_knows_all_ids) {
    FIXTURE(f);
    SalvageReport report;
    char to[128];
    _cleanup_(buf_deinit) Buf told = { 0 };
    publish_many(&f, 5);
    fixture_kill(&f);
    tamper(&f, "UPDATE message SET sealed = x'00' WHERE seq = 2;"
               "DELETE FROM message WHERE seq IN (3, 4); DELETE FROM delivery WHERE seq = 4");
    snprintf(to, sizeof(to), "%s/new.db", f.folder);
    ASSERT_OK(store_salvage(&f.config, to, &report, collect_line, &told, f.why));
    other_file(&f, "new.db");
    ASSERT_EQ(waiting(&f), 0);
    ASSERT_EQ(mark(&f), 5);
    ASSERT_EQ(again(&f, 1, false), VERDICT_DUPLICATE);
    ASSERT_EQ(again(&f, 2, false), VERDICT_CONFLICT);
    ASSERT_EQ(again(&f, 5, false), VERDICT_DUPLICATE);
    ASSERT_EQ(report.lost, 2); /* and named, though nothing but the ledger knows them */
    for (uint32_t i = 3; i <= 4; i++) {
        const Uuid id = id_of(i);
        char text[UUID_TEXT_SIZE];
        uuid_format(&id, text);
        ASSERT_TRUE(strstr(buf_text(&told), text) != NULL);
        ASSERT_EQ(again(&f, i, false), VERDICT_ACCEPTED);
    }
}

/* --- ids that change hands ------------------------------------------------------------------ */

/* A supervisor's copy without the sealed part, and then the whole message. */
static void complete_a_copy(bool crash) {
    FIXTURE(f);
    for (int i = 0; i < 4; i++) {
        const char *sealed = i == 1 || i == 3 ? "sealed" : "";
        f.n_ids = 0;
        Message *m = message_to(&f, HOME, 1);
        strcpy(m->env.sender, REMOTE);
        m->env.has_sealed_digest = true;
        give_body(m, "envelope 1", "facts", sealed);
        hash_digest(bytes_make("sealed", 6), m->env.sealed_digest);
        StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, i == 0 ? VERDICT_ACCEPTED : VERDICT_DUPLICATE);
        store_op_free(op);
        if (crash)
            fixture_crash(&f);
    }
    assert_sound(&f);
}

TEST(a_copy_that_was_completed_is_known_by_both_forms) {
    complete_a_copy(false);
    complete_a_copy(true);
}

/* --- the last: what fails here leaves the disk behind --------------------------------------- */

/* At each change on the way, while what was written before waits for its sync. */
TEST(a_power_cut_during_a_sweep_forgets_nothing_that_was_told) {
    for (unsigned n = 1; n <= 12; n++) {
        const DiskQuality quality = { .keep = n % 3 * 50, .torn = 10, .capacity = 64U << 20 };
        Fixture f = { .now_ms = SAMPLE_NOW };
        char name[32];
        snprintf(name, sizeof(name), "sweep-%u", n);
        ASSERT_OK(hash_init());
        Disk *disk = disk_new(name, n, &quality);
        assert_non_null(disk);
        strcpy(f.path, "store.db");
        f.codec = fake_codec;
        f.config = test_store_config(f.path, SELF, &f.codec);
        f.config.disk = disk_hooks(disk);
        fixture_open(&f);
        fixture_import(&f);
        publish_many(&f, MANY);
        StoreOp *last = accept_op(message_to(&f, HOME, 1));
        disk_arm(disk, DISK_POWER, DISK_CHANGES, n);
        int r = store_write(f.store, last, f.now_ms);
        ASSERT_TRUE(r < 0 || waiting(&f) == MANY / 2);
        r = r == 0 ? store_sync(f.store) : r;
        store_op_free(last);
        disk_kill(disk, DISK_POWER);
        f.store = store_close(f.store);
        disk_restart(disk);
        fixture_open(&f);
        assert_known(&f, 1, MANY + (r == 0 ? 1 : 0));
        f.store = store_close(f.store);
        disk_free(disk);
    }
}

/* --- the table ---------------------------------------------------------------------------------
 */

static void begin(Fixture *f) {
    ASSERT_EQ(sqlite3_exec(f->store->db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
}

static void commit(Fixture *f) {
    ASSERT_EQ(sqlite3_exec(f->store->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

static DedupClaim claim_of(uint32_t n, int64_t accepted_ms) {
    return (DedupClaim) {
        .id = id_of(n), .seq = 100000 + n, .accepted_ms = accepted_ms, .digest = { 1 }, .size = 5
    };
}

/* However many stand before them that are not: in steps, and then from the beginning. */
TEST(old_ids_are_found_behind_young_ones) {
    FIXTURE(f);
    int64_t seqs[DEDUP_STEP];
    bool more = false;
    begin(&f);
    for (uint32_t i = 1; i <= DEDUP_STEP + 2; i++) {
        const bool old = i > DEDUP_STEP;
        const DedupClaim c = claim_of(i, old ? 1000 : 1001);
        dedup_restore(f.store, &c);
    }
    ASSERT_EQ(dedup_forget_old(f.store, 1000, seqs, &more), 0);
    ASSERT_TRUE(more);
    ASSERT_EQ(dedup_forget_old(f.store, 1000, seqs, &more), 2); /* of just that moment, too */
    ASSERT_TRUE(!more);
    ASSERT_EQ(seqs[0], 100000 + DEDUP_STEP + 1);
    ASSERT_EQ(dedup_forget_old(f.store, 1001, seqs, &more), DEDUP_STEP);
    commit(&f);
}

TEST(what_is_known_of_an_id_is_not_taken_back_by_a_salvage) {
    FIXTURE(f);
    uint8_t digest[DIGEST_SIZE];
    const DedupClaim first = claim_of(7, 1000);
    DedupClaim second = first;
    second.seq++;
    second.digest[0] = 2;
    begin(&f);
    dedup_restore(f.store, &first);
    dedup_restore(f.store, &second);
    ASSERT_EQ(dedup_find(f.store, &first.id, digest), first.seq);
    ASSERT_EQ(digest[0], 1);
    dedup_set_digest(f.store, &first.id, second.digest); /* it has other parts now */
    ASSERT_EQ(dedup_find(f.store, &first.id, digest), first.seq);
    ASSERT_EQ(digest[0], 2);
    commit(&f);
}

TEST(those_that_wait_after_a_crash_are_counted_as_before) {
    FIXTURE(f);
    publish_many(&f, 3);
    const uint64_t bytes = f.store->dedup.bytes;
    ASSERT_TRUE(bytes > 0);
    fixture_crash(&f);
    ASSERT_EQ(f.store->dedup.bytes, bytes);
}

/* What counts them decides when all have to be written. */
TEST(the_bytes_of_those_that_wait_are_those_that_wait) {
    FIXTURE(f);
    const DedupClaim one = claim_of(1, 1000), two = claim_of(2, 1000), three = claim_of(3, 1000);
    begin(&f);
    dedup_sweep(f.store);
    ASSERT_EQ(f.store->dedup.bytes, 0);
    ASSERT_TRUE(dedup_claim(f.store, &one));
    ASSERT_TRUE(dedup_claim(f.store, &two));
    ASSERT_TRUE(dedup_claim(f.store, &three));
    ASSERT_EQ(f.store->dedup.bytes, 15);
    dedup_give_back(f.store, &one.id);
    ASSERT_EQ(f.store->dedup.bytes, 10);
    dedup_settle(f.store, &two.id);
    ASSERT_EQ(f.store->dedup.bytes, 5);
    dedup_drop(f.store);
    ASSERT_EQ(f.store->dedup.bytes, 0);
    ASSERT_EQ(f.store->dedup.swept, 0); /* all of it is read again */
    ASSERT_EQ(sqlite3_exec(f.store->db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */
/* Damage at rest: what tells a torn tail of the log from a damaged middle, pages against their
 * checksums, quarantine, and getting out what is left. */
#include <sys/resource.h>

#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"
#include "store/salvage.h"
#include "store/walscan.h"

#define FRAME (24 + 8192)

typedef struct File {
    uint8_t *p;
    size_t n;
} File;

static void file_read(File *ret, const char *path) {
    struct stat st;
    const int fd = open(path, O_RDONLY);
    ASSERT_TRUE(fd >= 0);
    ASSERT_OK(fstat(fd, &st));
    *ret = (File) { .p = malloc((size_t)st.st_size + 1), .n = (size_t)st.st_size };
    assert_non_null(ret->p);
    ASSERT_EQ(read(fd, ret->p, ret->n), (ssize_t)ret->n);
    close(fd);
}

static void file_write(const File *f, const char *path) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT_TRUE(fd >= 0);
    ASSERT_EQ(write(fd, f->p, f->n), (ssize_t)f->n);
    close(fd);
}

static void file_deinit(File *f) {
    free(f->p);
}
#define FILE_(f) _cleanup_(file_deinit) File f = { 0 }

static const char *beside(const Fixture *f, const char *what) {
    static __thread char path[128];
    snprintf(path, sizeof(path), "%s-%s", f->path, what);
    return path;
}

/* --- the log -------------------------------------------------------------------------------- */

/* A store whose process ended with some transactions in the log. */
typedef struct Crash {
    File db, wal, seal;
    WalState log;
    uint32_t messages;
} Crash;

static void crash_deinit(Crash *c) {
    free(c->db.p);
    free(c->wal.p);
    free(c->seal.p);
}

static void crash_read(Fixture *f, Crash *c) {
    file_read(&c->db, f->path);
    file_read(&c->wal, beside(f, "wal"));
    file_read(&c->seal, beside(f, "seal"));
    ASSERT_OK(walscan_read(&c->log, NULL, beside(f, "wal")));
}

static void crash_make(Fixture *f, Crash *c, bool sealed) {
    *c = (Crash) { 0 };
    fixture_reopen(f);
    for (uint8_t i = 1; i <= 6; i++, c->messages++)
        (void)deposit(f, message_to(f, HOME, i));
    for (int i = 0; sealed && i < 2; i++)
        idle(f);
    crash_read(f, c);
    ASSERT_TRUE(c->log.header_ok && c->log.transactions >= 6);
    ASSERT_EQ(c->log.lost, 0);
    f->store = store_close(f->store);
}

/* The folder as the crash left it. */
static void crash_again(Fixture *f, const Crash *c) {
    (void)unlink(beside(f, "shm"));
    file_write(&c->db, f->path);
    file_write(&c->wal, beside(f, "wal"));
    file_write(&c->seal, beside(f, "seal"));
}

static uint64_t messages_after_opening(Fixture *f) {
    fixture_open(f);
    const uint64_t n = queued(f, QUEUE_MAILBOX, HOME);
    assert_sound(f);
    f->store = store_close(f->store);
    return n;
}

static size_t start_of_last_transaction(const Crash *c) {
    size_t at = 32, start = 32;
    for (; at + FRAME <= c->wal.n; at += FRAME) {
        const uint8_t *commit = c->wal.p + at + 4;
        if ((commit[0] | commit[1] | commit[2] | commit[3]) != 0 && at + 2 * FRAME <= c->wal.n)
            start = at + FRAME;
    }
    return start;
}

TEST(a_torn_last_transaction_is_no_damage) {
    FIXTURE(f);
    _cleanup_(crash_deinit) Crash c;
    crash_make(&f, &c, false);
    const size_t start = start_of_last_transaction(&c), all = c.wal.n;
    ASSERT_TRUE(start > FRAME && all - start >= FRAME);
    for (size_t cut = start; cut < all; cut += 4096) { /* the file did not become longer */
        c.wal.n = cut;
        crash_again(&f, &c);
        ASSERT_EQ(messages_after_opening(&f), c.messages - 1);
    }
    c.wal.n = all;
    for (size_t at = start - start % 512; at + 512 <= all; at += 7 * 512) { /* or a sector of it */
        uint8_t old[512];
        if (at < start)
            continue;
        memcpy(old, c.wal.p + at, sizeof(old));
        memset(c.wal.p + at, 0, sizeof(old));
        crash_again(&f, &c);
        ASSERT_TRUE(messages_after_opening(&f) >= c.messages - 1);
        memcpy(c.wal.p + at, old, sizeof(old));
    }
    crash_again(&f, &c);
    ASSERT_EQ(messages_after_opening(&f), c.messages);
}

/* Its number and size were lost with the piece of the disk they lie in and say what an older run of
 * the log had there; its checksum lies in the next one, and is new. */
static size_t tear_a_header(const Crash *c, size_t from) {
    for (size_t at = from + FRAME; at + FRAME < c->wal.n; at += FRAME) {
        if (at % 256 != 240 && at % 256 != 248)
            continue;
        memset(c->wal.p + at, 1, 8);
        return at;
    }
    return 0;
}

TEST(old_bytes_in_a_torn_header_are_no_commit_that_was_synced) {
    FIXTURE(f);
    _cleanup_(crash_deinit) Crash c = { 0 };
    _cleanup_(freep) char *sealed = calloc(1, 600001);
    assert_non_null(sealed);
    memset(sealed, 'x', 600000);
    fixture_reopen(&f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    Message *m = message_to(&f, HOME, 2);
    give_body(m, "envelope", "facts", sealed);
    (void)deposit(&f, m);
    crash_read(&f, &c);
    f.store = store_close(f.store);
    ASSERT_TRUE(tear_a_header(&c, start_of_last_transaction(&c)) > 0);
    crash_again(&f, &c);
    ASSERT_EQ(messages_after_opening(&f), 1);
}

static void assert_refused(Fixture *f, const Crash *c, const char *word) {
    FILE_(after);
    crash_again(f, c);
    ASSERT_EQ(fixture_try_open(f), -EUCLEAN);
    if (!strstr(f->why, word))
        fail_msg("no '%s' in: %s", word, f->why);
    ASSERT_TRUE(strstr(f->why, "SALVAGE") != NULL);
    file_read(&after, beside(f, "wal"));
    ASSERT_EQ(after.n, c->wal.n);
    ASSERT_EQ(memcmp(after.p, c->wal.p, after.n), 0);
}

TEST(damage_before_the_last_transaction_is_found_wherever_it_is) {
    FIXTURE(f);
    _cleanup_(crash_deinit) Crash c;
    crash_make(&f, &c, false);
    const size_t end = start_of_last_transaction(&c);
    for (size_t at = 0; at < end; at += 997) { /* the header, and all parts of frames */
        /* The sums of a commit are what the transaction behind it is known by; and page numbers do
         * not count: with one transaction more this would be found too. */
        const size_t in_frame = at >= 32 ? (at - 32) % FRAME : 100;
        if (at >= end - FRAME && in_frame >= 4 && in_frame < 24)
            continue;
        c.wal.p[at] ^= 0x10;
        assert_refused(&f, &c, "damaged");
        c.wal.p[at] ^= 0x10;
    }
}

TEST(with_a_seal_the_last_transaction_and_the_whole_log_are_missed_too) {
    FIXTURE(f);
    _cleanup_(crash_deinit) Crash c;
    crash_make(&f, &c, true);
    const size_t start = start_of_last_transaction(&c), all = c.wal.n;
    for (size_t at = start; at < all; at += 997) {
        c.wal.p[at] ^= 0x01;
        assert_refused(&f, &c, "damaged");
        c.wal.p[at] ^= 0x01;
    }
    c.wal.n = start;
    assert_refused(&f, &c, "damaged");
    c.wal.n = 0;
    assert_refused(&f, &c, "gone");
    c.wal.n = all;
    crash_again(&f, &c);
    ASSERT_EQ(messages_after_opening(&f), c.messages);
}

TEST(under_load_from_the_start_a_log_that_is_gone_is_missed) {
    FIXTURE(f);
    _cleanup_(crash_deinit) Crash c = { 0 };
    fixture_reopen(&f);
    for (uint8_t i = 1; i <= 3; i++, c.messages++) {
        (void)deposit(&f, message_to(&f, HOME, i));
        idle(&f); /* never twice without work between */
    }
    crash_read(&f, &c);
    f.store = store_close(f.store);
    const size_t all = c.wal.n;
    c.wal.n = 0;
    assert_refused(&f, &c, "gone");
    c.wal.n = all;
    crash_again(&f, &c);
    ASSERT_EQ(messages_after_opening(&f), c.messages);
}

TEST(a_seal_of_a_log_that_began_anew_says_nothing) {
    FIXTURE(f);
    _cleanup_(crash_deinit) Crash old, new;
    crash_make(&f, &old, true);
    crash_make(&f, &new, false); /* reopened in between: the log has other salts */
    free(new.seal.p);
    new.seal = old.seal;
    old.seal.p = NULL;
    crash_again(&f, &new);
    ASSERT_EQ(messages_after_opening(&f), old.messages + new.messages);
}

TEST(without_a_free_descriptor_the_seal_waits) {
    FIXTURE(f);
    struct rlimit limit, none;
    FILE_(before);
    FILE_(after);
    (void)deposit(&f, message_to(&f, HOME, 1));
    file_read(&before, beside(&f, "seal"));
    ASSERT_OK(getrlimit(RLIMIT_NOFILE, &limit));
    none = (struct rlimit) { .rlim_cur = 0, .rlim_max = limit.rlim_max };
    ASSERT_OK(setrlimit(RLIMIT_NOFILE, &none));
    idle(&f);
    ASSERT_OK(setrlimit(RLIMIT_NOFILE, &limit));
    idle(&f);
    file_read(&after, beside(&f, "seal"));
    ASSERT_TRUE(memcmp(before.p, after.p, after.n) != 0);
}

TEST(a_store_that_is_missing_or_empty_is_not_made_anew) {
    FIXTURE(f);
    _cleanup_(crash_deinit) Crash c;
    crash_make(&f, &c, false);
    c.db.n = 0;
    assert_refused(&f, &c, "missing");
    crash_again(&f, &c);
    ASSERT_OK(unlink(beside(&f, "wal")));
    ASSERT_OK(unlink(f.path));
    ASSERT_EQ(fixture_try_open(&f), -EUCLEAN);
    ASSERT_TRUE(access(f.path, F_OK) != 0);
    ASSERT_OK(unlink(beside(&f, "seal")));
    fixture_open(&f); /* nothing says that there was one */
}

/* --- pages ---------------------------------------------------------------------------------- */

static int64_t root_of(Fixture *f, const char *table) {
    _query_ q = QUERY(f->store, "SELECT rootpage FROM sqlite_schema WHERE name = ?1", TEXT(table));
    return db_number(f->store, q, 0);
}

/* Changes one byte near the end of a page of the closed file, where its rows are. */
static void flip(Fixture *f, int64_t page, unsigned from_end) {
    FILE_(file);
    file_read(&file, f->path);
    file.p[(size_t)page * 8192 - 8 - from_end] ^= 0x04;
    file_write(&file, f->path);
}

TEST(pages_of_the_file_have_checksums_and_a_backup_too) {
    FIXTURE(f);
    ASSERT_TRUE(pages_are_protected(f.store->db));
    (void)deposit(&f, message_to(&f, HOME, 1));
    StoreOp *op = store_op_new(OP_BACKUP);
    snprintf(op->backup.path, sizeof(op->backup.path), "%s/copy.db", f.folder);
    run(&f, op);
    store_op_free(op);
    char text[256];
    for (int i = 0; i < 1000 && store_backup_state(f.store, text) == 1; i++) {
        idle(&f);
        usleep(1000);
    }
    ASSERT_EQ(store_backup_state(f.store, text), 2);
    f.store = store_close(f.store);
    for (int i = 0; i < 2; i++) {
        uint32_t at = 1, bad = 0;
        sqlite3 *db = NULL;
        Pages *pages = NULL;
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", f.folder, i == 0 ? "store.db" : "copy.db");
        ASSERT_OK(pages_new(&pages, NULL));
        ASSERT_EQ(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, pages_vfs(pages)), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(db, "SELECT 1 FROM message", NULL, NULL, NULL), SQLITE_OK);
        ASSERT_TRUE(pages_are_protected(db));
        ASSERT_EQ(pages_scrub(db, &at, 1000000, &bad), SQLITE_OK);
        ASSERT_EQ(bad, 0);
        ASSERT_EQ(at, 0);
        sqlite3_close(db);
        pages_free(pages);
    }
}

TEST(a_damaged_page_stops_the_store_instead_of_being_believed) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    const int64_t page = root_of(&f, "dedup");
    f.store = store_close(f.store);
    flip(&f, page, 20); /* a digest: nothing else would notice */
    fixture_open(&f);
    f.n_ids = 0;
    StoreOp *op = accept_op(message_to(&f, HOME, 1));
    ASSERT_EQ(store_run(f.store, op, f.now_ms), -EUCLEAN);
    ASSERT_TRUE(strstr(store_health(f.store)->fault, "checksum") != NULL);
    store_op_free(op);
}

static int64_t first_leaf(Fixture *f) {
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    ASSERT_EQ(sqlite3_open(f->path, &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_prepare_v2(db,
                                 "SELECT pageno FROM dbstat WHERE name = 'message' AND "
                                 "pagetype = 'leaf' ORDER BY path LIMIT 1",
                                 -1, &q, NULL),
              SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    const int64_t page = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return page;
}

TEST(a_damaged_message_hides_no_other_of_its_case) {
    FIXTURE(f);
    for (int i = 0; i < 60; i++) /* more than a page of them */
        (void)deposit(&f, message_to(&f, HOME, 1));
    const int64_t key =
        db_number(f.store, QUERY(f.store, "SELECT order_key FROM message WHERE seq = 1"), 0);
    f.store = store_close(f.store);
    flip(&f, first_leaf(&f), 5);
    fixture_open(&f);
    int64_t seq = 0;
    int n = 0;
    while ((seq = case_keys_next(f.store, key, seq + 1, false)) > 0)
        n++;
    ASSERT_EQ(n, 60); /* of the damaged one it is its parts that are */
    ASSERT_EQ(f.store->fault, 0);
    uint32_t page;
    ASSERT_EQ(pages_damaged(f.store->pages, &page), 0); /* what comes next is not blamed for it */
    (void)deposit(&f, message_to(&f, HOME, 1));         /* and the store works on */
}

TEST(a_message_on_a_damaged_page_is_kept_out_and_the_others_are_not) {
    FIXTURE(f);
    DeliveryRow rows[3];
    for (uint8_t i = 0; i < 3; i++)
        rows[i] = deposit(&f, message_to(&f, HOME, (uint8_t)(i + 1)));
    for (unsigned i = 0; i < 60; i++) { /* fills some pages more */
        Message *m = message_to(&f, "dsk/3204", 0);
        char big[1500];
        memset(big, 'b', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        give_body(m, "envelope", "facts", big);
        (void)deposit(&f, m);
    }
    f.store = store_close(f.store);
    const int64_t leaf = first_leaf(&f);
    flip(&f, leaf, 5); /* the first row stands at the end */
    fixture_open(&f);
    unsigned damaged = 0;
    for (unsigned i = 0; i < 3; i++) {
        StoreOp *op = bodies(&f, &rows[i], QUEUE_MAILBOX);
        const struct BodyWanted *w = &op->bodies.wanted[0];
        const Uuid id = id_of(i + 1);
        damaged += w->damaged;
        ASSERT_TRUE(w->damaged || w->body);
        ASSERT_TRUE(uuid_equal(&w->message_id, &id)); /* so that it can be named */
        const bool bad = w->damaged;
        store_op_free(op);
        if (bad)
            store_op_free(change(&f, &rows[i], QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_CHECKSUM));
        else
            settle(&f, &rows[i], QUEUE_MAILBOX);
    }
    ASSERT_EQ(damaged, 1);
    StoreOp *dead = ask(&f, "dead-list", NULL);
    ASSERT_EQ(table_rows(dead->query.table), 1);
    Uuid lost;
    ASSERT_OK(uuid_parse(table_cell(dead->query.table, 0, 0), &lost));
    store_op_free(dead);
    dead = dead_op(DEAD_REDIRECT, &lost, HOME, SENDER);
    run(&f, dead);
    ASSERT_STR(dead->dead.text, "the stored message is damaged");
    store_op_free(dead);
    StoreOp *check = ask(&f, "check", NULL); /* tells, and goes on */
    ASSERT_EQ(check->query.table->code, 1);
    store_op_free(check);
    f.now_ms += 400 * DAY_MS;
    idle(&f); /* the purge leaves what is damaged */
    StoreOp *list = ask(&f, "dead-list", NULL);
    ASSERT_EQ(table_rows(list->query.table), 1);
    store_op_free(list);
}

static void assert_clean(const Table *t) {
    for (uint32_t i = 0; i < t->n_cells; i++)
        ASSERT_TRUE(text_is_clean(bytes_make(t->cells[i], strlen(t->cells[i]))));
}

/* Rows of salvaged stores are on sound pages, whatever became of the rows. */
TEST(a_row_that_names_nobody_is_told_to_nobody_and_every_answer_can_be_read) {
    static const char *const wrongs[] = {
        "sender = 'dsk/32' || char(16) || '3'",
        "sender = CAST(x'64736b2fb3323033' AS TEXT)",
        "origin = 'hub' || char(1), sender = 'dsk/9999'",
        "route = CAST(replace(CAST(route AS TEXT), 'uptd', 'up d') AS BLOB)",
        "sender = 'dsk/3204'", /* it could be, but is not: the sum tells */
        "origin = 'hub'",
        "accepted_at = -1",
        "accepted_at = 9223372036854775807",
        "expires_at = 9223372036854775807",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        FIXTURE(f);
        char sql[128];
        (void)deposit(&f, message_to(&f, HOME, 1));
        const DeliveryRow row = deposit(&f, message_to(&f, HOME, 2));
        (void)deposit(&f, message_to(&f, HOME, 3));
        fixture_reopen(&f); /* nothing of it is in memory */
        snprintf(sql, sizeof(sql), "UPDATE message SET %s WHERE seq = %d", wrongs[i], (int)row.seq);
        ASSERT_EQ(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
        StoreOp *op = bodies(&f, &row, QUEUE_MAILBOX);
        ASSERT_TRUE(op->bodies.wanted[0].damaged);
        store_op_free(op);
        op = change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_CHECKSUM);
        ASSERT_EQ(op->n_deposits, 0);
        store_op_free(op);
        f.n_ids = 1;
        op = publish(&f, message_to(&f, HOME, 2)); /* its sender comes again */
        ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
        for (uint32_t k = 0; k < op->accept.result.n_recipients; k++)
            ASSERT_STR(op->accept.result.recipients[k].node, HOME);
        ASSERT_TRUE(op->accept.result.accepted_ms >= 0);
        store_op_free(op);
        static const char *const verbs[] = { "queues", "messages", "dead-list", "links", "check" };
        for (size_t k = 0; k < ARRAY_SIZE(verbs); k++) {
            op = ask(&f, verbs[k], NULL);
            assert_clean(op->query.table);
            if (k == 1)
                ASSERT_EQ(table_rows(op->query.table), 3); /* none is left out */
            if (k == 2)
                ASSERT_STR(table_cell(op->query.table, 0, 1), HOME);
            store_op_free(op);
        }
    }
}

/* Whatever of a message was changed in its row, and as long as it was: the sum tells. */
TEST(every_column_of_a_message_is_under_its_sum) {
    static const char *const changes[] = {
        "kind = kind + 1",
        "lane = lane - 1",
        "sender = 'dsk/3204'",
        "order_key = order_key + 1",
        "block = block + 1",
        "thread = x'0123456789abcdef0123456789abcdef'",
        "region = '3204'",
        "accepted_at = accepted_at + 1",
        "expires_at = expires_at + 1",
        "flags = (flags | 1) - (flags & 1)",
        "flags = (flags | 2) - (flags & 2)",
        "flags = (flags | 4) - (flags & 4)",
        "origin = 'hub'",
        "stamps = x'00'",
        "route = CAST(replace(CAST(route AS TEXT), 'uptd', 'uptx') AS BLOB)",
        "decision = decision || ' '",
        "envelope = CAST(substr(envelope, 1, length(envelope) - 1) || x'ff' AS BLOB)",
        "facts = CAST(substr(facts, 1, length(facts) - 1) || x'ff' AS BLOB)",
        "sealed = CAST(substr(sealed, 1, length(sealed) - 1) || x'ff' AS BLOB)",
        "signature = CAST(substr(signature, 1, length(signature) - 1) || x'ff' AS BLOB)",
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        FIXTURE(f);
        char sql[200];
        Message *m = message_to(&f, HOME, 1);
        Body *plain = m->body;
        m->body = body_new_signed(body_envelope(plain), body_facts(plain), bytes_make("sealed", 6),
                                  bytes_make("signature", 9));
        body_unref(plain);
        assert_non_null(m->body);
        const DeliveryRow row = deposit(&f, m);
        fixture_reopen(&f); /* nothing of it is in memory */
        StoreOp *op = bodies(&f, &row, QUEUE_MAILBOX);
        ASSERT_TRUE(!op->bodies.wanted[0].damaged);
        store_op_free(op);
        snprintf(sql, sizeof(sql), "UPDATE message SET %s WHERE seq = %d", changes[i],
                 (int)row.seq);
        ASSERT_EQ(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
        fixture_reopen(&f);
        op = bodies(&f, &row, QUEUE_MAILBOX);
        if (!op->bodies.wanted[0].damaged)
            fail_msg("%s", changes[i]);
        store_op_free(op);
    }
}

/* Checksums that are right, of a row that was written to: a letter, or the receipt for another. */
TEST(a_delivery_of_what_is_for_others_is_damage) {
    FIXTURE(f);
    DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    store_op_free(publish(&f, message_to(&f, REMOTE, 2)));
    ASSERT_EQ(
        sqlite3_exec(f.store->db, "UPDATE delivery SET seq = 2 WHERE seq = 1", NULL, NULL, NULL),
        SQLITE_OK);
    row.seq = 2;
    StoreOp *op = bodies(&f, &row, QUEUE_MAILBOX);
    ASSERT_TRUE(op->bodies.wanted[0].damaged);
    assert_null(op->bodies.wanted[0].body);
    store_op_free(op);
}

TEST(a_check_from_before_the_first_number_begins_there) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    static const char *const from[] = { "-9223372036854775808", "-1", "0", "", "1" };
    for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
        StoreOp *op = ask(&f, "check", from[i]);
        const Table *t = op->query.table;
        ASSERT_STR(table_cell(t, table_rows(t) - 1, 3), "1 messages");
        store_op_free(op);
    }
}

TEST(a_number_that_has_no_next_one_is_damage) {
    static const char *const wrongs[] = {
        "UPDATE message SET seq = 9223372036854775807",
        "INSERT INTO act(n, acts) VALUES(9223372036854775807, x'00')",
        "INSERT INTO meta(key, value) VALUES('next_seq', 9223372036854775807)",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        FIXTURE(f);
        (void)deposit(&f, message_to(&f, HOME, 1));
        f.store = store_close(f.store);
        tamper(&f, wrongs[i]);
        ASSERT_EQ(fixture_try_open(&f), -EUCLEAN);
        assert_non_null(strstr(f.why, "damaged"));
    }
}

/* Rows that say what no broker wrote: they are reckoned with, and work goes on. */
TEST(numbers_out_of_all_bounds_are_reckoned_with) {
    static const char *const wrongs[] = {
        "INSERT INTO ledger VALUES(9223372036854775807, 0, 0, 1, x'00', zeroblob(32))",
        "UPDATE ledger SET n = 9223372036854775807",
        "UPDATE ledger SET first_entry = -9223372036854775808",
        "UPDATE ledger SET at = 9223372036854775807",
        "INSERT INTO message_case VALUES(-9223372036854775808, x'00')",
        "UPDATE meta SET value = 9223372036854775807 WHERE key = 'dedup_swept'",
        "UPDATE meta SET value = -9223372036854775808 WHERE key = 'dedup_swept'",
        "INSERT INTO queue VALUES(77, 2147483647, 'dsk/3203')",
        "INSERT INTO pending VALUES(0, x'00')",
        "INSERT INTO pending VALUES(9223372036854775807, x'00')",
        "INSERT INTO queue VALUES(77, -9223372036854775808, 'dsk/3203')",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        FIXTURE(f);
        (void)deposit(&f, message_to(&f, HOME, 1));
        f.store = store_close(f.store);
        tamper(&f, wrongs[i]);
        fixture_open(&f);
        (void)deposit(&f, message_to(&f, HOME, 1));
        fixture_reopen(&f);
        ASSERT_EQ(deposit(&f, message_to(&f, HOME, 2)).seq, 3);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 3);
        idle(&f);
        assert_sound(&f);
    }
}

static StoreOp *sweep_on(Fixture *f, QueueId queue, Lane lane, int64_t seq) {
    StoreOp *op = store_op_new(OP_SWEEP);
    op->sweep.limit = 2;
    op->sweep.queue = queue;
    op->sweep.lane = lane;
    op->sweep.seq = seq;
    run(f, op);
    return op;
}

TEST(a_delivery_in_no_lane_does_not_keep_the_sweep_from_the_others) {
    static const char *const wrongs[] = { "lane = 9223372036854775807", "lane = 5", "lane = -1",
                                          "since = -9223372036854775808",
                                          "since = 9223372036854775807" };
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        FIXTURE(f);
        char sql[128];
        const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
        (void)deposit(&f, message_to(&f, REMOTE, 2)); /* in a queue behind that one */
        fixture_reopen(&f);
        snprintf(sql, sizeof(sql), "UPDATE delivery SET %s WHERE seq = %d", wrongs[i],
                 (int)row.seq);
        ASSERT_EQ(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
        StoreOp *op = sweep_on(&f, 0, LANE_EVENT, 0);
        for (unsigned turns = 0; !op->sweep.end; turns++) {
            StoreOp *next = sweep_on(&f, op->sweep.queue, op->sweep.lane, op->sweep.seq);
            store_op_free(op);
            op = next;
            ASSERT_TRUE(turns < 4);
        }
        store_op_free(op);
        op = ask(&f, "check", NULL);
        ASSERT_EQ(op->query.table->code, i < 3); /* it is named */
        store_op_free(op);
    }
}

TEST(an_outcome_of_nobody_does_not_keep_the_store_for_ever) {
    static const char *const wrongs[] = { "CAST(x'ff00fe' AS TEXT)", "printf('%0400d', 0)", "''" };
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        FIXTURE(f);
        char sql[160], id[UUID_TEXT_SIZE];
        const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
        const Uuid wanted = id_of(f.n_ids);
        settle(&f, &row, QUEUE_MAILBOX);
        fixture_reopen(&f);
        snprintf(sql, sizeof(sql), "UPDATE outcome SET recipient = %s WHERE seq = %d", wrongs[i],
                 (int)row.seq);
        ASSERT_EQ(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
        uuid_format(&wanted, id);
        StoreOp *op = ask(&f, "outcome", id);
        ASSERT_TRUE(table_rows(op->query.table) >= 1);
        ASSERT_STR(table_cell(op->query.table, 0, 0), HOME);
        assert_clean(op->query.table);
        store_op_free(op);
    }
}

TEST(after_an_unclean_stop_the_file_is_read_through_while_running) {
    FIXTURE(f);
    for (uint8_t i = 1; i < 50; i++)
        (void)deposit(&f, message_to(&f, HOME, i));
    const int64_t page = root_of(&f, "trail");
    f.store = store_close(f.store);
    flip(&f, page, 20);
    fixture_open(&f);
    f.store->scrub_at = 1; /* as for a large file */
    idle(&f);
    ASSERT_EQ(store_health(f.store)->bad_pages, 1);
    ASSERT_EQ(store_health(f.store)->bad_page, (uint32_t)page);
}

/* --- salvage -------------------------------------------------------------------------------- */

static void collect_line(void *data, const char *line) {
    Buf *b = data;
    buf_addf(b, "%s\n", line);
}

/* Salvages into FOLDER/new.db and opens that. */
static void salvage(Fixture *f, SalvageReport *ret, Buf *told) {
    char to[128];
    snprintf(to, sizeof(to), "%s/new.db", f->folder);
    const int r = store_salvage(&f->config, to, ret, collect_line, told, f->why);
    if (r < 0)
        fail_msg("%s", f->why);
    memcpy(f->path, to, sizeof(f->path));
    fixture_open(f);
}

TEST(salvage_of_a_sound_store_copies_everything) {
    FIXTURE(f);
    _cleanup_(buf_deinit) Buf told = { 0 };
    _cleanup_(crash_deinit) Crash c;
    SalvageReport report;
    crash_make(&f, &c, false);
    crash_again(&f, &c);
    salvage(&f, &report, &told);
    ASSERT_TRUE(report.complete);
    ASSERT_EQ(report.messages, c.messages);
    ASSERT_EQ(report.restored, 0);
    ASSERT_EQ(told.n, 0);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), c.messages);
    assert_sound(&f);
    const DeliveryRow next = deposit(&f, message_to(&f, HOME, 99));
    ASSERT_EQ(next.seq, (int64_t)c.messages + 1);
}

TEST(salvage_makes_lost_deliveries_again_and_names_lost_messages) {
    static const char *const tables[] = {
        "delivery", "outcome", "dedup", "trail", "message", "meta"
    };
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        FIXTURE(f);
        _cleanup_(buf_deinit) Buf told = { 0 };
        SalvageReport report;
        for (uint8_t k = 1; k <= 5; k++)
            (void)deposit(&f, message_to(&f, HOME, k));
        const DeliveryRow done = deposit(&f, message_to(&f, "dsk/3204", 6));
        settle(&f, &done, QUEUE_MAILBOX);
        const int64_t page = root_of(&f, tables[i]);
        f.store = store_close(f.store);
        flip(&f, page, 4000); /* in the free part: what is on the page is not to be trusted */
        salvage(&f, &report, &told);
        const bool messages = strcmp(tables[i], "message") == 0;
        ASSERT_TRUE(messages || !report.complete || strcmp(tables[i], "meta") == 0);
        ASSERT_EQ(report.lost, 0);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 5);
        assert_sound(&f);
    }
}

/* Rows so large that each has a page of its own. */
static void deposit_large(Fixture *f, uint8_t case_number) {
    static char big[7001];
    memset(big, 'b', sizeof(big) - 1);
    Message *m = message_to(f, HOME, case_number);
    give_body(m, "envelope", "facts", big);
    (void)deposit(f, m);
}

/* The row of that number in the closed file gets another one, below 128 both. */
static void renumber(const Fixture *f, uint8_t from, uint8_t to) {
    enum { LEAF_TABLE = 13, SIZE_BYTES = 2 };
    FILE_(file);
    unsigned n = 0;
    file_read(&file, f->path);
    for (size_t at = 8192; at + 8192 <= file.n; at += 8192) {
        uint8_t *page = file.p + at, *cell = page + (page[8] << 8 | page[9]);
        if (page[0] != LEAF_TABLE || page[3] != 0 || page[4] != 1 || cell[SIZE_BYTES] != from ||
            !memmem(page, 8192, "bbbbbbbb", 8))
            continue;
        cell[SIZE_BYTES] = to;
        n++;
    }
    ASSERT_EQ(n, 1);
    file_write(&file, f->path);
}

/* A search in a tree that is out of order finds what lies behind it already: 8 leads to 3. */
static void disorder(Fixture *f) {
    for (uint8_t i = 1; i <= 9; i++)
        deposit_large(f, i);
    f->store = store_close(f->store);
    renumber(f, 6, 3);
    renumber(f, 7, 4);
}

TEST(numbers_out_of_order_do_not_keep_the_store_for_ever) {
    FIXTURE(f);
    bool more = true;
    disorder(&f);
    tamper(&f, "UPDATE meta SET value = 0 WHERE key = 'dedup_swept'"); /* as after a crash */
    alarm(20);
    fixture_open(&f);
    alarm(0);
    char at[24] = "1";
    for (unsigned turns = 0; more; turns++) {
        StoreOp *op = store_op_new(OP_QUERY);
        const Table *t;
        text_copy(op->query.verb, sizeof(op->query.verb), "check");
        op->query.args[op->query.n_args++] = strdup(at);
        op->query.limit = 1;
        run(&f, op);
        t = op->query.table;
        more = t->more;
        text_copy(at, sizeof(at), table_cell(t, table_rows(t) - 1, 1));
        store_op_free(op);
        ASSERT_TRUE(turns < 12);
    }
}

TEST(numbers_out_of_order_do_not_keep_salvage_for_ever) {
    FIXTURE(f);
    _cleanup_(buf_deinit) Buf told = { 0 };
    SalvageReport report;
    disorder(&f);
    alarm(20);
    salvage(&f, &report, &told);
    alarm(0);
    ASSERT_EQ(report.messages, 7);
    ASSERT_EQ(report.lost, 2); /* and named, as deliveries without a message */
    assert_sound(&f);
}

TEST(a_number_without_a_next_one_is_not_salvaged) {
    static const char *const wrongs[] = {
        "UPDATE message SET seq = 9223372036854775807 WHERE seq = 3",
        "UPDATE delivery SET seq = 9223372036854775807 WHERE seq = 2",
        "INSERT INTO outcome VALUES(9223372036854775807, 'x', 1, 0, 0, '', 0, '')",
        "INSERT INTO trail VALUES(9223372036854775807, 1, 0, '', '', '')",
        "INSERT INTO meta(key, value) VALUES('next_seq', 9223372036854775807)",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        FIXTURE(f);
        _cleanup_(buf_deinit) Buf told = { 0 };
        SalvageReport report;
        for (uint8_t k = 1; k <= 3; k++)
            (void)deposit(&f, message_to(&f, HOME, k));
        f.store = store_close(f.store);
        tamper(&f, wrongs[i]);
        salvage(&f, &report, &told);
        ASSERT_EQ(deposit(&f, message_to(&f, HOME, 4)).seq, 4);
        ASSERT_EQ(deposit(&f, message_to(&f, HOME, 5)).seq, 5);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), i == 0 ? 4 : 5);
        assert_sound(&f);
    }
}

/* Such as one that has no end. */
TEST(salvage_reads_no_view_that_stands_for_a_table) {
    static const char *const tables[] = { "trail", "message", "ledger" };
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        FIXTURE(f);
        _cleanup_(buf_deinit) Buf told = { 0 };
        SalvageReport report;
        char sql[256];
        (void)deposit(&f, message_to(&f, HOME, 1));
        f.store = store_close(f.store);
        snprintf(sql, sizeof(sql),
                 "ALTER TABLE %s RENAME TO other; CREATE VIEW %s AS WITH RECURSIVE r(seq) AS "
                 "(SELECT 1 UNION ALL SELECT seq FROM r) SELECT * FROM other, r WHERE r.seq = 0",
                 tables[i], tables[i]);
        tamper(&f, sql);
        alarm(20);
        salvage(&f, &report, &told);
        alarm(0);
        ASSERT_TRUE(!report.complete);
        snprintf(sql, sizeof(sql), "table %s", tables[i]);
        assert_non_null(strstr(buf_text(&told), sql));
    }
}

TEST(salvage_refuses_to_write_over_anything) {
    FIXTURE(f);
    SalvageReport report;
    char to[128];
    snprintf(to, sizeof(to), "%s", f.path);
    ASSERT_EQ(store_salvage(&f.config, to, &report, NULL, NULL, f.why), -EBUSY);
    f.store = store_close(f.store);
    ASSERT_EQ(store_salvage(&f.config, to, &report, NULL, NULL, f.why), -EEXIST);
    fixture_open(&f);
    assert_sound(&f);
}

TEST_MAIN

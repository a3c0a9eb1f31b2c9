/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "account-fixture.h"
#include "store/internal.h"
#include "store/ledger.h"

/* How many entries of that kind the ledger has; *ret_code: of the last of them. */
static unsigned entries(World *w, LedgerKind kind, int64_t *ret_code) {
    _cleanup_(buf_deinit) Buf hold = { 0 };
    LedgerReader *r = calloc(1, sizeof(*r));
    LedgerBlock b;
    LedgerEntry e;
    unsigned n = 0;
    assert_non_null(r);
    for (int64_t at = 0; ledger_read(w->store, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            if (e.kind == kind) {
                n++;
                *ret_code = e.code;
            }
    }
    free(r);
    return n;
}

TEST(a_refused_publish_is_answered_when_its_entry_is_on_disk) {
    WORLD(w, "hub");
    int64_t code = 0;
    hello(&w, 1, "dsk/3203", 1);
    run(&w);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = { { 7 } } } };
    const Bytes parts[] = { bytes_make("no envelope", 11) };
    say_parts(&w, 1, "dsk/3203", &f, parts, 1);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 0);
    ASSERT_EQ(entries(&w, LEDGER_REFUSED, &code), 0);
    run(&w);
    ASSERT_EQ(entries(&w, LEDGER_REFUSED, &code), 1);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 1);
}

/* A program that makes ids of identity numbers has them in no ledger, and in no journal. */
TEST(of_an_identity_number_used_as_id_nothing_is_on_record) {
    WORLD(w, "hub");
    _cleanup_(buf_deinit) Buf hold = { 0 };
    LedgerBlock block;
    unsigned refused = 0;
    hello(&w, 1, "dsk/3203", 1);
    run(&w);
    Frame f = { .kind = FRAME_PUBLISH };
    memcpy(f.publish.message_id.b, "3203051203990001", UUID_SIZE);
    const Bytes parts[] = { bytes_make("no envelope", 11) };
    say_parts(&w, 1, "dsk/3203", &f, parts, 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 1);
    for (int64_t at = 0; ledger_read(w.store, at, &hold, &block); at = block.number) {
        ASSERT_TRUE(!memmem(block.body.p, block.body.n, "3203051203990001", UUID_SIZE));
        refused++;
    }
    assert_in_range(refused, 1, 10);
}

TEST(denied_calls_without_end_make_an_entry_a_minute) {
    WORLD(w, "hub");
    int64_t code = 0;
    hello(&w, 1, "dsk/3203", 1);
    run(&w);
    for (unsigned i = 0; i < 500; i++) {
        Frame f = { .kind = FRAME_QUERY, .query = { .query = i + 1, .verb = "queues" } };
        say(&w, 1, "dsk/3203", f);
    }
    run(&w);
    ASSERT_EQ(entries(&w, LEDGER_DENIED, &code), 1);
    ASSERT_EQ(code, 1);
    for (unsigned i = 0; i < 70; i++)
        pass(&w, SECOND_MS);
    run(&w);
    ASSERT_EQ(entries(&w, LEDGER_DENIED, &code), 2);
    ASSERT_EQ(code, 499);
}

/* However many rights one key tries. */
TEST(denied_rights_of_many_names_are_counted_together) {
    WORLD(w, "hub");
    int64_t code = 0;
    char right[64];
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(right, sizeof(right), "PUBLISH region=%04u", i);
        assert_in_range(broker_denied(w.broker, w.now, "lks/1", "main", right), 0, 1);
    }
    run(&w);
    assert_in_range(entries(&w, LEDGER_DENIED, &code), 1, 10);
}

static void seconds(World *w, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        say(w, 0, "hub", (Frame) { .kind = FRAME_PING });
        pass(w, SECOND_MS);
        run(w);
    }
}

/* Whoever has the disk in his hands while the broker is off must not have until tomorrow. */
TEST(the_parent_is_asked_soon_after_a_start_though_it_signed_today) {
    WORLD(w, "upt/r1");
    char sql[256];
    w.config.witness_ms = DAY_MS;
    w.broker = broker_free(w.broker);
    snprintf(sql, sizeof(sql),
             "INSERT INTO ledger_witness(block, hash, at, node, key, signature) "
             "VALUES(1, zeroblob(32), %lld, 'hub', zeroblob(32), zeroblob(64))",
             (long long)w.now.wall_ms);
    ASSERT_OK(sqlite3_exec(w.store->db, sql, NULL, NULL, NULL));
    open_broker(&w);
    uplink_open(&w, 100);
    hello(&w, 1, "dsk/3203", 1);
    for (unsigned i = 0; i < 3; i++) { /* something happens */
        publish(&w, 1, "dsk/3203", "dsk/3201", (uint8_t)i);
        run(&w);
    }
    seconds(&w, 5);
    ASSERT_EQ(count(&w, 0, FRAME_QUERY), 0);
    seconds(&w, 70);
    ASSERT_EQ(count(&w, 0, FRAME_QUERY), 1);
    ASSERT_STR(heard(&w, 0, FRAME_QUERY, 0)->f.query.verb, "ledger-witness");
}

/* Of a broker that runs for long; a signature of tomorrow is of before the clock was set back. */
TEST(the_parent_is_asked_again_when_a_day_has_gone_since_it_signed) {
    static const struct {
        int64_t ago_ms;
        unsigned asked;
    } of[] = { { DAY_MS - HOUR_MS, 0 }, { DAY_MS, 1 }, { -HOUR_MS, 1 } };
    for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
        WORLD(w, "upt/r1");
        char sql[256];
        w.config.witness_ms = DAY_MS;
        broker_reconfigure(w.broker, &w.config);
        snprintf(sql, sizeof(sql),
                 "INSERT INTO ledger_witness(block, hash, at, node, key, signature) "
                 "VALUES(1, zeroblob(32), %lld, 'hub', zeroblob(32), zeroblob(64))",
                 (long long)(w.now.wall_ms - of[i].ago_ms));
        ASSERT_OK(sqlite3_exec(w.store->db, sql, NULL, NULL, NULL));
        w.broker->witness.looked = w.broker->witness.settled = true;
        hello(&w, 1, "dsk/3203", 1);
        for (uint8_t n = 1; n <= 3; n++) { /* something happens */
            publish(&w, 1, "dsk/3203", "dsk/3201", n);
            run(&w);
        }
        uplink_open(&w, 100);
        seconds(&w, 20);
        ASSERT_EQ(count(&w, 0, FRAME_QUERY), of[i].asked);
    }
}

/* --- what the parent answers ------------------------------------------------------------------ */

/* The parent is asked to countersign. */
static void world_asking(World *w) {
    w->config.witness_ms = DAY_MS;
    broker_reconfigure(w->broker, &w->config);
    uplink_open(w, 100);
    hello(w, 1, "dsk/3203", 1);
    publish(w, 1, "dsk/3203", "dsk/3201", 1);
    run(w);
    for (unsigned i = 0; i < 120 && w->broker->witness.state != WITNESS_ASKING; i++) {
        say(w, 1, "dsk/3203", (Frame) { .kind = FRAME_PONG });
        seconds(w, 1);
    }
    ASSERT_EQ(w->broker->witness.state, WITNESS_ASKING);
}

static void parent_says(World *w, uint32_t query, Table *t) {
    say(w, 0, "hub", (Frame) { .kind = FRAME_RESULT, .result = { .query = query, .table = t } });
    (void)table_free(t);
}

static Table *signed_by(const char *node) {
    static const char *const names[] = { "verdict", "block", "hash",     "at",
                                         "node",    "key",   "signature" };
    Table *t = table_new();
    assert_non_null(t);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        table_column(t, names[i], COLUMN_TEXT);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        table_text(t, i == 0 ? "signed" : i == 4 ? node : "1");
    return t;
}

TEST(a_ledger_that_the_parent_knows_otherwise_is_on_record) {
    WORLD(w, "upt/r1");
    int64_t code = 0;
    world_asking(&w);
    Table *t = table_new();
    assert_non_null(t);
    table_say(t, 1, "FORKED: block 1 was another");
    parent_says(&w, w.broker->witness.query, t);
    run(&w);
    ASSERT_EQ(entries(&w, LEDGER_FORKED, &code), 1);
    ASSERT_EQ(w.broker->witness.state, WITNESS_IDLE);
}

TEST(an_answer_is_the_parents_own_and_to_what_was_asked_last) {
    WORLD(w, "upt/r1");
    world_asking(&w);
    parent_says(&w, w.broker->witness.query - 1, signed_by("hub"));
    ASSERT_EQ(w.broker->witness.state, WITNESS_ASKING);
    parent_says(&w, w.broker->witness.query, signed_by("upt/r2"));
    ASSERT_EQ(w.broker->witness.state, WITNESS_IDLE); /* given up */
}

/* Of the parent, but its first cell, with so many columns and rows. */
static Table *answer_of(const char *verdict, const char *block, uint32_t columns, uint32_t rows) {
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    Table *t = table_new();
    assert_non_null(t);
    for (uint32_t i = 0; i < columns; i++)
        table_column(t, names[i], COLUMN_TEXT);
    for (uint32_t i = 0; i < rows * columns; i++)
        table_text(t, i % columns == 0   ? verdict
                      : i % columns == 1 ? block
                      : i % columns == 4 ? "hub"
                                         : "1");
    return t;
}

TEST(what_is_no_signature_is_given_up_until_an_hour_later) {
    static const struct {
        const char *verdict;
        uint32_t columns, rows;
    } cases[] = { { "denied", 7, 1 }, { "signed", 8, 1 }, { "signed", 7, 2 }, { "signed", 7, 0 } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        WORLD(w, "upt/r1");
        world_asking(&w);
        parent_says(&w, w.broker->witness.query,
                    answer_of(cases[i].verdict, "1", cases[i].columns, cases[i].rows));
        ASSERT_EQ(w.broker->witness.state, WITNESS_IDLE);
        ASSERT_EQ(w.broker->witness.due_mono_ms, w.now.mono_ms + HOUR_MS);
        parent_says(&w, w.broker->witness.query, signed_by("hub")); /* too late */
        ASSERT_EQ(w.broker->witness.state, WITNESS_IDLE);
    }
}

TEST(a_parent_that_knows_a_later_block_is_asked_once_more) {
    WORLD(w, "upt/r1");
    int64_t code = 0;
    world_asking(&w);
    const uint32_t first = w.broker->witness.query;
    parent_says(&w, first, answer_of("since", "1", 7, 1));
    ASSERT_EQ(w.broker->witness.state, WITNESS_LOOKING);
    run(&w);
    ASSERT_EQ(w.broker->witness.state, WITNESS_ASKING);
    ASSERT_EQ(w.broker->witness.query, first + 1);
    parent_says(&w, first + 1, answer_of("since", "1", 7, 1)); /* and not for ever */
    ASSERT_EQ(w.broker->witness.state, WITNESS_IDLE);
    ASSERT_EQ(entries(&w, LEDGER_FORKED, &code), 0);
}

TEST(a_block_that_only_the_parent_knows_is_a_fork) {
    WORLD(w, "upt/r1");
    int64_t code = 0;
    world_asking(&w);
    parent_says(&w, w.broker->witness.query, answer_of("since", "999", 7, 1));
    run(&w);
    ASSERT_EQ(w.broker->witness.state, WITNESS_IDLE);
    ASSERT_EQ(entries(&w, LEDGER_FORKED, &code), 1);
}

/* Does the broker so much as look at what this one wants countersigned? */
static bool is_heard(World *w, uint8_t peer, const char *node) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "ledger-witness" } };
    forget(w);
    hello(w, peer, node, peer);
    say(w, peer, node, f);
    run(w);
    const Heard *h = heard(w, peer, FRAME_RESULT, 0);
    assert_non_null(h);
    const char *text = h->f.result.table->text;
    ASSERT_TRUE(strncmp(text, "NOT_ALLOWED", 11) == 0 || strncmp(text, "ledger-witness ", 15) == 0);
    return text[0] == 'l';
}

/* Whoever else could would have the next true head of a ledger taken for a fork. */
TEST(brokers_below_alone_have_their_ledgers_countersigned) {
    {
        WORLD(w, "hub");
        ASSERT_TRUE(is_heard(&w, 1, "upt/r1"));
        ASSERT_TRUE(!is_heard(&w, 2, "dsk/3301"));
        add_key(&w, "r1-program", "upt/r1");
        ASSERT_TRUE(!is_heard(&w, 3, "r1-program")); /* of the same node, and no broker */
    }
    WORLD(w, "upt/r1");
    ASSERT_TRUE(!is_heard(&w, 1, "upt/r2")); /* beside, not below */
    ASSERT_TRUE(!is_heard(&w, 2, "dsk/3202"));
}

TEST_MAIN

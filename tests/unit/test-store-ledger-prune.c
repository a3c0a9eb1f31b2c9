/* SPDX-License-Identifier: Apache-2.0 */
/* Old blocks of the ledger go, up to one that another broker has countersigned. */
#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"

static int64_t number(Fixture *f, const char *sql, int64_t of) {
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(f->store->db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(f->store->db));
    (void)sqlite3_bind_int64(q, 1, of);
    const int64_t n = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    sqlite3_finalize(q);
    return n;
}

/* An hour later; returns its number. */
static int64_t one_more(Fixture *f) {
    f->now_ms += HOUR_MS;
    store_op_free(publish(f, message_to(f, HOME, 0)));
    return number(f, "SELECT max(block) FROM ledger", 0);
}

static int64_t at(Fixture *f, int64_t block) {
    return number(f, "SELECT at FROM ledger WHERE block = ?1", block);
}

static void countersign(Fixture *f, int64_t block) {
    (void)number(f,
                 "INSERT INTO ledger_witness SELECT block, hash, at, 'hub', zeroblob(8), "
                 "zeroblob(64) FROM ledger WHERE block = ?1",
                 block);
}

static uint32_t prune(Fixture *f, int64_t before_ms) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)before_ms);
    StoreOp *op = ask(f, "ledger-prune", text);
    const uint32_t code = (uint32_t)op->query.table->code;
    store_op_free(op);
    return code;
}

static int64_t base(Fixture *f) {
    return number(f, "SELECT max(block) FROM ledger_base", 0);
}

static int64_t first(Fixture *f) {
    return number(f, "SELECT min(block) FROM ledger", 0);
}

static int64_t n_blocks(Fixture *f) {
    return number(f, "SELECT count(*) FROM ledger", 0);
}

TEST(the_latest_countersigned_block_is_what_the_rest_goes_on_from) {
    FIXTURE(f);
    const int64_t one = one_more(&f), two = one_more(&f), three = one_more(&f);
    countersign(&f, one);
    countersign(&f, two);
    countersign(&f, three);
    ASSERT_EQ(prune(&f, at(&f, three)), 0); /* which is not older */
    ASSERT_EQ(base(&f), two);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM ledger_witness", 0), 2); /* its own, and the next */
    idle(&f);
    ASSERT_EQ(first(&f), two + 1);
}

TEST(a_block_of_just_that_moment_is_not_older) {
    FIXTURE(f);
    const int64_t one = one_more(&f);
    (void)one_more(&f);
    countersign(&f, one);
    ASSERT_EQ(prune(&f, at(&f, one)), 1);
    ASSERT_EQ(prune(&f, at(&f, one) + 1), 0);
    ASSERT_EQ(base(&f), one);
}

TEST(a_countersignature_of_another_block_counts_for_nothing) {
    static const char *const wrong[] = {
        "UPDATE ledger_witness SET hash = zeroblob(32)",
        "UPDATE ledger SET hash = zeroblob(31) WHERE block = ?1", /* damaged */
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        FIXTURE(f);
        const int64_t one = one_more(&f);
        (void)one_more(&f);
        countersign(&f, one);
        (void)number(&f, wrong[i], one);
        if (i == 1)
            (void)number(&f, "UPDATE ledger_witness SET hash = zeroblob(31)", 0);
        ASSERT_EQ(prune(&f, f.now_ms + DAY_MS), 1);
        ASSERT_EQ(base(&f), 0);
    }
}

TEST(what_is_pruned_is_on_record_once) {
    FIXTURE(f);
    const int64_t one = one_more(&f);
    (void)one_more(&f);
    countersign(&f, one);
    ASSERT_EQ(prune(&f, f.now_ms), 0);
    const int64_t n = n_blocks(&f);
    ASSERT_EQ(prune(&f, f.now_ms), 1);
    ASSERT_EQ(n_blocks(&f), n);
}

TEST(without_a_retention_nothing_goes_by_itself) {
    FIXTURE(f);
    const int64_t one = one_more(&f);
    (void)one_more(&f);
    countersign(&f, one);
    f.now_ms += 1000 * DAY_MS;
    idle(&f);
    ASSERT_EQ(base(&f), 0);
    ASSERT_TRUE(first(&f) <= one);
}

/* A piece at a time, and soon, though it was looked at just now. */
TEST(all_that_stands_before_the_base_goes_however_much_it_is) {
    FIXTURE(f);
    const int64_t one = one_more(&f);
    (void)one_more(&f);
    countersign(&f, one);
    (void)number(&f,
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500) "
                 "INSERT INTO ledger SELECT -i, 0, 0, 0, x'', zeroblob(32) FROM n",
                 0);
    idle(&f);
    ASSERT_EQ(prune(&f, f.now_ms), 0);
    idle(&f);
    ASSERT_EQ(first(&f), one + 1);
}

TEST_MAIN

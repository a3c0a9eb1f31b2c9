/* SPDX-License-Identifier: Apache-2.0 */

/* The messages of a case by blocks of numbers (store/case-keys.h). */

#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"
#include "store/queue.h"

#define CASES   7
#define BLOCK   4096
#define MANY    (2 * BLOCK + 900) /* two full blocks and a part of one */
#define KEY(i)  (INT64_C(0x1234567800000000) + (i) % CASES + 1)
#define MISSING INT64_C(4711)

static void add_rows(Fixture *f, int n) {
    char sql[640];
    (void)deposit(f, message_to(f, HOME, 1));
    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
             "INSERT INTO message SELECT i, randomblob(16), 90, lane, sender, %lld + i %% %d + 1, "
             "0, zeroblob(0), region, accepted_at, expires_at, flags, origin, stamps, route, "
             "0, '', zeroblob(0), zeroblob(0), zeroblob(0), zeroblob(0) "
             "FROM message, n WHERE seq = 1; "
             "INSERT INTO dedup SELECT id, zeroblob(32), seq, 0 FROM message WHERE seq = %d",
             n, (long long)INT64_C(0x1234567800000000), CASES, n);
    ASSERT_EQ(sqlite3_exec(f->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* Every number of a case is named, each once, in both directions. */
static void assert_cases(Fixture *f, int64_t first, int64_t last) {
    for (int64_t i = first; i < first + CASES; i++) {
        int64_t seq = 0;
        for (int64_t want = i; want <= last; want += CASES) {
            seq = case_keys_next(f->store, KEY(i), seq + 1, false);
            ASSERT_EQ(seq, want);
        }
        ASSERT_EQ(case_keys_next(f->store, KEY(i), seq + 1, false), 0);
        for (int64_t want = seq; want >= i; want -= CASES, seq--) {
            seq = case_keys_next(f->store, KEY(i), seq, true);
            ASSERT_EQ(seq, want);
        }
        ASSERT_EQ(case_keys_next(f->store, KEY(i), seq, true), 0);
    }
    ASSERT_EQ(case_keys_next(f->store, MISSING, 1, false), 0);
    ASSERT_EQ(case_keys_next(f->store, MISSING, last, true), 0);
    ASSERT_EQ(f->store->fault, 0);
}

static int64_t blocks(Fixture *f) {
    return db_number(f->store, QUERY(f->store, "SELECT count(*) FROM message_case"), -1);
}

TEST(messages_without_a_block_get_it_when_they_are_looked_for) {
    FIXTURE(f);
    add_rows(&f, MANY);
    fixture_reopen(&f);
    ASSERT_EQ(f.store->next_seq, MANY + 1);
    ASSERT_EQ(blocks(&f), 0);
    assert_cases(&f, 2, MANY);
    ASSERT_EQ(blocks(&f), 2); /* the third is not full */
    assert_cases(&f, 2, MANY);
    fixture_reopen(&f);
    assert_cases(&f, 2, MANY);
}

TEST(blocks_are_written_as_they_fill) {
    FIXTURE(f);
    Store *s = f.store;
    for (; s->next_seq <= MANY; s->next_seq++)
        case_keys_note(s, s->next_seq, KEY(s->next_seq));
    ASSERT_EQ(blocks(&f), 2);
    assert_cases(&f, 1, MANY);
    /* Numbers that were left out, a whole block of them. */
    s->next_seq = 5 * BLOCK + 3;
    case_keys_note(s, s->next_seq, MISSING);
    ASSERT_EQ(blocks(&f), 3);
    ASSERT_EQ(case_keys_next(s, MISSING, 1, false), 5 * BLOCK + 3);
    ASSERT_EQ(case_keys_next(s, MISSING, 6 * BLOCK, true), 5 * BLOCK + 3);
    ASSERT_EQ(case_keys_next(s, KEY(MANY), 5 * BLOCK, true), MANY);
    ASSERT_EQ(case_keys_next(s, MISSING, 5 * BLOCK + 4, false), 0);
}

TEST(what_was_rolled_back_is_in_no_block) {
    FIXTURE(f);
    Store *s = f.store;
    add_rows(&f, BLOCK - 2);
    fixture_reopen(&f);
    s = f.store;
    ASSERT_EQ(db_exec(s, "BEGIN IMMEDIATE"), 0);
    for (int i = 0; i < 5; i++, s->next_seq++) /* into the next block */
        case_keys_note(s, s->next_seq, MISSING);
    ASSERT_EQ(blocks(&f), 1);
    ASSERT_EQ(db_exec(s, "ROLLBACK"), 0);
    s->next_seq -= 5;
    cases_rolled_back(s);
    ASSERT_EQ(blocks(&f), 0);
    assert_cases(&f, 2, BLOCK - 2);
    case_keys_note(s, s->next_seq, KEY(s->next_seq));
    s->next_seq++;
    assert_cases(&f, 2, BLOCK - 1);
}

TEST(blocks_of_purged_messages_go) {
    FIXTURE(f);
    add_rows(&f, MANY);
    fixture_reopen(&f);
    assert_cases(&f, 2, MANY);
    case_keys_purge(f.store, BLOCK + 5);
    ASSERT_EQ(blocks(&f), 1);
    ASSERT_TRUE(case_keys_next(f.store, KEY(1), 1, false) >= BLOCK);
    ASSERT_EQ(case_keys_next(f.store, KEY(1), BLOCK - 1, true), 0);
    case_keys_purge(f.store, 0); /* none is left */
    ASSERT_EQ(blocks(&f), 0);
}

TEST(the_blocks_of_what_was_purged_go_with_it) {
    FIXTURE(f);
    add_rows(&f, BLOCK + 5);
    fixture_reopen(&f);
    assert_cases(&f, 2, BLOCK + 5);
    ASSERT_EQ(blocks(&f), 1);
    ASSERT_EQ(sqlite3_exec(f.store->db, "DELETE FROM message WHERE seq > 1", NULL, NULL, NULL),
              SQLITE_OK);
    StoreOp *op = load(&f, queue_id(&f, QUEUE_MAILBOX, HOME, NULL), LANE_ROUTINE, 1);
    ASSERT_EQ(op->load.n, 1);
    settle(&f, &op->load.rows[0], QUEUE_MAILBOX);
    store_op_free(op);
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_TRUE(db_number(f.store, QUERY(f.store, "SELECT min(seq) FROM message"), 0) > BLOCK);
    ASSERT_EQ(blocks(&f), 0);
}

/* What is in the usual lane of its queue need not be looked for; what is in another must be. */
TEST(the_sketch_knows_the_usual_lane_of_a_queue) {
    FIXTURE(f);
    Store *s = f.store;
    for (int kind = QUEUE_MAILBOX; kind <= QUEUE_RECEIPTS; kind++) {
        const Lane usual = kind == QUEUE_RECEIPTS ? LANE_PRIORITY : LANE_ROUTINE;
        const Lane other = usual == LANE_ROUTINE ? LANE_PRIORITY : LANE_ROUTINE;
        const Queue *q = queue_get(s, (QueueKind)kind, SENDER);
        DeliveryRow row = { .queue = q->id, .seq = 1, .order_key = KEY(kind), .lane = usual };
        ASSERT_TRUE(!case_may_wait_elsewhere(s, q->id, row.order_key, usual));
        case_count_up(s, &row);
        ASSERT_TRUE(!case_may_wait_elsewhere(s, q->id, row.order_key, usual));
        ASSERT_TRUE(case_may_wait_elsewhere(s, q->id, row.order_key, other));
        case_count_lifted(s, &row, other);
        row.lane = other;
        ASSERT_TRUE(case_may_wait_elsewhere(s, q->id, row.order_key, usual));
        case_count_down(s, &row);
        ASSERT_TRUE(case_may_wait_elsewhere(s, q->id, row.order_key, usual));
        cases_committed(s);
        ASSERT_TRUE(!case_may_wait_elsewhere(s, q->id, row.order_key, usual));
        ASSERT_TRUE(!case_may_wait_elsewhere(s, q->id, row.order_key, other));
        row.lane = LANE_EMERGENCY; /* in no queue the usual one */
        case_count_up(s, &row);
        ASSERT_TRUE(case_may_wait_elsewhere(s, q->id, row.order_key, usual));
    }
}

/* What was lifted is counted where it waits now: the last of it still keeps who follows behind it.
 */
TEST(who_follows_what_was_lifted_goes_to_its_lane) {
    FIXTURE(f);
    const DeliveryRow first = deposit(&f, message_to(&f, HOME, 1));
    const DeliveryRow second = deposit(&f, message_to(&f, HOME, 1));
    Message *m = message_to(&f, HOME, 1);
    m->lane = LANE_PRIORITY;
    const DeliveryRow urgent = deposit(&f, m);
    settle(&f, &first, QUEUE_MAILBOX);
    settle(&f, &urgent, QUEUE_MAILBOX);
    ASSERT_EQ(deposit(&f, message_to(&f, HOME, 1)).lane, LANE_PRIORITY);
    settle(&f, &second, QUEUE_MAILBOX);
    assert_sound(&f);
}

/* A cell that is full stays so: too many is safe, too few would let the urgent one go past. */
TEST(a_case_with_more_than_a_cell_counts_is_lifted) {
    FIXTURE(f);
    for (unsigned i = 0; i < 256; i++)
        (void)deposit(&f, message_to(&f, HOME, 1));
    Message *m = message_to(&f, HOME, 1);
    m->lane = LANE_PRIORITY;
    StoreOp *op = publish(&f, m);
    ASSERT_TRUE(op->deposits[0].lifted);
    store_op_free(op);
    assert_sound(&f);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Questions that one transaction does not answer. */

#include "broker-fixture.h"
#include "law/timers.h"
#include "store/item.h"

#define NODE    "dsk/3201"
#define TIMERS  900 /* two steps, and one answer takes them */
#define MANY    3000
#define DUE_MAX 2000

static void execute(World *w, const char *sql, const Item *i, Bytes body, int n) {
    sqlite3_stmt *q = NULL;
    ASSERT_EQ(sqlite3_prepare_v2(w->store->db, sql, -1, &q, NULL), SQLITE_OK);
    (void)sqlite3_bind_int(q, 1, (int)i->kind);
    (void)sqlite3_bind_blob(q, 2, i->id.b, UUID_SIZE, SQLITE_STATIC);
    (void)sqlite3_bind_blob(q, 3, body.p, (int)body.n, SQLITE_STATIC);
    (void)sqlite3_bind_int(q, 4, n);
    ASSERT_EQ(sqlite3_step(q), SQLITE_DONE);
    sqlite3_finalize(q);
}

/* An item that is due n times. */
static void put_due(World *w, ItemKind kind, int n) {
    uint8_t body[ITEM_PACKED_MAX];
    Item i = { .kind = kind, .id = { { 7 } }, .n_timers = 1 };
    i.timers[0] = (Timer) { .kind = TIMER_ANSWER, .due_ms = w->now.wall_ms + HOUR_MS };
    const Bytes packed = bytes_make(body, item_pack(&i, body, sizeof(body)));
    execute(w, "INSERT INTO item VALUES(?1, ?2, '', zeroblob(16), 0, 0, 0, ?3)", &i, packed, n);
    execute(w,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?4) "
            "INSERT INTO timer SELECT 1000000 + i, ?1, ?2, 1 FROM n WHERE ?3 IS NOT NULL",
            &i, packed, n);
}

static void ask_due(World *w) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 7, .verb = "due", .limit = DUE_MAX } };
    say_parts(w, 1, NODE, &f, NULL, 0);
}

TEST(what_is_looked_up_in_steps_has_one_answer) {
    static const struct {
        ItemKind kind;
        uint32_t rows;
    } cases[] = { { ITEM_EVENT, TIMERS }, { ITEM_REFERRAL, 0 } }; /* everybody's; nobody's of us */
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        WORLD(w, "upt/r1");
        hello(&w, 1, NODE, 1);
        put_due(&w, cases[i].kind, TIMERS);
        ask_due(&w);
        run(&w);
        ASSERT_EQ(count(&w, 1, FRAME_RESULT), 1);
        const Frame *f = &heard(&w, 1, FRAME_RESULT, 0)->f;
        ASSERT_EQ(f->result.query, 7);
        ASSERT_EQ(f->result.table->code, 0);
        ASSERT_EQ(table_rows(f->result.table), cases[i].rows);
        ASSERT_TRUE(!f->result.table->more);
    }
}

TEST(others_come_between_the_steps) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    hello(&w, 2, "dsk/3202", 2);
    put_due(&w, ITEM_REFERRAL, MANY);
    ask_due(&w);
    ASSERT_TRUE(batch(&w));
    ASSERT_EQ(count(&w, 1, FRAME_RESULT), 0);
    publish(&w, 2, "dsk/3202", NODE, 1);
    ASSERT_TRUE(batch(&w));
    ASSERT_EQ(count(&w, 2, FRAME_PUBLISHED), 1);
    ASSERT_EQ(count(&w, 1, FRAME_RESULT), 0);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_RESULT), 1);
}

TEST(nothing_is_looked_up_for_who_has_left) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    put_due(&w, ITEM_EVENT, MANY);
    ask_due(&w);
    ASSERT_TRUE(batch(&w));
    say(&w, 1, NODE, (Frame) { .kind = FRAME_BYE });
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_RESULT), 0);
    ASSERT_EQ(broker_waiting(w.broker), 0);
}

TEST_MAIN

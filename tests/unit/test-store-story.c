/* SPDX-License-Identifier: Apache-2.0 */
/* A long random story, with stops and crashes, after which nothing may be lost or told twice. */
#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"
#include "store/queue.h"

#define STEPS     3000
#define ROWS_MANY 60 /* above that it is only settled */
#define ROWS_MAX  256

typedef struct Story {
    Fixture *f;
    uint64_t seed;
    uint32_t n;
    DeliveryRow rows[ROWS_MAX];
    QueueKind kinds[ROWS_MAX];
} Story;

static uint32_t dice(Story *s, uint32_t n) {
    s->seed = s->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(s->seed >> 33) % n;
}

static void take_deposits(Story *s, const StoreOp *op) {
    for (uint32_t i = 0; i < op->n_deposits; i++) {
        ASSERT_TRUE(s->n < ROWS_MAX);
        const Queue *q = queue_by_id(s->f->store, op->deposits[i].row.queue);
        s->kinds[s->n] = q->kind;
        s->rows[s->n++] = op->deposits[i].row;
    }
}

static void story_publish(Story *s) {
    static const char *const to[] = { HOME, "dsk/3204", REMOTE, "min/rehsos" };
    Message *m = message_to(s->f, to[dice(s, 4)], (uint8_t)(1 + dice(s, 4)));
    if (dice(s, 3) == 0) {
        const char *second = to[dice(s, 4)];
        if (strcmp(second, m->env.audience.nodes[0]) != 0)
            also_to(m, second);
    }
    m->lane = (Lane)dice(s, LANE_COUNT);
    m->env.receipts = (ReceiptPolicy)dice(s, 3);
    StoreOp *op = publish(s->f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    take_deposits(s, op);
    store_op_free(op);
}

static void story_change(Story *s) {
    static const DeliveryAction actions[] = { ACTION_DONE,      ACTION_DONE,   ACTION_DONE,
                                              ACTION_PARK,      ACTION_EXPIRE, ACTION_DEAD,
                                              ACTION_WARN_DELAY };
    if (s->n == 0)
        return;
    const uint32_t i = dice(s, s->n);
    const DeliveryAction action = actions[dice(s, ARRAY_SIZE(actions))];
    StoreOp *op = change(s->f, &s->rows[i], s->kinds[i], action, CAUSE_DEAD_REJECTED);
    ASSERT_TRUE(op->delivery.found); /* lifted or not */
    if (action != ACTION_PARK && action != ACTION_WARN_DELAY) {
        s->rows[i] = s->rows[--s->n];
        s->kinds[i] = s->kinds[s->n];
    }
    take_deposits(s, op);
    store_op_free(op);
}

static void story_dead(Story *s) {
    const int verb = dice(s, 2) ? DEAD_REQUEUE : DEAD_DISCARD;
    const Uuid id = id_of(1 + dice(s, s->f->n_ids + 1));
    StoreOp *op = dead_op(verb, &id, "", "");
    run(s->f, op);
    take_deposits(s, op);
    store_op_free(op);
}

static uint64_t number_of_rows(Fixture *f) {
    StoreOp *op = ask(f, "status", NULL);
    const uint64_t n = strtoull(table_cell(op->query.table, 0, 7), NULL, 10);
    store_op_free(op);
    return n;
}

/* All rows of a (queue, case) share a lane, and the first one is the oldest. */
static void assert_lanes(Fixture *f) {
    sqlite3_stmt *q = NULL;
    ASSERT_EQ(sqlite3_prepare_v2(f->store->db,
                                 "SELECT count(*) FROM (SELECT 1 FROM delivery "
                                 "GROUP BY queue, order_key HAVING min(lane) <> max(lane))",
                                 -1, &q, NULL),
              SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    ASSERT_EQ(sqlite3_column_int(q, 0), 0);
    sqlite3_finalize(q);
}

TEST(nothing_is_lost_in_a_long_story) {
    FIXTURE(f);
    Story s = { .f = &f, .seed = 20250310 };
    for (int step = 0; step < STEPS; step++) {
        const uint32_t what = dice(&s, 100);
        f.now_ms += dice(&s, 1000);
        if (s.n > ROWS_MANY || (what < 55 && s.n > 0))
            story_change(&s);
        else if (what < 90)
            story_publish(&s);
        else if (what < 97)
            story_dead(&s);
        else if (what == 97)
            fixture_reopen(&f);
        else if (step % 5 == 0)
            fixture_crash(&f);
        if (step % 500 == 0) {
            assert_sound(&f);
            assert_lanes(&f);
        }
    }
    assert_sound(&f);
    assert_lanes(&f);
    ASSERT_TRUE(f.n_ids > 500);
    ASSERT_EQ(s.n, number_of_rows(&f));
}

TEST_MAIN

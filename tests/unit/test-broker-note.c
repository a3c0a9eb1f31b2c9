/* SPDX-License-Identifier: Apache-2.0 */

/* What the broker itself says to the ledger: how much of it, and who is named. */

#include "test.h"

#include "broker-fixture.h"
#include "broker/batch.h"
#include "broker/internal.h"
#include "broker/note.h"
#include "store/internal.h"

#define ENTRIES_MAX 512U

typedef struct Notes {
    World w;
    LedgerEntry list[ENTRIES_MAX]; /* what was written by the newest written() */
    unsigned n, n_ops, largest;
} Notes;

static void notes_init(Notes *t) {
    memset(t, 0, sizeof(*t));
    world_init(&t->w, "hub");
    run(&t->w);
}

static void notes_fixture_deinit(Notes *t) {
    world_deinit(&t->w);
}
#define NOTES(t)                                                                                   \
    _cleanup_(notes_fixture_deinit) Notes t;                                                       \
    notes_init(&t)

/* So many entries were made since the last time; they are in t->list. */
static unsigned written(Notes *t) {
    StoreOp *ops = broker_take_batch(t->w.broker);
    t->n = t->n_ops = t->largest = 0;
    for (const StoreOp *op = ops; op; op = op->next) {
        if (op->kind != OP_NOTE)
            continue;
        t->n_ops++;
        t->largest = MAX(t->largest, op->note.n);
        for (uint32_t i = 0; i < op->note.n; i++)
            t->list[t->n++ % ENTRIES_MAX] = op->note.list[i];
    }
    if (ops) {
        ASSERT_OK(store_run(t->w.store, ops, t->w.now.wall_ms));
        ASSERT_OK(broker_stored(t->w.broker, t->w.now, ops));
    }
    return t->n;
}

static void denied(Notes *t, const char *node, const char *label, const char *right) {
    ASSERT_OK(broker_denied(t->w.broker, t->w.now, node, label, right));
}

static void seconds(Notes *t, unsigned n) {
    t->w.now.mono_ms += n * SECOND_MS;
    t->w.now.wall_ms += n * SECOND_MS;
    ASSERT_OK(notes_second(t->w.broker, t->w.now));
}

TEST(entries_go_many_to_an_operation_and_into_nobody_elses) {
    NOTES(t);
    const LedgerEntry e = { .kind = LEDGER_OPERATOR, .node = "hub" };
    for (unsigned i = 0; i < 65; i++)
        ASSERT_OK(broker_note(t.w.broker, &e));
    ASSERT_EQ(written(&t), 65);
    ASSERT_EQ(t.n_ops, 2);
    ASSERT_EQ(t.largest, 64);
    StoreOp *other = op_for(OP_NOTE, 4711, NULL); /* of a session, which waits for its answer */
    other->note.list = calloc(1, sizeof(LedgerEntry));
    other->note.list[0] = e;
    other->note.n = 1;
    broker_push(t.w.broker, other);
    ASSERT_OK(broker_note(t.w.broker, &e));
    ASSERT_EQ(written(&t), 2);
    ASSERT_EQ(t.largest, 1);
}

TEST(the_first_denial_is_told_at_once_and_the_others_with_their_number) {
    NOTES(t);
    for (unsigned i = 0; i < 10; i++)
        denied(&t, "lks/1", "main", "PUBLISH");
    ASSERT_EQ(written(&t), 1);
    ASSERT_EQ(t.list[0].code, 1);
    ASSERT_STR(t.list[0].node, "lks/1");
    ASSERT_STR(t.list[0].peer, "main");
    ASSERT_STR(t.list[0].note, "PUBLISH");
    seconds(&t, 59);
    ASSERT_EQ(written(&t), 0);
    seconds(&t, 1);
    ASSERT_EQ(written(&t), 1);
    ASSERT_EQ(t.list[0].code, 9);
    seconds(&t, 60);
    ASSERT_EQ(written(&t), 0); /* nothing came since */
    denied(&t, "lks/1", "main", "PUBLISH");
    ASSERT_EQ(written(&t), 1);
    ASSERT_EQ(t.list[0].code, 1);
    denied(&t, "lks/1", "main", "PUBLISH");
    ASSERT_OK(notes_last(t.w.broker, t.w.now)); /* at the stop nothing is kept back */
    ASSERT_EQ(written(&t), 1);
}

TEST(a_key_that_tries_right_after_right_is_named_eight_times) {
    NOTES(t);
    char right[32];
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(right, sizeof(right), "RIGHT %u", i);
        denied(&t, "lks/1", "main", right);
    }
    ASSERT_EQ(written(&t), 9);
    ASSERT_STR(t.list[7].note, "RIGHT 7");
    ASSERT_STR(t.list[8].note, "other rights");
    denied(&t, "lks/1", "second", "RIGHT 0"); /* another key of it */
    denied(&t, "lks/2", "main", "RIGHT 0");
    ASSERT_EQ(written(&t), 2);
    seconds(&t, 60);
    ASSERT_EQ(written(&t), 1);
    ASSERT_EQ(t.list[0].code, 11);
    ASSERT_STR(t.list[0].note, "other rights");
}

TEST(of_too_many_keys_at_once_the_last_are_not_named) {
    NOTES(t);
    char node[32];
    for (unsigned i = 0; i < 131; i++) {
        (void)snprintf(node, sizeof(node), "lks/%u", i);
        denied(&t, node, "main", "PUBLISH");
    }
    ASSERT_EQ(written(&t), 129);
    ASSERT_STR(t.list[127].node, "lks/127");
    ASSERT_STR(t.list[128].node, "");
    ASSERT_STR(t.list[128].note, "other keys");
    denied(&t, "lks/5", "main", "PUBLISH");
    seconds(&t, 60);
    ASSERT_EQ(written(&t), 2);
    ASSERT_STR(t.list[0].node, "lks/5");
    ASSERT_STR(t.list[1].note, "other keys");
    ASSERT_EQ(t.list[1].code, 2);
    for (unsigned i = 200; i < 327; i++) { /* in the places of long ago, but for that of lks/5 */
        (void)snprintf(node, sizeof(node), "lks/%u", i);
        denied(&t, node, "main", "PUBLISH");
        denied(&t, node, "main", "PUBLISH");
    }
    ASSERT_EQ(written(&t), 127);
    ASSERT_STR(t.list[126].node, "lks/326");
    denied(&t, "lks/400", "main", "PUBLISH");
    ASSERT_EQ(written(&t), 0); /* with the other keys, which were told just now */
    t.w.now.mono_ms += MINUTE_MS;
    denied(&t, "lks/400", "main",
           "PUBLISH"); /* that of lks/5: in the others is something to tell */
    seconds(&t, 0);
    ASSERT_EQ(written(&t), 129);
    ASSERT_STR(t.list[0].node, "lks/400");
    ASSERT_OK(notes_last(t.w.broker, t.w.now));
    ASSERT_EQ(written(&t), 0);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Rights of the person a case is about: what an order reaches, and of whom its answer tells. */

#include "test.h"

#include "law-fixture.h"

#define OWN   "SELECT count(*) FROM message WHERE kind = 42 AND sender = '" SENDER "'"
#define EMPTY " AND length(sealed) = 0"

static StoreOp *tell(Fixture *f, Message *m) {
    StoreOp *op = saying(f, m);
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    return op;
}

static Message *order(Fixture *f, const char *from, const char *to) {
    Message *m = letter(f, KIND_DATA_SUBJECT_ACTION, from, to);
    m->facts.subject.action = SUBJECT_ACTION_ERASE;
    return m;
}

/* Whoever knows its id can make a case as long as he likes. */
TEST(an_order_reaches_the_youngest_message_of_a_long_case) {
    LAW_FIXTURE(f);
    for (int n = 0; n < 1100; n++)
        store_op_free(tell(&f, letter(&f, KIND_CASE_CONFERENCE, SENDER, HOME)));
    ASSERT_EQ(number(&f, OWN EMPTY), 0);
    store_op_free(tell(&f, order(&f, SENDER, HOME)));
    ASSERT_EQ(number(&f, OWN), 1100);
    ASSERT_EQ(number(&f, OWN EMPTY), 1100);
}

static bool is_told(const StoreOp *op, const char *node) {
    const PublishResult *r = &op->accept.result;
    for (uint32_t i = 0; i < r->n_recipients; i++)
        if (strcmp(r->recipients[i].node, node) == 0)
            return true;
    return false;
}

TEST(a_stranger_hears_of_nobody_else_in_the_case) {
    LAW_FIXTURE(f);
    store_op_free(tell(&f, letter(&f, KIND_CASE_CONFERENCE, SENDER, REMOTE)));
    StoreOp *op = tell(&f, order(&f, HOME, SENDER));
    assert_false(is_told(op, REMOTE));
    assert_true(is_told(op, SENDER)); /* whom he named */
    store_op_free(op);
    op = tell(&f, order(&f, SENDER, HOME));
    assert_true(is_told(op, REMOTE));
    store_op_free(op);
}

TEST_MAIN

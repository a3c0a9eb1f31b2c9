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

/* --- what an order ends --------------------------------------------------------------------------
 */

#define IN_QUEUES "SELECT count(*) FROM delivery d JOIN message m USING (seq) WHERE m.kind = 42"
#define WITHDRAWN IN_QUEUES " AND d.flags & 4"
_Static_assert(DELIVERY_RECALLED == 4, "in WITHDRAWN");

TEST(what_waits_of_an_erased_case_is_withdrawn_from_everybody) {
    LAW_FIXTURE(f);
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, "dsp/32");
    strcpy(op->subscription.name, "all");
    op->subscription.filter = calloc(1, sizeof(Filter));
    run(&f, op);
    ASSERT_EQ(op->subscription.verdict, SUBSCRIPTION_OK);
    store_op_free(op);
    store_op_free(tell(&f, letter(&f, KIND_CASE_CONFERENCE, SENDER, HOME)));
    ASSERT_EQ(number(&f, IN_QUEUES), 2); /* in a mailbox, and a copy */
    ASSERT_EQ(number(&f, WITHDRAWN), 0);
    store_op_free(tell(&f, order(&f, SENDER, HOME)));
    ASSERT_EQ(number(&f, WITHDRAWN), 2);
}

/* The account of its sender is that of the parts which are left. */
TEST(what_was_erased_and_waits_beyond_a_link_weighs_less) {
    LAW_FIXTURE(f);
    StoreOp *op = tell(&f, letter(&f, KIND_CASE_CONFERENCE, SENDER, REMOTE));
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &row, QUEUE_LINK);
    assert_sound(&f);
    store_op_free(tell(&f, order(&f, SENDER, HOME)));
    ASSERT_EQ(number(&f, OWN EMPTY), 1);
    assert_sound(&f);
}

/* By way of a broker that may take its time with it. */
static void hear(Fixture *f, Message *m, int64_t written_ms) {
    m->env.created_ms = written_ms;
    store_op_free(tell(f, m));
}

#define HEARD "SELECT count(*) FROM message WHERE kind = 42 AND sender = '" REMOTE "'"

TEST(an_order_that_was_held_back_reaches_nothing_that_was_written_after_it) {
    LAW_FIXTURE(f);
    const int64_t then = f.now_ms - MINUTE_MS;
    hear(&f, letter(&f, KIND_CASE_CONFERENCE, REMOTE, HOME), then - HOUR_MS);
    f.now_ms += 9 * DAY_MS;
    hear(&f, letter(&f, KIND_CASE_CONFERENCE, REMOTE, HOME), f.now_ms - MINUTE_MS);
    hear(&f, order(&f, REMOTE, HOME), then);
    ASSERT_EQ(number(&f, HEARD), 2);
    ASSERT_EQ(number(&f, HEARD EMPTY), 1);
    ASSERT_EQ(number(&f, WITHDRAWN), 1);
    hear(&f, order(&f, REMOTE, HOME), f.now_ms);
    ASSERT_EQ(number(&f, HEARD EMPTY), 2);
    ASSERT_EQ(number(&f, WITHDRAWN), 2);
}

TEST(who_only_practises_erases_nothing_that_is_meant) {
    LAW_FIXTURE(f);
    store_op_free(tell(&f, letter(&f, KIND_CASE_CONFERENCE, SENDER, HOME)));
    Message *m = order(&f, SENDER, HOME);
    m->env.status = MESSAGE_STATUS_EXERCISE;
    store_op_free(tell(&f, m));
    ASSERT_EQ(number(&f, OWN EMPTY), 0);
    ASSERT_EQ(number(&f, WITHDRAWN), 0);
}

TEST(an_exercise_ends_with_what_it_was_about) {
    LAW_FIXTURE(f);
    Message *m = letter(&f, KIND_CASE_CONFERENCE, SENDER, HOME);
    m->env.status = MESSAGE_STATUS_EXERCISE;
    store_op_free(tell(&f, m));
    m = order(&f, SENDER, HOME);
    m->env.status = MESSAGE_STATUS_EXERCISE;
    store_op_free(tell(&f, m));
    ASSERT_EQ(number(&f, OWN EMPTY), 1);
}

TEST(who_wants_something_else_erases_nothing) {
    LAW_FIXTURE(f);
    store_op_free(tell(&f, letter(&f, KIND_CASE_CONFERENCE, SENDER, HOME)));
    Message *m = order(&f, SENDER, HOME);
    m->facts.subject.action = SUBJECT_ACTION_RECTIFY;
    StoreOp *op = saying(&f, m);
    run(&f, op); /* whatever the law says of it */
    store_op_free(op);
    ASSERT_EQ(number(&f, OWN EMPTY), 0);
    ASSERT_EQ(number(&f, WITHDRAWN), 0);
}

/* It is not any more what it was accepted as, and its id was in memory only. */
TEST(what_was_erased_is_known_by_what_it_was_when_it_comes_again) {
    LAW_FIXTURE(f);
    Message *m = letter(&f, KIND_CASE_CONFERENCE, SENDER, HOME), *again = sample_message();
    again->env = m->env;
    again->facts = m->facts;
    store_op_free(tell(&f, m));
    store_op_free(tell(&f, order(&f, SENDER, HOME)));
    ASSERT_EQ(number(&f, OWN EMPTY), 1);
    fixture_crash(&f);
    StoreOp *op = saying(&f, again);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    assert_sound(&f);
}

TEST(an_order_of_somebody_else_erases_nothing) {
    LAW_FIXTURE(f);
    store_op_free(tell(&f, letter(&f, KIND_CASE_CONFERENCE, SENDER, HOME)));
    store_op_free(tell(&f, order(&f, HOME, SENDER)));
    ASSERT_EQ(number(&f, OWN EMPTY), 0);
    ASSERT_EQ(number(&f, WITHDRAWN), 0);
}

TEST_MAIN

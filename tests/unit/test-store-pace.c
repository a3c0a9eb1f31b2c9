/* SPDX-License-Identifier: Apache-2.0 */
/* What the whole country has to bear is put off when one node does it without end. Of records:
 * test-store-record.c. */
#include "test.h"

#include "no-room.h"

static StoreOp *to_scope_op(Fixture *f, const char *sender, const char *link) {
    Message *m = sample_event(sender, "");
    m->env.message_id = id_of(++f->n_ids);
    m->env.created_ms = f->now_ms - 1000;
    give_body(m, "event", "facts", "");
    strcpy(m->env.audience.scope[0], "32");
    StoreOp *op = link ? link_op(m, link, SENDER, f->now_ms) : accept_op(m);
    if (link) {
        m->fwd.n_recipients = 0;
        m->fwd.scope = true;
    }
    return op;
}

static StoreOp *to_scope(Fixture *f, const char *sender, const char *link) {
    StoreOp *op = to_scope_op(f, sender, link);
    run(f, op);
    return op;
}

static Verdict tell(Fixture *f, const char *sender, const char *link) {
    StoreOp *op = to_scope(f, sender, link);
    const Verdict v = op->accept.result.verdict;
    if (v == VERDICT_LATER) {
        ASSERT_STR(op->accept.result.reasons->list[0].code, "SLOW_DOWN");
        ASSERT_EQ(op->accept.result.retry_after_ms, 15 * SECOND_MS);
    }
    store_op_free(op);
    return v;
}

TEST(nobody_speaks_to_a_scope_without_end) {
    FIXTURE(f);
    uint32_t n = 0;
    while (n < 200 && tell(&f, SENDER, NULL) == VERDICT_ACCEPTED)
        n++;
    ASSERT_EQ(n, 128);
    ASSERT_EQ(tell(&f, "dsk/3204", NULL), VERDICT_ACCEPTED); /* others may */
    ASSERT_EQ(tell(&f, REMOTE, "hub"), VERDICT_ACCEPTED);    /* judged where it was published */
    store_op_free(publish(&f, message_to(&f, HOME, 1)));     /* and to somebody it may, too */
    f.now_ms += 15 * SECOND_MS;
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_ACCEPTED);
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_LATER);
    f.now_ms += 2 * HOUR_MS;
    for (n = 0; n < 128; n++)
        ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_ACCEPTED);
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_LATER);
}

TEST(a_clock_that_is_set_back_keeps_nobody_silent) {
    FIXTURE(f);
    for (uint32_t n = 0; n < 128; n++)
        ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_ACCEPTED);
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_LATER);
    f.now_ms -= 20 * MINUTE_MS;
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_LATER);
    f.now_ms += 15 * SECOND_MS;
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_ACCEPTED);
}

TEST(what_was_rolled_back_does_not_count) {
    FIXTURE(f);
    StoreOp *op = to_scope_op(&f, SENDER, NULL), *big = accept_op(message_to(&f, HOME, 3));
    fail_together(&f, op, big);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED); /* without the big one */
    store_op_free(big);
    store_op_free(op);
    for (uint32_t n = 1; n < 128; n++)
        ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_ACCEPTED);
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_LATER);
}

/* Nor what was refused for another reason. */
TEST(what_was_not_accepted_does_not_count) {
    FIXTURE(f);
    f.config.sender_quota = 1;
    fixture_reopen(&f);
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_ACCEPTED);
    for (uint32_t n = 0; n < 200; n++) {
        StoreOp *op = to_scope(&f, SENDER, NULL);
        ASSERT_STR(op->accept.result.reasons->list[0].code, "SENDER_FULL");
        store_op_free(op);
    }
}

static Verdict wrap(Fixture *f, const char *sender) {
    Message *m = message_to(f, REMOTE, 0);
    m->env.kind = KIND_SEAL_WRAP;
    m->env.has_sealed_digest = false;
    strcpy(m->env.sender, sender);
    give_body(m, "envelope of a wrap", "facts", "");
    StoreOp *op = publish(f, m);
    const Verdict v = op->accept.result.verdict;
    if (v == VERDICT_LATER)
        ASSERT_EQ(op->accept.result.retry_after_ms, 10 * SECOND_MS);
    store_op_free(op);
    return v;
}

TEST(nobody_wraps_without_end) {
    FIXTURE(f);
    uint32_t n = 0;
    while (n < 2000 && wrap(&f, SENDER) == VERDICT_ACCEPTED)
        n++;
    ASSERT_EQ(n, 1024);
    ASSERT_EQ(wrap(&f, "dsp/32"), VERDICT_ACCEPTED);
    ASSERT_EQ(tell(&f, SENDER, NULL), VERDICT_ACCEPTED); /* each has a rate of its own */
    f.now_ms += 10 * SECOND_MS;
    ASSERT_EQ(wrap(&f, SENDER), VERDICT_ACCEPTED);
    ASSERT_EQ(wrap(&f, SENDER), VERDICT_LATER);
}

TEST_MAIN

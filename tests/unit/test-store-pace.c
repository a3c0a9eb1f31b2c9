/* SPDX-License-Identifier: Apache-2.0 */
/* What the whole country has to bear is put off when one node does it without end. Of records:
 * test-store-record.c. */
#include "test.h"

#include "store-fixture.h"

static StoreOp *to_scope(Fixture *f, const char *sender, const char *link) {
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

TEST_MAIN

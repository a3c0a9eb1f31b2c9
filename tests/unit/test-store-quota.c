/* SPDX-License-Identifier: Apache-2.0 */

/* What counts against the quota of a sender, and what does not. */

#include "test.h"

#include "store-fixture.h"

#define QUOTA 8U

static void with_quota(Fixture *f) {
    f->config.sender_quota = QUOTA;
    f->config.dead_quota = QUOTA;
    fixture_reopen(f);
}

static Verdict said(Fixture *f, Message *m) {
    StoreOp *op = accept_op(m);
    run(f, op);
    const Verdict v = op->accept.result.verdict;
    if (v == VERDICT_LATER)
        ASSERT_STR(op->accept.result.reasons->list[0].code, "SENDER_FULL");
    store_op_free(op);
    return v;
}

static Message *wrap_in(Fixture *f, Lane lane, const char *sender) {
    Message *m = message_to(f, HOME, (uint8_t)(f->n_ids % 200));
    m->env.kind = KIND_SEAL_WRAP;
    m->lane = lane;
    strcpy(m->env.sender, sender);
    return m;
}

/* They have no receipts, and one is a letter to another node all the same: without a bound it is
 * the way around all of them. */
TEST(a_sender_has_no_more_wraps_waiting_than_its_quota) {
    static const Lane lanes[] = { LANE_ROUTINE, LANE_EMERGENCY, LANE_EVENT };
    for (size_t k = 0; k < ARRAY_SIZE(lanes); k++) {
        FIXTURE(f);
        with_quota(&f);
        for (unsigned i = 0; i < QUOTA; i++)
            ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], SENDER)), VERDICT_ACCEPTED);
        ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], SENDER)), VERDICT_LATER);
        ASSERT_EQ(said(&f, message_to(&f, HOME, 250)), VERDICT_LATER); /* one account for both */
        ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], "dsp/32")), VERDICT_ACCEPTED);
        fixture_reopen(&f);
        ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], SENDER)), VERDICT_LATER);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), QUOTA + 1);
        assert_sound(&f);
    }
}

TEST(a_wrap_that_was_collected_does_not_count_any_more) {
    FIXTURE(f);
    with_quota(&f);
    for (unsigned i = 0; i < 4 * QUOTA; i++) {
        const DeliveryRow row = deposit(&f, wrap_in(&f, LANE_ROUTINE, SENDER));
        settle(&f, &row, QUEUE_MAILBOX);
    }
    for (unsigned i = 0; i < QUOTA; i++)
        ASSERT_EQ(said(&f, wrap_in(&f, LANE_ROUTINE, SENDER)), VERDICT_ACCEPTED);
    ASSERT_EQ(said(&f, wrap_in(&f, LANE_ROUTINE, SENDER)), VERDICT_LATER);
}

/* Each of its messages makes one: else they would be the way to fill the store. */
TEST(who_never_reads_its_receipts_is_put_off) {
    FIXTURE(f);
    with_quota(&f);
    for (unsigned i = 0; i < 10 * QUOTA; i++) {
        const DeliveryRow row = deposit(&f, message_to(&f, HOME, 0));
        settle(&f, &row, QUEUE_MAILBOX);
    }
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 10 * QUOTA);
    ASSERT_EQ(said(&f, message_to(&f, HOME, 0)), VERDICT_LATER);
    Message *urgent = message_to(&f, HOME, 0);
    urgent->lane = LANE_EMERGENCY;
    ASSERT_EQ(said(&f, urgent), VERDICT_ACCEPTED);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/receipt.h"

TEST(four_levels_are_final) {
    for (int l = 0; l <= LEVEL_COLLECTED_LATE; l++)
        ASSERT_EQ(receipt_is_final(l), l == LEVEL_COLLECTED || l == LEVEL_REFUSED ||
                                           l == LEVEL_UNDELIVERABLE || l == LEVEL_RECALLED);
    ASSERT_TRUE(!receipt_is_final(99));
}

TEST(the_policy_decides_which_receipts_become_messages) {
    static const struct {
        int level;
        bool wanted[3]; /* default, with deposited, failures only */
    } want[] = {
        { LEVEL_NONE, { false, false, false } },
        { LEVEL_ACCEPTED, { false, false, false } },
        { LEVEL_DEPOSITED, { false, true, false } },
        { LEVEL_COLLECTED, { true, true, false } },
        { LEVEL_DELAYED, { true, true, true } },
        { LEVEL_EXPIRES_SOON, { true, true, true } },
        { LEVEL_UNDELIVERABLE, { true, true, true } },
        { LEVEL_RECALLED, { true, true, true } },
        { LEVEL_COLLECTED_LATE, { true, true, true } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        for (int p = 0; p < 3; p++)
            ASSERT_EQ(receipt_is_wanted((ReceiptPolicy)p, want[i].level), want[i].wanted[p]);
}

TEST(the_same_receipt_gets_the_same_id) {
    Receipt a = { .recipient = "dsk/3203", .level = LEVEL_COLLECTED }, b;
    b = a;
    b.said_ms = 77;
    b.attempts = 3;
    Uuid id = receipt_message_id(&a), same = receipt_message_id(&b), other;
    ASSERT_TRUE(uuid_equal(&id, &same));
    b.level = LEVEL_UNDELIVERABLE;
    other = receipt_message_id(&b);
    ASSERT_TRUE(!uuid_equal(&id, &other));
    b = a;
    strcpy(b.recipient, "dsk/3204");
    other = receipt_message_id(&b);
    ASSERT_TRUE(!uuid_equal(&id, &other));
    b = a;
    strcpy(b.leg, "hub"); /* two brokers may say the same, each of its part of the way */
    other = receipt_message_id(&b);
    ASSERT_TRUE(!uuid_equal(&id, &other));
    b = a;
    b.message_id.b[0] = 1;
    other = receipt_message_id(&b);
    ASSERT_TRUE(!uuid_equal(&id, &other));
}

/* Ids are kept in their order: those of one batch touch one part of the table. */
TEST(the_id_of_a_receipt_begins_with_the_time_of_its_message) {
    Receipt r = { .recipient = "dsk/3203", .level = LEVEL_COLLECTED };
    r.message_id = uuid_v7(1741575900000);
    const Uuid id = receipt_message_id(&r);
    ASSERT_EQ(memcmp(id.b, r.message_id.b, 6), 0);
    ASSERT_TRUE(uuid_is_derived(&id));
    ASSERT_TRUE(!uuid_equal(&id, &r.message_id));
}

/* Nobody takes the id of a receipt that another broker will say. */
TEST(a_receipt_is_that_of_the_broker_that_says_it) {
    Receipt r = { .message_id = { { 1 } }, .level = LEVEL_COLLECTED };
    strcpy(r.recipient, "dsk/3203");
    strcpy(r.leg, "upt/satria");
    Message m = { .env = { .kind = KIND_RECEIPT, .message_id = receipt_message_id(&r) } };
    strcpy(m.env.sender, r.leg);
    m.facts.readable = true;
    m.facts.receipt.message_id = r.message_id;
    m.facts.receipt.level = (int)r.level;
    strcpy(m.facts.receipt.recipient, r.recipient);
    strcpy(m.facts.receipt.leg, r.leg);
    ASSERT_TRUE(receipt_has_own_id(&m));
    Message other = m;
    strcpy(other.env.sender, "upt/loka");
    ASSERT_TRUE(!receipt_has_own_id(&other));
    other = m;
    other.facts.readable = false;
    ASSERT_TRUE(!receipt_has_own_id(&other));
    other = m;
    other.env.kind = KIND_NOTICE;
    ASSERT_TRUE(!receipt_has_own_id(&other));
    other = m;
    other.facts.receipt.level = LEVEL_UNDELIVERABLE;
    ASSERT_TRUE(!receipt_has_own_id(&other));
}

TEST(names_of_levels_and_causes) {
    ASSERT_STR(receipt_level_name(LEVEL_COLLECTED_LATE), "COLLECTED_LATE");
    ASSERT_STR(receipt_level_name(50), "");
    ASSERT_STR(receipt_level_name(-1), "");
    ASSERT_STR(receipt_cause_name(CAUSE_QUOTA), "QUOTA");
    ASSERT_STR(receipt_cause_name(CAUSE_NONE), "");
    ASSERT_STR(receipt_cause_name(50), "");
    for (int i = 0; i <= CAUSE_SUPERSEDED; i++)
        assert_non_null(receipt_cause_name(i));
}

TEST_MAIN

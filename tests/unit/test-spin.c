/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/spin.h"

TEST(who_answered_nobody_sleeps_at_once) {
    Spin s = { 0 };
    spin_ended(&s, true);
    for (unsigned i = 0; i < 1000; i++)
        ASSERT_EQ(spin_us(&s, false), 0);
}

TEST(what_paid_is_done_again) {
    Spin s = { 0 };
    spin_ended(&s, true);
    for (unsigned i = 0; i < 100; i++) {
        ASSERT_TRUE(spin_us(&s, true) > 0);
        spin_ended(&s, true);
    }
}

TEST(one_in_three_with_news_is_enough) {
    Spin s = { 0 };
    spin_ended(&s, true);
    spin_ended(&s, true);
    for (unsigned i = 0; i < 100; i++) {
        ASSERT_TRUE(spin_us(&s, true) > 0);
        spin_ended(&s, i % 3 == 2);
    }
}

/* At most one wait in thirty-two, so at most a few microseconds each on average. */
TEST(what_does_not_pay_is_tried_seldom) {
    Spin s = { 0 };
    int64_t looked = 0;
    for (unsigned i = 0; i < 1600; i++) {
        const int64_t us = spin_us(&s, true);
        looked += us;
        if (us > 0)
            spin_ended(&s, false);
    }
    ASSERT_TRUE(looked > 0);
    ASSERT_TRUE(looked <= 1600 * 8);
}

TEST(what_paid_for_long_is_left_off_soon_when_it_does_not) {
    Spin s = { 0 };
    unsigned vain = 0;
    for (unsigned i = 0; i < 1000; i++)
        spin_ended(&s, true);
    for (; spin_us(&s, true) > 0; vain++) {
        ASSERT_TRUE(vain < 16U);
        spin_ended(&s, false);
    }
    ASSERT_TRUE(vain > 0);
}

TEST(it_is_found_out_when_it_begins_to_pay) {
    Spin s = { 0 };
    unsigned waits = 0;
    spin_ended(&s, false);
    while (spin_us(&s, true) == 0)
        ASSERT_TRUE(waits++ < 32U);
    spin_ended(&s, true);
    ASSERT_TRUE(spin_us(&s, true) > 0);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/gather.h"

TEST(a_lonely_publisher_never_waits) {
    Gather g = { 0 };
    ASSERT_EQ(gather_wait_us(&g, 1, 1000), 0);
    gather_begin(&g, 1, 0, 5000, 1000);
    ASSERT_EQ(gather_wait_us(&g, 1, 1001), 0);
}

TEST(two_cohorts_become_one_batch) {
    Gather g = { 0 };
    gather_begin(&g, 32, 32, 4000, 10000);
    ASSERT_EQ(gather_wait_us(&g, 32, 10000), 1000);
    ASSERT_EQ(gather_wait_us(&g, 60, 10400), 600);
    ASSERT_EQ(gather_wait_us(&g, 64, 10400), 0); /* all there */
}

TEST(nobody_waits_longer_than_a_fraction_of_the_disk_or_two_milliseconds) {
    Gather g = { 0 };
    gather_begin(&g, 32, 32, 4000, 10000);
    ASSERT_EQ(gather_wait_us(&g, 33, 11000), 0);
    gather_begin(&g, 32, 32, 200000, 10000);
    ASSERT_EQ(gather_wait_us(&g, 33, 10000), 2000);
    gather_begin(&g, 32, 32, 0, 10000); /* the processor is the limit */
    ASSERT_EQ(gather_wait_us(&g, 33, 10000), 0);
}

TEST(nothing_to_write_is_nothing_to_wait_for) {
    Gather g = { 0 };
    gather_begin(&g, 32, 32, 4000, 10000);
    ASSERT_EQ(gather_wait_us(&g, 0, 10000), 0);
}

TEST(a_disk_of_just_that_pace_is_worth_waiting_for) {
    Gather g = { 0 };
    ASSERT_TRUE(gather_is_worth(1500));
    ASSERT_TRUE(!gather_is_worth(1499));
    gather_begin(&g, 1, 1, 1500, 10000);
    ASSERT_EQ(gather_wait_us(&g, 1, 10374), 1);
    ASSERT_EQ(gather_wait_us(&g, 1, 10375), 0);
    ASSERT_EQ(gather_wait_us(&g, 1, 10376), 0); /* and not less than nothing */
}

/* Who is done has to come again first: they may have nothing more to say. */
TEST(those_who_are_done_are_not_waited_for_alone) {
    Gather g = { 0 };
    gather_begin(&g, 32, 0, 4000, 10000);
    ASSERT_EQ(gather_wait_us(&g, 1, 10000), 0);
}

TEST(what_comes_behind_a_large_batch_waits_with_two_processors) {
    Gather g = { 0 };
    ASSERT_TRUE(!gather_apart(&g, 1499, 2)); /* nothing was done yet */
    gather_begin(&g, 48, 1, 200, 10000);
    ASSERT_TRUE(gather_apart(&g, 200, 1));
    ASSERT_TRUE(gather_apart(&g, 200, 2));
    ASSERT_TRUE(!gather_apart(&g, 200, 3));
    ASSERT_EQ(gather_wait_us(&g, 1, 10000), 0); /* and not any longer than that */
    gather_begin(&g, 47, 1, 200, 10000);
    ASSERT_TRUE(!gather_apart(&g, 200, 2));
}

TEST(what_comes_behind_any_batch_waits_with_a_slow_disk) {
    Gather g = { 0 };
    gather_begin(&g, 1, 1, 1500, 10000);
    ASSERT_TRUE(gather_apart(&g, 1500, 64));
    ASSERT_TRUE(!gather_apart(&g, 1499, 64));
}

TEST_MAIN

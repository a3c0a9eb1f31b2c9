/* SPDX-License-Identifier: Apache-2.0 */

#include "core/bucket.h"
#include "test.h"

static const BucketRate rate = { .per_second = 10, .burst = 5 };

TEST(so_much_at_once_and_so_much_a_second) {
    Bucket b = { 0 };
    for (int i = 0; i < 5; i++)
        ASSERT_TRUE(bucket_take(&b, &rate, 1, 1000));
    ASSERT_TRUE(!bucket_take(&b, &rate, 1, 1000));
    ASSERT_TRUE(!bucket_take(&b, &rate, 1, 1099));
    ASSERT_TRUE(bucket_take(&b, &rate, 1, 1100));
    ASSERT_TRUE(!bucket_has(&b, &rate, 2, 1200));
    ASSERT_TRUE(bucket_has(&b, &rate, 5, 1700));
}

TEST(it_is_never_emptier_than_empty) {
    Bucket b = { 0 };
    ASSERT_TRUE(bucket_is_empty(&b, &rate, 0));
    ASSERT_TRUE(bucket_take(&b, &rate, 5, 1000));
    ASSERT_TRUE(!bucket_is_empty(&b, &rate, 1400));
    ASSERT_TRUE(bucket_is_empty(&b, &rate, 1500));
    ASSERT_TRUE(bucket_take(&b, &rate, 5, 100000));
    ASSERT_TRUE(!bucket_take(&b, &rate, 1, 100000));
}

TEST(a_clock_that_stands_or_goes_back_gives_nothing) {
    Bucket b = { 0 };
    ASSERT_TRUE(bucket_take(&b, &rate, 5, 1000));
    ASSERT_TRUE(!bucket_take(&b, &rate, 1, 500));
}

TEST(a_full_one_leaks_like_any_other) {
    const BucketRate slow = { .per_second = 10, .burst = 5 };
    Bucket b = { 0 };
    bucket_fill(&b, &slow, 1000);
    ASSERT_TRUE(bucket_level(&b, &slow, 1000) == 5);
    ASSERT_TRUE(!bucket_take(&b, &slow, 1, 1000));
    ASSERT_TRUE(bucket_level(&b, &slow, 1200) == 3);
    ASSERT_TRUE(bucket_take(&b, &slow, 2, 1200));
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/retry.h"

static const RetryPolicy policy = { .first_ms = 1000, .cap_ms = 900000, .max_attempts = 16 };

TEST(delays_double_between_half_and_whole) {
    int64_t whole = 1000;
    for (uint32_t n = 1; n <= 9; n++, whole *= 2) {
        ASSERT_EQ(retry_delay_ms(&policy, n, 0), whole / 2);
        for (uint32_t r = 0; r < 5000; r++) {
            int64_t d = retry_delay_ms(&policy, n, r * 858993U);
            ASSERT_TRUE(d >= whole / 2 && d <= whole);
        }
        ASSERT_EQ(retry_delay_ms(&policy, n, (uint32_t)(whole / 2)), whole);
    }
}

TEST(delays_stop_at_the_cap) {
    for (uint32_t n = 11; n < 64; n++) {
        ASSERT_EQ(retry_delay_ms(&policy, n, 0), 450000);
        ASSERT_EQ(retry_delay_ms(&policy, n, 450000), 900000);
    }
    ASSERT_TRUE(retry_delay_ms(&policy, UINT32_MAX, UINT32_MAX) <= 900000);
}

TEST(delays_survive_odd_policies) {
    RetryPolicy p = { .first_ms = 5000, .cap_ms = 1000 };
    ASSERT_TRUE(retry_delay_ms(&p, 1, 12345) <= 1000);
    p = (RetryPolicy) { .first_ms = 1, .cap_ms = INT64_MAX };
    ASSERT_TRUE(retry_delay_ms(&p, 200, 7) > 0);
    ASSERT_TRUE(retry_delay_ms(&policy, 0, 7) <= 1000);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "base/bytes.h"

TEST(buffer_collects_and_ends_with_a_nul) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    ASSERT_STR(buf_text(&b), "");
    buf_add_text(&b, "abc");
    buf_add(&b, NULL, 0);
    buf_addf(&b, "-%d-%s", 7, "x");
    ASSERT_STR(buf_text(&b), "abc-7-x");
    ASSERT_EQ(buf_bytes(&b).n, 7);
}

TEST(buffer_grows_past_its_first_room) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    for (int i = 0; i < 10000; i++)
        buf_addf(&b, "%04d", i);
    ASSERT_EQ(b.n, 40000);
    ASSERT_EQ(memcmp(b.p + 4 * 1234, "1234", 4), 0);
    ASSERT_EQ(strlen(buf_text(&b)), 40000);
}

TEST(a_failed_buffer_stays_failed) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    buf_add_text(&b, "x");
    b.failed = true;
    buf_add_text(&b, "y");
    buf_addf(&b, "z");
    ASSERT_EQ(b.n, 1);
    ASSERT_TRUE(!buf_text(&b));
}

TEST(a_length_that_wraps_around_is_a_failure) {
    _cleanup_(buf_deinit) Buf b = { 0 };
    buf_add_text(&b, "x");
    buf_add(&b, "y", SIZE_MAX);
    ASSERT_TRUE(b.failed);
    ASSERT_EQ(b.n, 1);
}

TEST(byte_ranges_compare_by_content) {
    ASSERT_TRUE(bytes_equal(bytes_make(NULL, 0), bytes_make("", 0)));
    ASSERT_TRUE(bytes_equal(bytes_make("ab", 2), bytes_make("abc", 2)));
    ASSERT_TRUE(!bytes_equal(bytes_make("ab", 2), bytes_make("abc", 3)));
}

TEST_MAIN

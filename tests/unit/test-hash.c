/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "base/hash.h"

TEST(digest_of_abc_is_blake2b_with_256_bits) {
    static const uint8_t want[4] = { 0xbd, 0xdd, 0x81, 0x3c };
    uint8_t have[DIGEST_SIZE];
    ASSERT_OK(hash_init());
    hash_digest(bytes_make("abc", 3), have);
    ASSERT_EQ(memcmp(have, want, 4), 0);
    hash_digest(bytes_make(NULL, 0), have);
    ASSERT_EQ(have[0], 0x0e);
}

TEST(message_digest_sees_bytes_that_move_between_parts) {
    uint8_t a[DIGEST_SIZE], b[DIGEST_SIZE], c[DIGEST_SIZE];
    Bytes none = bytes_make(NULL, 0);
    hash_message(bytes_make("ab", 2), bytes_make("c", 1), none, a);
    hash_message(bytes_make("a", 1), bytes_make("bc", 2), none, b);
    hash_message(bytes_make("ab", 2), none, bytes_make("c", 1), c);
    ASSERT_TRUE(memcmp(a, b, DIGEST_SIZE) != 0);
    ASSERT_TRUE(memcmp(a, c, DIGEST_SIZE) != 0);
    hash_message(bytes_make("ab", 2), bytes_make("c", 1), none, b);
    ASSERT_EQ(memcmp(a, b, DIGEST_SIZE), 0);
    /* Parts that imitate what stands between parts. */
    hash_message(bytes_make("a\0\0\0\0\0\0\0\0b", 10), none, none, a);
    hash_message(bytes_make("a", 1), bytes_make("b\0\0\0\0\0\0\0\0", 9), none, b);
    ASSERT_TRUE(memcmp(a, b, DIGEST_SIZE) != 0);
}

/* The values are on disk: another key or byte order would make every stored row look damaged. */
TEST(row_checksums_never_change_between_versions) {
    ASSERT_TRUE(hash_64(bytes_make("abc", 3)) == UINT64_C(0x4f8e175d96b3386c));
    ASSERT_TRUE(hash_64_more(1, bytes_make("abc", 3)) != hash_64(bytes_make("abc", 3)));
    ASSERT_TRUE(hash_64(bytes_make(NULL, 0)) != 0);
}

TEST(random_bytes_differ) {
    uint8_t a[16] = { 0 }, b[16] = { 0 };
    random_fill(a, sizeof(a));
    random_fill(b, sizeof(b));
    ASSERT_TRUE(memcmp(a, b, sizeof(a)) != 0);
}

TEST_MAIN

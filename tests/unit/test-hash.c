/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "base/hash.h"

TEST(sha256_of_abc_is_the_one_of_fips_180) {
    static const uint8_t want[4] = { 0xba, 0x78, 0x16, 0xbf };
    uint8_t have[SHA256_SIZE];
    ASSERT_OK(hash_init());
    hash_sha256(bytes_make("abc", 3), have);
    ASSERT_EQ(memcmp(have, want, 4), 0);
    hash_sha256(bytes_make(NULL, 0), have);
    ASSERT_EQ(have[0], 0xe3);
}

TEST(message_digest_sees_bytes_that_move_between_parts) {
    uint8_t a[SHA256_SIZE], b[SHA256_SIZE], c[SHA256_SIZE];
    Bytes none = bytes_make(NULL, 0);
    hash_message(bytes_make("ab", 2), bytes_make("c", 1), none, a);
    hash_message(bytes_make("a", 1), bytes_make("bc", 2), none, b);
    hash_message(bytes_make("ab", 2), none, bytes_make("c", 1), c);
    ASSERT_TRUE(memcmp(a, b, SHA256_SIZE) != 0);
    ASSERT_TRUE(memcmp(a, c, SHA256_SIZE) != 0);
    hash_message(bytes_make("ab", 2), bytes_make("c", 1), none, b);
    ASSERT_EQ(memcmp(a, b, SHA256_SIZE), 0);
    /* Parts that imitate what stands between parts. */
    hash_message(bytes_make("a\0\0\0\0\0\0\0\0b", 10), none, none, a);
    hash_message(bytes_make("a", 1), bytes_make("b\0\0\0\0\0\0\0\0", 9), none, b);
    ASSERT_TRUE(memcmp(a, b, SHA256_SIZE) != 0);
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

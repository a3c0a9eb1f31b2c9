/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker signs of a message that it has, byte by byte as PROTOCOL.md section 7 says. */
#include "test.h"

#include "base/hash.h"
#include "core/acceptance.h"

TEST(the_statement_is_the_one_of_the_protocol) {
    ASSERT_OK(hash_init());
    uint8_t buf[ACCEPTANCE_MAX], want[ACCEPTANCE_MAX], *p = want;
    const Bytes envelope = bytes_make("envelope", 8);
    const Acceptance a = { .message_id = { { 1, [15] = 16 } },
                           .envelope = envelope,
                           .accepted_ms = 0x0102030405060708,
                           .sender = "dsk/3203",
                           .broker = "upt/satria" };
    memcpy(p, a.message_id.b, UUID_SIZE);
    p += UUID_SIZE;
    hash_digest(envelope, p);
    p += DIGEST_SIZE;
    static const char rest[] = "\1\2\3\4\5\6\7\10" /* highest first */
                               "dsk/3203\0"
                               "upt/satria";
    memcpy(p, rest, sizeof(rest) - 1);
    p += sizeof(rest) - 1;
    const Bytes b = acceptance_statement(&a, buf);
    ASSERT_EQ(b.n, (size_t)(p - want));
    assert_memory_equal(b.p, want, b.n);
}

/* Names of the greatest length, and no two statements alike. */
TEST(the_longest_names_fit_and_are_kept_apart) {
    char one[NODE_NAME_SIZE], two[NODE_NAME_SIZE];
    uint8_t buf[ACCEPTANCE_MAX], other[ACCEPTANCE_MAX];
    memset(one, 'a', sizeof(one));
    memset(two, 'a', sizeof(two));
    one[NODE_NAME_SIZE - 1] = two[NODE_NAME_SIZE - 1] = '\0';
    Acceptance a = { .sender = one, .broker = two };
    const Bytes full = acceptance_statement(&a, buf);
    ASSERT_EQ(full.n, ACCEPTANCE_MAX - 1);
    /* one letter from the sender to the broker: not the same */
    a.broker = "aa";
    a.sender = "a";
    const Bytes x = acceptance_statement(&a, buf);
    a.broker = "a";
    a.sender = "aa";
    const Bytes y = acceptance_statement(&a, other);
    ASSERT_EQ(x.n, y.n);
    ASSERT_TRUE(memcmp(x.p, y.p, x.n) != 0);
}

TEST_MAIN

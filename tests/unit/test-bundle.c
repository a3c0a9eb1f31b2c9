/* SPDX-License-Identifier: Apache-2.0 */
/* How much goes into one bundle. */
#include "test.h"

#include "core/bundle.h"

#define FIXED 192U
#define NAMED 96U

TEST(a_message_costs_its_parts_its_signature_and_whom_it_names) {
    const Bytes parts[] = { bytes_make("abc", 3), bytes_make("de", 2), { 0 } };
    SignatureBytes none = { 0 }, some = { .n = 100 };
    Forward f = { .n_recipients = 3, .n_stamps = 2 };
    ASSERT_EQ(bundle_cost(NULL, &none, parts, 3), FIXED + 5);
    ASSERT_EQ(bundle_cost(NULL, &none, parts, 1), FIXED + 3);
    ASSERT_EQ(bundle_cost(NULL, &some, parts, 3), FIXED + 105);
    /* a DELIVER has its stamps twice */
    ASSERT_EQ(bundle_cost(&f, &none, parts, 3), FIXED + 5 + (3 + 2 * 2) * NAMED);
}

TEST(a_bundle_is_full_by_bytes_and_by_messages) {
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    const Bytes part = bytes_make("x", 1);
    ASSERT_TRUE(bundle_has_room(b, BUNDLE_BYTES));
    ASSERT_TRUE(!bundle_has_room(b, BUNDLE_BYTES + 1));
    bundle_add(b, BUNDLE_BYTES - 10, &part, 1);
    ASSERT_TRUE(bundle_has_room(b, 10));
    ASSERT_TRUE(!bundle_has_room(b, 11));
    bundle_reset(b);
    ASSERT_TRUE(bundle_has_room(b, BUNDLE_BYTES));
    for (unsigned i = 0; i < BUNDLE_MAX; i++) {
        ASSERT_TRUE(bundle_has_room(b, 1));
        bundle_add(b, 1, &part, 1);
    }
    ASSERT_TRUE(!bundle_has_room(b, 1));
}

TEST(what_is_given_back_is_what_was_put_in) {
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    const Bytes one[] = { bytes_make("abc", 3), { 0 }, bytes_make("z", 1) };
    const Bytes two[] = { bytes_make("de", 2), bytes_make("f", 1) };
    Bytes out[BUNDLE_PARTS];
    size_t at = 0;
    bundle_add(b, 1, one, 3);
    bundle_reset(b); /* nothing of the last one is left */
    bundle_add(b, 1, one, 3);
    bundle_add(b, 1, two, 2);
    ASSERT_EQ(bundle_next(b, 0, &at, out), 3);
    ASSERT_TRUE(bytes_equal(out[0], one[0]) && out[1].n == 0 && bytes_equal(out[2], one[2]));
    ASSERT_EQ(bundle_next(b, 1, &at, out), 2);
    ASSERT_TRUE(bytes_equal(out[0], two[0]) && bytes_equal(out[1], two[1]) && out[2].n == 0);
    ASSERT_EQ(at, 7);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <errno.h>

#include "base/hash.h"
#include "base/uuid.h"

TEST(parse_and_format_are_inverse) {
    char text[UUID_TEXT_SIZE];
    Uuid u;
    ASSERT_OK(uuid_parse("0195A1b2-C3d4-7e5f-8a90-0123456789aB", &u));
    ASSERT_EQ(u.b[0], 0x01);
    ASSERT_EQ(u.b[15], 0xab);
    uuid_format(&u, text);
    ASSERT_STR(text, "0195a1b2-c3d4-7e5f-8a90-0123456789ab");
}

TEST(nonsense_is_refused_and_leaves_the_output_alone) {
    static const char *const bad[] = {
        "",
        "0",
        "0195a1b2-c3d4-7e5f-8a90-0123456789a",
        "0195a1b2-c3d4-7e5f-8a90-0123456789abc",
        "0195a1b2c3d47e5f8a900123456789ab",
        "0195a1b2-c3d4-7e5f-8a90-0123456789ag",
        "0195a1b2-c3d4-7e5f-8a9-00123456789ab",
        "{195a1b2-c3d4-7e5f-8a90-0123456789ab",
        " 195a1b2-c3d4-7e5f-8a90-0123456789ab",
        "0195a1b2-c3d4-7e5f-8a90-",
    };
    Uuid u = { { 7 } };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ASSERT_EQ(uuid_parse(bad[i], &u), -EINVAL);
    ASSERT_EQ(u.b[0], 7);
}

TEST(version_7_starts_with_the_time) {
    Uuid a = uuid_v7(0x0123456789ab), b = uuid_v7(0x0123456789ab), c = uuid_v7(0x0123456789ac);
    static const uint8_t time[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab };
    ASSERT_EQ(memcmp(a.b, time, 6), 0);
    ASSERT_EQ(a.b[6] >> 4, 7);
    ASSERT_EQ(a.b[8] >> 6, 2);
    ASSERT_TRUE(!uuid_equal(&a, &b));
    ASSERT_TRUE(memcmp(c.b, b.b, UUID_SIZE) > 0);
    ASSERT_EQ(uuid_v7(-5).b[0], 0);
}

TEST(version_4_is_random_and_marked) {
    Uuid a = uuid_v4(), b = uuid_v4();
    ASSERT_EQ(a.b[6] >> 4, 4);
    ASSERT_EQ(a.b[8] >> 6, 2);
    ASSERT_TRUE(!uuid_equal(&a, &b));
}

TEST(derived_ids_depend_on_the_input_alone) {
    Uuid a = uuid_derive(bytes_make("x", 1)), b = uuid_derive(bytes_make("x", 1));
    Uuid c = uuid_derive(bytes_make("y", 1));
    ASSERT_TRUE(uuid_equal(&a, &b));
    ASSERT_TRUE(!uuid_equal(&a, &c));
    ASSERT_EQ(a.b[6] >> 4, 8);
}

TEST(a_derived_id_may_have_the_form_of_version_7) {
    Uuid a = uuid_derive_v7(0x123456789abc, bytes_make("x", 1));
    Uuid b = uuid_derive_v7(0x123456789abc, bytes_make("x", 1));
    Uuid c = uuid_derive_v7(0x123456789abc, bytes_make("y", 1)),
         d = uuid_derive(bytes_make("x", 1));
    ASSERT_TRUE(uuid_equal(&a, &b) && !uuid_equal(&a, &c));
    ASSERT_EQ(memcmp(a.b, "\x12\x34\x56\x78\x9a\xbc", 6), 0);
    ASSERT_EQ(a.b[6] >> 4, 7);
    ASSERT_TRUE(uuid_is_derived(&d) && !uuid_is_derived(&a));
}

TEST(nil_is_all_zero) {
    Uuid u = { { 0 } };
    ASSERT_TRUE(uuid_is_nil(&u));
    u.b[15] = 1;
    ASSERT_TRUE(!uuid_is_nil(&u));
}

TEST(an_identity_number_is_known_for_one) {
    static const char *const yes[] = {
        "33323033-3031-3435-3032-313230303031", /* its digits */
        "32030145-0212-0001-0000-000000000000", "32030105-0212-0001-ffff-ffffffffffff",
        "00000000-0000-0000-3203-014502120001", /* as hexadecimal digits */
        "00000000-0000-0000-000b-611fed9bfa41", /* as a number */
        "000b611f-ed9b-fa41-0000-000000000000",
    };
    static const char *const no[] = {
        "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001",
        "11111111-1111-1111-1111-111111111111", "01957dd0-f0c0-78ad-acb4-a3bd2285cd54",
        "32030145-0212-0001-0000-000000000001", "00000000-0000-0000-3203-014599120001",
        "00000000-0000-0000-3203-019902120001", "0a000000-0000-0000-0000-000000000000",
        "30303030-3030-3030-3030-30303030303a",
    };
    Uuid u;
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        ASSERT_OK(uuid_parse(yes[i], &u));
        const Uuid left = uuid_unless_nik(&u);
        if (!uuid_is_nik(&u) || !uuid_is_nil(&left))
            fail_msg("not seen: %s", yes[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
        ASSERT_OK(uuid_parse(no[i], &u));
        const Uuid left = uuid_unless_nik(&u);
        if (uuid_is_nik(&u) || !uuid_equal(&left, &u))
            fail_msg("taken for one: %s", no[i]);
    }
}

TEST_MAIN

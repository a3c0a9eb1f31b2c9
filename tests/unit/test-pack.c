/* SPDX-License-Identifier: Apache-2.0 */

#include "base/pack.h"
#include "test.h"

static const Uuid ID = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16 } };

TEST(what_is_packed_is_taken_in_the_same_order) {
    static const uint64_t numbers[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX };
    uint8_t buf[256];
    char text[8];
    Packer k = { .p = buf, .size = sizeof(buf) };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        pack_number(&k, numbers[i]);
    pack_text(&k, "dsk/320");
    pack_text(&k, "");
    pack_id(&k, &ID);
    pack_date(&k, (CivilDate) { 2024, 2, 29 });
    pack_date(&k, (CivilDate) { 0 });
    ASSERT_TRUE(pack_end(&k) > 0);
    Unpacker u = unpack_start(bytes_make(buf, pack_end(&k)));
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        ASSERT_TRUE(unpack_number(&u, UINT64_MAX) == numbers[i]);
    unpack_text(&u, text, sizeof(text));
    ASSERT_STR(text, "dsk/320");
    unpack_text(&u, text, sizeof(text));
    ASSERT_STR(text, "");
    Uuid id = unpack_id(&u);
    ASSERT_TRUE(uuid_equal(&id, &ID));
    ASSERT_EQ(civil_compare(unpack_date(&u), (CivilDate) { 2024, 2, 29 }), 0);
    ASSERT_TRUE(!civil_is_set(unpack_date(&u)));
    ASSERT_TRUE(unpack_end(&u) && !unpack_more(&u));
    (void)unpack_number(&u, 1);
    ASSERT_TRUE(u.failed && !unpack_end(&u));
}

TEST(a_full_buffer_stays_failed) {
    uint8_t buf[4] = { 0, 0, 0, 0xaa };
    Packer k = { .p = buf, .size = 3 };
    pack_text(&k, "ab");
    pack_number(&k, 1);
    pack_bytes(&k, NULL, 0);
    ASSERT_EQ(pack_end(&k), 0);
    ASSERT_EQ(buf[3], 0xaa);
}

static bool number_is_taken(Bytes b, uint64_t max) {
    Unpacker u = unpack_start(b);
    (void)unpack_number(&u, max);
    return unpack_end(&u);
}

static bool text_is_taken(Bytes b) {
    char text[4] = "???";
    Unpacker u = unpack_start(b);
    unpack_text(&u, text, sizeof(text));
    ASSERT_TRUE(memchr(text, '\0', sizeof(text)) != NULL);
    return unpack_end(&u);
}

static bool day_is_taken(unsigned year, unsigned month, unsigned day) {
    uint8_t buf[8];
    Packer k = { .p = buf, .size = sizeof(buf) };
    pack_number(&k, (uint64_t)year << 9 | month << 5 | day);
    Unpacker u = unpack_start(bytes_make(buf, k.n));
    (void)unpack_date(&u);
    return unpack_end(&u);
}

TEST(values_that_cannot_be_are_not_taken) {
    ASSERT_TRUE(number_is_taken(bytes_make("\x07", 1), 7));
    ASSERT_TRUE(!number_is_taken(bytes_make("\x08", 1), 7));
    ASSERT_TRUE(!number_is_taken(bytes_make("\x80", 1), UINT64_MAX));
    ASSERT_TRUE(!number_is_taken((Bytes) { 0 }, UINT64_MAX));
    ASSERT_TRUE(
        number_is_taken(bytes_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10), UINT64_MAX));
    ASSERT_TRUE(
        !number_is_taken(bytes_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10), UINT64_MAX));
    ASSERT_TRUE(!number_is_taken(bytes_make("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11),
                                 UINT64_MAX));
    ASSERT_TRUE(text_is_taken(bytes_make("\3abc", 4)));
    ASSERT_TRUE(!text_is_taken(bytes_make("\4abcd", 5)));
    ASSERT_TRUE(!text_is_taken(bytes_make("\3ab", 3)));
    ASSERT_TRUE(!text_is_taken(bytes_make("\3a\0b", 4)));
    ASSERT_TRUE(day_is_taken(2025, 2, 28) && day_is_taken(0, 0, 0));
    ASSERT_TRUE(!day_is_taken(2025, 2, 30) && !day_is_taken(0, 1, 1) && !day_is_taken(2025, 0, 1));
    ASSERT_TRUE(!day_is_taken(10000, 1, 1));
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf written from its end: the bytes that protobuf-c would make. */
#include "test.h"

#include "wire/back.h"

static void assert_bytes(Back *b, const char *want, size_t n_want) {
    _cleanup_(freep) uint8_t *p = NULL;
    size_t n;
    ASSERT_OK(back_finish(b, &p, &n));
    assert_non_null(p);
    ASSERT_EQ(n, n_want);
    assert_memory_equal(p, want, n);
}
#define ASSERT_BYTES(b, want) assert_bytes((b), (want), sizeof(want) - 1)

TEST(numbers_take_no_byte_too_many_and_none_too_few) {
    for (unsigned bits = 1; bits <= 64; bits++) {
        const uint64_t least = UINT64_C(1) << (bits - 1), most = least | (least - 1);
        for (int k = 0; k < 2; k++) {
            _cleanup_(freep) uint8_t *p = NULL;
            size_t n;
            uint64_t v = 0;
            Back b = { 0 };
            back_number(&b, 1, k ? most : least);
            ASSERT_OK(back_finish(&b, &p, &n));
            ASSERT_EQ(n, 1 + (bits + 6) / 7);
            for (size_t i = 1; i < n; i++) {
                ASSERT_EQ(p[i] >> 7, i + 1 < n); /* more follow */
                v |= (uint64_t)(p[i] & 0x7f) << (7 * (i - 1));
            }
            ASSERT_EQ(v, k ? most : least);
        }
    }
}

TEST(a_negative_enum_is_written_as_a_number_of_64_bits) {
    Back b = { 0 };
    back_enum(&b, 2, -1);
    ASSERT_BYTES(&b, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(nothing_is_written_for_zero_and_empty) {
    static const Uuid nil;
    Back b = { 0 };
    back_number(&b, 1, 0);
    back_numbers(&b, 2, 0, NULL);
    back_fixed64(&b, 3, 0);
    back_bytes(&b, 4, (Bytes) { 0 });
    back_text(&b, 5, "");
    back_text(&b, 6, NULL);
    back_uuid(&b, 7, &nil);
    ASSERT_BYTES(&b, "");
}

TEST(an_entry_and_a_message_inside_are_there_though_empty) {
    Back b = { 0 };
    back_entry(&b, 2, (Bytes) { 0 });
    back_message(&b, 1, b.n);
    ASSERT_BYTES(&b, "\x0a\x00\x12\x00");
}

TEST(fields_stand_in_their_order_and_lists_in_theirs) {
    static const uint32_t list[] = { 1, 300 };
    Back b = { 0 };
    back_fixed64(&b, 4, 0x0102030405060708U);
    const size_t mark = b.n;
    back_text(&b, 1, "x");
    back_message(&b, 3, mark);
    back_numbers(&b, 2, 2, list);
    back_number(&b, 1, 128);
    ASSERT_BYTES(&b, "\x08\x80\x01"
                     "\x12\x03\x01\xac\x02"
                     "\x1a\x03\x0a\x01x"
                     "\x21\x08\x07\x06\x05\x04\x03\x02\x01");
}

/* However often it has to grow, and wherever that happens. */
TEST(what_was_written_is_not_lost_when_it_grows) {
    uint8_t text[700];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)i;
    for (size_t first = 1; first < sizeof(text); first++) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        Back b = { 0 };
        back_reserve(&b, first % 7);
        back_entry(&b, 2, bytes_make(text, first));
        back_entry(&b, 1, bytes_make(text, sizeof(text) - first));
        ASSERT_OK(back_finish(&b, &p, &n));
        ASSERT_TRUE(n > sizeof(text));
        assert_memory_equal(p + n - first, text, first);
        assert_memory_equal(p + (sizeof(text) - first < 128 ? 2 : 3), text, sizeof(text) - first);
    }
}

/* What was reserved takes it without being moved. */
TEST(there_is_as_much_room_as_was_reserved) {
    uint8_t text[4000] = { 1 };
    Back b = { 0 };
    back_number(&b, 1, 1);
    back_reserve(&b, sizeof(text) + 8);
    const uint8_t *at = b.buf;
    back_entry(&b, 2, bytes_make(text, sizeof(text)));
    ASSERT_TRUE(b.buf == at);
    back_reserve(&b, b.room - b.n + 1);
    ASSERT_TRUE(b.buf != at || b.room - b.n > 0);
    back_deinit(&b);
}

TEST_MAIN

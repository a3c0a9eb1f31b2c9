/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "serasi/v1/common.pb-c.h"
#include "serasi/v1/envelope.pb-c.h"
#include "serasi/v1/session.pb-c.h"
#include "test.h"
#include "wire/arena.h"
#include "wire/guard.h"

#define FRAME    (&serasi__v1__frame__descriptor)
#define ENVELOPE (&serasi__v1__envelope__descriptor)
#define CHECK(d, ...)                                                                              \
    ({                                                                                             \
        static const uint8_t bytes_[] = { __VA_ARGS__ };                                           \
        guard_check((d), bytes_make(bytes_, sizeof(bytes_)), &guard_limits_default);               \
    })

/* A message that holds itself: field 1 single, field 2 repeated. The schemas have none, so it is
 * built by hand. */
static const ProtobufCMessageDescriptor nest;
static const ProtobufCFieldDescriptor nest_fields[] = {
    { .name = "one",
      .id = 1,
      .label = PROTOBUF_C_LABEL_NONE,
      .type = PROTOBUF_C_TYPE_MESSAGE,
      .descriptor = &nest },
    { .name = "many",
      .id = 2,
      .label = PROTOBUF_C_LABEL_REPEATED,
      .type = PROTOBUF_C_TYPE_MESSAGE,
      .descriptor = &nest },
};
static const ProtobufCIntRange nest_ranges[] = { { 1, 0 }, { 0, 2 } };
static const ProtobufCMessageDescriptor nest = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "Nest",
    .n_fields = 2,
    .fields = nest_fields,
    .n_field_ranges = 1,
    .field_ranges = nest_ranges,
};

/* The verdict, and that it came quickly: a bomb must not cost its sender's neighbours anything. The
 * bound is generous (sanitizers, loaded machines); the time is printed for those who measure. */
static GuardVerdict verdict_in_time(const char *what, const ProtobufCMessageDescriptor *d,
                                    const uint8_t *p, size_t n) {
    struct timespec before, after;
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    GuardVerdict v = guard_check(d, bytes_make(p, n), &guard_limits_default);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    double ms = (double)(after.tv_sec - before.tv_sec) * 1e3 +
                (double)(after.tv_nsec - before.tv_nsec) / 1e6;
    print_message("%s: %zu bytes, %s, %.3f ms\n", what, n, guard_verdict_text(v), ms);
    ASSERT_TRUE(ms < 100);
    return v;
}

TEST(nothing_is_a_message) {
    ASSERT_EQ(guard_check(FRAME, (Bytes) { 0 }, &guard_limits_default), GUARD_OK);
}

TEST(too_many_bytes_are_refused) {
    const GuardLimits four = { .bytes = 4, .depth = 8, .fields = 8, .unknown_fields = 8 };
    static const uint8_t b[] = { 0x18, 1, 0x18, 2, 0x18 };
    ASSERT_EQ(guard_check(ENVELOPE, bytes_make(b, 4), &four), GUARD_OK);
    ASSERT_EQ(guard_check(ENVELOPE, bytes_make(b, 5), &four), GUARD_TOO_LARGE);
}

TEST(lengths_and_numbers_stay_inside) {
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 3, 'h', 'u', 'b'), GUARD_OK);
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 4, 'h', 'u', 'b'), GUARD_TRUNCATED);
    ASSERT_EQ(CHECK(ENVELOPE, 0x22), GUARD_TRUNCATED);
    ASSERT_EQ(CHECK(ENVELOPE, 0x18), GUARD_TRUNCATED);
    ASSERT_EQ(CHECK(ENVELOPE, 0x18, 0x80), GUARD_TRUNCATED);
    ASSERT_EQ(CHECK(ENVELOPE, 0x71, 1, 2, 3, 4, 5, 6, 7), GUARD_TRUNCATED);
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 0xff, 0xff, 0xff, 0xff, 0x0f), GUARD_TRUNCATED);
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
              GUARD_TRUNCATED);
    ASSERT_EQ(CHECK(ENVELOPE, 0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1),
              GUARD_TRUNCATED); /* a varint of eleven bytes */
}

TEST(wire_types_fit_their_fields) {
    ASSERT_EQ(CHECK(ENVELOPE, 0x1a, 1, 'x'), GUARD_BAD_WIRE_TYPE);     /* schema as text */
    ASSERT_EQ(CHECK(ENVELOPE, 0x20, 1), GUARD_BAD_WIRE_TYPE);          /* sender as number */
    ASSERT_EQ(CHECK(ENVELOPE, 0x75, 1, 2, 3, 4), GUARD_BAD_WIRE_TYPE); /* created_at, 32 bits */
    ASSERT_EQ(CHECK(ENVELOPE, 0x00, 1), GUARD_BAD_WIRE_TYPE);          /* field 0 */
    ASSERT_EQ(CHECK(ENVELOPE, 0xff, 0xff, 0xff, 0xff, 0x7f, 1), GUARD_BAD_WIRE_TYPE); /* huge tag */
}

TEST(groups_are_refused) {
    ASSERT_EQ(CHECK(ENVELOPE, 0xa3, 0x06, 0xa4, 0x06), GUARD_BAD_WIRE_TYPE); /* unknown field */
    ASSERT_EQ(CHECK(ENVELOPE, 0x2b, 0x2c), GUARD_BAD_WIRE_TYPE);             /* audience */
    ASSERT_EQ(CHECK(ENVELOPE, 0x1e), GUARD_BAD_WIRE_TYPE);
    ASSERT_EQ(CHECK(ENVELOPE, 0x1f), GUARD_BAD_WIRE_TYPE);
}

TEST(a_single_submessage_comes_once) {
    ASSERT_EQ(CHECK(ENVELOPE, 0x2a, 0), GUARD_OK);
    ASSERT_EQ(CHECK(ENVELOPE, 0x2a, 0, 0x2a, 0), GUARD_REPEATED_MESSAGE);
    ASSERT_EQ(CHECK(ENVELOPE, 0x2a, 4, 0x12, 0, 0x12, 0), GUARD_REPEATED_MESSAGE); /* inside */
    ASSERT_EQ(CHECK(ENVELOPE, 0x18, 1, 0x18, 2), GUARD_OK); /* of a number the last one counts */
}

TEST(a_oneof_has_one_member) {
    ASSERT_EQ(CHECK(FRAME, 0x62, 0), GUARD_OK);
    ASSERT_EQ(CHECK(FRAME, 0x62, 0, 0x62, 0), GUARD_REPEATED_MESSAGE);
    ASSERT_EQ(CHECK(FRAME, 0x62, 0, 0x6a, 0), GUARD_REPEATED_MESSAGE); /* PING and PONG */
}

TEST(text_is_utf8_without_nul) {
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 2, 0xc3, 0xa9), GUARD_OK);
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 1, 0), GUARD_BAD_TEXT);
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 1, 0xc3), GUARD_BAD_TEXT);
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 2, 0xc0, 0x80), GUARD_BAD_TEXT);       /* overlong NUL */
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 3, 0xed, 0xa0, 0x80), GUARD_BAD_TEXT); /* surrogate */
    ASSERT_EQ(CHECK(ENVELOPE, 0x22, 1, 0x1b), GUARD_BAD_TEXT);             /* escape */
    ASSERT_EQ(CHECK(ENVELOPE, 0x0a, 1, 0), GUARD_OK);                      /* bytes may hold all */
}

TEST(packed_and_unpacked_lists_are_one) {
    const ProtobufCMessageDescriptor *filter = &serasi__v1__filter__descriptor;
    const GuardLimits three = { .bytes = 64, .depth = 1, .fields = 3, .unknown_fields = 0 };
    static const uint8_t packed3[] = { 0x0a, 4, 1, 0x80, 1, 3 },
                         packed4[] = { 0x0a, 4, 1, 2, 3, 4 };
    static const uint8_t apart4[] = { 8, 1, 8, 2, 8, 3, 8, 4 }, cut[] = { 0x0a, 2, 1, 0x80 };
    ASSERT_EQ(guard_check(filter, bytes_make(packed3, sizeof(packed3)), &three), GUARD_OK);
    ASSERT_EQ(guard_check(filter, bytes_make(packed4, sizeof(packed4)), &three),
              GUARD_TOO_MANY_FIELDS);
    ASSERT_EQ(guard_check(filter, bytes_make(apart4, sizeof(apart4)), &three),
              GUARD_TOO_MANY_FIELDS);
    ASSERT_EQ(guard_check(filter, bytes_make(cut, sizeof(cut)), &three), GUARD_TRUNCATED);
}

TEST(unknown_fields_are_skipped_up_to_a_number) {
    uint8_t b[2 * 65 + 65];
    size_t n = 0;
    for (int i = 0; i < 65; i++) {
        memcpy(b + n, (const uint8_t[]) { 0xa0, 0x06, 1 }, 3); /* field 100 */
        n += 3;
    }
    ASSERT_EQ(guard_check(ENVELOPE, bytes_make(b, n - 3), &guard_limits_default), GUARD_OK);
    ASSERT_EQ(guard_check(ENVELOPE, bytes_make(b, n), &guard_limits_default),
              GUARD_TOO_MANY_UNKNOWN);
}

TEST(depth_is_bounded) {
    uint8_t b[16];
    for (size_t depth = 1; depth <= 8; depth++) {
        for (size_t i = 0; i < depth - 1; i++) {
            b[2 * i] = 0x0a;
            b[2 * i + 1] = (uint8_t)(2 * (depth - 2 - i));
        }
        ASSERT_EQ(guard_check(&nest, bytes_make(b, 2 * (depth - 1)), &guard_limits_default),
                  GUARD_OK);
    }
    for (size_t i = 0; i < 8; i++) {
        b[2 * i] = 0x0a;
        b[2 * i + 1] = (uint8_t)(14 - 2 * i);
    }
    ASSERT_EQ(guard_check(&nest, bytes_make(b, 16), &guard_limits_default), GUARD_TOO_DEEP);
}

TEST(a_merge_bomb_is_refused_quickly) {
    size_t n = 128 * 1024;
    _cleanup_(freep) uint8_t *b = malloc(n);
    for (size_t i = 0; i < n; i += 2)
        memcpy(b + i, (const uint8_t[]) { 0x2a, 0 }, 2);
    ASSERT_EQ(verdict_in_time("merge bomb", ENVELOPE, b, n), GUARD_REPEATED_MESSAGE);
}

TEST(a_mebibyte_of_unknown_fields_is_refused_quickly) {
    size_t n = 1024 * 1024;
    _cleanup_(freep) uint8_t *b = malloc(n);
    for (size_t i = 0; i < n; i += 2)
        memcpy(b + i, (const uint8_t[]) { 0x78, 0 }, 2); /* field 15 of a Date */
    ASSERT_EQ(verdict_in_time("unknown fields", &serasi__v1__date__descriptor, b, n),
              GUARD_TOO_MANY_UNKNOWN);
}

TEST(a_deep_message_is_refused_quickly) {
    /* from the inside out: each level is tag, length, content */
    enum { LEVELS = 20000 };
    size_t room = 5 * LEVELS, inside = 0;
    _cleanup_(freep) uint8_t *b = malloc(room);
    for (int i = 0; i < LEVELS; i++) {
        uint8_t length[4];
        size_t k = 0, v = inside;
        do {
            length[k++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
            v >>= 7;
        } while (v > 0);
        inside += 1 + k;
        uint8_t *at = b + room - inside;
        at[0] = 0x0a;
        memcpy(at + 1, length, k);
    }
    ASSERT_EQ(verdict_in_time("nesting", &nest, b + room - inside, inside), GUARD_TOO_DEEP);
}

TEST(half_a_million_empty_submessages_are_refused_quickly) {
    size_t n = 1024 * 1024;
    _cleanup_(freep) uint8_t *b = malloc(n);
    for (size_t i = 0; i < n; i += 2)
        memcpy(b + i, (const uint8_t[]) { 0x12, 0 }, 2);
    ASSERT_EQ(verdict_in_time("empty submessages", &nest, b, n), GUARD_TOO_MANY_FIELDS);
}

TEST(what_passes_with_the_most_fields_is_quick_too) {
    size_t n = 1024 * 1024;
    _cleanup_(freep) uint8_t *b = calloc(1, n);
    memcpy(b, (const uint8_t[]) { 0x22, 0xfb, 0xff, 0x3f }, 4); /* one text as long as allowed */
    memset(b + 4, 'a', n - 4);
    ASSERT_EQ(verdict_in_time("long text", ENVELOPE, b, n - 1), GUARD_OK);
}

/* The dearest for its size: each of these takes two bytes and becomes the largest submessage of all
 * that are in lists. */
TEST(what_passes_is_read_within_its_budget) {
    enum { MANY = 2040 };
    static Serasi__V1__PublishResult none = SERASI__V1__PUBLISH_RESULT__INIT;
    Serasi__V1__PublishResult *list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = &none;
    Serasi__V1__Published published = SERASI__V1__PUBLISHED__INIT;
    published.results = list;
    published.n_results = MANY;
    Serasi__V1__Frame f = SERASI__V1__FRAME__INIT;
    f.body_case = SERASI__V1__FRAME__BODY_PUBLISHED;
    f.published = &published;
    uint8_t b[2 * MANY + 16];
    const size_t n = serasi__v1__frame__pack(&f, b);
    ASSERT_EQ(guard_check(FRAME, bytes_make(b, n), &guard_limits_default), GUARD_OK);
    _cleanup_(arena_freep) Arena *a = arena_new_for(n);
    assert_non_null(protobuf_c_message_unpack(FRAME, arena_allocator(a), n, b));
    ASSERT_TRUE(!arena_is_over_budget(a));
    ASSERT_TRUE(arena_used(a) < 512 * 1024);
}

TEST(every_verdict_has_a_text) {
    for (int v = GUARD_OK; v <= GUARD_BAD_WIRE_TYPE; v++)
        assert_string_not_equal(guard_verdict_text((GuardVerdict)v), "malformed");
}

TEST_MAIN

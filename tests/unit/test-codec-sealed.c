/* SPDX-License-Identifier: Apache-2.0 */

/* The sealed part as bytes. */

#include "core/limits.h"
#include "sealed-golden.h"
#include "test.h"
#include "wire/codec.h"

static int open_part(Bytes part, const SealKey *k, Secret *ret) {
    _cleanup_(sealed_deinit) Sealed s = { 0 };
    const SealBinding of = golden_binding();
    const char *why = NULL;
    const int r = codec_decode_sealed(part, &s, &why);
    if (r != 0) {
        ASSERT_TRUE(r == WIRE_MALFORMED || r == WIRE_TOO_LARGE);
        assert_non_null(why);
        assert_null(s.body);
        return SEAL_BROKEN;
    }
    return seal_open(&of, &s, k, 1, ret);
}

TEST(a_part_made_by_others_opens) {
    static const char *const whom[] = { "recipient one", "recipient two" };
    const Bytes part = golden_part();
    ASSERT_OK(hash_init());
    for (size_t i = 0; i < ARRAY_SIZE(whom); i++) {
        _cleanup_(secret_deinit) Secret text = { 0 };
        const SealKey k = golden_key(whom[i]);
        ASSERT_OK(open_part(part, &k, &text));
        ASSERT_EQ(text.n, strlen(GOLDEN_TEXT));
        assert_memory_equal(text.p, GOLDEN_TEXT, text.n);
    }
    _cleanup_(secret_deinit) Secret text = { 0 };
    const SealKey k = golden_key("recipient three");
    ASSERT_EQ(open_part(part, &k, &text), SEAL_NOT_FOR_US);
    free((void *)part.p);
}

/* Whatever is changed, it does not open to another text; only the wrap of somebody else may be
 * changed unseen, and then the digest in the envelope tells. */
TEST(no_changed_byte_opens_to_another_text) {
    const Bytes part = golden_part();
    const SealKey k = golden_key("recipient two");
    uint8_t *p = (uint8_t *)part.p;
    size_t unseen = 0;
    for (size_t i = 0; i < part.n; i++) {
        for (unsigned bit = 1; bit < 256; bit *= 2) {
            _cleanup_(secret_deinit) Secret text = { 0 };
            p[i] ^= (uint8_t)bit;
            if (open_part(part, &k, &text) == 0) {
                ASSERT_EQ(text.n, strlen(GOLDEN_TEXT));
                assert_memory_equal(text.p, GOLDEN_TEXT, text.n);
                unseen++;
            }
            p[i] ^= (uint8_t)bit;
        }
    }
    ASSERT_TRUE(unseen <= (KEY_ID_SIZE + SEAL_BOX_SIZE + 6) * 8U); /* 6: its framing */
    free(p);
}

TEST(no_shorter_or_longer_part_opens) {
    const Bytes part = golden_part();
    const SealKey k = golden_key("recipient one");
    uint8_t *longer = calloc(1, part.n + 1);
    for (size_t n = 0; n < part.n; n++) {
        _cleanup_(secret_deinit) Secret text = { 0 };
        ASSERT_TRUE(open_part(bytes_make(part.p, n), &k, &text) != 0);
    }
    _cleanup_(secret_deinit) Secret text = { 0 };
    memcpy(longer, part.p, part.n);
    ASSERT_TRUE(open_part(bytes_make(longer, part.n + 1), &k, &text) != 0);
    free(longer);
    free((void *)part.p);
}

TEST(what_is_encoded_is_decoded_as_the_same) {
    static const SealPublic none;
    const SealBinding of = golden_binding();
    static SealPublic publics[SEAL_WRAPS_MAX];
    const size_t counts[] = { 1, 3, SEAL_WRAPS_MAX }, sizes[] = { 0, 5000, 1032191 };
    static uint8_t text[1032191];
    SealKey k;
    seal_key_new(&k);
    for (size_t i = 0; i < SEAL_WRAPS_MAX; i++)
        publics[i] = k.public;
    ASSERT_TRUE(!public_key_is_set(none.b));
    for (size_t i = 0; i < 3; i++) {
        Sealed s = { 0 }, again = { 0 };
        uint8_t *p = NULL;
        size_t n = 0, bad;
        const char *why = NULL;
        ASSERT_OK(seal_text(&of, bytes_make(text, sizes[i]), publics, counts[i], &s, &bad));
        ASSERT_OK(codec_encode_sealed(&s, &p, &n));
        ASSERT_TRUE(n <= SEALED_MAX);
        ASSERT_OK(codec_decode_sealed(bytes_make(p, n), &again, &why));
        ASSERT_EQ(again.n_wraps, s.n_wraps);
        assert_memory_equal(again.wraps, s.wraps, sizeof(s.wraps));
        assert_memory_equal(again.nonce, s.nonce, sizeof(s.nonce));
        assert_memory_equal(again.commitment, s.commitment, sizeof(s.commitment));
        ASSERT_TRUE(
            bytes_equal(bytes_make(again.body, again.n_body), bytes_make(s.body, s.n_body)));
        sealed_deinit(&s);
        sealed_deinit(&again);
        free(p);
    }
}

static void refused(const Sealed *s, const char *wanted) {
    Sealed again = { 0 };
    uint8_t *p = NULL;
    size_t n = 0;
    const char *why = "";
    ASSERT_OK(codec_encode_sealed(s, &p, &n));
    ASSERT_EQ(codec_decode_sealed(bytes_make(p, n), &again, &why), WIRE_MALFORMED);
    ASSERT_STR(why, wanted);
    free(p);
}

TEST(a_part_of_another_form_says_why) {
    const Bytes part = golden_part();
    Sealed s = { 0 }, again = { 0 };
    const char *why = NULL;
    ASSERT_OK(codec_decode_sealed(part, &s, &why));
    const uint32_t n_wraps = s.n_wraps;
    const size_t n_body = s.n_body;
    s.n_wraps = 0;
    refused(&s, "wraps: 1 to 64 are needed");
    s.n_wraps = n_wraps;
    s.n_body = SEAL_TAG_SIZE;
    refused(&s, "sealed.body: too short");
    s.n_body = n_body;

    ASSERT_EQ(part.p[1], 1); /* the suite */
    ((uint8_t *)part.p)[1] = 2;
    ASSERT_EQ(codec_decode_sealed(part, &again, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "sealed.suite: not one this program knows");
    ASSERT_EQ(codec_decode_sealed(bytes_make(NULL, 0), &again, &why), WIRE_MALFORMED);
    sealed_deinit(&s);
    free((void *)part.p);

    uint8_t *large = calloc(1, SEALED_MAX + 1);
    ASSERT_EQ(codec_decode_sealed(bytes_make(large, SEALED_MAX + 1), &again, &why), WIRE_TOO_LARGE);
    free(large);
    /* 65 empty wraps */
    uint8_t wraps[2 * 65];
    for (size_t i = 0; i < sizeof(wraps); i += 2) {
        wraps[i] = 4 << 3 | 2;
        wraps[i + 1] = 0;
    }
    ASSERT_EQ(codec_decode_sealed(bytes_make(wraps, sizeof(wraps)), &again, &why), WIRE_MALFORMED);
}

/* Nil stands for none, and a wrap of none would be kept for a message that never comes. */
TEST(wraps_are_for_a_message) {
    static SealWraps wraps, read;
    _cleanup_(freep) uint8_t *none = NULL, *some = NULL;
    size_t n = 0;
    const char *why = NULL;
    wraps.n = 1;
    ASSERT_OK(codec_encode_seal_wraps(&wraps, &none, &n));
    ASSERT_EQ(codec_decode_seal_wraps(bytes_make(none, n), &read, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "message_id: not 16 bytes");
    wraps.message_id.b[0] = 1;
    ASSERT_OK(codec_encode_seal_wraps(&wraps, &some, &n));
    ASSERT_OK(codec_decode_seal_wraps(bytes_make(some, n), &read, &why));
    assert_non_null(memchr(some, 1, n));
    *(uint8_t *)memchr(some, 1, n) = 0; /* the id, which comes first: nil now */
    ASSERT_EQ(codec_decode_seal_wraps(bytes_make(some, n), &read, &why), WIRE_MALFORMED);
    ASSERT_STR(why, "message_id: nil");
}

TEST_MAIN

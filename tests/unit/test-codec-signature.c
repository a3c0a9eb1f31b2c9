/* SPDX-License-Identifier: Apache-2.0 */

/* Signatures are read in two ways, which have to agree: quickly, and by protobuf-c. */

#include "test.h"
#include "wire/codec-internal.h"

static Signature sample(uint32_t index, uint32_t size, uint32_t n_path) {
    Signature s = { .index = index, .size = size, .n_path = n_path };
    memset(s.key.b, 0x11, sizeof(s.key.b));
    memset(s.bytes, 0x22, sizeof(s.bytes));
    for (uint32_t i = 0; i < n_path; i++)
        memset(s.path[i].b, (int)(0x30 + i), sizeof(s.path[i].b));
    return s;
}

static void assert_same(const Signature *a, const Signature *b) {
    ASSERT_TRUE(memcmp(a, b, offsetof(Signature, path)) == 0 &&
                memcmp(a->path, b->path, a->n_path * sizeof(a->path[0])) == 0);
}

/* At the end of what is allocated: a sanitizer sees the first byte too far. */
static bool is_read(const uint8_t *p, size_t n, Signature *ret) {
    _cleanup_(freep) uint8_t *exact = malloc(n > 0 ? n : 1);
    memcpy(exact, p, n);
    return signature_read(bytes_make(exact, n), ret);
}

TEST(the_usual_ones_are_read_quickly_and_alike) {
    static const uint32_t shapes[][3] = {
        { 0, 1, 0 }, { 0, 2, 1 }, { 1, 127, 7 }, { 128, 129, 8 }, { 1023, 1024, 10 }
    };
    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        const Signature s = sample(shapes[i][0], shapes[i][1], shapes[i][2]);
        uint8_t buf[SIGNATURE_MAX];
        const Bytes b = codec_encode_signature(&s, buf);
        Signature quick, slow;
        const char *why = NULL;
        ASSERT_TRUE(is_read(b.p, b.n, &quick));
        ASSERT_OK(signature_unpack(b, &slow, &why));
        assert_same(&quick, &s);
        assert_same(&slow, &s);
    }
}

TEST(what_is_cut_or_changed_is_read_alike_or_left_to_protobuf_c) {
    const Signature s = sample(130, 1000, 3);
    uint8_t buf[SIGNATURE_MAX], other[SIGNATURE_MAX];
    const Bytes b = codec_encode_signature(&s, buf);
    unsigned quickly = 0;
    for (size_t i = 0; i < b.n; i++) {
        Signature quick, slow;
        const char *why = NULL;
        if (is_read(b.p, i, &quick)) {
            ASSERT_OK(signature_unpack(bytes_make(b.p, i), &slow, &why));
            assert_same(&quick, &slow);
        }
        for (unsigned x = 1; x < 256; x++) {
            memcpy(other, b.p, b.n);
            other[i] ^= (uint8_t)x;
            if (!is_read(other, b.n, &quick))
                continue;
            quickly++;
            ASSERT_OK(signature_unpack(bytes_make(other, b.n), &slow, &why));
            assert_same(&quick, &slow);
        }
    }
    ASSERT_TRUE(quickly > 8 * 255);
}

TEST(what_is_unusual_is_left_to_protobuf_c) {
    const Signature s = sample(3, 5, 1);
    uint8_t buf[SIGNATURE_MAX];
    const Bytes b = codec_encode_signature(&s, buf);
    Signature have;
    const char *why = NULL;
    buf[b.n] = 6 << 3; /* a field nobody knows */
    buf[b.n + 1] = 1;
    ASSERT_TRUE(!is_read(buf, b.n + 2, &have));
    ASSERT_OK(signature_unpack(bytes_make(buf, b.n + 2), &have, &why));
    assert_same(&have, &s);
    ASSERT_OK(codec_decode_signature(bytes_make(buf, b.n + 2), &have, &why));

    const Signature long_path = sample(0, 1025, 0);
    const Bytes wrong = codec_encode_signature(&long_path, buf);
    ASSERT_TRUE(!is_read(wrong.p, wrong.n, &have));
    ASSERT_TRUE(codec_decode_signature(wrong, &have, &why) == WIRE_MALFORMED);
    ASSERT_STR(why, "signature: index or size out of range");
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */
/* What is read without protobuf-c ends at the same bounds: the last that fits, the first that does
 * not. */
#include "test.h"

#include "core/bundle.h"
#include "wire/back.h"
#include "wire/codec-internal.h"
#include "wire/codec.h"

static const char digits[] = "12345678901";

typedef struct Sketch { /* of an envelope */
    unsigned n_to, n_node, n_region, n_facts_digest, n_sealed_digest;
} Sketch;

static int read_envelope(const Sketch *s, Envelope *ret) {
    static const uint8_t some[64] = { 1 };
    char node[128];
    uint8_t *p;
    size_t n;
    Back b = { 0 };
    const char *why = NULL;
    memset(node, 'a', sizeof(node));
    memcpy(node, "dsk/", 4);
    back_bytes(&b, 17, bytes_make(some, s->n_sealed_digest));
    back_bytes(&b, 16, bytes_make(some, s->n_facts_digest));
    back_fixed64(&b, 14, 1000);
    back_bytes(&b, 6, bytes_make(digits, s->n_region));
    const size_t mark = b.n;
    for (unsigned i = 0; i < s->n_to; i++)
        back_entry(&b, 1, bytes_make(node, s->n_node));
    back_message(&b, 5, mark);
    back_bytes(&b, 4, bytes_make(node, s->n_node));
    back_number(&b, 3, 1);
    back_number(&b, 2, 10);
    back_bytes(&b, 1, bytes_make(some, UUID_SIZE));
    ASSERT_OK(back_finish(&b, &p, &n));
    const int r = codec_decode_envelope(bytes_make(p, n), ret, &why);
    free(p);
    return r;
}

TEST(an_envelope_ends_where_it_may) {
    static const Sketch good[] = { { 1, 8, 4, DIGEST_SIZE, DIGEST_SIZE },
                                   { 1, 8, 4, 0, 0 },
                                   { AUDIENCE_NODES_MAX, 8, 4, 0, 0 },
                                   { 1, NODE_NAME_SIZE - 1, 4, 0, 0 },
                                   { 1, 8, REGION_SIZE - 1, 0, 0 } };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        Envelope e;
        ASSERT_OK(read_envelope(&good[i], &e));
        ASSERT_EQ(e.audience.n, good[i].n_to);
        ASSERT_EQ(strlen(e.sender), good[i].n_node);
        ASSERT_EQ(strlen(e.region), good[i].n_region);
        ASSERT_EQ(e.has_sealed_digest, good[i].n_sealed_digest > 0);
    }
}

TEST(an_envelope_that_goes_on_is_refused) {
    static const Sketch bad[] = {
        { AUDIENCE_NODES_MAX + 1, 8, 4, 0, 0 },
        { 1, NODE_NAME_SIZE, 4, 0, 0 },
        { 1, 8, REGION_SIZE, 0, 0 },
        { 1, 8, 4, DIGEST_SIZE - 1, 0 },
        { 1, 8, 4, DIGEST_SIZE + 1, 0 },
        { 1, 8, 4, 0, DIGEST_SIZE - 1 },
        { 1, 8, 4, 0, DIGEST_SIZE + 1 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Envelope e;
        ASSERT_TRUE(read_envelope(&bad[i], &e) > 0);
    }
}

/* --- signatures ------------------------------------------------------------------------------- */

/* unusual: its fields in another order, which protobuf-c reads. */
static int read_signature(uint32_t index, uint32_t size, unsigned n_path, bool unusual,
                          Signature *ret) {
    static const uint8_t some[64] = { 1 };
    uint8_t *p;
    size_t n;
    Back b = { 0 };
    const char *why = NULL;
    for (unsigned i = 0; i < n_path; i++)
        back_entry(&b, 5, bytes_make(some, TREE_HASH_SIZE));
    if (unusual)
        back_entry(&b, 1, bytes_make(some, KEY_ID_SIZE));
    back_number(&b, 4, size);
    back_number(&b, 3, index);
    back_entry(&b, 2, bytes_make(some, SIGNATURE_SIZE));
    if (!unusual)
        back_entry(&b, 1, bytes_make(some, KEY_ID_SIZE));
    ASSERT_OK(back_finish(&b, &p, &n));
    const int r = codec_decode_signature(bytes_make(p, n), ret, &why);
    free(p);
    return r;
}

TEST(a_signature_ends_at_the_same_bounds_in_both_ways) {
    Signature s;
    for (int unusual = 0; unusual < 2; unusual++) {
        ASSERT_OK(read_signature(4, 5, 3, unusual, &s));
        ASSERT_EQ(s.index, 4);
        ASSERT_OK(read_signature(0, TREE_LEAVES_MAX, TREE_PATH_MAX, unusual, &s));
        ASSERT_EQ(s.n_path, TREE_PATH_MAX);
        ASSERT_TRUE(read_signature(5, 5, 3, unusual, &s) > 0);
        ASSERT_TRUE(read_signature(6, 5, 3, unusual, &s) > 0);
        ASSERT_TRUE(read_signature(0, 0, 0, unusual, &s) > 0);
        ASSERT_TRUE(read_signature(0, TREE_LEAVES_MAX + 1, 3, unusual, &s) > 0);
        ASSERT_TRUE(read_signature(0, TREE_LEAVES_MAX, TREE_PATH_MAX + 1, unusual, &s) > 0);
    }
}

/* --- bundles ---------------------------------------------------------------------------------- */

typedef struct Pile { /* of messages with small parts but the last one's */
    unsigned n, n_signature;
    uint32_t sizes[BUNDLE_PARTS];
    bool more; /* another field behind the parts */
    bool tail; /* another frame behind the bundle */
} Pile;

static int read_bundle(const Pile *pile, Frame *ret) {
    static const uint8_t some[64 * 1024 + 1];
    uint8_t *p;
    size_t n, total = 0;
    uint32_t sizes[(BUNDLE_MAX + 2) * BUNDLE_PARTS] = { 0 };
    Back b = { 0 };
    const char *why = NULL;
    for (unsigned k = 0; pile->n > 0 && k < BUNDLE_PARTS; k++)
        total += sizes[(pile->n - 1) * BUNDLE_PARTS + k] = pile->sizes[k];
    if (pile->tail)
        back_entry(&b, FRAME_PING, (Bytes) { 0 });
    const size_t end = b.n;
    if (pile->more)
        back_entry(&b, 9, (Bytes) { 0 });
    back_entry(&b, 4, bytes_make(some, total));
    back_numbers(&b, 3, (size_t)pile->n * BUNDLE_PARTS, sizes);
    for (unsigned i = 0; i < pile->n; i++) {
        const size_t mark = b.n;
        back_bytes(&b, 3, bytes_make(some, pile->n_signature));
        back_entry(&b, 1, bytes_make("0123456789abcdef", UUID_SIZE));
        back_message(&b, 1, mark);
    }
    back_message(&b, FRAME_BUNDLE, end);
    ASSERT_OK(back_finish(&b, &p, &n));
    const int r = codec_decode_frame(bytes_make(p, n), FRAME_ANSWER_MAX, ret, &why);
    free(p);
    return r;
}

TEST(a_bundle_ends_where_it_may) {
    static const Pile good[] = {
        { .n = 1, .sizes = { 1, 0, 0 } },
        { .n = BUNDLE_MAX, .sizes = { 1, 0, 0 } },
        { .n = 1, .sizes = { ENVELOPE_MAX, 1, 1 } },
        { .n = 2, .n_signature = SIGNATURE_MAX, .sizes = { 1, 1, 1 } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(frame_deinit) Frame f = { 0 };
        ASSERT_OK(read_bundle(&good[i], &f));
        ASSERT_EQ(f.kind, FRAME_BUNDLE);
        ASSERT_EQ(f.bundle->n, good[i].n);
    }
}

TEST(a_bundle_that_goes_on_is_refused) {
    static const Pile bad[] = {
        { .n = 0 },
        { .n = BUNDLE_MAX + 1, .sizes = { 1, 0, 0 } },
        { .n = 1, .sizes = { ENVELOPE_MAX + 1, 0, 0 } },
        { .n = 1, .sizes = { 1, FACTS_MAX + 1, 0 } },
        { .n = 2, .n_signature = SIGNATURE_MAX + 1, .sizes = { 1, 1, 1 } },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(frame_deinit) Frame f = { 0 };
        ASSERT_TRUE(read_bundle(&bad[i], &f) > 0);
    }
}

/* That is for protobuf-c to say: a field of a newer version, another frame that comes last. */
TEST(what_follows_a_bundle_is_not_overlooked) {
    const Pile newer = { .n = 1, .sizes = { 1, 0, 0 }, .more = true },
               two = { .n = 1, .sizes = { 1, 0, 0 }, .tail = true };
    _cleanup_(frame_deinit) Frame f = { 0 };
    ASSERT_OK(read_bundle(&newer, &f));
    ASSERT_EQ(f.kind, FRAME_BUNDLE);
    frame_deinit(&f);
    f = (Frame) { 0 };
    const int r = read_bundle(&two, &f);
    ASSERT_TRUE(r > 0 || f.kind == FRAME_PING);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* An encoded signature: both ways of reading make the same of it. And an attempt to check it, for
 * itself and with a tree that is remembered: both say the same, and what holds was made with the
 * key. */

#include <errno.h>

#include "base/proven.h"
#include "fuzz/fuzz.h"
#include "wire/codec-internal.h"

#define LEAVES 5U

typedef struct Good {
    SignKey key;
    Bytes envelopes[LEAVES];
    Signature made[LEAVES];
} Good;

/* The tree the corpus is made of (make-corpus-parts.c). */
static void good_make(Good *g) {
    static const char *const texts[LEAVES] = { "a", "bc", "", "def", "ghij" };
    const uint8_t seed[SIGN_SEED_SIZE] = { 1, 2, 3 };
    sign_key_from_seed(seed, &g->key);
    for (size_t i = 0; i < LEAVES; i++)
        g->envelopes[i] = bytes_make(texts[i], strlen(texts[i]));
    FUZZ_CHECK(signature_make(&g->key, g->envelopes, LEAVES, g->made) == 0);
}

static void check(const Good *g, const Signature *s) {
    _cleanup_(proven_freep) Proven *p = NULL;
    FUZZ_CHECK(proven_new(&p) == 0);
    for (size_t i = 0; i < LEAVES; i++) {
        const bool holds = signature_holds(s, g->envelopes[i], &g->key.public);
        FUZZ_CHECK(proven_holds(p, s, g->envelopes[i], &g->key.public) == holds);
        FUZZ_CHECK(proven_holds(p, &g->made[i], g->envelopes[i], &g->key.public));
        FUZZ_CHECK(proven_holds(p, s, g->envelopes[i], &g->key.public) == holds);
        FUZZ_CHECK(!holds || memcmp(s->bytes, g->made[i].bytes, SIGNATURE_SIZE) == 0);
        FUZZ_CHECK(!holds || (s->index == i && s->size == LEAVES));
    }
}

static void assert_same(const Signature *a, const Signature *b) {
    FUZZ_CHECK(memcmp(a, b, offsetof(Signature, path)) == 0);
    FUZZ_CHECK(memcmp(a->path, b->path, a->n_path * sizeof(TreeHash)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Signature first, second;
    uint8_t buf[SIGNATURE_MAX];
    const char *why = NULL;
    Good g;
    FUZZ_CHECK(hash_init() == 0);
    const int r = codec_decode_signature(bytes_make(data, n), &first, &why);
    FUZZ_CHECK(r != -ENOMEM && (r == 0) == (why == NULL));
    if (signature_read(bytes_make(data, n), &second)) {
        FUZZ_CHECK(signature_unpack(bytes_make(data, n), &first, &why) == 0);
        assert_same(&first, &second);
    }
    if (r != 0)
        return 0;
    FUZZ_CHECK(first.size > 0 && first.size <= TREE_LEAVES_MAX && first.n_path <= TREE_PATH_MAX);
    FUZZ_CHECK(codec_decode_signature(codec_encode_signature(&first, buf), &second, &why) == 0);
    assert_same(&first, &second);
    good_make(&g);
    check(&g, &first);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Seeds of fuzz-signature.c: the leaves of the tree it checks with, and what is almost one. */

#include "fuzz/make-corpus.h"
#include "wire/codec.h"

static void put_signature(const char *name, const Signature *s) {
    uint8_t buf[SIGNATURE_MAX];
    put("signature", name, codec_encode_signature(s, buf));
}

void signatures(void) {
    static const char *const texts[] = { "a", "bc", "", "def", "ghij" };
    const uint8_t seed[SIGN_SEED_SIZE] = { 1, 2, 3 }, other_seed[SIGN_SEED_SIZE] = { 4 };
    Bytes envelopes[ARRAY_SIZE(texts)];
    Signature made[ARRAY_SIZE(texts)], alone, large[300];
    Bytes many[ARRAY_SIZE(large)];
    SignKey key, other;
    char name[16];
    sign_key_from_seed(seed, &key);
    sign_key_from_seed(other_seed, &other);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        envelopes[i] = bytes_make(texts[i], strlen(texts[i]));
    FUZZ_CHECK(signature_make(&key, envelopes, ARRAY_SIZE(texts), made) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        (void)snprintf(name, sizeof(name), "leaf-%zu", i);
        put_signature(name, &made[i]);
    }
    FUZZ_CHECK(signature_make(&other, envelopes, 1, &alone) == 0);
    put_signature("alone", &alone);
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = envelopes[i % ARRAY_SIZE(texts)];
    FUZZ_CHECK(signature_make(&other, many, ARRAY_SIZE(many), large) == 0);
    put_signature("longest-path", &large[17]);

    Signature s = made[1];
    s.n_path--;
    put_signature("path-too-short", &s);
    s = made[4]; /* lifted: one step where the others have three */
    s.path[1] = s.path[0];
    s.n_path = 2;
    put_signature("path-too-long", &s);
    s = made[0];
    s.index = 3;
    put_signature("another-leaf", &s);
    s = made[0];
    s.size = TREE_LEAVES_MAX;
    put_signature("another-size", &s);
    s.size = 5000;
    put_signature("no-such-size", &s);
    put("signature", "empty", bytes_make("", 0));
    put("signature", "text", bytes_make("not a signature", 15));
}

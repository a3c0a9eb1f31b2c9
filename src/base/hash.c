/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <sodium.h>

#include "base/hash.h"

static_assert(DIGEST_SIZE == crypto_generichash_BYTES, "BLAKE2b with 256 bits");

int hash_init(void) {
    return sodium_init() < 0 ? -EIO : 0;
}

void hash_digest(Bytes b, uint8_t ret[static DIGEST_SIZE]) {
    (void)crypto_generichash(ret, DIGEST_SIZE, b.p, b.n, NULL, 0); /* fails on wrong sizes only */
}

void hash_digest_parts(const Bytes *parts, size_t n, uint8_t ret[static DIGEST_SIZE]) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
    for (size_t i = 0; i < n; i++)
        if (parts[i].n > 0)
            (void)crypto_generichash_update(&state, parts[i].p, parts[i].n);
    (void)crypto_generichash_final(&state, ret, DIGEST_SIZE);
}

static void put_u64(uint64_t v, uint8_t ret[static 8]) {
    for (unsigned i = 0; i < 8; i++)
        ret[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* Everything behind the envelope has a fixed size; its length tells where it ends. */
void hash_message_of(Bytes envelope, const uint8_t facts_digest[static DIGEST_SIZE],
                     const uint8_t sealed_digest[static DIGEST_SIZE],
                     uint8_t ret[static DIGEST_SIZE]) {
    crypto_generichash_state state;
    uint8_t length[8];
    put_u64(envelope.n, length);
    (void)crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
    (void)crypto_generichash_update(&state, length, sizeof(length));
    if (envelope.n > 0)
        (void)crypto_generichash_update(&state, envelope.p, envelope.n);
    (void)crypto_generichash_update(&state, facts_digest, DIGEST_SIZE);
    (void)crypto_generichash_update(&state, sealed_digest, DIGEST_SIZE);
    (void)crypto_generichash_final(&state, ret, DIGEST_SIZE);
}

void hash_message(Bytes envelope, Bytes facts, Bytes sealed, uint8_t ret[static DIGEST_SIZE]) {
    uint8_t facts_digest[DIGEST_SIZE], sealed_digest[DIGEST_SIZE];
    hash_digest(facts, facts_digest);
    hash_digest(sealed, sealed_digest);
    hash_message_of(envelope, facts_digest, sealed_digest, ret);
}

/* The key is fixed: values are stored on disk and compared after a restart. */
uint64_t hash_64_more(uint64_t seed, Bytes b) {
    static const uint8_t fixed[crypto_shorthash_KEYBYTES] = "serasid row hash";
    uint8_t key[crypto_shorthash_KEYBYTES], mixed[8], out[crypto_shorthash_BYTES];
    put_u64(seed, mixed);
    memcpy(key, fixed, sizeof(key));
    for (unsigned i = 0; i < sizeof(mixed); i++)
        key[i] ^= mixed[i];
    crypto_shorthash(out, b.p, b.n, key);

    uint64_t h = 0;
    for (unsigned i = 0; i < sizeof(out); i++)
        h = h << 8 | out[i];
    return h ? h : 1;
}

uint64_t hash_64(Bytes b) {
    return hash_64_more(0, b);
}

void random_fill(void *p, size_t n) {
    randombytes_buf(p, n);
}

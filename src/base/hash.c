/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <sodium.h>

#include "base/hash.h"

static_assert(SHA256_SIZE == crypto_hash_sha256_BYTES, "size of SHA-256");

int hash_init(void) {
    return sodium_init() < 0 ? -EIO : 0;
}

void hash_sha256(Bytes b, uint8_t ret[static SHA256_SIZE]) {
    crypto_hash_sha256(ret, b.p, b.n);
}

static void put_u64(uint64_t v, uint8_t ret[static 8]) {
    for (unsigned i = 0; i < 8; i++)
        ret[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* Everything behind the envelope has a fixed size; its length tells where it ends. */
void hash_message_of(Bytes envelope, const uint8_t facts_sha256[static SHA256_SIZE],
                     const uint8_t sealed_sha256[static SHA256_SIZE],
                     uint8_t ret[static SHA256_SIZE]) {
    crypto_hash_sha256_state state;
    uint8_t length[8];
    put_u64(envelope.n, length);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, length, sizeof(length));
    if (envelope.n > 0)
        crypto_hash_sha256_update(&state, envelope.p, envelope.n);
    crypto_hash_sha256_update(&state, facts_sha256, SHA256_SIZE);
    crypto_hash_sha256_update(&state, sealed_sha256, SHA256_SIZE);
    crypto_hash_sha256_final(&state, ret);
}

void hash_message(Bytes envelope, Bytes facts, Bytes sealed, uint8_t ret[static SHA256_SIZE]) {
    uint8_t facts_sha256[SHA256_SIZE], sealed_sha256[SHA256_SIZE];
    hash_sha256(facts, facts_sha256);
    hash_sha256(sealed, sealed_sha256);
    hash_message_of(envelope, facts_sha256, sealed_sha256, ret);
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

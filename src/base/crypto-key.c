/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/base64.h"
#include "base/crypto-key.h"
#include "base/hash.h"
#include "base/secret.h"

static_assert(PUBLIC_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
static_assert(PUBLIC_KEY_SIZE == crypto_box_PUBLICKEYBYTES, "X25519");
static_assert(SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "seed and public half");
static_assert(SIGN_SEED_SIZE == crypto_sign_SEEDBYTES, "Ed25519");
static_assert(SEAL_SECRET_SIZE == crypto_box_SECRETKEYBYTES, "X25519");

KeyId key_id(const uint8_t public[static PUBLIC_KEY_SIZE]) {
    uint8_t digest[DIGEST_SIZE];
    KeyId id;
    hash_digest(bytes_make(public, PUBLIC_KEY_SIZE), digest);
    memcpy(id.b, digest, sizeof(id.b));
    return id;
}

bool key_id_equal(const KeyId *a, const KeyId *b) {
    return memcmp(a->b, b->b, KEY_ID_SIZE) == 0;
}

bool public_key_is_set(const uint8_t public[static PUBLIC_KEY_SIZE]) {
    return !sodium_is_zero(public, PUBLIC_KEY_SIZE);
}

void sign_key_new(SignKey *ret) {
    (void)crypto_sign_keypair(ret->public.b, ret->secret); /* cannot fail */
}

void sign_key_from_seed(const uint8_t seed[static SIGN_SEED_SIZE], SignKey *ret) {
    (void)crypto_sign_seed_keypair(ret->public.b, ret->secret, seed); /* cannot fail */
}

bool sign_key_is_whole(const SignKey *k) {
    SignKey again;
    sign_key_from_seed(k->secret, &again);
    const bool whole = secret_equal(&again, k, sizeof(again));
    secret_wipe(&again, sizeof(again));
    return whole;
}

void seal_key_new(SealKey *ret) {
    (void)crypto_box_keypair(ret->public.b, ret->secret); /* cannot fail */
}

bool seal_key_is_whole(const SealKey *k) {
    SealPublic again;
    return crypto_scalarmult_base(again.b, k->secret) == 0 &&
           memcmp(again.b, k->public.b, sizeof(again.b)) == 0;
}

void key_id_format(const KeyId *id, char ret[static KEY_ID_TEXT_SIZE]) {
    (void)sodium_bin2hex(ret, KEY_ID_TEXT_SIZE, id->b, sizeof(id->b));
}

int sign_publics_parse(const char *text, SignPublic *ret, size_t max, size_t *ret_n) {
    size_t n = 0;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        const size_t length = strcspn(text, " ");
        _cleanup_(freep) uint8_t *bytes = NULL;
        size_t n_bytes = 0;
        const int r = base64_decode(text, length, &bytes, &n_bytes);
        if (r < 0)
            return r;
        if (n == max || n_bytes != sizeof(ret[n].b) || !public_key_is_set(bytes))
            return -EINVAL;
        memcpy(ret[n++].b, bytes, n_bytes);
        text += length;
    }
    *ret_n = n;
    return n > 0 ? 0 : -EINVAL;
}

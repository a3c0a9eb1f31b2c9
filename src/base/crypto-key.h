/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Key pairs of a node: Ed25519 (RFC 8032) to sign with, X25519 (RFC 7748) to seal to. Two pairs and
 * not one for both: a key has one use (NIST SP 800-57 part 1, 5.2), and a lost sealing key can be
 * replaced without doubting what was signed. The types are four, so that no compiler takes one for
 * another. Call hash_init() once before anything random.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

#define PUBLIC_KEY_SIZE  32U
#define SIGN_SECRET_SIZE 64U /* libsodium's form: seed and public half */
#define SIGN_SEED_SIZE   32U
#define SEAL_SECRET_SIZE 32U

typedef struct SignPublic {
    uint8_t b[PUBLIC_KEY_SIZE];
} SignPublic;

typedef struct SignKey {
    SignPublic public;
    uint8_t secret[SIGN_SECRET_SIZE];
} SignKey;

typedef struct SealPublic {
    uint8_t b[PUBLIC_KEY_SIZE];
} SealPublic;

typedef struct SealKey {
    SealPublic public;
    uint8_t secret[SEAL_SECRET_SIZE];
} SealKey;

/* Names a public key where 32 bytes are too many: the first 8 bytes of BLAKE2b-256 of it. A hint
 * which key to try, never a proof. */
#define KEY_ID_SIZE 8U
typedef struct KeyId {
    uint8_t b[KEY_ID_SIZE];
} KeyId;

KeyId key_id(const uint8_t public[static PUBLIC_KEY_SIZE]);
bool key_id_equal(const KeyId *a, const KeyId *b);
#define KEY_ID_TEXT_SIZE (2 * KEY_ID_SIZE + 1)
void key_id_format(const KeyId *id, char ret[static KEY_ID_TEXT_SIZE]); /* hexadecimal */
/* "base64 base64": public signing keys as configurations have them, one to max. 0, -EINVAL or
 * -ENOMEM. */
_must_check_ int sign_publics_parse(const char *text, SignPublic *ret, size_t max, size_t *ret_n);
/* All zero stands for "none": neither curve has a usable key of that form. */
bool public_key_is_set(const uint8_t public[static PUBLIC_KEY_SIZE]);

void sign_key_new(SignKey *ret);
void sign_key_from_seed(const uint8_t seed[static SIGN_SEED_SIZE], SignKey *ret);
/* Do the public half and the copy of it in the secret one come from the seed? Signing with a
 * public half that does not would give the seed away. */
bool sign_key_is_whole(const SignKey *k);
void seal_key_new(SealKey *ret);
bool seal_key_is_whole(const SealKey *k);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The few hashes the broker needs, all from libsodium. Call hash_init() once per process. */

#include <stdint.h>

#include "base/bytes.h"

#define SHA256_SIZE 32U

/* Returns 0, or -EIO when libsodium cannot start (no random source). */
_must_check_ int hash_init(void);
void hash_sha256(Bytes b, uint8_t ret[static SHA256_SIZE]);
/* Digest that dedup compares: SHA-256 over the envelope, its length and the SHA-256 of the other
 * two parts. */
void hash_message(Bytes envelope, Bytes facts, Bytes sealed, uint8_t ret[static SHA256_SIZE]);
/* The same from the digests of those parts. */
void hash_message_of(Bytes envelope, const uint8_t facts_sha256[static SHA256_SIZE],
                     const uint8_t sealed_sha256[static SHA256_SIZE],
                     uint8_t ret[static SHA256_SIZE]);
/* 64-bit SipHash with a fixed key: row checksums and order keys, not a secret. Never 0. */
uint64_t hash_64(Bytes b);
uint64_t hash_64_more(uint64_t seed, Bytes b);
void random_fill(void *p, size_t n);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The few hashes the broker needs, all from libsodium. Call hash_init() once per process. */

#include <stdint.h>

#include "base/bytes.h"

/* BLAKE2b with 256 bits (RFC 7693). Not SHA-256: libsodium has that in portable C only, 4.4 us for
 * 1 KiB where BLAKE2b takes 1.3, and every message is hashed by its publisher, its broker and its
 * recipient. */
#define DIGEST_SIZE 32U

/* Returns 0, or -EIO when libsodium cannot start (no random source). */
_must_check_ int hash_init(void);
void hash_digest(Bytes b, uint8_t ret[static DIGEST_SIZE]);
/* Of the parts one behind the other. */
void hash_digest_parts(const Bytes *parts, size_t n, uint8_t ret[static DIGEST_SIZE]);
/* Digest that dedup compares: over the envelope, its length and the digests of the other two
 * parts. */
void hash_message(Bytes envelope, Bytes facts, Bytes sealed, uint8_t ret[static DIGEST_SIZE]);
/* The same from the digests of those parts. */
void hash_message_of(Bytes envelope, const uint8_t facts_digest[static DIGEST_SIZE],
                     const uint8_t sealed_digest[static DIGEST_SIZE],
                     uint8_t ret[static DIGEST_SIZE]);
/* 64-bit SipHash with a fixed key: row checksums and order keys, not a secret. Never 0. */
uint64_t hash_64(Bytes b);
uint64_t hash_64_more(uint64_t seed, Bytes b);
void random_fill(void *p, size_t n);

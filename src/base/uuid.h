/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* 128-bit identifiers: message, case, referral, complaint and event ids. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define UUID_SIZE      16U
#define UUID_TEXT_SIZE 37U /* with the NUL */

typedef struct Uuid {
    uint8_t b[UUID_SIZE];
} Uuid;

static inline bool uuid_equal(const Uuid *a, const Uuid *b) {
    return memcmp(a->b, b->b, UUID_SIZE) == 0;
}
static inline bool uuid_is_nil(const Uuid *u) {
    static const Uuid nil = { { 0 } };
    return uuid_equal(u, &nil);
}

/* UUIDv7 (RFC 9562): wall_ms, then random bits from libsodium. Ids made in one process within one
 * millisecond are not ordered among themselves. */
Uuid uuid_v7(int64_t wall_ms);
/* UUIDv4: random. */
Uuid uuid_v4(void);
/* UUIDv8 derived from bytes: the same input gives the same id. Ids of messages that are made so are
 * the brokers' own; uuid_derive_v7() is for others, its time is wall_ms. */
Uuid uuid_derive(Bytes input);
Uuid uuid_derive_v7(int64_t wall_ms, Bytes input);
static inline bool uuid_is_derived(const Uuid *u) {
    return u->b[6] >> 4 == 8;
}
/* Was it made of an identity number (NIK) instead of by chance? As its 16 digits, or as a number
 * or hexadecimal digits beside eight bytes that say nothing. No other id of ours has that form. */
bool uuid_is_nik(const Uuid *u);
/* For what is kept or logged: the id, or nil. */
static inline Uuid uuid_unless_nik(const Uuid *u) {
    return uuid_is_nik(u) ? (Uuid) { { 0 } } : *u;
}
void uuid_format(const Uuid *u, char ret[static UUID_TEXT_SIZE]);
/* Accepts 8-4-4-4-12 in either case. Returns 0 or -EINVAL. */
_must_check_ int uuid_parse(const char *text, Uuid *ret);

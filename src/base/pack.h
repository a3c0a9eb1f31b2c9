/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Packed values in a buffer of fixed size: varints and counted bytes. Both ends remember a failure
 * (no room; nothing left; not such a value), after which every call does nothing and takes zeroes,
 * so straight-line code checks once. Readers are safe on any bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/times.h"
#include "base/uuid.h"

typedef struct Packer {
    uint8_t *p;
    size_t n, size;
    bool failed;
} Packer;

void pack_large(Packer *k, uint64_t v);
/* Most are small. */
static inline void pack_number(Packer *k, uint64_t v) {
    if (v < 0x80 && !k->failed && k->n < k->size)
        k->p[k->n++] = (uint8_t)v;
    else
        pack_large(k, v);
}
void pack_bytes(Packer *k, const void *p, size_t n);
void pack_text(Packer *k, const char *text); /* its length, then its bytes */
void pack_id(Packer *k, const Uuid *u);
void pack_date(Packer *k, CivilDate d);
/* What was packed: the bytes used, 0 after a failure. */
size_t pack_end(const Packer *k);

typedef struct Unpacker {
    const uint8_t *at, *end;
    bool failed;
} Unpacker;

static inline Unpacker unpack_start(Bytes b) {
    return (Unpacker) { .at = b.p, .end = b.n > 0 ? b.p + b.n : b.p };
}
uint64_t unpack_large(Unpacker *k, uint64_t max);
/* Fails when it is above max. */
static inline uint64_t unpack_number(Unpacker *k, uint64_t max) {
    if (!k->failed && k->at < k->end && *k->at < 0x80 && *k->at <= max)
        return *k->at++;
    return unpack_large(k, max);
}
void unpack_bytes(Unpacker *k, void *ret, size_t n);
/* Into ret[size], terminated; fails when it does not fit or holds a NUL. */
void unpack_text(Unpacker *k, char *ret, size_t size);
Uuid unpack_id(Unpacker *k);
CivilDate unpack_date(Unpacker *k); /* unset, or a day that exists */
static inline bool unpack_more(const Unpacker *k) {
    return !k->failed && k->at < k->end;
}
/* Was everything taken, and nothing failed? */
static inline bool unpack_end(const Unpacker *k) {
    return !k->failed && k->at == k->end;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Borrowed byte ranges and a growing buffer that remembers a failed allocation. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct Bytes {
    const uint8_t *p; /* borrowed; NULL only when n == 0 */
    size_t n;
} Bytes;

static inline Bytes bytes_make(const void *p, size_t n) {
    return (Bytes) { .p = p, .n = n };
}

static inline bool bytes_equal(Bytes a, Bytes b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Appends; after a failed allocation every later append does nothing and failed stays set. */
typedef struct Buf {
    uint8_t *p;
    size_t n, room;
    bool failed;
} Buf;

void buf_deinit(Buf *b);
void buf_add(Buf *b, const void *p, size_t n);
void buf_add_text(Buf *b, const char *s);
_printf_(2, 3) void buf_addf(Buf *b, const char *format, ...);
/* The collected bytes with a NUL behind them (not counted), or NULL after a failed allocation.
 * Borrowed: valid until the next call on b. */
const char *buf_text(Buf *b);
static inline Bytes buf_bytes(const Buf *b) {
    return (Bytes) { .p = b->p, .n = b->n };
}

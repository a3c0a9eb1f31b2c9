/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); it is linked
 * with libFuzzer (-DSERASI_FUZZ=ON) or with corpus-main.c, which feeds it the committed corpus.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* May not be NULL for n == 0; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What must hold for any input. */
#define FUZZ_CHECK(x)                                                                              \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Reads the input from its front; what is not there reads as zero or as nothing. */
typedef struct Input {
    const uint8_t *p;
    size_t n;
} Input;

static inline unsigned take_byte(Input *in) {
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static inline Bytes take_bytes(Input *in, size_t n) {
    Bytes b = bytes_make(in->p, n < in->n ? n : in->n);
    in->p += b.n;
    in->n -= b.n;
    return b;
}

/* Two bytes of length, high one first, then so many bytes. */
static inline Bytes take_part(Input *in) {
    size_t n = take_byte(in) << 8;
    n |= take_byte(in);
    return take_bytes(in, n);
}

/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/plain.h"

/* Numbers of up to 28 bits, without a byte too many. */
bool plain_number(Bytes *b, uint32_t *ret) {
    uint32_t v = 0;
    for (unsigned i = 0; i < 4 && i < b->n; i++) {
        v |= (uint32_t)(b->p[i] & 0x7f) << (7 * i);
        if (b->p[i] & 0x80)
            continue;
        if (i > 0 && b->p[i] == 0)
            return false;
        *b = bytes_make(b->p + i + 1, b->n - i - 1);
        *ret = v;
        return true;
    }
    return false;
}

bool plain_bytes(Bytes *b, Bytes *ret) {
    uint32_t n;
    if (!plain_number(b, &n) || n > b->n)
        return false;
    *ret = bytes_make(b->p, n);
    *b = bytes_make(b->p + n, b->n - n);
    return true;
}

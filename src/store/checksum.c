/* SPDX-License-Identifier: Apache-2.0 */
#include "store/checksum.h"

#include <endian.h>
#include <string.h>

Checksum checksum_more(Checksum c, const void *p, size_t n, bool big) {
    const uint8_t *at = p, *end = at + n;
    for (; at < end; at += 8) {
        uint32_t w[2];
        memcpy(w, at, sizeof(w));
        c.a += (big ? be32toh(w[0]) : le32toh(w[0])) + c.b;
        c.b += (big ? be32toh(w[1]) : le32toh(w[1])) + c.a;
    }
    return c;
}

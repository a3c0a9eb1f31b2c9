/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>

#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(Bytes b) {
    char *text = malloc((b.n + 2) / 3 * 4 + 1);
    if (!text)
        return NULL;
    char *at = text;
    for (size_t i = 0; i < b.n; i += 3) {
        size_t left = b.n - i;
        uint32_t v = (uint32_t)b.p[i] << 16;
        v |= left > 1 ? (uint32_t)b.p[i + 1] << 8 : 0;
        v |= left > 2 ? b.p[i + 2] : 0;
        *at++ = alphabet[v >> 18];
        *at++ = alphabet[(v >> 12) & 63];
        *at++ = left > 1 ? alphabet[(v >> 6) & 63] : '=';
        *at++ = left > 2 ? alphabet[v & 63] : '=';
    }
    *at = '\0';
    return text;
}

/* The value of one character, or -1. */
static int value_of(char c) {
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* Four characters, the last `pad` of them '=': 3 - pad bytes. Bits left over must be zero. */
static bool decode_group(const char *text, unsigned pad, uint8_t ret[static 3]) {
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        int digit = i < 4 - pad ? value_of(text[i]) : 0;
        if (digit < 0)
            return false;
        v = v << 6 | (uint32_t)digit;
    }
    ret[0] = (uint8_t)(v >> 16);
    ret[1] = (uint8_t)(v >> 8);
    ret[2] = (uint8_t)v;
    return pad == 0 || (v & ((1U << (8 * pad)) - 1)) == 0;
}

int base64_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_n) {
    if (n % 4 != 0)
        return -EINVAL;
    unsigned pad = 0;
    while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
        pad++;
    _cleanup_(freep) uint8_t *bytes = malloc(n / 4 * 3 + 1);
    if (!bytes)
        return -ENOMEM;
    for (size_t i = 0; i < n; i += 4)
        if (!decode_group(text + i, i + 4 == n ? pad : 0, bytes + i / 4 * 3))
            return -EINVAL;
    *ret_n = n / 4 * 3 - pad;
    *ret = TAKE_PTR(bytes);
    return 0;
}

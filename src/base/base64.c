/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sodium.h>

#include "base/base64.h"

#define VARIANT sodium_base64_VARIANT_ORIGINAL

char *base64_encode(Bytes b) {
    const size_t size = sodium_base64_encoded_len(b.n, VARIANT);
    char *text = malloc(size);
    return text ? sodium_bin2base64(text, size, b.p, b.n, VARIANT) : NULL;
}

int base64_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_n) {
    const size_t size = n / 4 * 3 + 1;
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;
    size_t got = 0;
    if (sodium_base642bin(bytes, size, text, n, NULL, &got, NULL, VARIANT) != 0) {
        sodium_memzero(bytes, size);
        free(bytes);
        return -EINVAL;
    }
    *ret = bytes;
    *ret_n = got;
    return 0;
}

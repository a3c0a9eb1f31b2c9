/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sodium.h>

#include "base/base64.h"

#define PLAIN sodium_base64_VARIANT_ORIGINAL
#define URL   sodium_base64_VARIANT_URLSAFE_NO_PADDING

static char *encode(Bytes b, int variant) {
    const size_t size = sodium_base64_encoded_len(b.n, variant);
    char *text = malloc(size);
    return text ? sodium_bin2base64(text, size, b.p, b.n, variant) : NULL;
}

static int decode(const char *text, size_t n, int variant, uint8_t **ret, size_t *ret_n) {
    const size_t size = n / 4 * 3 + 3;
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;
    size_t got = 0;
    if (sodium_base642bin(bytes, size, text, n, NULL, &got, NULL, variant) != 0) {
        sodium_memzero(bytes, size);
        free(bytes);
        return -EINVAL;
    }
    *ret = bytes;
    *ret_n = got;
    return 0;
}

char *base64_encode(Bytes b) {
    return encode(b, PLAIN);
}

char *base64url_encode(Bytes b) {
    return encode(b, URL);
}

int base64_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_n) {
    return decode(text, n, PLAIN, ret, ret_n);
}

int base64url_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_n) {
    return decode(text, n, URL, ret, ret_n);
}

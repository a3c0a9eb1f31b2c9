/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Base64 (RFC 4648, with padding) for bytes in JSON and in key files. By libsodium, whose loops do
 * not look up what they code in tables: a cache tells nothing of a secret key. */

#include "base/bytes.h"

/* A new malloc()ed text; NULL when out of memory. */
char *base64_encode(Bytes b);
char *base64url_encode(Bytes b); /* RFC 4648, 5, without padding */
/* Returns 0, -EINVAL for anything but canonical base64, -ENOMEM. *ret is never NULL on success. */
_must_check_ int base64_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_n);
_must_check_ int base64url_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_n);

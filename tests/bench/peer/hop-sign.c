/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "hop-sign.h"

size_t hop_signature(const Signature *s, uint8_t ret[static HOP_SIGNATURE_MAX]) {
    uint8_t *at = ret;
    *at++ = 1 << 3 | 2;
    *at++ = KEY_ID_SIZE;
    memcpy(at, s->key.b, KEY_ID_SIZE);
    at += KEY_ID_SIZE;
    *at++ = 2 << 3 | 2;
    *at++ = SIGNATURE_SIZE;
    memcpy(at, s->bytes, SIGNATURE_SIZE);
    at += SIGNATURE_SIZE;
    const uint32_t numbers[] = { s->index, s->size };
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        *at++ = (uint8_t)((3 + i) << 3);
        *at++ = (uint8_t)(numbers[i] | 128);
        *at++ = (uint8_t)(numbers[i] >> 7);
    }
    for (uint32_t i = 0; i < s->n_path; i++) {
        *at++ = 5 << 3 | 2;
        *at++ = TREE_HASH_SIZE;
        memcpy(at, s->path[i].b, TREE_HASH_SIZE);
        at += TREE_HASH_SIZE;
    }
    return (size_t)(at - ret);
}

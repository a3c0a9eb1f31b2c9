/* SPDX-License-Identifier: Apache-2.0 */

#include "base/pack.h"

#define VARINT_BYTES_MAX 10U

void pack_bytes(Packer *k, const void *p, size_t n) {
    if (k->failed || n > k->size - k->n) {
        k->failed = true;
        return;
    }
    if (n > 0)
        memcpy(k->p + k->n, p, n);
    k->n += n;
}

void pack_large(Packer *k, uint64_t v) {
    uint8_t b[VARINT_BYTES_MAX];
    size_t n = 0;
    for (; v > 0x7f; v >>= 7)
        b[n++] = (uint8_t)(v | 0x80);
    b[n++] = (uint8_t)v;
    pack_bytes(k, b, n);
}

void pack_text(Packer *k, const char *text) {
    size_t n = strlen(text);
    pack_number(k, n);
    pack_bytes(k, text, n);
}

void pack_id(Packer *k, const Uuid *u) {
    pack_bytes(k, u->b, UUID_SIZE);
}

/* Day in five bits, month in four, year above. */
void pack_date(Packer *k, CivilDate d) {
    pack_number(k, (uint64_t)(uint16_t)d.year << 9 | (uint64_t)d.month << 5 | d.day);
}

size_t pack_end(const Packer *k) {
    return k->failed ? 0 : k->n;
}

uint64_t unpack_large(Unpacker *k, uint64_t max) {
    uint64_t v = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && unpack_more(k); i++) {
        uint8_t byte = *k->at++;
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            break; /* more than 64 bits */
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if (v > max)
            break;
        return v;
    }
    k->failed = true;
    return 0;
}

void unpack_bytes(Unpacker *k, void *ret, size_t n) {
    if (!k->failed && n <= (size_t)(k->end - k->at)) {
        if (n > 0)
            memcpy(ret, k->at, n);
        k->at += n;
        return;
    }
    k->failed = true;
    memset(ret, 0, n);
}

void unpack_text(Unpacker *k, char *ret, size_t size) {
    size_t n = (size_t)unpack_number(k, size - 1);
    unpack_bytes(k, ret, n);
    ret[n] = '\0';
    if (memchr(ret, '\0', n)) {
        k->failed = true;
        ret[0] = '\0';
    }
}

Uuid unpack_id(Unpacker *k) {
    Uuid u;
    unpack_bytes(k, u.b, UUID_SIZE);
    return u;
}

CivilDate unpack_date(Unpacker *k) {
    uint64_t v = unpack_number(k, (uint64_t)9999 << 9 | 0x1ff);
    CivilDate d = { .year = (int16_t)(v >> 9), .month = v >> 5 & 0xf, .day = v & 0x1f };
    if (!civil_is_set(d) || civil_is_valid(d))
        return d;
    k->failed = true;
    return (CivilDate) { 0 };
}

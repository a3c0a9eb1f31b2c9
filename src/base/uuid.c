/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>

#include "base/hash.h"
#include "base/uuid.h"

static void uuid_mark(Uuid *u, uint8_t version) {
    u->b[6] = (uint8_t)((u->b[6] & 0x0f) | (version << 4));
    u->b[8] = (uint8_t)((u->b[8] & 0x3f) | 0x80);
}

static void uuid_mark_v7(Uuid *u, int64_t wall_ms) {
    const uint64_t ms = wall_ms < 0 ? 0 : (uint64_t)wall_ms;
    for (unsigned i = 0; i < 6; i++)
        u->b[i] = (uint8_t)(ms >> (40 - 8 * i));
    uuid_mark(u, 7);
}

Uuid uuid_v7(int64_t wall_ms) {
    Uuid u;
    random_fill(u.b, sizeof(u.b));
    uuid_mark_v7(&u, wall_ms);
    return u;
}

Uuid uuid_v4(void) {
    Uuid u;
    random_fill(u.b, sizeof(u.b));
    uuid_mark(&u, 4);
    return u;
}

Uuid uuid_derive(Bytes input) {
    uint8_t digest[DIGEST_SIZE];
    Uuid u;
    hash_digest(input, digest);
    memcpy(u.b, digest, sizeof(u.b));
    uuid_mark(&u, 8);
    return u;
}

Uuid uuid_derive_v7(int64_t wall_ms, Bytes input) {
    Uuid u = uuid_derive(input);
    uuid_mark_v7(&u, wall_ms);
    return u;
}

/* Region, day (women: + 40), month, year, number: pprrdd-DDMMYY-nnnn. */
static bool is_nik(uint64_t number) {
    const uint64_t province = number / 100000000000000U, month = number / 1000000U % 100;
    uint64_t day = number / 100000000U % 100;
    if (day > 40)
        day -= 40;
    return province >= 11 && province <= 99 && day >= 1 && day <= 31 && month >= 1 && month <= 12;
}

/* Hexadecimal digits that are all decimal ones, as the number they show. */
static bool read_decimal(const uint8_t p[static 8], uint64_t *ret) {
    *ret = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (p[i] >> 4 > 9 || (p[i] & 0x0f) > 9)
            return false;
        *ret = *ret * 100 + (p[i] >> 4) * 10U + (p[i] & 0x0f);
    }
    return true;
}

static uint64_t read_binary(const uint8_t p[static 8]) {
    uint64_t number = 0;
    for (unsigned i = 0; i < 8; i++)
        number = number << 8 | p[i];
    return number;
}

static bool is_filling(const uint8_t p[static 8]) {
    return memcmp(p, p + 1, 7) == 0;
}

bool uuid_is_nik(const Uuid *u) {
    unsigned digits = 0;
    for (unsigned i = 0; i < UUID_SIZE; i++)
        digits += u->b[i] >= '0' && u->b[i] <= '9';
    if (digits == UUID_SIZE)
        return true;
    for (unsigned half = 0; half < UUID_SIZE; half += 8) {
        uint64_t number;
        if (is_filling(u->b + (8 - half)) && !is_filling(u->b + half) &&
            ((read_decimal(u->b + half, &number) && is_nik(number)) ||
             is_nik(read_binary(u->b + half))))
            return true;
    }
    return false;
}

/* The text form has a hyphen before bytes 4, 6, 8 and 10. */
static bool hyphen_before(unsigned i) {
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_format(const Uuid *u, char ret[static UUID_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    char *p = ret;
    for (unsigned i = 0; i < UUID_SIZE; i++) {
        if (hyphen_before(i))
            *p++ = '-';
        *p++ = digits[u->b[i] >> 4];
        *p++ = digits[u->b[i] & 0x0f];
    }
    *p = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int uuid_parse(const char *text, Uuid *ret) {
    Uuid u;
    const char *p = text;
    for (unsigned i = 0; i < UUID_SIZE; i++) {
        if (hyphen_before(i) && *p++ != '-')
            return -EINVAL;
        int high = hex_value(p[0]);
        int low = high < 0 ? -1 : hex_value(p[1]);
        if (low < 0)
            return -EINVAL;
        u.b[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    if (*p != '\0')
        return -EINVAL;
    *ret = u;
    return 0;
}

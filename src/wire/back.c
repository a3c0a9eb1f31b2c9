/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/back.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 512U

#define WIRE_VARINT 0U
#define WIRE_64BIT  1U
#define WIRE_LENGTH 2U

void back_deinit(Back *b) {
    free(b->buf);
    *b = (Back) { 0 };
}

static bool grow(Back *b, size_t n) {
    const size_t room = 2 * b->room + n + FIRST_ROOM;
    uint8_t *buf = b->failed ? NULL : malloc(room);
    if (!buf) {
        b->failed = true;
        return false;
    }
    if (b->n > 0)
        memcpy(buf + room - b->n, b->buf + b->room - b->n, b->n);
    free(b->buf);
    b->buf = buf;
    b->room = room;
    return true;
}

void back_reserve(Back *b, size_t n) {
    if (b->room - b->n < n)
        (void)grow(b, n);
}

/* Room for n bytes before those that are there. NULL when out of memory. */
static uint8_t *take(Back *b, size_t n) {
    if (b->room - b->n < n && !grow(b, n))
        return NULL;
    b->n += n;
    return b->buf + b->room - b->n;
}

static void put_varint(Back *b, uint64_t v) {
    if (v < 0x80 && b->n < b->room) { /* nearly all of them */
        b->buf[b->room - ++b->n] = (uint8_t)v;
        return;
    }
    const unsigned n = (unsigned)(64 - __builtin_clzll(v | 1) + 6) / 7;
    uint8_t *p = take(b, n);
    for (unsigned i = 0; p && i < n; i++, v >>= 7)
        p[i] = (uint8_t)((v & 0x7f) | (i + 1 < n ? 0x80 : 0));
}

static void put_tag(Back *b, unsigned field, unsigned type) {
    put_varint(b, field << 3 | type);
}

void back_number(Back *b, unsigned field, uint64_t v) {
    if (v == 0)
        return;
    put_varint(b, v);
    put_tag(b, field, WIRE_VARINT);
}

void back_numbers(Back *b, unsigned field, size_t n, const uint32_t *list) {
    const size_t mark = b->n;
    if (n == 0)
        return;
    while (n-- > 0)
        put_varint(b, list[n]);
    back_message(b, field, mark);
}

void back_fixed64(Back *b, unsigned field, uint64_t v) {
    uint8_t *p = v != 0 ? take(b, sizeof(v)) : NULL;
    if (!p)
        return;
    v = htole64(v);
    memcpy(p, &v, sizeof(v));
    put_tag(b, field, WIRE_64BIT);
}

void back_entry(Back *b, unsigned field, Bytes v) {
    uint8_t *p = v.n > 0 ? take(b, v.n) : NULL;
    if (v.n > 0 && !p)
        return;
    if (p)
        memcpy(p, v.p, v.n);
    put_varint(b, v.n);
    put_tag(b, field, WIRE_LENGTH);
}

void back_bytes(Back *b, unsigned field, Bytes v) {
    if (v.n > 0)
        back_entry(b, field, v);
}

void back_text(Back *b, unsigned field, const char *v) {
    back_bytes(b, field, bytes_make(v, v ? strlen(v) : 0));
}

void back_uuid(Back *b, unsigned field, const Uuid *v) {
    if (!uuid_is_nil(v))
        back_entry(b, field, bytes_make(v->b, UUID_SIZE));
}

void back_message(Back *b, unsigned field, size_t mark) {
    put_varint(b, b->n - mark);
    put_tag(b, field, WIRE_LENGTH);
}

int back_finish(Back *b, uint8_t **ret, size_t *ret_n) {
    if (!b->buf && !b->failed)
        (void)grow(b, 0); /* an empty message */
    if (b->failed)
        return -ENOMEM;
    memmove(b->buf, b->buf + b->room - b->n, b->n);
    *ret_n = b->n;
    *ret = TAKE_PTR(b->buf);
    *b = (Back) { 0 };
    return 0;
}

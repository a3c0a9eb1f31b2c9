/* SPDX-License-Identifier: Apache-2.0 */

#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"

#define BUF_FIRST_ROOM 256U

void buf_deinit(Buf *b) {
    free(b->p);
    *b = (Buf) { 0 };
}

/* Makes room for n more bytes and a NUL behind them. */
static bool buf_grow(Buf *b, size_t n) {
    size_t need;
    if (b->failed)
        return false;
    if (__builtin_add_overflow(b->n, n, &need) || __builtin_add_overflow(need, 1U, &need)) {
        b->failed = true;
        return false;
    }
    if (need <= b->room)
        return true;

    size_t room = b->room > SIZE_MAX / 2 ? need : MAX(b->room * 2, (size_t)BUF_FIRST_ROOM);
    room = MAX(room, need);
    uint8_t *p = realloc(b->p, room);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->room = room;
    return true;
}

void buf_add(Buf *b, const void *p, size_t n) {
    if (n == 0 || !buf_grow(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_add_text(Buf *b, const char *s) {
    buf_add(b, s, strlen(s));
}

void buf_addf(Buf *b, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if (!buf_grow(b, (size_t)n))
        return;
    va_start(ap, format);
    (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, format, ap);
    va_end(ap);
    b->n += (size_t)n;
}

const char *buf_text(Buf *b) {
    if (!buf_grow(b, 0))
        return NULL;
    b->p[b->n] = '\0';
    return (const char *)b->p;
}

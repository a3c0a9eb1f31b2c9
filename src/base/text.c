/* SPDX-License-Identifier: Apache-2.0 */

#include <stdint.h>

#include "base/text.h"

bool text_copy(char *dst, size_t size, const char *src) {
    if (size == 0)
        return false;
    size_t n = src ? strnlen(src, size) : 0;
    bool whole = n < size;
    if (!whole) {
        n = size - 1;
        /* Never half a UTF-8 character: the receiver of a cut text would refuse all of it. */
        while (n > 0 && ((uint8_t)src[n] & 0xc0) == 0x80)
            n--;
    }
    if (n > 0)
        memcpy(dst, src, n);
    dst[n] = '\0';
    return whole;
}

bool text_starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Length of the UTF-8 character at p with its code point, or 0 when it is not one (truncated,
 * overlong, a surrogate, past U+10FFFF). */
static size_t utf8_decode(const uint8_t *p, size_t n, uint32_t *ret) {
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (p[0] < 0x80) {
        *ret = p[0];
        return 1;
    }
    size_t length = p[0] >= 0xf0 && p[0] < 0xf8 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] >= 0xf5 || length > n)
        return 0;
    uint32_t code = p[0] & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret = code;
    return length;
}

void text_expand(char *dst, size_t size, const char *template, const TextMark *marks, size_t n) {
    size_t at = 0;
    while (*template && at + 1 < size) {
        size_t i = 0;
        while (i < n && !text_starts_with(template, marks[i].mark))
            i++;
        if (i == n) {
            dst[at++] = *template ++;
            continue;
        }
        (void)text_copy(dst + at, size - at, marks[i].value);
        at += strlen(dst + at);
        template += strlen(marks[i].mark);
    }
    dst[at] = '\0';
}

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Ends of lines, and marks that decide in which order characters are shown. */
static bool is_misleading(uint32_t code) {
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Length of the character at p when it may stand in a text, else 0. */
static size_t clean_length(const uint8_t *p, size_t n) {
    uint32_t code;
    size_t length = utf8_decode(p, n, &code);
    if (length == 0)
        return 0;
    return is_control(code) && code != '\t' && code != '\n' ? 0 : length;
}

bool text_is_clean(Bytes b) {
    for (size_t i = 0; i < b.n;) {
        size_t length = clean_length(b.p + i, b.n - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

void text_scrub(char *text) {
    const size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        size_t length = clean_length((const uint8_t *)text + i, n - i);
        if (length == 0)
            text[i] = '?';
        i += MAX(length, (size_t)1);
    }
}

void text_make_one_line(char *text) {
    const size_t n = strlen(text);
    for (size_t i = 0, length; i < n; i += length) {
        uint32_t code = 0;
        length = utf8_decode((const uint8_t *)text + i, n - i, &code);
        if (length == 0) {
            text[i] = '?';
            length = 1;
        } else if (is_control(code) || is_misleading(code)) {
            memset(text + i, ' ', length);
        }
    }
}

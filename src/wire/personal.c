/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Three searches over one text, each linear. They look for the forms people type, not for every
 * way to hide a number; they must leave alone node ids, region codes, dates, letter numbers and
 * digests, because a refusal costs a case its message.
 */

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/personal.h"

#define DIGITS_OF_NIK  16U
#define HEX_DIGEST_MIN 32U
#define PHONE_PREFIX   2U /* digits of "08" and "+62" */
#define PHONE_MORE_MIN 8U /* digits after it */
#define PHONE_MORE_MAX 11U
#define PHONE_GAP_MAX  3U /* "0812 - 3456 - 7890" */
#define DIGITS         "0123456789"
#define LETTERS        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_one_of(char c, const char *set) {
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A hexadecimal digest may hold any run of digits. */
static bool is_digest(const char *word, size_t n) {
    size_t hex = strspn(word, "0123456789abcdef");
    size_t digits = strspn(word, DIGITS);
    return n >= HEX_DIGEST_MIN && hex == n && digits < n;
}

static bool has_long_number(const char *text) {
    for (const char *at = text; *at;) {
        size_t n = strspn(at, DIGITS LETTERS);
        if (n == 0) {
            at++;
            continue;
        }
        const char *end = at + n;
        for (bool skip = is_digest(at, n); at < end;) {
            size_t digits = strspn(at, DIGITS);
            if (digits >= DIGITS_OF_NIK && !skip)
                return true;
            at += digits > 0 ? digits : strspn(at, LETTERS);
        }
    }
    return false;
}

/* "labels.tld" with at least one dot and a last label of two letters or more. */
static bool is_domain(const char *at) {
    bool dotted = false;
    for (;;) {
        size_t label = strspn(at, DIGITS LETTERS "-");
        size_t letters = strspn(at, LETTERS);
        if (label == 0)
            return false;
        if (dotted && label == letters && letters >= 2)
            return true;
        if (at[label] != '.')
            return false;
        dotted = true;
        at += label + 1;
    }
}

static bool has_email(const char *text) {
    for (const char *at = strchr(text, '@'); at; at = strchr(at + 1, '@')) {
        bool local = at > text && is_one_of(at[-1], DIGITS LETTERS "._%+-");
        if (local && is_domain(at + 1))
            return true;
    }
    return false;
}

/* dd-mm-yyyy, which may begin like a phone number. */
static bool is_day(const char *at) {
    return strspn(at, DIGITS) == 2 && at[2] == '-' && strspn(at + 3, DIGITS) == 2 && at[5] == '-' &&
           strspn(at + 6, DIGITS) == 4;
}

/* After the prefix: digits in groups with spaces and hyphens between; the number may end with any
 * group that no letter or digit follows. */
static bool is_phone_rest(const char *at) {
    for (size_t digits = 0;;) {
        size_t group = strspn(at, DIGITS);
        digits += group;
        at += group;
        if (digits > PHONE_MORE_MAX)
            return false;
        if (digits >= PHONE_MORE_MIN && !is_alnum(*at))
            return true;
        size_t gap = strspn(at, " -");
        if (gap == 0 || gap > PHONE_GAP_MAX || !is_one_of(at[gap], DIGITS))
            return false;
        at += gap;
    }
}

static bool has_phone(const char *text) {
    for (const char *at = text; *at; at++) {
        if (at > text && is_alnum(at[-1]))
            continue;
        if (at[0] == '+' && at[1] == '6' && at[2] == '2' && is_phone_rest(at + 3))
            return true;
        if (at[0] == '0' && at[1] == '8' && !is_day(at) && is_phone_rest(at + 2))
            return true;
    }
    return false;
}

/* What a text has of what the searches need; most texts need none of them. */
typedef struct Signs {
    bool at;
    size_t digits, longest_number;
} Signs;

static Signs signs_of(const char *text) {
    Signs s = { 0 };
    for (size_t number = 0; *text; text++) {
        s.at |= *text == '@';
        number = is_digit(*text) ? number + 1 : 0;
        s.digits += number > 0;
        s.longest_number = MAX(s.longest_number, number);
    }
    return s;
}

bool text_is_personal(const char *text) {
    const Signs s = signs_of(text);
    return (s.longest_number >= DIGITS_OF_NIK && has_long_number(text)) ||
           (s.at && has_email(text)) ||
           (s.digits >= PHONE_PREFIX + PHONE_MORE_MIN && has_phone(text));
}

const char *text_unless_personal(const char *text) {
    return text_is_personal(text) ? "(withheld)" : text;
}

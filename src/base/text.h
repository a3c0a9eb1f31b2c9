/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text helpers that are safe on peer input. */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Copies at most size-1 bytes and terminates; returns false when text was cut. */
bool text_copy(char *dst, size_t size, const char *src);
bool text_starts_with(const char *text, const char *prefix);
typedef struct TextMark {
    const char *mark, *value; /* "{n}" */
} TextMark;
/* Copies a template with its marks replaced; what does not fit is cut. */
void text_expand(char *dst, size_t size, const char *template, const TextMark *marks, size_t n);
/* Valid UTF-8 without NUL and without control characters other than tab and newline? */
bool text_is_clean(Bytes b);
/* Puts a question mark for every byte that keeps text from being clean. */
void text_scrub(char *text);
/* For a line of our own that quotes somebody: what ends a line, drives a terminal or turns the
 * order of the characters around it becomes spaces, and what is not UTF-8 question marks. */
void text_make_one_line(char *text);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text helpers that are safe on peer input. */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Copies at most size-1 bytes and terminates; returns false when text was cut. */
bool text_copy(char *dst, size_t size, const char *src);
bool text_starts_with(const char *text, const char *prefix);
/* Valid UTF-8 without NUL and without control characters other than tab and newline? */
bool text_is_clean(Bytes b);
/* Puts a question mark for every byte that keeps text from being clean. */
void text_scrub(char *text);

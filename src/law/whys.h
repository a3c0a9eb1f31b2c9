/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Step.why in words: why an act did not fit how the matter stands. */

#include <stdbool.h>

/* Texts in both languages, static. False when the word is not known. */
bool step_why_texts(const char *why, const char **ret_en, const char **ret_id);

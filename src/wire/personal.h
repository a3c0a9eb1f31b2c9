/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rule R-004: what identifies a person and may not stand in clear text. */

#include <stdbool.h>

/* Does the text hold a run of 16 digits (NIK, family card), an e-mail address or a phone number? */
bool text_is_personal(const char *text);
/* For words of a peer that are kept or logged: the text, or "(withheld)". */
const char *text_unless_personal(const char *text);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "wire/codec-internal.h"

/* Facts of a kind into ret; of an unknown kind only their size is looked at. As the decoders. */
_must_check_ int facts_decode(int kind, Bytes b, Facts *ret, const char **ret_why);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Guard: looks a protobuf message over before anything is allocated for it. Bounded work: one pass
 * over the bytes, refusing what an unpack would amplify (depth, field count, repeated singular
 * submessages, unknown fields, groups, bad UTF-8, NUL in strings, lengths that lie).
 */

#include <stddef.h>

#include "base/bytes.h"

struct ProtobufCMessageDescriptor;

typedef enum GuardVerdict {
    GUARD_OK = 0,
    GUARD_TOO_LARGE,
    GUARD_TRUNCATED, /* a length or varint runs over the end */
    GUARD_TOO_DEEP,
    GUARD_TOO_MANY_FIELDS,
    GUARD_TOO_MANY_UNKNOWN,
    GUARD_REPEATED_MESSAGE, /* a singular submessage given twice */
    GUARD_BAD_TEXT,         /* not UTF-8, or NUL or another control character (text_is_clean) */
    GUARD_BAD_WIRE_TYPE,    /* group, or a type that does not fit the field */
} GuardVerdict;

typedef struct GuardLimits {
    size_t bytes;
    unsigned depth, fields, unknown_fields;
} GuardLimits;

extern const GuardLimits guard_limits_default; /* 1 MiB, 8 deep, 2,048 fields, 64 unknown */

GuardVerdict guard_check(const struct ProtobufCMessageDescriptor *d, Bytes b,
                         const GuardLimits *limits);
const char *guard_verdict_text(GuardVerdict v);

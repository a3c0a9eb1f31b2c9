/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Writes a protobuf message from its end to its beginning: what is inside is there before its
 * length is needed, so one pass is enough. Fields go last to first, lists too; the bytes are those
 * that protobuf-c would make (fields by number, nothing for zero and empty). For what is written
 * for each message; the rest is packed by protobuf-c.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/uuid.h"

typedef struct Back {
    uint8_t *buf;
    size_t room, n; /* the last n bytes of buf are written */
    bool failed;    /* out of memory; every later call does nothing */
} Back;

void back_deinit(Back *b);
/* Room for so many bytes more, so that they are not moved as it grows. */
void back_reserve(Back *b, size_t n);
/* Of several bits, as int32, uint32, uint64, enum and bool are. */
void back_number(Back *b, unsigned field, uint64_t v);
static inline void back_enum(Back *b, unsigned field, int v) {
    back_number(b, field, (uint64_t)(int64_t)v);
}
void back_numbers(Back *b, unsigned field, size_t n, const uint32_t *list); /* packed */
void back_fixed64(Back *b, unsigned field, uint64_t v);
void back_bytes(Back *b, unsigned field, Bytes v);
void back_text(Back *b, unsigned field, const char *v); /* NULL as "" */
void back_uuid(Back *b, unsigned field, const Uuid *v); /* nil = nothing */
/* One of a list, or one that has to be there: empty or not. */
void back_entry(Back *b, unsigned field, Bytes v);
/* What was written since b->n was `mark` becomes a message inside. */
void back_message(Back *b, unsigned field, size_t mark);
/* Hands over what was written; the caller's to free. 0 or -ENOMEM. */
_must_check_ int back_finish(Back *b, uint8_t **ret, size_t *ret_n);

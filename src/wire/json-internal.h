/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the JSON files share. Functions that build JSON return NULL when out of memory. */

#include <stdbool.h>

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "wire/arena.h"
#include "wire/json.h"

#define ENUM_NONE (-1)

typedef struct JsonReader {
    Arena *arena; /* what is read lives here */
    char *why;    /* JSON_WHY_SIZE bytes */
    char path[128];
} JsonReader;

static inline json_t *json_unref(json_t *j) {
    json_decref(j);
    return NULL;
}
DEFINE_CLEANUP(json_t *, json_unref);

/* A text of at most `limit` bytes that is one object, no key twice, and an arena for what is read
 * of it. 0; -EINVAL with the line and column in why; -ENOMEM. */
_must_check_ int json_begin(const char *text, size_t n, size_t limit, json_t **ret,
                            Arena **ret_arena, char why[static JSON_WHY_SIZE]);
/* An object into a new message of d; r->path names where we are ("facts"). 0, -EINVAL, -ENOMEM. */
_must_check_ int json_read_message(JsonReader *r, json_t *object,
                                   const ProtobufCMessageDescriptor *d, ProtobufCMessage **ret);
/* "path: " and the text into why; returns -EINVAL. */
_printf_(2, 3) int json_refuse(JsonReader *r, const char *format, ...);

json_t *json_write_message(const ProtobufCMessage *m);
/* NULL for a number without a name. */
const char *json_enum_short_name(const ProtobufCEnumDescriptor *e, int number);
/* By full name or without the prefix; ENUM_NONE when there is none. */
int json_enum_number(const ProtobufCEnumDescriptor *e, const char *name);

json_t *json_of_bytes(Bytes b); /* base64 */
json_t *json_of_signature(const JsonSignature *s, bool *failed);
json_t *json_of_time(int64_t ms);
json_t *json_of_uuid(const Uuid *u);
/* Sets key to value, which it takes; false (and *failed) when value is NULL or memory is short. */
bool json_put(json_t *object, const char *key, json_t *value, bool *failed);
/* The same for text; leaves an empty one out. */
bool json_put_text(json_t *object, const char *key, const char *text, bool *failed);
/* Prints j (which it takes, NULL = out of memory) unless failed. 0 or -ENOMEM. */
_must_check_ int json_finish(json_t *j, bool failed, bool pretty, char **ret);

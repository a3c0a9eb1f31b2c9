/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading and writing fields of generated structs by descriptor instead of by name. */

#include <stdbool.h>

#include <protobuf-c/protobuf-c.h>

#include "base/times.h"
#include "serasi/v1/common.pb-c.h"

/* A field of m by name, NULL when it has none. */
const ProtobufCFieldDescriptor *reflect_field(const ProtobufCMessage *m, const char *name);
/* How many values are set: of a repeated field its length, of a single one 0 or 1 (0 = zero value,
 * for proto3 tells no difference). */
size_t reflect_count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);
/* The i-th value, i < reflect_count(): points to a scalar, a char *, a ProtobufCBinaryData or a
 * ProtobufCMessage *. */
const void *reflect_value(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t i);
/* Bytes of one value in the struct: of a repeated field, of one element. */
size_t reflect_size(const ProtobufCFieldDescriptor *f);
/* Where a single value is stored, whether set or not; marks a oneof member as chosen. */
void *reflect_slot(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);
/* Makes a repeated field this list. */
void reflect_set_list(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, void *list, size_t n);

bool reflect_is_date(const ProtobufCFieldDescriptor *f);
/* Is it a field that holds ids of 16 bytes: bytes named ..._id or ..._ids? */
bool reflect_is_id(const ProtobufCFieldDescriptor *f);
/* False for a day that does not exist; all zero = not given. */
bool reflect_date(const Serasi__V1__Date *in, CivilDate *ret);

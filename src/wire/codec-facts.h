/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Facts of a kind from protobuf: codec-facts.c walks over the message once, codec-facts-take.c
 * takes the fields of the table of core/facts.h, codec-facts-nested.c what the table cannot reach.
 */

#include "wire/codec-internal.h"
#include "wire/reflect.h"

/* Facts of a kind into ret; of an unknown kind only their size is looked at. As the decoders. */
_must_check_ int facts_decode(int kind, Bytes b, Facts *ret, const char **ret_why);

/* For these files; forms the walk checks (ids, days, times) are right already. NULL, or why not. */

/* The n values of field f of m into the member that row names. */
const char *facts_take(const FactField *row, const ProtobufCMessage *m,
                       const ProtobufCFieldDescriptor *f, size_t n, Facts *ret);
/* What the rows without a field number need, and what a kind may not lack. */
const char *facts_take_nested(int kind, const ProtobufCMessage *m, Facts *ret);
/* A code of an enum as uint8_t: what does not fit is newer than this broker, but it is there. */
uint8_t take_code(int value);
void take_date(const Serasi__V1__Date *in, CivilDate *ret); /* NULL = not given */
void take_staff(const Serasi__V1__RoleRef *in, Staff *ret); /* NULL = not given */

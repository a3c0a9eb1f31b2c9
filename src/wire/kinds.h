/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which message the facts of a kind are. */

#include <protobuf-c/protobuf-c.h>

/* NULL for a kind newer than this program. */
const ProtobufCMessageDescriptor *kind_facts(int kind);
/* The message that is sealed; NULL when the kind seals nothing or is not known. */
const ProtobufCMessageDescriptor *kind_sealed(int kind);

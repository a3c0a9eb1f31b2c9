/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What hop.h needs src/base for, and so only those who sign. */

#include "base/signature.h"

#define HOP_SIGNATURE_MAX 512U /* of a tree of TREE_MAX leaves */

/* Signature (envelope.proto) as bytes; returns how many. */
size_t hop_signature(const Signature *s, uint8_t ret[static HOP_SIGNATURE_MAX]);

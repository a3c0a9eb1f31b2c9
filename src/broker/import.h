/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Directory lines (JSON) into an OP_IMPORT operation: one meaning of a directory file, whether a
 * running broker imports it or a tool with the store to itself. */

#include "store/store.h"
#include "wire/json.h"

/* Parses every line of text into op->import. Returns 0, -ENOMEM, or -EINVAL with the number of the
 * bad line (from 1) and why. */
_must_check_ int import_lines(StoreOp *op, const char *text, size_t n, size_t *ret_line,
                              char why[static JSON_WHY_SIZE]);

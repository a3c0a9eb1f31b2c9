/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Verbs about the signed directory and its log. */

#include "store/private.h"

void query_directory_keys(Store *s, StoreOp *op, Table *t);
void query_node_log(Store *s, StoreOp *op, Table *t);
void query_node_at(Store *s, StoreOp *op, Table *t);
void query_node_diff(Store *s, StoreOp *op, Table *t);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Verbs about the directory as it is now, and about what is signed of it and its log. */

#include "store/internal.h"

/* query-node.c */
void query_node_list(Store *s, StoreOp *op, Table *t);
void query_node_show(Store *s, StoreOp *op, Table *t);
/* directory-query.c */
void query_directory_keys(Store *s, StoreOp *op, Table *t);
void query_node_log(Store *s, StoreOp *op, Table *t);
void query_node_at(Store *s, StoreOp *op, Table *t);
void query_node_diff(Store *s, StoreOp *op, Table *t);

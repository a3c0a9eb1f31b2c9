/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the questions about items share. */

#include "store/item.h"

/* "" when there are fewer. */
const char *query_arg(const StoreOp *op, uint32_t i);
bool query_may_see(const Store *s, const StoreOp *op, const Item *i);
void query_columns(Table *t, const Column *list, size_t n);
void query_cell_item(Table *t, const Item *i); /* its id, of a node the name */
/* Who owes the next step of it, or answers for it. */
const char *query_debtor(const Item *i);
const char *query_status_name(int status);
/* What of an item is due: the columns, and a row. */
void query_due_columns(Table *t);
void query_due_row(const Store *s, Table *t, const Item *i, const Timer *timer);

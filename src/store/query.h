/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Verbs of other files that query.c calls, and what they share. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

/* check.c */
void query_check(Store *s, StoreOp *op, Table *t);
/* resolve.c */
void query_resolve(Store *s, StoreOp *op, Table *t);
/* query.c */
/* "WAITING", "DEAD" or "DONE". */
const char *message_state(Store *s, const StoredMessage *m);

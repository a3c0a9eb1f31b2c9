/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The trail of a message, and the verbs that show it. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

void trail_add(Store *s, int64_t seq, const char *step, const char *who, const char *note);
/* The same of what peers say, who may do so without end: not on a longer trail than that of a
 * message to everybody. The ledger has all of it. */
#define TRAIL_HEARD_MAX 10000
void trail_add_heard(Store *s, int64_t seq, const char *step, const char *who, const char *note);
void query_trace(Store *s, StoreOp *op, Table *t);
void query_outcome(Store *s, StoreOp *op, Table *t);

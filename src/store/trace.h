/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The trail of a message, and the verbs that show it. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

void trail_add(Store *s, int64_t seq, const char *step, const char *who, const char *note);
void query_trace(Store *s, StoreOp *op, Table *t);
void query_outcome(Store *s, StoreOp *op, Table *t);

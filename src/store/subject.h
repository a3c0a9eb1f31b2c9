/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a DATA_SUBJECT_ACTION orders of the messages of a case. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

/* Of a DATA_SUBJECT_ACTION: everybody whom messages of its case went to from here. */
void subject_add_recipients(Store *s, const StoreOp *op, StoredMessage *m);
/* After it was stored: what it orders of the messages of the case. */
void subject_carry_out(Store *s, StoreOp *op, const StoredMessage *m);
/* Was its sealed part erased on such an order? It does not come back with a repeated message. */
bool subject_is_erased(Store *s, int64_t seq);

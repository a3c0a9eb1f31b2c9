/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who cannot open what was sealed, and who is asked for a wrap. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

typedef struct WrapAsk {
    const char *node; /* who has to open it */
    WrapReason reason;
    const char *instead_of, *by; /* NULL = nobody */
} WrapAsk;
/* A message from its publisher: who of the routes cannot open it is warned about, its sender asked.
 */
void wraps_check(Store *s, StoreOp *op, const StoredMessage *m, const Body *body);
/* The same for one recipient, later. */
void wrap_check(Store *s, StoreOp *op, const StoredMessage *m, const Body *body,
                const WrapAsk *ask);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a key may still do, judged within the transaction. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

/* Is the session's key not allowed to publish this (any more)? Then the answer is ready. */
bool accept_is_denied(Store *s, StoreOp *op);
/* A copy that waits for a subscriber is his while his scope covers it; whatever else it is, it is
 * still allowed. */
bool copy_is_still_allowed(Store *s, const StoredMessage *m, const Body *body,
                           const DeliveryRow *row);
/* May the subscription of that filter not be opened (dropped) so? Then verdict and why say it. */
bool subscription_is_denied(Store *s, StoreOp *op, const Filter *f);

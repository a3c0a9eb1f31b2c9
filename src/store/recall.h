/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages withdrawn: by order of their sender, or because a newer one took their place. */

#include "store/row.h"
#include "store/store.h"

typedef struct StoredMessage StoredMessage;

void accept_recall(Store *s, StoreOp *op);
/* Withdraws what of a message is not out yet, here: a newer one took its place, for those on the
 * route `by` (NULL: for everybody). */
void recall_superseded(Store *s, StoreOp *op, const StoredMessage *target, const Route *by);
/* Withdraws it from everybody who has no outcome yet. */
void recall_all(Store *s, StoreOp *op, const StoredMessage *target);

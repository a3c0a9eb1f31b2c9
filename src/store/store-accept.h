/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the kinds of acceptance share. */

#include "store/place.h"
#include "store/store.h"

typedef struct StoredMessage StoredMessage;

void accept_begin(Store *s, const StoreOp *op, StoredMessage *ret);
void accept_store(Store *s, StoreOp *op, StoredMessage *m);
void accept_refuse(Store *s, StoreOp *op, Verdict verdict);
Reasons *accept_reasons(Store *s, PublishResult *r);
/* The decision on op->accept.message, into s->decision. Writes nothing. */
void accept_judge(Store *s, const StoreOp *op);
void accept_list_recipients(Store *s, PublishResult *r, const StoredMessage *m);
Placement accept_placement(Store *s, const StoreOp *op, const RoutedRecipient *routed);

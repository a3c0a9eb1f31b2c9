/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Batches: lists of operations, and what waits for the store. */

#include "store/store.h"

typedef struct Broker Broker;

typedef struct OpList {
    StoreOp *first, *last;
    uint32_t n;
} OpList;

void broker_push(Broker *b, StoreOp *op);
void ops_append(OpList *l, StoreOp *op);
StoreOp *ops_take(OpList *l); /* the first; NULL: none */
/* Does an earlier message of its case (or the same message once more) wait in the list? */
bool ops_follow(const OpList *l, const Envelope *e);
/* New operation, pushed by the caller. NULL when out of memory. */
StoreOp *op_for(OpKind kind, uint64_t owner_id, void *owner);

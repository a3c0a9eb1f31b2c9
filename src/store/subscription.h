/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Named subscriptions, and the copies made for them. */

#include "store/store.h"

typedef struct Copies Copies;
typedef struct Queue Queue;
typedef struct StoredMessage StoredMessage;
typedef struct Subscription Subscription;

struct Subscription {
    Queue *queue;
    char owner[NODE_NAME_SIZE], name[SUBSCRIPTION_SIZE];
    Filter filter;
    bool blocked;       /* overrun: nothing more until read down to half the quota */
    int64_t overrun_ms; /* copies were left out since then; 0 = none the owner was not told of */
    Subscription *prev, *next;
};

/* Copies for every named subscription that wants the message. */
void subscriptions_feed(Store *s, StoreOp *op, const StoredMessage *m, const Copies *c);
void subscriptions_load(Store *s);
void subscriptions_drop(Store *s);

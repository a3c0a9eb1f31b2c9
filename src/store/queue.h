/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queues and their deliveries: mailboxes, links, subscriptions. */

#include <sqlite3.h>

#include "base/hash-table.h"
#include "store/store.h"

typedef struct Link Link;
typedef struct StoredMessage StoredMessage;
typedef struct Subscription Subscription;

#define QUEUE_KEY_SIZE (1 + NODE_NAME_SIZE + SUBSCRIPTION_SIZE)

/* A queue; `waiting` follows table delivery within the transaction. */
typedef struct Queue {
    QueueId id;
    QueueKind kind;
    char key[QUEUE_KEY_SIZE]; /* kind as a digit, then the name */
    uint64_t waiting;
    uint64_t dead; /* as the verb "queues" counted them last */
    Subscription *subscription;
    Link *link;
    UT_hash_handle hh_key, hh_id;
} Queue;

static inline const char *queue_name(const Queue *q) {
    return q->key + 1;
}

/* NULL when it does not exist (find) or with a fault (get, which creates). */
Queue *queue_find(Store *s, QueueKind kind, const char *name);
Queue *queue_get(Store *s, QueueKind kind, const char *name);
Queue *queue_by_id(const Store *s, QueueId id);
void queue_remove(Store *s, Queue *q); /* with all its rows */
void queues_load(Store *s);
void queues_drop(Store *s);

/* A delivery about to be made; lane and lifting are decided by what waits for the same case. */
typedef struct NewDelivery {
    Queue *queue;
    int64_t seq, order_key, since_ms, expires_ms;
    Lane lane;
    uint32_t flags, size;
    Body *body;                   /* borrowed, NULL = load it */
    const StoredMessage *message; /* with its whole route: of a link row, to go out as it is */
} NewDelivery;
void queue_deliver(Store *s, StoreOp *op, const NewDelivery *d);
bool queue_row_at(Store *s, QueueId queue, Lane lane, int64_t seq, DeliveryRow *ret);
/* The row of (queue, seq) whatever its lane; false when it is not there. */
bool queue_find_row(Store *s, QueueId queue, int64_t seq, DeliveryRow *ret);
/* Writes the flags of a row that now stands for one more recipient. A copy that is out already does
 * not name that one: when it is settled the row goes round once more. */
void queue_join(Store *s, const DeliveryRow *row);
/* False when it was not there. */
bool queue_remove_row(Store *s, const DeliveryRow *row);
void queue_read_row(sqlite3_stmt *q, DeliveryRow *ret);
/* Columns in the order queue_read_row() wants. */
#define ROW_COLUMNS "queue,lane,seq,order_key,attempts,flags,due,expires,size"

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Recipients of a message: their place on its route, and their deliveries. */

#include "store/row.h"
#include "store/store.h"

typedef struct Queue Queue;
typedef struct StoredMessage StoredMessage;

typedef struct Placement {
    const char *node;
    RecipientRole role;
    uint8_t flags;   /* ROUTE_... */
    const char *hop; /* self = local, "" = unroutable */
    bool returns;    /* "", because it leads back to the neighbour that brought the message */
} Placement;
/* The queue gets a row of a message that it took before: what becomes of the row says nothing of
 * those who went with the first one. Their entries are marked; the caller writes the message.
 * Returns the flag of who joins a row that is still there. */
uint8_t place_after(Store *s, StoredMessage *m, const Queue *queue);
/* The link took the copy of a row that was joined: it was for the others, what comes now is for who
 * joined. Writes the message. */
void place_handed(Store *s, const DeliveryRow *row);
/* Adds the recipient to the route of m and finds (or makes) the queue for it, after place_after().
 */
RouteEntry *place_recipient(Store *s, StoredMessage *m, const Placement *p);

/* The forms in which one message goes out, shared by its deliveries. */
typedef struct Copies {
    Body *full;       /* borrowed */
    Body *facts_only; /* owned; NULL = load it */
    uint32_t size_full, size_facts;
    int64_t expires_ms; /* at least; 0 = as the message */
    uint32_t flags;     /* DELIVERY_..., besides what its kind and recipients ask for */
    bool fresh;         /* the message is just being stored: no row can exist yet */
} Copies;
void copies_init(Store *s, Copies *c, Body *body, bool fresh);
void copies_deinit(Copies *c);
/* Makes the delivery of route entry i, unless its queue has one for this message. */
void place_delivery(Store *s, StoreOp *op, const StoredMessage *m, uint32_t i, const Copies *c);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A node whose home is another broker now: what waits for it here goes there, message by message,
 * as the sweep comes by. What comes for it meanwhile queues up behind, so that here none overtakes
 * another; but what waited at the old home and what went to the new one at once have no order.
 *
 * A brought message goes back the way it came when the new home is there; that neighbour then
 * routes it anew (accept-known.c). It knows the copy from its own that is only sent again by the
 * number of moves, which a copy has for each recipient: one with more takes the place of one with
 * fewer. A message that comes although its way leads back has passed the change of the directory
 * on its way, or come before it: it waits here as long as the node's own, and goes where the
 * directory says then. Brokers whose directories differ for good stop after RECIPIENT_MOVES_MAX.
 */

#include "store/row.h"
#include "store/store.h"

typedef struct Queue Queue;

/* The neighbour towards the new home of the queue's node; NULL = the queue stays where it is. */
const char *move_hop(const Store *s, const Queue *queue);
/* The queue of a node that moved away, kind MAILBOX or RECEIPTS, while something waits in it;
 * otherwise NULL. */
Queue *move_behind(Store *s, QueueKind kind, const char *node);
unsigned moves_of(const RouteEntry *e);
/* Puts the delivery into the link. False: it stays; its message is damaged, or was moved too often.
 */
bool move_delivery(Store *s, StoreOp *op, const DeliveryRow *row, const Queue *from);

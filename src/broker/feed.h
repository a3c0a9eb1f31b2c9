/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Feeds: queues that are being read, what of them is in memory, and who reads them. */

#include "base/hash-table.h"
#include "broker/broker.h"
#include "broker/window.h"
#include "core/frame.h"

typedef struct Channel Channel;
typedef struct Feed Feed;
typedef struct Ticket Ticket;

/* A queue that is being read: what of it is in memory, and its readers. */
struct Feed {
    QueueId id;
    QueueKind kind;
    char name[NODE_NAME_SIZE + SUBSCRIPTION_SIZE];
    Window window;
    Channel *channels;
    Channel *quiet;     /* gets nothing more until it is free to take a suspect alone */
    uint32_t n_loading; /* bodies asked for */
    bool uplink;        /* read by the uplink instead of channels */
    bool wanted;        /* in the list of queues to pump */
    Feed *next_wanted;
    UT_hash_handle hh;
};

Feed *feed_get(Broker *b, QueueId id); /* NULL when not in memory */
Feed *feed_open(Broker *b, QueueId id, QueueKind kind, const char *name); /* NULL: no memory */
/* The queue was dropped: what is in memory of it goes too. */
void feed_forget(Feed *q);
/* Copies for subscribers are read again before they go out: the store knows who may still have
 * them. */
void feeds_forget_copies(Broker *b);
void feed_want(Broker *b, Feed *q); /* pump it at the end of the turn */
_must_check_ int feeds_pump(Broker *b, Now now);
void feed_drop_if_idle(Broker *b, Feed *q);
_must_check_ int feed_loaded(Broker *b, StoreOp *op);          /* OP_LOAD */
_must_check_ int feed_found(Broker *b, StoreOp *op);           /* OP_NEXT */
_must_check_ int feed_bodies(Broker *b, Now now, StoreOp *op); /* OP_BODIES */
_must_check_ int feed_seek(Broker *b, Feed *q, int64_t order_key);
/* One change of one delivery for the store; the entry (if any) must be BUSY. */
_must_check_ int delivery_op(Broker *b, Feed *q, const DeliveryRow *row, QueueKind kind,
                             DeliveryAction action, ReceiptCause cause, const char *detail,
                             Ticket *ticket, uint64_t tag);
_must_check_ int delivery_done(Broker *b, Now now, StoreOp *op); /* OP_DELIVERY */
/* Takes a READY entry out of circulation when it must not go out any more (recalled, expired).
 * Returns 1 when it did, 0 when the entry may go out. */
_must_check_ int feed_withdraw(Broker *b, Now now, Feed *q, Entry *e);
/* Asks for the bodies of what may go out next, beginning with `first`; at most `room` of them. */
_must_check_ int feed_fetch_bodies(Broker *b, Feed *q, Entry *first, uint32_t room,
                                   bool skip_suspects);
ReceiptCause expiry_cause(const DeliveryRow *row, QueueKind kind);

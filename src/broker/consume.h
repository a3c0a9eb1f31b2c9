/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Channels: opened by consumers, each on a queue. */

#include "broker/broker.h"
#include "broker/session.h"
#include "broker/window.h"
#include "core/frame.h"

typedef struct Channel Channel;
typedef struct Feed Feed;

/* One consumer's view of one queue. */
struct Channel {
    uint32_t id; /* the client's number */
    FrameSource source;
    char name[SUBSCRIPTION_SIZE];
    Session *session;
    Feed *feed; /* NULL until the store found it */
    uint32_t credit_messages, credit_bytes;
    uint32_t n_out, bytes_out;
    Filter *filter; /* of a named subscription, owned; NULL until the store told it */
    uint64_t next_tag;
    uint64_t n_settles;   /* frames */
    Entry *out;           /* by tag; in order of tags */
    bool alone;           /* a suspect is out: nothing else until it is settled */
    bool blocked;         /* the peer's pipe is full: try again at the next tick */
    Channel *prev, *next; /* of the queue */
};

_must_check_ int consume_subscribe(Broker *b, Now now, Session *s, Frame *f);
_must_check_ int consume_unsubscribe(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int consume_credit(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int consume_queue_found(Broker *b, Now now, StoreOp *op);       /* OP_QUEUE */
_must_check_ int consume_subscription_done(Broker *b, Now now, StoreOp *op); /* OP_SUBSCRIPTION */
/* Closes a channel; DIED counts an attempt for the oldest delivery and makes the others suspects.
 */
_must_check_ int channel_close(Broker *b, Now now, Channel *c, SessionEnd how);
_must_check_ int channel_leases(Broker *b, Now now, Channel *c);

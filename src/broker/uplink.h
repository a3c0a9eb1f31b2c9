/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The uplink: this broker as a child of its parent. */

#include "base/hash-table.h"
#include "broker/broker.h"
#include "core/bundle.h"
#include "core/frame.h"
#include "core/limits.h"
#include "core/servers.h"

typedef struct Feed Feed;

#define UPLINK_CHANNEL 1U
#define UPLINK_CREDIT  256U

typedef struct Sent { /* on the uplink, not answered */
    Uuid message_id;
    int64_t order_key, seq;
    UT_hash_handle hh;
} Sent;

typedef struct Uplink {
    enum { UPLINK_DOWN = 0, UPLINK_GREETING, UPLINK_OPEN } state;
    Feed *feed;
    Sent *sent; /* by message id */
    uint32_t n_sent, window;
    int64_t heard_mono_ms, pinged_mono_ms, greeted_mono_ms, progress_mono_ms, paused_mono_ms;
    int64_t ping_ms;
    uint32_t n_greeted; /* HELLOs since the parent was heard */
    uint64_t epoch;     /* of the session: answers to deliveries of an older one are not sent */
    bool recorded;      /* the store knows the link is open: a crash makes what is out uncertain */
    uint32_t credit_messages, credit_bytes; /* what the parent lets us have */
    uint32_t taken_messages, taken_bytes;   /* settled: credit to give back */
    uint32_t n_taking;                      /* on their way to the disk, of whatever session */
    size_t taking_bytes;
    uint32_t n_settle;
    Settlement settle[SETTLEMENTS_MAX]; /* collected in this turn */
    bool bundles;                       /* the parent reads them */
    Bundle *bundle;                     /* being made; NULL until the first */
    Sent *bundled[BUNDLE_MAX];          /* what is in it */
    bool asked_queue;
    Servers told; /* by WELCOME: where else the parent is found */
} Uplink;

_must_check_ int uplink_recheck(Broker *b, Now now); /* after a change of the directory */
_must_check_ int uplink_receive(Broker *b, Now now, const PeerMessage *m);
_must_check_ int uplink_queue_found(Broker *b, Now now, StoreOp *op);
_must_check_ int uplink_second(Broker *b, Now now);
/* The session to the parent ends: what is unanswered is uncertain from now on. */
_must_check_ int uplink_end(Broker *b, const char *why);
/* A frame with up to three parts behind it. 0, -EAGAIN, -EHOSTUNREACH, -ENOMEM. */
int uplink_say(Broker *b, const Frame *f, const Bytes *parts, unsigned n_parts);
int uplink_send(Broker *b, const Frame *f); /* the same, -EHOSTUNREACH without a session */

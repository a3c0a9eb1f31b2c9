/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The signed directory on its way down the tree. */

#include "broker/broker.h"
#include "core/frame.h"

typedef struct Session Session;

/* The signed directory, as a child of the parent's. */
typedef struct Following {
    bool busy;            /* with what came last */
    bool asked;           /* changes came: the parent waits for the next WANT */
    unsigned refused;     /* times in a row */
    int64_t want_mono_ms; /* when to ask next */
    int64_t deaf_mono_ms; /* after a refusal: until then nothing is listened to */
    uint64_t copy_of;     /* a copy of that version is on its way, so far to the record `behind` */
    char behind[DIR_NAME_SIZE];
    unsigned stale_told;
} Following;

void directory_uplink_open(Broker *b, Now now);
_must_check_ int directory_changes(Broker *b, Now now, const Frame *f); /* from the parent */
_must_check_ int directory_want(Broker *b, Session *s, const Frame *f); /* from a child */
_must_check_ int directory_news(Broker *b); /* another version is in force: children hear of it */
_must_check_ int directory_second(Broker *b, Now now);
_must_check_ int directory_taken(Broker *b, Now now, StoreOp *op);  /* OP_DIRECTORY_TAKE */
_must_check_ int directory_found(Broker *b, StoreOp *op);           /* OP_DIRECTORY_READ */
_must_check_ int directory_signed(Broker *b, Now now, StoreOp *op); /* OP_DIRECTORY_SIGN */

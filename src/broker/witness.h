/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ledger's head, countersigned by the parent. */

#include "broker/broker.h"
#include "core/frame.h"

typedef struct Session Session;

/* An attempt to have the ledger countersigned. */
typedef struct Witness {
    enum { WITNESS_IDLE = 0, WITNESS_LOOKING, WITNESS_ASKING, WITNESS_KEEPING } state;
    int64_t due_mono_ms, asked_mono_ms;
    int64_t block; /* what the parent was asked to sign */
    uint32_t query;
    bool repeated;        /* the parent asked back */
    bool looked, settled; /* since the start: once at all; and there is nothing it did not sign */
    uint64_t session_id;  /* of an operator who waits; 0 = nobody does */
    uint32_t session_query;
} Witness;

_must_check_ int witness_second(Broker *b, Now now);
_must_check_ int witness_stored(Broker *b, Now now, StoreOp *op); /* OP_QUERY of WITNESS_OWNER */
_must_check_ int witness_result(Broker *b, Now now, const Frame *f);
_must_check_ int witness_verb(Broker *b, Now now, Session *s, const Frame *f);

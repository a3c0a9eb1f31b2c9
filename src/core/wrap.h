/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A sealed part for a recipient it was not sealed to: the broker's request to the sender (kind
 * WRAP_REQUEST) and the sender's answer to the recipient (kind SEAL_WRAP). The wraps themselves are
 * clear to brokers, so the request carries those of the message: the sender needs no copy of what
 * it sent, only its keys.
 */

#include "base/bytes.h"
#include "base/crypto-seal.h"
#include "core/limits.h"
#include "core/message.h"

typedef enum WrapReason {
    WRAP_UNSPECIFIED = 0,
    WRAP_ROUTED = 1,     /* resolved so at acceptance */
    WRAP_REDIRECTED = 2, /* a dead letter, to another node */
    WRAP_REQUEUED = 3,   /* a dead letter, to the same node */
} WrapReason;

typedef struct WrapRequest {
    /* the message it is in */
    Uuid id;
    char to[NODE_NAME_SIZE], region[REGION_SIZE];
    /* its facts */
    Uuid message_id;
    char recipient[NODE_NAME_SIZE], instead_of[NODE_NAME_SIZE], by[NODE_NAME_SIZE];
    int reason; /* WrapReason */
    int64_t asked_ms;
    Bytes envelope, signature; /* of the message; borrowed */
    uint8_t commitment[SEAL_COMMITMENT_SIZE];
    uint32_t n_wraps;
    SealWrap wraps[SEAL_WRAPS_MAX];
    uint8_t *bytes; /* owned: what envelope and signature borrow from when it was decoded */
} WrapRequest;

void wrap_request_deinit(WrapRequest *r);

/* Derived from what is asked, when, and which broker asks. */
Uuid wrap_request_id(const WrapRequestFacts *f, const char *self);
/* Is m such a request under the id that is its own, by the broker that asks? */
bool wrap_request_has_own_id(const Message *m);

typedef struct SealWraps {
    Uuid message_id;
    uint32_t n;
    SealWrap list[SEAL_WRAPS_MAX];
} SealWraps;

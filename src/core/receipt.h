/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The receipt ladder: what a broker tells a sender about one (message, recipient).
 * Final levels are COLLECTED, REFUSED, UNDELIVERABLE and RECALLED; the first one wins.
 * Numbers as in receipt.proto.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "core/codes.h"
#include "core/limits.h"
#include "core/message.h"

typedef enum ReceiptLevel {
    LEVEL_NONE = 0,
    LEVEL_ACCEPTED = 1,
    LEVEL_DEPOSITED = 2,
    LEVEL_COLLECTED = 3,
    LEVEL_DELAYED = 4,
    LEVEL_EXPIRES_SOON = 5,
    LEVEL_REFUSED = 6,
    LEVEL_UNDELIVERABLE = 7,
    LEVEL_RECALLED = 8,
    LEVEL_COLLECTED_LATE = 9,
} ReceiptLevel;

typedef enum ReceiptCause {
    CAUSE_NONE = 0,
    CAUSE_EXPIRED_IN_MAILBOX = 1,
    CAUSE_EXPIRED_ON_LINK = 2,
    CAUSE_EXPIRED_UNSETTLED = 3,
    CAUSE_DEAD_REJECTED = 4,
    CAUSE_DEAD_CRASHED = 5,
    CAUSE_DEAD_CHECKSUM = 6,
    CAUSE_RECALLED_BY_SENDER = 7,
    CAUSE_RECIPIENT_UNKNOWN = 8,
    CAUSE_DISCARDED_BY_OPERATOR = 9,
    CAUSE_LINK_DOWN = 10,
    CAUSE_QUOTA = 11,
    CAUSE_SUPERSEDED = 12,
} ReceiptCause;

const char *receipt_level_name(int level); /* "COLLECTED" */
const char *receipt_cause_name(int cause); /* "EXPIRED_IN_MAILBOX", "" for CAUSE_NONE */
bool receipt_is_final(int level);
/* Does the sender, by its policy, want a receipt message of this level? The outcome is recorded
 * either way. */
bool receipt_is_wanted(ReceiptPolicy policy, int level);

/* A receipt to be written: facts of kind RECEIPT. */
typedef struct Receipt {
    Uuid message_id;             /* of the message it is about */
    char sender[NODE_NAME_SIZE]; /* of that message: who is told */
    char recipient[NODE_NAME_SIZE];
    ReceiptLevel level;
    ReceiptCause cause;
    char leg[NODE_NAME_SIZE]; /* broker that says it */
    int64_t said_ms;
    uint32_t attempts;
    char detail[REASON_TEXT_MAX + 1];
    char region[REGION_SIZE]; /* of that message */
    Uuid correlation_id;      /* order key source: the message's case, correlation or id */
    uint32_t n_stamps;        /* hops of the message up to here, for the trace */
    HopStamp stamps[STAMPS_MAX];
    Uuid id; /* receipt_message_id() of the above, when it is at hand; nil = compute it */
} Receipt;

/* The same receipt always gets the same message id: derived from message, recipient, level and the
 * broker that says it (two brokers may warn about the same delivery). */
Uuid receipt_message_id(const Receipt *r);
/* Is m a receipt under the id that is its own, by the broker that says it? */
bool receipt_has_own_id(const Message *m);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Quotas: how many deliveries of one sender may wait here or be dead letters, and how many may wait
 * in one mailbox. Above them a message is answered LATER before it is accepted; what was accepted
 * goes its way. Only what was published here counts: a link must never stand still because of one
 * sender or one mailbox behind it.
 */

#include "store/private.h"

typedef struct SenderLoad {
    char sender[NODE_NAME_SIZE];
    uint64_t waiting, dead;
    bool dirty, kept; /* waiting was changed in this transaction; the table has a row */
    struct SenderLoad *next_dirty;
    UT_hash_handle hh;
} SenderLoad;

/* Is m charged to its sender? */
bool quota_counts(const StoredMessage *m);
/* A delivery of it began or ceased to wait, or became a dead letter. */
void quota_waits(Store *s, const StoredMessage *m);
void quota_left(Store *s, const StoredMessage *m);
void quota_died(Store *s, const StoredMessage *m);
/* Operators took dead letters away: they are counted again. */
void quota_count_dead(Store *s);

/* Has the message that was just judged good to wait? Answers it LATER then. */
bool quota_is_reached(Store *s, StoreOp *op);

/* With the other caches of the store; in the transaction, before it is committed. */
void quota_load(Store *s);
void quota_drop(Store *s);
void quota_flush(Store *s);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Quotas: how many deliveries of one sender may wait or be dead letters, how many bytes these may
 * have, and how many may wait in one mailbox. Above them a message is answered LATER before it is
 * accepted; what was accepted goes its way. Emergencies and events have twice the quota of their
 * sender, and none of the mailbox: what others sent there must not put them off. Only what was
 * published here counts for them: a link must never stand still because of one sender or one
 * mailbox behind it. So the sender's own broker counts for all: a delivery waits in a queue of this
 * broker, and when a link took it over it waits beyond, for each recipient that was named, until
 * its outcome is known here. What a link brought counts for that neighbour as a whole, with a bound
 * that is there for the case that its key was stolen; receipts, notices, requests and orders, which
 * must pass when that is reached, count by themselves. And what a reader rejects counts for it,
 * wherever it came from: above a bound it stays in its queue and is asked about again.
 */

#include "store/internal.h"
#include "store/row.h"

typedef struct Load {
    uint64_t n, bytes; /* deliveries; each with the size of its row */
} Load;

typedef struct SenderLoad {
    char sender[NODE_NAME_SIZE];
    Load waiting, dead;
    Load rejected; /* the dead letters it made of what it was to read */
    Load before;   /* waiting, when the transaction began that made it dirty */
    Load was;      /* the same before a recount */
    bool dirty;
    bool kept, kept_before; /* the table has a row, and it is right */
    struct SenderLoad *next_dirty;
    UT_hash_handle hh;
} SenderLoad;

/* A delivery of m, of this size, began or ceased to wait in that queue. */
void quota_waits(Store *s, const StoredMessage *m, const Queue *queue, uint32_t size);
void quota_left(Store *s, const StoredMessage *m, const Queue *queue, uint32_t size);
/* The neighbour took over m with its row for that recipient, if it was not there before. */
void quota_goes_beyond(Store *s, const StoredMessage *m, const RouteEntry *e);
/* Call before its place in the route changes: it may have waited beyond, and does so no longer. */
void quota_comes_back(Store *s, const StoredMessage *m, const RouteEntry *e);
/* The outcome of that recipient was just recorded, as a neighbour told it. */
void quota_ended_beyond(Store *s, const StoredMessage *m, const char *recipient);
/* m is purged here, and nobody will be told any more how it ended for that recipient. */
void quota_given_up(Store *s, const StoredMessage *m, const RouteEntry *e);
/* The parts of m are about to have that size. */
void quota_resized(Store *s, const StoredMessage *m, uint32_t size);
/* What this reader rejects, or dies of, may become a dead letter: it has not too many yet. Half of
 * a sender's bound, so that no reader alone can have a sender put off. */
bool quota_may_reject(Store *s, const char *reader);
/* A delivery became a dead letter: its reader's (NULL: of a link) and, but for copies of
 * subscribers and receipts, its sender's. m may be NULL: it is gone. */
void quota_died(Store *s, const StoredMessage *m, const Queue *queue, const char *reader,
                uint32_t size);
/* Dead letters were taken away, or a transaction was undone: they are counted again. */
void quota_count_dead(Store *s);

/* Has the message that was just judged good to wait? Answers it LATER then. */
bool quota_is_reached(Store *s, StoreOp *op);

/* At the start, in its transaction. recount: from the deliveries, which are few; else the table is
 * believed. */
void quota_load(Store *s, bool recount);
/* Sets the counts right by the deliveries. differs (may be NULL) is told of each that was wrong. */
void quota_recount(Store *s,
                   void (*differs)(void *data, const char *sender, Load counted, Load rows),
                   void *data);
/* In the transaction, before it is committed; and how it ended. */
void quota_flush(Store *s);
void quota_committed(Store *s);
void quota_rolled_back(Store *s);
/* When the store is closed: all that is in memory, so that nothing is lost by a clean stop. */
void quota_save(Store *s);
void quota_drop(Store *s);

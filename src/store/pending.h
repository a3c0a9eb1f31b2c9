/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Items that have changed and are not in their table yet. With many items open each is on a page of
 * its own, and to write that page with every act is most of what an act would cost. So what a
 * transaction changed goes, packed, into one row of table pending, and stays in memory; later it is
 * swept into table item, and timer and tally with it, in the order of their keys and many at once.
 *
 * How an item stands is what is here, else what the table says (item_load()). Whoever looks through
 * tables item, timer or tally by anything but a key has to settle first what it may find there.
 * After a crash the rows of table pending are read again: they hold the newest form of whatever is
 * not in the table. A rolled back transaction leaves nothing here. Bounded: with more than so many
 * items, or rows of so many bytes, each transaction sweeps more than it brings.
 */

#include <stdbool.h>
#include <stdint.h>

#include "law/story.h"

typedef struct Store Store;
typedef struct StoredItem StoredItem;
typedef struct Pending Pending;

/* The item as it stands, packed; false when it is not pending. n == 0: it was forgotten. */
bool pending_find(const Store *s, ItemKind kind, const Uuid *id, Bytes *ret_body,
                  int64_t *ret_last);
/* Numbers that are kept with a pending item, 0 at first, until it is swept or the transaction
 * rolled back; NULL when it is not pending. Good until the next call here. */
#define PENDING_NOTES 2U
uint64_t *pending_notes(Store *s, ItemKind kind, const Uuid *id);
/* i->known_before has to be what item_load() said, unless it is pending already. */
void pending_put(Store *s, const StoredItem *i);
void pending_forget(Store *s, ItemKind kind, const Uuid *id);

/* These write into the tables: one item (false when it was not pending), the referrals of a case,
 * those that a node owes a step, those with a timer that is due, those that did not change since,
 * all. The last four not while the disk is full: what is asked must not stand in the way of what
 * makes room, and finds what was there before. */
bool pending_settle(Store *s, ItemKind kind, const Uuid *id);
void pending_settle_case(Store *s, const Uuid *case_id);
void pending_settle_owed(Store *s, const char *node);
void pending_settle_due(Store *s);
void pending_settle_old(Store *s, int64_t until_ms);
void pending_settle_all(Store *s);
/* All in a transaction of its own, which is rolled back when it fails. Returns 0 or the fault, and
 * leaves none in the store. */
_must_check_ int store_settle(Store *s);

/* Is there more than there should be for long? Only after many a short life: sweeps begin anew. */
bool pending_is_long(const Store *s);

/* At the end of a transaction, before the tally is written: with the acts that changed them. */
void pending_write(Store *s);
/* From the table: at the start, and after a transaction was rolled back. */
void pending_load(Store *s);
void pending_drop(Store *s);

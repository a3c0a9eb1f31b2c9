/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which message has which id, for as long as an id is remembered: longer than its message. All that
 * is in table dedup can be reckoned from the messages that are still there, and to write a page of
 * it with every commit is a fifth of what a small commit costs. So the ids of the newest messages
 * are kept in memory only, and swept into the table many at once, in the order of its keys.
 *
 * meta.dedup_swept: of every message up to this number the id is in the table. Of those behind it
 * the ids are reckoned anew when the store is opened, and after a transaction was rolled back,
 * which leaves nothing of itself here. A message must not go, nor its parts change, before its id
 * is in the table. Bounded, in memory and in what a start has to read: see dedup_write().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/uuid.h"

typedef struct Store Store;

typedef struct DedupClaim {
    Uuid id;
    int64_t seq, accepted_ms;
    uint8_t digest[DIGEST_SIZE]; /* zeros: the message is damaged, and it is not known */
    uint32_t size;               /* of the message: what a start has to hash */
} DedupClaim;

typedef struct Waiting Waiting;

/* Part of a Store; zeroes are a good beginning. */
typedef struct Dedup {
    Waiting *waiting; /* by id, in the order of their numbers */
    uint64_t bytes;   /* of the messages they stand for */
    int64_t swept;    /* meta.dedup_swept */
    Uuid newest;      /* no id in the table is higher */
    bool newest_known;
    Uuid cursor; /* of dedup_forget_old() */
} Dedup;

/* The number of the message with that id, which may be purged; 0 when the id is not known.
 * ret_digest may be NULL. */
int64_t dedup_find(Store *s, const Uuid *id, uint8_t ret_digest[DIGEST_SIZE]);
bool dedup_digest_is_known(const uint8_t digest[static DIGEST_SIZE]);
/* When; also of a message that is purged. 0 when not known. */
int64_t dedup_accepted_ms(Store *s, const Uuid *id);
/* The id remembered for a sequence number, of a row that is damaged or gone: a long search. False
 * when there is none. */
bool dedup_find_id(Store *s, int64_t seq, Uuid *ret);

/* False: it is known (or a fault), and nothing is claimed. */
bool dedup_claim(Store *s, const DedupClaim *c);
void dedup_give_back(Store *s, const Uuid *id);
/* The message has other parts from now on. */
void dedup_set_digest(Store *s, const Uuid *id, const uint8_t digest[static DIGEST_SIZE]);
/* Into the table at once: the digest is about to be none that can be reckoned from the message. */
void dedup_settle(Store *s, const Uuid *id);

/* Before COMMIT: some are swept when there are many. */
void dedup_write(Store *s);
/* All, within a transaction. */
void dedup_sweep(Store *s);
/* All, in a transaction of its own, before the store is closed. Returns 0 or the fault, and leaves
 * none in the store: what was not swept is reckoned anew. */
_must_check_ int dedup_close(Store *s);
void dedup_drop(Store *s);
/* After that: from the messages behind the mark, below s->next_seq. Of what is damaged the
 * id is claimed as far as it can be read, without digest when the ledger does not tell it. */
void dedup_load(Store *s);

/* Ids in the table whose message is gone and which were accepted before that, of so many rows at a
 * time: forgets them, and returns how many, with the numbers they had. *ret_more: the end of the
 * table is not reached. */
#define DEDUP_STEP 200U
uint32_t dedup_forget_old(Store *s, int64_t until_ms, int64_t ret_seqs[static DEDUP_STEP],
                          bool *ret_more);

/* For a salvage, into the table: unless its id is there; what was remembered of that number; the
 * ids of all messages up to that number are there. */
void dedup_restore(Store *s, const DedupClaim *c);
void dedup_forget(Store *s, int64_t seq);
void dedup_mark(Store *s, int64_t seq);

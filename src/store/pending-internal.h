/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Of pending.c, which keeps and records what is pending, and pending-sweep.c, which writes it into
 * the tables. */

#include "store/item.h"
#include "store/pending.h"

#define PENDING_UNREAD "items cannot be read: serasictl refold --write makes them again"

typedef struct PendingEntry {
    UT_hash_handle hh; /* first, with the key: what a search reads */
    ItemKey key;
    UT_hash_handle hh_case; /* referrals of a case */
    Uuid case_id;           /* nil = not among them */
    bool changed, settled;  /* by the transaction at work; into the tables, by the same */
    bool fresh;             /* surely not in its table yet */
    bool open;              /* not final: more may happen to it */
    uint8_t times;          /* transactions that changed it since a sweep left it here */
    uint32_t n, room;       /* n == 0: forgotten */
    uint8_t *body;
    int64_t last, due_ms; /* due: its next timer here; INT64_MAX = none */
    int64_t changed_ms;
    uint64_t owes; /* hash of the node's name */
    uint64_t notes[PENDING_NOTES];
    struct PendingEntry *next; /* of those changed */
} PendingEntry;

struct Pending {
    PendingEntry *entries, *changed, *by_case;
    uint32_t n_changed, n_unread; /* unread: rows of table pending, left out */
    int64_t due_ms;               /* at most the least of the entries' */
    int64_t row, first_row;       /* the last and the first one of table pending */
    uint64_t bytes;               /* since the last sweep */
    uint32_t n_sweep, at;         /* keys of the sweep at work; the next of them */
    uint32_t n_stay;              /* it left here */
    ItemKey *sweep;               /* NULL = none */
    int64_t sweep_row, cut;       /* last row before the sweep; rows up to cut may go */
    StoredItem item;              /* scratch */
};

/* --- pending.c --- */
PendingEntry *pending_entry(const Pending *p, const ItemKey *key);
/* The transaction at work changed it: it will be in the row it writes. */
void pending_changed(Pending *p, PendingEntry *e);
void pending_leave_case(Pending *p, PendingEntry *e);
/* It is in its tables. Those changed are needed until they are written. */
void pending_settled(Pending *p, PendingEntry *e);
uint64_t pending_name_hash(const char *node);
uint32_t pending_items_max(const Store *s);

/* --- pending-sweep.c --- */
void pending_sweep_begin(Store *s, Pending *p);
/* So many more, or (all) without leaving any where it is. */
void pending_sweep(Store *s, Pending *p, uint32_t n, bool all);

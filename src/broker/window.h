/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Window: the part of one queue that is in memory, and what of it may go out next.
 *
 * Deliveries of one queue with the same order key go out strictly one after the other, so the
 * window holds at most one entry per order key: its oldest delivery. The rest stays on disk and is
 * asked for when the oldest is gone. Lanes are read from disk with a cursor each; what arrives
 * while a lane is read to its end is added without a read.
 *
 * Pure bookkeeping: no store, no socket, no clock. Events come in (deposits, loaded rows, settled
 * ones), wishes go out (window_wants_load, window_next_wish). Memory is bounded by
 * WINDOW_LANE_MAX entries a lane.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/hash-table.h"
#include "core/lanes.h"
#include "store/store.h"

#define WINDOW_LANE_MAX 4096U /* entries kept per lane; more stay on disk */
#define WINDOW_LOAD     256U  /* rows asked for at a time */

typedef enum EntryState {
    ENTRY_READY = 1, /* in its lane's list */
    ENTRY_PARKED,    /* waiting for row.due_ms */
    ENTRY_OUT,       /* handed to a consumer or a link, not settled */
    ENTRY_BUSY,      /* the store is at work on it */
    ENTRY_SEEKING,   /* the oldest row of this order key is being looked up */
} EntryState;

/* What a DELIVER frame says besides the parts; made once, with the body. */
typedef struct DeliveryInfo {
    Uuid message_id;
    Recipient recipient;
    int64_t accepted_ms;
    uint32_t n_stamps;
    HopStamp stamps[STAMPS_MAX];
    Forward *forward; /* owned; links only */
} DeliveryInfo;

typedef struct Entry Entry;
struct Entry {
    DeliveryRow row;
    EntryState state;
    uint32_t more;         /* further rows of this order key known to be on disk */
    bool more_unknown;     /* there may be others: look after every settlement */
    bool suspect;          /* its consumer died: goes out alone */
    Body *body;            /* owned, NULL = not in memory */
    DeliveryInfo *info;    /* owned, NULL while body is NULL */
    uint64_t tag;          /* of ENTRY_OUT */
    int64_t lease_mono_ms; /* of ENTRY_OUT */
    uint64_t extended_in;  /* of ENTRY_OUT: the last SETTLE of its channel that did, by number */
    Entry *prev, *next;    /* in the ready or parked list */
    UT_hash_handle hh;     /* by row.order_key */
    UT_hash_handle hh_tag; /* in the channel's table of what is out, by tag */
};

typedef struct Window {
    Entry *by_key;
    Entry *ready[LANE_COUNT];
    Entry *parked;               /* unordered */
    uint32_t n_lane[LANE_COUNT]; /* entries of any state */
    uint32_t n_ready[LANE_COUNT];
    uint32_t n_suspects, n_busy;
    int64_t cursor[LANE_COUNT];
    bool complete[LANE_COUNT], loading[LANE_COUNT];
    int64_t parked_due_ms; /* earliest, INT64_MAX when none */
    LanePicker picker;
    size_t *cached; /* bytes of bodies held, shared by all windows of a broker */
} Window;

void window_init(Window *w, size_t *cached);
void window_deinit(Window *w);

/* A delivery came into being in this queue. May take d->body and info (both then NULL in the
 * caller's hands). Returns 1 when the caller must look up the oldest row of row.order_key and tell
 * window_found(), 0 when not, -ENOMEM. */
_must_check_ int window_deposit(Window *w, Deposit *d, DeliveryInfo **info, bool keep_body);
/* Which lane to load next; false when none is needed. Marks it as being loaded. */
bool window_wants_load(Window *w, Lane *ret_lane, int64_t *ret_after);
_must_check_ int window_loaded(Window *w, Lane lane, const DeliveryRow *rows, uint32_t n, bool end);
/* Result of a look-up; row NULL = there is none. */
_must_check_ int window_found(Window *w, int64_t order_key, const DeliveryRow *row);

Entry *window_find(Window *w, int64_t order_key, int64_t seq); /* NULL unless it is that row */
/* The entry to hand out now, or NULL. skip_suspects: only entries that may share a consumer. It
 * stays READY until window_take(). */
Entry *window_peek(Window *w, bool skip_suspects);
/* READY -> state (OUT or BUSY); OUT charges the lane's share. */
void window_take(Window *w, Entry *e, EntryState state);
/* OUT or BUSY -> READY, at its old place. */
void window_return(Window *w, Entry *e);
/* OUT or BUSY -> PARKED until e->row.due_ms. */
void window_park(Window *w, Entry *e);
/* READY or PARKED -> BUSY: the store takes it off without a consumer. */
void window_withdraw(Window *w, Entry *e);
/* OUT -> BUSY. */
void window_busy(Window *w, Entry *e);
/* The row is gone from disk. Returns true when the caller must look up the next row of the order
 * key and tell window_found(); the entry is then SEEKING, else it is freed. */
bool window_gone(Window *w, Entry *e);
/* Makes parked entries whose time has come ready. No time is further away than cap_ms, whatever
 * the clock did meanwhile. */
void window_wake(Window *w, int64_t wall_ms, int64_t cap_ms);
/* Is the next one of some lane a suspect? */
bool window_suspect_waits(const Window *w);
/* Drops the body of an entry that will not go out soon. */
void window_drop_body(Window *w, Entry *e);
void window_set_body(Window *w, Entry *e, Body *body, DeliveryInfo *info);
DeliveryInfo *delivery_info_free(DeliveryInfo *i);
DEFINE_CLEANUP(DeliveryInfo *, delivery_info_free);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the judge knows. history-follow.c goes through the events once, in order, and notes for each
 * message and recipient what was seen when; history-check.c then says what is wrong with the sum.
 *
 * A point in time is a position: the place of an event in the order of times, from 1; 0 = never.
 * What is said of a position is sound for any delay on the way: an answer was sent after its
 * invoke, and frames of one session keep their order.
 */

#include <string.h>

#include <uthash.h>

#include "history/history-internal.h"

typedef enum Level {
    LEVEL_NONE,
    LEVEL_PENDING,
    LEVEL_COLLECTED,
    LEVEL_UNDELIVERABLE,
    LEVEL_RECALLED,
    LEVEL_OTHER,
} Level;

typedef struct Program { /* one WHO; index = its name's number */
    uint32_t session, broker;
    size_t open;                    /* invoke of its last open */
    size_t heard;                   /* latest invoke in this session that was answered in it */
    bool mailbox, receipts;         /* of the node: somebody reads it */
    bool moved;                     /* of the node: to another broker, perhaps again */
    bool syncs;                     /* a broker that tells its syncs */
    uint32_t dead_receipts;         /* of the node: dead letters that it has never read */
    size_t sync_begun, synced_from; /* the sync that runs; the begin of the last one done */
} Program;

typedef struct Attempt { /* to publish */
    size_t at;
    uint32_t who, session;
    bool failed, accepted; /* answered with a definite no, with ACCEPTED */
    struct Attempt *next;  /* the one before */
} Attempt;

typedef struct Handout { /* one delivery */
    size_t at;
    size_t sent_after; /* it left the broker after this */
    uint32_t who, session, attempt;
    struct Handout *next; /* the one before */
} Handout;

typedef struct Settling { /* a settlement that was said of a delivery */
    size_t at, answered;
    bool failed; /* the answer */
    uint32_t word;
    Handout *of;
    struct Settling *next; /* the one after */
} Settling;

typedef struct Pair { /* a message for one recipient */
    uint32_t node;
    Handout *handouts;     /* latest first */
    size_t first;          /* delivery */
    size_t done;           /* first invoke of DONE */
    size_t reject;         /* first invoke of REJECT */
    Settling *settlings;   /* oldest first */
    Settling *settled_by;  /* the DONE that was answered first */
    Settling *rejected_by; /* the last REJECT that was answered */
    size_t settled;        /* when that DONE was answered */
    Level level;           /* final receipt */
    size_t told;
    uint32_t cause;
    Uuid receipt;
    Level row_level; /* final outcome by query */
    size_t row, last_row, sender_row;
    uint32_t row_ask;
    size_t dead, requeued;
    size_t instead, redirected; /* an operator was about to redirect it there, and has; */
    size_t refused;             /* or was told no */
    struct Pair *next;
} Pair;

typedef struct Message {
    Uuid id, order_key;
    uint32_t sender, home; /* node; its broker */
    Attempt *attempts;
    Pair *pairs;
    size_t invoked; /* first */
    size_t since;   /* first invoke since the last definite no */
    size_t accepted, duplicate, refused;
    size_t answer_to, invoke_to; /* where its recipients are named */
    size_t recalled;             /* first order to withdraw it */
    size_t asked;                /* by its sender or the sender's broker */
    uint32_t ask, ask_who;
    unsigned n_invoked, n_failed;
    int64_t expires_ms;
    uint64_t sum;
    bool mixed;         /* attempted with different bytes */
    bool failures_only; /* no receipt COLLECTED wanted */
    bool is_receipt;
    UT_hash_handle hh;
} Message;

typedef struct Track { /* deliveries of one order key to one recipient, of one sender or all */
    struct TrackKey {
        Uuid order_key;
        uint32_t node, sender;
    } key;
    Message *message; /* highest so far, or the one that is out */
    Pair *pair;
    size_t rank, at;
    UT_hash_handle hh;
} Track;

typedef struct Passing { /* maybe one went past another: at the end both are known well enough */
    Message *before, *after;
    Pair *before_pair, *after_pair;
    size_t at, before_at;
    bool of_case; /* the other was not settled; else: the first deliveries of two of one sender */
    bool maybe_sent_first; /* it may have left the broker before the one that came first */
    struct Passing *next;
} Passing;

typedef struct Chunk Chunk;

typedef struct Judge {
    const History *h;
    HistoryRules rules;
    HistoryReport *report;
    uint32_t *order; /* record numbers by time */
    Program *programs;
    Message *messages;
    Track *tracks;
    Passing *passings;
    Chunk *chunks;
    size_t drained, dead_listed;
    bool has_clock;
    int64_t clock_wall_ms, clock_at_us; /* the last that was said */
    int64_t wall_min_ms, wall_max_ms;
    bool failed; /* no memory */
} Judge;

static inline const Record *judge_record(const Judge *j, size_t at) {
    return &j->h->records[j->order[at - 1]];
}

static inline bool judge_is_word(const Judge *j, const Record *r, const char *word) {
    return strcmp(history_name(j->h, r->word), word) == 0;
}

static inline Program *judge_program(Judge *j, uint32_t who) {
    return &j->programs[who];
}

/* Memory until the end of the judgement, zeroed; NULL sets failed. */
void *judge_alloc(Judge *j, size_t size);
Message *judge_message(Judge *j, const Uuid *id);
Pair *judge_pair(Judge *j, Message *m, uint32_t node);
/* Is the node among the recipients, as far as they are known? */
bool judge_is_recipient(const Judge *j, const Message *m, uint32_t node);
/* Notes what is wrong; lines are positions, 0s are left out. */
_printf_(5, 6) void judge_wrong(Judge *j, HistoryKind kind, const Message *m,
                                const size_t lines[HISTORY_LINES_MAX], const char *format, ...);
#define LINES(...) ((const size_t[HISTORY_LINES_MAX]) { __VA_ARGS__ })
/* Notes that a message, or a receipt, was handed out; says so when it may not come any more. */
Handout *judge_handout(Judge *j, Message *m, Pair *p, const Record *r, size_t at);
/* One event each. */
void judge_receipt(Judge *j, const Record *r, size_t at);
void judge_outcome(Judge *j, const Record *r, size_t at);
void judge_dead(Judge *j, const Record *r, size_t at);
void judge_requeue(Judge *j, const Record *r, size_t at);
void judge_redirect(Judge *j, const Record *r, size_t at);
void judge_clock(Judge *j, const Record *r, size_t at);
/* Goes through all events. */
void judge_follow(Judge *j);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Histories: what clients attempted, were told, received and settled, and what happened to brokers;
 * and a judge who knows only that. The simulation writes one in memory and has it judged in
 * process; the tests of the real daemon write files (tests/system/pyclient/history.py), judged by
 * check-history.
 *
 * One event is one line of words parted by single spaces, with no other white space; '#' begins a
 * line of comment:
 *
 *     TIME PHASE WHO OP [NAME=VALUE ...]
 *
 * TIME   microseconds of one monotonic clock, the same in all files that are judged together
 * PHASE  invoke   about to be sent: written before the bytes leave
 *        ok       an answer, or something received: written after it was read
 *        fail     a definite no: nothing was done
 *        unknown  no answer will come; an invoke without any answer counts as this
 *        info     a fact that is nobody's request
 * WHO    a node ("dsk/3203"), with "#name" behind it when the node has several programs; each
 *        program has one session at a time. Or a broker ("upt/satria"); or "-" for the test itself
 *
 * OP and its values ([] may be left out; ids are UUID text):
 *
 *     invoke  open     [broker=B]               HELLO goes out: a new session begins, older ones
 * end ok      open     [broker=B]               WELCOME came info    lost the session has ended,
 * however info    listen   source=mailbox|receipts|named   it reads this source, as long as it
 * lives invoke  publish  id= [case=] [to=A,B] [expires=WALL_MS] [recall=ID] [sum=HEX]
 * [receipts=failures] case: the order key (case id, else correlation id, else message id); to:
 * every recipient, supervisors included; "*" or none = not known; expires: as the sender set it;
 * recall: this is the order to withdraw that one ok      publish  id= word=ACCEPTED|DUPLICATE
 * [to=A,B] fail    publish  id= word=REFUSED|CONFLICT|LATER unknown publish  id= ok      deliver
 * id= [case=] [attempt=N] [role=addressee|supervisor|subscriber] [sum=HEX] invoke  settle   id=
 * word=DONE|RETRY|REJECT|EXTEND      id: of the message, or of the receipt ok      settle   id=
 * word=...             SETTLED named it done fail    settle   id= word=...             SETTLED
 * named it unknown ok      receipt  id= for=RECIPIENT word=LEVEL [cause=CAUSE] [receipt=ID] id: of
 * the message it speaks of; receipt: its own invoke  outcome  id=                      asked for
 * the outcome (WHO: the sender, or a broker) ok      outcome  id= for=RECIPIENT word=LEVEL|PENDING
 * [cause=CAUSE]      one line a row invoke  dead                              the dead letters of
 * broker WHO are listed ok      dead     id= for=RECIPIENT [cause=CAUSE] one line a row info
 * requeue  id= for=RECIPIENT        an operator requeued, redirected or discarded it invoke
 * redirect id= for=RECIPIENT        an operator asks that it go there instead ok redirect id=
 * for=RECIPIENT and it is on its way fail redirect id= for=RECIPIENT and it does not go info
 * move     for=RECIPIENT             it is at home at broker WHO from now on info
 * start|stop|crash|cut              of broker WHO; cut: power, what is not synced is lost invoke
 * sync                              broker WHO begins to sync its store ok      sync and that sync
 * is done info    clock    wall=MS                  the wall clock now; again whenever it was set
 *     info    drained                           all was answered and collected that ever will be
 *     info    note     [text=WORD]              for readers; not judged
 *
 * Events stand in the order of their times; those of one time in the order of their lines.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/uuid.h"

typedef enum HistoryPhase {
    HISTORY_INVOKE,
    HISTORY_OK,
    HISTORY_FAIL,
    HISTORY_UNKNOWN,
    HISTORY_INFO,
    HISTORY_PHASE_COUNT,
} HistoryPhase;

typedef enum HistoryOp {
    HISTORY_OPEN,
    HISTORY_LOST,
    HISTORY_LISTEN,
    HISTORY_PUBLISH,
    HISTORY_DELIVER,
    HISTORY_SETTLE,
    HISTORY_RECEIPT,
    HISTORY_OUTCOME,
    HISTORY_DEAD,
    HISTORY_REQUEUE,
    HISTORY_REDIRECT,
    HISTORY_MOVE,
    HISTORY_START,
    HISTORY_STOP,
    HISTORY_CRASH,
    HISTORY_CUT,
    HISTORY_SYNC,
    HISTORY_CLOCK,
    HISTORY_DRAINED,
    HISTORY_NOTE,
    HISTORY_OP_COUNT,
} HistoryOp;

#define HISTORY_TO_MAX 40U

/* One event, to be added or as it is read; what does not belong to the op stays zero. Texts hold no
 * white space and are copied. */
typedef struct HistoryEvent {
    int64_t at_us;
    HistoryPhase phase;
    HistoryOp op;
    const char *who;
    Uuid id;
    Uuid order_key; /* case= */
    Uuid recall;    /* recall= */
    Uuid receipt;   /* receipt= */
    const char *to[HISTORY_TO_MAX];
    unsigned n_to;         /* 0 = not known */
    const char *recipient; /* for= */
    const char *word;      /* word=, role=, source=, text=, receipts=: one word an op */
    const char *cause;
    const char *broker;
    int64_t expires_ms; /* expires=; 0 = the default */
    int64_t wall_ms;    /* wall= */
    unsigned attempt;
    uint64_t sum; /* of the bytes; 0 = not known */
} HistoryEvent;

typedef struct History History;

int history_new(History **ret);
History *history_free(History *h);
DEFINE_CLEANUP(History *, history_free);

/* --- writing --- */

/* Adds one event. Returns 0, -EINVAL (a text with white space, too many recipients) or -ENOMEM. */
_must_check_ int history_add(History *h, const HistoryEvent *e);
/* HISTORY_ADD(h, .at_us = now, .phase = HISTORY_OK, .op = HISTORY_DELIVER, .who = ..., ...) */
#define HISTORY_ADD(h, ...) history_add((h), &(HistoryEvent) { __VA_ARGS__ })
size_t history_count(const History *h);
/* All events as text, in order. Returns 0 or -EIO. */
_must_check_ int history_write(const History *h, FILE *to);
_must_check_ int history_save(const History *h, const char *path);

/* --- reading --- */

/* Adds the lines of a file; several may be added, name stands in verdicts. Returns 0, -EBADMSG
 * (*ret_line is the line that cannot be read; 0 when it is not that), -EIO or -ENOMEM. A last line
 * without its end is what a killed program leaves: it is dropped. */
_must_check_ int history_read(History *h, FILE *from, const char *name, size_t *ret_line);
_must_check_ int history_load(History *h, const char *path, size_t *ret_line);

/* --- judging --- */

typedef enum HistoryKind {
    HISTORY_KIND_LOST,        /* accepted, and neither collected nor ended otherwise */
    HISTORY_KIND_UNDRAINED,   /* the history ends without "drained" */
    HISTORY_KIND_UNEXPECTED,  /* never attempted, refused, or not for this node */
    HISTORY_KIND_ALTERED,     /* other bytes than were sent */
    HISTORY_KIND_REDELIVERED, /* again after SETTLED was answered to its DONE */
    HISTORY_KIND_SHARED,      /* out with two consumers of a node at once */
    HISTORY_KIND_ORDER,       /* first deliveries of a case not in order of acceptance */
    HISTORY_KIND_OVERTAKEN,   /* the next of a case while the one before was unsettled */
    HISTORY_KIND_OUTCOME,     /* not exactly one for a message and recipient */
    HISTORY_KIND_RECEIPT,     /* a receipt or outcome that disagrees with what the recipient saw */
    HISTORY_KIND_EXPIRY,      /* expired before its time */
    HISTORY_KIND_DEAD,        /* dead without a dead letter, or the other way round */
    HISTORY_KIND_EARLY,       /* answered before a sync */
    HISTORY_KIND_DEDUP,       /* accepted twice, or refused after it was accepted */
    HISTORY_KIND_ATTEMPT,     /* a counted attempt forgotten */
    HISTORY_KIND_COUNT,
} HistoryKind;

/* In one word, as check-history prints it: "lost", "order", ... */
const char *history_kind_name(HistoryKind kind);

typedef struct HistoryRules {
    bool partial;      /* no "drained" is wanted; nothing is lost then */
    int64_t flight_us; /* no frame is on its way longer; 0 = not known */
    int64_t expiry_ms; /* shortest default expiry; 0 = 72 hours */
    int64_t clock_ms;  /* how far clocks may be apart; 0 = 20 ms, at least */
} HistoryRules;

#define HISTORY_LINES_MAX 4U
#define HISTORY_KEEP      8U /* verdicts of each kind that are kept in words */

typedef struct HistoryVerdict {
    HistoryKind kind;
    int64_t at_us; /* of the latest of its lines */
    unsigned n_lines;
    size_t lines[HISTORY_LINES_MAX]; /* from 1; as history_save() writes them */
    char text[400];                  /* with the names and numbers of those lines */
} HistoryVerdict;

typedef struct HistoryReport {
    size_t count[HISTORY_KIND_COUNT];
    size_t n_verdicts;
    HistoryVerdict verdicts[HISTORY_KIND_COUNT * HISTORY_KEEP];
    size_t events, published, accepted, refused, unknown, deliveries, redeliveries;
    size_t collected, expired, recalled, dead, receipts, outcomes, sessions, crashes, syncs;
} HistoryReport;

/* Judges all that was added. Rules may be NULL. Returns 0 when nothing is wrong, 1 when something
 * is, -ENOMEM. The first verdict of the report is the earliest. */
_must_check_ int history_check(const History *h, const HistoryRules *rules, HistoryReport *ret);
/* Counts as a table, then the verdicts. */
void history_print(const HistoryReport *r, FILE *to);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Timers of the law and of the design (domain 4.7): when something is due, as absolute UTC, from
 * one policy table. A timer tells; it decides nothing but expiry and closing by silence.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/directory.h"
#include "core/limits.h"
#include "law/rule-set.h"

typedef enum TimerKind {
    TIMER_NONE = 0,
    TIMER_ANSWER,      /* a referral is answered (M02); again: REDIRECT is proposed */
    TIMER_CANCEL,      /* a cancellation is answered; silence counts as refused */
    TIMER_DOCUMENTS,   /* documents an emergency deferred */
    TIMER_SUPPLEMENT,  /* what the target asked for */
    TIMER_FOLLOW_UP,   /* visit to the family */
    TIMER_EXPIRY,      /* a referral expires: decided by the timer */
    TIMER_CLASSIFY,    /* a complaint is classified */
    TIMER_RESOLVE,     /* a complaint is resolved */
    TIMER_SILENCE,     /* a resolved complaint closes when the reporter is silent: decided */
    TIMER_ACKNOWLEDGE, /* an event is acknowledged by persons */
    TIMER_DTKS,        /* the proposal for the register */
    TIMER_OPENING,     /* the opening (M40) after a case response, 72 h */
    TIMER_ASSESSMENT,  /* stage 3 after an emergency, 14 d */
    TIMER_MONITORING,  /* the yearly monitoring report */
    TIMER_SUPERIOR,    /* the common superior decides */
    /* Terms of TIMER_RESOLVE for other complaints; an item's timer is always TIMER_RESOLVE. */
    TIMER_RESOLVE_COMPLAINT,  /* type COMPLAINT; TIMER_RESOLVE: questions and grievances */
    TIMER_RESOLVE_INSPECTION, /* whatever the type, when it is inspected on the spot */
    TIMER_DELIVERY,           /* a message waits in a mailbox: the sweep asks, no item has it */
    TIMER_KINDS,
} TimerKind;

typedef struct Timer {
    uint8_t kind;
    uint8_t level; /* times it fired: 0 tells who owes, 1 the supervisor too, 2 higher */
    int64_t due_ms;
} Timer;

/* How long, and how counted. All zero: there is no such term. */
typedef struct TimerTerm {
    uint32_t minutes;   /* to the minute, or */
    uint16_t days;      /* in calendar days, to the end of the last of them, or */
    uint16_t work_days; /* in working days, likewise */
} TimerTerm;

#define TIMER_DAYS_MAX  3660U
#define TIMER_TERM_SIZE 16U
/* "15min", "2h", "3d" (calendar days), "5wd" (working days); 1 minute to TIMER_DAYS_MAX days.
 * Returns 0, -EINVAL or -ERANGE. */
_must_check_ int timer_term_parse(const char *text, TimerTerm *ret);
void timer_term_format(const TimerTerm *t, char ret[static TIMER_TERM_SIZE]);
static inline bool timer_term_is_set(const TimerTerm *t) {
    return t->minutes > 0 || t->days > 0 || t->work_days > 0;
}

/* One row: kind x urgency. UPT, regency and all other nodes share it unless node_kind says more. */
typedef struct TimerRow {
    TimerKind kind;
    int node_kind; /* NodeKind of who owes it; 0 = any; the more particular row wins */
    TimerTerm routine, priority, emergency, event;
} TimerRow;

typedef struct TimerPolicy {
    const TimerRow *rows;
    size_t n;
} TimerPolicy;

extern const TimerPolicy timer_policy;

const char *timer_name(int kind); /* "answer"; "" when unknown */
/* The policy's term, by the most particular row; NULL when it has none. */
const TimerTerm *timer_term(const TimerPolicy *p, TimerKind kind, int urgency, int node_kind);

/* Terms of one kind by Urgency, as an operator wants them; not set = the policy's. */
typedef struct TimerTerms {
    TimerTerm of[URGENCY_EVENT + 1]; /* [0] unused */
} TimerTerms;
typedef struct TimerOverrides {
    TimerTerms of[TIMER_KINDS];
} TimerOverrides;

#define TIMER_ROWS_MAX 32U
/* The base policy with the operator's terms in the place of its own, whatever the kind of node. A
 * term the base does not have stays away: nobody is made to owe what the design does not ask. *ret
 * borrows rows. */
void timer_policy_override(const TimerPolicy *base, const TimerOverrides *o,
                           TimerRow rows[static TIMER_ROWS_MAX], TimerPolicy *ret);

typedef struct TimerQuestion {
    const TimerPolicy *policy;
    const Directory *directory; /* calendar of working days */
    const RuleSet *set;         /* that holds for the item; NULL = the one in force at from_ms */
    TimerKind kind;
    int urgency;
    int node_kind;      /* of who owes it */
    const char *region; /* zone of the days */
    int64_t from_ms;
} TimerQuestion;

/* When it is due, wall ms; 0 when there is no such term (the timer is not started). The terms of
 * the law are those of the rule set, whatever the policy: TIMER_DTKS falls on its last day at the
 * hour it was started (R-120 asks), TIMER_DOCUMENTS, TIMER_FOLLOW_UP and TIMER_MONITORING at the
 * end of theirs (R-072, R-033 and R-152 are overdue from the next day on). TIMER_EXPIRY has no
 * term. */
int64_t timer_due(const TimerQuestion *q);
/* The end of the day `days` after the day of from_ms, in the zone of the region: the first moment
 * of the next one. */
int64_t timer_end_of_day(int64_t from_ms, uint32_t days, const char *region);
/* The end of a day that is given, likewise. */
int64_t timer_end_of_date(CivilDate day, const char *region);

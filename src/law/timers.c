/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long everybody has, and when that is over.
 *
 * What domain 4.7 gives in days runs for so many times 24 hours from the moment, whatever the
 * weekday: "no classification for 3 d" (S6) is the same hour of the third day, and half of five
 * days is two and a half. SP4N-LAPOR! itself counts working days; who wants that says so in
 * [timers] of serasid.conf ("classify = routine:3wd"). Only terms that come from there alone, and
 * that the domain leaves open, are working days here.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "law/timers.h"

/* clang-format off */
#define MINUTES(n) { .minutes = (n) }
#define HOURS(n)   { .minutes = (n) * 60 }
#define DAYS(n)    { .minutes = (n) * 24 * 60 }
#define WD(n)      { .work_days = (n) }
#define NONE       { 0 }

static const TimerRow rows[] = {
    /* domain 4.7; calendar days. After twice this time REDIRECT is proposed (the machine counts). */
    { TIMER_ANSWER,      0, DAYS(5),   DAYS(2),   HOURS(2),  NONE },
    /* peers 6.5, T_cancel; one ordinary value, one urgent one, as for the two below. */
    { TIMER_CANCEL,      0, HOURS(36), HOURS(36), HOURS(2),  NONE },
    /* peers 6.5, T_info: SP4N's ten working days, to the end of the last. */
    { TIMER_SUPPLEMENT,  0, WD(10),    WD(10),    HOURS(24), NONE },
    /* peers 6.5, T_receive of a person: SP4N's three working days, to the end of the last. */
    { TIMER_SUPERIOR,    0, WD(3),     WD(3),     HOURS(2),  NONE },
    /* domain 4.7; SP4N's "first answer", in calendar days. */
    { TIMER_CLASSIFY,    0, DAYS(3),   DAYS(1),   HOURS(1),  NONE },
    /* domain 4.7; calendar days; PRIORITY half of ROUTINE, EMERGENCY the first action. */
    { TIMER_RESOLVE,     0, DAYS(5),   HOURS(60), HOURS(24), NONE },
    { TIMER_RESOLVE_COMPLAINT,  0, DAYS(14), DAYS(7),  HOURS(24), NONE },
    { TIMER_RESOLVE_INSPECTION, 0, DAYS(60), DAYS(30), HOURS(24), NONE },
    /* domain 5 says 10 d where SP4N has ten working days: the domain's number, as days of 24 hours
     * like its others. A complaint that was closed too early can be reopened for 30 days. */
    { TIMER_SILENCE,     0, DAYS(10),  DAYS(10),  DAYS(10),  NONE },
    /* domain 4.7. */
    { TIMER_ACKNOWLEDGE, 0, NONE,      NONE,      NONE,      MINUTES(10) },
    /* domain 5: a case response (M22) is an emergency, whatever its lane. */
    { TIMER_OPENING,     0, HOURS(72), HOURS(72), HOURS(72), HOURS(72) },
    { TIMER_ASSESSMENT,  0, DAYS(14),  DAYS(14),  DAYS(14),  DAYS(14) },
    /* domain 4.7, delivery receipt from the consumer. */
    { TIMER_DELIVERY,    0, HOURS(24), HOURS(4),  MINUTES(15), MINUTES(2) },
};
/* clang-format on */
const TimerPolicy timer_policy = { rows, ARRAY_SIZE(rows) };
_Static_assert(ARRAY_SIZE(rows) <= TIMER_ROWS_MAX, "an override holds the whole policy");

const char *timer_name(int kind) {
    static const char *const names[TIMER_KINDS] = {
        [TIMER_ANSWER] = "answer",
        [TIMER_CANCEL] = "cancel",
        [TIMER_DOCUMENTS] = "documents",
        [TIMER_SUPPLEMENT] = "supplement",
        [TIMER_FOLLOW_UP] = "follow-up",
        [TIMER_EXPIRY] = "expiry",
        [TIMER_CLASSIFY] = "classify",
        [TIMER_RESOLVE] = "resolve",
        [TIMER_SILENCE] = "silence",
        [TIMER_ACKNOWLEDGE] = "acknowledge",
        [TIMER_DTKS] = "dtks",
        [TIMER_OPENING] = "opening",
        [TIMER_ASSESSMENT] = "assessment",
        [TIMER_MONITORING] = "monitoring",
        [TIMER_SUPERIOR] = "superior",
        [TIMER_RESOLVE_COMPLAINT] = "resolve-complaint",
        [TIMER_RESOLVE_INSPECTION] = "resolve-inspection",
        [TIMER_DELIVERY] = "delivery",
    };
    return kind > TIMER_NONE && kind < TIMER_KINDS ? names[kind] : "";
}

/* --- terms as text -------------------------------------------------------------------------- */

int timer_term_parse(const char *text, TimerTerm *ret) {
    const char *p = text;
    uint64_t n = 0;
    if (*p < '0' || *p > '9')
        return -EINVAL;
    for (; *p >= '0' && *p <= '9'; p++)
        n = n > UINT32_MAX ? n : n * 10 + (uint64_t)(*p - '0');
    const bool minutes = strcmp(p, "min") == 0, hours = strcmp(p, "h") == 0;
    const bool days = strcmp(p, "d") == 0, work_days = strcmp(p, "wd") == 0;
    if (!minutes && !hours && !days && !work_days)
        return -EINVAL;
    const uint64_t most = TIMER_DAYS_MAX * (minutes ? 24U * 60U : hours ? 24U : 1U);
    if (n == 0 || n > most)
        return -ERANGE;
    *ret = (TimerTerm) { .minutes = minutes ? (uint32_t)n
                                    : hours ? (uint32_t)n * 60
                                            : 0,
                         .days = days ? (uint16_t)n : 0,
                         .work_days = work_days ? (uint16_t)n : 0 };
    return 0;
}

void timer_term_format(const TimerTerm *t, char ret[static TIMER_TERM_SIZE]) {
    const bool hours = t->minutes > 0 && t->minutes % 60 == 0;
    const unsigned n = t->work_days > 0 ? t->work_days
                       : t->days > 0    ? t->days
                       : hours          ? t->minutes / 60
                                        : t->minutes;
    const char *unit = t->work_days > 0 ? "wd" : t->days > 0 ? "d" : hours ? "h" : "min";
    (void)snprintf(ret, TIMER_TERM_SIZE, "%u%s", n, unit);
}

/* --- the policy ----------------------------------------------------------------------------- */

static const TimerTerm *term_of(const TimerRow *row, int urgency) {
    switch (urgency) {
    case URGENCY_PRIORITY:
        return &row->priority;
    case URGENCY_EMERGENCY:
        return &row->emergency;
    case URGENCY_EVENT:
        return &row->event;
    default: /* not given is routine */
        return &row->routine;
    }
}

const TimerTerm *timer_term(const TimerPolicy *p, TimerKind kind, int urgency, int node_kind) {
    const TimerRow *found = NULL;
    for (size_t i = 0; i < p->n; i++) {
        const TimerRow *row = &p->rows[i];
        if (row->kind != kind || (row->node_kind != 0 && row->node_kind != node_kind))
            continue;
        if (!found || row->node_kind != 0)
            found = row;
    }
    const TimerTerm *t = found ? term_of(found, urgency) : NULL;
    return t && timer_term_is_set(t) ? t : NULL;
}

static void override_term(TimerTerm *t, const TimerTerm *wanted) {
    if (timer_term_is_set(t) && timer_term_is_set(wanted))
        *t = *wanted;
}

void timer_policy_override(const TimerPolicy *base, const TimerOverrides *o,
                           TimerRow own[static TIMER_ROWS_MAX], TimerPolicy *ret) {
    size_t n = 0;
    for (; n < base->n && n < TIMER_ROWS_MAX; n++) {
        TimerRow *row = &own[n];
        *row = base->rows[n];
        if (row->kind <= TIMER_NONE || row->kind >= TIMER_KINDS)
            continue;
        const TimerTerm *of = o->of[row->kind].of;
        override_term(&row->routine, &of[URGENCY_ROUTINE]);
        override_term(&row->priority, &of[URGENCY_PRIORITY]);
        override_term(&row->emergency, &of[URGENCY_EMERGENCY]);
        override_term(&row->event, &of[URGENCY_EVENT]);
    }
    *ret = (TimerPolicy) { own, n };
}

/* --- due times ------------------------------------------------------------------------------ */

static int64_t day_number(int64_t wall_ms, const char *region) {
    return civil_to_days(civil_at(wall_ms, region_utc_offset_min(region)));
}

/* The first moment after that day. */
static int64_t end_of(int64_t day, const char *region) {
    return (day + 1) * DAY_MS - region_utc_offset_min(region) * MINUTE_MS;
}

int64_t timer_end_of_day(int64_t from_ms, uint32_t days, const char *region) {
    return end_of(day_number(from_ms, region) + days, region);
}

int64_t timer_end_of_date(CivilDate day, const char *region) {
    return end_of(civil_to_days(day), region);
}

/* The day it starts on does not count. A calendar without a working day for a year is a mistake,
 * and must not keep anybody waiting for ever. */
static int64_t end_of_work_days(const TimerQuestion *q, uint32_t n) {
    int64_t day = day_number(q->from_ms, q->region);
    const int64_t last = day + 7 * (int64_t)n + 366;
    while (n > 0 && day < last)
        n -= directory_is_working_day(q->directory, civil_from_days(++day));
    return end_of(day, q->region);
}

static int64_t end_of_months(const TimerQuestion *q, unsigned months) {
    const CivilDate from = civil_at(q->from_ms, region_utc_offset_min(q->region));
    return timer_end_of_date(civil_add_months(from, months), q->region);
}

int64_t timer_due(const TimerQuestion *q) {
    const RuleSet *set = q->set ? q->set : rule_set_at(&rule_sets, q->from_ms, q->region);
    switch (q->kind) {
    case TIMER_DTKS:
        return q->from_ms + set->dtks_days * DAY_MS;
    case TIMER_DOCUMENTS:
        return timer_end_of_day(q->from_ms, set->documents_due_days, q->region);
    case TIMER_FOLLOW_UP:
        return timer_end_of_day(q->from_ms, set->follow_up_days, q->region);
    case TIMER_MONITORING:
        return end_of_months(q, set->monitoring_months);
    default:
        break;
    }
    const TimerTerm *t = timer_term(q->policy, q->kind, q->urgency, q->node_kind);
    if (!t)
        return 0;
    if (t->minutes > 0)
        return q->from_ms + t->minutes * MINUTE_MS;
    if (t->days > 0)
        return timer_end_of_day(q->from_ms, t->days, q->region);
    return end_of_work_days(q, t->work_days);
}

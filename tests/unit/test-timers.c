/* SPDX-License-Identifier: Apache-2.0 */

/* Due times: to the minute, in calendar days and in working days, in each zone. */

#include "test.h"

#include <errno.h>

#include "law/timers.h"

#define REGION "3203" /* WIB */

static int64_t at(const char *text) {
    int64_t ms = 0;
    ASSERT_OK(rfc3339_parse(text, &ms));
    return ms;
}
#define ASSERT_AT(ms, text)                                                                        \
    do {                                                                                           \
        char _is[RFC3339_SIZE], _want[RFC3339_SIZE];                                               \
        rfc3339_format((ms), _is);                                                                 \
        rfc3339_format(at(text), _want);                                                           \
        ASSERT_STR(_is, _want);                                                                    \
    } while (0)

static Directory *calendar(const char *const *days) {
    Directory *d = NULL;
    ASSERT_OK(directory_new(&d));
    for (; *days; days++) {
        DirHoliday h = { .on = civil_at(at(*days), 0) };
        ASSERT_OK(directory_add_holiday(d, &h));
    }
    ASSERT_OK(directory_seal(d, 1));
    return d;
}

/* The term alone, as an operator would write it. */
static int64_t due(const char *term, const char *from, const char *region,
                   const char *const *holidays) {
    _cleanup_(directory_unrefp) Directory *d = calendar(holidays);
    TimerRow row = { .kind = TIMER_ANSWER };
    ASSERT_OK(timer_term_parse(term, &row.routine));
    const TimerPolicy policy = { &row, 1 };
    return timer_due(&(TimerQuestion) { .policy = &policy,
                                        .directory = d,
                                        .kind = TIMER_ANSWER,
                                        .urgency = URGENCY_ROUTINE,
                                        .region = region,
                                        .from_ms = at(from) });
}
static const char *const no_holidays[] = { NULL };

/* By the policy of the program. */
static int64_t by_policy(TimerKind kind, int urgency, const char *from) {
    _cleanup_(directory_unrefp) Directory *d = calendar(no_holidays);
    return timer_due(&(TimerQuestion) { .policy = &timer_policy,
                                        .directory = d,
                                        .kind = kind,
                                        .urgency = urgency,
                                        .region = REGION,
                                        .from_ms = at(from) });
}

/* --- terms --- */

TEST(minutes_and_hours_run_to_the_minute) {
    ASSERT_AT(due("15min", "2025-03-10T10:05:30+07:00", REGION, no_holidays),
              "2025-03-10T10:20:30+07:00");
    ASSERT_AT(due("2h", "2025-02-28T23:30:00+07:00", REGION, no_holidays),
              "2025-03-01T01:30:00+07:00");
}

TEST(calendar_days_run_to_the_end_of_the_last_one_in_the_zone_of_the_region) {
    ASSERT_AT(due("3d", "2025-03-10T10:05:00+07:00", "3203", no_holidays),
              "2025-03-14T00:00:00+07:00");
    ASSERT_AT(due("3d", "2025-03-10T10:05:00+07:00", "51", no_holidays),
              "2025-03-14T00:00:00+08:00");
    ASSERT_AT(due("3d", "2025-03-10T10:05:00+07:00", "91", no_holidays),
              "2025-03-14T00:00:00+09:00");
    ASSERT_AT(due("3d", "2025-03-10T10:05:00+07:00", "", no_holidays), "2025-03-14T00:00:00+07:00");
}

TEST(the_day_it_starts_on_is_that_of_the_region) {
    /* 23:30 in Jakarta, already the next day in Bali and Papua. */
    ASSERT_AT(due("1d", "2025-03-10T23:30:00+07:00", "31", no_holidays),
              "2025-03-12T00:00:00+07:00");
    ASSERT_AT(due("1d", "2025-03-10T23:30:00+07:00", "51", no_holidays),
              "2025-03-13T00:00:00+08:00");
    ASSERT_AT(due("1d", "2025-03-10T22:30:00+07:00", "91", no_holidays),
              "2025-03-13T00:00:00+09:00");
    /* The last moment of a day, and the first of the next. */
    ASSERT_AT(due("1d", "2025-03-10T23:59:59.999+07:00", REGION, no_holidays),
              "2025-03-12T00:00:00+07:00");
    ASSERT_AT(due("1d", "2025-03-11T00:00:00+07:00", REGION, no_holidays),
              "2025-03-13T00:00:00+07:00");
}

TEST(months_and_leap_years_are_days_like_others) {
    ASSERT_AT(due("3d", "2025-02-26T10:00:00+07:00", REGION, no_holidays),
              "2025-03-02T00:00:00+07:00");
    ASSERT_AT(due("3d", "2024-02-26T10:00:00+07:00", REGION, no_holidays),
              "2024-03-01T00:00:00+07:00");
    ASSERT_AT(due("2d", "2025-12-30T10:00:00+07:00", REGION, no_holidays),
              "2026-01-02T00:00:00+07:00");
    /* When clocks change elsewhere in the world they do not here. */
    ASSERT_AT(due("72h", "2025-03-29T01:30:00+07:00", REGION, no_holidays),
              "2025-04-01T01:30:00+07:00");
}

TEST(working_days_leave_out_weekends) {
    /* Monday: Tuesday, Wednesday, Thursday. */
    ASSERT_AT(due("3wd", "2025-03-10T10:05:00+07:00", REGION, no_holidays),
              "2025-03-14T00:00:00+07:00");
    /* Thursday: Friday, Monday, Tuesday. */
    ASSERT_AT(due("3wd", "2025-03-13T10:05:00+07:00", REGION, no_holidays),
              "2025-03-19T00:00:00+07:00");
    /* Saturday: Monday. */
    ASSERT_AT(due("1wd", "2025-03-15T10:05:00+07:00", REGION, no_holidays),
              "2025-03-18T00:00:00+07:00");
    ASSERT_AT(due("10wd", "2025-03-10T10:05:00+07:00", REGION, no_holidays),
              "2025-03-25T00:00:00+07:00");
    /* Friday night in Jakarta is Saturday in Papua: Monday counts there, here too. */
    ASSERT_AT(due("1wd", "2025-03-14T23:00:00+07:00", "3171", no_holidays),
              "2025-03-18T00:00:00+07:00");
    ASSERT_AT(due("1wd", "2025-03-14T23:00:00+07:00", "9101", no_holidays),
              "2025-03-18T00:00:00+09:00");
}

TEST(working_days_leave_out_the_holidays_of_the_directory) {
    static const char *const nyepi_and_lebaran[] = {
        "2025-03-28T00:00:00Z", "2025-03-29T00:00:00Z", "2025-03-31T00:00:00Z",
        "2025-04-01T00:00:00Z", "2025-04-02T00:00:00Z", "2025-04-03T00:00:00Z",
        "2025-04-04T00:00:00Z", "2025-04-07T00:00:00Z", NULL
    };
    ASSERT_AT(due("2wd", "2025-03-26T10:00:00+07:00", REGION, nyepi_and_lebaran),
              "2025-04-09T00:00:00+07:00");
    ASSERT_AT(due("2d", "2025-03-26T10:00:00+07:00", REGION, nyepi_and_lebaran),
              "2025-03-29T00:00:00+07:00");
}

TEST(a_calendar_without_a_working_day_keeps_nobody_waiting_for_ever) {
    _cleanup_(directory_unrefp) Directory *d = NULL;
    const int64_t first = civil_to_days((CivilDate) { 2025, 1, 1 });
    ASSERT_OK(directory_new(&d));
    for (int i = 0; i < 3000; i++) {
        DirHoliday h = { .on = civil_from_days(first + i) };
        ASSERT_OK(directory_add_holiday(d, &h));
    }
    ASSERT_OK(directory_seal(d, 1));
    const TimerPolicy policy = {
        &(TimerRow) { .kind = TIMER_CANCEL, .routine = { .work_days = 1 } }, 1
    };
    const int64_t ms = timer_due(&(TimerQuestion) { .policy = &policy,
                                                    .directory = d,
                                                    .kind = TIMER_CANCEL,
                                                    .region = REGION,
                                                    .from_ms = at("2025-01-01T08:00:00+07:00") });
    ASSERT_AT(ms, "2026-01-10T00:00:00+07:00");
}

/* --- text --- */

static void assert_text(const char *text, uint32_t minutes, uint16_t days, uint16_t work_days,
                        const char *again) {
    TimerTerm t = { 0 };
    char out[TIMER_TERM_SIZE];
    ASSERT_OK(timer_term_parse(text, &t));
    ASSERT_EQ(t.minutes, minutes);
    ASSERT_EQ(t.days, days);
    ASSERT_EQ(t.work_days, work_days);
    timer_term_format(&t, out);
    ASSERT_STR(out, again);
}

TEST(terms_are_read_and_written) {
    assert_text("15min", 15, 0, 0, "15min");
    assert_text("120min", 120, 0, 0, "2h");
    assert_text("2h", 120, 0, 0, "2h");
    assert_text("3d", 0, 3, 0, "3d");
    assert_text("5wd", 0, 0, 5, "5wd");
    assert_text("3660d", 0, 3660, 0, "3660d");
    assert_text("87840h", 87840 * 60, 0, 0, "87840h");
}

TEST(what_is_no_term_is_refused) {
    static const char *const bad[] = { "",      "3",    "d",  "-3d", "3 d",
                                       "3days", "3.5d", "wd", "3WD", "3m" };
    static const char *const far[] = { "0d",
                                       "0min",
                                       "3661d",
                                       "3661wd",
                                       "87841h",
                                       "99999999999999999999999d",
                                       "18446744073709551619d" };
    TimerTerm t = { .days = 7 };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ASSERT_EQ(timer_term_parse(bad[i], &t), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(far); i++)
        ASSERT_EQ(timer_term_parse(far[i], &t), -ERANGE);
    ASSERT_EQ(t.days, 7);
}

/* --- the policy --- */

TEST(the_policy_has_the_times_of_the_domain) {
    static const struct {
        TimerKind kind;
        const char *terms; /* by urgency */
    } rows[] = {
        { TIMER_ANSWER, "120h 48h 2h -" },
        { TIMER_CANCEL, "36h 36h 2h -" },
        { TIMER_SUPPLEMENT, "10wd 10wd 24h -" },
        { TIMER_SUPERIOR, "3wd 3wd 2h -" },
        { TIMER_DELIVERY, "24h 4h 15min 2min" },
        { TIMER_CLASSIFY, "72h 24h 1h -" },
        { TIMER_RESOLVE, "120h 60h 24h -" },
        { TIMER_RESOLVE_COMPLAINT, "336h 168h 24h -" },
        { TIMER_RESOLVE_INSPECTION, "1440h 720h 24h -" },
        { TIMER_SILENCE, "240h 240h 240h -" },
        { TIMER_ACKNOWLEDGE, "- - - 10min" },
        { TIMER_OPENING, "72h 72h 72h 72h" },
        { TIMER_ASSESSMENT, "336h 336h 336h 336h" },
    };
    ASSERT_EQ(timer_policy.n, ARRAY_SIZE(rows));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char terms[64] = "", text[TIMER_TERM_SIZE];
        for (int u = URGENCY_ROUTINE; u <= URGENCY_EVENT; u++) {
            const TimerTerm *t = timer_term(&timer_policy, rows[i].kind, u, NODE_UPTD);
            strcpy(text, "-");
            if (t)
                timer_term_format(t, text);
            strcat(strcat(terms, u > URGENCY_ROUTINE ? " " : ""), text);
        }
        if (strcmp(terms, rows[i].terms) != 0)
            fail_msg("%s: %s", timer_name(rows[i].kind), terms);
    }
}

TEST(every_timer_has_a_name_of_its_own) {
    for (int k = TIMER_NONE + 1; k < TIMER_KINDS; k++) {
        ASSERT_TRUE(timer_name(k)[0] != '\0');
        for (int other = TIMER_NONE + 1; other < k; other++)
            ASSERT_TRUE(strcmp(timer_name(k), timer_name(other)) != 0);
    }
    ASSERT_STR(timer_name(TIMER_NONE), "");
    ASSERT_STR(timer_name(TIMER_KINDS), "");
    ASSERT_STR(timer_name(-1), "");
}

TEST(no_classification_for_three_days_is_the_same_hour_of_the_third_day) {
    /* From a Friday: calendar days. */
    ASSERT_AT(by_policy(TIMER_CLASSIFY, URGENCY_ROUTINE, "2025-03-14T10:05:00+07:00"),
              "2025-03-17T10:05:00+07:00");
    ASSERT_AT(by_policy(TIMER_CLASSIFY, URGENCY_UNSPECIFIED, "2025-03-14T10:05:00+07:00"),
              "2025-03-17T10:05:00+07:00");
    ASSERT_AT(by_policy(TIMER_CLASSIFY, URGENCY_EMERGENCY, "2025-03-14T10:05:00+07:00"),
              "2025-03-14T11:05:00+07:00");
    ASSERT_EQ(by_policy(TIMER_CLASSIFY, URGENCY_EVENT, "2025-03-14T10:05:00+07:00"), 0);
    ASSERT_EQ(by_policy(TIMER_EXPIRY, URGENCY_ROUTINE, "2025-03-14T10:05:00+07:00"), 0);
    ASSERT_EQ(by_policy(TIMER_NONE, URGENCY_ROUTINE, "2025-03-14T10:05:00+07:00"), 0);
}

TEST(the_register_asks_on_the_seventh_day_and_documents_are_overdue_on_the_fifteenth) {
    ASSERT_AT(by_policy(TIMER_DTKS, URGENCY_ROUTINE, "2025-03-03T10:05:00+07:00"),
              "2025-03-10T10:05:00+07:00");
    ASSERT_AT(by_policy(TIMER_DOCUMENTS, URGENCY_EMERGENCY, "2025-03-03T10:05:00+07:00"),
              "2025-03-18T00:00:00+07:00"); /* day 15 begins */
    ASSERT_AT(by_policy(TIMER_FOLLOW_UP, URGENCY_ROUTINE, "2025-03-03T10:05:00+07:00"),
              "2025-04-03T00:00:00+07:00");
    ASSERT_AT(by_policy(TIMER_MONITORING, URGENCY_ROUTINE, "2024-02-29T10:05:00+07:00"),
              "2025-03-01T00:00:00+07:00");
    ASSERT_AT(timer_end_of_date((CivilDate) { 2025, 3, 17 }, REGION), "2025-03-18T00:00:00+07:00");
    ASSERT_AT(timer_end_of_date((CivilDate) { 2025, 3, 17 }, "94"), "2025-03-18T00:00:00+09:00");
}

TEST(the_rule_set_of_the_item_counts) {
    RuleSet set = *rule_set_find(&rule_sets, "2021-09");
    set.dtks_days = 14;
    const TimerQuestion q = { .policy = &timer_policy,
                              .set = &set,
                              .kind = TIMER_DTKS,
                              .region = REGION,
                              .from_ms = at("2025-03-03T10:05:00+07:00") };
    ASSERT_AT(timer_due(&q), "2025-03-17T10:05:00+07:00");
}

TEST(the_more_particular_row_wins) {
    const TimerRow list[] = {
        { TIMER_ANSWER, NODE_UPT_LOKA, .routine = { .minutes = 3 } },
        { TIMER_ANSWER, 0, .routine = { .minutes = 1 }, .priority = { .minutes = 9 } },
        { TIMER_ANSWER, NODE_UPTD, .routine = { .minutes = 2 } },
    };
    const TimerPolicy p = { list, ARRAY_SIZE(list) };
    ASSERT_EQ(timer_term(&p, TIMER_ANSWER, URGENCY_ROUTINE, NODE_LKS)->minutes, 1);
    ASSERT_EQ(timer_term(&p, TIMER_ANSWER, URGENCY_ROUTINE, NODE_UPTD)->minutes, 2);
    ASSERT_EQ(timer_term(&p, TIMER_ANSWER, URGENCY_ROUTINE, NODE_UPT_LOKA)->minutes, 3);
    assert_null(timer_term(&p, TIMER_ANSWER, URGENCY_PRIORITY, NODE_UPTD));
    assert_null(timer_term(&p, TIMER_CANCEL, URGENCY_ROUTINE, NODE_UPTD));
}

TEST(an_operator_replaces_single_terms_and_adds_none) {
    TimerOverrides o = { 0 };
    TimerRow own[TIMER_ROWS_MAX];
    TimerPolicy p;
    o.of[TIMER_CLASSIFY].of[URGENCY_ROUTINE] = (TimerTerm) { .work_days = 3 };
    o.of[TIMER_ACKNOWLEDGE].of[URGENCY_ROUTINE] = (TimerTerm) { .minutes = 5 };
    timer_policy_override(&timer_policy, &o, own, &p);
    ASSERT_EQ(p.n, timer_policy.n);
    ASSERT_EQ(timer_term(&p, TIMER_CLASSIFY, URGENCY_ROUTINE, 0)->work_days, 3);
    ASSERT_EQ(timer_term(&p, TIMER_CLASSIFY, URGENCY_ROUTINE, 0)->minutes, 0);
    ASSERT_EQ(timer_term(&p, TIMER_CLASSIFY, URGENCY_PRIORITY, 0)->minutes, 24 * 60);
    assert_null(timer_term(&p, TIMER_ACKNOWLEDGE, URGENCY_ROUTINE, 0));
    ASSERT_EQ(timer_term(&timer_policy, TIMER_CLASSIFY, URGENCY_ROUTINE, 0)->minutes, 72 * 60);
}

TEST_MAIN

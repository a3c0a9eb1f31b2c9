/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <errno.h>

#include "base/times.h"

static CivilDate date(int year, int month, int day) {
    return (CivilDate) { .year = (int16_t)year, .month = (uint8_t)month, .day = (uint8_t)day };
}

static int64_t at(const char *text) {
    int64_t ms;
    ASSERT_OK(rfc3339_parse(text, &ms));
    return ms;
}

static int64_t duration(const char *text) {
    int64_t ms;
    ASSERT_OK(duration_parse(text, &ms));
    return ms;
}

TEST(days_that_exist) {
    ASSERT_TRUE(civil_is_valid(date(2024, 2, 29)));
    ASSERT_TRUE(civil_is_valid(date(2000, 2, 29)));
    ASSERT_TRUE(!civil_is_valid(date(1900, 2, 29)));
    ASSERT_TRUE(!civil_is_valid(date(2200, 2, 29)));
    ASSERT_TRUE(!civil_is_valid(date(2025, 2, 29)));
    ASSERT_TRUE(!civil_is_valid(date(2025, 4, 31)));
    ASSERT_TRUE(!civil_is_valid(date(2025, 13, 1)));
    ASSERT_TRUE(!civil_is_valid(date(2025, 0, 1)));
    ASSERT_TRUE(!civil_is_valid(date(2025, 1, 0)));
    ASSERT_TRUE(!civil_is_valid(date(1899, 12, 31)));
    ASSERT_TRUE(!civil_is_set(date(0, 0, 0)));
    ASSERT_TRUE(civil_is_set(date(0, 0, 1)));
}

TEST(dates_compare_by_year_month_day) {
    ASSERT_TRUE(civil_compare(date(2024, 12, 31), date(2025, 1, 1)) < 0);
    ASSERT_TRUE(civil_compare(date(2025, 2, 1), date(2025, 1, 31)) > 0);
    ASSERT_TRUE(civil_compare(date(2025, 2, 2), date(2025, 2, 1)) > 0);
    ASSERT_EQ(civil_compare(date(2025, 2, 1), date(2025, 2, 1)), 0);
}

TEST(days_and_dates_are_inverse_over_centuries) {
    ASSERT_EQ(civil_to_days(date(1970, 1, 1)), 0);
    ASSERT_EQ(civil_to_days(date(2000, 3, 1)), 11017);
    CivilDate before = civil_from_days(-30000);
    for (int64_t d = -29999; d < 200000; d++) {
        CivilDate c = civil_from_days(d);
        ASSERT_EQ(civil_to_days(c), d);
        ASSERT_TRUE(civil_compare(before, c) < 0);
        before = c;
    }
}

TEST(the_day_depends_on_the_zone) {
    int64_t ms = at("2025-03-10T16:30:00Z");
    ASSERT_EQ(civil_at(ms, 420).day, 10);
    ASSERT_EQ(civil_at(ms, 480).day, 11);
    ASSERT_EQ(civil_at(-1, 0).day, 31);
    ASSERT_EQ(civil_at(-1, 0).year, 1969);
}

TEST(times_no_calendar_holds_are_clamped) {
    char text[RFC3339_SIZE];
    ASSERT_EQ(civil_at(INT64_MAX, 540).year, 9999);
    (void)civil_at(INT64_MIN, -540);
    rfc3339_format(INT64_MAX, text);
    ASSERT_STR(text, "9999-12-31T23:59:59.999Z");
    rfc3339_format(INT64_MIN, text);
    ASSERT_STR(text, "0000-01-01T00:00:00.000Z");
}

TEST(rfc_3339_there_and_back) {
    char text[RFC3339_SIZE];
    rfc3339_format(at("2025-03-10T03:05:00.007Z"), text);
    ASSERT_STR(text, "2025-03-10T03:05:00.007Z");
    rfc3339_format(-1, text);
    ASSERT_STR(text, "1969-12-31T23:59:59.999Z");
    ASSERT_EQ(at("1970-01-01T00:00:01Z"), 1000);
}

TEST(rfc_3339_takes_offsets_and_fractions) {
    int64_t want = at("2025-03-10T03:05:00Z");
    ASSERT_EQ(at("2025-03-10T10:05:00+07:00"), want);
    ASSERT_EQ(at("2025-03-09T22:35:00-04:30"), want);
    ASSERT_EQ(at("2025-03-10t03:05:00z"), want);
    ASSERT_EQ(at("2025-03-10T03:05:00.1Z"), want + 100);
    ASSERT_EQ(at("2025-03-10T03:05:00.123456789Z"), want + 123);
    ASSERT_EQ(at("2025-03-10T03:04:60Z"), want);
}

TEST(rfc_3339_refuses_nonsense) {
    static const char *const bad[] = {
        "",
        "x",
        "2025",
        "2025-03-10",
        "2025-03-10T03:05:00",
        "2025-03-10T03:05Z",
        "2025-02-29T00:00:00Z",
        "2025-03-10T24:00:00Z",
        "2025-03-10T03:60:00Z",
        "2025-03-10T03:05:61Z",
        "2025-03-10T03:05:00.Z",
        "2025-03-10T03:05:00.1234567890Z",
        "2025-03-10T03:05:00+07",
        "2025-03-10T03:05:00+24:00",
        "2025-03-10T03:05:00Zx",
        "-025-03-10T03:05:00Z",
        "2025-3-10T03:05:00Z",
        "0000-00-00T00:00:00Z",
    };
    int64_t ms = 42;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ASSERT_EQ(rfc3339_parse(bad[i], &ms), -EINVAL);
    ASSERT_EQ(ms, 42);
}

TEST(durations_have_units) {
    ASSERT_EQ(duration("250"), 250);
    ASSERT_EQ(duration("250ms"), 250);
    ASSERT_EQ(duration("10s"), 10000);
    ASSERT_EQ(duration("5m"), 300000);
    ASSERT_EQ(duration("2h"), 7200000);
    ASSERT_EQ(duration("1d"), 86400000);
    ASSERT_EQ(duration("0s"), 0);
}

TEST(durations_refuse_nonsense_and_overflow) {
    static const char *const bad[] = { "", "s", "-1s", "+1s", " 1s", "1 s", "1x", "1sm", "1.5s" };
    int64_t ms = 42;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ASSERT_EQ(duration_parse(bad[i], &ms), -EINVAL);
    ASSERT_EQ(duration_parse("99999999999999999999", &ms), -ERANGE);
    ASSERT_EQ(duration_parse("106751991168d", &ms), -ERANGE);
    ASSERT_EQ(duration_parse("9223372036854775808", &ms), -ERANGE);
    ASSERT_EQ(ms, 42);
    ASSERT_EQ(duration("9223372036854775807"), INT64_MAX);
}

TEST(the_clocks_run) {
    Now a = now_read(), b = now_read();
    ASSERT_TRUE(b.mono_ms >= a.mono_ms);
    ASSERT_TRUE(a.wall_ms > at("2024-01-01T00:00:00Z"));
}

static void assert_day(CivilDate have, int year, int month, int day) {
    ASSERT_EQ(have.year, year);
    ASSERT_EQ(have.month, month);
    ASSERT_EQ(have.day, day);
}

TEST(months_are_added_by_the_calendar_with_the_end_of_the_month_kept) {
    assert_day(civil_add_months((CivilDate) { 2025, 1, 31 }, 1), 2025, 2, 28);
    assert_day(civil_add_months((CivilDate) { 2024, 1, 31 }, 1), 2024, 2, 29);
    assert_day(civil_add_months((CivilDate) { 2024, 11, 30 }, 3), 2025, 2, 28);
    assert_day(civil_add_months((CivilDate) { 2025, 3, 12 }, 3), 2025, 6, 12);
    assert_day(civil_add_months((CivilDate) { 2025, 8, 31 }, 3), 2025, 11, 30);
    assert_day(civil_add_months((CivilDate) { 2025, 12, 1 }, 12), 2026, 12, 1);
    assert_day(civil_add_months((CivilDate) { 2025, 5, 31 }, 0), 2025, 5, 31);
    assert_day(civil_add_months((CivilDate) { 9999, 12, 31 }, UINT32_MAX), 9999, 12, 31);
    assert_day(civil_add_months((CivilDate) { -7, 0, 200 }, 0), 0, 1, 31); /* no day at all */
}

TEST(days_are_added_over_the_end_of_months_and_years) {
    assert_day(civil_add_days((CivilDate) { 2025, 3, 3 }, 7), 2025, 3, 10);
    assert_day(civil_add_days((CivilDate) { 2025, 2, 22 }, 7), 2025, 3, 1);
    assert_day(civil_add_days((CivilDate) { 2024, 2, 23 }, 7), 2024, 3, 1);
    assert_day(civil_add_days((CivilDate) { 2024, 12, 31 }, 1), 2025, 1, 1);
    assert_day(civil_add_days((CivilDate) { 9999, 12, 31 }, UINT32_MAX), 9999, 12, 31);
}

TEST_MAIN

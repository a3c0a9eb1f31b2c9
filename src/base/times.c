/* SPDX-License-Identifier: Apache-2.0 */

/* Calendar arithmetic is the proleptic Gregorian one in days since 1970-01-01; it knows no zone
 * rules, because Indonesia's three offsets have been constant since 1988. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/times.h"

/* 0000-01-01 and 9999-12-31: what has four digits. Peer-made times outside are clamped. */
#define DAYS_MIN INT64_C(-719528)
#define DAYS_MAX INT64_C(2932896)

static int64_t clamp(int64_t v, int64_t low, int64_t high) {
    return v < low ? low : v > high ? high : v;
}

static int64_t clock_ms(clockid_t id) {
    struct timespec t = { 0 };
    (void)clock_gettime(id, &t); /* cannot fail for these two clocks */
    return (int64_t)t.tv_sec * SECOND_MS + t.tv_nsec / 1000000;
}

Now now_read(void) {
    return (Now) { .wall_ms = clock_ms(CLOCK_REALTIME), .mono_ms = clock_ms(CLOCK_MONOTONIC) };
}

int64_t now_us(void) {
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

bool civil_is_set(CivilDate d) {
    return d.year != 0 || d.month != 0 || d.day != 0;
}

static bool year_is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* month is 1 to 12. */
static int days_in_month(int year, int month) {
    static const uint8_t length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return length[month - 1] + (month == 2 && year_is_leap(year));
}

bool civil_is_valid(CivilDate d) {
    return d.year >= 1900 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= days_in_month(d.year, d.month);
}

int civil_compare(CivilDate a, CivilDate b) {
    if (a.year != b.year)
        return a.year < b.year ? -1 : 1;
    if (a.month != b.month)
        return a.month < b.month ? -1 : 1;
    return (a.day > b.day) - (a.day < b.day);
}

/* Both ways count in eras of 400 years (146,097 days) that start on 1 March, so that the leap day
 * is the last day of a year; 719,468 days lie between 0000-03-01 and 1970-01-01. */
int64_t civil_to_days(CivilDate d) {
    int64_t year = d.year - (d.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = d.month > 2 ? d.month - 3 : d.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

CivilDate civil_from_days(int64_t days) {
    days = clamp(days, DAYS_MIN, DAYS_MAX) + 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    return (CivilDate) { .year = (int16_t)(year_of_era + era * 400 + (month <= 2)),
                         .month = (uint8_t)month,
                         .day = (uint8_t)day };
}

CivilDate civil_add_days(CivilDate d, uint32_t days) {
    return civil_from_days(civil_to_days(d) + days);
}

CivilDate civil_add_months(CivilDate d, uint32_t months) {
    int64_t n = clamp((int64_t)d.year * 12 + d.month - 1 + months, 0, 9999 * 12 + 11);
    int year = (int)(n / 12), month = (int)(n % 12) + 1;
    int last = days_in_month(year, month);
    return (CivilDate) { .year = (int16_t)year,
                         .month = (uint8_t)month,
                         .day = d.day > last ? (uint8_t)last : d.day };
}

static int64_t clamp_wall(int64_t wall_ms) {
    return clamp(wall_ms, DAYS_MIN * DAY_MS, DAYS_MAX * DAY_MS + DAY_MS - 1);
}

static int64_t days_of(int64_t ms) {
    return (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS;
}

CivilDate civil_at(int64_t wall_ms, int utc_offset_min) {
    return civil_from_days(days_of(clamp_wall(wall_ms) + utc_offset_min * MINUTE_MS));
}

void rfc3339_format(int64_t wall_ms, char ret[static RFC3339_SIZE]) {
    wall_ms = clamp_wall(wall_ms);
    int64_t days = days_of(wall_ms);
    unsigned ms = (unsigned)(wall_ms - days * DAY_MS);
    CivilDate d = civil_from_days(days);
    (void)snprintf(ret, RFC3339_SIZE, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", d.year, d.month, d.day,
                   ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

/* Reads exactly n digits; on anything else returns false and leaves *p somewhere before the NUL. */
static bool take_digits(const char **p, unsigned n, unsigned *ret) {
    unsigned v = 0;
    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        v = v * 10 + (unsigned)(**p - '0');
    }
    *ret = v;
    return true;
}

static bool take_char(const char **p, const char *any_of) {
    if (**p == '\0' || !strchr(any_of, **p))
        return false;
    (*p)++;
    return true;
}

static bool take_fraction(const char **p, unsigned *ret_ms) {
    unsigned n = 0, ms = 0;
    *ret_ms = 0;
    if (!take_char(p, "."))
        return true;
    for (; **p >= '0' && **p <= '9'; (*p)++, n++)
        if (n < 3)
            ms = ms * 10 + (unsigned)(**p - '0');
    if (n == 0 || n > 9)
        return false;
    for (; n < 3; n++)
        ms *= 10;
    *ret_ms = ms;
    return true;
}

static bool take_offset(const char **p, int64_t *ret_min) {
    unsigned hours, minutes;
    if (take_char(p, "Zz")) {
        *ret_min = 0;
        return true;
    }
    bool behind = **p == '-';
    if (!take_char(p, "+-") || !take_digits(p, 2, &hours) || !take_char(p, ":") ||
        !take_digits(p, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    int64_t offset = (int64_t)hours * 60 + minutes;
    *ret_min = behind ? -offset : offset;
    return true;
}

int rfc3339_parse(const char *text, int64_t *ret) {
    unsigned year, month, day, hour, minute, second, ms;
    int64_t offset_min;
    const char *p = text;
    if (!take_digits(&p, 4, &year) || !take_char(&p, "-") || !take_digits(&p, 2, &month) ||
        !take_char(&p, "-") || !take_digits(&p, 2, &day) || !take_char(&p, "Tt ") ||
        !take_digits(&p, 2, &hour) || !take_char(&p, ":") || !take_digits(&p, 2, &minute) ||
        !take_char(&p, ":") || !take_digits(&p, 2, &second) || !take_fraction(&p, &ms) ||
        !take_offset(&p, &offset_min) || *p != '\0')
        return -EINVAL;

    CivilDate d = { .year = (int16_t)year, .month = (uint8_t)month, .day = (uint8_t)day };
    if (!civil_is_valid(d) || hour > 23 || minute > 59 || second > 60) /* 60: leap second */
        return -EINVAL;
    *ret = civil_to_days(d) * DAY_MS + (int64_t)hour * HOUR_MS +
           ((int64_t)minute - offset_min) * MINUTE_MS + (int64_t)second * SECOND_MS + ms;
    return 0;
}

int duration_parse(const char *text, int64_t *ret_ms) {
    static const struct {
        const char *suffix;
        int64_t unit;
    } units[] = {
        { "", 1 },          { "ms", 1 },      { "s", SECOND_MS },
        { "m", MINUTE_MS }, { "h", HOUR_MS }, { "d", DAY_MS },
    };
    int64_t v = 0;
    bool over = false;
    const char *p = text;
    if (*p < '0' || *p > '9')
        return -EINVAL;
    for (; *p >= '0' && *p <= '9'; p++)
        over = over || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v);
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(p, units[i].suffix) != 0)
            continue;
        if (over || __builtin_mul_overflow(v, units[i].unit, &v))
            return -ERANGE;
        *ret_ms = v;
        return 0;
    }
    return -EINVAL;
}

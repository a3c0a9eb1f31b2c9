/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Two clocks and calendar days. All points of time are int64_t milliseconds, wall ones since
 * 1970 UTC; names end in _ms. Nothing below daemon/ and client/ reads a clock: Now is passed in. */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct Now {
    int64_t wall_ms; /* may jump: due times, receipts, rules */
    int64_t mono_ms; /* never jumps: liveness, back-off inside one process */
} Now;

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define TIME_MAX_MS INT64_C(253402300799999) /* the last millisecond with a four-digit year */

/* A wall clock that is so far ahead of a moment ago is more likely wrong than right; what cannot be
 * taken back waits so long for it to be set right. No message lives longer than the leap. */
#define CLOCK_LEAP_MS  (200 * DAY_MS)
#define CLOCK_DOUBT_MS (10 * MINUTE_MS)

Now now_read(void);
/* Monotonic, for what takes less than a millisecond. */
int64_t now_us(void);

/* A calendar day; all zero = not given. */
typedef struct CivilDate {
    int16_t year;
    uint8_t month, day;
} CivilDate;

bool civil_is_set(CivilDate d);
bool civil_is_valid(CivilDate d);            /* a day that exists, years 1900 to 9999 */
int civil_compare(CivilDate a, CivilDate b); /* <0, 0, >0 */
/* Days since 1970-01-01. */
int64_t civil_to_days(CivilDate d);
CivilDate civil_from_days(int64_t days);
CivilDate civil_add_days(CivilDate d, uint32_t days);
/* The same day of a later month, or the last one of it: 31 January and a month is 28 February. */
CivilDate civil_add_months(CivilDate d, uint32_t months);
/* The day it is at wall_ms in a zone utc_offset_min minutes ahead of UTC. */
CivilDate civil_at(int64_t wall_ms, int utc_offset_min);

#define RFC3339_SIZE 32U
/* "2025-03-10T03:05:00.000Z" */
void rfc3339_format(int64_t wall_ms, char ret[static RFC3339_SIZE]);
/* Accepts any offset and up to nine digits of fraction. Returns 0 or -EINVAL. */
_must_check_ int rfc3339_parse(const char *text, int64_t *ret);
/* "10s", "5m", "2h", "1d", "250ms" or bare milliseconds. Returns 0, -EINVAL or -ERANGE. */
_must_check_ int duration_parse(const char *text, int64_t *ret_ms);

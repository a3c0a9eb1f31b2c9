/* SPDX-License-Identifier: Apache-2.0 */

/* The calendar of the directory: which days nobody can be expected to work. */

#include <errno.h>
#include <string.h>

#include "core/directory-internal.h"

int directory_add_holiday(Directory *d, const DirHoliday *h) {
    if (d->sealed || !civil_is_valid(h->on) || strnlen(h->name, sizeof(h->name)) == sizeof(h->name))
        return -EINVAL;
    const int64_t day = civil_to_days(h->on);
    HolidayEntry *e;
    HASH_FIND(hh, d->holidays, &day, sizeof(day), e);
    if (!e) {
        e = calloc(1, sizeof(*e));
        if (!e)
            return -ENOMEM;
        e->day = day;
        HASH_ADD(hh, d->holidays, day, sizeof(e->day), e);
        if (!e->hh.tbl) {
            free(e);
            return -ENOMEM;
        }
    }
    e->holiday = *h;
    return 0;
}

static int compare_holidays(const void *a, const void *b) {
    const DirHoliday *const *x = a, *const *y = b;
    return civil_compare((*x)->on, (*y)->on);
}

int calendar_seal(Directory *d) {
    size_t n = 0;
    HolidayEntry *e, *next;
    d->holiday_list = calloc(HASH_COUNT(d->holidays) + 1U, sizeof(*d->holiday_list));
    if (!d->holiday_list)
        return -ENOMEM;
    HASH_ITER (hh, d->holidays, e, next)
        d->holiday_list[n++] = &e->holiday;
    qsort(d->holiday_list, n, sizeof(*d->holiday_list), compare_holidays);
    d->n_holidays = n;
    return 0;
}

void calendar_free(Directory *d) {
    HolidayEntry *e, *next;
    HASH_ITER (hh, d->holidays, e, next) {
        HASH_DEL(d->holidays, e);
        free(e);
    }
    free(d->holiday_list);
}

size_t directory_holiday_count(const Directory *d) {
    return d->n_holidays;
}

const DirHoliday *directory_holiday_at(const Directory *d, size_t i) {
    return i < d->n_holidays ? d->holiday_list[i] : NULL;
}

const DirHoliday *directory_holiday(const Directory *d, CivilDate on) {
    const int64_t day = civil_to_days(on);
    HolidayEntry *e;
    HASH_FIND(hh, d->holidays, &day, sizeof(day), e);
    return e ? &e->holiday : NULL;
}

bool directory_is_working_day(const Directory *d, CivilDate day) {
    const int64_t number = civil_to_days(day);
    const int64_t weekday = ((number + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; 0 = Monday */
    if (weekday >= 5)
        return false;
    HolidayEntry *e;
    HASH_FIND(hh, d->holidays, &number, sizeof(number), e);
    return !e || e->holiday.working;
}

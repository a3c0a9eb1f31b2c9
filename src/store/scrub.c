/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the whole file through, some pages at each idle turn, after a stop that was not clean.
 * What is damaged is never used for an answer (pages.h), so the broker need not wait for the end of
 * this; it is for finding out before somebody wants the page.
 */
#include "store/internal.h"
#include "store/upkeep.h"

#define SCRUB_PAGES 256 /* a turn: 2 MiB */

int scrub_step(Store *s, bool *ret_more) {
    if (s->scrub_at == 0)
        return 0;
    if (s->copying) { /* a page may be half written */
        *ret_more = true;
        return 0;
    }
    uint32_t bad = 0;
    const int r = db_fail(s, pages_scrub(s->db, &s->scrub_at, SCRUB_PAGES, &bad));
    if (bad > 0) {
        s->health.bad_pages++;
        s->health.bad_page = bad;
    }
    *ret_more |= s->scrub_at > 0;
    return r;
}

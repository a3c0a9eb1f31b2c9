/* SPDX-License-Identifier: Apache-2.0 */

#include "net/line.h"

#include <stddef.h>

#include <utlist.h>

#define AT_ONCE   4U
#define CROWD     256U /* so many that wait: twice as fast */
#define VISIT     8U   /* handshakes that one counts as that ended at once */
#define VISITS    32U  /* of them, what can be owed */
#define OWED_MOST (VISIT * VISITS)

void line_join(Line *l, LinePlace *p) {
    p->line = l;
    DL_APPEND(l->first, p);
    l->n++;
}

void line_leave(LinePlace *p) {
    if (!p->line)
        return;
    DL_DELETE(p->line->first, p);
    p->line->n--;
    p->line = NULL;
}

static BucketRate rate_of(const Line *l, uint32_t rate, unsigned burst) {
    return (BucketRate) { .per_second = rate * (1 + (double)l->n / CROWD), .burst = burst };
}

bool line_take(Line *l, uint32_t rate, int64_t now_ms) {
    const BucketRate r = rate_of(l, rate, AT_ONCE);
    return bucket_take(&l->begun, &r, 1, now_ms);
}

void line_charge(Line *l, uint32_t rate, int64_t now_ms) {
    const BucketRate r = rate_of(l, rate, OWED_MOST);
    (void)bucket_take(&l->begun, &r, VISIT - 1, now_ms); /* else it owes all it can */
}

bool line_is_idle(const Line *l, uint32_t rate, int64_t now_ms) {
    const BucketRate r = rate_of(l, rate, AT_ONCE);
    return l->n == 0 && (rate == 0 || bucket_is_empty(&l->begun, &r, now_ms));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gather.h"

#include "base/cleanup.h"

#define SLOW_US  1500
#define FRACTION 4    /* of the time the disk took */
#define WAIT_US  2000 /* at most */
#define MANY     48U  /* operations: a commit's own pages are few beside theirs */

bool gather_is_worth(int64_t sync_us) {
    return sync_us >= SLOW_US;
}

bool gather_apart(const Gather *g, int64_t sync_us, long processors) {
    return gather_is_worth(sync_us) || (processors <= 2 && g->many);
}

void gather_begin(Gather *g, uint32_t done, uint32_t waiting, int64_t sync_us, int64_t now_us) {
    g->expected = waiting > 0 && gather_is_worth(sync_us) ? done + waiting : 0;
    g->many = done >= MANY;
    g->until_us = now_us + MIN(sync_us / FRACTION, (int64_t)WAIT_US);
}

int64_t gather_wait_us(const Gather *g, uint32_t waiting, int64_t now_us) {
    if (waiting == 0 || waiting >= g->expected || now_us >= g->until_us)
        return 0;
    return g->until_us - now_us;
}

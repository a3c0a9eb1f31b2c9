/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Gather: should the next batch wait a moment for more? Publishers that wait for their answers
 * else fall into two cohorts, each waiting for the other's sync: half as many messages a sync as
 * there could be. After a batch, those it answered are given a fraction of the time the disk took
 * to come back, if others came meanwhile. A lonely publisher never waits, and where the processor
 * is the limit and not the disk, nobody does: there two cohorts are what keeps both at work.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Gather {
    uint32_t expected; /* operations that are likely to come */
    int64_t until_us;  /* monotonic; nothing is held back after it */
} Gather;

/* Does a sync take so long? */
bool gather_is_worth(int64_t sync_us);
/* A batch of `done` operations ended, whose sync took sync_us; `waiting` others came meanwhile. */
void gather_begin(Gather *g, uint32_t done, uint32_t waiting, int64_t sync_us, int64_t now_us);
/* How long to hold the next batch back: 0 = take it now. */
int64_t gather_wait_us(const Gather *g, uint32_t waiting, int64_t now_us);

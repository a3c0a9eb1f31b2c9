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
    bool many;         /* the last batch was large */
} Gather;

/* Does a sync take so long? */
bool gather_is_worth(int64_t sync_us);
/* Should what comes while a batch is carried out wait here until it is done, instead of behind it?
 * Then it makes one batch, and what comes with the answers joins it. With a slow disk; and with two
 * processors behind a large batch, as the threads that would make another one of it meanwhile have
 * to share them with the store's. */
bool gather_apart(const Gather *g, int64_t sync_us, long processors);
/* A batch of `done` operations ended, whose sync took sync_us; `waiting` others came meanwhile. */
void gather_begin(Gather *g, uint32_t done, uint32_t waiting, int64_t sync_us, int64_t now_us);
/* How long to hold the next batch back: 0 = take it now. */
int64_t gather_wait_us(const Gather *g, uint32_t waiting, int64_t now_us);

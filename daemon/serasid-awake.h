/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Awake: asks the kernel to keep idle processors from falling asleep while messages follow one
 * another. A message that is confirmed wakes six threads one after the other, and to wake a
 * processor that sleeps takes longer than most of them work: 50 to 100 us in a virtual machine.
 *
 * The kernel wants a file of its own kept open for that (Linux,
 * Documentation/power/pm_qos_interface): what was written to it last is the delay that may be, and
 * closed, or by a process that ended, it asks for nothing.
 *
 * It is of use only while there is work for more than a moment, and processors that wait awake are
 * busy to whoever lends them. So it is asked for when something was written to disk twice within
 * keep_us, and until nothing was for so long.
 *
 * For the router thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

#define AWAKE_DEVICE "/dev/cpu_dma_latency"

typedef struct Awake {
    int fd; /* negative: it cannot be asked for, or should not */
    bool asked;
    int64_t keep_us;
    int64_t last_us; /* of awake_stirred() */
} Awake;

/* keep_us: 0 for never. Returns 0 or -errno: processors sleep when they like. */
_must_check_ int awake_open(Awake *a, const char *device, int64_t keep_us);
void awake_close(Awake *a);
/* Something was written. */
void awake_stirred(Awake *a, int64_t now);
/* For how long the thread may sleep, us; INT64_MAX when nothing is asked for (any more). */
int64_t awake_rest_us(Awake *a, int64_t now);

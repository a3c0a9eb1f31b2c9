/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lanes: priority classes kept end to end, lowest number first. A lane with waiting work gets its
 * minimum share of each round even while a higher one is never empty.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/codes.h"

typedef enum Lane {
    LANE_EVENT = 0,
    LANE_EMERGENCY = 1,
    LANE_PRIORITY = 2,
    LANE_ROUTINE = 3,
    LANE_BULK = 4,
    LANE_COUNT = 5,
} Lane;

const char *lane_name(Lane lane);
/* The lane of a message. Receipts and recall orders ride PRIORITY; a complaint with harm_now rides
 * EMERGENCY whatever its urgency (domain 4.6); bulky kinds ride BULK when they are not urgent. */
Lane lane_of(int kind, int urgency, bool harm_now);

/* Weighted choice among lanes with work: strict priority, except that of every 16 picks the lower
 * lanes get at least: PRIORITY 2, ROUTINE 2, BULK 1 when they have work. */
typedef struct LanePicker {
    uint8_t round; /* picks made in this round of 16 */
    uint8_t served[LANE_COUNT];
} LanePicker;
/* waiting: bit set of lanes with deliverable work, not empty. Returns the lane to serve and counts
 * it as served. */
Lane lane_pick(LanePicker *p, unsigned waiting);

/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>

#include "core/lanes.h"

#define ROUND_PICKS 16U

const char *lane_name(Lane lane) {
    static const char *const names[LANE_COUNT] = {
        "EVENT", "EMERGENCY", "PRIORITY", "ROUTINE", "BULK",
    };
    return (unsigned)lane < LANE_COUNT ? names[lane] : "";
}

Lane lane_of(int kind, int urgency, bool harm_now) {
    const KindInfo *info = kind_info(kind);
    if (kind == KIND_RECEIPT || kind == KIND_RECALL_ORDER || kind == KIND_NOTICE ||
        kind == KIND_WRAP_REQUEST || kind == KIND_KEY_REQUEST)
        return LANE_PRIORITY;
    if (urgency == URGENCY_EVENT)
        return LANE_EVENT;
    if (urgency == URGENCY_EMERGENCY || (kind == KIND_COMPLAINT && harm_now))
        return LANE_EMERGENCY;
    if (urgency == URGENCY_PRIORITY)
        return LANE_PRIORITY;
    return info && info->bulk ? LANE_BULK : LANE_ROUTINE;
}

/* How many picks of this round the lane must have had before pick number `round`. The shares are
 * spread over the round, so that an event never waits behind more than one of them. */
static unsigned lane_due(Lane lane, unsigned round) {
    switch (lane) {
    case LANE_PRIORITY:
        return (round >= 3) + (round >= 10);
    case LANE_ROUTINE:
        return (round >= 6) + (round >= 13);
    case LANE_BULK:
        return round >= 8;
    default:
        return 0;
    }
}

Lane lane_pick(LanePicker *p, unsigned waiting) {
    assert(waiting != 0 && waiting < 1U << LANE_COUNT);
    if (p->round >= ROUND_PICKS)
        *p = (LanePicker) { 0 };

    Lane lane = (Lane)__builtin_ctz(waiting);
    for (Lane l = LANE_PRIORITY; l < LANE_COUNT; l++)
        if ((waiting & 1U << l) && p->served[l] < lane_due(l, p->round)) {
            lane = l;
            break;
        }
    p->round++;
    p->served[lane]++;
    return lane;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A clock on the wall that leaps ahead by more than any message may live is wrong more often than
 * right, and an outcome once recorded is never taken back. For some minutes nothing expires then:
 * time enough for the clock to be set right, or for people to hear of it. Terms of the law are not
 * held up: their notices decide nothing that people could not mend.
 */

#include "broker/clock.h"
#include "broker/internal.h"

static int64_t offset_of(Now now) {
    return now.wall_ms - now.mono_ms;
}

bool clock_is_doubted(const Broker *b, Now now) {
    return b->clock.known && offset_of(now) - b->clock.offset_ms > CLOCK_LEAP_MS;
}

void clock_remember(Broker *b, int64_t wall_ms, Now now) {
    b->clock.known = true;
    b->clock.offset_ms = wall_ms - now.mono_ms;
}

void clock_second(Broker *b, Now now) {
    const bool doubted = clock_is_doubted(b, now);
    const bool over = b->clock.doubted && now.mono_ms - b->clock.since_mono_ms >= CLOCK_DOUBT_MS;
    if (doubted && !b->clock.doubted) {
        b->clock.since_mono_ms = now.mono_ms;
        broker_log(b, LOG_EVENT_CLOCK_LEAPT, NULL,
                   "The clock leapt ahead by %lld days: nothing expires for %lld minutes.",
                   (long long)((offset_of(now) - b->clock.offset_ms) / DAY_MS),
                   (long long)(CLOCK_DOUBT_MS / MINUTE_MS));
    }
    b->clock.doubted = doubted && !over;
    if (b->clock.doubted)
        return;
    b->clock.known = true;
    b->clock.offset_ms = offset_of(now);
}

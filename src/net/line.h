/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A line: connections that wait at the door until their handshake may begin. A handshake takes half
 * a millisecond of libzmq's one thread, in which nobody else is served; so while somebody is, they
 * begin one after the other, and nobody is turned away. The more wait, the faster it goes: a crowd
 * that comes back after an outage is in within seconds. Who ends at once again came for nothing and
 * counts as several.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/bucket.h"

typedef struct Line Line;

/* One that waits; all zero does not. */
typedef struct LinePlace {
    Line *line;
    struct LinePlace *prev, *next;
} LinePlace;

/* All zero is an empty one. */
struct Line {
    LinePlace *first;
    uint32_t n;
    Bucket begun;
    Line *prev, *next; /* the owner's: of those in which somebody waits */
};

void line_join(Line *l, LinePlace *p); /* at the end */
void line_leave(LinePlace *p);         /* which may not be in one */

/* May one more begin? Takes it when it may. rate: handshakes a second. */
bool line_take(Line *l, uint32_t rate, int64_t now_ms);
/* One that began ended at once. */
void line_charge(Line *l, uint32_t rate, int64_t now_ms);
bool line_is_idle(const Line *l, uint32_t rate, int64_t now_ms);

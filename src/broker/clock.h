/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A wall clock that leapt is doubted for a while. */

#include "base/times.h"

typedef struct Broker Broker;

bool clock_is_doubted(const Broker *b, Now now); /* nothing expires by it */
void clock_second(Broker *b, Now now);
/* As if nothing but the stop was between. */
void clock_remember(Broker *b, int64_t wall_ms, Now now);

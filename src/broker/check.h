/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Signatures of what was published, checked before the store sees it. A curve operation takes as
 * long as all the rest of accepting a message, so a batch of checks can be carried out by another
 * thread while the broker goes on: it holds references on what it looks at and touches nothing
 * else. What is judged good or bad goes to the store either way, which answers it (a message that
 * is known is a duplicate, whatever came with it this time).
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct Checks Checks;

/* Carries out the batch. Any thread, one at a time. */
void checks_run(Checks *c);
uint32_t checks_count(const Checks *c);
/* With so many curve operations at most: 0, and only of trees that were seen. Returns true when
 * that was all. */
_must_check_ bool checks_run_some(Checks *c, uint32_t curve_max);

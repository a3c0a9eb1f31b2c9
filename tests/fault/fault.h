/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Allocations that fail on order. The programs that include this are linked with --wrap for
 * malloc() and its relatives, and hand SQLite and jansson the same functions, so the n-th
 * allocation of a piece of work, whoever asks for it, is the one that fails.
 */

#include <stdbool.h>

/* How the n-th allocation fails. */
typedef enum FaultMode {
    FAULT_ONCE = 0, /* that one alone: is the failure noticed at all? */
    FAULT_FROM,     /* that one and all behind it: does the way out need memory? */
} FaultMode;

/* Makes SQLite and jansson allocate here; before either is used. */
void fault_install(void);
/* The n-th allocation from now on fails (n from 1; 0 = none, only counted). */
void fault_arm(unsigned long n, FaultMode mode);
/* Allocations since fault_arm(). */
unsigned long fault_disarm(bool *ret_fired);
/* Whether what jansson asks for counts, too; at first it does not: its reader (2.14) writes past
 * the end of a string when its buffer could not grow, and no caller can help that. */
void fault_in_jansson(bool count);
/* While paused nothing is counted and nothing fails. */
void fault_pause(bool pause);
/* Allocations not freed yet. */
long fault_live(void);

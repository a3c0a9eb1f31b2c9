/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Refold: makes the items again from the acts on record, in a file of its own, and compares them,
 * their timers and their tally. What differs is named; with `write` the store takes them over. The
 * broker is stopped meanwhile. Memory is bounded whatever the number of acts.
 *
 * Supervisors and home agencies come from the directory as it is now: after a change of it a
 * custodian chosen by supervision may differ, and that is said like any other difference.
 */

#include <stdint.h>

#include "store/store.h"

typedef struct RefoldReport {
    uint64_t acts, items;
    uint64_t different; /* items that stand otherwise than they should, or are missing, or extra;
                           timers that do not belong to them; counts that are not theirs */
    uint64_t unread;    /* acts that cannot be read: what they did is not known */
    bool written;
} RefoldReport;

/* scratch: a path for the new file, which is removed at the end. tell: a line per difference, ids
 * and states only. Returns 0, or a negative errno with why. */
_must_check_ int store_refold(const StoreConfig *config, const char *scratch, bool write,
                              RefoldReport *ret, void (*tell)(void *data, const char *line),
                              void *data, char why[static 256]);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Salvage: everything that can still be read of a damaged store, written into a new one. The
 * damaged files are only read. Messages are what counts: each has its sum. A delivery that is lost
 * is made again from the route in its message (a recipient may get a copy twice, and knows it by
 * its id); an outcome that is lost comes again the same way. What is lost for good is named.
 */

#include <stdint.h>

#include "store/store.h"

typedef struct SalvageReport {
    uint64_t messages; /* copied and sound */
    uint64_t
        damaged;   /* copied, but not as accepted: they become dead letters when they are wanted */
    uint64_t lost; /* of which only deliveries are left: their senders may send them again */
    uint64_t restored; /* deliveries made again */
    uint32_t frames;   /* of the log that were left out */
    bool complete;     /* nothing was unreadable */
} SalvageReport;

/* tell: a line for the operator, with ids and no contents. Returns 0, or a negative errno with
 * why; nothing is left at `to` then. */
_must_check_ int store_salvage(const StoreConfig *config, const char *to, SalvageReport *ret,
                               void (*tell)(void *data, const char *line), void *data,
                               char why[static 256]);

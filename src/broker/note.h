/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the broker itself has to say to the ledger. */

#include "base/times.h"
#include "core/ledger.h"

typedef struct Broker Broker;

/* Calls of one key that lacked one right. */
typedef struct Denial {
    char node[NODE_NAME_SIZE], label[LABEL_SIZE], missing[LEDGER_NOTE_MAX + 1];
    int64_t n;               /* not in the ledger yet */
    int64_t written_mono_ms; /* 0 = never */
} Denial;

/* A call was denied for want of that right. An entry of the ledger and a line in the journal, or
 * counted for a later one when it is tried often. */
_must_check_ int broker_denied(Broker *b, Now now, const char *node, const char *label,
                               const char *missing);
_must_check_ int notes_second(Broker *b, Now now);
/* Before the broker stops: what was counted and not written. */
_must_check_ int notes_last(Broker *b, Now now);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whom to believe what became of a message elsewhere. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Store Store;
typedef struct StoredMessage StoredMessage;

/* May this neighbour say what became of the message at that node? */
bool hearsay_is_believed(Store *s, const StoredMessage *m, const char *node, const char *neighbour);
/* The same when all that is left of the message are its outcomes. */
bool hearsay_of_purged_is_believed(Store *s, int64_t seq, const char *node, const char *neighbour);

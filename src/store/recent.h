/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The last messages stored, as they were stored: most are settled soon after, and what has to be
 * said about them then needs no look into the file. Bounded; a message that is not here is read.
 */

#include <stdint.h>

typedef struct Store Store;
typedef struct StoredMessage StoredMessage;
typedef struct Recent Recent;

/* Takes the message over; *m is empty after it. */
void recent_keep(Store *s, StoredMessage *m);
/* NULL when it is not here. Good until the next call of a function of this module. */
const StoredMessage *recent_find(const Store *s, int64_t seq);
void recent_forget(Store *s, int64_t seq); /* the row changed or went */
void recent_drop(Store *s);                /* all: a transaction was rolled back */
Recent *recent_free(Recent *r);

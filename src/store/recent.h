/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The last messages stored, as they were stored: most are settled soon after, and what has to be
 * said about them then needs no look into the file. Bounded; a message that is not here is read.
 */

#include <stdint.h>

#include "base/uuid.h"

typedef struct Store Store;
typedef struct StoredMessage StoredMessage;
typedef struct Recent Recent;

/* Takes the message over, or leaves it when there is no room for it. */
void recent_keep(Store *s, StoredMessage *m);
/* NULL when it is not here. Good until the next search here, or until its row is changed. */
const StoredMessage *recent_find(Store *s, int64_t seq);
/* The same by the message's id. */
const StoredMessage *recent_find_id(Store *s, const Uuid *id);
/* As recent_find(), or else read into *ret; NULL as message_load() says false. */
const StoredMessage *recent_load(Store *s, int64_t seq, StoredMessage *ret);
void recent_forget(Store *s, int64_t seq); /* the row changed or went */
void recent_drop(Store *s);                /* all: a transaction was rolled back */
Recent *recent_free(Recent *r);

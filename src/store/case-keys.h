/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The messages of a case, by order key. An index of messages by hashes costs each of them a row of
 * its own on a page that others share with it in no order; here the keys (32 bits of each) of 4,096
 * numbers are one row of table message_case, written when the block is full. The block that is
 * being filled is in memory only: it is read from the messages again when the store opens, and so
 * is what has no row for another reason (salvage).
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Store Store;
typedef struct CaseKeys CaseKeys;

CaseKeys *case_keys_free(CaseKeys *k);
/* What is in memory may not be so: rolled back, or written past it. */
void case_keys_forget(Store *s);
/* A message that is just being stored. Numbers only grow. */
void case_keys_note(Store *s, int64_t seq, int64_t order_key);
/* The next message of that key from `from` on, or before it when going down, itself included; 0 =
 * none. It may be gone or have another key: the caller looks at its row. */
int64_t case_keys_next(Store *s, int64_t order_key, int64_t from, bool down);
/* The oldest message left is this one (0 = none): what is only of older ones goes. */
void case_keys_purge(Store *s, int64_t oldest);

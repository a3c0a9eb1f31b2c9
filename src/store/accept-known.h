/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A message that is known here and comes over a link once more: with the sealed part that the copy
 * here has not, for somebody it was not for (a redirected dead letter), or given back, because its
 * recipient moved or cannot be reached there. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

/* A copy without sealed part has another digest than the whole message: a broker may see both when
 * it supervises and is then sent a redirected dead letter. The whole one wins. */
bool known_is_other_form(Store *s, const Message *m, StoredMessage *stored);
/* Gives those their ways that need one, or answers LATER. */
void known_add_recipients(Store *s, StoreOp *op, StoredMessage *stored);
/* Its message is purged here, and was seq: is it for somebody it was not for? Those it was for are
 * not served again. */
bool known_is_for_others(Store *s, const StoreOp *op, int64_t seq);
/* Does all that was decided only come back? It had its room here, and a bound would hold up the way
 * on which room gets free: two brokers could stand still. stored: NULL = it is purged, and was seq.
 */
bool known_only_comes_back(Store *s, const StoredMessage *stored, int64_t seq);

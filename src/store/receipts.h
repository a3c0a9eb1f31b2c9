/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Outcomes of recipients, and the receipts that tell the sender. */

#include "store/store.h"

typedef struct StoredMessage StoredMessage;

/* What is to be said about one recipient of a message. */
typedef struct Saying {
    const char *recipient;
    RecipientRole role;
    ReceiptLevel level;
    ReceiptCause cause;
    uint32_t attempts;
    const char *detail; /* may be NULL */
} Saying;
/* Records a final level (the first one wins) and makes the receipt the sender wants. Returns true
 * when it was the first final one, or a level that is not final. */
bool receipt_say(Store *s, StoreOp *op, const StoredMessage *m, const Saying *say);
/* The receipt alone, wanted or not. */
void receipt_send(Store *s, StoreOp *op, const StoredMessage *m, const Saying *say);
/* Writes an outcome unless there is one. Returns true when it was written. */
bool outcome_insert(Store *s, int64_t seq, const OutcomeRow *o, uint32_t attempts,
                    const char *detail);
/* Of a purged message that this neighbour brings: has the recipient its end, or was it handed over,
 * and not to this neighbour (who gives it back when it has moved once more, move.h)? In the row of
 * who has no end the attempts are its moves. */
bool outcome_is_noted(Store *s, int64_t seq, const Recipient *r, const char *neighbour);
/* LEVEL_NONE when nothing final is known. */
ReceiptLevel outcome_level(Store *s, int64_t seq, const char *recipient);
/* A receipt from another broker passes: note it on the message it is about. Returns true when it
 * ends here: the sender, at home here, does not want to hear of it. */
bool receipt_note(Store *s, const Message *receipt, const char *neighbour);
/* Does the message get outcomes and receipts at all? */
bool receipt_applies(int kind);

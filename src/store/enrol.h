/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* New keys of nodes: requests for them (key-request.c), and the tokens with which new institutions
 * hand theirs in (enrol.c). Inside of the store. */

#include "core/enrolment.h"
#include "core/key-request.h"
#include "store/internal.h"

/* Judges, and applies it (here is the hub, or nothing is signed) or sends it to the hub. note: why,
 * for the change. The directory as it is afterwards, when it changed, is in *ret_directory. */
KeyVerdict key_request_carry_out(Store *s, StoreOp *op, const KeyRequest *r, const char *note,
                                 Directory **ret_directory);
/* Is the message that was judged just now one of that kind, and this broker who it is for? Then it
 * goes into no mailbox. */
bool key_request_ends_here(const Store *s, const StoreOp *op);
/* It was accepted, and this broker is who it is for: op->accept.wish says what came of it. */
void key_request_arrived(Store *s, StoreOp *op, const StoredMessage *m);
void run_key(Store *s, StoreOp *op);

/* --- key-answer.c --- */
/* To the broker that a request came from: it is refused. */
void key_answer_send(Store *s, StoreOp *op, const StoredMessage *m, KeyVerdict v);
/* Is the message that comes over a link that answer to a request of this broker's? Then it is noted
 * and ends here: op->accept.wish says what it says. */
bool key_answer_arrived(Store *s, StoreOp *op);
/* What became of a request that was passed on; for who asked. */
void query_key_asked(Store *s, StoreOp *op, Table *t);

void enrol_token(Store *s, StoreOp *op);
void enrol_hand_in(Store *s, StoreOp *op);
void enrol_decide(Store *s, StoreOp *op);
void query_enrolments(Store *s, StoreOp *op, Table *t);

/* What was refused, for the ledger. */
void key_note_denied(Store *s, const char *node, const char *peer, const char *what);

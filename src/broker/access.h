/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Access: what the key of a session may do, and for how long. */

#include "broker/broker.h"
#include "core/access.h"

typedef struct Session Session;

/* Node and rights of an authenticated peer. False: not known (any more). */
bool session_authorise(const Broker *b, const char *user_id, BrokerPort port, Now now,
                       Session *ret);
/* A session was opened with that key: when it begins and ends is looked at. */
void session_note_validity(Broker *b, const Session *s);
_must_check_ int sessions_recheck(Broker *b, Now now); /* after a change of the directory */
_must_check_ int sessions_expire(Broker *b, Now now);  /* by the clock; cheap */
bool session_allows(const Session *s, const RightUse *use);
/* Puts the key of the session under an operation, for the store to judge; none for operators of
 * this machine. */
void session_sign(const Session *s, char ret[static CURVE_TEXT_SIZE]);
/* The line in the journal that goes with an entry of the ledger. */
void access_tell(Broker *b, const char *node, const char *label, const char *missing, int64_t n);
/* A key that is known and not valid said HELLO. */
_must_check_ int key_denied(Broker *b, Now now, const char *user_id);
/* A call was refused for want of that right: ERROR to the peer, and broker_denied(). */
_must_check_ int session_denied(Broker *b, Now now, Session *s, uint32_t channel,
                                const char *missing);

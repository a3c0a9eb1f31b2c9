/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries about keys, and how a new institution hands in its first. */

#include "broker/broker.h"
#include "core/frame.h"
#include "core/table.h"

typedef struct Session Session;

bool enrol_authorise(const Broker *b, const char *curve, Now now, Session *ret);
_must_check_ int enrol_frame(Broker *b, Now now, Session *s, const Frame *f); /* of a token */
_must_check_ int key_ask(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int key_list(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int enrol_token_verb(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int enrol_decide_verb(Broker *b, Now now, Session *s, const Frame *f);
_must_check_ int key_done(Broker *b, Now now, StoreOp *op, Table *t); /* OP_KEY */
void key_wish_told(Broker *b, const StoreOp *op); /* of a KEY_REQUEST that ends here */

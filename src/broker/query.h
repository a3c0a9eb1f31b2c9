/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* QUERY: operator verbs, and for every node what concerns it. */

#include "broker/broker.h"
#include "core/frame.h"
#include "core/table.h"

typedef struct Session Session;

_must_check_ int query_frame(Broker *b, Now now, Session *s, Frame *f);
_must_check_ int query_done(Broker *b, Now now, StoreOp *op);
void query_answer(Broker *b, Session *s, uint32_t query, Table *t);

/* An operation whose result is answered to this query. */
StoreOp *query_op(OpKind kind, const Session *s, const Frame *f);
/* An answer of words alone. */
_must_check_ int query_say(Broker *b, Session *s, const Frame *f, uint32_t code, const char *text);

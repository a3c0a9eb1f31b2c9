/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Turns: what sessions ask of the store, from fair lists of their nodes. */

#include "base/times.h"
#include "store/store.h"

typedef struct Broker Broker;
typedef struct Session Session;

/* What a session asks of the store: it goes on in a turn of its node. */
void turns_push(Broker *b, Now now, Session *s, StoreOp *op);
/* The same behind what the session asked for before; false when that went on already. */
bool turns_hold_behind(Broker *b, uint64_t session_id, StoreOp *op);
void turns_left_the_way(Broker *b, StoreOp *op);
void turns_pump(Broker *b, Now now);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inner side of check.h: messages wait here, between publish.c or a link and the store, until
 * their signatures are checked. */

#include "broker/batch.h"
#include "broker/check.h"

typedef struct Broker Broker;

/* Messages whose signatures are not checked, and what came behind them. */
typedef struct CheckQueue {
    OpList ops, urgent;
    Checks *batch;
} CheckQueue;

_must_check_ int check_init(Broker *b);
void check_deinit(Broker *b);
/* A message that came in, from a publisher or a link: to the store when its signature is checked.
 */
void check_push(Broker *b, Now now, StoreOp *op);
/* The first of several came: its signature may be checked while the others are read. */
void check_early(Broker *b, Now now);
/* What a session asked for, behind its messages. */
void check_push_behind(Broker *b, uint64_t session_id, StoreOp *op);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sweep: what waits and expired, is late, or was recalled. */

#include "base/times.h"
#include "store/store.h"

typedef struct Broker Broker;

_must_check_ int sweep_tick(Broker *b, Now now);
_must_check_ int sweep_done(Broker *b, Now now, StoreOp *op);
/* A row was marked as recalled: withdraw it unless it is out. */
_must_check_ int sweep_recall(Broker *b, const DeliveryRow *row, QueueKind kind);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Due: timers whose time has come. */

#include "store/store.h"

typedef struct Broker Broker;

_must_check_ int due_second(Broker *b);
_must_check_ int due_done(Broker *b, StoreOp *op);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What comes with the result of an operation. */

#include "store/store.h"

void op_results_reset(StoreOp *op);
/* NULL after a fault. The pointer is good until the next call. */
Deposit *op_add_deposit(Store *s, StoreOp *op, const DeliveryRow *row, Body *body, bool lifted);
void op_add_recalled(Store *s, StoreOp *op, const DeliveryRow *row);

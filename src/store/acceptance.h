/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Proofs of acceptance, made within the transaction. */

#include "store/store.h"

typedef struct Acceptances Acceptances;

/* The result of OP_ACCEPT is settled: its proof, if wanted, is made before the transaction ends. */
void acceptance_add(Store *s, StoreOp *op);
void acceptances_flush(Store *s);
void acceptances_drop(Store *s); /* rolled back */

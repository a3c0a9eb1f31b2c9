/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two books of ends that a store has, its ledger and its outcomes, next to each other. */

#include <stdint.h>

#include "store/store.h"

/* tell: a line for each thing that does not hold. Returns how many entries the ledger has. */
unsigned ledgers_compare(Store *s, void (*tell)(void *data, const char *line), void *data);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a ledger says of messages and their ends, against what the store beside it says: whoever
 * writes another outcome into the store, or takes a message out of it, with all checksums and
 * counts made anew, leaves the chain whole. Both are written in one transaction, so nothing may
 * differ. One pass; in memory is what has no end yet, so it is for files and not for a broker at
 * work.
 *
 * What is not seen: that of a message all was taken out, its id too, when the ledger says that it
 * ended, for ids are forgotten in time.
 */

#include "core/ledger-audit.h"

typedef struct Store Store;
typedef struct LedgerCompare LedgerCompare;

/* NULL when out of memory, and after a fault of the store. */
LedgerCompare *ledger_compare_new(Store *s);
/* The next block of the chain, after ledger_audit_block(). Findings go to a. */
void ledger_compare_block(LedgerCompare *c, const LedgerBlock *b, LedgerAudit *a);
/* After the last one. */
void ledger_compare_end(LedgerCompare *c, LedgerAudit *a);
void ledger_compare_freep(LedgerCompare **c);

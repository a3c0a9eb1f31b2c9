/* SPDX-License-Identifier: Apache-2.0 */
/* Bench only, never part of a program that is installed: a store that records nothing in a ledger.
 * What the ledger costs is the difference. */
#include "store/ledger.h"

#include "store/internal.h"

void ledger_load(Store *s) {
    ledger_base(s, &s->ledger->head);
}

void ledger_base(Store *s, LedgerHead *ret) {
    ledger_head_init(ret, s->self);
}

int64_t ledger_filling(Store *s) {
    (void)s;
    return 0;
}

void ledger_remember(Store *s) {
    (void)s;
}

void ledger_flush(Store *s) {
    (void)s;
}

void ledger_note(Store *s, const LedgerEntry *e) {
    (void)s;
    (void)e;
}

void ledger_note_message(Store *s, LedgerKind kind, const Uuid *id, const char *node,
                         const char *peer, int64_t code) {
    (void)s;
    (void)kind;
    (void)id;
    (void)node;
    (void)peer;
    (void)code;
}

void ledger_committed(Store *s) {
    (void)s;
}

void ledger_rolled_back(Store *s) {
    (void)s;
}

void run_note(Store *s, StoreOp *op) {
    (void)s;
    (void)op;
}

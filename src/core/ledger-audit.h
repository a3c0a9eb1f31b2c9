/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Audit of a ledger: its blocks come one after the other, and what does not hold is told with the
 * block and the entry where it breaks. The chain finds what was changed in the middle; what others
 * know finds what was rewritten as a whole or cut off the end: heads they countersigned, the number
 * of the last block kept elsewhere in the store, messages that must have an entry. Pure.
 */

#include "base/cleanup.h"
#include "core/ledger-chain.h"

#define AUDIT_FINDINGS_MAX 100U
#define AUDIT_MESSAGES_MAX 256U

typedef struct LedgerFinding {
    int64_t block, entry; /* 0 = of none */
    bool remark;          /* nothing is wrong, but it should be known */
    char text[256];
} LedgerFinding;

/* A countersignature with what is needed to judge it. */
typedef struct LedgerProof {
    LedgerWitness witness;
    bool key_known; /* the directory has the key */
    SignPublic public;
} LedgerProof;

typedef struct LedgerAudit {
    char broker[NODE_NAME_SIZE];
    LedgerHead base, head;
    LedgerProof *proofs; /* borrowed, in order of blocks */
    uint32_t n_proofs, at_proof, n_held;
    /* Of the newest messages in the store: each must have been accepted. */
    uint32_t n_messages;
    Uuid messages[AUDIT_MESSAGES_MAX];
    int64_t countersigned; /* last block that the ledger itself says was */
    int64_t proven;        /* last block with a countersignature that holds */
    char proven_by[NODE_NAME_SIZE];
    int64_t last_ms;
    bool pruned_said; /* the ledger itself says where it was pruned */
    uint32_t n_found, n_wrong;
    LedgerFinding found[AUDIT_FINDINGS_MAX];
    LedgerReader reader;
} LedgerAudit;

/* base: where the ledger begins. Messages and proofs are set by the caller afterwards. */
void ledger_audit_init(LedgerAudit *a, const char *broker, const LedgerHead *base);
/* The next block in the order in which they are kept. */
void ledger_audit_block(LedgerAudit *a, const LedgerBlock *b);
/* A finding; those who compare the ledger with other things have some, too. */
_printf_(5, 6) void ledger_audit_tell(LedgerAudit *a, int64_t block, int64_t entry, bool remark,
                                      const char *format, ...);
/* After the last one; written: the last block the store remembers to have written. */
void ledger_audit_end(LedgerAudit *a, int64_t written);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The chain of the ledger: entries are kept in blocks, one for each transaction, and each block has
 * a hash over its own contents and the hash of the block before it (linear linking: Haber and
 * Stornetta, "How to time-stamp a digital document", 1991). Whoever knows one hash can tell whether
 * anything before it was changed. That nothing was, and nothing taken off the end, is only as good
 * as the last hash somebody else knows: the head is countersigned by another broker.
 *
 * hash = BLAKE2b-256("serasi v1 ledger", previous hash, number, at, first, n, length of the body
 * (8 bytes each, highest first), body); before block 1: BLAKE2b-256("serasi v1 ledger of ", id of
 * the broker).
 */

#include "base/crypto-sign.h"
#include "core/ledger.h"

#define SIGN_LABEL_LEDGER "serasi v1 ledger head"

typedef struct LedgerBlock {
    int64_t number; /* from 1 */
    int64_t at_ms;
    int64_t first; /* number of its first entry, from 1 */
    int64_t n;     /* entries */
    Bytes body;    /* borrowed */
    uint8_t hash[DIGEST_SIZE];
} LedgerBlock;

/* A number or a time of a ledger as a file or an answer says it: what no ledger gets to is 0, so
 * that it can be reckoned with; the hash over it does not hold then. */
#define LEDGER_NUMBER_MAX (INT64_C(1) << 53)
int64_t ledger_number(int64_t n);

/* Where a ledger ends: what the next block goes on from. */
typedef struct LedgerHead {
    int64_t block, entries;
    uint8_t hash[DIGEST_SIZE];
} LedgerHead;

/* Of an empty ledger. */
void ledger_head_init(LedgerHead *h, const char *broker);
/* The hash the block has to have behind this head. */
void ledger_block_hash(const LedgerHead *before, const LedgerBlock *b,
                       uint8_t ret[static DIGEST_SIZE]);

typedef enum LedgerFault {
    LEDGER_WHOLE = 0,
    LEDGER_GAP,     /* another number than the one that comes next */
    LEDGER_COUNT,   /* its entries do not follow those before */
    LEDGER_CHANGED, /* it does not have the hash it says, or does not go on from the one before */
    LEDGER_GARBLED, /* the hash holds, but it was never written so; ret_entry is where it breaks */
} LedgerFault;

/* Is this the next block? Then the head moves on to it. *ret_entry: number of the first entry that
 * is in doubt. r is scratch. */
LedgerFault ledger_check(LedgerHead *h, const LedgerBlock *b, LedgerReader *r, int64_t *ret_entry);
const char *ledger_fault_text(LedgerFault fault);

/* Somebody else's word that the ledger of a broker had this hash at this block. */
typedef struct LedgerWitness {
    int64_t block;
    uint8_t hash[DIGEST_SIZE];
    int64_t at_ms; /* when it was given */
    char node[NODE_NAME_SIZE];
    KeyId key;
    uint8_t signature[SIGNATURE_SIZE];
} LedgerWitness;

/* The content is BLAKE2b-256(length of the id (8 bytes), id of the broker, block, at (8 bytes each,
 * highest first), hash). */
void ledger_witness_sign(const SignKey *k, const char *broker, LedgerWitness *w);
bool ledger_witness_holds(const SignPublic *public, const char *broker, const LedgerWitness *w);

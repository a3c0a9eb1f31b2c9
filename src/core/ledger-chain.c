/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ledger-chain.h"

#include <string.h>

static const char label_block[] = "serasi v1 ledger", label_start[] = "serasi v1 ledger of ";

int64_t ledger_number(int64_t n) {
    return n >= 0 && n <= LEDGER_NUMBER_MAX ? n : 0;
}

static void put_number(uint8_t ret[static 8], int64_t v) {
    for (unsigned i = 0; i < 8; i++)
        ret[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
}

static Bytes text_bytes(const char *text) {
    return bytes_make(text, strlen(text));
}

void ledger_head_init(LedgerHead *h, const char *broker) {
    *h = (LedgerHead) { 0 };
    hash_digest_parts((const Bytes[]) { text_bytes(label_start), text_bytes(broker) }, 2, h->hash);
}

void ledger_block_hash(const LedgerHead *before, const LedgerBlock *b,
                       uint8_t ret[static DIGEST_SIZE]) {
    const int64_t numbers[] = { b->number, b->at_ms, b->first, b->n, (int64_t)b->body.n };
    uint8_t packed[sizeof(numbers)];
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        put_number(packed + 8 * i, numbers[i]);
    hash_digest_parts((const Bytes[]) { text_bytes(label_block),
                                        bytes_make(before->hash, DIGEST_SIZE),
                                        bytes_make(packed, sizeof(packed)), b->body },
                      4, ret);
}

/* The number of entries is what the body says, too. */
static bool reads(const LedgerBlock *b, LedgerReader *r, int64_t *ret_entry) {
    LedgerEntry e;
    int64_t n = 0;
    ledger_reader_init(r, b->body);
    while (n <= b->n && ledger_next(r, &e))
        n++;
    *ret_entry = b->first + n;
    return n == b->n && ledger_reader_end(r);
}

LedgerFault ledger_check(LedgerHead *h, const LedgerBlock *b, LedgerReader *r, int64_t *ret_entry) {
    uint8_t hash[DIGEST_SIZE];
    *ret_entry = h->entries + 1;
    if (b->number != h->block + 1)
        return LEDGER_GAP;
    if (b->first != h->entries + 1 || b->n <= 0)
        return LEDGER_COUNT;
    ledger_block_hash(h, b, hash);
    if (memcmp(hash, b->hash, DIGEST_SIZE) != 0)
        return LEDGER_CHANGED;
    if (!reads(b, r, ret_entry))
        return LEDGER_GARBLED;
    h->block = b->number;
    h->entries += b->n;
    memcpy(h->hash, hash, DIGEST_SIZE);
    return LEDGER_WHOLE;
}

const char *ledger_fault_text(LedgerFault fault) {
    switch (fault) {
    case LEDGER_WHOLE:
        return "whole";
    case LEDGER_GAP:
        return "blocks before it are missing, or it was put in";
    case LEDGER_COUNT:
        return "its entries do not follow those before it";
    case LEDGER_CHANGED:
        return "it or the block before it was changed";
    case LEDGER_GARBLED:
        return "its bytes cannot be read as entries";
    }
    return "";
}

static void witness_content(const char *broker, const LedgerWitness *w,
                            uint8_t ret[static DIGEST_SIZE]) {
    uint8_t length[8], block[8], at[8];
    put_number(length, (int64_t)strlen(broker));
    put_number(block, w->block);
    put_number(at, w->at_ms);
    hash_digest_parts((const Bytes[]) { bytes_make(length, 8), text_bytes(broker),
                                        bytes_make(block, 8), bytes_make(at, 8),
                                        bytes_make(w->hash, DIGEST_SIZE) },
                      5, ret);
}

void ledger_witness_sign(const SignKey *k, const char *broker, LedgerWitness *w) {
    uint8_t content[DIGEST_SIZE];
    witness_content(broker, w, content);
    w->key = key_id(k->public.b);
    sign_content(k, SIGN_LABEL_LEDGER, bytes_make(content, DIGEST_SIZE), w->signature);
}

bool ledger_witness_holds(const SignPublic *public, const char *broker, const LedgerWitness *w) {
    uint8_t content[DIGEST_SIZE];
    witness_content(broker, w, content);
    return sign_holds(public, SIGN_LABEL_LEDGER, bytes_make(content, DIGEST_SIZE), w->signature);
}

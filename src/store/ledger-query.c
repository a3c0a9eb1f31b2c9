/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that read the ledger of a running broker: in portions, for whoever asks to judge. */
#include <stdlib.h>

#include "base/base64.h"
#include "store/internal.h"
#include "store/ledger.h"

#define BLOCKS_BYTES (80U * 1024U) /* of bodies in one answer: with base64 it fits */
#define BLOCKS_ROWS  1500U

void table_bytes(Table *t, const void *p, size_t n) {
    _cleanup_(freep) char *text = base64_encode(bytes_make(p, n));
    t->failed = t->failed || !text;
    if (text)
        table_text(t, text);
}

static int64_t number_arg(const StoreOp *op, uint32_t i, int64_t none) {
    return i < op->query.n_args ? strtoll(op->query.args[i], NULL, 10) : none;
}

void query_ledger_info(Store *s, StoreOp *op, Table *t) {
    (void)op;
    LedgerHead base;
    const LedgerHead *head = &s->ledger->head;
    table_column(t, "broker", COLUMN_TEXT);
    table_column(t, "base_block", COLUMN_NUMBER);
    table_column(t, "base_entries", COLUMN_NUMBER);
    table_column(t, "base_hash", COLUMN_TEXT);
    table_column(t, "block", COLUMN_NUMBER);
    table_column(t, "entries", COLUMN_NUMBER);
    table_column(t, "hash", COLUMN_TEXT);
    table_column(t, "written", COLUMN_NUMBER);
    ledger_base(s, &base);
    table_text(t, s->self);
    table_number(t, base.block);
    table_number(t, base.entries);
    table_bytes(t, base.hash, DIGEST_SIZE);
    table_number(t, head->block);
    table_number(t, head->entries);
    table_bytes(t, head->hash, DIGEST_SIZE);
    table_number(t, ledger_written(s));
}

void query_ledger_blocks(Store *s, StoreOp *op, Table *t) {
    _cleanup_(buf_deinit) Buf hold = { 0 };
    LedgerHead base;
    LedgerBlock b;
    size_t bytes = 0;
    uint32_t n = 0;
    ledger_base(s, &base);
    int64_t at = MAX(number_arg(op, 0, 0), base.block);
    const uint32_t limit = op->query.limit > 0 ? MIN(op->query.limit, BLOCKS_ROWS) : BLOCKS_ROWS;
    table_column(t, "block", COLUMN_NUMBER);
    table_column(t, "at", COLUMN_NUMBER);
    table_column(t, "first", COLUMN_NUMBER);
    table_column(t, "n", COLUMN_NUMBER);
    table_column(t, "hash", COLUMN_TEXT);
    table_column(t, "body", COLUMN_TEXT);
    for (; ledger_read(s, at, &hold, &b); at = b.number) {
        bytes += b.body.n + 2 * DIGEST_SIZE;
        if (n++ == limit || (n > 1 && bytes > BLOCKS_BYTES)) {
            t->more = true;
            return;
        }
        table_number(t, b.number);
        table_number(t, b.at_ms);
        table_number(t, b.first);
        table_number(t, b.n);
        table_bytes(t, b.hash, DIGEST_SIZE);
        table_bytes(t, b.body.p, b.body.n);
    }
}

/* public: with the key as the directory has it, "" = it has none such. */
void query_ledger_proofs(Store *s, StoreOp *op, Table *t) {
    uint32_t n = 0;
    const int64_t after = number_arg(op, 0, 0);
    _cleanup_(freep) LedgerProof *proofs = ledger_proofs(s, &n);
    table_column(t, "block", COLUMN_NUMBER);
    table_column(t, "hash", COLUMN_TEXT);
    table_column(t, "at", COLUMN_NUMBER);
    table_column(t, "node", COLUMN_TEXT);
    table_column(t, "key", COLUMN_TEXT);
    table_column(t, "signature", COLUMN_TEXT);
    table_column(t, "public", COLUMN_TEXT);
    uint32_t rows = 0;
    for (uint32_t i = 0; proofs && i < n; i++) {
        const LedgerWitness *w = &proofs[i].witness;
        if (w->block <= after)
            continue;
        /* Those of one block are never parted. */
        if (rows++ >= BLOCKS_ROWS / 4 && w->block != proofs[i - 1].witness.block) {
            t->more = true;
            return;
        }
        table_number(t, w->block);
        table_bytes(t, w->hash, DIGEST_SIZE);
        table_number(t, w->at_ms);
        table_text(t, w->node);
        table_bytes(t, w->key.b, KEY_ID_SIZE);
        table_bytes(t, w->signature, SIGNATURE_SIZE);
        table_bytes(t, proofs[i].public.b, proofs[i].key_known ? PUBLIC_KEY_SIZE : 0);
    }
}

void query_ledger_newest(Store *s, StoreOp *op, Table *t) {
    (void)op;
    Uuid list[AUDIT_MESSAGES_MAX];
    const uint32_t n = ledger_newest(s, list);
    table_column(t, "message_id", COLUMN_TEXT);
    for (uint32_t i = 0; i < n; i++)
        table_uuid(t, &list[i]);
}

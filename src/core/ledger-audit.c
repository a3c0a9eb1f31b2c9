/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ledger-audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void ledger_audit_tell(LedgerAudit *a, int64_t block, int64_t entry, bool remark,
                       const char *format, ...) {
    a->n_wrong += !remark;
    if (a->n_found == AUDIT_FINDINGS_MAX)
        return;
    LedgerFinding *f = &a->found[a->n_found++];
    *f = (LedgerFinding) { .block = block, .entry = entry, .remark = remark };
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
    text_make_one_line(f->text); /* it quotes the file */
}

void ledger_audit_init(LedgerAudit *a, const char *broker, const LedgerHead *base) {
    *a = (LedgerAudit) { .base = *base, .head = *base };
    (void)text_copy(a->broker, sizeof(a->broker), broker);
}

/* --- countersignatures ------------------------------------------------------------------------ */

static void check_proof(LedgerAudit *a, const LedgerProof *p, const uint8_t *hash) {
    const LedgerWitness *w = &p->witness;
    if (!p->key_known)
        ledger_audit_tell(a, w->block, 0, true,
                          "the key of %.64s that countersigned it is not in the directory",
                          w->node);
    else if (strcmp(w->node, a->broker) == 0) /* whoever rewrites it has that key beside it */
        ledger_audit_tell(a, w->block, 0, false,
                          "%.64s countersigned its own ledger, which proves nothing", w->node);
    else if (!ledger_witness_holds(&p->public, a->broker, w))
        ledger_audit_tell(a, w->block, 0, false, "the countersignature by %.64s does not hold",
                          w->node);
    else if (memcmp(hash, w->hash, DIGEST_SIZE) != 0)
        ledger_audit_tell(
            a, w->block, 0, false,
            "%.64s countersigned another hash for it: this block or one before was rewritten",
            w->node);
    else {
        a->proven = w->block;
        (void)text_copy(a->proven_by, sizeof(a->proven_by), w->node);
        a->n_held++;
    }
}

static void check_proofs(LedgerAudit *a, int64_t block, const uint8_t *hash) {
    for (; a->at_proof < a->n_proofs && a->proofs[a->at_proof].witness.block <= block;
         a->at_proof++) {
        const LedgerProof *p = &a->proofs[a->at_proof];
        if (p->witness.block == block)
            check_proof(a, p, hash);
        else if (p->witness.block > a->base.block)
            ledger_audit_tell(a, p->witness.block, 0, false,
                              "%.64s countersigned it, and it is missing", p->witness.node);
    }
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void accepted(LedgerAudit *a, const Uuid *id) {
    for (uint32_t i = 0; i < a->n_messages; i++)
        if (uuid_equal(&a->messages[i], id)) {
            a->messages[i] = a->messages[--a->n_messages];
            return;
        }
}

static void look_into(LedgerAudit *a, const LedgerBlock *b) {
    LedgerEntry e;
    ledger_reader_init(&a->reader, b->body);
    while (ledger_next(&a->reader, &e)) {
        if (e.kind == LEDGER_ACCEPTED)
            accepted(a, &e.message_id);
        else if (e.kind == LEDGER_COUNTERSIGNED)
            a->countersigned = MAX(a->countersigned, e.code);
        else if (e.kind == LEDGER_PRUNED && e.code == a->base.block + 1 &&
                 memcmp(e.digest, a->base.hash, DIGEST_SIZE) == 0)
            a->pruned_said = true;
    }
}

void ledger_audit_block(LedgerAudit *a, const LedgerBlock *b) {
    int64_t entry = 0;
    if (a->head.block == a->base.block)
        check_proofs(a, a->base.block, a->base.hash);
    const int64_t expected = a->head.block + 1;
    const LedgerFault fault = ledger_check(&a->head, b, &a->reader, &entry);
    if (fault == LEDGER_GAP)
        ledger_audit_tell(a, b->number, b->first, false,
                          "block %lld was expected here, from entry %lld on: %s",
                          (long long)expected, (long long)entry, ledger_fault_text(fault));
    else if (fault != LEDGER_WHOLE)
        ledger_audit_tell(a, b->number, entry, false, "%s", ledger_fault_text(fault));
    if (fault != LEDGER_WHOLE) { /* what follows is judged by itself */
        a->head.block = b->number;
        a->head.entries = b->first + b->n - 1;
        memcpy(a->head.hash, b->hash, DIGEST_SIZE);
    }
    if (b->at_ms < a->last_ms - DAY_MS)
        ledger_audit_tell(a, b->number, b->first, true,
                          "the clock was set back by more than a day");
    a->last_ms = b->at_ms;
    check_proofs(a, b->number, b->hash);
    look_into(a, b);
}

void ledger_audit_end(LedgerAudit *a, int64_t written) {
    if (a->head.block == a->base.block)
        check_proofs(a, a->base.block, a->base.hash);
    for (; a->at_proof < a->n_proofs; a->at_proof++)
        ledger_audit_tell(
            a, a->head.block, a->head.entries, false,
            "the end was cut off: %.64s countersigned block %lld, here ends the ledger",
            a->proofs[a->at_proof].witness.node, (long long)a->proofs[a->at_proof].witness.block);
    if (written != a->head.block)
        ledger_audit_tell(
            a, a->head.block, a->head.entries, false,
            "the end was cut off, or put on: the store wrote block %lld last, here ends the "
            "ledger",
            (long long)written);
    if (a->n_messages > 0) {
        char id[UUID_TEXT_SIZE];
        uuid_format(&a->messages[0], id);
        ledger_audit_tell(a, a->head.block, a->head.entries, false,
                          "%u messages in the store are not in the ledger, the first of them %s",
                          (unsigned)a->n_messages, id);
    }
    if (a->countersigned > a->proven)
        ledger_audit_tell(
            a, a->countersigned, 0, false,
            "the ledger says that it was countersigned, and no countersignature holds");
    if (a->base.block > 0 && !a->pruned_said)
        ledger_audit_tell(a, a->base.block, 0, false,
                          "blocks up to it were taken off, and the ledger does not "
                          "say so");
    if (a->n_proofs == 0)
        ledger_audit_tell(a, 0, 0, true,
                          "never countersigned: a ledger rewritten as a whole would look the "
                          "same");
}

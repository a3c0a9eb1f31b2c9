/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The ledger as serasictl reads it: block by block from a file, from the store of a stopped broker,
 * or from a running one in portions. What is read is the same; who judges it is always serasictl.
 */

#include "core/ledger-audit.h"
#include "daemon/ctl.h"

typedef struct LedgerSource {
    Ctl *c;
    struct Store *file; /* NULL: a running broker */
    char broker[NODE_NAME_SIZE];
    LedgerHead base, head; /* head: as the broker says; of a file not known */
    int64_t written, at;   /* at: the last block taken */
    json_t *rows;          /* a portion, and how much of it was taken */
    size_t taken;
    bool more;
    Buf hold;
    uint8_t *body;
    /* What else an audit needs. Asked for first: what comes later belongs to later blocks. */
    LedgerProof *proofs;
    uint32_t n_proofs, n_messages;
    Uuid messages[AUDIT_MESSAGES_MAX];
} LedgerSource;

/* file: NULL = of the folder, running or not. A CtlStatus. */
_must_check_ int ctl_ledger_open(Ctl *c, const char *file, LedgerSource *ret);
void ctl_ledger_close(LedgerSource *s);
/* CTL_DONE with *ret_more false at the end. The body is good until the next call. */
_must_check_ int ctl_ledger_next(LedgerSource *s, LedgerBlock *ret, bool *ret_more);
/* Bytes out of base64, and of a size that is known. */
bool ctl_take_bytes(const json_t *row, const char *key, void *ret, size_t n);
int64_t ctl_take_number(const json_t *row, const char *key);
const char *ctl_take_text(const json_t *row, const char *key); /* never NULL */

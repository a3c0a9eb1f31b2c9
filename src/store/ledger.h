/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The ledger in the store: entries noted while a batch is carried out are written in the batch's
 * own transaction, packed as one row, chained to the row before (core/ledger-chain.h). Rows are
 * only ever added; old ones are pruned up to a block that another broker has countersigned.
 *
 * That the last blocks were cut off is told by what stands elsewhere: each message names the block
 * that was being filled when it was written, and costs no page of its own for it. What the newest
 * message does not know of, blocks without a message, is in table meta: the last block, and how far
 * the messages were then.
 */

#include <sqlite3.h>

#include "core/ledger-audit.h"
#include "store/store.h"

#define LEDGER_BODY_MAX 65536U /* bytes of a block: a transaction with more makes several */

typedef struct LedgerWriter {
    LedgerHead head;      /* with what this transaction wrote so far */
    LedgerHead committed; /* without */
    int64_t named;        /* the last block a message was told of; 0: none, or it did not come */
    LedgerPacker packer;  /* what waits to be written */
    uint8_t body[LEDGER_BODY_MAX];
} LedgerWriter;

/* --- inside of a transaction: errors stick to the store, as everywhere in it --- */

/* In the order in which it happened. */
void ledger_note(Store *s, const LedgerEntry *e);
/* The commonest: of a message and a node. peer may be NULL. */
void ledger_note_message(Store *s, LedgerKind kind, const Uuid *id, const char *node,
                         const char *peer, int64_t code);

/* --- run.c and store.c --- */

void ledger_load(Store *s);
/* Where the chain that is kept begins: its start, or the last block pruned. */
void ledger_base(Store *s, LedgerHead *ret);
/* Before COMMIT: what was noted becomes a row. */
void ledger_flush(Store *s);
void ledger_committed(Store *s);
void ledger_rolled_back(Store *s);
void run_note(Store *s, StoreOp *op);
/* For a message that is being written. */
int64_t ledger_filling(Store *s);
/* The newest messages are about to go, or say nothing of the last block. */
void ledger_remember(Store *s);

/* --- reading, ledger-read.c --- */

/* The first block behind that one, its body in hold. False at the end and after a fault. */
bool ledger_read(Store *s, int64_t after, Buf *hold, LedgerBlock *ret);
/* What was accepted, by its id and with its digest, since the message of that number was written or
 * the one before it; receipts are not among them. Stops at what is damaged. */
void ledger_accepted_since(Store *s, int64_t seq, void (*call)(void *data, const LedgerEntry *e),
                           void *data);
/* A signing key of that node in the directory, valid or not any more. */
bool ledger_key_find(Store *s, const char *node, const KeyId *id, SignPublic *ret);
/* All countersignatures; the caller's to free. NULL with a fault. */
LedgerProof *ledger_proofs(Store *s, uint32_t *ret_n);
/* The last block there ever was, whatever the table says. */
int64_t ledger_written(Store *s);
uint32_t ledger_newest(Store *s, Uuid ret[static AUDIT_MESSAGES_MAX]);

/* --- verbs: ledger-query.c, ledger-witness.c, ledger-prune.c --- */
void table_bytes(Table *t, const void *p, size_t n); /* a cell in base64 */
void query_ledger_info(Store *s, StoreOp *op, Table *t);
void query_ledger_blocks(Store *s, StoreOp *op, Table *t);
void query_ledger_proofs(Store *s, StoreOp *op, Table *t);
void query_ledger_newest(Store *s, StoreOp *op, Table *t);
void query_ledger_head(Store *s, StoreOp *op, Table *t);
void query_ledger_witness(Store *s, StoreOp *op, Table *t);
void query_ledger_countersigned(Store *s, StoreOp *op, Table *t);
void query_ledger_forget(Store *s, StoreOp *op, Table *t);
void query_ledger_prune(Store *s, StoreOp *op, Table *t);

/* --- ledger-prune.c --- */
/* In a transaction of housekeeping: by the retention. Returns whether there is more to do. */
bool ledger_purge(Store *s);

/* --- for those outside --- */
/* Reads a whole ledger through; the findings are in *a. 0 or the fault. */
_must_check_ int store_audit(Store *s, LedgerAudit *a,
                             void (*progress)(void *data, int64_t entries), void *data);
/* Of a file that no broker has open, or a backup: reads only, and only the functions of this
 * header. 0, or a negative errno with why. */
_must_check_ int store_open_ledger(Store **ret, const char *path, char why[static 256]);
const char *ledger_owner(const Store *s); /* id of the broker */
int ledger_fault(const Store *s);         /* of the reading so far: 0 or -errno */

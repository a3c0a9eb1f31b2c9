/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The head of the directory that the hub signs: version, time, and the root of the tree
 * (base/crypto-tree.h) over all records in order of their names. Whoever trusts the hub's key can
 * check with it that a record is in force without having the other records.
 */

#include "base/bytes.h"
#include "base/crypto-sign.h"
#include "base/crypto-tree.h"

#define SIGN_LABEL_DIRECTORY "serasi v1 directory"
/* Of an inclusion proof: far more records than there can ever be. */
#define DIRECTORY_PATH_MAX 32U
#define KEY_PROOFS_MAX     512U

typedef struct DirHead {
    uint64_t version;
    int64_t at_ms; /* when the hub signed it */
    uint64_t size; /* records */
    TreeHash root;
    KeyId key; /* which of the hub's keys */
    uint8_t signature[SIGNATURE_SIZE];
} DirHead;

/* Fills key and signature in. */
void directory_head_sign(DirHead *h, const SignKey *hub);
/* Is it signed with that key? Any input is fine. */
bool directory_head_holds(const DirHead *h, const SignPublic *hub);

/* A record as the hub encoded it, and its place in the tree of a head. */
typedef struct RecordProof {
    Bytes record; /* borrowed */
    uint64_t index;
    uint32_t n_path;
    TreeHash path[DIRECTORY_PATH_MAX]; /* lowest first */
} RecordProof;

/* Is the record in the tree of that head? */
bool record_proof_holds(const RecordProof *p, const DirHead *head);

/* What directory-keys answers. */
typedef struct KeyProofs {
    bool has_head; /* false: the directory is not signed, nothing is proven */
    DirHead head;
    uint32_t n;
    RecordProof *proofs; /* owned; their records borrow from `bytes` when it was decoded */
    uint8_t *bytes;      /* owned */
} KeyProofs;

void key_proofs_deinit(KeyProofs *p);

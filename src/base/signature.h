/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The signature of a message: an Ed25519 signature over the head of a tree (crypto-tree.h) whose
 * leaves are envelopes as sent, and the way from this envelope to that head. One message is a tree
 * of one. The envelope holds the digests of facts and sealed part, so all of the message is signed.
 *
 * The content signed is the size of the tree (8 bytes, highest first) and its root.
 */

#include "base/crypto-sign.h"
#include "base/crypto-tree.h"

/* For messages and receipts; both are envelopes with a sender. */
#define SIGN_LABEL_MESSAGES "serasi v1 messages"

typedef struct Signature {
    KeyId key; /* which of the sender's keys */
    uint8_t bytes[SIGNATURE_SIZE];
    uint32_t index, size; /* leaf and leaves, size from 1 to TREE_LEAVES_MAX */
    uint32_t n_path;      /* at most TREE_PATH_MAX */
    TreeHash path[TREE_PATH_MAX];
} Signature;

/* Signs n envelopes (1 to TREE_LEAVES_MAX) at once, ret[i] for envelopes[i]. 0 or -ENOMEM. */
_must_check_ int signature_make(const SignKey *k, const Bytes *envelopes, size_t n, Signature *ret);

/* The same in steps, under any label, for leaves (tree_leaf()) that are kept: a tree with the
 * signature of its head, and what it says of each leaf. */
typedef struct SignedTree {
    Tree tree;
    KeyId key;
    uint8_t bytes[SIGNATURE_SIZE];
} SignedTree;
_must_check_ int signed_tree_init(SignedTree *t, const SignKey *k, const char *label,
                                  const TreeHash *leaves, size_t n);
void signed_tree_deinit(SignedTree *t);
void signed_tree_signature(const SignedTree *t, size_t index, Signature *ret);

/* What was signed: a signature over the same head by the same key need be checked once only. */
typedef struct SignedHead {
    uint32_t size;
    TreeHash root;
} SignedHead;

/* The head this envelope belongs to by its path; false when there is none such. */
_must_check_ bool signature_head(const Signature *s, Bytes envelope, SignedHead *ret);
_must_check_ bool signature_head_holds(const Signature *s, const char *label,
                                       const SignedHead *head, const SignPublic *public);
/* Both, of a message: is this envelope signed with this key? Any input is fine. */
_must_check_ bool signature_holds(const Signature *s, Bytes envelope, const SignPublic *public);

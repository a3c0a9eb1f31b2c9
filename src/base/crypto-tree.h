/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Merkle tree of RFC 9162, 2.1.1 to 2.1.3 (Certificate Transparency 2.0), with BLAKE2b-256 as all
 * digests here (hash.h): one signature over the head of a tree stands for every leaf, and a leaf
 * proves by its path that it is in the tree. Leaves and inner nodes are hashed with different first
 * bytes, so that neither can be shown for the other.
 */

#include "base/bytes.h"

#define TREE_HASH_SIZE  32U
#define TREE_LEAVES_MAX 1024U /* messages that may wait for an answer */
#define TREE_PATH_MAX   10U   /* for so many leaves */

/* Of trees over whole collections, which are made again when a leaf changes. */
#define TREE_WIDE_LEAVES_MAX 65536U
#define TREE_WIDE_PATH_MAX   16U

typedef struct TreeHash {
    uint8_t b[TREE_HASH_SIZE];
} TreeHash;

TreeHash tree_leaf(Bytes content);
TreeHash tree_node(const TreeHash *left, const TreeHash *right); /* the one above both */
bool tree_hash_equal(const TreeHash *a, const TreeHash *b);

/* All nodes of one tree. */
typedef struct Tree {
    size_t n_leaves;
    TreeHash *nodes; /* owned: the leaves, the level above them, and so on to the root */
    size_t n_nodes;
} Tree;

/* 1 to TREE_LEAVES_MAX leaves. 0 or -ENOMEM. */
_must_check_ int tree_init(Tree *t, const TreeHash *leaves, size_t n);
void tree_deinit(Tree *t);
TreeHash tree_root(const Tree *t);
/* The path of a leaf, lowest first; returns its length. index < n_leaves. */
size_t tree_path(const Tree *t, size_t index, TreeHash ret[static TREE_PATH_MAX]);

/* 1 to TREE_WIDE_LEAVES_MAX leaves. What is as in the tree before (NULL: there is none) at the same
 * place is copied from it and not hashed. 0 or -ENOMEM. */
_must_check_ int tree_init_wide(Tree *t, const TreeHash *leaves, size_t n, const Tree *before);
size_t tree_path_wide(const Tree *t, size_t index, TreeHash ret[static TREE_WIDE_PATH_MAX]);
/* The root of a tree without leaves: the hash of nothing. */
TreeHash tree_root_of_none(void);

/* The root that a leaf at that index of a tree of that size has by its path; false when no tree
 * has such a path. Any input is fine. */
_must_check_ bool tree_root_by_path(const TreeHash *leaf, uint64_t index, uint64_t size,
                                    const TreeHash *path, size_t n_path, TreeHash *ret);

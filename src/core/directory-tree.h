/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The names of all records of a directory in order, and the tree over the records. A tree never
 * changes: an edit makes another one, and hashes only what differs. Pure.
 */

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/crypto-tree.h"
#include "core/limits.h"

#define DIR_NAME_SIZE (8U + NODE_NAME_SIZE) /* "node:" and a node id is the longest */

typedef struct DirTree DirTree;

/* A record by its name: added or replaced; without content: taken out. */
typedef struct DirLeaf {
    char name[DIR_NAME_SIZE];
    Bytes content;
} DirLeaf;

/* The tree with the edits (in any order, no name twice). from NULL: of nothing else. 0, -ENOMEM, or
 * -EINVAL: a name twice, one to take out that is not there, more than TREE_WIDE_LEAVES_MAX. */
_must_check_ int dir_tree_edit(DirTree **ret, const DirTree *from, const DirLeaf *edits, size_t n);
DirTree *dir_tree_free(DirTree *t);
DEFINE_CLEANUP(DirTree *, dir_tree_free);

size_t dir_tree_size(const DirTree *t); /* NULL has none */
/* Of no records: the hash of nothing, as RFC 9162 has it. */
TreeHash dir_tree_root(const DirTree *t);
const char *dir_tree_name(const DirTree *t, size_t i);
const TreeHash *dir_tree_leaf(const DirTree *t, size_t i);
bool dir_tree_find(const DirTree *t, const char *name, size_t *ret_index);
/* Returns the length of the path, lowest first. */
size_t dir_tree_path(const DirTree *t, size_t index, TreeHash ret[static TREE_WIDE_PATH_MAX]);

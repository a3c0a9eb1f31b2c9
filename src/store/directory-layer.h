/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The signed layer of the directory: records as the hub encoded them (dir_record), its changes
 * (dir_change) and the newest head (dir_head), and what is in force because of them (dir_node and
 * the like, where a node's own record may already say more than the hub has signed).
 *
 * Three ways a store can stand to it:
 *   alone     no key to sign with, none to check with: an edit is applied as it is
 *   signs     the hub: every edit becomes a signed change
 *   follows   below a hub that signs: only its changes are applied
 */

#include "core/directory-change.h"
#include "store/internal.h"

typedef enum DirectoryWay {
    DIRECTORY_ALONE = 0,
    DIRECTORY_SIGNS,
    DIRECTORY_FOLLOWS,
} DirectoryWay;
DirectoryWay directory_way(const Store *s);

/* --- directory-table.c --- */
_must_check_ int directory_read_tables(Store *s, Directory **ret);
void directory_write_node(Store *s, const DirNode *n);
void directory_write_rows(Store *s, const DirectoryEdit *e);

/* --- directory-layer.c --- */
void directory_load(Store *s);
/* Reads the layer and compares it with what is in force: 0 with the tree, or a negative errno with
 * why: -EUCLEAN when they are not what the hub signed. */
_must_check_ int layer_verify(Store *s, const Directory *d, DirTree **ret_tree, DirHead *ret_head,
                              char why[static 160]);
/* Keys that may have signed what is stored, or what comes next. */
void layer_hub_keys(const Store *s, HubKeys *ret);
size_t layer_count(const Directory *d); /* records of all kinds */
/* The whole layer goes. */
void layer_drop(Store *s);
void layer_write_head(Store *s, const DirHead *h);
/* Records put and taken out; all of them when e->replace is set. */
void layer_write_leaves(Store *s, const DirChange *c);
void layer_log_change(Store *s, const DirChange *c);
/* From now on that is the directory; tree NULL: unsigned. Takes both. */
void layer_set(Store *s, Directory *d, DirTree *tree);
/* In the ledger: a version, and each key that becomes another one by it. before: as it was. */
void layer_note(Store *s, const Directory *before, const DirectoryEdit *e, uint64_t version,
                const TreeHash *root, const char *by, const char *note);

/* --- directory-sign.c --- */
/* At the hub: what is there and was never signed. */
void directory_sign_all(Store *s);
/* directory_change() that says of -EINVAL what does not stand. */
_must_check_ int directory_change_why(Store *s, const DirectoryEdit *e, const char *by,
                                      const char *note, Directory **ret,
                                      char why[static DIR_WHY_SIZE]);

/* --- directory-follow.c --- */
/* The copy that was being collected is of no use any more. */
void layer_copy_drop(Store *s);

/* --- directory-import.c --- */
/* A NodeRecord (M70) was accepted: what its sender may say of the node goes into the directory, and
 * the new snapshot into the operation. To be called last: pointers into the snapshot before it are
 * no good afterwards. Returns whether anything changed. *ret_why: a static word for what was not
 * applied (as node_record_apply(), or UNKNOWN_NODE); NULL = nothing. */
bool directory_record_accepted(Store *s, StoreOp *op, const char **ret_why);

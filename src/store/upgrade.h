/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a new program would do with a store of an old one, found out without touching it: the file
 * is read as an unchanging one; with a log beside it, or with steps to be done, the work is done on
 * a copy beside it, which is removed again.
 */

#include <stdint.h>

#include "store/store.h"

typedef struct UpgradeReport {
    int version, wanted;       /* of the schema: the file's, this program's */
    char self[NODE_NAME_SIZE]; /* whose store it is */
    uint64_t size_bytes;       /* of the file and its log */
    uint64_t needed_bytes;     /* free room the upgrade takes, at most */
    uint64_t free_bytes;
    int64_t check_ms; /* quick_check took */
    int64_t steps_ms; /* the steps took, on the copy; 0 without steps */
    bool unclean;     /* the last stop was not clean */
} UpgradeReport;

/* config: what store_open() needs besides path and self. Returns 0, or with why: -ENOENT; -EBUSY a
 * program has it open; -EPROTO newer than this program; -EUCLEAN damaged, or no store; -ENOSPC no
 * room for the copy; another negative errno. The report holds what was found until then. */
_must_check_ int store_check_upgrade(const StoreConfig *config, const char *path,
                                     UpgradeReport *ret, char why[static 256]);

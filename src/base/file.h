/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small files that are there whole or not at all, whatever ends the process or the power: written
 * beside, synced, and given their name at last. What a killed process leaves beside has a name that
 * nobody reads (PATH.xxxxxx). */

#include <sys/types.h>

#include "base/bytes.h"

/* A new file of the caller. -EEXIST: there is one, which stays. */
_must_check_ int file_put_new(const char *path, Bytes content, mode_t mode);
/* The same, of that owner. */
_must_check_ int file_put_new_of(const char *path, Bytes content, mode_t mode, uid_t owner,
                                 gid_t group);
/* In place of the one that has the name, with its owner. */
_must_check_ int file_replace(const char *path, Bytes content, mode_t mode);
/* A name is durable only when its folder is synced too. */
_must_check_ int file_sync_folder_of(const char *path);

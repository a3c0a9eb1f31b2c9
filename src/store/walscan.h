/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The write-ahead log before SQLite opens it. SQLite's recovery takes frames up to the last commit
 * before the first one that does not match its checksum, and drops the rest without a word. That is
 * right for the torn tail of a commit that was never synced, and loses accepted messages when the
 * log is damaged in its middle. What can be told apart, and why:
 *
 * A transaction begins to write only after the sync of the last one has returned (synchronous=FULL,
 * one connection that writes, an end of the process after a sync that failed). So a power cut can
 * tear the frames of one transaction at most: the last one. Every frame's checksum goes on from
 * that of the frame before. Therefore
 *
 *  - a frame that matches the checksum in the header of the frame before it, where that one is a
 *    commit, was written after that commit was synced. When recovery would stop earlier, synced
 *    frames are damaged: DAMAGED. (Where a header lies across the pieces in which disks write, and
 *    its frame does not match, old bytes may say commit: that does not count);
 *  - frames that match each other behind a log header that does not match itself are the same: the
 *    header is synced before the first frame is written: DAMAGED;
 *  - otherwise only the last transaction is missing, and the log cannot say whether it was synced.
 *    The seal can (below): it was written after a sync and says how many frames were there.
 *
 * What is left: the very last transaction is damaged, and the process ended within the moment
 * (a tenth of a second without work) after it was answered and before the seal. Two misfortunes at
 * once; then the loss is not found.
 *
 * Frames of a transaction that was rolled back may stand behind the end, with the same salts. They
 * have no commit among them that anything goes on from.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct WalSalts {
    uint32_t a, b;
} WalSalts;

typedef struct WalState {
    bool present; /* there is a log with at least a header */
    bool header_ok;
    uint32_t page_size;
    WalSalts salts;          /* of the header, or of the frames when the header is damaged */
    uint32_t present_frames; /* that fit into the file by its size */
    uint32_t frames;         /* up to and with the last commit that recovery takes */
    uint32_t transactions;
    uint32_t bad_frame; /* first that does not match, counted from 1; 0 = none */
    uint32_t lost;      /* commits behind it that were surely synced; 0 = a torn tail at most */
} WalState;

/* Reads the log at path through (vfs as in rawfile.h). Returns 0 (also when there is none) or
 * -errno. */
_must_check_ int walscan_read(WalState *ret, const char *vfs, const char *path);

/* Writes what recovery may take of the log where it stands, and syncs it. After a sync that failed
 * the kernel may show what the disk does not hold, and calls it written: what is believed (and
 * copied into the database, page by page) while a power cut would bring back an older log leaves
 * pages of two states. Returns 0 (also when there is nothing) or -errno. */
_must_check_ int walscan_write_again(const char *vfs, const char *path);

/* Writes a log to `to` with every frame of the damaged one that matches its neighbours, so that
 * what stands behind the damage can be looked at. The result is not a consistent database: for
 * salvage only. *ret_dropped: frames left out. Returns 0 or -errno. */
_must_check_ int walscan_mend(const char *from, const char *to, uint32_t *ret_dropped);

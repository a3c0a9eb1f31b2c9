/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Pages with checksums: a layer between SQLite and the file system. The last 8 bytes of every page
 * of the database file hold a checksum of the rest, in the format of SQLite's own shim cksumvfs
 * (which is not part of Debian's library). It is written when a page goes into the database file,
 * that is at a checkpoint and never at a commit, and compared whenever one is read from there.
 * Frames of the log have SQLite's checksums; the log is looked at when the store is opened.
 *
 * A page that does not match is an error of the statement that wanted it (SQLITE_IOERR_DATA), not
 * an answer. Rows of messages have sums of their own that say more than "somewhere on this page",
 * so pages that may hold nothing else can be let through; PagesMode says when.
 *
 * One Pages belongs to one connection and its thread. A file without the 8 bytes has no checksums.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

#define PAGES_RESERVED 8 /* bytes at the end of a page */

typedef struct Pages Pages;

/* below: name of the file system layer below, NULL = the default one. Returns 0 or -ENOMEM. */
_must_check_ int pages_new(Pages **ret, const char *below);
/* After the connections that use it are closed. */
Pages *pages_free(Pages *p);
DEFINE_CLEANUP(Pages *, pages_free);
/* For sqlite3_open_v2(). */
const char *pages_vfs(const Pages *p);

/* The file is new or about to be overwritten: its pages get checksums. Returns an SQLite code. */
_must_check_ int pages_protect(sqlite3 *db);
bool pages_are_protected(sqlite3 *db);

typedef enum PagesMode {
    PAGES_STRICT = 0, /* nothing that is damaged is read */
    PAGES_LEAVES, /* but leaves of tables with row ids: messages, and what is read once at start */
    PAGES_ROWS,   /* and pages that are part of no tree: while a message is read, its long parts */
    PAGES_ALL,    /* for looking at the damage */
} PagesMode;
/* Returns the mode before. */
PagesMode pages_set_mode(Pages *p, PagesMode mode);
/* Syncs the database file after each n pages that are written to it (0: only when SQLite asks): so
 * syncs of other files need not wait for many. */
void pages_sync_every(Pages *p, uint32_t n);
/* While held, SQLite does not begin the log anew but appends (copier.h). Between transactions. */
void pages_hold_log(Pages *p, bool hold);
/* Pages seen that did not match, since the last pages_forget(); *ret_page: the last of them. */
uint64_t pages_damaged(const Pages *p, uint32_t *ret_page);
void pages_forget(Pages *p);

/* Reads up to n pages of the database file from *at (first: 1) on, compares them and moves *at; to
 * 0 when the end was reached. *ret_bad: the first that does not match, or 0; then *at stands behind
 * it. Returns an SQLite code. */
_must_check_ int pages_scrub(sqlite3 *db, uint32_t *at, uint32_t n, uint32_t *ret_bad);

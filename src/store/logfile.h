/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The write-ahead log as a file that writes in large pieces, and whose sync may be owed. SQLite
 * writes each frame in two parts, its header and its page: a hundred system calls for a batch that
 * one does as well. What is written one behind the other is collected here until it is synced, read
 * or grows too large.
 *
 * Only sound with synchronous=FULL, where every commit syncs the log: what was not synced may be
 * lost with the process and not only with the machine. The store checks that it has FULL.
 *
 * A sync that is owed is made by logfile_settle(), in another thread, while the next transaction is
 * carried out already; and nothing is written, cut or closed before it. So the frames of one
 * transaction at most are in the file and not synced, as walscan.h needs it. When it fails, so does
 * all that comes after.
 */

#include <stdbool.h>

#include <sqlite3.h>

/* Opens with the layer below. file has room for logfile_size(inner) bytes. Returns an SQLite code.
 */
int logfile_open(sqlite3_vfs *inner, const char *name, sqlite3_file *file, int flags,
                 int *ret_flags);
int logfile_size(const sqlite3_vfs *inner);

/* The log of a connection that has read or written, or NULL. */
sqlite3_file *logfile_of(sqlite3 *db);
/* From now on the syncs that SQLite asks for are owed, or made at once again. For the connection's
 * thread, as all that SQLite calls; with NULL nothing is ever owed. */
void logfile_defer(sqlite3_file *log, bool defer);
/* While held, to begin the log anew is an error: its header is written first, and is not. For the
 * connection's thread. */
void logfile_hold(sqlite3_file *log, bool hold);
/* Makes the sync that is owed, or waits for whoever makes it. Any thread. Returns an SQLite code,
 * SQLITE_OK when none is owed and none has failed. */
int logfile_settle(sqlite3_file *log);

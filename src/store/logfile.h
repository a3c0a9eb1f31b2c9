/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The write-ahead log as a file that writes in large pieces. SQLite writes each frame in two parts,
 * its header and its page: a hundred system calls for a batch that one does as well. What is
 * written one behind the other is collected here until it is synced, read or grows too large.
 *
 * Only sound with synchronous=FULL, where every commit syncs the log: what was not synced may be
 * lost with the process and not only with the machine. The store checks that it has FULL.
 */

#include <sqlite3.h>

/* Opens with the layer below. file has room for logfile_size(inner) bytes. Returns an SQLite code.
 */
int logfile_open(sqlite3_vfs *inner, const char *name, sqlite3_file *file, int flags,
                 int *ret_flags);
int logfile_size(const sqlite3_vfs *inner);

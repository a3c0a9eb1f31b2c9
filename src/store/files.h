/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files of the store: made, locked, copied. */

#include <stdint.h>

#define STORE_FILE_SIZE (4096 + 16) /* of their names */

/* Makes a file that is not there. What root makes (serasictl, of a broker that does not run)
 * belongs to whom the folder belongs to: to the broker, which could not open it otherwise. A file
 * or link that is there is EEXIST, and keeps its owner. Returns as open(). */
int store_make_file(const char *path, int flags);
/* The caller closes *ret_fd. Returns 0, or a negative errno with why. */
int store_lock(const char *store_path, int *ret_fd, char why[static 256]);
/* There, and nothing that opening or reading would wait for? Returns 0, or a negative errno with
 * why. */
int store_look_at(const char *path, char why[static 256]);
/* Of files nobody has open, into one that is not there. Returns 0 or -errno. */
int store_copy_file(const char *from, const char *to);

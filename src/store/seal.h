/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The seal: what the log must have when the store is opened again. */

#include <stdint.h>

typedef struct Store Store;

/* Before the file is opened: is there what was there? Returns 0, or -EUCLEAN with why. */
int seal_check(Store *s, char why[static 256]);
/* Then, before anything of the log is believed: it is written again and synced, for a sync of it
 * may have failed. Returns 0, or -errno with why. */
int seal_settle(Store *s, char why[static 256]);
/* From now on the log may shrink. Returns 0 or -errno. */
int seal_lift(Store *s);
/* Seals the log when nothing was committed since the last call. Returns 0 or -errno. */
int seal_when_quiet(Store *s);
/* Frames the seal knows of that the log at path-wal does not have. */
uint32_t seal_missing(const char *path);

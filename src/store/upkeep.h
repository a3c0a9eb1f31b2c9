/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Work in small steps, while there is nothing else to do. *ret_more: call again soon. */

#include <stdbool.h>

typedef struct Store Store;

/* purge.c */
int purge_step(Store *s, bool *ret_more);
/* backup.c */
int backup_step(Store *s, bool *ret_more);
/* scrub.c. After an unclean stop: reads some pages through and compares their checksums. */
int scrub_step(Store *s, bool *ret_more);
/* checkpoint.c */
int store_checkpoint(Store *s); /* when the log is long */

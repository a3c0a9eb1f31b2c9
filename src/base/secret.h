/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that must not be left behind: keys, and what was sealed to us in the clear. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* Overwrites; a compiler cannot leave it out as it may a memset() of what dies anyway. */
void secret_wipe(void *p, size_t n);
/* Takes as long for any two contents: nothing is learnt from the time. */
bool secret_equal(const void *a, const void *b, size_t n);
/* For keys that live as long as the process: not swapped out. Locks whole pages, which do not count
 * how often, so it is best effort; where the limit is reached the memory works unlocked. */
void secret_lock(void *p, size_t n);
void secret_unlock(void *p, size_t n); /* and wipes */

/* Bytes of their own that are wiped before they are freed. */
typedef struct Secret {
    uint8_t *p;
    size_t n, room;
} Secret;

/* n = 0, room bytes behind p. 0 or -ENOMEM. */
_must_check_ int secret_init(Secret *s, size_t room);
void secret_deinit(Secret *s);

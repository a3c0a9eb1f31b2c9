/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sodium.h>

#include "base/secret.h"

void secret_wipe(void *p, size_t n) {
    if (n > 0)
        sodium_memzero(p, n);
}

bool secret_equal(const void *a, const void *b, size_t n) {
    return sodium_memcmp(a, b, n) == 0;
}

void secret_lock(void *p, size_t n) {
    (void)sodium_mlock(p, n); /* RLIMIT_MEMLOCK, or a sandbox without the call */
}

void secret_unlock(void *p, size_t n) {
    (void)sodium_munlock(p, n); /* wipes first, whether it was locked or not */
}

/* Not sodium_malloc(): its guard pages cost four system calls for each, and this is for every
 * message. */
int secret_init(Secret *s, size_t room) {
    uint8_t *p = malloc(MAX(room, (size_t)1));
    if (!p)
        return -ENOMEM;
    *s = (Secret) { .p = p, .room = room };
    return 0;
}

void secret_deinit(Secret *s) {
    if (s->p)
        secret_wipe(s->p, s->room);
    free(s->p);
    *s = (Secret) { 0 };
}

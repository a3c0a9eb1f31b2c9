/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spin: how long a thread looks again and again for news before it sleeps. To fall asleep and be
 * woken takes longer than a publisher that waits for its answer needs to send the next message. It
 * is worth while only when one in a few ends with news: so a thread goes on with it as long as that
 * is so, and tries again now and then. Nobody answered, nobody to look for: an idle broker takes no
 * processor time.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Spin {
    uint32_t credit;  /* vain ones that may follow */
    uint32_t skipped; /* waits since it was last tried */
} Spin;

/* How long to look before this wait; answered: somebody was since the wait before. */
int64_t spin_us(Spin *s, bool answered);
void spin_ended(Spin *s, bool with_news);

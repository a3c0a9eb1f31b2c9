/* SPDX-License-Identifier: Apache-2.0 */

#include "core/retry.h"
#include "base/cleanup.h"

int64_t retry_delay_ms(const RetryPolicy *p, uint32_t n, uint32_t random) {
    int64_t delay = MIN(p->first_ms, p->cap_ms);
    for (uint32_t i = 1; i < n && delay < p->cap_ms; i++)
        delay = delay > p->cap_ms / 2 ? p->cap_ms : delay * 2;
    int64_t least = delay / 2;
    return least + (int64_t)random % (delay - least + 1);
}

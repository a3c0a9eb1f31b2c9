/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Exponential back-off with jitter, per (message, recipient). */

#include <stdint.h>

typedef struct RetryPolicy {
    int64_t first_ms;      /* 1 s */
    int64_t cap_ms;        /* 15 min */
    uint32_t max_attempts; /* 16: dead letter after that many rejected or crashed attempts */
} RetryPolicy;

/* Delay before attempt n+1 after n failed ones (n >= 1): first * 2^(n-1), capped, then spread over
 * [delay/2, delay] by random (any 32 bits). */
int64_t retry_delay_ms(const RetryPolicy *p, uint32_t n, uint32_t random);

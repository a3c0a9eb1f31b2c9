/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/serasid-awake.h"

/* What the kernel takes, in us. */
#define NO_DELAY  INT32_C(0)
#define ANY_DELAY INT32_C(2000000000) /* PM_QOS_CPU_LATENCY_DEFAULT_VALUE */

static void ask(Awake *a, bool awake) {
    const int32_t delay = awake ? NO_DELAY : ANY_DELAY;
    a->asked = awake;
    if (write(a->fd, &delay, sizeof(delay)) != (ssize_t)sizeof(delay))
        awake_close(a); /* nothing is asked for then either */
}

int awake_open(Awake *a, const char *device, int64_t keep_us) {
    *a = (Awake) { .fd = -1, .keep_us = keep_us, .last_us = -keep_us };
    if (keep_us == 0)
        return 0;
    a->fd = open(device, O_WRONLY | O_CLOEXEC);
    return a->fd < 0 ? -errno : 0;
}

void awake_close(Awake *a) {
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
    a->asked = false;
}

void awake_stirred(Awake *a, int64_t now) {
    if (a->fd >= 0 && !a->asked && now - a->last_us < a->keep_us)
        ask(a, true);
    a->last_us = now;
}

int64_t awake_rest_us(Awake *a, int64_t now) {
    if (!a->asked)
        return INT64_MAX;
    const int64_t rest = a->last_us + a->keep_us - now;
    if (rest > 0)
        return rest;
    ask(a, false);
    return INT64_MAX;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The configuration of a store in tests, simulations and measurements: the times of daily work, no
 * bounds but those that every store has. Who tests others sets them.
 */

#include "base/times.h"
#include "store/store.h"

static inline StoreConfig test_store_config(const char *path, const char *self,
                                            const MessageCodec *codec) {
    return (StoreConfig) {
        .path = path,
        .self = self,
        .codec = codec,
        .accept = { .default_expiry_ms = 30 * DAY_MS,
                    .event_expiry_ms = 72 * HOUR_MS,
                    .max_expiry_ms = 180 * DAY_MS,
                    .clock_skew_ms = 5 * MINUTE_MS },
        .page_size = 4096,
        .subscription_quota = 1000,
        .subscriptions_max = 8,
        .item_retention_ms = 365 * DAY_MS,
        .retention_ms = 30 * DAY_MS,
        .retention_event_ms = 90 * DAY_MS,
        .dedup_ms = 180 * DAY_MS,
    };
}

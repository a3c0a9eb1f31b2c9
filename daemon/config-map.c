/* SPDX-License-Identifier: Apache-2.0 */

/* A Config in the terms of the broker and of the store: field by field, nothing clever. */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "broker/broker.h"
#include "daemon/config.h"
#include "store/store.h"

void config_fill_broker(const Config *c, BrokerConfig *ret) {
    *ret = (BrokerConfig) {
        .sessions_max = c->sessions_max,
        .publish_window = c->publish_window,
        .credit_messages_max = c->credit_messages,
        .credit_bytes_max = (uint32_t)c->credit_bytes,
        .link_window = c->link_window,
        .ping_ms = c->ping_ms,
        .probe_ms = c->probe_ms,
        .lease_ms = c->lease_ms,
        .sweep_ms = c->sweep_ms,
        .link_stall_ms = c->stall_ms,
        .retry = { .first_ms = c->retry_first_ms,
                   .cap_ms = c->retry_cap_ms,
                   .max_attempts = c->max_attempts },
        .cache_bytes = (size_t)c->cache_bytes,
        .pending_max = c->pending_max,
    };
    (void)text_copy(ret->self, sizeof(ret->self), c->node); /* its form was checked: it fits */
    if (c->parent_endpoint[0] != '\0')
        (void)text_copy(ret->parent, sizeof(ret->parent), c->parent_node);
}

int config_fill_store(const Config *c, StoreConfig *ret, char store_path[static CONFIG_PATH_SIZE]) {
    int n = snprintf(store_path, CONFIG_PATH_SIZE, "%s/serasid.db", c->data_dir);
    if (n < 0 || (size_t)n >= CONFIG_PATH_SIZE)
        return -ENAMETOOLONG;
    *ret = (StoreConfig) {
        .path = store_path,
        .self = c->node,
        .accept = { .default_expiry_ms = c->expiry_default_ms,
                    .event_expiry_ms = c->expiry_event_ms,
                    .max_expiry_ms = c->expiry_max_ms,
                    .clock_skew_ms = c->clock_skew_ms },
        .page_size = c->page_size,
        .free_low_bytes = c->free_low,
        .free_high_bytes = c->free_high,
        .size_high_bytes = c->size_high,
        .size_low_bytes = c->size_low,
        .ballast_bytes = c->ballast,
        .subscription_quota = c->subscription_quota,
        .subscriptions_max = c->subscriptions_max,
        .timers = &c->timer_policy,
        .retention_ms = c->retention_ms,
        .retention_event_ms = c->retention_event_ms,
        .item_retention_ms = c->item_retention_ms,
        .dedup_ms = c->dedup_ms,
        .delay_warning_ms = c->delay_warning_ms,
        .floors = &c->rule_floors,
        .register_name = c->register_name,
    };
    return 0;
}

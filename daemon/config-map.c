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
        .witness_ms = c->witness_ms,
        .retry = { .first_ms = c->retry_first_ms,
                   .cap_ms = c->retry_cap_ms,
                   .max_attempts = c->max_attempts },
        .cache_bytes = (size_t)c->cache_bytes,
        .pending_max = c->pending_max,
        .sessions_node = c->sessions_node,
        .hello_rate = c->hello_rate,
        .node_window = c->node_window,
        .node_bytes = (size_t)c->node_bytes,
        .node_queries = c->node_queries,
        .node_out_bytes = (size_t)c->node_out_bytes,
        .pending_bytes = (size_t)c->pending_bytes,
        .outbox_bytes = (size_t)c->outbox_bytes,
        .idle_rate = c->idle_rate,
        .slow_ms = c->slow_ms,
        .unsigned_allowed = c->unsigned_rule == UNSIGNED_ALLOW,
        .signs = c->role == ROLE_HUB,
        .follows = c->role != ROLE_HUB && c->directory_hub_key[0] != '\0',
    };
    (void)text_copy(ret->self, sizeof(ret->self), c->node); /* its form was checked: it fits */
    if (c->parent_endpoint[0] == '\0')
        return;
    (void)text_copy(ret->parent, sizeof(ret->parent), c->parent_node);
    (void)text_copy(ret->parent_key, sizeof(ret->parent_key), c->parent_key);
}

int config_fill_store(const Config *c, StoreConfig *ret, char store_path[static CONFIG_PATH_SIZE]) {
    int n = snprintf(store_path, CONFIG_PATH_SIZE, "%s/serasid.db", c->data_dir);
    if (n < 0 || (size_t)n >= CONFIG_PATH_SIZE)
        return -ENAMETOOLONG;
    *ret = (StoreConfig) {
        .path = store_path,
        .self = c->node,
        .hub = c->role == ROLE_HUB,
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
        .sender_quota = c->sender_quota,
        .sender_bytes = c->sender_bytes,
        .mailbox_quota = c->mailbox_quota,
        .dead_quota = c->dead_quota,
        .neighbour_quota = c->neighbour_quota,
        .neighbour_bytes = c->neighbour_bytes,
        .timers = &c->timer_policy,
        .retention_ms = c->retention_ms,
        .retention_event_ms = c->retention_event_ms,
        .item_retention_ms = c->item_retention_ms,
        .dedup_ms = c->dedup_ms,
        .ledger_retention_ms = c->ledger_retention_ms,
        .delay_warning_ms = c->delay_warning_ms,
        .floors = &c->rule_floors,
        .register_name = c->register_name,
    };
    if (c->directory_hub_key[0] == '\0')
        return 0;
    size_t n_keys = 0;
    int r = sign_publics_parse(c->directory_hub_key, ret->hub_keys, HUB_TOLD_MAX, &n_keys);
    ret->n_hub_keys = (uint32_t)n_keys;
    return r;
}

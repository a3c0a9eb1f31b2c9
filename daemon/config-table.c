/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every key of serasid.conf(5), once: where it is kept, what it is when the file says nothing, and
 * within which bounds it makes sense. serasid.conf and serasid.conf.5 explain each; a test
 * compares.
 */

#include <string.h>
#include <syslog.h>

#include "daemon/config.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)

static const ConfigWord roles[] = {
    { "hub", ROLE_HUB },
    { "regional", ROLE_REGIONAL },
    { "client", ROLE_CLIENT },
    { NULL, 0 },
};

static const ConfigWord levels[] = {
    { "crit", LOG_CRIT },
    { "err", LOG_ERR },
    { "warning", LOG_WARNING },
    { "notice", LOG_NOTICE },
    { "info", LOG_INFO },
    { "debug", LOG_DEBUG },
    { NULL, 0 },
};

static const ConfigWord targets[] = {
    { "auto", LOG_TARGET_AUTO },
    { "journal", LOG_TARGET_JOURNAL },
    { "stderr", LOG_TARGET_STDERR },
    { NULL, 0 },
};

static const ConfigWord wraps_words[] = {
    { "addressed", 0 },
    { "operator", 1 },
    { "never", 2 },
    { NULL, 0 },
};

static const ConfigWord unsigned_words[] = {
    { "refuse", UNSIGNED_REFUSE },
    { "allow", UNSIGNED_ALLOW },
    { NULL, 0 },
};

/* clang-format off */
#define TEXT(s, n, t, field, preset_)                                                              \
    { .section = s, .name = n, .type = t, .offset = offsetof(Config, field), .preset = preset_ }
#define NUMBER(s, n, t, field, preset_, min_, max_, live_)                                         \
    {                                                                                              \
        .section = s, .name = n, .type = t, .offset = offsetof(Config, field), .preset = preset_,  \
        .min = min_, .max = max_, .live = live_                                                    \
    }
#define CHOICE(s, n, field, preset_, words_, live_)                                                \
    {                                                                                              \
        .section = s, .name = n, .type = CONFIG_CHOICE, .offset = offsetof(Config, field),         \
        .preset = preset_, .words = words_, .live = live_                                          \
    }
#define TIMER(n, kind_, preset_)                                                                   \
    TEXT("timers", n, CONFIG_TIMERS, timers.of[TIMER_##kind_], preset_)
#define LIVE    true
#define RESTART false

const ConfigKey config_keys[] = {
    TEXT("node", "id",           CONFIG_TEXT_NODE, node,         ""),
    CHOICE("node", "role",         role,             "",           roles, RESTART),
    TEXT("node", "data-dir",     CONFIG_TEXT_PATH, data_dir,     "/var/lib/serasid"),
    TEXT("node", "key-file",     CONFIG_TEXT_PATH, key_file,     "/etc/serasi/keys"),
    TEXT("node", "admin-socket", CONFIG_TEXT_PATH, admin_socket, "/run/serasid/admin.sock"),
    NUMBER("node", "stay-awake", CONFIG_DURATION, awake_ms,      "10ms", 0, MINUTE_MS, RESTART),

    TEXT("listen", "endpoint",      CONFIG_ENDPOINTS,     listen,        ""),
    TEXT("listen", "next-endpoint", CONFIG_TEXT_ENDPOINT, next_endpoint, ""),
    TEXT("listen", "next-key-file", CONFIG_TEXT_PATH,     next_key_file, ""),

    TEXT("parent", "endpoint", CONFIG_TEXT_ENDPOINT, parent_endpoint, ""),
    TEXT("parent", "key",      CONFIG_TEXT_CURVE,    parent_key,      ""),
    TEXT("parent", "node",     CONFIG_TEXT_NODE,     parent_node,     "hub"),

    TEXT("directory", "hub-key",   CONFIG_TEXT_SIGN,     directory_hub_key,   ""),

    TEXT("connection", "endpoint", CONFIG_TEXT_ENDPOINT, connection_endpoint, ""),
    TEXT("connection", "key",      CONFIG_TEXT_CURVE,    connection_key,      ""),
    TEXT("connection", "hub-key",  CONFIG_TEXT_SIGN,     connection_hub_key,  ""),
    CHOICE("connection", "wraps",  connection_wraps,     "addressed", wraps_words, RESTART),

    NUMBER("limits", "sessions",           CONFIG_COUNT, sessions_max,       "4096",   1,       65536,           LIVE),
    NUMBER("limits", "waiting-connections", CONFIG_COUNT, waiting_max,       "1024",   1,       1000000,         LIVE),
    NUMBER("limits", "connect-rate",       CONFIG_COUNT, connect_rate,       "100",    1,       1000000,         LIVE),
    NUMBER("limits", "connect-burst",      CONFIG_COUNT, connect_burst,      "2000",   1,       1000000,         LIVE),
    NUMBER("limits", "connect-pace",       CONFIG_COUNT, connect_pace,       "200",    0,       1000000,         LIVE),
    NUMBER("limits", "stranger-rate",      CONFIG_COUNT, stranger_rate,      "200",    1,       1000000,         LIVE),
    NUMBER("limits", "publish-window",     CONFIG_COUNT, publish_window,     "1024",   1,       65536,           LIVE),
    NUMBER("limits", "credit-messages",    CONFIG_COUNT, credit_messages,    "256",    1,       16384,           LIVE),
    NUMBER("limits", "credit-bytes",       CONFIG_BYTES, credit_bytes,       "16M",    2 * MIB, 1024 * MIB,      LIVE),
    NUMBER("limits", "cache",              CONFIG_BYTES, cache_bytes,        "64M",    2 * MIB, 64 * 1024 * MIB, LIVE),
    NUMBER("limits", "pending",            CONFIG_COUNT, pending_max,        "4096",   256,     1000000,         LIVE),
    NUMBER("limits", "pending-bytes",      CONFIG_BYTES, pending_bytes,      "256M",   8 * MIB, 64 * 1024 * MIB, LIVE),
    NUMBER("limits", "answer-bytes",       CONFIG_BYTES, outbox_bytes,       "4M",     MIB,     1024 * MIB,      LIVE),
    NUMBER("limits", "node-sessions",      CONFIG_COUNT, sessions_node,      "0",      0,       65536,           LIVE),
    NUMBER("limits", "node-hello-rate",    CONFIG_COUNT, hello_rate,         "8",      0,       65536,           LIVE),
    NUMBER("limits", "node-window",        CONFIG_COUNT, node_window,        "2048",   0,       1000000,         LIVE),
    NUMBER("limits", "node-bytes",         CONFIG_BYTES, node_bytes,         "64M",    2 * MIB, 64 * 1024 * MIB, LIVE),
    NUMBER("limits", "node-queries",       CONFIG_COUNT, node_queries,       "256",    0,       65536,           LIVE),
    NUMBER("limits", "node-delivery-bytes", CONFIG_BYTES, node_out_bytes,    "128M",   2 * MIB, 64 * 1024 * MIB, LIVE),
    NUMBER("limits", "idle-rate",          CONFIG_COUNT, idle_rate,          "256",    0,       1000000,         LIVE),
    NUMBER("limits", "slow-time",          CONFIG_DURATION, slow_ms,         "60s",    0,       DAY_MS,          LIVE),
    NUMBER("limits", "sender-queue",       CONFIG_COUNT, sender_quota,       "200000", 0,       100000000,       RESTART),
    NUMBER("limits", "sender-bytes",       CONFIG_BYTES, sender_bytes,       "2G",     0,       1024 * TIB,      RESTART),
    NUMBER("limits", "mailbox-queue",      CONFIG_COUNT, mailbox_quota,      "200000", 0,       100000000,       RESTART),
    NUMBER("limits", "dead-letters",       CONFIG_COUNT, dead_quota,         "10000",  0,       10000000,        RESTART),
    NUMBER("limits", "neighbour-queue",    CONFIG_COUNT, neighbour_quota,    "5000000", 0,      1000000000,      RESTART),
    NUMBER("limits", "neighbour-bytes",    CONFIG_BYTES, neighbour_bytes,    "16G",    0,       1024 * TIB,      RESTART),
    NUMBER("limits", "subscriptions",      CONFIG_COUNT, subscriptions_max,  "16",     1,       1024,            RESTART),
    NUMBER("limits", "subscription-quota", CONFIG_COUNT, subscription_quota, "100000", 1,       10000000,        RESTART),

    NUMBER("store", "page-size",       CONFIG_PAGE_SIZE, page_size,          "8192", 512,     65536,         RESTART),
    NUMBER("store", "free-low",        CONFIG_BYTES,     free_low,           "256M", 0,       1024 * TIB,    RESTART),
    NUMBER("store", "free-high",       CONFIG_BYTES,     free_high,          "384M", 0,       1024 * TIB,    RESTART),
    NUMBER("store", "size-high",       CONFIG_BYTES,     size_high,          "0",    0,       1024 * TIB,    RESTART),
    NUMBER("store", "size-low",        CONFIG_BYTES,     size_low,           "0",    0,       1024 * TIB,    RESTART),
    NUMBER("store", "ballast",         CONFIG_BYTES,     ballast,            "16M",  0,       TIB,           RESTART),
    NUMBER("store", "retention",       CONFIG_DURATION,  retention_ms,       "30d",  HOUR_MS, 3660 * DAY_MS, RESTART),
    NUMBER("store", "retention-event", CONFIG_DURATION,  retention_event_ms, "90d",  HOUR_MS, 3660 * DAY_MS, RESTART),
    NUMBER("store", "retention-matter", CONFIG_DURATION, item_retention_ms,  "365d", HOUR_MS, 3660 * DAY_MS, RESTART),
    NUMBER("store", "dedup",           CONFIG_DURATION,  dedup_ms,           "180d", DAY_MS,  3660 * DAY_MS, RESTART),

    NUMBER("ledger", "countersign",      CONFIG_DURATION, witness_ms,        "1d",   0,         366 * DAY_MS,  LIVE),
    NUMBER("ledger", "retention",        CONFIG_DURATION, ledger_retention_ms, "3660d", 0,     36600 * DAY_MS, RESTART),

    NUMBER("delivery", "retry-first",    CONFIG_DURATION, retry_first_ms,    "1s",   100,       HOUR_MS,       LIVE),
    NUMBER("delivery", "retry-cap",      CONFIG_DURATION, retry_cap_ms,      "15m",  100,       DAY_MS,        LIVE),
    NUMBER("delivery", "max-attempts",   CONFIG_COUNT,    max_attempts,      "16",   1,         1000,          LIVE),
    NUMBER("delivery", "lease",          CONFIG_DURATION, lease_ms,          "15m",  SECOND_MS, DAY_MS,        LIVE),
    NUMBER("delivery", "sweep",          CONFIG_DURATION, sweep_ms,          "5s",   100,       HOUR_MS,       LIVE),
    NUMBER("delivery", "expiry-default", CONFIG_DURATION, expiry_default_ms, "30d",  SECOND_MS, 3660 * DAY_MS, RESTART),
    NUMBER("delivery", "expiry-event",   CONFIG_DURATION, expiry_event_ms,   "72h",  SECOND_MS, 3660 * DAY_MS, RESTART),
    NUMBER("delivery", "expiry-max",     CONFIG_DURATION, expiry_max_ms,     "180d", SECOND_MS, 3660 * DAY_MS, RESTART),
    NUMBER("delivery", "clock-skew",     CONFIG_DURATION, clock_skew_ms,     "5m",   0,         DAY_MS,        RESTART),
    NUMBER("delivery", "delay-warning",  CONFIG_DURATION, delay_warning_ms,  "24h",  0,         3660 * DAY_MS, RESTART),

    NUMBER("link", "ping",            CONFIG_DURATION, ping_ms,            "10s",   500,       10 * MINUTE_MS, LIVE),
    NUMBER("link", "probe",           CONFIG_DURATION, probe_ms,           "2s",    100,       10 * MINUTE_MS, LIVE),
    NUMBER("link", "window",          CONFIG_COUNT,    link_window,        "256",   1,         4096,           LIVE),
    NUMBER("link", "stall",           CONFIG_DURATION, stall_ms,           "60s",   SECOND_MS, DAY_MS,         LIVE),
    NUMBER("link", "reconnect-first", CONFIG_DURATION, reconnect_first_ms, "500ms", 10,        MINUTE_MS,      RESTART),
    NUMBER("link", "reconnect-cap",   CONFIG_DURATION, reconnect_cap_ms,   "60s",   100,       HOUR_MS,        RESTART),
    NUMBER("link", "refused-first",   CONFIG_DURATION, refused_first_ms,   "1s",    100,       HOUR_MS,        LIVE),
    NUMBER("link", "refused-cap",     CONFIG_DURATION, refused_cap_ms,     "5m",    100,       DAY_MS,         LIVE),

    NUMBER("socket", "handshake",         CONFIG_DURATION, handshake_ms,         "10s",  500,  MINUTE_MS,      RESTART),
    NUMBER("socket", "hello",             CONFIG_DURATION, hello_ms,             "20s",  500,  10 * MINUTE_MS, RESTART),
    NUMBER("socket", "heartbeat",         CONFIG_DURATION, heartbeat_ms,         "15s",  100,  10 * MINUTE_MS, RESTART),
    NUMBER("socket", "heartbeat-timeout", CONFIG_DURATION, heartbeat_timeout_ms, "45s",  100,  HOUR_MS,        RESTART),
    NUMBER("socket", "heartbeat-ttl",     CONFIG_DURATION, heartbeat_ttl_ms,     "60s",  100,  65 * SECOND_MS, RESTART),
    NUMBER("socket", "connect",           CONFIG_DURATION, connect_ms,           "10s",  100,  10 * MINUTE_MS, RESTART),
    NUMBER("socket", "tcp-timeout",       CONFIG_DURATION, tcp_timeout_ms,       "60s",  1000, HOUR_MS,        RESTART),
    NUMBER("socket", "high-water",        CONFIG_COUNT,    high_water,           "512",  16,   65536,          RESTART),
    NUMBER("socket", "backlog",           CONFIG_COUNT,    backlog,              "1024", 1,    65535,          RESTART),

    TIMER("answer",             ANSWER,             "routine:120h priority:48h emergency:2h"),
    TIMER("cancel",             CANCEL,             "routine:36h priority:36h emergency:2h"),
    TIMER("supplement",         SUPPLEMENT,         "routine:10wd priority:10wd emergency:24h"),
    TIMER("superior",           SUPERIOR,           "routine:3wd priority:3wd emergency:2h"),
    TIMER("classify",           CLASSIFY,           "routine:72h priority:24h emergency:1h"),
    TIMER("resolve",            RESOLVE,            "routine:120h priority:60h emergency:24h"),
    TIMER("resolve-complaint",  RESOLVE_COMPLAINT,  "routine:336h priority:168h emergency:24h"),
    TIMER("resolve-inspection", RESOLVE_INSPECTION, "routine:1440h priority:720h emergency:24h"),
    TIMER("silence",            SILENCE,            "routine:240h priority:240h emergency:240h"),
    TIMER("acknowledge",        ACKNOWLEDGE,        "event:10min"),
    TIMER("opening",            OPENING,            "routine:72h priority:72h emergency:72h event:72h"),
    TIMER("assessment",         ASSESSMENT,         "routine:336h priority:336h emergency:336h event:336h"),
    TIMER("delivery",           DELIVERY,           "routine:24h priority:4h emergency:15min event:2min"),

    TEXT("rules", "register", CONFIG_TEXT_NAME, register_name, "DTSEN"),
    TEXT("rules", "R-nnn", CONFIG_RULES, rule_floors, ""),

    CHOICE("security", "unsigned", unsigned_rule, "refuse", unsigned_words, LIVE),

    CHOICE("log", "level",  log_level,  "info", levels, RESTART),
    CHOICE("log", "target", log_target, "auto", targets, RESTART),
};
/* clang-format on */

const size_t config_keys_count = ARRAY_SIZE(config_keys);

const ConfigKey *config_key_find(const char *section, const char *name, bool *section_known) {
    *section_known = false;
    for (size_t i = 0; i < config_keys_count; i++) {
        if (strcmp(config_keys[i].section, section) != 0)
            continue;
        *section_known = true;
        if (config_keys[i].type == CONFIG_RULES || strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    }
    return NULL;
}

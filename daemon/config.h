/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Config: serasid.conf(5) as one struct, filled from a table of keys (config-table.c).
 *
 * Shared by serasid and serasictl. Reading never changes what is in use: a fresh Config is made,
 * judged as a whole, and either used or thrown away with every complaint as "file:line: [section]
 * key: why".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "core/directory-change.h"
#include "core/limits.h"
#include "law/rules.h"
#include "law/timers.h"

#define CONFIG_LISTEN_MAX 8U
#define SIGN_KEYS_MAX     HUB_TOLD_MAX
#define CONFIG_FILE_NAME  "serasid.conf"

typedef enum ConfigRole {
    ROLE_NOT_SET = 0,
    ROLE_HUB,
    ROLE_REGIONAL,
    ROLE_CLIENT,
} ConfigRole;

typedef enum ConfigUnsigned {
    UNSIGNED_REFUSE = 0,
    UNSIGNED_ALLOW, /* of nodes that have no signing key */
} ConfigUnsigned;

typedef enum ConfigLogTarget {
    LOG_TARGET_AUTO = 0, /* the journal when stderr is connected to it, else stderr */
    LOG_TARGET_JOURNAL,
    LOG_TARGET_STDERR,
} ConfigLogTarget;

/* Texts are owned and never NULL after a successful load; paths are absolute. Times are ms. */
typedef struct Config {
    char *file, *folder; /* of the main file */

    char *node;
    uint32_t role; /* ConfigRole */
    char *data_dir, *key_file, *admin_socket;

    char *listen[CONFIG_LISTEN_MAX]; /* owned; NULL behind the last */
    char *next_endpoint, *next_key_file;
    char *parent_endpoint, *parent_key, *parent_node;
    char *directory_hub_key;
    char *connection_endpoint, *connection_key, *connection_hub_key;
    uint32_t connection_wraps; /* serasi_wrap_policy */

    uint32_t sessions_max, publish_window, credit_messages, pending_max;
    uint32_t waiting_max, connect_rate, connect_burst, connect_pace, stranger_rate;
    uint32_t sessions_node, hello_rate, idle_rate, node_window, node_queries;
    uint32_t sender_quota, mailbox_quota, dead_quota, neighbour_quota;
    uint64_t node_bytes, node_out_bytes, pending_bytes, outbox_bytes, sender_bytes, neighbour_bytes;
    int64_t hello_ms, slow_ms, awake_ms;
    uint32_t subscriptions_max, subscription_quota;
    uint64_t credit_bytes, cache_bytes;

    uint32_t page_size;
    uint64_t free_low, free_high, size_high, size_low, ballast;
    int64_t retention_ms, retention_event_ms, item_retention_ms, dedup_ms;
    int64_t witness_ms, ledger_retention_ms;

    int64_t retry_first_ms, retry_cap_ms, lease_ms, sweep_ms;
    int64_t expiry_default_ms, expiry_event_ms, expiry_max_ms, clock_skew_ms, delay_warning_ms;
    uint32_t max_attempts;

    int64_t ping_ms, probe_ms, stall_ms;
    int64_t reconnect_first_ms, reconnect_cap_ms, refused_first_ms, refused_cap_ms;
    uint32_t link_window;

    int64_t handshake_ms, heartbeat_ms, heartbeat_timeout_ms, heartbeat_ttl_ms;
    int64_t connect_ms, tcp_timeout_ms;
    uint32_t high_water, backlog;

    char *register_name;
    RuleFloors rule_floors; /* what is stricter here than the law */

    TimerOverrides timers;
    TimerRow timer_rows[TIMER_ROWS_MAX];
    TimerPolicy timer_policy; /* with the terms of timers; borrows timer_rows */

    uint32_t unsigned_rule; /* ConfigUnsigned */

    uint32_t log_level;  /* syslog priority */
    uint32_t log_target; /* ConfigLogTarget */
} Config;

typedef enum ConfigType {
    CONFIG_TEXT_NODE = 1, /* a node id */
    CONFIG_TEXT_PATH,     /* made absolute against the folder of the main file */
    CONFIG_TEXT_ENDPOINT, /* tcp://host:port or ipc://path */
    CONFIG_TEXT_CURVE,    /* public key, Z85 */
    CONFIG_TEXT_SIGN,     /* Ed25519 public keys in base64, one to four with spaces between */
    CONFIG_TEXT_NAME,     /* words for people, at most 32 bytes; the last of the texts */
    CONFIG_ENDPOINTS,     /* may be given more than once */
    CONFIG_COUNT,         /* uint32_t */
    CONFIG_PAGE_SIZE,     /* uint32_t, a power of two */
    CONFIG_BYTES,         /* uint64_t: "64M" */
    CONFIG_DURATION,      /* int64_t: "10s" */
    CONFIG_CHOICE,        /* uint32_t: one of a list of words */
    CONFIG_TIMERS,        /* TimerTerms: "routine:3d emergency:1h" (config-timers.c) */
    CONFIG_RULES,         /* RuleFloors: its keys are the ids of rules (config-rules.c) */
} ConfigType;

typedef struct ConfigWord {
    const char *word;
    uint32_t value;
} ConfigWord;

typedef struct ConfigKey {
    const char *section, *name;
    ConfigType type;
    size_t offset;
    const char *preset;      /* as it would stand in the file; "" = none */
    int64_t min, max;        /* of numbers */
    const ConfigWord *words; /* of CONFIG_CHOICE, ended by word == NULL */
    bool live;               /* a reload changes it; else a restart is needed */
} ConfigKey;

extern const ConfigKey config_keys[];
extern const size_t config_keys_count;
/* NULL when there is none; the one row of CONFIG_RULES stands for all keys of its section.
 * section_known says whether at least the section is right. */
const ConfigKey *config_key_find(const char *section, const char *name, bool *section_known);

/* Reads `path` and then `folder of path`/serasid.conf.d/ *.conf in order of name. 0; -EINVAL with
 * one line for every complaint in *complaints; -errno of reading (also explained there); -ENOMEM.
 */
_must_check_ int config_load(Config **ret, const char *path, Buf *complaints);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config *, config_free);

/* The whole configuration as a file that means the same. */
void config_print(const Config *c, Buf *b);
/* Is `text` a value for this key? Returns 0 or -EINVAL with why; *c is then unchanged. */
_must_check_ int config_set_value(Config *c, const ConfigKey *k, const char *text, Buf *why);

/* One key of CONFIG_RULES. Returns 0 or -EINVAL with why; *c is then unchanged. */
_must_check_ int config_set_rule(Config *c, const char *id, const char *text, Buf *why);
/* What rules_table[rule] is made: "warn" or "refuse"; NULL when the law's severity counts. */
const char *config_floor_word(const Config *c, size_t rule);

/* The terms of one timer: those named in the text replace those in *terms. Returns 0 or -EINVAL
 * with why; *terms is then unchanged. */
_must_check_ int config_set_timers(TimerKind kind, const char *text, TimerTerms *terms, Buf *why);
void config_format_timers(const TimerTerms *terms, Buf *b);

/* What a reload changes. */
typedef struct ConfigChange {
    const ConfigKey *key;
    bool applied; /* false: needs a restart */
} ConfigChange;
/* Takes over every live value of fresh. Returns the number of keys that differ; the first `max` of
 * them are described in changes. */
size_t config_take_live(Config *c, const Config *fresh, ConfigChange *changes, size_t max);

/* Sizes such as "64M", "8192", "1G": 0, -EINVAL or -ERANGE. */
_must_check_ int size_parse(const char *text, uint64_t *ret);

/* --- for the broker and the store: their structs filled from a Config (config-map.c) --- */
struct BrokerConfig;
struct StoreConfig;
/* The result borrows from c. sessions_max is as configured: the caller lowers it to what the
 * descriptor limit allows. */
void config_fill_broker(const Config *c, struct BrokerConfig *ret);
/* The result borrows from c and from store_path, a buffer for the path of the database file. The
 * callbacks that encode and decode are the caller's. Returns 0 or -ENAMETOOLONG. */
#define CONFIG_PATH_SIZE 4096U
_must_check_ int config_fill_store(const Config *c, struct StoreConfig *ret,
                                   char store_path[static CONFIG_PATH_SIZE]);

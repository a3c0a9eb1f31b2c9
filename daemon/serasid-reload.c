/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reload: the files are read into a fresh Config and judged whole; only then are its live values
 * taken over. Everything that differs and is not live is named, so that nobody believes it counts.
 */

#include <stdio.h>
#include <string.h>

#include "daemon/serasid.h"

#define CHANGES_MAX 128U

/* One record for each complaint; the first one goes to whoever asked. */
static void refuse(Daemon *d, Buf *complaints, Table *table) {
    const char *text = buf_text(complaints);
    char *copy = text ? strdup(text) : NULL, *rest = NULL;
    char *line = copy ? strtok_r(copy, "\n", &rest) : NULL;
    if (table)
        table_say(table, 1, "nothing was changed: %s", line ? line : "out of memory");
    for (; line; line = strtok_r(NULL, "\n", &rest))
        daemon_log(d, LOG_EVENT_CONFIG_REFUSED, "%s", line);
    free(copy);
}

/* Which key, not what it was or is. */
static void note(Daemon *d, const ConfigChange *change) {
    LedgerEntry e = { .kind = LEDGER_CONFIG };
    (void)snprintf(e.note, sizeof(e.note), "%.40s.%.40s%s", change->key->section, change->key->name,
                   change->applied ? "" : " needs a restart");
    if (broker_note(d->broker, &e) < 0)
        d->stopping = true; /* out of memory: better no broker than one that leaves things out */
}

static void tell(Daemon *d, const ConfigChange *changes, size_t n, Table *table) {
    size_t n_restart = 0;
    for (size_t i = 0; i < n; i++) {
        const ConfigKey *k = changes[i].key;
        note(d, &changes[i]);
        if (!changes[i].applied) {
            n_restart++;
            daemon_log(d, LOG_EVENT_CONFIG_RELOADED, "[%s] %s changed: needs a restart", k->section,
                       k->name);
        }
        if (table) {
            table_textf(table, "[%s] %s", k->section, k->name);
            table_text(table, changes[i].applied ? "applied" : "needs a restart");
        }
    }
    daemon_log(d, LOG_EVENT_CONFIG_RELOADED, "%zu values taken over, %zu need a restart",
               n - n_restart, n_restart);
}

void reload(Daemon *d, Table *table) {
    _cleanup_(config_freep) Config *fresh = NULL;
    _cleanup_(buf_deinit) Buf complaints = { 0 };
    ConfigChange changes[CHANGES_MAX];
    BrokerConfig broker_config;
    if (table) {
        table_column(table, "key", COLUMN_TEXT);
        table_column(table, "effect", COLUMN_TEXT);
    }
    notify_reloading(d->notify);
    if (config_load(&fresh, d->config->file, &complaints) < 0) {
        refuse(d, &complaints, table);
    } else {
        size_t n = config_take_live(d->config, fresh, changes, CHANGES_MAX);
        daemon_broker_config(d, &broker_config);
        broker_reconfigure(d->broker, &broker_config);
        peers_reconfigure(d);
        tell(d, changes, MIN(n, (size_t)CHANGES_MAX), table);
    }
    notify_send(d->notify, "READY=1");
}

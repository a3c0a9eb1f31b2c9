/* SPDX-License-Identifier: Apache-2.0 */

/* What the broker asks of its surroundings, answered with sockets, log and Zap. */

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "daemon/serasid.h"

static int io_send(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n_parts) {
    Daemon *d = data;
    Sock *s = port == PORT_CLIENTS ? d->clients : port == PORT_ADMIN ? d->admin : d->uplink.sock;
    if (!s)
        return -EHOSTUNREACH;
    return sock_send(s, route.p, route.n, parts, n_parts);
}

static void io_log(void *data, const LogRecord *r) {
    Daemon *d = data;
    log_submit(d->log, r);
}

static uint32_t io_random(void *data) {
    (void)data;
    uint32_t v;
    random_fill(&v, sizeof(v));
    return v;
}

/* Called from inside the broker: the socket is changed in the next turn, not under its feet. */
static void io_uplink_reset(void *data) {
    Daemon *d = data;
    d->uplink.reset_wanted = true;
}

/* Until there is a first node, Zap answers "later", not "never". */
static void io_directory(void *data, Directory *directory) {
    Daemon *d = data;
    zap_set_directory(d->zap, directory_node_count(directory) > 0 ? directory : NULL);
}

static void io_session(void *data, BrokerPort port, Bytes route, bool open) {
    peers_session(data, port, route, open);
}

static void io_cut(void *data, BrokerPort port, Bytes route) {
    peers_cut(data, port, route);
}

static void io_put_off(void *data, const char *user_id, int64_t ms) {
    Daemon *d = data;
    zap_put_off(d->zap, user_id, ms);
}

static void io_enrolments(void *data, Enrolments *e) {
    Daemon *d = data;
    zap_set_enrolments(d->zap, e);
}

static void io_servers(void *data, const Servers *l) {
    uplink_learn(data, l);
}

static void io_checks(void *data) {
    loop_begin_checks(data);
}

static bool io_address(void *data, BrokerPort port, Bytes route, char *ret, size_t size) {
    return peers_address(data, port, route, ret, size);
}

/* --- operator verbs --- */

static void verb_version(Daemon *d, Table *t) {
    table_column(t, "version", COLUMN_TEXT);
    table_column(t, "node", COLUMN_TEXT);
    table_column(t, "config", COLUMN_TEXT);
    table_text(t, SERASI_VERSION);
    table_text(t, d->config->node);
    table_text(t, d->config->file);
}

static void verb_backup_state(Daemon *d, Table *t) {
    StoreReport report;
    store_thread_report(d->store, &report);
    table_column(t, "state", COLUMN_TEXT);
    table_column(t, "text", COLUMN_TEXT);
    table_text(t, report.backup < 0    ? "failed"
                  : report.backup == 1 ? "running"
                  : report.backup == 2 ? "done"
                                       : "none");
    table_text(t, report.backup_text);
}

static bool io_verb(void *data, const char *verb, char *const *args, uint32_t n_args, Table *t) {
    Daemon *d = data;
    (void)args;
    (void)n_args;
    if (strcmp(verb, "version") == 0)
        verb_version(d, t);
    else if (strcmp(verb, "backup-state") == 0)
        verb_backup_state(d, t);
    else if (strcmp(verb, "reload") == 0)
        reload(d, t);
    else
        return false;
    return true;
}

void io_fill(Daemon *d, BrokerIo *ret) {
    *ret = (BrokerIo) {
        .data = d,
        .send = io_send,
        .log = io_log,
        .random = io_random,
        .uplink_reset = io_uplink_reset,
        .verb = io_verb,
        .directory = io_directory,
        .session = io_session,
        .cut = io_cut,
        .put_off = io_put_off,
        .enrolments = io_enrolments,
        .checks = io_checks,
        .address = io_address,
        .servers = io_servers,
    };
}

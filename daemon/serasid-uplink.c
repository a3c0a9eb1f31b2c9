/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The DEALER to the parent broker. libzmq dials again by itself until a connection stands and after
 * most losses, but never after the parent refused the key (the key may be imported there a minute
 * later), some failures of the handshake, and bytes that it could not decrypt: a watched socket
 * then stays connected and deaf. What it tells of a loss does not say which it was. So a socket
 * that was refused or lost its connection is made anew with a growing pause, and one that does not
 * get a connection for long is made anew too.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "daemon/serasid.h"

#define UPLINK_HWM   256
#define SERVERS_FILE "parent-servers" /* in data-dir */

_printf_(2, 3) static void tell_down(Daemon *d, const char *format, ...) {
    LogRecord r = { .event = LOG_EVENT_LINK_DOWN };
    va_list ap;
    (void)text_copy(r.link, sizeof(r.link), d->config->parent_node);
    va_start(ap, format);
    (void)vsnprintf(r.text, sizeof(r.text), format, ap);
    va_end(ap);
    log_submit(d->log, &r);
}

/* How long libzmq may try alone before the socket is made anew; less when there is another place to
 * try. */
static int64_t patience_ms(const Daemon *d) {
    const Config *c = d->config;
    if (d->uplink.servers.n > 1)
        return c->connect_ms + c->handshake_ms;
    return c->reconnect_cap_ms + c->handshake_ms + c->connect_ms + 5 * SECOND_MS;
}

/* first, doubled with each failure in a row up to cap, less up to half of it. */
static int64_t pause_ms(uint32_t n, int64_t first_ms, int64_t cap_ms) {
    RetryPolicy p = { .first_ms = first_ms, .cap_ms = cap_ms };
    uint32_t random;
    random_fill(&random, sizeof(random));
    return retry_delay_ms(&p, n, random);
}

/* Where the parent is found, that of the configuration first. */
static void list_servers(Daemon *d, char ret_path[static CONFIG_PATH_SIZE + 32]) {
    Uplink *u = &d->uplink;
    Server own = { 0 };
    (void)snprintf(ret_path, CONFIG_PATH_SIZE + 32, "%s/" SERVERS_FILE, d->config->data_dir);
    if (u->servers.n > 0)
        return;
    (void)text_copy(own.endpoint, sizeof(own.endpoint), d->config->parent_endpoint);
    (void)text_copy(own.key, sizeof(own.key), d->config->parent_key);
    (void)servers_add(&u->servers, &own);
    servers_load(ret_path, &u->servers);
}

void uplink_learn(Daemon *d, const Servers *l) {
    Uplink *u = &d->uplink;
    char path[CONFIG_PATH_SIZE + 32];
    bool fresh = false;
    list_servers(d, path);
    for (uint32_t i = 0; i < l->n; i++) {
        Server s = l->list[i];
        server_complete(&s, u->servers.list[u->at].endpoint);
        if (!servers_add(&u->servers, &s))
            continue;
        fresh = true;
        daemon_log(d, LOG_EVENT_SERVER_KEY_FOLLOWED,
                   "the parent %s is also found at %s with key %s, as the directory proves",
                   d->config->parent_node, s.endpoint, s.key);
    }
    int r = fresh ? servers_save(path, &u->servers) : 0;
    if (r < 0)
        tell_down(d, "%s cannot be written, so a restart will not find it there: %s", path,
                  strerror(-r));
}

/* The next one, when this one did not lead to a session. */
static const Server *choose(Daemon *d) {
    Uplink *u = &d->uplink;
    char path[CONFIG_PATH_SIZE + 32];
    const bool first = u->servers.n == 0;
    list_servers(d, path);
    if (!first && !u->worked && u->servers.n > 1) {
        u->at = (u->at + 1) % u->servers.n;
        broker_set_parent_key(d->broker, u->servers.list[u->at].key);
    }
    u->worked = false;
    return &u->servers.list[u->at];
}

static void tell_where(Daemon *d) {
    const Server *s = &d->uplink.servers.list[d->uplink.at];
    if (d->uplink.at > 0)
        daemon_log(d, LOG_EVENT_SERVER_KEY_FOLLOWED,
                   "the parent is reached at %s now. Write into [parent]: endpoint = %s, key = %s",
                   s->endpoint, s->endpoint, s->key);
}

static int connect_anew(Daemon *d, Now now) {
    Uplink *u = &d->uplink;
    const Config *c = d->config;
    const Server *server = choose(d);
    SockOptions o;
    daemon_sock_options(d, &o);
    o.hwm = UPLINK_HWM;
    u->sock = sock_free(u->sock);
    int r = sock_new_dealer(&u->sock, d->zmq, server->endpoint, server->key, &d->keys, &o);
    if (r == 0)
        r = sock_watch(u->sock);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        /* A name that does not resolve, or no descriptor left: both may pass. */
        u->sock = sock_free(u->sock);
        u->retry_mono_ms =
            now.mono_ms + pause_ms(++u->failures, c->reconnect_first_ms, c->reconnect_cap_ms);
        tell_down(d, "cannot dial the parent at %s: %s", server->endpoint, strerror(-r));
        return 0;
    }
    u->retry_mono_ms = now.mono_ms + patience_ms(d);
    return 0;
}

static int lost(Daemon *d, Now now) {
    Uplink *u = &d->uplink;
    if (!u->connected)
        return 0;
    u->connected = false;
    return broker_uplink_lost(d->broker, now);
}

static int on_event(Daemon *d, Now now, SockEvent e) {
    Uplink *u = &d->uplink;
    switch (e) {
    case SOCK_EVENT_CONNECTED:
        u->refusals = u->failures = 0;
        u->retry_mono_ms = 0;
        u->connected = u->worked = true;
        tell_where(d);
        /* Lets libzmq attach the new pipe, so that the HELLO has somewhere to go. */
        (void)sock_readable(u->sock);
        return broker_uplink_connected(d->broker, now);
    case SOCK_EVENT_DISCONNECTED:
        u->sock = sock_free(u->sock);
        u->retry_mono_ms = now.mono_ms + pause_ms(++u->failures, d->config->reconnect_first_ms,
                                                  d->config->reconnect_cap_ms);
        return lost(d, now);
    case SOCK_EVENT_REFUSED:
        u->refusals++;
        u->sock = sock_free(u->sock);
        u->retry_mono_ms = now.mono_ms + pause_ms(u->refusals, d->config->refused_first_ms,
                                                  d->config->refused_cap_ms);
        tell_down(d,
                  "the parent at %s does not know our key %s; trying again", //
                  u->servers.list[u->at].endpoint, d->keys.curve_public);
        return lost(d, now);
    default:
        return 0;
    }
}

int uplink_open(Daemon *d, Now now) {
    return d->config->parent_endpoint[0] != '\0' ? connect_anew(d, now) : 0;
}

int uplink_turn(Daemon *d, Now now) {
    Uplink *u = &d->uplink;
    SockEvent e;
    int r = 0;
    while (r == 0 && u->sock && (e = sock_next_event(u->sock)) != SOCK_EVENT_NONE)
        r = on_event(d, now, e);
    bool due = u->retry_mono_ms != 0 && now.mono_ms >= u->retry_mono_ms;
    if (r < 0 || (!due && !u->reset_wanted))
        return r;
    u->reset_wanted = false;
    r = lost(d, now);
    return r < 0 ? r : uplink_open(d, now);
}

int64_t uplink_due_ms(const Daemon *d) {
    return d->uplink.reset_wanted    ? 0
           : d->uplink.retry_mono_ms ? d->uplink.retry_mono_ms
                                     : INT64_MAX;
}

void uplink_close(Daemon *d) {
    d->uplink.sock = sock_free(d->uplink.sock);
}

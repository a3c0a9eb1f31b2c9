/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The connections of peers: which are let stay, and what is told of those that are not. A flood of
 * strangers must not flood the journal: each kind of trouble is told at once, and then summed up
 * once a minute.
 */

#include "daemon/serasid.h"

#define TELL_EVERY_MS  MINUTE_MS
#define STRANGER_BURST 10U /* seconds: many come at one time after a restart */
#define WAITING_SHARE  4U  /* of the open files that may be without a session */

static void limits_of(const Daemon *d, DoorLimits *ret) {
    const Config *c = d->config;
    *ret = (DoorLimits) {
        .waiting_max = MAX(MIN(c->waiting_max, d->descriptors / WAITING_SHARE), 1U),
        .waiting_ms = c->handshake_ms + c->hello_ms,
        .rate = { .per_second = c->connect_rate, .burst = c->connect_burst },
        .strangers = { .per_second = c->stranger_rate,
                       .burst = (double)STRANGER_BURST * c->stranger_rate },
        .pace = c->connect_pace,
    };
}

int peers_open(Daemon *d) {
    DoorLimits limits;
    limits_of(d, &limits);
    return doors_new(&d->peers.doors, d->clients, &limits);
}

void peers_close(Daemon *d) {
    d->peers.doors = doors_free(d->peers.doors);
}

void peers_reconfigure(Daemon *d) {
    DoorLimits limits;
    limits_of(d, &limits);
    doors_limit(d->peers.doors, &limits);
}

/* Each kind of trouble at once, and then summed up. */
static bool is_due(int64_t *told_mono_ms, Now now, uint32_t n) {
    if (n == 0 || (*told_mono_ms > 0 && now.mono_ms < *told_mono_ms))
        return false;
    *told_mono_ms = now.mono_ms + TELL_EVERY_MS;
    return true;
}

static void tell_cut(Daemon *d, Now now) {
    DoorCounts *cut = &d->peers.cut;
    const uint32_t n = cut->silent + cut->crowded + cut->hasty + cut->endless;
    if (!is_due(&d->peers.told_mono_ms, now, n))
        return;
    daemon_log(d, LOG_EVENT_CONNECTIONS_CUT,
               "%u connections were cut: %u without a session in time, %u too many of these, %u "
               "that came too fast, %u with a message that does not end; %u are "
               "open",
               n, cut->silent, cut->crowded, cut->hasty, cut->endless, doors_open(d->peers.doors));
    *cut = (DoorCounts) { .waited = cut->waited };
}

static void tell_waited(Daemon *d, Now now) {
    DoorCounts *cut = &d->peers.cut;
    if (!is_due(&d->peers.told_waited_mono_ms, now, cut->waited))
        return;
    daemon_log(d, LOG_EVENT_CONNECTIONS_WAIT,
               "%u connections had to wait for their handshake; %u are open", cut->waited,
               doors_open(d->peers.doors));
    cut->waited = 0;
}

static void tell(Daemon *d, Now now) {
    Peers *p = &d->peers;
    const DoorCounts c = doors_take_counts(p->doors);
    p->cut.silent += c.silent;
    p->cut.crowded += c.crowded;
    p->cut.hasty += c.hasty;
    p->cut.endless += c.endless;
    p->cut.waited += c.waited;
    tell_cut(d, now);
    tell_waited(d, now);
}

int peers_turn(Daemon *d, Now now) {
    return doors_turn(d->peers.doors, now.mono_ms, broker_is_beside_light(d->broker, now));
}

void peers_look(Daemon *d, Now now) {
    Peers *p = &d->peers;
    if (now.mono_ms < p->look_mono_ms)
        return;
    p->look_mono_ms = now.mono_ms + PEERS_LOOK_MS;
    doors_look(p->doors, now.mono_ms, sock_is_drained(d->clients));
    tell(d, now);
}

void peers_session(Daemon *d, BrokerPort port, Bytes route, bool open) {
    if (port == PORT_CLIENTS)
        doors_session(d->peers.doors, route, open, now_read().mono_ms);
}

bool peers_address(Daemon *d, BrokerPort port, Bytes route, char *ret, size_t size) {
    return port == PORT_CLIENTS && doors_address(d->peers.doors, route, ret, size);
}

void peers_cut(Daemon *d, BrokerPort port, Bytes route) {
    if (port == PORT_CLIENTS)
        doors_cut(d->peers.doors, route, now_read().mono_ms);
}

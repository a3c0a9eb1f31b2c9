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

static uint32_t count_all(const DoorCounts *c) {
    return c->silent + c->crowded + c->hasty + c->endless;
}

static void tell(Daemon *d, Now now) {
    Peers *p = &d->peers;
    const DoorCounts c = doors_take_counts(p->doors);
    p->cut.silent += c.silent;
    p->cut.crowded += c.crowded;
    p->cut.hasty += c.hasty;
    p->cut.endless += c.endless;
    if (count_all(&p->cut) == 0 || (p->told_mono_ms > 0 && now.mono_ms < p->told_mono_ms))
        return;
    p->told_mono_ms = now.mono_ms + TELL_EVERY_MS;
    daemon_log(d, LOG_EVENT_CONNECTIONS_CUT,
               "%u connections were cut: %u without a session in time, %u too many of these, %u "
               "that came too fast, %u with a message that does not end; %u are "
               "open",
               count_all(&p->cut), p->cut.silent, p->cut.crowded, p->cut.hasty, p->cut.endless,
               doors_open(p->doors));
    p->cut = (DoorCounts) { 0 };
}

int peers_turn(Daemon *d, Now now) {
    return doors_turn(d->peers.doors, now.mono_ms);
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

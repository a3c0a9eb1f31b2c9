/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The router thread. One turn: what the store finished, what peers sent (a bounded amount, and only
 * while the broker has room), what is due by time, and then one batch for the store.
 *
 * libzmq's descriptors are edge-triggered: they tell that something may have changed, not that
 * there is something to read. So sock_readable() is asked of each socket before sleeping; it also
 * takes notice of whatever made the descriptor readable.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/serasid.h"

#define STATUS_EVERY_MS SECOND_MS

/* --- waiting --- */

static void add_fd(struct pollfd *list, nfds_t *n, int fd) {
    if (fd >= 0)
        list[(*n)++] = (struct pollfd) { .fd = fd, .events = POLLIN };
}

static int64_t sleep_ms(Daemon *d, Now now) {
    int64_t due = MIN(broker_due_ms(d->broker, now), uplink_due_ms(d));
    int64_t wait = due == INT64_MAX ? d->wait_ms : due - now.mono_ms;
    return MAX(MIN(wait, d->wait_ms), (int64_t)0);
}

static int wait_for_news(Daemon *d, bool read_peers) {
    struct pollfd list[6];
    nfds_t n = 0;
    Sock *sockets[] = { d->clients, d->admin, d->uplink.sock };
    int64_t wait = sleep_ms(d, now_read());
    add_fd(list, &n, store_thread_fd(d->store));
    add_fd(list, &n, d->signal_fd);
    if (d->uplink.sock)
        add_fd(list, &n, sock_watch_fd(d->uplink.sock));
    for (size_t i = 0; read_peers && i < ARRAY_SIZE(sockets); i++) {
        if (!sockets[i])
            continue;
        if (sock_readable(sockets[i]))
            wait = 0;
        add_fd(list, &n, sock_fd(sockets[i]));
    }
    if (poll(list, n, (int)wait) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

/* --- what comes in --- */

static void on_signals(Daemon *d) {
    struct signalfd_siginfo info;
    while (read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            reload(d, NULL);
        else
            d->stopping = true;
    }
}

static int on_store(Daemon *d, Now now) {
    StoreOp *done = NULL;
    store_thread_clear_fd(d->store);
    int r = store_thread_take(d->store, &done);
    if (r < 0) {
        daemon_log(d, LOG_EVENT_STORE_FAULT,
                   "the store failed: %s; what was not answered is not known to be on disk",
                   strerror(-r));
        return r == -ENOMEM ? r : -EIO;
    }
    return done ? broker_stored(d->broker, now, done) : 0;
}

static int read_socket(Daemon *d, Now now, Sock *s, BrokerPort port) {
    for (int i = 0; s && i < LOOP_DRAIN_MAX && broker_has_room(d->broker); i++) {
        SockMessage m = { 0 };
        int r = sock_recv(s, &m);
        if (r < 0)
            return r == -ENOMEM ? r : 0; /* else there is nothing left */
        PeerMessage p = { .port = port,
                          .route = bytes_make(m.route, m.n_route),
                          .user_id = m.user_id,
                          .parts = m.parts,
                          .n_parts = m.n_parts,
                          .oversized = m.oversized };
        r = broker_receive(d->broker, now, &p);
        sock_message_deinit(&m);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_sockets(Daemon *d, Now now) {
    int r = read_socket(d, now, d->admin, PORT_ADMIN);
    if (r == 0)
        r = read_socket(d, now, d->uplink.sock, PORT_UPLINK);
    if (r == 0)
        r = read_socket(d, now, d->clients, PORT_CLIENTS);
    return r;
}

static void feed_store(Daemon *d) {
    if (!store_thread_is_idle(d->store))
        return;
    StoreOp *batch = broker_take_batch(d->broker);
    if (batch)
        store_thread_give(d->store, batch);
}

/* --- what operators see --- */

static void tell_intake(Daemon *d, const StoreHealth *h) {
    unsigned long long free_mib = h->free_bytes >> 20, size_mib = h->size_bytes >> 20;
    if (h->intake_closed && !d->told.health.intake_closed)
        daemon_log(d, LOG_EVENT_INTAKE_CLOSED,
                   "no room: %llu MiB free, store %llu MiB; new messages are put off", free_mib,
                   size_mib);
    else if (!h->intake_closed && d->told.health.intake_closed)
        daemon_log(d, LOG_EVENT_INTAKE_OPENED, "room again: %llu MiB free, store %llu MiB",
                   free_mib, size_mib);
}

static void tell_status(Daemon *d, Now now) {
    if (now.mono_ms < d->status_mono_ms)
        return;
    d->status_mono_ms = now.mono_ms + STATUS_EVERY_MS;
    StoreReport report;
    store_thread_report(d->store, &report);
    tell_intake(d, &report.health);
    if (report.backup != d->told.backup && report.backup == 2)
        daemon_log(d, LOG_EVENT_BACKUP_DONE, "%s", report.backup_text);
    else if (report.backup != d->told.backup && report.backup < 0)
        daemon_log(d, LOG_EVENT_BACKUP_FAILED, "%s", report.backup_text);
    d->told = report;

    char text[256];
    BrokerStatus s = broker_status(d->broker);
    (void)snprintf(text, sizeof(text),
                   "%u sessions, %u child links, parent %s, %llu accepted, %llu settled%s",
                   s.sessions, s.child_links,
                   !s.has_parent ? "none"
                   : s.uplink_up ? "up"
                                 : "down",
                   (unsigned long long)s.accepted, (unsigned long long)s.settled,
                   report.health.intake_closed ? ", NO ROOM: new messages are put off" : "");
    notify_status(d->notify, text);
}

/* --- turns --- */

static int turn(Daemon *d, bool read_peers) {
    int r = wait_for_news(d, read_peers && broker_has_room(d->broker));
    Now now = now_read();
    atomic_fetch_add(&d->beats.router, 1);
    if (r == 0)
        r = uplink_turn(d, now); /* first of all: an unread monitor would stop libzmq's thread */
    if (r == 0)
        r = on_store(d, now);
    if (r == 0 && read_peers)
        r = read_sockets(d, now);
    if (r == 0 && broker_due_ms(d->broker, now) <= now.mono_ms)
        r = broker_tick(d->broker, now);
    if (r < 0)
        return r;
    feed_store(d);
    tell_status(d, now);
    d->wait_ms = sockets_guard(d);
    on_signals(d);
    return 0;
}

static int exit_status(Daemon *d, int r) {
    if (r == 0)
        return EX_OK;
    if (r == -EIO)
        return EX_IOERR;
    daemon_log(d, LOG_EVENT_STOPPING, "cannot go on: %s", strerror(-r));
    return EX_SOFTWARE;
}

int loop_run(Daemon *d) {
    int r = 0;
    while (r == 0 && !d->stopping)
        r = turn(d, true);
    return exit_status(d, r);
}

int loop_drain(Daemon *d, int64_t ms) {
    int64_t until = now_read().mono_ms + ms;
    int r = 0;
    feed_store(d);
    while (r == 0 && !store_thread_is_idle(d->store) && now_read().mono_ms < until)
        r = turn(d, false);
    return exit_status(d, r);
}

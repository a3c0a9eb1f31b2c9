/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The router thread. One turn: what the store finished, what peers sent (a bounded amount, and only
 * while the broker has room), what is due by time, and then one batch of signatures to check and
 * one for the store.
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
#include <time.h>
#include <unistd.h>

#include "daemon/serasid.h"

#define STATUS_EVERY_MS SECOND_MS
#define SMALL_BATCH     32U /* operations that are carried out at once */
#define SMALL_ROUNDS    4U
#define CURVES_HERE     2U /* curve operations of a batch, with two processors */
#define SPIN_FOR        2U /* results: who waits for one alone is served quickest by this processor */

/* --- waiting --- */

enum {
    WAIT_STORE,
    WAIT_VERIFY,
    WAIT_SIGNAL,
    WAIT_WATCH,
    WAIT_PEERS,
    WAIT_SOCKETS,
    WAIT_MAX = WAIT_SOCKETS + 3
};

static int64_t sleep_ms(Daemon *d, Now now) {
    int64_t due = MIN(broker_due_ms(d->broker, now), uplink_due_ms(d));
    due = MIN(due, doors_due_ms(d->peers.doors));
    int64_t wait = due == INT64_MAX ? d->wait_ms : due - now.mono_ms;
    return MAX(MIN(wait, d->wait_ms), (int64_t)0);
}

/* A batch may be held back for less than a millisecond. */
static struct timespec wait_limit(Daemon *d, int64_t wait_ms) {
    const int64_t now = now_us();
    int64_t us = MIN(wait_ms * 1000, awake_rest_us(&d->awake, now));
    if (store_thread_is_free(d->store) && broker_waiting(d->broker) > 0)
        us = MIN(us, gather_wait_us(&d->gather, broker_waiting(d->broker), now));
    return (struct timespec) { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
}

/* As ppoll(), but looks for a moment before it sleeps when somebody was just answered; with one
 * processor the others could not do anything meanwhile. */
static int wait_on(Daemon *d, struct pollfd *list, struct timespec limit) {
    static const struct timespec at_once;
    const bool may_sleep = limit.tv_sec > 0 || limit.tv_nsec > 0;
    const int64_t us = may_sleep && d->processors > 1 ? spin_us(&d->spin, d->answered) : 0;
    d->answered = d->answered && !may_sleep;
    if (us > 0) {
        const int64_t end = now_us() + us;
        int n;
        do
            n = ppoll(list, WAIT_MAX, &at_once, NULL);
        while (n == 0 && now_us() < end);
        spin_ended(&d->spin, n > 0);
        if (n != 0)
            return n;
    }
    return ppoll(list, WAIT_MAX, &limit, NULL);
}

static int wait_for_news(Daemon *d, bool read_peers) {
    Sock *sockets[] = { d->clients, d->admin, d->uplink.sock };
    int64_t wait = sleep_ms(d, now_read());
    struct pollfd list[WAIT_MAX] = {
        [WAIT_STORE] = { .fd = store_thread_fd(d->store), .events = POLLIN },
        [WAIT_VERIFY] = { .fd = verify_thread_fd(d->verify), .events = POLLIN },
        [WAIT_SIGNAL] = { .fd = d->signal_fd, .events = POLLIN },
        [WAIT_WATCH] = { .fd = d->uplink.sock ? sock_watch_fd(d->uplink.sock) : -1,
                         .events = POLLIN },
        [WAIT_PEERS] = { .fd = doors_fd(d->peers.doors), .events = POLLIN },
    };
    for (size_t i = 0; i < ARRAY_SIZE(sockets); i++) {
        struct pollfd *p = &list[WAIT_SOCKETS + i];
        *p = (struct pollfd) { .fd = -1, .events = POLLIN }; /* poll() passes it over */
        if (!sockets[i] || !read_peers)
            continue;
        p->fd = sock_fd(sockets[i]);
        if (!sock_is_drained(sockets[i]) && sock_readable(sockets[i]))
            wait = 0;
    }
    if (wait_on(d, list, wait_limit(d, wait)) < 0)
        return errno == EINTR ? 0 : -errno;
    if (list[WAIT_STORE].revents)
        store_thread_clear_fd(d->store);
    if (list[WAIT_VERIFY].revents)
        verify_thread_clear_fd(d->verify);
    d->signalled = list[WAIT_SIGNAL].revents != 0;
    for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
        if (list[WAIT_SOCKETS + i].revents)
            sock_woken(sockets[i]);
    return 0;
}

/* --- what comes in --- */

static void on_signals(Daemon *d) {
    struct signalfd_siginfo info;
    if (!d->signalled)
        return;
    while (read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            reload(d, NULL);
        else
            d->stopping = true;
    }
}

static uint32_t count(const StoreOp *batch) {
    uint32_t n = 0;
    for (const StoreOp *op = batch; op; op = op->next)
        n++;
    return n;
}

/* Behind the batch that is carried out. */
static void feed_more(Daemon *d) {
    if (gather_apart(&d->gather, store_thread_sync_us(d->store), d->processors))
        return;
    BatchFill fill = store_thread_fill(d->store);
    StoreOp *more = broker_take_more(d->broker, &fill);
    if (more)
        store_thread_add(d->store, more, &fill);
}

/* Returns true when the batch was carried out at once and can be taken. */
static bool feed_store(Daemon *d, bool here) {
    if (!store_thread_is_free(d->store)) {
        feed_more(d);
        return false;
    }
    if (gather_wait_us(&d->gather, broker_waiting(d->broker), now_us()) > 0)
        return false;
    StoreOp *batch = broker_take_batch(d->broker);
    if (!batch)
        return false;
    return store_thread_give(d->store, batch, here && count(batch) <= SMALL_BATCH);
}

static int on_store(Daemon *d, Now now) {
    StoreOp *done = NULL;
    int r = store_thread_take(d->store, &done);
    if (r < 0) {
        StoreReport report;
        store_thread_report(d->store, &report);
        daemon_log(d, LOG_EVENT_STORE_FAULT,
                   "the store failed: %s (%s); what was not answered is not known to be on disk",
                   strerror(-r), report.health.fault);
        return r == -ENOMEM || r == -EUCLEAN ? r : -EIO;
    }
    if (!done)
        return 0;
    const uint32_t n = count(done);
    const int64_t told_us = now_us();
    d->answered = n >= SPIN_FOR;
    awake_stirred(&d->awake, told_us);
    gather_begin(&d->gather, n, broker_waiting(d->broker), store_thread_sync_us(d->store), told_us);
    (void)feed_store(d, false); /* it works on while the results are told */
    return broker_stored(d->broker, now, done);
}

static void on_verify(Daemon *d, Now now) {
    if (verify_thread_take(d->verify))
        broker_checked(d->broker, now);
}

/* A curve operation takes as long as all the rest of a message, so it is for another thread; the
 * next leaves of a tree that it found good are a hash each. With two processors that thread has to
 * wait for one while the store is at work, which takes longer than two of them. */
static uint32_t curves_here(const Daemon *d) {
    return d->processors > 2 ? 0 : CURVES_HERE;
}

static void feed_verify(Daemon *d, Now now) {
    if (!verify_thread_is_idle(d->verify))
        return;
    Checks *batch = broker_take_checks(d->broker, now);
    if (!batch)
        return;
    if (checks_run_some(batch, curves_here(d)))
        broker_checked(d->broker, now);
    else
        verify_thread_give(d->verify, batch);
}

void loop_begin_checks(Daemon *d) {
    if (curves_here(d) == 0)
        feed_verify(d, now_read());
}

static size_t message_size(const SockMessage *m) {
    size_t n = 0;
    for (unsigned i = 0; i < m->n_parts; i++)
        n += m->parts[i].n;
    return n;
}

static int read_socket(Daemon *d, Now now, Sock *s, BrokerPort port) {
    size_t bytes = 0;
    const int64_t until_us =
        now_us() + (broker_is_pressed(d->broker, now) ? LOOP_DRAIN_PRESSED_US : LOOP_DRAIN_US);
    for (int i = 0; s && !sock_is_drained(s) && i < LOOP_DRAIN_MAX && bytes < LOOP_DRAIN_BYTES &&
                    now_us() < until_us && broker_has_room(d->broker);
         i++) {
        SockMessage m = { 0 };
        int r = sock_recv(s, &m);
        if (r < 0)
            return r == -ENOMEM ? r : 0; /* else there is nothing left */
        if (port == PORT_CLIENTS)
            doors_heard(d->peers.doors, &m);
        PeerMessage p = { .port = port,
                          .route = bytes_make(m.route, m.n_route),
                          .user_id = m.user_id,
                          .parts = m.parts,
                          .n_parts = m.n_parts,
                          .oversized = m.oversized };
        bytes += message_size(&m);
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

/* What one small batch causes is often another: a body to read, a receipt to settle. */
static int use_store(Daemon *d) {
    int r = 0;
    for (unsigned i = 0; r == 0 && i < SMALL_ROUNDS && feed_store(d, true); i++)
        r = on_store(d, now_read());
    return r;
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

static void tell_damage(Daemon *d, const StoreHealth *h) {
    if (h->ledger_cut > d->told.health.ledger_cut)
        daemon_log(d, LOG_EVENT_LEDGER_CUT, "%lld blocks are missing at the end of the ledger",
                   (long long)h->ledger_cut);
    if (h->bad_pages > d->told.health.bad_pages)
        daemon_log(d, LOG_EVENT_PAGE_DAMAGED,
                   "%llu pages of the store do not match their checksums, the last found is %u",
                   (unsigned long long)h->bad_pages, (unsigned)h->bad_page);
}

static void tell_status(Daemon *d, Now now) {
    if (now.mono_ms < d->status_mono_ms)
        return;
    d->status_mono_ms = now.mono_ms + STATUS_EVERY_MS;
    StoreReport report;
    store_thread_report(d->store, &report);
    tell_intake(d, &report.health);
    tell_damage(d, &report.health);
    /* One may have begun and ended since, just as the one before. */
    const bool other =
        report.backup != d->told.backup || report.health.backups != d->told.health.backups;
    if (other && report.backup == 2)
        daemon_log(d, LOG_EVENT_BACKUP_DONE, "%s", report.backup_text);
    else if (other && report.backup < 0)
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

/* As often as it may be put off while the loop sleeps, and every turn when it gets tight. */
static void guard(Daemon *d, Now now) {
    if (now.mono_ms < d->guard_mono_ms && d->wait_ms == LOOP_WAIT_MS)
        return;
    d->guard_mono_ms = now.mono_ms + LOOP_WAIT_SHORT_MS;
    d->wait_ms = sockets_guard(d);
}

static int turn(Daemon *d, bool read_peers) {
    int r = wait_for_news(d, read_peers && broker_has_room(d->broker));
    Now now = now_read();
    atomic_fetch_add(&d->beats.router, 1);
    if (r == 0)
        r = uplink_turn(d, now); /* first of all: an unread monitor would stop libzmq's thread */
    if (r == 0)
        r = peers_turn(d, now); /* likewise */
    if (r == 0)
        r = on_store(d, now);
    if (r == 0 && read_peers)
        r = read_sockets(d, now);
    peers_look(d, now);
    if (r == 0 && broker_due_ms(d->broker, now) <= now.mono_ms)
        r = broker_tick(d->broker, now);
    if (r < 0)
        return r;
    on_verify(d, now);
    feed_verify(d, now);
    r = use_store(d);
    tell_status(d, now);
    guard(d, now);
    on_signals(d);
    return r;
}

static int exit_status(Daemon *d, int r) {
    if (r == 0)
        return EX_OK;
    if (r == -EIO)
        return EX_IOERR;
    if (r == -EUCLEAN) {
        daemon_complain("the store is damaged. See SALVAGE in serasictl(1)");
        return EX_DATAERR;
    }
    daemon_log(d, LOG_EVENT_STOPPING, "cannot go on: %s", strerror(-r));
    return EX_SOFTWARE;
}

int loop_run(Daemon *d) {
    int r = 0;
    d->processors = sysconf(_SC_NPROCESSORS_ONLN);
    while (r == 0 && !d->stopping)
        r = turn(d, true);
    return exit_status(d, r);
}

int loop_drain(Daemon *d, int64_t ms) {
    int64_t until = now_read().mono_ms + ms;
    int r = use_store(d);
    while (r == 0 && (!store_thread_is_idle(d->store) || broker_checking(d->broker) > 0) &&
           now_read().mono_ms < until)
        r = turn(d, false);
    return exit_status(d, r);
}

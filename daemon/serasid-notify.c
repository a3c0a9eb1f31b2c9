/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The thread wakes for a queued message, and otherwise several times in each watchdog interval. It
 * never looks inside the other threads, only at the counters they leave behind.
 */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/text.h"
#include "base/times.h"
#include "daemon/serasid-notify.h"

#define STATES_MAX      8U
#define STATE_SIZE      320U
#define TICK_MS         SECOND_MS
#define STATUS_EVERY_MS (5 * SECOND_MS)
#define EXTEND_EVERY_MS (5 * SECOND_MS)
#define STOP_WAIT_SEC   1
#define STALL_MS        (10 * SECOND_MS) /* before systemd gives up */
#define EXTEND_BY       "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=Checking the store"

struct Notify {
    const Beats *beats;
    Log *log;
    pthread_t thread;
    int64_t watchdog_ms; /* 0 = not watched */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping, ended, ready;
    unsigned n_states;
    char states[STATES_MAX][STATE_SIZE];
    char status[STATE_SIZE];
};

typedef struct Stall {
    unsigned long router, store; /* when both had moved last */
    int64_t moved_ms, looked_ms;
    bool told;
} Stall;

/* What the thread remembers for itself. */
typedef struct Memory {
    unsigned long router, store, verify;
    int64_t watchdog_at_ms, status_at_ms, extend_at_ms;
    char status[STATE_SIZE];
    Stall stall;
} Memory;

static void feed_watchdog(Notify *n, Memory *m, int64_t now_ms) {
    if (n->watchdog_ms == 0 || now_ms - m->watchdog_at_ms < n->watchdog_ms / 2)
        return;
    unsigned long router = atomic_load(&n->beats->router), store = atomic_load(&n->beats->store),
                  verify = atomic_load(&n->beats->verify);
    if (router == m->router || store == m->store || verify == m->verify)
        return; /* one of them is stuck: if it stays so, systemd will notice */
    m->router = router;
    m->store = store;
    m->verify = verify;
    m->watchdog_at_ms = now_ms;
    (void)sd_notify(0, "WATCHDOG=1"); /* a lost one is like a late one */
}

static void tell(Notify *n, LogEvent event, const char *what, int64_t ms) {
    LogRecord r = { .event = event };
    (void)snprintf(r.text, sizeof(r.text), "%s %lld s", what, (long long)(ms / SECOND_MS));
    log_submit(n->log, &r);
}

/* Small batches are carried out by the router's thread itself: either may be held up. */
static void look_for_stall(Notify *n, Memory *m, int64_t now_ms) {
    Stall *l = &m->stall;
    const unsigned long router = atomic_load(&n->beats->router),
                        store = atomic_load(&n->beats->store);
    const bool moved = router != l->router && store != l->store;
    if (now_ms - l->looked_ms > STALL_MS / 2) /* stopped: so were all the others */
        l->moved_ms = now_ms;
    l->looked_ms = now_ms;
    const int64_t ms = now_ms - l->moved_ms;
    if (moved) {
        if (l->told)
            tell(n, LOG_EVENT_STORE_RESUMED, "the store goes on after", ms);
        *l = (Stall) { .router = router, .store = store, .moved_ms = now_ms, .looked_ms = now_ms };
    } else if (ms >= STALL_MS && !l->told) {
        l->told = true;
        tell(n, LOG_EVENT_STORE_STALLED, "nobody is answered: the disk has held up the store for",
             ms);
    }
}

static void ask_for_time(Notify *n, Memory *m, int64_t now_ms) {
    unsigned long store = atomic_load(&n->beats->store);
    if (store == m->store || now_ms - m->extend_at_ms < EXTEND_EVERY_MS)
        return;
    m->store = store;
    m->extend_at_ms = now_ms;
    (void)sd_notify(0, EXTEND_BY);
}

static void tell_status(Memory *m, const char *status, int64_t now_ms) {
    char state[STATE_SIZE + 8];
    if (strcmp(status, m->status) == 0 || now_ms - m->status_at_ms < STATUS_EVERY_MS)
        return;
    (void)text_copy(m->status, sizeof(m->status), status);
    m->status_at_ms = now_ms;
    (void)snprintf(state, sizeof(state), "STATUS=%s", status);
    (void)sd_notify(0, state);
}

/* Sends one queued state; called and returns with the lock held, sends without it. */
static void send_first(Notify *n) {
    char state[STATE_SIZE];
    memcpy(state, n->states[0], sizeof(state));
    n->n_states--;
    memmove(n->states[0], n->states[1], n->n_states * STATE_SIZE);
    (void)pthread_mutex_unlock(&n->lock);
    (void)sd_notify(0, state); /* whether systemd listens changes nothing here */
    (void)pthread_mutex_lock(&n->lock);
}

static void tick(Notify *n, Memory *m) {
    char status[STATE_SIZE];
    bool ready = n->ready;
    memcpy(status, n->status, sizeof(status));
    (void)pthread_mutex_unlock(&n->lock);
    int64_t now_ms = now_read().mono_ms;
    if (ready) {
        feed_watchdog(n, m, now_ms);
        look_for_stall(n, m, now_ms);
        tell_status(m, status, now_ms);
    } else {
        ask_for_time(n, m, now_ms);
    }
    (void)pthread_mutex_lock(&n->lock);
}

static void wait_a_tick(Notify *n) {
    int64_t wait_ms = TICK_MS;
    if (n->watchdog_ms > 0)
        wait_ms = MAX(MIN(wait_ms, n->watchdog_ms / 8), (int64_t)10);
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / SECOND_MS;
    until.tv_nsec += wait_ms % SECOND_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&n->wake, &n->lock, &until);
}

static void *notify_main(void *data) {
    Notify *n = data;
    Memory m = { 0 };
    (void)pthread_mutex_lock(&n->lock);
    while (!n->stopping || n->n_states > 0) {
        if (n->n_states > 0) {
            send_first(n);
            continue;
        }
        tick(n, &m);
        if (!n->stopping && n->n_states == 0)
            wait_a_tick(n);
    }
    n->ended = true;
    (void)pthread_cond_signal(&n->wake);
    (void)pthread_mutex_unlock(&n->lock);
    return NULL;
}

int notify_start(Notify **ret, const Beats *beats, Log *log) {
    Notify *n = calloc(1, sizeof(*n));
    uint64_t usec = 0;
    pthread_condattr_t attr;
    if (!n)
        return -ENOMEM;
    n->beats = beats;
    n->log = log;
    if (sd_watchdog_enabled(0, &usec) > 0)
        n->watchdog_ms = (int64_t)(usec / 1000);
    (void)pthread_mutex_init(&n->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&n->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    int r = -pthread_create(&n->thread, NULL, notify_main, n);
    if (r < 0)
        free(n);
    else
        *ret = n;
    return r;
}

Notify *notify_stop(Notify *n) {
    if (!n)
        return NULL;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_WAIT_SEC;
    int r = 0;
    (void)pthread_mutex_lock(&n->lock);
    n->stopping = true;
    (void)pthread_cond_signal(&n->wake);
    while (!n->ended && r == 0)
        r = pthread_cond_timedwait(&n->wake, &n->lock, &until);
    const bool ended = n->ended;
    (void)pthread_mutex_unlock(&n->lock);
    if (!ended) {
        /* Stuck: the service manager does not read. What it uses goes with the process. */
        (void)pthread_detach(n->thread);
        return NULL;
    }
    (void)pthread_join(n->thread, NULL);
    (void)pthread_cond_destroy(&n->wake);
    (void)pthread_mutex_destroy(&n->lock);
    free(n);
    return NULL;
}

void notify_send(Notify *n, const char *state) {
    (void)pthread_mutex_lock(&n->lock);
    if (n->n_states == STATES_MAX) {
        n->n_states--;
        memmove(n->states[0], n->states[1], n->n_states * STATE_SIZE);
    }
    (void)text_copy(n->states[n->n_states++], STATE_SIZE, state);
    (void)pthread_cond_signal(&n->wake);
    (void)pthread_mutex_unlock(&n->lock);
}

void notify_ready(Notify *n) {
    (void)pthread_mutex_lock(&n->lock);
    n->ready = true;
    (void)pthread_mutex_unlock(&n->lock);
    notify_send(n, "READY=1\nSTATUS=Ready");
}

void notify_reloading(Notify *n) {
    char state[STATE_SIZE];
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)now_read().mono_ms * 1000);
    notify_send(n, state);
}

void notify_status(Notify *n, const char *text) {
    (void)pthread_mutex_lock(&n->lock);
    (void)text_copy(n->status, sizeof(n->status), text);
    (void)pthread_mutex_unlock(&n->lock);
}

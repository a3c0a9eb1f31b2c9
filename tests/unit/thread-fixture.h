/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The threads of the store (daemon/serasid-store.h) over a real one. The calls that may take long
 * or fail go through the functions below, which the test holds, lets go and makes fail: nothing
 * depends on how quick the machine is.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "test.h"

#include "daemon/serasid-copy.h"
#include "daemon/serasid-store.h"
#include "store-fixture.h"

#define PATIENCE_MS 20000

/* --- in the way of what the threads call --- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hold_syncs, hold_writes, fail_copy, stopping;
    unsigned syncs, syncs_let, writes, writes_let, idles, naps, waits, copies, closes;
    unsigned full;             /* so many more writes find no room */
    int fail_sync, fail_idle;  /* -errno of the next ones */
    int64_t clock_us, sync_us; /* what the time is, and what a sync takes */
    void (*in_nap)(void);
    void (*in_sync)(void);
    Store *store;
} way = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

int __real_store_write(Store *s, StoreOp *list, int64_t now_ms);
int __real_store_sync(Store *s);
int __real_store_idle(Store *s, int64_t now_ms, bool *ret_more);
Store *__real_store_close(Store *s);
Copied __real_copier_run(Copier *c);
bool __real_copy_thread_stop(CopyThread *t, Copied *ret);
int __real_poll(struct pollfd *list, nfds_t n, int ms);
int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int64_t __wrap_now_us(void);
int __wrap_store_write(Store *s, StoreOp *list, int64_t now_ms);
int __wrap_store_sync(Store *s);
int __wrap_store_idle(Store *s, int64_t now_ms, bool *ret_more);
Store *__wrap_store_close(Store *s);
Copied __wrap_copier_run(Copier *c);
bool __wrap_copy_thread_stop(CopyThread *t, Copied *ret);
int __wrap_poll(struct pollfd *list, nfds_t n, int ms);
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);

static inline void enter(void) {
    (void)pthread_mutex_lock(&way.lock);
}

static inline void leave(void) {
    (void)pthread_cond_broadcast(&way.changed);
    (void)pthread_mutex_unlock(&way.lock);
}

/* Until *count is n. The lock is held. */
static inline void until(const unsigned *count, unsigned n) {
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_MS / 1000;
    while (*count < n)
        if (pthread_cond_timedwait(&way.changed, &way.lock, &end) != 0)
            fail_msg("waited for %u, there are %u", n, *count);
}

static inline void wait_until(const unsigned *count, unsigned n) {
    enter();
    until(count, n);
    leave();
}

#define SET(what, value) (enter(), way.what = (value), leave())

static inline unsigned get(const unsigned *count) {
    enter();
    const unsigned n = *count;
    leave();
    return n;
}

static inline void let(bool *hold, unsigned *let_through) {
    enter();
    if (let_through)
        (*let_through)++;
    else
        *hold = false;
    leave();
}

int __wrap_store_write(Store *s, StoreOp *list, int64_t now_ms) {
    enter();
    way.store = s;
    const unsigned nth = ++way.writes;
    (void)pthread_cond_broadcast(&way.changed);
    while (way.hold_writes && way.writes_let < nth)
        (void)__real_pthread_cond_wait(&way.changed, &way.lock);
    const bool full = way.full > 0;
    way.full -= full;
    leave();
    return full ? -ENOSPC : __real_store_write(s, list, now_ms);
}

int __wrap_store_sync(Store *s) {
    enter();
    const unsigned nth = ++way.syncs;
    (void)pthread_cond_broadcast(&way.changed);
    while (way.hold_syncs && way.syncs_let < nth)
        (void)__real_pthread_cond_wait(&way.changed, &way.lock);
    const int r = way.fail_sync;
    way.clock_us += way.sync_us;
    void (*call)(void) = way.in_sync;
    leave();
    if (call)
        call();
    return r < 0 ? r : __real_store_sync(s);
}

int __wrap_store_idle(Store *s, int64_t now_ms, bool *ret_more) {
    enter();
    way.store = s;
    way.idles++;
    const int r = way.fail_idle;
    leave();
    return r < 0 ? r : __real_store_idle(s, now_ms, ret_more);
}

Store *__wrap_store_close(Store *s) {
    enter();
    way.closes++;
    leave();
    return __real_store_close(s);
}

/* One that fails does so only when it is too late to be told to the work of the store. */
Copied __wrap_copier_run(Copier *c) {
    enter();
    way.copies++;
    (void)pthread_cond_broadcast(&way.changed);
    const bool fails = way.fail_copy;
    while (fails && !way.stopping)
        (void)__real_pthread_cond_wait(&way.changed, &way.lock);
    leave();
    return fails ? (Copied) { .result = -EIO, .fault = "no sync" } : __real_copier_run(c);
}

bool __wrap_copy_thread_stop(CopyThread *t, Copied *ret) {
    enter();
    way.stopping = true;
    leave();
    return __real_copy_thread_stop(t, ret);
}

/* The thread naps before it looks for room again. */
int __wrap_poll(struct pollfd *list, nfds_t n, int ms) {
    if (list)
        return __real_poll(list, n, ms);
    enter();
    void (*call)(void) = way.in_nap;
    leave();
    if (call)
        call();
    enter();
    way.naps++;
    leave();
    return 0;
}

int64_t __wrap_now_us(void) {
    enter();
    const int64_t us = way.clock_us;
    leave();
    return us;
}

/* Counted with the caller's lock held: who takes that lock after it was counted finds it waiting */
int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) {
    enter();
    way.waits++;
    leave();
    return __real_pthread_cond_wait(c, m);
}

/* --- what the router does --- */

typedef struct World {
    Fixture f;
    Beats beats;
    StoreThread *t;
    uint64_t given;
} World;

static inline void wait_fd(StoreThread *t) {
    struct pollfd news = { .fd = store_thread_fd(t), .events = POLLIN };
    if (__real_poll(&news, 1, PATIENCE_MS) != 1)
        fail_msg("no news");
    store_thread_clear_fd(t);
}

static inline void start(World *w) {
    int r = -1;
    char why[256];
    ASSERT_OK(store_thread_start(&w->t, &w->f.config, &w->beats));
    while (!store_thread_is_open(w->t, &r, why))
        wait_fd(w->t);
    if (r < 0)
        fail_msg("%s", why);
    wait_until(&way.idles, 1); /* its first look around is over, or will not be held up */
}

static inline void world_init(World *w) {
    *w = (World) { .given = 0 };
    fixture_init(&w->f);
    w->f.now_ms = now_read().wall_ms; /* as the threads see it */
    w->f.store = store_close(w->f.store);
    enter();
    way.hold_syncs = way.hold_writes = way.fail_copy = way.stopping = false;
    way.syncs = way.syncs_let = way.writes = way.writes_let = way.idles = way.naps = way.waits = 0;
    way.copies = way.closes = way.full = 0;
    way.fail_sync = way.fail_idle = 0;
    way.sync_us = 0;
    way.in_nap = way.in_sync = NULL;
    leave();
    start(w);
}

static inline void world_stop(World *w) {
    enter();
    way.hold_syncs = way.hold_writes = false;
    leave();
    w->t = store_thread_stop(w->t);
}

static inline void world_deinit(World *w) {
    world_stop(w);
    fixture_deinit(&w->f);
}
#define WORLD(w)                                                                                   \
    _cleanup_(world_deinit) World w;                                                               \
    world_init(&w)

/* Messages of one batch, numbered on. */
static inline StoreOp *batch(World *w, unsigned n) {
    StoreOp *list = NULL, **end = &list;
    for (unsigned i = 0; i < n; i++) {
        *end = accept_op(message_to(&w->f, HOME, 0));
        (*end)->owner_id = ++w->given;
        end = &(*end)->next;
    }
    return list;
}

static inline void add(World *w, unsigned n) {
    const BatchFill fill = { .messages = n, .ops = n };
    store_thread_add(w->t, batch(w, n), &fill);
}

static inline StoreOp *take(World *w) {
    StoreOp *list = NULL;
    ASSERT_OK(store_thread_take(w->t, &list));
    return list;
}

static inline void expect_nothing(World *w) {
    assert_null(take(w));
}

/* The next n are told, and were accepted; nothing behind them. */
static inline void expect(World *w, uint64_t first, unsigned n) {
    StoreOp *list = NULL;
    unsigned told = 0;
    while (told < n) {
        while ((list = take(w)) == NULL)
            wait_fd(w->t);
        while (list) {
            StoreOp *next = list->next;
            ASSERT_EQ(list->owner_id, first + told++);
            ASSERT_EQ(list->accept.result.verdict, VERDICT_ACCEPTED);
            store_op_free(list);
            list = next;
        }
    }
    ASSERT_EQ(told, n);
}

static inline void expect_fault(World *w, int error, const char *words) {
    StoreOp *list = NULL;
    StoreReport report;
    int r = 0;
    while ((r = store_thread_take(w->t, &list)) == 0) {
        assert_null(list);
        wait_fd(w->t);
    }
    ASSERT_EQ(r, error);
    assert_null(list);
    store_thread_report(w->t, &report);
    ASSERT_STR(report.health.fault, words);
}

/* What it left: so many messages after a clean stop. */
static inline void expect_left(World *w, uint64_t n) {
    world_stop(w);
    ASSERT_EQ(get(&way.closes), 1);
    fixture_open(&w->f);
    assert_false(store_health(w->f.store)->unclean);
    ASSERT_EQ(queued(&w->f, QUEUE_MAILBOX, HOME), n);
    w->f.store = store_close(w->f.store);
}

/* It left the store open: what is on disk is not known. */
static inline void expect_no_clean_stop(World *w) {
    world_stop(w);
    ASSERT_EQ(get(&way.closes), 0);
    (void)__real_store_close(way.store); /* for the memory's sake */
}

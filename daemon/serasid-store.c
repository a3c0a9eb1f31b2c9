/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One batch is in here at most: waiting, being written, or done and not yet taken. There is no
 * timer that would let batches grow; they grow by themselves while the last one is being synced.
 *
 * After a fault the thread ends and leaves the store open: what a failed commit left behind is not
 * known, so it must not be called a clean stop.
 */

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/times.h"
#include "daemon/serasid-store.h"

#define IDLE_SOON_MS     100 /* after work: checkpoint, purge */
#define IDLE_LATER_MS    500 /* nothing happened since */
#define IDLE_AT_LEAST_MS 200 /* under load housekeeping must not starve */
#define FULL_RETRY_MS    500
#define QUICK_US         1000 /* a batch that takes longer is not for the router to wait for */

struct StoreThread {
    const StoreConfig *config;
    Beats *beats;
    pthread_t thread;
    int fd;
    Store *store;         /* whose hands it is in: see `working` */
    int64_t idle_mono_ms; /* theirs as well */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool opened, stopping;
    int open_result, fault;
    char why[256];
    Directory *directory;
    Enrolments *enrolments;
    StoreOp *waiting, *done;
    bool busy;
    bool held_up;    /* this thread waits for the router to end its work */
    bool working;    /* somebody is at work on the store, this thread or the router */
    int64_t cost_us; /* of a batch lately: mostly what the disk takes to sync */
    int64_t disk_us; /* of the last batch: not spent by the processor */
    StoreReport report;
};

static void ring(StoreThread *t) {
    uint64_t one = 1;
    ssize_t n = write(t->fd, &one, sizeof(one));
    assert(n == (ssize_t)sizeof(one)); /* the counter cannot overflow by news that are taken */
}

static void on_progress(void *data) {
    StoreThread *t = data;
    atomic_fetch_add(&t->beats->store, 1);
}

static Store *open_store(StoreThread *t) {
    Store *s = NULL;
    char why[256] = "";
    int r = store_open(&s, t->config, on_progress, t, why);
    (void)pthread_mutex_lock(&t->lock);
    t->opened = true;
    t->open_result = r;
    memcpy(t->why, why, sizeof(why));
    if (r == 0) {
        t->store = s;
        t->directory = store_directory(s);
        t->enrolments = store_enrolments(s);
        t->report.health = *store_health(s);
    }
    (void)pthread_mutex_unlock(&t->lock);
    ring(t);
    return s;
}

static void wait_for_work(StoreThread *t, int64_t wait_ms) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int r = 0;
    while (!t->waiting && !t->stopping && t->fault == 0 && r == 0)
        r = pthread_cond_timedwait(&t->wake, &t->lock, &until);
    while (t->working) { /* the router: soon done */
        t->held_up = true;
        (void)pthread_cond_wait(&t->wake, &t->lock);
    }
}

static bool is_stopping(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    bool stopping = t->stopping;
    (void)pthread_mutex_unlock(&t->lock);
    return stopping;
}

/* A disk with no room even for settlements is waited for: nothing of the batch was done or
 * answered, and dying would not make room. Ends early only when the daemon has to stop. */
static int run_batch(StoreThread *t, Store *s, StoreOp *batch) {
    for (;;) {
        int r = store_run(s, batch, now_read().wall_ms);
        if (r != -ENOSPC || is_stopping(t))
            return r;
        (void)pthread_mutex_lock(&t->lock);
        t->report.health.intake_closed = true;
        (void)pthread_mutex_unlock(&t->lock);
        atomic_fetch_add(&t->beats->store, 1); /* a full disk is not a hang */
        bool more = false;
        r = store_idle(s, now_read().wall_ms, &more); /* the log copied, what is finished purged */
        if (r < 0)
            return r;
        (void)poll(NULL, 0, FULL_RETRY_MS);
    }
}

/* One step without the lock: a batch, and housekeeping when there is none or it is time. The router
 * (here) does neither housekeeping nor waits for a full disk. */
static int step(StoreThread *t, Store *s, StoreOp *batch, bool here, StoreReport *report,
                bool *ret_more) {
    int r = 0;
    if (batch)
        r = here ? store_run(s, batch, now_read().wall_ms) : run_batch(t, s, batch);
    Now now = now_read();
    if (r == 0 && !here && (!batch || now.mono_ms >= t->idle_mono_ms)) {
        r = store_idle(s, now.wall_ms, ret_more);
        t->idle_mono_ms = now.mono_ms + IDLE_AT_LEAST_MS;
    }
    if (r == 0) {
        report->health = *store_health(s);
        report->backup = store_backup_state(s, report->backup_text);
    }
    return r;
}

static int64_t clock_us(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The disk has no room for what the router tried: nothing was done, and to wait is for the thread.
 */
static void pass_on(StoreThread *t, StoreOp *batch) {
    t->waiting = batch;
    t->working = false;
    t->held_up = false;
    (void)pthread_cond_signal(&t->wake);
}

/* Does what is to be done with the store; the caller has set `working` and not the lock. */
static int work(StoreThread *t, StoreOp *batch, bool here, bool *ret_more) {
    StoreReport report = { 0 };
    const int64_t start = clock_us(CLOCK_MONOTONIC), start_cpu = clock_us(CLOCK_THREAD_CPUTIME_ID);
    int r = step(t, t->store, batch, here, &report, ret_more);
    const int64_t took = clock_us(CLOCK_MONOTONIC) - start;
    const int64_t disk = took - (clock_us(CLOCK_THREAD_CPUTIME_ID) - start_cpu);
    atomic_fetch_add(&t->beats->store, 1);

    (void)pthread_mutex_lock(&t->lock);
    if (here && r == -ENOSPC) {
        pass_on(t, batch);
        (void)pthread_mutex_unlock(&t->lock);
        return r;
    }
    if (r == 0)
        t->report = report;
    else
        t->report.health = *store_health(t->store); /* what was the matter */
    t->fault = r;
    if (batch) {
        t->done = batch;
        t->disk_us = disk;
        t->cost_us = took > t->cost_us ? took : t->cost_us - (t->cost_us - took) / 8;
    }
    t->working = false;
    if (t->held_up || r < 0)
        (void)pthread_cond_signal(&t->wake);
    t->held_up = false;
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

/* Returns false when the thread has to end: asked to, or after a fault. */
static bool turn(StoreThread *t, int64_t *wait_ms) {
    bool more = false;
    (void)pthread_mutex_lock(&t->lock);
    wait_for_work(t, *wait_ms);
    StoreOp *batch = TAKE_PTR(t->waiting);
    bool stop = t->fault < 0 || (!batch && t->stopping);
    t->working = !stop;
    (void)pthread_mutex_unlock(&t->lock);
    if (stop)
        return false;

    int r = work(t, batch, false, &more);
    *wait_ms = more ? 0 : batch ? IDLE_SOON_MS : IDLE_LATER_MS;
    if (batch || r < 0)
        ring(t);
    return r == 0;
}

static void *store_main(void *data) {
    StoreThread *t = data;
    Store *s = open_store(t);
    int64_t wait_ms = 0;
    if (!s)
        return NULL;
    while (turn(t, &wait_ms))
        continue;
    if (t->fault == 0) /* nobody else writes it */
        (void)store_close(s);
    return NULL;
}

int store_thread_start(StoreThread **ret, const StoreConfig *config, Beats *beats) {
    StoreThread *t = calloc(1, sizeof(*t));
    pthread_condattr_t attr;
    if (!t)
        return -ENOMEM;
    t->config = config;
    t->beats = beats;
    t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->fd < 0) {
        int r = -errno;
        free(t);
        return r;
    }
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&t->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    int r = -pthread_create(&t->thread, NULL, store_main, t);
    if (r < 0) {
        close(t->fd);
        free(t);
        return r;
    }
    (void)pthread_setname_np(t->thread, "serasid-store"); /* for top -H */
    *ret = t;
    return 0;
}

static void free_list(StoreOp *list) {
    while (list) {
        StoreOp *next = list->next;
        store_op_free(list);
        list = next;
    }
}

StoreThread *store_thread_stop(StoreThread *t) {
    if (!t)
        return NULL;
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
    directory_unref(t->directory);
    (void)enrolments_unref(t->enrolments);
    free_list(t->waiting);
    free_list(t->done);
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_mutex_destroy(&t->lock);
    close(t->fd);
    free(t);
    return NULL;
}

int store_thread_fd(const StoreThread *t) {
    return t->fd;
}

void store_thread_clear_fd(StoreThread *t) {
    uint64_t count;
    (void)!read(t->fd, &count, sizeof(count)); /* empty is fine too */
}

bool store_thread_is_open(StoreThread *t, int *ret_r, char why[static 256]) {
    (void)pthread_mutex_lock(&t->lock);
    bool opened = t->opened;
    *ret_r = t->open_result;
    memcpy(why, t->why, sizeof(t->why));
    (void)pthread_mutex_unlock(&t->lock);
    return opened;
}

Directory *store_thread_steal_directory(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    Directory *d = TAKE_PTR(t->directory);
    (void)pthread_mutex_unlock(&t->lock);
    return d;
}

Enrolments *store_thread_steal_enrolments(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    Enrolments *e = TAKE_PTR(t->enrolments);
    (void)pthread_mutex_unlock(&t->lock);
    return e;
}

bool store_thread_is_idle(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    bool idle = !t->busy;
    (void)pthread_mutex_unlock(&t->lock);
    return idle;
}

bool store_thread_give(StoreThread *t, StoreOp *batch, bool small) {
    (void)pthread_mutex_lock(&t->lock);
    assert(!t->busy);
    t->busy = true;
    const bool here = small && !t->working && t->fault == 0 && t->cost_us <= QUICK_US;
    if (here) {
        t->working = true;
    } else {
        t->waiting = batch;
        (void)pthread_cond_signal(&t->wake);
    }
    (void)pthread_mutex_unlock(&t->lock);
    bool more;
    return here && work(t, batch, true, &more) != -ENOSPC; /* a fault is for the taking to tell */
}

int64_t store_thread_disk_us(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    int64_t us = t->disk_us;
    (void)pthread_mutex_unlock(&t->lock);
    return us;
}

int store_thread_take(StoreThread *t, StoreOp **ret) {
    (void)pthread_mutex_lock(&t->lock);
    int r = t->fault;
    StoreOp *done = r == 0 ? TAKE_PTR(t->done) : NULL;
    if (done)
        t->busy = false;
    (void)pthread_mutex_unlock(&t->lock);
    if (r == 0)
        *ret = done;
    return r;
}

void store_thread_report(StoreThread *t, StoreReport *ret) {
    (void)pthread_mutex_lock(&t->lock);
    *ret = t->report;
    (void)pthread_mutex_unlock(&t->lock);
}

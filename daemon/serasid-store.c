/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Three batches are in here at most: one is collected, one is carried out, and one, carried out
 * before, is synced. There is no timer that would let batches grow; they grow by themselves
 * meanwhile.
 *
 * Syncing is for a thread of its own when the next batch is there already, or is likely to come
 * meanwhile as it did the last time; else the thread that carried it out does it, which is quicker.
 * Results are told in order, and none before its sync.
 *
 * After a fault the threads end and leave the store open: what a failed commit left behind is not
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
#include "daemon/serasid-copy.h"
#include "daemon/serasid-store.h"

#define IDLE_SOON_MS     100 /* after work: checkpoint, purge */
#define IDLE_LATER_MS    500 /* nothing happened since */
#define IDLE_AT_LEAST_MS 200 /* under load housekeeping must not starve */
#define FULL_RETRY_MS    500
#define LOCKED_RETRY_MS  50
#define QUICK_US         1000 /* a batch that takes longer is not for the router to wait for */
#define MANY             128U /* messages in a batch: the router is told that there is room again */

typedef struct Batch {
    StoreOp *first, *last;
} Batch;

struct StoreThread {
    const StoreConfig *config;
    Beats *beats;
    pthread_t thread, sync_thread;
    int fd;
    Store *store;     /* whose hands it is in: see `working` */
    CopyThread *copy; /* theirs as well, as the next; NULL: the log is copied here */
    int64_t idle_mono_ms;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;  /* for the thread that carries out */
    pthread_cond_t to_sync, synced;
    bool opened, stopping, ended; /* ended: nothing more will have to be synced */
    int open_result, fault;
    char why[256];
    Directory *directory;
    Enrolments *enrolments;
    Batch waiting, done;
    BatchFill fill;    /* of what waits */
    StoreOp *unsynced; /* carried out, for the other thread to sync */
    bool running;      /* a batch is carried out, or its results are not in `done` yet */
    bool overlap;      /* the next batch came while the last one was synced */
    bool held_up;      /* this thread waits for the router to end its work */
    bool working;      /* somebody is at work on the store, this thread or the router */
    bool long_log;     /* to be copied into the database */
    int64_t cost_us;   /* of a batch lately: mostly what the disk takes to sync */
    int64_t write_us;  /* of the batch to sync, until then */
    int64_t sync_us;   /* of the last sync */
    StoreReport report;
};

static void ring(StoreThread *t) {
    uint64_t one = 1;
    ssize_t n = write(t->fd, &one, sizeof(one));
    assert(n == (ssize_t)sizeof(one)); /* the counter cannot overflow by news that are taken */
}

static void batch_append(Batch *b, StoreOp *list) {
    if (b->last)
        b->last->next = list;
    else
        b->first = list;
    while (list) {
        b->last = list;
        list = list->next;
    }
}

static StoreOp *batch_take(Batch *b) {
    StoreOp *list = b->first;
    *b = (Batch) { 0 };
    return list;
}

static void on_progress(void *data) {
    StoreThread *t = data;
    atomic_fetch_add(&t->beats->store, 1);
}

/* A serasictl that looks into the store of a broker that does not run (queues, trace, check) has
 * its lock, and is done soon: a broker that begins just then waits for it. */
static int open_when_free(StoreThread *t, Store **ret, char why[static 256]) {
    const int64_t until = now_read().mono_ms + STORE_LOCKED_WAIT_MS;
    int r = store_open(ret, t->config, on_progress, t, why);
    while (r == -EBUSY && now_read().mono_ms < until) {
        (void)pthread_mutex_lock(&t->lock);
        memcpy(t->why, why, sizeof(t->why));
        (void)pthread_mutex_unlock(&t->lock);
        ring(t);
        (void)poll(NULL, 0, LOCKED_RETRY_MS);
        on_progress(t);
        r = store_open(ret, t->config, on_progress, t, why);
    }
    return r;
}

static Store *open_store(StoreThread *t) {
    Store *s = NULL;
    char why[256] = "";
    int r = open_when_free(t, &s, why);
    if (r == 0 && copy_thread_start(&t->copy, t->config->path) < 0)
        t->copy = NULL;
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
    while (!t->waiting.first && !t->long_log && !t->stopping && t->fault == 0 && r == 0)
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

/* A long log is copied by another thread, what it left by this one; so is one that grows faster. */
static int copy_log(StoreThread *t) {
    Copied copied;
    int r = 0;
    if (t->copy && copy_thread_take(t->copy, &copied))
        r = store_copy_end(t->store, &copied);
    if (r == 0 && t->copy && store_copy_begin(t->store))
        copy_thread_go(t->copy);
    return r;
}

/* A disk with no room even for settlements is waited for: nothing of the batch was done or
 * answered, and dying would not make room. Ends early only when the daemon has to stop. */
static int run_batch(StoreThread *t, Store *s, StoreOp *batch) {
    for (;;) {
        int r = store_write(s, batch, now_read().wall_ms);
        if (r != -ENOSPC || is_stopping(t))
            return r;
        (void)pthread_mutex_lock(&t->lock);
        t->report.health.intake_closed = true;
        (void)pthread_mutex_unlock(&t->lock);
        atomic_fetch_add(&t->beats->store, 1); /* a full disk is not a hang */
        bool more = false;
        r = copy_log(t);
        if (r == 0) /* the log copied, what is finished purged */
            r = store_idle(s, now_read().wall_ms, &more);
        if (r < 0)
            return r;
        (void)poll(NULL, 0, FULL_RETRY_MS);
    }
}

/* Its results may be told. The lock is held. */
static void finish(StoreThread *t, StoreOp *batch, int64_t write_us, int64_t sync_us) {
    const int64_t took = write_us + sync_us;
    batch_append(&t->done, batch);
    t->sync_us = sync_us;
    t->cost_us += (took - t->cost_us) / 8;
}

/* The thread cannot go on. The first fault is the one to tell: what follows from it may not know
 * what was the matter. The lock is held. */
static void fail(StoreThread *t, int error, const StoreHealth *health) {
    if (t->fault == 0) {
        t->fault = error;
        t->report.health = *health;
    }
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_cond_signal(&t->synced);
}

static int sync_and_finish(StoreThread *t, StoreOp *batch, int64_t write_us) {
    const int64_t start = now_us();
    const int r = store_sync(t->store);
    (void)pthread_mutex_lock(&t->lock);
    if (r == 0)
        finish(t, batch, write_us, now_us() - start);
    t->overlap = t->waiting.first;
    t->running = t->running && r < 0;
    (void)pthread_mutex_unlock(&t->lock);
    ring(t);
    return r;
}

/* What a batch did is in the report before its answers are: who asks how the backup is that he was
 * told has begun must not hear of the one before. The lock is held, and the store is in our hands.
 */
static void report(StoreThread *t) {
    t->report.health = *store_health(t->store);
    t->report.backup = store_backup_state(t->store, t->report.backup_text);
}

/* In order, so the last one first; by the other thread when there is something else to do here, or
 * will be before it is synced. */
static int settle(StoreThread *t, StoreOp *batch, int64_t write_us) {
    (void)pthread_mutex_lock(&t->lock);
    while (t->unsynced && t->fault == 0)
        (void)pthread_cond_wait(&t->synced, &t->lock);
    const int fault = t->fault;
    if (fault == 0)
        report(t);
    const bool away = fault == 0 && (t->waiting.first || t->overlap);
    if (away) {
        t->unsynced = batch;
        t->write_us = write_us;
        t->running = false;
        (void)pthread_cond_signal(&t->to_sync);
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (fault < 0)
        return fault;
    return away ? 0 : sync_and_finish(t, batch, write_us);
}

/* A batch, and housekeeping when there is none or it is time. Without the lock; `working` is set.
 */
static int step(StoreThread *t, StoreOp *batch, bool *ret_more) {
    int r = 0;
    if (batch) {
        const int64_t start = now_us();
        r = run_batch(t, t->store, batch);
        if (r == 0)
            r = settle(t, batch, now_us() - start);
    }
    if (r == 0)
        r = copy_log(t);
    if (r == 0)
        r = store_trim(t->store);
    const Now now = now_read();
    if (r == 0 && (!batch || now.mono_ms >= t->idle_mono_ms)) {
        r = store_idle(t->store, now.wall_ms, ret_more);
        t->idle_mono_ms = now.mono_ms + IDLE_AT_LEAST_MS;
    }
    return r;
}

/* The store is out of our hands. The lock is held. */
static void let_go(StoreThread *t, int r) {
    t->working = false;
    if (r < 0)
        fail(t, r, store_health(t->store));
    if (t->fault == 0)
        report(t);
}

/* Returns false when the thread has to end: asked to, or after a fault. */
static bool turn(StoreThread *t, int64_t *wait_ms) {
    bool more = false;
    (void)pthread_mutex_lock(&t->lock);
    wait_for_work(t, *wait_ms);
    StoreOp *batch = batch_take(&t->waiting);
    const bool stop = t->fault < 0 || (!batch && t->stopping), room = t->fill.messages >= MANY;
    t->fill = (BatchFill) { 0 };
    t->running = batch;
    t->working = !stop;
    t->long_log = false;
    if (stop && batch)
        batch_append(&t->waiting, batch);
    (void)pthread_mutex_unlock(&t->lock);
    if (stop)
        return false;
    if (room)
        ring(t);

    const int r = step(t, batch, &more);
    *wait_ms = more ? 0 : batch ? IDLE_SOON_MS : IDLE_LATER_MS;
    atomic_fetch_add(&t->beats->store, 1);
    (void)pthread_mutex_lock(&t->lock);
    if (r < 0 && batch && t->running)
        batch_append(&t->waiting, batch); /* to be freed */
    let_go(t, r);
    (void)pthread_mutex_unlock(&t->lock);
    if (r < 0)
        ring(t);
    return r == 0;
}

/* Batches that another one is carried out behind. */
static void *sync_main(void *data) {
    StoreThread *t = data;
    (void)pthread_mutex_lock(&t->lock);
    while (!t->ended && t->fault == 0) {
        if (!t->unsynced) {
            (void)pthread_cond_wait(&t->to_sync, &t->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&t->lock);
        const int64_t start = now_us();
        const int r = store_sync(t->store);
        const int64_t took = now_us() - start;
        (void)pthread_mutex_lock(&t->lock);
        if (r == 0) {
            t->overlap = t->waiting.first || t->running;
            finish(t, TAKE_PTR(t->unsynced), t->write_us, took);
        } else {
            static const StoreHealth health = { .fault = "the log cannot be synced" };
            fail(t, r, &health);
        }
        (void)pthread_cond_signal(&t->synced);
        (void)pthread_mutex_unlock(&t->lock);
        ring(t);
        (void)pthread_mutex_lock(&t->lock);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return NULL;
}

static int wait_synced(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    while (t->unsynced && t->fault == 0)
        (void)pthread_cond_wait(&t->synced, &t->lock);
    const int r = t->fault;
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

static void *store_main(void *data) {
    StoreThread *t = data;
    Store *s = open_store(t);
    int64_t wait_ms = 0;
    if (!s)
        return NULL;
    while (turn(t, &wait_ms))
        continue;
    int r = wait_synced(t);
    Copied copied;
    if (copy_thread_stop(TAKE_PTR(t->copy), &copied) && r == 0)
        r = store_copy_end(s, &copied); /* what failed is no clean stop */
    if (r == 0)
        (void)store_close(s);
    return NULL;
}

static void end_sync_thread(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    t->ended = true;
    (void)pthread_cond_signal(&t->to_sync);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->sync_thread, NULL);
}

static int start_threads(StoreThread *t) {
    int r = -pthread_create(&t->sync_thread, NULL, sync_main, t);
    if (r < 0)
        return r;
    r = -pthread_create(&t->thread, NULL, store_main, t);
    if (r < 0) {
        end_sync_thread(t);
        return r;
    }
    (void)pthread_setname_np(t->thread, "serasid-store"); /* for top -H */
    (void)pthread_setname_np(t->sync_thread, "serasid-sync");
    return 0;
}

static void free_list(StoreOp *list) {
    while (list) {
        StoreOp *next = list->next;
        store_op_free(list);
        list = next;
    }
}

static void thread_free(StoreThread *t) {
    free_list(t->waiting.first);
    free_list(t->unsynced);
    free_list(t->done.first);
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_cond_destroy(&t->to_sync);
    (void)pthread_cond_destroy(&t->synced);
    (void)pthread_mutex_destroy(&t->lock);
    close(t->fd);
    free(t);
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
    (void)pthread_cond_init(&t->to_sync, NULL);
    (void)pthread_cond_init(&t->synced, NULL);
    int r = start_threads(t);
    if (r < 0) {
        thread_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

StoreThread *store_thread_stop(StoreThread *t) {
    if (!t)
        return NULL;
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
    end_sync_thread(t);
    directory_unref(t->directory);
    (void)enrolments_unref(t->enrolments);
    thread_free(t);
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

static bool is_free(const StoreThread *t) {
    return !t->waiting.first && !t->running;
}

static bool is_idle(const StoreThread *t) {
    return is_free(t) && !t->unsynced && !t->done.first;
}

bool store_thread_is_free(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    const bool yes = is_free(t);
    (void)pthread_mutex_unlock(&t->lock);
    return yes;
}

bool store_thread_is_idle(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    const bool yes = is_idle(t);
    (void)pthread_mutex_unlock(&t->lock);
    return yes;
}

/* A small batch in the router's thread. Housekeeping and waiting for a full disk are not for it. */
static int run_here(StoreThread *t, StoreOp *batch) {
    const int64_t start = now_us();
    int r = store_write(t->store, batch, now_read().wall_ms);
    const int64_t written = now_us();
    if (r == 0)
        r = store_sync(t->store);
    const int64_t end = now_us();
    if (r == 0)
        r = copy_log(t);
    atomic_fetch_add(&t->beats->store, 1);

    (void)pthread_mutex_lock(&t->lock);
    t->working = false;
    if (r == 0) {
        finish(t, batch, written - start, end - written);
        report(t);
        t->long_log = store_log_is_long(t->store);
    } else {
        batch_append(&t->waiting, batch);
        if (r != -ENOSPC)
            fail(t, r, store_health(t->store));
    }
    if (t->held_up || t->long_log || r < 0)
        (void)pthread_cond_signal(&t->wake);
    t->held_up = false;
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

bool store_thread_give(StoreThread *t, StoreOp *batch, bool small) {
    (void)pthread_mutex_lock(&t->lock);
    const bool here = small && is_idle(t) && !t->working && t->fault == 0 && t->cost_us <= QUICK_US;
    if (here) {
        t->working = true;
    } else {
        batch_append(&t->waiting, batch);
        (void)pthread_cond_signal(&t->wake);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return here && run_here(t, batch) != -ENOSPC; /* a fault is for the taking to tell */
}

BatchFill store_thread_fill(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    const BatchFill fill = t->fill;
    (void)pthread_mutex_unlock(&t->lock);
    return fill;
}

void store_thread_add(StoreThread *t, StoreOp *more, const BatchFill *fill) {
    (void)pthread_mutex_lock(&t->lock);
    batch_append(&t->waiting, more);
    t->fill = *fill;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->lock);
}

int64_t store_thread_sync_us(StoreThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    const int64_t us = t->sync_us;
    (void)pthread_mutex_unlock(&t->lock);
    return us;
}

int store_thread_take(StoreThread *t, StoreOp **ret) {
    (void)pthread_mutex_lock(&t->lock);
    const int r = t->fault;
    if (r == 0)
        *ret = batch_take(&t->done);
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

void store_thread_report(StoreThread *t, StoreReport *ret) {
    (void)pthread_mutex_lock(&t->lock);
    *ret = t->report;
    (void)pthread_mutex_unlock(&t->lock);
}

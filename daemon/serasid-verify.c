/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/serasid-verify.h"

#define BEAT_MS 500 /* without work: a sign of life so often */

struct VerifyThread {
    Beats *beats;
    pthread_t thread;
    int fd;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping, busy, done; /* busy: a batch was given and not taken back */
    Checks *waiting;
};

/* The next batch; NULL when the thread has to end. */
static Checks *wait_for_batch(VerifyThread *t) {
    struct timespec until;
    (void)pthread_mutex_lock(&t->lock);
    while (!t->waiting && !t->stopping) {
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += BEAT_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&t->wake, &t->lock, &until);
        atomic_fetch_add(&t->beats->verify, 1);
    }
    Checks *batch = TAKE_PTR(t->waiting);
    (void)pthread_mutex_unlock(&t->lock);
    return batch;
}

static void *verify_main(void *data) {
    VerifyThread *t = data;
    const uint64_t one = 1;
    for (Checks *batch; (batch = wait_for_batch(t));) {
        checks_run(batch);
        atomic_fetch_add(&t->beats->verify, 1);
        (void)pthread_mutex_lock(&t->lock);
        t->done = true;
        (void)pthread_mutex_unlock(&t->lock);
        ssize_t n = write(t->fd, &one, sizeof(one));
        assert(n == (ssize_t)sizeof(one)); /* the counter cannot overflow by news that are taken */
    }
    return NULL;
}

int verify_thread_start(VerifyThread **ret, Beats *beats) {
    VerifyThread *t = calloc(1, sizeof(*t));
    pthread_condattr_t attr;
    if (!t)
        return -ENOMEM;
    t->beats = beats;
    t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = t->fd < 0 ? -errno : 0;
    if (r < 0) {
        free(t);
        return r;
    }
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&t->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    r = -pthread_create(&t->thread, NULL, verify_main, t);
    if (r < 0) {
        close(t->fd);
        free(t);
        return r;
    }
    (void)pthread_setname_np(t->thread, "serasid-verify"); /* for top -H */
    *ret = t;
    return 0;
}

VerifyThread *verify_thread_stop(VerifyThread *t) {
    if (!t)
        return NULL;
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_mutex_destroy(&t->lock);
    close(t->fd);
    free(t);
    return NULL;
}

int verify_thread_fd(const VerifyThread *t) {
    return t->fd;
}

void verify_thread_clear_fd(VerifyThread *t) {
    uint64_t count;
    (void)!read(t->fd, &count, sizeof(count)); /* empty is fine too */
}

bool verify_thread_is_idle(VerifyThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    const bool idle = !t->busy;
    (void)pthread_mutex_unlock(&t->lock);
    return idle;
}

void verify_thread_give(VerifyThread *t, Checks *batch) {
    (void)pthread_mutex_lock(&t->lock);
    assert(!t->busy);
    t->busy = true;
    t->waiting = batch;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->lock);
}

bool verify_thread_take(VerifyThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    const bool done = t->done;
    t->done = false;
    t->busy = t->busy && !done;
    (void)pthread_mutex_unlock(&t->lock);
    return done;
}

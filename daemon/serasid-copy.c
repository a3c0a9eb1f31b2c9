/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/serasid-copy.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct CopyThread {
    Copier *copier;
    pthread_t thread;

    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed; /* for the thread: nobody waits for it to be done, but stop */
    enum { COPY_NONE, COPY_RUNS, COPY_DONE } state;
    bool stopping;
    Copied copied;
};

static void *copy_main(void *data) {
    CopyThread *t = data;
    (void)pthread_mutex_lock(&t->lock);
    while (t->state == COPY_RUNS || !t->stopping) {
        if (t->state != COPY_RUNS) {
            (void)pthread_cond_wait(&t->changed, &t->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&t->lock);
        const Copied copied = copier_run(t->copier);
        (void)pthread_mutex_lock(&t->lock);
        t->copied = copied;
        t->state = COPY_DONE;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return NULL;
}

int copy_thread_start(CopyThread **ret, const char *path) {
    CopyThread *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    int r = copier_open(&t->copier, path);
    if (r == 0) {
        (void)pthread_mutex_init(&t->lock, NULL);
        (void)pthread_cond_init(&t->changed, NULL);
        r = -pthread_create(&t->thread, NULL, copy_main, t);
    }
    if (r < 0) {
        t->copier = copier_close(t->copier);
        free(t);
        return r;
    }
    (void)pthread_setname_np(t->thread, "serasid-copy"); /* for top -H */
    *ret = t;
    return 0;
}

bool copy_thread_take(CopyThread *t, Copied *ret) {
    (void)pthread_mutex_lock(&t->lock);
    const bool done = t->state == COPY_DONE;
    if (done) {
        *ret = t->copied;
        t->state = COPY_NONE;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return done;
}

bool copy_thread_stop(CopyThread *t, Copied *ret) {
    if (!t)
        return false;
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_signal(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
    const bool untold = copy_thread_take(t, ret);
    (void)copier_close(t->copier);
    (void)pthread_cond_destroy(&t->changed);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
    return untold;
}

void copy_thread_go(CopyThread *t) {
    (void)pthread_mutex_lock(&t->lock);
    t->state = COPY_RUNS;
    (void)pthread_cond_signal(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
}

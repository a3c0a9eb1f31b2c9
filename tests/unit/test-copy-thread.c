/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that copies the log, over a copier whose runs the test lets go. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "test.h"

#include "daemon/serasid-copy.h"
#include "store-fixture.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hold;
    unsigned runs;
    int result;
} way = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

Copied __wrap_copier_run(Copier *c);

Copied __wrap_copier_run(Copier *c) {
    assert_non_null(c);
    (void)pthread_mutex_lock(&way.lock);
    Copied copied = { .done = ++way.runs, .result = way.result };
    (void)pthread_cond_broadcast(&way.changed);
    while (way.hold)
        (void)pthread_cond_wait(&way.changed, &way.lock);
    (void)pthread_mutex_unlock(&way.lock);
    return copied;
}

static void start(CopyThread **ret, Fixture *f) {
    way.hold = false;
    way.runs = 0;
    way.result = 0;
    ASSERT_OK(copy_thread_start(ret, f->path));
}

static void wait_runs(unsigned n) {
    (void)pthread_mutex_lock(&way.lock);
    while (way.runs < n)
        (void)pthread_cond_wait(&way.changed, &way.lock);
    (void)pthread_mutex_unlock(&way.lock);
}

static void let_go(void) {
    (void)pthread_mutex_lock(&way.lock);
    way.hold = false;
    (void)pthread_cond_broadcast(&way.changed);
    (void)pthread_mutex_unlock(&way.lock);
}

static Copied wait_copied(CopyThread *t) {
    Copied copied;
    while (!copy_thread_take(t, &copied))
        (void)sched_yield();
    return copied;
}

TEST(each_copy_is_told_once_and_only_when_it_has_ended) {
    FIXTURE(f);
    CopyThread *t = NULL;
    Copied copied = { .done = 77 };
    start(&t, &f);
    assert_false(copy_thread_take(t, &copied));
    for (unsigned i = 1; i <= 3; i++) {
        way.hold = true;
        way.result = -(int)i;
        copy_thread_go(t);
        wait_runs(i);
        assert_false(copy_thread_take(t, &copied));
        ASSERT_EQ(copied.done, 77);
        let_go();
        const Copied got = wait_copied(t);
        ASSERT_EQ(got.done, i);
        ASSERT_EQ(got.result, -(int)i);
        assert_false(copy_thread_take(t, &copied));
    }
    assert_false(copy_thread_stop(t, &copied)); /* all was told */
    ASSERT_EQ(copied.done, 77);
    ASSERT_EQ(way.runs, 3);
}

/* Else a stop would be called clean although the last copy was not synced. */
TEST(a_copy_that_nobody_asked_for_yet_is_told_at_the_stop) {
    FIXTURE(f);
    CopyThread *t = NULL;
    Copied copied = { .done = 77 };
    start(&t, &f);
    way.result = -EIO;
    copy_thread_go(t);
    wait_runs(1);
    ASSERT_TRUE(copy_thread_stop(t, &copied));
    ASSERT_EQ(copied.result, -EIO);
    ASSERT_EQ(copied.done, 1);
}

TEST(a_stop_waits_for_the_copy_under_way_and_for_one_that_was_just_asked_for) {
    FIXTURE(f);
    for (unsigned i = 0; i < 50; i++) {
        CopyThread *t = NULL;
        Copied copied = { .done = 77 };
        start(&t, &f);
        copy_thread_go(t);
        ASSERT_TRUE(copy_thread_stop(t, &copied));
        ASSERT_EQ(copied.done, 1);
    }
}

TEST(a_stop_without_a_copy_tells_nothing) {
    FIXTURE(f);
    CopyThread *t = NULL;
    Copied copied = { .done = 77 };
    start(&t, &f);
    assert_false(copy_thread_stop(t, &copied));
    assert_false(copy_thread_stop(NULL, &copied));
    ASSERT_EQ(copied.done, 77);
    ASSERT_EQ(way.runs, 0);
}

TEST(without_a_store_it_does_not_start) {
    FIXTURE(f);
    CopyThread *t = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/other.db", f.folder);
    ASSERT_TRUE(copy_thread_start(&t, path) < 0);
    assert_null(t);
}

TEST_MAIN

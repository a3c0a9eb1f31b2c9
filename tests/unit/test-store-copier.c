/* SPDX-License-Identifier: Apache-2.0 */
/* The log, copied by a connection of its own beside the work of the store. */
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"

static uint64_t frames(Fixture *f) {
    return store_health(f->store)->wal_frames;
}

/* As the daemon does: nothing is copied here. A message is settled at once: nothing waits. */
static void work(Fixture *f) {
    StoreOp *op = accept_op(message_to(f, HOME, 0));
    ASSERT_OK(store_write(f->store, op, f->now_ms));
    ASSERT_OK(store_sync(f->store));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 1);
    StoreOp *done = delivery_op(&op->deposits[0].row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE, "");
    ASSERT_OK(store_write(f->store, done, f->now_ms));
    ASSERT_OK(store_sync(f->store));
    store_op_free(done);
    store_op_free(op);
}

static void work_until_long(Fixture *f) {
    for (unsigned i = 0; i < 1000 && !store_log_is_long(f->store); i++)
        work(f);
    ASSERT_TRUE(store_log_is_long(f->store));
}

static Copied copy(Copier *c) {
    const Copied copied = copier_run(c);
    ASSERT_STR(copied.fault, "");
    ASSERT_OK(copied.result);
    return copied;
}

static void expect_sound(Fixture *f) {
    sqlite3_stmt *q = NULL;
    fixture_reopen(f);
    ASSERT_EQ(sqlite3_prepare_v2(f->store->db, "PRAGMA integrity_check", -1, &q, NULL), SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    ASSERT_STR((const char *)sqlite3_column_text(q, 0), "ok");
    sqlite3_finalize(q);
    ASSERT_EQ(sqlite3_prepare_v2(f->store->db, "SELECT count(*) FROM message WHERE kind <> 90", -1,
                                 &q, NULL),
              SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    ASSERT_EQ(sqlite3_column_int64(q, 0), f->n_ids);
    sqlite3_finalize(q);
}

/* A log that is long and held, for whoever is returned to copy. */
static Copier *long_log_held(Fixture *f) {
    Copier *c = NULL;
    ASSERT_OK(copier_open(&c, f->path));
    work_until_long(f);
    ASSERT_TRUE(store_copy_begin(f->store));
    return c;
}

TEST(a_short_log_is_left_alone) {
    FIXTURE(f);
    work(&f);
    assert_false(store_copy_begin(f.store));
}

/* Else SQLite's connections meet where they may lose what was committed (copier.h). */
TEST(while_it_is_copied_the_log_does_not_begin_anew) {
    FIXTURE(f);
    _cleanup_(copier_closep) Copier *c = long_log_held(&f);
    assert_false(store_log_is_long(f.store));
    assert_false(store_copy_begin(f.store));
    const uint64_t before = frames(&f);
    ASSERT_EQ(copy(c).done, before); /* all of it: without being held it would begin anew */
    work(&f);
    ASSERT_TRUE(frames(&f) > before);
    const Copied copied = copy(c);
    ASSERT_EQ(copied.done, frames(&f));
    ASSERT_OK(store_copy_end(f.store, &copied));
    work(&f);
    ASSERT_TRUE(frames(&f) < before);
    c = copier_close(c);
    expect_sound(&f);
}

TEST(a_log_that_begins_anew_all_the_same_is_a_fault_and_loses_nothing) {
    FIXTURE(f);
    _cleanup_(copier_closep) Copier *c = long_log_held(&f);
    (void)copy(c);
    pages_hold_log(f.store->pages, false); /* as if SQLite did not ask for the lock */
    StoreOp *op = accept_op(message_to(&f, HOME, 0));
    f.n_ids--; /* it is not taken */
    ASSERT_EQ(store_write(f.store, op, f.now_ms), -EIO);
    store_op_free(op);
    c = copier_close(c);
    expect_sound(&f);
}

TEST(the_little_that_is_left_is_copied_by_the_store_and_the_log_begins_anew) {
    FIXTURE(f);
    _cleanup_(copier_closep) Copier *c = long_log_held(&f);
    const Copied copied = copy(c);
    work(&f);
    const uint64_t all = frames(&f);
    ASSERT_OK(store_trim(f.store)); /* not by two at once */
    ASSERT_EQ(f.store->wal_done, 0);
    ASSERT_OK(store_copy_end(f.store, &copied));
    ASSERT_TRUE(store_log_is_long(f.store));
    assert_false(store_copy_begin(f.store));
    ASSERT_OK(store_trim(f.store));
    ASSERT_EQ(f.store->wal_done, all);
    work(&f);
    ASSERT_TRUE(frames(&f) < 100);
    c = copier_close(c);
    expect_sound(&f);
}

static void *copy_main(void *data) {
    static Copied copied;
    copied = copier_run(data);
    return &copied;
}

TEST(messages_taken_while_it_is_copied_are_there_afterwards) {
    FIXTURE(f);
    _cleanup_(copier_closep) Copier *c = NULL;
    ASSERT_OK(copier_open(&c, f.path));
    for (unsigned round = 0; round < 5; round++) {
        pthread_t thread;
        void *copied = NULL;
        work_until_long(&f);
        ASSERT_TRUE(store_copy_begin(f.store));
        ASSERT_EQ(pthread_create(&thread, NULL, copy_main, c), 0);
        for (unsigned i = 0; i < 20; i++)
            work(&f);
        ASSERT_EQ(pthread_join(thread, &copied), 0);
        ASSERT_OK(store_copy_end(f.store, copied));
        ASSERT_OK(store_trim(f.store));
    }
    c = copier_close(c);
    fixture_crash(&f);
    expect_sound(&f);
}

TEST(a_database_that_cannot_grow_closes_intake_and_what_else_fails_stops_the_store) {
    FIXTURE(f);
    work_until_long(&f);
    ASSERT_TRUE(store_copy_begin(f.store));
    ASSERT_OK(store_copy_end(f.store, &(Copied) { .result = -ENOSPC, .fault = "full" }));
    ASSERT_TRUE(store_health(f.store)->intake_closed);
    ASSERT_TRUE(store_copy_begin(f.store));
    ASSERT_EQ(store_copy_end(f.store, &(Copied) { .result = -EIO, .fault = "no sync" }), -EIO);
    ASSERT_STR(store_health(f.store)->fault, "no sync");
    StoreOp *op = accept_op(message_to(&f, HOME, 0));
    ASSERT_EQ(store_write(f.store, op, f.now_ms), -EIO);
    store_op_free(op);
}

TEST(a_copy_that_cannot_be_written_says_so_and_the_log_has_everything) {
    FIXTURE(f);
    struct rlimit was, small = { .rlim_cur = 16384 };
    _cleanup_(copier_closep) Copier *c = long_log_held(&f);
    ASSERT_OK(getrlimit(RLIMIT_FSIZE, &was));
    small.rlim_max = was.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    ASSERT_OK(setrlimit(RLIMIT_FSIZE, &small));
    const Copied copied = copier_run(c);
    ASSERT_OK(setrlimit(RLIMIT_FSIZE, &was));
    ASSERT_TRUE(copied.result < 0);
    ASSERT_EQ(copied.done, 0);
    ASSERT_TRUE(strlen(copied.fault) > 0);
    ASSERT_EQ(store_copy_end(f.store, &copied), copied.result == -ENOSPC ? 0 : copied.result);
    c = copier_close(c);
    expect_sound(&f);
}

/* --- by whom, and when ----------------------------------------------------------------------- */

/* It would grow for ever: intake waits until the store has copied it. */
TEST(a_log_that_grows_faster_than_it_is_copied_is_the_stores_to_copy) {
    FIXTURE(f);
    work_until_long(&f);
    f.store->health.wal_frames = 7999;
    ASSERT_TRUE(store_copy_begin(f.store));
    ASSERT_OK(store_copy_end(f.store, &(Copied) { 0 }));
    f.store->health.wal_frames = 8000;
    assert_false(store_copy_begin(f.store));
    ASSERT_TRUE(store_log_is_long(f.store));
}

TEST(with_little_room_the_log_is_kept_short_and_copied_at_once) {
    FIXTURE(f);
    while (frames(&f) < 64)
        work(&f);
    assert_false(store_log_is_long(f.store));
    f.store->above_mark = true;
    ASSERT_TRUE(store_log_is_long(f.store));
    assert_false(store_copy_begin(f.store));
    f.store->above_mark = false;
    const uint64_t was = f.store->log_pages_max;
    f.store->log_pages_max = 64; /* on a small disk */
    ASSERT_TRUE(store_log_is_long(f.store));
    assert_false(store_copy_begin(f.store));
    f.store->log_pages_max = was;
}

TEST(only_what_is_not_copied_makes_a_log_long) {
    FIXTURE(f);
    _cleanup_(copier_closep) Copier *c = long_log_held(&f);
    for (unsigned i = 0; i < 100; i++) /* more than the store would take for the rest */
        work(&f);
    Copied copied = copy(c);
    const uint32_t all = copied.done;
    copied.done -= 500; /* as if the work came while it was copied */
    ASSERT_OK(store_copy_end(f.store, &copied));
    ASSERT_TRUE(frames(&f) > 1000);
    assert_false(store_log_is_long(f.store));
    ASSERT_OK(store_copy_end(f.store, &(Copied) { 0 })); /* one that got nowhere */
    ASSERT_EQ(f.store->wal_done, all - 500);
}

TEST(a_copy_that_failed_leaves_no_rest_that_would_be_tried_at_every_turn) {
    FIXTURE(f);
    _cleanup_(copier_closep) Copier *c = long_log_held(&f);
    Copied copied = copy(c);
    copied.result = -ENOSPC;
    ASSERT_OK(store_copy_end(f.store, &copied));
    assert_false(store_log_is_long(f.store));
}

/* As somebody does who looks with sqlite3. */
static pid_t who_copies_too(const char *path) {
    char shm[128];
    int ready[2];
    ASSERT_OK(pipe(ready));
    snprintf(shm, sizeof(shm), "%s-shm", path);
    const pid_t pid = fork();
    if (pid == 0) {
        struct flock l = { .l_type = F_WRLCK, .l_start = 121, .l_len = 1 }; /* WAL_CKPT_LOCK */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* when the test fails */
        const int fd = open(shm, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && fcntl(fd, F_SETLK, &l) == 0 && write(ready[1], "", 1) == 1)
            (void)pause();
        _exit(1);
    }
    char byte;
    close(ready[1]);
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

TEST(that_another_program_copies_is_no_fault) {
    FIXTURE(f);
    _cleanup_(copier_closep) Copier *c = long_log_held(&f);
    const pid_t pid = who_copies_too(f.path);
    Copied copied = copy(c);
    ASSERT_EQ(copied.done, 0);
    ASSERT_OK(store_copy_end(f.store, &copied));
    ASSERT_TRUE(store_log_is_long(f.store));
    ASSERT_OK(store_trim(f.store));
    ASSERT_TRUE(store_log_is_long(f.store));
    ASSERT_OK(kill(pid, SIGKILL));
    ASSERT_EQ(waitpid(pid, NULL, 0), pid);
    ASSERT_OK(store_trim(f.store));
    assert_false(store_log_is_long(f.store));
}

TEST(pages_are_not_compared_with_their_checksums_while_they_are_written) {
    FIXTURE(f);
    bool more = false;
    work_until_long(&f);
    f.store->scrub_at = 1;
    ASSERT_TRUE(store_copy_begin(f.store));
    ASSERT_OK(store_idle(f.store, f.now_ms, &more));
    ASSERT_EQ(f.store->scrub_at, 1);
    ASSERT_TRUE(more);
    ASSERT_OK(store_copy_end(f.store, &(Copied) { 0 }));
    ASSERT_OK(store_idle(f.store, f.now_ms, &more));
    ASSERT_TRUE(f.store->scrub_at != 1);
}

TEST(a_file_that_is_no_store_is_not_copied_to) {
    FIXTURE(f);
    Copier *c = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/other.db", f.folder);
    ASSERT_TRUE(copier_open(&c, path) < 0); /* not made either */
    ASSERT_TRUE(access(path, F_OK) < 0);
    sqlite3 *db = NULL;
    ASSERT_EQ(sqlite3_open(path, &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ASSERT_EQ(copier_open(&c, path), -EUCLEAN);
}

TEST_MAIN

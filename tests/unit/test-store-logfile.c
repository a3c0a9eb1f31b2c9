/* SPDX-License-Identifier: Apache-2.0 */
/* The log's file: what is collected, and a sync that is owed. */
#include <pthread.h>
#include <semaphore.h>

#include "store/logfile.h"
#include "test.h"

/* The layer below writes down what it is asked for: W write, S a sync ends, T truncate, C close. */
typedef struct Below {
    sqlite3_file base;
} Below;

static char said[32];
static int sync_result;
static sem_t sync_begins, sync_may_end;
static bool sync_waits;

static void say(char what) {
    said[strlen(said)] = what;
}

static int below_close(sqlite3_file *f) {
    (void)f;
    say('C');
    return SQLITE_OK;
}
static int below_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    (void)f, (void)p, (void)n, (void)at;
    say('W');
    return SQLITE_OK;
}
static int below_truncate(sqlite3_file *f, sqlite3_int64 size) {
    (void)f, (void)size;
    say('T');
    return SQLITE_OK;
}
static int below_sync(sqlite3_file *f, int flags) {
    (void)f, (void)flags;
    if (sync_waits) {
        sem_post(&sync_begins);
        sem_wait(&sync_may_end);
    }
    say('S');
    return sync_result;
}

static const sqlite3_io_methods below_methods = { .iVersion = 1,
                                                  .xClose = below_close,
                                                  .xWrite = below_write,
                                                  .xTruncate = below_truncate,
                                                  .xSync = below_sync };

static int below_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret) {
    (void)vfs, (void)name, (void)flags, (void)ret;
    f->pMethods = &below_methods;
    return SQLITE_OK;
}

static sqlite3_vfs below = { .iVersion = 1, .szOsFile = sizeof(Below), .xOpen = below_open };

static sqlite3_file *open_log(void) {
    sqlite3_file *log = calloc(1, (size_t)logfile_size(&below));
    memset(said, 0, sizeof(said));
    sync_result = SQLITE_OK;
    sync_waits = false;
    assert_non_null(log);
    ASSERT_EQ(logfile_open(&below, "log", log, 0, NULL), SQLITE_OK);
    return log;
}

static void close_log(sqlite3_file *log) {
    (void)log->pMethods->xClose(log);
    free(log);
}

static int write_at(sqlite3_file *log, int at) {
    return log->pMethods->xWrite(log, "0123456789", 10, at);
}

static int sync_log(sqlite3_file *log) {
    return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

TEST(a_commit_is_written_in_one_piece_and_synced_at_once) {
    sqlite3_file *log = open_log();
    for (int i = 0; i < 5; i++)
        ASSERT_EQ(write_at(log, 10 * i), SQLITE_OK);
    ASSERT_STR(said, "");
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    ASSERT_STR(said, "WS");
    close_log(log);
}

TEST(a_sync_that_is_owed_is_made_by_whoever_settles_it_and_once) {
    sqlite3_file *log = open_log();
    logfile_defer(log, true);
    ASSERT_EQ(write_at(log, 0), SQLITE_OK);
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    ASSERT_STR(said, "W");
    ASSERT_EQ(logfile_settle(log), SQLITE_OK);
    ASSERT_EQ(logfile_settle(log), SQLITE_OK);
    ASSERT_STR(said, "WS");
    close_log(log);
    ASSERT_STR(said, "WSC");
}

TEST(nothing_is_written_cut_or_closed_before_the_sync_that_is_owed) {
    sqlite3_file *log = open_log();
    logfile_defer(log, true);
    ASSERT_EQ(write_at(log, 0), SQLITE_OK);
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    ASSERT_EQ(write_at(log, 10), SQLITE_OK);
    ASSERT_STR(said, "W"); /* collected only */
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    ASSERT_STR(said, "WSW");
    ASSERT_EQ(log->pMethods->xTruncate(log, 0), SQLITE_OK);
    ASSERT_STR(said, "WSWST");
    char large[200000] = { 0 };
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    ASSERT_EQ(log->pMethods->xWrite(log, large, sizeof(large), 0), SQLITE_OK);
    ASSERT_STR(said, "WSWSTSW");
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    close_log(log);
    ASSERT_STR(said, "WSWSTSWSC");
}

TEST(who_does_not_defer_settles_first) {
    sqlite3_file *log = open_log();
    logfile_defer(log, true);
    ASSERT_EQ(write_at(log, 0), SQLITE_OK);
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    logfile_defer(log, false);
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    ASSERT_STR(said, "WSS");
    close_log(log);
}

TEST(after_an_owed_sync_that_failed_everything_fails) {
    sqlite3_file *log = open_log();
    logfile_defer(log, true);
    ASSERT_EQ(write_at(log, 0), SQLITE_OK);
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    sync_result = SQLITE_IOERR_FSYNC;
    ASSERT_EQ(logfile_settle(log), SQLITE_IOERR_FSYNC);
    sync_result = SQLITE_OK; /* the kernel has dropped what it could not write, and says so once */
    ASSERT_EQ(logfile_settle(log), SQLITE_IOERR_FSYNC);
    ASSERT_EQ(write_at(log, 10), SQLITE_OK);
    ASSERT_EQ(sync_log(log), SQLITE_IOERR_FSYNC);
    ASSERT_EQ(log->pMethods->xTruncate(log, 0), SQLITE_IOERR_FSYNC);
    ASSERT_STR(said, "WS");
    close_log(log);
}

static void *settle_it(void *log) {
    return (void *)(intptr_t)logfile_settle(log);
}

TEST(while_another_thread_syncs_a_write_waits_and_so_does_who_settles) {
    pthread_t other, third;
    void *result;
    sqlite3_file *log = open_log();
    ASSERT_OK(sem_init(&sync_begins, 0, 0));
    ASSERT_OK(sem_init(&sync_may_end, 0, 0));
    logfile_defer(log, true);
    ASSERT_EQ(write_at(log, 0), SQLITE_OK);
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    sync_waits = true;
    ASSERT_OK(pthread_create(&other, NULL, settle_it, log));
    sem_wait(&sync_begins);
    ASSERT_EQ(write_at(log, 10), SQLITE_OK); /* collected while the sync is under way */
    ASSERT_OK(pthread_create(&third, NULL, settle_it, log));
    ASSERT_STR(said, "W");
    sync_waits = false;
    sem_post(&sync_may_end);
    ASSERT_EQ(sync_log(log), SQLITE_OK);
    ASSERT_OK(pthread_join(other, &result));
    ASSERT_EQ((intptr_t)result, SQLITE_OK);
    ASSERT_OK(pthread_join(third, &result));
    ASSERT_TRUE(strncmp(said, "WSW", 3) == 0);
    close_log(log);
    ASSERT_STR(said, "WSWSC");
}

TEST_MAIN

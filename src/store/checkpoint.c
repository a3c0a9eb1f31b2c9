/* SPDX-License-Identifier: Apache-2.0 */
/* When the log is copied into the database, and by whom. */
#include <errno.h>

#include "base/text.h"
#include "store/internal.h"
#include "store/logfile.h"
#include "store/space.h"
#include "store/upkeep.h"

#define CHECKPOINT_PAGES         1000U
#define CHECKPOINT_BESIDE_PAGES  8000U /* longer, and it does not keep up: intake has to wait */
#define CHECKPOINT_REST_PAGES    400U
#define CHECKPOINT_RESTART_PAGES 16000U
#define CHECKPOINT_PRESSED_PAGES 64U

int store_trim(Store *s) {
    return s->stopped < 0 ? s->stopped : (s->stopped = store_checkpoint(s));
}

/* How much may wait in the log. It needs its size once more in the database file, so on a small
 * disk, and when room is short, it is kept small. */
static uint64_t checkpoint_pages(const Store *s) {
    if (s->above_mark)
        return CHECKPOINT_PRESSED_PAGES;
    return MAX(MIN((uint64_t)CHECKPOINT_PAGES, s->log_pages_max),
               (uint64_t)CHECKPOINT_PRESSED_PAGES);
}

bool store_log_is_long(const Store *s) {
    return !s->copying &&
           (s->log_rest || s->health.wal_frames - s->wal_done >= checkpoint_pages(s));
}

/* When the database file cannot grow, everything is safe in the log. */
static int copied_less(Store *s, int error) {
    if (error != -ENOSPC)
        return error;
    space_ran_out(s);
    return 0;
}

int store_checkpoint(Store *s) {
    const uint64_t pages = s->health.wal_frames;
    if (!store_log_is_long(s))
        return 0;
    /* RESTART only waits for readers; with none it costs the same as PASSIVE. */
    const int mode =
        pages >= CHECKPOINT_RESTART_PAGES ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int frames = 0, done = 0;
    sqlite3_busy_timeout(s->db, 200);
    const int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, &frames, &done);
    sqlite3_busy_timeout(s->db, 5000);
    s->log_rest = false;
    if (done > 0)
        s->wal_done = (uint32_t)done;
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
        return 0;
    const int r = db_fail(s, rc);
    s->fault = 0;
    return copied_less(s, r);
}

/* Twice: SQLite is refused the lock for it, and goes on without; should it not ask for that lock,
 * it is an error before anything is lost. */
static void hold_log(Store *s, bool hold) {
    pages_hold_log(s->pages, hold);
    logfile_hold(s->log, hold);
}

bool store_copy_begin(Store *s) {
    const bool roomy = checkpoint_pages(s) == CHECKPOINT_PAGES;
    if (!store_log_is_long(s) || s->log_rest || !roomy ||
        s->health.wal_frames >= CHECKPOINT_BESIDE_PAGES)
        return false;
    hold_log(s, true);
    s->copying = true;
    return true;
}

int store_copy_end(Store *s, const Copied *copied) {
    hold_log(s, false);
    s->copying = false;
    s->wal_done = MAX(s->wal_done, copied->done);
    s->log_rest = s->health.wal_frames - s->wal_done <= CHECKPOINT_REST_PAGES;
    if (copied->result == 0)
        return 0;
    s->log_rest = false;
    const int r = copied_less(s, copied->result);
    if (r < 0)
        text_copy(s->health.fault, sizeof(s->health.fault), copied->fault);
    return s->stopped = r;
}

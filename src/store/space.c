/* SPDX-License-Identifier: Apache-2.0 */
/* Water marks on free space and store size, and the ballast file given up when the disk is full. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/files.h"
#include "store/internal.h"
#include "store/receipts.h"
#include "store/space.h"

#define SPACE_PERIOD_MS SECOND_MS
#define RESERVE_BYTES   (16U * 1024 * 1024)
#define FULL_PAUSE_MS   (5 * SECOND_MS)

/* The marks on free space, cut to a share of the file system so that a small disk can be used, and
 * never so low that settlements and receipts have nothing left to be written in. */
typedef struct Marks {
    uint64_t low, high;
} Marks;

static Marks marks_of(const Store *s, uint64_t total) {
    Marks m = { .low = MIN(s->config.free_low_bytes, total / 6),
                .high = MIN(s->config.free_high_bytes, total / 5) };
    m.low = MAX(m.low, MIN((uint64_t)RESERVE_BYTES, total / 6));
    m.high = MAX(m.high, m.low);
    return m;
}

/* Below the lower and above the upper marks the answer is clear; in between it stays. */
static bool is_above(const Store *s, Marks m, uint64_t free_bytes, uint64_t size) {
    const StoreConfig *c = &s->config;
    const uint64_t size_low = c->size_low_bytes > 0 ? c->size_low_bytes : c->size_high_bytes;
    if (free_bytes < m.low || (c->size_high_bytes > 0 && size > c->size_high_bytes))
        return true;
    if (free_bytes < m.high || (c->size_high_bytes > 0 && size >= size_low))
        return s->above_mark;
    return false;
}

bool space_is_due(const Store *s) {
    return s->now_ms >= s->space_due_ms ||
           s->wal_written - s->space_written >= s->log_pages_max / 4;
}

/* Bytes of the file system, and what of it may still be used. 0 or -errno. */
static int read_space(const Store *s, uint64_t *ret_total, uint64_t *ret_free) {
    const StoreDisk *disk = s->config.disk;
    struct statvfs v;
    if (disk)
        return disk->space(disk->data, ret_total, ret_free);
    if (statvfs(s->path, &v) < 0)
        return -errno;
    *ret_total = (uint64_t)v.f_blocks * v.f_frsize;
    *ret_free = (uint64_t)v.f_bavail * v.f_frsize;
    return 0;
}

void space_check(Store *s) {
    uint64_t total, free_now;
    const int64_t pages = db_number(s, QUERY(s, "PRAGMA page_count"), 0);
    const int64_t unused = db_number(s, QUERY(s, "PRAGMA freelist_count"), 0);
    const int64_t page_size = db_number(s, QUERY(s, "PRAGMA page_size"), 4096);
    s->health.size_bytes = (uint64_t)(pages - unused) * (uint64_t)page_size;
    s->space_due_ms = s->now_ms + SPACE_PERIOD_MS;
    s->space_written = s->wal_written;
    if (read_space(s, &total, &free_now) < 0)
        return; /* keep the last answer; writing will tell */

    /* What waits in the log will want room in the database file as well. */
    const uint64_t waiting = (s->health.wal_frames - s->wal_done) * (uint64_t)page_size;
    const Marks marks = marks_of(s, total);
    const bool was_above = s->above_mark;
    s->health.free_bytes = free_now;
    const uint64_t left = free_now > waiting ? free_now - waiting : 0;
    s->above_mark = is_above(s, marks, left, s->health.size_bytes);
    s->reserve_only = left < marks.low / 2;
    s->log_pages_max = MAX(marks.low / 2 / (uint64_t)page_size, UINT64_C(64));
    s->health.intake_closed = s->above_mark || s->now_ms < s->full_until_ms;
    if (s->above_mark && !was_above)
        s->purge_due_ms = s->now_ms; /* make room with what is finished */
}

void space_ran_out(Store *s) {
    s->full_until_ms = s->now_ms + FULL_PAUSE_MS;
    s->health.intake_closed = true;
}

bool space_intake_is_open(const Store *s, const Message *m) {
    if (s->intake == INTAKE_NONE || s->reserve_only)
        return false; /* the last of the room is for settlements and their receipts */
    if (s->intake == INTAKE_NORMAL && !s->health.intake_closed)
        return true;
    return m->lane <= LANE_EMERGENCY || !receipt_applies(m->env.kind);
}

static void ballast_path(const Store *s, char ret[static 4096 + 16]) {
    snprintf(ret, 4096 + 16, "%s.ballast", s->path);
}

void space_release_ballast(Store *s) {
    const StoreDisk *disk = s->config.disk;
    char path[4096 + 16];
    ballast_path(s, path);
    if (disk)
        (void)disk->reserve(disk->data, 0); /* giving up cannot fail */
    else
        (void)unlink(path); /* it may not be there */
    s->ballast = false;
}

static int make_file(const char *path, uint64_t size) {
    int fd = store_make_file(path, O_WRONLY);
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int r = -posix_fallocate(fd, 0, (off_t)size);
    close(fd);
    if (r < 0)
        (void)unlink(path); /* half a ballast is no room for others either */
    return r;
}

/* Made when there is room for it above the mark that opens intake again. */
void space_make_ballast(Store *s) {
    const StoreDisk *disk = s->config.disk;
    char path[4096 + 16];
    uint64_t total, free_now;
    const uint64_t size = s->config.ballast_bytes;
    if (s->ballast || size == 0 || s->now_ms < s->full_until_ms ||
        read_space(s, &total, &free_now) < 0 || free_now < size + s->config.free_high_bytes)
        return;
    ballast_path(s, path); /* when it cannot be made it is tried again at the next idle turn */
    s->ballast = (disk ? disk->reserve(disk->data, size) : make_file(path, size)) == 0;
}

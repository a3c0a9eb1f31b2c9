/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal, a file of 32 bytes beside the database (PATH-seal): there is a store here, and its log
 * had so many frames that were synced. It is written and synced soon after a start, and when the
 * store has been quiet for a moment, never at a commit; it is taken back before the log may shrink.
 * With it the loss of what the log cannot prove by itself (walscan.h) is found: its last
 * transaction, the whole log, the file.
 */
#include <errno.h>
#include <stdio.h>

#include "store/checksum.h"
#include "store/files.h"
#include "store/internal.h"
#include "store/rawfile.h"
#include "store/seal.h"
#include "store/space.h"
#include "store/walscan.h"

#define SEAL_SIZE 32
static const char seal_magic[8] = "SRSIseal";

typedef struct Seal {
    WalSalts salts;
    uint32_t frames;
} Seal;

static void beside(const char *path, const char *what, char ret[static STORE_FILE_SIZE]) {
    snprintf(ret, STORE_FILE_SIZE, "%.4096s-%s", path, what);
}

static const char *layer(const Store *s) {
    return s->config.disk ? s->config.disk->vfs : NULL;
}

static Checksum seal_sum(const uint8_t *b) {
    return checksum_more((Checksum) { 0 }, b, SEAL_SIZE - 8, true);
}

/* Returns 0, -ENOENT, -EBADMSG when it is damaged, or another -errno. */
static int seal_read(const char *vfs, const char *store_path, Seal *ret) {
    char path[STORE_FILE_SIZE];
    uint8_t b[SEAL_SIZE];
    _cleanup_(raw_closep) RawFile *f = NULL;
    beside(store_path, "seal", path);
    int r = raw_open(&f, vfs, path, RAW_READ);
    if (r == 0)
        r = raw_read(f, b, sizeof(b), 0);
    if (r < 0)
        return r == -ENODATA ? -EBADMSG : r;
    const Checksum sum = seal_sum(b);
    if (memcmp(b, seal_magic, sizeof(seal_magic)) != 0 || checksum_read32(b + 24) != sum.a ||
        checksum_read32(b + 28) != sum.b)
        return -EBADMSG;
    *ret = (Seal) { .salts = { checksum_read32(b + 8), checksum_read32(b + 12) },
                    .frames = checksum_read32(b + 16) };
    return 0;
}

static int seal_write(const Store *s, const Seal *seal) {
    char path[STORE_FILE_SIZE];
    uint8_t b[SEAL_SIZE] = { 0 };
    _cleanup_(raw_closep) RawFile *f = NULL;
    beside(s->path, "seal", path);
    memcpy(b, seal_magic, sizeof(seal_magic));
    checksum_write32(b + 8, seal->salts.a);
    checksum_write32(b + 12, seal->salts.b);
    checksum_write32(b + 16, seal->frames);
    const Checksum sum = seal_sum(b);
    checksum_write32(b + 24, sum.a);
    checksum_write32(b + 28, sum.b);
    /* Opened as a journal: the layer below gives it the database's mode and syncs the folder. */
    int r = raw_open(&f, layer(s), path,
                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL);
    if (r == 0)
        r = raw_write(f, b, sizeof(b), 0);
    return r == 0 ? raw_sync(f) : r;
}

/* --- before SQLite opens it ----------------------------------------------------------------- */

#define WAY_OUT "restore a backup or see SALVAGE in serasictl(1)"

static int gone(char why[static 256], const char *path) {
    snprintf(why, 256, "%.110s is missing or empty, but a store was here: " WAY_OUT, path);
    return -EUCLEAN;
}

static int check_log(const Store *s, const Seal *seal, char why[static 256]) {
    char path[STORE_FILE_SIZE];
    WalState log;
    beside(s->path, "wal", path);
    int r = walscan_read(&log, layer(s), path);
    if (r < 0) {
        snprintf(why, 256, "%.150s cannot be read: %s", path, strerror(-r));
        return r;
    }
    const bool ours = log.header_ok && log.salts.a == seal->salts.a && log.salts.b == seal->salts.b;
    if (log.lost > 0)
        snprintf(
            why, 256,
            "the log %.100s is damaged at frame %u, with accepted messages behind it: " WAY_OUT,
            path, (unsigned)log.bad_frame);
    else if (seal->frames > 0 && (!log.present || !log.header_ok))
        snprintf(why, 256, "the log %.100s is %s; there were %u frames in it: " WAY_OUT, path,
                 log.present ? "damaged" : "gone", (unsigned)seal->frames);
    else if (ours && log.frames < seal->frames)
        snprintf(why, 256, "the log %.100s is damaged behind frame %u of %u: " WAY_OUT, path,
                 (unsigned)log.frames, (unsigned)seal->frames);
    else
        return 0;
    return -EUCLEAN;
}

int seal_check(Store *s, char why[static 256]) {
    char log[STORE_FILE_SIZE];
    Seal seal = { 0 };
    int64_t size = 0, log_size = 0;
    beside(s->path, "wal", log);
    int r = raw_size_of(layer(s), s->path, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, &size);
    if (r == 0)
        r = raw_size_of(layer(s), log, RAW_READ, &log_size);
    if (r < 0) {
        snprintf(why, 256, "cannot look at %.150s: %s", s->path, strerror(-r));
        return r;
    }
    r = seal_read(layer(s), s->path, &seal);
    if (r < 0 && r != -ENOENT && r != -EBADMSG) {
        snprintf(why, 256, "cannot read %.150s-seal: %s", s->path, strerror(-r));
        return r;
    }
    if (size == 0 && (r != -ENOENT || log_size > 0))
        return gone(why, s->path);
    return check_log(s, &seal, why);
}

/* In place it needs no room, unless the file system writes every change elsewhere: that is what the
 * ballast is for. */
int seal_settle(Store *s, char why[static 256]) {
    char path[STORE_FILE_SIZE];
    beside(s->path, "wal", path);
    int r = walscan_write_again(layer(s), path);
    if (r == -ENOSPC) {
        space_release_ballast(s);
        r = walscan_write_again(layer(s), path);
    }
    if (r < 0)
        snprintf(why, 256, "the log %.150s cannot be written again: %s", path, strerror(-r));
    return r;
}

uint32_t seal_missing(const char *path) {
    char log_path[STORE_FILE_SIZE];
    Seal seal = { 0 };
    WalState log = { 0 };
    beside(path, "wal", log_path);
    if (seal_read(NULL, path, &seal) < 0 || walscan_read(&log, NULL, log_path) < 0)
        return 0;
    const bool other =
        log.header_ok && (log.salts.a != seal.salts.a || log.salts.b != seal.salts.b);
    return other || seal.frames <= log.present_frames ? 0 : seal.frames - log.present_frames;
}

/* --- while it is open ----------------------------------------------------------------------- */

int seal_lift(Store *s) {
    return seal_write(s, &(Seal) { .frames = 0 });
}

int seal_when_quiet(Store *s) {
    /* The first one after a start waits for nothing: from then on a log that is gone is missed. */
    if (s->health.commits != s->seal_seen && s->seal_done > 0) {
        s->seal_seen =
            s->health.commits; /* still at work: what comes next proves what was before */
        return 0;
    }
    if (s->seal_done == s->health.commits || s->health.wal_frames == 0)
        return 0;
    char path[STORE_FILE_SIZE];
    uint8_t salts[8];
    _cleanup_(raw_closep) RawFile *f = NULL;
    beside(s->path, "wal", path);
    int r = raw_open(&f, layer(s), path, RAW_READ);
    if (r == 0)
        r = raw_read(f, salts, sizeof(salts), 16);
    if (r == 0)
        r = seal_write(s, &(Seal) { .salts = { checksum_read32(salts), checksum_read32(salts + 4) },
                                    .frames = (uint32_t)s->health.wal_frames });
    if (r == 0)
        s->seal_done = s->health.commits;
    /* Its 32 bytes have no room yet, or connections hold every descriptor: it is tried again. */
    return r == -ENOSPC || r == -EMFILE || r == -ENFILE ? 0 : r;
}

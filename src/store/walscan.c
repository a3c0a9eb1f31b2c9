/* SPDX-License-Identifier: Apache-2.0 */
#include "store/walscan.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "store/checksum.h"
#include "store/rawfile.h"

/* Header: magic, version, page size, checkpoint number, salts, checksum. Frame: page number, size
 * of the database in pages when it is a commit, salts, checksum; then the page. */
#define MAGIC         0x377f0682U /* | 1: checksums over words with the high byte first */
#define VERSION       3007000U
#define HEADER_SIZE   32
#define FRAME_HEADER  24
#define PAGE_SIZE_MAX 65536U
#define PIECE         256 /* half a sector: finer than any disk tears */

typedef struct Frame {
    uint32_t page, commit; /* commit: 0 = not the last one of its transaction */
    WalSalts salts;
    Checksum sum;
    uint8_t *bytes; /* header and page */
} Frame;

typedef struct Scan {
    RawFile *file;
    int64_t n_frames;
    bool big;
    uint8_t header[HEADER_SIZE];
    WalState *state;
    uint8_t bytes[FRAME_HEADER + PAGE_SIZE_MAX];
} Scan;

static Checksum read_sum(const uint8_t *p) {
    return (Checksum) { checksum_read32(p), checksum_read32(p + 4) };
}

static bool same_sum(Checksum x, Checksum y) {
    return x.a == y.a && x.b == y.b;
}

static bool same_salts(WalSalts x, WalSalts y) {
    return x.a == y.a && x.b == y.b;
}

static bool is_page_size(uint32_t n) {
    return n >= 512 && n <= PAGE_SIZE_MAX && (n & (n - 1)) == 0;
}

static void read_header(Scan *s) {
    const uint8_t *h = s->header;
    const uint32_t magic = checksum_read32(h);
    WalState *state = s->state;
    s->big = (magic & ~1U) == MAGIC && (magic & 1U);
    state->page_size = checksum_read32(h + 8);
    state->salts = (WalSalts) { checksum_read32(h + 16), checksum_read32(h + 20) };
    state->header_ok =
        (magic & ~1U) == MAGIC && checksum_read32(h + 4) == VERSION &&
        is_page_size(state->page_size) &&
        same_sum(checksum_more((Checksum) { 0 }, h, HEADER_SIZE - 8, s->big), read_sum(h + 24));
}

static int64_t frame_at(const Scan *s, int64_t i) {
    return HEADER_SIZE + (i - 1) * (int64_t)(FRAME_HEADER + s->state->page_size);
}

static int read_frame(Scan *s, int64_t i, Frame *ret) {
    const int r = raw_read(s->file, s->bytes, FRAME_HEADER + s->state->page_size, frame_at(s, i));
    const uint8_t *b = s->bytes;
    *ret = (Frame) { .page = checksum_read32(b),
                     .commit = checksum_read32(b + 4),
                     .salts = { checksum_read32(b + 8), checksum_read32(b + 12) },
                     .sum = read_sum(b + 16),
                     .bytes = s->bytes };
    return r;
}

static bool goes_on_from(const Scan *s, const Frame *f, Checksum before) {
    Checksum c = checksum_more(before, f->bytes, 8, s->big);
    c = checksum_more(c, f->bytes + FRAME_HEADER, s->state->page_size, s->big);
    return f->page != 0 && same_sum(c, f->sum);
}

static void count_frames(Scan *s, int64_t size) {
    s->n_frames = (size - HEADER_SIZE) / (int64_t)(FRAME_HEADER + s->state->page_size);
}

/* The log's header says nothing: are there two frames, of pages of any size, of which one goes on
 * from the other? Then their salts are the log's. */
static int guess_header(Scan *s, int64_t size) {
    const uint32_t said = s->state->page_size;
    for (uint32_t n = 512; n <= PAGE_SIZE_MAX; n *= 2) {
        Frame f, before = { 0 };
        s->state->page_size = n;
        count_frames(s, size);
        for (int64_t i = 1; i <= MIN(s->n_frames, 64); i++) {
            const int r = read_frame(s, i, &f);
            if (r < 0)
                return r;
            if (i > 1 && goes_on_from(s, &f, before.sum)) {
                s->state->salts = f.salts;
                return 0;
            }
            before = f;
        }
    }
    s->state->page_size = is_page_size(said) ? said : 4096;
    s->n_frames = 0; /* nothing was ever in it, as far as it can be known */
    return 0;
}

static int open_log(Scan *s, const char *vfs, const char *path) {
    int64_t size = 0;
    int r = raw_open(&s->file, vfs, path, RAW_READ);
    if (r == 0)
        r = raw_size(s->file, &size);
    if (r == -ENOENT || (r == 0 && size < HEADER_SIZE))
        return 0;
    if (r == 0)
        r = raw_read(s->file, s->header, HEADER_SIZE, 0);
    if (r < 0)
        return r;
    s->state->present = true;
    read_header(s);
    if (!s->state->header_ok)
        return guess_header(s, size);
    count_frames(s, size);
    return 0;
}

static void scan_deinit(Scan **s) {
    if (*s)
        raw_close((*s)->file);
    free(*s);
}

/* Of a header that lies in two pieces which a power cut keeps or loses by themselves, the mark of a
 * commit may be old bytes beside a checksum that is new: it counts only in a frame that matches. */
static bool is_commit(const Scan *s, int64_t i, const Frame *f, bool fits) {
    const int64_t first = frame_at(s, i) / PIECE,
                  last = (frame_at(s, i) + FRAME_HEADER - 1) / PIECE;
    return f->commit != 0 && (fits || first == last);
}

/* Calls each for every frame; fits: recovery takes it, or (behind the first that it does not take)
 * it goes on from the header of the frame before. */
typedef struct Visit {
    void (*each)(void *data, const Scan *s, const Frame *f, bool fits);
    void *data;
} Visit;

static int walk(Scan *s, const Visit *visit) {
    WalState *state = s->state;
    Frame f, before = { .sum = read_sum(s->header + 24) };
    bool broken = !state->header_ok, after_commit = false;
    state->present_frames = (uint32_t)s->n_frames;
    if (broken && s->n_frames > 0)
        state->bad_frame = 1;
    for (int64_t i = 1; i <= s->n_frames; i++) {
        const int r = read_frame(s, i, &f);
        if (r < 0)
            return r;
        /* Other salts: of a run of the log before this one, and every one behind it too, unless
         * these few bytes are what is damaged. */
        const bool ours = same_salts(f.salts, state->salts);
        const bool fits = ours && goes_on_from(s, &f, before.sum);
        if (!fits && !broken) {
            broken = true;
            state->bad_frame = (uint32_t)i;
        } else if (!broken && f.commit != 0) {
            state->frames = (uint32_t)i;
            state->transactions++;
        } else if (fits && after_commit) {
            state->lost += broken && (uint32_t)i > state->bad_frame;
        }
        if (visit)
            visit->each(visit->data, s, &f, fits);
        after_commit = is_commit(s, i, &f, fits);
        before = f;
    }
    if (!state->header_ok && s->n_frames > 0)
        state->lost = MAX(state->lost, 1U);
    return 0;
}

int walscan_read(WalState *ret, const char *vfs, const char *path) {
    _cleanup_(scan_deinit) Scan *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    *ret = (WalState) { 0 };
    s->state = ret;
    const int r = open_log(s, vfs, path);
    return r < 0 || !ret->present ? r : walk(s, NULL);
}

int walscan_write_again(const char *vfs, const char *path) {
    _cleanup_(scan_deinit) Scan *s = calloc(1, sizeof(*s));
    _cleanup_(raw_closep) RawFile *to = NULL;
    WalState state = { 0 };
    Frame f;
    if (!s)
        return -ENOMEM;
    s->state = &state;
    int r = open_log(s, vfs, path);
    if (r < 0 || !state.header_ok || s->n_frames == 0)
        return r;
    r = raw_open(&to, vfs, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL);
    if (r == 0)
        r = raw_write(to, s->header, HEADER_SIZE, 0);
    for (int64_t i = 1; r == 0 && i <= s->n_frames; i++) {
        r = read_frame(s, i, &f);
        if (r == 0 && !same_salts(f.salts, state.salts)) /* nor is what stands behind it believed */
            break;
        if (r == 0)
            r = raw_write(to, s->bytes, FRAME_HEADER + state.page_size, frame_at(s, i));
    }
    return r < 0 ? r : raw_sync(to);
}

/* --- for salvage ---------------------------------------------------------------------------- */

typedef struct Mend {
    RawFile *file;
    int64_t at, last; /* last: where the last frame stands */
    uint32_t size;    /* of the database in pages, at least */
    uint32_t dropped;
    bool committed;
    Checksum sum;
    int result;
} Mend;

static void put_sum(uint8_t *p, Checksum c) {
    checksum_write32(p, c.a);
    checksum_write32(p + 4, c.b);
}

static void mend_header(Mend *m, const Scan *s) {
    uint8_t h[HEADER_SIZE];
    memcpy(h, s->header, sizeof(h));
    checksum_write32(h, MAGIC | (uint32_t)s->big);
    checksum_write32(h + 4, VERSION);
    checksum_write32(h + 8, s->state->page_size);
    checksum_write32(h + 16, s->state->salts.a);
    checksum_write32(h + 20, s->state->salts.b);
    m->sum = checksum_more((Checksum) { 0 }, h, HEADER_SIZE - 8, s->big);
    put_sum(h + 24, m->sum);
    m->result = raw_write(m->file, h, sizeof(h), 0);
    m->at = HEADER_SIZE;
}

static void mend_frame(void *data, const Scan *s, const Frame *f, bool fits) {
    Mend *m = data;
    if (!fits || m->result < 0) {
        m->dropped += same_salts(f->salts, s->state->salts);
        return;
    }
    const size_t n = FRAME_HEADER + s->state->page_size;
    m->sum = checksum_more(m->sum, f->bytes, 8, s->big);
    m->sum = checksum_more(m->sum, f->bytes + FRAME_HEADER, s->state->page_size, s->big);
    put_sum(f->bytes + 16, m->sum);
    m->result = raw_write(m->file, f->bytes, n, m->at);
    m->last = m->at;
    m->at += (int64_t)n;
    const uint32_t pages = MAX(f->page, f->commit);
    m->size = MAX(m->size, pages);
    m->committed = f->commit != 0;
}

/* The last frame becomes a commit, or recovery would leave out all since the last one. */
static void mend_end(Mend *m, const Scan *s, uint8_t *frame) {
    const size_t n = FRAME_HEADER + s->state->page_size;
    Checksum before;
    uint8_t sum[8];
    if (m->result < 0 || m->last == 0 || m->committed)
        return;
    m->result = raw_read(m->file, sum, 8, m->last == HEADER_SIZE ? 24 : m->last - (int64_t)n + 16);
    if (m->result == 0)
        m->result = raw_read(m->file, frame, n, m->last);
    if (m->result < 0)
        return;
    before = read_sum(sum);
    checksum_write32(frame + 4, m->size);
    before = checksum_more(before, frame, 8, s->big);
    put_sum(frame + 16, checksum_more(before, frame + FRAME_HEADER, s->state->page_size, s->big));
    m->result = raw_write(m->file, frame, n, m->last);
}

int walscan_mend(const char *from, const char *to, uint32_t *ret_dropped) {
    _cleanup_(scan_deinit) Scan *s = calloc(1, sizeof(*s));
    WalState state = { 0 };
    Mend m = { 0 };
    if (!s)
        return -ENOMEM;
    *ret_dropped = 0;
    s->state = &state;
    int r = open_log(s, NULL, from);
    if (r < 0 || !state.present || s->n_frames == 0)
        return r;
    _cleanup_(raw_closep) RawFile *file = NULL;
    r = raw_open(&file, NULL, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL);
    if (r < 0)
        return r;
    m.file = file;
    mend_header(&m, s);
    r = walk(s, &(Visit) { mend_frame, &m });
    if (r < 0)
        return r;
    mend_end(&m, s, s->bytes);
    *ret_dropped = m.dropped;
    return m.result < 0 ? m.result : raw_sync(file);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dedup.h"

#include <errno.h>
#include <stdlib.h>

#include "store/internal.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/schema.h"
#include "store/space.h"

#define WAITING_MAX   512U /* with more, the oldest are swept at the end of a transaction */
#define WAITING_KEPT  256U
#define WAITING_BYTES (UINT64_C(16) << 20) /* of their messages; with more, all are swept */
#define ROWS_MAX      8192 /* messages behind the mark, with those that claim nothing: likewise */

struct Waiting {
    DedupClaim is;
    UT_hash_handle hh;
};

/* --- those that wait ------------------------------------------------------------------------ */

static Waiting *waiting_find(const Store *s, const Uuid *id) {
    Waiting *w;
    HASH_FIND(hh, s->dedup.waiting, id, sizeof(*id), w);
    return w;
}

static void waiting_add(Store *s, const DedupClaim *c) {
    Waiting *w = calloc(1, sizeof(*w));
    if (w) {
        w->is = *c;
        HASH_ADD(hh, s->dedup.waiting, is.id, sizeof(w->is.id), w);
    }
    if (!w || !w->hh.tbl) { /* no room for it, or in the table of them */
        free(w);
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    s->dedup.bytes += c->size;
}

static void waiting_remove(Store *s, Waiting *w) {
    s->dedup.bytes -= w->is.size;
    HASH_DELETE(hh, s->dedup.waiting, w);
    free(w);
}

void dedup_drop(Store *s) {
    Waiting *w, *next;
    HASH_ITER (hh, s->dedup.waiting, w, next)
        waiting_remove(s, w);
    s->dedup = (Dedup) { .cursor = s->dedup.cursor };
}

/* --- the table ------------------------------------------------------------------------------ */

bool dedup_digest_is_known(const uint8_t digest[static DIGEST_SIZE]) {
    static const uint8_t none[DIGEST_SIZE] = { 0 };
    return memcmp(digest, none, DIGEST_SIZE) != 0;
}

static Bytes digest_column(const DedupClaim *c) {
    return bytes_make(c->digest, dedup_digest_is_known(c->digest) ? DIGEST_SIZE : 0);
}

/* Ids begin with their time: one that is new is mostly behind all that were swept, and need not be
 * looked for. */
static bool may_be_in_table(Store *s, const Uuid *id) {
    Dedup *d = &s->dedup;
    if (!d->newest_known) {
        _query_ q = QUERY(s, "SELECT max(id) FROM dedup");
        if (!db_row(s, q))
            return false; /* a fault */
        d->newest = col_uuid(q, 0);
        d->newest_known = true;
    }
    return memcmp(id->b, d->newest.b, UUID_SIZE) <= 0;
}

static void put_row(Store *s, const DedupClaim *c) {
    Dedup *d = &s->dedup;
    RUN(s, "INSERT OR REPLACE INTO dedup(id, digest, seq, accepted_at) VALUES(?1,?2,?3,?4)",
        UUID(&c->id), BLOB(digest_column(c)), INT(c->seq), INT(c->accepted_ms));
    if (memcmp(c->id.b, d->newest.b, UUID_SIZE) > 0)
        d->newest = c->id; /* known or not */
}

/* --- questions ------------------------------------------------------------------------------ */

int64_t dedup_find(Store *s, const Uuid *id, uint8_t ret_digest[DIGEST_SIZE]) {
    const Waiting *w = waiting_find(s, id);
    if (w) {
        if (ret_digest)
            memcpy(ret_digest, w->is.digest, DIGEST_SIZE);
        return w->is.seq;
    }
    if (!may_be_in_table(s, id))
        return 0;
    _query_ q = QUERY(s, "SELECT seq, digest FROM dedup WHERE id = ?1", UUID(id));
    if (!db_row(s, q))
        return 0;
    if (ret_digest) {
        const Bytes digest = col_bytes(q, 1);
        memset(ret_digest, 0, DIGEST_SIZE);
        if (digest.n == DIGEST_SIZE)
            memcpy(ret_digest, digest.p, DIGEST_SIZE);
    }
    return col_int(q, 0);
}

int64_t dedup_accepted_ms(Store *s, const Uuid *id) {
    const Waiting *w = waiting_find(s, id);
    if (w)
        return w->is.accepted_ms;
    return db_number(s, QUERY(s, "SELECT accepted_at FROM dedup WHERE id = ?1", UUID(id)), 0);
}

bool dedup_find_id(Store *s, int64_t seq, Uuid *ret) {
    for (const Waiting *w = s->dedup.waiting; w; w = w->hh.next)
        if (w->is.seq == seq) {
            *ret = w->is.id;
            return true;
        }
    _query_ q = QUERY(s, "SELECT id FROM dedup WHERE seq = ?1 LIMIT 1", INT(seq));
    if (!db_row(s, q))
        return false;
    *ret = col_uuid(q, 0);
    return true;
}

/* --- changes -------------------------------------------------------------------------------- */

bool dedup_claim(Store *s, const DedupClaim *c) {
    if (dedup_find(s, &c->id, NULL) != 0 || s->fault < 0)
        return false;
    waiting_add(s, c);
    return s->fault == 0;
}

void dedup_give_back(Store *s, const Uuid *id) {
    Waiting *w = waiting_find(s, id);
    if (w)
        waiting_remove(s, w);
    else if (may_be_in_table(s, id))
        RUN(s, "DELETE FROM dedup WHERE id = ?1", UUID(id));
}

void dedup_set_digest(Store *s, const Uuid *id, const uint8_t digest[static DIGEST_SIZE]) {
    Waiting *w = waiting_find(s, id);
    if (w)
        memcpy(w->is.digest, digest, DIGEST_SIZE);
    else
        RUN(s, "UPDATE dedup SET digest = ?2 WHERE id = ?1", UUID(id),
            BLOB(bytes_make(digest, DIGEST_SIZE)));
}

void dedup_settle(Store *s, const Uuid *id) {
    Waiting *w = waiting_find(s, id);
    if (!w)
        return;
    put_row(s, &w->is);
    waiting_remove(s, w);
}

/* --- sweeping ------------------------------------------------------------------------------- */

void dedup_mark(Store *s, int64_t seq) {
    if (s->dedup.swept != seq)
        meta_set(s, "dedup_swept", seq);
    s->dedup.swept = seq;
}

static int by_id(const void *x, const void *y) {
    const Waiting *const *a = x, *const *b = y;
    return memcmp((*a)->is.id.b, (*b)->is.id.b, UUID_SIZE);
}

/* Should the transaction fail, they are loaded again. */
static void sweep(Store *s, uint32_t keep) {
    const uint32_t count = HASH_COUNT(s->dedup.waiting), n = count > keep ? count - keep : 0;
    int64_t mark = s->next_seq - 1;
    uint32_t i = 0;
    if (s->fault < 0)
        return;
    _cleanup_(freep) Waiting **list = reallocarray(NULL, MAX(n, 1U), sizeof(Waiting *));
    if (!list) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    for (Waiting *w = s->dedup.waiting; i < n; w = w->hh.next)
        list[i++] = w;
    if (n < count)
        mark = n > 0 ? list[n - 1]->is.seq : s->dedup.swept;
    qsort(list, n, sizeof(*list), by_id);
    for (i = 0; i < n; i++) {
        put_row(s, &list[i]->is);
        waiting_remove(s, list[i]);
    }
    dedup_mark(s, mark);
}

void dedup_sweep(Store *s) {
    sweep(s, 0);
}

/* Also when room is short, or they would grow; but not with what has to go through in any case,
 * which claims nothing. */
void dedup_write(Store *s) {
    const Dedup *d = &s->dedup;
    if (s->intake == INTAKE_NONE)
        return;
    if (d->bytes > WAITING_BYTES || s->next_seq - d->swept > ROWS_MAX)
        sweep(s, 0);
    else if (HASH_COUNT(d->waiting) > WAITING_MAX)
        sweep(s, WAITING_KEPT);
}

int dedup_close(Store *s) {
    if (!s->dedup.waiting)
        return 0;
    (void)db_exec(s, "BEGIN IMMEDIATE");
    dedup_sweep(s);
    const int r = db_exec(s, "COMMIT");
    if (r < 0 && !sqlite3_get_autocommit(s->db)) /* SQLite may have done it itself */
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->fault = 0;
    return r;
}

/* --- after a start -------------------------------------------------------------------------- */

/* A page that makes no sense is no reason not to start: whoever needs what is on it will find out.
 * (After any other error the transaction is rolled back as well.) */
static bool was_unreadable(Store *s) {
    if (s->fault != -EUCLEAN || (sqlite3_errcode(s->db) & 0xff) != SQLITE_CORRUPT)
        return false;
    s->fault = 0;
    return true;
}

/* The first from seq on; 0 = none. */
static int64_t next_number(Store *s, int64_t seq) {
    const int64_t found = db_number(
        s,
        QUERY(s, "SELECT seq FROM message WHERE seq >= ?1 AND +seq >= ?1 ORDER BY seq LIMIT 1",
              INT(seq)),
        0);
    return was_unreadable(s) ? seq : found;
}

/* The table knows what is reckoned here and more, if it has the id; a message that took the id of
 * another later on comes behind that one. */
static void load_claim(Store *s, const DedupClaim *c) {
    Waiting *w = waiting_find(s, &c->id);
    const bool known = dedup_digest_is_known(c->digest);
    if (w && known)
        waiting_remove(s, w);
    else if (w)
        return;
    const int64_t in_table = dedup_find(s, &c->id, NULL);
    if (s->fault < 0 || (in_table > 0 && (in_table >= c->seq || !known)))
        return;
    waiting_add(s, c);
}

static void load_message(Store *s, int64_t seq) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    const bool there = message_load_body(s, seq, &m, &body, &damaged);
    if (was_unreadable(s) || !there || s->fault < 0 || uuid_is_nil(&m.id) ||
        (!damaged && !m.claimed))
        return;
    DedupClaim c = { .id = m.id, .seq = seq, .accepted_ms = m.accepted_ms };
    if (!damaged) {
        hash_message(body_envelope(body), body_facts(body), body_sealed(body), c.digest);
        c.size = (uint32_t)body_size(body);
    }
    load_claim(s, &c);
}

/* The ledger says what was accepted, too. */
static void learn_digest(void *data, const LedgerEntry *e) {
    Waiting *w = waiting_find(data, &e->message_id);
    if (w && !dedup_digest_is_known(w->is.digest))
        memcpy(w->is.digest, e->digest, DIGEST_SIZE);
}

void dedup_load(Store *s) {
    const PagesMode mode = pages_set_mode(s->pages, PAGES_LEAVES);
    uint32_t page;
    s->dedup.swept = meta_number(s, "dedup_swept", 0);
    if (s->dedup.swept < 0 || s->dedup.swept >= s->next_seq) /* damaged: any id may be missing */
        s->dedup.swept = 0;
    int64_t seq = s->dedup.swept;
    while (s->fault == 0 && (seq = next_number(s, seq + 1)) > 0 && seq < s->next_seq)
        load_message(s, seq);
    bool all_known = true;
    for (const Waiting *w = s->dedup.waiting; w; w = w->hh.next)
        all_known = all_known && dedup_digest_is_known(w->is.digest);
    if (!all_known)
        ledger_accepted_since(s, s->dedup.swept, learn_digest, s);
    if (pages_damaged(s->pages, &page) > 0) /* not for other eyes */
        (void)sqlite3_db_release_memory(s->db);
    pages_forget(s->pages);
    (void)pages_set_mode(s->pages, mode);
}

/* --- old ones, and a salvage ------------------------------------------------------------------ */

uint32_t dedup_forget_old(Store *s, int64_t until_ms, int64_t ret_seqs[static DEDUP_STEP],
                          bool *ret_more) {
    Uuid old[DEDUP_STEP], last = s->dedup.cursor;
    uint32_t n = 0, n_old = 0;
    {
        _query_ q = QUERY(s,
                          "SELECT d.id, d.accepted_at <= ?2 AND NOT EXISTS("
                          "SELECT 1 FROM message m WHERE m.seq = d.seq), d.seq "
                          "FROM dedup d WHERE d.id > ?1 ORDER BY d.id LIMIT ?3",
                          UUID(&last), INT(until_ms), INT(DEDUP_STEP));
        for (; n < DEDUP_STEP && db_row(s, q); n++) {
            last = col_uuid(q, 0);
            if (!col_int(q, 1))
                continue;
            ret_seqs[n_old] = col_int(q, 2);
            old[n_old++] = last;
        }
    }
    for (uint32_t i = 0; i < n_old; i++)
        RUN(s, "DELETE FROM dedup WHERE id = ?1", UUID(&old[i]));
    *ret_more = n == DEDUP_STEP;
    s->dedup.cursor = *ret_more ? last : (Uuid) { { 0 } };
    return n_old;
}

void dedup_restore(Store *s, const DedupClaim *c) {
    RUN(s, "INSERT OR IGNORE INTO dedup(id, digest, seq, accepted_at) VALUES(?1,?2,?3,?4)",
        UUID(&c->id), BLOB(digest_column(c)), INT(c->seq), INT(c->accepted_ms));
}

void dedup_forget(Store *s, int64_t seq) {
    RUN(s, "DELETE FROM dedup WHERE seq = ?1", INT(seq));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the ledger: blocks one by one, and what an audit needs besides them. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "core/ledger-audit.h"
#include "store/files.h"
#include "store/internal.h"
#include "store/ledger-compare.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/rawfile.h"
#include "store/schema.h"

/* Pages that do not match their checksums are read all the same: the chain says more. */
bool ledger_read(Store *s, int64_t after, Buf *hold, LedgerBlock *ret) {
    const PagesMode mode = pages_set_mode(s->pages, PAGES_ALL);
    bool found = false;
    {
        _query_ q = QUERY(s,
                          "SELECT block, at, first_entry, n, body, hash FROM ledger "
                          "WHERE block > ?1 AND +block > ?1 ORDER BY block LIMIT 1",
                          INT(after));
        found = db_row(s, q);
        if (found) {
            const Bytes body = col_bytes(q, 4), hash = col_bytes(q, 5);
            *ret = (LedgerBlock) { .number = col_int(q, 0),
                                   .at_ms = ledger_number(col_int(q, 1)),
                                   .first = ledger_number(col_int(q, 2)),
                                   .n = ledger_number(col_int(q, 3)) };
            hold->n = 0;
            buf_add(hold, body.p, body.n);
            if (hash.n > 0) /* it may have been altered */
                memcpy(ret->hash, hash.p, MIN(hash.n, sizeof(ret->hash)));
            ret->body = buf_bytes(hold);
        }
    }
    (void)pages_set_mode(s->pages, mode);
    if (hold->failed)
        db_fault(s, -ENOMEM, "out of memory");
    return found && s->fault == 0;
}

static bool read_undamaged(Store *s, int64_t after, Buf *hold, LedgerBlock *ret) {
    uint32_t page;
    return ledger_read(s, after, hold, ret) && pages_damaged(s->pages, &page) == 0;
}

/* The block that was being filled then; of no message so old, that of the oldest. 0: of none. */
static int64_t block_of(Store *s, int64_t seq) {
    const int64_t block = db_number(
        s,
        QUERY(s, "SELECT block FROM message WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1", INT(seq)),
        0);
    return block > 0 ? block : db_number(s, QUERY(s, "SELECT min(block) FROM message"), 0);
}

void ledger_accepted_since(Store *s, int64_t seq, void (*call)(void *data, const LedgerEntry *e),
                           void *data) {
    _cleanup_(buf_deinit) Buf hold = { 0 };
    _cleanup_(freep) LedgerReader *r = malloc(sizeof(*r));
    LedgerBlock b;
    LedgerEntry e;
    int64_t at = block_of(s, seq);
    if (!r)
        db_fault(s, -ENOMEM, "out of memory");
    for (at -= 1; at >= 0 && s->fault == 0 && read_undamaged(s, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        while (ledger_next(r, &e))
            if (e.kind == LEDGER_ACCEPTED && e.has_digest)
                call(data, &e);
    }
}

/* Columns block, hash, at, node, key, signature. False when they have the wrong form. */
static bool ledger_witness_read(sqlite3_stmt *q, LedgerWitness *ret) {
    const Bytes hash = col_bytes(q, 1), key = col_bytes(q, 4), signature = col_bytes(q, 5);
    *ret = (LedgerWitness) { .block = col_int(q, 0), .at_ms = col_int(q, 2) };
    text_copy(ret->node, sizeof(ret->node), col_text(q, 3));
    text_make_one_line(ret->node);
    if (hash.n != DIGEST_SIZE || key.n != KEY_ID_SIZE || signature.n != SIGNATURE_SIZE)
        return false;
    memcpy(ret->hash, hash.p, DIGEST_SIZE);
    memcpy(ret->key.b, key.p, KEY_ID_SIZE);
    memcpy(ret->signature, signature.p, SIGNATURE_SIZE);
    return true;
}

bool ledger_key_find(Store *s, const char *node, const KeyId *id, SignPublic *ret) {
    _query_ q = QUERY(s, "SELECT ed25519 FROM dir_key WHERE node = ?1", TEXT(node));
    while (db_row(s, q)) {
        const Bytes public = col_bytes(q, 0);
        if (public.n != PUBLIC_KEY_SIZE)
            continue;
        memcpy(ret->b, public.p, PUBLIC_KEY_SIZE);
        const KeyId is = key_id(ret->b);
        if (key_id_equal(&is, id))
            return true;
    }
    return false;
}

LedgerProof *ledger_proofs(Store *s, uint32_t *ret_n) {
    const int64_t room = db_number(s, QUERY(s, "SELECT count(*) FROM ledger_witness"), 0);
    LedgerProof *list = calloc((size_t)MAX(room, (int64_t)1), sizeof(*list));
    uint32_t n = 0;
    if (!list) {
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    {
        _query_ q = QUERY(s, "SELECT block, hash, at, node, key, signature FROM ledger_witness "
                             "ORDER BY block, node");
        while (n < room && db_row(s, q)) /* what has the wrong form does not hold either */
            (void)ledger_witness_read(q, &list[n++].witness);
    }
    for (uint32_t i = 0; i < n; i++) {
        LedgerProof *p = &list[i];
        p->key_known = ledger_key_find(s, p->witness.node, &p->witness.key, &p->public);
    }
    *ret_n = n;
    return list;
}

/* A newest message that cannot be believed says nothing. */
int64_t ledger_written(Store *s) {
    _cleanup_(stored_message_deinit) StoredMessage newest = { 0 };
    const int64_t kept = meta_number(s, "ledger_block", 0);
    const PagesMode mode = pages_set_mode(s->pages, PAGES_ALL);
    const int64_t seq = db_number(s, QUERY(s, "SELECT max(seq) FROM message"), 0);
    (void)pages_set_mode(s->pages, mode);
    const bool known = message_load(s, seq, &newest); /* looks at what was let through, too */
    return ledger_number(known && seq > meta_number(s, "ledger_seq", 0) ? MAX(kept, newest.block)
                                                                        : kept);
}

/* Of those that came from elsewhere: what this broker made itself need not have been accepted. */
uint32_t ledger_newest(Store *s, Uuid ret[static AUDIT_MESSAGES_MAX]) {
    const PagesMode mode = pages_set_mode(s->pages, PAGES_ALL);
    uint32_t n = 0;
    {
        _query_ q = QUERY(s,
                          "SELECT id FROM message WHERE kind <> ?1 AND sender <> ?2 AND "
                          "accepted_at > (SELECT coalesce(max(at), 0) FROM ledger_base) "
                          "ORDER BY seq DESC LIMIT ?3",
                          INT(KIND_RECEIPT), TEXT(s->self), INT(AUDIT_MESSAGES_MAX));
        while (n < AUDIT_MESSAGES_MAX && db_row(s, q))
            ret[n++] = col_uuid(q, 0);
    }
    (void)pages_set_mode(s->pages, mode);
    return n;
}

int store_audit(Store *s, LedgerAudit *a, void (*progress)(void *data, int64_t entries),
                void *data) {
    _cleanup_(buf_deinit) Buf hold = { 0 };
    _cleanup_(freep) LedgerProof *proofs = NULL;
    _cleanup_(ledger_compare_freep) LedgerCompare *c = ledger_compare_new(s);
    LedgerHead base;
    LedgerBlock b;
    if (!c)
        return s->fault < 0 ? s->fault : -ENOMEM;
    ledger_base(s, &base);
    ledger_audit_init(a, s->self, &base);
    a->proofs = proofs = ledger_proofs(s, &a->n_proofs);
    a->n_messages = ledger_newest(s, a->messages);
    for (int64_t at = base.block; s->fault == 0 && ledger_read(s, at, &hold, &b); at = b.number) {
        ledger_audit_block(a, &b);
        ledger_compare_block(c, &b, a);
        if (progress)
            progress(data, a->head.entries);
    }
    if (s->fault == 0)
        ledger_audit_end(a, ledger_written(s));
    if (s->fault == 0)
        ledger_compare_end(c, a);
    a->proofs = NULL;
    return s->fault;
}

/* --- a file nobody has open ------------------------------------------------------------------- */

static int read_owner(Store *s, char why[static 256]) {
    const int64_t version = db_number(s, QUERY(s, "PRAGMA user_version"), 0);
    {
        _query_ q = QUERY(s, "SELECT value FROM meta WHERE key = 'self'");
        if (db_row(s, q))
            text_copy(s->self, sizeof(s->self), col_text(q, 0));
    }
    if (s->fault < 0) {
        snprintf(why, 256, "%.120s cannot be read as a store: %.100s", s->path, s->health.fault);
        return s->fault;
    }
    if (version == STORE_SCHEMA && node_name_is_valid(s->self))
        return 0;
    snprintf(why, 256, "%.150s is not a store, or of another version", s->path);
    return -EUCLEAN;
}

/* Without a log nobody has it open: read as it lies there, nothing is made beside it, which a
 * medium that cannot be written to would not allow. */
static const char *how_to_read(const char *path) {
    char log[STORE_FILE_SIZE];
    (void)snprintf(log, sizeof(log), "%s-wal", path);
    return access(log, F_OK) < 0 && errno == ENOENT ? "mode=ro&immutable=1" : "mode=ro";
}

int store_open_ledger(Store **ret, const char *path, char why[static 256]) {
    char uri[3 * STORE_FILE_SIZE];
    _cleanup_(store_closep) Store *s = calloc(1, sizeof(*s));
    snprintf(why, 256, "out of memory");
    if (!s)
        return -ENOMEM;
    s->lock_fd = -1;
    s->stopped = -ECANCELED; /* closing leaves no mark */
    s->path = strdup(path);
    if (!s->path || pages_new(&s->pages, NULL) < 0)
        return -ENOMEM;
    (void)pages_set_mode(s->pages, PAGES_ALL);
    const int looked = store_look_at(path, why);
    if (looked < 0)
        return looked;
    raw_uri(path, how_to_read(path), uri, sizeof(uri));
    const int rc = sqlite3_open_v2(uri, &s->db,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                                       SQLITE_OPEN_EXRESCODE,
                                   pages_vfs(s->pages));
    if (db_fail(s, rc) < 0) {
        snprintf(why, 256, "cannot open %.150s: %.80s", path, s->health.fault);
        return s->fault;
    }
    sqlite3_busy_timeout(s->db, 5000);
    db_read_tables_only(s->db);
    (void)db_exec(s, "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF");
    const int r = read_owner(s, why);
    if (r == 0)
        *ret = TAKE_PTR(s);
    return r;
}

const char *ledger_owner(const Store *s) {
    return s->self;
}

int ledger_fault(const Store *s) {
    return s->fault;
}

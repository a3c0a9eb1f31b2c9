/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Countersigning. A broker tells its parent where its ledger stands; the parent looks whether that
 * goes on from what it was told before, and signs. So the head of each broker is known to another
 * one, and a ledger that was rewritten, or put back to an older state, does not get a second
 * signature.
 */
#include <stdlib.h>

#include "base/base64.h"
#include "base/text.h"
#include "store/internal.h"
#include "store/ledger.h"
#include "store/pace.h"

static const char *arg(const StoreOp *op, uint32_t i) {
    return i < op->query.n_args ? op->query.args[i] : "";
}

static bool bytes_arg(const StoreOp *op, uint32_t i, void *ret, size_t n) {
    _cleanup_(freep) uint8_t *p = NULL;
    size_t got = 0;
    if (base64_decode(arg(op, i), strlen(arg(op, i)), &p, &got) < 0 || got != n)
        return false;
    memcpy(ret, p, n);
    return true;
}

static bool number_arg(const StoreOp *op, uint32_t i, int64_t *ret) {
    char *end = NULL;
    *ret = strtoll(arg(op, i), &end, 10);
    return end != arg(op, i) && *end == '\0' && *ret >= 0;
}

/* --- what a broker says of its own ledger ----------------------------------------------------- */

static bool hash_at(Store *s, int64_t block, uint8_t ret[static DIGEST_SIZE]) {
    LedgerHead base;
    ledger_base(s, &base);
    if (block == base.block) {
        memcpy(ret, base.hash, DIGEST_SIZE);
        return true;
    }
    if (block == s->ledger->head.block) {
        memcpy(ret, s->ledger->head.hash, DIGEST_SIZE);
        return true;
    }
    _query_ q = QUERY(s, "SELECT hash FROM ledger WHERE block = ?1", INT(block));
    if (!db_row(s, q) || col_bytes(q, 0).n != DIGEST_SIZE)
        return false;
    memcpy(ret, col_bytes(q, 0).p, DIGEST_SIZE);
    return true;
}

/* [SINCE]: the head, and the hash at block SINCE; without it at the last block countersigned.
 * "quiet": nothing worth a signature happened since. */
void query_ledger_head(Store *s, StoreOp *op, Table *t) {
    uint8_t hash[DIGEST_SIZE] = { 0 };
    LedgerHead base;
    const LedgerHead *head = &s->ledger->head;
    int64_t since = 0, at = 0, entries = 0;
    ledger_base(s, &base);
    {
        _query_ q =
            QUERY(s, "SELECT w.block, w.at, l.first_entry + l.n - 1 FROM ledger_witness w "
                     "LEFT JOIN ledger l ON l.block = w.block ORDER BY w.block DESC LIMIT 1");
        if (db_row(s, q)) {
            since = col_int(q, 0);
            at = col_int(q, 1);
            entries = since == base.block ? base.entries : col_int(q, 2);
        }
    }
    const bool quiet = at > 0 && head->entries - entries <= 1; /* that it was countersigned */
    if (op->query.n_args > 0 && !number_arg(op, 0, &since)) {
        table_say(t, 2, "not a block");
        return;
    }
    if (!hash_at(s, since, hash) && op->query.n_args > 0) {
        table_say(t, 1, "the ledger has no block %lld", (long long)since);
        return;
    }
    table_column(t, "block", COLUMN_NUMBER);
    table_column(t, "hash", COLUMN_TEXT);
    table_column(t, "since", COLUMN_NUMBER);
    table_column(t, "since_hash", COLUMN_TEXT);
    table_column(t, "countersigned_at", COLUMN_TIME);
    table_column(t, "quiet", COLUMN_BOOL);
    table_number(t, head->block);
    table_bytes(t, head->hash, DIGEST_SIZE);
    table_number(t, since);
    table_bytes(t, hash, DIGEST_SIZE);
    table_number(t, at);
    table_number(t, quiet);
}

/* BLOCK HASH AT NODE KEY SIGNATURE: a countersignature of this ledger. */
void query_ledger_countersigned(Store *s, StoreOp *op, Table *t) {
    LedgerWitness w = { 0 };
    SignPublic public;
    uint8_t hash[DIGEST_SIZE];
    text_copy(w.node, sizeof(w.node), arg(op, 3));
    if (!number_arg(op, 0, &w.block) || !bytes_arg(op, 1, w.hash, sizeof(w.hash)) ||
        !number_arg(op, 2, &w.at_ms) || !bytes_arg(op, 4, w.key.b, sizeof(w.key.b)) ||
        !bytes_arg(op, 5, w.signature, sizeof(w.signature)) || !node_name_is_valid(w.node)) {
        table_say(t, 2, "not a countersignature");
        return;
    }
    if (strcmp(w.node, s->self) == 0) {
        table_say(t, 1, "%.64s cannot countersign its own ledger: another node has to", w.node);
        return;
    }
    if (!ledger_key_find(s, w.node, &w.key, &public)) {
        table_say(t, 1, "the directory has no such signing key of %.64s", w.node);
        return;
    }
    if (!ledger_witness_holds(&public, s->self, &w)) {
        table_say(t, 1, "the signature of %.64s does not hold", w.node);
        return;
    }
    if (!hash_at(s, w.block, hash) || memcmp(hash, w.hash, DIGEST_SIZE) != 0) {
        table_say(t, 1, "block %lld of this ledger is another one", (long long)w.block);
        return;
    }
    RUN(s,
        "INSERT OR REPLACE INTO ledger_witness(block, hash, at, node, key, signature) "
        "VALUES(?1,?2,?3,?4,?5,?6)",
        INT(w.block), BLOB(bytes_make(w.hash, DIGEST_SIZE)), INT(w.at_ms), TEXT(w.node),
        BLOB(bytes_make(w.key.b, KEY_ID_SIZE)), BLOB(bytes_make(w.signature, SIGNATURE_SIZE)));
    LedgerEntry e = { .kind = LEDGER_COUNTERSIGNED, .code = w.block, .has_digest = true };
    text_copy(e.node, sizeof(e.node), w.node);
    memcpy(e.digest, w.hash, DIGEST_SIZE);
    ledger_note(s, &e);
    table_column(t, "block", COLUMN_NUMBER);
    table_column(t, "by", COLUMN_TEXT);
    table_column(t, "at", COLUMN_TIME);
    table_number(t, w.block);
    table_text(t, w.node);
    table_number(t, w.at_ms);
}

/* --- what its parent makes of it -------------------------------------------------------------- */

typedef struct Child {
    int64_t block;
    uint8_t hash[DIGEST_SIZE];
    bool known;
} Child;

static Child child_of(Store *s, const char *node) {
    Child c = { 0 };
    _query_ q = QUERY(s, "SELECT block, hash FROM ledger_child WHERE node = ?1", TEXT(node));
    if (db_row(s, q) && col_bytes(q, 1).n == DIGEST_SIZE) {
        c = (Child) { .block = col_int(q, 0), .known = true };
        memcpy(c.hash, col_bytes(q, 1).p, DIGEST_SIZE);
    }
    return c;
}

static void note_head(Store *s, LedgerKind kind, const char *node, const char *peer, int64_t block,
                      const uint8_t hash[static DIGEST_SIZE]) {
    LedgerEntry e = { .kind = kind, .code = block, .has_digest = true };
    text_copy(e.node, sizeof(e.node), node);
    text_copy(e.peer, sizeof(e.peer), peer);
    memcpy(e.digest, hash, DIGEST_SIZE);
    ledger_note(s, &e);
}

static void witness(Store *s, const char *child, LedgerWitness *w, Table *t) {
    w->at_ms = s->now_ms;
    text_copy(w->node, sizeof(w->node), s->self);
    ledger_witness_sign(s->config.sign_key, child, w);
    RUN(s,
        "INSERT OR REPLACE INTO ledger_child(node, block, hash, at, witnessed_at) "
        "VALUES(?1,?2,?3,?4,?4)",
        TEXT(child), INT(w->block), BLOB(bytes_make(w->hash, DIGEST_SIZE)), INT(s->now_ms));
    note_head(s, LEDGER_WITNESSED, child, "", w->block, w->hash);
    table_text(t, "signed");
    table_number(t, w->block);
    table_bytes(t, w->hash, DIGEST_SIZE);
    table_number(t, w->at_ms);
    table_text(t, s->self);
    table_bytes(t, w->key.b, KEY_ID_SIZE);
    table_bytes(t, w->signature, SIGNATURE_SIZE);
}

/* BLOCK HASH SINCE SINCE_HASH, asked by the child. Answers "signed", "since" (the hash at that
 * block, please), or refuses with code 1 and the text beginning with FORKED. */
void query_ledger_witness(Store *s, StoreOp *op, Table *t) {
    LedgerWitness w = { 0 };
    uint8_t since_hash[DIGEST_SIZE];
    int64_t since = 0;
    const char *child = op->query.authority;
    static const char *const columns[] = { "verdict", "block", "hash",     "at",
                                           "node",    "key",   "signature" };
    if (!number_arg(op, 0, &w.block) || !bytes_arg(op, 1, w.hash, sizeof(w.hash)) ||
        !number_arg(op, 2, &since) || !bytes_arg(op, 3, since_hash, sizeof(since_hash))) {
        table_say(t, 2, "ledger-witness BLOCK HASH SINCE HASH");
        return;
    }
    if (!s->config.sign_key) {
        table_say(t, 1, "NO_KEY: this broker has no signing key");
        return;
    }
    if (!pace_allows_witness(s, child)) {
        table_say(t, 1, "TOO_OFTEN: heads of this broker were shown too often: later");
        return;
    }
    const Child c = child_of(s, child);
    const bool same = w.block == c.block && memcmp(w.hash, c.hash, DIGEST_SIZE) == 0;
    const bool goes_on = since == c.block && memcmp(since_hash, c.hash, DIGEST_SIZE) == 0;
    if (c.known && (w.block < c.block || (w.block == c.block && !same) ||
                    (w.block > c.block && since == c.block && !goes_on))) {
        note_head(s, LEDGER_FORKED, s->self, child, w.block, w.hash);
        table_say(t, 1, "FORKED: block %lld was countersigned with another hash, or is not there",
                  (long long)c.block);
        return;
    }
    if (c.known && since > c.block) {
        note_head(s, LEDGER_FORKED, s->self, child, since, since_hash);
        table_say(t, 1,
                  "FORKED: block %lld was countersigned here, and none after %lld is known any "
                  "more: the store of %.64s was put back",
                  (long long)since, (long long)c.block, s->self);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
        table_column(t, columns[i], i == 1 || i == 3 ? COLUMN_NUMBER : COLUMN_TEXT);
    if (!c.known || same || goes_on) {
        witness(s, child, &w, t);
        return;
    }
    table_text(t, "since");
    table_number(t, c.block);
    for (size_t i = 2; i < ARRAY_SIZE(columns); i++)
        table_text(t, "");
}

/* CHILD: its ledger begins anew (a backup was put back, by agreement): what was countersigned of
 * the old one stays in this ledger. */
void query_ledger_forget(Store *s, StoreOp *op, Table *t) {
    if (RUN(s, "DELETE FROM ledger_child WHERE node = ?1", TEXT(arg(op, 0))) == 0)
        table_say(t, 1, "no ledger of that broker was countersigned here");
}

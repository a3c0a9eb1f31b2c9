/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Old blocks go, up to one that another broker has countersigned: its hash is what the rest goes on
 * from, and its signature is kept, so that the rest can be verified as before.
 */
#include <stdlib.h>

#include "store/internal.h"
#include "store/ledger.h"

#define PRUNE_PERIOD_MS DAY_MS
#define PRUNE_BLOCKS    2000 /* at a time */

/* The last countersigned block that is older; the head stays. */
static bool find_base(Store *s, int64_t before_ms, LedgerHead *ret, int64_t *ret_at) {
    _query_ q = QUERY(s,
                      "SELECT l.block, l.first_entry + l.n - 1, l.hash, l.at FROM ledger_witness w "
                      "JOIN ledger l ON l.block = w.block AND l.hash = w.hash "
                      "WHERE l.at < ?1 ORDER BY w.block DESC LIMIT 1",
                      INT(before_ms));
    if (!db_row(s, q) || col_bytes(q, 2).n != DIGEST_SIZE)
        return false;
    *ret = (LedgerHead) { .block = col_int(q, 0), .entries = col_int(q, 1) };
    memcpy(ret->hash, col_bytes(q, 2).p, DIGEST_SIZE);
    *ret_at = col_int(q, 3);
    return true;
}

/* Returns how many blocks are before the base from now on. */
static int64_t set_base(Store *s, int64_t before_ms, LedgerHead *ret) {
    LedgerHead old;
    int64_t at = 0;
    ledger_base(s, &old);
    if (!find_base(s, before_ms, ret, &at) || ret->block <= old.block || s->fault < 0)
        return 0;
    RUN(s, "DELETE FROM ledger_base");
    RUN(s, "INSERT INTO ledger_base(block, entries, hash, at) VALUES(?1,?2,?3,?4)", INT(ret->block),
        INT(ret->entries), BLOB(bytes_make(ret->hash, DIGEST_SIZE)), INT(at));
    RUN(s, "DELETE FROM ledger_witness WHERE block < ?1", INT(ret->block));
    LedgerEntry e = { .kind = LEDGER_PRUNED, .code = ret->block + 1, .has_digest = true };
    memcpy(e.digest, ret->hash, DIGEST_SIZE);
    ledger_note(s, &e);
    return ret->block - old.block;
}

/* What stands before the base is not read any more, and goes little by little. */
static bool delete_some(Store *s) {
    return RUN(s,
               "DELETE FROM ledger WHERE block IN (SELECT block FROM ledger WHERE block <= "
               "(SELECT max(block) FROM ledger_base) LIMIT ?1)",
               INT(PRUNE_BLOCKS)) == PRUNE_BLOCKS;
}

bool ledger_purge(Store *s) {
    LedgerHead base;
    if (s->config.ledger_retention_ms > 0)
        (void)set_base(s, s->now_ms - s->config.ledger_retention_ms, &base);
    const bool more = delete_some(s);
    s->ledger_due_ms = s->now_ms + (more ? 0 : PRUNE_PERIOD_MS);
    return more;
}

/* BEFORE (wall ms). */
void query_ledger_prune(Store *s, StoreOp *op, Table *t) {
    LedgerHead base = { 0 };
    const int64_t before_ms = op->query.n_args > 0 ? strtoll(op->query.args[0], NULL, 10) : 0;
    if (before_ms <= 0) {
        table_say(t, 2, "ledger-prune needs a time");
        return;
    }
    const int64_t n = set_base(s, before_ms, &base);
    if (n == 0) {
        table_say(t, 1, "no countersigned block is older: nothing is pruned");
        return;
    }
    s->ledger_due_ms = 0; /* the rows go soon */
    table_column(t, "pruned", COLUMN_NUMBER);
    table_column(t, "first_block", COLUMN_NUMBER);
    table_number(t, n);
    table_number(t, base.block + 1);
}

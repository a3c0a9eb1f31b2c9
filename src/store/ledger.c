/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the ledger: what was noted in a transaction becomes one row of it. */
#include "store/ledger.h"

#include "base/text.h"
#include "store/internal.h"
#include "store/schema.h"

/* The end of the table; what follows goes on from what stands there, right or wrong: that it is
 * right is for ledger-verify.c to say, and a broker must not stop for it. */
void ledger_load(Store *s) {
    LedgerWriter *w = s->ledger;
    ledger_base(s, &w->head);
    {
        _query_ q = QUERY(s,
                          "SELECT block, first_entry + n - 1, hash, at FROM ledger "
                          "WHERE block <= ?1 ORDER BY block DESC LIMIT 1",
                          INT(LEDGER_NUMBER_MAX)); /* behind others nothing can follow */
        if (db_row(s, q) && col_bytes(q, 2).n == DIGEST_SIZE) {
            w->head.block = col_int(q, 0);
            w->head.entries = ledger_number(col_int(q, 1));
            memcpy(w->head.hash, col_bytes(q, 2).p, DIGEST_SIZE);
            s->health.noted_ms = ledger_number(col_int(q, 3));
        }
    }
    /* Cut off at the end: the numbers go on, so that the gap stays to be seen. */
    s->health.ledger_cut = MAX(ledger_written(s) - w->head.block, (int64_t)0);
    w->head.block += s->health.ledger_cut;
    w->committed = w->head;
    ledger_packer_init(&w->packer, w->body, sizeof(w->body));
}

void ledger_base(Store *s, LedgerHead *ret) {
    ledger_head_init(ret, s->self);
    _query_ q = QUERY(s, "SELECT block, entries, hash FROM ledger_base");
    if (db_row(s, q) && col_bytes(q, 2).n == DIGEST_SIZE) {
        ret->block = ledger_number(col_int(q, 0));
        ret->entries = ledger_number(col_int(q, 1));
        memcpy(ret->hash, col_bytes(q, 2).p, DIGEST_SIZE);
    }
}

int64_t ledger_filling(Store *s) {
    return s->ledger->named = s->ledger->head.block + 1;
}

void ledger_remember(Store *s) {
    meta_set(s, "ledger_block", s->ledger->head.block);
    meta_set(s, "ledger_seq", s->next_seq - 1);
    s->ledger->named = 0;
}

void ledger_flush(Store *s) {
    LedgerWriter *w = s->ledger;
    LedgerBlock b = { .number = w->head.block + 1,
                      .at_ms = s->now_ms,
                      .first = w->head.entries + 1,
                      .n = w->packer.n };
    if (b.n == 0 && w->named == b.number) /* by messages without entries: it does not come */
        ledger_remember(s);
    if (b.n == 0 || s->fault < 0)
        return;
    b.body = bytes_make(w->body, pack_end(&w->packer.to));
    ledger_block_hash(&w->head, &b, b.hash);
    RUN(s, "INSERT INTO ledger(block, at, first_entry, n, body, hash) VALUES(?1,?2,?3,?4,?5,?6)",
        INT(b.number), INT(b.at_ms), INT(b.first), INT(b.n), BLOB(b.body),
        BLOB(bytes_make(b.hash, DIGEST_SIZE)));
    w->head.block = b.number;
    w->head.entries += b.n;
    memcpy(w->head.hash, b.hash, DIGEST_SIZE);
    if (w->named != b.number)
        ledger_remember(s);
    ledger_packer_init(&w->packer, w->body, sizeof(w->body));
}

void ledger_note(Store *s, const LedgerEntry *e) {
    LedgerWriter *w = s->ledger;
    if (w->packer.to.size - w->packer.to.n < LEDGER_ENTRY_MAX)
        ledger_flush(s);
    if (s->fault == 0)
        ledger_pack(&w->packer, e);
}

void ledger_note_message(Store *s, LedgerKind kind, const Uuid *id, const char *node,
                         const char *peer, int64_t code) {
    LedgerEntry e = { .kind = kind, .message_id = *id, .code = code };
    text_copy(e.node, sizeof(e.node), node);
    text_copy(e.peer, sizeof(e.peer), peer ? peer : "");
    ledger_note(s, &e);
}

void ledger_committed(Store *s) {
    s->ledger->committed = s->ledger->head;
}

void ledger_rolled_back(Store *s) {
    s->ledger->head = s->ledger->committed;
    s->ledger->named = 0;
    ledger_packer_init(&s->ledger->packer, s->ledger->body, sizeof(s->ledger->body));
}

void run_note(Store *s, StoreOp *op) {
    for (uint32_t i = 0; i < op->note.n; i++)
        ledger_note(s, &op->note.list[i]);
}

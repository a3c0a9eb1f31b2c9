/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/ledgers.h"

#include <assert.h>
#include <stdio.h>

#include "base/text.h"
#include "store/internal.h"
#include "store/ledger.h"
#include "store/receipts.h"

typedef struct End {
    struct EndKey { /* no padding: hash key */
        Uuid id;
        char node[NODE_NAME_SIZE];
    } key;
    unsigned entries, outcomes;
    int entry_level, outcome_level;
    UT_hash_handle hh;
} End;

typedef struct Ends {
    End *ends;
    End *notices; /* ids of messages that have no outcomes; node empty */
} Ends;

static End *find(End **list, const Uuid *id, const char *node, bool make) {
    struct EndKey key;
    End *e = NULL;
    memset(&key, 0, sizeof(key));
    key.id = *id;
    (void)text_copy(key.node, sizeof(key.node), node);
    HASH_FIND(hh, *list, &key, sizeof(key), e);
    if (e || !make)
        return e;
    e = calloc(1, sizeof(*e));
    assert(e);
    e->key = key;
    HASH_ADD(hh, *list, key, sizeof(key), e);
    return e;
}

static void drop(End **list) {
    End *e, *tmp;
    HASH_ITER (hh, *list, e, tmp) {
        HASH_DEL(*list, e);
        free(e);
    }
}

static int level_of(const LedgerEntry *e) {
    switch (e->kind) {
    case LEDGER_COLLECTED:
        return LEVEL_COLLECTED;
    case LEDGER_UNDELIVERABLE:
        return LEVEL_UNDELIVERABLE;
    case LEDGER_RECALLED:
        return LEVEL_RECALLED;
    case LEDGER_NOTED:
        return (int)e->code;
    default:
        return LEVEL_NONE;
    }
}

static void take_entry(Ends *x, const LedgerEntry *e) {
    if (e->kind == LEDGER_ACCEPTED && e->code == KIND_NOTICE)
        (void)find(&x->notices, &e->message_id, "", true);
    if (!ledger_kind_is_final((int)e->kind) || find(&x->notices, &e->message_id, "", false))
        return;
    End *end = find(&x->ends, &e->message_id, e->node, true);
    end->entries++;
    end->entry_level = level_of(e);
}

static unsigned read_ledger(Store *s, Ends *x) {
    _cleanup_(buf_deinit) Buf hold = { 0 };
    LedgerReader *r = calloc(1, sizeof(*r));
    LedgerBlock b;
    LedgerEntry e;
    unsigned n = 0;
    assert(r);
    for (int64_t at = 0; ledger_read(s, at, &hold, &b); at = b.number) {
        ledger_reader_init(r, b.body);
        for (; ledger_next(r, &e); n++)
            take_entry(x, &e);
    }
    free(r);
    return n;
}

static void read_outcomes(Store *s, Ends *x) {
    /* The message is purged, or its id is not in the table yet. */
    _query_ q = QUERY(s, "SELECT coalesce(m.id, d.id), o.recipient, o.level FROM outcome o "
                         "LEFT JOIN message m ON m.seq = o.seq "
                         "LEFT JOIN dedup d ON d.seq = o.seq WHERE o.level > 0");
    while (db_row(s, q)) {
        const Uuid id = col_uuid(q, 0);
        End *end = find(&x->ends, &id, col_text(q, 1), true);
        end->outcomes++;
        end->outcome_level = (int)col_int(q, 2);
    }
}

static void compare(const Ends *x, void (*tell)(void *data, const char *line), void *data) {
    char id[UUID_TEXT_SIZE], line[256];
    const End *e, *tmp;
    HASH_ITER (hh, x->ends, e, tmp) {
        if (e->entries == 1 && e->outcomes == 1 && e->entry_level == e->outcome_level)
            continue;
        uuid_format(&e->key.id, id);
        (void)snprintf(line, sizeof(line), "%s for %s: %u ends (%s), %u outcomes (%s)", id,
                       e->key.node, e->entries, receipt_level_name(e->entry_level), e->outcomes,
                       receipt_level_name(e->outcome_level));
        tell(data, line);
    }
}

static void audit(Store *s, void (*tell)(void *data, const char *line), void *data) {
    char line[400];
    LedgerAudit *a = calloc(1, sizeof(*a));
    assert(a);
    if (store_audit(s, a, NULL, NULL) < 0)
        tell(data, store_health(s)->fault);
    for (uint32_t i = 0; i < a->n_found; i++) {
        (void)snprintf(line, sizeof(line), "block %lld, entry %lld: %s",
                       (long long)a->found[i].block, (long long)a->found[i].entry,
                       a->found[i].text);
        if (!a->found[i].remark)
            tell(data, line);
    }
    free(a);
}

unsigned ledgers_compare(Store *s, void (*tell)(void *data, const char *line), void *data) {
    Ends x = { 0 };
    audit(s, tell, data);
    const unsigned n = read_ledger(s, &x);
    read_outcomes(s, &x);
    compare(&x, tell, data);
    drop(&x.ends);
    drop(&x.notices);
    return n;
}

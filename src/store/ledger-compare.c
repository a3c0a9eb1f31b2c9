/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger-compare.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash-table.h"
#include "base/text.h"
#include "store/internal.h"
#include "store/message.h"
#include "store/queue.h"
#include "store/receipts.h"
#include "store/schema.h"

/* A message and a recipient without an end so far. */
typedef struct Open {
    struct OpenKey { /* no padding: hash key */
        Uuid id;
        char node[NODE_NAME_SIZE];
    } key;
    char hop[NODE_NAME_SIZE]; /* "" = in a mailbox here */
    int64_t block, entry;
    UT_hash_handle hh;
} Open;

/* A message whose id is not in table dedup yet. */
typedef struct Newest {
    Uuid id;
    int64_t seq;
    UT_hash_handle hh;
} Newest;

struct LedgerCompare {
    Store *s;
    Open *open;
    Newest *newest;
    LedgerReader reader;
    Uuid accepted; /* the last one whose ends are followed */
};

/* --- the store -------------------------------------------------------------------------------- */

static void add_newest(LedgerCompare *c, const Uuid *id, int64_t seq) {
    Newest *n = calloc(1, sizeof(*n));
    if (n) {
        n->id = *id;
        n->seq = seq;
        Newest *old;
        HASH_REPLACE(hh, c->newest, id, sizeof(n->id), n, old);
        free(old);
    }
    if (!n || !n->hh.tbl) {
        free(n);
        db_fault(c->s, -ENOMEM, "out of memory");
    }
}

LedgerCompare *ledger_compare_new(Store *s) {
    LedgerCompare *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->s = s;
    {
        _query_ q = QUERY(s, "SELECT id, seq FROM message WHERE seq > ?1 ORDER BY seq",
                          INT(meta_number(s, "dedup_swept", 0)));
        while (db_row(s, q)) {
            const Uuid id = col_uuid(q, 0);
            add_newest(c, &id, col_int(q, 1));
        }
    }
    if (s->fault < 0)
        ledger_compare_freep(&c);
    return c;
}

void ledger_compare_freep(LedgerCompare **c) {
    Open *o, *next_open;
    Newest *n, *next;
    if (!*c)
        return;
    HASH_ITER (hh, (*c)->open, o, next_open) {
        HASH_DEL((*c)->open, o);
        free(o);
    }
    HASH_ITER (hh, (*c)->newest, n, next) {
        HASH_DEL((*c)->newest, n);
        free(n);
    }
    free(*c);
    *c = NULL;
}

static int64_t number_of(LedgerCompare *c, const Uuid *id) {
    Newest *n;
    HASH_FIND(hh, c->newest, id, sizeof(*id), n);
    return n ? n->seq
             : db_number(c->s, QUERY(c->s, "SELECT seq FROM dedup WHERE id = ?1", UUID(id)), 0);
}

static bool is_recipient(LedgerCompare *c, int64_t seq, const char *node) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    return message_load(c->s, seq, &m) && receipt_applies(m.kind) && route_find(&m.route, node);
}

/* --- ends ------------------------------------------------------------------------------------- */

static Open *find_open(LedgerCompare *c, const LedgerEntry *e, struct OpenKey *ret) {
    Open *o;
    memset(ret, 0, sizeof(*ret));
    ret->id = e->message_id;
    (void)text_copy(ret->node, sizeof(ret->node), e->node);
    HASH_FIND(hh, c->open, ret, sizeof(*ret), o);
    return o;
}

/* The first way of a recipient, or the one on which its copy moved since. */
static void take_routed(LedgerCompare *c, const LedgerEntry *e, int64_t block, int64_t entry) {
    struct OpenKey key;
    Open *o = find_open(c, e, &key);
    if (o)
        (void)text_copy(o->hop, sizeof(o->hop), e->peer);
    if (o || !uuid_equal(&e->message_id, &c->accepted) || e->code == ROLE_SUBSCRIBER)
        return;
    o = calloc(1, sizeof(*o));
    if (o) {
        *o = (Open) { .key = key, .block = block, .entry = entry };
        (void)text_copy(o->hop, sizeof(o->hop), e->peer);
        HASH_ADD(hh, c->open, key, sizeof(o->key), o);
    }
    if (!o || !o->hh.tbl) {
        free(o);
        db_fault(c->s, -ENOMEM, "out of memory");
    }
}

static void forget(LedgerCompare *c, const LedgerEntry *e) {
    struct OpenKey key;
    Open *o = find_open(c, e, &key);
    if (!o)
        return;
    HASH_DEL(c->open, o);
    free(o);
}

static int level_of(const LedgerEntry *e) {
    return e->kind == LEDGER_COLLECTED       ? LEVEL_COLLECTED
           : e->kind == LEDGER_UNDELIVERABLE ? LEVEL_UNDELIVERABLE
           : e->kind == LEDGER_RECALLED      ? LEVEL_RECALLED
                                             : (int)e->code;
}

static void tell(LedgerAudit *a, int64_t block, int64_t entry, const Uuid *id, const char *node,
                 int said, const char *store) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    ledger_audit_tell(a, block, entry, false, "%s for %.64s: the ledger says %s, the store %s",
                      text, node, said == LEVEL_NONE ? "nothing" : receipt_level_name(said), store);
}

/* An id that is forgotten has no outcomes any more, and one that was stored twice has the first of
 * them under a number that is not known. */
static void take_end(LedgerCompare *c, const LedgerEntry *e, int64_t block, int64_t entry,
                     LedgerAudit *a) {
    const int64_t seq = number_of(c, &e->message_id);
    const int said = level_of(e);
    const int stored = seq > 0 ? (int)outcome_level(c->s, seq, e->node) : said;
    forget(c, e);
    if (stored == said || (stored == LEVEL_NONE && !is_recipient(c, seq, e->node)))
        return;
    tell(a, block, entry, &e->message_id, e->node, said,
         stored == LEVEL_NONE ? "nothing" : receipt_level_name(stored));
}

static void take_entry(LedgerCompare *c, const LedgerEntry *e, int64_t block, int64_t entry,
                       LedgerAudit *a) {
    if (e->kind == LEDGER_ACCEPTED && receipt_applies((int)e->code))
        c->accepted = e->message_id; /* its ways follow at once */
    else if (e->kind == LEDGER_ROUTED || e->kind == LEDGER_DEPOSITED)
        take_routed(c, e, block, entry);
    else if (ledger_kind_is_final((int)e->kind))
        take_end(c, e, block, entry, a);
}

void ledger_compare_block(LedgerCompare *c, const LedgerBlock *b, LedgerAudit *a) {
    LedgerEntry e;
    ledger_reader_init(&c->reader, b->body);
    for (int64_t n = b->first; c->s->fault == 0 && ledger_next(&c->reader, &e); n++)
        take_entry(c, &e, b->number, n, a);
}

void ledger_compare_end(LedgerCompare *c, LedgerAudit *a) {
    const Open *o, *next;
    HASH_ITER (hh, c->open, o, next) {
        const int64_t seq = number_of(c, &o->key.id);
        const int stored = seq > 0 ? (int)outcome_level(c->s, seq, o->key.node) : LEVEL_NONE;
        if (stored != LEVEL_NONE)
            tell(a, o->block, o->entry, &o->key.id, o->key.node, LEVEL_NONE,
                 receipt_level_name(stored));
        else if (seq == 0 && o->hop[0] == '\0') /* what was handed on is forgotten in time */
            tell(a, o->block, o->entry, &o->key.id, o->key.node, LEVEL_NONE,
                 "has lost the message");
        if (c->s->fault < 0)
            return;
    }
}

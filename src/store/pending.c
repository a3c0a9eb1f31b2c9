/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pending.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/pack.h"
#include "store/item.h"

#define ITEMS_MAX   8192U /* unless told otherwise; more begin a sweep */
#define ITEM_BYTES  2048U /* on average of table pending: likewise */
#define SWEEP_SHARE 512U  /* of as many items a transaction sweeps one more than it changed */
#define ROWS_A_CUT  8     /* of table pending that one transaction deletes */
#define HEAD_MAX    32U   /* kind, id, last act and length of the body, packed */
#define ROOM_STEP   64U   /* room for a body grows by */
#define CANNOT_READ "items cannot be read: serasictl refold --write makes them again"

typedef struct Entry {
    UT_hash_handle hh; /* first, with the key: what a search reads */
    ItemKey key;
    bool changed, settled; /* by the transaction at work; into the tables, by the same */
    uint32_t n, room;      /* n == 0: forgotten */
    uint8_t *body;
    int64_t last, due_ms; /* due: its next timer here; INT64_MAX = none */
    uint64_t owes;        /* hash of the node's name */
    struct Entry *next;   /* of those changed */
} Entry;

struct Pending {
    Entry *entries, *changed;
    uint32_t n_changed, n_unread; /* unread: rows of table pending, left out */
    int64_t due_ms;               /* at most the least of the entries' */
    int64_t row, first_row;       /* the last and the first one of table pending */
    uint64_t bytes;               /* since the last sweep */
    uint32_t n_sweep, at;         /* keys of the sweep at work; the next of them */
    ItemKey *sweep;               /* NULL = none */
    int64_t sweep_row, cut;       /* last row before the sweep; rows up to cut may go */
    StoredItem item;              /* scratch */
};
_Static_assert(sizeof(ItemKey) == sizeof(ItemKind) + UUID_SIZE, "hashed and compared as bytes");

/* --- entries -------------------------------------------------------------------------------- */

static Pending *pending_get(Store *s) {
    if (!s->pending && (s->pending = calloc(1, sizeof(*s->pending)))) {
        s->pending->due_ms = INT64_MAX;
        s->pending->first_row = 1;
    }
    if (!s->pending)
        db_fault(s, -ENOMEM, "out of memory");
    return s->pending;
}

static Entry *entry_find(const Pending *p, const ItemKey *key) {
    Entry *e = NULL;
    if (p)
        HASH_FIND(hh, p->entries, key, sizeof(*key), e);
    return e;
}

static Entry *entry_add(Store *s, Pending *p, const ItemKey *key) {
    Entry *e = calloc(1, sizeof(*e));
    if (e) {
        e->key = *key;
        HASH_ADD(hh, p->entries, key, sizeof(e->key), e);
        if (e->hh.tbl)
            return e;
    }
    free(e); /* no room for it, or in the table of them */
    db_fault(s, -ENOMEM, "out of memory");
    return NULL;
}

static void entry_free(Pending *p, Entry *e) {
    HASH_DEL(p->entries, e);
    free(e->body);
    free(e);
}

/* Changed ones are needed until they are written. */
static void entry_done(Pending *p, Entry *e) {
    e->settled = true;
    if (!e->changed)
        entry_free(p, e);
}

/* NULL after a fault. */
static Entry *entry_set(Store *s, const ItemKey *key, int64_t last, Bytes body) {
    Pending *p = pending_get(s);
    Entry *e = entry_find(p, key);
    if (!p || (!e && !(e = entry_add(s, p, key))))
        return NULL;
    if (body.n > e->room) {
        const size_t room = (body.n + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
        uint8_t *more = realloc(e->body, room);
        if (!more) {
            db_fault(s, -ENOMEM, "out of memory");
            return NULL;
        }
        e->body = more;
        e->room = (uint32_t)room;
    }
    if (body.n > 0)
        memcpy(e->body, body.p, body.n);
    e->n = (uint32_t)body.n;
    e->last = last;
    e->due_ms = INT64_MAX;
    e->owes = 0;
    e->settled = false;
    return e;
}

static uint64_t name_hash(const char *node) {
    return hash_64(bytes_make(node, strlen(node)));
}

/* What an entry is looked for by. */
static void entry_mark(const Store *s, Entry *e, const Item *i) {
    e->owes = name_hash(i->owes);
    for (uint32_t k = 0; k < i->n_timers; k++)
        e->due_ms = MIN(e->due_ms, i->timers[k].due_ms);
    if (e->due_ms < INT64_MAX && !item_is_kept_here(s, i))
        e->due_ms = INT64_MAX;
    s->pending->due_ms = MIN(s->pending->due_ms, e->due_ms);
}

static void entry_changed(Pending *p, Entry *e) {
    if (e->changed)
        return;
    e->changed = true;
    e->next = p->changed;
    p->changed = e;
    p->n_changed++;
}

bool pending_find(const Store *s, ItemKind kind, const Uuid *id, Bytes *ret_body,
                  int64_t *ret_last) {
    const Entry *e = entry_find(s->pending, &(ItemKey) { kind, *id });
    if (!e)
        return false;
    *ret_body = bytes_make(e->body, e->n);
    *ret_last = e->last;
    return true;
}

void pending_put(Store *s, const StoredItem *i) {
    uint8_t body[ITEM_PACKED_MAX];
    const size_t n = item_pack(&i->item, body, sizeof(body));
    if (n == 0) {
        db_fault(s, -EOVERFLOW, "an item does not fit its row");
        return;
    }
    Entry *e =
        entry_set(s, &(ItemKey) { i->item.kind, i->item.id }, i->last_act, bytes_make(body, n));
    if (!e)
        return;
    entry_mark(s, e, &i->item);
    entry_changed(s->pending, e);
}

void pending_forget(Store *s, ItemKind kind, const Uuid *id) {
    Entry *e = entry_set(s, &(ItemKey) { kind, *id }, 0, bytes_make(NULL, 0));
    if (e)
        entry_changed(s->pending, e);
}

/* --- into the tables ------------------------------------------------------------------------ */

static void settle(Store *s, Entry *e) {
    StoredItem *i = &s->pending->item;
    const Bytes body = bytes_make(e->body, e->n);
    if (e->n > 0 && !e->settled) {
        (void)item_load_row(s, e->key.kind, &e->key.id, i); /* what differs from it is written */
        i->last_act = e->last;
        if (item_unpack(body, &i->item))
            item_write_row(s, i, body);
        else
            db_fault(s, -EUCLEAN, CANNOT_READ);
    }
    entry_done(s->pending, e);
}

bool pending_settle(Store *s, ItemKind kind, const Uuid *id) {
    Entry *e = entry_find(s->pending, &(ItemKey) { kind, *id });
    if (e)
        settle(s, e);
    return e != NULL;
}

void pending_settle_owed(Store *s, const char *node) {
    Entry *e, *next;
    const uint64_t owes = name_hash(node);
    if (!s->pending || s->intake != INTAKE_NORMAL)
        return;
    HASH_ITER (hh, s->pending->entries, e, next)
        if (e->owes == owes)
            settle(s, e);
}

void pending_settle_due(Store *s) {
    Pending *p = s->pending;
    Entry *e, *next;
    if (!p || p->due_ms > s->now_ms || s->intake != INTAKE_NORMAL)
        return;
    p->due_ms = INT64_MAX;
    HASH_ITER (hh, p->entries, e, next)
        if (e->due_ms <= s->now_ms)
            settle(s, e);
        else
            p->due_ms = MIN(p->due_ms, e->due_ms);
}

static int by_key(const void *x, const void *y) {
    const ItemKey *a = x, *b = y;
    return a->kind != b->kind ? (int)a->kind - (int)b->kind : memcmp(&a->id, &b->id, UUID_SIZE);
}

/* The keys of all entries in the order of their table. */
static void sweep_begin(Store *s, Pending *p) {
    const uint32_t n = HASH_COUNT(p->entries);
    uint32_t i = 0;
    free(p->sweep);
    p->sweep = reallocarray(NULL, MAX(n, 1U), sizeof(*p->sweep));
    if (!p->sweep) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    for (const Entry *e = p->entries; e; e = e->hh.next)
        p->sweep[i++] = e->key;
    qsort(p->sweep, n, sizeof(*p->sweep), by_key);
    p->n_sweep = n;
    p->at = 0;
    p->sweep_row = p->row;
    p->bytes = 0;
}

static void sweep_end(Pending *p) {
    free(p->sweep);
    p->sweep = NULL;
    p->cut = p->sweep_row;
}

static void sweep(Store *s, Pending *p, uint32_t n) {
    for (; n > 0 && p->at < p->n_sweep && s->fault == 0; n--) {
        Entry *e = entry_find(p, &p->sweep[p->at++]);
        if (e)
            settle(s, e);
    }
    if (p->at == p->n_sweep)
        sweep_end(p);
}

static bool is_empty(const Pending *p) {
    return !p || (!p->entries && p->row == 0);
}

static void settle_everything(Store *s) {
    Pending *p = s->pending;
    if (is_empty(p))
        return;
    if (p->n_unread > 0) /* the rest would pass for the whole */
        db_fault(s, -EUCLEAN, CANNOT_READ);
    sweep_begin(s, p);
    if (s->fault == 0)
        sweep(s, p, p->n_sweep);
    RUN(s, "DELETE FROM pending");
    tally_flush(s);
    pending_drop(s);
}

void pending_settle_all(Store *s) {
    if (s->intake == INTAKE_NORMAL)
        settle_everything(s);
}

int store_settle(Store *s) {
    if (is_empty(s->pending))
        return 0;
    (void)db_exec(s, "BEGIN IMMEDIATE");
    settle_everything(s);
    const int r = db_exec(s, "COMMIT");
    if (r == 0)
        return 0;
    if (!sqlite3_get_autocommit(s->db)) /* SQLite may have done it itself */
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    tally_drop(s);
    s->fault = 0;
    pending_load(s);
    const int worse = s->fault;
    s->fault = 0;
    return worse < 0 ? worse : r;
}

/* --- table pending -------------------------------------------------------------------------- */

/* What the transaction changed, in one row. */
static void write_changed(Store *s, Pending *p) {
    size_t size = 0;
    for (const Entry *e = p->changed; e; e = e->next)
        size += HEAD_MAX + e->n;
    _cleanup_(freep) uint8_t *row = malloc(size);
    Packer k = { .p = row, .size = row ? size : 0 };
    for (const Entry *e = p->changed; e; e = e->next) {
        pack_number(&k, e->key.kind);
        pack_id(&k, &e->key.id);
        pack_number(&k, (uint64_t)e->last);
        pack_number(&k, e->n);
        pack_bytes(&k, e->body, e->n);
    }
    const size_t n = pack_end(&k);
    if (n == 0)
        db_fault(s, -ENOMEM, "out of memory");
    RUN(s, "INSERT INTO pending(n, items) VALUES(?1,?2)", INT(++p->row), BLOB(bytes_make(row, n)));
    p->bytes += n;
}

static void end_changed(Pending *p) {
    for (Entry *e = p->changed, *next; e; e = next) {
        next = e->next;
        e->changed = false;
        if (e->settled)
            entry_free(p, e);
    }
    p->changed = NULL;
    p->n_changed = 0;
}

/* Rows that are swept go a few at a time: each is as long as its transaction was. */
static void cut_rows(Store *s, Pending *p) {
    if (p->first_row > p->cut)
        return;
    p->first_row = MIN(p->first_row + ROWS_A_CUT, p->cut + 1);
    RUN(s, "DELETE FROM pending WHERE n < ?1", INT(p->first_row));
}

static uint32_t items_max(const Store *s) {
    return s->config.pending_items > 0 ? s->config.pending_items : ITEMS_MAX;
}

bool pending_is_long(const Store *s) {
    const Pending *p = s->pending;
    return p && (HASH_COUNT(p->entries) > items_max(s) ||
                 p->bytes > (uint64_t)items_max(s) * ITEM_BYTES);
}

void pending_write(Store *s) {
    Pending *p = s->pending;
    if (!p || !p->changed || s->fault < 0)
        return;
    const bool room = s->intake == INTAKE_NORMAL;
    if (room && p->sweep)
        sweep(s, p, p->n_changed + 1 + items_max(s) / SWEEP_SHARE);
    write_changed(s, p);
    end_changed(p);
    if (room)
        cut_rows(s, p);
    if (!p->sweep && pending_is_long(s))
        sweep_begin(s, p);
}

static bool read_item(Store *s, Unpacker *k) {
    Item *i = &s->pending->item.item;
    uint8_t body[ITEM_PACKED_MAX];
    ItemKey key = { .kind = (ItemKind)unpack_number(k, ITEM_KINDS - 1) };
    key.id = unpack_id(k);
    const int64_t last = (int64_t)unpack_number(k, INT64_MAX);
    const size_t n = unpack_number(k, sizeof(body));
    unpack_bytes(k, body, n);
    if (k->failed || (n > 0 && (!item_unpack(bytes_make(body, n), i) || i->kind != key.kind ||
                                !uuid_equal(&i->id, &key.id))))
        return false;
    Entry *e = entry_set(s, &key, last, bytes_make(body, n));
    if (e && n > 0)
        entry_mark(s, e, i);
    return true;
}

static bool read_row(Store *s, Bytes row) {
    Unpacker k = unpack_start(row);
    while (unpack_more(&k))
        if (!read_item(s, &k))
            return false;
    return row.n > 0;
}

void pending_load(Store *s) {
    pending_drop(s);
    Pending *p = pending_get(s);
    _query_ q = QUERY(s, "SELECT n, items FROM pending ORDER BY n LIMIT ?1", INT(INT64_MAX));
    while (p && db_row(s, q)) {
        if (p->row == 0)
            p->first_row = col_int(q, 0);
        p->row = col_int(q, 0);
        p->bytes += col_bytes(q, 1).n;
        if (read_row(s, col_bytes(q, 1)))
            continue;
        p->n_unread++;
        if (!s->config.items_doubted)
            db_fault(s, -EUCLEAN, CANNOT_READ);
    }
}

void pending_drop(Store *s) {
    Pending *p = s->pending;
    Entry *e, *next;
    if (!p)
        return;
    HASH_ITER (hh, p->entries, e, next)
        entry_free(p, e);
    free(p->sweep);
    free(p);
    s->pending = NULL;
}

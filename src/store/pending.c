/* SPDX-License-Identifier: Apache-2.0 */
/* What is pending, and table pending. */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/pack.h"
#include "store/pending-internal.h"
#include "store/space.h"

#define ITEMS_MAX   8192U /* unless told otherwise; more begin a sweep */
#define ITEM_BYTES  2048U /* on average of table pending: likewise */
#define SWEEP_SHARE 512U  /* of as many items a transaction sweeps one more, besides */
#define ROWS_A_CUT  8     /* of table pending that one transaction deletes */
#define HEAD_MAX    32U   /* kind, id, last act and length of the body, packed */
#define ROOM_STEP   64U   /* room for a body grows by */

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

PendingEntry *pending_entry(const Pending *p, const ItemKey *key) {
    PendingEntry *e = NULL;
    if (p)
        HASH_FIND(hh, p->entries, key, sizeof(*key), e);
    return e;
}

static PendingEntry *entry_add(Store *s, Pending *p, const ItemKey *key) {
    PendingEntry *e = calloc(1, sizeof(*e));
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

void pending_leave_case(Pending *p, PendingEntry *e) {
    if (!uuid_is_nil(&e->case_id))
        HASH_DELETE(hh_case, p->by_case, e);
    e->case_id = (Uuid) { { 0 } };
}

/* Of one case there may be several. */
static void entry_enter_case(Store *s, PendingEntry *e, const Uuid *case_id) {
    Pending *p = s->pending;
    if (uuid_equal(&e->case_id, case_id))
        return;
    pending_leave_case(p, e);
    if (uuid_is_nil(case_id))
        return;
    e->case_id = *case_id;
    HASH_ADD(hh_case, p->by_case, case_id, sizeof(e->case_id), e);
    if (!e->hh_case.tbl) { /* no room for it */
        e->case_id = (Uuid) { { 0 } };
        db_fault(s, -ENOMEM, "out of memory");
    }
}

static void entry_free(Pending *p, PendingEntry *e) {
    pending_leave_case(p, e);
    HASH_DEL(p->entries, e);
    free(e->body);
    free(e);
}

void pending_settled(Pending *p, PendingEntry *e) {
    e->settled = true;
    if (!e->changed)
        entry_free(p, e);
}

/* NULL after a fault. fresh: what is not pending is in no table either. */
static PendingEntry *entry_set(Store *s, const ItemKey *key, int64_t last, Bytes body, bool fresh) {
    Pending *p = pending_get(s);
    PendingEntry *e = pending_entry(p, key);
    if (!p)
        return NULL;
    if (!e) {
        if (!(e = entry_add(s, p, key)))
            return NULL;
        e->fresh = fresh;
    }
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
    e->settled = e->open = false;
    return e;
}

uint64_t pending_name_hash(const char *node) {
    return hash_64(bytes_make(node, strlen(node)));
}

/* What an entry is looked for by. */
static void entry_mark(Store *s, PendingEntry *e, const Item *i) {
    if (i->kind == ITEM_REFERRAL)
        entry_enter_case(s, e, &i->case_id);
    e->owes = pending_name_hash(i->owes);
    e->open = !i->final;
    e->changed_ms = i->changed_ms;
    for (uint32_t k = 0; k < i->n_timers; k++)
        e->due_ms = MIN(e->due_ms, i->timers[k].due_ms);
    if (e->due_ms < INT64_MAX && !item_is_kept_here(s, i))
        e->due_ms = INT64_MAX;
    s->pending->due_ms = MIN(s->pending->due_ms, e->due_ms);
}

void pending_changed(Pending *p, PendingEntry *e) {
    if (e->changed)
        return;
    e->changed = true;
    if (e->times < UINT8_MAX)
        e->times++;
    e->next = p->changed;
    p->changed = e;
    p->n_changed++;
}

bool pending_find(const Store *s, ItemKind kind, const Uuid *id, Bytes *ret_body,
                  int64_t *ret_last) {
    const PendingEntry *e = pending_entry(s->pending, &(ItemKey) { kind, *id });
    if (!e)
        return false;
    *ret_body = bytes_make(e->body, e->n);
    *ret_last = e->last;
    return true;
}

uint64_t *pending_notes(Store *s, ItemKind kind, const Uuid *id) {
    PendingEntry *e = pending_entry(s->pending, &(ItemKey) { kind, *id });
    return e ? e->notes : NULL;
}

void pending_put(Store *s, const StoredItem *i) {
    uint8_t body[ITEM_PACKED_MAX];
    const size_t n = item_pack(&i->item, body, sizeof(body));
    if (n == 0) {
        db_fault(s, -EOVERFLOW, "an item does not fit its row");
        return;
    }
    PendingEntry *e = entry_set(s, &(ItemKey) { i->item.kind, i->item.id }, i->last_act,
                                bytes_make(body, n), !i->known_before);
    if (!e)
        return;
    entry_mark(s, e, &i->item);
    pending_changed(s->pending, e);
}

void pending_forget(Store *s, ItemKind kind, const Uuid *id) {
    PendingEntry *e = entry_set(s, &(ItemKey) { kind, *id }, 0, bytes_make(NULL, 0), false);
    if (e)
        pending_changed(s->pending, e);
}

/* --- table pending -------------------------------------------------------------------------- */

/* What the transaction changed, in one row. */
static void write_changed(Store *s, Pending *p) {
    size_t size = 0;
    for (const PendingEntry *e = p->changed; e; e = e->next)
        size += HEAD_MAX + e->n;
    _cleanup_(freep) uint8_t *row = malloc(size);
    Packer k = { .p = row, .size = row ? size : 0 };
    for (const PendingEntry *e = p->changed; e; e = e->next) {
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
    for (PendingEntry *e = p->changed, *next; e; e = next) {
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

uint32_t pending_items_max(const Store *s) {
    return s->config.pending_items > 0 ? s->config.pending_items : ITEMS_MAX;
}

bool pending_is_long(const Store *s) {
    const Pending *p = s->pending;
    return p && (HASH_COUNT(p->entries) > pending_items_max(s) ||
                 p->bytes > (uint64_t)pending_items_max(s) * ITEM_BYTES);
}

void pending_write(Store *s) {
    acts_write(s);
    Pending *p = s->pending;
    if (!p || !p->changed || s->fault < 0)
        return;
    const bool room = s->intake == INTAKE_NORMAL;
    if (room && p->sweep) /* quicker than it grows, by more than what stays */
        pending_sweep(s, p, p->n_changed * 3 / 2 + 1 + pending_items_max(s) / SWEEP_SHARE, false);
    write_changed(s, p);
    end_changed(p);
    if (room)
        cut_rows(s, p);
    if (!p->sweep && pending_is_long(s))
        pending_sweep_begin(s, p);
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
    PendingEntry *e = entry_set(s, &key, last, bytes_make(body, n), false);
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
    /* Under other numbers nobody has written: 0 is none, and behind the last there is no next. */
    _query_ q = QUERY(s, "SELECT n, items FROM pending WHERE n BETWEEN 1 AND ?1 ORDER BY n",
                      INT(INT64_C(1) << 48));
    while (p && db_row(s, q)) {
        if (p->row == 0)
            p->first_row = col_int(q, 0);
        p->row = col_int(q, 0);
        p->bytes += col_bytes(q, 1).n;
        if (read_row(s, col_bytes(q, 1)))
            continue;
        p->n_unread++;
        if (!s->config.items_doubted)
            db_fault(s, -EUCLEAN, PENDING_UNREAD);
    }
}

void pending_drop(Store *s) {
    Pending *p = s->pending;
    PendingEntry *e, *next;
    if (!p)
        return;
    HASH_ITER (hh, p->entries, e, next)
        entry_free(p, e);
    free(p->sweep);
    free(p);
    s->pending = NULL;
}

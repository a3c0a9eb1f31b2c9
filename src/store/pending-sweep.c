/* SPDX-License-Identifier: Apache-2.0 */
/* From what is pending into the tables: one item, those that are asked for, or all in turn. */
#include <errno.h>
#include <stdlib.h>

#include "store/pending-internal.h"
#include "store/space.h"

#define STAY_SHARE 4U /* of as many items a sweep leaves one where it is, at most */

static void settle(Store *s, PendingEntry *e) {
    StoredItem *i = &s->pending->item;
    const Bytes body = bytes_make(e->body, e->n);
    pending_leave_case(s->pending, e);
    if (e->n > 0 && !e->settled) {
        if (e->fresh)
            item_new(e->key.kind, &e->key.id, i);
        else /* what differs from it is written */
            (void)item_load_row(s, e->key.kind, &e->key.id, i);
        e->fresh = false;
        i->last_act = e->last;
        if (item_unpack(body, &i->item))
            item_write_row(s, i, body);
        else
            db_fault(s, -EUCLEAN, PENDING_UNREAD);
    }
    pending_settled(s->pending, e);
}

bool pending_settle(Store *s, ItemKind kind, const Uuid *id) {
    PendingEntry *e = pending_entry(s->pending, &(ItemKey) { kind, *id });
    if (e)
        settle(s, e);
    return e != NULL;
}

void pending_settle_case(Store *s, const Uuid *case_id) {
    PendingEntry *e = NULL;
    do {
        if (s->pending)
            HASH_FIND(hh_case, s->pending->by_case, case_id, sizeof(*case_id), e);
        if (e)
            settle(s, e);
    } while (e);
}

void pending_settle_owed(Store *s, const char *node) {
    PendingEntry *e, *next;
    const uint64_t owes = pending_name_hash(node);
    if (!s->pending || s->intake != INTAKE_NORMAL)
        return;
    HASH_ITER (hh, s->pending->entries, e, next)
        if (e->owes == owes)
            settle(s, e);
}

void pending_settle_due(Store *s) {
    Pending *p = s->pending;
    PendingEntry *e, *next;
    if (!p || p->due_ms > s->now_ms || s->intake != INTAKE_NORMAL)
        return;
    p->due_ms = INT64_MAX;
    HASH_ITER (hh, p->entries, e, next)
        if (e->due_ms <= s->now_ms)
            settle(s, e);
        else
            p->due_ms = MIN(p->due_ms, e->due_ms);
}

void pending_settle_old(Store *s, int64_t until_ms) {
    PendingEntry *e, *next;
    if (!s->pending || s->intake != INTAKE_NORMAL)
        return;
    HASH_ITER (hh, s->pending->entries, e, next)
        if (e->changed_ms <= until_ms)
            settle(s, e);
}

static int by_key(const void *x, const void *y) {
    const ItemKey *a = x, *b = y;
    return a->kind != b->kind ? (int)a->kind - (int)b->kind : memcmp(&a->id, &b->id, UUID_SIZE);
}

/* The keys of all entries in the order of their table. */
void pending_sweep_begin(Store *s, Pending *p) {
    const uint32_t n = HASH_COUNT(p->entries);
    uint32_t i = 0;
    free(p->sweep);
    p->sweep = reallocarray(NULL, MAX(n, 1U), sizeof(*p->sweep));
    if (!p->sweep) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    for (const PendingEntry *e = p->entries; e; e = e->hh.next)
        p->sweep[i++] = e->key;
    qsort(p->sweep, n, sizeof(*p->sweep), by_key);
    p->n_sweep = n;
    p->at = p->n_stay = 0;
    p->sweep_row = p->row;
    p->bytes = 0;
}

static void sweep_end(Pending *p) {
    free(p->sweep);
    p->sweep = NULL;
    p->cut = p->sweep_row;
}

/* What changes often would be in its table only to be changed there again: it is written with what
 * the transaction changed instead, as the rows before the sweep will go. */
static bool stays(const Store *s, Pending *p, PendingEntry *e) {
    if (!e->open || e->times < 2 || p->n_stay >= pending_items_max(s) / STAY_SHARE)
        return false;
    pending_changed(p, e);
    e->times = 0;
    p->n_stay++;
    return true;
}

void pending_sweep(Store *s, Pending *p, uint32_t n, bool all) {
    for (; n > 0 && p->at < p->n_sweep && s->fault == 0; n--) {
        PendingEntry *e = pending_entry(p, &p->sweep[p->at++]);
        if (e && (all || !stays(s, p, e)))
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
        db_fault(s, -EUCLEAN, PENDING_UNREAD);
    pending_sweep_begin(s, p);
    if (s->fault == 0)
        pending_sweep(s, p, p->n_sweep, true);
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

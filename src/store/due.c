/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table timer: when what is due, of the items whose timers run at this broker. OP_DUE fires those
 * whose time has come: the item moves on and its notices are written in the same transaction, so a
 * crash neither loses nor repeats one.
 */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"
#include "store/pending.h"

#define DUE_MAX 64U

static bool has_timer(const Timer *list, uint32_t n, const Timer *t) {
    for (uint32_t i = 0; i < n; i++)
        if (list[i].kind == t->kind && list[i].due_ms == t->due_ms)
            return true;
    return false;
}

void timers_save(Store *s, const StoredItem *i) {
    const Item *is = &i->item;
    const bool here = item_is_kept_here(s, is);
    for (uint32_t k = 0; k < i->n_timers_before; k++) {
        const Timer *t = &i->timers_before[k];
        if (!here || !has_timer(is->timers, is->n_timers, t))
            RUN(s, "DELETE FROM timer WHERE due = ?1 AND kind = ?2 AND id = ?3 AND timer = ?4",
                INT(t->due_ms), INT(is->kind), UUID(&is->id), INT(t->kind));
    }
    for (uint32_t k = 0; k < is->n_timers && here; k++) /* those before, too: it may be new here */
        RUN(s, "INSERT OR IGNORE INTO timer(due, kind, id, timer) VALUES(?1,?2,?3,?4)",
            INT(is->timers[k].due_ms), INT(is->kind), UUID(&is->id), INT(is->timers[k].kind));
}

typedef struct DueRow {
    int64_t due_ms;
    ItemKind kind;
    Uuid id;
    TimerKind timer;
} DueRow;

/* Not the item's any more, or not here: what was pending of it takes the row away, and else it is a
 * leftover that must not stand in the way. */
static bool is_due(Store *s, const DueRow *row, StoredItem *ret) {
    const bool was_pending = pending_settle(s, row->kind, &row->id);
    const Timer *t =
        item_load(s, row->kind, &row->id, ret) ? item_timer(&ret->item, row->timer) : NULL;
    if (t && t->due_ms == row->due_ms)
        return !was_pending || item_is_kept_here(s, &ret->item);
    RUN(s,
        "DELETE FROM timer WHERE due = ?1 AND kind = ?2 AND (id = ?3 OR length(id) <> 16) "
        "AND timer = ?4",
        INT(row->due_ms), INT(row->kind), UUID(&row->id), INT(row->timer));
    return false;
}

static uint32_t list_due(Store *s, uint32_t limit, DueRow ret[static DUE_MAX]) {
    uint32_t n = 0;
    _query_ q = QUERY(s,
                      "SELECT due, kind, id, timer FROM timer WHERE due <= ?1 "
                      "ORDER BY due, kind, id, timer LIMIT ?2",
                      INT(s->now_ms), INT(limit));
    while (n < limit && db_row(s, q))
        ret[n++] = (DueRow) { .due_ms = col_int(q, 0),
                              .kind = (ItemKind)col_int(q, 1),
                              .id = col_uuid(q, 2),
                              .timer = (TimerKind)col_int(q, 3) };
    return n;
}

/* What the journal says about it. */
static void note(const Store *s, StoreOp *op, const Item *i, const DueRow *row, uint32_t level,
                 const Fired *fired) {
    struct DueFired *f = &op->due.fired[op->due.n++];
    *f = (struct DueFired) { .item_kind = i->kind,
                             .timer = row->timer,
                             .level = level,
                             .cluster = i->cluster,
                             .status = i->status,
                             .changed = fired->changed,
                             .code = fired->n > 0 ? fired->tell[0].code : timer_name(row->timer) };
    const TextMark mark = register_mark(s);
    if (fired->n > 0)
        text_expand(f->text, sizeof(f->text), fired->tell[0].text_en, &mark, 1);
    text_copy(f->owes, sizeof(f->owes), i->owes);
    text_copy(f->region, sizeof(f->region), i->region);
}

static void fire(Store *s, StoreOp *op, const DueRow *row) {
    StoredItem *i = &s->law->parent;
    if (!is_due(s, row, i))
        return;
    if (row->timer == TIMER_ACKNOWLEDGE && acknowledged_by_all(s, &i->item)) {
        act_acknowledged(s, i);
        return;
    }
    const uint32_t level = item_timer(&i->item, row->timer)->level;
    Fired fired = { 0 };
    act_timer(s, i, row->timer, row->due_ms, &fired);
    note(s, op, &i->item, row, level, &fired);
    for (uint32_t k = 0; k < fired.n && k < TELLINGS_MAX; k++)
        notice_send(s, op, &i->item, &fired.tell[k], level, row->due_ms);
    if (fired.changed)
        law_pass_on(s, op, i, NULL);
}

/* An agency that never says anything owes its yearly report all the same (P4 Pasal 29 ayat (3)). */
static void watch_agencies(Store *s) {
    const uint64_t version = directory_version(s->directory);
    const LawContext ctx = item_context(s);
    if (s->watched_version == version + 1)
        return;
    s->watched_version = version + 1;
    for (size_t k = 0; k < directory_node_count(s->directory) && s->fault == 0; k++) {
        const DirNode *n = directory_node_at(s->directory, k);
        StoredItem *i = &s->law->parent;
        const Uuid id = item_node_id(n->id);
        if ((n->kind != NODE_SOCIAL_AGENCY_PROVINCE && n->kind != NODE_SOCIAL_AGENCY_REGENCY) ||
            n->inactive || strcmp(n->home, s->self) != 0 || item_load(s, ITEM_NODE, &id, i))
            continue;
        oversight_watch(&ctx, &i->item, n->id, s->now_ms);
        act_watch(s, i);
    }
}

void run_due(Store *s, StoreOp *op) {
    watch_agencies(s);
    pending_settle_due(s);
    DueRow rows[DUE_MAX];
    const uint32_t limit = MIN(op->due.limit, DUE_MAX), n = list_due(s, limit, rows);
    op->due.n = 0;
    op->due.more = n == limit && limit > 0;
    if (n == 0)
        return;
    free(op->due.fired);
    op->due.fired = calloc(n, sizeof(*op->due.fired));
    if (!op->due.fired) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    s->law->n_late = 0;
    for (uint32_t i = 0; i < n && s->fault == 0; i++)
        fire(s, op, &rows[i]);
    law_tell_late(s, op);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Table item: one packed row each, with the few columns that are searched by. */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"

LawContext item_context(const Store *s) {
    return (LawContext) { .directory = s->directory,
                          .rule_sets = s->config.rule_sets ? s->config.rule_sets : &rule_sets,
                          .timers = s->config.timers ? s->config.timers : &timer_policy };
}

bool item_is_kept_here(const Store *s, const Item *i) {
    const DirNode *keeper = directory_node(s->directory, i->keeper);
    return keeper && strcmp(keeper->home, s->self) == 0;
}

/* Exercises and tests are seen everywhere and counted nowhere. */
static bool is_counted(const Item *i) {
    return i->state != 0 && i->status == 0 && i->kind != ITEM_NODE;
}

static void remember(StoredItem *i) {
    i->touched = false;
    i->state_before = i->item.state;
    i->counted_before = i->last_act > 0 && is_counted(&i->item);
    i->cluster_before = i->item.cluster;
    memcpy(i->region_before, i->item.region, sizeof(i->region_before));
    i->n_timers_before = i->item.n_timers;
    memcpy(i->timers_before, i->item.timers, sizeof(i->timers_before));
}

bool item_read_row(sqlite3_stmt *q, int c, StoredItem *ret) {
    ret->last_act = col_int(q, c + 1);
    if (!item_unpack(col_bytes(q, c), &ret->item))
        return false;
    remember(ret);
    return true;
}

bool item_load(Store *s, ItemKind kind, const Uuid *id, StoredItem *ret) {
    _query_ q =
        QUERY(s, "SELECT body, last FROM item WHERE kind = ?1 AND id = ?2", INT(kind), UUID(id));
    if (db_row(s, q)) {
        if (item_read_row(q, 0, ret) && ret->item.kind == kind && uuid_equal(&ret->item.id, id))
            return true;
        db_fault(s, -EUCLEAN, "an item cannot be read: make the items again from the acts");
    }
    ret->item = (Item) { .kind = kind, .id = *id };
    ret->last_act = 0;
    remember(ret);
    return false;
}

/* The tally of one item before and after; most changes leave its cell. */
static void count(Store *s, const StoredItem *i) {
    const Item *is = &i->item;
    const bool counted = is_counted(is);
    if (counted == i->counted_before && is->state == i->state_before &&
        is->cluster == i->cluster_before && strcmp(is->region, i->region_before) == 0)
        return;
    if (i->counted_before)
        tally_add(s, is->kind, i->state_before, i->cluster_before, i->region_before, -1);
    if (counted)
        tally_add(s, is->kind, is->state, is->cluster, is->region, 1);
}

void item_save(Store *s, StoredItem *i) {
    uint8_t body[ITEM_PACKED_MAX];
    const size_t n = item_pack(&i->item, body, sizeof(body));
    if (n == 0) {
        db_fault(s, -EOVERFLOW, "an item does not fit its row");
        return;
    }
    RUN(s,
        "INSERT INTO item(kind, id, owes, case_id, final, changed, last, body) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(kind, id) DO UPDATE SET owes = excluded.owes, "
        "case_id = excluded.case_id, final = excluded.final, changed = excluded.changed, "
        "last = excluded.last, body = excluded.body",
        INT(i->item.kind), UUID(&i->item.id), TEXT(i->item.owes), UUID(&i->item.case_id),
        INT(i->item.final), INT(i->item.changed_ms), INT(i->last_act), BLOB(bytes_make(body, n)));
    timers_save(s, i);
    count(s, i);
    remember(i);
}

/* The acts it shared with the one that is forgotten tell only half of its story from now on. */
static void keep_other(Store *s, const ActLink *l) {
    StoredItem other;
    if (!item_load(s, l->kind, &l->id, &other) || act_is_kept(s, other.last_act))
        return;
    act_kept(s, &other);
}

void item_forget(Store *s, StoredItem *i) {
    const Item *is = &i->item;
    _cleanup_(freep) StoredAct *a = malloc(sizeof(*a));
    int64_t n = i->last_act;
    if (!a)
        db_fault(s, -ENOMEM, "out of memory");
    while (n > 0 && s->fault == 0 && act_load(s, n, a)) {
        const ActLink *l = act_link(a, is->kind, &is->id);
        n = l ? l->prev : 0;
        if (l)
            act_forget(s, a, is->kind, &is->id);
        for (uint32_t k = 0; l && k < a->n_links; k++)
            keep_other(s, &a->links[k]);
    }
    tally_forget(s, i);
    RUN(s, "DELETE FROM acknowledgement WHERE event = ?1", UUID(&is->id));
    RUN(s, "DELETE FROM held WHERE kind = ?1 AND id = ?2", INT(is->kind), UUID(&is->id));
    RUN(s, "DELETE FROM item WHERE kind = ?1 AND id = ?2", INT(is->kind), UUID(&is->id));
}

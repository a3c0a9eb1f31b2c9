/* SPDX-License-Identifier: Apache-2.0 */
/* Items, and table item: one packed row each, with the few columns that are searched by. */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"
#include "store/pending.h"

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
    i->known_before = i->last_act > 0;
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

void item_new(ItemKind kind, const Uuid *id, StoredItem *ret) {
    ret->item = (Item) { .kind = kind, .id = *id };
    ret->last_act = 0;
    remember(ret);
}

bool item_load_row(Store *s, ItemKind kind, const Uuid *id, StoredItem *ret) {
    _query_ q =
        QUERY(s, "SELECT body, last FROM item WHERE kind = ?1 AND id = ?2", INT(kind), UUID(id));
    if (db_row(s, q)) {
        if (item_read_row(q, 0, ret) && ret->item.kind == kind && uuid_equal(&ret->item.id, id))
            return true;
        db_fault(s, -EUCLEAN, "an item cannot be read: make the items again from the acts");
    }
    item_new(kind, id, ret);
    return false;
}

bool item_next(Store *s, ItemKey *inout) {
    _query_ q = QUERY(s,
                      "SELECT kind, id FROM item WHERE (kind, id) > (?1, ?2) "
                      "ORDER BY kind, id LIMIT 1",
                      INT(inout->kind), UUID(&inout->id));
    if (!db_row(s, q) || col_int(q, 0) != (ItemKind)col_int(q, 0) || col_bytes(q, 1).n != UUID_SIZE)
        return false;
    *inout = (ItemKey) { .kind = (ItemKind)col_int(q, 0), .id = col_uuid(q, 1) };
    return true;
}

bool item_load(Store *s, ItemKind kind, const Uuid *id, StoredItem *ret) {
    Bytes body;
    if (!pending_find(s, kind, id, &body, &ret->last_act))
        return item_load_row(s, kind, id, ret);
    if (body.n > 0 && item_unpack(body, &ret->item)) {
        remember(ret);
        return true;
    }
    item_new(kind, id, ret); /* it was forgotten */
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

void item_write_row(Store *s, StoredItem *i, Bytes body) {
    const Item *is = &i->item;
    if (i->known_before)
        RUN(s,
            "UPDATE item SET owes = ?3, case_id = ?4, final = ?5, changed = ?6, last = ?7, "
            "body = ?8 WHERE kind = ?1 AND id = ?2",
            INT(is->kind), UUID(&is->id), TEXT(is->owes), UUID(&is->case_id), INT(is->final),
            INT(is->changed_ms), INT(i->last_act), BLOB(body));
    else
        RUN(s,
            "INSERT INTO item(kind, id, owes, case_id, final, changed, last, body) "
            "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
            INT(is->kind), UUID(&is->id), TEXT(is->owes), UUID(&is->case_id), INT(is->final),
            INT(is->changed_ms), INT(i->last_act), BLOB(body));
    timers_save(s, i);
    count(s, i);
}

void item_save(Store *s, StoredItem *i) {
    pending_put(s, i);
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
    (void)pending_settle(s, is->kind, &is->id);
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
    pending_forget(s, is->kind, &is->id);
}

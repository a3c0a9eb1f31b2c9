/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doing what an act says: the items move, the act goes on record, and what was held for want of it
 * is tried again. Folding (refold.c) comes the same way, act by act as they are on record: then
 * nothing new is written, and what was tried again is on record, too.
 */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"

#define ON_HOLD_MAX 64U /* of one item; more is recorded as illegal */

/* Folding does nothing to an item that was forgotten: its part is off the record. */
static bool is_on_record(const LawWork *l, const Item *i) {
    return !l->record || act_link(l->record, i->kind, &i->id);
}

/* --- what was held -------------------------------------------------------------------------- */

static void hold(Store *s, const Item *i, int64_t n) {
    RUN(s, "INSERT OR IGNORE INTO held(kind, id, n) VALUES(?1,?2,?3)", INT(i->kind), UUID(&i->id),
        INT(n));
}

static bool release(Store *s, const Item *i, int64_t n) {
    return RUN(s, "DELETE FROM held WHERE kind = ?1 AND id = ?2 AND n = ?3", INT(i->kind),
               UUID(&i->id), INT(n)) > 0;
}

static bool is_held(Store *s, ItemKind kind, const Uuid *id, int64_t n) {
    return db_number(s,
                     QUERY(s, "SELECT 1 FROM held WHERE kind = ?1 AND id = ?2 AND n = ?3",
                           INT(kind), UUID(id), INT(n)),
                     0) != 0;
}

static uint32_t list_held(Store *s, const Item *i, int64_t ret[static ON_HOLD_MAX]) {
    uint32_t n = 0;
    _query_ q = QUERY(s, "SELECT n FROM held WHERE kind = ?1 AND id = ?2 ORDER BY n LIMIT ?3",
                      INT(i->kind), UUID(&i->id), INT(ON_HOLD_MAX));
    while (db_row(s, q))
        ret[n++] = col_int(q, 0);
    return n;
}

/* A held act is done to the items that wait for it, and to those it has said nothing about yet. */
typedef struct Again {
    const StoredAct *row; /* as it was held */
    Act act;
    StoredItem space[ITEM_KINDS], *items[ITEM_KINDS];
    Item before[ITEM_KINDS];
    Step steps[ITEM_KINDS];
} Again;

/* at_work: items of the act that is being applied, to be used where they are the same. */
static void gather(Store *s, Again *g, StoredItem *const at_work[ITEM_KINDS]) {
    ItemKey keys[ACT_ITEMS_MAX];
    const uint32_t n = act_keys(&g->act, keys);
    for (uint32_t k = 0; k < n; k++) {
        const ItemKind kind = keys[k].kind;
        StoredItem *same = at_work[kind];
        if (act_link(g->row, kind, &keys[k].id) && !is_held(s, kind, &keys[k].id, g->row->n))
            continue;
        if (!same || !uuid_equal(&same->item.id, &keys[k].id)) {
            same = &g->space[kind];
            (void)item_load(s, kind, &keys[k].id, same);
        }
        g->items[kind] = same;
        g->before[kind] = same->item;
    }
}

/* Someone is to hear that what was held turned out wrong: its sender was told it is held. */
static void remember_late(Store *s, const Again *g, const Item *i) {
    LawWork *l = s->law;
    if (s->law->record || l->n_late == ARRAY_SIZE(l->late))
        return;
    struct LateStep *late = &l->late[l->n_late++];
    *late = (struct LateStep) { .item = *i,
                                .message_id = g->act.message_id,
                                .why = g->steps[i->kind].why };
    text_copy(late->actor, sizeof(late->actor), g->act.actor);
}

/* What it came to for one item: as it was while it still waits, or when it was nothing to it. */
static bool take_step(Store *s, Again *g, StoredAct *again, int kind) {
    StoredItem *i = g->items[kind];
    const StepVerdict verdict = g->steps[kind].verdict;
    const bool waits = act_link(g->row, (ItemKind)kind, &i->item.id) != NULL;
    if (verdict == STEP_EARLY || (verdict == STEP_NONE && !waits) ||
        !is_on_record(s->law, &i->item)) {
        i->item = g->before[kind];
        return false;
    }
    if (release(s, &i->item, g->row->n)) { /* it was counted when it was held */
        i->item.n_early = g->before[kind].n_early - MIN(g->before[kind].n_early, 1U);
        i->item.n_acts = g->before[kind].n_acts;
    }
    act_add_link(again, &i->item, &g->steps[kind]);
    if (verdict == STEP_ILLEGAL)
        remember_late(s, g, &i->item);
    return true;
}

static void keep(Store *s, Again *g, int kind) {
    if (g->items[kind] == &g->space[kind])
        item_save(s, g->items[kind]);
    else
        g->items[kind]->touched = true; /* saved with the act at work */
}

static bool apply_again(Store *s, Again *g, const Item *waiting) {
    const LawContext ctx = item_context(s);
    Items touched = { .parent = NULL };
    StoredAct again = { .type = ACT_AGAIN, .at_ms = s->now_ms, .ref = g->row->n };
    g->act.at_ms = s->now_ms;
    for (int k = 0; k < ITEM_KINDS; k++)
        touched.of[k] = g->items[k] ? &g->items[k]->item : NULL;
    story_apply(&ctx, &g->act, &touched, g->steps);
    const bool still = waiting && g->steps[waiting->kind].verdict == STEP_EARLY;
    bool taken[ITEM_KINDS] = { false };
    for (int k = 0; k < ITEM_KINDS; k++) {
        if (g->items[k] && still)
            g->items[k]->item = g->before[k];
        taken[k] = g->items[k] && !still && take_step(s, g, &again, k);
    }
    if (still)
        return false;
    act_insert(s, &again, g->items);
    for (int k = 0; k < ITEM_KINDS; k++)
        if (taken[k])
            keep(s, g, k);
    return true;
}

static bool try_again(Store *s, const StoredAct *row, const Item *waiting,
                      StoredItem *const at_work[ITEM_KINDS]) {
    _cleanup_(freep) Again *g = calloc(1, sizeof(*g));
    if (!g) {
        db_fault(s, -ENOMEM, "out of memory");
        return false;
    }
    g->row = row;
    if (!act_unpack(bytes_make(row->body, row->n_body), &g->act, &s->law->facts))
        return false;
    gather(s, g, at_work);
    return apply_again(s, g, waiting);
}

void act_fold_again(Store *s, const StoredAct *held) {
    StoredItem *const nobody[ITEM_KINDS] = { NULL };
    (void)try_again(s, held, NULL, nobody);
}

/* True when something was applied: it may be what another one waited for. */
static bool release_one(Store *s, const Item *i, StoredItem *const at_work[ITEM_KINDS]) {
    int64_t held[ON_HOLD_MAX];
    const uint32_t n = list_held(s, i, held);
    for (uint32_t k = 0; k < n && s->fault == 0; k++) {
        StoredAct row;
        if (act_load(s, held[k], &row) && try_again(s, &row, i, at_work))
            return true;
    }
    return false;
}

static void release_held(Store *s, StoredItem *const items[ITEM_KINDS]) {
    bool moved = !s->law->record;
    while (moved && s->fault == 0) {
        moved = false;
        for (int k = 0; k < ITEM_KINDS; k++)
            if (items[k] && items[k]->item.n_early > 0)
                moved = release_one(s, &items[k]->item, items) || moved;
    }
}

static void save_touched(Store *s, StoredItem *const items[ITEM_KINDS]) {
    for (int k = 0; k < ITEM_KINDS; k++)
        if (items[k] && items[k]->touched)
            item_save(s, items[k]);
}

/* --- messages ------------------------------------------------------------------------------- */

/* A peer cannot make an item wait for more and more. */
static void limit_held(Item *i, Step *step) {
    if (step->verdict != STEP_EARLY || i->n_early <= ON_HOLD_MAX)
        return;
    *step = (Step) {
        .verdict = STEP_ILLEGAL, .from = i->state, .to = i->state, .why = "TOO_MANY_HELD"
    };
    i->n_early--;
    i->flagged = true;
}

void act_apply(Store *s, const Act *a, StoredItem *const items[ITEM_KINDS], const Item *parent,
               Step ret[ITEM_KINDS]) {
    const LawContext ctx = item_context(s);
    const LawWork *l = s->law;
    Items touched = { .parent = parent };
    StoredAct row = { .type = ACT_MESSAGE, .at_ms = a->at_ms };
    for (int k = 0; k < ITEM_KINDS; k++)
        touched.of[k] = items[k] ? &items[k]->item : NULL;
    story_apply(&ctx, a, &touched, ret);
    for (int k = 0; k < ITEM_KINDS; k++) {
        if (!items[k] || ret[k].verdict == STEP_NONE || !is_on_record(l, &items[k]->item))
            continue;
        limit_held(&items[k]->item, &ret[k]);
        act_add_link(&row, &items[k]->item, &ret[k]);
        items[k]->touched = true;
    }
    if (row.n_links == 0)
        return;
    row.n_body = (uint32_t)act_pack(a, row.body, sizeof(row.body));
    if (row.n_body == 0) {
        db_fault(s, -EOVERFLOW, "an act does not fit its row");
        return;
    }
    act_insert(s, &row, items);
    for (int k = 0; k < ITEM_KINDS; k++)
        if (items[k] && items[k]->touched && ret[k].verdict == STEP_EARLY)
            hold(s, &items[k]->item, row.n);
    release_held(s, items);
    save_touched(s, items);
}

/* --- what happens to one item --------------------------------------------------------------- */

static void put(Store *s, StoredItem *i, ActType type, int64_t ref, int from, Bytes body) {
    StoredItem *items[ITEM_KINDS] = { NULL };
    StoredAct row = { .type = type,
                      .at_ms = s->now_ms,
                      .ref = ref,
                      .n_body = (uint32_t)MIN(body.n, ACT_PACKED_MAX) };
    items[i->item.kind] = i;
    if (row.n_body > 0)
        memcpy(row.body, body.p, row.n_body);
    act_add_link(&row, &i->item,
                 &(Step) { .verdict = STEP_APPLIED, .from = from, .to = i->item.state });
    act_insert(s, &row, items);
    i->touched = true;
    release_held(s, items);
    save_touched(s, items);
}

static Bytes name_of(const char *node) {
    return bytes_make(node, strnlen(node, NODE_NAME_SIZE - 1));
}

void act_collected(Store *s, StoredItem *i, const char *node) {
    const LawContext ctx = item_context(s);
    const int from = i->item.state;
    if (story_collected(&ctx, &i->item, node, s->now_ms))
        put(s, i, ACT_COLLECTED, 0, from, name_of(node));
}

void act_undeliverable(Store *s, StoredItem *i, const char *node) {
    const LawContext ctx = item_context(s);
    const int from = i->item.state;
    if (story_undeliverable(&ctx, &i->item, node, s->now_ms))
        put(s, i, ACT_UNDELIVERABLE, 0, from, name_of(node));
}

void act_timer(Store *s, StoredItem *i, TimerKind timer, int64_t due_ms, Fired *ret) {
    const LawContext ctx = item_context(s);
    const int from = i->item.state;
    const uint8_t body = (uint8_t)timer;
    story_fire(&ctx, &i->item, timer, s->now_ms, ret);
    put(s, i, ACT_TIMER, due_ms, from, bytes_make(&body, 1));
}

void act_watch(Store *s, StoredItem *i) {
    put(s, i, ACT_WATCH, 0, OVERSIGHT_NONE, name_of(i->item.oversight.node));
}

void act_acknowledged(Store *s, StoredItem *i) {
    item_timer_stop(&i->item, TIMER_ACKNOWLEDGE);
    put(s, i, ACT_ACKNOWLEDGED, 0, i->item.state, bytes_make(NULL, 0));
}

void act_kept(Store *s, StoredItem *i) {
    uint8_t body[ITEM_PACKED_MAX];
    put(s, i, ACT_KEPT, 0, i->item.state,
        bytes_make(body, item_pack(&i->item, body, sizeof(body))));
}

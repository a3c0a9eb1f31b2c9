/* SPDX-License-Identifier: Apache-2.0 */
/* Table act: what was done, in order, chained per item; and doing it. */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"

#define LINK_BYTES    80U /* of one packed link at most */
#define EARLY_MAX     32U /* looked at again after each step of an item */
#define CHAIN_MAX     4096U
#define EARLY_ON_HOLD 64U /* of one item; more is recorded as illegal */

/* --- rows ----------------------------------------------------------------------------------- */

static void put64(uint8_t *p, int64_t v) {
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)((uint64_t)v >> (8 * i));
}

static int64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return (int64_t)v;
}

/* kind, verdict, from, to, id, prev, length and text of why. */
static size_t link_pack(const ActLink *l, uint8_t p[static LINK_BYTES]) {
    const size_t n = strnlen(l->why, sizeof(l->why) - 1);
    p[0] = (uint8_t)l->kind;
    p[1] = (uint8_t)l->verdict;
    p[2] = (uint8_t)l->from;
    p[3] = (uint8_t)l->to;
    memcpy(p + 4, l->id.b, UUID_SIZE);
    put64(p + 20, l->prev);
    p[28] = (uint8_t)n;
    memcpy(p + 29, l->why, n);
    return 29 + n;
}

static size_t link_unpack(Bytes b, ActLink *ret) {
    if (b.n < 29 || b.p[28] >= sizeof(ret->why) || b.n < 29U + b.p[28] || b.p[0] == 0 ||
        b.p[0] >= ITEM_KINDS)
        return 0;
    *ret = (ActLink) { .kind = (ItemKind)b.p[0],
                       .verdict = (StepVerdict)b.p[1],
                       .from = b.p[2],
                       .to = b.p[3],
                       .prev = get64(b.p + 20) };
    memcpy(ret->id.b, b.p + 4, UUID_SIZE);
    memcpy(ret->why, b.p + 29, b.p[28]);
    return 29U + b.p[28];
}

void act_insert(Store *s, StoredAct *a, StoredItem *const items[ITEM_KINDS]) {
    uint8_t links[ACT_ITEMS_MAX * LINK_BYTES];
    size_t n = 0;
    a->n = s->next_act++;
    for (uint32_t i = 0; i < a->n_links; i++) {
        StoredItem *item = items[a->links[i].kind];
        a->links[i].prev = item->last_act;
        item->last_act = a->n;
        n += link_pack(&a->links[i], links + n);
    }
    RUN(s, "INSERT INTO act(n, type, at, ref, links, body) VALUES(?1,?2,?3,?4,?5,?6)", INT(a->n),
        INT(a->type), INT(a->at_ms), INT(a->ref), BLOB(bytes_make(links, n)),
        BLOB(bytes_make(a->body, a->n_body)));
}

static bool read_row(sqlite3_stmt *q, StoredAct *ret) {
    Bytes links = col_bytes(q, 4);
    const Bytes body = col_bytes(q, 5);
    ret->n = col_int(q, 0);
    ret->type = (ActType)col_int(q, 1);
    ret->at_ms = col_int(q, 2);
    ret->ref = col_int(q, 3);
    ret->n_links = 0;
    while (links.n > 0 && ret->n_links < ACT_ITEMS_MAX) {
        const size_t n = link_unpack(links, &ret->links[ret->n_links]);
        if (n == 0)
            return false;
        links = bytes_make(links.p + n, links.n - n);
        ret->n_links++;
    }
    if (body.n > sizeof(ret->body))
        return false;
    memcpy(ret->body, body.p, body.n);
    ret->n_body = (uint32_t)body.n;
    return links.n == 0;
}

bool act_load(Store *s, int64_t n, StoredAct *ret) {
    _query_ q = QUERY(s, "SELECT n, type, at, ref, links, body FROM act WHERE n = ?1", INT(n));
    return db_row(s, q) && read_row(q, ret);
}

const ActLink *act_link(const StoredAct *a, ItemKind kind, const Uuid *id) {
    for (uint32_t i = 0; i < a->n_links; i++)
        if (a->links[i].kind == kind && uuid_equal(&a->links[i].id, id))
            return &a->links[i];
    return NULL;
}

static void add_link(StoredAct *a, const Item *i, const Step *step) {
    ActLink *l = &a->links[a->n_links++];
    *l = (ActLink) {
        .kind = i->kind, .id = i->id, .verdict = step->verdict, .from = step->from, .to = step->to
    };
    if (step->why)
        text_copy(l->why, sizeof(l->why), step->why);
}

/* --- what was held -------------------------------------------------------------------------- */

/* Numbers of the acts still held for the item, oldest first. */
static uint32_t list_early(Store *s, const StoredItem *i, int64_t ret[static EARLY_MAX]) {
    int64_t settled[EARLY_MAX], n = i->last_act;
    uint32_t n_early = 0, n_settled = 0, steps = 0;
    while (n > 0 && steps++ < CHAIN_MAX && n_early < EARLY_MAX && s->fault == 0) {
        StoredAct a;
        const ActLink *l = act_load(s, n, &a) ? act_link(&a, i->item.kind, &i->item.id) : NULL;
        if (!l)
            break;
        if (a.type == ACT_AGAIN && n_settled < EARLY_MAX)
            settled[n_settled++] = a.ref;
        bool held = a.type == ACT_MESSAGE && l->verdict == STEP_EARLY;
        for (uint32_t k = 0; k < n_settled && held; k++)
            held = settled[k] != a.n;
        if (held)
            ret[n_early++] = a.n;
        n = l->prev;
    }
    for (uint32_t k = 0; k < n_early / 2; k++) {
        const int64_t swap = ret[k];
        ret[k] = ret[n_early - 1 - k];
        ret[n_early - 1 - k] = swap;
    }
    return n_early;
}

/* The items a held act may still touch besides the one it was held for: those it has said nothing
 * about yet. at_work: the items of the act that is being applied, to be used where it is the same.
 */
static void gather(Store *s, const Act *act, const StoredAct *row, StoredItem *i,
                   StoredItem *const at_work[ITEM_KINDS], StoredItem space[ITEM_KINDS],
                   StoredItem *ret[ITEM_KINDS]) {
    ItemKey keys[ACT_ITEMS_MAX];
    const uint32_t n = act_keys(act, keys);
    for (uint32_t k = 0; k < n; k++) {
        const ItemKind kind = keys[k].kind;
        const ActLink *l = act_link(row, kind, &keys[k].id);
        if (kind == i->item.kind || (l && l->verdict != STEP_EARLY))
            continue;
        if (at_work[kind] && uuid_equal(&at_work[kind]->item.id, &keys[k].id)) {
            ret[kind] = at_work[kind];
        } else {
            (void)item_load(s, kind, &keys[k].id, &space[kind]);
            ret[kind] = &space[kind];
        }
    }
    ret[i->item.kind] = i;
}

/* True when it is not held any more. */
static bool try_again(Store *s, StoredItem *i, int64_t early,
                      StoredItem *const at_work[ITEM_KINDS]) {
    StoredItem space[ITEM_KINDS], *items[ITEM_KINDS] = { NULL };
    Items touched = { .parent = NULL };
    Item before[ITEM_KINDS];
    Step steps[ITEM_KINDS] = { 0 };
    StoredAct row;
    Act act;
    if (!act_load(s, early, &row) ||
        !act_unpack(bytes_make(row.body, row.n_body), &act, &s->law->facts))
        return false;
    const LawContext ctx = item_context(s);
    act.at_ms = s->now_ms;
    gather(s, &act, &row, i, at_work, space, items);
    for (int k = 0; k < ITEM_KINDS; k++)
        if (items[k]) {
            before[k] = items[k]->item;
            touched.of[k] = &items[k]->item;
        }
    story_apply(&ctx, &act, &touched, steps);
    const StepVerdict verdict = steps[i->item.kind].verdict;
    StoredAct again = { .type = ACT_AGAIN, .at_ms = s->now_ms, .ref = early };
    for (int k = 0; k < ITEM_KINDS; k++) {
        if (!items[k])
            continue;
        const bool said = verdict != STEP_EARLY && verdict != STEP_NONE &&
                          (steps[k].verdict == STEP_APPLIED || steps[k].verdict == STEP_ILLEGAL);
        if (!said) { /* as it was: it was counted when it was held */
            items[k]->item = before[k];
            continue;
        }
        if (before[k].n_early > 0 && act_link(&row, (ItemKind)k, &items[k]->item.id)) {
            items[k]->item.n_early = before[k].n_early - 1;
            items[k]->item.n_acts = before[k].n_acts;
        }
        add_link(&again, &items[k]->item, &steps[k]);
    }
    if (again.n_links == 0)
        return false;
    act_insert(s, &again, items);
    for (uint32_t k = 0; k < again.n_links; k++)
        if (again.links[k].kind != i->item.kind)
            item_save(s, items[again.links[k].kind]);
    return true;
}

/* Each step may be what another one waited for. */
static void release_held(Store *s, StoredItem *i, StoredItem *const at_work[ITEM_KINDS]) {
    bool moved = i->item.n_early > 0;
    while (moved && i->item.n_early > 0 && s->fault == 0) {
        int64_t early[EARLY_MAX];
        const uint32_t n = list_early(s, i, early);
        moved = false;
        for (uint32_t k = 0; k < n && !moved; k++)
            moved = try_again(s, i, early[k], at_work);
    }
}

/* --- doing it ------------------------------------------------------------------------------- */

void act_apply(Store *s, const Act *a, StoredItem *const items[ITEM_KINDS], const Item *parent,
               Step ret[ITEM_KINDS]) {
    const LawContext ctx = item_context(s);
    Items touched = { .parent = parent };
    StoredAct row = { .type = ACT_MESSAGE, .at_ms = a->at_ms };
    for (int k = 0; k < ITEM_KINDS; k++)
        touched.of[k] = items[k] ? &items[k]->item : NULL;
    story_apply(&ctx, a, &touched, ret);
    for (int k = 0; k < ITEM_KINDS; k++) {
        if (!items[k] || ret[k].verdict == STEP_NONE)
            continue;
        Item *i = &items[k]->item;
        if (ret[k].verdict == STEP_EARLY && i->n_early > EARLY_ON_HOLD) {
            ret[k] = (Step) {
                .verdict = STEP_ILLEGAL, .from = i->state, .to = i->state, .why = "TOO_MANY_HELD"
            };
            i->n_early--;
            i->flagged = true;
        }
        add_link(&row, i, &ret[k]);
    }
    if (row.n_links == 0)
        return;
    row.n_body = (uint32_t)act_pack(a, row.body, sizeof(row.body));
    if (row.n_body == 0) {
        db_fault(s, -EOVERFLOW, "an act does not fit its row");
        return;
    }
    act_insert(s, &row, items);
    for (int k = 0; k < ITEM_KINDS; k++) {
        if (!items[k] || ret[k].verdict == STEP_NONE)
            continue;
        if (ret[k].verdict == STEP_APPLIED)
            release_held(s, items[k], items);
        item_save(s, items[k]);
    }
}

void act_collected(Store *s, StoredItem *i, const char *node) {
    const LawContext ctx = item_context(s);
    StoredItem *items[ITEM_KINDS] = { NULL };
    const int from = i->item.state;
    items[i->item.kind] = i;
    if (!story_collected(&ctx, &i->item, node, s->now_ms))
        return;
    StoredAct row = { .type = ACT_COLLECTED, .at_ms = s->now_ms };
    add_link(&row, &i->item,
             &(Step) { .verdict = STEP_APPLIED, .from = from, .to = i->item.state });
    row.n_body = (uint32_t)strnlen(node, NODE_NAME_SIZE - 1);
    memcpy(row.body, node, row.n_body);
    act_insert(s, &row, items);
    release_held(s, i, items);
    item_save(s, i);
}

void act_timer(Store *s, StoredItem *i, TimerKind timer, Fired *ret) {
    const LawContext ctx = item_context(s);
    StoredItem *items[ITEM_KINDS] = { NULL };
    const int from = i->item.state;
    items[i->item.kind] = i;
    story_fire(&ctx, &i->item, timer, s->now_ms, ret);
    StoredAct row = { .type = ACT_TIMER, .at_ms = s->now_ms, .n_body = 1 };
    row.body[0] = (uint8_t)timer;
    add_link(&row, &i->item,
             &(Step) { .verdict = STEP_APPLIED, .from = from, .to = i->item.state });
    act_insert(s, &row, items);
    release_held(s, i, items);
    item_save(s, i);
}

void act_watch(Store *s, StoredItem *i) {
    StoredItem *items[ITEM_KINDS] = { NULL };
    items[i->item.kind] = i;
    StoredAct row = { .type = ACT_WATCH, .at_ms = s->now_ms };
    add_link(&row, &i->item, &(Step) { .verdict = STEP_APPLIED, .to = i->item.state });
    row.n_body = (uint32_t)strnlen(i->item.oversight.node, NODE_NAME_SIZE - 1);
    memcpy(row.body, i->item.oversight.node, row.n_body);
    act_insert(s, &row, items);
    item_save(s, i);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of items goes a year after they ended (domain 6.6), and so does what was only ever
 * waited for; their counts stay in the tally. Offices do not end: of them the last year's acts are
 * kept. In bounded steps.
 */
#include "store/item.h"
#include "store/pending.h"

#define STEP_ROWS 200U
#define PERIOD_MS (6 * HOUR_MS)

static bool is_old(const Store *s, int64_t at_ms) {
    return at_ms + s->config.item_retention_ms <= s->now_ms;
}

/* What has ended, or never began: only early acts know of it. */
static bool is_over(Store *s, const StoredItem *i, StoredAct *a) {
    if (i->item.state != 0)
        return i->item.final && is_old(s, i->item.changed_ms);
    return is_old(s, act_load(s, i->last_act, a) ? a->at_ms : 0);
}

/* Returns whether there are more. */
static bool forget_items(Store *s, StoredAct *a, StoredItem *i) {
    if (s->item_cursor.kind == ITEM_NONE)
        pending_settle_old(s, s->now_ms - s->config.item_retention_ms);
    for (uint32_t n = 0; n < STEP_ROWS && s->fault == 0; n++) {
        if (!item_next(s, &s->item_cursor))
            return false;
        if (item_load(s, s->item_cursor.kind, &s->item_cursor.id, i) && is_over(s, i, a))
            item_forget(s, i);
    }
    return true;
}

/* Takes off an old act's record what need not be there: an office, which is put on record as it
 * stands, and what is not known any more. */
static void forget_offices(Store *s, StoredAct *a, StoredItem *i) {
    for (uint32_t k = a->n_links; k > 0; k--) {
        const ActLink l = a->links[k - 1];
        const bool known = item_load(s, l.kind, &l.id, i);
        if (known && (l.kind != ITEM_NODE || i->last_act <= a->n))
            continue;
        if (known && !act_is_kept(s, i->last_act))
            act_kept(s, i);
        act_forget(s, a, l.kind, &l.id);
    }
}

static bool forget_acts(Store *s, StoredAct *a, StoredItem *i) {
    for (uint32_t n = 0; n < STEP_ROWS && s->fault == 0; n++) {
        bool readable = false;
        const int64_t next = act_next(s, s->act_cursor, a, &readable);
        if (next == 0 || (readable && !is_old(s, a->at_ms)))
            return false;
        s->act_cursor = next;
        if (readable)
            forget_offices(s, a, i);
    }
    return true;
}

bool purge_items(Store *s) {
    StoredItem *i = &s->law->parent;
    _cleanup_(freep) StoredAct *a = malloc(sizeof(*a));
    if (!a)
        return false; /* next time */
    if (forget_items(s, a, i))
        return true;
    s->item_cursor = (ItemKey) { 0 };
    if (forget_acts(s, a, i))
        return true;
    s->act_cursor = 0;
    s->items_due_ms = s->now_ms + PERIOD_MS;
    return false;
}

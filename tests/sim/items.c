/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/items.h"

#include "store/item.h"
#include "store/pending.h"

static bool message_of(Store *s, int64_t n, Uuid *ret) {
    StoredAct row;
    Facts facts;
    Act a;
    if (!act_load(s, n, &row) || !act_unpack(bytes_make(row.body, row.n_body), &a, &facts))
        return false;
    *ret = a.message_id;
    return true;
}

bool items_see(Store *s, ItemKind kind, const Uuid *id, ItemView *ret) {
    StoredItem i;
    StoredAct a;
    ret->n = 0;
    if (!item_load(s, kind, id, &i))
        return false;
    ret->item = i.item;
    int64_t n = i.last_act;
    while (n > 0 && ret->n < ITEM_STEPS_MAX && act_load(s, n, &a)) {
        const ActLink *l = act_link(&a, kind, id);
        Uuid what = { { (uint8_t)a.type, a.n_body > 0 ? a.body[0] : 0 } };
        if (!l)
            return false;
        const bool early = a.type == ACT_MESSAGE && l->verdict == STEP_EARLY;
        if (a.type == ACT_MESSAGE || a.type == ACT_AGAIN)
            (void)message_of(s, a.type == ACT_AGAIN ? a.ref : n, &what);
        if (!early && a.type != ACT_COLLECTED) {
            ret->list[ret->n].id = what;
            ret->list[ret->n++].verdict = l->verdict;
        }
        n = l->prev;
    }
    return ret->n < ITEM_STEPS_MAX;
}

static unsigned count(Store *s, const char *sql, bool orphans) {
    sqlite3_stmt *q = NULL;
    StoredItem i;
    unsigned n = 0;
    if (store_settle(s) < 0 || sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK)
        return 0;
    while (sqlite3_step(q) == SQLITE_ROW)
        n += !orphans || !item_read_row(q, 0, &i) ||
             (i.item.state != 0 && i.item.custodian[0] == '\0');
    sqlite3_finalize(q);
    return n;
}

unsigned items_count_acts(Store *s) {
    return count(s, "SELECT 1 FROM act", false);
}

unsigned items_count_orphans(Store *s) {
    return count(s, "SELECT body, last FROM item", true);
}

int items_count_dropped(Store *s) {
    sqlite3_stmt *q = NULL;
    StoredItem i;
    int n = -(int)count(s, "SELECT 1 FROM held", false);
    if (sqlite3_prepare_v2(s->db, "SELECT body, last FROM item", -1, &q, NULL) != SQLITE_OK)
        return n;
    while (sqlite3_step(q) == SQLITE_ROW)
        n += item_read_row(q, 0, &i) ? (int)i.item.n_early : 0;
    sqlite3_finalize(q);
    return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for a node, what is owed, how many matters there are: as item-query.c, of many. */
#include "base/text.h"
#include "law/scope.h"
#include "store/item-query-internal.h"
#include "store/pending.h"

#define ROWS_USUAL 200
#define ROWS_MAX   2000
#define SEEN_MAX   (50 * ROWS_MAX) /* looked at for one answer */
#define DUE_STEP   500U            /* and in one transaction */
#define SMALL_CELL 5               /* fewer persons could be recognised (domain 6.4) */

static uint32_t row_limit(const StoreOp *op) {
    return op->query.limit > 0 ? MIN(op->query.limit, (uint32_t)ROWS_MAX) : ROWS_USUAL;
}

/* --- what waits for a node ------------------------------------------------------------------ */

static const char *referral_work(int state) {
    switch (state) {
    case REFERRAL_SUBMITTED:
    case REFERRAL_DELIVERED:
        return "TO_RECEIVE";
    case REFERRAL_NEEDS_DOCUMENTS:
    case REFERRAL_PLACED_PROVISIONAL:
        return "TO_SUPPLY";
    case REFERRAL_RECEIVED:
    case REFERRAL_WAITLISTED:
    case REFERRAL_CANCEL_REQUESTED:
    case REFERRAL_SUPERIOR_DECIDES:
    case REFERRAL_REDIRECTED:
        return "TO_DECIDE";
    default:
        return "TO_DO";
    }
}

static const char *work_of(const Item *i) {
    switch (i->kind) {
    case ITEM_REFERRAL:
        return referral_work(i->state);
    case ITEM_COMPLAINT:
        return i->state == COMPLAINT_RECEIVED           ? "TO_RECEIVE"
               : i->state == COMPLAINT_CLASSIFIED       ? "TO_DECIDE"
               : i->state == COMPLAINT_SUPERIOR_DECIDES ? "TO_DECIDE"
                                                        : "TO_DO";
    case ITEM_CASE:
        return "TO_SUPPLY"; /* the opening, the proposal for the register, a stage */
    default:
        return "TO_DO";
    }
}

/* The next time something of it is due; 0 = nothing. */
static const Timer *next_timer(const Item *i) {
    const Timer *next = NULL;
    for (uint32_t k = 0; k < i->n_timers; k++)
        if (!next || i->timers[k].due_ms < next->due_ms)
            next = &i->timers[k];
    return next;
}

void query_worklist(Store *s, StoreOp *op, Table *t) {
    static const Column list[] = {
        { "work", COLUMN_TEXT },      { "overdue", COLUMN_BOOL },   { "due_at", COLUMN_TIME },
        { "kind", COLUMN_TEXT },      { "id", COLUMN_TEXT },        { "state", COLUMN_TEXT },
        { "from", COLUMN_TEXT },      { "region", COLUMN_TEXT },    { "cluster", COLUMN_NUMBER },
        { "urgency", COLUMN_NUMBER }, { "opened_at", COLUMN_TIME }, { "status", COLUMN_TEXT },
    };
    const char *node = op->query.authority[0] != '\0' ? op->query.authority : query_arg(op, 0);
    StoredItem *i = &s->law->parent;
    uint32_t n = 0;
    if (node[0] == '\0') {
        table_say(t, 2, "the argument is the node whose work is asked for");
        return;
    }
    query_columns(t, list, ARRAY_SIZE(list));
    pending_settle_owed(s, node);
    _query_ q = QUERY(s, "SELECT kind, id FROM item WHERE owes = ?1 AND owes <> ''", TEXT(node));
    while (db_row(s, q)) {
        const Uuid id = col_uuid(q, 1);
        const Item *is = &i->item;
        /* What is pending may be owed by somebody else by now. */
        if (!item_load(s, (ItemKind)col_int(q, 0), &id, i) || strcmp(is->owes, node) != 0)
            continue;
        if (n++ == row_limit(op)) {
            t->more = true;
            break;
        }
        const Timer *next = next_timer(is);
        table_text(t, work_of(is));
        table_number(t, next && next->due_ms <= s->now_ms);
        table_number(t, next ? next->due_ms : 0);
        table_text(t, item_kind_name((int)is->kind));
        query_cell_item(t, is);
        table_text(t, item_state_name((int)is->kind, is->state));
        table_text(t, is->keeper);
        table_text(t, is->region);
        table_number(t, is->cluster);
        table_number(t, is->urgency);
        table_number(t, is->opened_ms);
        table_text(t, query_status_name(is->status));
    }
}

/* A step: what one transaction may look through. Nobody else waits for all of it, and least of all
 * for somebody who may see none. */
void query_due(Store *s, StoreOp *op, Table *t) {
    const DueCursor *from = &op->query.from;
    DueCursor *to = &op->query.to;
    StoredItem *i = &s->law->parent;
    uint32_t n = op->query.found ? table_rows(op->query.found) : 0, looked = 0;
    query_due_columns(t);
    if (from->seen == 0)
        pending_settle_all(s);
    *to = *from;
    _query_ q = QUERY(s,
                      "SELECT i.body, i.last, t.timer, t.due, t.kind, t.id FROM timer t "
                      "CROSS JOIN item i ON i.kind = t.kind AND i.id = t.id "
                      "WHERE (t.due, t.kind, t.id, t.timer) > (?1, ?2, ?3, ?4) "
                      "ORDER BY t.due, t.kind, t.id, t.timer LIMIT ?5",
                      INT(from->due_ms), INT(from->kind), UUID(&from->id), INT(from->timer),
                      INT(DUE_STEP + 1));
    while (db_row(s, q)) {
        if (n >= row_limit(op) || to->seen == (uint32_t)SEEN_MAX) {
            t->more = true;
            return;
        }
        if (looked++ == DUE_STEP) {
            op->query.unfinished = true;
            return;
        }
        *to = (DueCursor) { .due_ms = col_int(q, 3),
                            .kind = (int)col_int(q, 4),
                            .timer = (int)col_int(q, 2),
                            .id = col_uuid(q, 5),
                            .seen = to->seen + 1 };
        if (!item_read_row(q, 0, i) || !query_may_see(s, op, &i->item) ||
            (query_arg(op, 0)[0] != '\0' && strcmp(query_arg(op, 0), query_debtor(&i->item)) != 0))
            continue;
        for (uint32_t k = 0; k < i->item.n_timers; k++)
            if (i->item.timers[k].kind == to->timer) {
                query_due_row(s, t, &i->item, &i->item.timers[k]);
                n++;
            }
    }
}

/* --- how many ------------------------------------------------------------------------------- */

void query_report(Store *s, StoreOp *op, Table *t) {
    static const Column list[] = {
        { "kind", COLUMN_TEXT },   { "state", COLUMN_TEXT }, { "cluster", COLUMN_NUMBER },
        { "region", COLUMN_TEXT }, { "count", COLUMN_TEXT },
    };
    uint32_t n = 0;
    query_columns(t, list, ARRAY_SIZE(list));
    pending_settle_all(s);
    _query_ q =
        QUERY(s, "SELECT kind, state, cluster, region, n + past FROM tally WHERE n + past > 0 "
                 "ORDER BY kind, region, cluster, state");
    while (db_row(s, q)) {
        const int kind = (int)col_int(q, 0), cluster = (int)col_int(q, 2);
        if (!text_starts_with(col_text(q, 3), query_arg(op, 0)) ||
            (op->query.authority[0] != '\0' &&
             !region_is_visible(s->directory, col_text(q, 3), cluster, op->query.authority)))
            continue;
        if (n++ == ROWS_MAX) {
            t->more = true;
            break;
        }
        table_text(t, item_kind_name(kind));
        table_text(t, item_state_name(kind, (int)col_int(q, 1)));
        table_number(t, cluster);
        table_text(t, col_text(q, 3));
        /* Of events there is nothing to hide. */
        if (col_int(q, 4) < SMALL_CELL && kind != ITEM_EVENT)
            table_textf(t, "<%d", SMALL_CELL);
        else
            table_number(t, col_int(q, 4));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people ask every day: how a matter stands and how it came to that, what is owed, what waits
 * for a node, how many there are. Answers hold codes and dates only, and only what the asking node
 * may see; an operator (no authority) sees everything here.
 */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "law/scope.h"
#include "store/item.h"

#define ROWS_USUAL  200
#define ROWS_MAX    2000
#define HISTORY_MAX 1000
#define SMALL_CELL  5 /* fewer persons could be recognised (domain 6.4) */

static const char *arg(const StoreOp *op, uint32_t i) {
    return i < op->query.n_args && op->query.args[i] ? op->query.args[i] : "";
}

static uint32_t row_limit(const StoreOp *op) {
    return op->query.limit > 0 ? MIN(op->query.limit, (uint32_t)ROWS_MAX) : ROWS_USUAL;
}

static bool may_see(const Store *s, const StoreOp *op, const Item *i) {
    return op->query.authority[0] == '\0' || item_is_visible(s->directory, i, op->query.authority);
}

static void columns(Table *t, const Column *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        table_column(t, list[i].name, list[i].type);
}

static void cell_id(Table *t, const Uuid *id) {
    char text[UUID_TEXT_SIZE] = "";
    if (!uuid_is_nil(id))
        uuid_format(id, text);
    table_text(t, text);
}

/* What people call it: a node by its name. */
static void cell_item(Table *t, const Item *i) {
    if (i->kind == ITEM_NODE)
        table_text(t, i->oversight.node);
    else
        cell_id(t, &i->id);
}

static ItemKind kind_of(const char *name) {
    for (int k = ITEM_NONE + 1; k < ITEM_KINDS; k++)
        if (strcmp(item_kind_name(k), name) == 0)
            return (ItemKind)k;
    return ITEM_NONE;
}

/* Arguments: kind, id (of a node: its name). Says why when there is nothing to see; what may not be
 * seen is not there. */
bool item_find(Store *s, const StoreOp *op, StoredItem *ret, Table *t) {
    const ItemKind kind = kind_of(arg(op, 0));
    Uuid id;
    if (kind == ITEM_NODE)
        id = item_node_id(arg(op, 1));
    else if (kind == ITEM_NONE || uuid_parse(arg(op, 1), &id) < 0) {
        table_say(t, 2, "needed: referral, complaint, case, event, proposal or node, and its id");
        return false;
    }
    if (!item_load(s, kind, &id, ret) || !may_see(s, op, &ret->item)) {
        table_say(t, 1, "this broker knows no such %s", item_kind_name((int)kind));
        return false;
    }
    return true;
}

/* --- how it stands -------------------------------------------------------------------------- */

static void cell_target(Table *t, const Item *i) {
    table_text(t, i->kind == ITEM_REFERRAL    ? i->referral.target
                  : i->kind == ITEM_COMPLAINT ? i->complaint.assignee
                  : i->kind == ITEM_CASE      ? i->case_file.provider
                  : i->kind == ITEM_EVENT     ? i->event.lead_node
                                              : "");
}

static const char *status_name(int status) {
    return status == MESSAGE_STATUS_EXERCISE ? "EXERCISE"
           : status == MESSAGE_STATUS_TEST   ? "TEST"
                                             : "ACTUAL";
}

void query_item(Store *s, StoreOp *op, Table *t) {
    static const Column list[] = {
        { "kind", COLUMN_TEXT },       { "id", COLUMN_TEXT },        { "case", COLUMN_TEXT },
        { "state", COLUMN_TEXT },      { "final", COLUMN_BOOL },     { "flagged", COLUMN_BOOL },
        { "status", COLUMN_TEXT },     { "custodian", COLUMN_TEXT }, { "owes", COLUMN_TEXT },
        { "opened_by", COLUMN_TEXT },  { "target", COLUMN_TEXT },    { "region", COLUMN_TEXT },
        { "cluster", COLUMN_NUMBER },  { "urgency", COLUMN_NUMBER }, { "opened_at", COLUMN_TIME },
        { "changed_at", COLUMN_TIME }, { "rule_set", COLUMN_TEXT },  { "steps", COLUMN_NUMBER },
        { "held", COLUMN_NUMBER },
    };
    StoredItem *i = &s->law->parent;
    if (!item_find(s, op, i, t))
        return;
    const Item *is = &i->item;
    columns(t, list, ARRAY_SIZE(list));
    table_text(t, item_kind_name((int)is->kind));
    cell_item(t, is);
    cell_id(t, &is->case_id);
    table_text(t, item_state_name((int)is->kind, is->state));
    table_number(t, is->final);
    table_number(t, is->flagged);
    table_text(t, status_name(is->status));
    table_text(t, is->custodian);
    table_text(t, is->owes);
    table_text(t, is->keeper);
    cell_target(t, is);
    table_text(t, is->region);
    table_number(t, is->cluster);
    table_number(t, is->urgency);
    table_number(t, is->opened_ms);
    table_number(t, is->changed_ms);
    table_text(t, is->rule_set);
    table_number(t, is->n_acts);
    table_number(t, is->n_early);
}

/* --- how it came to that -------------------------------------------------------------------- */

static const char *verdict_text(StepVerdict v) {
    switch (v) {
    case STEP_APPLIED:
        return "applied";
    case STEP_EARLY:
        return "held";
    case STEP_ILLEGAL:
        return "illegal";
    case STEP_NONE:
        break;
    }
    return "";
}

/* What was done and by whom: a message, a timer, a collection. */
static void cell_deed(Store *s, Table *t, const StoredAct *a) {
    Act act;
    if (a->type == ACT_MESSAGE &&
        act_unpack(bytes_make(a->body, a->n_body), &act, &s->law->facts)) {
        const KindInfo *info = kind_info(act.kind);
        cell_id(t, &act.message_id);
        table_text(t, info ? info->name : "");
        table_text(t, act.actor);
        return;
    }
    table_text(t, "");
    if (a->type == ACT_TIMER) {
        table_textf(t, "timer %s", timer_name(a->n_body > 0 ? a->body[0] : 0));
        table_text(t, s->self);
    } else if (a->type == ACT_WATCH) {
        table_text(t, "watched from now on");
        table_text(t, s->self);
    } else if (a->type == ACT_COLLECTED) {
        table_text(t, "collected");
        table_textf(t, "%.*s", (int)MIN(a->n_body, NODE_NAME_SIZE - 1), (const char *)a->body);
    } else {
        table_text(t, "applied what was held");
        table_text(t, s->self);
    }
}

/* Numbers of the item's acts, oldest first; the oldest are left out when there are too many. */
static uint32_t chain_of(Store *s, const StoredItem *i, StoredAct *a, int64_t *ret, Table *t) {
    uint32_t n = 0;
    int64_t at = i->last_act;
    while (at > 0 && s->fault == 0) {
        if (n == HISTORY_MAX) {
            t->more = true;
            break;
        }
        const ActLink *l = act_load(s, at, a) ? act_link(a, i->item.kind, &i->item.id) : NULL;
        if (!l)
            break;
        ret[n++] = at;
        at = l->prev;
    }
    for (uint32_t k = 0; k < n / 2; k++) {
        const int64_t swap = ret[k];
        ret[k] = ret[n - 1 - k];
        ret[n - 1 - k] = swap;
    }
    return n;
}

/* Calls row for each act of the item asked for, in order. */
static void each_act(Store *s, StoreOp *op, Table *t, const Column *list, size_t n_columns,
                     void (*row)(Store *, Table *, const StoredItem *, const StoredAct *)) {
    StoredItem *i = &s->law->parent;
    if (!item_find(s, op, i, t))
        return;
    _cleanup_(freep) int64_t *chain = calloc(HISTORY_MAX, sizeof(*chain));
    _cleanup_(freep) StoredAct *a = calloc(1, sizeof(*a));
    if (!chain || !a) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    const uint32_t n = chain_of(s, i, a, chain, t);
    columns(t, list, n_columns);
    for (uint32_t k = 0; k < n && s->fault == 0; k++)
        if (act_load(s, chain[k], a))
            row(s, t, i, a);
}

static void history_row(Store *s, Table *t, const StoredItem *i, const StoredAct *a) {
    const ActLink *l = act_link(a, i->item.kind, &i->item.id);
    const int kind = (int)i->item.kind;
    if (!l)
        return;
    table_number(t, a->at_ms);
    cell_deed(s, t, a);
    table_text(t, verdict_text(l->verdict));
    table_text(t, item_state_name(kind, l->from));
    table_text(t, item_state_name(kind, l->to));
    table_text(t, l->why);
}

void query_history(Store *s, StoreOp *op, Table *t) {
    static const Column list[] = {
        { "at", COLUMN_TIME }, { "message", COLUMN_TEXT }, { "what", COLUMN_TEXT },
        { "by", COLUMN_TEXT }, { "step", COLUMN_TEXT },    { "from", COLUMN_TEXT },
        { "to", COLUMN_TEXT }, { "why", COLUMN_TEXT },
    };
    each_act(s, op, t, list, ARRAY_SIZE(list), history_row);
}

static void receipt_rows(Store *s, Table *t, const StoredItem *i, const StoredAct *a) {
    (void)i;
    Act act;
    if (a->type != ACT_MESSAGE || !act_unpack(bytes_make(a->body, a->n_body), &act, &s->law->facts))
        return;
    const int64_t seq = message_find(s, &act.message_id, NULL);
    _query_ q = QUERY(s,
                      "SELECT recipient, level, cause, said_at FROM outcome "
                      "WHERE seq = ?1 AND level > 0 LIMIT ?2",
                      INT(seq), INT(RECIPIENTS_MAX));
    while (seq > 0 && db_row(s, q)) {
        cell_id(t, &act.message_id);
        table_text(t, col_text(q, 0));
        table_text(t, receipt_level_name((int)col_int(q, 1)));
        table_text(t, receipt_cause_name((int)col_int(q, 2)));
        table_number(t, col_int(q, 3));
    }
}

void query_item_receipts(Store *s, StoreOp *op, Table *t) {
    static const Column list[] = {
        { "message", COLUMN_TEXT }, { "recipient", COLUMN_TEXT }, { "outcome", COLUMN_TEXT },
        { "cause", COLUMN_TEXT },   { "said_at", COLUMN_TIME },
    };
    each_act(s, op, t, list, ARRAY_SIZE(list), receipt_rows);
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
    const char *node = op->query.authority[0] != '\0' ? op->query.authority : arg(op, 0);
    StoredItem *i = &s->law->parent;
    uint32_t n = 0;
    if (node[0] == '\0') {
        table_say(t, 2, "the argument is the node whose work is asked for");
        return;
    }
    columns(t, list, ARRAY_SIZE(list));
    _query_ q = QUERY(s, "SELECT body, last FROM item WHERE owes = ?1 AND owes <> ''", TEXT(node));
    while (db_row(s, q)) {
        if (n++ == row_limit(op)) {
            t->more = true;
            break;
        }
        if (!item_read_row(q, 0, i))
            continue;
        const Item *is = &i->item;
        const Timer *next = next_timer(is);
        table_text(t, work_of(is));
        table_number(t, next && next->due_ms <= s->now_ms);
        table_number(t, next ? next->due_ms : 0);
        table_text(t, item_kind_name((int)is->kind));
        cell_item(t, is);
        table_text(t, item_state_name((int)is->kind, is->state));
        table_text(t, is->keeper);
        table_text(t, is->region);
        table_number(t, is->cluster);
        table_number(t, is->urgency);
        table_number(t, is->opened_ms);
        table_text(t, status_name(is->status));
    }
}

/* --- what is owed --------------------------------------------------------------------------- */

static const char *debtor(const Item *i) {
    return i->owes[0] != '\0' ? i->owes : i->custodian;
}

static void due_row(const Store *s, Table *t, const Item *i, const Timer *timer) {
    table_number(t, timer->due_ms);
    table_number(t, timer->due_ms <= s->now_ms || timer->level > 0);
    table_text(t, timer_name(timer->kind));
    table_text(t, debtor(i));
    table_text(t, item_kind_name((int)i->kind));
    cell_item(t, i);
    table_text(t, item_state_name((int)i->kind, i->state));
    table_number(t, timer->level);
    table_text(t, i->region);
    table_number(t, i->cluster);
    table_text(t, status_name(i->status));
}

static const Column due_columns[] = {
    { "due_at", COLUMN_TIME },    { "overdue", COLUMN_BOOL }, { "timer", COLUMN_TEXT },
    { "owed_by", COLUMN_TEXT },   { "kind", COLUMN_TEXT },    { "id", COLUMN_TEXT },
    { "state", COLUMN_TEXT },     { "told", COLUMN_NUMBER },  { "region", COLUMN_TEXT },
    { "cluster", COLUMN_NUMBER }, { "status", COLUMN_TEXT },
};

void query_item_due(Store *s, StoreOp *op, Table *t) {
    StoredItem *i = &s->law->parent;
    if (!item_find(s, op, i, t))
        return;
    columns(t, due_columns, ARRAY_SIZE(due_columns));
    for (uint32_t k = 0; k < i->item.n_timers; k++)
        due_row(s, t, &i->item, &i->item.timers[k]);
}

void query_due(Store *s, StoreOp *op, Table *t) {
    StoredItem *i = &s->law->parent;
    uint32_t n = 0, seen = 0;
    columns(t, due_columns, ARRAY_SIZE(due_columns));
    _query_ q = QUERY(s, "SELECT i.body, i.last, t.timer, t.due FROM timer t "
                         "JOIN item i ON i.kind = t.kind AND i.id = t.id "
                         "ORDER BY t.due, t.kind, t.id, t.timer");
    while (db_row(s, q)) {
        if (n == row_limit(op) || seen++ == 50 * (uint32_t)ROWS_MAX) {
            t->more = true;
            break;
        }
        if (!item_read_row(q, 0, i) || !may_see(s, op, &i->item) ||
            (arg(op, 0)[0] != '\0' && strcmp(arg(op, 0), debtor(&i->item)) != 0))
            continue;
        for (uint32_t k = 0; k < i->item.n_timers; k++)
            if (i->item.timers[k].kind == col_int(q, 2)) {
                due_row(s, t, &i->item, &i->item.timers[k]);
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
    columns(t, list, ARRAY_SIZE(list));
    _query_ q = QUERY(s, "SELECT kind, state, cluster, region, n FROM tally WHERE n > 0 "
                         "ORDER BY kind, region, cluster, state");
    while (db_row(s, q)) {
        const int kind = (int)col_int(q, 0), cluster = (int)col_int(q, 2);
        if (!text_starts_with(col_text(q, 3), arg(op, 0)) ||
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

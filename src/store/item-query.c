/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people ask every day about one matter: how it stands, how it came to that, what of it is
 * due. Answers hold codes and dates only, and only what the asking node may see; an operator (no
 * authority) sees everything here.
 */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "law/scope.h"
#include "store/item-query-internal.h"

#define HISTORY_MAX 1000

const char *query_arg(const StoreOp *op, uint32_t i) {
    return i < op->query.n_args && op->query.args[i] ? op->query.args[i] : "";
}

bool query_may_see(const Store *s, const StoreOp *op, const Item *i) {
    return op->query.authority[0] == '\0' || item_is_visible(s->directory, i, op->query.authority);
}

void query_columns(Table *t, const Column *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        table_column(t, list[i].name, list[i].type);
}

/* What people call it: a node by its name. */
void query_cell_item(Table *t, const Item *i) {
    if (i->kind == ITEM_NODE)
        table_text(t, i->oversight.node);
    else
        table_uuid(t, &i->id);
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
    const ItemKind kind = kind_of(query_arg(op, 0));
    Uuid id;
    if (kind == ITEM_NODE)
        id = item_node_id(query_arg(op, 1));
    else if (kind == ITEM_NONE || uuid_parse(query_arg(op, 1), &id) < 0) {
        table_say(t, 2, "needed: referral, complaint, case, event, proposal or node, and its id");
        return false;
    }
    if (!item_load(s, kind, &id, ret) || !query_may_see(s, op, &ret->item)) {
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

const char *query_status_name(int status) {
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
    query_columns(t, list, ARRAY_SIZE(list));
    table_text(t, item_kind_name((int)is->kind));
    query_cell_item(t, is);
    table_uuid(t, &is->case_id);
    table_text(t, item_state_name((int)is->kind, is->state));
    table_number(t, is->final);
    table_number(t, is->flagged);
    table_text(t, query_status_name(is->status));
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
    return "settled"; /* was held, and says nothing any more */
}

static void cell_body_node(Table *t, const StoredAct *a) {
    table_textf(t, "%.*s", (int)MIN(a->n_body, NODE_NAME_SIZE - 1), (const char *)a->body);
}

/* What was done and by whom: a message, a timer, a collection. */
static void cell_deed(Store *s, Table *t, const StoredAct *a) {
    static const char *const deeds[] = {
        [ACT_AGAIN] = "what was held is tried again",
        [ACT_WATCH] = "watched from now on",
        [ACT_COLLECTED] = "collected",
        [ACT_UNDELIVERABLE] = "not delivered",
        [ACT_ACKNOWLEDGED] = "acknowledged by all",
        [ACT_KEPT] = "put on record as it stands",
    };
    Act act;
    if (a->type == ACT_MESSAGE &&
        act_unpack(bytes_make(a->body, a->n_body), &act, &s->law->facts)) {
        const KindInfo *info = kind_info(act.kind);
        table_uuid(t, &act.message_id);
        table_text(t, info ? info->name : "");
        table_text(t, act.actor);
        return;
    }
    table_text(t, "");
    if (a->type == ACT_TIMER)
        table_textf(t, "timer %s", timer_name(a->n_body > 0 ? a->body[0] : 0));
    else
        table_text(t, a->type < ARRAY_SIZE(deeds) && deeds[a->type] ? deeds[a->type] : "");
    if (a->type == ACT_COLLECTED || a->type == ACT_UNDELIVERABLE)
        cell_body_node(t, a);
    else
        table_text(t, s->self);
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
    query_columns(t, list, n_columns);
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
    const int64_t seq = dedup_find(s, &act.message_id, NULL);
    _query_ q = QUERY(s,
                      "SELECT recipient, level, cause, said_at FROM outcome "
                      "WHERE seq = ?1 AND level > 0 LIMIT ?2",
                      INT(seq), INT(RECIPIENTS_MAX));
    while (seq > 0 && db_row(s, q)) {
        table_uuid(t, &act.message_id);
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

/* --- what is owed --------------------------------------------------------------------------- */

const char *query_debtor(const Item *i) {
    return i->owes[0] != '\0' ? i->owes : i->custodian;
}

void query_due_row(const Store *s, Table *t, const Item *i, const Timer *timer) {
    table_number(t, timer->due_ms);
    table_number(t, timer->due_ms <= s->now_ms || timer->level > 0);
    table_text(t, timer_name(timer->kind));
    table_text(t, query_debtor(i));
    table_text(t, item_kind_name((int)i->kind));
    query_cell_item(t, i);
    table_text(t, item_state_name((int)i->kind, i->state));
    table_number(t, timer->level);
    table_text(t, i->region);
    table_number(t, i->cluster);
    table_text(t, query_status_name(i->status));
}

void query_due_columns(Table *t) {
    static const Column list[] = {
        { "due_at", COLUMN_TIME },    { "overdue", COLUMN_BOOL }, { "timer", COLUMN_TEXT },
        { "owed_by", COLUMN_TEXT },   { "kind", COLUMN_TEXT },    { "id", COLUMN_TEXT },
        { "state", COLUMN_TEXT },     { "told", COLUMN_NUMBER },  { "region", COLUMN_TEXT },
        { "cluster", COLUMN_NUMBER }, { "status", COLUMN_TEXT },
    };
    query_columns(t, list, ARRAY_SIZE(list));
}

void query_item_due(Store *s, StoreOp *op, Table *t) {
    StoredItem *i = &s->law->parent;
    if (!item_find(s, op, i, t))
        return;
    query_due_columns(t);
    for (uint32_t k = 0; k < i->item.n_timers; k++)
        query_due_row(s, t, &i->item, &i->item.timers[k]);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * QUERY: operator verbs, and for every node what concerns it. What the store knows
 * is asked of the store; what lives in memory (sessions, links) is added here.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/account.h"
#include "broker/batch.h"
#include "broker/directory-query.h"
#include "broker/internal.h"
#include "broker/key.h"
#include "broker/neighbour.h"
#include "broker/note.h"
#include "broker/query.h"
#include "broker/session.h"
#include "broker/turns.h"
#include "broker/witness.h"
#include "wire/personal.h"

/* What surely fits into one frame: half of what its decoder takes. */
#define RESULT_BYTES  (FRAME_ANSWER_MAX / 2)
#define RESULT_FIELDS 16384U

/* --- verbs ------------------------------------------------------------------------------------ */

static bool is_one_of(const char *verb, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(verb, list[i]) == 0)
            return true;
    return false;
}

/* What every node may ask: about its own messages, and what of the law it may see. */
static const char *const open_verbs[] = {
    "outcome", "item",   "item-history",   "item-due",       "item-receipts", "worklist",
    "due",     "report", "unacknowledged", "directory-keys", "key-asked"
};

/* What the store answers and nothing is changed by; and two that are not the store's. */
static const char *const reading_verbs[] = {
    "status",      "queues",        "trace",         "messages",      "dead-list",
    "dead-show",   "links",         "node-list",     "node-show",     "check",
    "ledger-info", "ledger-blocks", "ledger-proofs", "ledger-newest", "subscriptions",
    "ledger-head", "sessions",      "backup-state",  "node-log",      "node-at",
    "node-diff",   "enrol-list",
};
/* What the store changes with nothing to be looked at first. */
static const char *const changing_verbs[] = { "ledger-prune", "ledger-forget",
                                              "ledger-countersigned" };

void query_answer(Broker *b, Session *s, uint32_t query, Table *t) {
    table_fit(t, RESULT_BYTES, RESULT_FIELDS);
    Frame f = { .kind = FRAME_RESULT, .result = { .query = query, .table = t } };
    (void)session_send(b, s, &f, NULL, 0);
}

int query_say(Broker *b, Session *s, const Frame *f, uint32_t code, const char *text) {
    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    table_say(t, code, "%s", text);
    query_answer(b, s, f->query.query, t);
    return 0;
}

/* A query is always answered by its number, so that nobody waits for it. */
static int deny(Broker *b, Now now, Session *s, const Frame *f, const char *right) {
    char text[80];
    (void)snprintf(text, sizeof(text), "NOT_ALLOWED: this key lacks the right: %s", right);
    int r = broker_denied(b, now, s->node, s->label, right);
    return r < 0 ? r : query_say(b, s, f, 1, text);
}

/* What an operator does goes into the ledger, with what he does it to; what he reads does not. */
static bool is_for_record(const Session *s, const char *verb) {
    return s->operator_ && !is_one_of(verb, reading_verbs, ARRAY_SIZE(reading_verbs)) &&
           !is_one_of(verb, open_verbs, ARRAY_SIZE(open_verbs));
}

static void fill_operator(const Session *s, const char *verb, LedgerEntry *ret) {
    ret->kind = LEDGER_OPERATOR;
    (void)text_copy(ret->node, sizeof(ret->node), s->node);
    (void)text_copy(ret->peer, sizeof(ret->peer), s->label[0] != '\0' ? s->label : s->user_id);
    (void)text_copy(ret->note, sizeof(ret->note), verb);
}

/* An operation whose result is answered to this query. */
StoreOp *query_op(OpKind kind, const Session *s, const Frame *f) {
    _cleanup_(store_op_freep) StoreOp *op = op_for(kind, s->id, (void *)(uintptr_t)f->query.query);
    if (op && is_for_record(s, f->query.verb)) {
        op->entry = calloc(1, sizeof(*op->entry));
        if (!op->entry)
            return NULL;
        fill_operator(s, f->query.verb, op->entry);
    }
    return TAKE_PTR(op);
}

static int ask_store(Broker *b, Session *s, Frame *f) {
    if (!account_may_query(b, s->account))
        return query_say(b, s, f, 1, "BUSY: too many queries of this node wait; ask again later");
    StoreOp *op = query_op(OP_QUERY, s, f);
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->query.verb, sizeof(op->query.verb), f->query.verb);
    op->query.n_args = f->query.n_args;
    op->query.limit = f->query.limit;
    for (uint32_t i = 0; i < f->query.n_args; i++)
        op->query.args[i] = TAKE_PTR(f->query.args[i]);
    if (!s->operator_)
        (void)text_copy(op->query.authority, sizeof(op->query.authority), s->node);
    turns_push(b, b->now, s, op);
    return 0;
}

/* --- verbs that the store carries out ------------------------------------------------------- */

static const char *arg(const Frame *f, uint32_t i) {
    return i < f->query.n_args && f->query.args[i] ? f->query.args[i] : "";
}

static int dead_verb(Broker *b, Session *s, Frame *f) {
    bool redirect = strcmp(f->query.verb, "dead-redirect") == 0;
    bool discard = strcmp(f->query.verb, "dead-discard") == 0;
    _cleanup_(store_op_freep) StoreOp *op = query_op(OP_DEAD, s, f);
    if (!op)
        return -ENOMEM;
    if (uuid_parse(arg(f, 0), &op->dead.message_id) < 0)
        return query_say(b, s, f, 2, "the first argument is the message id");
    op->dead.verb = redirect ? DEAD_REDIRECT : discard ? DEAD_DISCARD : DEAD_REQUEUE;
    (void)text_copy(op->dead.recipient, sizeof(op->dead.recipient), arg(f, 1));
    if (redirect) {
        (void)text_copy(op->dead.target, sizeof(op->dead.target), arg(f, 2));
        if (!directory_next_hop(b->directory, b->config.self, op->dead.target))
            return query_say(b, s, f, 1, "the new recipient cannot be reached from here");
    }
    (void)text_copy(op->dead.reason, sizeof(op->dead.reason),
                    text_unless_personal(arg(f, redirect ? 3 : 2)));
    if (discard && !op->dead.reason[0])
        return query_say(b, s, f, 2, "a reason is needed to discard");
    (void)text_copy(op->dead.by, sizeof(op->dead.by), s->node);
    broker_log(b, LOG_EVENT_OPERATOR_VERB, s->user_id, "%s of message %s.", f->query.verb,
               arg(f, 0));
    broker_push(b, TAKE_PTR(op));
    return 0;
}

static int backup_verb(Broker *b, Session *s, Frame *f) {
    if (arg(f, 0)[0] != '/')
        return query_say(b, s, f, 2, "the path of the backup must be absolute");
    if (strlen(arg(f, 0)) >= STORE_PATH_SIZE)
        return query_say(b, s, f, 2, "the path of the backup is too long");
    StoreOp *op = query_op(OP_BACKUP, s, f);
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->backup.path, sizeof(op->backup.path), arg(f, 0));
    broker_log(b, LOG_EVENT_OPERATOR_VERB, s->user_id, "A backup was asked for.");
    broker_push(b, op);
    return 0;
}

/* --- what lives in memory ------------------------------------------------------------------- */

static int sessions_verb(Broker *b, Now now, Session *s, const Frame *f) {
    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    table_column(t, "session", COLUMN_NUMBER);
    table_column(t, "node", COLUMN_TEXT);
    table_column(t, "client", COLUMN_TEXT);
    table_column(t, "channels", COLUMN_NUMBER);
    table_column(t, "in_flight", COLUMN_NUMBER);
    table_column(t, "unanswered", COLUMN_NUMBER);
    table_column(t, "silent_ms", COLUMN_NUMBER);
    uint32_t limit = f->query.limit ? f->query.limit : 1000, n = 0;
    for (const Session *i = b->sessions; i && !t->more; i = i->hh.next) {
        if (n++ == limit) {
            t->more = true;
            break;
        }
        table_number(t, (int64_t)i->id);
        table_text(t, i->node);
        table_text(t, i->client);
        table_number(t, i->n_channels);
        table_number(t, i->n_out);
        table_number(t, i->unanswered);
        table_number(t, now.mono_ms - i->heard_mono_ms);
    }
    query_answer(b, s, f->query.query, t);
    return 0;
}

/* A copy of a table's columns and one row after the other, each with more columns behind it. */
static Table *table_widened(const Table *stored, void (*columns)(Table *),
                            void (*cells)(Broker *, Table *, const char *first), Broker *b) {
    Table *t = table_new();
    if (!t)
        return NULL;
    for (uint32_t c = 0; c < stored->n_columns; c++)
        table_column(t, stored->columns[c].name, stored->columns[c].type);
    columns(t);
    for (uint32_t row = 0; row < table_rows(stored); row++) {
        for (uint32_t c = 0; c < stored->n_columns; c++)
            table_text(t, table_cell(stored, row, c));
        cells(b, t, table_cell(stored, row, 0));
    }
    t->more = stored->more;
    return t;
}

static void status_columns(Table *t) {
    table_column(t, "sessions", COLUMN_NUMBER);
    table_column(t, "uplink", COLUMN_TEXT);
    table_column(t, "child_links", COLUMN_NUMBER);
}

static void status_cells(Broker *b, Table *t, const char *first) {
    (void)first;
    BrokerStatus st = broker_status(b);
    table_number(t, st.sessions);
    table_text(t, !st.has_parent ? "none" : st.uplink_up ? "up" : "down");
    table_number(t, st.child_links);
}

static void link_columns(Table *t) {
    table_column(t, "state", COLUMN_TEXT);
    table_column(t, "in_flight", COLUMN_NUMBER);
}

static void link_cells(Broker *b, Table *t, const char *neighbour) {
    Neighbour *l = NULL;
    HASH_FIND_STR(b->neighbours, neighbour, l);
    table_text(t, l && l->up ? "up" : "down");
    table_number(t, l ? (int64_t)neighbour_progress(b, l->neighbour).in_flight : 0);
}

/* What the store knows and what is known of it at this moment. */
static Table *with_live_state(Broker *b, const char *verb, Table *t) {
    Table *wide = NULL;
    if (t->code != 0)
        return t;
    if (strcmp(verb, "status") == 0)
        wide = table_widened(t, status_columns, status_cells, b);
    else if (strcmp(verb, "links") == 0)
        wide = table_widened(t, link_columns, link_cells, b);
    else
        return t;
    (void)table_free(t);
    return wide;
}

/* --- entry points --------------------------------------------------------------------------- */

/* NULL when the session may use the verb, or what it lacks. Whoever sends or reads anything needs
 * the keys of the others for it. */
static const char *lacks_for(const Session *s, const char *verb) {
    if (strcmp(verb, "directory-keys") == 0 && !rights_have(&s->rights, RIGHT_ENROL))
        return NULL;
    if (is_one_of(verb, open_verbs, ARRAY_SIZE(open_verbs)))
        return session_allows(s, &(RightUse) { .verb = RIGHT_QUERY, .region = "" }) ? NULL
                                                                                    : "QUERY";
    return session_allows(s, &(RightUse) { .verb = RIGHT_OPERATE, .region = "" }) ? NULL
                                                                                  : "OPERATE";
}

int query_frame(Broker *b, Now now, Session *s, Frame *f) {
    static const char *const dead[] = { "dead-requeue", "dead-redirect", "dead-discard" };
    const char *verb = f->query.verb;

    if (s->enrolment != 0)
        return enrol_frame(b, now, s, f);
    /* The signatures inside decide, whatever else the key may do. */
    if (strcmp(verb, "key-request") == 0)
        return key_ask(b, now, s, f);
    if (strcmp(verb, "key-list") == 0)
        return key_list(b, now, s, f);
    if (strcmp(verb, "key-asked") == 0)
        return ask_store(b, s, f);
    if (strcmp(verb, "ledger-witness") == 0 && s->broker &&
        directory_is_below(b->directory, b->config.self, s->node))
        return ask_store(b, s, f);
    const char *lacks = lacks_for(s, verb);
    if (lacks)
        return deny(b, now, s, f, lacks);
    if (is_one_of(verb, open_verbs, ARRAY_SIZE(open_verbs)))
        return ask_store(b, s, f);
    if (is_one_of(verb, dead, ARRAY_SIZE(dead)))
        return dead_verb(b, s, f);
    if (strcmp(verb, "node-import") == 0)
        return directory_import(b, s, f);
    if (strcmp(verb, "node-revoke") == 0)
        return directory_revoke(b, s, f);
    if (strcmp(verb, "node-sign") == 0)
        return directory_sign_above(b, s, f);
    if (strcmp(verb, "enrol-token") == 0)
        return enrol_token_verb(b, now, s, f);
    if (strcmp(verb, "enrol-approve") == 0 || strcmp(verb, "enrol-refuse") == 0)
        return enrol_decide_verb(b, now, s, f);
    if (strcmp(verb, "backup") == 0)
        return backup_verb(b, s, f);
    if (strcmp(verb, "sessions") == 0)
        return sessions_verb(b, now, s, f);
    if (strcmp(verb, "ledger-countersign") == 0)
        return witness_verb(b, now, s, f);
    if (strcmp(verb, "backup-state") != 0 &&
        (is_one_of(verb, reading_verbs, ARRAY_SIZE(reading_verbs)) ||
         is_one_of(verb, changing_verbs, ARRAY_SIZE(changing_verbs))))
        return ask_store(b, s, f);

    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    LedgerEntry e = { 0 };
    int r = 0;
    if (!b->io.verb(b->io.data, verb, f->query.args, f->query.n_args, t)) {
        table_say(t, 2, "unknown verb %s", verb);
    } else if (is_for_record(s, verb)) {
        fill_operator(s, verb, &e);
        r = broker_note(b, &e);
    }
    query_answer(b, s, f->query.query, t);
    return r;
}

/* A child whose ledger does not go on from what we countersigned. */
static void log_ledger(Broker *b, const StoreOp *op, const Table *t) {
    if (strcmp(op->query.verb, "ledger-witness") == 0 && text_starts_with(t->text, "FORKED"))
        broker_log(b, LOG_EVENT_LEDGER_FORKED, op->query.authority,
                   "The ledger of a broker below is not the one we countersigned: %s.", t->text);
}

/* It waits for its turn again, as any other query of its node. */
static int look_on(Broker *b, Now now, StoreOp *op) {
    Session *s = session_by_id(b, op->owner_id);
    StoreOp *next = s ? op_for(OP_QUERY, op->owner_id, op->owner) : NULL;
    if (!next)
        return s ? -ENOMEM : 0; /* nobody waits for it any more */
    next->query = op->query;
    memset(&op->query, 0, sizeof(op->query));
    turns_push(b, now, s, next);
    return 0;
}

int query_done(Broker *b, Now now, StoreOp *op) {
    if (op->kind == OP_QUERY && store_query_goes_on(op))
        return look_on(b, now, op);
    _cleanup_(table_freep) Table *t =
        op->kind == OP_QUERY ? TAKE_PTR(op->query.table) : table_new();
    int r = 0;
    if (!t || t->failed)
        return -ENOMEM;
    switch (op->kind) {
    case OP_IMPORT:
    case OP_REVOKE:
    case OP_DIRECTORY_SIGN:
        r = directory_edited(b, now, op, t);
        break;
    case OP_KEY:
        r = key_done(b, now, op, t);
        break;
    case OP_BACKUP:
        table_say(t, op->backup.started ? 0 : 1, "%s",
                  op->backup.started ? "started; ask backup-state" : op->backup.text);
        break;
    case OP_DEAD:
        table_column(t, "done", COLUMN_NUMBER);
        table_number(t, op->dead.n_done);
        if (op->dead.n_done == 0)
            table_say(t, 1, "%s", op->dead.text);
        break;
    default:
        t = with_live_state(b, op->query.verb, t);
        if (!t)
            return -ENOMEM;
        log_ledger(b, op, t);
    }
    Session *s = session_by_id(b, op->owner_id);
    if (s && op->kind == OP_QUERY && strcmp(op->query.verb, "directory-keys") == 0)
        return directory_proven(b, s, op, t);
    if (s && r == 0)
        query_answer(b, s, (uint32_t)(uintptr_t)op->owner, t);
    return r;
}

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
#include "broker/import.h"
#include "broker/internal.h"

/* What surely fits into one frame: half of what its decoder takes. */
#define RESULT_BYTES  (FRAME_ANSWER_MAX / 2)
#define RESULT_FIELDS 16384U

static void respond(Broker *b, Session *s, uint32_t query, Table *t) {
    table_fit(t, RESULT_BYTES, RESULT_FIELDS);
    Frame f = { .kind = FRAME_RESULT, .result = { .query = query, .table = t } };
    (void)session_send(b, s, &f, NULL, 0);
}

static int say(Broker *b, Session *s, const Frame *f, uint32_t code, const char *text) {
    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    table_say(t, code, "%s", text);
    respond(b, s, f->query.query, t);
    return 0;
}

/* An operation whose result is answered to this query. */
static StoreOp *op_of(OpKind kind, const Session *s, const Frame *f) {
    return op_for(kind, s->id, (void *)(uintptr_t)f->query.query);
}

static int ask_store(Broker *b, Session *s, Frame *f) {
    StoreOp *op = op_of(OP_QUERY, s, f);
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->query.verb, sizeof(op->query.verb), f->query.verb);
    op->query.n_args = f->query.n_args;
    op->query.limit = f->query.limit;
    for (uint32_t i = 0; i < f->query.n_args; i++)
        op->query.args[i] = TAKE_PTR(f->query.args[i]);
    if (!s->operator_)
        (void)text_copy(op->query.authority, sizeof(op->query.authority), s->node);
    broker_push(b, op);
    return 0;
}

/* --- directory ------------------------------------------------------------------------------- */

static int import_directory(Broker *b, Session *s, Frame *f) {
    char why[JSON_WHY_SIZE];
    size_t line = 0;
    _cleanup_(store_op_freep) StoreOp *op = op_of(OP_IMPORT, s, f);
    if (!op)
        return -ENOMEM;
    int r = import_lines(op, (const char *)f->query.input, f->query.n_input, &line, why);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        char text[JSON_WHY_SIZE + 32];
        (void)snprintf(text, sizeof(text), "line %zu: %s", line, why);
        return say(b, s, f, 2, text);
    }
    broker_push(b, TAKE_PTR(op));
    return 0;
}

static int import_done(Broker *b, Now now, StoreOp *op, Table *t) {
    if (!op->import.directory) {
        table_say(t, 1, "%s", op->import.text);
        return 0;
    }
    int r = broker_take_directory(b, now, op->import.directory);
    broker_log(b, LOG_EVENT_DIRECTORY_IMPORTED, NULL,
               "Directory version %llu: %u nodes, %u keys, %u regions, %u holidays were imported.",
               (unsigned long long)directory_version(b->directory), op->import.n_nodes,
               op->import.n_keys, op->import.n_regions, op->import.n_holidays);
    table_column(t, "version", COLUMN_NUMBER);
    table_column(t, "nodes", COLUMN_NUMBER);
    table_column(t, "keys", COLUMN_NUMBER);
    table_column(t, "regions", COLUMN_NUMBER);
    table_column(t, "holidays", COLUMN_NUMBER);
    table_number(t, (int64_t)directory_version(b->directory));
    table_number(t, op->import.n_nodes);
    table_number(t, op->import.n_keys);
    table_number(t, op->import.n_regions);
    table_number(t, op->import.n_holidays);
    return r;
}

/* --- verbs that the store carries out ----------------------------------------------------------
 */

static const char *arg(const Frame *f, uint32_t i) {
    return i < f->query.n_args && f->query.args[i] ? f->query.args[i] : "";
}

static int dead_verb(Broker *b, Session *s, Frame *f) {
    bool redirect = strcmp(f->query.verb, "dead-redirect") == 0;
    bool discard = strcmp(f->query.verb, "dead-discard") == 0;
    _cleanup_(store_op_freep) StoreOp *op = op_of(OP_DEAD, s, f);
    if (!op)
        return -ENOMEM;
    if (uuid_parse(arg(f, 0), &op->dead.message_id) < 0)
        return say(b, s, f, 2, "the first argument is the message id");
    op->dead.verb = redirect ? DEAD_REDIRECT : discard ? DEAD_DISCARD : DEAD_REQUEUE;
    (void)text_copy(op->dead.recipient, sizeof(op->dead.recipient), arg(f, 1));
    if (redirect) {
        (void)text_copy(op->dead.target, sizeof(op->dead.target), arg(f, 2));
        if (!directory_next_hop(b->directory, b->config.self, op->dead.target))
            return say(b, s, f, 1, "the new recipient cannot be reached from here");
    }
    (void)text_copy(op->dead.reason, sizeof(op->dead.reason), arg(f, redirect ? 3 : 2));
    if (discard && !op->dead.reason[0])
        return say(b, s, f, 2, "a reason is needed to discard");
    (void)text_copy(op->dead.by, sizeof(op->dead.by), s->node);
    broker_log(b, LOG_EVENT_OPERATOR_VERB, s->user_id, "%s of message %s.", f->query.verb,
               arg(f, 0));
    broker_push(b, TAKE_PTR(op));
    return 0;
}

static int backup_verb(Broker *b, Session *s, Frame *f) {
    if (arg(f, 0)[0] != '/')
        return say(b, s, f, 2, "the path of the backup must be absolute");
    if (strlen(arg(f, 0)) >= STORE_PATH_SIZE)
        return say(b, s, f, 2, "the path of the backup is too long");
    StoreOp *op = op_of(OP_BACKUP, s, f);
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->backup.path, sizeof(op->backup.path), arg(f, 0));
    broker_log(b, LOG_EVENT_OPERATOR_VERB, s->user_id, "A backup was asked for.");
    broker_push(b, op);
    return 0;
}

/* --- what lives in memory ------------------------------------------------------------------------
 */

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
    respond(b, s, f->query.query, t);
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

/* --- entry points ------------------------------------------------------------------------------
 */

static bool is_one_of(const char *verb, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(verb, list[i]) == 0)
            return true;
    return false;
}

int query_frame(Broker *b, Now now, Session *s, Frame *f) {
    static const char *const stored[] = { "status",    "queues",    "trace",        "messages",
                                          "dead-list", "dead-show", "links",        "node-list",
                                          "node-show", "check",     "subscriptions" };
    /* What every node may ask: about its own messages, and what of the law it may see. */
    static const char *const open[] = { "outcome",  "item",          "item-history",
                                        "item-due", "item-receipts", "worklist",
                                        "due",      "report",        "unacknowledged" };
    static const char *const dead[] = { "dead-requeue", "dead-redirect", "dead-discard" };
    const char *verb = f->query.verb;

    if (is_one_of(verb, open, ARRAY_SIZE(open)))
        return ask_store(b, s, f);
    if (!s->operator_)
        return say(b, s, f, 1, "NOT_ALLOWED: this key has no operator right");
    if (is_one_of(verb, stored, ARRAY_SIZE(stored)))
        return ask_store(b, s, f);
    if (is_one_of(verb, dead, ARRAY_SIZE(dead)))
        return dead_verb(b, s, f);
    if (strcmp(verb, "node-import") == 0)
        return import_directory(b, s, f);
    if (strcmp(verb, "backup") == 0)
        return backup_verb(b, s, f);
    if (strcmp(verb, "sessions") == 0)
        return sessions_verb(b, now, s, f);

    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    if (!b->io.verb(b->io.data, verb, f->query.args, f->query.n_args, t))
        table_say(t, 2, "unknown verb %s", verb);
    respond(b, s, f->query.query, t);
    return 0;
}

int query_done(Broker *b, Now now, StoreOp *op) {
    _cleanup_(table_freep) Table *t =
        op->kind == OP_QUERY ? TAKE_PTR(op->query.table) : table_new();
    int r = 0;
    if (!t)
        return -ENOMEM;
    switch (op->kind) {
    case OP_IMPORT:
        r = import_done(b, now, op, t);
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
    }
    Session *s = session_by_id(b, op->owner_id);
    if (s && r == 0)
        respond(b, s, (uint32_t)(uintptr_t)op->owner, t);
    return r;
}

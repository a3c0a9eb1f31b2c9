/* SPDX-License-Identifier: Apache-2.0 */
/* OP_QUERY: tables for operator verbs. */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/directory-query.h"
#include "store/enrol.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/message.h"
#include "store/query.h"
#include "store/queue.h"
#include "store/receipts.h"
#include "store/run.h"
#include "store/subscription.h"
#include "store/trace.h"

#define ROWS_MAX 10000U

static uint32_t limit_of(const StoreOp *op, uint32_t otherwise) {
    return op->query.limit > 0 ? MIN(op->query.limit, ROWS_MAX) : otherwise;
}

static const char *queue_kind_name(QueueKind kind) {
    switch (kind) {
    case QUEUE_MAILBOX:
        return "mailbox";
    case QUEUE_RECEIPTS:
        return "receipts";
    case QUEUE_SUBSCRIPTION:
        return "subscription";
    case QUEUE_LINK:
        return "link";
    }
    return "";
}

static const char *kind_text(int kind, char buf[static 16]) {
    const KindInfo *info = kind_info(kind);
    if (info)
        return info->name;
    snprintf(buf, 16, "%d", kind);
    return buf;
}

/* --- status --------------------------------------------------------------------------------- */

static void query_status(Store *s, StoreOp *op, Table *t) {
    (void)op;
    static const struct {
        const char *name;
        ColumnType type;
    } columns[] = {
        { "broker", COLUMN_TEXT },
        { "version", COLUMN_TEXT },
        { "schema", COLUMN_NUMBER },
        { "directory_version", COLUMN_NUMBER },
        { "nodes", COLUMN_NUMBER },
        { "keys", COLUMN_NUMBER },
        { "messages", COLUMN_NUMBER },
        { "deliveries", COLUMN_NUMBER },
        { "mailboxes_waiting", COLUMN_NUMBER },
        { "dead_letters", COLUMN_NUMBER },
        { "intake", COLUMN_TEXT },
        { "unclean_start", COLUMN_BOOL },
        { "store_bytes", COLUMN_NUMBER },
        { "free_bytes", COLUMN_NUMBER },
        { "wal_pages", COLUMN_NUMBER },
        { "commits", COLUMN_NUMBER },
    };
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
        table_column(t, columns[i].name, columns[i].type);
    int64_t deliveries = 0, mailboxes = 0;
    const Queue *q, *next;
    HASH_ITER (hh_id, s->queues_by_id, q, next) {
        deliveries += (int64_t)q->waiting;
        mailboxes += q->kind == QUEUE_MAILBOX && q->waiting > 0;
    }
    const StoreHealth *h = store_health(s);
    table_text(t, s->self);
    table_text(t, SERASI_VERSION);
    table_number(t, STORE_SCHEMA);
    table_number(t, (int64_t)directory_version(s->directory));
    table_number(t, (int64_t)directory_node_count(s->directory));
    table_number(t, (int64_t)directory_key_count(s->directory));
    table_number(t, (int64_t)h->messages);
    table_number(t, deliveries);
    table_number(t, mailboxes);
    table_number(t, db_number(s, QUERY(s, "SELECT count(*) FROM dead_letter"), 0));
    table_text(t, h->intake_closed ? "closed" : "open");
    table_number(t, h->unclean);
    table_number(t, (int64_t)h->size_bytes);
    table_number(t, (int64_t)h->free_bytes);
    table_number(t, (int64_t)h->wal_frames);
    table_number(t, (int64_t)h->commits);
}

/* --- queues, links, subscriptions ----------------------------------------------------------- */

static void queue_counts(Store *s, const Queue *queue, Table *t) {
    int64_t lanes[LANE_COUNT] = { 0 }, oldest = 0, parked = 0;
    _query_ q = QUERY(s,
                      "SELECT lane, count(*), min(since), sum(due > ?2) FROM delivery "
                      "WHERE queue = ?1 GROUP BY lane",
                      INT(queue->id), INT(s->now_ms));
    while (db_row(s, q)) {
        const int64_t lane = col_int(q, 0);
        if (lane >= 0 && lane < LANE_COUNT)
            lanes[lane] = col_int(q, 1);
        if (oldest == 0 || col_int(q, 2) < oldest)
            oldest = col_int(q, 2);
        parked += col_int(q, 3);
    }
    table_number(t, oldest);
    for (int i = 0; i < LANE_COUNT; i++)
        table_number(t, lanes[i]);
    table_number(t, parked);
}

/* One pass over the dead letters, however many queues there are. */
static void count_dead(Store *s) {
    Queue *queue, *next;
    HASH_ITER (hh_id, s->queues_by_id, queue, next)
        queue->dead = 0;
    _query_ q = QUERY(s, "SELECT queue FROM dead_letter");
    while (db_row(s, q))
        if ((queue = queue_by_id(s, col_int(q, 0))))
            queue->dead++;
}

static void query_queues(Store *s, StoreOp *op, Table *t) {
    static const char *const numbers[] = { "event", "emergency", "priority", "routine",
                                           "bulk",  "parked",    "dead" };
    const uint32_t limit = limit_of(op, 1000);
    const char *prefix = op->query.n_args > 0 ? op->query.args[0] : "";
    table_column(t, "kind", COLUMN_TEXT);
    table_column(t, "name", COLUMN_TEXT);
    table_column(t, "waiting", COLUMN_NUMBER);
    table_column(t, "oldest_at", COLUMN_TIME);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        table_column(t, numbers[i], COLUMN_NUMBER);
    const Queue *q, *next;
    uint32_t n = 0;
    count_dead(s);
    HASH_ITER (hh_id, s->queues_by_id, q, next) {
        if (!text_starts_with(queue_name(q), prefix) || (q->waiting == 0 && q->dead == 0))
            continue;
        if (n++ == limit) {
            t->more = true;
            break;
        }
        table_text(t, queue_kind_name(q->kind));
        table_text(t, queue_name(q));
        table_number(t, (int64_t)q->waiting);
        queue_counts(s, q, t);
        table_number(t, (int64_t)q->dead);
    }
}

static void query_links(Store *s, StoreOp *op, Table *t) {
    (void)op;
    table_column(t, "neighbour", COLUMN_TEXT);
    table_column(t, "open", COLUMN_BOOL);
    table_column(t, "queued", COLUMN_NUMBER);
    table_column(t, "sent_count", COLUMN_NUMBER);
    table_column(t, "received_count", COLUMN_NUMBER);
    table_column(t, "sent_digest", COLUMN_TEXT);
    table_column(t, "received_digest", COLUMN_TEXT);
    const Link *l;
    DL_FOREACH (s->links, l) {
        table_text(t, queue_name(l->queue));
        table_number(t, l->open);
        table_number(t, (int64_t)l->queue->waiting);
        table_number(t, (int64_t)l->sent_count);
        table_number(t, (int64_t)l->received_count);
        table_uuid(t, &l->sent_digest);
        table_uuid(t, &l->received_digest);
    }
}

static void query_subscriptions(Store *s, StoreOp *op, Table *t) {
    (void)op;
    table_column(t, "owner", COLUMN_TEXT);
    table_column(t, "name", COLUMN_TEXT);
    table_column(t, "waiting", COLUMN_NUMBER);
    table_column(t, "blocked", COLUMN_BOOL);
    table_column(t, "overrun_at", COLUMN_TIME);
    const Subscription *sub;
    DL_FOREACH (s->subscriptions, sub) {
        table_text(t, sub->owner);
        table_text(t, sub->name);
        table_number(t, (int64_t)sub->queue->waiting);
        table_number(t, sub->blocked);
        table_number(t, sub->overrun_ms);
    }
}

/* --- messages, dead letters ----------------------------------------------------------------- */

const char *message_state(Store *s, const StoredMessage *m) {
    DeliveryRow row;
    if (message_has_row(s, m, &row))
        return "WAITING";
    if (db_number(s, QUERY(s, "SELECT 1 FROM dead_letter WHERE seq = ?1 LIMIT 1", INT(m->seq)), 0))
        return "DEAD";
    for (uint32_t i = 0; receipt_applies(m->kind) && i < m->route.n; i++)
        if (!(m->route.list[i].flags & ROUTE_SCOPE_HOP) &&
            outcome_level(s, m->seq, m->route.list[i].node) == LEVEL_NONE)
            return "HANDED"; /* over a link: the neighbour's turn */
    return "DONE";
}

static void query_messages(Store *s, StoreOp *op, Table *t) {
    const uint32_t limit = limit_of(op, 100);
    table_column(t, "message_id", COLUMN_TEXT);
    table_column(t, "kind", COLUMN_TEXT);
    table_column(t, "sender", COLUMN_TEXT);
    table_column(t, "lane", COLUMN_TEXT);
    table_column(t, "accepted_at", COLUMN_TIME);
    table_column(t, "state", COLUMN_TEXT);
    int64_t seq = s->next_seq;
    for (uint32_t i = 0; i < limit; i++) {
        _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
        char kind[16];
        seq = db_number(s,
                        QUERY(s,
                              "SELECT seq FROM message WHERE seq < ?1 "
                              "ORDER BY seq DESC LIMIT 1",
                              INT(seq)),
                        0);
        if (seq == 0)
            break;
        const bool known = message_load(s, seq, &m);
        if (!known)
            (void)dedup_find_id(s, seq, &m.id);
        table_uuid(t, &m.id);
        table_text(t, known ? kind_text(m.kind, kind) : "");
        table_text(t, m.sender);
        table_text(t, known ? lane_name(m.lane) : "");
        table_number(t, m.accepted_ms);
        table_text(t, known ? message_state(s, &m) : "DAMAGED");
    }
}

static void dead_columns(Table *t) {
    table_column(t, "message_id", COLUMN_TEXT);
    table_column(t, "recipient", COLUMN_TEXT);
    table_column(t, "queue", COLUMN_TEXT);
    table_column(t, "cause", COLUMN_TEXT);
    table_column(t, "detail", COLUMN_TEXT);
    table_column(t, "attempts", COLUMN_NUMBER);
    table_column(t, "at", COLUMN_TIME);
    table_column(t, "kind", COLUMN_TEXT);
    table_column(t, "sender", COLUMN_TEXT);
    table_column(t, "accepted_at", COLUMN_TIME);
}

/* q: seq, recipient, queue, cause, detail, attempts, at */
static void dead_row(Store *s, sqlite3_stmt *q, Table *t) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    const Queue *queue = queue_by_id(s, col_int(q, 2));
    char kind[16];
    if (!message_load(s, col_int(q, 0), &m)) /* without its message the letter still counts */
        (void)dedup_find_id(s, col_int(q, 0), &m.id);
    table_uuid(t, &m.id);
    table_text(t, col_text(q, 1));
    table_textf(t, "%s %s", queue ? queue_kind_name(queue->kind) : "",
                queue ? queue_name(queue) : "");
    table_text(t, receipt_cause_name((int)col_int(q, 3)));
    table_text(t, col_text(q, 4));
    table_number(t, col_int(q, 5));
    table_number(t, col_int(q, 6));
    table_text(t, kind_text(m.kind, kind));
    table_text(t, m.sender);
    table_number(t, m.accepted_ms);
}

static void query_dead_list(Store *s, StoreOp *op, Table *t) {
    const uint32_t limit = limit_of(op, 1000);
    dead_columns(t);
    _query_ q = QUERY(s,
                      "SELECT seq, recipient, queue, cause, detail, attempts, at "
                      "FROM dead_letter ORDER BY seq LIMIT ?1",
                      INT((int64_t)limit + 1));
    for (uint32_t n = 0; db_row(s, q); n++) {
        if (n == limit) {
            t->more = true;
            break;
        }
        dead_row(s, q, t);
    }
}

static void query_dead_show(Store *s, StoreOp *op, Table *t) {
    Uuid id;
    dead_columns(t);
    if (op->query.n_args < 1 || uuid_parse(op->query.args[0], &id) < 0) {
        table_say(t, 2, "dead-show needs the id of a message");
        return;
    }
    _query_ q = QUERY(s,
                      "SELECT seq, recipient, queue, cause, detail, attempts, at "
                      "FROM dead_letter WHERE seq = ?1",
                      INT(dedup_find(s, &id, NULL)));
    while (db_row(s, q))
        dead_row(s, q, t);
    if (table_rows(t) == 0)
        table_say(t, 1, "no dead letter of this message");
}

/* --- verbs ---------------------------------------------------------------------------------- */

void run_query(Store *s, StoreOp *op) {
    static const struct {
        const char *verb;
        void (*run)(Store *s, StoreOp *op, Table *t);
    } verbs[] = {
        { "status", query_status },
        { "queues", query_queues },
        { "trace", query_trace },
        { "messages", query_messages },
        { "dead-list", query_dead_list },
        { "dead-show", query_dead_show },
        { "outcome", query_outcome },
        { "node-list", query_node_list },
        { "node-show", query_node_show },
        { "links", query_links },
        { "check", query_check },
        { "subscriptions", query_subscriptions },
        { "item", query_item },
        { "item-history", query_history },
        { "item-due", query_item_due },
        { "item-receipts", query_item_receipts },
        { "worklist", query_worklist },
        { "due", query_due },
        { "report", query_report },
        { "unacknowledged", query_unacknowledged },
        { "resolve", query_resolve },
        { "directory-keys", query_directory_keys },
        { "node-log", query_node_log },
        { "node-at", query_node_at },
        { "node-diff", query_node_diff },
        { "enrol-list", query_enrolments },
        { "key-asked", query_key_asked },
        { "ledger-info", query_ledger_info },
        { "ledger-blocks", query_ledger_blocks },
        { "ledger-proofs", query_ledger_proofs },
        { "ledger-newest", query_ledger_newest },
        { "ledger-head", query_ledger_head },
        { "ledger-witness", query_ledger_witness },
        { "ledger-countersigned", query_ledger_countersigned },
        { "ledger-forget", query_ledger_forget },
        { "ledger-prune", query_ledger_prune },
    };
    op->query.table = table_free(op->query.table);
    Table *t = op->query.table = table_new();
    if (!t) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    size_t i = 0;
    while (i < ARRAY_SIZE(verbs) && strcmp(verbs[i].verb, op->query.verb) != 0)
        i++;
    if (i < ARRAY_SIZE(verbs))
        verbs[i].run(s, op, t);
    else
        table_say(t, 2, "unknown verb %s", op->query.verb);
    if (t->failed)
        db_fault(s, -ENOMEM, "out of memory");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The story of a message: notes on the trail, and all that is known in order of time. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "store/internal.h"
#include "store/message.h"
#include "store/queue.h"
#include "store/subscription.h"
#include "store/trace.h"

#define TRACE_MESSAGES_MAX 256U
#define TRACE_STEPS_MAX    5000U /* an alert to thousands: more does not fit into one answer */

void trail_add(Store *s, int64_t seq, const char *step, const char *who, const char *note) {
    if (RUN(s,
            "INSERT INTO trail(seq, n, at, step, who, note) VALUES(?1, 1, ?2, ?3, ?4, ?5) "
            "ON CONFLICT DO NOTHING", /* mostly it is the only one, and need not be looked for */
            INT(seq), INT(s->now_ms), TEXT(step), TEXT(who), TEXT(note)) > 0)
        return;
    RUN(s,
        "INSERT INTO trail(seq, n, at, step, who, note) VALUES(?1,"
        " (SELECT coalesce(max(n), 0) + 1 FROM trail WHERE seq = ?1), ?2, ?3, ?4, ?5)",
        INT(seq), INT(s->now_ms), TEXT(step), TEXT(who), TEXT(note));
}

void trail_add_heard(Store *s, int64_t seq, const char *step, const char *who, const char *note) {
    if (db_number(s, QUERY(s, "SELECT max(n) FROM trail WHERE seq = ?1", INT(seq)), 0) <
        TRAIL_HEARD_MAX)
        trail_add(s, seq, step, who, note);
}

typedef struct Told {
    int64_t at_ms;
    uint32_t order; /* of finding: ties keep it */
    Uuid id;
    char step[32], who[NODE_NAME_SIZE + SUBSCRIPTION_SIZE], note[REASON_TEXT_MAX + 128];
} Told;

typedef struct Story {
    Told *list;
    uint32_t n, room;
    bool more;
} Story;

static void story_deinit(Story *story) {
    free(story->list);
}

_printf_(7, 8) static void tell(Store *s, Story *story, const Uuid *id, int64_t at_ms,
                                const char *step, const char *who, const char *format, ...) {
    if (story->n == TRACE_STEPS_MAX) {
        story->more = true;
        return;
    }
    if (story->n == story->room) {
        const uint32_t room = story->room > 0 ? 2 * story->room : 32;
        Told *list = reallocarray(story->list, room, sizeof(*list));
        if (!list) {
            db_fault(s, -ENOMEM, "out of memory");
            return;
        }
        story->list = list;
        story->room = room;
    }
    Told *e = &story->list[story->n];
    *e = (Told) { .at_ms = at_ms, .order = story->n, .id = *id };
    text_copy(e->step, sizeof(e->step), step);
    text_copy(e->who, sizeof(e->who), who);
    va_list args;
    va_start(args, format);
    vsnprintf(e->note, sizeof(e->note), format, args);
    va_end(args);
    story->n++;
}

static int by_time(const void *a, const void *b) {
    const Told *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static const char *role_name(RecipientRole role) {
    switch (role) {
    case ROLE_ADDRESSEE:
        return "addressee";
    case ROLE_SUPERVISOR:
        return "supervisor";
    case ROLE_SUBSCRIBER:
        return "subscriber";
    case ROLE_UNSPECIFIED:
        break;
    }
    return "";
}

static void tell_acceptance(Store *s, Story *story, const StoredMessage *m) {
    const KindInfo *info = kind_info(m->kind);
    char kind[16];
    snprintf(kind, sizeof(kind), "%d", m->kind);
    for (uint32_t i = 0; i < m->n_stamps; i++)
        tell(s, story, &m->id, m->stamps[i].at_ms, "accepted", m->stamps[i].broker,
             "%s from %s, lane %s%s%s", info ? info->name : kind, m->sender, lane_name(m->lane),
             m->origin[0] != '\0' && i + 1 == m->n_stamps ? ", over link " : "",
             i + 1 == m->n_stamps ? m->origin : "");
    if (m->decision[0] != '\0')
        tell(s, story, &m->id, m->accepted_ms, "judged", s->self, "rules %s", m->decision);
    for (uint32_t i = 0; i < m->route.n; i++) {
        const RouteEntry *e = &m->route.list[i];
        const Queue *queue = queue_by_id(s, e->queue);
        const bool link = queue && queue->kind == QUEUE_LINK;
        tell(s, story, &m->id, m->accepted_ms, "routed", e->node, "%s%s%s%s", role_name(e->role),
             e->flags & ROUTE_SCOPE_HOP ? ", all in the scope beyond" : "",
             link ? ", over link " : (queue ? ", here" : ", no way known"),
             link ? queue_name(queue) : "");
    }
}

static void tell_waiting(Store *s, Story *story, const StoredMessage *m, QueueId id) {
    const Queue *queue = queue_by_id(s, id);
    DeliveryRow row;
    if (queue && queue_find_row(s, id, m->seq, &row))
        tell(s, story, &m->id, s->now_ms, "waiting", queue_name(queue),
             "lane %s, attempts %u%s%s%s", lane_name(row.lane), (unsigned)row.attempts,
             row.due_ms > s->now_ms ? ", parked" : "",
             row.flags & DELIVERY_RECALLED ? ", recall ordered" : "",
             row.flags & DELIVERY_UNCERTAIN ? ", perhaps handed over" : "");
}

static void tell_records(Store *s, Story *story, const StoredMessage *m) {
    {
        _query_ q = QUERY(s, "SELECT at, step, who, note FROM trail WHERE seq = ?1 ORDER BY n",
                          INT(m->seq));
        while (!story->more && db_row(s, q))
            tell(s, story, &m->id, col_int(q, 0), col_text(q, 1), col_text(q, 2), "%s",
                 col_text(q, 3));
    }
    _query_ q = QUERY(s,
                      "SELECT said_at, level, recipient, cause, leg, detail FROM outcome "
                      "WHERE seq = ?1 AND level > 0",
                      INT(m->seq));
    while (db_row(s, q)) {
        const char *cause = receipt_cause_name((int)col_int(q, 3));
        tell(s, story, &m->id, col_int(q, 0), receipt_level_name((int)col_int(q, 1)),
             col_text(q, 2), "%s%ssaid by %s%s%s", cause, cause[0] != '\0' ? ", " : "",
             col_text(q, 4), sqlite3_column_bytes(q, 5) > 0 ? ": " : "", col_text(q, 5));
    }
}

static void tell_message(Store *s, Story *story, int64_t seq) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    if (!message_load(s, seq, &m))
        return;
    tell_acceptance(s, story, &m);
    tell_records(s, story, &m);
    QueueId last = 0;
    for (uint32_t i = 0; i < m.route.n; i++) {
        if (m.route.list[i].queue != last)
            tell_waiting(s, story, &m, m.route.list[i].queue);
        last = m.route.list[i].queue;
    }
    const Subscription *sub;
    DL_FOREACH (s->subscriptions, sub)
        tell_waiting(s, story, &m, sub->queue->id);
}

/* All messages of a case; returns how many. */
static uint32_t tell_case(Store *s, Story *story, const Uuid *id) {
    int64_t list[TRACE_MESSAGES_MAX];
    uint32_t n = 0;
    Envelope *e = calloc(1, sizeof(*e));
    if (!e) {
        db_fault(s, -ENOMEM, "out of memory");
        return 0;
    }
    e->case_id = *id;
    const int64_t order_key = message_order_key(e);
    free(e);
    int64_t seq = s->next_seq; /* the youngest first */
    while (n < TRACE_MESSAGES_MAX && s->fault == 0 &&
           (seq = case_keys_next(s, order_key, seq - 1, true)) > 0)
        if (db_number(s,
                      QUERY(s,
                            "SELECT 1 FROM message WHERE seq = ?1 AND flags & ?3 AND thread = ?2",
                            INT(seq), UUID(id), INT(MESSAGE_CASED)),
                      0) == 1)
            list[n++] = seq;
    for (uint32_t i = n; i > 0 && !story->more; i--)
        tell_message(s, story, list[i - 1]);
    return n;
}

void query_trace(Store *s, StoreOp *op, Table *t) {
    _cleanup_(story_deinit) Story story = { 0 };
    Uuid id;
    table_column(t, "at", COLUMN_TIME);
    table_column(t, "message_id", COLUMN_TEXT);
    table_column(t, "step", COLUMN_TEXT);
    table_column(t, "who", COLUMN_TEXT);
    table_column(t, "note", COLUMN_TEXT);
    if (op->query.n_args < 1 || uuid_parse(op->query.args[0], &id) < 0) {
        table_say(t, 2, "trace needs the id of a message or a case");
        return;
    }
    const int64_t seq = dedup_find(s, &id, NULL);
    if (seq > 0)
        tell_message(s, &story, seq);
    if (story.n == 0 && tell_case(s, &story, &id) == 0) {
        table_say(t, 1, "no such message or case");
        return;
    }
    t->more = story.more;
    if (story.n > 1)
        qsort(story.list, story.n, sizeof(Told), by_time);
    for (uint32_t i = 0; i < story.n; i++) {
        const Told *e = &story.list[i];
        table_number(t, e->at_ms);
        table_uuid(t, &e->id);
        table_text(t, e->step);
        table_text(t, e->who);
        table_text(t, e->note);
    }
}

static void outcome_row(Store *s, Table *t, const StoredMessage *m, const char *node,
                        RecipientRole role) {
    _query_ q = QUERY(s,
                      "SELECT level, cause, said_at, leg, attempts FROM outcome "
                      "WHERE seq = ?1 AND recipient = ?2",
                      INT(m->seq), TEXT(node));
    const bool known = db_row(s, q) && col_int(q, 0) != LEVEL_NONE;
    table_text(t, node);
    table_text(t, role_name(role));
    table_text(t, known ? receipt_level_name((int)col_int(q, 0)) : "PENDING");
    table_text(t, known ? receipt_cause_name((int)col_int(q, 1)) : "");
    table_number(t, known ? col_int(q, 2) : 0);
    table_text(t, known ? col_text(q, 3) : "");
    table_number(t, known ? col_int(q, 4) : 0);
}

/* Outcomes of recipients that are not in the route: a scope beyond a link, a redirection there. */
static void outcome_others(Store *s, Table *t, const StoredMessage *m) {
    char last[NODE_NAME_SIZE] = "";
    for (;;) {
        char before[NODE_NAME_SIZE];
        memcpy(before, last, sizeof(before));
        {
            _query_ q = QUERY(s,
                              "SELECT recipient FROM outcome WHERE seq = ?1 AND recipient > ?2 "
                              "ORDER BY recipient LIMIT 1",
                              INT(m->seq), TEXT(last));
            if (!db_row(s, q))
                return;
            text_copy(last, sizeof(last), col_text(q, 0));
        }
        if (strcmp(last, before) <= 0)
            return; /* a row that names nobody would be found again and again */
        if (!route_find(&m->route, last))
            outcome_row(s, t, m, last, ROLE_UNSPECIFIED);
    }
}

/* What became of a message is kept for longer than the message; who sent it is not, so that nobody
 * but an operator may ask. */
static bool outcome_of_purged(Store *s, const StoreOp *op, Table *t, int64_t seq) {
    const StoredMessage gone = { .seq = seq };
    if (op->query.authority[0] == '\0')
        outcome_others(s, t, &gone);
    return table_rows(t) > 0;
}

void query_outcome(Store *s, StoreOp *op, Table *t) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    Uuid id;
    table_column(t, "recipient", COLUMN_TEXT);
    table_column(t, "role", COLUMN_TEXT);
    table_column(t, "level", COLUMN_TEXT);
    table_column(t, "cause", COLUMN_TEXT);
    table_column(t, "said_at", COLUMN_TIME);
    table_column(t, "leg", COLUMN_TEXT);
    table_column(t, "attempts", COLUMN_NUMBER);
    if (op->query.n_args < 1 || uuid_parse(op->query.args[0], &id) < 0) {
        table_say(t, 2, "outcome needs the id of a message");
        return;
    }
    const int64_t seq = dedup_find(s, &id, NULL);
    if (seq == 0 || !message_load(s, seq, &m)) {
        if (seq > 0 && s->load_damaged)
            table_say(t, 1, "DAMAGED");
        else if (seq == 0 || !outcome_of_purged(s, op, t, seq))
            table_say(t, 1, "NO_SUCH_MESSAGE");
        return;
    }
    if (op->query.authority[0] != '\0' && strcmp(op->query.authority, m.sender) != 0) {
        table_say(t, 1, "NOT_YOURS");
        return;
    }
    for (uint32_t i = 0; i < m.route.n; i++)
        if (!(m.route.list[i].flags & ROUTE_SCOPE_HOP))
            outcome_row(s, t, &m, m.route.list[i].node, m.route.list[i].role);
    outcome_others(s, t, &m);
}

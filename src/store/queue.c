/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and the delivery rows in them. */
#include <errno.h>

#include "base/text.h"
#include "store/load.h"
#include "store/message.h"
#include "store/op.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/run.h"

/* --- the cache ------------------------------------------------------------------------------ */

static size_t queue_key(char ret[static QUEUE_KEY_SIZE], QueueKind kind, const char *name) {
    ret[0] = (char)('0' + (int)kind);
    (void)text_copy(ret + 1, QUEUE_KEY_SIZE - 1, name);
    return strlen(ret);
}

static Queue *queue_add(Store *s, QueueId id, QueueKind kind, const char *name) {
    Queue *q = calloc(1, sizeof(*q));
    if (!q) {
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    q->id = id;
    q->kind = kind;
    const size_t n = queue_key(q->key, kind, name);
    HASH_ADD_KEYPTR(hh_key, s->queues_by_key, q->key, n, q);
    HASH_ADD(hh_id, s->queues_by_id, id, sizeof(q->id), q);
    if (q->hh_key.tbl && q->hh_id.tbl)
        return q;
    if (q->hh_key.tbl)
        HASH_DELETE(hh_key, s->queues_by_key, q);
    if (q->hh_id.tbl)
        HASH_DELETE(hh_id, s->queues_by_id, q);
    free(q);
    db_fault(s, -ENOMEM, "out of memory");
    return NULL;
}

static void queue_forget(Store *s, Queue *q) {
    HASH_DELETE(hh_key, s->queues_by_key, q);
    HASH_DELETE(hh_id, s->queues_by_id, q);
    free(q);
}

void queues_load(Store *s) {
    {
        _query_ q = QUERY(s, "SELECT id, kind, name FROM queue WHERE id > ?1", INT(0));
        while (db_row(s, q)) {
            const int64_t kind = col_int(q, 1);
            if (kind >= QUEUE_MAILBOX && kind <= QUEUE_LINK) /* else nobody can ask for it */
                queue_add(s, col_int(q, 0), (QueueKind)kind, col_text(q, 2));
        }
    }
    _query_ q =
        QUERY(s, "SELECT queue, count(*) FROM delivery WHERE queue > ?1 GROUP BY queue", INT(0));
    while (db_row(s, q)) {
        Queue *queue = queue_by_id(s, col_int(q, 0));
        if (queue)
            queue->waiting = (uint64_t)col_int(q, 1);
    }
}

void queues_drop(Store *s) {
    Queue *q, *next;
    HASH_ITER (hh_id, s->queues_by_id, q, next)
        queue_forget(s, q);
}

Queue *queue_find(Store *s, QueueKind kind, const char *name) {
    char key[QUEUE_KEY_SIZE];
    Queue *q = NULL;
    const size_t n = queue_key(key, kind, name);
    HASH_FIND(hh_key, s->queues_by_key, key, n, q);
    return q;
}

Queue *queue_get(Store *s, QueueKind kind, const char *name) {
    Queue *q = queue_find(s, kind, name);
    if (q)
        return q;
    RUN(s, "INSERT INTO queue(kind, name) VALUES(?1, ?2)", INT(kind), TEXT(name));
    return s->fault < 0 ? NULL : queue_add(s, sqlite3_last_insert_rowid(s->db), kind, name);
}

Queue *queue_by_id(const Store *s, QueueId id) {
    Queue *q = NULL;
    HASH_FIND(hh_id, s->queues_by_id, &id, sizeof(id), q);
    return q;
}

void queue_remove(Store *s, Queue *q) {
    RUN(s, "DELETE FROM delivery WHERE queue = ?1", INT(q->id));
    RUN(s, "DELETE FROM dead_letter WHERE queue = ?1", INT(q->id));
    RUN(s, "DELETE FROM queue WHERE id = ?1", INT(q->id));
    queue_forget(s, q);
    if (s->any_dead)
        quota_count_dead(s);
}

void run_queue(Store *s, StoreOp *op) {
    const Queue *q = queue_get(s, op->queue.kind, op->queue.name);
    op->queue.id = q ? q->id : 0;
    op->queue.queued = q ? q->waiting : 0;
}

/* --- rows ----------------------------------------------------------------------------------- */

/* Rows of one (queue, order_key) always share a lane, so looking at one of them is enough to know
 * whether the new one overtakes them: then they come along. */
static Lane lift(Store *s, const NewDelivery *d, bool *ret_lifted) {
    *ret_lifted = false;
    DeliveryRow row;
    if (d->queue->waiting == 0 ||
        !case_may_wait_elsewhere(s, d->queue->id, d->order_key, d->lane) ||
        !case_next(s, d->queue->id, d->order_key, 0, &row))
        return d->lane;
    if (row.lane <= d->lane)
        return row.lane;
    do {
        RUN(s, "UPDATE delivery SET lane = ?4 WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
            INT(row.queue), INT(row.lane), INT(row.seq), INT(d->lane));
        case_count_lifted(s, &row, d->lane);
        *ret_lifted = true;
    } while (s->fault == 0 && case_next(s, d->queue->id, d->order_key, row.seq, &row));
    return d->lane;
}

void queue_deliver(Store *s, StoreOp *op, const NewDelivery *d) {
    if (s->fault < 0)
        return;
    bool lifted;
    const DeliveryRow row = {
        .queue = d->queue->id,
        .seq = d->seq,
        .order_key = d->order_key,
        .lane = lift(s, d, &lifted),
        .flags = d->flags,
        .expires_ms = d->expires_ms,
        .size = d->size,
    };
    RUN(s, "INSERT INTO delivery(" ROW_COLUMNS ",since) VALUES(?1,?2,?3,?4,0,?5,0,?6,?7,?8)",
        INT(row.queue), INT(row.lane), INT(row.seq), INT(row.order_key), INT(row.flags),
        INT(row.expires_ms), INT(row.size), INT(d->since_ms));
    d->queue->waiting++;
    case_count_up(s, &row);
    Deposit *deposit = op_add_deposit(s, op, &row, d->body, lifted);
    if (!deposit || !d->body || !d->message || d->queue->kind != QUEUE_LINK)
        return;
    deposit->forward = forward_for(s, d->message, &row, true);
    deposit->message_id = d->message->id;
}

void queue_read_row(sqlite3_stmt *q, DeliveryRow *ret) {
    *ret = (DeliveryRow) {
        .queue = col_int(q, 0),
        .lane = (Lane)col_int(q, 1),
        .seq = col_int(q, 2),
        .order_key = col_int(q, 3),
        .attempts = (uint32_t)col_int(q, 4),
        .flags = (uint32_t)col_int(q, 5),
        .due_ms = col_int(q, 6),
        .expires_ms = col_int(q, 7),
        .size = (uint32_t)col_int(q, 8),
    };
}

bool queue_row_at(Store *s, QueueId queue, Lane lane, int64_t seq, DeliveryRow *ret) {
    _query_ q = QUERY(s,
                      "SELECT " ROW_COLUMNS " FROM delivery "
                      "WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
                      INT(queue), INT(lane), INT(seq));
    if (!db_row(s, q))
        return false;
    queue_read_row(q, ret);
    return true;
}

/* Lane by lane: with a list of them SQLite makes a table of it for each look. */
bool queue_find_row(Store *s, QueueId queue, int64_t seq, DeliveryRow *ret) {
    for (int lane = LANE_COUNT - 1; lane >= 0; lane--)
        if (queue_row_at(s, queue, (Lane)lane, seq, ret))
            return true;
    return false;
}

void queue_join(Store *s, const DeliveryRow *row) {
    s->any_joined = true;
    RUN(s, "UPDATE delivery SET flags = ?4 WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
        INT(row->queue), INT(row->lane), INT(row->seq), INT(row->flags | DELIVERY_JOINED));
}

bool queue_remove_row(Store *s, const DeliveryRow *row) {
    const int n = RUN(s, "DELETE FROM delivery WHERE queue = ?1 AND lane = ?2 AND seq = ?3",
                      INT(row->queue), INT(row->lane), INT(row->seq));
    Queue *q = queue_by_id(s, row->queue);
    if (n == 0)
        return false;
    case_count_down(s, row);
    if (q && q->waiting > 0)
        q->waiting--;
    return true;
}

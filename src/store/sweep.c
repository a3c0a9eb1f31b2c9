/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OP_SWEEP: a walk over all deliveries in the order of their key, a chunk at a time, looking for
 * those that time, a recall order or the new home of their node asks something of. It only reads:
 * the caller answers each hit with an OP_DELIVERY, unless the delivery is out.
 */
#include <errno.h>

#include "store/internal.h"
#include "store/move.h"
#include "store/queue.h"
#include "store/run.h"

#define SWEEP_MAX 1024U

/* How long a message may wait for its recipient before the sender and the recipient's superior hear
 * of it (domain 4.7). */
static int64_t delay_allowed(const Store *s, Lane lane) {
    static const int urgency[LANE_COUNT] = { URGENCY_EVENT, URGENCY_EMERGENCY, URGENCY_PRIORITY,
                                             URGENCY_ROUTINE, URGENCY_ROUTINE };
    const TimerPolicy *policy = s->config.timers ? s->config.timers : &timer_policy;
    const TimerTerm *t = timer_term(policy, TIMER_DELIVERY, urgency[lane], 0);
    const int64_t days = t ? t->days + t->work_days : 0;
    const int64_t term = t ? t->minutes * MINUTE_MS + days * DAY_MS : INT64_MAX;
    return term > 0 ? MIN(term, s->config.delay_warning_ms) : s->config.delay_warning_ms;
}

static DeliveryAction due_action(const Store *s, const DeliveryRow *row, QueueKind kind, bool moves,
                                 int64_t since_ms) {
    const bool uncertain = kind == QUEUE_LINK && (row->flags & DELIVERY_UNCERTAIN);
    if ((row->flags & DELIVERY_RECALLED) && !uncertain)
        return ACTION_RECALL;
    /* What may have been handed over is the neighbour's to expire. */
    if (row->expires_ms <= s->now_ms)
        return uncertain ? 0 : ACTION_EXPIRE;
    if (moves)
        return ACTION_MOVE;
    if (!(row->flags & DELIVERY_WARNED_EXPIRY) &&
        s->now_ms - since_ms >= (row->expires_ms - since_ms) / 5 * 4)
        return ACTION_WARN_EXPIRY;
    if (!(row->flags & DELIVERY_WARNED_DELAY) && s->config.delay_warning_ms > 0 &&
        s->now_ms - since_ms >= delay_allowed(s, row->lane))
        return ACTION_WARN_DELAY;
    return 0;
}

void run_sweep(Store *s, StoreOp *op) {
    const uint32_t limit = MIN(op->sweep.limit, SWEEP_MAX);
    QueueId of = 0; /* the queue that moves is about */
    bool moves = false;
    uint32_t seen = 0;
    free(op->sweep.hits);
    op->sweep.n = 0;
    op->sweep.end = false;
    op->sweep.hits = calloc(MAX(limit, 1U), sizeof(*op->sweep.hits));
    if (!op->sweep.hits) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    _query_ q = QUERY(s,
                      "SELECT " ROW_COLUMNS ",since FROM delivery "
                      "WHERE (queue, lane, seq) > (?1, ?2, ?3) AND lane BETWEEN 0 AND ?5 "
                      "ORDER BY queue, lane, seq LIMIT ?4",
                      INT(op->sweep.queue), INT(op->sweep.lane), INT(op->sweep.seq), INT(limit),
                      INT(LANE_COUNT - 1)); /* what is in none is found by a check */
    while (seen < limit && db_row(s, q)) {
        struct SweepHit hit;
        queue_read_row(q, &hit.row);
        const Queue *queue = queue_by_id(s, hit.row.queue);
        hit.queue_kind = queue ? queue->kind : 0;
        if (of != hit.row.queue)
            moves = queue && move_hop(s, queue);
        of = hit.row.queue;
        const int64_t since_ms = MIN(MAX(col_int(q, 9), INT64_C(0)), s->now_ms);
        hit.action = due_action(s, &hit.row, hit.queue_kind, moves, since_ms);
        if (hit.action != 0)
            op->sweep.hits[op->sweep.n++] = hit;
        op->sweep.queue = hit.row.queue;
        op->sweep.lane = hit.row.lane;
        op->sweep.seq = hit.row.seq;
        seen++;
    }
    if (seen == limit && limit > 0)
        return;
    op->sweep.end = true;
    op->sweep.queue = op->sweep.seq = 0;
    op->sweep.lane = LANE_EVENT;
}

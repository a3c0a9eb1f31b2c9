/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sweep: looks through all waiting deliveries, a bounded piece at a time, for those that expired,
 * expire soon, are late, were recalled or have to go to another broker. What is out or at work in
 * the store is left alone: it comes back or is settled first.
 */

#include <errno.h>

#include "broker/batch.h"
#include "broker/clock.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/sweep.h"

#define SWEEP_ROWS 1000U

static int sweep_ask(Broker *b, StoreOp *cursor) {
    StoreOp *op = op_for(OP_SWEEP, 0, NULL);
    if (!op)
        return -ENOMEM;
    if (cursor) {
        op->sweep.queue = cursor->sweep.queue;
        op->sweep.lane = cursor->sweep.lane;
        op->sweep.seq = cursor->sweep.seq;
    }
    op->sweep.limit = SWEEP_ROWS;
    broker_push(b, op);
    return 0;
}

int sweep_tick(Broker *b, Now now) {
    if (b->sweeping || now.mono_ms < b->sweep_mono_ms)
        return 0;
    b->sweeping = true;
    b->sweep_mono_ms = now.mono_ms + b->config.sweep_ms;
    return sweep_ask(b, NULL);
}

static int act(Broker *b, const DeliveryRow *row, QueueKind kind, DeliveryAction action) {
    Feed *q = feed_get(b, row->queue);
    Entry *e = q ? window_find(&q->window, row->order_key, row->seq) : NULL;
    DeliveryRow target = *row;
    if (e) {
        if (action == ACTION_RECALL)
            e->row.flags |= DELIVERY_RECALLED;
        if (e->state == ENTRY_OUT || e->state == ENTRY_BUSY || e->row.flags & DELIVERY_UNCERTAIN)
            return 0;
        window_withdraw(&q->window, e);
        if (action == ACTION_WARN_EXPIRY)
            e->row.flags |= DELIVERY_WARNED_EXPIRY;
        if (action == ACTION_WARN_DELAY)
            e->row.flags |= DELIVERY_WARNED_DELAY;
        target = e->row;
    }
    ReceiptCause cause = action == ACTION_EXPIRE   ? expiry_cause(&target, kind)
                         : action == ACTION_RECALL ? CAUSE_RECALLED_BY_SENDER
                         : kind == QUEUE_LINK      ? CAUSE_LINK_DOWN
                                                   : CAUSE_NONE;
    return delivery_op(b, q, &target, kind, action, cause, "", NULL, 0);
}

int sweep_recall(Broker *b, const DeliveryRow *row, QueueKind kind) {
    return act(b, row, kind, ACTION_RECALL);
}

int sweep_done(Broker *b, Now now, StoreOp *op) {
    const bool doubted = clock_is_doubted(b, now);
    for (uint32_t i = 0; i < op->sweep.n; i++) {
        const struct SweepHit *hit = &op->sweep.hits[i];
        if (doubted && hit->action != ACTION_RECALL && hit->action != ACTION_MOVE)
            continue; /* found again, if it is so */
        int r = act(b, &hit->row, hit->queue_kind, hit->action);
        if (r < 0)
            return r;
    }
    if (op->sweep.end) {
        b->sweeping = false;
        return 0;
    }
    return sweep_ask(b, op);
}

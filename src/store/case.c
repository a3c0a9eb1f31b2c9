/* SPDX-License-Identifier: Apache-2.0 */
#include "store/case.h"

#include <errno.h>

#include "store/internal.h"
#include "store/queue.h"

#define CELLS    (1U << 22) /* one byte each; pages never touched take no memory */
#define CELL_MAX 255        /* reached once, it stays: too many is safe, too few is not */

struct CaseSketch {
    uint32_t n_gone, room_gone;
    uint32_t *gone;           /* cells of rows this transaction took away */
    uint8_t cells[2 * CELLS]; /* in turns: of all rows; of those outside the usual lane */
};

CaseSketch *case_sketch_free(CaseSketch *c) {
    if (c)
        free(c->gone);
    free(c);
    return NULL;
}

/* Order keys are hashes already; queues are small numbers. */
static uint32_t cell_of(QueueId queue, int64_t order_key) {
    const uint64_t mixed = ((uint64_t)order_key ^ (uint64_t)queue * UINT64_C(0x9e3779b97f4a7c15)) *
                           UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(mixed >> 42) * 2;
}
_Static_assert(CELLS == 1U << (64 - 42), "all bits of cell_of()");
#define OUTSIDE 1U /* behind cell_of() */

/* Most of a queue's rows are in this one; who waits there with the same case is in no other. */
static Lane usual_lane(const Store *s, QueueId queue) {
    const Queue *q = queue_by_id(s, queue);
    return q && q->kind == QUEUE_RECEIPTS ? LANE_PRIORITY : LANE_ROUTINE;
}

static void count_up(CaseSketch *c, uint32_t cell) {
    if (c->cells[cell] < CELL_MAX)
        c->cells[cell]++;
}

static void count_down(CaseSketch *c, uint32_t cell) {
    if (c->n_gone == c->room_gone) {
        const uint32_t room = c->room_gone > 0 ? 2 * c->room_gone : 1024;
        uint32_t *gone = reallocarray(c->gone, room, sizeof(*gone));
        if (!gone)
            return; /* counted as waiting until the next start */
        c->gone = gone;
        c->room_gone = room;
    }
    c->gone[c->n_gone++] = cell;
}

void case_count_up(Store *s, const DeliveryRow *row) {
    const uint32_t cell = cell_of(row->queue, row->order_key);
    count_up(s->cases, cell);
    if (row->lane != usual_lane(s, row->queue))
        count_up(s->cases, cell + OUTSIDE);
}

void case_count_down(Store *s, const DeliveryRow *row) {
    const uint32_t cell = cell_of(row->queue, row->order_key);
    count_down(s->cases, cell);
    if (row->lane != usual_lane(s, row->queue))
        count_down(s->cases, cell + OUTSIDE);
}

void case_count_lifted(Store *s, const DeliveryRow *row, Lane lane) {
    const uint32_t cell = cell_of(row->queue, row->order_key) + OUTSIDE;
    const Lane usual = usual_lane(s, row->queue);
    if (row->lane != usual && lane == usual)
        count_down(s->cases, cell);
    else if (row->lane == usual && lane != usual)
        count_up(s->cases, cell);
}

bool case_may_wait_elsewhere(const Store *s, QueueId queue, int64_t order_key, Lane lane) {
    const uint32_t cell = cell_of(queue, order_key);
    return s->cases->cells[lane == usual_lane(s, queue) ? cell + OUTSIDE : cell] > 0;
}

void cases_committed(Store *s) {
    CaseSketch *c = s->cases;
    for (uint32_t i = 0; i < c->n_gone; i++) {
        uint8_t *cell = &c->cells[c->gone[i]];
        if (*cell > 0 && *cell < CELL_MAX)
            --*cell;
    }
    c->n_gone = 0;
}

void cases_rolled_back(Store *s) {
    s->cases->n_gone = 0;
    case_keys_forget(s);
}

void cases_load(Store *s) {
    s->cases = case_sketch_free(s->cases);
    s->cases = calloc(1, sizeof(*s->cases));
    if (!s->cases) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    _query_ q =
        QUERY(s, "SELECT queue, order_key, lane, flags FROM delivery WHERE queue > ?1", INT(0));
    while (db_row(s, q)) {
        case_count_up(s, &(DeliveryRow) { .queue = col_int(q, 0),
                                          .order_key = col_int(q, 1),
                                          .lane = (Lane)col_int(q, 2) });
        s->any_joined = s->any_joined || (col_int(q, 3) & DELIVERY_JOINED);
    }
}

/* Number of the oldest row of a queue; INT64_MAX when it is empty. */
static int64_t oldest(Store *s, QueueId queue) {
    int64_t first = INT64_MAX;
    for (int lane = 0; lane < LANE_COUNT; lane++)
        first = MIN(first, db_number(s,
                                     QUERY(s,
                                           "SELECT seq FROM delivery "
                                           "WHERE queue = ?1 AND lane = ?2 ORDER BY seq LIMIT 1",
                                           INT(queue), INT(lane)),
                                     INT64_MAX));
    return first;
}

bool case_next(Store *s, QueueId queue, int64_t order_key, int64_t after_seq, DeliveryRow *ret) {
    if (s->cases->cells[cell_of(queue, order_key)] == 0)
        return false;
    const int64_t first = oldest(s, queue);
    if (first == INT64_MAX)
        return false;
    int64_t seq = MAX(after_seq, first - 1);
    while (s->fault == 0 && (seq = case_keys_next(s, order_key, seq + 1, false)) > 0)
        if (queue_find_row(s, queue, seq, ret) && ret->order_key == order_key)
            return true;
    return false;
}

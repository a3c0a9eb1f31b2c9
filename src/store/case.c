/* SPDX-License-Identifier: Apache-2.0 */
#include "store/case.h"

#include <errno.h>

#include "store/private.h"

#define CELLS    (1U << 22) /* one byte each; pages never touched take no memory */
#define CELL_MAX 255        /* reached once, it stays: too many is safe, too few is not */

struct CaseSketch {
    uint32_t n_gone, room_gone;
    uint32_t *gone;           /* cells of rows this transaction took away */
    uint8_t cells[2 * CELLS]; /* of all rows; of those outside LANE_ROUTINE */
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
    return (uint32_t)(mixed >> 42);
}
_Static_assert(CELLS == 1U << (64 - 42), "all bits of cell_of()");

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
    if (row->lane != LANE_ROUTINE)
        count_up(s->cases, CELLS + cell);
}

void case_count_down(Store *s, const DeliveryRow *row) {
    const uint32_t cell = cell_of(row->queue, row->order_key);
    count_down(s->cases, cell);
    if (row->lane != LANE_ROUTINE)
        count_down(s->cases, CELLS + cell);
}

void case_count_lifted(Store *s, const DeliveryRow *row, Lane lane) {
    const uint32_t cell = CELLS + cell_of(row->queue, row->order_key);
    if (row->lane != LANE_ROUTINE && lane == LANE_ROUTINE)
        count_down(s->cases, cell);
    else if (row->lane == LANE_ROUTINE && lane != LANE_ROUTINE)
        count_up(s->cases, cell);
}

bool case_may_wait_elsewhere(const Store *s, QueueId queue, int64_t order_key, Lane lane) {
    return s->cases->cells[cell_of(queue, order_key) + (lane == LANE_ROUTINE ? CELLS : 0)] > 0;
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
    const int64_t after = MAX(after_seq, first - 1);
    for (int64_t block = (after + 1) / CASE_BLOCK;
         block <= (s->next_seq - 1) / CASE_BLOCK && s->fault == 0; block++) {
        _query_ q = QUERY(s,
                          "SELECT d.queue, d.lane, d.seq, d.order_key, d.attempts, d.flags, d.due,"
                          " d.expires, d.size FROM message m INDEXED BY message_case "
                          "CROSS JOIN delivery d ON d.queue = ?1 AND d.lane IN (0, 1, 2, 3, 4)"
                          " AND d.seq = m.seq "
                          "WHERE m.seq / 4096 = ?2 AND m.order_key = ?3 AND m.seq > ?4 "
                          "ORDER BY m.seq LIMIT 1",
                          INT(queue), INT(block), INT(order_key), INT(after));
        if (db_row(s, q)) {
            queue_read_row(q, ret);
            if (ret->seq > after) /* callers go from row to row */
                return true;
            db_fault(s, -EUCLEAN, "the deliveries of a case are out of order");
        }
    }
    return false;
}
_Static_assert(CASE_BLOCK == 4096 && LANE_COUNT == 5, "the numbers in the statement");

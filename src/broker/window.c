/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "broker/window.h"

DeliveryInfo *delivery_info_free(DeliveryInfo *i) {
    if (!i)
        return NULL;
    free(i->forward);
    free(i);
    return NULL;
}

void window_init(Window *w, size_t *cached) {
    *w = (Window) { .parked_due_ms = INT64_MAX, .cached = cached };
}

/* With what is kept beside it: a route is larger than most bodies. */
static size_t window_body_cost(const Body *body, const DeliveryInfo *info) {
    return body_size(body) + sizeof(*info) + (info && info->forward ? sizeof(*info->forward) : 0);
}

void window_drop_body(Window *w, Entry *e) {
    if (e->body) {
        *w->cached -= window_body_cost(e->body, e->info);
        e->body = body_unref(e->body);
    }
    e->info = delivery_info_free(e->info);
}

void window_set_body(Window *w, Entry *e, Body *body, DeliveryInfo *info) {
    window_drop_body(w, e);
    e->body = body;
    e->info = info;
    *w->cached += window_body_cost(body, info);
}

static void entry_free(Window *w, Entry *e) {
    window_drop_body(w, e);
    if (e->suspect)
        w->n_suspects--;
    if (e->state == ENTRY_BUSY || e->state == ENTRY_SEEKING)
        w->n_busy--;
    w->n_lane[e->row.lane]--;
    HASH_DEL(w->by_key, e);
    free(e);
}

void window_deinit(Window *w) {
    Entry *e, *tmp;
    HASH_ITER (hh, w->by_key, e, tmp) {
        entry_free(w, e);
    }
}

static int entry_cmp(const Entry *a, const Entry *b) {
    return (a->row.seq > b->row.seq) - (a->row.seq < b->row.seq);
}

static void ready_insert(Window *w, Entry *e) {
    Entry **head = &w->ready[e->row.lane];
    e->state = ENTRY_READY;
    w->n_ready[e->row.lane]++;
    /* New work is younger than everything: the tail is the usual place. */
    if (!*head || (*head)->prev->row.seq < e->row.seq)
        DL_APPEND(*head, e);
    else
        DL_INSERT_INORDER(*head, e, entry_cmp);
}

static void ready_remove(Window *w, Entry *e) {
    DL_DELETE(w->ready[e->row.lane], e);
    w->n_ready[e->row.lane]--;
}

static void parked_insert(Window *w, Entry *e) {
    e->state = ENTRY_PARKED;
    DL_APPEND(w->parked, e);
    if (e->row.due_ms < w->parked_due_ms)
        w->parked_due_ms = e->row.due_ms;
}

static Entry *entry_add(Window *w, const DeliveryRow *row) {
    Entry *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->row = *row;
    HASH_ADD(hh, w->by_key, row.order_key, sizeof(e->row.order_key), e);
    if (!e->hh.tbl) {
        free(e);
        return NULL;
    }
    w->n_lane[row->lane]++;
    if (row->due_ms > 0)
        parked_insert(w, e); /* window_wake() lets go what is due */
    else
        ready_insert(w, e);
    return e;
}

static Entry *find_key(Window *w, int64_t order_key) {
    Entry *e = NULL;
    HASH_FIND(hh, w->by_key, &order_key, sizeof(order_key), e);
    return e;
}

static void lift(Window *w, Entry *e, Lane lane) {
    bool was_ready = e->state == ENTRY_READY;
    if (was_ready)
        ready_remove(w, e);
    w->n_lane[e->row.lane]--;
    e->row.lane = lane;
    w->n_lane[lane]++;
    if (was_ready)
        ready_insert(w, e);
}

int window_deposit(Window *w, Deposit *d, DeliveryInfo **info, bool keep_body) {
    Lane lane = d->row.lane;
    Entry *e = find_key(w, d->row.order_key);
    if (e) {
        e->more++;
        if (d->lifted)
            e->more_unknown = true; /* rows beyond the old lane's cursor may have moved here */
        if (lane < e->row.lane)
            lift(w, e, lane);
        return 0;
    }
    bool full = !w->complete[lane] || w->n_lane[lane] >= WINDOW_LANE_MAX;
    if (d->lifted || (full && d->row.seq <= w->cursor[lane])) {
        /* Older rows of this case are on disk only, or this one (a dead letter that comes back) is
         * where no read looks any more: find the oldest before anything goes out. */
        e = entry_add(w, &d->row);
        if (!e)
            return -ENOMEM;
        if (e->state == ENTRY_READY)
            ready_remove(w, e);
        else
            DL_DELETE(w->parked, e);
        e->state = ENTRY_SEEKING;
        e->more_unknown = true;
        w->n_busy++;
        return 1;
    }
    if (full) {
        w->complete[lane] = false;
        return 0;
    }
    e = entry_add(w, &d->row);
    if (!e)
        return -ENOMEM;
    w->cursor[lane] = MAX(w->cursor[lane], d->row.seq);
    if (keep_body && d->body && info && *info)
        window_set_body(w, e, TAKE_PTR(d->body), TAKE_PTR(*info));
    return 0;
}

bool window_wants_load(Window *w, Lane *ret_lane, int64_t *ret_after) {
    for (Lane lane = LANE_EVENT; lane < LANE_COUNT; lane++) {
        if (w->complete[lane] || w->loading[lane] || w->n_ready[lane] >= WINDOW_LOAD / 2 ||
            w->n_lane[lane] >= WINDOW_LANE_MAX)
            continue;
        w->loading[lane] = true;
        *ret_lane = lane;
        *ret_after = w->cursor[lane];
        return true;
    }
    return false;
}

int window_loaded(Window *w, Lane lane, const DeliveryRow *rows, uint32_t n, bool end) {
    w->loading[lane] = false;
    for (uint32_t i = 0; i < n; i++) {
        Entry *e = find_key(w, rows[i].order_key);
        if (e) {
            if (e->state == ENTRY_SEEKING || e->row.seq < rows[i].seq)
                e->more++;
        } else if (!entry_add(w, &rows[i])) {
            return -ENOMEM;
        }
        w->cursor[lane] = rows[i].seq;
    }
    w->complete[lane] = end;
    return 0;
}

int window_found(Window *w, int64_t order_key, const DeliveryRow *row) {
    Entry *e = find_key(w, order_key);
    if (!e || e->state != ENTRY_SEEKING)
        return 0;
    if (!row) {
        entry_free(w, e);
        return 0;
    }
    if (e->row.lane != row->lane) {
        w->n_lane[e->row.lane]--;
        w->n_lane[row->lane]++;
    }
    e->row = *row;
    e->more -= e->more > 0;
    w->n_busy--;
    if (row->due_ms > 0)
        parked_insert(w, e);
    else
        ready_insert(w, e);
    return 0;
}

Entry *window_find(Window *w, int64_t order_key, int64_t seq) {
    Entry *e = find_key(w, order_key);
    return e && e->state != ENTRY_SEEKING && e->row.seq == seq ? e : NULL;
}

bool window_suspect_waits(const Window *w) {
    for (Lane lane = LANE_EVENT; w->n_suspects > 0 && lane < LANE_COUNT; lane++)
        if (w->ready[lane] && w->ready[lane]->suspect)
            return true;
    return false;
}

Entry *window_peek(Window *w, bool skip_suspects) {
    unsigned waiting = 0;
    Entry *first[LANE_COUNT] = { NULL };
    for (Lane lane = LANE_EVENT; lane < LANE_COUNT; lane++) {
        Entry *e = w->ready[lane];
        while (skip_suspects && e && e->suspect)
            e = e->next;
        first[lane] = e;
        if (e)
            waiting |= 1U << lane;
    }
    if (!waiting)
        return NULL;
    LanePicker trial = w->picker; /* charged by window_take(), so that a peek changes nothing */
    return first[lane_pick(&trial, waiting)];
}

void window_take(Window *w, Entry *e, EntryState state) {
    assert(e->state == ENTRY_READY);
    if (state == ENTRY_OUT)
        (void)lane_pick(&w->picker, 1U << e->row.lane); /* charges the lane */
    ready_remove(w, e);
    e->state = state;
    if (state == ENTRY_BUSY)
        w->n_busy++;
}

void window_withdraw(Window *w, Entry *e) {
    assert(e->state == ENTRY_READY || e->state == ENTRY_PARKED);
    if (e->state == ENTRY_READY)
        ready_remove(w, e);
    else
        DL_DELETE(w->parked, e);
    e->state = ENTRY_BUSY;
    w->n_busy++;
}

void window_busy(Window *w, Entry *e) {
    assert(e->state == ENTRY_OUT);
    e->state = ENTRY_BUSY;
    w->n_busy++;
}

void window_return(Window *w, Entry *e) {
    assert(e->state == ENTRY_OUT || e->state == ENTRY_BUSY);
    if (e->state == ENTRY_BUSY)
        w->n_busy--;
    ready_insert(w, e);
}

void window_park(Window *w, Entry *e) {
    assert(e->state == ENTRY_OUT || e->state == ENTRY_BUSY);
    if (e->state == ENTRY_BUSY)
        w->n_busy--;
    parked_insert(w, e);
}

bool window_gone(Window *w, Entry *e) {
    assert(e->state == ENTRY_OUT || e->state == ENTRY_BUSY);
    if (e->more == 0 && !e->more_unknown) {
        entry_free(w, e);
        return false;
    }
    window_drop_body(w, e);
    if (e->suspect) {
        e->suspect = false;
        w->n_suspects--;
    }
    if (e->state != ENTRY_BUSY)
        w->n_busy++;
    e->state = ENTRY_SEEKING;
    return true;
}

void window_wake(Window *w, int64_t wall_ms, int64_t cap_ms) {
    if (!w->parked || (wall_ms < w->parked_due_ms && w->parked_due_ms - wall_ms <= cap_ms))
        return;
    Entry *e, *tmp;
    w->parked_due_ms = INT64_MAX;
    DL_FOREACH_SAFE(w->parked, e, tmp) {
        e->row.due_ms = MIN(e->row.due_ms, wall_ms + cap_ms); /* the clock was set back */
        if (e->row.due_ms <= wall_ms) {
            DL_DELETE(w->parked, e);
            e->row.due_ms = 0;
            ready_insert(w, e);
        } else if (e->row.due_ms < w->parked_due_ms) {
            w->parked_due_ms = e->row.due_ms;
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * SETTLE: what a consumer did with deliveries. SETTLED tells it when that is on disk; tags that are
 * not out on the channel (settled before, lease run out) are told as unknown.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/consume.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/offender.h"
#include "broker/session.h"
#include "broker/settle.h"
#include "core/access.h"
#include "wire/personal.h"

static bool range_add(TagRange **list, uint32_t *n, uint32_t *room, uint64_t tag) {
    if (*n > 0 && (*list)[*n - 1].last + 1 == tag) {
        (*list)[*n - 1].last = tag;
        return true;
    }
    if (*n == *room) {
        uint32_t more = *room ? *room * 2 : 4;
        TagRange *grown = reallocarray(*list, more, sizeof(TagRange));
        if (!grown)
            return false;
        *list = grown;
        *room = more;
    }
    (*list)[(*n)++] = (TagRange) { tag, tag };
    return true;
}

static void ticket_close(Broker *b, Ticket *t) {
    Session *s = session_by_id(b, t->session_id);
    if (s && (t->n_done > 0 || t->n_unknown > 0)) {
        Frame f = { .kind = FRAME_SETTLED,
                    .settled = { .channel = t->channel,
                                 .n_done = t->n_done,
                                 .n_unknown = t->n_unknown,
                                 .done = t->done,
                                 .unknown = t->unknown } };
        (void)session_send(b, s, &f, NULL, 0);
    }
    free(t->done);
    free(t->unknown);
    free(t);
}

void ticket_done(Broker *b, Ticket *t, uint64_t tag, bool known) {
    bool kept = known ? range_add(&t->done, &t->n_done, &t->room_done, tag)
                      : range_add(&t->unknown, &t->n_unknown, &t->room_unknown, tag);
    if (!kept) { /* out of memory: a consumer that is not answered settles again */
        Session *s = session_by_id(b, t->session_id);
        if (s) {
            s->gone = true;
            b->any_gone = true;
        }
    }
    if (--t->pending == 0)
        ticket_close(b, t);
}

void channel_release(Channel *c, Entry *e) {
    HASH_DELETE(hh_tag, c->out, e);
    c->n_out--;
    c->bytes_out -= e->row.size;
    c->session->n_out--;
    c->session->account->out_bytes -= e->row.size;
}

void channel_forget(Channel *c, Entry *e) {
    channel_release(c, e);
    if (e->suspect) {
        c->alone = false;
        e->suspect = false;
        c->feed->window.n_suspects--;
    }
}

static int settle_link(Broker *b, Now now, Channel *c, Entry *e, const Settlement *st, Ticket *t) {
    Feed *q = c->feed;
    uint64_t tag = e->tag;
    switch (st->action) {
    case SETTLE_DONE:
        return delivery_op(b, q, &e->row, q->kind, ACTION_DONE, CAUSE_NONE, "", t, tag);
    case SETTLE_REJECT:
        return delivery_op(b, q, &e->row, q->kind, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN,
                           text_unless_personal(st->reason), t, tag);
    default:
        e->row.due_ms = now.wall_ms + MIN(MAX(st->after_ms, 1000U), 60000U);
        return delivery_op(b, q, &e->row, q->kind, ACTION_PARK, CAUSE_NONE, "", t, tag);
    }
}

static int settle_reject(Broker *b, Now now, Feed *q, Entry *e, const Settlement *st, Ticket *t) {
    const RetryPolicy *retry = &b->config.retry;
    uint64_t tag = e->tag;
    e->row.attempts++;
    if (st->permanent || e->row.attempts >= retry->max_attempts)
        return delivery_op(b, q, &e->row, q->kind, ACTION_DEAD, CAUSE_DEAD_REJECTED,
                           text_unless_personal(st->reason), t, tag);
    e->row.due_ms = now.wall_ms + retry_delay_ms(retry, e->row.attempts, b->io.random(b->io.data));
    return delivery_op(b, q, &e->row, q->kind, ACTION_PARK, CAUSE_DEAD_REJECTED,
                       text_unless_personal(st->reason), t, tag);
}

/* It stays out, so a frame can say it of the same tags in each of its ranges: told once a frame, or
 * a small question had an endless answer. */
static void extend(Broker *b, Now now, const Channel *c, Entry *e, const Settlement *st,
                   Ticket *t) {
    e->lease_mono_ms =
        now.mono_ms +
        (st->after_ms ? MIN((int64_t)st->after_ms, 4 * b->config.lease_ms) : b->config.lease_ms);
    if (e->extended_in == c->n_settles)
        return;
    e->extended_in = c->n_settles;
    t->pending++;
    ticket_done(b, t, e->tag, true);
}

static int settle_one(Broker *b, Now now, Channel *c, Entry *e, const Settlement *st, Ticket *t) {
    Feed *q = c->feed;
    if (st->action == SETTLE_EXTEND) {
        extend(b, now, c, e, st, t);
        return 0;
    }
    channel_forget(c, e);
    e->row.flags |= DELIVERY_HANDED;
    window_busy(&q->window, e);
    if (q->kind == QUEUE_LINK)
        return settle_link(b, now, c, e, st, t);
    switch (st->action) {
    case SETTLE_DONE:
        return delivery_op(b, q, &e->row, q->kind, ACTION_DONE, CAUSE_NONE, "", t, e->tag);
    case SETTLE_REJECT:
        return settle_reject(b, now, q, e, st, t);
    default: /* RETRY: the consumer's wish, not a failure: no attempt is counted */
        e->row.due_ms =
            now.wall_ms + (st->after_ms ? MIN((int64_t)st->after_ms, b->config.retry.cap_ms)
                                        : retry_delay_ms(&b->config.retry, MAX(e->row.attempts, 1U),
                                                         b->io.random(b->io.data)));
        return delivery_op(b, q, &e->row, q->kind, ACTION_PARK, CAUSE_NONE, "retry asked", t,
                           e->tag);
    }
}

static void range_unknown(Broker *b, Ticket *t, uint64_t first, uint64_t last) {
    if (t->n_unknown >= SETTLEMENTS_MAX)
        return; /* a peer that settles only nonsense is told of the first ranges */
    t->pending++;
    ticket_done(b, t, first, false);
    if (t->n_unknown > 0)
        t->unknown[t->n_unknown - 1].last = last;
}

static int settle_range(Broker *b, Now now, Channel *c, const Settlement *st, Ticket *t) {
    uint64_t first = st->tags.first, last = MAX(st->tags.first, st->tags.last);
    uint64_t seen = first; /* first tag not yet accounted for */
    if (first == 0 || first >= c->next_tag) {
        range_unknown(b, t, first, last);
        return 0;
    }
    last = MIN(last, c->next_tag - 1);
    /* Few are out: walk them, in tag order, instead of the range. */
    Entry *e, *tmp;
    HASH_ITER (hh_tag, c->out, e, tmp) {
        if (e->tag < first)
            continue;
        if (e->tag > last)
            break;
        if (e->tag > seen)
            range_unknown(b, t, seen, e->tag - 1);
        seen = e->tag + 1;
        int r = settle_one(b, now, c, e, st, t);
        if (r < 0)
            return r;
    }
    if (seen <= last)
        range_unknown(b, t, seen, last);
    return 0;
}

int settle_frame(Broker *b, Now now, Session *s, const Frame *f) {
    uint32_t id = f->settle.channel;
    Channel *c = id >= 1 && id <= CHANNELS_MAX ? s->channels[id] : NULL;
    if (!c || !c->feed) {
        session_error(b, s, ERROR_BAD_CHANNEL, id, false, "no such channel");
        return offender_idle(b, now, s);
    }
    char missing[RIGHT_USE_TEXT_SIZE];
    if (!rights_allow_channel(&s->rights, RIGHT_SETTLE, c->source, c->filter, missing)) {
        /* It would hold what it can never settle. */
        int r = session_denied(b, now, s, id, missing);
        return r < 0 ? r : channel_close(b, now, c, SESSION_ORDERLY);
    }
    Ticket *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->session_id = s->id;
    t->channel = id;
    t->pending = 1; /* ours, until all of the frame is handed to the store */
    c->n_settles++;
    for (uint32_t i = 0; i < f->settle.n; i++) {
        int r = settle_range(b, now, c, &f->settle.settlements[i], t);
        if (r < 0)
            return r; /* out of memory: the process stops */
    }
    feed_want(b, c->feed);
    if (--t->pending > 0)
        return 0;
    ticket_close(b, t); /* nothing for the store */
    return offender_idle(b, now, s);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What goes up to the parent: PUBLISH of what waits in the link queue (with a Forward), as much as
 * the parent's window holds, small ones many to a frame.
 *
 * What was sent and not answered when the connection goes is uncertain: it is sent again with the
 * same id, and the parent answers DUPLICATE if it had it.
 */

#include <errno.h>
#include <stdlib.h>

#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/uplink-send.h"
#include "broker/uplink.h"

static Sent *note_sent(Uplink *u, Now now, Feed *q, Entry *e) {
    Sent *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (u->n_sent == 0)
        u->progress_mono_ms = now.mono_ms;
    s->message_id = e->info->message_id;
    s->order_key = e->row.order_key;
    s->seq = e->row.seq;
    HASH_ADD(hh, u->sent, message_id, sizeof(s->message_id), s);
    if (!s->hh.tbl) {
        free(s);
        return NULL;
    }
    u->n_sent++;
    window_take(&q->window, e, ENTRY_OUT);
    return s;
}

/* It did not go: its place in the queue is the old one. */
static void take_back(Uplink *u, Feed *q, Sent *s) {
    Entry *e = window_find(&q->window, s->order_key, s->seq);
    if (e && e->state == ENTRY_OUT)
        window_return(&q->window, e);
    HASH_DEL(u->sent, s);
    u->n_sent--;
    free(s);
}

/* Sends what was collected. 1: it could not go, and waits in the queue again. */
static int flush_bundle(Broker *b, Feed *q) {
    Uplink *u = &b->uplink;
    if (!u->bundle || u->bundle->n == 0)
        return 0;
    const Frame f = { .kind = FRAME_BUNDLE, .bundle = u->bundle };
    int r = uplink_say(b, &f, NULL, 0);
    for (uint32_t i = 0; r < 0 && i < u->bundle->n; i++)
        take_back(u, q, u->bundled[i]);
    bundle_reset(u->bundle);
    return r == -ENOMEM ? r : r < 0;
}

static int collect(Broker *b, Now now, Feed *q, Entry *e, const FramePublish *p, size_t cost,
                   const Bytes *parts, unsigned n) {
    Uplink *u = &b->uplink;
    if (!u->bundle)
        u->bundle = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    if (!u->bundle)
        return -ENOMEM;
    int r = bundle_has_room(u->bundle, cost) ? 0 : flush_bundle(b, q);
    if (r != 0)
        return r;
    Sent *s = note_sent(u, now, q, e);
    if (!s)
        return -ENOMEM;
    u->bundled[u->bundle->n] = s;
    u->bundle->publishes[u->bundle->n] = *p;
    bundle_add(u->bundle, cost, parts, n);
    return 0;
}

static int send_one(Broker *b, Now now, Feed *q, Entry *e) {
    Uplink *u = &b->uplink;
    Frame f = { .kind = FRAME_PUBLISH,
                .publish = { .message_id = e->info->message_id, .forward = e->info->forward } };
    signature_bytes_set(&f.publish.signature, body_signature(e->body));
    Bytes parts[3] = { body_envelope(e->body), body_facts(e->body), body_sealed(e->body) };
    unsigned n = e->row.flags & DELIVERY_FACTS_ONLY || parts[2].n == 0 ? 2 : 3;
    const size_t cost = bundle_cost(f.publish.forward, &f.publish.signature, parts, n);
    if (u->bundles && bundle_takes(cost))
        return collect(b, now, q, e, &f.publish, cost, parts, n);
    int r = uplink_say(b, &f, parts, n);
    if (r < 0)
        return r == -ENOMEM ? r : 1;
    return note_sent(u, now, q, e) ? 0 : -ENOMEM;
}

/* Until the window is full or nothing more may go. 1: the pipe is full. */
static int send_ready(Broker *b, Now now, Feed *q) {
    Uplink *u = &b->uplink;
    while (u->n_sent < u->window) {
        Entry *e = window_peek(&q->window, false);
        if (!e)
            return 0;
        int r = feed_withdraw(b, now, q, e);
        if (r < 0)
            return r;
        if (r > 0)
            continue;
        if (!e->body) {
            uint32_t room = 2 * u->window - u->n_sent; /* the next window is read meanwhile */
            if (q->n_loading >= room)
                return 0;
            r = feed_fetch_bodies(b, q, e, room - q->n_loading, false);
            if (r < 0)
                return r;
            continue;
        }
        r = send_one(b, now, q, e);
        if (r != 0)
            return r;
    }
    return 0;
}

int uplink_pump(Broker *b, Now now, Feed *q) {
    const Uplink *u = &b->uplink;
    if (u->state != UPLINK_OPEN || !u->recorded || now.mono_ms < u->paused_mono_ms)
        return 0;
    int r = send_ready(b, now, q);
    if (r >= 0)
        r = flush_bundle(b, q);
    return MIN(r, 0); /* full pipe: the next tick tries again */
}

int uplink_answered(Broker *b, Now now, const PublishResult *res) {
    Uplink *u = &b->uplink;
    Sent *s = NULL;
    HASH_FIND(hh, u->sent, &res->message_id, sizeof(res->message_id), s);
    if (!s)
        return 0;
    Entry *e = u->feed ? window_find(&u->feed->window, s->order_key, s->seq) : NULL;
    HASH_DEL(u->sent, s);
    free(s);
    u->n_sent--;
    u->progress_mono_ms = now.mono_ms;
    if (!e || e->state != ENTRY_OUT)
        return 0;
    Feed *q = u->feed;
    feed_want(b, q);
    switch (res->verdict) {
    case VERDICT_ACCEPTED:
    case VERDICT_DUPLICATE:
        window_busy(&q->window, e);
        return delivery_op(b, q, &e->row, QUEUE_LINK, ACTION_DONE, CAUSE_NONE, "", NULL, 0);
    case VERDICT_LATER:
        /* The parent has no room: hold everything back, the order stays. */
        u->paused_mono_ms = now.mono_ms + MIN(MAX(res->retry_after_ms, 500U), 60000U);
        window_return(&q->window, e);
        return 0;
    default:
        window_busy(&q->window, e);
        return delivery_op(b, q, &e->row, QUEUE_LINK, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN,
                           res->reasons && res->reasons->n ? res->reasons->list[0].code : "REFUSED",
                           NULL, 0);
    }
}

int uplink_unsure(Broker *b) {
    Uplink *u = &b->uplink;
    Sent *s, *tmp;
    HASH_ITER (hh, u->sent, s, tmp) {
        HASH_DEL(u->sent, s);
        Entry *e = u->feed ? window_find(&u->feed->window, s->order_key, s->seq) : NULL;
        free(s);
        if (!e || e->state != ENTRY_OUT)
            continue;
        e->row.flags |= DELIVERY_UNCERTAIN;
        e->row.due_ms = 0;
        window_busy(&u->feed->window, e);
        int r = delivery_op(b, u->feed, &e->row, QUEUE_LINK, ACTION_PARK, CAUSE_NONE, "", NULL, 0);
        if (r < 0)
            return r;
    }
    u->n_sent = 0;
    return 0;
}

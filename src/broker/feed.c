/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Deliver: moves what waits in a queue to the channels that have credit, asks the store for rows
 * and bodies when memory runs dry, and acts on what the store did to a delivery.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"
#include "broker/account.h"
#include "broker/batch.h"
#include "broker/check-queue.h"
#include "broker/clock.h"
#include "broker/consume.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/session.h"
#include "broker/settle.h"
#include "broker/turns.h"
#include "broker/uplink-send.h"

#define BODIES_PER_OP 64U
#define BODIES_BYTES  (2U * 1024U * 1024U)
#define BODIES_AHEAD  256U /* of a link: read while as many are out */

Feed *feed_get(Broker *b, QueueId id) {
    Feed *q = NULL;
    HASH_FIND(hh, b->feeds, &id, sizeof(id), q);
    return q;
}

void feed_forget(Feed *q) {
    size_t *cached = q->window.cached;
    if (q->channels || q->uplink)
        return;
    window_deinit(&q->window);
    window_init(&q->window, cached);
    q->n_loading = 0;
}

Feed *feed_open(Broker *b, QueueId id, QueueKind kind, const char *name) {
    Feed *q = feed_get(b, id);
    if (q) /* the same: an id is given once */
        return q;
    q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->id = id;
    q->kind = kind;
    (void)text_copy(q->name, sizeof(q->name), name);
    window_init(&q->window, &b->cached);
    HASH_ADD(hh, b->feeds, id, sizeof(q->id), q);
    if (q->hh.tbl)
        return q;
    free(q);
    return NULL;
}

void feeds_forget_copies(Broker *b) {
    for (Feed *q = b->feeds; q; q = q->hh.next)
        for (Entry *e = q->kind == QUEUE_SUBSCRIPTION ? q->window.by_key : NULL; e; e = e->hh.next)
            if (e->state == ENTRY_READY || e->state == ENTRY_PARKED)
                window_drop_body(&q->window, e);
}

void feed_want(Broker *b, Feed *q) {
    if (q->wanted)
        return;
    q->wanted = true;
    q->next_wanted = b->wanted;
    b->wanted = q;
}

void feed_drop_if_idle(Broker *b, Feed *q) {
    /* Suspects must be remembered until they went out alone; work in the store comes back here. */
    if (q->channels || q->uplink || q->wanted || q->n_loading > 0 || q->window.n_suspects > 0 ||
        q->window.n_busy > 0)
        return;
    for (Lane lane = LANE_EVENT; lane < LANE_COUNT; lane++)
        if (q->window.loading[lane])
            return;
    HASH_DEL(b->feeds, q);
    window_deinit(&q->window);
    free(q);
}

int feed_seek(Broker *b, Feed *q, int64_t order_key) {
    StoreOp *op = op_for(OP_NEXT, 0, NULL);
    if (!op)
        return -ENOMEM;
    op->next_.queue = q->id;
    op->next_.order_key = order_key;
    broker_push(b, op);
    return 0;
}

static int load_more(Broker *b, Feed *q) {
    Lane lane;
    int64_t after;
    while (window_wants_load(&q->window, &lane, &after)) {
        StoreOp *op = op_for(OP_LOAD, 0, NULL);
        if (!op)
            return -ENOMEM;
        op->load.queue = q->id;
        op->load.lane = lane;
        op->load.after_seq = after;
        op->load.limit = WINDOW_LOAD;
        broker_push(b, op);
    }
    return 0;
}

int feed_loaded(Broker *b, StoreOp *op) {
    Feed *q = feed_get(b, op->load.queue);
    if (!q)
        return 0;
    feed_want(b, q);
    return window_loaded(&q->window, op->load.lane, op->load.rows, op->load.n, op->load.end);
}

int feed_found(Broker *b, StoreOp *op) {
    Feed *q = feed_get(b, op->next_.queue);
    if (!q)
        return 0;
    feed_want(b, q);
    return window_found(&q->window, op->next_.order_key, op->next_.found ? &op->next_.row : NULL);
}

/* --- bodies --------------------------------------------------------------------------------- */

/* Room for one more; it is mostly a few, and each is large. */
static struct BodyWanted *body_wanted(StoreOp *op) {
    const uint32_t n = op->bodies.n;
    if ((n & (n - 1)) == 0) { /* 0, 1, 2, 4 ...: full */
        struct BodyWanted *list = reallocarray(op->bodies.wanted, n > 0 ? 2 * n : 1, sizeof(*list));
        if (!list)
            return NULL;
        op->bodies.wanted = list;
    }
    struct BodyWanted *w = &op->bodies.wanted[op->bodies.n++];
    *w = (struct BodyWanted) { .n_stamps = 0 };
    return w;
}

int feed_fetch_bodies(Broker *b, Feed *q, Entry *first, uint32_t room, bool skip_suspects) {
    StoreOp *op = op_for(OP_BODIES, 0, NULL);
    if (!op)
        return -ENOMEM;
    size_t bytes = 0;
    Entry *e = first;
    while (e && !e->body && op->bodies.n < MIN(BODIES_PER_OP, room) && bytes < BODIES_BYTES) {
        struct BodyWanted *w = body_wanted(op);
        if (!w) {
            (void)store_op_free(op);
            return -ENOMEM;
        }
        w->row = e->row;
        w->queue_kind = q->kind;
        bytes += e->row.size;
        window_take(&q->window, e, ENTRY_BUSY);
        q->n_loading++;
        e = window_peek(&q->window, skip_suspects);
    }
    broker_push(b, op);
    return 0;
}

static DeliveryInfo *info_from(struct BodyWanted *w) {
    DeliveryInfo *info = calloc(1, sizeof(*info));
    if (!info)
        return NULL;
    info->message_id = w->message_id;
    info->recipient = w->recipient;
    info->accepted_ms = w->accepted_ms;
    info->n_stamps = w->n_stamps;
    memcpy(info->stamps, w->stamps, sizeof(info->stamps));
    info->forward = TAKE_PTR(w->forward);
    return info;
}

int feed_bodies(Broker *b, Now now, StoreOp *op) {
    (void)now;
    for (uint32_t i = 0; i < op->bodies.n; i++) {
        struct BodyWanted *w = &op->bodies.wanted[i];
        Feed *q = feed_get(b, w->row.queue);
        if (!q)
            continue;
        q->n_loading -= q->n_loading > 0;
        feed_want(b, q);
        Entry *e = window_find(&q->window, w->row.order_key, w->row.seq);
        if (!e || e->state != ENTRY_BUSY)
            continue;
        if (w->body) {
            DeliveryInfo *info = info_from(w);
            if (!info)
                return -ENOMEM;
            window_set_body(&q->window, e, TAKE_PTR(w->body), info);
            window_return(&q->window, e);
        } else if (w->damaged) {
            LogRecord r = { .event = LOG_EVENT_ROW_DAMAGED, .message_id = w->message_id };
            (void)text_copy(r.text, sizeof(r.text),
                            "Stored bytes do not match their checksum; the message is not handed "
                            "out and goes to the dead letters.");
            b->io.log(b->io.data, &r);
            int k = delivery_op(b, q, &e->row, q->kind, ACTION_DEAD, CAUSE_DEAD_CHECKSUM,
                                "stored bytes do not match their checksum", NULL, 0);
            if (k < 0)
                return k;
        } else if (window_gone(&q->window, e)) { /* taken off meanwhile (expired, dropped) */
            int k = feed_seek(b, q, w->row.order_key);
            if (k < 0)
                return k;
        }
    }
    return 0;
}

/* --- handing out ---------------------------------------------------------------------------- */

ReceiptCause expiry_cause(const DeliveryRow *row, QueueKind kind) {
    if (kind == QUEUE_LINK)
        return CAUSE_EXPIRED_ON_LINK;
    return row->flags & DELIVERY_HANDED ? CAUSE_EXPIRED_UNSETTLED : CAUSE_EXPIRED_IN_MAILBOX;
}

int feed_withdraw(Broker *b, Now now, Feed *q, Entry *e) {
    bool certain = !(e->row.flags & DELIVERY_UNCERTAIN);
    DeliveryAction action;
    ReceiptCause cause;
    if (e->row.flags & DELIVERY_RECALLED && certain) {
        action = ACTION_RECALL;
        cause = CAUSE_RECALLED_BY_SENDER;
    } else if (e->row.expires_ms > 0 && now.wall_ms >= e->row.expires_ms && certain &&
               !clock_is_doubted(b, now)) {
        action = ACTION_EXPIRE;
        cause = expiry_cause(&e->row, q->kind);
    } else {
        return 0;
    }
    window_take(&q->window, e, ENTRY_BUSY);
    int r = delivery_op(b, q, &e->row, q->kind, action, cause, "", NULL, 0);
    return r < 0 ? r : 1;
}

/* Its connection was gone before: nobody had it in hand, so nothing is counted as an attempt. */
static void bundle_take_back(Broker *b, Channel *c) {
    for (uint32_t i = 0; i < b->bundle->n; i++) {
        Entry *e = NULL;
        HASH_FIND(hh_tag, c->out, &b->bundle->deliveries[i].tag, sizeof(e->tag), e);
        if (!e)
            continue;
        channel_release(c, e);
        window_return(&c->feed->window, e);
        b->status.delivered--;
    }
    feed_want(b, c->feed); /* there may be another consumer */
}

/* Sends what was collected for a channel. It is out even when the pipe is full: then it waits with
 * the session's answers. */
static int bundle_flush(Broker *b) {
    if (!b->bundle || b->bundle->n == 0)
        return 0;
    const Frame f = { .kind = FRAME_BUNDLE, .bundle = b->bundle };
    int r = session_send(b, b->bundle_for->session, &f, NULL, 0);
    if (r < 0)
        bundle_take_back(b, b->bundle_for);
    bundle_reset(b->bundle);
    return r == -ENOMEM ? r : 0;
}

static int bundle_delivery(Broker *b, Channel *c, const FrameDeliver *d, size_t cost,
                           const Bytes *parts, unsigned n) {
    if (!b->bundle)
        b->bundle = bundle_new(FRAME_DELIVER, BUNDLE_MAX, BUNDLE_BYTES);
    if (!b->bundle)
        return -ENOMEM;
    if (b->bundle_for != c || !bundle_has_room(b->bundle, cost)) {
        int r = bundle_flush(b);
        if (r < 0)
            return r;
        b->bundle_for = c;
    }
    if (c->session->gone || c->session->outbox)
        return -EAGAIN; /* not behind what it did not read */
    FrameDeliver *out = &b->bundle->deliveries[b->bundle->n];
    *out = *d;
    if (d->forward) { /* which has them */
        out->n_stamps = 0;
        out->accepted_ms = 0;
    }
    bundle_add(b->bundle, cost, parts, n);
    return 0;
}

static int send_delivery(Broker *b, Channel *c, const Frame *f, const Bytes *parts, unsigned n) {
    const FrameDeliver *d = &f->deliver;
    const size_t cost = bundle_cost(d->forward, &d->signature, parts, n);
    if (c->session->bundles && bundle_takes(cost))
        return bundle_delivery(b, c, d, cost, parts, n);
    return session_send(b, c->session, f, parts, n);
}

static int hand_out(Broker *b, Now now, Channel *c, Entry *e) {
    Feed *q = c->feed;
    Frame f = { .kind = FRAME_DELIVER,
                .deliver = { .channel = c->id,
                             .tag = c->next_tag,
                             .attempt = e->row.attempts + 1,
                             .role = e->info->recipient.role,
                             .accepted_ms = e->info->accepted_ms,
                             .n_stamps = e->info->n_stamps,
                             .forward = e->info->forward,
                             .suspect = e->suspect } };
    memcpy(f.deliver.recipient, e->info->recipient.node, sizeof(f.deliver.recipient));
    memcpy(f.deliver.stamps, e->info->stamps, sizeof(f.deliver.stamps));
    signature_bytes_set(&f.deliver.signature, body_signature(e->body));
    Bytes parts[3] = { body_envelope(e->body), body_facts(e->body), body_sealed(e->body) };
    unsigned n = e->row.flags & DELIVERY_FACTS_ONLY || parts[2].n == 0 ? 2 : 3;
    int r = send_delivery(b, c, &f, parts, n);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        c->blocked = true; /* full pipe: next tick; gone: its session ends with this turn */
        return 1;
    }
    uint32_t size = MIN(e->row.size, c->credit_bytes);
    c->credit_messages--;
    c->credit_bytes -= size;
    c->n_out++;
    c->bytes_out += e->row.size;
    c->session->n_out++;
    c->session->account->out_bytes += e->row.size;
    c->alone = e->suspect;
    window_take(&q->window, e, ENTRY_OUT);
    e->tag = c->next_tag++;
    e->lease_mono_ms = now.mono_ms + b->config.lease_ms;
    e->extended_in = 0;
    HASH_ADD(hh_tag, c->out, tag, sizeof(e->tag), e);
    if (!e->hh_tag.tbl)
        return -ENOMEM;
    if (b->cached > b->config.cache_bytes && q->kind != QUEUE_LINK)
        window_drop_body(&q->window, e); /* should it come back it is read again */
    b->status.delivered++;
    return 0;
}

static bool channel_has_room(const Broker *b, const Channel *c, const Entry *e) {
    return c->credit_messages > 0 && !c->blocked && !c->alone && !c->session->gone &&
           (!e || (e->row.size <= c->credit_bytes &&
                   account_may_deliver(b, c->session->account, e->row.size)));
}

/* Gives one delivery to one channel. 1: something moved, 0: this channel can take nothing now. */
static int pump_channel(Broker *b, Now now, Feed *q, Channel *c, uint32_t room) {
    if (!channel_has_room(b, c, NULL))
        return 0;
    bool skip_suspects = c->n_out > 0 && q->kind != QUEUE_LINK;
    if (skip_suspects && (!q->quiet || q->quiet == c) && window_suspect_waits(&q->window)) {
        /* A consumer that always has work would never be free for it: this one comes to rest. */
        q->quiet = c;
        return 0;
    }
    Entry *e = window_peek(&q->window, skip_suspects);
    if (!e)
        return 0;
    int r = feed_withdraw(b, now, q, e);
    if (r != 0)
        return r;
    if (!e->body) {
        if (q->n_loading >= room)
            return 0;
        r = feed_fetch_bodies(b, q, e, room - q->n_loading, skip_suspects);
        return r < 0 ? r : 1;
    }
    if (!channel_has_room(b, c, e)) {
        if (q->quiet == c) /* and may never have: another one comes to rest */
            q->quiet = NULL;
        return 0;
    }
    r = hand_out(b, now, c, e);
    return r < 0 ? r : r == 0;
}

static int pump(Broker *b, Now now, Feed *q) {
    int r = load_more(b, q);
    if (r < 0 || q->uplink)
        return r < 0 ? r : uplink_pump(b, now, q);
    uint32_t room = 0;
    Channel *c;
    for (c = q->channels; c; c = c->next)
        room += c->credit_messages;
    if (q->kind == QUEUE_LINK && room > 0)
        room += BODIES_AHEAD;
    /* One delivery each in turn, so that competing consumers share what there is. */
    for (bool moved = q->channels != NULL; moved;) {
        moved = false;
        for (c = q->channels; c; c = c->next) {
            r = pump_channel(b, now, q, c, room);
            if (r < 0)
                return r;
            moved |= r > 0;
        }
        if (moved && q->channels->next) { /* the first of the next round is another one */
            Channel *head = q->channels;
            DL_DELETE(q->channels, head);
            DL_APPEND(q->channels, head);
        }
    }
    r = bundle_flush(b);
    return r < 0 ? r : load_more(b, q);
}

int feeds_pump(Broker *b, Now now) {
    while (b->wanted) {
        Feed *q = b->wanted;
        b->wanted = q->next_wanted;
        q->wanted = false;
        if (q->channels || q->uplink) {
            int r = pump(b, now, q);
            if (r < 0)
                return r;
        }
        feed_drop_if_idle(b, q);
    }
    return 0;
}

/* --- changes of deliveries ------------------------------------------------------------------- */

int delivery_op(Broker *b, Feed *q, const DeliveryRow *row, QueueKind kind, DeliveryAction action,
                ReceiptCause cause, const char *detail, Ticket *ticket, uint64_t tag) {
    (void)q;
    StoreOp *op = op_for(OP_DELIVERY, tag, ticket);
    if (!op)
        return -ENOMEM;
    op->delivery.row = *row;
    op->delivery.queue_kind = kind;
    op->delivery.action = action;
    op->delivery.cause = cause;
    (void)text_copy(op->delivery.detail, sizeof(op->delivery.detail), detail ? detail : "");
    if (ticket) {
        ticket->pending++;
        if (!turns_hold_behind(b, ticket->session_id, op))
            check_push_behind(b, ticket->session_id, op);
    } else {
        broker_push(b, op);
    }
    return 0;
}

static void log_held_back(Broker *b, const Feed *q) {
    broker_log(b, LOG_EVENT_QUOTA_REACHED, q ? q->name : "",
               "DEAD_LETTERS This reader has too many: what it rejects waits until an operator "
               "takes some away.");
}

static void log_action(Broker *b, const Feed *q, const StoreOp *op) {
    static const struct {
        DeliveryAction action;
        LogEvent event;
        const char *text;
    } told[] = {
        { ACTION_DEAD, LOG_EVENT_DEAD_LETTER, "A delivery became a dead letter." },
        { ACTION_EXPIRE, LOG_EVENT_EXPIRED, "A delivery expired uncollected." },
        { ACTION_RECALL, LOG_EVENT_RECALLED, "A delivery was withdrawn on its sender's order." },
        { ACTION_UNROUTABLE, LOG_EVENT_UNROUTABLE, "A neighbour broker refused a message." },
    };
    for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
        if (told[i].action != op->delivery.action || !op->delivery.found)
            continue;
        if (op->delivery.queue_kind == QUEUE_RECEIPTS && told[i].action == ACTION_EXPIRE)
            return; /* an old receipt nobody fetched */
        LogRecord r = { .event = told[i].event };
        if (q)
            log_peer_name(q->name, r.peer, sizeof(r.peer));
        (void)text_copy(r.lane, sizeof(r.lane), lane_name(op->delivery.row.lane));
        (void)text_copy(r.rule, sizeof(r.rule), receipt_cause_name(op->delivery.cause));
        b->io.log(b->io.data, (text_copy(r.text, sizeof(r.text), told[i].text), &r));
        return;
    }
}

int delivery_done(Broker *b, Now now, StoreOp *op) {
    const DeliveryRow *row = &op->delivery.row;
    Feed *q = feed_get(b, row->queue);
    Entry *e = q ? window_find(&q->window, row->order_key, row->seq) : NULL;

    log_action(b, q, op);
    if (op->delivery.held_back) {
        log_held_back(b, q);
        if (e)
            e->row.due_ms = row->due_ms;
    }
    if (op->delivery.action == ACTION_DONE)
        b->status.settled++;
    if (op->owner) {
        ticket_done(b, op->owner, op->owner_id, op->delivery.found); /* or expired meanwhile */
        op->owner = NULL;
    }
    /* Counted when the store has counted it, so that both always agree. */
    if (op->delivery.action == ACTION_DONE && op->delivery.found && e && e->info &&
        q->kind == QUEUE_LINK)
        neighbour_sent(b, q->name, &e->info->message_id);
    if (!e || e->state != ENTRY_BUSY) {
        if (q)
            feed_want(b, q);
        return 0;
    }
    feed_want(b, q);
    switch (op->delivery.action) {
    case ACTION_PARK:
    case ACTION_WARN_EXPIRY:
    case ACTION_WARN_DELAY:
        if (!op->delivery.found)
            break;
        if (e->row.due_ms > now.wall_ms)
            window_park(&q->window, e);
        else
            window_return(&q->window, e);
        return 0;
    default:
        break;
    }
    return window_gone(&q->window, e) ? feed_seek(b, q, row->order_key) : 0;
}

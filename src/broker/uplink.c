/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Uplink: this broker as a child of its parent. It speaks the client's side of the protocol: says
 * HELLO with a broker's key, PUBLISHes what waits in the link queue (with a Forward), and reads the
 * parent's queue for it (SOURCE_LINK), settling each delivery once it is on our disk.
 *
 * What was sent and not answered when the connection goes is uncertain: it is sent again with the
 * same id, and the parent answers DUPLICATE if it had it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/internal.h"
#include "wire/codec.h"

#define LINK_CHANNEL 1U
#define LINK_CREDIT  256U
#define DEAD_AFTER   3
#define GREETING_MS  (10 * SECOND_MS)
#define TAG_BITS     40
#define TAG_MASK     ((UINT64_C(1) << TAG_BITS) - 1)

static int up_send(Broker *b, const Frame *f, const Bytes *parts, unsigned n_parts) {
    uint8_t *p;
    size_t n;
    int r = codec_encode_frame(f, &p, &n);
    if (r < 0)
        return r;
    Bytes all[PARTS_MAX] = { bytes_make(p, n) };
    for (unsigned i = 0; i < n_parts; i++)
        all[i + 1] = parts[i];
    r = b->io.send(b->io.data, PORT_UPLINK, (Bytes) { 0 }, all, n_parts + 1);
    free(p);
    return r;
}

/* Does our directory say that whoever has this key is not, or not any more, our parent? A key that
 * ran out is no such thing: the directory in which it is renewed comes over this very link. */
static bool parent_is_revoked(const Broker *b) {
    const DirNode *n = directory_node(b->directory, b->config.parent);
    const DirKey *k = directory_key(b->directory, b->config.parent_key);
    return (n && n->inactive) || (k && (k->revoked || strcmp(k->node, b->config.parent) != 0));
}

static void greet(Broker *b, Now now) {
    b->uplink.state = UPLINK_GREETING;
    b->uplink.greeted_mono_ms = now.mono_ms;
    if (parent_is_revoked(b))
        return; /* looked at again after GREETING_MS */
    Frame f = { .kind = FRAME_HELLO,
                .hello = { .protocol_min = PROTOCOL_VERSION,
                           .protocol_max = PROTOCOL_VERSION,
                           .instance_id = b->instance_id,
                           .bundles = true,
                           .progress = neighbour_progress(b, b->config.parent) } };
    (void)text_copy(f.hello.client, sizeof(f.hello.client), "serasid " SERASI_VERSION);
    b->uplink.heard_mono_ms = now.mono_ms;
    (void)up_send(b, &f, NULL, 0); /* lost: said again after GREETING_MS */
}

/* The session to the parent ended: what is unanswered is uncertain from now on. */
static int close_session(Broker *b, const char *why) {
    Uplink *u = &b->uplink;
    bool was_open = u->state == UPLINK_OPEN;
    u->state = UPLINK_DOWN;
    u->epoch++;
    u->n_settle = 0;
    u->taken_messages = u->taken_bytes = 0;
    u->recorded = false;
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
    if (!was_open)
        return 0;
    LogRecord r = { .event = LOG_EVENT_LINK_DOWN };
    log_peer_name(b->config.parent, r.link, sizeof(r.link));
    (void)text_copy(r.text, sizeof(r.text), why);
    b->io.log(b->io.data, &r);
    return neighbour_session(b, b->config.parent, false);
}

int uplink_recheck(Broker *b, Now now) {
    Uplink *u = &b->uplink;
    if (u->state != UPLINK_OPEN || !parent_is_revoked(b))
        return 0;
    LedgerEntry e = { .kind = LEDGER_SESSION_ENDED, .note = "the parent was revoked" };
    (void)text_copy(e.node, sizeof(e.node), b->config.parent);
    broker_log(b, LOG_EVENT_PARENT_REVOKED, b->config.parent,
               "The directory says that the parent broker is not to be trusted any more: the link "
               "is closed.");
    int r = close_session(b, "The parent broker was revoked.");
    u->state = UPLINK_GREETING;
    u->greeted_mono_ms = now.mono_ms;
    return r < 0 ? r : broker_note(b, &e);
}

int broker_uplink_connected(Broker *b, Now now) {
    int r = close_session(b, "The connection to the parent broker was made anew.");
    if (r < 0)
        return r;
    greet(b, now);
    return 0;
}

int broker_uplink_lost(Broker *b, Now now) {
    (void)now;
    return close_session(b, "The connection to the parent broker is lost.");
}

/* Where else the parent says it is found, as far as the directory says so, too. */
static void take_servers(Broker *b, Now now, const Servers *told) {
    Servers proven = { 0 };
    for (uint32_t i = 0; i < told->n; i++)
        if (server_is_proven(b->directory, &told->list[i], b->config.parent, now.wall_ms))
            (void)servers_add(&proven, &told->list[i]);
    if (proven.n > 0 && b->io.servers)
        b->io.servers(b->io.data, &proven);
}

void broker_set_parent_key(Broker *b, const char *curve) {
    (void)text_copy(b->config.parent_key, sizeof(b->config.parent_key), curve);
}

static int open_session(Broker *b, Now now, const Frame *f) {
    Uplink *u = &b->uplink;
    if (strcmp(f->welcome.broker, b->config.parent) != 0 ||
        strcmp(f->welcome.node, b->config.self) != 0) {
        broker_log(b, LOG_EVENT_SESSION_REFUSED, f->welcome.broker,
                   "The parent endpoint is broker %s and knows us as %s; expected %s and %s.",
                   f->welcome.broker, f->welcome.node, b->config.parent, b->config.self);
        return 0;
    }
    take_servers(b, now, &f->welcome.servers);
    u->state = UPLINK_OPEN;
    u->window = MIN(b->config.link_window, MAX(f->welcome.publish_window, 1U));
    u->ping_ms = MAX((int64_t)f->welcome.ping_interval_ms, SECOND_MS);
    u->credit_messages = MIN(LINK_CREDIT, f->welcome.credit_messages_max);
    u->credit_bytes = f->welcome.credit_bytes_max;
    u->bundles = f->welcome.bundles;
    u->progress_mono_ms = u->pinged_mono_ms = now.mono_ms;
    u->paused_mono_ms = 0;
    LogRecord rec = { .event = LOG_EVENT_LINK_UP };
    log_peer_name(b->config.parent, rec.link, sizeof(rec.link));
    (void)text_copy(rec.text, sizeof(rec.text), "The session with the parent broker is open.");
    b->io.log(b->io.data, &rec);

    int r = neighbour_session(b, b->config.parent, true);
    if (r < 0)
        return r;
    if (!u->feed && !u->asked_queue) {
        StoreOp *op = op_for(OP_QUEUE, UPLINK_OWNER, NULL);
        if (!op)
            return -ENOMEM;
        op->queue.kind = QUEUE_LINK;
        (void)text_copy(op->queue.name, sizeof(op->queue.name), b->config.parent);
        broker_push(b, op);
        u->asked_queue = true;
    }
    Frame sub = { .kind = FRAME_SUBSCRIBE,
                  .subscribe = { .channel = LINK_CHANNEL,
                                 .source = SOURCE_LINK,
                                 .credit_messages = LINK_CREDIT } };
    r = up_send(b, &sub, NULL, 0);
    if (r < 0)
        b->io.uplink_reset(b->io.data);
    directory_uplink_open(b, now);
    if (u->feed)
        feed_want(b, u->feed);
    return r == -ENOMEM ? r : 0;
}

int uplink_queue_found(Broker *b, Now now, StoreOp *op) {
    (void)now;
    Feed *q = feed_open(b, op->queue.id, QUEUE_LINK, op->queue.name);
    if (!q)
        return -ENOMEM;
    q->uplink = true;
    b->uplink.feed = q;
    feed_want(b, q);
    return 0;
}

/* --- upwards -------------------------------------------------------------------------------- */

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
    int r = up_send(b, &f, NULL, 0);
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
    int r = up_send(b, &f, parts, n);
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

static int answered(Broker *b, Now now, const PublishResult *res) {
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

/* --- downwards ------------------------------------------------------------------------------- */

/* Credit is counted here, not on arrival: the parent cuts what is granted for a delivery that is
 * still unsettled. */
static int settle_up(Broker *b, uint64_t tag, size_t size, SettleAction action, uint32_t after_ms,
                     const char *reason) {
    Uplink *u = &b->uplink;
    Settlement *last = u->n_settle ? &u->settle[u->n_settle - 1] : NULL;
    u->taken_messages++;
    u->taken_bytes += (uint32_t)size;
    if (last && action == SETTLE_DONE && last->action == SETTLE_DONE &&
        last->tags.last + 1 == tag) {
        last->tags.last = tag;
        return 0;
    }
    if (u->n_settle == SETTLEMENTS_MAX) {
        int r = uplink_flush(b);
        if (r < 0)
            return r;
    }
    if (u->n_settle == SETTLEMENTS_MAX) {
        /* One that is never said would keep its case waiting for ever: start over. */
        int r = close_session(b, "The parent broker does not take our settlements.");
        b->io.uplink_reset(b->io.data);
        return r;
    }
    Settlement *st = &u->settle[u->n_settle++];
    *st = (Settlement) { .tags = { tag, tag },
                         .action = action,
                         .after_ms = after_ms,
                         .permanent = action == SETTLE_REJECT };
    (void)text_copy(st->reason, sizeof(st->reason), reason);
    return 0;
}

static int delivered(Broker *b, Now now, const FrameDeliver *f, const PeerMessage *m) {
    Uplink *u = &b->uplink;
    uint64_t tag = f->tag;
    const char *why = "a part is missing";
    Bytes none = { 0 };
    _cleanup_(message_freep) Message *msg = calloc(1, sizeof(*msg));
    if (!msg)
        return -ENOMEM;
    int r = m->n_parts < 2 || !f->forward || tag > TAG_MASK
                ? WIRE_MALFORMED
                : codec_decode_signed_message(m->parts[1], m->n_parts > 2 ? m->parts[2] : none,
                                              m->n_parts > 3 ? m->parts[3] : none,
                                              signature_bytes(&f->signature), msg, &why);
    if (r < 0)
        return r;
    if (r > 0) {
        size_t size = 0;
        for (unsigned i = 1; i < m->n_parts; i++)
            size += m->parts[i].n;
        broker_log(b, LOG_EVENT_PEER_MALFORMED, b->config.parent,
                   "A message from the parent broker could not be read: %s.", why);
        return settle_up(b, tag, size, SETTLE_REJECT, 0, "MALFORMED");
    }
    msg->fwd = *f->forward;
    msg->fwd.present = true;
    StoreOp *op = op_for(OP_ACCEPT, UPLINK_OWNER, (void *)(uintptr_t)(u->epoch << TAG_BITS | tag));
    if (!op)
        return -ENOMEM;
    op->accept.message = TAKE_PTR(msg);
    op->accept.from_link = true;
    (void)text_copy(op->accept.authority, sizeof(op->accept.authority), b->config.parent);
    check_push(b, now, op);
    return 0;
}

static int delivered_bundle(Broker *b, Now now, const Bundle *list, const PeerMessage *m) {
    size_t at = 0;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->n && b->uplink.state == UPLINK_OPEN; i++) {
        Bytes parts[PARTS_MAX] = { m->parts[0] };
        PeerMessage one = *m;
        one.parts = parts;
        one.n_parts = 1 + bundle_next(list, i, &at, parts + 1);
        r = delivered(b, now, &list->deliveries[i], &one);
    }
    return r;
}

int uplink_accepted(Broker *b, Now now, StoreOp *op) {
    (void)now;
    const PublishResult *res = &op->accept.result;
    uint64_t mark = (uint64_t)(uintptr_t)op->owner, tag = mark & TAG_MASK;
    if (res->verdict == VERDICT_ACCEPTED)
        b->status.accepted++;
    publish_log(b, op);
    if (op->accept.counted)
        neighbour_took(b, b->config.parent, &op->accept.message->env.message_id);
    if (b->uplink.state != UPLINK_OPEN ||
        mark >> TAG_BITS != (b->uplink.epoch & (UINT64_MAX >> TAG_BITS)))
        return 0; /* that session is over; it comes again and is a duplicate then */
    size_t size = body_size(op->accept.message->body);
    switch (res->verdict) {
    case VERDICT_ACCEPTED:
    case VERDICT_DUPLICATE:
        return settle_up(b, tag, size, SETTLE_DONE, 0, "");
    case VERDICT_LATER:
        return settle_up(b, tag, size, SETTLE_RETRY, res->retry_after_ms, "");
    default:
        return settle_up(b, tag, size, SETTLE_REJECT, 0,
                         res->reasons && res->reasons->n ? res->reasons->list[0].code : "REFUSED");
    }
}

int uplink_flush(Broker *b) {
    Uplink *u = &b->uplink;
    if (u->state != UPLINK_OPEN)
        return 0;
    if (u->n_settle > 0) {
        Frame f = { .kind = FRAME_SETTLE,
                    .settle = {
                        .channel = LINK_CHANNEL, .n = u->n_settle, .settlements = u->settle } };
        int r = up_send(b, &f, NULL, 0);
        if (r == -EAGAIN)
            return 0; /* stays; the next turn says it */
        if (r < 0)
            return r == -ENOMEM ? r : 0;
        u->n_settle = 0;
    }
    /* After the settlements, and long before either kind of credit is used up. */
    if (u->taken_messages > u->credit_messages / 4 || u->taken_bytes > u->credit_bytes / 4) {
        Frame f = { .kind = FRAME_CREDIT,
                    .credit = { .channel = LINK_CHANNEL, .messages = u->taken_messages } };
        if (up_send(b, &f, NULL, 0) == 0)
            u->taken_messages = u->taken_bytes = 0;
    }
    return 0;
}

int uplink_send(Broker *b, const Frame *f) {
    return b->uplink.state == UPLINK_OPEN ? up_send(b, f, NULL, 0) : -EHOSTUNREACH;
}

/* --- the session ------------------------------------------------------------------------------ */

static int on_error(Broker *b, Now now, const Frame *f) {
    broker_log(b, LOG_EVENT_SESSION_REFUSED, b->config.parent, "The parent broker answered %s: %s.",
               error_code_name(f->error.code), f->error.text);
    if (!f->error.fatal && f->error.channel != LINK_CHANNEL)
        return 0;
    /* Without its channel a session is deaf: better none, and another try. */
    int r = close_session(b, f->error.fatal ? "The parent broker ended the session."
                                            : "The parent broker does not let us read its link.");
    b->uplink.state = UPLINK_GREETING; /* HELLO again after GREETING_MS */
    b->uplink.greeted_mono_ms = now.mono_ms;
    if (f->error.code == ERROR_NO_SESSION)
        greet(b, now);
    return r;
}

static int up_frame(Broker *b, Now now, Frame *f, const PeerMessage *m) {
    Uplink *u = &b->uplink;
    if (f->kind == FRAME_WELCOME)
        return u->state == UPLINK_GREETING && !parent_is_revoked(b) ? open_session(b, now, f) : 0;
    if (f->kind == FRAME_ERROR)
        return on_error(b, now, f);
    if (u->state != UPLINK_OPEN)
        return 0;
    switch (f->kind) {
    case FRAME_PUBLISHED:
        for (uint32_t i = 0; i < f->published.n; i++) {
            int r = answered(b, now, &f->published.results[i]);
            if (r < 0)
                return r;
        }
        return 0;
    case FRAME_DELIVER:
        u->progress_mono_ms = now.mono_ms; /* its answers wait behind what comes down */
        return delivered(b, now, &f->deliver, m);
    case FRAME_BUNDLE:
        u->progress_mono_ms = now.mono_ms;
        return f->bundle->deliveries ? delivered_bundle(b, now, f->bundle, m) : 0;
    case FRAME_PING: {
        Frame pong = { .kind = FRAME_PONG,
                       .pong = { .sent_ms = f->ping.sent_ms,
                                 .progress = neighbour_progress(b, b->config.parent) } };
        (void)up_send(b, &pong, NULL, 0);
        return 0;
    }
    case FRAME_RESULT:
        return witness_result(b, now, f);
    case FRAME_DIRECTORY_CHANGES:
        return directory_changes(b, now, f);
    case FRAME_PONG:
        if (f->pong.progress.present)
            neighbour_compare(b, b->config.parent, &f->pong.progress);
        return 0;
    case FRAME_BYE: {
        int r = close_session(b, "The parent broker said BYE.");
        u->state = UPLINK_GREETING;
        u->greeted_mono_ms = now.mono_ms;
        return r;
    }
    default:
        return 0; /* SUBSCRIBED, SETTLED */
    }
}

int uplink_receive(Broker *b, Now now, const PeerMessage *m) {
    const char *why = NULL;
    Frame f = { 0 };
    b->uplink.heard_mono_ms = now.mono_ms;
    int r = m->oversized || m->n_parts == 0
                ? WIRE_TOO_LARGE
                : codec_decode_frame(m->parts[0], FRAME_ANSWER_MAX, &f, &why);
    if (r < 0)
        return r;
    if (r > 0) {
        broker_log(b, LOG_EVENT_PEER_MALFORMED, b->config.parent,
                   "A frame of the parent broker could not be read: %s.", why ? why : "too large");
        r = close_session(b, "The parent broker sent a frame that cannot be read.");
        b->io.uplink_reset(b->io.data);
        return r;
    }
    r = up_frame(b, now, &f, m);
    frame_deinit(&f);
    return r;
}

int uplink_second(Broker *b, Now now) {
    Uplink *u = &b->uplink;
    if (u->state == UPLINK_DOWN)
        return 0;
    if (u->state == UPLINK_GREETING) {
        if (now.mono_ms - u->greeted_mono_ms >= GREETING_MS)
            greet(b, now);
        return 0;
    }
    if (now.mono_ms - u->heard_mono_ms > DEAD_AFTER * u->ping_ms) {
        int r = close_session(b, "The parent broker is silent.");
        b->io.uplink_reset(b->io.data);
        return r;
    }
    if (u->n_sent > 0 && now.mono_ms - u->progress_mono_ms > b->config.link_stall_ms) {
        LogRecord rec = { .event = LOG_EVENT_LINK_STALLED };
        log_peer_name(b->config.parent, rec.link, sizeof(rec.link));
        (void)text_copy(rec.text, sizeof(rec.text),
                        "Backlog without progress on the link to the parent: it is reset.");
        b->io.log(b->io.data, &rec);
        int r = close_session(b, "The link was reset for want of progress.");
        b->io.uplink_reset(b->io.data);
        return r;
    }
    if (now.mono_ms - u->pinged_mono_ms > u->ping_ms - SECOND_MS) { /* or the next look is late */
        u->pinged_mono_ms = now.mono_ms;
        Frame f = { .kind = FRAME_PING,
                    .ping = { .sent_ms = now.wall_ms,
                              .progress = neighbour_progress(b, b->config.parent) } };
        (void)up_send(b, &f, NULL, 0);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Uplink: this broker as a child of its parent. It speaks the client's side of the protocol: says
 * HELLO with a broker's key, PUBLISHes what waits in the link queue (uplink-send.c), and reads the
 * parent's queue for it (uplink-take.c). Here: the session, its beginning, life and end.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/batch.h"
#include "broker/directory.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/session.h"
#include "broker/uplink-send.h"
#include "broker/uplink-take.h"
#include "broker/uplink.h"
#include "broker/witness.h"
#include "wire/codec.h"

#define DEAD_AFTER    3
#define GREETING_MS   (10 * SECOND_MS)
#define GREETINGS_MAX 3U /* said in vain: the connection may be half open, another one is made */

int uplink_say(Broker *b, const Frame *f, const Bytes *parts, unsigned n_parts) {
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
    b->uplink.n_greeted++;
    (void)uplink_say(b, &f, NULL, 0); /* lost: said again after GREETING_MS */
}

int uplink_end(Broker *b, const char *why) {
    Uplink *u = &b->uplink;
    bool was_open = u->state == UPLINK_OPEN;
    u->state = UPLINK_DOWN;
    u->epoch++;
    u->n_settle = 0;
    u->taken_messages = u->taken_bytes = 0;
    u->recorded = false;
    int r = uplink_unsure(b);
    if (r < 0)
        return r;
    if (!was_open)
        return 0;
    LogRecord rec = { .event = LOG_EVENT_LINK_DOWN };
    log_peer_name(b->config.parent, rec.link, sizeof(rec.link));
    (void)text_copy(rec.text, sizeof(rec.text), why);
    b->io.log(b->io.data, &rec);
    return neighbour_session(b, b->config.parent, false);
}

/* Where else the parent said it is found, as far as the directory says so, too. Looked at again
 * after each change: a key made while the link was down is told before the record that proves it.
 */
static void learn_servers(Broker *b, Now now) {
    const Servers *told = &b->uplink.told;
    Servers proven = { 0 };
    for (uint32_t i = 0; i < told->n; i++)
        if (server_is_proven(b->directory, &told->list[i], b->config.parent, now.wall_ms))
            (void)servers_add(&proven, &told->list[i]);
    if (proven.n > 0 && b->io.servers)
        b->io.servers(b->io.data, &proven);
}

int uplink_recheck(Broker *b, Now now) {
    Uplink *u = &b->uplink;
    if (u->state != UPLINK_OPEN)
        return 0;
    if (!parent_is_revoked(b)) {
        learn_servers(b, now);
        return 0;
    }
    LedgerEntry e = { .kind = LEDGER_SESSION_ENDED, .note = "the parent was revoked" };
    (void)text_copy(e.node, sizeof(e.node), b->config.parent);
    broker_log(b, LOG_EVENT_PARENT_REVOKED, b->config.parent,
               "The directory says that the parent broker is not to be trusted any more: the link "
               "is closed.");
    int r = uplink_end(b, "The parent broker was revoked.");
    u->state = UPLINK_GREETING;
    u->greeted_mono_ms = now.mono_ms;
    return r < 0 ? r : broker_note(b, &e);
}

int broker_uplink_connected(Broker *b, Now now) {
    int r = uplink_end(b, "The connection to the parent broker was made anew.");
    if (r < 0)
        return r;
    greet(b, now);
    return 0;
}

int broker_uplink_lost(Broker *b, Now now) {
    (void)now;
    return uplink_end(b, "The connection to the parent broker is lost.");
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
    u->told = f->welcome.servers;
    learn_servers(b, now);
    u->state = UPLINK_OPEN;
    u->window = MIN(b->config.link_window, MAX(f->welcome.publish_window, 1U));
    u->ping_ms = MAX((int64_t)f->welcome.ping_interval_ms, SECOND_MS);
    u->credit_messages = MIN(UPLINK_CREDIT, f->welcome.credit_messages_max);
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
                  .subscribe = { .channel = UPLINK_CHANNEL,
                                 .source = SOURCE_LINK,
                                 .credit_messages = UPLINK_CREDIT } };
    r = uplink_say(b, &sub, NULL, 0);
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

int uplink_send(Broker *b, const Frame *f) {
    return b->uplink.state == UPLINK_OPEN ? uplink_say(b, f, NULL, 0) : -EHOSTUNREACH;
}

static int on_error(Broker *b, Now now, const Frame *f) {
    /* Each frame that was on its way when the parent gave the session up is answered so; one HELLO
     * is enough, and too many of them the parent would not take. */
    if (f->error.code == ERROR_NO_SESSION && b->uplink.state != UPLINK_OPEN)
        return 0;
    broker_log(b, LOG_EVENT_SESSION_REFUSED, b->config.parent, "The parent broker answered %s: %s.",
               error_code_name(f->error.code), f->error.text);
    if (!f->error.fatal && f->error.channel != UPLINK_CHANNEL)
        return 0;
    /* Without its channel a session is deaf: better none, and another try. */
    int r = uplink_end(b, f->error.fatal ? "The parent broker ended the session."
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
            int r = uplink_answered(b, now, &f->published.results[i]);
            if (r < 0)
                return r;
        }
        return 0;
    case FRAME_DELIVER:
        u->progress_mono_ms = now.mono_ms; /* its answers wait behind what comes down */
        return uplink_delivered(b, now, &f->deliver, m);
    case FRAME_BUNDLE:
        u->progress_mono_ms = now.mono_ms;
        return f->bundle->deliveries ? uplink_delivered_bundle(b, now, f->bundle, m) : 0;
    case FRAME_PING: {
        Frame pong = { .kind = FRAME_PONG,
                       .pong = { .sent_ms = f->ping.sent_ms,
                                 .progress = neighbour_progress(b, b->config.parent) } };
        (void)uplink_say(b, &pong, NULL, 0);
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
        int r = uplink_end(b, "The parent broker said BYE.");
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
    b->uplink.n_greeted = 0;
    int r = m->oversized || m->n_parts == 0
                ? WIRE_TOO_LARGE
                : codec_decode_frame(m->parts[0], FRAME_ANSWER_MAX, &f, &why);
    if (r < 0)
        return r;
    if (r > 0) {
        broker_log(b, LOG_EVENT_PEER_MALFORMED, b->config.parent,
                   "A frame of the parent broker could not be read: %s.", why ? why : "too large");
        r = uplink_end(b, "The parent broker sent a frame that cannot be read.");
        b->io.uplink_reset(b->io.data);
        return r;
    }
    r = up_frame(b, now, &f, m);
    frame_deinit(&f);
    return r;
}

static int greet_again(Broker *b, Now now) {
    Uplink *u = &b->uplink;
    if (now.mono_ms - u->greeted_mono_ms < GREETING_MS)
        return 0;
    if (u->n_greeted < GREETINGS_MAX) {
        greet(b, now);
        return 0;
    }
    u->n_greeted = 0;
    int r = uplink_end(b, "The parent broker does not answer.");
    b->io.uplink_reset(b->io.data);
    return r;
}

int uplink_second(Broker *b, Now now) {
    Uplink *u = &b->uplink;
    if (u->state == UPLINK_DOWN)
        return 0;
    if (u->state == UPLINK_GREETING)
        return greet_again(b, now);
    if (now.mono_ms - u->heard_mono_ms > DEAD_AFTER * u->ping_ms) {
        int r = uplink_end(b, "The parent broker is silent.");
        b->io.uplink_reset(b->io.data);
        return r;
    }
    if (u->n_sent > 0 && now.mono_ms - u->progress_mono_ms > b->config.link_stall_ms) {
        LogRecord rec = { .event = LOG_EVENT_LINK_STALLED };
        log_peer_name(b->config.parent, rec.link, sizeof(rec.link));
        (void)text_copy(rec.text, sizeof(rec.text),
                        "Backlog without progress on the link to the parent: it is reset.");
        b->io.log(b->io.data, &rec);
        int r = uplink_end(b, "The link was reset for want of progress.");
        b->io.uplink_reset(b->io.data);
        return r;
    }
    if (now.mono_ms - u->pinged_mono_ms > u->ping_ms - SECOND_MS) { /* or the next look is late */
        u->pinged_mono_ms = now.mono_ms;
        Frame f = { .kind = FRAME_PING,
                    .ping = { .sent_ms = now.wall_ms,
                              .progress = neighbour_progress(b, b->config.parent) } };
        (void)uplink_say(b, &f, NULL, 0);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turns of the broker: what came in, what the store did, what time has brought. Everything a turn
 * causes (answers, deliveries, settlements upwards) leaves at its end, in turn_end().
 */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/account.h"
#include "broker/check-queue.h"
#include "broker/clock.h"
#include "broker/consume.h"
#include "broker/directory.h"
#include "broker/due.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/key.h"
#include "broker/neighbour.h"
#include "broker/note.h"
#include "broker/offender.h"
#include "broker/publish.h"
#include "broker/query.h"
#include "broker/resolve.h"
#include "broker/session.h"
#include "broker/settle.h"
#include "broker/sweep.h"
#include "broker/turns.h"
#include "broker/uplink-take.h"
#include "broker/uplink.h"
#include "broker/witness.h"
#include "wire/codec.h"

const BrokerConfig broker_config_default = {
    .sessions_max = 4096,
    .publish_window = 1024,
    .credit_messages_max = 256,
    .credit_bytes_max = 16U * 1024 * 1024,
    .link_window = 256,
    .ping_ms = 10 * SECOND_MS,
    .probe_ms = 2 * SECOND_MS,
    .lease_ms = 15 * MINUTE_MS,
    .sweep_ms = 5 * SECOND_MS,
    .link_stall_ms = 60 * SECOND_MS,
    .retry = { .first_ms = SECOND_MS, .cap_ms = 15 * MINUTE_MS, .max_attempts = 16 },
    .witness_ms = DAY_MS,
    .cache_bytes = 64U * 1024 * 1024,
    .pending_max = 4096,
    .hello_rate = 8,
    .node_window = 2048,
    .node_bytes = 64U * 1024 * 1024,
    .node_queries = 256,
    .node_out_bytes = 128U * 1024 * 1024,
    .pending_bytes = 256U * 1024 * 1024,
    .outbox_bytes = 4U * 1024 * 1024,
    .idle_rate = 256,
    .slow_ms = MINUTE_MS,
    .unsigned_allowed = true,
};

void broker_log(Broker *b, LogEvent event, const char *peer, const char *format, ...) {
    LogRecord r = { .event = event };
    if (peer)
        log_peer_name(peer, r.peer, sizeof(r.peer));
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(r.text, sizeof(r.text), format, ap);
    va_end(ap);
    b->io.log(b->io.data, &r);
}

int broker_new(Broker **ret, const BrokerConfig *config, const BrokerIo *io, Directory *directory,
               Now now) {
    _cleanup_(broker_freep) Broker *b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->config = *config;
    b->io = *io;
    b->directory = directory_ref(directory);
    b->instance_id = uuid_v4();
    b->next_session_id = SESSION_ID_FIRST;
    b->tick_mono_ms = b->second_mono_ms = now.mono_ms;
    b->sweep_mono_ms = now.mono_ms; /* what expired while we were down is told soon */
    b->uplink.ping_ms = config->ping_ms;
    b->keys_from_ms = INT64_MIN;
    b->keys_until_ms = INT64_MAX;
    if (config->noted_ms > 0) /* it may have leapt while nobody looked */
        clock_remember(b, config->noted_ms, now);
    int r = check_init(b);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(b);
    return 0;
}

Broker *broker_free(Broker *b) {
    if (!b)
        return NULL;
    Session *s, *s_tmp;
    HASH_ITER (hh, b->sessions, s, s_tmp) {
        HASH_DEL(b->sessions, s);
        HASH_DELETE(hh_id, b->sessions_by_id, s);
        for (uint32_t i = 1; i <= CHANNELS_MAX; i++) {
            if (s->channels[i]) {
                HASH_CLEAR(hh_tag, s->channels[i]->out);
                free(s->channels[i]->filter);
                free(s->channels[i]);
            }
        }
        for (uint32_t i = 0; i < s->n_results; i++)
            publish_result_deinit(&s->results[i]);
        while (s->outbox) {
            Answer *next = s->outbox->next;
            free(s->outbox->p);
            free(s->outbox);
            s->outbox = next;
        }
        free(s);
    }
    Sent *sent, *sent_tmp;
    HASH_ITER (hh, b->uplink.sent, sent, sent_tmp) {
        HASH_DEL(b->uplink.sent, sent);
        free(sent);
    }
    Feed *q, *q_tmp;
    HASH_ITER (hh, b->feeds, q, q_tmp) {
        HASH_DEL(b->feeds, q);
        window_deinit(&q->window);
        free(q);
    }
    Neighbour *l, *l_tmp;
    HASH_ITER (hh, b->neighbours, l, l_tmp) {
        HASH_DEL(b->neighbours, l);
        free(l);
    }
    check_deinit(b);
    accounts_deinit(b);
    broker_batch_free(b->urgent.first);
    broker_batch_free(b->ops.first);
    (void)directory_unref(b->directory);
    (void)enrolments_unref(b->enrolments);
    free(b->denials);
    (void)bundle_free(b->bundle);
    (void)bundle_free(b->uplink.bundle);
    free(b);
    return NULL;
}

void broker_reconfigure(Broker *b, const BrokerConfig *config) {
    b->config = *config;
}

/* What every turn ends with. */
static int turn_end(Broker *b, Now now) {
    int r;

    b->status.turns++;
    b->now = now;
    turns_pump(b, now);
    r = feeds_pump(b, now);
    if (r < 0)
        return r;
    sessions_flush_results(b);
    r = uplink_flush(b);
    if (r < 0)
        return r;
    return sessions_bury(b, now);
}

/* What cannot be read. The peer is told why, and its session ends. */
static int receive_garbage(Broker *b, Now now, Session *s, const PeerMessage *m, ErrorCode code,
                           const char *why) {
    broker_log(b, LOG_EVENT_PEER_MALFORMED, s ? s->node : m->user_id, "A frame means nothing: %s.",
               why);
    int r = offender_note(b, now, m->port, m->user_id, GARBAGE_FRAME);
    if (r < 0)
        return r;
    if (!s) {
        if (code != ERROR_TOO_LARGE)
            peer_error(b, m, code, why);
        return 0;
    }
    session_error(b, s, code, 0, true, why);
    return session_end(b, now, s, SESSION_DIED, "a frame that means nothing");
}

/* One that the store is not asked for was refused, or cost the reading of it. */
static int receive_query(Broker *b, Now now, Session *s, Frame *f, const PeerMessage *m,
                         bool resolve) {
    const uint32_t asked = s->account->n_queries;
    int r = resolve && m->n_parts > 1 ? resolve_frame(b, now, s, f, m) : query_frame(b, now, s, f);
    return r == 0 && s->account->n_queries == asked ? offender_idle(b, now, s) : r;
}

static int receive_in_session(Broker *b, Now now, Session *s, Frame *f, const PeerMessage *m) {
    s->heard_mono_ms = now.mono_ms;
    const bool resolve = f->kind == FRAME_QUERY && strcmp(f->query.verb, "resolve") == 0;
    if (m->n_parts > 1 && f->kind != FRAME_PUBLISH && !resolve)
        return receive_garbage(b, now, s, m, ERROR_MALFORMED,
                               "only PUBLISH has parts behind the frame");
    switch (f->kind) {
    case FRAME_PUBLISH:
        return publish_frame(b, now, s, &f->publish, m);
    case FRAME_BUNDLE:
        if (!f->bundle->publishes)
            return receive_garbage(b, now, s, m, ERROR_MALFORMED, "a bundle of deliveries");
        return publish_bundle(b, now, s, f->bundle, m);
    case FRAME_SUBSCRIBE:
        return consume_subscribe(b, now, s, f);
    case FRAME_UNSUBSCRIBE:
        return consume_unsubscribe(b, now, s, f);
    case FRAME_CREDIT:
        return consume_credit(b, now, s, f);
    case FRAME_SETTLE:
        return settle_frame(b, now, s, f);
    case FRAME_QUERY:
        return receive_query(b, now, s, f, m, resolve);
    case FRAME_DIRECTORY_WANT:
        return s->broker ? directory_want(b, s, f) : session_denied(b, now, s, 0, "LINK");
    case FRAME_PING: {
        Frame pong = { .kind = FRAME_PONG, .pong = { .sent_ms = f->ping.sent_ms } };
        if (s->broker) {
            pong.pong.progress = neighbour_progress(b, s->node);
            neighbour_compare(b, s->node, &f->ping.progress);
        }
        (void)session_send(b, s, &pong, NULL, 0);
        return offender_idle(b, now, s);
    }
    case FRAME_PONG:
        return offender_idle(b, now, s);
    case FRAME_BYE:
        return session_end(b, now, s, SESSION_ORDERLY, "the peer said BYE");
    case FRAME_ERROR:
        return offender_idle(b, now, s);
    default:
        return receive_garbage(b, now, s, m, ERROR_MALFORMED, "this frame is not for a broker");
    }
}

/* A key whose programs did nothing but harm for a while gets nothing for a while. */
static int receive_slowed(Broker *b, Now now, Session *s, const PeerMessage *m) {
    int r = s ? session_end(b, now, s, SESSION_DIED, "its key is slowed down") : 0;
    peer_error(b, m, ERROR_BUSY, "this key did harm; try again later");
    if (b->io.cut)
        b->io.cut(b->io.data, m->port, m->route);
    return r;
}

static size_t frame_limit(const PeerMessage *m, const Session *s) {
    if (m->port == PORT_ADMIN || (s && (s->broker || s->operator_)))
        return FRAME_ANSWER_MAX;
    return s && codec_frame_is(m->parts[0], FRAME_BUNDLE) ? BUNDLE_MAX_BYTES : FRAME_MAX;
}

static int receive(Broker *b, Now now, const PeerMessage *m) {
    b->now = now;
    if (m->port == PORT_UPLINK)
        return uplink_receive(b, now, m);

    Session *s = session_find(b, m->port, m->route);
    if (m->port == PORT_CLIENTS && offender_is_slowed(b, now, m->user_id))
        return receive_slowed(b, now, s, m);
    if (m->oversized || m->n_parts == 0)
        return receive_garbage(b, now, s, m, ERROR_TOO_LARGE,
                               "too many parts, or a part over its limit");

    Frame f = { 0 };
    const char *why = NULL;
    int r = codec_decode_frame(m->parts[0], frame_limit(m, s), &f, &why);
    if (r < 0)
        return r;
    if (r > 0)
        return receive_garbage(b, now, s, m,
                               r == WIRE_TOO_LARGE && s ? ERROR_TOO_LARGE : ERROR_MALFORMED,
                               why ? why : "malformed");
    if (f.kind == FRAME_HELLO) {
        r = session_hello(b, now, m, &f);
    } else if (s) {
        r = receive_in_session(b, now, s, &f, m);
    } else {
        peer_error(b, m, ERROR_NO_SESSION, "say HELLO first");
        r = offender_note(b, now, m->port, m->user_id, GARBAGE_STRAY);
    }
    frame_deinit(&f);
    return r;
}

int broker_receive(Broker *b, Now now, const PeerMessage *m) {
    int r = receive(b, now, m);
    if (r < 0)
        return r;
    return turn_end(b, now);
}

int broker_take_directory(Broker *b, Now now, Directory *d) {
    (void)directory_unref(b->directory);
    b->directory = directory_ref(d);
    b->io.directory(b->io.data, d);
    feeds_forget_copies(b);
    int r = uplink_recheck(b, now);
    if (r == 0)
        r = sessions_recheck(b, now);
    return r < 0 ? r : directory_news(b);
}

/* A node's record (M70) was accepted, from whomever. */
static int directory_changed(Broker *b, Now now, Directory *d) {
    broker_log(b, LOG_EVENT_DIRECTORY_IMPORTED, NULL,
               "Directory version %llu: a message changed the record of a node.",
               (unsigned long long)directory_version(d));
    return broker_take_directory(b, now, d);
}

static void log_wraps(Broker *b, const StoreOp *op) {
    const bool dead = op->kind == OP_DEAD;
    LogRecord r = { .event = LOG_EVENT_WRAP_ASKED };
    if (op->n_wraps_asked == 0 || (!dead && op->kind != OP_ACCEPT))
        return;
    r.message_id = dead ? op->dead.message_id : op->accept.message->env.message_id;
    (void)snprintf(r.text, sizeof(r.text),
                   "%u recipients of a sealed message cannot open it; its sender was asked for "
                   "wraps.",
                   op->n_wraps_asked);
    b->io.log(b->io.data, &r);
}

static int stored_one(Broker *b, Now now, StoreOp *op) {
    int r = 0;
    log_wraps(b, op);
    switch (op->kind) {
    case OP_ACCEPT:
        key_wish_told(b, op);
        if (op->accept.directory)
            r = directory_changed(b, now, op->accept.directory);
        if (r < 0)
            return r;
        return op->owner_id == UPLINK_OWNER ? uplink_accepted(b, now, op)
                                            : publish_done(b, now, op);
    case OP_DELIVERY:
        return delivery_done(b, now, op);
    case OP_LOAD:
        return feed_loaded(b, op);
    case OP_NEXT:
        return feed_found(b, op);
    case OP_BODIES:
        return feed_bodies(b, now, op);
    case OP_QUEUE:
        return op->owner_id == UPLINK_OWNER ? uplink_queue_found(b, now, op)
                                            : consume_queue_found(b, now, op);
    case OP_SUBSCRIPTION:
        return consume_subscription_done(b, now, op);
    case OP_SWEEP:
        return sweep_done(b, now, op);
    case OP_LINK:
        return neighbour_counted(b, op);
    case OP_DUE:
        return due_done(b, op);
    case OP_DIRECTORY_TAKE:
        return directory_taken(b, now, op);
    case OP_DIRECTORY_READ:
        return directory_found(b, op);
    case OP_DIRECTORY_SIGN:
        return op->owner_id == 0 ? directory_signed(b, now, op) : query_done(b, now, op);
    case OP_IMPORT:
    case OP_REVOKE:
    case OP_QUERY:
    case OP_BACKUP:
    case OP_DEAD:
    case OP_KEY:
        return op->owner_id == WITNESS_OWNER ? witness_stored(b, now, op) : query_done(b, now, op);
    case OP_NOTE:
        return publish_noted(b, op);
    }
    return 0;
}

#define LINK_AHEAD 2048U /* copies for a neighbour kept in memory as they come */

/* A copy for a neighbour that is there to take it: what a look into the store would tell. NULL with
 * *ret_r 0: leave it on disk. */
static DeliveryInfo *link_info(Broker *b, const Feed *q, Deposit *d, int *ret_r) {
    const bool open = q->uplink ? b->uplink.state == UPLINK_OPEN : q->channels != NULL;
    if (!d->body || !d->forward || !open || q->window.n_lane[d->row.lane] >= LINK_AHEAD ||
        b->cached + body_size(d->body) > b->config.cache_bytes / 2) /* the rest is for mailboxes */
        return NULL;
    DeliveryInfo *info = calloc(1, sizeof(*info));
    if (!info) {
        *ret_r = -ENOMEM;
        return NULL;
    }
    info->message_id = d->message_id;
    info->accepted_ms = d->forward->accepted_ms;
    info->n_stamps = d->forward->n_stamps;
    memcpy(info->stamps, d->forward->stamps, sizeof(info->stamps));
    info->forward = TAKE_PTR(d->forward);
    return info;
}

int broker_deposits(Broker *b, StoreOp *op) {
    for (uint32_t i = 0; i < op->n_deposits; i++) {
        Deposit *d = &op->deposits[i];
        Feed *q = feed_get(b, d->row.queue);
        if (!q)
            continue; /* nobody reads it now: the row waits on disk */
        _cleanup_(delivery_info_freep) DeliveryInfo *info = NULL;
        /* A receipt that the message caused is not the message. */
        bool keep = op->kind == OP_ACCEPT && q->kind != QUEUE_LINK && d->body &&
                    (q->kind != QUEUE_RECEIPTS || op->accept.message->env.kind == KIND_RECEIPT) &&
                    b->cached + body_size(d->body) <= b->config.cache_bytes;
        if (keep) {
            const Message *m = op->accept.message;
            info = calloc(1, sizeof(*info));
            if (!info)
                return -ENOMEM;
            info->message_id = m->env.message_id;
            info->accepted_ms = m->fwd.present ? m->fwd.accepted_ms : op->accept.result.accepted_ms;
            (void)text_copy(info->recipient.node, sizeof(info->recipient.node), q->name);
            char *space = strchr(info->recipient.node, ' '); /* "owner name" of a subscription */
            if (space)
                *space = '\0';
            info->recipient.role = q->kind != QUEUE_SUBSCRIPTION ? ROLE_ADDRESSEE : ROLE_SUBSCRIBER;
            if (q->kind == QUEUE_MAILBOX && (d->row.flags & DELIVERY_FACTS_ONLY))
                info->recipient.role = ROLE_SUPERVISOR;
            info->n_stamps = MIN(m->fwd.n_stamps, STAMPS_MAX - 1);
            memcpy(info->stamps, m->fwd.stamps, info->n_stamps * sizeof(HopStamp));
            HopStamp *own = &info->stamps[info->n_stamps++];
            (void)text_copy(own->broker, sizeof(own->broker), b->config.self);
            own->at_ms = op->accept.result.accepted_ms;
        }
        int r = 0;
        if (q->kind == QUEUE_LINK)
            keep = (info = link_info(b, q, d, &r)) != NULL;
        if (r == 0)
            r = window_deposit(&q->window, d, &info, keep);
        if (r < 0)
            return r;
        if (r > 0) {
            r = feed_seek(b, q, d->row.order_key);
            if (r < 0)
                return r;
        }
        feed_want(b, q);
    }
    for (uint32_t i = 0; i < op->n_recalled; i++) {
        Feed *q = feed_get(b, op->recalled[i].queue);
        int r = sweep_recall(b, &op->recalled[i], q ? q->kind : (QueueKind)0);
        if (r < 0)
            return r;
    }
    return 0;
}

int broker_stored(Broker *b, Now now, StoreOp *list) {
    while (list) {
        StoreOp *op = list;
        list = op->next;
        op->next = NULL;
        turns_left_the_way(b, op);
        int r = broker_deposits(b, op);
        if (r == 0)
            r = stored_one(b, now, op);
        (void)store_op_free(op);
        if (r < 0) {
            broker_batch_free(list);
            return r;
        }
    }
    return turn_end(b, now);
}

int64_t broker_due_ms(const Broker *b, Now now) {
    (void)now;
    return b->tick_mono_ms;
}

int broker_tick(Broker *b, Now now) {
    if (now.mono_ms < b->tick_mono_ms)
        return 0;
    b->tick_mono_ms = now.mono_ms + TICK_MS;

    Feed *q, *tmp;
    HASH_ITER (hh, b->feeds, q, tmp) {
        window_wake(&q->window, now.wall_ms, MAX(b->config.retry.cap_ms, MINUTE_MS));
        Channel *c;
        for (c = q->channels; c; c = c->next)
            c->blocked = false;
        if (q->channels || q->uplink)
            feed_want(b, q);
    }
    int r = sessions_expire(b, now);
    if (r == 0)
        r = sweep_tick(b, now);
    if (r == 0 && now.mono_ms >= b->second_mono_ms) {
        b->second_mono_ms = now.mono_ms + SECOND_MS;
        clock_second(b, now);
        r = sessions_second(b, now);
        if (r == 0)
            r = uplink_second(b, now);
        if (r == 0)
            r = due_second(b);
        if (r == 0)
            r = notes_second(b, now);
        if (r == 0)
            r = witness_second(b, now);
        if (r == 0)
            r = directory_second(b, now);
    }
    if (r < 0)
        return r;
    return turn_end(b, now);
}

void broker_stop(Broker *b, Now now) {
    const LedgerEntry stopped = { .kind = LEDGER_STOPPED };
    int r = notes_last(b, now);
    if (r == 0)
        r = broker_note(b, &stopped);
    if (r < 0)
        broker_log(b, LOG_EVENT_STOPPING, NULL, "Out of memory: the ledger does not say so.");
    Frame bye = { .kind = FRAME_BYE };
    (void)text_copy(bye.bye.reason, sizeof(bye.bye.reason), "the broker is stopping");
    Session *s, *tmp;
    HASH_ITER (hh, b->sessions, s, tmp) {
        (void)session_send(b, s, &bye, NULL, 0);
    }
    if (b->uplink.state == UPLINK_OPEN) {
        uint8_t *p;
        size_t n;
        if (codec_encode_frame(&bye, &p, &n) == 0) {
            Bytes part = bytes_make(p, n);
            (void)b->io.send(b->io.data, PORT_UPLINK, (Bytes) { 0 }, &part, 1);
            free(p);
        }
    }
}

BrokerStatus broker_status(const Broker *b) {
    BrokerStatus st = b->status;
    st.sessions = b->n_sessions;
    st.has_parent = b->config.parent[0] != '\0';
    st.uplink_up = b->uplink.state == UPLINK_OPEN;
    st.pending_ops = broker_waiting(b) + broker_checking(b);
    st.child_links = 0;
    for (const Neighbour *l = b->neighbours; l; l = l->hh.next)
        st.child_links += l->up && strcmp(l->neighbour, b->config.parent) != 0;
    return st;
}

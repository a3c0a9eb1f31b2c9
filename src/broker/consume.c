/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Channels: a consumer opens one on a queue, grants credit, and closes it. Competing consumers are
 * several channels on one queue, of one session or many.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/account.h"
#include "broker/batch.h"
#include "broker/consume.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/offender.h"
#include "broker/session.h"
#include "broker/settle.h"
#include "broker/turns.h"
#include "core/access.h"

/* False: it had as much as it may have. */
static bool credit_add(const Broker *b, Channel *c, uint32_t messages, uint32_t bytes) {
    const uint32_t had_messages = c->credit_messages, had_bytes = c->credit_bytes;
    uint32_t room = b->config.credit_messages_max -
                    MIN(c->credit_messages + c->n_out, b->config.credit_messages_max);
    c->credit_messages += MIN(messages, room);
    room = b->config.credit_bytes_max -
           MIN(c->credit_bytes + c->bytes_out, b->config.credit_bytes_max);
    c->credit_bytes += bytes == 0 ? room : MIN(bytes, room);
    return c->credit_messages > had_messages || c->credit_bytes > had_bytes;
}

static Channel *channel_get(Session *s, uint32_t id) {
    return id >= 1 && id <= CHANNELS_MAX ? s->channels[id] : NULL;
}

static Channel *channel_open(const Broker *b, Session *s, const Frame *f) {
    Channel *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->id = f->subscribe.channel;
    c->source = f->subscribe.source;
    (void)text_copy(c->name, sizeof(c->name), f->subscribe.name);
    c->session = s;
    c->next_tag = 1;
    (void)credit_add(b, c, f->subscribe.credit_messages, f->subscribe.credit_bytes);
    s->channels[c->id] = c;
    s->channels_used |= 1U << c->id;
    s->n_channels++;
    return c;
}

static void channel_free(Channel *c) {
    c->session->channels[c->id] = NULL;
    c->session->n_channels--;
    free(c->filter);
    free(c);
}

static bool subscription_name_is_valid(const char *name) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && name[n] == '\0';
}

/* May the session read this source? NULL, or why not. */
static const char *source_refused(const Broker *b, const Session *s, const Frame *f) {
    const DirNode *node = directory_node(b->directory, s->node);
    const char *why = NULL;
    switch (f->subscribe.source) {
    case SOURCE_MAILBOX:
    case SOURCE_RECEIPTS:
        if (!node || strcmp(node->home[0] ? node->home : node->id, b->config.self) != 0)
            return "this broker is not the home of your node";
        return NULL;
    case SOURCE_NAMED:
        if (!node)
            return "your node is not in the directory";
        if (f->subscribe.filter && !filter_is_allowed(f->subscribe.filter, node, &why))
            return why ? why : "the filter reaches outside your scope";
        return NULL;
    case SOURCE_LINK:
        if (!s->broker || !node || strcmp(node->broker_parent, b->config.self) != 0)
            return "only a broker whose parent this is may read its link";
        return NULL;
    default:
        return "unknown source";
    }
}

static bool reads_link(const Session *s) {
    for (uint32_t i = 1; i <= CHANNELS_MAX; i++)
        if (s->channels[i] && s->channels[i]->source == SOURCE_LINK)
            return true;
    return false;
}

/* A link has one reader: a child that came back takes it from the session that it lost. What that
 * one holds would else wait until the silence is noticed, and its end look like the link's. */
static int link_take_over(Broker *b, Now now, const Session *reader) {
    Session *s, *tmp;
    HASH_ITER (hh, b->sessions, s, tmp) {
        if (s == reader || strcmp(s->node, reader->node) != 0 || !reads_link(s))
            continue;
        session_error(b, s, ERROR_REPLACED, 0, true, "the link is read by a newer session");
        int r = session_end(b, now, s, SESSION_ORDERLY, "its link is read by a newer session");
        if (r < 0)
            return r;
    }
    /* Before the queue is asked for: what goes out is uncertain after a crash. */
    return neighbour_session(b, reader->node, true);
}

static int subscribe(Broker *b, Now now, Session *s, Frame *f) {
    uint32_t id = f->subscribe.channel;
    if (id < 1 || id > CHANNELS_MAX || s->channels_used & 1U << id) {
        session_error(b, s, ERROR_BAD_CHANNEL, id, false, "channel out of range or used before");
        return 0;
    }
    if (f->subscribe.source == SOURCE_LINK && reads_link(s)) {
        session_error(b, s, ERROR_BAD_CHANNEL, id, false, "another channel reads the link");
        return 0;
    }
    if (!account_may_subscribe(b, s->account)) {
        session_error(b, s, ERROR_BUSY, id, false, "too much of this node waits; try again later");
        return 0;
    }
    if (f->subscribe.source == SOURCE_NAMED && !subscription_name_is_valid(f->subscribe.name)) {
        session_error(b, s, ERROR_NO_SUBSCRIPTION, id, false, "names are 1-64 of a-z 0-9 . _ -");
        return 0;
    }
    const char *why = source_refused(b, s, f);
    if (why) {
        session_error(b, s, ERROR_NOT_ALLOWED, id, false, why);
        return 0;
    }
    char missing[RIGHT_USE_TEXT_SIZE];
    const bool asks_store = f->subscribe.source == SOURCE_NAMED && !f->subscribe.filter;
    if (!asks_store && !rights_allow_channel(&s->rights, RIGHT_SUBSCRIBE, f->subscribe.source,
                                             f->subscribe.filter, missing))
        return session_denied(b, now, s, id, missing);
    if (f->subscribe.source == SOURCE_LINK) {
        int r = link_take_over(b, now, s);
        if (r < 0)
            return r;
    }
    StoreOp *op =
        op_for(f->subscribe.source == SOURCE_NAMED ? OP_SUBSCRIPTION : OP_QUEUE, s->id, NULL);
    if (!op)
        return -ENOMEM;
    if (!channel_open(b, s, f)) {
        (void)store_op_free(op);
        return -ENOMEM;
    }
    if (op->kind == OP_SUBSCRIPTION) {
        session_sign(s, op->subscription.key);
        (void)text_copy(op->subscription.owner, sizeof(op->subscription.owner), s->node);
        (void)text_copy(op->subscription.name, sizeof(op->subscription.name), f->subscribe.name);
        op->subscription.filter = TAKE_PTR(f->subscribe.filter);
    } else {
        op->queue.kind = f->subscribe.source == SOURCE_MAILBOX    ? QUEUE_MAILBOX
                         : f->subscribe.source == SOURCE_RECEIPTS ? QUEUE_RECEIPTS
                                                                  : QUEUE_LINK;
        (void)text_copy(op->queue.name, sizeof(op->queue.name), s->node);
    }
    op->owner = (void *)(uintptr_t)id;
    turns_push(b, now, s, op);
    return 0;
}

/* Each is cheap to ask for, and many change nothing. */
int consume_subscribe(Broker *b, Now now, Session *s, Frame *f) {
    int r = offender_idle(b, now, s);
    return r < 0 || s->gone ? r : subscribe(b, now, s, f);
}

static int channel_attach(Broker *b, Channel *c, QueueId id, QueueKind kind, const char *name,
                          uint64_t queued, bool overrun, int64_t overrun_ms) {
    c->feed = feed_open(b, id, kind, name);
    if (!c->feed)
        return -ENOMEM;
    DL_APPEND(c->feed->channels, c);
    Frame f = { .kind = FRAME_SUBSCRIBED,
                .subscribed = { .channel = c->id,
                                .queued = queued,
                                .overrun = overrun,
                                .overrun_ms = overrun_ms } };
    (void)session_send(b, c->session, &f, NULL, 0);
    feed_want(b, c->feed);
    return 0;
}

/* The channel an operation was made for, if it is still there and still waits for its queue. */
static Channel *waiting_channel(Broker *b, const StoreOp *op) {
    Session *s = session_by_id(b, op->owner_id);
    Channel *c = s ? channel_get(s, (uint32_t)(uintptr_t)op->owner) : NULL;
    return c && !c->feed ? c : NULL;
}

int consume_queue_found(Broker *b, Now now, StoreOp *op) {
    (void)now;
    Channel *c = waiting_channel(b, op);
    if (!c)
        return 0;
    return channel_attach(b, c, op->queue.id, op->queue.kind, op->queue.name, op->queue.queued,
                          false, 0);
}

/* How the store calls the queue of a subscription. */
static void subscription_queue(char ret[static NODE_NAME_SIZE + SUBSCRIPTION_SIZE],
                               const StoreOp *op) {
    size_t n = strlen(op->subscription.owner);
    (void)text_copy(ret, NODE_NAME_SIZE, op->subscription.owner);
    ret[n] = ' ';
    (void)text_copy(ret + n + 1, SUBSCRIPTION_SIZE, op->subscription.name);
}

/* The channels of a subscription that was dropped, of every session of the node, have nothing to
 * read any more. */
static int subscription_dropped(Broker *b, Now now, const StoreOp *op) {
    char name[NODE_NAME_SIZE + SUBSCRIPTION_SIZE];
    subscription_queue(name, op);
    Feed *q = b->feeds;
    while (q && (q->kind != QUEUE_SUBSCRIPTION || strcmp(q->name, name) != 0))
        q = q->hh.next;
    if (!q)
        return 0;
    Channel *c, *tmp;
    DL_FOREACH_SAFE(q->channels, c, tmp) {
        session_error(b, c->session, ERROR_NO_SUBSCRIPTION, c->id, false,
                      "the subscription was dropped");
        int r = channel_close(b, now, c, SESSION_ORDERLY);
        if (r < 0)
            return r;
    }
    feed_forget(q);
    feed_want(b, q); /* which lets go of it when it is idle */
    return 0;
}

/* It was not opened. */
static int subscription_refused(Broker *b, Now now, Channel *c, const StoreOp *op) {
    static const struct {
        ErrorCode code;
        const char *text;
    } of[] = {
        [SUBSCRIPTION_MISSING] = { ERROR_NO_SUBSCRIPTION,
                                   "no subscription of this name: give a filter to create it" },
        [SUBSCRIPTION_DIFFERS] = { ERROR_NO_SUBSCRIPTION,
                                   "a subscription of this name has another filter" },
        [SUBSCRIPTION_TOO_MANY] = { ERROR_BUSY, "no room for another subscription of this node" },
        [SUBSCRIPTION_NOT_ALLOWED] = { ERROR_NOT_ALLOWED, NULL },
    };
    Session *s = c->session;
    const uint32_t id = c->id;
    s->channels_used &= ~(1U << id); /* it never was one */
    channel_free(c);
    if (op->subscription.verdict == SUBSCRIPTION_NO_RIGHT)
        return session_denied(b, now, s, id, op->subscription.why);
    const char *text = of[op->subscription.verdict].text;
    session_error(b, s, of[op->subscription.verdict].code, id, false,
                  text ? text : op->subscription.why);
    return 0;
}

int consume_subscription_done(Broker *b, Now now, StoreOp *op) {
    Session *s = session_by_id(b, op->owner_id);
    if (op->subscription.drop && op->subscription.verdict == SUBSCRIPTION_NO_RIGHT)
        return s ? session_denied(b, now, s, 0, op->subscription.why) : 0;
    if (op->subscription.drop)
        return subscription_dropped(b, now, op);
    Channel *c = waiting_channel(b, op);
    if (!c)
        return 0;
    if (op->subscription.verdict != SUBSCRIPTION_OK)
        return subscription_refused(b, now, c, op);
    c->filter = TAKE_PTR(op->subscription.filter);
    if (op->subscription.overrun)
        broker_log(b, LOG_EVENT_SUBSCRIPTION_OVERRUN, c->session->node,
                   "A subscription is over its quota: copies are missing.");
    char name[NODE_NAME_SIZE + SUBSCRIPTION_SIZE];
    subscription_queue(name, op);
    return channel_attach(b, c, op->subscription.id, QUEUE_SUBSCRIPTION, name,
                          op->subscription.queued, op->subscription.overrun,
                          op->subscription.overrun_ms);
}

int consume_unsubscribe(Broker *b, Now now, Session *s, const Frame *f) {
    int r = offender_idle(b, now, s);
    if (r < 0 || s->gone)
        return r;
    if (f->unsubscribe.drop_name[0] && !account_may_subscribe(b, s->account)) {
        session_error(b, s, ERROR_BUSY, 0, false, "too much of this node waits; try again later");
        return 0;
    }
    if (f->unsubscribe.drop_name[0]) {
        StoreOp *op = op_for(OP_SUBSCRIPTION, s->id, NULL);
        if (!op)
            return -ENOMEM;
        op->subscription.drop = true;
        session_sign(s, op->subscription.key);
        (void)text_copy(op->subscription.owner, sizeof(op->subscription.owner), s->node);
        (void)text_copy(op->subscription.name, sizeof(op->subscription.name),
                        f->unsubscribe.drop_name);
        turns_push(b, now, s, op);
        return 0;
    }
    Channel *c = channel_get(s, f->unsubscribe.channel);
    if (!c) {
        session_error(b, s, ERROR_BAD_CHANNEL, f->unsubscribe.channel, false, "no such channel");
        return 0;
    }
    bool was_link = c->source == SOURCE_LINK;
    r = channel_close(b, now, c, SESSION_ORDERLY);
    if (r == 0 && was_link)
        r = neighbour_session(b, s->node, false);
    return r;
}

int consume_credit(Broker *b, Now now, Session *s, const Frame *f) {
    Channel *c = channel_get(s, f->credit.channel);
    if (!c) {
        session_error(b, s, ERROR_BAD_CHANNEL, f->credit.channel, false, "no such channel");
        return offender_idle(b, now, s);
    }
    if (!credit_add(b, c, f->credit.messages, f->credit.bytes))
        return offender_idle(b, now, s);
    c->blocked = false; /* it reads: the pipe may have room before the next tick */
    if (c->feed)
        feed_want(b, c->feed);
    return 0;
}

/* The consumer died holding this one, most likely on it: one attempt used up. */
static int count_attempt(Broker *b, Now now, Feed *q, Entry *e) {
    e->row.attempts++;
    e->row.flags |= DELIVERY_HANDED;
    window_busy(&q->window, e);
    if (e->row.attempts >= b->config.retry.max_attempts)
        return delivery_op(b, q, &e->row, q->kind, ACTION_DEAD, CAUSE_DEAD_CRASHED,
                           "the consumer went away while processing it", NULL, 0);
    e->row.due_ms =
        now.wall_ms + retry_delay_ms(&b->config.retry, e->row.attempts, b->io.random(b->io.data));
    return delivery_op(b, q, &e->row, q->kind, ACTION_PARK, CAUSE_NONE, "consumer gone", NULL, 0);
}

static int take_back(Broker *b, Now now, Feed *q, Entry *e, SessionEnd how, bool oldest) {
    if (q->kind == QUEUE_LINK) {
        /* The neighbour may have stored it without our hearing of it: it must go to the neighbour
         * again, and never expire here. */
        e->row.flags |= DELIVERY_UNCERTAIN;
        e->row.due_ms = 0;
        window_busy(&q->window, e);
        return delivery_op(b, q, &e->row, q->kind, ACTION_PARK, CAUSE_NONE, "", NULL, 0);
    }
    if (how == SESSION_DIED && oldest)
        return count_attempt(b, now, q, e);
    const bool first = !(e->row.flags & DELIVERY_HANDED);
    e->row.flags |= DELIVERY_HANDED;
    if (how != SESSION_DIED && first && q->kind == QUEUE_MAILBOX) {
        /* Its sender is told one day that it was fetched, and this feed may not live until then. */
        e->row.due_ms = 0;
        window_busy(&q->window, e);
        return delivery_op(b, q, &e->row, q->kind, ACTION_PARK, CAUSE_NONE, "", NULL, 0);
    }
    if (how == SESSION_DIED && !e->suspect) {
        e->suspect = true;
        q->window.n_suspects++;
    }
    window_return(&q->window, e);
    return 0;
}

int channel_close(Broker *b, Now now, Channel *c, SessionEnd how) {
    Feed *q = c->feed;
    if (q) {
        DL_DELETE(q->channels, c);
        if (q->quiet == c)
            q->quiet = NULL;
        c->session->n_out -= c->n_out;
        c->session->account->out_bytes -= c->bytes_out;
        Entry *e, *tmp;
        bool oldest = true;
        HASH_ITER (hh_tag, c->out, e, tmp) {
            HASH_DELETE(hh_tag, c->out, e);
            int r = take_back(b, now, q, e, how, oldest);
            if (r < 0)
                return r;
            oldest = false;
        }
        feed_want(b, q);
    }
    channel_free(c);
    return 0;
}

int channel_leases(Broker *b, Now now, Channel *c) {
    Entry *e, *tmp;
    if (!c->feed || c->feed->kind == QUEUE_LINK)
        return 0;
    HASH_ITER (hh_tag, c->out, e, tmp) {
        if (now.mono_ms < e->lease_mono_ms)
            continue;
        channel_forget(c, e);
        int r = count_attempt(b, now, c->feed, e);
        if (r < 0)
            return r;
    }
    return 0;
}

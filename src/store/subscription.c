/* SPDX-License-Identifier: Apache-2.0 */
/* Named subscriptions: durable queues fed by a filter, bounded by a quota. */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "law/copies.h"
#include "store/access.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/run.h"
#include "store/subscription.h"

#define FILTER_BYTES_MAX 16384U

static Subscription *subscription_new(Store *s, Queue *queue, const char *owner, const char *name) {
    Subscription *sub = calloc(1, sizeof(*sub));
    if (!sub) {
        db_fault(s, -ENOMEM, "out of memory");
        return NULL;
    }
    sub->queue = queue;
    queue->subscription = sub;
    text_copy(sub->owner, sizeof(sub->owner), owner);
    text_copy(sub->name, sizeof(sub->name), name);
    DL_APPEND(s->subscriptions, sub);
    return sub;
}

static void subscription_forget(Store *s, Subscription *sub) {
    sub->queue->subscription = NULL;
    DL_DELETE(s->subscriptions, sub);
    free(sub);
}

void subscriptions_load(Store *s) {
    _query_ q = QUERY(s, "SELECT queue, owner, name, filter, blocked, overrun_at "
                         "FROM subscription");
    while (db_row(s, q)) {
        Queue *queue = queue_by_id(s, col_int(q, 0));
        Subscription *sub =
            queue ? subscription_new(s, queue, col_text(q, 1), col_text(q, 2)) : NULL;
        if (!sub)
            continue;
        if (s->config.codec->decode_filter(col_bytes(q, 3), &sub->filter) < 0)
            db_fault(s, -EUCLEAN, "the filter of a subscription cannot be decoded");
        sub->blocked = col_int(q, 4) != 0;
        sub->overrun_ms = col_int(q, 5);
    }
}

void subscriptions_drop(Store *s) {
    Subscription *sub, *next;
    DL_FOREACH_SAFE(s->subscriptions, sub, next)
    subscription_forget(s, sub);
}

/* --- feeding -------------------------------------------------------------------------------- */

static void write_overrun(Store *s, const Subscription *sub) {
    RUN(s, "UPDATE subscription SET blocked = ?2, overrun_at = ?3 WHERE queue = ?1",
        INT(sub->queue->id), INT(sub->blocked), INT(sub->overrun_ms));
}

/* Room for one more? Marks the subscription once when there is none; opens it again when it was
 * read down to half. */
static bool has_room(Store *s, StoreOp *op, Subscription *sub) {
    const uint64_t quota = s->config.subscription_quota;
    if (sub->blocked && sub->queue->waiting <= quota / 2) {
        sub->blocked = false;
        write_overrun(s, sub);
    }
    if (!sub->blocked && sub->queue->waiting >= quota) {
        sub->blocked = true;
        if (sub->overrun_ms == 0)
            sub->overrun_ms = s->now_ms;
        write_overrun(s, sub);
        if (op->kind == OP_ACCEPT && op->accept.overrun == 0)
            op->accept.overrun = sub->queue->id;
    }
    return !sub->blocked;
}

/* Of an update to a complaint that is not known here nobody can tell from whom it is to be kept. */
static bool may_have_copy(const Store *s, const Message *m, const DirNode *owner) {
    const char *accused = copies_accused(m, s->law->known.complaint);
    return filter_in_scope(owner, &m->env) && accused && strcmp(accused, owner->id) != 0;
}

void subscriptions_feed(Store *s, StoreOp *op, const StoredMessage *m, const Copies *c) {
    const Message *message = op->accept.message;
    if (!s->subscriptions)
        return;
    const DirNode *sender = directory_node(s->directory, m->sender);
    Subscription *sub;
    DL_FOREACH (s->subscriptions, sub) {
        const DirNode *owner = directory_node(s->directory, sub->owner);
        const RouteEntry *e = route_find(&m->route, sub->owner);
        const bool addressee = e && e->role == ROLE_ADDRESSEE;
        if (!owner || owner->inactive ||
            !filter_matches(&sub->filter, &message->env, m->lane, sender ? sender->kind : 0) ||
            !(addressee || may_have_copy(s, message, owner)) || !has_room(s, op, sub))
            continue;
        ledger_note_message(s, LEDGER_DEPOSITED, &m->id, sub->owner, "", ROLE_SUBSCRIBER);
        queue_deliver(s, op,
                      &(NewDelivery) {
                          .queue = sub->queue,
                          .seq = m->seq,
                          .order_key = m->order_key,
                          .since_ms = s->now_ms,
                          .expires_ms = m->expires_ms,
                          .lane = m->lane,
                          .flags = DELIVERY_WARNED_EXPIRY | DELIVERY_WARNED_DELAY |
                                   (addressee ? 0 : (uint32_t)DELIVERY_FACTS_ONLY),
                          .size = addressee ? c->size_full : c->size_facts,
                          .body = addressee ? c->full : c->facts_only,
                      });
    }
}

/* --- OP_SUBSCRIPTION ------------------------------------------------------------------------ */

static Subscription *find(Store *s, const char *owner, const char *name) {
    Subscription *sub;
    DL_FOREACH (s->subscriptions, sub)
        if (strcmp(sub->owner, owner) == 0 && strcmp(sub->name, name) == 0)
            return sub;
    return NULL;
}

static uint32_t count_of(Store *s, const char *owner) {
    uint32_t n = 0;
    const Subscription *sub;
    DL_FOREACH (s->subscriptions, sub)
        n += strcmp(sub->owner, owner) == 0;
    return n;
}

static void drop(Store *s, Subscription *sub) {
    Queue *queue = sub->queue;
    RUN(s, "DELETE FROM subscription WHERE queue = ?1", INT(queue->id));
    subscription_forget(s, sub);
    queue_remove(s, queue);
}

static Subscription *create(Store *s, const StoreOp *op) {
    char name[NODE_NAME_SIZE + SUBSCRIPTION_SIZE];
    uint8_t bytes[FILTER_BYTES_MAX];
    const Bytes filter =
        s->config.codec->encode_filter(op->subscription.filter, bytes, sizeof(bytes));
    snprintf(name, sizeof(name), "%s %s", op->subscription.owner, op->subscription.name);
    Queue *queue = queue_get(s, QUEUE_SUBSCRIPTION, name);
    Subscription *sub =
        queue ? subscription_new(s, queue, op->subscription.owner, op->subscription.name) : NULL;
    if (!sub)
        return NULL;
    sub->filter = *op->subscription.filter;
    RUN(s,
        "INSERT INTO subscription(queue, owner, name, filter, blocked, overrun_at) "
        "VALUES(?1,?2,?3,?4,0,0)",
        INT(queue->id), TEXT(sub->owner), TEXT(sub->name), BLOB(filter));
    return sub;
}

/* The owner is told of an overrun once; the mark goes when it is also read down. */
static void report(Store *s, StoreOp *op, Subscription *sub) {
    op->subscription.id = sub->queue->id;
    op->subscription.queued = sub->queue->waiting;
    op->subscription.overrun = sub->overrun_ms != 0;
    op->subscription.overrun_ms = sub->overrun_ms;
    if (sub->overrun_ms == 0 || sub->queue->waiting > s->config.subscription_quota / 2)
        return;
    sub->blocked = false;
    sub->overrun_ms = 0;
    write_overrun(s, sub);
}

/* The one that is there, or a new one; NULL with the verdict that says why not. */
static Subscription *find_or_create(Store *s, StoreOp *op, Subscription *sub) {
    const Filter *filter = op->subscription.filter;
    if (!sub && !filter) {
        op->subscription.verdict = SUBSCRIPTION_MISSING;
    } else if (sub && filter && !filter_equal(&sub->filter, filter)) {
        op->subscription.verdict = SUBSCRIPTION_DIFFERS;
    } else if (!subscription_is_denied(s, op, sub ? &sub->filter : filter)) {
        if (sub)
            return sub;
        if (count_of(s, op->subscription.owner) < s->config.subscriptions_max)
            return create(s, op);
        op->subscription.verdict = SUBSCRIPTION_TOO_MANY;
    }
    return NULL;
}

static void give_filter(Store *s, StoreOp *op, const Subscription *sub) {
    if (!op->subscription.filter)
        op->subscription.filter = malloc(sizeof(*op->subscription.filter));
    if (op->subscription.filter)
        *op->subscription.filter = sub->filter;
    else
        db_fault(s, -ENOMEM, "out of memory");
}

void run_subscription(Store *s, StoreOp *op) {
    Subscription *sub = find(s, op->subscription.owner, op->subscription.name);
    op->subscription.id = 0;
    op->subscription.queued = 0;
    op->subscription.overrun = false;
    op->subscription.verdict = SUBSCRIPTION_OK;
    if (op->subscription.drop) {
        if (!sub)
            op->subscription.verdict = SUBSCRIPTION_MISSING;
        else if (!subscription_is_denied(s, op, &sub->filter))
            drop(s, sub);
        return;
    }
    sub = find_or_create(s, op, sub);
    if (!sub)
        return;
    report(s, op, sub);
    give_filter(s, op, sub);
}

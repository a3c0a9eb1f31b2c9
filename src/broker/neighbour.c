/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Links: for each neighbour broker, what was handed over and taken over since the link exists. Both
 * ends keep a count and the XOR of the message ids; whenever a direction is idle the two must be
 * equal, so a message that was lost between them is found, not hoped away.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/batch.h"
#include "broker/consume.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/uplink.h"

Neighbour *neighbour_get(Broker *b, const char *neighbour) {
    Neighbour *l = NULL;
    HASH_FIND_STR(b->neighbours, neighbour, l);
    if (l)
        return l;
    l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    (void)text_copy(l->neighbour, sizeof(l->neighbour), neighbour);
    HASH_ADD_STR(b->neighbours, neighbour, l);
    if (l->hh.tbl)
        return l;
    free(l);
    return NULL;
}

int neighbour_session(Broker *b, const char *neighbour, bool up) {
    StoreOp *op = op_for(OP_LINK, 0, NULL);
    Neighbour *l = op ? neighbour_get(b, neighbour) : NULL;
    if (!l) {
        (void)store_op_free(op);
        return -ENOMEM;
    }
    if (l->up != up && strcmp(neighbour, b->config.parent) != 0) {
        LogRecord r = { .event = up ? LOG_EVENT_LINK_UP : LOG_EVENT_LINK_DOWN };
        log_peer_name(neighbour, r.link, sizeof(r.link));
        (void)text_copy(r.text, sizeof(r.text),
                        up ? "A child broker reads its link." : "A child broker left its link.");
        b->io.log(b->io.data, &r);
    }
    l->up = up;
    (void)text_copy(op->link.neighbour, sizeof(op->link.neighbour), neighbour);
    op->link.up = up;
    op->owner_id = b->uplink.epoch;
    broker_push(b, op);
    return 0;
}

int neighbour_counted(Broker *b, StoreOp *op) {
    Neighbour *l = neighbour_get(b, op->link.neighbour);
    if (!l)
        return -ENOMEM;
    l->mine = op->link.progress;
    l->mine.present = true;
    Uplink *u = &b->uplink;
    if (op->link.up && u->state == UPLINK_OPEN && op->owner_id == u->epoch &&
        strcmp(op->link.neighbour, b->config.parent) == 0) {
        u->recorded = true;
        if (u->feed)
            feed_want(b, u->feed);
    }
    return 0;
}

static void xor_id(Uuid *digest, const Uuid *id) {
    for (size_t i = 0; i < UUID_SIZE; i++)
        digest->b[i] ^= id->b[i];
}

void neighbour_sent(Broker *b, const char *neighbour, const Uuid *id) {
    Neighbour *l = neighbour_get(b, neighbour);
    if (!l)
        return; /* the comparison is off until the next OP_LINK; nothing is lost */
    l->mine.sent_count++;
    xor_id(&l->mine.sent_digest, id);
}

void neighbour_took(Broker *b, const char *neighbour, const Uuid *id) {
    Neighbour *l = neighbour_get(b, neighbour);
    if (!l)
        return;
    l->mine.received_count++;
    xor_id(&l->mine.received_digest, id);
}

static const Feed *neighbour_feed(const Broker *b, const char *neighbour) {
    for (const Feed *q = b->feeds; q; q = q->hh.next)
        if (q->kind == QUEUE_LINK && strcmp(q->name, neighbour) == 0)
            return q;
    return NULL;
}

LinkProgress neighbour_progress(Broker *b, const char *neighbour) {
    Neighbour *l = neighbour_get(b, neighbour);
    if (!l || !l->mine.present)
        return (LinkProgress) { 0 };
    LinkProgress p = l->mine;
    const Feed *q = neighbour_feed(b, neighbour);
    if (!q) {
        p.backlog = 1; /* not read yet: unknown, so not idle */
        return p;
    }
    p.backlog = HASH_COUNT(q->window.by_key);
    p.in_flight = q->uplink ? b->uplink.n_sent : 0;
    for (const Channel *c = q->channels; c; c = c->next)
        p.in_flight += c->n_out;
    for (Lane lane = LANE_EVENT; lane < LANE_COUNT; lane++)
        p.backlog += !q->window.complete[lane];
    return p;
}

void neighbour_compare(Broker *b, const char *neighbour, const LinkProgress *theirs) {
    Neighbour *l = neighbour_get(b, neighbour);
    LinkProgress mine = neighbour_progress(b, neighbour);
    if (!l || !theirs->present || !mine.present || mine.backlog > 0 || mine.in_flight > 0)
        return;
    if (mine.sent_count == theirs->received_count &&
        uuid_equal(&mine.sent_digest, &theirs->received_digest)) {
        l->mismatches = 0;
        return;
    }
    /* What was on the way while the neighbour counted is another message each time; what is lost is
     * the same again, however much goes on. */
    const uint64_t missing = mine.sent_count - theirs->received_count;
    Uuid digest = mine.sent_digest;
    xor_id(&digest, &theirs->received_digest);
    if (l->missing != missing || !uuid_equal(&l->missing_digest, &digest))
        l->mismatches = 0;
    l->missing = missing;
    l->missing_digest = digest;
    if (++l->mismatches != 2)
        return; /* told once */
    LogRecord r = { .event = LOG_EVENT_LINK_GAP };
    log_peer_name(neighbour, r.link, sizeof(r.link));
    (void)snprintf(r.text, sizeof(r.text),
                   "We handed over %llu messages, the neighbour has taken %llu: compare `serasictl "
                   "links` and `trace` on both sides.",
                   (unsigned long long)mine.sent_count, (unsigned long long)theirs->received_count);
    b->io.log(b->io.data, &r);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What comes down from the parent: what it delivers out of its queue for this broker (SOURCE_LINK)
 * is settled once it is on our disk.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "broker/account.h"
#include "broker/batch.h"
#include "broker/check-queue.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/publish.h"
#include "broker/uplink-take.h"
#include "broker/uplink.h"
#include "wire/codec.h"

#define TAG_BITS 40
#define TAG_MASK ((UINT64_C(1) << TAG_BITS) - 1)

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
        int r = uplink_end(b, "The parent broker does not take our settlements.");
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

/* A parent that keeps to the credit never has more here, even when all that an earlier session left
 * is still on its way to the disk. */
static bool is_too_much(const Broker *b, size_t size) {
    const Uplink *u = &b->uplink;
    const size_t max = b->config.pending_bytes;
    return u->n_taking >= 2 * UPLINK_CREDIT ||
           (max > 0 && u->n_taking > 0 && u->taking_bytes + size > max);
}

static int end_flood(Broker *b) {
    int r = uplink_end(b, "The parent broker sends more than it has credit for.");
    b->io.uplink_reset(b->io.data);
    return r;
}

int uplink_delivered(Broker *b, Now now, const FrameDeliver *f, const PeerMessage *m) {
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
    if (is_too_much(b, body_size(msg->body)))
        return end_flood(b);
    msg->fwd = *f->forward;
    msg->fwd.present = true;
    StoreOp *op = op_for(OP_ACCEPT, UPLINK_OWNER, (void *)(uintptr_t)(u->epoch << TAG_BITS | tag));
    if (!op)
        return -ENOMEM;
    u->n_taking++;
    u->taking_bytes += body_size(msg->body);
    op->accept.message = TAKE_PTR(msg);
    op->accept.from_link = true;
    (void)text_copy(op->accept.authority, sizeof(op->accept.authority), b->config.parent);
    check_push(b, now, op);
    return 0;
}

int uplink_delivered_bundle(Broker *b, Now now, const Bundle *list, const PeerMessage *m) {
    size_t at = 0;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->n && b->uplink.state == UPLINK_OPEN; i++) {
        Bytes parts[PARTS_MAX] = { m->parts[0] };
        PeerMessage one = *m;
        one.parts = parts;
        one.n_parts = 1 + bundle_next(list, i, &at, parts + 1);
        r = uplink_delivered(b, now, &list->deliveries[i], &one);
    }
    return r;
}

int uplink_accepted(Broker *b, Now now, StoreOp *op) {
    (void)now;
    const PublishResult *res = &op->accept.result;
    uint64_t mark = (uint64_t)(uintptr_t)op->owner, tag = mark & TAG_MASK;
    const size_t size = body_size(op->accept.message->body);
    b->uplink.n_taking--;
    b->uplink.taking_bytes -= size;
    if (res->verdict == VERDICT_ACCEPTED)
        b->status.accepted++;
    publish_log(b, op);
    account_tell_quota(b, op);
    if (op->accept.counted)
        neighbour_took(b, b->config.parent, &op->accept.message->env.message_id);
    if (b->uplink.state != UPLINK_OPEN ||
        mark >> TAG_BITS != (b->uplink.epoch & (UINT64_MAX >> TAG_BITS)))
        return 0; /* that session is over; it comes again and is a duplicate then */
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
                        .channel = UPLINK_CHANNEL, .n = u->n_settle, .settlements = u->settle } };
        int r = uplink_say(b, &f, NULL, 0);
        if (r == -EAGAIN)
            return 0; /* stays; the next turn says it */
        if (r < 0)
            return r == -ENOMEM ? r : 0;
        u->n_settle = 0;
    }
    /* After the settlements, and long before either kind of credit is used up. */
    if (u->taken_messages > u->credit_messages / 4 || u->taken_bytes > u->credit_bytes / 4) {
        Frame f = { .kind = FRAME_CREDIT,
                    .credit = { .channel = UPLINK_CHANNEL, .messages = u->taken_messages } };
        if (uplink_say(b, &f, NULL, 0) == 0)
            u->taken_messages = u->taken_bytes = 0;
    }
    return 0;
}

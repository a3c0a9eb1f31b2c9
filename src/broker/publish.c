/* SPDX-License-Identifier: Apache-2.0 */

/*
 * PUBLISH: from parts to an operation for the store, and from its result to PUBLISHED. The answer
 * is given when the store has committed, never before.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/internal.h"
#include "wire/codec.h"

static void refuse_malformed(Broker *b, Session *s, const Uuid *id, const char *why) {
    PublishResult r = { .message_id = *id, .verdict = VERDICT_REFUSED };
    r.reasons = calloc(1, sizeof(*r.reasons));
    if (r.reasons) {
        reasons_add(r.reasons, "MALFORMED", why ? why : "", NULL, NULL);
    }
    session_answer(b, s, &r);
}

/* May this session pass messages of others on? Only a broker below us, dialled in with its key. */
static bool may_forward(const Broker *b, const Session *s) {
    return s->broker && directory_is_below(b->directory, b->config.self, s->node);
}

int publish_frame(Broker *b, Now now, Session *s, const Frame *f, const PeerMessage *m) {
    if (s->unanswered >= b->config.publish_window) {
        session_error(b, s, ERROR_WINDOW, 0, true,
                      "more unanswered PUBLISH frames than the window");
        return session_end(b, now, s, SESSION_DIED, "it overran its publish window");
    }
    if (f->publish.forward && !may_forward(b, s)) {
        session_error(b, s, ERROR_NOT_ALLOWED, 0, true, "only a broker below may forward");
        return session_end(b, now, s, SESSION_DIED, "it forwarded without being a broker below");
    }
    const char *why = "the envelope is missing";
    _cleanup_(message_freep) Message *msg = calloc(1, sizeof(*msg));
    if (!msg)
        return -ENOMEM;
    Bytes none = { 0 };
    int r = m->n_parts < 2 ? WIRE_MALFORMED
                           : codec_decode_message(m->parts[1], m->n_parts > 2 ? m->parts[2] : none,
                                                  m->n_parts > 3 ? m->parts[3] : none, msg, &why);
    if (r < 0)
        return r;
    if (r == 0 && !uuid_equal(&f->publish.message_id, &msg->env.message_id)) {
        why = "message_id of the frame and of the envelope differ";
        r = WIRE_MALFORMED;
    }
    if (r > 0) {
        broker_log(b, LOG_EVENT_PEER_MALFORMED, s->node, "A message could not be read: %s.", why);
        refuse_malformed(b, s, &f->publish.message_id, why);
        return 0;
    }
    if (f->publish.forward) {
        msg->fwd = *f->publish.forward;
        msg->fwd.present = true;
    }
    StoreOp *op = op_for(OP_ACCEPT, s->id, NULL);
    if (!op)
        return -ENOMEM;
    op->accept.message = TAKE_PTR(msg);
    op->accept.from_link = f->publish.forward != NULL;
    (void)text_copy(op->accept.authority, sizeof(op->accept.authority), s->node);
    broker_push(b, op);
    s->unanswered++;
    return 0;
}

static void log_result(Broker *b, const StoreOp *op) {
    const Message *m = op->accept.message;
    const PublishResult *res = &op->accept.result;
    if (res->verdict != VERDICT_REFUSED && res->verdict != VERDICT_CONFLICT)
        return;
    LogRecord r = { .event = res->verdict == VERDICT_CONFLICT ? LOG_EVENT_PUBLISH_CONFLICT
                                                              : LOG_EVENT_PUBLISH_REFUSED };
    const KindInfo *kind = kind_info(m->env.kind);
    log_peer_name(op->accept.authority, r.peer, sizeof(r.peer));
    r.message_id = m->env.message_id;
    (void)text_copy(r.kind, sizeof(r.kind), kind ? kind->name : "unknown");
    (void)text_copy(r.lane, sizeof(r.lane), lane_name(m->lane));
    for (uint32_t i = 0; res->reasons && i < res->reasons->n; i++) {
        size_t used = strlen(r.rule);
        if (used + 26 < sizeof(r.rule)) {
            (void)text_copy(r.rule + used, sizeof(r.rule) - used, i ? " " : "");
            used = strlen(r.rule);
            (void)text_copy(r.rule + used, sizeof(r.rule) - used, res->reasons->list[i].code);
        }
    }
    (void)text_copy(r.text, sizeof(r.text),
                    res->verdict == VERDICT_CONFLICT
                        ? "A message id was used again with other bytes; nothing was stored."
                        : "A message was refused; nothing was stored.");
    b->io.log(b->io.data, &r);
}

int publish_done(Broker *b, Now now, StoreOp *op) {
    (void)now;
    log_result(b, op);
    if (op->accept.result.verdict == VERDICT_ACCEPTED)
        b->status.accepted++;
    if (op->accept.counted)
        neighbour_took(b, op->accept.authority, &op->accept.message->env.message_id);
    Session *s = session_by_id(b, op->owner_id);
    if (!s)
        return 0; /* it will ask again with the same id and get DUPLICATE */
    s->unanswered -= s->unanswered > 0;
    session_answer(b, s, &op->accept.result);
    return 0;
}

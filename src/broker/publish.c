/* SPDX-License-Identifier: Apache-2.0 */

/*
 * PUBLISH: from parts to an operation for the store, and from its result to PUBLISHED. The answer
 * is given when the store has committed, never before.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/access.h"
#include "broker/account.h"
#include "broker/batch.h"
#include "broker/check-queue.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/note.h"
#include "broker/offender.h"
#include "broker/publish.h"
#include "broker/session.h"
#include "broker/turns.h"
#include "core/access.h"
#include "wire/codec.h"

/* Refused without a look into the store: answered when the ledger has it on disk. */
int publish_refuse(Broker *b, Session *s, const Uuid *id, const char *code, const char *field,
                   const char *text_en, const char *text_id) {
    StoreOp *op = op_for(OP_NOTE, s->id, NULL);
    PublishResult *r = op ? &op->note.answer : NULL;
    if (r) {
        op->note.list = calloc(1, sizeof(*op->note.list));
        r->reasons = calloc(1, sizeof(*r->reasons));
    }
    if (!r || !op->note.list || !r->reasons) {
        (void)store_op_free(op);
        return -ENOMEM;
    }
    reasons_add(r->reasons, code, field ? field : "", text_en, text_id);
    r->message_id = *id;
    r->verdict = VERDICT_REFUSED;
    LedgerEntry *e = &op->note.list[op->note.n++];
    e->kind = LEDGER_REFUSED;
    e->message_id = uuid_unless_nik(id);
    (void)text_copy(e->node, sizeof(e->node), s->node);
    (void)text_copy(e->note, sizeof(e->note), code);
    s->unanswered++;
    broker_push(b, op);
    return 0;
}

int publish_noted(Broker *b, StoreOp *op) {
    Session *s = session_by_id(b, op->owner_id);
    if (!s || op->note.answer.verdict == VERDICT_NONE)
        return 0;
    s->unanswered -= s->unanswered > 0;
    session_answer(b, s, &op->note.answer);
    return 0;
}

/* May this session pass messages of others on? Only a broker below us, dialled in with its key. */
static bool may_forward(const Broker *b, const Session *s) {
    return s->broker && directory_is_below(b->directory, b->config.self, s->node);
}

int publish_frame(Broker *b, Now now, Session *s, const FramePublish *f, const PeerMessage *m) {
    if (s->unanswered >= b->config.publish_window) {
        session_error(b, s, ERROR_WINDOW, 0, true,
                      "more unanswered PUBLISH frames than the window");
        int r = offender_note(b, now, (BrokerPort)s->key.port, s->user_id, GARBAGE_FRAME);
        return r < 0 ? r : session_end(b, now, s, SESSION_DIED, "it overran its publish window");
    }
    if (f->forward && !may_forward(b, s)) {
        session_error(b, s, ERROR_NOT_ALLOWED, 0, true, "only a broker below may forward");
        return session_end(b, now, s, SESSION_DIED, "it forwarded without being a broker below");
    }
    int r = account_take_bytes(b, now, s, &f->message_id, m);
    if (r != 0)
        return MIN(r, 0);
    const char *why = "the envelope is missing";
    _cleanup_(message_freep) Message *msg = message_alloc();
    if (!msg)
        return -ENOMEM;
    Bytes none = { 0 };
    r = m->n_parts < 2
            ? WIRE_MALFORMED
            : codec_decode_signed_message(m->parts[1], m->n_parts > 2 ? m->parts[2] : none,
                                          m->n_parts > 3 ? m->parts[3] : none,
                                          signature_bytes(&f->signature), msg, &why);
    if (r < 0)
        return r;
    if (r == 0 && !uuid_equal(&f->message_id, &msg->env.message_id)) {
        why = "message_id of the frame and of the envelope differ";
        r = WIRE_MALFORMED;
    }
    if (r > 0) {
        broker_log(b, LOG_EVENT_PEER_MALFORMED, s->node, "A message could not be read: %s.", why);
        r = account_take_unreadable(b, now, s, &f->message_id);
        if (r != 0)
            return MIN(r, 0);
        s->answered_bytes += (int64_t)peer_body_size(m);
        return publish_refuse(b, s, &f->message_id, "MALFORMED", why, NULL, NULL);
    }
    if (f->forward) {
        msg->fwd = *f->forward;
        msg->fwd.present = true;
    }
    r = account_take_message(b, now, s, msg);
    if (r != 0)
        return MIN(r, 0);
    StoreOp *op = op_for(OP_ACCEPT, s->id, NULL);
    if (!op)
        return -ENOMEM;
    op->accept.message = TAKE_PTR(msg);
    op->accept.from_link = f->forward != NULL;
    op->accept.prove = s->proofs && !op->accept.from_link;
    (void)text_copy(op->accept.authority, sizeof(op->accept.authority), s->node);
    session_sign(s, op->accept.key);
    const RightUse use = use_of_publish(&op->accept.message->env);
    op->accept.denied = !op->accept.from_link && !session_allows(s, &use);
    s->unanswered++;
    turns_push(b, now, s, op);
    return 0;
}

int publish_bundle(Broker *b, Now now, Session *s, const Bundle *list, const PeerMessage *m) {
    const uint64_t id = s->id;
    size_t at = 0;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->n && session_by_id(b, id) == s; i++) {
        Bytes parts[PARTS_MAX] = { m->parts[0] };
        PeerMessage one = *m;
        one.parts = parts;
        one.n_parts = 1 + bundle_next(list, i, &at, parts + 1);
        r = publish_frame(b, now, s, &list->publishes[i], &one);
        if (r == 0 && i == 0 && list->n > 1)
            check_early(b, now);
    }
    return r;
}

/* A signature that does not hold is no mistake of an application. */
static bool is_suspicious(const StoreOp *op) {
    return op->accept.result.verdict == VERDICT_REFUSED &&
           op->accept.signature >= SIGNATURE_MISSING;
}

void publish_log(Broker *b, const StoreOp *op) {
    const Message *m = op->accept.message;
    const PublishResult *res = &op->accept.result;
    if (res->verdict != VERDICT_REFUSED && res->verdict != VERDICT_CONFLICT)
        return;
    LogRecord r = { .event = res->verdict == VERDICT_CONFLICT ? LOG_EVENT_PUBLISH_CONFLICT
                             : is_suspicious(op)              ? LOG_EVENT_SIGNATURE_REFUSED
                                                              : LOG_EVENT_PUBLISH_REFUSED };
    const KindInfo *kind = kind_info(m->env.kind);
    log_peer_name(op->accept.authority, r.peer, sizeof(r.peer));
    r.message_id = uuid_unless_nik(&m->env.message_id);
    (void)text_copy(r.kind, sizeof(r.kind), kind ? kind->name : "unknown");
    (void)text_copy(r.lane, sizeof(r.lane), lane_name(m->lane));
    if (res->reasons)
        reasons_codes(res->reasons, r.rule, sizeof(r.rule));
    (void)text_copy(r.text, sizeof(r.text),
                    res->verdict == VERDICT_CONFLICT
                        ? "A message id was used again with other bytes; nothing was stored."
                        : "A message was refused; nothing was stored.");
    b->io.log(b->io.data, &r);
}

/* The store refused it for want of a right: a denied call, and not a refused message. */
static bool is_denied(const StoreOp *op) {
    const PublishResult *r = &op->accept.result;
    return r->verdict == VERDICT_REFUSED && r->reasons && reasons_have(r->reasons, "NO_RIGHT");
}

static int tell_denied(Broker *b, Now now, const StoreOp *op) {
    const DirKey *k = directory_key(b->directory, op->accept.key);
    const RightUse use = use_of_publish(&op->accept.message->env);
    char missing[RIGHT_USE_TEXT_SIZE];
    if (k && directory_key_is_usable(b->directory, k, now.wall_ms))
        right_use_text(&use, missing);
    else
        (void)text_copy(missing, sizeof(missing), "PUBLISH with a key that is not valid");
    return broker_denied(b, now, op->accept.authority, k ? k->label : "", missing);
}

int publish_done(Broker *b, Now now, StoreOp *op) {
    account_answered(b, now, op);
    if (is_denied(op)) {
        int r = tell_denied(b, now, op);
        if (r < 0)
            return r;
    } else {
        publish_log(b, op);
    }
    if (op->accept.result.verdict == VERDICT_ACCEPTED)
        b->status.accepted++;
    if (op->accept.counted)
        neighbour_took(b, op->accept.authority, &op->accept.message->env.message_id);
    Session *s = session_by_id(b, op->owner_id);
    if (!s)
        return 0; /* it will ask again with the same id and get DUPLICATE */
    s->unanswered -= s->unanswered > 0;
    if (op->accept.result.verdict != VERDICT_LATER)
        s->answered_bytes += (int64_t)body_size(op->accept.message->body);
    session_answer(b, s, &op->accept.result);
    return 0;
}

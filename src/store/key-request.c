/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests for keys: judged where they are made, and once more by the hub, which alone signs the
 * change. In between they are durable messages like others, and no broker can alter them: what
 * counts is signed inside.
 */

#include "store/enrol.h"

#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/text.h"
#include "store/directory-layer.h"
#include "store/directory-sign.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/pace.h"
#include "store/place.h"

static void note_key(Store *s, LedgerKind kind, const char *node, const char *peer,
                     const char *what) {
    LedgerEntry e = { .kind = kind };
    (void)text_copy(e.node, sizeof(e.node), node);
    (void)text_copy(e.peer, sizeof(e.peer), peer);
    (void)text_copy(e.note, sizeof(e.note), what);
    ledger_note(s, &e);
}

void key_note_denied(Store *s, const char *node, const char *peer, const char *what) {
    note_key(s, LEDGER_DENIED, node, peer, what);
}

/* --- on its way ------------------------------------------------------------------------------ */

/* The same request at another time is another message: the first may have been refused. */
static Uuid message_id(const Store *s, const KeyRequest *r) {
    uint8_t input[DIGEST_SIZE + sizeof(s->now_ms) + NODE_NAME_SIZE] = { 0 };
    hash_digest(bytes_make(r->demand, r->n_demand), input);
    memcpy(input + DIGEST_SIZE, &s->now_ms, sizeof(s->now_ms));
    memcpy(input + DIGEST_SIZE + sizeof(s->now_ms), s->self, strlen(s->self));
    return uuid_derive(bytes_make(input, sizeof(input)));
}

/* The hub's answer names the request by its id. */
static void claim(Store *s, const StoredMessage *m, const Body *body) {
    DedupClaim c = {
        .id = m->id, .seq = m->seq, .accepted_ms = m->accepted_ms, .size = (uint32_t)body_size(body)
    };
    hash_message(body_envelope(body), body_facts(body), body_sealed(body), c.digest);
    dedup_give_back(s, &m->id); /* asked for twice in a millisecond */
    (void)dedup_claim(s, &c);
}

static void send_up(Store *s, StoreOp *op, const KeyRequest *r, const char *hub, const char *hop) {
    const Uuid id = message_id(s, r);
    if (op->kind == OP_KEY)
        op->key.message_id = id;
    _cleanup_(body_unrefp) Body *body =
        s->config.codec->encode_key_message(r, &id, s->self, hub, s->now_ms);
    _cleanup_(copies_deinit) Copies copies = { 0 };
    _cleanup_(stored_message_deinit) StoredMessage m = {
        .id = id,
        .kind = KIND_KEY_REQUEST,
        .claimed = true,
        .lane = LANE_PRIORITY,
        .order_key = message_order_key(&(Envelope) { .message_id = id }),
        .thread = id,
        .accepted_ms = s->now_ms,
        .expires_ms = s->now_ms + s->config.accept.default_expiry_ms,
        .n_stamps = 1,
        .stamps = { { .at_ms = s->now_ms } },
    };
    if (!body) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    (void)text_copy(m.sender, sizeof(m.sender), s->self);
    (void)text_copy(m.stamps[0].broker, NODE_NAME_SIZE, s->self);
    if (!place_recipient(s, &m, &(Placement) { .node = hub, .role = ROLE_ADDRESSEE, .hop = hop }))
        return;
    message_insert(s, &m, body);
    claim(s, &m, body);
    copies_init(s, &copies, body, true);
    place_delivery(s, op, &m, 0, &copies);
    note_key(s, LEDGER_KEY, r->key.node, r->key.label,
             r->act == KEY_ACT_ADD ? "ADD ASKED" : "END ASKED");
}

/* --- carried out ----------------------------------------------------------------------------- */

static KeyVerdict apply(Store *s, const KeyRequest *r, const DirKey *key, const char *note,
                        Directory **ret_directory) {
    const DirectoryEdit e = { .n_keys = 1, .keys = key };
    const int error = directory_change(s, &e, r->by_node, note, ret_directory);
    if (error == -EINVAL)
        return KEY_UNFIT;
    return KEY_GRANTED; /* or the store's fault says it */
}

KeyVerdict key_request_carry_out(Store *s, StoreOp *op, const KeyRequest *r, const char *note,
                                 Directory **ret_directory) {
    DirKey key;
    const KeyVerdict v = key_request_judge(s->directory, r, s->now_ms, &key);
    if (v != KEY_GRANTED)
        return v;
    if (!pace_allows_key(s, r))
        return KEY_TOO_OFTEN;
    if (directory_way(s) != DIRECTORY_FOLLOWS)
        return apply(s, r, &key, note, ret_directory);
    const char *hub = key_hub_of(s->directory, s->self);
    const char *hop = hub ? directory_next_hop(s->directory, s->self, hub) : NULL;
    if (!hop || !s->config.codec->encode_key_message)
        return KEY_NO_WAY;
    send_up(s, op, r, hub, hop);
    return KEY_GRANTED;
}

bool key_request_ends_here(const Store *s, const StoreOp *op) {
    bool here = false;
    if (op->accept.message->env.kind == KIND_KEY_REQUEST)
        for (uint32_t i = 0; i < s->decision.n_routes; i++)
            here = here || strcmp(s->decision.routes[i].hop, s->self) == 0;
    return here;
}

void key_request_arrived(Store *s, StoreOp *op, const StoredMessage *stored) {
    const Message *m = op->accept.message;
    struct KeyWish *w = &op->accept.wish;
    char id[UUID_TEXT_SIZE], note[DIR_NOTE_MAX + 1], what[LEDGER_NOTE_MAX + 1];
    const char *why = "";
    KeyRequest r = { 0 };
    w->told = true;
    w->verdict = KEY_UNFIT;
    if (directory_way(s) != DIRECTORY_FOLLOWS && s->config.codec->decode_key_request &&
        s->config.codec->decode_key_request(body_facts(m->body), &r, &why) == 0) {
        uuid_format(&m->env.message_id, id);
        (void)snprintf(note, sizeof(note), "message %s", id);
        w->verdict = key_request_carry_out(s, op, &r, note, &op->accept.directory);
    }
    w->act = r.act;
    (void)text_copy(w->node, sizeof(w->node), r.key.node);
    (void)text_copy(w->label, sizeof(w->label), r.key.label);
    (void)text_copy(w->by, sizeof(w->by), r.by_node[0] != '\0' ? r.by_node : m->env.sender);
    if (w->verdict == KEY_GRANTED || w->verdict == KEY_KNOWN)
        return;
    (void)snprintf(what, sizeof(what), "key request: %s", key_verdict_name(w->verdict));
    key_note_denied(s, w->node, w->by, what);
    key_answer_send(s, op, stored, w->verdict);
}

/* --- OP_KEY ---------------------------------------------------------------------------------- */

/* Asked for by a key of the node itself, over its session. */
static void ask(Store *s, StoreOp *op) {
    const KeyRequest *r = op->key.request;
    char what[LEDGER_NOTE_MAX + 1];
    op->key.sent = directory_way(s) == DIRECTORY_FOLLOWS;
    op->key.verdict = key_request_carry_out(
        s, op, r, r->act == KEY_ACT_ADD ? "key rotation" : "key retired", &op->key.directory);
    if (op->key.verdict == KEY_GRANTED || op->key.verdict == KEY_KNOWN)
        return;
    (void)snprintf(what, sizeof(what), "key request: %s", key_verdict_name(op->key.verdict));
    key_note_denied(s, r->key.node, r->key.label, what);
}

void run_key(Store *s, StoreOp *op) {
    op->key.text[0] = '\0';
    switch (op->key.verb) {
    case KEY_ASK:
        ask(s, op);
        break;
    case KEY_TOKEN:
        enrol_token(s, op);
        break;
    case KEY_HAND_IN:
        enrol_hand_in(s, op);
        break;
    case KEY_DECIDE:
        enrol_decide(s, op);
        break;
    }
}

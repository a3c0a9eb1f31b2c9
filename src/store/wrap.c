/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipients that cannot open what they get. The sealed part says in the clear which keys it is
 * sealed to, the directory which keys a node has: where none of them meet, the sender is asked for
 * a wrap (kind WRAP_REQUEST). This broker decides nothing about it and sees no content.
 */
#include <errno.h>

#include "base/text.h"
#include "store/internal.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/place.h"
#include "store/wrap.h"

/* Of one message: a request is some kilobytes, and whoever makes us write it must not choose how
 * many. The law adds one holder to an audience; more than a few is no mistake of routing. */
#define ASKS_MAX 4U

typedef struct WrapLook {
    uint32_t n; /* 0: nothing is sealed, or not in a form we can read */
    uint8_t commitment[SEAL_COMMITMENT_SIZE];
    SealWrap list[SEAL_WRAPS_MAX];
} WrapLook;

static void look_at(const Store *s, const Body *body, WrapLook *ret) {
    const Bytes sealed = body_sealed(body);
    ret->n = 0;
    if (sealed.n > 0 && s->config.codec->sealed_wraps)
        ret->n = s->config.codec->sealed_wraps(sealed, ret->commitment, ret->list);
}

/* Has it a key at all, and one of those? */
static bool can_open(const Store *s, const char *node, const WrapLook *l, bool *ret_has_key) {
    const DirKey *k;
    size_t at = 0;
    *ret_has_key = false;
    while ((k = directory_next_usable_key(s->directory, node, s->now_ms, &at))) {
        if (!public_key_is_set(k->seal.b))
            continue;
        const KeyId id = key_id(k->seal.b);
        *ret_has_key = true;
        for (uint32_t i = 0; i < l->n; i++)
            if (key_id_equal(&id, &l->list[i].key))
                return true;
    }
    return false;
}

/* It needs no dedup row: it is written together with what it is about. */
static Uuid request_id(const Store *s, const StoredMessage *m, const WrapAsk *ask) {
    WrapRequestFacts f = { .message_id = m->id,
                           .reason = (uint8_t)ask->reason,
                           .asked_ms = s->now_ms };
    text_copy(f.recipient_node, sizeof(f.recipient_node), ask->node);
    text_copy(f.instead_of_node, sizeof(f.instead_of_node), ask->instead_of ? ask->instead_of : "");
    return wrap_request_id(&f, s->self);
}

static Body *encode(const Store *s, const StoredMessage *m, const Body *body, const WrapLook *l,
                    const WrapAsk *ask, const Uuid *id) {
    _cleanup_(freep) WrapRequest *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    *r = (WrapRequest) {
        .id = *id,
        .message_id = m->id,
        .reason = (int)ask->reason,
        .asked_ms = s->now_ms,
        .envelope = body_envelope(body),
        .signature = body_signature(body),
        .n_wraps = l->n,
    };
    text_copy(r->to, sizeof(r->to), m->sender);
    text_copy(r->region, sizeof(r->region), m->region);
    text_copy(r->recipient, sizeof(r->recipient), ask->node);
    text_copy(r->instead_of, sizeof(r->instead_of), ask->instead_of ? ask->instead_of : "");
    text_copy(r->by, sizeof(r->by), ask->by ? ask->by : "");
    memcpy(r->commitment, l->commitment, sizeof(r->commitment));
    memcpy(r->wraps, l->list, l->n * sizeof(*r->wraps));
    return s->config.codec->encode_wrap_request(r, s->self);
}

static void note(Store *s, const StoredMessage *m, const WrapAsk *ask) {
    LedgerEntry e = { .kind = LEDGER_WRAP_ASKED,
                      .message_id = m->id,
                      .code = (int64_t)ask->reason };
    text_copy(e.node, sizeof(e.node), ask->node);
    text_copy(e.peer, sizeof(e.peer), ask->by ? ask->by : "");
    ledger_note(s, &e);
}

static void send(Store *s, StoreOp *op, const StoredMessage *m, const Body *body, const WrapLook *l,
                 const WrapAsk *ask) {
    const char *hop = directory_next_hop(s->directory, s->self, m->sender);
    const Uuid id = request_id(s, m, ask);
    if (!hop || s->fault < 0)
        return; /* as with receipts: whoever is not in the directory any more is not asked */
    _cleanup_(body_unrefp) Body *request = encode(s, m, body, l, ask, &id);
    _cleanup_(copies_deinit) Copies copies = { 0 };
    _cleanup_(stored_message_deinit) StoredMessage q = {
        .id = id,
        .kind = KIND_WRAP_REQUEST,
        .lane = LANE_PRIORITY,
        .order_key = message_order_key(&(Envelope) { .message_id = id }),
        .thread = m->id,
        .accepted_ms = s->now_ms,
        .expires_ms = s->now_ms + s->config.accept.default_expiry_ms,
        .n_stamps = 1,
        .stamps = { { .at_ms = s->now_ms } },
    };
    if (!request) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    text_copy(q.sender, sizeof(q.sender), s->self);
    text_copy(q.region, sizeof(q.region), m->region);
    text_copy(q.stamps[0].broker, NODE_NAME_SIZE, s->self);
    if (!place_recipient(s, &q,
                         &(Placement) { .node = m->sender, .role = ROLE_ADDRESSEE, .hop = hop }))
        return;
    message_insert(s, &q, request);
    copies_init(s, &copies, request, true);
    place_delivery(s, op, &q, 0, &copies);
    note(s, m, ask);
    op->n_wraps_asked++;
}

/* Without a sealing key nothing can be wrapped: the warning is all. */
static bool check(Store *s, StoreOp *op, const StoredMessage *m, const Body *body,
                  const WrapLook *l, const WrapAsk *ask) {
    bool has_key;
    if (l->n == 0 || can_open(s, ask->node, l, &has_key))
        return true;
    if (has_key && op->n_wraps_asked < ASKS_MAX)
        send(s, op, m, body, l, ask);
    return false;
}

void wraps_check(Store *s, StoreOp *op, const StoredMessage *m, const Body *body) {
    AcceptDecision *d = &s->decision;
    WrapLook l;
    if (op->accept.from_link || body->n_sealed == 0)
        return;
    look_at(s, body, &l);
    for (uint32_t i = 0; l.n > 0 && i < d->n_routes && s->fault == 0; i++) {
        const Recipient *who = &d->routes[i].who;
        if (who->role != ROLE_ADDRESSEE || strcmp(who->node, m->sender) == 0)
            continue;
        if (!check(s, op, m, body, &l, &(WrapAsk) { .node = who->node, .reason = WRAP_ROUTED }))
            reasons_warn(&d->reasons, "SEALED_NOT_FOR", who->node);
    }
}

void wrap_check(Store *s, StoreOp *op, const StoredMessage *m, const Body *body,
                const WrapAsk *ask) {
    WrapLook l;
    look_at(s, body, &l);
    (void)check(s, op, m, body, &l, ask);
}

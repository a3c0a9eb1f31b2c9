/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests of brokers to wrap the content key of a message of ours for somebody else (kind
 * WRAP_REQUEST). A broker that lies must not get a text opened for anybody it likes, so a request
 * is answered only when
 *
 *   - it holds the envelope of the message with our own signature: nobody can make up a message of
 *     ours, or change whom it was addressed to; and the wrap opens for that message id alone;
 *   - the node has a usable sealing key, which the hub's directory proves when the hub is pinned;
 *   - the request is signed by a broker, with a key proven likewise;
 *   - the policy covers it: the node was addressed by name or by role, or (SERASI_WRAP_OPERATOR) a
 *     dead letter of somebody who was addressed was redirected to it.
 *
 * Who a role or an empty audience means is decided by our home broker, as at acceptance: only that
 * one may ask so. What fails the last test is handed to the application, which may decide it
 * (serasi_wrap()); the others cannot be waived.
 */

#include <errno.h>

#include "base/hash.h"
#include "base/signature.h"
#include "base/text.h"
#include "base/times.h"
#include "client/client-publish.h"
#include "client/client-wrap.h"
#include "client/internal.h"
#include "client/values.h"
#include "wire/codec.h"

#define REQUESTS_MAX 256U
#define LOOK_MS      100 /* keys are on their way: looked at again */
#define WRAP_LIVES   (30 * DAY_MS)

/* --- judging --- */

typedef struct Judging {
    serasi_client *c;
    const serasi_delivery *d;
    const WrapRequest *request;
    Now now;
    Envelope envelope; /* of our message */
    Envelope asked;    /* of the request */
    KeyOwner node;     /* who cannot open */
    SealWraps wraps;   /* the answer */
    const char *why;   /* why not */
} Judging;

static int refuse(Judging *j, const char *why) {
    j->why = why;
    return SERASI_REFUSED;
}

/* Known, and proven when there is proof to be had. */
static int believe(Judging *j, KeyTrust trust, const char *why_not) {
    if (trust == KEY_ASKED)
        return SERASI_AGAIN;
    if (trust == KEY_PROVEN || (trust == KEY_TOLD && !client_keys_are_pinned(j->c->directory)))
        return 0;
    return refuse(j, why_not);
}

static int check_signature(Judging *j, const char *node, Bytes envelope, Bytes bytes, DirKey *ret,
                           const char *why_not) {
    Signature s;
    const char *why;
    KeyOwner owner;
    int r = codec_decode_signature(bytes, &s, &why);
    if (r != 0)
        return r < 0 ? r : refuse(j, why_not);
    r = believe(j, client_keys_by_sign_id(j->c->directory, node, &s.key, j->now, ret), why_not);
    if (r == 0)
        r = believe(j, client_keys_owner(j->c->directory, node, j->now, &owner), why_not);
    if (r != 0)
        return r;
    return !ret->revoked && !owner.inactive && signature_holds(&s, envelope, &ret->sign)
               ? 0
               : refuse(j, why_not);
}

/* The present key is at hand; an earlier one of ours is in the directory. */
static int check_own_signature(Judging *j) {
    static const char not_ours[] = "it does not show our signature of the message";
    Signature s;
    DirKey key;
    const char *why;
    int r = codec_decode_signature(j->request->signature, &s, &why);
    if (r != 0)
        return r < 0 ? r : refuse(j, not_ours);
    if (keys_can_sign(&j->c->keys) &&
        signature_holds(&s, j->request->envelope, &j->c->keys.sign.public))
        return 0;
    return check_signature(j, j->c->node, j->request->envelope, j->request->signature, &key,
                           not_ours);
}

static int check_message(Judging *j) {
    const char *why = NULL;
    int r = codec_decode_envelope(j->request->envelope, &j->envelope, &why);
    if (r < 0)
        return r;
    if (r > 0 || !uuid_equal(&j->envelope.message_id, &j->request->message_id) ||
        strcmp(j->envelope.sender, j->c->node) != 0)
        return refuse(j, "it is not about a message of ours");
    return check_own_signature(j);
}

static int check_broker(Judging *j) {
    static const char nobody[] = "it is not signed by a broker with a known key";
    const char *why = NULL;
    DirKey key;
    int r = codec_decode_envelope(j->d->raw.parts[1], &j->asked, &why);
    if (r == 0)
        r = check_signature(j, j->asked.sender, j->d->raw.parts[1],
                            signature_bytes(&j->d->frame.deliver.signature), &key, nobody);
    else if (r > 0)
        r = refuse(j, nobody);
    return r == 0 && !key.broker ? refuse(j, nobody) : r;
}

/* --- policy --- */

/* A role, or nobody named: our home broker chooses, among the kinds that can be meant. */
static bool role_may_mean(const Envelope *e, int kind) {
    if (e->audience.form != AUDIENCE_ROLE || e->audience.role_kind == NODE_UNSPECIFIED)
        return true;
    return (role_kinds(e->audience.role_kind) >> kind & 1U) || node_kind_is_upt(kind) ||
           kind == NODE_NATIONAL_HUB; /* who stands in when nobody has the role */
}

static bool is_empty(const Audience *a) {
    return (a->form == AUDIENCE_NONE || a->form == AUDIENCE_NODES) && a->n == 0;
}

/* Did we choose that node, by name, or by a role or nobody that our home broker had to resolve? */
static bool was_addressed(const Judging *j, const char *node, int kind, const char *own_home) {
    const Audience *a = &j->envelope.audience;
    const bool home_asks = own_home[0] && strcmp(own_home, j->asked.sender) == 0;
    for (uint32_t i = 0; a->form == AUDIENCE_NODES && i < a->n; i++)
        if (strcmp(a->nodes[i], node) == 0)
            return true;
    if (a->form == AUDIENCE_ROLE)
        return home_asks && role_may_mean(&j->envelope, kind);
    return is_empty(a) && home_asks;
}

static int check_policy(Judging *j) {
    static const char not_addressed[] = "the node was not addressed";
    KeyOwner self, instead = { .home = "" };
    int r = believe(j, client_keys_owner(j->c->directory, j->c->node, j->now, &self),
                    "the directory does not know us");
    if (r == 0 && was_addressed(j, j->node.node, j->node.kind, self.home))
        return 0;
    if (r != 0)
        return r;
    if (j->c->wrap_policy != SERASI_WRAP_OPERATOR || j->request->reason != WRAP_REDIRECTED ||
        !client_keys_are_pinned(j->c->directory))
        return refuse(j, not_addressed);
    r = believe(j, client_keys_owner(j->c->directory, j->request->instead_of, j->now, &instead),
                "the directory does not know whom it was addressed to");
    if (r != 0)
        return r;
    /* Whom a role meant is not in the envelope: the broker that asks must be the home of either. */
    const Audience *a = &j->envelope.audience;
    const bool meant =
        was_addressed(j, instead.node, instead.kind, self.home) ||
        ((a->form == AUDIENCE_ROLE || is_empty(a)) && role_may_mean(&j->envelope, instead.kind) &&
         strcmp(instead.home, j->asked.sender) == 0);
    return meant ? 0 : refuse(j, not_addressed);
}

/* --- the wrap --- */

static int check_node(Judging *j) {
    int r = believe(j, client_keys_owner(j->c->directory, j->request->recipient, j->now, &j->node),
                    "the node is not in the directory");
    if (r == 0 && (j->node.inactive || strcmp(j->node.node, j->c->node) == 0))
        r = refuse(j, "the node is not active");
    return r;
}

static int wrap_for(Judging *j) {
    const WrapRequest *q = j->request;
    const SealBinding of = { .message_id = q->message_id, .sender = j->c->node };
    _cleanup_(freep) Sealed *s = calloc(1, sizeof(*s));
    SealKey own[KEYS_OLD_MAX + 1];
    const DirKey *keys = NULL;
    size_t n = 0;
    int r = 0;
    if (!s)
        return -ENOMEM;
    memcpy(s->commitment, q->commitment, sizeof(s->commitment));
    memcpy(s->wraps, q->wraps, q->n_wraps * sizeof(*s->wraps));
    s->n_wraps = q->n_wraps;
    j->wraps.message_id = q->message_id;
    j->wraps.n = 0;
    (void)client_keys_of(j->c->directory, q->recipient, j->now, &keys, &n);
    const size_t n_own = keys_opening(&j->c->keys, own);
    for (size_t i = 0; r == 0 && i < n && j->wraps.n < SEAL_WRAPS_MAX; i++)
        if (public_key_is_set(keys[i].seal.b) &&
            client_key_is_usable(&j->node, &keys[i], j->now.wall_ms))
            r = seal_wrap_again(&of, s, own, n_own, &keys[i].seal, &j->wraps.list[j->wraps.n++]);
    secret_wipe(own, sizeof(own));
    if (r > 0)
        return refuse(j, "none of our keys opens the message");
    if (r == 0 && j->wraps.n == 0)
        return refuse(j, "the node has no sealing key");
    return r;
}

/* --- the answer --- */

/* The same request is answered with the same id: it is answered once. */
static Uuid answer_id(const serasi_delivery *d, int64_t asked_ms) {
    static const char label[] = "serasi v1 wrap";
    uint8_t text[sizeof(label) + UUID_SIZE];
    memcpy(text, label, sizeof(label));
    memcpy(text + sizeof(label), d->id.b, UUID_SIZE);
    return uuid_derive_v7(asked_ms, bytes_make(text, sizeof(text)));
}

/* Of no case: it waits for nothing and holds nothing up. */
static int make_answer(const Judging *j, Uuid *ret_id, Body **ret) {
    _cleanup_(freep) uint8_t *facts = NULL, *envelope = NULL;
    size_t n_facts = 0, n = 0;
    Envelope e = {
        .message_id = answer_id(j->d, j->request->asked_ms),
        .kind = KIND_SEAL_WRAP,
        .schema = 1,
        .audience = { .form = AUDIENCE_NODES, .n = 1 },
        .cluster = j->envelope.cluster,
        .causation_id = j->request->message_id,
        .urgency = MAX(j->envelope.urgency, (int)URGENCY_PRIORITY),
        .sensitivity = SENSITIVITY_INTERNAL,
        .legal_basis = j->envelope.legal_basis,
        .created_ms = j->now.wall_ms,
        .expires_ms = j->now.wall_ms + WRAP_LIVES,
        .has_facts_digest = true,
        .status = j->envelope.status,
    };
    if (e.urgency > URGENCY_EMERGENCY)
        e.urgency = URGENCY_EMERGENCY;
    (void)text_copy(e.sender, sizeof(e.sender), j->c->node);
    (void)text_copy(e.audience.nodes[0], sizeof(e.audience.nodes[0]), j->request->recipient);
    (void)text_copy(e.region, sizeof(e.region), j->envelope.region);
    int r = codec_encode_seal_wraps(&j->wraps, &facts, &n_facts);
    if (r < 0)
        return r;
    hash_digest(bytes_make(facts, n_facts), e.facts_digest);
    r = codec_encode_envelope(&e, &envelope, &n);
    if (r < 0)
        return r;
    *ret_id = e.message_id;
    *ret = body_new(bytes_make(envelope, n), bytes_make(facts, n_facts), (Bytes) { 0 });
    return *ret ? 0 : -ENOMEM;
}

/* All checks, each of which may have to wait for keys; the order is that of what they can be told
 * apart by. */
static int judge(Judging *j, bool granted) {
    int r = check_message(j);
    if (r == 0)
        r = check_node(j);
    if (r == 0)
        r = check_broker(j);
    if (r == 0 && !granted)
        r = check_policy(j);
    return r == 0 ? wrap_for(j) : r;
}

/* 0: d is taken, the answer is on its way; SERASI_AGAIN; SERASI_REFUSED with the reason in d. */
static int answer(serasi_client *c, serasi_delivery *d, bool granted) {
    _cleanup_(freep) Judging *j = calloc(1, sizeof(*j));
    _cleanup_(body_unrefp) Body *body = NULL;
    Uuid id;
    if (!j)
        return -ENOMEM;
    *j = (Judging) { .c = c, .d = d, .request = d->request, .now = now_read() };
    int r = judge(j, granted);
    d->wrap_trouble = j->why;
    if (r == 0)
        r = make_answer(j, &id, &body);
    return r == 0 ? publish_own(c, &id, body, d) : r;
}

/* --- requests --- */

static int read_request(serasi_delivery *d) {
    const char *why = NULL;
    if (d->request)
        return 0;
    d->request = calloc(1, sizeof(*d->request));
    if (!d->request)
        return -ENOMEM;
    int r = codec_decode_wrap_request(d->raw.parts[2], d->request, &why);
    if (r == 0)
        return 0;
    free(d->request);
    d->request = NULL;
    return r < 0 ? r : SERASI_REFUSED;
}

int request_came(serasi_client *c, serasi_delivery *d, bool *ret_taken) {
    *ret_taken = false;
    if (c->wrap_policy == SERASI_WRAP_NEVER || !keys_can_open(&c->keys) ||
        c->n_requests >= REQUESTS_MAX)
        return 0;
    int r = read_request(d);
    if (r != 0)
        return MIN(r, 0);
    DL_APPEND(c->requests, d);
    c->n_requests++;
    *ret_taken = true;
    return 0;
}

static void take_out(serasi_client *c, serasi_delivery *d) {
    DL_DELETE(c->requests, d);
    d->prev = d->next = NULL;
    c->n_requests--;
}

int requests_write(serasi_client *c) {
    serasi_delivery *d, *next;
    DL_FOREACH_SAFE(c->requests, d, next) {
        int r = answer(c, d, d->wrap_granted);
        if (r < 0)
            return r;
        if (r == SERASI_AGAIN) {
            c->look_due_ms = MIN(c->look_due_ms, c->now_ms + LOOK_MS);
            continue;
        }
        take_out(c, d);
        if (r > 0)
            DL_APPEND(c->deliveries, d);
    }
    return 0;
}

void requests_drop(serasi_client *c, uint32_t channel) {
    serasi_delivery *d, *next;
    DL_FOREACH_SAFE(c->requests, d, next) {
        if (channel != 0 && d->channel != channel)
            continue;
        take_out(c, d);
        (void)delivery_free(d);
    }
}

void request_answered(serasi_client *c, Outgoing *o, const PublishResult *r) {
    serasi_delivery *d = TAKE_PTR(o->request);
    const bool done = r->verdict == VERDICT_ACCEPTED || r->verdict == VERDICT_DUPLICATE ||
                      r->verdict == VERDICT_CONFLICT; /* accepted before, as another box */
    const bool ours = d->session == c->session && c->state == CLIENT_OPEN;
    if (!ours) { /* it comes again */
        (void)delivery_free(d);
        return;
    }
    if (!done && r->verdict != VERDICT_LATER) {
        d->wrap_trouble = "the broker refused the wrap";
        DL_APPEND(c->deliveries, d);
        return;
    }
    (void)serasi_settle(c, d, done ? SERASI_DONE : SERASI_RETRY, r->retry_after_ms, NULL, 0);
    (void)delivery_free(d);
}

/* --- what applications call --- */

SERASI_PUBLIC int serasi_wrap(serasi_client *c, serasi_delivery *d) {
    const char *why = NULL;
    Envelope e;
    if (!c || !d || codec_decode_envelope(d->raw.parts[1], &e, &why) != 0 ||
        e.kind != KIND_WRAP_REQUEST)
        return -EINVAL;
    int r = read_request(d);
    if (r != 0)
        return r < 0 ? r : -EINVAL;
    d->wrap_granted = true;
    d->wrap_trouble = NULL;
    DL_APPEND(c->requests, d);
    c->n_requests++;
    client_wake(c);
    return 0;
}

SERASI_PUBLIC int serasi_wrap_granted(const serasi_delivery *d) {
    return d->wrap_granted;
}

SERASI_PUBLIC const char *serasi_wrap_trouble(const serasi_delivery *d) {
    return d->wrap_trouble;
}

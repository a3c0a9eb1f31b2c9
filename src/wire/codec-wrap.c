/* SPDX-License-Identifier: Apache-2.0 */

/* Wraps of content keys: those of a sealed part, the request for one more, and the answer. */

#include <errno.h>

#include "base/hash.h"
#include "base/text.h"
#include "serasi/v1/sealed.pb-c.h"
#include "serasi/v1/wrap.pb-c.h"
#include "wire/codec-internal.h"

static const GuardLimits wrap_limits = {
    .bytes = FACTS_MAX,
    .depth = 2,
    .fields = 16 + 4 * SEAL_WRAPS_MAX,
    .unknown_fields = 16,
};

const char *take_wraps(size_t n, Serasi__V1__SealedWrap *const *in, uint32_t *ret_n,
                       SealWrap ret[static SEAL_WRAPS_MAX]) {
    if (n == 0 || n > SEAL_WRAPS_MAX)
        return "wraps: 1 to 64 are needed";
    for (size_t i = 0; i < n; i++) {
        if (!take_fixed(in[i]->key, ret[i].key.b, sizeof(ret[i].key.b)))
            return "wraps.key: not 8 bytes";
        if (!take_fixed(in[i]->box, ret[i].box, sizeof(ret[i].box)))
            return "wraps.box: not 96 bytes";
    }
    *ret_n = (uint32_t)n;
    return NULL;
}

Serasi__V1__SealedWrap **give_wraps(Arena *a, uint32_t n, const SealWrap *in) {
    Serasi__V1__SealedWrap **wraps =
        give_list(a, n, sizeof(**wraps), (ProtobufCMessageInit)serasi__v1__sealed_wrap__init);
    for (uint32_t i = 0; wraps && i < n; i++) {
        wraps[i]->key = give_bytes(in[i].key.b, sizeof(in[i].key.b));
        wraps[i]->box = give_bytes(in[i].box, sizeof(in[i].box));
    }
    return wraps;
}

/* --- the request --- */

static int encode_request_facts(const WrapRequest *r, uint8_t **ret, size_t *ret_n) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    if (!a)
        return -ENOMEM;
    Serasi__V1__WrapRequest out = SERASI__V1__WRAP_REQUEST__INIT;
    out.message_id = give_uuid(&r->message_id);
    out.recipient_node = (char *)r->recipient;
    out.reason = (Serasi__V1__WrapReason)r->reason;
    out.instead_of_node = (char *)r->instead_of;
    out.by = (char *)r->by;
    out.asked_at = (uint64_t)r->asked_ms;
    out.envelope = give_bytes(r->envelope.p, r->envelope.n);
    out.signature = give_bytes(r->signature.p, r->signature.n);
    out.commitment = give_bytes(r->commitment, sizeof(r->commitment));
    out.n_wraps = r->n_wraps;
    out.wraps = give_wraps(a, r->n_wraps, r->wraps);
    return arena_has_failed(a) ? -ENOMEM : wire_pack(&out.base, ret, ret_n);
}

Body *codec_encode_wrap_request(const WrapRequest *r, const char *self) {
    _cleanup_(freep) uint8_t *facts = NULL, *envelope = NULL;
    size_t n_facts = 0, n = 0;
    if (encode_request_facts(r, &facts, &n_facts) < 0)
        return NULL;
    Envelope e = {
        .message_id = r->id,
        .kind = KIND_WRAP_REQUEST,
        .schema = 1,
        .audience = { .form = AUDIENCE_NODES, .n = 1 },
        .causation_id = r->message_id,
        .urgency = URGENCY_PRIORITY,
        .sensitivity = SENSITIVITY_INTERNAL,
        .created_ms = r->asked_ms,
        .has_facts_digest = true,
    };
    (void)text_copy(e.sender, sizeof(e.sender), self);
    (void)text_copy(e.audience.nodes[0], sizeof(e.audience.nodes[0]), r->to);
    (void)text_copy(e.region, sizeof(e.region), r->region);
    hash_digest(bytes_make(facts, n_facts), e.facts_digest);
    if (codec_encode_envelope(&e, &envelope, &n) < 0)
        return NULL;
    return body_new_to_sign(bytes_make(envelope, n), bytes_make(facts, n_facts), (Bytes) { 0 });
}

/* Nil stands for none, and these are about a message. */
static const char *take_subject(ProtobufCBinaryData in, Uuid *ret) {
    if (!take_uuid(in, ret))
        return "message_id: not 16 bytes";
    return uuid_is_nil(ret) ? "message_id: nil" : NULL;
}

static const char *take_request(const Serasi__V1__WrapRequest *in, WrapRequest *r) {
    const char *why = take_subject(in->message_id, &r->message_id);
    if (why)
        return why;
    if (!take_node(in->recipient_node, r->recipient))
        return "recipient_node: not a node id";
    if (!take_optional_node(in->instead_of_node, r->instead_of))
        return "instead_of_node: not a node id";
    if (!text_copy(r->by, sizeof(r->by), in->by))
        return "by: too long";
    if (!take_time(in->asked_at, &r->asked_ms))
        return "asked_at: out of range";
    if (in->envelope.len == 0 || in->envelope.len > ENVELOPE_MAX)
        return "envelope: missing or too large";
    if (in->signature.len > SIGNATURE_MAX)
        return "signature: too large";
    if (!take_fixed(in->commitment, r->commitment, sizeof(r->commitment)))
        return "commitment: not 32 bytes";
    r->reason = (int)in->reason;
    return take_wraps(in->n_wraps, in->wraps, &r->n_wraps, r->wraps);
}

int codec_decode_wrap_request(Bytes facts, WrapRequest *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r =
        wire_unpack(&serasi__v1__wrap_request__descriptor, facts, &wrap_limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    const Serasi__V1__WrapRequest *in = (const Serasi__V1__WrapRequest *)m;
    WrapRequest request = { 0 };
    const char *why = take_request(in, &request);
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    const size_t n = in->envelope.len;
    request.bytes = malloc(n + in->signature.len);
    if (!request.bytes)
        return -ENOMEM;
    memcpy(request.bytes, in->envelope.data, n);
    if (in->signature.len > 0)
        memcpy(request.bytes + n, in->signature.data, in->signature.len);
    request.envelope = bytes_make(request.bytes, n);
    request.signature = bytes_make(request.bytes + n, in->signature.len);
    *ret = request;
    return 0;
}

/* --- the answer --- */

int codec_encode_seal_wraps(const SealWraps *w, uint8_t **ret, size_t *ret_n) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    if (!a)
        return -ENOMEM;
    Serasi__V1__SealWrap out = SERASI__V1__SEAL_WRAP__INIT;
    out.message_id = give_uuid(&w->message_id);
    out.n_wraps = w->n;
    out.wraps = give_wraps(a, w->n, w->list);
    return arena_has_failed(a) ? -ENOMEM : wire_pack(&out.base, ret, ret_n);
}

int codec_decode_seal_wraps(Bytes facts, SealWraps *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__seal_wrap__descriptor, facts, &wrap_limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    const Serasi__V1__SealWrap *in = (const Serasi__V1__SealWrap *)m;
    const char *why = take_subject(in->message_id, &ret->message_id);
    if (!why)
        why = take_wraps(in->n_wraps, in->wraps, &ret->n, ret->list);
    if (!why)
        return 0;
    *ret_why = why;
    return WIRE_MALFORMED;
}

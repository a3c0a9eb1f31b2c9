/* SPDX-License-Identifier: Apache-2.0 */

/* Requests for keys: what is asked for (the bytes that are signed), and the request around it. */

#include <errno.h>

#include "base/hash.h"
#include "base/text.h"
#include "serasi/v1/key.pb-c.h"
#include "wire/codec-internal.h"

static const GuardLimits demand_limits = {
    .bytes = KEY_DEMAND_MAX, .depth = 2, .fields = 16, .unknown_fields = 8
};
static const GuardLimits request_limits = {
    .bytes = KEY_REQUEST_MAX, .depth = 2, .fields = 16, .unknown_fields = 8
};

/* --- writing --------------------------------------------------------------------------------- */

int codec_encode_key_demand(KeyRequest *r) {
    uint8_t record[KEY_DEMAND_MAX];
    const DirRecord k = { .kind = DIR_KEY, .key = r->key };
    const Bytes bytes = codec_encode_record(&k, record, sizeof(record));
    Serasi__V1__KeyDemand out = SERASI__V1__KEY_DEMAND__INIT;
    out.act = (Serasi__V1__KeyAct)r->act;
    out.record = give_bytes(bytes.p, bytes.n);
    out.asked_at = (uint64_t)r->asked_ms;
    const size_t n = serasi__v1__key_demand__get_packed_size(&out);
    if (bytes.n == 0 || n > sizeof(r->demand))
        return -EINVAL;
    r->n_demand = serasi__v1__key_demand__pack(&out, r->demand);
    return 0;
}

static bool is_set(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return true;
    return false;
}

int codec_encode_key_request(const KeyRequest *r, uint8_t **ret, size_t *ret_n) {
    Serasi__V1__KeyRequest out = SERASI__V1__KEY_REQUEST__INIT;
    out.demand = give_bytes(r->demand, r->n_demand);
    if (is_set(r->proof, sizeof(r->proof)))
        out.proof = give_bytes(r->proof, sizeof(r->proof));
    out.by_node = (char *)r->by_node;
    if (r->by_node[0] != '\0') {
        out.by_key = give_bytes(r->by_key.b, sizeof(r->by_key.b));
        out.ed25519 = give_bytes(r->signature, sizeof(r->signature));
    }
    return wire_pack(&out.base, ret, ret_n);
}

Body *codec_encode_key_message(const KeyRequest *r, const Uuid *id, const char *self,
                               const char *to, int64_t now_ms) {
    _cleanup_(freep) uint8_t *facts = NULL, *envelope = NULL;
    size_t n_facts = 0, n = 0;
    if (codec_encode_key_request(r, &facts, &n_facts) < 0)
        return NULL;
    Envelope e = {
        .message_id = *id,
        .kind = KIND_KEY_REQUEST,
        .schema = 1,
        .audience = { .form = AUDIENCE_NODES, .n = 1 },
        .urgency = URGENCY_PRIORITY,
        .sensitivity = SENSITIVITY_INTERNAL,
        .created_ms = now_ms,
        .has_facts_digest = true,
    };
    (void)text_copy(e.sender, sizeof(e.sender), self);
    (void)text_copy(e.audience.nodes[0], sizeof(e.audience.nodes[0]), to);
    hash_digest(bytes_make(facts, n_facts), e.facts_digest);
    if (codec_encode_envelope(&e, &envelope, &n) < 0)
        return NULL;
    return body_new_to_sign(bytes_make(envelope, n), bytes_make(facts, n_facts), (Bytes) { 0 });
}

/* --- reading --------------------------------------------------------------------------------- */

static const char *take_demand(const Serasi__V1__KeyDemand *in, KeyRequest *r) {
    DirRecord record;
    const char *why = NULL;
    if (in->act != SERASI__V1__KEY_ACT__KEY_ACT_ADD && in->act != SERASI__V1__KEY_ACT__KEY_ACT_END)
        return "act: neither ADD nor END";
    if (!take_time(in->asked_at, &r->asked_ms))
        return "asked_at: out of range";
    const int e = codec_decode_record(bytes_make(in->record.data, in->record.len), &record, &why);
    if (e < 0)
        return codec_out_of_memory;
    if (e > 0 || record.kind != DIR_KEY)
        return "record: not a key record";
    r->act = (KeyAct)in->act;
    r->key = record.key;
    return NULL;
}

static int decode_demand(ProtobufCBinaryData b, KeyRequest *r, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int e = wire_unpack(&serasi__v1__key_demand__descriptor, bytes_make(b.data, b.len),
                        &demand_limits, &a, &m, ret_why);
    if (e != 0)
        return e;
    const char *why = take_demand((const Serasi__V1__KeyDemand *)m, r);
    if (why == codec_out_of_memory)
        return -ENOMEM;
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    memcpy(r->demand, b.data, b.len); /* within demand_limits */
    r->n_demand = b.len;
    return 0;
}

static const char *take_signatures(const Serasi__V1__KeyRequest *in, KeyRequest *r) {
    if (in->proof.len > 0 && !take_fixed(in->proof, r->proof, sizeof(r->proof)))
        return "proof: not 64 bytes";
    if (!take_optional_node(in->by_node, r->by_node))
        return "by_node: not a node id";
    if (r->by_node[0] == '\0')
        return in->by_key.len > 0 || in->ed25519.len > 0 ? "by_node: missing" : NULL;
    if (!take_fixed(in->by_key, r->by_key.b, sizeof(r->by_key.b)))
        return "by_key: not 8 bytes";
    return take_fixed(in->ed25519, r->signature, sizeof(r->signature)) ? NULL
                                                                       : "ed25519: not 64 bytes";
}

int codec_decode_key_request(Bytes b, KeyRequest *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    KeyRequest r = { 0 };
    int e = wire_unpack(&serasi__v1__key_request__descriptor, b, &request_limits, &a, &m, ret_why);
    if (e != 0)
        return e;
    const Serasi__V1__KeyRequest *in = (const Serasi__V1__KeyRequest *)m;
    e = decode_demand(in->demand, &r, ret_why);
    if (e != 0)
        return e;
    const char *why = take_signatures(in, &r);
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    *ret = r;
    return 0;
}

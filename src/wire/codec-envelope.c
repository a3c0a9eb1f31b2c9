/* SPDX-License-Identifier: Apache-2.0 */

/* The envelope, both ways. Only forms are judged here; what is missing or not allowed is for
 * law/accept, which tells all reasons at once. */

#include <errno.h>

#include "base/text.h"
#include "wire/codec-internal.h"

static const GuardLimits envelope_limits = {
    .bytes = ENVELOPE_MAX,
    .depth = 3,
    .fields = 256,
    .unknown_fields = 64,
};

/* A digest or nothing. */
static bool take_digest(ProtobufCBinaryData b, uint8_t ret[static DIGEST_SIZE], bool *ret_has) {
    *ret_has = b.len == DIGEST_SIZE;
    if (*ret_has)
        memcpy(ret, b.data, DIGEST_SIZE);
    return *ret_has || b.len == 0;
}

static const char *take_audience(const Serasi__V1__Audience *in, Audience *a) {
    if (!in)
        return NULL;
    if (in->n_to > AUDIENCE_NODES_MAX || in->n_scope > AUDIENCE_SCOPE_MAX)
        return "envelope.audience: too many entries";
    for (size_t i = 0; i < in->n_to; i++)
        if (!take_node(in->to[i], a->nodes[i]))
            return "envelope.audience.to: not a node id";
    for (size_t i = 0; i < in->n_scope; i++)
        if (!take_region(in->scope[i], a->scope[i]))
            return "envelope.audience.scope: not a region prefix";
    if (in->role) {
        if (!take_region(in->role->region, a->role_region))
            return "envelope.audience.role.region: not a region code";
        a->role_kind = (int)in->role->kind;
        a->role_cluster = (int)in->role->cluster;
    }
    if ((in->n_to > 0) + (in->n_scope > 0) + (in->role != NULL) != 1)
        return NULL; /* none or several: AUDIENCE_NONE */
    a->form = in->role ? AUDIENCE_ROLE : in->n_to > 0 ? AUDIENCE_NODES : AUDIENCE_SCOPE;
    a->n = (uint32_t)(in->n_to + in->n_scope);
    return NULL;
}

static const char *take_ids(const Serasi__V1__Envelope *in, Envelope *e) {
    if (!take_uuid(in->message_id, &e->message_id))
        return "envelope.message_id: not 16 bytes";
    if (uuid_is_nil(&e->message_id)) /* nil stands for "none" everywhere else */
        return "envelope.message_id: is nil";
    if (!take_optional_uuid(in->case_id, &e->case_id))
        return "envelope.case_id: not 16 bytes";
    if (!take_optional_uuid(in->correlation_id, &e->correlation_id))
        return "envelope.correlation_id: not 16 bytes";
    if (!take_optional_uuid(in->causation_id, &e->causation_id))
        return "envelope.causation_id: not 16 bytes";
    return NULL;
}

static const char *take_envelope(const Serasi__V1__Envelope *in, Envelope *e) {
    const char *why = take_ids(in, e);
    if (why)
        return why;
    if ((int)in->kind < 0 || (int)in->receipts < RECEIPTS_DEFAULT ||
        (int)in->receipts > RECEIPTS_FAILURES_ONLY)
        return "envelope: kind or receipts out of range";
    /* One that is not known cannot be kept apart from what is meant. */
    if ((int)in->status < 0 || (int)in->status > MESSAGE_STATUS_TEST)
        return "envelope.status: out of range";
    if (!take_node(in->sender, e->sender))
        return "envelope.sender: not a node id";
    if (!take_region(in->region, e->region))
        return "envelope.region: not a region code";
    if (!take_time(in->created_at, &e->created_ms) || !take_time(in->expires_at, &e->expires_ms))
        return "envelope: time out of range";
    if (!take_digest(in->facts_digest, e->facts_digest, &e->has_facts_digest) ||
        !take_digest(in->sealed_digest, e->sealed_digest, &e->has_sealed_digest))
        return "envelope: digest is not 32 bytes";
    e->kind = (int)in->kind;
    e->schema = in->schema;
    e->cluster = (int)in->cluster;
    e->urgency = (int)in->urgency;
    e->sensitivity = (int)in->sensitivity;
    e->legal_basis = (int)in->legal_basis;
    e->receipts = (ReceiptPolicy)in->receipts;
    e->status = (int)in->status;
    e->no_supervision = in->no_supervision;
    return take_audience(in->audience, &e->audience);
}

int codec_decode_envelope(Bytes b, Envelope *ret, const char **ret_why) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    int r = wire_unpack(&serasi__v1__envelope__descriptor, b, &envelope_limits, &a, &m, ret_why);
    if (r != 0)
        return r;
    Envelope e = { 0 };
    const char *why = take_envelope((const Serasi__V1__Envelope *)m, &e);
    if (why) {
        *ret_why = why;
        return WIRE_MALFORMED;
    }
    *ret = e;
    return 0;
}

int codec_decode_stored_envelope(Bytes b, Envelope *ret) {
    const char *why;
    int r = codec_decode_envelope(b, ret, &why);
    return r > 0 ? -EBADMSG : r; /* what was accepted once is unreadable: the store is damaged */
}

static char **give_texts(Arena *a, uint32_t n, const char *first, size_t step) {
    char **list = arena_alloc(a, n * sizeof(*list));
    for (uint32_t i = 0; list && i < n; i++)
        list[i] = (char *)first + i * step;
    return list;
}

static void give_audience(Arena *a, const Audience *in, Serasi__V1__Audience *out,
                          Serasi__V1__RoleAtRegion *role) {
    switch (in->form) {
    case AUDIENCE_NODES:
        out->n_to = in->n;
        out->to = give_texts(a, in->n, in->nodes[0], NODE_NAME_SIZE);
        break;
    case AUDIENCE_SCOPE:
        out->n_scope = in->n;
        out->scope = give_texts(a, in->n, in->scope[0], REGION_SIZE);
        break;
    case AUDIENCE_ROLE:
        role->kind = (Serasi__V1__NodeKind)in->role_kind;
        role->region = (char *)in->role_region;
        role->cluster = (Serasi__V1__Cluster)in->role_cluster;
        out->role = role;
        break;
    case AUDIENCE_NONE:
        break;
    }
}

int codec_encode_envelope(const Envelope *e, uint8_t **ret, size_t *ret_n) {
    _cleanup_(arena_freep) Arena *a = arena_new(ARENA_UNBOUNDED);
    if (!a)
        return -ENOMEM;
    Serasi__V1__RoleAtRegion role = SERASI__V1__ROLE_AT_REGION__INIT;
    Serasi__V1__Audience audience = SERASI__V1__AUDIENCE__INIT;
    Serasi__V1__Envelope out = SERASI__V1__ENVELOPE__INIT;
    give_audience(a, &e->audience, &audience, &role);
    out.audience = e->audience.form == AUDIENCE_NONE ? NULL : &audience;
    out.message_id = give_uuid(&e->message_id);
    out.kind = (Serasi__V1__MessageKind)e->kind;
    out.schema = e->schema;
    out.sender = (char *)e->sender;
    out.region = (char *)e->region;
    out.cluster = (Serasi__V1__Cluster)e->cluster;
    out.case_id = give_uuid(&e->case_id);
    out.correlation_id = give_uuid(&e->correlation_id);
    out.causation_id = give_uuid(&e->causation_id);
    out.urgency = (Serasi__V1__Urgency)e->urgency;
    out.sensitivity = (Serasi__V1__Sensitivity)e->sensitivity;
    out.legal_basis = (Serasi__V1__LegalBasis)e->legal_basis;
    out.created_at = (uint64_t)e->created_ms;
    out.expires_at = (uint64_t)e->expires_ms;
    if (e->has_facts_digest)
        out.facts_digest = (ProtobufCBinaryData) { DIGEST_SIZE, (uint8_t *)e->facts_digest };
    if (e->has_sealed_digest)
        out.sealed_digest = (ProtobufCBinaryData) { DIGEST_SIZE, (uint8_t *)e->sealed_digest };
    out.receipts = (Serasi__V1__ReceiptPolicy)e->receipts;
    out.status = (Serasi__V1__MessageStatus)e->status;
    out.no_supervision = e->no_supervision;
    if (arena_has_failed(a))
        return -ENOMEM;
    return wire_pack(&out.base, ret, ret_n);
}

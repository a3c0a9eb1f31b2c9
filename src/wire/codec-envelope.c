/* SPDX-License-Identifier: Apache-2.0 */

/* The envelope, both ways. Only forms are judged here; what is missing or not allowed is for
 * law/accept, which tells all reasons at once. */

#include <errno.h>

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

int envelope_unpack(Bytes b, Envelope *ret, const char **ret_why) {
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

int codec_decode_envelope(Bytes b, Envelope *ret, const char **ret_why) {
    return envelope_read(b, ret) ? 0 : envelope_unpack(b, ret, ret_why);
}

int codec_decode_stored_envelope(Bytes b, Envelope *ret) {
    const char *why;
    int r = codec_decode_envelope(b, ret, &why);
    return r > 0 ? -EBADMSG : r; /* what was accepted once is unreadable: the store is damaged */
}

/* Fields from the last to the first (back.h). */
static void put_audience(Back *b, unsigned field, const Audience *in) {
    const size_t mark = b->n;
    if (in->form == AUDIENCE_NONE)
        return;
    if (in->form == AUDIENCE_ROLE) {
        back_enum(b, 3, in->role_cluster);
        back_text(b, 2, in->role_region);
        back_enum(b, 1, in->role_kind);
        back_message(b, 2, mark);
    }
    for (uint32_t n = in->form == AUDIENCE_SCOPE ? in->n : 0; n-- > 0;)
        back_entry(b, 3, bytes_make(in->scope[n], strlen(in->scope[n])));
    for (uint32_t n = in->form == AUDIENCE_NODES ? in->n : 0; n-- > 0;)
        back_entry(b, 1, bytes_make(in->nodes[n], strlen(in->nodes[n])));
    back_message(b, field, mark);
}

int codec_encode_envelope(const Envelope *e, uint8_t **ret, size_t *ret_n) {
    _cleanup_(back_deinit) Back b = { 0 };
    back_number(&b, 20, e->no_supervision);
    back_enum(&b, 19, e->status);
    back_enum(&b, 18, (int)e->receipts);
    if (e->has_sealed_digest)
        back_entry(&b, 17, bytes_make(e->sealed_digest, DIGEST_SIZE));
    if (e->has_facts_digest)
        back_entry(&b, 16, bytes_make(e->facts_digest, DIGEST_SIZE));
    back_fixed64(&b, 15, (uint64_t)e->expires_ms);
    back_fixed64(&b, 14, (uint64_t)e->created_ms);
    back_enum(&b, 13, e->legal_basis);
    back_enum(&b, 12, e->sensitivity);
    back_enum(&b, 11, e->urgency);
    back_uuid(&b, 10, &e->causation_id);
    back_uuid(&b, 9, &e->correlation_id);
    back_uuid(&b, 8, &e->case_id);
    back_enum(&b, 7, e->cluster);
    back_text(&b, 6, e->region);
    put_audience(&b, 5, &e->audience);
    back_text(&b, 4, e->sender);
    back_number(&b, 3, e->schema);
    back_enum(&b, 2, e->kind);
    back_uuid(&b, 1, &e->message_id);
    return back_finish(&b, ret, ret_n);
}

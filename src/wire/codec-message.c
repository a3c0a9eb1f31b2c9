/* SPDX-License-Identifier: Apache-2.0 */

/* A whole message on its way in, and the three kinds a broker writes itself. */

#include <errno.h>

#include "base/hash.h"
#include "base/text.h"
#include "core/lanes.h"
#include "wire/codec-facts.h"

int codec_decode_message(Bytes envelope, Bytes facts, Bytes sealed, Message *m,
                         const char **ret_why) {
    return codec_decode_signed_message(envelope, facts, sealed, (Bytes) { 0 }, m, ret_why);
}

/* R-004 for what the envelope has of its own: the rest of it has a form that holds no number. */
static void find_personal_id(Message *m) {
    const Envelope *e = &m->env;
    const char *field = uuid_is_nik(&e->message_id)       ? "message_id"
                        : uuid_is_nik(&e->case_id)        ? "case_id"
                        : uuid_is_nik(&e->correlation_id) ? "correlation_id"
                        : uuid_is_nik(&e->causation_id)   ? "causation_id"
                                                          : NULL;
    if (field)
        (void)text_copy(m->facts.personal_field, sizeof(m->facts.personal_field), field);
}

int codec_decode_signed_message(Bytes envelope, Bytes facts, Bytes sealed, Bytes signature,
                                Message *m, const char **ret_why) {
    if (sealed.n > SEALED_MAX) {
        *ret_why = "sealed: too large";
        return WIRE_TOO_LARGE;
    }
    const Envelope *e = &m->env;
    int r = codec_decode_envelope(envelope, &m->env, ret_why);
    if (r == 0)
        r = facts_decode(e->kind, facts, &m->facts, ret_why);
    if (r != 0)
        return r;
    find_personal_id(m);
    Body *body = body_new_signed(envelope, facts, sealed, signature);
    if (!body)
        return -ENOMEM;
    body_unref(m->body);
    m->body = body;
    m->lane =
        lane_of(e->kind, e->urgency, e->kind == KIND_COMPLAINT && m->facts.complaint.harm_now);
    hash_digest(facts, m->facts_digest);
    hash_digest(sealed, m->sealed_digest);
    m->hashed = true;
    hash_message_of(envelope, m->facts_digest, m->sealed_digest, m->digest);
    return 0;
}

static int encode_receipt_facts(const Receipt *r, uint8_t **ret, size_t *ret_n) {
    _cleanup_(back_deinit) Back b = { 0 };
    put_stamps(&b, 9, r->n_stamps, r->stamps);
    back_text(&b, 8, r->detail);
    back_number(&b, 7, r->attempts);
    back_fixed64(&b, 6, (uint64_t)r->said_ms);
    back_text(&b, 5, r->leg);
    back_enum(&b, 4, (int)r->cause);
    back_enum(&b, 3, (int)r->level);
    back_text(&b, 2, r->recipient);
    back_uuid(&b, 1, &r->message_id);
    return back_finish(&b, ret, ret_n);
}

/* The same receipt is the same bytes whenever it is written, or its second copy would be a
 * conflict: nothing here depends on the clock but through said_ms. */
static Envelope receipt_envelope(const Receipt *r, const char *self) {
    Envelope e = {
        .message_id = uuid_is_nil(&r->id) ? receipt_message_id(r) : r->id,
        .kind = KIND_RECEIPT,
        .schema = 1,
        .audience = { .form = AUDIENCE_NODES, .n = 1 },
        .correlation_id = r->correlation_id,
        .causation_id = r->message_id,
        .urgency = URGENCY_PRIORITY,
        .sensitivity = SENSITIVITY_INTERNAL,
        .created_ms = r->said_ms,
    };
    (void)text_copy(e.sender, sizeof(e.sender), self);
    (void)text_copy(e.audience.nodes[0], sizeof(e.audience.nodes[0]), r->sender);
    (void)text_copy(e.region, sizeof(e.region), r->region);
    return e;
}

/* The envelope and facts, to be signed; the digest is put in. NULL when out of memory. */
static Body *body_of(Envelope *e, Bytes facts) {
    _cleanup_(freep) uint8_t *envelope = NULL;
    size_t n = 0;
    e->has_facts_digest = true;
    hash_digest(facts, e->facts_digest);
    if (codec_encode_envelope(e, &envelope, &n) < 0)
        return NULL;
    return body_new_to_sign(bytes_make(envelope, n), facts, (Bytes) { 0 });
}

Body *codec_encode_receipt(const Receipt *r, const char *self, int64_t now_ms) {
    (void)now_ms;
    _cleanup_(freep) uint8_t *facts = NULL;
    size_t n = 0;
    if (encode_receipt_facts(r, &facts, &n) < 0)
        return NULL;
    Envelope e = receipt_envelope(r, self);
    return body_of(&e, bytes_make(facts, n));
}

bool codec_receipt_detail(Bytes facts, char *ret, size_t size) {
    static const GuardLimits limits = {
        .bytes = FACTS_MAX, .depth = 6, .fields = 2048, .unknown_fields = 64
    };
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    const char *why;
    if (wire_unpack(&serasi__v1__receipt__descriptor, facts, &limits, &a, &m, &why) != 0)
        return false;
    const char *detail = ((const Serasi__V1__Receipt *)m)->detail;
    return detail && detail[0] != '\0' && text_copy(ret, size, detail);
}

static int encode_notice_facts(const Notice *n, uint8_t **ret, size_t *ret_n) {
    Serasi__V1__Notice out = SERASI__V1__NOTICE__INIT;
    out.code = (char *)n->code;
    out.item_kind = (Serasi__V1__ItemKind)n->item_kind;
    out.item_id = give_uuid(&n->item_id);
    out.level = n->level;
    out.owed_by_node = (char *)n->owed_by;
    out.due_at = (uint64_t)n->due_ms;
    /* NULL is not packed, as an empty text is not. */
    out.english = (char *)n->text_en;
    out.indonesian = (char *)n->text_id;
    out.legal_basis = (char *)n->pasal;
    return wire_pack(&out.base, ret, ret_n);
}

Body *codec_encode_notice(const Notice *n, const char *self) {
    _cleanup_(freep) uint8_t *facts = NULL;
    size_t n_facts = 0;
    if (encode_notice_facts(n, &facts, &n_facts) < 0)
        return NULL;
    Envelope e = {
        .message_id = n->id,
        .kind = KIND_NOTICE,
        .schema = 1,
        .audience = { .form = AUDIENCE_NODES, .n = 1 },
        .cluster = n->cluster,
        .case_id = n->case_id,
        .correlation_id = n->correlation_id,
        .causation_id = n->causation_id,
        .urgency = n->urgency,
        .sensitivity = SENSITIVITY_INTERNAL,
        .created_ms = n->now_ms,
        .status = n->status,
    };
    (void)text_copy(e.sender, sizeof(e.sender), self);
    (void)text_copy(e.audience.nodes[0], sizeof(e.audience.nodes[0]), n->to);
    (void)text_copy(e.region, sizeof(e.region), n->region);
    return body_of(&e, bytes_make(facts, n_facts));
}

int codec_encode_recall_order(const Uuid *message_id, const char *reason, uint8_t **ret,
                              size_t *ret_n) {
    Serasi__V1__RecallOrder out = SERASI__V1__RECALL_ORDER__INIT;
    out.message_id = give_uuid(message_id);
    out.reason_code = (char *)(reason ? reason : "");
    return wire_pack(&out.base, ret, ret_n);
}

const MessageCodec codec_message = {
    .encode_receipt = codec_encode_receipt,
    .receipt_detail = codec_receipt_detail,
    .encode_notice = codec_encode_notice,
    .encode_wrap_request = codec_encode_wrap_request,
    .encode_key_message = codec_encode_key_message,
    .decode_key_request = codec_decode_key_request,
    .sealed_wraps = codec_sealed_wraps,
    .encode_signature = codec_encode_signature,
    .decode_envelope = codec_decode_stored_envelope,
    .encode_filter = codec_encode_filter,
    .decode_filter = codec_decode_filter,
};

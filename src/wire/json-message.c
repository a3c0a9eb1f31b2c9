/* SPDX-License-Identifier: Apache-2.0 */

/* Message files: what people and scripts write to publish, and what consumers print. */

#include <errno.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/text.h"
#include "serasi/v1/codes.pb-c.h"
#include "wire/codec-internal.h"
#include "wire/json-internal.h"
#include "wire/kinds.h"

#define TEXT_MAX (2U * (ENVELOPE_MAX + FACTS_MAX + SEALED_MAX))

void json_message_deinit(JsonMessage *m) {
    free(m->envelope);
    free(m->facts);
    free(m->sealed);
    secret_deinit(&m->plain);
    *m = (JsonMessage) { 0 };
}

/* --- reading --- */

typedef struct Parts {
    json_t *envelope, *facts, *sealed; /* borrowed; NULL = not given */
} Parts;

static int split(JsonReader *r, json_t *object, Parts *ret) {
    const char *key;
    json_t *value;
    Parts parts = { 0 };
    json_object_foreach(object, key, value) {
        json_t **slot = strcmp(key, "envelope") == 0 ? &parts.envelope
                        : strcmp(key, "facts") == 0  ? &parts.facts
                        : strcmp(key, "sealed") == 0 ? &parts.sealed
                                                     : NULL;
        if (!slot) {
            (void)text_copy(r->path, sizeof(r->path), key);
            return json_refuse(r, "unknown key");
        }
        *slot = value;
    }
    if (!parts.envelope)
        return json_refuse(r, "envelope is missing");
    *ret = parts;
    return 0;
}

static int read_facts(JsonReader *r, json_t *facts, int kind, JsonMessage *m) {
    if (!facts)
        return 0;
    (void)text_copy(r->path, sizeof(r->path), "facts");
    const ProtobufCMessageDescriptor *d = kind_facts(kind);
    if (!d)
        return json_refuse(r, "facts of kind %d are not known to this program", kind);
    ProtobufCMessage *message;
    int e = json_read_message(r, facts, d, &message);
    if (e < 0)
        return e;
    return wire_pack(message, &m->facts, &m->n_facts);
}

static int read_plain(JsonReader *r, json_t *object, int kind, JsonMessage *m) {
    const ProtobufCMessageDescriptor *d = kind_sealed(kind);
    if (!d)
        return json_refuse(r, "messages of this kind seal nothing");
    ProtobufCMessage *message;
    int e = json_read_message(r, object, d, &message);
    if (e < 0)
        return e;
    const size_t n = protobuf_c_message_get_packed_size(message);
    if (seal_padded_size(n) > SEAL_PADDED_MAX)
        return json_refuse(r, "too large");
    e = secret_init(&m->plain, MAX(n, (size_t)1));
    if (e == 0)
        m->plain.n = protobuf_c_message_pack(message, m->plain.p);
    return e;
}

static int read_sealed(JsonReader *r, json_t *sealed, int kind, JsonMessage *m) {
    if (!sealed)
        return 0;
    (void)text_copy(r->path, sizeof(r->path), "sealed");
    if (json_is_object(sealed))
        return read_plain(r, sealed, kind, m);
    if (!json_is_string(sealed))
        return json_refuse(r, "must be an object, or base64");
    int e = base64_decode(json_string_value(sealed), json_string_length(sealed), &m->sealed,
                          &m->n_sealed);
    return e == -EINVAL ? json_refuse(r, "not base64") : e;
}

/* What the publisher left out. The buffers live as long as the packing. */
typedef struct Defaults {
    Uuid message_id;
    uint8_t facts_digest[DIGEST_SIZE], sealed_digest[DIGEST_SIZE];
} Defaults;

static void fill_digest(ProtobufCBinaryData *field, Bytes part, uint8_t buf[static DIGEST_SIZE]) {
    if (field->len > 0)
        return;
    hash_digest(part, buf);
    *field = (ProtobufCBinaryData) { .len = DIGEST_SIZE, .data = buf };
}

static void fill(Serasi__V1__Envelope *e, const char *node, int64_t now_ms, const JsonMessage *m,
                 Defaults *d) {
    if (e->message_id.len == 0) {
        d->message_id = uuid_v7(now_ms);
        e->message_id = give_uuid(&d->message_id);
    }
    if (e->schema == 0)
        e->schema = 1;
    if (e->sender[0] == '\0')
        e->sender = (char *)node;
    if (e->created_at == 0)
        e->created_at = (uint64_t)now_ms;
    fill_digest(&e->facts_digest, bytes_make(m->facts, m->n_facts), d->facts_digest);
    if (m->n_sealed > 0)
        fill_digest(&e->sealed_digest, bytes_make(m->sealed, m->n_sealed), d->sealed_digest);
}

/* Reads the result back as a broker would: forms and sizes are refused here with the same words. */
static int check(JsonReader *r, JsonMessage *m) {
    _cleanup_(message_freep) Message *message = calloc(1, sizeof(*message));
    if (!message)
        return -ENOMEM;
    const char *why = NULL;
    int e = codec_decode_message(bytes_make(m->envelope, m->n_envelope),
                                 bytes_make(m->facts, m->n_facts),
                                 bytes_make(m->sealed, m->n_sealed), message, &why);
    if (e < 0)
        return e;
    r->path[0] = '\0';
    if (e > 0)
        return json_refuse(r, "%s", why);
    m->message_id = message->env.message_id;
    return 0;
}

static int read_parts(JsonReader *r, const Parts *p, const char *node, int64_t now_ms,
                      JsonMessage *m) {
    (void)text_copy(r->path, sizeof(r->path), "envelope");
    ProtobufCMessage *message;
    int e = json_read_message(r, p->envelope, &serasi__v1__envelope__descriptor, &message);
    if (e < 0)
        return e;
    Serasi__V1__Envelope *envelope = (Serasi__V1__Envelope *)message;
    if (envelope->kind == SERASI__V1__MESSAGE_KIND__MESSAGE_KIND_UNSPECIFIED)
        return json_refuse(r, "kind is missing");
    e = read_facts(r, p->facts, (int)envelope->kind, m);
    if (e == 0)
        e = read_sealed(r, p->sealed, (int)envelope->kind, m);
    if (e < 0)
        return e;
    if (m->plain.p && envelope->sealed_digest.len > 0) {
        (void)text_copy(r->path, sizeof(r->path), "envelope.sealed_digest");
        return json_refuse(r, "cannot be known before the part is sealed");
    }
    Defaults defaults;
    fill(envelope, node, now_ms, m, &defaults);
    e = wire_pack(message, &m->envelope, &m->n_envelope);
    return e < 0 ? e : check(r, m);
}

int json_parse_message(const char *text, size_t n, const char *node, int64_t now_ms,
                       JsonMessage *ret, char why[static JSON_WHY_SIZE]) {
    _cleanup_(json_unrefp) json_t *object = NULL;
    _cleanup_(arena_freep) Arena *a = NULL;
    int e = json_begin(text, n, TEXT_MAX, &object, &a, why);
    if (e < 0)
        return e;
    JsonReader r = { .arena = a, .why = why };
    Parts parts = { 0 };
    e = split(&r, object, &parts);
    if (e < 0)
        return e;
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    e = read_parts(&r, &parts, node, now_ms, &m);
    if (e < 0)
        return e;
    *ret = m;
    m = (JsonMessage) { 0 };
    return 0;
}

/* --- printing --- */

static const GuardLimits print_limits = {
    .bytes = FACTS_MAX,
    .depth = 6,
    .fields = 2048,
    .unknown_fields = 64,
};

/* Puts the part under key as an object, or, when it cannot be read, as base64 under raw_key. */
static int put_part(json_t *object, const char *key, const char *raw_key,
                    const ProtobufCMessageDescriptor *d, Bytes b, int *ret_kind) {
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m = NULL;
    const char *why;
    int r = d ? wire_unpack(d, b, &print_limits, &a, &m, &why) : WIRE_MALFORMED;
    if (r < 0)
        return r;
    bool failed = false;
    if (m && m->descriptor == &serasi__v1__envelope__descriptor)
        *ret_kind = (int)((const Serasi__V1__Envelope *)m)->kind;
    if (m)
        json_put(object, key, json_write_message(m), &failed);
    else if (b.n > 0)
        json_put(object, raw_key, json_of_bytes(b), &failed);
    return failed ? -ENOMEM : 0;
}

static json_t *of_stamps(uint32_t n, const HopStamp *stamps, bool *failed) {
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < n; i++) {
        json_t *stamp = json_object();
        json_put_text(stamp, "broker", stamps[i].broker, failed);
        json_put(stamp, "stored_at", json_of_time(stamps[i].at_ms), failed);
        *failed |= json_array_append_new(list, stamp) != 0;
    }
    return list;
}

static json_t *of_delivery(const Frame *f, bool *failed) {
    json_t *d = json_object();
    const char *role =
        json_enum_short_name(&serasi__v1__recipient_role__descriptor, (int)f->deliver.role);
    json_put(d, "channel", json_integer(f->deliver.channel), failed);
    json_put(d, "tag", json_integer((json_int_t)f->deliver.tag), failed);
    json_put(d, "attempt", json_integer(f->deliver.attempt), failed);
    json_put_text(d, "recipient", f->deliver.recipient, failed);
    json_put_text(d, "role", role ? role : "", failed);
    json_put(d, "accepted_at", json_of_time(f->deliver.accepted_ms), failed);
    json_put(d, "suspect", json_boolean(f->deliver.suspect), failed);
    json_put(d, "stamps", of_stamps(f->deliver.n_stamps, f->deliver.stamps, failed), failed);
    return d;
}

int json_print_sealed(int kind, Bytes plain, bool pretty, char **ret) {
    static const GuardLimits limits = {
        .bytes = SEAL_PADDED_MAX, .depth = 6, .fields = 8192, .unknown_fields = 64
    };
    const ProtobufCMessageDescriptor *d = kind_sealed(kind);
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m = NULL;
    const char *why;
    bool failed = false;
    int r = d ? wire_unpack(d, plain, &limits, &a, &m, &why) : WIRE_MALFORMED;
    if (r < 0)
        return r;
    if (r == 0)
        return json_finish(json_write_message(m), false, pretty, ret);
    json_t *object = json_object();
    json_put(object, "bytes", json_of_bytes(plain), &failed);
    return json_finish(object, failed, pretty, ret);
}

json_t *json_of_signature(const JsonSignature *s, bool *failed) {
    json_t *o = json_object(), *flags = json_array();
    json_put_text(o, "state", s->state, failed);
    json_put_text(o, "node", s->node, failed);
    json_put_text(o, "key", s->key, failed);
    json_put_text(o, "label", s->label, failed);
    json_put(o, "proven", json_boolean(s->proven), failed);
    for (size_t i = 0; i < s->n_flags; i++)
        *failed |= json_array_append_new(flags, json_string(s->flags[i])) != 0;
    json_put(o, "flags", flags, failed);
    return o;
}

int json_print_message(Bytes envelope, Bytes facts, Bytes sealed, const Frame *deliver, bool pretty,
                       char **ret) {
    return json_print_delivery(envelope, facts, sealed, deliver, NULL, pretty, ret);
}

int json_print_delivery(Bytes envelope, Bytes facts, Bytes sealed, const Frame *deliver,
                        const JsonSignature *signature, bool pretty, char **ret) {
    _cleanup_(json_unrefp) json_t *object = json_object();
    if (!object)
        return -ENOMEM;
    bool failed = false;
    int kind = 0;
    int r = put_part(object, "envelope", "envelope_bytes", &serasi__v1__envelope__descriptor,
                     envelope, &kind);
    if (r == 0)
        r = put_part(object, "facts", "facts_bytes", kind_facts(kind), facts, &kind);
    if (r < 0)
        return r;
    if (sealed.n > 0)
        json_put(object, "sealed", json_of_bytes(sealed), &failed);
    if (deliver)
        json_put(object, "delivery", of_delivery(deliver, &failed), &failed);
    if (signature)
        json_put(object, "signature", json_of_signature(signature, &failed), &failed);
    return json_finish(TAKE_PTR(object), failed, pretty, ret);
}

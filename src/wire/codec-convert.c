/* SPDX-License-Identifier: Apache-2.0 */

/* Conversions used by more than one frame or part, reading and writing side by side. */

#include "base/text.h"
#include "base/times.h"
#include "wire/codec-internal.h"

const char codec_out_of_memory[] = "out of memory";

/* --- values --- */

bool take_uuid(ProtobufCBinaryData b, Uuid *ret) {
    if (b.len != UUID_SIZE)
        return false;
    memcpy(ret->b, b.data, UUID_SIZE);
    return true;
}

bool take_optional_uuid(ProtobufCBinaryData b, Uuid *ret) {
    if (b.len != 0)
        return take_uuid(b, ret);
    *ret = (Uuid) { { 0 } };
    return true;
}

ProtobufCBinaryData give_uuid(const Uuid *u) {
    if (uuid_is_nil(u))
        return (ProtobufCBinaryData) { 0 };
    return (ProtobufCBinaryData) { .len = UUID_SIZE, .data = (uint8_t *)u->b };
}

bool take_fixed(ProtobufCBinaryData b, uint8_t *ret, size_t size) {
    if (b.len != size)
        return false;
    memcpy(ret, b.data, size);
    return true;
}

ProtobufCBinaryData give_bytes(const uint8_t *p, size_t n) {
    return (ProtobufCBinaryData) { .len = n, .data = (uint8_t *)p };
}

bool take_time(uint64_t ms, int64_t *ret) {
    if (ms > (uint64_t)TIME_MAX_MS)
        return false;
    *ret = (int64_t)ms;
    return true;
}

bool take_node(const char *s, char ret[static NODE_NAME_SIZE]) {
    return node_name_is_valid(s) && text_copy(ret, NODE_NAME_SIZE, s);
}

bool take_optional_node(const char *s, char ret[static NODE_NAME_SIZE]) {
    return s[0] == '\0' ? text_copy(ret, NODE_NAME_SIZE, s) : take_node(s, ret);
}

bool take_region(const char *s, char ret[static REGION_SIZE]) {
    return s[strspn(s, "0123456789")] == '\0' && text_copy(ret, REGION_SIZE, s);
}

/* --- lists --- */

void *give_list(Arena *a, uint32_t n, size_t size, ProtobufCMessageInit init) {
    void **list = arena_alloc(a, n * sizeof(*list));
    size_t step = (size + 15) & ~(size_t)15;
    uint8_t *items = arena_alloc(a, n * step);
    if (!list || !items)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        list[i] = items + i * step;
        init(list[i]);
    }
    return list;
}

const char *take_stamps(size_t n, Serasi__V1__HopStamp *const *in, uint32_t *ret_n,
                        HopStamp ret[static STAMPS_MAX]) {
    if (n > STAMPS_MAX)
        return "too many hop stamps";
    for (size_t i = 0; i < n; i++) {
        if (!take_node(in[i]->broker, ret[i].broker))
            return "hop stamp: broker is not a node id";
        if (!take_time(in[i]->stored_at, &ret[i].at_ms))
            return "hop stamp: time out of range";
    }
    *ret_n = (uint32_t)n;
    return NULL;
}

const char *take_recipient(const Serasi__V1__Recipient *in, Recipient *ret) {
    if (!take_node(in->node, ret->node))
        return "recipient is not a node id";
    if ((int)in->role < ROLE_ADDRESSEE || (int)in->role > ROLE_SUBSCRIBER)
        return "recipient: role out of range";
    ret->role = (RecipientRole)in->role;
    ret->moves = (uint8_t)MIN(in->moves, RECIPIENT_MOVES_MAX);
    return NULL;
}

/* --- links --- */

const char *take_progress(const Serasi__V1__LinkProgress *in, LinkProgress *ret) {
    if (!in)
        return NULL;
    if (!take_optional_uuid(in->sent_digest, &ret->sent_digest) ||
        !take_optional_uuid(in->received_digest, &ret->received_digest))
        return "progress: digest is not 16 bytes";
    ret->sent_count = in->sent_count;
    ret->received_count = in->received_count;
    ret->backlog = in->backlog;
    ret->in_flight = in->in_flight;
    ret->present = true;
    return NULL;
}

Serasi__V1__LinkProgress *give_progress(Arena *a, const LinkProgress *in) {
    Serasi__V1__LinkProgress *out = in->present ? arena_alloc(a, sizeof(*out)) : NULL;
    if (!out)
        return NULL;
    serasi__v1__link_progress__init(out);
    out->sent_count = in->sent_count;
    out->sent_digest = give_uuid(&in->sent_digest);
    out->received_count = in->received_count;
    out->received_digest = give_uuid(&in->received_digest);
    out->backlog = in->backlog;
    out->in_flight = in->in_flight;
    return out;
}

static const char *fill_forward(const Serasi__V1__Forward *in, Forward *f) {
    f->present = true;
    f->scope = in->scope;
    if (!take_time(in->accepted_at, &f->accepted_ms) || !take_time(in->expires_at, &f->expires_ms))
        return "forward: time out of range";
    if (in->n_recipients > RECIPIENTS_MAX)
        return "forward: too many recipients";
    for (size_t i = 0; i < in->n_recipients; i++) {
        const char *why = take_recipient(in->recipients[i], &f->recipients[i]);
        if (why)
            return why;
    }
    f->n_recipients = (uint32_t)in->n_recipients;
    return take_stamps(in->n_stamps, in->stamps, &f->n_stamps, f->stamps);
}

const char *take_forward(const Serasi__V1__Forward *in, Forward **ret) {
    if (!in)
        return NULL;
    _cleanup_(freep) Forward *f = calloc(1, sizeof(*f));
    if (!f)
        return codec_out_of_memory;
    const char *why = fill_forward(in, f);
    if (!why)
        *ret = TAKE_PTR(f);
    return why;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One pass over the bytes, a recursion of at most limits->depth calls. Stricter than the unpacker
 * where that one would amplify or quietly drop something, never laxer: what passes here unpacks.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/text.h"
#include "wire/guard.h"

#define TAG_BYTES_MAX    5U
#define VARINT_BYTES_MAX 10U

typedef struct Scan {
    const GuardLimits *limits;
    size_t fields, unknown;
} Scan;

typedef struct Cursor {
    const uint8_t *at, *end;
} Cursor;

const GuardLimits guard_limits_default = {
    .bytes = 1024U * 1024U,
    .depth = 8,
    .fields = 2048,
    .unknown_fields = 64,
};

/* Reads one varint of at most max bytes. False when it runs over the end or is too long. */
static bool take_varint(Cursor *c, unsigned max, uint64_t *ret) {
    uint64_t v = 0;
    for (unsigned i = 0; i < max && c->at < c->end; i++) {
        uint8_t byte = *c->at++;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool take_bytes(Cursor *c, size_t n, Bytes *ret) {
    if (n > (size_t)(c->end - c->at))
        return false;
    *ret = bytes_make(c->at, n);
    c->at += n;
    return true;
}

/* Reads past one value of the wire type; *ret is what it holds (of LENGTH_PREFIXED: the inside). */
static GuardVerdict take_value(Cursor *c, ProtobufCWireType type, Bytes *ret) {
    uint64_t n;
    switch (type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        *ret = (Bytes) { .p = c->at };
        if (!take_varint(c, VARINT_BYTES_MAX, &n))
            return GUARD_TRUNCATED;
        ret->n = (size_t)(c->at - ret->p);
        return GUARD_OK;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return take_bytes(c, 8, ret) ? GUARD_OK : GUARD_TRUNCATED;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return take_bytes(c, 4, ret) ? GUARD_OK : GUARD_TRUNCATED;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        /* the unpacker reads lengths of at most five bytes */
        if (!take_varint(c, TAG_BYTES_MAX, &n) || n > SIZE_MAX)
            return GUARD_TRUNCATED;
        return take_bytes(c, (size_t)n, ret) ? GUARD_OK : GUARD_TRUNCATED;
    default: /* groups, and numbers that mean nothing */
        return GUARD_BAD_WIRE_TYPE;
    }
}

static ProtobufCWireType wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* A packed block counts as many fields as it has elements. */
static GuardVerdict count_packed(Scan *s, ProtobufCWireType element, Bytes block) {
    size_t n = 0;
    if (element == PROTOBUF_C_WIRE_TYPE_VARINT) {
        Cursor c = { block.p, block.p + block.n };
        for (uint64_t v; c.at < c.end; n++)
            if (!take_varint(&c, VARINT_BYTES_MAX, &v))
                return GUARD_TRUNCATED;
    } else {
        size_t width = element == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;
        if (block.n % width != 0)
            return GUARD_TRUNCATED;
        n = block.n / width;
    }
    s->fields += n > 0 ? n - 1 : 0; /* the block itself was counted */
    return s->fields > s->limits->fields ? GUARD_TOO_MANY_FIELDS : GUARD_OK;
}

/* The bits of what may come only once: a singular submessage, or any member of the field's oneof.
 */
static uint64_t once_mask(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f) {
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return 0;
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return f->type == PROTOBUF_C_TYPE_MESSAGE ? UINT64_C(1) << (f - d->fields) : 0;
    uint64_t mask = 0;
    for (unsigned i = 0; i < d->n_fields; i++)
        if ((d->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            d->fields[i].quantifier_offset == f->quantifier_offset)
            mask |= UINT64_C(1) << i;
    return mask;
}

static GuardVerdict scan_message(Scan *s, const ProtobufCMessageDescriptor *d, Bytes b,
                                 unsigned depth);

static GuardVerdict scan_known(Scan *s, const ProtobufCFieldDescriptor *f, ProtobufCWireType type,
                               Bytes value, unsigned depth) {
    ProtobufCWireType wanted = wire_type_of(f->type);
    if (type != wanted) {
        bool packed =
            f->label == PROTOBUF_C_LABEL_REPEATED && type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
        return packed ? count_packed(s, wanted, value) : GUARD_BAD_WIRE_TYPE;
    }
    if (f->type == PROTOBUF_C_TYPE_STRING && !text_is_clean(value))
        return GUARD_BAD_TEXT;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return scan_message(s, f->descriptor, value, depth + 1);
    return GUARD_OK;
}

static GuardVerdict scan_message(Scan *s, const ProtobufCMessageDescriptor *d, Bytes b,
                                 unsigned depth) {
    assert(d->n_fields <= 64); /* our own schema; `seen` has a bit a field */
    if (depth > s->limits->depth)
        return GUARD_TOO_DEEP;
    Cursor c = { b.p, b.p + b.n };
    uint64_t seen = 0;
    while (c.at < c.end) {
        uint64_t tag;
        if (!take_varint(&c, TAG_BYTES_MAX, &tag))
            return GUARD_TRUNCATED;
        if (tag > UINT32_MAX || tag >> 3 == 0)
            return GUARD_BAD_WIRE_TYPE;
        if (++s->fields > s->limits->fields)
            return GUARD_TOO_MANY_FIELDS;
        ProtobufCWireType type = (ProtobufCWireType)(tag & 7);
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3));
        if (!f && ++s->unknown > s->limits->unknown_fields)
            return GUARD_TOO_MANY_UNKNOWN;
        Bytes value = { 0 };
        GuardVerdict v = take_value(&c, type, &value);
        if (v != GUARD_OK)
            return v;
        if (!f)
            continue;
        if (seen & once_mask(d, f))
            return GUARD_REPEATED_MESSAGE;
        seen |= UINT64_C(1) << (f - d->fields);
        v = scan_known(s, f, type, value, depth);
        if (v != GUARD_OK)
            return v;
    }
    return GUARD_OK;
}

GuardVerdict guard_check(const ProtobufCMessageDescriptor *d, Bytes b, const GuardLimits *limits) {
    if (b.n > limits->bytes)
        return GUARD_TOO_LARGE;
    if (b.n == 0)
        return GUARD_OK;
    Scan s = { .limits = limits };
    return scan_message(&s, d, b, 1);
}

const char *guard_verdict_text(GuardVerdict v) {
    switch (v) {
    case GUARD_OK:
        return "well formed";
    case GUARD_TOO_LARGE:
        return "too large";
    case GUARD_TRUNCATED:
        return "a length or number runs over the end";
    case GUARD_TOO_DEEP:
        return "nested too deep";
    case GUARD_TOO_MANY_FIELDS:
        return "too many fields";
    case GUARD_TOO_MANY_UNKNOWN:
        return "too many unknown fields";
    case GUARD_REPEATED_MESSAGE:
        return "a single field given twice";
    case GUARD_BAD_TEXT:
        return "text that is not UTF-8 or holds NUL or control characters";
    case GUARD_BAD_WIRE_TYPE:
        return "a wire type that does not fit the field";
    }
    return "malformed";
}

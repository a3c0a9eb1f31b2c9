/* SPDX-License-Identifier: Apache-2.0 */

#include <stdint.h>
#include <string.h>

#include "wire/reflect.h"

static const void *member(const ProtobufCMessage *m, unsigned offset) {
    return (const uint8_t *)m + offset;
}

const ProtobufCFieldDescriptor *reflect_field(const ProtobufCMessage *m, const char *name) {
    return protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
}

size_t reflect_size(const ProtobufCFieldDescriptor *f) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    default:
        return sizeof(uint32_t);
    }
}

static bool is_zero(const ProtobufCFieldDescriptor *f, const void *value) {
    static const uint8_t zero[sizeof(uint64_t)];
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *s = *(char *const *)value;
        return !s || s[0] == '\0';
    }
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)value)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(ProtobufCMessage *const *)value == NULL;
    default:
        return memcmp(value, zero, reflect_size(f)) == 0;
    }
}

size_t reflect_count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)member(m, f->quantifier_offset);
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)member(m, f->quantifier_offset) == f->id;
    return !is_zero(f, member(m, f->offset));
}

const void *reflect_value(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t i) {
    const void *at = member(m, f->offset);
    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return at;
    return *(const uint8_t *const *)at + i * reflect_size(f);
}

void *reflect_slot(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        memcpy((uint8_t *)m + f->quantifier_offset, &f->id, sizeof(f->id));
    return (uint8_t *)m + f->offset;
}

void reflect_set_list(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, void *list,
                      size_t n) {
    memcpy((uint8_t *)m + f->offset, &list, sizeof(list));
    memcpy((uint8_t *)m + f->quantifier_offset, &n, sizeof(n));
}

bool reflect_is_date(const ProtobufCFieldDescriptor *f) {
    return f->type == PROTOBUF_C_TYPE_MESSAGE && f->descriptor == &serasi__v1__date__descriptor;
}

static bool ends_in(const char *text, const char *end) {
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

bool reflect_is_id(const ProtobufCFieldDescriptor *f) {
    return f->type == PROTOBUF_C_TYPE_BYTES &&
           (ends_in(f->name, "_id") || ends_in(f->name, "_ids"));
}

bool reflect_date(const Serasi__V1__Date *in, CivilDate *ret) {
    if (in->year > 9999 || in->month > 12 || in->day > 31)
        return false;
    CivilDate d = { .year = (int16_t)in->year,
                    .month = (uint8_t)in->month,
                    .day = (uint8_t)in->day };
    if (civil_is_set(d) && !civil_is_valid(d))
        return false;
    *ret = d;
    return true;
}

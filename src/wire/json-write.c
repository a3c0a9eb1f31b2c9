/* SPDX-License-Identifier: Apache-2.0 */

/* Generated structs into JSON by descriptor; zero values are left out, as on the wire. */

#include <errno.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/times.h"
#include "wire/json-internal.h"
#include "wire/reflect.h"

/* --- enum names --- */

/* Length of what all names of an enum begin with: its zero value is called PREFIX_UNSPECIFIED. */
static size_t prefix_length(const ProtobufCEnumDescriptor *e) {
    const char *zero = e->values[0].name;
    const char *at = strstr(zero, "UNSPECIFIED");
    return at ? (size_t)(at - zero) : 0;
}

static const char *json_enum_name(const ProtobufCEnumDescriptor *e, int number) {
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, number);
    return v ? v->name : NULL;
}

const char *json_enum_short_name(const ProtobufCEnumDescriptor *e, int number) {
    const char *name = json_enum_name(e, number);
    return name ? name + prefix_length(e) : NULL;
}

int json_enum_number(const ProtobufCEnumDescriptor *e, const char *name) {
    size_t prefix = prefix_length(e);
    for (unsigned i = 0; i < e->n_values; i++) {
        const char *full = e->values[i].name;
        if (strcmp(name, full) == 0 || strcmp(name, full + prefix) == 0)
            return e->values[i].value;
    }
    return ENUM_NONE;
}

/* --- values --- */

json_t *json_of_bytes(Bytes b) {
    _cleanup_(freep) char *text = base64_encode(b);
    return text ? json_string(text) : NULL;
}

json_t *json_of_time(int64_t ms) {
    char text[RFC3339_SIZE];
    rfc3339_format(ms, text);
    return json_string(text);
}

json_t *json_of_uuid(const Uuid *u) {
    char text[UUID_TEXT_SIZE];
    uuid_format(u, text);
    return json_string(text);
}

bool json_put(json_t *object, const char *key, json_t *value, bool *failed) {
    bool done = json_object_set_new(object, key, value) == 0;
    *failed |= !done;
    return done;
}

bool json_put_text(json_t *object, const char *key, const char *text, bool *failed) {
    return text[0] == '\0' || json_put(object, key, json_string(text), failed);
}

static int add_text(const char *p, size_t n, void *data) {
    Buf *b = data;
    buf_add(b, p, n);
    return b->failed ? -1 : 0;
}

/* Not json_dumps(): jansson 2.14 goes on when it had no room for a key, and the key is missing from
 * the text. Our buffer remembers. */
int json_finish(json_t *j, bool failed, bool pretty, char **ret) {
    _cleanup_(json_unrefp) json_t *owned = j;
    _cleanup_(buf_deinit) Buf text = { 0 };
    if (!owned || failed)
        return -ENOMEM;
    if (json_dump_callback(owned, add_text, &text, pretty ? JSON_INDENT(2) : JSON_COMPACT) != 0 ||
        !buf_text(&text))
        return -ENOMEM;
    *ret = (char *)TAKE_PTR(text.p);
    return 0;
}

static json_t *of_unsigned(uint64_t v) {
    return v <= INT64_MAX ? json_integer((json_int_t)v) : json_real((double)v);
}

static json_t *of_enum(const ProtobufCEnumDescriptor *e, int number) {
    const char *name = json_enum_name(e, number);
    return name ? json_string(name) : json_integer(number);
}

static json_t *of_date(const Serasi__V1__Date *d) {
    char text[48];
    (void)snprintf(text, sizeof(text), "%04u-%02u-%02u", d->year, d->month, d->day);
    return json_string(text);
}

static json_t *of_id(ProtobufCBinaryData b) {
    Uuid u;
    if (b.len != sizeof(u.b))
        return json_of_bytes(bytes_make(b.data, b.len));
    memcpy(u.b, b.data, sizeof(u.b));
    return json_of_uuid(&u);
}

static json_t *of_value(const ProtobufCFieldDescriptor *f, const void *value) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_ENUM:
        return of_enum(f->descriptor, *(const int *)value);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)value);
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer(*(const uint32_t *)value);
    case PROTOBUF_C_TYPE_UINT64:
        return of_unsigned(*(const uint64_t *)value);
    case PROTOBUF_C_TYPE_FIXED64: {
        uint64_t ms = *(const uint64_t *)value;
        return ms <= INT64_MAX ? json_of_time((int64_t)ms) : of_unsigned(ms);
    }
    case PROTOBUF_C_TYPE_STRING:
        return json_string(*(char *const *)value);
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData b = *(const ProtobufCBinaryData *)value;
        return reflect_is_id(f) ? of_id(b) : json_of_bytes(bytes_make(b.data, b.len));
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *m = *(ProtobufCMessage *const *)value;
        return reflect_is_date(f) ? of_date((const Serasi__V1__Date *)m) : json_write_message(m);
    }
    default:
        return json_null();
    }
}

static json_t *of_list(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t n) {
    _cleanup_(json_unrefp) json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++)
        if (json_array_append_new(list, of_value(f, reflect_value(m, f, i))) != 0)
            return NULL;
    return TAKE_PTR(list);
}

json_t *json_write_message(const ProtobufCMessage *m) {
    _cleanup_(json_unrefp) json_t *object = json_object();
    if (!object)
        return NULL;
    bool failed = false;
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        size_t n = reflect_count(m, f);
        if (n > 0)
            json_put(object, f->name,
                     f->label == PROTOBUF_C_LABEL_REPEATED ? of_list(m, f, n)
                                                           : of_value(f, reflect_value(m, f, 0)),
                     &failed);
    }
    return failed ? NULL : TAKE_PTR(object);
}

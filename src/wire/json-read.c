/* SPDX-License-Identifier: Apache-2.0 */

/*
 * JSON into generated structs by descriptor. Strict: a key, type or name that is not in the schema
 * is an error that says where. The schema has no recursive types, so it bounds the depth here;
 * memory is bounded by the arena.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/text.h"
#include "base/times.h"
#include "wire/json-internal.h"
#include "wire/reflect.h"

static int load_object(const char *text, size_t n, json_t **ret, char why[static JSON_WHY_SIZE]) {
    json_error_t error;
    _cleanup_(json_unrefp) json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (!j) {
        (void)snprintf(why, JSON_WHY_SIZE, "line %d, column %d: %s", error.line, error.column,
                       error.text);
        text_make_one_line(why); /* it quotes the text */
        /* jansson is not always able to say that it was memory; without a place it was. */
        bool placeless = error.line < 0;
        return placeless || json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    }
    if (!json_is_object(j)) {
        (void)snprintf(why, JSON_WHY_SIZE, "must be an object");
        return -EINVAL;
    }
    *ret = TAKE_PTR(j);
    return 0;
}

int json_begin(const char *text, size_t n, size_t limit, json_t **ret, Arena **ret_arena,
               char why[static JSON_WHY_SIZE]) {
    if (n > limit) {
        (void)snprintf(why, JSON_WHY_SIZE, "too large");
        return -EINVAL;
    }
    _cleanup_(json_unrefp) json_t *object = NULL;
    int e = load_object(text, n, &object, why);
    if (e < 0)
        return e;
    *ret_arena = arena_new_for(n);
    if (!*ret_arena)
        return -ENOMEM;
    *ret = TAKE_PTR(object);
    return 0;
}

int json_refuse(JsonReader *r, const char *format, ...) {
    int n = snprintf(r->why, JSON_WHY_SIZE, "%s%s", r->path, r->path[0] ? ": " : "");
    if (n >= 0 && (size_t)n < JSON_WHY_SIZE) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(r->why + n, JSON_WHY_SIZE - (size_t)n, format, args);
        va_end(args);
    }
    text_make_one_line(r->why); /* it quotes keys and values, and goes to somebody's terminal */
    return -EINVAL;
}

static const char *type_name(const json_t *j) {
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static int wrong_type(JsonReader *r, const char *wanted, const json_t *j) {
    return json_refuse(r, "must be %s, not %s", wanted, type_name(j));
}

static void *take(JsonReader *r, size_t n) {
    return arena_alloc(r->arena, n);
}

/* What a failed allocation means: input that unfolds too far, or really no memory. */
static int no_room(JsonReader *r) {
    return arena_is_over_budget(r->arena) ? json_refuse(r, "takes too much memory to read")
                                          : -ENOMEM;
}

static int read_enum(JsonReader *r, const ProtobufCEnumDescriptor *e, json_t *j, int *ret) {
    if (json_is_integer(j)) { /* a code newer than this program */
        json_int_t v = json_integer_value(j);
        if (v < 0 || v > INT32_MAX)
            return json_refuse(r, "number out of range");
        *ret = (int)v;
        return 0;
    }
    if (!json_is_string(j))
        return wrong_type(r, "an enum name", j);
    int v = json_enum_number(e, json_string_value(j));
    if (v == ENUM_NONE)
        return json_refuse(r, "unknown enum name %s", json_string_value(j));
    *ret = v;
    return 0;
}

static int read_number(JsonReader *r, ProtobufCType type, json_t *j, void *slot) {
    if (!json_is_integer(j))
        return wrong_type(r, "a whole number", j);
    json_int_t v = json_integer_value(j);
    if (v < 0 || (type == PROTOBUF_C_TYPE_UINT32 && v > UINT32_MAX))
        return json_refuse(r, "number out of range");
    if (type == PROTOBUF_C_TYPE_UINT32)
        *(uint32_t *)slot = (uint32_t)v;
    else
        *(uint64_t *)slot = (uint64_t)v;
    return 0;
}

static int read_time(JsonReader *r, json_t *j, uint64_t *ret) {
    int64_t ms;
    if (!json_is_string(j))
        return wrong_type(r, "a time such as \"2025-03-10T10:05:00+07:00\"", j);
    if (rfc3339_parse(json_string_value(j), &ms) != 0 || ms < 0)
        return json_refuse(r, "not an RFC 3339 time: %s", json_string_value(j));
    *ret = (uint64_t)ms;
    return 0;
}

static int read_date(JsonReader *r, json_t *j, ProtobufCMessage **ret) {
    unsigned year, month, day;
    int end = 0;
    if (!json_is_string(j))
        return wrong_type(r, "a day such as \"2025-03-10\"", j);
    const char *text = json_string_value(j);
    bool read = strlen(text) == 10 && strspn(text, "0123456789-") == 10 &&
                sscanf(text, "%4u-%2u-%2u%n", &year, &month, &day, &end) == 3 && end == 10;
    CivilDate civil;
    Serasi__V1__Date date = SERASI__V1__DATE__INIT;
    if (read) {
        date.year = year;
        date.month = month;
        date.day = day;
    }
    if (!read || !reflect_date(&date, &civil) || !civil_is_set(civil))
        return json_refuse(r, "not a day: %s", text);
    Serasi__V1__Date *copy = take(r, sizeof(*copy));
    if (!copy)
        return no_room(r);
    *copy = date;
    *ret = &copy->base;
    return 0;
}

static int read_string(JsonReader *r, json_t *j, char **ret) {
    if (!json_is_string(j))
        return wrong_type(r, "a string", j);
    size_t n = json_string_length(j);
    if (!text_is_clean(bytes_make(json_string_value(j), n))) /* as the guard of the wire */
        return json_refuse(r, "holds control characters");
    char *copy = take(r, n + 1);
    if (!copy)
        return no_room(r);
    memcpy(copy, json_string_value(j), n + 1);
    *ret = copy;
    return 0;
}

static int read_uuid(JsonReader *r, json_t *j, ProtobufCBinaryData *ret) {
    Uuid u;
    if (!json_is_string(j))
        return wrong_type(r, "a UUID", j);
    if (uuid_parse(json_string_value(j), &u) != 0)
        return json_refuse(r, "not a UUID: %s", json_string_value(j));
    uint8_t *copy = take(r, sizeof(u.b));
    if (!copy)
        return no_room(r);
    memcpy(copy, u.b, sizeof(u.b));
    *ret = (ProtobufCBinaryData) { .len = sizeof(u.b), .data = copy };
    return 0;
}

static int read_bytes(JsonReader *r, json_t *j, ProtobufCBinaryData *ret) {
    if (!json_is_string(j))
        return wrong_type(r, "base64", j);
    _cleanup_(freep) uint8_t *bytes = NULL;
    size_t n = 0;
    int e = base64_decode(json_string_value(j), json_string_length(j), &bytes, &n);
    if (e < 0)
        return e == -EINVAL ? json_refuse(r, "not base64") : e;
    uint8_t *copy = take(r, n);
    if (!copy)
        return no_room(r);
    memcpy(copy, bytes, n);
    *ret = (ProtobufCBinaryData) { .len = n, .data = copy };
    return 0;
}

/* One value into where the struct keeps it. */
static int read_value(JsonReader *r, const ProtobufCFieldDescriptor *f, json_t *j, void *slot) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, f->descriptor, j, slot);
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(j))
            return wrong_type(r, "true or false", j);
        *(protobuf_c_boolean *)slot = json_is_true(j);
        return 0;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
        return read_number(r, f->type, j, slot);
    case PROTOBUF_C_TYPE_FIXED64:
        return read_time(r, j, slot);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(r, j, slot);
    case PROTOBUF_C_TYPE_BYTES:
        return reflect_is_id(f) ? read_uuid(r, j, slot) : read_bytes(r, j, slot);
    case PROTOBUF_C_TYPE_MESSAGE:
        return reflect_is_date(f) ? read_date(r, j, slot)
                                  : json_read_message(r, j, f->descriptor, slot);
    default: /* the schemas use no other type; a test walks them all */
        return json_refuse(r, "has no form in JSON");
    }
}

static int read_list(JsonReader *r, const ProtobufCFieldDescriptor *f, json_t *j,
                     ProtobufCMessage *m) {
    if (!json_is_array(j))
        return wrong_type(r, "an array", j);
    size_t n = json_array_size(j), length = strlen(r->path);
    uint8_t *list = take(r, n * reflect_size(f));
    if (!list)
        return no_room(r);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(r->path + length, sizeof(r->path) - length, "[%zu]", i);
        int e = read_value(r, f, json_array_get(j, i), list + i * reflect_size(f));
        if (e < 0)
            return e;
        r->path[length] = '\0';
    }
    reflect_set_list(m, f, list, n);
    return 0;
}

static bool oneof_is_taken(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
    const void *chosen = (const uint8_t *)m + f->quantifier_offset;
    return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(const uint32_t *)chosen != 0;
}

int json_read_message(JsonReader *r, json_t *object, const ProtobufCMessageDescriptor *d,
                      ProtobufCMessage **ret) {
    if (!json_is_object(object))
        return wrong_type(r, "an object", object);
    ProtobufCMessage *m = take(r, d->sizeof_message);
    if (!m)
        return no_room(r);
    d->message_init(m);
    size_t length = strlen(r->path);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        const ProtobufCFieldDescriptor *f = reflect_field(m, key);
        (void)snprintf(r->path + length, sizeof(r->path) - length, "%s%s", length > 0 ? "." : "",
                       key);
        if (!f)
            return json_refuse(r, "unknown key");
        if (oneof_is_taken(m, f))
            return json_refuse(r, "only one of the alternatives may be given");
        int e = f->label == PROTOBUF_C_LABEL_REPEATED ? read_list(r, f, value, m)
                                                      : read_value(r, f, value, reflect_slot(m, f));
        if (e < 0)
            return e;
        r->path[length] = '\0';
    }
    *ret = m;
    return 0;
}

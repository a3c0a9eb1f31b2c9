/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One walk over whatever message the kind names: it checks forms (ids, days, times), looks for
 * personal data, and hands the fields of the outermost message that the table has, by number, to
 * facts_take(). It runs on the thread of the router for every message, so nothing is looked up by
 * name, and the path of a field is put together only when it is needed.
 */

#include <assert.h>

#include "base/text.h"
#include "wire/codec-facts.h"
#include "wire/kinds.h"
#include "wire/personal.h"

#define DEPTH_MAX 6

static const GuardLimits facts_limits = {
    .bytes = FACTS_MAX,
    .depth = DEPTH_MAX,
    .fields = 2048,
    .unknown_fields = 64,
};

typedef struct Walk {
    Facts *facts;
    const FactField *rows;
    size_t n_rows, next; /* the row after the last one found */
    const char *path[DEPTH_MAX];
    unsigned depth;
} Walk;

static void name_personal_field(const Walk *w) {
    char *ret = w->facts->personal_field;
    const size_t size = sizeof(w->facts->personal_field);
    (void)text_copy(ret, size, "facts");
    for (unsigned i = 0; i < w->depth; i++) {
        size_t n = strlen(ret);
        (void)text_copy(ret + n, size - n, ".");
        n = strlen(ret);
        (void)text_copy(ret + n, size - n, w->path[i]);
    }
}

static const char *walk_message(Walk *w, const ProtobufCMessage *m);

static const char *walk_value(Walk *w, const ProtobufCFieldDescriptor *f, const void *value) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (w->facts->personal_field[0] == '\0' && text_is_personal(*(char *const *)value))
            name_personal_field(w);
        return NULL;
    case PROTOBUF_C_TYPE_BYTES:
        if (reflect_is_id(f) && ((const ProtobufCBinaryData *)value)->len != UUID_SIZE)
            return "facts: an id is not 16 bytes";
        if (reflect_is_id(f) && w->facts->personal_field[0] == '\0' &&
            uuid_is_nik((const Uuid *)(const void *)((const ProtobufCBinaryData *)value)->data))
            name_personal_field(w);
        return NULL;
    case PROTOBUF_C_TYPE_FIXED64: {
        int64_t ms;
        return take_time(*(const uint64_t *)value, &ms) ? NULL : "facts: time out of range";
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        if (reflect_is_date(f)) {
            CivilDate d;
            const Serasi__V1__Date *date = *(Serasi__V1__Date *const *)value;
            return reflect_date(date, &d) ? NULL : "facts: a day that does not exist";
        }
        return walk_message(w, *(ProtobufCMessage *const *)value);
    default:
        return NULL;
    }
}

/* Rows and fields are in much the same order, so the search goes on where the last one ended. */
static const FactField *find_row(Walk *w, uint32_t number) {
    for (size_t i = 0; i < w->n_rows; i++) {
        const FactField *row = &w->rows[w->next];
        w->next = w->next + 1 < w->n_rows ? w->next + 1 : 0;
        if (row->number == number)
            return row;
    }
    return NULL;
}

static const char *walk_field(Walk *w, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
                              size_t n) {
    for (size_t k = 0; k < n; k++) {
        const char *why = walk_value(w, f, reflect_value(m, f, k));
        if (why)
            return why;
    }
    const FactField *row = w->depth == 1 ? find_row(w, f->id) : NULL;
    return row ? facts_take(row, m, f, n, w->facts) : NULL;
}

static const char *walk_message(Walk *w, const ProtobufCMessage *m) {
    const unsigned depth = w->depth++;
    assert(depth < DEPTH_MAX); /* the guard has counted */
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        const size_t n = reflect_count(m, f);
        if (n == 0)
            continue;
        w->path[depth] = f->name;
        const char *why = walk_field(w, m, f, n);
        if (why)
            return why;
    }
    w->depth = depth;
    return NULL;
}

static int refuse(WireVerdict verdict, const char *why, const char **ret_why) {
    *ret_why = why;
    return (int)verdict;
}

int facts_decode(int kind, Bytes b, Facts *ret, const char **ret_why) {
    if (b.n > FACTS_MAX)
        return refuse(WIRE_TOO_LARGE, "facts: too large", ret_why);
    const ProtobufCMessageDescriptor *d = kind_facts(kind);
    if (!d) {
        *ret = (Facts) { 0 };
        return 0;
    }
    _cleanup_(arena_freep) Arena *a = NULL;
    ProtobufCMessage *m;
    const char *why;
    int r = wire_unpack(d, b, &facts_limits, &a, &m, &why);
    if (r < 0)
        return r;
    if (r > 0)
        return refuse(WIRE_MALFORMED, "facts: not the message of this kind", ret_why);
    Facts facts = { .readable = true };
    Walk w = { .facts = &facts };
    w.rows = facts_fields(kind, &w.n_rows);
    why = walk_message(&w, m);
    if (!why)
        why = facts_take_nested(kind, m, &facts);
    if (why)
        return refuse(WIRE_MALFORMED, why, ret_why);
    *ret = facts;
    return 0;
}

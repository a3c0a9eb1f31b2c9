/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts by reflection: one walk over whatever message the kind names checks forms (ids, digests,
 * days, times) and looks for personal data; then the fields the rules read are taken by name.
 */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "wire/codec-facts.h"
#include "wire/kinds.h"
#include "wire/personal.h"
#include "wire/reflect.h"

static const GuardLimits facts_limits = {
    .bytes = FACTS_MAX,
    .depth = 6,
    .fields = 2048,
    .unknown_fields = 64,
};

typedef struct Walk {
    Facts *facts;
    char path[sizeof(((Facts *)NULL)->personal_field)];
} Walk;

static const char *walk_message(Walk *w, const ProtobufCMessage *m);

static const char *walk_value(Walk *w, const ProtobufCFieldDescriptor *f, const void *value) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (w->facts->personal_field[0] == '\0' && text_is_personal(*(char *const *)value))
            (void)text_copy(w->facts->personal_field, sizeof(w->facts->personal_field), w->path);
        return NULL;
    case PROTOBUF_C_TYPE_BYTES:
        if (reflect_is_id(f) && ((const ProtobufCBinaryData *)value)->len != UUID_SIZE)
            return "facts: an id is not 16 bytes";
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

static const char *walk_message(Walk *w, const ProtobufCMessage *m) {
    size_t length = strlen(w->path);
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        size_t n = reflect_count(m, f);
        if (n == 0)
            continue;
        (void)snprintf(w->path + length, sizeof(w->path) - length, ".%s", f->name);
        for (size_t k = 0; k < n; k++) {
            const char *why = walk_value(w, f, reflect_value(m, f, k));
            if (why)
                return why;
        }
        w->path[length] = '\0';
    }
    return NULL;
}

/* The value of a single field of that name and type; NULL when there is none or it is zero. */
static const void *find(const ProtobufCMessage *m, const char *name, ProtobufCType type) {
    const ProtobufCFieldDescriptor *f = reflect_field(m, name);
    bool found = f && f->type == type && f->label != PROTOBUF_C_LABEL_REPEATED;
    return found && reflect_count(m, f) > 0 ? reflect_value(m, f, 0) : NULL;
}

static bool find_true(const ProtobufCMessage *m, const char *name) {
    return find(m, name, PROTOBUF_C_TYPE_BOOL) != NULL;
}

static void find_date(const ProtobufCMessage *m, const char *name, CivilDate *ret) {
    Serasi__V1__Date *const *d = find(m, name, PROTOBUF_C_TYPE_MESSAGE);
    if (d && (*d)->base.descriptor == &serasi__v1__date__descriptor)
        (void)reflect_date(*d, ret); /* the walk has checked it */
}

static void find_time(const ProtobufCMessage *m, const char *name, int64_t *ret) {
    const uint64_t *ms = find(m, name, PROTOBUF_C_TYPE_FIXED64);
    if (ms)
        *ret = (int64_t)*ms;
}

static const char *take_receipt(const Serasi__V1__Receipt *in, Facts *ret) {
    if (!take_uuid(in->message_id, &ret->receipt_for))
        return "facts.message_id: not 16 bytes";
    if (!take_optional_node(in->recipient, ret->receipt_recipient))
        return "facts.recipient: not a node id";
    if (!take_optional_node(in->leg, ret->receipt_leg))
        return "facts.leg: not a node id";
    if ((int)in->level <= LEVEL_NONE || (int)in->level > LEVEL_COLLECTED_LATE)
        return "facts.level: out of range";
    if ((int)in->cause < CAUSE_NONE || (int)in->cause > CAUSE_QUOTA)
        return "facts.cause: out of range";
    ret->receipt_level = (int)in->level;
    ret->receipt_cause = (int)in->cause;
    ret->receipt_said_ms = (int64_t)in->said_at;
    return NULL;
}

static const char *take_facts(int kind, const ProtobufCMessage *m, Facts *ret) {
    Walk w = { .facts = ret, .path = "facts" };
    const char *why = walk_message(&w, m);
    if (why)
        return why;
    ret->readable = true;
    ret->harm_now = find_true(m, "harm_now");
    find_date(m, "requested_on", &ret->requested_on);
    find_date(m, "outside_service_started_on", &ret->outside_service_started_on);
    find_date(m, "home_service_started_on", &ret->home_service_started_on);
    find_time(m, "occurred_at", &ret->occurred_ms);
    if (kind == KIND_RECEIPT)
        return take_receipt((const Serasi__V1__Receipt *)m, ret);
    if (kind == KIND_RECALL_ORDER &&
        !take_uuid(((const Serasi__V1__RecallOrder *)m)->message_id, &ret->recall_of))
        return "facts.message_id: not 16 bytes";
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
    Facts facts = { 0 };
    why = take_facts(kind, m, &facts);
    if (why)
        return refuse(WIRE_MALFORMED, why, ret_why);
    *ret = facts;
    return 0;
}

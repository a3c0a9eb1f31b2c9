/* SPDX-License-Identifier: Apache-2.0 */

/* One field of protobuf into one member of Facts, by the type of its row. That each row fits its
 * field is held by a unit test. */

#include "base/text.h"
#include "wire/codec-facts.h"

typedef struct Take {
    const char *field; /* its name, for the reason */
    bool is_personal;  /* personal data was seen in or before it */
} Take;

uint8_t take_code(int value) {
    return value >= 0 && value < UINT8_MAX ? (uint8_t)value : UINT8_MAX;
}

void take_date(const Serasi__V1__Date *in, CivilDate *ret) {
    if (in)
        (void)reflect_date(in, ret); /* the walk has checked it */
}

void take_staff(const Serasi__V1__RoleRef *in, Staff *ret) {
    if (!in)
        return;
    ret->present = true;
    ret->competence_supervision = in->competence_supervision;
    ret->role = take_code((int)in->role);
    take_date(in->certificate_valid_until, &ret->certificate_valid_until);
}

/* Reasons are static, so each text field has its own; `field` as in the schemas. */
static const char *why_not(const char *field) {
    static const char *const whys[] = {
        "facts.about_node: not a node id",
        "facts.assignee: not a node id",
        "facts.by_node: not a node id",
        "facts.code: too long",
        "facts.documents.issuer: not a node id",
        "facts.from_node: not a node id",
        "facts.handed_over_by: not a node id",
        "facts.id: not a node id",
        "facts.instead_of_node: not a node id",
        "facts.lead_node: not a node id",
        "facts.leg: not a node id",
        "facts.owed_by_node: not a node id",
        "facts.received_by: not a node id",
        "facts.receiving_node: not a node id",
        "facts.recipient: not a node id",
        "facts.recipient_node: not a node id",
        "facts.redirect_to: not a node id",
        "facts.regency: not a region code",
        "facts.to_node: not a node id",
        "facts.assessment.issuer: not a node id",
        "facts.declaration.issuer: not a node id",
        "facts.minutes.issuer: not a node id",
        "facts.health_certificate.issuer: not a node id",
    };
    const size_t prefix = strlen("facts."), n = strlen(field);
    for (size_t i = 0; i < ARRAY_SIZE(whys); i++)
        if (strncmp(whys[i] + prefix, field, n) == 0 && strchr(".:", whys[i][prefix + n]))
            return whys[i];
    return "facts: not a node id";
}

static bool fits(const char *in, size_t size, char *ret) {
    if (size == NODE_NAME_SIZE)
        return take_optional_node(in, ret);
    if (size == REGION_SIZE)
        return take_region(in, ret);
    return text_copy(ret, size, in);
}

/* A text that R-004 refuses anyway needs no second reason: it stays unset. */
static const char *take_text(const char *in, size_t size, char *ret, const Take *t) {
    if (fits(in, size, ret))
        return NULL;
    ret[0] = '\0';
    return t->is_personal ? NULL : why_not(t->field);
}

static const char *take_document(const Serasi__V1__DocumentRef *in, Document *ret, const Take *t) {
    Document d = { .present = true, .issuer_kind = take_code((int)in->issuer_kind) };
    take_date(in->issued_on, &d.issued_on);
    const char *why = take_text(in->issuer, sizeof(d.issuer), d.issuer, t);
    if (!why)
        *ret = d;
    return why;
}

/* The last issued of a type counts; of one day, the last told. */
static const char *take_documents(Serasi__V1__DocumentRef *const *in, size_t n, Documents *ret,
                                  const Take *t) {
    for (size_t i = 0; i < n; i++) {
        Document d = { 0 };
        const char *why = take_document(in[i], &d, t);
        if (why)
            return why;
        const int type = (int)in[i]->type;
        if (type <= DOCUMENT_TYPE_UNSPECIFIED || type >= DOCUMENT_TYPES)
            continue;
        Document *slot = &ret->of[type];
        if (!slot->present || civil_compare(d.issued_on, slot->issued_on) >= 0)
            *slot = d;
    }
    return NULL;
}

static Codes take_codes(const int *values, size_t n) {
    Codes set = 0;
    for (size_t i = 0; i < n; i++)
        set |= codes_of(values[i]);
    return set;
}

static uint32_t take_ids(const ProtobufCBinaryData *in, size_t n, Uuid *ret, size_t room) {
    n = MIN(n, room);
    for (size_t i = 0; i < n; i++)
        memcpy(ret[i].b, in[i].data, UUID_SIZE);
    return (uint32_t)n;
}

const char *facts_take(const FactField *row, const ProtobufCMessage *m,
                       const ProtobufCFieldDescriptor *f, size_t n, Facts *ret) {
    void *to = (uint8_t *)ret + row->offset;
    const void *from = reflect_value(m, f, 0); /* of a repeated field the first of the list */
    const Take t = { .field = f->name, .is_personal = ret->personal_field[0] != '\0' };
    switch ((FactType)row->type) {
    case FACT_CODE:
        *(uint8_t *)to = take_code(*(const int *)from);
        return NULL;
    case FACT_CODES:
        *(Codes *)to = take_codes(from, n);
        return NULL;
    case FACT_FLAG:
        *(bool *)to = true; /* what is false is not there */
        return NULL;
    case FACT_NUMBER:
        *(uint32_t *)to = *(const uint32_t *)from;
        return NULL;
    case FACT_COUNT:
        *(uint32_t *)to = (uint32_t)n;
        return NULL;
    case FACT_TIME:
        *(int64_t *)to = *(const int64_t *)from;
        return NULL;
    case FACT_DATE:
        take_date(*(Serasi__V1__Date *const *)from, to);
        return NULL;
    case FACT_ID:
        (void)take_ids(from, 1, to, 1);
        return NULL;
    case FACT_IDS:
        *(uint32_t *)((uint8_t *)ret + row->count) =
            take_ids(from, n, to, row->size / sizeof(Uuid));
        return NULL;
    case FACT_TEXT:
        return take_text(*(char *const *)from, row->size, to, &t);
    case FACT_STAFF:
        take_staff(*(Serasi__V1__RoleRef *const *)from, to);
        return NULL;
    case FACT_DOCUMENT:
        return take_document(*(Serasi__V1__DocumentRef *const *)from, to, &t);
    case FACT_DOCUMENTS:
        return take_documents(from, n, to, &t);
    }
    return NULL;
}

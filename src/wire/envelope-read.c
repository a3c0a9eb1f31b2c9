/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Envelopes as they nearly always are, read in one pass. Whatever is unusual (a field twice, one
 * that is not known, a number written longer than it needs, a value out of its range) is left to
 * guard and protobuf-c, which say what is wrong, or take it: so this only has to be right about
 * what it accepts, and tests compare that with what they make of it.
 */

#include "base/text.h"
#include "wire/codec-internal.h"
#include "wire/plain.h"

#define FIELDS 20U

/* Views of the fields as they stand there. */
typedef struct Raw {
    uint32_t seen; /* bit = number of the field */
    uint32_t number[FIELDS + 1];
    uint64_t time[FIELDS + 1]; /* created_at, expires_at */
    Bytes bytes[FIELDS + 1];
    uint32_t n_to;
    Bytes to[AUDIENCE_NODES_MAX];
} Raw;

enum {
    F_MESSAGE_ID = 1,
    F_KIND,
    F_SCHEMA,
    F_SENDER,
    F_AUDIENCE,
    F_REGION,
    F_CLUSTER,
    F_CASE_ID,
    F_CORRELATION_ID,
    F_CAUSATION_ID,
    F_URGENCY,
    F_SENSITIVITY,
    F_LEGAL_BASIS,
    F_CREATED_AT,
    F_EXPIRES_AT,
    F_FACTS_DIGEST,
    F_SEALED_DIGEST,
    F_RECEIPTS,
    F_STATUS,
    F_NO_SUPERVISION,
};

static bool read_time(Bytes *b, uint64_t *ret) {
    if (b->n < 8)
        return false;
    *ret = 0;
    for (unsigned i = 0; i < 8; i++)
        *ret |= (uint64_t)b->p[i] << (8 * i);
    *b = bytes_make(b->p + 8, b->n - 8);
    return true;
}

static bool read_field(Bytes *b, Raw *r) {
    static const uint8_t types[FIELDS + 1] = {
        [F_MESSAGE_ID] = 2, [F_SENDER] = 2,         [F_AUDIENCE] = 2,      [F_REGION] = 2,
        [F_CASE_ID] = 2,    [F_CORRELATION_ID] = 2, [F_CAUSATION_ID] = 2,  [F_CREATED_AT] = 1,
        [F_EXPIRES_AT] = 1, [F_FACTS_DIGEST] = 2,   [F_SEALED_DIGEST] = 2,
    };
    uint32_t tag;
    if (!plain_number(b, &tag))
        return false;
    const uint32_t field = tag >> 3, type = tag & 7;
    if (field == 0 || field > FIELDS || type != types[field] || r->seen & 1U << field)
        return false;
    r->seen |= 1U << field;
    switch (type) {
    case 0:
        return plain_number(b, &r->number[field]);
    case 1:
        return read_time(b, &r->time[field]);
    default:
        return plain_bytes(b, &r->bytes[field]);
    }
}

/* Nodes by name, and no other form. */
static bool read_audience(Bytes b, Raw *r) {
    while (b.n > 0) {
        uint32_t tag;
        if (!plain_number(&b, &tag) || tag != (1U << 3 | 2U) || r->n_to == AUDIENCE_NODES_MAX ||
            !plain_bytes(&b, &r->to[r->n_to++]))
            return false;
    }
    return true;
}

static bool is_uuid(Bytes b) {
    return b.n == UUID_SIZE;
}

static bool is_uuid_or_none(Bytes b) {
    return b.n == UUID_SIZE || b.n == 0;
}

static bool is_digest_or_none(Bytes b) {
    return b.n == DIGEST_SIZE || b.n == 0;
}

static bool are_in_range(const Raw *r) {
    static const Uuid nil;
    int64_t ms;
    return is_uuid(r->bytes[F_MESSAGE_ID]) &&
           memcmp(r->bytes[F_MESSAGE_ID].p, nil.b, UUID_SIZE) != 0 &&
           is_uuid_or_none(r->bytes[F_CASE_ID]) && is_uuid_or_none(r->bytes[F_CORRELATION_ID]) &&
           is_uuid_or_none(r->bytes[F_CAUSATION_ID]) &&
           is_digest_or_none(r->bytes[F_FACTS_DIGEST]) &&
           is_digest_or_none(r->bytes[F_SEALED_DIGEST]) && take_time(r->time[F_CREATED_AT], &ms) &&
           take_time(r->time[F_EXPIRES_AT], &ms) &&
           r->number[F_RECEIPTS] <= RECEIPTS_FAILURES_ONLY &&
           r->number[F_STATUS] <= MESSAGE_STATUS_TEST && r->number[F_NO_SUPERVISION] <= 1;
}

/* As text of its own; false when it is no node id. */
static bool copy_node(Bytes b, char ret[static NODE_NAME_SIZE]) {
    if (b.n >= NODE_NAME_SIZE)
        return false;
    if (b.n > 0)
        memcpy(ret, b.p, b.n);
    ret[b.n] = '\0';
    return strlen(ret) == b.n && node_name_is_valid(ret);
}

static bool are_digits(Bytes b) {
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < '0' || b.p[i] > '9')
            return false;
    return b.n < REGION_SIZE;
}

static void copy(Bytes b, void *ret) {
    if (b.n > 0)
        memcpy(ret, b.p, b.n);
}

static void fill(const Raw *r, Envelope *e) {
    copy(r->bytes[F_MESSAGE_ID], e->message_id.b);
    copy(r->bytes[F_CASE_ID], e->case_id.b);
    copy(r->bytes[F_CORRELATION_ID], e->correlation_id.b);
    copy(r->bytes[F_CAUSATION_ID], e->causation_id.b);
    copy(r->bytes[F_REGION], e->region);
    copy(r->bytes[F_FACTS_DIGEST], e->facts_digest);
    copy(r->bytes[F_SEALED_DIGEST], e->sealed_digest);
    e->has_facts_digest = r->bytes[F_FACTS_DIGEST].n > 0;
    e->has_sealed_digest = r->bytes[F_SEALED_DIGEST].n > 0;
    e->created_ms = (int64_t)r->time[F_CREATED_AT];
    e->expires_ms = (int64_t)r->time[F_EXPIRES_AT];
    e->kind = (int)r->number[F_KIND];
    e->schema = r->number[F_SCHEMA];
    e->cluster = (int)r->number[F_CLUSTER];
    e->urgency = (int)r->number[F_URGENCY];
    e->sensitivity = (int)r->number[F_SENSITIVITY];
    e->legal_basis = (int)r->number[F_LEGAL_BASIS];
    e->receipts = (ReceiptPolicy)r->number[F_RECEIPTS];
    e->status = (int)r->number[F_STATUS];
    e->no_supervision = r->number[F_NO_SUPERVISION] != 0;
    e->audience.form = r->n_to > 0 ? AUDIENCE_NODES : AUDIENCE_NONE;
    e->audience.n = r->n_to;
}

bool envelope_read(Bytes b, Envelope *ret) {
    Raw r;
    char sender[NODE_NAME_SIZE], to[NODE_NAME_SIZE];
    if (b.n > ENVELOPE_MAX)
        return false;
    memset(&r, 0, offsetof(Raw, to));
    while (b.n > 0)
        if (!read_field(&b, &r))
            return false;
    if (!read_audience(r.bytes[F_AUDIENCE], &r) || !are_in_range(&r) ||
        !are_digits(r.bytes[F_REGION]) || !copy_node(r.bytes[F_SENDER], sender))
        return false;
    for (uint32_t i = 0; i < r.n_to; i++)
        if (!copy_node(r.to[i], to))
            return false;
    *ret = (Envelope) { 0 };
    fill(&r, ret);
    (void)text_copy(ret->sender, sizeof(ret->sender), sender);
    for (uint32_t i = 0; i < r.n_to; i++)
        copy(r.to[i], ret->audience.nodes[i]);
    return true;
}

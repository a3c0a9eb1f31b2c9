/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts in packed form: one byte that names the form, then what is set, each value behind the place
 * of its row (from 1, rising). Written and read by the same table, so a row costs nothing here.
 */

#include "base/pack.h"
#include "core/facts.h"

#define FORM 1U

/* Bits before a member of staff. */
enum { STAFF_COMPETENT = 1, STAFF_CERTIFICATE = 2 };

static bool has_documents(const Documents *d) {
    for (unsigned type = 0; type < DOCUMENT_TYPES; type++)
        if (d->of[type].present)
            return true;
    return false;
}

/* What stands behind the end of a text, or between members, says nothing. */
static bool is_set(const FactField *row, const Facts *f) {
    static const uint8_t zero[sizeof(Uuid)];
    const void *at = (const uint8_t *)f + row->offset;
    switch ((FactType)row->type) {
    case FACT_TEXT:
        return *(const char *)at != '\0';
    case FACT_IDS:
        return *(const uint32_t *)((const uint8_t *)f + row->count) > 0;
    case FACT_STAFF:
        return ((const Staff *)at)->present;
    case FACT_DOCUMENT:
        return ((const Document *)at)->present;
    case FACT_DOCUMENTS:
        return has_documents(at);
    default: /* plain values */
        return memcmp(at, zero, row->size) != 0;
    }
}

/* Documents of several fields are one member, packed with the first of its rows. */
static bool is_repeat(const FactField *rows, size_t i) {
    for (size_t k = 0; rows[i].type == FACT_DOCUMENTS && k < i; k++)
        if (rows[k].offset == rows[i].offset)
            return true;
    return false;
}

/* --- writing --- */

static void pack_staff(Packer *k, const Staff *s) {
    bool certificate = civil_is_set(s->certificate_valid_until);
    pack_number(k, (s->competence_supervision ? STAFF_COMPETENT : 0U) |
                       (certificate ? STAFF_CERTIFICATE : 0U));
    pack_number(k, s->role);
    if (certificate)
        pack_date(k, s->certificate_valid_until);
}

static void pack_document(Packer *k, const Document *d) {
    pack_number(k, d->issuer_kind);
    pack_date(k, d->issued_on);
    pack_text(k, d->issuer);
}

static void pack_documents(Packer *k, const Documents *d) {
    uint64_t n = 0;
    for (unsigned type = 0; type < DOCUMENT_TYPES; type++)
        n += d->of[type].present;
    pack_number(k, n);
    for (unsigned type = 0; type < DOCUMENT_TYPES; type++)
        if (d->of[type].present) {
            pack_number(k, type);
            pack_document(k, &d->of[type]);
        }
}

static void pack_ids(Packer *k, const Uuid *ids, uint32_t n, size_t room) {
    pack_number(k, MIN((size_t)n, room));
    for (size_t i = 0; i < n && i < room; i++)
        pack_id(k, &ids[i]);
}

static void pack_value(Packer *k, const FactField *row, const Facts *f) {
    const void *at = (const uint8_t *)f + row->offset;
    switch ((FactType)row->type) {
    case FACT_FLAG: /* that it is here says it all */
        return;
    case FACT_CODE:
        pack_number(k, *(const uint8_t *)at);
        return;
    case FACT_CODES:
    case FACT_NUMBER:
    case FACT_COUNT:
        pack_number(k, *(const uint32_t *)at);
        return;
    case FACT_TIME:
        pack_number(k, *(const uint64_t *)at);
        return;
    case FACT_DATE:
        pack_date(k, *(const CivilDate *)at);
        return;
    case FACT_ID:
        pack_id(k, at);
        return;
    case FACT_IDS:
        pack_ids(k, at, *(const uint32_t *)((const uint8_t *)f + row->count),
                 row->size / sizeof(Uuid));
        return;
    case FACT_TEXT:
        pack_text(k, at);
        return;
    case FACT_STAFF:
        pack_staff(k, at);
        return;
    case FACT_DOCUMENT:
        pack_document(k, at);
        return;
    case FACT_DOCUMENTS:
        pack_documents(k, at);
        return;
    }
}

size_t facts_pack(int kind, const Facts *f, uint8_t *buf, size_t size) {
    Packer k = { .p = buf, .size = size };
    size_t n;
    const FactField *rows = facts_fields(kind, &n);
    pack_number(&k, FORM);
    for (size_t i = 0; i < n; i++)
        if (is_set(&rows[i], f) && !is_repeat(rows, i)) {
            pack_number(&k, i + 1);
            pack_value(&k, &rows[i], f);
        }
    return pack_end(&k);
}

/* --- reading --- */

static void unpack_staff(Unpacker *k, Staff *s) {
    uint64_t bits = unpack_number(k, STAFF_COMPETENT | STAFF_CERTIFICATE);
    s->present = true;
    s->competence_supervision = bits & STAFF_COMPETENT;
    s->role = (uint8_t)unpack_number(k, UINT8_MAX);
    if (bits & STAFF_CERTIFICATE)
        s->certificate_valid_until = unpack_date(k);
}

static void unpack_document(Unpacker *k, Document *d) {
    d->present = true;
    d->issuer_kind = (uint8_t)unpack_number(k, UINT8_MAX);
    d->issued_on = unpack_date(k);
    unpack_text(k, d->issuer, sizeof(d->issuer));
}

static void unpack_documents(Unpacker *k, Documents *d) {
    uint64_t n = unpack_number(k, DOCUMENT_TYPES);
    for (uint64_t i = 0; i < n && !k->failed; i++)
        unpack_document(k, &d->of[unpack_number(k, DOCUMENT_TYPES - 1)]);
}

static uint32_t unpack_ids(Unpacker *k, Uuid *ids, size_t room) {
    uint32_t n = (uint32_t)unpack_number(k, room);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = unpack_id(k);
    return n;
}

static void unpack_value(Unpacker *k, const FactField *row, Facts *f) {
    void *at = (uint8_t *)f + row->offset;
    switch ((FactType)row->type) {
    case FACT_FLAG:
        *(bool *)at = true;
        return;
    case FACT_CODE:
        *(uint8_t *)at = (uint8_t)unpack_number(k, UINT8_MAX);
        return;
    case FACT_CODES:
    case FACT_NUMBER:
    case FACT_COUNT:
        *(uint32_t *)at = (uint32_t)unpack_number(k, UINT32_MAX);
        return;
    case FACT_TIME:
        *(int64_t *)at = (int64_t)unpack_number(k, UINT64_MAX);
        return;
    case FACT_DATE:
        *(CivilDate *)at = unpack_date(k);
        return;
    case FACT_ID:
        *(Uuid *)at = unpack_id(k);
        return;
    case FACT_IDS:
        *(uint32_t *)((uint8_t *)f + row->count) = unpack_ids(k, at, row->size / sizeof(Uuid));
        return;
    case FACT_TEXT:
        unpack_text(k, at, row->size);
        return;
    case FACT_STAFF:
        unpack_staff(k, at);
        return;
    case FACT_DOCUMENT:
        unpack_document(k, at);
        return;
    case FACT_DOCUMENTS:
        unpack_documents(k, at);
        return;
    }
}

bool facts_unpack(int kind, Bytes b, Facts *ret) {
    Unpacker k = unpack_start(b);
    Facts f = { 0 };
    size_t n, last = 0;
    const FactField *rows = facts_fields(kind, &n);
    if (unpack_number(&k, FORM) != FORM)
        return false;
    while (unpack_more(&k)) {
        size_t place = (size_t)unpack_number(&k, n);
        if (k.failed || place <= last || is_repeat(rows, place - 1))
            return false;
        unpack_value(&k, &rows[place - 1], &f);
        last = place;
    }
    if (!unpack_end(&k))
        return false;
    f.readable = rows != NULL;
    *ret = f;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Facts as the store keeps them: [1 byte, kind][packed facts]. What could be read is written and
 * read again as the same; texts end, days exist, counts stay in their bounds. */

#include "core/facts.h"
#include "fuzz/fuzz.h"

static void check_document(const Document *d) {
    FUZZ_CHECK(memchr(d->issuer, '\0', sizeof(d->issuer)));
    FUZZ_CHECK(!civil_is_set(d->issued_on) || civil_is_valid(d->issued_on));
}

static void check_member(const FactField *row, const Facts *f) {
    const void *at = (const uint8_t *)f + row->offset;
    const Documents *documents = at;
    CivilDate day;
    switch ((FactType)row->type) {
    case FACT_TEXT:
        FUZZ_CHECK(memchr(at, '\0', row->size));
        return;
    case FACT_DATE:
        memcpy(&day, at, sizeof(day));
        FUZZ_CHECK(!civil_is_set(day) || civil_is_valid(day));
        return;
    case FACT_IDS: {
        uint32_t n;
        memcpy(&n, (const uint8_t *)f + row->count, sizeof(n));
        FUZZ_CHECK(n <= row->size / sizeof(Uuid));
        return;
    }
    case FACT_DOCUMENT:
        check_document(at);
        return;
    case FACT_DOCUMENTS:
        for (unsigned type = 0; type < DOCUMENT_TYPES; type++)
            check_document(&documents->of[type]);
        return;
    default:
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    Input in = { data, n };
    const int kind = (int)take_byte(&in);
    Facts first, second;
    if (!facts_unpack(kind, bytes_make(in.p, in.n), &first))
        return 0;
    size_t n_rows;
    const FactField *rows = facts_fields(kind, &n_rows);
    FUZZ_CHECK(first.readable == (rows != NULL));
    for (size_t i = 0; i < n_rows; i++)
        check_member(&rows[i], &first);
    uint8_t a[FACTS_PACKED_MAX], b[FACTS_PACKED_MAX];
    const size_t n_a = facts_pack(kind, &first, a, sizeof(a));
    FUZZ_CHECK(n_a > 0 && facts_unpack(kind, bytes_make(a, n_a), &second));
    FUZZ_CHECK(facts_pack(kind, &second, b, sizeof(b)) == n_a && memcmp(a, b, n_a) == 0);
    return 0;
}

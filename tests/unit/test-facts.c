/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "core/facts.h"
#include "test.h"

#define KINDS_END 100

/* --- the table --- */

static size_t size_of_type(FactType type) {
    static const size_t sizes[] = {
        [FACT_CODE] = 1,
        [FACT_CODES] = sizeof(Codes),
        [FACT_FLAG] = sizeof(bool),
        [FACT_NUMBER] = 4,
        [FACT_DATE] = sizeof(CivilDate),
        [FACT_TIME] = sizeof(int64_t),
        [FACT_ID] = sizeof(Uuid),
        [FACT_IDS] = sizeof(Uuid) * EVENT_REFERENCES_MAX,
        [FACT_COUNT] = 4,
        [FACT_STAFF] = sizeof(Staff),
        [FACT_DOCUMENT] = sizeof(Document),
        [FACT_DOCUMENTS] = sizeof(Documents),
    };
    return sizes[type];
}

static void assert_rows_are_apart(int kind, const FactField *a, const FactField *b) {
    const bool apart = a->offset + a->size <= b->offset || b->offset + b->size <= a->offset;
    const bool one = a->type == FACT_DOCUMENTS && b->type == a->type && a->offset == b->offset;
    if ((!apart && !one) || (a->number == b->number && a->number != 0))
        fail_msg("kind %d: rows with numbers %d and %d", kind, a->number, b->number);
}

TEST(every_known_kind_has_sound_rows) {
    for (int kind = 0; kind < KINDS_END; kind++) {
        size_t n = 99;
        const FactField *rows = facts_fields(kind, &n);
        ASSERT_EQ(rows != NULL, kind_info(kind) != NULL);
        ASSERT_EQ(n > 0, rows != NULL);
        for (size_t i = 0; i < n; i++) {
            ASSERT_TRUE(rows[i].type >= FACT_CODE && rows[i].type <= FACT_DOCUMENTS);
            ASSERT_TRUE(rows[i].offset >= offsetof(Facts, request));
            ASSERT_TRUE(rows[i].offset + rows[i].size <= sizeof(Facts));
            ASSERT_EQ(rows[i].count != 0, rows[i].type == FACT_IDS);
            if (rows[i].type == FACT_TEXT)
                ASSERT_TRUE(rows[i].size == NODE_NAME_SIZE || rows[i].size == REGION_SIZE ||
                            rows[i].size == sizeof(((Facts *)NULL)->notice.code));
            else
                ASSERT_EQ(rows[i].size, size_of_type((FactType)rows[i].type));
            for (size_t k = 0; k < i; k++)
                assert_rows_are_apart(kind, &rows[i], &rows[k]);
        }
    }
}

/* --- packing --- */

static const CivilDate last_day = { 9999, 12, 31 };

static Document fullest_document(void) {
    Document d = { .present = true, .issuer_kind = UINT8_MAX, .issued_on = last_day };
    memset(d.issuer, 'x', sizeof(d.issuer) - 1);
    return d;
}

/* The largest value a member may have. */
static void fill_to_the_brim(const FactField *row, Facts *f) {
    void *at = (uint8_t *)f + row->offset;
    switch ((FactType)row->type) {
    case FACT_FLAG:
        *(bool *)at = true;
        return;
    case FACT_DATE:
        *(CivilDate *)at = last_day;
        return;
    case FACT_TEXT:
        memset(at, 'x', row->size - 1U);
        return;
    case FACT_STAFF:
        *(Staff *)at = (Staff) { .present = true,
                                 .competence_supervision = true,
                                 .role = UINT8_MAX,
                                 .certificate_valid_until = last_day };
        return;
    case FACT_DOCUMENT:
        *(Document *)at = fullest_document();
        return;
    case FACT_DOCUMENTS:
        for (unsigned type = 0; type < DOCUMENT_TYPES; type++)
            ((Documents *)at)->of[type] = fullest_document();
        return;
    case FACT_IDS: {
        const uint32_t n = row->size / sizeof(Uuid);
        memcpy((uint8_t *)f + row->count, &n, sizeof(n));
    }        /* fall through */
    default: /* numbers and ids of all kinds */
        memset(at, 0xff, row->size);
        return;
    }
}

static bool same_document(const Document *a, const Document *b) {
    return a->present == b->present && a->issuer_kind == b->issuer_kind &&
           civil_compare(a->issued_on, b->issued_on) == 0 && strcmp(a->issuer, b->issuer) == 0;
}

static bool same_member(const FactField *row, const Facts *x, const Facts *y) {
    const void *a = (const uint8_t *)x + row->offset, *b = (const uint8_t *)y + row->offset;
    const Staff *s = a, *t = b;
    const Documents *d = a, *e = b;
    bool same = true;
    switch ((FactType)row->type) {
    case FACT_TEXT:
        return strcmp(a, b) == 0;
    case FACT_STAFF:
        return s->present == t->present && s->role == t->role &&
               s->competence_supervision == t->competence_supervision &&
               civil_compare(s->certificate_valid_until, t->certificate_valid_until) == 0;
    case FACT_DOCUMENT:
        return same_document(a, b);
    case FACT_DOCUMENTS:
        for (unsigned type = 0; type < DOCUMENT_TYPES; type++)
            same = same && same_document(&d->of[type], &e->of[type]);
        return same;
    case FACT_IDS:
        same = memcmp((const uint8_t *)x + row->count, (const uint8_t *)y + row->count, 4) == 0;
        return same && memcmp(a, b, row->size) == 0;
    default:
        return memcmp(a, b, row->size) == 0;
    }
}

static void assert_same(int kind, const Facts *a, const Facts *b) {
    size_t n;
    const FactField *rows = facts_fields(kind, &n);
    for (size_t i = 0; i < n; i++)
        if (!same_member(&rows[i], a, b))
            fail_msg("kind %d: row %zu is not the same", kind, i);
}

static size_t assert_survives(int kind, const Facts *f) {
    uint8_t buf[FACTS_PACKED_MAX], again[FACTS_PACKED_MAX];
    Facts back;
    memset(&back, 0xff, sizeof(back));
    const size_t n = facts_pack(kind, f, buf, sizeof(buf));
    if (n == 0)
        fail_msg("kind %d does not fit", kind);
    ASSERT_TRUE(facts_unpack(kind, bytes_make(buf, n), &back));
    assert_same(kind, f, &back);
    ASSERT_TRUE(back.readable && back.personal_field[0] == '\0');
    ASSERT_EQ(facts_pack(kind, &back, again, sizeof(again)), n);
    assert_memory_equal(buf, again, n);
    return n;
}

TEST(the_fullest_facts_of_every_kind_fit) {
    size_t largest = 0;
    for (int kind = 0; kind < KINDS_END; kind++) {
        Facts f = { 0 };
        size_t n, size;
        const FactField *rows = facts_fields(kind, &n);
        for (size_t i = 0; i < n; i++)
            fill_to_the_brim(&rows[i], &f);
        if (!rows)
            continue;
        size = assert_survives(kind, &f);
        largest = size > largest ? size : largest;
        uint8_t buf[FACTS_PACKED_MAX];
        for (size_t room = 0; room < size; room++) /* and nothing less will do */
            ASSERT_EQ(facts_pack(kind, &f, buf, room), 0);
    }
    ASSERT_TRUE(largest > FACTS_PACKED_MAX / 2); /* the test fills what it says it fills */
}

/* A small generator: the same sequence on every run. */
static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

TEST(any_choice_of_fields_survives) {
    uint32_t seed = 7;
    for (int kind = 0; kind < KINDS_END; kind++) {
        size_t n;
        const FactField *rows = facts_fields(kind, &n);
        for (unsigned round = 0; rows && round < 40; round++) {
            Facts f = { 0 };
            for (size_t i = 0; i < n; i++)
                if (next(&seed) & 1)
                    fill_to_the_brim(&rows[i], &f);
            (void)assert_survives(kind, &f);
        }
    }
}

TEST(what_is_unset_takes_no_room) {
    Facts f = { 0 };
    uint8_t buf[16];
    /* Left behind a text or in members that are not there: says nothing. */
    memset(f.handover.received_by + 1, 'x', 8);
    f.handover.worker.role = HR_ROLE_DOCTOR;
    f.handover.documents.of[DOCUMENT_TYPE_OTHER].issuer_kind = ISSUER_KIND_DOCTOR;
    ASSERT_EQ(facts_pack(KIND_HANDOVER_MINUTES, &f, buf, sizeof(buf)), 1);
    ASSERT_EQ(facts_pack(4711, &f, buf, sizeof(buf)), 1);
    ASSERT_TRUE(facts_unpack(4711, bytes_make(buf, 1), &f));
    ASSERT_TRUE(!f.readable);
    ASSERT_TRUE(!facts_unpack(4711, bytes_make("\1\1\1", 3), &f));
}

static bool is_taken(int kind, const char *bytes, size_t n) {
    Facts f;
    memset(&f, 0x5a, sizeof(f));
    const bool taken = facts_unpack(kind, bytes_make(bytes, n), &f);
    ASSERT_TRUE(taken || f.personal_field[0] == 0x5a); /* a refusal leaves *ret alone */
    return taken;
}

TEST(what_is_no_packed_form_is_not_taken) {
    ASSERT_TRUE(is_taken(KIND_TERMINATION, "\1\1\2\3", 4));
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "", 0));
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\2\1\2\3", 4));    /* another form */
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\1\0\2", 3));      /* row 0 */
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\1\4", 2));        /* there are three */
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\1\3\1\2", 4));    /* falling */
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\1\1\2\1\2", 5));  /* twice */
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\1\1\200\2", 4));  /* a code of 256 */
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\1\1", 2));        /* cut off */
    ASSERT_TRUE(!is_taken(KIND_TERMINATION, "\1\2\301\1", 4));  /* month 14 */
    ASSERT_TRUE(!is_taken(KIND_HANDOVER_MINUTES, "\1\3\0", 3)); /* a further source */
    ASSERT_TRUE(is_taken(KIND_HANDOVER_MINUTES, "\1\2\1\1\1\0\0", 7));
    ASSERT_TRUE(!is_taken(KIND_HANDOVER_MINUTES, "\1\2\1\21\1\0\0", 7));        /* type 17 */
    ASSERT_TRUE(!is_taken(KIND_HANDOVER_MINUTES, "\1\2\22", 3));                /* 18 documents */
    ASSERT_TRUE(!is_taken(KIND_CASE_CONFERENCE, "\1\3\200\200\200\200\20", 7)); /* 33 bits */
    ASSERT_TRUE(!is_taken(KIND_NOTICE, "\1\1\30xxxxxxxxxxxxxxxxxxxxxxxx", 27));
}

TEST(a_list_of_ids_stays_in_its_room) {
    char bytes[3 + (EVENT_REFERENCES_MAX + 1) * UUID_SIZE] = "\1\11"; /* the ninth row */
    bytes[2] = EVENT_REFERENCES_MAX;
    ASSERT_TRUE(is_taken(KIND_EXTRAORDINARY_EVENT, bytes, sizeof(bytes) - UUID_SIZE));
    bytes[2] = EVENT_REFERENCES_MAX + 1;
    ASSERT_TRUE(!is_taken(KIND_EXTRAORDINARY_EVENT, bytes, sizeof(bytes)));
}

TEST(damage_and_noise_are_survived) {
    uint32_t seed = 11;
    uint8_t buf[FACTS_PACKED_MAX];
    Facts f, brim = { 0 };
    for (int kind = 0; kind < KINDS_END; kind++) {
        size_t n;
        const FactField *rows = facts_fields(kind, &n);
        memset(&brim, 0, sizeof(brim));
        for (size_t i = 0; i < n; i++)
            fill_to_the_brim(&rows[i], &brim);
        for (unsigned round = 0; round < 400; round++) {
            size_t size = facts_pack(kind, &brim, buf, sizeof(buf));
            for (unsigned edits = 1 + next(&seed) % 4; edits > 0; edits--)
                buf[next(&seed) % size] = (uint8_t)next(&seed);
            if (round % 4 == 0)
                size = next(&seed) % (size + 1);
            for (size_t i = 1; round % 4 == 1 && i < size; i++)
                buf[i] = (uint8_t)next(&seed);
            /* the exact allocation lets a sanitizer see a read too far */
            _cleanup_(freep) uint8_t *exact = malloc(size > 0 ? size : 1);
            assert_non_null(exact);
            memcpy(exact, buf, size);
            if (facts_unpack(kind, bytes_make(exact, size), &f) && rows)
                (void)assert_survives(kind, &f);
        }
    }
}

TEST_MAIN

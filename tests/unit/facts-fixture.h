/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For tests of the facts: read from the words of a message file, packed and unpacked. */

#include <stdio.h>

#include "base/text.h"
#include "wire/codec-facts.h"
#include "wire/json.h"
#include "wire/kinds.h"

#define ID_TEXT "\"01020304-0506-7708-890a-0b0c0d0e0f10\""
static const Uuid ID = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16 } };
#define AT_TEXT "\"2025-03-10T03:05:00.123Z\""
#define AT_MS   INT64_C(1741575900123)

#define STAFF_TEXT                                                                                 \
    "{\"role\": \"SAKTI_PEKSOS\", \"competence_supervision\": true, "                              \
    "\"certificate_valid_until\": \"2027-08-31\"}"

static inline int read_facts(int kind, const char *facts, Facts *ret,
                             char why[static JSON_WHY_SIZE]) {
    char text[4096];
    JsonMessage m = { 0 };
    const char *decoder_why = "";
    memset(ret, 0xff, sizeof(*ret));
    (void)snprintf(text, sizeof(text),
                   "{\"envelope\": {\"kind\": \"%s\", \"audience\": {\"to\": [\"hub\"]}}, "
                   "\"facts\": {%s}}",
                   kind_info(kind)->name, facts);
    const int r = json_parse_message(text, strlen(text), "dsk/3203", AT_MS, &m, why);
    if (r == 0)
        ASSERT_OK(facts_decode(kind, bytes_make(m.facts, m.n_facts), ret, &decoder_why));
    json_message_deinit(&m);
    return r;
}

/* Decoded, packed and unpacked: what a test reads has been through both. */
static inline Facts facts_of(int kind, const char *text) {
    Facts f, ret = { 0 };
    char why[JSON_WHY_SIZE] = "";
    uint8_t buf[FACTS_PACKED_MAX];
    if (read_facts(kind, text, &f, why) != 0)
        fail_msg("%s", why);
    ASSERT_TRUE(f.readable);
    const size_t n = facts_pack(kind, &f, buf, sizeof(buf));
    ASSERT_TRUE(n > 1 && facts_unpack(kind, bytes_make(buf, n), &ret));
    return ret;
}

static inline void assert_refused(int kind, const char *text, const char *expected) {
    Facts f;
    char why[JSON_WHY_SIZE] = "";
    ASSERT_TRUE(read_facts(kind, text, &f, why) != 0);
    ASSERT_STR(why, expected);
}

#define ASSERT_DAY(d, year, month, day)                                                            \
    ASSERT_EQ(civil_compare((d), (CivilDate) { year, month, day }), 0)
#define ASSERT_ID(u)  ASSERT_TRUE(uuid_equal(&(u), &ID))
#define ASSERT_AT(ms) ASSERT_TRUE((ms) == AT_MS)
#define ASSERT_CODES(c, ...)                                                                       \
    do {                                                                                           \
        static const int codes_[] = { __VA_ARGS__ };                                               \
        Codes want_ = 0;                                                                           \
        for (size_t i_ = 0; i_ < ARRAY_SIZE(codes_); i_++)                                         \
            want_ |= codes_of(codes_[i_]);                                                         \
        ASSERT_EQ((c), want_);                                                                     \
    } while (0)

static inline void assert_staff(const Staff *s) {
    ASSERT_TRUE(s->present && s->competence_supervision);
    ASSERT_EQ(s->role, HR_ROLE_SAKTI_PEKSOS);
    ASSERT_DAY(s->certificate_valid_until, 2027, 8, 31);
}

static inline void assert_document(const Document *d, const char *issuer, int issuer_kind,
                                   int day) {
    ASSERT_TRUE(d->present);
    ASSERT_STR(d->issuer, issuer);
    ASSERT_EQ(d->issuer_kind, issuer_kind);
    ASSERT_DAY(d->issued_on, 2025, 3, (uint8_t)day);
}

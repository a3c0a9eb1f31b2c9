/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <stdio.h>

#include "core/rules.h"
#include "sample.h"

/* Runs the table over the message; the codes it adds, and the reasons in *ret. */
static const char *codes_of(const Directory *d, const Message *m, Reasons *ret) {
    static char codes[256];
    RuleInput in = { .message = m,
                     .directory = d,
                     .sender = directory_node(d, m->env.sender),
                     .now_ms = SAMPLE_NOW };
    *ret = (Reasons) { 0 };
    rules_check(&in, ret);
    return sample_codes(ret, codes, sizeof(codes));
}

static void set_sender(Message *m, const char *id, int kind) {
    strcpy(m->env.sender, id);
    m->env.kind = kind;
}

TEST(a_sound_referral_breaks_no_rule) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    ASSERT_STR(codes_of(d, m, &r), "");
}

TEST(r_001_names_the_unknown_region_wherever_it_stands) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    strcpy(m->env.region, "9903");
    ASSERT_STR(codes_of(d, m, &r), "R-001");
    ASSERT_STR(r.list[0].text_en, "Unknown region code 9903.");
    ASSERT_STR(r.list[0].text_id, "Kode wilayah 9903 tidak dikenal.");
    ASSERT_STR(r.list[0].legal_basis, "Kepmendagri 300.2.2-2138/2025");
    ASSERT_STR(r.list[0].field, "region");
    strcpy(m->env.region, "320");
    ASSERT_STR(codes_of(d, m, &r), "R-001");
    strcpy(m->env.region, "");
    ASSERT_STR(codes_of(d, m, &r), "");

    m->env.audience = (Audience) { .form = AUDIENCE_ROLE, .role_region = "0101" };
    ASSERT_STR(codes_of(d, m, &r), "R-001");
    ASSERT_STR(r.list[0].text_en, "Unknown region code 0101.");
    m->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 2, .scope = { "32", "22" } };
    ASSERT_STR(codes_of(d, m, &r), "R-001");
    m->env.audience.n = UINT32_MAX; /* a count no decoder vouches for */
    strcpy(m->env.audience.scope[1], "33");
    ASSERT_STR(codes_of(d, m, &r), "");
}

TEST(r_002_is_about_who_sends_what) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    set_sender(m, "dsk/3203", KIND_SUPERVISION_ASSISTANCE_REQUEST);
    ASSERT_STR(codes_of(d, m, &r), "R-002");
    ASSERT_STR(r.list[0].text_en, "dsk/3203 may not send SUPERVISION_ASSISTANCE_REQUEST.");
    ASSERT_STR(r.list[0].text_id,
               "dsk/3203 tidak berwenang mengirim SUPERVISION_ASSISTANCE_REQUEST.");
    set_sender(m, "dsp/32", KIND_SUPERVISION_ASSISTANCE_REQUEST);
    ASSERT_STR(codes_of(d, m, &r), "");
    set_sender(m, "dsk/3299", KIND_COMPLAINT); /* inactive */
    ASSERT_STR(codes_of(d, m, &r), "R-002");
    set_sender(m, "dsk/0000", KIND_COMPLAINT); /* unknown */
    ASSERT_STR(codes_of(d, m, &r), "R-002");
    set_sender(m, "lks/3306/0001", KIND_RECALL_ORDER);
    ASSERT_STR(codes_of(d, m, &r), "");
}

TEST(r_002_lets_a_bridge_do_what_its_owner_may) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    set_sender(m, "int/siks", KIND_DTKS_RESULT); /* itself */
    ASSERT_STR(codes_of(d, m, &r), "");
    set_sender(m, "int/siks", KIND_SUPERVISION_ASSISTANCE_REQUEST); /* its owner dsp/32 */
    ASSERT_STR(codes_of(d, m, &r), "");
    set_sender(m, "int/siks", KIND_CASE_TRANSFER);
    ASSERT_STR(codes_of(d, m, &r), "R-002");
}

TEST(r_002_and_r_005_leave_newer_kinds_alone) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    set_sender(m, "dsk/3203", 200);
    m->env.cluster = CLUSTER_ANY;
    ASSERT_STR(codes_of(d, m, &r), "");
}

TEST(r_004_names_the_field_it_found) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    strcpy(m->facts.personal_field, "documents.number");
    ASSERT_STR(codes_of(d, m, &r), "R-004");
    ASSERT_STR(r.list[0].field, "documents.number");
    ASSERT_STR(r.list[0].text_en, "Personal data in the clear header.");
    ASSERT_STR(r.list[0].text_id, "Data pribadi pada bagian terbuka.");
}

TEST(r_005_wants_a_cluster_where_a_case_is) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    m->env.cluster = CLUSTER_ANY;
    ASSERT_STR(codes_of(d, m, &r), "R-005");
    ASSERT_STR(r.list[0].text_en, "Cluster is required.");
    ASSERT_STR(r.list[0].text_id, "Klaster wajib diisi.");
    ASSERT_STR(r.list[0].legal_basis, "P7 Pasal 3");
    m->env.kind = KIND_COMPLAINT;
    ASSERT_STR(codes_of(d, m, &r), "");
}

static const char *with_dates(const Directory *d, CivilDate asked, CivilDate outside,
                              CivilDate home, const char *region, int64_t now_ms) {
    static char codes[64];
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r = { 0 };
    m->facts.requested_on = asked;
    m->facts.outside_service_started_on = outside;
    m->facts.home_service_started_on = home;
    strcpy(m->env.region, region);
    rules_check(&(RuleInput) { .message = m,
                               .directory = d,
                               .sender = directory_node(d, m->env.sender),
                               .now_ms = now_ms },
                &r);
    return sample_codes(&r, codes, sizeof(codes));
}

TEST(r_010_refuses_the_future_and_a_service_after_its_request) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    const CivilDate none = { 0 }, day9 = { 2025, 3, 9 }, day10 = { 2025, 3, 10 },
                    day11 = { 2025, 3, 11 }, no_day = { 2025, 2, 30 };
    ASSERT_STR(with_dates(d, none, none, none, "3203", SAMPLE_NOW), "");
    ASSERT_STR(with_dates(d, day10, day10, day10, "3203", SAMPLE_NOW), "");
    ASSERT_STR(with_dates(d, day11, none, none, "3203", SAMPLE_NOW), "R-010");
    ASSERT_STR(with_dates(d, none, day11, none, "3203", SAMPLE_NOW), "R-010");
    ASSERT_STR(with_dates(d, none, none, day11, "3203", SAMPLE_NOW), "R-010");
    ASSERT_STR(with_dates(d, day9, day10, none, "3203", SAMPLE_NOW), "R-010");
    ASSERT_STR(with_dates(d, day9, none, day10, "3203", SAMPLE_NOW), "R-010");
    ASSERT_STR(with_dates(d, day9, day9, day9, "3203", SAMPLE_NOW), "");
    ASSERT_STR(with_dates(d, no_day, none, none, "3203", SAMPLE_NOW), "R-010");
    ASSERT_STR(with_dates(d, none, no_day, none, "3203", SAMPLE_NOW), "R-010");
}

TEST(r_010_counts_days_in_the_zone_of_the_region) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    const CivilDate none = { 0 }, day11 = { 2025, 3, 11 };
    int64_t at_1530_utc = SAMPLE_NOW - 5 * MINUTE_MS + 12 * HOUR_MS + 30 * MINUTE_MS;
    ASSERT_STR(with_dates(d, day11, none, none, "9471", at_1530_utc), "");      /* 00:30 WIT */
    ASSERT_STR(with_dates(d, day11, none, none, "7371", at_1530_utc), "R-010"); /* 23:30 WITA */
    ASSERT_STR(with_dates(d, day11, none, none, "7371", at_1530_utc + 30 * MINUTE_MS), "");
    ASSERT_STR(with_dates(d, day11, none, none, "3203", at_1530_utc + 89 * MINUTE_MS), "R-010");
    ASSERT_STR(with_dates(d, day11, none, none, "3203", at_1530_utc + 90 * MINUTE_MS), "");
}

TEST(all_rules_speak_at_once_in_order_of_id) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    _cleanup_(message_freep) Message *m = sample_message();
    Reasons r;
    set_sender(m, "dsp/32", KIND_CASE_OPENED);
    strcpy(m->env.region, "01");
    strcpy(m->facts.personal_field, "region");
    m->env.cluster = CLUSTER_ANY;
    m->facts.requested_on = (CivilDate) { 2030, 1, 1 };
    ASSERT_STR(codes_of(d, m, &r), "R-001 R-002 R-004 R-005 R-010");
    ASSERT_EQ(r.n_refusals, 5);
}

TEST(a_full_list_of_reasons_still_refuses) {
    Reasons r = { 0 };
    for (int i = 0; i < 100; i++)
        reasons_add(&r, "UNKNOWN_RECIPIENT", "dsk/1", NULL, NULL);
    ASSERT_EQ(r.n, REASONS_MAX);
    ASSERT_EQ(r.n_refusals, 100);
    reasons_warn(&r, "ROLE_FALLBACK", "x");
    ASSERT_EQ(r.n_refusals, 100);
}

TEST(reasons_take_their_texts_from_the_table_or_the_caller) {
    Reasons r = { 0 };
    reasons_add(&r, "EXPIRED", "expires_at", NULL, NULL);
    ASSERT_STR(r.list[0].text_en, "The message has expired.");
    ASSERT_STR(r.list[0].text_id, "Pesan sudah kedaluwarsa.");
    reasons_add(&r, "EXPIRED", "expires_at", "mine", "punyaku");
    ASSERT_STR(r.list[1].text_en, "mine");
    ASSERT_STR(r.list[1].text_id, "punyaku");
    reasons_add(&r, "NO_SUCH_CODE", "x", NULL, NULL);
    ASSERT_STR(r.list[2].text_en, "");
}

TEST(everything_in_the_tables_fits_a_reason_and_is_unique) {
    for (size_t i = 0; i < rules_count; i++) {
        ASSERT_TRUE(strlen(rules_table[i].id) < sizeof(((Reason *)0)->code));
        ASSERT_TRUE(strlen(rules_table[i].pasal) < sizeof(((Reason *)0)->legal_basis));
        ASSERT_TRUE(i == 0 || strcmp(rules_table[i - 1].id, rules_table[i].id) < 0);
    }
    for (size_t i = 0; i < reason_codes_count; i++) {
        ASSERT_TRUE(strlen(reason_codes[i].code) < sizeof(((Reason *)0)->code));
        ASSERT_TRUE(strlen(reason_codes[i].text_en) <= REASON_TEXT_MAX);
        ASSERT_TRUE(strlen(reason_codes[i].text_id) <= REASON_TEXT_MAX);
        for (size_t j = 0; j < i; j++)
            ASSERT_TRUE(strcmp(reason_codes[i].code, reason_codes[j].code) != 0);
    }
}

TEST_MAIN

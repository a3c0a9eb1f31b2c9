/* SPDX-License-Identifier: Apache-2.0 */

/* Referral to a unit of the ministry. */

#include "test.h"

#include <stdio.h>

#include "rules-fixture.h"

static const char *in_home_since(CivilDate start, CivilDate asked) {
    static char codes[64];
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_upt(r);
    rig_request(r)->home_service_started_on = start;
    rig_request(r)->requested_on = asked;
    (void)text_copy(codes, sizeof(codes), rig_codes(r));
    return codes;
}

TEST(r_060_counts_calendar_months) {
    ASSERT_STR(in_home_since(DAY(2024, 12, 10), DAY(2025, 3, 10)), "");
    ASSERT_STR(in_home_since(DAY(2024, 12, 11), DAY(2025, 3, 10)), "R-060");
    ASSERT_STR(in_home_since(DAY(2024, 11, 30), DAY(2025, 2, 28)), ""); /* the last of February */
    ASSERT_STR(in_home_since(DAY(2024, 11, 30), DAY(2025, 2, 27)), "R-060");
    ASSERT_STR(in_home_since(DAY(2023, 11, 30), DAY(2024, 2, 28)), "R-060"); /* leap year */
    ASSERT_STR(in_home_since(DAY(2023, 11, 30), DAY(2024, 2, 29)), "");
    ASSERT_STR(in_home_since(DAY(2024, 10, 31), DAY(2025, 1, 31)), "");
    ASSERT_STR(in_home_since(DAY(2024, 1, 31), DAY(2024, 4, 30)), "");
}

TEST(r_060_takes_a_start_that_is_not_told_from_the_placement_on_record) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    CaseFile *c = &r->case_file.case_file;
    lawful_to_upt(r);
    rig_request(r)->home_service_started_on = (CivilDate) { 0 };
    ASSERT_STR(rig_codes(r), "R-060");
    r->known.case_file = &r->case_file;
    c->in_home = true;
    c->placed_on = DAY(2024, 12, 10);
    ASSERT_STR(rig_codes(r), "");
    c->placed_on = DAY(2024, 12, 12);
    ASSERT_STR(rig_codes(r), "R-060");
    rig_request(r)->home_service_started_on = DAY(2024, 6, 1); /* told: in another home before */
    ASSERT_STR(rig_codes(r), "");
    rig_request(r)->requested_on = (CivilDate) { 0 };
    ASSERT_STR(rig_codes(r), "R-060");
}

TEST(r_060_sees_who_is_in_a_home_whatever_the_basis_says) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_upt_from_family(r);
    r->known.case_file = &r->case_file;
    ASSERT_STR(rig_codes(r), "");
    r->case_file.case_file.in_home = true;
    r->case_file.case_file.placed_on = DAY(2020, 1, 1);
    ASSERT_STR(rig_codes(r), "R-060");
    rig_request(r)->basis = REFERRAL_BASIS_PANTI;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_060_holds_for_criterion_b_with_any_basis_and_an_emergency_defers_it) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    ReferralRequestFacts *f = rig_request(r);
    lawful_to_upt_from_family(r);
    f->advanced_criteria = codes_of(ADVANCED_REHAB_CRITERION_B_SERVED_IN_HOME_BACK_WITH_FAMILY);
    ASSERT_STR(rig_codes(r), "R-060");
    f->home_service_started_on = DAY(2024, 12, 10);
    ASSERT_STR(rig_codes(r), "");
    f->home_service_started_on = DAY(2025, 3, 1);
    f->emergency = true;
    ASSERT_STR(rig_codes(r), "(R-060)");
}

TEST(an_emergency_defers_the_documents_of_the_request) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_upt_from_family(r);
    for (int type = 1; type < (int)DOCUMENT_TYPES; type++)
        rig_without(r, type);
    ASSERT_STR(rig_codes(r), "R-062 R-063 R-065 (R-066)");
    rig_request(r)->emergency = true;
    ASSERT_STR(rig_codes(r), "(R-062) (R-063) (R-065) (R-066)");
    (void)rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(rig_codes(r), "(R-066)");
    r->referral.referral.emergency = false;
    ASSERT_STR(rig_codes(r), "R-066");
    rig_without(r, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT);
    r->referral.referral.emergency = true;
    ASSERT_STR(rig_codes(r), "(R-066) R-067"); /* minutes are never deferred */
}

TEST(r_062_wants_a_letter_of_a_provincial_agency) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    const int type = DOCUMENT_TYPE_APPLICATION_LETTER_PROVINCE;
    lawful_to_upt(r);
    rig_document(r, type, "dsp/51", 0); /* no participant */
    ASSERT_STR(rig_codes(r), "");
    rig_document(r, type, "dsp/3203", 0);
    ASSERT_STR(rig_codes(r), "R-062");
    rig_document(r, type, "", ISSUER_KIND_GOVERNOR);
    ASSERT_STR(rig_codes(r), "R-062");
    rig_without(r, type);
    ASSERT_STR(rig_codes(r), "R-062");
    rig_supplement(r);
    r->referral.referral.documents &= ~codes_of(type);
    rig_document(r, type, "dsp/33", 0);
    ASSERT_STR(rig_codes(r), "");
    rig_document(r, type, "dsk/3203", 0);
    ASSERT_STR(rig_codes(r), "R-062");
}

TEST(r_064_asks_who_consented) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    const int type = DOCUMENT_TYPE_CONSENT_LETTER;
    lawful_to_upt(r);
    rig_request(r)->consent_giver = 0;
    ASSERT_STR(rig_codes(r), "R-064");
    rig_without(r, type);
    ASSERT_STR(rig_codes(r), "R-063");
    rig_supplement(r); /* whose letter tells the giver itself */
    rig_document(r, type, "", ISSUER_KIND_FAMILY);
    ASSERT_STR(rig_codes(r), "");
    rig_document(r, type, "", ISSUER_KIND_VILLAGE_OFFICE);
    ASSERT_STR(rig_codes(r), "");
    rig_document(r, type, "dsk/3203", 0);
    ASSERT_STR(rig_codes(r), "");
    rig_document(r, type, "", ISSUER_KIND_DOCTOR);
    ASSERT_STR(rig_codes(r), "R-064");
    r->referral.referral.consent_giver = CONSENT_GIVER_GUARDIAN;
    ASSERT_STR(rig_codes(r), "");
    lawful_to_home(r); /* no matter of RF-2 */
    rig_document(r, type, "", ISSUER_KIND_FAMILY);
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_068_takes_balai_besar_balai_and_loka) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_upt(r);
    rig_to(r, "upt/satria"); /* a loka, for drugs */
    ASSERT_STR(rig_codes(r), "(R-012)");
    rig_to(r, "dsp/32");
    ASSERT_STR(rig_codes(r), "R-068");
    (void)rig_answer(r, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(rig_codes(r), "R-068");
    r->message->facts.response.decision = REFERRAL_DECISION_NOT_OUR_AUTHORITY;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_069_is_about_children_without_a_stay_in_a_home) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    ReferralRequestFacts *f = rig_request(r);
    const Codes a = codes_of(ADVANCED_REHAB_CRITERION_A_SERVED_IN_FAMILY),
                c = codes_of(ADVANCED_REHAB_CRITERION_C_SERVED_OUTSIDE_HOME),
                d = codes_of(ADVANCED_REHAB_CRITERION_D_IDENTIFIED_BY_SOCIAL_WORKER);
    lawful_to_upt_from_family(r);
    f->assessor = (Staff) { 0 };
    ASSERT_STR(rig_codes(r), "R-069");
    f->advanced_criteria = a;
    ASSERT_STR(rig_codes(r), "(R-069)");
    f->advanced_criteria = c | d;
    ASSERT_STR(rig_codes(r), "(R-069)");
    f->advanced_criteria = a;
    f->home_service_started_on = DAY(2024, 6, 1); /* was in one */
    ASSERT_STR(rig_codes(r), "");
    lawful_to_upt(r); /* comes from one */
    f->assessor.role = HR_ROLE_PSYCHOLOGIST;
    ASSERT_STR(rig_codes(r), "");
}

TEST_MAIN

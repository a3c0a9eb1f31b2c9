/* SPDX-License-Identifier: Apache-2.0 */

/* Referral to a social home, and whom let in. */

#include "test.h"

#include <stdio.h>

#include "rules-fixture.h"

/* --- days ----------------------------------------------------------------------------------- */

static const char *after(CivilDate start, CivilDate asked) {
    static char codes[64];
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    rig_request(r)->outside_service_started_on = start;
    rig_request(r)->requested_on = asked;
    (void)text_copy(codes, sizeof(codes), rig_codes(r));
    return codes;
}

TEST(r_040_allows_the_seventh_day_and_not_the_sixth) {
    ASSERT_STR(after(DAY(2025, 3, 4), DAY(2025, 3, 10)), "R-040"); /* day 6 */
    ASSERT_STR(after(DAY(2025, 3, 3), DAY(2025, 3, 10)), "");      /* day 7 */
    ASSERT_STR(after(DAY(2025, 3, 2), DAY(2025, 3, 10)), "");      /* day 8 */
    ASSERT_STR(after(DAY(2025, 2, 22), DAY(2025, 3, 1)), "");      /* over the end of February */
    ASSERT_STR(after(DAY(2025, 2, 23), DAY(2025, 3, 1)), "R-040");
    ASSERT_STR(after(DAY(2024, 2, 23), DAY(2024, 3, 1)), ""); /* of a leap year */
    ASSERT_STR(after(DAY(2024, 12, 25), DAY(2025, 1, 1)), "");
}

TEST(r_040_wants_both_days_told) {
    ASSERT_STR(after((CivilDate) { 0 }, DAY(2025, 3, 10)), "R-040");
    ASSERT_STR(after(DAY(2025, 3, 3), (CivilDate) { 0 }), "R-040");
}

TEST(r_040_counts_as_the_rule_set_says) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleSet stricter = *r->set;
    stricter.home_after_days = 8;
    r->set = &stricter;
    lawful_to_home(r);
    ASSERT_STR(rig_codes(r), "R-040");
    rig_request(r)->outside_service_started_on = DAY(2025, 3, 2);
    ASSERT_STR(rig_codes(r), "");
}

/* --- documents ------------------------------------------------------------------------------ */

TEST(a_supplement_is_judged_with_what_came_before) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Referral *ref = &r->referral.referral;
    lawful_to_home(r);
    rig_supplement(r);
    ASSERT_STR(rig_codes(r), "");
    ref->documents = codes_of(DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY);
    ASSERT_STR(rig_codes(r), "R-044 (R-045)");
    rig_document(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT, "", ISSUER_KIND_SOCIAL_WORKER);
    ASSERT_STR(rig_codes(r), "(R-045)");
    ref->documents = 0;
    ref->emergency = true; /* the requester is dsk/3203 */
    ref->docs_due_on = DAY(2025, 3, 8);
    Reasons reasons;
    ASSERT_STR(rig_say(r, rules_table, rules_count, &reasons), "(R-042) (R-045)");
    ASSERT_STR(reasons.list[0].text_en, "Regency agency's application letter missing. Deferred by "
                                        "the emergency until 2025-03-08.");
    ref->emergency = false;
    r->message->facts.update.action = REFERRAL_ACTION_CANCEL; /* brings no documents */
    ASSERT_STR(rig_codes(r), "");
    r->message->facts.update.action = REFERRAL_ACTION_SUPPLEMENT;
    r->known.referral = NULL;
    ASSERT_STR(rig_codes(r), "");
}

static const char *letter_from(const char *issuer, const char *region) {
    static char codes[64];
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    (void)text_copy(r->message->env.region, REGION_SIZE, region);
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY, issuer, ISSUER_KIND_REGENT);
    (void)text_copy(codes, sizeof(codes), rig_codes(r));
    return codes;
}

TEST(r_043_wants_the_letter_of_the_regency_of_the_child) {
    ASSERT_STR(letter_from("dsk/3203", "3203"), "");
    ASSERT_STR(letter_from("dsk/3203", "3203052001"), "");
    ASSERT_STR(letter_from("dsk/3204", "3203"), "(R-043)");
    ASSERT_STR(letter_from("dsk/3277", "3203"), "(R-043)"); /* no participant, an agency by name */
    ASSERT_STR(letter_from("dsp/32", "3203"), "R-043");
    ASSERT_STR(letter_from("uptd/32/pa-02", "3203"), "R-043");
    ASSERT_STR(letter_from("dsk/99", "3203"), "R-043");
    ASSERT_STR(letter_from("dsk/3277/x", "3203"), "R-043");
    ASSERT_STR(letter_from("", "3203"), "R-043"); /* a regent is not his agency */

    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_upt(r); /* which needs none */
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY, "dsp/32", 0);
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_045_is_a_warning_until_the_child_is_placed) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(rig_codes(r), "(R-045)");
    (void)rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(rig_codes(r), "R-045");
    r->referral.referral.documents |= codes_of(DOCUMENT_TYPE_HEALTH_CERTIFICATE); /* by an M03 */
    ASSERT_STR(rig_codes(r), "");
}

static const char *certified_on(CivilDate certified, CivilDate placed, int64_t now_ms,
                                const char *region) {
    static char codes[64];
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    HandoverMinutesFacts *f = rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    f->documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE].issued_on = certified;
    f->handed_over_on = placed;
    (void)text_copy(r->message->env.region, REGION_SIZE, region);
    (void)text_copy(r->referral.region, REGION_SIZE, region);
    r->now_ms = now_ms;
    (void)text_copy(codes, sizeof(codes), rig_codes(r));
    return codes;
}

TEST(r_050_wants_a_certificate_of_the_last_fourteen_days) {
    const CivilDate none = { 0 };
    const int64_t at_1530_utc = RULES_NOW - 5 * MINUTE_MS + 12 * HOUR_MS + 30 * MINUTE_MS;
    ASSERT_STR(certified_on(DAY(2025, 2, 24), DAY(2025, 3, 10), RULES_NOW, "3203"), "");
    ASSERT_STR(certified_on(DAY(2025, 2, 23), DAY(2025, 3, 10), RULES_NOW, "3203"), "(R-050)");
    ASSERT_STR(certified_on(none, DAY(2025, 3, 10), RULES_NOW, "3203"), "");
    /* Without the day of the placement it is today, where the child is: 22:30 WIB, 00:30 WIT. */
    ASSERT_STR(certified_on(DAY(2025, 2, 24), none, at_1530_utc, "3203"), "");
    ASSERT_STR(certified_on(DAY(2025, 2, 24), none, at_1530_utc, "9471"), "(R-050)");
}

TEST(r_050_holds_for_units_of_the_ministry_and_for_no_family) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    HandoverMinutesFacts *f;
    lawful_to_upt(r);
    f = rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT);
    f->documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE].issued_on = DAY(2025, 1, 2);
    ASSERT_STR(rig_codes(r), "(R-050)");
    lawful_to_family(r);
    f = rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY);
    f->documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE].issued_on = DAY(2025, 1, 2);
    ASSERT_STR(rig_codes(r), "");
}

/* --- who ------------------------------------------------------------------------------------ */

static const char *to_home(const char *target) {
    static char codes[64];
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    rig_to(r, target);
    (void)text_copy(codes, sizeof(codes), rig_codes(r));
    return codes;
}

TEST(r_047_knows_who_may_run_a_home) {
    ASSERT_STR(to_home("uptd/32/pa-02"), "");
    ASSERT_STR(to_home("uptd/33/pa-01"), "(R-019)"); /* another province's */
    ASSERT_STR(to_home("uptd/3203/rumah"), "R-047");
    ASSERT_STR(to_home("lksa/3203/0011"), "");
    ASSERT_STR(to_home("lksa/3203/0008"), "");
    ASSERT_STR(to_home("lksa/3203/0017"), "R-047 R-048"); /* designated for outside */
    ASSERT_STR(to_home("lksa/3203/0018"), "R-047 R-048");
    ASSERT_STR(to_home("lks/3203/0042"), "R-047");
    ASSERT_STR(to_home("upt/phala-martha"), "R-047");
    ASSERT_STR(to_home("dsk/9999"), ""); /* unknown: has a reason of its own */
}

TEST(r_047_looks_at_the_one_the_role_resolved_to) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    r->message->env.audience =
        (Audience) { .form = AUDIENCE_ROLE, .role_kind = NODE_LKSA, .role_region = "3203" };
    r->n_to = 2;
    r->to[0].role = ROLE_SUPERVISOR;
    r->to[1].role = ROLE_ADDRESSEE;
    (void)text_copy(r->to[1].node, NODE_NAME_SIZE, "lks/3203/0042");
    RuleInput in = rig_input(r);
    ASSERT_EQ(rule_find("R-047")->check(&in), SEVERITY_REFUSE);
    (void)text_copy(r->to[1].node, NODE_NAME_SIZE, "lksa/3203/0011");
    ASSERT_EQ(rule_find("R-047")->check(&in), SEVERITY_NONE);
    r->n_to = 0;
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-047")->check(&in), SEVERITY_NONE);
}

/* The designation of lksa/3203/0011 ends with 2027. */
TEST(r_047_ends_with_the_designation) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_to_home(r);
    rig_to(r, "lksa/3203/0011");
    r->now_ms = civil_to_days(DAY(2028, 1, 1)) * DAY_MS - 7 * HOUR_MS - 1;
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-047")->check(&in), SEVERITY_NONE);
    in.now_ms++;
    ASSERT_EQ(rule_find("R-047")->check(&in), SEVERITY_REFUSE);
}

/* lksa/3203/0008 is accredited until 30 April 2025; at that many minutes after 1 May, 00:00 UTC. */
static Severity accredited(const char *region, int minutes) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_to_home(r);
    rig_to(r, "lksa/3203/0008");
    (void)text_copy(r->message->env.region, REGION_SIZE, region);
    r->now_ms = civil_to_days(DAY(2025, 5, 1)) * DAY_MS + minutes * MINUTE_MS;
    in = rig_input(r);
    return rule_find("R-048")->check(&in);
}

TEST(r_048_holds_through_the_last_day_where_the_child_is) {
    ASSERT_EQ(accredited("3203", -7 * 60 - 1), SEVERITY_NONE); /* 30 April, 23:59 WIB */
    ASSERT_EQ(accredited("3203", -7 * 60), SEVERITY_REFUSE);
    ASSERT_EQ(accredited("7371", -8 * 60 - 1), SEVERITY_NONE); /* WITA */
    ASSERT_EQ(accredited("7371", -8 * 60), SEVERITY_REFUSE);
    ASSERT_EQ(accredited("9471", -9 * 60 - 1), SEVERITY_NONE); /* WIT */
    ASSERT_EQ(accredited("9471", -9 * 60), SEVERITY_REFUSE);
}

TEST(r_048_stops_acceptances_and_no_placement) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    rig_to(r, "lksa/3203/0008");
    (void)rig_answer(r, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(rig_codes(r), "");
    r->now_ms += 60 * DAY_MS;
    ASSERT_STR(rig_codes(r), "R-048");
    r->message->facts.response.decision = REFERRAL_DECISION_WAITLISTED;
    ASSERT_STR(rig_codes(r), "");
    lawful_to_home(r);
    rig_to(r, "lksa/3203/0008");
    (void)rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    ASSERT_STR(rig_codes(r), ""); /* accepted when it was accredited */
}

static const char *served_by(const char *lksa, int referral_kind, int basis) {
    static char codes[64];
    _cleanup_(rig_freep) Rig *r = rig_new();
    if (referral_kind == REFERRAL_KIND_TO_FAMILY)
        lawful_to_family(r);
    else
        lawful_to_home(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, lksa);
    rig_request(r)->basis = (uint8_t)basis;
    (void)text_copy(codes, sizeof(codes), rig_codes(r));
    return codes;
}

TEST(r_049_ends_with_the_designation) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_to_home(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "lksa/3203/0011");
    r->now_ms = civil_to_days(DAY(2028, 1, 1)) * DAY_MS - 7 * HOUR_MS - 1;
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-049")->check(&in), SEVERITY_NONE);
    in.now_ms++;
    ASSERT_EQ(rule_find("R-049")->check(&in), SEVERITY_REFUSE);
}

TEST(r_049_is_about_lksa_that_serve_outside_homes) {
    const int family = REFERRAL_KIND_TO_FAMILY, home = REFERRAL_KIND_TO_SOCIAL_HOME;
    ASSERT_STR(served_by("lksa/3203/0017", home, 0), "");
    ASSERT_STR(served_by("lksa/3203/0017", home, REFERRAL_BASIS_FAMILY), "");
    ASSERT_STR(served_by("lksa/3203/0018", home, 0), "R-049");
    ASSERT_STR(served_by("lksa/3203/0018", family, REFERRAL_BASIS_FAMILY), "R-049");
    ASSERT_STR(served_by("lksa/3203/0008", family, 0), "R-049"); /* designated for in-home only */
    ASSERT_STR(served_by("lksa/3203/0008", family, REFERRAL_BASIS_PANTI), ""); /* its own child */
    ASSERT_STR(served_by("lksa/3203/0011", home, 0), "");                      /* both */
    ASSERT_STR(served_by("dsk/3203", home, 0), "");

    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_opening(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "lksa/3203/0018");
    ASSERT_STR(rig_codes(r), "");
    r->message->facts.opened.basis = REFERRAL_BASIS_OUTSIDE;
    r->message->facts.opened.outside_criteria =
        codes_of(OUTSIDE_HOME_CRITERION_A_NEEDS_UNMET_UNCARED) |
        codes_of(OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS);
    ASSERT_STR(rig_codes(r), "R-049");
}

/* --- criteria ------------------------------------------------------------------------------- */

TEST(r_022_wants_both_criteria_and_r_023_any) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    const Codes a = codes_of(OUTSIDE_HOME_CRITERION_A_NEEDS_UNMET_UNCARED),
                b = codes_of(OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS);
    ReferralRequestFacts *f = rig_request(r);
    lawful_to_home(r);
    f->basis = REFERRAL_BASIS_OUTSIDE;
    f->home_criteria = codes_of(IN_HOME_CRITERION_C_FAMILY_RISK);
    ASSERT_STR(rig_codes(r), "R-022");
    f->outside_criteria = a;
    ASSERT_STR(rig_codes(r), "R-022");
    f->outside_criteria = b;
    ASSERT_STR(rig_codes(r), "R-022");
    f->outside_criteria = a | b;
    ASSERT_STR(rig_codes(r), "");
    f->home_criteria |= codes_of(IN_HOME_CRITERION_A_NO_CARETAKER);
    ASSERT_STR(rig_codes(r), "(R-024)");
    f->home_criteria = 0;
    ASSERT_STR(rig_codes(r), "R-023");
}

TEST(r_022_is_about_children_and_an_opening_after_an_emergency_defers_it) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_opening(r);
    r->message->facts.opened.basis = REFERRAL_BASIS_OUTSIDE;
    r->message->env.cluster = CLUSTER_OTHER_PPKS;
    r->message->facts.opened.cluster = CLUSTER_OTHER_PPKS;
    ASSERT_STR(rig_codes(r), "");
    r->message->env.cluster = CLUSTER_CHILD;
    ASSERT_STR(rig_codes(r), "R-022");
    r->case_file.case_file.emergency = r->case_file.case_file.provisional = true;
    r->case_file.state = CASE_STAGE_2;
    r->known.case_file = &r->case_file;
    ASSERT_STR(rig_codes(r), "(R-022)");
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "uptd/32/pa-02");
    ASSERT_STR(rig_codes(r), "R-022"); /* not one who declares emergencies */
}

TEST_MAIN

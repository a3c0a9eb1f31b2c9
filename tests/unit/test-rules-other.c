/* SPDX-License-Identifier: Apache-2.0 */

/* Rules about referrals and cases of any kind, emergencies and staff (R-070 to
 * R-075), juvenile justice and drugs. */

#include "test.h"

#include <stdio.h>

#include "rules-fixture.h"

/* --- R-006 to R-010 ------------------------------------------------------------------------- */

TEST(r_008_knows_the_cluster_of_all_types) {
    static const int cluster_of[] = { 0, 1, 1, 1, 1, 1, 1, 1, 5, 2, 3, 3, 3, 3,
                                      3, 3, 3, 4, 3, 7, 3, 6, 6, 7, 7, 7, 7 };
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_finding(r);
    in = rig_input(r);
    for (int type = 1; type <= PPKS_TYPE_REMOTE_INDIGENOUS_COMMUNITY; type++)
        for (int cluster = CLUSTER_CHILD; cluster <= CLUSTER_OTHER_PPKS; cluster++) {
            bool fits = cluster == cluster_of[type] ||
                        (type == PPKS_TYPE_CHILD_WITH_DISABILITY && cluster == CLUSTER_DISABILITY);
            r->message->env.cluster = cluster;
            r->message->facts.finding.ppks_types = codes_of(type);
            ASSERT_EQ(rule_find("R-008")->check(&in), fits ? SEVERITY_NONE : SEVERITY_WARN);
        }
    r->message->facts.finding.ppks_types = codes_of(27); /* newer than this broker */
    ASSERT_EQ(rule_find("R-008")->check(&in), SEVERITY_NONE);
    r->message->facts.finding.ppks_types = codes_of(PPKS_TYPE_POOR);
    r->message->env.cluster = 8;
    ASSERT_EQ(rule_find("R-008")->check(&in), SEVERITY_NONE);
}

static const char *with_dates(CivilDate asked, CivilDate outside, CivilDate home,
                              const char *region, int64_t now_ms) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_request(r);
    rig_request(r)->requested_on = asked;
    rig_request(r)->outside_service_started_on = outside;
    rig_request(r)->home_service_started_on = home;
    (void)text_copy(r->message->env.region, REGION_SIZE, region);
    r->now_ms = now_ms;
    in = rig_input(r);
    return rule_find("R-010")->check(&in) == SEVERITY_REFUSE ? "R-010" : "";
}

TEST(r_010_refuses_the_future_and_a_service_after_its_request) {
    const CivilDate none = { 0 }, day9 = DAY(2025, 3, 9), day10 = DAY(2025, 3, 10),
                    day11 = DAY(2025, 3, 11), no_day = DAY(2025, 2, 30);
    ASSERT_STR(with_dates(none, none, none, "3203", RULES_NOW), "");
    ASSERT_STR(with_dates(day10, day10, day10, "3203", RULES_NOW), "");
    ASSERT_STR(with_dates(day11, none, none, "3203", RULES_NOW), "R-010");
    ASSERT_STR(with_dates(none, day11, none, "3203", RULES_NOW), "R-010");
    ASSERT_STR(with_dates(none, none, day11, "3203", RULES_NOW), "R-010");
    ASSERT_STR(with_dates(day9, day10, none, "3203", RULES_NOW), "R-010");
    ASSERT_STR(with_dates(day9, none, day10, "3203", RULES_NOW), "R-010");
    ASSERT_STR(with_dates(day9, day9, day9, "3203", RULES_NOW), "");
    ASSERT_STR(with_dates(no_day, none, none, "3203", RULES_NOW), "R-010");
    ASSERT_STR(with_dates(none, no_day, none, "3203", RULES_NOW), "R-010");
}

TEST(r_010_counts_days_in_the_zone_of_the_region) {
    const CivilDate none = { 0 }, day11 = DAY(2025, 3, 11);
    int64_t at_1530_utc = RULES_NOW - 5 * MINUTE_MS + 12 * HOUR_MS + 30 * MINUTE_MS;
    ASSERT_STR(with_dates(day11, none, none, "9471", at_1530_utc), "");      /* 00:30 WIT */
    ASSERT_STR(with_dates(day11, none, none, "7371", at_1530_utc), "R-010"); /* 23:30 WITA */
    ASSERT_STR(with_dates(day11, none, none, "7371", at_1530_utc + 30 * MINUTE_MS), "");
    ASSERT_STR(with_dates(day11, none, none, "3203", at_1530_utc + 89 * MINUTE_MS), "R-010");
    ASSERT_STR(with_dates(day11, none, none, "3203", at_1530_utc + 90 * MINUTE_MS), "");
}

/* --- R-011 to R-019 ------------------------------------------------------------------------- */

TEST(r_011_asks_the_target_when_it_is_asked_when_it_accepts_and_when_it_is_named) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_request(r);
    rig_to(r, "dsk/3299"); /* inactive */
    ASSERT_STR(rig_codes(r), "R-011");
    lawful_to_upt(r);
    rig_to(r, "upt/abiyoso");
    (void)rig_answer(r, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(rig_codes(r), "R-011");
    r->message->facts.response.decision = REFERRAL_DECISION_DECLINED;
    ASSERT_STR(rig_codes(r), "");
    lawful_to_upt(r);
    ReferralResponseFacts *f = rig_answer(r, REFERRAL_DECISION_REDIRECTED);
    (void)text_copy(f->redirect_to, NODE_NAME_SIZE, "upt/satria");
    ASSERT_STR(rig_codes(r), "");
    (void)text_copy(f->redirect_to, NODE_NAME_SIZE, "upt/abiyoso");
    ASSERT_STR(rig_codes(r), "R-011");
    r->known.referral = NULL;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_012_speaks_of_who_tells_its_clusters) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_drugs(r);
    ASSERT_STR(rig_codes(r), ""); /* tells none */
    lawful_elderly(r);
    rig_to(r, "upt/satria"); /* drugs */
    ASSERT_STR(rig_codes(r), "(R-012)");
    lawful_elderly(r);
    rig_to(r, "upt/phala-martha"); /* all */
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_013_is_satisfied_by_family_or_community_and_silent_in_an_emergency) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    ReferralRequestFacts *f = rig_request(r);
    lawful_elderly(r);
    f->approach = APPROACH_RESIDENTIAL;
    ASSERT_STR(rig_codes(r), "(R-013)");
    f->earlier_approaches = codes_of(APPROACH_RESIDENTIAL);
    ASSERT_STR(rig_codes(r), "(R-013)");
    f->earlier_approaches = codes_of(APPROACH_COMMUNITY);
    ASSERT_STR(rig_codes(r), "");
    f->earlier_approaches = 0;
    f->emergency = true;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_014_refuses_the_same_target_and_warns_of_others) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    r->known.n_open = 2;
    (void)text_copy(r->known.open_targets[0], NODE_NAME_SIZE, "upt/satria");
    (void)text_copy(r->known.open_targets[1], NODE_NAME_SIZE, "dsp/32");
    ASSERT_STR(rig_codes(r), "(R-014)");
    (void)text_copy(r->known.open_targets[1], NODE_NAME_SIZE, "uptd/32/pa-02");
    ASSERT_STR(rig_codes(r), "R-014");
}

TEST(r_015_is_about_people_who_are_no_children) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    ReferralRequestFacts *f = rig_request(r);
    lawful_elderly(r);
    f->assessor = (Staff) { 0 };
    ASSERT_STR(rig_codes(r), "");
    f->assessor = (Staff) { .present = true, .role = HR_ROLE_SOCIAL_VOLUNTEER };
    ASSERT_STR(rig_codes(r), "(R-015)");
    f->assessor = social_worker();
    rig_without(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    ASSERT_STR(rig_codes(r), "(R-015)");
    lawful_juvenile(r); /* a child */
    rig_without(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    ASSERT_STR(rig_codes(r), "");
}

static const char *declined(void (*request)(Rig *), int decision, int reason, Codes missing) {
    static char codes[64];
    _cleanup_(rig_freep) Rig *r = rig_new();
    request(r);
    ReferralResponseFacts *f = rig_answer(r, decision);
    f->decline_reason = (uint8_t)reason;
    f->missing = missing;
    (void)text_copy(codes, sizeof(codes), rig_codes(r));
    return codes;
}

TEST(r_016_refuses_a_refusal_for_papers_the_law_does_not_demand) {
    const int no = REFERRAL_DECISION_DECLINED, ask = REFERRAL_DECISION_NEEDS_DOCUMENTS,
              papers = DECLINE_REASON_INCOMPLETE_DOCUMENTS;
    const Codes other = codes_of(DOCUMENT_TYPE_OTHER),
                letter = codes_of(DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY),
                decision = codes_of(DOCUMENT_TYPE_COURT_OR_DIVERSION_DECISION);
    ASSERT_STR(declined(lawful_to_home, no, papers, other), "R-016");
    ASSERT_STR(declined(lawful_to_home, no, papers, 0), "R-016");
    ASSERT_STR(declined(lawful_to_home, no, papers, letter | other), "");
    ASSERT_STR(declined(lawful_to_home, no, papers, decision), "R-016");
    ASSERT_STR(declined(lawful_juvenile, no, papers, decision), "");
    ASSERT_STR(declined(lawful_to_upt, no, papers, letter), "R-016"); /* RF-2's, not RF-3's */
    ASSERT_STR(declined(lawful_elderly, no, papers, other), "R-016");
    ASSERT_STR(declined(lawful_to_home, no, DECLINE_REASON_NO_CAPACITY, other), "");
    ASSERT_STR(declined(lawful_to_home, ask, 0, other), "(R-016)");
    ASSERT_STR(declined(lawful_to_home, ask, 0, letter), "");
    ASSERT_STR(declined(lawful_to_home, ask, 0, 0), ""); /* the machine's own guard */
}

TEST(a_request_without_identity_papers_is_as_good_as_any) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_elderly(r); /* holds no identity at all: the facts have no room for one */
    rig_request(r)->dtks_status = DTKS_STATUS_NOT_LISTED;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_017_lets_the_target_answer_while_it_is_open) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Envelope *e = &r->message->env;
    lawful_to_home(r);
    rig_to(r, "dsk/3203");
    (void)rig_answer(r, REFERRAL_DECISION_RECEIVED);
    ASSERT_STR(rig_codes(r), "");
    (void)text_copy(e->sender, NODE_NAME_SIZE, "slrt/3203"); /* speaks for it */
    ASSERT_STR(rig_codes(r), "");
    (void)text_copy(e->sender, NODE_NAME_SIZE, "dsp/32");
    ASSERT_STR(rig_codes(r), "R-017");
    r->referral.state = REFERRAL_SUPERIOR_DECIDES;
    ASSERT_STR(rig_codes(r), "R-017");
    (void)text_copy(r->referral.owes, NODE_NAME_SIZE, "dsp/32"); /* the common superior */
    ASSERT_STR(rig_codes(r), "");
    r->referral.state = REFERRAL_NONE; /* not opened here */
    ASSERT_STR(rig_codes(r), "");
    r->known.referral = NULL;
    ASSERT_STR(rig_codes(r), "");
}

/* Where the referral it continues is not known, the superior's word is taken for asked. */
TEST(r_017_lets_the_common_superior_decide_what_came_from_elsewhere) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    rig_to(r, "dsk/3203");
    (void)text_copy(rig_answer(r, REFERRAL_DECISION_REDIRECTED)->redirect_to, NODE_NAME_SIZE,
                    "lksa/3203/0011");
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "dsp/32");
    (void)text_copy(r->referral.referral.requester, NODE_NAME_SIZE, "dsk/3203");
    ASSERT_STR(rig_codes(r), "R-017");
    r->referral.referral.chain_unknown = true;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_018_says_nothing_of_an_age_that_is_not_told) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_elderly(r);
    rig_request(r)->age_band = AGE_BAND_AGE_18_59;
    ASSERT_STR(rig_codes(r), "(R-018)");
    rig_request(r)->age_band = AGE_BAND_UNSPECIFIED;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_020_allows_the_unborn_and_the_kinds_that_are_not_for_children) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_home(r);
    rig_request(r)->age_band = AGE_BAND_UNBORN;
    ASSERT_STR(rig_codes(r), "");
    rig_request(r)->age_band = AGE_BAND_AGE_60_PLUS;
    ASSERT_STR(rig_codes(r), "R-020");
    lawful_emergency(r);
    rig_request(r)->age_band = AGE_BAND_AGE_18_59;
    ASSERT_STR(rig_codes(r), "R-020");
    rig_request(r)->child_criteria = 0;
    ASSERT_STR(rig_codes(r), "R-020 R-021");
    lawful_to_family(r);
    rig_request(r)->age_band = AGE_BAND_AGE_18_59;
    rig_request(r)->child_criteria = 0;
    ASSERT_STR(rig_codes(r), "R-020 R-021");
    lawful_drugs(r);
    ASSERT_STR(rig_codes(r), "");
}

/* --- R-070 to R-075 ------------------------------------------------------------------------- */

TEST(r_070_is_about_rf_2_to_rf_4_and_who_declares) {
    static const struct {
        int kind;
        const char *sender;
        Severity severity;
    } cases[] = {
        { REFERRAL_KIND_TO_FAMILY, "lks/3203/0042", SEVERITY_NONE },
        { REFERRAL_KIND_TO_SOCIAL_HOME, "lks/3203/0042", SEVERITY_REFUSE },
        { REFERRAL_KIND_TO_NATIONAL_UPT, "uptd/32/pa-02", SEVERITY_REFUSE },
        { REFERRAL_KIND_EMERGENCY, "upt/phala-martha", SEVERITY_REFUSE },
        { REFERRAL_KIND_EMERGENCY, "dsp/32", SEVERITY_REFUSE },
        { REFERRAL_KIND_EMERGENCY, "dsk/0000", SEVERITY_REFUSE }, /* unknown */
        { REFERRAL_KIND_EMERGENCY, "dsk/3203", SEVERITY_NONE },
        { REFERRAL_KIND_EMERGENCY, "pks/3203052001", SEVERITY_NONE },
        { REFERRAL_KIND_EMERGENCY, "slrt/3203", SEVERITY_NONE },
        { REFERRAL_KIND_ELDERLY_PROPOSAL, "lks/3203/0042", SEVERITY_NONE },
    };
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_emergency(r);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        rig_request(r)->referral_kind = (uint8_t)cases[i].kind;
        (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, cases[i].sender);
        RuleInput in = rig_input(r);
        ASSERT_EQ(rule_find("R-070")->check(&in), cases[i].severity);
    }
}

TEST(r_073_allows_food_through_the_seventh_day) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    CaseResponseFacts *f = &r->message->facts.case_response;
    lawful_response(r);
    f->food_since = DAY(2025, 3, 4); /* day 6 */
    ASSERT_STR(rig_codes(r), "");
    f->food_since = DAY(2025, 3, 3); /* day 7 */
    ASSERT_STR(rig_codes(r), "");
    f->food_since = DAY(2025, 3, 2); /* day 8 */
    ASSERT_STR(rig_codes(r), "(R-073)");
    f->responded_ms -= DAY_MS;
    ASSERT_STR(rig_codes(r), "");
    f->responded_ms = 0; /* then it is today */
    ASSERT_STR(rig_codes(r), "(R-073)");
}

TEST(r_073_counts_the_day_where_the_food_is_given) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    RuleInput in;
    lawful_response(r); /* day 7 in WIB */
    r->message->facts.case_response.responded_ms += 12 * HOUR_MS + 25 * MINUTE_MS; /* 15:30 UTC */
    in = rig_input(r);
    ASSERT_EQ(rule_find("R-073")->check(&in), SEVERITY_NONE);
    (void)text_copy(r->message->env.region, REGION_SIZE, "9471"); /* 00:30 of day 8 */
    ASSERT_EQ(rule_find("R-073")->check(&in), SEVERITY_WARN);
}

TEST(r_073_remembers_the_first_day_of_the_case) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    CaseResponseFacts *f = &r->message->facts.case_response;
    lawful_response(r);
    f->food_since = (CivilDate) { 0 };
    ASSERT_STR(rig_codes(r), "");
    r->known.case_file = &r->case_file;
    r->case_file.case_file.emergency = true;
    r->case_file.case_file.food_since = DAY(2025, 3, 2);
    ASSERT_STR(rig_codes(r), "(R-073)");
    f->given_needs = codes_of(OUTSIDE_HOME_NEED_CLOTHING); /* no food any more */
    ASSERT_STR(rig_codes(r), "");
    f->food_since = DAY(2025, 3, 2);
    r->case_file.case_file.in_home = true; /* a home feeds for as long as it takes */
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_074_is_about_assessments_outside_homes) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_family(r);
    rig_without(r, DOCUMENT_TYPE_ASSIGNMENT_LETTER);
    ASSERT_STR(rig_codes(r), "(R-074)");
    rig_without(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    ASSERT_STR(rig_codes(r), "(R-074)"); /* an assessor is named */
    rig_request(r)->assessor = (Staff) { 0 };
    ASSERT_STR(rig_codes(r), ""); /* nobody assessed */
    lawful_to_upt_from_family(r);
    ASSERT_STR(rig_codes(r), "");
    rig_request(r)->basis = REFERRAL_BASIS_OUTSIDE;
    rig_request(r)->outside_criteria = codes_of(OUTSIDE_HOME_CRITERION_A_NEEDS_UNMET_UNCARED) |
                                       codes_of(OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS);
    ASSERT_STR(rig_codes(r), "(R-074)");
}

TEST(r_075_wants_both_professions_and_a_volunteer) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    NodeRecordFacts *f = &r->message->facts.node;
    lawful_record(r, "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY);
    ASSERT_STR(rig_codes(r), "");
    f->welfare_workers = 0;
    ASSERT_STR(rig_codes(r), "(R-075)");
    f->inactive = true;
    ASSERT_STR(rig_codes(r), "");
    lawful_record(r, "lksa/3203/0017", NODE_LKSA);
    f->volunteers = 0; /* wanted of a puskesos only */
    ASSERT_STR(rig_codes(r), "");
    f->social_workers = f->welfare_workers = 0;
    f->staff_told = false;
    ASSERT_STR(rig_codes(r), "(R-075)");
    lawful_record(r, "pks/3203052001", NODE_PUSKESOS);
    f->social_workers = f->welfare_workers = 0;
    ASSERT_STR(rig_codes(r), "");
    f->volunteers = 0;
    ASSERT_STR(rig_codes(r), "(R-075)");
    lawful_record(r, "dsp/32", NODE_SOCIAL_AGENCY_PROVINCE);
    f->social_workers = 0;
    ASSERT_STR(rig_codes(r), "");
}

/* --- what other referrals of the case tell (R-014, R-060) ----------------------------------- */

TEST(a_referral_that_is_placed_is_no_duplicate_but_tells_of_the_home) {
    Item other = { .kind = ITEM_REFERRAL, .state = REFERRAL_DELIVERED };
    other.referral.referral_kind = REFERRAL_KIND_TO_SOCIAL_HOME;
    (void)text_copy(other.referral.target, NODE_NAME_SIZE, "uptd/32/pa-02");
    Known k = { 0 };
    known_note_referral(&k, &other, "upt/phala-martha");
    ASSERT_EQ(k.n_open, 1U);
    ASSERT_STR(k.open_targets[0], "uptd/32/pa-02");
    ASSERT_TRUE(!k.in_home);
    k = (Known) { 0 };
    other.state = REFERRAL_PLACED_PROVISIONAL;
    known_note_referral(&k, &other, "upt/phala-martha");
    ASSERT_EQ(k.n_open, 1U);
    ASSERT_TRUE(k.in_home);
    k = (Known) { 0 };
    other.state = REFERRAL_PLACED;
    known_note_referral(&k, &other, "upt/phala-martha");
    ASSERT_EQ(k.n_open, 0U);
    ASSERT_TRUE(k.in_home);
    known_note_referral(&k, &other, "uptd/32/pa-02");
    ASSERT_EQ(k.n_open, 1U);
}

TEST(a_transfer_is_no_referral_beside_the_case) {
    Item other = { .kind = ITEM_REFERRAL, .state = REFERRAL_DELIVERED };
    other.referral.transfer = true;
    (void)text_copy(other.referral.target, NODE_NAME_SIZE, "upt/satria");
    Known k = { 0 };
    known_note_referral(&k, &other, "lks/3212/0005");
    ASSERT_EQ(k.n_open, 0U);
}

TEST(r_060_knows_a_home_by_a_referral_too) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_to_upt_from_family(r);
    r->known.in_home = true;
    ASSERT_STR(rig_codes(r), "R-060");
    lawful_to_upt(r);
    ASSERT_STR(rig_codes(r), "");
}

/* --- R-080 to R-082 ------------------------------------------------------------------------- */

TEST(r_081_is_about_offenders_of_13_to_17) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_juvenile(r);
    rig_without(r, DOCUMENT_TYPE_COURT_OR_DIVERSION_DECISION);
    ASSERT_STR(rig_codes(r), "(R-081)");
    rig_request(r)->law_role = LAW_ROLE_VICTIM;
    ASSERT_STR(rig_codes(r), "");
    rig_request(r)->law_role = LAW_ROLE_OFFENDER;
    rig_request(r)->age_band = AGE_BAND_AGE_0_12;
    ASSERT_STR(rig_codes(r), "");
}

TEST(r_080_and_r_082_ask_what_the_target_is) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    lawful_juvenile(r);
    rig_to(r, "lks/3203/ipwl");
    ASSERT_STR(rig_codes(r), "R-080");
    lawful_drugs(r);
    rig_to(r, "lks/3203/lpks");
    ASSERT_STR(rig_codes(r), "R-082");
}

TEST_MAIN

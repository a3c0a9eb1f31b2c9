/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Probes of: one change each to a lawful message. */

#include "rules-fixture.h"

#define PROBE(name) static inline void name(Rig *r)

/* --- common ----------------------------------------------------------------------------------- */

PROBE(break_001) {
    lawful_to_home(r);
    r->message->env.audience.form = AUDIENCE_ROLE;
    (void)text_copy(r->message->env.audience.role_region, REGION_SIZE, "9903");
}
PROBE(break_002) {
    lawful_elderly(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "cc/171");
}
PROBE(break_003) {
    lawful_request(r);
    (void)text_copy(r->message->env.region, REGION_SIZE, "3204");
}
PROBE(break_003_upt) {
    lawful_request(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "upt/satria");
}
PROBE(break_004) {
    lawful_request(r);
    (void)text_copy(r->message->facts.personal_field, 64, "documents.locator");
}
PROBE(break_005) {
    lawful_request(r);
    r->message->env.cluster = CLUSTER_ANY;
}
PROBE(break_006) {
    lawful_request(r);
    rig_request(r)->criteria = 0;
}
PROBE(break_006_opening) {
    lawful_opening(r);
    r->message->facts.opened.criteria = 0;
}
PROBE(break_006_finding) {
    lawful_finding(r);
    r->message->facts.finding.criteria = 0;
}
PROBE(break_007) {
    lawful_request(r);
    rig_request(r)->target_unit = 0;
}
PROBE(break_007_opening) {
    lawful_opening(r);
    r->message->facts.opened.target_unit = 0;
}
PROBE(break_008) {
    lawful_request(r);
    rig_request(r)->ppks_types |= codes_of(PPKS_TYPE_BEGGAR);
}
PROBE(break_008_finding) {
    lawful_finding(r);
    r->message->facts.finding.ppks_types = codes_of(PPKS_TYPE_POOR);
}
PROBE(break_009) {
    lawful_opening(r);
    r->message->facts.opened.access_source = 0;
}
PROBE(break_009_origin) {
    lawful_opening(r);
    r->message->facts.opened.origin_id = (Uuid) { 0 };
}
PROBE(break_010) {
    lawful_request(r);
    rig_request(r)->requested_on = DAY(2025, 3, 11);
}
PROBE(break_011) {
    lawful_to_upt(r);
    rig_to(r, "upt/abiyoso");
}
PROBE(break_012) {
    lawful_elderly(r);
    rig_to(r, "upt/satria");
}
PROBE(break_013) {
    lawful_elderly(r);
    rig_request(r)->approach = APPROACH_RESIDENTIAL;
}
PROBE(break_014) {
    lawful_to_home(r);
    r->known.n_open = 1;
    (void)text_copy(r->known.open_targets[0], NODE_NAME_SIZE, "uptd/32/pa-02");
}
PROBE(break_014_other) {
    lawful_to_home(r);
    r->known.n_open = 1;
    (void)text_copy(r->known.open_targets[0], NODE_NAME_SIZE, "uptd/33/pa-01");
}
PROBE(break_015) {
    lawful_elderly(r);
    rig_without(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
}
PROBE(break_016) {
    lawful_to_home(r);
    ReferralResponseFacts *f = rig_answer(r, REFERRAL_DECISION_DECLINED);
    f->decline_reason = DECLINE_REASON_INCOMPLETE_DOCUMENTS;
    f->missing = codes_of(DOCUMENT_TYPE_OTHER);
}
PROBE(break_016_asked) {
    lawful_to_home(r);
    rig_answer(r, REFERRAL_DECISION_NEEDS_DOCUMENTS)->missing = codes_of(DOCUMENT_TYPE_OTHER);
}
PROBE(break_017) {
    lawful_to_home(r);
    rig_answer(r, REFERRAL_DECISION_RECEIVED);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "dsp/32");
}
PROBE(break_017_final) {
    lawful_to_home(r);
    rig_answer(r, REFERRAL_DECISION_ACCEPTED);
    r->referral.state = REFERRAL_DECLINED;
    r->referral.final = true;
}
PROBE(break_018) {
    lawful_elderly(r);
    rig_request(r)->age_band = AGE_BAND_AGE_18_59;
}
PROBE(break_019) {
    lawful_to_home(r);
    rig_to(r, "uptd/33/pa-01");
}
PROBE(break_020) {
    lawful_to_home(r);
    rig_request(r)->age_band = AGE_BAND_AGE_18_59;
}
PROBE(break_021) {
    lawful_to_home(r);
    rig_request(r)->child_criteria = 0;
}
PROBE(break_022) {
    lawful_to_family(r);
    rig_request(r)->basis = REFERRAL_BASIS_OUTSIDE;
    rig_request(r)->outside_criteria = codes_of(OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS);
}
PROBE(break_022_opening) {
    lawful_opening(r);
    r->message->facts.opened.basis = REFERRAL_BASIS_OUTSIDE;
    r->message->facts.opened.outside_criteria =
        codes_of(OUTSIDE_HOME_CRITERION_A_NEEDS_UNMET_UNCARED);
}
PROBE(break_023) {
    lawful_to_home(r);
    rig_request(r)->home_criteria = 0;
}
PROBE(break_024) {
    lawful_to_home(r);
    rig_request(r)->outside_criteria = codes_of(OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS);
}

/* --- family ----------------------------------------------------------------------------------- */

PROBE(break_030) {
    lawful_to_family(r);
    rig_request(r)->reunified = false;
}
PROBE(break_031) {
    lawful_to_family(r);
    rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
}
PROBE(break_032) {
    lawful_to_family(r);
    rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY)->follow_up_plan = false;
}
PROBE(break_032_worker) {
    lawful_to_family(r);
    rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY)->worker.role =
        HR_ROLE_SOCIAL_WELFARE_WORKER;
}

/* --- home ------------------------------------------------------------------------------------- */

PROBE(break_040) {
    lawful_to_home(r);
    rig_request(r)->outside_service_started_on = DAY(2025, 3, 4);
}
PROBE(break_041) {
    lawful_to_home(r);
    rig_request(r)->reunified = true;
}
PROBE(break_042) {
    lawful_to_home(r);
    rig_without(r, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY);
}
PROBE(break_043) {
    lawful_to_home(r);
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY, "dsp/32", 0);
}
PROBE(break_043_other) {
    lawful_to_home(r);
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY, "dsk/3204", 0);
}
PROBE(break_044) {
    lawful_to_home(r);
    rig_without(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
}
PROBE(break_045) {
    lawful_to_home(r);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
}
PROBE(break_045_placement) {
    break_045(r);
    rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
}
PROBE(break_046) {
    lawful_to_home(r);
    rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT);
}
PROBE(break_047) {
    lawful_to_home(r);
    rig_to(r, "uptd/3203/rumah");
}
PROBE(break_047_redirect) {
    lawful_to_home(r);
    (void)text_copy(rig_answer(r, REFERRAL_DECISION_REDIRECTED)->redirect_to, NODE_NAME_SIZE,
                    "uptd/3203/rumah");
}
PROBE(break_048_redirect) {
    lawful_to_home(r);
    (void)text_copy(rig_answer(r, REFERRAL_DECISION_REDIRECTED)->redirect_to, NODE_NAME_SIZE,
                    "lksa/3203/0008");
    r->now_ms += 60 * DAY_MS;
}
PROBE(break_068_redirect) {
    lawful_to_upt(r);
    (void)text_copy(rig_answer(r, REFERRAL_DECISION_REDIRECTED)->redirect_to, NODE_NAME_SIZE,
                    "uptd/32/pa-02");
}
PROBE(break_048) {
    lawful_to_home(r);
    rig_to(r, "lksa/3203/0008");
    rig_answer(r, REFERRAL_DECISION_ACCEPTED);
    r->now_ms += 60 * DAY_MS; /* 9 May: grade C held until 30 April */
}
PROBE(break_049) {
    lawful_to_home(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "lksa/3203/0018");
}
PROBE(break_049_opening) {
    lawful_opening(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "lksa/3203/0008");
    r->message->facts.opened.basis = REFERRAL_BASIS_FAMILY;
}
PROBE(break_050) {
    lawful_to_home(r);
    HandoverMinutesFacts *f = rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    f->documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE].issued_on = DAY(2025, 2, 23);
}

/* --- UPT -------------------------------------------------------------------------------------- */

PROBE(break_060) {
    lawful_to_upt(r);
    rig_request(r)->home_service_started_on = DAY(2024, 12, 11);
}
PROBE(break_060_placed) {
    lawful_to_upt_from_family(r);
    r->case_file.case_file.in_home = true;
    r->known.case_file = &r->case_file;
}
PROBE(break_061) {
    lawful_to_upt(r);
    rig_request(r)->advanced_criteria = 0;
}
PROBE(break_062) {
    lawful_to_upt(r);
    rig_without(r, DOCUMENT_TYPE_APPLICATION_LETTER_PROVINCE);
}
PROBE(break_062_issuer) {
    lawful_to_upt(r);
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_PROVINCE, "dsk/3203", 0);
}
PROBE(break_063) {
    lawful_to_upt(r);
    rig_without(r, DOCUMENT_TYPE_CONSENT_LETTER);
}
PROBE(break_064) {
    lawful_to_upt(r);
    rig_request(r)->consent_giver = 0;
}
PROBE(break_065) {
    lawful_to_upt(r);
    rig_without(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
}
PROBE(break_066) {
    lawful_to_upt(r);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
}
PROBE(break_066_placement) {
    break_066(r);
    rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT);
    rig_without(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
}
PROBE(break_067) {
    lawful_to_upt(r);
    rig_handover(r, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
}
PROBE(break_068) {
    lawful_to_upt(r);
    rig_to(r, "uptd/32/pa-02");
}
PROBE(break_069) {
    lawful_to_upt_from_family(r);
    rig_request(r)->assessor.role = HR_ROLE_SOCIAL_VOLUNTEER;
}
PROBE(break_069_family) {
    lawful_to_upt_from_family(r);
    rig_request(r)->advanced_criteria |= codes_of(ADVANCED_REHAB_CRITERION_A_SERVED_IN_FAMILY);
}

/* --- emergency, staff, special -------------------------------------------------------------- */

PROBE(break_070) {
    lawful_emergency(r);
    (void)text_copy(r->message->env.sender, NODE_NAME_SIZE, "lksa/3203/0017");
}
PROBE(break_073) {
    lawful_response(r);
    r->message->facts.case_response.food_since = DAY(2025, 3, 2);
}
PROBE(break_074) {
    lawful_to_home(r);
    rig_without(r, DOCUMENT_TYPE_ASSIGNMENT_LETTER);
}
PROBE(break_075) {
    lawful_record(r, "uptd/32/pa-02", NODE_UPTD);
    r->message->facts.node.social_workers = 0;
}
PROBE(break_075_no_kind) {
    lawful_record(r, "uptd/32/pa-02", NODE_UNSPECIFIED);
    r->message->facts.node.welfare_workers = 0;
}
PROBE(break_075_puskesos) {
    lawful_record(r, "pks/3203052001", NODE_PUSKESOS);
    r->message->facts.node.volunteers = 0;
}
PROBE(break_080) {
    lawful_juvenile(r);
    rig_request(r)->law_role = 0;
}
PROBE(break_080_target) {
    lawful_juvenile(r);
    rig_to(r, "lks/3203/0042");
}
PROBE(break_081) {
    lawful_juvenile(r);
    rig_without(r, DOCUMENT_TYPE_COURT_OR_DIVERSION_DECISION);
}
PROBE(break_082) {
    lawful_drugs(r);
    rig_to(r, "lks/3203/0042");
}

#define REFUSES SEVERITY_REFUSE
#define WARNS   SEVERITY_WARN

static const Probe probes_to_082[] = {
    { "R-001", REFUSES, break_001 },
    { "R-002", REFUSES, break_002 },
    { "R-003", REFUSES, break_003 },
    { "R-003", WARNS, break_003_upt },
    { "R-004", REFUSES, break_004 },
    { "R-005", REFUSES, break_005 },
    { "R-006", REFUSES, break_006 },
    { "R-006", REFUSES, break_006_opening },
    { "R-006", WARNS, break_006_finding },
    { "R-007", REFUSES, break_007 },
    { "R-007", REFUSES, break_007_opening },
    { "R-008", WARNS, break_008 },
    { "R-008", WARNS, break_008_finding },
    { "R-009", REFUSES, break_009 },
    { "R-009", REFUSES, break_009_origin },
    { "R-010", REFUSES, break_010 },
    { "R-011", REFUSES, break_011 },
    { "R-012", WARNS, break_012 },
    { "R-013", WARNS, break_013 },
    { "R-014", REFUSES, break_014 },
    { "R-014", WARNS, break_014_other },
    { "R-015", WARNS, break_015 },
    { "R-016", REFUSES, break_016 },
    { "R-016", WARNS, break_016_asked },
    { "R-017", REFUSES, break_017 },
    { "R-017", REFUSES, break_017_final },
    { "R-018", WARNS, break_018 },
    { "R-019", WARNS, break_019 },
    { "R-020", REFUSES, break_020 },
    { "R-021", REFUSES, break_021 },
    { "R-022", REFUSES, break_022 },
    { "R-022", REFUSES, break_022_opening },
    { "R-023", REFUSES, break_023 },
    { "R-024", WARNS, break_024 },
    { "R-030", REFUSES, break_030 },
    { "R-031", REFUSES, break_031 },
    { "R-032", REFUSES, break_032 },
    { "R-032", REFUSES, break_032_worker },
    { "R-040", REFUSES, break_040 },
    { "R-041", REFUSES, break_041 },
    { "R-042", REFUSES, break_042 },
    { "R-043", REFUSES, break_043 },
    { "R-043", WARNS, break_043_other },
    { "R-044", REFUSES, break_044 },
    { "R-045", WARNS, break_045 },
    { "R-045", REFUSES, break_045_placement },
    { "R-046", REFUSES, break_046 },
    { "R-047", REFUSES, break_047 },
    { "R-047", REFUSES, break_047_redirect },
    { "R-048", REFUSES, break_048_redirect },
    { "R-068", REFUSES, break_068_redirect },
    { "R-048", REFUSES, break_048 },
    { "R-049", REFUSES, break_049 },
    { "R-049", REFUSES, break_049_opening },
    { "R-050", WARNS, break_050 },
    { "R-060", REFUSES, break_060 },
    { "R-060", REFUSES, break_060_placed },
    { "R-061", REFUSES, break_061 },
    { "R-062", REFUSES, break_062 },
    { "R-062", REFUSES, break_062_issuer },
    { "R-063", REFUSES, break_063 },
    { "R-064", REFUSES, break_064 },
    { "R-065", REFUSES, break_065 },
    { "R-066", WARNS, break_066 },
    { "R-066", REFUSES, break_066_placement },
    { "R-067", REFUSES, break_067 },
    { "R-068", REFUSES, break_068 },
    { "R-069", REFUSES, break_069 },
    { "R-069", WARNS, break_069_family },
    { "R-070", REFUSES, break_070 },
    { "R-073", WARNS, break_073 },
    { "R-074", WARNS, break_074 },
    { "R-075", WARNS, break_075 },
    { "R-075", WARNS, break_075_no_kind },
    { "R-075", WARNS, break_075_puskesos },
    { "R-080", REFUSES, break_080 },
    { "R-080", REFUSES, break_080_target },
    { "R-081", WARNS, break_081 },
    { "R-082", REFUSES, break_082 },
};

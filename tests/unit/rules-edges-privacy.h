/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Edges of: sensitivity, legal basis, no broadcast of a case. */

#include "rules-edges.h"

/* --- sensitivity and the sealed part --- */

EDGE(elderly, a_sound_proposal_of_an_elderly_breaks_no_rule, "") {
}
EDGE(opened, r_160_wants_specific_for_a_child, "R-160") {
    r->message->env.sensitivity = SENSITIVITY_PERSONAL;
}
EDGE(elderly, r_160_wants_specific_for_a_minor_of_any_cluster, "(R-018) R-160") {
    r->message->facts.request.age_band = AGE_BAND_AGE_13_17;
}
EDGE(elderly, r_160_wants_specific_with_a_health_certificate, "R-160") {
    r->message->facts.request.documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE] = document_of("");
}
EDGE(elderly, r_160_takes_specific_with_a_health_certificate, "") {
    r->message->env.sensitivity = SENSITIVITY_SPECIFIC;
    r->message->facts.request.documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE] = document_of("");
}
EDGE(elderly, r_160_wants_protected_for_drugs, "R-160") {
    r->message->env.cluster = CLUSTER_DRUG_ABUSE_VICTIM;
    r->message->env.sensitivity = SENSITIVITY_SPECIFIC;
}
EDGE(elderly, r_160_takes_protected_for_drugs, "") {
    r->message->env.cluster = CLUSTER_DRUG_ABUSE_VICTIM;
    r->message->env.sensitivity = SENSITIVITY_PROTECTED;
}
EDGE(elderly, r_160_wants_protected_for_a_mandatory_report, "R-160") {
    rig_to(r, "lks/3203/ipwl");
    r->message->facts.request.referral_kind = REFERRAL_KIND_DRUG_MANDATORY_REPORT;
    r->message->env.sensitivity = SENSITIVITY_SPECIFIC;
}
EDGE(elderly, r_160_wants_protected_for_a_role_before_the_law, "R-160") {
    r->message->facts.request.law_role = LAW_ROLE_WITNESS;
    r->message->env.sensitivity = SENSITIVITY_SPECIFIC;
}
EDGE(elderly, r_160_wants_protected_for_violence, "R-160") {
    r->message->facts.request.criteria =
        codes_of(CRITERION_VICTIM_OF_VIOLENCE_EXPLOITATION_DISCRIMINATION);
    r->message->env.sensitivity = SENSITIVITY_SPECIFIC;
}
EDGE(elderly, r_160_wants_protected_for_hiv, "R-160") {
    r->message->env.cluster = CLUSTER_SOCIAL_OUTCAST_AND_TRAFFICKING;
    r->message->facts.request.ppks_types = codes_of(PPKS_TYPE_PERSON_WITH_HIV_AIDS);
    r->message->env.sensitivity = SENSITIVITY_SPECIFIC;
}
EDGE(elderly, r_160_wants_protected_for_trafficking, "R-160") {
    r->message->env.cluster = CLUSTER_SOCIAL_OUTCAST_AND_TRAFFICKING;
    r->message->facts.request.ppks_types = codes_of(PPKS_TYPE_TRAFFICKING_VICTIM);
    r->message->env.sensitivity = SENSITIVITY_SPECIFIC;
}
EDGE(elderly, r_160_leaves_the_homeless_of_that_cluster_at_personal, "") {
    r->message->env.cluster = CLUSTER_SOCIAL_OUTCAST_AND_TRAFFICKING;
    r->message->facts.request.ppks_types = codes_of(PPKS_TYPE_HOMELESS);
}
EDGE(elderly, r_160_wants_a_sealed_part, "R-160") {
    rig_sealed(r, 0);
}
EDGE(opened, r_160_wants_a_sealed_part_of_an_opening, "R-160") {
    rig_sealed(r, 0);
}
EDGE(complaint, r_160_wants_the_reporter_sealed, "R-160") {
    rig_sealed(r, 0);
}
EDGE(complaint, r_160_takes_an_internal_question_unsealed, "") {
    r->message->env.sensitivity = SENSITIVITY_INTERNAL;
    r->message->env.cluster = CLUSTER_ANY;
    rig_sealed(r, 0);
}
EDGE(complaint, r_160_wants_specific_for_a_complaint_about_a_child, "R-160") {
    r->message->env.sensitivity = SENSITIVITY_PERSONAL;
    r->message->env.cluster = CLUSTER_CHILD;
}
EDGE(decline, r_160_lets_an_answer_do_without_remarks, "") {
    rig_sealed(r, 0);
}
EDGE(event, r_160_is_about_cases, "") {
    r->message->env.cluster = CLUSTER_CHILD;
    rig_sealed(r, 0);
}
EDGE(report, r_160_refuses_a_cell_of_a_few, "R-160") {
    r->message->facts.report.small_cell = true;
}

/* --- legal basis --- */

EDGE(opened, r_161_warns_of_no_basis, "(R-161)") {
    r->message->env.legal_basis = LEGAL_BASIS_UNSPECIFIED;
}
EDGE(stage, r_161_warns_of_no_basis_for_disability, "(R-161)") {
    r->message->env.cluster = CLUSTER_DISABILITY;
    r->message->env.sensitivity = SENSITIVITY_PERSONAL;
    r->message->env.legal_basis = LEGAL_BASIS_UNSPECIFIED;
}
EDGE(stage, r_161_asks_nothing_without_personal_data, "") {
    r->message->env.cluster = CLUSTER_DISABILITY;
    r->message->env.sensitivity = SENSITIVITY_INTERNAL;
    r->message->env.legal_basis = LEGAL_BASIS_UNSPECIFIED;
}
EDGE(elderly, r_161_asks_nothing_of_the_elderly, "") {
    r->message->env.legal_basis = LEGAL_BASIS_UNSPECIFIED;
}
EDGE(elderly, r_161_warns_of_consent_by_nobody, "(R-161)") {
    r->message->env.cluster = CLUSTER_DISABILITY;
    r->message->env.legal_basis = LEGAL_BASIS_CONSENT;
}
EDGE(elderly, r_161_takes_a_consent_giver, "") {
    r->message->env.cluster = CLUSTER_DISABILITY;
    r->message->env.legal_basis = LEGAL_BASIS_CONSENT;
    r->message->facts.request.consent_giver = CONSENT_GIVER_GUARDIAN;
}
EDGE(opened, r_161_takes_the_letter_of_consent, "") {
    r->message->env.legal_basis = LEGAL_BASIS_CONSENT;
    r->message->facts.opened.documents.of[DOCUMENT_TYPE_CONSENT_LETTER] = document_of("dsk/3203");
}
EDGE(opened, r_161_takes_the_consent_of_the_referral, "") {
    r->message->env.legal_basis = LEGAL_BASIS_CONSENT;
    r->referral.state = REFERRAL_PLACED;
    r->referral.referral.consent_giver = CONSENT_GIVER_FAMILY;
    r->known.referral = &r->referral;
}
EDGE(stage, r_161_takes_the_word_of_a_kind_without_a_place_for_it, "") {
    r->message->env.legal_basis = LEGAL_BASIS_CONSENT;
}

/* --- no broadcast --- */

EDGE(stage, r_162_refuses_an_event_scope, "R-162") {
    r->message->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 1, .scope = { "3203" } };
}
EDGE(complaint, r_162_refuses_any_kind_that_names_a_case, "R-162") {
    r->message->env.case_id.b[0] = 7;
    r->message->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 1, .scope = { "3203" } };
}
EDGE(stage, r_162_refuses_a_role_of_many, "R-162") {
    rig_to_role(r, NODE_SOCIAL_AGENCY_REGENCY, "32");
}
EDGE(stage, r_162_refuses_the_nation, "R-162") {
    rig_to_role(r, NODE_UPT_BALAI, "");
}
EDGE(stage, r_162_takes_the_office_of_the_region, "") {
    rig_to_role(r, NODE_SOCIAL_AGENCY_REGENCY, "3203");
}
EDGE(stage, r_162_takes_the_ministry, "") {
    rig_to_role(r, NODE_MINISTRY_UNIT, "");
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Edges of: the stages of a case, who leads it, what each has to show. */

#include "rules-edges.h"

/* --- order of stages --- */

EDGE(stage, a_sound_stage_update_breaks_no_rule, "") {
}
EDGE(stage, r_100_refuses_a_skipped_stage, "R-100") {
    stage_at(r, CASE_STAGE_2, 4, STAGE_PHASE_COMPLETED);
}
EDGE(stage, r_100_takes_the_next_stage, "") {
    stage_at(r, CASE_STAGE_1, 2, STAGE_PHASE_STARTED);
}
EDGE(stage, r_100_takes_the_last_stage, "") {
    stage_at(r, CASE_STAGE_6, 7, STAGE_PHASE_STARTED);
}
EDGE(stage, r_100_refuses_a_step_back, "R-100") {
    stage_at(r, CASE_STAGE_4, 2, STAGE_PHASE_REENTERED);
}
EDGE(stage, r_100_takes_reentry_to_3_from_4, "") {
    stage_at(r, CASE_STAGE_4, 3, STAGE_PHASE_REENTERED);
}
EDGE(stage, r_100_takes_reentry_to_3_from_6, "") {
    stage_at(r, CASE_STAGE_6, 3, STAGE_PHASE_REENTERED);
}
EDGE(stage, r_100_refuses_reentry_to_3_from_7, "R-100") {
    stage_at(r, CASE_STAGE_7, 3, STAGE_PHASE_REENTERED);
}
EDGE(stage, r_100_refuses_a_second_start_of_3, "R-100") {
    stage_at(r, CASE_STAGE_5, 3, STAGE_PHASE_STARTED);
}
EDGE(stage, r_100_takes_the_assessment_an_emergency_left_out, "") {
    stage_at(r, CASE_STAGE_5, 3, STAGE_PHASE_STARTED);
    r->case_file.case_file.emergency = true;
}
EDGE(stage, r_100_takes_that_assessment_once, "R-100") {
    stage_at(r, CASE_STAGE_5, 3, STAGE_PHASE_STARTED);
    r->case_file.case_file.emergency = true;
    r->case_file.case_file.completed = codes_of(ATENSI_STAGE_COMPREHENSIVE_ASSESSMENT);
}
EDGE(stage, r_100_takes_reentry_to_5_from_6, "") {
    stage_at(r, CASE_STAGE_6, 5, STAGE_PHASE_REENTERED);
}
EDGE(stage, r_100_refuses_5_from_2, "R-100") {
    stage_at(r, CASE_STAGE_2, 5, STAGE_PHASE_STARTED);
}
EDGE(stage, r_100_takes_5_from_2_in_an_emergency, "") {
    stage_at(r, CASE_STAGE_2, 5, STAGE_PHASE_STARTED);
    r->case_file.case_file.emergency = true;
}
EDGE(stage, r_100_refuses_any_stage_after_termination, "R-100") {
    stage_at(r, CASE_TERMINATED, 7, STAGE_PHASE_STARTED);
}
EDGE(stage, r_100_says_nothing_of_a_case_it_does_not_know, "") {
    stage_at(r, CASE_STAGE_1, 6, STAGE_PHASE_COMPLETED);
    r->known.case_file = NULL;
}

/* --- who supervises and who leads --- */

EDGE(stage, r_101_refuses_completion_without_supervisor, "R-101") {
    r->message->facts.stage.supervisor = (Staff) { 0 };
}
EDGE(stage, r_101_warns_of_a_start_without_supervisor, "(R-101)") {
    r->message->facts.stage.supervisor = (Staff) { 0 };
    r->message->facts.stage.phase = STAGE_PHASE_STARTED;
}
EDGE(stage, r_102_refuses_another_role, "R-102") {
    r->message->facts.stage.supervisor.role = HR_ROLE_PSYCHOLOGIST;
}
EDGE(stage, r_102_refuses_a_social_worker_without_the_competence, "R-102") {
    r->message->facts.stage.supervisor.competence_supervision = false;
}
EDGE(opened, a_sound_opening_breaks_no_rule, "") {
}
EDGE(opened, r_103_refuses_no_case_manager, "R-103") {
    r->message->facts.opened.case_manager = (Staff) { 0 };
}
EDGE(opened, r_103_refuses_another_role, "R-103") {
    r->message->facts.opened.case_manager.role = HR_ROLE_SOCIAL_WELFARE_WORKER;
}
EDGE(opened, r_103_refuses_a_certificate_of_yesterday, "R-103") {
    r->message->facts.opened.case_manager.certificate_valid_until = (CivilDate) { 2025, 3, 9 };
}
EDGE(opened, r_103_takes_a_certificate_on_its_last_day, "") {
    r->message->facts.opened.case_manager.certificate_valid_until = (CivilDate) { 2025, 3, 10 };
}
EDGE(opened, r_103_counts_the_day_in_the_zone_of_the_region, "R-103") {
    r->now_ms = RULES_NOW + 14 * HOUR_MS; /* 17:05 UTC, 00:05 WIB of the 11th */
    r->message->facts.opened.case_manager.certificate_valid_until = (CivilDate) { 2025, 3, 10 };
}

/* --- what a stage has to show --- */

EDGE(stage, r_104_wants_an_initial_approach, "R-104") {
    r->message->facts.stage.initial_approach = 0;
}
EDGE(stage, r_104_wants_it_at_completion_only, "") {
    r->message->facts.stage.initial_approach = 0;
    r->message->facts.stage.phase = STAGE_PHASE_STARTED;
}
EDGE(stage, r_105_wants_an_aspect, "R-105") {
    stage_at(r, CASE_STAGE_3, 3, STAGE_PHASE_COMPLETED);
    r->message->facts.stage.aspects = 0;
}
EDGE(stage, r_105_takes_one_aspect, "") {
    stage_at(r, CASE_STAGE_3, 3, STAGE_PHASE_COMPLETED);
}
EDGE(stage, r_106_wants_all_three_steps, "R-106") {
    stage_at(r, CASE_STAGE_4, 4, STAGE_PHASE_COMPLETED);
    r->message->facts.stage.planning_steps &= ~codes_of(PLANNING_STEP_JOINT_DECISION);
}
EDGE(stage, r_106_takes_all_three_steps, "") {
    stage_at(r, CASE_STAGE_4, 4, STAGE_PHASE_COMPLETED);
}
EDGE(stage, r_107_wants_an_approach, "R-107") {
    stage_at(r, CASE_STAGE_5, 5, STAGE_PHASE_STARTED);
    r->message->facts.stage.approaches = 0;
}
EDGE(stage, r_107_wants_a_form_of_service, "R-107") {
    stage_at(r, CASE_STAGE_5, 5, STAGE_PHASE_COMPLETED);
    r->message->facts.stage.service_forms = 0;
}
EDGE(stage, r_108_warns_of_no_indicators, "(R-108)") {
    stage_at(r, CASE_STAGE_6, 6, STAGE_PHASE_COMPLETED);
    r->message->facts.stage.indicators = 0;
}
EDGE(stage, r_108_asks_at_completion_only, "") {
    stage_at(r, CASE_STAGE_6, 6, STAGE_PHASE_STARTED);
    r->message->facts.stage.indicators = 0;
}
EDGE(stage, r_111_wants_the_basis_of_a_duration, "R-111") {
    r->message->facts.stage.duration = true;
}
EDGE(stage, r_111_takes_a_conference_as_basis, "") {
    r->message->facts.stage.duration = true;
    r->message->facts.stage.duration_basis = DURATION_BASIS_FAMILY_CONFERENCE;
}

/* --- R-115 --- */

EDGE(aftercare, a_sound_aftercare_breaks_no_rule, "") {
}
EDGE(aftercare, r_109_wants_an_assessment, "R-109") {
    r->message->facts.aftercare.assessment.present = false;
}
EDGE(aftercare, r_109_refuses_another_document, "R-109") {
    r->message->facts.aftercare.assessment_type = DOCUMENT_TYPE_HEALTH_CERTIFICATE;
}
EDGE(aftercare, r_109_takes_a_social_workers_assessment, "") {
    r->message->facts.aftercare.assessment_type = DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT;
}
EDGE(aftercare, r_109_refuses_another_assessor, "R-109") {
    r->message->facts.aftercare.assessor.role = HR_ROLE_NURSE;
}
EDGE(termination, a_sound_termination_breaks_no_rule, "") {
}
EDGE(termination, r_110_refuses_the_end_before_stage_7, "R-110") {
    r->case_file.state = CASE_STAGE_6;
}
EDGE(termination, r_110_refuses_reunification_before_stage_7, "R-110") {
    r->case_file.state = CASE_STAGE_1;
    r->message->facts.termination.reason = TERMINATION_REASON_REUNIFIED;
}
EDGE(termination, r_110_takes_a_withdrawal, "") {
    r->case_file.state = CASE_STAGE_1;
    r->message->facts.termination.reason = TERMINATION_REASON_WITHDRAWN;
}
EDGE(termination, r_110_takes_a_death, "") {
    r->case_file.state = CASE_STAGE_3;
    r->message->facts.termination.reason = TERMINATION_REASON_DECEASED;
}
EDGE(termination, r_110_takes_lost_contact, "") {
    r->case_file.state = CASE_STAGE_5;
    r->message->facts.termination.reason = TERMINATION_REASON_LOST_CONTACT;
}
EDGE(termination, r_110_takes_a_referral_out, "") {
    r->case_file.state = CASE_STAGE_5;
    r->message->facts.termination.reason = TERMINATION_REASON_REFERRED_OUT;
}
EDGE(termination, r_110_says_nothing_of_a_case_it_does_not_know, "") {
    r->case_file.state = CASE_STAGE_1;
    r->known.case_file = NULL;
}
EDGE(response, a_sound_response_breaks_no_rule, "") {
}
EDGE(response, r_114_wants_an_emergency, "R-114") {
    r->message->facts.case_response.emergency = false;
}
EDGE(stage, r_115_refuses_a_uptd_without_copy, "R-115") {
    r->message->env.no_supervision = true;
}
EDGE(stage, r_115_refuses_its_system_too, "R-115") {
    r->message->env.no_supervision = true;
    rig_from(r, "int/uptd-32-pa-02");
}
EDGE(stage, r_115_refuses_an_lks, "R-115") {
    r->message->env.no_supervision = true;
    rig_from(r, "lks/3203/0042");
}
EDGE(stage, r_115_refuses_an_lksa, "R-115") {
    r->message->env.no_supervision = true;
    rig_from(r, "lksa/3203/0017");
}
EDGE(stage, r_115_lets_others_ask, "") {
    r->message->env.no_supervision = true;
    rig_from(r, "dsk/3203");
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Edges of: the register, complaints, events, reports, supervision. */

#include "rules-edges.h"

/* --- the register --- */

EDGE(decline, a_sound_decline_breaks_no_rule, "") {
}
EDGE(decline, r_121_flags_other_for_somebody_not_listed, "(R-121)") {
    r->message->facts.response.decline_reason = DECLINE_REASON_OTHER;
}
EDGE(decline, r_121_flags_no_reason_for_somebody_not_listed, "(R-121)") {
    r->message->facts.response.decline_reason = DECLINE_REASON_UNSPECIFIED;
}
EDGE(decline, r_121_flags_other_for_somebody_proposed, "(R-121)") {
    r->referral.referral.dtks_status = DTKS_STATUS_PROPOSED;
    r->message->facts.response.decline_reason = DECLINE_REASON_OTHER;
}
EDGE(decline, r_121_flags_other_when_nobody_looked, "(R-121)") {
    r->referral.referral.dtks_status = DTKS_STATUS_UNKNOWN;
    r->message->facts.response.decline_reason = DECLINE_REASON_OTHER;
}
EDGE(decline, r_121_refuses_a_reason_outside_the_list, "R-121") {
    r->message->facts.response.decline_reason = DECLINE_REASON_OTHER + 1;
}
EDGE(decline, r_121_says_nothing_of_somebody_listed, "") {
    r->referral.referral.dtks_status = DTKS_STATUS_LISTED;
    r->message->facts.response.decline_reason = DECLINE_REASON_OTHER;
}
EDGE(decline, r_121_says_nothing_of_a_referral_it_does_not_know, "") {
    r->known.referral = NULL;
    r->message->facts.response.decline_reason = DECLINE_REASON_OTHER;
}
EDGE(proposal, a_sound_proposal_breaks_no_rule, "") {
}
EDGE(proposal, r_122_takes_the_province_and_the_ministry, "") {
    rig_to(r, "dsp/32");
    rig_and_to(r, "min/setditjen");
}
EDGE(proposal, r_122_refuses_an_lks, "R-122") {
    rig_to(r, "lks/3203/0042");
}
EDGE(proposal, r_122_refuses_one_wrong_among_right_ones, "R-122") {
    rig_and_to(r, "hub");
}
EDGE(proposal, r_122_takes_a_role_although_nobody_has_it, "") {
    rig_to_role(r, NODE_SOCIAL_AGENCY_REGENCY, "3205");
}
EDGE(proposal, r_122_refuses_a_wrong_role, "R-122") {
    rig_to_role(r, NODE_UPT_BALAI, "3203");
}
EDGE(stage, r_123_warns_when_nobody_looked, "(R-123)") {
    stage_at(r, CASE_STAGE_3, 3, STAGE_PHASE_COMPLETED);
    r->message->facts.stage.dtks_status = DTKS_STATUS_UNKNOWN;
}
EDGE(stage, r_123_remembers_what_the_opening_said, "(R-123)") {
    stage_at(r, CASE_STAGE_3, 3, STAGE_PHASE_COMPLETED);
    r->case_file.case_file.dtks_status = DTKS_STATUS_UNKNOWN;
}
EDGE(stage, r_123_takes_what_was_found_out_since, "") {
    stage_at(r, CASE_STAGE_3, 3, STAGE_PHASE_COMPLETED);
    r->case_file.case_file.dtks_status = DTKS_STATUS_UNKNOWN;
    r->message->facts.stage.dtks_status = DTKS_STATUS_NOT_LISTED;
}
EDGE(stage, r_123_asks_when_stage_3_completes, "") {
    stage_at(r, CASE_STAGE_3, 3, STAGE_PHASE_STARTED);
    r->message->facts.stage.dtks_status = DTKS_STATUS_UNKNOWN;
}

/* --- complaints --- */

EDGE(complaint, a_sound_complaint_breaks_no_rule, "") {
}
EDGE(complaint, r_130_wants_a_type, "R-130") {
    r->message->facts.complaint.type = COMPLAINT_TYPE_UNSPECIFIED;
}
EDGE(follow_up, a_sound_closing_breaks_no_rule, "") {
}
EDGE(follow_up, r_130_refuses_closing_what_was_not_resolved, "R-130") {
    r->complaint.state = COMPLAINT_IN_PROGRESS;
    r->complaint.complaint.resolved = false;
}
EDGE(follow_up, r_130_lets_it_be_resolved, "") {
    r->complaint.complaint.resolved = false;
    r->message->facts.complaint_update.action = COMPLAINT_ACTION_RESOLVE;
}
EDGE(follow_up, r_130_says_nothing_of_a_complaint_it_does_not_know, "") {
    r->complaint.complaint.resolved = false;
    r->known.complaint = NULL;
}
EDGE(complaint, r_131_refuses_the_reported_node_as_addressee, "R-131") {
    rig_and_to(r, "lks/3203/0042");
}
EDGE(complaint, r_131_leaves_a_role_to_the_routing, "") {
    node_text(r->message->facts.complaint.about_node, "dsk/3203");
    rig_to_role(r, NODE_SOCIAL_AGENCY_REGENCY, "3203");
}
EDGE(follow_up, r_131_refuses_the_reported_node_as_assignee, "R-131") {
    r->message->facts.complaint_update.action = COMPLAINT_ACTION_ASSIGN;
    node_text(r->message->facts.complaint_update.assignee, "lks/3203/0042");
}
EDGE(follow_up, r_131_refuses_rerouting_to_it, "R-131") {
    r->message->facts.complaint_update.action = COMPLAINT_ACTION_REROUTE;
    node_text(r->message->facts.complaint_update.assignee, "lks/3203/0042");
}
EDGE(follow_up, r_131_takes_anybody_else, "") {
    r->message->facts.complaint_update.action = COMPLAINT_ACTION_ASSIGN;
    node_text(r->message->facts.complaint_update.assignee, "upt/phala-martha");
}

/* --- events --- */

EDGE(event, a_sound_event_breaks_no_rule, "") {
}
EDGE(event, r_140_refuses_a_puskesos, "R-140") {
    rig_from(r, "pks/3203052001");
}
EDGE(event, r_140_refuses_an_lks_that_closes_one, "R-140") {
    rig_from(r, "lks/3203/0042");
    r->message->facts.event.status = EVENT_STATUS_CLOSED;
}
EDGE(event, r_140_lets_everybody_report, "") {
    rig_from(r, "pks/3203052001");
    r->message->facts.event.status = EVENT_STATUS_REPORTED;
}
EDGE(event, r_140_takes_the_command_centre, "") {
    rig_from(r, "cc/171");
}
EDGE(event, r_140_takes_a_upt, "") {
    rig_from(r, "upt/satria");
}
EDGE(event, r_140_takes_a_system_that_speaks_for_an_agency, "") {
    rig_from(r, "int/dsk-3203");
}
EDGE(event, r_141_warns_of_no_declaration, "(R-141)") {
    r->message->env.cluster = CLUSTER_DISASTER_VICTIM;
}
EDGE(event, r_141_takes_a_declaration, "") {
    r->message->env.cluster = CLUSTER_DISASTER_VICTIM;
    r->message->facts.event.declaration = document_of("dsp/32");
}
EDGE(event, r_141_takes_one_that_came_before, "") {
    r->message->env.cluster = CLUSTER_DISASTER_VICTIM;
    r->event.event.declared = true;
    r->known.event = &r->event;
}
EDGE(opened, r_141_warns_of_a_case_too, "(R-141)") {
    r->message->env.cluster = CLUSTER_DISASTER_VICTIM;
}
EDGE(opened, r_141_takes_document_12, "") {
    r->message->env.cluster = CLUSTER_DISASTER_VICTIM;
    r->message->facts.opened.documents.of[DOCUMENT_TYPE_DISASTER_DECLARATION] =
        document_of("dsp/32");
}
EDGE(response, r_141_warns_of_a_response_without_declared_event, "(R-141)") {
    r->message->env.cluster = CLUSTER_DISASTER_VICTIM;
}
EDGE(elderly, r_141_warns_of_a_referral, "(R-141)") {
    r->message->env.cluster = CLUSTER_DISASTER_VICTIM;
}
EDGE(event, r_142_wants_a_region, "R-142") {
    r->message->facts.event.n_regions = 0;
}
EDGE(event, r_142_wants_a_type, "R-142") {
    r->message->facts.event.event_type = EVENT_TYPE_UNSPECIFIED;
}
EDGE(event, r_142_wants_a_time, "R-142") {
    r->message->facts.event.occurred_ms = 0;
}
EDGE(event, r_142_takes_a_clock_five_minutes_ahead, "") {
    r->message->facts.event.occurred_ms = RULES_NOW + 5 * MINUTE_MS;
}
EDGE(event, r_142_refuses_the_future, "R-142") {
    r->message->facts.event.occurred_ms = RULES_NOW + 5 * MINUTE_MS + 1;
}

/* --- reports --- */

EDGE(report, a_sound_child_report_breaks_no_rule, "") {
}
EDGE(report, r_150_refuses_a_regency_to_the_ministry, "R-150") {
    rig_to(r, "min/setditjen");
}
EDGE(report, r_150_refuses_the_ministry_beside_the_province, "R-150") {
    rig_and_to(r, "min/anak");
}
EDGE(report, r_150_refuses_the_hub, "R-150") {
    rig_to(r, "hub");
}
EDGE(report, r_150_refuses_the_hub_beside_the_province, "R-150") {
    rig_and_to(r, "hub");
}
EDGE(report, r_150_refuses_another_province, "R-150") {
    rig_to(r, "dsp/33");
}
EDGE(report, r_150_holds_for_children_in_homes_too, "R-150") {
    r->message->facts.report.report_type = REPORT_TYPE_CHILD_IN_HOME;
    rig_to(r, "min/setditjen");
}
EDGE(report, r_150_takes_a_copy_for_home_affairs, "") {
    rig_and_to(r, "kdn");
}
EDGE(report, r_150_takes_the_role_of_the_province, "") {
    rig_to_role(r, NODE_SOCIAL_AGENCY_PROVINCE, "32");
}
EDGE(report, r_150_refuses_the_role_of_the_ministry, "R-150") {
    rig_to_role(r, NODE_MINISTRY_UNIT, "");
}
EDGE(report, r_150_is_about_child_reports, "") {
    r->message->facts.report.report_type = REPORT_TYPE_EVALUATION;
    rig_to(r, "min/setditjen");
}
EDGE(province_report, r_150_takes_the_director_generals_unit, "") {
}
EDGE(province_report, r_150_takes_his_directorate, "") {
    rig_to(r, "min/anak");
}
EDGE(province_report, r_150_refuses_another_unit_of_the_ministry, "R-150") {
    rig_to(r, "min/pusdatin");
}
EDGE(province_report, r_150_refuses_home_affairs_alone, "R-150") {
    rig_to(r, "kdn");
}
EDGE(province_report, r_150_takes_the_role_of_a_directorate, "") {
    rig_to_role(r, NODE_MINISTRY_UNIT, "");
}
EDGE(atensi_report, a_sound_atensi_report_breaks_no_rule, "") {
}
EDGE(atensi_report, r_151_warns_of_no_copy, "(R-151)") {
    rig_to(r, "dsp/32");
}
EDGE(atensi_report, r_151_warns_of_no_first_day, "(R-151)") {
    r->message->facts.report.period_begins_on = (CivilDate) { 0 };
}
EDGE(atensi_report, r_151_warns_of_no_last_day, "(R-151)") {
    r->message->facts.report.period_ends_on = (CivilDate) { 0 };
}

/* --- supervision --- */

EDGE(notice, a_sound_notice_breaks_no_rule, "") {
}
EDGE(notice, r_153_refuses_the_ministry_in_a_regency, "R-153") {
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_DIRECT);
}
EDGE(notice, r_153_refuses_it_without_a_basis, "R-153") {
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_UNSPECIFIED);
}
EDGE(notice, r_153_refuses_a_upt_on_its_behalf, "R-153") {
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_DIRECT);
    rig_from(r, "upt/satria");
}
EDGE(notice, r_153_refuses_a_request_nobody_made, "R-153") {
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_GOVERNOR_REQUEST);
}
EDGE(notice, r_153_refuses_a_request_not_made_for_this_regency, "R-153") {
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_GOVERNOR_REQUEST);
    r->known.node = &r->node;
}
EDGE(notice, r_153_takes_the_governors_request, "") {
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_GOVERNOR_REQUEST);
    r->node.oversight.assistance_asked_ms = RULES_NOW - DAY_MS;
    r->known.node = &r->node;
}
EDGE(notice, r_153_takes_a_review_of_inaction, "") {
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_INACTION_REVIEW);
}
EDGE(notice, r_153_takes_a_province_in_itself, "") {
    rig_from(r, "dsp/33");
    notice_about(r, "dsk/3308", SUPERVISION_BASIS_DIRECT);
}
EDGE(notice, r_153_refuses_a_province_outside_itself, "R-153") {
    rig_from(r, "dsp/33");
    notice_about(r, "dsk/3203", SUPERVISION_BASIS_DIRECT);
}
EDGE(notice, r_153_refuses_a_province_above_a_upt, "R-153") {
    rig_from(r, "dsp/33");
    notice_about(r, "upt/satria", SUPERVISION_BASIS_DIRECT);
}
EDGE(notice, r_153_takes_independent_atensi_of_an_lks, "") {
    notice_about(r, "lks/3203/0042", SUPERVISION_BASIS_INDEPENDENT_ATENSI);
}
EDGE(notice, r_153_refuses_independent_atensi_of_an_agency, "R-153") {
    notice_about(r, "dsp/33", SUPERVISION_BASIS_INDEPENDENT_ATENSI);
}

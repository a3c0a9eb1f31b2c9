/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts of every kind from protobuf: each field is given by its name in a message file, and must
 * arrive in the member of that name; then it must survive the packed form.
 */

#include "serasi/v1/event.pb-c.h"
#include "test.h"

#include "facts-fixture.h"

/* --- referrals --- */

TEST(a_referral_request_arrives) {
    const Facts all = facts_of(
        KIND_REFERRAL_REQUEST,
        "\"referral_kind\": \"TO_SOCIAL_HOME\", \"basis\": \"OUTSIDE\", \"target_unit\": "
        "\"FAMILY\","
        "\"criteria\": [\"NEGLECT\", \"POVERTY\"], \"ppks_types\": "
        "[\"REMOTE_INDIGENOUS_COMMUNITY\"],"
        "\"age_band\": \"AGE_60_PLUS\", \"child_criteria\": [\"D_FAMILY_RISK\"],"
        "\"outside_criteria\": [\"B_CARETAKER_EXISTS\"], \"home_criteria\": [\"C_FAMILY_RISK\"],"
        "\"advanced_criteria\": [\"D_IDENTIFIED_BY_SOCIAL_WORKER\"],"
        "\"outside_service_started_on\": \"2025-03-01\","
        "\"home_service_started_on\": \"2025-03-02\", \"requested_on\": \"2025-03-03\","
        "\"docs_due_on\": \"2025-03-04\", \"approach\": \"RESIDENTIAL\","
        "\"earlier_approaches\": [\"FAMILY\", \"COMMUNITY\"],"
        "\"documents\": [{\"type\": \"CONSENT_LETTER\", \"issuer\": \"dsk/3203\", \"issued_on\": "
        "\"2025-03-05\"}], \"consent_giver\": \"LOCAL_AGENCY_HEAD\", \"assessor\": " STAFF_TEXT
        ", \"law_role\": \"WITNESS\", \"diversion\": true, \"dtks_status\": \"UNKNOWN\","
        "\"reunified\": true, \"emergency\": true, \"reply_by_at\": " AT_TEXT
        ", \"parent_referral_id\": " ID_TEXT);
    const ReferralRequestFacts *f = &all.request;
    ASSERT_EQ(f->referral_kind, REFERRAL_KIND_TO_SOCIAL_HOME);
    ASSERT_EQ(f->basis, REFERRAL_BASIS_OUTSIDE);
    ASSERT_EQ(f->target_unit, TARGET_UNIT_FAMILY);
    ASSERT_CODES(f->criteria, CRITERION_NEGLECT, CRITERION_POVERTY);
    ASSERT_CODES(f->ppks_types, PPKS_TYPE_REMOTE_INDIGENOUS_COMMUNITY);
    ASSERT_EQ(f->age_band, AGE_BAND_AGE_60_PLUS);
    ASSERT_CODES(f->child_criteria, NEGLECTED_CHILD_CRITERION_D_FAMILY_RISK);
    ASSERT_CODES(f->outside_criteria, OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS);
    ASSERT_CODES(f->home_criteria, IN_HOME_CRITERION_C_FAMILY_RISK);
    ASSERT_CODES(f->advanced_criteria, ADVANCED_REHAB_CRITERION_D_IDENTIFIED_BY_SOCIAL_WORKER);
    ASSERT_DAY(f->outside_service_started_on, 2025, 3, 1);
    ASSERT_DAY(f->home_service_started_on, 2025, 3, 2);
    ASSERT_DAY(f->requested_on, 2025, 3, 3);
    ASSERT_DAY(f->docs_due_on, 2025, 3, 4);
    ASSERT_EQ(f->approach, APPROACH_RESIDENTIAL);
    ASSERT_CODES(f->earlier_approaches, APPROACH_FAMILY, APPROACH_COMMUNITY);
    assert_document(&f->documents.of[DOCUMENT_TYPE_CONSENT_LETTER], "dsk/3203", 0, 5);
    ASSERT_TRUE(!f->documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE].present);
    ASSERT_EQ(f->consent_giver, CONSENT_GIVER_LOCAL_AGENCY_HEAD);
    assert_staff(&f->assessor);
    ASSERT_EQ(f->law_role, LAW_ROLE_WITNESS);
    ASSERT_EQ(f->dtks_status, DTKS_STATUS_UNKNOWN);
    ASSERT_TRUE(f->diversion && f->reunified && f->emergency);
    ASSERT_AT(f->reply_by_ms);
    ASSERT_ID(f->parent_referral_id);
}

TEST(flags_arrive_one_by_one) {
    Facts f = facts_of(KIND_REFERRAL_REQUEST, "\"reunified\": true");
    ASSERT_TRUE(f.request.reunified && !f.request.diversion && !f.request.emergency);
    f = facts_of(KIND_REFERRAL_REQUEST, "\"diversion\": true");
    ASSERT_TRUE(!f.request.reunified && f.request.diversion && !f.request.emergency);
    f = facts_of(KIND_REFERRAL_REQUEST, "\"emergency\": true");
    ASSERT_TRUE(!f.request.reunified && !f.request.diversion && f.request.emergency);
    f = facts_of(KIND_COMPLAINT, "\"harm_now\": true");
    ASSERT_TRUE(f.complaint.harm_now && !f.complaint.anonymous);
    f = facts_of(KIND_NODE_RECORD, "\"inactive\": true");
    ASSERT_TRUE(f.node.inactive && !f.node.no_clients && !f.node.staff_told);
}

TEST(answers_and_updates_of_a_referral_arrive) {
    Facts f = facts_of(KIND_REFERRAL_RESPONSE,
                       "\"referral_id\": " ID_TEXT
                       ", \"decision\": \"NOT_OUR_AUTHORITY\", \"decline_reason\": \"SAFETY\","
                       "\"missing\": [\"CONSENT_LETTER\", \"OTHER\"], \"redirect_to\": "
                       "\"upt/satria\", \"placement_from\": \"2025-03-09\"");
    ASSERT_ID(f.response.referral_id);
    ASSERT_EQ(f.response.decision, REFERRAL_DECISION_NOT_OUR_AUTHORITY);
    ASSERT_EQ(f.response.decline_reason, DECLINE_REASON_SAFETY);
    ASSERT_CODES(f.response.missing, DOCUMENT_TYPE_CONSENT_LETTER, DOCUMENT_TYPE_OTHER);
    ASSERT_STR(f.response.redirect_to, "upt/satria");
    ASSERT_DAY(f.response.placement_from, 2025, 3, 9);
    f = facts_of(KIND_REFERRAL_UPDATE,
                 "\"referral_id\": " ID_TEXT ", \"action\": \"WITHDRAW\", \"reason\": \"MOVED\","
                 "\"documents\": [{\"type\": \"HEALTH_CERTIFICATE\", \"issuer_kind\": \"DOCTOR\","
                 "\"issued_on\": \"2025-03-08\"}]");
    ASSERT_ID(f.update.referral_id);
    ASSERT_EQ(f.update.action, REFERRAL_ACTION_WITHDRAW);
    ASSERT_EQ(f.update.reason, REFERRAL_CANCEL_REASON_MOVED);
    assert_document(&f.update.documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE], "",
                    ISSUER_KIND_DOCTOR, 8);
}

TEST(handover_minutes_and_follow_ups_arrive) {
    Facts f = facts_of(
        KIND_HANDOVER_MINUTES,
        "\"referral_id\": " ID_TEXT
        ", \"minutes\": {\"type\": \"HANDOVER_MINUTES_HOME\", \"issuer\": \"uptd/32/pa-02\","
        "\"issued_on\": \"2025-03-12\"}, \"health_certificate\": {\"type\": "
        "\"HEALTH_CERTIFICATE\", \"issuer_kind\": \"DOCTOR\", \"issued_on\": \"2025-03-11\"},"
        "\"documents\": [{\"type\": \"COURT_OR_DIVERSION_DECISION\", \"issuer_kind\": \"COURT\","
        "\"issued_on\": \"2025-03-10\"}], \"handed_over_by\": \"dsk/3203\","
        "\"received_by\": \"uptd/32/pa-02\", \"handed_over_on\": \"2025-03-12\","
        "\"follow_up_plan\": {\"interval_days\": 21, \"worker\": " STAFF_TEXT "}");
    const Document *of = f.handover.documents.of;
    ASSERT_ID(f.handover.referral_id);
    assert_document(&of[DOCUMENT_TYPE_HANDOVER_MINUTES_HOME], "uptd/32/pa-02", 0, 12);
    assert_document(&of[DOCUMENT_TYPE_HEALTH_CERTIFICATE], "", ISSUER_KIND_DOCTOR, 11);
    assert_document(&of[DOCUMENT_TYPE_COURT_OR_DIVERSION_DECISION], "", ISSUER_KIND_COURT, 10);
    ASSERT_STR(f.handover.handed_over_by, "dsk/3203");
    ASSERT_STR(f.handover.received_by, "uptd/32/pa-02");
    ASSERT_DAY(f.handover.handed_over_on, 2025, 3, 12);
    ASSERT_TRUE(f.handover.follow_up_plan);
    ASSERT_EQ(f.handover.interval_days, 21);
    assert_staff(&f.handover.worker);
    f = facts_of(KIND_HANDOVER_MINUTES, "\"follow_up_plan\": {}");
    ASSERT_TRUE(f.handover.follow_up_plan && !f.handover.worker.present);
    f = facts_of(KIND_FAMILY_FOLLOW_UP,
                 "\"referral_id\": " ID_TEXT ", \"visited_on\": \"2025-03-01\", \"worker\": " //
                 STAFF_TEXT ", \"outcome\": \"AT_RISK\", \"next_on\": \"2025-03-31\"");
    ASSERT_ID(f.follow_up.referral_id);
    ASSERT_DAY(f.follow_up.visited_on, 2025, 3, 1);
    ASSERT_DAY(f.follow_up.next_on, 2025, 3, 31);
    assert_staff(&f.follow_up.worker);
    ASSERT_EQ(f.follow_up.outcome, FOLLOW_UP_OUTCOME_AT_RISK);
}

/* --- complaints and events --- */

TEST(complaints_and_their_updates_arrive) {
    Facts f = facts_of(KIND_COMPLAINT,
                       "\"type\": \"GRIEVANCE\", \"channel\": \"SLRT\", \"subject\": "
                       "\"FACILITY_ABUSE\", \"received_on\": \"2025-03-03\", \"about_node\": "
                       "\"lks/3275/0042\", \"anonymous\": true");
    ASSERT_EQ(f.complaint.type, COMPLAINT_TYPE_GRIEVANCE);
    ASSERT_EQ(f.complaint.channel, COMPLAINT_CHANNEL_SLRT);
    ASSERT_EQ(f.complaint.subject, COMPLAINT_SUBJECT_FACILITY_ABUSE);
    ASSERT_DAY(f.complaint.received_on, 2025, 3, 3);
    ASSERT_STR(f.complaint.about_node, "lks/3275/0042");
    ASSERT_TRUE(f.complaint.anonymous && !f.complaint.harm_now);
    f = facts_of(KIND_COMPLAINT_UPDATE,
                 "\"complaint_id\": " ID_TEXT ", \"action\": \"NOT_OUR_AUTHORITY\", \"level\": 3,"
                 "\"assignee\": \"dsk/3204\", \"due_at\": " AT_TEXT ", \"type\": \"QUESTION\","
                 "\"inspection\": true");
    ASSERT_ID(f.complaint_update.complaint_id);
    ASSERT_EQ(f.complaint_update.action, COMPLAINT_ACTION_NOT_OUR_AUTHORITY);
    ASSERT_EQ(f.complaint_update.level, 3);
    ASSERT_STR(f.complaint_update.assignee, "dsk/3204");
    ASSERT_AT(f.complaint_update.due_ms);
    ASSERT_EQ(f.complaint_update.type, COMPLAINT_TYPE_QUESTION);
    ASSERT_TRUE(f.complaint_update.inspection);
    ASSERT_TRUE(uuid_is_nil(&f.complaint_update.new_case_id));
    f = facts_of(KIND_COMPLAINT_UPDATE, "\"new_case_id\": " ID_TEXT);
    ASSERT_ID(f.complaint_update.new_case_id);
    ASSERT_TRUE(uuid_is_nil(&f.complaint_update.new_event_id));
    f = facts_of(KIND_COMPLAINT_UPDATE, "\"new_event_id\": " ID_TEXT);
    ASSERT_ID(f.complaint_update.new_event_id);
    ASSERT_TRUE(uuid_is_nil(&f.complaint_update.complaint_id));
}

TEST(extraordinary_events_arrive) {
    Facts f = facts_of(KIND_EXTRAORDINARY_EVENT,
                       "\"event_type\": \"FACILITY_INCIDENT\", \"status\": \"VERIFIED\","
                       "\"regions\": [\"3203\", \"3204\"], \"occurred_at\": " AT_TEXT ","
                       "\"counts\": {\"affected_persons\": 73653}, \"declaration\": {\"type\": "
                       "\"DISASTER_DECLARATION\", \"issuer_kind\": \"GOVERNOR\", \"issued_on\": "
                       "\"2025-03-02\"}, \"lead_node\": \"upt/phala-martha\", \"message_type\": "
                       "\"UPDATE\", \"event_id\": " ID_TEXT ", \"reference_ids\": [" ID_TEXT
                       ", \"ffffffff-0000-0000-0000-000000000000\"]");
    ASSERT_EQ(f.event.event_type, EVENT_TYPE_FACILITY_INCIDENT);
    ASSERT_EQ(f.event.status, EVENT_STATUS_VERIFIED);
    ASSERT_EQ(f.event.n_regions, 2);
    ASSERT_AT(f.event.occurred_ms);
    ASSERT_EQ(f.event.affected_persons, 73653);
    assert_document(&f.event.declaration, "", ISSUER_KIND_GOVERNOR, 2);
    ASSERT_STR(f.event.lead_node, "upt/phala-martha");
    ASSERT_EQ(f.event.message_type, EVENT_MESSAGE_TYPE_UPDATE);
    ASSERT_ID(f.event.event_id);
    ASSERT_EQ(f.event.n_references, 2);
    ASSERT_ID(f.event.references[0]);
    ASSERT_EQ(f.event.references[1].b[0], 0xff);
}

TEST(more_references_than_are_looked_at_do_no_harm) {
    ProtobufCBinaryData ids[EVENT_REFERENCES_MAX + 3];
    Serasi__V1__ExtraordinaryEvent event = SERASI__V1__EXTRAORDINARY_EVENT__INIT;
    uint8_t buf[512];
    const char *why;
    Facts f;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        ids[i] = give_uuid(&ID);
    event.n_reference_ids = ARRAY_SIZE(ids);
    event.reference_ids = ids;
    const size_t n = protobuf_c_message_pack(&event.base, buf);
    ASSERT_OK(facts_decode(KIND_EXTRAORDINARY_EVENT, bytes_make(buf, n), &f, &why));
    ASSERT_EQ(f.event.n_references, EVENT_REFERENCES_MAX);
    ASSERT_ID(f.event.references[EVENT_REFERENCES_MAX - 1]);
    ASSERT_EQ(f.event.affected_persons, 0);
}

TEST(what_follows_an_event_arrives) {
    Facts f = facts_of(KIND_EVENT_SITUATION,
                       "\"event_id\": " ID_TEXT ", \"seq\": 4, \"status\": \"STABILISED\","
                       "\"counts\": {\"affected_persons\": 12, \"displaced\": 7}");
    ASSERT_ID(f.situation.event_id);
    ASSERT_EQ(f.situation.seq, 4);
    ASSERT_EQ(f.situation.status, EVENT_STATUS_STABILISED);
    ASSERT_EQ(f.situation.affected_persons, 12);
    f = facts_of(KIND_EVENT_ACKNOWLEDGEMENT,
                 "\"event_id\": " ID_TEXT ", \"by\": " STAFF_TEXT ", \"can_help\": true");
    ASSERT_ID(f.acknowledgement.event_id);
    assert_staff(&f.acknowledgement.by);
    ASSERT_TRUE(f.acknowledgement.can_help);
    f = facts_of(KIND_CASE_RESPONSE,
                 "\"case_id\": " ID_TEXT ", \"emergency\": true, \"needs\": [\"REFERRAL\"],"
                 "\"given\": [\"THERAPY\"], \"responded_at\": " AT_TEXT
                 ", \"given_needs\": [\"FOOD\", \"CLOTHING\"], \"food_since\": \"2025-03-01\"");
    ASSERT_ID(f.case_response.case_id);
    ASSERT_TRUE(f.case_response.emergency && uuid_is_nil(&f.case_response.event_id));
    ASSERT_CODES(f.case_response.needs, OUTSIDE_HOME_NEED_REFERRAL);
    ASSERT_CODES(f.case_response.given, SERVICE_FORM_THERAPY);
    ASSERT_CODES(f.case_response.given_needs, OUTSIDE_HOME_NEED_FOOD, OUTSIDE_HOME_NEED_CLOTHING);
    ASSERT_AT(f.case_response.responded_ms);
    ASSERT_DAY(f.case_response.food_since, 2025, 3, 1);
    f = facts_of(KIND_CASE_RESPONSE, "\"event_id\": " ID_TEXT);
    ASSERT_ID(f.case_response.event_id);
}

/* --- cases --- */

TEST(findings_and_openings_arrive) {
    Facts f = facts_of(KIND_OUTREACH_FINDING,
                       "\"found_on\": \"2025-03-07\", \"criteria\": [\"REMOTENESS\"],"
                       "\"ppks_types\": [\"POOR\"], \"target_unit\": \"COMMUNITY\","
                       "\"dtks_status\": \"NOT_LISTED\", \"harm_now\": true");
    ASSERT_DAY(f.finding.found_on, 2025, 3, 7);
    ASSERT_CODES(f.finding.criteria, CRITERION_REMOTENESS);
    ASSERT_CODES(f.finding.ppks_types, PPKS_TYPE_POOR);
    ASSERT_EQ(f.finding.target_unit, TARGET_UNIT_COMMUNITY);
    ASSERT_EQ(f.finding.dtks_status, DTKS_STATUS_NOT_LISTED);
    ASSERT_TRUE(f.finding.harm_now);
    f = facts_of(KIND_CASE_OPENED,
                 "\"access_source\": \"CASE_OUTREACH\", \"origin_id\": " ID_TEXT ","
                 "\"cluster\": \"ELDERLY\", \"criteria\": [\"DISABILITY\"], \"target_unit\": "
                 "\"GROUP\", \"case_manager\": " STAFF_TEXT ", \"dtks_status\": \"PROPOSED\","
                 "\"basis\": \"FAMILY\", \"outside_criteria\": [\"A_NEEDS_UNMET_UNCARED\"],"
                 "\"documents\": [{\"type\": \"ASSIGNMENT_LETTER\", \"issuer\": \"dsk/3203\","
                 "\"issued_on\": \"2025-03-03\"}]");
    ASSERT_EQ(f.opened.access_source, ACCESS_SOURCE_CASE_OUTREACH);
    ASSERT_ID(f.opened.origin_id);
    ASSERT_EQ(f.opened.cluster, CLUSTER_ELDERLY);
    ASSERT_CODES(f.opened.criteria, CRITERION_DISABILITY);
    ASSERT_EQ(f.opened.target_unit, TARGET_UNIT_GROUP);
    assert_staff(&f.opened.case_manager);
    ASSERT_EQ(f.opened.dtks_status, DTKS_STATUS_PROPOSED);
    ASSERT_EQ(f.opened.basis, REFERRAL_BASIS_FAMILY);
    ASSERT_CODES(f.opened.outside_criteria, OUTSIDE_HOME_CRITERION_A_NEEDS_UNMET_UNCARED);
    assert_document(&f.opened.documents.of[DOCUMENT_TYPE_ASSIGNMENT_LETTER], "dsk/3203", 0, 3);
}

TEST(stages_arrive) {
    Facts f = facts_of(KIND_CASE_STAGE_UPDATE,
                       "\"stage\": \"SERVICE_PLANNING\", \"phase\": \"REENTERED\", \"on\": "
                       "\"2025-03-06\", \"supervisor\": " STAFF_TEXT
                       ", \"initial_approach\": [\"CASE_RESPONSE\"], \"aspects\": [\"MENTAL\"],"
                       "\"planning_steps\": [\"JOINT_DECISION\"], \"approaches\": [\"COMMUNITY\"],"
                       "\"service_forms\": [\"ACCESSIBILITY_SUPPORT\"], \"indicators\": "
                       "[\"IMPACT\"], \"dtks_status\": \"LISTED\", \"duration\": {\"basis\": "
                       "\"FAMILY_CONFERENCE\", \"until\": \"2025-12-31\"}");
    ASSERT_EQ(f.stage.stage, ATENSI_STAGE_SERVICE_PLANNING);
    ASSERT_EQ(f.stage.phase, STAGE_PHASE_REENTERED);
    ASSERT_DAY(f.stage.on, 2025, 3, 6);
    assert_staff(&f.stage.supervisor);
    ASSERT_CODES(f.stage.initial_approach, INITIAL_APPROACH_CASE_RESPONSE);
    ASSERT_CODES(f.stage.aspects, ASSESSMENT_ASPECT_MENTAL);
    ASSERT_CODES(f.stage.planning_steps, PLANNING_STEP_JOINT_DECISION);
    ASSERT_CODES(f.stage.approaches, APPROACH_COMMUNITY);
    ASSERT_CODES(f.stage.service_forms, SERVICE_FORM_ACCESSIBILITY_SUPPORT);
    ASSERT_CODES(f.stage.indicators, PERFORMANCE_INDICATOR_IMPACT);
    ASSERT_EQ(f.stage.dtks_status, DTKS_STATUS_LISTED);
    ASSERT_TRUE(f.stage.duration);
    ASSERT_EQ(f.stage.duration_basis, DURATION_BASIS_FAMILY_CONFERENCE);
    ASSERT_DAY(f.stage.duration_until, 2025, 12, 31);
    f = facts_of(KIND_CASE_STAGE_UPDATE, "\"duration\": {\"until\": \"2025-12-31\"}");
    ASSERT_TRUE(f.stage.duration && f.stage.duration_basis == 0);
}

TEST(the_end_of_a_case_arrives) {
    Facts f = facts_of(KIND_CASE_CONFERENCE,
                       "\"kind\": \"FAMILY_CONFERENCE\", \"held_on\": \"2025-03-01\","
                       "\"participants\": [\"NURSE\", \"RAPID_REACTION_TEAM\"],"
                       "\"decides_duration_until\": \"2025-03-02\"");
    ASSERT_EQ(f.conference.kind, CONFERENCE_KIND_FAMILY_CONFERENCE);
    ASSERT_DAY(f.conference.held_on, 2025, 3, 1);
    ASSERT_CODES(f.conference.participants, HR_ROLE_NURSE, HR_ROLE_RAPID_REACTION_TEAM);
    ASSERT_DAY(f.conference.decides_duration_until, 2025, 3, 2);
    f = facts_of(KIND_AFTERCARE,
                 "\"assessment\": {\"type\": \"AFTERCARE_ASSESSMENT\", \"issuer_kind\": "
                 "\"SOCIAL_WORKER\", \"issued_on\": \"2025-03-04\"}, \"assessor\": " STAFF_TEXT
                 ", \"receiving_node\": \"lks/3212/0005\", \"measures\": [\"OTHER\"],"
                 "\"until\": \"2025-03-05\"");
    assert_document(&f.aftercare.assessment, "", ISSUER_KIND_SOCIAL_WORKER, 4);
    ASSERT_EQ(f.aftercare.assessment_type, DOCUMENT_TYPE_AFTERCARE_ASSESSMENT);
    assert_staff(&f.aftercare.assessor);
    ASSERT_STR(f.aftercare.receiving_node, "lks/3212/0005");
    ASSERT_CODES(f.aftercare.measures, AFTERCARE_MEASURE_OTHER);
    ASSERT_DAY(f.aftercare.until, 2025, 3, 5);
    f = facts_of(KIND_TERMINATION,
                 "\"reason\": \"DECEASED\", \"on\": \"2025-03-06\", \"aftercare_done\": true");
    ASSERT_EQ(f.termination.reason, TERMINATION_REASON_DECEASED);
    ASSERT_DAY(f.termination.on, 2025, 3, 6);
    ASSERT_TRUE(f.termination.aftercare_done);
    f = facts_of(KIND_CASE_TRANSFER,
                 "\"from_node\": \"upt/mulya-jaya\", \"to_node\": \"upt/phala-martha\","
                 "\"reason\": \"SAFETY\", \"stage\": \"IMPLEMENTATION\", \"open_documents\": "
                 "[\"HEALTH_CERTIFICATE\"]");
    ASSERT_STR(f.transfer.from_node, "upt/mulya-jaya");
    ASSERT_STR(f.transfer.to_node, "upt/phala-martha");
    ASSERT_EQ(f.transfer.reason, TRANSFER_REASON_SAFETY);
    ASSERT_EQ(f.transfer.stage, ATENSI_STAGE_IMPLEMENTATION);
    ASSERT_CODES(f.transfer.open_documents, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
}

/* --- register, reports, directory, data subjects, brokers --- */

TEST(proposals_and_reports_arrive) {
    Facts f = facts_of(KIND_DTKS_PROPOSAL, "\"reason\": \"UPDATE\", \"identity_complete\": true,"
                                           "\"proposed_on\": \"2025-03-08\"");
    ASSERT_EQ(f.proposal.reason, DTKS_REASON_UPDATE);
    ASSERT_TRUE(f.proposal.identity_complete);
    ASSERT_DAY(f.proposal.proposed_on, 2025, 3, 8);
    f = facts_of(KIND_DTKS_RESULT,
                 "\"proposal_id\": " ID_TEXT ", \"result\": \"REJECTED\", \"reason\": 2");
    ASSERT_ID(f.proposal_result.proposal_id);
    ASSERT_EQ(f.proposal_result.result, DTKS_OUTCOME_REJECTED);
    ASSERT_EQ(f.proposal_result.reason, 2);
    f = facts_of(KIND_TIERED_REPORT,
                 "\"report_type\": \"CHILD_IN_HOME\", \"period\": {\"begins_on\": \"2025-03-01\","
                 "\"ends_on\": \"2025-03-31\"}, \"counts\": [{\"persons\": 5}, {\"persons\": 4}]");
    ASSERT_EQ(f.report.report_type, REPORT_TYPE_CHILD_IN_HOME);
    ASSERT_DAY(f.report.period_begins_on, 2025, 3, 1);
    ASSERT_DAY(f.report.period_ends_on, 2025, 3, 31);
    ASSERT_TRUE(f.report.small_cell);
    f = facts_of(KIND_TIERED_REPORT, "\"report_type\": 1, \"counts\": [{\"persons\": 5}, "
                                     "{\"suppressed\": true}, {\"persons\": 4, \"suppressed\": "
                                     "true}, {\"persons\": 0}]");
    ASSERT_TRUE(!f.report.small_cell && !civil_is_set(f.report.period_begins_on));
    f = facts_of(KIND_SUPERVISION_NOTICE,
                 "\"basis\": \"INACTION_REVIEW\", \"about_node\": \"dsk/3308\", \"findings\": [1],"
                 "\"due_on\": \"2025-03-09\"");
    ASSERT_EQ(f.supervision.basis, SUPERVISION_BASIS_INACTION_REVIEW);
    ASSERT_STR(f.supervision.about_node, "dsk/3308");
    ASSERT_CODES(f.supervision.findings, 1);
    ASSERT_DAY(f.supervision.due_on, 2025, 3, 9);
    f = facts_of(KIND_SUPERVISION_ASSISTANCE_REQUEST, "\"regency\": \"3308\", \"reason\": 1");
    ASSERT_STR(f.assistance.regency, "3308");
    ASSERT_EQ(f.assistance.reason, 1);
}

TEST(what_a_node_says_of_itself_arrives) {
    Facts f = facts_of(
        KIND_NODE_RECORD,
        "\"id\": \"lksa/3302/0008\", \"kind\": \"LKSA\", \"no_clients\": true,"
        "\"accreditation\": {\"grade\": \"C\", \"valid_until\": \"2025-04-30\"},"
        "\"designation\": {\"by\": \"GOVERNOR\", \"scope\": \"BOTH\", \"valid_until\": "
        "\"2026-04-30\"},"
        "\"staff\": [{\"role\": \"SOCIAL_WORKER\", \"persons\": 1}, {\"role\": \"SAKTI_PEKSOS\","
        "\"persons\": 2}, {\"role\": \"ADDICTION_SOCIAL_WORKER\", \"persons\": 4}, {\"role\": "
        "\"SOCIAL_WELFARE_WORKER\", \"persons\": 8}, {\"role\": \"SOCIAL_VOLUNTEER\", "
        "\"volunteer\": \"TKSK\", \"persons\": 16}, {\"role\": \"SOCIAL_VOLUNTEER\", \"persons\": "
        "32}, {\"role\": \"DOCTOR\", \"persons\": 64}]");
    ASSERT_STR(f.node.id, "lksa/3302/0008");
    ASSERT_EQ(f.node.kind, NODE_LKSA);
    ASSERT_TRUE(f.node.no_clients && !f.node.inactive && f.node.staff_told);
    ASSERT_EQ(f.node.accreditation_grade, ACCREDITATION_GRADE_C);
    ASSERT_DAY(f.node.accreditation_valid_until, 2025, 4, 30);
    ASSERT_EQ(f.node.designation_by, DESIGNATION_BY_GOVERNOR);
    ASSERT_EQ(f.node.designation_scope, DESIGNATION_SCOPE_BOTH);
    ASSERT_DAY(f.node.designation_valid_until, 2026, 4, 30);
    ASSERT_EQ(f.node.social_workers, 7);
    ASSERT_EQ(f.node.welfare_workers, 8);
    ASSERT_EQ(f.node.volunteers, 48);
    f = facts_of(KIND_NODE_RECORD,
                 "\"staff\": [{\"role\": 3, \"persons\": 4294967295}, {\"role\": 3, \"persons\": "
                 "4294967295}]");
    ASSERT_EQ(f.node.volunteers, INT32_MAX);
    f = facts_of(KIND_CAPACITY_UPDATE, "\"as_of_at\": " AT_TEXT ", \"free_places\": [{\"cluster\": "
                                       "\"CHILD\", \"places\": 3}, {\"places\": 0}, {\"places\": "
                                       "4}]");
    ASSERT_AT(f.capacity.as_of_ms);
    ASSERT_EQ(f.capacity.places, 7);
    f = facts_of(KIND_DATA_SUBJECT_ACTION,
                 "\"case_id\": " ID_TEXT ", \"action\": \"ERASE\", \"due_at\": " AT_TEXT);
    ASSERT_ID(f.subject.case_id);
    ASSERT_EQ(f.subject.action, 3);
    ASSERT_AT(f.subject.due_ms);
}

TEST(what_brokers_tell_each_other_arrives) {
    Facts f =
        facts_of(KIND_RECEIPT,
                 "\"message_id\": " ID_TEXT ", \"recipient\": \"dsk/3203\", \"level\": "
                 "\"UNDELIVERABLE\", \"cause\": \"SUPERSEDED\", \"leg\": \"hub\", \"said_at\": " //
                 AT_TEXT);
    ASSERT_ID(f.receipt.message_id);
    ASSERT_STR(f.receipt.recipient, "dsk/3203");
    ASSERT_STR(f.receipt.leg, "hub");
    ASSERT_EQ(f.receipt.level, LEVEL_UNDELIVERABLE);
    ASSERT_EQ(f.receipt.cause, CAUSE_SUPERSEDED);
    ASSERT_AT(f.receipt.said_ms);
    f = facts_of(KIND_RECALL_ORDER, "\"message_id\": " ID_TEXT);
    ASSERT_ID(f.recall.message_id);
    f = facts_of(KIND_NOTICE, "\"code\": \"R-072\", \"item_kind\": \"PROPOSAL\", \"item_id\": "
                              "" ID_TEXT ", \"level\": 2, \"owed_by_node\": \"dsk/3203\","
                              "\"due_at\": " AT_TEXT);
    ASSERT_STR(f.notice.code, "R-072");
    ASSERT_EQ(f.notice.item_kind, 5);
    ASSERT_ID(f.notice.item_id);
    ASSERT_EQ(f.notice.level, 2);
    ASSERT_STR(f.notice.owed_by_node, "dsk/3203");
    ASSERT_AT(f.notice.due_ms);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts of every kind from protobuf: each field is given by its name in a message file, and must
 * arrive in the member of that name; then it must survive the packed form.
 */

#include <stdio.h>

#include "base/text.h"
#include "law/item.h"
#include "serasi/v1/event.pb-c.h"
#include "serasi/v1/receipt.pb-c.h"
#include "serasi/v1/referral.pb-c.h"
#include "test.h"
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

static int read_facts(int kind, const char *facts, Facts *ret, char why[static JSON_WHY_SIZE]) {
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
static Facts facts_of(int kind, const char *text) {
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

static void assert_refused(int kind, const char *text, const char *expected) {
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

static void assert_staff(const Staff *s) {
    ASSERT_TRUE(s->present && s->competence_supervision);
    ASSERT_EQ(s->role, HR_ROLE_SAKTI_PEKSOS);
    ASSERT_DAY(s->certificate_valid_until, 2027, 8, 31);
}

static void assert_document(const Document *d, const char *issuer, int issuer_kind, int day) {
    ASSERT_TRUE(d->present);
    ASSERT_STR(d->issuer, issuer);
    ASSERT_EQ(d->issuer_kind, issuer_kind);
    ASSERT_DAY(d->issued_on, 2025, 3, (uint8_t)day);
}

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

/* --- documents, codes, forms --- */

TEST(of_several_documents_of_a_type_the_last_issued_counts) {
    Facts f = facts_of(KIND_REFERRAL_UPDATE,
                       "\"documents\": ["
                       "{\"type\": \"CONSENT_LETTER\", \"issuer\": \"a/1\"},"
                       "{\"type\": \"CONSENT_LETTER\", \"issuer\": \"a/3\", \"issued_on\": "
                       "\"2025-03-03\"},"
                       "{\"type\": \"CONSENT_LETTER\", \"issuer\": \"a/2\", \"issued_on\": "
                       "\"2025-03-02\"},"
                       "{\"type\": \"OTHER\", \"issuer\": \"a/4\", \"issued_on\": \"2025-03-04\"},"
                       "{\"type\": \"OTHER\", \"issuer\": \"a/5\", \"issued_on\": \"2025-03-04\"},"
                       "{\"issuer\": \"a/6\"}, {\"type\": 17, \"issuer\": \"a/7\"}]");
    const Document *of = f.update.documents.of;
    assert_document(&of[DOCUMENT_TYPE_CONSENT_LETTER], "a/3", 0, 3);
    assert_document(&of[DOCUMENT_TYPE_OTHER], "a/5", 0, 4);
    ASSERT_TRUE(!of[DOCUMENT_TYPE_UNSPECIFIED].present);
    f = facts_of(KIND_HANDOVER_MINUTES, /* whichever field they stand in */
                 "\"health_certificate\": {\"type\": \"HEALTH_CERTIFICATE\", \"issuer\": \"a/1\","
                 "\"issued_on\": \"2025-03-09\"}, \"documents\": [{\"type\": "
                 "\"HEALTH_CERTIFICATE\", \"issuer\": \"a/2\", \"issued_on\": \"2025-03-08\"}]");
    assert_document(&f.handover.documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE], "a/1", 0, 9);
}

TEST(codes_of_tomorrow_are_told_from_none) {
    Serasi__V1__ReferralRequest request = SERASI__V1__REFERRAL_REQUEST__INIT;
    Serasi__V1__Criterion criteria[] = { 2, 31, 32, -1, 4711 };
    uint8_t buf[256];
    const char *why;
    Facts f;
    request.referral_kind = 4711;
    request.basis = 254;
    request.age_band = -3;
    request.n_criteria = ARRAY_SIZE(criteria);
    request.criteria = criteria;
    const size_t n = protobuf_c_message_pack(&request.base, buf);
    ASSERT_OK(facts_decode(KIND_REFERRAL_REQUEST, bytes_make(buf, n), &f, &why));
    ASSERT_EQ(f.request.referral_kind, UINT8_MAX);
    ASSERT_EQ(f.request.basis, 254);
    ASSERT_EQ(f.request.age_band, UINT8_MAX);
    ASSERT_CODES(f.request.criteria, 2, 31);
}

TEST(values_out_of_form_are_refused) {
    assert_refused(KIND_COMPLAINT, "\"about_node\": \"Panti Budi\"",
                   "facts.about_node: not a node id");
    assert_refused(KIND_REFERRAL_RESPONSE, "\"redirect_to\": \"UPT/satria\"",
                   "facts.redirect_to: not a node id");
    assert_refused(KIND_AFTERCARE, "\"assessment\": {\"issuer\": \"dr. X\"}",
                   "facts.assessment.issuer: not a node id");
    assert_refused(KIND_REFERRAL_UPDATE, "\"documents\": [{}, {\"issuer\": \"RSUD\"}]",
                   "facts.documents.issuer: not a node id");
    assert_refused(KIND_RECEIPT, "\"message_id\": " ID_TEXT ", \"level\": 3, \"recipient\": \"A\"",
                   "facts.recipient: not a node id");
    assert_refused(KIND_SUPERVISION_ASSISTANCE_REQUEST, "\"regency\": \"33.08\"",
                   "facts.regency: not a region code");
    assert_refused(KIND_SUPERVISION_ASSISTANCE_REQUEST, "\"regency\": \"12345678901\"",
                   "facts.regency: not a region code");
    assert_refused(KIND_NOTICE, "\"code\": \"A_CODE_OF_24_CHARACTERS_\"", "facts.code: too long");
    assert_refused(KIND_RECEIPT, "\"level\": 3", "facts.message_id: not 16 bytes");
    assert_refused(KIND_RECEIPT, "\"message_id\": " ID_TEXT, "facts.level: out of range");
    assert_refused(KIND_RECEIPT, "\"message_id\": " ID_TEXT ", \"level\": 3, \"cause\": 13",
                   "facts.cause: out of range");
    assert_refused(KIND_RECALL_ORDER, "", "facts.message_id: not 16 bytes");
}

static const char *why_of(int kind, const ProtobufCMessage *m) {
    uint8_t buf[256];
    const char *why = "";
    Facts f;
    const size_t n = protobuf_c_message_pack(m, buf);
    ASSERT_EQ(facts_decode(kind, bytes_make(buf, n), &f, &why), WIRE_MALFORMED);
    return why;
}

TEST(ids_days_and_times_are_checked_wherever_they_stand) {
    uint8_t short_id[15] = { 1 };
    Serasi__V1__Date day = { .base = PROTOBUF_C_MESSAGE_INIT(&serasi__v1__date__descriptor),
                             .year = 2025,
                             .month = 2,
                             .day = 29 };
    Serasi__V1__RoleRef worker = SERASI__V1__ROLE_REF__INIT;
    Serasi__V1__FollowUpPlan plan = SERASI__V1__FOLLOW_UP_PLAN__INIT;
    Serasi__V1__HandoverMinutes minutes = SERASI__V1__HANDOVER_MINUTES__INIT;
    Serasi__V1__ReferralRequest request = SERASI__V1__REFERRAL_REQUEST__INIT;
    worker.certificate_valid_until = &day;
    plan.worker = &worker;
    minutes.follow_up_plan = &plan;
    ASSERT_STR(why_of(KIND_HANDOVER_MINUTES, &minutes.base), "facts: a day that does not exist");
    request.parent_referral_id = (ProtobufCBinaryData) { sizeof(short_id), short_id };
    ASSERT_STR(why_of(KIND_REFERRAL_REQUEST, &request.base), "facts: an id is not 16 bytes");
    request.parent_referral_id = (ProtobufCBinaryData) { 0 };
    request.reply_by_at = UINT64_MAX;
    ASSERT_STR(why_of(KIND_REFERRAL_REQUEST, &request.base), "facts: time out of range");
}

TEST(personal_data_in_place_of_a_node_id_is_named_as_such) {
    Facts f;
    char why[JSON_WHY_SIZE] = "";
    ASSERT_OK(read_facts(KIND_AFTERCARE, "\"assessment\": {\"issuer\": \"dr.budi@example.com\"}",
                         &f, why));
    ASSERT_STR(f.personal_field, "facts.assessment.issuer");
    ASSERT_STR(f.aftercare.assessment.issuer, "");
    ASSERT_OK(read_facts(KIND_HANDOVER_MINUTES,
                         "\"health_certificate\": {\"locator\": \"hp 081234567890\"}", &f, why));
    ASSERT_STR(f.personal_field, "facts.health_certificate.locator");
}

/* --- the table and the schemas --- */

static bool fits(const FactField *row, const ProtobufCFieldDescriptor *f) {
    const bool list = f->label == PROTOBUF_C_LABEL_REPEATED;
    const bool number = f->type == PROTOBUF_C_TYPE_ENUM || f->type == PROTOBUF_C_TYPE_UINT32;
    const bool message = f->type == PROTOBUF_C_TYPE_MESSAGE;
    switch ((FactType)row->type) {
    case FACT_CODE:
    case FACT_NUMBER:
        return number && !list;
    case FACT_CODES:
        return number && list;
    case FACT_FLAG:
        return f->type == PROTOBUF_C_TYPE_BOOL && !list;
    case FACT_TIME:
        return f->type == PROTOBUF_C_TYPE_FIXED64 && !list;
    case FACT_DATE:
        return reflect_is_date(f) && !list;
    case FACT_ID:
        return reflect_is_id(f) && !list;
    case FACT_IDS:
        return reflect_is_id(f) && list;
    case FACT_TEXT:
        return f->type == PROTOBUF_C_TYPE_STRING && !list;
    case FACT_COUNT:
        return list;
    case FACT_STAFF:
        return message && !list && f->descriptor == &serasi__v1__role_ref__descriptor;
    case FACT_DOCUMENT:
        return message && !list && f->descriptor == &serasi__v1__document_ref__descriptor;
    case FACT_DOCUMENTS:
        return message && f->descriptor == &serasi__v1__document_ref__descriptor;
    }
    return false;
}

/* A row with text or a document, given something that is neither node, region nor code. */
static void assert_names_itself(int kind, const FactField *row, const char *name) {
    char text[128], want[128], why[JSON_WHY_SIZE] = "";
    Facts f;
    const bool is_text = row->type == FACT_TEXT, is_list = strcmp(name, "documents") == 0;
    (void)snprintf(want, sizeof(want), "facts.%s%s: ", name, is_text ? "" : ".issuer");
    (void)snprintf(text, sizeof(text), "\"%s\": %s", name,
                   is_text   ? "\"A code of no meaning at all\""
                   : is_list ? "[{\"issuer\": \"A\"}]"
                             : "{\"issuer\": \"A\"}");
    ASSERT_TRUE(read_facts(kind, text, &f, why) != 0);
    if (strncmp(why, want, strlen(want)) != 0)
        fail_msg("%s says: %s", want, why);
}

TEST(every_row_of_the_table_fits_its_field) {
    unsigned kinds = 0;
    for (int kind = 0; kind < 100; kind++) {
        const ProtobufCMessageDescriptor *d = kind_facts(kind);
        size_t n;
        const FactField *rows = facts_fields(kind, &n);
        ASSERT_EQ(d != NULL, rows != NULL);
        kinds += d != NULL;
        for (size_t i = 0; i < n; i++) {
            if (rows[i].number == 0)
                continue;
            const ProtobufCFieldDescriptor *f =
                protobuf_c_message_descriptor_get_field(d, rows[i].number);
            if (!f || !fits(&rows[i], f))
                fail_msg("%s: row %zu, field %d", d->short_name, i, rows[i].number);
            if (rows[i].type == FACT_TEXT || rows[i].type >= FACT_DOCUMENT)
                assert_names_itself(kind, &rows[i], f->name);
        }
    }
    ASSERT_EQ(kinds, 32);
}

/* law/ and wire/ never see each other, so nobody else can compare these. */
TEST(kinds_of_items_are_those_of_the_schema) {
    ASSERT_EQ(ITEM_REFERRAL, SERASI__V1__ITEM_KIND__ITEM_KIND_REFERRAL);
    ASSERT_EQ(ITEM_COMPLAINT, SERASI__V1__ITEM_KIND__ITEM_KIND_COMPLAINT);
    ASSERT_EQ(ITEM_CASE, SERASI__V1__ITEM_KIND__ITEM_KIND_CASE);
    ASSERT_EQ(ITEM_EVENT, SERASI__V1__ITEM_KIND__ITEM_KIND_EVENT);
    ASSERT_EQ(ITEM_PROPOSAL, SERASI__V1__ITEM_KIND__ITEM_KIND_PROPOSAL);
    ASSERT_EQ(ITEM_NODE, SERASI__V1__ITEM_KIND__ITEM_KIND_NODE);
    ASSERT_EQ(ITEM_KINDS, ITEM_NODE + 1);
}

TEST_MAIN

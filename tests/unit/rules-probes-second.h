/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An edge is a lawful message (its base), what is changed in it, and the codes the
 * whole table then gives:
 *
 *   EDGE(stage, r_104_wants_an_initial_approach, "R-104") {
 *       r->message->facts.stage.initial_approach = 0;
 *   }
 *
 * Edges register themselves; test-rules-second.c runs them, and test-rules-mutation.c with tables
 * that lack a rule.
 */

#include "rules-fixture.h"

typedef struct Edge {
    const char *name, *wanted;
    void (*base)(Rig *), (*change)(Rig *);
} Edge;

#define EDGES_MAX 512U
static Edge edge_list[EDGES_MAX];
static size_t edge_count;

#define EDGE(start, id, wanted_)                                                                   \
    static void edge_##id(Rig *r);                                                                 \
    __attribute__((constructor)) static void register_edge_##id(void) {                            \
        if (edge_count == EDGES_MAX)                                                               \
            abort();                                                                               \
        edge_list[edge_count++] =                                                                  \
            (Edge) { .name = #id, .wanted = wanted_, .base = base_##start, .change = edge_##id };  \
    }                                                                                              \
    static void edge_##id(Rig *r __attribute__((unused)))

/* The directory of the fixture with the tree of supervision, and systems that speak for others. */
static inline void rig_supervised(Rig *r) {
    static const struct {
        const char *id;
        int kind;
        const char *parent;
    } list[] = {
        { "hub", NODE_NATIONAL_HUB, "min/setditjen" },
        { "min/setditjen", NODE_MINISTRY_UNIT, "" },
        { "min/lansia", NODE_MINISTRY_UNIT, "min/setditjen" },
        { "min/pusdatin", NODE_MINISTRY_UNIT, "" },
        { "dsk/3308", NODE_SOCIAL_AGENCY_REGENCY, "dsp/33" },
        { "lksa/3203/0017", NODE_LKSA, "dsk/3203" },
        { "int/uptd-32-pa-02", NODE_INTEGRATION_CLIENT, "uptd/32/pa-02" },
        { "int/dsk-3203", NODE_INTEGRATION_CLIENT, "dsk/3203" },
    };
    DirNode n;
    directory_unref(r->directory);
    ASSERT_OK(directory_new(&r->directory));
    rules_add_offices(r->directory);
    rules_add_institutions(r->directory);
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        (void)rules_node(&n, list[i].id, list[i].kind);
        (void)text_copy(n.parent, sizeof(n.parent), list[i].parent);
        ASSERT_OK(directory_add_node(r->directory, &n));
    }
    (void)rules_node(&n, "min/anak", NODE_MINISTRY_UNIT);
    n.clusters[n.n_clusters++] = CLUSTER_CHILD;
    ASSERT_OK(directory_add_node(r->directory, &n));
    ASSERT_OK(directory_seal(r->directory, 1));
}

static inline Rig *edge_rig(const Edge *e) {
    Rig *r = rig_new();
    rig_supervised(r);
    r->referral.kind = ITEM_REFERRAL;
    r->complaint.kind = ITEM_COMPLAINT;
    r->case_file.kind = ITEM_CASE;
    r->event.kind = ITEM_EVENT;
    r->node.kind = ITEM_NODE;
    e->base(r);
    e->change(r);
    return r;
}

/* --- changes --- */

static inline Envelope *rig_case(Rig *r, int kind, const char *sender, const char *region) {
    rig_send(r, kind, sender, "hub", region);
    return &r->message->env;
}

static inline void node_text(char dst[static NODE_NAME_SIZE], const char *node) {
    (void)text_copy(dst, NODE_NAME_SIZE, node);
}

static inline void rig_from(Rig *r, const char *sender) {
    node_text(r->message->env.sender, sender);
}

static inline void rig_and_to(Rig *r, const char *node) {
    Audience *a = &r->message->env.audience;
    node_text(a->nodes[a->n++], node);
    r->to[r->n_to].role = ROLE_ADDRESSEE;
    node_text(r->to[r->n_to++].node, node);
}

/* The role, and the one who has it; where nobody has, the UPT of the region, then the hub. */
static inline void rig_to_role(Rig *r, int kind, const char *region) {
    const DirNode *n = directory_by_role(r->directory, kind, region, CLUSTER_ANY);
    if (!n)
        n = directory_by_role(r->directory, NODE_UPT_BALAI, region, CLUSTER_ANY);
    rig_to(r, n ? n->id : "hub");
    r->message->env.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = kind };
    (void)text_copy(r->message->env.audience.role_region, REGION_SIZE, region);
}

static inline void rig_sealed(Rig *r, size_t n) {
    body_unref(r->message->body);
    r->message->body =
        body_new(bytes_make("envelope", 8), bytes_make("facts", 5), bytes_make("sealed", n));
    assert_non_null(r->message->body);
}

static inline Document document_of(const char *issuer) {
    Document d = { .present = true, .issued_on = { 2025, 3, 9 } };
    node_text(d.issuer, issuer);
    return d;
}

/* --- bases: lawful messages --- */

/* uptd/32/pa-02 completes stage 2 of a case that is at stage 2. */
static void base_stage(Rig *r) {
    rig_case(r, KIND_CASE_STAGE_UPDATE, "uptd/32/pa-02", "3203");
    rig_to(r, "dsk/3203");
    CaseStageFacts *f = &r->message->facts.stage;
    f->stage = ATENSI_STAGE_INITIAL_APPROACH_AND_AGREEMENT;
    f->phase = STAGE_PHASE_COMPLETED;
    f->on = (CivilDate) { 2025, 3, 10 };
    f->supervisor = social_worker();
    f->initial_approach = codes_of(INITIAL_APPROACH_INITIAL_ASSESSMENT);
    f->aspects = codes_of(ASSESSMENT_ASPECT_LEGAL);
    f->planning_steps = codes_of(PLANNING_STEP_RESOURCE_MAPPING) |
                        codes_of(PLANNING_STEP_PLAN_DRAFTING) |
                        codes_of(PLANNING_STEP_JOINT_DECISION);
    f->approaches = codes_of(APPROACH_FAMILY);
    f->service_forms = codes_of(SERVICE_FORM_THERAPY);
    f->indicators = codes_of(PERFORMANCE_INDICATOR_OUTPUT);
    r->case_file.state = CASE_STAGE_2;
    r->case_file.case_file.dtks_status = DTKS_STATUS_LISTED;
    r->known.case_file = &r->case_file;
}

static void stage_at(Rig *r, int at, int next, int phase) {
    r->case_file.state = at;
    r->message->facts.stage.stage = (uint8_t)next;
    r->message->facts.stage.phase = (uint8_t)phase;
}

static void base_opened(Rig *r) {
    rig_case(r, KIND_CASE_OPENED, "dsk/3203", "3203");
    rig_to(r, "dsp/32");
    CaseOpenedFacts *f = &r->message->facts.opened;
    f->access_source = ACCESS_SOURCE_COMPLAINT_REPORT;
    f->origin_id.b[0] = 9;
    f->cluster = CLUSTER_CHILD;
    f->target_unit = TARGET_UNIT_INDIVIDUAL;
    f->dtks_status = DTKS_STATUS_NOT_LISTED;
    f->criteria = codes_of(CRITERION_NEGLECT);
    f->case_manager = social_worker();
}

static void base_aftercare(Rig *r) {
    rig_case(r, KIND_AFTERCARE, "uptd/32/pa-02", "3203");
    rig_to(r, "dsk/3203");
    AftercareFacts *f = &r->message->facts.aftercare;
    f->assessment = document_of("uptd/32/pa-02");
    f->assessment_type = DOCUMENT_TYPE_AFTERCARE_ASSESSMENT;
    f->assessor = social_worker();
}

static void base_termination(Rig *r) {
    rig_case(r, KIND_TERMINATION, "uptd/32/pa-02", "3203");
    rig_to(r, "dsk/3203");
    r->message->facts.termination.reason = TERMINATION_REASON_GOAL_REACHED;
    r->message->facts.termination.on = (CivilDate) { 2025, 3, 10 };
    r->case_file.state = CASE_STAGE_7;
    r->known.case_file = &r->case_file;
}

static void base_response(Rig *r) {
    rig_case(r, KIND_CASE_RESPONSE, "dsk/3203", "3203");
    rig_to(r, "upt/phala-martha");
    CaseResponseFacts *f = &r->message->facts.case_response;
    f->emergency = true;
    f->given = codes_of(SERVICE_FORM_DECENT_LIVING_SUPPORT);
    f->responded_ms = RULES_NOW - HOUR_MS;
}

/* uptd/32/pa-02 declines a referral of somebody who is not in the register: it has no place. */
static void base_decline(Rig *r) {
    rig_case(r, KIND_REFERRAL_RESPONSE, "uptd/32/pa-02", "3203");
    rig_to(r, "dsk/3203");
    ReferralResponseFacts *f = &r->message->facts.response;
    f->referral_id.b[0] = 5;
    f->decision = REFERRAL_DECISION_DECLINED;
    f->decline_reason = DECLINE_REASON_NO_CAPACITY;
    r->referral.state = REFERRAL_DELIVERED;
    (void)text_copy(r->referral.region, REGION_SIZE, "3203");
    Referral *ref = &r->referral.referral;
    ref->referral_kind = REFERRAL_KIND_TO_SOCIAL_HOME;
    ref->dtks_status = DTKS_STATUS_NOT_LISTED;
    node_text(ref->requester, "dsk/3203");
    node_text(ref->target, "uptd/32/pa-02");
    r->known.referral = &r->referral;
}

static void base_proposal(Rig *r) {
    rig_case(r, KIND_DTKS_PROPOSAL, "upt/phala-martha", "3203");
    rig_to(r, "dsk/3203");
    r->message->facts.proposal.reason = DTKS_REASON_SERVICE_RECIPIENT_NOT_LISTED;
    r->message->facts.proposal.proposed_on = (CivilDate) { 2025, 3, 10 };
}

static void base_complaint(Rig *r) {
    rig_case(r, KIND_COMPLAINT, "pks/3203052001", "3203052001")->case_id = (Uuid) { 0 };
    rig_to(r, "dsk/3203");
    ComplaintFacts *f = &r->message->facts.complaint;
    f->type = COMPLAINT_TYPE_GRIEVANCE;
    f->channel = COMPLAINT_CHANNEL_PUSKESOS;
    f->subject = COMPLAINT_SUBJECT_STAFF_MISCONDUCT;
    f->received_on = (CivilDate) { 2025, 3, 10 };
    node_text(f->about_node, "lks/3203/0042");
}

/* dsk/3203 closes the complaint about lks/3203/0042, which was resolved. */
static void base_follow_up(Rig *r) {
    rig_case(r, KIND_COMPLAINT_UPDATE, "dsk/3203", "3203")->case_id = (Uuid) { 0 };
    rig_to(r, "pks/3203052001");
    r->message->facts.complaint_update.complaint_id.b[0] = 3;
    r->message->facts.complaint_update.action = COMPLAINT_ACTION_CLOSE;
    r->complaint.state = COMPLAINT_RESOLVED;
    r->complaint.complaint.resolved = true;
    node_text(r->complaint.custodian, "dsk/3203");
    node_text(r->complaint.complaint.about_node, "lks/3203/0042");
    r->known.complaint = &r->complaint;
}

static void base_event(Rig *r) {
    Envelope *e = rig_case(r, KIND_EXTRAORDINARY_EVENT, "dsp/32", "32");
    e->case_id = (Uuid) { 0 };
    e->cluster = CLUSTER_ANY;
    e->sensitivity = SENSITIVITY_INTERNAL;
    e->urgency = URGENCY_EVENT;
    e->audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 1, .scope = { "32" } };
    EventFacts *f = &r->message->facts.event;
    f->event_type = EVENT_TYPE_NATURAL_DISASTER;
    f->status = EVENT_STATUS_VERIFIED;
    f->n_regions = 1;
    f->occurred_ms = RULES_NOW - HOUR_MS;
}

/* The monthly child report of a regency to its province. */
static void base_report(Rig *r) {
    Envelope *e = rig_case(r, KIND_TIERED_REPORT, "dsk/3203", "3203");
    e->case_id = (Uuid) { 0 };
    e->cluster = CLUSTER_ANY;
    e->sensitivity = SENSITIVITY_INTERNAL;
    rig_to(r, "dsp/32");
    TieredReportFacts *f = &r->message->facts.report;
    f->report_type = REPORT_TYPE_CHILD_OUTSIDE_HOME;
    f->period_begins_on = (CivilDate) { 2025, 2, 1 };
    f->period_ends_on = (CivilDate) { 2025, 2, 28 };
}

static void base_province_report(Rig *r) {
    base_report(r);
    rig_from(r, "dsp/32");
    (void)text_copy(r->message->env.region, REGION_SIZE, "32");
    rig_to(r, "min/setditjen");
}

static void base_atensi_report(Rig *r) {
    base_report(r);
    r->message->facts.report.report_type = REPORT_TYPE_ATENSI;
    rig_and_to(r, "kdn");
}

/* The ministry supervises a province. */
static void base_notice(Rig *r) {
    Envelope *e = rig_case(r, KIND_SUPERVISION_NOTICE, "min/setditjen", "33");
    e->case_id = (Uuid) { 0 };
    e->cluster = CLUSTER_ANY;
    e->sensitivity = SENSITIVITY_INTERNAL;
    rig_to(r, "dsp/33");
    r->message->facts.supervision.basis = SUPERVISION_BASIS_DIRECT;
    node_text(r->message->facts.supervision.about_node, "dsp/33");
}

static void notice_about(Rig *r, const char *node, int basis) {
    rig_to(r, node);
    node_text(r->message->facts.supervision.about_node, node);
    r->message->facts.supervision.basis = (uint8_t)basis;
}

/* An elderly person, proposed by dsk/3203 to the UPT of its area (RF-5). */
static void base_elderly(Rig *r) {
    Envelope *e = rig_case(r, KIND_REFERRAL_REQUEST, "dsk/3203", "3203");
    e->cluster = CLUSTER_ELDERLY;
    e->sensitivity = SENSITIVITY_PERSONAL;
    rig_to(r, "upt/phala-martha");
    ReferralRequestFacts *f = &r->message->facts.request;
    f->referral_kind = REFERRAL_KIND_ELDERLY_PROPOSAL;
    f->target_unit = TARGET_UNIT_INDIVIDUAL;
    f->criteria = codes_of(CRITERION_NEGLECT);
    f->age_band = AGE_BAND_AGE_60_PLUS;
    f->requested_on = (CivilDate) { 2025, 3, 10 };
    f->approach = APPROACH_FAMILY;
    f->dtks_status = DTKS_STATUS_NOT_LISTED;
    f->assessor = social_worker();
    f->documents.of[DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT] = document_of("dsk/3203");
}

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

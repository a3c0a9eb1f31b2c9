/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Probes of: rules-edges-case.h, -matters.h, -privacy.h. An edge is a lawful message
 * (its base), what is changed in it, and the codes the whole table then gives:
 *
 *   EDGE(stage, r_104_wants_an_initial_approach, "R-104") {
 *       r->message->facts.stage.initial_approach = 0;
 *   }
 *
 * Edges register themselves; test-rules-edges.c runs them, and test-rules-mutation.c with tables
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

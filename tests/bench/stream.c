/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/stream.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "serasi/v1/case.pb-c.h"
#include "serasi/v1/complaint.pb-c.h"
#include "serasi/v1/data.pb-c.h"
#include "serasi/v1/envelope.pb-c.h"
#include "serasi/v1/event.pb-c.h"
#include "serasi/v1/referral.pb-c.h"

#define ZONE_MIN 420 /* all of these regions are in WIB */

/* --- steps ---------------------------------------------------------------------------------- */

typedef struct Turn {
    const Stream *stream;
    uint64_t case_no;
    uint32_t step;
    int64_t now_ms;
    bool home; /* STREAM_HOME */
    char names[STREAM_NODES][NODE_NAME_SIZE];
    char region[REGION_SIZE];
    uint8_t *facts;
    size_t n_facts;
} Turn;

typedef struct Step {
    int kind;
    StreamNode from, to;
    void (*say)(Turn *t, int what, int phase);
    int what, phase;
} Step;

static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static Uuid id_of(const Stream *s, uint64_t case_no, uint32_t step) {
    const uint64_t tick = case_no + (uint64_t)step * s->setup.gap;
    const int64_t ms = s->setup.start_ms + (int64_t)tick * s->setup.case_ms;
    const uint64_t a = mix(case_no << 5 | step), b = mix(a ^ s->setup.salt);
    Uuid id;
    for (unsigned i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    memcpy(id.b + 6, &a, 2);
    memcpy(id.b + 8, &b, 8);
    id.b[6] = (uint8_t)(0x70 | (id.b[6] & 15));
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 63));
    return id;
}

static Uuid case_id_of(const Stream *s, uint64_t case_no) {
    const uint64_t halves[2] = { mix(case_no ^ (uint64_t)s->setup.salt << 40),
                                 mix(mix(case_no) + s->setup.salt) };
    Uuid id;
    memcpy(id.b, halves, sizeof(halves));
    return id;
}

/* --- pieces of facts ------------------------------------------------------------------------ */

static ProtobufCBinaryData data(const void *p, size_t n) {
    return (ProtobufCBinaryData) { .data = (uint8_t *)(uintptr_t)p, .len = n };
}

static Serasi__V1__Date day(const Turn *t, int days) {
    Serasi__V1__Date d = SERASI__V1__DATE__INIT;
    const CivilDate c = civil_at(t->now_ms + days * DAY_MS, ZONE_MIN);
    d.year = (uint32_t)c.year;
    d.month = c.month;
    d.day = c.day;
    return d;
}

static const uint8_t a_digest[32] = { 7, 7, 7 };

/* A member of staff with a certificate; an enclosed document: each with what it points to. */
typedef struct Worker {
    Serasi__V1__RoleRef ref;
    Serasi__V1__Date until;
} Worker;

static Serasi__V1__RoleRef *worker(const Turn *t, Worker *ret) {
    ret->until = day(t, 700);
    ret->ref = (Serasi__V1__RoleRef)SERASI__V1__ROLE_REF__INIT;
    ret->ref.role = SERASI__V1__HR_ROLE__HR_ROLE_SOCIAL_WORKER;
    ret->ref.staff_ref = data(a_digest, 16);
    ret->ref.competence_supervision = true;
    ret->ref.certificate_valid_until = &ret->until;
    return &ret->ref;
}

typedef struct Paper {
    Serasi__V1__DocumentRef ref;
    Serasi__V1__Date issued;
} Paper;

static Serasi__V1__DocumentRef *paper(const Turn *t, Paper *ret, int type, const char *issuer,
                                      int issuer_kind) {
    ret->issued = day(t, -1);
    ret->ref = (Serasi__V1__DocumentRef)SERASI__V1__DOCUMENT_REF__INIT;
    ret->ref.type = (Serasi__V1__DocumentType)type;
    ret->ref.number = (char *)(uintptr_t) "440/117/DS";
    ret->ref.issuer = (char *)(uintptr_t)issuer;
    ret->ref.issuer_kind = (Serasi__V1__IssuerKind)issuer_kind;
    ret->ref.issued_on = &ret->issued;
    ret->ref.sha256 = data(a_digest, sizeof(a_digest));
    ret->ref.size = 180000;
    ret->ref.media_type = (char *)(uintptr_t) "application/pdf";
    return &ret->ref;
}

#define PACK(t, message)                                                                           \
    do {                                                                                           \
        (t)->n_facts = protobuf_c_message_get_packed_size(&(message)->base);                       \
        assert((t)->n_facts <= STREAM_PART_MAX);                                                   \
        protobuf_c_message_pack(&(message)->base, (t)->facts);                                     \
    } while (0)

/* --- complaints ----------------------------------------------------------------------------- */

static void say_complaint(Turn *t, int what, int phase) {
    Serasi__V1__Complaint f = SERASI__V1__COMPLAINT__INIT;
    Serasi__V1__Date received = day(t, 0);
    (void)what;
    (void)phase;
    f.type = SERASI__V1__COMPLAINT_TYPE__COMPLAINT_TYPE_COMPLAINT;
    f.channel = SERASI__V1__COMPLAINT_CHANNEL__COMPLAINT_CHANNEL_WALK_IN;
    f.subject = SERASI__V1__COMPLAINT_SUBJECT__COMPLAINT_SUBJECT_BASIC_NEEDS_UNMET;
    f.received_on = &received;
    PACK(t, &f);
}

static void say_complaint_update(Turn *t, int action, int phase) {
    Serasi__V1__ComplaintUpdate f = SERASI__V1__COMPLAINT_UPDATE__INIT;
    const Uuid id = id_of(t->stream, t->case_no, 0);
    (void)phase;
    f.complaint_id = data(id.b, UUID_SIZE);
    f.action = (Serasi__V1__ComplaintAction)action;
    if (action == COMPLAINT_ACTION_CLASSIFY)
        f.type = SERASI__V1__COMPLAINT_TYPE__COMPLAINT_TYPE_COMPLAINT;
    if (action == COMPLAINT_ACTION_ASSIGN)
        f.assignee = t->names[STREAM_DSK];
    PACK(t, &f);
}

/* --- referrals ------------------------------------------------------------------------------ */

#define REFERRAL_STEP(home) ((home) ? 3U : 16U) /* place of the request in its plan */

static void say_request(Turn *t, int what, int phase) {
    Serasi__V1__ReferralRequest f = SERASI__V1__REFERRAL_REQUEST__INIT;
    Serasi__V1__Date asked = day(t, 0), outside = day(t, -20);
    Serasi__V1__Criterion criteria[] = { SERASI__V1__CRITERION__CRITERION_NEGLECT };
    Serasi__V1__PpksType types[] = { t->home ? SERASI__V1__PPKS_TYPE__PPKS_TYPE_NEGLECTED_CHILD
                                             : SERASI__V1__PPKS_TYPE__PPKS_TYPE_POOR };
    Serasi__V1__NeglectedChildCriterion child[] = {
        SERASI__V1__NEGLECTED_CHILD_CRITERION__NEGLECTED_CHILD_CRITERION_B_NO_CARETAKER
    };
    Serasi__V1__InHomeCriterion in_home[] = {
        SERASI__V1__IN_HOME_CRITERION__IN_HOME_CRITERION_A_NO_CARETAKER
    };
    Serasi__V1__Approach earlier[] = { SERASI__V1__APPROACH__APPROACH_FAMILY };
    Paper papers[4];
    Worker assessor;
    Serasi__V1__DocumentRef *list[] = {
        paper(t, &papers[0], DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT, "", ISSUER_KIND_SOCIAL_WORKER),
        paper(t, &papers[1], DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY, t->names[STREAM_DSK], 0),
        paper(t, &papers[2], DOCUMENT_TYPE_HEALTH_CERTIFICATE, "", ISSUER_KIND_DOCTOR),
        paper(t, &papers[3], DOCUMENT_TYPE_ASSIGNMENT_LETTER, t->names[STREAM_DSK], 0),
    };
    (void)what;
    (void)phase;
    f.referral_kind = t->home ? SERASI__V1__REFERRAL_KIND__REFERRAL_KIND_TO_SOCIAL_HOME
                              : SERASI__V1__REFERRAL_KIND__REFERRAL_KIND_INTER_AGENCY;
    f.target_unit = SERASI__V1__TARGET_UNIT__TARGET_UNIT_INDIVIDUAL;
    f.n_criteria = f.n_ppks_types = f.n_earlier_approaches = 1;
    f.criteria = criteria;
    f.ppks_types = types;
    f.earlier_approaches = earlier;
    f.age_band = t->home ? SERASI__V1__AGE_BAND__AGE_BAND_AGE_0_12
                         : SERASI__V1__AGE_BAND__AGE_BAND_AGE_18_59;
    f.requested_on = &asked;
    f.approach = t->home ? SERASI__V1__APPROACH__APPROACH_RESIDENTIAL
                         : SERASI__V1__APPROACH__APPROACH_COMMUNITY;
    f.assessor = worker(t, &assessor);
    f.dtks_status = SERASI__V1__DTKS_STATUS__DTKS_STATUS_NOT_LISTED;
    f.documents = list;
    f.n_documents = t->home ? 4 : 1;
    if (t->home) {
        f.n_child_criteria = f.n_home_criteria = 1;
        f.child_criteria = child;
        f.home_criteria = in_home;
        f.outside_service_started_on = &outside;
    }
    PACK(t, &f);
}

static Uuid referral_of(const Turn *t) {
    return id_of(t->stream, t->case_no, REFERRAL_STEP(t->home));
}

static void say_response(Turn *t, int decision, int phase) {
    Serasi__V1__ReferralResponse f = SERASI__V1__REFERRAL_RESPONSE__INIT;
    Serasi__V1__DocumentType missing[] = {
        SERASI__V1__DOCUMENT_TYPE__DOCUMENT_TYPE_CONSENT_LETTER
    };
    Serasi__V1__Date from = day(t, 1);
    const Uuid id = referral_of(t);
    (void)phase;
    f.referral_id = data(id.b, UUID_SIZE);
    f.decision = (Serasi__V1__ReferralDecision)decision;
    if (decision == REFERRAL_DECISION_NEEDS_DOCUMENTS) {
        f.n_missing = 1;
        f.missing = missing;
    } else {
        f.placement_from = &from;
    }
    PACK(t, &f);
}

static void say_supplement(Turn *t, int what, int phase) {
    Serasi__V1__ReferralUpdate f = SERASI__V1__REFERRAL_UPDATE__INIT;
    Paper letter;
    Serasi__V1__DocumentRef *list[] = { paper(t, &letter, DOCUMENT_TYPE_CONSENT_LETTER, "",
                                              ISSUER_KIND_FAMILY) };
    const Uuid id = referral_of(t);
    (void)what;
    (void)phase;
    f.referral_id = data(id.b, UUID_SIZE);
    f.action = SERASI__V1__REFERRAL_ACTION__REFERRAL_ACTION_SUPPLEMENT;
    f.n_documents = 1;
    f.documents = list;
    PACK(t, &f);
}

static void say_minutes(Turn *t, int type, int phase) {
    Serasi__V1__HandoverMinutes f = SERASI__V1__HANDOVER_MINUTES__INIT;
    Serasi__V1__Date today = day(t, 0);
    Paper minutes, health;
    char *receiver = t->names[t->home ? STREAM_UPTD : STREAM_PARTNER];
    const Uuid id = referral_of(t);
    (void)phase;
    f.referral_id = data(id.b, UUID_SIZE);
    f.minutes = paper(t, &minutes, type, receiver, 0);
    f.health_certificate =
        paper(t, &health, DOCUMENT_TYPE_HEALTH_CERTIFICATE, "", ISSUER_KIND_DOCTOR);
    f.handed_over_by = t->names[STREAM_DSK];
    f.received_by = receiver;
    f.handed_over_on = &today;
    PACK(t, &f);
}

/* --- cases ---------------------------------------------------------------------------------- */

static void say_opening(Turn *t, int source, int phase) {
    Serasi__V1__CaseOpened f = SERASI__V1__CASE_OPENED__INIT;
    Serasi__V1__Criterion criteria[] = { SERASI__V1__CRITERION__CRITERION_NEGLECT };
    Worker manager;
    const Uuid origin = t->home ? referral_of(t) : id_of(t->stream, t->case_no, 0);
    (void)phase;
    f.access_source = (Serasi__V1__AccessSource)source;
    f.origin_id = data(origin.b, UUID_SIZE);
    f.cluster =
        t->home ? SERASI__V1__CLUSTER__CLUSTER_CHILD : SERASI__V1__CLUSTER__CLUSTER_OTHER_PPKS;
    f.n_criteria = 1;
    f.criteria = criteria;
    f.target_unit = SERASI__V1__TARGET_UNIT__TARGET_UNIT_INDIVIDUAL;
    f.case_manager = worker(t, &manager);
    f.dtks_status = SERASI__V1__DTKS_STATUS__DTKS_STATUS_NOT_LISTED;
    PACK(t, &f);
}

static void say_stage(Turn *t, int stage, int phase) {
    Serasi__V1__CaseStageUpdate f = SERASI__V1__CASE_STAGE_UPDATE__INIT;
    Serasi__V1__ServiceDuration duration = SERASI__V1__SERVICE_DURATION__INIT;
    Serasi__V1__Date today = day(t, 0), until = day(t, 90);
    Serasi__V1__InitialApproach initial[] = { 1, 3 };
    Serasi__V1__AssessmentAspect aspects[] = { 1, 3, 4, 5 };
    Serasi__V1__PlanningStep planning[] = { 1, 2, 3 };
    Serasi__V1__Approach approaches[] = { 1, 2 };
    Serasi__V1__ServiceForm forms[] = { 1, 3, 6 };
    Serasi__V1__PerformanceIndicator indicators[] = { 1, 2, 3 };
    Worker supervisor;
    f.stage = (Serasi__V1__AtensiStage)stage;
    f.phase = (Serasi__V1__StagePhase)phase;
    f.on = &today;
    f.supervisor = worker(t, &supervisor);
    if (stage == 2) {
        f.n_initial_approach = 2;
        f.initial_approach = initial;
    } else if (stage == 3) {
        f.n_aspects = 4;
        f.aspects = aspects;
        f.dtks_status = SERASI__V1__DTKS_STATUS__DTKS_STATUS_NOT_LISTED;
    } else if (stage == 4) {
        duration.basis = SERASI__V1__DURATION_BASIS__DURATION_BASIS_CASE_CONFERENCE;
        duration.until = &until;
        f.n_planning_steps = 3;
        f.planning_steps = planning;
        f.duration = &duration;
    } else if (stage == 5) {
        f.n_approaches = 2;
        f.approaches = approaches;
        f.n_service_forms = 3;
        f.service_forms = forms;
    } else if (stage == 6) {
        f.n_indicators = 3;
        f.indicators = indicators;
    }
    PACK(t, &f);
}

static void say_conference(Turn *t, int what, int phase) {
    Serasi__V1__CaseConference f = SERASI__V1__CASE_CONFERENCE__INIT;
    Serasi__V1__Date today = day(t, 0), until = day(t, 90);
    Serasi__V1__HrRole roles[] = { 1, 2, 9 };
    (void)phase;
    f.kind = (Serasi__V1__ConferenceKind)what;
    f.held_on = &today;
    f.n_participants = 3;
    f.participants = roles;
    f.decides_duration_until = &until;
    PACK(t, &f);
}

static void say_case_response(Turn *t, int what, int phase) {
    Serasi__V1__CaseResponse f = SERASI__V1__CASE_RESPONSE__INIT;
    Serasi__V1__ServiceForm given[] = { 1 };
    Serasi__V1__OutsideHomeNeed needs[] = { 2 };
    Serasi__V1__HrRole team[] = { 1, 3 };
    const Uuid id = case_id_of(t->stream, t->case_no);
    (void)what;
    (void)phase;
    f.case_id = data(id.b, UUID_SIZE);
    f.emergency = true;
    f.n_given = f.n_needs = f.n_given_needs = 1;
    f.given = given;
    f.needs = f.given_needs = needs;
    f.n_team = 2;
    f.team = team;
    f.responded_at = (uint64_t)t->now_ms;
    PACK(t, &f);
}

static void say_proposal(Turn *t, int what, int phase) {
    Serasi__V1__DtksProposal f = SERASI__V1__DTKS_PROPOSAL__INIT;
    Serasi__V1__Date today = day(t, 0);
    (void)phase;
    f.reason = (Serasi__V1__DtksReason)what;
    f.proposed_on = &today;
    PACK(t, &f);
}

static void say_aftercare(Turn *t, int what, int phase) {
    Serasi__V1__Aftercare f = SERASI__V1__AFTERCARE__INIT;
    Serasi__V1__AftercareMeasure measures[] = { 1 };
    Serasi__V1__Date until = day(t, 60);
    Paper assessment;
    Worker assessor;
    (void)what;
    (void)phase;
    f.assessment =
        paper(t, &assessment, DOCUMENT_TYPE_AFTERCARE_ASSESSMENT, "", ISSUER_KIND_SOCIAL_WORKER);
    f.assessor = worker(t, &assessor);
    f.receiving_node = t->names[STREAM_DSK];
    f.n_measures = 1;
    f.measures = measures;
    f.until = &until;
    PACK(t, &f);
}

static void say_termination(Turn *t, int what, int phase) {
    Serasi__V1__Termination f = SERASI__V1__TERMINATION__INIT;
    Serasi__V1__Date today = day(t, 0);
    (void)phase;
    f.reason = (Serasi__V1__TerminationReason)what;
    f.on = &today;
    f.aftercare_done = true;
    PACK(t, &f);
}

/* --- plans ---------------------------------------------------------------------------------- */

#define A STREAM_DSK
#define B STREAM_PARTNER
#define P STREAM_DSP
#define H STREAM_UPTD

static const Step agency[STREAM_STEPS] = {
    { KIND_COMPLAINT, B, A, say_complaint, 0, 0 },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_CLASSIFY, 0 },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_ASSIGN, 0 },
    { KIND_CASE_OPENED, A, B, say_opening, ACCESS_SOURCE_COMPLAINT_REPORT, 0 },
    { KIND_DTKS_PROPOSAL, A, P, say_proposal, 1, 0 },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 1, STAGE_PHASE_COMPLETED },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_RESOLVE, 0 },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_CLOSE, 0 },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 2, STAGE_PHASE_STARTED },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 2, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 3, STAGE_PHASE_STARTED },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 3, STAGE_PHASE_COMPLETED },
    { KIND_CASE_CONFERENCE, A, B, say_conference, 1, 0 },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 4, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 5, STAGE_PHASE_STARTED },
    { KIND_CASE_RESPONSE, A, B, say_case_response, 0, 0 },
    { KIND_REFERRAL_REQUEST, A, B, say_request, 0, 0 },
    { KIND_REFERRAL_RESPONSE, B, A, say_response, REFERRAL_DECISION_NEEDS_DOCUMENTS, 0 },
    { KIND_REFERRAL_UPDATE, A, B, say_supplement, 0, 0 },
    { KIND_REFERRAL_RESPONSE, B, A, say_response, REFERRAL_DECISION_ACCEPTED, 0 },
    { KIND_HANDOVER_MINUTES, B, A, say_minutes, DOCUMENT_TYPE_OTHER, 0 },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 5, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 6, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, A, B, say_stage, 7, STAGE_PHASE_STARTED },
    { KIND_AFTERCARE, A, B, say_aftercare, 0, 0 },
    { KIND_TERMINATION, A, B, say_termination, TERMINATION_REASON_GOAL_REACHED, 0 },
};

static const Step home[STREAM_STEPS] = {
    { KIND_COMPLAINT, B, A, say_complaint, 0, 0 },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_CLASSIFY, 0 },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_ASSIGN, 0 },
    { KIND_REFERRAL_REQUEST, A, H, say_request, 0, 0 },
    { KIND_REFERRAL_RESPONSE, H, A, say_response, REFERRAL_DECISION_NEEDS_DOCUMENTS, 0 },
    { KIND_REFERRAL_UPDATE, A, H, say_supplement, 0, 0 },
    { KIND_REFERRAL_RESPONSE, H, A, say_response, REFERRAL_DECISION_ACCEPTED, 0 },
    { KIND_HANDOVER_MINUTES, H, A, say_minutes, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 0 },
    { KIND_CASE_OPENED, H, A, say_opening, ACCESS_SOURCE_REFERRAL, 0 },
    { KIND_DTKS_PROPOSAL, H, A, say_proposal, 1, 0 },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 1, STAGE_PHASE_COMPLETED },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_RESOLVE, 0 },
    { KIND_COMPLAINT_UPDATE, A, B, say_complaint_update, COMPLAINT_ACTION_CLOSE, 0 },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 2, STAGE_PHASE_STARTED },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 2, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 3, STAGE_PHASE_STARTED },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 3, STAGE_PHASE_COMPLETED },
    { KIND_CASE_CONFERENCE, H, A, say_conference, 1, 0 },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 4, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 5, STAGE_PHASE_STARTED },
    { KIND_CASE_RESPONSE, H, A, say_case_response, 0, 0 },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 5, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 6, STAGE_PHASE_COMPLETED },
    { KIND_CASE_STAGE_UPDATE, H, A, say_stage, 7, STAGE_PHASE_STARTED },
    { KIND_AFTERCARE, H, A, say_aftercare, 0, 0 },
    { KIND_TERMINATION, H, A, say_termination, TERMINATION_REASON_GOAL_REACHED, 0 },
};

#undef A
#undef B
#undef P
#undef H

/* --- nodes ---------------------------------------------------------------------------------- */

/* Four provinces of Java and Sumatra, the rest of the number is the regency. */
static void region_of(uint32_t region, char ret[static REGION_SIZE]) {
    static const unsigned provinces[] = { 33, 32, 35, 12 };
    snprintf(ret, REGION_SIZE, "%02u%02u", provinces[region % 4], region / 4 % 69 + 1);
}

void stream_node(uint32_t region, StreamNode which, char ret_id[static NODE_NAME_SIZE],
                 int *ret_kind, char ret_area[static REGION_SIZE]) {
    static const struct {
        const char *format;
        int kind;
        unsigned digits; /* of its area, and of its name when that has one */
    } list[STREAM_NODES] = {
        [STREAM_DSK] = { "dsk/%.4s", NODE_SOCIAL_AGENCY_REGENCY, 4 },
        [STREAM_PARTNER] = { "part/dinkes-%.4s", NODE_PARTNER_AGENCY, 4 },
        [STREAM_DSP] = { "dsp/%.2s", NODE_SOCIAL_AGENCY_PROVINCE, 2 },
        [STREAM_UPTD] = { "uptd/%.2s/pa-01", NODE_UPTD, 2 },
        [STREAM_UPT] = { "upt/sentra-%.2s", NODE_UPT_BALAI, 2 },
        [STREAM_DIRECTORATE] = { "min/anak%.0s", NODE_MINISTRY_UNIT, 0 },
    };
    char code[REGION_SIZE];
    region_of(region, code);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of the table above */
    snprintf(ret_id, NODE_NAME_SIZE, list[which].format, code);
#pragma GCC diagnostic pop
    *ret_kind = list[which].kind;
    snprintf(ret_area, REGION_SIZE, "%.*s", (int)list[which].digits, code);
}

/* --- messages ------------------------------------------------------------------------------- */

void stream_init(Stream *s, const StreamSetup *setup) {
    assert(setup->sealed <= STREAM_PART_MAX && setup->regions > 0 &&
           setup->regions <= STREAM_REGIONS_MAX);
    *s = (Stream) { .setup = *setup };
    for (size_t i = 0; i < sizeof(s->body); i++)
        s->body[i] = (uint8_t)mix(i);
}

/* The number that the broker does not know, as long as the one it stands for or a byte longer. */
static int other_kind(int kind) {
    return 1000 + kind;
}

static void pack_envelope(const Turn *t, const Step *step, StreamMessage *ret) {
    const StreamSetup *setup = &t->stream->setup;
    Serasi__V1__Envelope e = SERASI__V1__ENVELOPE__INIT;
    Serasi__V1__Audience audience = SERASI__V1__AUDIENCE__INIT;
    char *to[] = { (char *)(uintptr_t)t->names[step->to] };
    uint8_t facts_digest[DIGEST_SIZE], sealed_digest[DIGEST_SIZE];
    const Uuid case_id = case_id_of(t->stream, t->case_no), root = id_of(t->stream, t->case_no, 0);
    const bool plain = setup->form == STREAM_PLAIN;
    ret->kind = setup->form == STREAM_LAWFUL ? step->kind : other_kind(step->kind);
    audience.n_to = 1;
    audience.to = to;
    e.message_id = data(ret->id.b, UUID_SIZE);
    e.kind = (Serasi__V1__MessageKind)ret->kind;
    e.schema = 1;
    e.sender = ret->sender;
    e.audience = &audience;
    e.region = (char *)(uintptr_t)t->region;
    if (!plain) {
        e.cluster =
            t->home ? SERASI__V1__CLUSTER__CLUSTER_CHILD : SERASI__V1__CLUSTER__CLUSTER_OTHER_PPKS;
        e.case_id = data(case_id.b, UUID_SIZE);
        e.correlation_id = data(root.b, t->step > 0 ? UUID_SIZE : 0);
        hash_digest(bytes_make(ret->facts, ret->n_facts), facts_digest);
        e.facts_digest = data(facts_digest, DIGEST_SIZE);
    }
    e.urgency = SERASI__V1__URGENCY__URGENCY_ROUTINE;
    e.sensitivity = SERASI__V1__SENSITIVITY__SENSITIVITY_SPECIFIC;
    e.legal_basis = SERASI__V1__LEGAL_BASIS__LEGAL_BASIS_PUBLIC_TASK;
    e.created_at = (uint64_t)t->now_ms;
    hash_digest(bytes_make(ret->sealed, ret->n_sealed), sealed_digest);
    e.sealed_digest = data(sealed_digest, DIGEST_SIZE);
    e.receipts = (Serasi__V1__ReceiptPolicy)setup->receipts;
    ret->n_envelope = serasi__v1__envelope__get_packed_size(&e);
    assert(ret->n_envelope <= STREAM_PART_MAX);
    serasi__v1__envelope__pack(&e, ret->envelope);
}

/* Case and step of the next message: at each tick one case begins, and those that began a number
 * of gaps before say their next word. */
static void advance(Stream *s, uint64_t *ret_case, uint32_t *ret_step) {
    while ((uint64_t)s->place * s->setup.gap > s->tick || s->place == STREAM_STEPS) {
        s->place = 0;
        s->tick++;
    }
    *ret_case = s->tick - (uint64_t)s->place * s->setup.gap;
    *ret_step = s->place++;
}

/* What the parts have less than those of the message it stands for goes into the sealed one. */
static void pad(StreamMessage *m, size_t n, const Stream *s) {
    m->n_sealed = s->setup.sealed + n;
    assert(m->n_sealed <= sizeof(m->sealed));
    memcpy(m->sealed + s->setup.sealed, s->body, n);
}

void stream_next(Stream *s, int64_t now_ms, StreamMessage *ret) {
    Turn t = { .stream = s, .now_ms = now_ms, .facts = ret->facts };
    advance(s, &t.case_no, &t.step);
    t.home = s->setup.plan == STREAM_HOME || (s->setup.plan == STREAM_BOTH && t.case_no % 2 == 1);
    const uint32_t region = (uint32_t)(mix(t.case_no) % s->setup.regions);
    for (StreamNode i = 0; i < STREAM_NODES; i++) {
        char area[REGION_SIZE];
        int kind;
        stream_node(region, i, t.names[i], &kind, area);
    }
    region_of(region, t.region);
    const Step *step = &(t.home ? home : agency)[t.step];
    ret->from = step->from;
    ret->id = id_of(s, t.case_no, t.step);
    text_copy(ret->sender, sizeof(ret->sender), t.names[step->from]);
    step->say(&t, step->what, step->phase);
    ret->n_facts = t.n_facts;
    ret->n_sealed = s->setup.sealed;
    memcpy(ret->sealed, s->body, s->setup.sealed);
    memcpy(ret->sealed, ret->id.b, MIN(s->setup.sealed, UUID_SIZE)); /* no two are alike */
    pack_envelope(&t, step, ret);
    if (s->setup.form == STREAM_PLAIN) { /* as long as the others, case, facts and digest and all */
        pad(ret, ret->n_facts + 2 * (UUID_SIZE + 2) + DIGEST_SIZE + 4, s);
        ret->n_facts = 0;
        pack_envelope(&t, step, ret);
    }
}

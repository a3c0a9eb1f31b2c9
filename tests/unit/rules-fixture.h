/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rules under test: a directory, what the broker knows, and lawful messages that no rule objects
 * to. A test takes one of them and breaks one thing. Include after test.h.
 */

#include <stdio.h>

#include "base/text.h"
#include "law/rules.h"

#define RULES_NOW INT64_C(1741575900000) /* 2025-03-10T03:05:00Z, 10:05 WIB */

#define DAY(y, m, d) ((CivilDate) { (y), (m), (d) })

typedef struct Rig {
    Directory *directory;
    Message *message;
    Item referral, complaint, case_file, event, proposal, node;
    Known known;
    Recipient to[4];
    uint32_t n_to;
    int64_t now_ms;
    const RuleSet *set;
} Rig;

/* --- directory ---------------------------------------------------------------------------- */

static inline DirNode *rules_node(DirNode *n, const char *id, int kind) {
    *n = (DirNode) { .kind = kind };
    (void)text_copy(n->id, sizeof(n->id), id);
    return n;
}

static inline void rules_area(DirNode *n, const char *region, int cluster) {
    ServiceArea *a = &n->areas[n->n_areas++];
    (void)text_copy(a->region, sizeof(a->region), region);
    a->cluster = cluster;
    a->priority = 1;
}

static inline void rules_add_offices(Directory *d) {
    static const struct {
        const char *id;
        int kind;
    } list[] = {
        { "hub", NODE_NATIONAL_HUB },
        { "min/rehsos", NODE_MINISTRY_UNIT },
        { "cc/171", NODE_COMMAND_CENTER },
        { "kdn", NODE_HOME_AFFAIRS },
        { "part/polres-3203", NODE_PARTNER_AGENCY },
        { "dsp/32", NODE_SOCIAL_AGENCY_PROVINCE },
        { "dsp/33", NODE_SOCIAL_AGENCY_PROVINCE },
        { "dsk/3203", NODE_SOCIAL_AGENCY_REGENCY },
        { "dsk/3204", NODE_SOCIAL_AGENCY_REGENCY },
        { "dsk/3302", NODE_SOCIAL_AGENCY_REGENCY },
        { "dsk/7371", NODE_SOCIAL_AGENCY_REGENCY },
        { "dsk/9471", NODE_SOCIAL_AGENCY_REGENCY },
        { "pks/3203052001", NODE_PUSKESOS },
        { "uptd/32/pa-02", NODE_UPTD },
        { "uptd/33/pa-01", NODE_UPTD },
        { "uptd/3203/rumah", NODE_UPTD }, /* a regency's */
        { "lks/3203/0042", NODE_LKS },
    };
    DirNode n;
    for (size_t i = 0; i < ARRAY_SIZE(list); i++)
        ASSERT_OK(directory_add_node(d, rules_node(&n, list[i].id, list[i].kind)));
    (void)rules_node(&n, "slrt/3203", NODE_REGIONAL_REFERRAL_SYSTEM);
    (void)text_copy(n.parent, sizeof(n.parent), "dsk/3203");
    ASSERT_OK(directory_add_node(d, &n));
    rules_node(&n, "dsk/3299", NODE_SOCIAL_AGENCY_REGENCY)->inactive = true;
    ASSERT_OK(directory_add_node(d, &n));
    (void)rules_node(&n, "slrt/3299", NODE_REGIONAL_REFERRAL_SYSTEM);
    (void)text_copy(n.parent, sizeof(n.parent), "dsk/3299");
    ASSERT_OK(directory_add_node(d, &n));
}

static inline void rules_add_institutions(Directory *d) {
    DirNode n;
    rules_area(rules_node(&n, "upt/phala-martha", NODE_UPT_BALAI_BESAR), "32", CLUSTER_ANY);
    rules_area(&n, "3103", CLUSTER_CHILD);
    for (int c = CLUSTER_CHILD; c <= CLUSTER_OTHER_PPKS; c++)
        n.clusters[n.n_clusters++] = c;
    ASSERT_OK(directory_add_node(d, &n));
    rules_area(rules_node(&n, "upt/abiyoso", NODE_UPT_BALAI), "32", CLUSTER_ANY);
    n.no_clients = true;
    ASSERT_OK(directory_add_node(d, &n));
    rules_area(rules_node(&n, "upt/satria", NODE_UPT_LOKA), "33", CLUSTER_ANY);
    n.clusters[n.n_clusters++] = CLUSTER_DRUG_ABUSE_VICTIM;
    ASSERT_OK(directory_add_node(d, &n));

    /* LKSA: outside homes, outside without designation, in a home of grade C, both of grade B. */
    rules_node(&n, "lksa/3203/0017", NODE_LKSA)->designation_by =
        DESIGNATION_BY_SOCIAL_AGENCY_REGENCY;
    n.designation_scope = DESIGNATION_SCOPE_OUTSIDE_HOME;
    ASSERT_OK(directory_add_node(d, &n));
    rules_node(&n, "lksa/3203/0018", NODE_LKSA)->accreditation_grade = ACCREDITATION_GRADE_NONE;
    ASSERT_OK(directory_add_node(d, &n));
    rules_node(&n, "lksa/3203/0008", NODE_LKSA)->designation_by = DESIGNATION_BY_GOVERNOR;
    n.designation_scope = DESIGNATION_SCOPE_IN_HOME;
    n.accreditation_grade = ACCREDITATION_GRADE_C;
    n.accreditation_valid_until = DAY(2025, 4, 30);
    ASSERT_OK(directory_add_node(d, &n));
    rules_node(&n, "lksa/3203/0011", NODE_LKSA)->designation_by = DESIGNATION_BY_GOVERNOR;
    n.designation_scope = DESIGNATION_SCOPE_BOTH;
    n.designation_valid_until = DAY(2027, 12, 31);
    n.accreditation_grade = ACCREDITATION_GRADE_B;
    ASSERT_OK(directory_add_node(d, &n));

    rules_node(&n, "lks/3203/lpks", NODE_LKS)->lpks = true;
    ASSERT_OK(directory_add_node(d, &n));
    rules_node(&n, "lks/3203/ipwl", NODE_LKS)->ipwl = true;
    ASSERT_OK(directory_add_node(d, &n));
}

/* --- the rig ------------------------------------------------------------------------------ */

static inline Rig *rig_new(void) {
    static const char facts[] = "facts", sealed[] = "sealed";
    Rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    ASSERT_OK(directory_new(&r->directory));
    rules_add_offices(r->directory);
    rules_add_institutions(r->directory);
    ASSERT_OK(directory_seal(r->directory, 1));
    Message *m = r->message = calloc(1, sizeof(*m));
    assert_non_null(m);
    Bytes f = bytes_make(facts, 5), s = bytes_make(sealed, 6);
    m->body = body_new(bytes_make("envelope", 8), f, s);
    assert_non_null(m->body);
    m->facts.readable = true;
    m->lane = LANE_ROUTINE;
    Envelope *e = &m->env;
    e->message_id.b[0] = 1;
    e->case_id.b[0] = 7;
    e->schema = 1;
    e->urgency = URGENCY_ROUTINE;
    e->cluster = CLUSTER_CHILD;
    e->sensitivity = SENSITIVITY_SPECIFIC;
    e->legal_basis = LEGAL_BASIS_PUBLIC_TASK;
    e->created_ms = RULES_NOW - 1000;
    e->has_facts_digest = e->has_sealed_digest = true;
    hash_digest(f, e->facts_digest);
    hash_digest(s, e->sealed_digest);
    r->now_ms = RULES_NOW;
    r->set = rule_set_at(&rule_sets, RULES_NOW, "32");
    return r;
}

static inline Rig *rig_free(Rig *r) {
    if (!r)
        return NULL;
    directory_unref(r->directory);
    message_free(r->message);
    free(r);
    return NULL;
}
DEFINE_CLEANUP(Rig *, rig_free);

static inline void rig_to(Rig *r, const char *node) {
    Audience *a = &r->message->env.audience;
    *a = (Audience) { .form = AUDIENCE_NODES, .n = 1 };
    (void)text_copy(a->nodes[0], NODE_NAME_SIZE, node);
    r->n_to = 1;
    r->to[0].role = ROLE_ADDRESSEE;
    (void)text_copy(r->to[0].node, sizeof(r->to[0].node), node);
}

static inline void rig_send(Rig *r, int kind, const char *from, const char *to,
                            const char *region) {
    Envelope *e = &r->message->env;
    e->kind = kind;
    (void)text_copy(e->sender, sizeof(e->sender), from);
    (void)text_copy(e->region, sizeof(e->region), region);
    rig_to(r, to);
}

static inline RuleInput rig_input(const Rig *r) {
    return (RuleInput) { .message = r->message,
                         .directory = r->directory,
                         .sender = directory_node(r->directory, r->message->env.sender),
                         .to = r->to,
                         .n_to = r->n_to,
                         .known = &r->known,
                         .set = r->set,
                         .now_ms = r->now_ms };
}

/* What the table says of it: rule ids with a blank between, warnings in parentheses. */
static inline const char *rig_say(const Rig *r, const Rule *rules, size_t n, Reasons *ret) {
    static char codes[256];
    RuleInput in = rig_input(r);
    Buf b = { 0 };
    *ret = (Reasons) { 0 };
    rules_check_table(rules, n, &in, NULL, ret);
    for (uint32_t i = 0; i < ret->n; i++)
        buf_addf(&b, ret->list[i].warning ? "%s(%s)" : "%s%s", i ? " " : "", ret->list[i].code);
    (void)text_copy(codes, sizeof(codes), buf_text(&b));
    buf_deinit(&b);
    return codes;
}

static inline const char *rig_codes(const Rig *r) {
    Reasons reasons;
    return rig_say(r, rules_table, rules_count, &reasons);
}

static inline void put_document(Documents *d, int type, const char *issuer, int issuer_kind,
                                CivilDate issued_on) {
    Document *doc = &d->of[type];
    *doc =
        (Document) { .present = true, .issuer_kind = (uint8_t)issuer_kind, .issued_on = issued_on };
    (void)text_copy(doc->issuer, sizeof(doc->issuer), issuer);
}

static inline Documents *rig_documents(Rig *r) {
    Facts *f = &r->message->facts;
    switch (r->message->env.kind) {
    case KIND_REFERRAL_UPDATE:
        return &f->update.documents;
    case KIND_HANDOVER_MINUTES:
        return &f->handover.documents;
    case KIND_CASE_OPENED:
        return &f->opened.documents;
    default:
        return &f->request.documents;
    }
}

static inline void rig_document(Rig *r, int type, const char *issuer, int issuer_kind) {
    put_document(rig_documents(r), type, issuer, issuer_kind, DAY(2025, 3, 9));
}

static inline void rig_without(Rig *r, int type) {
    rig_documents(r)->of[type].present = false;
}

static inline ReferralRequestFacts *rig_request(Rig *r) {
    return &r->message->facts.request;
}

/* --- lawful requests ------------------------------------------------------------------------ */

static inline Staff social_worker(void) {
    return (Staff) { .present = true,
                     .competence_supervision = true,
                     .role = HR_ROLE_SOCIAL_WORKER,
                     .certificate_valid_until = DAY(2027, 1, 1) };
}

/* Of an adult who needs nothing special: RF-7 to the provincial agency. */
static inline void lawful_request(Rig *r) {
    rig_send(r, KIND_REFERRAL_REQUEST, "dsk/3203", "dsp/32", "3203");
    r->message->env.cluster = CLUSTER_OTHER_PPKS;
    *rig_request(r) = (ReferralRequestFacts) {
        .referral_kind = REFERRAL_KIND_INTER_AGENCY,
        .target_unit = TARGET_UNIT_INDIVIDUAL,
        .age_band = AGE_BAND_AGE_18_59,
        .approach = APPROACH_COMMUNITY,
        .dtks_status = DTKS_STATUS_LISTED,
        .criteria = codes_of(CRITERION_POVERTY),
        .ppks_types = codes_of(PPKS_TYPE_POOR),
        .requested_on = DAY(2025, 3, 10),
        .assessor = social_worker(),
    };
    rig_document(r, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT, "", ISSUER_KIND_SOCIAL_WORKER);
}

static inline void make_child(Rig *r, int referral_kind) {
    ReferralRequestFacts *f = rig_request(r);
    lawful_request(r);
    r->message->env.cluster = CLUSTER_CHILD;
    f->referral_kind = (uint8_t)referral_kind;
    f->age_band = AGE_BAND_AGE_0_12;
    f->criteria = codes_of(CRITERION_NEGLECT);
    f->ppks_types = codes_of(PPKS_TYPE_NEGLECTED_CHILD);
    f->child_criteria = codes_of(NEGLECTED_CHILD_CRITERION_B_NO_CARETAKER);
    f->earlier_approaches = codes_of(APPROACH_FAMILY);
}

/* RF-1: a puskesos brings the child back to the family, the agency places. */
static inline void lawful_to_family(Rig *r) {
    make_child(r, REFERRAL_KIND_TO_FAMILY);
    rig_send(r, KIND_REFERRAL_REQUEST, "pks/3203052001", "dsk/3203", "3203");
    rig_request(r)->approach = APPROACH_FAMILY;
    rig_request(r)->reunified = true;
    rig_document(r, DOCUMENT_TYPE_ASSIGNMENT_LETTER, "dsk/3203", 0);
}

/* RF-2 on day 7, the first lawful one, with all four documents of the request. */
static inline void lawful_to_home(Rig *r) {
    make_child(r, REFERRAL_KIND_TO_SOCIAL_HOME);
    rig_to(r, "uptd/32/pa-02");
    ReferralRequestFacts *f = rig_request(r);
    f->approach = APPROACH_RESIDENTIAL;
    f->home_criteria = codes_of(IN_HOME_CRITERION_A_NO_CARETAKER);
    f->outside_service_started_on = DAY(2025, 3, 3);
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY, "dsk/3203", 0);
    rig_document(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE, "", ISSUER_KIND_DOCTOR);
    rig_document(r, DOCUMENT_TYPE_ASSIGNMENT_LETTER, "dsk/3203", 0);
}

/* RF-3 after three months to the day in a home. */
static inline void lawful_to_upt(Rig *r) {
    make_child(r, REFERRAL_KIND_TO_NATIONAL_UPT);
    rig_send(r, KIND_REFERRAL_REQUEST, "uptd/32/pa-02", "upt/phala-martha", "3203");
    ReferralRequestFacts *f = rig_request(r);
    f->basis = REFERRAL_BASIS_PANTI;
    f->approach = APPROACH_RESIDENTIAL;
    f->advanced_criteria = codes_of(ADVANCED_REHAB_CRITERION_D_IDENTIFIED_BY_SOCIAL_WORKER);
    f->home_service_started_on = DAY(2024, 12, 10);
    f->consent_giver = CONSENT_GIVER_VILLAGE_OFFICIAL;
    rig_document(r, DOCUMENT_TYPE_APPLICATION_LETTER_PROVINCE, "dsp/32", 0);
    rig_document(r, DOCUMENT_TYPE_CONSENT_LETTER, "", ISSUER_KIND_VILLAGE_OFFICE);
    rig_document(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE, "", ISSUER_KIND_DOCTOR);
}

/* RF-3b: never in a home, identified by a social worker. */
static inline void lawful_to_upt_from_family(Rig *r) {
    lawful_to_upt(r);
    rig_send(r, KIND_REFERRAL_REQUEST, "dsk/3203", "upt/phala-martha", "3203");
    rig_request(r)->basis = REFERRAL_BASIS_FAMILY;
    rig_request(r)->home_service_started_on = (CivilDate) { 0 };
}

/* RF-4: the puskesos calls for help. */
static inline void lawful_emergency(Rig *r) {
    make_child(r, REFERRAL_KIND_EMERGENCY);
    rig_send(r, KIND_REFERRAL_REQUEST, "pks/3203052001", "lks/3203/0042", "3203");
    r->message->env.urgency = URGENCY_EMERGENCY;
    rig_request(r)->emergency = true;
    rig_document(r, DOCUMENT_TYPE_ASSIGNMENT_LETTER, "dsk/3203", 0);
}

static inline void lawful_elderly(Rig *r) {
    lawful_request(r);
    rig_send(r, KIND_REFERRAL_REQUEST, "pks/3203052001", "upt/phala-martha", "3203");
    r->message->env.cluster = CLUSTER_ELDERLY;
    rig_request(r)->referral_kind = REFERRAL_KIND_ELDERLY_PROPOSAL;
    rig_request(r)->age_band = AGE_BAND_AGE_60_PLUS;
    rig_request(r)->ppks_types = codes_of(PPKS_TYPE_NEGLECTED_ELDERLY);
}

static inline void lawful_juvenile(Rig *r) {
    make_child(r, REFERRAL_KIND_JUVENILE_JUSTICE);
    rig_send(r, KIND_REFERRAL_REQUEST, "part/polres-3203", "lks/3203/lpks", "3203");
    r->message->env.sensitivity = SENSITIVITY_PROTECTED;
    rig_request(r)->ppks_types = codes_of(PPKS_TYPE_CHILD_IN_CONFLICT_WITH_LAW);
    rig_request(r)->age_band = AGE_BAND_AGE_13_17;
    rig_request(r)->law_role = LAW_ROLE_OFFENDER;
    rig_document(r, DOCUMENT_TYPE_COURT_OR_DIVERSION_DECISION, "", ISSUER_KIND_COURT);
}

static inline void lawful_drugs(Rig *r) {
    lawful_request(r);
    rig_to(r, "lks/3203/ipwl");
    r->message->env.cluster = CLUSTER_DRUG_ABUSE_VICTIM;
    r->message->env.sensitivity = SENSITIVITY_PROTECTED;
    rig_request(r)->referral_kind = REFERRAL_KIND_DRUG_MANDATORY_REPORT;
    rig_request(r)->ppks_types = codes_of(PPKS_TYPE_DRUG_ABUSE_VICTIM);
}

/* --- what follows a request ------------------------------------------------------------------ */

/* The request in the rig is known here, in that state, with its documents. */
static inline Referral *rig_known(Rig *r, int state) {
    const Envelope *e = &r->message->env;
    const ReferralRequestFacts *f = rig_request(r);
    Item *i = &r->referral;
    *i = (Item) { .kind = ITEM_REFERRAL,
                  .id = e->message_id,
                  .case_id = e->case_id,
                  .state = state,
                  .final = state >= REFERRAL_COMPLETED,
                  .cluster = (uint8_t)e->cluster };
    (void)text_copy(i->region, sizeof(i->region), e->region);
    (void)text_copy(i->keeper, sizeof(i->keeper), e->sender);
    (void)text_copy(i->custodian, sizeof(i->custodian), e->sender);
    Referral *ref = &i->referral;
    ref->referral_kind = f->referral_kind;
    ref->basis = f->basis;
    ref->emergency = f->emergency;
    ref->reunified = f->reunified;
    ref->consent_giver = f->consent_giver;
    ref->requested_on = f->requested_on;
    ref->home_service_started_on = f->home_service_started_on;
    for (int type = 1; type < (int)DOCUMENT_TYPES; type++)
        if (f->documents.of[type].present)
            ref->documents |= codes_of(type);
    (void)text_copy(ref->requester, sizeof(ref->requester), e->sender);
    (void)text_copy(ref->target, sizeof(ref->target), e->audience.nodes[0]);
    r->known.referral = i;
    return ref;
}

/* A message of the target (or the requester) about the request that was in the rig. */
static inline Facts *rig_follow(Rig *r, int kind, bool by_target, int state) {
    Referral *ref = rig_known(r, state);
    char region[REGION_SIZE];
    (void)text_copy(region, sizeof(region), r->message->env.region);
    rig_send(r, kind, by_target ? ref->target : ref->requester,
             by_target ? ref->requester : ref->target, region);
    r->message->env.message_id.b[0] = 2;
    r->message->facts = (Facts) { .readable = true };
    return &r->message->facts;
}

static inline ReferralResponseFacts *rig_answer(Rig *r, int decision) {
    ReferralResponseFacts *f =
        &rig_follow(r, KIND_REFERRAL_RESPONSE, true, REFERRAL_DELIVERED)->response;
    f->referral_id = r->referral.id;
    f->decision = (uint8_t)decision;
    return f;
}

static inline void rig_supplement(Rig *r) {
    ReferralUpdateFacts *f =
        &rig_follow(r, KIND_REFERRAL_UPDATE, false, REFERRAL_NEEDS_DOCUMENTS)->update;
    f->referral_id = r->referral.id;
    f->action = REFERRAL_ACTION_SUPPLEMENT;
}

/* The minutes of the placement and a fresh certificate. */
static inline HandoverMinutesFacts *rig_handover(Rig *r, int minutes) {
    HandoverMinutesFacts *f =
        &rig_follow(r, KIND_HANDOVER_MINUTES, true, REFERRAL_ACCEPTED)->handover;
    f->referral_id = r->referral.id;
    f->handed_over_on = DAY(2025, 3, 10);
    f->follow_up_plan = true;
    f->worker = social_worker();
    f->interval_days = 30;
    (void)text_copy(f->handed_over_by, sizeof(f->handed_over_by), r->referral.referral.requester);
    (void)text_copy(f->received_by, sizeof(f->received_by), r->referral.referral.target);
    rig_document(r, minutes, r->referral.referral.target, 0);
    rig_document(r, DOCUMENT_TYPE_HEALTH_CERTIFICATE, "", ISSUER_KIND_DOCTOR);
    return f;
}

/* --- other lawful messages -------------------------------------------------------------------- */

static inline void lawful_opening(Rig *r) {
    rig_send(r, KIND_CASE_OPENED, "dsk/3203", "dsp/32", "3203");
    CaseOpenedFacts *f = &r->message->facts.opened;
    *f = (CaseOpenedFacts) { .access_source = ACCESS_SOURCE_COMPLAINT_REPORT,
                             .cluster = CLUSTER_CHILD,
                             .target_unit = TARGET_UNIT_INDIVIDUAL,
                             .dtks_status = DTKS_STATUS_LISTED,
                             .origin_id = { { 9 } },
                             .criteria = codes_of(CRITERION_NEGLECT),
                             .case_manager = social_worker() };
}

static inline void lawful_finding(Rig *r) {
    rig_send(r, KIND_OUTREACH_FINDING, "pks/3203052001", "dsk/3203", "3203");
    r->message->facts.finding =
        (OutreachFindingFacts) { .found_on = DAY(2025, 3, 10),
                                 .criteria = codes_of(CRITERION_NEGLECT),
                                 .ppks_types = codes_of(PPKS_TYPE_NEGLECTED_CHILD),
                                 .target_unit = TARGET_UNIT_INDIVIDUAL,
                                 .dtks_status = DTKS_STATUS_LISTED };
}

/* M22 on the last lawful day of food aid. */
static inline void lawful_response(Rig *r) {
    rig_send(r, KIND_CASE_RESPONSE, "dsk/3203", "upt/phala-martha", "3203");
    r->message->env.urgency = URGENCY_EMERGENCY;
    r->message->facts.case_response =
        (CaseResponseFacts) { .case_id = r->message->env.case_id,
                              .emergency = true,
                              .needs = codes_of(OUTSIDE_HOME_NEED_FOOD),
                              .given = codes_of(SERVICE_FORM_DECENT_LIVING_SUPPORT),
                              .given_needs = codes_of(OUTSIDE_HOME_NEED_FOOD),
                              .responded_ms = RULES_NOW,
                              .food_since = DAY(2025, 3, 3) };
}

static inline void lawful_record(Rig *r, const char *id, int kind) {
    rig_send(r, KIND_NODE_RECORD, "dsk/3203", "hub", "3203");
    r->message->env.cluster = CLUSTER_ANY;
    r->message->env.case_id = (Uuid) { 0 };
    r->message->env.sensitivity = SENSITIVITY_INTERNAL;
    r->message->facts.node = (NodeRecordFacts) { .kind = (uint8_t)kind,
                                                 .staff_told = true,
                                                 .social_workers = 2,
                                                 .welfare_workers = 1,
                                                 .volunteers = 1 };
    (void)text_copy(r->message->facts.node.id, sizeof(r->message->facts.node.id), id);
}

/* --- probes ----------------------------------------------------------------------------------- */

/* One change to a lawful message that breaks one rule and no other. */
typedef struct Probe {
    const char *rule;
    Severity severity;
    void (*make)(Rig *r);
} Probe;

/* The probe raises its rule alone and as severely as it says; and nothing without the row. */
static inline void probe_assert(const Probe *p) {
    _cleanup_(rig_freep) Rig *r = rig_new();
    Rule without[96];
    char expected[32];
    size_t n = 0;
    Reasons reasons;
    p->make(r);
    (void)snprintf(expected, sizeof(expected), p->severity == SEVERITY_WARN ? "(%s)" : "%s",
                   p->rule);
    ASSERT_STR(rig_codes(r), expected);
    for (size_t i = 0; i < rules_count; i++)
        if (strcmp(rules_table[i].id, p->rule) != 0)
            without[n++] = rules_table[i];
    ASSERT_EQ(n, rules_count - 1);
    ASSERT_STR(rig_say(r, without, n, &reasons), "");
}

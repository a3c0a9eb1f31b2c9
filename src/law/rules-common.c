/* SPDX-License-Identifier: Apache-2.0 */

/* what holds for every message, and for referrals and cases of any kind. */

#include "law/rules-internal.h"
#include "law/story.h"

/* --- the envelope --------------------------------------------------------- */

Severity rule_001(const RuleInput *in) {
    return refuse_if(rule_unknown_region(in) != NULL);
}

static bool kind_may_publish(const KindInfo *info, int node_kind) {
    return node_kind > NODE_UNSPECIFIED && node_kind < NODE_KIND_MAX_ &&
           (info->publishers >> node_kind & 1U);
}

Severity rule_002(const RuleInput *in) {
    const KindInfo *info = kind_info(in->message->env.kind);
    if (!info || info->publishers == 0) /* newer than this broker; reserved for brokers */
        return SEVERITY_NONE;
    if (!in->sender || in->sender->inactive)
        return SEVERITY_REFUSE;
    if (kind_may_publish(info, in->sender->kind))
        return SEVERITY_NONE;
    const DirNode *owner = directory_speaks_for(in->directory, in->sender);
    return refuse_if(!owner || owner->inactive || !kind_may_publish(info, owner->kind));
}

/* Who takes part in a matter known here has its place in it, wherever that lies: the region was
 * judged when the matter was opened. A UPTD of another province can answer a referral, a complaint
 * can be rerouted by the wrong agency. */
static bool has_a_part(const RuleInput *in) {
    const Item *r = rule_referral(in), *c = in->known->complaint, *file = in->known->case_file;
    const char *region = in->message->env.region;
    if (is_kind(in, KIND_REFERRAL_REQUEST)) /* known is the one it continues */
        r = NULL;
    if (r && strcmp(r->region, region) == 0 &&
        (sender_is(in, r->referral.target) || sender_is(in, r->referral.requester)))
        return true;
    if (c && strcmp(c->region, region) == 0 &&
        (sender_is(in, c->custodian) || sender_is(in, c->complaint.assignee)))
        return true;
    return file && strcmp(file->region, region) == 0 && sender_is(in, file->case_file.provider);
}

/* A header is cut to the regency when it could give a person away: a puskesos may name the district
 * or regency it lies in. */
static bool is_own_region(const DirNode *n, const char *region) {
    char own[REGION_SIZE];
    node_region(n->id, own);
    return own[0] == '\0' || region_is_within(region, own) ||
           (n->kind == NODE_PUSKESOS && strlen(region) >= 4 && region_is_within(own, region));
}

/* Nothing is told about a node without areas whose name has no region either. */
static bool is_served_region(const DirNode *n, const char *region, int cluster) {
    char own[REGION_SIZE];
    for (uint32_t i = 0; i < n->n_areas; i++)
        if (region_is_within(region, n->areas[i].region) &&
            (n->areas[i].cluster == CLUSTER_ANY || cluster == CLUSTER_ANY ||
             n->areas[i].cluster == cluster))
            return true;
    if (n->n_areas > 0)
        return false;
    node_region(n->id, own);
    return own[0] == '\0' || region_is_within(region, own);
}

/* No region is the whole nation: for a case that is nobody's jurisdiction, for a record, a report
 * or an order it says nothing. */
Severity rule_003(const RuleInput *in) {
    const Envelope *e = &in->message->env;
    const KindInfo *info = kind_info(e->kind);
    const DirNode *n = in->sender;
    if (!n || !info || info->event || is_kind(in, KIND_EVENT_ACKNOWLEDGEMENT) ||
        is_kind(in, KIND_RECALL_ORDER)) /* about a message of one's own */
        return SEVERITY_NONE;
    if (e->region[0] == '\0' && !info->case_bearing)
        return SEVERITY_NONE;
    if (!kind_may_publish(info, n->kind)) /* a right that comes from the owner is as wide as his */
        n = directory_speaks_for(in->directory, n);
    if (!n || has_a_part(in))
        return SEVERITY_NONE;
    switch (n->kind) {
    case NODE_SOCIAL_AGENCY_REGENCY:
    case NODE_SOCIAL_AGENCY_PROVINCE:
    case NODE_PUSKESOS:
    case NODE_UPTD:
        return refuse_if(!is_own_region(n, e->region));
    case NODE_UPT_BALAI_BESAR:
    case NODE_UPT_BALAI:
    case NODE_UPT_LOKA:
    case NODE_LKS:
    case NODE_LKSA:
        return warn_if(!is_served_region(n, e->region, e->cluster));
    default:
        return SEVERITY_NONE;
    }
}

Severity rule_004(const RuleInput *in) {
    return refuse_if(in->message->facts.personal_field[0] != '\0');
}

Severity rule_005(const RuleInput *in) {
    return refuse_if(in->message->env.cluster == CLUSTER_ANY);
}

/* --- what a request or an opening must say --------------------------------- */

Severity rule_006(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    if (is_kind(in, KIND_OUTREACH_FINDING))
        return warn_if(f->finding.criteria == 0);
    return refuse_if((is_kind(in, KIND_CASE_OPENED) ? f->opened.criteria : f->request.criteria) ==
                     0);
}

Severity rule_007(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    return refuse_if(
        (is_kind(in, KIND_CASE_OPENED) ? f->opened.target_unit : f->request.target_unit) == 0);
}

#define TYPE(name) (UINT32_C(1) << PPKS_TYPE_##name)

/* Types this broker does not know are left alone. */
Severity rule_008(const RuleInput *in) {
    static const Codes of_cluster[] = {
        [CLUSTER_CHILD] = TYPE(NEGLECTED_TODDLER) | TYPE(NEGLECTED_CHILD) |
                          TYPE(CHILD_IN_CONFLICT_WITH_LAW) | TYPE(STREET_CHILD) |
                          TYPE(CHILD_WITH_DISABILITY) | TYPE(CHILD_VICTIM_OF_VIOLENCE) |
                          TYPE(CHILD_NEEDING_SPECIAL_PROTECTION),
        [CLUSTER_DISABILITY] = TYPE(CHILD_WITH_DISABILITY) | TYPE(PERSON_WITH_DISABILITY),
        [CLUSTER_SOCIAL_OUTCAST_AND_TRAFFICKING] =
            TYPE(SEX_WORKER) | TYPE(HOMELESS) | TYPE(BEGGAR) | TYPE(SCAVENGER) |
            TYPE(MINORITY_GROUP) | TYPE(FORMER_PRISONER) | TYPE(PERSON_WITH_HIV_AIDS) |
            TYPE(TRAFFICKING_VICTIM) | TYPE(PROBLEM_MIGRANT_WORKER),
        [CLUSTER_DRUG_ABUSE_VICTIM] = TYPE(DRUG_ABUSE_VICTIM),
        [CLUSTER_ELDERLY] = TYPE(NEGLECTED_ELDERLY),
        [CLUSTER_DISASTER_VICTIM] = TYPE(NATURAL_DISASTER_VICTIM) | TYPE(SOCIAL_DISASTER_VICTIM),
        [CLUSTER_OTHER_PPKS] = TYPE(VICTIM_OF_VIOLENCE) | TYPE(VULNERABLE_WOMAN) | TYPE(POOR) |
                               TYPE(FAMILY_PSYCHOSOCIAL_PROBLEM) |
                               TYPE(REMOTE_INDIGENOUS_COMMUNITY),
    };
    const Codes known = TYPE(REMOTE_INDIGENOUS_COMMUNITY) * 2 - 1;
    const Facts *f = &in->message->facts;
    const int cluster = in->message->env.cluster;
    const Codes types =
        is_kind(in, KIND_OUTREACH_FINDING) ? f->finding.ppks_types : f->request.ppks_types;
    if (cluster <= CLUSTER_ANY || cluster >= (int)ARRAY_SIZE(of_cluster))
        return SEVERITY_NONE;
    return warn_if((types & known & ~of_cluster[cluster]) != 0);
}

Severity rule_009(const RuleInput *in) {
    const CaseOpenedFacts *f = &in->message->facts.opened;
    return refuse_if(f->access_source == ACCESS_SOURCE_UNSPECIFIED || uuid_is_nil(&f->origin_id));
}

Severity rule_010(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    const CivilDate starts[] = { f->outside_service_started_on, f->home_service_started_on };
    CivilDate today = rule_today(in);
    bool asked = civil_is_set(f->requested_on);
    if (asked && (!civil_is_valid(f->requested_on) || civil_compare(f->requested_on, today) > 0))
        return SEVERITY_REFUSE;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (!civil_is_set(starts[i]))
            continue;
        if (!civil_is_valid(starts[i]) || civil_compare(starts[i], today) > 0 ||
            (asked && civil_compare(starts[i], f->requested_on) > 0))
            return SEVERITY_REFUSE;
    }
    return SEVERITY_NONE;
}

/* --- referrals of any kind ----------------------------------- */

static bool takes_clients(const DirNode *n) {
    return !n || (!n->inactive && !n->no_clients); /* who is unknown has a reason of its own */
}

/* The same is asked of the target when it accepts, and of the one it names in a redirect. */
Severity rule_011(const RuleInput *in) {
    if (is_kind(in, KIND_REFERRAL_RESPONSE)) {
        const ReferralResponseFacts *f = &in->message->facts.response;
        if (!rule_referral(in))
            return SEVERITY_NONE;
        if (f->decision == REFERRAL_DECISION_REDIRECTED)
            return refuse_if(!takes_clients(directory_node(in->directory, f->redirect_to)));
        if (f->decision != REFERRAL_DECISION_ACCEPTED)
            return SEVERITY_NONE;
    }
    return refuse_if(!takes_clients(rule_target(in)));
}

Severity rule_012(const RuleInput *in) {
    const DirNode *n = rule_target(in);
    const int cluster = in->message->env.cluster;
    if (!n || n->n_clusters == 0 || cluster == CLUSTER_ANY)
        return SEVERITY_NONE;
    for (uint32_t i = 0; i < n->n_clusters; i++)
        if (n->clusters[i] == cluster)
            return SEVERITY_NONE;
    return SEVERITY_WARN;
}

Severity rule_013(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    return warn_if(f->approach == APPROACH_RESIDENTIAL && !f->emergency &&
                   !codes_has(f->earlier_approaches, APPROACH_FAMILY) &&
                   !codes_has(f->earlier_approaches, APPROACH_COMMUNITY));
}

Severity rule_014(const RuleInput *in) {
    const Known *k = in->known;
    const DirNode *target = rule_target(in);
    for (uint32_t i = 0; target && i < k->n_open && i < KNOWN_OPEN_MAX; i++)
        if (strcmp(k->open_targets[i], target->id) == 0)
            return SEVERITY_REFUSE;
    return warn_if(k->n_open > 0);
}

/* P4's own kinds (RF-1 to RF-4), which are for children only. */
static bool is_child_referral(const ReferralRequestFacts *f) {
    return f->referral_kind >= REFERRAL_KIND_TO_FAMILY &&
           f->referral_kind <= REFERRAL_KIND_EMERGENCY;
}

/* Children have. An assessor who is told and is no social worker made another kind
 * of assessment. */
Severity rule_015(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    if (is_child_referral(f) || in->message->env.cluster == CLUSTER_CHILD ||
        in->message->env.cluster == CLUSTER_ANY)
        return SEVERITY_NONE;
    return warn_if(!rule_has_document(in, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT) ||
                   (f->assessor.present && !staff_is_social_worker(&f->assessor)));
}

Severity rule_018(const RuleInput *in) {
    const uint8_t age = in->message->facts.request.age_band;
    return warn_if(in->message->env.cluster == CLUSTER_ELDERLY && age != AGE_BAND_UNSPECIFIED &&
                   age < AGE_BAND_AGE_60_PLUS);
}

Severity rule_019(const RuleInput *in) {
    const char *child = in->message->env.region;
    const DirNode *n = rule_target(in);
    char home[REGION_SIZE];
    if (rule_referral_kind(in) != REFERRAL_KIND_TO_SOCIAL_HOME || !n || child[0] == '\0')
        return SEVERITY_NONE;
    node_region(n->id, home);
    return warn_if(home[0] != '\0' && strncmp(home, child, 2) != 0);
}

/* --- answers ----------------------------------------------------------------- */

#define DOC(type) (UINT32_C(1) << DOCUMENT_TYPE_##type)

/* What may be asked for lawfully: the lists of P4 Pasal 12, 13 and 19 (RF-4 may lead to any of
 * them), the social worker's assessment (P7 Pasal 11), the letter of consent (UU PDP Pasal 25, 26),
 * the decision in a juvenile case, the assessment before aftercare (P7 Pasal 26 ayat (3)). */
static Codes documents_of_law(int referral_kind) {
    const Codes any = DOC(SOCIAL_WORKER_ASSESSMENT) | DOC(CONSENT_LETTER);
    const Codes family = DOC(HANDOVER_MINUTES_FAMILY);
    const Codes home = DOC(APPLICATION_LETTER_REGENCY) | DOC(HEALTH_CERTIFICATE) |
                       DOC(HANDOVER_MINUTES_HOME) | DOC(ASSIGNMENT_LETTER);
    const Codes upt =
        DOC(APPLICATION_LETTER_PROVINCE) | DOC(HEALTH_CERTIFICATE) | DOC(HANDOVER_MINUTES_UPT);
    switch (referral_kind) {
    case REFERRAL_KIND_TO_FAMILY:
        return any | family | DOC(ASSIGNMENT_LETTER);
    case REFERRAL_KIND_TO_SOCIAL_HOME:
        return any | home;
    case REFERRAL_KIND_TO_NATIONAL_UPT:
        return any | upt | DOC(ASSIGNMENT_LETTER);
    case REFERRAL_KIND_EMERGENCY:
        return any | family | home | upt;
    case REFERRAL_KIND_JUVENILE_JUSTICE:
        return any | DOC(COURT_OR_DIVERSION_DECISION);
    case REFERRAL_KIND_AFTERCARE:
        return any | DOC(AFTERCARE_ASSESSMENT);
    default:
        return any;
    }
}

/*
 * No code says "no identity card", and the broker reads no free text. What it can see is a refusal
 * for incomplete documents that names none the law demands of this kind of referral: then only
 * papers are left that nobody may be refused for. Asking for such papers alone refuses nobody yet
 * and is a warning.
 */
Severity rule_016(const RuleInput *in) {
    const ReferralResponseFacts *f = &in->message->facts.response;
    const Item *i = rule_referral(in);
    if (!i || i->referral.transfer || (f->missing & documents_of_law(rule_referral_kind(in))) != 0)
        return SEVERITY_NONE;
    if (f->decision == REFERRAL_DECISION_NEEDS_DOCUMENTS)
        return warn_if(f->missing != 0);
    return refuse_if(f->decision == REFERRAL_DECISION_DECLINED &&
                     f->decline_reason == DECLINE_REASON_INCOMPLETE_DOCUMENTS);
}

/* Where the common superior must decide, it is the one who answers. */
Severity rule_017(const RuleInput *in) {
    const Item *i = rule_referral(in);
    const DirNode *owner = directory_speaks_for(in->directory, in->sender);
    if (!i)
        return SEVERITY_NONE;
    if (i->final)
        return SEVERITY_REFUSE;
    if (owner && referral_awaits_superior(in->directory, i, owner->id))
        return SEVERITY_NONE;
    return refuse_if(!sender_is(in, i->referral.target));
}

/* --- neglected children ---------------------------------------------------- */

Severity rule_020(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    return refuse_if(is_child_referral(f) && f->age_band >= AGE_BAND_AGE_18_59);
}

Severity rule_021(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    return refuse_if(is_child_referral(f) && f->child_criteria == 0);
}

Severity rule_022(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    const bool opening = is_kind(in, KIND_CASE_OPENED);
    const Codes have = opening ? f->opened.outside_criteria : f->request.outside_criteria;
    const uint8_t basis = opening ? f->opened.basis : f->request.basis;
    const bool child =
        in->message->env.cluster == CLUSTER_CHILD || (!opening && is_child_referral(&f->request));
    return refuse_if(basis == REFERRAL_BASIS_OUTSIDE && child &&
                     !(codes_has(have, OUTSIDE_HOME_CRITERION_A_NEEDS_UNMET_UNCARED) &&
                       codes_has(have, OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS)));
}

Severity rule_023(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    return refuse_if(f->referral_kind == REFERRAL_KIND_TO_SOCIAL_HOME && f->home_criteria == 0);
}

Severity rule_024(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    return warn_if(codes_has(f->outside_criteria, OUTSIDE_HOME_CRITERION_B_CARETAKER_EXISTS) &&
                   codes_has(f->home_criteria, IN_HOME_CRITERION_A_NO_CARETAKER));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* data of persons are sealed, lawful, and not broadcast (UU 27/2022). */

#include "law/rules-internal.h"

/* --- R-160 ---------------------------------------------------------------------------------- */

/* What the facts tell of a person, by the kinds that tell it. */
typedef struct Content {
    Codes criteria, ppks_types;
    bool health; /* a doctor's certificate comes with it */
    bool minor;  /* by age */
    bool abh;    /* anak berhadapan dengan hukum */
    bool drugs;  /* wajib lapor */
} Content;

static Content content_of(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    const DocumentType certificate = DOCUMENT_TYPE_HEALTH_CERTIFICATE;
    switch (in->message->env.kind) {
    case KIND_REFERRAL_REQUEST:
        return (Content) {
            .criteria = f->request.criteria,
            .ppks_types = f->request.ppks_types,
            .health = f->request.documents.of[certificate].present,
            .minor =
                f->request.age_band >= AGE_BAND_UNBORN && f->request.age_band <= AGE_BAND_AGE_13_17,
            .abh = f->request.referral_kind == REFERRAL_KIND_JUVENILE_JUSTICE ||
                   f->request.law_role != LAW_ROLE_UNSPECIFIED,
            .drugs = f->request.referral_kind == REFERRAL_KIND_DRUG_MANDATORY_REPORT,
        };
    case KIND_REFERRAL_UPDATE:
        return (Content) { .health = f->update.documents.of[certificate].present };
    case KIND_HANDOVER_MINUTES:
        return (Content) { .health = f->handover.documents.of[certificate].present };
    case KIND_OUTREACH_FINDING:
        return (Content) { .criteria = f->finding.criteria, .ppks_types = f->finding.ppks_types };
    case KIND_CASE_OPENED:
        return (Content) { .criteria = f->opened.criteria,
                           .health = f->opened.documents.of[certificate].present };
    default:
        return (Content) { 0 };
    }
}

/* The least sensitivity of domain 6.2. */
static int sensitivity_floor(const RuleInput *in) {
    static const PpksType protected[] = {
        PPKS_TYPE_CHILD_IN_CONFLICT_WITH_LAW, PPKS_TYPE_CHILD_VICTIM_OF_VIOLENCE,
        PPKS_TYPE_PERSON_WITH_HIV_AIDS,       PPKS_TYPE_DRUG_ABUSE_VICTIM,
        PPKS_TYPE_TRAFFICKING_VICTIM,         PPKS_TYPE_VICTIM_OF_VIOLENCE,
    };
    const Content c = content_of(in);
    const int cluster = in->message->env.cluster;
    bool most = c.abh || c.drugs || cluster == CLUSTER_DRUG_ABUSE_VICTIM ||
                codes_has(c.criteria, CRITERION_VICTIM_OF_VIOLENCE_EXPLOITATION_DISCRIMINATION);
    for (size_t i = 0; i < ARRAY_SIZE(protected); i++)
        most = most || codes_has(c.ppks_types, protected[i]);
    if (most)
        return SENSITIVITY_PROTECTED;
    for (int type = PPKS_TYPE_NEGLECTED_TODDLER; type <= PPKS_TYPE_CHILD_NEEDING_SPECIAL_PROTECTION;
         type++)
        if (codes_has(c.ppks_types, type))
            return SENSITIVITY_SPECIFIC;
    return cluster == CLUSTER_CHILD || c.minor || c.health ? SENSITIVITY_SPECIFIC
                                                           : SENSITIVITY_UNSPECIFIED;
}

/* Kinds whose sealed part is the person (domain 2.3). With the others it is a remark, which an
 * answer or a step may do without, or there is none. */
static bool is_about_the_person(int kind) {
    return kind == KIND_REFERRAL_REQUEST || kind == KIND_HANDOVER_MINUTES ||
           kind == KIND_COMPLAINT || kind == KIND_CASE_RESPONSE || kind == KIND_OUTREACH_FINDING ||
           kind == KIND_CASE_OPENED || kind == KIND_AFTERCARE || kind == KIND_CASE_TRANSFER ||
           kind == KIND_DTKS_PROPOSAL;
}

/* Case-bearing kinds, a complaint (its sealed part is the reporter), and a report that tells of one
 * to four persons, who could be known by it. */
Severity rule_160(const RuleInput *in) {
    const Envelope *e = &in->message->env;
    if (e->kind == KIND_TIERED_REPORT)
        return refuse_if(in->message->facts.report.small_cell);
    const bool unsealed = e->sensitivity >= SENSITIVITY_PERSONAL && is_about_the_person(e->kind) &&
                          body_sealed(in->message->body).n == 0;
    return refuse_if(e->sensitivity < sensitivity_floor(in) || unsealed);
}

/* --- R-161 ---------------------------------------------------------------------------------- */

/* Of the kinds that have a place for it: who consented, or the letter of consent; with the opening
 * of a case also that of its referral. */
static bool consent_is_shown(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    const Item *referral = rule_referral(in);
    if (rule_has_document(in, DOCUMENT_TYPE_CONSENT_LETTER))
        return true;
    if (is_kind(in, KIND_REFERRAL_REQUEST))
        return f->request.consent_giver != CONSENT_GIVER_UNSPECIFIED;
    return !is_kind(in, KIND_CASE_OPENED) ||
           (referral && referral->referral.consent_giver != CONSENT_GIVER_UNSPECIFIED);
}

Severity rule_161(const RuleInput *in) {
    const Envelope *e = &in->message->env;
    if (e->sensitivity < SENSITIVITY_PERSONAL ||
        (e->cluster != CLUSTER_CHILD && e->cluster != CLUSTER_DISABILITY))
        return SEVERITY_NONE;
    return warn_if(e->legal_basis == LEGAL_BASIS_UNSPECIFIED ||
                   (e->legal_basis == LEGAL_BASIS_CONSENT && !consent_is_shown(in)));
}

/* --- R-162 ---------------------------------------------------------------------------------- */

/* Digits of the region that one office of the kind answers for at most; fewer name many offices. A
 * role resolves to one node, but which of many it is must not be left to chance with case data. */
static size_t office_digits(int kind) {
    switch (kind) {
    case NODE_SOCIAL_AGENCY_REGENCY:
    case NODE_LKS:
    case NODE_LKSA:
    case NODE_PUSKESOS:
    case NODE_REGIONAL_REFERRAL_SYSTEM:
    case NODE_BASIC_SERVICE_SYSTEM:
    case NODE_POSYANDU_LANSIA:
        return 4;
    case NODE_UPT_BALAI_BESAR:
    case NODE_UPT_BALAI:
    case NODE_UPT_LOKA:
    case NODE_SOCIAL_AGENCY_PROVINCE:
    case NODE_UPTD:
    case NODE_CHILD_WELFARE_TEAM:
    case NODE_PARTNER_AGENCY:
        return 2;
    default:
        return 0;
    }
}

Severity rule_162(const RuleInput *in) {
    const Audience *a = &in->message->env.audience;
    if (!is_about_a_case(in))
        return SEVERITY_NONE;
    return refuse_if(
        a->form == AUDIENCE_SCOPE ||
        (a->form == AUDIENCE_ROLE && strlen(a->role_region) < office_digits(a->role_kind)));
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * referral to a unit of the ministry for advanced rehabilitation (RF-3), P4 Pasal
 * 14, 18 and 19. RF-3b is one without a stay in a home before it: basis is not PANTI and criterion
 * b (served in a home, back with the family) is not among those given.
 */

#include "law/rules-internal.h"

static bool is_to_upt(const RuleInput *in) {
    return rule_referral_kind(in) == REFERRAL_KIND_TO_NATIONAL_UPT;
}

static bool has_criterion(const ReferralRequestFacts *f, AdvancedRehabCriterion c) {
    return codes_has(f->advanced_criteria, c);
}

static bool comes_from_home(const ReferralRequestFacts *f) {
    return f->basis == REFERRAL_BASIS_PANTI ||
           has_criterion(f, ADVANCED_REHAB_CRITERION_B_SERVED_IN_HOME_BACK_WITH_FAMILY);
}

static const CaseFile *case_in_home(const RuleInput *in) {
    const Item *i = in->known->case_file;
    return i && i->case_file.in_home ? &i->case_file : NULL;
}

/* --- when and why, R-060, R-061, R-069 ------------------------------------------------------- */

/* A start that is not told is that of the placement on record; without one the three months cannot
 * be shown. Who is on record in a home cannot be sent on as if he were not. */
Severity rule_060(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    const CaseFile *home = case_in_home(in);
    CivilDate start = f->home_service_started_on;
    if (!is_to_upt(in))
        return SEVERITY_NONE;
    if ((home || in->known->in_home) && f->basis != REFERRAL_BASIS_PANTI)
        return SEVERITY_REFUSE;
    if (!comes_from_home(f))
        return SEVERITY_NONE;
    if (!civil_is_set(start) && home)
        start = home->placed_on;
    return refuse_if(!civil_is_valid(start) || !civil_is_set(f->requested_on) ||
                     civil_compare(f->requested_on, civil_add_months(start, in->set->home_months)) <
                         0);
}

Severity rule_061(const RuleInput *in) {
    return refuse_if(is_to_upt(in) && in->message->facts.request.advanced_criteria == 0);
}

Severity rule_069(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    if (!is_to_upt(in) || comes_from_home(f))
        return SEVERITY_NONE;
    if (f->advanced_criteria == codes_of(ADVANCED_REHAB_CRITERION_D_IDENTIFIED_BY_SOCIAL_WORKER))
        return refuse_if(!staff_is_social_worker(&f->assessor));
    return warn_if(!civil_is_set(f->home_service_started_on) &&
                   (has_criterion(f, ADVANCED_REHAB_CRITERION_A_SERVED_IN_FAMILY) ||
                    has_criterion(f, ADVANCED_REHAB_CRITERION_C_SERVED_OUTSIDE_HOME)));
}

/* --- documents, R-062 to R-067 --------------------------------------------------------------- */

Severity rule_062(const RuleInput *in) {
    const Document *letter = rule_document(in, DOCUMENT_TYPE_APPLICATION_LETTER_PROVINCE);
    if (!is_to_upt(in) || !rule_is_request(in))
        return SEVERITY_NONE;
    if (letter)
        return refuse_if(!rule_issued_by(in, letter, NODE_SOCIAL_AGENCY_PROVINCE));
    return refuse_if(!rule_has_document(in, DOCUMENT_TYPE_APPLICATION_LETTER_PROVINCE));
}

Severity rule_063(const RuleInput *in) {
    return refuse_if(is_to_upt(in) && rule_is_request(in) &&
                     !rule_has_document(in, DOCUMENT_TYPE_CONSENT_LETTER));
}

/* A supplement has no field for the giver: there the letter's issuer tells, who may be the family,
 * the village, another private person (OTHER: a guardian or caretaker) or a social agency. */
static bool giver_is_told_by(const RuleInput *in, const Document *letter) {
    return letter->issuer_kind == ISSUER_KIND_FAMILY ||
           letter->issuer_kind == ISSUER_KIND_VILLAGE_OFFICE ||
           letter->issuer_kind == ISSUER_KIND_OTHER ||
           rule_issued_by(in, letter, NODE_SOCIAL_AGENCY_REGENCY) ||
           rule_issued_by(in, letter, NODE_SOCIAL_AGENCY_PROVINCE);
}

Severity rule_064(const RuleInput *in) {
    const Document *letter = rule_document(in, DOCUMENT_TYPE_CONSENT_LETTER);
    const Item *i = rule_referral(in);
    if (!is_to_upt(in) || !rule_is_request(in) || !letter)
        return SEVERITY_NONE;
    if (is_kind(in, KIND_REFERRAL_REQUEST))
        return refuse_if(in->message->facts.request.consent_giver == CONSENT_GIVER_UNSPECIFIED);
    return refuse_if(i->referral.consent_giver == CONSENT_GIVER_UNSPECIFIED &&
                     !giver_is_told_by(in, letter));
}

Severity rule_065(const RuleInput *in) {
    return refuse_if(is_to_upt(in) && rule_is_request(in) &&
                     !rule_has_document(in, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT));
}

Severity rule_066(const RuleInput *in) {
    return is_to_upt(in) ? rule_health_certificate_missing(in) : SEVERITY_NONE;
}

Severity rule_067(const RuleInput *in) {
    return refuse_if(is_to_upt(in) && !rule_has_document(in, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT));
}

/* --- whereto, R-068 -------------------------------------------------------------------------- */

/* Balai besar, balai and loka alike (P7 Pasal 6 ayat (1) has the first, P4 the others). */
Severity rule_068(const RuleInput *in) {
    const DirNode *n = rule_place(in);
    return refuse_if(is_to_upt(in) && n && !node_kind_is_upt(n->kind));
}

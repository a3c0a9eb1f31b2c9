/* SPDX-License-Identifier: Apache-2.0 */

/*
 * referral to a social home (RF-2), P4 Pasal 13, 15 and 17, and LKSA that serve
 * outside homes, P4 Pasal 6.
 *
 * A supplement (M03) brings documents and nothing else, so of the request's rules those about
 * documents are asked again and those about days and criteria are not.
 */

#include "law/rules-internal.h"

static bool is_to_home(const RuleInput *in) {
    return rule_referral_kind(in) == REFERRAL_KIND_TO_SOCIAL_HOME;
}

/* --- when, R-040 and R-041 ----------------------------------------------------------------- */

/* The seventh day after the first one is allowed; what is not told cannot be shown to fit. */
Severity rule_040(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    const CivilDate start = f->outside_service_started_on;
    if (!is_to_home(in))
        return SEVERITY_NONE;
    return refuse_if(
        !civil_is_set(start) || !civil_is_set(f->requested_on) ||
        civil_compare(f->requested_on, civil_add_days(start, in->set->home_after_days)) < 0);
}

Severity rule_041(const RuleInput *in) {
    return refuse_if(is_to_home(in) && in->message->facts.request.reunified);
}

/* --- documents, R-042 to R-046 and R-050 ---------------------------------------------------- */

Severity rule_042(const RuleInput *in) {
    return refuse_if(is_to_home(in) && rule_is_request(in) &&
                     !rule_has_document(in, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY));
}

Severity rule_043(const RuleInput *in) {
    const Document *letter = rule_document(in, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY);
    const char *region = in->message->env.region;
    char regency[REGION_SIZE];
    if (!is_to_home(in) || !rule_is_request(in) || !letter)
        return SEVERITY_NONE;
    if (!rule_issued_by(in, letter, NODE_SOCIAL_AGENCY_REGENCY))
        return SEVERITY_REFUSE;
    node_region(letter->issuer, regency);
    return warn_if(strlen(region) >= 4 && strlen(regency) == 4 && strncmp(region, regency, 4) != 0);
}

Severity rule_044(const RuleInput *in) {
    return refuse_if(is_to_home(in) && rule_is_request(in) &&
                     !rule_has_document(in, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT));
}

Severity rule_045(const RuleInput *in) {
    return is_to_home(in) ? rule_health_certificate_missing(in) : SEVERITY_NONE;
}

Severity rule_046(const RuleInput *in) {
    return refuse_if(is_to_home(in) && !rule_has_document(in, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME));
}

/* Of a certificate that came before the placement the day is not kept: nothing is said then. */
Severity rule_050(const RuleInput *in) {
    const HandoverMinutesFacts *f = &in->message->facts.handover;
    const Document *certificate = rule_document(in, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    const int kind = rule_referral_kind(in);
    if (!certificate || !civil_is_set(certificate->issued_on) ||
        (kind != REFERRAL_KIND_TO_SOCIAL_HOME && kind != REFERRAL_KIND_TO_NATIONAL_UPT))
        return SEVERITY_NONE;
    CivilDate placed = civil_is_set(f->handed_over_on) ? f->handed_over_on : rule_today(in);
    return warn_if(
        civil_compare(civil_add_days(certificate->issued_on, in->set->health_certificate_days),
                      placed) < 0);
}

/* --- who, R-047 to R-049 -------------------------------------------------------------------- */

/* Through the whole of its last day; without one, for good. */
static bool is_valid_today(const RuleInput *in, CivilDate last_day) {
    return !civil_is_set(last_day) || civil_compare(rule_today(in), last_day) <= 0;
}

/* A UPTD of a regency has the regency's code in its name. A governor's designation is for service
 * in a home unless it says it is for outside only. */
static bool is_authorised_home(const RuleInput *in, const DirNode *n) {
    char own[REGION_SIZE];
    node_region(n->id, own);
    if (n->kind == NODE_UPTD)
        return strlen(own) <= 2;
    return n->kind == NODE_LKSA && n->designation_by == DESIGNATION_BY_GOVERNOR &&
           n->designation_scope != DESIGNATION_SCOPE_OUTSIDE_HOME &&
           is_valid_today(in, n->designation_valid_until);
}

Severity rule_047(const RuleInput *in) {
    const DirNode *n = rule_place(in);
    return refuse_if(is_to_home(in) && n && !is_authorised_home(in, n));
}

/* It stops new placements only: who lives there already stays (domain 5). */
Severity rule_048(const RuleInput *in) {
    const DirNode *n = rule_place(in);
    if (!is_to_home(in) || !n || n->kind != NODE_LKSA)
        return SEVERITY_NONE;
    return refuse_if(n->accreditation_grade <= ACCREDITATION_GRADE_NONE ||
                     !is_valid_today(in, n->accreditation_valid_until));
}

/* The directory holds one designation of a node: one for both scopes counts whoever gave it, the
 * social agency's among them. */
static bool is_designated_for_outside(const RuleInput *in, const DirNode *n) {
    if (!is_valid_today(in, n->designation_valid_until))
        return false;
    return n->designation_scope == DESIGNATION_SCOPE_BOTH ||
           (n->designation_by == DESIGNATION_BY_SOCIAL_AGENCY_REGENCY &&
            n->designation_scope != DESIGNATION_SCOPE_IN_HOME);
}

/* Service outside a home: a case opened in family or community, and the referrals that follow from
 * it (P4 Pasal 11 ayat (1) huruf a and b) unless they start from a home. An emergency response is
 * open to all providers (P7 Pasal 11 ayat (5)). */
static bool is_outside_service(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    if (is_kind(in, KIND_CASE_OPENED))
        return f->opened.basis == REFERRAL_BASIS_OUTSIDE ||
               f->opened.basis == REFERRAL_BASIS_FAMILY;
    const int kind = f->request.referral_kind, basis = f->request.basis;
    return basis == REFERRAL_BASIS_OUTSIDE || basis == REFERRAL_BASIS_FAMILY ||
           (basis == REFERRAL_BASIS_UNSPECIFIED &&
            (kind == REFERRAL_KIND_TO_FAMILY || kind == REFERRAL_KIND_TO_SOCIAL_HOME));
}

Severity rule_049(const RuleInput *in) {
    const DirNode *n = directory_speaks_for(in->directory, in->sender);
    return refuse_if(n && n->kind == NODE_LKSA && is_outside_service(in) &&
                     !is_designated_for_outside(in, n));
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * emergencies, basic needs outside homes and staff, P4 Pasal 7, 9, 10, 26 and 27.
 * What an emergency defers is decided in rules.c; R-072 is raised by a timer.
 */

#include "law/rules-internal.h"

Severity rule_070(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    return refuse_if(f->emergency && f->referral_kind >= REFERRAL_KIND_TO_SOCIAL_HOME &&
                     f->referral_kind <= REFERRAL_KIND_EMERGENCY &&
                     !emergency_may_be_declared(in->directory, in->sender));
}

/* Counted as R-040 counts: the seventh day after the first is the last one, so that food ends no
 * earlier than a referral to a home may begin. */
Severity rule_073(const RuleInput *in) {
    const CaseResponseFacts *f = &in->message->facts.case_response;
    const Item *i = in->known->case_file;
    CivilDate since = f->food_since;
    if (i && i->case_file.in_home)
        return SEVERITY_NONE;
    if (!civil_is_set(since) && i && codes_has(f->given_needs, OUTSIDE_HOME_NEED_FOOD))
        since = i->case_file.food_since;
    if (!civil_is_set(since))
        return SEVERITY_NONE;
    CivilDate day = f->responded_ms > 0 ? rule_day_of(in, f->responded_ms) : rule_today(in);
    return warn_if(civil_compare(day, civil_add_days(since, in->set->food_days)) > 0);
}

/* Assessments in the service outside homes: behind a referral to a family or a home, or an
 * emergency one, unless the child comes from a home; behind one to a unit of the ministry when it
 * says that the child was served outside. */
Severity rule_074(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    const bool assessed =
        f->assessor.present || rule_document(in, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    bool outside;
    switch (f->referral_kind) {
    case REFERRAL_KIND_TO_FAMILY:
    case REFERRAL_KIND_TO_SOCIAL_HOME:
    case REFERRAL_KIND_EMERGENCY:
        outside = f->basis != REFERRAL_BASIS_PANTI;
        break;
    case REFERRAL_KIND_TO_NATIONAL_UPT:
        outside = f->basis == REFERRAL_BASIS_OUTSIDE;
        break;
    default:
        outside = false;
    }
    return warn_if(outside && assessed && !rule_document(in, DOCUMENT_TYPE_ASSIGNMENT_LETTER));
}

/* P4 Pasal 26 ayat (1) wants social workers and social welfare workers. A record replaces the one
 * before it, so staff that is not told is not there. A record may leave out what kind the node is.
 */
Severity rule_075(const RuleInput *in) {
    const NodeRecordFacts *f = &in->message->facts.node;
    if (f->inactive)
        return SEVERITY_NONE;
    const DirNode *about = directory_node(in->directory, f->id);
    switch (f->kind == NODE_UNSPECIFIED && about ? about->kind : f->kind) {
    case NODE_UPTD:
    case NODE_LKSA:
    case NODE_SOCIAL_AGENCY_REGENCY:
        return warn_if(f->social_workers == 0 || f->welfare_workers == 0);
    case NODE_PUSKESOS:
        return warn_if(f->volunteers == 0);
    default:
        return SEVERITY_NONE;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* the register of social data (data terpadu, P7 Pasal 43). R-120 is a timer's. */

#include "law/rules-internal.h"

/*
 * No code says "not in the register", so a client cannot decline for it by code; the free text is
 * sealed. What can be seen: the referral is for somebody who is not (known to be) listed, and the
 * reason given is OTHER or none: flagged, for people to look at, because it may be an honest one.
 * A number outside the law's list, made up for this, is refused.
 */
Severity rule_121(const RuleInput *in) {
    const ReferralResponseFacts *f = &in->message->facts.response;
    const Item *referral = rule_referral(in);
    if (!referral || f->decision != REFERRAL_DECISION_DECLINED)
        return SEVERITY_NONE;
    const int status = referral->referral.dtks_status;
    if (status != DTKS_STATUS_NOT_LISTED && status != DTKS_STATUS_PROPOSED &&
        status != DTKS_STATUS_UNKNOWN)
        return SEVERITY_NONE;
    if (f->decline_reason > DECLINE_REASON_OTHER)
        return SEVERITY_REFUSE;
    return warn_if(f->decline_reason == DECLINE_REASON_OTHER ||
                   f->decline_reason == DECLINE_REASON_UNSPECIFIED);
}

static bool takes_proposals(int kind) {
    return kind == NODE_SOCIAL_AGENCY_PROVINCE || kind == NODE_SOCIAL_AGENCY_REGENCY ||
           kind == NODE_MINISTRY_UNIT;
}

/* A role is judged by what was asked for: where nobody has it, routing falls back to another. */
Severity rule_122(const RuleInput *in) {
    const Audience *a = &in->message->env.audience;
    if (a->form == AUDIENCE_ROLE)
        return refuse_if(!takes_proposals(a->role_kind));
    for (uint32_t i = 0; i < in->n_to; i++) {
        const DirNode *n = rule_addressee(in, i);
        if (n && !takes_proposals(n->kind))
            return SEVERITY_REFUSE;
    }
    return SEVERITY_NONE;
}

/* The update says how it stands, or leaves it as the case has it. */
Severity rule_123(const RuleInput *in) {
    const CaseStageFacts *f = &in->message->facts.stage;
    const Item *file = in->known->case_file;
    if (f->stage != ATENSI_STAGE_COMPREHENSIVE_ASSESSMENT || f->phase != STAGE_PHASE_COMPLETED)
        return SEVERITY_NONE;
    int status = f->dtks_status;
    if (status == DTKS_STATUS_UNSPECIFIED && file)
        status = file->case_file.dtks_status;
    return warn_if(status == DTKS_STATUS_UNKNOWN);
}

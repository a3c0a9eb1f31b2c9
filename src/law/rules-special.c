/* SPDX-License-Identifier: Apache-2.0 */

/* juvenile justice (RF-8, anak berhadapan dengan hukum) and drugs (RF-9). */

#include "law/rules-internal.h"

Severity rule_080(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    const DirNode *n = rule_target(in);
    return refuse_if(f->referral_kind == REFERRAL_KIND_JUVENILE_JUSTICE &&
                     (f->law_role == LAW_ROLE_UNSPECIFIED || (n && !n->lpks)));
}

Severity rule_081(const RuleInput *in) {
    const ReferralRequestFacts *f = &in->message->facts.request;
    return warn_if(f->referral_kind == REFERRAL_KIND_JUVENILE_JUSTICE &&
                   f->law_role == LAW_ROLE_OFFENDER && f->age_band == AGE_BAND_AGE_13_17 &&
                   !rule_document(in, DOCUMENT_TYPE_COURT_OR_DIVERSION_DECISION));
}

Severity rule_082(const RuleInput *in) {
    const DirNode *n = rule_target(in);
    return refuse_if(in->message->facts.request.referral_kind ==
                         REFERRAL_KIND_DRUG_MANDATORY_REPORT &&
                     n && !n->ipwl);
}

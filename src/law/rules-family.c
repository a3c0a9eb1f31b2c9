/* SPDX-License-Identifier: Apache-2.0 */

/* referral to a family (RF-1), P4 Pasal 12. R-033 is raised by a timer. */

#include "law/rules-internal.h"

static bool is_to_family(const RuleInput *in) {
    return rule_referral_kind(in) == REFERRAL_KIND_TO_FAMILY;
}

Severity rule_030(const RuleInput *in) {
    return refuse_if(is_to_family(in) && !in->message->facts.request.reunified);
}

Severity rule_031(const RuleInput *in) {
    return refuse_if(is_to_family(in) &&
                     !rule_has_document(in, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY));
}

/* The interval may be left out: then it is that of the rule set. */
Severity rule_032(const RuleInput *in) {
    const HandoverMinutesFacts *f = &in->message->facts.handover;
    return refuse_if(is_to_family(in) &&
                     (!f->follow_up_plan || !staff_is_social_worker(&f->worker)));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* extraordinary events (kejadian luar biasa, P7 Pasal 30 huruf c). */

#include "law/guards.h"
#include "law/rules-internal.h"

#define EVENT_CLOCK_SKEW_MS (5 * MINUTE_MS)

/* Anybody may report; that it is so, and everything after that, is for these to say. */
Severity rule_140(const RuleInput *in) {
    const DirNode *n = directory_speaks_for(in->directory, in->sender);
    if (!n || in->message->facts.event.status < EVENT_STATUS_VERIFIED)
        return SEVERITY_NONE;
    return refuse_if(!guard_verifies_events(n->kind));
}

/* Asked of the kinds that have a place for the declaration: the event itself, what opens a case or
 * a referral (document 12), and a case response, whose event may be a declared one. */
Severity rule_141(const RuleInput *in) {
    const Facts *f = &in->message->facts;
    const Item *event = in->known->event;
    const DocumentType declaration = DOCUMENT_TYPE_DISASTER_DECLARATION;
    if (in->message->env.cluster != CLUSTER_DISASTER_VICTIM || (event && event->event.declared))
        return SEVERITY_NONE;
    switch (in->message->env.kind) {
    case KIND_EXTRAORDINARY_EVENT:
        return warn_if(!f->event.declaration.present);
    case KIND_REFERRAL_REQUEST:
        return warn_if(!f->request.documents.of[declaration].present);
    case KIND_CASE_OPENED:
        return warn_if(!f->opened.documents.of[declaration].present);
    case KIND_CASE_RESPONSE:
        return SEVERITY_WARN;
    default:
        return SEVERITY_NONE;
    }
}

Severity rule_142(const RuleInput *in) {
    const EventFacts *f = &in->message->facts.event;
    return refuse_if(f->n_regions == 0 || f->event_type == EVENT_TYPE_UNSPECIFIED ||
                     f->occurred_ms <= 0 || f->occurred_ms > in->now_ms + EVENT_CLOCK_SKEW_MS);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What rules ask of their input. */

#include "law/rules-internal.h"

uint32_t rule_kind_bit(int kind) {
    static const uint32_t bits[] = {
        [KIND_REFERRAL_REQUEST] = M01,
        [KIND_REFERRAL_RESPONSE] = M02,
        [KIND_REFERRAL_UPDATE] = M03,
        [KIND_HANDOVER_MINUTES] = M04,
        [KIND_FAMILY_FOLLOW_UP] = M05,
        [KIND_COMPLAINT] = M10,
        [KIND_COMPLAINT_UPDATE] = M11,
        [KIND_EXTRAORDINARY_EVENT] = M20,
        [KIND_EVENT_SITUATION] = M21,
        [KIND_CASE_RESPONSE] = M22,
        [KIND_EVENT_ACKNOWLEDGEMENT] = M23,
        [KIND_OUTREACH_FINDING] = M30,
        [KIND_CASE_OPENED] = M40,
        [KIND_CASE_STAGE_UPDATE] = M41,
        [KIND_CASE_CONFERENCE] = M42,
        [KIND_AFTERCARE] = M43,
        [KIND_TERMINATION] = M44,
        [KIND_CASE_TRANSFER] = M45,
        [KIND_DTKS_PROPOSAL] = M50,
        [KIND_DTKS_RESULT] = M51,
        [KIND_TIERED_REPORT] = M60,
        [KIND_SUPERVISION_NOTICE] = M61,
        [KIND_SUPERVISION_ASSISTANCE_REQUEST] = M62,
        [KIND_NODE_RECORD] = M70,
        [KIND_CAPACITY_UPDATE] = M71,
        [KIND_DATA_SUBJECT_ACTION] = M80,
        [KIND_RECALL_ORDER] = M91,
    };
    uint32_t bit = kind >= 0 && kind < (int)ARRAY_SIZE(bits) ? bits[kind] : 0;
    return bit != 0 ? bit : M00;
}

/* --- days and regions --------------------------------------------------------------------- */

CivilDate rule_day_of(const RuleInput *in, int64_t wall_ms) {
    return civil_at(wall_ms, region_utc_offset_min(in->message->env.region));
}

CivilDate rule_today(const RuleInput *in) {
    return rule_day_of(in, in->now_ms);
}

/* Of the places an event names; "" is no place. */
static const char *unknown_place(const RuleInput *in) {
    const EventFacts *f = &in->message->facts.event;
    if (in->message->env.kind != KIND_EXTRAORDINARY_EVENT)
        return NULL;
    for (uint32_t i = 0; i < f->n_regions && i < EVENT_REGIONS_MAX; i++)
        if (!directory_region_is_known(in->directory, f->regions[i]))
            return f->regions[i];
    return NULL;
}

const char *rule_unknown_region(const RuleInput *in) {
    const Envelope *e = &in->message->env;
    const Audience *a = &e->audience;
    if (!directory_region_is_known(in->directory, e->region))
        return e->region;
    if (a->form == AUDIENCE_ROLE && !directory_region_is_known(in->directory, a->role_region))
        return a->role_region;
    for (uint32_t i = 0; a->form == AUDIENCE_SCOPE && i < a->n && i < AUDIENCE_SCOPE_MAX; i++)
        if (!directory_region_is_known(in->directory, a->scope[i]))
            return a->scope[i];
    if (in->message->env.kind == KIND_SUPERVISION_ASSISTANCE_REQUEST &&
        !directory_region_is_known(in->directory, in->message->facts.assistance.regency))
        return in->message->facts.assistance.regency;
    return unknown_place(in);
}

bool region_is_within(const char *region, const char *prefix) {
    return prefix[0] != '\0' && text_starts_with(region, prefix);
}

/* --- nodes -------------------------------------------------------------------------------- */

bool sender_is(const RuleInput *in, const char *node) {
    if (node[0] == '\0')
        return false;
    if (strcmp(in->message->env.sender, node) == 0)
        return true;
    const DirNode *owner = directory_speaks_for(in->directory, in->sender);
    return owner && strcmp(owner->id, node) == 0;
}

const DirNode *rule_target(const RuleInput *in) {
    const Audience *a = &in->message->env.audience;
    if (is_kind(in, KIND_REFERRAL_RESPONSE))
        return directory_speaks_for(in->directory, in->sender);
    if (a->form == AUDIENCE_NODES)
        return a->n > 0 ? directory_node(in->directory, a->nodes[0]) : NULL;
    for (uint32_t i = 0; i < in->n_to; i++)
        if (in->to[i].role == ROLE_ADDRESSEE)
            return directory_node(in->directory, in->to[i].node);
    return NULL;
}

/* --- referrals ---------------------------------------------------------------------------- */

void known_note_referral(Known *k, const Item *other, const char *asked_of) {
    const Referral *r = &other->referral;
    const bool placed = other->state == REFERRAL_PLACED;
    if (other->state == REFERRAL_NONE || r->transfer)
        return;
    k->in_home = k->in_home || (r->referral_kind == REFERRAL_KIND_TO_SOCIAL_HOME &&
                                (placed || other->state == REFERRAL_PLACED_PROVISIONAL));
    if (k->n_open < KNOWN_OPEN_MAX && (!placed || strcmp(r->target, asked_of) == 0))
        (void)text_copy(k->open_targets[k->n_open++], NODE_NAME_SIZE, r->target);
}

const Item *rule_referral(const RuleInput *in) {
    const Item *i = in->known->referral;
    return i && i->state != REFERRAL_NONE ? i : NULL;
}

int rule_referral_kind(const RuleInput *in) {
    if (is_kind(in, KIND_REFERRAL_REQUEST))
        return in->message->facts.request.referral_kind;
    const Item *i = rule_referral(in);
    return i ? i->referral.referral_kind : REFERRAL_KIND_UNSPECIFIED;
}

const DirNode *rule_place(const RuleInput *in) {
    const ReferralResponseFacts *f = &in->message->facts.response;
    if (!is_kind(in, KIND_REFERRAL_RESPONSE))
        return is_kind(in, KIND_REFERRAL_REQUEST) ? rule_target(in) : NULL;
    if (f->decision == REFERRAL_DECISION_REDIRECTED)
        return directory_node(in->directory, f->redirect_to);
    return f->decision == REFERRAL_DECISION_ACCEPTED ? rule_target(in) : NULL;
}

bool rule_is_request(const RuleInput *in) {
    return is_kind(in, KIND_REFERRAL_REQUEST) ||
           (is_kind(in, KIND_REFERRAL_UPDATE) &&
            in->message->facts.update.action == REFERRAL_ACTION_SUPPLEMENT);
}

/* --- documents ---------------------------------------------------------------------------- */

const Document *rule_document(const RuleInput *in, DocumentType type) {
    const Facts *f = &in->message->facts;
    const Documents *given = is_kind(in, KIND_REFERRAL_REQUEST)   ? &f->request.documents
                             : is_kind(in, KIND_REFERRAL_UPDATE)  ? &f->update.documents
                             : is_kind(in, KIND_HANDOVER_MINUTES) ? &f->handover.documents
                             : is_kind(in, KIND_CASE_OPENED)      ? &f->opened.documents
                                                                  : NULL;
    return given && given->of[type].present ? &given->of[type] : NULL;
}

bool rule_has_document(const RuleInput *in, DocumentType type) {
    if (rule_document(in, type))
        return true;
    /* A request brings all of its own: what is known is the one it continues. */
    const Item *i = is_kind(in, KIND_REFERRAL_REQUEST) ? NULL : rule_referral(in);
    return i && codes_has(i->referral.documents, type);
}

/* Agencies are named after their region: "dsk/3203", "dsp/32". */
static bool is_named_as(const RuleInput *in, const char *issuer, NodeKind kind) {
    const bool regency = kind == NODE_SOCIAL_AGENCY_REGENCY;
    char region[REGION_SIZE];
    node_region(issuer, region);
    return text_starts_with(issuer, regency ? "dsk/" : "dsp/") &&
           strlen(region) == (regency ? 4 : 2) && strlen(issuer) == strlen(region) + 4 &&
           directory_region_is_known(in->directory, region);
}

bool rule_issued_by(const RuleInput *in, const Document *d, NodeKind kind) {
    const DirNode *n = directory_node(in->directory, d->issuer);
    return n ? n->kind == (int)kind : is_named_as(in, d->issuer, kind);
}

Severity rule_health_certificate_missing(const RuleInput *in) {
    if (rule_has_document(in, DOCUMENT_TYPE_HEALTH_CERTIFICATE))
        return SEVERITY_NONE;
    if (is_kind(in, KIND_HANDOVER_MINUTES))
        return SEVERITY_REFUSE;
    return warn_if(rule_is_request(in));
}

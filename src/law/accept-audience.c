/* SPDX-License-Identifier: Apache-2.0 */

/*
 * To whom a publisher's message goes: whom it names, and where it names nobody, whom the law or
 * what this broker knows of the matter says. An audience that is given is respected; a complaint
 * (pengaduan) and its escalation are sent to their holder besides.
 */

#include <string.h>

#include "base/text.h"
#include "law/accept-internal.h"
#include "law/ministry.h"
#include "law/story.h"

/* --- one by one ------------------------------------------------------------------------------ */

static void note_addressee(Deciding *d, const DirNode *n) {
    for (uint32_t i = 0; i < d->n_to; i++)
        if (strcmp(d->to[i].node, n->id) == 0)
            return;
    if (d->n_to == RECIPIENTS_MAX)
        return;
    Recipient *to = &d->to[d->n_to++];
    to->role = ROLE_ADDRESSEE;
    (void)text_copy(to->node, sizeof(to->node), n->id);
}

void audience_add(Deciding *d, const char *id) {
    Reasons *reasons = &d->ret->reasons;
    const DirNode *n = directory_node(d->in->directory, id);
    if (!n) {
        reasons_add(reasons, "UNKNOWN_RECIPIENT", id, NULL, NULL);
        return;
    }
    note_addressee(d, n);
    if (n->inactive)
        reasons_add(reasons, "RECIPIENT_INACTIVE", id, NULL, NULL);
    const char *hop = directory_next_hop(d->in->directory, d->in->self, id);
    if (!hop)
        reasons_add(reasons, "UNROUTABLE", id, NULL, NULL);
    if (n->inactive || !hop)
        return;
    Recipient who = { .role = ROLE_ADDRESSEE };
    (void)text_copy(who.node, sizeof(who.node), n->id);
    decision_add_route(d->ret, &who, hop);
}

/* The sender, or the owner it speaks for. */
static bool is_own(const Deciding *d, const char *id) {
    const DirNode *owner = directory_speaks_for(d->in->directory, d->sender);
    return strcmp(d->in->message->env.sender, id) == 0 || (owner && strcmp(owner->id, id) == 0);
}

/* Somebody the message did not name: nobody, the sender and whoever cannot be reached are no
 * reason to refuse it. */
static void imply(Deciding *d, const char *id) {
    const DirNode *n = id[0] ? directory_node(d->in->directory, id) : NULL;
    if (n && !n->inactive && !is_own(d, id) &&
        directory_next_hop(d->in->directory, d->in->self, id))
        audience_add(d, id);
}

static void imply_role(Deciding *d, int kind) {
    const Envelope *e = &d->in->message->env;
    const DirNode *n = directory_by_role(d->in->directory, kind, e->region, e->cluster);
    if (n)
        imply(d, n->id);
}

/* --- complaints (domain 4.6) ----------------------------------------------------------------- */

static void to_front(Deciding *d, const char *id) {
    AcceptDecision *ret = d->ret;
    for (uint32_t i = 1; i < ret->n_routes; i++)
        if (strcmp(ret->routes[i].who.node, id) == 0) {
            RoutedRecipient first = ret->routes[i];
            memmove(&ret->routes[1], &ret->routes[0], i * sizeof(first));
            ret->routes[0] = first;
        }
    for (uint32_t i = 1; i < d->n_to; i++)
        if (strcmp(d->to[i].node, id) == 0) {
            Recipient first = d->to[i];
            memmove(&d->to[1], &d->to[0], i * sizeof(first));
            d->to[0] = first;
        }
}

static void add_holder(Deciding *d, const char *id) {
    audience_add(d, id);
    to_front(d, id);
    reasons_warn(&d->ret->reasons, "HOLDER_ADDED", id);
}

static HolderQuestion complaint_question(const Deciding *d) {
    const Message *m = d->in->message;
    return (HolderQuestion) { .directory = d->in->directory,
                              .region = m->env.region,
                              .cluster = m->env.cluster,
                              .about = m->facts.complaint.about_node,
                              .sender = m->env.sender,
                              .harm_now = m->facts.complaint.harm_now };
}

/* The holder is the first addressee. A sender who is the holder passes it on as he likes. */
static void place_holder(Deciding *d, const HolderQuestion *q, bool named) {
    const Holder *h = &d->holder;
    for (uint32_t i = 0; i < d->ret->n_routes; i++) {
        const DirNode *n = directory_node(d->in->directory, d->ret->routes[i].who.node);
        if (holder_is_lawful(q, h, n)) {
            to_front(d, n->id);
            return;
        }
    }
    if (!h->node)
        return;
    if (d->ret->n_routes == 0) {
        audience_add(d, h->node->id);
        if (h->fallback && !named)
            reasons_warn(&d->ret->reasons, "ROLE_FALLBACK", "audience");
    } else if (!is_own(d, h->node->id)) {
        add_holder(d, h->node->id);
    }
}

/* --- what follows a complaint ---------------------------------------------------------------- */

static HolderQuestion known_complaint_question(const Deciding *d) {
    const Item *i = d->known->complaint;
    return (HolderQuestion) { .directory = d->in->directory,
                              .region = i->region,
                              .cluster = i->cluster,
                              .about = i->complaint.about_node,
                              .sender = d->in->message->env.sender,
                              .harm_now = i->complaint.harm_now,
                              .holder = i->custodian };
}

/* Who holds it after an escalation, as complaint_escalate() will find; NULL = it is none, or there
 * is nobody higher up. */
static const DirNode *next_level(const Deciding *d) {
    const Message *m = d->in->message;
    const Item *i = d->known->complaint;
    if (m->env.kind != KIND_COMPLAINT_UPDATE || !i ||
        m->facts.complaint_update.action != COMPLAINT_ACTION_ESCALATE)
        return NULL;
    const HolderQuestion q = known_complaint_question(d);
    for (unsigned level = i->complaint.level + 1U; level < HOLDER_LEVELS; level++) {
        const DirNode *n = holder_at_level(&q, level);
        if (n && strcmp(n->id, i->custodian) != 0)
            return n;
    }
    return NULL;
}

static void place_next_level(Deciding *d) {
    const DirNode *n = next_level(d);
    if (!n || d->ret->n_routes == 0 || is_own(d, n->id))
        return;
    for (uint32_t i = 0; i < d->n_to; i++)
        if (strcmp(d->to[i].node, n->id) == 0)
            return;
    add_holder(d, n->id);
}

/* Holder to origin, assignee and supervisor (domain 2.3); whoever is to act now comes first. */
static void imply_complaint_parties(Deciding *d) {
    const Item *i = d->known->complaint;
    const ComplaintUpdateFacts *f = &d->in->message->facts.complaint_update;
    if (!i)
        return;
    const DirNode *next = next_level(d);
    if (next)
        imply(d, next->id);
    if (f->action == COMPLAINT_ACTION_REROUTE) { /* the region was wrong: the message's is right */
        HolderQuestion q = known_complaint_question(d);
        Holder right;
        q.region = d->in->message->env.region;
        holder_find(&q, &right);
        if (right.node)
            imply(d, right.node->id);
    }
    if (f->action == COMPLAINT_ACTION_ASSIGN && f->assignee[0])
        audience_add(d, f->assignee);
    imply(d, i->complaint.origin);
    imply(d, i->complaint.assignee);
    imply(d, i->custodian);
    const char *superior = superior_of(d->in->directory, d->in->message->env.sender);
    if (d->ret->n_routes == 0 && strcmp(superior, i->complaint.about_node) != 0)
        imply(d, superior);
}

/* --- what follows other matters ------------------------------------------------------------- */

/* The other party; both for a superior who decides. Minutes and visits go to the agency of the
 * regency too (domain 2.3): it keeps the reminders (P4 Pasal 13 ayat (3)). */
static void imply_referral_parties(Deciding *d) {
    const Item *i = d->known->referral;
    const int kind = d->in->message->env.kind;
    if (!i)
        return;
    const bool asked = is_own(d, i->referral.requester), asks = is_own(d, i->referral.target);
    if (!asked)
        audience_add(d, i->referral.requester);
    if (asked || !asks)
        audience_add(d, i->referral.target);
    if (kind == KIND_HANDOVER_MINUTES || kind == KIND_FAMILY_FOLLOW_UP)
        imply_role(d, NODE_SOCIAL_AGENCY_REGENCY);
}

/* One tier up (P4 Pasal 31, P7 Pasal 52); nobody stands in for a tier. */
static void imply_next_tier(Deciding *d) {
    const DirNode *owner = directory_speaks_for(d->in->directory, d->sender), *n = NULL;
    char region[REGION_SIZE];
    if (!owner)
        return;
    node_region(owner->id, region);
    if (owner->kind == NODE_SOCIAL_AGENCY_REGENCY)
        n = directory_by_role(d->in->directory, NODE_SOCIAL_AGENCY_PROVINCE, region, CLUSTER_ANY);
    else if (owner->kind == NODE_SOCIAL_AGENCY_PROVINCE)
        n = ministry_dirjen(d->in->directory);
    if (n)
        audience_add(d, n->id);
}

static void decide_empty(Deciding *d) {
    switch (d->in->message->env.kind) {
    case KIND_COMPLAINT: /* place_holder() */
        break;
    case KIND_COMPLAINT_UPDATE:
        imply_complaint_parties(d);
        break;
    case KIND_REFERRAL_RESPONSE:
    case KIND_REFERRAL_UPDATE:
    case KIND_HANDOVER_MINUTES:
    case KIND_FAMILY_FOLLOW_UP:
        imply_referral_parties(d);
        break;
    case KIND_EVENT_ACKNOWLEDGEMENT:
        if (d->known->event)
            imply(d, d->known->event->keeper);
        if (d->known->event)
            imply_role(d, NODE_NATIONAL_HUB);
        break;
    case KIND_DTKS_RESULT:
        if (d->known->proposal)
            audience_add(d, d->known->proposal->proposal.proposer);
        break;
    case KIND_TIERED_REPORT:
        imply_next_tier(d);
        break;
    default:
        break;
    }
}

/* --- audience -------------------------------------------------------------------------------- */

static void decide_scope(Deciding *d) {
    const Envelope *e = &d->in->message->env;
    const KindInfo *info = kind_info(e->kind);
    if (!info || !info->event || info->case_bearing || !uuid_is_nil(&e->case_id))
        reasons_add(&d->ret->reasons, "SCOPE_NOT_ALLOWED", "audience.scope", NULL, NULL);
    else if (!scope_decide(d->in, d->ret))
        reasons_add(&d->ret->reasons, "UNROUTABLE", "audience.scope", NULL, NULL);
}

/* Nothing given at all; several forms at once are no empty audience. */
static bool is_empty(const Audience *a) {
    if (a->form == AUDIENCE_NONE)
        return a->nodes[0][0] == '\0' && a->scope[0][0] == '\0' && a->role_region[0] == '\0' &&
               a->role_kind == NODE_UNSPECIFIED;
    return a->form == AUDIENCE_NODES && a->n == 0;
}

static void decide_named(Deciding *d, const Audience *a) {
    uint32_t most = a->form == AUDIENCE_SCOPE ? AUDIENCE_SCOPE_MAX : AUDIENCE_NODES_MAX;
    if (a->form == AUDIENCE_ROLE)
        role_decide(d);
    else if (a->form == AUDIENCE_NONE || a->n == 0)
        reasons_add(&d->ret->reasons, "NO_AUDIENCE", "audience", NULL, NULL);
    else if (a->n > most)
        reasons_add(&d->ret->reasons, "TOO_MANY_RECIPIENTS", "audience", NULL, NULL);
    else if (a->form == AUDIENCE_SCOPE)
        decide_scope(d);
    else
        for (uint32_t i = 0; i < a->n; i++)
            audience_add(d, a->nodes[i]);
}

void audience_decide(Deciding *d) {
    const Message *m = d->in->message;
    const Audience *a = &m->env.audience;
    const bool empty = is_empty(a), complaint = m->env.kind == KIND_COMPLAINT;
    const uint32_t refusals = d->ret->reasons.n_refusals;
    HolderQuestion q = { 0 };
    if (m->env.kind == KIND_RECALL_ORDER)
        return; /* goes where the message went: the store knows */
    if (complaint) {
        q = complaint_question(d);
        holder_find(&q, &d->holder);
    }
    if (empty)
        decide_empty(d);
    else
        decide_named(d, a);
    if (d->ret->reasons.n_refusals > refusals)
        return;
    if (complaint)
        place_holder(d, &q, !empty);
    else
        place_next_level(d);
    if (d->ret->n_routes == 0 && !d->ret->scope && d->ret->reasons.n_refusals == refusals)
        reasons_add(&d->ret->reasons, "NO_AUDIENCE", "audience", NULL, NULL);
}

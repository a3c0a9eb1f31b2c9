/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The decision. Every check adds its reason and none stops the others; a check whose input is
 * missing stays silent. Order of reasons: technical ones, then the rules by id.
 */

#include <string.h>

#include "base/text.h"
#include "core/notice.h"
#include "core/receipt.h"
#include "core/wrap.h"
#include "law/accept-internal.h"
#include "law/copies.h"

/* --- parts ----------------------------------------------------------------------------------- */

static void check_sizes(const Body *b, Reasons *r) {
    if (b->n_envelope > ENVELOPE_MAX)
        reasons_add(r, "TOO_LARGE", "envelope", NULL, NULL);
    if (b->n_facts > FACTS_MAX)
        reasons_add(r, "TOO_LARGE", "facts", NULL, NULL);
    if (b->n_sealed > SEALED_MAX)
        reasons_add(r, "TOO_LARGE", "sealed", NULL, NULL);
}

/* known: the digest of the part when it was computed before, else NULL. */
static bool digest_fits(const uint8_t *digest, Bytes part, const uint8_t *known) {
    uint8_t have[DIGEST_SIZE];
    if (!known)
        hash_digest(part, have);
    return memcmp(known ? known : have, digest, DIGEST_SIZE) == 0;
}

/* A digest may be missing only where its part is empty. On a link the sealed part may be missing
 * although the envelope has its digest: that is a supervision copy. */
static void check_digests(const AcceptInput *in, Reasons *r) {
    const Message *m = in->message;
    const Envelope *e = &m->env;
    Bytes facts = body_facts(m->body), sealed = body_sealed(m->body);
    const uint8_t *known_facts = m->hashed ? m->facts_digest : NULL,
                  *known_sealed = m->hashed ? m->sealed_digest : NULL;
    if (e->has_facts_digest ? !digest_fits(e->facts_digest, facts, known_facts) : facts.n > 0)
        reasons_add(r, "DIGEST_MISMATCH", "facts_digest", NULL, NULL);
    if (sealed.n == 0 && in->from_link)
        return;
    if (e->has_sealed_digest ? !digest_fits(e->sealed_digest, sealed, known_sealed) : sealed.n > 0)
        reasons_add(r, "DIGEST_MISMATCH", "sealed_digest", NULL, NULL);
}

/* Derived ids are the brokers' own: what a receipt has for id everybody can say who knows the
 * message, and under an id that is taken it would never arrive. */
static void check_id(const AcceptInput *in, Reasons *r) {
    const Message *m = in->message;
    const int kind = m->env.kind;
    const bool brokers = in->from_link && (kind >= KIND_KEY_REQUEST || receipt_has_own_id(m) ||
                                           notice_has_own_id(m) || wrap_request_has_own_id(m));
    if (uuid_is_derived(&m->env.message_id) && !brokers)
        reasons_add(r, "MALFORMED", "message_id", NULL, NULL);
}

/* --- envelope -------------------------------------------------------------------------------- */

static void check_sender(const AcceptInput *in, const DirNode *sender, Reasons *r) {
    if (strcmp(in->message->env.sender, in->authority) != 0)
        reasons_add(r, "WRONG_SENDER", "sender", NULL, NULL);
    if (!sender)
        reasons_add(r, "UNKNOWN_SENDER", "sender", NULL, NULL);
    else if (sender->inactive)
        reasons_add(r, "SENDER_INACTIVE", "sender", NULL, NULL);
    /* Elsewhere neither its matters nor its quota are known. */
    else if (strcmp(sender->home[0] ? sender->home : sender->id, in->self) != 0)
        reasons_add(r, "NOT_HOME", "sender", NULL, NULL);
}

static void check_kind(const Envelope *e, Reasons *r) {
    const KindInfo *info = kind_info(e->kind);
    if (e->kind == KIND_UNSPECIFIED)
        reasons_add(r, "KIND_MISSING", "kind", NULL, NULL);
    if (e->kind == KIND_RECEIPT || e->kind == KIND_NOTICE || e->kind == KIND_WRAP_REQUEST ||
        e->kind == KIND_KEY_REQUEST)
        reasons_add(r, "RESERVED_KIND", "kind", NULL, NULL);
    if (e->schema == 0)
        reasons_add(r, "BAD_SCHEMA", "schema", NULL, NULL);
    /* A recall rides a lane of its own and needs no urgency. */
    if (e->urgency == URGENCY_UNSPECIFIED && e->kind != KIND_RECALL_ORDER)
        reasons_add(r, "URGENCY_MISSING", "urgency", NULL, NULL);
    if (e->urgency == URGENCY_EVENT && !(info && info->event)) /* of what it does not know, too */
        reasons_add(r, "URGENCY_NOT_ALLOWED", "urgency", NULL, NULL);
}

/* Keys for one node, and nothing else: it has no outcome, so no account knows when it is gone. */
static void check_wrap(const Message *m, Reasons *r) {
    const Envelope *e = &m->env;
    if (e->kind != KIND_SEAL_WRAP)
        return;
    if (e->audience.form != AUDIENCE_NODES || e->audience.n != 1)
        reasons_add(r, "MALFORMED", "audience", NULL, NULL);
    if (e->has_sealed_digest)
        reasons_add(r, "MALFORMED", "sealed_digest", NULL, NULL);
    if (m->body->n_facts > WRAP_FACTS_MAX)
        reasons_add(r, "TOO_LARGE", "facts", NULL, NULL);
}

static void check_times(const AcceptInput *in, Reasons *r) {
    const Envelope *e = &in->message->env;
    const AcceptPolicy *p = in->policy;
    if (e->created_ms <= 0 || e->created_ms > in->now_ms + p->clock_skew_ms ||
        e->created_ms < in->now_ms - p->max_expiry_ms)
        reasons_add(r, "BAD_TIME", "created_at", NULL, NULL);
    if (e->expires_ms == 0)
        return;
    if (e->expires_ms <= in->now_ms)
        reasons_add(r, "EXPIRED", "expires_at", NULL, NULL);
    if (e->expires_ms < e->created_ms || e->expires_ms > in->now_ms + p->max_expiry_ms)
        reasons_add(r, "BAD_EXPIRY", "expires_at", NULL, NULL);
}

/* No neighbour's word makes a message live longer than its id is remembered. */
int64_t accept_link_expiry(const AcceptPolicy *p, int64_t told_ms, int64_t now_ms) {
    return MIN(told_ms, now_ms + p->max_expiry_ms);
}

static int64_t effective_expiry(const AcceptInput *in) {
    const Message *m = in->message;
    if (in->from_link && m->fwd.expires_ms > 0)
        return accept_link_expiry(in->policy, m->fwd.expires_ms, in->now_ms);
    if (m->env.expires_ms > 0)
        return m->env.expires_ms;
    return in->now_ms +
           (m->lane == LANE_EVENT ? in->policy->event_expiry_ms : in->policy->default_expiry_ms);
}

/* --- from a publisher ------------------------------------------------------------------------ */

void decision_add_route(AcceptDecision *ret, const Recipient *who, const char *hop) {
    for (uint32_t i = 0; i < ret->n_routes; i++)
        if (strcmp(ret->routes[i].who.node, who->node) == 0)
            return;
    if (ret->n_routes == RECIPIENTS_MAX)
        return; /* callers have fewer entries than that */
    RoutedRecipient *r = &ret->routes[ret->n_routes++];
    r->who = *who;
    (void)text_copy(r->hop, sizeof(r->hop), hop ? hop : "");
}

/* The set the matter was opened under; for what opens now, the one of today. */
static const RuleSet *rule_set_of(const Deciding *d) {
    const RuleSets *sets = d->in->rule_sets ? d->in->rule_sets : &rule_sets;
    const Envelope *e = &d->in->message->env;
    const Item *of = NULL;
    const RuleSet *set = NULL;
    switch (e->kind) {
    case KIND_REFERRAL_RESPONSE:
    case KIND_REFERRAL_UPDATE:
    case KIND_HANDOVER_MINUTES:
    case KIND_FAMILY_FOLLOW_UP:
        of = d->known->referral;
        break;
    case KIND_COMPLAINT_UPDATE:
        of = d->known->complaint;
        break;
    case KIND_CASE_RESPONSE:
    case KIND_CASE_OPENED:
    case KIND_CASE_STAGE_UPDATE:
    case KIND_CASE_CONFERENCE:
    case KIND_AFTERCARE:
    case KIND_TERMINATION:
        of = d->known->case_file;
        break;
    case KIND_EXTRAORDINARY_EVENT:
    case KIND_EVENT_SITUATION:
    case KIND_EVENT_ACKNOWLEDGEMENT:
        of = d->known->event;
        break;
    case KIND_DTKS_RESULT:
        of = d->known->proposal;
        break;
    default:
        break;
    }
    if (of)
        set = rule_set_find(sets, of->rule_set);
    return set ? set : rule_set_at(sets, d->in->now_ms, e->region);
}

/* After the rules: whom a warning is told is among them. */
static void add_copies(Deciding *d) {
    const Message *m = d->in->message;
    const DirNode *list[COPIES_MAX];
    const CopyInput in = { .message = m,
                           .directory = d->in->directory,
                           .sender = d->sender,
                           .known = d->known,
                           .to = d->to,
                           .n_to = d->n_to,
                           .holder = m->env.kind == KIND_COMPLAINT ? &d->holder : NULL,
                           .reasons = &d->ret->reasons };
    uint32_t n = m->env.kind == KIND_RECALL_ORDER ? 0 : copies_find(&in, list);
    for (uint32_t i = 0; i < n; i++) {
        Recipient who = { .role = ROLE_SUPERVISOR };
        const char *hop = directory_next_hop(d->in->directory, d->in->self, list[i]->id);
        (void)text_copy(who.node, sizeof(who.node), list[i]->id);
        if (hop && !(d->ret->scope && accept_scope_covers(&m->env, list[i])))
            decision_add_route(d->ret, &who, hop);
    }
}

static void decide_from_publisher(const AcceptInput *in, AcceptDecision *ret) {
    static const Known nothing = { 0 };
    const Envelope *e = &in->message->env;
    Deciding d = { .in = in, .ret = ret, .known = in->known ? in->known : &nothing };
    d.sender = directory_node(in->directory, e->sender);
    check_sender(in, d.sender, &ret->reasons);
    check_kind(e, &ret->reasons);
    check_wrap(in->message, &ret->reasons);
    check_times(in, &ret->reasons);
    audience_decide(&d);
    const RuleInput rules = { .message = in->message,
                              .directory = in->directory,
                              .sender = d.sender,
                              .to = d.to,
                              .n_to = d.n_to,
                              .known = d.known,
                              .set = rule_set_of(&d),
                              .now_ms = in->now_ms,
                              .register_name = in->register_name };
    (void)text_copy(ret->rule_set, sizeof(ret->rule_set), rules.set->version);
    rules_check(&rules, in->floors, &ret->reasons);
    if (ret->reasons.n_refusals == 0)
        add_copies(&d);
}

/* --- recipients from a link ------------------------------------------------------------------ */

/* Where to pass the message on to. Never back where it came from, nor on a round trip: brokers
 * whose directories differ would hand it to each other for ever. */
static const char *hop_from_link(const AcceptInput *in, const char *id) {
    const Forward *f = &in->message->fwd;
    const char *hop = directory_next_hop(in->directory, in->self, id);
    if (!hop || strcmp(hop, in->self) == 0)
        return hop;
    if (strcmp(hop, in->authority) == 0 || f->n_stamps >= STAMPS_MAX)
        return NULL;
    for (uint32_t i = 0; i < f->n_stamps; i++)
        if (strcmp(f->stamps[i].broker, hop) == 0)
            return NULL;
    return hop;
}

/* By its sender's own, signed word it ended so long ago that nobody can have held it up till now:
 * its id may be forgotten, and what it did would be done once more. */
static bool is_long_over(const AcceptInput *in) {
    const Envelope *e = &in->message->env;
    const AcceptPolicy *p = in->policy;
    const int64_t end_ms = in->now_ms - p->default_expiry_ms; /* a dead letter is requeued once */
    const int64_t life_ms = e->expires_ms > 0 ? p->max_expiry_ms : p->default_expiry_ms;
    return (e->expires_ms > 0 && e->expires_ms < end_ms) ||
           e->created_ms < end_ms - life_ms - p->max_expiry_ms; /* accepted as late as can be */
}

static void decide_from_link(const AcceptInput *in, AcceptDecision *ret) {
    const Forward *f = &in->message->fwd;
    if (!in->clock_doubted && is_long_over(in))
        reasons_add(&ret->reasons, "BAD_TIME", "created_at", NULL, NULL);
    if (!f->present || (f->n_recipients == 0 && !f->scope))
        reasons_add(&ret->reasons, "NO_AUDIENCE", "recipients", NULL, NULL);
    if (f->n_recipients > RECIPIENTS_MAX) {
        reasons_add(&ret->reasons, "TOO_MANY_RECIPIENTS", "recipients", NULL, NULL);
        return;
    }
    for (uint32_t i = 0; i < f->n_recipients; i++)
        decision_add_route(ret, &f->recipients[i], hop_from_link(in, f->recipients[i].node));
    if (f->scope)
        (void)scope_decide(in, ret); /* nobody covered on this side any more: a copy less */
}

void accept_decide(const AcceptInput *in, AcceptDecision *ret) {
    /* Counters only: the lists are large and every entry is written whole. */
    ret->reasons.n = ret->reasons.n_refusals = 0;
    ret->n_routes = ret->n_scope_hops = 0;
    ret->scope = false;
    ret->rule_set[0] = '\0';
    ret->expires_ms = effective_expiry(in);
    check_sizes(in->message->body, &ret->reasons);
    check_digests(in, &ret->reasons);
    check_id(in, &ret->reasons);
    if (in->from_link)
        decide_from_link(in, ret);
    else
        decide_from_publisher(in, ret);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The decision. Every check adds its reason and none stops the others; a check whose input is
 * missing stays silent. Order of reasons: technical ones, then the rules by id.
 */

#include <stdio.h>

#include "base/text.h"
#include "core/accept.h"

/* --- parts
 * ------------------------------------------------------------------------------------------ */

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

/* --- envelope
 * ----------------------------------------------------------------------------------------- */

static void check_sender(const AcceptInput *in, const DirNode *sender, Reasons *r) {
    if (strcmp(in->message->env.sender, in->authority) != 0)
        reasons_add(r, "WRONG_SENDER", "sender", NULL, NULL);
    if (!sender)
        reasons_add(r, "UNKNOWN_SENDER", "sender", NULL, NULL);
    else if (sender->inactive)
        reasons_add(r, "SENDER_INACTIVE", "sender", NULL, NULL);
}

static void check_kind(const Envelope *e, Reasons *r) {
    const KindInfo *info = kind_info(e->kind);
    if (e->kind == KIND_UNSPECIFIED)
        reasons_add(r, "KIND_MISSING", "kind", NULL, NULL);
    if (e->kind == KIND_RECEIPT)
        reasons_add(r, "RESERVED_KIND", "kind", NULL, NULL);
    if (e->schema == 0)
        reasons_add(r, "BAD_SCHEMA", "schema", NULL, NULL);
    /* A recall rides a lane of its own and needs no urgency. */
    if (e->urgency == URGENCY_UNSPECIFIED && e->kind != KIND_RECALL_ORDER)
        reasons_add(r, "URGENCY_MISSING", "urgency", NULL, NULL);
    if (e->urgency == URGENCY_EVENT && info && !info->event)
        reasons_add(r, "URGENCY_NOT_ALLOWED", "urgency", NULL, NULL);
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

static int64_t effective_expiry(const AcceptInput *in) {
    const Message *m = in->message;
    if (in->from_link && m->fwd.expires_ms > 0)
        return m->fwd.expires_ms;
    if (m->env.expires_ms > 0)
        return m->env.expires_ms;
    return in->now_ms +
           (m->lane == LANE_EVENT ? in->policy->event_expiry_ms : in->policy->default_expiry_ms);
}

/* --- event scope
 * ---------------------------------------------------------------------------------------- */

/* Does the region lie in the scope; for either_way also: does the scope lie in the region. */
static bool scope_has(const Audience *a, const char *region, bool either_way) {
    for (uint32_t i = 0; i < a->n && i < AUDIENCE_SCOPE_MAX; i++)
        if (text_starts_with(region, a->scope[i]) ||
            (either_way && text_starts_with(a->scope[i], region)))
            return true;
    return false;
}

/* Own region in the scope; UPTs also when a service area touches it; the ministry, the hub and the
 * command centre always (domain 4.9). Never the sender. */
static bool scope_covers(const Envelope *e, const DirNode *n) {
    if (n->inactive || strcmp(n->id, e->sender) == 0)
        return false;
    if (n->kind == NODE_NATIONAL_HUB || n->kind == NODE_MINISTRY_UNIT ||
        n->kind == NODE_COMMAND_CENTER)
        return true;
    for (uint32_t i = 0; i < n->n_areas; i++)
        if (scope_has(&e->audience, n->areas[i].region, node_kind_is_upt(n->kind)))
            return true;
    if (n->n_areas > 0)
        return false;
    char own[REGION_SIZE];
    node_region(n->id, own);
    return scope_has(&e->audience, own, false);
}

const DirNode *accept_scope_next(const AcceptInput *in, size_t *cursor) {
    while (*cursor < directory_node_count(in->directory)) {
        const DirNode *n = directory_node_at(in->directory, (*cursor)++);
        if (strcmp(n->home, in->self) == 0 && scope_covers(&in->message->env, n))
            return n;
    }
    return NULL;
}

static void add_scope_hop(AcceptDecision *ret, const char *hop) {
    for (uint32_t i = 0; i < ret->n_scope_hops; i++)
        if (strcmp(ret->scope_hops[i], hop) == 0)
            return;
    if (ret->n_scope_hops < SCOPE_HOPS_MAX) /* sealing allows no more neighbours than that */
        (void)text_copy(ret->scope_hops[ret->n_scope_hops++], NODE_NAME_SIZE, hop);
}

/* Returns whether anybody at all is covered and can be reached. */
static bool decide_scope(const AcceptInput *in, AcceptDecision *ret) {
    const char *home = "", *hop = NULL;
    bool anybody = false;
    ret->scope = true;
    for (size_t i = 0; i < directory_node_count(in->directory); i++) {
        const DirNode *n = directory_node_at(in->directory, i);
        if (!scope_covers(&in->message->env, n))
            continue;
        if (strcmp(n->home, home) != 0) { /* neighbours in the list mostly share a home */
            home = n->home;
            hop = directory_next_hop(in->directory, in->self, n->id);
        }
        if (!hop || (in->from_link && strcmp(hop, in->authority) == 0))
            continue;
        anybody = true;
        if (strcmp(hop, in->self) != 0)
            add_scope_hop(ret, hop);
    }
    return anybody;
}

/* --- audience of a publisher
 * --------------------------------------------------------------------------- */

static void add_route(AcceptDecision *ret, const Recipient *who, const char *hop) {
    for (uint32_t i = 0; i < ret->n_routes; i++)
        if (strcmp(ret->routes[i].who.node, who->node) == 0)
            return;
    if (ret->n_routes == RECIPIENTS_MAX)
        return; /* both callers have fewer entries than that */
    RoutedRecipient *r = &ret->routes[ret->n_routes++];
    r->who = *who;
    (void)text_copy(r->hop, sizeof(r->hop), hop ? hop : "");
}

static void route_to(const AcceptInput *in, const char *id, AcceptDecision *ret) {
    const DirNode *n = directory_node(in->directory, id);
    if (!n) {
        reasons_add(&ret->reasons, "UNKNOWN_RECIPIENT", id, NULL, NULL);
        return;
    }
    if (n->inactive)
        reasons_add(&ret->reasons, "RECIPIENT_INACTIVE", id, NULL, NULL);
    const char *hop = directory_next_hop(in->directory, in->self, id);
    if (!hop)
        reasons_add(&ret->reasons, "UNROUTABLE", id, NULL, NULL);
    if (n->inactive || !hop)
        return;
    Recipient who = { .role = ROLE_ADDRESSEE };
    (void)text_copy(who.node, sizeof(who.node), n->id);
    add_route(ret, &who, hop);
}

/* The node of that role; where nobody has it, the UPT of the region, then the hub, with a warning:
 * a case is never dropped because an office is missing (domain 4.1). */
static void decide_role(const AcceptInput *in, AcceptDecision *ret) {
    const Envelope *e = &in->message->env;
    const Audience *a = &e->audience;
    char role[64];
    if (a->role_kind == NODE_UNSPECIFIED) {
        reasons_add(&ret->reasons, "NO_AUDIENCE", "audience.role_at.kind", NULL, NULL);
        return;
    }
    (void)snprintf(role, sizeof(role), "%s@%s", node_kind_name(a->role_kind), a->role_region);
    int cluster = a->role_cluster != CLUSTER_ANY ? a->role_cluster : e->cluster;
    const int kinds[] = { a->role_kind, NODE_UPT_BALAI, NODE_NATIONAL_HUB };
    const DirNode *n = NULL;
    size_t i = 0;
    for (; !n && i < ARRAY_SIZE(kinds); i++)
        n = directory_by_role(in->directory, kinds[i], a->role_region, cluster);
    if (!n) {
        reasons_add(&ret->reasons, "UNKNOWN_RECIPIENT", role, NULL, NULL);
        return;
    }
    if (i > 1)
        reasons_warn(&ret->reasons, "ROLE_FALLBACK", role);
    route_to(in, n->id, ret);
}

static void decide_publisher_scope(const AcceptInput *in, AcceptDecision *ret) {
    const Envelope *e = &in->message->env;
    const KindInfo *info = kind_info(e->kind);
    if (!info || !info->event || info->case_bearing || !uuid_is_nil(&e->case_id)) {
        reasons_add(&ret->reasons, "SCOPE_NOT_ALLOWED", "audience.scope", NULL, NULL);
        return;
    }
    if (!decide_scope(in, ret))
        reasons_add(&ret->reasons, "UNROUTABLE", "audience.scope", NULL, NULL);
}

static void decide_audience(const AcceptInput *in, AcceptDecision *ret) {
    const Audience *a = &in->message->env.audience;
    uint32_t most = a->form == AUDIENCE_SCOPE ? AUDIENCE_SCOPE_MAX : AUDIENCE_NODES_MAX;
    if (in->message->env.kind == KIND_RECALL_ORDER)
        return; /* goes where the message went: the store knows */
    if (a->form == AUDIENCE_NONE || (a->form != AUDIENCE_ROLE && a->n == 0)) {
        reasons_add(&ret->reasons, "NO_AUDIENCE", "audience", NULL, NULL);
        return;
    }
    if (a->form != AUDIENCE_ROLE && a->n > most) {
        reasons_add(&ret->reasons, "TOO_MANY_RECIPIENTS", "audience", NULL, NULL);
        return;
    }
    if (a->form == AUDIENCE_ROLE)
        decide_role(in, ret);
    else if (a->form == AUDIENCE_SCOPE)
        decide_publisher_scope(in, ret);
    else
        for (uint32_t i = 0; i < a->n; i++)
            route_to(in, a->nodes[i], ret);
}

static void decide_from_publisher(const AcceptInput *in, AcceptDecision *ret) {
    const Envelope *e = &in->message->env;
    const RuleInput rules = { .message = in->message,
                              .directory = in->directory,
                              .sender = directory_node(in->directory, e->sender),
                              .now_ms = in->now_ms };
    check_sender(in, rules.sender, &ret->reasons);
    check_kind(e, &ret->reasons);
    check_times(in, &ret->reasons);
    decide_audience(in, ret);
    rules_check(&rules, &ret->reasons);
}

/* --- recipients from a link
 * -------------------------------------------------------------------------------- */

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

static void decide_from_link(const AcceptInput *in, AcceptDecision *ret) {
    const Forward *f = &in->message->fwd;
    if (!f->present || (f->n_recipients == 0 && !f->scope))
        reasons_add(&ret->reasons, "NO_AUDIENCE", "recipients", NULL, NULL);
    if (f->n_recipients > RECIPIENTS_MAX) {
        reasons_add(&ret->reasons, "TOO_MANY_RECIPIENTS", "recipients", NULL, NULL);
        return;
    }
    for (uint32_t i = 0; i < f->n_recipients; i++)
        add_route(ret, &f->recipients[i], hop_from_link(in, f->recipients[i].node));
    if (f->scope)
        (void)decide_scope(in, ret); /* nobody covered on this side any more: a copy less */
}

void accept_decide(const AcceptInput *in, AcceptDecision *ret) {
    /* Counters only: the lists are large and every entry is written whole. */
    ret->reasons.n = ret->reasons.n_refusals = 0;
    ret->n_routes = ret->n_scope_hops = 0;
    ret->scope = false;
    ret->expires_ms = effective_expiry(in);
    check_sizes(in->message->body, &ret->reasons);
    check_digests(in, &ret->reasons);
    if (in->from_link)
        decide_from_link(in, ret);
    else
        decide_from_publisher(in, ret);
}

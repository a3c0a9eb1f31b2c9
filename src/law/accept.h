/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The decision on a message that is not a duplicate: refuse with every reason at once, or accept
 * with the recipients and the next hop of each. Pure: the store writes what this decides.
 */

#include "core/directory.h"
#include "core/message.h"
#include "core/reasons.h"
#include "law/rules.h"

typedef struct AcceptPolicy {
    int64_t default_expiry_ms; /* 30 days */
    int64_t event_expiry_ms;   /* 72 hours */
    int64_t max_expiry_ms;     /* refuse expires_at further away: 180 days (dedup memory) */
    int64_t clock_skew_ms;     /* created_at may be this far in the future: 5 min */
} AcceptPolicy;

typedef struct RoutedRecipient {
    Recipient who;
    char hop[NODE_NAME_SIZE]; /* self = local mailbox, else neighbour broker; "" = unroutable */
} RoutedRecipient;

typedef struct AcceptInput {
    const Message *message;
    const Directory *directory;
    const char *self;      /* node id of this broker */
    const char *authority; /* node the session acts for */
    bool from_link;        /* authority is a neighbour broker passing the message on */
    bool clock_doubted;    /* now_ms may be far too late */
    int64_t now_ms;
    const AcceptPolicy *policy;
    const Known *known;        /* what the store knows of the items it is about; NULL = nothing */
    const RuleSets *rule_sets; /* NULL = those of this version */
    const RuleFloors *floors;  /* NULL = none */
    const char *register_name; /* NULL = REGISTER_NAME */
    const FreePlaces *free_places; /* told by CAPACITY_UPDATE; NULL = none told */
} AcceptInput;

typedef struct AcceptDecision {
    Reasons reasons;                      /* refused when reasons.n_refusals > 0 */
    int64_t expires_ms;                   /* effective */
    char rule_set[RULE_SET_VERSION_SIZE]; /* the decision was made under; "" from a link */
    uint32_t n_routes;
    RoutedRecipient routes[RECIPIENTS_MAX];
    /* Event scope: local nodes to deposit at come from accept_scope_next(); neighbours to copy to:
     */
    bool scope;
    uint32_t n_scope_hops;
    char scope_hops[SCOPE_HOPS_MAX][NODE_NAME_SIZE];
} AcceptDecision;

/* From a publisher: sender is who it says, sizes and digests, kind and schema, times sane, audience
 * resolved, rules; unroutable is refused. What may leave its audience empty: complaints, answers to
 * what this broker knows, tiered reports (accept-audience.c). The copies the law orders for
 * supervisors (copies.h) come last, with role SUPERVISOR. Of a complaint the first route is the
 * holder.
 * From a link: the decision was made at the publisher's home broker and stands; sizes and digests
 * are checked again, recipients are routed; one that this broker cannot route has hop "" and is
 * answered UNDELIVERABLE(RECIPIENT_UNKNOWN) by the store, not refused. */
void accept_decide(const AcceptInput *in, AcceptDecision *ret);
/* When a message ends of which a neighbour told when; it is believed as far as ids are remembered.
 */
int64_t accept_link_expiry(const AcceptPolicy *p, int64_t told_ms, int64_t now_ms);
/* Before that: the codes of regions become those of today (alias.c). */
void accept_take_aliases(Message *m, const Directory *d);
/* Iterates the nodes at home here that an event scope covers. *cursor starts at 0. NULL = end. */
const DirNode *accept_scope_next(const AcceptInput *in, size_t *cursor);
/* Does the event scope of the message cover the node (active, and not the sender)? */
bool accept_scope_covers(const Envelope *e, const DirNode *n);

/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include <stdio.h>

#include "core/notice.h"
#include "core/receipt.h"
#include "core/wrap.h"
#include "law/accept.h"
#include "sample.h"

static const AcceptPolicy policy = { .default_expiry_ms = 30 * DAY_MS,
                                     .event_expiry_ms = 72 * HOUR_MS,
                                     .max_expiry_ms = 180 * DAY_MS,
                                     .clock_skew_ms = 5 * MINUTE_MS };

typedef struct Case {
    Directory *d;
    Message *m;
    AcceptInput in;
    AcceptDecision out;
    char codes[512];
} Case;

static Case *case_free(Case *c) {
    (void)directory_unref(c->d);
    (void)message_free(c->m);
    free(c);
    return NULL;
}
DEFINE_CLEANUP(Case *, case_free);

static Case *case_new(Message *m, const char *self) {
    Case *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->d = sample_directory();
    c->m = m;
    c->in = (AcceptInput) { .message = m,
                            .directory = c->d,
                            .self = self,
                            .authority = m->env.sender,
                            .now_ms = SAMPLE_NOW,
                            .policy = &policy };
    return c;
}

/* A message that comes over a link from that neighbour. */
static Case *link_case_new(Message *m, const char *self, const char *neighbour) {
    Case *c = case_new(m, self);
    c->in.from_link = true;
    c->in.authority = neighbour;
    m->fwd = (Forward) { .present = true, .accepted_ms = SAMPLE_NOW, .n_stamps = 1 };
    strcpy(m->fwd.stamps[0].broker, neighbour);
    return c;
}

static const char *decide(Case *c) {
    accept_decide(&c->in, &c->out);
    return sample_codes(&c->out.reasons, c->codes, sizeof(c->codes));
}

static void replace_body(Case *c, size_t facts, size_t sealed) {
    uint8_t *zeros = calloc(1, MAX(facts, sealed) + 1);
    assert_non_null(zeros);
    (void)body_unref(c->m->body);
    c->m->body = body_new(bytes_make("e", 1), bytes_make(zeros, facts), bytes_make(zeros, sealed));
    assert_non_null(c->m->body);
    hash_digest(bytes_make(zeros, facts), c->m->env.facts_digest);
    hash_digest(bytes_make(zeros, sealed), c->m->env.sealed_digest);
    c->m->env.has_facts_digest = facts > 0;
    c->m->env.has_sealed_digest = sealed > 0;
    free(zeros);
}

static void set_nodes(Message *m, uint32_t n, const char *a, const char *b) {
    m->env.audience = (Audience) { .form = AUDIENCE_NODES, .n = n };
    strcpy(m->env.audience.nodes[0], a);
    strcpy(m->env.audience.nodes[1], b);
}

/* --- accepted -------------------------------------------------------------------------------- */

TEST(a_sound_message_is_accepted_with_its_routes) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    set_nodes(c->m, 2, "uptd/32/pa-02", "dsk/3306");
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_routes, 2);
    ASSERT_STR(c->out.routes[0].who.node, "uptd/32/pa-02");
    ASSERT_EQ(c->out.routes[0].who.role, ROLE_ADDRESSEE);
    ASSERT_STR(c->out.routes[0].hop, "upt/phala-martha");
    ASSERT_STR(c->out.routes[1].hop, "hub");
    ASSERT_TRUE(c->out.expires_ms == SAMPLE_NOW + 30 * DAY_MS);
    ASSERT_TRUE(!c->out.scope);
}

TEST(the_same_recipient_twice_is_one_route) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    set_nodes(c->m, 2, "uptd/32/pa-02", "uptd/32/pa-02");
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_routes, 1);
}

TEST(an_expiry_of_its_own_is_kept) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    c->m->env.expires_ms = SAMPLE_NOW + 1;
    ASSERT_STR(decide(c), "");
    ASSERT_TRUE(c->out.expires_ms == SAMPLE_NOW + 1);
}

TEST(a_kind_newer_than_the_broker_is_carried) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    c->m->env.kind = 200;
    c->m->env.cluster = CLUSTER_ANY;
    c->m->facts = (Facts) { 0 };
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_routes, 1);
}

/* --- roles ----------------------------------------------------------------------------------- */

static void set_role(Message *m, int kind, const char *region) {
    m->env.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = kind };
    strcpy(m->env.audience.role_region, region);
}

/* A regency renamed: what was signed keeps its code, everything here goes by that of today. */
TEST(codes_that_were_replaced_are_read_as_those_of_today) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    ASSERT_OK(directory_add_region(d, &(DirRegion) { .code = "3299", .alias_of = "3203" }));
    ASSERT_OK(directory_seal(d, 1));
    _cleanup_(message_freep) Message *m = sample_message();
    strcpy(m->env.region, "3299052001");
    m->env.audience = (Audience) { .form = AUDIENCE_ROLE, .role_region = "3299" };
    strcpy(m->facts.assistance.regency, "3299");
    accept_take_aliases(m, d);
    ASSERT_STR(m->env.region, "3203052001");
    ASSERT_STR(m->env.audience.role_region, "3203");
    ASSERT_STR(m->facts.assistance.regency, "3299"); /* facts of another kind */
    m->env.kind = KIND_SUPERVISION_ASSISTANCE_REQUEST;
    m->env.audience = (Audience) { .form = AUDIENCE_SCOPE, .n = 2, .scope = { "3204", "3299" } };
    accept_take_aliases(m, d);
    ASSERT_STR(m->facts.assistance.regency, "3203");
    ASSERT_STR(m->env.audience.scope[0], "3204");
    ASSERT_STR(m->env.audience.scope[1], "3203");
}

TEST(a_role_becomes_one_node) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    set_role(c->m, NODE_SOCIAL_AGENCY_REGENCY, "3306");
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_routes, 1);
    ASSERT_STR(c->out.routes[0].who.node, "dsk/3306");
    ASSERT_STR(c->out.routes[0].hop, "hub");
}

TEST(a_role_nobody_has_falls_back_to_the_upt_then_to_the_hub) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    set_role(c->m, NODE_SOCIAL_AGENCY_REGENCY, "3205");
    ASSERT_STR(decide(c), "(ROLE_FALLBACK)");
    ASSERT_EQ(c->out.reasons.n_refusals, 0);
    ASSERT_STR(c->out.reasons.list[0].field, "SOCIAL_AGENCY_REGENCY@3205");
    ASSERT_STR(c->out.routes[0].who.node, "upt/phala-martha");
    set_role(c->m, NODE_SOCIAL_AGENCY_REGENCY, "7371");
    ASSERT_STR(decide(c), "(ROLE_FALLBACK)");
    ASSERT_STR(c->out.routes[0].who.node, "hub");
    set_role(c->m, NODE_UNSPECIFIED, "3203");
    ASSERT_STR(decide(c), "NO_AUDIENCE");
}

/* --- refused, one by one --------------------------------------------------------------------- */

#define ASSERT_REFUSED(want, change)                                                               \
    do {                                                                                           \
        _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");            \
        Envelope *e = &c->m->env;                                                                  \
        (void)e;                                                                                   \
        change;                                                                                    \
        ASSERT_STR(decide(c), want);                                                               \
    } while (0)

TEST(the_sender_is_who_the_session_says) {
    ASSERT_REFUSED("WRONG_SENDER", c->in.authority = "dsk/3204");
    ASSERT_REFUSED("UNKNOWN_SENDER", strcpy(e->sender, "dsk/3298"));
    ASSERT_REFUSED("SENDER_INACTIVE", strcpy(e->sender, "dsk/3299"));
    ASSERT_REFUSED("NOT_HOME", c->in.self = "upt/satria");
}

TEST(parts_fit_their_digests_and_limits) {
    ASSERT_REFUSED("DIGEST_MISMATCH", e->facts_digest[0] ^= 1);
    ASSERT_REFUSED("DIGEST_MISMATCH", e->sealed_digest[31] ^= 1);
    ASSERT_REFUSED("DIGEST_MISMATCH", e->has_facts_digest = false);
    ASSERT_REFUSED("DIGEST_MISMATCH", e->has_sealed_digest = false);
    ASSERT_REFUSED("DIGEST_MISMATCH", {
        replace_body(c, 3, 0);
        e->has_sealed_digest = true;
        e->sealed_digest[0] ^= 1;
    });
    ASSERT_REFUSED("", replace_body(c, 0, 0));
    ASSERT_REFUSED("", replace_body(c, FACTS_MAX, SEALED_MAX));
    ASSERT_REFUSED("TOO_LARGE", replace_body(c, FACTS_MAX + 1, 0));
    ASSERT_REFUSED("TOO_LARGE", replace_body(c, 0, SEALED_MAX + 1));
}

TEST(times_are_within_reason) {
    ASSERT_REFUSED("BAD_TIME", e->created_ms = 0);
    ASSERT_REFUSED("BAD_TIME", e->created_ms = INT64_MIN);
    ASSERT_REFUSED("BAD_TIME", e->created_ms = INT64_MAX);
    ASSERT_REFUSED("", e->created_ms = SAMPLE_NOW + 5 * MINUTE_MS);
    ASSERT_REFUSED("BAD_TIME", e->created_ms = SAMPLE_NOW + 5 * MINUTE_MS + 1);
    ASSERT_REFUSED("", e->created_ms = SAMPLE_NOW - 180 * DAY_MS);
    ASSERT_REFUSED("BAD_TIME", e->created_ms = SAMPLE_NOW - 180 * DAY_MS - 1);
    ASSERT_REFUSED("EXPIRED", e->expires_ms = SAMPLE_NOW);
    ASSERT_REFUSED("EXPIRED BAD_EXPIRY", e->expires_ms = SAMPLE_NOW - 2000);
    ASSERT_REFUSED("", e->expires_ms = SAMPLE_NOW + 180 * DAY_MS);
    ASSERT_REFUSED("BAD_EXPIRY", e->expires_ms = SAMPLE_NOW + 180 * DAY_MS + 1);
    ASSERT_REFUSED("BAD_EXPIRY", {
        e->created_ms = SAMPLE_NOW + 1000;
        e->expires_ms = SAMPLE_NOW + 999;
    });
}

TEST(kind_schema_and_urgency_are_given) {
    ASSERT_REFUSED("KIND_MISSING", e->kind = 0);
    ASSERT_REFUSED("RESERVED_KIND", e->kind = KIND_RECEIPT);
    ASSERT_REFUSED("BAD_SCHEMA", e->schema = 0);
    ASSERT_REFUSED("URGENCY_MISSING", e->urgency = 0);
    ASSERT_REFUSED("URGENCY_NOT_ALLOWED", {
        e->kind = KIND_CAPACITY_UPDATE;
        e->urgency = URGENCY_EVENT;
    });
    ASSERT_REFUSED("URGENCY_NOT_ALLOWED", { /* nor for what this broker does not know */
                                            e->kind = 1001;
                                            e->urgency = URGENCY_EVENT;
    });
}

TEST(the_audience_exists_and_can_be_reached) {
    ASSERT_REFUSED("NO_AUDIENCE", e->audience.form = AUDIENCE_NONE);
    ASSERT_REFUSED("NO_AUDIENCE", e->audience.n = 0);
    ASSERT_REFUSED("TOO_MANY_RECIPIENTS", e->audience.n = AUDIENCE_NODES_MAX + 1);
    ASSERT_REFUSED("RECIPIENT_INACTIVE", strcpy(e->audience.nodes[0], "dsk/3299"));
    ASSERT_REFUSED("UNROUTABLE", strcpy(e->audience.nodes[0], "lks/9999/stray"));
    ASSERT_REFUSED("UNKNOWN_RECIPIENT UNKNOWN_RECIPIENT", set_nodes(c->m, 2, "dsk/1", "dsk/2"));
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    set_nodes(c->m, 2, "uptd/32/pa-02", "dsk/0002");
    ASSERT_STR(decide(c), "UNKNOWN_RECIPIENT");
    ASSERT_STR(c->out.reasons.list[0].field, "dsk/0002");
}

TEST(rules_see_addressees_that_cannot_be_reached) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    Envelope *e = &c->m->env;
    e->kind = KIND_DTKS_PROPOSAL;
    strcpy(e->audience.nodes[0], "lks/9999/stray"); /* nor may it be proposed to */
    (void)decide(c);
    ASSERT_TRUE(reasons_have(&c->out.reasons, "UNROUTABLE"));
    ASSERT_TRUE(reasons_have(&c->out.reasons, "R-122"));
    ASSERT_EQ(c->out.n_routes, 0);
}

TEST(every_reason_is_told_at_once_technical_ones_first) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    Envelope *e = &c->m->env;
    c->in.authority = "dsk/3204";
    e->facts_digest[0] ^= 1;
    e->schema = 0;
    e->urgency = URGENCY_EVENT;
    e->created_ms = 0;
    e->expires_ms = SAMPLE_NOW - 1;
    strcpy(e->audience.nodes[0], "dsk/0001");
    strcpy(e->region, "99");
    e->cluster = CLUSTER_ANY;
    strcpy(c->m->facts.personal_field, "region");
    e->kind = KIND_CASE_TRANSFER;
    ASSERT_TRUE(text_starts_with(decide(c), "DIGEST_MISMATCH WRONG_SENDER BAD_SCHEMA "
                                            "URGENCY_NOT_ALLOWED BAD_TIME EXPIRED "
                                            "UNKNOWN_RECIPIENT R-001 R-002 "));
    for (uint32_t i = 8; i < c->out.reasons.n; i++)
        ASSERT_TRUE(strcmp(c->out.reasons.list[i - 1].code, c->out.reasons.list[i].code) < 0);
    ASSERT_TRUE(c->out.reasons.n_refusals > 9);
}

TEST(a_recall_order_of_a_publisher_has_no_routes_and_needs_no_audience) {
    ASSERT_REFUSED("", {
        e->kind = KIND_RECALL_ORDER;
        e->audience = (Audience) { 0 };
        e->cluster = CLUSTER_ANY;
        e->urgency = 0;
    });
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    c->m->env.kind = KIND_RECALL_ORDER;
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_routes, 0);
}

/* --- event scope ----------------------------------------------------------------------------- */

/* Names of the nodes at home at c->in.self that the scope covers. */
static const char *local_nodes(const Case *c, char *ret, size_t size) {
    size_t cursor = 0;
    ret[0] = '\0';
    for (const DirNode *n; (n = accept_scope_next(&c->in, &cursor));) {
        strncat(ret, n->id, size - strlen(ret) - 1);
        strncat(ret, " ", size - strlen(ret) - 1);
    }
    return ret;
}

TEST(a_scope_covers_its_regions_the_upts_that_touch_it_and_the_ministry) {
    _cleanup_(case_freep) Case *c = case_new(sample_event("dsk/3306", "3306"), "upt/loka-kutoarjo");
    char names[512];
    ASSERT_STR(decide(c), "");
    ASSERT_TRUE(c->out.scope);
    ASSERT_EQ(c->out.n_routes, 0);
    ASSERT_TRUE(c->out.expires_ms == SAMPLE_NOW + 72 * HOUR_MS);
    ASSERT_STR(local_nodes(c, names, sizeof(names)), "lks/3306/0001 upt/loka-kutoarjo ");
    ASSERT_EQ(c->out.n_scope_hops, 1);
    ASSERT_STR(c->out.scope_hops[0], "upt/satria");
    c->in.self = "upt/satria"; /* dsp/33 is not in 3306, the area 33 of the UPT touches it */
    ASSERT_STR(local_nodes(c, names, sizeof(names)), "upt/satria ");
    c->in.self = "hub";
    ASSERT_STR(local_nodes(c, names, sizeof(names)), "cc/171 hub min/rehsos ");
    c->in.self = "upt/phala-martha";
    ASSERT_STR(local_nodes(c, names, sizeof(names)), "");
}

TEST(a_province_and_the_nation_cover_what_lies_below) {
    char names[512];
    _cleanup_(case_freep) Case *c = case_new(sample_event("dsp/32", "32"), "upt/phala-martha");
    ASSERT_STR(decide(c), "");
    ASSERT_STR(local_nodes(c, names, sizeof(names)),
               "dsk/3203 dsk/3204 pks/3203052001 upt/phala-martha uptd/32/pa-02 ");
    strcpy(c->m->env.audience.scope[0], "");
    c->in.self = "upt/satria";
    ASSERT_STR(local_nodes(c, names, sizeof(names)), "dsk/3302 dsp/33 upt/satria ");
}

TEST(a_scope_goes_to_every_side_with_somebody_in_it_but_not_back) {
    _cleanup_(case_freep) Case *c =
        link_case_new(sample_event("dsk/3306", "33"), "hub", "upt/satria");
    c->m->fwd.scope = true;
    ASSERT_STR(decide(c), "");
    ASSERT_TRUE(c->out.scope);
    ASSERT_EQ(c->out.n_scope_hops, 0);
    c->m->env.audience.n = 2;
    strcpy(c->m->env.audience.scope[1], "3103"); /* only an area of upt/phala-martha */
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_scope_hops, 1);
    ASSERT_STR(c->out.scope_hops[0], "upt/phala-martha");
    c->in.authority = "upt/phala-martha";
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_scope_hops, 1);
    ASSERT_STR(c->out.scope_hops[0], "upt/satria");
}

TEST(a_hub_copies_a_national_event_to_a_hundred_children) {
    _cleanup_(case_freep) Case *c = case_new(sample_event("hub", ""), "hub");
    (void)directory_unref(c->d);
    c->d = sample_unsealed();
    for (int i = 0; i < 100; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "upt/%d", i);
        DirNode n = sample_broker(id, NODE_UPT_BALAI, "hub");
        sample_area(&n, "32", CLUSTER_ANY, 1);
        sample_add(c->d, &n);
    }
    ASSERT_OK(directory_seal(c->d, 1));
    c->in.directory = c->d;
    ASSERT_STR(decide(c), "");
    ASSERT_EQ(c->out.n_scope_hops, 102);
}

TEST(cases_and_other_kinds_are_never_broadcast) {
    _cleanup_(case_freep) Case *c = case_new(sample_event("dsk/3306", "33"), "upt/satria");
    c->in.self = "upt/loka-kutoarjo";
    c->m->env.case_id.b[0] = 1;
    ASSERT_STR(decide(c), "SCOPE_NOT_ALLOWED R-162");
    c->m->env.case_id.b[0] = 0;
    ASSERT_STR(decide(c), "");
    c->m->env.urgency = URGENCY_ROUTINE;
    c->m->env.kind = KIND_COMPLAINT;
    strcpy(c->m->env.region, "3306");
    c->m->facts = (Facts) { .readable = true };
    c->m->facts.complaint.type = COMPLAINT_TYPE_QUESTION;
    ASSERT_STR(decide(c), "SCOPE_NOT_ALLOWED");
    c->m->env.kind = 200;
    ASSERT_STR(decide(c), "SCOPE_NOT_ALLOWED");
    c->m->env.kind = KIND_EXTRAORDINARY_EVENT;
    c->m->facts.event = (EventFacts) { .event_type = EVENT_TYPE_NATURAL_DISASTER,
                                       .status = EVENT_STATUS_VERIFIED,
                                       .n_regions = 1,
                                       .occurred_ms = SAMPLE_NOW };
    c->m->env.audience.n = AUDIENCE_SCOPE_MAX + 1;
    ASSERT_STR(decide(c), "TOO_MANY_RECIPIENTS");
    c->m->env.audience.n = 0;
    ASSERT_STR(decide(c), "NO_AUDIENCE");
}

/* --- from a link ----------------------------------------------------------------------------- */

static void add_forward(Message *m, const char *node, RecipientRole role) {
    Recipient *r = &m->fwd.recipients[m->fwd.n_recipients++];
    strcpy(r->node, node);
    r->role = role;
}

TEST(what_the_home_broker_decided_stands) {
    _cleanup_(case_freep) Case *c = link_case_new(sample_message(), "hub", "upt/phala-martha");
    Envelope *e = &c->m->env;
    e->created_ms = SAMPLE_NOW - 200 * DAY_MS; /* judged at the publisher's home, not here */
    e->kind = KIND_RECEIPT;
    strcpy(e->region, "99");
    c->m->fwd.expires_ms = SAMPLE_NOW - 5;
    add_forward(c->m, "dsk/3306", ROLE_ADDRESSEE);
    add_forward(c->m, "min/rehsos", ROLE_SUPERVISOR);
    add_forward(c->m, "dsk/0001", ROLE_ADDRESSEE);
    ASSERT_STR(decide(c), "");
    ASSERT_TRUE(c->out.expires_ms == SAMPLE_NOW - 5);
    ASSERT_EQ(c->out.n_routes, 3);
    ASSERT_STR(c->out.routes[0].hop, "upt/satria");
    ASSERT_STR(c->out.routes[1].hop, "hub");
    ASSERT_EQ(c->out.routes[1].who.role, ROLE_SUPERVISOR);
    ASSERT_STR(c->out.routes[2].hop, ""); /* told as undeliverable, not refused */
}

TEST(digests_are_checked_on_every_hop) {
    _cleanup_(case_freep) Case *c = link_case_new(sample_message(), "hub", "upt/phala-martha");
    add_forward(c->m, "dsk/3306", ROLE_ADDRESSEE);
    c->m->env.facts_digest[5] ^= 1;
    ASSERT_STR(decide(c), "DIGEST_MISMATCH");
    c->m->env.facts_digest[5] ^= 1;
    c->m->env.sealed_digest[5] ^= 1;
    ASSERT_STR(decide(c), "DIGEST_MISMATCH");
    replace_body(c, 4, 0); /* a supervision copy: the digest of a part that stayed behind */
    c->m->env.has_sealed_digest = true;
    c->m->env.sealed_digest[5] ^= 1;
    ASSERT_STR(decide(c), "");
}

TEST(a_message_is_never_handed_back_to_where_it_has_been) {
    _cleanup_(case_freep) Case *c = link_case_new(sample_message(), "hub", "upt/satria");
    add_forward(c->m, "dsk/3306", ROLE_ADDRESSEE); /* lies behind upt/satria */
    ASSERT_STR(decide(c), "");
    ASSERT_STR(c->out.routes[0].hop, "");
    c->m->fwd.n_stamps = 0;
    ASSERT_STR(decide(c), "");
    ASSERT_STR(c->out.routes[0].hop, "");
    c->m->fwd.n_stamps = 1;
    c->in.authority = "upt/phala-martha"; /* and the stamps still name upt/satria */
    ASSERT_STR(decide(c), "");
    ASSERT_STR(c->out.routes[0].hop, "");
    strcpy(c->m->fwd.stamps[0].broker, "upt/phala-martha");
    ASSERT_STR(decide(c), "");
    ASSERT_STR(c->out.routes[0].hop, "upt/satria");
    c->m->fwd.n_stamps = STAMPS_MAX;
    ASSERT_STR(decide(c), "");
    ASSERT_STR(c->out.routes[0].hop, "");
}

/* One node, and keys alone: nobody can hide a letter without an outcome in it. */
TEST(a_wrap_is_for_one_node_and_has_no_other_parts) {
    _cleanup_(case_freep) Case *c = case_new(sample_message(), "upt/phala-martha");
    Envelope *e = &c->m->env;
    e->kind = KIND_SEAL_WRAP;
    e->case_id = (Uuid) { 0 };
    replace_body(c, WRAP_FACTS_MAX, 0);
    ASSERT_STR(decide(c), "");
    replace_body(c, WRAP_FACTS_MAX + 1, 0);
    ASSERT_STR(decide(c), "TOO_LARGE");
    replace_body(c, 100, 1);
    ASSERT_STR(decide(c), "MALFORMED");
    replace_body(c, 100, 0);
    set_nodes(c->m, 2, "uptd/32/pa-02", "dsk/3306");
    ASSERT_STR(decide(c), "MALFORMED");
}

TEST(what_ended_long_ago_is_no_news_from_a_link) {
    _cleanup_(case_freep) Case *c = link_case_new(sample_message(), "hub", "upt/satria");
    Envelope *e = &c->m->env;
    add_forward(c->m, "dsp/32", ROLE_ADDRESSEE);
    e->created_ms =
        SAMPLE_NOW - 240 * DAY_MS; /* accepted late, 30 days, and requeued for 30 more */
    ASSERT_STR(decide(c), "");
    e->created_ms--;
    ASSERT_STR(decide(c), "BAD_TIME");
    e->expires_ms = SAMPLE_NOW - 30 * DAY_MS;
    ASSERT_STR(decide(c), "");
    e->expires_ms--;
    ASSERT_STR(decide(c), "BAD_TIME");
    e->expires_ms = INT64_MAX; /* nobody may ask for so long a life */
    e->created_ms = SAMPLE_NOW - 390 * DAY_MS - 1;
    ASSERT_STR(decide(c), "BAD_TIME");
    e->created_ms = INT64_MIN;
    ASSERT_STR(decide(c), "BAD_TIME");
}

/* Derived ids are the brokers': each is known beforehand to all who know the message. */
TEST(nobody_takes_the_id_of_a_receipt) {
    _cleanup_(case_freep) Case *own = case_new(sample_message(), "upt/phala-martha");
    _cleanup_(case_freep) Case *c = link_case_new(sample_message(), "hub", "upt/satria");
    Envelope *e = &c->m->env;
    Receipt r = { .message_id = { { 1 } }, .level = LEVEL_COLLECTED };
    strcpy(r.recipient, "dsk/3203");
    strcpy(r.leg, "upt/satria");
    e->message_id = own->m->env.message_id = receipt_message_id(&r);
    ASSERT_STR(decide(own), "MALFORMED");
    add_forward(c->m, "dsp/32", ROLE_ADDRESSEE);
    e->kind = KIND_RECALL_ORDER;
    ASSERT_STR(decide(c), "MALFORMED"); /* what institutions send */
    e->kind = KIND_RECEIPT;
    ASSERT_STR(decide(c), "MALFORMED"); /* of something else */
    c->m->facts =
        (Facts) { .readable = true, .receipt = { .message_id = r.message_id, .level = r.level } };
    strcpy(c->m->facts.receipt.recipient, r.recipient);
    strcpy(c->m->facts.receipt.leg, r.leg);
    strcpy(e->sender, "upt/phala-martha");
    ASSERT_STR(decide(c), "MALFORMED"); /* by another broker */
    strcpy(e->sender, r.leg);
    ASSERT_STR(decide(c), "");
    e->kind = KIND_NOTICE;
    ASSERT_STR(decide(c), "MALFORMED"); /* nor does one broker take the id of another's notice */
    Notice n = { .code = "R-072", .item_kind = 1, .item_id = r.message_id, .due_ms = SAMPLE_NOW };
    strcpy(n.to, e->audience.nodes[0]);
    e->message_id = notice_message_id(&n, "hub");
    c->m->facts =
        (Facts) { .readable = true,
                  .notice = { .item_kind = 1, .item_id = r.message_id, .due_ms = SAMPLE_NOW } };
    strcpy(c->m->facts.notice.code, n.code);
    ASSERT_STR(decide(c), "MALFORMED");
    strcpy(e->sender, "hub");
    ASSERT_STR(decide(c), "");
    e->causation_id = r.message_id; /* of another step */
    ASSERT_STR(decide(c), "MALFORMED");
    n.causation_id = r.message_id;
    e->message_id = notice_message_id(&n, "hub");
    ASSERT_STR(decide(c), "");
    strcpy(c->m->facts.notice.owed_by_node, "dsk/3203"); /* of what another one owes */
    ASSERT_STR(decide(c), "MALFORMED");
    c->m->facts.notice.owed_by_node[0] = '\0';
    c->m->facts.notice.level++;
    ASSERT_STR(decide(c), "MALFORMED");
    e->kind = KIND_WRAP_REQUEST;
    ASSERT_STR(decide(c), "MALFORMED"); /* nor does a request take that of a notice */
    const WrapRequestFacts w = { .message_id = { { 2 } },
                                 .recipient_node = "dsk/3203",
                                 .reason = WRAP_ROUTED,
                                 .asked_ms = SAMPLE_NOW };
    e->message_id = wrap_request_id(&w, "hub");
    c->m->facts = (Facts) { .readable = true, .wrap_request = w };
    ASSERT_STR(decide(c), "");
    strcpy(e->sender, "upt/phala-martha"); /* another broker's */
    ASSERT_STR(decide(c), "MALFORMED");
    strcpy(e->sender, "hub");
    strcpy(c->m->facts.wrap_request.instead_of_node, "dsk/3204"); /* another question */
    ASSERT_STR(decide(c), "MALFORMED");
    e->kind = KIND_KEY_REQUEST;
    ASSERT_STR(decide(c), "");
}

TEST(a_link_that_names_nobody_is_refused) {
    _cleanup_(case_freep) Case *c = link_case_new(sample_message(), "hub", "upt/satria");
    ASSERT_STR(decide(c), "NO_AUDIENCE");
    c->m->fwd.n_recipients = RECIPIENTS_MAX + 1;
    ASSERT_STR(decide(c), "TOO_MANY_RECIPIENTS");
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "law/ministry.h"
#include "routing-fixture.h"

/* --- roles (domain 4.1) ---------------------------------------------------------------------- */

/* "uptd/32/pa-01" told 5 places, "uptd/32/pa-02" as many as the context says. */
static uint32_t told_places(const void *context, const char *node) {
    const uint32_t *places = context;
    if (strcmp(node, "uptd/32/pa-01") == 0)
        return 5;
    return strcmp(node, "uptd/32/pa-02") == 0 ? *places : UINT32_MAX;
}

TEST(the_last_capacity_told_beats_the_one_on_record) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_CASE_OPENED, "dsk/3203", "3203", CLUSTER_CHILD);
    uint32_t places = UINT32_MAX;
    const FreePlaces told = { told_places, &places };
    routing_to_role(r, NODE_UPTD, "3203");
    ASSERT_STR(routing_decide(r), "uptd/32/pa-02"); /* 100 against 80 on record */
    r->in.free_places = &told;
    ASSERT_STR(routing_decide(r), "uptd/32/pa-02"); /* 100 on record against 5 told */
    places = 4;
    ASSERT_STR(routing_decide(r), "uptd/32/pa-01"); /* 5 against 4 */
    places = 5;
    ASSERT_STR(routing_decide(r), "uptd/32/pa-01"); /* alike: by id */
    places = 0;
    ASSERT_STR(routing_decide(r), "uptd/32/pa-01");
}

TEST(a_person_is_not_sent_where_no_clients_are_taken) {
    DirNode closed = sample_broker("upt/abiyoso", NODE_UPT_BALAI, "hub");
    sample_area(&closed, "320305", CLUSTER_ANY, 1);
    closed.no_clients = true;
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_REFERRAL_REQUEST, "dsk/3203", "3203", CLUSTER_CHILD);
    routing_use(r, routing_directory_with(&closed));
    routing_to_role(r, NODE_UPT_BALAI, "3203052001");
    ASSERT_STR(routing_decide(r), "upt/phala-martha");
    r->m->env.kind = KIND_CAPACITY_UPDATE;
    ASSERT_STR(routing_decide(r), "upt/abiyoso");
}

TEST(a_node_is_found_in_every_province_it_serves) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory(); /* 32 and 3103 */
    ASSERT_STR(directory_by_role(d, NODE_UPT_BALAI, "3103", 0)->id, "upt/phala-martha");
    ASSERT_STR(directory_by_role(d, NODE_UPT_BALAI, "3204", 0)->id, "upt/phala-martha");
    assert_null(directory_by_role(d, NODE_UPT_BALAI, "3171", 0));
    ASSERT_STR(directory_of_kind(d, NODE_UPT_LOKA, 0)->id, "upt/loka-kutoarjo");
    assert_null(directory_of_kind(d, NODE_UPT_LOKA, 1));
    assert_null(directory_of_kind(d, 0, 0));
    assert_null(directory_of_kind(d, NODE_KIND_MAX_, 0));
}

TEST(nobody_at_all_is_a_refusal) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_CASE_OPENED, "dsk/3203", "3203", CLUSTER_CHILD);
    Directory *d = NULL;
    DirNode n = sample_broker("upt/phala-martha", NODE_PARTNER_AGENCY, "");
    ASSERT_OK(directory_new(&d));
    sample_add(d, &n);
    ASSERT_OK(directory_seal(d, 1));
    routing_use(r, d);
    routing_to_role(r, NODE_SOCIAL_AGENCY_PROVINCE, "3203");
    ASSERT_STR(routing_decide(r), "");
    ASSERT_TRUE(reasons_have(&r->out.reasons, "UNKNOWN_RECIPIENT"));
}

/* --- jurisdiction (domain 4.3) -------------------------------------------------------------- */

static Routing *referral(int kind, const char *sender) {
    Routing *r = routing_new(KIND_REFERRAL_REQUEST, sender, "3203", CLUSTER_CHILD);
    r->m->facts.request.referral_kind = (uint8_t)kind;
    routing_to_role(r, NODE_UNSPECIFIED, "");
    return r;
}

#define ASSERT_SERVED_BY(want, kind, sender)                                                       \
    do {                                                                                           \
        _cleanup_(routing_freep) Routing *r = referral(kind, sender);                              \
        ASSERT_STR(routing_decide(r), want);                                                       \
    } while (0)

TEST(a_referral_to_nobody_in_particular_goes_to_whom_the_law_makes_responsible) {
    /* Only addressees: the rules refuse these bare requests, and a refusal has no copies. */
    ASSERT_SERVED_BY("dsk/3203", REFERRAL_KIND_TO_FAMILY, "pks/3203052001");
    ASSERT_SERVED_BY("dsk/3203", REFERRAL_KIND_EMERGENCY, "pks/3203052001");
    ASSERT_SERVED_BY("uptd/32/pa-02", REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203");
    ASSERT_SERVED_BY("upt/phala-martha", REFERRAL_KIND_TO_NATIONAL_UPT, "uptd/32/pa-02");
    ASSERT_SERVED_BY("upt/phala-martha", REFERRAL_KIND_ELDERLY_PROPOSAL, "pks/3203052001");
    ASSERT_SERVED_BY("", REFERRAL_KIND_INTER_AGENCY, "dsk/3203");
    ASSERT_SERVED_BY("", REFERRAL_KIND_UNSPECIFIED, "dsk/3203");
}

TEST(a_transfer_between_serasi_nodes_goes_to_another_one) {
    _cleanup_(routing_freep) Routing *r =
        referral(REFERRAL_KIND_BETWEEN_SERASI, "upt/phala-martha");
    strcpy(r->m->env.region, "3275");
    ASSERT_STR(routing_decide(r), "upt/pangudi-luhur");
    strcpy(r->m->env.sender, "upt/pangudi-luhur");
    ASSERT_STR(routing_decide(r), "upt/phala-martha");
}

TEST(a_province_without_a_home_of_its_own_sends_to_a_lawful_lksa) {
    _cleanup_(routing_freep) Routing *r = referral(REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3302");
    strcpy(r->m->env.region, "3302");
    ASSERT_STR(routing_decide(r), "lksa/3302/0011"); /* accredited to the end of this day */
    r->in.now_ms += DAY_MS;
    ASSERT_STR(routing_decide(r), "upt/satria");
    ASSERT_TRUE(reasons_have(&r->out.reasons, "ROLE_FALLBACK"));
}

TEST(a_child_in_conflict_with_the_law_goes_to_a_lpks_and_a_drug_report_to_an_ipwl) {
    DirNode home = sample_node("lks/3204/0007", NODE_LKS, "upt/phala-martha");
    _cleanup_(routing_freep) Routing *r = referral(REFERRAL_KIND_JUVENILE_JUSTICE, "dsk/3203");
    strcpy(r->m->env.region, "3204");
    ASSERT_STR(routing_decide(r), "upt/phala-martha"); /* stands in: there is none */
    ASSERT_TRUE(reasons_have(&r->out.reasons, "ROLE_FALLBACK"));
    home.lpks = true;
    routing_use(r, routing_directory_with(&home));
    ASSERT_STR(routing_decide(r), "lks/3204/0007");
    r->m->facts.request.referral_kind = REFERRAL_KIND_DRUG_MANDATORY_REPORT;
    ASSERT_STR(routing_decide(r), "upt/phala-martha");
    home.ipwl = true;
    routing_use(r, routing_directory_with(&home));
    ASSERT_STR(routing_decide(r), "lks/3204/0007");
}

/* --- answers that name nobody --------------------------------------------------------------- */

TEST(an_answer_goes_to_the_other_party_of_the_referral) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_REFERRAL_RESPONSE, "uptd/32/pa-02", "3203", CLUSTER_CHILD);
    ASSERT_STR(routing_decide(r), ""); /* unknown here */
    ASSERT_STR(routing_codes(r), "NO_AUDIENCE");
    routing_knows_referral(r, REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203", "uptd/32/pa-02");
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "dsk/3203");
    r->m->env.kind = KIND_REFERRAL_UPDATE;
    strcpy(r->m->env.sender, "dsk/3203");
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "uptd/32/pa-02");
    strcpy(r->m->env.sender, "slrt/3203"); /* speaks for the requester */
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "uptd/32/pa-02");
    routing_to(r, "dsp/32"); /* what is named is respected */
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "dsp/32");
}

TEST(a_superior_who_decides_tells_both_parties) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_REFERRAL_RESPONSE, "dsp/32", "3203", CLUSTER_CHILD);
    routing_knows_referral(r, REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203", "uptd/32/pa-02");
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "dsk/3203");
    ASSERT_STR(r->out.routes[1].who.node, "uptd/32/pa-02");
}

TEST(minutes_and_visits_go_to_the_regency_too) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_HANDOVER_MINUTES, "upt/phala-martha", "3203", CLUSTER_CHILD);
    routing_knows_referral(r, REFERRAL_KIND_TO_NATIONAL_UPT, "uptd/32/pa-02", "upt/phala-martha");
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "uptd/32/pa-02");
    ASSERT_STR(r->out.routes[1].who.node, "dsk/3203");
    r->m->env.kind = KIND_FAMILY_FOLLOW_UP;
    strcpy(r->m->env.sender, "lksa/3203/0001");
    routing_knows_referral(r, REFERRAL_KIND_TO_FAMILY, "lksa/3203/0001", "dsk/3203");
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "dsk/3203");
}

TEST(an_acknowledgement_goes_to_who_reported_the_event_and_to_the_hub) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_EVENT_ACKNOWLEDGEMENT, "dsk/3203", "3203", CLUSTER_ANY);
    ASSERT_STR(routing_decide(r), "");
    ASSERT_STR(routing_codes(r), "NO_AUDIENCE");
    strcpy(r->event.keeper, "dsp/32");
    r->known.event = &r->event;
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "dsp/32");
    ASSERT_STR(r->out.routes[1].who.node, "hub");
}

TEST(the_result_of_a_proposal_goes_to_the_proposer) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_DTKS_RESULT, "min/setditjen", "3203", CLUSTER_CHILD);
    strcpy(r->proposal.proposal.proposer, "dsk/3203");
    r->known.proposal = &r->proposal;
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "dsk/3203");
}

TEST(reports_go_one_tier_up) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_TIERED_REPORT, "dsk/3308", "3308", CLUSTER_ANY);
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "dsp/33");
    strcpy(r->m->env.sender, "dsp/33");
    (void)routing_decide(r);
    ASSERT_STR(r->out.routes[0].who.node, "min/setditjen");
}

TEST(other_kinds_say_to_whom_they_go) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_CASE_OPENED, "dsk/3203", "3203", CLUSTER_CHILD);
    ASSERT_STR(routing_decide(r), "");
    ASSERT_STR(routing_codes(r), "NO_AUDIENCE");
}

/* --- the set of rules ----------------------------------------------------------------------- */

TEST(what_follows_is_decided_under_the_set_of_its_opening) {
    static const RuleSet list[] = { { .version = "2021-09", .since = { 2021, 9, 1 } },
                                    { .version = "2025-01", .since = { 2025, 1, 1 } } };
    static const RuleSets sets = { list, ARRAY_SIZE(list) };
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_REFERRAL_RESPONSE, "uptd/32/pa-02", "3203", CLUSTER_CHILD);
    r->in.rule_sets = &sets;
    (void)routing_decide(r);
    ASSERT_STR(r->out.rule_set, "2025-01");
    routing_knows_referral(r, REFERRAL_KIND_TO_SOCIAL_HOME, "dsk/3203", "uptd/32/pa-02");
    strcpy(r->referral.rule_set, "2021-09");
    (void)routing_decide(r);
    ASSERT_STR(r->out.rule_set, "2021-09");
    r->m->env.kind = KIND_REFERRAL_REQUEST; /* opens another one */
    (void)routing_decide(r);
    ASSERT_STR(r->out.rule_set, "2025-01");
    r->m->env.kind = KIND_REFERRAL_RESPONSE;
    strcpy(r->referral.rule_set, "1999-01"); /* of a program that knew more */
    (void)routing_decide(r);
    ASSERT_STR(r->out.rule_set, "2025-01");
}

/* --- the ministry --------------------------------------------------------------------------- */

TEST(the_unit_of_the_director_general_is_the_one_the_others_are_below) {
    _cleanup_(directory_unrefp) Directory *d = routing_directory();
    ASSERT_STR(ministry_dirjen(d)->id, "min/setditjen");
    DirNode other = sample_node("min/aaa", NODE_MINISTRY_UNIT, "hub"); /* no clusters either */
    _cleanup_(directory_unrefp) Directory *more = routing_directory_with(&other);
    ASSERT_STR(ministry_dirjen(more)->id, "min/setditjen");
    DirNode named = sample_node("min/dirjen-rehsos", NODE_MINISTRY_UNIT, "hub");
    _cleanup_(directory_unrefp) Directory *with = routing_directory_with(&named);
    ASSERT_STR(ministry_dirjen(with)->id, "min/dirjen-rehsos");
    _cleanup_(directory_unrefp) Directory *small = sample_directory();
    ASSERT_STR(ministry_dirjen(small)->id, "min/rehsos");
    ASSERT_STR(ministry_directorate(small, CLUSTER_CHILD)->id, "min/rehsos");
}

TEST(a_unit_with_one_cluster_is_its_directorate_before_one_with_many) {
    DirNode all = sample_node("min/aaa", NODE_MINISTRY_UNIT, "hub");
    all.n_clusters = 3;
    all.clusters[0] = CLUSTER_CHILD;
    all.clusters[1] = CLUSTER_DISASTER_VICTIM;
    all.clusters[2] = CLUSTER_OTHER_PPKS;
    _cleanup_(directory_unrefp) Directory *d = routing_directory_with(&all);
    ASSERT_STR(ministry_directorate(d, CLUSTER_CHILD)->id, "min/anak");
    ASSERT_STR(ministry_directorate(d, CLUSTER_DISASTER_VICTIM)->id, "min/aaa");
}

TEST(without_a_secretariat_disasters_are_the_command_centres) {
    Directory *d = NULL;
    DirNode hub = sample_broker("hub", NODE_NATIONAL_HUB, "");
    DirNode centre = sample_node("cc/171", NODE_COMMAND_CENTER, "hub");
    DirNode child = sample_node("min/anak", NODE_MINISTRY_UNIT, "hub");
    child.n_clusters = 1;
    child.clusters[0] = CLUSTER_CHILD;
    ASSERT_OK(directory_new(&d));
    sample_add(d, &hub);
    ASSERT_OK(directory_seal(d, 1));
    assert_null(ministry_dirjen(d));
    assert_null(ministry_directorate(d, CLUSTER_CHILD));
    (void)directory_unref(d);
    ASSERT_OK(directory_new(&d));
    sample_add(d, &hub);
    sample_add(d, &centre);
    sample_add(d, &child);
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_STR(ministry_directorate(d, CLUSTER_OTHER_PPKS)->id, "cc/171");
    ASSERT_STR(ministry_directorate(d, CLUSTER_ELDERLY)->id, "min/anak");
    (void)directory_unref(d);
}

TEST_MAIN

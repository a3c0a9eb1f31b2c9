/* SPDX-License-Identifier: Apache-2.0 */

/* Messages of the scenarios (domain 7) from the publisher to all who get them, rules and all. */

#include "test.h"

#include "routing-fixture.h"
#include "rules-fixture.h"

/* The message in the rig, with what the rig knows, through the decision. */
static const char *decide_as(const Rig *rig, Routing *r) {
    const Envelope *e = &rig->message->env;
    Envelope *to = &r->m->env;
    to->kind = e->kind;
    to->cluster = e->cluster;
    to->case_id = e->case_id;
    to->audience = e->audience;
    (void)text_copy(to->sender, sizeof(to->sender), e->sender);
    (void)text_copy(to->region, sizeof(to->region), e->region);
    r->m->facts = rig->message->facts;
    r->known = rig->known;
    return routing_decide(r);
}

static Routing *routing_any(void) {
    return routing_new(KIND_CASE_OPENED, "dsk/3203", "3203", CLUSTER_CHILD);
}

TEST(s1_has_two_supervision_copies_in_all) {
    _cleanup_(rig_freep) Rig *rig = rig_new();
    _cleanup_(routing_freep) Routing *r = routing_any();
    lawful_to_home(rig);
    rig_without(rig, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(decide_as(rig, r), "uptd/32/pa-02 (dsp/32)");
    ASSERT_STR(sample_codes(&r->out.reasons, r->codes, sizeof(r->codes)), "(R-045)");

    lawful_to_home(rig);
    (void)rig_answer(rig, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(decide_as(rig, r), "dsk/3203");
    ASSERT_EQ(r->out.reasons.n, 0);

    lawful_to_home(rig);
    (void)rig_handover(rig, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    ASSERT_STR(decide_as(rig, r), "dsk/3203 (dsp/32)");
    ASSERT_EQ(r->out.reasons.n, 0);

    lawful_to_home(rig);
    (void)rig_known(rig, REFERRAL_PLACED);
    rig->message->facts = (Facts) { .readable = true };
    lawful_opening(rig);
    rig_send(rig, KIND_CASE_OPENED, "uptd/32/pa-02", "dsk/3203", "3203");
    ASSERT_STR(decide_as(rig, r), "dsk/3203");
    ASSERT_EQ(r->out.reasons.n_refusals, 0);
}

TEST(s2_a_refused_referral_has_no_copy) {
    _cleanup_(rig_freep) Rig *rig = rig_new();
    _cleanup_(routing_freep) Routing *r = routing_any();
    lawful_to_home(rig);
    rig_request(rig)->outside_service_started_on = DAY(2025, 3, 5);
    rig_without(rig, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    ASSERT_STR(decide_as(rig, r), "uptd/32/pa-02");
    ASSERT_STR(sample_codes(&r->out.reasons, r->codes, sizeof(r->codes)), "R-040 R-044");
}

TEST(s3_advanced_service_is_seen_by_ministry_province_and_regency) {
    _cleanup_(rig_freep) Rig *rig = rig_new();
    _cleanup_(routing_freep) Routing *r = routing_any();
    lawful_to_upt(rig);
    ASSERT_STR(decide_as(rig, r), "upt/phala-martha (min/anak) (dsp/32) (dsk/3203)");
    ASSERT_EQ(r->out.reasons.n_refusals, 0);
}

TEST(s2_an_emergency_is_warned_about_to_the_supervisor) {
    _cleanup_(rig_freep) Rig *rig = rig_new();
    _cleanup_(routing_freep) Routing *r = routing_any();
    lawful_to_home(rig);
    rig_request(rig)->emergency = true;
    rig_without(rig, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    ASSERT_STR(decide_as(rig, r), "uptd/32/pa-02 (dsp/32)");
    ASSERT_TRUE(reasons_have(&r->out.reasons, "R-044"));
    ASSERT_EQ(r->out.reasons.n_refusals, 0);
}

TEST(a_copy_nobody_can_bring_is_left_out) {
    DirNode stray = sample_node("dsp/32", NODE_SOCIAL_AGENCY_PROVINCE, "");
    _cleanup_(rig_freep) Rig *rig = rig_new();
    _cleanup_(routing_freep) Routing *r = routing_any();
    routing_use(r, routing_directory_with(&stray));
    lawful_to_home(rig);
    ASSERT_STR(decide_as(rig, r), "uptd/32/pa-02");
    ASSERT_EQ(r->out.reasons.n_refusals, 0);
}

TEST(s12_a_governors_report_is_read_by_home_affairs) {
    _cleanup_(routing_freep) Routing *r =
        routing_new(KIND_TIERED_REPORT, "dsp/33", "33", CLUSTER_ANY);
    r->m->facts.report = (TieredReportFacts) { .report_type = REPORT_TYPE_CHILD_OUTSIDE_HOME,
                                               .period_begins_on = { 2025, 1, 1 },
                                               .period_ends_on = { 2025, 1, 31 } };
    ASSERT_STR(routing_decide(r), "min/setditjen (kdn)");
    ASSERT_EQ(r->out.reasons.n_refusals, 0);
    strcpy(r->m->env.sender, "dsk/3308");
    strcpy(r->m->env.region, "3308");
    ASSERT_STR(routing_decide(r), "dsp/33");
    ASSERT_EQ(r->out.reasons.n_refusals, 0);
}

TEST_MAIN

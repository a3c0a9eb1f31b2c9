/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/filter.h"
#include "sample.h"

static Envelope envelope(void) {
    Envelope e = { .kind = KIND_COMPLAINT, .region = "3203", .cluster = CLUSTER_CHILD };
    e.case_id.b[0] = 5;
    return e;
}

static bool matches(const Filter *f, const Envelope *e) {
    return filter_matches(f, e, LANE_ROUTINE, NODE_SOCIAL_AGENCY_REGENCY);
}

TEST(an_empty_filter_matches_everything) {
    Envelope e = envelope();
    ASSERT_TRUE(matches(&(Filter) { 0 }, &e));
}

TEST(each_field_matches_any_of_its_values) {
    Envelope e = envelope();
    Uuid mine = e.case_id, other = { { 9 } };
    ASSERT_TRUE(matches(&(Filter) { .n_kinds = 2, .kinds = { 1, KIND_COMPLAINT } }, &e));
    ASSERT_TRUE(!matches(&(Filter) { .n_kinds = 1, .kinds = { 1 } }, &e));
    ASSERT_TRUE(matches(&(Filter) { .n_regions = 2, .regions = { "33", "32" } }, &e));
    ASSERT_TRUE(matches(&(Filter) { .n_regions = 1, .regions = { "" } }, &e));
    ASSERT_TRUE(!matches(&(Filter) { .n_regions = 1, .regions = { "320305" } }, &e));
    ASSERT_TRUE(!matches(&(Filter) { .n_regions = 1, .regions = { "3204" } }, &e));
    ASSERT_TRUE(matches(&(Filter) { .n_clusters = 1, .clusters = { CLUSTER_CHILD } }, &e));
    ASSERT_TRUE(!matches(&(Filter) { .n_clusters = 1, .clusters = { CLUSTER_ELDERLY } }, &e));
    ASSERT_TRUE(matches(&(Filter) { .n_cases = 2, .cases = { other, mine } }, &e));
    ASSERT_TRUE(!matches(&(Filter) { .n_cases = 1, .cases = { other } }, &e));
    ASSERT_TRUE(matches(
        &(Filter) { .n_sender_kinds = 1, .sender_kinds = { NODE_SOCIAL_AGENCY_REGENCY } }, &e));
    ASSERT_TRUE(!matches(&(Filter) { .n_sender_kinds = 1, .sender_kinds = { NODE_UPTD } }, &e));
}

TEST(every_field_must_match) {
    Envelope e = envelope();
    Filter f = { .n_kinds = 1, .kinds = { KIND_COMPLAINT }, .n_regions = 1, .regions = { "3203" } };
    ASSERT_TRUE(matches(&f, &e));
    f.n_clusters = 1;
    f.clusters[0] = CLUSTER_ELDERLY;
    ASSERT_TRUE(!matches(&f, &e));
}

TEST(a_message_without_case_matches_no_case) {
    Envelope e = envelope();
    e.case_id = (Uuid) { { 0 } };
    ASSERT_TRUE(!matches(&(Filter) { .n_cases = 1 }, &e));
}

TEST(urgency_is_matched_by_lane) {
    Envelope e = envelope();
    Filter f = { .n_urgencies = 1, .urgencies = { URGENCY_EMERGENCY } };
    e.urgency = URGENCY_ROUTINE;
    ASSERT_TRUE(filter_matches(&f, &e, LANE_EMERGENCY, 0)); /* harm_now */
    ASSERT_TRUE(!filter_matches(&f, &e, LANE_ROUTINE, 0));
    f.urgencies[0] = URGENCY_ROUTINE;
    ASSERT_TRUE(filter_matches(&f, &e, LANE_BULK, 0));
    ASSERT_TRUE(filter_matches(&f, &e, LANE_ROUTINE, 0));
    ASSERT_TRUE(!filter_matches(&f, &e, LANE_PRIORITY, 0));
    f.urgencies[0] = URGENCY_EVENT;
    ASSERT_TRUE(filter_matches(&f, &e, LANE_EVENT, 0));
}

TEST(equality_ignores_the_order_of_values) {
    Filter a = { .n_kinds = 2, .kinds = { 1, 2 }, .n_regions = 1, .regions = { "32" } };
    Filter b = { .n_kinds = 2, .kinds = { 2, 1 }, .n_regions = 1, .regions = { "32" } };
    ASSERT_TRUE(filter_equal(&a, &b));
    b.n_kinds = 1;
    ASSERT_TRUE(!filter_equal(&a, &b));
    ASSERT_TRUE(!filter_equal(&b, &a));
    b = a;
    strcpy(b.regions[0], "33");
    ASSERT_TRUE(!filter_equal(&a, &b));
    b = a;
    b.n_cases = 1;
    ASSERT_TRUE(!filter_equal(&a, &b));
}

static bool in_scope(DirNode owner, const char *region, int cluster) {
    Envelope e = { .cluster = cluster };
    strcpy(e.region, region);
    return filter_in_scope(&owner, &e);
}

TEST(scopes_of_agencies_are_their_own_region) {
    DirNode dsk = sample_node("dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "");
    DirNode dsp = sample_node("dsp/32", NODE_SOCIAL_AGENCY_PROVINCE, "");
    ASSERT_TRUE(in_scope(dsk, "3203", 0));
    ASSERT_TRUE(in_scope(dsk, "3203052001", 0));
    ASSERT_TRUE(!in_scope(dsk, "3204", 0));
    ASSERT_TRUE(!in_scope(dsk, "32", 0));
    ASSERT_TRUE(!in_scope(dsk, "", 0));
    ASSERT_TRUE(in_scope(dsp, "3203", 0));
    ASSERT_TRUE(!in_scope(dsp, "33", 0));
    /* An id that names no region of that level gives no scope at all. */
    ASSERT_TRUE(!in_scope(sample_node("dsk/x", NODE_SOCIAL_AGENCY_REGENCY, ""), "3203", 0));
    ASSERT_TRUE(!in_scope(sample_node("dsk/32", NODE_SOCIAL_AGENCY_REGENCY, ""), "3203", 0));
}

TEST(scopes_of_upts_are_area_and_cluster) {
    DirNode upt = sample_node("upt/satria", NODE_UPT_BALAI, "");
    sample_area(&upt, "33", CLUSTER_CHILD, 1);
    sample_area(&upt, "3402", CLUSTER_ANY, 1);
    ASSERT_TRUE(in_scope(upt, "3302", CLUSTER_CHILD));
    ASSERT_TRUE(!in_scope(upt, "3302", CLUSTER_ELDERLY));
    ASSERT_TRUE(in_scope(upt, "3402", CLUSTER_ELDERLY));
    ASSERT_TRUE(!in_scope(upt, "3403", CLUSTER_CHILD));
}

TEST(the_ministry_and_the_hub_see_all_and_others_nothing) {
    ASSERT_TRUE(in_scope(sample_node("min/rehsos", NODE_MINISTRY_UNIT, ""), "", 0));
    ASSERT_TRUE(in_scope(sample_node("hub", NODE_NATIONAL_HUB, ""), "3203", 1));
    static const int others[] = { NODE_UPTD,           NODE_LKS,         NODE_LKSA, NODE_PUSKESOS,
                                  NODE_PARTNER_AGENCY, NODE_HOME_AFFAIRS };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        ASSERT_TRUE(!in_scope(sample_node("x/3203", others[i], ""), "3203", 1));
}

TEST(filters_that_reach_outside_are_refused_with_a_reason) {
    DirNode dsk = sample_node("dsk/3203", NODE_SOCIAL_AGENCY_REGENCY, "");
    DirNode lks = sample_node("lks/3203/1", NODE_LKS, "");
    DirNode upt = sample_node("upt/satria", NODE_UPT_BALAI, "");
    const char *why = NULL;
    Filter f = { 0 };
    ASSERT_TRUE(filter_is_allowed(&f, &dsk, &why));
    assert_null(why);
    ASSERT_TRUE(!filter_is_allowed(&f, &lks, &why));
    assert_non_null(why);
    ASSERT_TRUE(!filter_is_allowed(&f, &upt, &why)); /* no area yet */
    sample_area(&upt, "33", CLUSTER_CHILD, 1);
    ASSERT_TRUE(filter_is_allowed(&f, &upt, &why));

    f = (Filter) { .n_regions = 2, .regions = { "3203", "320305" } };
    ASSERT_TRUE(filter_is_allowed(&f, &dsk, &why));
    strcpy(f.regions[1], "32");
    ASSERT_TRUE(!filter_is_allowed(&f, &dsk, &why));
    ASSERT_TRUE(!filter_is_allowed(&f, &upt, &why));
    f = (Filter) { .n_clusters = 1, .clusters = { CLUSTER_ELDERLY } };
    ASSERT_TRUE(!filter_is_allowed(&f, &upt, &why));
    f = (Filter) { .n_cases = 1 }; /* the nil case is no case */
    ASSERT_TRUE(!filter_is_allowed(&f, &dsk, &why));
}

TEST_MAIN

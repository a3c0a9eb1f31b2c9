/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/codes.h"

static bool may(int kind, int node) {
    return kind_info(kind)->publishers >> node & 1U;
}

TEST(every_kind_of_the_catalogue_is_known_and_newer_ones_are_not) {
    static const int kinds[] = { 1,  2,  3,  4,  5,  10, 11, 20, 21, 22, 30, 40, 41, 42,
                                 43, 44, 45, 50, 51, 60, 61, 62, 70, 71, 80, 90, 91 };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        assert_non_null(kind_info(kinds[i]));
    assert_null(kind_info(0));
    assert_null(kind_info(6));
    assert_null(kind_info(200));
    assert_null(kind_info(-1));
    ASSERT_STR(kind_info(KIND_REFERRAL_REQUEST)->name, "REFERRAL_REQUEST");
}

TEST(publishers_follow_the_from_column) {
    ASSERT_TRUE(may(KIND_REFERRAL_REQUEST, NODE_SOCIAL_AGENCY_REGENCY));
    ASSERT_TRUE(may(KIND_REFERRAL_REQUEST, NODE_LKSA));
    ASSERT_TRUE(!may(KIND_REFERRAL_REQUEST, NODE_COMMAND_CENTER));
    ASSERT_TRUE(may(KIND_FAMILY_FOLLOW_UP, NODE_LKSA));
    ASSERT_TRUE(!may(KIND_FAMILY_FOLLOW_UP, NODE_LKS));
    ASSERT_TRUE(may(KIND_COMPLAINT, NODE_INTEGRATION_CLIENT));
    ASSERT_TRUE(may(KIND_CASE_TRANSFER, NODE_UPT_LOKA));
    ASSERT_TRUE(!may(KIND_CASE_TRANSFER, NODE_UPTD));
    ASSERT_TRUE(!may(KIND_OUTREACH_FINDING, NODE_UPTD));
    ASSERT_TRUE(may(KIND_SUPERVISION_ASSISTANCE_REQUEST, NODE_SOCIAL_AGENCY_PROVINCE));
    ASSERT_TRUE(!may(KIND_SUPERVISION_ASSISTANCE_REQUEST, NODE_SOCIAL_AGENCY_REGENCY));
    ASSERT_TRUE(!may(KIND_SUPERVISION_NOTICE, NODE_SOCIAL_AGENCY_REGENCY));
    ASSERT_TRUE(!may(KIND_TIERED_REPORT, NODE_LKS));
    ASSERT_EQ(kind_info(KIND_RECEIPT)->publishers, 0);
    for (int n = 0; n <= NODE_KIND_MAX_; n++)
        ASSERT_EQ(may(KIND_RECALL_ORDER, n), n > 0 && n < NODE_KIND_MAX_);
}

TEST(only_events_may_be_broadcast_and_they_carry_no_case) {
    for (int k = 0; k < 100; k++) {
        const KindInfo *i = kind_info(k);
        if (i)
            ASSERT_EQ(i->event, k == KIND_EXTRAORDINARY_EVENT || k == KIND_EVENT_SITUATION);
        if (i && i->event)
            ASSERT_TRUE(!i->case_bearing);
    }
}

TEST(node_kinds_have_names) {
    ASSERT_STR(node_kind_name(NODE_SOCIAL_AGENCY_REGENCY), "SOCIAL_AGENCY_REGENCY");
    ASSERT_STR(node_kind_name(0), "UNSPECIFIED");
    ASSERT_STR(node_kind_name(-1), "UNSPECIFIED");
    ASSERT_STR(node_kind_name(NODE_KIND_MAX_), "UNSPECIFIED");
    for (int k = 0; k < NODE_KIND_MAX_; k++)
        assert_non_null(node_kind_name(k));
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Who takes part in a matter, and whose region is whose to look at. */

#include "test.h"

#include "law/scope.h"
#include "sample.h"

static void put(char at[static NODE_NAME_SIZE], const char *node) {
    (void)text_copy(at, NODE_NAME_SIZE, node);
}

TEST(whoever_has_a_hand_in_a_matter_takes_part_in_it) {
    Item referral = { .kind = ITEM_REFERRAL }, complaint = { .kind = ITEM_COMPLAINT },
         file = { .kind = ITEM_CASE }, event = { .kind = ITEM_EVENT },
         proposal = { .kind = ITEM_PROPOSAL }, node = { .kind = ITEM_NODE };
    Item any = { .kind = ITEM_REFERRAL };
    const struct {
        Item *of;
        char *at;
    } hands[] = {
        { &any, any.keeper },
        { &any, any.custodian },
        { &any, any.owes },
        { &referral, referral.referral.requester },
        { &referral, referral.referral.target },
        { &complaint, complaint.complaint.origin },
        { &complaint, complaint.complaint.assignee },
        { &file, file.case_file.provider },
        { &file, file.case_file.home_dsk },
        { &file, file.case_file.forward_to },
        { &event, event.event.lead_node },
        { &proposal, proposal.proposal.proposer },
        { &node, node.oversight.node },
    };
    for (size_t i = 0; i < ARRAY_SIZE(hands); i++) {
        ASSERT_TRUE(!item_takes_part(hands[i].of, "dsk/3203"));
        put(hands[i].at, "dsk/3203");
        ASSERT_TRUE(item_takes_part(hands[i].of, "dsk/3203"));
        ASSERT_TRUE(!item_takes_part(hands[i].of, "dsk/3204"));
        put(hands[i].at, "");
    }
    ASSERT_TRUE(!item_takes_part(&any, "")); /* nobody has no hand in anything */
}

TEST(a_region_is_seen_by_who_serves_it_for_that_cluster) {
    _cleanup_(directory_unrefp) Directory *d = sample_unsealed();
    DirNode n = sample_node("upt/new", NODE_UPT_BALAI, "hub");
    sample_area(&n, "3302", CLUSTER_CHILD, 1);
    sample_add(d, &n);
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_TRUE(region_is_visible(d, "3302011001", CLUSTER_CHILD, "upt/new"));
    ASSERT_TRUE(!region_is_visible(d, "3302011001", CLUSTER_ELDERLY, "upt/new"));
    ASSERT_TRUE(!region_is_visible(d, "3306", CLUSTER_CHILD, "upt/new"));
    ASSERT_TRUE(region_is_visible(d, "3306", CLUSTER_ELDERLY, "upt/satria")); /* for any */
    ASSERT_TRUE(!region_is_visible(d, "3299", CLUSTER_CHILD, "dsk/3299"));    /* closed */
    ASSERT_TRUE(!region_is_visible(d, "3203", CLUSTER_CHILD, "lks/9999/none"));
}

TEST(an_event_is_for_everybody_and_a_complaint_never_for_whom_it_is_about) {
    _cleanup_(directory_unrefp) Directory *d = sample_directory();
    Item event = { .kind = ITEM_EVENT, .region = "3302" };
    Item complaint = { .kind = ITEM_COMPLAINT, .region = "3203" };
    ASSERT_TRUE(item_is_visible(d, &event, "lks/3306/0001"));
    ASSERT_TRUE(item_is_visible(d, &complaint, "dsk/3203"));
    ASSERT_TRUE(!item_is_visible(d, &complaint, "dsk/3204"));
    put(complaint.owes, "dsk/3203");
    put(complaint.complaint.about_node, "dsk/3203");
    ASSERT_TRUE(!item_is_visible(d, &complaint, "dsk/3203"));
    ASSERT_TRUE(item_is_visible(d, &complaint, "dsp/32"));
}

TEST_MAIN

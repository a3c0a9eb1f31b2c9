/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "core/lanes.h"

#define ALL ((1U << LANE_COUNT) - 1)

TEST(urgency_decides_the_lane) {
    ASSERT_EQ(lane_of(KIND_EXTRAORDINARY_EVENT, URGENCY_EVENT, false), LANE_EVENT);
    ASSERT_EQ(lane_of(KIND_REFERRAL_REQUEST, URGENCY_EMERGENCY, false), LANE_EMERGENCY);
    ASSERT_EQ(lane_of(KIND_REFERRAL_REQUEST, URGENCY_PRIORITY, false), LANE_PRIORITY);
    ASSERT_EQ(lane_of(KIND_REFERRAL_REQUEST, URGENCY_ROUTINE, false), LANE_ROUTINE);
    ASSERT_EQ(lane_of(KIND_REFERRAL_REQUEST, 77, false), LANE_ROUTINE);
}

TEST(harm_now_lifts_a_complaint_whatever_its_urgency) {
    ASSERT_EQ(lane_of(KIND_COMPLAINT, URGENCY_ROUTINE, true), LANE_EMERGENCY);
    ASSERT_EQ(lane_of(KIND_COMPLAINT, URGENCY_UNSPECIFIED, true), LANE_EMERGENCY);
    ASSERT_EQ(lane_of(KIND_COMPLAINT, URGENCY_PRIORITY, true), LANE_EMERGENCY);
    ASSERT_EQ(lane_of(KIND_COMPLAINT, URGENCY_ROUTINE, false), LANE_ROUTINE);
    ASSERT_EQ(lane_of(KIND_REFERRAL_REQUEST, URGENCY_ROUTINE, true), LANE_ROUTINE);
}

TEST(bulky_kinds_ride_bulk_unless_urgent) {
    ASSERT_EQ(lane_of(KIND_TIERED_REPORT, URGENCY_ROUTINE, false), LANE_BULK);
    ASSERT_EQ(lane_of(KIND_TIERED_REPORT, URGENCY_PRIORITY, false), LANE_PRIORITY);
}

TEST(receipts_and_recalls_ride_priority) {
    ASSERT_EQ(lane_of(KIND_RECEIPT, URGENCY_EVENT, false), LANE_PRIORITY);
    ASSERT_EQ(lane_of(KIND_RECALL_ORDER, URGENCY_ROUTINE, false), LANE_PRIORITY);
    ASSERT_EQ(lane_of(KIND_NOTICE, URGENCY_EVENT, false), LANE_PRIORITY);
    ASSERT_EQ(lane_of(KIND_WRAP_REQUEST, URGENCY_ROUTINE, false), LANE_PRIORITY);
    ASSERT_EQ(lane_of(KIND_KEY_REQUEST, URGENCY_ROUTINE, false), LANE_PRIORITY);
}

TEST(a_lane_alone_is_served_alone) {
    LanePicker p = { 0 };
    for (Lane l = 0; l < LANE_COUNT; l++)
        for (int i = 0; i < 100; i++)
            ASSERT_EQ(lane_pick(&p, 1U << l), l);
}

TEST(shares_hold_over_many_rounds_while_every_lane_has_work) {
    LanePicker p = { 0 };
    unsigned served[LANE_COUNT] = { 0 };
    for (int i = 0; i < 16000; i++)
        served[lane_pick(&p, ALL)]++;
    ASSERT_EQ(served[LANE_PRIORITY], 2000);
    ASSERT_EQ(served[LANE_ROUTINE], 2000);
    ASSERT_EQ(served[LANE_BULK], 1000);
    ASSERT_EQ(served[LANE_EVENT], 11000);
}

TEST(routine_gets_its_share_below_an_endless_emergency) {
    LanePicker p = { 0 };
    unsigned served[LANE_COUNT] = { 0 };
    for (int i = 0; i < 16000; i++)
        served[lane_pick(&p, 1U << LANE_EMERGENCY | 1U << LANE_ROUTINE)]++;
    ASSERT_EQ(served[LANE_ROUTINE], 2000);
    ASSERT_EQ(served[LANE_EMERGENCY], 14000);
}

TEST(an_event_never_waits_behind_more_than_one_other) {
    LanePicker p = { 0 };
    int others = 0;
    for (int i = 0; i < 1600; i++) {
        others = lane_pick(&p, ALL) == LANE_EVENT ? 0 : others + 1;
        ASSERT_TRUE(others <= 1);
    }
}

/* The shares of the lower lanes are spread, none beside another of them. */
TEST(a_round_is_this_one) {
    LanePicker p = { 0 };
    char round[17] = "";
    for (int i = 0; i < 16; i++)
        round[i] = lane_name(lane_pick(&p, ALL))[1];
    ASSERT_STR(round, "VVVRVVOVUVRVVOVV"); /* eVent, pRiority, rOutine, bUlk */
}

TEST(work_that_turns_up_late_in_a_round_still_gets_its_share) {
    LanePicker p = { 0 };
    unsigned served[LANE_COUNT] = { 0 };
    for (int i = 0; i < 12; i++)
        served[lane_pick(&p, 1U << LANE_EVENT)]++;
    for (int i = 0; i < 4; i++)
        served[lane_pick(&p, ALL)]++;
    ASSERT_EQ(served[LANE_PRIORITY], 2);
    ASSERT_TRUE(served[LANE_ROUTINE] >= 1);
}

TEST(lanes_have_names) {
    ASSERT_STR(lane_name(LANE_EVENT), "EVENT");
    ASSERT_STR(lane_name(LANE_BULK), "BULK");
    ASSERT_STR(lane_name(LANE_COUNT), "");
}

TEST_MAIN

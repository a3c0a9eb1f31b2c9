/* SPDX-License-Identifier: Apache-2.0 */

/* What is owed in a case: the word about the register, the opening, the assessment. */

#include "test.h"

#include "case-fixture.h"

/* --- the register --------------------------------------------------------------------------- */

static void result(Desk *k, const char *actor, int what) {
    desk_act(k, KIND_DTKS_RESULT, actor)->proposal_result.result = (uint8_t)what;
}

TEST(who_is_not_listed_has_to_be_proposed_and_r_120_tells_provider_and_ministry) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    opening(&k, UPT)->dtks_status = DTKS_STATUS_NOT_LISTED;
    k.act.cluster = CLUSTER_ELDERLY;
    (void)says(&k);
    const int64_t due_ms = item_timer(i, TIMER_DTKS)->due_ms;
    ASSERT_EQ((due_ms - k.now_ms) / DAY_MS, 7);
    stage(&k, UPT, 2, STAGE_PHASE_STARTED)->dtks_status = DTKS_STATUS_NOT_LISTED;
    (void)says(&k);
    ASSERT_EQ(item_timer(i, TIMER_DTKS)->due_ms, due_ms); /* not put off by saying it again */
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_DTKS),
               "upt/phala-martha min/lanjut-usia min/rehsos");
    ASSERT_STR(k.fired.tell[0].code, "R-120");
    ASSERT_EQ(item_timer(i, TIMER_DTKS)->due_ms, k.now_ms + 7 * DAY_MS);
    ASSERT_EQ(item_timer(i, TIMER_DTKS)->level, 1);

    desk_act(&k, KIND_DTKS_PROPOSAL, "dsk/3204"); /* of no place or part in it */
    ASSERT_STR(says(&k), "NONE");
    desk_act(&k, KIND_DTKS_PROPOSAL, FAR);
    ASSERT_STR(says(&k), "NONE");
    ASSERT_TRUE(item_timer(i, TIMER_DTKS));
    desk_act(&k, KIND_DTKS_PROPOSAL, DSK);
    ASSERT_STR(says(&k), "APPLIED STAGE_2>STAGE_2");
    assert_null(item_timer(i, TIMER_DTKS));
    ASSERT_TRUE(i->case_file.dtks_proposed);
    ASSERT_EQ(i->case_file.dtks_status, DTKS_STATUS_PROPOSED);
    result(&k, UPT, DTKS_OUTCOME_LISTED); /* not for a provider to say */
    ASSERT_STR(says(&k), "NONE");
    result(&k, "int/data-terpadu", DTKS_OUTCOME_RATIFIED);
    ASSERT_STR(says(&k), "NONE");
    result(&k, "int/data-terpadu", DTKS_OUTCOME_LISTED);
    ASSERT_STR(says(&k), "APPLIED STAGE_2>STAGE_2");
    ASSERT_EQ(i->case_file.dtks_status, DTKS_STATUS_LISTED);
    desk_deinit(&k);
}

TEST(a_proposal_before_the_opening_counts) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    result(&k, DSK, DTKS_OUTCOME_LISTED);
    ASSERT_STR(says(&k), "NONE");
    desk_act(&k, KIND_DTKS_PROPOSAL, UPT); /* may become its provider, or never */
    ASSERT_STR(says(&k), "EARLY");
    desk_act(&k, KIND_DTKS_PROPOSAL, DSK);
    ASSERT_STR(says(&k), "APPLIED NONE>NONE");
    opening(&k, DSK)->dtks_status = DTKS_STATUS_NOT_LISTED;
    ASSERT_STR(says(&k), "APPLIED NONE>STAGE_1");
    assert_null(item_timer(i, TIMER_DTKS));
    ASSERT_EQ(i->case_file.dtks_status, DTKS_STATUS_PROPOSED);
    result(&k, DSK, DTKS_OUTCOME_REJECTED); /* it was proposed in time */
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_1");
    ASSERT_EQ(i->case_file.dtks_status, DTKS_STATUS_NOT_LISTED);
    assert_null(item_timer(i, TIMER_DTKS));
    desk_deinit(&k);
}

TEST(finding_the_person_listed_stops_r_120) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    opening(&k, DSK)->dtks_status = DTKS_STATUS_UNKNOWN;
    (void)says(&k);
    ASSERT_EQ(i->case_file.dtks_status, DTKS_STATUS_UNKNOWN);
    ASSERT_EQ(i->n_timers, 0);
    stage(&k, DSK, 2, STAGE_PHASE_STARTED)->dtks_status = DTKS_STATUS_NOT_LISTED;
    (void)says(&k);
    ASSERT_TRUE(item_timer(i, TIMER_DTKS));
    stage(&k, DSK, 3, STAGE_PHASE_STARTED)->dtks_status = DTKS_STATUS_UNKNOWN;
    (void)says(&k);
    ASSERT_EQ(i->case_file.dtks_status, DTKS_STATUS_NOT_LISTED);
    stage(&k, DSK, 3, STAGE_PHASE_STARTED)->dtks_status = DTKS_STATUS_LISTED;
    (void)says(&k);
    assert_null(item_timer(i, TIMER_DTKS));
    desk_deinit(&k);
}

/* --- timers --------------------------------------------------------------------------------- */

TEST(the_opening_is_asked_of_the_provider_then_of_its_supervisors) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    response(&k, DSK);
    (void)says(&k);
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_OPENING), DSK);
    ASSERT_STR(k.fired.tell[0].code, "opening");
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_OPENING), "dsk/3203 dsp/32");
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_OPENING), "dsk/3203 dsp/32 min/rehsos");
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_OPENING), "dsk/3203 dsp/32 min/rehsos");
    ASSERT_EQ(item_timer(i, TIMER_OPENING)->due_ms, k.now_ms + 30 * DAY_MS);
    ASSERT_TRUE(!k.fired.changed);
    ASSERT_EQ(i->state, CASE_STAGE_2);
    desk_deinit(&k);
}

TEST(the_assessment_after_an_emergency_is_asked_for) {
    DESK;
    case_at(&k, CASE_STAGE_2);
    response(&k, DSK);
    (void)says(&k);
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_ASSESSMENT), DSK);
    ASSERT_STR(k.fired.tell[0].code, "assessment");
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_ASSESSMENT), "dsk/3203 dsp/32");
    desk_deinit(&k);
}

TEST(what_is_owed_no_more_is_told_to_nobody) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_1);
    item_timer_set(i, TIMER_OPENING, k.now_ms);
    item_timer_set(i, TIMER_DTKS, k.now_ms);
    item_timer_set(i, TIMER_ASSESSMENT, k.now_ms);
    item_timer_set(i, TIMER_ANSWER, k.now_ms);
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_OPENING), "");
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_DTKS), "");
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_ASSESSMENT), "");
    ASSERT_STR(desk_fires(&k, ITEM_CASE, TIMER_ANSWER), "");
    ASSERT_EQ(i->n_timers, 0);
    desk_deinit(&k);
}

TEST_MAIN

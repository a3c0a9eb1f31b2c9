/* SPDX-License-Identifier: Apache-2.0 */

/* The case: its opening, emergencies, stages one to seven and the end. */

#include "test.h"

#include "case-fixture.h"

/* --- opening -------------------------------------------------------------------------------- */

TEST(an_opening_makes_the_provider_custodian_and_knows_the_home_agency) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    opening(&k, HOME)->origin_id = (Uuid) { { 7 } };
    ASSERT_STR(says(&k), "APPLIED NONE>STAGE_1");
    ASSERT_STR(i->custodian, HOME);
    ASSERT_STR(i->keeper, HOME);
    ASSERT_STR(i->owes, HOME);
    ASSERT_STR(i->case_file.provider, HOME);
    ASSERT_STR(i->case_file.home_dsk, DSK);
    ASSERT_STR(i->rule_set, "2021-09");
    ASSERT_EQ(i->case_file.phase, STAGE_PHASE_STARTED);
    ASSERT_EQ(i->case_file.origin.b[0], 7);
    ASSERT_EQ(i->opened_ms, k.now_ms);
    ASSERT_EQ(i->n_timers, 0);
    desk_deinit(&k);
}

TEST(a_system_opens_for_its_owner) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    opening(&k, "int/siks"); /* of dsp/32 */
    ASSERT_STR(says(&k), "APPLIED NONE>STAGE_1");
    ASSERT_STR(i->custodian, "dsp/32");
    stage(&k, "dsp/32", CASE_STAGE_2, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_2");
    desk_deinit(&k);
}

TEST(an_opening_needs_a_source_and_a_certified_social_worker) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    opening(&k, DSK)->access_source = ACCESS_SOURCE_UNSPECIFIED;
    ASSERT_STR(says(&k), "ILLEGAL NO_ACCESS_SOURCE");
    opening(&k, DSK)->case_manager.role = HR_ROLE_SOCIAL_VOLUNTEER;
    ASSERT_STR(says(&k), "ILLEGAL NO_CASE_MANAGER");
    opening(&k, DSK)->case_manager.present = false;
    ASSERT_STR(says(&k), "ILLEGAL NO_CASE_MANAGER");
    opening(&k, DSK)->case_manager.certificate_valid_until = (CivilDate) { 2025, 3, 9 };
    ASSERT_STR(says(&k), "ILLEGAL NO_CASE_MANAGER");
    ASSERT_EQ(i->state, CASE_NONE);
    ASSERT_TRUE(i->flagged);
    ASSERT_EQ(i->n_acts, 4);
    opening(&k, DSK)->case_manager.certificate_valid_until = (CivilDate) { 2025, 3, 10 };
    ASSERT_STR(says(&k), "APPLIED NONE>STAGE_1");
    desk_deinit(&k);
}

TEST(one_person_has_one_open_case) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_3);
    opening(&k, HOME);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_OPEN");
    opening(&k, DSK);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_OPEN");
    ASSERT_EQ(i->state, CASE_STAGE_3);
    ASSERT_STR(i->custodian, DSK);
    desk_deinit(&k);
}

TEST(a_terminated_case_is_opened_again_as_a_new_one_only) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_2);
    termination(&k, DSK, TERMINATION_REASON_WITHDRAWN);
    ASSERT_STR(says(&k), "APPLIED STAGE_2>TERMINATED");
    ASSERT_TRUE(i->final);
    ASSERT_STR(i->owes, "");
    ASSERT_STR(i->custodian, DSK);
    opening(&k, DSK);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_CLOSED");
    stage(&k, DSK, CASE_STAGE_3, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_CLOSED");
    response(&k, DSK);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_CLOSED");
    aftercare(&k, DSK);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_CLOSED");
    termination(&k, DSK, TERMINATION_REASON_DECEASED);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_CLOSED");
    desk_act(&k, KIND_CASE_CONFERENCE, DSK);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_CLOSED");
    desk_act(&k, KIND_CASE_TRANSFER, DSK);
    ASSERT_STR(says(&k), "ILLEGAL CASE_IS_CLOSED");

    opening(&k, DSK)->origin_id = (Uuid) { { 0 } };
    k.act.causation_id = i->id;
    Item *next = desk_item(&k, ITEM_CASE);
    next->id.b[5] = 9;
    ASSERT_STR(says(&k), "APPLIED NONE>STAGE_1");
    ASSERT_TRUE(uuid_equal(&next->case_file.origin, &k.act.causation_id));
    desk_deinit(&k);
}

/* --- emergency ------------------------------------------------------------------------------ */

TEST(a_response_without_a_case_opens_one_provisionally) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    response(&k, "pks/3203052001")->given_needs = codes_of(OUTSIDE_HOME_NEED_FOOD);
    ASSERT_STR(says(&k), "APPLIED NONE>STAGE_2");
    ASSERT_TRUE(i->case_file.provisional && i->case_file.emergency);
    ASSERT_EQ(item_timer(i, TIMER_OPENING)->due_ms, k.now_ms + 72 * HOUR_MS);
    ASSERT_EQ(i->case_file.food_since.day, 10);
    ASSERT_STR(i->custodian, "pks/3203052001");

    /* Whoever opens it then leads it; the stage stays. */
    opening(&k, DSK);
    ASSERT_STR(says(&k), "APPLIED STAGE_2>STAGE_2");
    ASSERT_TRUE(!i->case_file.provisional);
    ASSERT_TRUE(i->case_file.emergency);
    assert_null(item_timer(i, TIMER_OPENING));
    ASSERT_STR(i->custodian, DSK);
    desk_deinit(&k);
}

TEST(a_response_in_stage_2_leads_to_5_and_the_assessment_is_owed) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_2);
    response(&k, HOME); /* whoever is there */
    ASSERT_STR(says(&k), "APPLIED STAGE_2>STAGE_5");
    ASSERT_TRUE(item_timer(i, TIMER_ASSESSMENT)->due_ms > k.now_ms + 13 * DAY_MS);
    ASSERT_STR(i->custodian, DSK);
    const int64_t due_ms = item_timer(i, TIMER_ASSESSMENT)->due_ms;
    response(&k, DSK);
    ASSERT_STR(says(&k), "APPLIED STAGE_5>STAGE_5");
    ASSERT_EQ(item_timer(i, TIMER_ASSESSMENT)->due_ms, due_ms);
    stage(&k, DSK, CASE_STAGE_3, STAGE_PHASE_STARTED); /* for the first time: not a re-entry */
    ASSERT_STR(says(&k), "APPLIED STAGE_5>STAGE_3");
    assert_null(item_timer(i, TIMER_ASSESSMENT));
    desk_deinit(&k);
}

TEST(a_response_at_other_stages_moves_nothing) {
    static const int at[] = { CASE_STAGE_1, CASE_STAGE_3, CASE_STAGE_4, CASE_STAGE_6 };
    for (size_t n = 0; n < ARRAY_SIZE(at); n++) {
        DESK;
        Item *i = case_at(&k, at[n]);
        response(&k, DSK)->food_since = (CivilDate) { 2025, 3, 4 };
        (void)says(&k);
        ASSERT_EQ(k.steps[ITEM_CASE].verdict, STEP_APPLIED);
        ASSERT_EQ(i->state, at[n]);
        ASSERT_EQ(i->n_timers, 0);
        ASSERT_EQ(i->case_file.food_since.day, 4);
        response(&k, DSK)->food_since = (CivilDate) { 2025, 3, 8 }; /* the first day stands */
        (void)says(&k);
        ASSERT_EQ(i->case_file.food_since.day, 4);
        response(&k, DSK)->emergency = false;
        ASSERT_STR(says(&k), "ILLEGAL NOT_AN_EMERGENCY");
        desk_deinit(&k);
    }
}

/* --- stages --------------------------------------------------------------------------------- */

TEST(seven_stages_in_order_then_aftercare_and_the_end) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    opening(&k, DSK);
    (void)says(&k);
    for (int s = CASE_STAGE_1; s <= CASE_STAGE_7; s++)
        for (int phase = STAGE_PHASE_STARTED; phase <= STAGE_PHASE_COMPLETED; phase++) {
            stage(&k, DSK, s, phase);
            (void)says(&k);
            ASSERT_EQ(k.steps[ITEM_CASE].verdict, STEP_APPLIED);
            ASSERT_EQ(i->state, s);
            ASSERT_EQ(i->case_file.phase, phase);
            ASSERT_EQ(codes_has(i->case_file.completed, s), phase == STAGE_PHASE_COMPLETED);
        }
    desk_act(&k, KIND_CASE_CONFERENCE, DSK);
    ASSERT_STR(says(&k), "APPLIED STAGE_7>STAGE_7");
    aftercare(&k, DSK);
    ASSERT_STR(says(&k), "APPLIED STAGE_7>STAGE_7");
    ASSERT_TRUE(i->case_file.aftercare);
    termination(&k, DSK, TERMINATION_REASON_GOAL_REACHED);
    ASSERT_STR(says(&k), "APPLIED STAGE_7>TERMINATED");
    ASSERT_EQ(i->case_file.termination_reason, TERMINATION_REASON_GOAL_REACHED);
    ASSERT_EQ(i->n_timers, 0);
    ASSERT_TRUE(!i->flagged);
    desk_deinit(&k);
}

/* Every pair of stages in every phase, against the table (domain 5, R-100). */
TEST(every_other_step_is_out_of_order) {
    for (int at = CASE_STAGE_1; at <= CASE_STAGE_7; at++)
        for (int to = 0; to <= 8; to++)
            for (int phase = STAGE_PHASE_STARTED; phase <= STAGE_PHASE_REENTERED; phase++) {
                DESK;
                Item *i = case_at(&k, at);
                const bool again = phase == STAGE_PHASE_REENTERED &&
                                   ((to == 3 && at >= 4 && at <= 6) || (to == 5 && at == 6));
                const bool may = to >= 1 && to <= 7 && (to == at || to == at + 1 || again);
                stage(&k, DSK, to, phase);
                (void)says(&k);
                ASSERT_EQ(k.steps[ITEM_CASE].verdict, may ? STEP_APPLIED : STEP_ILLEGAL);
                ASSERT_EQ(i->state, may ? to : at);
                if (!may)
                    ASSERT_STR(k.steps[ITEM_CASE].why, "STAGE_OUT_OF_ORDER");
                desk_deinit(&k);
            }
}

TEST(a_stage_that_lacks_what_it_needs_is_illegal_however_it_came) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_2);
    stage(&k, DSK, 2, STAGE_PHASE_COMPLETED)->supervisor = (Staff) { 0 };
    ASSERT_STR(says(&k), "ILLEGAL NOT_SUPERVISED");
    stage(&k, DSK, 2, STAGE_PHASE_STARTED)->supervisor.competence_supervision = false;
    ASSERT_STR(says(&k), "ILLEGAL SUPERVISOR_NOT_COMPETENT");
    stage(&k, DSK, 2, STAGE_PHASE_COMPLETED)->initial_approach = 0;
    ASSERT_STR(says(&k), "ILLEGAL NO_INITIAL_APPROACH");
    stage(&k, DSK, 3, STAGE_PHASE_COMPLETED)->aspects = 0;
    ASSERT_STR(says(&k), "ILLEGAL NO_ASSESSMENT_ASPECT");
    i->state = CASE_STAGE_3;
    stage(&k, DSK, 4, STAGE_PHASE_COMPLETED)->planning_steps =
        codes_of(PLANNING_STEP_PLAN_DRAFTING);
    ASSERT_STR(says(&k), "ILLEGAL PLANNING_INCOMPLETE");
    stage(&k, DSK, 4, STAGE_PHASE_COMPLETED)->duration = true;
    ASSERT_STR(says(&k), "ILLEGAL NO_DURATION_BASIS");
    i->state = CASE_STAGE_4;
    stage(&k, DSK, 5, STAGE_PHASE_STARTED)->approaches = 0;
    ASSERT_STR(says(&k), "ILLEGAL NO_APPROACH_OR_FORM");
    stage(&k, DSK, 5, STAGE_PHASE_STARTED)->service_forms = 0;
    ASSERT_STR(says(&k), "ILLEGAL NO_APPROACH_OR_FORM");
    i->state = CASE_STAGE_6;
    stage(&k, DSK, 6, STAGE_PHASE_COMPLETED)->indicators = 0; /* a warning only */
    ASSERT_STR(says(&k), "APPLIED STAGE_6>STAGE_6");
    stage(&k, DSK, 7, STAGE_PHASE_STARTED)->supervisor = (Staff) { 0 };
    ASSERT_STR(says(&k), "APPLIED STAGE_6>STAGE_7");
    aftercare(&k, DSK)->assessor.role = HR_ROLE_NURSE;
    ASSERT_STR(says(&k), "ILLEGAL NO_ASSESSMENT");
    aftercare(&k, DSK)->assessment.present = false;
    ASSERT_STR(says(&k), "ILLEGAL NO_ASSESSMENT");
    desk_deinit(&k);
}

TEST(only_the_provider_works_on_the_case) {
    DESK;
    case_at(&k, CASE_STAGE_7);
    stage(&k, HOME, 7, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "ILLEGAL NOT_THE_PROVIDER");
    aftercare(&k, HOME);
    ASSERT_STR(says(&k), "ILLEGAL NOT_THE_PROVIDER");
    termination(&k, HOME, TERMINATION_REASON_DECEASED);
    ASSERT_STR(says(&k), "ILLEGAL NOT_THE_PROVIDER");
    desk_act(&k, KIND_CASE_CONFERENCE, HOME);
    ASSERT_STR(says(&k), "ILLEGAL NOT_THE_PROVIDER");
    desk_act(&k, KIND_CASE_TRANSFER, HOME);
    ASSERT_STR(says(&k), "ILLEGAL NOT_THE_PROVIDER");
    desk_deinit(&k);
}

TEST(before_the_opening_an_update_is_early_and_only_stage_1_opens) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    stage(&k, DSK, 2, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "EARLY");
    aftercare(&k, DSK);
    ASSERT_STR(says(&k), "EARLY");
    termination(&k, DSK, TERMINATION_REASON_DECEASED);
    ASSERT_STR(says(&k), "EARLY");
    desk_act(&k, KIND_CASE_CONFERENCE, DSK);
    ASSERT_STR(says(&k), "EARLY");
    ASSERT_EQ(i->n_early, 4);
    ASSERT_EQ(i->state, CASE_NONE);
    stage(&k, DSK, 1, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "APPLIED NONE>STAGE_1");
    ASSERT_TRUE(i->case_file.provisional);
    ASSERT_TRUE(item_timer(i, TIMER_OPENING));
    stage(&k, DSK, 2, STAGE_PHASE_COMPLETED);
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_2");
    opening(&k, DSK);
    ASSERT_STR(says(&k), "APPLIED STAGE_2>STAGE_2");
    ASSERT_TRUE(codes_has(i->case_file.completed, 2));
    desk_deinit(&k);
}

TEST(it_ends_in_stage_7_or_for_a_reason_that_cuts_it_short) {
    for (int at = CASE_STAGE_1; at <= CASE_STAGE_7; at++)
        for (int reason = 0; reason <= TERMINATION_REASON_OTHER; reason++) {
            DESK;
            Item *i = case_at(&k, at);
            const bool may = at == CASE_STAGE_7 || (reason >= TERMINATION_REASON_REFERRED_OUT &&
                                                    reason <= TERMINATION_REASON_LOST_CONTACT);
            termination(&k, DSK, reason);
            (void)says(&k);
            ASSERT_EQ(i->state, may ? CASE_TERMINATED : at);
            ASSERT_EQ(i->final, may);
            if (!may)
                ASSERT_STR(k.steps[ITEM_CASE].why, "TERMINATION_TOO_EARLY");
            desk_deinit(&k);
        }
}

TEST(aftercare_belongs_to_stage_7) {
    DESK;
    case_at(&k, CASE_STAGE_6);
    aftercare(&k, DSK);
    ASSERT_STR(says(&k), "ILLEGAL STAGE_OUT_OF_ORDER");
    desk_deinit(&k);
}

/* --- exercises, nonsense -------------------------------------------------------------------- */

TEST(an_exercise_changes_no_case_that_is_meant) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_1);
    stage(&k, DSK, 2, STAGE_PHASE_STARTED);
    k.act.status = MESSAGE_STATUS_EXERCISE;
    ASSERT_STR(says(&k), "ILLEGAL ONLY_AN_EXERCISE");
    i->status = MESSAGE_STATUS_EXERCISE;
    stage(&k, DSK, 2, STAGE_PHASE_STARTED); /* without the mark it takes over the case's */
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_2");
    desk_deinit(&k);
}

/* Any act by anybody with any codes: the invariants hold and nothing is read out of bounds. */
static void nonsense(Desk *k, uint64_t *seed) {
    static const int kinds[] = {
        KIND_CASE_OPENED,       KIND_CASE_STAGE_UPDATE,   KIND_CASE_STAGE_UPDATE,
        KIND_CASE_STAGE_UPDATE, KIND_CASE_RESPONSE,       KIND_CASE_CONFERENCE,
        KIND_AFTERCARE,         KIND_TERMINATION,         KIND_CASE_TRANSFER,
        KIND_REFERRAL_RESPONSE, KIND_HANDOVER_MINUTES,    KIND_REFERRAL_UPDATE,
        KIND_DTKS_PROPOSAL,     KIND_DTKS_RESULT,         KIND_COMPLAINT_UPDATE,
        KIND_OUTREACH_FINDING,  KIND_DATA_SUBJECT_ACTION, 77,
    };
    static const char *const actors[] = { DSK, HOME, UPT, FAR, "int/siks", "lks/no/such" };
    const char *actor = actors[desk_random(seed, ARRAY_SIZE(actors))];
    switch (kinds[desk_random(seed, ARRAY_SIZE(kinds))]) {
    case KIND_CASE_OPENED:
        opening(k, actor)->dtks_status = (uint8_t)desk_random(seed, 6);
        break;
    case KIND_CASE_STAGE_UPDATE:
        stage(k, actor, (int)desk_random(seed, 9), (int)desk_random(seed, 5))->dtks_status =
            (uint8_t)desk_random(seed, 6);
        break;
    case KIND_CASE_RESPONSE:
        response(k, actor)->emergency = desk_random(seed, 4) > 0;
        break;
    case KIND_AFTERCARE:
        aftercare(k, actor);
        break;
    case KIND_TERMINATION:
        termination(k, actor, (int)desk_random(seed, 9));
        break;
    case KIND_REFERRAL_RESPONSE:
        desk_act(k, KIND_REFERRAL_RESPONSE, actor)->response.decision =
            (uint8_t)desk_random(seed, 4);
        break;
    default:
        desk_act(k, kinds[desk_random(seed, ARRAY_SIZE(kinds))], actor);
        for (size_t i = 0; i < 64; i++)
            ((uint8_t *)&k->facts.request)[i] = (uint8_t)desk_random(seed, 2); /* fits a bool */
        break;
    }
}

static void assert_sound(const Item *before, const Item *i) {
    assert_in_range(i->state, CASE_NONE, CASE_TRANSFERRED);
    ASSERT_EQ(i->final, i->state == CASE_TERMINATED);
    ASSERT_EQ(i->opened_ms > 0, i->state != CASE_NONE);
    if (before->final)
        ASSERT_EQ(i->state, before->state);
    if (i->state != CASE_NONE) {
        ASSERT_TRUE(i->custodian[0] != '\0');
        ASSERT_STR(i->custodian, i->case_file.provider);
        ASSERT_TRUE(i->keeper[0] != '\0' && i->rule_set[0] != '\0');
    }
    ASSERT_EQ(i->owes[0] != '\0', i->state != CASE_NONE && !i->final);
    if (i->final)
        ASSERT_EQ(i->n_timers, 0);
    ASSERT_TRUE(i->state != CASE_TRANSFERRED || strcmp(i->case_file.forward_to, i->custodian) == 0);
}

TEST(no_sequence_of_acts_breaks_a_case) {
    static const char *const targets[] = { DSK, HOME, UPT, FAR };
    DESK;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t dice = seed;
        Item *i = desk_item(&k, ITEM_CASE);
        for (int n = 0; n < 40; n++) {
            nonsense(&k, &dice);
            Item r = referral_to(&k, (int)desk_random(&dice, 13),
                                 targets[desk_random(&dice, ARRAY_SIZE(targets))],
                                 (int)desk_random(&dice, REFERRAL_UNDELIVERABLE + 1));
            r.referral.transfer = desk_random(&dice, 3) == 0;
            (void)text_copy(r.referral.requester, NODE_NAME_SIZE,
                            targets[desk_random(&dice, ARRAY_SIZE(targets))]);
            const Item before = *i;
            (void)says_with(&k, desk_random(&dice, 3) ? &r : NULL);
            assert_sound(&before, i);
            for (int t = TIMER_NONE; desk_random(&dice, 8) == 0 && t < TIMER_KINDS; t++)
                story_fire(&k.ctx, i, (TimerKind)t, k.now_ms, &k.fired);
            assert_sound(&before, i);
        }
    }
    desk_deinit(&k);
}

TEST_MAIN

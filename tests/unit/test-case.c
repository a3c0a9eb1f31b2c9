/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "machine-fixture.h"

#define DSK  "dsk/3203"
#define HOME "uptd/32/pa-02"
#define UPT  "upt/phala-martha"
#define FAR  "upt/satria"

static const Staff worker = { .present = true, .role = HR_ROLE_SOCIAL_WORKER };
static const Staff supervisor = { .present = true,
                                  .role = HR_ROLE_SOCIAL_WORKER,
                                  .competence_supervision = true };

static CaseOpenedFacts *opening(Desk *k, const char *actor) {
    CaseOpenedFacts *f = &desk_act(k, KIND_CASE_OPENED, actor)->opened;
    f->access_source = ACCESS_SOURCE_COMPLAINT_REPORT;
    f->case_manager = worker;
    f->dtks_status = DTKS_STATUS_LISTED;
    f->criteria = codes_of(CRITERION_NEGLECT);
    return f;
}

static CaseStageFacts *stage(Desk *k, const char *actor, int to, int phase) {
    CaseStageFacts *f = &desk_act(k, KIND_CASE_STAGE_UPDATE, actor)->stage;
    f->stage = (uint8_t)to;
    f->phase = (uint8_t)phase;
    f->supervisor = supervisor;
    f->initial_approach = codes_of(INITIAL_APPROACH_INITIAL_ASSESSMENT);
    f->aspects = codes_of(ASSESSMENT_ASPECT_MEDICAL);
    f->planning_steps = codes_of(PLANNING_STEP_RESOURCE_MAPPING) |
                        codes_of(PLANNING_STEP_PLAN_DRAFTING) |
                        codes_of(PLANNING_STEP_JOINT_DECISION);
    f->approaches = codes_of(APPROACH_FAMILY);
    f->service_forms = codes_of(SERVICE_FORM_THERAPY);
    return f;
}

static CaseResponseFacts *response(Desk *k, const char *actor) {
    CaseResponseFacts *f = &desk_act(k, KIND_CASE_RESPONSE, actor)->case_response;
    f->emergency = true;
    f->responded_ms = k->now_ms;
    return f;
}

static AftercareFacts *aftercare(Desk *k, const char *actor) {
    AftercareFacts *f = &desk_act(k, KIND_AFTERCARE, actor)->aftercare;
    f->assessment.present = true;
    f->assessment_type = DOCUMENT_TYPE_AFTERCARE_ASSESSMENT;
    f->assessor = worker;
    return f;
}

static void termination(Desk *k, const char *actor, int reason) {
    desk_act(k, KIND_TERMINATION, actor)->termination.reason = (uint8_t)reason;
}

static const char *says(Desk *k) {
    return desk_says(k, ITEM_CASE);
}

/* The same for a referral that stands as it is given. */
static const char *says_with(Desk *k, Item *referral) {
    static char text[96];
    const Items items = { .of = {
                              [ITEM_REFERRAL] = referral, [ITEM_CASE] = &k->items[ITEM_CASE] } };
    const Item before = k->items[ITEM_CASE];
    Step s = { 0 };
    case_apply(&k->ctx, &k->act, &items, &s);
    if (s.verdict != STEP_APPLIED) { /* what a machine does not do, it does not touch */
        assert_memory_equal(&before, &k->items[ITEM_CASE], sizeof(before));
        (void)snprintf(text, sizeof(text), "%s",
                       s.verdict == STEP_NONE    ? "NONE"
                       : s.verdict == STEP_EARLY ? "EARLY"
                                                 : s.why);
    } else
        (void)snprintf(text, sizeof(text), "%s>%s", item_state_name(ITEM_CASE, s.from),
                       item_state_name(ITEM_CASE, s.to));
    return text;
}

static Item referral_to(Desk *k, int kind, const char *target, int state) {
    Item r = { .kind = ITEM_REFERRAL, .state = state, .changed_ms = k->act.at_ms };
    r.referral.referral_kind = (uint8_t)kind;
    (void)text_copy(r.referral.requester, NODE_NAME_SIZE, DSK);
    (void)text_copy(r.referral.target, NODE_NAME_SIZE, target);
    return r;
}

/* A case that dsk/3203 opened and brought to the stage. */
static Item *case_at(Desk *k, int to) {
    Item *i = desk_item(k, ITEM_CASE);
    opening(k, DSK);
    ASSERT_STR(says(k), "APPLIED NONE>STAGE_1");
    for (int s = CASE_STAGE_2; s <= to; s++) {
        stage(k, DSK, s, STAGE_PHASE_STARTED);
        (void)says(k);
        ASSERT_EQ(i->state, s);
    }
    return i;
}

#define DESK                                                                                       \
    Desk k;                                                                                        \
    desk_init(&k)

/* --- opening
 * -------------------------------------------------------------------------------------- */

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

/* --- emergency
 * ------------------------------------------------------------------------------------ */

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

/* --- stages
 * --------------------------------------------------------------------------------------- */

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

/* --- another provider
 * ------------------------------------------------------------------------------ */

TEST(a_placement_moves_the_case_and_its_opening_starts_the_stages_again) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_5);
    HandoverMinutesFacts *f = &desk_act(&k, KIND_HANDOVER_MINUTES, HOME)->handover;
    f->handed_over_on = (CivilDate) { 2025, 3, 12 };
    i->case_file.food_since = (CivilDate) { 2025, 3, 3 };
    Item r = referral_to(&k, REFERRAL_KIND_TO_SOCIAL_HOME, HOME, REFERRAL_PLACED_PROVISIONAL);
    ASSERT_STR(says_with(&k, &r), "STAGE_5>STAGE_5");
    ASSERT_TRUE(i->case_file.in_home);
    ASSERT_EQ(i->case_file.placed_on.day, 12);
    ASSERT_EQ(i->case_file.food_since.day, 0);
    ASSERT_STR(i->custodian, DSK); /* the regency answers until it is PLACED */

    desk_act(&k, KIND_REFERRAL_UPDATE, DSK);
    r.state = REFERRAL_PLACED;
    r.changed_ms = k.act.at_ms;
    ASSERT_STR(says_with(&k, &r), "STAGE_5>STAGE_5");
    ASSERT_STR(i->custodian, HOME);
    ASSERT_STR(i->case_file.provider, HOME);
    ASSERT_TRUE(i->case_file.in_home);
    stage(&k, DSK, 6, STAGE_PHASE_STARTED);
    ASSERT_STR(says_with(&k, NULL), "NOT_THE_PROVIDER");

    opening(&k, HOME);
    ASSERT_STR(says_with(&k, NULL), "STAGE_5>STAGE_1");
    ASSERT_EQ(i->case_file.completed, 0);
    ASSERT_STR(i->keeper, HOME);
    opening(&k, HOME);
    ASSERT_STR(says_with(&k, NULL), "CASE_IS_OPEN");
    desk_deinit(&k);
}

TEST(the_new_provider_may_go_on_before_it_opens) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_1);
    desk_act(&k, KIND_HANDOVER_MINUTES, UPT);
    Item r = referral_to(&k, REFERRAL_KIND_TO_NATIONAL_UPT, UPT, REFERRAL_PLACED);
    i->case_file.in_home = true;
    ASSERT_STR(says_with(&k, &r), "STAGE_1>STAGE_1");
    ASSERT_TRUE(!i->case_file.in_home); /* left the home */
    ASSERT_STR(i->custodian, UPT);
    stage(&k, UPT, 1, STAGE_PHASE_COMPLETED);
    ASSERT_STR(says_with(&k, NULL), "STAGE_1>STAGE_1");
    stage(&k, UPT, 2, STAGE_PHASE_COMPLETED);
    ASSERT_STR(says_with(&k, NULL), "STAGE_1>STAGE_2");
    ASSERT_STR(i->keeper, UPT);
    opening(&k, UPT); /* late: what was done stays */
    r.state = REFERRAL_COMPLETED;
    r.changed_ms = k.act.at_ms;
    ASSERT_STR(says_with(&k, &r), "STAGE_2>STAGE_2");
    ASSERT_TRUE(codes_has(i->case_file.completed, 2));
    desk_deinit(&k);
}

TEST(an_opening_on_a_referral_takes_the_case_but_a_service_beside_it_does_not) {
    static const struct {
        int kind, state;
        const char *wanted, *custodian;
    } rows[] = {
        { REFERRAL_KIND_TO_SOCIAL_HOME, REFERRAL_NONE, "EARLY", DSK },
        { REFERRAL_KIND_TO_SOCIAL_HOME, REFERRAL_ACCEPTED, "EARLY", DSK },
        { REFERRAL_KIND_TO_SOCIAL_HOME, REFERRAL_PLACED_PROVISIONAL, "EARLY", DSK },
        { REFERRAL_KIND_TO_SOCIAL_HOME, REFERRAL_PLACED, "STAGE_4>STAGE_1", HOME },
        { REFERRAL_KIND_TO_SOCIAL_HOME, REFERRAL_COMPLETED, "STAGE_4>STAGE_1", HOME },
        { REFERRAL_KIND_TO_SOCIAL_HOME, REFERRAL_DELIVERED, "CASE_IS_OPEN", DSK },
        { REFERRAL_KIND_TO_SOCIAL_HOME, REFERRAL_DECLINED, "CASE_IS_OPEN", DSK },
        { REFERRAL_KIND_DRUG_MANDATORY_REPORT, REFERRAL_COMPLETED, "STAGE_4>STAGE_1", HOME },
        { REFERRAL_KIND_INTEGRATED_PROGRAM, REFERRAL_COMPLETED, "STAGE_4>STAGE_4", DSK },
        { REFERRAL_KIND_INTER_AGENCY, REFERRAL_COMPLETED, "STAGE_4>STAGE_4", DSK },
        { REFERRAL_KIND_AFTERCARE, REFERRAL_COMPLETED, "STAGE_4>STAGE_4", DSK },
    };
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        DESK;
        Item *i = case_at(&k, CASE_STAGE_4);
        opening(&k, HOME);
        Item r = referral_to(&k, rows[n].kind, HOME, rows[n].state);
        ASSERT_STR(says_with(&k, &r), rows[n].wanted);
        ASSERT_STR(i->custodian, rows[n].custodian);
        desk_deinit(&k);
    }
    DESK; /* who gave the case on does not take it back by an old referral */
    case_at(&k, CASE_STAGE_4);
    opening(&k, HOME);
    Item r = referral_to(&k, REFERRAL_KIND_TO_SOCIAL_HOME, HOME, REFERRAL_COMPLETED);
    r.changed_ms--;
    ASSERT_STR(says_with(&k, &r), "CASE_IS_OPEN");
    desk_deinit(&k);
}

TEST(an_opening_before_the_placement_is_held_until_then) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_4);
    opening(&k, HOME)->access_source = ACCESS_SOURCE_REFERRAL;
    const Act early = k.act;
    const Facts facts = k.facts;
    ASSERT_STR(says_with(&k, NULL), "EARLY"); /* tried again, alone */
    desk_act(&k, KIND_HANDOVER_MINUTES, HOME);
    Item r = referral_to(&k, REFERRAL_KIND_TO_SOCIAL_HOME, HOME, REFERRAL_PLACED);
    ASSERT_STR(says_with(&k, &r), "STAGE_4>STAGE_4");
    k.act = early;
    k.facts = facts;
    ASSERT_STR(says_with(&k, NULL), "STAGE_4>STAGE_1");
    ASSERT_STR(i->keeper, HOME);
    desk_deinit(&k);
}

TEST(a_placement_after_the_end_is_still_known_and_moves_nothing) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_1);
    termination(&k, DSK, TERMINATION_REASON_REFERRED_OUT);
    (void)says(&k);
    desk_act(&k, KIND_HANDOVER_MINUTES, HOME);
    Item r = referral_to(&k, REFERRAL_KIND_TO_SOCIAL_HOME, HOME, REFERRAL_PLACED);
    ASSERT_STR(says_with(&k, &r), "TERMINATED>TERMINATED");
    ASSERT_TRUE(i->case_file.in_home);
    ASSERT_STR(i->custodian, DSK);
    r.changed_ms--; /* placed by an earlier act: these minutes said nothing */
    ASSERT_STR(says_with(&k, &r), "NONE");
    desk_deinit(&k);
}

static Item accepted_transfer(Desk *k, const char *from, const char *to) {
    desk_act(k, KIND_REFERRAL_RESPONSE, to)->response.decision = REFERRAL_DECISION_ACCEPTED;
    Item r = referral_to(k, 0, to, REFERRAL_ACCEPTED);
    r.referral.transfer = true;
    (void)text_copy(r.referral.requester, NODE_NAME_SIZE, from);
    return r;
}

TEST(a_transfer_moves_the_case_at_acceptance_and_the_old_provider_is_out) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_4);
    desk_act(&k, KIND_CASE_TRANSFER, DSK)->transfer.stage = 4;
    ASSERT_STR(says(&k), "APPLIED STAGE_4>STAGE_4");
    ASSERT_STR(i->custodian, DSK);
    Item r = accepted_transfer(&k, DSK, FAR);
    r.state = REFERRAL_DELIVERED; /* collected by a system moves nothing */
    ASSERT_STR(says_with(&k, &r), "NONE");
    r.state = REFERRAL_ACCEPTED;
    k.facts.response.decision = REFERRAL_DECISION_WAITLISTED;
    ASSERT_STR(says_with(&k, &r), "NONE");
    k.facts.response.decision = REFERRAL_DECISION_ACCEPTED;
    ASSERT_STR(says_with(&k, &r), "STAGE_4>TRANSFERRED");
    ASSERT_STR(i->custodian, FAR);
    ASSERT_STR(i->case_file.forward_to, FAR);
    ASSERT_EQ(i->case_file.stage_given, 4);
    ASSERT_TRUE(!i->final);
    ASSERT_STR(says_with(&k, &r), "NONE"); /* said twice */

    stage(&k, DSK, 5, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "ILLEGAL TRANSFERRED_AWAY");
    opening(&k, DSK);
    ASSERT_STR(says(&k), "ILLEGAL TRANSFERRED_AWAY");
    response(&k, DSK); /* whoever is there responds */
    ASSERT_STR(says(&k), "APPLIED TRANSFERRED>TRANSFERRED");
    opening(&k, FAR);
    ASSERT_STR(says(&k), "APPLIED TRANSFERRED>STAGE_1");
    ASSERT_STR(i->keeper, FAR);
    termination(&k, DSK, TERMINATION_REASON_DECEASED);
    ASSERT_STR(says(&k), "ILLEGAL TRANSFERRED_AWAY");
    ASSERT_STR(i->custodian, FAR);
    desk_deinit(&k);
}

TEST(the_new_provider_goes_on_from_the_stage_it_was_given) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_4);
    Item r = accepted_transfer(&k, DSK, FAR);
    ASSERT_STR(says_with(&k, &r), "STAGE_4>TRANSFERRED");
    stage(&k, FAR, 7, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "ILLEGAL STAGE_OUT_OF_ORDER");
    termination(&k, FAR, TERMINATION_REASON_GOAL_REACHED);
    ASSERT_STR(says(&k), "ILLEGAL TERMINATION_TOO_EARLY");
    stage(&k, FAR, 5, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "APPLIED TRANSFERRED>STAGE_5");
    ASSERT_STR(i->keeper, FAR);
    desk_deinit(&k);
}

TEST(a_case_nobody_opened_here_can_be_given_away) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE);
    desk_act(&k, KIND_CASE_TRANSFER, UPT)->transfer.stage = 3;
    ASSERT_STR(says(&k), "APPLIED NONE>NONE");
    Item r = accepted_transfer(&k, UPT, FAR);
    ASSERT_STR(says_with(&k, &r), "NONE>TRANSFERRED");
    ASSERT_STR(i->custodian, FAR);
    stage(&k, UPT, 4, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "ILLEGAL TRANSFERRED_AWAY");
    stage(&k, FAR, 4, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "APPLIED TRANSFERRED>STAGE_4");

    i = desk_item(&k, ITEM_CASE); /* nor does anybody know its stage */
    r = accepted_transfer(&k, UPT, FAR);
    ASSERT_STR(says_with(&k, &r), "NONE>TRANSFERRED");
    stage(&k, FAR, 6, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "APPLIED TRANSFERRED>STAGE_6");
    desk_deinit(&k);
}

TEST(nobody_gives_away_what_is_not_theirs) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_4);
    Item r = accepted_transfer(&k, UPT, FAR);
    ASSERT_STR(says_with(&k, &r), "NOT_THE_PROVIDER");
    ASSERT_STR(i->custodian, DSK);
    termination(&k, DSK, TERMINATION_REASON_DECEASED);
    (void)says(&k);
    r = accepted_transfer(&k, DSK, FAR);
    ASSERT_STR(says_with(&k, &r), "CASE_IS_CLOSED");
    desk_deinit(&k);
}

static void opening_on_placement(Desk *k, const Item *r) {
    CaseOpenedFacts *f = opening(k, r->referral.target);
    f->access_source = ACCESS_SOURCE_REFERRAL;
    f->origin_id = r->id;
}

TEST(strangers_do_not_refer_a_case_to_each_other) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_4);
    desk_act(&k, KIND_HANDOVER_MINUTES, HOME);
    Item r = referral_to(&k, REFERRAL_KIND_TO_SOCIAL_HOME, HOME, REFERRAL_PLACED);
    (void)text_copy(r.referral.requester, NODE_NAME_SIZE, FAR);
    r.opened_ms = k.act.at_ms;
    ASSERT_STR(says_with(&k, &r), "STAGE_4>STAGE_4"); /* the person is there, the case is not */
    ASSERT_STR(i->custodian, DSK);
    opening_on_placement(&k, &r);
    ASSERT_STR(says_with(&k, &r), "STAGE_4>STAGE_4");
    ASSERT_STR(i->custodian, DSK);
    ASSERT_STR(i->keeper, DSK);

    (void)text_copy(r.referral.requester, NODE_NAME_SIZE, "dsp/32"); /* above the regency */
    opening_on_placement(&k, &r);
    ASSERT_STR(says_with(&k, &r), "STAGE_4>STAGE_1");
    ASSERT_STR(i->custodian, HOME);
    desk_deinit(&k);
}

/* As a puskesos does, before anybody opens the case. */
TEST(who_asked_before_the_opening_gave_the_case_with_the_person) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_1);
    desk_act(&k, KIND_HANDOVER_MINUTES, HOME);
    Item r = referral_to(&k, REFERRAL_KIND_TO_SOCIAL_HOME, HOME, REFERRAL_PLACED);
    (void)text_copy(r.referral.requester, NODE_NAME_SIZE, FAR);
    r.opened_ms = i->opened_ms - 1;
    ASSERT_STR(says_with(&k, &r), "STAGE_1>STAGE_1");
    ASSERT_STR(i->custodian, HOME);
    desk_deinit(&k);
}

/* --- with the referral machine
 * --------------------------------------------------------------------- */

static void ask(Desk *k, const char *from, const char *to, int kind) {
    ReferralRequestFacts *f = &desk_act(k, KIND_REFERRAL_REQUEST, from)->request;
    f->referral_kind = (uint8_t)kind;
    k->items[ITEM_REFERRAL].id = k->act.message_id;
    (void)text_copy(k->act.target, NODE_NAME_SIZE, to);
}

static void answer_yes(Desk *k, const char *from) {
    desk_act(k, KIND_REFERRAL_RESPONSE, from)->response.decision = REFERRAL_DECISION_ACCEPTED;
    k->facts.response.referral_id = k->items[ITEM_REFERRAL].id;
}

static void hand_over(Desk *k, const char *to, DocumentType minutes) {
    HandoverMinutesFacts *f = &desk_act(k, KIND_HANDOVER_MINUTES, to)->handover;
    f->referral_id = k->items[ITEM_REFERRAL].id;
    f->handed_over_on = (CivilDate) { 2025, 3, 12 };
    f->documents.of[minutes].present = true;
    f->documents.of[DOCUMENT_TYPE_HEALTH_CERTIFICATE].present = true;
}

static void opening_on_referral(Desk *k, const char *actor) {
    CaseOpenedFacts *f = opening(k, actor);
    f->access_source = ACCESS_SOURCE_REFERRAL;
    f->origin_id = k->items[ITEM_REFERRAL].id;
}

/* Scenarios S1 and S3: regency, home, then the ministry's unit, one case id. */
TEST(a_child_is_opened_by_the_regency_placed_in_a_home_then_with_a_upt) {
    DESK;
    Item *i = desk_item(&k, ITEM_CASE), *r;
    opening(&k, DSK)->dtks_status = DTKS_STATUS_NOT_LISTED;
    (void)says(&k);
    response(&k, DSK);
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_1");
    desk_act(&k, KIND_DTKS_PROPOSAL, DSK);
    (void)says(&k);
    r = desk_item(&k, ITEM_REFERRAL);
    ask(&k, DSK, HOME, REFERRAL_KIND_TO_SOCIAL_HOME);
    ASSERT_STR(says(&k), "NONE");
    answer_yes(&k, HOME);
    ASSERT_STR(says(&k), "NONE"); /* a referral is no transfer */
    ASSERT_STR(i->custodian, DSK);
    hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_1");
    ASSERT_EQ(r->state, REFERRAL_PLACED);
    ASSERT_TRUE(i->case_file.in_home);
    ASSERT_STR(i->custodian, HOME);
    opening_on_referral(&k, HOME);
    k.facts.opened.dtks_status = DTKS_STATUS_NOT_LISTED; /* proposed already */
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_1");
    ASSERT_EQ(r->state, REFERRAL_COMPLETED);
    ASSERT_EQ(i->n_timers + r->n_timers, 0);
    ASSERT_STR(i->keeper, HOME);

    r = desk_item(&k, ITEM_REFERRAL);
    ask(&k, HOME, UPT, REFERRAL_KIND_TO_NATIONAL_UPT);
    (void)says(&k);
    answer_yes(&k, UPT);
    (void)says(&k);
    hand_over(&k, UPT, DOCUMENT_TYPE_HANDOVER_MINUTES_UPT);
    ASSERT_STR(says(&k), "APPLIED STAGE_1>STAGE_1");
    ASSERT_TRUE(!i->case_file.in_home);
    k.touched.of[ITEM_REFERRAL] = NULL;
    for (int s = CASE_STAGE_1; s <= CASE_STAGE_7; s++) {
        stage(&k, UPT, s, STAGE_PHASE_COMPLETED);
        (void)says(&k);
        ASSERT_EQ(i->state, s);
    }
    aftercare(&k, UPT);
    (void)says(&k);
    termination(&k, UPT, TERMINATION_REASON_GOAL_REACHED);
    ASSERT_STR(says(&k), "APPLIED STAGE_7>TERMINATED");
    ASSERT_EQ(i->case_file.completed, 0xfeU); /* 1 to 7 */
    ASSERT_TRUE(!i->flagged && !r->flagged);
    desk_deinit(&k);
}

TEST(a_transfer_moves_referral_and_case_in_one_act) {
    DESK;
    Item *i = case_at(&k, CASE_STAGE_3), *r = desk_item(&k, ITEM_REFERRAL);
    (void)text_copy(i->custodian, NODE_NAME_SIZE, UPT);
    (void)text_copy(i->case_file.provider, NODE_NAME_SIZE, UPT);
    CaseTransferFacts *f = &desk_act(&k, KIND_CASE_TRANSFER, UPT)->transfer;
    (void)text_copy(f->from_node, NODE_NAME_SIZE, UPT);
    (void)text_copy(f->to_node, NODE_NAME_SIZE, FAR);
    (void)text_copy(k.act.target, NODE_NAME_SIZE, FAR);
    r->id = k.act.message_id;
    ASSERT_STR(says(&k), "APPLIED STAGE_3>STAGE_3");
    ASSERT_STR(i->custodian, UPT);
    answer_yes(&k, FAR);
    ASSERT_STR(says(&k), "APPLIED STAGE_3>TRANSFERRED");
    ASSERT_STR(i->custodian, FAR);
    ASSERT_STR(r->custodian, FAR);
    answer_yes(&k, FAR);
    ASSERT_STR(says(&k), "NONE");
    stage(&k, FAR, 4, STAGE_PHASE_STARTED);
    ASSERT_STR(says(&k), "APPLIED TRANSFERRED>STAGE_4");
    desk_deinit(&k);
}

/* --- the register
 * ---------------------------------------------------------------------------------- */

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

/* --- timers
 * --------------------------------------------------------------------------------------- */

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

/* --- exercises, nonsense
 * --------------------------------------------------------------------------- */

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

/* SPDX-License-Identifier: Apache-2.0 */

/* The case goes to another provider: by a placement, by a transfer, together with its referral. */

#include "test.h"

#include "case-fixture.h"

/* --- another provider ----------------------------------------------------------------------- */

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

/* --- with the referral machine -------------------------------------------------------------- */

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

TEST_MAIN

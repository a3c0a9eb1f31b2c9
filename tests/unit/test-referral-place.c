/* SPDX-License-Identifier: Apache-2.0 */

/* Placement of a referral: documents, minutes, visits to the family, the opening of the case. */

#include "test.h"

#include "referral-fixture.h"

static int64_t due(Desk *k, TimerKind timer) {
    const Timer *t = item_timer(referral(k), timer);
    return t ? t->due_ms : 0;
}
static int64_t end_of_day(int64_t days) {
    const CivilDate today = civil_at(SAMPLE_NOW, 420);
    return timer_end_of_date(civil_from_days(civil_to_days(today) + days), "3203");
}

/* Accepted, with the documents asked for at the request. */
static void accepted(Desk *k, int kind, const char *to, int one, int two, int three) {
    Facts *f = ask(k, DSK, to, kind);
    const int types[] = { one, two, three };
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i])
            give(&f->request.documents, types[i]);
    (void)referral_says(k);
    ASSERT_STR(answer(k, to, REFERRAL_DECISION_ACCEPTED), "APPLIED SUBMITTED>ACCEPTED");
}

TEST(only_the_receiver_writes_minutes_and_only_after_accepting) {
    static const struct {
        int state;
        const char *says;
    } rows[] = {
        { REFERRAL_SUBMITTED, "ILLEGAL NOT_ACCEPTED" },
        { REFERRAL_DELIVERED, "ILLEGAL NOT_ACCEPTED" },
        { REFERRAL_RECEIVED, "ILLEGAL NOT_ACCEPTED" },
        { REFERRAL_NEEDS_DOCUMENTS, "ILLEGAL NOT_ACCEPTED" },
        { REFERRAL_WAITLISTED, "ILLEGAL NOT_ACCEPTED" },
        { REFERRAL_ACCEPTED, "APPLIED ACCEPTED>PLACED" },
        { REFERRAL_PLACED_PROVISIONAL, "APPLIED PLACED_PROVISIONAL>PLACED" },
        { REFERRAL_PLACED, "ILLEGAL WRONG_STATE" },
        { REFERRAL_COMPLETED, "ILLEGAL ALREADY_CLOSED" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Desk k;
        desk_init(&k);
        bring_to(&k, rows[i].state);
        if (!referral(&k)->final) {
            ASSERT_STR(hand_over(&k, DSK, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 5),
                       "ILLEGAL NOT_THE_TARGET");
            ASSERT_STR(hand_over(&k, DSP, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 5),
                       "ILLEGAL NOT_THE_TARGET");
        }
        ASSERT_STR(hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME,
                             DOCUMENT_TYPE_HEALTH_CERTIFICATE),
                   rows[i].says);
        desk_deinit(&k);
    }
}

TEST(a_placement_needs_its_minutes_and_its_documents) {
    static const struct {
        int kind;
        const char *to;
        int asked[3], minutes, health;
    } rows[] = {
        { REFERRAL_KIND_TO_SOCIAL_HOME, HOME, { 1, 4 }, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 5 },
        { REFERRAL_KIND_TO_NATIONAL_UPT,
          "upt/phala-martha",
          { 2, 3, 4 },
          DOCUMENT_TYPE_HANDOVER_MINUTES_UPT,
          5 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Desk k;
        desk_init(&k);
        accepted(&k, rows[i].kind, rows[i].to, rows[i].asked[0], rows[i].asked[1],
                 rows[i].asked[2]);
        ASSERT_STR(hand_over(&k, rows[i].to, 0, rows[i].health), "ILLEGAL NO_MINUTES");
        ASSERT_STR(hand_over(&k, rows[i].to, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY, 5),
                   "ILLEGAL NO_MINUTES");
        ASSERT_STR(hand_over(&k, rows[i].to, rows[i].minutes, 0), "ILLEGAL DOCUMENTS_MISSING");
        ASSERT_STR(hand_over(&k, rows[i].to, rows[i].minutes, rows[i].health),
                   "APPLIED ACCEPTED>PLACED");
        ASSERT_STR(referral(&k)->custodian, rows[i].to);
        ASSERT_EQ(civil_compare(referral(&k)->referral.placed_on, civil_at(k.now_ms, 420)), 0);
        desk_deinit(&k);
    }
}

TEST(a_young_offender_is_placed_on_a_decision) {
    Desk k;
    desk_init(&k);
    accepted(&k, REFERRAL_KIND_JUVENILE_JUSTICE, HOME, 0, 0, 0);
    ASSERT_STR(open_case(&k, HOME), "ILLEGAL NO_MINUTES");
    ASSERT_STR(hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 0),
               "ILLEGAL DOCUMENTS_MISSING");
    ASSERT_STR(hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME,
                         DOCUMENT_TYPE_COURT_OR_DIVERSION_DECISION),
               "APPLIED ACCEPTED>PLACED");
    ASSERT_STR(open_case(&k, HOME), "APPLIED PLACED>COMPLETED");
    desk_deinit(&k);
}

TEST(a_placement_is_never_later_than_today) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_ACCEPTED);
    Facts *f = desk_act(&k, KIND_HANDOVER_MINUTES, HOME);
    f->handover.handed_over_on = (CivilDate) { 2031, 1, 1 };
    give(&f->handover.documents, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME);
    give(&f->handover.documents, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    (void)referral_says(&k);
    ASSERT_EQ(civil_compare(referral(&k)->referral.placed_on, civil_at(k.now_ms, 420)), 0);
    desk_deinit(&k);
}

/* --- emergency --- */

static Facts *ask_in_emergency(Desk *k, const char *from) {
    Facts *f = ask(k, from, HOME, REFERRAL_KIND_TO_SOCIAL_HOME);
    give(&f->request.documents, DOCUMENT_TYPE_APPLICATION_LETTER_REGENCY);
    f->request.emergency = true;
    return f;
}

TEST(what_an_emergency_defers_is_due_in_fourteen_days) {
    Desk k;
    desk_init(&k);
    (void)ask_in_emergency(&k, DSK);
    (void)referral_says(&k);
    ASSERT_EQ(due(&k, TIMER_DOCUMENTS), end_of_day(14));
    (void)answer(&k, HOME, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(hand_over(&k, HOME, 0, DOCUMENT_TYPE_HEALTH_CERTIFICATE), "ILLEGAL NO_MINUTES");
    ASSERT_STR(hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 0),
               "APPLIED ACCEPTED>PLACED_PROVISIONAL");
    ASSERT_STR(referral(&k)->custodian, DSK); /* until PLACED (domain A-07) */
    ASSERT_STR(referral(&k)->owes, DSK);
    ASSERT_EQ(due(&k, TIMER_DOCUMENTS), end_of_day(14));
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_DOCUMENTS), DSK " " DSP);
    ASSERT_STR(k.fired.tell[0].code, "R-072");
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_DOCUMENTS), DSK " min/rehsos");
    ASSERT_EQ(k.now_ms, end_of_day(14 + 15)); /* the same term, from the day of the telling */
    ASSERT_EQ(referral(&k)->state, REFERRAL_PLACED_PROVISIONAL);
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT),
               "APPLIED PLACED_PROVISIONAL>PLACED_PROVISIONAL");
    ASSERT_STR(referral(&k)->custodian, DSK);
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_HEALTH_CERTIFICATE),
               "APPLIED PLACED_PROVISIONAL>PLACED");
    ASSERT_EQ(due(&k, TIMER_DOCUMENTS), 0);
    ASSERT_STR(referral(&k)->custodian, HOME);
    ASSERT_STR(referral(&k)->owes, HOME);
    desk_deinit(&k);
}

/* Whether a second set of minutes brings what was open, or the requester does. */
TEST(minutes_that_bring_what_was_open_move_the_custodian) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_PLACED_PROVISIONAL);
    ASSERT_STR(referral(&k)->custodian, DSK);
    ASSERT_STR(hand_over(&k, HOME, 0, DOCUMENT_TYPE_HEALTH_CERTIFICATE),
               "APPLIED PLACED_PROVISIONAL>PLACED");
    ASSERT_STR(referral(&k)->custodian, HOME);
    desk_deinit(&k);
}

TEST(documents_that_come_before_the_placement_stop_the_reminder) {
    Desk k;
    desk_init(&k);
    (void)ask_in_emergency(&k, DSK);
    (void)referral_says(&k);
    (void)update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT);
    ASSERT_EQ(due(&k, TIMER_DOCUMENTS), 0);
    (void)answer(&k, HOME, REFERRAL_DECISION_ACCEPTED);
    (void)hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 0);
    ASSERT_EQ(referral(&k)->state, REFERRAL_PLACED_PROVISIONAL); /* the certificate is open */
    ASSERT_EQ(due(&k, TIMER_DOCUMENTS), end_of_day(14));
    desk_deinit(&k);
}

TEST(the_request_may_set_another_day_for_the_documents) {
    Desk k;
    desk_init(&k);
    ask_in_emergency(&k, DSK)->request.docs_due_on = (CivilDate) { 2025, 3, 15 };
    (void)referral_says(&k);
    ASSERT_EQ(due(&k, TIMER_DOCUMENTS), end_of_day(5));
    desk_deinit(&k);
}

TEST(an_emergency_that_may_not_be_declared_defers_nothing) {
    Desk k;
    desk_init(&k);
    (void)ask_in_emergency(&k, "lks/3306/0001");
    (void)referral_says(&k);
    ASSERT_TRUE(!referral(&k)->referral.emergency);
    ASSERT_EQ(due(&k, TIMER_DOCUMENTS), 0);
    (void)answer(&k, HOME, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 0),
               "ILLEGAL DOCUMENTS_MISSING");
    desk_deinit(&k);
}

/* --- the opening of the case --- */

TEST(the_opening_of_the_case_ends_a_placement) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_PLACED);
    ASSERT_STR(open_case(&k, DSK), "ILLEGAL NOT_THE_TARGET");
    ASSERT_STR(open_case(&k, HOME), "APPLIED PLACED>COMPLETED");
    const int64_t ended = referral(&k)->changed_ms;
    ASSERT_STR(open_case(&k, HOME), "APPLIED COMPLETED>COMPLETED"); /* on record, no more */
    ASSERT_EQ(referral(&k)->changed_ms, ended);
    bring_to(&k, REFERRAL_ACCEPTED);
    ASSERT_STR(open_case(&k, HOME), "ILLEGAL NO_MINUTES");
    for (int at = REFERRAL_SUBMITTED; at < REFERRAL_ACCEPTED; at++) {
        bring_to(&k, at);
        ASSERT_STR(open_case(&k, HOME), "ILLEGAL NOT_ACCEPTED");
    }
    bring_to(&k, REFERRAL_DECLINED);
    ASSERT_STR(open_case(&k, HOME), "ILLEGAL ALREADY_CLOSED");
    desk_deinit(&k);
}

TEST(a_case_opened_at_a_provisional_placement_waits_for_the_documents) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_PLACED_PROVISIONAL);
    ASSERT_STR(open_case(&k, HOME), "EARLY");
    const Act opening = k.act;
    const Facts facts = k.facts;
    (void)update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    k.act = opening;
    k.facts = facts;
    ASSERT_STR(referral_says(&k), "APPLIED PLACED>COMPLETED");
    desk_deinit(&k);
}

TEST(kinds_without_minutes_end_with_the_opening_of_the_case) {
    static const int kinds[] = {
        REFERRAL_KIND_EMERGENCY,          REFERRAL_KIND_ELDERLY_PROPOSAL,
        REFERRAL_KIND_INTEGRATED_PROGRAM, REFERRAL_KIND_INTER_AGENCY,
        REFERRAL_KIND_BETWEEN_SERASI,     REFERRAL_KIND_DRUG_MANDATORY_REPORT,
        REFERRAL_KIND_AFTERCARE,
    };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        Desk k;
        desk_init(&k);
        accepted(&k, kinds[i], HOME, 0, 0, 0);
        ASSERT_STR(referral(&k)->custodian, DSK);
        ASSERT_STR(open_case(&k, HOME), "APPLIED ACCEPTED>COMPLETED");
        ASSERT_STR(referral(&k)->custodian, HOME);
        accepted(&k, kinds[i], HOME, 0, 0, 0); /* minutes all the same */
        ASSERT_STR(hand_over(&k, HOME, 0, 0), "APPLIED ACCEPTED>PLACED");
        ASSERT_STR(open_case(&k, HOME), "APPLIED PLACED>COMPLETED");
        desk_deinit(&k);
    }
}

TEST(minutes_of_a_partner_are_its_receipt) {
    Desk k;
    desk_init(&k);
    directory_unref(k.d);
    k.d = sample_unsealed();
    DirNode partner = sample_node("part/3203/disdik", NODE_PARTNER_AGENCY, "upt/phala-martha");
    sample_add(k.d, &partner);
    ASSERT_OK(directory_seal(k.d, 8));
    k.ctx.directory = k.d;
    accepted(&k, REFERRAL_KIND_INTER_AGENCY, "part/3203/disdik", 0, 0, 0);
    ASSERT_STR(hand_over(&k, "part/3203/disdik", 0, 0), "APPLIED ACCEPTED>COMPLETED");
    ASSERT_STR(referral(&k)->custodian, "part/3203/disdik");
    desk_deinit(&k);
}

/* --- the family --- */

#define PKS "pks/3203052001"

static void place_with_family(Desk *k, uint32_t interval_days) {
    accepted(k, REFERRAL_KIND_TO_FAMILY, PKS, 0, 0, 0);
    Facts *f = desk_act(k, KIND_HANDOVER_MINUTES, DSK);
    f->handover.handed_over_on = civil_at(k->now_ms, 420);
    f->handover.interval_days = interval_days;
    give(&f->handover.documents, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY);
    ASSERT_STR(referral_says(k), "APPLIED ACCEPTED>PLACED");
}

static const char *visit(Desk *k, const char *from, int64_t day, int outcome) {
    k->now_ms = SAMPLE_NOW + day * DAY_MS;
    Facts *f = desk_act(k, KIND_FAMILY_FOLLOW_UP, from);
    f->follow_up.visited_on = civil_at(k->now_ms, 420);
    f->follow_up.outcome = (uint8_t)outcome;
    return referral_says(k);
}

TEST(the_family_is_visited_until_the_ninetieth_day) {
    Desk k;
    desk_init(&k);
    place_with_family(&k, 0);
    ASSERT_STR(referral(&k)->custodian, DSK); /* the agency that placed the child */
    ASSERT_STR(referral(&k)->owes, DSK);
    ASSERT_EQ(due(&k, TIMER_FOLLOW_UP), end_of_day(30));
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_FOLLOW_UP), DSK " " DSP);
    ASSERT_STR(k.fired.tell[0].code, "R-033");
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_FOLLOW_UP), DSK " min/rehsos");
    ASSERT_EQ(k.now_ms, end_of_day(30 + 31));
    ASSERT_STR(visit(&k, PKS, 32, FOLLOW_UP_OUTCOME_STABLE), "APPLIED PLACED>PLACED");
    ASSERT_EQ(due(&k, TIMER_FOLLOW_UP), end_of_day(62));
    ASSERT_STR(visit(&k, DSK, 62, FOLLOW_UP_OUTCOME_AT_RISK), "APPLIED PLACED>PLACED");
    ASSERT_EQ(due(&k, TIMER_FOLLOW_UP), end_of_day(90)); /* not the ninety-second */
    ASSERT_STR(visit(&k, "lks/3306/0001", 70, FOLLOW_UP_OUTCOME_STABLE), "ILLEGAL NOT_THE_TARGET");
    ASSERT_STR(visit(&k, HOME, 70, FOLLOW_UP_OUTCOME_STABLE), "ILLEGAL NOT_THE_TARGET");
    ASSERT_STR(visit(&k, PKS, 90, FOLLOW_UP_OUTCOME_STABLE), "APPLIED PLACED>COMPLETED");
    ASSERT_STR(visit(&k, PKS, 120, FOLLOW_UP_OUTCOME_STABLE), "APPLIED COMPLETED>COMPLETED");
    ASSERT_STR(referral(&k)->custodian, DSK);
    desk_deinit(&k);
}

TEST(the_plan_sets_the_interval_and_a_visit_the_next_day) {
    Desk k;
    desk_init(&k);
    place_with_family(&k, 14);
    ASSERT_EQ(due(&k, TIMER_FOLLOW_UP), end_of_day(14));
    k.now_ms = SAMPLE_NOW + 3 * DAY_MS;
    Facts *f = desk_act(&k, KIND_FAMILY_FOLLOW_UP, PKS);
    f->follow_up.next_on = (CivilDate) { 2025, 3, 15 };
    (void)referral_says(&k);
    ASSERT_EQ(due(&k, TIMER_FOLLOW_UP), end_of_day(5));
    place_with_family(&k, UINT32_MAX);
    ASSERT_EQ(due(&k, TIMER_FOLLOW_UP), end_of_day(3 + 90));
    desk_deinit(&k);
}

TEST(a_child_separated_again_is_the_requesters_again) {
    Desk k;
    desk_init(&k);
    place_with_family(&k, 0);
    ASSERT_STR(visit(&k, PKS, 10, FOLLOW_UP_OUTCOME_SEPARATED_AGAIN), "APPLIED PLACED>COMPLETED");
    ASSERT_STR(referral(&k)->custodian, DSK);
    ASSERT_TRUE(!referral(&k)->referral.reunified);
    desk_deinit(&k);
}

TEST(visits_come_after_the_placement_and_belong_to_families) {
    Desk k;
    desk_init(&k);
    accepted(&k, REFERRAL_KIND_TO_FAMILY, PKS, 0, 0, 0);
    ASSERT_STR(visit(&k, DSK, 1, FOLLOW_UP_OUTCOME_STABLE), "EARLY");
    ASSERT_STR(visit(&k, PKS, 1, FOLLOW_UP_OUTCOME_STABLE), "ILLEGAL WRONG_STATE");
    ASSERT_STR(hand_over(&k, PKS, 0, 0), "ILLEGAL NO_MINUTES");
    ASSERT_STR(open_case(&k, PKS), "APPLIED ACCEPTED>ACCEPTED");
    bring_to(&k, REFERRAL_PLACED);
    ASSERT_STR(visit(&k, DSK, 2, FOLLOW_UP_OUTCOME_STABLE), "ILLEGAL NOT_TO_FAMILY");
    desk_deinit(&k);
}

TEST(an_agency_that_asks_itself_need_not_accept) {
    Desk k;
    desk_init(&k);
    (void)ask(&k, DSK, DSK, REFERRAL_KIND_TO_FAMILY);
    (void)referral_says(&k);
    ASSERT_STR(hand_over(&k, DSK, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY, 0),
               "APPLIED SUBMITTED>PLACED");
    ASSERT_EQ(due(&k, TIMER_ANSWER), 0);
    ASSERT_EQ(due(&k, TIMER_EXPIRY), 0);
    (void)ask(&k, DSK, PKS, REFERRAL_KIND_TO_FAMILY);
    (void)referral_says(&k);
    ASSERT_STR(hand_over(&k, DSK, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY, 0), "EARLY");
    ASSERT_STR(hand_over(&k, PKS, DOCUMENT_TYPE_HANDOVER_MINUTES_FAMILY, 0),
               "ILLEGAL NOT_ACCEPTED");
    desk_deinit(&k);
}

TEST_MAIN

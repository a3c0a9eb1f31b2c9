/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "referral-fixture.h"

#define ANSWER(n) REFERRAL_DECISION_##n

static const char *custodian(Desk *k) {
    return referral(k)->custodian;
}
static bool runs(Desk *k, TimerKind timer) {
    return item_timer(referral(k), timer) != NULL;
}
static int64_t due(Desk *k, TimerKind timer) {
    const Timer *t = item_timer(referral(k), timer);
    return t ? t->due_ms : 0;
}

/* --- the way of most --- */

TEST(the_requester_answers_for_the_person_until_the_placement) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_SUBMITTED);
    ASSERT_STR(custodian(&k), DSK);
    ASSERT_STR(referral(&k)->owes, HOME);
    ASSERT_STR(referral(&k)->keeper, DSK);
    ASSERT_TRUE(story_collected(&k.ctx, referral(&k), HOME, k.now_ms));
    ASSERT_EQ(referral(&k)->state, REFERRAL_DELIVERED);
    ASSERT_TRUE(!story_collected(&k.ctx, referral(&k), HOME, k.now_ms));
    ASSERT_STR(custodian(&k), DSK);
    ASSERT_STR(answer(&k, HOME, ANSWER(RECEIVED)), "APPLIED DELIVERED>RECEIVED");
    ASSERT_STR(custodian(&k), DSK);
    ASSERT_STR(answer(&k, HOME, ANSWER(ACCEPTED)), "APPLIED RECEIVED>ACCEPTED");
    ASSERT_STR(custodian(&k), DSK);
    ASSERT_STR(
        hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, DOCUMENT_TYPE_HEALTH_CERTIFICATE),
        "APPLIED ACCEPTED>PLACED");
    ASSERT_STR(custodian(&k), HOME);
    ASSERT_STR(referral(&k)->owes, HOME);
    ASSERT_STR(open_case(&k, HOME), "APPLIED PLACED>COMPLETED");
    ASSERT_STR(custodian(&k), HOME);
    desk_deinit(&k);
}

TEST(collected_by_anybody_else_says_nothing) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_SUBMITTED);
    ASSERT_TRUE(!story_collected(&k.ctx, referral(&k), DSP, k.now_ms));
    ASSERT_EQ(referral(&k)->state, REFERRAL_SUBMITTED);
    ASSERT_TRUE(!story_undeliverable(&k.ctx, referral(&k), DSP, k.now_ms));
    ASSERT_TRUE(story_undeliverable(&k.ctx, referral(&k), HOME, k.now_ms));
    ASSERT_EQ(referral(&k)->state, REFERRAL_UNDELIVERABLE);
    ASSERT_STR(custodian(&k), DSK);
    ASSERT_TRUE(!story_collected(&k.ctx, referral(&k), HOME, k.now_ms));
    desk_deinit(&k);
}

/* --- every answer in every state --- */

TEST(every_answer_of_the_target_in_every_state) {
    static const struct {
        int state;
        const char *says[10]; /* by ReferralDecision; [0] none given */
    } rows[] = {
#define OPEN_ROW(s, received, waitlisted, accepted)                                                \
    {                                                                                              \
        REFERRAL_##s, {                                                                            \
            "ILLEGAL UNKNOWN_STEP", accepted, "APPLIED " #s ">DECLINED",                           \
                "APPLIED " #s ">NEEDS_DOCUMENTS", waitlisted, "APPLIED " #s ">REDIRECTED",         \
                received, "APPLIED " #s ">NOT_OUR_AUTHORITY", "EARLY", "EARLY"                     \
        }                                                                                          \
    }
        OPEN_ROW(SUBMITTED, "APPLIED SUBMITTED>RECEIVED", "APPLIED SUBMITTED>WAITLISTED",
                 "APPLIED SUBMITTED>ACCEPTED"),
        OPEN_ROW(DELIVERED, "APPLIED DELIVERED>RECEIVED", "APPLIED DELIVERED>WAITLISTED",
                 "APPLIED DELIVERED>ACCEPTED"),
        OPEN_ROW(RECEIVED, "APPLIED RECEIVED>RECEIVED", "APPLIED RECEIVED>WAITLISTED",
                 "APPLIED RECEIVED>ACCEPTED"),
        OPEN_ROW(NEEDS_DOCUMENTS, "ILLEGAL WRONG_STATE", "EARLY", "EARLY"),
        OPEN_ROW(WAITLISTED, "ILLEGAL WRONG_STATE", "APPLIED WAITLISTED>WAITLISTED",
                 "APPLIED WAITLISTED>ACCEPTED"),
#define LATER "ILLEGAL WRONG_STATE"
#define LATER_ROW(s)                                                                               \
    {                                                                                              \
        REFERRAL_##s, {                                                                            \
            LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER, "EARLY", "EARLY"               \
        }                                                                                          \
    }
        LATER_ROW(ACCEPTED),
        LATER_ROW(PLACED_PROVISIONAL),
        LATER_ROW(PLACED),
#define ENDED "ILLEGAL ALREADY_CLOSED"
#define ENDED_ROW(s)                                                                               \
    {                                                                                              \
        REFERRAL_##s, {                                                                            \
            ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED                   \
        }                                                                                          \
    }
        ENDED_ROW(COMPLETED),
        ENDED_ROW(DECLINED),
        ENDED_ROW(REDIRECTED),
        ENDED_ROW(NOT_OUR_AUTHORITY),
        ENDED_ROW(CANCELLED),
        ENDED_ROW(EXPIRED),
        ENDED_ROW(UNDELIVERABLE),
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (int decision = 0; decision < 10; decision++) {
            Desk k;
            desk_init(&k);
            bring_to(&k, rows[i].state);
            const bool on = decision == ANSWER(REDIRECTED);
            const char *says =
                on ? send_on(&k, HOME, decision, "upt/satria") : answer(&k, HOME, decision);
            ASSERT_STR(says, rows[i].says[decision]);
            ASSERT_EQ(referral(&k)->flagged, says[0] == 'I');
            ASSERT_EQ(referral(&k)->n_early, says[0] == 'E');
            desk_deinit(&k);
        }
}

TEST(nobody_but_the_target_answers) {
    static const char *const others[] = { DSK, DSP, "dsk/3204", "min/rehsos", "nobody/known" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        for (int decision = 1; decision < 10; decision++) {
            Desk k;
            desk_init(&k);
            bring_to(&k, REFERRAL_RECEIVED);
            const Item before = *referral(&k);
            ASSERT_STR(answer(&k, others[i], decision), "ILLEGAL NOT_THE_TARGET");
            ASSERT_EQ(referral(&k)->n_acts, before.n_acts + 1);
            referral(&k)->n_acts--;
            referral(&k)->flagged = false;
            ASSERT_TRUE(item_equal(&before, referral(&k)));
            desk_deinit(&k);
        }
}

TEST(a_redirect_names_another_active_node) {
    static const char *const bad[] = { "", "nobody/known", "dsk/3299", HOME };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Desk k;
        desk_init(&k);
        bring_to(&k, REFERRAL_RECEIVED);
        ASSERT_STR(send_on(&k, HOME, ANSWER(REDIRECTED), bad[i]), "ILLEGAL REDIRECT_TO_NOBODY");
        ASSERT_STR(send_on(&k, HOME, ANSWER(NOT_OUR_AUTHORITY), bad[i]),
                   bad[i][0] ? "ILLEGAL REDIRECT_TO_NOBODY" : "APPLIED RECEIVED>NOT_OUR_AUTHORITY");
        desk_deinit(&k);
    }
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_RECEIVED);
    (void)send_on(&k, HOME, ANSWER(NOT_OUR_AUTHORITY), "upt/satria");
    ASSERT_STR(referral(&k)->referral.redirect_to, "upt/satria");
    ASSERT_STR(custodian(&k), DSK);
    desk_deinit(&k);
}

TEST(asking_for_documents_names_them) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_RECEIVED);
    desk_act(&k, KIND_REFERRAL_RESPONSE, HOME)->response.decision = ANSWER(NEEDS_DOCUMENTS);
    ASSERT_STR(referral_says(&k), "ILLEGAL NOTHING_ASKED_FOR");
    desk_deinit(&k);
}

/* --- documents --- */

TEST(documents_come_back_to_where_the_referral_was) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_NEEDS_DOCUMENTS);
    ASSERT_STR(referral(&k)->owes, DSK);
    ASSERT_TRUE(runs(&k, TIMER_SUPPLEMENT) && !runs(&k, TIMER_ANSWER));
    ASSERT_STR(update(&k, HOME, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_HEALTH_CERTIFICATE),
               "ILLEGAL NOT_THE_REQUESTER");
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, 0),
               "APPLIED NEEDS_DOCUMENTS>NEEDS_DOCUMENTS");
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_HEALTH_CERTIFICATE),
               "APPLIED NEEDS_DOCUMENTS>DELIVERED");
    ASSERT_STR(referral(&k)->owes, HOME);
    ASSERT_EQ(referral(&k)->referral.missing, 0);
    ASSERT_TRUE(codes_has(referral(&k)->referral.documents, DOCUMENT_TYPE_HEALTH_CERTIFICATE));
    ASSERT_TRUE(!runs(&k, TIMER_SUPPLEMENT));
    ASSERT_EQ(due(&k, TIMER_ANSWER), k.now_ms + 5 * DAY_MS);

    (void)answer(&k, HOME, ANSWER(RECEIVED));
    (void)answer(&k, HOME, ANSWER(NEEDS_DOCUMENTS));
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_OTHER),
               "APPLIED NEEDS_DOCUMENTS>RECEIVED");
    ASSERT_STR(custodian(&k), DSK);
    desk_deinit(&k);
}

TEST(documents_may_come_while_the_referral_is_open) {
    for (int at = REFERRAL_SUBMITTED; at < REFERRAL_UNDELIVERABLE; at++) {
        if (at == REFERRAL_SUPERIOR_DECIDES)
            continue;
        Desk k;
        desk_init(&k);
        bring_to(&k, at);
        const bool open = !referral(&k)->final;
        const char *says =
            update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_CONSENT_LETTER);
        assert_memory_equal(says, open ? "APPLIED" : ENDED, 7);
        ASSERT_EQ(codes_has(referral(&k)->referral.documents, DOCUMENT_TYPE_CONSENT_LETTER), open);
        desk_deinit(&k);
    }
}

/* --- ending before the placement --- */

TEST(every_cancellation_and_withdrawal_in_every_state) {
    static const struct {
        int state;
        const char *cancel, *withdraw;
    } rows[] = {
        { REFERRAL_SUBMITTED, "APPLIED SUBMITTED>CANCELLED", "APPLIED SUBMITTED>CANCELLED" },
        { REFERRAL_DELIVERED, "APPLIED DELIVERED>CANCELLED", "APPLIED DELIVERED>CANCELLED" },
        { REFERRAL_RECEIVED, "APPLIED RECEIVED>CANCEL_REQUESTED", "APPLIED RECEIVED>CANCELLED" },
        { REFERRAL_NEEDS_DOCUMENTS, "APPLIED NEEDS_DOCUMENTS>CANCEL_REQUESTED",
          "APPLIED NEEDS_DOCUMENTS>CANCELLED" },
        { REFERRAL_WAITLISTED, "APPLIED WAITLISTED>CANCEL_REQUESTED",
          "APPLIED WAITLISTED>CANCELLED" },
        { REFERRAL_ACCEPTED, "APPLIED ACCEPTED>CANCEL_REQUESTED", "ILLEGAL ALREADY_ACCEPTED" },
        { REFERRAL_PLACED_PROVISIONAL, "APPLIED PLACED_PROVISIONAL>CANCEL_REQUESTED",
          "ILLEGAL ALREADY_ACCEPTED" },
        { REFERRAL_PLACED, "ILLEGAL ALREADY_PLACED", "ILLEGAL ALREADY_ACCEPTED" },
        { REFERRAL_CANCEL_REQUESTED, "ILLEGAL WRONG_STATE", "APPLIED CANCEL_REQUESTED>CANCELLED" },
        { REFERRAL_COMPLETED, ENDED, ENDED },
        { REFERRAL_CANCELLED, ENDED, ENDED },
        { REFERRAL_EXPIRED, ENDED, ENDED },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (int withdraw = 0; withdraw < 2; withdraw++) {
            const int action = withdraw ? REFERRAL_ACTION_WITHDRAW : REFERRAL_ACTION_CANCEL;
            Desk k;
            desk_init(&k);
            bring_to(&k, rows[i].state);
            if (!referral(&k)->final) {
                ASSERT_STR(update(&k, HOME, action, 0), "ILLEGAL NOT_THE_REQUESTER");
                ASSERT_STR(update(&k, DSP, action, 0), "ILLEGAL NOT_THE_REQUESTER");
                ASSERT_STR(update(&k, DSK, 9, 0), "ILLEGAL UNKNOWN_STEP");
            }
            ASSERT_STR(update(&k, DSK, action, 0), withdraw ? rows[i].withdraw : rows[i].cancel);
            desk_deinit(&k);
        }
}

TEST(a_cancellation_is_confirmed_or_refused_by_the_target) {
    static const int states[] = { REFERRAL_RECEIVED, REFERRAL_NEEDS_DOCUMENTS, REFERRAL_WAITLISTED,
                                  REFERRAL_ACCEPTED, REFERRAL_PLACED_PROVISIONAL };
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        Desk k;
        desk_init(&k);
        bring_to(&k, states[i]);
        const Item before = *referral(&k);
        (void)update(&k, DSK, REFERRAL_ACTION_CANCEL, 0);
        ASSERT_STR(referral(&k)->owes, HOME);
        ASSERT_STR(custodian(&k), before.custodian);
        ASSERT_EQ(due(&k, TIMER_CANCEL), k.now_ms + 36 * HOUR_MS);
        ASSERT_STR(answer(&k, DSP, ANSWER(CANCEL_CONFIRMED)), "ILLEGAL NOT_THE_TARGET");
        (void)answer(&k, HOME, ANSWER(CANCEL_REFUSED));
        ASSERT_EQ(referral(&k)->state, states[i]);
        ASSERT_STR(referral(&k)->owes, before.owes);
        ASSERT_TRUE(!runs(&k, TIMER_CANCEL));
        (void)update(&k, DSK, REFERRAL_ACTION_CANCEL, 0);
        ASSERT_STR(answer(&k, HOME, ANSWER(CANCEL_CONFIRMED)),
                   "APPLIED CANCEL_REQUESTED>CANCELLED");
        ASSERT_STR(custodian(&k), DSK);
        desk_deinit(&k);
    }
}

TEST(silence_about_a_cancellation_counts_as_refused) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_ACCEPTED);
    (void)update(&k, DSK, REFERRAL_ACTION_CANCEL, 0);
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_CANCEL), DSK " " HOME);
    ASSERT_TRUE(k.fired.changed);
    ASSERT_EQ(referral(&k)->state, REFERRAL_ACCEPTED);
    ASSERT_EQ(referral(&k)->changed_ms, k.now_ms);
    ASSERT_TRUE(!runs(&k, TIMER_CANCEL));
    desk_deinit(&k);
}

/* Two brokers see the acts in either order, and must end up alike. */
TEST(answers_that_crossed_the_cancellation_count) {
    static const int decisions[] = { ANSWER(RECEIVED), ANSWER(WAITLISTED), ANSWER(ACCEPTED),
                                     ANSWER(NEEDS_DOCUMENTS) };
    for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
        Desk one, two;
        desk_init(&one);
        desk_init(&two);
        bring_to(&one, REFERRAL_RECEIVED);
        bring_to(&two, REFERRAL_RECEIVED);
        (void)update(&one, DSK, REFERRAL_ACTION_CANCEL, 0);
        ASSERT_STR(answer(&one, HOME, decisions[i]), "APPLIED CANCEL_REQUESTED>CANCEL_REQUESTED");
        (void)answer(&two, HOME, decisions[i]);
        (void)update(&two, DSK, REFERRAL_ACTION_CANCEL, 0);
        (void)answer(&one, HOME, ANSWER(CANCEL_REFUSED));
        (void)answer(&two, HOME, ANSWER(CANCEL_REFUSED));
        ASSERT_EQ(referral(&one)->state, referral(&two)->state);
        ASSERT_STR(referral(&one)->owes, referral(&two)->owes);
        ASSERT_EQ(runs(&one, TIMER_ANSWER), runs(&two, TIMER_ANSWER));
        desk_deinit(&one);
        desk_deinit(&two);
    }
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_CANCEL_REQUESTED);
    ASSERT_STR(answer(&k, HOME, ANSWER(DECLINED)), "APPLIED CANCEL_REQUESTED>DECLINED");
    bring_to(&k, REFERRAL_ACCEPTED);
    (void)update(&k, DSK, REFERRAL_ACTION_CANCEL, 0);
    ASSERT_STR(
        hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, DOCUMENT_TYPE_HEALTH_CERTIFICATE),
        "APPLIED CANCEL_REQUESTED>PLACED");
    ASSERT_TRUE(!runs(&k, TIMER_CANCEL));
    desk_deinit(&k);
}

/* Domain 5: any that is not final before PLACED; minutes of any kind end the waiting. */
TEST(a_referral_expires_until_the_placement) {
    for (int at = REFERRAL_SUBMITTED; at <= REFERRAL_PLACED; at++) {
        Desk k;
        desk_init(&k);
        bring_to(&k, at);
        ASSERT_EQ(runs(&k, TIMER_EXPIRY), at <= REFERRAL_ACCEPTED);
        if (runs(&k, TIMER_EXPIRY)) {
            ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_EXPIRY), DSK " " HOME);
            ASSERT_EQ(referral(&k)->state, REFERRAL_EXPIRED);
            ASSERT_TRUE(k.fired.changed && referral(&k)->final && referral(&k)->n_timers == 0);
            ASSERT_STR(custodian(&k), DSK);
        }
        desk_deinit(&k);
    }
}

/* --- the clock of the answer --- */

TEST(an_answer_is_owed_within_the_term_of_the_urgency) {
    static const int64_t terms[] = { 0, 5 * DAY_MS, 2 * DAY_MS, 2 * HOUR_MS, 2 * HOUR_MS };
    for (uint8_t urgency = 1; urgency < ARRAY_SIZE(terms); urgency++) {
        Desk k;
        desk_init(&k);
        (void)ask(&k, DSK, HOME, REFERRAL_KIND_INTER_AGENCY);
        k.act.urgency = urgency;
        (void)referral_says(&k);
        ASSERT_EQ(due(&k, TIMER_ANSWER), k.now_ms + terms[urgency]);
        desk_deinit(&k);
    }
}

TEST(silence_is_told_then_a_redirect_proposed_then_told_higher_and_every_month) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_RECEIVED);
    const int64_t asked = referral(&k)->opened_ms;
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_ANSWER), DSK " " DSP);
    ASSERT_EQ(k.now_ms, asked + 5 * DAY_MS);
    ASSERT_STR(k.fired.tell[0].code, "answer");
    assert_null(strstr(k.fired.tell[0].text_en, "redirect"));
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_ANSWER), DSK " " DSP);
    ASSERT_EQ(k.now_ms, asked + 10 * DAY_MS);
    assert_non_null(strstr(k.fired.tell[0].text_en, "redirect"));
    static const int64_t told[] = { 15, 45, 75 };
    for (size_t n = 0; n < ARRAY_SIZE(told); n++) {
        ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_ANSWER), DSK " min/rehsos");
        ASSERT_EQ(k.now_ms, asked + told[n] * DAY_MS);
        ASSERT_TRUE(!k.fired.changed);
    }
    ASSERT_EQ(referral(&k)->state, REFERRAL_RECEIVED);
    (void)answer(&k, HOME, ANSWER(ACCEPTED));
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_ANSWER), "not running");
    desk_deinit(&k);
}

TEST(in_an_emergency_the_higher_level_hears_sooner) {
    Desk k;
    desk_init(&k);
    (void)ask(&k, DSK, HOME, REFERRAL_KIND_EMERGENCY);
    k.act.urgency = URGENCY_EMERGENCY;
    (void)referral_says(&k);
    const int64_t asked = k.now_ms;
    for (int hours = 2; hours <= 6; hours += 2) {
        ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_ANSWER),
                   hours < 6 ? DSK " " DSP : DSK " min/rehsos");
        ASSERT_EQ(k.now_ms, asked + hours * HOUR_MS);
    }
    ASSERT_EQ(due(&k, TIMER_ANSWER), k.now_ms + 30 * DAY_MS);
    desk_deinit(&k);
}

TEST(what_a_stopped_broker_missed_is_told_once) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_SUBMITTED);
    const int64_t late = k.now_ms + 300 * DAY_MS;
    story_fire(&k.ctx, referral(&k), TIMER_ANSWER, late, &k.fired);
    ASSERT_EQ(due(&k, TIMER_ANSWER), late + 5 * DAY_MS);
    desk_deinit(&k);
}

TEST(reply_by_shortens_the_term_only) {
    for (int days = 1; days < 10; days += 8) {
        Desk k;
        desk_init(&k);
        Facts *f = ask(&k, DSK, HOME, REFERRAL_KIND_INTER_AGENCY);
        f->request.reply_by_ms = k.now_ms + days * DAY_MS;
        (void)referral_says(&k);
        ASSERT_EQ(due(&k, TIMER_ANSWER), k.now_ms + MIN(days, 5) * DAY_MS);
        desk_deinit(&k);
    }
}

/* A short term is told again after a day at the earliest. */
TEST(nobody_is_told_twice_in_a_day_but_in_an_emergency) {
    static const TimerRow rows[] = {
        { TIMER_ANSWER, 0, { .minutes = 60 }, { 0 }, { .minutes = 60 }, { 0 } }
    };
    static const TimerPolicy policy = { rows, 1 };
    for (uint8_t urgency = URGENCY_ROUTINE; urgency <= URGENCY_EMERGENCY; urgency += 2) {
        Desk k;
        desk_init(&k);
        k.ctx.timers = &policy;
        (void)ask(&k, DSK, HOME, REFERRAL_KIND_INTER_AGENCY);
        k.act.urgency = urgency;
        (void)referral_says(&k);
        (void)desk_fires(&k, ITEM_REFERRAL, TIMER_ANSWER);
        ASSERT_EQ(due(&k, TIMER_ANSWER),
                  k.now_ms + (urgency == URGENCY_EMERGENCY ? HOUR_MS : DAY_MS));
        desk_deinit(&k);
    }
}

TEST(a_person_who_has_it_or_a_waiting_list_does_not_stop_the_clock) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_SUBMITTED);
    const int64_t first = due(&k, TIMER_ANSWER);
    (void)answer(&k, HOME, ANSWER(RECEIVED));
    ASSERT_EQ(due(&k, TIMER_ANSWER), first);
    (void)answer(&k, HOME, ANSWER(WAITLISTED));
    ASSERT_EQ(due(&k, TIMER_ANSWER), k.now_ms + 5 * DAY_MS);
    Facts *f = desk_act(&k, KIND_REFERRAL_RESPONSE, HOME);
    f->response.decision = ANSWER(WAITLISTED);
    f->response.placement_from = (CivilDate) { 2025, 4, 1 };
    (void)referral_says(&k);
    ASSERT_EQ(due(&k, TIMER_ANSWER),
              timer_end_of_date((CivilDate) { 2025, 4, 1 }, "3203") + 5 * DAY_MS);
    desk_deinit(&k);
}

/* P4 Pasal 13 ayat (3): until the placement, for a neglected child outside a home. */
TEST(the_regency_hears_what_somebody_else_asked_for) {
    static const struct {
        int kind;
        bool hears;
    } rows[] = { { REFERRAL_KIND_TO_FAMILY, true },
                 { REFERRAL_KIND_TO_SOCIAL_HOME, true },
                 { REFERRAL_KIND_EMERGENCY, true },
                 { REFERRAL_KIND_TO_NATIONAL_UPT, false },
                 { REFERRAL_KIND_INTER_AGENCY, false } };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Desk k;
        desk_init(&k);
        (void)ask(&k, "lks/3306/0001", "upt/satria", rows[i].kind);
        (void)referral_says(&k);
        ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_ANSWER),
                   rows[i].hears ? "lks/3306/0001 min/rehsos " DSK : "lks/3306/0001 min/rehsos");
        ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_EXPIRY),
                   rows[i].hears ? "lks/3306/0001 upt/satria " DSK : "lks/3306/0001 upt/satria");
        desk_deinit(&k);
    }
}

TEST(documents_asked_for_and_not_sent_are_told) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_NEEDS_DOCUMENTS);
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_SUPPLEMENT), DSK " " HOME);
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_SUPPLEMENT), DSK " " DSP " " HOME);
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_SUPPLEMENT), DSK " min/rehsos " HOME);
    ASSERT_EQ(referral(&k)->state, REFERRAL_NEEDS_DOCUMENTS);
    desk_deinit(&k);
}

/* --- early and illegal --- */

TEST(what_comes_before_the_request_is_held) {
    Desk k;
    desk_init(&k);
    (void)desk_item(&k, ITEM_REFERRAL);
    ASSERT_STR(answer(&k, HOME, ANSWER(ACCEPTED)), "EARLY");
    ASSERT_STR(hand_over(&k, HOME, DOCUMENT_TYPE_HANDOVER_MINUTES_HOME, 0), "EARLY");
    ASSERT_STR(open_case(&k, HOME), "EARLY");
    (void)desk_act(&k, KIND_FAMILY_FOLLOW_UP, HOME);
    ASSERT_STR(referral_says(&k), "EARLY");
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_CANCEL, 0), "EARLY"); /* overtook it */
    ASSERT_EQ(referral(&k)->n_early, 5);
    ASSERT_EQ(referral(&k)->n_acts, 5);
    ASSERT_EQ(referral(&k)->state, REFERRAL_NONE);
    ASSERT_TRUE(!referral(&k)->flagged);
    desk_deinit(&k);
}

/* A broker that hands out the supervisor's copy of a request to a role. */
TEST(a_copy_learns_who_the_target_is_from_the_answer) {
    Desk k;
    desk_init(&k);
    (void)ask(&k, DSK, "", REFERRAL_KIND_INTER_AGENCY);
    (void)desk_says(&k, ITEM_REFERRAL);
    ASSERT_STR(answer(&k, HOME, ANSWER(RECEIVED)), "APPLIED SUBMITTED>RECEIVED");
    ASSERT_STR(referral(&k)->referral.target, HOME);
    ASSERT_STR(referral(&k)->owes, HOME);
    ASSERT_STR(answer(&k, DSP, ANSWER(ACCEPTED)), "ILLEGAL NOT_THE_TARGET");
    ASSERT_STR(answer(&k, HOME, ANSWER(ACCEPTED)), "APPLIED RECEIVED>ACCEPTED");
    (void)ask(&k, DSK, "", REFERRAL_KIND_INTER_AGENCY);
    (void)desk_says(&k, ITEM_REFERRAL);
    desk_act(&k, KIND_REFERRAL_RESPONSE, DSK)->response.decision = ANSWER(ACCEPTED);
    ASSERT_STR(desk_says(&k, ITEM_REFERRAL), "ILLEGAL NOT_THE_TARGET");
    desk_deinit(&k);
}

TEST(a_request_is_made_once) {
    Desk k;
    desk_init(&k);
    bring_to(&k, REFERRAL_RECEIVED);
    (void)desk_act(&k, KIND_REFERRAL_REQUEST, DSK);
    ASSERT_STR(referral_says(&k), "ILLEGAL WRONG_STATE");
    (void)desk_act(&k, KIND_COMPLAINT, DSK);
    ASSERT_STR(referral_says(&k), "NONE");
    desk_deinit(&k);
}

TEST(an_exercise_moves_nothing_that_is_meant) {
    for (uint8_t status = MESSAGE_STATUS_EXERCISE; status <= MESSAGE_STATUS_TEST; status++) {
        Desk k;
        desk_init(&k);
        bring_to(&k, REFERRAL_RECEIVED);
        desk_act(&k, KIND_REFERRAL_RESPONSE, HOME)->response.decision = ANSWER(ACCEPTED);
        k.act.status = status;
        ASSERT_STR(referral_says(&k), "ILLEGAL ONLY_AN_EXERCISE");

        (void)ask(&k, DSK, HOME, REFERRAL_KIND_INTER_AGENCY);
        k.act.status = status;
        (void)referral_says(&k);
        ASSERT_EQ(referral(&k)->status, status);
        desk_act(&k, KIND_REFERRAL_RESPONSE, HOME)->response.decision = ANSWER(ACCEPTED);
        k.act.status = status;
        ASSERT_STR(referral_says(&k), "APPLIED SUBMITTED>ACCEPTED");
        desk_deinit(&k);
    }
}

TEST(a_bridge_acts_for_its_owner) {
    Desk k;
    desk_init(&k);
    (void)ask(&k, DSK, DSP, REFERRAL_KIND_INTER_AGENCY);
    (void)referral_says(&k);
    ASSERT_STR(answer(&k, "int/siks", ANSWER(ACCEPTED)), "APPLIED SUBMITTED>ACCEPTED");
    desk_deinit(&k);
}

TEST_MAIN

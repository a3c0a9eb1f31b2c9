/* SPDX-License-Identifier: Apache-2.0 */

/* Referrals that are sent on, and who decides when that happens too often. */

#include "test.h"

#include "referral-fixture.h"

/* The requester confirms: a new referral that names the one on the desk as its parent. */
static const char *refer_on(Desk *k, Item *parent, const char *to) {
    *parent = *referral(k);
    Facts *f = ask(k, DSK, to, REFERRAL_KIND_INTER_AGENCY);
    f->request.parent_referral_id = parent->id;
    k->touched.parent = parent;
    return referral_says(k);
}

static const char *redirect(Desk *k, const char *from, const char *to) {
    return send_on(k, from, REFERRAL_DECISION_REDIRECTED, to);
}

static void start(Desk *k, const char *to) {
    desk_init(k);
    (void)ask(k, DSK, to, REFERRAL_KIND_INTER_AGENCY);
    (void)referral_says(k);
}

TEST(a_redirect_is_a_new_referral_that_remembers) {
    Desk k;
    Item parent;
    start(&k, HOME);
    ASSERT_STR(redirect(&k, HOME, "upt/phala-martha"), "APPLIED SUBMITTED>REDIRECTED");
    ASSERT_STR(referral(&k)->custodian, DSK);
    ASSERT_STR(refer_on(&k, &parent, "upt/phala-martha"), "APPLIED NONE>SUBMITTED");
    const Referral *r = &referral(&k)->referral;
    ASSERT_EQ(r->redirect_count, 1);
    ASSERT_STR(r->former[0], HOME);
    ASSERT_STR(r->former[1], "");
    ASSERT_TRUE(uuid_equal(&r->parent, &parent.id));
    ASSERT_TRUE(!r->superior_decided);
    desk_deinit(&k);
}

TEST(bukan_wewenang_counts_like_a_redirect_and_a_no_does_not) {
    static const struct {
        int decision, count, state;
    } rows[] = { { REFERRAL_DECISION_NOT_OUR_AUTHORITY, 1, REFERRAL_SUPERIOR_DECIDES },
                 { REFERRAL_DECISION_DECLINED, 0, REFERRAL_SUBMITTED } };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Desk k;
        Item parent;
        start(&k, HOME);
        (void)answer(&k, HOME, rows[i].decision);
        (void)refer_on(&k, &parent, HOME);
        ASSERT_EQ(referral(&k)->referral.redirect_count, rows[i].count);
        ASSERT_EQ(referral(&k)->state, rows[i].state);
        desk_deinit(&k);
    }
}

TEST(the_cause_of_a_referral_is_its_parent_only_when_it_was_sent_on) {
    Desk k;
    Item parent;
    start(&k, HOME);
    for (int on = 0; on < 2; on++) {
        if (on)
            (void)redirect(&k, HOME, DSP);
        parent = *referral(&k);
        (void)ask(&k, DSK, on ? DSP : HOME, REFERRAL_KIND_INTER_AGENCY);
        k.touched.parent = &parent;
        (void)referral_says(&k);
        ASSERT_EQ(referral(&k)->referral.redirect_count, on);
        ASSERT_EQ(uuid_is_nil(&referral(&k)->referral.parent), !on);
    }
    desk_deinit(&k);
}

TEST(a_parent_that_is_not_known_here_counts_once) {
    Desk k;
    Item parent;
    start(&k, HOME);
    (void)redirect(&k, HOME, DSP);
    parent = *referral(&k);
    ask(&k, DSK, DSP, REFERRAL_KIND_INTER_AGENCY)->request.parent_referral_id = parent.id;
    ASSERT_STR(referral_says(&k), "APPLIED NONE>SUBMITTED");
    ASSERT_EQ(referral(&k)->referral.redirect_count, 1);
    desk_deinit(&k);
}

/* Domain 5: the new request has its causation set, to the answer or to the referral itself. */
TEST(a_parent_is_found_by_the_cause_or_by_where_it_was_sent) {
    enum { BY_ANSWER, BY_REFERRAL, BY_PLACE, OTHER_PLACE, OTHER_CAUSE, OTHER_SENDER, WAYS };
    for (int way = 0; way < WAYS; way++) {
        Desk k;
        start(&k, HOME);
        ASSERT_TRUE(!referral_continues(referral(&k), &k.act)); /* not of itself */
        (void)redirect(&k, HOME, DSP);
        const Item parent = *referral(&k);
        const Uuid answered = k.act.message_id;
        ASSERT_TRUE(uuid_equal(&parent.referral.sent_on_by, &answered));
        (void)ask(&k, way == OTHER_SENDER ? "dsk/3204" : DSK,
                  way == OTHER_PLACE ? "upt/satria" : DSP, REFERRAL_KIND_INTER_AGENCY);
        if (way == BY_ANSWER)
            k.act.causation_id = answered;
        else if (way == BY_REFERRAL)
            k.act.causation_id = parent.id;
        else if (way == OTHER_CAUSE)
            k.act.causation_id = (Uuid) { { 0x77 } };
        ASSERT_EQ(referral_continues(&parent, &k.act), way <= OTHER_PLACE);
        k.touched.parent = &parent;
        (void)referral_says(&k);
        ASSERT_EQ(referral(&k)->referral.redirect_count, way <= BY_PLACE);
        ASSERT_EQ(uuid_equal(&referral(&k)->referral.parent, &parent.id), way <= BY_PLACE);
        desk_deinit(&k);
    }
}

/* Three times: DSK asks A, B, C, D; A, B and C each name the next. */
static void send_three_times(Desk *k, Item *parent) {
    start(k, HOME);
    (void)redirect(k, HOME, DSP);
    ASSERT_STR(refer_on(k, parent, DSP), "APPLIED NONE>SUBMITTED");
    (void)redirect(k, DSP, "upt/satria");
    ASSERT_STR(refer_on(k, parent, "upt/satria"), "APPLIED NONE>SUBMITTED");
    (void)redirect(k, "upt/satria", "dsk/3204");
    ASSERT_STR(refer_on(k, parent, "dsk/3204"), "APPLIED NONE>SUPERIOR_DECIDES");
    ASSERT_EQ(referral(k)->referral.redirect_count, 3);
}

TEST(the_third_redirect_goes_to_the_common_superior) {
    Desk k;
    Item parent;
    send_three_times(&k, &parent);
    ASSERT_STR(referral(&k)->owes, DSP);
    ASSERT_STR(referral(&k)->custodian, DSK);
    ASSERT_TRUE(!item_timer(referral(&k), TIMER_ANSWER));
    ASSERT_TRUE(item_timer(referral(&k), TIMER_SUPERIOR) != NULL);
    desk_deinit(&k);
}

TEST(going_back_to_a_former_target_goes_to_the_common_superior) {
    Desk k;
    Item parent;
    start(&k, HOME);
    (void)redirect(&k, HOME, "upt/phala-martha");
    (void)refer_on(&k, &parent, "upt/phala-martha");
    (void)redirect(&k, "upt/phala-martha", HOME);
    ASSERT_STR(refer_on(&k, &parent, HOME), "APPLIED NONE>SUPERIOR_DECIDES");
    ASSERT_STR(referral(&k)->owes, DSP);
    desk_deinit(&k);
}

/* Who asked for it has had it, too. */
TEST(going_back_to_a_requester_goes_to_the_common_superior) {
    Desk k;
    Item parent;
    start(&k, HOME);
    (void)redirect(&k, HOME, DSK);
    ASSERT_STR(refer_on(&k, &parent, DSK), "APPLIED NONE>SUPERIOR_DECIDES"); /* to itself */
    ASSERT_STR(referral(&k)->owes, DSP);

    start(&k, HOME); /* the home sends it on itself, and there it is sent back to the agency */
    (void)redirect(&k, HOME, "upt/satria");
    for (int step = 0; step < 2; step++) {
        parent = *referral(&k);
        Facts *f = ask(&k, step ? "upt/satria" : HOME, step ? DSK : "upt/satria",
                       REFERRAL_KIND_INTER_AGENCY);
        f->request.parent_referral_id = parent.id;
        k.touched.parent = &parent;
        ASSERT_STR(referral_says(&k),
                   step ? "APPLIED NONE>SUPERIOR_DECIDES" : "APPLIED NONE>SUBMITTED");
        if (!step)
            (void)answer(&k, "upt/satria", REFERRAL_DECISION_NOT_OUR_AUTHORITY);
    }
    ASSERT_STR(referral(&k)->owes, "min/rehsos");

    start(&k, HOME); /* its own hands are where it belongs when the family has the child */
    (void)redirect(&k, HOME, DSK);
    parent = *referral(&k);
    ask(&k, DSK, DSK, REFERRAL_KIND_TO_FAMILY)->request.parent_referral_id = parent.id;
    k.touched.parent = &parent;
    ASSERT_STR(referral_says(&k), "APPLIED NONE>SUBMITTED");
    desk_deinit(&k);
}

TEST(only_the_superior_moves_it_and_must_decide) {
    Desk k;
    Item parent;
    send_three_times(&k, &parent);
    for (int decision = 1; decision < 10; decision++) {
        ASSERT_STR(answer(&k, "min/rehsos", decision), "ILLEGAL NOT_THE_TARGET");
        ASSERT_STR(answer(&k, "dsk/3204", decision), "EARLY"); /* the superior's word is not here */
        if (decision != REFERRAL_DECISION_REDIRECTED)
            ASSERT_STR(answer(&k, DSP, decision), "ILLEGAL SUPERIOR_MUST_DECIDE");
    }
    ASSERT_STR(redirect(&k, DSP, "nobody/known"), "ILLEGAL REDIRECT_TO_NOBODY");
    ASSERT_EQ(referral(&k)->state, REFERRAL_SUPERIOR_DECIDES);
    desk_deinit(&k);
}

/* A broker that saw none of the chain cannot count it, and the superior's may be one of them. */
TEST(the_superiors_word_counts_where_the_chain_is_not_known) {
    enum { ELSEWHERE, HERE, KNOWN, PART, WAYS };
    for (int way = 0; way < WAYS; way++) {
        Desk k;
        Item parent;
        start(&k, HOME);
        (void)redirect(&k, HOME, "upt/satria");
        parent = *referral(&k);
        if (way == PART) { /* the one before is known, but not the one before that */
            ask(&k, DSK, "upt/satria", REFERRAL_KIND_INTER_AGENCY)->request.parent_referral_id =
                parent.id;
            (void)referral_says(&k);
            (void)redirect(&k, "upt/satria", "dsk/3204");
            parent = *referral(&k);
        }
        ask(&k, DSK, "dsk/3204", REFERRAL_KIND_INTER_AGENCY)->request.parent_referral_id =
            parent.id;
        k.touched.parent = way == KNOWN || way == PART ? &parent : NULL;
        ASSERT_STR(referral_says(&k), "APPLIED NONE>SUBMITTED");
        (void)answer(&k, "dsk/3204", REFERRAL_DECISION_ACCEPTED);
        ASSERT_STR(redirect(&k, "min/rehsos", "upt/satria"), "ILLEGAL NOT_THE_TARGET");
        if (way == KNOWN) {
            ASSERT_STR(redirect(&k, DSP, "upt/satria"), "ILLEGAL NOT_THE_TARGET");
        } else if (way == HERE) { /* it may take what it has taken */
            ASSERT_STR(redirect(&k, DSP, "dsk/3204"), "APPLIED ACCEPTED>ACCEPTED");
            ASSERT_TRUE(referral(&k)->referral.superior_decided);
        } else {
            ASSERT_STR(redirect(&k, DSP, "upt/satria"), "APPLIED ACCEPTED>REDIRECTED");
            ASSERT_STR(referral(&k)->referral.redirect_to, "upt/satria");
            ASSERT_TRUE(!referral_awaits_superior(k.d, referral(&k), DSP));
        }
        desk_deinit(&k);
    }
}

TEST(the_superior_tells_the_target_to_take_it) {
    for (int collected = 0; collected < 2; collected++) {
        Desk k;
        Item parent;
        send_three_times(&k, &parent);
        if (collected)
            ASSERT_TRUE(story_collected(&k.ctx, referral(&k), "dsk/3204", k.now_ms));
        ASSERT_STR(redirect(&k, DSP, "dsk/3204"), collected ? "APPLIED SUPERIOR_DECIDES>DELIVERED"
                                                            : "APPLIED SUPERIOR_DECIDES>SUBMITTED");
        ASSERT_TRUE(referral(&k)->referral.superior_decided);
        ASSERT_STR(referral(&k)->owes, "dsk/3204");
        ASSERT_TRUE(!item_timer(referral(&k), TIMER_SUPERIOR));
        ASSERT_EQ(item_timer(referral(&k), TIMER_ANSWER)->due_ms, k.now_ms + 5 * DAY_MS);

        /* The target's own redirect is not the superior's: it is asked again. */
        (void)redirect(&k, "dsk/3204", "upt/phala-martha");
        ASSERT_STR(refer_on(&k, &parent, "upt/phala-martha"), "APPLIED NONE>SUPERIOR_DECIDES");
        desk_deinit(&k);
    }
}

TEST(the_superior_names_another_one_and_no_guard_holds_that_up) {
    Desk k;
    Item parent;
    send_three_times(&k, &parent);
    ASSERT_STR(redirect(&k, DSP, HOME), "APPLIED SUPERIOR_DECIDES>REDIRECTED");
    const Item decided = *referral(&k);
    ASSERT_STR(refer_on(&k, &parent, HOME), "APPLIED NONE>SUBMITTED"); /* though it had it before */
    ASSERT_TRUE(referral(&k)->referral.superior_decided);
    ASSERT_EQ(referral(&k)->referral.redirect_count, 4);
    *referral(&k) = decided;
    ASSERT_STR(refer_on(&k, &parent, "upt/phala-martha"), "APPLIED NONE>SUPERIOR_DECIDES");
    desk_deinit(&k);
}

TEST(the_requester_may_cancel_while_the_superior_decides) {
    Desk k;
    Item parent;
    send_three_times(&k, &parent);
    const Item asked = *referral(&k);
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_SUPPLEMENT, DOCUMENT_TYPE_OTHER),
               "APPLIED SUPERIOR_DECIDES>SUPERIOR_DECIDES");
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_CANCEL, 0), "APPLIED SUPERIOR_DECIDES>CANCELLED");
    *referral(&k) = asked;
    ASSERT_STR(update(&k, DSK, REFERRAL_ACTION_WITHDRAW, 0), "APPLIED SUPERIOR_DECIDES>CANCELLED");
    desk_deinit(&k);
}

TEST(a_superior_that_is_silent_is_told_and_then_its_own) {
    Desk k;
    Item parent;
    send_three_times(&k, &parent);
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_SUPERIOR), DSP " " DSK);
    ASSERT_STR(desk_fires(&k, ITEM_REFERRAL, TIMER_SUPERIOR), DSP " min/rehsos " DSK);
    ASSERT_EQ(referral(&k)->state, REFERRAL_SUPERIOR_DECIDES);
    desk_deinit(&k);
}

/* --- superiors --- */

TEST(superiors_come_from_the_directory_or_by_law) {
    Directory *d = desk_directory();
    ASSERT_STR(superior_of(d, "min/anak"), "min/rehsos"); /* as the directory says */
    ASSERT_STR(superior_of(d, "pks/3203052001"), DSK);
    ASSERT_STR(superior_of(d, "lks/3306/0001"), "dsk/3306");
    ASSERT_STR(superior_of(d, DSK), DSP);
    ASSERT_STR(superior_of(d, HOME), DSP);
    ASSERT_STR(superior_of(d, DSP), "min/rehsos");
    ASSERT_STR(superior_of(d, "upt/satria"), "min/rehsos");
    ASSERT_STR(superior_of(d, "min/rehsos"), "");
    ASSERT_STR(superior_of(d, "nobody/known"), "");
    ASSERT_STR(superior_of(d, ""), "");
    ASSERT_STR(superior_above(d, DSK, 0), DSK);
    ASSERT_STR(superior_above(d, DSK, 2), "min/rehsos");
    ASSERT_STR(superior_above(d, DSK, 99), "min/rehsos");
    ASSERT_STR(common_superior(d, DSK, "dsk/3204"), DSP);
    ASSERT_STR(common_superior(d, "pks/3203052001", "dsk/3204"), DSP);
    ASSERT_STR(common_superior(d, DSK, "dsk/3302"), "min/rehsos");
    ASSERT_STR(common_superior(d, DSK, DSP), "min/rehsos"); /* no judge in its own cause */
    ASSERT_STR(common_superior(d, DSP, DSK), "min/rehsos");
    ASSERT_STR(common_superior(d, DSK, DSK), DSP);
    ASSERT_STR(common_superior(d, DSK, "nobody/known"), "");
    ASSERT_STR(common_superior(d, "min/rehsos", DSK), "");
    directory_unref(d);
}

TEST(a_circle_of_superiors_ends_and_the_inactive_are_passed_over) {
    Directory *d = sample_unsealed();
    DirNode a = sample_node("lks/a", NODE_LKS, "hub"), b = sample_node("lks/b", NODE_LKS, "hub");
    DirNode below = sample_node("pks/3203052009", NODE_PUSKESOS, "hub");
    (void)text_copy(a.parent, sizeof(a.parent), "lks/b");
    (void)text_copy(b.parent, sizeof(b.parent), "lks/a");
    (void)text_copy(below.parent, sizeof(below.parent), "dsk/3299"); /* closed */
    sample_add(d, &a);
    sample_add(d, &b);
    sample_add(d, &below);
    ASSERT_OK(directory_seal(d, 1));
    ASSERT_STR(superior_of(d, "lks/a"), "lks/b");
    ASSERT_STR(common_superior(d, "lks/a", DSK), "");
    (void)superior_above(d, "lks/a", UINT32_MAX);
    ASSERT_STR(superior_of(d, "pks/3203052009"), DSP);
    directory_unref(d);
}

/* --- transfers of a case (M45) --- */

static void transfer(Desk *k) {
    Facts *f = desk_act(k, KIND_CASE_TRANSFER, "upt/satria");
    (void)desk_item(k, ITEM_REFERRAL);
    (void)text_copy(k->act.target, sizeof(k->act.target), "upt/phala-martha");
    (void)text_copy(f->transfer.to_node, sizeof(f->transfer.to_node), "upt/phala-martha");
    ASSERT_STR(referral_says(k), "APPLIED NONE>SUBMITTED");
    ASSERT_TRUE(referral(k)->referral.transfer);
}

TEST(a_transfer_moves_at_its_acceptance_and_never_before) {
    Desk k;
    desk_init(&k);
    transfer(&k);
    ASSERT_STR(referral(&k)->custodian, "upt/satria");
    (void)story_collected(&k.ctx, referral(&k), "upt/phala-martha", k.now_ms);
    ASSERT_STR(referral(&k)->custodian, "upt/satria");
    (void)answer(&k, "upt/phala-martha", REFERRAL_DECISION_RECEIVED);
    ASSERT_STR(referral(&k)->custodian, "upt/satria");
    ASSERT_STR(hand_over(&k, "upt/phala-martha", 0, 0), "ILLEGAL WRONG_STATE");
    ASSERT_STR(answer(&k, "upt/phala-martha", REFERRAL_DECISION_ACCEPTED),
               "APPLIED RECEIVED>COMPLETED");
    ASSERT_STR(referral(&k)->custodian, "upt/phala-martha");
    ASSERT_STR(open_case(&k, "upt/phala-martha"), "APPLIED COMPLETED>COMPLETED");
    desk_deinit(&k);
}

TEST(a_transfer_that_is_declined_or_cancelled_stays) {
    Desk k;
    desk_init(&k);
    transfer(&k);
    (void)answer(&k, "upt/phala-martha", REFERRAL_DECISION_DECLINED);
    ASSERT_STR(referral(&k)->custodian, "upt/satria");
    transfer(&k);
    (void)answer(&k, "upt/phala-martha", REFERRAL_DECISION_RECEIVED);
    (void)update(&k, "upt/satria", REFERRAL_ACTION_CANCEL, 0);
    (void)answer(&k, "upt/phala-martha", REFERRAL_DECISION_CANCEL_CONFIRMED);
    ASSERT_STR(referral(&k)->custodian, "upt/satria");
    desk_deinit(&k);
}

TEST_MAIN

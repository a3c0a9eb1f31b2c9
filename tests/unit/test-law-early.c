/* SPDX-License-Identifier: Apache-2.0 */

/* Acts that come before what they follow from: held, and done in order when it comes. */

#include "test.h"

#include "law-fixture.h"

#define FAR "upt/satria"

static const Uuid the_case = { { 0xc } };

/* The request that is missing comes over its link; until then only its id is known. */
static Message *missing_request(Fixture *f) {
    Message *m = request(f, REMOTE, DSP);
    text_copy(m->env.region, REGION_SIZE, "3302");
    return m;
}

static Message *answer(Fixture *f, const Uuid *of, int decision) {
    return response(f, of, DSP, REMOTE, decision);
}

/* --- held and released ---------------------------------------------------------------------- */

TEST(early_acts_are_held_and_done_in_order_when_the_missing_one_comes) {
    LAW_FIXTURE(f);
    Message *late = missing_request(&f);
    const Uuid id = late->env.message_id;
    ASSERT_STR(says(&f, answer(&f, &id, REFERRAL_DECISION_RECEIVED)),
               "ACCEPTED (HELD_EARLY referral)");
    ASSERT_STR(says(&f, answer(&f, &id, REFERRAL_DECISION_WAITLISTED)),
               "ACCEPTED (HELD_EARLY referral)");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "NONE, 2 held");
    fixture_reopen(&f);
    ASSERT_STR(says(&f, answer(&f, &id, REFERRAL_DECISION_ACCEPTED)),
               "ACCEPTED (HELD_EARLY referral)");
    fixture_crash(&f);
    assert_lawful(&f);
    ASSERT_STR(says(&f, late), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "ACCEPTED by dsp/32 of dsk/3302");
    ASSERT_EQ(number(&f, "SELECT count(*) FROM held"), 0);
    StoreOp *op = ask_item(&f, "", "item-history", ITEM_REFERRAL, &id);
    ASSERT_STR(column(op, "step"), "held held held applied applied applied applied");
    ASSERT_STR(cell(op, 6, "from"), "WAITLISTED");
    store_op_free(op);
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_REFERRAL, &id, &i));
    ASSERT_EQ(i.n_acts, 4);
    ASSERT_EQ(i.n_early, 0);
    assert_lawful(&f);
}

/* Each that is done may be what the next one waited for, whatever the order they came in. */
TEST(what_was_held_the_wrong_way_round_is_done_the_right_way) {
    LAW_FIXTURE(f);
    Message *late = complaint(&f, "cc/171", SENDER);
    const Uuid id = late->env.message_id;
    const struct {
        const char *by, *assignee;
        int action;
    } backwards[] = { { SENDER, "", COMPLAINT_ACTION_CLOSE },
                      { HOME, "", COMPLAINT_ACTION_RESOLVE },
                      { HOME, "", COMPLAINT_ACTION_PROGRESS },
                      { SENDER, HOME, COMPLAINT_ACTION_ASSIGN } };
    for (size_t k = 0; k < ARRAY_SIZE(backwards); k++)
        ASSERT_STR(says(&f, complaint_step(&f, &id, backwards[k].by, "cc/171", backwards[k].action,
                                           backwards[k].assignee)),
                   "ACCEPTED (HELD_EARLY complaint)");
    ASSERT_STR(says(&f, late), "ACCEPTED");
    /* CLOSE by the holder of what nobody has worked on is illegal by then, and was so first. */
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RESOLVED by dsk/3203 of dsk/3203, flagged");
    ASSERT_EQ(number(&f, "SELECT count(*) FROM held"), 0);
    assert_lawful(&f);
}

TEST(a_held_yes_to_a_transfer_moves_the_case_as_well) {
    LAW_FIXTURE(f);
    ASSERT_STR(says(&f, opening(&f, FAR, DSP)), "ACCEPTED");
    Message *transfer = letter(&f, KIND_CASE_TRANSFER, FAR, SELF);
    const Uuid id = transfer->env.message_id;
    transfer->facts.transfer.stage = 1;
    text_copy(transfer->facts.transfer.to_node, NODE_NAME_SIZE, SELF);
    Message *yes = response(&f, &id, SELF, FAR, REFERRAL_DECISION_ACCEPTED);
    ASSERT_STR(says(&f, yes), "ACCEPTED (HELD_EARLY referral)");
    ASSERT_STANDS(&f, ITEM_CASE, &the_case, "STAGE_1 by upt/satria of upt/satria");
    assert_lawful(&f);
    ASSERT_STR(says(&f, transfer), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "COMPLETED of upt/phala-martha");
    ASSERT_STANDS(&f, ITEM_CASE, &the_case, "TRANSFERRED by upt/phala-martha of upt/phala-martha");
    ASSERT_STR(says(&f, stage(&f, SELF, DSP, 2, STAGE_PHASE_STARTED)), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_CASE, &the_case, "STAGE_2 by upt/phala-martha of upt/phala-martha");
    assert_lawful(&f);
}

/* --- what comes of it ----------------------------------------------------------------------- */

TEST(what_was_held_and_turns_out_illegal_is_told_to_who_said_it) {
    LAW_FIXTURE(f);
    Message *late = request(&f, SENDER, DSP);
    const Uuid id = late->env.message_id;
    ASSERT_STR(says(&f, response(&f, &id, HOME, SENDER, REFERRAL_DECISION_ACCEPTED)),
               "ACCEPTED (HELD_EARLY referral)");
    ASSERT_STR(notices(&f), "");
    ASSERT_STR(says(&f, late), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3203, flagged");
    ASSERT_STR(notices(&f), "ILLEGAL_STEP to uptd/32/pa-02");
    ASSERT_EQ(number(&f, "SELECT count(*) FROM held"), 0);
    assert_lawful(&f);
}

TEST(an_item_holds_so_many_and_no_more) {
    LAW_FIXTURE(f);
    Message *late = missing_request(&f);
    const Uuid id = late->env.message_id;
    for (int i = 0; i < 70; i++) {
        const char *text = says(&f, answer(&f, &id, REFERRAL_DECISION_RECEIVED));
        ASSERT_STR(text, i < 64 ? "ACCEPTED (HELD_EARLY referral)"
                                : "ACCEPTED (ILLEGAL_STEP TOO_MANY_HELD)");
    }
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "NONE, 64 held, flagged");
    ASSERT_STR(says(&f, late), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "RECEIVED by dsp/32 of dsk/3302, flagged");
    assert_lawful(&f);
}

/* The newest ones too: no step of a long story is done twice. */
TEST(a_long_story_of_early_acts_is_told_once) {
    LAW_FIXTURE(f);
    ASSERT_STR(says(&f, opening(&f, SENDER, DSP)), "ACCEPTED");
    for (int i = 0; i < 50; i++) {
        Message *late = letter(&f, KIND_DTKS_PROPOSAL, SENDER, DSP);
        late->env.case_id.b[1] = 0;
        const Uuid id = late->env.message_id;
        Message *result = letter(&f, KIND_DTKS_RESULT, "min/rehsos", SENDER);
        result->facts.proposal_result.proposal_id = id;
        result->facts.proposal_result.result = DTKS_OUTCOME_RECEIVED;
        ASSERT_STR(says(&f, result), "ACCEPTED");
        ASSERT_STANDS(&f, ITEM_PROPOSAL, &id, "NONE, 1 held");
        ASSERT_STR(says(&f, late), "ACCEPTED");
        ASSERT_STANDS(&f, ITEM_PROPOSAL, &id, "RECEIVED by dsp/32 of dsp/32");
    }
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_CASE, &the_case, &i));
    ASSERT_EQ(i.n_early, 0);
    ASSERT_TRUE(!i.flagged);
    assert_lawful(&f);
}

TEST_MAIN

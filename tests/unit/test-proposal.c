/* SPDX-License-Identifier: Apache-2.0 */

#include "test.h"

#include "machine-fixture.h"

#define UPT    "upt/phala-martha"
#define DSK    "dsk/3203"
#define BRIDGE "int/data-terpadu"

static void propose(Desk *k, const char *actor) {
    desk_act(k, KIND_DTKS_PROPOSAL, actor)->proposal.reason =
        DTKS_REASON_SERVICE_RECIPIENT_NOT_LISTED;
    (void)text_copy(k->act.target, NODE_NAME_SIZE, DSK);
}

static void answer(Desk *k, const char *actor, int result) {
    desk_act(k, KIND_DTKS_RESULT, actor)->proposal_result.result = (uint8_t)result;
}

static const char *says(Desk *k) {
    return desk_says(k, ITEM_PROPOSAL);
}

static Item *proposed(Desk *k) {
    Item *i = desk_item(k, ITEM_PROPOSAL);
    propose(k, UPT);
    ASSERT_STR(says(k), "APPLIED NONE>PROPOSED");
    return i;
}

static int state_of(int result) {
    static const int states[] = { 0,
                                  PROPOSAL_RECEIVED,
                                  PROPOSAL_VERIFIED,
                                  PROPOSAL_RATIFIED,
                                  PROPOSAL_LISTED,
                                  PROPOSAL_REJECTED };
    return states[result];
}

#define DESK                                                                                       \
    Desk k;                                                                                        \
    desk_init(&k)

TEST(a_proposal_lies_with_whom_it_was_sent_to) {
    DESK;
    Item *i = proposed(&k);
    ASSERT_STR(i->proposal.proposer, UPT);
    ASSERT_STR(i->custodian, DSK);
    ASSERT_STR(i->owes, DSK);
    ASSERT_STR(i->keeper, UPT);
    ASSERT_EQ(i->proposal.reason, DTKS_REASON_SERVICE_RECIPIENT_NOT_LISTED);
    propose(&k, UPT);
    ASSERT_STR(says(&k), "ILLEGAL ALREADY_PROPOSED");
    desk_item(&k, ITEM_PROPOSAL);
    propose(&k, UPT);
    k.act.target[0] = '\0';
    (void)says(&k);
    ASSERT_STR(i->custodian, UPT);
    desk_deinit(&k);
}

TEST(it_is_received_verified_ratified_and_listed) {
    DESK;
    Item *i = proposed(&k);
    answer(&k, DSK, DTKS_OUTCOME_RECEIVED);
    ASSERT_STR(says(&k), "APPLIED PROPOSED>RECEIVED");
    answer(&k, BRIDGE, DTKS_OUTCOME_VERIFIED);
    ASSERT_STR(says(&k), "APPLIED RECEIVED>VERIFIED");
    answer(&k, "min/rehsos", DTKS_OUTCOME_RATIFIED);
    ASSERT_STR(says(&k), "APPLIED VERIFIED>RATIFIED");
    answer(&k, BRIDGE, DTKS_OUTCOME_RATIFIED);
    ASSERT_STR(says(&k), "APPLIED RATIFIED>RATIFIED");
    answer(&k, BRIDGE, DTKS_OUTCOME_LISTED);
    ASSERT_STR(says(&k), "APPLIED RATIFIED>LISTED");
    ASSERT_TRUE(i->final);
    ASSERT_STR(i->owes, "");
    answer(&k, BRIDGE, DTKS_OUTCOME_REJECTED);
    ASSERT_STR(says(&k), "ILLEGAL ALREADY_LISTED");
    propose(&k, UPT);
    ASSERT_STR(says(&k), "ILLEGAL ALREADY_LISTED");
    desk_deinit(&k);
}

TEST(a_rejected_one_is_proposed_again) {
    DESK;
    Item *i = proposed(&k);
    answer(&k, BRIDGE, DTKS_OUTCOME_REJECTED);
    ASSERT_STR(says(&k), "APPLIED PROPOSED>REJECTED");
    ASSERT_TRUE(!i->final);
    ASSERT_STR(i->owes, UPT);
    ASSERT_STR(i->custodian, UPT);
    answer(&k, BRIDGE, DTKS_OUTCOME_LISTED);
    ASSERT_STR(says(&k), "ILLEGAL ALREADY_REJECTED");
    propose(&k, DSK);
    ASSERT_STR(says(&k), "APPLIED REJECTED>PROPOSED");
    ASSERT_STR(i->proposal.proposer, DSK);
    ASSERT_STR(i->keeper, UPT);
    desk_deinit(&k);
}

/* Every pair: forward with skips, never back. */
TEST(the_register_may_answer_late_but_takes_nothing_back) {
    for (int from = DTKS_OUTCOME_RECEIVED; from <= DTKS_OUTCOME_REJECTED; from++)
        for (int to = DTKS_OUTCOME_RECEIVED; to <= DTKS_OUTCOME_REJECTED; to++) {
            DESK;
            Item *i = proposed(&k);
            answer(&k, BRIDGE, from);
            (void)says(&k);
            ASSERT_EQ(i->state, state_of(from));
            const bool may = from < DTKS_OUTCOME_LISTED ? to >= from : to == from;
            answer(&k, BRIDGE, to);
            (void)says(&k);
            ASSERT_EQ(k.steps[ITEM_PROPOSAL].verdict, may ? STEP_APPLIED : STEP_ILLEGAL);
            ASSERT_EQ(i->state, state_of(may ? to : from));
            desk_deinit(&k);
        }
}

TEST(only_the_register_answers_and_only_to_what_was_proposed) {
    DESK;
    Item *i = desk_item(&k, ITEM_PROPOSAL);
    answer(&k, BRIDGE, DTKS_OUTCOME_LISTED);
    ASSERT_STR(says(&k), "EARLY");
    proposed(&k);
    answer(&k, UPT, DTKS_OUTCOME_LISTED);
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    answer(&k, "no/such", DTKS_OUTCOME_LISTED);
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    answer(&k, "dsk/3302", DTKS_OUTCOME_LISTED); /* of another province, and not asked */
    ASSERT_STR(says(&k), "ILLEGAL NOT_AUTHORISED");
    answer(&k, BRIDGE, 0);
    ASSERT_STR(says(&k), "ILLEGAL UNKNOWN_RESULT");
    answer(&k, BRIDGE, DTKS_OUTCOME_REJECTED + 1);
    ASSERT_STR(says(&k), "ILLEGAL UNKNOWN_RESULT");
    answer(&k, BRIDGE, DTKS_OUTCOME_LISTED);
    k.act.status = MESSAGE_STATUS_TEST;
    ASSERT_STR(says(&k), "ILLEGAL ONLY_AN_EXERCISE");
    desk_act(&k, KIND_CASE_OPENED, UPT);
    ASSERT_STR(says(&k), "NONE");
    ASSERT_EQ(i->state, PROPOSAL_PROPOSED);
    desk_deinit(&k);
}

TEST(no_sequence_of_acts_breaks_a_proposal) {
    static const char *const actors[] = { UPT, DSK, BRIDGE, "min/rehsos", "no/such" };
    DESK;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t dice = seed;
        Item *i = desk_item(&k, ITEM_PROPOSAL);
        for (int n = 0; n < 30; n++) {
            const char *actor = actors[desk_random(&dice, ARRAY_SIZE(actors))];
            if (desk_random(&dice, 4) == 0)
                propose(&k, actor);
            else if (desk_random(&dice, 8) == 0)
                desk_act(&k, (int)desk_random(&dice, 93), actor);
            else
                answer(&k, actor, (int)desk_random(&dice, 8));
            const Item before = *i;
            (void)says(&k);
            assert_in_range(i->state, PROPOSAL_NONE, PROPOSAL_LISTED);
            ASSERT_EQ(i->final, i->state == PROPOSAL_LISTED);
            ASSERT_TRUE(!before.final || i->final);
            ASSERT_EQ(i->owes[0] != '\0', i->state != PROPOSAL_NONE && !i->final);
            ASSERT_TRUE(i->state == PROPOSAL_NONE || i->custodian[0] != '\0');
        }
    }
    desk_deinit(&k);
}

TEST_MAIN

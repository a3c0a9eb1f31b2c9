/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A proposal for the register of social data (usulan masuk data terpadu, P7 Pasal 43 ayat (2)).
 * That one is due is the case's timer. The register may answer late, so steps may be skipped, but
 * never taken back; a rejected one is proposed again (by a message of its own, a new proposal).
 */

#include <string.h>

#include "base/text.h"
#include "law/guards.h"
#include "law/machine.h"

/* It lies with `node` now. */
static void lies_with(Item *i, const char *node) {
    (void)text_copy(i->custodian, sizeof(i->custodian), node);
    (void)text_copy(i->owes, sizeof(i->owes), node);
}

static Step on_proposed(const LawContext *ctx, const Act *a, Item *i) {
    Proposal *p = &i->proposal;
    if (i->state == PROPOSAL_LISTED)
        return step_illegal(i, "ALREADY_LISTED");
    if (i->state != PROPOSAL_NONE && i->state != PROPOSAL_REJECTED)
        return step_illegal(i, "ALREADY_PROPOSED");
    if (i->state == PROPOSAL_NONE)
        item_open(ctx, i, a);
    (void)text_copy(p->proposer, sizeof(p->proposer), act_actor(ctx, a));
    p->reason = a->facts->proposal.reason;
    lies_with(i, a->target[0] != '\0' ? a->target : p->proposer);
    return step_to(i, a, PROPOSAL_PROPOSED);
}

static int state_of_result(int result) {
    switch (result) {
    case DTKS_OUTCOME_RECEIVED:
        return PROPOSAL_RECEIVED;
    case DTKS_OUTCOME_VERIFIED:
        return PROPOSAL_VERIFIED;
    case DTKS_OUTCOME_RATIFIED:
        return PROPOSAL_RATIFIED;
    case DTKS_OUTCOME_LISTED:
        return PROPOSAL_LISTED;
    case DTKS_OUTCOME_REJECTED:
        return PROPOSAL_REJECTED;
    default:
        return PROPOSAL_NONE;
    }
}

/* The states stand in the order they are reached in; LISTED ends, REJECTED waits for a new M50. */
static const char *result_is_barred(const LawContext *ctx, const Act *a, const Item *i, int to) {
    if (to == PROPOSAL_NONE)
        return "UNKNOWN_RESULT";
    const bool asked = strcmp(i->custodian, act_actor(ctx, a)) == 0;
    if (!guard_answers_for_register(ctx->directory, a->actor, asked ? "" : i->region))
        return "NOT_AUTHORISED";
    if (i->state == PROPOSAL_LISTED && to != PROPOSAL_LISTED)
        return "ALREADY_LISTED";
    if (i->state == PROPOSAL_REJECTED && to != PROPOSAL_REJECTED)
        return "ALREADY_REJECTED";
    return to < i->state ? "BACKWARDS" : NULL;
}

static Step on_result(const LawContext *ctx, const Act *a, Item *i) {
    const int to = state_of_result(a->facts->proposal_result.result);
    if (i->state == PROPOSAL_NONE)
        return step_verdict(i, STEP_EARLY);
    const char *why = result_is_barred(ctx, a, i, to);
    if (why)
        return step_illegal(i, why);
    const Step step = step_to(i, a, to);
    if (to == PROPOSAL_REJECTED)
        lies_with(i, i->proposal.proposer);
    if (to == PROPOSAL_LISTED)
        item_close(i, to);
    return step;
}

void proposal_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret) {
    Item *item = items->of[ITEM_PROPOSAL];
    if (item->state != PROPOSAL_NONE && act_is_only_exercise(item, a))
        *ret = step_illegal(item, "ONLY_AN_EXERCISE");
    else if (a->kind == KIND_DTKS_PROPOSAL)
        *ret = on_proposed(ctx, a, item);
    else if (a->kind == KIND_DTKS_RESULT)
        *ret = on_result(ctx, a, item);
    else
        *ret = step_verdict(item, STEP_NONE);
}

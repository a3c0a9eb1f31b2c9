/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A referral (rujukan, domain 5; P4 Pasal 11-19, P7 Pasal 31), or the transfer of a case between
 * Serasi nodes (M45). What the texts leave open is decided so:
 *
 * - Custody. The requester answers for the person until PLACED (P4 Pasal 13 ayat (3), domain A-07),
 *   or, where there is no placement, until the receiver opens the case. A transfer moves at its
 *   acceptance, which also ends it.
 * - RECEIVED says that a person has it, not what will come of it: the clock of the answer runs on.
 *   WAITLISTED is an answer, but no decision: the clock starts again, from the day a place is free.
 *   Documents that were asked for stop it; when they come, it starts again.
 * - After NEEDS_DOCUMENTS a yes waits for the documents (it is early); a no does not.
 * - Who answers while a cancellation is pending crossed it on the way: the answer counts, and the
 *   question stays. A no or a placement settles the question.
 * - The common superior's REDIRECTED with the target itself in redirect_to means: you take it. When
 *   the target then sends it on all the same, the superior has to decide again.
 */

#include <string.h>

#include "base/text.h"
#include "law/referral-internal.h"

static bool is_before_acceptance(int state) {
    return state >= REFERRAL_SUBMITTED && state <= REFERRAL_WAITLISTED;
}

/* --- states --- */

static const char *owing(const Item *item, int state) {
    switch (state) {
    case REFERRAL_NEEDS_DOCUMENTS:
    case REFERRAL_PLACED_PROVISIONAL:
        return item->referral.requester;
    case REFERRAL_PLACED:
        return item->custodian;
    default:
        return item->referral.target;
    }
}

void referral_set_state(Item *item, int state) {
    item->state = state;
    (void)text_copy(item->owes, sizeof(item->owes), owing(item, state));
}

Step referral_go(const ReferralTurn *t, int state) {
    const Step step = step_to(t->item, t->a, state);
    referral_set_state(t->item, state);
    return step;
}

Step referral_end(const ReferralTurn *t, int state) {
    const Step step = step_to(t->item, t->a, state);
    item_close(t->item, state);
    return step;
}

/* --- answers (M02) --- */

static bool redirect_is_valid(const ReferralTurn *t) {
    const DirNode *n = directory_node(t->ctx->directory, t->facts->response.redirect_to);
    return n && !n->inactive;
}

/* Where to go instead is the requester's to confirm, with a referral of its own. */
static Step sent_on(const ReferralTurn *t, int state) {
    (void)text_copy(t->r->redirect_to, sizeof(t->r->redirect_to), t->facts->response.redirect_to);
    t->r->sent_on_by = t->a->message_id;
    return referral_end(t, state);
}

static Step on_superior(const ReferralTurn *t) {
    const char *to = t->facts->response.redirect_to;
    if (t->facts->response.decision != REFERRAL_DECISION_REDIRECTED)
        return referral_illegal(t, "SUPERIOR_MUST_DECIDE");
    if (!redirect_is_valid(t))
        return referral_illegal(t, "REDIRECT_TO_NOBODY");
    t->r->superior_decided = true;
    if (strcmp(to, t->r->target) != 0)
        return sent_on(t, REFERRAL_REDIRECTED);
    if (t->item->state != REFERRAL_SUPERIOR_DECIDES) /* the target has gone on meanwhile */
        return step_to(t->item, t->a, t->item->state);
    item_timer_stop(t->item, TIMER_SUPERIOR);
    const Step step = referral_go(t, t->r->reached);
    referral_start_answer(t, t->a->at_ms);
    return step;
}

static Step on_needs_documents(const ReferralTurn *t) {
    if (!t->facts->response.missing)
        return referral_illegal(t, "NOTHING_ASKED_FOR");
    t->r->missing = t->facts->response.missing;
    const Step step = referral_go(t, REFERRAL_NEEDS_DOCUMENTS);
    item_timer_stop(t->item, TIMER_ANSWER);
    item_timer_start(t->ctx, t->item, TIMER_SUPPLEMENT, t->a->at_ms);
    return step;
}

static Step on_waitlisted(const ReferralTurn *t) {
    const CivilDate free_on = t->facts->response.placement_from;
    int64_t from_ms = t->a->at_ms;
    if (civil_is_valid(free_on))
        from_ms = MAX(from_ms, timer_end_of_date(free_on, t->item->region));
    const Step step = referral_go(t, REFERRAL_WAITLISTED);
    referral_start_answer(t, from_ms);
    return step;
}

static Step on_accepted(const ReferralTurn *t) {
    item_timer_stop(t->item, TIMER_ANSWER);
    if (!t->r->transfer)
        return referral_go(t, REFERRAL_ACCEPTED);
    (void)text_copy(t->item->custodian, sizeof(t->item->custodian), t->r->target);
    return referral_end(t, REFERRAL_COMPLETED);
}

/* A final no of the target. */
static Step on_sent_on(const ReferralTurn *t, int state) {
    const char *to = t->facts->response.redirect_to;
    const bool named = to[0] != '\0';
    if ((named || state == REFERRAL_REDIRECTED) &&
        (!redirect_is_valid(t) || strcmp(to, t->r->target) == 0))
        return referral_illegal(t, "REDIRECT_TO_NOBODY");
    t->r->superior_decided = false; /* this is the target's own word */
    return sent_on(t, state);
}

/* A decision of the target on a referral that nobody has accepted yet. */
static Step on_decision(const ReferralTurn *t) {
    const int state = t->item->state, decision = t->facts->response.decision;
    const bool lacks_documents = state == REFERRAL_NEEDS_DOCUMENTS;
    if (!is_before_acceptance(state))
        return referral_illegal(t, "WRONG_STATE");
    switch (decision) {
    case REFERRAL_DECISION_RECEIVED:
        if (state > REFERRAL_RECEIVED)
            return referral_illegal(t, "WRONG_STATE");
        return referral_go(t, REFERRAL_RECEIVED);
    case REFERRAL_DECISION_NEEDS_DOCUMENTS:
        return on_needs_documents(t);
    case REFERRAL_DECISION_WAITLISTED:
        return lacks_documents ? referral_verdict(t, STEP_EARLY) : on_waitlisted(t);
    case REFERRAL_DECISION_ACCEPTED:
        return lacks_documents ? referral_verdict(t, STEP_EARLY) : on_accepted(t);
    case REFERRAL_DECISION_DECLINED:
        return referral_end(t, REFERRAL_DECLINED);
    case REFERRAL_DECISION_REDIRECTED:
        return on_sent_on(t, REFERRAL_REDIRECTED);
    case REFERRAL_DECISION_NOT_OUR_AUTHORITY:
        return on_sent_on(t, REFERRAL_NOT_OUR_AUTHORITY);
    default:
        return referral_illegal(t, "UNKNOWN_STEP");
    }
}

/* Is it an answer to a cancellation, which may still be on its way here? */
static bool is_cancel_answer(int decision) {
    return decision == REFERRAL_DECISION_CANCEL_CONFIRMED ||
           decision == REFERRAL_DECISION_CANCEL_REFUSED;
}

/* A broker that has only a copy may not know whom a role was resolved to: who answers is it. */
static void learn_target(const ReferralTurn *t) {
    if (t->r->target[0] || referral_actor_is(t, t->r->requester))
        return;
    (void)text_copy(t->r->target, sizeof(t->r->target), t->actor);
    referral_set_state(t->item, t->item->state);
}

static Step on_answer(const ReferralTurn *t) {
    const int decision = t->facts->response.decision;
    learn_target(t);
    if (referral_awaits_superior(t->ctx->directory, t->item, t->actor))
        return on_superior(t);
    if (!referral_actor_is(t, t->r->target))
        return referral_illegal(t, "NOT_THE_TARGET");
    if (t->item->state == REFERRAL_SUPERIOR_DECIDES || is_cancel_answer(decision))
        return referral_verdict(t, STEP_EARLY);
    /* Whoever answers has it, but only RECEIVED says that a person has. */
    if (decision == REFERRAL_DECISION_RECEIVED)
        t->r->reached = REFERRAL_RECEIVED;
    else if (t->r->reached == REFERRAL_SUBMITTED)
        t->r->reached = REFERRAL_DELIVERED;
    return on_decision(t);
}

/* --- the requester's updates (M03) --- */

static Step on_supplement(const ReferralTurn *t) {
    const Codes came = documents_present(&t->facts->update.documents);
    t->r->documents |= came;
    t->r->missing &= ~came;
    referral_watch_documents(t);
    if (t->item->state == REFERRAL_PLACED_PROVISIONAL)
        return referral_supplement_placed(t);
    if (t->item->state != REFERRAL_NEEDS_DOCUMENTS || !came)
        return step_to(t->item, t->a, t->item->state);
    item_timer_stop(t->item, TIMER_SUPPLEMENT);
    const Step step = referral_go(t, t->r->reached);
    referral_start_answer(t, t->a->at_ms);
    return step;
}

/* At once while no person at the target has it, with the target's consent from then on. */
static Step on_cancel(const ReferralTurn *t) {
    const int state = t->item->state;
    if (state == REFERRAL_SUBMITTED || state == REFERRAL_DELIVERED ||
        state == REFERRAL_SUPERIOR_DECIDES)
        return referral_end(t, REFERRAL_CANCELLED);
    if (state == REFERRAL_PLACED)
        return referral_illegal(t, "ALREADY_PLACED");
    if (state == REFERRAL_CANCEL_REQUESTED)
        return referral_illegal(t, "WRONG_STATE");
    t->r->state_before_cancel = (uint8_t)state;
    const Step step = referral_go(t, REFERRAL_CANCEL_REQUESTED);
    item_timer_start(t->ctx, t->item, TIMER_CANCEL, t->a->at_ms);
    return step;
}

/* Consent taken back needs nobody's leave (UU 27/2022), but undoes no acceptance. */
static Step on_withdraw(const ReferralTurn *t) {
    const int state =
        t->item->state == REFERRAL_CANCEL_REQUESTED ? t->r->state_before_cancel : t->item->state;
    if (!is_before_acceptance(state) && state != REFERRAL_SUPERIOR_DECIDES)
        return referral_illegal(t, "ALREADY_ACCEPTED");
    return referral_end(t, REFERRAL_CANCELLED);
}

static Step on_update(const ReferralTurn *t) {
    if (!referral_actor_is(t, t->r->requester))
        return referral_illegal(t, "NOT_THE_REQUESTER");
    switch (t->facts->update.action) {
    case REFERRAL_ACTION_SUPPLEMENT:
        return on_supplement(t);
    case REFERRAL_ACTION_CANCEL:
        return on_cancel(t);
    case REFERRAL_ACTION_WITHDRAW:
        return on_withdraw(t);
    default:
        return referral_illegal(t, "UNKNOWN_STEP");
    }
}

/* --- a pending cancellation --- */

static Step step_of_kind(const ReferralTurn *t) {
    switch (t->a->kind) {
    case KIND_REFERRAL_RESPONSE:
        return on_answer(t);
    case KIND_REFERRAL_UPDATE:
        return on_update(t);
    case KIND_HANDOVER_MINUTES:
        return referral_on_handover(t);
    case KIND_FAMILY_FOLLOW_UP:
        return referral_on_follow_up(t);
    case KIND_CASE_OPENED:
        return referral_on_case_opened(t);
    case KIND_REFERRAL_REQUEST:
    case KIND_CASE_TRANSFER:
        return referral_illegal(t, "WRONG_STATE"); /* it is open already */
    default:
        return referral_verdict(t, STEP_NONE);
    }
}

static Step on_cancel_answer(const ReferralTurn *t) {
    if (!referral_actor_is(t, t->r->target))
        return referral_illegal(t, "NOT_THE_TARGET");
    if (t->facts->response.decision == REFERRAL_DECISION_CANCEL_CONFIRMED)
        return referral_end(t, REFERRAL_CANCELLED);
    item_timer_stop(t->item, TIMER_CANCEL);
    return referral_go(t, t->r->state_before_cancel);
}

/* What crossed the cancellation is done to the state before it. */
static Step under_cancel(const ReferralTurn *t) {
    Item *item = t->item;
    if (t->a->kind == KIND_REFERRAL_RESPONSE && is_cancel_answer(t->facts->response.decision))
        return on_cancel_answer(t);
    if (t->a->kind == KIND_REFERRAL_UPDATE && t->facts->update.action != REFERRAL_ACTION_SUPPLEMENT)
        return on_update(t);
    item->state = t->r->state_before_cancel;
    const Step step = step_of_kind(t);
    if (step.verdict != STEP_APPLIED || item->final)
        return step;
    if (t->a->kind == KIND_HANDOVER_MINUTES || item->state == REFERRAL_PLACED) {
        item_timer_stop(item, TIMER_CANCEL);
        return step;
    }
    t->r->state_before_cancel = (uint8_t)item->state;
    return referral_go(t, REFERRAL_CANCEL_REQUESTED);
}

/* --- dispatch --- */

static Step on_unopened(const ReferralTurn *t) {
    switch (t->a->kind) {
    case KIND_REFERRAL_REQUEST:
    case KIND_CASE_TRANSFER:
        return referral_on_opening(t);
    case KIND_REFERRAL_UPDATE: /* the request may come on another way */
    case KIND_REFERRAL_RESPONSE:
    case KIND_HANDOVER_MINUTES:
    case KIND_FAMILY_FOLLOW_UP:
    case KIND_CASE_OPENED:
        return referral_verdict(t, STEP_EARLY);
    default:
        return referral_verdict(t, STEP_NONE);
    }
}

/* More visits than were owed, and the opening of a case that was taken over, are no mistakes: they
 * are put on record. */
static Step on_closed(const ReferralTurn *t) {
    const bool welcome = t->item->state == REFERRAL_COMPLETED &&
                         (t->a->kind == KIND_FAMILY_FOLLOW_UP || t->a->kind == KIND_CASE_OPENED);
    return welcome ? referral_verdict(t, STEP_APPLIED) : referral_illegal(t, "ALREADY_CLOSED");
}

void referral_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret) {
    Item *item = items->of[ITEM_REFERRAL];
    const ReferralTurn t = { .ctx = ctx,
                             .a = a,
                             .facts = a->facts,
                             .parent = items->parent,
                             .item = item,
                             .r = &item->referral,
                             .actor = act_actor(ctx, a) };
    if (item->state == REFERRAL_NONE)
        *ret = on_unopened(&t);
    else if (act_is_only_exercise(item, a))
        *ret = referral_illegal(&t, "ONLY_AN_EXERCISE");
    else if (item->final)
        *ret = on_closed(&t);
    else if (item->state == REFERRAL_CANCEL_REQUESTED)
        *ret = under_cancel(&t);
    else
        *ret = step_of_kind(&t);
}

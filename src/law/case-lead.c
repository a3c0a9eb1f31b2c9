/* SPDX-License-Identifier: Apache-2.0 */

/* Who leads a case, and how it moves to another provider. */

#include "law/case-internal.h"

void case_set_lead(const CaseTurn *t, const char *node) {
    (void)text_copy(t->c->provider, sizeof(t->c->provider), node);
    (void)text_copy(t->item->custodian, sizeof(t->item->custodian), node);
    (void)text_copy(t->item->owes, sizeof(t->item->owes), t->item->final ? "" : node);
}

void case_set_keeper(const CaseTurn *t) {
    (void)text_copy(t->item->keeper, sizeof(t->item->keeper), t->actor);
}

const char *case_stranger(const CaseTurn *t) {
    if (case_is_actor(t, t->c->provider))
        return NULL;
    return t->c->forward_to[0] != '\0' ? "TRANSFERRED_AWAY" : "NOT_THE_PROVIDER";
}

/* Referrals after which the receiver has the person. */
static bool moves_lead(const Referral *r) {
    switch (r->referral_kind) {
    case REFERRAL_KIND_TO_SOCIAL_HOME:
    case REFERRAL_KIND_TO_NATIONAL_UPT:
    case REFERRAL_KIND_EMERGENCY:
    case REFERRAL_KIND_ELDERLY_PROPOSAL:
    case REFERRAL_KIND_JUVENILE_JUSTICE:
    case REFERRAL_KIND_DRUG_MANDATORY_REPORT:
    case REFERRAL_KIND_BETWEEN_SERASI:
        return true;
    default:
        return false;
    }
}

/* COMPLETED only by this very act: who gave the case on does not take it back. */
bool case_person_was_given(const CaseTurn *t) {
    const Item *r = t->referral;
    if (!r || !case_is_actor(t, r->referral.target))
        return false;
    return r->state == REFERRAL_PLACED ||
           (r->state == REFERRAL_COMPLETED && r->changed_ms == t->a->at_ms);
}

/* Not known here yet, or not placed yet. Tried again later the act comes without the referral; by
 * then the placement has made the one who acts the provider. */
bool case_waits_for_referral(const CaseTurn *t) {
    const Item *r = t->referral;
    if (!r)
        return t->facts->opened.access_source == ACCESS_SOURCE_REFERRAL;
    return r->state == REFERRAL_NONE ||
           (case_is_actor(t, r->referral.target) &&
            (r->state == REFERRAL_ACCEPTED || r->state == REFERRAL_PLACED_PROVISIONAL));
}

/* Was the case with those who gave the person away, or nobody's when they asked? A referral that a
 * stranger asked for under its id, and an accomplice accepted, moves nothing. Once it has moved it
 * is the target's. */
static bool was_theirs(const CaseTurn *t) {
    const Referral *r = &t->referral->referral;
    return t->item->state == CASE_NONE || t->c->provisional ||
           t->referral->opened_ms <= t->item->opened_ms ||
           strcmp(r->requester, t->c->provider) == 0 || strcmp(r->target, t->c->provider) == 0 ||
           guard_answers_for_place(t->ctx->directory, r->requester, t->item->region);
}

bool case_was_given(const CaseTurn *t) {
    return case_person_was_given(t) &&
           (t->referral->referral.transfer || moves_lead(&t->referral->referral)) && was_theirs(t);
}

int case_stage_now(const Item *item) {
    return item->state == CASE_TRANSFERRED ? item->case_file.stage_given : item->state;
}

Step case_by_lead(const CaseTurn *t) {
    if (t->item->state == CASE_NONE)
        return case_verdict(t, STEP_EARLY);
    if (t->item->state == CASE_TERMINATED)
        return case_illegal(t, "CASE_IS_CLOSED");
    const char *why = case_stranger(t);
    return why ? case_illegal(t, why) : case_verdict(t, STEP_NONE);
}

/* --- moving to another provider ------------------------------------------------------------- */

/* Nothing happens to the case before somebody accepts it. One that is not known here may be given
 * away all the same, from the stage its provider names. */
Step case_on_transfer_asked(const CaseTurn *t) {
    const Step step = case_by_lead(t);
    if (t->item->state == CASE_NONE)
        t->c->stage_given = t->facts->transfer.stage;
    else if (step.verdict != STEP_NONE)
        return step;
    return case_applied(t);
}

/* Has this act accepted a transfer? */
static bool accepts_transfer(const CaseTurn *t) {
    const Item *r = t->referral;
    return r && r->referral.transfer && r->changed_ms == t->a->at_ms &&
           (r->state == REFERRAL_ACCEPTED || r->state == REFERRAL_COMPLETED) &&
           t->facts->response.decision == REFERRAL_DECISION_ACCEPTED &&
           case_is_actor(t, r->referral.target);
}

Step case_on_answer(const CaseTurn *t) {
    const Item *r = t->referral;
    CaseFile *c = t->c;
    if (!accepts_transfer(t) || strcmp(c->provider, t->actor) == 0)
        return case_verdict(t, STEP_NONE);
    if (t->item->state == CASE_TERMINATED)
        return case_illegal(t, "CASE_IS_CLOSED");
    if (t->item->state != CASE_NONE && strcmp(c->provider, r->referral.requester) != 0)
        return case_illegal(t, "NOT_THE_PROVIDER"); /* it was not theirs to give */
    if (t->item->state == CASE_NONE)
        item_open(t->ctx, t->item, t->a);
    else
        c->stage_given = (uint8_t)case_stage_now(t->item);
    c->provisional = false;
    case_set_lead(t, t->actor);
    (void)text_copy(c->forward_to, sizeof(c->forward_to), t->actor);
    item_timer_stop(t->item, TIMER_OPENING);
    item_timer_stop(t->item, TIMER_ASSESSMENT);
    return case_to(t, CASE_TRANSFERRED);
}

/* The minutes (M04), or the documents that were owed after them (M03): judged by the referral. */
Step case_on_placement(const CaseTurn *t) {
    const Item *r = t->referral;
    if (!r || r->referral.transfer || r->changed_ms != t->a->at_ms ||
        (r->state != REFERRAL_PLACED && r->state != REFERRAL_PLACED_PROVISIONAL))
        return case_verdict(t, STEP_NONE);
    if (t->a->kind == KIND_HANDOVER_MINUTES) {
        const HandoverMinutesFacts *f = &t->facts->handover;
        t->c->in_home = f->documents.of[DOCUMENT_TYPE_HANDOVER_MINUTES_HOME].present ||
                        r->referral.referral_kind == REFERRAL_KIND_TO_SOCIAL_HOME;
        t->c->placed_on = t->c->in_home ? f->handed_over_on : (CivilDate) { 0 };
        t->c->food_since = (CivilDate) { 0 }; /* a new separation starts anew (domain A-06) */
    }
    if (r->state == REFERRAL_PLACED && moves_lead(&r->referral) &&
        case_is_at_stage(t->item->state) && was_theirs(t)) {
        case_set_lead(t, r->referral.target);
        t->c->forward_to[0] = '\0';
    }
    return case_applied(t);
}

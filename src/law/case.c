/* SPDX-License-Identifier: Apache-2.0 */

/* The stages of a case, its end, and the person's standing in the register. */

#include <string.h>

#include "law/case-internal.h"
#include "law/scope.h"

/* --- the register (data terpadu, P7 Pasal 43) ----------------------------------------------- */

/* Starts R-120 once; a proposal made before the opening counts. */
void case_learn_register(const CaseTurn *t, int told) {
    CaseFile *c = t->c;
    switch (told) {
    case DTKS_STATUS_LISTED:
        c->dtks_status = DTKS_STATUS_LISTED;
        item_timer_stop(t->item, TIMER_DTKS);
        break;
    case DTKS_STATUS_NOT_LISTED:
        if (c->dtks_proposed)
            break;
        c->dtks_status = DTKS_STATUS_NOT_LISTED;
        if (!item_timer(t->item, TIMER_DTKS))
            item_timer_start(t->ctx, t->item, TIMER_DTKS, t->a->at_ms);
        break;
    case DTKS_STATUS_PROPOSED: /* only a proposal (M50) stops R-120 */
        c->dtks_status = DTKS_STATUS_PROPOSED;
        break;
    case DTKS_STATUS_UNKNOWN:
        if (c->dtks_status == DTKS_STATUS_UNSPECIFIED)
            c->dtks_status = DTKS_STATUS_UNKNOWN;
        break;
    default:
        break;
    }
}

/* The provider owes the proposal; the agencies of the person's home and a puskesos there may make
 * it, too (domain 2.3, M50). */
static bool may_propose(const CaseTurn *t) {
    const Directory *d = t->ctx->directory;
    const DirNode *n = directory_node(d, t->actor);
    return item_takes_part(t->item, t->actor) ||
           guard_answers_for_place(d, t->actor, t->item->region) ||
           (n && n->kind == NODE_PUSKESOS && guard_lies_in(n, t->item->region));
}

/* About the person, however the case stands; a stranger's spares nobody the proposal. */
static Step on_proposal(const CaseTurn *t) {
    if (!may_propose(t)) /* it may yet be the one who opens it */
        return case_verdict(t, t->item->state == CASE_NONE ? STEP_EARLY : STEP_NONE);
    t->c->dtks_proposed = true;
    if (t->c->dtks_status != DTKS_STATUS_LISTED)
        t->c->dtks_status = DTKS_STATUS_PROPOSED;
    item_timer_stop(t->item, TIMER_DTKS);
    return case_applied(t);
}

static Step on_register_result(const CaseTurn *t) {
    const int result = t->facts->proposal_result.result;
    const bool asked = t->proposal && strcmp(t->proposal->custodian, t->actor) == 0;
    if (t->item->state == CASE_NONE ||
        !guard_answers_for_register(t->ctx->directory, t->a->actor, asked ? "" : t->item->region))
        return case_verdict(t, STEP_NONE);
    if (result == DTKS_OUTCOME_LISTED)
        case_learn_register(t, DTKS_STATUS_LISTED);
    else if (result == DTKS_OUTCOME_REJECTED) /* proposed in time: R-120 does not start again */
        t->c->dtks_status = DTKS_STATUS_NOT_LISTED;
    else
        return case_verdict(t, STEP_NONE);
    return case_applied(t);
}

/* --- stages --------------------------------------------------------------------------------- */

/* The one a case was given to goes on from where it was, or from wherever when nobody here knows.
 */
static bool stage_follows(const CaseTurn *t) {
    const CaseStageFacts *f = &t->facts->stage;
    const int at = case_stage_now(t->item);
    return t->item->state == CASE_TRANSFERRED && at == 0 ? case_is_at_stage(f->stage)
                                                         : guard_stage_follows(at, t->c, f);
}

/* Who leads and works on a case keeps it: its timers run at the provider's home broker. */
static void take_up(const CaseTurn *t) {
    case_set_keeper(t);
    t->c->stage_given = 0;
}

static Step on_stage(const CaseTurn *t) {
    const CaseStageFacts *f = &t->facts->stage;
    const char *lacks = guard_stage_lacks(f);
    const bool opens = t->item->state == CASE_NONE && f->stage == ATENSI_STAGE_ACCESS_FACILITATION;
    const Step step = case_by_lead(t);
    if (step.verdict != STEP_NONE && !opens)
        return step;
    if (!opens && !stage_follows(t))
        return case_illegal(t, "STAGE_OUT_OF_ORDER");
    if (lacks)
        return case_illegal(t, lacks);

    if (opens)
        (void)case_open_provisionally(t, CASE_STAGE_1);
    take_up(t);
    t->c->phase = f->phase != STAGE_PHASE_UNSPECIFIED ? f->phase : STAGE_PHASE_STARTED;
    if (f->phase == STAGE_PHASE_COMPLETED)
        t->c->completed |= codes_of(f->stage);
    if (f->stage == ATENSI_STAGE_COMPREHENSIVE_ASSESSMENT)
        item_timer_stop(t->item, TIMER_ASSESSMENT);
    case_learn_register(t, f->dtks_status);
    return case_to(t, f->stage);
}

static Step on_conference(const CaseTurn *t) {
    const Step step = case_by_lead(t);
    return step.verdict != STEP_NONE ? step : case_applied(t);
}

static Step on_aftercare(const CaseTurn *t) {
    const Step step = case_by_lead(t);
    if (step.verdict != STEP_NONE)
        return step;
    if (case_stage_now(t->item) != CASE_STAGE_7)
        return case_illegal(t, "STAGE_OUT_OF_ORDER");
    if (!guard_aftercare_is_assessed(&t->facts->aftercare))
        return case_illegal(t, "NO_ASSESSMENT");
    take_up(t);
    t->c->aftercare = true;
    return case_to(t, CASE_STAGE_7);
}

/* With or without aftercare before it: whether it was needed is for people to say. */
static Step on_termination(const CaseTurn *t) {
    const Step step = case_by_lead(t);
    const int reason = t->facts->termination.reason;
    if (step.verdict != STEP_NONE)
        return step;
    if (!guard_may_terminate(case_stage_now(t->item), reason))
        return case_illegal(t, "TERMINATION_TOO_EARLY");
    take_up(t);
    t->c->termination_reason = (uint8_t)reason;
    const Step ended = case_to(t, CASE_TERMINATED);
    item_close(t->item, CASE_TERMINATED);
    return ended;
}

/* --- dispatch ------------------------------------------------------------------------------- */

static Step case_step(const CaseTurn *t) {
    switch (t->a->kind) {
    case KIND_CASE_OPENED:
        return case_on_opened(t);
    case KIND_CASE_RESPONSE:
        return case_on_response(t);
    case KIND_CASE_STAGE_UPDATE:
        return on_stage(t);
    case KIND_CASE_CONFERENCE:
        return on_conference(t);
    case KIND_AFTERCARE:
        return on_aftercare(t);
    case KIND_TERMINATION:
        return on_termination(t);
    case KIND_CASE_TRANSFER:
        return case_on_transfer_asked(t);
    case KIND_REFERRAL_RESPONSE:
        return case_on_answer(t);
    case KIND_HANDOVER_MINUTES:
    case KIND_REFERRAL_UPDATE:
        return case_on_placement(t);
    case KIND_DTKS_PROPOSAL:
        return on_proposal(t);
    case KIND_DTKS_RESULT:
        return on_register_result(t);
    default:
        return case_verdict(t, STEP_NONE);
    }
}

void case_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret) {
    Item *item = items->of[ITEM_CASE];
    const CaseTurn t = { .ctx = ctx,
                         .a = a,
                         .facts = a->facts,
                         .referral = items->of[ITEM_REFERRAL],
                         .proposal = items->of[ITEM_PROPOSAL],
                         .item = item,
                         .c = &item->case_file,
                         .actor = act_actor(ctx, a) };
    if (item->opened_ms > 0 && act_is_only_exercise(item, a))
        *ret = case_illegal(&t, "ONLY_AN_EXERCISE");
    else
        *ret = case_step(&t);
}

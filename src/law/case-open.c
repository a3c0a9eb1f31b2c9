/* SPDX-License-Identifier: Apache-2.0 */

/* How a case begins: by an opening, or provisionally by a case response. */

#include "law/case-internal.h"

/* --- opening -------------------------------------------------------------------------------- */

static void note_home_agency(const CaseTurn *t) {
    const Item *i = t->item;
    const DirNode *dsk =
        directory_by_role(t->ctx->directory, NODE_SOCIAL_AGENCY_REGENCY, i->region, i->cluster);
    if (dsk)
        (void)text_copy(t->c->home_dsk, sizeof(t->c->home_dsk), dsk->id);
}

Step case_open_provisionally(const CaseTurn *t, int stage) {
    item_open(t->ctx, t->item, t->a);
    case_set_lead(t, t->actor);
    note_home_agency(t);
    t->c->provisional = true;
    t->c->phase = STAGE_PHASE_STARTED;
    item_timer_start(t->ctx, t->item, TIMER_OPENING, t->a->at_ms);
    return case_to(t, stage);
}

/* Why the case cannot be opened now by the one who acts; NULL = it can. */
static const char *opening_is_barred(const CaseTurn *t) {
    if (t->item->state == CASE_TERMINATED)
        return "CASE_IS_CLOSED"; /* it goes on as a new case, with a new id */
    if (t->item->state == CASE_TRANSFERRED)
        return case_stranger(t);
    if (t->item->state == CASE_NONE || t->c->provisional || case_was_given(t))
        return NULL;
    /* Placed with the one who acts, who has not opened it yet. */
    if (case_is_actor(t, t->c->provider) && !case_is_actor(t, t->item->keeper))
        return NULL;
    return "CASE_IS_OPEN";
}

static void take_opening(const CaseTurn *t) {
    const CaseOpenedFacts *f = &t->facts->opened;
    CaseFile *c = t->c;
    c->access_source = f->access_source;
    c->target_unit = f->target_unit;
    c->basis = f->basis;
    c->criteria = f->criteria;
    c->origin = uuid_is_nil(&f->origin_id) ? t->a->causation_id : f->origin_id;
    c->provisional = false;
    item_timer_stop(t->item, TIMER_OPENING);
    case_learn_register(t, f->dtks_status);
}

static void restart_stages(const CaseTurn *t) {
    t->c->phase = STAGE_PHASE_STARTED;
    t->c->completed = 0;
    t->c->emergency = t->c->aftercare = false;
    t->c->stage_given = 0;
    item_timer_stop(t->item, TIMER_ASSESSMENT);
}

/* What was begun before its opening came goes on where it is: a provisional case, or one the new
 * provider has worked on already. */
static bool stages_go_on(const CaseTurn *t) {
    return t->c->provisional ||
           (case_is_at_stage(t->item->state) && case_is_actor(t, t->item->keeper));
}

Step case_on_opened(const CaseTurn *t) {
    const bool known = t->item->state != CASE_NONE && !t->c->provisional;
    if (known && case_person_was_given(t) && !case_was_given(t)) /* a service beside the case */
        return t->item->final ? case_verdict(t, STEP_NONE) : case_applied(t);
    const char *why = opening_is_barred(t);
    if (why && case_is_at_stage(t->item->state) && !case_is_actor(t, t->c->provider) &&
        case_waits_for_referral(t))
        return case_verdict(t, STEP_EARLY);
    if (!why)
        why = guard_opening_lacks(&t->facts->opened,
                                  civil_at(t->a->said_ms, region_utc_offset_min(t->a->region)));
    if (why)
        return case_illegal(t, why);

    const int reached = stages_go_on(t) ? t->item->state : CASE_STAGE_1;
    if (!stages_go_on(t))
        restart_stages(t);
    if (t->item->state == CASE_NONE)
        item_open(t->ctx, t->item, t->a);
    case_set_keeper(t);
    case_set_lead(t, t->actor);
    if (strcmp(t->c->forward_to, t->c->provider) != 0)
        t->c->forward_to[0] = '\0';
    if (t->c->home_dsk[0] == '\0')
        note_home_agency(t);
    take_opening(t);
    return case_to(t, reached);
}

/* --- case response -------------------------------------------------------------------------- */

static void note_food(const CaseTurn *t) {
    const CaseResponseFacts *f = &t->facts->case_response;
    const int64_t given_ms = f->responded_ms > 0 ? f->responded_ms : t->a->said_ms;
    CivilDate since = f->food_since;
    if (!civil_is_set(since) && codes_has(f->given_needs, OUTSIDE_HOME_NEED_FOOD))
        since = civil_at(given_ms, region_utc_offset_min(t->a->region));
    if (civil_is_set(since) &&
        (!civil_is_set(t->c->food_since) || civil_compare(since, t->c->food_since) < 0))
        t->c->food_since = since;
}

/* Whoever is there responds, also to a case that somebody else leads. */
Step case_on_response(const CaseTurn *t) {
    const int state = t->item->state;
    if (!t->facts->case_response.emergency)
        return case_illegal(t, "NOT_AN_EMERGENCY");
    if (state == CASE_TERMINATED)
        return case_illegal(t, "CASE_IS_CLOSED");
    note_food(t);
    if (state <= CASE_STAGE_2)
        t->c->emergency = true;
    if (state == CASE_NONE)
        return case_open_provisionally(t, CASE_STAGE_2);
    if (state != CASE_STAGE_2)
        return case_applied(t);
    t->c->phase = STAGE_PHASE_STARTED;
    item_timer_start(t->ctx, t->item, TIMER_ASSESSMENT, t->a->at_ms);
    return case_to(t, CASE_STAGE_5);
}

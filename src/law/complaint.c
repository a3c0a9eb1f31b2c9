/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A complaint (pengaduan, domain 5; P4 Pasal 8). Its holder is its custodian. What the texts leave
 * open is decided so:
 *
 * - The first holder may assign without classifying: that says what it is for. CLASSIFY is timed
 *   from the receipt, RESOLVE from the classification, when type and inspection are known; in an
 *   emergency the first action (PROGRESS) is due from the receipt, and RESOLVE from it on, in the
 *   terms of PRIORITY.
 * - REROUTE hands it to another holder, who begins at RECEIVED; running clocks run on.
 * - Bukan wewenang (NOT_OUR_AUTHORITY) by the holder goes to the superior of the two it went
 *   between, or the next higher level, which has to decide; by the assignee, back to the holder.
 * - Who has to decide is the holder meanwhile: it names another one (REROUTE), or keeps it by
 *   CLASSIFY or ASSIGN. The assignee named before is the suggestion.
 * - A conversion closes it, whatever state it is in: what it became follows it up. What the
 *   holder or assignee says of it afterwards (PROGRESS, RESOLVE, CLOSE) is put on record and
 * changes nothing. REJECT_INVALID ends it while it is not resolved.
 */

#include <string.h>

#include "base/text.h"
#include "law/complaint-internal.h"

typedef ComplaintTurn Turn;

static Step illegal(const Turn *t, const char *why) {
    return step_illegal(t->item, why);
}
static Step early(const Turn *t) {
    return step_verdict(t->item, STEP_EARLY);
}

/* --- states and holders --- */

void complaint_set_state(Item *item, int state) {
    item->state = state;
    (void)text_copy(item->owes, sizeof(item->owes),
                    complaint_is_assigned(state) ? item->complaint.assignee : item->custodian);
}

Step complaint_go(const Turn *t, int state) {
    const Step step = step_to(t->item, t->a, state);
    complaint_set_state(t->item, state);
    return step;
}

void complaint_close(Item *item, bool by_silence, int64_t now_ms) {
    item->complaint.closed_by_silence = by_silence;
    item->complaint.closed_ms = now_ms;
    item_close(item, COMPLAINT_CLOSED);
}

/* --- clocks --- */

static TimerKind resolve_term(const Complaint *c) {
    if (c->inspection)
        return TIMER_RESOLVE_INSPECTION;
    return c->type == COMPLAINT_TYPE_COMPLAINT ? TIMER_RESOLVE_COMPLAINT : TIMER_RESOLVE;
}

static void start_resolve(const Turn *t) {
    item_timer_set(t->item, TIMER_RESOLVE,
                   item_timer_due(t->ctx, t->item, resolve_term(t->c), t->a->at_ms));
}

static bool is_emergency(const Turn *t) {
    return t->item->urgency >= URGENCY_EMERGENCY;
}

static void classified(const Turn *t) {
    item_timer_stop(t->item, TIMER_CLASSIFY);
    item_timer_stop(t->item, TIMER_SUPERIOR);
    if (!is_emergency(t) || !item_timer(t->item, TIMER_RESOLVE))
        start_resolve(t);
}

/* The first action in an emergency is done; what is left has the terms of PRIORITY. */
static void first_action_done(const Turn *t) {
    Item ordinary = *t->item;
    ordinary.urgency = URGENCY_PRIORITY;
    item_timer_set(t->item, TIMER_RESOLVE,
                   item_timer_due(t->ctx, &ordinary, resolve_term(t->c), t->a->at_ms));
}

/* --- opening (M10) --- */

static Step on_complaint(const Turn *t) {
    const ComplaintFacts *f = &t->a->facts->complaint;
    Complaint *c = t->c;
    item_open(t->ctx, t->item, t->a);
    *c = (Complaint) { .type = f->type,
                       .channel = f->channel,
                       .subject = f->subject,
                       .anonymous = f->anonymous,
                       .harm_now = f->harm_now,
                       .said_ms = complaint_said_ms(t) };
    (void)text_copy(c->origin, sizeof(c->origin), t->actor);
    (void)text_copy(c->about_node, sizeof(c->about_node), f->about_node);
    if (f->harm_now && t->item->urgency < URGENCY_EMERGENCY)
        t->item->urgency = URGENCY_EMERGENCY;
    complaint_set_holder(t->ctx, t->item, t->a->target[0] ? t->a->target : t->actor);

    const Step step = complaint_go(t, COMPLAINT_RECEIVED);
    item_timer_start(t->ctx, t->item, TIMER_CLASSIFY, t->a->at_ms);
    if (is_emergency(t))
        start_resolve(t);
    return step;
}

/* --- the holder --- */

/* Why the node that is named cannot take it; NULL = it can. */
const char *complaint_named_is_barred(const Turn *t) {
    const DirNode *n = directory_node(t->ctx->directory, t->f->assignee);
    if (!n || n->inactive)
        return "NOBODY_NAMED";
    return strcmp(t->f->assignee, t->c->about_node) == 0 ? "REPORTED_NODE" : NULL;
}

void complaint_set_assignee(const Turn *t, const char *node) {
    (void)text_copy(t->c->assignee, sizeof(t->c->assignee), node);
}

static Step on_classify(const Turn *t) {
    const int state = t->item->state;
    if (state != COMPLAINT_RECEIVED && state != COMPLAINT_CLASSIFIED &&
        state != COMPLAINT_SUPERIOR_DECIDES)
        return illegal(t, "WRONG_STATE");
    if (t->f->type != COMPLAINT_TYPE_UNSPECIFIED)
        t->c->type = t->f->type;
    t->c->inspection = t->f->inspection;
    complaint_set_assignee(t, "");
    const Step step = complaint_go(t, COMPLAINT_CLASSIFIED);
    classified(t);
    return step;
}

static Step on_assign(const Turn *t) {
    const bool again = complaint_is_assigned(t->item->state);
    const char *why = complaint_named_is_barred(t);
    if (t->item->state == COMPLAINT_RESOLVED)
        return illegal(t, "WRONG_STATE");
    if (why)
        return illegal(t, why);
    complaint_set_assignee(t, t->f->assignee);
    const bool is_classified = t->item->state == COMPLAINT_CLASSIFIED;
    const Step step = complaint_go(t, COMPLAINT_ASSIGNED);
    if (!again && !is_classified)
        classified(t);
    const Timer *resolve = item_timer(t->item, TIMER_RESOLVE);
    if (resolve && t->f->due_ms > t->a->at_ms && t->f->due_ms < resolve->due_ms)
        item_timer_set(t->item, TIMER_RESOLVE, t->f->due_ms);
    return step;
}

/* Named by the act, or else the case that is known to come from it (M40). */
static Step on_convert(const Turn *t) {
    const Uuid *named = uuid_is_nil(&t->f->new_case_id) ? &t->f->new_event_id : &t->f->new_case_id;
    const Uuid became = uuid_is_nil(named) ? t->c->became : *named;
    if (uuid_is_nil(&became))
        return illegal(t, "NOTHING_NAMED");
    const Step step = step_to(t->item, t->a, COMPLAINT_CLOSED);
    t->c->became = became;
    t->c->resolved = true;
    complaint_close(t->item, false, t->a->at_ms);
    return step;
}

static Step after_the_end(const Turn *t) {
    const bool converted = t->item->state == COMPLAINT_CLOSED && !uuid_is_nil(&t->c->became);
    const bool theirs = complaint_is_holder(t) || complaint_is_assignee(t);
    switch (t->f->action) {
    case COMPLAINT_ACTION_PROGRESS:
    case COMPLAINT_ACTION_RESOLVE:
    case COMPLAINT_ACTION_CLOSE:
        return converted && theirs ? step_verdict(t->item, STEP_APPLIED)
                                   : illegal(t, "ALREADY_CLOSED");
    default:
        return illegal(t, "ALREADY_CLOSED");
    }
}

static Step on_reject(const Turn *t) {
    if (t->item->state == COMPLAINT_RESOLVED)
        return illegal(t, "WRONG_STATE");
    const Step step = step_to(t->item, t->a, COMPLAINT_REJECTED_INVALID);
    item_close(t->item, COMPLAINT_REJECTED_INVALID);
    return step;
}

/* Without a RESOLVE on record it stays open; the assignee's may still be on its way. */
static Step on_close(const Turn *t) {
    if (t->item->state != COMPLAINT_RESOLVED)
        return complaint_is_assigned(t->item->state) && !complaint_is_assignee(t)
                   ? early(t)
                   : illegal(t, "NOT_RESOLVED");
    const Step step = step_to(t->item, t->a, COMPLAINT_CLOSED);
    complaint_close(t->item, false, t->a->at_ms);
    return step;
}

/* --- assignee and reporter --- */

static Step on_progress(const Turn *t) {
    const int state = t->item->state;
    if (state == COMPLAINT_RESOLVED)
        return illegal(t, "WRONG_STATE");
    if (!complaint_is_assigned(state))
        return complaint_is_holder(t) ? illegal(t, "WRONG_STATE") : early(t);
    if (!complaint_is_assignee(t))
        return illegal(t, "NOT_THE_ASSIGNEE");
    if (state == COMPLAINT_ASSIGNED && is_emergency(t))
        first_action_done(t);
    return complaint_go(t, COMPLAINT_IN_PROGRESS);
}

static Step on_resolve(const Turn *t) {
    const int state = t->item->state;
    if (state == COMPLAINT_RESOLVED)
        return illegal(t, "WRONG_STATE");
    if (complaint_is_assigned(state) ? !complaint_is_assignee(t) && !complaint_is_holder(t)
                                     : !complaint_is_holder(t))
        return complaint_is_assigned(state) ? illegal(t, "NOT_THE_ASSIGNEE") : early(t);
    if (!complaint_is_assigned(state) && state != COMPLAINT_CLASSIFIED)
        return illegal(t, "WRONG_STATE");
    t->c->resolved = true;
    item_timers_stop_all(t->item);
    const Step step = complaint_go(t, COMPLAINT_RESOLVED);
    item_timer_start(t->ctx, t->item, TIMER_SILENCE, t->a->at_ms);
    return step;
}

static Step on_reopen(const Turn *t) {
    const int state = t->item->state;
    if (!complaint_actor_is(t, t->c->origin) && !complaint_is_holder(t))
        return illegal(t, "NOT_THE_REPORTER");
    if (state != COMPLAINT_CLOSED && state != COMPLAINT_RESOLVED)
        return illegal(t, t->item->final ? "ALREADY_CLOSED" : "WRONG_STATE");
    if (state == COMPLAINT_CLOSED &&
        t->a->at_ms >= timer_end_of_day(t->c->closed_ms, COMPLAINT_REOPEN_DAYS, t->item->region))
        return illegal(t, "TOO_LATE_TO_REOPEN");
    t->item->final = t->c->resolved = t->c->closed_by_silence = false;
    t->c->closed_ms = 0;
    if (!t->c->assignee[0])
        complaint_set_assignee(t, t->item->custodian);
    item_timer_stop(t->item, TIMER_SILENCE);
    const Step step = complaint_go(t, COMPLAINT_ASSIGNED);
    start_resolve(t);
    return step;
}

/* --- dispatch --- */

static Step by_holder(const Turn *t, Step (*step)(const Turn *t)) {
    if (complaint_is_holder(t))
        return step(t);
    const Item before = *t->item;
    if (!complaint_climbed(t))
        return illegal(t, "NOT_THE_HOLDER");
    const Step done = step(t);
    if (done.verdict != STEP_APPLIED)
        *t->item = before;
    return done;
}

static Step on_not_our_authority(const Turn *t) {
    return complaint_is_assigned(t->item->state) && complaint_is_assignee(t)
               ? complaint_on_not_our_authority(t)
               : by_holder(t, complaint_on_not_our_authority);
}

static Step on_update(const Turn *t) {
    if (t->f->action == COMPLAINT_ACTION_REOPEN)
        return on_reopen(t);
    if (t->item->final)
        return after_the_end(t);
    switch (t->f->action) {
    case COMPLAINT_ACTION_CLASSIFY:
        return by_holder(t, on_classify);
    case COMPLAINT_ACTION_ASSIGN:
        return by_holder(t, on_assign);
    case COMPLAINT_ACTION_REROUTE:
        return by_holder(t, complaint_on_reroute);
    case COMPLAINT_ACTION_PROGRESS:
        return on_progress(t);
    case COMPLAINT_ACTION_RESOLVE:
        return on_resolve(t);
    case COMPLAINT_ACTION_CLOSE:
        return by_holder(t, on_close);
    case COMPLAINT_ACTION_ESCALATE:
        return by_holder(t, complaint_on_escalate);
    case COMPLAINT_ACTION_CONVERT:
        return by_holder(t, on_convert);
    case COMPLAINT_ACTION_REJECT_INVALID:
        return by_holder(t, on_reject);
    case COMPLAINT_ACTION_NOT_OUR_AUTHORITY:
        return on_not_our_authority(t);
    default:
        return illegal(t, "UNKNOWN_STEP");
    }
}

/* The case says where it came from; that the complaint ends by it is for the holder to say. */
static Step on_case_opened(const Turn *t) {
    const bool theirs = complaint_is_holder(t) || complaint_is_assignee(t);
    if (t->item->state == COMPLAINT_NONE || t->item->final || !theirs ||
        !uuid_is_nil(&t->c->became))
        return step_verdict(t->item, STEP_NONE);
    t->c->became = t->a->case_id;
    return step_to(t->item, t->a, t->item->state);
}

void complaint_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret) {
    Item *item = items->of[ITEM_COMPLAINT];
    const Turn t = { .ctx = ctx,
                     .a = a,
                     .f = &a->facts->complaint_update,
                     .item = item,
                     .c = &item->complaint,
                     .actor = act_actor(ctx, a) };
    const bool open = item->state != COMPLAINT_NONE;
    if (open && act_is_only_exercise(item, a))
        *ret = illegal(&t, "ONLY_AN_EXERCISE");
    else if (a->kind == KIND_COMPLAINT)
        *ret = open ? illegal(&t, "WRONG_STATE") : on_complaint(&t);
    else if (a->kind == KIND_COMPLAINT_UPDATE)
        *ret = open ? on_update(&t) : early(&t);
    else if (a->kind == KIND_CASE_OPENED)
        *ret = on_case_opened(&t);
    else
        *ret = step_verdict(item, STEP_NONE);
}

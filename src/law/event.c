/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An extraordinary event (kejadian luar biasa, P7 Pasal 30 huruf c), with the discipline of the
 * Common Alerting Protocol: an alert opens it, updates and a cancellation name the message they
 * replace, an exercise stays one. What the texts leave open is decided so:
 *
 * - Updates go one status at a time; a declaration by the government verifies by itself, so it may
 *   lead from REPORTED to ACTIVE. Situation reports may skip: older ones are superseded on the way.
 *   Never backwards.
 * - ACTIVE needs a declaration or is the decision of who leads (lead_node, else who verified it,
 *   else who reported it).
 * - An update that names an older message than the one that stands is newer knowledge all the same:
 *   applied and flagged. One that is itself older is not applied, nor a cancellation of a report by
 *   who has not seen what became of it.
 * - Situation reports are counted per sender (event.proto); a status in them that the sender may
 * not say is left out and flagged.
 */

#include <string.h>

#include "base/text.h"
#include "law/guards.h"
#include "law/machine.h"

typedef struct EventTurn {
    const LawContext *ctx;
    const Act *a;
    const Facts *facts;
    Item *item;
    Event *e;
    const char *actor;
} EventTurn;

static Step illegal(const EventTurn *t, const char *why) {
    return step_illegal(t->item, why);
}

/* --- who may say what ----------------------------------------------------------------------- */

static bool is_actor(const EventTurn *t, const char *node) {
    return strcmp(node, t->actor) == 0 || strcmp(node, t->a->actor) == 0;
}
/* Of an event that is known only who is of its place: nobody calms another province's disaster. */
static bool verifies(const EventTurn *t) {
    const DirNode *n = directory_node(t->ctx->directory, t->actor);
    return n && guard_verifies_events(n->kind) && guard_is_of_place(n, t->item->region);
}
static bool leads(const EventTurn *t) {
    return is_actor(t, t->item->custodian);
}
static bool is_cancelling(const EventTurn *t) {
    return t->facts->event.message_type == EVENT_MESSAGE_TYPE_CANCEL;
}

static bool names_what_stands(const EventTurn *t) {
    const EventFacts *f = &t->facts->event;
    for (uint32_t i = 0; i < f->n_references && i < EVENT_REFERENCES_MAX; i++)
        if (uuid_equal(&f->references[i], &t->e->last_message))
            return true;
    return false;
}

/* By the time in the ids of version 7; ids without one are not compared. */
static bool is_older(const Uuid *a, const Uuid *b) {
    return a->b[6] >> 4 == 7 && b->b[6] >> 4 == 7 && memcmp(a->b, b->b, 6) < 0;
}

/* --- opening -------------------------------------------------------------------------------- */

static void take_lead(const EventTurn *t, const char *node) {
    (void)text_copy(t->item->custodian, sizeof(t->item->custodian), node);
    (void)text_copy(t->item->owes, sizeof(t->item->owes), node);
}

static bool is_known(const EventTurn *t, const char *node) {
    return node[0] != '\0' && directory_node(t->ctx->directory, node);
}

/* Once somebody else leads, who leads and what is declared is not for the reporter to say. */
static void take_charge(const EventTurn *t) {
    const EventFacts *f = &t->facts->event;
    if (is_known(t, f->lead_node)) {
        (void)text_copy(t->e->lead_node, sizeof(t->e->lead_node), f->lead_node);
        take_lead(t, f->lead_node);
    }
    t->e->declared = t->e->declared || f->declaration.present;
}

static void take_facts(const EventTurn *t) {
    const EventFacts *f = &t->facts->event;
    if (f->event_type != EVENT_TYPE_UNSPECIFIED)
        t->e->event_type = f->event_type;
    if (f->occurred_ms > 0)
        t->e->occurred_ms = f->occurred_ms;
    if (verifies(t) || leads(t))
        take_charge(t);
    t->e->last_message = t->a->message_id;
}

/* Nobody is asked to acknowledge what has calmed down. */
static Step to_state(const EventTurn *t, int state) {
    const Step step = step_to(t->item, t->a, state);
    if (state >= EVENT_STABILISED)
        item_timer_stop(t->item, TIMER_ACKNOWLEDGE);
    if (state >= EVENT_CLOSED)
        item_close(t->item, state);
    return step;
}

static Step on_alert(const EventTurn *t) {
    const int said = t->facts->event.status;
    const int state = said != EVENT_STATUS_UNSPECIFIED ? said : EVENT_REPORTED;
    if (state > EVENT_FALSE_ALARM)
        return illegal(t, "UNKNOWN_STATUS");
    if (state >= EVENT_VERIFIED && !verifies(t))
        return illegal(t, "NOT_AUTHORISED");
    item_open(t->ctx, t->item, t->a);
    take_lead(t, t->item->keeper);
    take_facts(t);
    item_timer_start(t->ctx, t->item, TIMER_ACKNOWLEDGE, t->a->at_ms);
    return to_state(t, state);
}

/* --- update and cancellation ---------------------------------------------------------------- */

/* Why the update may not bring the event to that status; NULL = it may. */
static const char *update_is_barred(const EventTurn *t, int to) {
    const EventFacts *f = &t->facts->event;
    const int from = t->item->state;
    const bool declared = t->e->declared || f->declaration.present;
    const bool decides = leads(t) || is_actor(t, f->lead_node);
    if (to == from)
        return NULL;
    if (to > EVENT_FALSE_ALARM)
        return "UNKNOWN_STATUS";
    if (!verifies(t))
        return "NOT_AUTHORISED";
    if (to == EVENT_FALSE_ALARM)
        return from == EVENT_REPORTED ? NULL : "EVENT_IS_VERIFIED";
    if (to < from)
        return "BACKWARDS";
    if (to == EVENT_ACTIVE && !declared && !decides)
        return "NO_DECLARATION";
    return to == from + 1 || (to == EVENT_ACTIVE && declared) ? NULL : "STATUS_SKIPPED";
}

static Step update(const EventTurn *t) {
    const int from = t->item->state, said = t->facts->event.status;
    const int to = said != EVENT_STATUS_UNSPECIFIED ? said : from;
    const char *why = update_is_barred(t, to);
    if (why)
        return illegal(t, why);
    if (from == EVENT_REPORTED && to >= EVENT_VERIFIED && t->e->lead_node[0] == '\0')
        take_lead(t, t->actor); /* who verifies it takes charge until somebody is named */
    take_facts(t);
    return to_state(t, to);
}

/* A report may be withdrawn by its sender; what was verified, only by who may verify or leads. */
static Step cancel(const EventTurn *t) {
    const int from = t->item->state;
    if (from >= EVENT_VERIFIED && !verifies(t) && !leads(t))
        return illegal(t, "NOT_AUTHORISED");
    t->e->cancelled = true;
    t->e->last_message = t->a->message_id;
    return to_state(t, from <= EVENT_VERIFIED ? EVENT_FALSE_ALARM : EVENT_CLOSED);
}

static Step on_followed(const EventTurn *t) {
    const bool stands = names_what_stands(t), authority = verifies(t) || leads(t);
    if (t->item->final)
        return illegal(t, "EVENT_IS_CLOSED");
    if (!authority && !is_actor(t, t->item->keeper))
        return illegal(t, "NOT_AUTHORISED");
    if (!stands &&
        (is_older(&t->a->message_id, &t->e->last_message) || (is_cancelling(t) && !authority)))
        return illegal(t, "STALE_REFERENCE");
    Step step = is_cancelling(t) ? cancel(t) : update(t);
    if (step.verdict == STEP_APPLIED && !stands) {
        step.why = "STALE_REFERENCE";
        t->item->flagged = true;
    }
    return step;
}

/* --- situation and acknowledgement ---------------------------------------------------------- */

static bool is_superseded(const EventTurn *t) {
    const uint32_t seq = t->facts->situation.seq;
    return seq == 0 || (is_actor(t, t->e->situation_by) && seq <= t->e->situation_seq);
}

/* A status that is behind was written before the sender knew better. */
static bool status_goes_on(int from, int to) {
    return to <= EVENT_FALSE_ALARM && (to != EVENT_FALSE_ALARM || from == EVENT_REPORTED) &&
           to > from;
}

static Step on_situation(const EventTurn *t) {
    const int from = t->item->state, said = t->facts->situation.status;
    if (is_superseded(t))
        return step_verdict(t->item, STEP_NONE);
    if (t->item->final)
        return illegal(t, "EVENT_IS_CLOSED");
    (void)text_copy(t->e->situation_by, sizeof(t->e->situation_by), t->actor);
    t->e->situation_seq = t->facts->situation.seq;
    t->e->last_situation = t->a->message_id;
    if (!status_goes_on(from, said))
        return to_state(t, from);
    if (verifies(t))
        return to_state(t, said);
    Step step = to_state(t, from);
    step.why = "NOT_AUTHORISED";
    t->item->flagged = true;
    return step;
}

/* The first of a node: who has acknowledged is on record with the acts. */
static Step on_acknowledged(const EventTurn *t) {
    if (t->e->n_acknowledged < UINT32_MAX)
        t->e->n_acknowledged++;
    return step_to(t->item, t->a, t->item->state);
}

/* --- dispatch ------------------------------------------------------------------------------- */

static Step event_step(const EventTurn *t) {
    const int kind = t->a->kind;
    const bool known = t->item->state != EVENT_NONE;
    if (kind == KIND_EXTRAORDINARY_EVENT && !known &&
        t->facts->event.message_type == EVENT_MESSAGE_TYPE_UNSPECIFIED)
        return on_alert(t);
    if (kind != KIND_EXTRAORDINARY_EVENT && kind != KIND_EVENT_SITUATION &&
        kind != KIND_EVENT_ACKNOWLEDGEMENT)
        return step_verdict(t->item, STEP_NONE);
    if (!known)
        return step_verdict(t->item, STEP_EARLY);
    if (act_is_only_exercise(t->item, t->a))
        return illegal(t, "ONLY_AN_EXERCISE");
    if (kind == KIND_EVENT_ACKNOWLEDGEMENT)
        return on_acknowledged(t);
    return kind == KIND_EVENT_SITUATION ? on_situation(t) : on_followed(t);
}

void event_apply(const LawContext *ctx, const Act *a, const Items *items, Step *ret) {
    Item *item = items->of[ITEM_EVENT];
    const EventTurn t = { .ctx = ctx,
                          .a = a,
                          .facts = a->facts,
                          .item = item,
                          .e = &item->event,
                          .actor = act_actor(ctx, a) };
    *ret = event_step(&t);
}

/* --- timer ---------------------------------------------------------------------------------- */

static const Telling not_acknowledged = {
    .code = "acknowledge",
    .pasal = "P7 Pasal 30 huruf c",
    .text_en = "Not everybody in the area of the event has acknowledged it. Next: telephone those "
               "who are still missing from the list.",
    .text_id =
        "Belum semua pihak di wilayah kejadian menyatakan telah membaca. Langkah berikutnya: "
        "telepon pihak yang belum ada dalam daftar.",
};

/* Who is missing is for the store to say; it does not ask when nobody is. Who reported the event,
 * who leads it, the command centre and the UPT that keeps the region's call list (domain 4.7) at
 * once, the hub from the second time on. */
void event_fire(const LawContext *ctx, Item *item, TimerKind timer, int64_t now_ms, Fired *ret) {
    const Timer *running = item_timer(item, timer);
    *ret = (Fired) { 0 };
    if (!running || timer != TIMER_ACKNOWLEDGE || item->state >= EVENT_STABILISED) {
        item_timer_stop(item, timer);
        return;
    }
    fired_tell(ret, item->keeper, &not_acknowledged);
    fired_tell(ret, item->custodian, &not_acknowledged);
    fired_tell_role(ret, ctx, item, NODE_COMMAND_CENTER, &not_acknowledged);
    if (running->level > 0)
        fired_tell_role(ret, ctx, item, NODE_NATIONAL_HUB, &not_acknowledged);
    fired_tell_role(ret, ctx, item, NODE_UPT_BALAI, &not_acknowledged);
    item_timer_again(ctx, item, timer, now_ms);
}

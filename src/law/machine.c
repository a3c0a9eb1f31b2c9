/* SPDX-License-Identifier: Apache-2.0 */

/* What every machine does alike. */

#include <string.h>

#include "base/text.h"
#include "law/machine.h"
#include "law/ministry.h"

Step step_to(Item *i, const Act *a, int state) {
    const Step step = { .verdict = STEP_APPLIED, .from = i->state, .to = state };
    i->state = state;
    i->changed_ms = a->at_ms;
    return step;
}

const char *act_actor(const LawContext *ctx, const Act *a) {
    const DirNode *n =
        directory_speaks_for(ctx->directory, directory_node(ctx->directory, a->actor));
    return n ? n->id : a->actor;
}

void item_open(const LawContext *ctx, Item *i, const Act *a) {
    const RuleSet *set = rule_set_at(ctx->rule_sets, a->at_ms, a->region);
    const char *actor = act_actor(ctx, a);
    i->case_id = a->case_id;
    i->status = a->status;
    i->cluster = a->cluster;
    i->urgency = a->urgency;
    i->sensitivity = a->sensitivity;
    i->opened_ms = a->at_ms;
    (void)text_copy(i->region, sizeof(i->region), a->region);
    (void)text_copy(i->keeper, sizeof(i->keeper), actor);
    (void)text_copy(i->custodian, sizeof(i->custodian), actor);
    (void)text_copy(i->rule_set, sizeof(i->rule_set), set->version);
}

const RuleSet *item_rule_set(const LawContext *ctx, const Item *i, int64_t now_ms) {
    const RuleSet *set = rule_set_find(ctx->rule_sets, i->rule_set);
    return set ? set : rule_set_at(ctx->rule_sets, now_ms, i->region);
}

void fired_tell(Fired *f, const char *to, const Telling *what) {
    if (!to || to[0] == '\0' || f->n >= TELLINGS_MAX)
        return;
    for (uint32_t i = 0; i < f->n; i++)
        if (strcmp(f->tell[i].to, to) == 0)
            return;
    f->tell[f->n] = *what;
    (void)text_copy(f->tell[f->n++].to, NODE_NAME_SIZE, to);
}

void fired_tell_role(Fired *f, const LawContext *ctx, const Item *i, int node_kind,
                     const Telling *what) {
    const DirNode *n = node_kind == NODE_MINISTRY_UNIT
                           ? ministry_directorate(ctx->directory, i->cluster)
                           : directory_by_role(ctx->directory, node_kind, i->region, i->cluster);
    fired_tell(f, n ? n->id : NULL, what);
}

void item_timer_next(Item *i, TimerKind kind, int64_t due_ms) {
    for (uint32_t k = 0; k < i->n_timers && k < ITEM_TIMERS_MAX; k++) {
        Timer *t = &i->timers[k];
        if (t->kind != kind)
            continue;
        t->due_ms = due_ms;
        if (t->level < UINT8_MAX)
            t->level++;
    }
}

/* Whoever has to resolve a complaint late has the time of a classification. */
static int64_t term_of(const LawContext *ctx, const Item *i, TimerKind kind, int64_t from_ms) {
    const TimerKind term = kind == TIMER_RESOLVE ? TIMER_CLASSIFY : kind;
    const int64_t ms = item_timer_due(ctx, i, term, from_ms) - from_ms;
    return i->urgency >= URGENCY_EMERGENCY && ms > 0 ? ms : MAX(ms, DAY_MS);
}

void item_timer_again(const LawContext *ctx, Item *i, TimerKind kind, int64_t now_ms) {
    const Timer *t = item_timer(i, kind);
    if (!t)
        return;
    const int64_t rest_ms = i->kind == ITEM_EVENT ? DAY_MS : REMINDER_DAYS * DAY_MS;
    const int64_t step_ms = t->level < 2 ? term_of(ctx, i, kind, t->due_ms) : rest_ms;
    const int64_t next_ms = t->due_ms + step_ms;
    item_timer_next(i, kind, next_ms > now_ms ? next_ms : now_ms + step_ms);
}

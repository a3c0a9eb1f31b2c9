/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every machine does alike: verdicts, opening an item, telling people of a due timer. */

#include "law/story.h"

static inline Step step_verdict(const Item *i, StepVerdict verdict) {
    return (Step) { .verdict = verdict, .from = i->state, .to = i->state };
}
static inline Step step_illegal(const Item *i, const char *why) {
    return (Step) { .verdict = STEP_ILLEGAL, .from = i->state, .to = i->state, .why = why };
}
/* An exercise or a test changes nothing that is meant; the other way round, an act without the mark
 * takes over that of its item. */
static inline bool act_is_only_exercise(const Item *i, const Act *a) {
    return a->status != MESSAGE_STATUS_UNSPECIFIED && a->status != i->status;
}
/* Puts the item into the state and says so. */
Step step_to(Item *i, const Act *a, int state);

/* The node that acts: of a system that speaks for an owner, the owner (P7 Pasal 33). */
const char *act_actor(const LawContext *ctx, const Act *a);

/* Opens the item: what it takes over from the act, keeper and custodian are the one who acts, and
 * the rule set is the one in force. Keeps what the kind's own part knows already. */
void item_open(const LawContext *ctx, Item *i, const Act *a);
/* The rule set the item was opened under; the one of now_ms when that is not known here. */
const RuleSet *item_rule_set(const LawContext *ctx, const Item *i, int64_t now_ms);

/* Adds somebody who is told; nobody ("" or NULL), and who is told already, is left out. */
void fired_tell(Fired *f, const char *to, const Telling *what);
/* The same for whoever has the role at the item's region and for its cluster. */
void fired_tell_role(Fired *f, const LawContext *ctx, const Item *i, int node_kind,
                     const Telling *what);
/* One level higher, due at due_ms. */
void item_timer_next(Item *i, TimerKind kind, int64_t due_ms);
/* The same for what stays owed: told when it is due and twice more, each one term later (but in an
 * emergency a day at least), then every REMINDER_DAYS, of an event that nobody answers for daily.
 * What a broker missed while it stood still is told once. */
void item_timer_again(const LawContext *ctx, Item *i, TimerKind kind, int64_t now_ms);

#define REMINDER_DAYS 30

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the acts and the timers of a complaint do alike. */

#include "law/machine.h"

#define COMPLAINT_REOPEN_DAYS 30U /* domain 5 */

/* One act on one complaint. */
typedef struct ComplaintTurn {
    const LawContext *ctx;
    const Act *a;
    const ComplaintUpdateFacts *f;
    Item *item;
    Complaint *c;
    const char *actor;
} ComplaintTurn;

static inline bool complaint_actor_is(const ComplaintTurn *t, const char *node) {
    return strcmp(t->actor, node) == 0 || strcmp(t->a->actor, node) == 0;
}
static inline bool complaint_is_holder(const ComplaintTurn *t) {
    return complaint_actor_is(t, t->item->custodian);
}
static inline bool complaint_is_assignee(const ComplaintTurn *t) {
    return t->c->assignee[0] && complaint_actor_is(t, t->c->assignee);
}
static inline bool complaint_is_assigned(int state) {
    return state == COMPLAINT_ASSIGNED || state == COMPLAINT_IN_PROGRESS;
}

/* Puts an open complaint into a state, and the next step upon whoever owes it then. */
void complaint_set_state(Item *item, int state);
Step complaint_go(const ComplaintTurn *t, int state);
void complaint_close(Item *item, bool by_silence, int64_t now_ms);
void complaint_set_assignee(const ComplaintTurn *t, const char *node);
/* Why the node the act names cannot take it; NULL = it can. */
const char *complaint_named_is_barred(const ComplaintTurn *t);

/* --- complaint-hand.c --- */

void complaint_set_holder(const LawContext *ctx, Item *item, const char *node);
/* Makes the next higher level the holder (level 0 puskesos to 3 ministry), never the one complained
 * about; fired is the timer that ran out, or TIMER_NONE. False when there is nobody higher. */
bool complaint_escalate(const LawContext *ctx, Item *item, TimerKind fired, int64_t now_ms);
/* When it was said, wherever that was; nobody says it later than it came. */
int64_t complaint_said_ms(const ComplaintTurn *t);
/* Makes the one who acts the holder when that is whom the complaint has climbed to by the clock
 * where it was kept, before it was handed on to this broker. */
bool complaint_climbed(const ComplaintTurn *t);
Step complaint_on_reroute(const ComplaintTurn *t);
Step complaint_on_not_our_authority(const ComplaintTurn *t);
Step complaint_on_escalate(const ComplaintTurn *t);

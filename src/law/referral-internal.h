/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One act on one referral, as the files of the machine pass it around. */

#include "law/machine.h"

typedef struct ReferralTurn {
    const LawContext *ctx;
    const Act *a;
    const Facts *facts;
    const Item *parent; /* NULL = none, or not known here */
    Item *item;
    Referral *r;
    const char *actor;
} ReferralTurn;

static inline Step referral_illegal(const ReferralTurn *t, const char *why) {
    return step_illegal(t->item, why);
}
static inline Step referral_verdict(const ReferralTurn *t, StepVerdict v) {
    return step_verdict(t->item, v);
}
/* Is it this node that acts, by itself or through the system that speaks for it? */
static inline bool referral_actor_is(const ReferralTurn *t, const char *node) {
    return strcmp(t->actor, node) == 0 || strcmp(t->a->actor, node) == 0;
}

/* Puts an open referral into a state, and the next step upon whoever owes it then. */
void referral_set_state(Item *item, int state);
Step referral_go(const ReferralTurn *t, int state);
/* Ends it in a final state. */
Step referral_end(const ReferralTurn *t, int state);

/* referral-open.c: the request (M01), or the transfer of a case (M45). */
Step referral_on_opening(const ReferralTurn *t);
void referral_start_answer(const ReferralTurn *t, int64_t from_ms);

/* referral-place.c: documents, placement, and what comes after it. */
Codes documents_present(const Documents *d);
/* What the law asks for at that kind of referral, as far as it has come, and is not there yet: what
 * only a placement can bring is not owed before it. */
Codes referral_owed_documents(const Referral *r);
/* R-072 runs while an emergency has deferred something. */
void referral_watch_documents(const ReferralTurn *t);
/* Documents came after a provisional placement. */
Step referral_supplement_placed(const ReferralTurn *t);
Step referral_on_handover(const ReferralTurn *t);
Step referral_on_follow_up(const ReferralTurn *t);
Step referral_on_case_opened(const ReferralTurn *t);

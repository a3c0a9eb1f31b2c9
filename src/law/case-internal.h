/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A case (kasus ATENSI, P7 Pasal 19): seven stages, led by one provider at a time, who is its
 * custodian. What the regulation leaves open is decided so:
 *
 * - One case_id is one item. It moves to another provider at the acceptance of a transfer (M45
 *   answered by M02), or when a referral that hands the person over (kinds in moves_lead()) is
 *   PLACED: until then the regency answers for the person (P4 Pasal 13 ayat (3)). The new
 *   provider's opening (M40) starts the stage log again at stage 1; without one, it goes on from
 *   the stage the case was in. Other referrals (family, programmes, agencies, aftercare) are
 *   services beside the case and move nothing, nor does one that strangers to the case made up.
 * - A second opening by anybody else is illegal: one person, one case id (P7 Pasal 30 huruf d).
 * - A case that nobody opened here is opened provisionally by a case response (stage 2) or by an
 *   update to stage 1, which is the access the opening tells of; the opening is then owed.
 * - What is known of the person rather than of the stages (placed in a home, proposed for the
 *   register) is kept even before the opening and after the end.
 */

#include <string.h>

#include "base/text.h"
#include "law/guards.h"
#include "law/machine.h"

typedef struct CaseTurn {
    const LawContext *ctx;
    const Act *a;
    const Facts *facts;
    const Item *referral, *proposal; /* NULL = none touched */
    Item *item;
    CaseFile *c;
    const char *actor;
} CaseTurn;

static inline Step case_verdict(const CaseTurn *t, StepVerdict v) {
    return step_verdict(t->item, v);
}
static inline Step case_illegal(const CaseTurn *t, const char *why) {
    return step_illegal(t->item, why);
}
static inline Step case_to(const CaseTurn *t, int state) {
    return step_to(t->item, t->a, state);
}
static inline Step case_applied(const CaseTurn *t) {
    return case_to(t, t->item->state);
}
static inline bool case_is_at_stage(int state) {
    return state >= CASE_STAGE_1 && state <= CASE_STAGE_7;
}
static inline bool case_is_actor(const CaseTurn *t, const char *node) {
    return strcmp(node, t->actor) == 0 || strcmp(node, t->a->actor) == 0;
}

/* --- case-lead.c -------------------------------------------------------------------------- */

void case_set_lead(const CaseTurn *t, const char *node);
void case_set_keeper(const CaseTurn *t);
/* Why the one who acts has no say in the case; NULL = leads it. */
const char *case_stranger(const CaseTurn *t);
/* The verdict on a step of the one who leads that everything but its own content decides; NONE =
 * go on. */
Step case_by_lead(const CaseTurn *t);
/* Has the one who acts been given the person by the referral the act is about, and the case with
 * the person? */
bool case_person_was_given(const CaseTurn *t);
bool case_was_given(const CaseTurn *t);
/* May the referral this opening (M40) rests on still give it the case? */
bool case_waits_for_referral(const CaseTurn *t);
/* The stage the work is at, also of a case that was given and not taken up yet; 0 = not known. */
int case_stage_now(const Item *item);
Step case_on_transfer_asked(const CaseTurn *t);
Step case_on_answer(const CaseTurn *t);
Step case_on_placement(const CaseTurn *t);

/* --- case-open.c -------------------------------------------------------------------------- */

Step case_open_provisionally(const CaseTurn *t, int stage);
Step case_on_opened(const CaseTurn *t);
Step case_on_response(const CaseTurn *t);

/* --- case.c ------------------------------------------------------------------------------- */

/* What is told of the person's standing in the register; starts or stops R-120. */
void case_learn_register(const CaseTurn *t, int status);

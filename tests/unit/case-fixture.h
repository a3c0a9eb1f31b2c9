/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For tests of the case machine: acts about one case, and how it answers. */

#include "machine-fixture.h"

#define DSK  "dsk/3203"
#define HOME "uptd/32/pa-02"
#define UPT  "upt/phala-martha"
#define FAR  "upt/satria"

static const Staff worker = { .present = true, .role = HR_ROLE_SOCIAL_WORKER };
static const Staff supervisor = { .present = true,
                                  .role = HR_ROLE_SOCIAL_WORKER,
                                  .competence_supervision = true };

static inline CaseOpenedFacts *opening(Desk *k, const char *actor) {
    CaseOpenedFacts *f = &desk_act(k, KIND_CASE_OPENED, actor)->opened;
    f->access_source = ACCESS_SOURCE_COMPLAINT_REPORT;
    f->case_manager = worker;
    f->dtks_status = DTKS_STATUS_LISTED;
    f->criteria = codes_of(CRITERION_NEGLECT);
    return f;
}

static inline CaseStageFacts *stage(Desk *k, const char *actor, int to, int phase) {
    CaseStageFacts *f = &desk_act(k, KIND_CASE_STAGE_UPDATE, actor)->stage;
    f->stage = (uint8_t)to;
    f->phase = (uint8_t)phase;
    f->supervisor = supervisor;
    f->initial_approach = codes_of(INITIAL_APPROACH_INITIAL_ASSESSMENT);
    f->aspects = codes_of(ASSESSMENT_ASPECT_MEDICAL);
    f->planning_steps = codes_of(PLANNING_STEP_RESOURCE_MAPPING) |
                        codes_of(PLANNING_STEP_PLAN_DRAFTING) |
                        codes_of(PLANNING_STEP_JOINT_DECISION);
    f->approaches = codes_of(APPROACH_FAMILY);
    f->service_forms = codes_of(SERVICE_FORM_THERAPY);
    return f;
}

static inline CaseResponseFacts *response(Desk *k, const char *actor) {
    CaseResponseFacts *f = &desk_act(k, KIND_CASE_RESPONSE, actor)->case_response;
    f->emergency = true;
    f->responded_ms = k->now_ms;
    return f;
}

static inline AftercareFacts *aftercare(Desk *k, const char *actor) {
    AftercareFacts *f = &desk_act(k, KIND_AFTERCARE, actor)->aftercare;
    f->assessment.present = true;
    f->assessment_type = DOCUMENT_TYPE_AFTERCARE_ASSESSMENT;
    f->assessor = worker;
    return f;
}

static inline void termination(Desk *k, const char *actor, int reason) {
    desk_act(k, KIND_TERMINATION, actor)->termination.reason = (uint8_t)reason;
}

static inline const char *says(Desk *k) {
    return desk_says(k, ITEM_CASE);
}

/* The same for a referral that stands as it is given. */
static inline const char *says_with(Desk *k, Item *referral) {
    static char text[96];
    const Items items = { .of = {
                              [ITEM_REFERRAL] = referral, [ITEM_CASE] = &k->items[ITEM_CASE] } };
    const Item before = k->items[ITEM_CASE];
    Step s = { 0 };
    case_apply(&k->ctx, &k->act, &items, &s);
    if (s.verdict != STEP_APPLIED) { /* what a machine does not do, it does not touch */
        assert_memory_equal(&before, &k->items[ITEM_CASE], sizeof(before));
        (void)snprintf(text, sizeof(text), "%s",
                       s.verdict == STEP_NONE    ? "NONE"
                       : s.verdict == STEP_EARLY ? "EARLY"
                                                 : s.why);
    } else
        (void)snprintf(text, sizeof(text), "%s>%s", item_state_name(ITEM_CASE, s.from),
                       item_state_name(ITEM_CASE, s.to));
    return text;
}

static inline Item referral_to(Desk *k, int kind, const char *target, int state) {
    Item r = { .kind = ITEM_REFERRAL, .state = state, .changed_ms = k->act.at_ms };
    r.referral.referral_kind = (uint8_t)kind;
    (void)text_copy(r.referral.requester, NODE_NAME_SIZE, DSK);
    (void)text_copy(r.referral.target, NODE_NAME_SIZE, target);
    return r;
}

/* A case that dsk/3203 opened and brought to the stage. */
static inline Item *case_at(Desk *k, int to) {
    Item *i = desk_item(k, ITEM_CASE);
    opening(k, DSK);
    ASSERT_STR(says(k), "APPLIED NONE>STAGE_1");
    for (int s = CASE_STAGE_2; s <= to; s++) {
        stage(k, DSK, s, STAGE_PHASE_STARTED);
        (void)says(k);
        ASSERT_EQ(i->state, s);
    }
    return i;
}

#define DESK                                                                                       \
    Desk k;                                                                                        \
    desk_init(&k)

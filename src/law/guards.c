/* SPDX-License-Identifier: Apache-2.0 */

/* What a step of a case or an event needs. */

#include "law/guards.h"

#include "base/text.h"

/* From 2 to 5 opens an emergency (P7 Pasal 11 ayat (5)); stage 3, which such a jump has left out,
 * may then be started like any other, once. */
bool guard_stage_follows(int at, const CaseFile *c, const CaseStageFacts *f) {
    const int next = f->stage;
    const bool again = f->phase == STAGE_PHASE_REENTERED;
    if (next < ATENSI_STAGE_ACCESS_FACILITATION || next > ATENSI_STAGE_AFTERCARE_AND_TERMINATION)
        return false;
    if (next == at || next == at + 1)
        return true;
    if (next == ATENSI_STAGE_IMPLEMENTATION)
        return (at == CASE_STAGE_2 && c->emergency) || (at == CASE_STAGE_6 && again);
    return next == ATENSI_STAGE_COMPREHENSIVE_ASSESSMENT && at >= CASE_STAGE_4 &&
           at <= CASE_STAGE_6 && (again || (c->emergency && !codes_has(c->completed, next)));
}

const char *guard_content_lacks(const CaseStageFacts *f) {
    const Codes planning = codes_of(PLANNING_STEP_RESOURCE_MAPPING) |
                           codes_of(PLANNING_STEP_PLAN_DRAFTING) |
                           codes_of(PLANNING_STEP_JOINT_DECISION);
    const bool done = f->phase == STAGE_PHASE_COMPLETED;
    switch (f->stage) {
    case ATENSI_STAGE_INITIAL_APPROACH_AND_AGREEMENT:
        return done && !f->initial_approach ? "NO_INITIAL_APPROACH" : NULL;
    case ATENSI_STAGE_COMPREHENSIVE_ASSESSMENT:
        return done && !f->aspects ? "NO_ASSESSMENT_ASPECT" : NULL;
    case ATENSI_STAGE_SERVICE_PLANNING:
        return done && (f->planning_steps & planning) != planning ? "PLANNING_INCOMPLETE" : NULL;
    case ATENSI_STAGE_IMPLEMENTATION: /* in every phase */
        return !f->approaches || !f->service_forms ? "NO_APPROACH_OR_FORM" : NULL;
    default: /* stage 6 without indicators is a warning */
        return NULL;
    }
}

bool guard_supervises(const Staff *s) {
    return s->role == HR_ROLE_SOCIAL_WORKER && s->competence_supervision;
}

const char *guard_stage_lacks(const CaseStageFacts *f) {
    const Staff *s = &f->supervisor;
    if (f->phase == STAGE_PHASE_COMPLETED && !s->present)
        return "NOT_SUPERVISED";
    if (s->present && !guard_supervises(s))
        return "SUPERVISOR_NOT_COMPETENT";
    if (f->duration && f->duration_basis == DURATION_BASIS_UNSPECIFIED)
        return "NO_DURATION_BASIS";
    return guard_content_lacks(f);
}

/* A certificate holds through its last day; without one it is not known to have expired. */
bool guard_manages_cases(const Staff *s, CivilDate today) {
    const bool expired = civil_is_set(s->certificate_valid_until) &&
                         civil_compare(s->certificate_valid_until, today) < 0;
    return s->present && s->role == HR_ROLE_SOCIAL_WORKER && !expired;
}

const char *guard_opening_lacks(const CaseOpenedFacts *f, CivilDate today) {
    if (f->access_source == ACCESS_SOURCE_UNSPECIFIED)
        return "NO_ACCESS_SOURCE";
    return guard_manages_cases(&f->case_manager, today) ? NULL : "NO_CASE_MANAGER";
}

/* Of type 14, made for the aftercare, or a social worker's assessment in general (4). */
bool guard_aftercare_is_assessed(const AftercareFacts *f) {
    return f->assessment.present &&
           (f->assessment_type == DOCUMENT_TYPE_AFTERCARE_ASSESSMENT ||
            f->assessment_type == DOCUMENT_TYPE_SOCIAL_WORKER_ASSESSMENT) &&
           f->assessor.role == HR_ROLE_SOCIAL_WORKER;
}

bool guard_may_terminate(int state, int reason) {
    return state == CASE_STAGE_7 || reason == TERMINATION_REASON_WITHDRAWN ||
           reason == TERMINATION_REASON_DECEASED || reason == TERMINATION_REASON_LOST_CONTACT ||
           reason == TERMINATION_REASON_REFERRED_OUT;
}

bool guard_verifies_events(int node_kind) {
    return node_kind_is_upt(node_kind) || node_kind == NODE_NATIONAL_HUB ||
           node_kind == NODE_COMMAND_CENTER || node_kind == NODE_SOCIAL_AGENCY_PROVINCE ||
           node_kind == NODE_SOCIAL_AGENCY_REGENCY || node_kind == NODE_MINISTRY_UNIT;
}

static bool kind_answers_for_register(const DirNode *n) {
    return n && n->kind > NODE_UNSPECIFIED && n->kind < NODE_KIND_MAX_ &&
           (kind_info(KIND_DTKS_RESULT)->publishers >> n->kind & 1U);
}

bool guard_answers_for_register(const Directory *d, const char *node, const char *region) {
    const DirNode *n = directory_node(d, node);
    const DirNode *owner = n ? directory_speaks_for(d, n) : NULL;
    return n && (kind_answers_for_register(n) || kind_answers_for_register(owner)) &&
           guard_is_of_place(owner ? owner : n, region);
}

static bool is_agency(const DirNode *n) {
    return n->kind == NODE_SOCIAL_AGENCY_PROVINCE || n->kind == NODE_SOCIAL_AGENCY_REGENCY;
}

bool guard_lies_in(const DirNode *n, const char *region) {
    char area[REGION_SIZE];
    node_region(n->id, area);
    return text_starts_with(region, area) || text_starts_with(area, region);
}

bool guard_is_of_place(const DirNode *n, const char *region) {
    return !is_agency(n) || guard_lies_in(n, region);
}

bool guard_answers_for_place(const Directory *d, const char *node, const char *region) {
    const DirNode *n = directory_node(d, node);
    return n && is_agency(n) && guard_is_of_place(n, region);
}

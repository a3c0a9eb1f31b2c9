/* SPDX-License-Identifier: Apache-2.0 */

/* the seven stages of ATENSI (tahapan, P7 Pasal 19 to 27) and their supervision. */

#include "law/guards.h"
#include "law/rules-internal.h"

/* --- order of stages ------------------------------------------------------------------------ */

/* After termination no stage follows: that is a new case (domain 5). A transferred case is not
 * judged: the new home may know it as transferred by the acts that brought it there. */
Severity rule_100(const RuleInput *in) {
    const Item *file = in->known->case_file;
    if (!file || file->state == CASE_NONE || file->state == CASE_TRANSFERRED)
        return SEVERITY_NONE;
    return refuse_if(
        !guard_stage_follows(file->state, &file->case_file, &in->message->facts.stage));
}

Severity rule_110(const RuleInput *in) {
    const Item *file = in->known->case_file;
    return refuse_if(file && file->state >= CASE_STAGE_1 && file->state < CASE_STAGE_7 &&
                     !guard_may_terminate(file->state, in->message->facts.termination.reason));
}

/* --- who supervises and who leads ----------------------------------------------------------- */

Severity rule_101(const RuleInput *in) {
    const CaseStageFacts *f = &in->message->facts.stage;
    if (f->supervisor.present)
        return SEVERITY_NONE;
    if (f->phase == STAGE_PHASE_COMPLETED)
        return SEVERITY_REFUSE;
    return warn_if(f->phase == STAGE_PHASE_STARTED);
}

Severity rule_102(const RuleInput *in) {
    const Staff *s = &in->message->facts.stage.supervisor;
    return refuse_if(s->present && !guard_supervises(s));
}

Severity rule_103(const RuleInput *in) {
    return refuse_if(!guard_manages_cases(&in->message->facts.opened.case_manager, rule_today(in)));
}

/* --- what a stage has to show --------------------------------------------------------------- */

static Severity lacks_content(const RuleInput *in, AtensiStage stage) {
    const CaseStageFacts *f = &in->message->facts.stage;
    return refuse_if(f->stage == stage && guard_content_lacks(f));
}

Severity rule_104(const RuleInput *in) {
    return lacks_content(in, ATENSI_STAGE_INITIAL_APPROACH_AND_AGREEMENT);
}

Severity rule_105(const RuleInput *in) {
    return lacks_content(in, ATENSI_STAGE_COMPREHENSIVE_ASSESSMENT);
}

Severity rule_106(const RuleInput *in) {
    return lacks_content(in, ATENSI_STAGE_SERVICE_PLANNING);
}

/* In every phase: without approach and form there is no implementation to tell of. */
Severity rule_107(const RuleInput *in) {
    return lacks_content(in, ATENSI_STAGE_IMPLEMENTATION);
}

Severity rule_108(const RuleInput *in) {
    const CaseStageFacts *f = &in->message->facts.stage;
    return warn_if(f->stage == ATENSI_STAGE_MONITORING_AND_EVALUATION &&
                   f->phase == STAGE_PHASE_COMPLETED && !f->indicators);
}

Severity rule_111(const RuleInput *in) {
    const CaseStageFacts *f = &in->message->facts.stage;
    return refuse_if(f->duration && f->duration_basis == DURATION_BASIS_UNSPECIFIED);
}

/* --- aftercare, emergency, supervision copy ------------------------------------------------- */

Severity rule_109(const RuleInput *in) {
    return refuse_if(!guard_aftercare_is_assessed(&in->message->facts.aftercare));
}

Severity rule_114(const RuleInput *in) {
    return refuse_if(!in->message->facts.case_response.emergency);
}

Severity rule_115(const RuleInput *in) {
    if (!in->message->env.no_supervision || !is_about_a_case(in))
        return SEVERITY_NONE;
    const DirNode *n = directory_speaks_for(in->directory, in->sender);
    return refuse_if(n && (n->kind == NODE_UPTD || n->kind == NODE_LKS || n->kind == NODE_LKSA));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Facts that lie deeper than the fields of their message, sums over lists, and what the messages
 * between brokers may not lack. */

#include "serasi/v1/case.pb-c.h"
#include "serasi/v1/data.pb-c.h"
#include "serasi/v1/directory.pb-c.h"
#include "serasi/v1/event.pb-c.h"
#include "serasi/v1/referral.pb-c.h"
#include "serasi/v1/report.pb-c.h"

#include "base/text.h"
#include "wire/codec-facts.h"

/* Report cells of so few persons could name them (domain: aggregates below five are suppressed). */
#define SMALL_CELL_MAX 4U

/* A sum that is out of all reason stays where every reader of it can hold it. */
static void add_persons(uint32_t *sum, uint32_t n) {
    *sum = (uint32_t)MIN((uint64_t)*sum + n, (uint64_t)INT32_MAX);
}

static void take_handover(const Serasi__V1__HandoverMinutes *in, HandoverMinutesFacts *f) {
    const Serasi__V1__FollowUpPlan *plan = in->follow_up_plan;
    f->follow_up_plan = plan != NULL;
    if (!plan)
        return;
    f->interval_days = plan->interval_days;
    take_staff(plan->worker, &f->worker);
}

static void take_stage(const Serasi__V1__CaseStageUpdate *in, CaseStageFacts *f) {
    f->duration = in->duration != NULL;
    if (!in->duration)
        return;
    f->duration_basis = take_code((int)in->duration->basis);
    take_date(in->duration->until, &f->duration_until);
}

static void take_report(const Serasi__V1__TieredReport *in, TieredReportFacts *f) {
    if (in->period) {
        take_date(in->period->begins_on, &f->period_begins_on);
        take_date(in->period->ends_on, &f->period_ends_on);
    }
    for (size_t i = 0; i < in->n_counts; i++) {
        const Serasi__V1__ReportCell *cell = in->counts[i];
        f->small_cell |= !cell->suppressed && cell->persons > 0 && cell->persons <= SMALL_CELL_MAX;
    }
}

static void take_staff_count(const Serasi__V1__StaffCount *in, NodeRecordFacts *f) {
    switch ((int)in->role) {
    case HR_ROLE_SOCIAL_WORKER:
    case HR_ROLE_SAKTI_PEKSOS:
    case HR_ROLE_ADDICTION_SOCIAL_WORKER:
        add_persons(&f->social_workers, in->persons);
        break;
    case HR_ROLE_SOCIAL_WELFARE_WORKER:
        add_persons(&f->welfare_workers, in->persons);
        break;
    case HR_ROLE_SOCIAL_VOLUNTEER:
        add_persons(&f->volunteers, in->persons);
        break;
    default:
        break;
    }
}

static void take_node_record(const Serasi__V1__NodeRecord *in, NodeRecordFacts *f) {
    if (in->accreditation) {
        f->accreditation_grade = take_code((int)in->accreditation->grade);
        take_date(in->accreditation->valid_until, &f->accreditation_valid_until);
    }
    if (in->designation) {
        f->designation_by = take_code((int)in->designation->by);
        f->designation_scope = take_code((int)in->designation->scope);
        take_date(in->designation->valid_until, &f->designation_valid_until);
    }
    f->staff_told = in->n_staff > 0;
    for (size_t i = 0; i < in->n_staff; i++)
        take_staff_count(in->staff[i], f);
}

static void take_capacity(const Serasi__V1__CapacityUpdate *in, CapacityUpdateFacts *f) {
    for (size_t i = 0; i < in->n_free_places; i++)
        add_persons(&f->places, in->free_places[i]->places);
}

static uint32_t affected_persons(const Serasi__V1__EventCounts *in) {
    return in ? in->affected_persons : 0;
}

static const char *check_receipt(const Serasi__V1__Receipt *in) {
    if (in->message_id.len == 0)
        return "facts.message_id: not 16 bytes";
    if ((int)in->level <= LEVEL_NONE || (int)in->level > LEVEL_COLLECTED_LATE)
        return "facts.level: out of range";
    if ((int)in->cause < CAUSE_NONE || (int)in->cause > CAUSE_SUPERSEDED)
        return "facts.cause: out of range";
    return NULL;
}

/* A region that is too long for a code is cut: no directory knows it either way. */
static void take_event(const Serasi__V1__ExtraordinaryEvent *in, EventFacts *f) {
    f->affected_persons = affected_persons(in->counts);
    for (size_t i = 0; i < in->n_regions && i < EVENT_REGIONS_MAX; i++)
        (void)text_copy(f->regions[i], sizeof(f->regions[i]), in->regions[i]);
}

const char *facts_take_nested(int kind, const ProtobufCMessage *m, Facts *ret) {
    const void *in = m;
    switch (kind) {
    case KIND_HANDOVER_MINUTES:
        take_handover(in, &ret->handover);
        return NULL;
    case KIND_EXTRAORDINARY_EVENT:
        take_event(in, &ret->event);
        return NULL;
    case KIND_EVENT_SITUATION:
        ret->situation.affected_persons =
            affected_persons(((const Serasi__V1__EventSituation *)in)->counts);
        return NULL;
    case KIND_CASE_STAGE_UPDATE:
        take_stage(in, &ret->stage);
        return NULL;
    case KIND_AFTERCARE: {
        const Serasi__V1__DocumentRef *assessment = ((const Serasi__V1__Aftercare *)in)->assessment;
        ret->aftercare.assessment_type = assessment ? take_code((int)assessment->type) : 0;
        return NULL;
    }
    case KIND_TIERED_REPORT:
        take_report(in, &ret->report);
        return NULL;
    case KIND_NODE_RECORD:
        take_node_record(in, &ret->node);
        return NULL;
    case KIND_CAPACITY_UPDATE:
        take_capacity(in, &ret->capacity);
        return NULL;
    case KIND_RECEIPT:
        return check_receipt(in);
    case KIND_RECALL_ORDER:
        return ((const Serasi__V1__RecallOrder *)in)->message_id.len > 0
                   ? NULL
                   : "facts.message_id: not 16 bytes";
    default:
        return NULL;
    }
}

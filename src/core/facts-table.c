/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The rows of core/facts.h. Rows that wire/ fills by hand, from messages inside the message, have
 * no field number. A row's place is its tag in the packed form, which the store keeps: append only.
 */

#include <stddef.h>

#include "core/facts.h"

_Static_assert(sizeof(Facts) - offsetof(Facts, handover) - sizeof(HandoverMinutesFacts) <
                   _Alignof(Facts),
               "the first member of the union is not the largest");

/* Repeating .count of a row without one would be noise. */
#define ROW(n, t, m)                                                                               \
    { .number = (n), .type = (t), .offset = offsetof(Facts, m), .size = sizeof(((Facts *)NULL)->m) }
#define IDS(n, m, counter)                                                                         \
    {                                                                                              \
        .number = (n), .type = FACT_IDS, .offset = offsetof(Facts, m),                             \
        .size = sizeof(((Facts *)NULL)->m), .count = offsetof(Facts, counter)                      \
    }
#define CODE(n, m)      ROW(n, FACT_CODE, m)
#define CODES(n, m)     ROW(n, FACT_CODES, m)
#define FLAG(n, m)      ROW(n, FACT_FLAG, m)
#define NUMBER(n, m)    ROW(n, FACT_NUMBER, m)
#define DATE(n, m)      ROW(n, FACT_DATE, m)
#define TIME(n, m)      ROW(n, FACT_TIME, m)
#define ID(n, m)        ROW(n, FACT_ID, m)
#define TEXT(n, m)      ROW(n, FACT_TEXT, m)
#define COUNT(n, m)     ROW(n, FACT_COUNT, m)
#define STAFF(n, m)     ROW(n, FACT_STAFF, m)
#define DOCUMENT(n, m)  ROW(n, FACT_DOCUMENT, m)
#define DOCUMENTS(n, m) ROW(n, FACT_DOCUMENTS, m)

/* --- referrals (rujukan) --- */

static const FactField request[] = {
    CODE(1, request.referral_kind),
    CODE(2, request.basis),
    CODE(3, request.target_unit),
    CODES(4, request.criteria),
    CODES(5, request.ppks_types),
    CODE(6, request.age_band),
    CODES(7, request.child_criteria),
    CODES(8, request.outside_criteria),
    CODES(9, request.home_criteria),
    CODES(10, request.advanced_criteria),
    DATE(11, request.outside_service_started_on),
    DATE(12, request.home_service_started_on),
    FLAG(13, request.reunified),
    DATE(14, request.requested_on),
    CODE(15, request.approach),
    CODES(16, request.earlier_approaches),
    DOCUMENTS(17, request.documents),
    CODE(18, request.consent_giver),
    STAFF(19, request.assessor),
    CODE(20, request.law_role),
    FLAG(21, request.diversion),
    CODE(22, request.dtks_status),
    FLAG(23, request.emergency),
    DATE(24, request.docs_due_on),
    TIME(25, request.reply_by_ms),
    ID(26, request.parent_referral_id),
};

static const FactField response[] = {
    ID(1, response.referral_id), CODE(2, response.decision),    CODE(3, response.decline_reason),
    CODES(4, response.missing),  TEXT(5, response.redirect_to), DATE(6, response.placement_from),
};

static const FactField update[] = {
    ID(1, update.referral_id),
    CODE(2, update.action),
    DOCUMENTS(3, update.documents),
    CODE(4, update.reason),
};

static const FactField handover[] = {
    ID(1, handover.referral_id),       DOCUMENTS(2, handover.documents), /* the minutes */
    DOCUMENTS(3, handover.documents), /* the health certificate */
    TEXT(4, handover.handed_over_by),  TEXT(5, handover.received_by),
    DATE(6, handover.handed_over_on),  DOCUMENTS(8, handover.documents),
    FLAG(0, handover.follow_up_plan),  STAFF(0, handover.worker),
    NUMBER(0, handover.interval_days),
};

static const FactField follow_up[] = {
    ID(1, follow_up.referral_id), DATE(2, follow_up.visited_on), STAFF(3, follow_up.worker),
    CODE(4, follow_up.outcome),   DATE(5, follow_up.next_on),
};

/* --- complaints (pengaduan) --- */

static const FactField complaint[] = {
    CODE(1, complaint.type),        CODE(2, complaint.channel),    CODE(3, complaint.subject),
    DATE(4, complaint.received_on), TEXT(5, complaint.about_node), FLAG(6, complaint.anonymous),
    FLAG(7, complaint.harm_now),
};

static const FactField complaint_update[] = {
    ID(1, complaint_update.complaint_id), CODE(2, complaint_update.action),
    TEXT(3, complaint_update.assignee),   NUMBER(4, complaint_update.level),
    TIME(5, complaint_update.due_ms),     ID(6, complaint_update.new_case_id),
    ID(7, complaint_update.new_event_id), CODE(8, complaint_update.type),
    FLAG(9, complaint_update.inspection),
};

/* --- extraordinary events (kejadian luar biasa) --- */

static const FactField event[] = {
    CODE(1, event.event_type),
    CODE(2, event.status),
    COUNT(3, event.n_regions),
    TIME(4, event.occurred_ms),
    DOCUMENT(8, event.declaration),
    TEXT(9, event.lead_node),
    CODE(10, event.message_type),
    ID(11, event.event_id),
    IDS(12, event.references, event.n_references),
    NUMBER(0, event.affected_persons),
};

static const FactField situation[] = {
    ID(1, situation.event_id),
    NUMBER(2, situation.seq),
    CODE(4, situation.status),
    NUMBER(0, situation.affected_persons),
};

static const FactField acknowledgement[] = {
    ID(1, acknowledgement.event_id),
    STAFF(2, acknowledgement.by),
    FLAG(3, acknowledgement.can_help),
};

static const FactField case_response[] = {
    ID(1, case_response.case_id),        FLAG(2, case_response.emergency),
    CODES(3, case_response.needs),       CODES(4, case_response.given),
    TIME(5, case_response.responded_ms), ID(7, case_response.event_id),
    CODES(8, case_response.given_needs), DATE(9, case_response.food_since),
};

/* --- cases (kasus) --- */

static const FactField finding[] = {
    DATE(1, finding.found_on),    CODES(2, finding.criteria),   CODES(3, finding.ppks_types),
    CODE(4, finding.target_unit), CODE(5, finding.dtks_status), FLAG(6, finding.harm_now),
};

static const FactField opened[] = {
    CODE(1, opened.access_source),   ID(2, opened.origin_id),     CODE(3, opened.cluster),
    CODES(4, opened.criteria),       CODE(5, opened.target_unit), STAFF(6, opened.case_manager),
    CODE(7, opened.dtks_status),     CODE(8, opened.basis),       CODES(9, opened.outside_criteria),
    DOCUMENTS(10, opened.documents),
};

static const FactField stage[] = {
    CODE(1, stage.stage),
    CODE(2, stage.phase),
    DATE(3, stage.on),
    STAFF(4, stage.supervisor),
    CODES(5, stage.initial_approach),
    CODES(6, stage.aspects),
    CODES(7, stage.planning_steps),
    CODES(8, stage.approaches),
    CODES(9, stage.service_forms),
    CODES(10, stage.indicators),
    CODE(12, stage.dtks_status),
    FLAG(0, stage.duration),
    CODE(0, stage.duration_basis),
    DATE(0, stage.duration_until),
};

static const FactField conference[] = {
    CODE(1, conference.kind),
    DATE(2, conference.held_on),
    CODES(3, conference.participants),
    DATE(4, conference.decides_duration_until),
};

static const FactField aftercare[] = {
    DOCUMENT(1, aftercare.assessment), STAFF(2, aftercare.assessor),
    TEXT(3, aftercare.receiving_node), CODES(4, aftercare.measures),
    DATE(5, aftercare.until),          CODE(0, aftercare.assessment_type),
};

static const FactField termination[] = {
    CODE(1, termination.reason),
    DATE(2, termination.on),
    FLAG(3, termination.aftercare_done),
};

static const FactField transfer[] = {
    TEXT(1, transfer.from_node), TEXT(2, transfer.to_node),         CODE(3, transfer.reason),
    CODE(4, transfer.stage),     CODES(5, transfer.open_documents),
};

/* --- register, reports, directory, data subjects --- */

static const FactField proposal[] = {
    CODE(1, proposal.reason),
    FLAG(2, proposal.identity_complete),
    DATE(3, proposal.proposed_on),
};

static const FactField proposal_result[] = {
    ID(1, proposal_result.proposal_id),
    CODE(2, proposal_result.result),
    CODE(3, proposal_result.reason),
};

static const FactField report[] = {
    CODE(1, report.report_type),
    DATE(0, report.period_begins_on),
    DATE(0, report.period_ends_on),
    FLAG(0, report.small_cell),
};

static const FactField supervision[] = {
    CODE(1, supervision.basis),
    TEXT(2, supervision.about_node),
    CODES(3, supervision.findings),
    DATE(4, supervision.due_on),
};

static const FactField assistance[] = {
    TEXT(1, assistance.regency),
    CODE(2, assistance.reason),
};

static const FactField node[] = {
    TEXT(1, node.id),
    CODE(2, node.kind),
    FLAG(8, node.inactive),
    FLAG(9, node.no_clients),
    CODE(0, node.accreditation_grade),
    DATE(0, node.accreditation_valid_until),
    CODE(0, node.designation_by),
    CODE(0, node.designation_scope),
    DATE(0, node.designation_valid_until),
    FLAG(0, node.staff_told),
    NUMBER(0, node.social_workers),
    NUMBER(0, node.welfare_workers),
    NUMBER(0, node.volunteers),
    NUMBER(16, node.capacity),
    FLAG(10, node.ipwl),
    FLAG(11, node.lpks),
    FLAG(12, node.national_referral_centre),
    FLAG(13, node.ska),
    FLAG(14, node.odhiv),
    CODES(7, node.clusters),
    CODES(15, node.bases),
    CODES(23, node.no_longer),
};

static const FactField capacity[] = {
    TIME(2, capacity.as_of_ms),
    NUMBER(0, capacity.places),
};

static const FactField subject[] = {
    ID(1, subject.case_id),
    CODE(2, subject.action),
    TIME(3, subject.due_ms),
};

/* --- between brokers --- */

static const FactField receipt[] = {
    ID(1, receipt.message_id), TEXT(2, receipt.recipient), NUMBER(3, receipt.level),
    NUMBER(4, receipt.cause),  TEXT(5, receipt.leg),       TIME(6, receipt.said_ms),
};

static const FactField recall[] = {
    ID(1, recall.message_id),
};

static const FactField notice[] = {
    TEXT(1, notice.code),    CODE(2, notice.item_kind),    ID(3, notice.item_id),
    NUMBER(4, notice.level), TEXT(5, notice.owed_by_node), TIME(6, notice.due_ms),
};

static const FactField wrap_request[] = {
    ID(1, wrap_request.message_id), TEXT(2, wrap_request.recipient_node),
    CODE(3, wrap_request.reason),   TEXT(4, wrap_request.instead_of_node),
    TIME(6, wrap_request.asked_ms),
};

static const FactField key_request[] = {
    TEXT(3, key_request.by_node),
};

static const FactField seal_wrap[] = {
    ID(1, seal_wrap.message_id),
    COUNT(2, seal_wrap.wraps),
};

const FactField *facts_fields(int kind, size_t *ret_n) {
    static const struct {
        MessageKind kind;
        const FactField *rows;
        size_t n;
    } table[] = {
#define KIND(k, rows) { KIND_##k, rows, ARRAY_SIZE(rows) }
        KIND(REFERRAL_REQUEST, request),
        KIND(REFERRAL_RESPONSE, response),
        KIND(REFERRAL_UPDATE, update),
        KIND(HANDOVER_MINUTES, handover),
        KIND(FAMILY_FOLLOW_UP, follow_up),
        KIND(COMPLAINT, complaint),
        KIND(COMPLAINT_UPDATE, complaint_update),
        KIND(EXTRAORDINARY_EVENT, event),
        KIND(EVENT_SITUATION, situation),
        KIND(CASE_RESPONSE, case_response),
        KIND(EVENT_ACKNOWLEDGEMENT, acknowledgement),
        KIND(OUTREACH_FINDING, finding),
        KIND(CASE_OPENED, opened),
        KIND(CASE_STAGE_UPDATE, stage),
        KIND(CASE_CONFERENCE, conference),
        KIND(AFTERCARE, aftercare),
        KIND(TERMINATION, termination),
        KIND(CASE_TRANSFER, transfer),
        KIND(DTKS_PROPOSAL, proposal),
        KIND(DTKS_RESULT, proposal_result),
        KIND(TIERED_REPORT, report),
        KIND(SUPERVISION_NOTICE, supervision),
        KIND(SUPERVISION_ASSISTANCE_REQUEST, assistance),
        KIND(NODE_RECORD, node),
        KIND(CAPACITY_UPDATE, capacity),
        KIND(DATA_SUBJECT_ACTION, subject),
        KIND(RECEIPT, receipt),
        KIND(RECALL_ORDER, recall),
        KIND(NOTICE, notice),
        KIND(WRAP_REQUEST, wrap_request),
        KIND(SEAL_WRAP, seal_wrap),
        KIND(KEY_REQUEST, key_request),
#undef KIND
    };
    *ret_n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if ((int)table[i].kind == kind) {
            *ret_n = table[i].n;
            return table[i].rows;
        }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

#include "serasi/v1/case.pb-c.h"
#include "serasi/v1/complaint.pb-c.h"
#include "serasi/v1/data.pb-c.h"
#include "serasi/v1/directory.pb-c.h"
#include "serasi/v1/event.pb-c.h"
#include "serasi/v1/key.pb-c.h"
#include "serasi/v1/receipt.pb-c.h"
#include "serasi/v1/referral.pb-c.h"
#include "serasi/v1/report.pb-c.h"
#include "serasi/v1/sealed.pb-c.h"
#include "serasi/v1/wrap.pb-c.h"

#include "base/cleanup.h"
#include "core/codes.h"
#include "wire/kinds.h"

const ProtobufCMessageDescriptor *kind_facts(int kind) {
    static const struct {
        MessageKind kind;
        const ProtobufCMessageDescriptor *facts;
    } table[] = {
        { KIND_REFERRAL_REQUEST, &serasi__v1__referral_request__descriptor },
        { KIND_REFERRAL_RESPONSE, &serasi__v1__referral_response__descriptor },
        { KIND_REFERRAL_UPDATE, &serasi__v1__referral_update__descriptor },
        { KIND_HANDOVER_MINUTES, &serasi__v1__handover_minutes__descriptor },
        { KIND_FAMILY_FOLLOW_UP, &serasi__v1__family_follow_up__descriptor },
        { KIND_COMPLAINT, &serasi__v1__complaint__descriptor },
        { KIND_COMPLAINT_UPDATE, &serasi__v1__complaint_update__descriptor },
        { KIND_EXTRAORDINARY_EVENT, &serasi__v1__extraordinary_event__descriptor },
        { KIND_EVENT_SITUATION, &serasi__v1__event_situation__descriptor },
        { KIND_EVENT_ACKNOWLEDGEMENT, &serasi__v1__event_acknowledgement__descriptor },
        { KIND_CASE_RESPONSE, &serasi__v1__case_response__descriptor },
        { KIND_OUTREACH_FINDING, &serasi__v1__outreach_finding__descriptor },
        { KIND_CASE_OPENED, &serasi__v1__case_opened__descriptor },
        { KIND_CASE_STAGE_UPDATE, &serasi__v1__case_stage_update__descriptor },
        { KIND_CASE_CONFERENCE, &serasi__v1__case_conference__descriptor },
        { KIND_AFTERCARE, &serasi__v1__aftercare__descriptor },
        { KIND_TERMINATION, &serasi__v1__termination__descriptor },
        { KIND_CASE_TRANSFER, &serasi__v1__case_transfer__descriptor },
        { KIND_DTKS_PROPOSAL, &serasi__v1__dtks_proposal__descriptor },
        { KIND_DTKS_RESULT, &serasi__v1__dtks_result__descriptor },
        { KIND_TIERED_REPORT, &serasi__v1__tiered_report__descriptor },
        { KIND_SUPERVISION_NOTICE, &serasi__v1__supervision_notice__descriptor },
        { KIND_SUPERVISION_ASSISTANCE_REQUEST,
          &serasi__v1__supervision_assistance_request__descriptor },
        { KIND_NODE_RECORD, &serasi__v1__node_record__descriptor },
        { KIND_CAPACITY_UPDATE, &serasi__v1__capacity_update__descriptor },
        { KIND_DATA_SUBJECT_ACTION, &serasi__v1__data_subject_action__descriptor },
        { KIND_RECEIPT, &serasi__v1__receipt__descriptor },
        { KIND_RECALL_ORDER, &serasi__v1__recall_order__descriptor },
        { KIND_NOTICE, &serasi__v1__notice__descriptor },
        { KIND_WRAP_REQUEST, &serasi__v1__wrap_request__descriptor },
        { KIND_SEAL_WRAP, &serasi__v1__seal_wrap__descriptor },
        { KIND_KEY_REQUEST, &serasi__v1__key_request__descriptor },
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if ((int)table[i].kind == kind)
            return table[i].facts;
    return NULL;
}

const ProtobufCMessageDescriptor *kind_sealed(int kind) {
    static const struct {
        MessageKind kind;
        const ProtobufCMessageDescriptor *text;
    } table[] = {
        { KIND_REFERRAL_REQUEST, &serasi__v1__referral_request_sealed__descriptor },
        { KIND_REFERRAL_RESPONSE, &serasi__v1__referral_response_sealed__descriptor },
        { KIND_REFERRAL_UPDATE, &serasi__v1__referral_update_sealed__descriptor },
        { KIND_HANDOVER_MINUTES, &serasi__v1__handover_minutes_sealed__descriptor },
        { KIND_FAMILY_FOLLOW_UP, &serasi__v1__family_follow_up_sealed__descriptor },
        { KIND_COMPLAINT, &serasi__v1__complaint_sealed__descriptor },
        { KIND_COMPLAINT_UPDATE, &serasi__v1__complaint_update_sealed__descriptor },
        { KIND_EXTRAORDINARY_EVENT, &serasi__v1__extraordinary_event_sealed__descriptor },
        { KIND_EVENT_SITUATION, &serasi__v1__event_situation_sealed__descriptor },
        { KIND_CASE_RESPONSE, &serasi__v1__case_response_sealed__descriptor },
        { KIND_OUTREACH_FINDING, &serasi__v1__outreach_finding_sealed__descriptor },
        { KIND_CASE_OPENED, &serasi__v1__case_opened_sealed__descriptor },
        { KIND_CASE_STAGE_UPDATE, &serasi__v1__case_stage_update_sealed__descriptor },
        { KIND_CASE_CONFERENCE, &serasi__v1__case_conference_sealed__descriptor },
        { KIND_AFTERCARE, &serasi__v1__aftercare_sealed__descriptor },
        { KIND_TERMINATION, &serasi__v1__termination_sealed__descriptor },
        { KIND_CASE_TRANSFER, &serasi__v1__case_transfer_sealed__descriptor },
        { KIND_DTKS_PROPOSAL, &serasi__v1__dtks_proposal_sealed__descriptor },
        { KIND_DTKS_RESULT, &serasi__v1__dtks_result_sealed__descriptor },
        { KIND_SUPERVISION_NOTICE, &serasi__v1__supervision_notice_sealed__descriptor },
        { KIND_SUPERVISION_ASSISTANCE_REQUEST,
          &serasi__v1__supervision_assistance_request_sealed__descriptor },
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if ((int)table[i].kind == kind)
            return table[i].text;
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Facts: what rules and state machines read of the clear part of a message, as plain values. One
 * struct per kind, filled by the table in facts.c; wire/ reads protobuf through that table, the
 * store keeps a packed form of it. Names are those of proto/serasi/v1, which documents them.
 *
 * Unset is zero everywhere. A list of codes is a Codes: bit n stands for the value n; values of 32
 * and above (newer than this broker) are left out; a single code that does not fit its uint8_t is
 * UINT8_MAX: given, and nothing this broker knows. Of documents only the last issued of each type
 * is kept, without number and locator: those are personal data by the rules of the house.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/times.h"
#include "base/uuid.h"
#include "core/codes.h"
#include "core/limits.h"
#include "core/terms.h"

typedef uint32_t Codes;

static inline bool codes_has(Codes set, int value) {
    return value > 0 && value < 32 && (set >> value & 1U);
}
static inline Codes codes_of(int value) {
    return value > 0 && value < 32 ? UINT32_C(1) << value : 0;
}

#define DOCUMENT_TYPES (DOCUMENT_TYPE_OTHER + 1)

typedef struct Document {
    bool present;
    uint8_t issuer_kind; /* IssuerKind */
    CivilDate issued_on;
    char issuer[NODE_NAME_SIZE]; /* node id, may be empty */
} Document;

typedef struct Documents {
    Document of[DOCUMENT_TYPES]; /* by DocumentType */
} Documents;

/* A member of staff by role (RoleRef). */
typedef struct Staff {
    bool present, competence_supervision;
    uint8_t role; /* HrRole */
    CivilDate certificate_valid_until;
} Staff;

typedef struct ReferralRequestFacts {
    uint8_t referral_kind, basis, target_unit, age_band, approach, consent_giver, law_role,
        dtks_status;
    bool reunified, diversion, emergency;
    Codes criteria, ppks_types, child_criteria, outside_criteria, home_criteria, advanced_criteria,
        earlier_approaches;
    CivilDate outside_service_started_on, home_service_started_on, requested_on, docs_due_on;
    int64_t reply_by_ms;
    Uuid parent_referral_id;
    Staff assessor;
    Documents documents;
} ReferralRequestFacts;

typedef struct ReferralResponseFacts {
    Uuid referral_id;
    uint8_t decision, decline_reason;
    Codes missing;
    CivilDate placement_from;
    char redirect_to[NODE_NAME_SIZE];
} ReferralResponseFacts;

typedef struct ReferralUpdateFacts {
    Uuid referral_id;
    uint8_t action, reason;
    Documents documents;
} ReferralUpdateFacts;

typedef struct HandoverMinutesFacts {
    Uuid referral_id;
    CivilDate handed_over_on;
    uint32_t interval_days; /* of the follow-up plan */
    bool follow_up_plan;
    Staff worker;        /* of the follow-up plan */
    Documents documents; /* minutes, health certificate and all others */
    char handed_over_by[NODE_NAME_SIZE], received_by[NODE_NAME_SIZE];
} HandoverMinutesFacts;

typedef struct FamilyFollowUpFacts {
    Uuid referral_id;
    CivilDate visited_on, next_on;
    Staff worker;
    uint8_t outcome;
} FamilyFollowUpFacts;

typedef struct ComplaintFacts {
    uint8_t type, channel, subject;
    bool anonymous, harm_now;
    CivilDate received_on;
    char about_node[NODE_NAME_SIZE];
} ComplaintFacts;

typedef struct ComplaintUpdateFacts {
    Uuid complaint_id, new_case_id, new_event_id;
    uint8_t action, type;
    bool inspection;
    uint32_t level;
    int64_t due_ms;
    char assignee[NODE_NAME_SIZE];
} ComplaintUpdateFacts;

#define EVENT_REGIONS_MAX    64U
#define EVENT_REFERENCES_MAX 8U /* later ones are not looked at */

typedef struct EventFacts {
    uint8_t event_type, status, message_type;
    uint32_t n_regions, n_references;
    int64_t occurred_ms;
    uint32_t affected_persons;
    Uuid event_id, references[EVENT_REFERENCES_MAX];
    Document declaration;
    char lead_node[NODE_NAME_SIZE];
    char regions[EVENT_REGIONS_MAX][REGION_SIZE]; /* the first n_regions; for rules, not packed */
} EventFacts;

typedef struct EventSituationFacts {
    Uuid event_id;
    uint32_t seq, affected_persons;
    uint8_t status;
} EventSituationFacts;

typedef struct EventAcknowledgementFacts {
    Uuid event_id;
    Staff by;
    bool can_help;
} EventAcknowledgementFacts;

typedef struct CaseResponseFacts {
    Uuid case_id, event_id;
    bool emergency;
    Codes needs, given, given_needs;
    int64_t responded_ms;
    CivilDate food_since;
} CaseResponseFacts;

typedef struct OutreachFindingFacts {
    CivilDate found_on;
    Codes criteria, ppks_types;
    uint8_t target_unit, dtks_status;
    bool harm_now;
} OutreachFindingFacts;

typedef struct CaseOpenedFacts {
    uint8_t access_source, cluster, target_unit, dtks_status, basis;
    Uuid origin_id;
    Codes criteria, outside_criteria;
    Staff case_manager;
    Documents documents;
} CaseOpenedFacts;

typedef struct CaseStageFacts {
    uint8_t stage, phase, dtks_status, duration_basis;
    bool duration; /* a duration is given */
    CivilDate on, duration_until;
    Codes initial_approach, aspects, planning_steps, approaches, service_forms, indicators;
    Staff supervisor;
} CaseStageFacts;

typedef struct CaseConferenceFacts {
    uint8_t kind;
    CivilDate held_on, decides_duration_until;
    Codes participants;
} CaseConferenceFacts;

typedef struct AftercareFacts {
    Document assessment;
    uint8_t assessment_type; /* DocumentType the assessment says it is */
    Staff assessor;
    char receiving_node[NODE_NAME_SIZE];
    Codes measures;
    CivilDate until;
} AftercareFacts;

typedef struct TerminationFacts {
    uint8_t reason;
    CivilDate on;
    bool aftercare_done;
} TerminationFacts;

typedef struct CaseTransferFacts {
    char from_node[NODE_NAME_SIZE], to_node[NODE_NAME_SIZE];
    uint8_t reason, stage;
    Codes open_documents;
} CaseTransferFacts;

typedef struct DtksProposalFacts {
    uint8_t reason;
    bool identity_complete;
    CivilDate proposed_on;
} DtksProposalFacts;

typedef struct DtksResultFacts {
    Uuid proposal_id;
    uint8_t result, reason;
} DtksResultFacts;

typedef struct TieredReportFacts {
    uint8_t report_type;
    CivilDate period_begins_on, period_ends_on;
    bool small_cell; /* a count of one to four persons is told */
} TieredReportFacts;

typedef struct SupervisionNoticeFacts {
    uint8_t basis;
    char about_node[NODE_NAME_SIZE];
    Codes findings;
    CivilDate due_on;
} SupervisionNoticeFacts;

typedef struct AssistanceRequestFacts {
    char regency[REGION_SIZE];
    uint8_t reason;
} AssistanceRequestFacts;

/* Of a NodeRecord what R-075, the machines and law/record.c ask; what the network needs (parent,
 * home, broker, service areas) changes only by an import of the operator. */
typedef struct NodeRecordFacts {
    char id[NODE_NAME_SIZE];
    uint8_t kind, accreditation_grade, designation_by, designation_scope;
    bool inactive, no_clients, staff_told;
    CivilDate accreditation_valid_until, designation_valid_until;
    uint32_t social_workers, welfare_workers, volunteers; /* persons */
    uint32_t capacity;
    bool ipwl, lpks, national_referral_centre, ska, odhiv;
    Codes clusters, bases; /* Cluster, Approach */
    Codes no_longer;       /* NodeField */
} NodeRecordFacts;

typedef struct CapacityUpdateFacts {
    int64_t as_of_ms;
    uint32_t places; /* sum of all free places told */
} CapacityUpdateFacts;

typedef struct DataSubjectActionFacts {
    Uuid case_id;
    uint8_t action;
    int64_t due_ms;
} DataSubjectActionFacts;

typedef struct ReceiptFacts {
    Uuid message_id;
    char recipient[NODE_NAME_SIZE], leg[NODE_NAME_SIZE];
    int level, cause;
    int64_t said_ms;
} ReceiptFacts;

typedef struct RecallFacts {
    Uuid message_id;
} RecallFacts;

typedef struct NoticeFacts {
    char code[24];
    uint8_t item_kind;
    uint32_t level;
    Uuid item_id;
    char owed_by_node[NODE_NAME_SIZE];
    int64_t due_ms;
} NoticeFacts;

typedef struct WrapRequestFacts {
    Uuid message_id;
    char recipient_node[NODE_NAME_SIZE], instead_of_node[NODE_NAME_SIZE];
    uint8_t reason; /* WrapReason */
    int64_t asked_ms;
} WrapRequestFacts;

typedef struct SealWrapFacts {
    Uuid message_id;
    uint32_t wraps;
} SealWrapFacts;

/* What is asked for is read where it is decided (key-request.h). */
typedef struct KeyRequestFacts {
    char by_node[NODE_NAME_SIZE];
} KeyRequestFacts;

typedef struct Facts {
    bool readable; /* decoded: false for a kind newer than this broker */
    /* First clear text field (of envelope or facts) that holds what R-004 forbids: a run of 16
     * digits, an e-mail address or a phone number; or the first id that is a NIK. Empty = none. */
    char personal_field[64];
    union {                            /* by the envelope's kind */
        HandoverMinutesFacts handover; /* the largest first: { 0 } clears all of them */
        ReferralRequestFacts request;
        ReferralResponseFacts response;
        ReferralUpdateFacts update;
        FamilyFollowUpFacts follow_up;
        ComplaintFacts complaint;
        ComplaintUpdateFacts complaint_update;
        EventFacts event;
        EventSituationFacts situation;
        EventAcknowledgementFacts acknowledgement;
        CaseResponseFacts case_response;
        OutreachFindingFacts finding;
        CaseOpenedFacts opened;
        CaseStageFacts stage;
        CaseConferenceFacts conference;
        AftercareFacts aftercare;
        TerminationFacts termination;
        CaseTransferFacts transfer;
        DtksProposalFacts proposal;
        DtksResultFacts proposal_result;
        TieredReportFacts report;
        SupervisionNoticeFacts supervision;
        AssistanceRequestFacts assistance;
        NodeRecordFacts node;
        CapacityUpdateFacts capacity;
        DataSubjectActionFacts subject;
        ReceiptFacts receipt;
        RecallFacts recall;
        NoticeFacts notice;
        WrapRequestFacts wrap_request;
        SealWrapFacts seal_wrap;
        KeyRequestFacts key_request;
    };
} Facts;

/* --- the table ---------------------------------------------------------------------------- */

typedef enum FactType {
    FACT_CODE = 1, /* uint8_t of an enum or a small number */
    FACT_CODES,    /* Codes of a repeated enum */
    FACT_FLAG,     /* bool */
    FACT_NUMBER,   /* uint32_t */
    FACT_DATE,     /* CivilDate */
    FACT_TIME,     /* int64_t */
    FACT_ID,       /* Uuid */
    FACT_IDS,      /* Uuid[], with the count in the uint32_t at `count` */
    FACT_TEXT,     /* char[size]: a node id, a region or a code */
    FACT_COUNT,    /* uint32_t: how many of a repeated field there are */
    FACT_STAFF,    /* Staff */
    FACT_DOCUMENT, /* Document */
    FACT_DOCUMENTS /* Documents of one or more DocumentRef; several fields may feed one */
} FactType;

typedef struct FactField {
    uint16_t number; /* of the field in the protobuf message; 0 = wire/ fills it by hand */
    uint8_t type;    /* FactType */
    uint16_t offset; /* in Facts */
    uint16_t size;   /* of the member */
    uint16_t count;  /* FACT_IDS: offset of the counter in Facts */
} FactField;

/* The fields of a kind; NULL with *ret_n = 0 for a kind without any. Never keeps state. */
const FactField *facts_fields(int kind, size_t *ret_n);

/* --- packed form -------------------------------------------------------------------------- */

#define FACTS_PACKED_MAX 2048U

/* Writes the facts of a kind (not personal_field) into buf. Returns the bytes used, at least 1; 0
 * when it does not fit. Fields are tagged by their place in the table: rows may be added at the
 * end, and never move. A kind without a table packs to nothing but the name of the form. */
size_t facts_pack(int kind, const Facts *f, uint8_t *buf, size_t size);
/* False when the bytes are not such a form; safe on any bytes. */
bool facts_unpack(int kind, Bytes b, Facts *ret);

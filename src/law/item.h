/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Items: what the law lets a message be about, and how it stands. An item is a projection of the
 * stream of messages: it changes only when a message is accepted (or a timer of it fires), in the
 * same transaction, and can be made again from the acts that were recorded. Pure: the store keeps
 * items and acts, law/ says what an act does to them. Nothing here names a person.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "core/directory.h"
#include "core/facts.h"
#include "core/message.h"
#include "law/rule-set.h"
#include "law/timers.h"

typedef enum ItemKind { /* numbers as in receipt.proto */
                        ITEM_NONE = 0,
                        ITEM_REFERRAL = 1,  /* rujukan (P7 Pasal 1 angka 6), or a case transfer (P7
                                               Pasal 31 huruf b) */
                        ITEM_COMPLAINT = 2, /* pengaduan (P4 Pasal 8) */
                        ITEM_CASE = 3,      /* kasus ATENSI (P7 Pasal 19) */
                        ITEM_EVENT = 4,     /* kejadian luar biasa (P7 Pasal 30 huruf c) */
                        ITEM_PROPOSAL = 5,  /* usulan masuk data terpadu (P7 Pasal 43) */
                        ITEM_NODE = 6, /* a node's reports and supervision (P4 Pasal 29 ayat (3),
                                          Pasal 28) */
                        ITEM_KINDS,
} ItemKind;

typedef enum ReferralState {
    REFERRAL_NONE = 0, /* only early acts so far */
    REFERRAL_SUBMITTED,
    REFERRAL_DELIVERED, /* collected by the target's system */
    REFERRAL_RECEIVED,  /* a person at the target has it */
    REFERRAL_NEEDS_DOCUMENTS,
    REFERRAL_WAITLISTED,
    REFERRAL_ACCEPTED,
    REFERRAL_PLACED_PROVISIONAL,
    REFERRAL_PLACED,
    REFERRAL_CANCEL_REQUESTED,
    REFERRAL_SUPERIOR_DECIDES, /* redirected too often, or back: the common superior must decide */
    REFERRAL_COMPLETED,        /* this and all below are final */
    REFERRAL_DECLINED,
    REFERRAL_REDIRECTED,
    REFERRAL_NOT_OUR_AUTHORITY, /* bukan wewenang */
    REFERRAL_CANCELLED,
    REFERRAL_EXPIRED,
    REFERRAL_UNDELIVERABLE,
} ReferralState;

#define REDIRECTS_MAX 2U /* more go to the common superior */

typedef struct Referral {
    bool transfer; /* of a case between Serasi nodes: opened by CASE_TRANSFER */
    bool emergency, reunified, superior_decided;
    bool chain_unknown; /* of what it continues not all is known here: it cannot be counted */
    uint8_t referral_kind, basis, state_before_cancel, redirect_count, consent_giver, dtks_status;
    uint8_t reached; /* how far it got at the target: SUBMITTED, DELIVERED or RECEIVED */
    Codes documents; /* DocumentTypes supplied so far, by whatever message */
    Codes missing;   /* asked for */
    CivilDate requested_on, docs_due_on, placed_on, home_service_started_on;
    uint32_t follow_up_days; /* RF-1: between two visits */
    char requester[NODE_NAME_SIZE], target[NODE_NAME_SIZE], redirect_to[NODE_NAME_SIZE];
    Uuid parent;                                    /* the referral that was redirected; nil */
    Uuid sent_on_by;                                /* the answer that sent this one on; nil */
    char former[REDIRECTS_MAX + 1][NODE_NAME_SIZE]; /* targets before this one, oldest first */
} Referral;

typedef enum ComplaintState {
    COMPLAINT_NONE = 0,
    COMPLAINT_RECEIVED,
    COMPLAINT_CLASSIFIED,
    COMPLAINT_ASSIGNED,
    COMPLAINT_IN_PROGRESS,
    COMPLAINT_RESOLVED,
    COMPLAINT_SUPERIOR_DECIDES, /* rerouted too often, or back */
    COMPLAINT_CLOSED,           /* this and all below are final, but CLOSED can be reopened */
    COMPLAINT_REJECTED_INVALID,
} ComplaintState;

typedef struct Complaint {
    uint8_t type, channel, subject, level; /* level: 0 puskesos, 1 regency, 2 province or UPT,
                                              3 ministry */
    bool anonymous, harm_now, inspection;
    bool resolved; /* followed up: by RESOLVE, or by what it became */
    bool closed_by_silence;
    uint8_t reroute_count;
    char origin[NODE_NAME_SIZE], about_node[NODE_NAME_SIZE], assignee[NODE_NAME_SIZE];
    char former[REDIRECTS_MAX + 1][NODE_NAME_SIZE]; /* holders before this one, oldest first */
    int64_t said_ms; /* since when its holder has to classify it, as was said */
    int64_t closed_ms;
    Uuid became; /* case_id or event_id */
} Complaint;

typedef enum CaseState {
    CASE_NONE = 0,
    CASE_STAGE_1,
    CASE_STAGE_2,
    CASE_STAGE_3,
    CASE_STAGE_4,
    CASE_STAGE_5,
    CASE_STAGE_6,
    CASE_STAGE_7,
    CASE_TERMINATED,  /* final */
    CASE_TRANSFERRED, /* given to forward_to, whose next act takes it up */
} CaseState;          /* CASE_STAGE_n == n */

typedef struct CaseFile {
    bool provisional; /* opened by a case response, the opening itself is owed */
    bool emergency, aftercare, dtks_proposed, in_home; /* in_home: placed in a social home */
    uint8_t phase;                                     /* StagePhase of the state's stage */
    uint8_t dtks_status, target_unit, basis, access_source, termination_reason;
    uint8_t stage_given; /* TRANSFERRED: stage it was in, where the new provider goes on or, by an
                            opening, starts again; 0 = not known */
    Codes completed;     /* stages completed at least once */
    Codes criteria;
    CivilDate food_since, placed_on;
    char provider[NODE_NAME_SIZE];   /* who leads the case now */
    char home_dsk[NODE_NAME_SIZE];   /* regency agency of the region: keeps the single case id */
    char forward_to[NODE_NAME_SIZE]; /* once transferred: who has it since */
    Uuid origin;                     /* message the case came from, or the case before this one */
} CaseFile;

typedef enum EventState { /* = EventStatus of codes.proto */
                          EVENT_NONE = 0,
                          EVENT_REPORTED,
                          EVENT_VERIFIED,
                          EVENT_ACTIVE,
                          EVENT_STABILISED,
                          EVENT_CLOSED, /* this and all below are final */
                          EVENT_FALSE_ALARM,
} EventState;

typedef struct Event {
    uint8_t event_type;
    bool declared, cancelled;
    uint32_t situation_seq, n_acknowledged;
    int64_t occurred_ms;
    char lead_node[NODE_NAME_SIZE];
    char situation_by[NODE_NAME_SIZE]; /* whose counter situation_seq is */
    Uuid last_message;                 /* the message that stands for the event now */
    Uuid last_situation;               /* the newest situation report; nil = none */
} Event;

typedef enum ProposalState {
    PROPOSAL_NONE = 0,
    PROPOSAL_PROPOSED,
    PROPOSAL_RECEIVED,
    PROPOSAL_VERIFIED,
    PROPOSAL_RATIFIED,
    PROPOSAL_REJECTED, /* may be proposed again */
    PROPOSAL_LISTED,   /* final */
} ProposalState;

typedef struct Proposal {
    char proposer[NODE_NAME_SIZE];
    uint8_t reason;
} Proposal;

typedef enum NodeState {
    OVERSIGHT_NONE = 0,
    OVERSIGHT_KNOWN,
} NodeState;

typedef struct Oversight {
    char node[NODE_NAME_SIZE];
    int64_t assistance_asked_ms; /* the governor asked for help with this regency (M62); 0 never */
    int64_t inactive_since_ms;   /* its yearly monitoring is overdue; 0 no */
    int64_t reported_ms;         /* last EVALUATION or child report */
    uint32_t free_places;        /* last capacity told; UINT32_MAX = never */
} Oversight;

#define ITEM_TIMERS_MAX 8U

typedef struct Item {
    ItemKind kind;
    Uuid id;      /* referral, complaint, event, proposal: message_id of the opening message; case:
                     case_id; node: item_node_id() */
    Uuid case_id; /* nil = none */
    int state;    /* of the kind's own list; 0 = not opened yet */
    bool final, flagged; /* flagged: an act on record was illegal */
    uint8_t status;      /* MessageStatus: meant, exercise, test */
    uint8_t cluster, urgency, sensitivity;
    char region[REGION_SIZE];
    char keeper[NODE_NAME_SIZE];    /* who opened it: timers run at its home broker */
    char custodian[NODE_NAME_SIZE]; /* exactly one: who answers for it now */
    char owes[NODE_NAME_SIZE];      /* who owes the next step; "" = nobody */
    int64_t opened_ms, changed_ms;
    char rule_set[RULE_SET_VERSION_SIZE]; /* that holds for it: the one of its opening */
    uint32_t n_acts, n_early;             /* acts on record; of them still held */
    uint32_t n_timers;
    Timer timers[ITEM_TIMERS_MAX];
    union {
        Referral referral;
        Complaint complaint;
        CaseFile case_file;
        Event event;
        Proposal proposal;
        Oversight oversight;
    };
} Item;

const char *item_kind_name(int kind);             /* "referral" */
const char *item_state_name(int kind, int state); /* "PLACED_PROVISIONAL"; "" when unknown */
/* Id of the item that stands for a node: the first half of BLAKE2b-256 of its name. */
Uuid item_node_id(const char *node);

/* --- acts --------------------------------------------------------------------------------- */

/* What a message does, without its sealed part, its numbers and its names: what is recorded. */
typedef struct Act {
    Uuid message_id, case_id, correlation_id, causation_id;
    int kind;
    char actor[NODE_NAME_SIZE];  /* sender */
    char target[NODE_NAME_SIZE]; /* first addressee as resolved; "" = none or a scope */
    char region[REGION_SIZE];
    uint8_t cluster, urgency, sensitivity, status;
    int64_t said_ms, at_ms; /* created; accepted by the broker that keeps the record */
    int64_t expires_ms;     /* as the sender said; 0 = not */
    const Facts *facts;     /* borrowed */
} Act;

/* n_to addressees as they were resolved. *ret borrows m->facts; d finds the holder of a complaint.
 * How long a broker tries to deliver what names no expiry is no matter of the act. */
void act_of_message(const Directory *d, const Message *m, const Recipient *to, uint32_t n_to,
                    int64_t at_ms, Act *ret);

#define ACT_PACKED_MAX  (FACTS_PACKED_MAX + 512U)
#define ITEM_PACKED_MAX 1536U

/* 0 when it does not fit (it always does in the maximum). */
size_t act_pack(const Act *a, uint8_t *buf, size_t size);
bool act_unpack(Bytes b, Act *ret, Facts *ret_facts); /* *ret borrows *ret_facts */
size_t item_pack(const Item *i, uint8_t *buf, size_t size);
bool item_unpack(Bytes b, Item *ret);
bool item_equal(const Item *a, const Item *b);

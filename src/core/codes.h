/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The code lists the broker itself looks at; numbers are those of proto/serasi/v1/codes.proto
 * (wire/codec.c asserts that they agree). Comments there name the law's terms and articles.
 */

#include <stdbool.h>
#include <stdint.h>

typedef enum MessageKind {
    KIND_UNSPECIFIED = 0,
    KIND_REFERRAL_REQUEST = 1,
    KIND_REFERRAL_RESPONSE = 2,
    KIND_REFERRAL_UPDATE = 3,
    KIND_HANDOVER_MINUTES = 4,
    KIND_FAMILY_FOLLOW_UP = 5,
    KIND_COMPLAINT = 10,
    KIND_COMPLAINT_UPDATE = 11,
    KIND_EXTRAORDINARY_EVENT = 20,
    KIND_EVENT_SITUATION = 21,
    KIND_CASE_RESPONSE = 22,
    KIND_EVENT_ACKNOWLEDGEMENT = 23,
    KIND_OUTREACH_FINDING = 30,
    KIND_CASE_OPENED = 40,
    KIND_CASE_STAGE_UPDATE = 41,
    KIND_CASE_CONFERENCE = 42,
    KIND_AFTERCARE = 43,
    KIND_TERMINATION = 44,
    KIND_CASE_TRANSFER = 45,
    KIND_DTKS_PROPOSAL = 50,
    KIND_DTKS_RESULT = 51,
    KIND_TIERED_REPORT = 60,
    KIND_SUPERVISION_NOTICE = 61,
    KIND_SUPERVISION_ASSISTANCE_REQUEST = 62,
    KIND_NODE_RECORD = 70,
    KIND_CAPACITY_UPDATE = 71,
    KIND_DATA_SUBJECT_ACTION = 80,
    KIND_RECEIPT = 90,
    KIND_RECALL_ORDER = 91,
    KIND_NOTICE = 92,
    KIND_WRAP_REQUEST = 93,
    KIND_SEAL_WRAP = 94,
    KIND_KEY_REQUEST = 95,
} MessageKind;

/* Table of kinds: what the broker must know of each. NULL for a kind newer than this broker. */
typedef struct KindInfo {
    MessageKind kind;
    const char *name;    /* "REFERRAL_REQUEST" */
    bool case_bearing;   /* carries a person's case: cluster is mandatory */
    bool event;          /* may go to an event scope and use urgency EVENT */
    bool bulk;           /* rides the BULK lane at urgency ROUTINE */
    uint32_t publishers; /* bit set of NodeKind: who may publish */
} KindInfo;
const KindInfo *kind_info(int kind);

/* Node kinds, numbers as in codes.proto. */
typedef enum NodeKind {
    NODE_UNSPECIFIED = 0,
    NODE_NATIONAL_HUB = 1,
    NODE_MINISTRY_UNIT = 2,
    NODE_COMMAND_CENTER = 3,
    NODE_UPT_BALAI_BESAR = 4,
    NODE_UPT_BALAI = 5,
    NODE_UPT_LOKA = 6,
    NODE_SOCIAL_AGENCY_PROVINCE = 7,
    NODE_SOCIAL_AGENCY_REGENCY = 8,
    NODE_UPTD = 9,
    NODE_LKS = 10,
    NODE_LKSA = 11,
    NODE_PUSKESOS = 12,
    NODE_REGIONAL_REFERRAL_SYSTEM = 13,
    NODE_BASIC_SERVICE_SYSTEM = 14,
    NODE_POSYANDU_LANSIA = 15,
    NODE_CHILD_WELFARE_TEAM = 16,
    NODE_PARTNER_AGENCY = 17,
    NODE_HOME_AFFAIRS = 18,
    NODE_INTEGRATION_CLIENT = 19,
    NODE_KIND_MAX_ = 20,
} NodeKind;
/* "SOCIAL_AGENCY_REGENCY"; "UNSPECIFIED" for numbers it does not know. */
const char *node_kind_name(int kind);
/* Balai besar, balai and loka: the ministry's units, which run the regional brokers. */
static inline bool node_kind_is_upt(int kind) {
    return kind >= NODE_UPT_BALAI_BESAR && kind <= NODE_UPT_LOKA;
}

typedef enum Cluster {
    CLUSTER_ANY = 0, /* unspecified */
    CLUSTER_CHILD = 1,
    CLUSTER_DISABILITY = 2,
    CLUSTER_SOCIAL_OUTCAST_AND_TRAFFICKING = 3,
    CLUSTER_DRUG_ABUSE_VICTIM = 4,
    CLUSTER_ELDERLY = 5,
    CLUSTER_DISASTER_VICTIM = 6,
    CLUSTER_OTHER_PPKS = 7,
} Cluster;

typedef enum Urgency {
    URGENCY_UNSPECIFIED = 0,
    URGENCY_ROUTINE = 1,
    URGENCY_PRIORITY = 2,
    URGENCY_EMERGENCY = 3,
    URGENCY_EVENT = 4,
} Urgency;

typedef enum ReceiptPolicy {
    RECEIPTS_DEFAULT = 0,
    RECEIPTS_WITH_DEPOSITED = 1,
    RECEIPTS_FAILURES_ONLY = 2,
} ReceiptPolicy;

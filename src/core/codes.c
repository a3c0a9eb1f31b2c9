/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Kinds of messages and who may publish them: the "from" column of the message catalogue (domain
 * 2.3), where LKS stands for LKSA too (a LKSA is a LKS for children, P4 Pasal 1 angka 11).
 * Systems that act for an owner (SLRT, BSS, integration clients) are listed only where the law
 * names them; otherwise they may publish what their owner may, which R-002 looks up.
 */

#include <stddef.h>

#include "base/cleanup.h"
#include "core/codes.h"

#define BIT(k)    (UINT32_C(1) << (k))
#define ANY_NODE  (BIT(NODE_KIND_MAX_) - 2)
#define MIN_UNIT  BIT(NODE_MINISTRY_UNIT)
#define UPT       (BIT(NODE_UPT_BALAI_BESAR) | BIT(NODE_UPT_BALAI) | BIT(NODE_UPT_LOKA))
#define DSP       BIT(NODE_SOCIAL_AGENCY_PROVINCE)
#define DSK       BIT(NODE_SOCIAL_AGENCY_REGENCY)
#define UPTD      BIT(NODE_UPTD)
#define LKSA      BIT(NODE_LKSA)
#define LKS       (BIT(NODE_LKS) | LKSA)
#define PKS       BIT(NODE_PUSKESOS)
#define PART      BIT(NODE_PARTNER_AGENCY)
#define CC        BIT(NODE_COMMAND_CENTER)
#define INT       BIT(NODE_INTEGRATION_CLIENT)
#define PROVIDERS (UPT | UPTD | LKS | DSK | PKS)
/* Every "from" and "to" of the referral edges RF-1 to RF-11 (domain 1.2). */
#define REFERRERS (PROVIDERS | MIN_UNIT | DSP | PART)

#define CASE  .case_bearing = true
#define EVENT .event = true
#define BULK  .bulk = true
#define KIND(n, who, ...)                                                                          \
    { .kind = KIND_##n, .name = #n, .publishers = (who), __VA_ARGS__ }

/* In the order of their numbers. */
static const KindInfo kinds[] = {
    KIND(REFERRAL_REQUEST, REFERRERS, CASE),
    KIND(REFERRAL_RESPONSE, REFERRERS, CASE),
    KIND(REFERRAL_UPDATE, REFERRERS, CASE),
    KIND(HANDOVER_MINUTES, PROVIDERS | PART, CASE),
    KIND(FAMILY_FOLLOW_UP, DSK | PKS | LKSA, CASE),
    KIND(COMPLAINT, ANY_NODE),
    /* Holder, assignee and reporter each have actions of their own (domain 5): any node. */
    KIND(COMPLAINT_UPDATE, ANY_NODE),
    /* Who may go beyond status REPORTED is R-140, not R-002. */
    KIND(EXTRAORDINARY_EVENT, ANY_NODE, EVENT),
    KIND(EVENT_SITUATION, ANY_NODE, EVENT),
    KIND(CASE_RESPONSE, PROVIDERS, CASE),
    KIND(EVENT_ACKNOWLEDGEMENT, ANY_NODE),
    KIND(OUTREACH_FINDING, UPT | PKS | DSK | LKS, CASE),
    KIND(CASE_OPENED, PROVIDERS, CASE),
    KIND(CASE_STAGE_UPDATE, PROVIDERS, CASE),
    KIND(CASE_CONFERENCE, PROVIDERS, CASE),
    KIND(AFTERCARE, PROVIDERS, CASE),
    KIND(TERMINATION, PROVIDERS, CASE),
    KIND(CASE_TRANSFER, UPT, CASE),
    KIND(DTKS_PROPOSAL, PROVIDERS, CASE),
    KIND(DTKS_RESULT, INT | DSK | MIN_UNIT, CASE),
    KIND(TIERED_REPORT, DSK | DSP, BULK),
    KIND(SUPERVISION_NOTICE, MIN_UNIT | DSP | UPT),
    KIND(SUPERVISION_ASSISTANCE_REQUEST, DSP),
    KIND(NODE_RECORD, ANY_NODE, BULK),
    KIND(CAPACITY_UPDATE, PROVIDERS),
    /* The controller of a case file: whoever may have opened or referred it. */
    KIND(DATA_SUBJECT_ACTION, REFERRERS | CC, CASE),
    KIND(RECEIPT, 0),
    KIND(RECALL_ORDER, ANY_NODE),
    KIND(NOTICE, 0),
    KIND(WRAP_REQUEST, 0),
    KIND(SEAL_WRAP, ANY_NODE),
    KIND(KEY_REQUEST, 0),
};

const KindInfo *kind_info(int kind) {
    size_t low = 0, high = ARRAY_SIZE(kinds);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if ((int)kinds[middle].kind < kind)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ARRAY_SIZE(kinds) && (int)kinds[low].kind == kind ? &kinds[low] : NULL;
}

const char *node_kind_name(int kind) {
    static const char *const names[NODE_KIND_MAX_] = {
        [NODE_UNSPECIFIED] = "UNSPECIFIED",
        [NODE_NATIONAL_HUB] = "NATIONAL_HUB",
        [NODE_MINISTRY_UNIT] = "MINISTRY_UNIT",
        [NODE_COMMAND_CENTER] = "COMMAND_CENTER",
        [NODE_UPT_BALAI_BESAR] = "UPT_BALAI_BESAR",
        [NODE_UPT_BALAI] = "UPT_BALAI",
        [NODE_UPT_LOKA] = "UPT_LOKA",
        [NODE_SOCIAL_AGENCY_PROVINCE] = "SOCIAL_AGENCY_PROVINCE",
        [NODE_SOCIAL_AGENCY_REGENCY] = "SOCIAL_AGENCY_REGENCY",
        [NODE_UPTD] = "UPTD",
        [NODE_LKS] = "LKS",
        [NODE_LKSA] = "LKSA",
        [NODE_PUSKESOS] = "PUSKESOS",
        [NODE_REGIONAL_REFERRAL_SYSTEM] = "REGIONAL_REFERRAL_SYSTEM",
        [NODE_BASIC_SERVICE_SYSTEM] = "BASIC_SERVICE_SYSTEM",
        [NODE_POSYANDU_LANSIA] = "POSYANDU_LANSIA",
        [NODE_CHILD_WELFARE_TEAM] = "CHILD_WELFARE_TEAM",
        [NODE_PARTNER_AGENCY] = "PARTNER_AGENCY",
        [NODE_HOME_AFFAIRS] = "HOME_AFFAIRS",
        [NODE_INTEGRATION_CLIENT] = "INTEGRATION_CLIENT",
    };
    return kind >= 0 && kind < NODE_KIND_MAX_ ? names[kind] : names[NODE_UNSPECIFIED];
}

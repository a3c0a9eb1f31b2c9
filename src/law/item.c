/* SPDX-License-Identifier: Apache-2.0 */

/* Names of items and their states, and what is kept of a message as an act. */

#include "law/item.h"
#include "base/hash.h"
#include "base/text.h"
#include "law/holder.h"

const char *item_kind_name(int kind) {
    static const char *const names[ITEM_KINDS] = {
        [ITEM_REFERRAL] = "referral", [ITEM_COMPLAINT] = "complaint", [ITEM_CASE] = "case",
        [ITEM_EVENT] = "event",       [ITEM_PROPOSAL] = "proposal",   [ITEM_NODE] = "node",
    };
    return kind > ITEM_NONE && kind < ITEM_KINDS ? names[kind] : "";
}

#define STATE(prefix, n) [prefix##_##n] = #n

static const char *const referral_states[] = {
    STATE(REFERRAL, NONE),
    STATE(REFERRAL, SUBMITTED),
    STATE(REFERRAL, DELIVERED),
    STATE(REFERRAL, RECEIVED),
    STATE(REFERRAL, NEEDS_DOCUMENTS),
    STATE(REFERRAL, WAITLISTED),
    STATE(REFERRAL, ACCEPTED),
    STATE(REFERRAL, PLACED_PROVISIONAL),
    STATE(REFERRAL, PLACED),
    STATE(REFERRAL, CANCEL_REQUESTED),
    STATE(REFERRAL, SUPERIOR_DECIDES),
    STATE(REFERRAL, COMPLETED),
    STATE(REFERRAL, DECLINED),
    STATE(REFERRAL, REDIRECTED),
    STATE(REFERRAL, NOT_OUR_AUTHORITY),
    STATE(REFERRAL, CANCELLED),
    STATE(REFERRAL, EXPIRED),
    STATE(REFERRAL, UNDELIVERABLE),
};
static const char *const complaint_states[] = {
    STATE(COMPLAINT, NONE),
    STATE(COMPLAINT, RECEIVED),
    STATE(COMPLAINT, CLASSIFIED),
    STATE(COMPLAINT, ASSIGNED),
    STATE(COMPLAINT, IN_PROGRESS),
    STATE(COMPLAINT, RESOLVED),
    STATE(COMPLAINT, CLOSED),
    STATE(COMPLAINT, SUPERIOR_DECIDES),
    STATE(COMPLAINT, REJECTED_INVALID),
};
static const char *const case_states[] = {
    STATE(CASE, NONE),       STATE(CASE, STAGE_1),     STATE(CASE, STAGE_2), STATE(CASE, STAGE_3),
    STATE(CASE, STAGE_4),    STATE(CASE, STAGE_5),     STATE(CASE, STAGE_6), STATE(CASE, STAGE_7),
    STATE(CASE, TERMINATED), STATE(CASE, TRANSFERRED),
};
static const char *const event_states[] = {
    STATE(EVENT, NONE),        STATE(EVENT, REPORTED),   STATE(EVENT, VERIFIED),
    STATE(EVENT, ACTIVE),      STATE(EVENT, STABILISED), STATE(EVENT, CLOSED),
    STATE(EVENT, FALSE_ALARM),
};
static const char *const proposal_states[] = {
    STATE(PROPOSAL, NONE),     STATE(PROPOSAL, PROPOSED), STATE(PROPOSAL, RECEIVED),
    STATE(PROPOSAL, VERIFIED), STATE(PROPOSAL, RATIFIED), STATE(PROPOSAL, REJECTED),
    STATE(PROPOSAL, LISTED),
};
static const char *const node_states[] = {
    STATE(OVERSIGHT, NONE),
    STATE(OVERSIGHT, KNOWN),
};

const char *item_state_name(int kind, int state) {
    static const struct {
        const char *const *names;
        int n;
    } lists[ITEM_KINDS] = {
        [ITEM_REFERRAL] = { referral_states, ARRAY_SIZE(referral_states) },
        [ITEM_COMPLAINT] = { complaint_states, ARRAY_SIZE(complaint_states) },
        [ITEM_CASE] = { case_states, ARRAY_SIZE(case_states) },
        [ITEM_EVENT] = { event_states, ARRAY_SIZE(event_states) },
        [ITEM_PROPOSAL] = { proposal_states, ARRAY_SIZE(proposal_states) },
        [ITEM_NODE] = { node_states, ARRAY_SIZE(node_states) },
    };
    bool known = kind > ITEM_NONE && kind < ITEM_KINDS && state >= 0 && state < lists[kind].n;
    return known ? lists[kind].names[state] : "";
}

Uuid item_node_id(const char *node) {
    uint8_t digest[DIGEST_SIZE];
    Uuid id;
    hash_digest(bytes_make(node, strlen(node)), digest);
    memcpy(id.b, digest, sizeof(id.b));
    return id;
}

/* --- acts --- */

/* The same on every broker: what the sender wrote, where that names a node, and the holder of a
 * complaint as the law finds it (domain 4.6). */
static const char *act_target(const Directory *d, const Message *m, const Recipient *to,
                              uint32_t n_to) {
    const Audience *a = &m->env.audience;
    const char *holder = m->env.kind == KIND_COMPLAINT ? holder_of_complaint(d, m) : "";
    if (holder[0])
        return holder;
    if (a->form == AUDIENCE_NODES && a->n > 0)
        return a->nodes[0];
    for (uint32_t i = 0; to && i < n_to; i++)
        if (to[i].role == ROLE_ADDRESSEE)
            return to[i].node;
    return "";
}

static uint8_t code_of(int value) {
    return value >= 0 && value <= UINT8_MAX ? (uint8_t)value : UINT8_MAX;
}

void act_of_message(const Directory *d, const Message *m, const Recipient *to, uint32_t n_to,
                    int64_t at_ms, Act *ret) {
    const Envelope *e = &m->env;
    *ret = (Act) {
        .message_id = e->message_id,
        .case_id = e->case_id,
        .correlation_id = e->correlation_id,
        .causation_id = e->causation_id,
        .kind = e->kind,
        .cluster = code_of(e->cluster),
        .urgency = code_of(e->urgency),
        .sensitivity = code_of(e->sensitivity),
        .status = code_of(e->status),
        .said_ms = e->created_ms,
        .at_ms = at_ms,
        .expires_ms = e->expires_ms,
        .facts = &m->facts,
    };
    (void)text_copy(ret->actor, sizeof(ret->actor), e->sender);
    (void)text_copy(ret->target, sizeof(ret->target), act_target(d, m, to, n_to));
    (void)text_copy(ret->region, sizeof(ret->region), e->region);
}

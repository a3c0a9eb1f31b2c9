/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "base/text.h"
#include "core/receipt.h"

const char *receipt_level_name(int level) {
    static const char *const names[] = {
        [LEVEL_NONE] = "",
        [LEVEL_ACCEPTED] = "ACCEPTED",
        [LEVEL_DEPOSITED] = "DEPOSITED",
        [LEVEL_COLLECTED] = "COLLECTED",
        [LEVEL_DELAYED] = "DELAYED",
        [LEVEL_EXPIRES_SOON] = "EXPIRES_SOON",
        [LEVEL_REFUSED] = "REFUSED",
        [LEVEL_UNDELIVERABLE] = "UNDELIVERABLE",
        [LEVEL_RECALLED] = "RECALLED",
        [LEVEL_COLLECTED_LATE] = "COLLECTED_LATE",
    };
    return level >= 0 && level < (int)ARRAY_SIZE(names) ? names[level] : "";
}

const char *receipt_cause_name(int cause) {
    static const char *const names[] = {
        [CAUSE_NONE] = "",
        [CAUSE_EXPIRED_IN_MAILBOX] = "EXPIRED_IN_MAILBOX",
        [CAUSE_EXPIRED_ON_LINK] = "EXPIRED_ON_LINK",
        [CAUSE_EXPIRED_UNSETTLED] = "EXPIRED_UNSETTLED",
        [CAUSE_DEAD_REJECTED] = "DEAD_REJECTED",
        [CAUSE_DEAD_CRASHED] = "DEAD_CRASHED",
        [CAUSE_DEAD_CHECKSUM] = "DEAD_CHECKSUM",
        [CAUSE_RECALLED_BY_SENDER] = "RECALLED_BY_SENDER",
        [CAUSE_RECIPIENT_UNKNOWN] = "RECIPIENT_UNKNOWN",
        [CAUSE_DISCARDED_BY_OPERATOR] = "DISCARDED_BY_OPERATOR",
        [CAUSE_LINK_DOWN] = "LINK_DOWN",
        [CAUSE_QUOTA] = "QUOTA",
        [CAUSE_SUPERSEDED] = "SUPERSEDED",
    };
    return cause >= 0 && cause < (int)ARRAY_SIZE(names) ? names[cause] : "";
}

bool receipt_is_final(int level) {
    return level == LEVEL_COLLECTED || level == LEVEL_REFUSED || level == LEVEL_UNDELIVERABLE ||
           level == LEVEL_RECALLED;
}

bool receipt_is_wanted(ReceiptPolicy policy, int level) {
    switch (level) {
    case LEVEL_NONE:
    case LEVEL_ACCEPTED: /* the answer to PUBLISH says it */
        return false;
    case LEVEL_DEPOSITED:
        return policy == RECEIPTS_WITH_DEPOSITED;
    case LEVEL_COLLECTED:
        return policy != RECEIPTS_FAILURES_ONLY;
    default: /* failures, warnings, and COLLECTED_LATE, which takes an UNDELIVERABLE back */
        return true;
    }
}

/* The time in the message's id begins its receipts' too: brokers keep ids in their order, and those
 * of one batch are to lie together there. */
#define ID_TIME_SIZE 6U

Uuid receipt_message_id(const Receipt *r) {
    static const char label[] = "serasi receipt";
    uint8_t input[sizeof(label) + UUID_SIZE + 1 + 2 * NODE_NAME_SIZE] = { 0 };
    uint8_t *p = input;
    memcpy(p, label, sizeof(label));
    p += sizeof(label);
    memcpy(p, r->message_id.b, UUID_SIZE);
    p += UUID_SIZE;
    *p++ = (uint8_t)r->level;
    memcpy(p, r->recipient, strnlen(r->recipient, NODE_NAME_SIZE - 1));
    p += NODE_NAME_SIZE;
    memcpy(p, r->leg, strnlen(r->leg, NODE_NAME_SIZE - 1));
    Uuid id = uuid_derive(bytes_make(input, sizeof(input)));
    memcpy(id.b, r->message_id.b, ID_TIME_SIZE);
    return id;
}

bool receipt_has_own_id(const Message *m) {
    const ReceiptFacts *f = &m->facts.receipt;
    if (m->env.kind != KIND_RECEIPT || !m->facts.readable || strcmp(f->leg, m->env.sender) != 0)
        return false;
    Receipt r = { .message_id = f->message_id, .level = (ReceiptLevel)f->level };
    (void)text_copy(r.recipient, sizeof(r.recipient), f->recipient);
    (void)text_copy(r.leg, sizeof(r.leg), f->leg);
    const Uuid own = receipt_message_id(&r);
    return uuid_equal(&own, &m->env.message_id);
}

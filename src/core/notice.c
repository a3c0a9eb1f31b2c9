/* SPDX-License-Identifier: Apache-2.0 */

#include "core/notice.h"

#include <string.h>

#include "base/text.h"

#define CODE_SIZE 24U

Uuid notice_message_id(const Notice *n, const char *self) {
    uint8_t input[2 * UUID_SIZE + 4 + 8 + CODE_SIZE + 3 * NODE_NAME_SIZE] = { 0 };
    uint8_t *p = input;
    memcpy(p, n->item_id.b, UUID_SIZE);
    p += UUID_SIZE;
    memcpy(p, n->causation_id.b, UUID_SIZE);
    p += UUID_SIZE;
    *p++ = (uint8_t)n->item_kind;
    *p++ = (uint8_t)n->level;
    p += 2;
    memcpy(p, &n->due_ms, sizeof(n->due_ms));
    p += 8;
    memcpy(p, n->code, strnlen(n->code, CODE_SIZE - 1));
    p += CODE_SIZE;
    memcpy(p, n->to, strnlen(n->to, NODE_NAME_SIZE - 1));
    p += NODE_NAME_SIZE;
    memcpy(p, n->owed_by, strnlen(n->owed_by, NODE_NAME_SIZE - 1));
    p += NODE_NAME_SIZE;
    memcpy(p, self, strnlen(self, NODE_NAME_SIZE - 1));
    return uuid_derive(bytes_make(input, sizeof(input)));
}

bool notice_has_own_id(const Message *m) {
    const NoticeFacts *f = &m->facts.notice;
    const Audience *to = &m->env.audience;
    if (m->env.kind != KIND_NOTICE || !m->facts.readable || to->form != AUDIENCE_NODES ||
        to->n != 1)
        return false;
    Notice n = { .code = f->code,
                 .item_kind = f->item_kind,
                 .item_id = f->item_id,
                 .level = f->level,
                 .due_ms = f->due_ms,
                 .causation_id = m->env.causation_id };
    (void)text_copy(n.to, sizeof(n.to), to->nodes[0]);
    (void)text_copy(n.owed_by, sizeof(n.owed_by), f->owed_by_node);
    const Uuid own = notice_message_id(&n, m->env.sender);
    return uuid_equal(&own, &m->env.message_id);
}

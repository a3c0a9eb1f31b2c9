/* SPDX-License-Identifier: Apache-2.0 */

#include "core/wrap.h"

#include <string.h>

void wrap_request_deinit(WrapRequest *r) {
    free(r->bytes);
    r->bytes = NULL;
    r->envelope = r->signature = (Bytes) { 0 };
}

Uuid wrap_request_id(const WrapRequestFacts *f, const char *self) {
    uint8_t input[UUID_SIZE + 1 + 8 + 3 * NODE_NAME_SIZE] = { 0 };
    uint8_t *p = input;
    memcpy(p, f->message_id.b, UUID_SIZE);
    p += UUID_SIZE;
    *p++ = f->reason;
    memcpy(p, &f->asked_ms, sizeof(f->asked_ms));
    p += 8;
    memcpy(p, f->recipient_node, strnlen(f->recipient_node, NODE_NAME_SIZE - 1));
    p += NODE_NAME_SIZE;
    memcpy(p, f->instead_of_node, strnlen(f->instead_of_node, NODE_NAME_SIZE - 1));
    p += NODE_NAME_SIZE;
    memcpy(p, self, strnlen(self, NODE_NAME_SIZE - 1));
    return uuid_derive(bytes_make(input, sizeof(input)));
}

bool wrap_request_has_own_id(const Message *m) {
    if (m->env.kind != KIND_WRAP_REQUEST || !m->facts.readable)
        return false;
    const Uuid own = wrap_request_id(&m->facts.wrap_request, m->env.sender);
    return uuid_equal(&own, &m->env.message_id);
}

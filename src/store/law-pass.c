/* SPDX-License-Identifier: Apache-2.0 */
/* A complaint that is handed on takes its opening message along: facts only, the sealed part was
 * not sealed for the new holder. Without it the new holder's broker would not know the matter. */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"

static bool must_hear(const Store *s, const StoredMessage *m, const char *node) {
    return node[0] != '\0' && !route_find(&m->route, node) && strcmp(node, m->sender) != 0 &&
           directory_next_hop(s->directory, s->self, node);
}

static void add_copy(Store *s, StoreOp *op, StoredMessage *m, Body *body, const char *node) {
    _cleanup_(copies_deinit) Copies copies = { 0 };
    const char *hop = directory_next_hop(s->directory, s->self, node);
    copies_init(s, &copies, body, false);
    copies.expires_ms = s->now_ms + s->config.accept.default_expiry_ms;
    if (!place_recipient(s, m, &(Placement) { .node = node, .role = ROLE_SUPERVISOR, .hop = hop }))
        return;
    message_update(s, m, body);
    place_delivery(s, op, m, m->route.n - 1, &copies);
    trail_add(s, m->seq, "handed on", node, "");
}

void law_pass_on(Store *s, StoreOp *op, const Item *i) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    if (i->kind != ITEM_COMPLAINT || i->final)
        return;
    const char *const nodes[] = { i->custodian, i->complaint.assignee };
    const int64_t seq = message_find(s, &i->id, NULL);
    if (seq == 0 || !message_load_body(s, seq, &m, &body, &damaged) || damaged)
        return;
    for (size_t k = 0; k < ARRAY_SIZE(nodes) && s->fault == 0; k++)
        if (must_hear(s, &m, nodes[k]))
            add_copy(s, op, &m, body, nodes[k]);
}

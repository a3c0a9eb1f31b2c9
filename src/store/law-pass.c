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

/* Mostly nobody, and then the rest of the message need not be read. What a damaged page says about
 * it is for those to judge who read it all. */
static bool somebody_must_hear(Store *s, const Uuid *id, const char *const *nodes, size_t n) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    uint32_t page;
    _query_ q = QUERY(s,
                      "SELECT m.sender, m.route FROM dedup d JOIN message m ON m.seq = d.seq "
                      "WHERE d.id = ?1",
                      UUID(id));
    const PagesMode mode = pages_set_mode(s->pages, PAGES_ROWS);
    const bool row = db_row(s, q);
    (void)pages_set_mode(s->pages, mode);
    bool any = pages_damaged(s->pages, &page) > 0;
    if (!row)
        return any;
    text_copy(m.sender, sizeof(m.sender), col_text(q, 0));
    if (route_decode(col_bytes(q, 1), &m.route) == -ENOMEM)
        db_fault(s, -ENOMEM, "out of memory");
    for (size_t k = 0; k < n; k++)
        any = any || must_hear(s, &m, nodes[k]);
    return any;
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
    if (!somebody_must_hear(s, &i->id, nodes, ARRAY_SIZE(nodes)))
        return;
    const int64_t seq = message_find(s, &i->id, NULL);
    if (seq == 0 || !message_load_body(s, seq, &m, &body, &damaged) || damaged)
        return;
    for (size_t k = 0; k < ARRAY_SIZE(nodes) && s->fault == 0; k++)
        if (must_hear(s, &m, nodes[k]))
            add_copy(s, op, &m, body, nodes[k]);
}

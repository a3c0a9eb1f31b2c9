/* SPDX-License-Identifier: Apache-2.0 */
/* The query resolve: the decision on a message that is not published, and nothing written. */
#include <errno.h>

#include "store/internal.h"
#include "store/query.h"
#include "store/store-accept.h"

#define ROWS_MAX 1000U

static void add_row(Table *t, const char *node, RecipientRole role) {
    table_text(t, node);
    table_text(t, role == ROLE_SUPERVISOR ? "SUPERVISOR" : "ADDRESSEE");
}

/* Each broker expands a scope for its own nodes; here the directory answers for all. */
static void add_covered(const Store *s, const Envelope *e, uint32_t limit, Table *t) {
    for (size_t i = 0; i < directory_node_count(s->directory); i++) {
        const DirNode *n = directory_node_at(s->directory, i);
        if (!accept_scope_covers(e, n))
            continue;
        if (table_rows(t) == limit) {
            t->more = true;
            return;
        }
        add_row(t, n->id, ROLE_ADDRESSEE);
    }
}

void query_resolve(Store *s, StoreOp *op, Table *t) {
    const uint32_t limit = op->query.limit ? MIN(op->query.limit, ROWS_MAX) : ROWS_MAX;
    _cleanup_(freep) StoreOp *sample = store_op_new(OP_ACCEPT);
    if (!sample) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    if (!op->query.message) {
        table_say(t, 2, "the message is missing");
        return;
    }
    sample->accept.message = op->query.message; /* borrowed */
    memcpy(sample->accept.authority, op->query.authority, sizeof(op->query.authority));
    accept_judge(s, sample);
    const AcceptDecision *d = &s->decision;
    if (d->reasons.n_refusals > 0) {
        char codes[128];
        reasons_codes(&d->reasons, codes, sizeof(codes));
        table_say(t, 1, "%s", codes);
        return;
    }
    table_column(t, "node", COLUMN_TEXT);
    table_column(t, "role", COLUMN_TEXT);
    if (d->scope)
        add_covered(s, &op->query.message->env, limit, t);
    for (uint32_t i = 0; i < d->n_routes; i++) {
        if (table_rows(t) == limit) {
            t->more = true;
            return;
        }
        add_row(t, d->routes[i].who.node, d->routes[i].who.role);
    }
}

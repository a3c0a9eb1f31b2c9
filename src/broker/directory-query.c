/* SPDX-License-Identifier: Apache-2.0 */

/* Queries that change the directory, and the one that proves keys out of it. */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "broker/batch.h"
#include "broker/directory-query.h"
#include "broker/import.h"
#include "broker/internal.h"
#include "broker/query.h"
#include "broker/session.h"
#include "wire/codec.h"
#include "wire/personal.h"

static const char *arg(const Frame *f, uint32_t i) {
    return i < f->query.n_args && f->query.args[i] ? f->query.args[i] : "";
}

/* An operation of the session's operator, with the reason given. */
static StoreOp *edit_op(OpKind kind, const Session *s, const Frame *f, const char *note) {
    StoreOp *op = query_op(kind, s, f);
    if (op) {
        (void)text_copy(op->import.by, sizeof(op->import.by), s->node);
        (void)text_copy(op->import.note, sizeof(op->import.note), text_unless_personal(note));
    }
    return op;
}

int directory_import(Broker *b, Session *s, Frame *f) {
    char why[JSON_WHY_SIZE];
    size_t line = 0;
    _cleanup_(store_op_freep) StoreOp *op = edit_op(OP_IMPORT, s, f, arg(f, 0));
    if (!op)
        return -ENOMEM;
    int r = import_lines(op, (const char *)f->query.input, f->query.n_input, &line, why);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        char text[JSON_WHY_SIZE + 32];
        (void)snprintf(text, sizeof(text), "line %zu: %s", line, why);
        return query_say(b, s, f, 2, text);
    }
    broker_push(b, TAKE_PTR(op));
    return 0;
}

/* NODE, LABEL ("" = all its keys), why. */
int directory_revoke(Broker *b, Session *s, Frame *f) {
    if (arg(f, 0)[0] == '\0' || arg(f, 2)[0] == '\0')
        return query_say(b, s, f, 2, "node-revoke NODE LABEL REASON");
    StoreOp *op = edit_op(OP_REVOKE, s, f, arg(f, 2));
    if (!op)
        return -ENOMEM;
    (void)text_copy(op->import.node, sizeof(op->import.node), arg(f, 0));
    (void)text_copy(op->import.label, sizeof(op->import.label), arg(f, 1));
    broker_log(b, LOG_EVENT_OPERATOR_VERB, s->user_id, "Keys of %s are revoked.", op->import.node);
    broker_push(b, op);
    return 0;
}

/* VERSION: everything anew above it. */
int directory_sign_above(Broker *b, Session *s, Frame *f) {
    StoreOp *op = edit_op(OP_DIRECTORY_SIGN, s, f, "");
    if (!op)
        return -ENOMEM;
    op->import.above = strtoull(arg(f, 0), NULL, 10);
    if (op->import.above == 0) {
        (void)store_op_free(op);
        return query_say(b, s, f, 2, "node-sign VERSION");
    }
    broker_push(b, op);
    return 0;
}

int directory_edited(Broker *b, Now now, StoreOp *op, Table *t) {
    if (!op->import.directory) {
        table_say(t, 1, "%s", op->import.text);
        return 0;
    }
    int r = broker_take_directory(b, now, op->import.directory);
    broker_log(b, LOG_EVENT_DIRECTORY_IMPORTED, NULL,
               "Directory version %llu: %u nodes, %u keys, %u regions, %u holidays were %s.",
               (unsigned long long)directory_version(b->directory), op->import.n_nodes,
               op->import.n_keys, op->import.n_regions, op->import.n_holidays,
               op->kind == OP_REVOKE           ? "revoked"
               : op->kind == OP_DIRECTORY_SIGN ? "signed anew, with all others"
                                               : "imported");
    table_column(t, "version", COLUMN_NUMBER);
    table_column(t, "nodes", COLUMN_NUMBER);
    table_column(t, "keys", COLUMN_NUMBER);
    table_column(t, "regions", COLUMN_NUMBER);
    table_column(t, "holidays", COLUMN_NUMBER);
    table_number(t, (int64_t)directory_version(b->directory));
    table_number(t, op->import.n_nodes);
    table_number(t, op->import.n_keys);
    table_number(t, op->import.n_regions);
    table_number(t, op->import.n_holidays);
    return r;
}

int directory_proven(Broker *b, Session *s, StoreOp *op, Table *t) {
    Frame f = { .kind = FRAME_RESULT,
                .result = { .query = (uint32_t)(uintptr_t)op->owner, .table = t } };
    int r = t->code != 0
                ? 0
                : codec_encode_key_proofs(&op->query.proofs, &f.result.data, &f.result.n_data);
    if (r < 0)
        return r;
    (void)session_send(b, s, &f, NULL, 0);
    free(f.result.data);
    return 0;
}

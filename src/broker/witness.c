/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The ledger's head countersigned by the parent, daily and when an operator asks: the store tells
 * where the ledger stands, the parent signs it (store/ledger-witness.c), the store keeps the
 * signature. What the parent signed last goes with the question; when the parent knows a later one
 * than we do, it says which, and is asked once more.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "broker/batch.h"
#include "broker/internal.h"
#include "broker/query.h"
#include "broker/session.h"
#include "broker/uplink.h"
#include "broker/witness.h"

#define RETRY_MS  HOUR_MS
#define SOON_MS   MINUTE_MS /* after the start: its disk may have been in other hands */
#define ANSWER_MS (30 * SECOND_MS)

/* --- the end of an attempt -------------------------------------------------------------------- */

static int answer(Broker *b, Table *t) {
    Witness *w = &b->witness;
    Session *s = w->session_id > 0 ? session_by_id(b, w->session_id) : NULL;
    if (s)
        query_answer(b, s, w->session_query, t);
    w->session_id = 0;
    return 0;
}

static int give_up(Broker *b, Now now, const char *why) {
    _cleanup_(table_freep) Table *t = table_new();
    if (!t)
        return -ENOMEM;
    if (b->witness.session_id == 0 && b->uplink.state == UPLINK_OPEN)
        broker_log(b, LOG_EVENT_LEDGER_UNSIGNED, b->config.parent,
                   "The ledger was not countersigned: %.180s", why);
    b->witness.state = WITNESS_IDLE;
    b->witness.due_mono_ms = now.mono_ms + RETRY_MS;
    table_say(t, 1, "%s", why);
    return answer(b, t);
}

/* --- to our store ----------------------------------------------------------------------------- */

static StoreOp *store_question(const char *verb, const char *const *args, uint32_t n) {
    _cleanup_(store_op_freep) StoreOp *op = op_for(OP_QUERY, WITNESS_OWNER, NULL);
    if (!op)
        return NULL;
    (void)text_copy(op->query.verb, sizeof(op->query.verb), verb);
    for (uint32_t i = 0; i < n; i++)
        if (!(op->query.args[op->query.n_args++] = strdup(args[i])))
            return NULL;
    return TAKE_PTR(op);
}

static int look(Broker *b, Now now, const char *since) {
    StoreOp *op = store_question("ledger-head", &since, since ? 1 : 0);
    if (!op)
        return -ENOMEM;
    b->witness.state = WITNESS_LOOKING;
    b->witness.asked_mono_ms = now.mono_ms;
    broker_push(b, op);
    return 0;
}

/* --- to the parent ---------------------------------------------------------------------------- */

static int ask_parent(Broker *b, Now now, const Table *t) {
    Witness *w = &b->witness;
    Frame f = { .kind = FRAME_QUERY, .query = { .query = ++w->query, .n_args = 4 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), "ledger-witness");
    int r = 0;
    for (uint32_t i = 0; i < 4; i++) {
        f.query.args[i] = strdup(table_cell(t, 0, i));
        r = f.query.args[i] ? r : -ENOMEM;
    }
    w->block = strtoll(table_cell(t, 0, 0), NULL, 10);
    if (r == 0)
        r = uplink_send(b, &f);
    frame_deinit(&f);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return give_up(b, now, "The parent broker cannot be reached.");
    w->state = WITNESS_ASKING;
    w->asked_mono_ms = now.mono_ms;
    return 0;
}

static int forked(Broker *b, Now now, const char *text) {
    LedgerEntry e = { .kind = LEDGER_FORKED, .code = b->witness.block };
    (void)text_copy(e.node, sizeof(e.node), b->config.parent);
    (void)text_copy(e.peer, sizeof(e.peer), b->config.self);
    broker_log(b, LOG_EVENT_LEDGER_FORKED, b->config.parent,
               "The parent broker does not countersign our ledger: %.160s", text);
    int r = broker_note(b, &e);
    return r < 0 ? r : give_up(b, now, text);
}

/* The parent's answer: its columns are verdict, block, hash, at, node, key, signature. */
int witness_result(Broker *b, Now now, const Frame *f) {
    Witness *w = &b->witness;
    const Table *t = f->result.table;
    if (w->state != WITNESS_ASKING || f->result.query != w->query || !t)
        return 0;
    if (t->code != 0 && text_starts_with(t->text, "FORKED"))
        return forked(b, now, t->text);
    if (t->code != 0)
        return give_up(b, now, t->text);
    if (t->n_columns != 7 || table_rows(t) != 1)
        return give_up(b, now, "The parent broker's answer cannot be understood.");
    if (strcmp(table_cell(t, 0, 0), "since") == 0 && !w->repeated) {
        w->repeated = true;
        return look(b, now, table_cell(t, 0, 1));
    }
    if (strcmp(table_cell(t, 0, 0), "signed") != 0 ||
        strcmp(table_cell(t, 0, 4), b->config.parent) != 0)
        return give_up(b, now, "The parent broker did not sign.");
    const char *args[6];
    for (uint32_t i = 0; i < 6; i++)
        args[i] = table_cell(t, 0, i + 1);
    StoreOp *op = store_question("ledger-countersigned", args, 6);
    if (!op)
        return -ENOMEM;
    w->state = WITNESS_KEEPING;
    w->asked_mono_ms = now.mono_ms;
    broker_push(b, op);
    return 0;
}

/* --- turns ------------------------------------------------------------------------------------ */

static bool is_worth_it(const Broker *b, Now now, const Table *t) {
    const int64_t last_ms = strtoll(table_cell(t, 0, 4), NULL, 10);
    const bool quiet = strcmp(table_cell(t, 0, 5), "1") == 0;
    const bool soon = b->witness.looked && !b->witness.settled;
    return b->witness.session_id > 0 || b->witness.repeated ||
           (!quiet &&
            (soon || last_ms > now.wall_ms || now.wall_ms - last_ms >= b->config.witness_ms));
}

int witness_stored(Broker *b, Now now, StoreOp *op) {
    Witness *w = &b->witness;
    Table *t = op->query.table;
    const bool looked = strcmp(op->query.verb, "ledger-head") == 0;
    if (!t || w->state != (looked ? WITNESS_LOOKING : WITNESS_KEEPING))
        return 0;                              /* that attempt was given up */
    if (t->code != 0 && looked && w->repeated) /* the parent knows a block that we do not have */
        return forked(b, now, t->text);
    if (t->code != 0)
        return give_up(b, now, t->text);
    if (looked && is_worth_it(b, now, t))
        return ask_parent(b, now, t);
    w->settled = !looked || w->looked;
    w->looked = true;
    w->state = WITNESS_IDLE;
    w->due_mono_ms =
        now.mono_ms + MIN(b->config.witness_ms, (int64_t)(w->settled ? RETRY_MS : SOON_MS));
    return looked ? 0 : answer(b, t);
}

static int start(Broker *b, Now now) {
    b->witness.repeated = false;
    return look(b, now, NULL);
}

int witness_second(Broker *b, Now now) {
    Witness *w = &b->witness;
    const bool open = b->uplink.state == UPLINK_OPEN;
    if (w->state == WITNESS_ASKING && (!open || now.mono_ms - w->asked_mono_ms >= ANSWER_MS))
        return give_up(b, now, "The parent broker does not answer.");
    if (w->state != WITNESS_IDLE || !open || b->config.witness_ms == 0 ||
        now.mono_ms < w->due_mono_ms)
        return 0;
    return start(b, now);
}

int witness_verb(Broker *b, Now now, Session *s, const Frame *f) {
    Witness *w = &b->witness;
    const char *why = b->config.parent[0] == '\0' ? "this broker has no parent; see ledger export "
                                                    "--head in serasictl(1)"
                      : b->uplink.state != UPLINK_OPEN ? "the parent broker cannot be reached"
                      : w->state != WITNESS_IDLE       ? "it is being asked already"
                                                       : NULL;
    if (why) {
        _cleanup_(table_freep) Table *t = table_new();
        if (!t)
            return -ENOMEM;
        table_say(t, 1, "%s", why);
        query_answer(b, s, f->query.query, t);
        return 0;
    }
    w->session_id = s->id;
    w->session_query = f->query.query;
    return start(b, now);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The hub's "no" to a request for a key, on its way back: a receipt about the KEY_REQUEST, REFUSED,
 * with the verdict as its detail. It ends at the broker that passed the request on, which tells its
 * operators, and whoever asked when he asks again. A "yes" is the change of the directory.
 */

#include "store/enrol.h"

#include <stdio.h>

#include "base/text.h"
#include "store/hearsay.h"
#include "store/message.h"
#include "store/receipts.h"

void key_answer_send(Store *s, StoreOp *op, const StoredMessage *m, KeyVerdict v) {
    const Saying say = {
        .recipient = s->self,
        .role = ROLE_ADDRESSEE,
        .level = LEVEL_REFUSED,
        .detail = key_verdict_name(v),
    };
    if (strcmp(m->sender, s->self) != 0)
        receipt_send(s, op, m, &say);
}

/* A request that this broker sent up itself, with what it asked for. Returns its number, or 0. */
static int64_t find_asked(Store *s, const Uuid *id, StoredMessage *ret_message,
                          KeyRequest *ret_request) {
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged = false;
    const char *why;
    const int64_t seq = dedup_find(s, id, NULL);
    if (seq == 0 || !s->config.codec->decode_key_request ||
        !message_load_body(s, seq, ret_message, &body, &damaged) || damaged ||
        ret_message->kind != KIND_KEY_REQUEST || strcmp(ret_message->sender, s->self) != 0 ||
        s->config.codec->decode_key_request(body_facts(body), ret_request, &why) != 0)
        return 0;
    return seq;
}

static void keep(Store *s, StoreOp *op, int64_t seq, const KeyRequest *r, const char *from) {
    struct KeyWish *w = &op->accept.wish;
    const ReceiptFacts *f = &op->accept.message->facts.receipt;
    OutcomeRow o = { .level = LEVEL_REFUSED, .said_ms = f->said_ms };
    char word[24] = "", what[LEDGER_NOTE_MAX + 1];
    (void)s->config.codec->receipt_detail(body_facts(op->accept.message->body), word, sizeof(word));
    *w = (struct KeyWish) { .told = true, .verdict = key_verdict_by_name(word), .act = r->act };
    text_copy(o.recipient, sizeof(o.recipient), f->recipient);
    text_copy(o.leg, sizeof(o.leg), from);
    if (!outcome_insert(s, seq, &o, 0, key_verdict_name(w->verdict)))
        w->told = false;
    text_copy(w->node, sizeof(w->node), r->key.node);
    text_copy(w->label, sizeof(w->label), r->key.label);
    text_copy(w->by, sizeof(w->by), r->by_node);
    (void)snprintf(what, sizeof(what), "key request: %s", key_verdict_name(w->verdict));
    if (w->told)
        key_note_denied(s, w->node, from, what);
}

bool key_answer_arrived(Store *s, StoreOp *op) {
    const Message *m = op->accept.message;
    const ReceiptFacts *f = &m->facts.receipt;
    _cleanup_(stored_message_deinit) StoredMessage asked = { 0 };
    KeyRequest r = { 0 };
    if (m->env.kind != KIND_RECEIPT || !m->facts.readable || f->level != LEVEL_REFUSED ||
        !op->accept.from_link || !s->config.codec->receipt_detail)
        return false;
    const int64_t seq = find_asked(s, &f->message_id, &asked, &r);
    const bool own = strcmp(m->env.sender, f->recipient) == 0; /* signed by whom it was for */
    if (seq > 0 && own && hearsay_is_believed(s, &asked, f->recipient, op->accept.authority))
        keep(s, op, seq, &r, f->recipient);
    return seq > 0;
}

void query_key_asked(Store *s, StoreOp *op, Table *t) {
    _cleanup_(stored_message_deinit) StoredMessage asked = { 0 };
    KeyRequest r = { 0 };
    Uuid id;
    if (op->query.n_args < 1 || uuid_parse(op->query.args[0], &id) < 0) {
        table_say(t, 2, "key-asked needs the message that key-request told");
        return;
    }
    const int64_t seq = find_asked(s, &id, &asked, &r);
    if (seq == 0 ||
        (op->query.authority[0] != '\0' && strcmp(op->query.authority, r.key.node) != 0)) {
        table_say(t, 1, "NO_SUCH_MESSAGE");
        return;
    }
    _query_ q = QUERY(s, "SELECT detail FROM outcome WHERE seq = ?1 AND level = ?2", INT(seq),
                      INT(LEVEL_REFUSED));
    if (db_row(s, q)) {
        const KeyVerdict v = key_verdict_by_name(col_text(q, 0));
        table_say(t, 1, "%s: %s", key_verdict_name(v), key_verdict_text(v));
        return;
    }
    table_column(t, "state", COLUMN_TEXT);
    table_text(t, "sent");
}

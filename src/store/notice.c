/* SPDX-License-Identifier: Apache-2.0 */
/* Notices: messages of this broker's own that tell a node what is owed (kind NOTICE). */
#include <errno.h>

#include "base/text.h"
#include "core/notice.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/message.h"
#include "store/place.h"
#include "store/receipts.h"

TextMark register_mark(const Store *s) {
    return (TextMark) { "{register}",
                        s->config.register_name ? s->config.register_name : REGISTER_NAME };
}

static Body *encode(Store *s, const Item *i, const Telling *t, Notice *n) {
    const TextMark mark = register_mark(s);
    char en[512], in_id[512];
    text_expand(en, sizeof(en), t->text_en, &mark, 1);
    text_expand(in_id, sizeof(in_id), t->text_id, &mark, 1);
    n->text_en = en;
    n->text_id = in_id;
    n->pasal = t->pasal;
    n->cluster = i->cluster;
    n->status = i->status;
    n->urgency = i->urgency;
    n->case_id = i->case_id;
    n->correlation_id = i->id;
    n->now_ms = s->now_ms;
    text_copy(n->region, sizeof(n->region), i->region);
    Body *body = s->config.codec->encode_notice(n, s->self);
    n->text_en = n->text_id = NULL;
    return body;
}

/* It needs no dedup row here, as receipts do not: it is written together with the act it tells of.
 */
void notice_send(Store *s, StoreOp *op, const Item *i, const Telling *t, uint32_t level,
                 int64_t due_ms) {
    const char *hop = directory_next_hop(s->directory, s->self, t->to);
    if (!hop || s->fault < 0)
        return; /* nobody of that name can be reached: the journal has it */
    Notice n = {
        .code = t->code,
        .item_kind = i->kind,
        .item_id = i->id,
        .level = level,
        .due_ms = due_ms,
        .causation_id = t->answers,
    };
    text_copy(n.to, sizeof(n.to), t->to);
    text_copy(n.owed_by, sizeof(n.owed_by), i->owes);
    n.id = notice_message_id(&n, s->self);
    _cleanup_(body_unrefp) Body *body = encode(s, i, t, &n);
    _cleanup_(copies_deinit) Copies copies = { 0 };
    _cleanup_(stored_message_deinit) StoredMessage m = {
        .id = n.id,
        .kind = KIND_NOTICE,
        .lane = LANE_PRIORITY,
        .cased = !uuid_is_nil(&i->case_id),
        .thread = uuid_is_nil(&i->case_id) ? i->id : i->case_id,
        .accepted_ms = s->now_ms,
        .expires_ms = s->now_ms + s->config.accept.default_expiry_ms,
        .n_stamps = 1,
        .stamps = { { .at_ms = s->now_ms } },
    };
    if (!body) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    /* A notice waits for nothing: a case that hangs must not hold up the word that it hangs. */
    m.order_key = message_order_key(&(Envelope) { .message_id = n.id });
    text_copy(m.sender, sizeof(m.sender), s->self);
    text_copy(m.region, sizeof(m.region), i->region);
    text_copy(m.stamps[0].broker, NODE_NAME_SIZE, s->self);
    if (!place_recipient(s, &m, &(Placement) { .node = t->to, .role = ROLE_ADDRESSEE, .hop = hop }))
        return;
    message_insert(s, &m, body);
    ledger_note_message(s, LEDGER_ACCEPTED, &m.id, m.sender, "", m.kind);
    copies_init(s, &copies, body, true);
    place_delivery(s, op, &m, 0, &copies);
}

void notice_late(Store *s, StoreOp *op, const StoredMessage *m, const char *recipient) {
    Item about = { .id = m->id, .state = 1 };
    Telling t = { .code = timer_name(TIMER_DELIVERY),
                  .pasal = "P7 Pasal 30 huruf c",
                  .text_en = "A message waits in the mailbox of a node you supervise and nobody "
                             "collects it. Call them, or name another node of the same role.",
                  .text_id =
                      "Pesan menunggu di kotak surat lembaga yang Anda bina dan belum "
                      "diambil. Hubungi mereka, atau tunjuk lembaga lain dengan peran sama." };
    const char *superior = superior_of(s->directory, recipient);
    if (superior[0] == '\0' || !receipt_applies(m->kind) || strcmp(superior, m->sender) == 0)
        return; /* the sender has the receipt */
    if (m->cased)
        about.case_id = m->thread;
    text_copy(about.region, sizeof(about.region), m->region);
    text_copy(about.owes, sizeof(about.owes), recipient);
    text_copy(t.to, sizeof(t.to), superior);
    notice_send(s, op, &about, &t, 0, m->accepted_ms);
}

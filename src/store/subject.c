/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights of the person a case is about (DATA_SUBJECT_ACTION; UU 27/2022 Pasal 41 to 44,
 * domain 6.7). The message goes to those who have data of it by messages that passed here. ERASE
 * and DESTROY withdraw what nobody has collected yet and empty the sealed parts; envelope and facts
 * stay, with the digest of what was erased, as proof. RECTIFY and RESTRICT are for those who have
 * the data: they are told.
 *
 * Whose case it is may order that for all messages of it that it sent or got, anybody else only for
 * his own. An order that a broker on the way held back is for what was written by then: when it
 * passed there only that broker says, when it was written its signature.
 */
#include <errno.h>

#include "base/text.h"
#include "store/item.h"
#include "store/message.h"
#include "store/place.h"
#include "store/recall.h"
#include "store/receipts.h"
#include "store/subject.h"
#include "store/trace.h"

#define STEP_ERASED "erased"
#define PIECE       1024U  /* messages of a case that are looked at in one go */
#define PIECES_MAX  64U    /* for one order, or the store would stand still for it */
#define CLOCKS_MS   DAY_MS /* apart, of who orders and who writes */

bool subject_is_erased(Store *s, int64_t seq) {
    _query_ q = QUERY(s, "SELECT 1 FROM trail WHERE seq = ?1 AND step = '" STEP_ERASED "' LIMIT 1",
                      INT(seq));
    return db_number(s, q, 0) != 0;
}

/* --- messages of the case --------------------------------------------------------------------- */

typedef struct Found {
    uint32_t n;
    int64_t seqs[PIECE];
} Found;

/* Of the thread, oldest first, those behind the last ones. False: there are no more. */
static bool find_more(Store *s, const Envelope *e, Found *inout) {
    const int64_t key = message_order_key(e);
    int64_t seq = inout->n > 0 ? inout->seqs[inout->n - 1] : 0;
    inout->n = 0;
    while (inout->n < PIECE && s->fault == 0 && (seq = case_keys_next(s, key, seq + 1, false)) > 0)
        if (db_number(s,
                      QUERY(s, "SELECT 1 FROM message WHERE seq = ?1 AND thread = ?2", INT(seq),
                            UUID(&e->case_id)),
                      0) == 1)
            inout->seqs[inout->n++] = seq;
    return inout->n > 0;
}

/* --- whose it is ------------------------------------------------------------------------------ */

typedef struct Order {
    const char *sender, *who; /* who: whom the sender speaks for */
    int status;
    int64_t until_ms; /* what is written later is not meant */
    bool all;         /* of whoever sent it, when he who orders it got it */
    bool place;       /* is the agency of the person's home: whoever has the case is told */
} Order;

static void read_order(Store *s, const StoreOp *op, Order *ret) {
    const Envelope *e = &op->accept.message->env;
    const DirNode *n = directory_speaks_for(s->directory, directory_node(s->directory, e->sender));
    _cleanup_(freep) StoredItem *i = malloc(sizeof(*i));
    *ret = (Order) { .sender = e->sender,
                     .who = n ? n->id : e->sender,
                     .status = e->status,
                     .until_ms = op->accept.from_link ? e->created_ms + CLOCKS_MS : INT64_MAX };
    if (!i || !item_load(s, ITEM_CASE, &e->case_id, i))
        return;
    ret->place = strcmp(i->item.case_file.home_dsk, ret->who) == 0;
    ret->all = ret->place || strcmp(i->item.custodian, ret->who) == 0 ||
               strcmp(i->item.keeper, ret->who) == 0;
}

/* Was it published here, then everybody it went to is on its route; if not, its envelope tells. */
static bool may_be_covered(const Order *o, const StoredMessage *m) {
    return strcmp(m->sender, o->sender) == 0 ||
           (o->all && (strcmp(m->sender, o->who) == 0 || m->origin[0] != '\0' ||
                       route_find(&m->route, o->who)));
}

/* Sent to him, here or by way of another broker? */
static bool was_sent_to(const StoredMessage *m, const Envelope *e, const char *who) {
    if (route_find(&m->route, who))
        return true;
    for (uint32_t i = 0; e->audience.form == AUDIENCE_NODES && i < e->audience.n; i++)
        if (strcmp(e->audience.nodes[i], who) == 0)
            return true;
    return false;
}

/* Opening a case under an id that one has heard of gives nobody a hand in what others send each
 * other about it; who only practises erases nothing that is meant, and nobody what is yet to come.
 */
static bool is_covered(const Order *o, const StoredMessage *m, const Envelope *e) {
    if ((o->status != MESSAGE_STATUS_UNSPECIFIED && e->status != o->status) ||
        e->created_ms > o->until_ms)
        return false;
    return strcmp(m->sender, o->sender) == 0 ||
           (o->all && (strcmp(m->sender, o->who) == 0 || was_sent_to(m, e, o->who)));
}

/* --- to whom ---------------------------------------------------------------------------------- */

static void add_recipient(Store *s, StoredMessage *m, const char *node) {
    const char *hop = directory_next_hop(s->directory, s->self, node);
    const Placement p = { .node = node, .role = ROLE_ADDRESSEE, .hop = hop };
    if (hop && strcmp(node, m->sender) != 0 && m->route.n < RECIPIENTS_MAX &&
        !route_find(&m->route, node))
        (void)place_recipient(s, m, &p);
}

/* A stranger to the case hears from the answer of nobody that he did not write to. */
static void add_those_of(Store *s, int64_t seq, const Order *o, StoredMessage *m) {
    _cleanup_(stored_message_deinit) StoredMessage of = { 0 };
    if (!message_load(s, seq, &of) || !receipt_applies(of.kind) ||
        !(o->place || strcmp(of.sender, o->sender) == 0 ||
          (o->all && (strcmp(of.sender, o->who) == 0 || route_find(&of.route, o->who)))))
        return;
    add_recipient(s, m, of.sender);
    for (uint32_t k = 0; k < of.route.n; k++)
        if (!(of.route.list[k].flags & ROUTE_SCOPE_HOP))
            add_recipient(s, m, of.route.list[k].node);
}

void subject_add_recipients(Store *s, const StoreOp *op, StoredMessage *m) {
    const Envelope *e = &op->accept.message->env;
    if (m->kind != KIND_DATA_SUBJECT_ACTION || op->accept.from_link || uuid_is_nil(&e->case_id))
        return;
    _cleanup_(freep) Found *found = calloc(1, sizeof(*found));
    Order o;
    if (!found)
        return;
    read_order(s, op, &o);
    for (uint32_t n = 0; n < PIECES_MAX && find_more(s, e, found); n++)
        for (uint32_t i = 0; i < found->n && s->fault == 0 && m->route.n < RECIPIENTS_MAX; i++)
            add_those_of(s, found->seqs[i], &o, m);
}

/* --- what is done --------------------------------------------------------------------------- */

static void empty(Store *s, StoreOp *op, int64_t seq, const Order *o) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL, *rest = NULL;
    bool damaged;
    Envelope e;
    if (!message_load_body(s, seq, &m, &body, &damaged) || damaged ||
        s->config.codec->decode_envelope(body_envelope(body), &e) < 0 || !is_covered(o, &m, &e))
        return;
    recall_all(s, op, &m);
    if (body_sealed(body).n == 0)
        return;
    rest = body_without_sealed(body);
    if (!rest) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    dedup_settle(s, &m.id);
    message_update(s, &m, rest);
    trail_add(s, seq, STEP_ERASED, o->sender, "");
}

static void erase(Store *s, StoreOp *op, int64_t seq, const Order *o) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    if (message_load(s, seq, &m) && receipt_applies(m.kind) && m.kind != KIND_DATA_SUBJECT_ACTION &&
        may_be_covered(o, &m))
        empty(s, op, seq, o);
}

void subject_carry_out(Store *s, StoreOp *op, const StoredMessage *m) {
    const Message *order = op->accept.message;
    const uint8_t action = order->facts.subject.action;
    if (m->kind != KIND_DATA_SUBJECT_ACTION || !order->facts.readable ||
        uuid_is_nil(&order->env.case_id) ||
        (action != SUBJECT_ACTION_ERASE && action != SUBJECT_ACTION_DESTROY))
        return;
    _cleanup_(freep) Found *found = calloc(1, sizeof(*found));
    Order o;
    if (!found)
        return;
    read_order(s, op, &o);
    for (uint32_t n = 0; n < PIECES_MAX && find_more(s, &order->env, found); n++)
        for (uint32_t i = 0; i < found->n && s->fault == 0; i++)
            if (found->seqs[i] < m->seq)
                erase(s, op, found->seqs[i], &o);
}

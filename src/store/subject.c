/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights of the person a case is about (DATA_SUBJECT_ACTION; UU 27/2022 Pasal 41 to 44,
 * domain 6.7). The message goes to everybody whom messages of the case went to from here. ERASE and
 * DESTROY withdraw what nobody has collected yet and empty the sealed parts; envelope and facts
 * stay, with the digest of what was erased, as proof. RECTIFY and RESTRICT are for those who have
 * the data: they are told.
 *
 * Whose case it is may order that for all messages of it that it sent or got, anybody else only for
 * his own.
 */
#include <errno.h>

#include "base/text.h"
#include "store/case.h"
#include "store/item.h"

#define STEP_ERASED   "erased"
#define MESSAGES_MAX  1024U /* of one case that are looked at */
#define BLOCKS_IN_SQL 4096

bool subject_is_erased(Store *s, int64_t seq) {
    _query_ q = QUERY(s, "SELECT 1 FROM trail WHERE seq = ?1 AND step = '" STEP_ERASED "' LIMIT 1",
                      INT(seq));
    return db_number(s, q, 0) != 0;
}

/* --- messages of the case --------------------------------------------------------------------- */

typedef struct Found {
    uint32_t n;
    int64_t seqs[MESSAGES_MAX];
} Found;

_Static_assert(CASE_BLOCK == BLOCKS_IN_SQL, "the number in the statement");

/* Of the thread, oldest first. */
static void find_messages(Store *s, const Envelope *e, Found *ret) {
    const int64_t key = message_order_key(e);
    const int64_t first = db_number(s, QUERY(s, "SELECT min(seq) FROM message"), 0);
    for (int64_t block = first / CASE_BLOCK; block <= s->next_seq / CASE_BLOCK; block++) {
        _query_ q = QUERY(s,
                          "SELECT seq FROM message INDEXED BY message_case "
                          "WHERE seq / 4096 = ?1 AND order_key = ?2 AND thread = ?3 ORDER BY seq",
                          INT(block), INT(key), UUID(&e->case_id));
        while (s->fault == 0 && ret->n < MESSAGES_MAX && db_row(s, q))
            ret->seqs[ret->n++] = col_int(q, 0);
    }
}

/* --- to whom ---------------------------------------------------------------------------------- */

static void add_recipient(Store *s, StoredMessage *m, const char *node) {
    const char *hop = directory_next_hop(s->directory, s->self, node);
    const Placement p = { .node = node, .role = ROLE_ADDRESSEE, .hop = hop };
    if (hop && strcmp(node, m->sender) != 0 && m->route.n < RECIPIENTS_MAX &&
        !route_find(&m->route, node))
        (void)place_recipient(s, m, &p);
}

void subject_add_recipients(Store *s, const StoreOp *op, StoredMessage *m) {
    if (m->kind != KIND_DATA_SUBJECT_ACTION || op->accept.from_link)
        return;
    _cleanup_(freep) Found *found = calloc(1, sizeof(*found));
    if (!found)
        return;
    find_messages(s, &op->accept.message->env, found);
    for (uint32_t i = 0; i < found->n && s->fault == 0; i++) {
        _cleanup_(stored_message_deinit) StoredMessage of = { 0 };
        if (!message_load(s, found->seqs[i], &of) || !receipt_applies(of.kind))
            continue;
        add_recipient(s, m, of.sender);
        for (uint32_t k = 0; k < of.route.n; k++)
            if (!(of.route.list[k].flags & ROUTE_SCOPE_HOP))
                add_recipient(s, m, of.route.list[k].node);
    }
}

/* --- what is done ------------------------------------------------------------------------------
 */

static bool is_its_case(Store *s, const Envelope *e, const char *who) {
    _cleanup_(freep) StoredItem *i = malloc(sizeof(*i));
    if (!i || !item_load(s, ITEM_CASE, &e->case_id, i))
        return false;
    return strcmp(i->item.custodian, who) == 0 || strcmp(i->item.keeper, who) == 0 ||
           strcmp(i->item.case_file.home_dsk, who) == 0;
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

typedef struct Order {
    const char *sender, *who; /* who: whom the sender speaks for */
    int status;
    bool all; /* of whoever sent it, when he who orders it got it */
} Order;

/* Opening a case under an id that one has heard of gives nobody a hand in what others send each
 * other about it; and who only practises erases nothing that is meant. */
static bool is_covered(const Order *o, const StoredMessage *m, const Envelope *e) {
    if (o->status != MESSAGE_STATUS_UNSPECIFIED && e->status != o->status)
        return false;
    return strcmp(m->sender, o->sender) == 0 ||
           (o->all && (strcmp(m->sender, o->who) == 0 || was_sent_to(m, e, o->who)));
}

static void erase(Store *s, StoreOp *op, int64_t seq, const Order *o) {
    _cleanup_(stored_message_deinit) StoredMessage m = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL, *rest = NULL;
    bool damaged;
    Envelope e;
    if (!message_load_body(s, seq, &m, &body, &damaged) || damaged || !receipt_applies(m.kind) ||
        m.kind == KIND_DATA_SUBJECT_ACTION ||
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
    message_update(s, &m, rest);
    trail_add(s, seq, STEP_ERASED, o->sender, "");
}

void subject_carry_out(Store *s, StoreOp *op, const StoredMessage *m) {
    const Message *order = op->accept.message;
    const uint8_t action = order->facts.subject.action;
    if (m->kind != KIND_DATA_SUBJECT_ACTION || !order->facts.readable ||
        uuid_is_nil(&order->env.case_id) ||
        (action != SUBJECT_ACTION_ERASE && action != SUBJECT_ACTION_DESTROY))
        return;
    _cleanup_(freep) Found *found = calloc(1, sizeof(*found));
    if (!found)
        return;
    const char *sender = order->env.sender;
    const DirNode *n = directory_speaks_for(s->directory, directory_node(s->directory, sender));
    Order o = { .sender = sender, .who = n ? n->id : sender, .status = order->env.status };
    o.all = is_its_case(s, &order->env, o.who);
    find_messages(s, &order->env, found);
    for (uint32_t i = 0; i < found->n && s->fault == 0; i++)
        if (found->seqs[i] < m->seq)
            erase(s, op, found->seqs[i], &o);
}

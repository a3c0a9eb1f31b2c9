/* SPDX-License-Identifier: Apache-2.0 */
/* What acceptance asks of the items, and what it does to them. */

#include "base/text.h"
#include "store/directory-layer.h"
#include "store/item.h"
#include "store/message.h"
#include "store/pending.h"
#include "store/recall.h"
#include "store/receipts.h"
#include "store/subject.h"
#include "store/trace.h"

/* --- before the decision -------------------------------------------------------------------- */

static const Item *known(const LawWork *l, ItemKind kind) {
    for (uint32_t i = 0; i < l->n_keys; i++)
        if (l->keys[i].kind == kind && l->of[kind].item.state != 0)
            return &l->of[kind].item;
    return NULL;
}

/* who else was asked for the same case, and has not answered to the end. */
static void list_open_referrals(Store *s, const Act *a) {
    LawWork *l = s->law;
    StoredItem *i = &l->parent; /* read into it, one after the other */
    if (a->kind != KIND_REFERRAL_REQUEST || uuid_is_nil(&a->case_id))
        return;
    pending_settle_case(s, &a->case_id);
    _query_ q = QUERY(s, "SELECT id FROM item WHERE case_id = ?1 AND kind = 1 AND final = 0",
                      UUID(&a->case_id));
    while (l->known.n_open < KNOWN_OPEN_MAX && db_row(s, q)) {
        const Uuid id = col_uuid(q, 0);
        if (!uuid_equal(&id, &a->message_id) && item_load(s, ITEM_REFERRAL, &id, i) &&
            !i->item.final && uuid_equal(&i->item.case_id, &a->case_id))
            known_note_referral(&l->known, &i->item, a->target);
    }
}
_Static_assert(ITEM_REFERRAL == 1, "the number in the statement and in its index");

#define SIBLINGS_MAX 16U

/* A new request may name the referral it continues, or only the answer that caused it. */
bool law_find_parent(Store *s, const Act *a, StoredItem *ret) {
    if (a->kind != KIND_REFERRAL_REQUEST)
        return false;
    if (!uuid_is_nil(&a->facts->request.parent_referral_id))
        return item_load(s, ITEM_REFERRAL, &a->facts->request.parent_referral_id, ret);
    if (uuid_is_nil(&a->case_id))
        return false;
    pending_settle_case(s, &a->case_id);
    _query_ q = QUERY(s,
                      "SELECT id FROM item WHERE case_id = ?1 AND kind = 1 "
                      "ORDER BY id DESC LIMIT ?2",
                      UUID(&a->case_id), INT(SIBLINGS_MAX));
    while (db_row(s, q)) {
        const Uuid id = col_uuid(q, 0);
        if (item_load(s, ITEM_REFERRAL, &id, ret) && uuid_equal(&ret->item.case_id, &a->case_id) &&
            referral_continues(&ret->item, a))
            return true;
    }
    return false;
}

void law_look(Store *s, const Message *m) {
    LawWork *l = s->law;
    l->n_keys = l->n_late = 0;
    l->has_parent = false;
    l->known = (Known) { 0 };
    if (!m->facts.readable)
        return;
    act_of_message(s->directory, m, NULL, 0, s->now_ms, &l->act);
    l->n_keys = act_keys(&l->act, l->keys);
    for (uint32_t i = 0; i < l->n_keys; i++)
        (void)item_load(s, l->keys[i].kind, &l->keys[i].id, &l->of[l->keys[i].kind]);
    if (l->n_keys == 0)
        return;
    l->known.referral = known(l, ITEM_REFERRAL);
    l->known.complaint = known(l, ITEM_COMPLAINT);
    l->known.case_file = known(l, ITEM_CASE);
    l->known.event = known(l, ITEM_EVENT);
    l->known.proposal = known(l, ITEM_PROPOSAL);
    l->known.node = known(l, ITEM_NODE);
    list_open_referrals(s, &l->act);
    l->has_parent = law_find_parent(s, &l->act, &l->parent);
}

/* --- after it ------------------------------------------------------------------------------- */

/* Acknowledged by this node before? Each counts once, whoever of it says so again; who only
 * practised has not. */
static bool acknowledges_again(Store *s, const Act *a) {
    const int of = s->law->of[ITEM_EVENT].item.status;
    return a->kind == KIND_EVENT_ACKNOWLEDGEMENT &&
           (a->status == MESSAGE_STATUS_UNSPECIFIED || a->status == of) &&
           !acknowledge(s, &a->facts->acknowledgement.event_id, a->actor, a->at_ms);
}

/* --- situation reports: the only conflation there is (domain 4.9) --- */

#define LOOK_BACK 100U

/* The report of the same sender before that of the message at work. */
static bool find_report(Store *s, const StoredItem *event, const char *sender, Uuid *ret) {
    _cleanup_(freep) StoredAct *row = malloc(sizeof(*row));
    Act a;
    int64_t n = event->last_act;
    for (uint32_t k = 0; row && k < LOOK_BACK && n > 0 && act_load(s, n, row); k++) {
        const ActLink *l = act_link(row, ITEM_EVENT, &event->item.id);
        if (row->type == ACT_MESSAGE && l && l->verdict == STEP_APPLIED &&
            act_unpack(bytes_make(row->body, row->n_body), &a, &s->law->facts) &&
            a.kind == KIND_EVENT_SITUATION && strcmp(a.actor, sender) == 0 &&
            !uuid_equal(&a.message_id, &s->law->act.message_id)) {
            *ret = a.message_id;
            return true;
        }
        n = l ? l->prev : 0;
    }
    return false;
}

/* Does a scope reach everybody the other one does? */
static bool covers(const Audience *wide, const Audience *narrow) {
    bool all = wide->form == AUDIENCE_SCOPE && narrow->form == AUDIENCE_SCOPE;
    for (uint32_t i = 0; all && i < narrow->n; i++) {
        bool any = false;
        for (uint32_t k = 0; k < wide->n && !any; k++)
            any = text_starts_with(narrow->scope[i], wide->scope[k]);
        all = any;
    }
    return all;
}

/* It takes the place of the one before it where that was not handed out yet, and where it comes
 * itself: nobody is left without the one and the other. */
static void supersede(Store *s, StoreOp *op, const StoredItem *event, const StoredMessage *m) {
    _cleanup_(stored_message_deinit) StoredMessage old = { 0 };
    _cleanup_(body_unrefp) Body *body = NULL;
    bool damaged;
    Uuid before;
    Envelope e;
    const int64_t seq =
        find_report(s, event, m->sender, &before) ? dedup_find(s, &before, NULL) : 0;
    if (seq == 0 || !message_load_body(s, seq, &old, &body, &damaged) || damaged ||
        s->config.codec->decode_envelope(body_envelope(body), &e) < 0)
        return;
    recall_superseded(s, op, &old,
                      covers(&op->accept.message->env.audience, &e.audience) ? NULL : &m->route);
}

/* What an institution says of itself, or its supervisor of it, changes the directory. */
static void take_record(Store *s, StoreOp *op, const StoredMessage *m) {
    const char *why = NULL;
    if (m->kind != KIND_NODE_RECORD || directory_record_accepted(s, op, &why) || !why)
        return;
    trail_add(s, m->seq, "not applied", m->sender, why);
    if (!op->accept.from_link)
        law_warn(s, op, "RECORD_NOT_APPLIED", why);
}

static void fill_act(Store *s, const StoreOp *op) {
    Recipient to[RECIPIENTS_MAX];
    uint32_t n_to = 0;
    for (uint32_t i = 0; i < s->decision.n_routes && n_to < RECIPIENTS_MAX; i++)
        to[n_to++] = s->decision.routes[i].who;
    act_of_message(s->directory, op->accept.message, to, n_to, s->now_ms, &s->law->act);
}

static void move_items(Store *s, StoreOp *op, const StoredMessage *m) {
    LawWork *l = s->law;
    StoredItem *items[ITEM_KINDS] = { NULL };
    Step steps[ITEM_KINDS] = { 0 };
    int from[ITEM_KINDS] = { 0 };
    fill_act(s, op);
    if (acknowledges_again(s, &l->act))
        return;
    for (uint32_t i = 0; i < l->n_keys; i++) {
        const ItemKind kind = l->keys[i].kind;
        items[kind] = &l->of[kind];
        from[kind] = l->of[kind].item.state;
    }
    act_apply(s, &l->act, items, l->has_parent ? &l->parent.item : NULL, steps);
    /* What it took over from the referral before it is not in its own acts. */
    if (l->has_parent && steps[ITEM_REFERRAL].verdict == STEP_APPLIED)
        act_kept(s, items[ITEM_REFERRAL]);
    law_answer(s, op, steps, from, items);
    if (m->kind == KIND_COMPLAINT && items[ITEM_COMPLAINT])
        law_passed(s, items[ITEM_COMPLAINT], m);
    if (m->kind == KIND_COMPLAINT_UPDATE && !op->accept.from_link && items[ITEM_COMPLAINT])
        law_pass_on(s, op, items[ITEM_COMPLAINT], &m->id);
    if (m->kind == KIND_EVENT_SITUATION && steps[ITEM_EVENT].verdict == STEP_APPLIED)
        supersede(s, op, items[ITEM_EVENT], m);
}

/* What became of an opening message at its target changes the referral. */
void law_ended(Store *s, const StoredMessage *m, const char *recipient, ReceiptLevel level) {
    StoredItem i; /* of its own: this may come in the middle of an acceptance */
    if ((m->kind != KIND_REFERRAL_REQUEST && m->kind != KIND_CASE_TRANSFER) ||
        !item_load(s, ITEM_REFERRAL, &m->id, &i))
        return;
    if (level == LEVEL_COLLECTED)
        act_collected(s, &i, recipient);
    else if (level == LEVEL_UNDELIVERABLE || level == LEVEL_RECALLED)
        act_undeliverable(s, &i, recipient);
}

/* Its end may have come with it, before there was a referral: expired on a link, nobody there. */
static void look_for_ends(Store *s, const StoredMessage *m) {
    if (m->kind != KIND_REFERRAL_REQUEST && m->kind != KIND_CASE_TRANSFER)
        return;
    for (uint32_t i = 0; i < m->route.n && s->fault == 0; i++) {
        const ReceiptLevel level = outcome_level(s, m->seq, m->route.list[i].node);
        if (level != LEVEL_NONE)
            law_ended(s, m, m->route.list[i].node, level);
    }
}

void law_accepted(Store *s, StoreOp *op, const StoredMessage *m) {
    if (s->law->n_keys > 0 && s->fault == 0)
        move_items(s, op, m);
    if (m->kind == KIND_NOTICE && op->accept.from_link)
        law_notice(s, op->accept.message);
    look_for_ends(s, m);
    take_record(s, op, m);
    subject_carry_out(s, op, m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What acceptance asks of the items, and what it does to them. */
#include <errno.h>

#include "base/text.h"
#include "law/whys.h"
#include "store/item.h"

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
    _query_ q = QUERY(s,
                      "SELECT body, last FROM item WHERE case_id = ?1 AND kind = 1 AND final = 0 "
                      "LIMIT ?2",
                      UUID(&a->case_id), INT(KNOWN_OPEN_MAX));
    while (db_row(s, q) && l->known.n_open < KNOWN_OPEN_MAX)
        if (item_read_row(q, 0, i) && i->item.state != 0 &&
            !uuid_equal(&i->item.id, &a->message_id))
            text_copy(l->known.open_targets[l->known.n_open++], NODE_NAME_SIZE,
                      i->item.referral.target);
}
_Static_assert(ITEM_REFERRAL == 1, "the number in the statement and in its index");

void law_look(Store *s, const Message *m) {
    LawWork *l = s->law;
    l->n_keys = 0;
    l->has_parent = false;
    l->known = (Known) { 0 };
    if (!m->facts.readable)
        return;
    act_of_message(m, NULL, 0, s->now_ms, m->env.expires_ms, &l->act);
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
    if (l->act.kind == KIND_REFERRAL_REQUEST && !uuid_is_nil(&m->facts.request.parent_referral_id))
        l->has_parent =
            item_load(s, ITEM_REFERRAL, &m->facts.request.parent_referral_id, &l->parent);
}

/* --- after it ------------------------------------------------------------------------------- */

/* Acknowledged by this node before? Each counts once, whoever of it says so again. */
static bool acknowledges_again(Store *s, const Act *a) {
    return a->kind == KIND_EVENT_ACKNOWLEDGEMENT &&
           !acknowledge(s, &a->facts->acknowledgement.event_id, a->actor, a->at_ms);
}

static void warn(Store *s, StoreOp *op, const char *code, const char *field) {
    Reasons *list = accept_reasons(s, &op->accept.result);
    if (list)
        reasons_warn(list, code, field);
}

/* The field has the machine's word, the texts say it. */
static void warn_illegal(Store *s, StoreOp *op, const char *why) {
    Reasons *list = accept_reasons(s, &op->accept.result);
    const char *en, *id;
    if (!list)
        return;
    reasons_warn(list, "ILLEGAL_STEP", why);
    Reason *last = &list->list[MAX(list->n, 1U) - 1];
    if (strcmp(last->field, why) == 0 && step_why_texts(why, &en, &id)) {
        text_copy(last->text_en, sizeof(last->text_en), en);
        text_copy(last->text_id, sizeof(last->text_id), id);
    }
}

static void answer_steps(Store *s, StoreOp *op, const Step steps[ITEM_KINDS],
                         StoredItem *const items[ITEM_KINDS]) {
    if (op->accept.from_link)
        return;
    for (int k = 0; k < ITEM_KINDS; k++) {
        if (!items[k])
            continue;
        if (steps[k].verdict == STEP_ILLEGAL || (steps[k].verdict == STEP_APPLIED && steps[k].why))
            warn_illegal(s, op, steps[k].why ? steps[k].why : "WRONG_STATE");
        else if (steps[k].verdict == STEP_EARLY)
            warn(s, op, "HELD_EARLY", item_kind_name(k));
        else if (steps[k].verdict == STEP_APPLIED && steps[k].to != steps[k].from &&
                 ((k == ITEM_REFERRAL && steps[k].to == REFERRAL_SUPERIOR_DECIDES) ||
                  (k == ITEM_COMPLAINT && steps[k].to == COMPLAINT_SUPERIOR_DECIDES)))
            warn(s, op, "SUPERIOR_DECIDES", items[k]->item.owes);
    }
}

/* Whoever must decide for the two hears of it at once. */
static void tell_superior(Store *s, StoreOp *op, const StoredItem *i, const Step *step) {
    static const char en[] = "Sent on too often, or back to a former holder. You supervise both: "
                             "decide who takes it (a referral: kind 2, REDIRECTED; a complaint: "
                             "kind 11, REROUTE, CLASSIFY or ASSIGN).";
    static const char id[] = "Dialihkan terlalu sering atau kembali ke pemegang terdahulu. Anda "
                             "atasan bersama: putuskan siapa yang menangani (rujukan: jenis 2, "
                             "REDIRECTED; pengaduan: jenis 11, REROUTE, CLASSIFY atau ASSIGN).";
    const bool decides =
        step->verdict == STEP_APPLIED && step->to != step->from &&
        ((i->item.kind == ITEM_REFERRAL && step->to == REFERRAL_SUPERIOR_DECIDES) ||
         (i->item.kind == ITEM_COMPLAINT && step->to == COMPLAINT_SUPERIOR_DECIDES));
    if (!decides || !item_is_kept_here(s, &i->item) || i->item.owes[0] == '\0')
        return;
    Telling t = {
        .code = "SUPERIOR_DECIDES", .pasal = "P7 Pasal 48", .text_en = en, .text_id = id
    };
    text_copy(t.to, sizeof(t.to), i->item.owes);
    notice_send(s, op, &i->item, &t, 0, s->now_ms);
}

/* The only conflation there is (domain 4.9): a situation report takes the place of the one before
 * it, of the same sender, where that was not handed out yet. */
static void supersede(Store *s, StoreOp *op, const Uuid *before, const char *by) {
    _cleanup_(stored_message_deinit) StoredMessage old = { 0 };
    const int64_t seq = message_find(s, before, NULL);
    if (seq > 0 && message_load(s, seq, &old) && strcmp(old.sender, by) == 0)
        recall_superseded(s, op, &old);
}

/* What an institution says of itself, or its supervisor of it, changes the directory. */
static void take_record(Store *s, StoreOp *op, const StoredMessage *m) {
    const char *why = NULL;
    if (m->kind != KIND_NODE_RECORD || directory_record_accepted(s, op, &why) || !why)
        return;
    trail_add(s, m->seq, "not applied", m->sender, why);
    if (!op->accept.from_link)
        warn(s, op, "RECORD_NOT_APPLIED", why);
}

static void move_items(Store *s, StoreOp *op, const StoredMessage *m) {
    LawWork *l = s->law;
    const Message *message = op->accept.message;
    StoredItem *items[ITEM_KINDS] = { NULL };
    Step steps[ITEM_KINDS] = { 0 };
    Recipient to[RECIPIENTS_MAX];
    uint32_t n_to = 0;
    if (l->n_keys == 0 || s->fault < 0)
        return;
    for (uint32_t i = 0; i < s->decision.n_routes && n_to < RECIPIENTS_MAX; i++)
        to[n_to++] = s->decision.routes[i].who;
    act_of_message(message, to, n_to, s->now_ms, m->expires_ms, &l->act);
    if (acknowledges_again(s, &l->act))
        return;
    for (uint32_t i = 0; i < l->n_keys; i++)
        items[l->keys[i].kind] = &l->of[l->keys[i].kind];
    const Uuid situation =
        items[ITEM_EVENT] ? items[ITEM_EVENT]->item.event.last_situation : (Uuid) { { 0 } };
    act_apply(s, &l->act, items, l->has_parent ? &l->parent.item : NULL, steps);
    answer_steps(s, op, steps, items);
    for (int k = 0; k < ITEM_KINDS; k++)
        if (items[k])
            tell_superior(s, op, items[k], &steps[k]);
    if (m->kind == KIND_EVENT_SITUATION && !uuid_is_nil(&situation) &&
        steps[ITEM_EVENT].verdict == STEP_APPLIED)
        supersede(s, op, &situation, m->sender);
}

void law_accepted(Store *s, StoreOp *op, const StoredMessage *m) {
    move_items(s, op, m);
    take_record(s, op, m);
}

void law_collected(Store *s, const StoredMessage *m, const char *recipient) {
    StoredItem *i = &s->law->of[ITEM_REFERRAL];
    if (m->kind != KIND_REFERRAL_REQUEST && m->kind != KIND_CASE_TRANSFER)
        return;
    if (item_load(s, ITEM_REFERRAL, &m->id, i))
        act_collected(s, i, recipient);
}

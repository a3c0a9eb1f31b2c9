/* SPDX-License-Identifier: Apache-2.0 */
/* What people hear at once of what their message did: in its answer, or by a notice. */
#include "base/text.h"
#include "law/whys.h"
#include "store/item.h"
#include "store/store-accept.h"

/* --- the answer of the publisher ------------------------------------------------------------ */

void law_warn(Store *s, StoreOp *op, const char *code, const char *field) {
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

static bool waits_for_superior(int kind, int state) {
    return (kind == ITEM_REFERRAL && state == REFERRAL_SUPERIOR_DECIDES) ||
           (kind == ITEM_COMPLAINT && state == COMPLAINT_SUPERIOR_DECIDES);
}

static void answer(Store *s, StoreOp *op, const Step *step, int from, const Item *i) {
    if (step->verdict == STEP_ILLEGAL || (step->verdict == STEP_APPLIED && step->why))
        warn_illegal(s, op, step->why ? step->why : "WRONG_STATE");
    else if (step->verdict == STEP_EARLY)
        law_warn(s, op, "HELD_EARLY", item_kind_name((int)i->kind));
    else if (waits_for_superior((int)i->kind, i->state) && from != i->state)
        law_warn(s, op, "SUPERIOR_DECIDES", i->owes);
}

/* --- notices -------------------------------------------------------------------------------- */

/* Whoever must decide for the two hears of it at once. */
static void tell_superior(Store *s, StoreOp *op, const Item *i) {
    static const char en[] = "Sent on too often, or back to a former holder. You supervise both: "
                             "decide who takes it (a referral: kind 2, REDIRECTED; a complaint: "
                             "kind 11, REROUTE, CLASSIFY or ASSIGN).";
    static const char id[] = "Dialihkan terlalu sering atau kembali ke pemegang terdahulu. Anda "
                             "atasan bersama: putuskan siapa yang menangani (rujukan: jenis 2, "
                             "REDIRECTED; pengaduan: jenis 11, REROUTE, CLASSIFY atau ASSIGN).";
    Telling t = {
        .code = "SUPERIOR_DECIDES",
        .pasal = "P7 Pasal 48",
        .text_en = en,
        .text_id = id,
        .answers = op->accept.message->env.message_id,
    };
    if (i->owes[0] == '\0')
        return;
    text_copy(t.to, sizeof(t.to), i->owes);
    notice_send(s, op, i, &t, 0, s->now_ms);
}

/* Found illegal where the matter is kept, and not in the answer: its sender's broker may not have
 * known, or held it. */
static void tell_illegal(Store *s, StoreOp *op, const Item *i, const char *actor, const Uuid *step,
                         const char *why) {
    Telling t = { .code = "ILLEGAL_STEP", .pasal = "", .answers = *step };
    if (!item_is_kept_here(s, i) ||
        !step_why_texts(why ? why : "WRONG_STATE", &t.text_en, &t.text_id))
        return;
    text_copy(t.to, sizeof(t.to), actor);
    notice_send(s, op, i, &t, 0, s->now_ms);
}

void law_tell_late(Store *s, StoreOp *op) {
    for (uint32_t k = 0; k < s->law->n_late; k++) {
        const struct LateStep *late = &s->law->late[k];
        tell_illegal(s, op, &late->item, late->actor, &late->message_id, late->why);
    }
    s->law->n_late = 0;
}

void law_answer(Store *s, StoreOp *op, const Step steps[ITEM_KINDS], const int from[ITEM_KINDS],
                StoredItem *const items[ITEM_KINDS]) {
    for (int k = 0; k < ITEM_KINDS; k++) {
        if (!items[k])
            continue;
        const Item *i = &items[k]->item;
        if (!op->accept.from_link)
            answer(s, op, &steps[k], from[k], i);
        else if (steps[k].verdict == STEP_ILLEGAL)
            tell_illegal(s, op, i, s->law->act.actor, &s->law->act.message_id, steps[k].why);
        if (waits_for_superior(k, i->state) && from[k] != i->state && item_is_kept_here(s, i))
            tell_superior(s, op, i);
    }
    law_tell_late(s, op);
}

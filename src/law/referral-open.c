/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The opening of a referral, and whether it was sent on too often: more than REDIRECTS_MAX times,
 * or back to somebody who had it. Then the common superior of requester and target has to decide
 * before anything else happens (peers 6.7). Who asked for it has had it, too: only the placement of
 * a child in its own hands, with the family, is no return.
 */

#include <string.h>

#include "base/text.h"
#include "law/referral-internal.h"
#include "law/rules.h"

static bool is_former(const Referral *r, const char *node) {
    for (size_t i = 0; i < ARRAY_SIZE(r->former); i++)
        if (r->former[i][0] && strcmp(r->former[i], node) == 0)
            return true;
    return false;
}

static bool comes_back(const Referral *r) {
    const bool own = strcmp(r->target, r->requester) == 0;
    return is_former(r, r->target) || (own && r->referral_kind != REFERRAL_KIND_TO_FAMILY);
}

/* Oldest first; past the limit the superior decides anyway, so the oldest may go. */
static void add_former(Referral *r, const char *node) {
    size_t n = 0;
    if (is_former(r, node))
        return;
    while (n < ARRAY_SIZE(r->former) && r->former[n][0])
        n++;
    if (n == ARRAY_SIZE(r->former))
        memmove(r->former[0], r->former[1], (--n) * NODE_NAME_SIZE);
    (void)text_copy(r->former[n], NODE_NAME_SIZE, node);
}

static bool was_sent_on(const Item *parent) {
    return parent->kind == ITEM_REFERRAL &&
           (parent->state == REFERRAL_REDIRECTED || parent->state == REFERRAL_NOT_OUR_AUTHORITY);
}

bool referral_continues(const Item *p, const Act *a) {
    if (a->kind != KIND_REFERRAL_REQUEST)
        return false;
    if (!uuid_is_nil(&a->facts->request.parent_referral_id))
        return uuid_equal(&a->facts->request.parent_referral_id, &p->id);
    if (!was_sent_on(p) || uuid_equal(&p->id, &a->message_id))
        return false;
    if (!uuid_is_nil(&a->causation_id))
        return uuid_equal(&a->causation_id, &p->id) ||
               uuid_equal(&a->causation_id, &p->referral.sent_on_by);
    return strcmp(p->referral.requester, a->actor) == 0;
}

/* The referral this one continues: the one it names, or the cause of it when that was sent on, or
 * else the one that was sent on to just this target. */
static Uuid parent_of(const ReferralTurn *t) {
    if (t->a->kind != KIND_REFERRAL_REQUEST)
        return (Uuid) { 0 };
    const Uuid named = t->facts->request.parent_referral_id;
    if (!uuid_is_nil(&named) || !t->parent || !referral_continues(t->parent, t->a))
        return named;
    const bool told = !uuid_is_nil(&t->a->causation_id);
    return told || strcmp(t->parent->referral.redirect_to, t->r->target) == 0 ? t->parent->id
                                                                              : named;
}

/* Returns whether the superior has decided that it goes exactly here. */
static bool continue_parent(const ReferralTurn *t, const Uuid *parent_id) {
    Referral *r = t->r;
    const Item *p = t->parent;
    r->parent = *parent_id;
    if (!p || p->kind != ITEM_REFERRAL || p->state == REFERRAL_NONE ||
        !uuid_equal(&p->id, parent_id)) {
        r->redirect_count = 1; /* at least */
        r->chain_unknown = true;
        return false;
    }
    const Referral *before = &p->referral;
    memcpy(r->former, before->former, sizeof(r->former));
    r->redirect_count = before->redirect_count;
    r->chain_unknown = before->chain_unknown;
    if (was_sent_on(p) || !p->final) { /* its redirect may still be on the way */
        if (r->redirect_count < UINT8_MAX)
            r->redirect_count++;
        if (strcmp(before->requester, r->requester) != 0)
            add_former(r, before->requester);
        add_former(r, before->target);
    }
    return p->state == REFERRAL_REDIRECTED && before->superior_decided &&
           strcmp(before->redirect_to, r->target) == 0;
}

bool referral_awaits_superior(const Directory *d, const Item *i, const char *node) {
    const Referral *r = &i->referral;
    if (i->state == REFERRAL_SUPERIOR_DECIDES)
        return strcmp(i->owes, node) == 0;
    return !i->final && r->chain_unknown &&
           strcmp(common_superior(d, r->requester, r->target), node) == 0;
}

static void take_request(const ReferralTurn *t) {
    const ReferralRequestFacts *f = &t->facts->request;
    Referral *r = t->r;
    const Directory *d = t->ctx->directory;
    r->referral_kind = f->referral_kind;
    r->basis = f->basis;
    r->consent_giver = f->consent_giver;
    r->dtks_status = f->dtks_status;
    r->reunified = f->reunified;
    r->documents = documents_present(&f->documents);
    r->requested_on = f->requested_on;
    r->home_service_started_on = f->home_service_started_on;
    r->emergency = f->emergency && emergency_may_be_declared(d, directory_node(d, t->a->actor));
    if (r->emergency && (civil_is_set(f->docs_due_on) || referral_owed_documents(r)))
        r->docs_due_on = emergency_documents_due(f->docs_due_on, t->a->at_ms, t->a->region,
                                                 item_rule_set(t->ctx, t->item, t->a->at_ms));
}

void referral_start_answer(const ReferralTurn *t, int64_t from_ms) {
    item_timer_start(t->ctx, t->item, TIMER_ANSWER, from_ms);
}

/* reply_by of the request may shorten the term, not lengthen it. */
static void start_first_answer(const ReferralTurn *t) {
    const int64_t by_ms = t->r->transfer ? 0 : t->facts->request.reply_by_ms;
    referral_start_answer(t, t->a->at_ms);
    const Timer *timer = item_timer(t->item, TIMER_ANSWER);
    if (timer && by_ms > t->a->at_ms && by_ms < timer->due_ms)
        item_timer_set(t->item, TIMER_ANSWER, by_ms);
}

/* Where nobody stands above both there is nobody to ask: then it goes to the target as it is. */
static bool ask_superior(const ReferralTurn *t) {
    const char *superior = common_superior(t->ctx->directory, t->r->requester, t->r->target);
    if (!superior[0])
        return false;
    t->item->state = REFERRAL_SUPERIOR_DECIDES;
    (void)text_copy(t->item->owes, sizeof(t->item->owes), superior);
    item_timer_start(t->ctx, t->item, TIMER_SUPERIOR, t->a->at_ms);
    return true;
}

Step referral_on_opening(const ReferralTurn *t) {
    Referral *r = t->r;
    const bool transfer = t->a->kind == KIND_CASE_TRANSFER;
    const char *to =
        transfer && t->facts->transfer.to_node[0] ? t->facts->transfer.to_node : t->a->target;

    item_open(t->ctx, t->item, t->a);
    *r = (Referral) { .transfer = transfer, .reached = REFERRAL_SUBMITTED };
    (void)text_copy(r->requester, sizeof(r->requester), t->actor);
    (void)text_copy(r->target, sizeof(r->target), to);
    if (!transfer)
        take_request(t);
    const Step step = referral_go(t, REFERRAL_SUBMITTED);
    const Uuid parent_id = parent_of(t);
    const bool continues = !uuid_is_nil(&parent_id);
    if (continues)
        r->superior_decided = continue_parent(t, &parent_id);

    const bool sent_too_often = continues && (r->redirect_count > REDIRECTS_MAX || comes_back(r));
    if (r->superior_decided || !sent_too_often || !ask_superior(t))
        start_first_answer(t);
    if (t->a->expires_ms > t->a->at_ms)
        item_timer_set(t->item, TIMER_EXPIRY, t->a->expires_ms);
    referral_watch_documents(t);
    return step;
}

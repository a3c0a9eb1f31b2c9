/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what, asked once more where it becomes true: what waited behind a revocation in the
 * same transaction comes too late.
 */
#include "core/access.h"

#include "law/scope.h"
#include "store/access.h"
#include "store/item.h"
#include "store/message.h"
#include "store/pending.h"
#include "store/queue.h"
#include "store/store-accept.h"
#include "store/subscription.h"

#define CASE_REFERRALS_MAX 64

/* --- publishing ----------------------------------------------------------------------------- */

bool accept_is_denied(Store *s, StoreOp *op) {
    const RightUse use = use_of_publish(&op->accept.message->env);
    char en[ACCESS_TEXT_SIZE], id[ACCESS_TEXT_SIZE];
    if (op->accept.key[0] == '\0')
        return false;
    /* A link brings what others had the right to send. */
    const AccessVerdict v = access_check(s->directory, op->accept.key, op->accept.authority,
                                         s->now_ms, op->accept.from_link ? NULL : &use);
    if (v == ACCESS_GRANTED)
        return false;
    Reasons *list = accept_reasons(s, &op->accept.result);
    op->accept.result.verdict = VERDICT_REFUSED;
    access_texts(v, &use, en, id);
    if (list)
        reasons_add(list, "NO_RIGHT", "", en, id);
    return true;
}

/* --- named subscriptions -------------------------------------------------------------------- */

/* As one of its parties, or of a referral of it. */
static bool takes_part(Store *s, const Uuid *case_id, const char *node) {
    StoredItem *i = &s->law->parent;
    if (item_load(s, ITEM_CASE, case_id, i) && item_takes_part(&i->item, node))
        return true;
    pending_settle_case(s, case_id);
    _query_ q = QUERY(s, "SELECT id FROM item WHERE case_id = ?1 AND kind = 1 LIMIT ?2",
                      UUID(case_id), INT(CASE_REFERRALS_MAX));
    while (db_row(s, q)) {
        const Uuid id = col_uuid(q, 0);
        if (item_load(s, ITEM_REFERRAL, &id, i) && uuid_equal(&i->item.case_id, case_id) &&
            item_takes_part(&i->item, node))
            return true;
    }
    return false;
}
_Static_assert(ITEM_REFERRAL == 1, "the number in the statement and in its index");

static const char *outside_scope(Store *s, const char *owner, const Filter *f) {
    const DirNode *node = directory_node(s->directory, owner);
    const char *why = "the filter reaches outside your scope";
    if (!node || node->inactive)
        return "your node is not active in the directory";
    if (!filter_is_allowed(f, node, &why))
        return why;
    /* a case is followed by those who take part in it. */
    for (uint32_t i = 0; i < f->n_cases; i++)
        if (!takes_part(s, &f->cases[i], owner))
            return "your node takes no part in a case of the filter";
    return NULL;
}

static const char *lacks_right(const Store *s, const StoreOp *op, const Filter *f,
                               char missing[static RIGHT_USE_TEXT_SIZE]) {
    const char *key = op->subscription.key, *owner = op->subscription.owner;
    if (key[0] == '\0')
        return NULL;
    if (access_check(s->directory, key, owner, s->now_ms, NULL) != ACCESS_GRANTED)
        return "a valid key";
    const DirKey *k = directory_key(s->directory, key);
    return rights_allow_channel(&k->rights, RIGHT_SUBSCRIBE, SOURCE_NAMED, f, missing) ? NULL
                                                                                       : missing;
}

bool subscription_is_denied(Store *s, StoreOp *op, const Filter *f) {
    char missing[RIGHT_USE_TEXT_SIZE];
    const char *why = lacks_right(s, op, f, missing);
    if (why) {
        op->subscription.verdict = SUBSCRIPTION_NO_RIGHT;
    } else {
        /* Dropping one shows nothing. */
        why = op->subscription.drop ? NULL : outside_scope(s, op->subscription.owner, f);
        op->subscription.verdict = why ? SUBSCRIPTION_NOT_ALLOWED : SUBSCRIPTION_OK;
    }
    text_copy(op->subscription.why, sizeof(op->subscription.why), why ? why : "");
    return why != NULL;
}

bool copy_is_still_allowed(Store *s, const StoredMessage *m, const Body *body,
                           const DeliveryRow *row) {
    const Queue *queue = queue_by_id(s, row->queue);
    Envelope e;
    if (!queue || !queue->subscription || !(row->flags & DELIVERY_FACTS_ONLY))
        return true;
    const DirNode *owner = directory_node(s->directory, queue->subscription->owner);
    if (!owner || owner->inactive || s->config.codec->decode_envelope(body_envelope(body), &e) < 0)
        return false;
    text_copy(e.region, sizeof(e.region), m->region);
    return filter_in_scope(owner, &e);
}

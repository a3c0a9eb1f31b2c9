/* SPDX-License-Identifier: Apache-2.0 */
/* OP_ACCEPT: dedup, decision, message row, deliveries, receipts; all in the batch's transaction. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "store/accept-known.h"
#include "store/access.h"
#include "store/enrol.h"
#include "store/item.h"
#include "store/ledger.h"
#include "store/link.h"
#include "store/message.h"
#include "store/move.h"
#include "store/place.h"
#include "store/queue.h"
#include "store/quota.h"
#include "store/recall.h"
#include "store/receipts.h"
#include "store/run.h"
#include "store/space.h"
#include "store/store-accept.h"
#include "store/subject.h"
#include "store/subscription.h"
#include "store/wrap.h"

#define STORE_FULL_RETRY_MS 5000U

/* --- answers -------------------------------------------------------------------------------- */

Reasons *accept_reasons(Store *s, PublishResult *r) {
    if (!r->reasons && !(r->reasons = calloc(1, sizeof(*r->reasons))))
        db_fault(s, -ENOMEM, "out of memory");
    return r->reasons;
}

static void add_reason(Store *s, PublishResult *r, const char *code, const char *field,
                       const char *text_en, const char *text_id) {
    Reasons *list = accept_reasons(s, r);
    if (list)
        reasons_add(list, code, field, text_en, text_id);
}

static void note_intake(Store *s, const StoreOp *op, LedgerKind kind, const char *note) {
    const Message *m = op->accept.message;
    LedgerEntry e = { .kind = kind, .message_id = uuid_unless_nik(&m->env.message_id) };
    text_copy(e.node, sizeof(e.node), op->accept.from_link ? m->env.sender : op->accept.authority);
    text_copy(e.peer, sizeof(e.peer), op->accept.from_link ? op->accept.authority : "");
    text_copy(e.note, sizeof(e.note), note);
    if (kind != LEDGER_REFUSED) {
        e.code = m->env.kind;
        e.has_digest = true;
        memcpy(e.digest, m->digest, DIGEST_SIZE);
    }
    ledger_note(s, &e);
}

/* With the key its signature was checked with. */
static void note_accepted(Store *s, const StoreOp *op) {
    char signer[KEY_ID_TEXT_SIZE] = "";
    if (op->accept.signature == SIGNATURE_GOOD)
        key_id_format(&op->accept.signer, signer);
    note_intake(s, op, LEDGER_ACCEPTED, signer);
}

void accept_refuse(Store *s, StoreOp *op, Verdict verdict) {
    PublishResult *r = &op->accept.result;
    r->verdict = verdict;
    text_copy(r->rule_set, sizeof(r->rule_set), s->decision.rule_set);
    Reasons *list = accept_reasons(s, r);
    if (list && s->decision.reasons.n > 0)
        *list = s->decision.reasons;
    char codes[LEDGER_NOTE_MAX + 1];
    reasons_codes(&s->decision.reasons, codes, sizeof(codes));
    note_intake(s, op, LEDGER_REFUSED, codes);
}

static void answer_later(Store *s, StoreOp *op) {
    PublishResult *r = &op->accept.result;
    r->verdict = VERDICT_LATER;
    r->retry_after_ms = STORE_FULL_RETRY_MS;
    add_reason(s, r, "STORE_FULL", "", NULL, NULL);
}

static void answer_conflict(Store *s, StoreOp *op) {
    PublishResult *r = &op->accept.result;
    r->verdict = VERDICT_CONFLICT;
    note_intake(s, op, LEDGER_CONFLICT, "");
    add_reason(s, r, "CONFLICT", "message_id",
               "A message with this id and different content was accepted before.",
               "Pesan dengan id ini tetapi isi berbeda sudah pernah diterima.");
}

/* Scopes can cover thousands of nodes: the answer then names as many as other messages can have. */
void accept_list_recipients(Store *s, PublishResult *r, const StoredMessage *m) {
    const uint32_t n = MIN(m->route.n, RECIPIENTS_MAX);
    r->recipients = calloc(MAX(n, 1U), sizeof(Recipient));
    if (!r->recipients) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < m->route.n && r->n_recipients < n; i++) {
        const RouteEntry *e = &m->route.list[i];
        if (e->flags & ROUTE_SCOPE_HOP)
            continue;
        Recipient *to = &r->recipients[r->n_recipients++];
        to->role = e->role;
        text_copy(to->node, sizeof(to->node), e->node);
    }
}

static void list_outcomes(Store *s, PublishResult *r, int64_t seq) {
    r->outcomes = calloc(RECIPIENTS_MAX, sizeof(OutcomeRow));
    if (!r->outcomes) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    _query_ q = QUERY(s,
                      "SELECT recipient, level, cause, said_at, leg FROM outcome "
                      "WHERE seq = ?1 AND level > 0 LIMIT ?2",
                      INT(seq), INT(RECIPIENTS_MAX));
    while (db_row(s, q)) {
        OutcomeRow *o = &r->outcomes[r->n_outcomes++];
        text_copy(o->recipient, sizeof(o->recipient), col_text(q, 0));
        o->level = (ReceiptLevel)col_int(q, 1);
        o->cause = (ReceiptCause)col_int(q, 2);
        o->said_ms = col_int(q, 3);
        text_copy(o->leg, sizeof(o->leg), col_text(q, 4));
    }
}

/* The last capacity a node told (M71). */
static uint32_t free_places_of(const void *context, const char *node) {
    StoredItem i;
    const Uuid id = item_node_id(node);
    return item_load((Store *)(uintptr_t)context, ITEM_NODE, &id, &i) ? i.item.oversight.free_places
                                                                      : UINT32_MAX;
}

void accept_judge(Store *s, const StoreOp *op) {
    const FreePlaces places = { .of = free_places_of, .context = s };
    const AcceptInput in = {
        .message = op->accept.message,
        .directory = s->directory,
        .self = s->self,
        .authority = op->accept.authority,
        .from_link = op->accept.from_link,
        .clock_doubted = op->accept.clock_doubted,
        .now_ms = s->now_ms,
        .policy = &s->config.accept,
        .known = &s->law->known,
        .rule_sets = s->config.rule_sets,
        .floors = s->config.floors,
        .register_name = s->config.register_name,
        .free_places = &places,
    };
    accept_take_aliases(op->accept.message, s->directory);
    law_look(s, op->accept.message);
    accept_decide(&in, &s->decision);
}

/* --- where its recipients are ---------------------------------------------------------------- */

/* Where the directory would have it go, had the neighbour not brought it. */
static bool leads_back(Store *s, const StoreOp *op, const RoutedRecipient *routed) {
    const char *hop = op->accept.from_link && routed->hop[0] == '\0'
                          ? directory_next_hop(s->directory, s->self, routed->who.node)
                          : NULL;
    return hop && strcmp(hop, op->accept.authority) == 0;
}

Placement accept_placement(Store *s, const StoreOp *op, const RoutedRecipient *routed) {
    return (Placement) { .node = routed->who.node,
                         .role = routed->who.role,
                         .flags = (uint8_t)(routed->who.moves * ROUTE_MOVED),
                         .hop = routed->hop,
                         .returns = leads_back(s, op, routed) };
}

/* --- a message seen before ------------------------------------------------------------------ */

static void accept_again(Store *s, StoreOp *op, int64_t old_seq);

static void answer_known(Store *s, StoreOp *op, int64_t seq, const uint8_t *digest) {
    const Message *m = op->accept.message;
    PublishResult *r = &op->accept.result;
    _cleanup_(stored_message_deinit) StoredMessage stored;
    const bool kept = message_load(s, seq, &stored);
    const bool same = memcmp(digest, m->digest, DIGEST_SIZE) == 0;
    /* Another node learns nothing about the message. */
    if (!op->accept.from_link && strcmp(op->accept.authority, m->env.sender) != 0) {
        answer_conflict(s, op);
        return;
    }
    if (!same && !(op->accept.from_link && kept && known_is_other_form(s, m, &stored))) {
        answer_conflict(s, op);
        return;
    }
    if (!kept && op->accept.from_link && known_is_for_others(s, op, seq)) {
        accept_again(s, op, seq);
        return;
    }
    r->verdict = VERDICT_DUPLICATE;
    /* An order to recall went where its message went, and is never put into a mailbox; a receipt
     * without a route was only to be noted, a request for a key was carried out. */
    if (kept && op->accept.from_link && stored.kind != KIND_RECALL_ORDER &&
        (receipt_applies(stored.kind) || stored.route.n > 0))
        known_add_recipients(s, op, &stored);
    if (r->verdict == VERDICT_LATER)
        return;
    list_outcomes(s, r, seq);
    if (!kept) {
        r->accepted_ms = dedup_accepted_ms(s, &m->env.message_id);
        return;
    }
    r->accepted_ms = stored.accepted_ms;
    accept_list_recipients(s, r, &stored);
}

/* --- a new message -------------------------------------------------------------------------- */

static void stamp(Store *s, StoredMessage *m, const Message *message) {
    m->n_stamps = MIN(message->fwd.n_stamps, STAMPS_MAX);
    memcpy(m->stamps, message->fwd.stamps, m->n_stamps * sizeof(HopStamp));
    const uint32_t last = MIN(m->n_stamps, STAMPS_MAX - 1); /* too many hops: keep the first */
    m->stamps[last] = (HopStamp) { .at_ms = s->now_ms };
    text_copy(m->stamps[last].broker, NODE_NAME_SIZE, s->self);
    m->n_stamps = last + 1;
}

void accept_begin(Store *s, const StoreOp *op, StoredMessage *ret) {
    const Message *m = op->accept.message;
    const Envelope *e = &m->env;
    *ret = (StoredMessage) {
        .id = e->message_id,
        .kind = e->kind,
        .lane = m->lane,
        .order_key = message_order_key(e),
        .cased = !uuid_is_nil(&e->case_id),
        .claimed = true,
        .thread = e->message_id,
        .accepted_ms = s->now_ms,
        .expires_ms = s->decision.expires_ms,
        .receipts = e->receipts,
    };
    if (ret->cased)
        ret->thread = e->case_id;
    else if (!uuid_is_nil(&e->correlation_id))
        ret->thread = e->correlation_id;
    text_copy(ret->sender, sizeof(ret->sender), e->sender);
    text_copy(ret->region, sizeof(ret->region), e->region);
    if (op->accept.from_link)
        text_copy(ret->origin, sizeof(ret->origin), op->accept.authority);
    stamp(s, ret, m);
}

/* The id is taken before the decision, with the number the message will have: that spares a look
 * for it. False: it is known, and nothing was written. */
static bool claim_id(Store *s, const Message *m) {
    DedupClaim c = { .id = m->env.message_id,
                     .seq = s->next_seq,
                     .accepted_ms = s->now_ms,
                     .size = (uint32_t)body_size(m->body) };
    memcpy(c.digest, m->digest, sizeof(c.digest));
    s->claimed_seq = s->next_seq;
    return dedup_claim(s, &c);
}

static void give_back_id(Store *s, const Message *m) {
    dedup_give_back(s, &m->env.message_id);
}

/* Its id is claimed for the number it gets here. */
void accept_store(Store *s, StoreOp *op, StoredMessage *m) {
    const Message *message = op->accept.message;
    assert(s->fault < 0 || s->next_seq == s->claimed_seq); /* else dedup would name another */
    message_insert(s, m, message->body);
    if (m->kind != KIND_RECEIPT) /* those are noted as what they tell */
        note_accepted(s, op);
    if (op->accept.from_link)
        link_count_received(s, op->accept.authority, &m->id);
    op->accept.counted = op->accept.from_link;
    op->accept.result.verdict = VERDICT_ACCEPTED;
    text_copy(op->accept.result.rule_set, sizeof(op->accept.result.rule_set), s->decision.rule_set);
    op->accept.result.accepted_ms = s->now_ms;
}

static void route_scope(Store *s, const StoreOp *op, StoredMessage *m) {
    const AcceptInput in = {
        .message = op->accept.message,
        .directory = s->directory,
        .self = s->self,
        .authority = op->accept.authority,
        .from_link = op->accept.from_link,
        .now_ms = s->now_ms,
        .policy = &s->config.accept,
    };
    size_t cursor = 0;
    const DirNode *node;
    m->route.scope = true;
    while (s->fault == 0 && (node = accept_scope_next(&in, &cursor)))
        if (!route_find(&m->route, node->id))
            place_recipient(
                s, m, &(Placement) { .node = node->id, .role = ROLE_ADDRESSEE, .hop = s->self });
    for (uint32_t i = 0; i < s->decision.n_scope_hops; i++) {
        const char *hop = s->decision.scope_hops[i];
        place_recipient(
            s, m,
            &(Placement) {
                .node = hop, .role = ROLE_ADDRESSEE, .flags = ROUTE_SCOPE_HOP, .hop = hop });
    }
}

static void deliver_all(Store *s, StoreOp *op, const StoredMessage *m, const Copies *copies,
                        bool known) {
    const bool expired =
        op->accept.from_link && m->expires_ms <= s->now_ms && !op->accept.clock_doubted;
    for (uint32_t i = 0; i < m->route.n && s->fault == 0; i++) {
        const RouteEntry *e = &m->route.list[i];
        Saying say = { .recipient = e->node, .role = e->role };
        if (e->queue > 0 && !expired) {
            place_delivery(s, op, m, i, copies);
            const Queue *queue = queue_by_id(s, e->queue);
            if (m->receipts != RECEIPTS_WITH_DEPOSITED || !queue || queue->kind != QUEUE_MAILBOX ||
                move_hop(s, queue))
                continue;
            say.level = LEVEL_DEPOSITED;
        } else {
            say.level = LEVEL_UNDELIVERABLE;
            say.cause = expired ? CAUSE_EXPIRED_ON_LINK : CAUSE_RECIPIENT_UNKNOWN;
        }
        receipt_say(s, op, m, &say);
    }
    if (receipt_applies(m->kind) && !expired && !known)
        subscriptions_feed(s, op, m, copies);
}

static size_t append(char *text, size_t size, size_t n, const char *more) {
    (void)text_copy(text + n, size - n, more);
    return n + strlen(text + n);
}

/* "2021-09 R-045 R-012"; what is not meant says so first. */
static void note_decision(const AcceptDecision *d, const Envelope *e, StoredMessage *m) {
    const size_t size = sizeof(m->decision);
    size_t n = 0;
    if (d->rule_set[0] == '\0' || !kind_info(e->kind))
        return;
    n = append(m->decision, size, n,
               e->status == MESSAGE_STATUS_EXERCISE ? "EXERCISE "
               : e->status == MESSAGE_STATUS_TEST   ? "TEST "
                                                    : "");
    n = append(m->decision, size, n, d->rule_set);
    for (uint32_t i = 0; i < d->reasons.n && n + sizeof(d->reasons.list[i].code) < size; i++) {
        n = append(m->decision, size, n, " ");
        n = append(m->decision, size, n, d->reasons.list[i].code);
    }
}

/* When it is settled or handed over; a receipt that waits here for its reader is not. */
static bool is_looked_at_again(Store *s, const StoredMessage *m) {
    const Queue *q = m->route.n > 0 ? queue_by_id(s, m->route.list[0].queue) : NULL;
    return q && q->kind != QUEUE_RECEIPTS;
}

/* known: its items have moved before, and who subscribes had a copy. */
static void accept_new(Store *s, StoreOp *op, bool known) {
    const Message *message = op->accept.message;
    const AcceptDecision *d = &s->decision;
    _cleanup_(stored_message_deinit) StoredMessage m;
    _cleanup_(copies_deinit) Copies copies = { 0 };
    accept_begin(s, op, &m);
    note_decision(d, &message->env, &m);
    const bool asks_us = key_request_ends_here(s, op);
    const bool ends_here =
        asks_us || key_answer_arrived(s, op) ||
        (m.kind == KIND_RECEIPT && receipt_note(s, message, op->accept.authority));
    for (uint32_t i = 0; i < d->n_routes && !ends_here && s->fault == 0; i++) {
        const Placement p = accept_placement(s, op, &d->routes[i]);
        place_recipient(s, &m, &p);
    }
    if (d->scope)
        route_scope(s, op, &m);
    subject_add_recipients(s, op, &m);
    accept_store(s, op, &m);
    copies_init(s, &copies, message->body, true);
    deliver_all(s, op, &m, &copies, known);
    wraps_check(s, op, &m, message->body);
    if (!op->accept.from_link) /* a neighbour named them itself */
        accept_list_recipients(s, &op->accept.result, &m);
    if (d->reasons.n > 0) { /* warnings */
        Reasons *list = accept_reasons(s, &op->accept.result);
        if (list)
            *list = d->reasons;
    }
    if (!known)
        law_accepted(s, op, &m);
    if (asks_us)
        key_request_arrived(s, op, &m);
    if (is_looked_at_again(s, &m))
        recent_keep(s, &m);
}

/* Stored a second time under a new number, which takes over the outcomes; those who have one are
 * taken off the route, or they would be served twice. */
static void accept_again(Store *s, StoreOp *op, int64_t old_seq) {
    AcceptDecision *d = &s->decision;
    Forward *f = &op->accept.message->fwd;
    const uint32_t n_stamps = f->n_stamps;
    uint32_t n = 0;
    f->n_stamps = 0; /* as in known_add_recipients() */
    accept_judge(s, op);
    f->n_stamps = n_stamps;
    if (d->reasons.n_refusals > 0) {
        accept_refuse(s, op, VERDICT_REFUSED);
        return;
    }
    for (uint32_t i = 0; i < d->n_routes; i++)
        if (!outcome_is_noted(s, old_seq, &d->routes[i].who, op->accept.authority))
            d->routes[n++] = d->routes[i];
    d->n_routes = n;
    if (!known_only_comes_back(s, NULL, old_seq) && quota_is_reached(s, op))
        return;
    RUN(s, "UPDATE outcome SET seq = ?2 WHERE seq = ?1", INT(old_seq), INT(s->next_seq));
    give_back_id(s, op->accept.message);
    (void)claim_id(s, op->accept.message);
    accept_new(s, op, true);
}

/* A receipt, notice or request under the id that is its own: another message that took it, and only
 * a broker can have done that, must not keep anybody from being told or asked. */
static bool takes_its_id(Store *s, const StoreOp *op) {
    const Message *m = op->accept.message;
    _cleanup_(stored_message_deinit) StoredMessage other = { 0 };
    if (!op->accept.from_link ||
        !(receipt_has_own_id(m) || notice_has_own_id(m) || wrap_request_has_own_id(m)))
        return false;
    const int64_t seq = dedup_find(s, &m->env.message_id, NULL);
    if (seq == 0 || !message_load(s, seq, &other) || other.kind == m->env.kind)
        return false;
    give_back_id(s, m);
    return claim_id(s, m);
}

/* Of a message that is new: one that is known was signed well enough when it came first. */
static void judge_signature(Store *s, const StoreOp *op) {
    const SignatureState state = op->accept.signature;
    if (state == SIGNATURE_MISSING || state == SIGNATURE_BAD)
        reasons_add(&s->decision.reasons, state == SIGNATURE_BAD ? "BAD_SIGNATURE" : "UNSIGNED",
                    "signature", NULL, NULL);
}

void run_accept(Store *s, StoreOp *op) {
    const Message *m = op->accept.message;
    const bool open = space_intake_is_open(s, m);
    op->accept.result.message_id = m->env.message_id;
    if (!open || !(claim_id(s, m) || takes_its_id(s, op))) {
        uint8_t digest[DIGEST_SIZE];
        const int64_t seq =
            open || s->intake == INTAKE_NORMAL ? dedup_find(s, &m->env.message_id, digest) : 0;
        if (seq > 0)
            answer_known(s, op, seq, digest);
        else
            answer_later(s, op);
        return;
    }
    if (accept_is_denied(s, op)) { /* and learns nothing else of the rules */
        give_back_id(s, m);
        return;
    }
    accept_judge(s, op);
    judge_signature(s, op);
    if (s->decision.reasons.n_refusals > 0)
        accept_refuse(s, op, VERDICT_REFUSED);
    else if (m->env.kind == KIND_RECALL_ORDER)
        accept_recall(s, op);
    else if (!quota_is_reached(s, op))
        accept_new(s, op, false);
    if (op->accept.result.verdict == VERDICT_REFUSED || op->accept.result.verdict == VERDICT_LATER)
        give_back_id(s, m);
}

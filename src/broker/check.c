/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The stage between publish_frame() or a link and the store. Operations wait here in order of
 * arrival and leave in that order; one that needs no check waits only for those ahead of it.
 * Emergencies go ahead of the rest, as they do before the store (batch.c): a heap of signatures to
 * check must not hold them up.
 *
 * What has to be signed: everything from a node that has a signing key, or a thief of its transport
 * key could leave the signature out. Nodes without one are the configuration's to refuse. On a link
 * that was decided where the message was published; here a signature that is missing though the
 * sender has a key, or that does not hold, is refused. A signed directory comes from above, and a
 * message takes one way through the tree: so from below there is no key that this broker does not
 * know yet, and what comes by another way than its sender's must be signed. Of a key that only the
 * parent may know the recipient judges.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/proven.h"
#include "base/text.h"
#include "base/times.h"
#include "broker/batch.h"
#include "broker/check-queue.h"
#include "broker/check.h"
#include "broker/clock.h"
#include "broker/internal.h"
#include "broker/session.h"
#include "broker/turns.h"
#include "wire/codec.h"

#define CHECKS_MAX   128U /* of one batch: 10 ms when each is of a tree of its own */
#define CHECKS_ALONG 32U  /* that ride along with emergencies */

#define TRANSIT_MAX (31 * DAY_MS) /* a message is on its way at most */

struct Checks {
    OpList out;
    Proven *proven;
    Directory *directory; /* owned; that of the moment the batch was taken */
    int64_t now_ms;
    char self[NODE_NAME_SIZE]; /* this broker */
};

int check_init(Broker *b) {
    Checks *c = calloc(1, sizeof(*c));
    b->checks.batch = c;
    if (!c)
        return -ENOMEM;
    (void)text_copy(c->self, sizeof(c->self), b->config.self);
    return proven_new(&c->proven);
}

void check_deinit(Broker *b) {
    Checks *c = b->checks.batch;
    broker_batch_free(b->checks.urgent.first);
    broker_batch_free(b->checks.ops.first);
    if (!c)
        return;
    broker_batch_free(c->out.first);
    (void)directory_unref(c->directory);
    (void)proven_free(c->proven);
    free(c);
}

/* --- what is wanted ------------------------------------------------------------------------- */

/* By when a key must have been good: on a link the neighbour's word, within reason. */
static int64_t signed_by_ms(const StoreOp *op, int64_t now_ms) {
    const int64_t said_ms = op->accept.message->fwd.accepted_ms;
    return op->accept.from_link ? MAX(MIN(said_ms, now_ms), now_ms - TRANSIT_MAX) : now_ms;
}

/* Is the neighbour that brings it the one behind which its sender is? */
static bool came_its_way(const Directory *d, const char *self, const StoreOp *op) {
    const char *hop = directory_next_hop(d, self, op->accept.message->env.sender);
    return hop && strcmp(hop, op->accept.authority) == 0;
}

/* Did the key stand at that moment? Of a revoked one nothing is believed any more: when it was
 * stolen nobody knows. Whether its node is active now does not matter for what it sent before. */
static bool key_stands(const Directory *d, const DirKey *k, bool from_link, int64_t at_ms) {
    if (!from_link)
        return directory_key_is_usable(d, k, at_ms);
    return !k->revoked && at_ms >= k->valid_from_ms &&
           (k->valid_until_ms == 0 || at_ms < k->valid_until_ms);
}

/* Had it one at any time since? A neighbour could say that the message is older than the key. */
static bool has_signing_key(const Directory *d, const char *node, int64_t since_ms,
                            int64_t now_ms) {
    size_t n;
    const DirKey *const *keys = directory_keys_of(d, node, &n);
    for (size_t i = 0; i < n; i++)
        if (public_key_is_set(keys[i]->sign.b) && !keys[i]->revoked &&
            keys[i]->valid_from_ms <= now_ms &&
            (keys[i]->valid_until_ms == 0 || since_ms < keys[i]->valid_until_ms))
            return true;
    return false;
}

static SignatureState unsigned_state(const Broker *b, Now now, const StoreOp *op) {
    const bool link = op->accept.from_link;
    const char *sender = op->accept.message->env.sender;
    if (has_signing_key(b->directory, sender, signed_by_ms(op, now.wall_ms), now.wall_ms))
        return SIGNATURE_MISSING;
    if (link && directory_head(b->directory) && !came_its_way(b->directory, b->config.self, op))
        return SIGNATURE_MISSING;
    return link || b->config.unsigned_allowed ? SIGNATURE_NONE : SIGNATURE_MISSING;
}

static bool is_wanted(const StoreOp *op) {
    return op->kind == OP_ACCEPT && op->accept.signature == SIGNATURE_UNCHECKED &&
           !op->accept.denied;
}

/* --- the queue ------------------------------------------------------------------------------ */

static bool is_idle(const Broker *b) {
    return b->checks.ops.n == 0 && b->checks.urgent.n == 0 && b->checks.batch->out.n == 0;
}

static Session *session_of(Broker *b, const StoreOp *op) {
    return op->kind == OP_ACCEPT ? session_by_id(b, op->owner_id) : NULL;
}

void check_push(Broker *b, Now now, StoreOp *op) {
    const Message *m = op->accept.message;
    op->accept.clock_doubted = clock_is_doubted(b, now);
    if (body_signature(m->body).n == 0)
        op->accept.signature = unsigned_state(b, now, op);
    if (is_idle(b) && !is_wanted(op)) {
        broker_push(b, op);
        return;
    }
    const bool urgent = m->lane <= LANE_EMERGENCY && !ops_follow(&b->checks.ops, &m->env);
    ops_append(urgent ? &b->checks.urgent : &b->checks.ops, op);
    Session *s = session_of(b, op);
    if (s)
        s->n_checking++;
}

void check_push_behind(Broker *b, uint64_t session_id, StoreOp *op) {
    const Session *s = session_by_id(b, session_id);
    if (s && s->n_checking > 0)
        ops_append(&b->checks.ops, op);
    else
        broker_push(b, op);
}

void check_early(Broker *b, Now now) {
    if (!b->io.checks || b->checks.batch->out.n > 0)
        return;
    turns_pump(b, now);
    if (b->checks.ops.n + b->checks.urgent.n > 0)
        b->io.checks(b->io.data);
}

uint32_t broker_checking(const Broker *b) {
    return b->checks.ops.n + b->checks.urgent.n + b->checks.batch->out.n;
}

static void pass_on(Broker *b, StoreOp *op) {
    Session *s = session_of(b, op);
    if (s && s->n_checking > 0)
        s->n_checking--;
    broker_push(b, op);
}

/* Those at the head that need no check (any more). */
static void pass_on_ready(Broker *b, OpList *l) {
    while (l->first && !is_wanted(l->first))
        pass_on(b, ops_take(l));
}

Checks *broker_take_checks(Broker *b, Now now) {
    Checks *c = b->checks.batch;
    if (c->out.n > 0)
        return NULL;
    while (b->checks.urgent.first && c->out.n < CHECKS_MAX)
        ops_append(&c->out, ops_take(&b->checks.urgent));
    const uint32_t most = c->out.n > 0 ? c->out.n + CHECKS_ALONG : CHECKS_MAX;
    while (b->checks.ops.first && c->out.n < most)
        ops_append(&c->out, ops_take(&b->checks.ops));
    if (c->out.n == 0)
        return NULL;
    (void)directory_unref(c->directory);
    c->directory = directory_ref(b->directory);
    c->now_ms = now.wall_ms;
    return c;
}

uint32_t checks_count(const Checks *c) {
    return c->out.n;
}

/* --- checking: any thread ------------------------------------------------------------------- */

static bool may_be_unknown(const Checks *c, const StoreOp *op) {
    if (!op->accept.from_link || !directory_head(c->directory))
        return op->accept.from_link;
    return !directory_is_below(c->directory, c->self, op->accept.authority) &&
           came_its_way(c->directory, c->self, op);
}

/* curve_left: curve operations that may still be done; NULL = any number. */
static bool is_affordable(const Checks *c, const Signature *s, const SignPublic *key,
                          uint32_t *curve_left) {
    if (!curve_left || proven_knows(c->proven, s, key))
        return true;
    if (*curve_left == 0)
        return false;
    --*curve_left;
    return true;
}

static SignatureState check(Checks *c, StoreOp *op, uint32_t *curve_left) {
    const Message *m = op->accept.message;
    const bool link = op->accept.from_link;
    const char *why;
    Signature s;
    if (codec_decode_signature(body_signature(m->body), &s, &why) != 0)
        return SIGNATURE_BAD; /* for want of memory, too: it is sent again */
    const DirKey *k = directory_key_by_sign_id(c->directory, m->env.sender, &s.key);
    if (!k)
        return may_be_unknown(c, op) ? SIGNATURE_UNKNOWN_KEY : SIGNATURE_BAD;
    if (!key_stands(c->directory, k, link, signed_by_ms(op, c->now_ms)))
        return SIGNATURE_BAD;
    if (!is_affordable(c, &s, &k->sign, curve_left))
        return SIGNATURE_UNCHECKED;
    if (!proven_holds(c->proven, &s, body_envelope(m->body), &k->sign))
        return SIGNATURE_BAD;
    op->accept.signer = s.key;
    return SIGNATURE_GOOD;
}

void checks_run(Checks *c) {
    for (StoreOp *op = c->out.first; op; op = op->next)
        if (is_wanted(op))
            op->accept.signature = check(c, op, NULL);
}

bool checks_run_some(Checks *c, uint32_t curve_max) {
    bool all = true;
    for (StoreOp *op = c->out.first; op && all; op = op->next) {
        if (is_wanted(op))
            op->accept.signature = check(c, op, &curve_max);
        all = !is_wanted(op);
    }
    return all;
}

/* --- results -------------------------------------------------------------------------------- */

/* The directory changed while the batch was out: a key may have been revoked meanwhile. */
static void check_key_again(const Broker *b, Now now, StoreOp *op) {
    const char *sender = op->accept.message->env.sender;
    const DirKey *k = directory_key_by_sign_id(b->directory, sender, &op->accept.signer);
    if (!k || !key_stands(b->directory, k, op->accept.from_link, signed_by_ms(op, now.wall_ms)))
        op->accept.signature = SIGNATURE_BAD;
}

void broker_checked(Broker *b, Now now) {
    Checks *c = b->checks.batch;
    const bool again = c->directory != b->directory;
    for (StoreOp *op; (op = ops_take(&c->out));) {
        if (again && op->kind == OP_ACCEPT && op->accept.signature == SIGNATURE_GOOD)
            check_key_again(b, now, op);
        pass_on(b, op);
    }
    pass_on_ready(b, &b->checks.urgent);
    pass_on_ready(b, &b->checks.ops);
}

void broker_check_here(Broker *b, Now now) {
    for (Checks *c; (c = broker_take_checks(b, now));) {
        checks_run(c);
        broker_checked(b, now);
    }
}

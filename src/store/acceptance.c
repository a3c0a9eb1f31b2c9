/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs of acceptance, for publishers that ask for them: the answers of one transaction are signed
 * as one tree, before the commit. Nothing of it is stored: the statement is made of what is known
 * of the message, so a repetition is signed again.
 */
#include <errno.h>

#include "base/signature.h"
#include "core/acceptance.h"
#include "store/acceptance.h"
#include "store/internal.h"

struct Acceptances {
    uint32_t n;
    TreeHash hashes[TREE_LEAVES_MAX];
    PublishResult *results[TREE_LEAVES_MAX]; /* of operations of this transaction */
};

static Acceptances *acceptances(Store *s) {
    if (!s->acceptances)
        s->acceptances = calloc(1, sizeof(*s->acceptances));
    if (!s->acceptances)
        db_fault(s, -ENOMEM, "out of memory");
    return s->acceptances;
}

void acceptances_drop(Store *s) {
    if (s->acceptances)
        s->acceptances->n = 0;
}

static void give_proof(Store *s, PublishResult *r, const Signature *signature) {
    uint8_t buf[SIGNATURE_MAX];
    r->proof = malloc(sizeof(*r->proof));
    if (r->proof)
        signature_bytes_set(r->proof, s->config.codec->encode_signature(signature, buf));
    else
        db_fault(s, -ENOMEM, "out of memory");
}

void acceptances_flush(Store *s) {
    Acceptances *a = s->acceptances;
    _cleanup_(signed_tree_deinit) SignedTree tree = { 0 };
    Signature signature;
    if (!a || a->n == 0 || s->fault < 0)
        return;
    if (signed_tree_init(&tree, s->config.sign_key, SIGN_LABEL_ACCEPTANCES, a->hashes, a->n) < 0) {
        db_fault(s, -ENOMEM, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < a->n && s->fault == 0; i++) {
        signed_tree_signature(&tree, i, &signature);
        give_proof(s, a->results[i], &signature);
    }
    a->n = 0;
}

void acceptance_add(Store *s, StoreOp *op) {
    PublishResult *r = &op->accept.result;
    uint8_t buf[ACCEPTANCE_MAX];
    if (!op->accept.prove || r->accepted_ms == 0 || !s->config.sign_key ||
        !s->config.codec->encode_signature)
        return;
    if (s->acceptances && s->acceptances->n == TREE_LEAVES_MAX)
        acceptances_flush(s);
    Acceptances *a = acceptances(s);
    if (!a || s->fault < 0)
        return;
    const Message *m = op->accept.message;
    const Acceptance said = { .message_id = m->env.message_id,
                              .envelope = body_envelope(m->body),
                              .accepted_ms = r->accepted_ms,
                              .sender = m->env.sender,
                              .broker = s->self };
    a->hashes[a->n] = tree_leaf(acceptance_statement(&said, buf));
    a->results[a->n++] = r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Proofs of acceptance: the broker's signature that it has a message. The statement is made here,
 * of the message as it was sent and of the broker's word about the time, so what the broker signed
 * is of this message or does not hold. All answers of one commit have one signature.
 */

#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "base/times.h"
#include "client/client-proof.h"
#include "client/client-verify.h"
#include "client/internal.h"
#include "wire/codec.h"

void proof_expect(const serasi_client *c, serasi_result *r, const Body *body) {
    if (!r->r.proof)
        return;
    const Acceptance a = { .message_id = r->r.message_id,
                           .envelope = body_envelope(body),
                           .accepted_ms = r->r.accepted_ms,
                           .sender = c->node,
                           .broker = c->broker };
    r->n_statement = (uint32_t)acceptance_statement(&a, r->statement).n;
    r->judgement.size = sizeof(r->judgement);
    r->judgement.accepted_at_ms = r->r.accepted_ms;
    (void)text_copy(r->judgement.node, sizeof(r->judgement.node), c->broker);
}

/* Does it hold? The head is remembered: the answers that come together have the same. */
static bool holds(serasi_client *c, const serasi_result *r, const Signature *s,
                  const SignPublic *key) {
    SignedHead head;
    if (!signature_head(s, bytes_make(r->statement, r->n_statement), &head))
        return false;
    if (c->proof_head.size == head.size && tree_hash_equal(&c->proof_head.root, &head.root) &&
        memcmp(c->proof_bytes, s->bytes, sizeof(s->bytes)) == 0 &&
        memcmp(c->proof_key.b, key->b, sizeof(key->b)) == 0)
        return true;
    if (!signature_head_holds(s, SIGN_LABEL_ACCEPTANCES, &head, key))
        return false;
    c->proof_head = head;
    c->proof_key = *key;
    memcpy(c->proof_bytes, s->bytes, sizeof(s->bytes));
    return true;
}

/* Of a broker, and of the one where this node is at home: another may have the message, but is not
 * the one to say what becomes of it. */
static KeyTrust judge_broker(serasi_client *c, const KeyOwner *broker, Now now,
                             serasi_signature *ret) {
    KeyOwner own;
    const KeyTrust trust = client_keys_owner(c->directory, c->node, now, &own);
    if (strcmp(broker->home, broker->node) != 0 ||
        (trust >= KEY_TOLD && strcmp(own.home, broker->node) != 0))
        ret->flags |= SERASI_SIGNED_WRONG_BROKER;
    return trust;
}

static KeyTrust judge(serasi_client *c, const serasi_result *r, serasi_signature *ret) {
    const Now now = now_read();
    const char *why;
    Signature s;
    DirKey key;
    KeyOwner owner;
    ret->state = SERASI_SIGNATURE_BAD;
    if (codec_decode_signature(signature_bytes(r->r.proof), &s, &why) != 0)
        return KEY_UNKNOWN;
    key_id_format(&s.key, ret->key);
    KeyTrust trust = client_keys_by_sign_id(c->directory, ret->node, &s.key, now, &key);
    if (trust >= KEY_TOLD)
        trust = client_keys_owner(c->directory, ret->node, now, &owner);
    ret->state = SERASI_SIGNATURE_UNKNOWN_KEY;
    if (trust < KEY_TOLD)
        return trust;
    (void)text_copy(ret->label, sizeof(ret->label), key.label);
    ret->proven = trust == KEY_PROVEN;
    if (!holds(c, r, &s, &key.sign))
        ret->state = SERASI_SIGNATURE_BAD;
    else if (!client_key_is_usable(&owner, &key, now.wall_ms)) /* it was signed just now */
        ret->state = SERASI_SIGNATURE_KEY_NOT_THEN;
    else
        ret->state = SERASI_SIGNATURE_VALID;
    return judge_broker(c, &owner, now, ret);
}

bool proof_is_judged(serasi_client *c, serasi_result *r) {
    serasi_signature made = r->judgement;
    if (r->judged)
        return true;
    if (judge(c, r, &made) == KEY_ASKED) {
        client_wake(c); /* the question has to go out */
        return false;
    }
    r->judgement = made;
    return r->judged = true;
}

SERASI_PUBLIC int serasi_result_signature(const serasi_result *r, serasi_signature *ret) {
    return judgement_give(r ? &r->judgement : NULL, ret);
}

SERASI_PUBLIC int serasi_result_proof(const serasi_result *r, const void **ret_statement,
                                      size_t *ret_n_statement, const void **ret_signature,
                                      size_t *ret_n_signature) {
    if (!r->r.proof)
        return SERASI_AGAIN;
    *ret_statement = r->statement;
    *ret_n_statement = r->n_statement;
    *ret_signature = r->r.proof->p;
    *ret_n_signature = r->r.proof->n;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signatures: in half of the worlds publishers have keys, in half of those all of them, and brokers
 * that take nothing unsigned. A program signs some of its messages as one tree. Now and then
 * something is sent that its sender has not signed, before it is sent as it should be: nobody may
 * ever accept it. Whoever gets a message checks it again.
 */

#include "base/signature.h"
#include "sim/sim-world.h"

#define TREE_MOST 12U /* messages in a tree */

static void key_from(unsigned kind, unsigned which, SignKey *ret) {
    const uint8_t seed[SIGN_SEED_SIZE] = { 's', 'i', 'm', (uint8_t)kind, (uint8_t)which };
    sign_key_from_seed(seed, ret);
}

void sign_set_up(World *w) {
    if (w->profile.signing == SIGNING_NONE)
        return;
    for (unsigned i = 1; i < w->n_brokers; i++)
        key_from(1, i, &w->broker_keys[i]);
    w->broker_keys[0] = w->hub_key;
    for (unsigned i = 0; i < w->n_nodes; i++)
        key_from(2, i, &w->node_keys[i]);
}

const SignKey *sign_key_of_broker(const World *w, unsigned broker) {
    return broker == 0                          ? &w->hub_key
           : w->profile.signing != SIGNING_NONE ? &w->broker_keys[broker]
                                                : NULL;
}

/* A node with the key of a broker has to sign whatever program speaks for it. */
const SignKey *sign_key_of_node(const World *w, unsigned node) {
    const bool is_brokers = node >= w->n_nodes - w->n_brokers;
    const bool signs = w->profile.signing == SIGNING_ALL ||
                       (w->profile.signing == SIGNING_SOME && (is_brokers || node % 2 == 0));
    return signs ? &w->node_keys[node] : NULL;
}

/* The first n of the client's parcels from k on, as one tree. */
static void sign_tree(const SignKey *key, SimClient *c, unsigned k, unsigned n) {
    Bytes envelopes[TREE_MOST];
    Signature made[TREE_MOST];
    uint8_t buf[SIGNATURE_MAX];
    for (unsigned i = 0; i < n; i++)
        envelopes[i] = bytes_make(c->items[k + i]->envelope, c->items[k + i]->n_envelope);
    int r = signature_make(key, envelopes, n, made);
    assert(r == 0);
    for (unsigned i = 0; i < n; i++)
        signature_bytes_set(&c->items[k + i]->signature, codec_encode_signature(&made[i], buf));
}

void sign_parcels(World *w, SimClient *c) {
    const SignKey *key = sign_key_of_node(w, c->node);
    Dice d = dice_for(w->config->seed, DICE_SIGN, c->node);
    for (unsigned k = 0; key && k < c->n_items;) {
        const unsigned n = MIN(1 + dice_below(&d, TREE_MOST), c->n_items - k);
        sign_tree(key, c, k, n);
        k += n;
    }
    c->forgery = d;
}

/* --- what is not signed by its sender --- */

static bool forge(const World *w, SimClient *c, const Parcel *i, SignatureBytes *ret) {
    const Parcel *other = c->items[dice_below(&c->forgery, c->n_items)];
    const Bytes envelope = bytes_make(i->envelope, i->n_envelope);
    SignKey stranger;
    Signature s;
    uint8_t buf[SIGNATURE_MAX];
    *ret = i->signature;
    switch (dice_below(&c->forgery, 4)) {
    case 0: /* nothing at all */
        ret->n = 0;
        return sign_key_of_node(w, c->node) != NULL;
    case 1: /* of another message */
        *ret = other->signature;
        return other != i && ret->n > 0;
    case 2: /* altered */
        ret->p[dice_below(&c->forgery, ret->n)] ^= (uint8_t)(1U << dice_below(&c->forgery, 8));
        return ret->n > 0;
    default: /* by a key that the directory does not have, or has for another node */
        key_from(2 + dice_below(&c->forgery, 2), (c->node + 1) % w->n_nodes, &stranger);
        int r = signature_make(&stranger, &envelope, 1, &s);
        assert(r == 0);
        signature_bytes_set(ret, codec_encode_signature(&s, buf));
        return true;
    }
}

bool sign_forge(World *w, SimClient *c, const Parcel *i, SignatureBytes *ret) {
    SignatureBytes s;
    if (w->profile.signing == SIGNING_NONE || !dice_once_in(&c->forgery, 12) || !forge(w, c, i, &s))
        return false;
    *ret = s;
    return true;
}

void sign_check(World *w, const SimClient *c, const Frame *f, const Parcel *i) {
    const SignKey *key = sign_key_of_node(w, i->client);
    const char *why;
    Signature s;
    if (!key)
        return;
    if (codec_decode_signature(signature_bytes(&f->deliver.signature), &s, &why) != 0 ||
        !signature_holds(&s, bytes_make(i->envelope, i->n_envelope), &key->public))
        world_wrong(w, "%s got a message without the signature of its sender", c->who);
}

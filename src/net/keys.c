/* SPDX-License-Identifier: Apache-2.0 */

/* The pairs of a node as values. That of CURVE is made by libzmq, the others by base/crypto-key. */

#include <errno.h>
#include <string.h>
#include <zmq.h>

#include "base/hash.h"
#include "base/secret.h"
#include "base/text.h"
#include "net/keys.h"

#define Z85_CHARACTERS                                                                             \
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

bool curve_text_is_valid(const char *z85) {
    uint8_t raw[32] = { 0 };
    const bool valid = z85 && strlen(z85) == CURVE_TEXT_SIZE - 1 &&
                       strspn(z85, Z85_CHARACTERS) == CURVE_TEXT_SIZE - 1 &&
                       zmq_z85_decode(raw, z85);
    secret_wipe(raw, sizeof(raw)); /* it may be a secret one */
    return valid;
}

void keys_wipe(NodeKeys *k) {
    if (k)
        secret_unlock(k, sizeof(*k));
}

void keys_copy(const NodeKeys *k, NodeKeys *ret) {
    secret_lock(ret, sizeof(*ret));
    *ret = *k;
}

int keys_generate(NodeKeys *ret) {
    _cleanup_(keys_wipe) NodeKeys k = { 0 };
    int r = hash_init();
    if (r < 0)
        return r;
    if (zmq_curve_keypair(k.curve_public, k.curve_secret) != 0)
        return -errno;
    sign_key_new(&k.sign);
    seal_key_new(&k.seal);
    keys_copy(&k, ret);
    return 0;
}

int keys_follow(const NodeKeys *old, NodeKeys *ret) {
    _cleanup_(keys_wipe) NodeKeys k = { 0 };
    NodeKeys before = *old;
    int r = keys_generate(&k);
    if (r == 0) {
        keys_retire_seal(&before);
        memcpy(k.old_seal, before.old_seal, sizeof(k.old_seal));
        k.n_old_seal = before.n_old_seal;
        keys_copy(&k, ret);
    }
    secret_wipe(&before, sizeof(before));
    return r;
}

int keys_from_curve(const char *curve_secret, NodeKeys *ret) {
    _cleanup_(keys_wipe) NodeKeys k = { 0 };
    int r = hash_init();
    if (r < 0)
        return r;
    if (!curve_text_is_valid(curve_secret) || zmq_curve_public(k.curve_public, curve_secret) != 0)
        return -EINVAL;
    (void)text_copy(k.curve_secret, sizeof(k.curve_secret), curve_secret);
    keys_copy(&k, ret);
    return 0;
}

void keys_retire_seal(NodeKeys *k) {
    if (!keys_can_open(k))
        return;
    memmove(&k->old_seal[1], &k->old_seal[0], (KEYS_OLD_MAX - 1) * sizeof(k->old_seal[0]));
    k->old_seal[0] = k->seal;
    k->n_old_seal = MIN(k->n_old_seal + 1, KEYS_OLD_MAX);
    secret_wipe(&k->seal, sizeof(k->seal));
}

size_t keys_opening(const NodeKeys *k, SealKey ret[static KEYS_OLD_MAX + 1]) {
    size_t n = 0;
    if (keys_can_open(k))
        ret[n++] = k->seal;
    for (uint32_t i = 0; i < k->n_old_seal; i++)
        ret[n++] = k->old_seal[i];
    return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A node's secrets: a CURVE key pair (ZeroMQ), and Ed25519 and X25519 pairs for signing and
 * sealing. Kept in one file that nobody else can read. Files of programs that only connect may
 * have the CURVE pair alone. */

#include "base/cleanup.h"
#include "base/crypto-key.h"
#include "core/directory.h"

#define KEYS_OLD_MAX 8U /* earlier sealing pairs */

typedef struct NodeKeys {
    char curve_public[CURVE_TEXT_SIZE], curve_secret[CURVE_TEXT_SIZE]; /* Z85 */
    SignKey sign;                                                      /* all zero = none */
    SealKey seal;                                                      /* all zero = none */
    /* What was sealed before a change of keys still opens with these, the latest first. */
    SealKey old_seal[KEYS_OLD_MAX];
    uint32_t n_old_seal;
} NodeKeys;

/* Who returns keys keeps them out of the swap: end with keys_wipe(). */
_must_check_ int keys_generate(NodeKeys *ret);
/* -EACCES when others can read the file, -EBADMSG when it is not a key file, else errno of open.
 * "Others": anybody but its owner, or but root and the group it is given to (which is also how a
 * systemd credential may look), as PostgreSQL has it for its own key. */
_must_check_ int keys_load(NodeKeys *ret, const char *path);
/* A new file, mode 0600, whole or not at all. -EEXIST when there is one. */
_must_check_ int keys_save(const NodeKeys *k, const char *path);
/* Gives a key file the signing and sealing pair it lacks; the pairs it has stay as they are. The
 * file is replaced at once or not at all. Errors as loading and saving; 1 = it lacked none. */
_must_check_ int keys_add(const char *path);
/* New pairs in place of those of `old`, which stays as it is; what was sealed to it still opens. */
_must_check_ int keys_follow(const NodeKeys *old, NodeKeys *ret);
/* A CURVE pair alone, from its secret half in Z85: a one-time key. 0, -EINVAL. */
_must_check_ int keys_from_curve(const char *curve_secret, NodeKeys *ret);
/* A change of the key file in steps, each of which may be the last for a while: the new keys lie
 * beside it as <path>.next, then take its place at once, and the old ones are <path>.old. */
#define KEYS_NEXT ".next"
#define KEYS_OLD  ".old"
_must_check_ int keys_save_next(const NodeKeys *k, const char *path); /* -EEXIST: there are some */
_must_check_ int keys_switch(const char *path); /* as loading, when the new ones are not whole */
void keys_copy(const NodeKeys *k, NodeKeys *ret);
void keys_wipe(NodeKeys *k);
/* Makes the sealing pair an earlier one, for a new pair to take its place; of KEYS_OLD_MAX the
 * oldest is forgotten. Nothing happens without a pair. */
void keys_retire_seal(NodeKeys *k);
/* The sealing pairs, the present one first; returns how many. To be wiped by the caller. */
size_t keys_opening(const NodeKeys *k, SealKey ret[static KEYS_OLD_MAX + 1]);

static inline bool keys_can_sign(const NodeKeys *k) {
    return public_key_is_set(k->sign.public.b);
}
static inline bool keys_can_open(const NodeKeys *k) {
    return public_key_is_set(k->seal.public.b);
}
bool curve_text_is_valid(const char *z85);

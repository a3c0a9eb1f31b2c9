/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A node's secrets: a CURVE key pair (ZeroMQ), and Ed25519 and X25519 pairs for signing and
 * sealing. Kept in one file that nobody else can read. Files of programs that only connect may
 * have the CURVE pair alone. */

#include "base/cleanup.h"
#include "base/crypto-key.h"
#include "core/directory.h"

typedef struct NodeKeys {
    char curve_public[CURVE_TEXT_SIZE], curve_secret[CURVE_TEXT_SIZE]; /* Z85 */
    SignKey sign;                                                      /* all zero = none */
    SealKey seal;                                                      /* all zero = none */
} NodeKeys;

/* These two keep what they return out of the swap: end with keys_wipe(). */
_must_check_ int keys_generate(NodeKeys *ret);
/* -EACCES when others can read the file, -EBADMSG when it is not a key file, else errno of open.
 * "Others": anybody but its owner, or but root and the group it is given to (which is also how a
 * systemd credential may look), as PostgreSQL has it for its own key. */
_must_check_ int keys_load(NodeKeys *ret, const char *path);
/* Creates the file with O_EXCL, mode 0600, fsynced. -EEXIST when there is one. */
_must_check_ int keys_save(const NodeKeys *k, const char *path);
/* Gives a key file the signing and sealing pair it lacks; the pairs it has stay as they are. The
 * file is replaced at once or not at all. Errors as loading and saving; 1 = it lacked none. */
_must_check_ int keys_add(const char *path);
void keys_wipe(NodeKeys *k);

static inline bool keys_can_sign(const NodeKeys *k) {
    return public_key_is_set(k->sign.public.b);
}
static inline bool keys_can_open(const NodeKeys *k) {
    return public_key_is_set(k->seal.public.b);
}
bool curve_text_is_valid(const char *z85);

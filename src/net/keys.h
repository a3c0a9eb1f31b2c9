/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A node's secrets: a CURVE key pair (ZeroMQ), and Ed25519 and X25519 pairs for signing and
 * sealing. Kept in one file, 0600, made once. */

#include <stdint.h>

#include "base/cleanup.h"
#include "core/directory.h"

typedef struct NodeKeys {
    char curve_public[CURVE_TEXT_SIZE], curve_secret[CURVE_TEXT_SIZE]; /* Z85 */
    uint8_t ed25519_public[32], ed25519_secret[64];
    uint8_t x25519_public[32], x25519_secret[32];
} NodeKeys;

_must_check_ int keys_generate(NodeKeys *ret);
/* Creates the file with O_EXCL, mode 0600, fsynced. -EEXIST when there is one. */
_must_check_ int keys_save(const NodeKeys *k, const char *path);
/* -EACCES when others can read the file, -EBADMSG when it is not a key file, else errno of open. */
_must_check_ int keys_load(NodeKeys *ret, const char *path);
void keys_wipe(NodeKeys *k);
bool curve_text_is_valid(const char *z85);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Detached Ed25519 signatures (RFC 8032, PureEdDSA) over a short content under a label that says
 * what it is, so that nothing signed for one purpose can be shown for another. What is signed is
 * built as in TLS 1.3 (RFC 8446, 4.4.3): 64 spaces, the label, a zero byte, the content. Not
 * Ed25519ctx: libsodium and most libraries of other languages do not have it.
 */

#include "base/bytes.h"
#include "base/crypto-key.h"

#define SIGNATURE_SIZE   64U
#define SIGN_LABEL_MAX   32U
#define SIGN_CONTENT_MAX 64U /* digests and tree heads; whatever is larger is hashed first */

/* The label has at most SIGN_LABEL_MAX characters, the content SIGN_CONTENT_MAX bytes. */
void sign_content(const SignKey *k, const char *label, Bytes content,
                  uint8_t ret[static SIGNATURE_SIZE]);
/* False for any change of content, label, signature or key, for a signature that is not in its one
 * canonical form, and for keys of small order. */
bool sign_holds(const SignPublic *public, const char *label, Bytes content,
                const uint8_t signature[static SIGNATURE_SIZE]);

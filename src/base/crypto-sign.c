/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/crypto-sign.h"

#define SPACES     64U
#define SIGNED_MAX (SPACES + SIGN_LABEL_MAX + 1 + SIGN_CONTENT_MAX)

static_assert(SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");

/* Label and content are ours, a peer chooses neither their sizes nor the label. */
static size_t build(const char *label, Bytes content, uint8_t ret[static SIGNED_MAX]) {
    const size_t n = strlen(label);
    assert(n > 0 && n <= SIGN_LABEL_MAX && content.n > 0 && content.n <= SIGN_CONTENT_MAX);
    memset(ret, ' ', SPACES);
    memcpy(ret + SPACES, label, n + 1);
    memcpy(ret + SPACES + n + 1, content.p, content.n);
    return SPACES + n + 1 + content.n;
}

void sign_content(const SignKey *k, const char *label, Bytes content,
                  uint8_t ret[static SIGNATURE_SIZE]) {
    uint8_t text[SIGNED_MAX];
    const size_t n = build(label, content, text);
    (void)crypto_sign_detached(ret, NULL, text, n, k->secret); /* cannot fail */
}

bool sign_holds(const SignPublic *public, const char *label, Bytes content,
                const uint8_t signature[static SIGNATURE_SIZE]) {
    uint8_t text[SIGNED_MAX];
    const size_t n = build(label, content, text);
    return crypto_sign_verify_detached(signature, text, n, public->b) == 0;
}

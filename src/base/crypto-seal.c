/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/crypto-seal.h"

#define CONTENT_KEY_SIZE crypto_kdf_KEYBYTES
#define WRAPPED_SIZE     (UUID_SIZE + CONTENT_KEY_SIZE)
#define BOUND_LABEL      "serasi v1 sealed" /* with its zero byte */
#define BOUND_MAX        (sizeof(BOUND_LABEL) + UUID_SIZE + SEAL_SENDER_MAX)

static_assert(SEAL_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "XChaCha20");
static_assert(SEAL_TAG_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "Poly1305");
static_assert(SEAL_BOX_SIZE == crypto_box_SEALBYTES + WRAPPED_SIZE, "sealed box");

void sealed_deinit(Sealed *s) {
    free(s->body);
    *s = (Sealed) { 0 };
}

/* --- padding --- */

static unsigned floor_log2(size_t n) {
    unsigned e = 0;
    while (n >>= 1)
        e++;
    return e;
}

/* Padme: of a length of e + 1 bits only the first floor(log2 e) + 1 behind the leading one stay. */
size_t seal_padded_size(size_t n) {
    if (n >= SEAL_PADDED_MAX)
        return SIZE_MAX;
    const size_t least = MAX(n + 1, (size_t)SEAL_PADDED_MIN); /* the mark where padding begins */
    const unsigned e = floor_log2(least), kept = floor_log2(e) + 1;
    const size_t mask = ((size_t)1 << (e - kept)) - 1;
    return (least + mask) & ~mask;
}

/* --- the two keys and what the body is bound to --- */

typedef struct ContentKey {
    uint8_t key[CONTENT_KEY_SIZE]; /* what is wrapped */
    uint8_t body[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    uint8_t commitment[SEAL_COMMITMENT_SIZE];
} ContentKey;

static void content_key_wipe(ContentKey *k) {
    secret_wipe(k, sizeof(*k));
}

static void content_key_derive(ContentKey *k) {
    static const char context[crypto_kdf_CONTEXTBYTES + 1] = "serasi_1";
    /* Fails on wrong sizes only. */
    (void)crypto_kdf_derive_from_key(k->body, sizeof(k->body), 1, context, k->key);
    (void)crypto_kdf_derive_from_key(k->commitment, sizeof(k->commitment), 2, context, k->key);
}

/* 0 = no sender of that length. */
static size_t bound_to(const SealBinding *to, uint8_t ret[static BOUND_MAX]) {
    const size_t n = strlen(to->sender);
    if (n == 0 || n > SEAL_SENDER_MAX)
        return 0;
    memcpy(ret, BOUND_LABEL, sizeof(BOUND_LABEL));
    memcpy(ret + sizeof(BOUND_LABEL), to->message_id.b, UUID_SIZE);
    memcpy(ret + sizeof(BOUND_LABEL) + UUID_SIZE, to->sender, n);
    return sizeof(BOUND_LABEL) + UUID_SIZE + n;
}

/* --- wraps --- */

static bool wrap_make(const SealBinding *to, const ContentKey *k, const SealPublic *recipient,
                      SealWrap *ret) {
    uint8_t text[WRAPPED_SIZE];
    memcpy(text, to->message_id.b, UUID_SIZE);
    memcpy(text + UUID_SIZE, k->key, CONTENT_KEY_SIZE);
    const bool done = crypto_box_seal(ret->box, text, sizeof(text), recipient->b) == 0;
    secret_wipe(text, sizeof(text));
    ret->key = key_id(recipient->b);
    return done;
}

static bool wrap_open(const SealBinding *of, const Sealed *s, const SealWrap *w, const SealKey *key,
                      ContentKey *ret) {
    uint8_t text[WRAPPED_SIZE];
    if (crypto_box_seal_open(text, w->box, sizeof(w->box), key->public.b, key->secret) != 0)
        return false;
    const bool ours = secret_equal(text, of->message_id.b, UUID_SIZE);
    memcpy(ret->key, text + UUID_SIZE, CONTENT_KEY_SIZE);
    secret_wipe(text, sizeof(text));
    content_key_derive(ret);
    return ours && secret_equal(ret->commitment, s->commitment, sizeof(s->commitment));
}

/* An id may stand at several wraps and fit several keys: each pair of equal ids is tried. */
static SealVerdict content_key_find(const SealBinding *of, const Sealed *s, const SealKey *keys,
                                    size_t n_keys, ContentKey *ret) {
    SealVerdict verdict = SEAL_NOT_FOR_US;
    for (size_t i = 0; i < n_keys; i++) {
        const KeyId id = key_id(keys[i].public.b);
        for (uint32_t w = 0; w < s->n_wraps; w++) {
            if (!key_id_equal(&id, &s->wraps[w].key))
                continue;
            if (wrap_open(of, s, &s->wraps[w], &keys[i], ret))
                return SEAL_OK;
            verdict = SEAL_BROKEN;
        }
    }
    return verdict;
}

/* --- the whole --- */

/* Pads and encrypts in one buffer, so that the text is nowhere else. */
static int body_make(const SealBinding *to, Bytes text, size_t padded, const ContentKey *k,
                     Sealed *s) {
    uint8_t bound[BOUND_MAX];
    const size_t n_bound = bound_to(to, bound);
    unsigned long long n_body = 0;
    size_t n = 0;
    assert(n_bound > 0);
    s->body = malloc(padded + SEAL_TAG_SIZE);
    if (!s->body)
        return -ENOMEM;
    if (text.n > 0)
        memcpy(s->body, text.p, text.n);
    /* ISO/IEC 7816-4: 0x80, then zeros. Neither call fails but on wrong sizes. */
    (void)sodium_pad(&n, s->body, text.n, padded, padded);
    assert(n == padded);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(s->body, &n_body, s->body, n, bound, n_bound,
                                                     NULL, s->nonce, k->body);
    s->n_body = (size_t)n_body;
    return 0;
}

int seal_text(const SealBinding *to, Bytes text, const SealPublic *recipients, size_t n,
              Sealed *ret, size_t *ret_bad) {
    const size_t padded = seal_padded_size(text.n);
    assert(n > 0);
    if (padded > SEAL_PADDED_MAX || n > SEAL_WRAPS_MAX)
        return SEAL_TOO_LARGE;
    _cleanup_(content_key_wipe) ContentKey k;
    _cleanup_(sealed_deinit) Sealed s = { 0 };
    crypto_kdf_keygen(k.key);
    content_key_derive(&k);
    memcpy(s.commitment, k.commitment, sizeof(s.commitment));
    randombytes_buf(s.nonce, sizeof(s.nonce));
    for (; s.n_wraps < n; s.n_wraps++) {
        if (!wrap_make(to, &k, &recipients[s.n_wraps], &s.wraps[s.n_wraps])) {
            *ret_bad = s.n_wraps;
            return SEAL_BAD_KEY;
        }
    }
    const int r = body_make(to, text, padded, &k, &s);
    if (r < 0)
        return r;
    *ret = s;
    s.body = NULL;
    return 0;
}

static int body_open(const SealBinding *of, const Sealed *s, const ContentKey *k, Secret *ret) {
    uint8_t bound[BOUND_MAX];
    const size_t n_bound = bound_to(of, bound);
    if (n_bound == 0 || s->n_body <= SEAL_TAG_SIZE)
        return SEAL_BROKEN;
    const size_t padded = s->n_body - SEAL_TAG_SIZE;
    _cleanup_(secret_deinit) Secret text = { 0 };
    const int r = secret_init(&text, padded);
    if (r < 0)
        return r;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(text.p, NULL, NULL, s->body, s->n_body, bound,
                                                   n_bound, s->nonce, k->body) != 0 ||
        sodium_unpad(&text.n, text.p, padded, padded) != 0)
        return SEAL_BROKEN;
    *ret = text;
    text.p = NULL;
    return 0;
}

int seal_open(const SealBinding *of, const Sealed *s, const SealKey *keys, size_t n_keys,
              Secret *ret) {
    _cleanup_(content_key_wipe) ContentKey k;
    const SealVerdict v = content_key_find(of, s, keys, n_keys, &k);
    return v == SEAL_OK ? body_open(of, s, &k, ret) : (int)v;
}

/* The body is not opened: who can open a wrap that fits the commitment has the right key. */
int seal_wrap_again(const SealBinding *of, const Sealed *s, const SealKey *keys, size_t n_keys,
                    const SealPublic *recipient, SealWrap *ret) {
    _cleanup_(content_key_wipe) ContentKey k;
    const SealVerdict v = content_key_find(of, s, keys, n_keys, &k);
    if (v != SEAL_OK)
        return (int)v;
    SealWrap w;
    if (!wrap_make(of, &k, recipient, &w))
        return SEAL_BAD_KEY;
    *ret = w;
    return 0;
}

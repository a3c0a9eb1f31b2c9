/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sealing for several recipients: a text only they can read, bound to one message of one sender.
 *
 *   content key  32 random bytes, new for each message
 *   body         XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) of the padded text. Random nonces
 *                of 24 bytes need no counter that a restored machine could repeat
 *   bound to     message id and sender as its associated data: nobody can pass it on as his own
 *   wraps        a sealed box of libsodium (X25519, XSalsa20-Poly1305) for each recipient's key
 *   commitment   with Poly1305 alone a sender can make one body that opens to two texts under two
 *                keys. So body key and commitment are both derived from the content key (BLAKE2b)
 *                and the commitment travels along: all recipients read the same text (Albertini
 *                and others, "How to Abuse and Fix Authenticated Encryption Without Key
 *                Commitment", USENIX Security 2022)
 *   padding      to 512 bytes at least and then to the sizes of Padme (Nikitin and others,
 *                "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
 *                PETS 2019): the size tells little and costs 12 % at most
 *
 * It does not say who sealed it: that is what the signature over the envelope is for, which holds
 * the digest of the sealed part. No forward secrecy: whoever gets a secret key opens what was
 * sealed to it before.
 */

#include "base/bytes.h"
#include "base/crypto-key.h"
#include "base/secret.h"
#include "base/uuid.h"

#define SEAL_WRAPS_MAX       64U
#define SEAL_NONCE_SIZE      24U
#define SEAL_COMMITMENT_SIZE 32U
#define SEAL_TAG_SIZE        16U
#define SEAL_BOX_SIZE        96U /* 48 of the box, message id, content key */
#define SEAL_PADDED_MIN      512U
/* With all wraps and its framing the largest sealed part stays below 1 MiB. */
#define SEAL_PADDED_MAX (1024U * 1024U - 8192U)
#define SEAL_SENDER_MAX 64U

typedef enum SealVerdict {
    SEAL_OK = 0,
    SEAL_NOT_FOR_US, /* no wrap is for one of these keys */
    SEAL_BROKEN,     /* damaged, cut, for another message or sender, or not what it says */
    SEAL_TOO_LARGE,  /* to seal: the text, or more keys than SEAL_WRAPS_MAX */
    SEAL_BAD_KEY,    /* a recipient's key nothing can be sealed to */
} SealVerdict;

/* What a sealed part belongs to. */
typedef struct SealBinding {
    Uuid message_id;
    const char *sender; /* node id as in the envelope, at most SEAL_SENDER_MAX characters */
} SealBinding;

typedef struct SealWrap {
    KeyId key;
    uint8_t box[SEAL_BOX_SIZE];
} SealWrap;

typedef struct Sealed {
    uint8_t nonce[SEAL_NONCE_SIZE], commitment[SEAL_COMMITMENT_SIZE];
    uint32_t n_wraps;
    SealWrap wraps[SEAL_WRAPS_MAX];
    uint8_t *body; /* owned */
    size_t n_body;
} Sealed;

void sealed_deinit(Sealed *s);

/* The size a text of n bytes is padded to; more than SEAL_PADDED_MAX: too large. */
size_t seal_padded_size(size_t n);
/* To one key or more. 0, SEAL_TOO_LARGE, SEAL_BAD_KEY with which one, -ENOMEM. */
_must_check_ int seal_text(const SealBinding *to, Bytes text, const SealPublic *recipients,
                           size_t n, Sealed *ret, size_t *ret_bad);
/* With whichever of these keys it was sealed to. 0 with the text, a SealVerdict, -ENOMEM. */
_must_check_ int seal_open(const SealBinding *of, const Sealed *s, const SealKey *keys,
                           size_t n_keys, Secret *ret);
/* A wrap of the same content for one more key, by somebody who can open it. The part with it has
 * another digest than the envelope says, so the wrap travels in a message of its own. */
_must_check_ int seal_wrap_again(const SealBinding *of, const Sealed *s, const SealKey *keys,
                                 size_t n_keys, const SealPublic *recipient, SealWrap *ret);

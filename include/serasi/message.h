/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERASI_MESSAGE_H
#define SERASI_MESSAGE_H

/*
 * What goes to and comes from a broker: parts in the schemas of package serasi.v1, encoded by the
 * application (any protobuf library), or built from JSON text.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A message to publish. Opaque; owned by who made it; may be published again with the same id. */
typedef struct serasi_message serasi_message;

/* From encoded parts, which are copied. facts and sealed may be NULL with length 0. The digests in
 * the envelope must be those of the parts. Returns 0, -EINVAL, -ENOMEM or SERASI_TOO_LARGE. */
int serasi_message_new(serasi_message **ret, const void *envelope, size_t n_envelope,
                       const void *facts, size_t n_facts, const void *sealed, size_t n_sealed);
/* The same with a sealed part that is still to be made: plain, the encoded message of sealed.proto
 * that belongs to the kind (or any bytes the recipients understand), is kept until
 * serasi_publish() or serasi_seal() has sealed it, and wiped then. The envelope has no
 * sealed_digest. */
int serasi_message_new_to_seal(serasi_message **ret, const void *envelope, size_t n_envelope,
                               const void *facts, size_t n_facts, const void *plain,
                               size_t n_plain);
/* From JSON {"envelope":{},"facts":{},"sealed":"base64"}; message_id, schema, sender, created_at
 * and digests are filled in when absent (node = sender). "sealed" may be an object instead, the
 * kind's message of sealed.proto: it is sealed when it is published. On -EINVAL
 * error[0..error_size) says why, without what stands in the text. */
int serasi_message_from_json(serasi_message **ret, const char *json, const char *node, char *error,
                             size_t error_size);
void serasi_message_free(serasi_message *m);
/* One JSON text of the message as it is sent, for an outbox: it gives the same message again, while
 * sealing the same text twice gives two. -EINVAL when it is not sealed yet. malloc()ed. */
int serasi_message_to_json(const serasi_message *m, int pretty, char **ret);
/* 16 bytes, borrowed from m. */
const uint8_t *serasi_message_id(const serasi_message *m);

/* A delivery from a channel. Owned by the application until serasi_delivery_free(); freeing does
 * not settle it. */
typedef struct serasi_delivery serasi_delivery;
void serasi_delivery_free(serasi_delivery *d);
const void *serasi_delivery_envelope(const serasi_delivery *d, size_t *n);
const void *serasi_delivery_facts(const serasi_delivery *d, size_t *n);
const void *serasi_delivery_sealed(const serasi_delivery *d, size_t *n);
const uint8_t *serasi_delivery_message_id(const serasi_delivery *d); /* 16 bytes */
uint32_t serasi_delivery_channel(const serasi_delivery *d);
uint64_t serasi_delivery_tag(const serasi_delivery *d);
uint32_t serasi_delivery_attempt(const serasi_delivery *d);
/* What the signature of a delivery says. Every delivery is judged before it is given out, with keys
 * from the directory; what does not hold is given out all the same, and it is for the application
 * not to act on it. */
typedef enum serasi_signature_state {
    SERASI_SIGNATURE_UNSIGNED = 0,     /* there is none */
    SERASI_SIGNATURE_VALID = 1,        /* of this message by a key of its sender */
    SERASI_SIGNATURE_BAD = 2,          /* not of this message, or facts or sealed part differ */
    SERASI_SIGNATURE_UNKNOWN_KEY = 3,  /* by a key that the directory does not have */
    SERASI_SIGNATURE_KEY_NOT_THEN = 4, /* it holds, by a key that is revoked or was not valid when
                                        * the message was accepted */
} serasi_signature_state;

/* What else is not as the sender signed it. Bits; newer versions may have more. */
enum serasi_signature_flags {
    SERASI_SIGNED_FACTS_MISSING = 1,  /* the sender sent facts, and they are not here */
    SERASI_SIGNED_SEALED_MISSING = 2, /* likewise the sealed part, though this node is addressed */
    SERASI_SIGNED_NOT_ADDRESSED = 4,  /* came as addressed to this node, which the sender did not
                                       * name: an operator redirected it, or somebody else */
    SERASI_SIGNED_STALE = 8,          /* it had expired by its own word, or is very old */
    SERASI_SIGNED_AGAIN = 16,         /* this client settled the same message before */
    SERASI_SIGNED_WRONG_BROKER = 32,  /* a receipt that its signer is not the one to give, or a
                                       * broker's message by a node that is none */
};

typedef struct serasi_signature {
    size_t size; /* sizeof(serasi_signature): lets the struct grow */
    serasi_signature_state state;
    uint32_t flags;
    int proven;             /* the key is in the directory as the hub signed it; else the broker's
                             * word is all there is for it */
    int64_t accepted_at_ms; /* when the sender's broker accepted it, as the brokers say */
    char node[65];          /* sender, as in the envelope; "" when that cannot be read */
    char key[17];           /* key id, hexadecimal; "" when there is none */
    char label[65];         /* of the key in the directory; "" when it is not known */
} serasi_signature;

/* Fills *ret up to ret->size. 0, or -EINVAL. */
int serasi_delivery_signature(const serasi_delivery *d, serasi_signature *ret);
/* "VALID"; "UNKNOWN" for a state that this version does not know. */
const char *serasi_signature_state_name(serasi_signature_state state);
/* "FACTS_MISSING" for one bit of the flags; "UNKNOWN" for one that this version does not know. */
const char *serasi_signature_flag_name(uint32_t flag);

/* One line of JSON, malloc()ed for the caller. Returns 0 or -ENOMEM. */
int serasi_delivery_to_json(const serasi_delivery *d, int pretty, char **ret);

#ifdef __cplusplus
}
#endif
#endif

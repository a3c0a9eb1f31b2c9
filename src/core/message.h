/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A message as the broker holds it: the bytes as received, shared and never changed, and the plain
 * values decoded from them. Nothing here knows protobuf.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/times.h"
#include "base/uuid.h"
#include "core/codes.h"
#include "core/facts.h"
#include "core/lanes.h"
#include "core/limits.h"

/* The three parts as received and the encoded signature that came with them, in one allocation.
 * References may be held by several threads. */
typedef struct Body {
    atomic_uint refs;
    uint32_t n_envelope, n_facts, n_sealed, n_signature, room; /* room for the signature */
    uint8_t bytes[]; /* envelope, facts, sealed, signature */
} Body;

/* Copies the parts. NULL when out of memory. */
Body *body_new(Bytes envelope, Bytes facts, Bytes sealed);
Body *body_new_signed(Bytes envelope, Bytes facts, Bytes sealed, Bytes signature);
/* As it may be shown to those the sealed part is not for: the envelope holds its digest, so the
 * signature still fits. */
Body *body_without_sealed(const Body *b);
/* With room for a signature that is put in later, before anybody who could look at it holds a
 * reference. */
Body *body_new_to_sign(Bytes envelope, Bytes facts, Bytes sealed);
bool body_can_take_signature(const Body *b); /* it has room, and none yet */
void body_set_signature(Body *b, Bytes signature);
Body *body_ref(Body *b);
Body *body_unref(Body *b);
DEFINE_CLEANUP(Body *, body_unref);
Bytes body_envelope(const Body *b);
Bytes body_facts(const Body *b);
Bytes body_sealed(const Body *b);
Bytes body_signature(const Body *b); /* empty = not signed */
size_t body_size(const Body *b);     /* of the three parts */

typedef enum AudienceForm {
    AUDIENCE_NONE = 0, /* nothing or more than one form given */
    AUDIENCE_NODES,
    AUDIENCE_ROLE,
    AUDIENCE_SCOPE,
} AudienceForm;

typedef struct Audience {
    AudienceForm form;
    uint32_t n; /* of nodes or scope */
    char nodes[AUDIENCE_NODES_MAX][NODE_NAME_SIZE];
    char scope[AUDIENCE_SCOPE_MAX][REGION_SIZE];
    int role_kind;
    char role_region[REGION_SIZE];
    int role_cluster;
} Audience;

typedef struct Envelope {
    Uuid message_id;
    int kind; /* MessageKind or a number newer than this broker */
    uint32_t schema;
    char sender[NODE_NAME_SIZE];
    Audience audience;
    char region[REGION_SIZE];
    int cluster;
    Uuid case_id, correlation_id, causation_id; /* nil = none */
    int urgency, sensitivity, legal_basis;
    int64_t created_ms, expires_ms; /* expires 0 = default of the lane */
    uint8_t facts_digest[DIGEST_SIZE];
    uint8_t sealed_digest[DIGEST_SIZE];
    bool has_facts_digest, has_sealed_digest;
    ReceiptPolicy receipts;
    int status; /* MessageStatus: meant, an exercise or a test */
    bool no_supervision;
} Envelope;

typedef enum RecipientRole {
    ROLE_UNSPECIFIED = 0,
    ROLE_ADDRESSEE = 1,
    ROLE_SUPERVISOR = 2,
    ROLE_SUBSCRIBER = 3,
} RecipientRole;

#define RECIPIENT_MOVES_MAX 8U

typedef struct Recipient {
    char node[NODE_NAME_SIZE];
    RecipientRole role;
    uint8_t moves; /* how often its copy was sent on to another home, RECIPIENT_MOVES_MAX at most */
} Recipient;

/* Where a message has been: one stamp per broker that stored it, in order. */
typedef struct HopStamp {
    char broker[NODE_NAME_SIZE];
    int64_t at_ms;
} HopStamp;

/* What a broker adds when it passes a message on. */
typedef struct Forward {
    bool present; /* false: the message comes from its publisher */
    bool scope;   /* recipients are "everyone in the scope", expanded by each broker */
    int64_t accepted_ms, expires_ms;
    uint32_t n_recipients, n_stamps;
    Recipient recipients[RECIPIENTS_MAX];
    HopStamp stamps[STAMPS_MAX];
} Forward;

/* One message on its way in. Owns a reference on the body. */
typedef struct Message {
    Envelope env;
    Facts facts;
    Forward fwd;
    Body *body;
    Lane lane;
    uint8_t digest[DIGEST_SIZE]; /* hash_message() of the parts */
    /* Digests of the parts as they came, for the decision to compare; false = not computed yet. */
    bool hashed;
    uint8_t facts_digest[DIGEST_SIZE], sealed_digest[DIGEST_SIZE];
} Message;

/* To be decoded into: env, facts and the lists of fwd hold nothing yet. NULL when out of memory. */
Message *message_alloc(void);
Message *message_free(Message *m);
DEFINE_CLEANUP(Message *, message_free);

/* What deliveries are ordered by: case_id, else correlation_id, else message_id. */
const Uuid *message_order_id(const Envelope *e);
/* That id hashed to 63
 * bits (a collision only makes two cases wait for each other). Never 0. */
int64_t message_order_key(const Envelope *e);

/* Is text a node id: lower-case `kind/part/part`, parts of a-z 0-9 - and ., at most 64 bytes. */
bool node_name_is_valid(const char *text);

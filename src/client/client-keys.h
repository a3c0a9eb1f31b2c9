/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a client knows of the nodes it meets: their keys, and their home brokers. Asked of the
 * broker (query directory-keys) when first wanted, a few nodes at a time and never waited for;
 * believed as far as it is proven with the hub's key. Bounded: the node not wanted for longest is
 * forgotten, and a node that has too many keys is known by the first of them.
 *
 * One client, one thread. No socket and no clock of its own: client-query.c carries the questions,
 * the time is passed in.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/times.h"
#include "core/directory-head.h"
#include "core/directory.h"

#define CLIENT_KEYS_NODES_MAX 1024U /* nodes remembered */
#define CLIENT_KEYS_OF_MAX    64U   /* keys of one node */
#define CLIENT_KEYS_ASK_MAX   8U    /* nodes in one question */
#define CLIENT_HUB_KEYS_MAX   4U

typedef enum KeyTrust {
    KEY_UNKNOWN = 0, /* the broker was asked and knows none, or did not answer in time */
    KEY_ASKED,       /* the answer is on its way */
    KEY_TOLD,        /* the broker says so and nothing proves it */
    KEY_PROVEN,      /* in the directory as the hub signed it */
} KeyTrust;

/* A node as far as keys go. */
typedef struct KeyOwner {
    char node[NODE_NAME_SIZE], home[NODE_NAME_SIZE];
    int kind;
    bool inactive;
    uint64_t version; /* of the directory it was taken from; 0 = told without one */
} KeyOwner;

typedef struct ClientKeys ClientKeys;

/* Trusts these keys of the hub; none: everything stays KEY_TOLD. At most CLIENT_HUB_KEYS_MAX. 0 or
 * -ENOMEM. */
_must_check_ int client_keys_new(ClientKeys **ret, const SignPublic *hub_keys, size_t n);
ClientKeys *client_keys_free(ClientKeys *k);
DEFINE_CLEANUP(ClientKeys *, client_keys_free);

/* Looking up never waits. What is not known, or was learnt too long ago, is put on the list of
 * questions (an unknown key of a known node too, but not more often than once a minute). Outputs
 * are set for KEY_TOLD and KEY_PROVEN only. The record comes whatever its state (revoked, not valid
 * any more): see client_key_is_usable(). A node that is inactive has no usable keys. */
KeyTrust client_keys_by_sign_id(ClientKeys *k, const char *node, const KeyId *id, Now now,
                                DirKey *ret);
KeyTrust client_keys_by_label(ClientKeys *k, const char *node, const char *label, Now now,
                              DirKey *ret);
KeyTrust client_keys_by_curve(ClientKeys *k, const char *node, const char *curve, Now now,
                              DirKey *ret);
/* All keys of a node; *ret_keys is borrowed until the next call on k. */
KeyTrust client_keys_of(ClientKeys *k, const char *node, Now now, const DirKey **ret_keys,
                        size_t *ret_n);
KeyTrust client_keys_owner(ClientKeys *k, const char *node, Now now, KeyOwner *ret);
/* Is it to be used at that moment: not revoked, within its time, its node active? */
bool client_key_is_usable(const KeyOwner *owner, const DirKey *key, int64_t at_ms);

/* Was a key of the hub given, so that there is proof? */
bool client_keys_are_pinned(const ClientKeys *k);
/* The head that proves what is proven now: its version, and when the hub signed it; 0 = none. */
uint64_t client_keys_version(const ClientKeys *k);
int64_t client_keys_signed_ms(const ClientKeys *k);

/* --- for client-query.c --- */
/* The next question: up to CLIENT_KEYS_ASK_MAX nodes; 0 = nothing to ask. They count as asked. */
size_t client_keys_question(ClientKeys *k, Now now,
                            char ret[static CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE]);
/* When a look at client_keys_question() is worth it again; INT64_MAX = nothing is wanted. */
int64_t client_keys_due_ms(const ClientKeys *k);
/* The answer to the last question: KeyProofs as it came. 0, -ENOMEM, or a ClientKeysVerdict. What
 * was asked and is not in it, the directory does not have. */
typedef enum ClientKeysVerdict {
    CLIENT_KEYS_OK = 0,
    CLIENT_KEYS_MALFORMED, /* no KeyProofs */
    CLIENT_KEYS_NOT_OURS,  /* the head is not signed with a key of the hub that we trust */
    CLIENT_KEYS_STALE,     /* the head is older than one we have seen */
    CLIENT_KEYS_UNPROVEN,  /* a record is not in the tree of the head */
} ClientKeysVerdict;
_must_check_ int client_keys_answered(ClientKeys *k, Bytes answer, Now now);
/* The question could not go: it is the next one again. */
void client_keys_put_back(ClientKeys *k);
/* It was refused: it may be asked again later. */
void client_keys_refused(ClientKeys *k, Now now);
/* Its session died: it is asked again in the next one as soon as somebody looks it up. */
void client_keys_session_lost(ClientKeys *k);

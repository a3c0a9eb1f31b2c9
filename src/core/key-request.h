/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A new key of a node, or the end of an old one, as it is asked for; and the one place that says
 * whether it may be. The node's home broker judges it first, so that whoever asks hears of a
 * mistake; what counts is the hub's judgement, with the same rules over its own directory. Pure.
 *
 * What is asked for is signed as bytes (the demand): by the new key, so that nobody enters a key he
 * does not have (proof of possession), and by whoever may want it:
 *   rotation    a usable key of the same node and label. The new key gets what that key may, and
 *               never a longer life: a key that is about to end cannot prolong itself.
 *   enrolment   a usable link key of the broker that is home to the node, of the node that
 *               supervises it, or of the hub's broker: its operator compared the fingerprint. Such
 *               a key is an ordinary one: no link, no operator.
 * A key is ended by one of the same node and label that is younger than it, or by such a broker. So
 * who stole an old key cannot end the one that replaced it.
 */

#include "base/crypto-sign.h"
#include "core/directory.h"

#define KEY_DEMAND_MAX        512U
#define KEY_REQUEST_MAX       1024U /* encoded */
#define SIGN_LABEL_KEY_PROOF  "serasi v1 key proof"
#define SIGN_LABEL_KEY_ASKED  "serasi v1 key request"
#define KEY_REQUEST_AGE_MAX   (32 * DAY_MS) /* a message may be on its way for 30 days */
#define KEY_REQUEST_AHEAD_MAX DAY_MS        /* of a clock that is wrong */

typedef enum KeyAct {
    KEY_ACT_UNSPECIFIED = 0,
    KEY_ACT_ADD = 1,
    KEY_ACT_END = 2,
} KeyAct;

typedef struct KeyRequest {
    /* The demand; the bytes are what was signed, the rest is what they say. */
    KeyAct act;
    DirKey key; /* END: node, label, curve and valid_until_ms count */
    int64_t asked_ms;
    size_t n_demand;
    uint8_t demand[KEY_DEMAND_MAX];

    uint8_t proof[SIGNATURE_SIZE]; /* all zero = none, as the next */
    char by_node[NODE_NAME_SIZE];
    KeyId by_key;
    uint8_t signature[SIGNATURE_SIZE];
} KeyRequest;

/* Over r->demand. */
void key_request_prove(KeyRequest *r, const SignKey *fresh);
void key_request_sign(KeyRequest *r, const char *by_node, const SignKey *k);

typedef enum KeyVerdict {
    KEY_GRANTED = 0,
    KEY_KNOWN,     /* it is so already */
    KEY_UNPROVEN,  /* not signed by the new key */
    KEY_FORGED,    /* not signed by the key it names, or there is no such key */
    KEY_STRANGER,  /* signed, but not by anybody who may want it */
    KEY_STALE,     /* asked for too long ago, or ahead of time */
    KEY_NO_NODE,   /* the node is not in the directory, or not active */
    KEY_TAKEN,     /* another key with these bytes is known, of whomever: revoked ones too */
    KEY_UNFIT,     /* what is asked for cannot be a key of that node */
    KEY_NO_WAY,    /* the hub cannot be reached from here: no such broker in the directory */
    KEY_CROWDED,   /* the node has too many */
    KEY_NOT_OLDER, /* END by a key that is not younger than the one to be ended */
    KEY_TOO_OFTEN, /* every one of them makes a version of the directory */
} KeyVerdict;
const char *key_verdict_name(KeyVerdict v);       /* "STRANGER": for the ledger and the journal */
const char *key_verdict_text(KeyVerdict v);       /* for whoever asked; English */
KeyVerdict key_verdict_by_name(const char *name); /* KEY_UNFIT for a word from later than this */

/* Is the new key's signature there? Of what is handed in with a token no more can be said. */
bool key_request_is_proven(const KeyRequest *r);
/* KEY_GRANTED with the record as it shall be, or why not. */
_must_check_ KeyVerdict key_request_judge(const Directory *d, const KeyRequest *r, int64_t now_ms,
                                          DirKey *ret);
/* The broker at the top of the tree that `self` is in; NULL when there is none. */
const char *key_hub_of(const Directory *d, const char *self);

/* The same public keys, node and label, whatever else is said of them. */
bool dir_key_is_same(const DirKey *a, const DirKey *b);
/* To be read out: 32 hexadecimal digits in groups of four, of a digest of all three public keys. */
#define KEY_FINGERPRINT_SIZE 40U
void key_fingerprint(const DirKey *k, char ret[static KEY_FINGERPRINT_SIZE]);

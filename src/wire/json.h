/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON by descriptor reflection: proto field names, enum names (full, or without the prefix on
 * input), ids as UUID text, times (fields ..._at) RFC 3339, Date "YYYY-MM-DD", bytes base64. An
 * unknown key is an error that names it. Zero values are left out on output.
 */

#include "base/bytes.h"
#include "base/secret.h"
#include "core/directory-change.h"
#include "core/filter.h"
#include "core/frame.h"
#include "core/message.h"

#define JSON_WHY_SIZE 256U

/* A message file: {"envelope": {...}, "facts": {...}, "sealed": "base64" or {...}}; the kind in the
 * envelope names the facts message and, for an object, the message that is to be sealed: it is
 * encoded into `plain`, and neither sealed part nor its digest are there yet. Fills what the
 * publisher may leave out: message_id (minted), schema, sender (from node), created_at (now), the
 * digests. Returns 0, -ENOMEM, or -EINVAL with the reason, naming the key. */
typedef struct JsonMessage {
    uint8_t *envelope, *facts, *sealed; /* owned, malloc()ed */
    size_t n_envelope, n_facts, n_sealed;
    Secret plain; /* p NULL: nothing is to be sealed */
    Uuid message_id;
} JsonMessage;
void json_message_deinit(JsonMessage *m);
_must_check_ int json_parse_message(const char *text, size_t n, const char *node, int64_t now_ms,
                                    JsonMessage *ret, char why[static JSON_WHY_SIZE]);
/* One line (or indented): the parts of a delivered message and what the broker said about it.
 * d may be NULL. *ret is malloc()ed. Unknown kinds print facts as base64 under "facts_bytes". */
_must_check_ int json_print_message(Bytes envelope, Bytes facts, Bytes sealed, const Frame *deliver,
                                    bool pretty, char **ret);
/* The same with what a client found out about the signature. */
typedef struct JsonSignature {
    const char *state, *node, *key, *label;
    bool proven;
    size_t n_flags;
    const char *flags[8];
} JsonSignature;
_must_check_ int json_print_delivery(Bytes envelope, Bytes facts, Bytes sealed,
                                     const Frame *deliver, const JsonSignature *signature,
                                     bool pretty, char **ret);
/* What was sealed, of a message of that kind, as an object; what cannot be read as the kind's
 * message as {"bytes": "base64"}. *ret is malloc()ed: wipe it. */
_must_check_ int json_print_sealed(int kind, Bytes plain, bool pretty, char **ret);
/* A filter from {"kinds": ["REFERRAL_REQUEST"], "regions": ["32"]...}. */
_must_check_ int json_parse_filter(const char *text, Filter *ret, char why[static JSON_WHY_SIZE]);

/* One directory line. 0, -EINVAL, -ENOMEM. */
_must_check_ int json_parse_directory_line(const char *text, size_t n, DirRecord *ret,
                                           char why[static JSON_WHY_SIZE]);
/* A record, or a key record, as such a line. 0 or -ENOMEM. */
_must_check_ int json_print_directory_line(const DirRecord *r, char **ret);
_must_check_ int json_print_key_line(const DirKey *k, char **ret);
/* PUBLISHED result as one JSON object; its proof with what a client found out about it and the
 * statement that it signs, or left out (NULL). */
_must_check_ int json_print_result(const PublishResult *r, const JsonSignature *proof,
                                   Bytes statement, char **ret);
/* A table as JSON: an array of objects, or one object when single. */
_must_check_ int json_print_table(const Table *t, bool single, char **ret);

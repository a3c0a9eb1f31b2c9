/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The line with which a new institution joins: where its broker is, by which keys it knows the
 * broker and the hub, who it shall be, and the one-time CURVE secret that lets it in, once, to hand
 * in its keys. Whoever has the line can do that before the institution does; the fingerprint, read
 * out over another way, tells.
 *
 * Text: "serasi1_" and base64url (RFC 4648, 5) without padding of packed fields and, behind them,
 * the first 4 bytes of their BLAKE2b-256, which finds slips of copying and nothing else.
 */

#include "base/crypto-key.h"
#include "core/directory.h"

#define TOKEN_ENDPOINT_SIZE 256U
#define TOKEN_TEXT_MAX      1024U

typedef struct EnrolToken {
    char endpoint[TOKEN_ENDPOINT_SIZE];
    char server_key[CURVE_TEXT_SIZE]; /* Z85, as the next */
    char secret[CURVE_TEXT_SIZE];     /* of the one-time pair */
    SignPublic hub_key;               /* all zero = the directory is not signed */
    char node[NODE_NAME_SIZE], label[LABEL_SIZE];
} EnrolToken;

/* A new text (holds the secret); NULL when out of memory. */
char *enrol_token_print(const EnrolToken *t);
/* 0, -EINVAL: no token, or not all of it, or -ENOMEM. White space around it is fine. */
_must_check_ int enrol_token_parse(const char *text, EnrolToken *ret);

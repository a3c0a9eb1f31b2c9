/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sealing for the recipients, once they and their keys are known. */

#include <serasi/client.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "core/frame.h"
#include "core/message.h"

/* A message whose sealed part is not made yet, because the keys of the recipients must be known for
 * it. Shared by the application's message and what is on its way, so that it is sealed once and a
 * repeat is the same bytes. */
typedef struct Draft {
    unsigned refs;
    Envelope env;
    Body *open;   /* envelope without the digest of the sealed part, and facts */
    Secret plain; /* wiped when it is sealed */
    Body *done;   /* NULL = not sealed yet */
    /* Whom it goes to; asked of the broker unless the audience names them. */
    bool resolved;
    uint32_t n_to;
    char (*to)[NODE_NAME_SIZE]; /* owned */
} Draft;

/* Why something could not be sealed. */
typedef struct SealFailure {
    const char *code; /* of the reason table */
    char field[NODE_NAME_SIZE];
} SealFailure;

/* Takes both. NULL when out of memory. */
Draft *draft_new(const Envelope *env, Body *open, Secret *plain);
Draft *draft_ref(Draft *d);
Draft *draft_unref(Draft *d);
DEFINE_CLEANUP(Draft *, draft_unref);
/* 0: d->done is set. SERASI_AGAIN: something is not known yet. SERASI_NO_SEAL_KEY,
 * SERASI_TOO_LARGE with *why; -errno. */
_must_check_ int draft_seal(serasi_client *c, Draft *d, SealFailure *why);
_must_check_ int resolve_write(serasi_client *c);
/* Was it the answer to the question for recipients? */
_must_check_ int resolve_answered(serasi_client *c, const Frame *f, bool *ret_taken);
void resolve_session_lost(serasi_client *c);

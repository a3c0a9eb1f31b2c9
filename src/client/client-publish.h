/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages on their way to the broker. */

#include <serasi/client.h>

#include "core/frame.h"
#include "core/message.h"

typedef struct Draft Draft;

/* A message to publish. */
typedef struct Outgoing {
    Uuid id;
    Body *body;               /* NULL while the draft is not sealed */
    Draft *draft;             /* NULL = none */
    serasi_delivery *request; /* the WRAP_REQUEST it answers, owned; NULL = the application's */
    SignatureBytes signature;
    int64_t sent_ms;
    bool urgent;    /* as of its message */
    bool awaited;   /* its answer goes to serasi_publish_wait() */
    bool abandoned; /* nobody wants its answer any more */
    struct Outgoing *prev, *next;
} Outgoing;

_must_check_ int publish_write(serasi_client *c);
/* Queues a body of the library's own; the answer goes to request_answered(). */
_must_check_ int publish_own(serasi_client *c, const Uuid *id, Body *body,
                             serasi_delivery *request);
_must_check_ int publish_answered(serasi_client *c, Frame *f);
/* Is an emergency waiting, or one whose answer somebody waits for? */
bool publish_is_urgent(const serasi_client *c);
void publish_session_lost(serasi_client *c);
void publish_deinit(serasi_client *c);

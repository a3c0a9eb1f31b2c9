/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The values an application holds: messages, deliveries, results. */

#include <serasi/client.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "core/acceptance.h"
#include "core/frame.h"
#include "core/message.h"
#include "core/wrap.h"
#include "net/sock.h"

typedef struct Draft Draft;

struct serasi_message {
    Body *body;   /* NULL: the draft's */
    Draft *draft; /* NULL: nothing is to be sealed */
    Uuid id;
    bool urgent; /* for an emergency, as far as the envelope tells */
};

struct serasi_delivery {
    Frame frame;
    SockMessage raw;
    Uuid id;
    uint64_t session;
    uint32_t channel; /* handle */
    int64_t came_ms;
    Secret plain;         /* what was sealed, once it is opened */
    WrapRequest *request; /* owned; of a WRAP_REQUEST that is looked at */
    bool wrap_granted;    /* by the application */
    const char *wrap_trouble;
    bool judged;
    serasi_signature judgement;
    serasi_delivery *prev, *next;
};

struct serasi_result {
    PublishResult r;
    /* Of its proof, when there is one. */
    uint32_t n_statement;
    uint8_t statement[ACCEPTANCE_MAX];
    bool judged;
    serasi_signature judgement;
    serasi_result *prev, *next;
};

serasi_delivery *delivery_free(serasi_delivery *d);
DEFINE_CLEANUP(serasi_delivery *, delivery_free);
serasi_result *result_free(serasi_result *r);
/* Takes over what r owns. NULL when out of memory. */
serasi_result *result_new(PublishResult *r);

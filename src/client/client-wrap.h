/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests for wraps, answered as the policy says. */

#include <serasi/client.h>

#include "core/frame.h"

typedef struct Outgoing Outgoing;

/* Takes d when it is a request that the policy may answer; else it is the application's. */
_must_check_ int request_came(serasi_client *c, serasi_delivery *d, bool *ret_taken);
_must_check_ int requests_write(serasi_client *c);
/* Its answer is in: settles and frees o->request, or hands it to the application. */
void request_answered(serasi_client *c, Outgoing *o, const PublishResult *r);
void requests_drop(serasi_client *c, uint32_t channel); /* 0 = all */

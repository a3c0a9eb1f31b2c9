/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Opening what was sealed, with wraps that came in messages of their own. */

#include <serasi/client.h>

#include "core/frame.h"
#include "core/message.h"

/* A SEAL_WRAP for this node: kept. Returns the settlement for it. */
_must_check_ int wrap_came(serasi_client *c, const Envelope *e, Bytes facts, Settlement *ret);
/* The application is done with a delivery. */
void wrap_forget(serasi_client *c, const serasi_delivery *d);
void wraps_deinit(serasi_client *c);

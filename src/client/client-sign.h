/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Signing what waits, as one tree. */

#include <stdbool.h>

#include <serasi/client.h>

#include "base/cleanup.h"

typedef struct Outgoing Outgoing;

/* What waits is not signed yet: more may come that is signed with it. */
bool sign_is_held(serasi_client *c);
void sign_answered(serasi_client *c, const Outgoing *o);
/* Signs what waits and can go out, if this node has a key for it. */
_must_check_ int sign_waiting(serasi_client *c);

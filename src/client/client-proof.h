/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Proofs of acceptance: what the broker says it has. */

#include <serasi/client.h>

#include "core/message.h"

/* What its proof, if any, has to be of. */
void proof_expect(const serasi_client *c, serasi_result *r, const Body *body);
/* Judges it, once. False: keys for that are on their way. */
_must_check_ bool proof_is_judged(serasi_client *c, serasi_result *r);

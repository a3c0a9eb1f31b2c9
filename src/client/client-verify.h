/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Signatures of what was delivered, and who gave them. */

#include <serasi/client.h>

#include "base/uuid.h"
#include "wire/json.h"

_must_check_ int verify_init(serasi_client *c);
void verify_deinit(serasi_client *c);
/* Judges its signature, once. 0, -ENOMEM; SERASI_AGAIN: keys for that are on their way. */
_must_check_ int delivery_verify(serasi_client *c, serasi_delivery *d);
/* A message is done with, and the broker has it on disk. */
void verify_settled(serasi_client *c, uint32_t channel, const Uuid *id);
/* Fills *ret up to its size. 0 or -EINVAL; of may be NULL. */
_must_check_ int judgement_give(const serasi_signature *of, serasi_signature *ret);
/* Borrows. */
JsonSignature judgement_for_json(const serasi_signature *s);

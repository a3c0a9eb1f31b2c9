/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages of this broker's own, signed within the transaction that makes them. */

#include "base/signature.h"
#include "store/store.h"

typedef struct Signing Signing;

/* A message of this broker's own: it is signed before the transaction ends, if its body has room
 * for that. */
void signed_add(Store *s, int64_t seq, Body *body);
/* Before COMMIT. */
void signed_flush(Store *s);
void signed_drop(Store *s); /* rolled back */
/* The signature of such a message that is stored; empty when it was not signed. */
Bytes signed_read(Store *s, int64_t seq, uint8_t buf[static SIGNATURE_MAX]);
/* Such a message was deleted: with the last of its tree the statement goes. */
void signed_purge(Store *s, int64_t seq);
Signing *signing_free(Signing *g);

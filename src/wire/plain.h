/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Plain: pieces of protobuf as they nearly always are, for the readers of what there is one of for
 * each message. false: it is unusual; then guard and protobuf-c have to say what it is.
 */

#include <stdint.h>

#include "base/bytes.h"

/* A number of up to 28 bits, without a byte too many; *b is then what follows. */
bool plain_number(Bytes *b, uint32_t *ret);
/* A length and so many bytes. */
bool plain_bytes(Bytes *b, Bytes *ret);

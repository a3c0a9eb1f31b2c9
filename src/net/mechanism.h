/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How both ends of a connection know each other: CURVE (ZeroMQ RFC 26), and nothing else on TCP. */

#include <stdbool.h>

#include "base/bytes.h"
#include "net/keys.h"

/* Before bind or connect. 0 or -errno. */
_must_check_ int mechanism_bind(void *zmq, const NodeKeys *keys);
_must_check_ int mechanism_connect(void *zmq, const char *server_key, const NodeKeys *keys);
/* The public key a peer has proved to hold, as libzmq asks Zap about it (RFC 27): name of the
 * mechanism and its credentials. False when they are not of this mechanism. */
_must_check_ bool mechanism_peer_key(const char *name, Bytes credentials,
                                     char ret[static CURVE_TEXT_SIZE]);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The session: connection, HELLO, liveness. */

#include <serasi/client.h>

#include "core/frame.h"

_must_check_ int session_connect(serasi_client *c);
_must_check_ int session_receive(serasi_client *c);
void session_events(serasi_client *c);
void session_liveness(serasi_client *c);
_must_check_ int session_write(serasi_client *c);
int64_t session_due_ms(const serasi_client *c);
/* The session is over and so is its connection; a new one is made after a back-off. */
void session_end(serasi_client *c, bool refused);
/* The session is over, the connection is fine: HELLO again. */
void session_restart(serasi_client *c);
void session_close(serasi_client *c);
/* Both: 0, -EAGAIN (later, the turn is repeated), or -errno. */
_must_check_ int session_send(serasi_client *c, const Frame *f, const Body *body);
_must_check_ int session_send_bytes(serasi_client *c, Bytes frame, const Body *body);

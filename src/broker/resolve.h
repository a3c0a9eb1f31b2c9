/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* QUERY resolve: to whom would this message go? */

#include "broker/broker.h"
#include "core/frame.h"

typedef struct Session Session;

_must_check_ int resolve_frame(Broker *b, Now now, Session *s, const Frame *f,
                               const PeerMessage *m);

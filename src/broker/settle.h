/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SETTLE and SETTLED. */

#include "broker/broker.h"
#include "broker/window.h"
#include "core/frame.h"

typedef struct Channel Channel;
typedef struct Session Session;

/* SETTLE in work: SETTLED goes out when the last of its operations is on disk. */
typedef struct Ticket {
    uint64_t session_id;
    uint32_t channel, pending, n_done, n_unknown, room_done, room_unknown;
    TagRange *done, *unknown;
} Ticket;

_must_check_ int settle_frame(Broker *b, Now now, Session *s, const Frame *f);
/* An operation of the ticket is on disk; sends SETTLED with the last one. */
void ticket_done(Broker *b, Ticket *t, uint64_t tag, bool known);
/* The entry leaves the channel's table, whatever becomes of it; and when it came to hand there, it
 * is no suspect any more. */
void channel_release(Channel *c, Entry *e);
void channel_forget(Channel *c, Entry *e);

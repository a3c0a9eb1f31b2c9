/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the application did with deliveries, until the broker has it on disk. */

#include <serasi/client.h>

#include "base/hash-table.h"
#include "base/uuid.h"
#include "core/frame.h"

typedef struct Channel Channel;

/* A delivery that came in this session and is not settled on the broker's disk. */
typedef struct Held {
    uint64_t tag;
    Uuid id;
    uint32_t bytes;
    /* The final settlement; SETTLE_NONE while there is none. */
    SettleAction action;
    uint32_t after_ms;
    bool permanent, sent;
    char *reason; /* owned */
    /* Asking for more time. */
    bool extend_queued;
    uint32_t extend_ms;
    int64_t extend_until_ms; /* an EXTEND was sent: its answer may come until then; 0 = none */
} Held;

/* A delivery that was settled DONE in a session that died before it was confirmed. */
typedef struct DoneKey { /* hash key: no padding */
    uint32_t channel;
    Uuid id;
} DoneKey;
typedef struct DoneId {
    DoneKey key;
    UT_hash_handle hh;
} DoneId;

_must_check_ int settle_write(serasi_client *c, Channel *ch);
void settle_confirmed(serasi_client *c, const Frame *f);
_must_check_ int held_add(Channel *ch, uint64_t tag, const Uuid *id, uint32_t bytes);
/* A final settlement for a delivery of this session. 0, -EINVAL when it has one, -ENOMEM;
 * SERASI_AGAIN when it is not held. */
_must_check_ int held_settle(serasi_client *c, Channel *ch, uint64_t tag, const Settlement *s);
bool channel_has_pending(const Channel *ch);
/* Forgets what the channel holds; DONE without confirmation is remembered when asked. */
void held_drop_all(serasi_client *c, Channel *ch, bool remember);
/* Was it done in an earlier session? Forgets that. */
bool done_id_take(serasi_client *c, uint32_t channel, const Uuid *id);

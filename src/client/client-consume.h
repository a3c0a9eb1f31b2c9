/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Channels and their deliveries. */

#include <serasi/client.h>

#include "core/bundle.h"
#include "core/filter.h"
#include "core/frame.h"
#include "core/limits.h"
#include "net/sock.h"

typedef struct Held Held;

typedef struct Channel {
    uint32_t handle; /* 0 = free slot */
    uint32_t wire;   /* number in this session, 0 = not sent yet */
    FrameSource source;
    char name[SUBSCRIPTION_SIZE];
    Filter *filter;          /* owned */
    uint32_t wanted, window; /* as asked for, and as the broker allows */
    bool open, closing, settle_wanted;
    bool overrun;
    int64_t overrun_ms;
    char error[320];
    uint64_t last_tag;
    uint32_t n_held, room;
    Held *held;        /* by rising tag */
    uint32_t returned; /* settled since the last CREDIT */
    uint64_t returned_bytes;
} Channel;

_must_check_ int consume_write(serasi_client *c);
/* Takes over *f and *m when it makes a delivery of them. */
_must_check_ int consume_delivered(serasi_client *c, Frame *f, SockMessage *m);
/* Takes what its deliveries own. */
_must_check_ int consume_bundle(serasi_client *c, Bundle *list);
void consume_subscribed(serasi_client *c, const Frame *f);
void consume_refused(serasi_client *c, const Frame *f);
void consume_session_lost(serasi_client *c);
void consume_deinit(serasi_client *c);
Channel *channel_by_handle(serasi_client *c, uint32_t handle);
Channel *channel_by_wire(serasi_client *c, uint32_t wire);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One broker, "upt/satria", over a real store in memory, with its surroundings played by the test:
 * what it sends is looked at and dropped, time passes when told. Below it upt/loka (a child
 * broker), above it the hub.
 *
 * Functions return what failed (a negative errno) and leave the world to world_close().
 */

#include "broker/broker.h"
#include "core/frame.h"

#define WORLD_START_MS INT64_C(1741575900000) /* 2025-03-10T03:05:00Z */
#define WORLD_PEERS    8U
#define WORLD_TOLD_MAX 32U

typedef struct World {
    char folder[64], path[96];
    Store *store;
    Broker *broker;
    StoreOp *held; /* batch taken, not yet run */
    Now now;
    uint32_t random;
    int send_result;                  /* what sending answers: 0, -EAGAIN, -EHOSTUNREACH */
    uint32_t heard[FRAME_BUNDLE + 1]; /* frames sent by the broker, by kind */
    uint32_t n_told; /* messages that were said to be accepted (or had been before) */
    Uuid told[WORLD_TOLD_MAX];
    uint64_t last_tag;         /* of the last DELIVER on a channel */
    void (*pause)(bool pause); /* around what the surroundings do themselves; may be NULL */
} World;

/* Makes the folder and in it a store with the directory: the start of every world. */
int world_make(World *w);
/* A broker over a copy of that store. */
int world_open(World *w);
/* The files stay. */
void world_close(World *w);
/* How its store is opened; *ret borrows w->path. */
void world_store_config(const World *w, StoreConfig *ret);
/* The store as world_close() left it, alone. */
int world_reopen_store(World *w);
void world_remove(World *w);

/* What peer number `peer` of the port says; like the daemon, runs the store first when the broker
 * has no room, and marks what breaks the limits of the parts. */
int world_say(World *w, BrokerPort port, unsigned peer, const Bytes *parts, unsigned n_parts);
int world_say_frame(World *w, BrokerPort port, unsigned peer, const Frame *f, const Bytes *parts,
                    unsigned n_parts);
int world_take(World *w); /* a batch for the store, held until the next run */
int world_run(World *w);  /* store and broker until neither has work */
int world_pass(World *w, int64_t ms);

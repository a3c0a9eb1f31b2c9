/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the modules of the simulation share: the world, its dice and its clock. The network
 * (sim-net.c) carries packets between clients (sim-client.c) and brokers (sim-broker.c) and between
 * brokers; sim-check.c judges; sim.c sets up and turns the wheel.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "broker/broker.h"
#include "sim/sim.h"
#include "store/store.h"
#include "wire/codec.h"

#define BROKERS_MAX 16
#define CLIENTS_MAX 64 /* sessions; a node may have two */
#define WINDOW      16U
#define CREDIT      8U
#define START_MS    (INT64_C(1767225600000)) /* 2026-01-01 */

typedef struct World World;

typedef struct Packet {
    int64_t at_ms;
    uint64_t order;
    unsigned conn;
    uint64_t epoch;
    bool up; /* dialler to listener */
    unsigned n_parts;
    uint8_t *part[PARTS_MAX];
    size_t size[PARTS_MAX];
    struct Packet *prev, *next;
} Packet;

/* Who dials whom; index = connection number. Clients first, then child brokers. */
typedef struct Conn {
    bool is_client;
    unsigned dialler, listener;
    uint64_t epoch; /* 0 = down; rises with every connection */
    uint64_t next_epoch;
    int64_t back_ms;                  /* when it is dialled again */
    int64_t bye_ms;                   /* when it is cut after a BYE; 0 = none was said */
    int64_t last_up_ms, last_down_ms; /* pipes keep their order */
} Conn;

typedef struct SimBroker {
    char name[NODE_NAME_SIZE], path[512];
    unsigned generation;
    Broker *broker; /* NULL while crashed */
    Store *store;
    StoreOp *batch;
    int64_t batch_ms, back_ms;
    World *world;
} SimBroker;

typedef struct Item { /* one message of a publisher */
    Uuid id;
    unsigned client, cas;
    unsigned number; /* position within its case */
    unsigned recipients[2], n_recipients;
    bool sent, accepted, refused, withdrawn;
    int64_t expires_ms; /* 0 = no sooner than the default */
    Uuid recalled;      /* nil, or this is the order to withdraw that one */
    uint8_t *envelope, *facts;
    size_t n_envelope, n_facts;
    unsigned seen[2];  /* deliveries per recipient */
    bool settled[2];   /* DONE was said */
    bool confirmed[2]; /* and SETTLED came: it may never come again */
    int told[2];       /* final receipt the publisher has read */
    UT_hash_handle hh;
} Item;

typedef struct Held { /* a delivery a consumer works on */
    uint64_t tag;
    Item *item;
    unsigned recipient; /* which of the item's */
    int64_t until_ms;
    SettleAction said; /* 0 while it is worked on; then until SETTLED */
    struct Held *prev, *next;
} Held;

typedef struct SimClient {
    char name[NODE_NAME_SIZE];
    unsigned broker;
    unsigned node; /* itself, or of whom it is a second consumer */
    Uuid instance;
    bool open;
    Item **items;
    unsigned n_items, next_item, unanswered;
    int64_t next_publish_ms;
    Held *held;
    unsigned *last_number; /* per (publisher, case): highest first delivery */
} SimClient;

struct World {
    const SimConfig *config;
    SimReport *report;
    uint64_t rng;
    int64_t now_ms;
    int64_t wall_off_ms; /* how far the wall clock was set */
    uint64_t order;
    SimBroker brokers[BROKERS_MAX];
    unsigned n_brokers;
    SimClient clients[CLIENTS_MAX];
    unsigned n_nodes, n_clients; /* the first clients are one for each node */
    Conn conns[CLIENTS_MAX + BROKERS_MAX];
    unsigned n_conns;
    Packet *packets;
    Item *items;
    int64_t next_fault_ms;
    unsigned faults_left;
    Uuid cases[CLIENTS_MAX][16];
};

typedef struct Route { /* of a connection, as brokers are given it */
    uint8_t zero;
    uint8_t conn;
    uint8_t epoch[4];
} Route;

static inline uint64_t rnd(World *w) { /* splitmix64 */
    uint64_t z = w->rng += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline unsigned below(World *w, unsigned n) {
    return (unsigned)(rnd(w) % n);
}

static inline Now now_of(const World *w) {
    return (Now) { .wall_ms = START_MS + w->wall_off_ms + w->now_ms, .mono_ms = w->now_ms };
}

static inline void client_key(unsigned client, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "client%034u", client);
}

static inline void broker_key(unsigned broker, char ret[static CURVE_TEXT_SIZE]) {
    (void)snprintf(ret, CURVE_TEXT_SIZE, "broker%034u", broker);
}

/* --- network (sim-net.c) --- */

/* -EAGAIN (up) or -EHOSTUNREACH (down) when the connection is down. */
int net_send(World *w, unsigned conn, bool up, const Bytes *parts, unsigned n);
/* All that is in the pipes is lost; dialled again some time later. */
void net_cut(World *w, unsigned conn);
void net_dial(World *w, unsigned conn);
/* Hands a packet to whom it is for, unless its connection has gone. */
void net_arrive(World *w, Packet *p);
void packet_free(Packet *p);

/* --- brokers (sim-broker.c) --- */

void sim_broker_start(World *w, SimBroker *sb);
/* What is committed survives, and nothing else. */
void sim_broker_crash(World *w, SimBroker *sb);
/* A turn: its clock, and the store when a batch is due. */
void sim_broker_run(World *w, SimBroker *sb);

/* --- clients (sim-client.c) --- */

Item *item_find(World *w, const Uuid *id);
void client_say(World *w, SimClient *c, const Frame *f, const Bytes *parts, unsigned n_parts);
void client_publish(World *w, SimClient *c);
void client_work(World *w, SimClient *c);
void client_receive(World *w, SimClient *c, const Packet *p);
/* Its session is gone: it holds nothing, and sends again what was not answered. */
void client_lost(World *w, SimClient *c);

/* --- checks (sim-check.c) --- */

/* Counts it, and keeps the words of the first. */
_printf_(3, 4) void sim_wrong(World *w, unsigned *counter, const char *format, ...);
/* At the end, with all brokers up. */
void sim_check(World *w);

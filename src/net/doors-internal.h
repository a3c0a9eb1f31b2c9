/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Of the doors (doors.c): those who call, by address, and who waits (callers.c). */

#include <netinet/in.h>

#include "base/hash-table.h"
#include "net/doors.h"
#include "net/line.h"
#include "net/syn-gate.h"

/* For so long nobody who calls from there is answered. */
typedef struct Bar {
    int64_t until_ms, length_ms;
} Bar;

typedef struct Address {
    uint8_t ip[SYN_GATE_ADDRESS]; /* hash key: v4 in the last four bytes, of v6 the network */
    Bucket bucket;                /* connections it may open now */
    Bar bar;
    Line line;
    UT_hash_handle hh;
} Address;

typedef struct Callers {
    Address *addresses, shared;
    Line strangers_line, *lines; /* lines: in which somebody waits */
    Bucket strangers;
    Bar strangers_bar;
    SynGate *gate;
    bool serving;
    int64_t line_ms; /* when who waits is looked at next */
} Callers;

/* A connection as its address has it. */
typedef struct Call {
    LinePlace place; /* first: a place is its call */
    int fd;
    uint8_t ip[SYN_GATE_ADDRESS];
    bool stranger;    /* from an address from which nobody had a session */
    int64_t came_ms;  /* 0: none */
    int64_t begun_ms; /* its handshake might begin while others were served; 0: none were */
} Call;

_must_check_ int callers_init(Callers *c);
void callers_deinit(Callers *c);
/* Fills in *ret. False: it came too fast, and is to be cut. */
bool callers_let_in(Callers *c, const DoorLimits *limits, Call *ret, int fd, int64_t now_ms);
/* It may begin its handshake, or waits: then true. */
bool callers_begin_or_wait(Callers *c, const DoorLimits *limits, Call *call, int64_t now_ms);
/* It is gone; who ends at once came for nothing, and others pay for it. */
void callers_gone(Callers *c, const DoorLimits *limits, Call *call, int64_t now_ms);
void callers_forget(Callers *c, Call *call); /* likewise, and nobody pays */
/* Whose turn it is begins. */
void callers_turn(Callers *c, const DoorLimits *limits, int64_t now_ms);
/* Who comes from that peer's address next has no allowance but the rate. */
void callers_did_harm(Callers *c, const DoorLimits *limits, int fd, int64_t now_ms);
void callers_had_session(Callers *c, int fd, int64_t now_ms);

uint64_t door_bytes_taken(int fd);
uint64_t door_pieces_taken(int fd); /* segments with data */

typedef union PeerAddress {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} PeerAddress;

/* False: it is gone, or has none of the internet. */
bool door_peer(int fd, PeerAddress *ret);

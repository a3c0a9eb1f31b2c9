/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Of the doors (doors.c): those who call, by address, and who waits (callers.c); which connection a
 * message came from (doors-whose.c). */

#include <netinet/in.h>

#include "base/hash-table.h"
#include "net/doors.h"
#include "net/line.h"
#include "net/sock-internal.h"
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

/* Which messages seem to be of a connection, while those of one before may still come. */
typedef struct Guess {
    uint8_t n_route;
    char route[SOCK_ROUTE_SIZE];
    uint32_t n; /* more than others */
} Guess;

typedef struct Door {
    Call call;
    bool session, cut;
    bool heard;       /* a message ended since the last look */
    bool ever;        /* or any before */
    bool weighed;     /* its handshake is no larger than it may be */
    int64_t since_ms; /* accepted, or without a session */
    uint64_t base, unended;
    uint64_t base_pieces;
    uint64_t read;   /* bytes of whole messages, before it was weighed */
    uint8_t n_route; /* 0: not known yet */
    char route[SOCK_ROUTE_SIZE];
    bool perhaps; /* heard, it or the one before */
    Guess guess;
    int fd;
    UT_hash_handle hh; /* by route, once it is known */
} Door;

/* A session whose connection is not known yet. */
typedef struct Lodger {
    char route[SOCK_ROUTE_SIZE];
    int64_t since_ms;
    UT_hash_handle hh;
} Lodger;

/* The number of a descriptor: who has it, and who had it. */
typedef struct Number {
    Door *door;         /* or NULL */
    uint64_t sure_from; /* of Doors.cleared: when nothing is left of who had it before */
    uint8_t n_gone;     /* his name, if it is known and nothing else is left */
    char gone[SOCK_ROUTE_SIZE];
} Number;

struct Doors {
    DoorLimits limits;
    Sock *sock; /* borrowed */
    void *monitor;
    Number *numbers; /* by descriptor */
    uint32_t size;   /* of them */
    Door *by_route;
    Lodger *lodgers;
    uint64_t cleared; /* so often there was nothing to read */
    bool unsure;      /* one closed since the last time */
    Callers callers;
    uint32_t n_open, n_waiting, cursor;
    uint64_t unended; /* of all, as far as looked at */
    DoorCounts counts;
};

/* --- whose a connection is --- */

Door *whose_route(Doors *d, Bytes route);
/* The connection that a message came from, if that is sure. */
Door *whose_message(Doors *d, const SockMessage *m);
/* Is nothing left to read of the one that had its number before? */
bool whose_is_sure(const Doors *d, const Door *door);
void whose_gone(Doors *d, const Door *door);
/* Is nothing left to read at all, then nothing is of those that closed. */
void whose_look_for_rest(Doors *d);
/* It has a session from now on. */
void whose_session(Doors *d, Door *door, int64_t now_ms);
/* A session, open or not any more, whose connection is not known yet. */
void whose_lodge(Doors *d, Bytes route, bool open, int64_t now_ms);
void whose_forget(Doors *d); /* all that lodge */

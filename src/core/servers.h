/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where a broker is found besides the one address that a configuration names: while it changes its
 * server key it listens on a second endpoint with the next one, and says so in WELCOME. Pure.
 */

#include "core/directory.h"

#define SERVERS_MAX   4U
#define ENDPOINT_SIZE 256U

typedef struct Server {
    char endpoint[ENDPOINT_SIZE];
    char key[CURVE_TEXT_SIZE]; /* CURVE, Z85 */
} Server;

typedef struct Servers {
    uint32_t n;
    Server list[SERVERS_MAX];
} Servers;

/* One that can be dialled: "tcp://..." without odd characters, and a key of the right length. */
bool server_is_sound(const Server *s);
/* At the end, unless it is there or the list is full: then the last one goes. True when the list is
 * another one now. */
bool servers_add(Servers *l, const Server *s);
/* A broker that listens on all addresses says "tcp://0.0.0.0:7022" or "tcp://[::]:7022": that is
 * the host one has dialled. */
void server_complete(Server *s, const char *dialled);
/* Is it proven: a valid link key of that broker in the directory? */
bool server_is_proven(const Directory *d, const Server *s, const char *broker, int64_t now_ms);

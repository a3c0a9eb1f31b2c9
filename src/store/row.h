/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two packed columns of a message row: its route and its hop stamps. */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "core/message.h"

enum {
    ROUTE_SCOPE_HOP = 1, /* the entry stands for everyone in the scope beyond this neighbour */
    ROUTE_CLOSED = 2,    /* discarded by an operator: never forwarded again */
    ROUTE_HANDED = 4,    /* had the copy that the link took; a later row there is for others */
    ROUTE_JOINED = 8,    /* joined a row there of which a copy may have been on its way */
    ROUTE_MOVED = 16,    /* times how often it was sent on to another home (move.h) */
};

/* One resolved recipient and the queue it was given; queue 0 = could not be routed. */
typedef struct RouteEntry {
    char node[NODE_NAME_SIZE];
    RecipientRole role;
    uint8_t flags;
    int64_t queue;
} RouteEntry;

typedef struct Route {
    bool scope; /* event scope: each broker adds the nodes it is home to */
    uint32_t n, room;
    RouteEntry *list;
} Route;

void route_deinit(Route *r);
/* NULL when out of memory. The pointer is good until the next call. */
RouteEntry *route_add(Route *r, const char *node, RecipientRole role, uint8_t flags, int64_t queue);
RouteEntry *route_find(const Route *r, const char *node);
RouteEntry *route_find_queue(const Route *r, int64_t queue);
void route_encode(const Route *r, Buf *b);
/* Returns 0, -ENOMEM, or -EBADMSG (what could be read stays). */
_must_check_ int route_decode(Bytes b, Route *ret);

void stamps_encode(const HopStamp *stamps, uint32_t n, Buf *b);
uint32_t stamps_decode(Bytes b, HopStamp ret[static STAMPS_MAX]);

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/row.h"

#include <errno.h>

#include "base/text.h"

/*
 * Route: version 1, flags (1 = scope), then per entry role, flags, queue (4 bytes, low first),
 * length of the name, name. Stamps: per stamp length, name, milliseconds (8 bytes, low first).
 */
#define ROUTE_VERSION 1

static void put_number(Buf *b, uint64_t v, unsigned n) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    buf_add(b, bytes, n);
}

static uint64_t get_number(const uint8_t *p, unsigned n) {
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void put_name(Buf *b, const char *name) {
    const size_t n = strlen(name);
    put_number(b, n, 1);
    buf_add(b, name, n);
}

void route_deinit(Route *r) {
    free(r->list);
    *r = (Route) { 0 };
}

RouteEntry *route_add(Route *r, const char *node, RecipientRole role, uint8_t flags,
                      int64_t queue) {
    if (r->n == r->room) {
        const uint32_t room = r->room > 0 ? 2 * r->room : 4;
        RouteEntry *list = reallocarray(r->list, room, sizeof(*list));
        if (!list)
            return NULL;
        r->list = list;
        r->room = room;
    }
    RouteEntry *e = &r->list[r->n++];
    *e = (RouteEntry) { .role = role, .flags = flags, .queue = queue };
    text_copy(e->node, sizeof(e->node), node);
    return e;
}

RouteEntry *route_find(const Route *r, const char *node) {
    for (uint32_t i = 0; i < r->n; i++)
        if (strcmp(r->list[i].node, node) == 0 && !(r->list[i].flags & ROUTE_SCOPE_HOP))
            return &r->list[i];
    return NULL;
}

RouteEntry *route_find_queue(const Route *r, int64_t queue) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->list[i].queue == queue)
            return &r->list[i];
    return NULL;
}

void route_encode(const Route *r, Buf *b) {
    put_number(b, ROUTE_VERSION, 1);
    put_number(b, r->scope ? 1 : 0, 1);
    for (uint32_t i = 0; i < r->n; i++) {
        const RouteEntry *e = &r->list[i];
        put_number(b, (uint64_t)e->role, 1);
        put_number(b, e->flags, 1);
        put_number(b, (uint64_t)e->queue, 4);
        put_name(b, e->node);
    }
}

int route_decode(Bytes b, Route *ret) {
    if (b.n < 2 || b.p[0] != ROUTE_VERSION)
        return -EBADMSG;
    ret->scope = b.p[1] & 1;
    size_t at = 2;
    while (at < b.n) {
        if (b.n - at < 7)
            return -EBADMSG;
        const uint8_t *p = b.p + at;
        const size_t n = p[6];
        char node[NODE_NAME_SIZE] = "";
        if (n >= sizeof(node) || b.n - at - 7 < n)
            return -EBADMSG;
        memcpy(node, p + 7, n);
        if (!route_add(ret, node, (RecipientRole)p[0], p[1], (int64_t)get_number(p + 2, 4)))
            return -ENOMEM;
        at += 7 + n;
    }
    return 0;
}

void stamps_encode(const HopStamp *stamps, uint32_t n, Buf *b) {
    for (uint32_t i = 0; i < n; i++) {
        put_name(b, stamps[i].broker);
        put_number(b, (uint64_t)stamps[i].at_ms, 8);
    }
}

uint32_t stamps_decode(Bytes b, HopStamp ret[static STAMPS_MAX]) {
    uint32_t count = 0;
    size_t at = 0;
    while (at < b.n && count < STAMPS_MAX) {
        const size_t n = b.p[at];
        if (n >= NODE_NAME_SIZE || b.n - at - 1 < n + 8)
            break;
        HopStamp *stamp = &ret[count++];
        *stamp = (HopStamp) { 0 };
        memcpy(stamp->broker, b.p + at + 1, n);
        stamp->at_ms = (int64_t)get_number(b.p + at + 1 + n, 8);
        at += 1 + n + 8;
    }
    return count;
}

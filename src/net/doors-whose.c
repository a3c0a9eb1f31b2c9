/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whose a connection is. A message tells its routing id and the number of its connection; but that
 * may have closed before it was read, and another have the number. To take this one for that would
 * have it cut for what the other did, and hide its own session. So nothing is believed that a
 * message says of a number which somebody had, until nothing is left to read of him.
 */

#include <stdlib.h>
#include <string.h>

#include "net/doors-internal.h"
#include "net/sock-internal.h"

/* Messages that libzmq may have of a connection that closed: its pipe's mark is lower. */
#define LEFT_MAX 512U

Door *whose_route(Doors *d, Bytes route) {
    Door *door = NULL;
    HASH_FIND(hh, d->by_route, route.p, route.n, door);
    return door;
}

bool whose_is_sure(const Doors *d, const Door *door) {
    return d->cleared >= d->numbers[door->fd].sure_from;
}

/* Whoever has the number next is sure: another name than his is not his. With unread messages of
 * two, or of one whose name is not known, nobody is. */
void whose_gone(Doors *d, const Door *door) {
    Number *n = &d->numbers[door->fd];
    n->n_gone = whose_is_sure(d, door) ? door->n_route : 0;
    memcpy(n->gone, door->route, n->n_gone);
    n->sure_from = d->cleared + 1;
    n->door = NULL;
    d->unsure = true;
}

void whose_look_for_rest(Doors *d) {
    if (!d->unsure)
        return;
    if (sock_readable(d->sock)) {
        sock_woken(d->sock); /* libzmq may not say it again */
        return;
    }
    d->cleared++;
    d->unsure = false;
}

/* --- sessions without a connection --- */

static void lodger_free(Doors *d, Lodger *l) {
    HASH_DEL(d->lodgers, l);
    free(l);
}

static Lodger *lodger_find(Doors *d, Bytes route) {
    Lodger *l = NULL;
    HASH_FIND(hh, d->lodgers, route.p, route.n, l);
    return l;
}

/* Without memory for it the connection is cut in time, and comes again. */
void whose_lodge(Doors *d, Bytes route, bool open, int64_t now_ms) {
    Lodger *l = lodger_find(d, route);
    if (l && !open)
        lodger_free(d, l);
    if (l || !open || route.n > SOCK_ROUTE_SIZE || !(l = calloc(1, sizeof(*l))))
        return;
    memcpy(l->route, route.p, route.n);
    l->since_ms = now_ms;
    HASH_ADD(hh, d->lodgers, route, route.n, l);
    if (!l->hh.tbl)
        free(l);
}

void whose_forget(Doors *d) {
    Lodger *l, *tmp;
    HASH_ITER (hh, d->lodgers, l, tmp)
        lodger_free(d, l);
}

void whose_session(Doors *d, Door *door, int64_t now_ms) {
    callers_had_session(&d->callers, door->fd, now_ms);
    door->session = true;
    door->since_ms = now_ms;
    d->n_waiting--;
}

/* --- messages --- */

static bool is_name(const char *name, size_t n, const SockMessage *m) {
    return n == m->n_route && memcmp(name, m->route, n) == 0;
}

/* A message tells the number of its connection, which may have closed, and another have the number.
 * It is of this one if there was nothing to read since the one before closed, if that had another
 * name, or if more came than can be left of that. */
static bool is_of(const Doors *d, Door *door, const SockMessage *m) {
    const Number *n = &d->numbers[door->fd];
    Guess *g = &door->guess;
    if (whose_is_sure(d, door))
        return true;
    if (n->n_gone > 0)
        return !is_name(n->gone, n->n_gone, m);
    door->perhaps = true;
    if (is_name(g->route, g->n_route, m))
        return ++g->n > LEFT_MAX;
    if (g->n > 0) {
        g->n--;
        return false;
    }
    *g = (Guess) { .n_route = (uint8_t)m->n_route, .n = 1 };
    memcpy(g->route, m->route, m->n_route);
    return false;
}

Door *whose_message(Doors *d, const SockMessage *m) {
    const Bytes route = bytes_make(m->route, m->n_route);
    Door *door = whose_route(d, route);
    if (door || m->fd < 0 || (uint32_t)m->fd >= d->size || !(door = d->numbers[m->fd].door))
        return door;
    if (door->n_route > 0 || !is_of(d, door, m))
        return NULL;
    memcpy(door->route, m->route, m->n_route);
    door->n_route = (uint8_t)m->n_route;
    HASH_ADD(hh, d->by_route, route, door->n_route, door);
    if (!door->hh.tbl) {
        door->n_route = 0; /* the next one finds it by its number again */
        return NULL;
    }
    Lodger *l = lodger_find(d, route);
    if (!l)
        return door;
    door->weighed = true; /* what came by now is more than a handshake */
    if (!door->cut)
        whose_session(d, door, l->since_ms);
    lodger_free(d, l);
    return door;
}

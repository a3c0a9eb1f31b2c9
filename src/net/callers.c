/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Those who call: how fast one address may open connections, whose calls the kernel does not answer
 * for a moment, and who waits until handshakes may begin. A connection that waits is accepted, and
 * what it sends stays with the kernel: libzmq's thread is not told of so few bytes (SO_RCVLOWAT,
 * socket(7)).
 */

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "net/doors-internal.h"

#define BAR_MS         100       /* calls of who comes too fast are dropped so long */
#define BAR_MAX_MS     1600      /* and twice as long when it comes again at once */
#define HELD_BYTES     16384     /* a handshake is smaller */
#define VISIT_MS       SECOND_MS /* who ends before that came for nothing */
#define VISIT_CALLS    8.0       /* connections that one counts as that never said anything */
#define LINE_MS        5         /* between two looks at who waits */
#define SILENT_AT_ONCE 16U       /* of these: who has sent nothing yet goes to the end */
#define ADDRESSES_MAX  4096U     /* remembered at one time; the others share one allowance */

int callers_init(Callers *c) {
    return syn_gate_new(&c->gate);
}

void callers_deinit(Callers *c) {
    Address *a, *tmp;
    HASH_ITER (hh, c->addresses, a, tmp) {
        HASH_DEL(c->addresses, a);
        free(a);
    }
    c->gate = syn_gate_free(c->gate);
}

uint64_t door_bytes_taken(int fd) {
    struct tcp_info info = { 0 };
    socklen_t n = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_bytes_received : 0;
}

uint64_t door_pieces_taken(int fd) {
    struct tcp_info info = { 0 };
    socklen_t n = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_data_segs_in : 0;
}

/* --- addresses --- */

bool door_peer(int fd, PeerAddress *ret) {
    socklen_t n = sizeof(*ret);
    *ret = (PeerAddress) { 0 };
    return getpeername(fd, &ret->any, &n) == 0 &&
           (ret->any.sa_family == AF_INET || ret->any.sa_family == AF_INET6);
}

static bool address_of(int fd, uint8_t ret[static SYN_GATE_ADDRESS]) {
    PeerAddress a;
    memset(ret, 0, SYN_GATE_ADDRESS);
    if (!door_peer(fd, &a))
        return false;
    if (a.any.sa_family != AF_INET6)
        memcpy(ret + 12, &a.v4.sin_addr, 4);
    else if (IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr))
        memcpy(ret + 12, &a.v6.sin6_addr.s6_addr[12], 4);
    else
        memcpy(ret, &a.v6.sin6_addr, 8); /* who has one has all of these */
    return true;
}

/* Those that had not been here for long have their whole allowance: nothing to remember. */
static void addresses_forget(Callers *c, const DoorLimits *limits, int64_t now_ms) {
    Address *a, *tmp;
    HASH_ITER (hh, c->addresses, a, tmp) {
        if (!bucket_is_empty(&a->bucket, &limits->rate, now_ms) ||
            !line_is_idle(&a->line, limits->pace, now_ms))
            continue;
        HASH_DEL(c->addresses, a);
        free(a);
    }
}

static Address *address_get(Callers *c, const DoorLimits *limits, const uint8_t *ip,
                            int64_t now_ms) {
    Address *a = NULL;
    HASH_FIND(hh, c->addresses, ip, SYN_GATE_ADDRESS, a);
    if (a)
        return a;
    if (HASH_COUNT(c->addresses) >= ADDRESSES_MAX)
        addresses_forget(c, limits, now_ms);
    if (HASH_COUNT(c->addresses) >= ADDRESSES_MAX || !(a = calloc(1, sizeof(*a))))
        return &c->shared;
    memcpy(a->ip, ip, SYN_GATE_ADDRESS);
    HASH_ADD(hh, c->addresses, ip, SYN_GATE_ADDRESS, a);
    if (a->hh.tbl)
        return a;
    free(a);
    return &c->shared;
}

/* --- who comes too fast --- */

static int64_t bar_until(Bar *b, int64_t now_ms) {
    if (now_ms >= b->until_ms) {
        const bool again = now_ms < b->until_ms + b->length_ms;
        b->length_ms = again ? MIN(2 * b->length_ms, (int64_t)BAR_MAX_MS) : BAR_MS;
        b->until_ms = now_ms + b->length_ms;
    }
    return b->until_ms;
}

bool callers_let_in(Callers *c, const DoorLimits *limits, Call *ret, int fd, int64_t now_ms) {
    *ret = (Call) { .fd = fd, .came_ms = now_ms };
    const bool here = address_of(fd, ret->ip); /* else it is gone already, and cost as much */
    ret->stranger = !here || !syn_gate_knows(c->gate, ret->ip);
    syn_gate_release(fd);
    Address *a = here ? address_get(c, limits, ret->ip, now_ms) : NULL;
    if (a && !bucket_take(&a->bucket, &limits->rate, 1, now_ms)) {
        syn_gate_bar(c->gate, ret->ip, bar_until(&a->bar, now_ms));
        return false;
    }
    if (!ret->stranger || bucket_take(&c->strangers, &limits->strangers, 1, now_ms))
        return true;
    syn_gate_bar_strangers(c->gate, bar_until(&c->strangers_bar, now_ms));
    return false;
}

void callers_did_harm(Callers *c, const DoorLimits *limits, int fd, int64_t now_ms) {
    uint8_t ip[SYN_GATE_ADDRESS];
    if (address_of(fd, ip))
        bucket_fill(&address_get(c, limits, ip, now_ms)->bucket, &limits->rate, now_ms);
}

void callers_had_session(Callers *c, int fd, int64_t now_ms) {
    uint8_t ip[SYN_GATE_ADDRESS];
    if (address_of(fd, ip))
        syn_gate_know(c->gate, ip, now_ms);
}

/* --- who waits --- */

static Line *line_of(Callers *c, const DoorLimits *limits, const Call *call, int64_t now_ms) {
    return call->stranger ? &c->strangers_line : &address_get(c, limits, call->ip, now_ms)->line;
}

static void hear_from(int fd, int bytes) {
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)); /* it may be gone */
}

static bool is_paced(const Callers *c, const DoorLimits *limits) {
    return c->serving && limits->pace > 0;
}

void callers_forget(Callers *c, Call *call) {
    Line *l = call->place.line;
    line_leave(&call->place);
    if (l && !l->first)
        DL_DELETE(c->lines, l);
}

static void begin(Callers *c, Call *call, int64_t now_ms) {
    callers_forget(c, call);
    call->begun_ms = c->serving ? now_ms : 0;
    hear_from(call->fd, 1); /* if it did not wait as well: another with its number may have */
}

bool callers_begin_or_wait(Callers *c, const DoorLimits *limits, Call *call, int64_t now_ms) {
    Line *l = line_of(c, limits, call, now_ms);
    if (!is_paced(c, limits) || (!l->first && line_take(l, limits->pace, now_ms))) {
        begin(c, call, now_ms);
        return false;
    }
    hear_from(call->fd, HELD_BYTES);
    if (!l->first)
        DL_APPEND(c->lines, l);
    line_join(l, &call->place);
    return true;
}

static void move_line(Callers *c, const DoorLimits *limits, Line *l, int64_t now_ms) {
    for (unsigned silent = 0; l->first && silent < SILENT_AT_ONCE;) {
        Call *call = (Call *)l->first;
        if (is_paced(c, limits) && door_bytes_taken(call->fd) == 0) {
            line_leave(&call->place);
            line_join(l, &call->place);
            silent++;
        } else if (!is_paced(c, limits) || line_take(l, limits->pace, now_ms)) {
            begin(c, call, now_ms); /* the last one takes its line out of the list */
        } else {
            break;
        }
    }
}

void callers_turn(Callers *c, const DoorLimits *limits, int64_t now_ms) {
    Line *l, *tmp;
    syn_gate_turn(c->gate, now_ms);
    if (!c->lines || (is_paced(c, limits) && now_ms < c->line_ms))
        return;
    c->line_ms = now_ms + LINE_MS;
    DL_FOREACH_SAFE(c->lines, l, tmp)
    move_line(c, limits, l, now_ms);
}

static void charge_calls(Callers *c, const DoorLimits *limits, const Call *call, int64_t now_ms) {
    Address *a = address_get(c, limits, call->ip, now_ms);
    if (!bucket_take(&a->bucket, &limits->rate, VISIT_CALLS - 1, now_ms))
        bucket_fill(&a->bucket, &limits->rate, now_ms);
}

void callers_gone(Callers *c, const DoorLimits *limits, Call *call, int64_t now_ms) {
    const bool waited = call->place.line != NULL;
    callers_forget(c, call);
    if (waited)
        hear_from(call->fd, 1); /* its number may be another connection's already */
    if (!is_paced(c, limits))
        return;
    if (call->begun_ms > 0 && now_ms - call->begun_ms < VISIT_MS)
        line_charge(line_of(c, limits, call, now_ms), limits->pace, now_ms);
    else if (waited && now_ms - call->came_ms < VISIT_MS)
        charge_calls(c, limits, call, now_ms);
}

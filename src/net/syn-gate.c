/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/syn-gate.h"

#define LISTENERS_MAX 16U
#define BARRED_MAX    64U
#define KNOWN_MAX     192U /* a filter has to fit into net.core.optmem_max, 20 KiB on old kernels */
#define PROGRAM_MAX   (64U + 5 * (BARRED_MAX + KNOWN_MAX))

#define TCP_FLAGS  13U
#define SYN_OF     0x12U /* SYN and ACK: of these only the first in a call */
#define SYN        0x02U
#define IP_VERSION ((uint32_t)SKF_NET_OFF)
#define V4_SOURCE  ((uint32_t)SKF_NET_OFF + 12U)
#define V6_SOURCE  ((uint32_t)SKF_NET_OFF + 8U)
#define PASS       UINT32_MAX
#define DROP       0U

typedef struct Caller {
    uint8_t ip[SYN_GATE_ADDRESS];
    int64_t ms; /* barred until; known since */
} Caller;

struct SynGate {
    int listeners[LISTENERS_MAX];
    uint32_t n_listeners, n_barred, n_known;
    Caller barred[BARRED_MAX], known[KNOWN_MAX];
    int64_t strangers_until_ms;
    bool strangers, changed; /* strangers: as the kernel was told */
};

/* --- the program ---------------------------------------------------------------------------- */

typedef struct Program {
    struct sock_filter list[PROGRAM_MAX];
    unsigned short n;
} Program;

static void put(Program *p, unsigned code, unsigned yes, unsigned no, uint32_t k) {
    p->list[p->n++] = (struct sock_filter) { (uint16_t)code, (uint8_t)yes, (uint8_t)no, k };
}

static void put_end(Program *p, uint32_t verdict) {
    put(p, BPF_RET | BPF_K, 0, 0, verdict);
}

static uint32_t word(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_v4(const Caller *c) {
    static const uint8_t none[12];
    return memcmp(c->ip, none, sizeof(none)) == 0;
}

static void put_callers(Program *p, const Caller *list, uint32_t n, bool v4, uint32_t verdict) {
    if (v4)
        put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, V4_SOURCE);
    for (uint32_t i = 0; i < n; i++) {
        if (is_v4(&list[i]) != v4)
            continue;
        if (!v4) {
            put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, V6_SOURCE);
            put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, word(list[i].ip));
            put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, V6_SOURCE + 4);
        }
        put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, word(list[i].ip + (v4 ? 12 : 4)));
        put_end(p, verdict);
    }
}

static void put_family(const SynGate *g, Program *p, bool v4) {
    put_callers(p, g->barred, g->n_barred, v4, DROP);
    if (g->strangers)
        put_callers(p, g->known, g->n_known, v4, PASS);
    put_end(p, g->strangers ? DROP : PASS);
}

static void program_of(const SynGate *g, Program *p) {
    p->n = 0;
    put(p, BPF_LD | BPF_B | BPF_ABS, 0, 0, TCP_FLAGS);
    put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, SYN_OF);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYN);
    put_end(p, PASS);
    put(p, BPF_LD | BPF_B | BPF_ABS, 0, 0, IP_VERSION);
    put(p, BPF_ALU | BPF_RSH | BPF_K, 0, 0, 4);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 4);
    const unsigned short to_v6 = p->n;
    put(p, BPF_JMP | BPF_JA, 0, 0, 0);
    put_family(g, p, true);
    p->list[to_v6].k = (uint32_t)(p->n - to_v6 - 1);
    put_family(g, p, false);
}

static void tell_kernel(SynGate *g) {
    Program p = { .n = 0 };
    const bool any = g->strangers || g->n_barred > 0;
    if (any)
        program_of(g, &p);
    const struct sock_fprog filter = { .len = p.n, .filter = p.list };
    for (uint32_t i = 0; i < g->n_listeners; i++) {
        /* A kernel that takes none: nobody is barred. */
        if (!any ||
            setsockopt(g->listeners[i], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0)
            syn_gate_release(g->listeners[i]);
    }
}

void syn_gate_release(int fd) {
    const int none = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)); /* it may have none */
}

/* --- who ------------------------------------------------------------------------------------ */

int syn_gate_new(SynGate **ret) {
    SynGate *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    *ret = g;
    return 0;
}

SynGate *syn_gate_free(SynGate *g) {
    free(g);
    return NULL;
}

void syn_gate_add(SynGate *g, int fd) {
    if (g->n_listeners < LISTENERS_MAX)
        g->listeners[g->n_listeners++] = fd;
    g->changed = true;
}

static Caller *caller_find(const Caller *list, uint32_t n, const uint8_t ip[static 16]) {
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(list[i].ip, ip, SYN_GATE_ADDRESS) == 0)
            return (Caller *)&list[i];
    return NULL;
}

static void caller_set(Caller *c, const uint8_t ip[static 16], int64_t ms) {
    memcpy(c->ip, ip, SYN_GATE_ADDRESS);
    c->ms = ms;
}

void syn_gate_bar(SynGate *g, const uint8_t ip[static SYN_GATE_ADDRESS], int64_t until_ms) {
    Caller *c = caller_find(g->barred, g->n_barred, ip);
    if (c) {
        c->ms = until_ms;
    } else if (g->n_barred == BARRED_MAX) {
        syn_gate_bar_strangers(g, MAX(g->strangers_until_ms, until_ms)); /* not sooner */
    } else {
        caller_set(&g->barred[g->n_barred++], ip, until_ms);
        g->changed = true;
    }
}

void syn_gate_bar_strangers(SynGate *g, int64_t until_ms) {
    g->strangers_until_ms = until_ms;
}

void syn_gate_know(SynGate *g, const uint8_t ip[static SYN_GATE_ADDRESS], int64_t now_ms) {
    Caller *c = caller_find(g->known, g->n_known, ip);
    if (c) {
        c->ms = now_ms;
        return;
    }
    if (g->n_known < KNOWN_MAX)
        c = &g->known[g->n_known++];
    else
        c = g->known;
    for (uint32_t i = 0; g->n_known == KNOWN_MAX && i < KNOWN_MAX; i++)
        if (g->known[i].ms < c->ms)
            c = &g->known[i];
    caller_set(c, ip, now_ms);
    g->changed |= g->strangers;
}

bool syn_gate_knows(const SynGate *g, const uint8_t ip[static SYN_GATE_ADDRESS]) {
    return caller_find(g->known, g->n_known, ip) != NULL;
}

void syn_gate_turn(SynGate *g, int64_t now_ms) {
    const bool strangers = now_ms < g->strangers_until_ms;
    for (uint32_t i = g->n_barred; i-- > 0;) {
        if (now_ms < g->barred[i].ms)
            continue;
        g->barred[i] = g->barred[--g->n_barred];
        g->changed = true;
    }
    if (!g->changed && strangers == g->strangers)
        return;
    g->strangers = strangers;
    g->changed = false;
    tell_kernel(g);
}

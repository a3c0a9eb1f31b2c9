/* SPDX-License-Identifier: Apache-2.0 */

/* Who may knock: the filter as the kernel follows it, and who is told apart. */

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/syn-gate.h"
#include "test.h"

#define BARRED_MAX 64U
#define KNOWN_MAX  192U

typedef struct Gate {
    SynGate *gate;
    int listener;
    struct sockaddr_in address;
} Gate;

static void gate_init(Gate *g) {
    socklen_t n = sizeof(g->address);
    g->address =
        (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_OK(bind(g->listener, (struct sockaddr *)&g->address, n));
    ASSERT_OK(listen(g->listener, 64));
    ASSERT_OK(getsockname(g->listener, (struct sockaddr *)&g->address, &n));
    ASSERT_OK(syn_gate_new(&g->gate));
    syn_gate_add(g->gate, g->listener);
    syn_gate_turn(g->gate, 0);
}

static void gate_deinit(Gate *g) {
    g->gate = syn_gate_free(g->gate);
    close(g->listener);
}
#define GATE(g)                                                                                    \
    _cleanup_(gate_deinit) Gate g;                                                                 \
    gate_init(&g)

/* 127.0.0.1 and those behind it. */
typedef struct Ip {
    uint8_t b[SYN_GATE_ADDRESS];
} Ip;

static Ip ip(uint32_t n) {
    const uint32_t a = htonl(INADDR_LOOPBACK + n);
    Ip r = { .b = { 0 } };
    memcpy(r.b + 12, &a, sizeof(a));
    return r;
}

static int filter_of(const Gate *g) {
    socklen_t n = 0; /* instructions */
    return getsockopt(g->listener, SOL_SOCKET, SO_GET_FILTER, NULL, &n) == 0 ? (int)n : 0;
}

/* Does it come through? The kernel of the machine itself is as quick as the call. */
static bool knocks(const Gate *g, uint32_t n) {
    const struct sockaddr_in from = { .sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK + n) };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ASSERT_OK(bind(fd, (const struct sockaddr *)&from, sizeof(from)));
    (void)connect(fd, (const struct sockaddr *)&g->address, sizeof(g->address));
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    const bool in = poll(&p, 1, 50) == 1 && !(p.revents & (POLLERR | POLLHUP));
    close(fd);
    return in;
}

static void bar(Gate *g, uint32_t n, int64_t until_ms) {
    syn_gate_bar(g->gate, ip(n).b, until_ms);
}

/* A kernel that takes no filter bars nobody. */
static bool can_bar(void) {
    struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    const struct sock_fprog filter = { .len = 1, .filter = &pass };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool can = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
    close(fd);
    return can;
}

TEST(who_is_barred_cannot_knock_until_its_time_is_over) {
    GATE(g);
    if (!can_bar())
        return;
    bar(&g, 1, 1000);
    bar(&g, 2, 2000);
    syn_gate_turn(g.gate, 10);
    ASSERT_TRUE(!knocks(&g, 1) && !knocks(&g, 2) && knocks(&g, 3));
    syn_gate_turn(g.gate, 999);
    ASSERT_TRUE(!knocks(&g, 1));
    syn_gate_turn(g.gate, 1000);
    ASSERT_TRUE(knocks(&g, 1) && !knocks(&g, 2));
    syn_gate_turn(g.gate, 2000);
    ASSERT_TRUE(knocks(&g, 2));
    ASSERT_EQ(filter_of(&g), 0); /* nobody is left: packets are not looked at */
}

TEST(who_is_barred_again_waits_for_the_later_end) {
    GATE(g);
    if (!can_bar())
        return;
    bar(&g, 1, 1000);
    syn_gate_turn(g.gate, 10);
    bar(&g, 1, 3000);
    syn_gate_turn(g.gate, 1000);
    ASSERT_TRUE(!knocks(&g, 1));
    syn_gate_turn(g.gate, 3000);
    ASSERT_TRUE(knocks(&g, 1));
}

TEST(while_strangers_are_barred_who_is_known_comes_in) {
    GATE(g);
    if (!can_bar())
        return;
    syn_gate_know(g.gate, ip(1).b, 10);
    syn_gate_bar_strangers(g.gate, 1000);
    syn_gate_turn(g.gate, 10);
    ASSERT_TRUE(knocks(&g, 1) && !knocks(&g, 2));
    syn_gate_know(g.gate, ip(2).b, 20); /* by another door */
    syn_gate_turn(g.gate, 20);
    ASSERT_TRUE(knocks(&g, 2) && !knocks(&g, 3));
    bar(&g, 1, 500); /* known, and barred for itself */
    syn_gate_turn(g.gate, 30);
    ASSERT_TRUE(!knocks(&g, 1));
    syn_gate_turn(g.gate, 999);
    ASSERT_TRUE(knocks(&g, 1) && !knocks(&g, 3));
    syn_gate_turn(g.gate, 1000);
    ASSERT_TRUE(knocks(&g, 3));
}

TEST(more_than_can_be_told_apart_are_all_that_are_not_known) {
    GATE(g);
    if (!can_bar())
        return;
    syn_gate_know(g.gate, ip(500).b, 10);
    for (uint32_t i = 0; i < BARRED_MAX; i++)
        bar(&g, i, 1000);
    syn_gate_turn(g.gate, 10);
    ASSERT_TRUE(knocks(&g, 501));
    bar(&g, BARRED_MAX, 2000);
    bar(&g, BARRED_MAX + 1, 1500); /* does not end it sooner */
    syn_gate_turn(g.gate, 20);
    ASSERT_TRUE(!knocks(&g, 501) && !knocks(&g, BARRED_MAX) && knocks(&g, 500));
    syn_gate_turn(g.gate, 1999);
    ASSERT_TRUE(!knocks(&g, 501));
    syn_gate_turn(g.gate, 2000);
    ASSERT_TRUE(knocks(&g, 501));
}

TEST(who_was_not_heard_of_for_longest_makes_room) {
    GATE(g);
    for (uint32_t i = 0; i < KNOWN_MAX; i++)
        syn_gate_know(g.gate, ip(i).b, 100 + i);
    syn_gate_know(g.gate, ip(0).b, 1000); /* heard of again */
    for (uint32_t i = 0; i < KNOWN_MAX; i++)
        ASSERT_TRUE(syn_gate_knows(g.gate, ip(i).b));
    syn_gate_know(g.gate, ip(KNOWN_MAX).b, 1001);
    ASSERT_TRUE(syn_gate_knows(g.gate, ip(KNOWN_MAX).b) && syn_gate_knows(g.gate, ip(0).b));
    ASSERT_TRUE(!syn_gate_knows(g.gate, ip(1).b) && syn_gate_knows(g.gate, ip(2).b));
    syn_gate_know(g.gate, ip(KNOWN_MAX + 1).b, 1002);
    ASSERT_TRUE(!syn_gate_knows(g.gate, ip(2).b) && syn_gate_knows(g.gate, ip(3).b));
}

TEST_MAIN

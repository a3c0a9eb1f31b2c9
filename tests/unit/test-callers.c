/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits at the door: what its connection is told, and what it leaves behind. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/doors-internal.h"
#include "test.h"

static const DoorLimits limits = { .rate = { .per_second = 100, .burst = 100 },
                                   .strangers = { .per_second = 100, .burst = 100 },
                                   .pace = 1 };

typedef struct Wire { /* one connection over loopback: who called, and our end of it */
    int caller, ours;
} Wire;

static int listen_anywhere(struct sockaddr_in *ret) {
    socklen_t n = sizeof(*ret);
    *ret =
        (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_OK(bind(listener, (struct sockaddr *)ret, n));
    ASSERT_OK(listen(listener, 1));
    ASSERT_OK(getsockname(listener, (struct sockaddr *)ret, &n));
    return listener;
}

static Wire connect_to(int listener, const struct sockaddr_in *a, uint32_t address) {
    const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    Wire l = { .caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    ASSERT_OK(bind(l.caller, (const struct sockaddr *)&from, sizeof(from)));
    ASSERT_OK(connect(l.caller, (const struct sockaddr *)a, sizeof(*a)));
    l.ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ASSERT_TRUE(l.ours >= 0);
    return l;
}

static Wire connect_from(uint32_t address) {
    struct sockaddr_in a;
    const int listener = listen_anywhere(&a);
    const Wire l = connect_to(listener, &a, address);
    close(listener);
    return l;
}

static void hang_up(const Wire *l) {
    close(l->ours);
    close(l->caller);
}

static int heard_from(int fd) {
    int bytes = 0;
    socklen_t n = sizeof(bytes);
    ASSERT_OK(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &n));
    return bytes;
}

/* The number of who leaves may be another connection's by the time that is read. */
TEST(who_leaves_the_line_leaves_its_number_as_others_need_it) {
    Callers c = { .serving = true };
    Call calls[8] = { 0 };
    Wire lines[ARRAY_SIZE(calls)];
    unsigned waiting = 0;
    ASSERT_OK(callers_init(&c));
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        lines[i] = connect_from(INADDR_LOOPBACK);
        ASSERT_TRUE(callers_let_in(&c, &limits, &calls[i], lines[i].ours, 1000));
        const bool waits = callers_begin_or_wait(&c, &limits, &calls[i], 1000);
        ASSERT_EQ(heard_from(lines[i].ours) > 1, waits);
        waiting += waits;
    }
    ASSERT_TRUE(waiting > 0 && waiting < ARRAY_SIZE(calls));
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        callers_gone(&c, &limits, &calls[i], 1001);
        ASSERT_EQ(heard_from(lines[i].ours), 1);
        close(lines[i].ours);
        close(lines[i].caller);
    }
    assert_null(c.lines);
    callers_deinit(&c);
}

/* Comes and goes. */
static void visit(Callers *c, uint32_t address, int64_t now_ms) {
    Call call = { 0 };
    const Wire l = connect_from(address);
    (void)callers_let_in(c, &limits, &call, l.ours, now_ms);
    callers_gone(c, &limits, &call, now_ms + 1);
    close(l.ours);
    close(l.caller);
}

TEST(who_was_not_here_for_long_makes_room_for_others) {
    enum { MANY = 5000 }; /* more than are remembered at one time */
    Callers c = { .serving = true };
    ASSERT_OK(callers_init(&c));
    for (unsigned i = 0; i < MANY; i++)
        visit(&c, INADDR_LOOPBACK + 1 + i, 1000);
    const unsigned full = HASH_COUNT(c.addresses);
    ASSERT_TRUE(full > 0 && full < MANY);
    visit(&c, INADDR_LOOPBACK + 1 + MANY, 1001); /* too soon: all of them may come again */
    ASSERT_EQ(HASH_COUNT(c.addresses), full);
    visit(&c, INADDR_LOOPBACK + 2 + MANY, 1000 + HOUR_MS);
    ASSERT_EQ(HASH_COUNT(c.addresses), 1);
    callers_deinit(&c);
}

/* --- addresses --- */

/* A socket of both families, dialled over IPv4 or IPv6. */
static Wire connect_over(int family) {
    struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);
    const int none = 0, listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    Wire l = { .caller = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    ASSERT_OK(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none)));
    ASSERT_OK(bind(listener, (struct sockaddr *)&a, n));
    ASSERT_OK(listen(listener, 1));
    ASSERT_OK(getsockname(listener, (struct sockaddr *)&a, &n));
    a.sin6_addr = in6addr_loopback;
    v4.sin_port = a.sin6_port;
    if (family == AF_INET)
        ASSERT_OK(connect(l.caller, (struct sockaddr *)&v4, sizeof(v4)));
    else
        ASSERT_OK(connect(l.caller, (struct sockaddr *)&a, sizeof(a)));
    l.ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ASSERT_TRUE(l.ours >= 0);
    close(listener);
    return l;
}

TEST(an_address_is_the_same_over_both_families_and_a_network_is_one) {
    static const uint8_t v4[SYN_GATE_ADDRESS] = { [12] = 127, [15] = 1 },
                         network[SYN_GATE_ADDRESS] = { 0 }; /* of ::1 */
    const Wire lines[] = { connect_from(INADDR_LOOPBACK), connect_over(AF_INET),
                           connect_over(AF_INET6) };
    Callers c = { .serving = true };
    ASSERT_OK(callers_init(&c));
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        Call call;
        ASSERT_TRUE(callers_let_in(&c, &limits, &call, lines[i].ours, 1000));
        assert_memory_equal(call.ip, i < 2 ? v4 : network, SYN_GATE_ADDRESS);
        hang_up(&lines[i]);
    }
    ASSERT_EQ(HASH_COUNT(c.addresses), 2);
    callers_deinit(&c);
}

/* --- who comes too fast --- */

static bool lets_in(Callers *c, const DoorLimits *l, uint32_t address, int64_t now_ms) {
    Call call;
    const Wire wire = connect_from(address);
    const bool in = callers_let_in(c, l, &call, wire.ours, now_ms);
    hang_up(&wire);
    return in;
}

TEST(one_address_has_its_allowance_and_no_other_pays) {
    const DoorLimits few = { .rate = { .per_second = 1, .burst = 3 },
                             .strangers = { .per_second = 1, .burst = 100 } };
    Callers c = { .serving = true };
    ASSERT_OK(callers_init(&c));
    for (unsigned i = 0; i < 3; i++)
        ASSERT_TRUE(lets_in(&c, &few, INADDR_LOOPBACK, 1000));
    assert_false(lets_in(&c, &few, INADDR_LOOPBACK, 1000));
    ASSERT_TRUE(lets_in(&c, &few, INADDR_LOOPBACK + 1, 1000));
    ASSERT_TRUE(lets_in(&c, &few, INADDR_LOOPBACK, 2000)); /* one in a second */
    assert_false(lets_in(&c, &few, INADDR_LOOPBACK, 2000));
    const Wire wire = connect_from(INADDR_LOOPBACK + 2);
    callers_did_harm(&c, &few, wire.ours, 2000);
    hang_up(&wire);
    assert_false(lets_in(&c, &few, INADDR_LOOPBACK + 2, 2000));
    callers_deinit(&c);
}

TEST(who_comes_again_at_once_is_barred_for_twice_as_long) {
    static const int64_t lengths[] = { 100, 200, 400, 800, 1600, 1600 };
    const DoorLimits one = { .rate = { .per_second = 0.01, .burst = 1 },
                             .strangers = { .per_second = 1, .burst = 100 } };
    Callers c = { .serving = true };
    int64_t now_ms = 1000;
    ASSERT_OK(callers_init(&c));
    ASSERT_TRUE(lets_in(&c, &one, INADDR_LOOPBACK, now_ms));
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        assert_false(lets_in(&c, &one, INADDR_LOOPBACK, now_ms));
        const Bar *bar = &c.addresses->bar;
        ASSERT_EQ(bar->length_ms, lengths[i]);
        ASSERT_EQ(bar->until_ms, now_ms + lengths[i]);
        assert_false(lets_in(&c, &one, INADDR_LOOPBACK, bar->until_ms - 1)); /* was on its way */
        ASSERT_EQ(bar->until_ms, now_ms + lengths[i]);
        now_ms = bar->until_ms;
    }
    now_ms += 1600; /* it stayed away for once */
    assert_false(lets_in(&c, &one, INADDR_LOOPBACK, now_ms));
    ASSERT_EQ(c.addresses->bar.length_ms, 100);
    callers_deinit(&c);
}

TEST(strangers_share_an_allowance_that_is_not_for_who_had_a_session) {
    const DoorLimits few = { .rate = { .per_second = 1, .burst = 100 },
                             .strangers = { .per_second = 1, .burst = 2 } };
    Callers c = { .serving = true };
    ASSERT_OK(callers_init(&c));
    const Wire known = connect_from(INADDR_LOOPBACK + 9);
    callers_had_session(&c, known.ours, 1000);
    hang_up(&known);
    for (unsigned i = 0; i < 4; i++) {
        ASSERT_EQ(lets_in(&c, &few, INADDR_LOOPBACK + i, 1000), i < 2);
        ASSERT_TRUE(lets_in(&c, &few, INADDR_LOOPBACK + 9, 1000));
    }
    ASSERT_EQ(c.strangers_bar.until_ms, 1100);
    callers_deinit(&c);
}

static int filter_of(int fd) {
    socklen_t n = 0; /* instructions */
    return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n) == 0 ? (int)n : 0;
}

/* A filter on it would go on dropping what the caller sends. */
TEST(a_connection_does_not_keep_the_filter_of_the_door) {
    const DoorLimits one = { .rate = { .per_second = 0.01, .burst = 1 },
                             .strangers = { .per_second = 1, .burst = 100 } };
    struct sockaddr_in a;
    Callers c = { .serving = true };
    Call call;
    const int listener = listen_anywhere(&a);
    ASSERT_OK(callers_init(&c));
    syn_gate_add(c.gate, listener);
    callers_turn(&c, &one, 1000);
    ASSERT_EQ(filter_of(listener), 0);
    ASSERT_TRUE(lets_in(&c, &one, INADDR_LOOPBACK + 5, 1000));
    assert_false(lets_in(&c, &one, INADDR_LOOPBACK + 5, 1000));
    callers_turn(&c, &one, 1001);
    if (filter_of(listener) > 0) { /* else the kernel takes none, and nobody is barred */
        const Wire l = connect_to(listener, &a, INADDR_LOOPBACK);
        ASSERT_TRUE(filter_of(l.ours) > 0);
        ASSERT_TRUE(callers_let_in(&c, &one, &call, l.ours, 1001));
        ASSERT_EQ(filter_of(l.ours), 0);
        hang_up(&l);
        callers_turn(&c, &one, 1100);
        ASSERT_EQ(filter_of(listener), 0);
    }
    close(listener);
    callers_deinit(&c);
}

/* --- who waits --- */

typedef struct Crowd {
    Callers c;
    Call calls[24];
    Wire lines[24];
    unsigned n;
} Crowd;

/* So many come, of whom those say something whose bit is set; returns how many wait. */
static unsigned come(Crowd *w, unsigned n, uint32_t speak, const DoorLimits *l, int64_t now_ms) {
    unsigned waiting = 0;
    for (unsigned i = 0; i < n; i++, w->n++) {
        w->lines[w->n] = connect_from(INADDR_LOOPBACK);
        if (speak & 1U << i) {
            ASSERT_EQ(write(w->lines[w->n].caller, "hello", 5), 5);
            while (door_bytes_taken(w->lines[w->n].ours) == 0)
                ;
        }
        ASSERT_TRUE(callers_let_in(&w->c, l, &w->calls[w->n], w->lines[w->n].ours, now_ms));
        waiting += callers_begin_or_wait(&w->c, l, &w->calls[w->n], now_ms);
    }
    return waiting;
}

static void crowd_deinit(Crowd *w) {
    for (unsigned i = 0; i < w->n; i++) {
        callers_forget(&w->c, &w->calls[i]);
        hang_up(&w->lines[i]);
    }
    callers_deinit(&w->c);
}
#define CROWD(w, is_serving)                                                                       \
    _cleanup_(crowd_deinit) Crowd w = { .c.serving = (is_serving) };                               \
    ASSERT_OK(callers_init(&w.c))

static const DoorLimits paced = { .rate = { .per_second = 1, .burst = 1000 },
                                  .strangers = { .per_second = 1, .burst = 1000 },
                                  .pace = 100 };

TEST(nobody_waits_while_nobody_is_served_or_without_a_pace) {
    DoorLimits l = paced;
    CROWD(idle, false);
    ASSERT_EQ(come(&idle, 8, 0, &l, 1000), 0);
    ASSERT_EQ(idle.calls[0].begun_ms, 0);
    CROWD(busy, true);
    l.pace = 0;
    ASSERT_EQ(come(&busy, 8, 0, &l, 1000), 0);
}

TEST(who_said_something_begins_before_who_is_silent) {
    CROWD(w, true);
    ASSERT_EQ(come(&w, 8, 1U << 6 | 1U << 7, &paced, 1000), 4);
    ASSERT_EQ(w.calls[0].begun_ms, 1000);
    callers_turn(&w.c, &paced, 1010);
    ASSERT_TRUE(w.calls[4].place.line && w.calls[5].place.line && w.calls[7].place.line);
    assert_null(w.calls[6].place.line);
    ASSERT_EQ(w.calls[6].begun_ms, 1010);
    ASSERT_EQ(heard_from(w.lines[6].ours), 1);
    callers_turn(&w.c, &paced, 1014); /* not yet: one look each five milliseconds */
    ASSERT_TRUE(w.calls[7].place.line != NULL);
    callers_turn(&w.c, &paced, 1020);
    assert_null(w.calls[7].place.line);
    callers_turn(&w.c, &paced, 1100); /* they may, and do not say anything */
    ASSERT_TRUE(w.calls[4].place.line && w.calls[5].place.line);
    ASSERT_EQ(come(&w, 1, 1, &paced, 1100), 1); /* nobody overtakes who waits */
    w.c.serving = false;
    callers_turn(&w.c, &paced, 1101); /* and now nobody is disturbed by them */
    for (unsigned i = 0; i < w.n; i++)
        assert_null(w.calls[i].place.line);
    assert_null(w.c.lines);
    ASSERT_EQ(w.calls[4].begun_ms, 0);
}

TEST(who_had_a_session_does_not_wait_behind_strangers) {
    CROWD(w, true);
    ASSERT_TRUE(come(&w, 8, 0, &paced, 1000) > 0);
    callers_had_session(&w.c, w.lines[0].ours, 1000);
    ASSERT_EQ(come(&w, 5, 0, &paced, 1000), 1);
    ASSERT_TRUE(w.calls[12].place.line == &w.c.addresses->line);
}

/* Who ends at once made others wait; who stayed for a second did not come for nothing. */
TEST(who_ends_at_once_is_paid_for_by_its_line) {
    for (unsigned stayed = 0; stayed < 2; stayed++) {
        CROWD(w, true);
        ASSERT_EQ(come(&w, 1, 0, &paced, 1000), 0);
        const int64_t now_ms = 1000 + (stayed ? SECOND_MS : SECOND_MS - 1);
        callers_gone(&w.c, &paced, &w.calls[0], now_ms);
        ASSERT_EQ(come(&w, 4, 0, &paced, now_ms), stayed ? 0 : 4);
    }
}

TEST(who_waits_and_goes_counts_as_several_calls) {
    static const DoorLimits few = { .rate = { .per_second = 0.01, .burst = 16 },
                                    .strangers = { .per_second = 1, .burst = 1000 },
                                    .pace = 100 };
    for (unsigned stayed = 0; stayed < 2; stayed++) {
        CROWD(w, true);
        ASSERT_EQ(come(&w, 5, 0, &few, 1000), 1);
        const int64_t now_ms = 1000 + (stayed ? SECOND_MS : SECOND_MS - 1);
        callers_gone(&w.c, &few, &w.calls[4], now_ms);
        unsigned n = 0;
        while (n < 20 && lets_in(&w.c, &few, INADDR_LOOPBACK, now_ms))
            n++;
        ASSERT_EQ(n, stayed ? 16 - 5 : 16 - 5 - 7);
    }
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Connections of strangers and of peers that do harm: routing ids they claim, time and room they
 * take. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "net/doors-internal.h"
#include "net/sock-internal.h"
#include "net/zap.h"
#include "test.h"

#define PATIENCE_MS 10000
#define CLAIM_MS    3000
#define TURN_MS     20

typedef struct Gate {
    void *ctx, *others; /* of the broker, and of its peers */
    Zap *zap;
    NodeKeys server, client;
    Sock *router;
    Doors *doors;
    int64_t now_ms; /* passes with turns() alone, however slow the machine is */
} Gate;

static const DoorLimits wide = { .waiting_max = 1000,
                                 .waiting_ms = 60000,
                                 .rate = { .per_second = 1000, .burst = 1000 },
                                 .strangers = { .per_second = 1000, .burst = 1000 },
                                 .pace = 10 };

static void gate_open(Gate *g, const DoorLimits *limits) {
    *g = (Gate) { .now_ms = 1000000 };
    ASSERT_OK(sock_context_new(&g->ctx));
    ASSERT_OK(sock_context_new(&g->others));
    ASSERT_OK(zap_start(&g->zap, g->ctx, NULL, NULL));
    ASSERT_OK(keys_generate(&g->server));
    ASSERT_OK(keys_generate(&g->client));
    zap_set_own_key(g->zap, g->client.curve_public);
    ASSERT_OK(sock_new_router(&g->router, g->ctx, &g->server, &sock_options_default));
    ASSERT_OK(doors_new(&g->doors, g->router, limits));
    ASSERT_OK(sock_bind(g->router, "tcp://127.0.0.1:*", -1));
}

static void gate_close(Gate *g) {
    doors_free(g->doors);
    sock_free(g->router);
    zap_stop(g->zap);
    sock_context_free(g->ctx);
    sock_context_free(g->others);
}

/* A peer of the broker; it says of itself what it likes. */
static void *peer(Gate *g, const void *id, size_t n) {
    void *s = zmq_socket(g->others, ZMQ_DEALER);
    int zero = 0;
    ASSERT_TRUE(s != NULL);
    ASSERT_OK(zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof(zero)));
    if (n > 0)
        ASSERT_OK(zmq_setsockopt(s, ZMQ_ROUTING_ID, id, n));
    ASSERT_OK(zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, g->server.curve_public, CURVE_TEXT_SIZE));
    ASSERT_OK(zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, g->client.curve_public, CURVE_TEXT_SIZE));
    ASSERT_OK(zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, g->client.curve_secret, CURVE_TEXT_SIZE));
    ASSERT_OK(zmq_connect(s, sock_endpoint(g->router)));
    return s;
}

static void hear(Gate *g, SockMessage *m) {
    zmq_pollitem_t item = { .socket = sock_zmq(g->router), .events = ZMQ_POLLIN };
    int r = -1;
    for (int i = 0; r != 0 && i < 100; i++) {
        (void)zmq_poll(&item, 1, PATIENCE_MS / 100);
        r = sock_recv(g->router, m);
    }
    ASSERT_OK(r);
}

/* Of a peer that names its id: should libzmq read that name behind Zap's answer, as it does when
 * the answer was quick, its connection is dropped with what it said, or not listened to. */
static bool hear_claimant(Gate *g, void *claimant, SockMessage *m) {
    for (int i = 0; i < CLAIM_MS; i++) {
        (void)zmq_send(claimant, "x", 1, ZMQ_DONTWAIT);
        for (int k = 0; k < 10; k++, (void)poll(NULL, 0, 1), i++)
            if (sock_recv(g->router, m) == 0)
                return true;
    }
    return false;
}

/* Lets time pass: events are read, connections are looked at. So many messages came. */
static unsigned turns_beside(Gate *g, unsigned n, bool serving) {
    unsigned heard = 0;
    while (n-- > 0) {
        SockMessage m = { 0 };
        (void)poll(NULL, 0, TURN_MS);
        g->now_ms += TURN_MS;
        ASSERT_OK(doors_turn(g->doors, g->now_ms, serving));
        while (sock_recv(g->router, &m) == 0) {
            doors_heard(g->doors, &m);
            sock_message_deinit(&m);
            heard++;
        }
        doors_look(g->doors, g->now_ms, sock_is_drained(g->router));
    }
    return heard;
}

static unsigned turns(Gate *g, unsigned n) {
    return turns_beside(g, n, false);
}

/* So many connections were taken in; no time passes meanwhile. */
static void await_open(Gate *g, unsigned n, bool serving) {
    for (int i = 0; doors_open(g->doors) != n && i < PATIENCE_MS; i++) {
        ASSERT_OK(doors_turn(g->doors, g->now_ms, serving));
        (void)poll(NULL, 0, 1);
    }
    ASSERT_EQ(doors_open(g->doors), n);
}

static int dial(const Gate *g) {
    struct sockaddr_in a = { .sin_family = AF_INET };
    unsigned port;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(sscanf(sock_endpoint(g->router), "tcp://127.0.0.1:%u", &port), 1);
    a.sin_port = htons((uint16_t)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_OK(connect(fd, (struct sockaddr *)&a, sizeof(a)));
    return fd;
}

static void dial_all(Gate *g, int *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        fds[i] = dial(g);
}

static void close_all(const int *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

static bool is_cut(int fd) {
    char b[256];
    ssize_t n;
    while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
        continue;
    return n == 0 || (errno != EAGAIN && errno != EINTR);
}

/* --- routing ids --- */

/* libzmq 4.3.4 aborts when the next id it counts itself was claimed by a peer before. */
TEST(claimed_routing_ids_are_not_given) {
    _cleanup_(gate_close) Gate g;
    SockMessage m = { 0 };
    const uint8_t claim[5] = { 0, 0, 0, 0, 1 };
    void *thieves[64];
    unsigned given = 0;
    gate_open(&g, &wide);
    for (unsigned i = 0; i < ARRAY_SIZE(thieves); i++)
        thieves[i] = peer(&g, claim, sizeof(claim)); /* all of them the same one */
    for (unsigned i = 0; i < ARRAY_SIZE(thieves); i++) {
        if (!hear_claimant(&g, thieves[i], &m))
            continue;
        ASSERT_STR(m.user_id, g.client.curve_public);
        given += m.n_route == SOCK_ROUTE_SIZE;
        sock_message_deinit(&m);
    }
    ASSERT_TRUE(given >= ARRAY_SIZE(thieves) / 2); /* libzmq may be quicker on a busy machine */
    for (unsigned i = 0; i < ARRAY_SIZE(thieves); i++)
        zmq_close(thieves[i]);
}

TEST(nobody_takes_over_the_id_of_another) {
    _cleanup_(gate_close) Gate g;
    SockMessage first = { 0 }, second = { 0 };
    gate_open(&g, &wide);
    void *one = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(one, "1", 1, 0), 1);
    hear(&g, &first);
    zmq_close(one);
    void *thief = peer(&g, first.route, first.n_route);
    if (hear_claimant(&g, thief, &second))
        ASSERT_TRUE(!bytes_equal(bytes_make(first.route, first.n_route),
                                 bytes_make(second.route, second.n_route)));
    zmq_close(thief);
    sock_message_deinit(&first);
    sock_message_deinit(&second);
}

/* The counted ones begin anywhere, and differently in each process. */
TEST(the_ids_that_libzmq_counts_are_scattered) {
    int first[2];
    for (unsigned i = 0; i < 2; i++) {
        void *ctx = NULL;
        ASSERT_OK(sock_context_new(&ctx));
        first[i] = rand();
        sock_context_free(ctx);
    }
    ASSERT_TRUE(first[0] != first[1]);
}

/* --- connections --- */

TEST(who_opens_no_session_is_cut_in_time) {
    _cleanup_(gate_close) Gate g;
    DoorLimits limits = wide;
    limits.waiting_ms = 200;
    gate_open(&g, &limits);
    const int fd = dial(&g);
    await_open(&g, 1, false);
    (void)turns(&g, 3);
    ASSERT_TRUE(!is_cut(fd));
    (void)turns(&g, 20);
    ASSERT_TRUE(is_cut(fd));
    ASSERT_EQ(doors_take_counts(g.doors).silent, 1);
    ASSERT_EQ(doors_open(g.doors), 0);
    close(fd);
}

TEST(who_has_a_session_stays) {
    _cleanup_(gate_close) Gate g;
    SockMessage m = { 0 };
    DoorLimits limits = wide;
    limits.waiting_ms = 200;
    gate_open(&g, &limits);
    void *s = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(s, "x", 1, 0), 1);
    hear(&g, &m);
    ASSERT_OK(doors_turn(g.doors, g.now_ms, false));
    doors_heard(g.doors, &m);
    const Bytes route = bytes_make(m.route, m.n_route);
    doors_session(g.doors, route, true, g.now_ms);
    (void)turns(&g, 20);
    ASSERT_EQ(doors_open(g.doors), 1);
    ASSERT_EQ(doors_take_counts(g.doors).silent, 0);
    doors_session(g.doors, route, false, g.now_ms);
    (void)turns(&g, 20);
    ASSERT_EQ(doors_take_counts(g.doors).silent, 1);
    zmq_close(s);
    sock_message_deinit(&m);
}

TEST(of_a_crowd_the_longest_waiting_go) {
    _cleanup_(gate_close) Gate g;
    DoorLimits limits = wide;
    int fds[8];
    unsigned cut = 0;
    limits.waiting_max = 5;
    gate_open(&g, &limits);
    dial_all(&g, fds, ARRAY_SIZE(fds));
    await_open(&g, ARRAY_SIZE(fds), false); /* nobody is slow yet */
    (void)turns(&g, 60);
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
        cut += is_cut(fds[i]);
        close(fds[i]);
    }
    ASSERT_EQ(cut, 3);
    ASSERT_EQ(doors_take_counts(g.doors).crowded, 3);
}

/* At least so many of those who called were turned away. Returns how many; no time passes. */
static unsigned await_hasty(Gate *g, unsigned least) {
    unsigned hasty = 0;
    for (int i = 0; hasty < least && i < PATIENCE_MS; i++) {
        ASSERT_OK(doors_turn(g->doors, g->now_ms, false));
        hasty += doors_take_counts(g->doors).hasty;
        (void)poll(NULL, 0, 1);
    }
    ASSERT_TRUE(hasty >= least);
    return hasty;
}

TEST(one_address_comes_no_faster_than_it_may) {
    _cleanup_(gate_close) Gate g;
    DoorLimits limits = wide;
    int fds[20];
    limits.rate = (BucketRate) { .per_second = 1, .burst = 10 };
    gate_open(&g, &limits);
    dial_all(&g, fds, ARRAY_SIZE(fds));
    unsigned hasty = await_hasty(&g, 10);
    (void)poll(NULL, 0, 50); /* and not one more */
    ASSERT_OK(doors_turn(g.doors, g.now_ms, false));
    hasty += doors_take_counts(g.doors).hasty;
    ASSERT_EQ(hasty, 10);
    close_all(fds, ARRAY_SIZE(fds));
}

/* Calls from that address of this machine; -1: nobody answers. */
static int call_from(const Gate *g, const char *address) {
    struct sockaddr_in to = { .sin_family = AF_INET }, at = to;
    unsigned port;
    const struct timeval patience = { .tv_usec = 300000 };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(sscanf(sock_endpoint(g->router), "tcp://127.0.0.1:%u", &port), 1);
    ASSERT_EQ(inet_pton(AF_INET, address, &at.sin_addr), 1);
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_OK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)));
    ASSERT_OK(bind(fd, (struct sockaddr *)&at, sizeof(at)));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* So many at once; they go again. */
static void crowd_from(Gate *g, const char *address, unsigned n) {
    int fds[64];
    ASSERT_TRUE(n <= ARRAY_SIZE(fds));
    for (unsigned i = 0; i < n; i++)
        fds[i] = call_from(g, address);
    (void)await_hasty(g, 1);
    for (unsigned i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static bool is_answered(const Gate *g, const char *address) {
    const int fd = call_from(g, address);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

TEST(who_comes_too_fast_is_not_even_answered_for_a_moment) {
    _cleanup_(gate_close) Gate g;
    DoorLimits limits = wide;
    limits.rate = (BucketRate) { .per_second = 1, .burst = 10 };
    gate_open(&g, &limits);
    (void)turns(&g, 1);
    crowd_from(&g, "127.0.0.2", 20);
    ASSERT_TRUE(!is_answered(&g, "127.0.0.2"));
    ASSERT_TRUE(is_answered(&g, "127.0.0.3"));
    (void)turns(&g, 10);
    ASSERT_TRUE(is_answered(&g, "127.0.0.2"));
}

TEST(many_strangers_do_not_keep_out_who_had_a_session) {
    _cleanup_(gate_close) Gate g;
    DoorLimits limits = wide;
    SockMessage m = { 0 };
    char address[32];
    limits.strangers = (BucketRate) { .per_second = 1, .burst = 10 };
    gate_open(&g, &limits);
    void *known = peer(&g, NULL, 0); /* from 127.0.0.1 */
    ASSERT_EQ(zmq_send(known, "x", 1, 0), 1);
    hear(&g, &m);
    ASSERT_OK(doors_turn(g.doors, g.now_ms, false));
    doors_heard(g.doors, &m);
    doors_session(g.doors, bytes_make(m.route, m.n_route), true, g.now_ms);
    int fds[20];
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
        (void)snprintf(address, sizeof(address), "127.0.9.%u", i + 1);
        fds[i] = call_from(&g, address);
    }
    (void)await_hasty(&g, 1);
    close_all(fds, ARRAY_SIZE(fds));
    ASSERT_TRUE(!is_answered(&g, "127.0.7.7"));
    ASSERT_TRUE(is_answered(&g, "127.0.0.1"));
    (void)turns(&g, 10);
    ASSERT_TRUE(is_answered(&g, "127.0.7.7"));
    sock_message_deinit(&m);
    zmq_close(known);
}

TEST(who_is_cut_for_harm_has_no_allowance_left) {
    _cleanup_(gate_close) Gate g;
    DoorLimits limits = wide;
    SockMessage m = { 0 };
    limits.rate = (BucketRate) { .per_second = 1, .burst = 10 };
    gate_open(&g, &limits);
    void *bad = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(bad, "x", 1, 0), 1);
    hear(&g, &m);
    ASSERT_OK(doors_turn(g.doors, g.now_ms, false));
    doors_heard(g.doors, &m);
    doors_cut(g.doors, bytes_make(m.route, m.n_route), g.now_ms);
    zmq_close(bad);
    const int fd = dial(&g);
    (void)turns(&g, 3);
    ASSERT_TRUE(is_cut(fd));
    close(fd);
    sock_message_deinit(&m);
}

static void leave(void *peer, const SockMessage *m) {
    zmq_close(peer);
    for (int i = 0; fcntl(m->fd, F_GETFD) >= 0 && i < PATIENCE_MS; i++)
        (void)poll(NULL, 0, 1);
}

/* What was opened and closed is noticed, and nothing read. */
static void notice(Gate *g) {
    for (int i = 0; i < 100; i++, (void)poll(NULL, 0, 1))
        ASSERT_OK(doors_turn(g->doors, g->now_ms, false));
}

static bool is_from(const SockMessage *m, const SockMessage *other) {
    return bytes_equal(bytes_make(m->route, m->n_route), bytes_make(other->route, other->n_route));
}

static bool is_known(const Gate *g, const SockMessage *m) {
    char address[64];
    return doors_address(g->doors, bytes_make(m->route, m->n_route), address, sizeof(address));
}

static void hear_and_tell(Gate *g, SockMessage *m) {
    sock_message_deinit(m);
    hear(g, m);
    doors_heard(g->doors, m);
}

/* One that sends and goes before all is read, and one that has its number. */
static void change_places(Gate *g, bool known, SockMessage *gone, void **next, SockMessage *came) {
    void *first = peer(g, NULL, 0);
    ASSERT_EQ(zmq_send(first, "x", 1, 0), 1);
    ASSERT_EQ(zmq_send(first, "y", 1, 0), 1);
    hear(g, gone); /* and leaves one */
    if (known) {
        ASSERT_OK(doors_turn(g->doors, g->now_ms, false));
        doors_heard(g->doors, gone);
    }
    leave(first, gone);
    *next = peer(g, NULL, 0);
    ASSERT_EQ(zmq_send(*next, "z", 1, 0), 1);
    notice(g);
    hear_and_tell(g, came);
    if (is_from(came, gone))
        hear_and_tell(g, came);
    ASSERT_EQ(came->fd, gone->fd);
}

/* What one left that is gone is not taken for what another says that got its number. */
TEST(a_connection_is_not_taken_for_the_one_before_it) {
    _cleanup_(gate_close) Gate g;
    SockMessage gone = { 0 }, came = { 0 };
    void *next;
    gate_open(&g, &wide);
    change_places(&g, false, &gone, &next, &came);
    const Bytes mine = bytes_make(came.route, came.n_route);
    ASSERT_TRUE(!is_known(&g, &gone));
    doors_session(g.doors, mine, true, g.now_ms); /* known or not */
    for (int i = 0; i < 5; i++) {
        ASSERT_EQ(zmq_send(next, "z", 1, 0), 1);
        (void)turns(&g, 2);
    }
    ASSERT_TRUE(is_known(&g, &came));
    g.now_ms += wide.waiting_ms + 1;
    (void)turns(&g, 2); /* it is known to have its session */
    const DoorCounts counts = doors_take_counts(g.doors);
    ASSERT_EQ(counts.silent, 0);
    doors_cut(g.doors, mine, g.now_ms);
    ASSERT_TRUE(!is_known(&g, &came));
    zmq_close(next);
    sock_message_deinit(&gone);
    sock_message_deinit(&came);
}

TEST(who_has_the_number_of_one_that_is_known_is_known_at_once) {
    _cleanup_(gate_close) Gate g;
    SockMessage gone = { 0 }, came = { 0 };
    void *next;
    gate_open(&g, &wide);
    change_places(&g, true, &gone, &next, &came);
    ASSERT_TRUE(!is_known(&g, &gone));
    ASSERT_TRUE(is_known(&g, &came));
    zmq_close(next);
    sock_message_deinit(&gone);
    sock_message_deinit(&came);
}

TEST(nobody_is_known_behind_two_when_something_is_left_of_the_first) {
    _cleanup_(gate_close) Gate g;
    SockMessage first = { 0 }, m = { 0 };
    gate_open(&g, &wide);
    void *one = peer(&g, NULL, 0);
    for (int i = 0; i < 20; i++)
        ASSERT_EQ(zmq_send(one, "x", 1, 0), 1);
    hear(&g, &first);
    notice(&g);
    doors_heard(g.doors, &first);
    ASSERT_TRUE(is_known(&g, &first));
    leave(one, &first);
    void *two = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(two, "y", 1, 0), 1);
    notice(&g);
    do
        hear_and_tell(&g, &m);
    while (is_from(&m, &first));
    ASSERT_TRUE(is_known(&g, &m));
    leave(two, &m);
    void *three = peer(&g, NULL, 0);
    notice(&g);
    hear_and_tell(&g, &m);
    ASSERT_TRUE(is_from(&m, &first) && m.fd == first.fd);
    ASSERT_TRUE(!is_known(&g, &first));
    zmq_close(three);
    sock_message_deinit(&first);
    sock_message_deinit(&m);
}

TEST(a_session_is_not_lost_with_the_connection_it_was_taken_for) {
    _cleanup_(gate_close) Gate g;
    SockMessage gone = { 0 }, m = { 0 };
    gate_open(&g, &wide);
    void *one = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(one, "x", 1, 0), 1);
    hear(&g, &gone);
    notice(&g); /* that it came */
    leave(one, &gone);
    void *two = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(two, "y", 1, 0), 1);
    hear_and_tell(&g, &m); /* before it is noticed that the other one went */
    doors_session(g.doors, bytes_make(m.route, m.n_route), true, g.now_ms);
    for (int i = 0; i < 5; i++) {
        ASSERT_EQ(zmq_send(two, "y", 1, 0), 1);
        (void)turns(&g, 2);
    }
    ASSERT_TRUE(is_known(&g, &m));
    g.now_ms += wide.waiting_ms + 1;
    (void)turns(&g, 2);
    ASSERT_EQ(doors_take_counts(g.doors).silent, 0);
    ASSERT_EQ(HASH_COUNT(g.doors->lodgers), 0);
    doors_session(g.doors, bytes_make("gone", 4), true, g.now_ms);
    ASSERT_EQ(HASH_COUNT(g.doors->lodgers), 1);
    doors_session(g.doors, bytes_make("gone", 4), false, g.now_ms);
    ASSERT_EQ(HASH_COUNT(g.doors->lodgers), 0);
    zmq_close(two);
    sock_message_deinit(&gone);
    sock_message_deinit(&m);
}

/* Though there is always something to read. */
TEST(who_says_more_than_can_be_left_of_another_is_known) {
    _cleanup_(gate_close) Gate g;
    SockMessage gone = { 0 }, came = { 0 };
    void *next;
    gate_open(&g, &wide);
    change_places(&g, false, &gone, &next, &came);
    ASSERT_EQ(zmq_send(next, "z", 1, 0), 1);
    int said = 0;
    for (; said < 1000 && !is_known(&g, &came); said++) {
        SockMessage m = { 0 };
        ASSERT_EQ(zmq_send(next, "z", 1, 0), 1);
        hear(&g, &m);
        for (int i = 0; !sock_readable(g.router) && i < PATIENCE_MS; i++)
            (void)poll(NULL, 0, 1);
        ASSERT_OK(doors_turn(g.doors, g.now_ms, false));
        doors_heard(g.doors, &m);
        sock_message_deinit(&m);
    }
    ASSERT_TRUE(said > 128 && said < 1000);
    zmq_close(next);
    sock_message_deinit(&gone);
    sock_message_deinit(&came);
}

static int unread(int fd) {
    int n = 0;
    return ioctl(fd, FIONREAD, &n) < 0 ? 0 : n;
}

TEST(what_the_kernel_has_of_who_is_cut_is_not_read_any_more) {
    static const char text[1000];
    _cleanup_(gate_close) Gate g;
    SockMessage m = { 0 };
    gate_open(&g, &wide);
    void *bad = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(bad, "x", 1, 0), 1);
    hear(&g, &m);
    ASSERT_OK(doors_turn(g.doors, g.now_ms, false));
    doors_heard(g.doors, &m);
    int full = 0; /* milliseconds: nobody takes them out of libzmq, which reads no more */
    for (int i = 0; full < 100 && i < PATIENCE_MS; i++, (void)poll(NULL, 0, 1)) {
        full = unread(m.fd) > 0 ? full + 1 : 0;
        while (zmq_send(bad, text, sizeof(text), ZMQ_DONTWAIT) >= 0)
            continue;
    }
    ASSERT_EQ(full, 100);
    doors_cut(g.doors, bytes_make(m.route, m.n_route), g.now_ms);
    ASSERT_EQ(unread(m.fd), 0);
    zmq_close(bad);
    sock_message_deinit(&m);
}

static void come(Gate *g, void **list, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        list[i] = peer(g, NULL, 0);
        ASSERT_EQ(zmq_send(list[i], "x", 1, 0), 1);
    }
}

static void go(void **list, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        zmq_close(list[i]);
}

TEST(handshakes_wait_for_their_turn_while_somebody_is_served) {
    _cleanup_(gate_close) Gate g;
    void *peers[40];
    gate_open(&g, &wide);
    (void)turns(&g, 1);
    come(&g, peers, ARRAY_SIZE(peers));
    unsigned heard = turns_beside(&g, 50, true); /* a second and more, and 4 at once */
    ASSERT_TRUE(heard >= 5 && heard < ARRAY_SIZE(peers) - 5);
    ASSERT_TRUE(doors_due_ms(g.doors) <= g.now_ms + 5);
    for (unsigned i = 0; i < 250 && heard < ARRAY_SIZE(peers); i++)
        heard += turns(&g, 1); /* nobody is served any more: all of them at once */
    ASSERT_EQ(heard, ARRAY_SIZE(peers));
    ASSERT_EQ(doors_due_ms(g.doors), INT64_MAX);
    const DoorCounts counts = doors_take_counts(g.doors);
    ASSERT_TRUE(counts.waited >= 30);
    ASSERT_EQ(counts.silent + counts.crowded + counts.hasty + counts.endless, 0);
    go(peers, ARRAY_SIZE(peers));
}

TEST(nobody_waits_behind_those_who_say_nothing) {
    _cleanup_(gate_close) Gate g;
    void *one[1];
    int fds[50];
    DoorLimits limits = wide;
    limits.pace = 1;
    gate_open(&g, &limits);
    (void)turns(&g, 1);
    dial_all(&g, fds, ARRAY_SIZE(fds));
    (void)turns_beside(&g, 25, true);
    come(&g, one, 1);
    await_open(&g, ARRAY_SIZE(fds) + 1, true); /* before it can go on */
    unsigned heard = 0;
    for (unsigned i = 0; i < 250 && heard == 0; i++) /* those before it would take longer */
        heard = turns_beside(&g, 1, true);
    ASSERT_EQ(heard, 1);
    ASSERT_EQ(doors_open(g.doors), ARRAY_SIZE(fds) + 1);
    close_all(fds, ARRAY_SIZE(fds));
    go(one, 1);
}

TEST(who_goes_away_before_its_turn_counts_as_several) {
    _cleanup_(gate_close) Gate g;
    DoorLimits limits = wide;
    int fds[20];
    limits.rate = (BucketRate) { .per_second = 1, .burst = 100 };
    gate_open(&g, &limits);
    (void)turns(&g, 1);
    dial_all(&g, fds, ARRAY_SIZE(fds));
    (void)turns_beside(&g, 3, true);
    close_all(fds, ARRAY_SIZE(fds));
    (void)turns_beside(&g, 3, true);
    const int fd = dial(&g);
    (void)turns_beside(&g, 3, true);
    ASSERT_TRUE(is_cut(fd));
    ASSERT_EQ(doors_take_counts(g.doors).hasty, 1);
    close(fd);
}

TEST(bytes_without_a_handshake_are_cut) {
    _cleanup_(gate_close) Gate g;
    static const uint8_t greeting[64] = { 0xff, [9] = 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E' };
    static const uint8_t head[9] = { 6, 0, 0, 0, 0, 0, 0x0f, 0, 0 }; /* a command of a megabyte */
    static uint8_t filling[16384];
    gate_open(&g, &wide);
    const int fd = dial(&g);
    ASSERT_EQ(send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL), (ssize_t)sizeof(greeting));
    ASSERT_EQ(send(fd, head, sizeof(head), MSG_NOSIGNAL), (ssize_t)sizeof(head));
    for (unsigned i = 0; i < 30 && !is_cut(fd); i++) {
        (void)send(fd, filling, sizeof(filling), MSG_NOSIGNAL);
        (void)turns(&g, 1);
    }
    ASSERT_TRUE(is_cut(fd));
    close(fd);
}

/* One that does not end takes a peer without libzmq: system/hostile. */
TEST(large_messages_are_let_through) {
    _cleanup_(gate_close) Gate g;
    static uint8_t part[SEALED_MAX];
    gate_open(&g, &wide);
    void *good = peer(&g, NULL, 0);
    ASSERT_EQ(zmq_send(good, "hello", 5, 0), 5);
    (void)turns(&g, 10);
    for (unsigned i = 0; i < 32; i++) {
        ASSERT_EQ(zmq_send(good, part, sizeof(part), 0), (int)sizeof(part));
        (void)turns(&g, 1);
    }
    (void)turns(&g, 5);
    ASSERT_EQ(doors_take_counts(g.doors).endless, 0);
    ASSERT_EQ(doors_open(g.doors), 1);
    zmq_close(good);
}

TEST_MAIN

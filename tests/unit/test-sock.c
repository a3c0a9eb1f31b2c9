/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "net/sock-internal.h"
#include "net/zap.h"
#include "test.h"

#define PATIENCE_MS 5000

/* A broker's and a client's end in one process. */
typedef struct Pair {
    void *ctx;
    Zap *zap;
    NodeKeys server, client;
    Sock *router, *dealer;
} Pair;

static void pair_open(Pair *p) {
    *p = (Pair) { 0 };
    ASSERT_OK(sock_context_new(&p->ctx));
    ASSERT_OK(zap_start(&p->zap, p->ctx, NULL, NULL));
    ASSERT_OK(keys_generate(&p->server));
    ASSERT_OK(keys_generate(&p->client));
    zap_set_own_key(p->zap, p->client.curve_public);
    ASSERT_OK(sock_new_router(&p->router, p->ctx, &p->server, &sock_options_default));
    ASSERT_OK(sock_bind(p->router, "tcp://127.0.0.1:*", -1));
    ASSERT_OK(sock_new_dealer(&p->dealer, p->ctx, sock_endpoint(p->router), p->server.curve_public,
                              &p->client, &sock_options_default));
}

static void pair_close(Pair *p) {
    sock_free(p->dealer);
    sock_free(p->router);
    zap_stop(p->zap);
    sock_context_free(p->ctx);
}

static bool wait_readable(void *zmq) {
    zmq_pollitem_t item = { .socket = zmq, .events = ZMQ_POLLIN };
    return zmq_poll(&item, 1, PATIENCE_MS) == 1;
}

static void send_soon(Sock *s, const Bytes *parts, unsigned n) {
    for (int tries = 0; tries < PATIENCE_MS / 10; tries++) {
        int r = sock_send(s, NULL, 0, parts, n);
        if (r != -EAGAIN) {
            ASSERT_OK(r);
            return;
        }
        poll(NULL, 0, 10);
    }
    fail_msg("the dealer never connected");
}

static void receive(Sock *s, SockMessage *m) {
    assert_true(wait_readable(sock_zmq(s)));
    ASSERT_OK(sock_recv(s, m));
}

static int get_int(Sock *s, int option) {
    int value = -12345;
    size_t size = sizeof(value);
    ASSERT_OK(zmq_getsockopt(sock_zmq(s), option, &value, &size));
    return value;
}

static int64_t get_frame_max(Sock *s) {
    int64_t value = 0;
    size_t size = sizeof(value);
    ASSERT_OK(zmq_getsockopt(sock_zmq(s), ZMQ_MAXMSGSIZE, &value, &size));
    return value;
}

static void check_common(Sock *s, int hwm, int receive_hwm) {
    ASSERT_EQ(get_frame_max(s), SEALED_MAX + 4096U);
    ASSERT_EQ(get_int(s, ZMQ_LINGER), 0);
    ASSERT_EQ(get_int(s, ZMQ_SNDHWM), hwm);
    ASSERT_EQ(get_int(s, ZMQ_RCVHWM), receive_hwm);
    ASSERT_EQ(get_int(s, ZMQ_HANDSHAKE_IVL), 10000);
    ASSERT_EQ(get_int(s, ZMQ_HEARTBEAT_IVL), 15000);
    ASSERT_EQ(get_int(s, ZMQ_HEARTBEAT_TIMEOUT), 45000);
    ASSERT_EQ(get_int(s, ZMQ_HEARTBEAT_TTL), 60000);
    ASSERT_EQ(get_int(s, ZMQ_TCP_MAXRT), 60000);
    ASSERT_EQ(get_int(s, ZMQ_TCP_KEEPALIVE), 1);
    ASSERT_EQ(get_int(s, ZMQ_TCP_KEEPALIVE_IDLE), 60);
    ASSERT_EQ(get_int(s, ZMQ_TCP_KEEPALIVE_INTVL), 15);
    ASSERT_EQ(get_int(s, ZMQ_TCP_KEEPALIVE_CNT), 4);
}

static void check_bound(Sock *s) {
    char domain[32];
    size_t size = sizeof(domain);
    check_common(s, 512, 128);
    ASSERT_EQ(get_int(s, ZMQ_BACKLOG), 1024);
    ASSERT_EQ(get_int(s, ZMQ_ZAP_ENFORCE_DOMAIN), 1);
    ASSERT_OK(zmq_getsockopt(sock_zmq(s), ZMQ_ZAP_DOMAIN, domain, &size));
    ASSERT_STR(domain, "serasi");
}

TEST(every_option_reads_back_as_it_was_set) {
    _cleanup_(pair_close) Pair p;
    _cleanup_(sock_freep) Sock *admin = NULL;
    pair_open(&p);
    check_bound(p.router);
    ASSERT_EQ(get_int(p.router, ZMQ_CURVE_SERVER), 1);
    ASSERT_EQ(get_int(p.router, ZMQ_MECHANISM), ZMQ_CURVE);

    ASSERT_OK(sock_new_admin(&admin, p.ctx, &sock_options_default));
    check_bound(admin);
    ASSERT_EQ(get_int(admin, ZMQ_MECHANISM), ZMQ_NULL);

    check_common(p.dealer, 512, 512);
    ASSERT_EQ(get_int(p.dealer, ZMQ_IMMEDIATE), 1);
    ASSERT_EQ(get_int(p.dealer, ZMQ_RECONNECT_IVL), 500);
    ASSERT_EQ(get_int(p.dealer, ZMQ_RECONNECT_IVL_MAX), 60000);
    ASSERT_EQ(get_int(p.dealer, ZMQ_CONNECT_TIMEOUT), 10000);
    ASSERT_EQ(get_int(p.dealer, ZMQ_MECHANISM), ZMQ_CURVE);
}

TEST(four_parts_arrive_with_the_key_of_the_sender) {
    _cleanup_(pair_close) Pair p;
    _cleanup_(sock_message_deinit) SockMessage m = { 0 }, answer = { 0 };
    const Bytes parts[] = { bytes_make("frame", 5), bytes_make("envelope", 8), bytes_make(NULL, 0),
                            bytes_make("sealed", 6) };
    pair_open(&p);
    ASSERT_EQ(sock_recv(p.router, &m), -EAGAIN);
    send_soon(p.dealer, parts, 4);
    receive(p.router, &m);
    ASSERT_STR(m.user_id, p.client.curve_public);
    assert_false(m.oversized);
    ASSERT_EQ(m.n_parts, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_true(bytes_equal(m.parts[i], parts[i]));

    ASSERT_OK(sock_send(p.router, m.route, m.n_route, parts, 1));
    receive(p.dealer, &answer);
    ASSERT_EQ(answer.n_parts, 1);
    ASSERT_EQ(answer.n_route, 0);
    assert_true(bytes_equal(answer.parts[0], parts[0]));
}

TEST(a_message_over_its_limits_is_told_and_the_next_one_is_whole) {
    _cleanup_(pair_close) Pair p;
    pair_open(&p);
    static uint8_t big[FACTS_MAX + 1];
    const Bytes good[] = { bytes_make("f", 1), bytes_make("e", 1) };
    const Bytes long_envelope[] = { bytes_make("f", 1), bytes_make(big, ENVELOPE_MAX + 1) };
    const Bytes long_facts[] = { bytes_make("f", 1), bytes_make("e", 1),
                                 bytes_make(big, FACTS_MAX + 1), bytes_make("s", 1) };
    const Bytes full[] = { bytes_make("f", 1), bytes_make(big, ENVELOPE_MAX),
                           bytes_make(big, FACTS_MAX), bytes_make("s", 1) };
    const struct {
        const Bytes *parts;
        unsigned n;
        bool oversized;
    } cases[] = { { good, 2, false },
                  { long_envelope, 2, true },
                  { long_facts, 4, true },
                  { full, 4, false },
                  { good, 2, false } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(sock_message_deinit) SockMessage m = { 0 };
        send_soon(p.dealer, cases[i].parts, cases[i].n);
        receive(p.router, &m);
        ASSERT_EQ(m.oversized, cases[i].oversized);
        ASSERT_EQ(m.n_parts, cases[i].oversized ? 0 : cases[i].n);
        ASSERT_STR(m.user_id, p.client.curve_public);
    }
}

TEST(more_parts_than_allowed_are_drained_and_told) {
    _cleanup_(pair_close) Pair p;
    const Bytes good = bytes_make("f", 1);
    pair_open(&p);
    send_soon(p.dealer, &good, 1); /* connected from here on */
    for (int i = 0; i < 1000; i++)
        ASSERT_EQ(zmq_send(sock_zmq(p.dealer), "x", 1, i < 999 ? ZMQ_SNDMORE : 0), 1);
    send_soon(p.dealer, &good, 1);
    for (int i = 0; i < 3; i++) {
        _cleanup_(sock_message_deinit) SockMessage m = { 0 };
        receive(p.router, &m);
        ASSERT_EQ(m.oversized, i == 1);
        ASSERT_EQ(m.n_parts, i == 1 ? 0 : 1);
    }
}

TEST(a_frame_over_the_socket_limit_ends_the_connection_alone) {
    _cleanup_(pair_close) Pair p;
    _cleanup_(sock_freep) Sock *other = NULL;
    _cleanup_(sock_message_deinit) SockMessage m = { 0 };
    const Bytes good = bytes_make("f", 1);
    pair_open(&p);
    send_soon(p.dealer, &good, 1);
    receive(p.router, &m);
    sock_message_deinit(&m);
    uint8_t *huge = calloc(1, SOCK_FRAME_MAX + 1);
    ASSERT_TRUE(zmq_send(sock_zmq(p.dealer), huge, SOCK_FRAME_MAX + 1, 0) > 0);
    free(huge);
    ASSERT_OK(sock_new_dealer(&other, p.ctx, sock_endpoint(p.router), p.server.curve_public,
                              &p.client, &sock_options_default));
    send_soon(other, &good, 1);
    receive(p.router, &m);
    assert_false(m.oversized);
    ASSERT_EQ(m.n_parts, 1);
}

TEST(a_send_to_a_peer_that_left_fails_at_once) {
    _cleanup_(pair_close) Pair p;
    const Bytes good = bytes_make("f", 1);
    pair_open(&p);
    ASSERT_EQ(sock_send(p.router, "\0abcd", 5, &good, 1), -EHOSTUNREACH);
}

TEST(a_slow_peer_gives_again_and_never_waits) {
    _cleanup_(pair_close) Pair p;
    _cleanup_(sock_message_deinit) SockMessage m = { 0 };
    static uint8_t big[FACTS_MAX];
    const Bytes parts[] = { bytes_make("f", 1), bytes_make("e", 1), bytes_make(big, FACTS_MAX) };
    int r = 0;
    pair_open(&p);
    send_soon(p.dealer, parts, 1);
    receive(p.router, &m);
    for (int i = 0; i < 4 * 512 && r == 0; i++)
        r = sock_send(p.router, m.route, m.n_route, parts, 3);
    ASSERT_EQ(r, -EAGAIN);
}

TEST(a_dealer_without_a_connection_gives_again) {
    _cleanup_(pair_close) Pair p;
    const Bytes good = bytes_make("f", 1);
    _cleanup_(sock_freep) Sock *lonely = NULL;
    pair_open(&p);
    ASSERT_OK(sock_new_dealer(&lonely, p.ctx, "tcp://127.0.0.1:1", p.server.curve_public, &p.client,
                              &sock_options_default));
    ASSERT_EQ(sock_send(lonely, NULL, 0, &good, 1), -EAGAIN);
    assert_false(sock_readable(lonely));
    assert_true(sock_fd(lonely) >= 0);
    assert_true(sock_watch_fd(lonely) >= 0);
}

static SockEvent next_event(Sock *s) {
    for (;;) {
        SockEvent e = sock_next_event(s);
        if (e != SOCK_EVENT_NONE || !wait_readable(sock_watch_zmq(s)))
            return e;
    }
}

TEST(a_dealer_tells_when_it_is_connected_disconnected_and_refused) {
    _cleanup_(pair_close) Pair p;
    _cleanup_(sock_freep) Sock *stranger = NULL;
    _cleanup_(directory_unrefp) Directory *d = NULL;
    NodeKeys keys;
    pair_open(&p);
    ASSERT_EQ(next_event(p.dealer), SOCK_EVENT_CONNECTED);
    ASSERT_EQ(sock_next_event(p.dealer), SOCK_EVENT_NONE);

    ASSERT_OK(directory_new(&d));
    ASSERT_OK(directory_seal(d, 1));
    zap_set_directory(p.zap, d);
    ASSERT_OK(keys_generate(&keys));
    ASSERT_OK(sock_new_dealer(&stranger, p.ctx, sock_endpoint(p.router), p.server.curve_public,
                              &keys, &sock_options_default));
    ASSERT_EQ(next_event(stranger), SOCK_EVENT_REFUSED);

    p.router = sock_free(p.router);
    ASSERT_EQ(next_event(p.dealer), SOCK_EVENT_DISCONNECTED);
}

TEST(endpoints_are_checked) {
    _cleanup_(pair_close) Pair p;
    _cleanup_(sock_freep) Sock *admin = NULL, *dealer = NULL;
    char path[160] = "ipc:///tmp/";
    pair_open(&p);
    ASSERT_OK(sock_new_admin(&admin, p.ctx, &sock_options_default));
    memset(path + 11, 'x', 107 - 5 + 1); /* 108 bytes after ipc:// */
    ASSERT_EQ(strlen(path) - 6, 108);
    ASSERT_EQ(sock_bind(admin, path, -1), -ENAMETOOLONG);
    ASSERT_EQ(sock_bind(admin, "tcp://127.0.0.1:*", -1), -EINVAL);
    ASSERT_EQ(sock_bind(p.router, "inproc://x", -1), -EINVAL);
    ASSERT_EQ(sock_bind(p.router, sock_endpoint(p.router), -1), -EADDRINUSE);
    ASSERT_EQ(sock_new_dealer(&dealer, p.ctx, "tcp://", p.server.curve_public, &p.client,
                              &sock_options_default),
              -EINVAL);
    ASSERT_EQ(sock_new_dealer(&dealer, p.ctx, "tcp://127.0.0.1:1", "no key", &p.client,
                              &sock_options_default),
              -EINVAL);
    ASSERT_EQ(sock_new_dealer(&dealer, p.ctx, "tcp://127.0.0.1:1", NULL, &p.client,
                              &sock_options_default),
              -EINVAL);
    assert_null(dealer);
}

/* --- admin --- */

typedef struct Admin {
    Pair pair;
    char folder[64], endpoint[96];
} Admin;

static void admin_open(Admin *a) {
    pair_open(&a->pair);
    strcpy(a->folder, "/tmp/serasi-sock-XXXXXX");
    assert_non_null(mkdtemp(a->folder));
    snprintf(a->endpoint, sizeof(a->endpoint), "ipc://%s/admin.sock", a->folder);
}

static void admin_close(Admin *a) {
    pair_close(&a->pair);
    unlink(a->endpoint + 6);
    rmdir(a->folder);
}

static void check_admin(Admin *a, Sock *admin) {
    _cleanup_(sock_freep) Sock *dealer = NULL;
    _cleanup_(sock_message_deinit) SockMessage m = { 0 };
    const Bytes good = bytes_make("status", 6);
    char user_id[32];
    ASSERT_OK(
        sock_new_dealer(&dealer, a->pair.ctx, a->endpoint, NULL, NULL, &sock_options_default));
    send_soon(dealer, &good, 1);
    receive(admin, &m);
    snprintf(user_id, sizeof(user_id), "uid:%u", (unsigned)getuid());
    ASSERT_STR(m.user_id, user_id);
    assert_true(bytes_equal(m.parts[0], good));
}

TEST(the_admin_socket_is_its_owners_and_names_the_user) {
    _cleanup_(admin_close) Admin a;
    _cleanup_(sock_freep) Sock *admin = NULL;
    struct stat st;
    admin_open(&a);
    mode_t before = umask(0);
    ASSERT_OK(sock_new_admin(&admin, a.pair.ctx, &sock_options_default));
    ASSERT_OK(sock_bind(admin, a.endpoint, -1));
    ASSERT_EQ(umask(before), 0); /* put back */
    ASSERT_OK(stat(a.endpoint + 6, &st));
    ASSERT_EQ(st.st_mode & 0777, 0700);
    check_admin(&a, admin);
    admin = sock_free(admin);
}

TEST(a_listening_descriptor_is_taken_over) {
    _cleanup_(admin_close) Admin a;
    _cleanup_(sock_freep) Sock *admin = NULL;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    admin_open(&a);
    strcpy(address.sun_path, a.endpoint + 6);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_OK(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    ASSERT_OK(listen(fd, 16));
    ASSERT_OK(sock_new_admin(&admin, a.pair.ctx, &sock_options_default));
    ASSERT_OK(sock_bind(admin, a.endpoint, fd));
    ASSERT_EQ(get_int(admin, ZMQ_USE_FD), -1);
    check_admin(&a, admin);
    admin = sock_free(admin);
}

TEST_MAIN

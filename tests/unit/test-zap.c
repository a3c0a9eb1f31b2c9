/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

#include "base/text.h"
#include "net/sock-internal.h"
#include "net/zap.h"
#include "test.h"

#define PATIENCE_MS 5000

typedef struct Refusals {
    pthread_mutex_t lock;
    unsigned n;
    char address[64], key[CURVE_TEXT_SIZE];
} Refusals;

static void on_refused(void *data, const char *address, const char *key) {
    Refusals *r = data;
    pthread_mutex_lock(&r->lock);
    r->n++;
    snprintf(r->address, sizeof(r->address), "%s", address);
    snprintf(r->key, sizeof(r->key), "%s", key);
    pthread_mutex_unlock(&r->lock);
}

typedef struct Gate {
    void *ctx;
    Zap *zap;
    NodeKeys server;
    Sock *router;
    Refusals refusals;
} Gate;

static void gate_open(Gate *g) {
    *g = (Gate) { .refusals.lock = PTHREAD_MUTEX_INITIALIZER };
    ASSERT_OK(sock_context_new(&g->ctx));
    ASSERT_OK(zap_start(&g->zap, g->ctx, on_refused, &g->refusals));
    ASSERT_OK(keys_generate(&g->server));
    ASSERT_OK(sock_new_router(&g->router, g->ctx, &g->server, &sock_options_default));
    ASSERT_OK(sock_bind(g->router, "tcp://127.0.0.1:*", -1));
}

static void gate_close(Gate *g) {
    sock_free(g->router);
    zap_stop(g->zap);
    sock_context_free(g->ctx);
}

static void gate_dial(Gate *g, const NodeKeys *keys, Sock **ret) {
    SockOptions o = sock_options_default;
    o.handshake_ms = 300;
    o.reconnect_ms = 20;
    ASSERT_OK(
        sock_new_dealer(ret, g->ctx, sock_endpoint(g->router), g->server.curve_public, keys, &o));
}

/* The next event that says how the handshake ended, skipping the disconnections between tries. */
static SockEvent handshake(Sock *s) {
    for (;;) {
        SockEvent e = sock_next_event(s);
        if (e == SOCK_EVENT_CONNECTED || e == SOCK_EVENT_REFUSED)
            return e;
        zmq_pollitem_t item = { .socket = sock_watch_zmq(s), .events = ZMQ_POLLIN };
        if (e == SOCK_EVENT_NONE && zmq_poll(&item, 1, PATIENCE_MS) != 1)
            return e;
    }
}

static Directory *directory_with(const DirKey *key) {
    Directory *d = NULL;
    DirNode node = { .id = "dsk/3203", .kind = NODE_SOCIAL_AGENCY_REGENCY, .home = "hub" };
    DirNode hub = { .id = "hub", .kind = NODE_NATIONAL_HUB, .home = "hub", .broker = true };
    ASSERT_OK(directory_new(&d));
    ASSERT_OK(directory_add_node(d, &hub));
    ASSERT_OK(directory_add_node(d, &node));
    if (key)
        ASSERT_OK(directory_add_key(d, key));
    ASSERT_OK(directory_seal(d, 1));
    return d;
}

static DirKey key_of(const NodeKeys *keys) {
    DirKey k = { .node = "dsk/3203" };
    memcpy(k.curve, keys->curve_public, sizeof(k.curve));
    return k;
}

TEST(an_enrolled_key_is_let_in_and_named) {
    _cleanup_(gate_close) Gate g;
    _cleanup_(sock_freep) Sock *s = NULL;
    _cleanup_(sock_message_deinit) SockMessage m = { 0 };
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    DirKey k = key_of(&keys);
    _cleanup_(directory_unrefp) Directory *d = directory_with(&k);
    zap_set_directory(g.zap, d);
    gate_dial(&g, &keys, &s);
    ASSERT_EQ(handshake(s), SOCK_EVENT_CONNECTED);
    const Bytes part = bytes_make("hello", 5);
    ASSERT_OK(sock_send(s, NULL, 0, &part, 1));
    /* polling first is what makes libzmq 4.3.4 lose the id on the routing frame */
    zmq_pollitem_t item = { .socket = sock_zmq(g.router), .events = ZMQ_POLLIN };
    ASSERT_EQ(zmq_poll(&item, 1, PATIENCE_MS), 1);
    ASSERT_OK(sock_recv(g.router, &m));
    ASSERT_STR(m.user_id, keys.curve_public);
    ASSERT_EQ(g.refusals.n, 0);
}

static void check_refused(Gate *g, const NodeKeys *keys) {
    _cleanup_(sock_freep) Sock *s = NULL;
    unsigned before = g->refusals.n;
    gate_dial(g, keys, &s);
    ASSERT_EQ(handshake(s), SOCK_EVENT_REFUSED);
    pthread_mutex_lock(&g->refusals.lock);
    ASSERT_EQ(g->refusals.n, before + 1);
    ASSERT_STR(g->refusals.key, keys->curve_public);
    ASSERT_STR(g->refusals.address, "127.0.0.1");
    pthread_mutex_unlock(&g->refusals.lock);
}

TEST(unknown_revoked_and_outdated_keys_are_refused_and_reported) {
    _cleanup_(gate_close) Gate g;
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    for (int i = 0; i < 4; i++) {
        DirKey k = key_of(&keys);
        k.revoked = i == 1;
        k.valid_until_ms = i == 2 ? 1000 : 0;
        k.valid_from_ms = i == 3 ? now_read().wall_ms + DAY_MS : 0;
        _cleanup_(directory_unrefp) Directory *d = directory_with(i == 0 ? NULL : &k);
        zap_set_directory(g.zap, d);
        check_refused(&g, &keys);
    }
}

/* A revoked key does not come back by a token. */
TEST(a_key_of_the_directory_is_judged_by_it_alone) {
    _cleanup_(gate_close) Gate g;
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    DirKey k = key_of(&keys);
    k.revoked = true;
    _cleanup_(directory_unrefp) Directory *d = directory_with(&k);
    Enrolment token = { .id = 1, .state = ENROL_OPEN, .expires_ms = now_read().wall_ms + DAY_MS };
    (void)text_copy(token.curve, sizeof(token.curve), keys.curve_public);
    _cleanup_(enrolments_unrefp) Enrolments *e = enrolments_new(&token, 1);
    zap_set_directory(g.zap, d);
    zap_set_enrolments(g.zap, e);
    check_refused(&g, &keys);
}

TEST(without_a_directory_nobody_is_refused_for_good) {
    _cleanup_(gate_close) Gate g;
    _cleanup_(sock_freep) Sock *s = NULL;
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    gate_dial(&g, &keys, &s);
    zmq_pollitem_t item = { .socket = sock_watch_zmq(s), .events = ZMQ_POLLIN };
    ASSERT_EQ(zmq_poll(&item, 1, PATIENCE_MS), 1); /* the handshake ran out of time */
    ASSERT_EQ(sock_next_event(s), SOCK_EVENT_DISCONNECTED);

    DirKey k = key_of(&keys);
    _cleanup_(directory_unrefp) Directory *d = directory_with(&k);
    zap_set_directory(g.zap, d);
    ASSERT_EQ(handshake(s), SOCK_EVENT_CONNECTED); /* by itself */
    ASSERT_EQ(g.refusals.n, 0);
}

TEST(the_brokers_own_key_needs_no_directory_and_can_be_taken_back) {
    _cleanup_(gate_close) Gate g;
    _cleanup_(sock_freep) Sock *s = NULL;
    _cleanup_(directory_unrefp) Directory *d = directory_with(NULL);
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    zap_set_own_key(g.zap, keys.curve_public);
    gate_dial(&g, &keys, &s);
    ASSERT_EQ(handshake(s), SOCK_EVENT_CONNECTED);
    zap_set_directory(g.zap, d);
    zap_set_own_key(g.zap, "");
    check_refused(&g, &keys);
}

TEST(a_key_that_is_put_off_gets_in_later_by_itself) {
    _cleanup_(gate_close) Gate g;
    _cleanup_(sock_freep) Sock *s = NULL;
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    DirKey k = key_of(&keys);
    _cleanup_(directory_unrefp) Directory *d = directory_with(&k);
    zap_set_directory(g.zap, d);
    zap_put_off(g.zap, keys.curve_public, HOUR_MS);
    gate_dial(&g, &keys, &s);
    zmq_pollitem_t item = { .socket = sock_watch_zmq(s), .events = ZMQ_POLLIN };
    for (int i = 0; i < 3; i++) {
        (void)zmq_poll(&item, 1, 200);
        const SockEvent e = sock_next_event(s);
        ASSERT_TRUE(e != SOCK_EVENT_CONNECTED && e != SOCK_EVENT_REFUSED);
    }
    ASSERT_EQ(g.refusals.n, 0);
    zap_put_off(g.zap, keys.curve_public, 0);
    ASSERT_EQ(handshake(s), SOCK_EVENT_CONNECTED);
}

TEST(without_zap_a_bound_socket_lets_nobody_in) {
    _cleanup_(gate_close) Gate g;
    _cleanup_(sock_freep) Sock *s = NULL;
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    zap_set_own_key(g.zap, keys.curve_public);
    g.zap = zap_stop(g.zap);
    gate_dial(&g, &keys, &s);
    zmq_pollitem_t item = { .socket = sock_watch_zmq(s), .events = ZMQ_POLLIN };
    for (int i = 0; i < 3; i++) {
        (void)zmq_poll(&item, 1, 400);
        SockEvent e = sock_next_event(s);
        assert_true(e != SOCK_EVENT_CONNECTED);
    }
}

typedef struct Answer {
    char field[6][256]; /* version, request id, status, text, user id, metadata */
    size_t n[6];
} Answer;

/* Asks Zap in its own words. */
static Answer ask_frames(Gate *g, const Bytes *frames, size_t n_frames) {
    void *req = zmq_socket(g->ctx, ZMQ_REQ);
    int patience = PATIENCE_MS, zero = 0;
    Answer answer = { 0 };
    zmq_setsockopt(req, ZMQ_RCVTIMEO, &patience, sizeof(patience));
    zmq_setsockopt(req, ZMQ_LINGER, &zero, sizeof(zero));
    ASSERT_OK(zmq_connect(req, "inproc://zeromq.zap.01"));
    for (size_t i = 0; i < n_frames; i++)
        ASSERT_TRUE(zmq_send(req, frames[i].p, frames[i].n, i + 1 < n_frames ? ZMQ_SNDMORE : 0) >=
                    0);
    for (int i = 0; i < 6; i++) {
        int n = zmq_recv(req, answer.field[i], sizeof(answer.field[i]) - 1, 0);
        assert_true(n >= 0);
        answer.n[i] = (size_t)n;
    }
    zmq_close(req);
    ASSERT_STR(answer.field[0], "1.0");
    return answer;
}

static Bytes text_frame(const char *text) {
    return bytes_make(text, strlen(text));
}

static void ask(Gate *g, const char *domain, const char *mechanism, const char *address,
                char status[static 8], char user[static 64]) {
    const Bytes frames[] = { text_frame("1.0"),   text_frame("7"), text_frame(domain),
                             text_frame(address), text_frame(""),  text_frame(mechanism) };
    const Answer answer = ask_frames(g, frames, ARRAY_SIZE(frames));
    ASSERT_STR(answer.field[1], "7");
    snprintf(status, 8, "%.7s", answer.field[2]);
    snprintf(user, 64, "%.63s", answer.field[4]);
}

static Answer ask_of_key(Gate *g, const char *version, const char *key, Bytes id) {
    static uint8_t raw[32];
    assert_non_null(zmq_z85_decode(raw, key));
    const Bytes frames[] = { text_frame(version),
                             id,
                             text_frame("serasi"),
                             text_frame("127.0.0.1"),
                             text_frame(""),
                             text_frame("CURVE"),
                             bytes_make(raw, sizeof(raw)) };
    return ask_frames(g, frames, ARRAY_SIZE(frames));
}

static void expect_status(Gate *g, const char *key, const char *status) {
    ASSERT_STR(ask_of_key(g, "1.0", key, text_frame("7")).field[2], status);
}

TEST(local_peers_are_judged_by_their_uid) {
    _cleanup_(gate_close) Gate g;
    char status[8], user[64], address[64], expect[64];
    gate_open(&g);
    const unsigned me = (unsigned)getuid();
    const struct {
        unsigned uid;
        const char *status;
    } cases[] = { { 0, "200" }, { me, "200" }, { me + 4242, "400" } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        snprintf(address, sizeof(address), "localhost:%u:0:123", cases[i].uid);
        ask(&g, "serasi", "NULL", address, status, user);
        ASSERT_STR(status, cases[i].status);
        snprintf(expect, sizeof(expect), "uid:%u", cases[i].uid);
        ASSERT_STR(user, strcmp(status, "200") == 0 ? expect : "");
    }
    const char *const bad[] = { "127.0.0.1",         "localhost", "localhost:0",
                                "localhost:0:0:1:2", "",          "::1" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ask(&g, "serasi", "NULL", bad[i], status, user);
        ASSERT_STR(status, "400");
    }
    ask(&g, "other", "NULL", "localhost:0:0:1", status, user);
    ASSERT_STR(status, "400");
    ask(&g, "serasi", "PLAIN", "localhost:0:0:1", status, user);
    ASSERT_STR(status, "400");
    ask(&g, "serasi", "CURVE", "127.0.0.1", status, user); /* without a key */
    ASSERT_STR(status, "400");
}

/* Only so can it hand in the keys of a new institution. */
TEST(the_key_of_a_token_is_let_in_while_the_token_may_be_used) {
    _cleanup_(gate_close) Gate g;
    NodeKeys keys;
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    _cleanup_(directory_unrefp) Directory *d = directory_with(NULL);
    Enrolment token = { .id = 1, .state = ENROL_OPEN, .expires_ms = now_read().wall_ms + DAY_MS };
    (void)text_copy(token.curve, sizeof(token.curve), keys.curve_public);
    _cleanup_(enrolments_unrefp) Enrolments *e = enrolments_new(&token, 1);
    token.expires_ms = now_read().wall_ms - ENROLMENT_KEPT_MS; /* nobody asks for an answer */
    _cleanup_(enrolments_unrefp) Enrolments *late = enrolments_new(&token, 1);
    zap_set_directory(g.zap, d);
    expect_status(&g, keys.curve_public, "400");
    zap_set_enrolments(g.zap, e);
    expect_status(&g, keys.curve_public, "200");
    zap_set_enrolments(g.zap, late);
    expect_status(&g, keys.curve_public, "400");
    zap_set_enrolments(g.zap, e);
    zap_set_enrolments(g.zap, NULL);
    expect_status(&g, keys.curve_public, "400");
}

/* A broker finds a peer again by the id that it was given here, so it is nobody else's. */
TEST(each_peer_that_is_let_in_is_given_an_id_of_its_own) {
    _cleanup_(gate_close) Gate g;
    NodeKeys keys;
    char ids[2][SOCK_ROUTE_SIZE];
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    zap_set_own_key(g.zap, keys.curve_public);
    for (unsigned i = 0; i < 2; i++) {
        const Answer a = ask_of_key(&g, "1.0", keys.curve_public, text_frame("7"));
        const char *names[] = { "Identity", SOCK_ROUTE_PROPERTY };
        const uint8_t *p = (const uint8_t *)a.field[5];
        for (unsigned k = 0; k < 2; k++) {
            const size_t n = strlen(names[k]);
            ASSERT_EQ(*p, n);
            ASSERT_OK(memcmp(p + 1, names[k], n));
            p += 1 + n;
            ASSERT_OK(memcmp(p, ((uint8_t[]) { 0, 0, 0, SOCK_ROUTE_SIZE }), 4));
            p += 4;
            if (k == 0)
                memcpy(ids[i], p, SOCK_ROUTE_SIZE);
            ASSERT_OK(memcmp(p, ids[i], SOCK_ROUTE_SIZE));
            p += SOCK_ROUTE_SIZE;
        }
        ASSERT_EQ(p - (const uint8_t *)a.field[5], a.n[5]);
    }
    ASSERT_TRUE(memcmp(ids[0], ids[1], SOCK_ROUTE_SIZE) != 0);
}

/* An error of ours or of the library is no reason to turn a peer away for good. */
TEST(a_request_that_is_not_understood_is_put_off_and_not_reported) {
    _cleanup_(gate_close) Gate g;
    NodeKeys keys;
    static char text[300];
    gate_open(&g);
    ASSERT_OK(keys_generate(&keys));
    zap_set_own_key(g.zap, keys.curve_public);
    memset(text, '1', sizeof(text));
    const Bytes id = text_frame("7"), some = text_frame("1.0");
    ASSERT_STR(ask_of_key(&g, "1.0", keys.curve_public, bytes_make(text, 256)).field[2], "200");
    ASSERT_STR(ask_of_key(&g, "1.0", keys.curve_public, bytes_make(text, 257)).field[2], "300");
    ASSERT_STR(ask_of_key(&g, "1.1", keys.curve_public, id).field[2], "300");
    const Bytes frames[] = { some,
                             id,
                             text_frame("serasi"),
                             text_frame("localhost:0:0:1"),
                             some,
                             text_frame("NULL"),
                             some,
                             some,
                             some,
                             some,
                             some,
                             some };
    ASSERT_STR(ask_frames(&g, frames, 5).field[2], "300");
    ASSERT_STR(ask_frames(&g, frames, 6).field[2], "200");
    ASSERT_STR(ask_frames(&g, frames, 8).field[2], "200");
    ASSERT_STR(ask_frames(&g, frames, 9).field[2], "300");
    ASSERT_STR(ask_frames(&g, frames, ARRAY_SIZE(frames)).field[2], "300");
    pthread_mutex_lock(&g.refusals.lock);
    ASSERT_EQ(g.refusals.n, 0);
    pthread_mutex_unlock(&g.refusals.lock);
}

/* The broker turns those away itself that are put off in vain: they are a bounded number. */
TEST(only_so_many_keys_are_put_off_at_a_time) {
    _cleanup_(gate_close) Gate g;
    _cleanup_(directory_unrefp) Directory *d = directory_with(NULL);
    char key[CURVE_TEXT_SIZE], first[CURVE_TEXT_SIZE] = "";
    gate_open(&g);
    zap_set_directory(g.zap, d);
    for (unsigned i = 0; i <= 4096; i++) {
        uint8_t raw[32] = { (uint8_t)i, (uint8_t)(i >> 8) };
        assert_non_null(zmq_z85_encode(key, raw, sizeof(raw)));
        zap_put_off(g.zap, key, HOUR_MS);
        if (i == 0)
            memcpy(first, key, sizeof(first));
    }
    expect_status(&g, first, "300");
    expect_status(&g, key, "400");
    zap_put_off(g.zap, first, 0); /* one that may come again makes room */
    zap_put_off(g.zap, key, HOUR_MS);
    expect_status(&g, first, "400");
    expect_status(&g, key, "300");
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* HELLO: for whom there is room, who comes too often, and what a session before it held. */

#include "account-fixture.h"

#define ADMIN 99

static void hello_admin(World *w, uint8_t peer) {
    uint8_t *p, route[5] = { peer, 1, 2, 3, 4 };
    size_t n;
    const Frame f = { .kind = FRAME_HELLO,
                      .hello = {
                          .protocol_min = 1, .protocol_max = 1, .instance_id = { { peer } } } };
    ASSERT_OK(codec_encode_frame(&f, &p, &n));
    const Bytes part = bytes_make(p, n);
    const PeerMessage m = { .port = PORT_ADMIN,
                            .route = bytes_make(route, sizeof(route)),
                            .user_id = "uid:0",
                            .parts = &part,
                            .n_parts = 1 };
    ASSERT_OK(broker_receive(w->broker, w->now, &m));
    free(p);
}

static bool is_welcome(World *w, uint8_t peer, const char *node) {
    forget(w);
    hello(w, peer, node, peer);
    const Heard *h = heard(w, peer, FRAME_ERROR, 0);
    if (h)
        ASSERT_EQ(h->f.error.code, ERROR_BUSY);
    return count(w, peer, FRAME_WELCOME) == 1;
}

TEST(a_node_has_so_many_sessions_and_not_one_more) {
    WORLD(w, "upt/r1");
    w.config.sessions_node = 3;
    w.config.hello_rate = 0; /* as fast as it likes */
    begin_again(&w);
    for (uint8_t peer = 1; peer <= 3; peer++)
        ASSERT_TRUE(is_welcome(&w, peer, TO));
    ASSERT_TRUE(!is_welcome(&w, 4, TO));
    ASSERT_TRUE(is_welcome(&w, 5, GOOD));
    say(&w, 1, TO, (Frame) { .kind = FRAME_BYE });
    ASSERT_TRUE(is_welcome(&w, 4, TO));
    ASSERT_TRUE(!is_welcome(&w, 1, TO));
}

TEST(all_nodes_have_so_many_sessions_and_operators_come_in_beside_them) {
    WORLD(w, "upt/r1");
    w.config.sessions_max = 2;
    begin_again(&w);
    ASSERT_TRUE(is_welcome(&w, 1, TO));
    ASSERT_TRUE(is_welcome(&w, 2, BAD));
    ASSERT_TRUE(!is_welcome(&w, 3, GOOD));
    hello_admin(&w, ADMIN);
    ASSERT_EQ(count(&w, ADMIN, FRAME_WELCOME), 1);
    say(&w, 1, TO, (Frame) { .kind = FRAME_BYE });
    say(&w, 2, BAD, (Frame) { .kind = FRAME_BYE });
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    ASSERT_TRUE(is_welcome(&w, 3, GOOD));
}

TEST(an_operator_of_this_machine_comes_as_often_as_it_likes) {
    WORLD(w, "upt/r1");
    w.config.sessions_node = 1;
    w.config.hello_rate = 1;
    begin_again(&w);
    for (unsigned i = 1; i <= 20; i++)
        hello_admin(&w, (uint8_t)(100 + i));
    for (unsigned i = 1; i <= 20; i++)
        ASSERT_EQ(count(&w, (uint8_t)(100 + i), FRAME_WELCOME), 1);
}

/* Routing ids are our socket's own; one that does not fit is nobody's. */
TEST(a_routing_id_that_is_too_long_has_no_session) {
    static uint8_t route[sizeof(((RouteKey *)0)->route) + 1] = { 1 };
    const Frame f = { .kind = FRAME_HELLO,
                      .hello = { .protocol_min = 1, .protocol_max = 1, .instance_id = { { 1 } } } };
    char key[CURVE_TEXT_SIZE];
    uint8_t *p;
    size_t n;
    WORLD(w, "upt/r1");
    key_of(TO, key);
    ASSERT_OK(codec_encode_frame(&f, &p, &n));
    const Bytes part = bytes_make(p, n);
    PeerMessage m = { .port = PORT_CLIENTS,
                      .route = bytes_make(route, sizeof(route)),
                      .user_id = key,
                      .parts = &part,
                      .n_parts = 1 };
    ASSERT_OK(broker_receive(w.broker, w.now, &m));
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
    m.route.n--;
    ASSERT_OK(broker_receive(w.broker, w.now, &m));
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    free(p);
}

static unsigned n_put_off;

static void on_put_off(void *data, const char *user_id, int64_t ms) {
    (void)data, (void)user_id, (void)ms;
    n_put_off++;
}

TEST(who_is_told_that_it_comes_too_often_and_goes_on_is_put_off) {
    WORLD(w, "upt/r1");
    w.config.sessions_node = 1;
    w.config.hello_rate = 1;
    begin_again(&w);
    w.broker->io.put_off = on_put_off;
    n_put_off = 0;
    for (unsigned i = 0; i < 4000; i++) {
        hello(&w, 1, BAD, 1);
        forget(&w);
    }
    ASSERT_EQ(n_put_off, 0);
    for (unsigned i = 0; i < 200; i++)
        hello(&w, 1, BAD, 1);
    ASSERT_EQ(n_put_off, 1);
}

/* --- what the session before it held -------------------------------------------------------- */

static void hold_one(World *w) {
    hello(w, 1, TO, 1);
    hello(w, 3, GOOD, 3);
    subscribe(w, 1, TO, 1, SOURCE_MAILBOX, 4);
    run(w);
    publish(w, 3, GOOD, TO, 1);
    run(w);
    ASSERT_EQ(heard(w, 1, FRAME_DELIVER, 0)->f.deliver.attempt, 1);
    forget(w);
}

static void assert_held_again(World *w, uint8_t peer) {
    subscribe(w, peer, TO, 1, SOURCE_MAILBOX, 4);
    run(w);
    ASSERT_EQ(count(w, peer, FRAME_DELIVER), 1);
    ASSERT_EQ(heard(w, peer, FRAME_DELIVER, 0)->f.deliver.attempt, 1);
}

TEST(who_says_hello_again_has_failed_at_nothing) {
    WORLD(w, "upt/r1");
    hold_one(&w);
    hello(&w, 1, TO, 1);
    assert_held_again(&w, 1);
}

TEST(an_instance_that_comes_back_has_failed_at_nothing) {
    WORLD(w, "upt/r1");
    hold_one(&w);
    hello(&w, 2, TO, 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_REPLACED);
    assert_held_again(&w, 2);
}

/* Its connection broke while it had the message in hand. */
TEST(who_is_found_gone_has_failed_once) {
    WORLD(w, "upt/r1");
    hold_one(&w);
    w.lost[1] = true;
    for (int64_t ms = 0; ms < w.config.probe_ms + 2000; ms += 200)
        pass(&w, 200);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    hello(&w, 2, TO, 2);
    subscribe(&w, 2, TO, 1, SOURCE_MAILBOX, 4);
    run(&w);
    for (unsigned i = 0; i < 100 && count(&w, 2, FRAME_DELIVER) == 0; i++) {
        pass(&w, 200);
        run(&w);
    }
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    ASSERT_EQ(heard(&w, 2, FRAME_DELIVER, 0)->f.deliver.attempt, 2);
}

/* --- silence -------------------------------------------------------------------------------- */

TEST(a_session_may_be_silent_for_three_intervals_to_the_last_millisecond) {
    for (int late = 0; late <= 1; late++) {
        WORLD(w, "upt/r1");
        hello(&w, 1, TO, 1);
        pass(&w, 3 * w.config.ping_ms + late);
        ASSERT_EQ(broker_status(w.broker).sessions, !late);
    }
}

TEST(who_reads_is_probed_when_it_was_silent_so_long) {
    for (int early = 0; early <= 1; early++) {
        WORLD(w, "upt/r1");
        hello(&w, 1, TO, 1);
        subscribe(&w, 1, TO, 1, SOURCE_MAILBOX, 1);
        run(&w);
        pass(&w, w.config.probe_ms - early);
        ASSERT_EQ(count(&w, 1, FRAME_PING), !early);
    }
}

TEST_MAIN

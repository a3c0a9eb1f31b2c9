/* SPDX-License-Identifier: Apache-2.0 */

/* Answers that wait for a peer that does not read: how many, how large, in which order. */

#include "account-fixture.h"

static void ping(World *w, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        say(w, 1, TO, (Frame) { .kind = FRAME_PING, .ping = { .sent_ms = w->now.wall_ms + i } });
}

static void open_peer(World *w) {
    w->config.idle_rate = 0; /* may ask for nothing as often as it likes */
    begin_again(w);
    hello(w, 1, TO, 1);
    forget(w);
}

static size_t pong_size(const World *w) {
    Frame f = { .kind = FRAME_PONG, .pong = { .sent_ms = w->now.wall_ms } };
    uint8_t *p;
    size_t n;
    ASSERT_OK(codec_encode_frame(&f, &p, &n));
    free(p);
    return n;
}

static unsigned sessions(const World *w) {
    return broker_status(w->broker).sessions;
}

TEST(so_many_answers_wait_and_one_more_ends_the_session) {
    WORLD(w, "upt/r1");
    open_peer(&w);
    w.full[1] = true;
    ping(&w, OUTBOX_MAX);
    ASSERT_EQ(sessions(&w), 1);
    ping(&w, 1);
    ASSERT_EQ(sessions(&w), 0);
}

TEST(so_many_bytes_wait_and_one_more_ends_the_session) {
    WORLD(w, "upt/r1");
    w.config.outbox_bytes = 3 * pong_size(&w);
    open_peer(&w);
    w.full[1] = true;
    ping(&w, 3);
    ASSERT_EQ(sessions(&w), 1);
    ping(&w, 1);
    ASSERT_EQ(sessions(&w), 0);
}

TEST(one_answer_waits_however_large_it_is) {
    WORLD(w, "upt/r1");
    w.config.outbox_bytes = 1;
    open_peer(&w);
    w.full[1] = true;
    ping(&w, 1);
    ASSERT_EQ(sessions(&w), 1);
    w.full[1] = false;
    pass(&w, 1000);
    ASSERT_EQ(count(&w, 1, FRAME_PONG), 1);
}

/* Neither their number nor their bytes add up over a day. */
TEST(what_was_read_makes_room_again) {
    WORLD(w, "upt/r1");
    w.config.outbox_bytes = 1000 * pong_size(&w);
    open_peer(&w);
    for (unsigned round = 0; round < 3; round++) {
        w.full[1] = true;
        ping(&w, 1000);
        w.full[1] = false;
        pass(&w, 1000);
        ASSERT_EQ(count(&w, 1, FRAME_PONG), 1000);
        ASSERT_EQ(sessions(&w), 1);
        forget(&w);
    }
}

TEST(answers_that_waited_come_before_later_ones) {
    WORLD(w, "upt/r1");
    open_peer(&w);
    const int64_t first = w.now.wall_ms;
    w.full[1] = true;
    ping(&w, 10);
    w.full[1] = false;
    w.now.wall_ms += 10;
    ping(&w, 10);
    ASSERT_EQ(count(&w, 1, FRAME_PONG), 20);
    for (unsigned i = 0; i < 20; i++)
        ASSERT_EQ(heard(&w, 1, FRAME_PONG, i)->f.pong.sent_ms, first + i);
}

static unsigned n_tries, refuse;

/* The pipe takes nothing the next few times. */
static int io_send_sometimes(void *data, BrokerPort port, Bytes route, const Bytes *parts,
                             unsigned n) {
    n_tries++;
    if (refuse == 0)
        return io_send(data, port, route, parts, n);
    refuse--;
    return -EAGAIN;
}

/* There was room for the second one at the moment it came. */
TEST(an_answer_does_not_overtake_one_that_waits) {
    WORLD(w, "upt/r1");
    open_peer(&w);
    w.broker->io.send = io_send_sometimes;
    const int64_t first = w.now.wall_ms;
    refuse = 2; /* the first one, and again when the second one comes */
    ping(&w, 2);
    ASSERT_EQ(refuse, 0);
    pass(&w, 1000);
    ASSERT_EQ(count(&w, 1, FRAME_PONG), 2);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ(heard(&w, 1, FRAME_PONG, i)->f.pong.sent_ms, first + i);
}

/* The first of them finds it out, and the others are not tried. */
TEST(what_waits_for_a_lost_connection_ends_with_its_session) {
    WORLD(w, "upt/r1");
    open_peer(&w);
    w.full[1] = true;
    ping(&w, 10);
    w.full[1] = false;
    w.lost[1] = true;
    w.broker->io.send = io_send_sometimes;
    n_tries = refuse = 0;
    pass(&w, 1000);
    ASSERT_EQ(sessions(&w), 0);
    ASSERT_EQ(n_tries, 1);
}

static unsigned n_cut;

static void on_cut(void *data, BrokerPort port, Bytes route) {
    (void)data, (void)port, (void)route;
    n_cut++;
}

/* Else the socket would keep what is in its pipe for as long as the peer stays. */
TEST(the_connection_of_who_does_not_read_is_ended_too) {
    WORLD(w, "upt/r1");
    open_peer(&w);
    w.broker->io.cut = on_cut;
    n_cut = 0;
    w.full[1] = true;
    ping(&w, OUTBOX_MAX + 1);
    ASSERT_EQ(n_cut, 1);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A broker with a store, and eight peers on each of its ports that say anything. The input is a
 * list of steps, each one byte and what belongs to it:
 *
 *   bits 0-1  port of what a peer says (0 clients, 1 admin, 2 uplink); 3 = something else happens
 *   bits 2-4  number of the peer; or what happens:
 *             0 the store runs   1 time passes (1 byte n: n * n * 10 ms)   2 the parent is there
 *             3 the parent is lost   4 sending works   5 pipes are full   6 peers are gone
 *             7 a batch is taken, and runs only later
 *   bits 5-7  number of parts; then for each part 2 bytes length, high one first, and its bytes
 *
 * Every input starts with a fresh store. Whatever was said: no crash, bounded memory, and an honest
 * session gets its WELCOME and PONG.
 */

#include <errno.h>

#include "broker/broker.h"
#include "fuzz/broker-world.h"
#include "fuzz/fuzz.h"

#define STEPS_MAX      256
#define PARTS_SAID_MAX 7

static World world;

static void clean_up(void) {
    world_remove(&world);
}

static void happens(World *w, unsigned what, Input *in) {
    int64_t n;
    switch (what) {
    case 0:
        FUZZ_CHECK(world_run(w) == 0);
        break;
    case 1:
        n = take_byte(in);
        FUZZ_CHECK(world_pass(w, n * n * 10) == 0);
        break;
    case 2:
        FUZZ_CHECK(broker_uplink_connected(w->broker, w->now) == 0);
        break;
    case 3:
        FUZZ_CHECK(broker_uplink_lost(w->broker, w->now) == 0);
        break;
    case 7:
        FUZZ_CHECK(world_take(w) == 0);
        break;
    default:
        w->send_result = what == 4 ? 0 : (what == 5 ? -EAGAIN : -EHOSTUNREACH);
    }
}

static void step(World *w, Input *in) {
    unsigned head = take_byte(in), port = head & 3, peer = head >> 2 & 7, n = head >> 5;
    if (port == 3) {
        happens(w, peer, in);
        return;
    }
    Bytes parts[PARTS_SAID_MAX];
    for (unsigned i = 0; i < n; i++)
        parts[i] = take_part(in);
    FUZZ_CHECK(world_say(w, (BrokerPort)port, peer, parts, n) == 0);
}

static void honest_session(World *w, BrokerPort port, unsigned peer, bool must_be_known) {
    Frame hello = { .kind = FRAME_HELLO,
                    .hello = { .protocol_min = 1,
                               .protocol_max = 1,
                               .instance_id = { { 0xff, (uint8_t)port, 0xaa } } } };
    const Frame ping = { .kind = FRAME_PING, .ping = { .sent_ms = w->now.wall_ms } };
    memset(w->heard, 0, sizeof(w->heard));
    FUZZ_CHECK(world_say_frame(w, port, peer, &hello, NULL, 0) == 0);
    /* An operator among the peers may have taken the key away. */
    FUZZ_CHECK(w->heard[FRAME_WELCOME] == 1 || (!must_be_known && w->heard[FRAME_ERROR] > 0));
    if (w->heard[FRAME_WELCOME] == 0)
        return;
    FUZZ_CHECK(world_say_frame(w, port, peer, &ping, NULL, 0) == 0);
    FUZZ_CHECK(w->heard[FRAME_PONG] == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    World *w = &world;
    Input in = { data, n };
    if (w->folder[0] == '\0') {
        FUZZ_CHECK(world_make(w) == 0);
        (void)atexit(clean_up);
    }
    FUZZ_CHECK(world_open(w) == 0);
    for (int i = 0; i < STEPS_MAX && in.n > 0; i++) {
        step(w, &in);
        const BrokerStatus st = broker_status(w->broker);
        FUZZ_CHECK(st.sessions <= 2 * WORLD_PEERS);
    }
    w->send_result = 0;
    FUZZ_CHECK(world_run(w) == 0);
    honest_session(w, PORT_ADMIN, 100, true);
    honest_session(w, PORT_CLIENTS, 0, false);
    FUZZ_CHECK(world_pass(w, SECOND_MS) == 0);
    FUZZ_CHECK(broker_status(w->broker).pending_ops == 0);
    world_close(w);
    return 0;
}

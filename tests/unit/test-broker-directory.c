/* SPDX-License-Identifier: Apache-2.0 */

/* The signed directory between brokers, frame by frame. */

#include "broker-fixture.h"
#include "core/directory-change.h"
#include "test.h"

static SignKey hub_key(void) {
    const uint8_t seed[SIGN_SEED_SIZE] = { 'h', 'u', 'b' };
    SignKey k;
    sign_key_from_seed(seed, &k);
    return k;
}

static SignKey the_hub_key;

static void open_again(World *w) {
    w->broker = broker_free(w->broker);
    w->store = store_close(w->store);
    open_store(w);
    open_broker(w);
}

static void as_hub(World *w) {
    the_hub_key = hub_key();
    w->store_config.hub = true;
    w->store_config.sign_key = &the_hub_key;
    w->store_config.directory_codec = &codec_directory;
    w->config.signs = true;
    open_again(w);
}

static void as_child(World *w) {
    w->store_config.n_hub_keys = 1;
    w->store_config.hub_keys[0] = hub_key().public;
    w->store_config.directory_codec = &codec_directory;
    w->config.follows = true;
    open_again(w);
}

static unsigned heard_of(const World *w, FrameKind kind) {
    unsigned n = 0;
    for (unsigned i = 0; i < w->n_heard; i++)
        n += w->heard[i].f.kind == kind;
    return n;
}

static const Frame *newest(const World *w, FrameKind kind) {
    for (unsigned i = w->n_heard; i > 0; i--)
        if (w->heard[i - 1].f.kind == kind)
            return &w->heard[i - 1].f;
    return NULL;
}

static DirHead head_of(World *w) {
    Directory *d = store_directory(w->store);
    const DirHead *h = directory_head(d);
    const DirHead head = h ? *h : (DirHead) { 0 };
    (void)directory_unref(d);
    return head;
}

/* A second later, and what it asked of the store done. */
static void second(World *w) {
    pass(w, SECOND_MS);
    run(w);
}

static void welcome_from_hub(World *w) {
    ASSERT_OK(broker_uplink_connected(w->broker, w->now));
    Frame f = { .kind = FRAME_WELCOME,
                .welcome = { .protocol = 1,
                             .publish_window = 16,
                             .credit_messages_max = 16,
                             .credit_bytes_max = 1 << 20,
                             .ping_interval_ms = 10000 } };
    (void)text_copy(f.welcome.broker, sizeof(f.welcome.broker), "hub");
    (void)text_copy(f.welcome.node, sizeof(f.welcome.node), w->self);
    say_parts(w, 0, "hub", &f, NULL, 0);
    run(w);
}

TEST(a_hub_signs_what_it_has_and_every_day_anew) {
    WORLD(w, "hub");
    as_hub(&w);
    ASSERT_EQ(head_of(&w).version, 0);
    second(&w);
    const DirHead first = head_of(&w);
    ASSERT_TRUE(first.version > 0);
    pass(&w, DAY_MS - 2 * SECOND_MS);
    run(&w);
    ASSERT_EQ(head_of(&w).at_ms, first.at_ms);
    pass(&w, 3 * SECOND_MS);
    run(&w);
    ASSERT_TRUE(head_of(&w).at_ms >= first.at_ms + DAY_MS);
    ASSERT_EQ(head_of(&w).version, first.version);
}

TEST(a_child_asks_after_welcome_and_again_after_a_refusal_that_lasts_longer_each_time) {
    WORLD(w, "upt/satria");
    as_child(&w);
    welcome_from_hub(&w);
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 1);
    ASSERT_EQ(newest(&w, FRAME_DIRECTORY_WANT)->directory_want.after, 0);
    Frame lie = { .kind = FRAME_DIRECTORY_CHANGES,
                  .directory_changes = { .n = 1, .changes = { bytes_make("garbage", 7) } } };
    unsigned waited = 0;
    for (unsigned n = 0; n < 3; n++) {
        const unsigned asked = heard_of(&w, FRAME_DIRECTORY_WANT);
        say_parts(&w, 0, "hub", &lie, NULL, 0);
        run(&w);
        unsigned seconds = 0;
        for (; heard_of(&w, FRAME_DIRECTORY_WANT) == asked && seconds < 100; seconds++) {
            say_parts(&w, 0, "hub", &lie, NULL, 0); /* nothing is listened to meanwhile */
            second(&w);
            Frame ping = { .kind = FRAME_PING };
            say_parts(&w, 0, "hub", &ping, NULL, 0);
        }
        ASSERT_TRUE(seconds > waited && seconds < 100);
        waited = seconds;
    }
    ASSERT_EQ(w.n_resets, 0);
}

TEST(a_want_that_does_not_fit_into_the_pipe_is_said_soon) {
    WORLD(w, "upt/satria");
    as_child(&w);
    w.full[0] = true;
    welcome_from_hub(&w);
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 0);
    w.full[0] = false;
    second(&w);
    second(&w);
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 1);
}

TEST_MAIN

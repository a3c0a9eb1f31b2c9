/* SPDX-License-Identifier: Apache-2.0 */

/* Channels of libserasi beside each other, and what of them outlives a session, a refusal, a
 * farewell. */

#include "client-fixture.h"

#define COMMANDS_MAX 64U /* as libserasi has it */

/* Subscribes and lets the broker say that it is open. */
static uint32_t open_channel(World *w, uint32_t messages) {
    const uint32_t channel = subscribe(w, messages);
    expect(w, FRAME_SUBSCRIBE);
    say_subscribed(w);
    settle_down(w);
    ASSERT_EQ(serasi_channel_is_open(w->c, channel), 1);
    return channel;
}

static void refuse(World *w, uint32_t wire) {
    Frame f = { .kind = FRAME_ERROR,
                .error = { .code = ERROR_NOT_ALLOWED, .channel = wire, .text = "not any more" } };
    say(w, &f, NULL);
    settle_down(w);
}

TEST(who_leaves_a_channel_keeps_what_came_over_another) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    const uint32_t first = open_channel(&w, 8), second = open_channel(&w, 8);
    deliver(&w, 1, 1, 1);
    deliver(&w, 2, 1, 2);
    settle_down(&w);
    ASSERT_OK(serasi_unsubscribe(w.c, first));
    ASSERT_EQ(serasi_channel_is_open(w.c, first), 0);
    expect(&w, FRAME_UNSUBSCRIBE);
    serasi_delivery *d = next_delivery(&w);
    ASSERT_EQ(serasi_delivery_channel(d), second);
    serasi_delivery_free(d);
    check_no_more(&w);
}

TEST(a_refused_channel_is_closed_and_what_it_brought_is_gone) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    const uint32_t first = open_channel(&w, 8), second = open_channel(&w, 8);
    deliver(&w, 1, 1, 1);
    deliver(&w, 1, 2, 2);
    deliver(&w, 1, 3, 4);
    deliver(&w, 2, 1, 3);
    take(&w, 1, SERASI_DONE);
    expect(&w, FRAME_SETTLE);
    settled(&w, 1, 1, 1);
    settle_down(&w);
    take(&w, 2, SERASI_DONE);
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(serasi_unsettled(w.c), 1);
    refuse(&w, 1); /* and nothing more is said of it: no credit, no settlement */
    ASSERT_EQ(serasi_channel_is_open(w.c, first), 0);
    ASSERT_EQ(serasi_channel_is_open(w.c, second), 1);
    assert_non_null(serasi_channel_error(w.c, first));
    ASSERT_EQ(serasi_unsettled(w.c), 0); /* no answer comes any more */
    take(&w, 3, SERASI_DONE); /* the other one's is there, and the refused one's is not */
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.channel, 2);
    check_no_more(&w);
    restart_broker(&w); /* the next session tries it again */
    greet(&w);
    expect(&w, FRAME_SUBSCRIBE);
    ASSERT_EQ(w.f.subscribe.channel, 1);
    ASSERT_EQ(serasi_channel_is_open(w.c, first), 0);
    ASSERT_EQ(serasi_channel_is_open(w.c, second), 0); /* not before the broker said so */
    say_subscribed(&w);
    expect(&w, FRAME_SUBSCRIBE);
    settle_down(&w);
    ASSERT_EQ(serasi_channel_is_open(w.c, first), 1);
    assert_null(serasi_channel_error(w.c, first));
    ASSERT_EQ(serasi_channel_is_open(w.c, second), 0);
}

TEST(a_channel_that_was_being_left_is_gone_with_its_session) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    const uint32_t channel = open_channel(&w, 8);
    deliver(&w, 1, 1, 1);
    take(&w, 1, SERASI_DONE);
    ASSERT_OK(serasi_unsubscribe(w.c, channel));
    expect(&w, FRAME_SETTLE);
    deliver(&w, 1, 2, 2); /* was on its way */
    check_no_more(&w);
    restart_broker(&w);
    greet(&w);
    settle_down(&w); /* it is not opened again */
    ASSERT_STR(serasi_channel_error(w.c, channel), "no such channel");
}

TEST(a_channel_that_was_never_asked_for_is_left_without_a_word) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    const uint32_t channel = subscribe(&w, 8);
    ASSERT_OK(serasi_unsubscribe(w.c, channel));
    settle_down(&w);
    ASSERT_EQ(serasi_unsubscribe(w.c, channel), -EINVAL);
    const uint32_t other = open_channel(&w, 8);
    ASSERT_TRUE(other != channel);
}

/* A message of that kind without facts, as a channel's tag 1 or so. */
static void deliver_kind(World *w, uint32_t channel, uint64_t tag, unsigned n, int kind) {
    Frame f = { .kind = FRAME_DELIVER,
                .deliver = { .channel = channel,
                             .tag = tag,
                             .attempt = 1,
                             .recipient = "dsk/3203",
                             .role = ROLE_ADDRESSEE,
                             .accepted_ms = 1 } };
    Body *plain = body_of(n, NULL);
    Envelope e;
    const char *why;
    uint8_t *envelope = NULL;
    size_t size = 0;
    ASSERT_OK(codec_decode_envelope(body_envelope(plain), &e, &why));
    e.kind = kind;
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &size));
    Body *b = body_new(bytes_make(envelope, size), bytes_make(NULL, 0), bytes_make(NULL, 0));
    say(w, &f, b);
    body_unref(b);
    body_unref(plain);
    free(envelope);
}

/* Wraps are for the library, requests for them likewise: each over its own source. */
TEST(keys_come_over_the_mailbox_and_are_not_shown_and_over_others_they_are) {
    _cleanup_(world_close) World w;
    uint32_t receipts = 0;
    world_open(&w);
    greet(&w);
    const uint32_t mailbox = open_channel(&w, 8);
    ASSERT_OK(serasi_subscribe(w.c, SERASI_RECEIPTS, NULL, NULL, 8, &receipts));
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver_kind(&w, 1, 1, 1, KIND_SEAL_WRAP);
    expect(&w, FRAME_SETTLE); /* and settled without anybody */
    ASSERT_EQ(w.f.settle.channel, 1);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_DONE);
    check_no_more(&w);
    deliver_kind(&w, 2, 1, 2, KIND_SEAL_WRAP);
    serasi_delivery *d = next_delivery(&w);
    ASSERT_EQ(serasi_delivery_channel(d), receipts);
    serasi_delivery_free(d);
    deliver_kind(&w, 1, 2, 3, KIND_WRAP_REQUEST);
    d = next_delivery(&w);
    ASSERT_EQ(serasi_delivery_channel(d), mailbox);
    serasi_delivery_free(d);
    check_no_more(&w);
}

TEST(what_was_overrun_is_told_as_the_broker_said_last) {
    _cleanup_(world_close) World w;
    int64_t since = 0;
    world_open(&w);
    greet(&w);
    const uint32_t channel = subscribe(&w, 8);
    for (unsigned overrun = 2; overrun-- > 0;) {
        expect(&w, FRAME_SUBSCRIBE);
        Frame f = { .kind = FRAME_SUBSCRIBED,
                    .subscribed = { .channel = w.f.subscribe.channel,
                                    .overrun = overrun,
                                    .overrun_ms = 77 * overrun } };
        say(&w, &f, NULL);
        settle_down(&w);
        ASSERT_EQ(serasi_channel_overrun(w.c, channel, &since), overrun);
        if (overrun) {
            restart_broker(&w);
            greet(&w);
        }
    }
}

TEST(a_window_is_no_larger_than_the_broker_allows) {
    _cleanup_(world_close) World w;
    uint32_t channel = 0;
    world_open(&w);
    w.welcome.welcome.credit_messages_max = 3;
    greet(&w);
    ASSERT_EQ(serasi_subscribe(w.c, SERASI_MAILBOX, NULL, NULL, 0, &channel), -EINVAL);
    ASSERT_EQ(serasi_subscribe(w.c, SERASI_RECEIPTS, NULL, "{}", 1, &channel), -EINVAL);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    ASSERT_EQ(w.f.subscribe.credit_messages, 3);
    say_subscribed(&w);
    for (unsigned n = 1; n <= 4; n++) /* one too many */
        deliver(&w, 1, n, n);
    take_each(&w, 1, 3, (const serasi_settle_action[]) { SERASI_DONE, SERASI_DONE, SERASI_DONE });
    expect(&w, FRAME_SETTLE);
    settled(&w, 1, 1, 1);
    expect_silence(&w, 50);
    settled(&w, 1, 2, 2); /* half of three are two */
    expect(&w, FRAME_CREDIT);
    ASSERT_EQ(w.f.credit.messages, 2);
    ASSERT_EQ(w.f.credit.bytes, w.welcome.welcome.credit_bytes_max);
}

TEST(credit_comes_back_for_bytes_too) {
    _cleanup_(world_close) World w;
    Body *b = body_of(1, "for you");
    const size_t size = body_size(b);
    body_unref(b);
    world_open(&w);
    w.welcome.welcome.credit_bytes_max = (uint32_t)(4 * size);
    greet(&w);
    open_channel(&w, 64);
    for (unsigned n = 1; n <= 6; n++)
        deliver(&w, 1, n, n);
    for (unsigned n = 1; n <= 5; n++) {
        take(&w, n, SERASI_DONE);
        expect(&w, FRAME_SETTLE);
        settled(&w, 1, n, n);
        if (n % 2 == 0) {
            expect(&w, FRAME_CREDIT); /* half of the bytes */
            ASSERT_EQ(w.f.credit.messages, 2);
        } else {
            expect_silence(&w, 30);
        }
    }
}

TEST(credit_of_a_session_is_not_given_back_in_the_next_one) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    open_channel(&w, 4);
    for (unsigned n = 1; n <= 2; n++)
        deliver(&w, 1, n, n);
    take(&w, 1, SERASI_DONE);
    expect(&w, FRAME_SETTLE);
    settled(&w, 1, 1, 1);
    settle_down(&w); /* one of four: not yet */
    restart_broker(&w);
    greet(&w);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    for (unsigned n = 1; n <= 2; n++)
        deliver(&w, 1, n, 10 + n);
    take(&w, 11, SERASI_DONE);
    expect(&w, FRAME_SETTLE);
    settled(&w, 1, 1, 1);
    settle_down(&w);
}

TEST(so_many_subscriptions_are_dropped_at_once_and_then_others) {
    _cleanup_(world_close) World w;
    char name[32];
    world_open(&w);
    greet(&w);
    for (unsigned rounds = 0; rounds < 2; rounds++) {
        unsigned n = 0;
        int r = 0;
        for (; n < 10000 && r == 0; n++) {
            (void)snprintf(name, sizeof(name), "name-%u", n);
            r = serasi_drop_subscription(w.c, name);
        }
        ASSERT_EQ(r, -ENOSPC);
        ASSERT_EQ(n - 1, COMMANDS_MAX);
        for (unsigned i = 0; i < COMMANDS_MAX; i++)
            expect(&w, FRAME_UNSUBSCRIBE);
    }
}

TEST_MAIN

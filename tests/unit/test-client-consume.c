/* SPDX-License-Identifier: Apache-2.0 */

/* Consuming with libserasi: channels, credit, settlements, what a loss of the session leaves. */

#include "client-fixture.h"

TEST(settlements_leave_as_ranges_and_credit_comes_back_when_they_are_on_disk) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    uint32_t channel = subscribe(&w, 4);
    expect(&w, FRAME_SUBSCRIBE);
    ASSERT_EQ(w.f.subscribe.source, SOURCE_MAILBOX);
    ASSERT_EQ(w.f.subscribe.credit_messages, 4);
    ASSERT_EQ(serasi_channel_is_open(w.c, channel), 0);
    say_subscribed(&w);
    for (unsigned n = 1; n <= 4; n++)
        deliver(&w, 1, n, n);
    settle_down(&w);
    ASSERT_EQ(serasi_channel_is_open(w.c, channel), 1);
    take_each(
        &w, 1, 4,
        (const serasi_settle_action[]) { SERASI_DONE, SERASI_DONE, SERASI_RETRY, SERASI_DONE });
    ASSERT_EQ(serasi_unsettled(w.c), 4);
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.channel, 1);
    ASSERT_EQ(w.f.settle.n, 3);
    ASSERT_EQ(w.f.settle.settlements[0].tags.first, 1);
    ASSERT_EQ(w.f.settle.settlements[0].tags.last, 2);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_DONE);
    ASSERT_EQ(w.f.settle.settlements[1].action, SETTLE_RETRY);
    ASSERT_EQ(w.f.settle.settlements[2].tags.first, 4);
    expect_silence(&w, 50); /* nothing is on disk yet: no credit */

    settled(&w, 1, 1, 1);
    expect_silence(&w, 50); /* less than half a window */
    settled(&w, 1, 2, 2);
    expect(&w, FRAME_CREDIT);
    ASSERT_EQ(w.f.credit.channel, 1);
    ASSERT_EQ(w.f.credit.messages, 2);
    ASSERT_EQ(serasi_unsettled(w.c), 2);
    settled(&w, 1, 3, 4);
    expect(&w, FRAME_CREDIT);
    ASSERT_EQ(w.f.credit.messages, 2);
    ASSERT_EQ(serasi_unsettled(w.c), 0);
}

TEST(deliveries_in_a_bundle_are_as_if_they_came_alone) {
    _cleanup_(world_close) World w;
    size_t n = 0;
    world_open(&w);
    greet(&w);
    ASSERT_TRUE(subscribe(&w, 4) > 0);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    _cleanup_(bundle_freep) Bundle *list = bundle_new(FRAME_DELIVER, BUNDLE_MAX, BUNDLE_BYTES);
    for (unsigned i = 0; i < 5; i++) { /* one more than the credit: it is not taken */
        Body *b = body_of(1 + i, i == 1 ? NULL : "for you");
        const Bytes parts[] = { body_envelope(b), body_facts(b), body_sealed(b) };
        list->deliveries[i] = (FrameDeliver) {
            .channel = 1, .tag = 1 + i, .attempt = 1, .recipient = "dsk/3203", .accepted_ms = 5
        };
        bundle_add(list, 0, parts, BUNDLE_PARTS);
        body_unref(b);
    }
    say(&w, &(Frame) { .kind = FRAME_BUNDLE, .bundle = list }, NULL);
    for (unsigned i = 0; i < 4; i++) {
        serasi_delivery *d = next_delivery(&w);
        const Uuid id = id_of(1 + i);
        assert_memory_equal(serasi_delivery_message_id(d), id.b, UUID_SIZE);
        ASSERT_EQ(serasi_delivery_tag(d), 1 + i);
        const void *sealed = serasi_delivery_sealed(d, &n);
        ASSERT_EQ(n, i == 1 ? 0 : 7);
        ASSERT_EQ(memcmp(sealed, "for you", n), 0);
        ASSERT_OK(serasi_settle(w.c, d, SERASI_DONE, 0, NULL, 0));
        serasi_delivery_free(d);
    }
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.settlements[0].tags.last, 4);
    check_no_more(&w);
}

TEST(a_delivery_tells_what_it_is) {
    _cleanup_(world_close) World w;
    size_t n = 0;
    char *json = NULL;
    world_open(&w);
    greet(&w);
    uint32_t channel = subscribe(&w, 4);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 7);
    serasi_delivery *d = next_delivery(&w);
    Body *b = body_of(7, "for you");
    const void *p = serasi_delivery_envelope(d, &n);
    assert_true(bytes_equal(bytes_make(p, n), body_envelope(b)));
    p = serasi_delivery_sealed(d, &n);
    assert_true(bytes_equal(bytes_make(p, n), bytes_make("for you", 7)));
    (void)serasi_delivery_facts(d, &n);
    ASSERT_EQ(n, 0);
    ASSERT_EQ(serasi_delivery_channel(d), channel);
    ASSERT_EQ(serasi_delivery_tag(d), 1);
    ASSERT_EQ(serasi_delivery_attempt(d), 1);
    ASSERT_OK(serasi_delivery_to_json(d, 0, &json));
    assert_non_null(strstr(json, "dsk/3203"));
    assert_null(strchr(json, '\n'));
    free(json);
    body_unref(b);
    serasi_delivery_free(d);
}

TEST(more_than_the_window_or_an_old_tag_is_not_taken) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 2);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    deliver(&w, 1, 1, 2);
    deliver(&w, 1, 2, 3);
    deliver(&w, 1, 3, 4);
    deliver(&w, 2, 1, 5);
    serasi_delivery *a = next_delivery(&w), *b = next_delivery(&w);
    ASSERT_EQ(serasi_delivery_tag(a), 1);
    ASSERT_EQ(serasi_delivery_tag(b), 2);
    serasi_delivery_free(a);
    serasi_delivery_free(b);
    check_no_more(&w);
}

TEST(a_delivery_done_before_a_lost_confirmation_is_not_shown_again) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 4);
    serasi_delivery *stale = next_delivery(&w);
    for (unsigned n = 1; n <= 3; n++)
        deliver(&w, 1, n + 1, n);
    take_each(&w, 1, 3, (const serasi_settle_action[]) { SERASI_DONE, SERASI_DONE, SERASI_RETRY });
    expect(&w, FRAME_SETTLE);
    settled(&w, 1, 2, 2);
    settle_down(&w);
    restart_broker(&w);

    ASSERT_EQ(serasi_settle(w.c, stale, SERASI_DONE, 0, NULL, 0), SERASI_AGAIN);
    greet(&w);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 2);
    expect(&w, FRAME_SETTLE); /* 2, without being asked */
    ASSERT_EQ(w.f.settle.n, 1);
    ASSERT_EQ(w.f.settle.settlements[0].tags.first, 1);
    ASSERT_EQ(w.f.settle.settlements[0].tags.last, 1);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_DONE);
    /* its tag now means another delivery */
    ASSERT_EQ(serasi_settle(w.c, stale, SERASI_DONE, 0, NULL, 0), SERASI_AGAIN);
    serasi_delivery_free(stale);
    deliver(&w, 1, 2, 3);
    deliver(&w, 1, 3, 4);
    take_each(&w, 3, 2, (const serasi_settle_action[]) { SERASI_DONE, SERASI_DONE });
    expect(&w, FRAME_SETTLE);
    settled(&w, 1, 1, 3);
    expect(&w, FRAME_CREDIT);
    /* its confirmation came: were it delivered again, it would be shown */
    deliver(&w, 1, 4, 2);
    take(&w, 2, SERASI_DONE);
}

TEST(deliveries_not_taken_before_the_loss_come_only_once) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    settle_down(&w);
    restart_broker(&w);
    greet(&w);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    take(&w, 1, SERASI_DONE);
    expect(&w, FRAME_SETTLE);
    check_no_more(&w);
}

TEST(a_settlement_waits_for_the_answer_to_an_extension) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    serasi_delivery *d = next_delivery(&w);
    ASSERT_OK(serasi_settle(w.c, d, SERASI_EXTEND, 5000, NULL, 0));
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_EXTEND);
    ASSERT_EQ(w.f.settle.settlements[0].after_ms, 5000);
    ASSERT_OK(serasi_settle(w.c, d, SERASI_DONE, 0, NULL, 0));
    ASSERT_EQ(serasi_settle(w.c, d, SERASI_DONE, 0, NULL, 0), -EINVAL);
    ASSERT_EQ(serasi_settle(w.c, d, SERASI_EXTEND, 0, NULL, 0), -EINVAL);
    expect_silence(&w, 100);
    settled(&w, 1, 1, 1);
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_DONE);
    ASSERT_EQ(serasi_unsettled(w.c), 1);
    settled(&w, 1, 1, 1);
    expect(&w, FRAME_CREDIT);
    ASSERT_EQ(serasi_unsettled(w.c), 0);
    serasi_delivery_free(d);
    /* a broker that does not answer extensions costs two seconds, no more */
    deliver(&w, 1, 2, 2);
    d = next_delivery(&w);
    ASSERT_OK(serasi_settle(w.c, d, SERASI_EXTEND, 0, NULL, 0));
    expect(&w, FRAME_SETTLE);
    ASSERT_OK(serasi_settle(w.c, d, SERASI_DONE, 0, NULL, 0));
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_DONE);
    serasi_delivery_free(d);
}

TEST(settle_frames_stay_within_the_limit_of_a_client) {
    _cleanup_(world_close) World w;
    char reason[201];
    world_open(&w);
    greet(&w);
    subscribe(&w, 600);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    memset(reason, 'r', sizeof(reason) - 1);
    reason[200] = '\0';
    unsigned tag = 0, ranges = 0;
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 250; i++, tag++)
            deliver(&w, 1, tag + 1, tag + 1);
        for (unsigned i = 0; i < 250; i++) {
            serasi_delivery *d = next_delivery(&w);
            reason[0] = i % 2 ? 'a' : 'b';
            ASSERT_OK(
                serasi_settle(w.c, d, i % 2 || round ? SERASI_REJECT : SERASI_DONE, 0, reason, 0));
            serasi_delivery_free(d);
            if (i % 50 == 0)
                (void)serasi_process(w.c);
        }
        for (; ranges < (unsigned)(round + 1) * 250; ranges += w.f.settle.n) {
            expect(&w, FRAME_SETTLE);
            assert_true(w.raw.parts[0].n <= FRAME_MAX);
        }
    }
    ASSERT_EQ(ranges, 500);
    deliver(&w, 1, tag + 1, tag + 1);
    serasi_delivery *d = next_delivery(&w);
    ASSERT_EQ(serasi_settle(w.c, d, SERASI_REJECT, 0, "no\x01", 0), -EINVAL);
    ASSERT_EQ(serasi_settle(w.c, d, 5, 0, NULL, 0), -EINVAL);
    serasi_delivery_free(d);
}

TEST(an_unreadable_delivery_is_rejected_not_shown) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    Frame f = { .kind = FRAME_DELIVER,
                .deliver = { .channel = 1, .tag = 1, .attempt = 1, .recipient = "dsk/3203" } };
    Body *b = body_new(bytes_make("\xff\xff", 2), bytes_make(NULL, 0), bytes_make(NULL, 0));
    say(&w, &f, b);
    body_unref(b);
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_REJECT);
    check_no_more(&w);
}

TEST(leaving_a_channel_waits_until_its_settlements_are_on_disk) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    uint32_t channel = subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    deliver(&w, 1, 2, 2);
    take(&w, 1, SERASI_DONE);
    ASSERT_OK(serasi_unsubscribe(w.c, channel));
    ASSERT_EQ(serasi_unsubscribe(w.c, channel), -EINVAL);
    expect(&w, FRAME_SETTLE);
    expect_silence(&w, 50);
    settled(&w, 1, 1, 1);
    expect(&w, FRAME_UNSUBSCRIBE);
    ASSERT_EQ(w.f.unsubscribe.channel, 1);
    check_no_more(&w);
    assert_non_null(serasi_channel_error(w.c, channel));

    uint32_t second = subscribe(&w, 8); /* numbers are not used again in a session */
    expect(&w, FRAME_SUBSCRIBE);
    ASSERT_EQ(w.f.subscribe.channel, 2);
    for (int i = 3; i <= 16; i++) {
        ASSERT_OK(serasi_unsubscribe(w.c, second));
        expect(&w, FRAME_UNSUBSCRIBE);
        second = subscribe(&w, 8);
        expect(&w, FRAME_SUBSCRIBE);
        ASSERT_EQ(w.f.subscribe.channel, i);
    }
    ASSERT_OK(serasi_unsubscribe(w.c, second));
    expect(&w, FRAME_UNSUBSCRIBE);
    (void)subscribe(&w, 8);
    expect(&w, FRAME_BYE);
    greet(&w);
    expect(&w, FRAME_SUBSCRIBE);
    ASSERT_EQ(w.f.subscribe.channel, 1);
}

TEST(a_refused_channel_says_why_and_an_overrun_one_since_when) {
    _cleanup_(world_close) World w;
    uint32_t named = 0, other = 0;
    int64_t since = 0;
    world_open(&w);
    greet(&w);
    ASSERT_OK(serasi_subscribe(w.c, SERASI_NAMED, "cases-32",
                               "{\"kinds\":[\"REFERRAL_REQUEST\"],\"regions\":[\"32\"]}", 8,
                               &named));
    expect(&w, FRAME_SUBSCRIBE);
    ASSERT_STR(w.f.subscribe.name, "cases-32");
    ASSERT_EQ(w.f.subscribe.filter->n_kinds, 1);
    assert_null(serasi_channel_error(w.c, named));
    Frame refusal = { .kind = FRAME_ERROR,
                      .error = { .code = ERROR_NOT_ALLOWED,
                                 .channel = w.f.subscribe.channel,
                                 .text = "outside your scope" } };
    say(&w, &refusal, NULL);
    settle_down(&w);
    assert_non_null(strstr(serasi_channel_error(w.c, named), "outside your scope"));

    ASSERT_OK(serasi_subscribe(w.c, SERASI_NAMED, "cases-33", NULL, 8, &other));
    expect(&w, FRAME_SUBSCRIBE);
    assert_null(w.f.subscribe.filter);
    Frame overrun = { .kind = FRAME_SUBSCRIBED,
                      .subscribed = {
                          .channel = w.f.subscribe.channel, .overrun = true, .overrun_ms = 77 } };
    say(&w, &overrun, NULL);
    settle_down(&w);
    ASSERT_EQ(serasi_channel_overrun(w.c, other, &since), 1);
    ASSERT_EQ(since, 77);
    ASSERT_EQ(serasi_channel_overrun(w.c, named, &since), 0);

    ASSERT_OK(serasi_drop_subscription(w.c, "cases-33"));
    expect(&w, FRAME_UNSUBSCRIBE);
    ASSERT_STR(w.f.unsubscribe.drop_name, "cases-33");
    ASSERT_EQ(serasi_subscribe(w.c, SERASI_NAMED, "Bad Name", NULL, 8, &other), -EINVAL);
    ASSERT_EQ(serasi_subscribe(w.c, SERASI_NAMED, "x", "{\"colour\":1}", 8, &other), -EINVAL);
    ASSERT_EQ(serasi_subscribe(w.c, SERASI_MAILBOX, "x", NULL, 8, &other), -EINVAL);
    ASSERT_EQ(serasi_subscribe(w.c, 4, NULL, NULL, 8, &other), -EINVAL);
}

/* It is not on disk as far as anybody knows: it comes again, and is settled again. */
TEST(what_a_dying_session_took_along_is_not_flushed) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    take(&w, 1, SERASI_DONE);
    expect(&w, FRAME_SETTLE);
    w.router = sock_free(w.router);
    ASSERT_EQ(serasi_flush(w.c, 1000), SERASI_TIMEOUT);
    broker_up(&w);
}

TEST(a_settlement_that_never_left_is_not_forgotten_either) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    serasi_delivery *d = next_delivery(&w);
    ASSERT_OK(serasi_settle(w.c, d, SERASI_EXTEND, 5000, NULL, 0));
    expect(&w, FRAME_SETTLE);
    ASSERT_OK(serasi_settle(w.c, d, SERASI_DONE, 0, NULL, 0)); /* waits for the answer */
    serasi_delivery_free(d);
    restart_broker(&w);
    greet(&w);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_DONE);
    check_no_more(&w);
}

TEST(what_is_said_differently_of_neighbours_is_said_apart) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    serasi_delivery *list[4];
    for (unsigned n = 1; n <= 4; n++)
        deliver(&w, 1, n, n);
    for (unsigned i = 0; i < 4; i++)
        list[i] = next_delivery(&w);
    ASSERT_OK(serasi_settle(w.c, list[0], SERASI_RETRY, 1000, NULL, 0));
    ASSERT_OK(serasi_settle(w.c, list[1], SERASI_RETRY, 2000, NULL, 0));
    ASSERT_OK(serasi_settle(w.c, list[2], SERASI_REJECT, 0, "no", 0));
    ASSERT_OK(serasi_settle(w.c, list[3], SERASI_REJECT, 0, "no", 1));
    expect(&w, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.n, 4);
    ASSERT_EQ(w.f.settle.settlements[0].after_ms, 1000);
    ASSERT_EQ(w.f.settle.settlements[1].after_ms, 2000);
    ASSERT_TRUE(!w.f.settle.settlements[2].permanent);
    ASSERT_TRUE(w.f.settle.settlements[3].permanent);
    for (unsigned i = 0; i < 4; i++)
        serasi_delivery_free(list[i]);
}

TEST(closing_says_what_was_settled) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver(&w, 1, 1, 1);
    take(&w, 1, SERASI_DONE);
    serasi_close(w.c);
    w.c = NULL;
    for (int i = 0; !hear(&w) && i < 1000; i++)
        poll(NULL, 0, 5);
    ASSERT_EQ(w.f.kind, FRAME_SETTLE);
    ASSERT_EQ(w.f.settle.settlements[0].action, SETTLE_DONE);
    for (int i = 0; !hear(&w) && i < 1000; i++)
        poll(NULL, 0, 5);
    ASSERT_EQ(w.f.kind, FRAME_BYE);
}

TEST_MAIN

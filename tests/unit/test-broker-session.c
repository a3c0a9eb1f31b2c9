/* SPDX-License-Identifier: Apache-2.0 */

/* Sessions, consumers and subscriptions. */

#include "test.h"

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/session.h"
#include "store/internal.h"
#include "wire/json.h"

/* --- sessions ------------------------------------------------------------------------------- */

TEST(one_node_cannot_take_the_place_of_all_others) {
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    config.sessions_max = 100;
    broker_reconfigure(w.broker, &config);
    for (uint8_t peer = 1; peer <= 64; peer++)
        hello(&w, peer, "dsk/3201", peer);
    assert_non_null(heard(&w, 64, FRAME_WELCOME, 0));
    hello(&w, 65, "dsk/3201", 65);
    assert_null(heard(&w, 65, FRAME_WELCOME, 0));
    ASSERT_EQ(heard(&w, 65, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
    hello(&w, 66, "dsk/3202", 66);
    assert_non_null(heard(&w, 66, FRAME_WELCOME, 0));
}

TEST(a_session_begins_with_a_version_both_speak_and_an_instance) {
    static const struct {
        uint32_t min, max;
        uint8_t instance;
        ErrorCode code;
    } cases[] = { { 1, 1, 1, ERROR_NONE },
                  { 1, 9, 2, ERROR_NONE },
                  { 2, 9, 3, ERROR_VERSION },
                  { 1, 1, 0, ERROR_MALFORMED } };
    WORLD(w, "upt/r1");
    for (uint8_t i = 0; i < ARRAY_SIZE(cases); i++) {
        say(&w, i + 1, "dsk/3201",
            (Frame) { .kind = FRAME_HELLO,
                      .hello = { .protocol_min = cases[i].min,
                                 .protocol_max = cases[i].max,
                                 .instance_id = { { cases[i].instance } } } });
        const Heard *h = heard(&w, i + 1, FRAME_ERROR, 0);
        ASSERT_EQ(h ? h->f.error.code : ERROR_NONE, cases[i].code);
        ASSERT_EQ(count(&w, i + 1, FRAME_WELCOME), cases[i].code == ERROR_NONE);
    }
    say(&w, 1, "dsk/3201", /* who goes on with what cannot be has no session, either */
        (Frame) { .kind = FRAME_HELLO, .hello = { .protocol_min = 7, .protocol_max = 7 } });
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
}

static unsigned opened, closed;

static void on_session(void *data, BrokerPort port, Bytes route, bool open) {
    (void)data, (void)port, (void)route;
    opened += open;
    closed += !open;
}

/* The door lets who has a session stay, and cuts all others. */
TEST(the_door_hears_of_each_session_and_of_its_end) {
    WORLD(w, "upt/r1");
    opened = closed = 0;
    w.broker->io.session = on_session;
    hello(&w, 1, "dsk/3201", 1);
    hello(&w, 2, "dsk/3202", 2);
    ASSERT_TRUE(opened == 2 && closed == 0);
    hello(&w, 1, "dsk/3201", 1); /* again */
    ASSERT_TRUE(opened == 3 && closed == 1);
    say(&w, 2, "dsk/3202", (Frame) { .kind = FRAME_BYE });
    run(&w);
    ASSERT_TRUE(opened == 3 && closed == 2);
    for (int i = 0; i < 200; i++)
        pass(&w, 200);
    ASSERT_TRUE(opened == 3 && closed == 3);
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
}

TEST(who_is_silent_is_probed_while_it_reads_and_ended_after_three_intervals) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    hello(&w, 2, "dsk/3202", 2);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 1);
    run(&w);
    forget(&w);
    const int64_t end_ms = 3 * w.config.ping_ms;
    for (int64_t ms = 0; ms + 1000 < end_ms; ms += 200)
        pass(&w, 200);
    ASSERT_EQ(broker_status(w.broker).sessions, 2);
    const unsigned probes = count(&w, 1, FRAME_PING);
    ASSERT_TRUE(probes > 1 && probes <= (unsigned)(end_ms / w.config.probe_ms));
    ASSERT_EQ(count(&w, 2, FRAME_PING), 0); /* nothing of it is held by anybody */
    for (int i = 0; i < 15; i++)
        pass(&w, 200);
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
}

TEST(a_child_is_welcomed_with_what_is_between_us) {
    WORLD(w, "hub");
    hello(&w, 1, "upt/r1", 1);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    hello(&w, 2, "upt/r1", 2);
    ASSERT_TRUE(heard(&w, 2, FRAME_WELCOME, 0)->f.welcome.progress.present);
    hello(&w, 3, "dsk/3301", 3);
    ASSERT_TRUE(!heard(&w, 3, FRAME_WELCOME, 0)->f.welcome.progress.present);
}

TEST(answers_of_one_turn_go_sixty_four_to_a_frame) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    for (unsigned rounds = 0; rounds < 2; rounds++) {
        forget(&w);
        for (unsigned i = 0; i < 130; i++)
            publish(&w, 1, "dsk/3201", "dsk/3202", (uint8_t)i);
        run(&w);
        unsigned n = 0;
        for (unsigned i = 0; heard(&w, 1, FRAME_PUBLISHED, i); i++) {
            ASSERT_TRUE(heard(&w, 1, FRAME_PUBLISHED, i)->f.published.n <= 64);
            n += heard(&w, 1, FRAME_PUBLISHED, i)->f.published.n;
        }
        ASSERT_EQ(n, 130);
    }
}

/* Its frame would be larger than its reader takes. */
TEST(long_answers_of_one_turn_go_in_several_frames) {
    WORLD(w, "upt/r1");
    unsigned n = 0;
    hello(&w, 1, "dsk/3201", 1);
    for (unsigned i = 0; i < 40; i++) {
        PublishResult r = { .message_id = { { 1, [15] = (uint8_t)i } },
                            .verdict = VERDICT_REFUSED,
                            .reasons = calloc(1, sizeof(*r.reasons)) };
        for (Reason *x; r.reasons->n < REASONS_MAX && (x = reasons_new(r.reasons, false));) {
            memset(x->text_en, 'a', sizeof(x->text_en) - 1);
            memset(x->text_id, 'b', sizeof(x->text_id) - 1);
        }
        session_answer(w.broker, w.broker->sessions, &r);
    }
    sessions_flush_results(w.broker);
    for (unsigned i = 0; heard(&w, 1, FRAME_PUBLISHED, i); i++)
        n += heard(&w, 1, FRAME_PUBLISHED, i)->f.published.n;
    ASSERT_EQ(n, 40);
}

TEST(a_key_that_runs_out_ends_its_session) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3203", 1);
    hello(&w, 2, "dsk/3201", 2);
    assert_non_null(heard(&w, 1, FRAME_WELCOME, 0));
    for (int s = 0; s < 3605; s += 5) {
        pass(&w, 5 * SECOND_MS);
        say(&w, 1, "dsk/3203", (Frame) { .kind = FRAME_PONG });
        say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_PONG });
        forget(&w);
    }
    pass(&w, 11 * SECOND_MS);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
}

TEST(a_nodes_record_gives_the_router_another_directory) {
    static const char text[] =
        "{\"envelope\": {\"kind\": \"NODE_RECORD\", \"region\": \"3301\", \"urgency\": \"ROUTINE\","
        " \"sensitivity\": \"INTERNAL\", \"audience\": {\"to\": [\"hub\"]}},"
        " \"facts\": {\"id\": \"dsk/3301\", \"kind\": \"SOCIAL_AGENCY_REGENCY\", \"capacity\": 5}}";
    WORLD(w, "hub");
    char why[JSON_WHY_SIZE] = "";
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    hello(&w, 1, "dsk/3301", 1);
    ASSERT_EQ(heard(&w, 1, FRAME_WELCOME, 0)->f.welcome.directory_version, 1);
    if (json_parse_message(text, strlen(text), "dsk/3301", w.now.wall_ms, &m, why) < 0)
        fail_msg("%s", why);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = m.message_id } };
    const Bytes parts[] = { bytes_make(m.envelope, m.n_envelope), bytes_make(m.facts, m.n_facts) };
    say_parts(&w, 1, "dsk/3301", &f, parts, 2);
    run(&w);
    const PublishResult *r = heard(&w, 1, FRAME_PUBLISHED, 0)->f.published.results;
    ASSERT_EQ(r->verdict, VERDICT_ACCEPTED);
    hello(&w, 2, "dsk/3301", 2);
    ASSERT_EQ(heard(&w, 2, FRAME_WELCOME, 0)->f.welcome.directory_version, 2);
}

/* --- consumers ------------------------------------------------------------------------------ */

TEST(what_a_dead_consumer_held_comes_again_though_there_is_always_newer_work) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    Uuid held = publish(&w, 1, "dsk/3202", "dsk/3201", 2);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 2);
    for (int i = 0; i < 200; i++) {
        pass(&w, 200);
        say(&w, 1, "dsk/3202", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    forget(&w);
    for (uint8_t i = 10; i < 60; i++)
        publish(&w, 1, "dsk/3202", "dsk/3201", i);
    run(&w);
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    run(&w);
    uint64_t done = 0;
    for (uint8_t i = 0; i < 40; i++) { /* one settled, one granted: it is never without work */
        if (!heard(&w, 3, FRAME_DELIVER, (unsigned)done))
            break;
        if (heard(&w, 3, FRAME_DELIVER, (unsigned)done)->f.deliver.suspect)
            assert_null(heard(&w, 3, FRAME_DELIVER, (unsigned)done + 1)); /* it is out alone */
        settle(&w, 3, "dsk/3201", ++done, SETTLE_DONE);
        credit(&w, 3, "dsk/3201", 1, 1);
        run(&w);
    }
    unsigned at = 0;
    const Heard *h;
    while ((h = heard(&w, 3, FRAME_DELIVER, at)) && !uuid_equal(&h->id, &held))
        at++;
    assert_non_null(h);
    ASSERT_TRUE(at < 10);
    ASSERT_TRUE(h->f.deliver.suspect);
}

TEST(two_consumers_do_not_starve_what_a_third_one_held) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 3);
    for (uint8_t i = 1; i <= 3; i++)
        publish(&w, 1, "dsk/3202", "dsk/3201", i);
    run(&w);
    hello(&w, 3, "dsk/3201", 3);
    hello(&w, 4, "dsk/3201", 4);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 4);
    subscribe(&w, 4, "dsk/3201", 1, SOURCE_MAILBOX, 4);
    for (uint8_t i = 10; i < 250; i++)
        publish(&w, 1, "dsk/3202", "dsk/3201", i);
    run(&w);
    for (int i = 0; i < 200; i++) { /* 2 falls silent, the others work slowly */
        pass(&w, 200);
        for (uint8_t k = 1; k <= 4; k++)
            if (k != 2)
                say(&w, k, k == 1 ? "dsk/3202" : "dsk/3201", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    uint64_t done[5] = { 0 };
    unsigned suspects = 0;
    for (int i = 0; i < 60; i++) {
        for (uint8_t k = 3; k <= 4; k++) {
            if (!heard(&w, k, FRAME_DELIVER, (unsigned)done[k]))
                continue;
            settle(&w, k, "dsk/3201", ++done[k], SETTLE_DONE);
            credit(&w, k, "dsk/3201", 1, 1);
            run(&w);
        }
    }
    for (uint8_t k = 3; k <= 4; k++)
        for (unsigned i = 0; i < done[k]; i++)
            suspects += heard(&w, k, FRAME_DELIVER, i)->f.deliver.suspect;
    ASSERT_EQ(suspects, 2);
    ASSERT_TRUE(done[3] + done[4] > 80); /* and the work goes on */
}

TEST(a_channel_reads_what_its_own_subscribe_named) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    run(&w);
    forget(&w);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    say(&w, 1, "dsk/3201", (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .channel = 1 } });
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_RECEIPTS, 5); /* before the store answered the first */
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 0);
}

TEST(nothing_is_promised_before_it_is_on_disk) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    run(&w);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    pass(&w, 1000);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 0);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 1);
    settle(&w, 1, "dsk/3201", 1, SETTLE_DONE);
    pass(&w, 1000);
    ASSERT_EQ(count(&w, 1, FRAME_SETTLED), 0);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SETTLED), 1);
}

TEST(a_retry_comes_when_it_is_due_and_its_case_waits_for_it) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    run(&w);
    settle(&w, 1, "dsk/3201", 1, SETTLE_RETRY); /* half a second, by our dice */
    run(&w);
    pass(&w, 400);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
    pass(&w, 400);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 2);
    ASSERT_TRUE(
        uuid_equal(&heard(&w, 1, FRAME_DELIVER, 0)->id, &heard(&w, 1, FRAME_DELIVER, 1)->id));
}

TEST(a_retry_is_not_put_off_for_a_day_when_the_clock_is_set_back) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    subscribe(&w, 1, "dsk/3201", 1, SOURCE_MAILBOX, 5);
    publish(&w, 1, "dsk/3201", "dsk/3201", 1);
    run(&w);
    settle(&w, 1, "dsk/3201", 1, SETTLE_RETRY);
    run(&w);
    credit(&w, 1, "dsk/3201", 1, 1);
    w.now.wall_ms -= DAY_MS;
    forget(&w);
    for (int64_t ms = 0; ms < RETRY_CAP + 5000; ms += 5000) {
        pass(&w, 5000);
        say(&w, 1, "dsk/3201", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
}

TEST(what_was_recalled_while_it_was_out_is_not_handed_out_again) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    Uuid sent = publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    recall(&w, 1, "dsk/3202", &sent);
    run(&w);
    ASSERT_EQ(outcomes(&w, &sent), 0); /* it may still be collected */
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 2);
    run(&w);
    say(&w, 2, "dsk/3201", (Frame) { .kind = FRAME_BYE });
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 0);
    ASSERT_EQ(outcomes(&w, &sent), 1);
}

TEST(answers_held_back_leave_as_soon_as_the_peer_reads_again) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    run(&w);
    forget(&w);
    w.full[1] = true;
    publish(&w, 1, "dsk/3201", "dsk/3202", 1);
    run(&w);
    w.full[1] = false;
    for (uint8_t i = 0; i < 250; i++)
        for (int k = 0; k < 5; k++) {
            publish(&w, 1, "dsk/3201", "dsk/3202", i);
            run(&w);
        }
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), 1251); /* not one second later, and none too many */
}

TEST(a_consumer_that_reads_again_does_not_wait_for_the_next_tick) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3202", 1);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 4);
    publish(&w, 1, "dsk/3202", "dsk/3201", 1);
    run(&w);
    w.full[2] = true;
    publish(&w, 1, "dsk/3202", "dsk/3201", 2);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    w.full[2] = false;
    credit(&w, 2, "dsk/3201", 1, 1);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 2);
}

TEST(a_dropped_subscription_leaves_nothing_behind) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    publish(&w, 1, "dsk/3201", "dsk/3201", 9); /* so that the newest queue is the subscription's */
    run(&w);
    Filter *all = calloc(1, sizeof(*all));
    Frame sub = { .kind = FRAME_SUBSCRIBE,
                  .subscribe = { .channel = 1,
                                 .source = SOURCE_NAMED,
                                 .name = "all",
                                 .filter = all,
                                 .credit_messages = 5 } };
    say_parts(&w, 1, "dsk/3201", &sub, NULL, 0);
    run(&w);
    for (uint8_t i = 1; i <= 3; i++)
        publish(&w, 1, "dsk/3201", "dsk/3201", i);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 3);
    for (int i = 0; i < 200; i++) { /* silent: two of them are suspects now */
        pass(&w, 200);
        run(&w);
    }
    hello(&w, 2, "dsk/3201", 2);
    say(&w, 2, "dsk/3201",
        (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .drop_name = "all" } });
    run(&w);
    forget(&w);
    say_parts(&w, 2, "dsk/3201", &sub, NULL, 0); /* a new one of the name: nothing waits in it */
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_SUBSCRIBED), 1);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 0);
    say(&w, 2, "dsk/3201",
        (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .drop_name = "all" } });
    run(&w);
    ASSERT_EQ(heard(&w, 2, FRAME_ERROR, 0)->f.error.code, ERROR_NO_SUBSCRIPTION);
    credit(&w, 2, "dsk/3201", 1, 1); /* its channel is none any more */
    ASSERT_EQ(heard(&w, 2, FRAME_ERROR, 1)->f.error.code, ERROR_BAD_CHANNEL);
    free(all);
}

TEST(a_channel_that_did_not_open_may_be_asked_for_again) {
    WORLD(w, "upt/r1");
    Filter all = { 0 };
    Frame sub = { .kind = FRAME_SUBSCRIBE,
                  .subscribe = { .channel = 1, .source = SOURCE_NAMED, .name = "all" } };
    hello(&w, 1, "dsk/3201", 1);
    say(&w, 1, "dsk/3201", sub);
    run(&w);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_NO_SUBSCRIPTION);
    sub.subscribe.filter = &all;
    say(&w, 1, "dsk/3201", sub);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 1);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* What one node can make the broker hold, and how long others wait because of it. */

#include "broker-fixture.h"
#include "broker/internal.h"

#define BAD  "dsk/3202"
#define GOOD "dsk/3203"
#define TO   "dsk/3201"

/* The broker again, under other bounds. */
static void begin_again(World *w) {
    w->broker = broker_free(w->broker);
    w->store = store_close(w->store);
    open_store(w);
    open_broker(w);
}

/* In which batch from now the message is; 0: in none of ten. */
static unsigned batch_of(World *w, const Uuid *id) {
    for (unsigned n = 1; n <= 10; n++) {
        bool there = false;
        broker_check_here(w->broker, w->now);
        StoreOp *list = broker_take_batch(w->broker);
        for (const StoreOp *op = list; op; op = op->next)
            there = there ||
                    (op->kind == OP_ACCEPT && uuid_equal(&op->accept.message->env.message_id, id));
        if (list) {
            ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
            ASSERT_OK(broker_stored(w->broker, w->now, list));
        }
        if (there)
            return n;
    }
    return 0;
}

/* The answers to a peer, by verdict; a reason code counts for them alone. */
static unsigned answers(const World *w, uint8_t peer, Verdict verdict, const char *code) {
    unsigned n = 0;
    const Heard *h;
    for (unsigned i = 0; (h = heard(w, peer, FRAME_PUBLISHED, i)); i++)
        for (uint32_t k = 0; k < h->f.published.n; k++) {
            const PublishResult *r = &h->f.published.results[k];
            n += r->verdict == verdict && (!code || (r->reasons && reasons_have(r->reasons, code)));
        }
    return n;
}

static void publish_bytes(World *w, uint8_t peer, const char *from, size_t sealed) {
    Letter l = letter(w, from, TO, 1, URGENCY_ROUTINE);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id } };
    _cleanup_(freep) uint8_t *bytes = calloc(1, sealed);
    Bytes parts[3] = { bytes_make(l.envelope, l.n), { 0 }, bytes_make(bytes, sealed) };
    say_parts(w, peer, from, &f, parts, 3);
    free(l.envelope);
}

/* --- accounts --- */

TEST(an_account_stays_while_something_of_it_is_on_its_way) {
    WORLD(w, "upt/r1");
    hello(&w, 2, BAD, 2);
    run(&w);
    say(&w, 2, BAD, (Frame) { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "worklist" } });
    say(&w, 2, BAD, (Frame) { .kind = FRAME_BYE }); /* no batch took the question yet */
    for (unsigned i = 0; i < 90; i++) {             /* until nothing else speaks for keeping it */
        w.now.mono_ms += SECOND_MS;
        w.now.wall_ms += SECOND_MS;
        ASSERT_OK(broker_tick(w.broker, w.now));
    }
    assert_non_null(w.broker->accounts);
    run(&w);
    for (unsigned i = 0; i < 5; i++)
        pass(&w, SECOND_MS);
    assert_null(w.broker->accounts);
}

/* --- turns --- */

TEST(one_message_does_not_wait_for_a_thousand_of_another_node) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 1); /* it was here lately */
    for (unsigned i = 0; i < 1000; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    const Uuid id = publish(&w, 2, GOOD, TO, 2);
    ASSERT_TRUE(batch_of(&w, &id) <= 2);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 1000);
}

TEST(nor_for_many_sessions_of_it) {
    WORLD(w, "upt/r1");
    for (uint8_t i = 1; i <= 60; i++)
        hello(&w, i, BAD, i);
    hello(&w, 100, GOOD, 100);
    publish(&w, 100, GOOD, TO, 1);
    for (unsigned i = 0; i < 1200; i++)
        publish(&w, (uint8_t)(i % 60 + 1), BAD, TO, (uint8_t)i);
    const Uuid id = publish(&w, 100, GOOD, TO, 2);
    ASSERT_TRUE(batch_of(&w, &id) <= 2);
    run(&w);
}

TEST(a_node_that_is_alone_fills_whole_batches) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    run(&w);
    for (unsigned i = 0; i < 1000; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    for (unsigned left = 1000; left > 0;) {
        unsigned n = 0;
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        for (const StoreOp *op = list; op; op = op->next)
            n += op->kind == OP_ACCEPT;
        ASSERT_EQ(n, MIN(left, 256U));
        left -= n;
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
}

TEST(what_a_node_sends_stays_in_order) {
    WORLD(w, "upt/r1");
    Uuid sent[300];
    unsigned seen = 0;
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < ARRAY_SIZE(sent); i++) {
        sent[i] = publish(&w, 1, BAD, TO, (uint8_t)i);
        publish(&w, 2, GOOD, TO, (uint8_t)i);
    }
    while (seen < ARRAY_SIZE(sent)) {
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        assert_non_null(list);
        for (const StoreOp *op = list; op; op = op->next)
            if (op->kind == OP_ACCEPT && strcmp(op->accept.authority, BAD) == 0)
                ASSERT_TRUE(uuid_equal(&op->accept.message->env.message_id, &sent[seen++]));
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
}

TEST(queries_of_one_node_do_not_hold_up_the_messages_of_another) {
    WORLD(w, "upt/r1");
    char verb[] = "worklist";
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 1);
    for (uint32_t i = 1; i <= 300; i++) {
        Frame f = { .kind = FRAME_QUERY, .query = { .query = i } };
        (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
        say(&w, 1, BAD, f);
    }
    const Uuid id = publish(&w, 2, GOOD, TO, 2);
    ASSERT_TRUE(batch_of(&w, &id) <= 2);
    run(&w);
    unsigned busy = 0;
    for (unsigned i = 0; i < 300; i++)
        busy += strncmp(heard(&w, 1, FRAME_RESULT, i)->f.result.table->text, "BUSY", 4) == 0;
    ASSERT_TRUE(busy > 0 && busy < 60); /* all are answered, those above the bound at once */
}

/* --- bounds --- */

TEST(too_many_messages_are_put_off_and_emergencies_are_not) {
    WORLD(w, "upt/r1");
    w.config.node_window = 100;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 120; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    publish_as(&w, 1, BAD, TO, 200, URGENCY_EMERGENCY);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "WINDOW"), 20);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 101);
    publish(&w, 1, BAD, TO, 1);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 102);
}

TEST(too_many_bytes_are_put_off_whatever_the_session) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 3U << 20;
    begin_again(&w);
    for (uint8_t i = 1; i <= 4; i++) {
        hello(&w, i, BAD, i);
        publish_bytes(&w, i, BAD, SEALED_MAX);
    }
    ASSERT_EQ(answers(&w, 3, VERDICT_LATER, "WINDOW") + answers(&w, 4, VERDICT_LATER, "WINDOW"), 2);
    run(&w);
    publish_bytes(&w, 4, BAD, SEALED_MAX); /* there is room again */
    run(&w);
    ASSERT_EQ(answers(&w, 4, VERDICT_LATER, NULL), 1);
}

TEST(who_goes_on_with_what_is_put_off_is_ended) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    w.config.outbox_bytes = 1U << 30;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    unsigned n = 0;
    for (; n < 400 && !heard(&w, 1, FRAME_ERROR, 0); n++) {
        w.now.mono_ms += n % 7 == 6 ? 100 : 0; /* a window at a time, and too soon */
        publish_bytes(&w, 1, BAD, SEALED_MAX);
    }
    ASSERT_TRUE(n > 25 && n < 45); /* 32 megabytes are forgiven */
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_WINDOW);
    forget(&w);
    hello(&w, 1, BAD, 1); /* and its key is not served for a while */
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
}

/* How many are put off before the session ends. */
static unsigned put_off_until_the_end(World *w, int urgency) {
    unsigned n = 0;
    while (n < 500 && !heard(w, 1, FRAME_ERROR, 0))
        publish_as(w, 1, BAD, TO, (uint8_t)n++, urgency);
    return n;
}

TEST(who_was_told_to_wait_may_send_what_its_window_had_room_for) {
    WORLD(w, "upt/r1");
    w.config.node_window = 100;
    w.config.publish_window = 300;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 100; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    publish(&w, 1, BAD, TO, 1); /* this one tells it; 100 have no answer */
    ASSERT_EQ(put_off_until_the_end(&w, URGENCY_ROUTINE), 200 + 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_WINDOW);
    forget(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
}

TEST(nor_more_bytes_than_a_window_may_have) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    unsigned n = 0;
    for (; n < 100 && !heard(&w, 1, FRAME_ERROR, 0); n++)
        publish_bytes(&w, 1, BAD, SEALED_MAX);
    ASSERT_EQ(n, 1 + 7 + 1); /* eight megabytes, the envelopes among them */
}

/* How many large ones are put off, and in all, until the session ends. */
static unsigned large_until_the_end(World *w, unsigned *ret_all) {
    *ret_all = 0;
    while (*ret_all < 100 && !heard(w, 1, FRAME_ERROR, 0)) {
        publish_bytes(w, 1, BAD, 1000000);
        ++*ret_all;
    }
    return answers(w, 1, VERDICT_LATER, "WINDOW");
}

TEST(a_flood_of_large_ones_beside_who_asks_for_little_is_found_out_early) {
    WORLD(w, "upt/r1");
    unsigned all;
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    run(&w);
    pass(&w, 2000);
    publish(&w, 2, GOOD, TO, 1);
    ASSERT_EQ(large_until_the_end(&w, &all), 1 + 2); /* the first of them tells it */
    ASSERT_EQ(all, 2 + 1 + 2 + 1);                   /* two megabytes, and as many on their way */
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_WINDOW);
}

TEST(a_window_of_bytes_grows_with_what_was_answered) {
    WORLD(w, "upt/r1");
    unsigned all;
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < 3; i++) {
        publish_bytes(&w, 1, BAD, 1000000);
        run(&w);
    }
    pass(&w, 2000);
    publish(&w, 2, GOOD, TO, 1);
    ASSERT_EQ(large_until_the_end(&w, &all), 1 + 5);
}

TEST(one_large_message_at_a_time_is_never_put_off) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < 20; i++) {
        publish(&w, 2, GOOD, TO, (uint8_t)i);
        publish_bytes(&w, 1, BAD, SEALED_MAX);
        run(&w);
        ASSERT_EQ(answers(&w, 1, VERDICT_LATER, NULL), 0);
    }
}

TEST(who_waits_as_told_may_be_put_off_for_ever) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    w.config.publish_window = 50;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 40; i++) {
        for (unsigned k = 0; k < 50; k++)
            publish(&w, 1, BAD, TO, (uint8_t)k);
        pass(&w, 200);
    }
    assert_null(heard(&w, 1, FRAME_ERROR, 0));
}

TEST(emergencies_may_go_on_while_the_rest_waits) {
    WORLD(w, "upt/r1");
    w.config.node_window = 8;
    w.config.publish_window = 20;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 8 + 1; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    ASSERT_EQ(put_off_until_the_end(&w, URGENCY_EMERGENCY), 500);
}

/* What is on its way when the first is put off could not know. */
TEST(many_programs_with_their_windows_full_are_put_off_and_not_ended) {
    enum { PROGRAMS = 8, WINDOW = 8 };
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    begin_again(&w);
    for (uint8_t i = 1; i <= PROGRAMS; i++)
        hello(&w, i, BAD, i);
    for (uint8_t i = 1; i <= PROGRAMS; i++)
        for (unsigned k = 0; k < WINDOW; k++)
            publish_bytes(&w, i, BAD, SEALED_MAX - 4096);
    for (uint8_t i = 1; i <= PROGRAMS; i++) {
        assert_null(heard(&w, i, FRAME_ERROR, 0));
        ASSERT_EQ(answers(&w, i, VERDICT_LATER, "WINDOW"), WINDOW);
    }
}

TEST(the_more_is_put_off_the_later_it_is_to_come_again) {
    WORLD(w, "upt/r1");
    w.config.node_bytes = 1;
    begin_again(&w);
    for (uint8_t i = 1; i <= 4; i++)
        hello(&w, i, BAD, i);
    uint32_t last = 0;
    for (uint8_t i = 0; i < 28; i++) {
        const uint8_t peer = i % 4 + 1;
        publish_bytes(&w, peer, BAD, SEALED_MAX);
        const uint32_t ms =
            heard(&w, peer, FRAME_PUBLISHED, i / 4)->f.published.results[0].retry_after_ms;
        ASSERT_TRUE(ms >= last && (i < 7 ? ms == 200 : ms < 5000));
        last = ms;
    }
    ASSERT_TRUE(last > 2000); /* 20 megabytes too many at 8 a second */
    assert_null(heard(&w, 1, FRAME_ERROR, 0));
}

TEST(what_a_slowed_key_has_waiting_is_not_accepted) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 900; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    for (unsigned i = 0; i < 16 * 300 && broker_status(w.broker).sessions > 1; i++) {
        if (i % 1000 == 999)
            forget(&w);
        else
            say(&w, 1, BAD, (Frame) { .kind = FRAME_PING });
    }
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    run(&w);
    const uint64_t accepted = broker_status(w.broker).accepted;
    ASSERT_TRUE(accepted < 600); /* only those that were on their way */
    ASSERT_EQ(w.broker->unanswered_bytes, 0);
    ASSERT_EQ(account_get(w.broker, BAD)->n_unanswered, 0);
}

TEST(beside_who_asks_for_little_batches_of_another_are_small) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    for (unsigned i = 0; i < 900; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    run(&w);
    forget(&w);
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 200; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    for (unsigned left = 200, n = 0; left > 0; left -= n) {
        broker_check_here(w.broker, w.now);
        StoreOp *list = broker_take_batch(w.broker);
        n = 0;
        for (const StoreOp *op = list; op; op = op->next)
            n += op->kind == OP_ACCEPT && strcmp(op->accept.authority, BAD) == 0;
        ASSERT_TRUE(n > 0 && n <= 128);
        ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
        ASSERT_OK(broker_stored(w.broker, w.now, list));
    }
}

/* Of how many messages of the bad one the next batch is. */
static unsigned next_batch(World *w) {
    unsigned n = 0;
    broker_check_here(w->broker, w->now);
    StoreOp *list = broker_take_batch(w->broker);
    for (const StoreOp *op = list; op; op = op->next)
        n += op->kind == OP_ACCEPT && strcmp(op->accept.authority, BAD) == 0;
    ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
    ASSERT_OK(broker_stored(w->broker, w->now, list));
    return n;
}

TEST(who_only_begins_gets_little_at_a_time_beside_who_asks_for_little) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    run(&w);
    pass(&w, 2000);
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 300; i++) /* less than makes it one that asks for much */
        publish(&w, 1, BAD, TO, (uint8_t)i);
    ASSERT_TRUE(broker_is_pressed(w.broker, w.now));
    const unsigned first = next_batch(&w);
    ASSERT_TRUE(first > 0 && first <= 16);
    w.now.mono_ms += 100;
    (void)next_batch(&w); /* was let go on before */
    const unsigned second = next_batch(&w);
    ASSERT_TRUE(second > first && second <= 32);
    w.now.mono_ms += 700; /* not put off meanwhile */
    (void)next_batch(&w);
    ASSERT_TRUE(next_batch(&w) > 64);
    ASSERT_TRUE(!broker_is_pressed(w.broker, w.now));
}

TEST(nobody_waits_for_who_only_asks_or_subscribes) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    say(&w, 2, GOOD, (Frame) { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "worklist" } });
    for (unsigned i = 0; i < 300; i++)
        publish(&w, 1, BAD, TO, (uint8_t)i);
    ASSERT_TRUE(!broker_is_pressed(w.broker, w.now));
    ASSERT_EQ(next_batch(&w), 256);
}

TEST(who_is_put_off_begins_again) {
    WORLD(w, "upt/r1");
    w.config.node_window = 100;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 2, GOOD, 2);
    publish(&w, 1, BAD, TO, 1);
    run(&w);
    w.now.mono_ms += 700;
    publish(&w, 2, GOOD, TO, 1);
    for (unsigned i = 0; i < 100; i++)
        publish_bytes(&w, 1, BAD, 8192);
    ASSERT_TRUE(!broker_is_pressed(w.broker, w.now));
    publish_bytes(&w, 1, BAD, 8192);
    ASSERT_TRUE(next_batch(&w) > 16); /* was let go on before */
    ASSERT_TRUE(next_batch(&w) <= 2);
    ASSERT_TRUE(broker_is_pressed(w.broker, w.now));
}

/* --- frames that ask for nothing --- */

/* How many of them until the session ends; 0: not within 10,000. */
static unsigned frames_until_the_end(World *w, uint8_t peer, Frame f) {
    for (unsigned n = 1; n <= 10000; n++) {
        say(w, peer, BAD, f);
        run(w);
        if (heard(w, peer, FRAME_ERROR, 0) &&
            heard(w, peer, FRAME_ERROR, 0)->f.error.code == ERROR_BUSY)
            return n;
        forget(w);
    }
    return 0;
}

TEST(who_asks_for_nothing_without_end_waits) {
    static TagRange none = { 7, 9 };
    static Settlement nothing;
    nothing.tags = none;
    nothing.action = SETTLE_DONE;
    const Frame frames[] = {
        { .kind = FRAME_PING },
        { .kind = FRAME_PONG },
        { .kind = FRAME_CREDIT, .credit = { .channel = 1, .messages = 1 } },
        { .kind = FRAME_CREDIT, .credit = { .channel = 9, .messages = 1 } },
        { .kind = FRAME_SETTLE, .settle = { .channel = 1, .n = 1, .settlements = &nothing } },
        { .kind = FRAME_SETTLE, .settle = { .channel = 9, .n = 1, .settlements = &nothing } },
        { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .channel = 9 } },
        { .kind = FRAME_QUERY, .query = { .query = 1, .verb = "no-such-verb" } },
    };
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
        begin_again(&w);
        hello(&w, 1, BAD, 1);
        hello(&w, 2, GOOD, 2);
        subscribe(&w, 1, BAD, 1, SOURCE_MAILBOX, w.config.credit_messages_max);
        run(&w);
        forget(&w);
        const unsigned n = frames_until_the_end(&w, 1, frames[i]);
        ASSERT_TRUE(n > 4000 && n < 4300);
        ASSERT_EQ(broker_status(w.broker).sessions, 1);
        say(&w, 2, GOOD, (Frame) { .kind = FRAME_PING });
        ASSERT_EQ(count(&w, 2, FRAME_PONG), 1);
        pass(&w, MINUTE_MS + 1000);
        forget(&w);
        hello(&w, 1, BAD, 1);
        ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
    }
}

TEST(queries_that_the_store_answers_are_work) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 1;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 1; i <= 60; i++) {
        say(&w, 1, BAD,
            (Frame) { .kind = FRAME_QUERY, .query = { .query = i, .verb = "worklist" } });
        run(&w);
        ASSERT_EQ(count(&w, 1, FRAME_RESULT), i);
    }
}

TEST(without_a_bound_anybody_may_ask_for_nothing) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 0;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(frames_until_the_end(&w, 1, (Frame) { .kind = FRAME_PING }), 0);
}

TEST(credit_for_what_was_delivered_is_work) {
    WORLD(w, "upt/r1");
    w.config.idle_rate = 1; /* 16 frames, and one for each session */
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 2, TO, 2);
    subscribe(&w, 2, TO, 1, SOURCE_MAILBOX, 1);
    for (unsigned i = 1; i <= 60; i++) {
        Settlement done = { .tags = { i, i }, .action = SETTLE_DONE };
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
        ASSERT_EQ(count(&w, 2, FRAME_DELIVER), i);
        say(&w, 2, TO,
            (Frame) { .kind = FRAME_SETTLE,
                      .settle = { .channel = 1, .n = 1, .settlements = &done } });
        say(&w, 2, TO, (Frame) { .kind = FRAME_CREDIT, .credit = { .channel = 1, .messages = 1 } });
        run(&w);
    }
}

TEST(who_overruns_its_window_again_and_again_waits) {
    WORLD(w, "upt/r1");
    w.config.publish_window = 1;
    begin_again(&w);
    for (unsigned i = 0; i < 20; i++) {
        hello(&w, 1, BAD, 1);
        publish(&w, 1, BAD, TO, 1);
        publish(&w, 1, BAD, TO, 2);
    }
    ASSERT_TRUE(count(&w, 1, FRAME_WELCOME) >= 16 && count(&w, 1, FRAME_WELCOME) <= 18);
}

TEST(refusals_without_end_are_put_off) {
    WORLD(w, "upt/r1");
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 1200; i++) {
        publish(&w, 1, BAD, "dsk/9999", 1); /* nobody knows it */
        run(&w);
    }
    ASSERT_EQ(answers(&w, 1, VERDICT_REFUSED, "UNKNOWN_RECIPIENT"), 1024);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "SLOW_DOWN"), 1200 - 1024);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "WINDOW"), 1200 - 1024); /* for all of its messages */
    pass(&w, 2000);
    publish(&w, 1, BAD, TO, 1);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 1);
}

TEST(a_node_opens_sessions_no_faster_than_it_may) {
    WORLD(w, "upt/r1");
    w.config.sessions_node = 10;
    w.config.hello_rate = 2;
    begin_again(&w);
    for (unsigned i = 0; i < 50; i++)
        hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 10);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
    hello(&w, 2, GOOD, 2);
    ASSERT_EQ(count(&w, 2, FRAME_WELCOME), 1);
    pass(&w, 1000);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 11);
}

TEST(a_key_that_sends_garbage_waits_and_no_other) {
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < 40; i++) {
        hello(&w, 1, BAD, 1);
        say(&w, 1, BAD, (Frame) { .kind = FRAME_WELCOME }); /* not for a broker */
    }
    ASSERT_TRUE(count(&w, 1, FRAME_WELCOME) >= 16 && count(&w, 1, FRAME_WELCOME) <= 18);
    hello(&w, 2, GOOD, 2);
    ASSERT_EQ(count(&w, 2, FRAME_WELCOME), 1);
    forget(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.code, ERROR_BUSY);
    pass(&w, MINUTE_MS + 1000);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
}

TEST(a_window_of_frames_after_a_restart_is_no_garbage) {
    WORLD(w, "upt/r1");
    for (unsigned i = 0; i < 2000; i++)
        publish(&w, 1, BAD, TO, 1);
    forget(&w);
    hello(&w, 1, BAD, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
}

TEST(who_does_not_read_its_answers_is_ended) {
    WORLD(w, "upt/r1");
    w.config.outbox_bytes = 1000;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    w.full[1] = true;
    for (unsigned i = 0; i < 900; i++)
        say(&w, 1, BAD, (Frame) { .kind = FRAME_PING });
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
}

/* --- quotas of the store --- */

TEST(a_sender_has_no_more_waiting_than_its_quota) {
    WORLD(w, "upt/r1");
    w.store_config.sender_quota = 20;
    w.store_config.dead_quota = 100;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 25; i++) {
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
    }
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 20);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "SENDER_FULL"), 5);
    publish_as(&w, 1, BAD, TO, 200, URGENCY_EMERGENCY);
    hello(&w, 2, GOOD, 2);
    publish(&w, 2, GOOD, TO, 201);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 21);
    ASSERT_EQ(answers(&w, 2, VERDICT_ACCEPTED, NULL), 1);
    begin_again(&w); /* it is known after a start, too */
    forget(&w);
    hello(&w, 1, BAD, 1);
    publish(&w, 1, BAD, TO, 202);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "SENDER_FULL"), 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
    run(&w);
    for (uint64_t tag = 1; tag <= 10; tag++)
        settle(&w, 3, TO, tag, SETTLE_DONE);
    run(&w);
    publish(&w, 1, BAD, TO, 203);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 1);
}

TEST(a_mailbox_has_no_more_waiting_than_its_quota) {
    WORLD(w, "upt/r1");
    w.store_config.mailbox_quota = 5;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    for (unsigned i = 0; i < 7; i++) {
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
    }
    publish(&w, 1, BAD, GOOD, 1);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "MAILBOX_FULL"), 2);
    ASSERT_EQ(answers(&w, 1, VERDICT_ACCEPTED, NULL), 6);
}

TEST(a_sender_with_too_many_dead_letters_waits_for_an_operator) {
    WORLD(w, "upt/r1");
    w.store_config.dead_quota = 3;
    begin_again(&w);
    hello(&w, 1, BAD, 1);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 100);
    run(&w);
    for (uint64_t i = 1; i <= 3; i++) {
        publish(&w, 1, BAD, TO, (uint8_t)i);
        run(&w);
        Settlement st = { .tags = { i, i }, .action = SETTLE_REJECT, .permanent = true };
        say(&w, 3, TO,
            (Frame) { .kind = FRAME_SETTLE,
                      .settle = { .channel = 1, .n = 1, .settlements = &st } });
        run(&w);
    }
    publish(&w, 1, BAD, TO, 10);
    run(&w);
    ASSERT_EQ(answers(&w, 1, VERDICT_LATER, "DEAD_LETTERS"), 1);
}

/* --- what is written down of it --- */

TEST(requests_for_keys_have_a_rate) {
    WORLD(w, "upt/r1");
    KeyRequest r = { .act = KEY_ACT_ADD, .asked_ms = w.now.wall_ms };
    uint8_t *input;
    size_t n;
    hello(&w, 1, BAD, 1);
    (void)text_copy(r.key.node, sizeof(r.key.node), BAD);
    (void)text_copy(r.by_node, sizeof(r.by_node), BAD);
    (void)text_copy(r.key.label, sizeof(r.key.label), "main");
    key_of("another", r.key.curve);
    memset(r.key.sign.b, 1, sizeof(r.key.sign.b));
    ASSERT_OK(codec_encode_key_demand(&r));
    ASSERT_OK(codec_encode_key_request(&r, &input, &n));
    for (unsigned i = 1; i <= 1200; i++) {
        Frame f = { .kind = FRAME_QUERY,
                    .query = { .query = i, .verb = "key-request", .input = input, .n_input = n } };
        say(&w, 1, BAD, f);
        run(&w);
    }
    free(input);
    unsigned unproven = 0, busy = 0;
    const Heard *h;
    for (unsigned i = 0; (h = heard(&w, 1, FRAME_RESULT, i)); i++) {
        unproven += text_starts_with(h->f.result.table->text, "UNPROVEN");
        busy += text_starts_with(h->f.result.table->text, "BUSY");
    }
    ASSERT_EQ(unproven, 1024);
    ASSERT_EQ(busy, 1200 - 1024);
}

TEST_MAIN

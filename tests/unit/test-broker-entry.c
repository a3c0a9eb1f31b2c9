/* SPDX-License-Identifier: Apache-2.0 */

/* Who may open what, and what a peer's word does not change: mailboxes of elsewhere, links and
 * forwards of brokers that are not below, ids that differ, parents that are another. */

#include "account-fixture.h"

static ErrorCode last_error(const World *w, uint8_t peer) {
    const unsigned n = count(w, peer, FRAME_ERROR);
    return n > 0 ? heard(w, peer, FRAME_ERROR, n - 1)->f.error.code : ERROR_NONE;
}

static int64_t stored_messages(World *w) {
    return (int64_t)store_health(w->store)->messages;
}

/* --- who is not at home here ---------------------------------------------------------------- */

TEST(a_mailbox_is_read_at_the_home_of_its_node) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3401", 1); /* at home on upt/r2 */
    subscribe(&w, 1, "dsk/3401", 1, SOURCE_MAILBOX, 4);
    run(&w);
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED);
    subscribe(&w, 1, "dsk/3401", 2, SOURCE_RECEIPTS, 4);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 2);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 0);
}

TEST(a_link_is_read_by_the_brokers_below_and_no_other) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "upt/r2", 1); /* a broker, but the hub's child */
    subscribe(&w, 1, "upt/r2", 1, SOURCE_LINK, 4);
    run(&w);
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 0);
}

/* The programs of an institution that runs a broker are no broker, and lose nothing by its link. */
TEST(a_program_of_a_child_does_not_read_its_link) {
    WORLD(w, "hub");
    add_key(&w, "program", "upt/r1");
    hello(&w, 1, "program", 1);
    subscribe(&w, 1, "program", 1, SOURCE_LINK, 4);
    run(&w);
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 0);
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 4);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_SUBSCRIBED), 1);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 1);
    ASSERT_EQ(broker_status(w.broker).sessions, 2);
}

static void forward_as(World *w, uint8_t peer, const char *node) {
    Letter l = letter(w, "dsk/3401", "dsk/3201", 1, URGENCY_ROUTINE);
    Forward fwd = { .present = true,
                    .accepted_ms = w->now.wall_ms,
                    .expires_ms = w->now.wall_ms + DAY_MS,
                    .n_recipients = 1,
                    .n_stamps = 1 };
    fwd.recipients[0].role = ROLE_ADDRESSEE;
    (void)text_copy(fwd.recipients[0].node, NODE_NAME_SIZE, "dsk/3201");
    fwd.stamps[0].at_ms = w->now.wall_ms;
    (void)text_copy(fwd.stamps[0].broker, NODE_NAME_SIZE, node);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id, .forward = &fwd } };
    Bytes parts[2] = { bytes_make(l.envelope, l.n), { 0 } };
    say_parts(w, peer, node, &f, parts, 2);
    run(w);
    free(l.envelope);
}

TEST(only_a_broker_below_passes_on_what_others_wrote) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "upt/r2", 1);
    const int64_t before = stored_messages(&w);
    forward_as(&w, 1, "upt/r2");
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED);
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
    hello(&w, 2, "dsk/3202", 2); /* nor a client */
    forward_as(&w, 2, "dsk/3202");
    ASSERT_EQ(last_error(&w, 2), ERROR_NOT_ALLOWED);
    ASSERT_EQ(stored_messages(&w), before);
}

/* --- ids, windows, sessions ----------------------------------------------------------------- */

TEST(the_id_of_the_frame_is_the_messages_own) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    const int64_t before = stored_messages(&w);
    Letter l = letter(&w, "dsk/3201", "dsk/3202", 1, URGENCY_ROUTINE);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = { { 7, 7, [15] = 7 } } } };
    Bytes parts[2] = { bytes_make(l.envelope, l.n), { 0 } };
    say_parts(&w, 1, "dsk/3201", &f, parts, 2);
    run(&w);
    free(l.envelope);
    const Heard *h = heard(&w, 1, FRAME_PUBLISHED, 0);
    assert_non_null(h);
    ASSERT_EQ(h->f.published.results[0].verdict, VERDICT_REFUSED);
    ASSERT_TRUE(uuid_equal(&h->f.published.results[0].message_id, &f.publish.message_id));
    ASSERT_EQ(stored_messages(&w), before);
}

TEST(what_was_refused_unread_leaves_the_window) {
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    config.publish_window = 3;
    broker_reconfigure(w.broker, &config);
    hello(&w, 1, "dsk/3201", 1);
    for (uint8_t i = 1; i <= 12; i++) {
        Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = { { 9, [15] = i } } } };
        say(&w, 1, "dsk/3201", f); /* without an envelope */
        run(&w);
        ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED), i);
    }
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0);
}

TEST(an_instance_that_comes_back_ends_its_older_session) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    hello(&w, 2, "dsk/3201", 2); /* another program of the node: stays */
    hello(&w, 3, "dsk/3201", 1);
    ASSERT_EQ(last_error(&w, 1), ERROR_REPLACED);
    ASSERT_EQ(count(&w, 2, FRAME_ERROR), 0);
    ASSERT_EQ(broker_status(w.broker).sessions, 2);
}

TEST(a_look_at_all_that_waits_comes_to_its_end) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    for (unsigned i = 0; i < 1300; i++) { /* more than one piece */
        publish(&w, 1, "dsk/3201", "dsk/3202", (uint8_t)i);
        if (i % 100 == 99)
            run(&w);
    }
    run(&w);
    pass(&w, 6 * SECOND_MS);
    unsigned batches = 0;
    while (batches < 20 && batch(&w))
        batches++;
    ASSERT_TRUE(batches < 20);
}

/* --- the parent ----------------------------------------------------------------------------- */

TEST(a_parent_that_names_itself_another_is_none) {
    WORLD(w, "upt/r1");
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    Frame f = { .kind = FRAME_WELCOME, .welcome = { .protocol = 1, .ping_interval_ms = 10000 } };
    (void)text_copy(f.welcome.broker, sizeof(f.welcome.broker), "upt/r2");
    (void)text_copy(f.welcome.node, sizeof(f.welcome.node), "upt/r1");
    say(&w, 0, "hub", f);
    ASSERT_TRUE(!broker_status(w.broker).uplink_up);
    (void)text_copy(f.welcome.broker, sizeof(f.welcome.broker), "hub");
    (void)text_copy(f.welcome.node, sizeof(f.welcome.node), "upt/r2"); /* it takes us for another */
    say(&w, 0, "hub", f);
    ASSERT_TRUE(!broker_status(w.broker).uplink_up);
    uplink_open(&w, 16);
    ASSERT_TRUE(broker_status(w.broker).uplink_up);
}

TEST(a_parents_key_that_is_another_nodes_is_not_spoken_to) {
    WORLD(w, "upt/r1");
    char curve[CURVE_TEXT_SIZE];
    key_of("upt/r2", curve);
    broker_set_parent_key(w.broker, curve);
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 0);
    key_of("hub", curve);
    broker_set_parent_key(w.broker, curve);
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
}

TEST(a_parent_that_says_nothing_is_left_after_three_intervals) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 16);
    run(&w);
    for (int i = 0; i < 29; i++)
        pass(&w, SECOND_MS);
    ASSERT_TRUE(broker_status(w.broker).uplink_up);
    for (int i = 0; i < 3; i++)
        pass(&w, SECOND_MS);
    ASSERT_TRUE(!broker_status(w.broker).uplink_up);
    ASSERT_EQ(w.n_resets, 1);
}

TEST(what_cannot_be_read_of_the_parent_is_rejected_and_holds_up_nothing) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 16);
    run(&w);
    Forward fwd = { .present = true };
    Frame f = { .kind = FRAME_DELIVER,
                .deliver = { .channel = 1, .tag = 1, .attempt = 1, .forward = &fwd } };
    Bytes parts[2] = { bytes_make("\xff\xff", 2), { 0 } };
    say_parts(&w, 0, "hub", &f, parts, 2);
    run(&w);
    pass(&w, 200);
    const Heard *h = heard(&w, 0, FRAME_SETTLE, 0);
    assert_non_null(h);
    ASSERT_EQ(h->f.settle.settlements[0].tags.first, 1);
    ASSERT_EQ(h->f.settle.settlements[0].action, SETTLE_REJECT);
}

TEST(what_was_not_settled_in_time_is_not_settled_in_the_next_session) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 8);
    run(&w);
    w.full[0] = true;
    deliver_down(&w, 1, 0);
    run(&w); /* on disk; the pipe takes no word of it */
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    w.full[0] = false;
    forget(&w);
    uplink_open(&w, 8);
    run(&w);
    pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_SETTLE), 0); /* tag 1 is another message's now */
}

TEST(credit_of_an_ended_session_is_not_given_in_the_next) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 8); /* given back from the third on */
    deliver_down(&w, 1, 0);
    deliver_down(&w, 2, 0);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_CREDIT), 0);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    uplink_open(&w, 8);
    deliver_down(&w, 1, 0);
    run(&w);
    pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_CREDIT), 0);
}

TEST(a_pause_the_parent_asked_for_ends_with_its_session) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 16);
    Uuid id = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    PublishResult r = { .message_id = id, .verdict = VERDICT_LATER, .retry_after_ms = 60000 };
    say(&w, 0, "hub", (Frame) { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } });
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    uplink_open(&w, 16);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 2);
}

TEST(what_the_parent_refuses_is_told_to_its_sender) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 16);
    Uuid id = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(outcomes(&w, &id), 0);
    PublishResult r = { .message_id = id, .verdict = VERDICT_REFUSED };
    say(&w, 0, "hub", (Frame) { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } });
    run(&w);
    ASSERT_EQ(outcomes(&w, &id), 1);
}

TEST(what_is_not_answered_yet_is_no_gap) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 16);
    run(&w);
    LinkProgress theirs = { .present = true, .received_count = 1 };
    theirs.received_digest = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    for (unsigned i = 0; i < 5; i++) /* they have it; their answer is still on its way */
        say(&w, 0, "hub", (Frame) { .kind = FRAME_PONG, .pong = { .progress = theirs } });
    ASSERT_EQ(w.n_gaps, 0);
}

/* --- questions ------------------------------------------------------------------------------ */

static const Table *asked(World *w, uint8_t peer, const char *node, const char *verb,
                          const char *about) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 1, .n_args = about ? 1 : 0 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    if (about)
        f.query.args[0] = strdup(about);
    forget(w);
    say(w, peer, node, f);
    frame_deinit(&f);
    run(w);
    const Heard *h = heard(w, peer, FRAME_RESULT, 0);
    assert_non_null(h);
    return h->f.result.table;
}

TEST(questions_that_were_answered_make_room_for_others) {
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    config.node_queries = 2;
    broker_reconfigure(w.broker, &config);
    hello(&w, 1, "dsk/3201", 1);
    for (unsigned i = 0; i < 8; i++)
        ASSERT_EQ(asked(&w, 1, "dsk/3201", "worklist", NULL)->code, 0);
}

TEST(a_request_for_a_key_is_counted_as_a_question) {
    static const char *const verbs[] = { "worklist", "worklist", "key-request" };
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    config.node_queries = 2;
    broker_reconfigure(w.broker, &config);
    hello(&w, 1, "dsk/3201", 1);
    forget(&w);
    w.broker->way_ops += 1000000U; /* so much is on its way: what comes has to wait */
    for (unsigned i = 0; i < ARRAY_SIZE(verbs); i++) {
        Frame f = { .kind = FRAME_QUERY, .query = { .query = i + 1 } };
        (void)text_copy(f.query.verb, sizeof(f.query.verb), verbs[i]);
        say(&w, 1, "dsk/3201", f);
    }
    w.broker->way_ops -= 1000000U;
    run(&w);
    for (unsigned i = 0; i < ARRAY_SIZE(verbs); i++) {
        const Frame *f = &heard(&w, 1, FRAME_RESULT, i)->f;
        const bool busy = strncmp(f->result.table->text, "BUSY", 4) == 0;
        ASSERT_EQ(busy, f->result.query == ARRAY_SIZE(verbs));
    }
}

TEST(who_asks_for_keys_is_told_of_its_own) {
    WORLD(w, "upt/r1");
    char curve[CURVE_TEXT_SIZE];
    key_of("dsk/3201", curve);
    hello(&w, 1, "dsk/3201", 1);
    const Table *t = asked(&w, 1, "dsk/3201", "key-list", "dsk/3202");
    ASSERT_EQ(table_rows(t), 1);
    ASSERT_STR(table_cell(t, 0, t->n_columns - 1), curve);
}

TEST_MAIN

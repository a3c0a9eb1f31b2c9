/* SPDX-License-Identifier: Apache-2.0 */

/* Sessions of libserasi, and its calls that wait: these against a broker in a thread. */

#include "client-fixture.h"

/* --- session --- */

TEST(a_session_opens_with_hello_and_names_both_ends) {
    _cleanup_(world_close) World w;
    world_open(&w);
    ASSERT_EQ(serasi_process(w.c), SERASI_NOT_CONNECTED);
    ASSERT_STR(serasi_node(w.c), "");
    expect(&w, FRAME_HELLO);
    ASSERT_STR(w.f.hello.client, "test");
    ASSERT_EQ(w.f.hello.protocol_min, 1);
    ASSERT_EQ(w.f.hello.protocol_max, 1);
    assert_false(uuid_is_nil(&w.f.hello.instance_id));
    ASSERT_EQ(w.raw.n_parts, 1);
    say(&w, &w.welcome, NULL);
    while (serasi_process(w.c) != 0)
        turn(&w);
    ASSERT_STR(serasi_node(w.c), "dsk/3203");
    ASSERT_STR(serasi_broker(w.c), "upt/satria");
}

TEST(closing_says_bye) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    serasi_close(w.c);
    w.c = NULL;
    for (int i = 0; !hear(&w) && i < 1000; i++)
        poll(NULL, 0, 5);
    ASSERT_EQ(w.f.kind, FRAME_BYE);
}

TEST(a_quiet_session_is_pinged_and_a_silent_broker_is_left) {
    _cleanup_(world_close) World w;
    world_open(&w);
    w.welcome.welcome.ping_interval_ms = 300;
    greet(&w);
    Uuid instance = w.f.hello.instance_id;
    int64_t start = now_read().mono_ms;
    for (int i = 0; i < 6; i++) { /* answered: alive for twice the patience */
        expect(&w, FRAME_PING);
        const Frame pong = { .kind = FRAME_PONG, .pong = { .sent_ms = w.f.ping.sent_ms } };
        say(&w, &pong, NULL);
    }
    assert_true(now_read().mono_ms - start >= 1500);
    ASSERT_OK(serasi_process(w.c));
    start = now_read().mono_ms; /* unanswered: HELLO on a new connection after three intervals */
    for (w.f.kind = FRAME_PING; w.f.kind == FRAME_PING || w.f.kind == FRAME_NONE; (void)hear(&w)) {
        assert_true(now_read().mono_ms - start < PATIENCE_MS);
        turn(&w);
    }
    ASSERT_EQ(w.f.kind, FRAME_HELLO);
    assert_true(uuid_equal(&w.f.hello.instance_id, &instance));
    assert_true(serasi_process(w.c) == SERASI_NOT_CONNECTED);
}

TEST(a_ping_of_the_broker_is_answered) {
    _cleanup_(world_close) World w;
    const Frame ping = { .kind = FRAME_PING, .ping = { .sent_ms = 4711 } };
    world_open(&w);
    greet(&w);
    say(&w, &ping, NULL);
    expect(&w, FRAME_PONG);
    ASSERT_EQ(w.f.pong.sent_ms, 4711);
}

TEST(no_session_is_answered_with_one_hello) {
    _cleanup_(world_close) World w;
    const Frame no_session = { .kind = FRAME_ERROR, .error = { .code = ERROR_NO_SESSION } };
    world_open(&w);
    greet(&w);
    expect_silence(&w, 1100);
    say(&w, &no_session, NULL);
    say(&w, &no_session, NULL);
    expect(&w, FRAME_HELLO);
    expect_silence(&w, 100);
    say(&w, &w.welcome, NULL);
    settle_down(&w);
    ASSERT_OK(serasi_process(w.c));
}

TEST(frames_that_cannot_be_read_end_the_session_alone) {
    _cleanup_(world_close) World w;
    const Bytes junk[] = { bytes_make("\xff\xff\xff\xff", 4), bytes_make("", 0), bytes_make("", 0),
                           bytes_make("", 0) };
    world_open(&w);
    greet(&w);
    ASSERT_OK(sock_send(w.router, w.route, w.n_route, junk, 4));
    greet(&w);
    publish(&w, 1);
    expect(&w, FRAME_PUBLISH);
}

TEST(frames_nobody_asked_for_do_no_harm) {
    _cleanup_(world_close) World w;
    TagRange wild = { 1, UINT64_MAX };
    Table table = { .code = 0 };
    const Frame frames[] = {
        { .kind = FRAME_WELCOME, .welcome = { .protocol = 9, .broker = "hub", .node = "hub" } },
        { .kind = FRAME_HELLO,
          .hello = { .protocol_min = 1, .protocol_max = 1, .instance_id = { { 1 } } } },
        { .kind = FRAME_SUBSCRIBED, .subscribed = { .channel = 3 } },
        { .kind = FRAME_SETTLED, .settled = { .channel = 1, .n_unknown = 1, .unknown = &wild } },
        { .kind = FRAME_RESULT, .result = { .query = 1, .table = &table } },
        { .kind = FRAME_ERROR, .error = { .code = ERROR_BAD_CHANNEL, .channel = 9 } },
        { .kind = FRAME_ERROR, .error = { .code = ERROR_NOT_ALLOWED } },
        { .kind = FRAME_CREDIT, .credit = { .channel = 1 } },
    };
    world_open(&w);
    greet(&w);
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        say(&w, &frames[i], NULL);
        settle_down(&w);
        if (serasi_process(w.c) != 0)
            fail_msg("%s ended the session", frame_kind_name(frames[i].kind));
    }
    deliver(&w, 1, 1, 1);
    answer(&w, 1, VERDICT_ACCEPTED);
    settle_down(&w);
    ASSERT_OK(serasi_process(w.c));
    serasi_result *r = NULL;
    ASSERT_EQ(serasi_next_result(w.c, &r), SERASI_AGAIN);
    check_no_more(&w);
}

TEST(a_key_enrolled_later_comes_in_by_itself) {
    _cleanup_(world_close) World w;
    _cleanup_(directory_unrefp) Directory *d = NULL;
    world_open(&w);
    greet(&w);
    ASSERT_OK(directory_new(&d));
    ASSERT_OK(directory_seal(d, 1));
    zap_set_own_key(w.zap, "");
    zap_set_directory(w.zap, d);
    restart_broker(&w);
    for (int i = 0; serasi_process(w.c) != SERASI_NOT_KNOWN; i++) {
        assert_true(i < 2000);
        turn(&w);
    }
    ASSERT_EQ(serasi_wait_open(w.c, 50), SERASI_NOT_KNOWN);
    zap_set_own_key(w.zap, w.client_keys.curve_public);
    greet(&w);
    ASSERT_OK(serasi_process(w.c));
}

TEST(the_descriptor_wakes_for_frames_and_for_work) {
    _cleanup_(world_close) World w;
    const Frame ping = { .kind = FRAME_PING, .ping = { .sent_ms = 1 } };
    world_open(&w);
    greet(&w);
    struct pollfd p = { .fd = serasi_fd(w.c), .events = POLLIN };
    for (int i = 0; i < 50; i++) {
        settle_down(&w);
        ASSERT_EQ(poll(&p, 1, 0), 0); /* nothing to do: asleep */
        assert_true(serasi_timeout_ms(w.c) > 1000);
        if (i % 2) {
            publish(&w, (unsigned)i);
            ASSERT_EQ(serasi_timeout_ms(w.c), 0);
            ASSERT_EQ(poll(&p, 1, PATIENCE_MS), 1);
            expect(&w, FRAME_PUBLISH);
        } else {
            say(&w, &ping, NULL);
            ASSERT_EQ(poll(&p, 1, PATIENCE_MS), 1);
            expect(&w, FRAME_PONG);
        }
        if (i == 4) /* often enough */
            break;
    }
}

/* --- calls that wait --- */

static void answer_query(World *w) {
    _cleanup_(table_freep) Table *t = table_new();
    if (strcmp(w->f.query.verb, "status") == 0) {
        table_column(t, "node", COLUMN_TEXT);
        table_column(t, "queued", COLUMN_NUMBER);
        table_text(t, w->f.query.args[0]);
        table_number(t, 42);
    } else {
        table_say(t, 1, "no such verb");
    }
    Frame f = { .kind = FRAME_RESULT, .result = { .query = w->f.query.query, .table = t } };
    say(w, &f, NULL);
}

static void answer_publish(World *w) {
    PublishResult r = { .message_id = w->f.publish.message_id, .verdict = w->verdict };
    if (atomic_load(&w->later_first) > 0) {
        atomic_fetch_sub(&w->later_first, 1);
        r.verdict = VERDICT_LATER;
        r.retry_after_ms = atomic_load(&w->later_ms);
    }
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } };
    atomic_fetch_add(&w->n_published, 1);
    if (w->verdict != VERDICT_NONE)
        say(w, &f, NULL);
}

static void *broker_run(void *data) {
    World *w = data;
    while (!atomic_load(&w->stop)) {
        if (!hear(w)) {
            poll(NULL, 0, 1);
            continue;
        }
        switch (w->f.kind) {
        case FRAME_HELLO:
            say(w, &w->welcome, NULL);
            break;
        case FRAME_PUBLISH:
            answer_publish(w);
            break;
        case FRAME_QUERY:
            answer_query(w);
            break;
        case FRAME_SUBSCRIBE:
            say_subscribed(w);
            deliver(w, 1, 1, 1);
            break;
        case FRAME_SETTLE:
            settled(w, 1, 1, 1);
            break;
        default:
            break;
        }
    }
    return NULL;
}

static void world_open_threaded(World *w) {
    world_open(w);
    w->verdict = VERDICT_ACCEPTED;
    atomic_store(&w->later_ms, 60);
    w->threaded = true;
    ASSERT_OK(pthread_create(&w->thread, NULL, broker_run, w));
}

TEST(publish_wait_gives_the_verdict_and_repeats_later) {
    _cleanup_(world_close) World w;
    serasi_result *r = NULL;
    world_open_threaded(&w);
    ASSERT_OK(serasi_wait_open(w.c, PATIENCE_MS));
    serasi_message *m = message_of(1, NULL);
    atomic_store(&w.later_first, 2);
    ASSERT_OK(serasi_publish_wait(w.c, m, PATIENCE_MS, &r));
    ASSERT_EQ(serasi_result_verdict(r), SERASI_VERDICT_ACCEPTED);
    ASSERT_EQ(atomic_load(&w.n_published), 3);
    serasi_result_free(r);

    atomic_store(&w.later_first, 1);
    atomic_store(&w.later_ms, 2 * PATIENCE_MS); /* when nobody waits any more */
    ASSERT_EQ(serasi_publish_wait(w.c, m, PATIENCE_MS, &r), SERASI_LATER);
    ASSERT_EQ(serasi_result_retry_after_ms(r), 2 * PATIENCE_MS);
    serasi_result_free(r);
    ASSERT_EQ(serasi_next_result(w.c, &r), SERASI_AGAIN);
    serasi_message_free(m);
}

TEST(publish_wait_without_an_answer_is_a_timeout_and_leaves_nothing_behind) {
    _cleanup_(world_close) World w;
    serasi_result *r = NULL;
    world_open(&w);
    serasi_message *m = message_of(1, NULL);
    ASSERT_EQ(serasi_publish_wait(w.c, m, 30, &r), SERASI_TIMEOUT); /* no session yet */
    for (int i = 0; i < 1000 && !hear(&w); i++)
        turn(&w);
    ASSERT_EQ(w.f.kind, FRAME_HELLO);
    say(&w, &w.welcome, NULL);
    settle_down(&w);
    ASSERT_OK(serasi_process(w.c));
    ASSERT_EQ(serasi_publish_wait(w.c, m, 50, &r), SERASI_TIMEOUT);
    expect(&w, FRAME_PUBLISH);
    answer(&w, 1, VERDICT_ACCEPTED); /* too late: nobody wants it */
    settle_down(&w);
    ASSERT_EQ(serasi_next_result(w.c, &r), SERASI_AGAIN);
    serasi_message *next = message_of(2, NULL); /* it is not the answer to another one either */
    ASSERT_EQ(serasi_publish_wait(w.c, next, 50, &r), SERASI_TIMEOUT);
    serasi_message_free(next);
    serasi_message_free(m);
}

TEST(a_query_prints_its_table_or_the_refusal) {
    _cleanup_(world_close) World w;
    const char *args[] = { "dsk/3203" };
    char *json = NULL;
    world_open_threaded(&w);
    ASSERT_OK(serasi_query(w.c, "status", args, 1, NULL, 0, 0, PATIENCE_MS, &json));
    assert_non_null(strstr(json, "\"node\""));
    assert_non_null(strstr(json, "dsk/3203"));
    assert_non_null(strstr(json, "42"));
    free(json);
    ASSERT_EQ(serasi_query(w.c, "dance", NULL, 0, NULL, 0, 0, PATIENCE_MS, &json), SERASI_REFUSED);
    ASSERT_STR(json, "no such verb");
    free(json);
    ASSERT_EQ(serasi_query(w.c, "status", args, 9, NULL, 0, 0, 10, &json), -EINVAL);
}

TEST(the_late_answer_to_a_question_is_not_that_to_the_next) {
    _cleanup_(world_close) World w;
    char *json = NULL;
    world_open(&w);
    greet(&w);
    ASSERT_EQ(serasi_query(w.c, "status", NULL, 0, NULL, 0, 0, 50, &json), SERASI_TIMEOUT);
    expect(&w, FRAME_QUERY);
    Frame f = { .kind = FRAME_RESULT,
                .result = { .query = w.f.query.query, .table = table_new() } };
    assert_non_null(f.result.table);
    table_column(f.result.table, "node", COLUMN_TEXT);
    table_text(f.result.table, "dsk/3203");
    say(&w, &f, NULL);
    table_free(f.result.table);
    ASSERT_EQ(serasi_query(w.c, "queues", NULL, 0, NULL, 0, 0, 200, &json), SERASI_TIMEOUT);
    assert_null(json);
}

TEST(flush_returns_when_settlements_are_on_disk) {
    _cleanup_(world_close) World w;
    world_open_threaded(&w);
    ASSERT_OK(serasi_wait_open(w.c, PATIENCE_MS));
    ASSERT_OK(serasi_flush(w.c, 0));
    subscribe(&w, 4);
    take(&w, 1, SERASI_DONE);
    ASSERT_OK(serasi_flush(w.c, PATIENCE_MS));
    ASSERT_EQ(serasi_unsettled(w.c), 0);
}

TEST(an_operator_connects_over_ipc_without_keys) {
    _cleanup_(world_close) World w;
    char endpoint[128];
    world_open(&w);
    serasi_close(w.c);
    w.c = NULL;
    w.router = sock_free(w.router);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/admin.sock", w.folder);
    ASSERT_OK(sock_new_admin(&w.router, w.ctx, &sock_options_default));
    ASSERT_OK(sock_bind(w.router, endpoint, -1));
    serasi_options o = { .size = sizeof(o), .endpoint = endpoint };
    ASSERT_OK(serasi_open(&w.c, &o));
    expect(&w, FRAME_HELLO);
    ASSERT_STR(w.f.hello.client, "libserasi");
    assert_memory_equal(w.raw.user_id, "uid:", 4);
    say(&w, &w.welcome, NULL);
    ASSERT_OK(serasi_wait_open(w.c, PATIENCE_MS));
    unlink(endpoint + 6);
}

TEST(an_application_that_slept_does_not_blame_the_broker) {
    _cleanup_(world_close) World w;
    world_open(&w);
    w.welcome.welcome.ping_interval_ms = 50;
    greet(&w);
    poll(NULL, 0, 300);
    expect(&w, FRAME_PING);
    ASSERT_OK(serasi_process(w.c));
}

TEST(options_are_checked) {
    serasi_client *c = NULL;
    const char *key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    serasi_options o = { .size = sizeof(o), .endpoint = "tcp://127.0.0.1:1" };
    ASSERT_EQ(serasi_open(&c, NULL), -EINVAL);
    ASSERT_EQ(serasi_open(&c, &o), -EINVAL); /* never without keys over a network */
    o.server_key = key;
    ASSERT_EQ(serasi_open(&c, &o), -EINVAL);
    o.key_file = "/nonexistent/key";
    ASSERT_EQ(serasi_open(&c, &o), -ENOENT);
    o.size = 4;
    ASSERT_EQ(serasi_open(&c, &o), -EINVAL);
    assert_null(c);
    serasi_close(NULL);
    ASSERT_STR(serasi_strerror(SERASI_OK), "Done");
    ASSERT_STR(serasi_strerror(-EACCES), "Permission denied");
    assert_non_null(serasi_strerror(9999));
    assert_non_null(serasi_strerror(-99999));
}

TEST_MAIN

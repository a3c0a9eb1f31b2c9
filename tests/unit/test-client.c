/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libserasi against a broker played by the test: a ROUTER in the same process that says exactly
 * what each test wants said. Calls that wait are tested against the same broker in a thread.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <serasi/client.h>

#include "base/times.h"
#include "core/frame.h"
#include "net/sock.h"
#include "net/zap.h"
#include "test.h"
#include "wire/codec.h"

#define PATIENCE_MS 8000

typedef struct World {
    void *ctx;
    Zap *zap;
    NodeKeys broker_keys, client_keys;
    Sock *router;
    char endpoint[64], folder[64], key_file[96];
    uint8_t route[ROUTE_MAX];
    size_t n_route;
    Frame welcome;
    serasi_client *c;
    /* the frame last received */
    SockMessage raw;
    Frame f;
    /* for the broker in a thread */
    pthread_t thread;
    bool threaded;
    atomic_bool stop;
    atomic_uint n_published, later_first;
    Verdict verdict;
} World;

static void broker_up(World *w) {
    ASSERT_OK(sock_new_router(&w->router, w->ctx, &w->broker_keys, &sock_options_default));
    for (int tries = 0; tries < 200; tries++) { /* the old listener may linger for a moment */
        int r = sock_bind(w->router, w->endpoint[0] ? w->endpoint : "tcp://127.0.0.1:*", -1);
        if (r == 0)
            break;
        ASSERT_EQ(r, -EADDRINUSE);
        poll(NULL, 0, 10);
    }
    snprintf(w->endpoint, sizeof(w->endpoint), "%s", sock_endpoint(w->router));
}

static void world_open(World *w) {
    memset(w, 0, sizeof(*w));
    strcpy(w->folder, "/tmp/serasi-client-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->key_file, sizeof(w->key_file), "%s/key", w->folder);
    ASSERT_OK(keys_generate(&w->broker_keys));
    ASSERT_OK(keys_generate(&w->client_keys));
    ASSERT_OK(keys_save(&w->client_keys, w->key_file));
    ASSERT_OK(sock_context_new(&w->ctx));
    ASSERT_OK(zap_start(&w->zap, w->ctx, NULL, NULL));
    zap_set_own_key(w->zap, w->client_keys.curve_public);
    broker_up(w);
    w->welcome = (Frame) { .kind = FRAME_WELCOME,
                           .welcome = { .protocol = 1,
                                        .envelope_max = ENVELOPE_MAX,
                                        .facts_max = FACTS_MAX,
                                        .sealed_max = SEALED_MAX,
                                        .publish_window = 64,
                                        .credit_messages_max = 1024,
                                        .credit_bytes_max = 1024 * 1024,
                                        .ping_interval_ms = 10000,
                                        .broker = "upt/satria",
                                        .node = "dsk/3203" } };
    serasi_options o = { .size = sizeof(o),
                         .endpoint = w->endpoint,
                         .server_key = w->broker_keys.curve_public,
                         .key_file = w->key_file,
                         .label = "test" };
    ASSERT_OK(serasi_open(&w->c, &o));
}

static void world_close(World *w) {
    serasi_close(w->c);
    if (w->threaded) {
        atomic_store(&w->stop, true);
        pthread_join(w->thread, NULL);
    }
    frame_deinit(&w->f);
    sock_message_deinit(&w->raw);
    sock_free(w->router);
    zap_stop(w->zap);
    sock_context_free(w->ctx);
    unlink(w->key_file);
    rmdir(w->folder);
}

/* --- the broker's side --- */

static void say(World *w, const Frame *f, const Body *body) {
    uint8_t *bytes = NULL;
    size_t n = 0;
    ASSERT_OK(codec_encode_frame(f, &bytes, &n));
    Bytes parts[4] = { bytes_make(bytes, n) };
    if (body) {
        parts[1] = body_envelope(body);
        parts[2] = body_facts(body);
        parts[3] = body_sealed(body);
    }
    ASSERT_OK(sock_send(w->router, w->route, w->n_route, parts, body ? 4 : 1));
    free(bytes);
}

/* Reads one frame into w->f; false when there is none. */
static bool hear(World *w) {
    const char *why = NULL;
    frame_deinit(&w->f);
    sock_message_deinit(&w->raw);
    w->f = (Frame) { 0 };
    if (sock_recv(w->router, &w->raw) != 0)
        return false;
    ASSERT_OK(codec_decode_frame(w->raw.parts[0], FRAME_ANSWER_MAX, &w->f, &why));
    memcpy(w->route, w->raw.route, w->raw.n_route);
    w->n_route = w->raw.n_route;
    return true;
}

static void turn(World *w) {
    (void)serasi_process(w->c);
    struct pollfd p = { .fd = serasi_fd(w->c), .events = POLLIN };
    int patience = serasi_timeout_ms(w->c);
    (void)poll(&p, 1, patience < 5 ? patience : 5);
}

/* Runs both sides until the client says a frame of this kind; another kind fails the test. */
static void expect(World *w, FrameKind kind) {
    int64_t until = now_read().mono_ms + PATIENCE_MS;
    while (now_read().mono_ms < until) {
        turn(w);
        if (!hear(w))
            continue;
        if (w->f.kind != kind)
            fail_msg("%s instead of %s", frame_kind_name(w->f.kind), frame_kind_name(kind));
        return;
    }
    fail_msg("no %s came", frame_kind_name(kind));
}

static void expect_silence(World *w, int64_t ms) {
    int64_t until = now_read().mono_ms + ms;
    while (now_read().mono_ms < until) {
        turn(w);
        if (hear(w))
            fail_msg("unexpected %s", frame_kind_name(w->f.kind));
    }
}

/* A few turns, so that the client sees what was said. */
static void settle_down(World *w) {
    expect_silence(w, 60);
}

static void greet(World *w) {
    expect(w, FRAME_HELLO);
    say(w, &w->welcome, NULL);
    for (int i = 0; serasi_process(w->c) != 0; i++) {
        assert_true(i < PATIENCE_MS / 5);
        turn(w);
    }
}

/* --- messages --- */

static Uuid id_of(unsigned n) {
    Uuid id = { { 1, 2, 3, 4, 5, 6, 0x70, 7, 0x80 } };
    id.b[14] = (uint8_t)(n >> 8);
    id.b[15] = (uint8_t)n;
    return id;
}

static Body *body_of(unsigned n, const char *sealed) {
    Envelope e = { .message_id = id_of(n),
                   .kind = KIND_SUPERVISION_NOTICE,
                   .schema = 1,
                   .sender = "dsk/3203",
                   .audience = { .form = AUDIENCE_NODES, .n = 1, .nodes = { "dsp/32" } },
                   .region = "3203",
                   .urgency = URGENCY_ROUTINE,
                   .created_ms = INT64_C(1741575900000) };
    uint8_t *envelope = NULL;
    size_t n_envelope = 0;
    Bytes sealed_part = bytes_make(sealed, sealed ? strlen(sealed) : 0);
    hash_digest(bytes_make(NULL, 0), e.facts_digest);
    e.has_facts_digest = true;
    if (sealed) {
        hash_digest(sealed_part, e.sealed_digest);
        e.has_sealed_digest = true;
    }
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n_envelope));
    Body *b = body_new(bytes_make(envelope, n_envelope), bytes_make(NULL, 0), sealed_part);
    assert_non_null(b);
    free(envelope);
    return b;
}

static serasi_message *message_of(unsigned n, const char *sealed) {
    Body *b = body_of(n, sealed);
    serasi_message *m = NULL;
    ASSERT_OK(serasi_message_new(&m, body_envelope(b).p, body_envelope(b).n, NULL, 0,
                                 body_sealed(b).p, body_sealed(b).n));
    body_unref(b);
    return m;
}

static void publish(World *w, unsigned n) {
    serasi_message *m = message_of(n, "sealed");
    ASSERT_OK(serasi_publish(w->c, m));
    serasi_message_free(m);
}

static void answer(World *w, unsigned n, Verdict verdict) {
    PublishResult r = { .message_id = id_of(n), .verdict = verdict };
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } };
    say(w, &f, NULL);
}

static void deliver(World *w, uint32_t channel, uint64_t tag, unsigned n) {
    Frame f = { .kind = FRAME_DELIVER,
                .deliver = { .channel = channel,
                             .tag = tag,
                             .attempt = 1,
                             .recipient = "dsk/3203",
                             .role = ROLE_ADDRESSEE,
                             .accepted_ms = 1 } };
    Body *b = body_of(n, "for you");
    say(w, &f, b);
    body_unref(b);
}

static void settled(World *w, uint32_t channel, uint64_t first, uint64_t last) {
    TagRange range = { first, last };
    Frame f = { .kind = FRAME_SETTLED,
                .settled = { .channel = channel, .n_done = 1, .done = &range } };
    say(w, &f, NULL);
}

static serasi_delivery *next_delivery(World *w) {
    serasi_delivery *d = NULL;
    for (int i = 0; i < PATIENCE_MS / 5; i++) {
        if (serasi_next_delivery(w->c, &d) == 0)
            return d;
        turn(w);
    }
    fail_msg("no delivery came");
    return NULL;
}

/* Takes the next delivery, which must be message n, and settles it. */
static void take(World *w, unsigned n, serasi_settle_action action) {
    serasi_delivery *d = next_delivery(w);
    Uuid id = id_of(n);
    assert_memory_equal(serasi_delivery_message_id(d), id.b, 16);
    ASSERT_OK(serasi_settle(w->c, d, action, 0, NULL, 0));
    serasi_delivery_free(d);
}

/* Takes the next deliveries, all of them before the first is settled: what is settled between two
 * turns leaves together. */
static void take_each(World *w, unsigned first, unsigned n, const serasi_settle_action *actions) {
    serasi_delivery *list[8];
    assert_true(n <= ARRAY_SIZE(list));
    for (unsigned i = 0; i < n; i++)
        list[i] = next_delivery(w);
    for (unsigned i = 0; i < n; i++) {
        Uuid id = id_of(first + i);
        assert_memory_equal(serasi_delivery_message_id(list[i]), id.b, 16);
        ASSERT_OK(serasi_settle(w->c, list[i], actions[i], 0, NULL, 0));
        serasi_delivery_free(list[i]);
    }
}

static uint32_t subscribe(World *w, uint32_t messages) {
    uint32_t channel = 0;
    ASSERT_OK(serasi_subscribe(w->c, SERASI_MAILBOX, NULL, NULL, messages, &channel));
    return channel;
}

static void say_subscribed(World *w) {
    Frame f = { .kind = FRAME_SUBSCRIBED, .subscribed = { .channel = w->f.subscribe.channel } };
    say(w, &f, NULL);
}

static void check_no_more(World *w) {
    serasi_delivery *d = NULL;
    settle_down(w);
    ASSERT_EQ(serasi_next_delivery(w->c, &d), SERASI_AGAIN);
}

static void restart_broker(World *w) {
    w->router = sock_free(w->router);
    for (int i = 0; serasi_process(w->c) == 0; i++) {
        assert_true(i < PATIENCE_MS / 5);
        turn(w);
    }
    broker_up(w);
}

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
    w.welcome.welcome.ping_interval_ms = 100;
    greet(&w);
    Uuid instance = w.f.hello.instance_id;
    int64_t start = now_read().mono_ms;
    for (int i = 0; i < 6; i++) { /* answered: alive for twice the patience */
        expect(&w, FRAME_PING);
        const Frame pong = { .kind = FRAME_PONG, .pong = { .sent_ms = w.f.ping.sent_ms } };
        say(&w, &pong, NULL);
    }
    assert_true(now_read().mono_ms - start >= 500);
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

/* --- publishing --- */

TEST(no_more_than_the_window_is_out_and_answers_make_room) {
    _cleanup_(world_close) World w;
    serasi_result *r = NULL;
    world_open(&w);
    w.welcome.welcome.publish_window = 2;
    for (unsigned n = 1; n <= 4; n++)
        publish(&w, n); /* before there is a session */
    greet(&w);
    for (unsigned n = 1; n <= 2; n++) {
        Uuid id = id_of(n);
        expect(&w, FRAME_PUBLISH);
        assert_true(uuid_equal(&w.f.publish.message_id, &id));
        ASSERT_EQ(w.raw.n_parts, 4);
        assert_true(bytes_equal(w.raw.parts[3], bytes_make("sealed", 6)));
    }
    expect_silence(&w, 100);
    answer(&w, 2, VERDICT_ACCEPTED);
    expect(&w, FRAME_PUBLISH);
    Uuid third = id_of(3), second = id_of(2);
    assert_true(uuid_equal(&w.f.publish.message_id, &third));
    ASSERT_OK(serasi_next_result(w.c, &r));
    ASSERT_EQ(serasi_result_verdict(r), SERASI_VERDICT_ACCEPTED);
    assert_memory_equal(serasi_result_message_id(r), second.b, 16);
    serasi_result_free(r);
    ASSERT_EQ(serasi_next_result(w.c, &r), SERASI_AGAIN);
}

TEST(what_was_not_answered_is_sent_again_in_order_with_the_same_id) {
    _cleanup_(world_close) World w;
    world_open(&w);
    w.welcome.welcome.publish_window = 3;
    greet(&w);
    for (unsigned n = 1; n <= 5; n++)
        publish(&w, n);
    for (unsigned n = 1; n <= 3; n++)
        expect(&w, FRAME_PUBLISH);
    answer(&w, 2, VERDICT_ACCEPTED);
    expect(&w, FRAME_PUBLISH); /* 4 */
    restart_broker(&w);
    w.welcome.welcome.publish_window = 64;
    greet(&w);
    const unsigned again[] = { 1, 3, 4, 5 };
    for (size_t i = 0; i < ARRAY_SIZE(again); i++) {
        Uuid id = id_of(again[i]);
        expect(&w, FRAME_PUBLISH);
        assert_true(uuid_equal(&w.f.publish.message_id, &id));
    }
    expect_silence(&w, 50);
}

TEST(a_refusal_carries_every_reason_in_both_languages) {
    _cleanup_(world_close) World w;
    serasi_result *r = NULL;
    char *json = NULL;
    world_open(&w);
    greet(&w);
    publish(&w, 1);
    expect(&w, FRAME_PUBLISH);
    Reasons reasons = { 0 };
    reasons_add(&reasons, "X-1", "region", "wrong region", "wilayah salah");
    reasons_add(&reasons, "X-2", "cluster", "no cluster", "tanpa kluster");
    PublishResult p = { .message_id = id_of(1), .verdict = VERDICT_REFUSED, .reasons = &reasons };
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &p } };
    say(&w, &f, NULL);
    while (serasi_next_result(w.c, &r) != 0)
        turn(&w);
    ASSERT_EQ(serasi_result_verdict(r), SERASI_VERDICT_REFUSED);
    ASSERT_EQ(serasi_result_reasons(r), 2);
    ASSERT_STR(serasi_result_reason_code(r, 1), "X-2");
    ASSERT_STR(serasi_result_reason_text(r, 0, "en"), "wrong region");
    ASSERT_STR(serasi_result_reason_text(r, 0, "id"), "wilayah salah");
    ASSERT_STR(serasi_result_reason_text(r, 2, "id"), "");
    ASSERT_OK(serasi_result_to_json(r, &json));
    assert_non_null(strstr(json, "wilayah salah"));
    free(json);
    serasi_result_free(r);
}

TEST(the_queue_is_bounded_and_answers_not_taken_count) {
    _cleanup_(world_close) World w;
    world_open(&w);
    serasi_message *m = message_of(1, NULL);
    for (int i = 0; i < 4096; i++)
        ASSERT_OK(serasi_publish(w.c, m));
    ASSERT_EQ(serasi_publish(w.c, m), SERASI_AGAIN);
    greet(&w);
    expect(&w, FRAME_PUBLISH);
    answer(&w, 1, VERDICT_DUPLICATE);
    for (int i = 0; i < 20; i++) {
        turn(&w);
        (void)hear(&w);
    }
    ASSERT_EQ(serasi_publish(w.c, m), SERASI_AGAIN);
    serasi_result *r = NULL;
    ASSERT_OK(serasi_next_result(w.c, &r));
    serasi_result_free(r);
    ASSERT_OK(serasi_publish(w.c, m));
    serasi_message_free(m);
}

TEST(limits_of_the_broker_are_kept_here) {
    _cleanup_(world_close) World w;
    serasi_result *r = NULL;
    world_open(&w);
    w.welcome.welcome.sealed_max = 8;
    serasi_message *big = message_of(1, "larger than that"), *small = message_of(2, "small");
    ASSERT_OK(serasi_publish(w.c, big)); /* the limit is not known yet */
    greet(&w);
    ASSERT_EQ(serasi_publish(w.c, big), SERASI_TOO_LARGE);
    ASSERT_OK(serasi_publish(w.c, small));
    expect(&w, FRAME_PUBLISH);
    Uuid id = id_of(2);
    assert_true(uuid_equal(&w.f.publish.message_id, &id));
    ASSERT_OK(serasi_next_result(w.c, &r));
    ASSERT_EQ(serasi_result_verdict(r), SERASI_VERDICT_REFUSED);
    ASSERT_STR(serasi_result_reason_code(r, 0), "TOO_LARGE");
    serasi_result_free(r);
    serasi_message_free(big);
    serasi_message_free(small);
}

TEST(messages_are_checked_when_they_are_made) {
    serasi_message *m = NULL;
    char error[256] = "";
    Body *b = body_of(1, "sealed");
    Bytes e = body_envelope(b);
    ASSERT_OK(serasi_message_new(&m, e.p, e.n, NULL, 0, "sealed", 6));
    Uuid id = id_of(1);
    assert_memory_equal(serasi_message_id(m), id.b, 16);
    serasi_message_free(m);
    ASSERT_EQ(serasi_message_new(&m, e.p, e.n, NULL, 0, "Sealed", 6), -EINVAL);
    ASSERT_EQ(serasi_message_new(&m, e.p, e.n, NULL, 0, NULL, 0), -EINVAL);
    ASSERT_EQ(serasi_message_new(&m, e.p, e.n, "facts", 5, "sealed", 6), -EINVAL);
    ASSERT_EQ(serasi_message_new(&m, "\xff\xff", 2, NULL, 0, NULL, 0), -EINVAL);
    ASSERT_EQ(serasi_message_new(&m, NULL, 0, NULL, 0, NULL, 0), -EINVAL);
    uint8_t *huge = calloc(1, SEALED_MAX + 1);
    ASSERT_EQ(serasi_message_new(&m, e.p, e.n, NULL, 0, huge, SEALED_MAX + 1), SERASI_TOO_LARGE);
    free(huge);
    body_unref(b);

    ASSERT_OK(serasi_message_from_json(&m,
                                       "{\"envelope\":{\"kind\":\"SUPERVISION_NOTICE\","
                                       "\"region\":\"3203\",\"audience\":{\"to\":[\"dsp/32\"]}}}",
                                       "dsk/3203", error, sizeof(error)));
    serasi_message_free(m);
    ASSERT_EQ(serasi_message_from_json(&m, "{\"envelope\":{\"colour\":1}}", "dsk/3203", error,
                                       sizeof(error)),
              -EINVAL);
    assert_non_null(strstr(error, "colour"));
}

/* --- consuming --- */

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
        r.retry_after_ms = 60;
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

    atomic_store(&w.later_first, 1000);
    ASSERT_EQ(serasi_publish_wait(w.c, m, 200, &r), SERASI_LATER);
    ASSERT_EQ(serasi_result_retry_after_ms(r), 60);
    serasi_result_free(r);
    atomic_store(&w.later_first, 0);
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

/* --- signatures --- */

/* The signature of the PUBLISH last heard, which must hold. */
static Signature heard_signature(World *w) {
    Signature s;
    const char *why = NULL;
    ASSERT_OK(codec_decode_signature(signature_bytes(&w->f.publish.signature), &s, &why));
    ASSERT_TRUE(signature_holds(&s, w->raw.parts[1], &w->client_keys.sign.public));
    return s;
}

TEST(what_waits_is_signed_as_one_tree) {
    _cleanup_(world_close) World w;
    world_open(&w);
    for (unsigned n = 0; n < 20; n++)
        publish(&w, n);
    greet(&w);
    for (unsigned n = 0; n < 20; n++) {
        expect(&w, FRAME_PUBLISH);
        const Signature s = heard_signature(&w);
        ASSERT_EQ(s.size, 20);
        ASSERT_EQ(s.index, n);
    }
    publish(&w, 20);
    expect(&w, FRAME_PUBLISH);
    ASSERT_EQ(heard_signature(&w).size, 1);
}

TEST(a_repeated_message_keeps_its_signature) {
    _cleanup_(world_close) World w;
    world_open(&w);
    greet(&w);
    publish(&w, 1);
    expect(&w, FRAME_PUBLISH);
    const Signature first = heard_signature(&w);
    restart_broker(&w);
    publish(&w, 2);
    greet(&w);
    expect(&w, FRAME_PUBLISH);
    const Signature again = heard_signature(&w);
    assert_memory_equal(&again, &first, offsetof(Signature, path));
    expect(&w, FRAME_PUBLISH);
    (void)heard_signature(&w);
}

static void deliver_signed(World *w, uint64_t tag, unsigned n) {
    Frame f = { .kind = FRAME_DELIVER,
                .deliver = { .channel = 1,
                             .tag = tag,
                             .attempt = 1,
                             .recipient = "dsk/3203",
                             .role = ROLE_ADDRESSEE,
                             .accepted_ms = now_read().wall_ms } };
    Body *b = body_of(n, "for you");
    const Bytes envelope = body_envelope(b);
    Signature s;
    uint8_t buf[SIGNATURE_MAX];
    ASSERT_OK(signature_make(&w->client_keys.sign, &envelope, 1, &s));
    signature_bytes_set(&f.deliver.signature, codec_encode_signature(&s, buf));
    say(w, &f, b);
    body_unref(b);
}

TEST(a_delivery_waits_for_the_keys_of_its_sender_and_the_next_ones_behind_it) {
    _cleanup_(world_close) World w;
    serasi_delivery *d = NULL;
    serasi_signature s = { .size = sizeof(s) };
    world_open(&w);
    greet(&w);
    (void)subscribe(&w, 8);
    expect(&w, FRAME_SUBSCRIBE);
    say_subscribed(&w);
    deliver_signed(&w, 1, 1);
    deliver(&w, 1, 2, 2); /* not signed: nothing to wait for but its turn */
    for (int i = 0; i < PATIENCE_MS / 5 && !(hear(&w) && w.f.kind == FRAME_QUERY); i++) {
        ASSERT_EQ(serasi_next_delivery(w.c, &d), SERASI_AGAIN);
        turn(&w);
    }
    ASSERT_EQ(w.f.kind, FRAME_QUERY);
    ASSERT_STR(w.f.query.verb, "directory-keys");
    ASSERT_STR(w.f.query.args[0], "dsk/3203");
    /* It has nothing to say: who signed is not known, and that is told. */
    Frame none = { .kind = FRAME_RESULT, .result = { .query = w.f.query.query } };
    none.result.table = table_new();
    say(&w, &none, NULL);
    frame_deinit(&none);
    d = next_delivery(&w);
    ASSERT_OK(serasi_delivery_signature(d, &s));
    ASSERT_EQ(s.state, SERASI_SIGNATURE_UNKNOWN_KEY);
    ASSERT_STR(s.node, "dsk/3203");
    ASSERT_EQ(s.proven, 0);
    serasi_delivery_free(d);
    d = next_delivery(&w);
    ASSERT_OK(serasi_delivery_signature(d, &s));
    ASSERT_EQ(s.state, SERASI_SIGNATURE_UNSIGNED);
    s.size = sizeof(s.size);
    ASSERT_EQ(serasi_delivery_signature(d, &s), -EINVAL);
    serasi_delivery_free(d);
}

TEST_MAIN

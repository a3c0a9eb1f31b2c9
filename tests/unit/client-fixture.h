/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * libserasi against a broker played by the test: a ROUTER in the same process that says exactly
 * what each test wants said.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <serasi/client.h>

#include "base/times.h"
#include "core/bundle.h"
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
    atomic_uint n_published, later_first, later_ms;
    Verdict verdict;
} World;

static inline void broker_up(World *w) {
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

static inline void world_open(World *w) {
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

static inline void world_close(World *w) {
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

static inline void say(World *w, const Frame *f, const Body *body) {
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
static inline bool hear(World *w) {
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

static inline void turn(World *w) {
    (void)serasi_process(w->c);
    struct pollfd p = { .fd = serasi_fd(w->c), .events = POLLIN };
    int patience = serasi_timeout_ms(w->c);
    (void)poll(&p, 1, patience < 5 ? patience : 5);
}

/* Runs both sides until the client says a frame of this kind; another kind fails the test. */
static inline void expect(World *w, FrameKind kind) {
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

static inline void expect_silence(World *w, int64_t ms) {
    int64_t until = now_read().mono_ms + ms;
    while (now_read().mono_ms < until) {
        turn(w);
        if (hear(w))
            fail_msg("unexpected %s", frame_kind_name(w->f.kind));
    }
}

/* A few turns, so that the client sees what was said. */
static inline void settle_down(World *w) {
    expect_silence(w, 60);
}

static inline void greet(World *w) {
    expect(w, FRAME_HELLO);
    say(w, &w->welcome, NULL);
    for (int i = 0; serasi_process(w->c) != 0; i++) {
        assert_true(i < PATIENCE_MS / 5);
        turn(w);
    }
}

/* --- messages --- */

static inline Uuid id_of(unsigned n) {
    Uuid id = { { 1, 2, 3, 4, 5, 6, 0x70, 7, 0x80 } };
    id.b[14] = (uint8_t)(n >> 8);
    id.b[15] = (uint8_t)n;
    return id;
}

static inline Body *body_of(unsigned n, const char *sealed) {
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

static inline serasi_message *message_of(unsigned n, const char *sealed) {
    Body *b = body_of(n, sealed);
    serasi_message *m = NULL;
    ASSERT_OK(serasi_message_new(&m, body_envelope(b).p, body_envelope(b).n, NULL, 0,
                                 body_sealed(b).p, body_sealed(b).n));
    body_unref(b);
    return m;
}

static inline void publish(World *w, unsigned n) {
    serasi_message *m = message_of(n, "sealed");
    ASSERT_OK(serasi_publish(w->c, m));
    serasi_message_free(m);
}

static inline void answer(World *w, unsigned n, Verdict verdict) {
    PublishResult r = { .message_id = id_of(n), .verdict = verdict };
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } };
    say(w, &f, NULL);
}

static inline void deliver(World *w, uint32_t channel, uint64_t tag, unsigned n) {
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

static inline void settled(World *w, uint32_t channel, uint64_t first, uint64_t last) {
    TagRange range = { first, last };
    Frame f = { .kind = FRAME_SETTLED,
                .settled = { .channel = channel, .n_done = 1, .done = &range } };
    say(w, &f, NULL);
}

static inline serasi_delivery *next_delivery(World *w) {
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
static inline void take(World *w, unsigned n, serasi_settle_action action) {
    serasi_delivery *d = next_delivery(w);
    Uuid id = id_of(n);
    assert_memory_equal(serasi_delivery_message_id(d), id.b, 16);
    ASSERT_OK(serasi_settle(w->c, d, action, 0, NULL, 0));
    serasi_delivery_free(d);
}

/* Takes the next deliveries, all of them before the first is settled: what is settled between two
 * turns leaves together. */
static inline void take_each(World *w, unsigned first, unsigned n,
                             const serasi_settle_action *actions) {
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

static inline uint32_t subscribe(World *w, uint32_t messages) {
    uint32_t channel = 0;
    ASSERT_OK(serasi_subscribe(w->c, SERASI_MAILBOX, NULL, NULL, messages, &channel));
    return channel;
}

static inline void say_subscribed(World *w) {
    Frame f = { .kind = FRAME_SUBSCRIBED, .subscribed = { .channel = w->f.subscribe.channel } };
    say(w, &f, NULL);
}

static inline void check_no_more(World *w) {
    serasi_delivery *d = NULL;
    settle_down(w);
    ASSERT_EQ(serasi_next_delivery(w->c, &d), SERASI_AGAIN);
}

static inline void restart_broker(World *w) {
    w->router = sock_free(w->router);
    for (int i = 0; serasi_process(w->c) == 0; i++) {
        assert_true(i < PATIENCE_MS / 5);
        turn(w);
    }
    broker_up(w);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What waits, is on its way and is answered, without a broker: what would be sent is looked at. */

#include <errno.h>
#include <stdio.h>

#include "base/times.h"
#include "client/client-publish.h"
#include "client/internal.h"
#include "test.h"
#include "wire/codec.h"

int __wrap_sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts,
                     unsigned n_parts);

static struct {
    bool full; /* the pipe takes nothing */
    unsigned n;
    uint8_t ids[64]; /* the last byte of each message that was sent, in order */
} wire;

static void note(const Uuid *id) {
    ASSERT_TRUE(wire.n < sizeof(wire.ids));
    wire.ids[wire.n++] = id->b[15];
}

int __wrap_sock_send(Sock *s, const void *route, size_t n_route, const Bytes *parts,
                     unsigned n_parts) {
    _cleanup_(frame_deinit) Frame f = { 0 };
    const char *why;
    (void)s;
    (void)route;
    (void)n_route;
    (void)n_parts;
    if (wire.full)
        return -EAGAIN;
    ASSERT_OK(codec_decode_frame(parts[0], FRAME_ANSWER_MAX, &f, &why));
    if (f.kind == FRAME_PUBLISH)
        note(&f.publish.message_id);
    for (uint32_t i = 0; f.kind == FRAME_BUNDLE && i < f.bundle->n; i++)
        note(&f.bundle->publishes[i].message_id);
    return 0;
}

typedef struct World {
    serasi_client c;
} World;

static void world_open(World *w) {
    memset(&wire, 0, sizeof(wire));
    memset(w, 0, sizeof(*w));
    w->c.state = CLIENT_OPEN;
    w->c.session = 1;
    w->c.now_ms = 1000;
    w->c.look_due_ms = w->c.settle_due_ms = w->c.sign_due_ms = INT64_MAX;
    w->c.publish_window = 64;
    w->c.envelope_max = ENVELOPE_MAX;
    w->c.facts_max = FACTS_MAX;
    w->c.sealed_max = SEALED_MAX;
    strcpy(w->c.node, "dsk/3203");
    strcpy(w->c.broker, "upt/phala-martha");
}

static void world_close(World *w) {
    publish_deinit(&w->c);
    /* Nothing is left that was counted. */
    ASSERT_EQ(w->c.n_inflight, 0);
    ASSERT_EQ(w->c.inflight_bytes, 0);
}

static Uuid id_of(uint8_t n) {
    return (Uuid) { { 1, [15] = n } };
}

static void publish(World *w, uint8_t n, const char *sealed) {
    serasi_message m = { .id = id_of(n) };
    m.body = body_new(bytes_make("envelope", 8), bytes_make("facts", 5),
                      bytes_make(sealed, strlen(sealed)));
    assert_non_null(m.body);
    ASSERT_OK(serasi_publish(&w->c, &m));
    (void)body_unref(m.body);
}

static void answer(World *w, uint8_t n, Verdict verdict) {
    PublishResult r = { .message_id = id_of(n), .verdict = verdict, .retry_after_ms = 50 };
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } };
    ASSERT_OK(publish_answered(&w->c, &f));
    publish_result_deinit(&r);
}

static const char *sent(World *w) {
    static char text[256];
    text[0] = '\0';
    (void)w;
    for (unsigned i = 0; i < wire.n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ", wire.ids[i]);
    wire.n = 0;
    return text;
}

TEST(what_a_full_pipe_did_not_take_goes_later_in_its_order) {
    static World w;
    for (int bundles = 0; bundles < 2; bundles++) {
        world_open(&w);
        w.c.bundles = bundles;
        for (uint8_t n = 1; n <= 5; n++)
            publish(&w, n, "sealed");
        wire.full = true;
        ASSERT_EQ(publish_write(&w.c), -EAGAIN);
        ASSERT_EQ(w.c.n_inflight, 0);
        ASSERT_EQ(w.c.inflight_bytes, 0);
        ASSERT_EQ(w.c.n_waiting, 5);
        wire.full = false;
        ASSERT_OK(publish_write(&w.c));
        ASSERT_STR(sent(&w), "1 2 3 4 5 ");
        ASSERT_EQ(w.c.n_waiting, 0);
        ASSERT_EQ(w.c.n_inflight, 5);
        world_close(&w);
    }
}

TEST(what_a_lost_session_did_not_answer_waits_again_before_the_rest) {
    static World w;
    world_open(&w);
    w.c.publish_window = 3;
    for (uint8_t n = 1; n <= 5; n++)
        publish(&w, n, "sealed");
    ASSERT_OK(publish_write(&w.c));
    answer(&w, 2, VERDICT_ACCEPTED);
    ASSERT_STR(sent(&w), "1 2 3 ");
    publish_session_lost(&w.c);
    ASSERT_EQ(w.c.n_waiting, 4); /* the queue's bound counts them */
    ASSERT_EQ(w.c.n_inflight, 0);
    ASSERT_EQ(w.c.answered_bytes, 0); /* the next session begins with few bytes, too */
    w.c.publish_window = 64;
    ASSERT_OK(publish_write(&w.c));
    ASSERT_STR(sent(&w), "1 3 4 5 ");
    world_close(&w);
}

/* serasi_publish_wait() has told its caller that it was not said. */
TEST(what_nobody_waits_for_any_more_is_not_said_again_in_the_next_session) {
    static World w;
    world_open(&w);
    publish(&w, 1, "sealed");
    publish(&w, 2, "sealed");
    ASSERT_OK(publish_write(&w.c));
    w.c.inflight->abandoned = true;
    publish_session_lost(&w.c);
    ASSERT_EQ(w.c.n_waiting, 1);
    (void)sent(&w);
    ASSERT_OK(publish_write(&w.c));
    ASSERT_STR(sent(&w), "2 ");
    world_close(&w);
}

TEST(what_is_put_off_widens_no_window) {
    static const struct {
        Verdict verdict;
        bool widens;
    } cases[] = { { VERDICT_ACCEPTED, true }, { VERDICT_REFUSED, true }, { VERDICT_LATER, false } };
    static World w;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        world_open(&w);
        publish(&w, 1, "sealed");
        ASSERT_OK(publish_write(&w.c));
        answer(&w, 1, cases[i].verdict);
        ASSERT_EQ(w.c.answered_bytes > 0, cases[i].widens);
        world_close(&w);
    }
}

TEST(only_a_full_window_makes_what_follows_wait) {
    static World w;
    for (int window = 0; window < 2; window++) {
        Reasons *reasons = calloc(1, sizeof(*reasons));
        world_open(&w);
        publish(&w, 1, "sealed");
        ASSERT_OK(publish_write(&w.c));
        reasons_add(reasons, window ? "WINDOW" : "MAILBOX_FULL", "", NULL, NULL);
        PublishResult r = { .message_id = id_of(1),
                            .verdict = VERDICT_LATER,
                            .retry_after_ms = 500,
                            .reasons = reasons };
        Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } };
        ASSERT_OK(publish_answered(&w.c, &f));
        publish(&w, 2, "sealed");
        (void)sent(&w);
        ASSERT_OK(publish_write(&w.c));
        ASSERT_STR(sent(&w), window ? "" : "2 ");
        if (window) { /* an emergency does not wait, nor what is before it */
            publish(&w, 3, "sealed");
            w.c.waiting->prev->urgent = true;
            ASSERT_OK(publish_write(&w.c));
            ASSERT_STR(sent(&w), "2 3 ");
        }
        world_close(&w);
    }
}

TEST(each_part_may_be_as_large_as_the_broker_takes) {
    static World w;
    world_open(&w);
    w.c.envelope_max = 8;
    w.c.facts_max = 5;
    w.c.sealed_max = 6;
    publish(&w, 1, "sealed");
    ASSERT_OK(publish_write(&w.c));
    ASSERT_STR(sent(&w), "1 ");
    uint32_t *const limits[] = { &w.c.envelope_max, &w.c.facts_max, &w.c.sealed_max };
    static const char *const names[] = { "envelope", "facts", "sealed" };
    for (uint8_t i = 0; i < ARRAY_SIZE(limits); i++) {
        serasi_result *r = NULL;
        w.c.session = 0; /* queued before the limits were known */
        publish(&w, (uint8_t)(i + 2), "sealed");
        w.c.session = 1;
        --*limits[i];
        ASSERT_OK(publish_write(&w.c));
        ++*limits[i];
        ASSERT_STR(sent(&w), "");
        ASSERT_OK(serasi_next_result(&w.c, &r));
        ASSERT_STR(serasi_result_reason_code(r, 0), "TOO_LARGE");
        ASSERT_STR(r->r.reasons->list[0].field, names[i]);
        serasi_result_free(r);
    }
    ASSERT_EQ(w.c.n_waiting, 0);
    world_close(&w);
}

/* Answers to requests for wraps: they belong to no order, and wait for no seal. */
TEST(what_the_library_says_itself_goes_first) {
    static World w;
    world_open(&w);
    publish(&w, 1, "sealed");
    const Uuid id = id_of(9);
    Body *body = body_new(bytes_make("e", 1), bytes_make("f", 1), bytes_make(NULL, 0));
    ASSERT_OK(publish_own(&w.c, &id, body, NULL));
    (void)body_unref(body);
    ASSERT_EQ(w.c.n_waiting, 2);
    ASSERT_OK(publish_write(&w.c));
    ASSERT_STR(sent(&w), "9 1 ");
    world_close(&w);
}

TEST(a_proof_is_of_the_message_as_it_was_sent_and_comes_when_it_is_judged) {
    static World w;
    serasi_result *result = NULL;
    ASSERT_OK(hash_init());
    world_open(&w);
    ASSERT_OK(client_keys_new(&w.c.directory, NULL, 0));
    publish(&w, 1, "sealed");
    ASSERT_OK(publish_write(&w.c));
    uint8_t buf[SIGNATURE_MAX];
    SignKey key;
    Signature s;
    sign_key_new(&key);
    const Bytes envelope = bytes_make("envelope", 8);
    ASSERT_OK(signature_make(&key, &envelope, 1, &s));
    PublishResult r = { .message_id = id_of(1), .verdict = VERDICT_ACCEPTED, .accepted_ms = 77 };
    r.proof = calloc(1, sizeof(*r.proof));
    signature_bytes_set(r.proof, codec_encode_signature(&s, buf));
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &r } };
    ASSERT_OK(publish_answered(&w.c, &f));
    ASSERT_EQ(serasi_next_result(&w.c, &result), SERASI_AGAIN); /* the keys are asked for */
    uint8_t want[ACCEPTANCE_MAX];
    const Acceptance a = { .message_id = id_of(1),
                           .envelope = envelope,
                           .accepted_ms = 77,
                           .sender = w.c.node,
                           .broker = w.c.broker };
    const Bytes statement = acceptance_statement(&a, want);
    ASSERT_EQ(w.c.results->n_statement, statement.n);
    assert_memory_equal(w.c.results->statement, statement.p, statement.n);
    w.c.results->judged = true;
    ASSERT_OK(serasi_next_result(&w.c, &result));
    serasi_result_free(result);
    w.c.directory = client_keys_free(w.c.directory);
    world_close(&w);
}

TEST_MAIN

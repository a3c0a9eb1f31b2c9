/* SPDX-License-Identifier: Apache-2.0 */

/* Publishing with libserasi: the window, answers, what is sent again. */

#include "client-fixture.h"

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

static void publish_large(World *w, const char *sealed, unsigned first, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        serasi_message *m = message_of(first + i, sealed);
        ASSERT_OK(serasi_publish(w->c, m));
        serasi_message_free(m);
    }
}

static unsigned large_out(World *w, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        expect(w, FRAME_PUBLISH);
    expect_silence(w, 50);
    return n;
}

TEST(a_session_begins_with_few_bytes_and_has_more_with_each_answer) {
    _cleanup_(world_close) World w;
    _cleanup_(freep) char *sealed = calloc(1, 1000001);
    world_open(&w);
    memset(sealed, 'x', 1000000);
    greet(&w);
    publish_large(&w, sealed, 1, 16);
    ASSERT_EQ(large_out(&w, 2), 2);
    answer(&w, 1, VERDICT_ACCEPTED); /* makes room for one and for one more */
    ASSERT_EQ(large_out(&w, 2), 2);
    answer(&w, 2, VERDICT_ACCEPTED);
    answer(&w, 3, VERDICT_ACCEPTED);
    ASSERT_EQ(large_out(&w, 4), 4);
    for (unsigned n = 4; n <= 8; n++)
        answer(&w, n, VERDICT_ACCEPTED); /* eight megabytes are all there is */
    ASSERT_EQ(large_out(&w, 8), 8);
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

/* The next frame is a bundle of messages from the first one on. Returns how many. */
static uint32_t expect_bundle(World *w, unsigned first) {
    expect(w, FRAME_BUNDLE);
    size_t at = 0;
    for (uint32_t i = 0; i < w->f.bundle->n; i++) {
        Uuid id = id_of(first + i);
        Bytes parts[BUNDLE_PARTS];
        ASSERT_EQ(bundle_next(w->f.bundle, i, &at, parts), 3);
        assert_true(uuid_equal(&w->f.bundle->publishes[i].message_id, &id));
        assert_true(bytes_equal(parts[2], bytes_make("sealed", 6)));
    }
    return w->f.bundle->n;
}

TEST(to_a_broker_that_reads_bundles_what_may_go_goes_in_few_frames) {
    _cleanup_(world_close) World w;
    world_open(&w);
    w.welcome.welcome.publish_window = 70;
    w.welcome.welcome.bundles = true;
    for (unsigned n = 1; n <= 72; n++)
        publish(&w, n);
    greet(&w);
    const uint32_t m = expect_bundle(&w, 1);
    ASSERT_TRUE(m > 32 && m < 70); /* as many as fit */
    ASSERT_EQ(expect_bundle(&w, 1 + m), 70 - m);
    expect_silence(&w, 50);
    answer(&w, 1, VERDICT_ACCEPTED);
    ASSERT_EQ(expect_bundle(&w, 71), 1);
    restart_broker(&w); /* the new one reads none */
    w.welcome.welcome.bundles = false;
    greet(&w);
    for (unsigned n = 2; n <= 71; n++) {
        Uuid id = id_of(n);
        expect(&w, FRAME_PUBLISH);
        assert_true(uuid_equal(&w.f.publish.message_id, &id));
    }
}

TEST(a_large_message_goes_alone_and_in_its_place) {
    _cleanup_(world_close) World w;
    world_open(&w);
    w.welcome.welcome.bundles = true;
    _cleanup_(freep) char *large = malloc(BUNDLE_BYTES);
    memset(large, 'x', BUNDLE_BYTES);
    large[BUNDLE_BYTES - 1] = '\0';
    publish(&w, 1);
    serasi_message *m = message_of(2, large);
    ASSERT_OK(serasi_publish(w.c, m));
    serasi_message_free(m);
    publish(&w, 3);
    greet(&w);
    ASSERT_EQ(expect_bundle(&w, 1), 1);
    expect(&w, FRAME_PUBLISH);
    Uuid second = id_of(2);
    assert_true(uuid_equal(&w.f.publish.message_id, &second));
    ASSERT_EQ(w.raw.parts[3].n, BUNDLE_BYTES - 1);
    ASSERT_EQ(expect_bundle(&w, 3), 1);
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

static void put_off(World *w, unsigned n, uint32_t ms) {
    Reasons reasons = { 0 };
    reasons_add(&reasons, "WINDOW", "", NULL, NULL);
    PublishResult p = {
        .message_id = id_of(n), .verdict = VERDICT_LATER, .retry_after_ms = ms, .reasons = &reasons
    };
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &p } };
    say(w, &f, NULL);
}

TEST(what_would_be_put_off_too_waits_here) {
    _cleanup_(world_close) World w;
    world_open(&w);
    w.welcome.welcome.publish_window = 2;
    greet(&w);
    for (unsigned n = 1; n <= 4; n++)
        publish(&w, n);
    expect(&w, FRAME_PUBLISH);
    expect(&w, FRAME_PUBLISH);
    const int64_t start_ms = now_read().mono_ms;
    put_off(&w, 1, 1000);
    for (int i = 0; serasi_timeout_ms(w.c) > 1000;
         i++) { /* it does not sleep until the next PING */
        assert_true(i < 100);
        settle_down(&w);
    }
    expect(&w, FRAME_PUBLISH); /* without another call of the application's */
    ASSERT_TRUE(now_read().mono_ms - start_ms >= 1000);
}

TEST(a_new_session_waits_for_no_pause_of_the_last) {
    _cleanup_(world_close) World w;
    world_open(&w);
    w.welcome.welcome.publish_window = 1;
    greet(&w);
    publish(&w, 1);
    publish(&w, 2);
    expect(&w, FRAME_PUBLISH);
    put_off(&w, 1, 60000);
    expect_silence(&w, 50);
    restart_broker(&w);
    greet(&w);
    expect(&w, FRAME_PUBLISH);
    Uuid id = id_of(2);
    ASSERT_TRUE(uuid_equal(&w.f.publish.message_id, &id));
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

TEST_MAIN

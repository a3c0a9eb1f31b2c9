/* SPDX-License-Identifier: Apache-2.0 */

/* What libserasi signs, when, and how it checks what others signed. */

#include "client-fixture.h"

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

/* With so many on their way; half of them are answered, after a while: so there is time to wait. */
static void busy(World *w, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        publish(w, i);
    greet(w);
    for (unsigned i = 0; i < n; i++)
        expect(w, FRAME_PUBLISH);
    expect_silence(w, 400);
    for (unsigned i = 0; i < n / 2; i++)
        answer(w, i, VERDICT_ACCEPTED);
    settle_down(w);
}

TEST(while_messages_are_on_their_way_others_wait_to_be_signed_with_more) {
    _cleanup_(world_close) World w;
    world_open(&w);
    busy(&w, 16);
    const int64_t start_ms = now_read().mono_ms;
    for (unsigned n = 16; n < 23; n++)
        publish(&w, n);
    turn(&w);
    publish(&w, 23);                                          /* as many as are on their way */
    const bool in_time = now_read().mono_ms - start_ms < 100; /* they wait twice as long at most */
    for (unsigned n = 16; n < 24; n++) {
        expect(&w, FRAME_PUBLISH);
        const Signature s = heard_signature(&w);
        ASSERT_TRUE(s.size == 8 || !in_time);
    }
    publish(&w, 24); /* alone, and no more come: not for long */
    expect(&w, FRAME_PUBLISH);
    ASSERT_EQ(heard_signature(&w).size, 1);
}

static int64_t until_published_ms(World *w, const char *urgency) {
    char json[512];
    serasi_message *m = NULL;
    snprintf(
        json, sizeof(json),
        "{\"envelope\":{\"kind\":\"SUPERVISION_NOTICE\",\"region\":\"3203\",\"urgency\":\"%s\","
        "\"audience\":{\"to\":[\"dsp/32\"]}}}",
        urgency);
    ASSERT_OK(serasi_message_from_json(&m, json, "dsk/3203", NULL, 0));
    const int64_t start = now_read().mono_ms;
    ASSERT_OK(serasi_publish(w->c, m));
    serasi_message_free(m);
    expect(w, FRAME_PUBLISH);
    return now_read().mono_ms - start;
}

TEST(an_emergency_does_not_wait_for_more_to_be_signed) {
    _cleanup_(world_close) World w;
    world_open(&w);
    busy(&w, 16);
    int64_t routine = INT64_MAX, urgent = INT64_MAX; /* the machine may be slow, once */
    for (int i = 0; i < 3; i++) {
        routine = MIN(routine, until_published_ms(&w, "ROUTINE"));
        urgent = MIN(urgent, until_published_ms(&w, "EMERGENCY"));
    }
    ASSERT_TRUE(routine >= 40 && urgent < 40);
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

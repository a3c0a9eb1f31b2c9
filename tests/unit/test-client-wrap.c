/* SPDX-License-Identifier: Apache-2.0 */

/* Requests for wraps, most of them made up by brokers: who gets one from the library. */

#include "test.h"

#include "client/client-settle.h"
#include "seal-fixture.h"

#define REFUSED_AS(text, granted) ASSERT_STR(asked(&w, &s, granted, &answer), text)
#define NOT_OURS                  "it does not show our signature of the message"
#define NO_BROKER                 "it is not signed by a broker with a known key"
#define NOT_ADDRESSED             "the node was not addressed"

TEST(who_was_addressed_gets_a_wrap_that_opens) {
    static World w;
    static Said s;
    static SealWraps answer;
    _cleanup_(sealed_deinit) Sealed part = { 0 };
    _cleanup_(secret_deinit) Secret text = { 0 };
    const char *why = NULL;
    world_open(&w);
    seal_key_new(&w.seal[OF_FIRST]); /* it lost the other one */
    tell_all(&w);
    say(&w, &s, FIRST);
    assert_null(asked(&w, &s, false, &answer));
    ASSERT_EQ(answer.n, 1);
    ASSERT_OK(codec_decode_sealed(body_sealed(w.message), &part, &why));
    part.wraps[0] = answer.list[0];
    part.n_wraps = 1;
    const SealBinding of = { .message_id = s.q.message_id, .sender = US };
    ASSERT_OK(seal_open(&of, &part, &w.seal[OF_FIRST], 1, &text));
    ASSERT_EQ(text.n, strlen(TEXT));
    assert_memory_equal(text.p, TEXT, text.n);
    world_close(&w);
}

TEST(nobody_else_gets_one_without_a_decision) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    say(&w, &s, SECOND);
    REFUSED_AS(NOT_ADDRESSED, false);
    redirected(&w, &s, SECOND);
    REFUSED_AS(NOT_ADDRESSED, false);
    assert_null(asked(&w, &s, true, &answer)); /* the application decided */
    w.c.wrap_policy = SERASI_WRAP_OPERATOR;
    assert_null(asked(&w, &s, false, &answer)); /* the configuration did */
    strcpy(s.q.instead_of, US);                 /* but it was never addressed to that one */
    REFUSED_AS(NOT_ADDRESSED, false);
    say(&w, &s, SECOND); /* nor does any operator stand behind this */
    REFUSED_AS(NOT_ADDRESSED, false);
    world_close(&w);
}

TEST(requests_that_brokers_make_up_are_refused_whoever_decided) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    w.c.wrap_policy = SERASI_WRAP_OPERATOR;
    for (int granted = 0; granted < 2; granted++) {
        /* somebody whom the directory does not prove */
        say(&w, &s, "lksa/3302/0666");
        char asked_for[CLIENT_KEYS_ASK_MAX][NODE_NAME_SIZE];
        KeyOwner nobody = { 0 };
        (void)client_keys_owner(w.c.directory, "lksa/3302/0666", now_read(), &nobody);
        if (client_keys_question(w.c.directory, now_read(), asked_for) > 0)
            tell_all(&w); /* and it is not among them */
        REFUSED_AS("the node is not in the directory", granted);
        /* not a broker */
        redirected(&w, &s, SECOND);
        s.broker = FIRST;
        s.signer = &w.sign[OF_FIRST];
        REFUSED_AS(NO_BROKER, granted);
        /* another one's name */
        redirected(&w, &s, SECOND);
        s.signer = &w.sign[OF_SECOND];
        REFUSED_AS(NO_BROKER, granted);
        s.signer = NULL;
        REFUSED_AS(NO_BROKER, granted);
        /* our message, but the request speaks of another */
        redirected(&w, &s, SECOND);
        s.q.message_id = uuid_v7(now_read().wall_ms);
        REFUSED_AS("it is not about a message of ours", granted);
        /* no signature of ours, or that of another message */
        redirected(&w, &s, SECOND);
        s.q.signature = (Bytes) { 0 };
        REFUSED_AS(NOT_OURS, granted);
    }
    world_close(&w);
}

/* The audience in the envelope is what we signed: it cannot be bent towards the asker's node. */
TEST(the_audience_cannot_be_changed) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    uint8_t *envelope = NULL;
    size_t n = 0;
    Envelope e;
    const char *why = NULL;
    ASSERT_OK(codec_decode_envelope(body_envelope(w.message), &e, &why));
    strcpy(e.audience.nodes[0], SECOND);
    ASSERT_OK(codec_encode_envelope(&e, &envelope, &n));
    say(&w, &s, SECOND);
    s.q.envelope = bytes_make(envelope, n);
    REFUSED_AS(NOT_OURS, false);
    REFUSED_AS(NOT_OURS, true);
    free(envelope);
    world_close(&w);
}

/* A wrap of one message does not come out as the key of another. */
TEST(wraps_of_another_message_give_nothing) {
    static World w;
    static Said s, other;
    static SealWraps answer;
    world_open(&w);
    say(&w, &other, FIRST);
    const Envelope e = envelope_to(FIRST);
    make_message(&w, &e);
    say(&w, &s, FIRST);
    memcpy(s.q.wraps, other.q.wraps, sizeof(s.q.wraps));
    REFUSED_AS("none of our keys opens the message", true);
    memcpy(s.q.commitment, other.q.commitment, sizeof(s.q.commitment));
    REFUSED_AS("none of our keys opens the message", true);
    world_close(&w);
}

/* Whom a role means is decided by our home broker, among nodes of that role. */
TEST(a_role_may_be_resolved_by_our_home_broker_alone) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    Envelope e = envelope_to(NULL);
    e.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = NODE_LKSA };
    strcpy(e.audience.role_region, "3302");
    make_message(&w, &e);
    say(&w, &s, SECOND);
    assert_null(asked(&w, &s, false, &answer));
    s.broker = FAR;
    s.signer = &w.sign[AT_FAR];
    REFUSED_AS(NOT_ADDRESSED, false);
    e.message_id = uuid_v7(now_read().wall_ms);
    e.audience.role_kind = NODE_POSYANDU_LANSIA;
    make_message(&w, &e);
    say(&w, &s, SECOND); /* a LKSA is none */
    REFUSED_AS(NOT_ADDRESSED, false);
    world_close(&w);
}

TEST(who_has_no_sealing_key_and_who_has_none_of_ours) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    w.without_seal = true;
    tell_all(&w);
    redirected(&w, &s, SECOND);
    REFUSED_AS("the node has no sealing key", true);
    say(&w, &s, FIRST);
    seal_key_new(&w.c.keys.seal); /* ours was changed, and the old one is lost */
    REFUSED_AS("none of our keys opens the message", true);
    w.c.keys.old_seal[0] = w.seal[OURS];
    w.c.keys.n_old_seal = 1;
    assert_null(asked(&w, &s, true, &answer));
    world_close(&w);
}

TEST(a_broker_whose_key_or_node_has_ended_gets_nothing) {
    static World w;
    static Said s;
    static SealWraps answer;
    for (int which = 0; which < 2; which++) {
        world_open(&w);
        (which ? w.revoked : w.inactive)[AT_HOME] = true;
        tell_all(&w);
        say(&w, &s, FIRST);
        REFUSED_AS(NO_BROKER, false);
        REFUSED_AS(NO_BROKER, true);
        world_close(&w);
    }
}

TEST(a_recipient_that_has_ended_gets_nothing) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    w.inactive[OF_FIRST] = true;
    tell_all(&w);
    say(&w, &s, FIRST);
    REFUSED_AS("the node is not active", true);
    w.inactive[OF_FIRST] = false;
    w.revoked[OF_FIRST] = true;
    tell_all(&w);
    REFUSED_AS("the node has no sealing key", true);
    world_close(&w);
}

/* With our signature: we might be made to sign what another says. */
TEST(only_what_we_sent_ourselves_is_opened_to_others) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    Envelope e = envelope_to(FIRST);
    strcpy(e.sender, SECOND);
    make_message(&w, &e);
    say(&w, &s, FIRST);
    REFUSED_AS("it is not about a message of ours", true);
    world_close(&w);
}

TEST(who_gets_what_names_nobody_says_our_home_broker_alone) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    const Envelope e = envelope_to(NULL);
    make_message(&w, &e);
    say(&w, &s, FIRST);
    assert_null(asked(&w, &s, false, &answer));
    s.broker = FAR;
    s.signer = &w.sign[AT_FAR];
    REFUSED_AS(NOT_ADDRESSED, false);
    world_close(&w);
}

/* What an operator at any broker redirected: the one who asks must be the home of who had it. */
TEST(a_stranger_cannot_say_whom_a_role_meant) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    w.c.wrap_policy = SERASI_WRAP_OPERATOR;
    Envelope e = envelope_to(NULL);
    e.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = NODE_LKSA };
    make_message(&w, &e);
    redirected(&w, &s, SECOND);
    assert_null(asked(&w, &s, false, &answer));
    s.broker = "hub";
    s.signer = &w.sign[HUB];
    REFUSED_AS(NOT_ADDRESSED, false);
    world_close(&w);
}

TEST(an_operators_word_counts_only_where_the_directory_is_proven) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    w.c.wrap_policy = SERASI_WRAP_OPERATOR;
    (void)client_keys_free(w.c.directory);
    ASSERT_OK(client_keys_new(&w.c.directory, NULL, 0)); /* no key of the hub is pinned */
    tell_all(&w);
    redirected(&w, &s, SECOND);
    REFUSED_AS(NOT_ADDRESSED, false);
    say(&w, &s, FIRST); /* whom we chose ourselves */
    assert_null(asked(&w, &s, false, &answer));
    world_close(&w);
}

/* Whoever holds back newer ones could keep a revoked key alive with it. */
TEST(an_old_directory_proves_nobody) {
    static World w;
    static Said s;
    static SealWraps answer;
    world_open(&w);
    (void)client_keys_free(w.c.directory);
    ASSERT_OK(client_keys_new(&w.c.directory, &w.sign[HUB].public, 1));
    w.head_age_ms = 31 * DAY_MS;
    tell_all(&w);
    say(&w, &s, FIRST);
    REFUSED_AS("the node is not in the directory", true);
    world_close(&w);
}

TEST(who_wants_to_give_no_wraps_sees_the_requests) {
    static World w;
    static Said s;
    bool taken = true;
    world_open(&w);
    w.c.wrap_policy = SERASI_WRAP_NEVER;
    say(&w, &s, FIRST);
    serasi_delivery *d = delivery_of(&s);
    ASSERT_OK(request_came(&w.c, d, &taken));
    ASSERT_TRUE(!taken);
    delivery_drop(d);
    world_close(&w);
}

/* --- what becomes of the request -------------------------------------------------------------- */

/* How it is settled after that answer to the wrap; NONE: not at all, it is the application's. */
static SettleAction settled_after(Verdict verdict, uint64_t session) {
    static World w;
    static Said s;
    world_open(&w);
    Channel *ch = &w.c.channels[0];
    *ch = (Channel) { .handle = 1, .wire = 1, .open = true };
    ASSERT_OK(held_add(ch, 5, &(Uuid) { { 1 } }, 1));
    say(&w, &s, FIRST);
    serasi_delivery *d = delivery_of(&s);
    for (size_t i = 0; i < PARTS_MAX; i++)
        free((void *)(uintptr_t)d->raw.parts[i].p);
    d->raw = (SockMessage) { 0 };
    d->frame.deliver.tag = 5;
    d->session = session;
    Outgoing o = { .request = d };
    const PublishResult r = { .verdict = verdict, .retry_after_ms = 70 };
    request_answered(&w.c, &o, &r);
    const SettleAction action = ch->held[0].action;
    ASSERT_EQ(ch->held[0].after_ms, action == SETTLE_RETRY ? 70 : 0);
    ASSERT_EQ(w.c.deliveries != NULL, verdict == VERDICT_REFUSED && session == 1);
    while (w.c.deliveries) {
        d = w.c.deliveries;
        DL_DELETE(w.c.deliveries, d);
        (void)delivery_free(d);
    }
    world_close(&w);
    return action;
}

TEST(a_request_is_done_with_when_the_wrap_is_accepted_and_comes_again_else) {
    ASSERT_EQ(settled_after(VERDICT_ACCEPTED, 1), SETTLE_DONE);
    ASSERT_EQ(settled_after(VERDICT_DUPLICATE, 1), SETTLE_DONE);
    ASSERT_EQ(settled_after(VERDICT_CONFLICT, 1), SETTLE_DONE); /* another box of the same */
    ASSERT_EQ(settled_after(VERDICT_LATER, 1), SETTLE_RETRY);
    ASSERT_EQ(settled_after(VERDICT_REFUSED, 1), SETTLE_NONE);
    ASSERT_EQ(settled_after(VERDICT_ACCEPTED, 2), SETTLE_NONE); /* of another session */
    ASSERT_EQ(settled_after(VERDICT_REFUSED, 2), SETTLE_NONE);
}

TEST_MAIN

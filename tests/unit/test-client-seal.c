/* SPDX-License-Identifier: Apache-2.0 */

/* Drafts are sealed to the proven keys of all addressees, or not at all. */

#include "test.h"

#include "client/client-seal.h"
#include "seal-fixture.h"

static Draft *draft_to(const Envelope *e, const char *text) {
    Secret plain;
    uint8_t *envelope = NULL;
    size_t n = 0;
    ASSERT_OK(secret_init(&plain, strlen(text)));
    memcpy(plain.p, text, strlen(text));
    plain.n = strlen(text);
    ASSERT_OK(codec_encode_envelope(e, &envelope, &n));
    Draft *d =
        draft_new(e, body_new(bytes_make(envelope, n), (Bytes) { 0 }, (Bytes) { 0 }), &plain);
    assert_non_null(d);
    assert_null(plain.p);
    free(envelope);
    return d;
}

TEST(a_draft_is_sealed_once_to_all_keys_of_its_addressees_and_us) {
    static World w;
    SealFailure why = { 0 };
    uint8_t commitment[SEAL_COMMITMENT_SIZE];
    SealWrap wraps[SEAL_WRAPS_MAX];
    world_open(&w);
    const Envelope e = envelope_to(FIRST);
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    ASSERT_OK(draft_seal(&w.c, d, &why));
    assert_non_null(d->done);
    assert_null(d->plain.p); /* wiped */
    const Body *first = d->done;
    ASSERT_OK(draft_seal(&w.c, d, &why));
    ASSERT_TRUE(d->done == first);
    ASSERT_EQ(codec_sealed_wraps(body_sealed(d->done), commitment, wraps), 2);
    body_unref(w.message);
    w.message = body_ref(d->done);
    serasi_delivery *got = delivery_for(&w, OF_FIRST, ROLE_ADDRESSEE);
    ASSERT_EQ(state_of(&w, got), SERASI_OPENED);
    delivery_drop(got);
    world_close(&w);
}

TEST(nothing_is_sealed_to_keys_that_are_missing_or_not_proven) {
    static World w;
    SealFailure why = { 0 };
    world_open(&w);
    w.without_seal = true;
    tell_all(&w);
    Envelope e = envelope_to(FIRST);
    e.audience.n = 2;
    strcpy(e.audience.nodes[1], SECOND);
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_NO_SEAL_KEY);
    ASSERT_STR(why.code, "NO_SEAL_KEY");
    ASSERT_STR(why.field, SECOND);
    assert_null(d->done);
    /* a directory that the pinned hub did not sign */
    SignKey other;
    sign_key_new(&other);
    (void)client_keys_free(w.c.directory);
    ASSERT_OK(client_keys_new(&w.c.directory, &other.public, 1));
    e = envelope_to(FIRST);
    _cleanup_(draft_unrefp) Draft *second = draft_to(&e, TEXT);
    ASSERT_EQ(draft_seal(&w.c, second, &why), SERASI_AGAIN);
    KeyProofs p = { 0 }; /* told without any proof */
    RecordProof proofs[2] = { { .index = 0 } };
    uint8_t bytes[2][512], *answer = NULL;
    size_t n = 0;
    DirRecord node = { .kind = DIR_NODE, .node = { .kind = NODE_LKSA } };
    DirRecord key = { .kind = DIR_KEY };
    strcpy(node.node.id, FIRST);
    strcpy(key.key.node, FIRST);
    memset(key.key.curve, 'e', CURVE_TEXT_SIZE - 1);
    key.key.seal = w.seal[OF_SECOND].public; /* the broker's own */
    proofs[0].record = codec_encode_record(&node, bytes[0], 512);
    proofs[1].record = codec_encode_record(&key, bytes[1], 512);
    p.proofs = proofs;
    p.n = 2;
    ASSERT_OK(codec_encode_key_proofs(&p, &answer, &n));
    ASSERT_OK(client_keys_answered(w.c.directory, bytes_make(answer, n), now_read()));
    free(answer);
    ASSERT_EQ(draft_seal(&w.c, second, &why), SERASI_NO_SEAL_KEY);
    ASSERT_STR(why.code, "SEAL_KEY_NOT_PROVEN");
    ASSERT_STR(why.field, FIRST);
    world_close(&w);
}

static Frame resolved(uint32_t query, uint32_t code, const char *text, const char *node) {
    Frame f = { .kind = FRAME_RESULT, .result = { .query = query, .table = table_new() } };
    table_say(f.result.table, code, "%s", text);
    table_column(f.result.table, "node", COLUMN_TEXT);
    table_column(f.result.table, "role", COLUMN_TEXT);
    for (int i = 0; node && i < 2; i++) {
        table_text(f.result.table, i == 0 ? node : SECOND);
        table_text(f.result.table, i == 0 ? "ADDRESSEE" : "SUPERVISOR");
    }
    return f;
}

TEST(whom_a_role_means_is_asked_and_never_guessed) {
    static World w;
    SealFailure why = { 0 };
    bool taken = false;
    world_open(&w);
    Envelope e = envelope_to(NULL);
    e.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = NODE_LKSA };
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_AGAIN);
    ASSERT_TRUE(w.c.resolving == d);
    w.c.resolve_query = 7; /* as if sent, and never answered */
    w.c.resolve_due_ms = now_read().mono_ms - 1;
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_AGAIN);
    ASSERT_TRUE(w.c.resolving == d && w.c.resolve_query == 0);
    w.c.resolve_query = 8;
    w.c.resolve_due_ms = INT64_MAX;
    Frame f = resolved(8, 1, "BUSY: later", NULL);
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    ASSERT_TRUE(taken && w.c.resolving == d && !d->resolved);
    frame_deinit(&f);
    w.c.resolve_query = 9;
    f = resolved(8, 0, "", FIRST); /* of the question before */
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    ASSERT_TRUE(!taken);
    f.result.query = 9;
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    frame_deinit(&f);
    ASSERT_TRUE(taken && !w.c.resolving && d->resolved);
    ASSERT_EQ(d->n_to, 1); /* no supervisor */
    ASSERT_OK(draft_seal(&w.c, d, &why));
    world_close(&w);
}

/* The broker adds the holder to a complaint, and others to what is about one. */
TEST(whom_the_law_adds_to_is_asked_though_nodes_are_named) {
    static const int kinds_added_to[] = { KIND_COMPLAINT, KIND_COMPLAINT_UPDATE };
    static World w;
    for (size_t i = 0; i < ARRAY_SIZE(kinds_added_to); i++) {
        SealFailure why = { 0 };
        world_open(&w);
        Envelope e = envelope_to(FIRST);
        e.kind = kinds_added_to[i];
        _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
        ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_AGAIN);
        ASSERT_TRUE(w.c.resolving == d);
        w.c.resolving = draft_unref(w.c.resolving);
        world_close(&w);
    }
}

/* Sealed to the ones that are known already, it would go to the others closed for good. */
TEST(nothing_is_sealed_before_the_keys_of_all_are_known) {
    static World w;
    static const char strange[] = "lksa/3302/0777";
    for (int last = 0; last < 2; last++) {
        SealFailure why = { 0 };
        world_open(&w);
        Envelope e = envelope_to(last ? FIRST : strange);
        e.audience.n = 2;
        strcpy(e.audience.nodes[1], last ? strange : FIRST);
        _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
        ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_AGAIN);
        assert_null(d->done);
        world_close(&w);
    }
}

TEST(nothing_is_sealed_to_a_key_or_a_node_that_has_ended) {
    static World w;
    for (int which = 0; which < 2; which++) {
        SealFailure why = { 0 };
        world_open(&w);
        (which ? w.revoked : w.inactive)[OF_FIRST] = true;
        tell_all(&w);
        const Envelope e = envelope_to(FIRST);
        _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
        ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_NO_SEAL_KEY);
        ASSERT_STR(why.field, FIRST);
        world_close(&w);
    }
}

TEST(only_an_answer_to_the_question_that_is_out_is_taken) {
    static World w;
    SealFailure why = { 0 };
    bool taken = true;
    world_open(&w);
    Envelope e = envelope_to(NULL);
    e.audience = (Audience) { .form = AUDIENCE_ROLE, .role_kind = NODE_LKSA };
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_AGAIN);
    Frame f = resolved(0, 0, "", FIRST); /* none is out */
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    ASSERT_TRUE(!taken && !d->resolved);
    w.c.resolve_query = 5;
    resolve_session_lost(&w.c);
    f.result.query = 5; /* it went with its session */
    ASSERT_OK(resolve_answered(&w.c, &f, &taken));
    ASSERT_TRUE(!taken && !d->resolved && w.c.resolving == d);
    frame_deinit(&f);
    w.c.resolving = draft_unref(w.c.resolving);
    world_close(&w);
}

/* To SECOND, whose key is missing, or to somebody of whom nothing is known yet. */
static void enqueue(World *w, const char *to) {
    const Envelope e = envelope_to(to);
    serasi_message m = { .id = e.message_id, .draft = draft_to(&e, TEXT) };
    ASSERT_OK(serasi_publish(&w->c, &m));
    (void)draft_unref(m.draft);
}

TEST(what_cannot_be_sealed_is_refused_in_its_turn) {
    static World w;
    for (int behind = 0; behind < 2; behind++) {
        world_open(&w);
        w.without_seal = true;
        tell_all(&w);
        w.c.look_due_ms = INT64_MAX;
        if (behind)
            enqueue(&w, "lksa/3302/0777");
        enqueue(&w, SECOND);
        ASSERT_EQ(w.c.n_unsealed, behind + 1);
        ASSERT_OK(publish_write(&w.c));
        if (behind) {
            assert_null(w.c.results);
            ASSERT_EQ(w.c.n_waiting, 2);
            ASSERT_TRUE(w.c.look_due_ms <= w.c.now_ms + SECOND_MS); /* for the keys */
        } else {
            assert_non_null(w.c.results);
            ASSERT_EQ(serasi_result_verdict(w.c.results), SERASI_VERDICT_REFUSED);
            ASSERT_EQ(w.c.n_waiting, 0);
            ASSERT_EQ(w.c.n_unsealed, 0);
        }
        world_close(&w);
    }
}

TEST(more_keys_than_a_part_can_have_are_refused) {
    static World w;
    SealFailure why = { 0 };
    world_open(&w);
    const Envelope e = envelope_to(FIRST);
    _cleanup_(draft_unrefp) Draft *d = draft_to(&e, TEXT);
    d->resolved = true;
    d->n_to = SEAL_WRAPS_MAX + 1;
    d->to = calloc(d->n_to, sizeof(*d->to));
    ASSERT_EQ(draft_seal(&w.c, d, &why), SERASI_NO_SEAL_KEY);
    ASSERT_STR(why.code, "TOO_MANY_SEAL_KEYS");
    world_close(&w);
}

TEST_MAIN

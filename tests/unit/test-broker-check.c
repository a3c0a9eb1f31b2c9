/* SPDX-License-Identifier: Apache-2.0 */

/* Signatures of what is published: what is refused, what waits for its check, and in which order it
 * goes on. */

#include "broker-fixture.h"
#include "broker/batch.h"
#include "broker/check-queue.h"
#include "broker/internal.h"
#include "broker/session.h"

#define FROM "dsk/3202"
#define TO   "dsk/3201"

static SignKey key_made(uint8_t seed) {
    SignKey k;
    const uint8_t bytes[SIGN_SEED_SIZE] = { seed };
    sign_key_from_seed(bytes, &k);
    return k;
}

/* Gives keys of nodes a signing half; the broker goes on with the new directory. */
static void give_key_as(World *w, const char *node, const SignKey *k, DirKey as) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.keys = calloc(1, sizeof(DirKey));
    op->import.regions = calloc(1, sizeof(DirRegion));
    op->import.holidays = calloc(1, sizeof(DirHoliday));
    op->import.n_keys = 1;
    DirKey *d = op->import.keys;
    *d = as;
    key_of(node, d->curve);
    (void)text_copy(d->node, sizeof(d->node), node);
    d->broker = strncmp(node, "upt/", 4) == 0 || strcmp(node, "hub") == 0;
    d->sign = k->public;
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    ASSERT_STR(op->import.text, "");
    ASSERT_OK(broker_take_directory(w->broker, w->now, op->import.directory));
    store_op_free(op);
}

static void give_key(World *w, const char *node, const SignKey *k) {
    give_key_as(w, node, k, (DirKey) { .revoked = false });
}

/* What is sent: an envelope, and a signature beside it. */
static void send_letter(World *w, uint8_t peer, const char *as, const Letter *l, const Signature *s,
                        const Forward *fwd) {
    Frame f = { .kind = FRAME_PUBLISH,
                .publish = { .message_id = l->id, .forward = (Forward *)fwd } };
    uint8_t buf[SIGNATURE_MAX];
    if (s)
        signature_bytes_set(&f.publish.signature, codec_encode_signature(s, buf));
    Bytes parts[2] = { bytes_make(l->envelope, l->n), { 0 } };
    say_parts(w, peer, as, &f, parts, 2);
}

static Signature sign(const SignKey *k, const Letter *l) {
    Signature s;
    const Bytes envelope = bytes_make(l->envelope, l->n);
    ASSERT_OK(signature_make(k, &envelope, 1, &s));
    return s;
}

static Letter letter_to(World *w, uint8_t cas) {
    return letter(w, FROM, TO, cas, URGENCY_ROUTINE);
}

/* The only answer so far, which is taken: its verdict, and the code of its reason. */
static Verdict answer(World *w, uint8_t peer, const char **ret_code) {
    const Heard *h = heard(w, peer, FRAME_PUBLISHED, 0);
    static char code[24];
    assert_non_null(h);
    const PublishResult *r = &h->f.published.results[0];
    (void)text_copy(code, sizeof(code),
                    r->reasons && r->reasons->n ? r->reasons->list[0].code : "");
    if (ret_code)
        *ret_code = code;
    const Verdict verdict = r->verdict;
    forget(w);
    return verdict;
}

static void expect(World *w, uint8_t peer, Verdict verdict, const char *code) {
    const char *is;
    run(w);
    ASSERT_EQ(answer(w, peer, &is), verdict);
    ASSERT_STR(is, code);
}

#define SESSION(w, k, peer)                                                                        \
    const SignKey k = key_made(peer);                                                              \
    give_key(&(w), FROM, &k);                                                                      \
    hello(&(w), (peer), FROM, (peer));                                                             \
    forget(&(w))

static void free_letters(const Letter *l, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(l[i].envelope);
}

TEST(who_has_a_signing_key_must_sign) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Letter l = letter_to(&w, 1);
    send_letter(&w, 2, FROM, &l, NULL, NULL);
    expect(&w, 2, VERDICT_REFUSED, "UNSIGNED");
    const Signature s = sign(&k, &l);
    send_letter(&w, 2, FROM, &l, &s, NULL); /* the id was given back */
    expect(&w, 2, VERDICT_ACCEPTED, "");
    free(l.envelope);
}

TEST(who_has_none_is_the_configurations_to_refuse) {
    WORLD(w, "upt/r1");
    hello(&w, 2, FROM, 2);
    forget(&w);
    (void)publish(&w, 2, FROM, TO, 1);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    w.config.unsigned_allowed = false;
    broker_reconfigure(w.broker, &w.config);
    (void)publish(&w, 2, FROM, TO, 2);
    expect(&w, 2, VERDICT_REFUSED, "UNSIGNED");
}

TEST(a_signature_of_another_envelope_key_or_node_is_refused) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    const SignKey other = key_made(77);
    give_key(&w, TO, &other);
    Letter a = letter_to(&w, 1), b = letter_to(&w, 2);
    Signature s = sign(&k, &b);
    send_letter(&w, 2, FROM, &a, &s, NULL); /* replayed from another message */
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    s = sign(&other, &a);
    send_letter(&w, 2, FROM, &a, &s, NULL); /* of another node */
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    s.key = key_id(k.public.b);
    send_letter(&w, 2, FROM, &a, &s, NULL); /* called ours */
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    s = sign(&k, &a);
    a.envelope[a.n - 1] ^= 1; /* changed on its way; still an envelope, of the same id */
    send_letter(&w, 2, FROM, &a, &s, NULL);
    run(&w);
    ASSERT_EQ(answer(&w, 2, NULL), VERDICT_REFUSED);
    free(a.envelope);
    free(b.envelope);
}

TEST(a_key_that_is_revoked_or_past_its_time_signs_nothing) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Letter l = letter_to(&w, 1);
    const Signature s = sign(&k, &l);
    give_key_as(&w, FROM, &k, (DirKey) { .valid_until_ms = w.now.wall_ms + MINUTE_MS });
    w.now.wall_ms += 2 * MINUTE_MS;
    /* As its session would end by itself, the transport key of another stands for the thief. */
    StoreOp *op = op_for(OP_ACCEPT, 0, NULL);
    op->accept.message = calloc(1, sizeof(Message));
    uint8_t buf[SIGNATURE_MAX];
    const char *why;
    ASSERT_OK(codec_decode_signed_message(bytes_make(l.envelope, l.n), (Bytes) { 0 }, (Bytes) { 0 },
                                          codec_encode_signature(&s, buf), op->accept.message,
                                          &why));
    check_push(w.broker, w.now, op);
    Checks *c = broker_take_checks(w.broker, w.now);
    assert_non_null(c);
    checks_run(c);
    ASSERT_EQ(op->accept.signature, SIGNATURE_BAD);
    broker_checked(w.broker, w.now);
    free(l.envelope);
}

TEST(a_key_revoked_while_its_signature_is_checked_signs_nothing) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Letter l = letter_to(&w, 1);
    const Signature s = sign(&k, &l);
    send_letter(&w, 2, FROM, &l, &s, NULL);
    Checks *c = broker_take_checks(w.broker, w.now);
    assert_non_null(c);
    checks_run(c);
    give_key_as(&w, FROM, &k, (DirKey) { .revoked = true });
    broker_checked(w.broker, w.now);
    run(&w);
    ASSERT_EQ(broker_status(w.broker).accepted, 0);
    free(l.envelope);
}

TEST(a_duplicate_with_another_signature_or_none_is_a_duplicate) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    const SignKey newer = key_made(5);
    Letter l = letter_to(&w, 1), m = letter_to(&w, 2);
    const Signature s = sign(&k, &l);
    send_letter(&w, 2, FROM, &l, &s, NULL);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    const Bytes both[2] = { bytes_make(m.envelope, m.n), bytes_make(l.envelope, l.n) };
    Signature pair[2];
    ASSERT_OK(signature_make(&k, both, 2, pair));
    send_letter(&w, 2, FROM, &l, &pair[1], NULL); /* signed anew */
    expect(&w, 2, VERDICT_DUPLICATE, "");
    give_key(&w, FROM, &newer); /* and the old key is gone */
    send_letter(&w, 2, FROM, &l, &s, NULL);
    expect(&w, 2, VERDICT_DUPLICATE, "");
    send_letter(&w, 2, FROM, &l, NULL, NULL);
    expect(&w, 2, VERDICT_DUPLICATE, "");
    free(l.envelope);
    free(m.envelope);
}

TEST(messages_of_a_session_keep_their_order_while_checks_are_slow) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Uuid sent[12];
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 64);
    run(&w);
    forget(&w);
    Checks *out = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(sent); i++) {
        Letter l = letter_to(&w, 7); /* one case */
        const Signature s = sign(&k, &l);
        sent[i] = l.id;
        /* Every third is not signed and needs no check: it is refused, in its turn. */
        send_letter(&w, 2, FROM, &l, i % 3 == 2 ? NULL : &s, NULL);
        free(l.envelope);
        if (!out)
            out = broker_take_checks(w.broker, w.now); /* and stays out */
        assert_non_null(out);
        assert_null(broker_take_checks(w.broker, w.now));
        assert_null(broker_take_batch(w.broker));
        ASSERT_EQ(broker_checking(w.broker), i + 1);
    }
    checks_run(out);
    broker_checked(w.broker, w.now);
    ASSERT_TRUE(broker_waiting(w.broker) > 0);
    run(&w);
    unsigned n = 0;
    for (unsigned f = 0; f < w.n_heard; f++) {
        const Frame *h = &w.heard[f].f;
        for (uint32_t r = 0; h->kind == FRAME_PUBLISHED && r < h->published.n; r++, n++) {
            ASSERT_TRUE(uuid_equal(&h->published.results[r].message_id, &sent[n]));
            ASSERT_EQ(h->published.results[r].verdict,
                      n % 3 == 2 ? VERDICT_REFUSED : VERDICT_ACCEPTED);
        }
    }
    ASSERT_EQ(n, ARRAY_SIZE(sent));
}

TEST(what_a_session_settles_waits_for_what_it_published_before) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    subscribe(&w, 2, FROM, 1, SOURCE_MAILBOX, 64);
    hello(&w, 3, TO, 3);
    run(&w);
    (void)publish(&w, 3, TO, FROM, 1);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    forget(&w);
    Letter l = letter_to(&w, 2);
    const Signature s = sign(&k, &l);
    send_letter(&w, 2, FROM, &l, &s, NULL); /* the answer */
    settle(&w, 2, FROM, 1, SETTLE_DONE);
    assert_null(broker_take_batch(w.broker)); /* or a crash now would lose the answer only */
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_PUBLISHED), 1);
    ASSERT_EQ(count(&w, 2, FRAME_SETTLED), 1);
    free(l.envelope);
}

TEST(an_emergency_does_not_wait_behind_a_heap_of_checks) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    for (unsigned i = 0; i < 400; i++) {
        Letter l = letter_to(&w, (uint8_t)(i % 200));
        const Signature s = sign(&k, &l);
        send_letter(&w, 2, FROM, &l, &s, NULL);
        free(l.envelope);
    }
    Letter e = letter(&w, FROM, TO, 255, URGENCY_EMERGENCY);
    const Signature s = sign(&k, &e);
    send_letter(&w, 2, FROM, &e, &s, NULL);
    Checks *c = broker_take_checks(w.broker, w.now);
    ASSERT_TRUE(checks_count(c) < 64);
    checks_run(c);
    broker_checked(w.broker, w.now);
    StoreOp *list = broker_take_batch(w.broker);
    assert_non_null(list);
    ASSERT_TRUE(uuid_equal(&list->accept.message->env.message_id, &e.id));
    ASSERT_OK(store_run(w.store, list, w.now.wall_ms));
    ASSERT_OK(broker_stored(w.broker, w.now, list));
    run(&w);
    ASSERT_EQ(broker_status(w.broker).accepted, 401);
    free(e.envelope);
}

TEST(what_was_signed_with_a_message_that_holds_needs_no_curve_operation) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Letter l[4];
    Bytes list[ARRAY_SIZE(l)];
    Signature s[ARRAY_SIZE(l)];
    for (unsigned i = 0; i < ARRAY_SIZE(l); i++) {
        l[i] = letter_to(&w, (uint8_t)i);
        list[i] = bytes_make(l[i].envelope, l[i].n);
    }
    ASSERT_OK(signature_make(&k, list, 3, s));
    s[3] = sign(&k, &l[3]);
    send_letter(&w, 2, FROM, &l[0], &s[0], NULL);
    Checks *c = broker_take_checks(w.broker, w.now);
    ASSERT_EQ(checks_count(c), 1);
    assert_false(checks_run_some(c, 0));
    checks_run(c);
    ASSERT_TRUE(checks_run_some(c, 0)); /* nothing is left to do */
    broker_checked(w.broker, w.now);

    for (unsigned i = 1; i < 3; i++)
        send_letter(&w, 2, FROM, &l[i], &s[i], NULL);
    c = broker_take_checks(w.broker, w.now);
    ASSERT_EQ(checks_count(c), 2);
    ASSERT_TRUE(checks_run_some(c, 0));
    broker_checked(w.broker, w.now);

    send_letter(&w, 2, FROM, &l[3], &s[3], NULL); /* of a tree of its own */
    c = broker_take_checks(w.broker, w.now);
    assert_false(checks_run_some(c, 0));
    checks_run(c);
    broker_checked(w.broker, w.now);
    run(&w);
    ASSERT_EQ(broker_status(w.broker).accepted, 4);
    free_letters(l, ARRAY_SIZE(l));
}

TEST(the_first_of_a_bundle_is_checked_while_the_others_are_read) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Letter l[3];
    Bytes list[ARRAY_SIZE(l)];
    Signature s[ARRAY_SIZE(l)];
    _cleanup_(bundle_freep) Bundle *b = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    assert_non_null(b);
    for (unsigned i = 0; i < ARRAY_SIZE(l); i++) {
        l[i] = letter_to(&w, 1);
        list[i] = bytes_make(l[i].envelope, l[i].n);
    }
    ASSERT_OK(signature_make(&k, list, ARRAY_SIZE(l), s));
    for (unsigned i = 0; i < ARRAY_SIZE(l); i++) {
        uint8_t buf[SIGNATURE_MAX];
        FramePublish *p = &b->publishes[i];
        *p = (FramePublish) { .message_id = l[i].id };
        signature_bytes_set(&p->signature, codec_encode_signature(&s[i], buf));
        bundle_add(b, 0, &list[i], 1);
    }
    w.early = true;
    say(&w, 2, FROM, (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
    assert_non_null(w.checks);
    ASSERT_EQ(checks_count(w.checks), 1);
    assert_null(broker_take_checks(w.broker, w.now)); /* the others wait for it */
    ASSERT_EQ(broker_checking(w.broker), 3);
    checks_run(w.checks);
    broker_checked(w.broker, w.now);
    Checks *rest = broker_take_checks(w.broker, w.now);
    ASSERT_EQ(checks_count(rest), 2);
    ASSERT_TRUE(checks_run_some(rest, 0));
    broker_checked(w.broker, w.now);
    run(&w);
    const Heard *h = heard(&w, 2, FRAME_PUBLISHED, 0);
    ASSERT_EQ(h->f.published.n, 3);
    for (unsigned i = 0; i < ARRAY_SIZE(l); i++) {
        ASSERT_EQ(h->f.published.results[i].verdict, VERDICT_ACCEPTED);
        assert_memory_equal(&h->f.published.results[i].message_id, &l[i].id, UUID_SIZE);
        free(l[i].envelope);
    }
}

/* Else whoever sends leaves of a tree that holds could have curve operations done by the router. */
TEST(a_forged_leaf_of_a_tree_that_holds_is_refused_without_a_curve_operation) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Letter a = letter_to(&w, 1), forged = letter_to(&w, 2);
    const Signature s = sign(&k, &a);
    send_letter(&w, 2, FROM, &a, &s, NULL);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    send_letter(&w, 2, FROM, &forged, &s, NULL);
    Checks *c = broker_take_checks(w.broker, w.now);
    ASSERT_TRUE(checks_run_some(c, 0));
    broker_checked(w.broker, w.now);
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    free(a.envelope);
    free(forged.envelope);
}

TEST(no_more_curve_operations_are_done_than_are_afforded) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    Letter l[4];
    for (unsigned i = 0; i < ARRAY_SIZE(l); i++) {
        l[i] = letter_to(&w, (uint8_t)i);
        const Signature s = sign(&k, &l[i]);
        send_letter(&w, 2, FROM, &l[i], &s, NULL);
    }
    Checks *c = broker_take_checks(w.broker, w.now);
    assert_false(checks_run_some(c, 1)); /* the first */
    assert_false(checks_run_some(c, 2)); /* two more */
    ASSERT_TRUE(checks_run_some(c, 1));
    broker_checked(w.broker, w.now);
    run(&w);
    ASSERT_EQ(broker_status(w.broker).accepted, 4);
    free_letters(l, ARRAY_SIZE(l));
}

TEST(what_waits_for_checks_closes_the_intake) {
    WORLD(w, "upt/r1");
    w.config.pending_max = 300;
    broker_reconfigure(w.broker, &w.config);
    SESSION(w, k, 2);
    for (unsigned i = 0; i < 300; i++) {
        ASSERT_TRUE(broker_has_room(w.broker));
        Letter l = letter_to(&w, (uint8_t)i);
        const Signature s = sign(&k, &l);
        send_letter(&w, 2, FROM, &l, &s, NULL);
        free(l.envelope);
    }
    ASSERT_TRUE(!broker_has_room(w.broker));
    run(&w);
    ASSERT_TRUE(broker_has_room(w.broker));
}

/* --- links ---------------------------------------------------------------------------------- */

static Forward forward_to(World *w, const char *node) {
    Forward f = { .present = true,
                  .accepted_ms = w->now.wall_ms,
                  .expires_ms = w->now.wall_ms + DAY_MS,
                  .n_recipients = 1,
                  .n_stamps = 1 };
    f.recipients[0].role = ROLE_ADDRESSEE;
    (void)text_copy(f.recipients[0].node, NODE_NAME_SIZE, node);
    f.stamps[0].at_ms = w->now.wall_ms;
    (void)text_copy(f.stamps[0].broker, NODE_NAME_SIZE, "upt/r1");
    return f;
}

TEST(a_child_broker_cannot_pass_on_what_its_sender_did_not_sign) {
    WORLD(w, "hub");
    const SignKey k = key_made(3), stranger = key_made(4);
    give_key(&w, FROM, &k);
    hello(&w, 2, "upt/r1", 2);
    run(&w);
    forget(&w);
    const Forward fwd = forward_to(&w, "dsk/3301");
    Letter l = letter(&w, FROM, "dsk/3301", 1, URGENCY_ROUTINE);
    send_letter(&w, 2, "upt/r1", &l, NULL, &fwd);
    expect(&w, 2, VERDICT_REFUSED, "UNSIGNED");
    Letter other = letter(&w, FROM, "dsk/3301", 2, URGENCY_ROUTINE);
    Signature s = sign(&k, &other);
    send_letter(&w, 2, "upt/r1", &l, &s, &fwd);
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    s = sign(&k, &l);
    send_letter(&w, 2, "upt/r1", &l, &s, &fwd);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    /* By a key this broker has not heard of: perhaps a new one. The recipient judges. */
    s = sign(&stranger, &other);
    send_letter(&w, 2, "upt/r1", &other, &s, &fwd);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    free(l.envelope);
    free(other.envelope);
}

TEST(a_change_of_the_directory_makes_no_unknown_key_a_bad_one) {
    WORLD(w, "hub");
    const SignKey k = key_made(3), stranger = key_made(4);
    give_key(&w, FROM, &k);
    hello(&w, 2, "upt/r1", 2);
    run(&w);
    forget(&w);
    const Forward fwd = forward_to(&w, "dsk/3301");
    Letter l = letter(&w, FROM, "dsk/3301", 1, URGENCY_ROUTINE);
    const Signature s = sign(&stranger, &l);
    send_letter(&w, 2, "upt/r1", &l, &s, &fwd);
    Checks *c = broker_take_checks(w.broker, w.now);
    assert_non_null(c);
    checks_run(c);
    const SignKey another = key_made(5);
    give_key(&w, "dsk/3301", &another);
    broker_checked(w.broker, w.now);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    free(l.envelope);
}

TEST(a_child_broker_cannot_pass_on_what_a_revoked_key_signed) {
    WORLD(w, "hub");
    const SignKey k = key_made(3);
    Letter a = letter(&w, FROM, "dsk/3301", 1, URGENCY_ROUTINE),
           b = letter(&w, FROM, "dsk/3301", 2, URGENCY_ROUTINE);
    const Forward fwd = forward_to(&w, "dsk/3301");
    Signature s = sign(&k, &a);
    give_key(&w, FROM, &k);
    hello(&w, 2, "upt/r1", 2);
    run(&w);
    forget(&w);
    send_letter(&w, 2, "upt/r1", &a, &s, &fwd);
    Checks *c = broker_take_checks(w.broker, w.now);
    assert_non_null(c);
    checks_run(c); /* it holds, and is revoked before that is known */
    give_key_as(&w, FROM, &k, (DirKey) { .revoked = true });
    broker_checked(w.broker, w.now);
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    s = sign(&k, &b);
    send_letter(&w, 2, "upt/r1", &b, &s, &fwd);
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    free(a.envelope);
    free(b.envelope);
}

TEST(a_neighbour_cannot_say_that_a_message_is_older_than_its_senders_key) {
    WORLD(w, "hub");
    const SignKey k = key_made(3);
    Letter l = letter(&w, FROM, "dsk/3301", 1, URGENCY_ROUTINE);
    const Forward fwd = forward_to(&w, "dsk/3301");
    w.now.wall_ms += MINUTE_MS;
    give_key_as(&w, FROM, &k, (DirKey) { .valid_from_ms = w.now.wall_ms });
    hello(&w, 2, "upt/r1", 2);
    run(&w);
    forget(&w);
    send_letter(&w, 2, "upt/r1", &l, NULL, &fwd);
    expect(&w, 2, VERDICT_REFUSED, "UNSIGNED");
    free(l.envelope);
}

/* The directory of the broker and its store is one snapshot. */
static void sign_directory(World *w) {
    const DirHead head = { .version = 1, .size = 1 };
    _cleanup_(directory_unrefp) Directory *d = store_directory(w->store);
    directory_set_head(d, &head);
}

TEST(in_a_signed_directory_a_child_brings_what_is_behind_it_or_what_is_signed) {
    WORLD(w, "hub");
    const SignKey k = key_made(3), own = key_made(4);
    const char *const elsewhere = "dsk/3401"; /* behind upt/r2 */
    Letter a = letter(&w, elsewhere, "dsk/3301", 1, URGENCY_ROUTINE),
           b = letter(&w, FROM, "dsk/3301", 2, URGENCY_ROUTINE);
    const Forward fwd = forward_to(&w, "dsk/3301");
    hello(&w, 2, "upt/r1", 2);
    run(&w);
    sign_directory(&w);
    forget(&w);
    Signature s = sign(&own, &a);
    send_letter(&w, 2, "upt/r1", &a, NULL, &fwd);
    expect(&w, 2, VERDICT_REFUSED, "UNSIGNED");
    send_letter(&w, 2, "upt/r1", &a, &s, &fwd); /* with a key of nobody */
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    s = sign(&own, &b);
    send_letter(&w, 2, "upt/r1", &b, &s, &fwd); /* from below there is no newer key */
    expect(&w, 2, VERDICT_REFUSED, "BAD_SIGNATURE");
    send_letter(&w, 2, "upt/r1", &b, NULL, &fwd);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    give_key(&w, elsewhere, &k);
    sign_directory(&w);
    forget(&w);
    s = sign(&k, &a);
    send_letter(&w, 2, "upt/r1", &a, &s, &fwd);
    expect(&w, 2, VERDICT_ACCEPTED, "");
    free(a.envelope);
    free(b.envelope);
}

/* --- what travels --------------------------------------------------------------------------- */

TEST(a_delivery_carries_the_signature_from_memory_and_from_disk) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    for (unsigned round = 0; round < 2; round++) {
        Letter l = letter_to(&w, (uint8_t)round);
        const Signature s = sign(&k, &l);
        uint8_t buf[SIGNATURE_MAX];
        const Bytes sent = codec_encode_signature(&s, buf);
        if (round == 1) { /* at hand when it comes */
            hello(&w, 3, TO, 3);
            subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 64);
            run(&w);
            forget(&w);
        }
        send_letter(&w, 2, FROM, &l, &s, NULL);
        run(&w);
        if (round == 0) {
            hello(&w, 3, TO, 3);
            subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 64);
            run(&w);
        }
        const Heard *h = heard(&w, 3, FRAME_DELIVER, 0);
        assert_non_null(h);
        ASSERT_TRUE(bytes_equal(signature_bytes(&h->f.deliver.signature), sent));
        settle(&w, 3, TO, h->f.deliver.tag, SETTLE_DONE);
        run(&w);
        say(&w, 3, TO, (Frame) { .kind = FRAME_BYE });
        run(&w);
        forget(&w);
        free(l.envelope);
    }
}

/* By the time its neighbour says it was accepted, within reason. */
static void forwarded_at(World *w, const SignKey *k, uint8_t cas, int64_t accepted_ms,
                         Verdict verdict, const char *code) {
    Letter l = letter(w, FROM, "dsk/3301", cas, URGENCY_ROUTINE);
    const Signature s = sign(k, &l);
    Forward fwd = forward_to(w, "dsk/3301");
    fwd.accepted_ms = accepted_ms;
    send_letter(w, 2, "upt/r1", &l, &s, &fwd);
    expect(w, 2, verdict, code);
    free(l.envelope);
}

static void a_child_comes(World *w) {
    hello(w, 2, "upt/r1", 2);
    run(w);
    forget(w);
}

TEST(on_a_link_a_key_signs_until_its_end_and_a_neighbour_cannot_turn_back_the_clock) {
    WORLD(w, "hub");
    const SignKey k = key_made(3);
    const int64_t end_ms = w.now.wall_ms + MINUTE_MS;
    give_key_as(&w, FROM, &k, (DirKey) { .valid_until_ms = end_ms });
    a_child_comes(&w);
    w.now.wall_ms += 2 * MINUTE_MS;
    forwarded_at(&w, &k, 1, end_ms - 1, VERDICT_ACCEPTED, "");
    forwarded_at(&w, &k, 2, end_ms, VERDICT_REFUSED, "BAD_SIGNATURE");
    w.now.wall_ms += 40 * DAY_MS; /* nothing is on its way for so long */
    forwarded_at(&w, &k, 3, end_ms - 1, VERDICT_REFUSED, "BAD_SIGNATURE");
}

TEST(a_neighbour_cannot_say_that_a_message_comes_from_the_future) {
    WORLD(w, "hub");
    const SignKey k = key_made(3);
    give_key_as(&w, FROM, &k, (DirKey) { .valid_from_ms = w.now.wall_ms + HOUR_MS });
    a_child_comes(&w);
    forwarded_at(&w, &k, 1, w.now.wall_ms + 2 * HOUR_MS, VERDICT_REFUSED, "BAD_SIGNATURE");
}

TEST(an_emergency_does_not_overtake_what_its_case_has_to_be_checked) {
    WORLD(w, "upt/r1");
    SESSION(w, k, 2);
    hello(&w, 3, TO, 3);
    subscribe(&w, 3, TO, 1, SOURCE_MAILBOX, 8);
    run(&w);
    Letter l[3] = { letter_to(&w, 1), letter_to(&w, 9),
                    letter(&w, FROM, TO, 9, URGENCY_EMERGENCY) };
    Checks *out = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(l); i++) {
        const Signature s = sign(&k, &l[i]);
        send_letter(&w, 2, FROM, &l[i], &s, NULL);
        if (!out)
            out = broker_take_checks(w.broker, w.now); /* the rest waits for it */
        assert_non_null(out);
    }
    checks_run(out);
    broker_checked(w.broker, w.now);
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 2); /* of two cases */
    for (unsigned i = 0; i < 2; i++)
        ASSERT_TRUE(!uuid_equal(&heard(&w, 3, FRAME_DELIVER, i)->id, &l[2].id));
    free_letters(l, ARRAY_SIZE(l));
}

TEST_MAIN

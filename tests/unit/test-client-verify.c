/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client finds of a delivery: is it what its sender signed, and by whom? What is known of
 * keys and nodes is told by the test (client_keys_*() go to the functions below).
 */
#include <errno.h>

#include "test.h"

#include "base/hash.h"
#include "base/text.h"
#include "client/client-proof.h"
#include "client/client-verify.h"
#include "client/internal.h"
#include "core/acceptance.h"
#include "wire/codec.h"

static struct {
    KeyTrust key_trust, owner_trust;
    DirKey key;
    char home[NODE_NAME_SIZE]; /* of whoever is asked for; "" = itself, as brokers are */
    bool inactive;
} known;

KeyTrust __wrap_client_keys_by_sign_id(ClientKeys *k, const char *node, const KeyId *id, Now now,
                                       DirKey *ret);
KeyTrust __wrap_client_keys_owner(ClientKeys *k, const char *node, Now now, KeyOwner *ret);

KeyTrust __wrap_client_keys_by_sign_id(ClientKeys *k, const char *node, const KeyId *id, Now now,
                                       DirKey *ret) {
    (void)k, (void)node, (void)id, (void)now;
    *ret = known.key;
    return known.key_trust;
}

KeyTrust __wrap_client_keys_owner(ClientKeys *k, const char *node, Now now, KeyOwner *ret) {
    (void)k, (void)now;
    *ret = (KeyOwner) { .inactive = known.inactive };
    (void)text_copy(ret->node, sizeof(ret->node), node);
    const bool is_broker = strncmp(node, "upt/", 4) == 0 || known.home[0] == '\0';
    strcpy(ret->home, is_broker ? node : known.home);
    return known.owner_trust;
}

typedef struct World {
    serasi_client c;
    SignKey key, other;
    Envelope e;
    serasi_delivery d;
    uint8_t *envelope;
    bool unsigned_;
} World;

static void world_open(World *w) {
    memset(w, 0, sizeof(*w));
    ASSERT_OK(hash_init());
    ASSERT_OK(verify_init(&w->c));
    strcpy(w->c.node, "dsp/32");
    sign_key_new(&w->key);
    sign_key_new(&w->other);
    memset(&known, 0, sizeof(known));
    known.key_trust = known.owner_trust = KEY_PROVEN;
    known.key.sign = w->key.public;
    strcpy(known.key.label, "counter");
    strcpy(known.home, "upt/satria");
    const int64_t now_ms = now_read().wall_ms;
    w->e = (Envelope) { .kind = KIND_SUPERVISION_NOTICE,
                        .schema = 1,
                        .sender = "dsk/3203",
                        .audience = { .form = AUDIENCE_NODES, .n = 1, .nodes = { "dsp/32" } },
                        .region = "3203",
                        .urgency = URGENCY_ROUTINE,
                        .created_ms = now_ms - 2 * MINUTE_MS,
                        .has_facts_digest = true,
                        .has_sealed_digest = true };
    memset(&w->e.message_id, 7, sizeof(w->e.message_id));
    w->d.raw.parts[2] = bytes_make("facts", 5);
    w->d.raw.parts[3] = bytes_make("sealed", 6);
    hash_digest(w->d.raw.parts[2], w->e.facts_digest);
    hash_digest(w->d.raw.parts[3], w->e.sealed_digest);
    w->d.frame.deliver.role = ROLE_ADDRESSEE;
    w->d.frame.deliver.accepted_ms = now_ms - MINUTE_MS;
    w->d.id = w->e.message_id;
    w->d.channel = 3;
}

static void world_close(World *w) {
    verify_deinit(&w->c);
    free(w->envelope);
}
#define WORLD(w)                                                                                   \
    _cleanup_(world_close) World w;                                                                \
    world_open(&w)

static void sign(World *w, Bytes envelope) {
    Signature s;
    uint8_t buf[SIGNATURE_MAX];
    w->d.raw.parts[1] = envelope;
    w->d.judged = false;
    w->d.frame.deliver.signature.n = 0;
    if (w->unsigned_)
        return;
    ASSERT_OK(signature_make(&w->key, &envelope, 1, &s));
    signature_bytes_set(&w->d.frame.deliver.signature, codec_encode_signature(&s, buf));
}

/* Signs it as it is now. */
static void make(World *w) {
    size_t n = 0;
    free(w->envelope);
    w->envelope = NULL;
    ASSERT_OK(codec_encode_envelope(&w->e, &w->envelope, &n));
    sign(w, bytes_make(w->envelope, n));
}

static void expect_now(World *w, int state, unsigned flags) {
    ASSERT_OK(delivery_verify(&w->c, &w->d));
    ASSERT_EQ(w->d.judgement.state, state);
    ASSERT_EQ(w->d.judgement.flags, flags);
}

static void expect(World *w, int state, unsigned flags) {
    make(w);
    expect_now(w, state, flags);
}

TEST(what_its_sender_signed_is_valid_and_names_the_key) {
    WORLD(w);
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    ASSERT_STR(w.d.judgement.node, "dsk/3203");
    ASSERT_STR(w.d.judgement.label, "counter");
    ASSERT_EQ(w.d.judgement.proven, 1);
    ASSERT_EQ(w.d.judgement.accepted_at_ms, w.d.frame.deliver.accepted_ms);
    ASSERT_TRUE(strlen(w.d.judgement.key) > 0);
    known.owner_trust = KEY_TOLD; /* the broker alone says where it belongs */
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    ASSERT_EQ(w.d.judgement.proven, 0);
    known.owner_trust = KEY_PROVEN;
    known.key_trust = KEY_TOLD;
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    w.unsigned_ = true;
    expect(&w, SERASI_SIGNATURE_UNSIGNED, 0);
}

TEST(a_signature_by_another_key_or_of_another_envelope_is_bad) {
    WORLD(w);
    known.key.sign = w.other.public;
    expect(&w, SERASI_SIGNATURE_BAD, 0);
    known.key.sign = w.key.public;
    make(&w);
    w.envelope[w.d.raw.parts[1].n - 1] ^= 1;
    ASSERT_OK(delivery_verify(&w.c, &w.d));
    ASSERT_EQ(w.d.judgement.state, SERASI_SIGNATURE_BAD);
    make(&w);
    w.d.frame.deliver.signature.n = 5; /* none that can be read */
    expect_now(&w, SERASI_SIGNATURE_BAD, 0);
    sign(&w, bytes_make("no envelope", 11));
    expect_now(&w, SERASI_SIGNATURE_BAD, 0);
    ASSERT_STR(w.d.judgement.node, "");
}

TEST(a_key_is_judged_by_when_the_message_was_accepted) {
    WORLD(w);
    const int64_t accepted_ms = w.d.frame.deliver.accepted_ms;
    known.key.valid_until_ms = accepted_ms;
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    known.key.valid_until_ms = accepted_ms - 1;
    expect(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
    w.d.frame.deliver.accepted_ms = accepted_ms - HOUR_MS; /* not before it was written */
    known.key.valid_until_ms = w.e.created_ms - 1;
    expect(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
    known.key.valid_until_ms = 0;
    known.key.revoked = true;
    expect(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
    known.key.revoked = false;
    known.inactive = true;
    expect(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
    known.key_trust = KEY_TOLD; /* without proof all the same */
    expect(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
}

TEST(it_waits_for_what_was_asked_and_a_key_that_nobody_knows_is_told) {
    WORLD(w);
    w.c.due_ms = 0; /* the next turn comes at once anyway */
    make(&w);
    known.key_trust = KEY_ASKED;
    ASSERT_EQ(delivery_verify(&w.c, &w.d), SERASI_AGAIN);
    known.key_trust = KEY_PROVEN;
    known.owner_trust = KEY_ASKED;
    ASSERT_EQ(delivery_verify(&w.c, &w.d), SERASI_AGAIN);
    assert_false(w.d.judged);
    known.owner_trust = KEY_UNKNOWN;
    expect_now(&w, SERASI_SIGNATURE_UNKNOWN_KEY, 0);
    known.owner_trust = KEY_PROVEN; /* judged once */
    expect_now(&w, SERASI_SIGNATURE_UNKNOWN_KEY, 0);
    known.key_trust = KEY_UNKNOWN;
    expect(&w, SERASI_SIGNATURE_UNKNOWN_KEY, 0);
    ASSERT_STR(w.d.judgement.label, "");
}

TEST(parts_that_were_not_signed_are_bad_and_those_that_are_missing_are_told) {
    WORLD(w);
    w.d.raw.parts[2] = bytes_make("fact", 4);
    expect(&w, SERASI_SIGNATURE_BAD, 0);
    w.d.raw.parts[2] = bytes_make("", 0);
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_FACTS_MISSING);
    w.e.has_facts_digest = false; /* none were sent */
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    w.d.raw.parts[2] = bytes_make("facts", 5);
    expect(&w, SERASI_SIGNATURE_BAD, 0);
    w.e.has_facts_digest = true;
    w.d.raw.parts[3] = bytes_make("sealee", 6);
    expect(&w, SERASI_SIGNATURE_BAD, 0);
    w.unsigned_ = true; /* the digests do not fit */
    expect(&w, SERASI_SIGNATURE_BAD, 0);
}

TEST(who_is_not_addressed_need_not_have_the_sealed_part) {
    WORLD(w);
    w.d.raw.parts[3] = bytes_make("", 0);
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_SEALED_MISSING);
    w.d.frame.deliver.role = ROLE_SUPERVISOR; /* so the broker says, but it is named */
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_SEALED_MISSING);
    strcpy(w.e.audience.nodes[0], "dsp/33");
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    w.d.frame.deliver.role = ROLE_ADDRESSEE;
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_SEALED_MISSING | SERASI_SIGNED_NOT_ADDRESSED);
    w.e.audience = (Audience) { .form = AUDIENCE_SCOPE,
                                .n = 1,
                                .scope = { "32" } }; /* who that is, brokers find */
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_SEALED_MISSING);
}

TEST(what_is_old_or_was_settled_before_is_told) {
    WORLD(w);
    const int64_t now_ms = now_read().wall_ms;
    w.e.expires_ms = now_ms - 4 * MINUTE_MS; /* clocks differ */
    w.e.created_ms = now_ms - HOUR_MS;
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    w.e.expires_ms = now_ms - 6 * MINUTE_MS;
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_STALE);
    w.e.expires_ms = 0;
    w.e.created_ms = now_ms - 179 * DAY_MS;
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    w.e.created_ms = now_ms - 181 * DAY_MS;
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_STALE);
    w.e.created_ms = now_ms - HOUR_MS;
    verify_settled(&w.c, 4, &w.d.id); /* by another channel */
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    verify_settled(&w.c, 3, &w.d.id);
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_AGAIN);
    w.d.id.b[0]++; /* in the same place, another one */
    expect(&w, SERASI_SIGNATURE_VALID, 0);
}

static void expect_facts(World *w, Body *b, Bytes facts, unsigned flags) {
    w->d.raw.parts[2] = facts;
    w->d.raw.parts[3] = body_sealed(b);
    sign(w, body_envelope(b));
    ASSERT_OK(delivery_verify(&w->c, &w->d));
    ASSERT_EQ(w->d.judgement.flags, flags);
}

static void expect_receipt_of(World *w, ReceiptLevel level, const char *broker, const char *leg,
                              unsigned flags) {
    Receipt r = { .message_id = w->e.message_id,
                  .sender = "dsp/32",
                  .recipient = "dsk/3302",
                  .level = level,
                  .region = "3203",
                  .said_ms = now_read().wall_ms };
    strcpy(r.leg, leg);
    Body *b = codec_encode_receipt(&r, broker, r.said_ms);
    assert_non_null(b);
    expect_facts(w, b, body_facts(b), flags);
    ASSERT_EQ(w->d.judgement.state, SERASI_SIGNATURE_VALID);
    expect_facts(w, b, bytes_make("no receipt", 10), SERASI_SIGNED_WRONG_BROKER);
    ASSERT_EQ(w->d.judgement.state, SERASI_SIGNATURE_BAD);
    body_unref(b);
}

static void expect_receipt(World *w, ReceiptLevel level, const char *broker, unsigned flags) {
    expect_receipt_of(w, level, broker, broker, flags);
}

/* Else any broker could say that a message arrived. */
TEST(the_word_that_somebody_has_a_message_is_of_his_home_broker_alone) {
    WORLD(w);
    const ReceiptLevel of_home[] = { LEVEL_DEPOSITED, LEVEL_COLLECTED, LEVEL_RECALLED };
    for (size_t i = 0; i < ARRAY_SIZE(of_home); i++) {
        expect_receipt(&w, of_home[i], "upt/satria", 0);
        expect_receipt(&w, of_home[i], "upt/phala-martha", SERASI_SIGNED_WRONG_BROKER);
        expect_receipt(&w, of_home[i], "dsk/3203", SERASI_SIGNED_WRONG_BROKER);
        known.owner_trust = KEY_TOLD;
        expect_receipt(&w, of_home[i], "upt/satria", 0);
        expect_receipt(&w, of_home[i], "upt/phala-martha", SERASI_SIGNED_WRONG_BROKER);
        known.owner_trust = KEY_PROVEN;
    }
    expect_receipt(&w, LEVEL_UNDELIVERABLE, "upt/phala-martha", 0);
    expect_receipt_of(&w, LEVEL_UNDELIVERABLE, "upt/phala-martha", "upt/satria",
                      SERASI_SIGNED_WRONG_BROKER); /* as if that one had said it */
    expect_receipt(&w, LEVEL_UNDELIVERABLE, "dsk/3203", SERASI_SIGNED_WRONG_BROKER);
    w.e.kind = KIND_NOTICE;
    strcpy(w.e.sender, "upt/satria");
    w.d.raw.parts[2] = bytes_make("facts", 5);
    w.d.raw.parts[3] = bytes_make("sealed", 6);
    expect(&w, SERASI_SIGNATURE_VALID, 0);
    strcpy(w.e.sender, "dsk/3203");
    expect(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_WRONG_BROKER);
}

/* --- proofs of acceptance --------------------------------------------------------------------- */

#define BROKER "upt/satria"

/* An answer with what the broker signed: of that envelope, under that label. */
static serasi_result *answered(World *w, const char *signed_envelope, const char *label) {
    static const Bytes sent = { .p = (const uint8_t *)"envelope", .n = 8 };
    uint8_t text[ACCEPTANCE_MAX], buf[SIGNATURE_MAX];
    _cleanup_(signed_tree_deinit) SignedTree tree = { 0 };
    Signature s;
    strcpy(w->c.broker, BROKER);
    const Acceptance a = { .message_id = w->e.message_id,
                           .envelope = bytes_make(signed_envelope, strlen(signed_envelope)),
                           .accepted_ms = 77,
                           .sender = w->c.node,
                           .broker = BROKER };
    const TreeHash leaf = tree_leaf(acceptance_statement(&a, text));
    ASSERT_OK(signed_tree_init(&tree, &w->key, label, &leaf, 1));
    signed_tree_signature(&tree, 0, &s);
    serasi_result *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->r = (PublishResult) { .message_id = w->e.message_id,
                             .verdict = VERDICT_ACCEPTED,
                             .accepted_ms = 77 };
    r->r.proof = calloc(1, sizeof(*r->r.proof));
    signature_bytes_set(r->r.proof, codec_encode_signature(&s, buf));
    Body *body = body_new(sent, bytes_make("f", 1), (Bytes) { 0 });
    proof_expect(&w->c, r, body);
    (void)body_unref(body);
    return r;
}

static void expect_proof_of(World *w, const char *envelope, const char *label, int state,
                            unsigned flags) {
    serasi_result *r = answered(w, envelope, label);
    serasi_signature s = { .size = sizeof(s) };
    ASSERT_TRUE(proof_is_judged(&w->c, r));
    ASSERT_OK(serasi_result_signature(r, &s));
    ASSERT_EQ(s.state, state);
    ASSERT_EQ(s.flags, flags);
    ASSERT_STR(s.node, BROKER);
    serasi_result_free(r);
}

static void expect_proof(World *w, int state, unsigned flags) {
    expect_proof_of(w, "envelope", SIGN_LABEL_ACCEPTANCES, state, flags);
}

TEST(a_proof_is_of_our_message_by_our_broker) {
    WORLD(w);
    expect_proof(&w, SERASI_SIGNATURE_VALID, 0);
    expect_proof(&w, SERASI_SIGNATURE_VALID, 0); /* the head is known now */
    expect_proof_of(&w, "another", SIGN_LABEL_ACCEPTANCES, SERASI_SIGNATURE_BAD, 0);
    expect_proof_of(&w, "envelope", "serasi v1 messages", SERASI_SIGNATURE_BAD, 0);
}

TEST(a_proof_by_another_key_is_none_though_its_head_was_seen) {
    WORLD(w);
    expect_proof(&w, SERASI_SIGNATURE_VALID, 0);
    known.key.sign = w.other.public;
    expect_proof(&w, SERASI_SIGNATURE_BAD, 0);
}

TEST(a_proof_with_the_head_of_another_and_no_signature_is_none) {
    WORLD(w);
    expect_proof(&w, SERASI_SIGNATURE_VALID, 0);
    serasi_result *r = answered(&w, "envelope", SIGN_LABEL_ACCEPTANCES);
    r->r.proof->p[20] ^= 1; /* within the 64 bytes of the signature */
    ASSERT_TRUE(proof_is_judged(&w.c, r));
    ASSERT_EQ(r->judgement.state, SERASI_SIGNATURE_BAD);
    serasi_result_free(r);
}

/* It was signed just now. */
TEST(a_proof_by_a_key_that_has_ended_is_none) {
    WORLD(w);
    known.key.revoked = true;
    expect_proof(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
    known.key.revoked = false;
    known.key.valid_until_ms = now_read().wall_ms - 1;
    expect_proof(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
    known.key.valid_until_ms = 0;
    known.inactive = true;
    expect_proof(&w, SERASI_SIGNATURE_KEY_NOT_THEN, 0);
}

TEST(a_proof_by_who_is_not_our_broker_says_so) {
    WORLD(w);
    strcpy(known.home, "upt/other"); /* where we are at home */
    expect_proof(&w, SERASI_SIGNATURE_VALID, SERASI_SIGNED_WRONG_BROKER);
}

TEST(a_proof_waits_for_keys_and_is_judged_without_those_there_are_not) {
    WORLD(w);
    known.key_trust = KEY_ASKED;
    serasi_result *r = answered(&w, "envelope", SIGN_LABEL_ACCEPTANCES);
    ASSERT_TRUE(!proof_is_judged(&w.c, r));
    known.key_trust = KEY_UNKNOWN;
    ASSERT_TRUE(proof_is_judged(&w.c, r));
    ASSERT_EQ(r->judgement.state, SERASI_SIGNATURE_UNKNOWN_KEY);
    known.key_trust = KEY_PROVEN;
    ASSERT_TRUE(proof_is_judged(&w.c, r)); /* once */
    ASSERT_EQ(r->judgement.state, SERASI_SIGNATURE_UNKNOWN_KEY);
    serasi_result_free(r);
}

/* Of a program that was built before or after us. */
TEST(a_judgement_fills_what_the_caller_has_room_for) {
    const serasi_signature of = { .size = sizeof(of), .state = 1, .proven = 1, .flags = 5 };
    struct {
        serasi_signature s;
        char more[8];
    } ret = { .s.size = sizeof(ret), .more = "as was" };
    ASSERT_OK(judgement_give(&of, &ret.s));
    ASSERT_EQ(ret.s.size, sizeof(ret));
    ASSERT_EQ(ret.s.flags, 5);
    ASSERT_STR(ret.more, "as was");
    ret.s = (serasi_signature) { .size = offsetof(serasi_signature, flags) + sizeof(ret.s.flags) };
    ASSERT_OK(judgement_give(&of, &ret.s));
    ASSERT_EQ(ret.s.state, 1);
    ret.s.size--;
    ASSERT_EQ(judgement_give(&of, &ret.s), -EINVAL);
    ASSERT_EQ(judgement_give(&of, NULL), -EINVAL);
    ASSERT_EQ(judgement_give(NULL, &ret.s), -EINVAL);
}

TEST_MAIN

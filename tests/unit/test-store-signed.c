/* SPDX-License-Identifier: Apache-2.0 */

/* Signatures in the store: those that come with messages are kept, and what the broker says itself
 * is signed by it, a transaction at a time. */

#include "test.h"

#include "core/acceptance.h"
#include "store-fixture.h"
#include "wire/codec.h"

#define MANY 1100U /* more than one tree takes */

static Body *encode_receipt_to_sign(const Receipt *r, const char *self, int64_t now_ms) {
    (void)self, (void)now_ms;
    return body_new_to_sign(bytes_make(r, sizeof(*r)), bytes_make(r, sizeof(*r)), (Bytes) { 0 });
}

static SignKey key_made(uint8_t seed) {
    SignKey k;
    const uint8_t bytes[SIGN_SEED_SIZE] = { seed };
    sign_key_from_seed(bytes, &k);
    return k;
}

/* A fixture whose broker signs. */
static void signs(Fixture *f, const SignKey *k) {
    f->config.sign_key = k;
    f->codec.encode_signature = codec_encode_signature;
    f->codec.encode_receipt = encode_receipt_to_sign;
    fixture_reopen(f);
}

static bool is_signed_by(const Body *b, const SignKey *k) {
    Signature s;
    const char *why;
    return b && codec_decode_signature(body_signature(b), &s, &why) == 0 &&
           signature_holds(&s, body_envelope(b), &k->public);
}

static int64_t number(Fixture *f, const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    Pages *pages = NULL;
    f->store = store_close(f->store);
    ASSERT_OK(pages_new(&pages, NULL));
    ASSERT_EQ(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, pages_vfs(pages)), SQLITE_OK);
    ASSERT_EQ(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    const int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    pages_free(pages);
    fixture_open(f);
    return n;
}

/* Publishes n messages and settles them all in one transaction; returns its operations. */
static StoreOp *settle_many(Fixture *f, unsigned n) {
    StoreOp *first = NULL, *last = NULL;
    for (unsigned i = 0; i < n; i++) {
        const DeliveryRow row = deposit(f, message_to(f, HOME, 0));
        StoreOp *op = delivery_op(&row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE, "");
        if (last)
            last->next = op;
        else
            first = op;
        last = op;
    }
    run(f, first);
    return first;
}

static void free_all(StoreOp *op) {
    while (op) {
        StoreOp *next = op->next;
        store_op_free(op);
        op = next;
    }
}

/* Every receipt that waits for the sender, read from disk. */
static unsigned count_signed(Fixture *f, const SignKey *k, unsigned *ret_n) {
    StoreOp *rows = load(f, queue_id(f, QUEUE_RECEIPTS, SENDER, NULL), LANE_PRIORITY, 4096);
    unsigned n = 0;
    for (uint32_t i = 0; i < rows->load.n; i++) {
        StoreOp *op = bodies(f, &rows->load.rows[i], QUEUE_RECEIPTS);
        n += is_signed_by(op->bodies.wanted[0].body, k);
        store_op_free(op);
    }
    if (ret_n)
        *ret_n = rows->load.n;
    store_op_free(rows);
    return n;
}

TEST(receipts_of_one_transaction_are_one_tree_at_hand_and_on_disk) {
    FIXTURE(f);
    const SignKey k = key_made(1);
    unsigned n = 0, at_hand = 0;
    signs(&f, &k);
    StoreOp *list = settle_many(&f, 5);
    for (const StoreOp *op = list; op; op = op->next)
        for (uint32_t i = 0; i < op->n_deposits; i++)
            at_hand += is_signed_by(op->deposits[i].body, &k);
    free_all(list);
    ASSERT_EQ(at_hand, 5);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM statement"), 1);
    ASSERT_EQ(count_signed(&f, &k, &n), 5);
    ASSERT_EQ(n, 5);
    assert_sound(&f);
}

TEST(more_receipts_than_a_tree_takes_are_several_trees) {
    FIXTURE(f);
    const SignKey k = key_made(1);
    unsigned n = 0;
    signs(&f, &k);
    free_all(settle_many(&f, MANY));
    ASSERT_EQ(number(&f, "SELECT count(*) FROM statement"), 2);
    ASSERT_EQ(count_signed(&f, &k, &n), MANY);
    ASSERT_EQ(n, MANY);
}

TEST(without_a_key_nothing_is_signed_and_a_later_key_signs_nothing_old) {
    FIXTURE(f);
    const SignKey k = key_made(1);
    f.codec.encode_receipt = encode_receipt_to_sign;
    fixture_reopen(&f);
    free_all(settle_many(&f, 2));
    signs(&f, &k);
    free_all(settle_many(&f, 3));
    ASSERT_EQ(count_signed(&f, &k, NULL), 3);
}

TEST(a_statement_goes_with_the_last_of_its_messages) {
    FIXTURE(f);
    const SignKey k = key_made(1);
    signs(&f, &k);
    free_all(settle_many(&f, 3));
    StoreOp *rows = load(&f, queue_id(&f, QUEUE_RECEIPTS, SENDER, NULL), LANE_PRIORITY, 10);
    for (uint32_t i = 0; i < rows->load.n; i++) {
        ASSERT_EQ(number(&f, "SELECT count(*) FROM statement"), 1);
        settle(&f, &rows->load.rows[i], QUEUE_RECEIPTS);
        f.now_ms += 31 * DAY_MS; /* each is purged before the next is settled */
        idle(&f);
    }
    store_op_free(rows);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM statement"), 0);
}

TEST(a_damaged_statement_signs_nothing) {
    static const char *const damage[] = {
        "UPDATE statement SET leaves = zeroblob(length(leaves))",
        "UPDATE statement SET leaves = x'00'",
        "UPDATE statement SET numbers = x'ffffffffffffffffffffffff'",
        "UPDATE statement SET numbers = x''",
        "UPDATE statement SET ed25519 = x'01'",
        "UPDATE statement SET key = x''",
        "UPDATE statement SET last_seq = 0",
    };
    for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
        FIXTURE(f);
        const SignKey k = key_made(1);
        signs(&f, &k);
        free_all(settle_many(&f, 4));
        f.store = store_close(f.store);
        tamper(&f, damage[i]);
        fixture_open(&f);
        ASSERT_EQ(count_signed(&f, &k, NULL), 0);
    }
}

/* --- acceptances ----------------------------------------------------------------------------- */

static StoreOp *ask_proof(Message *m) {
    StoreOp *op = accept_op(m);
    op->accept.prove = true;
    return op;
}

/* How many answers share the signature; 0: it does not hold. */
static uint32_t proof_size(const Fixture *f, const StoreOp *op, const SignKey *k) {
    const PublishResult *r = &op->accept.result;
    uint8_t buf[ACCEPTANCE_MAX];
    const Acceptance a = { .message_id = r->message_id,
                           .envelope = body_envelope(op->accept.message->body),
                           .accepted_ms = r->accepted_ms,
                           .sender = SENDER,
                           .broker = f->config.self };
    const char *why;
    Signature s;
    SignedHead head;
    return r->proof && codec_decode_signature(signature_bytes(r->proof), &s, &why) == 0 &&
                   signature_head(&s, acceptance_statement(&a, buf), &head) &&
                   signature_head_holds(&s, SIGN_LABEL_ACCEPTANCES, &head, &k->public)
               ? s.size
               : 0;
}

TEST(acceptances_of_one_transaction_are_one_tree_and_nothing_is_stored) {
    FIXTURE(f);
    const SignKey k = key_made(1);
    signs(&f, &k);
    StoreOp *first = ask_proof(message_to(&f, HOME, 0)), *last = first;
    for (unsigned i = 1; i < 5; i++) {
        last->next = ask_proof(message_to(&f, HOME, 0));
        last = last->next;
    }
    last->accept.prove = false;
    run(&f, first);
    for (const StoreOp *op = first; op != last; op = op->next)
        ASSERT_EQ(proof_size(&f, op, &k), 4);
    assert_null(last->accept.result.proof);
    free_all(first);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM statement"), 0);
}

TEST(a_repetition_is_proven_like_the_first_answer_even_when_the_message_is_gone) {
    FIXTURE(f);
    const SignKey k = key_made(1);
    signs(&f, &k);
    Message *m = message_to(&f, HOME, 0);
    StoreOp *op = ask_proof(m);
    run(&f, op);
    const int64_t accepted_ms = op->accept.result.accepted_ms;
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &row, QUEUE_MAILBOX);
    for (unsigned i = 0; i < 2; i++) {
        f.n_ids = 0;
        op = ask_proof(message_to(&f, HOME, 0));
        op->accept.message->env.created_ms = accepted_ms;
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
        ASSERT_EQ(op->accept.result.accepted_ms, accepted_ms);
        ASSERT_EQ(proof_size(&f, op, &k), 1);
        store_op_free(op);
        f.now_ms += 40 * DAY_MS; /* purged, and its id is remembered */
        idle(&f);
    }
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE seq = 1"), 0);
}

TEST(what_is_not_accepted_has_no_proof_nor_without_a_key) {
    FIXTURE(f);
    const SignKey k = key_made(1);
    StoreOp *op = ask_proof(message_to(&f, HOME, 0));
    run(&f, op);
    assert_null(op->accept.result.proof);
    store_op_free(op);
    signs(&f, &k);
    op = ask_proof(message_to(&f, "dsk/9999", 0));
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
    assert_null(op->accept.result.proof);
    store_op_free(op);
    f.n_ids = 0;
    op = ask_proof(message_to(&f, REMOTE, 0)); /* the first id, and another message */
    give_body(op->accept.message, "another", "", "");
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
    assert_null(op->accept.result.proof);
    store_op_free(op);
}

/* --- signatures of others ------------------------------------------------------------------- */

static Message *signed_message(Fixture *f, const char *signature) {
    Message *m = message_to(f, HOME, 1);
    Body *b = body_new_signed(body_envelope(m->body), body_facts(m->body), body_sealed(m->body),
                              bytes_make(signature, strlen(signature)));
    body_unref(m->body);
    m->body = b;
    return m;
}

static void expect_signature(Fixture *f, const DeliveryRow *row, const char *want) {
    StoreOp *op = bodies(f, row, QUEUE_MAILBOX);
    const Body *b = op->bodies.wanted[0].body;
    assert_non_null(b);
    ASSERT_TRUE(bytes_equal(body_signature(b), bytes_make(want, strlen(want))));
    store_op_free(op);
}

TEST(the_signature_of_a_message_is_kept_as_it_came) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, signed_message(&f, "a signature"));
    expect_signature(&f, &row, "a signature");
    fixture_crash(&f);
    expect_signature(&f, &row, "a signature");
    DeliveryRow cut = row;
    cut.flags |= DELIVERY_FACTS_ONLY; /* a supervisor's copy can be checked, too */
    expect_signature(&f, &cut, "a signature");
    assert_sound(&f);
}

TEST(a_repeat_with_another_signature_is_a_duplicate_and_the_first_stays) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, signed_message(&f, "the first"));
    f.n_ids--;
    StoreOp *op = publish(&f, signed_message(&f, "another"));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    expect_signature(&f, &row, "the first");
}

/* As a broker sees it that supervises, and is then sent the message itself. */
TEST(the_whole_message_behind_its_supervision_copy_keeps_the_first_signature) {
    FIXTURE(f);
    Message *cut = signed_message(&f, "the first");
    const Bytes envelope = body_envelope(cut->body), facts = body_facts(cut->body);
    Body *b = body_without_sealed(cut->body);
    hash_message(envelope, facts, (Bytes) { 0 }, cut->digest);
    body_unref(cut->body);
    cut->body = b;
    StoreOp *op = link_op(cut, "hub", HOME, f.now_ms);
    cut->fwd.recipients[0].role = ROLE_SUPERVISOR;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    f.n_ids--;
    op = link_op(signed_message(&f, "another"), "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    DeliveryRow whole = row;
    whole.flags &= ~(uint32_t)DELIVERY_FACTS_ONLY;
    expect_signature(&f, &whole, "the first");
}

TEST(a_signature_changed_on_disk_is_found) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, signed_message(&f, "a signature"));
    f.store = store_close(f.store);
    tamper(&f, "UPDATE message SET signature = CAST('A signature' AS BLOB)");
    fixture_open(&f);
    StoreOp *op = bodies(&f, &row, QUEUE_MAILBOX);
    ASSERT_TRUE(op->bodies.wanted[0].damaged && !op->bodies.wanted[0].body);
    store_op_free(op);
}

TEST(what_is_refused_for_its_signature_leaves_nothing_behind) {
    static const struct {
        SignatureState state;
        const char *code;
    } cases[] = { { SIGNATURE_MISSING, "UNSIGNED" }, { SIGNATURE_BAD, "BAD_SIGNATURE" } };
    FIXTURE(f);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        StoreOp *op = accept_op(message_to(&f, HOME, 1));
        op->accept.signature = cases[i].state;
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
        ASSERT_STR(op->accept.result.reasons->list[0].code, cases[i].code);
        ASSERT_TRUE(op->accept.result.reasons->list[0].text_id[0] != '\0');
        store_op_free(op);
        f.n_ids--; /* the id is free again */
        (void)deposit(&f, message_to(&f, HOME, 1));
    }
    assert_sound(&f);
}

TEST_MAIN

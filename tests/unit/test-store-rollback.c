/* SPDX-License-Identifier: Apache-2.0 */

/* A batch that is taken back for want of room, and done once more with less: nothing of the first
 * attempt may be told, signed, or counted. */

#include "test.h"

#include "no-room.h"
#include "wire/codec.h"

static Body *encode_receipt_to_sign(const Receipt *r, const char *self, int64_t now_ms) {
    (void)self, (void)now_ms;
    return body_new_to_sign(bytes_make(r, sizeof(*r)), bytes_make(r, sizeof(*r)), (Bytes) { 0 });
}

static void signs(Fixture *f, SignKey *k) {
    const uint8_t seed[SIGN_SEED_SIZE] = { 1 };
    sign_key_from_seed(seed, k);
    f->config.sign_key = k;
    f->codec.encode_signature = codec_encode_signature;
    f->codec.encode_receipt = encode_receipt_to_sign;
    fixture_reopen(f);
}

static StoreOp *settling(const DeliveryRow *row) {
    return delivery_op(row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE, "");
}

static void free_all(StoreOp *op) {
    while (op) {
        StoreOp *next = op->next;
        store_op_free(op);
        op = next;
    }
}

TEST(nothing_is_told_of_what_was_taken_back) {
    FIXTURE(f);
    SignKey k;
    signs(&f, &k);
    StoreOp *small = accept_op(message_to(&f, HOME, 1)), *big = accept_op(message_to(&f, HOME, 2));
    small->accept.prove = true;
    fail_together(&f, small, big);
    ASSERT_EQ(small->accept.result.verdict, VERDICT_LATER);
    ASSERT_EQ(small->n_deposits, 0);
    ASSERT_EQ(small->accept.result.n_recipients, 0);
    ASSERT_EQ(small->accept.result.accepted_ms, 0);
    assert_null(small->accept.result.proof); /* it would prove an acceptance that was none */
    free_all(small);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
    assert_sound(&f);
}

TEST(receipts_are_signed_under_the_numbers_they_have_in_the_end) {
    FIXTURE(f);
    SignKey k;
    signs(&f, &k);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    Message *m = message_to(&f, HOME, 2);
    m->env.receipts = RECEIPTS_WITH_DEPOSITED; /* a receipt before the other one */
    StoreOp *list = accept_op(m), *big = accept_op(message_to(&f, HOME, 3));
    list->next = settling(&row);
    list->next->next = big;
    make_big(big);
    run_without_room(&f, list);
    ASSERT_TRUE(list->next->delivery.found);
    free_all(list);
    StoreOp *rows = load(&f, queue_id(&f, QUEUE_RECEIPTS, SENDER, NULL), LANE_PRIORITY, 10);
    ASSERT_EQ(rows->load.n, 1);
    StoreOp *op = bodies(&f, &rows->load.rows[0], QUEUE_RECEIPTS);
    const Body *b = op->bodies.wanted[0].body;
    Signature s;
    const char *why;
    ASSERT_OK(codec_decode_signature(body_signature(b), &s, &why));
    ASSERT_TRUE(signature_holds(&s, body_envelope(b), &k.public));
    store_op_free(op);
    store_op_free(rows);
}

TEST(a_case_that_waits_is_not_forgotten) {
    FIXTURE(f);
    const DeliveryRow first = deposit(&f, message_to(&f, HOME, 1));
    const DeliveryRow second = deposit(&f, message_to(&f, HOME, 1));
    StoreOp *list = settling(&first), *big = accept_op(message_to(&f, HOME, 2));
    fail_together(&f, list, big); /* the first attempt took it away, too */
    ASSERT_TRUE(list->delivery.found);
    free_all(list);
    Message *m = message_to(&f, HOME, 1);
    m->lane = LANE_EMERGENCY;
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_TRUE(op->deposits[0].lifted); /* or it would overtake its case */
    store_op_free(op);
    op = store_op_new(OP_NEXT);
    op->next_.queue = second.queue;
    op->next_.order_key = second.order_key;
    run(&f, op);
    ASSERT_EQ(op->next_.row.seq, second.seq);
    ASSERT_EQ(op->next_.row.lane, LANE_EMERGENCY);
    store_op_free(op);
    assert_sound(&f);
}

TEST_MAIN

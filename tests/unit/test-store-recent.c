/* SPDX-License-Identifier: Apache-2.0 */

/* Messages are kept in memory while they are new: what changes them must change what is kept. */

#include "test.h"

#include "no-room.h"

TEST(who_was_added_to_a_new_message_gets_an_end_of_its_own) {
    FIXTURE(f);
    const DeliveryRow first = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    DeliveryRow second;
    store_op_free(change(&f, &first, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    StoreOp *op = operate(&f, DEAD_REDIRECT, &id, "", REMOTE);
    second = op->deposits[0].row;
    store_op_free(op);
    store_op_free(change(&f, &second, QUEUE_LINK, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN));
    ASSERT_OUTCOMES(
        &f, &id, HOME " UNDELIVERABLE DEAD_REJECTED; " REMOTE " UNDELIVERABLE RECIPIENT_UNKNOWN");
    assert_sound(&f);
}

TEST(a_number_that_is_given_again_is_not_taken_for_the_message_that_was_rolled_back) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    const DeliveryRow second = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &row, QUEUE_MAILBOX);
    fail_for_want_of_room(&f);
    const Uuid rolled_back = id_of(3);

    f.now_ms += 10 * SECOND_MS;
    op = change(&f, &second, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1); /* the receipt has the number now */
    const DeliveryRow receipt = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &receipt, QUEUE_LINK);
    op = store_op_new(OP_LINK);
    strcpy(op->link.neighbour, "hub");
    run(&f, op);
    ASSERT_EQ(op->link.progress.sent_count, 1);
    ASSERT_TRUE(!uuid_equal(&op->link.progress.sent_digest, &rolled_back));
    store_op_free(op);
    assert_sound(&f);
}

#define KEPT 4096 /* messages kept in memory, each in the place of its number */

static StoreOp *from_below(Fixture *f, uint8_t case_number) {
    Message *m = message_to(f, REMOTE, case_number);
    return link_op(m, SELF, REMOTE, f->now_ms);
}

/* The message of which it speaks must not go while there is more to say of it. */
TEST(a_receipt_that_would_take_the_place_of_its_message_does_not) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    StoreOp *first = from_below(&f, 1), *last = first;
    Forward *fwd = &first->accept.message->fwd;
    strcpy(fwd->recipients[fwd->n_recipients++].node, "dsp/33");
    fwd->recipients[1].role = ROLE_ADDRESSEE;
    also_to(first->accept.message, "dsp/33");
    for (int i = 1; i < KEPT; i++) {
        last->next = from_below(&f, 2);
        last = last->next;
    }
    run(&f, first);
    ASSERT_EQ(first->n_deposits, 1);
    const DeliveryRow row = first->deposits[0].row;
    ASSERT_EQ(last->deposits[0].row.seq, row.seq + KEPT - 1); /* the receipt is the next */
    while (first) {
        StoreOp *next = first->next;
        ASSERT_EQ(first->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(first);
        first = next;
    }
    StoreOp *op = change(&f, &row, QUEUE_LINK, ACTION_EXPIRE, CAUSE_EXPIRED_ON_LINK);
    ASSERT_EQ(op->n_deposits, 2); /* a receipt each */
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_LINK, SELF), 2);
}

/* Handed over unread, and counted as what it was: also what this broker says itself. */
TEST(what_is_handed_over_unread_is_counted_on_the_link) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "upt/satria");
    Message *m = message_to(&f, REMOTE, 1);
    StoreOp *op = link_op(m, "hub", REMOTE, f.now_ms);
    run(&f, op);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    op = change(&f, &row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow receipt = op->deposits[0].row;
    const Uuid id = op->deposits[0].message_id;
    store_op_free(op);
    settle(&f, &receipt, QUEUE_LINK);
    op = store_op_new(OP_LINK);
    strcpy(op->link.neighbour, "hub");
    op->link.up = true;
    run(&f, op);
    ASSERT_EQ(op->link.progress.sent_count, 1);
    ASSERT_TRUE(uuid_equal(&op->link.progress.sent_digest, &id));
    ASSERT_EQ(op->link.progress.backlog, 0);
    store_op_free(op);
    op = change(&f, &receipt, QUEUE_LINK, ACTION_DONE, CAUSE_NONE); /* once only */
    ASSERT_TRUE(!op->delivery.found);
    store_op_free(op);
}

TEST_MAIN

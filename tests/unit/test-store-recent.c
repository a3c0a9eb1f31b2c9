/* SPDX-License-Identifier: Apache-2.0 */

/* Messages are kept in memory while they are new: what changes them must change what is kept. */

#include "test.h"

#include "store-fixture.h"
#include "store/private.h"

static void redirect(Fixture *f, const Uuid *id, const char *target, DeliveryRow *ret) {
    StoreOp *op = store_op_new(OP_DEAD);
    op->dead.verb = DEAD_REDIRECT;
    op->dead.message_id = *id;
    text_copy(op->dead.target, sizeof(op->dead.target), target);
    text_copy(op->dead.by, sizeof(op->dead.by), "operator");
    run(f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    *ret = op->deposits[0].row;
    store_op_free(op);
}

TEST(who_was_added_to_a_new_message_gets_an_end_of_its_own) {
    FIXTURE(f);
    const DeliveryRow first = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    DeliveryRow second;
    store_op_free(change(&f, &first, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    redirect(&f, &id, REMOTE, &second);
    store_op_free(change(&f, &second, QUEUE_LINK, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN));
    ASSERT_OUTCOMES(
        &f, &id, HOME " UNDELIVERABLE DEAD_REJECTED; " REMOTE " UNDELIVERABLE RECIPIENT_UNKNOWN");
    assert_sound(&f);
}

/* No room: the batch is rolled back, and so are the numbers that its messages had. */
static void fail_for_want_of_room(Fixture *f) {
    static char facts[60000];
    StoreOp *small = accept_op(message_to(f, REMOTE, 2)), *big = accept_op(message_to(f, HOME, 3));
    memset(facts, 'f', sizeof(facts) - 1);
    give_body(big->accept.message, "envelope", facts, "sealed");
    small->next = big;
    ASSERT_EQ(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    run(f, small); /* the limit is what the file has at least */
    ASSERT_EQ(small->accept.result.verdict, VERDICT_LATER);
    store_op_free(big);
    store_op_free(small);
    ASSERT_EQ(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
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

TEST_MAIN

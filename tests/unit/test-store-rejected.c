/* SPDX-License-Identifier: Apache-2.0 */

/* Whose dead letters are counted, and what happens to a delivery that is one too many. */

#include "test.h"

#include "store-fixture.h"

#define BOUND  8U
#define READER (BOUND / 2) /* a reader may leave so many */
#define DSP    "dsp/32"

static void with_bound(Fixture *f, uint32_t letters, uint64_t bytes) {
    f->config.dead_quota = letters;
    f->config.sender_bytes = bytes;
    fixture_reopen(f);
}

static StoreOp *reject(Fixture *f, const DeliveryRow *row, QueueKind kind) {
    return change(f, row, kind, ACTION_DEAD, CAUSE_DEAD_REJECTED);
}

static bool dies(Fixture *f, const DeliveryRow *row, QueueKind kind) {
    StoreOp *op = reject(f, row, kind);
    ASSERT_TRUE(op->delivery.found);
    const bool dead = op->delivery.action == ACTION_DEAD;
    ASSERT_EQ(op->delivery.held_back, !dead);
    store_op_free(op);
    return dead;
}

static bool letter_dies(Fixture *f) {
    const DeliveryRow row = deposit(f, message_to(f, HOME, 0));
    return dies(f, &row, QUEUE_MAILBOX);
}

static void fill(Fixture *f) {
    for (unsigned i = 0; i < READER; i++)
        ASSERT_TRUE(letter_dies(f));
}

static int64_t dead_letters(Fixture *f) {
    StoreOp *op = ask(f, "dead-list", NULL);
    const int64_t n = table_rows(op->query.table);
    store_op_free(op);
    return n;
}

static void subscribe(Fixture *f) {
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, DSP);
    strcpy(op->subscription.name, "all");
    op->subscription.filter = calloc(1, sizeof(Filter));
    op->subscription.filter->n_kinds = 1;
    op->subscription.filter->kinds[0] = SAMPLE_KIND;
    run(f, op);
    store_op_free(op);
}

static DeliveryRow copy_of_one(Fixture *f) {
    StoreOp *op = publish(f, message_to(f, HOME, 0));
    ASSERT_EQ(op->n_deposits, 2);
    const DeliveryRow row = op->deposits[1].row;
    store_op_free(op);
    return row;
}

static DeliveryRow receipt_of_one(Fixture *f) {
    const DeliveryRow row = deposit(f, message_to(f, HOME, 0));
    settle(f, &row, QUEUE_MAILBOX);
    StoreOp *op = load(f, queue_id(f, QUEUE_RECEIPTS, SENDER, NULL), LANE_PRIORITY, 100);
    ASSERT_TRUE(op->load.n > 0);
    const DeliveryRow receipt = op->load.rows[op->load.n - 1];
    store_op_free(op);
    return receipt;
}

/* Each is on the disk until an operator looks: with the bound a stolen key does not fill it. */
TEST(what_a_reader_rejects_beyond_its_bound_stays_in_its_queue) {
    FIXTURE(f);
    with_bound(&f, BOUND, 0);
    fill(&f);
    const Uuid id = id_of(f.n_ids + 1);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 0));
    StoreOp *op = reject(&f, &row, QUEUE_MAILBOX);
    ASSERT_EQ(op->delivery.action, ACTION_PARK);
    ASSERT_TRUE(op->delivery.held_back);
    ASSERT_TRUE(op->delivery.found); /* its settlement counts */
    ASSERT_EQ(op->delivery.row.due_ms, f.now_ms + 600000);
    ASSERT_EQ(op->n_deposits, 0); /* nobody is told that it ended */
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
    ASSERT_EQ(dead_letters(&f), READER);
    op = load(&f, row.queue, row.lane, 10);
    ASSERT_EQ(op->load.n, 1);
    ASSERT_EQ(op->load.rows[0].due_ms, f.now_ms + 600000);
    store_op_free(op);
    assert_sound(&f);
    fixture_reopen(&f);
    ASSERT_TRUE(!dies(&f, &row, QUEUE_MAILBOX));
    fixture_crash(&f);
    ASSERT_TRUE(!dies(&f, &row, QUEUE_MAILBOX));
    assert_sound(&f);
}

TEST(a_subscription_that_is_dropped_takes_its_letters_from_the_account) {
    FIXTURE(f);
    f.config.subscription_quota = 100;
    with_bound(&f, BOUND, 0);
    subscribe(&f);
    for (unsigned i = 0; i <= READER; i++) {
        const DeliveryRow row = copy_of_one(&f);
        ASSERT_EQ(dies(&f, &row, QUEUE_SUBSCRIPTION), i < READER);
    }
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, DSP);
    strcpy(op->subscription.name, "all");
    op->subscription.drop = true;
    run(&f, op);
    store_op_free(op);
    subscribe(&f);
    const DeliveryRow row = copy_of_one(&f);
    ASSERT_TRUE(dies(&f, &row, QUEUE_SUBSCRIPTION));
}

TEST(it_becomes_a_dead_letter_when_an_operator_took_one_away) {
    FIXTURE(f);
    with_bound(&f, BOUND, 0);
    const Uuid first = id_of(f.n_ids + 1);
    fill(&f);
    const Uuid id = id_of(f.n_ids + 1);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 0));
    ASSERT_TRUE(!dies(&f, &row, QUEUE_MAILBOX));
    store_op_free(operate(&f, DEAD_DISCARD, &first, "", ""));
    ASSERT_TRUE(dies(&f, &row, QUEUE_MAILBOX));
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE DEAD_REJECTED");
    ASSERT_TRUE(!letter_dies(&f));
}

TEST(a_consumer_that_dies_of_it_counts_and_damage_does_not) {
    FIXTURE(f);
    with_bound(&f, BOUND, 0);
    fill(&f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 0));
    StoreOp *op = change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_CRASHED);
    ASSERT_EQ(op->delivery.action, ACTION_PARK);
    store_op_free(op);
    op = change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_CHECKSUM);
    ASSERT_EQ(op->delivery.action, ACTION_DEAD); /* what is damaged is never handed out again */
    store_op_free(op);
    ASSERT_EQ(dead_letters(&f), READER + 1);
}

TEST(mailbox_subscriptions_and_receipts_of_a_reader_are_one_account) {
    FIXTURE(f);
    subscribe(&f);
    with_bound(&f, BOUND, 0);
    for (unsigned i = 0; i < READER; i++) {
        const DeliveryRow copy = copy_of_one(&f);
        ASSERT_TRUE(dies(&f, &copy, QUEUE_SUBSCRIPTION));
    }
    const DeliveryRow copy = copy_of_one(&f);
    ASSERT_TRUE(!dies(&f, &copy, QUEUE_SUBSCRIPTION));
    Message *m = message_to(&f, DSP, 0);
    const DeliveryRow letter = deposit(&f, m);
    ASSERT_TRUE(!dies(&f, &letter, QUEUE_MAILBOX));
    ASSERT_TRUE(letter_dies(&f)); /* of another reader */
    for (unsigned i = 0; i < READER; i++) {
        const DeliveryRow receipt = receipt_of_one(&f);
        ASSERT_TRUE(dies(&f, &receipt, QUEUE_RECEIPTS));
    }
    const DeliveryRow receipt = receipt_of_one(&f);
    ASSERT_TRUE(!dies(&f, &receipt, QUEUE_RECEIPTS));
    fixture_reopen(&f);
    ASSERT_TRUE(!dies(&f, &receipt, QUEUE_RECEIPTS));
    ASSERT_TRUE(!dies(&f, &letter, QUEUE_MAILBOX));
    assert_sound(&f);
}

/* Else whoever may subscribe could have every sender of its region put off. */
TEST(copies_and_receipts_that_are_rejected_do_not_count_for_the_sender) {
    for (int again = 0; again < 2; again++) {
        FIXTURE(f);
        subscribe(&f);
        with_bound(&f, 2, 0); /* of a reader: one */
        const DeliveryRow copy = copy_of_one(&f);
        ASSERT_TRUE(dies(&f, &copy, QUEUE_SUBSCRIPTION));
        const DeliveryRow receipt = receipt_of_one(&f);
        ASSERT_TRUE(dies(&f, &receipt, QUEUE_RECEIPTS));
        if (again)
            fixture_reopen(&f);
        ASSERT_TRUE(letter_dies(&f));
        StoreOp *op = publish(&f, message_to(&f, HOME, 0)); /* one letter is below its bound */
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(op);
    }
}

TEST(no_reader_alone_has_a_sender_put_off) {
    FIXTURE(f);
    with_bound(&f, BOUND, 0);
    for (unsigned i = 0; i < 2 * BOUND; i++)
        (void)letter_dies(&f);
    StoreOp *op = publish(&f, message_to(&f, HOME, 0));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
}

TEST(what_a_link_brought_counts_for_its_reader_too) {
    for (int again = 0; again < 2; again++) {
        FIXTURE(f);
        with_bound(&f, 2, 0);
        for (int i = 0; i < 2; i++) {
            StoreOp *op = link_op(message_to(&f, HOME, 0), "hub", HOME, f.now_ms);
            strcpy(op->accept.message->env.sender, REMOTE);
            run(&f, op);
            ASSERT_EQ(op->n_deposits, 1);
            const DeliveryRow row = op->deposits[0].row;
            store_op_free(op);
            ASSERT_EQ(dies(&f, &row, QUEUE_MAILBOX), i == 0);
            if (again)
                fixture_reopen(&f);
        }
    }
}

TEST(a_letter_whose_message_is_gone_counts_for_its_reader) {
    for (int again = 0; again < 2; again++) {
        FIXTURE(f);
        with_bound(&f, 2, 0);
        const DeliveryRow row = deposit(&f, message_to(&f, HOME, 0));
        char sql[64];
        snprintf(sql, sizeof(sql), "DELETE FROM message WHERE seq = %lld", (long long)row.seq);
        f.store = store_close(f.store);
        tamper(&f, sql);
        fixture_open(&f);
        ASSERT_TRUE(dies(&f, &row, QUEUE_MAILBOX));
        if (again)
            fixture_reopen(&f);
        ASSERT_TRUE(!letter_dies(&f));
    }
}

TEST(the_bytes_of_what_a_reader_rejects_are_bounded_and_nothing_is_without_a_bound) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 0);
    const uint64_t size = body_size(m->body);
    message_free(m);
    f.n_ids = 100; /* envelopes of one length */
    with_bound(&f, 0, 6 * (size + 2));
    for (unsigned i = 0; i < 3; i++)
        ASSERT_TRUE(letter_dies(&f));
    ASSERT_TRUE(!letter_dies(&f));
    with_bound(&f, 0, 0);
    for (unsigned i = 0; i < 2 * BOUND; i++)
        ASSERT_TRUE(letter_dies(&f));
}

TEST(a_reader_may_leave_one_however_small_the_bound) {
    FIXTURE(f);
    with_bound(&f, 1, 0);
    subscribe(&f);
    for (int i = 0; i < 2; i++) {
        const DeliveryRow copy = copy_of_one(&f); /* its sender is not put off for it */
        ASSERT_EQ(dies(&f, &copy, QUEUE_SUBSCRIPTION), i == 0);
    }
}

TEST_MAIN

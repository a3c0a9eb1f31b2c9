/* SPDX-License-Identifier: Apache-2.0 */

/* Links: what is handed over, what a neighbour may say, dead letters behind one, the way back. */

#include "test.h"

#include "store-fixture.h"

static StoreOp *link_state(Fixture *f, bool up) {
    StoreOp *op = store_op_new(OP_LINK);
    strcpy(op->link.neighbour, "hub");
    op->link.up = up;
    run(f, op);
    return op;
}

TEST(handing_over_is_counted_and_survives) {
    FIXTURE(f);
    store_op_free(link_state(&f, true));
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, REMOTE " PENDING"); /* handed on is not the end */
    StoreOp *op = link_op(message_to(&f, HOME, 2), "hub", HOME, f.now_ms);
    strcpy(op->accept.message->env.sender, REMOTE);
    run(&f, op);
    store_op_free(op);
    f.n_ids = 1; /* the same again does not count */
    op = link_op(message_to(&f, HOME, 2), "hub", HOME, f.now_ms);
    strcpy(op->accept.message->env.sender, REMOTE);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
    store_op_free(link_state(&f, false));
    fixture_reopen(&f);
    op = link_state(&f, true);
    const Uuid second = id_of(2);
    ASSERT_EQ(op->link.progress.sent_count, 1);
    ASSERT_EQ(op->link.progress.received_count, 1);
    ASSERT_TRUE(uuid_equal(&op->link.progress.sent_digest, &id));
    ASSERT_TRUE(uuid_equal(&op->link.progress.received_digest, &second));
    ASSERT_EQ(op->link.progress.backlog, 0);
    store_op_free(op);
    assert_sound(&f);
}

TEST(after_a_crash_rows_of_an_open_link_are_uncertain_and_do_not_expire) {
    FIXTURE(f);
    store_op_free(link_state(&f, true));
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    fixture_crash(&f);
    ASSERT_TRUE(store_health(f.store)->unclean);
    StoreOp *op = load(&f, row.queue, LANE_ROUTINE, 10);
    ASSERT_EQ(op->load.n, 1);
    ASSERT_TRUE(op->load.rows[0].flags & DELIVERY_UNCERTAIN);
    DeliveryRow found = op->load.rows[0];
    store_op_free(op);
    f.now_ms += 31 * DAY_MS;
    op = store_op_new(OP_SWEEP);
    op->sweep.limit = 10;
    run(&f, op);
    ASSERT_EQ(op->sweep.n, 0);
    store_op_free(op);

    found.flags = 0; /* the neighbour answered RETRY: it does not have it */
    store_op_free(change(&f, &found, QUEUE_LINK, ACTION_PARK, CAUSE_NONE));
    op = store_op_new(OP_SWEEP);
    op->sweep.limit = 10;
    run(&f, op);
    ASSERT_EQ(op->sweep.n, 1);
    ASSERT_EQ(op->sweep.hits[0].action, ACTION_EXPIRE);
    store_op_free(op);
}

TEST(after_a_crash_what_the_neighbour_may_have_is_not_recalled_here) {
    FIXTURE(f);
    char sql[64];
    store_op_free(link_state(&f, true));
    (void)deposit(&f, message_to(&f, REMOTE, 1));
    fixture_crash(&f); /* marks it uncertain */
    f.store = store_close(f.store);
    snprintf(sql, sizeof(sql), "UPDATE delivery SET flags = flags | %u",
             (unsigned)DELIVERY_RECALLED);
    tamper(&f, sql);
    fixture_open(&f);
    StoreOp *op = store_op_new(OP_SWEEP);
    op->sweep.limit = 10;
    run(&f, op);
    ASSERT_EQ(op->sweep.n, 0);
    store_op_free(op);
}

/* Only the order that follows it can tell. */
TEST(after_a_crash_an_order_to_recall_leaves_what_the_neighbour_may_have) {
    FIXTURE(f);
    store_op_free(link_state(&f, true));
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    fixture_crash(&f);
    const Uuid id = id_of(1);
    StoreOp *op = publish(&f, recall(&f, &id));
    ASSERT_EQ(op->n_recalled, 0);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    op = load(&f, row.queue, LANE_PRIORITY, 10); /* lifted by the order */
    ASSERT_EQ(op->load.n, 2);
    ASSERT_TRUE(!(op->load.rows[0].flags & DELIVERY_RECALLED));
    store_op_free(op);
}

TEST(rows_of_a_closed_link_stay_certain) {
    FIXTURE(f);
    store_op_free(link_state(&f, true));
    store_op_free(link_state(&f, false));
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    fixture_crash(&f);
    StoreOp *op = load(&f, row.queue, LANE_ROUTINE, 10);
    ASSERT_EQ(op->load.rows[0].flags, 0);
    store_op_free(op);
}

TEST(a_receipt_over_the_link_is_the_outcome_and_the_first_one_wins) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    StoreOp *op = receipt_op(&f, &id, REMOTE, LEVEL_DEPOSITED, "hub");
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.queue, queue_id(&f, QUEUE_RECEIPTS, SENDER, NULL));
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, REMOTE " PENDING");
    op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
    run(&f, op);
    store_op_free(op);
    op = receipt_op(&f, &id, REMOTE, LEVEL_UNDELIVERABLE, "hub");
    run(&f, op);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, REMOTE " COLLECTED");
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 3);
    assert_sound(&f);
}

/* What is kept in memory has places, and two messages may have one (recent.c). */
TEST(a_receipt_is_noted_of_the_message_it_names_and_of_no_other) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, REMOTE, 1));
    const Uuid first = id_of(1);
    Message *m = message_to(&f, REMOTE, 2);
    m->env.message_id = first;
    m->env.message_id.b[3] ^= 0x5a;
    m->env.message_id.b[3 + UUID_SIZE / 2] ^= 0x5a;
    const Uuid second = m->env.message_id;
    (void)deposit(&f, m);
    StoreOp *op = receipt_op(&f, &first, REMOTE, LEVEL_COLLECTED, "hub");
    run(&f, op);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &first, REMOTE " COLLECTED");
    ASSERT_OUTCOMES(&f, &second, REMOTE " PENDING");
    op = receipt_op(&f, &second, REMOTE, LEVEL_UNDELIVERABLE, "hub");
    run(&f, op);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &first, REMOTE " COLLECTED");
    ASSERT_OUTCOMES(&f, &second, REMOTE " UNDELIVERABLE");
    assert_sound(&f);
}

TEST(a_neighbour_cannot_speak_for_a_recipient_it_was_not_given) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    StoreOp *op = receipt_op(&f, &id, HOME, LEVEL_COLLECTED, "hub");
    run(&f, op);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
    assert_sound(&f);
}

TEST(what_a_neighbour_had_no_right_to_say_is_told_to_nobody) {
    static const int levels[] = { LEVEL_DEPOSITED, LEVEL_COLLECTED, LEVEL_DELAYED,
                                  LEVEL_UNDELIVERABLE };
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        StoreOp *op = receipt_op(&f, &id, HOME, levels[i], "hub");
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED); /* it is not sent again */
        ASSERT_EQ(op->n_deposits, 0);
        store_op_free(op);
    }
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 0);
    assert_sound(&f);
}

TEST(a_publisher_cannot_make_receipts) {
    FIXTURE(f);
    const Uuid id = id_of(7);
    StoreOp *op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, SENDER);
    op->accept.from_link = false;
    strcpy(op->accept.message->env.sender, SENDER);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
    store_op_free(op);
}

TEST(a_neighbour_that_refuses_makes_it_undeliverable_for_all_behind_it) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "min/rehsos");
    const DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN));
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id,
                    REMOTE " UNDELIVERABLE RECIPIENT_UNKNOWN; "
                           "min/rehsos UNDELIVERABLE RECIPIENT_UNKNOWN");
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER,
                    "UNDELIVERABLE " REMOTE "; UNDELIVERABLE min/rehsos");
    assert_sound(&f);
}

/* On the link it names that node alone. */
static void assert_goes_to(Fixture *f, const DeliveryRow *row, const char *node) {
    StoreOp *op = bodies(f, row, QUEUE_LINK);
    ASSERT_EQ(op->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_STR(op->bodies.wanted[0].forward->recipients[0].node, node);
    store_op_free(op);
}

TEST(a_dead_letter_of_a_link_can_be_redirected_behind_the_same_link) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, REMOTE " UNDELIVERABLE DEAD_REJECTED");
    StoreOp *op = operate(&f, DEAD_REDIRECT, &id, "", "min/rehsos");
    assert_goes_to(&f, &op->deposits[0].row, "min/rehsos");
    store_op_free(op);
    assert_sound(&f);
}

TEST(what_a_neighbour_hands_back_is_answered) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    f.n_ids = 0;
    StoreOp *op = link_op(message_to(&f, REMOTE, 1), "hub", REMOTE, f.now_ms);
    op->accept.message->fwd.recipients[0].moves = 1;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_TRUE(op->accept.counted); /* it came over: the neighbour counts it, too */
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, REMOTE), 1); /* until the directory says where it is */
    assert_sound(&f);
}

TEST(who_was_discarded_is_not_served_by_what_others_on_the_link_get_again) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "min/rehsos");
    const DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    store_op_free(operate(&f, DEAD_DISCARD, &id, REMOTE, ""));
    StoreOp *op = operate(&f, DEAD_REQUEUE, &id, "", "");
    ASSERT_EQ(op->dead.n_done, 1);
    assert_goes_to(&f, &op->deposits[0].row, "min/rehsos");
    store_op_free(op);
}

/* A letter of another recipient on the same link stays one, also after a restart. */
TEST(who_is_a_dead_letter_is_not_served_by_what_others_on_the_link_get_again) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "min/rehsos");
    const DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    StoreOp *op = operate(&f, DEAD_REQUEUE, &id, REMOTE, "");
    const DeliveryRow again = op->deposits[0].row;
    store_op_free(op);
    assert_goes_to(&f, &again, REMOTE);
    fixture_reopen(&f);
    assert_goes_to(&f, &again, REMOTE);
}

/* It joined the row while it was on its way; the link goes, and what went is parked as uncertain.
 */
TEST(who_joined_a_row_is_served_though_the_link_was_lost) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    also_to(m, REMOTE);
    StoreOp *op = publish(&f, m);
    DeliveryRow mailbox = op->deposits[0].row, link = op->deposits[1].row;
    store_op_free(op);
    StoreOp *read = bodies(&f, &link, QUEUE_LINK); /* what went names REMOTE alone */
    store_op_free(read);
    mailbox.attempts = 16;
    store_op_free(change(&f, &mailbox, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", "min/rehsos"));
    link.flags |= DELIVERY_UNCERTAIN;
    store_op_free(change(&f, &link, QUEUE_LINK, ACTION_PARK, CAUSE_NONE));
    op = change(&f, &link, QUEUE_LINK, ACTION_DONE, CAUSE_NONE); /* the first copy was taken */
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
}

/* A dead letter that was redirected: the message is known, its recipient is not. */
TEST(who_is_brought_a_known_message_has_time_to_read_it) {
    FIXTURE(f);
    store_op_free(link_state(&f, true));
    const char *to[] = { HOME, "dsk/3204" };
    for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
        f.n_ids = 0;
        Message *m = message_to(&f, HOME, 1);
        strcpy(m->env.sender, REMOTE);
        StoreOp *op = link_op(m, "hub", to[i], f.now_ms);
        m->fwd.expires_ms = f.now_ms + (i + 1) * DAY_MS;
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, i == 0 ? VERDICT_ACCEPTED : VERDICT_DUPLICATE);
        ASSERT_EQ(op->n_deposits, 1);
        ASSERT_EQ(op->deposits[0].row.queue, queue_id(&f, QUEUE_MAILBOX, to[i], NULL));
        ASSERT_EQ(op->deposits[0].row.expires_ms, m->fwd.expires_ms);
        store_op_free(op);
    }
    StoreOp *op = link_state(&f, true);
    ASSERT_EQ(op->link.progress.received_count, 2); /* the neighbour counts both */
    store_op_free(op);
    assert_sound(&f);
}

/* --- the way back ----------------------------------------------------------------------------- */

TEST(a_sender_that_is_not_in_the_directory_is_told_the_way_its_message_came) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, "lks/9999/gone");
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "COLLECTED " HOME);
}

/* Its home broker records every end. */
TEST(the_end_goes_back_over_the_link_though_the_sender_does_not_want_it) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "COLLECTED " HOME);
}

/* Here only on its way: the sender's home has to record the end. */
TEST(an_end_that_comes_from_one_link_goes_on_over_another_though_it_is_not_wanted) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    Message *m = message_to(&f, REMOTE, 1);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    StoreOp *op = link_op(m, SELF, REMOTE, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, "upt/satria");
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.queue, queue_id(&f, QUEUE_LINK, SELF, NULL));
    store_op_free(op);
}

TEST_MAIN

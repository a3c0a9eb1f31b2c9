/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "store-fixture.h"

static StoreOp *link_state(Fixture *f, bool up) {
    StoreOp *op = store_op_new(OP_LINK);
    strcpy(op->link.neighbour, "hub");
    op->link.up = up;
    run(f, op);
    return op;
}

static StoreOp *receipt_op(Fixture *f, const Uuid *about, const char *recipient, int level,
                           const char *neighbour) {
    Message *m = message_to(f, SENDER, 0);
    m->env.kind = KIND_RECEIPT;
    m->lane = LANE_PRIORITY;
    strcpy(m->env.sender, "upt/satria");
    m->facts.receipt.message_id = *about;
    strcpy(m->facts.receipt.recipient, recipient);
    m->facts.receipt.level = level;
    m->facts.receipt.said_ms = f->now_ms;
    strcpy(m->facts.receipt.leg, "upt/satria");
    return link_op(m, neighbour, SENDER, f->now_ms);
}

static Message *recall(Fixture *f, const Uuid *of) {
    Message *m = message_to(f, "", 0);
    m->env.kind = KIND_RECALL_ORDER;
    m->env.audience = (Audience) { 0 };
    m->env.cluster = CLUSTER_ANY;
    m->lane = LANE_PRIORITY;
    m->facts.recall.message_id = *of;
    return m;
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

TEST(a_recall_withdraws_what_waits_here) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    StoreOp *op = publish(&f, recall(&f, &id));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 0);
    ASSERT_EQ(op->n_recalled, 1);
    ASSERT_EQ(op->recalled[0].seq, row.seq);
    ASSERT_EQ(op->accept.result.n_recipients, 1);
    store_op_free(op);

    /* The flag is on disk: a sweep finds it when the caller could not act. */
    fixture_reopen(&f);
    op = store_op_new(OP_SWEEP);
    op->sweep.limit = 10;
    run(&f, op);
    ASSERT_EQ(op->sweep.n, 1);
    ASSERT_EQ(op->sweep.hits[0].action, ACTION_RECALL);
    store_op_free(op);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_RECALL, CAUSE_NONE));
    ASSERT_OUTCOMES(&f, &id, HOME " RECALLED RECALLED_BY_SENDER");
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "RECALLED " HOME);
    assert_sound(&f);
}

TEST(a_recall_comes_too_late_for_what_was_collected) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &row, QUEUE_MAILBOX);
    const Uuid id = id_of(1);
    StoreOp *op = publish(&f, recall(&f, &id));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->accept.result.reasons->n, 1);
    ASSERT_STR(op->accept.result.reasons->list[0].code, "RECALL_TOO_LATE");
    ASSERT_TRUE(op->accept.result.reasons->list[0].warning);
    ASSERT_EQ(op->n_recalled, 0);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, HOME " COLLECTED");
}

/* The order is to be there as long as what it withdraws: it cannot be given again. */
TEST(a_recall_does_not_end_before_its_message) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    const Uuid id = m->env.message_id;
    m->env.expires_ms = f.now_ms + 20 * DAY_MS;
    const DeliveryRow row = deposit(&f, m);
    settle(&f, &row, QUEUE_LINK);
    m = recall(&f, &id);
    m->env.expires_ms = f.now_ms + MINUTE_MS;
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.expires_ms, f.now_ms + 20 * DAY_MS);
    store_op_free(op);
}

static void assert_recalled_before(Fixture *f, const Uuid *id) {
    StoreOp *op = accept_op(recall(f, id));
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
    ASSERT_STR(op->accept.result.reasons->list[0].code, "RECALLED_BEFORE");
    ASSERT_EQ(op->n_deposits + op->n_recalled, 0);
    store_op_free(op);
}

/* Orders count against no quota: a million of them about one message are still one. */
TEST(a_second_recall_of_a_message_is_not_stored) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    const Uuid here = id_of(1);
    store_op_free(publish(&f, recall(&f, &here)));
    assert_recalled_before(&f, &here);
    Message *m = message_to(&f, REMOTE, 1);
    const Uuid away = m->env.message_id;
    DeliveryRow row = deposit(&f, m);
    settle(&f, &row, QUEUE_LINK);
    store_op_free(publish(&f, recall(&f, &away)));
    const uint64_t waiting = queued(&f, QUEUE_LINK, "hub");
    for (unsigned i = 0; i < 5; i++)
        assert_recalled_before(&f, &away);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), waiting);
    m = message_to(&f, HOME, 2);
    const Uuid late = m->env.message_id;
    row = deposit(&f, m);
    settle(&f, &row, QUEUE_MAILBOX);
    store_op_free(publish(&f, recall(&f, &late)));
    assert_recalled_before(&f, &late);
    StoreOp *op = accept_op(recall(&f, &late)); /* and who was served is told */
    run(&f, op);
    ASSERT_EQ(op->accept.result.reasons->n, 2);
    ASSERT_STR(op->accept.result.reasons->list[1].code, "RECALL_TOO_LATE");
    ASSERT_STR(op->accept.result.reasons->list[1].field, HOME);
    store_op_free(op);
    assert_sound(&f);
}

TEST(a_recall_of_who_got_it_since_the_first_one_is_ordered) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    const Uuid id = id_of(1);
    store_op_free(publish(&f, recall(&f, &id)));
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    assert_recalled_before(&f, &id);
    StoreOp *op = store_op_new(OP_DEAD);
    op->dead.verb = DEAD_REDIRECT;
    op->dead.message_id = id;
    strcpy(op->dead.target, HOME);
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    store_op_free(op);
    op = publish(&f, recall(&f, &id));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_recalled, 1);
    store_op_free(op);
    assert_recalled_before(&f, &id);
    assert_sound(&f);
}

TEST(only_the_sender_may_recall) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1), unknown = id_of(99);
    Message *m = recall(&f, &id);
    strcpy(m->env.sender, "dsk/3204");
    StoreOp *op = accept_op(m);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
    ASSERT_STR(op->accept.result.reasons->list[0].code, "NOT_YOURS");
    store_op_free(op);
    op = accept_op(recall(&f, &unknown));
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
    ASSERT_STR(op->accept.result.reasons->list[0].code, "NO_SUCH_MESSAGE");
    store_op_free(op);
}

TEST(a_recall_follows_the_message_over_the_link) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    StoreOp *op = publish(&f, recall(&f, &id));
    ASSERT_EQ(op->n_recalled, 0);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.queue, row.queue);
    ASSERT_EQ(op->deposits[0].row.order_key, row.order_key);
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_LINK);
    ASSERT_EQ(read->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_STR(read->bodies.wanted[0].forward->recipients[0].node, REMOTE);
    store_op_free(read);
    store_op_free(op);
}

TEST(a_recall_waits_behind_a_message_that_is_out_on_the_link) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    const Uuid id = id_of(1);
    StoreOp *op = publish(&f, recall(&f, &id));
    ASSERT_EQ(op->n_recalled, 1); /* withdrawn here unless it is out */
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_TRUE(op->deposits[0].row.seq > row.seq);
    ASSERT_TRUE(op->deposits[0].lifted); /* the order rides PRIORITY and takes its case along */
    store_op_free(op);
    op = store_op_new(OP_NEXT);
    op->next_.queue = row.queue;
    op->next_.order_key = row.order_key;
    run(&f, op);
    ASSERT_EQ(op->next_.row.seq, row.seq);
    store_op_free(op);
    settle(&f, &row, QUEUE_LINK); /* it was out: handed over; the order follows */
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 1);
    assert_sound(&f);
}

TEST(a_recall_from_a_link_withdraws_for_the_named_and_ignores_the_unknown) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    store_op_free(op);
    const Uuid id = id_of(1), unknown = id_of(99);
    m = recall(&f, &id);
    strcpy(m->env.sender, REMOTE);
    op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_recalled, 1);
    const DeliveryRow row = op->recalled[0];
    store_op_free(op);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_RECALL, CAUSE_NONE));
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "RECALLED " HOME);
    op = link_op(recall(&f, &unknown), "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
}

TEST(a_dead_letter_of_a_link_can_be_redirected_behind_the_same_link) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, REMOTE " UNDELIVERABLE DEAD_REJECTED");
    StoreOp *op = store_op_new(OP_DEAD);
    op->dead.verb = DEAD_REDIRECT;
    op->dead.message_id = id;
    strcpy(op->dead.target, "min/rehsos");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_LINK);
    ASSERT_EQ(read->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_STR(read->bodies.wanted[0].forward->recipients[0].node, "min/rehsos");
    store_op_free(read);
    store_op_free(op);
    assert_sound(&f);
}

TEST(what_a_neighbour_hands_back_is_answered) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    settle(&f, &row, QUEUE_LINK);
    f.n_ids = 0;
    StoreOp *op = link_op(message_to(&f, REMOTE, 1), "hub", REMOTE, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_TRUE(op->accept.counted); /* it came over: the neighbour counts it, too */
    store_op_free(op);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, REMOTE " UNDELIVERABLE RECIPIENT_UNKNOWN");
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "UNDELIVERABLE " REMOTE);
    assert_sound(&f);
}

/* --- subscriptions -------------------------------------------------------------------------- */

static StoreOp *subscribe(Fixture *f, const char *owner, const char *name, int kind) {
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, owner);
    strcpy(op->subscription.name, name);
    if (kind > 0) {
        op->subscription.filter = calloc(1, sizeof(Filter));
        op->subscription.filter->n_kinds = 1;
        op->subscription.filter->kinds[0] = kind;
    }
    run(f, op);
    return op;
}

TEST(a_subscription_is_made_checked_and_dropped_by_name) {
    FIXTURE(f);
    StoreOp *op = subscribe(&f, "dsp/32", "all", 0);
    ASSERT_EQ(op->subscription.verdict, SUBSCRIPTION_MISSING);
    store_op_free(op);
    op = subscribe(&f, "dsp/32", "all", SAMPLE_KIND);
    ASSERT_EQ(op->subscription.verdict, SUBSCRIPTION_OK);
    const QueueId id = op->subscription.id;
    ASSERT_TRUE(id > 0);
    store_op_free(op);
    fixture_reopen(&f);
    op = subscribe(&f, "dsp/32", "all", 0);
    ASSERT_EQ(op->subscription.id, id);
    store_op_free(op);
    op = subscribe(&f, "dsp/32", "all", KIND_COMPLAINT);
    ASSERT_EQ(op->subscription.verdict, SUBSCRIPTION_DIFFERS);
    store_op_free(op);
    store_op_free(subscribe(&f, "dsp/32", "two", KIND_COMPLAINT));
    op = subscribe(&f, "dsp/32", "three", KIND_COMPLAINT);
    ASSERT_EQ(op->subscription.verdict, SUBSCRIPTION_TOO_MANY);
    store_op_free(op);
    (void)deposit(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(queued(&f, QUEUE_SUBSCRIPTION, "dsp/32 all"), 1);
    for (int i = 0; i < 2; i++) {
        op = store_op_new(OP_SUBSCRIPTION);
        strcpy(op->subscription.owner, "dsp/32");
        strcpy(op->subscription.name, "all");
        op->subscription.drop = true;
        run(&f, op);
        ASSERT_EQ(op->subscription.verdict, i == 0 ? SUBSCRIPTION_OK : SUBSCRIPTION_MISSING);
        store_op_free(op);
    }
    assert_sound(&f);
}

TEST(a_subscriber_gets_facts_within_its_scope) {
    FIXTURE(f);
    store_op_free(subscribe(&f, "dsp/32", "all", SAMPLE_KIND));
    store_op_free(subscribe(&f, "dsk/3204", "all", SAMPLE_KIND)); /* another regency */
    StoreOp *op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->n_deposits, 2);
    const DeliveryRow row = op->deposits[1].row;
    ASSERT_TRUE(row.flags & DELIVERY_FACTS_ONLY);
    ASSERT_EQ(op->deposits[1].body->n_sealed, 0);
    store_op_free(op);
    op = bodies(&f, &row, QUEUE_SUBSCRIPTION);
    ASSERT_EQ(op->bodies.wanted[0].recipient.role, ROLE_SUBSCRIBER);
    ASSERT_STR(op->bodies.wanted[0].recipient.node, "dsp/32");
    ASSERT_EQ(op->bodies.wanted[0].body->n_sealed, 0);
    store_op_free(op);
    op = change(&f, &row, QUEUE_SUBSCRIPTION, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING"); /* a copy read by a subscriber ends nothing */
    assert_sound(&f);
}

TEST(what_comes_expired_is_copied_to_nobody) {
    FIXTURE(f);
    store_op_free(subscribe(&f, "dsp/32", "all", SAMPLE_KIND));
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    m->fwd.expires_ms = f.now_ms;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 1); /* the receipt */
    ASSERT_TRUE(!(op->deposits[0].row.flags & DELIVERY_FACTS_ONLY));
    store_op_free(op);
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "UNDELIVERABLE " HOME);
}

TEST(a_subscription_over_its_quota_is_marked_and_goes_on_when_read_down) {
    FIXTURE(f);
    store_op_free(subscribe(&f, "dsp/32", "all", SAMPLE_KIND));
    DeliveryRow rows[4];
    for (uint8_t i = 0; i < 6; i++) {
        StoreOp *op = publish(&f, message_to(&f, HOME, (uint8_t)(i + 1)));
        ASSERT_EQ(op->n_deposits, i < 4 ? 2 : 1);
        ASSERT_EQ(op->accept.overrun != 0, i == 4);
        if (i < 4)
            rows[i] = op->deposits[1].row;
        store_op_free(op);
    }
    fixture_reopen(&f);
    settle(&f, &rows[0], QUEUE_SUBSCRIPTION);
    StoreOp *op = publish(&f, message_to(&f, HOME, 7));
    ASSERT_EQ(op->n_deposits, 1); /* not half empty yet */
    store_op_free(op);
    settle(&f, &rows[1], QUEUE_SUBSCRIPTION);
    op = subscribe(&f, "dsp/32", "all", 0);
    ASSERT_TRUE(op->subscription.overrun);
    ASSERT_EQ(op->subscription.overrun_ms, SAMPLE_NOW);
    store_op_free(op);
    op = publish(&f, message_to(&f, HOME, 8));
    ASSERT_EQ(op->n_deposits, 2);
    store_op_free(op);
    op = subscribe(&f, "dsp/32", "all", 0);
    ASSERT_TRUE(!op->subscription.overrun); /* told once */
    store_op_free(op);
    assert_sound(&f);
}

TEST(a_recall_over_a_link_is_the_senders_own_too) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    Message *m = recall(&f, &id);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->n_recalled, 0);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
}

TEST(a_recall_over_a_link_is_for_those_it_names) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    m->fwd.recipients[m->fwd.n_recipients] = m->fwd.recipients[0];
    strcpy(m->fwd.recipients[m->fwd.n_recipients++].node, "dsk/3204");
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 2);
    store_op_free(op);
    const Uuid id = id_of(1);
    m = recall(&f, &id);
    strcpy(m->env.sender, REMOTE);
    op = link_op(m, "hub", "dsk/3204", f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->n_recalled, 1);
    ASSERT_EQ(op->recalled[0].queue, queue_id(&f, QUEUE_MAILBOX, "dsk/3204", NULL));
    store_op_free(op);
}

static uint32_t flags_in(Fixture *f, QueueId queue) {
    StoreOp *rows = load(f, queue, LANE_ROUTINE, 10);
    ASSERT_EQ(rows->load.n, 1);
    const uint32_t flags = rows->load.rows[0].flags;
    store_op_free(rows);
    return flags;
}

TEST(a_recall_withdraws_the_copies_of_subscribers) {
    FIXTURE(f);
    store_op_free(subscribe(&f, "dsp/32", "all", SAMPLE_KIND));
    StoreOp *op = publish(&f, message_to(&f, HOME, 1));
    const DeliveryRow copy = op->deposits[1].row;
    store_op_free(op);
    ASSERT_TRUE(!(flags_in(&f, copy.queue) & DELIVERY_RECALLED));
    const Uuid id = id_of(1);
    store_op_free(publish(&f, recall(&f, &id)));
    ASSERT_TRUE(flags_in(&f, copy.queue) & DELIVERY_RECALLED);
}

TEST(who_was_discarded_is_not_served_by_what_others_on_the_link_get_again) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "min/rehsos");
    const DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    StoreOp *op = store_op_new(OP_DEAD);
    op->dead.verb = DEAD_DISCARD;
    op->dead.message_id = id_of(1);
    strcpy(op->dead.recipient, REMOTE);
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    store_op_free(op);
    op = store_op_new(OP_DEAD);
    op->dead.verb = DEAD_REQUEUE;
    op->dead.message_id = id_of(1);
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_LINK);
    ASSERT_EQ(read->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_STR(read->bodies.wanted[0].forward->recipients[0].node, "min/rehsos");
    store_op_free(read);
    store_op_free(op);
}

/* A letter of another recipient on the same link stays one, also after a restart. */
TEST(who_is_a_dead_letter_is_not_served_by_what_others_on_the_link_get_again) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "min/rehsos");
    const DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    StoreOp *op = store_op_new(OP_DEAD);
    op->dead.verb = DEAD_REQUEUE;
    op->dead.message_id = id_of(1);
    strcpy(op->dead.recipient, REMOTE);
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    const DeliveryRow again = op->deposits[0].row;
    store_op_free(op);
    fixture_reopen(&f);
    StoreOp *read = bodies(&f, &again, QUEUE_LINK);
    ASSERT_EQ(read->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_STR(read->bodies.wanted[0].forward->recipients[0].node, REMOTE);
    store_op_free(read);
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
    op = store_op_new(OP_DEAD);
    op->dead.verb = DEAD_REDIRECT;
    op->dead.message_id = id_of(1);
    strcpy(op->dead.target, "min/rehsos");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    store_op_free(op);
    link.flags |= DELIVERY_UNCERTAIN;
    store_op_free(change(&f, &link, QUEUE_LINK, ACTION_PARK, CAUSE_NONE));
    op = change(&f, &link, QUEUE_LINK, ACTION_DONE, CAUSE_NONE); /* the first copy was taken */
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
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

TEST_MAIN

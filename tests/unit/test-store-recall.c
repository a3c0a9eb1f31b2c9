/* SPDX-License-Identifier: Apache-2.0 */

/* Recalls: of the sender alone, of what was not collected, here and behind links, once. */

#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"
#include "store/message.h"
#include "store/recall.h"
#include "store/trace.h"

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
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", HOME));
    StoreOp *op = publish(&f, recall(&f, &id));
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

/* Here they are refused; there may be as many as its sender and a neighbour like. */
TEST(further_orders_over_a_link_make_a_trail_no_longer_without_end) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    const Uuid id = m->env.message_id;
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    store_op_free(op);
    for (unsigned i = 1; i < TRAIL_HEARD_MAX; i++)
        trail_add(f.store, 1, "told", REMOTE, "");
    for (unsigned i = 0; i < 5; i++) {
        m = recall(&f, &id);
        strcpy(m->env.sender, REMOTE);
        op = link_op(m, "hub", HOME, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        ASSERT_EQ(op->n_recalled, i == 0);
        store_op_free(op);
    }
    ASSERT_EQ(db_number(f.store, QUERY(f.store, "SELECT count(*) FROM trail"), 0), TRAIL_HEARD_MAX);
}

TEST(an_order_that_comes_again_is_put_into_no_mailbox) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    const Uuid id = m->env.message_id;
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    store_op_free(op);
    for (unsigned i = 0; i < 2; i++) {
        f.n_ids = 1;
        m = recall(&f, &id);
        strcpy(m->env.sender, REMOTE);
        op = link_op(m, "hub", HOME, f.now_ms);
        if (i > 0) /* and for somebody it was not for */
            strcpy(m->fwd.recipients[0].node, "dsk/3204");
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, i == 0 ? VERDICT_ACCEPTED : VERDICT_DUPLICATE);
        ASSERT_EQ(op->n_deposits, 0);
        store_op_free(op);
    }
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsk/3204"), 0);
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

/* Of an event everybody in its scope has it, and nobody of them is named. */
TEST(a_recall_of_an_event_goes_wherever_the_event_went) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    put_node(&f, "lks/3200/0001", false, "hub");
    for (unsigned i = 0; i < 2; i++) { /* the event, and the order */
        const Uuid id = id_of(1);
        Message *m = i == 0 ? sample_event(REMOTE, "32") : recall(&f, &id);
        if (i == 0) {
            m->env.message_id = id_of(++f.n_ids);
            give_body(m, "event", "facts", "");
        }
        strcpy(m->env.sender, REMOTE);
        StoreOp *op = link_op(m, "upt/satria", "", f.now_ms);
        m->fwd.scope = true;
        m->fwd.n_recipients = 0;
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        const QueueId here = queue_id(&f, QUEUE_MAILBOX, "lks/3200/0001", NULL);
        const QueueId link = queue_id(&f, QUEUE_LINK, SELF, NULL);
        bool goes_on = false, withdrawn = false;
        for (uint32_t k = 0; k < op->n_deposits; k++)
            goes_on |= op->deposits[k].row.queue == link && op->deposits[k].forward->scope;
        for (uint32_t k = 0; k < op->n_recalled; k++)
            withdrawn |= op->recalled[k].queue == here;
        ASSERT_TRUE(goes_on);
        _cleanup_(stored_message_deinit) StoredMessage stored;
        ASSERT_TRUE(message_load(f.store, (int64_t)i + 1, &stored));
        ASSERT_TRUE(stored.route.scope);
        ASSERT_EQ(withdrawn, i == 1);
        store_op_free(op);
    }
    assert_sound(&f);
}

/* --- a newer one takes its place ----------------------------------------------------------------
 */

static StoreOp *publish_with_copy(Fixture *f, Message *m) {
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, "dsp/32");
    strcpy(op->subscription.name, "all");
    op->subscription.filter = calloc(1, sizeof(Filter));
    op->subscription.filter->n_kinds = 1;
    op->subscription.filter->kinds[0] = SAMPLE_KIND;
    run(f, op);
    store_op_free(op);
    return publish(f, m);
}

static int64_t n_withdrawn(Fixture *f) {
    return db_number(
        f->store,
        QUERY(f->store, "SELECT count(*) FROM delivery WHERE flags & ?1", INT(DELIVERY_RECALLED)),
        -1);
}

TEST(who_subscribes_keeps_his_copy_until_the_newer_one_is_for_all) {
    FIXTURE(f);
    _cleanup_(stored_message_deinit) StoredMessage m;
    StoreOp *op = publish_with_copy(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->n_deposits, 2);
    ASSERT_TRUE(message_load(f.store, 1, &m));
    recall_superseded(f.store, op, &m, &m.route);
    ASSERT_EQ(op->n_recalled, 1);
    ASSERT_EQ(n_withdrawn(&f), 1);
    recall_superseded(f.store, op, &m, NULL);
    ASSERT_EQ(n_withdrawn(&f), 2);
    store_op_free(op);
}

/* Behind it may be others than the one there to whom the newer one goes by name. */
TEST(what_goes_to_a_whole_scope_by_a_link_keeps_its_place_there) {
    FIXTURE(f);
    _cleanup_(stored_message_deinit) StoredMessage m, by;
    StoreOp *op = publish(&f, message_to(&f, REMOTE, 1));
    ASSERT_TRUE(message_load(f.store, 1, &m) && message_load(f.store, 1, &by));
    m.route.list[0].flags |= ROUTE_SCOPE_HOP;
    recall_superseded(f.store, op, &m, &by.route);
    ASSERT_EQ(op->n_recalled, 0);
    m.route.list[0].flags = by.route.list[0].flags;
    recall_superseded(f.store, op, &m, &by.route);
    ASSERT_EQ(op->n_recalled, 1);
    store_op_free(op);
}

TEST(what_has_no_receipts_cannot_be_recalled) {
    FIXTURE(f);
    const Uuid of = id_of(1);
    (void)deposit(&f, message_to(&f, REMOTE, 1));
    StoreOp *op = publish(&f, recall(&f, &of));
    const Uuid order = op->accept.message->env.message_id;
    store_op_free(op);
    op = accept_op(recall(&f, &order));
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
    ASSERT_STR(op->accept.result.reasons->list[0].code, "NO_SUCH_MESSAGE");
    store_op_free(op);
}

TEST_MAIN

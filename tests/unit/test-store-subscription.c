/* SPDX-License-Identifier: Apache-2.0 */

/* Named subscriptions: made and dropped, copies within their scope, their quota. */

#include "test.h"

#include "store-fixture.h"

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

/* Neither what waits, nor what was given up, nor its number. */
TEST(a_subscription_that_was_dropped_leaves_nothing_behind) {
    FIXTURE(f);
    StoreOp *op = subscribe(&f, "dsp/32", "all", SAMPLE_KIND);
    const QueueId id = op->subscription.id;
    store_op_free(op);
    for (uint8_t i = 1; i <= 2; i++) {
        op = publish(&f, message_to(&f, HOME, i));
        ASSERT_EQ(op->n_deposits, 2);
        const DeliveryRow copy = op->deposits[1].row;
        ASSERT_EQ(copy.queue, id);
        store_op_free(op);
        if (i == 1)
            store_op_free(change(&f, &copy, QUEUE_SUBSCRIPTION, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    }
    op = ask(&f, "dead-list", NULL);
    ASSERT_EQ(table_rows(op->query.table), 1);
    store_op_free(op);
    op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, "dsp/32");
    strcpy(op->subscription.name, "all");
    op->subscription.drop = true;
    run(&f, op);
    store_op_free(op);
    op = ask(&f, "dead-list", NULL);
    ASSERT_EQ(table_rows(op->query.table), 0);
    store_op_free(op);
    op = load(&f, id, LANE_ROUTINE, 10);
    ASSERT_EQ(op->load.n, 0);
    store_op_free(op);
    op = subscribe(&f, "dsp/32", "all", SAMPLE_KIND);
    ASSERT_TRUE(op->subscription.id > id);
    store_op_free(op);
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

static StoreOp *brought(Fixture *f, Message *m, int role) {
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", m->env.audience.nodes[0], f->now_ms);
    m->fwd.recipients[0].role = (RecipientRole)role;
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    return op;
}

/* Whom it supervises makes nobody an addressee. */
TEST(a_supervisor_that_subscribes_gets_facts_alone) {
    FIXTURE(f);
    StoreOp *op = subscribe(&f, "dsp/32", "all", SAMPLE_KIND);
    const QueueId id = op->subscription.id;
    store_op_free(op);
    op = brought(&f, message_to(&f, "dsp/32", 1), ROLE_SUPERVISOR);
    ASSERT_EQ(op->n_deposits, 2);
    ASSERT_EQ(op->deposits[1].row.queue, id);
    ASSERT_TRUE(op->deposits[1].row.flags & DELIVERY_FACTS_ONLY);
    ASSERT_EQ(op->deposits[1].body->n_sealed, 0);
    store_op_free(op);
}

TEST(who_is_complained_about_has_no_copy_of_the_complaint) {
    static const char *const about[] = { "dsp/32", "dsk/3204" };
    FIXTURE(f);
    StoreOp *op = subscribe(&f, "dsp/32", "complaints", KIND_COMPLAINT);
    ASSERT_EQ(op->subscription.verdict, SUBSCRIPTION_OK);
    store_op_free(op);
    for (size_t i = 0; i < ARRAY_SIZE(about); i++) {
        Message *m = message_to(&f, HOME, (uint8_t)(i + 1));
        m->env.kind = KIND_COMPLAINT;
        text_copy(m->facts.complaint.about_node, NODE_NAME_SIZE, about[i]);
        store_op_free(brought(&f, m, ROLE_ADDRESSEE));
        ASSERT_EQ(queued(&f, QUEUE_SUBSCRIPTION, "dsp/32 complaints"), i);
    }
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

TEST_MAIN

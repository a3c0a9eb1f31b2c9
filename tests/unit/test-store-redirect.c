/* SPDX-License-Identifier: Apache-2.0 */

/* Dead letters of events: one that is redirected goes to somebody outside the scope, by brokers
 * that have had the event for everybody in it. */

#include "test.h"

#include "store-fixture.h"

#define OUTSIDE "lks/3500/0001"

static Message *event_in_32(Fixture *f) {
    Message *m = sample_event(SENDER, "32");
    m->env.message_id = id_of(++f->n_ids);
    give_body(m, "event", "facts", "");
    return m;
}

typedef struct Rows {
    DeliveryRow link, home;
} Rows;

static Rows publish_event(Fixture *f) {
    Rows rows = { 0 };
    put_node(f, OUTSIDE, false, "hub");
    StoreOp *op = publish(f, event_in_32(f));
    const QueueId link = queue_id(f, QUEUE_LINK, "hub", NULL);
    const QueueId home = queue_id(f, QUEUE_MAILBOX, HOME, NULL);
    for (uint32_t i = 0; i < op->n_deposits; i++) {
        const DeliveryRow *row = &op->deposits[i].row;
        if (row->queue == link)
            rows.link = *row;
        else if (row->queue == home)
            rows.home = *row;
    }
    store_op_free(op);
    return rows;
}

static DeliveryRow redirect_home(Fixture *f, const Rows *rows) {
    const Uuid id = id_of(1);
    store_op_free(change(f, &rows->home, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    StoreOp *op = operate(f, DEAD_REDIRECT, &id, HOME, OUTSIDE);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    return row;
}

static bool is_named(const Forward *f, const char *node) {
    for (uint32_t i = 0; i < f->n_recipients; i++)
        if (strcmp(f->recipients[i].node, node) == 0)
            return true;
    return false;
}

TEST(a_neighbour_that_has_had_an_event_gets_it_again_for_that_one_alone) {
    FIXTURE(f);
    const Rows rows = publish_event(&f);
    settle(&f, &rows.link, QUEUE_LINK);
    const DeliveryRow row = redirect_home(&f, &rows);
    StoreOp *op = bodies(&f, &row, QUEUE_LINK);
    ASSERT_TRUE(!op->bodies.wanted[0].forward->scope);
    ASSERT_EQ(op->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_TRUE(is_named(op->bodies.wanted[0].forward, OUTSIDE));
    store_op_free(op);
    assert_sound(&f);
}

/* For everybody in the scope there, and for that one, in one copy. */
TEST(a_neighbour_that_has_not_had_an_event_gets_it_for_all) {
    FIXTURE(f);
    const Rows rows = publish_event(&f);
    const Uuid id = id_of(1);
    store_op_free(change(&f, &rows.link, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const DeliveryRow for_one = redirect_home(&f, &rows);
    settle(&f, &for_one, QUEUE_LINK);
    StoreOp *op = operate(&f, DEAD_REQUEUE, &id, "hub", "");
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    op = bodies(&f, &row, QUEUE_LINK);
    ASSERT_TRUE(op->bodies.wanted[0].forward->scope);
    store_op_free(op);
    assert_sound(&f);
}

/* From the hub; scope: for everybody in it here, else for `to`. */
static StoreOp *bring(Fixture *f, bool scope, const char *to) {
    f->n_ids = 0;
    Message *m = event_in_32(f);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", to, f->now_ms);
    m->fwd.scope = scope;
    m->fwd.n_recipients = to[0] != '\0';
    run(f, op);
    return op;
}

TEST(a_known_event_that_is_brought_for_somebody_outside_its_scope_is_delivered) {
    FIXTURE(f);
    put_node(&f, OUTSIDE, false, SELF);
    store_op_free(bring(&f, true, ""));
    for (unsigned i = 0; i < 2; i++) { /* the second time it is known */
        StoreOp *op = bring(&f, i > 0, OUTSIDE);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
        ASSERT_EQ(op->n_deposits, i == 0);
        ASSERT_EQ(op->accept.counted, i == 0);
        store_op_free(op);
    }
    StoreOp *op = bring(&f, false, HOME); /* who has it by the scope */
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    assert_sound(&f);
}

TEST(an_event_that_names_who_is_in_its_scope_too_is_delivered_once) {
    FIXTURE(f);
    StoreOp *op = bring(&f, true, HOME);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
    const Uuid id = id_of(1);
    char text[512];
    const char *home = strstr(outcomes(&f, &id, text, sizeof(text)), HOME);
    ASSERT_TRUE(home && !strstr(home + 1, HOME));
    assert_sound(&f);
}

/* Over one link the letter, whose number is lower, would be first, and who hears that somebody else
 * collected it before the word of the dead letter does not believe it. */
TEST(a_redirected_letter_does_not_overtake_the_word_of_its_end) {
    FIXTURE(f);
    put_node(&f, OUTSIDE, false, "hub");
    const Uuid id = id_of(1);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    const DeliveryRow letter = op->deposits[0].row;
    store_op_free(op);
    op = change(&f, &letter, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED);
    const DeliveryRow word = op->deposits[0].row;
    store_op_free(op);
    ASSERT_TRUE(word.seq > letter.seq);
    op = dead_op(DEAD_REDIRECT, &id, HOME, OUTSIDE);
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 0);
    assert_non_null(strstr(op->dead.text, "by way of hub"));
    store_op_free(op);
    settle(&f, &word, QUEUE_LINK);
    op = operate(&f, DEAD_REDIRECT, &id, HOME, OUTSIDE);
    ASSERT_EQ(op->deposits[0].row.queue, word.queue);
    store_op_free(op);
    assert_sound(&f);
}

/* Here nothing overtakes: the word that this one has it leaves behind that of its end. */
TEST(a_letter_is_redirected_to_a_node_of_this_broker_though_the_word_of_its_end_waits) {
    FIXTURE(f);
    const Uuid id = id_of(1);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    const DeliveryRow letter = op->deposits[0].row;
    store_op_free(op);
    store_op_free(change(&f, &letter, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    store_op_free(operate(&f, DEAD_REDIRECT, &id, HOME, SENDER));
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, SENDER), 1);
    assert_sound(&f);
}

/* Its row was withdrawn before it went; the row of another dead letter is not for it. */
TEST(who_was_recalled_does_not_get_a_letter_that_is_redirected_that_way) {
    FIXTURE(f);
    put_node(&f, OUTSIDE, false, "hub");
    const Uuid id = id_of(1);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 2);
    const QueueId link = queue_id(&f, QUEUE_LINK, "hub", NULL);
    const DeliveryRow first = op->deposits[0].row, second = op->deposits[1].row;
    const DeliveryRow *away = first.queue == link ? &first : &second;
    const DeliveryRow *home = first.queue == link ? &second : &first;
    store_op_free(op);
    store_op_free(change(&f, home, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    store_op_free(publish(&f, recall(&f, &id)));
    store_op_free(change(&f, away, QUEUE_LINK, ACTION_RECALL, CAUSE_NONE));
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 1); /* the order */
    op = operate(&f, DEAD_REDIRECT, &id, HOME, OUTSIDE);
    const DeliveryRow row = op->deposits[0].row;
    ASSERT_EQ(row.queue, link);
    store_op_free(op);
    op = bodies(&f, &row, QUEUE_LINK);
    ASSERT_EQ(op->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_TRUE(is_named(op->bodies.wanted[0].forward, OUTSIDE));
    store_op_free(op);
    assert_sound(&f);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* A node whose home is another broker now: what waits for it here goes there. */

#include "test.h"

#include "quota-fixture.h"

static StoreOp *sweep(Fixture *f) {
    StoreOp *op = store_op_new(OP_SWEEP);
    op->sweep.limit = 100;
    run(f, op);
    return op;
}

/* As the broker would: does what the sweep finds. Returns how many were moved. */
static unsigned move_all(Fixture *f) {
    unsigned n = 0;
    StoreOp *found = sweep(f);
    for (uint32_t i = 0; i < found->sweep.n; i++) {
        const struct SweepHit *hit = &found->sweep.hits[i];
        ASSERT_EQ(hit->action, ACTION_MOVE);
        StoreOp *op = change(f, &hit->row, hit->queue_kind, ACTION_MOVE, CAUSE_NONE);
        ASSERT_TRUE(op->delivery.found);
        n += op->delivery.action == ACTION_MOVE;
        store_op_free(op);
    }
    store_op_free(found);
    assert_sound(f);
    return n;
}

static void move(Fixture *f, const char *node, const char *home) {
    put_node(f, node, false, home);
}

/* The recipients of the i-th row for the hub in that lane. */
static const char *recipients_of(Fixture *f, Lane lane, uint32_t i, char ret[static 200]) {
    StoreOp *rows = load(f, queue_id(f, QUEUE_LINK, "hub", NULL), lane, 100);
    ASSERT_TRUE(i < rows->load.n);
    StoreOp *op = bodies(f, &rows->load.rows[i], QUEUE_LINK);
    const Forward *to = op->bodies.wanted[0].forward;
    assert_non_null(to);
    ret[0] = '\0';
    for (uint32_t k = 0; k < to->n_recipients; k++)
        snprintf(ret + strlen(ret), 200 - strlen(ret), "%s%s", k > 0 ? " " : "",
                 to->recipients[k].node);
    store_op_free(op);
    store_op_free(rows);
    return ret;
}

static DeliveryRow row_of(Fixture *f, QueueKind kind, const char *name, Lane lane) {
    StoreOp *op = load(f, queue_id(f, kind, name, NULL), lane, 1);
    ASSERT_EQ(op->load.n, 1);
    const DeliveryRow row = op->load.rows[0];
    store_op_free(op);
    return row;
}

static Verdict comes_back(Fixture *f, uint32_t number, uint8_t moves) {
    const uint32_t n_ids = f->n_ids;
    f->n_ids = number - 1;
    StoreOp *op = link_op(message_to(f, HOME, 1), "hub", HOME, f->now_ms);
    strcpy(op->accept.message->env.sender, SENDER);
    op->accept.message->fwd.recipients[0].moves = moves;
    run(f, op);
    const Verdict v = op->accept.result.verdict;
    store_op_free(op);
    f->n_ids = n_ids;
    return v;
}

static bool is_on_trail(Fixture *f, const Uuid *id, const char *step) {
    char text[UUID_TEXT_SIZE];
    bool found = false;
    uuid_format(id, text);
    StoreOp *op = ask(f, "trace", text);
    const Table *t = op->query.table;
    for (uint32_t i = 0; i < table_rows(t); i++)
        for (uint32_t k = 0; k < t->n_columns; k++)
            found = found || strcmp(table_cell(t, i, k), step) == 0;
    store_op_free(op);
    return found;
}

TEST(what_waits_for_a_node_goes_to_its_new_home) {
    char text[200];
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    (void)deposit(&f, message_to(&f, HOME, 1));
    (void)deposit(&f, message_to(&f, "dsp/32", 2));
    ASSERT_EQ(move_all(&f), 0);
    move(&f, HOME, "upt/satria"); /* behind the hub */
    ASSERT_EQ(move_all(&f), 2);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsp/32"), 1);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 2);
    ASSERT_STR(recipients_of(&f, LANE_ROUTINE, 0, text), HOME);
    ASSERT_EQ(move_all(&f), 0);

    fixture_reopen(&f);
    const Uuid id = id_of(1);
    ASSERT_TRUE(is_on_trail(&f, &id, "moved"));
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
    const DeliveryRow row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    ASSERT_TRUE(row.expires_ms > f.now_ms);
    settle(&f, &row, QUEUE_LINK);
    told(&f, &id, HOME, LEVEL_COLLECTED, "hub");
    ASSERT_OUTCOMES(&f, &id, HOME " COLLECTED");
    assert_sound(&f);
}

TEST(what_comes_meanwhile_queues_up_behind) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    move(&f, HOME, "upt/satria");
    const DeliveryRow second = deposit(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(second.queue, queue_id(&f, QUEUE_MAILBOX, HOME, NULL));
    ASSERT_EQ(move_all(&f), 2);
    const DeliveryRow first = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    ASSERT_TRUE(first.seq < second.seq); /* in its order */
    const DeliveryRow third = deposit(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(third.queue, first.queue); /* nothing to wait for */
}

/* It is the neighbour's to say what became of it. */
TEST(what_a_neighbour_brought_goes_back_to_it) {
    char text[200];
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    ASSERT_STR(recipients_of(&f, LANE_ROUTINE, 0, text), HOME);
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", ""); /* no end of it is told here */
    const DeliveryRow row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    settle(&f, &row, QUEUE_LINK);
    assert_sound(&f);
}

/* It passed the change of the directory on its way, or came before it: not lost, and not
 * undeliverable. */
TEST(what_comes_although_it_should_go_back_waits_for_the_directory) {
    FIXTURE(f);
    for (unsigned i = 0; i < 2; i++) {
        Message *m = message_to(&f, REMOTE, 1);
        strcpy(m->env.sender, "dsp/33");
        m->env.receipts = RECEIPTS_WITH_DEPOSITED;
        StoreOp *op = link_op(m, "hub", REMOTE, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(op);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, REMOTE), 1);
        if (i == 0)
            ASSERT_EQ(move_all(&f), 1);
    }
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 1); /* nothing is said of its end, nor of a deposit */
    move(&f, REMOTE, SELF);
    ASSERT_EQ(move_all(&f), 0); /* that was right */
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, REMOTE), 1);
}

TEST(who_is_not_in_the_directory_is_undeliverable) {
    FIXTURE(f);
    Message *m = message_to(&f, "lks/3203/0009", 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", "lks/3203/0009", f.now_ms);
    run(&f, op);
    store_op_free(op);
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "UNDELIVERABLE lks/3203/0009");
}

TEST(what_tells_a_sender_of_its_messages_goes_with_it) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "COLLECTED " HOME);
    move(&f, SENDER, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "");
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "COLLECTED " HOME);
}

/* One row for all who are reached by a link. */
TEST(it_joins_who_waits_for_the_same_link) {
    char text[200];
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    store_op_free(publish(&f, m));
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 1);
    ASSERT_STR(recipients_of(&f, LANE_ROUTINE, 0, text), REMOTE " " HOME);
}

/* The first copy was handed over: the second is for who moved, and one end does not speak for the
 * other. */
TEST(it_follows_who_went_that_way_before) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    const DeliveryRow remote = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &remote, QUEUE_LINK);
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    const DeliveryRow row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_EXPIRE, CAUSE_EXPIRED_ON_LINK));
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, REMOTE " PENDING; " HOME " UNDELIVERABLE EXPIRED_ON_LINK");
}

/* The neighbour may have taken the row for the others: it is said again as it was, and who joined
 * comes with the next, so that both sides count the same. */
TEST(who_joins_what_may_have_been_taken_comes_with_the_next) {
    char text[200];
    FIXTURE(f);
    StoreOp *up = store_op_new(OP_LINK);
    strcpy(up->link.neighbour, "hub");
    up->link.up = true;
    run(&f, up);
    store_op_free(up);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    store_op_free(publish(&f, m));
    fixture_crash(&f);
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    DeliveryRow row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    ASSERT_TRUE(row.flags & DELIVERY_UNCERTAIN);
    ASSERT_STR(recipients_of(&f, LANE_ROUTINE, 0, text), REMOTE);
    ASSERT_STR(recipients_of(&f, LANE_ROUTINE, 0, text), REMOTE);
    settle(&f, &row, QUEUE_LINK);
    ASSERT_STR(recipients_of(&f, LANE_ROUTINE, 0, text), REMOTE " " HOME);
    row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    settle(&f, &row, QUEUE_LINK);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 0);
    assert_sound(&f);
}

TEST(an_order_to_recall_does_not_go_back_to_who_brought_it) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    store_op_free(op);
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    const DeliveryRow row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    m = recall(&f, &id);
    strcpy(m->env.sender, REMOTE);
    op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
}

TEST(what_was_warned_of_is_not_said_once_more) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_DELAY, CAUSE_NONE));
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    const DeliveryRow away = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    ASSERT_EQ(away.flags & (DELIVERY_WARNED_DELAY | DELIVERY_WARNED_EXPIRY), DELIVERY_WARNED_DELAY);
    settle(&f, &away, QUEUE_LINK);
    move(&f, HOME, SELF);
    ASSERT_EQ(comes_back(&f, 1, 2), VERDICT_DUPLICATE);
    const DeliveryRow back = row_of(&f, QUEUE_MAILBOX, HOME, LANE_ROUTINE);
    ASSERT_EQ(back.flags & (DELIVERY_WARNED_DELAY | DELIVERY_WARNED_EXPIRY),
              DELIVERY_WARNED_DELAY | DELIVERY_WARNED_EXPIRY);
}

TEST(what_ran_out_or_was_withdrawn_ends_where_it_is) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    (void)deposit(&f, message_to(&f, HOME, 2));
    const Uuid second = id_of(2);
    store_op_free(publish(&f, recall(&f, &second)));
    move(&f, HOME, "upt/satria");
    StoreOp *op = sweep(&f);
    ASSERT_EQ(op->sweep.n, 2);
    ASSERT_EQ(op->sweep.hits[0].action, ACTION_MOVE);
    ASSERT_EQ(op->sweep.hits[1].action, ACTION_RECALL);
    store_op_free(op);
    f.now_ms += 31 * DAY_MS;
    op = sweep(&f);
    ASSERT_EQ(op->sweep.hits[0].action, ACTION_EXPIRE);
    store_op_free(op);
}

/* Its end was told, so no other broker would take it. */
TEST(a_dead_letter_that_was_put_back_becomes_one_again) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    store_op_free(operate(&f, DEAD_REQUEUE, &id, "", ""));
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 0);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE DEAD_REJECTED");
    {
        _query_ q = QUERY(f.store, "SELECT cause FROM dead_letter");
        ASSERT_TRUE(db_row(f.store, q));
        ASSERT_EQ(col_int(q, 0), CAUSE_RECIPIENT_UNKNOWN); /* here, that is */
    }
    store_op_free(operate(&f, DEAD_REDIRECT, &id, HOME, "dsp/32"));
    assert_sound(&f);
}

TEST(what_was_given_more_time_keeps_it) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, "dsp/32", 1));
    const Uuid id = id_of(1);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    f.now_ms += 31 * DAY_MS;
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", HOME));
    const DeliveryRow other = row_of(&f, QUEUE_MAILBOX, HOME, LANE_ROUTINE);
    move(&f, HOME, "upt/satria");
    store_op_free(change(&f, &other, QUEUE_MAILBOX, ACTION_MOVE, CAUSE_NONE));
    ASSERT_TRUE(row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE).expires_ms > f.now_ms);
}

/* Or the link would say it again without having it. */
TEST(what_came_back_before_the_link_answered_is_kept_until_it_does) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    const DeliveryRow away = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    move(&f, HOME, SELF);
    ASSERT_EQ(comes_back(&f, 1, 2), VERDICT_DUPLICATE);
    const DeliveryRow here = row_of(&f, QUEUE_MAILBOX, HOME, LANE_ROUTINE);
    settle(&f, &here, QUEUE_MAILBOX);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, HOME " COLLECTED");
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    StoreOp *op = bodies(&f, &away, QUEUE_LINK);
    ASSERT_TRUE(!op->bodies.wanted[0].damaged);
    ASSERT_EQ(op->bodies.wanted[0].forward->n_recipients, 0);
    store_op_free(op);
    settle(&f, &away, QUEUE_LINK);
    f.now_ms += DAY_MS;
    idle(&f);
    op = bodies(&f, &away, QUEUE_LINK);
    ASSERT_TRUE(op->bodies.wanted[0].damaged); /* it is gone */
    store_op_free(op);
}

/* Two brokers whose directories differ would hand it to each other for ever. */
TEST(a_message_moves_so_often_and_no_more) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    for (uint8_t moves = 0; moves < RECIPIENT_MOVES_MAX; moves += 2) {
        move(&f, HOME, "upt/satria");
        ASSERT_EQ(move_all(&f), 1);
        const DeliveryRow row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
        StoreOp *op = bodies(&f, &row, QUEUE_LINK);
        ASSERT_EQ(op->bodies.wanted[0].forward->recipients[0].moves, moves + 1);
        store_op_free(op);
        settle(&f, &row, QUEUE_LINK);
        move(&f, HOME, SELF);
        ASSERT_EQ(comes_back(&f, 1, moves), VERDICT_DUPLICATE); /* what we had of it, once more */
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
        ASSERT_EQ(comes_back(&f, 1, moves + 2), VERDICT_DUPLICATE);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
    }
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 0);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
}

/* Whoever had it is not served again, whatever a neighbour says. */
TEST(what_has_ended_does_not_come_back) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    move(&f, HOME, "upt/satria");
    ASSERT_EQ(move_all(&f), 1);
    const DeliveryRow row = row_of(&f, QUEUE_LINK, "hub", LANE_ROUTINE);
    settle(&f, &row, QUEUE_LINK);
    const Uuid id = id_of(1);
    told(&f, &id, HOME, LEVEL_COLLECTED, "hub");
    move(&f, HOME, SELF);
    ASSERT_EQ(comes_back(&f, 1, 7), VERDICT_DUPLICATE);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
}

/* A damaged one stays until somebody looks after it. */
TEST(what_is_damaged_stays) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    f.store = store_close(f.store);
    tamper(&f, "UPDATE message SET facts = x'00'");
    fixture_open(&f);
    move(&f, HOME, "upt/satria");
    StoreOp *op = sweep(&f);
    ASSERT_EQ(op->sweep.n, 1);
    StoreOp *tried = change(&f, &op->sweep.hits[0].row, QUEUE_MAILBOX, ACTION_MOVE, CAUSE_NONE);
    ASSERT_TRUE(tried->delivery.found);
    ASSERT_EQ(tried->delivery.action, ACTION_PARK);
    store_op_free(tried);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "store-fixture.h"

static StoreOp *from_remote(Fixture *f, Message *m, const char *to) {
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", to, f->now_ms);
    run(f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    return op;
}

TEST(a_settled_delivery_has_one_outcome_and_a_receipt) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
    StoreOp *op = change(&f, &row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE);
    ASSERT_TRUE(op->delivery.found);
    ASSERT_EQ(op->n_deposits, 1); /* the receipt, with its body */
    ASSERT_EQ(op->deposits[0].row.lane, LANE_PRIORITY);
    assert_non_null(op->deposits[0].body);
    const DeliveryRow receipt = op->deposits[0].row;
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, HOME " COLLECTED");
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "COLLECTED " HOME);

    op = change(&f, &row, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE);
    ASSERT_TRUE(!op->delivery.found);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);

    settle(&f, &receipt, QUEUE_RECEIPTS); /* a receipt has no receipt */
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 0);
    assert_sound(&f);
}

TEST(receipts_for_a_remote_sender_go_back_over_the_link) {
    FIXTURE(f);
    StoreOp *op = from_remote(&f, message_to(&f, HOME, 1), HOME);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "COLLECTED " HOME);
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, REMOTE), 0);
}

TEST(a_sender_gets_only_the_receipts_it_asked_for) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    m->env.receipts = RECEIPTS_WITH_DEPOSITED;
    const DeliveryRow row = deposit(&f, m);
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "DEPOSITED " HOME);
    const Uuid id = id_of(1), second = id_of(2);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING");
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "DEPOSITED " HOME "; COLLECTED " HOME);

    m = message_to(&f, HOME, 2);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    StoreOp *op = publish(&f, m);
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &second, HOME " COLLECTED");
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 2);
}

TEST(a_parked_row_survives_a_reopen) {
    FIXTURE(f);
    DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    row.attempts = 3;
    row.due_ms = f.now_ms + MINUTE_MS;
    row.flags |= DELIVERY_HANDED;
    StoreOp *op = delivery_op(&row, QUEUE_MAILBOX, ACTION_PARK, CAUSE_NONE, "no form for this");
    run(&f, op);
    store_op_free(op);
    fixture_reopen(&f);
    StoreOp *rows = load(&f, row.queue, LANE_ROUTINE, 10);
    ASSERT_EQ(rows->load.n, 1);
    ASSERT_EQ(rows->load.rows[0].attempts, 3);
    ASSERT_EQ(rows->load.rows[0].due_ms, row.due_ms);
    ASSERT_EQ(rows->load.rows[0].flags, DELIVERY_HANDED);
    store_op_free(rows);
    assert_sound(&f);
}

TEST(an_expired_delivery_is_reported_once) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_EXPIRE, CAUSE_EXPIRED_IN_MAILBOX));
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE EXPIRED_IN_MAILBOX");
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "UNDELIVERABLE " HOME);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
    assert_sound(&f);
}

TEST(a_sweep_finds_what_time_asks_for) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    m->env.expires_ms = f.now_ms + 10 * HOUR_MS;
    const DeliveryRow row = deposit(&f, m);
    static const struct {
        int64_t after_ms;
        DeliveryAction action;
    } steps[] = { { HOUR_MS, 0 },     { 4 * HOUR_MS, ACTION_WARN_DELAY },
                  { 7 * HOUR_MS, 0 }, { 8 * HOUR_MS, ACTION_WARN_EXPIRY },
                  { 9 * HOUR_MS, 0 }, { 10 * HOUR_MS, ACTION_EXPIRE } };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        f.now_ms = SAMPLE_NOW + steps[i].after_ms;
        StoreOp *op = store_op_new(OP_SWEEP);
        op->sweep.limit = 100;
        run(&f, op);
        ASSERT_TRUE(op->sweep.end);
        ASSERT_EQ(op->sweep.n, steps[i].action != 0);
        if (op->sweep.n > 0) {
            ASSERT_EQ(op->sweep.hits[0].action, steps[i].action);
            ASSERT_EQ(op->sweep.hits[0].queue_kind, QUEUE_MAILBOX);
            store_op_free(change(&f, &op->sweep.hits[0].row, QUEUE_MAILBOX, steps[i].action,
                                 CAUSE_EXPIRED_IN_MAILBOX));
        }
        store_op_free(op);
    }
    ASSERT_EQ(row.expires_ms, SAMPLE_NOW + 10 * HOUR_MS);
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER,
                    "DELAYED " HOME "; EXPIRES_SOON " HOME "; UNDELIVERABLE " HOME);
    assert_sound(&f);
}

TEST(a_warning_is_said_once_however_often_it_is_asked_for) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    f.now_ms += 5 * HOUR_MS;
    for (int i = 0; i < 3; i++) /* two sweeps may meet the row before the first is answered */
        store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_DELAY, CAUSE_NONE));
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "DELAYED " HOME);
}

TEST(the_superior_of_who_does_not_collect_is_told) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const uint64_t before = queued(&f, QUEUE_MAILBOX, "dsp/32");
    f.now_ms += 5 * HOUR_MS;
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_EXPIRY, CAUSE_NONE));
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsp/32"), before);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_DELAY, CAUSE_NONE));
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsp/32"), before + 1);

    Message *m = message_to(&f, HOME, 2); /* of the superior itself: it has the receipt */
    strcpy(m->env.sender, "dsp/32");
    const DeliveryRow own = deposit(&f, m);
    f.now_ms += 5 * HOUR_MS;
    store_op_free(change(&f, &own, QUEUE_MAILBOX, ACTION_WARN_DELAY, CAUSE_NONE));
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsp/32"), before + 1);
}

/* The caller's copy of the row is older than what became of it meanwhile. */
TEST(what_was_marked_while_a_delivery_was_out_stays_marked) {
    FIXTURE(f);
    const DeliveryRow out = deposit(&f, message_to(&f, HOME, 1));
    char sql[64];
    f.store = store_close(f.store);
    snprintf(sql, sizeof(sql), "UPDATE delivery SET flags = %u", (unsigned)DELIVERY_RECALLED);
    tamper(&f, sql);
    fixture_open(&f);
    store_op_free(change(&f, &out, QUEUE_MAILBOX, ACTION_PARK, CAUSE_NONE));
    StoreOp *rows = load(&f, out.queue, out.lane, 10);
    ASSERT_EQ(rows->load.n, 1);
    ASSERT_TRUE(rows->load.rows[0].flags & DELIVERY_RECALLED);
    store_op_free(rows);
}

TEST(a_sweep_goes_on_where_it_stopped) {
    FIXTURE(f);
    for (uint8_t i = 1; i <= 5; i++)
        (void)deposit(&f, message_to(&f, HOME, i));
    f.now_ms += 31 * DAY_MS;
    StoreOp *op = store_op_new(OP_SWEEP);
    op->sweep.limit = 2;
    uint32_t n = 0, rounds = 0;
    do {
        run(&f, op);
        n += op->sweep.n;
        rounds++;
    } while (!op->sweep.end);
    ASSERT_EQ(n, 5);
    ASSERT_EQ(rounds, 3);
    ASSERT_EQ(op->sweep.queue, 0);
    store_op_free(op);
}

/* Dead by the 16th rejection; returns its row as it was. */
static DeliveryRow make_dead(Fixture *f, Message *m) {
    DeliveryRow row = deposit(f, m);
    row.attempts = 16;
    StoreOp *op = delivery_op(&row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED, "bad form");
    run(f, op);
    ASSERT_TRUE(op->delivery.found);
    store_op_free(op);
    return row;
}

TEST(a_dead_letter_is_told_and_can_be_requeued) {
    FIXTURE(f);
    const DeliveryRow row = make_dead(&f, message_to(&f, HOME, 1));
    const DeliveryRow later = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE DEAD_REJECTED");
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "UNDELIVERABLE " HOME);
    StoreOp *op = ask(&f, "dead-list", NULL);
    ASSERT_EQ(table_rows(op->query.table), 1);
    ASSERT_STR(table_cell(op->query.table, 0, 1), HOME);
    ASSERT_STR(table_cell(op->query.table, 0, 3), "DEAD_REJECTED");
    ASSERT_STR(table_cell(op->query.table, 0, 4), "bad form");
    store_op_free(op);
    assert_sound(&f);

    op = dead_op(DEAD_REQUEUE, &id, "", "");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.attempts, 0);
    store_op_free(op);
    assert_sound(&f);
    op = store_op_new(OP_NEXT);
    op->next_.queue = row.queue;
    op->next_.order_key = row.order_key;
    run(&f, op);
    ASSERT_EQ(op->next_.row.seq, row.seq); /* before the later message of its case */
    const DeliveryRow again = op->next_.row;
    store_op_free(op);

    settle(&f, &again, QUEUE_MAILBOX);
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE DEAD_REJECTED"); /* the first one wins */
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "UNDELIVERABLE " HOME "; COLLECTED_LATE " HOME);
    op = dead_op(DEAD_REQUEUE, &id, "", "");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 0);
    ASSERT_TRUE(op->dead.text[0] != '\0');
    store_op_free(op);
    settle(&f, &later, QUEUE_MAILBOX);
    assert_sound(&f);
}

TEST(a_dead_letter_that_expired_lives_on_when_it_is_requeued) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    m->env.expires_ms = f.now_ms + HOUR_MS;
    (void)make_dead(&f, m);
    const Uuid id = id_of(1);
    f.now_ms += 2 * HOUR_MS;
    StoreOp *op = dead_op(DEAD_REQUEUE, &id, "", "");
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.expires_ms, f.now_ms + f.config.accept.default_expiry_ms);
    store_op_free(op);
}

/* Or the neighbour would find it expired. */
TEST(a_dead_letter_that_expired_lives_on_beyond_a_link) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    m->env.expires_ms = f.now_ms + HOUR_MS;
    const DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    f.now_ms += 2 * HOUR_MS;
    StoreOp *op = operate(&f, DEAD_REQUEUE, &id, "", "");
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_LINK);
    ASSERT_EQ(read->bodies.wanted[0].forward->expires_ms,
              f.now_ms + f.config.accept.default_expiry_ms);
    store_op_free(read);
    store_op_free(op);
}

TEST(a_dead_letter_says_how_often_it_was_tried) {
    FIXTURE(f);
    (void)make_dead(&f, message_to(&f, HOME, 1));
    StoreOp *op = ask(&f, "dead-list", NULL);
    const Table *t = op->query.table;
    bool told = false;
    for (uint32_t c = 0; c < t->n_columns; c++)
        told |=
            strcmp(t->columns[c].name, "attempts") == 0 && strcmp(table_cell(t, 0, c), "16") == 0;
    ASSERT_TRUE(told);
    store_op_free(op);
}

TEST(a_copy_without_the_sealed_part_comes_back_without_it) {
    FIXTURE(f);
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, "dsp/32");
    strcpy(op->subscription.name, "all");
    op->subscription.filter = calloc(1, sizeof(Filter));
    run(&f, op);
    store_op_free(op);
    op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->n_deposits, 2);
    const DeliveryRow copy = op->deposits[1].row;
    store_op_free(op);
    ASSERT_TRUE(copy.flags & DELIVERY_FACTS_ONLY);
    store_op_free(change(&f, &copy, QUEUE_SUBSCRIPTION, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    op = dead_op(DEAD_REQUEUE, &id, "", "");
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_SUBSCRIPTION);
    assert_non_null(read->bodies.wanted[0].body);
    ASSERT_EQ(read->bodies.wanted[0].body->n_sealed, 0);
    store_op_free(read);
    store_op_free(op);
}

TEST(a_dead_letter_can_be_redirected_here_and_over_a_link) {
    FIXTURE(f);
    (void)make_dead(&f, message_to(&f, HOME, 1));
    (void)make_dead(&f, message_to(&f, HOME, 2));
    const Uuid id = id_of(1), second = id_of(2);
    StoreOp *op = dead_op(DEAD_REDIRECT, &id, "", "lks/0000/nobody");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 0);
    store_op_free(op);
    op = dead_op(DEAD_REDIRECT, &id, "", HOME);
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 0);
    ASSERT_TRUE(strstr(op->dead.text, "already") != NULL);
    store_op_free(op);
    op = dead_op(DEAD_REDIRECT, &id, "", "dsk/3204");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsk/3204"), 1);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE DEAD_REJECTED; dsk/3204 COLLECTED");

    op = dead_op(DEAD_REDIRECT, &second, "", REMOTE);
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_LINK);
    ASSERT_TRUE(!read->bodies.wanted[0].damaged);
    ASSERT_EQ(read->bodies.wanted[0].forward->n_recipients, 1);
    ASSERT_STR(read->bodies.wanted[0].forward->recipients[0].node, REMOTE);
    store_op_free(read);
    store_op_free(op);
    assert_sound(&f);
}

TEST(who_a_supervisors_letter_is_redirected_to_gets_facts_alone) {
    FIXTURE(f);
    Message *m = message_to(&f, "dsp/32", 1);
    const Uuid id = m->env.message_id;
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", "dsp/32", f.now_ms);
    m->fwd.recipients[0].role = ROLE_SUPERVISOR;
    run(&f, op);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    op = operate(&f, DEAD_REDIRECT, &id, "", "dsk/3204");
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    ASSERT_EQ(read->bodies.wanted[0].recipient.role, ROLE_SUPERVISOR);
    ASSERT_EQ(read->bodies.wanted[0].body->n_sealed, 0);
    store_op_free(read);
    store_op_free(op);
}

TEST(a_dead_letter_that_expired_lives_on_where_it_is_redirected) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    m->env.expires_ms = f.now_ms + HOUR_MS;
    (void)make_dead(&f, m);
    const Uuid id = id_of(1);
    f.now_ms += 2 * HOUR_MS;
    StoreOp *op = operate(&f, DEAD_REDIRECT, &id, "", "dsk/3204");
    ASSERT_EQ(op->deposits[0].row.expires_ms, f.now_ms + f.config.accept.default_expiry_ms);
    store_op_free(op);
}

TEST(a_copy_of_a_subscription_is_redirected_to_nobody) {
    FIXTURE(f);
    StoreOp *op = store_op_new(OP_SUBSCRIPTION);
    strcpy(op->subscription.owner, "dsp/32");
    strcpy(op->subscription.name, "all");
    op->subscription.filter = calloc(1, sizeof(Filter));
    run(&f, op);
    store_op_free(op);
    op = publish(&f, message_to(&f, HOME, 1));
    const DeliveryRow copy = op->deposits[1].row;
    store_op_free(op);
    store_op_free(change(&f, &copy, QUEUE_SUBSCRIPTION, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    const Uuid id = id_of(1);
    op = dead_op(DEAD_REDIRECT, &id, "dsp/32", "dsk/3204");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 0);
    ASSERT_EQ(op->n_deposits, 0);
    ASSERT_TRUE(op->dead.text[0] != '\0');
    store_op_free(op);
    assert_sound(&f);
}

TEST(a_discarded_dead_letter_keeps_its_outcome_and_the_reason) {
    FIXTURE(f);
    (void)make_dead(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    StoreOp *op = dead_op(DEAD_DISCARD, &id, "", "");
    run(&f, op);
    ASSERT_EQ(op->dead.n_done, 1);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE DEAD_REJECTED");
    op = ask(&f, "trace", text);
    bool seen = false;
    for (uint32_t i = 0; i < table_rows(op->query.table); i++)
        seen = seen || (strcmp(table_cell(op->query.table, i, 2), "discarded") == 0 &&
                        strcmp(table_cell(op->query.table, i, 4), "by hub: asked by phone") == 0);
    ASSERT_TRUE(seen);
    store_op_free(op);
    assert_sound(&f);
}

TEST(a_damaged_message_is_never_handed_out) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const DeliveryRow good = deposit(&f, message_to(&f, HOME, 2));
    f.store = store_close(f.store);
    tamper(&f, "UPDATE message SET facts = CAST('fabts' AS BLOB) WHERE seq = 1");
    fixture_open(&f);
    StoreOp *op = bodies(&f, &row, QUEUE_MAILBOX);
    ASSERT_TRUE(op->bodies.wanted[0].damaged);
    assert_null(op->bodies.wanted[0].body);
    store_op_free(op);
    op = bodies(&f, &good, QUEUE_MAILBOX);
    ASSERT_TRUE(!op->bodies.wanted[0].damaged);
    store_op_free(op);
    op = ask(&f, "check", NULL);
    ASSERT_EQ(op->query.table->code, 1);
    ASSERT_STR(table_cell(op->query.table, 0, 0), "damaged");
    store_op_free(op);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_CHECKSUM));
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "UNDELIVERABLE " HOME);
}

TEST(a_trace_tells_a_case_in_order_of_time) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 9));
    f.now_ms += 1000;
    (void)deposit(&f, message_to(&f, HOME, 9));
    f.now_ms += 1000;
    settle(&f, &row, QUEUE_MAILBOX);
    StoreOp *op = ask(&f, "trace", "09000000-0000-0000-0000-000000000000");
    static const char *const steps[] = { "accepted", "routed",    "accepted",
                                         "routed",   "COLLECTED", "waiting" };
    ASSERT_EQ(table_rows(op->query.table), ARRAY_SIZE(steps));
    for (uint32_t i = 0; i < ARRAY_SIZE(steps); i++)
        ASSERT_STR(table_cell(op->query.table, i, 2), steps[i]);
    store_op_free(op);
    op = ask(&f, "trace", "08000000-0000-0000-0000-000000000000");
    ASSERT_EQ(op->query.table->code, 1);
    store_op_free(op);
}

/* How often the trace of message 1 has the step. */
static uint32_t steps_of(Fixture *f, const char *step) {
    char text[UUID_TEXT_SIZE];
    uint32_t n = 0;
    const Uuid id = id_of(1);
    uuid_format(&id, text);
    StoreOp *op = ask(f, "trace", text);
    for (uint32_t i = 0; i < table_rows(op->query.table); i++)
        n += strcmp(table_cell(op->query.table, i, 2), step) == 0;
    store_op_free(op);
    return n;
}

TEST(a_trace_tells_that_a_delivery_was_given_up_and_came_late) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_WARN_DELAY, CAUSE_NONE));
    ASSERT_EQ(steps_of(&f, "DELAYED"), 1);
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    ASSERT_EQ(steps_of(&f, "dead"), 1);
    store_op_free(operate(&f, DEAD_REQUEUE, &id, "", ""));
    ASSERT_EQ(steps_of(&f, "collected late"), 0);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_EQ(steps_of(&f, "collected late"), 1);
}

TEST(a_trace_tells_that_a_neighbour_refused) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN));
    ASSERT_EQ(steps_of(&f, "unroutable"), 1);
}

TEST(a_trace_tells_what_was_heard_after_the_end) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 1));
    const Uuid id = id_of(1);
    settle(&f, &row, QUEUE_LINK);
    for (uint32_t i = 0; i < 2; i++) { /* the first one is the end, and no more than that */
        StoreOp *op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
        run(&f, op);
        store_op_free(op);
        ASSERT_EQ(steps_of(&f, "told"), i);
    }
}

TEST(outcomes_are_the_senders_business) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    StoreOp *op = store_op_new(OP_QUERY);
    strcpy(op->query.verb, "outcome");
    strcpy(op->query.authority, "dsk/3204");
    op->query.args[0] = strdup(text);
    op->query.n_args = 1;
    run(&f, op);
    ASSERT_EQ(op->query.table->code, 1);
    ASSERT_STR(op->query.table->text, "NOT_YOURS");
    ASSERT_EQ(table_rows(op->query.table), 0);
    store_op_free(op);
}

/* A wish to be asked later counts no attempt, and can be said without end. */
TEST(whoever_asks_again_and_again_to_be_asked_later_does_not_fill_the_trail) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    unsigned n = 0;
    for (unsigned i = 0; i < 40; i++) {
        StoreOp *op = delivery_op(&row, QUEUE_MAILBOX, ACTION_PARK, CAUSE_NONE, "retry asked");
        run(&f, op);
        ASSERT_TRUE(op->delivery.found);
        store_op_free(op);
    }
    const Uuid id = id_of(1);
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    StoreOp *trace = ask(&f, "trace", text);
    for (uint32_t i = 0; i < table_rows(trace->query.table); i++)
        n += strcmp(table_cell(trace->query.table, i, 2), "parked") == 0;
    ASSERT_EQ(n, 16);
    store_op_free(trace);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold after trouble: a crash, a full disk, a purge under a redirected message, and verbs
 * asked of a large store. */
#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"

static int64_t number(Fixture *f, const char *sql) {
    sqlite3_stmt *q = NULL;
    ASSERT_EQ(sqlite3_prepare_v2(f->store->db, sql, -1, &q, NULL), SQLITE_OK);
    ASSERT_EQ(sqlite3_step(q), SQLITE_ROW);
    const int64_t v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static void execute(Fixture *f, const char *sql) {
    ASSERT_EQ(sqlite3_exec(f->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* --- a crash -------------------------------------------------------------------------------- */

TEST(what_a_crash_left_in_the_log_is_copied_and_synced_before_anything_is_answered) {
    FIXTURE(f);
    char command[512];
    (void)deposit(&f, message_to(&f, HOME, 1));
    fixture_crash(&f);
    ASSERT_TRUE(store_health(f.store)->unclean);
    /* The database file alone, as it would be if the log was only in memory after a failed sync. */
    snprintf(command, sizeof(command), "cp %s %s/alone.db", f.path, f.folder);
    ASSERT_OK(system(command));
    Fixture alone = f;
    snprintf(alone.path, sizeof(alone.path), "%s/alone.db", f.folder);
    alone.config.path = alone.path;
    alone.store = NULL;
    fixture_open(&alone);
    ASSERT_EQ(queued(&alone, QUEUE_MAILBOX, HOME), 1);
    alone.store = store_close(alone.store);
}

/* --- a redirected dead letter and brokers that purged the message --------------------------- */

static StoreOp *from_hub(Fixture *f, const char *to) {
    StoreOp *op = link_op(message_to(f, to, 1), "hub", to, f->now_ms);
    strcpy(op->accept.message->env.sender, REMOTE);
    run(f, op);
    return op;
}

TEST(a_purged_message_that_comes_for_another_recipient_is_taken_again) {
    FIXTURE(f);
    StoreOp *op = from_hub(&f, HOME);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(op);
    f.now_ms += 40 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE kind <> 90"), 0);

    /* The same copy again is a duplicate: its recipient has it. */
    f.n_ids = 0;
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);

    /* Redirected to another node here: it must arrive there, and only there. */
    f.n_ids = 0;
    m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    op = link_op(m, "hub", HOME, f.now_ms);
    op->accept.message->fwd.n_recipients = 2;
    op->accept.message->fwd.recipients[1] = (Recipient) { .role = ROLE_ADDRESSEE };
    strcpy(op->accept.message->fwd.recipients[1].node, "dsk/3204");
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.queue, queue_id(&f, QUEUE_MAILBOX, "dsk/3204", NULL));
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(op);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, "dsk/3204 COLLECTED; " HOME " COLLECTED");
    assert_sound(&f);

    /* Both remembered as long as the id is. */
    f.now_ms += 190 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dedup"), 0);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM outcome"), 0);
}

TEST(a_recipient_that_joins_a_copy_on_its_way_gets_a_copy_of_its_own) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 2);
    ASSERT_TRUE(op->deposits[0].forward != NULL); /* the link row can go out as it is */
    ASSERT_EQ(op->deposits[0].forward->n_recipients, 1);
    const DeliveryRow link = op->deposits[0].row, local = op->deposits[1].row;
    store_op_free(op);
    store_op_free(change(&f, &local, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));

    const Uuid id = id_of(1);
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", "upt/satria"));
    op = change(&f, &link, QUEUE_LINK, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow again = op->deposits[0].row;
    store_op_free(op);
    op = bodies(&f, &again, QUEUE_LINK);
    ASSERT_EQ(op->bodies.wanted[0].forward->n_recipients, 2);
    store_op_free(op);
    op = change(&f, &again, QUEUE_LINK, ACTION_DONE, CAUSE_NONE); /* that was the last time */
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 0);
    assert_sound(&f);
}

/* An operator has the dead letter of message 1 go out once more: its new row. */
static DeliveryRow goes_again(Fixture *f, const char *recipient, const char *target) {
    const Uuid id = id_of(1);
    StoreOp *op =
        operate(f, target[0] != '\0' ? DEAD_REDIRECT : DEAD_REQUEUE, &id, recipient, target);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    return row;
}

/* Who was in the copy that went has no part in the second one, whatever becomes of that. */
TEST(a_copy_for_who_joined_says_nothing_of_who_had_the_first) {
    FIXTURE(f);
    const Uuid id = id_of(1);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    const DeliveryRow link = op->deposits[0].row, local = op->deposits[1].row;
    store_op_free(op);
    store_op_free(change(&f, &local, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    /* joins what is out for REMOTE */
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", "upt/satria"));
    op = change(&f, &link, QUEUE_LINK, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1);
    DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    ASSERT_OUTCOMES(&f, &id,
                    REMOTE " PENDING; " HOME " UNDELIVERABLE DEAD_REJECTED; "
                           "upt/satria UNDELIVERABLE DEAD_REJECTED");
    row = goes_again(&f, "upt/satria", ""); /* and so with the next */
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN));
    ASSERT_OUTCOMES(&f, &id,
                    REMOTE " PENDING; " HOME " UNDELIVERABLE DEAD_REJECTED; "
                           "upt/satria UNDELIVERABLE DEAD_REJECTED");
    assert_sound(&f);
}

/* The message of a sender elsewhere, for a supervisor here. */
static StoreOp *bring_copy(Fixture *f, const char *to) {
    f->n_ids = 0;
    Message *m = message_to(f, to, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "upt/satria", to, f->now_ms);
    m->fwd.recipients[0].role = ROLE_SUPERVISOR;
    run(f, op);
    return op;
}

TEST(a_supervisor_that_joins_a_copy_on_its_way_gets_facts_alone) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    StoreOp *op = bring_copy(&f, HOME);
    const DeliveryRow row = op->deposits[0].row;
    ASSERT_TRUE(row.flags & DELIVERY_FACTS_ONLY);
    store_op_free(op);
    store_op_free(bring_copy(&f, "dsk/3204"));
    op = change(&f, &row, QUEUE_LINK, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1);
    StoreOp *read = bodies(&f, &op->deposits[0].row, QUEUE_LINK);
    ASSERT_EQ(read->bodies.wanted[0].body->n_sealed, 0);
    store_op_free(read);
    store_op_free(op);
}

TEST(who_joined_a_copy_on_its_way_is_not_forgotten_by_a_restart) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    const DeliveryRow link = op->deposits[0].row, local = op->deposits[1].row;
    const Uuid id = id_of(1);
    store_op_free(op);
    store_op_free(change(&f, &local, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", "upt/satria"));
    fixture_reopen(&f);
    op = change(&f, &link, QUEUE_LINK, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    assert_sound(&f);
}

/* It joined before the copy was read for sending, and is in it: nothing more is owed. */
TEST(who_is_in_the_copy_that_was_sent_gets_no_second_one) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    const DeliveryRow link = op->deposits[0].row, local = op->deposits[1].row;
    const Uuid id = id_of(1);
    store_op_free(op);
    store_op_free(change(&f, &local, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    store_op_free(operate(&f, DEAD_REDIRECT, &id, "", "upt/satria"));
    op = load(&f, link.queue, link.lane, 1);
    const DeliveryRow row = op->load.rows[0]; /* as a broker has it that looked just now */
    store_op_free(op);
    ASSERT_TRUE(row.flags & DELIVERY_JOINED);
    op = bodies(&f, &row, QUEUE_LINK);
    ASSERT_EQ(op->bodies.wanted[0].forward->n_recipients, 2);
    store_op_free(op);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_PARK, CAUSE_NONE));
    op = change(&f, &row, QUEUE_LINK, ACTION_DONE, CAUSE_NONE);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    assert_sound(&f);
}

/* One recipient behind the link had its copy, another one is redirected behind it afterwards; what
 * becomes of the second copy is as the test says. */
static DeliveryRow second_copy(Fixture *f) {
    Message *m = message_to(f, REMOTE, 1);
    also_to(m, HOME);
    StoreOp *op = publish(f, m);
    const DeliveryRow link = op->deposits[0].row, local = op->deposits[1].row;
    store_op_free(op);
    settle(f, &link, QUEUE_LINK);
    store_op_free(change(f, &local, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    return goes_again(f, "", "upt/satria");
}

TEST(a_second_copy_that_fails_says_nothing_of_who_had_the_first) {
    FIXTURE(f);
    const Uuid id = id_of(1);
    const DeliveryRow row = second_copy(&f);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN));
    ASSERT_OUTCOMES(&f, &id,
                    REMOTE " PENDING; " HOME " UNDELIVERABLE DEAD_REJECTED; "
                           "upt/satria UNDELIVERABLE RECIPIENT_UNKNOWN");
    assert_sound(&f);
}

TEST(a_dead_letter_of_a_second_copy_goes_again_for_itself) {
    FIXTURE(f);
    DeliveryRow row = second_copy(&f);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dead_letter WHERE recipient = 'upt/satria'"), 1);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dead_letter WHERE recipient = '" REMOTE "'"), 0);
    row = goes_again(&f, "upt/satria", "");
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dead_letter WHERE recipient = 'upt/satria'"), 1);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dead_letter WHERE recipient = '" REMOTE "'"), 0);
    assert_sound(&f);
}

TEST(of_two_dead_letters_that_go_again_one_after_the_other_each_goes_for_itself) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "upt/satria");
    DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    row = goes_again(&f, REMOTE, "");
    settle(&f, &row, QUEUE_LINK);
    row = goes_again(&f, "upt/satria", "");
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dead_letter WHERE recipient = 'upt/satria'"), 1);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM dead_letter WHERE recipient = '" REMOTE "'"), 0);
    assert_sound(&f);
}

TEST(the_answer_to_a_late_duplicate_still_tells_the_outcome) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &row, QUEUE_MAILBOX);
    f.now_ms += 40 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message WHERE kind <> 90"), 0);
    f.n_ids = 0;
    StoreOp *op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->accept.result.n_outcomes, 1);
    ASSERT_EQ(op->accept.result.outcomes[0].level, LEVEL_COLLECTED);
    ASSERT_EQ(op->accept.result.accepted_ms, SAMPLE_NOW);
    store_op_free(op);
}

/* --- senders that want to hear of failures only --------------------------------------------- */

TEST(a_quiet_sender_is_not_told_but_its_broker_is) {
    FIXTURE(f);
    /* Here is the recipient's home: the sender's broker, beyond the link, must learn the end. */
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(op);
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "COLLECTED " HOME);

    /* Here is the sender's home: the end is recorded and goes no further. */
    m = message_to(&f, REMOTE, 2);
    m->env.receipts = RECEIPTS_FAILURES_ONLY;
    const DeliveryRow row = deposit(&f, m);
    const Uuid id = id_of(f.n_ids);
    settle(&f, &row, QUEUE_LINK);
    for (int i = 0; i < 2; i++) {
        m = message_to(&f, SENDER, 0);
        m->env.kind = KIND_RECEIPT;
        m->lane = LANE_PRIORITY;
        strcpy(m->env.sender, "upt/satria");
        m->facts.receipt.message_id = id;
        strcpy(m->facts.receipt.recipient, REMOTE);
        m->facts.receipt.level = i == 0 ? LEVEL_DELAYED : LEVEL_COLLECTED;
        m->facts.receipt.said_ms = f.now_ms;
        strcpy(m->facts.receipt.leg, "upt/satria");
        op = link_op(m, "hub", SENDER, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        ASSERT_EQ(op->n_deposits, i == 0);
        store_op_free(op);
    }
    ASSERT_OUTCOMES(&f, &id, REMOTE " COLLECTED");
    assert_sound(&f);
}

/* --- verbs asked of a large store ----------------------------------------------------------- */

TEST(a_check_is_done_in_pieces_whatever_is_asked) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    execute(
        &f,
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO message SELECT i, randomblob(16), 90, lane, sender, order_key, 0, "
        "zeroblob(0), region, accepted_at, expires_at, flags, origin, stamps, route, "
        "0, '', zeroblob(0), zeroblob(0), zeroblob(0), zeroblob(0) FROM message, n WHERE seq = 1");
    StoreOp *op = store_op_new(OP_QUERY);
    strcpy(op->query.verb, "check");
    op->query.limit = UINT32_MAX;
    run(&f, op);
    ASSERT_TRUE(op->query.table->more);
    store_op_free(op);
}

TEST(a_trace_ends_somewhere) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(1);
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    ASSERT_EQ(row.seq, 1);
    execute(&f, "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
                "INSERT INTO trail SELECT 1, i, 0, 'told', 'x', 'y' FROM n");
    StoreOp *op = ask(&f, "trace", text);
    ASSERT_TRUE(op->query.table->more);
    ASSERT_TRUE(table_rows(op->query.table) <= 5000);
    store_op_free(op);
}

TEST(queues_with_many_dead_letters_are_counted_in_one_pass) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    (void)deposit(&f, message_to(&f, "dsk/3204", 2));
    StoreOp *op = ask(&f, "queues", NULL);
    ASSERT_EQ(table_rows(op->query.table), 3); /* and the sender's receipts */
    for (uint32_t i = 0; i < 3; i++) {
        const bool here = strcmp(table_cell(op->query.table, i, 1), HOME) == 0;
        ASSERT_STR(table_cell(op->query.table, i, 10), here ? "1" : "0");
    }
    store_op_free(op);
}

TEST_MAIN

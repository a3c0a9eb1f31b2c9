/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "store-fixture.h"
#include "store/internal.h"

TEST(an_accepted_message_is_deposited_with_its_body) {
    FIXTURE(f);
    StoreOp *op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->accept.result.n_recipients, 1);
    ASSERT_STR(op->accept.result.recipients[0].node, HOME);
    ASSERT_EQ(op->n_deposits, 1);
    ASSERT_EQ(op->deposits[0].row.seq, 1);
    assert_non_null(op->deposits[0].body);
    ASSERT_EQ(op->deposits[0].row.queue, queue_id(&f, QUEUE_MAILBOX, HOME, NULL));
    store_op_free(op);
    assert_sound(&f);
}

TEST(a_reopened_store_has_everything) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    const Uuid id = id_of(f.n_ids);
    fixture_reopen(&f);
    ASSERT_TRUE(!store_health(f.store)->unclean);
    StoreOp *rows = load(&f, queue_id(&f, QUEUE_MAILBOX, HOME, NULL), LANE_ROUTINE, 10);
    ASSERT_EQ(rows->load.n, 1);
    ASSERT_TRUE(rows->load.end);
    ASSERT_EQ(rows->load.rows[0].seq, row.seq);
    ASSERT_EQ(rows->load.rows[0].order_key, row.order_key);
    ASSERT_EQ(rows->load.rows[0].expires_ms, row.expires_ms);
    ASSERT_EQ(rows->load.rows[0].size, row.size);
    StoreOp *op = bodies(&f, &row, QUEUE_MAILBOX);
    const struct BodyWanted *w = &op->bodies.wanted[0];
    ASSERT_TRUE(!w->damaged);
    ASSERT_TRUE(bytes_equal(body_envelope(w->body), bytes_make("envelope 1", 10)));
    ASSERT_TRUE(bytes_equal(body_sealed(w->body), bytes_make("sealed", 6)));
    ASSERT_TRUE(uuid_equal(&w->message_id, &id));
    ASSERT_STR(w->recipient.node, HOME);
    ASSERT_EQ(w->recipient.role, ROLE_ADDRESSEE);
    ASSERT_EQ(w->n_stamps, 1);
    ASSERT_STR(w->stamps[0].broker, SELF);
    store_op_free(op);
    store_op_free(rows);
    Directory *d = store_directory(f.store);
    assert_non_null(directory_node(d, HOME));
    ASSERT_EQ(directory_version(d), 1);
    directory_unref(d);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
}

TEST(the_same_bytes_again_are_answered_from_the_store) {
    FIXTURE(f);
    const DeliveryRow row = deposit(&f, message_to(&f, HOME, 1));
    settle(&f, &row, QUEUE_MAILBOX);
    f.n_ids = 0;
    StoreOp *op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->n_deposits, 0);
    ASSERT_EQ(op->accept.result.n_recipients, 1);
    ASSERT_EQ(op->accept.result.n_outcomes, 1);
    ASSERT_EQ(op->accept.result.outcomes[0].level, LEVEL_COLLECTED);
    ASSERT_EQ(op->accept.result.outcomes[0].said_ms, SAMPLE_NOW);
    ASSERT_STR(op->accept.result.outcomes[0].leg, SELF);
    ASSERT_EQ(op->accept.result.accepted_ms, SAMPLE_NOW);
    store_op_free(op);
}

TEST(a_region_that_was_renamed_is_kept_as_that_of_today) {
    FIXTURE(f);
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_regions = 2;
    op->import.regions = calloc(2, sizeof(DirRegion));
    op->import.regions[0] = (DirRegion) { .code = "3299", .alias_of = "3203" };
    op->import.regions[1] = (DirRegion) { .code = "3203", .name = "Cianjur" };
    run(&f, op);
    ASSERT_STR(op->import.text, "");
    store_op_free(op);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.region, "3299");
    (void)deposit(&f, m);
    _query_ q = QUERY(f.store, "SELECT region FROM message");
    ASSERT_TRUE(db_row(f.store, q));
    ASSERT_STR(col_text(q, 0), "3203");
}

TEST(other_bytes_under_the_same_id_are_a_conflict) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    f.n_ids = 0;
    Message *m = message_to(&f, HOME, 1);
    give_body(m, "envelope 1", "other facts", "sealed");
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
    ASSERT_STR(op->accept.result.reasons->list[0].code, "CONFLICT");
    ASSERT_EQ(op->accept.result.n_outcomes, 0);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
}

TEST(another_node_learns_nothing_from_a_known_id) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    f.n_ids = 0;
    StoreOp *op = accept_op(message_to(&f, HOME, 1));
    strcpy(op->accept.authority, "dsk/3204");
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
    ASSERT_EQ(op->accept.result.n_recipients, 0);
    store_op_free(op);
}

TEST(a_refused_message_leaves_nothing) {
    FIXTURE(f);
    StoreOp *op = accept_op(message_to(&f, "lks/0000/nobody", 1));
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_REFUSED);
    ASSERT_TRUE(op->accept.result.reasons->n_refusals > 0);
    store_op_free(op);
    ASSERT_EQ(store_health(f.store)->messages, 0);
    f.n_ids = 0;
    (void)deposit(&f, message_to(&f, HOME, 1)); /* the id is free */
}

TEST(rows_come_in_order_of_acceptance_and_a_higher_lane_lifts_its_case) {
    FIXTURE(f);
    const DeliveryRow first = deposit(&f, message_to(&f, HOME, 1));
    const DeliveryRow other = deposit(&f, message_to(&f, HOME, 2));
    Message *m = message_to(&f, HOME, 1);
    m->lane = LANE_EMERGENCY;
    StoreOp *op = publish(&f, m);
    ASSERT_TRUE(op->deposits[0].lifted);
    ASSERT_EQ(op->deposits[0].row.lane, LANE_EMERGENCY);
    store_op_free(op);

    /* A later ROUTINE message of the case follows in the lifted lane. */
    op = publish(&f, message_to(&f, HOME, 1));
    ASSERT_TRUE(!op->deposits[0].lifted);
    ASSERT_EQ(op->deposits[0].row.lane, LANE_EMERGENCY);
    store_op_free(op);

    StoreOp *rows = load(&f, first.queue, LANE_EMERGENCY, 2);
    ASSERT_EQ(rows->load.n, 2);
    ASSERT_TRUE(!rows->load.end);
    ASSERT_EQ(rows->load.rows[0].seq, 1);
    ASSERT_EQ(rows->load.rows[1].seq, 3);
    store_op_free(rows);
    rows = load(&f, first.queue, LANE_ROUTINE, 10);
    ASSERT_EQ(rows->load.n, 1);
    ASSERT_EQ(rows->load.rows[0].seq, other.seq);
    store_op_free(rows);

    op = store_op_new(OP_NEXT);
    op->next_.queue = first.queue;
    op->next_.order_key = first.order_key;
    run(&f, op);
    ASSERT_TRUE(op->next_.found);
    ASSERT_EQ(op->next_.row.seq, 1);
    store_op_free(op);

    settle(&f, &first, QUEUE_MAILBOX); /* named by the lane it had before it was lifted */
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 3);
    assert_sound(&f);
}

TEST(one_row_per_link_however_many_recipients) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "min/rehsos");
    also_to(m, HOME);
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 2);
    ASSERT_EQ(op->accept.result.n_recipients, 3);
    const DeliveryRow link = op->deposits[0].row;
    ASSERT_EQ(link.queue, queue_id(&f, QUEUE_LINK, "hub", NULL));
    store_op_free(op);
    op = bodies(&f, &link, QUEUE_LINK);
    const Forward *fwd = op->bodies.wanted[0].forward;
    ASSERT_EQ(fwd->n_recipients, 2);
    ASSERT_STR(fwd->recipients[0].node, REMOTE);
    ASSERT_STR(fwd->recipients[1].node, "min/rehsos");
    ASSERT_EQ(fwd->n_stamps, 1);
    ASSERT_EQ(fwd->accepted_ms, SAMPLE_NOW);
    ASSERT_TRUE(fwd->expires_ms > SAMPLE_NOW);
    ASSERT_EQ(op->bodies.wanted[0].body->n_sealed, 6);
    store_op_free(op);
}

TEST(a_supervisor_gets_facts_only_and_late) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    m->lane = LANE_PRIORITY;
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    m->fwd.n_recipients = 2;
    strcpy(m->fwd.recipients[1].node, "dsp/32");
    m->fwd.recipients[1].role = ROLE_SUPERVISOR;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 2);
    const Deposit *d = &op->deposits[1];
    ASSERT_EQ(d->row.lane, LANE_ROUTINE);
    ASSERT_TRUE(d->row.flags & DELIVERY_FACTS_ONLY);
    ASSERT_EQ(d->body->n_sealed, 0);
    ASSERT_EQ(op->deposits[0].body->n_sealed, 6);
    StoreOp *read = bodies(&f, &d->row, QUEUE_MAILBOX);
    ASSERT_EQ(read->bodies.wanted[0].body->n_sealed, 0);
    ASSERT_EQ(read->bodies.wanted[0].recipient.role, ROLE_SUPERVISOR);
    ASSERT_EQ(read->bodies.wanted[0].n_stamps, 2);
    store_op_free(read);
    store_op_free(op);
}

TEST(a_sealed_part_that_is_not_the_senders_takes_no_place) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1), *late = message_to(&f, HOME, 1);
    late->env = m->env;
    give_body(m, "same", "facts", "");
    give_body(late, "same", "facts", "garbage");
    late->env.has_sealed_digest = true;
    hash_digest(bytes_make("secret", 6), late->env.sealed_digest);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    op = link_op(late, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
    late = TAKE_PTR(op->accept.message);
    store_op_free(op);
    give_body(late, "same", "facts", "secret"); /* the true one still can come */
    op = link_op(late, "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    store_op_free(op);
}

TEST(an_event_reaches_every_local_node_in_scope_and_one_copy_each_link) {
    FIXTURE(f);
    Message *m = sample_event(SENDER, "");
    m->env.message_id = id_of(++f.n_ids);
    give_body(m, "event", "facts", "");
    strcpy(m->env.audience.scope[0], "32");
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    const QueueId link = queue_id(&f, QUEUE_LINK, "hub", NULL);
    uint32_t n_link = 0;
    DeliveryRow row = { 0 };
    for (uint32_t i = 0; i < op->n_deposits; i++) {
        ASSERT_EQ(op->deposits[i].row.lane, LANE_EVENT);
        if (op->deposits[i].row.queue == link) {
            n_link++;
            row = op->deposits[i].row;
        }
    }
    ASSERT_EQ(n_link, 1);
    ASSERT_EQ(op->n_deposits - n_link, 5); /* itself, dsp/32, dsk/3204, pks/..., uptd/32/pa-02 */
    ASSERT_EQ(op->accept.result.n_recipients, 5);
    store_op_free(op);
    op = bodies(&f, &row, QUEUE_LINK);
    ASSERT_TRUE(op->bodies.wanted[0].forward->scope);
    ASSERT_EQ(op->bodies.wanted[0].forward->n_recipients, 0);
    store_op_free(op);
    assert_sound(&f);
}

TEST(an_unroutable_recipient_from_a_link_is_answered) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", "lks/0000/nobody", f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, "lks/0000/nobody UNDELIVERABLE RECIPIENT_UNKNOWN");
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "UNDELIVERABLE lks/0000/nobody");
}

TEST(a_message_that_comes_expired_is_answered_and_not_delivered) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    m->fwd.expires_ms = f.now_ms;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    const Uuid id = id_of(1);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 0);
    ASSERT_OUTCOMES(&f, &id, HOME " UNDELIVERABLE EXPIRED_ON_LINK");
    ASSERT_RECEIPTS(&f, QUEUE_LINK, "hub", "UNDELIVERABLE " HOME);
}

TEST(nothing_comes_expired_while_the_clock_is_doubted) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    m->fwd.expires_ms = f.now_ms;
    m->env.created_ms -= 10 * 365 * DAY_MS; /* as it looks after a leap */
    op->accept.clock_doubted = true;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 0);
}

/* It is in a mailbox when its home says so, and not when it waits for a line. */
TEST(nothing_is_said_to_be_deposited_that_waits_for_a_link) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, HOME);
    m->env.receipts = RECEIPTS_WITH_DEPOSITED;
    store_op_free(publish(&f, m));
    ASSERT_RECEIPTS(&f, QUEUE_RECEIPTS, SENDER, "DEPOSITED " HOME);
}

TEST(an_event_does_not_go_back_where_it_came_from) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    Message *m = sample_event(REMOTE, "33");
    m->env.message_id = id_of(1);
    strcpy(m->env.sender, REMOTE);
    give_body(m, "event", "facts", "");
    StoreOp *op = link_op(m, "upt/satria", "", f.now_ms);
    m->fwd.scope = true;
    m->fwd.n_recipients = 0;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "upt/satria"), 0);
}

TEST(a_link_may_add_recipients_to_a_known_message) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
    run(&f, op);
    store_op_free(op);
    f.n_ids = 0;
    m = message_to(&f, HOME, 1);
    strcpy(m->env.sender, REMOTE);
    op = link_op(m, "hub", "dsk/3204", f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsk/3204"), 1);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);

    op = link_op(message_to(&f, HOME, 1), "hub", "dsk/3204", f.now_ms);
    op->accept.message->env.message_id = id_of(1);
    give_body(op->accept.message, "envelope 1", "facts", "sealed");
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->n_deposits, 0);
    store_op_free(op);
    const Uuid id = id_of(1);
    ASSERT_OUTCOMES(&f, &id, HOME " PENDING; dsk/3204 PENDING");
    assert_sound(&f);
}

TEST(a_whole_copy_completes_a_supervision_copy) {
    FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    const char *digests = "facts";
    give_body(m, "envelope 1", digests, "sealed");
    uint8_t sealed[DIGEST_SIZE];
    memcpy(sealed, m->env.sealed_digest, sizeof(sealed));
    give_body(m, "envelope 1", digests, "");
    memcpy(m->env.sealed_digest, sealed, sizeof(sealed));
    StoreOp *op = link_op(m, "hub", "dsp/32", f.now_ms);
    m->fwd.recipients[0].role = ROLE_SUPERVISOR;
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);

    f.n_ids = 0;
    op = link_op(message_to(&f, HOME, 1), "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_DUPLICATE);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow row = op->deposits[0].row;
    ASSERT_TRUE(!(row.flags & DELIVERY_FACTS_ONLY));
    store_op_free(op);
    op = bodies(&f, &row, QUEUE_MAILBOX);
    ASSERT_TRUE(!op->bodies.wanted[0].damaged);
    ASSERT_EQ(op->bodies.wanted[0].body->n_sealed, 6);
    store_op_free(op);
}

/* Without its sealed part too: taken for the same, it would be lost. */
TEST(a_copy_with_another_envelope_or_other_facts_is_a_conflict) {
    static const char *const parts[][2] = { { "envelope 1", "other facts" },
                                            { "another envelope", "facts" } };
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        f.n_ids = 0;
        Message *m = message_to(&f, HOME, 1);
        give_body(m, parts[i][0], parts[i][1], "");
        StoreOp *op = link_op(m, "hub", HOME, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
        store_op_free(op);
    }
}

/* Forms of a message are for brokers; who publishes says what he means. */
TEST(a_publisher_that_leaves_the_sealed_part_out_has_another_message) {
    FIXTURE(f);
    (void)deposit(&f, message_to(&f, HOME, 1));
    f.n_ids = 0;
    Message *m = message_to(&f, HOME, 1);
    give_body(m, "envelope 1", "facts", "");
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_CONFLICT);
    store_op_free(op);
}

TEST(sequence_numbers_are_not_used_again) {
    FIXTURE(f);
    ASSERT_EQ(deposit(&f, message_to(&f, HOME, 1)).seq, 1);
    fixture_reopen(&f);
    ASSERT_EQ(deposit(&f, message_to(&f, HOME, 1)).seq, 2);
}

/* It says no more than what else is in the row; beside others it is stored with them. */
TEST(the_stamp_of_this_broker_alone_takes_no_room_and_is_there) {
    FIXTURE(f);
    const DeliveryRow own = deposit(&f, message_to(&f, HOME, 1));
    StoreOp *op = link_op(message_to(&f, HOME, 2), "hub", HOME, f.now_ms);
    strcpy(op->accept.message->env.sender, REMOTE);
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    const DeliveryRow linked = op->deposits[0].row;
    store_op_free(op);
    fixture_reopen(&f);
    ASSERT_EQ(
        db_number(f.store, QUERY(f.store, "SELECT length(stamps) FROM message WHERE seq = 1"), -1),
        0);
    op = bodies(&f, &own, QUEUE_MAILBOX);
    ASSERT_TRUE(!op->bodies.wanted[0].damaged);
    ASSERT_EQ(op->bodies.wanted[0].n_stamps, 1);
    ASSERT_STR(op->bodies.wanted[0].stamps[0].broker, SELF);
    ASSERT_EQ(op->bodies.wanted[0].stamps[0].at_ms, f.now_ms);
    store_op_free(op);
    op = bodies(&f, &linked, QUEUE_MAILBOX);
    ASSERT_EQ(op->bodies.wanted[0].n_stamps, 2);
    ASSERT_STR(op->bodies.wanted[0].stamps[0].broker, "hub");
    ASSERT_STR(op->bodies.wanted[0].stamps[1].broker, SELF);
    store_op_free(op);
}

TEST_MAIN

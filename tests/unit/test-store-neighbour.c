/* SPDX-License-Identifier: Apache-2.0 */

/* What one neighbour may leave waiting here: what its link brought, and what it says itself. */

#include "test.h"

#include "quota-fixture.h"
#include "store/internal.h"
#include "store/receipts.h"
#include "store/trace.h"

static Verdict brings(Fixture *f, Message *m, const char *neighbour, const char *to) {
    StoreOp *op = link_op(m, neighbour, to, f->now_ms);
    run(f, op);
    const PublishResult *r = &op->accept.result;
    const Verdict v = r->verdict;
    if (v == VERDICT_LATER) {
        ASSERT_STR(r->reasons->list[0].code, "NEIGHBOUR_FULL");
        ASSERT_EQ(r->retry_after_ms, 5 * SECOND_MS);
    }
    store_op_free(op);
    assert_sound(f);
    return v;
}

static void with_neighbour_quota(Fixture *f, const char *self) {
    fixture_init_as(f, self);
    f->config.neighbour_quota = QUOTA;
    fixture_reopen(f);
}

/* Its key may be a thief's: the disk is there for the others, too. */
TEST(what_one_neighbour_brought_is_bounded) {
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, "hub");
    for (unsigned i = 0; i < QUOTA; i++) /* for a mailbox, and for another link */
        ASSERT_EQ(brings(&f, plain(&f), SELF, i % 2 ? "min/rehsos" : REMOTE), VERDICT_ACCEPTED);
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_LATER);
    ASSERT_EQ(brings(&f, plain(&f), "upt/satria", "min/rehsos"), VERDICT_ACCEPTED);
    fixture_reopen(&f);
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_LATER);
    fixture_crash(&f);
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_LATER);
    for (unsigned i = 0; i < QUOTA; i++)
        ASSERT_EQ(brings(&f, urgent(&f, LANE_EMERGENCY), SELF, "min/rehsos"), VERDICT_ACCEPTED);
    ASSERT_EQ(brings(&f, urgent(&f, LANE_EVENT), SELF, "min/rehsos"), VERDICT_LATER);
}

TEST(what_a_neighbour_brought_makes_room_when_it_goes) {
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, "hub");
    DeliveryRow row;
    for (unsigned i = 0; i < QUOTA; i++) {
        StoreOp *op = link_op(plain(&f), SELF, REMOTE, f.now_ms);
        run(&f, op);
        row = op->deposits[0].row;
        store_op_free(op);
    }
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_LATER);
    settle(&f, &row, QUEUE_LINK);
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_LATER);
}

static Verdict brings_back(Fixture *f, uint32_t number, const char *to) {
    const uint32_t n_ids = f->n_ids;
    f->n_ids = number - 1;
    Message *m = plain(f);
    f->n_ids = n_ids;
    StoreOp *op = link_op(m, SELF, to, f->now_ms);
    m->fwd.recipients[0].moves = 1;
    run(f, op);
    const Verdict v = op->accept.result.verdict;
    store_op_free(op);
    return v;
}

/* Or both could stand still, each full of what waits for the other. */
TEST(what_a_neighbour_gives_back_is_not_bounded) {
    for (unsigned purged = 0; purged < 2; purged++) {
        _cleanup_(fixture_deinit) Fixture f;
        with_neighbour_quota(&f, "hub");
        f.config.retention_ms = HOUR_MS;
        fixture_reopen(&f);
        StoreOp *op = link_op(plain(&f), "upt/satria", HOME, f.now_ms);
        run(&f, op);
        settle(&f, &op->deposits[0].row, QUEUE_LINK); /* to upt/phala-martha */
        store_op_free(op);
        f.now_ms += purged * 2 * HOUR_MS;
        idle(&f);
        for (unsigned i = 0; i < QUOTA; i++)
            ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
        ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_LATER);
        put_node(&f, HOME, false, "hub");
        ASSERT_EQ(brings_back(&f, 1, "min/rehsos"), VERDICT_LATER);
        ASSERT_EQ(brings_back(&f, 1, HOME), purged ? VERDICT_ACCEPTED : VERDICT_DUPLICATE);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
        assert_sound(&f);
    }
}

/* About something that is not known here (any more): it goes to its reader all the same. */
static Verdict speaks(Fixture *f) {
    const Uuid about = id_of(90000);
    StoreOp *op = receipt_op(f, &about, REMOTE, LEVEL_DELAYED, "hub");
    run(f, op);
    const Verdict v = op->accept.result.verdict;
    if (v == VERDICT_LATER)
        ASSERT_STR(op->accept.result.reasons->list[0].code, "NEIGHBOUR_FULL");
    store_op_free(op);
    return v;
}

/* It needs no message that somebody signed, so its key would do to fill the disk. */
TEST(what_a_neighbour_says_is_bounded_beside_what_it_brings) {
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, SELF);
    for (unsigned i = 0; i < 10 * QUOTA; i++)
        ASSERT_EQ(speaks(&f), VERDICT_ACCEPTED);
    ASSERT_EQ(speaks(&f), VERDICT_LATER);
    assert_sound(&f);
    fixture_reopen(&f);
    ASSERT_EQ(speaks(&f), VERDICT_LATER);
    fixture_crash(&f);
    ASSERT_EQ(speaks(&f), VERDICT_LATER);
    ASSERT_EQ(brings(&f, plain(&f), "hub", HOME), VERDICT_ACCEPTED);
    Message *m = recall(&f, &(Uuid) { { 1 } });
    ASSERT_EQ(brings(&f, m, "hub", HOME), VERDICT_LATER);
    (void)hand_over(&f, message_to(&f, REMOTE, 0)); /* what is said here is not meant */
    StoreOp *rows = load(&f, queue_id(&f, QUEUE_RECEIPTS, SENDER, NULL), LANE_PRIORITY, 1);
    settle(&f, &rows->load.rows[0], QUEUE_RECEIPTS);
    store_op_free(rows);
    ASSERT_EQ(speaks(&f), VERDICT_ACCEPTED);
    ASSERT_EQ(speaks(&f), VERDICT_LATER);
    assert_sound(&f);
}

/* Else one message, brought again and again for others, would fill all there is. */
TEST(what_is_known_counts_too_when_a_neighbour_brings_it_for_others) {
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, "hub");
    StoreOp *op = link_op(plain(&f), SELF, REMOTE, f.now_ms);
    run(&f, op);
    const DeliveryRow row = op->deposits[0].row;
    store_op_free(op);
    for (unsigned i = 1; i < QUOTA; i++)
        ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
    f.n_ids--; /* the same once more */
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_DUPLICATE);
    f.n_ids--;
    ASSERT_EQ(brings(&f, plain(&f), SELF, "min/rehsos"), VERDICT_LATER);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "min/rehsos"), 0);
    settle(&f, &row, QUEUE_LINK);
    f.n_ids--;
    ASSERT_EQ(brings(&f, plain(&f), SELF, "min/rehsos"), VERDICT_DUPLICATE);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "min/rehsos"), 1);
}

/* Or the link would stand still for what it only asks again about. */
TEST(a_repetition_for_nobody_new_passes_a_full_neighbour) {
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, "hub");
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
    const unsigned first = f.n_ids;
    for (unsigned i = 0; i < QUOTA; i++) /* above the bound of those that are not urgent */
        ASSERT_EQ(brings(&f, urgent(&f, LANE_EMERGENCY), SELF, REMOTE), VERDICT_ACCEPTED);
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_LATER);
    f.n_ids = first - 1;
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_DUPLICATE);
}

TEST(what_was_purged_counts_too_when_a_neighbour_brings_it_for_others) {
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, "hub");
    StoreOp *op = link_op(plain(&f), SELF, REMOTE, f.now_ms);
    run(&f, op);
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    const unsigned first = f.n_ids;
    f.now_ms += 31 * DAY_MS;
    idle(&f);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message"), 0);
    for (unsigned i = 0; i < QUOTA; i++)
        ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
    f.n_ids = first - 1;
    ASSERT_EQ(brings(&f, plain(&f), SELF, "min/rehsos"), VERDICT_LATER);
    f.config.neighbour_quota = 0;
    fixture_reopen(&f);
    f.n_ids = first - 1;
    ASSERT_EQ(brings(&f, plain(&f), SELF, "min/rehsos"), VERDICT_ACCEPTED);
}

/* After a crash the rows of a large store are not counted: what is much is in the table. */
TEST(much_of_a_neighbour_is_in_the_table_while_the_store_runs) {
    static const char waiting[] = "SELECT waiting FROM sender_load WHERE sender = '" SELF "'";
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, "hub");
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
    ASSERT_EQ(number(&f, waiting), -1);
    for (unsigned i = 1; i < QUOTA / 4; i++)
        ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
    ASSERT_EQ(number(&f, waiting), QUOTA / 4);
    f.config.neighbour_quota = 0;
    f.config.neighbour_bytes = 4 * size_of_one(&f);
    fixture_crash(&f);
    ASSERT_EQ(brings(&f, plain(&f), SELF, REMOTE), VERDICT_ACCEPTED);
    ASSERT_EQ(number(&f, waiting), QUOTA / 4 + 1);
}

/* They end what waits: without them it would never be less. */
TEST(receipts_and_orders_of_a_full_neighbour_pass) {
    _cleanup_(fixture_deinit) Fixture f;
    with_neighbour_quota(&f, SELF);
    for (unsigned i = 0; i < QUOTA; i++)
        ASSERT_EQ(brings(&f, plain(&f), "hub", HOME), VERDICT_ACCEPTED);
    ASSERT_EQ(brings(&f, plain(&f), "hub", HOME), VERDICT_LATER);
    (void)hand_over(&f, message_to(&f, REMOTE, 0));
    const Uuid away = id_of(f.n_ids), one = id_of(1);
    told(&f, &away, REMOTE, LEVEL_COLLECTED, "hub");
    Message *m = recall(&f, &one);
    ASSERT_EQ(brings(&f, m, "hub", HOME), VERDICT_ACCEPTED);
}

/* It is looked through when the message is recalled or put off, and told to whoever asks. */
TEST(what_a_neighbour_says_of_a_message_does_not_make_its_trail_longer_without_end) {
    FIXTURE(f);
    (void)publish(&f, message_to(&f, REMOTE, 1));
    const Uuid id = id_of(f.n_ids);
    for (unsigned i = 0; i < TRAIL_HEARD_MAX + 50; i++) {
        char who[NODE_NAME_SIZE];
        snprintf(who, sizeof(who), "dsk/%u", 1000 + i);
        StoreOp *op = receipt_op(&f, &id, who, LEVEL_COLLECTED, "hub");
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(op);
    }
    ASSERT_EQ(db_number(f.store, QUERY(f.store, "SELECT count(*) FROM trail"), 0), TRAIL_HEARD_MAX);
    StoreOp *op = receipt_op(&f, &id, REMOTE, LEVEL_COLLECTED, "hub"); /* which is believed */
    run(&f, op);
    ASSERT_EQ(outcome_level(f.store, 1, REMOTE), LEVEL_COLLECTED);
    store_op_free(op);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* What counts against the quota of a sender, and what does not. */

#include "test.h"

#include "no-room.h"
#include "quota-fixture.h"

#define OTHER "dsp/32"

static void with_quota(Fixture *f) {
    f->config.sender_quota = QUOTA;
    f->config.dead_quota = QUOTA;
    fixture_reopen(f);
}

static Verdict said(Fixture *f, Message *m) {
    StoreOp *op = accept_op(m);
    run(f, op);
    const Verdict v = op->accept.result.verdict;
    if (v == VERDICT_LATER)
        ASSERT_STR(op->accept.result.reasons->list[0].code, "SENDER_FULL");
    store_op_free(op);
    return v;
}

static Message *wrap_in(Fixture *f, Lane lane, const char *sender) {
    Message *m = message_to(f, HOME, (uint8_t)(f->n_ids % 200));
    m->env.kind = KIND_SEAL_WRAP;
    m->lane = lane;
    strcpy(m->env.sender, sender);
    m->env.has_sealed_digest = false;
    give_body(m, "envelope of a wrap", "facts", "");
    return m;
}

/* They have no receipts, and one is a letter to another node all the same: without a bound it is
 * the way around all of them. */
TEST(a_sender_has_no_more_wraps_waiting_than_its_quota) {
    static const Lane lanes[] = { LANE_ROUTINE, LANE_EMERGENCY, LANE_EVENT };
    for (size_t k = 0; k < ARRAY_SIZE(lanes); k++) {
        FIXTURE(f);
        with_quota(&f);
        for (unsigned i = 0; i < QUOTA; i++)
            ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], SENDER)), VERDICT_ACCEPTED);
        ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], SENDER)), VERDICT_LATER);
        ASSERT_EQ(said(&f, message_to(&f, HOME, 250)), VERDICT_LATER); /* one account for both */
        ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], "dsp/32")), VERDICT_ACCEPTED);
        fixture_reopen(&f);
        ASSERT_EQ(said(&f, wrap_in(&f, lanes[k], SENDER)), VERDICT_LATER);
        ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), QUOTA + 1);
        assert_sound(&f);
    }
}

TEST(a_wrap_that_was_collected_does_not_count_any_more) {
    FIXTURE(f);
    with_quota(&f);
    for (unsigned i = 0; i < 4 * QUOTA; i++) {
        const DeliveryRow row = deposit(&f, wrap_in(&f, LANE_ROUTINE, SENDER));
        settle(&f, &row, QUEUE_MAILBOX);
        Message *m = wrap_in(&f, LANE_ROUTINE, SENDER); /* and nobody tells of those beyond */
        strcpy(m->env.audience.nodes[0], REMOTE);
        const DeliveryRow away = deposit(&f, m);
        settle(&f, &away, QUEUE_LINK);
    }
    for (unsigned i = 0; i < QUOTA; i++)
        ASSERT_EQ(said(&f, wrap_in(&f, LANE_ROUTINE, SENDER)), VERDICT_ACCEPTED);
    ASSERT_EQ(said(&f, wrap_in(&f, LANE_ROUTINE, SENDER)), VERDICT_LATER);
}

/* Each of its messages makes one: else they would be the way to fill the store. */
TEST(who_never_reads_its_receipts_is_put_off) {
    FIXTURE(f);
    with_quota(&f);
    for (unsigned i = 0; i < 10 * QUOTA; i++) {
        const DeliveryRow row = deposit(&f, message_to(&f, HOME, 0));
        settle(&f, &row, QUEUE_MAILBOX);
    }
    ASSERT_EQ(queued(&f, QUEUE_RECEIPTS, SENDER), 10 * QUOTA);
    ASSERT_EQ(said(&f, message_to(&f, HOME, 0)), VERDICT_LATER);
    Message *urgent = message_to(&f, HOME, 0);
    urgent->lane = LANE_EMERGENCY;
    ASSERT_EQ(said(&f, urgent), VERDICT_ACCEPTED);
}

/* A recipient that joined on a link gets a copy of its own when the first one is handed over. */
TEST(a_copy_that_is_made_again_for_who_joined_counts_too) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 1);
    also_to(m, "min/rehsos");
    const Uuid id = m->env.message_id;
    const DeliveryRow row = deposit(&f, m);
    store_op_free(change(&f, &row, QUEUE_LINK, ACTION_DEAD, CAUSE_DEAD_CRASHED));
    StoreOp *op = operate(&f, DEAD_REQUEUE, &id, "", "");
    ASSERT_EQ(op->dead.n_done, 2);
    store_op_free(op);
    settle(&f, &row, QUEUE_LINK);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 1);
    assert_sound(&f);
}

/* --- bytes ---------------------------------------------------------------------------------- */

#define COPIES 6U /* so many of one size may wait */

static void with_bytes(Fixture *f) {
    f->config.sender_bytes = COPIES * size_of_one(f);
    fixture_reopen(f);
}

/* Accepted until it is full; how many that were. */
static unsigned fill(Fixture *f, Lane lane) {
    unsigned n = 0;
    while (n < 100 && said(f, urgent(f, lane)) == VERDICT_ACCEPTED)
        n++;
    assert_sound(f);
    return n;
}

static DeliveryRow first_waiting(Fixture *f, Lane lane) {
    StoreOp *op = load(f, queue_id(f, QUEUE_MAILBOX, HOME, NULL), lane, 1);
    ASSERT_EQ(op->load.n, 1);
    const DeliveryRow row = op->load.rows[0];
    store_op_free(op);
    return row;
}

TEST(the_bytes_of_a_sender_are_bounded_and_known_after_a_start) {
    FIXTURE(f);
    with_bytes(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES);
    Message *other = plain(&f);
    strcpy(other->env.sender, "dsp/32");
    ASSERT_EQ(said(&f, other), VERDICT_ACCEPTED);
    fixture_reopen(&f);
    assert_sound(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
    fixture_crash(&f);
    assert_sound(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
}

/* Below the share that is in the table while the store runs. */
TEST(no_start_forgets_a_small_account) {
    FIXTURE(f);
    with_bytes(&f);
    ASSERT_EQ(said(&f, plain(&f)), VERDICT_ACCEPTED);
    for (int i = 0; i < 3; i++) {
        fixture_crash(&f);
        assert_sound(&f);
        fixture_reopen(&f);
        assert_sound(&f);
    }
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES - 1);
}

TEST(each_end_of_a_delivery_gives_its_bytes_back) {
    static const struct {
        DeliveryAction action;
        ReceiptCause cause;
    } ends[] = { { ACTION_DONE, CAUSE_NONE },
                 { ACTION_EXPIRE, CAUSE_EXPIRED_IN_MAILBOX },
                 { ACTION_RECALL, CAUSE_RECALLED_BY_SENDER },
                 { ACTION_UNROUTABLE, CAUSE_RECIPIENT_UNKNOWN },
                 { ACTION_DEAD, CAUSE_DEAD_REJECTED } };
    FIXTURE(f);
    with_bytes(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        const DeliveryRow row = first_waiting(&f, LANE_ROUTINE);
        store_op_free(change(&f, &row, QUEUE_MAILBOX, ends[i].action, ends[i].cause));
        assert_sound(&f);
        ASSERT_EQ(fill(&f, LANE_ROUTINE), 1);
    }
}

TEST(what_an_operator_sends_again_is_charged_again) {
    FIXTURE(f);
    with_bytes(&f);
    for (int verb = DEAD_REQUEUE; verb <= DEAD_REDIRECT; verb++) {
        Message *m = plain(&f);
        const Uuid id = m->env.message_id;
        const DeliveryRow row = deposit(&f, m);
        store_op_free(change(&f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
        assert_sound(&f);
        store_op_free(operate(&f, verb, &id, "", verb == DEAD_REDIRECT ? SENDER : ""));
        assert_sound(&f);
    }
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES - 2);
}

/* Of two readers in turns, for one may leave half as many. */
static void die(Fixture *f, unsigned i) {
    Message *m = message_to(f, i % 2 == 0 ? HOME : OTHER, 0);
    const DeliveryRow row = deposit(f, m);
    store_op_free(change(f, &row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
}

TEST(the_bytes_of_dead_letters_are_bounded_too) {
    FIXTURE(f);
    with_bytes(&f);
    for (unsigned i = 0; i < COPIES; i++)
        die(&f, i);
    fixture_reopen(&f);
    StoreOp *op = publish(&f, plain(&f));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_LATER);
    ASSERT_STR(op->accept.result.reasons->list[0].code, "DEAD_LETTERS");
    store_op_free(op);
    ASSERT_EQ(said(&f, urgent(&f, LANE_EMERGENCY)), VERDICT_ACCEPTED);
}

static void expect_put_off(Fixture *f, const char *code, uint32_t retry_ms) {
    StoreOp *op = publish(f, plain(f));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_LATER);
    ASSERT_STR(op->accept.result.reasons->list[0].code, code);
    ASSERT_EQ(op->accept.result.retry_after_ms, retry_ms);
    store_op_free(op);
}

TEST(dead_letters_count_at_once_and_while_nothing_waits) {
    for (int bytes = 0; bytes < 2; bytes++) {
        FIXTURE(f);
        (bytes ? with_bytes : with_quota)(&f);
        for (unsigned i = 0; i < (bytes ? COPIES : QUOTA); i++)
            die(&f, i);
        expect_put_off(&f, "DEAD_LETTERS", 600000);
    }
}

/* And who has nothing here may say one thing, for however many it is. */
TEST(what_makes_room_is_taken_of_who_has_none) {
    FIXTURE(f);
    f.config.sender_quota = 2;
    fixture_reopen(&f);
    die(&f, 0); /* so that there is an account */
    Message *m = plain(&f);
    const Uuid id = m->env.message_id;
    also_to(m, "dsk/3204");
    also_to(m, "dsp/32");
    ASSERT_EQ(said(&f, m), VERDICT_ACCEPTED);
    expect_put_off(&f, "SENDER_FULL", 60000);
    StoreOp *op = publish(&f, recall(&f, &id));
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
}

/* One sender's emergencies must leave room for those of others. */
TEST(emergencies_and_events_end_at_twice_the_quota) {
    static const Lane lanes[] = { LANE_EVENT, LANE_EMERGENCY };
    for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
        FIXTURE(f);
        with_bytes(&f);
        ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES);
        ASSERT_EQ(fill(&f, lanes[i]), COPIES);
        fixture_reopen(&f);
        ASSERT_EQ(fill(&f, lanes[i]), 0);
        const DeliveryRow row = first_waiting(&f, lanes[i]);
        settle(&f, &row, QUEUE_MAILBOX);
        ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
        ASSERT_EQ(fill(&f, lanes[i]), 1);
    }
    FIXTURE(f);
    with_quota(&f);
    ASSERT_EQ(fill(&f, LANE_EMERGENCY), 2 * QUOTA);
}

/* Else who floods it puts off the emergencies of all others. */
TEST(a_full_mailbox_takes_emergencies) {
    FIXTURE(f);
    f.config.mailbox_quota = 2;
    fixture_reopen(&f);
    for (int i = 0; i < 2; i++)
        ASSERT_EQ(said(&f, plain(&f)), VERDICT_ACCEPTED);
    StoreOp *op = publish(&f, plain(&f));
    ASSERT_STR(op->accept.result.reasons->list[0].code, "MAILBOX_FULL");
    store_op_free(op);
    for (int i = 0; i < 20; i++)
        ASSERT_EQ(said(&f, urgent(&f, LANE_EMERGENCY)), VERDICT_ACCEPTED);
}

/* And not taken for one that is here already. */
TEST(what_was_put_off_is_accepted_when_it_comes_again) {
    FIXTURE(f);
    f.config.mailbox_quota = 1;
    fixture_reopen(&f);
    const DeliveryRow row = deposit(&f, plain(&f));
    for (int i = 0; i < 2; i++) {
        StoreOp *op = publish(&f, plain(&f));
        ASSERT_EQ(op->accept.result.verdict, VERDICT_LATER);
        store_op_free(op);
        f.n_ids--;
    }
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_EQ(said(&f, plain(&f)), VERDICT_ACCEPTED);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, HOME), 1);
}

/* --- beyond a link -------------------------------------------------------------------------- */

/* Else one key fills the disks of all brokers but its own. */
TEST(what_a_link_took_over_counts_until_its_outcome_is_known) {
    static const int ends[] = { LEVEL_COLLECTED, LEVEL_RECALLED, LEVEL_UNDELIVERABLE };
    FIXTURE(f);
    with_bytes(&f);
    for (unsigned i = 0; i < COPIES; i++)
        (void)hand_over(&f, message_to(&f, REMOTE, 0));
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
    fixture_reopen(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
    fixture_crash(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        const Uuid id = id_of(101 + i);
        told(&f, &id, REMOTE, LEVEL_DELAYED, "hub"); /* no end */
        told(&f, &id, HOME, ends[i], "hub");         /* nor is this one believed */
        ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
        told(&f, &id, REMOTE, ends[i], "hub");
        told(&f, &id, REMOTE, LEVEL_COLLECTED_LATE, "hub");
        ASSERT_EQ(fill(&f, LANE_ROUTINE), 1);
    }
}

TEST(each_recipient_beyond_a_link_counts) {
    FIXTURE(f);
    f.config.sender_quota = QUOTA;
    fixture_reopen(&f);
    for (unsigned i = 0; i < QUOTA / 2; i++) {
        Message *m = message_to(&f, REMOTE, 0);
        also_to(m, "min/rehsos");
        (void)hand_over(&f, m);
    }
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
    const Uuid id = id_of(1);
    told(&f, &id, "min/rehsos", LEVEL_COLLECTED, "hub");
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 1);
}

TEST(what_one_link_took_over_counts_for_those_behind_it_alone) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    Message *m = message_to(&f, HOME, 0);
    also_to(m, REMOTE);
    strcpy(m->env.sender, "min/rehsos");
    (void)hand_over(&f, m);
}

/* The link was cut before it could say that it has it. */
TEST(an_outcome_that_comes_before_the_handing_over_ends_it) {
    FIXTURE(f);
    with_bytes(&f);
    const DeliveryRow row = deposit(&f, message_to(&f, REMOTE, 0));
    const Uuid id = id_of(f.n_ids);
    told(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES - 1); /* it is a row still */
    settle(&f, &row, QUEUE_LINK);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 1);
}

TEST(what_a_neighbour_hands_back_counts_once) {
    FIXTURE(f);
    with_bytes(&f);
    Message *m = message_to(&f, REMOTE, 0);
    (void)hand_over(&f, m);
    put_node(&f, REMOTE, false, SELF); /* it moved */
    f.n_ids--;
    StoreOp *op = link_op(message_to(&f, REMOTE, 0), "hub", REMOTE, f.now_ms);
    op->accept.message->fwd.recipients[0].moves = 1;
    run(&f, op);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, REMOTE), 1);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES - 1);
}

static void redirect(Fixture *f, const DeliveryRow *row, const char *to) {
    const Uuid id = id_of(f->n_ids);
    store_op_free(change(f, row, QUEUE_MAILBOX, ACTION_DEAD, CAUSE_DEAD_REJECTED));
    store_op_free(operate(f, DEAD_REDIRECT, &id, "", to));
    assert_sound(f);
}

/* Three recipients behind one link, each with a copy of its own. */
TEST(who_had_an_earlier_copy_counts_once) {
    FIXTURE(f);
    Message *m = message_to(&f, REMOTE, 0);
    also_to(m, HOME);
    also_to(m, "dsp/32");
    StoreOp *op = publish(&f, m);
    const DeliveryRow first = op->deposits[0].row, home = op->deposits[1].row,
                      dsp = op->deposits[2].row;
    store_op_free(op);
    settle(&f, &first, QUEUE_LINK);
    redirect(&f, &home, "min/rehsos"); /* a second row */
    redirect(&f, &dsp, "upt/satria");  /* joins that one, which is on its way */
    settle(&f, &first, QUEUE_LINK);
    assert_sound(&f);
    settle(&f, &first, QUEUE_LINK);
    assert_sound(&f);
    const Uuid id = id_of(f.n_ids);
    told(&f, &id, REMOTE, LEVEL_COLLECTED, "hub");
}

/* Nobody here knows how many they are, nor will hear of each: a scope has a pace. */
TEST(whom_a_scope_has_beyond_a_link_does_not_count) {
    FIXTURE(f);
    with_quota(&f);
    Message *m = sample_event(SENDER, "33");
    m->env.message_id = id_of(++f.n_ids);
    give_body(m, "event", "facts", "");
    (void)hand_over(&f, m);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), QUOTA);
}

/* Its neighbour never told, and it is past its time by a month. */
TEST(what_is_purged_without_an_outcome_counts_no_more) {
    FIXTURE(f);
    with_bytes(&f);
    for (unsigned i = 0; i < COPIES; i++)
        (void)hand_over(&f, message_to(&f, REMOTE, 0));
    f.now_ms += 29 * DAY_MS;
    idle(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), 0);
    f.now_ms += 70 * DAY_MS;
    idle(&f);
    assert_sound(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES);
}

TEST(what_is_purged_counts_no_more_though_the_next_batch_is_taken_back) {
    FIXTURE(f);
    with_bytes(&f);
    for (unsigned i = 0; i < COPIES; i++)
        (void)hand_over(&f, message_to(&f, REMOTE, 0));
    f.now_ms += 99 * DAY_MS;
    idle(&f);
    StoreOp *small = accept_op(plain(&f)), *big = accept_op(plain(&f));
    strcpy(small->accept.message->env.sender, OTHER);
    fail_together(&f, small, big);
    store_op_free(big);
    store_op_free(small);
    f.now_ms += HOUR_MS; /* intake is closed for a while */
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES);
}

/* The row that it took away is there again with the rest. */
TEST(an_account_that_is_taken_back_keeps_no_row_of_its_own_behind) {
    FIXTURE(f);
    with_quota(&f);
    const DeliveryRow one = deposit(&f, plain(&f)), two = deposit(&f, plain(&f));
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM sender_load"), 1);
    StoreOp *small = delivery_op(&one, QUEUE_MAILBOX, ACTION_DONE, CAUSE_NONE, "");
    StoreOp *big = accept_op(message_to(&f, HOME, 3));
    strcpy(big->accept.message->env.sender, OTHER);
    strcpy(big->accept.authority, OTHER);
    fail_together(&f, small, big);
    store_op_free(big);
    store_op_free(small);
    f.now_ms += HOUR_MS;
    settle(&f, &two, QUEUE_MAILBOX);
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM sender_load"), 0);
    assert_sound(&f);
}

/* What comes over a link is charged where it was published. */
TEST(a_link_is_not_charged) {
    FIXTURE(f);
    with_bytes(&f);
    for (unsigned i = 0; i < 3 * COPIES; i++) {
        StoreOp *op = link_op(plain(&f), "hub", HOME, f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(op);
    }
    assert_sound(&f);
    ASSERT_EQ(fill(&f, LANE_ROUTINE), COPIES); /* nor held back for what was published here */
    StoreOp *op = link_op(plain(&f), "hub", HOME, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
}

/* Nor when it is passed on. */
TEST(a_link_is_not_charged_on_the_way) {
    _cleanup_(fixture_deinit) Fixture f;
    fixture_init_as(&f, "hub");
    StoreOp *op = link_op(message_to(&f, REMOTE, 0), SELF, REMOTE, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 1);
    settle(&f, &op->deposits[0].row, QUEUE_LINK);
    store_op_free(op);
    ASSERT_EQ(queued(&f, QUEUE_LINK, "upt/satria"), 0);
    assert_sound(&f);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* What the broker does with what the store finds: deliveries that expire, are late or recalled, and
 * timers whose time has come. */

#include "test.h"

#include "broker-fixture.h"
#include "broker/due.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/sweep.h"
#include "law/timers.h"
#include "store/internal.h"

static LogRecord told;
static unsigned n_told;

static void on_log(void *data, const LogRecord *r) {
    io_log(data, r);
    told = *r;
    n_told++;
}

/* Drops what the broker asks of the store; the newest of that kind goes to *ret. Returns how many
 * there were. */
static unsigned asked(World *w, OpKind kind, StoreOp *ret) {
    unsigned n = 0;
    for (StoreOp *op = broker_take_batch(w->broker), *next; op; op = next) {
        next = op->next;
        op->next = NULL;
        if (op->kind == kind) {
            *ret = *op;
            n++;
        }
        store_op_free(op);
    }
    return n;
}

/* --- the sweep -------------------------------------------------------------------------------- */

/* A mailbox with one delivery, which is out when somebody reads it. */
static Entry *one_waits(World *w, bool out) {
    hello(w, 1, "dsk/3202", 1);
    hello(w, 2, "dsk/3201", 2);
    subscribe(w, 2, "dsk/3201", 1, SOURCE_MAILBOX, out ? 5 : 1);
    if (!out)
        publish(w, 1, "dsk/3202", "dsk/3201", 9); /* takes the credit */
    publish(w, 1, "dsk/3202", "dsk/3201", 1);
    run(w);
    for (Feed *q = w->broker->feeds; q; q = q->hh.next)
        for (Entry *e = q->window.by_key; q->kind == QUEUE_MAILBOX && e; e = e->hh.next)
            if ((e->state == ENTRY_OUT) == out)
                return e;
    fail_msg("no delivery waits");
    return NULL;
}

static void found(World *w, const DeliveryRow *row, QueueKind kind, DeliveryAction action,
                  bool end) {
    StoreOp *op = store_op_new(OP_SWEEP);
    op->sweep.hits = calloc(1, sizeof(*op->sweep.hits));
    if (row) {
        op->sweep.hits[0].row = *row;
        op->sweep.hits[0].queue_kind = kind;
        op->sweep.hits[0].action = action;
        op->sweep.n = 1;
    }
    op->sweep.queue = 3;
    op->sweep.lane = LANE_ROUTINE;
    op->sweep.seq = 77;
    op->sweep.end = end;
    ASSERT_OK(sweep_done(w->broker, w->now, op));
    store_op_free(op);
}

TEST(a_sweep_goes_on_where_it_was_and_begins_again_in_a_while) {
    WORLD(w, "upt/r1");
    StoreOp op;
    run(&w);
    w.now.mono_ms += w.config.sweep_ms;
    ASSERT_OK(sweep_tick(w.broker, w.now));
    ASSERT_EQ(asked(&w, OP_SWEEP, &op), 1);
    ASSERT_EQ(op.sweep.seq, 0);
    w.now.mono_ms += 2 * w.config.sweep_ms; /* one at a time */
    ASSERT_OK(sweep_tick(w.broker, w.now));
    ASSERT_EQ(asked(&w, OP_SWEEP, &op), 0);
    found(&w, NULL, 0, 0, false);
    ASSERT_EQ(asked(&w, OP_SWEEP, &op), 1);
    ASSERT_TRUE(op.sweep.queue == 3 && op.sweep.lane == LANE_ROUTINE && op.sweep.seq == 77);
    ASSERT_EQ(op.sweep.limit, 1000);
    found(&w, NULL, 0, 0, true);
    ASSERT_EQ(asked(&w, OP_SWEEP, &op), 0);
    ASSERT_OK(sweep_tick(w.broker, w.now));
    ASSERT_EQ(asked(&w, OP_SWEEP, &op), 1);
}

TEST(what_is_out_at_work_or_uncertain_is_left_alone) {
    for (unsigned i = 0; i < 3; i++) {
        WORLD(w, "upt/r1");
        StoreOp op;
        Entry *e = one_waits(&w, i == 0);
        if (i == 1)
            window_withdraw(&feed_get(w.broker, e->row.queue)->window, e);
        else if (i == 2)
            e->row.flags |= DELIVERY_UNCERTAIN; /* the other side may have it */
        (void)asked(&w, OP_DELIVERY, &op);
        const DeliveryRow row = e->row;
        found(&w, &row, QUEUE_MAILBOX, ACTION_EXPIRE, true);
        found(&w, &row, QUEUE_MAILBOX, ACTION_RECALL, true);
        ASSERT_EQ(asked(&w, OP_DELIVERY, &op), 0);
        ASSERT_TRUE(e->row.flags & DELIVERY_RECALLED); /* looked at when it comes back */
    }
}

TEST(what_waits_is_taken_out_of_the_window_with_its_warning) {
    static const struct {
        DeliveryAction action;
        uint32_t flag;
        ReceiptCause cause;
    } cases[] = { { ACTION_WARN_EXPIRY, DELIVERY_WARNED_EXPIRY, CAUSE_NONE },
                  { ACTION_WARN_DELAY, DELIVERY_WARNED_DELAY, CAUSE_NONE },
                  { ACTION_RECALL, DELIVERY_RECALLED, CAUSE_RECALLED_BY_SENDER } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        WORLD(w, "upt/r1");
        StoreOp op;
        Entry *e = one_waits(&w, false);
        (void)asked(&w, OP_DELIVERY, &op);
        const DeliveryRow row = e->row;
        found(&w, &row, QUEUE_MAILBOX, cases[i].action, true);
        ASSERT_EQ(asked(&w, OP_DELIVERY, &op), 1);
        ASSERT_EQ(op.delivery.action, cases[i].action);
        ASSERT_EQ(op.delivery.cause, cases[i].cause);
        ASSERT_TRUE(op.delivery.row.flags & cases[i].flag);
        ASSERT_EQ(e->state, ENTRY_BUSY); /* nobody gets it meanwhile */
    }
}

TEST(what_is_on_disk_alone_is_late_for_want_of_the_link) {
    for (unsigned i = 0; i < 2; i++) {
        WORLD(w, "upt/r1");
        StoreOp op;
        const DeliveryRow row = { .queue = 4711, .seq = 5, .order_key = 6, .lane = LANE_ROUTINE };
        run(&w);
        found(&w, &row, i ? QUEUE_LINK : QUEUE_MAILBOX, ACTION_WARN_DELAY, true);
        ASSERT_EQ(asked(&w, OP_DELIVERY, &op), 1);
        ASSERT_EQ(op.delivery.row.seq, 5);
        ASSERT_EQ(op.delivery.cause, i ? CAUSE_LINK_DOWN : CAUSE_NONE);
    }
}

TEST(nothing_expires_by_a_clock_that_leapt_and_recalls_go_on) {
    WORLD(w, "upt/r1");
    StoreOp op;
    const DeliveryRow row = { .queue = 4711, .seq = 5, .order_key = 6, .lane = LANE_ROUTINE };
    pass(&w, 2 * SECOND_MS);
    run(&w);
    w.now.wall_ms += 400 * DAY_MS;
    found(&w, &row, QUEUE_MAILBOX, ACTION_EXPIRE, true);
    found(&w, &row, QUEUE_MAILBOX, ACTION_WARN_EXPIRY, true);
    ASSERT_EQ(asked(&w, OP_DELIVERY, &op), 0);
    found(&w, &row, QUEUE_MAILBOX, ACTION_RECALL, true);
    ASSERT_EQ(asked(&w, OP_DELIVERY, &op), 1);
}

/* --- what is due ------------------------------------------------------------------------------ */

static void fired(World *w, int timer, int status, bool more) {
    StoreOp *op = store_op_new(OP_DUE);
    op->due.fired = calloc(1, sizeof(*op->due.fired));
    op->due.fired[0].item_kind = ITEM_REFERRAL;
    op->due.fired[0].timer = timer;
    op->due.fired[0].status = status;
    op->due.fired[0].cluster = CLUSTER_CHILD;
    op->due.fired[0].level = 2;
    op->due.fired[0].code = "R-072";
    strcpy(op->due.fired[0].text, "documents are late");
    strcpy(op->due.fired[0].owes, "dsk/3201");
    strcpy(op->due.fired[0].region, "3203042001");
    op->due.n = 1;
    op->due.more = more;
    ASSERT_OK(due_done(w->broker, op));
    store_op_free(op);
}

TEST(timers_are_asked_for_once_a_second_and_at_once_when_there_are_more) {
    WORLD(w, "upt/r1");
    StoreOp op;
    run(&w);
    ASSERT_OK(due_second(w.broker));
    ASSERT_OK(due_second(w.broker)); /* the store has not answered */
    ASSERT_EQ(asked(&w, OP_DUE, &op), 1);
    ASSERT_EQ(op.due.limit, 64);
    fired(&w, TIMER_ANSWER, 0, true);
    ASSERT_EQ(asked(&w, OP_DUE, &op), 1);
    ASSERT_OK(due_second(w.broker));
    ASSERT_EQ(asked(&w, OP_DUE, &op), 0);
    fired(&w, TIMER_ANSWER, 0, false);
    ASSERT_EQ(asked(&w, OP_DUE, &op), 0);
    ASSERT_OK(due_second(w.broker));
    ASSERT_EQ(asked(&w, OP_DUE, &op), 1);
}

TEST(the_journal_says_what_is_owed_and_names_nobody_but_who_owes_it) {
    static const LogEvent events[] = {
        LOG_EVENT_OWED_ANSWER,      LOG_EVENT_OWED_CANCEL,     LOG_EVENT_OWED_DOCUMENTS,
        LOG_EVENT_OWED_SUPPLEMENT,  LOG_EVENT_OWED_FOLLOW_UP,  LOG_EVENT_OWED_EXPIRY,
        LOG_EVENT_OWED_CLASSIFY,    LOG_EVENT_OWED_RESOLVE,    LOG_EVENT_OWED_SILENCE,
        LOG_EVENT_OWED_ACKNOWLEDGE, LOG_EVENT_OWED_DTKS,       LOG_EVENT_OWED_OPENING,
        LOG_EVENT_OWED_ASSESSMENT,  LOG_EVENT_OWED_MONITORING, LOG_EVENT_OWED_SUPERIOR,
    };
    WORLD(w, "upt/r1");
    w.broker->io.log = on_log;
    for (int i = 0; i < (int)ARRAY_SIZE(events); i++) {
        n_told = 0;
        fired(&w, TIMER_ANSWER + i, 0, false);
        ASSERT_EQ(n_told, 1);
        ASSERT_EQ(told.event, events[i]);
    }
    ASSERT_STR(told.rule, "R-072");
    ASSERT_STR(told.peer, "dsk/3201");
    assert_non_null(strstr(told.text, "region 3203,")); /* the regency, and no village */
    assert_non_null(strstr(told.text, "told 2 times before): documents are late"));
    assert_null(strstr(told.text, "EXERCISE"));
    fired(&w, TIMER_ANSWER, MESSAGE_STATUS_EXERCISE, false);
    ASSERT_EQ(strncmp(told.text, "EXERCISE: ", 10), 0);
    fired(&w, TIMER_ANSWER, MESSAGE_STATUS_TEST, false);
    ASSERT_EQ(strncmp(told.text, "TEST: ", 6), 0);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Links: our uplink and its credit, what a neighbour may have, children that come back. */

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/uplink.h"

typedef struct Parent { /* the parent's books of our link channel, as PROTOCOL.md 9.2 has them */
    uint32_t messages_max, messages, out;
    int64_t bytes_max, bytes, bytes_out;
    uint64_t next_tag, n_settled;
    size_t size;
} Parent;

static void parent_reads(World *w, Parent *p) {
    for (unsigned i = 0; i < w->n_heard; i++) {
        const Frame *f = &w->heard[i].f;
        if (w->heard[i].peer != 0)
            continue;
        if (f->kind == FRAME_SUBSCRIBE) {
            p->messages = MIN(f->subscribe.credit_messages, p->messages_max);
            p->bytes = p->bytes_max;
        } else if (f->kind == FRAME_SETTLE) {
            for (uint32_t k = 0; k < f->settle.n; k++) {
                TagRange t = f->settle.settlements[k].tags;
                uint32_t n = (uint32_t)(MAX(t.last, t.first) - t.first + 1);
                p->out -= n;
                p->bytes_out -= (int64_t)(n * p->size);
                p->n_settled += n;
            }
        } else if (f->kind == FRAME_CREDIT) {
            p->messages += MIN(f->credit.messages, p->messages_max - p->messages - p->out);
            p->bytes = f->credit.bytes == 0
                           ? p->bytes_max - p->bytes_out
                           : MIN(p->bytes + f->credit.bytes, p->bytes_max - p->bytes_out);
        }
    }
    forget(w);
}

/* The parent has `n` messages for us and sends as many as it may; ours come to the disk late. */
static void flood(World *w, Parent *p, unsigned n) {
    p->next_tag = 1;
    uplink_open(w, p->messages_max);
    for (unsigned rounds = 0; p->n_settled < n && rounds < 4 * n; rounds++) {
        parent_reads(w, p);
        while (p->next_tag <= n && p->messages > 0 && p->bytes >= (int64_t)p->size) {
            p->messages--;
            p->bytes -= (int64_t)p->size;
            p->out++;
            p->bytes_out += (int64_t)p->size;
            deliver_down(w, p->next_tag++, p->size);
            parent_reads(w, p);
        }
        run(w);
    }
    ASSERT_EQ(p->n_settled, n);
}

TEST(a_link_never_runs_out_of_credit) {
    WORLD(w, "upt/r1");
    Parent p = { .messages_max = 256, .bytes_max = 16 * 1024 * 1024, .size = 100 };
    flood(&w, &p, 800);
}

TEST(a_link_never_runs_out_of_credit_for_bytes) {
    WORLD(w, "upt/r1");
    Parent p = { .messages_max = 256, .bytes_max = 16 * 1024 * 1024, .size = 1024 * 1024 };
    flood(&w, &p, 40);
}

TEST(a_link_never_runs_out_of_a_small_credit) {
    WORLD(w, "upt/r1");
    Parent p = { .messages_max = 3, .bytes_max = 2 * 1024 * 1024, .size = 100 };
    flood(&w, &p, 20);
}

TEST(a_parent_that_does_not_let_us_read_its_link_is_asked_again) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    ASSERT_EQ(count(&w, 0, FRAME_SUBSCRIBE), 1);
    say(&w, 0, "hub",
        (Frame) {
            .kind = FRAME_ERROR,
            .error = { .code = ERROR_NOT_ALLOWED, .channel = 1, .text = "not in the directory" } });
    run(&w);
    forget(&w);
    for (int i = 0; i < 100; i++)
        pass(&w, 200);
    ASSERT_TRUE(count(&w, 0, FRAME_HELLO) >= 1);
}

/* The parent was stopped for so long that it ended the session over what waited for it unread. */
TEST(no_session_is_answered_with_one_hello) {
    WORLD(w, "upt/r1");
    const Frame no_session = { .kind = FRAME_ERROR,
                               .error = { .code = ERROR_NO_SESSION, .fatal = true } };
    uplink_open(&w, 256);
    forget(&w);
    for (int i = 0; i < 100; i++)
        say(&w, 0, "hub", no_session);
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
    uplink_open(&w, 256);
    ASSERT_EQ(count(&w, 0, FRAME_SUBSCRIBE), 1);
    forget(&w);
    say(&w, 0, "hub", no_session); /* and that one is over, too */
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
    forget(&w);
    for (int i = 0; i < 60; i++) /* the HELLO was lost */
        pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
}

TEST(settlements_that_cannot_be_said_are_not_forgotten) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 1024);
    run(&w);
    w.full[0] = true;
    for (uint64_t tag = 1; tag <= 600; tag += 2) /* gaps: a range each */
        deliver_down(&w, tag, 0);
    run(&w);
    w.full[0] = false;
    forget(&w);
    pass(&w, 1000);
    unsigned told = 0;
    for (unsigned i = 0; i < w.n_heard; i++)
        if (w.heard[i].f.kind == FRAME_SETTLE)
            told += w.heard[i].f.settle.n;
    ASSERT_TRUE(told == 300 || w.n_resets > 0); /* all of them, or the parent starts over */
}

/* The parent answers each of ten messages; of the first `lost` it has none, the last `late` are
 * still on their way when it counts. */
static unsigned gaps_told(unsigned lost, unsigned late) {
    WORLD(w, "upt/r1");
    LinkProgress theirs = { .present = true };
    uplink_open(&w, 256);
    run(&w);
    for (unsigned i = 0; i < 10; i++) {
        const Uuid id = { { (uint8_t)(i + 1) } };
        neighbour_sent(w.broker, "hub", &id);
        if (i < lost + late)
            continue;
        theirs.received_count++;
        theirs.received_digest.b[0] ^= (uint8_t)(i + 1 - late);
        say(&w, 0, "hub", (Frame) { .kind = FRAME_PONG, .pong = { .progress = theirs } });
    }
    return w.n_gaps;
}

TEST(a_gap_is_told_while_the_link_is_busy_and_only_a_gap) {
    ASSERT_EQ(gaps_told(0, 0), 0);
    ASSERT_EQ(gaps_told(0, 1), 0);
    ASSERT_EQ(gaps_told(1, 0), 1);
    ASSERT_EQ(gaps_told(3, 0), 1);
}

TEST(nothing_goes_up_before_the_store_knows_that_the_link_is_open) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    forget(&w);
    uplink_open(&w, 256);
    pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 0); /* a crash now must find the row uncertain */
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
}

static void expire(World *w) {
    w->now.wall_ms += 31 * DAY_MS;
    for (int i = 0; i < 3; i++) {
        pass(w, 6000);
        run(w);
    }
}

TEST(what_the_parent_may_have_is_not_ended_here) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    Uuid sent = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    Uuid waits = publish(&w, 1, "dsk/3201", "dsk/3301", 1); /* behind it */
    run(&w);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    expire(&w);
    ASSERT_EQ(outcomes(&w, &waits), 1);
    ASSERT_EQ(outcomes(&w, &sent), 0);
    forget(&w);
    uplink_open(&w, 256);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_TRUE(uuid_equal(&heard(&w, 0, FRAME_PUBLISH, 0)->id, &sent));
}

TEST(what_a_child_may_have_is_not_ended_here) {
    WORLD(w, "hub");
    hello(&w, 1, "upt/r1", 1);
    hello(&w, 2, "dsk/3301", 2);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    Uuid sent = publish(&w, 2, "dsk/3301", "dsk/3201", 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 1);
    say(&w, 1, "upt/r1", (Frame) { .kind = FRAME_BYE });
    run(&w);
    expire(&w);
    ASSERT_EQ(outcomes(&w, &sent), 0);
    hello(&w, 3, "upt/r1", 3);
    subscribe(&w, 3, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 1);
}

TEST(what_the_parent_may_have_is_not_recalled_here) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    Uuid sent = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    recall(&w, 1, "dsk/3201", &sent); /* while it is out */
    run(&w);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    pass(&w, 6000);
    run(&w);
    forget(&w);
    uplink_open(&w, 256);
    run(&w);
    ASSERT_EQ(outcomes(&w, &sent), 0);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1); /* the order follows it */
    ASSERT_TRUE(uuid_equal(&heard(&w, 0, FRAME_PUBLISH, 0)->id, &sent));
}

TEST(a_settlement_is_not_said_in_a_later_session) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    run(&w);
    deliver_down(&w, 1, 0);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    uplink_open(&w, 256);
    run(&w); /* on disk now; tag 1 is another message's in this session */
    pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_SETTLE), 0);
}

static bool link_is_open(World *w, const char *neighbour) {
    StoreOp *op = store_op_new(OP_QUERY);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), "links");
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    bool open = false;
    const Table *t = op->query.table;
    for (uint32_t r = 0; r < table_rows(t); r++)
        for (uint32_t c = 0; strcmp(table_cell(t, r, 0), neighbour) == 0 && c < t->n_columns; c++)
            open |=
                strcmp(t->columns[c].name, "open") == 0 && strcmp(table_cell(t, r, c), "1") == 0;
    store_op_free(op);
    return open;
}

TEST(the_store_knows_whether_the_link_to_the_parent_is_open) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    run(&w);
    ASSERT_TRUE(link_is_open(&w, "hub"));
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    ASSERT_TRUE(!link_is_open(&w, "hub"));
}

TEST(a_child_that_comes_back_takes_its_link_from_its_old_session) {
    WORLD(w, "hub");
    hello(&w, 1, "upt/r1", 1);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    ASSERT_TRUE(link_is_open(&w, "upt/r1"));
    hello(&w, 2, "upt/r1", 2); /* restarted: another instance */
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 256);
    run(&w);
    const Heard *h = heard(&w, 1, FRAME_ERROR, 0);
    assert_non_null(h);
    ASSERT_EQ(h->f.error.code, ERROR_REPLACED);
    ASSERT_TRUE(link_is_open(&w, "upt/r1"));
    for (int i = 0; i < 200; i++) { /* the old connection dies of silence, the new one answers */
        pass(&w, 200);
        say(&w, 2, "upt/r1", (Frame) { .kind = FRAME_PONG });
        run(&w);
    }
    ASSERT_TRUE(link_is_open(&w, "upt/r1"));
    ASSERT_EQ(broker_status(w.broker).child_links, 1);
    hello(&w, 3, "dsk/3301", 3);
    forget(&w);
    publish(&w, 3, "dsk/3301", "dsk/3201", 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 0);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
}

/* It pings once a second, not twice: half a second without a processor must not end the link. */
TEST(a_child_has_three_of_its_own_intervals_with_the_shortest_ping) {
    WORLD(w, "hub");
    w.config.ping_ms = 500;
    broker_reconfigure(w.broker, &w.config);
    hello(&w, 1, "upt/r1", 1);
    hello(&w, 2, "dsk/3301", 2);
    for (int i = 0; i < 12; i++)
        pass(&w, 200);
    ASSERT_EQ(broker_status(w.broker).sessions, 1); /* the client said that it would ping */
    for (int i = 0; i < 12; i++)
        pass(&w, 200);
    ASSERT_EQ(broker_status(w.broker).sessions, 0);
}

TEST(a_session_reads_a_link_once) {
    WORLD(w, "hub");
    hello(&w, 1, "upt/r1", 1);
    subscribe(&w, 1, "upt/r1", 1, SOURCE_LINK, 256);
    subscribe(&w, 1, "upt/r1", 2, SOURCE_LINK, 256);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
    assert_non_null(heard(&w, 1, FRAME_ERROR, 0));
}

TEST(a_parent_without_room_is_asked_again_in_order) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    Uuid first = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    parent_answers(&w, &first, VERDICT_LATER);
    run(&w);
    pass(&w, 800);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    pass(&w, 400);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 2);
    ASSERT_TRUE(uuid_equal(&heard(&w, 0, FRAME_PUBLISH, 1)->id, &first));
    parent_answers(&w, &first, VERDICT_ACCEPTED);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 3);
}

/* On a narrow line the answers of the parent come behind all that it sends down; to begin anew
 * would be to send everything again. */
TEST(a_link_on_which_messages_come_down_is_not_reset_for_want_of_answers) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    for (uint64_t tag = 1; tag <= 10; tag++) {
        pass(&w, 20 * SECOND_MS);
        ASSERT_TRUE(broker_status(w.broker).uplink_up);
        deliver_down(&w, tag, 0);
        run(&w);
    }
    for (int i = 0; i < 7; i++) { /* and then nothing: not even silence is an answer */
        pass(&w, 10 * SECOND_MS);
        say(&w, 0, "hub", (Frame) { .kind = FRAME_PING });
    }
    pass(&w, SECOND_MS);
    ASSERT_TRUE(!broker_status(w.broker).uplink_up);
}

/* What is not on the disk yet is in memory: a parent that does not keep to the credit is left. */
TEST(a_parent_that_sends_without_credit_is_left) {
    WORLD(w, "upt/r1");
    uplink_open(&w, 256);
    uint64_t tag = 1;
    while (broker_status(w.broker).uplink_up && tag <= 5000)
        deliver_down(&w, tag++, 10);
    ASSERT_EQ(tag - 1, 2 * UPLINK_CREDIT + 1);
    ASSERT_EQ(w.n_resets, 1);
    ASSERT_TRUE(broker_waiting(w.broker) <=
                2 * UPLINK_CREDIT + 8); /* and that it began and ended */
    run(&w);
    uplink_open(&w, 256);
    deliver_down(&w, tag, 10);
    run(&w);
    ASSERT_TRUE(broker_status(w.broker).uplink_up);
}

TEST_MAIN

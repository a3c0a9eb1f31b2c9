/* SPDX-License-Identifier: Apache-2.0 */

/* What the parent delivers: what of it is taken, what is said of it, and how much at a time. */

#include "test.h"

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/session.h"
#include "broker/uplink.h"
#include "store/internal.h"

#define UPLINK(w)                                                                                  \
    WORLD(w, "upt/r1");                                                                            \
    uplink_open(&w, 256);                                                                          \
    run(&w);                                                                                       \
    forget(&w)

static bool is_up(const World *w) {
    return broker_status(w->broker).uplink_up;
}

/* The n-th settlement that was said of the link, from 0; NULL when there are not so many. */
static const Settlement *said(const World *w, unsigned n) {
    const Heard *h;
    for (unsigned i = 0; (h = heard(w, 0, FRAME_SETTLE, i)); i++) {
        if (n < h->f.settle.n)
            return &h->f.settle.settlements[n];
        n -= h->f.settle.n;
    }
    return NULL;
}

static void assert_said(const World *w, unsigned n, uint64_t first, uint64_t last,
                        SettleAction action, const char *reason) {
    const Settlement *s = said(w, n);
    assert_non_null(s);
    ASSERT_EQ(s->tags.first, first);
    ASSERT_EQ(s->tags.last, last);
    ASSERT_EQ(s->action, action);
    ASSERT_EQ(s->permanent, action == SETTLE_REJECT); /* it would be the same the next time */
    ASSERT_STR(s->reason, reason);
}

/* One that cannot be read. */
static void deliver_garbage(World *w, uint64_t tag, bool forward, unsigned parts) {
    Forward fwd = {
        .present = true,
        .accepted_ms = START_MS,
        .expires_ms = START_MS + DAY_MS,
        .n_recipients = 1,
        .n_stamps = 1,
    };
    fwd.recipients[0].role = ROLE_ADDRESSEE;
    (void)text_copy(fwd.recipients[0].node, NODE_NAME_SIZE, "dsk/3201");
    fwd.stamps[0].at_ms = START_MS;
    (void)text_copy(fwd.stamps[0].broker, NODE_NAME_SIZE, "hub");
    Frame f = { .kind = FRAME_DELIVER, .deliver = { .channel = 1, .tag = tag, .attempt = 1 } };
    Letter l = letter(w, "dsk/3301", "dsk/3201", 1, URGENCY_ROUTINE);
    const Bytes good = bytes_make(l.envelope, l.n), bad = bytes_make("\xff\xff", 2);
    const Bytes list[2] = { forward && tag < 100 ? bad : good, { 0 } };
    if (forward)
        f.deliver.forward = &fwd;
    else
        (void)text_copy(f.deliver.recipient, NODE_NAME_SIZE, "dsk/3201");
    say_parts(w, 0, "hub", &f, list, parts);
    free(l.envelope);
}

TEST(what_follows_on_is_said_in_one_range_and_only_that) {
    UPLINK(w);
    for (uint64_t tag = 1; tag <= 3; tag++)
        deliver_down(&w, tag, 0);
    run(&w);
    deliver_garbage(&w, 4, true, 2);
    run(&w);
    for (uint64_t tag = 5; tag <= 6; tag++)
        deliver_down(&w, tag, 0);
    run(&w);
    deliver_down(&w, 8, 0);
    run(&w);
    assert_said(&w, 0, 1, 3, SETTLE_DONE, "");
    assert_said(&w, 1, 4, 4, SETTLE_REJECT, "MALFORMED");
    assert_said(&w, 2, 5, 6, SETTLE_DONE, "");
    assert_said(&w, 3, 8, 8, SETTLE_DONE, "");
    assert_null(said(&w, 4));
}

TEST(ranges_of_one_frame_are_no_others) {
    UPLINK(w);
    w.full[0] = true;
    deliver_garbage(&w, 1, true, 2);
    deliver_down(&w, 2, 0);
    deliver_down(&w, 3, 0);
    run(&w);
    deliver_garbage(&w, 4, true, 2);
    w.full[0] = false;
    pass(&w, TICK_MS);
    assert_said(&w, 0, 1, 1, SETTLE_REJECT, "MALFORMED");
    assert_said(&w, 1, 2, 3, SETTLE_DONE, "");
    assert_said(&w, 2, 4, 4, SETTLE_REJECT, "MALFORMED");
}

TEST(what_cannot_be_a_delivery_of_a_link_is_given_back) {
    const struct {
        uint64_t tag;
        bool forward;
        unsigned parts;
    } cases[] = { { 1, false, 2 }, { 1, true, 0 }, { UINT64_C(1) << 40, true, 2 } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        UPLINK(w);
        deliver_garbage(&w, cases[i].tag, cases[i].forward, cases[i].parts);
        run(&w);
        assert_said(&w, 0, cases[i].tag, cases[i].tag, SETTLE_REJECT, "MALFORMED");
        ASSERT_EQ(broker_status(w.broker).accepted, 0);
        ASSERT_TRUE(is_up(&w));
    }
    UPLINK(w);
    deliver_garbage(&w, (UINT64_C(1) << 40) - 1, true, 2); /* the last there is */
    run(&w);
    assert_said(&w, 0, (UINT64_C(1) << 40) - 1, (UINT64_C(1) << 40) - 1, SETTLE_DONE, "");
}

/* The store's word for the one delivery, as it could be. */
static void run_as(World *w, Verdict verdict, uint32_t after_ms, bool counted) {
    StoreOp *list = broker_take_batch(w->broker);
    ASSERT_OK(store_run(w->store, list, w->now.wall_ms));
    for (StoreOp *op = list; op; op = op->next)
        if (op->kind == OP_ACCEPT) {
            ASSERT_STR(op->accept.authority, "hub"); /* who speaks for it */
            ASSERT_TRUE(op->accept.from_link);
            op->accept.result.verdict = verdict;
            op->accept.result.retry_after_ms = after_ms;
            op->accept.counted = counted;
        }
    ASSERT_OK(broker_stored(w->broker, w->now, list));
    run(w);
}

TEST(each_verdict_of_the_store_has_its_settlement) {
    static const struct {
        Verdict verdict;
        SettleAction action;
        const char *reason;
    } cases[] = { { VERDICT_ACCEPTED, SETTLE_DONE, "" },
                  { VERDICT_DUPLICATE, SETTLE_DONE, "" },
                  { VERDICT_LATER, SETTLE_RETRY, "" },
                  { VERDICT_REFUSED, SETTLE_REJECT, "REFUSED" },
                  { VERDICT_CONFLICT, SETTLE_REJECT, "REFUSED" } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        UPLINK(w);
        deliver_down(&w, 7, 0);
        run_as(&w, cases[i].verdict, cases[i].verdict == VERDICT_LATER ? 700 : 0, i == 0);
        assert_said(&w, 0, 7, 7, cases[i].action, cases[i].reason);
        ASSERT_EQ(said(&w, 0)->after_ms, cases[i].verdict == VERDICT_LATER ? 700 : 0);
        ASSERT_EQ(broker_status(w.broker).accepted, i == 0);
        ASSERT_EQ(neighbour_progress(w.broker, "hub").received_count, i == 0);
    }
}

/* Tag 1 of the next session is another message. */
TEST(what_is_stored_after_its_session_is_not_settled) {
    UPLINK(w);
    deliver_down(&w, 1, 0);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    uplink_open(&w, 256);
    run(&w);
    pass(&w, TICK_MS);
    ASSERT_EQ(count(&w, 0, FRAME_SETTLE), 0);
}

/* --- how much at a time ---------------------------------------------------------------------- */

TEST(so_many_bytes_are_on_their_way_to_the_disk) {
    UPLINK(w);
    w.config.pending_bytes = 4000;
    broker_reconfigure(w.broker, &w.config);
    for (uint64_t tag = 1; tag <= 3; tag++) { /* one is always taken, however large */
        deliver_down(&w, tag, 6000);
        ASSERT_TRUE(is_up(&w));
        run(&w);
    }
    deliver_down(&w, 4, 3000);
    deliver_down(&w, 5, 400);
    ASSERT_TRUE(is_up(&w));
    deliver_down(&w, 6, 3000);
    ASSERT_TRUE(!is_up(&w));
    ASSERT_EQ(w.n_resets, 1);
}

TEST(a_frame_of_settlements_that_is_full_goes_before_the_next_one) {
    UPLINK(w);
    unsigned n = 0;
    for (uint64_t tag = 1; tag <= 600; tag += 2) /* gaps: a range each */
        deliver_down(&w, tag, 0);
    run(&w);
    while (said(&w, n))
        n++;
    ASSERT_EQ(n, 300);
    ASSERT_EQ(w.n_resets, 0);
}

static unsigned room; /* frames the pipe has room for */

static int send_some(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n) {
    if (room == 0)
        return -EAGAIN;
    room--;
    return io_send(data, port, route, parts, n);
}

TEST(credit_that_cannot_be_said_is_said_later) {
    UPLINK(w);
    for (uint64_t tag = 1; tag <= UPLINK_CREDIT / 4 + 1; tag++)
        deliver_down(&w, tag, 0);
    room = 1;
    w.broker->io.send = send_some;
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_SETTLE), 1);
    ASSERT_EQ(count(&w, 0, FRAME_CREDIT), 0);
    room = 100;
    pass(&w, TICK_MS);
    ASSERT_EQ(heard(&w, 0, FRAME_CREDIT, 0)->f.credit.messages, UPLINK_CREDIT / 4 + 1);
    pass(&w, TICK_MS);
    ASSERT_EQ(count(&w, 0, FRAME_CREDIT), 1);
}

TEST(a_bundle_ends_where_the_session_does) {
    UPLINK(w);
    Bundle *b = bundle_new(FRAME_DELIVER, BUNDLE_MAX, BUNDLE_BYTES);
    Forward fwd = { .present = true,
                    .accepted_ms = START_MS,
                    .expires_ms = START_MS + DAY_MS,
                    .n_recipients = 1,
                    .n_stamps = 1 };
    fwd.recipients[0].role = ROLE_ADDRESSEE;
    (void)text_copy(fwd.recipients[0].node, NODE_NAME_SIZE, "dsk/3201");
    fwd.stamps[0].at_ms = START_MS;
    (void)text_copy(fwd.stamps[0].broker, NODE_NAME_SIZE, "hub");
    for (unsigned i = 0; i < 4; i++) {
        Letter l = letter(&w, "dsk/3301", "dsk/3201", (uint8_t)(i + 1), URGENCY_ROUTINE);
        const Bytes part = bytes_make(l.envelope, l.n);
        b->deliveries[i] = (FrameDeliver) { .channel = 1, .tag = i + 1, .forward = &fwd };
        bundle_add(b, 0, &part, 1);
        free(l.envelope);
    }
    say(&w, 0, "hub", (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
    run(&w);
    assert_said(&w, 0, 1, 4, SETTLE_DONE, "");
    w.config.pending_bytes = 1;
    broker_reconfigure(w.broker, &w.config);
    say(&w, 0, "hub", (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
    ASSERT_TRUE(!is_up(&w));
    ASSERT_EQ(w.n_resets, 1); /* once, at the second of them */
    for (unsigned i = 0; i < 4; i++)
        b->deliveries[i].forward = NULL; /* not the bundle's */
    (void)bundle_free(b);
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* The session with the parent broker: whom we speak to, what begins with it and ends with it. */

#include "test.h"

#include "broker-fixture.h"
#include "broker/feed.h"
#include "broker/internal.h"
#include "broker/neighbour.h"
#include "broker/session.h"
#include "broker/uplink.h"
#include "store/internal.h"

#define GREETING_MS (10 * SECOND_MS)

static unsigned told[512]; /* so often each event */

static void on_log(void *data, const LogRecord *r) {
    io_log(data, r);
    told[r->event % 512]++;
}

static void uplink_init(World *w) {
    world_init(w, "upt/r1");
    memset(told, 0, sizeof(told));
    w->broker->io.log = on_log;
}
#define UPLINK(w)                                                                                  \
    _cleanup_(world_deinit) World w;                                                               \
    uplink_init(&w)

static bool is_up(const World *w) {
    return broker_status(w->broker).uplink_up;
}

/* Ticks so long, with a word of the parent each time when it is not silent. */
static void wait(World *w, int64_t ms, bool silent) {
    for (int64_t at = 0; at < ms; at += 200) {
        pass(w, 200);
        if (!silent)
            say(w, 0, "hub", (Frame) { .kind = FRAME_PONG });
    }
}

static void say_error(World *w, ErrorCode code, uint32_t channel, bool fatal) {
    say(w, 0, "hub",
        (Frame) { .kind = FRAME_ERROR,
                  .error = { .code = code, .channel = channel, .fatal = fatal, .text = "no" } });
}

/* --- who the parent is ----------------------------------------------------------------------- */

static void change(World *w, const DirNode *n, const DirKey *k) {
    const DirectoryEdit e = { .n_nodes = n ? 1 : 0, .nodes = n, .n_keys = k ? 1 : 0, .keys = k };
    const char *what;
    Directory *before = store_directory(w->store), *after = NULL;
    ASSERT_OK(directory_with_edit(&after, before, &e, directory_version(before) + 1, &what));
    ASSERT_OK(broker_take_directory(w->broker, w->now, after));
    (void)directory_unref(before);
    (void)directory_unref(after);
}

/* How the directory says that the parent is not to be trusted, 0 to 2; 3: it does not. */
static void distrust(World *w, unsigned how) {
    DirNode n = *directory_node(w->broker->directory, "hub");
    DirKey k = { .broker = true };
    key_of("hub", k.curve);
    (void)text_copy(k.node, sizeof(k.node), how == 2 ? "upt/r2" : "hub");
    n.inactive = how == 0;
    k.revoked = how == 1;
    broker_set_parent_key(w->broker, k.curve);
    change(w, &n, &k);
}

TEST(a_parent_that_is_none_any_more_is_left_and_not_greeted) {
    for (unsigned how = 0; how < 4; how++) {
        UPLINK(w);
        uplink_open(&w, 256);
        run(&w);
        distrust(&w, how);
        run(&w);
        ASSERT_EQ(is_up(&w), how == 3);
        ASSERT_EQ(told[LOG_EVENT_PARENT_REVOKED], how < 3);
        ASSERT_EQ(told[LOG_EVENT_LINK_DOWN], how < 3);
        distrust(&w, how); /* it is over already */
        ASSERT_EQ(told[LOG_EVENT_PARENT_REVOKED], how < 3);
        forget(&w);
        wait(&w, 3 * GREETING_MS, how < 3);
        ASSERT_EQ(count(&w, 0, FRAME_HELLO), 0);
        welcome(&w, 256);
        ASSERT_EQ(is_up(&w), how == 3);
        if (how == 3)
            continue;
        distrust(&w, 3); /* it was a mistake */
        forget(&w);
        wait(&w, GREETING_MS, true);
        ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
        welcome(&w, 256);
        ASSERT_TRUE(is_up(&w));
    }
}

TEST(that_the_parent_was_revoked_is_on_record) {
    UPLINK(w);
    uplink_open(&w, 256);
    run(&w);
    distrust(&w, 1);
    bool noted = false;
    for (StoreOp *op = broker_take_batch(w.broker), *next; op; op = next) {
        next = op->next;
        for (uint32_t i = 0; op->kind == OP_NOTE && i < op->note.n; i++)
            noted |= op->note.list[i].kind == LEDGER_SESSION_ENDED;
        op->next = NULL;
        store_op_free(op);
    }
    ASSERT_TRUE(noted);
}

TEST(who_answers_at_the_parents_address_says_who_it_is_and_who_we_are) {
    static const char *const names[][2] = { { "upt/r2", "upt/r1" },
                                            { "hub", "upt/r2" },
                                            { "hub", "upt/r1" } };
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        UPLINK(w);
        ASSERT_OK(broker_uplink_connected(w.broker, w.now));
        Frame f = { .kind = FRAME_WELCOME,
                    .welcome = { .protocol = 1, .publish_window = 1, .ping_interval_ms = 1000 } };
        (void)text_copy(f.welcome.broker, NODE_NAME_SIZE, names[i][0]);
        (void)text_copy(f.welcome.node, NODE_NAME_SIZE, names[i][1]);
        say(&w, 0, "hub", f);
        ASSERT_EQ(is_up(&w), i == 2);
        ASSERT_EQ(count(&w, 0, FRAME_SUBSCRIBE), i == 2);
        say(&w, 0, "hub", f); /* once is enough */
        ASSERT_EQ(count(&w, 0, FRAME_SUBSCRIBE), i == 2);
        ASSERT_EQ(told[LOG_EVENT_LINK_UP], i == 2);
    }
}

/* Nothing is known of other servers when the parent does not say so. */
TEST(servers_that_are_not_told_are_not_forgotten) {
    UPLINK(w);
    w.servers.n = 7;
    uplink_open(&w, 256);
    ASSERT_EQ(w.servers.n, 7);
}

/* --- what a session begins with -------------------------------------------------------------- */

static void open_with(World *w, uint32_t window, uint32_t ping_ms, bool bundles) {
    ASSERT_OK(broker_uplink_connected(w->broker, w->now));
    Frame f = { .kind = FRAME_WELCOME,
                .welcome = { .protocol = 1,
                             .publish_window = window,
                             .credit_messages_max = 256,
                             .credit_bytes_max = 1024 * 1024,
                             .ping_interval_ms = ping_ms,
                             .bundles = bundles,
                             .broker = "hub",
                             .node = "upt/r1" } };
    say(w, 0, "hub", f);
    run(w);
}

TEST(no_more_is_unanswered_than_either_side_wants) {
    static const uint32_t windows[][3] = { { 3, 1024, 3 }, { 1024, 5, 5 }, { 0, 1024, 1 } };
    for (unsigned i = 0; i < ARRAY_SIZE(windows); i++) {
        UPLINK(w);
        w.config.link_window = windows[i][1];
        broker_reconfigure(w.broker, &w.config);
        hello(&w, 1, "dsk/3201", 1);
        for (uint8_t n = 1; n <= 9; n++)
            publish(&w, 1, "dsk/3201", "dsk/3301", n);
        run(&w);
        open_with(&w, windows[i][0], 10000, false);
        ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), windows[i][2]);
    }
}

TEST(the_queue_of_the_link_is_asked_for_once) {
    UPLINK(w);
    uplink_open(&w, 256);
    uplink_open(&w, 256); /* before the store answered */
    unsigned n = 0;
    for (StoreOp *op = broker_take_batch(w.broker), *next; op; op = next) {
        next = op->next;
        n += op->kind == OP_QUEUE;
        op->next = NULL;
        store_op_free(op);
    }
    ASSERT_EQ(n, 1);
}

/* Without it nothing comes down, and nobody would notice. */
TEST(a_subscribe_that_cannot_be_said_makes_another_connection) {
    UPLINK(w);
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    w.full[0] = true;
    welcome(&w, 256);
    ASSERT_EQ(w.n_resets, 1);
    w.full[0] = false;
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    forget(&w);
    const Frame f = { .kind = FRAME_PING };
    ASSERT_EQ(uplink_send(w.broker, &f), -EHOSTUNREACH);
    ASSERT_EQ(w.n_heard, 0);
}

TEST(a_parent_that_reads_no_bundles_any_more_gets_none) {
    UPLINK(w);
    hello(&w, 1, "dsk/3201", 1);
    open_with(&w, 64, 10000, true);
    publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_BUNDLE), 1);
    forget(&w);
    open_with(&w, 64, 10000, false); /* restarted, an older version */
    ASSERT_EQ(count(&w, 0, FRAME_BUNDLE), 0);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
}

/* What is counted is compared by both sides. */
TEST(each_greeting_ping_and_answer_says_how_far_we_are) {
    UPLINK(w);
    uplink_open(&w, 256);
    run(&w);
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    ASSERT_TRUE(heard(&w, 0, FRAME_HELLO, 1)->f.hello.progress.present);
    ASSERT_TRUE(heard(&w, 0, FRAME_HELLO, 1)->f.hello.bundles);
    welcome(&w, 256);
    say(&w, 0, "hub", (Frame) { .kind = FRAME_PING, .ping = { .sent_ms = 4711 } });
    const Heard *pong = heard(&w, 0, FRAME_PONG, 0);
    ASSERT_EQ(pong->f.pong.sent_ms, 4711); /* as the parent's clock had it */
    ASSERT_TRUE(pong->f.pong.progress.present);
    wait(&w, 11 * SECOND_MS, false);
    ASSERT_EQ(count(&w, 0, FRAME_PING), 1);
    ASSERT_TRUE(heard(&w, 0, FRAME_PING, 0)->f.ping.progress.present);
}

TEST(a_pause_the_parent_asked_for_ends_with_its_session) {
    UPLINK(w);
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    const Uuid id = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    run(&w);
    PublishResult later = { .message_id = id, .verdict = VERDICT_LATER, .retry_after_ms = 50000 };
    say(&w, 0, "hub",
        (Frame) { .kind = FRAME_PUBLISHED, .published = { .n = 1, .results = &later } });
    run(&w);
    forget(&w);
    uplink_open(&w, 256);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
}

/* --- while it lasts -------------------------------------------------------------------------- */

TEST(a_parent_is_silent_after_three_of_its_intervals) {
    UPLINK(w);
    open_with(&w, 64, 2000, false);
    wait(&w, 6 * SECOND_MS, true);
    ASSERT_TRUE(is_up(&w));
    ASSERT_TRUE(count(&w, 0, FRAME_PING) >= 3);
    wait(&w, 2 * SECOND_MS, true);
    ASSERT_TRUE(!is_up(&w));
    ASSERT_EQ(w.n_resets, 1); /* the connection may hang: another one is made */
    ASSERT_EQ(told[LOG_EVENT_LINK_DOWN], 1);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    ASSERT_EQ(told[LOG_EVENT_LINK_DOWN], 1); /* it is told once */
    wait(&w, MINUTE_MS, true);
    ASSERT_EQ(w.n_resets, 1);
    w.now.mono_ms += HOUR_MS; /* a session that begins late is not silent since then */
    open_with(&w, 64, 0, false);
    pass(&w, 200);
    ASSERT_TRUE(is_up(&w));
    wait(&w, 2 * SECOND_MS, true); /* with no interval at all it is one of a second */
    ASSERT_TRUE(is_up(&w));
}

TEST(a_backlog_without_answers_resets_the_link) {
    UPLINK(w);
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    wait(&w, 2 * w.config.link_stall_ms, false); /* nothing to be answered: nothing is wrong */
    ASSERT_TRUE(is_up(&w));
    say(&w, 1, "dsk/3201", (Frame) { .kind = FRAME_PONG });
    hello(&w, 2, "dsk/3201", 2);
    publish(&w, 2, "dsk/3201", "dsk/3301", 1);
    run(&w);
    wait(&w, w.config.link_stall_ms - 2 * SECOND_MS, false);
    ASSERT_TRUE(is_up(&w)); /* since it was sent, not since something went before */
    wait(&w, 4 * SECOND_MS, false);
    ASSERT_TRUE(!is_up(&w));
    ASSERT_EQ(told[LOG_EVENT_LINK_STALLED], 1);
    ASSERT_EQ(w.n_resets, 1);
}

TEST(what_is_said_before_the_session_is_open_is_not_heard) {
    UPLINK(w);
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    forget(&w);
    say(&w, 0, "hub", (Frame) { .kind = FRAME_PING, .ping = { .sent_ms = 1 } });
    deliver_down(&w, 1, 10);
    run(&w);
    say(&w, 0, "hub", (Frame) { .kind = FRAME_BYE });
    ASSERT_EQ(w.n_heard, 0);
    ASSERT_EQ(broker_status(w.broker).accepted, 0);
    welcome(&w, 256);
    ASSERT_TRUE(is_up(&w));
}

TEST(a_frame_that_cannot_be_read_ends_session_and_connection) {
    for (unsigned i = 0; i < 2; i++) {
        UPLINK(w);
        uplink_open(&w, 256);
        run(&w);
        _cleanup_(freep) uint8_t *ping = NULL;
        size_t n;
        ASSERT_OK(codec_encode_frame(&(Frame) { .kind = FRAME_PING }, &ping, &n));
        const Bytes part = i == 0 ? bytes_make("\xff\xff", 2) : bytes_make(ping, n);
        const PeerMessage m = {
            .port = PORT_UPLINK, .user_id = "", .parts = &part, .n_parts = 1, .oversized = i == 1
        };
        ASSERT_OK(broker_receive(w.broker, w.now, &m));
        ASSERT_TRUE(!is_up(&w));
        ASSERT_EQ(w.n_resets, 1);
        ASSERT_EQ(told[LOG_EVENT_PEER_MALFORMED], 1);
    }
}

/* --- its end --------------------------------------------------------------------------------- */

TEST(an_error_ends_the_session_when_it_is_over_or_deaf) {
    const struct {
        ErrorCode code;
        uint32_t channel;
        bool fatal, ends;
    } cases[] = { { ERROR_BUSY, 0, true, true },
                  { ERROR_NOT_ALLOWED, 1, false, true },
                  { ERROR_NOT_ALLOWED, 2, false, false },
                  { ERROR_NOT_ALLOWED, 0, false, false } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        UPLINK(w);
        uplink_open(&w, 256);
        run(&w);
        forget(&w);
        w.now.mono_ms += 5000;
        say_error(&w, cases[i].code, cases[i].channel, cases[i].fatal);
        ASSERT_EQ(is_up(&w), !cases[i].ends);
        wait(&w, GREETING_MS - 2000, cases[i].ends);
        ASSERT_EQ(count(&w, 0, FRAME_HELLO), 0); /* not at once: it would say the same */
        wait(&w, 3000, cases[i].ends);
        ASSERT_EQ(count(&w, 0, FRAME_HELLO), cases[i].ends);
    }
}

TEST(after_bye_the_parent_is_greeted_again_in_a_while) {
    UPLINK(w);
    uplink_open(&w, 256);
    run(&w);
    forget(&w);
    wait(&w, GREETING_MS, false);
    say(&w, 0, "hub", (Frame) { .kind = FRAME_BYE });
    ASSERT_TRUE(!is_up(&w));
    wait(&w, GREETING_MS - 2000, true);
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 0);
    wait(&w, 3000, true);
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
}

/* A line that is half open takes all that is said. */
TEST(a_parent_that_never_answers_is_called_on_another_connection) {
    UPLINK(w);
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    forget(&w);
    wait(&w, 3 * GREETING_MS - 2000, true);
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 2); /* and the first */
    ASSERT_EQ(w.n_resets, 0);
    wait(&w, 3000, true);
    ASSERT_EQ(w.n_resets, 1);
    forget(&w);
    wait(&w, 3 * GREETING_MS, true); /* until there is one */
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 0);
    ASSERT_EQ(w.n_resets, 1);
    ASSERT_OK(broker_uplink_connected(w.broker, w.now));
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
    for (unsigned i = 0; i < 6; i++) { /* who refuses has answered */
        say(&w, 0, "hub",
            (Frame) { .kind = FRAME_ERROR, .error = { .code = ERROR_NOT_KNOWN, .fatal = true } });
        wait(&w, GREETING_MS + 1000, true);
    }
    ASSERT_EQ(w.n_resets, 1);
}

TEST(while_there_is_no_connection_nobody_is_greeted) {
    UPLINK(w);
    uplink_open(&w, 256);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    forget(&w);
    wait(&w, 3 * GREETING_MS, true);
    ASSERT_EQ(w.n_heard, 0);
    ASSERT_EQ(w.n_resets, 0);
}

/* Tags and credit are the session's; the next one has its own. */
TEST(nothing_of_a_session_is_said_in_the_next_one) {
    UPLINK(w);
    uplink_open(&w, 256);
    run(&w);
    w.full[0] = true;
    for (uint64_t tag = 1; tag <= 64; tag++)
        deliver_down(&w, tag, 0);
    run(&w);
    w.full[0] = false;
    forget(&w);
    uplink_open(&w, 256);
    run(&w);
    pass(&w, 200);
    ASSERT_EQ(count(&w, 0, FRAME_SETTLE), 0);
    deliver_down(&w, 1, 0);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_SETTLE), 1);
    ASSERT_EQ(count(&w, 0, FRAME_CREDIT), 0);
}

/* --- what goes up ---------------------------------------------------------------------------- */

static unsigned parts_max, parts_sent; /* a message of more parts does not go; of the last one */

static int send_up(void *data, BrokerPort port, Bytes route, const Bytes *parts, unsigned n) {
    if (port == PORT_UPLINK && n > parts_max)
        return -EAGAIN;
    if (n > 1)
        parts_sent = n;
    return io_send(data, port, route, parts, n);
}

/* Some wait for the parent, of cases 1 to n; their ids go to ret. */
static void letters_wait(World *w, unsigned n, Uuid *ret) {
    hello(w, 1, "dsk/3201", 1);
    for (unsigned i = 0; i < n; i++)
        ret[i] = publish(w, 1, "dsk/3201", "dsk/3301", (uint8_t)(i + 1));
    run(w);
}

static void answer(World *w, const Uuid *ids, unsigned n, Verdict verdict, uint32_t after_ms) {
    PublishResult r[8];
    for (unsigned i = 0; i < n; i++)
        r[i] = (PublishResult) { .message_id = ids[i],
                                 .verdict = verdict,
                                 .retry_after_ms = after_ms };
    say(w, 0, "hub", (Frame) { .kind = FRAME_PUBLISHED, .published = { .n = n, .results = r } });
    run(w);
}

static unsigned in_flight(World *w) {
    return (unsigned)neighbour_progress(w->broker, "hub").in_flight;
}

static unsigned backlog(World *w) {
    return (unsigned)neighbour_progress(w->broker, "hub").backlog;
}

TEST(each_answer_of_a_frame_counts_and_a_duplicate_is_there) {
    UPLINK(w);
    Uuid ids[4];
    uplink_open(&w, 256);
    letters_wait(&w, 4, ids);
    ASSERT_EQ(in_flight(&w), 4);
    answer(&w, ids, 2, VERDICT_ACCEPTED, 0);
    ASSERT_EQ(in_flight(&w), 2);
    answer(&w, ids, 4, VERDICT_DUPLICATE, 0); /* two of them once more */
    ASSERT_EQ(in_flight(&w), 0);
    ASSERT_EQ(backlog(&w), 0);
    for (unsigned i = 0; i < 4; i++)
        ASSERT_EQ(outcomes(&w, &ids[i]), 0); /* what becomes of them is not known here */
}

TEST(what_the_parent_refuses_has_an_outcome) {
    UPLINK(w);
    Uuid id;
    char cause[64];
    uplink_open(&w, 256);
    letters_wait(&w, 1, &id);
    answer(&w, &id, 1, VERDICT_REFUSED, 0);
    ASSERT_EQ(outcomes(&w, &id), 1);
    cause_of(&w, &id, cause);
    ASSERT_STR(cause, "RECIPIENT_UNKNOWN");
    ASSERT_EQ(backlog(&w), 0);
}

TEST(a_pause_is_half_a_second_at_least_and_a_minute_at_most) {
    static const struct {
        uint32_t asked;
        int64_t lasts;
    } cases[] = { { 0, 500 }, { 2000, 2000 }, { 3600000, 60000 } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        UPLINK(w);
        Uuid id;
        uplink_open(&w, 256);
        letters_wait(&w, 1, &id);
        answer(&w, &id, 1, VERDICT_LATER, cases[i].asked);
        forget(&w);
        w.now.mono_ms += cases[i].lasts - 1;
        say(&w, 0, "hub", (Frame) { .kind = FRAME_PONG });
        pass(&w, 0);
        run(&w);
        ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 0);
        pass(&w, 1 + TICK_MS);
        run(&w);
        ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    }
}

TEST(what_was_not_answered_goes_again_and_the_window_is_whole) {
    UPLINK(w);
    Uuid ids[3];
    open_with(&w, 3, 10000, false);
    letters_wait(&w, 3, ids);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 3);
    ASSERT_OK(broker_uplink_lost(w.broker, w.now));
    run(&w);
    forget(&w);
    open_with(&w, 3, 10000, false);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 3);
    for (unsigned i = 0; i < 3; i++)
        ASSERT_TRUE(uuid_equal(&heard(&w, 0, FRAME_PUBLISH, i)->id, &ids[i]));
    answer(&w, ids, 3, VERDICT_DUPLICATE, 0);
    ASSERT_EQ(in_flight(&w), 0);
}

TEST(each_answer_and_each_bundle_is_progress) {
    for (unsigned answers = 0; answers < 2; answers++) {
        UPLINK(w);
        Uuid ids[4];
        uplink_open(&w, 256);
        letters_wait(&w, 4, ids);
        for (unsigned i = 0; i < 3; i++) {
            wait(&w, w.config.link_stall_ms - 10 * SECOND_MS, false);
            Bundle *b = bundle_new(FRAME_DELIVER, BUNDLE_MAX, BUNDLE_BYTES);
            const Bytes none = { 0 };
            b->deliveries[0] = (FrameDeliver) { .channel = 1, .tag = i + 1, .recipient = "hub" };
            bundle_add(b, 0, &none, 1);
            if (answers)
                answer(&w, &ids[i], 1, VERDICT_ACCEPTED, 0);
            else
                say(&w, 0, "hub", (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
            (void)bundle_free(b);
            ASSERT_TRUE(is_up(&w));
        }
    }
}

/* A large message does not go: what was collected before it is not forgotten. */
TEST(a_full_pipe_behind_a_bundle_leaves_nothing_unsaid) {
    UPLINK(w);
    Uuid id;
    open_with(&w, 64, 10000, true);
    w.broker->io.send = send_up;
    parts_max = 1;
    hello(&w, 1, "dsk/3201", 1);
    id = publish(&w, 1, "dsk/3201", "dsk/3301", 1);
    publish_large(&w, 1, "dsk/3201", "dsk/3301", 100000);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_BUNDLE), 1);
    ASSERT_EQ(in_flight(&w), 1);
    answer(&w, &id, 1, VERDICT_ACCEPTED, 0);
    ASSERT_EQ(in_flight(&w), 0);
    parts_max = PARTS_MAX;
    pass(&w, TICK_MS);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_EQ(parts_sent, 4); /* the frame, envelope, facts, sealed */
}

TEST(a_copy_of_the_facts_goes_without_what_is_sealed) {
    UPLINK(w);
    hello(&w, 1, "dsk/3201", 1);
    uplink_open(&w, 256);
    run(&w);
    w.broker->io.send = send_up;
    parts_max = 0;
    publish_large(&w, 1, "dsk/3201", "dsk/3301", 1000);
    run(&w);
    Entry *e = w.broker->uplink.feed->window.by_key;
    assert_non_null(e);
    e->row.flags |= DELIVERY_FACTS_ONLY;
    Body *plain = e->body;
    e->body = body_new_signed(body_envelope(plain), body_facts(plain), body_sealed(plain),
                              bytes_make("signed", 6));
    body_unref(plain);
    parts_max = PARTS_MAX;
    pass(&w, TICK_MS);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    ASSERT_EQ(parts_sent, 3);
    const FramePublish *p = &heard(&w, 0, FRAME_PUBLISH, 0)->f.publish;
    assert_true(bytes_equal(signature_bytes(&p->signature), bytes_make("signed", 6)));
}

TEST(a_bundle_of_what_only_children_send_is_not_for_us) {
    UPLINK(w);
    uplink_open(&w, 256);
    run(&w);
    forget(&w);
    Bundle *b = bundle_new(FRAME_PUBLISH, BUNDLE_MAX, BUNDLE_BYTES);
    const Bytes none = { 0 };
    b->publishes[0] = (FramePublish) { .message_id = { { 1 } } };
    bundle_add(b, 0, &none, 1);
    say(&w, 0, "hub", (Frame) { .kind = FRAME_BUNDLE, .bundle = b });
    (void)bundle_free(b);
    run(&w);
    ASSERT_TRUE(is_up(&w));
    ASSERT_EQ(w.n_heard, 0);
}

TEST_MAIN

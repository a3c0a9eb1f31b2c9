/* SPDX-License-Identifier: Apache-2.0 */

/* The signed directory between brokers, frame by frame. */

#include "broker-fixture.h"
#include "broker/directory.h"
#include "broker/internal.h"
#include "broker/session.h"
#include "core/directory-change.h"
#include "test.h"

static SignKey hub_key(void) {
    const uint8_t seed[SIGN_SEED_SIZE] = { 'h', 'u', 'b' };
    SignKey k;
    sign_key_from_seed(seed, &k);
    return k;
}

static SignKey the_hub_key;

static void open_again(World *w) {
    w->broker = broker_free(w->broker);
    w->store = store_close(w->store);
    open_store(w);
    open_broker(w);
}

static void as_hub(World *w) {
    the_hub_key = hub_key();
    w->store_config.hub = true;
    w->store_config.sign_key = &the_hub_key;
    w->store_config.directory_codec = &codec_directory;
    w->config.signs = true;
    open_again(w);
}

static void as_child(World *w) {
    w->store_config.n_hub_keys = 1;
    w->store_config.hub_keys[0] = hub_key().public;
    w->store_config.directory_codec = &codec_directory;
    w->config.follows = true;
    open_again(w);
}

static unsigned heard_of(const World *w, FrameKind kind) {
    unsigned n = 0;
    for (unsigned i = 0; i < w->n_heard; i++)
        n += w->heard[i].f.kind == kind;
    return n;
}

static const Frame *newest(const World *w, FrameKind kind) {
    for (unsigned i = w->n_heard; i > 0; i--)
        if (w->heard[i - 1].f.kind == kind)
            return &w->heard[i - 1].f;
    return NULL;
}

static DirHead head_of(World *w) {
    Directory *d = store_directory(w->store);
    const DirHead *h = directory_head(d);
    const DirHead head = h ? *h : (DirHead) { 0 };
    (void)directory_unref(d);
    return head;
}

/* A second later, and what it asked of the store done. */
static void second(World *w) {
    pass(w, SECOND_MS);
    run(w);
}

static void welcome_and_servers(World *w, const Servers *servers) {
    ASSERT_OK(broker_uplink_connected(w->broker, w->now));
    Frame f = { .kind = FRAME_WELCOME,
                .welcome = { .protocol = 1,
                             .publish_window = 16,
                             .credit_messages_max = 16,
                             .credit_bytes_max = 1 << 20,
                             .servers = *servers,
                             .ping_interval_ms = 10000 } };
    (void)text_copy(f.welcome.broker, sizeof(f.welcome.broker), "hub");
    (void)text_copy(f.welcome.node, sizeof(f.welcome.node), w->self);
    say_parts(w, 0, "hub", &f, NULL, 0);
    run(w);
}

static void welcome_from_hub(World *w) {
    welcome_and_servers(w, &(Servers) { 0 });
}

TEST(a_hub_signs_what_it_has_and_every_day_anew) {
    WORLD(w, "hub");
    as_hub(&w);
    ASSERT_EQ(head_of(&w).version, 0);
    second(&w);
    const DirHead first = head_of(&w);
    ASSERT_TRUE(first.version > 0);
    pass(&w, DAY_MS - 2 * SECOND_MS);
    run(&w);
    ASSERT_EQ(head_of(&w).at_ms, first.at_ms);
    pass(&w, 3 * SECOND_MS);
    run(&w);
    ASSERT_TRUE(head_of(&w).at_ms >= first.at_ms + DAY_MS);
    ASSERT_EQ(head_of(&w).version, first.version);
}

TEST(a_child_asks_after_welcome_and_again_after_a_refusal_that_lasts_longer_each_time) {
    WORLD(w, "upt/satria");
    as_child(&w);
    welcome_from_hub(&w);
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 1);
    ASSERT_EQ(newest(&w, FRAME_DIRECTORY_WANT)->directory_want.after, 0);
    Frame lie = { .kind = FRAME_DIRECTORY_CHANGES,
                  .directory_changes = { .n = 1, .changes = { bytes_make("garbage", 7) } } };
    unsigned waited = 0;
    for (unsigned n = 0; n < 3; n++) {
        const unsigned asked = heard_of(&w, FRAME_DIRECTORY_WANT);
        say_parts(&w, 0, "hub", &lie, NULL, 0);
        run(&w);
        unsigned seconds = 0;
        for (; heard_of(&w, FRAME_DIRECTORY_WANT) == asked && seconds < 100; seconds++) {
            say_parts(&w, 0, "hub", &lie, NULL, 0); /* nothing is listened to meanwhile */
            second(&w);
            Frame ping = { .kind = FRAME_PING };
            say_parts(&w, 0, "hub", &ping, NULL, 0);
        }
        ASSERT_TRUE(seconds > waited && seconds < 100);
        waited = seconds;
    }
    ASSERT_EQ(w.n_resets, 0);
}

TEST(a_want_that_does_not_fit_into_the_pipe_is_said_soon) {
    WORLD(w, "upt/satria");
    as_child(&w);
    w.full[0] = true;
    welcome_from_hub(&w);
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 0);
    w.full[0] = false;
    second(&w);
    second(&w);
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 1);
}

TEST(what_the_session_before_brought_is_not_asked_for_again) {
    WORLD(w, "upt/satria");
    as_child(&w);
    welcome_from_hub(&w);
    const Frame changes = { .kind = FRAME_DIRECTORY_CHANGES };
    say_parts(&w, 0, "hub", &changes, NULL, 0);
    uplink_open(&w, 256); /* the link was lost and is open again; the disk is slow */
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 1);
    run(&w);
    ASSERT_EQ(heard_of(&w, FRAME_DIRECTORY_WANT), 2);
}

static StoreOp *import_one(const char *node, int kind) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.keys = calloc(1, sizeof(DirKey));
    add_node(op, node, kind, "hub", "");
    return op;
}

static void take_import(World *w, StoreOp *op) {
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    ASSERT_STR(op->import.text, "");
    ASSERT_OK(broker_take_directory(w->broker, w->now, op->import.directory));
    store_op_free(op);
    run(w);
}

/* One more node, and a version of its own. */
static void grow(World *w, const char *node) {
    take_import(w, import_one(node, NODE_SOCIAL_AGENCY_REGENCY));
}

/* A key that the hub got while the link was down: the record that proves it comes after WELCOME. */
TEST(a_server_of_the_parent_is_believed_once_the_directory_proves_it) {
    WORLD(w, "upt/r1");
    Servers told = { .n = 1, .list = { { .endpoint = "tcp://127.0.0.1:7022" } } };
    key_of("hub-next", told.list[0].key);
    welcome_and_servers(&w, &told);
    ASSERT_EQ(w.servers.n, 0);
    grow(&w, "dsk/3302"); /* proves nothing */
    ASSERT_EQ(w.servers.n, 0);
    StoreOp *op = import_one("hub", NODE_NATIONAL_HUB);
    key_of("hub-next", op->import.keys[0].curve);
    take_import(&w, op);
    ASSERT_EQ(w.servers.n, 1);
    ASSERT_STR(w.servers.list[0].endpoint, "tcp://127.0.0.1:7022");
    ASSERT_STR(w.servers.list[0].key, told.list[0].key);
}

/* --- as a parent ---------------------------------------------------------------------------- */

static void child_wants(World *w, uint64_t after, TreeHash head) {
    say(w, 1, "upt/r1",
        (Frame) { .kind = FRAME_DIRECTORY_WANT,
                  .directory_want = { .after = after, .head = head } });
    run(w);
}

TEST(a_child_gets_what_it_lacks_and_every_new_version_by_itself) {
    WORLD(w, "hub");
    as_hub(&w);
    second(&w);
    hello(&w, 1, "upt/r1", 1);
    hello(&w, 2, "upt/r2", 2); /* asks for nothing */
    child_wants(&w, 0, (TreeHash) { 0 });
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 1);
    const DirHead first = head_of(&w);
    grow(&w, "dsk/3302");
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 1); /* the one before is not on its disk yet */
    child_wants(&w, first.version, first.root);
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 2);
    ASSERT_EQ(newest(&w, FRAME_DIRECTORY_CHANGES)->directory_changes.n, 1);
    const DirHead second_head = head_of(&w);
    child_wants(&w, second_head.version, second_head.root);
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 2); /* there is no more */
    grow(&w, "dsk/3303");
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 3);
    ASSERT_EQ(newest(&w, FRAME_DIRECTORY_CHANGES)->directory_changes.n, 1);
    ASSERT_EQ(count(&w, 2, FRAME_DIRECTORY_CHANGES), 0);
}

/* A copy is in parts, by the names of its records. */
TEST(a_copy_goes_on_where_the_child_says) {
    WORLD(w, "hub");
    as_hub(&w);
    second(&w);
    hello(&w, 1, "upt/r1", 1);
    child_wants(&w, 0, (TreeHash) { 0 });
    const size_t whole = newest(&w, FRAME_DIRECTORY_CHANGES)->directory_changes.changes[0].n;
    const Frame on = { .kind = FRAME_DIRECTORY_WANT,
                       .directory_want = { .copy_of = head_of(&w).version, .behind = "node/" } };
    say(&w, 1, "upt/r1", on);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 2);
    const size_t rest = newest(&w, FRAME_DIRECTORY_CHANGES)->directory_changes.changes[0].n;
    ASSERT_TRUE(rest > 0 && rest < whole);
}

TEST(a_child_that_knows_of_later_versions_gets_nothing_older) {
    WORLD(w, "hub");
    as_hub(&w);
    second(&w);
    hello(&w, 1, "upt/r1", 1);
    const DirHead head = head_of(&w);
    child_wants(&w, head.version + 2, head.root); /* we were restored from a backup */
    grow(&w, "dsk/3302");
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 0);
    grow(&w, "dsk/3303");
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 1); /* as many, but are they the same? */
}

/* The word of one child, which may be anything, is not the end of what others have to say. */
TEST(a_child_that_is_ahead_is_told_whatever_another_one_said) {
    WORLD(w, "hub");
    as_hub(&w);
    second(&w);
    hello(&w, 1, "upt/r1", 1);
    hello(&w, 2, "upt/r2", 2);
    const DirHead head = head_of(&w);
    child_wants(&w, UINT64_MAX, head.root);
    child_wants(&w, UINT64_MAX, head.root);
    ASSERT_EQ(w.n_ahead, 1);
    say(&w, 2, "upt/r2",
        (Frame) { .kind = FRAME_DIRECTORY_WANT,
                  .directory_want = { .after = head.version + 2, .head = head.root } });
    run(&w);
    ASSERT_EQ(w.n_ahead, 2);
}

/* As after a file was put back and the numbers given again. */
TEST(a_child_with_another_directory_of_our_version_is_told) {
    WORLD(w, "hub");
    as_hub(&w);
    second(&w);
    hello(&w, 1, "upt/r1", 1);
    const DirHead head = head_of(&w);
    w.broker->sessions->directory.head_ms = head.at_ms;
    child_wants(&w, head.version, head.root);
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 0);
    child_wants(&w, head.version, (TreeHash) { { 1 } });
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 1);
}

/* The daily word that the hub lives needs no answer, and what comes after it does not wait for one.
 */
TEST(a_child_that_got_the_head_alone_gets_the_next_version_by_itself) {
    WORLD(w, "hub");
    as_hub(&w);
    second(&w);
    hello(&w, 1, "upt/r1", 1);
    const DirHead head = head_of(&w);
    child_wants(&w, head.version, head.root);
    forget(&w);
    w.now.wall_ms += DAY_MS;
    second(&w);
    ASSERT_TRUE(head_of(&w).at_ms > head.at_ms);
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 1);
    ASSERT_EQ(newest(&w, FRAME_DIRECTORY_CHANGES)->directory_changes.n, 0);
    grow(&w, "dsk/3302");
    ASSERT_EQ(count(&w, 1, FRAME_DIRECTORY_CHANGES), 2);
    ASSERT_EQ(newest(&w, FRAME_DIRECTORY_CHANGES)->directory_changes.n, 1);
}

/* --- how old it is -------------------------------------------------------------------------- */

/* What the child asks for goes to the hub, and the answer back, until there is nothing to ask. */
static void learn(World *child, World *hub) {
    const Frame *f;
    welcome_from_hub(child);
    while ((f = newest(child, FRAME_DIRECTORY_WANT))) {
        say(hub, 1, "upt/r1", *f);
        run(hub);
        forget(child);
        if (!(f = newest(hub, FRAME_DIRECTORY_CHANGES)))
            return;
        say(child, 0, "hub", *f);
        run(child);
        forget(hub);
    }
}

static void days(World *w, unsigned n) {
    pass(w, n * DAY_MS);
    run(w);
}

/* Or its parent, which waits for that, would send nothing more. */
TEST(a_child_asks_for_what_comes_behind_what_it_got) {
    WORLD(hub, "hub");
    WORLD(child, "upt/r1");
    as_hub(&hub);
    second(&hub);
    hello(&hub, 1, "upt/r1", 1);
    as_child(&child);
    child.now = hub.now;
    welcome_from_hub(&child);
    say(&hub, 1, "upt/r1", *newest(&child, FRAME_DIRECTORY_WANT));
    run(&hub);
    forget(&child);
    say(&child, 0, "hub", *newest(&hub, FRAME_DIRECTORY_CHANGES));
    run(&child);
    ASSERT_EQ(head_of(&child).version, head_of(&hub).version);
    ASSERT_EQ(heard_of(&child, FRAME_DIRECTORY_WANT), 1);
    ASSERT_EQ(newest(&child, FRAME_DIRECTORY_WANT)->directory_want.after, head_of(&hub).version);
    /* A head of a version it does not have says that there is more. */
    say(&hub, 1, "upt/r1", *newest(&child, FRAME_DIRECTORY_WANT));
    run(&hub);
    forget(&child);
    grow(&hub, "dsk/3302");
    Frame alone = *newest(&hub, FRAME_DIRECTORY_CHANGES);
    ASSERT_EQ(alone.directory_changes.n, 1);
    alone.directory_changes.n = 0;
    say(&child, 0, "hub", alone);
    run(&child);
    ASSERT_EQ(heard_of(&child, FRAME_DIRECTORY_WANT), 1);
}

TEST(a_hub_that_is_not_heard_of_is_told_after_two_seven_and_thirty_days) {
    WORLD(hub, "hub");
    WORLD(child, "upt/r1");
    as_hub(&hub);
    second(&hub);
    hello(&hub, 1, "upt/r1", 1);
    as_child(&child);
    child.now = hub.now;
    learn(&child, &hub);
    ASSERT_EQ(head_of(&child).version, head_of(&hub).version);
    static const unsigned told[][2] = { { 1, 0 },  { 1, 1 }, { 4, 1 }, { 1, 2 },
                                        { 22, 2 }, { 1, 3 }, { 90, 3 } };
    for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
        days(&child, told[i][0]);
        ASSERT_EQ(child.n_stale, told[i][1]);
    }
    hub.now = child.now;
    second(&hub); /* it signs once more */
    child.now = hub.now;
    hello(&hub, 1, "upt/r1", 2);
    learn(&child, &hub);
    days(&child, 1);
    ASSERT_EQ(child.n_stale, 3);
    days(&child, 1);
    ASSERT_EQ(child.n_stale, 4);
}

TEST_MAIN

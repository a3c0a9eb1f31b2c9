/* SPDX-License-Identifier: Apache-2.0 */

/* Rights on every frame, and what becomes of sessions whose key ends or changes. */

#include "test.h"

#include "broker-fixture.h"
#include "broker/internal.h"
#include "broker/session.h"
#include "store/internal.h"

#define NODE  "dsk/3201"
#define OTHER "dsk/3202"

/* --- the directory changes -------------------------------------------------------------------- */

static void change(World *w, const DirNode *n, const DirKey *k) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.keys = calloc(1, sizeof(DirKey));
    if (n)
        op->import.nodes[op->import.n_nodes++] = *n;
    if (k)
        op->import.keys[op->import.n_keys++] = *k;
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    ASSERT_STR(op->import.text, "");
    ASSERT_OK(broker_take_directory(w->broker, w->now, op->import.directory));
    store_op_free(op);
}

static DirKey key(const char *node) {
    DirKey k = { .broker = strncmp(node, "upt/", 4) == 0 || strcmp(node, "hub") == 0 };
    key_of(node, k.curve);
    (void)text_copy(k.node, sizeof(k.node), node);
    (void)text_copy(k.label, sizeof(k.label), "main");
    return k;
}

/* What no import does, though a hub might sign it. */
static void is_signed_above(World *w, const DirKey *k) {
    const DirectoryEdit e = { .n_keys = 1, .keys = k };
    const char *what;
    Directory *before = store_directory(w->store), *after = NULL;
    ASSERT_OK(directory_with_edit(&after, before, &e, directory_version(before) + 1, &what));
    ASSERT_OK(broker_take_directory(w->broker, w->now, after));
    (void)directory_unref(before);
    (void)directory_unref(after);
}

static DirNode node_of(World *w, const char *id) {
    return *directory_node(w->broker->directory, id);
}

static void grant(World *w, const char *node, Rights rights) {
    DirKey k = key(node);
    k.rights = rights;
    change(w, NULL, &k);
}

static void take_away(World *w, const char *node) {
    DirKey k = key(node);
    k.revoked = true;
    change(w, NULL, &k);
}

#define ALL_VERBS                                                                                  \
    ((1U << RIGHT_PUBLISH) | (1U << RIGHT_SUBSCRIBE) | (1U << RIGHT_SETTLE) | (1U << RIGHT_QUERY))

static Rights verbs(uint32_t set) {
    Rights r = { 0 };
    for (int verb = RIGHT_PUBLISH; verb <= RIGHT_ENROL; verb++)
        if (set & 1U << verb)
            r.list[r.n++] = (Right) { .verb = (uint8_t)verb, .any_kind = true };
    return r;
}

static Rights all_but(RightVerb verb) {
    return verbs(ALL_VERBS & ~(1U << verb));
}

/* --- what is heard ---------------------------------------------------------------------------- */

static const PublishResult *published(World *w, uint8_t peer) {
    const Heard *h = heard(w, peer, FRAME_PUBLISHED, 0);
    assert_non_null(h);
    return &h->f.published.results[0];
}

/* The last ERROR to the peer; NONE when there was none. */
static ErrorCode last_error(World *w, uint8_t peer) {
    const unsigned n = count(w, peer, FRAME_ERROR);
    return n > 0 ? heard(w, peer, FRAME_ERROR, n - 1)->f.error.code : ERROR_NONE;
}

static void ask(World *w, uint8_t peer, const char *node, const char *verb) {
    Frame f = { .kind = FRAME_QUERY, .query = { .query = 7 } };
    (void)text_copy(f.query.verb, sizeof(f.query.verb), verb);
    f.query.args[0] = strdup("00000000-0000-7000-8000-000000000001");
    f.query.n_args = 1;
    say_parts(w, peer, node, &f, NULL, 0);
    frame_deinit(&f);
    run(w);
}

static bool was_denied(World *w, uint8_t peer) {
    const Heard *h = heard(w, peer, FRAME_RESULT, 0);
    assert_non_null(h);
    return h->f.result.table->code == 1 && strncmp(h->f.result.table->text, "NOT_ALLOWED", 11) == 0;
}

static void named(World *w, uint8_t peer, const char *node, uint32_t channel, const char *name,
                  Filter *filter) {
    Frame f = { .kind = FRAME_SUBSCRIBE,
                .subscribe = { .channel = channel,
                               .source = SOURCE_NAMED,
                               .filter = filter,
                               .credit_messages = 5 } };
    (void)text_copy(f.subscribe.name, sizeof(f.subscribe.name), name);
    say_parts(w, peer, node, &f, NULL, 0);
    run(w);
}

static int64_t number(World *w, const char *sql) {
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(w->store->db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(w->store->db));
    const int64_t v = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    sqlite3_finalize(q);
    return v;
}

/* --- each right is needed --------------------------------------------------------------------- */

TEST(without_the_right_to_publish_nothing_is_accepted) {
    WORLD(w, "upt/r1");
    grant(&w, NODE, all_but(RIGHT_PUBLISH));
    hello(&w, 1, NODE, 1);
    publish(&w, 1, NODE, OTHER, 1);
    run(&w);
    const PublishResult *r = published(&w, 1);
    ASSERT_EQ(r->verdict, VERDICT_REFUSED);
    ASSERT_EQ(r->reasons->n, 1);
    ASSERT_STR(r->reasons->list[0].code, "NO_RIGHT");
    ASSERT_STR(r->reasons->list[0].text_en,
               "The key lacks the right: PUBLISH kind=1000 region=3203 SEND.");
    ASSERT_TRUE(r->reasons->list[0].text_id[0] != '\0');
    ASSERT_EQ(number(&w, "SELECT count(*) FROM message"), 0);
    ASSERT_EQ(w.n_denied, 1);                     /* a denied call, and not a refused message */
    subscribe(&w, 1, NODE, 1, SOURCE_MAILBOX, 1); /* the others are as they were */
    ask(&w, 1, NODE, "outcome");
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
    ASSERT_TRUE(!was_denied(&w, 1));
}

TEST(a_right_to_publish_is_for_its_kinds_and_its_region) {
    WORLD(w, "upt/r1");
    Rights r = verbs(1U << RIGHT_PUBLISH);
    (void)text_copy(r.list[0].region, REGION_SIZE, "3201"); /* letters are of 3203 */
    grant(&w, NODE, r);
    hello(&w, 1, NODE, 1);
    publish(&w, 1, NODE, OTHER, 1);
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_REFUSED);
    (void)text_copy(r.list[0].region, REGION_SIZE, "32");
    grant(&w, NODE, r);
    forget(&w);
    publish(&w, 1, NODE, OTHER, 1);
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_ACCEPTED);
    right_add_kind(&r.list[0], KIND_COMPLAINT);
    grant(&w, NODE, r);
    forget(&w);
    publish(&w, 1, NODE, OTHER, 1);
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_REFUSED);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0); /* all in one session */
}

TEST(without_the_right_to_subscribe_no_channel_opens) {
    WORLD(w, "upt/r1");
    Filter all = { 0 };
    hello(&w, 1, NODE, 1);
    named(&w, 1, NODE, 4, "all", &all);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
    grant(&w, NODE, all_but(RIGHT_SUBSCRIBE));
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED); /* the one that was open */
    ASSERT_EQ(w.n_denied, 1);
    forget(&w);
    subscribe(&w, 1, NODE, 1, SOURCE_MAILBOX, 1);
    subscribe(&w, 1, NODE, 2, SOURCE_RECEIPTS, 1);
    named(&w, 1, NODE, 3, "new", &all);
    named(&w, 1, NODE, 5, "all", NULL);
    say(&w, 1, NODE, (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .drop_name = "all" } });
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 5);
    for (unsigned i = 0; i < 5; i++) {
        const Frame *f = &heard(&w, 1, FRAME_ERROR, i)->f;
        ASSERT_EQ(f->error.code, ERROR_NOT_ALLOWED);
        ASSERT_TRUE(!f->error.fatal);
        assert_non_null(strstr(f->error.text, "SUBSCRIBE"));
    }
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 0);
    ASSERT_EQ(number(&w, "SELECT count(*) FROM subscription"), 1);
    publish(&w, 1, NODE, OTHER, 1);
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_ACCEPTED);
}

TEST(a_change_of_the_directory_closes_no_channel_that_is_still_right) {
    WORLD(w, "upt/r1");
    Filter all = { 0 };
    hello(&w, 1, NODE, 1);
    hello(&w, 2, OTHER, 2);
    subscribe(&w, 1, NODE, 1, SOURCE_MAILBOX, 5);
    subscribe(&w, 1, NODE, 2, SOURCE_RECEIPTS, 5);
    named(&w, 1, NODE, 3, "all", &all);
    named(&w, 1, NODE, 4, "all", NULL);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 4);
    forget(&w);
    grant(&w, "dsk/3203", verbs(ALL_VERBS));
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0);
    publish(&w, 2, OTHER, NODE, 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_DELIVER), 2); /* in the mailbox, and a copy */
}

TEST(mailbox_and_receipts_have_a_direction_each) {
    WORLD(w, "upt/r1");
    Rights r = verbs(1U << RIGHT_SUBSCRIBE);
    r.list[0].direction = RIGHT_RECEIVE;
    grant(&w, NODE, r);
    hello(&w, 1, NODE, 1);
    subscribe(&w, 1, NODE, 1, SOURCE_MAILBOX, 1);
    subscribe(&w, 1, NODE, 2, SOURCE_RECEIPTS, 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
    ASSERT_EQ(heard(&w, 1, FRAME_SUBSCRIBED, 0)->f.subscribed.channel, 1);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.channel, 2);
    right_add_kind(&r.list[0], KIND_COMPLAINT); /* a part of a mailbox is not to be had */
    grant(&w, NODE, r);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 1)->f.error.channel, 1);
}

TEST(without_the_right_to_settle_nothing_is_settled) {
    WORLD(w, "upt/r1");
    hello(&w, 1, OTHER, 1);
    Uuid id = publish(&w, 1, OTHER, NODE, 1);
    run(&w);
    grant(&w, NODE, all_but(RIGHT_SETTLE));
    hello(&w, 2, NODE, 2);
    static const SettleAction actions[] = { SETTLE_DONE, SETTLE_RETRY, SETTLE_REJECT,
                                            SETTLE_EXTEND };
    for (unsigned i = 0; i < ARRAY_SIZE(actions); i++) {
        Settlement st = { .tags = { 1, 1 }, .action = actions[i] };
        subscribe(&w, 2, NODE, i + 1, SOURCE_MAILBOX, 1);
        run(&w);
        ASSERT_EQ(count(&w, 2, FRAME_DELIVER), i + 1); /* no attempt was counted, nor is it lost */
        ASSERT_EQ(heard(&w, 2, FRAME_DELIVER, i)->f.deliver.attempt, 1);
        say(&w, 2, NODE,
            (Frame) { .kind = FRAME_SETTLE,
                      .settle = { .channel = i + 1, .n = 1, .settlements = &st } });
        run(&w);
        ASSERT_EQ(count(&w, 2, FRAME_ERROR), i + 1);
        ASSERT_EQ(last_error(&w, 2), ERROR_NOT_ALLOWED);
    }
    ASSERT_EQ(count(&w, 2, FRAME_SETTLED), 0);
    ASSERT_EQ(outcomes(&w, &id), 0);
    forget(&w);
    grant(&w, NODE, verbs(ALL_VERBS)); /* from now on, in the same session */
    subscribe(&w, 2, NODE, 9, SOURCE_MAILBOX, 1);
    run(&w);
    Settlement st = { .tags = { 1, 1 }, .action = SETTLE_DONE };
    say(&w, 2, NODE,
        (Frame) { .kind = FRAME_SETTLE, .settle = { .channel = 9, .n = 1, .settlements = &st } });
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_SETTLED), 1);
    ASSERT_EQ(outcomes(&w, &id), 1);
}

TEST(without_the_right_to_query_nothing_is_told) {
    WORLD(w, "upt/r1");
    grant(&w, NODE, all_but(RIGHT_QUERY));
    hello(&w, 1, NODE, 1);
    static const char *const open[] = { "outcome",  "item",          "item-history",
                                        "item-due", "item-receipts", "worklist",
                                        "due",      "report",        "unacknowledged" };
    for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
        ask(&w, 1, NODE, open[i]);
        if (!was_denied(&w, 1))
            fail_msg("%s", open[i]);
        forget(&w);
    }
}

TEST(operators_verbs_need_the_right_to_operate) {
    WORLD(w, "upt/r1");
    static const char *const some[] = {
        "status",        "queues",       "trace",        "messages",      "dead-list",
        "dead-show",     "links",        "node-list",    "node-show",     "check",
        "subscriptions", "dead-requeue", "dead-discard", "dead-redirect", "node-import",
        "backup",        "sessions",     "reload",       "drain",         "no-such-verb"
    };
    hello(&w, 1, NODE, 1);
    for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
        ask(&w, 1, NODE, some[i]);
        if (!was_denied(&w, 1))
            fail_msg("%s", some[i]);
        forget(&w);
    }
    grant(&w, NODE, verbs(ALL_VERBS)); /* as many others as it likes */
    ask(&w, 1, NODE, "status");
    ASSERT_TRUE(was_denied(&w, 1));
    grant(&w, NODE, verbs(1U << RIGHT_OPERATE));
    forget(&w);
    ask(&w, 1, NODE, "status");
    ASSERT_TRUE(!was_denied(&w, 1));
    forget(&w);
    ask(&w, 1, NODE, "outcome"); /* who may see all of it may ask for one */
    ASSERT_TRUE(!was_denied(&w, 1));
    publish(&w, 1, NODE, OTHER, 1); /* and nothing else */
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_REFUSED);
    DirKey k = key(NODE);
    k.operator_ = true; /* the same in other words */
    change(&w, NULL, &k);
    forget(&w);
    ask(&w, 1, NODE, "status");
    ASSERT_TRUE(!was_denied(&w, 1));
    publish(&w, 1, NODE, OTHER, 1);
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_ACCEPTED);
}

TEST(an_operator_is_one_at_the_home_of_its_node_and_nowhere_else) {
    WORLD(w, "hub");
    hello(&w, 1, NODE, 1); /* at home at upt/r1 */
    grant(&w, NODE, verbs(1U << RIGHT_OPERATE));
    forget(&w);
    ask(&w, 1, NODE, "status");
    ASSERT_TRUE(was_denied(&w, 1));
    DirKey k = key(NODE);
    k.operator_ = true;
    change(&w, NULL, &k);
    forget(&w);
    ask(&w, 1, NODE, "node-import");
    ASSERT_TRUE(was_denied(&w, 1));
}

TEST(a_key_to_enrol_may_do_nothing_else) {
    WORLD(w, "upt/r1");
    Filter all = { 0 };
    grant(&w, NODE, verbs(1U << RIGHT_ENROL));
    hello(&w, 1, NODE, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
    publish(&w, 1, NODE, OTHER, 1);
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_REFUSED);
    subscribe(&w, 1, NODE, 1, SOURCE_MAILBOX, 1);
    subscribe(&w, 1, NODE, 2, SOURCE_RECEIPTS, 1);
    named(&w, 1, NODE, 3, "new", &all);
    subscribe(&w, 1, NODE, 4, SOURCE_LINK, 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 4);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 0);
    ask(&w, 1, NODE, "outcome");
    ASSERT_TRUE(was_denied(&w, 1));
    forget(&w);
    ask(&w, 1, NODE, "status");
    ASSERT_TRUE(was_denied(&w, 1));
}

TEST(nobody_speaks_for_another_node) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    Letter l = letter(&w, OTHER, "dsk/3203", 1, URGENCY_ROUTINE);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = l.id } };
    Bytes parts[2] = { bytes_make(l.envelope, l.n), { 0 } };
    say_parts(&w, 1, NODE, &f, parts, 2);
    free(l.envelope);
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_REFUSED);
    ASSERT_STR(published(&w, 1)->reasons->list[0].code, "WRONG_SENDER");
    ASSERT_EQ(number(&w, "SELECT count(*) FROM message"), 0);
}

/* --- the key ends ----------------------------------------------------------------------------- */

/* Peer 2 holds `held` deliveries of NODE. */
static void hold(World *w, uint8_t held) {
    hello(w, 1, OTHER, 1);
    hello(w, 2, NODE, 2);
    subscribe(w, 2, NODE, 1, SOURCE_MAILBOX, held);
    for (uint8_t i = 1; i <= held; i++)
        publish(w, 1, OTHER, NODE, i);
    run(w);
    ASSERT_EQ(count(w, 2, FRAME_DELIVER), held);
    forget(w);
}

/* All of it comes again to whoever has a good key of the node, as if it had never been out. */
static void assert_ready_again(World *w, const char *curve_node, unsigned held) {
    hello(w, 3, curve_node, 3);
    subscribe(w, 3, curve_node, 1, SOURCE_MAILBOX, 10);
    run(w);
    ASSERT_EQ(count(w, 3, FRAME_DELIVER), held);
    for (unsigned i = 0; i < held; i++) {
        ASSERT_EQ(heard(w, 3, FRAME_DELIVER, i)->f.deliver.attempt, 1);
        ASSERT_TRUE(!heard(w, 3, FRAME_DELIVER, i)->f.deliver.suspect);
    }
}

/* A second key set of NODE, that stays good. */
static void second_key(World *w) {
    DirKey k = key(NODE);
    key_of("second", k.curve);
    (void)text_copy(k.label, sizeof(k.label), "second");
    change(w, NULL, &k);
}

static void assert_ended(World *w, uint8_t peer) {
    const unsigned n = count(w, peer, FRAME_ERROR);
    ASSERT_TRUE(n > 0);
    const Frame *f = &heard(w, peer, FRAME_ERROR, n - 1)->f;
    ASSERT_EQ(f->error.code, ERROR_NOT_KNOWN);
    ASSERT_TRUE(f->error.fatal);
}

TEST(a_revoked_key_loses_its_session_at_once_and_what_it_held_is_ready_again) {
    WORLD(w, "upt/r1");
    second_key(&w);
    hold(&w, 3);
    take_away(&w, NODE);
    assert_ended(&w, 2);
    ASSERT_EQ(broker_status(w.broker).sessions, 1);
    forget(&w);
    /* It goes on as if nothing had happened. */
    settle(&w, 2, NODE, 1, SETTLE_DONE);
    credit(&w, 2, NODE, 1, 5);
    say(&w, 2, NODE, (Frame) { .kind = FRAME_PING });
    publish(&w, 2, NODE, OTHER, 9);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_ERROR), 4);
    ASSERT_EQ(w.n_heard, 4); /* and hears nothing else */
    ASSERT_EQ(last_error(&w, 2), ERROR_NO_SESSION);
    hello(&w, 2, NODE, 2);
    ASSERT_EQ(last_error(&w, 2), ERROR_NOT_KNOWN);
    ASSERT_EQ(w.n_denied, 1);
    assert_ready_again(&w, "second", 3);
    ASSERT_EQ(number(&w, "SELECT count(*) FROM message WHERE sender = '" NODE "'"), 0);
}

TEST(a_key_that_becomes_another_nodes_or_a_brokers_ends_its_session) {
    WORLD(w, "upt/r1");
    second_key(&w);
    hold(&w, 1);
    DirKey k = key(NODE);
    (void)text_copy(k.node, sizeof(k.node), "dsk/3203");
    is_signed_above(&w, &k);
    assert_ended(&w, 2);
    k = key(OTHER);
    k.broker = true;
    change(&w, NULL, &k);
    assert_ended(&w, 1);
    assert_ready_again(&w, "second", 1);
}

TEST(an_inactive_node_has_no_sessions) {
    WORLD(w, "upt/r1");
    hold(&w, 2);
    DirNode n = node_of(&w, NODE);
    n.inactive = true;
    change(&w, &n, NULL);
    assert_ended(&w, 2);
    forget(&w);
    hello(&w, 2, NODE, 2);
    ASSERT_EQ(last_error(&w, 2), ERROR_NOT_KNOWN);
    n.inactive = false;
    change(&w, &n, NULL);
    assert_ready_again(&w, NODE, 2);
}

TEST(a_node_that_moves_to_another_broker_ends_its_sessions_here) {
    WORLD(w, "upt/r1");
    hold(&w, 1);
    DirNode n = node_of(&w, NODE);
    (void)text_copy(n.home, sizeof(n.home), "upt/r2");
    change(&w, &n, NULL);
    assert_ended(&w, 2);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0);
    (void)text_copy(n.name, sizeof(n.name), "another name is no move");
    hello(&w, 2, NODE, 2);
    forget(&w);
    change(&w, &n, NULL);
    ASSERT_EQ(count(&w, 2, FRAME_ERROR), 0);
}

TEST(a_key_ends_at_its_moment_and_not_before) {
    WORLD(w, "upt/r1");
    second_key(&w);
    DirKey k = key(NODE);
    k.valid_until_ms = w.now.wall_ms + 10 * SECOND_MS;
    change(&w, NULL, &k);
    hold(&w, 2);
    w.now.mono_ms += 9900;
    w.now.wall_ms += 9900;
    pass(&w, 99);
    ASSERT_EQ(count(&w, 2, FRAME_ERROR), 0);
    pass(&w, 1 + TICK_MS); /* the next tick after it */
    assert_ended(&w, 2);
    assert_ready_again(&w, "second", 2);
}

TEST(an_end_that_a_key_gets_while_it_is_in_use_ends_its_session) {
    WORLD(w, "upt/r1");
    second_key(&w);
    hold(&w, 2);
    DirKey k = key(NODE);
    k.valid_until_ms = w.now.wall_ms + 5 * SECOND_MS;
    change(&w, NULL, &k);
    ASSERT_EQ(count(&w, 2, FRAME_ERROR), 0);
    const DirNode other = node_of(&w, "dsk/3401");
    change(&w, &other, NULL); /* nor does another change make it forgotten */
    pass(&w, 5 * SECOND_MS + TICK_MS);
    assert_ended(&w, 2);
}

TEST(a_key_that_is_not_valid_yet_does_not_open_a_session) {
    WORLD(w, "upt/r1");
    DirKey k = key(NODE);
    k.valid_from_ms = w.now.wall_ms + SECOND_MS;
    change(&w, NULL, &k);
    hello(&w, 1, NODE, 1);
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_KNOWN);
    forget(&w);
    pass(&w, SECOND_MS);
    hello(&w, 1, NODE, 1);
    ASSERT_EQ(count(&w, 1, FRAME_WELCOME), 1);
    w.now.wall_ms -= HOUR_MS; /* the clock was wrong: the key is not valid yet, after all */
    pass(&w, TICK_MS);
    assert_ended(&w, 1);
}

TEST(a_beginning_that_a_key_gets_while_it_is_in_use_counts_as_well) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    DirKey k = key(NODE);
    k.valid_from_ms = w.now.wall_ms;
    change(&w, NULL, &k);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0);
    w.now.wall_ms -= HOUR_MS;
    pass(&w, TICK_MS);
    assert_ended(&w, 1);
}

TEST(a_key_goes_by_the_name_it_has_now) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    DirKey k = key(NODE);
    (void)text_copy(k.label, sizeof(k.label), "renamed");
    change(&w, NULL, &k);
    ASSERT_STR(w.broker->sessions->label, "renamed");
}

TEST(what_a_revoked_key_had_handed_in_is_not_accepted_any_more) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    hello(&w, 2, OTHER, 2);
    for (uint8_t i = 0; i < 50; i++)
        publish(&w, 1, NODE, "dsk/3203", i);
    publish(&w, 2, OTHER, "dsk/3203", 99);
    take_away(&w, NODE);
    assert_ended(&w, 1);
    run(&w);
    ASSERT_EQ(number(&w, "SELECT count(*) FROM message"), 1);
    ASSERT_EQ(published(&w, 2)->verdict, VERDICT_ACCEPTED);
    ASSERT_EQ(count(&w, 1, FRAME_PUBLISHED),
              0); /* its outcome is unknown: no promise, no refusal */
}

TEST(what_lost_its_right_while_it_waited_is_refused) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    publish(&w, 1, NODE, OTHER, 1);
    grant(&w, NODE, all_but(RIGHT_PUBLISH));
    run(&w);
    ASSERT_EQ(published(&w, 1)->verdict, VERDICT_REFUSED);
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), 0); /* the session goes on */
}

/* --- rights change ---------------------------------------------------------------------------- */

TEST(a_channel_closes_when_the_right_to_it_is_lost) {
    WORLD(w, "upt/r1");
    second_key(&w);
    hold(&w, 2);
    grant(&w, NODE, all_but(RIGHT_SUBSCRIBE));
    ASSERT_EQ(count(&w, 2, FRAME_ERROR), 1);
    const Frame *f = &heard(&w, 2, FRAME_ERROR, 0)->f;
    ASSERT_EQ(f->error.code, ERROR_NOT_ALLOWED);
    ASSERT_EQ(f->error.channel, 1);
    ASSERT_TRUE(!f->error.fatal);
    assert_ready_again(&w, "second", 2);
}

TEST(every_channel_closes_when_the_right_is_lost) {
    WORLD(w, "upt/r1");
    hello(&w, 1, NODE, 1);
    for (uint32_t id = 1; id <= CHANNELS_MAX; id++)
        subscribe(&w, 1, NODE, id, SOURCE_RECEIPTS, 1);
    run(&w);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), CHANNELS_MAX);
    grant(&w, NODE, all_but(RIGHT_SUBSCRIBE));
    ASSERT_EQ(count(&w, 1, FRAME_ERROR), CHANNELS_MAX);
    ASSERT_EQ(w.broker->sessions->n_channels, 0);
}

TEST(a_named_subscription_closes_when_the_scope_is_lost) {
    WORLD(w, "hub");
    Filter west = { .n_regions = 1, .regions = { "33" } };
    hello(&w, 1, "dsk/3301", 1);
    named(&w, 1, "dsk/3301", 1, "west", &west);
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED); /* wider than its regency */
    (void)text_copy(west.regions[0], REGION_SIZE, "3301");
    named(&w, 1, "dsk/3301", 2, "west", &west);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 1);
    forget(&w);
    DirNode n = node_of(&w, "dsk/3301");
    n.kind = NODE_LKS;
    change(&w, &n, NULL);
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED);
    ASSERT_EQ(heard(&w, 1, FRAME_ERROR, 0)->f.error.channel, 2);
    forget(&w);
    named(&w, 1, "dsk/3301", 3, "west", NULL);
    ASSERT_EQ(last_error(&w, 1), ERROR_NOT_ALLOWED);
    ASSERT_EQ(count(&w, 1, FRAME_SUBSCRIBED), 0);
}

TEST(copies_in_memory_are_not_handed_out_after_the_scope_was_lost) {
    WORLD(w, "hub");
    Filter all = { 0 };
    DirNode n = node_of(&w, "upt/r2");
    n.n_areas = 1;
    n.areas[0] = (ServiceArea) { .region = "32", .priority = 1 };
    change(&w, &n, NULL);
    hello(&w, 1, "dsk/3301", 1);
    hello(&w, 2, "upt/r2", 2);
    Frame f = { .kind = FRAME_SUBSCRIBE,
                .subscribe = { .channel = 1,
                               .source = SOURCE_NAMED,
                               .name = "all",
                               .filter = &all,
                               .credit_messages = 1 } };
    say_parts(&w, 2, "upt/r2", &f, NULL, 0);
    run(&w);
    for (uint8_t i = 1; i <= 3; i++)
        publish(&w, 1, "dsk/3301", "hub", i); /* of region 3203 */
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1); /* two wait, with their bodies */
    (void)text_copy(n.areas[0].region, REGION_SIZE, "33");
    change(&w, &n, NULL);
    credit(&w, 2, "upt/r2", 1, 5);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    ASSERT_EQ(number(&w, "SELECT count(*) FROM delivery d JOIN queue q ON q.id = d.queue "
                         "WHERE q.kind = 3"),
              1); /* the one that is out */
}

/* It waits for its retry, with its body. */
TEST(a_copy_that_was_put_off_is_not_handed_out_after_the_scope_was_lost) {
    WORLD(w, "hub");
    Filter all = { 0 };
    DirNode n = node_of(&w, "upt/r2");
    n.n_areas = 1;
    n.areas[0] = (ServiceArea) { .region = "32", .priority = 1 };
    change(&w, &n, NULL);
    hello(&w, 1, "dsk/3301", 1);
    hello(&w, 2, "upt/r2", 2);
    named(&w, 2, "upt/r2", 1, "all", &all);
    run(&w);
    publish(&w, 1, "dsk/3301", "hub", 1);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    settle(&w, 2, "upt/r2", 1, SETTLE_RETRY);
    run(&w);
    (void)text_copy(n.areas[0].region, REGION_SIZE, "33");
    change(&w, &n, NULL);
    credit(&w, 2, "upt/r2", 1, 5);
    for (int i = 0; i < 10; i++) {
        pass(&w, SECOND_MS);
        run(&w);
    }
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
}

/* --- links ------------------------------------------------------------------------------------ */

TEST(a_child_whose_key_is_revoked_loses_its_link) {
    WORLD(w, "hub");
    hello(&w, 1, "dsk/3301", 1);
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 5);
    publish(&w, 1, "dsk/3301", NODE, 1);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    ASSERT_EQ(broker_status(w.broker).child_links, 1);
    forget(&w);
    take_away(&w, "upt/r1");
    assert_ended(&w, 2);
    run(&w);
    ASSERT_EQ(broker_status(w.broker).child_links, 0);
    hello(&w, 2, "upt/r1", 2);
    ASSERT_EQ(count(&w, 2, FRAME_WELCOME), 0);
    DirKey k = key("upt/r1");
    change(&w, NULL, &k);
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 5);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1); /* nothing was lost */
}

TEST(a_child_that_stops_reading_its_link_has_left_it) {
    WORLD(w, "hub");
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 5);
    subscribe(&w, 2, "upt/r1", 2, SOURCE_RECEIPTS, 5);
    run(&w);
    say(&w, 2, "upt/r1", (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .channel = 2 } });
    ASSERT_EQ(broker_status(w.broker).child_links, 1);
    say(&w, 2, "upt/r1", (Frame) { .kind = FRAME_UNSUBSCRIBE, .unsubscribe = { .channel = 1 } });
    ASSERT_EQ(broker_status(w.broker).child_links, 0);
}

TEST(a_broker_has_its_mailbox_at_itself) {
    WORLD(w, "hub");
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_MAILBOX, 5);
    run(&w);
    ASSERT_EQ(last_error(&w, 2), ERROR_NOT_ALLOWED);
    ASSERT_EQ(count(&w, 2, FRAME_SUBSCRIBED), 0);
}

TEST(a_child_that_gets_another_parent_loses_its_link) {
    WORLD(w, "hub");
    hello(&w, 2, "upt/r1", 2);
    subscribe(&w, 2, "upt/r1", 1, SOURCE_LINK, 5);
    run(&w);
    forget(&w);
    DirNode n = node_of(&w, "upt/r1");
    (void)text_copy(n.broker_parent, sizeof(n.broker_parent), "upt/r2");
    change(&w, &n, NULL);
    assert_ended(&w, 2);
}

TEST(a_parent_that_was_revoked_is_not_spoken_to) {
    WORLD(w, "upt/r1");
    BrokerConfig config = w.config;
    DirKey k = key("hub");
    memcpy(config.parent_key, k.curve, sizeof(config.parent_key));
    broker_reconfigure(w.broker, &config);
    uplink_open(&w, 16);
    run(&w);
    ASSERT_TRUE(broker_status(w.broker).uplink_up);
    forget(&w);
    k.revoked = true;
    change(&w, NULL, &k);
    ASSERT_TRUE(!broker_status(w.broker).uplink_up);
    pass(&w, 11 * SECOND_MS);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 0);
    welcome(&w, 16); /* it speaks first, to no avail */
    ASSERT_TRUE(!broker_status(w.broker).uplink_up);
    k.revoked = false;
    change(&w, NULL, &k);
    pass(&w, 11 * SECOND_MS);
    ASSERT_EQ(count(&w, 0, FRAME_HELLO), 1);
    /* A key that ran out is the parent's all the same: its new one comes over this link. */
    welcome(&w, 16);
    k.valid_until_ms = w.now.wall_ms + 1;
    change(&w, NULL, &k);
    pass(&w, SECOND_MS);
    ASSERT_TRUE(broker_status(w.broker).uplink_up);
}

/* --- on record -------------------------------------------------------------------------------- */

TEST(a_flood_of_denied_calls_fills_neither_ledger_nor_journal) {
    WORLD(w, "upt/r1");
    grant(&w, NODE, verbs(1U << RIGHT_QUERY));
    hello(&w, 1, NODE, 1);
    run(&w);
    const int64_t before = number(&w, "SELECT coalesce(sum(n), 0) FROM ledger");
    for (int i = 0; i < 500; i++) {
        publish(&w, 1, NODE, OTHER, (uint8_t)i);
        subscribe(&w, 1, NODE, 1, SOURCE_MAILBOX, 1);
        settle(&w, 1, NODE, 1, SETTLE_DONE);
        run(&w);
        ask(&w, 1, NODE, "status");
        forget(&w);
    }
    pass(&w, MINUTE_MS);
    run(&w);
    const int64_t entries = number(&w, "SELECT coalesce(sum(n), 0) FROM ledger") - before;
    ASSERT_TRUE(entries >= 3 && entries <= 8);
    ASSERT_EQ(w.n_denied, entries); /* each with its line in the journal, and no more lines */
}

TEST(what_was_denied_since_the_last_entry_is_written_at_the_stop) {
    WORLD(w, "upt/r1");
    grant(&w, NODE, all_but(RIGHT_PUBLISH));
    hello(&w, 1, NODE, 1);
    for (uint8_t i = 1; i <= 5; i++) {
        publish(&w, 1, NODE, OTHER, i);
        run(&w);
    }
    ASSERT_EQ(w.n_denied, 1);
    const int64_t entries = number(&w, "SELECT sum(n) FROM ledger");
    broker_stop(w.broker, w.now);
    run(&w);
    ASSERT_EQ(w.n_denied, 2);
    ASSERT_EQ(number(&w, "SELECT sum(n) FROM ledger"), entries + 2); /* and that it stopped */
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Notices on the wire: a due timer reaches a mailbox and a link, before what is less urgent. */

#include "broker-fixture.h"
#include "wire/json.h"

static Uuid publish_text(World *w, uint8_t peer, const char *node, const char *text) {
    char why[JSON_WHY_SIZE] = "";
    _cleanup_(json_message_deinit) JsonMessage m = { 0 };
    if (json_parse_message(text, strlen(text), node, w->now.wall_ms, &m, why) < 0)
        fail_msg("%s", why);
    Frame f = { .kind = FRAME_PUBLISH, .publish = { .message_id = m.message_id } };
    const Bytes parts[] = { bytes_make(m.envelope, m.n_envelope), bytes_make(m.facts, m.n_facts) };
    forget(w);
    say_parts(w, peer, node, &f, parts, 2);
    run(w);
    const PublishResult *r = heard(w, peer, FRAME_PUBLISHED, 0)->f.published.results;
    if (r->verdict != VERDICT_ACCEPTED)
        fail_msg("%s %s", verdict_name(r->verdict), r->reasons ? r->reasons->list[0].code : "");
    return m.message_id;
}

static Uuid ask_for(World *w, const char *target, const char *expires) {
    char text[1024];
    (void)snprintf(
        text, sizeof(text),
        "{\"envelope\": {\"kind\": \"REFERRAL_REQUEST\", \"region\": \"3201\", \"urgency\": "
        "\"ROUTINE\", \"cluster\": \"OTHER_PPKS\", \"sensitivity\": \"INTERNAL\", \"case_id\": "
        "\"0195a1b2-0000-4000-8000-0000000000%02u\", \"audience\": {\"to\": [\"%s\"]}%s},"
        " \"facts\": {\"referral_kind\": \"INTER_AGENCY\", \"target_unit\": \"INDIVIDUAL\","
        " \"criteria\": [\"POVERTY\"], \"ppks_types\": [\"POOR\"], \"age_band\": \"AGE_18_59\","
        " \"requested_on\": \"2026-01-01\", \"approach\": \"COMMUNITY\", \"dtks_status\": "
        "\"LISTED\"}}",
        ++w->n_ids % 100, target, expires);
    return publish_text(w, 1, "dsk/3201", text);
}

/* The seconds of a while, one by one where timers are due. */
static void wait_for(World *w, int64_t ms) {
    pass(w, ms);
    run(w);
    for (int i = 0; i < 3; i++) {
        pass(w, SECOND_MS);
        run(w);
    }
}

TEST(a_notice_is_delivered_to_a_mailbox_before_what_is_less_urgent) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    hello(&w, 9, "dsk/3202", 9);
    ask_for(&w, "dsk/3202", "");
    const Uuid ordinary = publish(&w, 9, "dsk/3202", "dsk/3201", 0);
    run(&w);
    wait_for(&w, 6 * DAY_MS);
    forget(&w);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 10);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 2);
    const Frame *f = &heard(&w, 2, FRAME_DELIVER, 0)->f;
    ASSERT_TRUE(!uuid_equal(&heard(&w, 2, FRAME_DELIVER, 0)->id, &ordinary));
    ASSERT_TRUE(uuid_equal(&heard(&w, 2, FRAME_DELIVER, 1)->id, &ordinary));
    /* Once: no second one in the next minutes, and none after a restart. */
    settle(&w, 2, "dsk/3201", f->deliver.tag, SETTLE_DONE);
    settle(&w, 2, "dsk/3201", heard(&w, 2, FRAME_DELIVER, 1)->f.deliver.tag, SETTLE_DONE);
    run(&w);
    wait_for(&w, 10 * MINUTE_MS);
    w.broker = broker_free(w.broker);
    w.store = store_close(w.store);
    open_store(&w);
    open_broker(&w);
    wait_for(&w, MINUTE_MS);
    forget(&w);
    hello(&w, 3, "dsk/3201", 3);
    subscribe(&w, 3, "dsk/3201", 1, SOURCE_MAILBOX, 10);
    run(&w);
    assert_non_null(heard(&w, 3, FRAME_SUBSCRIBED, 0));
    ASSERT_EQ(count(&w, 3, FRAME_DELIVER), 0);
}

TEST(a_notice_goes_over_the_link_in_priority_and_is_never_receipted) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    subscribe(&w, 1, "dsk/3201", 2, SOURCE_RECEIPTS, 10);
    run(&w);
    char expires[64];
    (void)snprintf(expires, sizeof(expires), ", \"expires_at\": \"2026-01-02T00:00:00Z\"");
    const Uuid id = ask_for(&w, "dsk/3301", expires);
    wait_for(&w, DAY_MS);
    forget(&w);
    uplink_open(&w, 256);
    run(&w);
    /* The request has expired on the link; both sides hear that the referral has. */
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 1);
    const Heard *h = heard(&w, 0, FRAME_PUBLISH, 0);
    ASSERT_TRUE(!uuid_equal(&h->id, &id));
    const Forward *fwd = h->f.publish.forward;
    assert_non_null(fwd);
    ASSERT_STR(fwd->recipients[0].node, "dsk/3301");
    Frame f = { .kind = FRAME_PUBLISHED, .published = { .n = 1 } };
    PublishResult result = { .message_id = h->id, .verdict = VERDICT_ACCEPTED };
    f.published.results = &result;
    forget(&w);
    say(&w, 0, "hub", f);
    run(&w);
    hello(&w, 2, "dsk/3201", 2);
    subscribe(&w, 2, "dsk/3201", 1, SOURCE_MAILBOX, 10);
    run(&w);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    settle(&w, 2, "dsk/3201", heard(&w, 2, FRAME_DELIVER, 0)->f.deliver.tag, SETTLE_DONE);
    run(&w);
    ASSERT_EQ(count(&w, 0, FRAME_PUBLISH), 0);
}

/* --- a report that is out when the next one comes --- */

static Uuid report(World *w, const Uuid *event, unsigned seq) {
    char text[512], id[UUID_TEXT_SIZE];
    uuid_format(event, id);
    (void)snprintf(
        text, sizeof(text),
        "{\"envelope\": {\"kind\": \"EVENT_SITUATION\", \"region\": \"3201\", \"urgency\": "
        "\"EVENT\", \"sensitivity\": \"INTERNAL\", \"correlation_id\": \"%s\", "
        "\"audience\": {\"to\": [\"dsk/3202\", \"dsk/3203\"]}}, \"facts\": "
        "{\"event_id\": \"%s\", \"seq\": %u}}",
        id, id, seq);
    return publish_text(w, 1, "dsk/3201", text);
}

static Uuid event(World *w) {
    return publish_text(
        w, 1, "dsk/3201",
        "{\"envelope\": {\"kind\": \"EXTRAORDINARY_EVENT\", \"region\": \"3201\", "
        "\"urgency\": \"EVENT\", \"sensitivity\": \"INTERNAL\", \"audience\": {\"to\": "
        "[\"dsk/3301\"]}}, \"facts\": {\"event_type\": \"NATURAL_DISASTER\", "
        "\"status\": \"VERIFIED\", \"regions\": [\"3201\"], \"occurred_at\": "
        "\"2025-12-31T20:00:00Z\"}}");
}

static const char *outcome(World *w, const Uuid *id, const char *node) {
    static char text[64];
    char arg[UUID_TEXT_SIZE];
    uuid_format(id, arg);
    StoreOp *op = store_op_new(OP_QUERY);
    (void)text_copy(op->query.verb, sizeof(op->query.verb), "outcome");
    op->query.args[op->query.n_args++] = strdup(arg);
    ASSERT_OK(store_run(w->store, op, w->now.wall_ms));
    text[0] = '\0';
    for (uint32_t r = 0; r < table_rows(op->query.table); r++)
        if (strcmp(table_cell(op->query.table, r, 0), node) == 0)
            (void)snprintf(text, sizeof(text), "%s %s", table_cell(op->query.table, r, 2),
                           table_cell(op->query.table, r, 3));
    store_op_free(op);
    return text;
}

TEST(a_report_that_is_out_stays_out_when_the_next_one_comes) {
    WORLD(w, "upt/r1");
    hello(&w, 1, "dsk/3201", 1);
    hello(&w, 2, "dsk/3202", 2);
    const Uuid about = event(&w);
    subscribe(&w, 2, "dsk/3202", 1, SOURCE_MAILBOX, 10);
    run(&w);
    const Uuid first = report(&w, &about, 1);
    ASSERT_EQ(count(&w, 2, FRAME_DELIVER), 1);
    const uint64_t tag = heard(&w, 2, FRAME_DELIVER, 0)->f.deliver.tag;
    const Uuid second = report(&w, &about, 2);
    ASSERT_STR(outcome(&w, &first, "dsk/3202"), "PENDING ");
    ASSERT_STR(outcome(&w, &first, "dsk/3203"), "RECALLED SUPERSEDED");
    settle(&w, 2, "dsk/3202", tag, SETTLE_DONE);
    run(&w);
    ASSERT_STR(outcome(&w, &first, "dsk/3202"), "COLLECTED ");
    ASSERT_STR(outcome(&w, &second, "dsk/3203"), "PENDING ");
    ASSERT_TRUE(uuid_equal(&heard(&w, 2, FRAME_DELIVER, 0)->id, &second));
}

TEST_MAIN

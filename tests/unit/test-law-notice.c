/* SPDX-License-Identifier: Apache-2.0 */

/* Notices: where they go and how; how brokers follow each other's timers; superseded reports. */

#include "test.h"

#include "law-fixture.h"

/* --- where they go -------------------------------------------------------------------------- */

TEST(notices_go_to_mailboxes_here_and_over_links_in_priority_and_wait_for_nothing) {
    LAW_FIXTURE(f);
    (void)says_id(&f, request(&f, SENDER, DSP));
    f.now_ms = number(&f, "SELECT due FROM timer WHERE timer = 1");
    StoreOp *op = store_op_new(OP_DUE);
    op->due.limit = 64;
    run(&f, op);
    ASSERT_EQ(op->n_deposits, 2);
    for (uint32_t i = 0; i < op->n_deposits; i++) {
        ASSERT_EQ(op->deposits[i].row.lane, LANE_PRIORITY);
        assert_non_null(op->deposits[i].body);
    }
    const int64_t key = op->deposits[0].row.order_key;
    assert_int_not_equal(key, op->deposits[1].row.order_key);
    assert_int_not_equal(key, number(&f, "SELECT order_key FROM message WHERE kind = 1"));
    StoreOp *seen = bodies(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    Envelope e;
    ASSERT_OK(codec_decode_stored_envelope(body_envelope(seen->bodies.wanted[0].body), &e));
    ASSERT_STR(e.sender, SELF);
    ASSERT_STR(e.audience.nodes[0], SENDER);
    ASSERT_EQ(e.sensitivity, SENSITIVITY_INTERNAL);
    store_op_free(seen);

    /* Nobody is told what became of a notice, nor how it ended. */
    const int64_t messages = number(&f, "SELECT count(*) FROM message");
    settle(&f, &op->deposits[0].row, QUEUE_MAILBOX);
    store_op_free(
        change(&f, &op->deposits[1].row, QUEUE_LINK, ACTION_EXPIRE, CAUSE_EXPIRED_ON_LINK));
    ASSERT_EQ(number(&f, "SELECT count(*) FROM message"), messages);
    ASSERT_EQ(number(&f, "SELECT count(*) FROM outcome WHERE level > 0"), 0);
    store_op_free(op);
}

TEST(one_firing_gives_each_who_is_told_one_notice_of_its_own) {
    LAW_FIXTURE(f);
    (void)says_id(&f, request(&f, SENDER, DSP));
    for (int level = 0; level < 3; level++) {
        f.now_ms = number(&f, "SELECT due FROM timer WHERE timer = 1");
        (void)fires(&f);
    }
    const int64_t n = number(&f, "SELECT count(*) FROM message WHERE kind = 92");
    ASSERT_EQ(n, number(&f, "SELECT count(DISTINCT id) FROM message WHERE kind = 92"));
    ASSERT_EQ(n, 6);
}

/* The next broker takes what has the same id for a repetition. */
TEST(the_superior_of_two_who_do_not_collect_is_told_of_each) {
    LAW_FIXTURE(f);
    Message *m = message_to(&f, HOME, 1);
    also_to(m, "dsk/3204");
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->n_deposits, 2);
    f.now_ms += 5 * HOUR_MS;
    for (uint32_t i = 0; i < 2; i++)
        store_op_free(
            change(&f, &op->deposits[i].row, QUEUE_MAILBOX, ACTION_WARN_DELAY, CAUSE_NONE));
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "dsp/32"), 2);
    ASSERT_EQ(number(&f, "SELECT count(DISTINCT id) FROM message WHERE kind = 92"), 2);
    store_op_free(op);
}

/* Sent on a second time it is back with who had it: the common superior hears of it at once. */
TEST(who_must_decide_is_told_at_once) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, DSP);
    Uuid id = says_id(&f, m);
    m = response(&f, &id, DSP, SENDER, REFERRAL_DECISION_REDIRECTED);
    text_copy(m->facts.response.redirect_to, NODE_NAME_SIZE, SELF);
    ASSERT_STR(says(&f, m), "ACCEPTED");
    m = request(&f, SENDER, SELF);
    m->facts.request.parent_referral_id = id;
    const Uuid second = says_id(&f, m);
    m = response(&f, &second, SELF, SENDER, REFERRAL_DECISION_REDIRECTED);
    text_copy(m->facts.response.redirect_to, NODE_NAME_SIZE, DSP);
    ASSERT_STR(says(&f, m), "ACCEPTED");
    m = request(&f, SENDER, DSP);
    m->facts.request.parent_referral_id = second;
    id = m->env.message_id;
    ASSERT_STR(says(&f, m), "ACCEPTED (SUPERIOR_DECIDES)");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUPERIOR_DECIDES by min/rehsos of dsk/3203");
    ASSERT_STR(notices(&f), "SUPERIOR_DECIDES to min/rehsos");
    assert_lawful(&f);
}

TEST(a_child_referral_may_name_its_parent_or_only_the_answer_that_caused_it) {
    LAW_FIXTURE(f);
    const Uuid parent = says_id(&f, request(&f, SENDER, DSP));
    Message *m = response(&f, &parent, DSP, SENDER, REFERRAL_DECISION_REDIRECTED);
    text_copy(m->facts.response.redirect_to, NODE_NAME_SIZE, SELF);
    const Uuid answer = says_id(&f, m);
    m = request(&f, SENDER, SELF);
    m->env.causation_id = answer;
    const Uuid id = says_id(&f, m);
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_REFERRAL, &id, &i));
    ASSERT_TRUE(uuid_equal(&i.referral.parent, &parent));
    ASSERT_EQ(i.referral.redirect_count, 1);
    ASSERT_STR(i.referral.former[0], DSP);
    assert_lawful(&f);
}

/* --- following another broker's timers ------------------------------------------------------- */

/* The hub, home of the keeper, has fired; its notice passes here on its way to `to`. */
static void hub_says(Fixture *f, const Uuid *item, ItemKind kind, const char *code,
                     const char *from, int64_t due_ms, uint32_t level) {
    Message *m = letter(f, KIND_NOTICE, from, SENDER);
    m->env.case_id = (Uuid) { { 0 } };
    m->env.sensitivity = SENSITIVITY_INTERNAL;
    m->facts.notice = (NoticeFacts) {
        .item_kind = (uint8_t)kind, .item_id = *item, .due_ms = due_ms, .level = level
    };
    text_copy(m->facts.notice.code, sizeof(m->facts.notice.code), code);
    write_envelope(m);
    StoreOp *op = link_op(m, "hub", SENDER, f->now_ms);
    run(f, op);
    ASSERT_STR(answer_text(op), "ACCEPTED");
    ASSERT_EQ(op->n_deposits, 1);
    store_op_free(op);
}

TEST(what_a_timer_decided_at_the_keepers_broker_is_so_here_too) {
    LAW_FIXTURE(f);
    Message *m = complaint(&f, "cc/171", SENDER); /* its keeper lives at the hub */
    const Uuid id = says_id(&f, m);
    const int64_t due = f.now_ms + 3 * DAY_MS;
    f.now_ms = due + HOUR_MS;
    ASSERT_STR(fires(&f), "");
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203");
    /* Not from anybody else, not of another level. */
    hub_says(&f, &id, ITEM_COMPLAINT, "classify", "upt/satria", due, 0);
    hub_says(&f, &id, ITEM_COMPLAINT, "classify", "hub", due, 1);
    hub_says(&f, &id, ITEM_COMPLAINT, "classify", "hub", due + 30 * DAY_MS, 0);
    hub_says(&f, &id, ITEM_COMPLAINT, "opening", "hub", due, 0);
    hub_says(&f, &id, ITEM_NODE, "monitoring", "hub", due, 0);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203");
    /* Several are told of it, and it happens once. */
    for (int told = 0; told < 3; told++)
        hub_says(&f, &id, ITEM_COMPLAINT, "classify", "hub", due, 0);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsp/32 of dsp/32");
    ASSERT_STR(says(&f, complaint_step(&f, &id, DSP, "cc/171", COMPLAINT_ACTION_ASSIGN, SELF)),
               "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "ASSIGNED by upt/phala-martha of dsp/32");
    assert_lawful(&f);
}

TEST(a_referral_that_expired_elsewhere_takes_no_answer_here) {
    LAW_FIXTURE(f);
    Message *m = request(&f, REMOTE, DSP);
    m->env.expires_ms = f.now_ms + DAY_MS;
    const Uuid id = says_id(&f, m);
    _cleanup_(directory_unrefp) Directory *d = store_directory(f.store);
    ASSERT_STR(directory_node(d, REMOTE)->home, "upt/satria");
    f.now_ms += DAY_MS + HOUR_MS;
    hub_says(&f, &id, ITEM_REFERRAL, "expiry", "hub", f.now_ms - HOUR_MS, 0);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3302");
    hub_says(&f, &id, ITEM_REFERRAL, "expiry", "upt/satria", f.now_ms - HOUR_MS, 0);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "EXPIRED of dsk/3302");
    ASSERT_STR(says(&f, response(&f, &id, DSP, REMOTE, REFERRAL_DECISION_ACCEPTED)),
               "REFUSED R-017");
    assert_lawful(&f);
}

/* --- situation reports ---------------------------------------------------------------------- */

/* Outcomes that are not COLLECTED or waiting, "NODE LEVEL CAUSE". */
static const char *withdrawn(Fixture *f, const Uuid *id, const char *node) {
    static char text[256];
    char all[1024];
    text[0] = '\0';
    (void)outcomes(f, id, all, sizeof(all));
    for (char *save, *one = strtok_r(all, ";", &save); one; one = strtok_r(NULL, ";", &save))
        if (strstr(one, node))
            text_copy(text, sizeof(text), one[0] == ' ' ? one + 1 : one);
    return text;
}

/* As the broker does with rows that got the flag. */
static void withdraw(Fixture *f, const StoreOp *op) {
    for (uint32_t i = 0; i < op->n_recalled; i++)
        store_op_free(change(f, &op->recalled[i], QUEUE_MAILBOX, ACTION_RECALL, CAUSE_NONE));
}

static DeliveryRow row_of(Fixture *f, const char *node, uint32_t n) {
    StoreOp *op = load(f, queue_id(f, QUEUE_MAILBOX, node, NULL), LANE_EVENT, 10);
    ASSERT_TRUE(op->load.n > n);
    const DeliveryRow row = op->load.rows[n];
    store_op_free(op);
    return row;
}

TEST(a_situation_report_takes_the_place_of_the_one_before_it_where_that_was_not_handed_out) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, event(&f, DSP));
    const Uuid first = says_id(&f, situation(&f, &id, DSP, 1));
    /* The regency has it; the puskesos has it on its table. */
    const DeliveryRow done = row_of(&f, SENDER, 1);
    settle(&f, &done, QUEUE_MAILBOX);
    /* Another place reports the same event: no business of theirs. */
    const Uuid other = says_id(&f, situation(&f, &id, SELF, 1));
    StoreOp *op = saying(&f, situation(&f, &id, DSP, 2));
    run(&f, op);
    ASSERT_STR(answer_text(op), "ACCEPTED");
    for (uint32_t i = 0; i < op->n_recalled; i++) {
        ASSERT_TRUE(op->recalled[i].flags & DELIVERY_SUPERSEDED);
        ASSERT_EQ(op->recalled[i].seq, done.seq);
    }
    ASSERT_TRUE(op->n_recalled >= 2); /* here and on the link */
    withdraw(&f, op);
    store_op_free(op);
    ASSERT_STR(withdrawn(&f, &first, SENDER), "dsk/3203 COLLECTED");
    ASSERT_STR(withdrawn(&f, &first, "pks/"), "pks/3203052001 RECALLED SUPERSEDED");
    ASSERT_STR(withdrawn(&f, &other, "pks/"), "pks/3203052001 PENDING");
    /* The event, the other's report, the new one. */
    ASSERT_EQ(queued(&f, QUEUE_MAILBOX, "pks/3203052001"), 3);
    assert_lawful(&f);
}

TEST(a_report_to_fewer_takes_no_place_with_those_it_does_not_reach) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, event(&f, DSP));
    Message *m = situation(&f, &id, DSP, 1);
    text_copy(m->env.audience.scope[0], REGION_SIZE, "32");
    const Uuid first = says_id(&f, m);
    m = situation(&f, &id, DSP, 2);
    text_copy(m->env.audience.scope[0], REGION_SIZE, "3204");
    StoreOp *op = saying(&f, m);
    run(&f, op);
    ASSERT_STR(answer_text(op), "ACCEPTED");
    withdraw(&f, op);
    store_op_free(op);
    ASSERT_STR(withdrawn(&f, &first, "dsk/3204"), "dsk/3204 RECALLED SUPERSEDED");
    ASSERT_STR(withdrawn(&f, &first, SENDER), "dsk/3203 PENDING");
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 3); /* behind it nobody knows who has which */
    /* A third one to all of them takes the place of the second only. */
    m = situation(&f, &id, DSP, 3);
    text_copy(m->env.audience.scope[0], REGION_SIZE, "32");
    op = saying(&f, m);
    run(&f, op);
    withdraw(&f, op);
    store_op_free(op);
    ASSERT_STR(withdrawn(&f, &first, SENDER), "dsk/3203 PENDING");
}

/* It moved nothing, so it takes no place. */
TEST(an_old_report_takes_no_place) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, event(&f, DSP));
    const Uuid first = says_id(&f, situation(&f, &id, DSP, 5));
    StoreOp *op = saying(&f, situation(&f, &id, DSP, 4));
    run(&f, op);
    ASSERT_EQ(op->n_recalled, 0);
    store_op_free(op);
    ASSERT_STR(withdrawn(&f, &first, "pks/"), "pks/3203052001 PENDING");
}

TEST_MAIN

/* SPDX-License-Identifier: Apache-2.0 */

/* Items move with the message that moves them, and with nothing else. */

#include "test.h"

#include "law-fixture.h"

static const Uuid the_case = { { 0xc } };

/* --- each kind ------------------------------------------------------------------------------ */

TEST(a_referral_moves_with_each_message_about_it) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3203");
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_RECEIVED)), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "RECEIVED by dsp/32 of dsk/3203");
    Message *m = response(&f, &id, DSP, SENDER, REFERRAL_DECISION_NEEDS_DOCUMENTS);
    m->facts.response.missing = codes_of(DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(says(&f, m), "ACCEPTED (R-016)");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "NEEDS_DOCUMENTS by dsk/3203 of dsk/3203");
    m = update(&f, &id, SENDER, DSP, REFERRAL_ACTION_SUPPLEMENT);
    give(&m->facts.update.documents, DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(says(&f, m), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "RECEIVED by dsp/32 of dsk/3203");
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_ACCEPTED)), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "ACCEPTED by dsp/32 of dsk/3203");
    assert_lawful(&f);
}

TEST(what_the_targets_consumer_settled_is_delivered_and_not_received) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, DSP);
    const Uuid id = m->env.message_id;
    write_envelope(m);
    const DeliveryRow row = deposit(&f, m);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "DELIVERED by dsp/32 of dsk/3203");
    assert_lawful(&f);
}

TEST(what_never_reaches_the_target_is_back_with_the_requester) {
    LAW_FIXTURE(f);
    static const DeliveryAction ends[] = { ACTION_EXPIRE, ACTION_RECALL, ACTION_DEAD };
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        Message *m = request(&f, SENDER, DSP);
        m->env.case_id.b[1] = (uint8_t)i + 1;
        const Uuid id = m->env.message_id;
        write_envelope(m);
        const DeliveryRow row = deposit(&f, m);
        store_op_free(change(&f, &row, QUEUE_MAILBOX, ends[i], CAUSE_EXPIRED_IN_MAILBOX));
        ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "UNDELIVERABLE of dsk/3203");
    }
    assert_lawful(&f);
}

/* It went over a link: what becomes of it there is heard, and moves it as what is seen here. */
TEST(what_is_heard_of_a_request_moves_its_referral) {
    static const struct {
        int level;
        const char *want;
    } ends[] = { { LEVEL_DEPOSITED, "SUBMITTED by dsk/3302 of dsk/3203" },
                 { LEVEL_COLLECTED, "DELIVERED by dsk/3302 of dsk/3203" },
                 { LEVEL_UNDELIVERABLE, "UNDELIVERABLE of dsk/3203" } };
    LAW_FIXTURE(f);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        Message *m = request(&f, SENDER, REMOTE);
        m->env.case_id.b[1] = (uint8_t)i + 1;
        const Uuid id = m->env.message_id;
        write_envelope(m);
        const DeliveryRow row = deposit(&f, m);
        settle(&f, &row, QUEUE_LINK);
        ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsk/3302 of dsk/3203");
        m = letter(&f, KIND_RECEIPT, "hub", SENDER);
        m->lane = LANE_PRIORITY;
        m->facts.receipt =
            (ReceiptFacts) { .message_id = id, .level = ends[i].level, .said_ms = f.now_ms };
        text_copy(m->facts.receipt.recipient, NODE_NAME_SIZE, REMOTE);
        text_copy(m->facts.receipt.leg, NODE_NAME_SIZE, "hub");
        ASSERT_STR(says(&f, m), "ACCEPTED");
        ASSERT_STANDS(&f, ITEM_REFERRAL, &id, ends[i].want);
    }
    assert_lawful(&f);
}

TEST(a_request_that_came_too_late_over_its_link_is_undeliverable_at_once) {
    LAW_FIXTURE(f);
    Message *m = request(&f, REMOTE, DSP);
    const Uuid id = m->env.message_id;
    StoreOp *op = saying(&f, m);
    m->fwd.expires_ms = f.now_ms - 1;
    run(&f, op);
    store_op_free(op);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "UNDELIVERABLE of dsk/3302");
    assert_lawful(&f);
}

TEST(a_complaint_goes_from_hand_to_hand) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, complaint(&f, "pks/3203052001", SENDER));
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203");
    static const struct {
        const char *by, *assignee, *want;
        int action;
    } steps[] = {
        { SENDER, "", "CLASSIFIED by dsk/3203 of dsk/3203", COMPLAINT_ACTION_CLASSIFY },
        { SENDER, HOME, "ASSIGNED by uptd/32/pa-02 of dsk/3203", COMPLAINT_ACTION_ASSIGN },
        { HOME, "", "IN_PROGRESS by uptd/32/pa-02 of dsk/3203", COMPLAINT_ACTION_PROGRESS },
        { HOME, "", "RESOLVED by dsk/3203 of dsk/3203", COMPLAINT_ACTION_RESOLVE },
        { SENDER, "", "CLOSED of dsk/3203", COMPLAINT_ACTION_CLOSE },
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        const char *to = strcmp(steps[i].by, SENDER) == 0 ? HOME : SENDER;
        Message *m = complaint_step(&f, &id, steps[i].by, to, steps[i].action, steps[i].assignee);
        ASSERT_STR(says(&f, m), "ACCEPTED");
        ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, steps[i].want);
    }
    assert_lawful(&f);
}

TEST(a_case_and_its_proposal_move_with_their_messages) {
    LAW_FIXTURE(f);
    Message *m = opening(&f, SENDER, DSP);
    m->facts.opened.dtks_status = DTKS_STATUS_NOT_LISTED;
    ASSERT_STR(says(&f, m), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_CASE, &the_case, "STAGE_1 by dsk/3203 of dsk/3203");
    ASSERT_STR(says(&f, stage(&f, SENDER, DSP, 2, STAGE_PHASE_STARTED)), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_CASE, &the_case, "STAGE_2 by dsk/3203 of dsk/3203");
    m = letter(&f, KIND_DTKS_PROPOSAL, SENDER, DSP);
    const Uuid proposal = says_id(&f, m);
    ASSERT_STANDS(&f, ITEM_PROPOSAL, &proposal, "PROPOSED by dsp/32 of dsp/32");
    Item i;
    ASSERT_TRUE(item_of(&f, ITEM_CASE, &the_case, &i));
    ASSERT_TRUE(i.case_file.dtks_proposed);
    m = letter(&f, KIND_TERMINATION, SENDER, DSP);
    m->facts.termination.reason = TERMINATION_REASON_DECEASED;
    ASSERT_STR(says(&f, m), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_CASE, &the_case, "TERMINATED of dsk/3203");
    assert_lawful(&f);
}

TEST(an_event_is_known_to_all_and_acknowledged_once_by_each) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, event(&f, DSP));
    ASSERT_STANDS(&f, ITEM_EVENT, &id, "VERIFIED by dsp/32 of dsp/32");
    Item i;
    Message *drill = acknowledgement(&f, &id, HOME, DSP);
    drill->env.status = MESSAGE_STATUS_EXERCISE; /* leaves the true one to be counted */
    ASSERT_STR(says(&f, drill), "ACCEPTED (ILLEGAL_STEP ONLY_AN_EXERCISE)");
    for (int n = 0; n < 3; n++)
        ASSERT_STR(says(&f, acknowledgement(&f, &id, n < 2 ? SENDER : HOME, DSP)), "ACCEPTED");
    ASSERT_TRUE(item_of(&f, ITEM_EVENT, &id, &i));
    ASSERT_EQ(i.event.n_acknowledged, 2);
    assert_lawful(&f);
}

TEST(an_office_is_known_by_its_reports) {
    LAW_FIXTURE(f);
    Message *m = letter(&f, KIND_CAPACITY_UPDATE, HOME, DSP);
    m->env.case_id = (Uuid) { { 0 } };
    m->env.sensitivity = SENSITIVITY_INTERNAL;
    m->facts.capacity.places = 7;
    ASSERT_STR(says(&f, m), "ACCEPTED");
    Item i;
    const Uuid id = item_node_id(HOME);
    ASSERT_TRUE(item_of(&f, ITEM_NODE, &id, &i));
    ASSERT_EQ(i.oversight.free_places, 7);
    assert_lawful(&f);
}

/* --- with nothing else ---------------------------------------------------------------------- */

TEST(items_outlive_a_restart_and_a_crash) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    fixture_reopen(&f);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3203");
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_RECEIVED)), "ACCEPTED");
    fixture_crash(&f);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "RECEIVED by dsp/32 of dsk/3203");
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_WAITLISTED)), "ACCEPTED");
    ASSERT_EQ(acts_now(&f, 0), 3);
    assert_lawful(&f);
}

/* Stricter by configuration, never milder (test-rules.c). */
TEST(a_rule_that_the_operator_made_stricter_refuses) {
    LAW_FIXTURE(f);
    RuleFloors floors = { 0 };
    floors.least[rule_find("R-016") - rules_table] = SEVERITY_REFUSE;
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    f.config.floors = &floors;
    fixture_reopen(&f);
    Message *m = response(&f, &id, DSP, SENDER, REFERRAL_DECISION_NEEDS_DOCUMENTS);
    m->facts.response.missing = codes_of(DOCUMENT_TYPE_HEALTH_CERTIFICATE);
    ASSERT_STR(says(&f, m), "REFUSED R-016");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3203");
}

TEST(what_is_not_accepted_moves_nothing) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, DSP);
    m->facts.request.criteria = 0;
    Uuid id = m->env.message_id;
    ASSERT_STR(says(&f, m), "REFUSED R-006");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "unknown");

    /* The same message again, and under its id another one. */
    id = says_id(&f, request(&f, SENDER, DSP));
    const uint32_t n = f.n_ids;
    Message *yes = response(&f, &id, DSP, SENDER, REFERRAL_DECISION_WAITLISTED);
    ASSERT_STR(says(&f, yes), "ACCEPTED");
    for (int again = 0; again < 2; again++) {
        f.n_ids = n;
        m = response(&f, &id, DSP, SENDER,
                     again ? REFERRAL_DECISION_ACCEPTED : REFERRAL_DECISION_WAITLISTED);
        ASSERT_STR(says(&f, m), again ? "CONFLICT CONFLICT" : "DUPLICATE");
    }
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "WAITLISTED by dsp/32 of dsk/3203");
    ASSERT_EQ(acts_now(&f, 0), 2);
    assert_lawful(&f);
}

TEST(a_message_known_of_old_moves_its_items_no_second_time) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    const uint32_t n = f.n_ids;
    Message *m = response(&f, &id, "dsp/33", SENDER, REFERRAL_DECISION_RECEIVED);
    ASSERT_STR(says(&f, m), "ACCEPTED"); /* over the link: recorded as illegal */
    const int64_t acts = acts_now(&f, 0);
    f.now_ms += 40 * DAY_MS;
    f.store->purge_due_ms = 0;
    StoreOp *rows = load(&f, queue_id(&f, QUEUE_MAILBOX, SENDER, NULL), LANE_ROUTINE, 10);
    for (uint32_t i = 0; i < rows->load.n; i++)
        settle(&f, &rows->load.rows[i], QUEUE_MAILBOX);
    store_op_free(rows);
    idle(&f);
    /* Its bytes are gone; now it comes once more, for somebody else (a redirected dead letter). */
    f.n_ids = n;
    m = response(&f, &id, "dsp/33", "dsk/3204", REFERRAL_DECISION_RECEIVED);
    text_copy(m->env.audience.nodes[0], NODE_NAME_SIZE, SENDER);
    m->env.created_ms -= 40 * DAY_MS;
    StoreOp *op = saying(&f, m);
    text_copy(m->fwd.recipients[0].node, NODE_NAME_SIZE, "dsk/3204");
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    store_op_free(op);
    ASSERT_EQ(acts_now(&f, 0), acts);
    assert_lawful(&f);
}

TEST(a_batch_that_finds_no_room_moves_nothing_and_does_so_later) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d",
                   (int)number(&f, "PRAGMA page_count"));
    ASSERT_EQ(sqlite3_exec(f.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
    /* One that fits, with one behind it that does not. */
    StoreOp *first = saying(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_RECEIVED));
    const uint32_t n = f.n_ids;
    StoreOp *last = first;
    for (int i = 0; i < 200; i++) {
        last->next = saying(&f, message_to(&f, HOME, 1));
        last = last->next;
    }
    ASSERT_OK(store_run(f.store, first, f.now_ms));
    ASSERT_EQ(first->accept.result.verdict, VERDICT_LATER);
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3203");
    for (StoreOp *op = first, *next; op; op = next) {
        next = op->next;
        store_op_free(op);
    }
    ASSERT_EQ(sqlite3_exec(f.store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
              SQLITE_OK);
    f.now_ms += 10 * SECOND_MS;
    idle(&f);
    f.n_ids = n - 1;
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_RECEIVED)), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "RECEIVED by dsp/32 of dsk/3203");
    assert_lawful(&f);
}

/* --- illegal steps -------------------------------------------------------------------------- */

TEST(an_illegal_step_is_recorded_flagged_and_answered_in_both_languages) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, complaint(&f, "pks/3203052001", SENDER));
    StoreOp *op = saying(&f, complaint_step(&f, &id, DSP, SENDER, COMPLAINT_ACTION_CLASSIFY, ""));
    run(&f, op);
    ASSERT_STR(answer_text(op), "ACCEPTED (ILLEGAL_STEP NOT_THE_HOLDER)");
    const Reason *r = &op->accept.result.reasons->list[0];
    ASSERT_STR(r->text_en, "Only the holder of the complaint may do this.");
    ASSERT_STR(r->text_id, "Hanya pemegang pengaduan yang dapat melakukan ini.");
    store_op_free(op);
    ASSERT_STANDS(&f, ITEM_COMPLAINT, &id, "RECEIVED by dsk/3203 of dsk/3203, flagged");
    op = ask_item(&f, "", "item-history", ITEM_COMPLAINT, &id);
    ASSERT_STR(column(op, "step"), "applied illegal");
    ASSERT_STR(cell(op, 1, "why"), "NOT_THE_HOLDER");
    ASSERT_STR(cell(op, 1, "by"), DSP);
    store_op_free(op);
    assert_lawful(&f);
}

/* Its sender's broker knew nothing of the matter and could not say so. */
TEST(an_illegal_step_that_came_over_a_link_is_answered_by_a_notice) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    ASSERT_STR(says(&f, response(&f, &id, REMOTE, SENDER, REFERRAL_DECISION_ACCEPTED)), "ACCEPTED");
    ASSERT_STANDS(&f, ITEM_REFERRAL, &id, "SUBMITTED by dsp/32 of dsk/3203, flagged");
    ASSERT_STR(notices(&f), "ILLEGAL_STEP to dsk/3302");
    ASSERT_EQ(queued(&f, QUEUE_LINK, "hub"), 1);
    assert_lawful(&f);
}

/* Two of one moment are told as two: the next broker takes what has the same id for a repetition.
 */
TEST(each_of_two_illegal_steps_of_one_moment_is_told) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, DSP));
    const int64_t now_ms = f.now_ms;
    for (int i = 0; i < 2; i++)
        ASSERT_STR(says(&f, response(&f, &id, REMOTE, SENDER, REFERRAL_DECISION_ACCEPTED)),
                   "ACCEPTED");
    ASSERT_EQ(f.now_ms, now_ms);
    ASSERT_STR(notices(&f), "ILLEGAL_STEP to dsk/3302; ILLEGAL_STEP to dsk/3302");
    ASSERT_EQ(number(&f, "SELECT count(DISTINCT id) FROM message WHERE kind = 92"), 2);
    assert_lawful(&f);
}

static int64_t handed_on(Fixture *f, const char *to) {
    char sql[128];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM trail WHERE step = 'handed on' AND who = '%s'", to);
    return number_now(f, sql);
}

/* Who has it is noted while the complaint is pending, and found out anew after a crash. */
TEST(a_new_holder_is_handed_a_complaint_and_its_story_once) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, complaint(&f, "pks/3203052001", SENDER));
    ASSERT_STR(
        says(&f, complaint_step(&f, &id, SENDER, "pks/3203052001", COMPLAINT_ACTION_CLASSIFY, "")),
        "ACCEPTED");
    ASSERT_EQ(number_now(&f, "SELECT count(*) FROM trail WHERE step = 'handed on'"), 0);
    for (int i = 0; i < 3; i++) {
        ASSERT_STR(says(&f, complaint_step(&f, &id, SENDER, "pks/3203052001",
                                           COMPLAINT_ACTION_ASSIGN, HOME)),
                   "ACCEPTED");
        ASSERT_EQ(handed_on(&f, HOME), 2); /* the opening and CLASSIFY */
        if (i == 1)
            fixture_crash(&f);
    }
    ASSERT_STR(
        says(&f, complaint_step(&f, &id, SENDER, "pks/3203052001", COMPLAINT_ACTION_REROUTE, DSP)),
        "ACCEPTED");
    ASSERT_TRUE(handed_on(&f, DSP) > 2);
    assert_lawful(&f);
}

TEST_MAIN

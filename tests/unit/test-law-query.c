/* SPDX-License-Identifier: Apache-2.0 */

/* Questions about items: who may see what, and what the answers say. */

#include "test.h"

#include "law-fixture.h"

static bool sees(Fixture *f, const char *node, ItemKind kind, const Uuid *id) {
    static const char *const verbs[] = { "item", "item-history", "item-due", "item-receipts" };
    int seen = 0;
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        StoreOp *op = ask_item(f, node, verbs[i], kind, id);
        seen += op->query.table->code == 0;
        if (op->query.table->code != 0)
            assert_null(strstr(op->query.table->text, "01950000")); /* not even that it exists */
        store_op_free(op);
    }
    ASSERT_TRUE(seen == 0 || seen == (int)ARRAY_SIZE(verbs));
    return seen > 0;
}

/* domain 6.8 */
TEST(each_kind_of_node_sees_its_own) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, request(&f, SENDER, HOME));
    static const struct {
        const char *node;
        bool sees;
    } list[] = {
        { "", true },     /* an operator */
        { SENDER, true }, /* asked */
        { HOME, true },   /* is asked */
        { DSP, true },    /* its province */
        { SELF, true },   /* its area */
        { "min/rehsos", true },
        { "hub", true },
        { "dsk/3204", false }, /* another regency */
        { "dsp/33", false },
        { "upt/satria", false },
        { "pks/3203052001", false }, /* only what is addressed to it */
        { "lks/3306/0001", false },
        { "cc/171", false },
        { "int/siks", false },
        { "dsk/3299", false }, /* inactive */
        { "no/such", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(list); i++)
        if (sees(&f, list[i].node, ITEM_REFERRAL, &id) != list[i].sees)
            fail_msg("%s", list[i].node);
}

TEST(who_is_complained_about_does_not_see_the_complaint_and_who_reported_it_does) {
    LAW_FIXTURE(f);
    Message *m = complaint(&f, "pks/3203052001", DSP);
    text_copy(m->facts.complaint.about_node, NODE_NAME_SIZE, SENDER);
    const Uuid id = says_id(&f, m);
    ASSERT_TRUE(!sees(&f, SENDER, ITEM_COMPLAINT, &id));
    ASSERT_TRUE(sees(&f, "pks/3203052001", ITEM_COMPLAINT, &id));
    ASSERT_TRUE(sees(&f, DSP, ITEM_COMPLAINT, &id));
    ASSERT_TRUE(!sees(&f, HOME, ITEM_COMPLAINT, &id));
    StoreOp *op = ask_as(&f, SENDER, "due", NULL, NULL);
    ASSERT_EQ(table_rows(op->query.table), 0);
    store_op_free(op);
}

TEST(of_an_event_everybody_may_know) {
    LAW_FIXTURE(f);
    const Uuid id = says_id(&f, event(&f, DSP));
    ASSERT_TRUE(sees(&f, "lks/3306/0001", ITEM_EVENT, &id));
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);
    StoreOp *op = ask_as(&f, "lks/3306/0001", "unacknowledged", "event", text);
    ASSERT_EQ(op->query.table->code, 0);
    store_op_free(op);
}

TEST(an_item_tells_how_it_stands) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, HOME);
    m->env.status = MESSAGE_STATUS_EXERCISE;
    const Uuid id = says_id(&f, m);
    StoreOp *op = ask_item(&f, SENDER, "item", ITEM_REFERRAL, &id);
    static const struct {
        const char *column, *value;
    } want[] = { { "kind", "referral" },  { "state", "SUBMITTED" }, { "status", "EXERCISE" },
                 { "custodian", SENDER }, { "owes", HOME },         { "opened_by", SENDER },
                 { "target", HOME },      { "region", "3203" },     { "steps", "1" },
                 { "held", "0" } };
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        ASSERT_STR(cell(op, 0, want[i].column), want[i].value);
    assert_string_not_equal(cell(op, 0, "rule_set"), "");
    store_op_free(op);
    op = ask_as(&f, "", "item", "referral", "nonsense");
    ASSERT_EQ(op->query.table->code, 2);
    store_op_free(op);
    op = ask_as(&f, "", "item", "nonsense", NULL);
    ASSERT_EQ(op->query.table->code, 2);
    store_op_free(op);
    op = ask_as(&f, "", "item", NULL, NULL);
    ASSERT_EQ(op->query.table->code, 2);
    store_op_free(op);
}

TEST(a_history_tells_who_did_what_and_its_receipts) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, DSP);
    const Uuid id = m->env.message_id;
    write_envelope(m);
    const DeliveryRow row = deposit(&f, m);
    settle(&f, &row, QUEUE_MAILBOX);
    ASSERT_STR(says(&f, response(&f, &id, DSP, SENDER, REFERRAL_DECISION_RECEIVED)), "ACCEPTED");
    f.now_ms = number(&f, "SELECT due FROM timer WHERE timer = 1");
    ASSERT_STR(fires(&f), "answer:0");
    StoreOp *op = ask_item(&f, DSP, "item-history", ITEM_REFERRAL, &id);
    ASSERT_STR(column(op, "by"), "dsk/3203 dsp/32 dsp/32 upt/phala-martha");
    ASSERT_STR(column(op, "what"), "REFERRAL_REQUEST collected REFERRAL_RESPONSE timer answer");
    ASSERT_STR(column(op, "to"), "SUBMITTED DELIVERED RECEIVED RECEIVED");
    store_op_free(op);
    op = ask_item(&f, SENDER, "item-receipts", ITEM_REFERRAL, &id);
    ASSERT_STR(column(op, "recipient"), DSP);
    ASSERT_STR(column(op, "outcome"), "COLLECTED");
    store_op_free(op);
    op = ask_item(&f, SENDER, "item-due", ITEM_REFERRAL, &id);
    ASSERT_STR(cell(op, 0, "timer"), "answer");
    ASSERT_STR(cell(op, 0, "overdue"), "1");
    ASSERT_STR(cell(op, 0, "told"), "1");
    store_op_free(op);
}

TEST(a_worklist_has_what_waits_for_the_node_and_only_for_it) {
    LAW_FIXTURE(f);
    const Uuid one = says_id(&f, request(&f, SENDER, DSP));
    Message *m = request(&f, SENDER, HOME);
    m->env.case_id.b[1] = 1;
    const Uuid two = says_id(&f, m);
    (void)says_id(&f, complaint(&f, "pks/3203052001", SENDER));
    ASSERT_STR(says(&f, opening(&f, SENDER, DSP)), "ACCEPTED");
    ASSERT_STR(says(&f, response(&f, &one, DSP, SENDER, REFERRAL_DECISION_RECEIVED)), "ACCEPTED");
    StoreOp *op = ask_as(&f, DSP, "worklist", "dsk/3203", NULL); /* its own, whatever it asks */
    ASSERT_STR(column(op, "work"), "TO_DECIDE");
    ASSERT_STR(cell(op, 0, "from"), SENDER);
    store_op_free(op);
    op = ask_as(&f, "", "worklist", HOME, NULL);
    ASSERT_STR(column(op, "work"), "TO_RECEIVE");
    store_op_free(op);
    op = ask_as(&f, SENDER, "worklist", NULL, NULL);
    ASSERT_STR(column(op, "work"), "TO_RECEIVE TO_SUPPLY");
    ASSERT_STR(column(op, "kind"), "complaint case");
    store_op_free(op);
    op = ask_as(&f, "", "worklist", NULL, NULL);
    ASSERT_EQ(op->query.table->code, 2);
    store_op_free(op);
    ASSERT_STR(says(&f, response(&f, &two, HOME, SENDER, REFERRAL_DECISION_DECLINED)), "ACCEPTED");
    op = ask_as(&f, HOME, "worklist", NULL, NULL);
    ASSERT_EQ(table_rows(op->query.table), 0);
    store_op_free(op);
}

TEST(what_is_owed_is_told_in_order_and_by_whom) {
    LAW_FIXTURE(f);
    Message *m = request(&f, SENDER, DSP);
    m->env.urgency = URGENCY_PRIORITY;
    m->env.case_id.b[1] = 1;
    (void)says_id(&f, request(&f, SENDER, HOME));
    (void)says_id(&f, m);
    StoreOp *op = ask_as(&f, SENDER, "due", NULL, NULL);
    ASSERT_STR(column(op, "owed_by"), "dsp/32 uptd/32/pa-02");
    store_op_free(op);
    op = ask_as(&f, SENDER, "due", HOME, NULL);
    ASSERT_STR(column(op, "owed_by"), HOME);
    store_op_free(op);
    op = ask_as(&f, "dsk/3204", "due", NULL, NULL);
    ASSERT_EQ(table_rows(op->query.table), 0);
    store_op_free(op);
}

/* Each step is a transaction of its own, so that others come in between. */
TEST(what_is_owed_is_looked_through_in_steps_whoever_asks) {
    LAW_FIXTURE(f);
    (void)says_id(&f, request(&f, SENDER, HOME));
    StoreOp *op = ask_as(&f, "", "due", NULL, NULL); /* it is in its table now */
    const uint32_t all = table_rows(op->query.table) + 1300;
    store_op_free(op);
    ASSERT_EQ(sqlite3_exec(f.store->db,
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                           "i < 1300) INSERT INTO timer SELECT due + i, kind, id, timer "
                           "FROM (SELECT * FROM timer WHERE kind = 1 LIMIT 1), n",
                           NULL, NULL, NULL),
              SQLITE_OK);
    const struct {
        const char *node;
        uint32_t limit, steps, rows;
        bool more;
    } asked[] = {
        { "", 2000, 3, all, false },
        { "", 700, 2, 700, true },
        { "dsk/3204", 2000, 3, 0, false }, /* may see none */
    };
    for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
        uint32_t steps = 0;
        op = store_op_new(OP_QUERY);
        strcpy(op->query.verb, "due");
        strcpy(op->query.authority, asked[i].node);
        op->query.limit = asked[i].limit;
        do {
            run(&f, op);
            steps++;
        } while (store_query_goes_on(op));
        ASSERT_EQ(steps, asked[i].steps);
        ASSERT_EQ(table_rows(op->query.table), asked[i].rows);
        ASSERT_EQ(op->query.table->more, asked[i].more);
        store_op_free(op);
    }
}

TEST(a_report_counts_by_place_and_hides_small_cells) {
    LAW_FIXTURE(f);
    for (int i = 0; i < 7; i++) {
        Message *m = request(&f, SENDER, i < 5 ? HOME : DSP);
        m->env.case_id.b[1] = (uint8_t)i;
        if (i < 2)
            m->env.status = i ? MESSAGE_STATUS_EXERCISE : MESSAGE_STATUS_TEST; /* not counted */
        (void)says_id(&f, m);
    }
    for (int i = 0; i < 4; i++) /* the most that is hidden */
        (void)says_id(&f, complaint(&f, "pks/3203052001", SENDER));
    (void)says_id(&f, event(&f, DSP));
    StoreOp *op = ask_as(&f, SENDER, "report", NULL, NULL);
    ASSERT_STR(column(op, "kind"), "referral complaint event");
    ASSERT_STR(column(op, "count"), "5 <5 1"); /* of an event there is nothing to hide */
    store_op_free(op);
    op = ask_as(&f, "dsk/3204", "report", NULL, NULL);
    ASSERT_EQ(table_rows(op->query.table), 0);
    store_op_free(op);
    op = ask_as(&f, "", "report", "33", NULL);
    ASSERT_EQ(table_rows(op->query.table), 0);
    store_op_free(op);
    op = ask_as(&f, "min/rehsos", "report", "32", NULL);
    ASSERT_EQ(table_rows(op->query.table), 3);
    store_op_free(op);
}

/* "NODE ROLE;NODE ROLE;" */
static const char *resolve(Fixture *f, uint32_t limit, bool *ret_more) {
    static char text[512];
    StoreOp *op = store_op_new(OP_QUERY);
    text_copy(op->query.verb, sizeof(op->query.verb), "resolve");
    text_copy(op->query.authority, sizeof(op->query.authority), DSP);
    op->query.limit = limit;
    op->query.message = event(f, DSP);
    run(f, op);
    const Table *t = op->query.table;
    text[0] = '\0';
    for (uint32_t i = 0; i < table_rows(t); i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s;", table_cell(t, i, 0),
                 table_cell(t, i, 1));
    *ret_more = t->more;
    store_op_free(op);
    return text;
}

TEST(all_of_an_events_area_are_told_before_it_is_published_wherever_they_live) {
    bool more;
    LAW_FIXTURE(f);
    ASSERT_STR(resolve(&f, 0, &more),
               "cc/171 ADDRESSEE;dsk/3203 ADDRESSEE;hub ADDRESSEE;min/rehsos ADDRESSEE;"
               "pks/3203052001 ADDRESSEE;upt/phala-martha ADDRESSEE;");
    ASSERT_TRUE(!more);
    (void)resolve(&f, 6, &more);
    ASSERT_TRUE(!more);
    ASSERT_STR(resolve(&f, 2, &more), "cc/171 ADDRESSEE;dsk/3203 ADDRESSEE;");
    ASSERT_TRUE(more);
}

TEST_MAIN

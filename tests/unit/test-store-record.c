/* SPDX-License-Identifier: Apache-2.0 */

/* The directory in the store: what an institution is, holidays, and records (M70) that change it.
 */

#include "test.h"

#include "store-fixture.h"

#define LKSA     "lksa/3203/0008"
#define MINISTRY "min/rehsos"

static const CivilDate until = { 2027, 4, 30 };

static DirNode institution(void) {
    DirNode n = sample_node(LKSA, NODE_LKSA, SELF);
    n.ipwl = n.lpks = n.national_referral_centre = n.ska = n.odhiv = true;
    n.bases = codes_of(APPROACH_FAMILY) | codes_of(APPROACH_RESIDENTIAL);
    n.accreditation_grade = ACCREDITATION_GRADE_C;
    n.accreditation_valid_until = (CivilDate) { 2025, 4, 30 };
    n.designation_by = DESIGNATION_BY_GOVERNOR;
    n.designation_scope = DESIGNATION_SCOPE_BOTH;
    n.designation_valid_until = (CivilDate) { 2026, 12, 31 };
    return n;
}

static void import_institution(Fixture *f) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_nodes = 1;
    op->import.nodes = calloc(1, sizeof(DirNode));
    op->import.nodes[0] = institution();
    run(f, op);
    assert_non_null(op->import.directory);
    store_op_free(op);
}

static void import_holidays(Fixture *f, uint32_t n, const DirHoliday *list, bool replace) {
    StoreOp *op = store_op_new(OP_IMPORT);
    op->import.n_holidays = n;
    op->import.holidays = calloc(n + 1, sizeof(DirHoliday));
    memcpy(op->import.holidays, list, n * sizeof(*list));
    op->import.replace = replace;
    run(f, op);
    assert_non_null(op->import.directory);
    store_op_free(op);
}

/* A record of `sender` about the institution, to the hub. */
static Message *record(Fixture *f, const char *sender) {
    Message *m = message_to(f, "hub", 0);
    m->env.kind = KIND_NODE_RECORD;
    m->env.cluster = CLUSTER_ANY;
    (void)text_copy(m->env.sender, sizeof(m->env.sender), sender);
    NodeRecordFacts *r = &m->facts.node;
    *r = (NodeRecordFacts) { .kind = NODE_LKSA };
    (void)text_copy(r->id, sizeof(r->id), LKSA);
    return m;
}

static DirNode stored(Fixture *f, uint64_t *ret_version) {
    _cleanup_(directory_unrefp) Directory *d = store_directory(f->store);
    const DirNode *n = directory_node(d, LKSA);
    assert_non_null(n);
    if (ret_version)
        *ret_version = directory_version(d);
    return *n;
}

static void assert_same(const DirNode *a, const DirNode *b) {
    ASSERT_EQ(a->ipwl, b->ipwl);
    ASSERT_EQ(a->lpks, b->lpks);
    ASSERT_EQ(a->national_referral_centre, b->national_referral_centre);
    ASSERT_EQ(a->ska, b->ska);
    ASSERT_EQ(a->odhiv, b->odhiv);
    ASSERT_EQ(a->bases, b->bases);
    ASSERT_EQ(a->accreditation_grade, b->accreditation_grade);
    ASSERT_EQ(civil_compare(a->accreditation_valid_until, b->accreditation_valid_until), 0);
    ASSERT_EQ(a->designation_by, b->designation_by);
    ASSERT_EQ(a->designation_scope, b->designation_scope);
    ASSERT_EQ(civil_compare(a->designation_valid_until, b->designation_valid_until), 0);
}

TEST(what_an_institution_is_survives_a_restart) {
    FIXTURE(f);
    const DirNode want = institution();
    import_institution(&f);
    fixture_reopen(&f);
    DirNode n = stored(&f, NULL);
    assert_same(&n, &want);
    _cleanup_(directory_unrefp) Directory *d = store_directory(f.store);
    const DirNode *plain = directory_node(d, SENDER);
    ASSERT_TRUE(!plain->ipwl && plain->bases == 0);
    ASSERT_TRUE(!civil_is_set(plain->accreditation_valid_until));
}

static const char *shown(const Table *t, const char *field) {
    for (uint32_t i = 0; i < table_rows(t); i++)
        if (strcmp(table_cell(t, i, 0), field) == 0)
            return table_cell(t, i, 1);
    return "";
}

TEST(node_show_tells_what_an_institution_is) {
    FIXTURE(f);
    import_institution(&f);
    StoreOp *op = ask(&f, "node-show", LKSA);
    const Table *t = op->query.table;
    ASSERT_STR(shown(t, "ipwl"), "yes");
    ASSERT_STR(shown(t, "accreditation"), "C");
    ASSERT_STR(shown(t, "accreditation_valid_until"), "2025-04-30");
    ASSERT_STR(shown(t, "designation_by"), "governor");
    ASSERT_STR(shown(t, "designation_scope"), "outside and in homes");
    ASSERT_STR(shown(t, "designation_valid_until"), "2026-12-31");
    ASSERT_STR(shown(t, "base"), "family");
    store_op_free(op);
    op = ask(&f, "node-show", SENDER);
    ASSERT_STR(shown(op->query.table, "ipwl"), "");
    ASSERT_STR(shown(op->query.table, "accreditation_valid_until"), "");
    store_op_free(op);
}

TEST(holidays_survive_a_restart_and_can_be_taken_back) {
    FIXTURE(f);
    const DirHoliday days[] = { { .on = { 2025, 3, 31 }, .name = "Idul Fitri" },
                                { .on = { 1969, 8, 15 }, .name = "before 1970" },
                                { .on = { 2025, 3, 28 }, .name = "Nyepi" } };
    const DirHoliday back = { .on = { 2025, 3, 28 }, .working = true };
    import_holidays(&f, 3, days, false);
    import_holidays(&f, 1, &back, false);
    fixture_reopen(&f);
    Directory *d = store_directory(f.store);
    ASSERT_EQ(directory_version(d), 3);
    ASSERT_EQ(directory_holiday_count(d), 3);
    ASSERT_STR(directory_holiday_at(d, 0)->name, "before 1970");
    ASSERT_TRUE(!directory_is_working_day(d, days[0].on));
    ASSERT_TRUE(!directory_is_working_day(d, days[1].on));
    ASSERT_TRUE(directory_is_working_day(d, days[2].on));
    ASSERT_STR(directory_holiday_at(d, 2)->name, "Idul Fitri");
    directory_unref(d);

    import_holidays(&f, 0, days, true);
    fixture_reopen(&f);
    d = store_directory(f.store);
    ASSERT_EQ(directory_holiday_count(d), 0);
    directory_unref(d);
}

TEST(the_ministrys_record_renews_the_accreditation_at_once_and_for_good) {
    FIXTURE(f);
    import_institution(&f);
    Message *m = record(&f, MINISTRY);
    m->facts.node.accreditation_grade = ACCREDITATION_GRADE_B;
    m->facts.node.accreditation_valid_until = until;
    /* From above: the ministry's home is the hub. */
    StoreOp *op = link_op(m, "hub", SELF, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    assert_non_null(op->accept.directory);
    ASSERT_EQ(directory_version(op->accept.directory), 3);
    ASSERT_EQ(directory_node(op->accept.directory, LKSA)->accreditation_grade,
              ACCREDITATION_GRADE_B);
    store_op_free(op);

    uint64_t version = 0;
    DirNode want = institution(), n = stored(&f, &version);
    want.accreditation_grade = ACCREDITATION_GRADE_B;
    want.accreditation_valid_until = until;
    assert_same(&n, &want);
    ASSERT_EQ(version, 3);
    fixture_reopen(&f);
    n = stored(&f, &version);
    assert_same(&n, &want);
    ASSERT_EQ(version, 3);
    assert_sound(&f);
}

TEST(an_exercise_changes_no_directory) {
    FIXTURE(f);
    import_institution(&f);
    Message *m = record(&f, MINISTRY);
    m->env.status = MESSAGE_STATUS_EXERCISE;
    m->facts.node.inactive = true;
    StoreOp *op = link_op(m, "hub", SELF, f.now_ms);
    run(&f, op);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    assert_null(op->accept.directory);
    store_op_free(op);
    ASSERT_TRUE(!stored(&f, NULL).inactive);
    assert_sound(&f);
}

TEST(records_in_one_batch_add_up) {
    FIXTURE(f);
    import_institution(&f);
    StoreOp *first = accept_op(record(&f, LKSA)), *second = accept_op(record(&f, LKSA));
    first->accept.message->facts.node.capacity = 25;
    second->accept.message->facts.node.no_clients = true;
    first->next = second;
    run(&f, first);
    ASSERT_EQ(directory_version(first->accept.directory), 3);
    ASSERT_EQ(directory_version(second->accept.directory), 4);
    ASSERT_TRUE(!directory_node(first->accept.directory, LKSA)->no_clients);
    store_op_free(first);
    store_op_free(second);
    fixture_reopen(&f);
    const DirNode n = stored(&f, NULL);
    ASSERT_EQ(n.capacity, 25);
    ASSERT_TRUE(n.no_clients);
}

TEST(a_record_without_right_or_news_leaves_the_directory_as_it_is) {
    FIXTURE(f);
    import_institution(&f);
    Message *m = record(&f, LKSA); /* a grade of its own making */
    m->facts.node.accreditation_grade = ACCREDITATION_GRADE_A;
    StoreOp *op = publish(&f, m);
    ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
    assert_null(op->accept.directory);
    store_op_free(op);
    op = publish(&f, record(&f, LKSA));
    assert_null(op->accept.directory);
    store_op_free(op);
    m = record(&f, LKSA);
    (void)text_copy(m->facts.node.id, NODE_NAME_SIZE, "lksa/3203/9999");
    m->facts.node.capacity = 25;
    op = accept_op(m);
    run(&f, op);
    assert_null(op->accept.directory);
    store_op_free(op);
    uint64_t version = 0;
    const DirNode want = institution(), n = stored(&f, &version);
    assert_same(&n, &want);
    ASSERT_EQ(version, 2);
}

static Verdict say_capacity(Fixture *f, const char *sender, uint32_t places, const char *link) {
    Message *m = record(f, sender);
    m->facts.node.capacity = places;
    m->lane = LANE_EMERGENCY; /* helps nobody */
    StoreOp *op = link ? link_op(m, link, "hub", f->now_ms) : accept_op(m);
    run(f, op);
    const Verdict v = op->accept.result.verdict;
    if (v == VERDICT_LATER)
        ASSERT_STR(op->accept.result.reasons->list[0].code, "SLOW_DOWN");
    store_op_free(op);
    return v;
}

/* Each is a change of the directory for the whole country, and is kept for good. */
TEST(nobody_changes_a_record_without_end) {
    FIXTURE(f);
    import_institution(&f);
    uint32_t n = 0;
    uint64_t version, after;
    while (n < 40 && say_capacity(&f, LKSA, 10 + n % 2, NULL) == VERDICT_ACCEPTED)
        n++;
    ASSERT_EQ(n, 32);
    ASSERT_EQ(stored(&f, &version).capacity, 11);
    ASSERT_EQ(say_capacity(&f, MINISTRY, 40, "hub"), VERDICT_ACCEPTED); /* others may */
    ASSERT_EQ(stored(&f, NULL).capacity, 40);
    f.now_ms += 10 * MINUTE_MS;
    ASSERT_EQ(say_capacity(&f, LKSA, 12, NULL), VERDICT_ACCEPTED);
    ASSERT_EQ(say_capacity(&f, LKSA, 13, NULL), VERDICT_LATER);
    ASSERT_EQ(stored(&f, &after).capacity, 12);
    ASSERT_EQ(after, version + 2);
    /* A broker below that lets it through changes nothing here: it travels on, and that is all. */
    ASSERT_EQ(say_capacity(&f, LKSA, 14, "hub"), VERDICT_ACCEPTED);
    ASSERT_EQ(stored(&f, NULL).capacity, 12);
}

/* The ministry may have said otherwise since, and whoever brings it may have kept it for that. */
TEST(an_old_record_that_a_link_brings_changes_nothing) {
    FIXTURE(f);
    import_institution(&f);
    for (uint32_t days = 30; days <= 32; days += 2) {
        Message *m = record(&f, MINISTRY);
        m->facts.node.capacity = days;
        m->env.created_ms = f.now_ms - (int64_t)days * DAY_MS;
        StoreOp *op = link_op(m, "hub", "hub", f.now_ms);
        run(&f, op);
        ASSERT_EQ(op->accept.result.verdict, VERDICT_ACCEPTED);
        store_op_free(op);
        ASSERT_EQ(stored(&f, NULL).capacity, 30);
    }
}

TEST_MAIN
